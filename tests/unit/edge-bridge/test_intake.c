/* test_intake.c - what a publisher can rely on when it hands something in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/edge_rig.h"

static struct edge_rig rig;

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

static const struct control_reply *first_reply(void)
{
    for (size_t i = 0; i < rig.effects->count; i++) {
        const struct effect *effect = &rig.effects->items[i];
        if (effect->kind != EFFECT_REPLY) continue;
        assert_int_equal(control_reply_decode(rig.unpacker, effect->payload, rig.reply), ST_OK);
        return rig.reply;
    }
    fail_msg("no reply");
    return NULL;
}

static void test_a_receipt_names_log_sequence_and_hash(void **state)
{
    (void)state;
    const struct receipt first = edge_rig_append_one(&rig, "log", 3, NULL, BYTES_LITERAL("a"));
    const struct receipt second = edge_rig_append_one(&rig, "log", 3, NULL, BYTES_LITERAL("b"));
    assert_int_equal(first.status, ST_OK);
    assert_int_equal(second.sequence, first.sequence + 1);
    assert_true(log_id_equal(&first.log, &second.log));
    assert_false(digest_equal(&first.hash, &second.hash));
}

/* Promise 3: a publisher that did not see its receipt may hand the same thing in again. */
static void test_a_repeat_with_the_same_id_returns_the_first_receipt(void **state)
{
    (void)state;
    const struct receipt first = edge_rig_append_one(&rig, "log", 3, "id-1", BYTES_LITERAL("a"));
    edge_rig_append(&rig, 3, "other", 10);
    const struct receipt again = edge_rig_append_one(&rig, "log", 3, "id-1", BYTES_LITERAL("a"));
    assert_false(first.duplicate);
    assert_true(again.duplicate);
    assert_int_equal(again.sequence, first.sequence);
    assert_true(digest_equal(&again.hash, &first.hash));
}

static void test_a_repeat_is_recognised_after_a_power_cut(void **state)
{
    (void)state;
    const struct receipt first = edge_rig_append_one(&rig, "log", 3, "id-1", BYTES_LITERAL("a"));
    edge_rig_power_cut(&rig);
    const struct receipt again = edge_rig_append_one(&rig, "log", 3, "id-1", BYTES_LITERAL("a"));
    assert_true(again.duplicate);
    assert_int_equal(again.sequence, first.sequence);
}

/* Two repeats may reach the bridge in one batch, before anything of it is written. */
static void test_a_repeat_within_one_batch_is_recognised(void **state)
{
    (void)state;
    struct buf out = buf_of(rig.scratch, 4096);
    append_request_begin(&out, BYTES_LITERAL("log"), 3, 2);
    const struct append_item item = {
        .has_id = true, .id = BYTES_LITERAL("x"), .payload = BYTES_LITERAL("p")};
    append_request_item(&out, &item);
    append_request_item(&out, &item);
    edge_rig_run(&rig, (struct event){.kind = EVENT_REQUEST, .request = buf_bytes(&out)});
    const struct control_reply *reply = first_reply();
    assert_int_equal(reply->receipt_count, 2);
    assert_false(reply->receipts[0].duplicate);
    assert_true(reply->receipts[1].duplicate);
    assert_int_equal(reply->receipts[0].sequence, reply->receipts[1].sequence);
}

/* Answering "duplicate" here would lose the second payload without a word. */
static void test_the_same_id_with_another_payload_is_refused(void **state)
{
    (void)state;
    edge_rig_append_one(&rig, "log", 3, "id-1", BYTES_LITERAL("a"));
    const struct receipt other = edge_rig_append_one(&rig, "log", 3, "id-1", BYTES_LITERAL("b"));
    assert_int_equal(other.status, ST_CONFLICT);
}

static void test_ids_of_different_types_do_not_collide(void **state)
{
    (void)state;
    const struct receipt a = edge_rig_append_one(&rig, "one", 3, "1", BYTES_LITERAL("a"));
    const struct receipt b = edge_rig_append_one(&rig, "two", 3, "1", BYTES_LITERAL("b"));
    assert_int_equal(b.status, ST_OK);
    assert_false(b.duplicate);
    assert_int_not_equal(a.sequence, b.sequence);
}

