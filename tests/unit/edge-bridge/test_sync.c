/* test_sync.c - the edge's side of design 2.4 and 4.3: what it sends, when it sends again, what it
 * believes. Tests named after a row of the table in 2.4 begin with that case's name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/status_msg.h"
#include "tests/support/edge_rig.h"

static struct edge_rig rig;
static struct evidence_run run;

static int set_up(void **state)
{
    (void)state;
    edge_rig_open(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_rig_close(&rig);
    return 0;
}

/* Decodes the n-th evidence frame of the last batch into run; false when there is none. */
static bool sent_run(size_t n)
{
    struct bytes body;
    if (!edge_rig_frame(&rig, FRAME_EVIDENCE, n, &body)) return false;
    assert_int_equal(evidence_msg_decode(rig.unpacker, rig.hasher, &rig.options.node, body, &run),
                     ST_OK);
    return true;
}

/* The greatest sequence among the last batch's runs; 0 when none carried entries. */
static uint64_t sent_up_to(void)
{
    uint64_t last = 0;
    for (size_t n = 0; sent_run(n); n++)
        if (run.count > 0) last = run.first_sequence + run.count - 1;
    return last;
}

static uint64_t sent_from(void)
{
    for (size_t n = 0; sent_run(n); n++)
        if (run.count > 0) return run.first_sequence;
    return 0;
}

/* An acknowledgement that names the receipt's log and holds nothing of it yet. */
static void ack_begin(struct ack *ack, const struct receipt *receipt, uint64_t counter)
{
    memset(ack, 0, sizeof(*ack));
    ack->store = rig.store;
    ack->counter = counter;
    ack->log_count = 1;
    ack->logs[0].log = receipt->log;
}

static void ack_up_to(struct ack *ack, const struct receipt *receipt)
{
    ack->logs[0].size = receipt->sequence;
    ack->logs[0].head_hash = receipt->hash;
}

/* The order of 2.3: a node destroyed in mid-sync leaves a provable count of what existed. */
static void test_the_first_frame_on_a_link_is_the_newest_checkpoint(void **state)
{
    (void)state;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    edge_rig_connect(&rig);
    assert_true(sent_run(0));
    assert_int_equal(run.count, 0);
    assert_int_equal(run.checkpoint.size, last.sequence);
    const struct public_key key = secret_key_public(rig.node_key);
    assert_true(checkpoint_ok(&key, &rig.options.node, &last.log, &run.checkpoint));
}

static void test_every_run_carries_a_checkpoint_for_its_last_entry(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 600);
    edge_rig_connect(&rig);
    size_t runs = 0;
    for (size_t n = 1; sent_run(n); n++, runs++) {
        assert_int_equal(run.checkpoint.size, run.first_sequence + run.count - 1);
        const struct public_key key = secret_key_public(rig.node_key);
        assert_true(checkpoint_ok(&key, &rig.options.node, &run.log, &run.checkpoint));
    }
    assert_true(runs >= 1);
}

static void test_a_puback_moves_nothing_out_of_the_outbox(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 10);
    edge_rig_connect(&rig);
    edge_rig_puback_all(&rig);
    assert_int_equal(edge_rig_status(&rig, "acknowledged"), 0);
    assert_true(edge_rig_status(&rig, "pending_entries") >= 10);
}

static void test_an_acknowledgement_empties_the_outbox(void **state)
{
    (void)state;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    edge_rig_connect(&rig);
    edge_rig_ack(&rig, &last.log, last.sequence, &last.hash);
    assert_int_equal(edge_rig_status(&rig, "acknowledged"), last.sequence);
    assert_int_equal(edge_rig_status(&rig, "pending_entries"), 0);
    assert_int_equal(edge_rig_status(&rig, "in_flight_bytes"), 0);
}

static void test_sending_resumes_behind_the_acknowledgement_after_a_power_cut(void **state)
{
    (void)state;
    const struct receipt middle = edge_rig_append(&rig, 3, "e", 10);
    const struct receipt last = edge_rig_append(&rig, 3, "f", 10);
    edge_rig_connect(&rig);
    edge_rig_ack(&rig, &middle.log, middle.sequence, &middle.hash);
    edge_rig_power_cut(&rig);
    edge_rig_connect(&rig);
    assert_int_equal(sent_from(), middle.sequence + 1);
    assert_true(sent_up_to() >= last.sequence);
    assert_true(edge_rig_status(&rig, "pending_entries") >= 10);
}

