/* sim_clock.h - the clocks of one machine, all derived from the world's virtual time.
 *
 * The wall clock drifts and jumps, and may never have been synchronised; the monotonic clock counts
 * from the machine's boot and never jumps. A reboot gives a new boot id. */
#ifndef HOLDFAST_TESTS_SIM_SIM_CLOCK_H
#define HOLDFAST_TESTS_SIM_SIM_CLOCK_H

#include "common/base/rng.h"

enum { SIM_BOOT_ID_SIZE = 16 };
#define SIM_EPOCH_MS INT64_C(1795364400000) /* 2026-11-22T15:00:00Z: when every world begins */

#define SIM_UNTIL_2099_S INT64_C(2300000000)

struct sim_clock {
    int64_t drift_ppm;
    int64_t offset_ns; /* the sum of all jumps */
    uint64_t boot_ns;  /* virtual time of the boot */
    uint32_t uncertainty_ms;
    uint8_t boot_id[SIM_BOOT_ID_SIZE];
};

/* A machine that boots now. */
void sim_clock_boot(struct sim_clock *clock, struct rng *rng, uint64_t virtual_ns);
void sim_clock_jump(struct sim_clock *clock, int64_t by_ns);
int64_t sim_clock_wall_ns(const struct sim_clock *clock, uint64_t virtual_ns);
uint64_t sim_clock_mono_ns(const struct sim_clock *clock, uint64_t virtual_ns);
/* The virtual time of a reading of the monotonic clock; UINT64_MAX stays. */
uint64_t sim_clock_virtual_ns(const struct sim_clock *clock, uint64_t mono_ns);

#endif
