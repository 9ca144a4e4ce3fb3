/* bench_chunker_main.c - how fast files are cut into chunks, and what a new version of one costs.
 *
 *   bench_chunker [--bytes N] [--seconds S]
 * Cuts N random bytes (default 100,000,000) over and over on one core, whole and in pieces of
 * 64 KiB, and prints
 *   cut_bytes_per_second C pieces_bytes_per_second P hashed_bytes_per_second H
 *     chunks K mean_bytes M
 * where "hashed" is cutting and the SHA-256 of each chunk. Then, for changes to the file,
 *   change WORD changed_bytes C chunk_bytes F list_bytes L manifest_bytes M
 *     sum_bytes S over_change R bar_bytes B
 * F is the size of all chunks that the old version has not, L that of the blocks of the chunk list
 * that it has not, M the new manifest's frame; S = F + L + M, without the frames around chunks;
 * R = S / C; B = 1.15 C + 1 % of the file's size. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/rng.h"
#include "common/data/chunker.h"
#include "common/data/model.h"
#include "common/wire/model_msg.h"

enum { PIECE_SIZE = 64 * 1024, RUN_COUNT = 16, SCATTER_SIZE = 64, INSERTED_SIZE = 64 * 1024 };

/* A file and how it is cut. */
struct version {
    uint8_t *data;
    size_t size;
    struct model_chunk *chunks;
    size_t chunk_count;
    struct digest lists[MODEL_LISTS_MAX];
    uint32_t list_sizes[MODEL_LISTS_MAX];
    size_t list_count;
};

static struct chunker chunker;
static struct hasher *hasher;
static volatile size_t ends_seen; /* so that no cutting is optimised away */

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_chunker: %s\n", what);
    exit(1);
}

static void *memory(size_t count, size_t size)
{
    void *const out = calloc(count, size);
    if (out == NULL) die("out of memory");
    return out;
}

/* ------------------------------------------------------------------ speed */

static void cut(struct bytes file, size_t piece_size, bool hashes)
{
    struct bytes taken;
    size_t ends = 0;
    chunker_restart(&chunker);
    if (hashes) hasher_begin(hasher);
    while (file.size > 0) {
        const size_t size = file.size < piece_size ? file.size : piece_size;
        struct bytes piece = bytes_of(file.data, size);
        file = bytes_from(file, size);
        while (piece.size > 0) {
            const bool ended = chunker_take(&chunker, &piece, &taken);
            if (hashes) hasher_add(hasher, taken);
            if (!ended) continue;
            ends++;
            if (!hashes) continue;
            ends_seen += hasher_end(hasher).bytes[0];
            hasher_begin(hasher);
        }
    }
    ends_seen += ends;
}

/* The best of many rounds: the machine is not ours alone. */
static double bytes_per_second(struct bytes file, size_t piece_size, bool hashes, double seconds)
{
    double best = 0;
    const double until = now_s() + seconds;
    do {
        const double began = now_s();
        cut(file, piece_size, hashes);
        const double rate = (double)file.size / (now_s() - began);
        if (rate > best) best = rate;
    } while (now_s() < until);
    return best;
}

/* ------------------------------------------------------------------- cost */

static void end_list(struct version *version, struct buf *list)
{
    if (!buf_ok(list) || version->list_count == MODEL_LISTS_MAX) die("list");
    version->lists[version->list_count] = hasher_of(hasher, buf_bytes(list));
    version->list_sizes[version->list_count++] = (uint32_t)list->size;
    list->size = 0;
}

static void add_chunk(struct version *version, struct bytes bytes, struct buf *list)
{
    struct model_chunk *const chunk = &version->chunks[version->chunk_count++];
    chunk->hash = hasher_of(hasher, bytes);
    chunk->size = (uint32_t)bytes.size;
    model_list_put(chunk, list);
    if (model_list_ends(chunk, list->size / MODEL_LIST_ENTRY_SIZE)) end_list(version, list);
}

static void cut_version(struct version *version)
{
    static uint8_t list_memory[CHUNK_SIZE_MAX];
    struct buf list = buf_of(list_memory, sizeof list_memory);
    struct bytes rest = bytes_of(version->data, version->size), taken;
    version->chunks = memory(version->size / CHUNK_SIZE_MIN + 1, sizeof *version->chunks);
    chunker_restart(&chunker);
    while (rest.size > 0) {
        chunker_take(&chunker, &rest, &taken);
        add_chunk(version, taken, &list);
    }
    if (list.size > 0) end_list(version, &list);
}

static uint64_t chunk_bytes_to_fetch(const struct version *old, const struct version *new)
{
    const size_t old_places = model_index_places(old->chunk_count);
    const size_t new_places = model_index_places(new->chunk_count);
    uint32_t *const places = memory(old_places + new_places, sizeof *places);
    struct model_step *const steps = memory(new->chunk_count, sizeof *steps);
    struct model_index held, index;
    struct model_plan plan;
    model_index_init(&held, old->chunks, places, old_places);
    for (size_t i = 0; i < old->chunk_count; i++)
        (void)model_index_add(&held, (uint32_t)i);
    model_index_init(&index, new->chunks, places + old_places, new_places);
    if (model_plan(new->chunks, new->chunk_count, NULL, &held, &index, steps, &plan) != ST_OK)
        die("plan");
    free(places);
    free(steps);
    return plan.fetch_bytes;
}