static void test_a_new_connection_sends_everything_unacknowledged_again(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 10);
    edge_rig_connect(&rig);
    const uint64_t from = sent_from();
    edge_rig_puback_all(&rig);
    edge_rig_disconnect(&rig);
    edge_rig_connect(&rig);
    assert_int_equal(sent_from(), from);
}

/* ---- What is believed ------------------------------------------------------------------------ */

static void test_frame_that_is_not_authentic_an_ack_by_another_key_is_ignored(void **state)
{
    (void)state;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    edge_rig_connect(&rig);
    struct secret_key *right = rig.cloud_key;
    rig.cloud_key = rig.node_key;
    edge_rig_ack(&rig, &last.log, last.sequence, &last.hash);
    rig.cloud_key = right;
    assert_int_equal(edge_rig_status(&rig, "acknowledged"), 0);
    assert_int_equal(edge_rig_status(&rig, "frames_refused"), 1);
}

static void test_frame_that_is_not_authentic_every_flipped_bit_of_an_ack_is_found(void **state)
{
    (void)state;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    edge_rig_connect(&rig);
    static struct ack ack;
    ack_begin(&ack, &last, 1);
    ack_up_to(&ack, &last);
    struct buf body = buf_of(rig.scratch, BODY_SIZE_MAX);
    ack_pack(&ack, &body);
    struct topic_text topic;
    const struct node_name cloud = {"cloud"};
    assert_int_equal(topic_build("hf/v1", TOPIC_ACK, "edge-1", NULL, &topic), ST_OK);
    const struct envelope_spec spec = {
        .kind = FRAME_ACK,
        .sender = &cloud,
        .key = rig.cloud_key,
        .topic_below_root = topic_text_below_root(&topic),
    };
    struct buf frame = buf_of(rig.frame, FRAME_SIZE_MAX);
    assert_int_equal(envelope_write(&spec, buf_bytes(&body), NULL, rig.hasher, &frame), ST_OK);
    struct event event = {.kind = EVENT_MESSAGE, .link = LINK_CLOUD};
    event.message.topic = topic_text_bytes(&topic);
    event.message.payload = buf_bytes(&frame);
    for (size_t bit = 0; bit < frame.size * 8; bit++) {
        frame.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        edge_rig_run(&rig, event);
        frame.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(edge_rig_status(&rig, "acknowledged"), 0);
    assert_int_equal(edge_rig_status(&rig, "frames_refused"), frame.size * 8);
    edge_rig_run(&rig, event);
    assert_int_equal(edge_rig_status(&rig, "acknowledged"), last.sequence);
}

/* An acknowledgement of another node, replayed by the broker to this one. */
static void test_an_acknowledgement_for_another_node_is_ignored(void **state)
{
    (void)state;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    edge_rig_connect(&rig);
    static struct ack ack;
    ack_begin(&ack, &last, 1);
    ack_up_to(&ack, &last);
    struct buf body = buf_of(rig.scratch, BODY_SIZE_MAX);
    ack_pack(&ack, &body);
    struct topic_text theirs, ours;
    const struct node_name cloud = {"cloud"};
    assert_int_equal(topic_build("hf/v1", TOPIC_ACK, "edge-2", NULL, &theirs), ST_OK);
    assert_int_equal(topic_build("hf/v1", TOPIC_ACK, "edge-1", NULL, &ours), ST_OK);
    const struct envelope_spec spec = {
        .kind = FRAME_ACK,
        .sender = &cloud,
        .key = rig.cloud_key,
        .topic_below_root = topic_text_below_root(&theirs),
    };
    struct buf frame = buf_of(rig.frame, FRAME_SIZE_MAX);
    assert_int_equal(envelope_write(&spec, buf_bytes(&body), NULL, rig.hasher, &frame), ST_OK);
    struct event event = {.kind = EVENT_MESSAGE, .link = LINK_CLOUD};
    event.message.payload = buf_bytes(&frame);
    event.message.topic = topic_text_bytes(&ours);
    edge_rig_run(&rig, event);
    event.message.topic = topic_text_bytes(&theirs);
    edge_rig_run(&rig, event);
    assert_int_equal(edge_rig_status(&rig, "acknowledged"), 0);
}

static void test_an_older_acknowledgement_changes_nothing(void **state)
{
    (void)state;
    const struct receipt middle = edge_rig_append(&rig, 3, "e", 10);
    const struct receipt last = edge_rig_append(&rig, 3, "f", 10);
    edge_rig_connect(&rig);
    edge_rig_ack(&rig, &last.log, last.sequence, &last.hash);
    rig.ack_counter = 0;
    edge_rig_ack(&rig, &middle.log, middle.sequence, &middle.hash);
    assert_int_equal(edge_rig_status(&rig, "acknowledged"), last.sequence);
}

static void test_an_acknowledgement_survives_a_power_cut(void **state)
{
    (void)state;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    edge_rig_connect(&rig);
    edge_rig_ack(&rig, &last.log, last.sequence, &last.hash);
    edge_rig_power_cut(&rig);
    assert_int_equal(edge_rig_status(&rig, "acknowledged"), last.sequence);
}

static void test_without_a_trusted_key_nothing_is_believed(void **state)
{
    (void)state;
    rig.options.has_cloud_key = false;
    edge_rig_reopen(&rig);
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    edge_rig_connect(&rig);
    edge_rig_ack(&rig, &last.log, last.sequence, &last.hash);
    assert_int_equal(edge_rig_status(&rig, "acknowledged"), 0);
}

/* ---- Restores and clones --------------------------------------------------------------------- */

static void test_restored_or_cloned_edge_opens_a_new_log_that_names_the_old_head(void **state)
{
    (void)state;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    edge_rig_connect(&rig);
    const struct digest other = {{0x77}};
    edge_rig_ack(&rig, &last.log, last.sequence + 5, &other);
    const struct receipt next = edge_rig_append(&rig, 3, "f", 1);
    assert_false(log_id_equal(&next.log, &last.log));
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_OK);
    /* What the old log still holds is sent, then the new one with its GENESIS. */
    edge_rig_disconnect(&rig);
    edge_rig_connect(&rig);
    assert_int_equal(sent_from(), 1);
}

