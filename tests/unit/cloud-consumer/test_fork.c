/* test_fork.c - two rows of design 2.4, fork and restored or cloned edge: two signed histories of
 * one log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/cloud_rig.h"

static struct cloud_rig rig;
static struct rig_log log_1, clone;

static int set_up(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    rig_log_open(&log_1, "edge-1", 1, 0x10);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_log_close(&log_1);
    cloud_rig_close(&rig);
    return 0;
}

/* The newest branch is told to its end. */
static void assert_tip(const struct ack_log *ack, const struct rig_log *branch, uint64_t sequence)
{
    assert_true(ack->tips.count > 0);
    const struct branch_tip *const tip = &rig.ack->tips[ack->tips.first];
    assert_int_equal(tip->sequence, sequence);
    assert_true(digest_equal(&tip->hash, &branch->entries[sequence - 1].hash));
}

static void assert_range(struct range_slice slice, size_t n, uint64_t from, uint64_t to)
{
    assert_true(n < slice.count);
    assert_int_equal(rig.ack->ranges[slice.first + n].from, from);
    assert_int_equal(rig.ack->ranges[slice.first + n].to, to);
}

/* The log again with other entries from `count` + 1 on. */
static void make_clone(size_t count, const char *word, size_t more)
{
    clone = log_1;
    clone.count = count;
    clone.head = (struct chain_head){count, log_1.entries[count - 1].hash, 0};
    rig_log_fill(&clone, word, more);
    log_1.payloads_size = clone.payloads_size;
}

static void test_fork_both_branches_are_kept_and_the_log_is_frozen(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 18);
    cloud_rig_send_run(&rig, &log_1, 1, 20);
    make_clone(10, "other", 5);
    const unsigned alarms = rig.alarms;
    cloud_rig_send_run(&rig, &clone, 8, 15);
    const struct ack_log *const ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->state, ACK_LOG_FROZEN);
    assert_int_equal(ack->size, 20);
    assert_true(digest_equal(&ack->head_hash, &log_1.head.hash));
    assert_int_equal(ack->forked.count, 1);
    assert_range(ack->forked, 0, 11, 15);
    assert_tip(ack, &clone, 15);
    assert_int_equal(rig.alarms, alarms + 1);
    assert_int_equal(cloud_rig_status(&rig, "forks"), 5);
    assert_int_equal(cloud_rig_status(&rig, "frozen_logs"), 1);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT COUNT(*) FROM evidence_fork"), 5);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_OK);
}

static void test_fork_at_the_head_is_seen_by_the_previous_hash(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 8);
    cloud_rig_send_run(&rig, &log_1, 1, 10);
    make_clone(9, "other", 4);
    cloud_rig_send_run(&rig, &clone, 11, 13);
    const struct ack_log *const ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->state, ACK_LOG_FROZEN);
    assert_range(ack->forked, 0, 11, 13);
    assert_int_equal(ack->size, 10);
}

/* The honest holder's backlog must not be lost because somebody copied its disk. */
static void test_fork_a_lawful_continuation_of_a_frozen_log_is_still_stored(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 8);
    cloud_rig_send_run(&rig, &log_1, 1, 10);
    make_clone(9, "other", 4);
    cloud_rig_send_run(&rig, &clone, 10, 13);
    rig_log_fill(&log_1, "more", 5);
    cloud_rig_send_run(&rig, &log_1, 11, 15);
    const struct ack_log *const ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->size, 15);
    assert_int_equal(ack->state, ACK_LOG_FROZEN);
}

static void test_fork_the_rest_of_the_branch_is_filed_as_it_comes(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 8);
    cloud_rig_send_run(&rig, &log_1, 1, 10);
    make_clone(7, "other", 40);
    cloud_rig_send_run(&rig, &clone, 8, 12);
    cloud_rig_send_run(&rig, &clone, 13, 20);
    cloud_rig_send_run(&rig, &clone, 13, 20);
    cloud_rig_send_run(&rig, &clone, 21, 47);
    const struct ack_log *const ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->forked.count, 1);
    assert_range(ack->forked, 0, 8, 47);
    assert_int_equal(ack->tips.count, 1);
    assert_tip(ack, &clone, 47);
    assert_int_equal(cloud_rig_status(&rig, "forks"), 40);
}

