/* test_hlc.c - the laws of the hybrid logical clock. */
#include "common/data/hlc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/base/rng.h"

#define STAMP(ms, count) ((uint64_t)(ms) << 16 | (uint64_t)(count))

static void test_a_stamp_is_the_wall_clock_while_that_runs(void **state)
{
    (void)state;
    struct hlc clock = hlc_restore(0);
    assert_true(hlc_now(&clock, 1000) == STAMP(1000, 0));
    assert_true(hlc_now(&clock, 1000) == STAMP(1000, 1));
    assert_true(hlc_now(&clock, 1001) == STAMP(1001, 0));
    assert_true(hlc_ms(clock.last) == 1001);
}

static void test_a_wall_clock_that_goes_back_is_outlived(void **state)
{
    (void)state;
    struct hlc clock = hlc_restore(0);
    hlc_now(&clock, 1000);
    assert_true(hlc_now(&clock, 10) == STAMP(1000, 1));
    assert_true(hlc_now(&clock, -5) == STAMP(1000, 2));
    assert_true(hlc_now(&clock, INT64_MIN) == STAMP(1000, 3));
}

static void test_a_clock_that_never_knew_the_time_still_counts(void **state)
{
    (void)state;
    struct hlc clock = hlc_restore(0);
    assert_true(hlc_now(&clock, -1) == 1);
    assert_true(hlc_now(&clock, 0) == 2);
}

static void test_the_counter_carries_into_the_milliseconds(void **state)
{
    (void)state;
    struct hlc clock = hlc_restore(STAMP(1000, 0xFFFF));
    assert_true(hlc_now(&clock, 1000) == STAMP(1001, 0));
}

static void test_a_wall_clock_beyond_all_sense_cannot_wrap_the_stamp(void **state)
{
    (void)state;
    struct hlc clock = hlc_restore(0);
    const uint64_t first = hlc_now(&clock, INT64_MAX);
    assert_true(first <= HLC_STAMP_MAX);
    assert_true(hlc_now(&clock, INT64_MAX) == first + 1);
}

static void test_a_received_stamp_is_overtaken_by_the_next_own_one(void **state)
{
    (void)state;
    struct hlc clock = hlc_restore(0);
    hlc_now(&clock, 1000);
    assert_int_equal(hlc_receive(&clock, 1000, 2000, STAMP(1500, 7)), ST_OK);
    assert_true(hlc_now(&clock, 1000) == STAMP(1500, 8));
}

static void test_an_older_received_stamp_changes_nothing(void **state)
{
    (void)state;
    struct hlc clock = hlc_restore(0);
    hlc_now(&clock, 1000);
    assert_int_equal(hlc_receive(&clock, 1000, 2000, STAMP(900, 7)), ST_OK);
    assert_true(clock.last == STAMP(1000, 0));
}

/* One fast clock must not drag all others along. */
static void test_a_stamp_further_ahead_than_eps_is_refused(void **state)
{
    (void)state;
    struct hlc clock = hlc_restore(0);
    hlc_now(&clock, 1000);
    assert_int_equal(hlc_receive(&clock, 1000, 2000, STAMP(3001, 0)), ST_FUTURE);
    assert_true(clock.last == STAMP(1000, 0));
    assert_int_equal(hlc_receive(&clock, 1000, 2000, STAMP(3000, 0xFFFF)), ST_OK);
    assert_true(clock.last == STAMP(3000, 0xFFFF));
    /* Without a wall clock the bound counts from 0. */
    assert_int_equal(hlc_receive(&clock, -7, 2000, STAMP(2001, 0)), ST_FUTURE);
}

/* Unbounded eps is for a node that knows no time yet; a stamp near the end of the u64 would still
 * make it wrap around. */
static void test_no_eps_lets_a_senseless_stamp_in(void **state)
{
    (void)state;
    struct hlc clock = hlc_restore(0);
    assert_int_equal(hlc_receive(&clock, 0, UINT64_MAX, UINT64_MAX), ST_FUTURE);
    assert_int_equal(hlc_receive(&clock, 0, UINT64_MAX, HLC_STAMP_MAX + 1), ST_FUTURE);
    assert_true(clock.last == 0);
    assert_int_equal(hlc_receive(&clock, 0, UINT64_MAX, HLC_STAMP_MAX), ST_OK);
    assert_true(hlc_now(&clock, 0) == HLC_STAMP_MAX + 1);
}

