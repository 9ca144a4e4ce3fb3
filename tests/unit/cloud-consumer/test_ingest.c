/* test_ingest.c - design 2.4 as the cloud sees it: a test for each row of its table, named after
 * the case. Forks, entries out of order and the cloud's own restore stand in test_fork.c,
 * test_ahead.c and test_hello.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud-consumer/refusal.h"
#include "tests/support/cloud_rig.h"

static struct cloud_rig rig;
static struct rig_log log_1;

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

static void test_a_run_is_stored_and_acknowledged_with_size_and_head_hash(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 8);
    cloud_rig_send_run(&rig, &log_1, 1, 10);
    const struct ack_log *const ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->size, 10);
    assert_true(digest_equal(&ack->head_hash, &log_1.head.hash));
    assert_int_equal(ack->state, ACK_LOG_OPEN);
    assert_int_equal(cloud_rig_status(&rig, "entries"), 10);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_OK);
}

static void test_a_compressed_run_is_stored_as_it_came(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 100);
    rig.compress = true;
    cloud_rig_send_run(&rig, &log_1, 1, 102);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 102);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT form FROM evidence_run"), 1);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_OK);
}

static void test_gap_the_missing_range_is_asked_for_and_nothing_of_the_run_is_stored(void **state)
{
    (void)state;
    struct range_request range;
    rig_log_fill(&log_1, "a", 18);
    cloud_rig_hello(&rig, &log_1, BYTES_EMPTY);
    cloud_rig_send_run(&rig, &log_1, 1, 5);
    cloud_rig_send_run(&rig, &log_1, 11, 20);
    assert_true(cloud_rig_range(&rig, &range));
    assert_int_equal(range.from, 6);
    assert_int_equal(range.to, 10);
    assert_true(nonce_equal(&range.nonce, &rig.nonce));
    assert_int_equal(cloud_rig_status(&rig, "entries"), 5);
    cloud_rig_send_run(&rig, &log_1, 6, 10);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 10);
    cloud_rig_send_run(&rig, &log_1, 11, 20);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 20);
}

/* Twenty frames in flight behind a lost one must not bring twenty requests. */
static void test_gap_the_same_gap_is_asked_for_once_a_second(void **state)
{
    (void)state;
    struct range_request range;
    rig_log_fill(&log_1, "a", 18);
    cloud_rig_hello(&rig, &log_1, BYTES_EMPTY);
    cloud_rig_send_run(&rig, &log_1, 1, 5);
    cloud_rig_send_run(&rig, &log_1, 11, 12);
    assert_true(cloud_rig_range(&rig, &range));
    cloud_rig_send_run(&rig, &log_1, 13, 14);
    assert_false(cloud_rig_range(&rig, &range));
    cloud_rig_pass_ms(&rig, 1001);
    cloud_rig_send_run(&rig, &log_1, 15, 16);
    assert_true(cloud_rig_range(&rig, &range));
}

static void test_gap_a_run_behind_it_is_an_announcement_of_what_exists(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 18);
    cloud_rig_send_run(&rig, &log_1, 1, 5);
    cloud_rig_send_run(&rig, &log_1, 11, 20);
    assert_int_equal(cloud_rig_verb(&rig, "node-list", NULL), ST_OK);
    assert_int_equal(cloud_rig_field(&rig, "acknowledged"), 5);
    assert_int_equal(cloud_rig_field(&rig, "missing"), 15);
}

/* A node destroyed right after its first bytes leaves a provable count. */
static void test_gap_an_announced_checkpoint_alone_tells_what_is_missing(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 48);
    cloud_rig_announce(&rig, &log_1, 50);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 0);
    assert_int_equal(cloud_rig_verb(&rig, "node-list", NULL), ST_OK);
    assert_int_equal(cloud_rig_field(&rig, "missing"), 50);
}