static void test_old_ids_are_forgotten_beyond_the_count(void **state)
{
    (void)state;
    rig.options.settings.publisher_id_count = 10;
    edge_rig_reopen(&rig);
    for (int i = 0; i < 20; i++) {
        char id[16];
        struct buf text = buf_of(id, sizeof(id) - 1);
        buf_put_format(&text, "id-%d", i);
        id[text.size] = '\0';
        edge_rig_append_one(&rig, "log", 3, id, BYTES_LITERAL("a"));
    }
    assert_false(edge_rig_append_one(&rig, "log", 3, "id-0", BYTES_LITERAL("a")).duplicate);
    assert_true(edge_rig_append_one(&rig, "log", 3, "id-19", BYTES_LITERAL("a")).duplicate);
}

/* Promise 4: room is given up from the lowest priority. */
static void test_a_filling_disk_refuses_p5_first_and_p0_last(void **state)
{
    (void)state;
    const uint64_t reserve = rig.options.settings.disk_reserve_bytes;
    rig.now.disk_free_bytes = reserve + reserve / 2;
    assert_int_equal(edge_rig_append_one(&rig, "log", 5, NULL, BYTES_LITERAL("a")).status, ST_FULL);
    assert_int_equal(edge_rig_append_one(&rig, "log", 2, NULL, BYTES_LITERAL("a")).status, ST_OK);
    rig.now.disk_free_bytes = reserve;
    assert_int_equal(edge_rig_append_one(&rig, "log", 1, NULL, BYTES_LITERAL("a")).status, ST_FULL);
    assert_int_equal(edge_rig_append_one(&rig, "log", 0, NULL, BYTES_LITERAL("a")).status, ST_OK);
    rig.now.disk_free_bytes = reserve - 1;
    assert_int_equal(edge_rig_append_one(&rig, "log", 0, NULL, BYTES_LITERAL("a")).status, ST_FULL);
    rig.now.disk_free_bytes = 10 * reserve;
    assert_int_equal(edge_rig_append_one(&rig, "log", 5, NULL, BYTES_LITERAL("a")).status, ST_OK);
}

static void test_a_wrong_type_name_is_refused(void **state)
{
    (void)state;
    const struct receipt bad = edge_rig_append_one(&rig, "no/level", 3, NULL, BYTES_LITERAL("a"));
    assert_int_equal(bad.status, ST_MALFORMED);
}

/* ---- MQTT ------------------------------------------------------------------------------------ */

static struct mqtt_message message_of(const char *topic, struct bytes payload)
{
    return (struct mqtt_message){
        .topic = bytes_of_text(topic),
        .payload = payload,
        .response_topic = BYTES_LITERAL("receipts/me"),
        .correlation = BYTES_LITERAL("c-1"),
    };
}

static void hand_in(struct mqtt_message message)
{
    edge_rig_run(&rig,
                 (struct event){.kind = EVENT_MESSAGE, .link = LINK_LOCAL, .message = message});
}

static struct bytes receipt_text(void)
{
    for (size_t i = 0; i < rig.effects->count; i++)
        if (rig.effects->items[i].kind == EFFECT_PUBLISH &&
            rig.effects->items[i].link == LINK_LOCAL)
            return rig.effects->items[i].payload;
    return BYTES_EMPTY;
}

static bool receipt_has(const char *text)
{
    const struct bytes receipt = receipt_text();
    return receipt.size > 0 && memmem(receipt.data, receipt.size, text, strlen(text)) != NULL;
}

static void test_a_message_gets_a_receipt_on_its_response_topic(void **state)
{
    (void)state;
    hand_in(message_of("local/evidence/log", BYTES_LITERAL("a")));
    assert_true(receipt_has("\"sequence\":"));
    assert_true(receipt_has("\"duplicate\":false"));
    const struct effect *effect = &rig.effects->items[rig.effects->count - 1];
    assert_true(bytes_equal(effect->topic, BYTES_LITERAL("receipts/me")));
    assert_true(bytes_equal(effect->correlation, BYTES_LITERAL("c-1")));
}