static void test_eps_grows_from_2_s_by_200_ppm_to_300_s(void **state)
{
    (void)state;
    assert_int_equal(hlc_eps_ms(0), 2000);
    assert_int_equal(hlc_eps_ms(3600 * 1000), 2720);
    assert_int_equal(hlc_eps_ms(UINT64_C(86400) * 1000), 19280);
    assert_int_equal(hlc_eps_ms(UINT64_C(298000) * 5000 - 1), 299999);
    assert_int_equal(hlc_eps_ms(UINT64_C(298000) * 5000), 300000);
    assert_int_equal(hlc_eps_ms(UINT64_MAX), 300000);
}

static void test_a_raised_limit_is_ahead_and_not_due(void **state)
{
    (void)state;
    struct hlc clock = hlc_restore(0);
    assert_true(hlc_limit_due(&clock));
    hlc_now(&clock, 1000);
    assert_true(hlc_limit_due(&clock));
    assert_true(hlc_raise_limit(&clock) == STAMP(1000 + HLC_LIMIT_AHEAD_MS, 0));
    assert_false(hlc_limit_due(&clock));
    hlc_now(&clock, 1000 + HLC_LIMIT_AHEAD_MS - 1);
    assert_false(hlc_limit_due(&clock));
    hlc_now(&clock, 1000 + HLC_LIMIT_AHEAD_MS);
    assert_true(hlc_limit_due(&clock));
}

static void test_a_restart_goes_on_above_the_stored_limit(void **state)
{
    (void)state;
    struct hlc clock = hlc_restore(STAMP(6000, 3));
    assert_true(hlc_now(&clock, 1000) == STAMP(6000, 4));
    clock = hlc_restore(STAMP(6000, 3));
    assert_true(hlc_now(&clock, 9000) == STAMP(9000, 0));
}

/* What an owner does: a stamp is seen only after the limit, if due, is stored; the power may fail
 * before the store, between store and use, or after. */
static void test_seen_stamps_increase_over_clock_jumps_and_power_cuts(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 35);
    for (unsigned life = 0; life < 50; life++) {
        uint64_t stored = 0, seen = 0;
        int64_t wall_ms = (int64_t)rng_below(&rng, 1000000);
        struct hlc clock = hlc_restore(stored);
        for (unsigned step = 0; step < 2000; step++) {
            if (rng_chance(&rng, 20)) wall_ms = (int64_t)rng_below(&rng, 4000000) - 1000000;
            wall_ms += (int64_t)rng_below(&rng, 20);
            if (rng_chance(&rng, 50)) {
                const uint64_t remote = STAMP(rng_below(&rng, 3000000), rng_below(&rng, 65536));
                const uint64_t eps_ms = hlc_eps_ms(rng_below(&rng, 1000000000));
                const uint64_t before = clock.last;
                const uint64_t wall = wall_ms < 0 ? 0 : (uint64_t)wall_ms;
                const bool future = remote >> 16 > wall + eps_ms;
                assert_int_equal(hlc_receive(&clock, wall_ms, eps_ms, remote),
                                 future ? ST_FUTURE : ST_OK);
                assert_true(clock.last == (!future && remote > before ? remote : before));
            }
            const uint64_t stamp = hlc_now(&clock, wall_ms);
            const bool due = hlc_limit_due(&clock);
            const bool cut = rng_chance(&rng, 30);
            if (cut && rng_chance(&rng, 333)) { /* before the store */
                clock = hlc_restore(stored);
                continue;
            }
            if (due) stored = hlc_raise_limit(&clock);
            if (cut && rng_chance(&rng, 500)) { /* stored, and the stamp never used */
                clock = hlc_restore(stored);
                continue;
            }
            assert_true(stamp > seen);
            seen = stamp;
            if (cut) clock = hlc_restore(stored);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stamp_is_the_wall_clock_while_that_runs),
        cmocka_unit_test(test_a_wall_clock_that_goes_back_is_outlived),
        cmocka_unit_test(test_a_clock_that_never_knew_the_time_still_counts),
        cmocka_unit_test(test_the_counter_carries_into_the_milliseconds),
        cmocka_unit_test(test_a_wall_clock_beyond_all_sense_cannot_wrap_the_stamp),
        cmocka_unit_test(test_a_received_stamp_is_overtaken_by_the_next_own_one),
        cmocka_unit_test(test_an_older_received_stamp_changes_nothing),
        cmocka_unit_test(test_a_stamp_further_ahead_than_eps_is_refused),
        cmocka_unit_test(test_no_eps_lets_a_senseless_stamp_in),
        cmocka_unit_test(test_eps_grows_from_2_s_by_200_ppm_to_300_s),
        cmocka_unit_test(test_a_raised_limit_is_ahead_and_not_due),
        cmocka_unit_test(test_a_restart_goes_on_above_the_stored_limit),
        cmocka_unit_test(test_seen_stamps_increase_over_clock_jumps_and_power_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
