/* test_mutants.c - a test of the tests: a promise that is broken on purpose must be noticed by the
 * oracles in a few worlds, and in the same worlds nothing is noticed when no promise is broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/world.h"

enum { WORLDS_MAX = 200 };

static bool breaks(uint64_t seed, enum world_mutant mutant)
{
    struct rng rng;
    rng_seed(&rng, seed);
    const struct fault_model faults = fault_model_draw(&rng, false);
    const struct world_options options = {
        .seed = rng_next(&rng),
        .faults = faults,
        .mutant = mutant,
        .skip_verify = true,
    };
    struct world *world = world_open(&options);
    const bool broken = world->failed || !world_live(world);
    if (broken && mutant == MUTANT_NONE) fail_msg("seed %u: %s", (unsigned)seed, world->failure);
    world_close(world);
    return broken;
}

static void must_be_noticed(enum world_mutant mutant)
{
    assert_int_equal(crypto_start(), ST_OK);
    uint64_t seed = 1;
    while (seed <= WORLDS_MAX && !breaks(seed, mutant))
        seed++;
    assert_in_range(seed, 1, WORLDS_MAX);
    assert_false(breaks(seed, MUTANT_NONE));
}

/* Persist, then speak. */
static void test_effects_before_the_commit_are_noticed(void **state)
{
    (void)state;
    must_be_noticed(MUTANT_SPEAK_BEFORE_COMMIT);
}

/* Promise 2: sent is not stored. */
static void test_an_edge_that_believes_the_broker_is_noticed(void **state)
{
    (void)state;
    must_be_noticed(MUTANT_TRUST_PUBACK);
}

static void test_an_edge_with_synchronous_normal_is_noticed(void **state)
{
    (void)state;
    must_be_noticed(MUTANT_EDGE_NOT_SYNCED);
}

static void test_a_cloud_with_synchronous_normal_is_noticed(void **state)
{
    (void)state;
    must_be_noticed(MUTANT_CLOUD_NOT_SYNCED);
}

/* Design 3.3: a cursor moves by the peer's application alone. */
static void test_a_track_cursor_that_runs_with_what_was_sent_is_noticed(void **state)
{
    (void)state;
    must_be_noticed(MUTANT_SENT_IS_TAKEN);
}

/* Design 3.5: clamping loses the later honest write. */
static void test_stamps_that_are_clamped_instead_of_healed_are_noticed(void **state)
{
    (void)state;
    must_be_noticed(MUTANT_CLAMPS);
}

static void test_a_refusal_that_is_not_told_is_noticed(void **state)
{
    (void)state;
    must_be_noticed(MUTANT_FORGETS_REFUSALS);
}

/* Design 3.2: eviction must not become forgetting. */
static void test_an_eviction_without_a_new_incarnation_is_noticed(void **state)
{
    (void)state;
    must_be_noticed(MUTANT_ONE_INCARNATION);
}

/* What a node has observed itself is not all that there is to know of a track. */
static void test_a_track_that_is_taken_for_an_echo_is_noticed(void **state)
{
    (void)state;
    must_be_noticed(MUTANT_NO_ECHO);
}

static void test_a_horizon_that_edges_never_hear_of_is_noticed(void **state)
{
    (void)state;
    must_be_noticed(MUTANT_KEEPS_HORIZON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_effects_before_the_commit_are_noticed),
        cmocka_unit_test(test_an_edge_that_believes_the_broker_is_noticed),
        cmocka_unit_test(test_an_edge_with_synchronous_normal_is_noticed),
        cmocka_unit_test(test_a_cloud_with_synchronous_normal_is_noticed),
        cmocka_unit_test(test_a_track_cursor_that_runs_with_what_was_sent_is_noticed),
        cmocka_unit_test(test_stamps_that_are_clamped_instead_of_healed_are_noticed),
        cmocka_unit_test(test_a_refusal_that_is_not_told_is_noticed),
        cmocka_unit_test(test_an_eviction_without_a_new_incarnation_is_noticed),
        cmocka_unit_test(test_a_track_that_is_taken_for_an_echo_is_noticed),
        cmocka_unit_test(test_a_horizon_that_edges_never_hear_of_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
