/* test_hello.c - what a cloud learns from a hello: that it was itself put back from a backup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/cloud_rig.h"

static struct cloud_rig rig;
static struct rig_log log_1;
static struct hello_reply reply;
static uint8_t held_memory[FRAME_SIZE_MAX];

static int set_up(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    rig_log_open(&log_1, "edge-1", 1, 0x10);
    rig_log_fill(&log_1, "a", 28);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_log_close(&log_1);
    cloud_rig_close(&rig);
    return 0;
}

/* The last acknowledgement as the node would keep it. */
static struct bytes keep_ack(void)
{
    struct bytes frame, body;
    assert_true(cloud_rig_sent(&rig, FRAME_ACK, 0, &frame, &body));
    memcpy(held_memory, frame.data, frame.size);
    return bytes_of(held_memory, frame.size);
}

static void read_reply(void)
{
    struct bytes frame, body;
    assert_true(cloud_rig_sent(&rig, FRAME_HELLO_REPLY, 0, &frame, &body));
    assert_int_equal(hello_reply_decode(rig.unpacker, body, &reply), ST_OK);
}

static void test_a_hello_is_answered_with_its_nonce_and_the_whole_acknowledgement(void **state)
{
    (void)state;
    cloud_rig_send_run(&rig, &log_1, 1, 10);
    cloud_rig_hello(&rig, &log_1, BYTES_EMPTY);
    read_reply();
    assert_true(nonce_equal(&reply.nonce, &rig.nonce));
    assert_int_equal(reply.mono_ms, 77);
    assert_int_equal(reply.ack.log_count, 1);
    assert_int_equal(reply.ack.logs[0].size, 10);
    assert_true(cloud_rig_has_ack(&rig));
    assert_true(rig.ack->counter > 0);
}

static void test_an_acknowledgement_that_is_known_changes_nothing(void **state)
{
    (void)state;
    cloud_rig_send_run(&rig, &log_1, 1, 10);
    const struct bytes held = keep_ack();
    assert_true(cloud_rig_has_ack(&rig));
    const struct store_id store = rig.ack->store;
    cloud_rig_hello(&rig, &log_1, held);
    read_reply();
    assert_true(store_id_equal(&reply.ack.store, &store));
    assert_false(reply.ack.has_previous);
}

/* Runs to 10, a backup, runs to 20, and the backup comes back. Returns the newest ack held. */
static struct bytes restore_backup(struct store_id *old)
{
    struct sim_disk *const backup = sim_disk_open("backup", 2);
    cloud_rig_send_run(&rig, &log_1, 1, 10);
    sim_disk_copy(backup, rig.disk);
    cloud_rig_send_run(&rig, &log_1, 11, 20);
    const struct bytes held = keep_ack();
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 20);
    *old = rig.ack->store;
    cloud_close(rig.cloud);
    rig.cloud = NULL;
    sim_disk_copy(rig.disk, backup);
    cloud_rig_reopen(&rig);
    sim_disk_close(backup);
    return held;
}

static void test_cloud_restored_from_an_older_backup_goes_on_under_a_new_store_id(void **state)
{
    (void)state;
    struct store_id old;
    const struct bytes held = restore_backup(&old);
    const uint64_t counter = rig.ack->counter;
    cloud_rig_hello(&rig, &log_1, held);
    read_reply();
    assert_false(store_id_equal(&reply.ack.store, &old));
    assert_true(reply.ack.has_previous);
    assert_true(store_id_equal(&reply.ack.previous, &old));
    assert_true(reply.ack.counter > counter);
    assert_int_equal(reply.ack.logs[0].size, 10);
    assert_true(digest_equal(&reply.ack.logs[0].head_hash, &log_1.entries[9].hash));
    cloud_rig_send_run(&rig, &log_1, 11, 20);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 20);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_OK);
}

/* Nothing is missing but the counter, and yet its word would be taken for a stale one. */
static void test_cloud_restored_with_the_same_entries_still_changes_its_id(void **state)
{
    (void)state;
    struct sim_disk *const backup = sim_disk_open("same-entries", 4);
    cloud_rig_send_run(&rig, &log_1, 1, 10);
    sim_disk_copy(backup, rig.disk);
    for (int i = 0; i < 3; i++)
        cloud_rig_send_run(&rig, &log_1, 1, 10);
    const struct bytes held = keep_ack();
    assert_true(cloud_rig_has_ack(&rig));
    const struct store_id old = rig.ack->store;
    const uint64_t counter = rig.ack->counter;
    cloud_close(rig.cloud);
    rig.cloud = NULL;
    sim_disk_copy(rig.disk, backup);
    cloud_rig_reopen(&rig);
    cloud_rig_hello(&rig, &log_1, held);
    read_reply();
    assert_false(store_id_equal(&reply.ack.store, &old));
    assert_true(store_id_equal(&reply.ack.previous, &old));
    assert_true(reply.ack.counter > counter);
    sim_disk_close(backup);
}

