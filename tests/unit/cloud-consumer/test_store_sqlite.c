/* test_store_sqlite.c - the store keeps its promises against its own engine and against a hand with
 * SQL: immutable evidence, heads that move only by compare-and-swap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud-consumer/engine.h"
#include "tests/support/cloud_rig.h"

static struct cloud_rig rig;
static struct rig_log log_1, clone;

/* A store with rows in every table of evidence. */
static int set_up(void **state)
{
    (void)state;
    static uint8_t large[100 * 1024];
    cloud_rig_open(&rig);
    rig_log_open(&log_1, "edge-1", 1, 0x10);
    rig_log_fill(&log_1, "a", 8);
    const struct evidence_header fields = {.type = 0x0042, .codec = CODEC_MSGPACK};
    rig_log_add(&log_1, fields, BYTES_LITERAL("?"));
    rig_log_parts(&log_1, bytes_of(large, sizeof large));
    rig_log_fill(&log_1, "b", 20);
    cloud_rig_send_run(&rig, &log_1, 1, 11);
    cloud_rig_send_parts(&rig, &log_1, 12, bytes_of(large, sizeof large), 0, 2);
    cloud_rig_send_run(&rig, &log_1, 12, 12);
    cloud_rig_send_ahead(&rig, &log_1, 20);
    clone = log_1;
    clone.count = 9;
    clone.head = (struct chain_head){9, log_1.entries[8].hash, 0};
    rig_log_fill(&clone, "other", 1);
    cloud_rig_send_run(&rig, &clone, 10, 10);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_log_close(&log_1);
    cloud_rig_close(&rig);
    return 0;
}

static const char *const immutable[] = {"evidence_run",  "evidence_fork", "evidence_rejected",
                                        "evidence_part", "evidence_type", "evidence_payload"};

static void test_stored_evidence_cannot_be_deleted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(immutable); i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT COUNT(*) > 0 FROM %s", immutable[i]);
        assert_int_equal(cloud_rig_sql_number(&rig, sql), 1);
        snprintf(sql, sizeof sql, "DELETE FROM %s", immutable[i]);
        assert_int_equal(cloud_rig_sql(&rig, sql), ST_DENIED);
    }
    assert_int_equal(cloud_rig_sql(&rig, "DELETE FROM evidence_log"), ST_DENIED);
}

static void test_stored_evidence_cannot_be_changed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(immutable); i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "UPDATE %s SET log = log + 1", immutable[i]);
        assert_int_equal(cloud_rig_sql(&rig, sql), ST_DENIED);
    }
    assert_int_equal(cloud_rig_sql(&rig, "UPDATE evidence_pending SET hash = x'00'"), ST_DENIED);
}

static void test_a_head_cannot_go_back_and_a_frozen_log_cannot_thaw(void **state)
{
    (void)state;
    assert_int_equal(cloud_rig_sql(&rig, "UPDATE evidence_log SET head_seq = head_seq - 1"),
                     ST_DENIED);
    assert_int_equal(cloud_rig_sql(&rig, "UPDATE evidence_log SET frozen = 0"), ST_DENIED);
    assert_int_equal(cloud_rig_sql(&rig, "UPDATE evidence_log SET key = x'00'"), ST_DENIED);
}

static void test_a_pending_entry_goes_only_when_the_head_has_passed_it(void **state)
{
    (void)state;
    assert_int_equal(cloud_rig_sql(&rig, "DELETE FROM evidence_pending"), ST_DENIED);
    cloud_rig_send_run(&rig, &log_1, 13, 25);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT COUNT(*) FROM evidence_pending"), 0);
}

/* Two consumers that have read the same head: the slower one must not roll it back. */
static void test_the_second_of_two_appends_to_one_head_is_a_conflict(void **state)
{
    (void)state;
    struct node_row node;
    struct log_row log, fast, slow;
    assert_int_equal(cloud_begin(rig.cloud), ST_OK);
    assert_int_equal(STORE(rig.cloud, node_find, &log_1.node, &node), ST_OK);
    assert_int_equal(STORE(rig.cloud, log_find, node.id, &log_1.log, &log), ST_OK);
    fast = slow = log;
    fast.head.sequence++;
    tree_append(&fast.tree, rig.hasher, &log_1.entries[12].leaf, NULL);
    slow.head.sequence++;
    slow.head.hash.bytes[0] ^= 1;
    tree_append(&slow.tree, rig.hasher, &log_1.entries[13].leaf, NULL);
    const struct run_row run = {
        .log = log.id,
        .first_sequence = fast.head.sequence,
        .last_sequence = fast.head.sequence,
        .body = BYTES_LITERAL("run"),
    };
    assert_int_equal(STORE(rig.cloud, append, &fast, &log.head, &run), ST_OK);
    assert_int_equal(STORE(rig.cloud, append, &slow, &log.head, &run), ST_CONFLICT);
    assert_int_equal(STORE(rig.cloud, log_save, &slow, &log.head), ST_CONFLICT);
    rig.cloud->store->verbs->rollback(rig.cloud->store);
}

