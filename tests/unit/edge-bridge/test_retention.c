/* test_retention.c - payloads that the cloud has leave by age, by bytes or for want of room; proofs
 * and all that the cloud does not have stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/control_entry.h"
#include "edge-bridge/edge_state.h"
#include "tests/support/edge_tracks.h"

enum { DAY_MS = 24 * 3600 * 1000, LARGE_SIZE = 150 * 1000 };

static struct edge_rig rig;
static struct ack ack;

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

static void keep_days(uint32_t days)
{
    rig.options.settings.retain_days = days;
    edge_rig_reopen(&rig);
}

static void keep_bytes(uint64_t bytes)
{
    rig.options.settings.retain_bytes = bytes;
    edge_rig_reopen(&rig);
}

static void settle(unsigned slices)
{
    for (unsigned i = 0; i < slices; i++) {
        edge_rig_pass_ms(&rig, RETENTION_TICK_MS);
        edge_rig_wakeup(&rig);
    }
}

/* What an acknowledgement of the open log up to `size` says, to be added to. */
static struct ack *ack_of(uint64_t size)
{
    struct digest hash;
    assert_int_equal(evidence_read_hash(rig.edge, &rig.edge->log.row, size, &hash), ST_OK);
    memset(&ack, 0, sizeof(ack));
    ack.store = rig.store;
    ack.counter = ++rig.ack_counter;
    ack.log_count = 1;
    ack.logs[0].log = rig.edge->log.row.log;
    ack.logs[0].size = size;
    ack.logs[0].head_hash = hash;
    return &ack;
}

static void acknowledge(uint64_t size)
{
    edge_rig_hear_ack(&rig, ack_of(size));
}

static enum payload_form form_of(uint64_t sequence)
{
    struct evidence_row row;
    assert_int_equal(evidence_read_entry(rig.edge, &rig.edge->log.row, sequence, &row), ST_OK);
    assert_int_equal(row.damage, ROW_GOOD);
    const enum payload_form form = row.entry.form;
    evidence_scan_end(rig.edge);
    return form;
}

static uint64_t number_of(const char *sql)
{
    struct statement *statement;
    bool row;
    assert_int_equal(statement_open(rig.edge->db, sql, &statement), ST_OK);
    assert_int_equal(statement_step(statement, &row), ST_OK);
    assert_true(row);
    const uint64_t number = column_u64(statement, 0);
    statement_close(statement);
    return number;
}

static uint64_t field(const char *name)
{
    for (size_t i = 0; i < rig.reply->field_count; i++)
        if (bytes_equal(rig.reply->fields[i].name, bytes_of_text(name)))
            return rig.reply->fields[i].natural;
    fail_msg("the record has no field %s", name);
    return 0;
}

static void append_large(void)
{
    static uint8_t payload[LARGE_SIZE];
    for (size_t done = 0; done < sizeof(payload);) {
        const size_t left = sizeof(payload) - done;
        const size_t some = left < PART_SIZE ? left : PART_SIZE;
        struct buf out = buf_of(rig.scratch, 1024 * 1024);
        part_request_encode(&out, sizeof(payload), bytes_of(payload + done, some));
        edge_rig_run(
            &rig, (struct event){.kind = EVENT_REQUEST, .client = 7, .request = buf_bytes(&out)});
        done += some;
    }
    struct buf out = buf_of(rig.scratch, 4096);
    append_request_begin(&out, BYTES_LITERAL("log"), 3, 1);
    append_request_item(&out, &(struct append_item){.staged = true});
    edge_rig_run(&rig,
                 (struct event){.kind = EVENT_REQUEST, .client = 7, .request = buf_bytes(&out)});
    assert_int_equal(number_of("SELECT count(*) FROM evidence WHERE form = 2"), 1);
}

/* ---- By age and by bytes --------------------------------------------------------------------- */

