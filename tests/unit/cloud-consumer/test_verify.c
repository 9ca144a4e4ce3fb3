/* test_verify.c - the ingest rule against every tampering that an authentic frame can carry. The
 * node's own key signs each frame here: what is refused is refused by chain, tree or checkpoint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/cloud_rig.h"

enum { HELD = 10, SENT = 30 };

static struct cloud_rig rig;
static struct rig_log log_1, other, tampered;

/* The cloud holds ten entries of log_1; twenty more exist. */
static int set_up(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    rig_log_open(&log_1, "edge-1", 1, 0x10);
    rig_log_open(&other, "edge-1", 1, 0x20);
    rig_log_fill(&log_1, "a", SENT - 2);
    rig_log_fill(&other, "o", SENT - 2);
    cloud_rig_send_run(&rig, &log_1, 1, HELD);
    tampered = log_1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_log_close(&log_1);
    rig_log_close(&other);
    cloud_rig_close(&rig);
    return 0;
}

static void send(const struct rig_log *log, uint64_t from, uint64_t to,
                 const struct checkpoint *checkpoint)
{
    cloud_rig_send(&rig, log, TOPIC_EVIDENCE, FRAME_EVIDENCE,
                   cloud_rig_run_body(&rig, log, from, to, checkpoint));
}

/* Nothing was taken in, nothing was frozen, and the true run is still welcome. */
static void assert_refused(void)
{
    assert_int_equal(cloud_rig_status(&rig, "entries"), HELD);
    assert_int_equal(cloud_rig_status(&rig, "forks"), 0);
    assert_int_equal(cloud_rig_status(&rig, "rejected"), 0);
    cloud_rig_send_run(&rig, &log_1, HELD + 1, SENT);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, SENT);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->state, ACK_LOG_OPEN);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_OK);
}

