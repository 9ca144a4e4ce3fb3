/* test_evidence_log.c - the local log: what it writes of its own accord, what survives a power cut,
 * and that verify finds every kind of tampering. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/control_entry.h"
#include "edge-bridge/edge_state.h"
#include "edge-bridge/schema.h"
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

/* An entry of the open log, read by the engine's own checked reader. */
static struct evidence_row entry_at(uint64_t sequence)
{
    struct evidence_row row;
    assert_int_equal(evidence_read_entry(rig.edge, &rig.edge->log.row, sequence, &row), ST_OK);
    assert_int_equal(row.damage, ROW_GOOD);
    return row;
}

static uint64_t head(void)
{
    return rig.edge->log.row.head.sequence;
}

static size_t count_of_type(uint16_t type)
{
    size_t count = 0;
    for (uint64_t sequence = 1; sequence <= head(); sequence++)
        count += entry_at(sequence).header.type == type;
    evidence_scan_end(rig.edge);
    return count;
}

static void test_a_log_begins_with_genesis_and_its_public_key(void **state)
{
    (void)state;
    const struct evidence_row row = entry_at(1);
    struct genesis genesis;
    assert_int_equal(row.header.type, EVIDENCE_GENESIS);
    assert_int_equal(genesis_decode(rig.unpacker, row.entry.payload, &genesis), ST_OK);
    const struct public_key key = secret_key_public(rig.node_key);
    assert_true(public_key_equal(&genesis.key, &key));
    assert_false(genesis.has_previous);
    evidence_scan_end(rig.edge);
}

static void test_a_start_of_the_daemon_is_written_down(void **state)
{
    (void)state;
    edge_rig_wakeup(&rig);
    assert_int_equal(count_of_type(EVIDENCE_BOOT), 1);
    edge_rig_power_cut(&rig);
    edge_rig_wakeup(&rig);
    assert_int_equal(count_of_type(EVIDENCE_BOOT), 2);
}

static void test_boot_says_whether_the_last_stop_was_in_order(void **state)
{
    (void)state;
    struct boot_entry boot;
    edge_rig_wakeup(&rig);
    edge_rig_run(&rig, (struct event){.kind = EVENT_STOP});
    edge_rig_reopen(&rig);
    edge_rig_wakeup(&rig);
    assert_int_equal(boot_entry_decode(rig.unpacker, entry_at(head()).entry.payload, &boot), ST_OK);
    assert_true(boot.clean);
    edge_rig_power_cut(&rig);
    edge_rig_wakeup(&rig);
    assert_int_equal(boot_entry_decode(rig.unpacker, entry_at(head()).entry.payload, &boot), ST_OK);
    assert_false(boot.clean);
    evidence_scan_end(rig.edge);
}

static void test_the_boot_count_grows_with_the_machines_boots_only(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 1);
    assert_int_equal(entry_at(head()).header.boot_count, 1);
    edge_rig_power_cut(&rig);
    edge_rig_append(&rig, 3, "e", 1);
    assert_int_equal(entry_at(head()).header.boot_count, 1);
    rig.options.boot_id[0]++;
    edge_rig_power_cut(&rig);
    edge_rig_append(&rig, 3, "e", 1);
    assert_int_equal(entry_at(head()).header.boot_count, 2);
    evidence_scan_end(rig.edge);
}

static void test_a_type_is_named_in_the_log_before_its_first_use(void **state)
{
    (void)state;
    const struct receipt first = edge_rig_append_one(&rig, "radar", 3, NULL, BYTES_LITERAL("a"));
    edge_rig_append_one(&rig, "radar", 3, NULL, BYTES_LITERAL("b"));
    struct type_entry type;
    const struct evidence_row row = entry_at(first.sequence - 1);
    assert_int_equal(row.header.type, EVIDENCE_TYPE);
    assert_int_equal(type_entry_decode(rig.unpacker, row.entry.payload, &type), ST_OK);
    assert_true(bytes_equal(type.name, BYTES_LITERAL("radar")));
    assert_int_equal(type.number, entry_at(first.sequence).header.type);
    assert_int_equal(count_of_type(EVIDENCE_TYPE), 1);
}

static void test_wrong_or_stepping_clock_a_step_is_written_down_and_stamps_go_on(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 1);
    const uint64_t before = entry_at(head()).header.hlc;
    rig.now.wall_ns -= INT64_C(3600) * 1000000000;
    edge_rig_append(&rig, 3, "e", 1);
    assert_int_equal(count_of_type(EVIDENCE_CLOCK), 1);
    assert_true(entry_at(head()).header.hlc > before);
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_OK);
}