static void test_restored_or_cloned_edge_with_another_hash_at_the_size_opens_a_new_log(void **state)
{
    (void)state;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    edge_rig_connect(&rig);
    const struct digest other = {{0x77}};
    edge_rig_ack(&rig, &last.log, last.sequence - 2, &other);
    const struct receipt next = edge_rig_append(&rig, 3, "f", 1);
    assert_false(log_id_equal(&next.log, &last.log));
    assert_int_equal(edge_rig_status(&rig, "acknowledged"), 0);
}

static void test_restored_or_cloned_edge_leaves_its_log_only_once(void **state)
{
    (void)state;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    edge_rig_connect(&rig);
    const struct digest other = {{0x77}};
    edge_rig_ack(&rig, &last.log, last.sequence + 5, &other);
    const struct receipt one = edge_rig_append(&rig, 3, "f", 1);
    edge_rig_ack(&rig, &last.log, last.sequence + 6, &other);
    const struct receipt two = edge_rig_append(&rig, 3, "g", 1);
    assert_true(log_id_equal(&one.log, &two.log));
}

static void test_fork_a_frozen_log_makes_its_holder_open_a_new_one(void **state)
{
    (void)state;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    edge_rig_connect(&rig);
    static struct ack ack;
    ack_begin(&ack, &last, 1);
    ack.logs[0].state = ACK_LOG_FROZEN;
    ack_up_to(&ack, &last);
    edge_rig_hear_ack(&rig, &ack);
    const struct receipt next = edge_rig_append(&rig, 3, "f", 1);
    assert_false(log_id_equal(&next.log, &last.log));
}

/* Its own branch is filed as forked at the cloud: delivered, though never the chain's. Another
 * copy's branch fills the same sequences, but not with the same hash. */