static void test_payloads_that_the_cloud_has_leave_after_their_days(void **state)
{
    (void)state;
    keep_days(2);
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    acknowledge(last.sequence);
    edge_rig_pass_ms(&rig, DAY_MS);
    settle(3);
    assert_int_equal(form_of(last.sequence), PAYLOAD_INLINE);
    edge_rig_pass_ms(&rig, DAY_MS);
    settle(3);
    assert_int_equal(form_of(last.sequence), PAYLOAD_ABSENT);
    assert_int_equal(edge_rig_status(&rig, "retained_dropped_entries"), 10);
    assert_int_equal(edge_rig_status(&rig, "retained_dropped_bytes"), 9 * 3 + 4);
}

/* The default keeps what the disk can hold. */
static void test_without_a_setting_nothing_leaves(void **state)
{
    (void)state;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    acknowledge(last.sequence);
    for (int year = 0; year < 10; year++)
        edge_rig_pass_ms(&rig, UINT64_C(365) * DAY_MS);
    settle(3);
    assert_int_equal(form_of(last.sequence), PAYLOAD_INLINE);
    assert_int_equal(edge_rig_status(&rig, "retained_dropped_entries"), 0);
}

static void test_what_the_cloud_does_not_have_stays_however_old(void **state)
{
    (void)state;
    keep_days(1);
    const struct receipt has = edge_rig_append(&rig, 3, "a", 5);
    const struct receipt lacks = edge_rig_append(&rig, 3, "b", 5);
    acknowledge(has.sequence);
    edge_rig_pass_ms(&rig, 10 * DAY_MS);
    settle(3);
    assert_int_equal(form_of(has.sequence), PAYLOAD_ABSENT);
    for (uint64_t sequence = has.sequence + 1; sequence <= lacks.sequence; sequence++)
        assert_int_equal(form_of(sequence), PAYLOAD_INLINE);
}

static void test_the_oldest_leave_when_too_many_bytes_are_kept(void **state)
{
    (void)state;
    const uint64_t first = edge_rig_append(&rig, 3, "e", 1).sequence;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 99);
    acknowledge(last.sequence);
    keep_bytes(100);
    settle(3);
    assert_int_equal(form_of(first), PAYLOAD_ABSENT);
    assert_int_equal(form_of(last.sequence), PAYLOAD_INLINE);
    /* 4 bytes each at the end: those that are left are no more than 100, and no fewer than fit. */
    const uint64_t left = number_of("SELECT count(*) FROM evidence WHERE form = 0 AND priority = 3"
                                    " AND position > 2");
    assert_in_range(left, 20, 25);
}

static void test_control_and_critical_entries_keep_their_payloads(void **state)
{
    (void)state;
    keep_days(1);
    const struct receipt critical = edge_rig_append(&rig, 0, "c", 1);
    const struct receipt last = edge_rig_append(&rig, 5, "e", 5);
    acknowledge(last.sequence);
    edge_rig_pass_ms(&rig, 10 * DAY_MS);
    settle(3);
    assert_int_equal(form_of(1), PAYLOAD_INLINE); /* GENESIS: the key */
    assert_int_equal(form_of(critical.sequence), PAYLOAD_INLINE);
    assert_int_equal(form_of(critical.sequence - 1), PAYLOAD_INLINE); /* TYPE: the name */
    assert_int_equal(edge_rig_status(&rig, "retained_dropped_entries"), 5);
}

/* They may be judged again after an upgrade of the cloud, or be one side of a fork. */
static void test_rejected_and_forked_entries_keep_their_payloads(void **state)
{
    (void)state;
    keep_days(1);
    const uint64_t first = edge_rig_append(&rig, 3, "e", 1).sequence;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 9);
    struct ack *said = ack_of(last.sequence);
    said->ranges[0] = (struct sequence_range){first + 2, first + 3};
    said->ranges[1] = (struct sequence_range){first + 5, first + 5};
    said->range_count = 2;
    said->logs[0].rejected = (struct range_slice){.first = 0, .count = 1};
    said->logs[0].forked = (struct range_slice){.first = 1, .count = 1};
    edge_rig_hear_ack(&rig, said);
    acknowledge(last.sequence); /* a later one that says no more of it */
    edge_rig_pass_ms(&rig, 10 * DAY_MS);
    settle(3);
    for (uint64_t sequence = first; sequence <= last.sequence; sequence++) {
        const uint64_t n = sequence - first;
        assert_int_equal(form_of(sequence),
                         n == 2 || n == 3 || n == 5 ? PAYLOAD_INLINE : PAYLOAD_ABSENT);
    }
}

