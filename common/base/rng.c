/* rng.c - xoshiro256** seeded by splitmix64 (both by Vigna, in the public domain). */
#include "common/base/rng.h"

#include <string.h>

#include "common/base/check.h"

static uint64_t rotate_left(uint64_t value, unsigned count)
{
    return value << count | value >> (64 - count);
}

static uint64_t splitmix64(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t mixed = *state;
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ mixed >> 31;
}

void rng_seed(struct rng *rng, uint64_t seed)
{
    for (size_t i = 0; i < COUNT_OF(rng->state); i++) {
        rng->state[i] = splitmix64(&seed);
    }
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t *const state = rng->state;
    const uint64_t result = rotate_left(state[1] * 5, 7) * 9;
    const uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t limit)
{
    INVARIANT(limit > 0);
    /* 2^64 mod limit values at the bottom would make the low results a little likelier. */
    const uint64_t biased_count = (0 - limit) % limit;
    uint64_t drawn = rng_next(rng);
    while (drawn < biased_count) {
        drawn = rng_next(rng);
    }
    return drawn % limit;
}

bool rng_chance(struct rng *rng, unsigned per_mille)
{
    return rng_below(rng, 1000) < per_mille;
}

void rng_fill(struct rng *rng, void *out, size_t size)
{
    uint8_t *to = out;
    while (size > 0) {
        uint64_t drawn = rng_next(rng);
        /* Byte by byte, so that a seed gives the same bytes on every machine. */
        for (unsigned i = 0; i < sizeof drawn && size > 0; i++, size--) {
            *to++ = (uint8_t)drawn;
            drawn >>= 8;
        }
    }
}