static void test_correlation_data_makes_a_repeat_harmless(void **state)
{
    (void)state;
    hand_in(message_of("local/evidence/log", BYTES_LITERAL("a")));
    const uint64_t before = edge_rig_status(&rig, "head_sequence");
    hand_in(message_of("local/evidence/log", BYTES_LITERAL("a")));
    assert_true(receipt_has("\"duplicate\":true"));
    assert_int_equal(edge_rig_status(&rig, "head_sequence"), before);
}

static void test_without_an_id_every_delivery_is_an_entry(void **state)
{
    (void)state;
    struct mqtt_message message = message_of("local/evidence/log", BYTES_LITERAL("a"));
    message.correlation = BYTES_EMPTY;
    hand_in(message);
    const uint64_t before = edge_rig_status(&rig, "head_sequence");
    hand_in(message);
    assert_int_equal(edge_rig_status(&rig, "head_sequence"), before + 1);
}

static void test_a_payload_over_63_kib_is_refused_with_its_reason(void **state)
{
    (void)state;
    static uint8_t large[INLINE_PAYLOAD_SIZE_MAX + 1];
    hand_in(message_of("local/evidence/log", bytes_of(large, sizeof(large))));
    assert_true(receipt_has("ST_TOO_LARGE"));
    hand_in(message_of("local/evidence/log", bytes_of(large, sizeof(large) - 1)));
    assert_true(receipt_has("\"sequence\":"));
}

static void test_a_priority_that_is_none_is_refused(void **state)
{
    (void)state;
    struct mqtt_message message = message_of("local/evidence/log", BYTES_LITERAL("a"));
    message.user_priority = BYTES_LITERAL("6");
    hand_in(message);
    assert_true(receipt_has("ST_USAGE"));
}

/* A receipt must never become a message to a filter or to the broker's own topics. */
static void test_a_response_topic_with_wildcards_gets_nothing(void **state)
{
    (void)state;
    struct mqtt_message message = message_of("local/evidence/log", BYTES_LITERAL("a"));
    message.response_topic = BYTES_LITERAL("receipts/#");
    hand_in(message);
    assert_int_equal(receipt_text().size, 0);
    message.response_topic = BYTES_LITERAL("$SYS/x");
    hand_in(message);
    assert_int_equal(receipt_text().size, 0);
}

/* ---- Large payloads -------------------------------------------------------------------------- */

static enum status hand_in_part(uint64_t total, struct bytes part)
{
    struct buf out = buf_of(rig.scratch, 1024 * 1024);
    part_request_encode(&out, total, part);
    edge_rig_run(&rig,
                 (struct event){.kind = EVENT_REQUEST, .client = 7, .request = buf_bytes(&out)});
    const struct control_reply *reply = first_reply();
    assert_int_equal(reply->kind, REPLY_END);
    return reply->status;
}

static struct receipt append_staged(const char *id)
{
    struct buf out = buf_of(rig.scratch, 4096);
    append_request_begin(&out, BYTES_LITERAL("log"), 3, 1);
    const struct append_item item = {
        .has_id = id != NULL,
        .id = id != NULL ? bytes_of_text(id) : BYTES_EMPTY,
        .staged = true,
    };
    append_request_item(&out, &item);
    edge_rig_run(&rig,
                 (struct event){.kind = EVENT_REQUEST, .client = 7, .request = buf_bytes(&out)});
    const struct control_reply *reply = first_reply();
    assert_int_equal(reply->kind, REPLY_RECEIPTS);
    return reply->receipts[0];
}

static void hand_in_large(const uint8_t *payload, size_t size)
{
    for (size_t done = 0; done < size;) {
        const size_t some = size - done < PART_SIZE ? size - done : PART_SIZE;
        assert_int_equal(hand_in_part(size, bytes_of(payload + done, some)), ST_OK);
        done += some;
    }
}

static void test_a_large_payload_is_accepted_when_whole(void **state)
{
    (void)state;
    static uint8_t payload[300 * 1000];
    memset(payload, 'x', sizeof(payload));
    hand_in_large(payload, sizeof(payload));
    assert_int_equal(append_staged(NULL).status, ST_OK);
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_OK);
}

