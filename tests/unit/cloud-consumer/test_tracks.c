/* test_tracks.c - batches of tracks from nodes: archived, joined, acknowledged; and what refuses
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud-consumer/store_sqlite.h"
#include "tests/support/track_rig.h"

static struct cloud_rig rig;
static struct track_node a, b;
static struct track track;

static int set_up(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    track_node_open(&rig, &a, "edge-1", 1);
    track_node_open(&rig, &b, "edge-2", 2);
    a.interest = b.interest = INTEREST_NONE;
    track_node_meet(&rig, &a);
    track_node_meet(&rig, &b);
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

static uint64_t archived(void)
{
    assert_int_equal(cloud_rig_verb(&rig, "track-digest", NULL), ST_OK);
    return cloud_rig_field(&rig, "archived");
}

static uint64_t live(void)
{
    assert_int_equal(cloud_rig_verb(&rig, "track-digest", NULL), ST_OK);
    return cloud_rig_field(&rig, "tracks");
}

static uint64_t cursor_acked(const struct track_node *node)
{
    uint64_t cursor = UINT64_MAX;
    assert_true(track_rig_ack(&rig, node, &cursor));
    return cursor;
}

static void test_a_batch_is_archived_joined_and_acknowledged(void **state)
{
    (void)state;
    track_rig_send_one(&rig, &a, "T1", 5);
    assert_int_equal(cursor_acked(&a), 1);
    assert_int_equal(archived(), 1);
    assert_int_equal(live(), 1);
    assert_int_equal(cloud_rig_verb(&rig, "track-show", "name", "T1", NULL), ST_OK);
}

static void test_observations_of_two_nodes_are_joined(void **state)
{
    (void)state;
    track_rig_send_one(&rig, &a, "T1", 5);
    track_rig_send_one(&rig, &b, "T1", 6);
    assert_int_equal(live(), 1);
    assert_int_equal(archived(), 2);
    assert_int_equal(cloud_rig_verb(&rig, "track-list", NULL), ST_OK);
    assert_int_equal(cloud_rig_field(&rig, "observers"), 2);
    assert_int_equal(cloud_rig_field(&rig, "conflicts"), 1);
}

/* A lost acknowledgement makes the node send again. */
static void test_a_repeated_batch_is_acknowledged_and_not_archived_again(void **state)
{
    (void)state;
    track_rig_send_one(&rig, &a, "T1", 5);
    track_rig_send(&rig, &a, 0, 1);
    assert_int_equal(cursor_acked(&a), 1);
    assert_int_equal(archived(), 1);
}

/* However far its states lie back by now. */
static void test_an_old_batch_that_comes_again_is_not_archived_again(void **state)
{
    (void)state;
    static struct track first;
    for (unsigned i = 0; i < 10; i++) {
        track_rig_send_one(&rig, &a, "T1", i);
        if (i == 0) track_rig_see(&first, "edge-1", track_rig_stamp(&rig, 0), 0);
        cloud_rig_pass_ms(&rig, 5);
    }
    track_rig_begin(&rig);
    track_rig_add("T1", &first);
    track_rig_send(&rig, &a, 0, 1);
    assert_int_equal(cursor_acked(&a), 10);
    assert_int_equal(archived(), 10);
}

static void test_a_batch_after_a_gap_is_joined_but_the_cursor_stays(void **state)
{
    (void)state;
    a.counter = 3;
    track_rig_send_one(&rig, &a, "T2", 5);
    assert_int_equal(cursor_acked(&a), 0);
    assert_int_equal(live(), 1);
    /* The missing one comes, then this one again: archived once. */
    track_init(&track);
    track_rig_see(&track, "edge-1", track_rig_stamp(&rig, 0), 1);
    track_rig_begin(&rig);
    track_rig_add("T1", &track);
    track_rig_send(&rig, &a, 0, 3);
    assert_int_equal(cursor_acked(&a), 3);
    a.counter = 3;
    track_rig_send_one(&rig, &a, "T2", 5);
    assert_int_equal(cursor_acked(&a), 4);
    assert_int_equal(archived(), 2);
}

/* What a repair brings has no place in the order of changes. */
static void test_a_batch_that_claims_nothing_is_taken_and_moves_no_cursor(void **state)
{
    (void)state;
    track_init(&track);
    track_rig_see(&track, "edge-1", track_rig_stamp(&rig, 0), 1);
    track_rig_begin(&rig);
    track_rig_add("T1", &track);
    track_rig_send(&rig, &a, 0, 0);
    assert_int_equal(cursor_acked(&a), 0);
    assert_int_equal(archived(), 1);
    assert_int_equal(live(), 1);
}

