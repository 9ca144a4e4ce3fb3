/* test_report.c - what the operator asks: status, order, proof, one entry, a second judgement. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud-consumer/report.h"
#include "cloud-consumer/store_sqlite.h"
#include "tests/support/cloud_rig.h"

static struct cloud_rig rig;
static struct rig_log log_1, log_2;

/* Two nodes whose stamps interleave second by second; 1 holds 40 entries, 2 holds 30. */
static int set_up(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    rig_log_open(&log_1, "edge-1", 1, 0x10);
    rig_log_open(&log_2, "edge-2", 2, 0x20);
    rig_log_fill(&log_1, "a", 38);
    rig_log_fill(&log_2, "b", 28);
    assert_int_equal(cloud_rig_enrol(&rig, &log_2), ST_OK);
    cloud_rig_send_run(&rig, &log_1, 1, 7);
    cloud_rig_send_run(&rig, &log_2, 1, 30);
    cloud_rig_send_run(&rig, &log_1, 8, 40);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_log_close(&log_1);
    rig_log_close(&log_2);
    cloud_rig_close(&rig);
    return 0;
}

static void test_status_sums_up_what_is_stored(void **state)
{
    (void)state;
    assert_int_equal(cloud_rig_verb(&rig, "status", NULL), ST_OK);
    assert_int_equal(rig.record_count, 1);
    assert_int_equal(cloud_rig_field(&rig, "nodes"), 2);
    assert_int_equal(cloud_rig_field(&rig, "logs"), 2);
    assert_int_equal(cloud_rig_field(&rig, "entries"), 70);
    assert_true(cloud_rig_field(&rig, "bytes") > 70 * 64);
    assert_true(cloud_rig_field(&rig, "database_bytes") > 0);
    assert_true(cloud_rig_field_is(&rig, "link", "online"));
    assert_true(cloud_rig_field_is(&rig, "software", "cloud-consumer test"));
    cloud_rig_idle(&rig);
    assert_int_equal(cloud_rig_status(&rig, "audited"), 70);
}

/* The order of the list, as "node sequence" lines. */
static size_t list_order(char lines[][32], const char *name, const char *value)
{
    size_t count = 0;
    struct control_reply *const reply = rig.reply;
    const struct verb_argument argument = {name == NULL ? BYTES_EMPTY : bytes_of_text(name),
                                           value == NULL ? BYTES_EMPTY : bytes_of_text(value)};
    struct buf out = buf_of(rig.scratch, 4096);
    verb_request_encode(&out, BYTES_LITERAL("evidence-list"), &argument, name != NULL);
    cloud_rig_run(&rig,
                  (struct event){.kind = EVENT_REQUEST, .client = 3, .request = buf_bytes(&out)});
    for (;;) {
        for (size_t i = 0; i < rig.effects->count; i++) {
            const struct effect *const effect = &rig.effects->items[i];
            if (effect->kind != EFFECT_REPLY) continue;
            assert_int_equal(effect->client, 3);
            assert_int_equal(control_reply_decode(rig.unpacker, effect->payload, reply), ST_OK);
            if (reply->kind == REPLY_END) {
                assert_int_equal(reply->status, ST_OK);
                return count;
            }
            if (reply->kind != REPLY_RECORD) continue;
            snprintf(lines[count++], 32, "%.*s %llu", (int)reply->fields[0].text.size,
                     (const char *)reply->fields[0].text.data,
                     (unsigned long long)reply->fields[2].natural);
        }
        cloud_rig_wakeup(&rig);
    }
}

static char lines[2000][32];

/* Equal stamps: edge-1 before edge-2, entry by entry. */
static void test_list_merges_by_stamp_then_node_then_sequence(void **state)
{
    (void)state;
    assert_int_equal(list_order(lines, NULL, NULL), 70);
    for (unsigned i = 0; i < 30; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "edge-1 %u", i + 1);
        assert_string_equal(lines[2 * i], expected);
        snprintf(expected, sizeof expected, "edge-2 %u", i + 1);
        assert_string_equal(lines[2 * i + 1], expected);
    }
    assert_string_equal(lines[69], "edge-1 40");
}

static void test_list_of_one_node_since_a_time_or_up_to_a_limit(void **state)
{
    (void)state;
    assert_int_equal(list_order(lines, "node", "edge-2"), 30);
    assert_string_equal(lines[29], "edge-2 30");
    assert_int_equal(list_order(lines, "limit", "5"), 5);
    /* Entry n of each was stamped n seconds after 2027-01-15 08:00:00. */
    assert_int_equal(list_order(lines, "since", "1800000031000"), 10);
    assert_string_equal(lines[0], "edge-1 31");
    assert_int_equal(list_order(lines, "since", "2027-01-15T08:00:31Z"), 10);
    assert_int_equal(list_order(lines, "since", "2027-01-15T08:00:30.999Z"), 10);
    assert_int_equal(list_order(lines, "since", "2027-01-16"), 0);
}

