/* test_tracks_down.c - what edges are sent: what they lack and want, from where they stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud-consumer/tracks_state.h"
#include "tests/support/track_rig.h"

static struct cloud_rig rig;
static struct track_node a, b, c;
static struct track track;
static struct track_frame frame;

static int set_up(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    track_node_open(&rig, &a, "edge-1", 1);
    track_node_open(&rig, &b, "edge-2", 2);
    track_node_open(&rig, &c, "edge-3", 3);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    track_node_close(&a);
    track_node_close(&b);
    track_node_close(&c);
    cloud_rig_close(&rig);
    return 0;
}

static void wait_ms(uint64_t ms)
{
    cloud_rig_pass_ms(&rig, ms);
    cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
}

static bool holds(const char *name)
{
    for (size_t i = 0; i < frame.count; i++)
        if (strcmp(frame.names[i].text, name) == 0) return true;
    return false;
}

/* ---------------------------------------------------------------- the lane */

static void test_an_edge_gets_what_another_one_saw(void **state)
{
    (void)state;
    track_node_meet(&rig, &a);
    track_node_meet(&rig, &b);
    track_rig_send_one(&rig, &a, "T1", 5);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_int_equal(frame.head.from_change, 0);
    assert_int_equal(frame.head.to_change, 1);
    assert_int_equal(frame.count, 1);
    assert_true(holds("T1"));
    assert_true(track_rig_down_state(&rig, &b, 0, "T1", &track));
    assert_int_equal(track.slots[0].position.value.latitude_e7, 5);
    assert_false(track_rig_down(&rig, &b, 1, &frame));
}

static void test_what_an_edge_taught_us_is_not_sent_back(void **state)
{
    (void)state;
    track_node_meet(&rig, &a);
    track_rig_send_one(&rig, &a, "T1", 5);
    assert_false(track_rig_down(&rig, &a, 0, &frame));
    wait_ms(1000);
    assert_false(track_rig_down(&rig, &a, 0, &frame));
}

/* The edge learns nothing new of what it sent, but of what the join made of it. */
static void test_what_the_join_changed_goes_back_to_its_sender(void **state)
{
    (void)state;
    b.interest = INTEREST_NONE;
    track_node_meet(&rig, &a);
    track_node_meet(&rig, &b);
    track_rig_send_one(&rig, &b, "T1", 5);
    assert_true(track_rig_down(&rig, &a, 0, &frame));
    track_node_acknowledge(&rig, &a, 1);
    track_rig_send_one(&rig, &a, "T1", 6);
    wait_ms(TRACK_PAUSE_MS);
    assert_true(track_rig_down(&rig, &a, 0, &frame));
    assert_int_equal(frame.head.from_change, 1);
    assert_true(track_rig_down_state(&rig, &a, 0, "T1", &track));
    assert_int_equal(track.slot_count, 2);
}

static void test_changes_passed_over_are_claimed_by_the_next_frame(void **state)
{
    (void)state;
    track_node_meet(&rig, &a);
    track_node_meet(&rig, &b);
    track_rig_send_many(&rig, &a, "A", 5, 0);
    track_rig_send_one(&rig, &b, "B", 1);
    assert_true(track_rig_down(&rig, &a, 0, &frame));
    assert_int_equal(frame.head.from_change, 0);
    assert_int_equal(frame.head.to_change, 6);
    assert_int_equal(frame.count, 1);
}

/* Else a node that only sends is walked over from the beginning at each reconnect. */
static void test_many_changes_passed_over_are_claimed_by_an_empty_frame(void **state)
{
    (void)state;
    track_node_meet(&rig, &a);
    track_rig_send_many(&rig, &a, "A", 3, 0);
    wait_ms(TRACK_PASSED_MS - 1);
    assert_false(track_rig_down(&rig, &a, 0, &frame));
    assert_int_equal(cloud_next_wakeup(rig.cloud), rig.now.mono_ns + 1000000);
    wait_ms(1);
    assert_true(track_rig_down(&rig, &a, 0, &frame));
    assert_int_equal(frame.count, 0);
    assert_int_equal(frame.head.to_change, 3);
    track_node_acknowledge(&rig, &a, 3);
    cloud_rig_pass_ms(&rig, TRACK_PAUSE_MS);
    track_rig_send_many(&rig, &a, "B", TRACK_PASSED_MAX, 0);
    assert_true(track_rig_down(&rig, &a, 0, &frame));
    assert_int_equal(frame.count, 0);
    assert_int_equal(frame.head.from_change, 3);
}

/* However many updates there were, one state travels. */
static void test_updates_of_one_track_are_coalesced(void **state)
{
    (void)state;
    track_node_meet(&rig, &a);
    for (unsigned i = 0; i < 20; i++) {
        track_rig_send_one(&rig, &a, "T1", i);
        cloud_rig_pass_ms(&rig, 3);
    }
    track_node_meet(&rig, &b);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_int_equal(frame.count, 1);
    assert_int_equal(frame.head.to_change, 20);
    assert_false(track_rig_down(&rig, &b, 1, &frame));
}

