/* schedule.c - cron-like windows; see schedule.h. */
#include "edge-bridge/schedule.h"

#include <string.h>

enum {
    MS_PER_MINUTE = 60 * 1000,
    MINUTES_PER_DAY = 24 * 60,
    DAYS_LOOKED_AHEAD = 4 * 366 + 1, /* 29 February comes once in four years */
};

/* ---- Reading --------------------------------------------------------------------------------- */

struct cursor {
    struct bytes text;
    size_t at;
};

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static void skip_blanks(struct cursor *cursor)
{
    while (cursor->at < cursor->text.size && is_blank(cursor->text.data[cursor->at]))
        cursor->at++;
}

static bool take(struct cursor *cursor, char wanted)
{
    if (cursor->at >= cursor->text.size || cursor->text.data[cursor->at] != (uint8_t)wanted)
        return false;
    cursor->at++;
    return true;
}

static bool take_number(struct cursor *cursor, uint32_t max, uint32_t *out)
{
    const size_t start = cursor->at;
    uint32_t value = 0;
    for (; cursor->at < cursor->text.size; cursor->at++) {
        const uint8_t byte = cursor->text.data[cursor->at];
        if (byte < '0' || byte > '9') break;
        value = value * 10 + (uint32_t)(byte - '0');
        if (value > max) return false;
    }
    *out = value;
    return cursor->at > start;
}

struct field_rule {
    const char *name;
    uint32_t min, max;
};

enum { FIELD_MINUTE, FIELD_HOUR, FIELD_DAY, FIELD_MONTH, FIELD_WEEKDAY, FIELD_COUNT };

static const struct field_rule rules[FIELD_COUNT] = {
    [FIELD_MINUTE] = {"minute", 0, 59},  [FIELD_HOUR] = {"hour", 0, 23},
    [FIELD_DAY] = {"day", 1, 31},        [FIELD_MONTH] = {"month", 1, 12},
    [FIELD_WEEKDAY] = {"weekday", 0, 7},
};

/* One item of a list: *, N, A-B, each but N with an optional /STEP. */
static bool take_item(struct cursor *cursor, const struct field_rule *rule, uint64_t *bits)
{
    uint32_t from = rule->min, to = rule->max, step = 1;
    bool many = take(cursor, '*');
    if (!many) {
        if (!take_number(cursor, rule->max, &from) || from < rule->min) return false;
        to = from;
        many = take(cursor, '-');
        if (many && (!take_number(cursor, rule->max, &to) || to < from)) return false;
    }
    if (take(cursor, '/') && (!many || !take_number(cursor, rule->max, &step) || step == 0))
        return false;
    for (uint32_t value = from; value <= to; value += step)
        *bits |= UINT64_C(1) << value;
    return true;
}

static bool take_field(struct cursor *cursor, const struct field_rule *rule, uint64_t *bits,
                       bool *any)
{
    skip_blanks(cursor);
    const size_t start = cursor->at;
    *bits = 0;
    do {
        if (!take_item(cursor, rule, bits)) return false;
    } while (take(cursor, ','));
    *any = cursor->at - start == 1 && cursor->text.data[start] == '*';
    return cursor->at < cursor->text.size && is_blank(cursor->text.data[cursor->at]);
}

static bool take_duration(struct cursor *cursor, uint32_t *seconds)
{
    static const struct {
        char unit;
        uint32_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    uint32_t value;
    skip_blanks(cursor);
    if (!take_number(cursor, SCHEDULE_DURATION_S_MAX, &value)) return false;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (!take(cursor, units[i].unit)) continue;
        *seconds = value * units[i].seconds;
        return value > 0 && value <= SCHEDULE_DURATION_S_MAX / units[i].seconds;
    }
    return false;
}