static void test_list_refuses_what_it_does_not_understand(void **state)
{
    (void)state;
    assert_int_equal(cloud_rig_verb(&rig, "evidence-list", "since", "yesterday", NULL), ST_USAGE);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-list", "limit", "-1", NULL), ST_USAGE);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-list", "node", "edge-7", NULL), ST_NOT_FOUND);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-lost", NULL), ST_USAGE);
}

static void test_times_are_read_in_both_forms(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool ok;
        int64_t ms;
    } cases[] = {
        {"0", true, 0},
        {"-1000", true, -1000},
        {"1970-01-01", true, 0},
        {"1970-01-01T00:00:00.5Z", true, 500},
        {"2000-02-29T12:00:00Z", true, INT64_C(951825600000)},
        {"2026-11-22T16:20:48.123Z", true, INT64_C(1795364448123)},
        {"1969-12-31 23:59:59", true, -1000},
        {"", false, 0},
        {"2026-13-01", false, 0},
        {"2026-11-22T16:20", false, 0},
        {"2026-11-22T16:20:48+01:00", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t ms = 0;
        assert_int_equal(cloud_time_parse(bytes_of_text(cases[i].text), &ms), cases[i].ok);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void test_verify_walks_everything_and_says_how_much(void **state)
{
    (void)state;
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_OK);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", "node", "edge-2", NULL), ST_OK);
    assert_non_null(strstr(rig.message, "30 entries of 1 logs"));
}

/* A hand with SQL and without triggers; each change must be found. */
static void assert_found(const char *sql, const char *words)
{
    assert_int_equal(cloud_rig_sql(&rig, "DROP TRIGGER evidence_run_no_update;"
                                         "DROP TRIGGER evidence_run_no_delete;"
                                         "DROP TRIGGER evidence_log_forward"),
                     ST_OK);
    assert_int_equal(cloud_rig_sql(&rig, sql), ST_OK);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_TAMPERED);
    if (strstr(rig.message, words) == NULL) fail_msg("it says: %s", rig.message);
}

static void test_verify_finds_a_run_that_was_deleted(void **state)
{
    (void)state;
    assert_found("DELETE FROM evidence_run WHERE first_seq = 8",
                 "sequence 8: the entry is missing");
}

static void test_verify_finds_a_run_of_another_log(void **state)
{
    (void)state;
    assert_found("UPDATE evidence_run SET body = (SELECT body FROM evidence_run WHERE log = 2)"
                 " WHERE first_seq = 8",
                 "sequence 8: the stored bytes cannot be decoded");
}

static void test_verify_finds_a_head_that_was_set_back(void **state)
{
    (void)state;
    assert_found("UPDATE evidence_log SET head_seq = 7 WHERE id = 1", "damaged");
}

static void test_verify_finds_a_changed_head_hash(void **state)
{
    (void)state;
    assert_found("UPDATE evidence_log SET head_hash = zeroblob(32) WHERE id = 1", "another head");
}

static void test_verify_finds_another_key(void **state)
{
    (void)state;
    assert_found("UPDATE evidence_log SET key = (SELECT key FROM node WHERE id = 2) WHERE id = 1",
                 "sequence 1");
}

/* Each byte of the first stored run in turn, one bit of it; then the run is put back. */
static void test_verify_finds_a_flipped_bit_in_each_byte_of_a_stored_run(void **state)
{
    (void)state;
    static uint8_t body[8192];
    static char sql[2 * sizeof body + 128], hex[2 * sizeof body + 1];
    struct run_row row;
    assert_int_equal(cloud_rig_sql(&rig, "DROP TRIGGER evidence_run_no_update"), ST_OK);
    struct db *const db = sqlite_store_of(rig.cloud->store)->db;
    struct buf out = buf_of(body, sizeof body);
    assert_int_equal(cloud_begin(rig.cloud), ST_OK);
    assert_int_equal(STORE(rig.cloud, run_at, 1, 1, &out, &row), ST_OK);
    assert_int_equal(cloud_commit(rig.cloud, &rig.now, rig.effects), ST_OK);
    for (size_t at = 0; at < out.size; at++) {
        body[at] ^= (uint8_t)(1 << at % 8);
        hex_encode(buf_bytes(&out), hex);
        snprintf(sql, sizeof sql, "UPDATE evidence_run SET body = x'%s' WHERE id = 1", hex);
        assert_int_equal(db_execute(db, sql), ST_OK);
        assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", "node", "edge-1", NULL),
                         ST_TAMPERED);
        body[at] ^= (uint8_t)(1 << at % 8);
    }
    hex_encode(buf_bytes(&out), hex);
    snprintf(sql, sizeof sql, "UPDATE evidence_run SET body = x'%s' WHERE id = 1", hex);
    assert_int_equal(db_execute(db, sql), ST_OK);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_OK);
}

