/* test_tracks_horizon.c - what is older than the retention dies, the archive goes by age. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud-consumer/tracks_state.h"
#include "tests/support/track_rig.h"

enum { RETENTION_S = 1000, STEP_MS = 10000, DAY_MS = 24 * 60 * 60 * 1000 };

static struct cloud_rig rig;
static struct track_node a, b;
static struct track track;
static struct track_frame frame;

static int set_up(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    rig.options.settings.track_retention_s = RETENTION_S;
    cloud_rig_reopen(&rig);
    track_node_open(&rig, &a, "edge-1", 1);
    track_node_open(&rig, &b, "edge-2", 2);
    a.interest = INTEREST_NONE;
    track_node_meet(&rig, &a);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    track_node_close(&a);
    track_node_close(&b);
    cloud_rig_close(&rig);
    return 0;
}

static void wait_ms(uint64_t ms)
{
    cloud_rig_pass_ms(&rig, ms);
    cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
}

static uint64_t digest_field(const char *field)
{
    assert_int_equal(cloud_rig_verb(&rig, "track-digest", NULL), ST_OK);
    return cloud_rig_field(&rig, field);
}

/* One track, seen by edge-1 so many milliseconds from now. */
static void see(const char *name, int64_t ms)
{
    track_init(&track);
    track_rig_see(&track, "edge-1", track_rig_stamp(&rig, ms), 1);
    track_rig_begin(&rig);
    track_rig_add(name, &track);
    track_rig_send(&rig, &a, a.counter, a.counter + 1);
    a.counter++;
}

/* A step is a hundredth of the retention, so that edges do not look through all they hold each
 * second; the engine asks to be woken for it. */
static void test_the_horizon_is_raised_in_steps_and_in_time(void **state)
{
    (void)state;
    rig.options.settings.audit = false;
    cloud_rig_reopen(&rig);
    track_node_meet(&rig, &a);
    see("T1", 0);
    assert_true(digest_field("horizon") > 0);
    for (int i = 0; i < 5; i++) {
        const uint64_t before = digest_field("horizon");
        uint64_t after = before;
        for (int wakeups = 0; after == before; wakeups++) {
            assert_true(wakeups < 5);
            const uint64_t wakeup = cloud_next_wakeup(rig.cloud);
            assert_true(wakeup > rig.now.mono_ns && wakeup != UINT64_MAX);
            wait_ms((wakeup - rig.now.mono_ns) / 1000000);
            after = digest_field("horizon");
        }
        assert_int_equal(after, track_rig_stamp(&rig, -RETENTION_S * 1000));
        assert_int_equal((after - before) >> 16, STEP_MS + 1);
    }
}

static void test_the_horizon_never_goes_down(void **state)
{
    (void)state;
    wait_ms(STEP_MS * 2);
    const uint64_t before = digest_field("horizon");
    rig.now.wall_ns -= INT64_C(5000) * 1000000000;
    wait_ms(STEP_MS * 2);
    assert_int_equal(digest_field("horizon"), before);
    cloud_rig_reopen(&rig);
    assert_int_equal(digest_field("horizon"), before);
}

static void test_the_horizon_is_told_in_batches_and_hello_replies(void **state)
{
    (void)state;
    static struct hello_reply reply;
    struct bytes body;
    see("T1", 0);
    track_node_hello(&rig, &b);
    assert_true(track_rig_frame(&rig, &b, FRAME_HELLO_REPLY, 0, &body));
    assert_int_equal(hello_reply_decode(rig.unpacker, body, &reply), ST_OK);
    track_node_tell(&rig, &b);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    assert_int_equal(frame.head.horizon, reply.horizon);
    assert_int_equal(frame.head.horizon, digest_field("horizon"));
}

