/* rng.h - a small seeded generator (xoshiro256**, Blackman and Vigna 2018) for jitter and for the
 * simulator. Never for keys, log ids or nonces: those come from the port's random source. */
#ifndef HOLDFAST_COMMON_BASE_RNG_H
#define HOLDFAST_COMMON_BASE_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t state[4];
};

/* Seeds through splitmix64, so that every seed, 0 too, gives a good state. */
void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
/* Uniform in 0 … limit - 1; limit > 0. */
uint64_t rng_below(struct rng *rng, uint64_t limit);
/* True in per_mille of 1,000 cases. */
bool rng_chance(struct rng *rng, unsigned per_mille);
void rng_fill(struct rng *rng, void *out, size_t size);

#endif
