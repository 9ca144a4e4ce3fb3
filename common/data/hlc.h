/* hlc.h - hybrid logical clock (Kulkarni, Demirbas et al. 2014) in one u64: unix milliseconds << 16
 * | counter. The counter carries into the milliseconds by plain addition, so there is no overflow
 * branch. Stamps of one clock strictly increase over clock steps and, because a limit ahead is
 * persisted before any stamp below it is given out, over restarts.
 *
 * The owner persists `limit` whenever hlc_limit_due says so, in the same transaction as the stamps.
 */
#ifndef HOLDFAST_COMMON_DATA_HLC_H
#define HOLDFAST_COMMON_DATA_HLC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/check.h"
#include "common/base/status.h"

enum {
    HLC_LIMIT_AHEAD_MS = 1000,
    HLC_EPS_MIN_MS = 2000,
    HLC_EPS_MAX_MS = 300000,
    HLC_DRIFT_PPM = 200,
};

/* The greatest stamp that is ever taken from outside (in the year 6429). Half of the u64 stays
 * above it, so that counting on can never wrap around. */
#define HLC_STAMP_MAX ((UINT64_C(1) << 63) - 1)

struct hlc {
    uint64_t last;  /* greatest stamp given out or received */
    uint64_t limit; /* durable: after a restart no stamp at or below it is given out */
};

/* The clock after a restart with the stored limit; 0 for a new one. A stored limit near UINT64_MAX
 * cannot be ours (see HLC_STAMP_MAX): the owner refuses such a store before it comes here. */
struct hlc hlc_restore(uint64_t limit);

/* The next stamp, max(last + 1, wall_ms << 16). wall_ms may be anything: a negative or small one is
 * as good as none, one beyond HLC_STAMP_MAX counts as that. */
uint64_t hlc_now(struct hlc *clock, int64_t wall_ms);

/* Take notice of a remote stamp. Errors: ST_FUTURE when its milliseconds are more than eps_ms ahead
 * of wall_ms, or, whatever eps_ms is, when it is beyond HLC_STAMP_MAX; the clock is untouched then.
 * eps_ms UINT64_MAX: no wall clock to judge by. */
MUST_USE enum status hlc_receive(struct hlc *clock, int64_t wall_ms, uint64_t eps_ms,
                                 uint64_t remote);

/* True when last has reached limit: persist hlc_raise_limit()'s value before the stamp is seen. */
bool hlc_limit_due(const struct hlc *clock);
uint64_t hlc_raise_limit(struct hlc *clock);

/* clamp(2 s + 200 ppm of the time since the last clock synchronisation, 2 s, 300 s), in ms. */
uint64_t hlc_eps_ms(uint64_t since_synchronised_ms);

static inline int64_t hlc_ms(uint64_t stamp)
{
    return (int64_t)(stamp >> 16);
}

#endif
