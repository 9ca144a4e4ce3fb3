/* hlc.c - hybrid logical clock. */
#include "common/data/hlc.h"

static const uint64_t ms_max = HLC_STAMP_MAX >> 16;

static uint64_t clamp_wall_ms(int64_t wall_ms)
{
    if (wall_ms < 0) return 0;
    return (uint64_t)wall_ms > ms_max ? ms_max : (uint64_t)wall_ms;
}

struct hlc hlc_restore(uint64_t limit)
{
    /* Every stamp given out before was at or below the limit, so going on from it repeats none. */
    return (struct hlc){.last = limit, .limit = limit};
}

uint64_t hlc_now(struct hlc *clock, int64_t wall_ms)
{
    const uint64_t wall = clamp_wall_ms(wall_ms) << 16;
    INVARIANT(clock->last < UINT64_MAX);
    clock->last = wall > clock->last ? wall : clock->last + 1;
    return clock->last;
}

enum status hlc_receive(struct hlc *clock, int64_t wall_ms, uint64_t eps_ms, uint64_t remote)
{
    if (remote > HLC_STAMP_MAX) return ST_FUTURE;
    const uint64_t wall = clamp_wall_ms(wall_ms);
    const uint64_t remote_ms = remote >> 16;
    /* A difference instead of a sum, so that eps_ms may be UINT64_MAX. */
    if (remote_ms > wall && remote_ms - wall > eps_ms) return ST_FUTURE;
    if (remote > clock->last) clock->last = remote;
    return ST_OK;
}

bool hlc_limit_due(const struct hlc *clock)
{
    return clock->last >= clock->limit;
}

uint64_t hlc_raise_limit(struct hlc *clock)
{
    clock->limit = clock->last + ((uint64_t)HLC_LIMIT_AHEAD_MS << 16);
    return clock->limit;
}

uint64_t hlc_eps_ms(uint64_t since_synchronised_ms)
{
    const uint64_t eps_ms = HLC_EPS_MIN_MS + since_synchronised_ms / (1000000 / HLC_DRIFT_PPM);
    return eps_ms > HLC_EPS_MAX_MS ? HLC_EPS_MAX_MS : eps_ms;
}