/* Every node brings its own newest acknowledgement: the id changes once, not once a node. */
static void test_cloud_restored_from_an_older_backup_changes_its_id_only_once(void **state)
{
    (void)state;
    struct store_id old;
    const struct bytes held = restore_backup(&old);
    cloud_rig_hello(&rig, &log_1, held);
    read_reply();
    const struct store_id fresh = reply.ack.store;
    cloud_rig_hello(&rig, &log_1, held);
    read_reply();
    assert_true(store_id_equal(&reply.ack.store, &fresh));
    cloud_rig_reopen(&rig);
    cloud_rig_hello(&rig, &log_1, held);
    read_reply();
    assert_true(store_id_equal(&reply.ack.store, &fresh));
    assert_true(store_id_equal(&reply.ack.previous, &old));
}

/* A backup made before the last restore does not know the id that was given out since. */
static void test_cloud_restored_twice_names_the_id_that_its_nodes_hold(void **state)
{
    (void)state;
    struct store_id old;
    struct sim_disk *const early = sim_disk_open("early", 3);
    cloud_rig_send_run(&rig, &log_1, 1, 5);
    sim_disk_copy(early, rig.disk);
    struct bytes held = restore_backup(&old);
    cloud_rig_hello(&rig, &log_1, held);
    held = keep_ack();
    assert_true(cloud_rig_has_ack(&rig));
    const struct store_id second = rig.ack->store;
    assert_false(store_id_equal(&second, &old));
    cloud_close(rig.cloud);
    rig.cloud = NULL;
    sim_disk_copy(rig.disk, early);
    cloud_rig_reopen(&rig);
    cloud_rig_hello(&rig, &log_1, held);
    read_reply();
    assert_false(store_id_equal(&reply.ack.store, &second));
    assert_false(store_id_equal(&reply.ack.store, &old));
    assert_true(store_id_equal(&reply.ack.previous, &second));
    sim_disk_close(early);
}

static void test_an_acknowledgement_that_is_not_ours_is_ignored(void **state)
{
    (void)state;
    cloud_rig_send_run(&rig, &log_1, 1, 10);
    struct bytes held = keep_ack();
    assert_true(cloud_rig_has_ack(&rig));
    const struct store_id store = rig.ack->store;
    held_memory[held.size - 1] ^= 1;
    cloud_rig_hello(&rig, &log_1, held);
    read_reply();
    assert_true(store_id_equal(&reply.ack.store, &store));
    assert_int_equal(cloud_rig_status(&rig, "refused_held_ack"), 1);
}

/* An acknowledgement of another node, though signed by us, says nothing about this one. */
static void test_an_acknowledgement_for_another_node_is_ignored(void **state)
{
    (void)state;
    static struct rig_log second;
    rig_log_open(&second, "edge-2", 2, 0x22);
    assert_int_equal(cloud_rig_enrol(&rig, &second), ST_OK);
    for (int i = 0; i < 5; i++)
        cloud_rig_send_run(&rig, &second, 1, 2);
    const struct bytes held = keep_ack();
    cloud_rig_hello(&rig, &log_1, held);
    assert_int_equal(cloud_rig_status(&rig, "refused_held_ack"), 1);
    rig_log_close(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_a_hello_is_answered_with_its_nonce_and_the_whole_acknowledgement),
        T(test_an_acknowledgement_that_is_known_changes_nothing),
        T(test_cloud_restored_from_an_older_backup_goes_on_under_a_new_store_id),
        T(test_cloud_restored_with_the_same_entries_still_changes_its_id),
        T(test_cloud_restored_from_an_older_backup_changes_its_id_only_once),
        T(test_cloud_restored_twice_names_the_id_that_its_nodes_hold),
        T(test_an_acknowledgement_that_is_not_ours_is_ignored),
        T(test_an_acknowledgement_for_another_node_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
