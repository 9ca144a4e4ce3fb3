/* test_track.c - what do observing, removing, expiring and joining do to one track, and what do
 * they refuse? */
#include "common/data/track.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/hlc.h"
#include "tests/support/track_spec.h"

static struct track mine, theirs, before;

static int start_anew(void **state)
{
    (void)state;
    track_init(&mine);
    track_init(&theirs);
    track_init(&before);
    return 0;
}

/* fields as in spec_observation; event tells the values apart. */
static void observe(struct track *track, unsigned node, uint64_t hlc, unsigned fields,
                    unsigned event)
{
    const struct track_writer writer = spec_writer(node);
    const struct track_observation observation = spec_observation(event, fields, 5000, event);
    assert_int_equal(track_observe(track, &writer, hlc, 0, &observation), ST_OK);
    assert_true(track_valid(track));
}

/* -------------------------------------------------------------- observing */

static void test_an_observation_replaces_only_what_it_writes(void **state)
{
    (void)state;
    observe(&mine, 1, 10, 3, 1);
    observe(&mine, 2, 20, 1, 2);
    assert_int_equal(mine.slot_count, 2);
    assert_int_equal(mine.slots[0].position.hlc, 0);
    assert_int_equal(mine.slots[0].classification.hlc, 10);
    assert_int_equal(mine.slots[0].hlc, 10);
    assert_int_equal(mine.slots[1].position.hlc, 20);
    assert_int_equal(mine.slots[1].position.value.latitude_e7, 2);
}

static void test_a_sensor_alone_is_an_observation(void **state)
{
    (void)state;
    observe(&mine, 1, 10, 4, 7);
    assert_int_equal(mine.sensor_count, 1);
    assert_int_equal(mine.sensors[0].hlc, 10);
    assert_int_equal(mine.slots[0].hlc, 10);
    observe(&mine, 1, 11, 4, 7);
    assert_int_equal(mine.sensor_count, 1);
    assert_int_equal(mine.sensors[0].hlc, 11);
}

static void expect_refused(enum status expected, const struct track_observation *observation,
                           uint64_t hlc, uint64_t horizon)
{
    const struct track_writer writer = spec_writer(1);
    track_copy(&before, &mine);
    assert_int_equal(track_observe(&mine, &writer, hlc, horizon, observation), expected);
    assert_true(track_equal(&mine, &before));
}

static void test_a_stamp_that_is_not_new_is_refused(void **state)
{
    (void)state;
    const struct track_observation observation = spec_observation(1, 7, 1, 1);
    observe(&mine, 2, 10, 3, 1);
    expect_refused(ST_STALE, &observation, 10, 0);
    expect_refused(ST_STALE, &observation, 9, 0);
    expect_refused(ST_STALE, &observation, 20, 20);
    expect_refused(ST_FUTURE, &observation, HLC_STAMP_MAX + 1, 0);
    const struct track_writer writer = spec_writer(1);
    assert_int_equal(track_observe(&mine, &writer, HLC_STAMP_MAX, 20, &observation), ST_OK);
    assert_int_equal(mine.slot_count, 1); /* the horizon was applied first */
}

static void test_values_out_of_range_are_refused(void **state)
{
    (void)state;
    const struct track_observation good = spec_observation(1, 15, 10000, 1);
    struct track_observation bad = {0};
    expect_refused(ST_MALFORMED, &bad, 1, 0); /* says nothing */
#define EXPECT_BOUND(field, bound)                                                                 \
    do {                                                                                           \
        bad = good;                                                                                \
        bad.field = (bound) + 1;                                                                   \
        expect_refused(ST_MALFORMED, &bad, 1, 0);                                                  \
        bad.field = -(bound)-1;                                                                    \
        expect_refused(ST_MALFORMED, &bad, 1, 0);                                                  \
        bad.field = INT32_MIN;                                                                     \
        expect_refused(ST_MALFORMED, &bad, 1, 0);                                                  \
        bad.field = -(bound);                                                                      \
        assert_true(track_position_ok(&bad.position));                                             \
    } while (0)
    EXPECT_BOUND(position.latitude_e7, TRACK_LATITUDE_E7_MAX);
    EXPECT_BOUND(position.longitude_e7, TRACK_LONGITUDE_E7_MAX);
    EXPECT_BOUND(position.altitude_mm, TRACK_ALTITUDE_MM_MAX);
    EXPECT_BOUND(position.north_mm_s, TRACK_VELOCITY_MM_S_MAX);
    EXPECT_BOUND(position.east_mm_s, TRACK_VELOCITY_MM_S_MAX);
    EXPECT_BOUND(position.up_mm_s, TRACK_VELOCITY_MM_S_MAX);
    bad = good;
    bad.position.has_velocity = false; /* but there is some */
    expect_refused(ST_MALFORMED, &bad, 1, 0);
    bad = good;
    bad.position_confidence = TRACK_CONFIDENCE_MAX + 1;
    expect_refused(ST_MALFORMED, &bad, 1, 0);
    bad = good;
    bad.classification_confidence = TRACK_CONFIDENCE_MAX + 1;
    expect_refused(ST_MALFORMED, &bad, 1, 0);
    bad = good;
    bad.classification.size = 0;
    expect_refused(ST_MALFORMED, &bad, 1, 0);
    bad = good;
    bad.sensor.text[0] = '\n';
    expect_refused(ST_MALFORMED, &bad, 1, 0);
    const struct track_writer cloud = {.node = {"cloud"}};
    assert_int_equal(track_observe(&mine, &cloud, 1, 0, &good), ST_MALFORMED);
}