static void test_a_batch_that_overlaps_moves_the_cursor_to_its_end(void **state)
{
    (void)state;
    track_rig_send_many(&rig, &a, "T", 4, 0);
    track_rig_begin(&rig);
    track_rig_send(&rig, &a, 2, 9);
    assert_int_equal(cursor_acked(&a), 9);
    track_rig_begin(&rig);
    track_rig_send(&rig, &a, 2, 5);
    assert_int_equal(cursor_acked(&a), 9);
}

/* The node was put back from a backup: its numbers begin anew. */
static void test_a_new_numbering_starts_at_nothing(void **state)
{
    (void)state;
    track_rig_send_many(&rig, &a, "T", 4, 0);
    a.numbering = 8;
    a.counter = 0;
    track_node_meet(&rig, &a);
    assert_int_equal(cursor_acked(&a), 0);
    track_rig_send_one(&rig, &a, "T9", 1);
    assert_int_equal(cursor_acked(&a), 1);
}

/* Without its state nobody knows which numbering the batch speaks of. */
static void test_a_batch_before_the_state_of_its_connection_is_dropped_uncounted(void **state)
{
    (void)state;
    uint64_t cursor;
    track_node_hello(&rig, &a);
    track_rig_send_one(&rig, &a, "T1", 1);
    assert_false(track_rig_ack(&rig, &a, &cursor));
    assert_int_equal(live(), 0);
    assert_int_equal(cloud_rig_status(&rig, "refused"), 0);
    track_node_tell(&rig, &a);
    a.counter = 0;
    track_rig_send_one(&rig, &a, "T1", 1);
    assert_int_equal(cursor_acked(&a), 1);
}

static void test_the_cursor_and_the_tracks_survive_a_restart(void **state)
{
    (void)state;
    struct digest before;
    track_rig_send_many(&rig, &a, "T", 20, 0);
    assert_int_equal(cloud_rig_verb(&rig, "track-digest", NULL), ST_OK);
    memcpy(&before, rig.reply->fields[0].text.data, sizeof before);
    cloud_rig_power_cut(&rig);
    track_node_meet(&rig, &a);
    assert_int_equal(cloud_rig_verb(&rig, "track-digest", NULL), ST_OK);
    assert_memory_equal(&before, rig.reply->fields[0].text.data, sizeof before);
    assert_int_equal(cloud_rig_field(&rig, "tracks"), 20);
    assert_int_equal(cloud_rig_field(&rig, "counter"), 20);
    track_rig_send_one(&rig, &a, "U", 1);
    assert_int_equal(cursor_acked(&a), 21);
}

/* -------------------------------------------------------------------- time */

static void test_one_stamp_in_the_future_refuses_the_whole_batch(void **state)
{
    (void)state;
    struct nack nack;
    uint64_t cursor;
    track_rig_begin(&rig);
    track_init(&track);
    track_rig_see(&track, "edge-1", track_rig_stamp(&rig, 0), 1);
    track_rig_add("T1", &track);
    track_init(&track);
    track_rig_see(&track, "edge-1", track_rig_stamp(&rig, 3600 * 1000), 1);
    track_rig_add("T2", &track);
    track_rig_send(&rig, &a, 0, 2);
    assert_true(track_rig_nack(&rig, &a, &nack));
    assert_int_equal(nack.lane, NACK_TRACKS);
    assert_int_equal(nack.reason, NACK_FUTURE);
    assert_int_equal(nack.from, 0);
    assert_int_equal(nack.to, 2);
    assert_int_equal(nack.admitted, 0);
    assert_int_equal(nack.cloud_ms, rig.now.wall_ns / 1000000);
    assert_memory_equal(&nack.nonce, &a.nonce, sizeof a.nonce);
    assert_false(track_rig_ack(&rig, &a, &cursor));
    assert_int_equal(live(), 0);
    assert_int_equal(archived(), 0);
    assert_int_equal(cloud_rig_status(&rig, "refused_future"), 1);
}

static void test_a_foreign_stamp_in_the_future_is_refused_too(void **state)
{
    (void)state;
    struct nack nack;
    track_init(&track);
    track_rig_see(&track, "edge-2", track_rig_stamp(&rig, 3600 * 1000), 1);
    track_rig_begin(&rig);
    track_rig_add("T1", &track);
    track_rig_send(&rig, &a, 0, 1);
    assert_true(track_rig_nack(&rig, &a, &nack));
}