static void fork_filed_at_the_cloud(bool own)
{
    const struct receipt middle = edge_rig_append(&rig, 3, "e", 10);
    const struct receipt last = edge_rig_append(&rig, 3, "f", 10);
    edge_rig_connect(&rig);
    edge_rig_ack(&rig, &middle.log, middle.sequence, &middle.hash);
    static struct ack ack;
    ack_begin(&ack, &last, 5);
    ack.logs[0].state = ACK_LOG_FROZEN;
    ack_up_to(&ack, &middle);
    assert_true(ack_add_range(&ack, &ack.logs[0].forked, middle.sequence + 1, last.sequence));
    struct branch_tip tip = {last.sequence, last.hash};
    tip.hash.bytes[0] ^= own ? 0 : 1;
    assert_true(ack_add_tip(&ack, &ack.logs[0].tips, &tip));
    edge_rig_hear_ack(&rig, &ack);
    edge_rig_disconnect(&rig);
    edge_rig_connect(&rig);
    assert_true(sent_run(1));
    const bool again = log_id_equal(&run.log, &last.log) && run.first_sequence <= last.sequence;
    assert_int_equal(again, !own);
}

static void test_fork_entries_of_its_own_branch_are_delivered(void **state)
{
    (void)state;
    fork_filed_at_the_cloud(true);
}

static void test_fork_entries_of_another_copys_branch_are_not_delivered(void **state)
{
    (void)state;
    fork_filed_at_the_cloud(false);
}

static void test_cloud_restored_from_an_older_backup_gets_what_it_lost_again(void **state)
{
    (void)state;
    const struct receipt middle = edge_rig_append(&rig, 3, "e", 10);
    const struct receipt last = edge_rig_append(&rig, 3, "f", 10);
    edge_rig_connect(&rig);
    edge_rig_ack(&rig, &last.log, last.sequence, &last.hash);
    assert_int_equal(edge_rig_status(&rig, "pending_entries"), 0);
    static struct ack ack;
    memset(&ack, 0, sizeof(ack));
    ack.has_previous = true;
    ack.previous = rig.store;
    memset(ack.store.bytes, 0x99, STORE_ID_SIZE);
    ack.counter = 1;
    ack.log_count = 1;
    ack.logs[0].log = middle.log;
    ack.logs[0].size = middle.sequence;
    ack.logs[0].head_hash = middle.hash;
    edge_rig_hear_ack(&rig, &ack);
    assert_int_equal(sent_from(), middle.sequence + 1);
    assert_int_equal(edge_rig_status(&rig, "acknowledged"), middle.sequence);
    assert_int_equal(edge_rig_status(&rig, "pending_entries"), last.sequence - middle.sequence);
    /* The store it replaced never counts again, however high its counter. */
    rig.ack_counter = 100;
    edge_rig_ack(&rig, &last.log, last.sequence, &last.hash);
    assert_int_equal(edge_rig_status(&rig, "acknowledged"), middle.sequence);
}

/* A hostile broker keeps old retained acknowledgements of stores nobody has heard of. */
static void test_an_unknown_store_counts_only_in_an_answer_to_our_nonce(void **state)
{
    (void)state;
    const struct receipt middle = edge_rig_append(&rig, 3, "e", 10);
    const struct receipt last = edge_rig_append(&rig, 3, "f", 10);
    edge_rig_connect(&rig);
    const struct nonce nonce = edge_rig_nonce(&rig);
    edge_rig_ack(&rig, &last.log, last.sequence, &last.hash);
    static struct hello_reply reply;
    memset(&reply, 0, sizeof(reply));
    memset(reply.ack.store.bytes, 0x99, STORE_ID_SIZE);
    reply.ack.counter = 1;
    reply.ack.log_count = 1;
    reply.ack.logs[0].log = middle.log;
    reply.ack.logs[0].size = middle.sequence;
    reply.ack.logs[0].head_hash = middle.hash;
    edge_rig_hear_ack(&rig, &reply.ack);
    assert_int_equal(edge_rig_status(&rig, "acknowledged"), last.sequence);
    struct buf body = buf_of(rig.scratch, BODY_SIZE_MAX);
    hello_reply_encode(&reply, &body); /* with a nonce that is not ours */
    edge_rig_hear(&rig, TOPIC_SYNC_DOWN, FRAME_HELLO_REPLY, buf_bytes(&body));
    assert_int_equal(edge_rig_status(&rig, "acknowledged"), last.sequence);
    reply.nonce = nonce;
    body = buf_of(rig.scratch, BODY_SIZE_MAX);
    hello_reply_encode(&reply, &body);
    edge_rig_hear(&rig, TOPIC_SYNC_DOWN, FRAME_HELLO_REPLY, buf_bytes(&body));
    assert_int_equal(edge_rig_status(&rig, "acknowledged"), middle.sequence);
}