static void test_a_full_table_of_ranges_keeps_all_that_it_acknowledges(void **state)
{
    (void)state;
    keep_days(1);
    const struct receipt last = edge_rig_append(&rig, 3, "e", 2 * ACK_RANGES_MAX + 8);
    struct ack *said = ack_of(last.sequence);
    for (size_t i = 0; i < ACK_RANGES_MAX; i++)
        said->ranges[i] = (struct sequence_range){2 * i + 4, 2 * i + 4};
    said->range_count = ACK_RANGES_MAX;
    said->logs[0].rejected = (struct range_slice){.first = 0, .count = ACK_RANGES_MAX};
    edge_rig_hear_ack(&rig, said);
    edge_rig_pass_ms(&rig, 10 * DAY_MS);
    settle(6);
    assert_int_equal(edge_rig_status(&rig, "retained_dropped_entries"), 0);
    assert_int_equal(form_of(last.sequence), PAYLOAD_INLINE);
}

static void test_the_parts_of_a_large_payload_leave_with_it(void **state)
{
    (void)state;
    keep_days(1);
    append_large();
    acknowledge(rig.edge->log.row.head.sequence);
    edge_rig_pass_ms(&rig, 10 * DAY_MS);
    settle(3);
    assert_int_equal(number_of("SELECT count(*) FROM payload_part"), 0);
    assert_int_equal(number_of("SELECT count(*) FROM upload"), 0);
    assert_int_equal(edge_rig_status(&rig, "retained_dropped_bytes"), LARGE_SIZE);
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_OK);
}

/* A wall clock from 1970 says nothing of an entry's age; the next one that knows the time does. */
static void test_an_entry_without_a_time_is_as_old_as_the_next_that_has_one(void **state)
{
    (void)state;
    keep_days(1);
    const int64_t right_ns = rig.now.wall_ns;
    rig.now.wall_ns = 0;
    const struct receipt dateless = edge_rig_append(&rig, 3, "a", 5);
    rig.now.wall_ns = right_ns;
    const struct receipt dated = edge_rig_append(&rig, 3, "b", 1);
    acknowledge(dated.sequence);
    settle(3);
    assert_int_equal(form_of(dateless.sequence), PAYLOAD_INLINE);
    edge_rig_pass_ms(&rig, 2 * DAY_MS);
    settle(3);
    assert_int_equal(form_of(dateless.sequence), PAYLOAD_ABSENT);
    assert_int_equal(form_of(dated.sequence), PAYLOAD_ABSENT);
}

static void test_an_uncertain_clock_drops_nothing_by_age(void **state)
{
    (void)state;
    keep_days(1);
    const struct receipt last = edge_rig_append(&rig, 3, "e", 5);
    acknowledge(last.sequence);
    rig.now.clock_uncertainty_ms = CLOCK_NEVER_SYNCHRONISED;
    edge_rig_pass_ms(&rig, 100 * (uint64_t)DAY_MS);
    settle(3);
    assert_int_equal(form_of(last.sequence), PAYLOAD_INLINE);
}

/* ---- Slices, restarts, proofs ---------------------------------------------------------------- */

