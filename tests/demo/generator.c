/* generator.c - ships on straight courses, heard by stations within range. */
#include "tests/demo/generator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"

/* Positions are micro degrees and speeds micro degrees a second, in integers, so that the same seed
 * gives the same bytes with every compiler and libm. */
enum {
    LAT_MIN = 54500000,
    LAT_MAX = 58000000,
    LON_MIN = 10000000,
    LON_MAX = 13000000,
    RANGE_UDEG = 900000, /* about 100 km of latitude */
    REPORT_INTERVAL_MIN_S = 2,
    REPORT_INTERVAL_SPREAD = 9,
};
static const int64_t START_MS = 1276256770000; /* 2010-06-11 11:46:10 UTC */

struct ship {
    uint32_t mmsi;
    int64_t lat, lon, lat_speed, lon_speed;
    unsigned sog_dkn, cog_ddeg; /* tenths of a knot, of a degree */
    unsigned nav_status, type;
    bool high_accuracy;
    int64_t next_s, interval_s;
};

struct station {
    char name[32];
    int64_t lat, lon;
};

struct heard {
    int64_t time_ms;
    unsigned station, ship;
};

struct generator {
    struct generator_options options;
    struct rng rng;
    struct ship *ships;
    struct station *stations;
    struct heard *heard; /* of the second `second`, in order */
    size_t heard_count, heard_next;
    int64_t second;
};

/* Unit vectors of 16 courses in thousandths: north, then clockwise. */
static const int COURSE_NORTH[16] = {1000,  924,  707,  383,  0, -383, -707, -924,
                                     -1000, -924, -707, -383, 0, 383,  707,  924};
static const int COURSE_EAST[16] = {0, 383,  707,  924,  1000,  924,  707,  383,
                                    0, -383, -707, -924, -1000, -924, -707, -383};

static void ship_start(struct generator *generator, unsigned index)
{
    struct ship *ship = &generator->ships[index];
    struct rng *rng = &generator->rng;
    const unsigned course = (unsigned)rng_below(rng, 16);
    *ship = (struct ship){.mmsi = 219000000u + index * 37u,
                          .lat = LAT_MIN + (int64_t)rng_below(rng, LAT_MAX - LAT_MIN),
                          .lon = LON_MIN + (int64_t)rng_below(rng, LON_MAX - LON_MIN),
                          .type = rng_chance(rng, 100) ? 18 : 1 + (unsigned)rng_below(rng, 3),
                          .high_accuracy = rng_chance(rng, 250),
                          .sog_dkn = 20 + (unsigned)rng_below(rng, 200),
                          .cog_ddeg = course * 225,
                          .interval_s = REPORT_INTERVAL_MIN_S +
                                        (int64_t)rng_below(rng, REPORT_INTERVAL_SPREAD)};
    if (rng_chance(rng, 200)) {
        ship->nav_status = rng_chance(rng, 500) ? 1 : 5;
        ship->sog_dkn = 0;
    }
    /* The seventh ship of every hundred calls for help. */
    if (index % 100 == 6) ship->nav_status = 14;
    /* One knot is 4.63 micro degrees of latitude a second. */
    ship->lat_speed = (int64_t)ship->sog_dkn * 463 * COURSE_NORTH[course] / 1000000;
    ship->lon_speed = (int64_t)ship->sog_dkn * 823 * COURSE_EAST[course] / 1000000;
    ship->next_s = (int64_t)rng_below(rng, (uint64_t)ship->interval_s);
}

static void station_start(struct generator *generator, unsigned index)
{
    struct station *station = &generator->stations[index];
    const int64_t count = generator->options.stations;
    snprintf(station->name, sizeof(station->name), "station-%u", index + 1);
    station->lat = LAT_MIN + (LAT_MAX - LAT_MIN) * (2 * (int64_t)index + 1) / (2 * count);
    station->lon = index % 2 == 0 ? LON_MIN + 1000000 : LON_MAX - 1000000;
}

static bool hears(const struct station *station, const struct ship *ship)
{
    const int64_t north = ship->lat - station->lat;
    const int64_t east = (ship->lon - station->lon) * 56 / 100; /* cosine of 56 degrees */
    return north * north + east * east <= (int64_t)RANGE_UDEG * RANGE_UDEG;
}

static void ship_move(struct ship *ship, int64_t seconds)
{
    ship->lat += ship->lat_speed * seconds;
    ship->lon += ship->lon_speed * seconds;
    if (ship->lat < LAT_MIN || ship->lat > LAT_MAX) {
        ship->lat_speed = -ship->lat_speed;
        ship->lat += 2 * ship->lat_speed * seconds;
        ship->cog_ddeg = (5400 - ship->cog_ddeg) % 3600;
    }
    if (ship->lon < LON_MIN || ship->lon > LON_MAX) {
        ship->lon_speed = -ship->lon_speed;
        ship->lon += 2 * ship->lon_speed * seconds;
        ship->cog_ddeg = (3600 - ship->cog_ddeg) % 3600;
    }
}