static enum status read_window(struct cursor *cursor, struct schedule_window *out,
                               struct buf *reason)
{
    uint64_t bits[FIELD_COUNT];
    bool any[FIELD_COUNT];
    for (int field = 0; field < FIELD_COUNT; field++) {
        if (take_field(cursor, &rules[field], &bits[field], &any[field])) continue;
        buf_put_format(reason, "the %s of a window must be *, or numbers %u to %u as in crontab",
                       rules[field].name, (unsigned)rules[field].min, (unsigned)rules[field].max);
        return ST_MALFORMED;
    }
    if (!take_duration(cursor, &out->duration_s)) {
        buf_put_text(reason, "a window ends with its duration, such as 90m, at most 7d");
        return ST_MALFORMED;
    }
    out->minutes = bits[FIELD_MINUTE];
    out->hours = (uint32_t)bits[FIELD_HOUR];
    out->days = (uint32_t)bits[FIELD_DAY];
    out->months = (uint32_t)bits[FIELD_MONTH];
    out->weekdays = (uint32_t)bits[FIELD_WEEKDAY];
    if ((out->weekdays >> 7 & 1) != 0) out->weekdays |= 1; /* Sunday has two numbers */
    out->any_day = any[FIELD_DAY];
    out->any_weekday = any[FIELD_WEEKDAY];
    return ST_OK;
}

enum status schedule_read(struct bytes text, struct schedule *out, struct buf *reason)
{
    struct cursor cursor = {.text = text};
    memset(out, 0, sizeof(*out));
    skip_blanks(&cursor);
    while (cursor.at < text.size) {
        if (out->count == SCHEDULE_WINDOWS_MAX) {
            buf_put_format(reason, "there may be %d windows", (int)SCHEDULE_WINDOWS_MAX);
            return ST_MALFORMED;
        }
        TRY(read_window(&cursor, &out->windows[out->count], reason));
        out->count++;
        skip_blanks(&cursor);
        if (cursor.at == text.size) break;
        if (!take(&cursor, ';')) {
            buf_put_text(reason, "windows are parted by \";\"");
            return ST_MALFORMED;
        }
        skip_blanks(&cursor);
    }
    return ST_OK;
}

/* ---- Calendar -------------------------------------------------------------------------------- */

struct day {
    uint32_t day, month, weekday;
};

/* Proleptic Gregorian calendar from days since 1970-01-01, by eras of 400 years (Hinnant, "chrono-
 * compatible low-level date algorithms"). */
static struct day day_of(int64_t days)
{
    const int64_t shifted = days + 719468; /* since 0000-03-01 */
    const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    const int64_t of_era = shifted - era * 146097;
    const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    const int64_t march_month = (5 * of_year + 2) / 153;
    return (struct day){
        .day = (uint32_t)(of_year - (153 * march_month + 2) / 5 + 1),
        .month = (uint32_t)(march_month < 10 ? march_month + 3 : march_month - 9),
        .weekday = (uint32_t)((days % 7 + 11) % 7), /* 1970-01-01 was a Thursday */
    };
}

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0 ? 1 : 0);
}

static bool day_matches(const struct schedule_window *window, int64_t days)
{
    const struct day day = day_of(days);
    if ((window->months >> day.month & 1) == 0) return false;
    const bool by_day = (window->days >> day.day & 1) != 0;
    const bool by_weekday = (window->weekdays >> day.weekday & 1) != 0;
    if (window->any_day) return by_weekday;
    if (window->any_weekday) return by_day;
    return by_day || by_weekday;
}

static bool minute_matches(const struct schedule_window *window, int64_t minute_of_day)
{
    return (window->hours >> minute_of_day / 60 & 1) != 0 &&
           (window->minutes >> minute_of_day % 60 & 1) != 0;
}

/* The first start at or after `minute` (minutes since 1970), before `end`; INT64_MAX: none. */
static int64_t next_start(const struct schedule_window *window, int64_t minute, int64_t end)
{
    while (minute < end) {
        const int64_t days = floor_div(minute, MINUTES_PER_DAY);
        const int64_t tomorrow = (days + 1) * MINUTES_PER_DAY;
        if (day_matches(window, days)) {
            for (; minute < tomorrow && minute < end; minute++)
                if (minute_matches(window, minute - days * MINUTES_PER_DAY)) return minute;
        }
        minute = tomorrow;
    }
    return INT64_MAX;
}

