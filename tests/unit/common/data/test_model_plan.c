/* test_model_plan.c - is the plan what to fetch right, and is it the least? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "common/data/model.h"

static struct rng rng;

static int set_up(void **state)
{
    (void)state;
    rng_seed(&rng, 20251122);
    return 0;
}

static void random_digest(struct digest *digest)
{
    rng_fill(&rng, digest->bytes, DIGEST_SIZE);
}

static void random_chunks(struct model_chunk *chunks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        random_digest(&chunks[i].hash);
        chunks[i].size = 1 + (uint32_t)rng_below(&rng, CHUNK_SIZE_MAX);
    }
}

enum { FEW = 400 };

/* An index over all of them. */
static void index_all(struct model_index *index, const struct model_chunk *chunks, size_t count,
                      uint32_t *places)
{
    model_index_init(index, chunks, places, model_index_places(count));
    for (size_t i = 0; i < count; i++)
        (void)model_index_add(index, (uint32_t)i);
}

static void test_an_index_finds_each_hash_and_no_other(void **state)
{
    static struct model_chunk chunks[FEW];
    /* Exactly as many as are asked for, so that a sanitizer sees one more. */
    static uint32_t places[1024];
    struct model_index index;
    struct digest stranger;
    (void)state;
    assert_int_equal(model_index_places(FEW), COUNT_OF(places));
    random_chunks(chunks, FEW);
    /* All compete for the same places: the search must go on to the next one, around the end. */
    for (size_t i = 0; i < FEW / 2; i++)
        memset(chunks[i].hash.bytes, 0xFF, 8);
    model_index_init(&index, chunks, places, model_index_places(FEW));
    for (size_t i = 0; i < FEW; i++) {
        assert_int_equal(model_index_find(&index, &chunks[i].hash), MODEL_CHUNK_NONE);
        assert_true(model_index_add(&index, (uint32_t)i));
        assert_false(model_index_add(&index, (uint32_t)i));
    }
    for (size_t i = 0; i < FEW; i++)
        assert_int_equal(model_index_find(&index, &chunks[i].hash), i);
    for (size_t i = 0; i < FEW; i++) {
        stranger = chunks[i].hash;
        stranger.bytes[31] ^= 1;
        assert_int_equal(model_index_find(&index, &stranger), MODEL_CHUNK_NONE);
    }
}

/* A small alphabet of chunks, so that lists share many and repeat some. */
struct plan_case {
    struct model_chunk alphabet[FEW];
    struct model_chunk held[FEW], wanted[FEW];
    size_t held_count, wanted_count;
    uint8_t done[FEW / 8 + 1];
    uint32_t held_places[4 * FEW], places[4 * FEW];
    struct model_index held_index, index;
    struct model_step steps[FEW];
    struct model_plan plan;
};

static void random_case(struct plan_case *c)
{
    const size_t letters = 1 + (size_t)rng_below(&rng, FEW);
    random_chunks(c->alphabet, letters);
    c->held_count = (size_t)rng_below(&rng, FEW);
    c->wanted_count = 1 + (size_t)rng_below(&rng, FEW - 1);
    for (size_t i = 0; i < c->held_count; i++)
        c->held[i] = c->alphabet[rng_below(&rng, letters)];
    for (size_t i = 0; i < c->wanted_count; i++)
        c->wanted[i] = c->alphabet[rng_below(&rng, letters)];
    const unsigned done_per_mille = (unsigned)rng_below(&rng, 1001);
    memset(c->done, 0, sizeof c->done);
    for (size_t i = 0; i < c->wanted_count; i++)
        if (rng_chance(&rng, done_per_mille)) model_bit_set(c->done, i);
}

static enum status make_plan(struct plan_case *c)
{
    index_all(&c->held_index, c->held, c->held_count, c->held_places);
    model_index_init(&c->index, c->wanted, c->places, model_index_places(c->wanted_count));
    return model_plan(c->wanted, c->wanted_count, c->done,
                      c->held_count > 0 ? &c->held_index : NULL, &c->index, c->steps, &c->plan);
}

/* By looking at everything: is this hash held, done somewhere, or met before? */
static bool must_fetch(const struct plan_case *c, size_t number)
{
    const struct digest *const hash = &c->wanted[number].hash;
    for (size_t i = 0; i < c->held_count; i++)
        if (digest_equal(&c->held[i].hash, hash)) return false;
    for (size_t i = 0; i < c->wanted_count; i++)
        if (digest_equal(&c->wanted[i].hash, hash) && (i < number || model_bit(c->done, i)))
            return false;
    return true;
}