static int compare_heard(const void *a, const void *b)
{
    const struct heard *x = a, *y = b;
    if (x->time_ms != y->time_ms) return x->time_ms < y->time_ms ? -1 : 1;
    if (x->station != y->station) return x->station < y->station ? -1 : 1;
    return x->ship < y->ship ? -1 : x->ship > y->ship;
}

/* All that is heard in the next second in which anything is heard. */
static void next_second(struct generator *generator)
{
    generator->heard_count = 0;
    generator->heard_next = 0;
    while (generator->heard_count == 0) {
        generator->second++;
        for (unsigned i = 0; i < generator->options.ships; i++) {
            struct ship *ship = &generator->ships[i];
            if (ship->next_s > generator->second) continue;
            ship_move(ship, ship->interval_s);
            ship->next_s += ship->interval_s;
            const int64_t sent_ms =
                generator->second * 1000 + (int64_t)rng_below(&generator->rng, 900);
            for (unsigned s = 0; s < generator->options.stations; s++) {
                if (!hears(&generator->stations[s], ship)) continue;
                generator->heard[generator->heard_count++] = (struct heard){
                    START_MS + sent_ms + (int64_t)rng_below(&generator->rng, 100), s, i};
            }
        }
    }
    qsort(generator->heard, generator->heard_count, sizeof(struct heard), compare_heard);
}

static void write_raw(struct generator *generator, struct report *report)
{
    static const char ARMOUR[] = "0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVW`abcdefghijklmnopqrstuvw";
    static const char HEAD[] = ", \"raw\": \"!AIVDM,1,1,,A,", TAIL[] = "\"}";
    const size_t wanted = generator->options.line_size;
    size_t at = report->size - 1; /* over the closing brace */
    if (wanted < at + sizeof(HEAD) + sizeof(TAIL)) return;
    memcpy(report->line + at, HEAD, sizeof(HEAD) - 1);
    at += sizeof(HEAD) - 1;
    while (at < wanted - (sizeof(TAIL) - 1)) {
        report->line[at++] = ARMOUR[rng_below(&generator->rng, 64)];
    }
    memcpy(report->line + at, TAIL, sizeof(TAIL));
    report->size = wanted;
}

void generator_next(struct generator *generator, struct report *out)
{
    if (generator->heard_next == generator->heard_count) next_second(generator);
    const struct heard *heard = &generator->heard[generator->heard_next++];
    const struct ship *ship = &generator->ships[heard->ship];
    out->time_ms = heard->time_ms;
    out->priority = ship->nav_status == 14 ? 0 : ship->nav_status == 0 ? 2 : 4;
    out->size = (size_t)snprintf(
        out->line, sizeof(out->line),
        "{\"time_ms\": %lld, \"station\": \"%s\", \"mmsi\": %u, \"type\": %u, \"lat\": "
        "%lld.%06lld, "
        "\"lon\": %lld.%06lld, \"sog_kn\": %u.%u, \"cog_deg\": %u.%u, \"heading_deg\": %u, "
        "\"nav_status\": %u, \"high_accuracy\": %s}",
        (long long)heard->time_ms, generator->stations[heard->station].name, ship->mmsi, ship->type,
        (long long)(ship->lat / 1000000), (long long)(ship->lat % 1000000),
        (long long)(ship->lon / 1000000), (long long)(ship->lon % 1000000), ship->sog_dkn / 10,
        ship->sog_dkn % 10, ship->cog_ddeg / 10, ship->cog_ddeg % 10, ship->cog_ddeg / 10,
        ship->nav_status, ship->high_accuracy ? "true" : "false");
    if (generator->options.line_size > 0) write_raw(generator, out);
}

struct generator *generator_open(const struct generator_options *options)
{
    if (options->stations < 1 || options->stations > 1000 || options->ships < 1 ||
        options->ships > 10000 || options->line_size > GENERATOR_LINE_SIZE_MAX) {
        return NULL;
    }
    struct generator *generator = calloc(1, sizeof(*generator));
    if (generator == NULL) return NULL;
    generator->options = *options;
    generator->ships = calloc(options->ships, sizeof(struct ship));
    generator->stations = calloc(options->stations, sizeof(struct station));
    generator->heard = calloc((size_t)options->ships * options->stations, sizeof(struct heard));
    if (generator->ships == NULL || generator->stations == NULL || generator->heard == NULL) {
        generator_close(generator);
        return NULL;
    }
    rng_seed(&generator->rng, options->seed);
    for (unsigned i = 0; i < options->stations; i++)
        station_start(generator, i);
    for (unsigned i = 0; i < options->ships; i++)
        ship_start(generator, i);
    return generator;
}

void generator_close(struct generator *generator)
{
    if (generator == NULL) return;
    free(generator->ships);
    free(generator->stations);
    free(generator->heard);
    free(generator);
}

int64_t generator_start_ms(void)
{
    return START_MS;
}
