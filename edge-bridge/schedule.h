/* schedule.h - when the link may be used: cron-like windows, in UTC.
 *
 * A window is "MINUTE HOUR DAY MONTH WEEKDAY DURATION", as in crontab(5): each of the first five is
 * *, a number, a range A-B, either with a step /N, or a list of those parted by commas; weekdays
 * are 0..7, Sunday is 0 and 7; when both DAY and WEEKDAY are restricted, either is enough. DURATION
 * is a number with s, m, h or d, at most 7d. Several windows are parted by ";". No window: always
 * open.
 *
 *   "0 2 * * * 90m"               every night at two, for an hour and a half
 *   "0,30 6-20 * * 1-5 2m; 0 3 1 * * 6h"
 *
 * A window that has begun lasts its time by the monotonic clock, whatever the wall clock does. One
 * that a jump of the wall clock leaps over begins at the jump; one that a jump repeats does not
 * begin again. One that passes while nobody looks (the machine was off) is gone. */
#ifndef HOLDFAST_EDGE_BRIDGE_SCHEDULE_H
#define HOLDFAST_EDGE_BRIDGE_SCHEDULE_H

#include "common/base/bytes.h"

enum { SCHEDULE_WINDOWS_MAX = 16, SCHEDULE_DURATION_S_MAX = 7 * 24 * 60 * 60 };

/* Bit i of a field: value i is in it. */
struct schedule_window {
    uint64_t minutes;
    uint32_t hours, days, months, weekdays;
    bool any_day, any_weekday; /* the field is * */
    uint32_t duration_s;
};

struct schedule {
    size_t count;
    struct schedule_window windows[SCHEDULE_WINDOWS_MAX];
};

/* Reads all windows of a setting. reason gets a clause on failure. Errors: ST_MALFORMED. */
MUST_USE enum status schedule_read(struct bytes text, struct schedule *out, struct buf *reason);

/* Where a process stands; begins with zero. */
struct schedule_state {
    int64_t last_start_ms; /* of the newest window that began, wall clock; 0: none */
    bool looked;
    int64_t looked_wall_ms; /* at the last look */
    uint64_t looked_mono_ms;
    uint64_t open_until_mono_ms; /* 0: closed */
};

/* Looks at the clocks: is the link open now? Call it at least every SCHEDULE_LOOK_MS. */
enum { SCHEDULE_LOOK_MS = 30000, SCHEDULE_JUMP_MS = 2000 };
bool schedule_look(const struct schedule *schedule, struct schedule_state *state, int64_t wall_ms,
                   uint64_t mono_ms);

/* The start of the first window after wall_ms, and its duration; INT64_MAX when there is none
 * within four years. */
int64_t schedule_next_start_ms(const struct schedule *schedule, int64_t wall_ms,
                               uint32_t *duration_s);

#endif