static uint64_t list_bytes_to_fetch(const struct version *old, const struct version *new)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < new->list_count; i++) {
        bool held = false;
        for (size_t k = 0; k < old->list_count && !held; k++)
            held = digest_equal(&old->lists[k], &new->lists[i]);
        if (!held) bytes += new->list_sizes[i];
    }
    return bytes;
}

static size_t manifest_size(const struct version *version)
{
    static struct model_manifest manifest;
    static uint8_t body_memory[BODY_SIZE_MAX];
    struct buf body = buf_of(body_memory, sizeof body_memory);
    manifest.head = (struct model_head){
        .model = {"fusion"},
        .version = 2,
        .min_version = 1,
        .hlc = UINT64_C(1795000000000) << 16,
        .content = {.size = version->size,
                    .chunking = CHUNKING_FASTCDC_1,
                    .chunk_count = (uint32_t)version->chunk_count},
    };
    manifest.list_count = version->list_count;
    memcpy(manifest.lists, version->lists, sizeof version->lists);
    model_manifest_encode(&manifest, &body);
    if (!buf_ok(&body)) die("manifest");
    return body.size + FRAME_OVERHEAD_MAX;
}

static void compare(const char *word, const struct version *old, struct version *new,
                    size_t changed_bytes)
{
    cut_version(new);
    const uint64_t chunk_bytes = chunk_bytes_to_fetch(old, new);
    const uint64_t list_bytes = list_bytes_to_fetch(old, new);
    const size_t manifest_bytes = manifest_size(new);
    const uint64_t total = chunk_bytes + list_bytes + manifest_bytes;
    printf("change %s changed_bytes %zu chunk_bytes %llu list_bytes %llu manifest_bytes %zu "
           "sum_bytes %llu over_change %.2f bar_bytes %.0f\n",
           word, changed_bytes, (unsigned long long)chunk_bytes, (unsigned long long)list_bytes,
           manifest_bytes, (unsigned long long)total, (double)total / (double)changed_bytes,
           1.15 * (double)changed_bytes + 0.01 * (double)new->size);
    free(new->chunks);
}

/* 1 % of the bytes in `runs` stretches of one size, each anywhere in its part of the file. */
static void change_runs(const char *word, const struct version *old, size_t runs, struct rng *rng)
{
    struct version new = {.data = memory(old->size, 1), .size = old->size};
    const size_t part = old->size / runs, run = old->size / 100 / runs;
    memcpy(new.data, old->data, old->size);
    for (size_t i = 0; i < runs; i++)
        rng_fill(rng, new.data + i *part + rng_below(rng, part - run + 1), run);
    compare(word, old, &new, runs * run);
    free(new.data);
}

static void insert_in_front(const struct version *old, struct rng *rng)
{
    struct version new = {.data = memory(old->size + INSERTED_SIZE, 1)};
    new.size = old->size + INSERTED_SIZE;
    rng_fill(rng, new.data, INSERTED_SIZE);
    memcpy(new.data + INSERTED_SIZE, old->data, old->size);
    compare("inserted", old, &new, INSERTED_SIZE);
    free(new.data);
}

static void change_all(const struct version *old, struct rng *rng)
{
    struct version new = {.data = memory(old->size, 1), .size = old->size};
    rng_fill(rng, new.data, new.size);
    compare("everything", old, &new, new.size);
    free(new.data);
}

int main(int argc, char **argv)
{
    struct rng rng;
    struct version old = {.size = 100000000};
    double seconds = 2;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--bytes") == 0) old.size = strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seconds") == 0) seconds = strtod(argv[i + 1], NULL);
    }
    if (old.size < 1000000) die("at least a million bytes");
    if (hasher_open(&hasher) != ST_OK) die("hasher");
    chunker_init(&chunker, hasher);
    rng_seed(&rng, 4);
    old.data = memory(old.size, 1);
    rng_fill(&rng, old.data, old.size);

    const struct bytes file = bytes_of(old.data, old.size);
    const double whole = bytes_per_second(file, file.size, false, seconds);
    const double pieces = bytes_per_second(file, PIECE_SIZE, false, seconds);
    const double hashed = bytes_per_second(file, PIECE_SIZE, true, seconds);
    cut_version(&old);
    printf("cut_bytes_per_second %.0f pieces_bytes_per_second %.0f hashed_bytes_per_second %.0f "
           "chunks %zu mean_bytes %.0f\n",
           whole, pieces, hashed, old.chunk_count, (double)old.size / (double)old.chunk_count);
    change_runs("runs", &old, RUN_COUNT, &rng);
    change_runs("scattered", &old, old.size / 100 / SCATTER_SIZE, &rng);
    insert_in_front(&old, &rng);
    change_all(&old, &rng);
    free(old.chunks);
    free(old.data);
    hasher_close(hasher);
    return 0;
}