/* ---- Gaps, silence, priority ----------------------------------------------------------------- */

static void ask_for(struct nonce nonce, const struct log_id *log, uint64_t from, uint64_t to)
{
    const struct range_request request = {nonce, *log, from, to};
    struct buf body = buf_of(rig.scratch, BODY_SIZE_MAX);
    range_request_encode(&request, &body);
    edge_rig_hear(&rig, TOPIC_SYNC_DOWN, FRAME_RANGE_REQUEST, buf_bytes(&body));
}

static void test_gap_a_range_request_makes_it_send_again(void **state)
{
    (void)state;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    edge_rig_connect(&rig);
    const struct nonce nonce = edge_rig_nonce(&rig);
    edge_rig_puback_all(&rig);
    ask_for(nonce, &last.log, 1, 3);
    assert_int_equal(sent_from(), 1);
}

static void test_gap_a_request_with_another_nonce_is_ignored(void **state)
{
    (void)state;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    edge_rig_connect(&rig);
    struct nonce nonce = edge_rig_nonce(&rig);
    nonce.bytes[0] ^= 1;
    edge_rig_puback_all(&rig);
    ask_for(nonce, &last.log, 1, 3);
    assert_int_equal(sent_from(), 0);
}

/* Sending all again into a broker whose consumer is away would only fill its queue. */
static void test_silence_is_answered_by_a_question_not_by_sending_again(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 10);
    edge_rig_connect(&rig);
    edge_rig_puback_all(&rig);
    edge_rig_pass_ms(&rig, rig.options.settings.ack_timeout_ms + 1);
    edge_rig_wakeup(&rig);
    assert_int_equal(edge_rig_frame_count(&rig, FRAME_HELLO), 1);
    assert_int_equal(sent_from(), 0);
}

static void hear_cloud_status(bool online, bool retained)
{
    const struct status_report report = {.online = online, .reason = BYTES_LITERAL("x")};
    struct buf body = buf_of(rig.scratch, BODY_SIZE_MAX);
    status_msg_encode(&report, &body);
    edge_rig_hear_retained(&rig, TOPIC_CLOUD_STATUS, FRAME_STATUS, buf_bytes(&body), retained);
}

/* Waiting for the acknowledgement's timer would cost seconds after each restart of the consumer. */
static void test_a_consumer_that_starts_is_greeted_at_once(void **state)
{
    (void)state;
    edge_rig_connect(&rig);
    hear_cloud_status(true, false);
    assert_int_equal(edge_rig_frame_count(&rig, FRAME_HELLO), 1);
    hear_cloud_status(false, false);
    assert_int_equal(edge_rig_frame_count(&rig, FRAME_HELLO), 0);
    hear_cloud_status(true, true);
    assert_int_equal(edge_rig_frame_count(&rig, FRAME_HELLO), 0);
}

static void test_what_the_answer_lacks_is_sent_again(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 10);
    edge_rig_connect(&rig);
    const struct nonce nonce = edge_rig_nonce(&rig);
    edge_rig_puback_all(&rig);
    edge_rig_pass_ms(&rig, rig.options.settings.ack_timeout_ms + 1);
    edge_rig_wakeup(&rig);
    static struct hello_reply reply;
    memset(&reply, 0, sizeof(reply));
    reply.nonce = nonce;
    reply.ack.store = rig.store;
    reply.ack.counter = 1;
    struct buf body = buf_of(rig.scratch, BODY_SIZE_MAX);
    hello_reply_encode(&reply, &body);
    edge_rig_hear(&rig, TOPIC_SYNC_DOWN, FRAME_HELLO_REPLY, buf_bytes(&body));
    assert_int_equal(sent_from(), 1);
}