static void test_gap_only_a_loss_entry_closes_it_for_ever(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 18);
    rig_log_loss(&log_1, 6, 10);
    rig_log_fill(&log_1, "b", 3);
    cloud_rig_send_run(&rig, &log_1, 1, 5);
    cloud_rig_send_ahead(&rig, &log_1, 21);
    assert_range(cloud_rig_ack(&rig, &log_1)->above, 0, 21, 21);
    cloud_rig_send_run(&rig, &log_1, 11, 24);
    const struct ack_log *const ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->size, 24);
    assert_true(digest_equal(&ack->head_hash, &log_1.head.hash));
    assert_int_equal(ack->above.count, 0);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_OK);
    assert_int_equal(cloud_rig_field(&rig, "lost"), 5);
}

static void test_gap_a_loss_entry_inside_the_run_closes_it_too(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 8);
    rig_log_loss(&log_1, 6, 10);
    cloud_rig_send_run(&rig, &log_1, 1, 5);
    cloud_rig_send_run(&rig, &log_1, 11, 11);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 11);
}

/* A LOSS that does not cover exactly what is missing would hide the difference. */
static void test_gap_a_loss_of_another_range_does_not_close_it(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 18);
    rig_log_loss(&log_1, 7, 10);
    cloud_rig_send_run(&rig, &log_1, 1, 5);
    cloud_rig_send_ahead(&rig, &log_1, 21);
    cloud_rig_send_run(&rig, &log_1, 11, 21);
    assert_int_equal(cloud_rig_status(&rig, "entries"), 5);
}

static void test_duplicate_the_same_bytes_are_acknowledged_again_and_not_written(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 18);
    cloud_rig_send_run(&rig, &log_1, 1, 20);
    const uint64_t counter = (cloud_rig_ack(&rig, &log_1), rig.ack->counter);
    cloud_rig_send_run(&rig, &log_1, 1, 20);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 20);
    assert_int_equal(rig.ack->counter, counter + 1);
    cloud_rig_send_run(&rig, &log_1, 4, 9);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 20);
    assert_int_equal(cloud_rig_status(&rig, "entries"), 20);
    assert_int_equal(cloud_rig_status(&rig, "forks"), 0);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT COUNT(*) FROM evidence_run"), 1);
}

static void test_duplicate_only_the_new_tail_of_a_run_is_stored(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 18);
    cloud_rig_send_run(&rig, &log_1, 1, 12);
    cloud_rig_send_run(&rig, &log_1, 5, 20);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 20);
    assert_int_equal(cloud_rig_status(&rig, "entries"), 20);
    assert_int_equal(
        cloud_rig_sql_number(&rig, "SELECT first_seq FROM evidence_run WHERE last_seq = 20"), 13);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_OK);
}

static void test_wrong_or_stepping_clock_entries_are_never_refused(void **state)
{
    (void)state;
    struct evidence_header fields = {.type = EVIDENCE_FIRST_NAMED,
                                     .flags = 3 | EVIDENCE_FLAG_TIME_UNTRUSTED,
                                     .wall_ns = -5,
                                     .clock_uncertainty_ms = CLOCK_NEVER_SYNCHRONISED,
                                     .hlc = log_1.head.hlc + 1};
    rig_log_add(&log_1, fields, BYTES_LITERAL("before 1970"));
    fields.wall_ns = INT64_MAX;
    fields.hlc++;
    rig_log_add(&log_1, fields, BYTES_LITERAL("in the year 2262"));
    cloud_rig_send_run(&rig, &log_1, 1, 4);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 4);
    assert_int_equal(cloud_rig_status(&rig, "rejected"), 0);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-show", "node", "edge-1", "sequence", "3", NULL),
                     ST_OK);
}

/* Entry 5 of the run is of a critical type that nobody knows. */
static void add_poison(void)
{
    rig_log_fill(&log_1, "a", 2);
    const struct evidence_header fields = {.type = 0x0042, .codec = CODEC_MSGPACK};
    rig_log_add(&log_1, fields, BYTES_LITERAL("?"));
    rig_log_fill(&log_1, "b", 3);
}

