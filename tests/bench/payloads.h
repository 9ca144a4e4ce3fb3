/* payloads.h - what the measurements hand in: reports of the scenario generator, or random bytes.
 *
 * Reports compress as real reports do; random bytes do not compress at all and contain no line end,
 * so that both can be handed in as lines. */
#ifndef HOLDFAST_TESTS_BENCH_PAYLOADS_H
#define HOLDFAST_TESTS_BENCH_PAYLOADS_H

#include "tests/demo/feeder.h"

struct payloads {
    struct payload *items;
    size_t count;
    uint8_t *memory;
};

/* kind: "json" or "random"; size bytes each, for json at least 256 (a report needs so many).
 * The caller closes it. False when the arguments are wrong or there is no memory. */
bool payloads_open(const char *kind, size_t count, size_t size, uint64_t seed,
                   struct payloads *out);
void payloads_close(struct payloads *payloads);

uint64_t bench_now_ns(void); /* monotonic */

#endif