/* A node that was long away may be fast by some minutes; who passes its word on is not to blame. */
static void test_a_stamp_that_was_admitted_may_be_passed_on(void **state)
{
    (void)state;
    struct nack nack;
    track_init(&track);
    track_rig_see(&track, "edge-1", track_rig_stamp(&rig, 200 * 1000), 1);
    track_rig_begin(&rig);
    track_rig_add("T1", &track);
    track_rig_send(&rig, &a, 0, 1);
    assert_int_equal(cursor_acked(&a), 1);
    /* Of edge-2's second connection so much is not believed any more. */
    cloud_rig_pass_ms(&rig, 1000);
    track_node_meet(&rig, &b);
    track_rig_begin(&rig);
    track_rig_add("T1", &track);
    track_rig_send(&rig, &b, 0, 1);
    assert_false(track_rig_nack(&rig, &b, &nack));
    assert_int_equal(cursor_acked(&b), 1);
    /* Nor is who counts on from there; but not everything passes for that. */
    track_init(&track);
    track_rig_see(&track, "edge-2", track_rig_stamp(&rig, 200 * 1000), 1);
    track_rig_begin(&rig);
    track_rig_add("T2", &track);
    track_rig_send(&rig, &b, 1, 2);
    assert_false(track_rig_nack(&rig, &b, &nack));
    track_rig_see(&track, "edge-2", track_rig_stamp(&rig, 210 * 1000), 1);
    track_rig_begin(&rig);
    track_rig_add("T2", &track);
    track_rig_send(&rig, &b, 2, 3);
    assert_true(track_rig_nack(&rig, &b, &nack));
}

static uint64_t admitted_told(struct track_node *node)
{
    static struct hello_reply reply;
    struct bytes body;
    track_node_hello(&rig, node);
    assert_true(track_rig_frame(&rig, node, FRAME_HELLO_REPLY, 0, &body));
    assert_int_equal(hello_reply_decode(rig.unpacker, body, &reply), ST_OK);
    return reply.admitted;
}

/* It is where the node's clock may go back to when it was ahead. */
static void test_the_greatest_stamp_of_the_nodes_own_is_admitted(void **state)
{
    (void)state;
    const uint64_t own = track_rig_stamp(&rig, -5000), foreign = track_rig_stamp(&rig, -1000);
    track_init(&track);
    track_rig_see(&track, "edge-1", own, 1);
    track_rig_see(&track, "edge-2", foreign, 2);
    track_rig_begin(&rig);
    track_rig_add("T1", &track);
    track_rig_send(&rig, &a, 0, 1);
    assert_int_equal(admitted_told(&a), own);
    assert_int_equal(admitted_told(&b), 0);
}

/* ------------------------------------------------------------------- shape */

static void test_a_body_that_cannot_be_read_is_counted_and_told(void **state)
{
    (void)state;
    struct nack nack;
    track_init(&track);
    track_rig_see(&track, "edge-1", track_rig_stamp(&rig, 0), 1);
    track_rig_begin(&rig);
    track_rig_add("T1", &track);
    struct bytes body = track_rig_body(&rig, 0, 1);
    body.size--;
    cloud_rig_send(&rig, &a.log, TOPIC_TRACKS_UP, FRAME_TRACKS, body);
    assert_true(track_rig_nack(&rig, &a, &nack));
    assert_int_equal(nack.reason, NACK_MALFORMED);
    assert_int_equal(cloud_rig_status(&rig, "refused_body"), 1);
    assert_int_equal(live(), 0);
}

static void test_a_clone_that_reuses_a_stamp_raises_one_alarm(void **state)
{
    (void)state;
    const uint64_t stamp = track_rig_stamp(&rig, 0);
    for (unsigned value = 1; value <= 3; value++) {
        track_init(&track);
        track_rig_see(&track, "edge-1", stamp, value);
        track_rig_begin(&rig);
        track_rig_add("T1", &track);
        track_rig_send(&rig, &a, value - 1, value);
    }
    assert_int_equal(cloud_rig_status(&rig, "alarms"), 1);
    assert_int_equal(rig.alarms, 2);
    assert_int_equal(archived(), 3);
}

/* ----------------------------------------------------------------- archive */

static void test_late_data_is_archived_and_stays_dead(void **state)
{
    (void)state;
    track_rig_send_one(&rig, &a, "T0", 1);
    track_init(&track);
    track_rig_see(&track, "edge-1", track_rig_stamp(&rig, INT64_C(-40) * 24 * 3600 * 1000), 1);
    track_rig_begin(&rig);
    track_rig_add("T1", &track);
    track_rig_send(&rig, &a, 1, 2);
    assert_int_equal(cursor_acked(&a), 2);
    assert_int_equal(archived(), 2);
    assert_int_equal(live(), 1);
    assert_int_equal(cloud_rig_verb(&rig, "track-show", "name", "T1", NULL), ST_NOT_FOUND);
    assert_int_equal(cloud_rig_verb(&rig, "track-history", "name", "T1", NULL), ST_OK);
    assert_int_equal(rig.record_count, 1);
    /* And it may live again. */
    a.counter = 2;
    track_rig_send_one(&rig, &a, "T1", 1);
    assert_int_equal(live(), 2);
    assert_int_equal(cloud_rig_verb(&rig, "track-history", "name", "T1", NULL), ST_OK);
    assert_int_equal(rig.record_count, 2);
}

