/* test_track_lane.c - how changed tracks reach the cloud: once each, in the order of change, until
 * its acknowledgement says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/edge_tracks.h"

static struct edge_rig rig;
static struct tracks_cloud cloud;
static struct track track;

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

static void see_many(const char *prefix, unsigned count)
{
    char name[64];
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%s-%03u", prefix, i);
        edge_tracks_see(&rig, name, 10);
    }
}

/* Every batch of the last effects goes on where the one before ended. */
static void assert_claims_adjoin(uint64_t from)
{
    const struct track_batch *batch;
    for (size_t n = 0; (batch = edge_tracks_sent(&rig, n)) != NULL; n++) {
        assert_int_equal(batch->head.from_change, from);
        assert_true(batch->head.to_change > from);
        from = batch->head.to_change;
    }
}

/* Batches that the outbox waits to hear of. */
static size_t flights(void)
{
    const struct outbox *outbox = &rig.edge->outbox;
    size_t count = 0;
    for (size_t i = 0; i < outbox->flight_count; i++)
        count += outbox->flights[i].kind == FLIGHT_TRACKS && outbox->flights[i].log != 0;
    return count;
}

/* ---- Batches --------------------------------------------------------------------------------- */

/* The outage's promise: its length in updates does not matter, only its tracks do. */
static void test_a_hundred_updates_of_a_track_travel_as_one(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        edge_tracks_see(&rig, "ship-1", i % 80);
    edge_tracks_see(&rig, "ship-2", 1);
    edge_tracks_connect(&rig, &cloud);
    assert_int_equal(edge_tracks_count(&rig), 2);
    const struct track_batch *batch = edge_tracks_sent(&rig, 0);
    assert_int_equal(batch->head.from_change, 0);
    assert_int_equal(batch->head.to_change, 101);
    assert_true(edge_tracks_has(&rig, "ship-1", &track));
    assert_int_equal(track.slots[0].position.value.latitude_e7, 190000000);
}

static void test_nothing_is_sent_before_the_cloud_has_answered_the_hello(void **state)
{
    (void)state;
    edge_tracks_see(&rig, "ship-1", 1);
    edge_rig_connect(&rig);
    assert_null(edge_tracks_sent(&rig, 0));
    edge_tracks_wait(&rig);
    assert_null(edge_tracks_sent(&rig, 0));
}

static void test_only_the_acknowledgement_moves_the_cursor(void **state)
{
    (void)state;
    see_many("t", 3);
    edge_tracks_connect(&rig, &cloud);
    assert_int_equal(edge_tracks_count(&rig), 3);
    edge_rig_puback_all(&rig);
    assert_int_equal(edge_rig_status(&rig, "tracks_pending"), 3);
    edge_rig_disconnect(&rig);
    edge_tracks_connect(&rig, &cloud);
    assert_int_equal(edge_tracks_count(&rig), 3);
    edge_tracks_ack_all(&rig, &cloud);
    assert_int_equal(edge_rig_status(&rig, "tracks_pending"), 0);
    assert_int_equal(flights(), 0);
    edge_rig_disconnect(&rig);
    edge_tracks_connect(&rig, &cloud);
    assert_null(edge_tracks_sent(&rig, 0));
}

static void test_an_acknowledged_cursor_survives_a_power_cut(void **state)
{
    (void)state;
    see_many("t", 3);
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_ack_all(&rig, &cloud);
    edge_tracks_see(&rig, "new", 1);
    edge_rig_power_cut(&rig);
    assert_int_equal(rig.edge->track_store.pending, 1);
    edge_tracks_connect(&rig, &cloud);
    assert_int_equal(edge_tracks_count(&rig), 1);
    assert_true(edge_tracks_has(&rig, "new", NULL));
    assert_claims_adjoin(3);
}

static void test_a_partial_acknowledgement_leaves_the_rest_pending(void **state)
{
    (void)state;
    see_many("t", 5);
    edge_tracks_connect(&rig, &cloud);
    cloud.knows = true;
    cloud.numbering = rig.edge->track_store.numbering;
    cloud.cursor = 2;
    edge_tracks_ack(&rig, &cloud);
    assert_int_equal(edge_rig_status(&rig, "tracks_pending"), 3);
}