static void test_wrong_or_stepping_clock_slewing_is_followed_silently(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        rig.now.mono_ns += 1000000000;
        rig.now.wall_ns += 1000000000 + 50000000;
        edge_rig_append(&rig, 3, "e", 1);
    }
    assert_int_equal(count_of_type(EVIDENCE_CLOCK), 0);
}

static void test_wrong_or_stepping_clock_an_unset_clock_marks_each_entry(void **state)
{
    (void)state;
    rig.now.wall_ns = 1000000000;
    edge_rig_reopen(&rig);
    edge_rig_append(&rig, 3, "e", 1);
    assert_true(entry_at(head()).header.flags & EVIDENCE_FLAG_TIME_UNTRUSTED);
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_OK);
}

static void test_silence_becomes_visible_as_heartbeats(void **state)
{
    (void)state;
    edge_rig_wakeup(&rig);
    edge_rig_pass_ms(&rig, rig.options.settings.heartbeat_ms + 1);
    edge_rig_wakeup(&rig);
    assert_int_equal(count_of_type(EVIDENCE_HEARTBEAT), 1);
    edge_rig_wakeup(&rig);
    assert_int_equal(count_of_type(EVIDENCE_HEARTBEAT), 1);
}

static void test_a_verb_without_a_daemon_writes_nothing(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 1);
    rig.options.daemon = false;
    edge_rig_reopen(&rig);
    const uint64_t before = head();
    edge_rig_pass_ms(&rig, 10 * rig.options.settings.heartbeat_ms);
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_OK);
    assert_int_equal(head(), before);
}

static void test_checkpoints_are_at_most_256_entries_apart(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 1500);
    struct statement *next;
    assert_int_equal(
        statement_open(rig.edge->db, "SELECT size FROM checkpoint ORDER BY size", &next), ST_OK);
    uint64_t last = 0;
    bool row;
    for (;;) {
        assert_int_equal(statement_step(next, &row), ST_OK);
        if (!row) break;
        assert_true(column_u64(next, 0) - last <= CHECKPOINT_INTERVAL_ENTRIES);
        last = column_u64(next, 0);
    }
    assert_true(head() - last < CHECKPOINT_INTERVAL_ENTRIES);
    statement_close(next);
}

static void test_a_checkpoint_follows_the_last_entry_within_a_second(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 3);
    edge_rig_pass_ms(&rig, rig.options.settings.checkpoint_ms + 1);
    edge_rig_wakeup(&rig);
    assert_int_equal(rig.edge->log.checkpoint_size, head());
}

/* The tree is found again from stored nodes and leaves, whatever the size. */
static void test_the_tree_at_any_size_is_found_again(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 1100);
    struct tree growing;
    const struct tree_sink nobody = {0};
    tree_init(&growing);
    for (uint64_t size = 1; size <= head(); size++) {
        const struct digest leaf = entry_at(size).leaf;
        tree_append(&growing, rig.hasher, &leaf, &nobody);
        if (size % 37 != 0 && size % 256 > 2) continue;
        struct tree found;
        assert_int_equal(evidence_read_tree(rig.edge, &rig.edge->log.row, size, &found), ST_OK);
        const struct digest a = tree_root(&growing, rig.hasher);
        const struct digest b = tree_root(&found, rig.hasher);
        assert_true(digest_equal(&a, &b));
    }
    evidence_scan_end(rig.edge);
}

/* Durable before visible, at every call to the disk. */
static void test_power_cut_no_accepted_entry_is_lost_at_any_point(void **state)
{
    (void)state;
    bool was_cut = true;
    for (uint64_t call = 0; was_cut; call++) {
        const struct receipt before = edge_rig_append(&rig, 3, "kept", 3);
        sim_disk_cut_after(rig.disk, call);
        struct buf out = buf_of(rig.scratch, 4096);
        append_request_begin(&out, BYTES_LITERAL("log"), 3, 1);
        append_request_item(&out, &(struct append_item){.payload = BYTES_LITERAL("cut")});
        struct event event = {.kind = EVENT_REQUEST, .now = rig.now, .request = buf_bytes(&out)};
        effects_clear(rig.effects);
        enum status status = edge_begin(rig.edge);
        if (status == ST_OK) status = edge_step(rig.edge, &event, rig.effects);
        if (status == ST_OK) status = edge_commit(rig.edge, &rig.now, rig.effects);
        was_cut = sim_disk_was_cut(rig.disk);
        assert_true(was_cut == (status != ST_OK));
        edge_rig_power_cut(&rig);
        assert_true(head() >= before.sequence);
        const struct evidence_row row = entry_at(before.sequence);
        const struct digest hash = evidence_row_hash(rig.edge, &row);
        assert_true(digest_equal(&hash, &before.hash));
        evidence_scan_end(rig.edge);
        assert_int_equal(edge_rig_verb(&rig, "verify"), ST_OK);
    }
}

