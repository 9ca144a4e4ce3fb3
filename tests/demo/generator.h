/* generator.h - a deterministic scenario of moving objects, one report at a time.
 *
 * Ships sail straight courses through a strait and turn at its shores; stations stand along it, and
 * each hears the ships within its range, so that many ships are heard by several stations. A report
 * is one JSON object in the schema of decoded AIS position reports:
 *   time_ms (receive time, ms since 1970 UTC), station, mmsi, type, lat, lon (degrees), sog_kn,
 *   cog_deg, heading_deg, nav_status (14: in distress), high_accuracy
 * The same options give the same bytes on every machine. */
#ifndef HOLDFAST_TESTS_DEMO_GENERATOR_H
#define HOLDFAST_TESTS_DEMO_GENERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GENERATOR_LINE_SIZE_MAX = 512 };

struct generator_options {
    unsigned stations; /* 1..1000 */
    unsigned ships;    /* 1..10000 */
    uint64_t seed;
    /* 0, or exactly so many bytes a line, at most GENERATOR_LINE_SIZE_MAX: a field "raw" with the
     * sentence as a receiver would hand it over (six-bit armoured, hardly compressible) fills it.
     */
    size_t line_size;
};

struct report {
    char line[GENERATOR_LINE_SIZE_MAX + 1]; /* without line end, NUL terminated */
    size_t size;
    int64_t time_ms;
    unsigned priority; /* 0 for a ship in distress, 2 under way, 4 at anchor or moored */
};

struct generator;

/* The caller closes the result; NULL when the options are out of bounds or there is no memory. */
struct generator *generator_open(const struct generator_options *options);
void generator_close(struct generator *generator); /* accepts NULL */
/* Reports in the order of their times, without end. */
void generator_next(struct generator *generator, struct report *out);
int64_t generator_start_ms(void);

#endif