static void test_tracks_below_the_horizon_are_swept_out(void **state)
{
    (void)state;
    see("OLD", -RETENTION_S * 1000 + 1000);
    see("NEW", 0);
    assert_int_equal(digest_field("tracks"), 2);
    wait_ms(STEP_MS * 2);
    wait_ms(1);
    assert_int_equal(digest_field("tracks"), 1);
    assert_int_equal(cloud_rig_verb(&rig, "track-show", "name", "OLD", NULL), ST_NOT_FOUND);
    assert_int_equal(cloud_rig_verb(&rig, "track-show", "name", "NEW", NULL), ST_OK);
    assert_int_equal(cloud_rig_verb(&rig, "track-history", "name", "OLD", NULL), ST_OK);
    assert_int_equal(rig.record_count, 1);
}

/* An old atom in a track that is still seen dies as well, and the digest is that of an edge which
 * applied the same horizon. */
static void test_old_parts_of_a_living_track_die(void **state)
{
    (void)state;
    static uint8_t memory[TRACK_BYTES_MAX];
    const struct level_name name = track_rig_name("T", 1);
    struct buf bytes = buf_of(memory, sizeof memory);
    struct track_digests digests = {0};
    char expected[2 * DIGEST_SIZE + 1];
    track_init(&track);
    track_rig_see(&track, "edge-2", track_rig_stamp(&rig, -RETENTION_S * 1000 + 1000), 1);
    track_rig_see(&track, "edge-1", track_rig_stamp(&rig, 0), 1);
    track_rig_begin(&rig);
    track_rig_add(name.text, &track);
    track_rig_send(&rig, &a, 0, 1);
    wait_ms(STEP_MS * 2);
    wait_ms(1);
    assert_true(track_apply_horizon(&track, digest_field("horizon")));
    assert_int_equal(track.slot_count, 1);
    track_encode(&track, &bytes);
    track_digests_toggle(&digests, track_bucket(rig.hasher, &name),
                         track_hash(rig.hasher, &name, buf_bytes(&bytes)));
    const struct digest root = track_digests_root(rig.hasher, &digests);
    hex_encode(bytes_of(root.bytes, DIGEST_SIZE), expected);
    assert_int_equal(cloud_rig_verb(&rig, "track-digest", NULL), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "digest", expected));
}

/* Whoever knows the horizon comes to the same state by itself. */
static void test_a_swept_track_is_not_sent_again(void **state)
{
    (void)state;
    track_init(&track);
    track_rig_see(&track, "edge-2", track_rig_stamp(&rig, -RETENTION_S * 1000 + 1000), 1);
    track_rig_see(&track, "edge-1", track_rig_stamp(&rig, 0), 1);
    track_rig_begin(&rig);
    track_rig_add("T1", &track);
    track_rig_send(&rig, &a, 0, 1);
    track_node_meet(&rig, &b);
    assert_true(track_rig_down(&rig, &b, 0, &frame));
    track_node_acknowledge(&rig, &b, 1);
    wait_ms(STEP_MS * 2);
    wait_ms(200);
    assert_int_equal(digest_field("counter"), 1);
    assert_false(track_rig_down(&rig, &b, 0, &frame));
}

static void test_a_long_sweep_goes_in_slices_and_on_after_a_restart(void **state)
{
    (void)state;
    track_rig_send_many(&rig, &a, "T", 3 * SWEEP_SLICE_CHANGES, -RETENTION_S * 1000 + 2000);
    wait_ms(STEP_MS * 2);
    uint64_t left = digest_field("tracks");
    assert_true(left > 0 && left < 3 * SWEEP_SLICE_CHANGES);
    assert_int_equal(cloud_next_wakeup(rig.cloud), 0);
    cloud_rig_reopen(&rig);
    for (int i = 0; i < 10; i++)
        wait_ms(1);
    assert_int_equal(digest_field("tracks"), 0);
    assert_true(cloud_next_wakeup(rig.cloud) > rig.now.mono_ns);
}

