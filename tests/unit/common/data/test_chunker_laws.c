/* test_chunker_laws.c - what does a new version of a file cost, in chunks and list blocks that the
 * old one has not?
 *
 * The bar for 100 MB of which 1 % changes in 16 runs is 1.15 x the changed bytes + 1 % of the size.
 * A run's cost does not depend on the file's size, so on 20 MB the same law speaks of 3 runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "common/data/chunker.h"
#include "common/data/model.h"

enum {
    FILE_SIZE = 20 * 1000 * 1000,
    RUN_COUNT = 3,
    RUN_SIZE = FILE_SIZE / 100 / RUN_COUNT,
    INSERTED_SIZE = 64 * 1024,
    CHUNKS_MAX = (FILE_SIZE + INSERTED_SIZE) / CHUNK_SIZE_MIN + 1,
    /* A head of a manifest, and the frame around one, a chunk or a block. */
    HEAD_SIZE_MAX = 256,
    FRAME_SIZE_AROUND = 256,
};

struct version {
    size_t chunk_count;
    struct model_chunk chunks[CHUNKS_MAX];
    size_t list_count;
    struct model_chunk lists[MODEL_LISTS_MAX]; /* hashes and sizes of the blocks */
};

static struct hasher *hasher;
static struct chunker chunker;
static struct rng rng;
static uint8_t *old_file, *new_file; /* room for FILE_SIZE + INSERTED_SIZE */
static struct version old, new;

static void end_list(struct version *version, struct buf *list)
{
    assert_true(buf_ok(list));
    assert_in_range(version->list_count, 0, MODEL_LISTS_MAX - 1);
    struct model_chunk *const block = &version->lists[version->list_count++];
    block->hash = hasher_of(hasher, buf_bytes(list));
    block->size = (uint32_t)list->size;
    list->size = 0;
}

static void cut(const uint8_t *file, size_t size, struct version *version)
{
    static uint8_t list_memory[CHUNK_SIZE_MAX];
    struct buf list = buf_of(list_memory, sizeof list_memory);
    struct bytes rest = bytes_of(file, size), taken;
    version->chunk_count = version->list_count = 0;
    chunker_restart(&chunker);
    while (rest.size > 0) {
        (void)chunker_take(&chunker, &rest, &taken);
        struct model_chunk *const chunk = &version->chunks[version->chunk_count++];
        chunk->hash = hasher_of(hasher, taken);
        chunk->size = (uint32_t)taken.size;
        model_list_put(chunk, &list);
        if (model_list_ends(chunk, list.size / MODEL_LIST_ENTRY_SIZE)) end_list(version, &list);
    }
    if (list.size > 0) end_list(version, &list);
}

/* What of `wanted` is not in `held`. */
static struct model_plan plan_of(const struct model_chunk *held, size_t held_count,
                                 const struct model_chunk *wanted, size_t count)
{
    static uint32_t held_places[4 * CHUNKS_MAX], places[4 * CHUNKS_MAX];
    static struct model_step steps[CHUNKS_MAX];
    struct model_index held_index, index;
    struct model_plan plan;
    model_index_init(&held_index, held, held_places, model_index_places(held_count));
    for (size_t i = 0; i < held_count; i++)
        (void)model_index_add(&held_index, (uint32_t)i);
    model_index_init(&index, wanted, places, model_index_places(count));
    assert_int_equal(model_plan(wanted, count, NULL, &held_index, &index, steps, &plan), ST_OK);
    return plan;
}

/* All that goes over the wire for the new version to whoever has the old one. */
static uint64_t wire_bytes(void)
{
    const struct model_plan chunks =
        plan_of(old.chunks, old.chunk_count, new.chunks, new.chunk_count);
    const struct model_plan lists = plan_of(old.lists, old.list_count, new.lists, new.list_count);
    return chunks.fetch_bytes + lists.fetch_bytes + HEAD_SIZE_MAX + new.list_count *DIGEST_SIZE +
           (1 + chunks.fetch_count + lists.fetch_count) * FRAME_SIZE_AROUND;
}

static int set_up(void **state)
{
    (void)state;
    rng_seed(&rng, 20251122);
    rng_fill(&rng, old_file, FILE_SIZE);
    cut(old_file, FILE_SIZE, &old);
    return 0;
}