/* Anybody can invent a header; only the log's own key makes it a proof. */
static void test_fork_an_invalid_newcomer_is_dropped_and_counted(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 8);
    cloud_rig_send_run(&rig, &log_1, 1, 10);
    make_clone(9, "other", 1);
    clone.entries[9].entry.signature.bytes[3] ^= 1;
    cloud_rig_send_run(&rig, &clone, 10, 10);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->state, ACK_LOG_OPEN);
    assert_int_equal(cloud_rig_status(&rig, "forks"), 0);
    assert_int_equal(cloud_rig_status(&rig, "refused_entry"), 1);
}

static void test_fork_two_signed_roots_for_one_size_freeze_the_log(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 8);
    cloud_rig_send_run(&rig, &log_1, 1, 10);
    make_clone(9, "other", 1);
    cloud_rig_announce(&rig, &clone, 10);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->state, ACK_LOG_FROZEN);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT reason FROM evidence_fork"), 1);
}

static void test_fork_a_proved_root_that_differs_from_the_announced_one_freezes_the_log(
    void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 8);
    cloud_rig_send_run(&rig, &log_1, 1, 5);
    make_clone(6, "other", 4);
    cloud_rig_announce(&rig, &clone, 9);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->state, ACK_LOG_OPEN);
    cloud_rig_send_run(&rig, &log_1, 6, 10);
    const struct ack_log *const ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->size, 10);
    assert_int_equal(ack->state, ACK_LOG_FROZEN);
}

static void test_restored_or_cloned_edge_its_new_log_names_the_old_one(void **state)
{
    (void)state;
    static struct rig_log next;
    rig_log_fill(&log_1, "a", 8);
    cloud_rig_send_run(&rig, &log_1, 1, 10);
    rig_log_open_empty(&next, "edge-1", 1, 0x20);
    const struct genesis genesis = {
        .key = next.public_key,
        .reason = BYTES_LITERAL("restored"),
        .has_previous = true,
        .previous_log = log_1.log,
        .previous_size = 8,
        .previous_hash = log_1.entries[7].hash,
    };
    rig_log_genesis(&next, &genesis);
    cloud_rig_send_run(&rig, &next, 1, 1);
    assert_int_equal(cloud_rig_ack(&rig, &next)->size, 1);
    /* Newest first, and the old log is still told. */
    assert_true(log_id_equal(&rig.ack->logs[0].log, &next.log));
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 10);
    assert_int_equal(cloud_rig_sql_number(
                         &rig, "SELECT previous = (SELECT log_id FROM evidence_log WHERE id = 1)"
                               " FROM evidence_log WHERE id = 2"),
                     1);
    rig_log_close(&next);
}

static void test_restored_or_cloned_edge_what_it_wrote_meanwhile_comes_back_as_forked(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 8);
    cloud_rig_send_run(&rig, &log_1, 1, 10);
    make_clone(8, "after the restore", 3);
    cloud_rig_announce(&rig, &clone, 11);
    cloud_rig_send_run(&rig, &clone, 9, 11);
    const struct ack_log *const ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->size, 10);
    assert_true(digest_equal(&ack->head_hash, &log_1.head.hash));
    assert_range(ack->forked, 0, 9, 11);
    assert_tip(ack, &clone, 11);
}

/* Restored twice from one copy: the second branch is not taken for the first, which has the same
 * sequences. */
static void test_restored_or_cloned_edge_a_second_branch_has_its_own_tip(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 8);
    cloud_rig_send_run(&rig, &log_1, 1, 10);
    make_clone(8, "after the restore", 3);
    cloud_rig_send_run(&rig, &clone, 9, 11);
    make_clone(8, "after the second", 2);
    cloud_rig_send_run(&rig, &clone, 9, 10);
    const struct ack_log *const ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->tips.count, 2);
    assert_tip(ack, &clone, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_fork_both_branches_are_kept_and_the_log_is_frozen),
        T(test_fork_at_the_head_is_seen_by_the_previous_hash),
        T(test_fork_a_lawful_continuation_of_a_frozen_log_is_still_stored),
        T(test_fork_the_rest_of_the_branch_is_filed_as_it_comes),
        T(test_fork_an_invalid_newcomer_is_dropped_and_counted),
        T(test_fork_two_signed_roots_for_one_size_freeze_the_log),
        T(test_fork_a_proved_root_that_differs_from_the_announced_one_freezes_the_log),
        T(test_restored_or_cloned_edge_its_new_log_names_the_old_one),
        T(test_restored_or_cloned_edge_what_it_wrote_meanwhile_comes_back_as_forked),
        T(test_restored_or_cloned_edge_a_second_branch_has_its_own_tip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