static void test_a_large_payload_travels_in_parts_before_its_entry(void **state)
{
    (void)state;
    static uint8_t payload[150 * 1000];
    hand_in_large(payload, sizeof(payload));
    assert_int_equal(append_staged(NULL).status, ST_OK);
    edge_rig_connect(&rig);
    size_t parts = edge_rig_frame_count(&rig, FRAME_EVIDENCE_PART);
    for (int i = 0; i < 3; i++) {
        edge_rig_puback_all(&rig);
        edge_rig_pass_ms(&rig, 100);
        edge_rig_wakeup(&rig);
        parts += edge_rig_frame_count(&rig, FRAME_EVIDENCE_PART);
    }
    assert_true(parts >= 1); /* the first window is small: the rest follows the first ack */
}

static void test_a_large_payload_that_is_not_whole_is_not_accepted(void **state)
{
    (void)state;
    static uint8_t payload[PART_SIZE];
    assert_int_equal(hand_in_part(300 * 1000, bytes_of(payload, sizeof(payload))), ST_OK);
    assert_int_equal(append_staged(NULL).status, ST_USAGE);
}

static void test_a_payload_over_16_mib_is_refused_at_its_first_part(void **state)
{
    (void)state;
    static uint8_t payload[PART_SIZE];
    assert_int_equal(hand_in_part(PAYLOAD_SIZE_MAX + 1, bytes_of(payload, sizeof(payload))),
                     ST_TOO_LARGE);
}

static void test_a_repeated_large_payload_is_recognised_and_not_kept_twice(void **state)
{
    (void)state;
    static uint8_t payload[200 * 1000];
    hand_in_large(payload, sizeof(payload));
    const struct receipt first = append_staged("big-1");
    const uint64_t bytes = edge_rig_status(&rig, "head_sequence");
    hand_in_large(payload, sizeof(payload));
    const struct receipt again = append_staged("big-1");
    assert_false(first.duplicate);
    assert_true(again.duplicate);
    assert_int_equal(again.sequence, first.sequence);
    assert_int_equal(edge_rig_status(&rig, "head_sequence"), bytes);
}

static void test_an_upload_that_was_never_finished_is_gone_after_a_restart(void **state)
{
    (void)state;
    static uint8_t payload[PART_SIZE];
    assert_int_equal(hand_in_part(300 * 1000, bytes_of(payload, sizeof(payload))), ST_OK);
    edge_rig_power_cut(&rig);
    static uint8_t whole[200 * 1000];
    hand_in_large(whole, sizeof(whole));
    assert_int_equal(append_staged(NULL).status, ST_OK);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_receipt_names_log_sequence_and_hash),
        CASE(test_a_repeat_with_the_same_id_returns_the_first_receipt),
        CASE(test_a_repeat_is_recognised_after_a_power_cut),
        CASE(test_a_repeat_within_one_batch_is_recognised),
        CASE(test_the_same_id_with_another_payload_is_refused),
        CASE(test_ids_of_different_types_do_not_collide),
        CASE(test_old_ids_are_forgotten_beyond_the_count),
        CASE(test_a_filling_disk_refuses_p5_first_and_p0_last),
        CASE(test_a_wrong_type_name_is_refused),
        CASE(test_a_message_gets_a_receipt_on_its_response_topic),
        CASE(test_correlation_data_makes_a_repeat_harmless),
        CASE(test_without_an_id_every_delivery_is_an_entry),
        CASE(test_a_payload_over_63_kib_is_refused_with_its_reason),
        CASE(test_a_priority_that_is_none_is_refused),
        CASE(test_a_response_topic_with_wildcards_gets_nothing),
        CASE(test_a_large_payload_is_accepted_when_whole),
        CASE(test_a_large_payload_travels_in_parts_before_its_entry),
        CASE(test_a_large_payload_that_is_not_whole_is_not_accepted),
        CASE(test_a_payload_over_16_mib_is_refused_at_its_first_part),
        CASE(test_a_repeated_large_payload_is_recognised_and_not_kept_twice),
        CASE(test_an_upload_that_was_never_finished_is_gone_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