/* --------------------------------------------------- removing and expiring */

static void test_a_removal_holds_against_what_was_known_and_not_against_what_was_not(void **state)
{
    (void)state;
    observe(&mine, 1, 10, 3, 1);
    track_copy(&theirs, &mine);
    assert_true(track_remove(&mine));
    assert_false(track_remove(&mine));
    assert_int_equal(track_join(&mine, &theirs, 0), TRACK_JOIN_AHEAD);
    assert_int_equal(mine.slots[0].position.hlc, 0);
    observe(&theirs, 2, 20, 1, 2);
    (void)track_join(&mine, &theirs, 0);
    assert_int_equal(mine.slots[1].position.hlc, 20);
    assert_int_equal(mine.slots[0].classification.hlc, 0);
}

static void test_the_horizon_drops_by_each_items_own_stamp(void **state)
{
    (void)state;
    observe(&mine, 1, 10, 7, 1); /* its classification stays: n02 does not write one */
    observe(&mine, 2, 20, 5, 2);
    assert_false(track_apply_horizon(&mine, 10));
    assert_true(track_apply_horizon(&mine, 11));
    assert_int_equal(mine.slot_count, 1);
    assert_int_equal(mine.sensor_count, 1);
    assert_int_equal(mine.slots[0].position.hlc, 20);
    assert_false(track_is_empty(&mine));
    assert_true(track_apply_horizon(&mine, 21));
    assert_true(track_is_empty(&mine));
}

static void test_an_atom_expires_though_its_writer_was_seen_later(void **state)
{
    (void)state;
    observe(&mine, 1, 10, 2, 1);
    observe(&mine, 1, 20, 1, 2);
    assert_true(track_apply_horizon(&mine, 15));
    assert_int_equal(mine.slots[0].hlc, 20);
    assert_int_equal(mine.slots[0].classification.hlc, 0);
    assert_int_equal(mine.slots[0].position.hlc, 20);
}

static void test_what_expired_does_not_come_back(void **state)
{
    (void)state;
    observe(&mine, 1, 10, 7, 1);
    track_copy(&theirs, &mine);
    assert_true(track_apply_horizon(&mine, 11));
    assert_int_equal(track_join(&mine, &theirs, 11), TRACK_JOIN_AHEAD);
    assert_true(track_is_empty(&mine));
}

/* --------------------------------------------------------------- eviction */

/* A node observed a whole track, the cloud has it; the node forgets it for want of room, and then
 * sees it again, but only its position. */
static void evict_and_see_again(uint32_t incarnation)
{
    struct track_writer writer = spec_writer(1);
    const struct track_observation whole = spec_observation(1, 3, 5000, 0);
    const struct track_observation position = spec_observation(2, 1, 5000, 0);
    assert_int_equal(track_observe(&mine, &writer, 10, 0, &whole), ST_OK);
    (void)track_join(&theirs, &mine, 0);
    track_init(&mine);
    writer.incarnation = incarnation;
    assert_int_equal(track_observe(&mine, &writer, 20, 0, &position), ST_OK);
    (void)track_join(&theirs, &mine, 0);
}

static void test_after_an_eviction_the_classification_survives_elsewhere(void **state)
{
    (void)state;
    evict_and_see_again(1);
    const struct track_view view = track_view_of(&theirs);
    assert_non_null(view.classification);
    assert_non_null(view.position);
    assert_int_equal(view.position->position.hlc, 20);
    /* And the evictor, told so, knows it again. */
    (void)track_join(&mine, &theirs, 0);
    assert_true(track_equal(&mine, &theirs));
}