/* The last start after `begin` and at or before `minute`; INT64_MIN: none. */
static int64_t last_start(const struct schedule_window *window, int64_t minute, int64_t begin)
{
    while (minute > begin) {
        const int64_t days = floor_div(minute, MINUTES_PER_DAY);
        const int64_t midnight = days * MINUTES_PER_DAY;
        if (day_matches(window, days)) {
            for (; minute >= midnight && minute > begin; minute--)
                if (minute_matches(window, minute - midnight)) return minute;
        }
        minute = midnight - 1;
    }
    return INT64_MIN;
}

int64_t schedule_next_start_ms(const struct schedule *schedule, int64_t wall_ms,
                               uint32_t *duration_s)
{
    const int64_t from = floor_div(wall_ms, MS_PER_MINUTE) + 1;
    int64_t best = INT64_MAX;
    *duration_s = 0;
    for (size_t i = 0; i < schedule->count; i++) {
        const int64_t end = from + (int64_t)DAYS_LOOKED_AHEAD * MINUTES_PER_DAY;
        const int64_t start = next_start(&schedule->windows[i], from, end < best ? end : best);
        if (start == INT64_MAX) continue;
        best = start;
        *duration_s = schedule->windows[i].duration_s;
    }
    return best == INT64_MAX ? INT64_MAX : best * MS_PER_MINUTE;
}

/* ---- Looking --------------------------------------------------------------------------------- */

static void begin(struct schedule_state *state, int64_t start_ms, uint64_t until_mono_ms)
{
    if (start_ms > state->last_start_ms) state->last_start_ms = start_ms;
    if (until_mono_ms > state->open_until_mono_ms) state->open_until_mono_ms = until_mono_ms;
}

/* Begins what has started since the window that began last. leapt_from_ms: where the wall clock was
 * before it jumped forward, else the present. */
static void begin_due(const struct schedule_window *window, struct schedule_state *state,
                      int64_t newest_began_ms, int64_t wall_ms, int64_t leapt_from_ms,
                      uint64_t mono_ms)
{
    const int64_t duration_ms = (int64_t)window->duration_s * 1000;
    const int64_t now = floor_div(wall_ms, MS_PER_MINUTE);
    /* Windows that began earlier than this are over, unless they were leapt over. */
    int64_t begin_ms = wall_ms - duration_ms;
    if (leapt_from_ms < begin_ms) begin_ms = leapt_from_ms;
    if (newest_began_ms > begin_ms) begin_ms = newest_began_ms;
    /* A jump of more than the longest window is looked over only that far back. */
    const int64_t oldest_ms = wall_ms - (int64_t)DAYS_LOOKED_AHEAD * 24 * 3600 * 1000;
    if (begin_ms < oldest_ms) begin_ms = oldest_ms;
    const int64_t start = last_start(window, now, floor_div(begin_ms, MS_PER_MINUTE));
    if (start == INT64_MIN) return;
    const int64_t start_ms = start * MS_PER_MINUTE;
    const bool leapt = leapt_from_ms < wall_ms && start_ms > leapt_from_ms;
    const int64_t left_ms = leapt ? duration_ms : start_ms + duration_ms - wall_ms;
    if (left_ms > 0) begin(state, start_ms, mono_ms + (uint64_t)left_ms);
}

bool schedule_look(const struct schedule *schedule, struct schedule_state *state, int64_t wall_ms,
                   uint64_t mono_ms)
{
    if (schedule->count == 0) return true;
    int64_t leapt_from_ms = wall_ms;
    if (state->looked && mono_ms >= state->looked_mono_ms) {
        const int64_t expected_ms =
            state->looked_wall_ms + (int64_t)(mono_ms - state->looked_mono_ms);
        if (wall_ms - expected_ms > SCHEDULE_JUMP_MS) leapt_from_ms = expected_ms;
    }
    /* A process that starts within a window goes on with it. */
    const int64_t newest_began_ms = state->looked ? state->last_start_ms : 0;
    for (size_t i = 0; i < schedule->count; i++)
        begin_due(&schedule->windows[i], state, newest_began_ms, wall_ms, leapt_from_ms, mono_ms);
    state->looked = true;
    state->looked_wall_ms = wall_ms;
    state->looked_mono_ms = mono_ms;
    if (mono_ms < state->open_until_mono_ms) return true;
    state->open_until_mono_ms = 0;
    return false;
}
