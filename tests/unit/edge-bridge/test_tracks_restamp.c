/* test_tracks_restamp.c - own stamps given anew after the clock was wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/edge_tracks.h"

static struct edge_rig rig;
static struct tracks_cloud cloud;
static struct track track, foreign;

enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS };

static int set_up(void **state)
{
    (void)state;
    edge_rig_open(&rig);
    edge_rig_pass_ms(&rig, 2000);
    cloud = (struct tracks_cloud){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_rig_close(&rig);
    return 0;
}

static void hear_one(uint64_t from, uint64_t to, const char *name, const struct track *said)
{
    edge_tracks_hear(&rig,
                     &(struct tracks_batch_spec){
                         .from = from, .to = to, .count = 1, .names = {name}, .tracks = {said}});
}

/* The value that counts for people. */
static int latitude_of(const char *name)
{
    assert_true(edge_tracks_held(&rig, name, &track));
    const struct track_view view = track_view_of(&track);
    assert_non_null(view.position);
    return view.position->position.value.latitude_e7 / 10000000;
}

/* The edge runs ahead by this much; the cloud and the world do not. */
static void connect_ahead(int64_t ahead_ms)
{
    cloud.ahead_ms = -ahead_ms;
    edge_tracks_connect(&rig, &cloud);
}

static uint64_t true_stamp(int64_t ago_ms)
{
    return (uint64_t)(rig.now.wall_ns / 1000000 + cloud.ahead_ms - ago_ms) << 16;
}

static void test_a_clock_a_day_ahead_is_healed_and_its_tracks_tell_the_true_time(void **state)
{
    (void)state;
    const uint32_t incarnation = rig.edge->track_store.incarnation;
    assert_int_equal(edge_tracks_observe(&rig, "ship-1",
                                         "{\"position\":{\"lat\":1,\"lon\":1},"
                                         "\"classification\":\"ferry\",\"sensor\":\"eye\"}")
                         .status,
                     ST_OK);
    edge_rig_pass_ms(&rig, 60 * 1000);
    assert_int_equal(edge_tracks_observe(&rig, "ship-1", "{\"sensor\":\"radar\"}").status, ST_OK);
    edge_rig_pass_ms(&rig, 10 * 1000);
    connect_ahead(DAY_MS);
    assert_true(edge_tracks_held(&rig, "ship-1", &track));
    assert_int_equal(track.slot_count, 1);
    assert_int_not_equal(track.slots[0].writer.incarnation, incarnation);
    assert_non_null(track_view_of(&track).position);
    assert_non_null(track_view_of(&track).classification);
    assert_int_equal(track.sensor_count, 2);
    /* The last observation, ten seconds and the way to the connection ago. */
    const int64_t ago_ms = (int64_t)(true_stamp(0) >> 16) - hlc_ms(track.slots[0].hlc);
    assert_in_range(ago_ms, 10 * 1000, 15 * 1000);
    assert_true(edge_tracks_has(&rig, "ship-1", NULL));
    edge_rig_power_cut(&rig);
    assert_int_equal(rig.edge->track_store.pending, 1);
}

static void test_an_honest_later_write_elsewhere_wins_over_a_healed_one(void **state)
{
    (void)state;
    edge_tracks_see(&rig, "ship-1", 1);
    edge_rig_pass_ms(&rig, 60 * 1000);
    connect_ahead(365 * (int64_t)DAY_MS);
    edge_tracks_foreign(&foreign, "edge-2", true_stamp(30 * 1000), 5, NULL);
    hear_one(0, 1, "ship-1", &foreign);
    assert_int_equal(latitude_of("ship-1"), 5);
    edge_tracks_see(&rig, "ship-1", 7);
    assert_int_equal(latitude_of("ship-1"), 7);
}

