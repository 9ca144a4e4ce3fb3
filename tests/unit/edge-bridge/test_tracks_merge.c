/* test_tracks_merge.c - the cloud's tracks at the edge, and its horizon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/state_msg.h"
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

static struct state_report state_sent(void)
{
    struct state_report report;
    struct bytes body;
    edge_tracks_wait(&rig);
    assert_true(edge_rig_frame(&rig, FRAME_STATE, 0, &body));
    assert_int_equal(state_msg_decode(rig.unpacker, body, &report), ST_OK);
    return report;
}

/* The value that counts for people. */
static int latitude_of(const char *name)
{
    assert_true(edge_tracks_held(&rig, name, &track));
    const struct track_view view = track_view_of(&track);
    assert_non_null(view.position);
    return view.position->position.value.latitude_e7 / 10000000;
}

/* ---- The cloud's batches --------------------------------------------------------------------- */

static void test_a_batch_of_the_cloud_is_joined_and_its_claim_reported(void **state)
{
    (void)state;
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_foreign(&foreign, "edge-2", edge_tracks_stamp(&rig, 0), 5, NULL);
    hear_one(0, 17, "ship-1", &foreign);
    assert_int_equal(latitude_of("ship-1"), 5);
    const struct state_report report = state_sent();
    assert_true(report.has_down);
    assert_true(store_id_equal(&report.down_store, &rig.store));
    assert_int_equal(report.down_cursor, 17);
    edge_rig_power_cut(&rig);
    assert_int_equal(rig.edge->track_lane.down_cursor, 17);
    assert_int_equal(latitude_of("ship-1"), 5);
}

static void test_a_batch_beyond_a_gap_is_joined_but_not_claimed(void **state)
{
    (void)state;
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_foreign(&foreign, "edge-2", edge_tracks_stamp(&rig, 0), 5, NULL);
    hear_one(3, 17, "ship-1", &foreign);
    assert_int_equal(latitude_of("ship-1"), 5);
    assert_int_equal(state_sent().down_cursor, 0);
    hear_one(0, 3, "ship-2", &foreign);
    assert_int_equal(state_sent().down_cursor, 3);
    hear_one(2, 17, "ship-1", &foreign);
    assert_int_equal(state_sent().down_cursor, 17);
    /* An old one, repeated, does not take it back. */
    hear_one(0, 3, "ship-2", &foreign);
    assert_int_equal(state_sent().down_cursor, 17);
}

static void test_the_changes_of_a_new_store_are_counted_from_the_beginning(void **state)
{
    (void)state;
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_foreign(&foreign, "edge-2", edge_tracks_stamp(&rig, 0), 5, NULL);
    hear_one(0, 17, "ship-1", &foreign);
    edge_rig_disconnect(&rig);
    memset(rig.store.bytes, 0x52, STORE_ID_SIZE);
    edge_tracks_connect(&rig, &cloud);
    hear_one(4, 6, "ship-1", &foreign);
    assert_int_equal(state_sent().down_cursor, 0);
}

/* The claims passed over what the narrower interest kept away. */
static void test_with_another_interest_everything_is_asked_for_again(void **state)
{
    (void)state;
    rig.options.settings.interest = INTEREST_GROUPS;
    edge_rig_reopen(&rig);
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_foreign(&foreign, "edge-2", edge_tracks_stamp(&rig, 0), 5, NULL);
    hear_one(0, 17, "ship-1", &foreign);
    edge_rig_reopen(&rig);
    edge_tracks_connect(&rig, &cloud);
    assert_int_equal(rig.edge->track_lane.down_cursor, 17);
    rig.options.settings.interest = INTEREST_ALL;
    edge_rig_reopen(&rig);
    assert_int_equal(rig.edge->track_lane.down_cursor, 0);
    edge_rig_reopen(&rig);
    assert_int_equal(rig.edge->track_lane.down_cursor, 0);
}

