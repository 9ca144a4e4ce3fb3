/* sim_clock.c - the clocks of one machine, all derived from the world's virtual time. */
#include "tests/sim/sim_clock.h"

/* A machine needs some seconds until its daemons start, so that monotonic time is never zero. */
#define BOOT_AGE_NS UINT64_C(3000000000)

void sim_clock_boot(struct sim_clock *clock, struct rng *rng, uint64_t virtual_ns)
{
    clock->boot_ns = virtual_ns;
    rng_fill(rng, clock->boot_id, sizeof(clock->boot_id));
}

void sim_clock_jump(struct sim_clock *clock, int64_t by_ns)
{
    clock->offset_ns += by_ns;
}

int64_t sim_clock_wall_ns(const struct sim_clock *clock, uint64_t virtual_ns)
{
    const int64_t drift = (int64_t)(virtual_ns / 1000000) * clock->drift_ppm;
    return SIM_EPOCH_MS * 1000000 + (int64_t)virtual_ns + drift + clock->offset_ns;
}

uint64_t sim_clock_mono_ns(const struct sim_clock *clock, uint64_t virtual_ns)
{
    return virtual_ns - clock->boot_ns + BOOT_AGE_NS;
}

uint64_t sim_clock_virtual_ns(const struct sim_clock *clock, uint64_t mono_ns)
{
    if (mono_ns > UINT64_MAX - clock->boot_ns) return UINT64_MAX;
    if (mono_ns < BOOT_AGE_NS) return clock->boot_ns;
    return mono_ns - BOOT_AGE_NS + clock->boot_ns;
}