/* The test of the test above: the law is the incarnation's doing. */
static void test_without_a_new_incarnation_eviction_would_be_forgetting(void **state)
{
    (void)state;
    evict_and_see_again(0);
    assert_null(track_view_of(&theirs).classification);
}

/* ---------------------------------------------------------------- joining */

static void test_a_join_says_who_has_something_to_learn(void **state)
{
    (void)state;
    assert_int_equal(track_join(&mine, &theirs, 0), 0);
    observe(&theirs, 1, 10, 7, 1);
    assert_int_equal(track_join(&mine, &theirs, 0), TRACK_JOIN_CHANGED);
    assert_int_equal(track_join(&mine, &theirs, 0), 0);
    observe(&mine, 2, 20, 4, 2);
    assert_int_equal(track_join(&mine, &theirs, 0), TRACK_JOIN_AHEAD);
    observe(&theirs, 3, 20, 4, 3);
    assert_int_equal(track_join(&mine, &theirs, 0), TRACK_JOIN_CHANGED | TRACK_JOIN_AHEAD);
}

/* A context that grew is a change though nothing of it can be seen: whoever hears of it later must
 * not bring back what it covers. */
static void test_knowledge_that_nobody_sees_is_a_change(void **state)
{
    (void)state;
    observe(&mine, 1, 10, 1, 1);
    observe(&theirs, 2, 5, 1, 2);
    (void)track_remove(&theirs);
    assert_int_equal(track_join(&mine, &theirs, 0), TRACK_JOIN_CHANGED | TRACK_JOIN_AHEAD);
    assert_int_equal(mine.slot_count, 2);
}

static void expect_equivocation(unsigned fields, unsigned my_event, unsigned their_event)
{
    track_init(&mine);
    track_init(&theirs);
    observe(&mine, 1, 10, fields, my_event);
    observe(&theirs, 1, 10, fields, their_event);
    track_copy(&before, &mine);
    const unsigned flags = track_join(&mine, &theirs, 0);
    assert_true((flags & TRACK_JOIN_EQUIVOCATION) != 0);
    assert_true((track_join(&theirs, &before, 0) & TRACK_JOIN_EQUIVOCATION) != 0);
    /* Both sides keep the same one, and with it the alarm falls silent. */
    assert_true(track_equal(&mine, &theirs));
    assert_int_equal(track_join(&mine, &theirs, 0), 0);
    assert_true(((flags & TRACK_JOIN_CHANGED) != 0) == !track_equal(&mine, &before));
}

static void test_two_values_of_one_dot_are_told_and_decided_alike(void **state)
{
    (void)state;
    expect_equivocation(1, 1, 2);
    expect_equivocation(1, 2, 1);
    expect_equivocation(2, 1, 2);
    expect_equivocation(2, 2, 1);
    expect_equivocation(3, 3, 4);
    expect_equivocation(9, 300, 5);
}

/* ----------------------------------------------------------------- bounds */

static void test_a_writer_too_many_buries_the_oldest(void **state)
{
    (void)state;
    for (unsigned node = 0; node < TRACK_WRITERS_MAX; node++) {
        track_init(&theirs);
        observe(&theirs, node, 100 + node, 3, node);
        assert_int_equal(track_join(&mine, &theirs, 0) & TRACK_JOIN_CROWDED, 0);
    }
    assert_int_equal(mine.slot_count, TRACK_WRITERS_MAX);
    track_init(&theirs);
    observe(&theirs, TRACK_WRITERS_MAX, 500, 3, 99);
    track_copy(&before, &mine);
    assert_true((track_join(&mine, &theirs, 0) & TRACK_JOIN_CROWDED) != 0);
    assert_int_equal(mine.slot_count, TRACK_WRITERS_MAX);
    assert_int_equal(mine.floor, 101);
    assert_true(track_valid(&mine));
    /* The buried one does not come back. */
    assert_int_equal(track_join(&mine, &before, 0), TRACK_JOIN_AHEAD);
    /* The horizon takes the floor's place when it has passed it: another state, though no item of
     * it went. */
    track_copy(&theirs, &mine);
    track_init(&before);
    assert_int_equal(track_join(&theirs, &before, 101), TRACK_JOIN_CHANGED | TRACK_JOIN_AHEAD);
    assert_int_equal(theirs.floor, 0);
    assert_int_equal(theirs.slot_count, TRACK_WRITERS_MAX);
    assert_true(track_apply_horizon(&mine, 101));
    assert_int_equal(mine.floor, 0);
}

