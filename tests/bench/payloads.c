/* payloads.c - payloads made once, before the clock runs. */
#include "tests/bench/payloads.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/rng.h"
#include "tests/demo/generator.h"

static bool fill_reports(struct payloads *payloads, size_t size, uint64_t seed)
{
    const struct generator_options options = {
        .stations = 3, .ships = 200, .seed = seed, .line_size = size};
    struct generator *generator = generator_open(&options);
    if (generator == NULL) return false;
    struct report report;
    bool fits = true;
    for (size_t i = 0; i < payloads->count && fits; i++) {
        generator_next(generator, &report);
        fits = report.size == size;
        memcpy(payloads->memory + i * size, report.line, fits ? size : 0);
        payloads->items[i].priority = report.priority;
    }
    generator_close(generator);
    return fits;
}

static void fill_random(struct payloads *payloads, size_t size, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    rng_fill(&rng, payloads->memory, payloads->count * size);
    for (size_t i = 0; i < payloads->count * size; i++) {
        if (payloads->memory[i] == '\n' || payloads->memory[i] == '\r') payloads->memory[i] = ' ';
    }
    for (size_t i = 0; i < payloads->count; i++)
        payloads->items[i].priority = 2;
}

bool payloads_open(const char *kind, size_t count, size_t size, uint64_t seed, struct payloads *out)
{
    *out = (struct payloads){.items = calloc(count, sizeof(struct payload)),
                             .count = count,
                             .memory = malloc(count * size)};
    const bool json = strcmp(kind, "json") == 0;
    bool good = out->items != NULL && out->memory != NULL && size > 0 &&
                (json || strcmp(kind, "random") == 0);
    if (good && json) good = fill_reports(out, size, seed);
    if (good && !json) fill_random(out, size, seed);
    for (size_t i = 0; good && i < count; i++) {
        out->items[i].bytes = bytes_of(out->memory + i * size, size);
    }
    if (!good) payloads_close(out);
    return good;
}

void payloads_close(struct payloads *payloads)
{
    free(payloads->items);
    free(payloads->memory);
    *payloads = (struct payloads){0};
}

uint64_t bench_now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}