/* ---- Tampering ------------------------------------------------------------------------------- */

/* Somebody with the file but without the key. */
static void tamper(const char *sql)
{
    assert_int_equal(db_execute(rig.edge->db, sql), ST_OK);
    edge_rig_reopen(&rig);
}

/* Publishers do not wait for a verify: what was signed for meanwhile is not missing. */
static void test_a_log_that_grows_while_it_is_verified_is_good(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 2 * VERIFY_SLICE_ENTRIES);
    assert_int_equal(verify_start(rig.edge, 9), ST_OK);
    const struct verify_job *job = &rig.edge->verify.jobs[0];
    while (job->done == 0)
        edge_rig_wakeup(&rig);
    edge_rig_append(&rig, 3, "f", CHECKPOINT_INTERVAL_ENTRIES);
    while (job->used)
        edge_rig_wakeup(&rig);
    assert_string_equal(job->problem, "");
}

static void assert_found(const char *sql)
{
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_OK);
    tamper(sql);
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_TAMPERED);
}

static void test_an_altered_payload_is_found(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 300);
    assert_found("UPDATE evidence SET payload = x'41' WHERE position = 100");
}

static void test_an_altered_header_is_found(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 300);
    assert_found("UPDATE evidence SET header = (SELECT header FROM evidence WHERE position = 101)"
                 " WHERE position = 100");
}

static void test_a_swapped_signature_is_found(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 300);
    assert_found("UPDATE evidence SET signature ="
                 " (SELECT signature FROM evidence WHERE position = 101) WHERE position = 100");
}

static void test_a_deleted_entry_is_found(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 300);
    assert_found("DELETE FROM evidence WHERE position = 100");
}

/* Near the head the tree itself cannot be rebuilt: the node must still start, say so, and go on. */
static void test_a_deleted_entry_near_the_head_is_found_and_intake_goes_on(void **state)
{
    (void)state;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 100);
    assert_found("DELETE FROM evidence WHERE position = 50");
    const struct receipt next = edge_rig_append(&rig, 3, "f", 1);
    assert_int_equal(next.status, ST_OK);
    assert_false(log_id_equal(&next.log, &last.log));
}

static void test_a_hole_that_no_loss_can_describe_does_not_stop_what_is_behind_it(void **state)
{
    (void)state;
    const struct receipt last = edge_rig_append(&rig, 3, "e", 600);
    tamper("DELETE FROM evidence WHERE position = 5");
    edge_rig_connect(&rig);
    edge_rig_wakeup(&rig);
    edge_rig_wakeup(&rig);
    const struct receipt next = edge_rig_append(&rig, 3, "f", 1);
    assert_false(log_id_equal(&next.log, &last.log));
    edge_rig_disconnect(&rig);
    edge_rig_connect(&rig);
    struct bytes body;
    static struct evidence_run run;
    bool there = false;
    for (size_t n = 0; edge_rig_frame(&rig, FRAME_EVIDENCE, n, &body); n++) {
        assert_int_equal(
            evidence_msg_decode(rig.unpacker, rig.hasher, &rig.options.node, body, &run), ST_OK);
        there = there || (run.count > 0 && log_id_equal(&run.log, &next.log));
    }
    assert_true(there);
}

/* A thief cuts the tail off and mends the bookkeeping: the checkpoint he cannot sign gives him
 * away. */
static void test_a_truncated_tail_is_found(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 600);
    const struct evidence_row row = entry_at(270);
    evidence_scan_end(rig.edge);
    char hash[65], sql[300];
    const struct digest digest = evidence_row_hash(rig.edge, &row);
    hex_encode(bytes_of(digest.bytes, DIGEST_SIZE), hash);
    struct buf out = buf_of(sql, sizeof(sql) - 1);
    buf_put_format(&out,
                   "DELETE FROM evidence WHERE position > 270; UPDATE log SET head_sequence = 270,"
                   " head_hash = x'%s', head_hlc = %llu",
                   hash, (unsigned long long)row.header.hlc);
    sql[out.size] = '\0';
    assert_found(sql);
}

static void test_a_priority_changed_in_the_table_is_found(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 30);
    assert_found("UPDATE evidence SET priority = 5 WHERE position = 10");
}

static void test_an_altered_checkpoint_is_found(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 300);
    assert_found("UPDATE checkpoint SET root = zeroblob(32)");
}

/* ---- Damage ---------------------------------------------------------------------------------- */