static void test_an_own_observation_by_a_writer_too_many_buries_the_oldest_too(void **state)
{
    (void)state;
    for (unsigned node = 0; node <= TRACK_WRITERS_MAX; node++)
        observe(&mine, node, 100 + node, 4, 1);
    assert_int_equal(mine.slot_count, TRACK_WRITERS_MAX);
    assert_int_equal(mine.floor, 101);
    assert_int_equal(track_newest_stamp(&mine), 100 + TRACK_WRITERS_MAX);
}

static void test_of_too_many_sensors_the_newest_stay(void **state)
{
    (void)state;
    for (unsigned sensor = 0; sensor < 1000; sensor++)
        observe(&mine, 1, 10 + sensor, 4, sensor);
    assert_int_equal(mine.sensor_count, TRACK_SENSORS_MAX);
    for (unsigned i = 0; i < mine.sensor_count; i++)
        assert_in_range(mine.sensors[i].hlc, 1010 - TRACK_SENSORS_MAX, 1009);
}

/* What the decoders rely on: each rule of the form, broken alone. */
static void test_a_state_of_unlawful_form_is_not_valid(void **state)
{
    (void)state;
    observe(&theirs, 1, 10, 7, 1);
    observe(&mine, 2, 20, 15, 2);
    (void)track_join(&mine, &theirs, 0);
    assert_true(track_valid(&mine));
    track_copy(&before, &mine);
#define EXPECT_INVALID(change)                                                                     \
    do {                                                                                           \
        track_copy(&mine, &before);                                                                \
        change;                                                                                    \
        assert_false(track_valid(&mine));                                                          \
    } while (0)
    EXPECT_INVALID(mine.slot_count = TRACK_WRITERS_MAX + 1);
    EXPECT_INVALID(mine.sensor_count = TRACK_SENSORS_MAX + 1);
    EXPECT_INVALID(mine.floor = HLC_STAMP_MAX + 2);
    EXPECT_INVALID(mine.floor = 11);
    EXPECT_INVALID(mine.slots[1].writer = mine.slots[0].writer);
    EXPECT_INVALID(mine.slots[0].writer = spec_writer(3));
    EXPECT_INVALID(mine.slots[0].writer.node.text[0] = 'N');
    EXPECT_INVALID(mine.slots[0].hlc = 0);
    EXPECT_INVALID(mine.slots[0].hlc = 9);
    EXPECT_INVALID(mine.slots[1].hlc = HLC_STAMP_MAX + 1);
    EXPECT_INVALID(mine.slots[0].position.hlc = 0);
    EXPECT_INVALID(mine.slots[0].position.hlc = 11);
    EXPECT_INVALID(mine.slots[0].position.confidence = 10001);
    EXPECT_INVALID(mine.slots[0].position.value.latitude_e7 = 900000001);
    EXPECT_INVALID(mine.slots[0].classification.hlc = 0);
    EXPECT_INVALID(mine.slots[0].classification.hlc = 11);
    EXPECT_INVALID(mine.slots[0].classification.confidence = 10001);
    EXPECT_INVALID(mine.slots[0].classification.value.size = 0);
    EXPECT_INVALID(mine.slots[0].classification.value.size = TRACK_LABEL_SIZE_MAX + 1);
    EXPECT_INVALID(mine.sensors[1].name = mine.sensors[0].name);
    EXPECT_INVALID(mine.sensors[0].name.text[0] = 0x1F);
    EXPECT_INVALID(mine.sensors[0].hlc = 0);
    EXPECT_INVALID(mine.sensors[0].hlc = 21);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, start_anew)
    const struct CMUnitTest tests[] = {
        TEST(test_an_observation_replaces_only_what_it_writes),
        TEST(test_a_sensor_alone_is_an_observation),
        TEST(test_a_stamp_that_is_not_new_is_refused),
        TEST(test_values_out_of_range_are_refused),
        TEST(test_a_removal_holds_against_what_was_known_and_not_against_what_was_not),
        TEST(test_the_horizon_drops_by_each_items_own_stamp),
        TEST(test_an_atom_expires_though_its_writer_was_seen_later),
        TEST(test_what_expired_does_not_come_back),
        TEST(test_after_an_eviction_the_classification_survives_elsewhere),
        TEST(test_without_a_new_incarnation_eviction_would_be_forgetting),
        TEST(test_a_join_says_who_has_something_to_learn),
        TEST(test_knowledge_that_nobody_sees_is_a_change),
        TEST(test_two_values_of_one_dot_are_told_and_decided_alike),
        TEST(test_a_writer_too_many_buries_the_oldest),
        TEST(test_an_own_observation_by_a_writer_too_many_buries_the_oldest_too),
        TEST(test_of_too_many_sensors_the_newest_stay),
        TEST(test_a_state_of_unlawful_form_is_not_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