/* What the cloud admitted stays as it is: the same dots, in the same slot. */
static void test_admitted_stamps_are_left_alone(void **state)
{
    (void)state;
    edge_tracks_see(&rig, "ship-1", 1);
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_ack_all(&rig, &cloud);
    assert_true(edge_tracks_held(&rig, "ship-1", &track));
    cloud.admitted = track.slots[0].hlc;
    edge_rig_disconnect(&rig);
    /* The node boots again with a clock that is a day ahead. */
    rig.now.wall_ns += (int64_t)DAY_MS * 1000000;
    rig.options.boot_id[0] ^= 1;
    edge_rig_reopen(&rig);
    edge_rig_pass_ms(&rig, 5000);
    assert_int_equal(edge_tracks_observe(&rig, "ship-1", "{\"classification\":\"ferry\"}").status,
                     ST_OK);
    connect_ahead(DAY_MS);
    assert_true(edge_tracks_held(&rig, "ship-1", &track));
    assert_int_equal(track.slot_count, 2);
    size_t admitted = 0;
    for (unsigned i = 0; i < 2; i++) {
        assert_true(track.slots[i].hlc <= true_stamp(-HLC_EPS_MIN_MS));
        admitted +=
            track.slots[i].hlc == cloud.admitted && track.slots[i].position.hlc == cloud.admitted;
    }
    assert_int_equal(admitted, 1);
    assert_true(track_valid(&track));
}

/* The cloud's refusal alone is enough, with no new connection. */
static void test_a_refusal_for_the_future_heals_too(void **state)
{
    (void)state;
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_see(&rig, "ship-1", 1);
    assert_true(edge_tracks_held(&rig, "ship-1", &track));
    const uint64_t before = track.slots[0].hlc;
    edge_rig_pass_ms(&rig, 1000);
    cloud.ahead_ms = -HOUR_MS;
    edge_tracks_nack_future(&rig, &cloud);
    assert_true(edge_tracks_held(&rig, "ship-1", &track));
    assert_true(track.slots[0].hlc < before);
    assert_true(edge_tracks_has(&rig, "ship-1", NULL));
}

static void test_every_healed_state_is_valid_however_it_was_mixed(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    edge_tracks_connect(&rig, &cloud);
    for (unsigned i = 0; i < 40; i++) {
        char name[32], json[96];
        snprintf(name, sizeof(name), "t-%u", (unsigned)rng_below(&rng, 6));
        static const char *const said[] = {"\"position\":{\"lat\":1,\"lon\":1}",
                                           "\"classification\":\"ferry\""};
        snprintf(json, sizeof(json), "{%s,\"sensor\":\"s-%u\"}", said[rng_below(&rng, 2)],
                 (unsigned)rng_below(&rng, 5));
        assert_int_equal(edge_tracks_observe(&rig, name, json).status, ST_OK);
        if (i == 20) {
            /* So far it was lawful; then the clock, not connected to anything, runs away. */
            cloud.admitted = rig.edge->hlc.last;
            edge_tracks_ack_all(&rig, &cloud);
            edge_rig_disconnect(&rig);
            rig.now.wall_ns += (int64_t)DAY_MS * 1000000;
            rig.options.boot_id[0] ^= 1;
            edge_rig_reopen(&rig);
        }
        edge_rig_pass_ms(&rig, 100);
    }
    connect_ahead(DAY_MS);
    for (unsigned i = 0; i < 6; i++) {
        char name[32];
        snprintf(name, sizeof(name), "t-%u", i);
        if (!edge_tracks_held(&rig, name, &track)) continue;
        assert_true(track_valid(&track));
        assert_true(track_newest_stamp(&track) <= true_stamp(-HLC_EPS_MAX_MS));
    }
    const uint64_t counter = rig.edge->track_store.counter;
    edge_tracks_see(&rig, "t-1", 8);
    assert_int_equal(rig.edge->track_store.counter, counter + 1);
    assert_int_equal(latitude_of("t-1"), 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_clock_a_day_ahead_is_healed_and_its_tracks_tell_the_true_time),
        TEST(test_an_honest_later_write_elsewhere_wins_over_a_healed_one),
        TEST(test_admitted_stamps_are_left_alone),
        TEST(test_a_refusal_for_the_future_heals_too),
        TEST(test_every_healed_state_is_valid_however_it_was_mixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