static void test_a_slice_is_bounded_and_the_next_one_is_asked_for(void **state)
{
    (void)state;
    keep_days(1);
    const struct receipt last = edge_rig_append(&rig, 3, "e", 4 * RETENTION_ROWS_MAX);
    acknowledge(last.sequence);
    edge_rig_pass_ms(&rig, 10 * DAY_MS);
    settle(1);
    const uint64_t done = edge_rig_status(&rig, "retained_dropped_entries");
    assert_in_range(done, 1, RETENTION_ROWS_MAX);
    assert_true(edge_next_wakeup(rig.edge) <= rig.now.mono_ns + RETENTION_TICK_MS * 1000000ull);
    settle(5);
    assert_int_equal(edge_rig_status(&rig, "retained_dropped_entries"), 4 * RETENTION_ROWS_MAX);
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_OK);
}

static void test_what_left_has_left_after_a_power_cut(void **state)
{
    (void)state;
    keep_days(1);
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    acknowledge(last.sequence);
    edge_rig_pass_ms(&rig, 10 * DAY_MS);
    settle(1);
    edge_rig_power_cut(&rig);
    assert_int_equal(edge_rig_status(&rig, "retained_dropped_entries"), 10);
    assert_int_equal(form_of(last.sequence), PAYLOAD_ABSENT);
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_OK);
}

static void test_verify_counts_what_left_and_calls_it_no_damage(void **state)
{
    (void)state;
    keep_days(1);
    const struct receipt last = edge_rig_append(&rig, 3, "e", 300);
    acknowledge(last.sequence);
    edge_rig_pass_ms(&rig, 10 * DAY_MS);
    settle(3);
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_OK);
    assert_int_equal(field("payloads_dropped_by_retention"), 300);
    assert_int_equal(field("payloads_lost"), 0);
}

/* A header that is altered after its payload left is still found. */
static void test_verify_still_finds_an_altered_header(void **state)
{
    (void)state;
    keep_days(1);
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    acknowledge(last.sequence);
    edge_rig_pass_ms(&rig, 10 * DAY_MS);
    settle(3);
    assert_int_equal(db_execute(rig.edge->db, "UPDATE evidence SET header = zeroblob(192) WHERE"
                                              " position = 8"),
                     ST_OK);
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_TAMPERED);
}

static void test_verify_passes_a_large_payload_that_leaves_while_it_is_read(void **state)
{
    (void)state;
    keep_days(1);
    append_large();
    acknowledge(rig.edge->log.row.head.sequence);
    assert_int_equal(verify_start(rig.edge, 9), ST_OK);
    struct verify_job *job = &rig.edge->verify.jobs[0];
    while (!job->in_parts)
        edge_rig_wakeup(&rig);
    edge_rig_pass_ms(&rig, 10 * DAY_MS);
    while (job->used)
        edge_rig_wakeup(&rig);
    assert_string_equal(job->problem, "");
    assert_int_equal(number_of("SELECT count(*) FROM payload_part"), 0);
}

static void test_show_says_that_a_payload_was_dropped_by_retention(void **state)
{
    (void)state;
    keep_days(1);
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    acknowledge(last.sequence);
    edge_rig_pass_ms(&rig, 10 * DAY_MS);
    settle(3);
    struct verb_argument arguments[] = {{BYTES_LITERAL("sequence"), BYTES_LITERAL("10")},
                                        {BYTES_LITERAL("raw"), BYTES_LITERAL("payload")}};
    assert_int_equal(edge_rig_ask(&rig, "show", arguments, 1), ST_OK);
    bool said = false;
    for (size_t i = 0; i < rig.reply->field_count; i++)
        said |= bytes_equal(rig.reply->fields[i].name, BYTES_LITERAL("payload")) &&
                bytes_equal(rig.reply->fields[i].text, BYTES_LITERAL("dropped by retention"));
    assert_true(said);
    assert_int_equal(edge_rig_ask(&rig, "show", arguments, 2), ST_NOT_FOUND);
}

/* ---- A restored cloud ------------------------------------------------------------------------ */

static void take_over(uint64_t size)
{
    struct ack *said = ack_of(size);
    said->has_previous = true;
    said->previous = rig.store;
    memset(said->store.bytes, 0x77, STORE_ID_SIZE);
    rig.store = said->store;
    edge_rig_hear_ack(&rig, said);
}

