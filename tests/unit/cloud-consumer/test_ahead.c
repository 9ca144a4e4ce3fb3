/* test_ahead.c - out-of-order, of design 2.4: critical entries before their turn. */
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

static void test_out_of_order_a_critical_entry_is_pending_until_the_chain_meets_it(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 18);
    cloud_rig_send_run(&rig, &log_1, 1, 5);
    cloud_rig_send_ahead(&rig, &log_1, 12);
    cloud_rig_send_ahead(&rig, &log_1, 13);
    cloud_rig_send_ahead(&rig, &log_1, 19);
    const struct ack_log *ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->size, 5);
    assert_int_equal(ack->above.count, 2);
    assert_range(ack->above, 0, 12, 13);
    assert_range(ack->above, 1, 19, 19);
    assert_int_equal(cloud_rig_status(&rig, "pending"), 3);
    cloud_rig_send_run(&rig, &log_1, 6, 15);
    ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->size, 15);
    assert_int_equal(ack->above.count, 1);
    assert_int_equal(cloud_rig_status(&rig, "pending"), 1);
    cloud_rig_send_run(&rig, &log_1, 16, 20);
    assert_int_equal(cloud_rig_status(&rig, "pending"), 0);
    assert_int_equal(cloud_rig_status(&rig, "forks"), 0);
}

static void test_out_of_order_an_entry_whose_own_signature_fails_is_not_kept(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 18);
    cloud_rig_send_run(&rig, &log_1, 1, 5);
    log_1.entries[11].entry.signature.bytes[0] ^= 1;
    cloud_rig_send_ahead(&rig, &log_1, 12);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->above.count, 0);
    assert_int_equal(cloud_rig_status(&rig, "refused_entry"), 1);
}

static void test_out_of_order_a_chain_that_meets_another_entry_is_a_fork(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 18);
    cloud_rig_send_run(&rig, &log_1, 1, 5);
    make_clone(11, "other", 1);
    cloud_rig_send_ahead(&rig, &clone, 12);
    cloud_rig_send_run(&rig, &log_1, 6, 20);
    const struct ack_log *const ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->size, 20);
    assert_int_equal(ack->state, ACK_LOG_FROZEN);
    assert_range(ack->forked, 0, 12, 12);
    assert_int_equal(cloud_rig_status(&rig, "pending"), 0);
}

static void test_out_of_order_two_entries_ahead_for_one_sequence_are_a_fork(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 18);
    cloud_rig_send_run(&rig, &log_1, 1, 5);
    make_clone(11, "other", 1);
    cloud_rig_send_ahead(&rig, &log_1, 12);
    cloud_rig_send_ahead(&rig, &clone, 12);
    const struct ack_log *const ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->state, ACK_LOG_FROZEN);
    assert_range(ack->above, 0, 12, 12);
    assert_range(ack->forked, 0, 12, 12);
}

static void test_out_of_order_entries_ahead_are_bounded(void **state)
{
    (void)state;
    rig.options.settings.pending_entries_max = 2;
    cloud_rig_reopen(&rig);
    rig_log_fill(&log_1, "a", 18);
    cloud_rig_send_run(&rig, &log_1, 1, 5);
    for (uint64_t sequence = 10; sequence < 14; sequence++)
        cloud_rig_send_ahead(&rig, &log_1, sequence);
    assert_range(cloud_rig_ack(&rig, &log_1)->above, 0, 10, 11);
    assert_int_equal(cloud_rig_status(&rig, "refused_pending"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_out_of_order_a_critical_entry_is_pending_until_the_chain_meets_it),
        T(test_out_of_order_an_entry_whose_own_signature_fails_is_not_kept),
        T(test_out_of_order_a_chain_that_meets_another_entry_is_a_fork),
        T(test_out_of_order_two_entries_ahead_for_one_sequence_are_a_fork),
        T(test_out_of_order_entries_ahead_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