static void test_the_window_stays_within_the_brokers_receive_maximum(void **state)
{
    (void)state;
    rig.options.settings.frame_size_max = 1024;
    edge_rig_reopen(&rig);
    edge_rig_append(&rig, 3, "e", 2000);
    edge_rig_pass_ms(&rig, 2000);
    edge_rig_wakeup(&rig);
    edge_rig_run(&rig,
                 (struct event){.kind = EVENT_LINK_UP, .link = LINK_CLOUD, .receive_maximum = 6});
    size_t published = 0;
    for (size_t i = 0; i < rig.effects->count; i++)
        published += rig.effects->items[i].kind == EFFECT_PUBLISH;
    assert_true(published <= 6);
}

static void test_out_of_order_a_critical_entry_overtakes_a_backlog(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 2000);
    const struct receipt critical = edge_rig_append(&rig, 0, "alarm", 1);
    edge_rig_connect(&rig);
    struct bytes body;
    assert_true(edge_rig_frame(&rig, FRAME_EVIDENCE_AHEAD, 0, &body));
    assert_int_equal(ahead_msg_decode(rig.unpacker, rig.hasher, &rig.options.node, body, &run),
                     ST_OK);
    assert_int_equal(run.first_sequence, critical.sequence);
    assert_true(sent_up_to() < critical.sequence);
}

static void test_out_of_order_what_the_cloud_holds_above_is_not_sent_ahead_again(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 2000);
    const struct receipt critical = edge_rig_append(&rig, 0, "alarm", 1);
    edge_rig_connect(&rig);
    static struct ack ack;
    ack_begin(&ack, &critical, 1);
    assert_true(ack_add_range(&ack, &ack.logs[0].above, critical.sequence, critical.sequence));
    edge_rig_hear_ack(&rig, &ack);
    edge_rig_disconnect(&rig);
    edge_rig_connect(&rig);
    assert_int_equal(edge_rig_frame_count(&rig, FRAME_EVIDENCE_AHEAD), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_the_first_frame_on_a_link_is_the_newest_checkpoint),
        CASE(test_every_run_carries_a_checkpoint_for_its_last_entry),
        CASE(test_a_puback_moves_nothing_out_of_the_outbox),
        CASE(test_an_acknowledgement_empties_the_outbox),
        CASE(test_sending_resumes_behind_the_acknowledgement_after_a_power_cut),
        CASE(test_a_new_connection_sends_everything_unacknowledged_again),
        CASE(test_frame_that_is_not_authentic_an_ack_by_another_key_is_ignored),
        CASE(test_frame_that_is_not_authentic_every_flipped_bit_of_an_ack_is_found),
        CASE(test_an_acknowledgement_for_another_node_is_ignored),
        CASE(test_an_older_acknowledgement_changes_nothing),
        CASE(test_an_acknowledgement_survives_a_power_cut),
        CASE(test_without_a_trusted_key_nothing_is_believed),
        CASE(test_restored_or_cloned_edge_opens_a_new_log_that_names_the_old_head),
        CASE(test_restored_or_cloned_edge_with_another_hash_at_the_size_opens_a_new_log),
        CASE(test_restored_or_cloned_edge_leaves_its_log_only_once),
        CASE(test_fork_a_frozen_log_makes_its_holder_open_a_new_one),
        CASE(test_fork_entries_of_its_own_branch_are_delivered),
        CASE(test_fork_entries_of_another_copys_branch_are_not_delivered),
        CASE(test_cloud_restored_from_an_older_backup_gets_what_it_lost_again),
        CASE(test_an_unknown_store_counts_only_in_an_answer_to_our_nonce),
        CASE(test_gap_a_range_request_makes_it_send_again),
        CASE(test_gap_a_request_with_another_nonce_is_ignored),
        CASE(test_silence_is_answered_by_a_question_not_by_sending_again),
        CASE(test_a_consumer_that_starts_is_greeted_at_once),
        CASE(test_what_the_answer_lacks_is_sent_again),
        CASE(test_the_window_stays_within_the_brokers_receive_maximum),
        CASE(test_out_of_order_a_critical_entry_overtakes_a_backlog),
        CASE(test_out_of_order_what_the_cloud_holds_above_is_not_sent_ahead_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
