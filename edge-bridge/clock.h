/* clock.h - the node's idea of the time, and its healing when that was wrong.
 *
 * Stamps come from one hybrid logical clock (common/data/hlc.h) that is fed the corrected wall
 * clock: the operating system's plus an offset that the cloud's fresh word gave. From then on a
 * jump of the wall clock (seen against the monotonic one) moves the offset, not the time, until the
 * next hello measures anew. A wall clock before CLOCK_EARLIEST_MS was never set: until a time is
 * known, stamps only count on (last + 1), and no stamp from the cloud is called future.
 *
 * The cloud's time is believed only in frames that echo this connection's nonce. When the clock
 * turns out to have been wrong by more than eps (and by more than stamps that the cloud has taken
 * from others and passed on):
 *   ahead   the evidence log ends with CLOCK and CLOSE, the clock goes back to
 *           max(cloud's time, greatest stamp the cloud has admitted), a new log begins, and all
 *           own stamps above that, of config writes and tracks, are given anew (design 3.5 a-d)
 *   unknown the stamps given while no time was known are given anew; evidence goes on, its stamps
 *           only grow
 * A new stamp tells, as far as this boot's monotonic clock remembers, when the write was really
 * made, so that an honest write made later elsewhere still wins. Evidence is never stamped anew. */
#ifndef HOLDFAST_EDGE_BRIDGE_CLOCK_H
#define HOLDFAST_EDGE_BRIDGE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/port/effect.h"

struct edge;

struct clock {
    bool known;                    /* the wall clock was set, or the cloud told the time */
    bool from_cloud;               /* the offset was measured */
    int64_t offset_ms;             /* corrected = wall + offset */
    uint64_t synchronised_mono_ns; /* last time it was measured; 0: never in this process */
    bool has_seen;                 /* of the wall clock against the monotonic one */
    int64_t seen_difference_ns;    /* wall_ns - mono_ns at the last step */
    uint64_t unknown_above; /* stamps above were given while no time was known; UINT64_MAX: none
                                  * were. Durable */
    uint64_t cloud_stamp;   /* of the cloud's frame at hand, not below anything it has taken */
    uint64_t admitted;      /* greatest own stamp that the cloud took, as it said last */
    uint64_t heal_count;    /* since the start of this process */
};

#define CLOCK_NO_STAMP UINT64_MAX

enum {
    CLOCK_ROUND_TRIP_MS_MAX = 30 * 1000, /* a slower answer tells too little about now */
};

/* When something was done, for stamping it anew: the monotonic clock means something only within
 * one boot. */
struct done_at {
    uint64_t mono_ms;
    uint32_t boot; /* log.boot_count */
};

MUST_USE enum status clock_open(struct edge *edge);
/* First thing of every step: watches for jumps. */
MUST_USE enum status clock_tick(struct edge *edge);
/* Corrected unix milliseconds; when no time is known the least value that hlc_now takes (0). */
int64_t clock_wall_ms(const struct edge *edge);
/* Takes notice of a stamp that the cloud has taken. It allows a node that was long away more than
 * our own eps, up to HLC_EPS_MAX_MS, so this does too. Errors: ST_FUTURE. */
MUST_USE enum status clock_receive(struct edge *edge, uint64_t stamp);
struct done_at clock_done_at(const struct edge *edge);
/* The stamp for something done then that shall be stamped anew: as near as can be told to when it
 * was done (for what an earlier boot did: when this one began), strictly above `floor`, and
 * remembered by the clock like any other. */
MUST_USE enum status clock_stamp_again(struct edge *edge, const struct done_at *when,
                                       uint64_t floor, uint64_t *stamp);
/* Would clock_receive take it? */
bool clock_is_lawful(const struct edge *edge, uint64_t stamp);
/* The cloud's fresh word: cloud_ms was its clock after sent_mono_ns of ours; admitted is the
 * greatest stamp of ours that it took. clock.cloud_stamp is that of the frame that says so. Sets
 * the offset and heals when it must. A cloud that does not know the time itself (before
 * CLOCK_EARLIEST_MS) is not believed. */
MUST_USE enum status clock_heard(struct edge *edge, int64_t cloud_ms, uint64_t sent_mono_ns,
                                 uint64_t admitted);
/* The verb "clock": one RECORD. */
MUST_USE enum status clock_verb(struct edge *edge, uint32_t client, struct effects *effects);

#endif