/* edge-1 is in group g, and so is edge-2 when it is said to be. */
static void hear_roster(uint64_t version, bool both)
{
    static struct roster roster;
    memset(&roster, 0, sizeof(roster));
    roster.version = version;
    roster.group_count = 1;
    roster.node_count = 2;
    roster.groups[0] = (struct level_name){"g"};
    roster.nodes[0].name = (struct node_name){"edge-1"};
    roster.nodes[1].name = (struct node_name){"edge-2"};
    roster.nodes[0].group_count = 1;
    roster.nodes[1].group_count = both;
    struct buf body = buf_of(rig.scratch, BODY_SIZE_MAX);
    roster_msg_encode(&roster, &body);
    assert_true(buf_ok(&body));
    edge_rig_hear(&rig, TOPIC_ROSTER, FRAME_ROSTER, buf_bytes(&body));
    edge_rig_wakeup(&rig);
}

static size_t digest_tracks(void)
{
    static struct track_digests digests;
    size_t count = 0;
    assert_int_equal(track_store_digests(rig.edge, 0, false, &digests), ST_OK);
    for (size_t i = 0; i < TRACK_BUCKETS; i++)
        count += digests.buckets[i] != 0;
    return count;
}

/* The cloud compares with what a member of our groups has observed, and so must we. */
static void test_a_comparison_by_groups_leaves_out_what_no_member_has_observed(void **state)
{
    (void)state;
    rig.options.settings.interest = INTEREST_GROUPS;
    edge_rig_reopen(&rig);
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_see(&rig, "own", 1);
    edge_tracks_foreign(&foreign, "edge-2", edge_tracks_stamp(&rig, 0), 5, NULL);
    hear_one(0, 17, "ship-1", &foreign);
    /* Before the roster was heard nobody can tell. */
    assert_int_equal(digest_tracks(), 2);
    hear_roster(1, false);
    assert_int_equal(digest_tracks(), 1);
    hear_roster(2, true);
    assert_int_equal(digest_tracks(), 2);
}

/* A cloud whose clock runs away must not make every edge's stamps run with it. */
static void test_a_track_beyond_our_clock_is_left_out_and_asked_for_again(void **state)
{
    (void)state;
    static struct track future;
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_foreign(&foreign, "edge-2", edge_tracks_stamp(&rig, 0), 5, NULL);
    edge_tracks_foreign(&future, "edge-2", edge_tracks_stamp(&rig, -DAY_MS), 6, NULL);
    edge_tracks_hear(
        &rig, &(struct tracks_batch_spec){
                  .to = 9, .count = 2, .names = {"bad", "good"}, .tracks = {&future, &foreign}});
    assert_int_equal(latitude_of("good"), 5);
    assert_false(edge_tracks_held(&rig, "bad", &track));
    assert_int_equal(state_sent().down_cursor, 0);
    assert_int_equal(rig.edge->tracks.future, 1);
    assert_true(hlc_ms(rig.edge->hlc.last) < rig.now.wall_ns / 1000000 + 2 * HOUR_MS);
}

static void test_a_malformed_batch_is_counted_and_changes_nothing(void **state)
{
    (void)state;
    edge_tracks_connect(&rig, &cloud);
    edge_rig_hear(&rig, TOPIC_TRACKS_DOWN, FRAME_TRACKS, BYTES_LITERAL("\x97\x00\x05"));
    assert_int_equal(edge_rig_status(&rig, "frames_refused"), 1);
    assert_int_equal(rig.edge->track_store.count, 0);
}

static void test_a_concurrent_observation_lives_beside_ours_until_we_see_both(void **state)
{
    (void)state;
    edge_tracks_see(&rig, "ship-1", 1);
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_foreign(&foreign, "edge-2", edge_tracks_stamp(&rig, 0), 5, NULL);
    hear_one(0, 1, "ship-1", &foreign);
    assert_true(edge_tracks_held(&rig, "ship-1", &track));
    assert_int_equal(track_view_of(&track).position_count, 2);
    edge_tracks_see(&rig, "ship-1", 9);
    assert_true(edge_tracks_held(&rig, "ship-1", &track));
    assert_int_equal(track_view_of(&track).position_count, 1);
    assert_int_equal(latitude_of("ship-1"), 9);
}

