/* test_rng.c - the generator gives the published numbers, so that a seed replays everywhere. */
#include "common/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/check.h"

/* The reference outputs of xoshiro256** for the state 1, 2, 3, 4. */
static void test_numbers_are_those_of_xoshiro256starstar(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        UINT64_C(11520),
        UINT64_C(0),
        UINT64_C(1509978240),
        UINT64_C(1215971899390074240),
        UINT64_C(1216172134540287360),
        UINT64_C(607988272756665600),
        UINT64_C(16172922978634559625),
        UINT64_C(8476171486693032832),
        UINT64_C(10595114339597558777),
        UINT64_C(2904607092377533576),
    };
    struct rng rng = {{1, 2, 3, 4}};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_true(rng_next(&rng) == expected[i]);
    }
}

/* The reference outputs of splitmix64 for the seed 1234567. */
static void test_a_seed_is_spread_by_splitmix64(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1234567);
    assert_true(rng.state[0] == UINT64_C(6457827717110365317));
    assert_true(rng.state[1] == UINT64_C(3203168211198807973));
    assert_true(rng.state[2] == UINT64_C(9817491932198370423));
    assert_true(rng.state[3] == UINT64_C(4593380528125082431));
}

/* A state of zeros would give zeros for ever. */
static void test_seed_zero_is_as_good_as_any(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 0);
    assert_true(rng_next(&rng) != 0 || rng_next(&rng) != 0);
}

static void test_below_reaches_every_value_and_none_beyond(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    unsigned seen[7] = {0};
    for (unsigned i = 0; i < 7000; i++) {
        const uint64_t drawn = rng_below(&rng, 7);
        assert_in_range(drawn, 0, 6);
        seen[drawn]++;
    }
    for (size_t i = 0; i < COUNT_OF(seen); i++) {
        assert_in_range(seen[i], 850, 1150);
    }
    assert_true(rng_below(&rng, 1) == 0);
}

/* With a limit of 3/4 of the range a plain remainder would give the lower third twice as often. */
static void test_below_is_uniform_for_a_huge_limit(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 2);
    const uint64_t limit = UINT64_C(3) << 62;
    unsigned lower_third = 0;
    for (unsigned i = 0; i < 3000; i++) {
        lower_third += rng_below(&rng, limit) < limit / 3;
    }
    assert_in_range(lower_third, 900, 1100);
}

static void test_chance_is_never_at_0_and_always_at_1000(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 3);
    unsigned count = 0;
    for (unsigned i = 0; i < 10000; i++) {
        assert_false(rng_chance(&rng, 0));
        assert_true(rng_chance(&rng, 1000));
        count += rng_chance(&rng, 250);
    }
    assert_in_range(count, 2300, 2700);
}

static void test_fill_writes_exactly_what_was_asked(void **state)
{
    (void)state;
    uint8_t whole[20];
    struct rng rng = {{1, 2, 3, 4}};
    rng_fill(&rng, whole, sizeof whole);
    /* 11520 = 0x2D00, lowest byte first. */
    static const uint8_t first[8] = {0x00, 0x2D};
    assert_memory_equal(whole, first, sizeof first);
    for (size_t size = 0; size <= sizeof whole; size++) {
        uint8_t part[sizeof whole + 1];
        memset(part, 0xEE, sizeof part);
        rng = (struct rng){{1, 2, 3, 4}};
        rng_fill(&rng, part, size);
        assert_memory_equal(part, whole, size);
        assert_int_equal(part[size], 0xEE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_those_of_xoshiro256starstar),
        cmocka_unit_test(test_a_seed_is_spread_by_splitmix64),
        cmocka_unit_test(test_seed_zero_is_as_good_as_any),
        cmocka_unit_test(test_below_reaches_every_value_and_none_beyond),
        cmocka_unit_test(test_below_is_uniform_for_a_huge_limit),
        cmocka_unit_test(test_chance_is_never_at_0_and_always_at_1000),
        cmocka_unit_test(test_fill_writes_exactly_what_was_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