/* A trickle of updates makes a few batches a second, whatever their number. */
static void test_a_second_batch_waits_for_company(void **state)
{
    (void)state;
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_see(&rig, "a", 1);
    assert_int_equal(edge_tracks_count(&rig), 1);
    edge_rig_pass_ms(&rig, 50);
    edge_tracks_see(&rig, "b", 1);
    edge_tracks_see(&rig, "a", 2);
    assert_null(edge_tracks_sent(&rig, 0));
    const uint64_t wakeup_ns = edge_next_wakeup(rig.edge);
    assert_true(wakeup_ns <= rig.now.mono_ns + 150 * UINT64_C(1000000));
    edge_rig_pass_ms(&rig, 150);
    edge_rig_wakeup(&rig);
    assert_int_equal(edge_tracks_count(&rig), 2);
    assert_claims_adjoin(1);
}

static void test_a_backlog_goes_in_full_frames_without_waiting(void **state)
{
    (void)state;
    rig.options.settings.frame_size_max = 1024;
    edge_rig_reopen(&rig);
    see_many("t", 200);
    edge_tracks_connect(&rig, &cloud);
    assert_true(edge_tracks_count(&rig) > 20);
    assert_claims_adjoin(0);
    size_t sent = edge_tracks_count(&rig);
    for (int round = 0; round < 100 && sent < 200; round++) {
        cloud.knows = true;
        cloud.numbering = rig.edge->track_store.numbering;
        cloud.cursor = rig.edge->track_lane.sent;
        edge_tracks_ack(&rig, &cloud);
        sent += edge_tracks_count(&rig);
        edge_rig_puback_all(&rig);
        sent += edge_tracks_count(&rig);
        edge_rig_wakeup(&rig);
        sent += edge_tracks_count(&rig);
    }
    assert_int_equal(sent, 200);
}

/* A track with many writers and sensors is larger than a slow link's frames. */
static void test_the_largest_track_leaves_whole_on_the_slowest_link(void **state)
{
    (void)state;
    rig.options.settings.frame_size_max = 1024;
    edge_rig_reopen(&rig);
    char json[128];
    for (unsigned i = 0; i < TRACK_SENSORS_MAX; i++) {
        snprintf(json, sizeof(json), "{\"sensor\":\"%060u\"}", i);
        assert_int_equal(edge_tracks_observe(&rig, "ship-1", json).status, ST_OK);
    }
    edge_tracks_connect(&rig, &cloud);
    assert_true(edge_tracks_has(&rig, "ship-1", &track));
    assert_int_equal(track.sensor_count, TRACK_SENSORS_MAX);
}

static void test_active_tracks_go_before_historical_ones(void **state)
{
    (void)state;
    see_many("old", 5);
    edge_rig_pass_ms(&rig, 601 * 1000);
    edge_tracks_see(&rig, "new", 1);
    edge_tracks_connect(&rig, &cloud);
    const struct track_batch *batch = edge_tracks_sent(&rig, 0);
    assert_non_null(batch);
    struct level_name name;
    size_t offset = 0;
    assert_true(track_batch_next(batch, &offset, &name, &track));
    assert_string_equal(name.text, "new");
    assert_int_equal(edge_tracks_count(&rig), 6);
    assert_claims_adjoin(0);
    edge_tracks_ack_all(&rig, &cloud);
    assert_int_equal(rig.edge->track_store.pending, 0);
}

/* The way to the cloud's store may lose a frame behind the broker's PUBACK. */
static void test_what_the_cloud_does_not_acknowledge_is_sent_again(void **state)
{
    (void)state;
    edge_tracks_see(&rig, "ship-1", 1);
    edge_tracks_connect(&rig, &cloud);
    assert_int_equal(edge_tracks_count(&rig), 1);
    edge_rig_puback_all(&rig);
    edge_rig_pass_ms(&rig, rig.options.settings.ack_timeout_ms + 1);
    edge_rig_wakeup(&rig);
    edge_tracks_greet(&rig, &cloud);
    assert_int_equal(edge_tracks_count(&rig), 1);
    assert_claims_adjoin(0);
}

/* ---- Echoes ---------------------------------------------------------------------------------- */

