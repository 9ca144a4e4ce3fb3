/* test_parts.c - payloads too large for one frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud-consumer/refusal.h"
#include "tests/support/cloud_rig.h"

enum { LARGE = 150 * 1024, PARTS = 3 };

static struct cloud_rig rig;
static struct rig_log log_1;
static uint8_t memory[LARGE];
static const struct bytes large = {memory, LARGE};

/* Entry 4 is large. */
static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof memory; i++)
        memory[i] = (uint8_t)(i * 7 + i / 251);
    cloud_rig_open(&rig);
    rig_log_open(&log_1, "edge-1", 1, 0x10);
    rig_log_fill(&log_1, "a", 1);
    rig_log_parts(&log_1, large);
    rig_log_fill(&log_1, "b", 3);
    cloud_rig_send_run(&rig, &log_1, 1, 3);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_log_close(&log_1);
    cloud_rig_close(&rig);
    return 0;
}

static void test_a_large_payload_is_accepted_with_the_entry_that_names_its_hash(void **state)
{
    (void)state;
    cloud_rig_send_parts(&rig, &log_1, 4, large, 0, PARTS);
    const struct ack_log *ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->parts_sequence, 4);
    assert_int_equal(ack->parts, PARTS);
    cloud_rig_send_run(&rig, &log_1, 4, 4);
    ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->size, 4);
    assert_int_equal(ack->parts, 0);
    cloud_rig_send_run(&rig, &log_1, 5, 7);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 7);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT staged_bytes FROM node"), 0);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_OK);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-show", "node", "edge-1", "sequence", "4", "raw",
                                    "payload", NULL),
                     ST_OK);
    assert_int_equal(rig.raw_size, LARGE);
    assert_memory_equal(rig.raw, memory, LARGE);
}

static void test_an_entry_whose_parts_are_missing_is_asked_for_again(void **state)
{
    (void)state;
    struct range_request range;
    cloud_rig_hello(&rig, &log_1, BYTES_EMPTY);
    cloud_rig_send_parts(&rig, &log_1, 4, large, 0, 2);
    cloud_rig_send_run(&rig, &log_1, 4, 4);
    assert_true(cloud_rig_range(&rig, &range));
    assert_int_equal(range.from, 4);
    assert_int_equal(range.to, 4);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->parts, 2);
    assert_int_equal(cloud_rig_status(&rig, "entries"), 3);
    cloud_rig_send_parts(&rig, &log_1, 4, large, 2, PARTS);
    cloud_rig_send_run(&rig, &log_1, 4, 4);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 4);
}

static void test_parts_that_come_twice_are_kept_once(void **state)
{
    (void)state;
    cloud_rig_send_parts(&rig, &log_1, 4, large, 0, 2);
    cloud_rig_send_parts(&rig, &log_1, 4, large, 1, PARTS);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT COUNT(*) FROM evidence_part"), PARTS);
    cloud_rig_send_run(&rig, &log_1, 4, 4);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 4);
}

static void test_staged_parts_survive_a_power_cut(void **state)
{
    (void)state;
    cloud_rig_send_parts(&rig, &log_1, 4, large, 0, 2);
    cloud_rig_power_cut(&rig);
    cloud_rig_send_parts(&rig, &log_1, 4, large, 2, PARTS);
    cloud_rig_send_run(&rig, &log_1, 4, 4);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 4);
}

/* Once can be the transfer's fault; the second time it is the entry. Then it is poison, and the log
 * goes on. */
static void test_poison_entry_whose_parts_never_match(void **state)
{
    (void)state;
    memory[5] ^= 1;
    cloud_rig_send_parts(&rig, &log_1, 4, large, 0, PARTS);
    cloud_rig_send_run(&rig, &log_1, 4, 4);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 3);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->parts, 0);
    cloud_rig_send_parts(&rig, &log_1, 4, large, 0, PARTS);
    cloud_rig_send_run(&rig, &log_1, 4, 4);
    const struct ack_log *const ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->size, 4);
    assert_int_equal(ack->rejected.count, 1);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT reason FROM evidence_rejected"),
                     POISON_PARTS);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT COUNT(*) FROM evidence_part"), 0);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT staged_bytes FROM node"), 0);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_OK);
}