static void test_poison_entry_is_kept_aside_and_the_chain_goes_on_over_it(void **state)
{
    (void)state;
    add_poison();
    cloud_rig_send_run(&rig, &log_1, 1, 8);
    const struct ack_log *const ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->size, 8);
    assert_int_equal(ack->rejected.count, 1);
    assert_range(ack->rejected, 0, 5, 5);
    assert_int_equal(cloud_rig_status(&rig, "rejected"), 1);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-list", NULL), ST_OK);
    assert_int_equal(rig.record_count, 7);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_OK);
}

static void test_poison_entry_of_an_unproved_run_is_kept_and_the_rest_is_asked_for(void **state)
{
    (void)state;
    struct range_request range;
    add_poison();
    cloud_rig_hello(&rig, &log_1, BYTES_EMPTY);
    cloud_rig_send_run(&rig, &log_1, 1, 3);
    struct checkpoint checkpoint = rig_log_checkpoint(&log_1, 8);
    checkpoint.signature.bytes[0] ^= 1;
    cloud_rig_send(&rig, &log_1, TOPIC_EVIDENCE, FRAME_EVIDENCE,
                   cloud_rig_run_body(&rig, &log_1, 4, 8, &checkpoint));
    const struct ack_log *ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->size, 3);
    assert_range(ack->rejected, 0, 5, 5);
    assert_true(cloud_rig_range(&rig, &range));
    assert_int_equal(range.from, 4);
    cloud_rig_send_run(&rig, &log_1, 4, 8);
    ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->size, 8);
    assert_int_equal(ack->rejected.count, 1);
    assert_int_equal(cloud_rig_status(&rig, "rejected"), 1);
}

static void poison_reason(uint64_t sequence, enum poison reason)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT reason FROM evidence_rejected WHERE sequence = %llu",
             (unsigned long long)sequence);
    assert_int_equal(cloud_rig_sql_number(&rig, sql), reason);
}

static void test_poison_entry_for_each_reason_an_entry_can_have(void **state)
{
    (void)state;
    struct evidence_header fields = {.type = EVIDENCE_FIRST_NAMED + 7};
    rig_log_add(&log_1, fields, BYTES_LITERAL("x"));       /* 3: a type without a name */
    rig_log_type(&log_1, EVIDENCE_FIRST_NAMED + 5, "far"); /* 4: a number out of turn */
    const struct genesis genesis = {.key = log_1.public_key};
    rig_log_genesis(&log_1, &genesis); /* 5: a second GENESIS */
    fields = (struct evidence_header){.type = EVIDENCE_TYPE, .codec = CODEC_MSGPACK};
    rig_log_add(&log_1, fields, BYTES_LITERAL("\xc1")); /* 6: not MessagePack */
    fields = (struct evidence_header){.type = 0x007E};
    rig_log_add(&log_1, fields, BYTES_LITERAL("x")); /* 7: critical and unknown */
    fields = (struct evidence_header){.type = EVIDENCE_CONTROL_MAX, .codec = 9};
    rig_log_add(&log_1, fields, BYTES_LITERAL("x")); /* 8: a codec of a later version */
    fields = (struct evidence_header){.type = EVIDENCE_CONTROL_MAX, .flags = 1u << 15};
    rig_log_add(&log_1, fields, BYTES_LITERAL("x")); /* 9: a flag of a later version */
    rig_log_close_entry(&log_1);                     /* 10 */
    rig_log_fill(&log_1, "x", 1);                    /* 11: after a CLOSE */
    cloud_rig_send_run(&rig, &log_1, 1, 11);
    const struct ack_log *const ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->size, 11);
    assert_int_equal(ack->state, ACK_LOG_CLOSED);
    assert_int_equal(ack->rejected.count, 2);
    assert_range(ack->rejected, 0, 3, 9);
    assert_range(ack->rejected, 1, 11, 11);
    poison_reason(3, POISON_TYPE_UNNAMED);
    poison_reason(4, POISON_TYPE_NUMBER);
    poison_reason(5, POISON_GENESIS);
    poison_reason(6, POISON_CONTROL);
    poison_reason(7, POISON_TYPE_UNKNOWN);
    poison_reason(8, POISON_TYPE_UNKNOWN);
    poison_reason(9, POISON_TYPE_UNKNOWN);
    poison_reason(11, POISON_CLOSED);
}

