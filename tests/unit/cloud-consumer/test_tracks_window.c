/* test_tracks_window.c - edges are sent no more at once than they acknowledge, what moves now
 * first, and by turns. */
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

/* ------------------------------------------------------------------ window */

/* Historical ones, so that no active pass comes first. */
static void fill_store(unsigned count)
{
    a.interest = INTEREST_NONE;
    track_node_meet(&rig, &a);
    track_rig_send_many(&rig, &a, "T", count, INT64_C(-3600) * 1000);
}

static size_t frames_down(const struct track_node *node)
{
    size_t count = 0;
    while (track_rig_down(&rig, node, count, &frame))
        count++;
    return count;
}

static void test_no_more_than_four_frames_are_unacknowledged(void **state)
{
    (void)state;
    uint64_t to[TRACK_FLIGHTS_MAX];
    fill_store(4000);
    track_node_meet(&rig, &b);
    assert_int_equal(frames_down(&b), TRACK_FLIGHTS_MAX);
    uint64_t from = 0;
    for (size_t i = 0; i < TRACK_FLIGHTS_MAX; i++) {
        assert_true(track_rig_down(&rig, &b, i, &frame));
        assert_int_equal(frame.head.from_change, from);
        assert_true(frame.bytes <= TRACK_FRAME_BYTES_START);
        from = to[i] = frame.head.to_change;
    }
    wait_ms(1000);
    assert_int_equal(frames_down(&b), 0);
    track_node_acknowledge(&rig, &b, to[1]);
    assert_int_equal(frames_down(&b), 2);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_int_equal(frame.head.from_change, to[3]);
}

/* Each track once, in the end. */
static void test_a_backlog_is_drained_with_each_track_once(void **state)
{
    (void)state;
    static bool seen[4000];
    size_t count = 0;
    memset(seen, 0, sizeof seen);
    fill_store(4000);
    track_node_meet(&rig, &b);
    for (int round = 0; round < 100 && frames_down(&b) > 0; round++) {
        uint64_t to = 0;
        for (size_t i = 0; track_rig_down(&rig, &b, i, &frame); i++) {
            for (size_t j = 0; j < frame.count; j++) {
                const size_t number = strtoul(frame.names[j].text + 1, NULL, 10);
                assert_false(seen[number]);
                seen[number] = true;
                count++;
            }
            to = frame.head.to_change;
        }
        cloud_rig_pass_ms(&rig, 50);
        track_node_acknowledge(&rig, &b, to);
    }
    assert_int_equal(count, 4000);
    assert_int_equal(b.down_cursor, 4000);
}

static void test_a_quick_edge_gets_larger_frames_and_a_slow_one_smaller(void **state)
{
    (void)state;
    fill_store(4000);
    track_node_meet(&rig, &b);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    cloud_rig_pass_ms(&rig, 100);
    track_node_acknowledge(&rig, &b, frame.head.to_change);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_true(frame.bytes > TRACK_FRAME_BYTES_START);
    track_node_meet(&rig, &c);
    assert_true(track_rig_down(&rig, &c, 0, &frame));
    cloud_rig_pass_ms(&rig, TRACK_SLOW_MS + 1);
    track_node_acknowledge(&rig, &c, frame.head.to_change);
    assert_true(track_rig_down(&rig, &c, 0, &frame));
    assert_true(frame.bytes < TRACK_FRAME_BYTES_START);
}

static void test_without_progress_all_is_sent_again_once(void **state)
{
    (void)state;
    fill_store(4000);
    track_node_meet(&rig, &b);
    assert_int_equal(frames_down(&b), TRACK_FLIGHTS_MAX);
    wait_ms(TRACK_STALL_MS - 1);
    assert_int_equal(frames_down(&b), 0);
    assert_int_equal(cloud_next_wakeup(rig.cloud), rig.now.mono_ns + 1000000);
    wait_ms(1);
    assert_int_equal(frames_down(&b), TRACK_FLIGHTS_MAX);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_int_equal(frame.head.from_change, 0);
    for (int i = 0; i < 5; i++) {
        wait_ms(TRACK_STALL_MS);
        assert_int_equal(frames_down(&b), 0);
    }
    wait_ms(TRACK_STALL_LONG_MS);
    assert_int_equal(frames_down(&b), TRACK_FLIGHTS_MAX);
    wait_ms(TRACK_STALL_MS);
    /* Its word helps, even when it knows nothing still. */
    track_node_tell(&rig, &b);
    assert_int_equal(frames_down(&b), TRACK_FLIGHTS_MAX);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_int_equal(frame.head.from_change, 0);
}