static void test_small_frames_to_one_edge_keep_a_distance(void **state)
{
    (void)state;
    track_node_meet(&rig, &a);
    track_node_meet(&rig, &b);
    track_rig_send_one(&rig, &a, "T1", 1);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    for (unsigned i = 2; i < 10; i++) {
        track_rig_send_one(&rig, &a, track_rig_name("T", i).text, i);
        assert_false(track_rig_down(&rig, &b, 0, &frame));
    }
    assert_int_equal(cloud_next_wakeup(rig.cloud),
                     rig.now.mono_ns + TRACK_PAUSE_MS * UINT64_C(1000000));
    wait_ms(TRACK_PAUSE_MS);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_int_equal(frame.count, 8);
}

/* ------------------------------------------------------------------ cursor */

static void test_an_edge_goes_on_from_its_cursor(void **state)
{
    (void)state;
    track_node_meet(&rig, &a);
    track_rig_send_many(&rig, &a, "T", 10, 0);
    track_node_hello(&rig, &b);
    track_node_acknowledge(&rig, &b, 7);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_int_equal(frame.head.from_change, 7);
    assert_int_equal(frame.count, 3);
}

static void test_a_cursor_of_another_store_or_beyond_our_counter_is_worth_nothing(void **state)
{
    (void)state;
    track_node_meet(&rig, &a);
    track_rig_send_many(&rig, &a, "T", 10, 0);
    track_node_hello(&rig, &b);
    b.store.bytes[0] ^= 1;
    track_node_acknowledge(&rig, &b, 7);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_int_equal(frame.count, 10);
    track_node_hello(&rig, &b);
    track_node_acknowledge(&rig, &b, 11);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_int_equal(frame.head.from_change, 0);
    assert_int_equal(frame.count, 10);
}

/* Its disk was replaced: what it taught us is news to it. */
static void test_an_edge_that_knows_nothing_gets_its_own_tracks_back(void **state)
{
    (void)state;
    track_node_meet(&rig, &a);
    track_rig_send_many(&rig, &a, "T", 10, 0);
    a.numbering = 9;
    a.counter = 0;
    track_node_meet(&rig, &a);
    assert_true(track_rig_down(&rig, &a, 0, &frame));
    assert_int_equal(frame.count, 10);
}

static void test_nothing_goes_to_an_edge_that_has_not_told_its_state(void **state)
{
    (void)state;
    track_node_meet(&rig, &a);
    track_node_hello(&rig, &b);
    track_rig_send_one(&rig, &a, "T1", 5);
    assert_false(track_rig_down(&rig, &b, 0, &frame));
}

/* The cloud forgets all about connections when it restarts. */
static void test_a_restarted_cloud_waits_for_each_state(void **state)
{
    (void)state;
    track_node_meet(&rig, &a);
    track_rig_send_one(&rig, &a, "T1", 5);
    track_node_meet(&rig, &b);
    cloud_rig_reopen(&rig);
    wait_ms(1000);
    assert_false(track_rig_down(&rig, &b, 0, &frame));
    track_node_tell(&rig, &b);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
}

static void say_offline(struct track_node *node)
{
    struct buf body = buf_of(rig.scratch, 4096);
    const struct status_report report = {.reason = BYTES_LITERAL("gone"), .wall_ms = 1};
    status_msg_encode(&report, &body);
    cloud_rig_send(&rig, &node->log, TOPIC_STATUS, FRAME_STATUS, buf_bytes(&body));
}

static void test_nothing_goes_to_an_edge_that_is_offline(void **state)
{
    (void)state;
    track_node_meet(&rig, &a);
    track_node_meet(&rig, &b);
    say_offline(&b);
    track_rig_send_one(&rig, &a, "T1", 5);
    assert_false(track_rig_down(&rig, &b, 0, &frame));
    assert_int_equal(cloud_rig_verb(&rig, "track-digest", NULL), ST_OK);
}

/* ---------------------------------------------------------------- interest */

static void test_an_edge_without_interest_is_sent_nothing(void **state)
{
    (void)state;
    b.interest = INTEREST_NONE;
    track_node_meet(&rig, &a);
    track_node_meet(&rig, &b);
    track_rig_send_one(&rig, &a, "T1", 5);
    wait_ms(TRACK_PASSED_MS * 2);
    assert_false(track_rig_down(&rig, &b, 0, &frame));
}

static void set_group(const char *node, const char *group)
{
    assert_int_equal(cloud_rig_verb(&rig, "node-set", "node", node, "group", group, NULL), ST_OK);
}