/* Within a run the format allows no stamp that goes back; between runs only the rule does. */
static void test_poison_entry_whose_hybrid_stamp_goes_back(void **state)
{
    (void)state;
    const struct evidence_header fields = {.type = EVIDENCE_FIRST_NAMED, .hlc = 5};
    rig_log_add(&log_1, fields, BYTES_LITERAL("x"));
    rig_log_fill(&log_1, "y", 1);
    cloud_rig_send_run(&rig, &log_1, 1, 2);
    cloud_rig_send_run(&rig, &log_1, 3, 4);
    const struct ack_log *const ack = cloud_rig_ack(&rig, &log_1);
    assert_int_equal(ack->size, 4);
    assert_range(ack->rejected, 0, 3, 3);
    poison_reason(3, POISON_CLOCK);
}

static void test_frame_that_is_not_authentic_is_counted_and_never_acknowledged(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 8);
    const struct checkpoint checkpoint = rig_log_checkpoint(&log_1, 10);
    const struct bytes body = cloud_rig_run_body(&rig, &log_1, 1, 10, &checkpoint);
    const struct bytes frame = cloud_rig_frame(&rig, &log_1, TOPIC_EVIDENCE, FRAME_EVIDENCE, body);
    rig.frame[frame.size - 1] ^= 1;
    cloud_rig_hear(&rig, "edge-1", TOPIC_EVIDENCE, frame);
    assert_false(cloud_rig_has_ack(&rig));
    assert_int_equal(cloud_rig_status(&rig, "refused_signature"), 1);
    assert_int_equal(cloud_rig_status(&rig, "entries"), 0);
    assert_int_equal(cloud_rig_status(&rig, "logs"), 0);
}

static void test_power_cut_everything_acknowledged_is_there_afterwards(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "a", 98);
    for (uint64_t from = 1; from <= 91; from += 10) {
        cloud_rig_send_run(&rig, &log_1, from, from + 9);
        assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, from + 9);
        const uint64_t counter = rig.ack->counter;
        cloud_rig_power_cut(&rig);
        assert_int_equal(cloud_rig_status(&rig, "entries"), from + 9);
        cloud_rig_send_run(&rig, &log_1, from, from + 9);
        assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, from + 9);
        assert_true(rig.ack->counter > counter);
    }
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_OK);
}

static void test_a_log_begins_with_a_genesis_of_the_enrolled_key_or_not_at_all(void **state)
{
    (void)state;
    static struct rig_log other;
    rig_log_open_empty(&other, "edge-1", 1, 0x33);
    rig_log_type(&other, EVIDENCE_FIRST_NAMED, "log");
    cloud_rig_send_run(&rig, &other, 1, 1);
    assert_int_equal(cloud_rig_status(&rig, "refused_genesis"), 1);
    rig_log_close(&other);
    rig_log_open_empty(&other, "edge-1", 1, 0x34);
    const struct genesis genesis = {.key = secret_key_public(rig.cloud_key)};
    rig_log_genesis(&other, &genesis);
    cloud_rig_send_run(&rig, &other, 1, 1);
    assert_int_equal(cloud_rig_status(&rig, "refused_genesis"), 2);
    assert_int_equal(cloud_rig_status(&rig, "entries"), 0);
    rig_log_close(&other);
}

/* The checkpoint proves that the node has this GENESIS; only its own signature proves the key. */
static void test_a_genesis_whose_own_signature_fails_begins_no_log(void **state)
{
    (void)state;
    struct rig_entry *const genesis = &log_1.entries[0];
    genesis->entry.signature.bytes[7] ^= 1;
    genesis->leaf = evidence_leaf(rig.hasher, &genesis->entry.header, &genesis->entry.signature);
    cloud_rig_send_run(&rig, &log_1, 1, 2);
    assert_int_equal(cloud_rig_status(&rig, "refused_genesis"), 1);
    assert_int_equal(cloud_rig_status(&rig, "entries"), 0);
}