static void test_one_dot_with_two_values_is_an_alarm(void **state)
{
    (void)state;
    static struct track other;
    const uint64_t stamp = edge_tracks_stamp(&rig, 0);
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_foreign(&foreign, "edge-2", stamp, 5, NULL);
    edge_tracks_foreign(&other, "edge-2", stamp, 6, NULL);
    hear_one(0, 1, "ship-1", &foreign);
    hear_one(1, 2, "ship-1", &other);
    assert_int_equal(rig.edge->tracks.equivocations, 1);
    assert_int_equal(latitude_of("ship-1"), 6);
}

/* SQLite does not notice a flipped bit in a blob. */
static void test_a_damaged_row_is_forgotten_and_costs_the_incarnation(void **state)
{
    (void)state;
    edge_tracks_see(&rig, "ship-1", 1);
    edge_tracks_see(&rig, "ship-2", 2);
    const uint32_t incarnation = rig.edge->track_store.incarnation;
    assert_int_equal(db_execute(rig.edge->db, "UPDATE track SET state = x'0102' WHERE name ="
                                              " 'ship-1'"),
                     ST_OK);
    static struct track_digests digests;
    assert_int_equal(track_store_digests(rig.edge, 0, true, &digests), ST_OK);
    assert_false(edge_tracks_held(&rig, "ship-1", &track));
    assert_int_equal(rig.edge->track_store.count, 1);
    assert_int_equal(rig.edge->track_store.pending, 1);
    assert_int_not_equal(rig.edge->track_store.incarnation, incarnation);
    assert_int_equal(latitude_of("ship-2"), 2);
}

/* ---- The horizon ----------------------------------------------------------------------------- */

static void hear_horizon(int64_t ago_ms)
{
    edge_tracks_hear(&rig, &(struct tracks_batch_spec){.horizon = edge_tracks_stamp(&rig, ago_ms)});
}

static void test_the_horizon_kills_what_is_older(void **state)
{
    (void)state;
    edge_tracks_see(&rig, "old", 1);
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_ack_all(&rig, &cloud);
    edge_rig_pass_ms(&rig, 3 * HOUR_MS);
    edge_tracks_see(&rig, "new", 2);
    edge_tracks_ack_all(&rig, &cloud);
    hear_horizon(2 * HOUR_MS);
    assert_false(edge_tracks_held(&rig, "old", &track));
    assert_int_equal(latitude_of("new"), 2);
    edge_rig_wakeup(&rig);
    assert_int_equal(rig.edge->track_store.count, 1);
    edge_rig_power_cut(&rig);
    assert_false(edge_tracks_held(&rig, "old", &track));
}

static void test_a_state_from_before_the_horizon_does_not_come_back(void **state)
{
    (void)state;
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_foreign(&foreign, "edge-2", edge_tracks_stamp(&rig, 3 * HOUR_MS), 5, NULL);
    hear_horizon(2 * HOUR_MS);
    hear_one(0, 1, "ship-1", &foreign);
    assert_false(edge_tracks_held(&rig, "ship-1", &track));
    assert_int_equal(rig.edge->track_store.count, 0);
    assert_int_equal(state_sent().down_cursor, 1);
}

static void test_a_horizon_too_near_to_now_is_refused(void **state)
{
    (void)state;
    edge_tracks_see(&rig, "ship-1", 1);
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_ack_all(&rig, &cloud);
    edge_rig_pass_ms(&rig, 30 * 60 * 1000);
    hear_horizon(29 * 60 * 1000);
    assert_true(edge_tracks_held(&rig, "ship-1", &track));
    assert_int_equal(rig.edge->track_store.horizon, 0);
    assert_int_equal(rig.edge->tracks.future, 1);
}