static void test_a_restored_cloud_gets_headers_and_a_signed_word_on_the_payloads(void **state)
{
    (void)state;
    keep_days(1);
    const uint64_t first = edge_rig_append(&rig, 3, "e", 1).sequence;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 9);
    acknowledge(last.sequence);
    edge_rig_pass_ms(&rig, 10 * DAY_MS);
    settle(3);
    edge_rig_connect(&rig);
    take_over(first);
    const uint64_t head = rig.edge->log.row.head.sequence;
    struct evidence_row row;
    struct loss loss;
    assert_int_equal(evidence_read_entry(rig.edge, &rig.edge->log.row, head, &row), ST_OK);
    assert_int_equal(row.header.type, EVIDENCE_LOSS);
    assert_int_equal(loss_decode(rig.unpacker, row.entry.payload, &loss), ST_OK);
    evidence_scan_end(rig.edge);
    assert_true(loss.payload_only);
    assert_int_equal(loss.from, first + 1);
    assert_int_equal(loss.to, last.sequence);

    struct bytes body;
    static struct evidence_run run;
    assert_true(edge_rig_frame(&rig, FRAME_EVIDENCE, 0, &body));
    assert_int_equal(evidence_msg_decode(rig.unpacker, rig.hasher, &rig.options.node, body, &run),
                     ST_OK);
    assert_int_equal(run.first_sequence, first + 1);
    assert_int_equal(run.entries[0].form, PAYLOAD_ABSENT);
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_OK);
}

static void test_a_restored_cloud_that_lacks_nothing_that_left_hears_of_no_loss(void **state)
{
    (void)state;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 10);
    acknowledge(last.sequence);
    take_over(last.sequence - 5);
    assert_int_equal(number_of("SELECT count(*) FROM evidence WHERE form = 1"), 0);
    assert_int_equal(rig.edge->log.row.head.sequence, last.sequence);
}

/* ---- A disk that fills up -------------------------------------------------------------------- */

static void assert_disk_state(const char *words)
{
    char text[32];
    edge_rig_status_text(&rig, "disk_state", text, sizeof(text));
    assert_string_equal(text, words);
}

static void test_acknowledged_payloads_give_way_before_anybody_is_refused(void **state)
{
    (void)state;
    const uint64_t reserve = rig.options.settings.disk_reserve_bytes;
    const struct receipt has = edge_rig_append(&rig, 3, "a", 10);
    const struct receipt lacks = edge_rig_append(&rig, 3, "b", 10);
    acknowledge(has.sequence);
    settle(2);
    assert_disk_state("ok");
    rig.now.disk_free_bytes = 2 * reserve + reserve / 8;
    settle(3);
    assert_disk_state("giving way");
    assert_int_equal(form_of(has.sequence), PAYLOAD_ABSENT);
    assert_int_equal(form_of(lacks.sequence), PAYLOAD_INLINE);
    assert_int_equal(edge_rig_append_one(&rig, "log", 5, NULL, BYTES_LITERAL("a")).status, ST_OK);
    rig.now.disk_free_bytes = 10 * reserve;
    settle(2);
    assert_disk_state("ok");
}

static void test_the_status_says_which_classes_are_refused(void **state)
{
    (void)state;
    const uint64_t reserve = rig.options.settings.disk_reserve_bytes;
    rig.now.disk_free_bytes = reserve + reserve * 3 / 5;
    assert_disk_state("full below P3");
    rig.now.disk_free_bytes = reserve;
    assert_disk_state("full below P0");
    rig.now.disk_free_bytes = reserve - 1;
    assert_disk_state("full");
}