static void test_what_the_cloud_taught_is_not_sent_back(void **state)
{
    (void)state;
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_foreign(&track, "edge-2", edge_tracks_stamp(&rig, 0), 5, NULL);
    edge_tracks_hear(&rig, &(struct tracks_batch_spec){
                               .to = 1, .count = 1, .names = {"ship-1"}, .tracks = {&track}});
    assert_int_equal(rig.edge->track_store.count, 1);
    edge_tracks_wait(&rig);
    assert_null(edge_tracks_sent(&rig, 0));
    assert_int_equal(edge_rig_status(&rig, "tracks_pending"), 0);
}

static void test_a_join_that_knows_more_than_the_cloud_goes_up(void **state)
{
    (void)state;
    edge_tracks_see(&rig, "ship-1", 1);
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_ack_all(&rig, &cloud);
    edge_tracks_foreign(&track, "edge-2", edge_tracks_stamp(&rig, 0), 5, NULL);
    edge_tracks_hear(&rig, &(struct tracks_batch_spec){
                               .to = 1, .count = 1, .names = {"ship-1"}, .tracks = {&track}});
    edge_tracks_wait(&rig);
    assert_true(edge_tracks_has(&rig, "ship-1", &track));
    assert_int_equal(track.slot_count, 2);
}

/* The acknowledgement was lost, but the cloud's own copy says that it has our state. */
static void test_a_state_that_the_cloud_turns_out_to_have_is_not_pending(void **state)
{
    (void)state;
    edge_tracks_see(&rig, "ship-1", 1);
    edge_tracks_connect(&rig, &cloud);
    assert_true(edge_tracks_has(&rig, "ship-1", &track));
    edge_tracks_hear(&rig, &(struct tracks_batch_spec){
                               .to = 1, .count = 1, .names = {"ship-1"}, .tracks = {&track}});
    assert_int_equal(edge_rig_status(&rig, "tracks_pending"), 0);
}

static void test_a_claim_passes_over_what_the_cloud_taught(void **state)
{
    (void)state;
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_foreign(&track, "edge-2", edge_tracks_stamp(&rig, 0), 5, NULL);
    edge_tracks_hear(&rig, &(struct tracks_batch_spec){
                               .to = 1, .count = 1, .names = {"far"}, .tracks = {&track}});
    edge_tracks_see(&rig, "near", 1);
    const struct track_batch *batch = edge_tracks_sent(&rig, 0);
    if (batch == NULL) fail_msg("no batch was sent");
    assert_int_equal(batch->track_count, 1);
    assert_int_equal(batch->head.from_change, 0);
    assert_int_equal(batch->head.to_change, 2);
}

/* The numbers of taught rows stand in no index: a restart must not give them out again. */
static void test_change_numbers_are_never_given_out_twice(void **state)
{
    (void)state;
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_foreign(&track, "edge-2", edge_tracks_stamp(&rig, 0), 5, NULL);
    edge_tracks_hear(&rig, &(struct tracks_batch_spec){
                               .to = 1, .count = 1, .names = {"far"}, .tracks = {&track}});
    assert_int_equal(rig.edge->track_store.counter, 1);
    edge_rig_power_cut(&rig);
    assert_int_equal(rig.edge->track_store.counter, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_hundred_updates_of_a_track_travel_as_one),
        TEST(test_nothing_is_sent_before_the_cloud_has_answered_the_hello),
        TEST(test_only_the_acknowledgement_moves_the_cursor),
        TEST(test_an_acknowledged_cursor_survives_a_power_cut),
        TEST(test_a_partial_acknowledgement_leaves_the_rest_pending),
        TEST(test_a_second_batch_waits_for_company),
        TEST(test_a_backlog_goes_in_full_frames_without_waiting),
        TEST(test_the_largest_track_leaves_whole_on_the_slowest_link),
        TEST(test_active_tracks_go_before_historical_ones),
        TEST(test_what_the_cloud_does_not_acknowledge_is_sent_again),
        TEST(test_what_the_cloud_taught_is_not_sent_back),
        TEST(test_a_join_that_knows_more_than_the_cloud_goes_up),
        TEST(test_a_state_that_the_cloud_turns_out_to_have_is_not_pending),
        TEST(test_a_claim_passes_over_what_the_cloud_taught),
        TEST(test_change_numbers_are_never_given_out_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