static void test_each_flipped_bit_of_a_run_is_refused(void **state)
{
    (void)state;
    static uint8_t copy[4096];
    const struct checkpoint checkpoint = rig_log_checkpoint(&log_1, HELD + 2);
    const struct bytes body = cloud_rig_run_body(&rig, &log_1, HELD + 1, HELD + 2, &checkpoint);
    assert_true(body.size < sizeof copy);
    memcpy(copy, body.data, body.size);
    for (size_t bit = 0; bit < body.size * 8; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cloud_rig_send(&rig, &log_1, TOPIC_EVIDENCE, FRAME_EVIDENCE, bytes_of(copy, body.size));
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_refused();
}

static void test_a_run_cut_short_at_any_byte_is_refused(void **state)
{
    (void)state;
    static uint8_t copy[4096];
    const struct checkpoint checkpoint = rig_log_checkpoint(&log_1, HELD + 2);
    const struct bytes body = cloud_rig_run_body(&rig, &log_1, HELD + 1, HELD + 2, &checkpoint);
    memcpy(copy, body.data, body.size);
    for (size_t size = 0; size < body.size; size++)
        cloud_rig_send(&rig, &log_1, TOPIC_EVIDENCE, FRAME_EVIDENCE, bytes_of(copy, size));
    assert_refused();
}

/* Chain and hashes fit together again, only the key was not at hand. */
static void test_a_rewritten_and_rechained_run_without_the_key_is_refused(void **state)
{
    (void)state;
    const struct checkpoint checkpoint = rig_log_checkpoint(&log_1, SENT);
    struct secret_key *const key = tampered.key;
    tampered.entries[15].fields.wall_ns += 1000000000;
    tampered.key = rig.cloud_key;
    rig_log_redo(&tampered, 15);
    tampered.key = key;
    send(&tampered, HELD + 1, SENT, &checkpoint);
    assert_refused();
}

/* A frame has no place for log, sequence and a stamp that goes back: what is moved takes on those
 * of its new place, as any receiver would rebuild them. */
static void keep_places(void)
{
    for (size_t i = 0; i < tampered.count; i++) {
        tampered.entries[i].fields.log = log_1.log;
        tampered.entries[i].fields.sequence = i + 1;
        tampered.entries[i].fields.hlc = log_1.entries[i].fields.hlc;
    }
}

static void test_swapped_entries_are_refused(void **state)
{
    (void)state;
    const struct checkpoint checkpoint = rig_log_checkpoint(&log_1, SENT);
    const struct rig_entry entry = tampered.entries[12];
    tampered.entries[12] = tampered.entries[13];
    tampered.entries[13] = entry;
    keep_places();
    send(&tampered, HELD + 1, SENT, &checkpoint);
    assert_refused();
}

static void test_a_deleted_entry_is_refused(void **state)
{
    (void)state;
    struct checkpoint checkpoint = rig_log_checkpoint(&log_1, SENT);
    memmove(&tampered.entries[14], &tampered.entries[15], (SENT - 15) * sizeof tampered.entries[0]);
    keep_places();
    checkpoint.size = SENT - 1;
    send(&tampered, HELD + 1, SENT - 1, &checkpoint);
    assert_refused();
}

static void test_a_doubled_entry_is_refused(void **state)
{
    (void)state;
    const struct checkpoint checkpoint = rig_log_checkpoint(&log_1, SENT);
    tampered.entries[15].entry = tampered.entries[14].entry;
    send(&tampered, HELD + 1, SENT, &checkpoint);
    assert_refused();
}

static void test_an_entry_of_another_log_is_refused(void **state)
{
    (void)state;
    const struct checkpoint checkpoint = rig_log_checkpoint(&log_1, SENT);
    tampered.entries[15] = other.entries[15];
    keep_places();
    send(&tampered, HELD + 1, SENT, &checkpoint);
    assert_refused();
}

static void test_a_flipped_or_zeroed_signature_in_mid_run_is_refused(void **state)
{
    (void)state;
    const struct checkpoint checkpoint = rig_log_checkpoint(&log_1, SENT);
    tampered.entries[15].entry.signature.bytes[9] ^= 4;
    send(&tampered, HELD + 1, SENT, &checkpoint);
    memset(&tampered.entries[15].entry.signature, 0, SIGNATURE_SIZE);
    send(&tampered, HELD + 1, SENT, &checkpoint);
    assert_refused();
}

static void test_a_truncated_run_under_the_whole_checkpoint_is_refused(void **state)
{
    (void)state;
    struct checkpoint checkpoint = rig_log_checkpoint(&log_1, SENT);
    send(&log_1, HELD + 1, SENT - 5, &checkpoint);
    checkpoint.size = SENT - 5;
    send(&log_1, HELD + 1, SENT - 5, &checkpoint);
    assert_refused();
}

static void test_a_stale_checkpoint_is_refused(void **state)
{
    (void)state;
    struct checkpoint checkpoint = rig_log_checkpoint(&log_1, SENT - 5);
    send(&log_1, HELD + 1, SENT, &checkpoint);
    checkpoint.size = SENT;
    send(&log_1, HELD + 1, SENT, &checkpoint);
    assert_refused();
}

static void test_a_checkpoint_of_another_log_is_refused(void **state)
{
    (void)state;
    const struct checkpoint checkpoint = rig_log_checkpoint(&other, SENT);
    send(&log_1, HELD + 1, SENT, &checkpoint);
    assert_refused();
}

static void test_a_checkpoint_signed_with_another_key_is_refused(void **state)
{
    (void)state;
    const struct tree tree = rig_log_tree(&log_1, SENT);
    const struct digest root = tree_root(&tree, rig.hasher);
    const struct checkpoint checkpoint =
        checkpoint_sign(rig.cloud_key, &log_1.node, &log_1.log, SENT, &root);
    send(&log_1, HELD + 1, SENT, &checkpoint);
    assert_refused();
}

/* The thief of a later key must not write under the log's own. */
static void test_a_run_under_another_key_id_is_refused(void **state)
{
    (void)state;
    tampered.public_key = secret_key_public(rig.cloud_key);
    for (size_t i = HELD; i < SENT; i++)
        tampered.entries[i].fields.key_id = key_id_of(&tampered.public_key);
    tampered.key = rig.cloud_key;
    rig_log_redo(&tampered, HELD);
    const struct checkpoint checkpoint = rig_log_checkpoint(&tampered, SENT);
    tampered.key = log_1.key;
    send(&tampered, HELD + 1, SENT, &checkpoint);
    assert_int_equal(cloud_rig_status(&rig, "refused_key"), 1);
    assert_refused();
}

/* The one tampering that the rule lets pass: the node signs a root over a signature that is wrong.
 * The auditor finds it, and the signed root says who did it. */
static void test_a_bad_signature_under_a_true_checkpoint_is_found_by_the_auditor(void **state)
{
    (void)state;
    struct rig_entry *const entry = &tampered.entries[15];
    entry->entry.signature.bytes[9] ^= 4;
    entry->leaf = evidence_leaf(rig.hasher, &entry->entry.header, &entry->entry.signature);
    cloud_rig_send_run(&rig, &tampered, HELD + 1, SENT);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, SENT);
    assert_int_equal(cloud_rig_status(&rig, "alarms"), 0);
    const unsigned alarms = rig.alarms;
    cloud_rig_idle(&rig);
    assert_int_equal(cloud_rig_status(&rig, "audited"), SENT);
    assert_int_equal(cloud_rig_status(&rig, "alarms"), 1);
    assert_int_equal(rig.alarms, alarms + 1);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT sequence FROM alarm"), 16);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_TAMPERED);
    assert_non_null(strstr(rig.message, "sequence 16"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_each_flipped_bit_of_a_run_is_refused),
        T(test_a_run_cut_short_at_any_byte_is_refused),
        T(test_a_rewritten_and_rechained_run_without_the_key_is_refused),
        T(test_swapped_entries_are_refused),
        T(test_a_deleted_entry_is_refused),
        T(test_a_doubled_entry_is_refused),
        T(test_an_entry_of_another_log_is_refused),
        T(test_a_flipped_or_zeroed_signature_in_mid_run_is_refused),
        T(test_a_truncated_run_under_the_whole_checkpoint_is_refused),
        T(test_a_stale_checkpoint_is_refused),
        T(test_a_checkpoint_of_another_log_is_refused),
        T(test_a_checkpoint_signed_with_another_key_is_refused),
        T(test_a_run_under_another_key_id_is_refused),
        T(test_a_bad_signature_under_a_true_checkpoint_is_found_by_the_auditor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