/* The file does not shrink: what left must count as room, or a full node would stay full. */
static void test_room_inside_the_file_lets_intake_go_on(void **state)
{
    (void)state;
    static uint8_t payload[3000];
    rig.options.settings.disk_reserve_bytes = 256 * 1024;
    edge_rig_reopen(&rig);
    struct receipt last = {0};
    for (int i = 0; i < 400; i++)
        last = edge_rig_append_one(&rig, "log", 3, NULL, bytes_of(payload, sizeof(payload)));
    rig.now.disk_free_bytes = 200 * 1024;
    settle(1);
    assert_int_equal(edge_rig_append_one(&rig, "log", 0, NULL, BYTES_LITERAL("a")).status, ST_FULL);
    acknowledge(last.sequence);
    settle(4);
    assert_int_equal(edge_rig_append_one(&rig, "log", 5, NULL, BYTES_LITERAL("a")).status, ST_OK);
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_OK);
    /* No more than the need: the newest ones are still here. */
    assert_int_equal(form_of(last.sequence), PAYLOAD_INLINE);
}

/* Small payloads too: rows that only got shorter in place would free no page (retention.c). */
static void test_small_payloads_come_back_as_whole_pages(void **state)
{
    (void)state;
    static uint8_t payload[300];
    struct receipt last = {0};
    for (int i = 0; i < 1000; i++)
        last = edge_rig_append_one(&rig, "log", 3, NULL, bytes_of(payload, sizeof(payload)));
    acknowledge(last.sequence);
    const uint64_t before = db_bytes_reusable(rig.edge->db);
    keep_bytes(1);
    settle(6);
    const uint64_t freed = db_bytes_reusable(rig.edge->db) - before;
    assert_true(freed > 1000 * sizeof(payload) / 2);
}

static void test_historical_tracks_give_way_when_no_payload_is_left_to(void **state)
{
    (void)state;
    static struct tracks_cloud cloud;
    static struct track track;
    cloud = (struct tracks_cloud){0};
    edge_rig_pass_ms(&rig, 2000);
    edge_tracks_see(&rig, "old", 1);
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_ack_all(&rig, &cloud);
    edge_rig_disconnect(&rig);
    edge_tracks_see(&rig, "unsent", 1);
    edge_rig_pass_ms(&rig, 601 * 1000);
    edge_tracks_see(&rig, "active", 1);
    rig.now.disk_free_bytes = 2 * rig.options.settings.disk_reserve_bytes;
    settle(3);
    assert_false(edge_tracks_held(&rig, "old", &track));
    assert_true(edge_tracks_held(&rig, "unsent", &track));
    assert_true(edge_tracks_held(&rig, "active", &track));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_payloads_that_the_cloud_has_leave_after_their_days),
        T(test_without_a_setting_nothing_leaves),
        T(test_what_the_cloud_does_not_have_stays_however_old),
        T(test_the_oldest_leave_when_too_many_bytes_are_kept),
        T(test_control_and_critical_entries_keep_their_payloads),
        T(test_rejected_and_forked_entries_keep_their_payloads),
        T(test_a_full_table_of_ranges_keeps_all_that_it_acknowledges),
        T(test_the_parts_of_a_large_payload_leave_with_it),
        T(test_an_entry_without_a_time_is_as_old_as_the_next_that_has_one),
        T(test_an_uncertain_clock_drops_nothing_by_age),
        T(test_a_slice_is_bounded_and_the_next_one_is_asked_for),
        T(test_what_left_has_left_after_a_power_cut),
        T(test_verify_counts_what_left_and_calls_it_no_damage),
        T(test_verify_still_finds_an_altered_header),
        T(test_verify_passes_a_large_payload_that_leaves_while_it_is_read),
        T(test_show_says_that_a_payload_was_dropped_by_retention),
        T(test_a_restored_cloud_gets_headers_and_a_signed_word_on_the_payloads),
        T(test_a_restored_cloud_that_lacks_nothing_that_left_hears_of_no_loss),
        T(test_acknowledged_payloads_give_way_before_anybody_is_refused),
        T(test_the_status_says_which_classes_are_refused),
        T(test_room_inside_the_file_lets_intake_go_on),
        T(test_small_payloads_come_back_as_whole_pages),
        T(test_historical_tracks_give_way_when_no_payload_is_left_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