/* Not even by our own hand, but by age. */
static void test_the_store_refuses_to_change_or_drop_what_is_archived(void **state)
{
    (void)state;
    track_rig_send_one(&rig, &a, "T1", 1);
    assert_int_not_equal(cloud_rig_sql(&rig, "UPDATE track_archive SET node = 2"), ST_OK);
    assert_int_not_equal(cloud_rig_sql(&rig, "DELETE FROM track_archive"), ST_OK);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT COUNT(*) FROM track_archive"), 1);
}

/* Bits that rot in one row must not hold up the node. */
static void test_a_damaged_row_is_alarmed_and_written_anew(void **state)
{
    (void)state;
    track_rig_send_one(&rig, &a, "T1", 1);
    assert_int_equal(cloud_rig_sql(&rig, "UPDATE track SET state = x'00'"), ST_OK);
    track_node_meet(&rig, &a);
    cloud_rig_pass_ms(&rig, 5);
    track_rig_send_one(&rig, &a, "T1", 2);
    assert_int_equal(cursor_acked(&a), 2);
    assert_true(rig.alarms > 0);
    assert_int_equal(cloud_rig_verb(&rig, "track-show", "name", "T1", NULL), ST_OK);
    assert_int_equal(live(), 1);
}

/* The sums are kept along; they must be those of the rows. */
static void test_the_kept_digest_is_that_of_the_rows(void **state)
{
    (void)state;
    track_rig_send_many(&rig, &a, "T", 50, 0);
    cloud_rig_pass_ms(&rig, 10);
    track_rig_send_many(&rig, &b, "T", 30, 0);
    track_init(&track);
    track_rig_see(&track, "edge-1", track_rig_stamp(&rig, 0), 9);
    assert_true(track_remove(&track));
    track_rig_begin(&rig);
    track_rig_add("T0003", &track);
    track_rig_send(&rig, &a, 50, 51);
    char kept[DIGEST_SIZE * 2 + 1], counted[DIGEST_SIZE * 2 + 1];
    assert_int_equal(cloud_rig_verb(&rig, "track-digest", NULL), ST_OK);
    memcpy(kept, rig.reply->fields[0].text.data, sizeof kept - 1);
    kept[sizeof kept - 1] = '\0';
    struct track_digests sums = {0};
    for (int64_t i = 0; i < 50; i++) {
        char sql[160];
        const char *const column[] = {"bucket", "hash"};
        int64_t value[2];
        for (int c = 0; c < 2; c++) {
            snprintf(sql, sizeof sql, "SELECT %s FROM track WHERE id = %lld", column[c],
                     (long long)i + 1);
            value[c] = cloud_rig_sql_number(&rig, sql);
        }
        track_digests_toggle(&sums, (uint8_t)value[0], (uint64_t)value[1]);
    }
    const struct digest root = track_digests_root(rig.hasher, &sums);
    hex_encode(bytes_of(root.bytes, DIGEST_SIZE), counted);
    assert_string_equal(kept, counted);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_batch_is_archived_joined_and_acknowledged),
        TEST(test_observations_of_two_nodes_are_joined),
        TEST(test_a_repeated_batch_is_acknowledged_and_not_archived_again),
        TEST(test_an_old_batch_that_comes_again_is_not_archived_again),
        TEST(test_a_batch_after_a_gap_is_joined_but_the_cursor_stays),
        TEST(test_a_batch_that_claims_nothing_is_taken_and_moves_no_cursor),
        TEST(test_a_batch_that_overlaps_moves_the_cursor_to_its_end),
        TEST(test_a_new_numbering_starts_at_nothing),
        TEST(test_a_batch_before_the_state_of_its_connection_is_dropped_uncounted),
        TEST(test_the_cursor_and_the_tracks_survive_a_restart),
        TEST(test_one_stamp_in_the_future_refuses_the_whole_batch),
        TEST(test_a_foreign_stamp_in_the_future_is_refused_too),
        TEST(test_a_stamp_that_was_admitted_may_be_passed_on),
        TEST(test_the_greatest_stamp_of_the_nodes_own_is_admitted),
        TEST(test_a_body_that_cannot_be_read_is_counted_and_told),
        TEST(test_a_clone_that_reuses_a_stamp_raises_one_alarm),
        TEST(test_late_data_is_archived_and_stays_dead),
        TEST(test_the_store_refuses_to_change_or_drop_what_is_archived),
        TEST(test_a_damaged_row_is_alarmed_and_written_anew),
        TEST(test_the_kept_digest_is_that_of_the_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