/* Carries the plan out; each chunk must come from one of the same bytes that is there by then. */
static void carry_out(const struct plan_case *c)
{
    const struct digest *from;
    for (size_t i = 0; i < c->wanted_count; i++) {
        const struct model_step *const step = &c->steps[i];
        assert_int_equal(step->source == MODEL_SOURCE_DONE, model_bit(c->done, i));
        switch (step->source) {
        case MODEL_SOURCE_HELD:
            assert_in_range(step->number, 0, c->held_count - 1);
            from = &c->held[step->number].hash;
            break;
        case MODEL_SOURCE_REPEAT:
            assert_int_not_equal(c->steps[step->number].source, MODEL_SOURCE_REPEAT);
            assert_true(step->number < i || model_bit(c->done, step->number));
            from = &c->wanted[step->number].hash;
            break;
        default:
            assert_int_equal(step->number, i);
            from = &c->wanted[i].hash;
            break;
        }
        assert_true(digest_equal(from, &c->wanted[i].hash));
    }
}

static void test_a_plan_fetches_what_is_missing_once_and_nothing_else(void **state)
{
    static struct plan_case c;
    uint64_t fetched = 0, copied = 0;
    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        uint64_t fetch_bytes = 0, size = 0;
        size_t fetch_count = 0;
        random_case(&c);
        assert_int_equal(make_plan(&c), ST_OK);
        carry_out(&c);
        for (size_t i = 0; i < c.wanted_count; i++) {
            const bool fetch = must_fetch(&c, i);
            assert_int_equal(c.steps[i].source == MODEL_SOURCE_FETCH, fetch);
            fetch_count += fetch;
            fetch_bytes += fetch ? c.wanted[i].size : 0;
            size += c.wanted[i].size;
        }
        assert_int_equal(c.plan.fetch_count, fetch_count);
        assert_true(c.plan.fetch_bytes == fetch_bytes);
        assert_true(c.plan.fetch_bytes + c.plan.copy_bytes + c.plan.done_bytes == size);
        fetched += fetch_count;
        copied += c.plan.copy_bytes;
    }
    assert_true(fetched > 1000 && copied > 0);
}

static void test_what_is_fetched_is_done_and_the_next_plan_fetches_nothing(void **state)
{
    static struct plan_case c;
    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        random_case(&c);
        assert_int_equal(make_plan(&c), ST_OK);
        /* A power cut after some of it. */
        size_t left = 0;
        for (size_t i = 0; i < c.wanted_count; i++) {
            if (c.steps[i].source != MODEL_SOURCE_FETCH) continue;
            if (rng_chance(&rng, 500))
                model_bit_set(c.done, i);
            else
                left++;
        }
        assert_int_equal(make_plan(&c), ST_OK);
        assert_int_equal(c.plan.fetch_count, left);
        for (size_t i = 0; i < c.wanted_count; i++)
            model_bit_set(c.done, i);
        assert_int_equal(make_plan(&c), ST_OK);
        assert_int_equal(c.plan.fetch_count + c.plan.copy_bytes, 0);
    }
}

static void test_one_hash_with_two_sizes_is_refused(void **state)
{
    static struct plan_case c;
    (void)state;
    memset(&c, 0, sizeof c);
    random_chunks(c.wanted, 3);
    c.wanted_count = 3;
    c.wanted[2].hash = c.wanted[0].hash;
    c.wanted[2].size = c.wanted[0].size;
    assert_int_equal(make_plan(&c), ST_OK);
    c.wanted[2].size = c.wanted[0].size % CHUNK_SIZE_MAX + 1;
    assert_int_equal(make_plan(&c), ST_MALFORMED);
    model_bit_set(c.done, 2);
    assert_int_equal(make_plan(&c), ST_MALFORMED);
    memset(c.done, 0, sizeof c.done);
    c.wanted_count = 1;
    c.held_count = 1;
    c.held[0] = c.wanted[0];
    assert_int_equal(make_plan(&c), ST_OK);
    c.held[0].size = c.wanted[0].size % CHUNK_SIZE_MAX + 1;
    assert_int_equal(make_plan(&c), ST_MALFORMED);
}

static void test_places_are_a_power_of_two_and_never_more_than_half_full(void **state)
{
    (void)state;
    for (size_t count = 0; count < 3000; count++) {
        const size_t places = model_index_places(count);
        assert_int_equal(places & (places - 1), 0);
        assert_in_range(places, 2 * count > 2 ? 2 * count : 2, 4 * count + 2);
    }
    assert_int_equal(model_index_places(MODEL_CHUNKS_MAX), 2 * MODEL_CHUNKS_MAX);
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_index_finds_each_hash_and_no_other),
        TEST(test_a_plan_fetches_what_is_missing_once_and_nothing_else),
        TEST(test_what_is_fetched_is_done_and_the_next_plan_fetches_nothing),
        TEST(test_one_hash_with_two_sizes_is_refused),
        TEST(test_places_are_a_power_of_two_and_never_more_than_half_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