static void test_show_gives_the_fields_and_the_signed_bytes(void **state)
{
    (void)state;
    const struct rig_entry *const entry = &log_1.entries[8];
    assert_int_equal(cloud_rig_verb(&rig, "evidence-show", "node", "edge-1", "sequence", "9", NULL),
                     ST_OK);
    assert_true(cloud_rig_field_is(&rig, "type", "log"));
    assert_int_equal(cloud_rig_field(&rig, "priority"), 3);
    assert_true(cloud_rig_field_is(&rig, "payload", "inline"));
    assert_int_equal(cloud_rig_verb(&rig, "evidence-show", "node", "edge-1", "sequence", "9", "raw",
                                    "header", NULL),
                     ST_OK);
    assert_int_equal(rig.raw_size, ENTRY_HEADER_SIZE);
    assert_memory_equal(rig.raw, entry->entry.header.bytes, ENTRY_HEADER_SIZE);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-show", "node", "edge-1", "sequence", "9", "raw",
                                    "signature", NULL),
                     ST_OK);
    assert_memory_equal(rig.raw, entry->entry.signature.bytes, ENTRY_SIGNATURE_SIZE);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-show", "node", "edge-1", "sequence", "9", "raw",
                                    "payload", NULL),
                     ST_OK);
    assert_int_equal(rig.raw_size, entry->entry.payload.size);
    assert_memory_equal(rig.raw, entry->entry.payload.data, rig.raw_size);
}

static void test_show_says_what_is_not_there(void **state)
{
    (void)state;
    assert_int_equal(
        cloud_rig_verb(&rig, "evidence-show", "node", "edge-1", "sequence", "41", NULL),
        ST_NOT_FOUND);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-show", "node", "edge-5", "sequence", "1", NULL),
                     ST_NOT_FOUND);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-show", "node", "edge-1", "sequence", "0", NULL),
                     ST_USAGE);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-show", "node", "edge-1", "sequence", "9", "raw",
                                    "all", NULL),
                     ST_USAGE);
    assert_int_equal(
        cloud_rig_verb(&rig, "evidence-show", "node", "edge-1", "sequence", "9", "log", "00", NULL),
        ST_NOT_FOUND);
}

static void test_show_finds_an_entry_that_is_still_pending(void **state)
{
    (void)state;
    rig_log_fill(&log_1, "later", 10);
    cloud_rig_send_ahead(&rig, &log_1, 45);
    assert_int_equal(
        cloud_rig_verb(&rig, "evidence-show", "node", "edge-1", "sequence", "45", NULL), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "payload", "inline"));
}

static void test_readmit_leaves_what_is_still_unacceptable(void **state)
{
    (void)state;
    const struct evidence_header fields = {.type = 0x0042, .codec = CODEC_MSGPACK};
    rig_log_add(&log_1, fields, BYTES_LITERAL("?"));
    cloud_rig_send_run(&rig, &log_1, 41, 41);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-readmit", NULL), ST_OK);
    assert_string_equal(rig.message, "0 readmitted, 1 still rejected");
    assert_int_equal(cloud_rig_status(&rig, "rejected"), 1);
}

/* As if an older version had refused what this one accepts. */
static void test_readmit_takes_in_what_has_become_acceptable(void **state)
{
    (void)state;
    const struct rig_entry *const entry = &log_1.entries[19];
    struct cloud *const cloud = rig.cloud;
    struct log_row log;
    const struct kept_entry kept = {
        .sequence = 20, .hash = entry->hash, .reason = POISON_TYPE_UNKNOWN, .entry = entry->entry};
    assert_int_equal(cloud_begin(cloud), ST_OK);
    assert_int_equal(STORE(cloud, log_find, 1, &log_1.log, &log), ST_OK);
    assert_int_equal(STORE(cloud, rejected_add, log.id, 0, &kept), ST_OK);
    assert_int_equal(STORE(cloud, range_add, log.id, RANGE_REJECTED, 20), ST_OK);
    log.rejected_count = 1;
    assert_int_equal(STORE(cloud, log_save, &log, &log.head), ST_OK);
    assert_int_equal(cloud_commit(cloud, &rig.now, rig.effects), ST_OK);
    cloud_rig_send_run(&rig, &log_1, 8, 40);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->rejected.count, 1);
    assert_int_equal(list_order(lines, NULL, NULL), 69);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-readmit", "node", "edge-1", NULL), ST_OK);
    assert_string_equal(rig.message, "1 readmitted, 0 still rejected");
    cloud_rig_send_run(&rig, &log_1, 8, 40);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->rejected.count, 0);
    assert_int_equal(list_order(lines, NULL, NULL), 70);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT COUNT(*) FROM evidence_rejected"), 1);
}