static void test_an_edge_that_lost_what_it_had_is_served_again(void **state)
{
    (void)state;
    fill_store(100);
    track_node_meet(&rig, &b);
    track_node_acknowledge(&rig, &b, 100);
    track_node_acknowledge(&rig, &b, 40);
    wait_ms(TRACK_PAUSE_MS);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_int_equal(frame.head.from_change, 40);
    assert_int_equal(frame.count, 60);
}

/* ------------------------------------------------------------------ active */

/* After a long absence people look at what moves now. */
static void test_with_a_large_backlog_the_active_ones_go_first(void **state)
{
    (void)state;
    fill_store(3000);
    track_rig_send_many(&rig, &a, "NOW", 5, -1000);
    track_node_meet(&rig, &b);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_int_equal(frame.head.from_change, 0);
    assert_int_equal(frame.head.to_change, 0);
    assert_int_equal(frame.count, 5);
    assert_string_equal(frame.names[0].text, "NOW0004"); /* the newest one */
    assert_string_equal(frame.names[4].text, "NOW0000");
    assert_true(track_rig_down(&rig, &b, 1, &frame));
    assert_int_equal(frame.head.from_change, 0);
    assert_true(frame.head.to_change > 0);
    assert_true(holds("T0000"));
}

static void test_a_small_backlog_needs_no_active_pass(void **state)
{
    (void)state;
    fill_store(20);
    track_rig_send_many(&rig, &a, "NOW", 5, -1000);
    track_node_meet(&rig, &b);
    assert_int_equal(frames_down(&b), 1);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_int_equal(frame.count, 25);
    assert_int_equal(frame.head.to_change, 25);
}

/* Frames that claim nothing are acknowledged by the next word of the edge, or by nothing. */
static void test_a_long_active_pass_keeps_to_the_window_too(void **state)
{
    (void)state;
    a.interest = INTEREST_NONE;
    track_node_meet(&rig, &a);
    track_rig_send_many(&rig, &a, "NOW", 4000, -1000);
    track_node_meet(&rig, &b);
    assert_int_equal(frames_down(&b), TRACK_FLIGHTS_MAX);
    assert_true(track_rig_down(&rig, &b, 3, &frame));
    assert_int_equal(frame.head.to_change, 0);
    wait_ms(1000);
    assert_int_equal(frames_down(&b), 0);
    track_node_tell(&rig, &b);
    assert_int_equal(frames_down(&b), TRACK_FLIGHTS_MAX);
    /* Silence ends the pass, not the lane. */
    wait_ms(TRACK_STALL_MS);
    assert_int_equal(frames_down(&b), TRACK_FLIGHTS_MAX);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_true(frame.head.to_change > 0);
}

/* ---------------------------------------------------------------- fairness */

/* A quarter of the window is left to acknowledgements. */
static void test_edges_take_turns_on_a_narrow_link(void **state)
{
    (void)state;
    fill_store(4000);
    cloud_rig_run(&rig, (struct event){.kind = EVENT_LINK_DOWN, .reason = BYTES_LITERAL("x")});
    cloud_rig_pass_ms(&rig, 60000);
    cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
    cloud_rig_run(&rig, (struct event){.kind = EVENT_LINK_UP, .receive_maximum = 8});
    track_node_meet(&rig, &b);
    assert_int_equal(frames_down(&b), TRACK_FLIGHTS_MAX);
    track_node_meet(&rig, &c);
    assert_int_equal(frames_down(&c), TRACK_FLIGHTS_MAX);
    /* All eight are to be sent again: as many as the link takes (the roster goes too), to each the
     * same. */
    wait_ms(TRACK_STALL_MS);
    assert_int_equal(rig.effects->count, 6);
    assert_int_equal(frames_down(&b), 3);
    assert_int_equal(frames_down(&c), 2);
    wait_ms(0);
    assert_int_equal(frames_down(&b), 1);
    assert_int_equal(frames_down(&c), 2);
}