/* A store whose append loses the race a number of times, though nobody else is there. */
static struct evidence_store_verbs racing;
static const struct evidence_store_verbs *calm;
static int conflicts_left;

static enum status losing_append(struct evidence_store *store, const struct log_row *row,
                                 const struct chain_head *expected, const struct run_row *run)
{
    if (conflicts_left-- > 0) return ST_CONFLICT;
    return calm->append(store, row, expected, run);
}

static void lose_appends(int count)
{
    calm = rig.cloud->store->verbs;
    racing = *calm;
    racing.append = losing_append;
    conflicts_left = count;
    rig.cloud->store->verbs = &racing;
}

static void test_a_lost_race_is_judged_again(void **state)
{
    (void)state;
    lose_appends(2);
    cloud_rig_send_run(&rig, &log_1, 13, 16);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 16);
    assert_int_equal(cloud_rig_status(&rig, "refused_conflict"), 0);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_OK);
}

static void test_a_race_that_is_always_lost_leaves_the_frame_to_be_sent_again(void **state)
{
    (void)state;
    lose_appends(100);
    cloud_rig_send_run(&rig, &log_1, 13, 16);
    assert_int_equal(cloud_rig_status(&rig, "refused_conflict"), 1);
    conflicts_left = 0;
    cloud_rig_send_run(&rig, &log_1, 13, 16);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 16);
}

static void test_ranges_merge_as_they_grow_and_split_as_they_shrink(void **state)
{
    (void)state;
    const int64_t log = 99;
    struct sequence_range range;
    assert_int_equal(cloud_begin(rig.cloud), ST_OK);
    const uint64_t sequences[] = {5, 7, 6, 1, 6, 9};
    for (size_t i = 0; i < COUNT_OF(sequences); i++)
        assert_int_equal(STORE(rig.cloud, range_add, log, RANGE_FORKED, sequences[i]), ST_OK);
    assert_int_equal(STORE(rig.cloud, range_next, log, RANGE_FORKED, 2, &range), ST_OK);
    assert_int_equal(range.from, 5);
    assert_int_equal(range.to, 7);
    assert_int_equal(STORE(rig.cloud, range_remove, log, RANGE_FORKED, 6), ST_OK);
    assert_int_equal(STORE(rig.cloud, range_next, log, RANGE_FORKED, 2, &range), ST_OK);
    assert_int_equal(range.to, 5);
    assert_int_equal(STORE(rig.cloud, range_next, log, RANGE_FORKED, 6, &range), ST_OK);
    assert_int_equal(range.from, 7);
    assert_int_equal(STORE(rig.cloud, range_next, log, RANGE_REJECTED, 1, &range), ST_NOT_FOUND);
    assert_int_equal(cloud_commit(rig.cloud, &rig.now, rig.effects), ST_OK);
}

/* One row that somebody has spoilt concerns its log alone. */
static void test_a_damaged_row_of_one_log_stops_nobody_else(void **state)
{
    (void)state;
    static struct rig_log second;
    assert_int_equal(cloud_rig_sql(&rig, "UPDATE evidence_log SET tree = x'01'"), ST_OK);
    cloud_rig_send_run(&rig, &log_1, 13, 16);
    assert_int_equal(cloud_rig_status(&rig, "refused_damaged"), 1);
    rig_log_open(&second, "edge-1", 1, 0x22);
    cloud_rig_send_run(&rig, &second, 1, 2);
    assert_int_equal(cloud_rig_ack(&rig, &second)->size, 2);
    assert_int_equal(rig.ack->log_count, 1);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_TAMPERED);
    cloud_rig_idle(&rig);
    rig_log_close(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_stored_evidence_cannot_be_deleted),
        T(test_stored_evidence_cannot_be_changed),
        T(test_a_head_cannot_go_back_and_a_frozen_log_cannot_thaw),
        T(test_a_pending_entry_goes_only_when_the_head_has_passed_it),
        T(test_the_second_of_two_appends_to_one_head_is_a_conflict),
        T(test_a_lost_race_is_judged_again),
        T(test_a_race_that_is_always_lost_leaves_the_frame_to_be_sent_again),
        T(test_ranges_merge_as_they_grow_and_split_as_they_shrink),
        T(test_a_damaged_row_of_one_log_stops_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