static void begin_list(uint32_t client)
{
    struct buf out = buf_of(rig.scratch, 4096);
    verb_request_encode(&out, BYTES_LITERAL("evidence-list"), NULL, 0);
    cloud_rig_run(
        &rig, (struct event){.kind = EVENT_REQUEST, .client = client, .request = buf_bytes(&out)});
}

/* Slices happen between steps, and a client that goes away takes its job along. */
static void test_long_verbs_are_bounded_and_end_with_their_client(void **state)
{
    (void)state;
    struct control_reply *const reply = rig.reply;
    rig.options.settings.audit = false;
    cloud_rig_reopen(&rig);
    /* Many entries, so that no list ends within the batches that start the others. */
    static struct rig_log many;
    rig_log_open(&many, "edge-1", 1, 0x55);
    rig_log_fill(&many, "m", 590);
    cloud_rig_send_run(&rig, &many, 1, 200);
    cloud_rig_send_run(&rig, &many, 201, 400);
    cloud_rig_send_run(&rig, &many, 401, 592);
    for (uint32_t client = 0; client < CLOUD_JOBS_MAX; client++)
        begin_list(client);
    begin_list(50);
    bool refused = false;
    for (size_t i = 0; i < rig.effects->count; i++) {
        const struct effect *const effect = &rig.effects->items[i];
        if (effect->kind != EFFECT_REPLY || effect->client != 50) continue;
        assert_int_equal(control_reply_decode(rig.unpacker, effect->payload, reply), ST_OK);
        refused = reply->kind == REPLY_END && reply->status == ST_AGAIN;
    }
    assert_true(refused);
    assert_true(cloud_has_jobs(rig.cloud));
    for (uint32_t client = 0; client < CLOUD_JOBS_MAX; client++)
        cloud_rig_run(&rig, (struct event){.kind = EVENT_CLIENT_GONE, .client = client});
    assert_false(cloud_has_jobs(rig.cloud));
    rig_log_close(&many);
}

static void test_a_request_that_cannot_be_read_gets_an_answer(void **state)
{
    (void)state;
    cloud_rig_run(
        &rig, (struct event){.kind = EVENT_REQUEST, .client = 4, .request = BYTES_LITERAL("\xc1")});
    assert_int_equal(rig.effects->count, 1);
    assert_int_equal(control_reply_decode(rig.unpacker, rig.effects->items[0].payload, rig.reply),
                     ST_OK);
    assert_int_equal(rig.reply->status, ST_USAGE);
}

static void test_the_cloud_key_line_can_be_read_back(void **state)
{
    (void)state;
    struct key_line line;
    assert_int_equal(cloud_rig_verb(&rig, "cloud-key", NULL), ST_OK);
    assert_int_equal(key_line_read(rig.reply->fields[0].text, &line), ST_OK);
    assert_int_equal(line.kind, KEY_LINE_CLOUD);
    const struct public_key key = secret_key_public(rig.cloud_key);
    assert_true(public_key_equal(&line.key, &key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_status_sums_up_what_is_stored),
        T(test_list_merges_by_stamp_then_node_then_sequence),
        T(test_list_of_one_node_since_a_time_or_up_to_a_limit),
        T(test_list_refuses_what_it_does_not_understand),
        T(test_times_are_read_in_both_forms),
        T(test_verify_walks_everything_and_says_how_much),
        T(test_verify_finds_a_run_that_was_deleted),
        T(test_verify_finds_a_run_of_another_log),
        T(test_verify_finds_a_head_that_was_set_back),
        T(test_verify_finds_a_changed_head_hash),
        T(test_verify_finds_another_key),
        T(test_verify_finds_a_flipped_bit_in_each_byte_of_a_stored_run),
        T(test_show_gives_the_fields_and_the_signed_bytes),
        T(test_show_says_what_is_not_there),
        T(test_show_finds_an_entry_that_is_still_pending),
        T(test_readmit_leaves_what_is_still_unacceptable),
        T(test_readmit_takes_in_what_has_become_acceptable),
        T(test_long_verbs_are_bounded_and_end_with_their_client),
        T(test_a_request_that_cannot_be_read_gets_an_answer),
        T(test_the_cloud_key_line_can_be_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