/* All of them know the first track, which edge-4 taught. */
static void meet_all(struct track_node *fourth, struct track_node *const order[3])
{
    track_node_open(&rig, fourth, "edge-4", 4);
    fourth->interest = INTEREST_NONE;
    track_node_meet(&rig, fourth);
    for (size_t i = 0; i < 3; i++)
        track_node_meet(&rig, order[i]);
    track_rig_send_one(&rig, fourth, "T0", 1);
    for (size_t i = 0; i < 3; i++)
        assert_true(track_rig_down(&rig, order[i], 0, &frame));
    for (size_t i = 0; i < 3; i++)
        track_node_acknowledge(&rig, order[i], 1);
    cloud_rig_pass_ms(&rig, TRACK_PAUSE_MS);
}

/* The bytes for one are the bytes for all who stand where it stands, but not for their teacher. */
static void test_neighbours_get_the_same_frame_and_the_teacher_does_not(void **state)
{
    (void)state;
    static struct track_node fourth;
    struct track_node *const order[] = {&b, &c, &a};
    struct bytes one, other;
    meet_all(&fourth, order);
    track_rig_send_one(&rig, &a, "T1", 1);
    assert_true(track_rig_frame(&rig, &b, FRAME_TRACKS, 0, &one));
    assert_true(track_rig_frame(&rig, &c, FRAME_TRACKS, 0, &other));
    assert_true(bytes_equal(one, other));
    assert_true(track_rig_down(&rig, &c, 0, &frame));
    assert_int_equal(frame.head.from_change, 1);
    assert_int_equal(frame.head.to_change, 2);
    assert_int_equal(frame.count, 1);
    assert_false(track_rig_down(&rig, &a, 0, &frame));
    track_node_close(&fourth);
}

/* What one edge taught must not be missing in its neighbour's frame, nor come back to it. */
static void test_a_frame_with_something_left_out_is_not_shared(void **state)
{
    (void)state;
    static struct track_node fourth;
    struct track_node *const order[] = {&a, &b, &c};
    meet_all(&fourth, order);
    /* The first one goes at once, so that the others fall into one pause. */
    track_rig_send_one(&rig, &fourth, "T1", 1);
    track_rig_send_one(&rig, &a, "T2", 2);
    track_rig_send_one(&rig, &c, "T3", 3);
    for (size_t i = 0; i < 3; i++)
        track_node_acknowledge(&rig, order[i], 2);
    wait_ms(TRACK_PAUSE_MS);
    assert_true(track_rig_down(&rig, &a, 0, &frame));
    assert_int_equal(frame.count, 1);
    assert_true(holds("T3"));
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_int_equal(frame.count, 2);
    assert_true(track_rig_down(&rig, &c, 0, &frame));
    assert_int_equal(frame.count, 1);
    assert_true(holds("T2"));
    track_node_close(&fourth);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_no_more_than_four_frames_are_unacknowledged),
        TEST(test_a_backlog_is_drained_with_each_track_once),
        TEST(test_a_quick_edge_gets_larger_frames_and_a_slow_one_smaller),
        TEST(test_without_progress_all_is_sent_again_once),
        TEST(test_an_edge_that_lost_what_it_had_is_served_again),
        TEST(test_with_a_large_backlog_the_active_ones_go_first),
        TEST(test_a_small_backlog_needs_no_active_pass),
        TEST(test_a_long_active_pass_keeps_to_the_window_too),
        TEST(test_edges_take_turns_on_a_narrow_link),
        TEST(test_neighbours_get_the_same_frame_and_the_teacher_does_not),
        TEST(test_a_frame_with_something_left_out_is_not_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
