/* test_track_view.c - of what is known about a track, which value do people see? */
#include "common/data/track_view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/track_spec.h"

static struct track mine, theirs;

static int start_anew(void **state)
{
    (void)state;
    track_init(&mine);
    track_init(&theirs);
    return 0;
}

/* Node n01 observes in mine, n02 without knowing of it in theirs; then mine hears of it. */
static struct track_view view_of_both(uint64_t my_hlc, uint16_t my_confidence, uint64_t their_hlc,
                                      uint16_t their_confidence)
{
    const struct track_writer me = spec_writer(1), they = spec_writer(2);
    const struct track_observation my_word = spec_observation(1, 3, my_confidence, 0);
    const struct track_observation their_word = spec_observation(2, 3, their_confidence, 0);
    assert_int_equal(track_observe(&mine, &me, my_hlc, 0, &my_word), ST_OK);
    assert_int_equal(track_observe(&theirs, &they, their_hlc, 0, &their_word), ST_OK);
    (void)track_join(&mine, &theirs, 0);
    return track_view_of(&mine);
}

static void expect_from(struct track_view view, unsigned node)
{
    const struct track_writer writer = spec_writer(node);
    assert_int_equal(track_writer_compare(&view.position->writer, &writer), 0);
    assert_int_equal(track_writer_compare(&view.classification->writer, &writer), 0);
}

static void test_nothing_known_is_nothing_to_see(void **state)
{
    (void)state;
    const struct track_view view = track_view_of(&mine);
    assert_false(view.present);
    assert_null(view.position);
    assert_null(view.classification);
    assert_int_equal(view.last_seen, 0);
}

static void test_of_two_that_did_not_know_of_each_other_the_surer_one_wins(void **state)
{
    (void)state;
    const struct track_view view = view_of_both(10, 9000, 20, 1000);
    expect_from(view, 1);
    assert_int_equal(view.position_count, 2);
    assert_int_equal(view.classification_count, 2);
    assert_int_equal(view.last_seen, 20);
}

static void test_equally_sure_the_newer_one_wins(void **state)
{
    (void)state;
    expect_from(view_of_both(10, 5000, 20, 5000), 2);
}

static void test_at_the_same_stamp_the_greater_writer_wins(void **state)
{
    (void)state;
    expect_from(view_of_both(10, 5000, 10, 5000), 2);
}

static void test_who_knew_of_the_other_wins_though_less_sure(void **state)
{
    (void)state;
    const struct track_writer they = spec_writer(2);
    (void)view_of_both(10, 9000, 20, 8000);
    const struct track_observation unsure = spec_observation(3, 1, 100, 0);
    assert_int_equal(track_observe(&mine, &they, 30, 0, &unsure), ST_OK);
    const struct track_view view = track_view_of(&mine);
    assert_int_equal(view.position->position.confidence, 100);
    assert_int_equal(view.position_count, 1);
    /* The field that was not written is as it was. */
    assert_int_equal(view.classification->classification.confidence, 9000);
    assert_int_equal(view.classification_count, 2);
}

static void test_a_removed_track_is_absent_but_was_seen(void **state)
{
    (void)state;
    (void)view_of_both(10, 1, 20, 2);
    assert_true(track_remove(&mine));
    const struct track_view view = track_view_of(&mine);
    assert_false(view.present);
    assert_int_equal(view.last_seen, 20);
}

static void test_an_old_field_is_carried_on_and_survives_the_horizon(void **state)
{
    (void)state;
    const struct track_writer me = spec_writer(1);
    (void)view_of_both(10, 9000, 20, 8000);
    struct track_observation observation = spec_observation(3, 1, 700, 0);
    const struct track_observation as_it_was = observation;
    track_observation_carry_on(&mine, 10, &observation);
    assert_memory_equal(&observation, &as_it_was, sizeof observation); /* nothing is that old */
    track_observation_carry_on(&mine, 11, &observation);
    assert_true(observation.has_classification);
    assert_int_equal(observation.classification_confidence, 9000);
    assert_int_equal(observation.position_confidence, 700); /* what is written is not touched */
    assert_int_equal(track_observe(&mine, &me, 30, 0, &observation), ST_OK);
    assert_true(track_apply_horizon(&mine, 25));
    const struct track_view view = track_view_of(&mine);
    const struct track_label label = spec_label("class-", 1);
    assert_non_null(view.classification);
    assert_int_equal(track_label_compare(&view.classification->classification.value, &label), 0);
}

static void test_an_old_position_is_carried_on_too(void **state)
{
    (void)state;
    (void)view_of_both(10, 9000, 20, 8000);
    struct track_observation observation = spec_observation(3, 2, 700, 0);
    track_observation_carry_on(&mine, 11, &observation);
    assert_true(observation.has_position);
    assert_int_equal(observation.position.latitude_e7, 1);
    assert_int_equal(observation.position_confidence, 9000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nothing_known_is_nothing_to_see, start_anew),
        cmocka_unit_test_setup(test_of_two_that_did_not_know_of_each_other_the_surer_one_wins,
                               start_anew),
        cmocka_unit_test_setup(test_equally_sure_the_newer_one_wins, start_anew),
        cmocka_unit_test_setup(test_at_the_same_stamp_the_greater_writer_wins, start_anew),
        cmocka_unit_test_setup(test_who_knew_of_the_other_wins_though_less_sure, start_anew),
        cmocka_unit_test_setup(test_a_removed_track_is_absent_but_was_seen, start_anew),
        cmocka_unit_test_setup(test_an_old_field_is_carried_on_and_survives_the_horizon,
                               start_anew),
        cmocka_unit_test_setup(test_an_old_position_is_carried_on_too, start_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