static struct loss loss_at_head(void)
{
    struct loss loss;
    const struct evidence_row row = entry_at(head());
    assert_int_equal(row.header.type, EVIDENCE_LOSS);
    assert_int_equal(loss_decode(rig.unpacker, row.entry.payload, &loss), ST_OK);
    evidence_scan_end(rig.edge);
    return loss;
}

/* What rots on the disk must not stop everything behind it, and must not go unsaid. */
static void test_gap_a_damaged_entry_is_closed_by_a_signed_loss(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 300);
    tamper("UPDATE evidence SET header = zeroblob(192) WHERE position = 10");
    edge_rig_connect(&rig);
    edge_rig_wakeup(&rig);
    const struct loss loss = loss_at_head();
    assert_int_equal(loss.from, 10);
    assert_int_equal(loss.to, 10);
    assert_false(loss.payload_only);
    assert_int_equal(loss.node_count, 1);
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_OK);
}

static void test_gap_the_loss_goes_ahead_and_the_run_goes_on_behind_the_range(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 300);
    tamper("UPDATE evidence SET header = zeroblob(192) WHERE position = 3");
    edge_rig_connect(&rig);
    edge_rig_wakeup(&rig);
    struct bytes body;
    static struct evidence_run run;
    assert_true(edge_rig_frame(&rig, FRAME_EVIDENCE_AHEAD, 0, &body));
    assert_true(edge_rig_frame(&rig, FRAME_EVIDENCE, 0, &body));
    assert_int_equal(evidence_msg_decode(rig.unpacker, rig.hasher, &rig.options.node, body, &run),
                     ST_OK);
    assert_int_equal(run.first_sequence, 4);
}

static void test_gap_a_damaged_payload_costs_only_the_payload(void **state)
{
    (void)state;
    edge_rig_append(&rig, 3, "e", 300);
    tamper("UPDATE evidence SET payload = x'00' WHERE position = 10");
    edge_rig_connect(&rig);
    edge_rig_wakeup(&rig);
    const struct loss loss = loss_at_head();
    assert_int_equal(loss.from, 10);
    assert_true(loss.payload_only);
    assert_int_equal(entry_at(10).entry.form, PAYLOAD_ABSENT);
    evidence_scan_end(rig.edge);
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_OK);
}

static void test_another_nodes_database_is_refused(void **state)
{
    (void)state;
    edge_close(rig.edge);
    rig.edge = NULL;
    char words[256];
    struct buf message = buf_of(words, sizeof(words));
    assert_int_equal(node_name_from(BYTES_LITERAL("edge-2"), &rig.options.node), ST_OK);
    assert_int_equal(edge_open(&rig.options, &message, &rig.edge), ST_DENIED);
    assert_true(message.size > 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_log_begins_with_genesis_and_its_public_key),
        CASE(test_a_start_of_the_daemon_is_written_down),
        CASE(test_boot_says_whether_the_last_stop_was_in_order),
        CASE(test_the_boot_count_grows_with_the_machines_boots_only),
        CASE(test_a_type_is_named_in_the_log_before_its_first_use),
        CASE(test_wrong_or_stepping_clock_a_step_is_written_down_and_stamps_go_on),
        CASE(test_wrong_or_stepping_clock_slewing_is_followed_silently),
        CASE(test_wrong_or_stepping_clock_an_unset_clock_marks_each_entry),
        CASE(test_silence_becomes_visible_as_heartbeats),
        CASE(test_a_verb_without_a_daemon_writes_nothing),
        CASE(test_checkpoints_are_at_most_256_entries_apart),
        CASE(test_a_checkpoint_follows_the_last_entry_within_a_second),
        CASE(test_the_tree_at_any_size_is_found_again),
        CASE(test_power_cut_no_accepted_entry_is_lost_at_any_point),
        CASE(test_a_log_that_grows_while_it_is_verified_is_good),
        CASE(test_an_altered_payload_is_found),
        CASE(test_an_altered_header_is_found),
        CASE(test_a_swapped_signature_is_found),
        CASE(test_a_deleted_entry_is_found),
        CASE(test_a_deleted_entry_near_the_head_is_found_and_intake_goes_on),
        CASE(test_a_hole_that_no_loss_can_describe_does_not_stop_what_is_behind_it),
        CASE(test_a_truncated_tail_is_found),
        CASE(test_a_priority_changed_in_the_table_is_found),
        CASE(test_an_altered_checkpoint_is_found),
        CASE(test_gap_a_damaged_entry_is_closed_by_a_signed_loss),
        CASE(test_gap_the_loss_goes_ahead_and_the_run_goes_on_behind_the_range),
        CASE(test_gap_a_damaged_payload_costs_only_the_payload),
        CASE(test_another_nodes_database_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