static void test_one_percent_in_few_runs_costs_little_more_than_itself(void **state)
{
    enum { ROUNDS = 6, STRETCH_SIZE = FILE_SIZE / RUN_COUNT };
    uint64_t sum = 0;
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        memcpy(new_file, old_file, FILE_SIZE);
        for (size_t i = 0; i < RUN_COUNT; i++) {
            const size_t at = i * STRETCH_SIZE + (size_t)rng_below(&rng, STRETCH_SIZE - RUN_SIZE);
            rng_fill(&rng, new_file + at, RUN_SIZE);
        }
        cut(new_file, FILE_SIZE, &new);
        sum += wire_bytes();
    }
    const double changed = (double)RUN_COUNT * RUN_SIZE;
    const double bar = 1.15 * changed + 0.01 * FILE_SIZE;
    print_message("%.0f bytes on the wire, bar %.0f\n", (double)sum / ROUNDS, bar);
    assert_true((double)sum / ROUNDS <= bar);
    /* Cheaper than the changes themselves would mean that something was forgotten. */
    assert_true((double)sum / ROUNDS > changed);
}

static void test_an_insertion_in_front_changes_few_chunks_and_blocks(void **state)
{
    enum { ROUNDS = 4 };
    size_t chunk_count = 0, list_count = 0;
    (void)state;
    memcpy(new_file + INSERTED_SIZE, old_file, FILE_SIZE);
    for (unsigned round = 0; round < ROUNDS; round++) {
        rng_fill(&rng, new_file, INSERTED_SIZE);
        cut(new_file, FILE_SIZE + INSERTED_SIZE, &new);
        const struct model_plan chunks =
            plan_of(old.chunks, old.chunk_count, new.chunks, new.chunk_count);
        const struct model_plan lists =
            plan_of(old.lists, old.list_count, new.lists, new.list_count);
        assert_true(chunks.fetch_bytes > INSERTED_SIZE);
        /* However the cuttings fall into step again, it takes no more than some chunks. */
        assert_in_range(chunks.fetch_count, 2, 12);
        assert_in_range(lists.fetch_count, 1, 5);
        chunk_count += chunks.fetch_count;
        list_count += lists.fetch_count;
    }
    print_message("%.1f chunks and %.1f blocks for 64 KiB in front\n", (double)chunk_count / ROUNDS,
                  (double)list_count / ROUNDS);
}

static void test_a_removal_costs_no_more_than_the_chunks_around_it(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 4; round++) {
        const size_t size = 1 + (size_t)rng_below(&rng, 1000000);
        const size_t at = (size_t)rng_below(&rng, FILE_SIZE - size);
        memcpy(new_file, old_file, at);
        memcpy(new_file + at, old_file + at + size, FILE_SIZE - at - size);
        cut(new_file, FILE_SIZE - size, &new);
        const struct model_plan plan =
            plan_of(old.chunks, old.chunk_count, new.chunks, new.chunk_count);
        assert_in_range(plan.fetch_count, 1, 10);
    }
}

static void test_one_changed_byte_costs_a_few_chunks_and_one_or_two_blocks(void **state)
{
    (void)state;
    memcpy(new_file, old_file, FILE_SIZE);
    for (unsigned round = 0; round < 4; round++) {
        const size_t at = (size_t)rng_below(&rng, FILE_SIZE);
        new_file[at] ^= 1;
        cut(new_file, FILE_SIZE, &new);
        const struct model_plan chunks =
            plan_of(old.chunks, old.chunk_count, new.chunks, new.chunk_count);
        assert_in_range(chunks.fetch_count, 1, 8);
        assert_in_range(plan_of(old.lists, old.list_count, new.lists, new.list_count).fetch_count,
                        1, 5);
        new_file[at] ^= 1;
    }
}

static void test_the_same_file_costs_nothing(void **state)
{
    (void)state;
    cut(old_file, FILE_SIZE, &new);
    assert_int_equal(plan_of(old.chunks, old.chunk_count, new.chunks, new.chunk_count).fetch_count,
                     0);
    assert_int_equal(plan_of(old.lists, old.list_count, new.lists, new.list_count).fetch_count, 0);
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_percent_in_few_runs_costs_little_more_than_itself),
        TEST(test_an_insertion_in_front_changes_few_chunks_and_blocks),
        TEST(test_a_removal_costs_no_more_than_the_chunks_around_it),
        TEST(test_one_changed_byte_costs_a_few_chunks_and_one_or_two_blocks),
        TEST(test_the_same_file_costs_nothing),
    };
    old_file = malloc(FILE_SIZE + INSERTED_SIZE);
    new_file = malloc(FILE_SIZE + INSERTED_SIZE);
    if (old_file == NULL || new_file == NULL || hasher_open(&hasher) != ST_OK) return 1;
    chunker_init(&chunker, hasher);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hasher_close(hasher);
    free(old_file);
    free(new_file);
    return failed;
}
