/* bench_tracks_main.c - how fast tracks are joined, and how many bytes they take on the wire.
 *
 *   bench_tracks [--tracks N] [--seconds S]
 * Makes N ships as several stations see them, joins batches of them over and over on one core, and
 * prints for one to four writers a track
 *   writers W joins_per_second J changed_joins_per_second C bytes_per_track B
 * where a join is decoding a stored state, joining it with a received one and encoding the result
 * when it changed; "changed": every join changes something. Bytes are those of a batch's body of
 * about 32 KiB, before compression and signature, over its tracks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/rng.h"
#include "common/data/track_codec.h"
#include "common/wire/track_msg.h"

enum { BODY_TARGET = 32 * 1024, WRITERS_MAX = 4, STATE_SIZE_MAX = 2048 };

#define BASE_MS UINT64_C(1795000000000)

struct stored {
    uint32_t size;
    uint8_t bytes[STATE_SIZE_MAX];
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_tracks: %s\n", what);
    exit(1);
}

static void *memory(size_t count, size_t size)
{
    void *const out = calloc(count, size);
    if (out == NULL) die("out of memory");
    return out;
}

static struct track_label label_of(const char *text)
{
    struct track_label label;
    if (track_label_from(bytes_of_text(text), &label) != ST_OK) die("label");
    return label;
}

/* One station's report of a ship: position, class and the station's own sensor. */
static void observe(struct track *track, struct rng *rng, unsigned station, uint64_t stamp)
{
    static const char *const classes[] = {"cargo", "tanker", "fishing", "passenger"};
    struct track_writer writer = {.incarnation = 7 + station};
    char sensor[24];
    snprintf(writer.node.text, sizeof writer.node.text, "bs-%u", 219006 + station);
    snprintf(sensor, sizeof sensor, "ais-%u", station);
    const struct track_observation observation = {
        .has_position = true,
        .has_classification = true,
        .has_sensor = true,
        .position_confidence = rng_below(rng, 2) == 0 ? 9000 : 6000,
        .classification_confidence = 5000,
        .position = {.latitude_e7 = 550000000 + (int32_t)rng_below(rng, 20000000),
                     .longitude_e7 = 100000000 + (int32_t)rng_below(rng, 20000000)},
        .classification = label_of(classes[rng_below(rng, COUNT_OF(classes))]),
        .sensor = label_of(sensor),
    };
    if (track_observe(track, &writer, stamp, 0, &observation) != ST_OK) die("observe");
}

/* The track as `writers` stations see it without knowing of each other. */
static void make_track(struct track *track, struct track *scratch, struct rng *rng,
                       unsigned writers, uint64_t stamp)
{
    track_init(track);
    for (unsigned i = 0; i < writers; i++) {
        track_init(scratch);
        observe(scratch, rng, i, stamp + (rng_below(rng, 2000) << 16));
        (void)track_join(track, scratch, 0);
    }
}

static void store(struct stored *out, const struct track *track)
{
    struct buf buf = buf_of(out->bytes, sizeof out->bytes);
    track_encode(track, &buf);
    if (!buf_ok(&buf)) die("state too large");
    out->size = (uint32_t)buf.size;
}

static void load(const struct stored *from, struct track *track)
{
    if (track_decode(bytes_of(from->bytes, from->size), track) != ST_OK) die("decode");
}

static double bytes_per_track(const struct stored *states, size_t count, struct track *track)
{
    static uint8_t records[BODY_SIZE_MAX], body[BODY_SIZE_MAX];
    struct track_batch_writer *const writer = memory(1, sizeof *writer);
    size_t bytes = 0, tracks = 0;
    for (size_t i = 0; i < count;) {
        track_batch_begin(writer, BASE_MS + 3000, records, sizeof records);
        for (; i < count; i++) {
            struct level_name name = {0};
            snprintf(name.text, sizeof name.text, "mmsi-%zu", 219000000 + i * 37);
            load(&states[i], track);
            if (track_batch_add(writer, &name, track, BODY_TARGET) != ST_OK) break;
        }
        struct buf out = buf_of(body, sizeof body);
        track_msg_encode(&(struct track_batch_head){.to_change = i}, writer, &out);
        if (!buf_ok(&out) || writer->track_count == 0) die("batch");
        bytes += out.size;
        tracks += writer->track_count;
    }
    free(writer);
    return (double)bytes / (double)tracks;
}

/* changed: the received states are newer, so each join changes the stored one. */
static double joins_per_second(struct stored *states, const struct track *received, size_t count,
                               double seconds, bool changed, struct track *track)
{
    const double began = now_s();
    double took;
    uint64_t joins = 0, outcome = 0;
    struct stored fresh;
    do {
        for (size_t i = 0; i < count; i++) {
            load(&states[i], track);
            const unsigned flags = track_join(track, &received[i], 0);
            outcome += flags & TRACK_JOIN_CHANGED;
            if ((flags & TRACK_JOIN_CHANGED) != 0) store(&fresh, track);
        }
        joins += count;
        took = now_s() - began;
    } while (took < seconds);
    if ((outcome > 0) != changed) die("a join did something else than it should");
    return (double)joins / took;
}

static void measure(unsigned writers, size_t count, double seconds)
{
    struct rng rng;
    struct stored *const states = memory(count, sizeof *states);
    struct track *const same = memory(count, sizeof *same);
    struct track *const newer = memory(count, sizeof *newer);
    struct track *const track = memory(1, sizeof *track);
    struct track *const scratch = memory(1, sizeof *scratch);
    rng_seed(&rng, writers);
    for (size_t i = 0; i < count; i++) {
        make_track(track, scratch, &rng, writers, BASE_MS << 16);
        store(&states[i], track);
        track_copy(&same[i], track);
        track_copy(&newer[i], track);
        observe(&newer[i], &rng, 0, (BASE_MS + 2500) << 16);
    }
    const double plain = joins_per_second(states, same, count, seconds, false, track);
    const double changed = joins_per_second(states, newer, count, seconds, true, track);
    printf("writers %u joins_per_second %.0f changed_joins_per_second %.0f bytes_per_track %.1f\n",
           writers, plain, changed, bytes_per_track(states, count, track));
    free(states);
    free(same);
    free(newer);
    free(track);
    free(scratch);
}

int main(int argc, char **argv)
{
    size_t count = 1000;
    double seconds = 0.5;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--tracks") == 0) count = strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seconds") == 0) seconds = strtod(argv[i + 1], NULL);
    }
    for (unsigned writers = 1; writers <= WRITERS_MAX; writers++)
        measure(writers, count, seconds);
    return 0;
}