static void test_the_horizon_never_goes_back(void **state)
{
    (void)state;
    edge_tracks_connect(&rig, &cloud);
    hear_horizon(2 * HOUR_MS);
    const uint64_t horizon = rig.edge->track_store.horizon;
    assert_true(horizon > 0);
    hear_horizon(5 * HOUR_MS);
    assert_int_equal(rig.edge->track_store.horizon, horizon);
}

/* Away for longer than the retention: what was seen there goes to the archive first. */
static void test_what_was_never_sent_goes_up_before_the_horizon_falls_on_it(void **state)
{
    (void)state;
    edge_tracks_see(&rig, "old", 1);
    edge_rig_pass_ms(&rig, 3 * HOUR_MS);
    cloud.horizon = edge_tracks_stamp(&rig, 2 * HOUR_MS);
    edge_tracks_connect(&rig, &cloud);
    assert_true(edge_tracks_has(&rig, "old", NULL));
    assert_true(edge_tracks_held(&rig, "old", &track));
    assert_int_equal(rig.edge->track_store.horizon, 0);
    /* New observations do not put it off for ever. */
    edge_tracks_see(&rig, "new", 2);
    cloud.knows = true;
    cloud.numbering = rig.edge->track_store.numbering;
    cloud.cursor = 1;
    edge_tracks_ack(&rig, &cloud);
    edge_rig_wakeup(&rig);
    assert_int_equal(rig.edge->track_store.horizon, cloud.horizon);
    assert_false(edge_tracks_held(&rig, "old", &track));
    assert_true(edge_tracks_held(&rig, "new", &track));
}

/* A ship that is seen every hour stays a ferry, though nobody says so again. */
static void test_a_classification_is_carried_on_as_the_horizon_comes_near(void **state)
{
    (void)state;
    assert_int_equal(edge_tracks_observe(&rig, "ship-1", "{\"classification\":\"ferry\"}").status,
                     ST_OK);
    edge_tracks_connect(&rig, &cloud);
    edge_rig_pass_ms(&rig, 3 * HOUR_MS);
    edge_tracks_ack_all(&rig, &cloud);
    hear_horizon(3 * HOUR_MS + 60 * 1000);
    edge_tracks_see(&rig, "ship-1", 2);
    edge_tracks_ack_all(&rig, &cloud);
    hear_horizon(2 * HOUR_MS);
    assert_true(edge_tracks_held(&rig, "ship-1", &track));
    const struct track_view view = track_view_of(&track);
    assert_non_null(view.classification);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_batch_of_the_cloud_is_joined_and_its_claim_reported),
        TEST(test_a_batch_beyond_a_gap_is_joined_but_not_claimed),
        TEST(test_the_changes_of_a_new_store_are_counted_from_the_beginning),
        TEST(test_with_another_interest_everything_is_asked_for_again),
        TEST(test_a_comparison_by_groups_leaves_out_what_no_member_has_observed),
        TEST(test_a_track_beyond_our_clock_is_left_out_and_asked_for_again),
        TEST(test_a_malformed_batch_is_counted_and_changes_nothing),
        TEST(test_a_concurrent_observation_lives_beside_ours_until_we_see_both),
        TEST(test_one_dot_with_two_values_is_an_alarm),
        TEST(test_a_damaged_row_is_forgotten_and_costs_the_incarnation),
        TEST(test_the_horizon_kills_what_is_older),
        TEST(test_a_state_from_before_the_horizon_does_not_come_back),
        TEST(test_a_horizon_too_near_to_now_is_refused),
        TEST(test_the_horizon_never_goes_back),
        TEST(test_what_was_never_sent_goes_up_before_the_horizon_falls_on_it),
        TEST(test_a_classification_is_carried_on_as_the_horizon_comes_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