/* A dead track does not come back by an edge that was away. */
static void test_an_expired_track_is_not_resurrected(void **state)
{
    (void)state;
    see("T1", -RETENTION_S * 1000 + 1000);
    const struct track before = track;
    wait_ms(STEP_MS * 2);
    wait_ms(1);
    track_node_meet(&rig, &b);
    track_rig_begin(&rig);
    track_rig_add("T1", &before);
    track_rig_send(&rig, &b, 0, 1);
    assert_int_equal(digest_field("tracks"), 0);
    assert_int_equal(cloud_rig_verb(&rig, "track-show", "name", "T1", NULL), ST_NOT_FOUND);
}

/* ----------------------------------------------------------------- archive */

static void test_the_archive_is_kept_for_ever_without_a_setting(void **state)
{
    (void)state;
    see("T1", 0);
    wait_ms(UINT64_C(4000) * DAY_MS);
    wait_ms(60000);
    assert_int_equal(digest_field("archived"), 1);
}

static void test_archived_states_go_by_their_age(void **state)
{
    (void)state;
    rig.options.settings.track_archive_days = 2;
    cloud_rig_reopen(&rig);
    track_node_meet(&rig, &a);
    for (unsigned i = 0; i < PURGE_SLICE_ROWS + 10; i++)
        see(track_rig_name("T", i).text, 0);
    wait_ms(DAY_MS);
    see("LAST", 0);
    wait_ms(DAY_MS + 60000);
    assert_int_equal(cloud_next_wakeup(rig.cloud), 0);
    assert_int_equal(digest_field("archived"), 11);
    wait_ms(1);
    assert_int_equal(digest_field("archived"), 1);
    assert_int_equal(cloud_rig_verb(&rig, "track-history", NULL), ST_OK);
    assert_int_equal(rig.record_count, 1);
    assert_true(cloud_rig_field_is(&rig, "track", "LAST"));
    /* Dead tracks that nobody speaks of any more are forgotten altogether. */
    for (int i = 0; i < 10; i++)
        wait_ms(1);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT COUNT(*) FROM track"), 1);
}

/* The row that names a dead track stays as long as anything of it is archived. */
static void test_a_dead_track_keeps_its_name_while_the_archive_speaks_of_it(void **state)
{
    (void)state;
    rig.options.settings.track_archive_days = 2;
    cloud_rig_reopen(&rig);
    track_node_meet(&rig, &a);
    see("T1", 0);
    wait_ms(DAY_MS);
    see("T1", 0);
    wait_ms(DAY_MS + 60000);
    for (int i = 0; i < 5; i++)
        wait_ms(1);
    assert_int_equal(digest_field("archived"), 1);
    assert_int_equal(digest_field("tracks"), 0);
    assert_int_equal(cloud_rig_verb(&rig, "track-history", "name", "T1", NULL), ST_OK);
    assert_int_equal(rig.record_count, 1);
    assert_true(cloud_rig_field_is(&rig, "track", "T1"));
}

static void test_numbers_of_the_archive_are_never_used_twice(void **state)
{
    (void)state;
    rig.options.settings.track_archive_days = 1;
    cloud_rig_reopen(&rig);
    track_node_meet(&rig, &a);
    see("T1", 0);
    wait_ms(UINT64_C(3) * DAY_MS);
    assert_int_equal(digest_field("archived"), 0);
    see("T1", 0);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT id FROM track_archive"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_horizon_is_raised_in_steps_and_in_time),
        TEST(test_the_horizon_never_goes_down),
        TEST(test_the_horizon_is_told_in_batches_and_hello_replies),
        TEST(test_tracks_below_the_horizon_are_swept_out),
        TEST(test_old_parts_of_a_living_track_die),
        TEST(test_a_swept_track_is_not_sent_again),
        TEST(test_a_long_sweep_goes_in_slices_and_on_after_a_restart),
        TEST(test_an_expired_track_is_not_resurrected),
        TEST(test_the_archive_is_kept_for_ever_without_a_setting),
        TEST(test_archived_states_go_by_their_age),
        TEST(test_a_dead_track_keeps_its_name_while_the_archive_speaks_of_it),
        TEST(test_numbers_of_the_archive_are_never_used_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