static void test_a_transfer_that_went_wrong_once_is_made_good(void **state)
{
    (void)state;
    memory[5] ^= 1;
    cloud_rig_send_parts(&rig, &log_1, 4, large, 0, PARTS);
    cloud_rig_send_run(&rig, &log_1, 4, 4);
    memory[5] ^= 1;
    cloud_rig_send_parts(&rig, &log_1, 4, large, 0, PARTS);
    cloud_rig_send_run(&rig, &log_1, 4, 4);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 4);
    assert_int_equal(cloud_rig_status(&rig, "rejected"), 0);
}

static void test_staged_bytes_of_a_node_are_bounded(void **state)
{
    (void)state;
    rig.options.settings.staged_bytes_max = 2 * PART_SIZE;
    cloud_rig_reopen(&rig);
    cloud_rig_send_parts(&rig, &log_1, 4, large, 0, PARTS);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->parts, 2);
    assert_int_equal(cloud_rig_status(&rig, "refused_parts"), 1);
}

/* What a log left half way must not block the node's other logs for ever. */
static void test_parts_of_another_log_give_way_when_the_room_is_short(void **state)
{
    (void)state;
    static struct rig_log second;
    rig.options.settings.staged_bytes_max = LARGE;
    cloud_rig_reopen(&rig);
    cloud_rig_send_parts(&rig, &log_1, 4, large, 0, 2);
    rig_log_open(&second, "edge-1", 1, 0x22);
    rig_log_parts(&second, large);
    cloud_rig_send_run(&rig, &second, 1, 2);
    cloud_rig_send_parts(&rig, &second, 3, large, 0, PARTS);
    cloud_rig_send_run(&rig, &second, 3, 3);
    assert_int_equal(cloud_rig_ack(&rig, &second)->size, 3);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->parts, 0);
    rig_log_close(&second);
}

/* Both branches of a fork have a large payload at the same place: each is kept. */
static void test_fork_a_large_payload_of_the_other_branch_is_kept_too(void **state)
{
    (void)state;
    static struct rig_log clone;
    static uint8_t other_memory[LARGE];
    const struct bytes other = {other_memory, LARGE - 1};
    memset(other_memory, 0x5A, sizeof other_memory);
    cloud_rig_hello(&rig, &log_1, BYTES_EMPTY);
    cloud_rig_send_parts(&rig, &log_1, 4, large, 0, PARTS);
    cloud_rig_send_run(&rig, &log_1, 4, 4);
    clone = log_1;
    clone.count = 3;
    clone.head = (struct chain_head){3, log_1.entries[2].hash, 0};
    rig_log_parts(&clone, other);
    struct range_request range;
    cloud_rig_send_run(&rig, &clone, 4, 4);
    assert_true(cloud_rig_range(&rig, &range)); /* not filed without its parts */
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->state, ACK_LOG_FROZEN);
    cloud_rig_send_parts(&rig, &clone, 4, other, 0, PARTS);
    cloud_rig_send_run(&rig, &clone, 4, 4);
    const struct ack_log *const ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->tips.count, 1);
    assert_true(digest_equal(&rig.ack->tips[ack->tips.first].hash, &clone.entries[3].hash));
    assert_int_equal(
        cloud_rig_sql_number(&rig, "SELECT SUM(LENGTH(bytes)) FROM evidence_fork_part"), LARGE - 1);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT SUM(LENGTH(bytes)) FROM evidence_part"),
                     LARGE);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT staged_bytes FROM node"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_a_large_payload_is_accepted_with_the_entry_that_names_its_hash),
        T(test_an_entry_whose_parts_are_missing_is_asked_for_again),
        T(test_parts_that_come_twice_are_kept_once),
        T(test_staged_parts_survive_a_power_cut),
        T(test_poison_entry_whose_parts_never_match),
        T(test_a_transfer_that_went_wrong_once_is_made_good),
        T(test_staged_bytes_of_a_node_are_bounded),
        T(test_parts_of_another_log_give_way_when_the_room_is_short),
        T(test_fork_a_large_payload_of_the_other_branch_is_kept_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