static void test_an_edge_with_interest_in_groups_gets_those_of_its_mates_and_its_own(void **state)
{
    (void)state;
    set_group("edge-1", "north,sea");
    set_group("edge-2", "north");
    set_group("edge-3", "south");
    a.interest = c.interest = INTEREST_NONE;
    b.interest = INTEREST_GROUPS;
    track_node_meet(&rig, &a);
    track_node_meet(&rig, &c);
    track_rig_send_one(&rig, &a, "NORTH", 1);
    track_rig_send_one(&rig, &c, "SOUTH", 1);
    track_init(&track);
    track_rig_see(&track, "edge-2", track_rig_stamp(&rig, 0), 3);
    track_rig_begin(&rig);
    track_rig_add("OWN", &track);
    track_rig_send(&rig, &c, 1, 2);
    track_node_meet(&rig, &b);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_int_equal(frame.count, 2);
    assert_true(holds("NORTH"));
    assert_true(holds("OWN"));
    assert_int_equal(frame.head.to_change, 3);
}

/* Their tracks may lie far behind its cursor. */
static void test_a_new_mate_brings_all_its_tracks(void **state)
{
    (void)state;
    set_group("edge-1", "north");
    set_group("edge-2", "south");
    b.interest = INTEREST_GROUPS;
    track_node_meet(&rig, &a);
    track_rig_send_one(&rig, &a, "T1", 1);
    track_node_hello(&rig, &b);
    track_node_acknowledge(&rig, &b, 1);
    assert_false(track_rig_down(&rig, &b, 0, &frame));
    set_group("edge-2", "south,north");
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_true(holds("T1"));
    assert_int_equal(frame.head.from_change, 0);
    set_group("edge-3", "east");
    track_node_acknowledge(&rig, &b, 1);
    wait_ms(TRACK_PAUSE_MS);
    assert_false(track_rig_down(&rig, &b, 0, &frame));
}

/* Also when it was away, or the cloud, or both. */
static void test_new_mates_and_interests_are_noticed_at_the_next_meeting(void **state)
{
    (void)state;
    set_group("edge-1", "north");
    b.interest = INTEREST_GROUPS;
    track_node_meet(&rig, &a);
    track_node_meet(&rig, &b);
    track_rig_send_one(&rig, &a, "T1", 1);
    track_node_acknowledge(&rig, &b, 1);
    say_offline(&b);
    set_group("edge-2", "north");
    cloud_rig_reopen(&rig);
    track_node_meet(&rig, &b);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_true(holds("T1"));
    /* It goes before it has acknowledged: the same again. */
    track_node_meet(&rig, &b);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    cloud_rig_pass_ms(&rig, TRACK_PAUSE_MS);
    track_node_tell(&rig, &b);
    track_node_meet(&rig, &b);
    assert_false(track_rig_down(&rig, &b, 0, &frame));
    b.interest = INTEREST_ALL;
    track_node_meet(&rig, &b);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
}

static void test_an_edge_that_changes_its_interest_gets_all_it_now_wants(void **state)
{
    (void)state;
    b.interest = INTEREST_NONE;
    track_node_meet(&rig, &a);
    track_rig_send_one(&rig, &a, "T1", 1);
    track_node_hello(&rig, &b);
    track_node_acknowledge(&rig, &b, 1);
    b.interest = INTEREST_ALL;
    track_node_tell(&rig, &b);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_true(holds("T1"));
}

static void test_a_revoked_node_is_told_nothing_more(void **state)
{
    (void)state;
    track_node_meet(&rig, &a);
    track_node_meet(&rig, &b);
    assert_int_equal(cloud_rig_verb(&rig, "node-revoke", "node", "edge-2", NULL), ST_OK);
    track_rig_send_one(&rig, &a, "T1", 1);
    assert_false(track_rig_down(&rig, &b, 0, &frame));
    wait_ms(TRACK_PAUSE_MS);
    assert_false(track_rig_down(&rig, &b, 0, &frame));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_edge_gets_what_another_one_saw),
        TEST(test_what_an_edge_taught_us_is_not_sent_back),
        TEST(test_what_the_join_changed_goes_back_to_its_sender),
        TEST(test_changes_passed_over_are_claimed_by_the_next_frame),
        TEST(test_many_changes_passed_over_are_claimed_by_an_empty_frame),
        TEST(test_updates_of_one_track_are_coalesced),
        TEST(test_small_frames_to_one_edge_keep_a_distance),
        TEST(test_an_edge_goes_on_from_its_cursor),
        TEST(test_a_cursor_of_another_store_or_beyond_our_counter_is_worth_nothing),
        TEST(test_an_edge_that_knows_nothing_gets_its_own_tracks_back),
        TEST(test_nothing_goes_to_an_edge_that_has_not_told_its_state),
        TEST(test_a_restarted_cloud_waits_for_each_state),
        TEST(test_nothing_goes_to_an_edge_that_is_offline),
        TEST(test_an_edge_without_interest_is_sent_nothing),
        TEST(test_an_edge_with_interest_in_groups_gets_those_of_its_mates_and_its_own),
        TEST(test_a_new_mate_brings_all_its_tracks),
        TEST(test_new_mates_and_interests_are_noticed_at_the_next_meeting),
        TEST(test_an_edge_that_changes_its_interest_gets_all_it_now_wants),
        TEST(test_a_revoked_node_is_told_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