/* A node may announce what it likes; it may not fill the store with logs that never come. */
static void test_logs_that_are_only_announced_are_bounded(void **state)
{
    (void)state;
    static struct rig_log other;
    for (uint8_t i = 0; i < 20; i++) {
        rig_log_open(&other, "edge-1", 1, (uint8_t)(0x40 + i));
        cloud_rig_announce(&rig, &other, 2);
        rig_log_close(&other);
    }
    assert_int_equal(cloud_rig_status(&rig, "logs"), 16);
    assert_int_equal(cloud_rig_status(&rig, "refused_logs"), 4);
    cloud_rig_send_run(&rig, &log_1, 1, 2);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 2);
}

static void test_many_nodes_in_one_batch_get_one_acknowledgement_each(void **state)
{
    (void)state;
    static struct rig_log second;
    rig_log_open(&second, "edge-2", 2, 0x22);
    assert_int_equal(cloud_rig_enrol(&rig, &second), ST_OK);
    rig_log_fill(&log_1, "a", 8);
    effects_clear(rig.effects);
    assert_int_equal(cloud_begin(rig.cloud), ST_OK);
    for (int i = 0; i < 3; i++) {
        const struct rig_log *const log = i == 2 ? &second : &log_1;
        const uint64_t from = i == 1 ? 6 : 1, to = i == 0 ? 5 : i == 1 ? 10 : 2;
        const struct checkpoint checkpoint = rig_log_checkpoint(log, to);
        const struct bytes frame =
            cloud_rig_frame(&rig, log, TOPIC_EVIDENCE, FRAME_EVIDENCE,
                            cloud_rig_run_body(&rig, log, from, to, &checkpoint));
        struct topic_text topic;
        assert_int_equal(topic_build("hf/v1", TOPIC_EVIDENCE, log->node.text, NULL, &topic), ST_OK);
        struct event event = {.kind = EVENT_MESSAGE, .now = rig.now};
        event.message.topic = topic_text_bytes(&topic);
        event.message.payload = frame;
        assert_int_equal(cloud_step(rig.cloud, &event, rig.effects), ST_OK);
    }
    assert_int_equal(rig.effects->count, 0); /* nothing is said before the commit */
    assert_int_equal(cloud_commit(rig.cloud, &rig.now, rig.effects), ST_OK);
    assert_int_equal(rig.effects->count, 2);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 10);
    rig_log_close(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_a_run_is_stored_and_acknowledged_with_size_and_head_hash),
        T(test_a_compressed_run_is_stored_as_it_came),
        T(test_gap_the_missing_range_is_asked_for_and_nothing_of_the_run_is_stored),
        T(test_gap_the_same_gap_is_asked_for_once_a_second),
        T(test_gap_a_run_behind_it_is_an_announcement_of_what_exists),
        T(test_gap_an_announced_checkpoint_alone_tells_what_is_missing),
        T(test_gap_only_a_loss_entry_closes_it_for_ever),
        T(test_gap_a_loss_entry_inside_the_run_closes_it_too),
        T(test_gap_a_loss_of_another_range_does_not_close_it),
        T(test_duplicate_the_same_bytes_are_acknowledged_again_and_not_written),
        T(test_duplicate_only_the_new_tail_of_a_run_is_stored),
        T(test_wrong_or_stepping_clock_entries_are_never_refused),
        T(test_poison_entry_is_kept_aside_and_the_chain_goes_on_over_it),
        T(test_poison_entry_of_an_unproved_run_is_kept_and_the_rest_is_asked_for),
        T(test_poison_entry_for_each_reason_an_entry_can_have),
        T(test_poison_entry_whose_hybrid_stamp_goes_back),
        T(test_frame_that_is_not_authentic_is_counted_and_never_acknowledged),
        T(test_power_cut_everything_acknowledged_is_there_afterwards),
        T(test_a_log_begins_with_a_genesis_of_the_enrolled_key_or_not_at_all),
        T(test_a_genesis_whose_own_signature_fails_begins_no_log),
        T(test_logs_that_are_only_announced_are_bounded),
        T(test_many_nodes_in_one_batch_get_one_acknowledgement_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
