/* test_evidence_msg.c - is a run rebuilt to the very headers that were signed? */
#include "common/wire/evidence_msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/test_log.h"
#include "tests/support/wire_chain.h"

static struct wire_chain chain;
static struct evidence_run run;

static enum status decode(struct wire *wire, struct bytes body)
{
    return evidence_msg_decode(wire->unpacker, wire->hasher, &wire_node, body, &run);
}

/* ------------------------------------------------------------------ runs */

static void test_every_header_of_a_run_is_rebuilt_byte_by_byte(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 200; round++) {
        const uint64_t first = round % 2 == 0 ? 1 : random_sequence(&wire->rng) / 2 + 2;
        wire_chain_fill(wire, &chain, first, 1 + rng_below(&wire->rng, 40));
        const struct bytes body = wire_chain_encode(wire, &chain);
        assert_int_equal(decode(wire, body), ST_OK);
        assert_int_equal(run.count, chain.count);
        assert_true(run.first_sequence == first);
        assert_true(log_id_equal(&run.log, &chain.head.log));
        assert_true(digest_equal(&run.prev_hash, &chain.head.prev_hash));
        assert_memory_equal(run.key_id.bytes, chain.head.key_id.bytes, KEY_ID_SIZE);
        assert_true(run.checkpoint.size == chain.head.checkpoint.size);
        assert_true(digest_equal(&run.checkpoint.root, &chain.head.checkpoint.root));
        assert_true(signature_equal(&run.checkpoint.signature, &chain.head.checkpoint.signature));
        assert_memory_equal(run.checkpoint_key_id.bytes, chain.head.checkpoint_key_id.bytes,
                            KEY_ID_SIZE);
        for (size_t i = 0; i < chain.count; i++) {
            const struct digest hash = evidence_hash(wire->hasher, &chain.entries[i].header);
            expect_same_entry(&run.entries[i], &chain.entries[i]);
            assert_true(digest_equal(&run.hashes[i], &hash));
        }
        assert_true(recode_holds(wire->recoder, recode_evidence, body));
    }
}

static void test_the_largest_run_is_rebuilt(void **state)
{
    struct wire *const wire = *state;
    wire_chain_fill(wire, &chain, PACK_SEQUENCE_MAX - RUN_ENTRIES_MAX + 1, RUN_ENTRIES_MAX);
    assert_int_equal(decode(wire, wire_chain_encode(wire, &chain)), ST_OK);
    assert_int_equal(run.count, RUN_ENTRIES_MAX);
    expect_same_entry(&run.entries[RUN_ENTRIES_MAX - 1], &chain.entries[RUN_ENTRIES_MAX - 1]);
}

enum { CHANGEABLE_FIELD_COUNT = 13 };

/* Changes one thing that a header of chain is rebuilt from. */
static void change_field(unsigned field, struct node_name *node)
{
    struct evidence_header *const changed = &chain.headers[0];
    switch (field) {
    case 0:
        changed->type++;
        break;
    case 1:
        changed->codec++;
        break;
    case 2:
        changed->flags++;
        break;
    case 3:
        changed->wall_ns ^= 1;
        break;
    case 4:
        changed->mono_ns ^= UINT64_C(1) << 63;
        break;
    case 5:
        changed->boot_count ^= UINT32_C(1) << 31;
        break;
    case 6:
        changed->clock_uncertainty_ms = CLOCK_NEVER_SYNCHRONISED;
        break;
    case 7:
        changed->hlc--;
        break;
    case 8:
        chain.payloads[0][19] ^= 1;
        break;
    case 9:
        chain.head.log.bytes[15] ^= 1;
        break;
    case 10:
        chain.head.prev_hash.bytes[0] ^= 1;
        break;
    case 11:
        chain.head.key_id.bytes[0] ^= 1;
        break;
    default:
        *node = (struct node_name){"edge-2"};
    }
}

/* The signed header is not on the wire: whatever differs there must give another header, or the
 * checkpoint would prove nothing. */
static void test_a_run_in_which_any_field_differs_is_rebuilt_to_other_headers(void **state)
{
    struct wire *const wire = *state;
    for (unsigned field = 0; field < CHANGEABLE_FIELD_COUNT; field++) {
        wire_chain_fill(wire, &chain, 10, 3);
        for (size_t i = 0; i < 3; i++) { /* room for each change below */
            struct evidence_header *const header = &chain.headers[i];
            header->type = 0x0100;
            header->codec = 0;
            header->flags = 1;
            header->clock_uncertainty_ms = 7;
            chain.entries[i].form = PAYLOAD_INLINE;
            chain.entries[i].payload = bytes_of(chain.payloads[i], 20);
        }
        assert_int_equal(decode(wire, wire_chain_encode(wire, &chain)), ST_OK);
        const struct header_bytes before = run.entries[0].header;
        const struct header_bytes last_before = run.entries[2].header;
        struct node_name node = wire_node;
        change_field(field, &node);
        for (size_t i = 0; i < 3; i++)
            chain.headers[i].log = chain.head.log;
        const struct bytes body = wire_chain_encode(wire, &chain);
        assert_int_equal(evidence_msg_decode(wire->unpacker, wire->hasher, &node, body, &run),
                         ST_OK);
        if (memcmp(&before, &run.entries[0].header, sizeof before) == 0)
            fail_msg("field %u is not in the rebuilt header", field);
        /* And every later one, through the chain. */
        assert_memory_not_equal(&last_before, &run.entries[2].header, sizeof last_before);
    }
}

static void test_a_frame_may_announce_a_checkpoint_without_entries(void **state)
{
    struct wire *const wire = *state;
    wire_chain_fill(wire, &chain, 1, 1);
    chain.head.first_sequence = 0;
    struct buf out = wire_buf(wire);
    evidence_msg_encode(&chain.head, NULL, &out);
    assert_int_equal(decode(wire, buf_bytes(&out)), ST_OK);
    assert_int_equal(run.count, 0);
    assert_true(run.checkpoint.size == chain.head.checkpoint.size);
    assert_true(recode_holds(wire->recoder, recode_evidence, buf_bytes(&out)));
}

/* ---------------------------------------------------------------- writer */

static void test_a_writer_stops_before_an_entry_exceeds_the_size(void **state)
{
    struct wire *const wire = *state;
    struct evidence_writer writer;
    wire_chain_fill(wire, &chain, 1, 100);
    evidence_writer_begin(&writer, wire->scratch, sizeof wire->scratch);
    size_t added = 0;
    while (evidence_writer_add(&writer, &chain.headers[added], &chain.entries[added], 2000))
        added++;
    assert_in_range(added, 2, 30);
    assert_in_range(writer.entries.size, 1500, 2000);
    assert_int_equal(writer.count, added);
    /* What was refused left no trace. */
    struct buf out = wire_buf(wire);
    chain.head.checkpoint.size = added;
    evidence_msg_encode(&chain.head, &writer, &out);
    assert_int_equal(decode(wire, buf_bytes(&out)), ST_OK);
    assert_int_equal(run.count, added);
    expect_same_entry(&run.entries[added - 1], &chain.entries[added - 1]);
}

static void test_the_first_entry_is_only_held_to_the_capacity(void **state)
{
    struct wire *const wire = *state;
    struct evidence_writer writer;
    wire_chain_fill(wire, &chain, 1, 1);
    evidence_writer_begin(&writer, wire->scratch, sizeof wire->scratch);
    assert_true(evidence_writer_add(&writer, &chain.headers[0], &chain.entries[0], 1));
    evidence_writer_begin(&writer, wire->scratch, 50);
    assert_false(evidence_writer_add(&writer, &chain.headers[0], &chain.entries[0], 1000));
    assert_int_equal(writer.count, 0);
    assert_true(buf_ok(&writer.entries));
}

static void test_a_writer_takes_no_more_than_a_run(void **state)
{
    struct wire *const wire = *state;
    struct evidence_writer writer;
    wire_chain_fill(wire, &chain, 1, RUN_ENTRIES_MAX);
    wire_chain_encode(wire, &chain);
    evidence_writer_begin(&writer, wire->scratch, sizeof wire->scratch);
    for (size_t i = 0; i < RUN_ENTRIES_MAX; i++)
        assert_true(evidence_writer_add(&writer, &chain.headers[i], &chain.entries[i],
                                        sizeof wire->scratch));
    struct evidence_header next = chain.headers[RUN_ENTRIES_MAX - 1];
    next.sequence++;
    next.hlc++;
    assert_false(evidence_writer_add(&writer, &next, &chain.entries[0], sizeof wire->scratch));
}

/* The receiver takes log, key and sequence from the first entry: it could not rebuild this run. */
static void test_an_entry_that_does_not_continue_the_run_is_not_added(void **state)
{
    struct wire *const wire = *state;
    struct evidence_writer writer;
    wire_chain_fill(wire, &chain, 5, 2);
    evidence_writer_begin(&writer, wire->scratch, sizeof wire->scratch);
    assert_true(evidence_writer_add(&writer, &chain.headers[0], &chain.entries[0], 10000));
    struct evidence_header next = chain.headers[1];
    next.sequence++;
    assert_false(evidence_writer_add(&writer, &next, &chain.entries[1], 10000));
    next = chain.headers[1];
    next.log.bytes[0] ^= 1;
    assert_false(evidence_writer_add(&writer, &next, &chain.entries[1], 10000));
    next = chain.headers[1];
    next.key_id.bytes[0] ^= 1;
    assert_false(evidence_writer_add(&writer, &next, &chain.entries[1], 10000));
    next = chain.headers[1];
    next.hlc = chain.headers[0].hlc;
    assert_false(evidence_writer_add(&writer, &next, &chain.entries[1], 10000));
    assert_true(evidence_writer_add(&writer, &chain.headers[1], &chain.entries[1], 10000));
}

static void test_the_largest_inline_payload_fits_one_frame(void **state)
{
    struct wire *const wire = *state;
    static uint8_t payload[INLINE_PAYLOAD_SIZE_MAX + 1];
    struct evidence_writer writer;
    rng_fill(&wire->rng, payload, sizeof payload);
    wire_chain_fill(wire, &chain, 1, 1);
    struct evidence_header *const header = &chain.headers[0];
    chain.entries[0].form = PAYLOAD_INLINE;
    chain.entries[0].payload = bytes_of(payload, INLINE_PAYLOAD_SIZE_MAX);
    header->payload_len = INLINE_PAYLOAD_SIZE_MAX;
    header->payload_hash = hasher_of(wire->hasher, chain.entries[0].payload);
    evidence_header_encode(header, &chain.entries[0].header);
    const struct bytes body = wire_chain_encode(wire, &chain);
    assert_true(body.size <= BODY_SIZE_MAX);
    assert_int_equal(decode(wire, body), ST_OK);
    expect_same_entry(&run.entries[0], &chain.entries[0]);
    evidence_writer_begin(&writer, wire->scratch, sizeof wire->scratch);
    chain.entries[0].payload = bytes_of(payload, sizeof payload);
    assert_false(evidence_writer_add(&writer, header, &chain.entries[0], 100000));
}

/* ------------------------------------------------------------- refusals */

/* A run written field by field, so that each can be wrong. */
struct raw_run {
    uint64_t first_sequence, checkpoint_size;
    bool prev_hash_is_zero;
    uint32_t entry_count;
    uint64_t type, codec, flags, uncertainty, hlc, form, payload_len;
    int64_t boot;
    bool is_inline;
    size_t inline_size;
};

static struct raw_run good_raw(void)
{
    return (struct raw_run){.first_sequence = 5,
                            .checkpoint_size = 5,
                            .entry_count = 1,
                            .type = 0x0100,
                            .hlc = 9,
                            .form = PAYLOAD_PARTS,
                            .payload_len = 100000};
}

static void pack_raw_entry(const struct raw_run *raw, struct buf *buf)
{
    static uint8_t zeros[INLINE_PAYLOAD_SIZE_MAX + 1];
    pack_array(buf, 10);
    pack_uint(buf, raw->type);
    pack_uint(buf, raw->codec);
    pack_uint(buf, raw->flags);
    pack_int(buf, -5);
    pack_int(buf, 6);
    pack_int(buf, raw->boot);
    pack_uint(buf, raw->uncertainty);
    pack_uint(buf, raw->hlc);
    pack_bin(buf, bytes_of(zeros, SIGNATURE_SIZE));
    if (raw->is_inline) {
        pack_bin(buf, bytes_of(zeros, raw->inline_size));
        return;
    }
    pack_array(buf, 3);
    pack_uint(buf, raw->form);
    pack_uint(buf, raw->payload_len);
    pack_bin(buf, bytes_of(zeros, DIGEST_SIZE));
}

static enum status decode_raw(struct wire *wire, const struct raw_run *raw)
{
    static const uint8_t zeros[SIGNATURE_SIZE];
    uint8_t ones[DIGEST_SIZE];
    struct buf buf = wire_buf(wire);
    memset(ones, 1, sizeof ones);
    pack_array(&buf, 6);
    pack_bin(&buf, bytes_of(zeros, LOG_ID_SIZE));
    pack_uint(&buf, raw->first_sequence);
    pack_bin(&buf, bytes_of(raw->prev_hash_is_zero ? zeros : ones, DIGEST_SIZE));
    pack_bin(&buf, bytes_of(zeros, KEY_ID_SIZE));
    pack_array(&buf, 4);
    pack_uint(&buf, raw->checkpoint_size);
    pack_bin(&buf, bytes_of(zeros, DIGEST_SIZE));
    pack_bin(&buf, bytes_of(zeros, KEY_ID_SIZE));
    pack_bin(&buf, bytes_of(zeros, SIGNATURE_SIZE));
    pack_array(&buf, raw->entry_count);
    for (uint32_t i = 0; i < raw->entry_count; i++)
        pack_raw_entry(raw, &buf);
    assert_true(buf_ok(&buf));
    return decode(wire, buf_bytes(&buf));
}

#define EXPECT_MALFORMED(change)                                                                   \
    do {                                                                                           \
        struct raw_run raw = good_raw();                                                           \
        change;                                                                                    \
        if (decode_raw(*state, &raw) != ST_MALFORMED) fail_msg("accepted: %s", #change);           \
    } while (0)
#define EXPECT_FINE(change)                                                                        \
    do {                                                                                           \
        struct raw_run raw = good_raw();                                                           \
        change;                                                                                    \
        if (decode_raw(*state, &raw) != ST_OK) fail_msg("refused: %s", #change);                   \
    } while (0)

static void test_a_run_whose_place_makes_no_sense_is_refused(void **state)
{
    EXPECT_FINE((void)0);
    EXPECT_MALFORMED(raw.checkpoint_size = 4);
    EXPECT_MALFORMED(raw.checkpoint_size = 6);
    EXPECT_MALFORMED(raw.first_sequence = 0);
    EXPECT_MALFORMED(raw.first_sequence = raw.checkpoint_size = PACK_SEQUENCE_MAX + 1);
    EXPECT_FINE(raw.first_sequence = raw.checkpoint_size = PACK_SEQUENCE_MAX);
    EXPECT_MALFORMED(raw.first_sequence = raw.checkpoint_size = 1);
    EXPECT_FINE(raw.first_sequence = raw.checkpoint_size = 1; raw.prev_hash_is_zero = true);
    EXPECT_MALFORMED(raw.prev_hash_is_zero = true);
    EXPECT_MALFORMED(raw.entry_count = 0; raw.prev_hash_is_zero = true);
    EXPECT_MALFORMED(raw.entry_count = 0; raw.first_sequence = 0);
    EXPECT_FINE(raw.entry_count = 0; raw.first_sequence = 0; raw.prev_hash_is_zero = true);
    EXPECT_FINE(raw.entry_count = RUN_ENTRIES_MAX; raw.checkpoint_size = 4 + RUN_ENTRIES_MAX);
    EXPECT_MALFORMED(raw.entry_count = RUN_ENTRIES_MAX + 1;
                     raw.checkpoint_size = 5 + RUN_ENTRIES_MAX);
}

static void test_an_entry_that_no_header_can_say_is_refused(void **state)
{
    EXPECT_MALFORMED(raw.type = 0);
    EXPECT_MALFORMED(raw.type = 0x10000);
    EXPECT_FINE(raw.type = 0x007E); /* unknown and critical: for the engine to judge */
    EXPECT_FINE(raw.codec = 2);     /* likewise a codec or flag of a later version */
    EXPECT_FINE(raw.flags = 1 << 5);
    EXPECT_MALFORMED(raw.codec = 0x10000);
    EXPECT_MALFORMED(raw.flags = 0x10000);
    EXPECT_MALFORMED(raw.boot = (int64_t)INT32_MAX + 1);
    EXPECT_MALFORMED(raw.boot = (int64_t)INT32_MIN - 1);
    EXPECT_FINE(raw.boot = INT32_MIN);
    EXPECT_MALFORMED(raw.uncertainty = CLOCK_NEVER_SYNCHRONISED);
    EXPECT_FINE(raw.uncertainty = CLOCK_NEVER_SYNCHRONISED - 1);
    EXPECT_MALFORMED(raw.hlc = 0);
    EXPECT_FINE(raw.hlc = UINT64_MAX);
    EXPECT_MALFORMED(raw.hlc = UINT64_MAX; raw.entry_count = 2; raw.checkpoint_size = 6);
}

static void test_a_payload_in_the_wrong_form_is_refused(void **state)
{
    EXPECT_MALFORMED(raw.form = PAYLOAD_INLINE);
    EXPECT_MALFORMED(raw.form = 3);
    EXPECT_MALFORMED(raw.payload_len = INLINE_PAYLOAD_SIZE_MAX);
    EXPECT_FINE(raw.payload_len = INLINE_PAYLOAD_SIZE_MAX + 1);
    EXPECT_FINE(raw.payload_len = PAYLOAD_SIZE_MAX);
    EXPECT_MALFORMED(raw.payload_len = PAYLOAD_SIZE_MAX + 1);
    EXPECT_FINE(raw.form = PAYLOAD_ABSENT; raw.payload_len = 0);
    EXPECT_MALFORMED(raw.form = PAYLOAD_ABSENT; raw.payload_len = PAYLOAD_SIZE_MAX + 1);
    EXPECT_FINE(raw.is_inline = true; raw.inline_size = INLINE_PAYLOAD_SIZE_MAX);
    EXPECT_MALFORMED(raw.is_inline = true; raw.inline_size = INLINE_PAYLOAD_SIZE_MAX + 1);
}

/* -------------------------------------------------------------- vectors */

static void golden_run(struct wire *wire, struct test_log *log)
{
    static const char *const labels[] = {"log_id", "first_sequence", "prev_hash",
                                         "key_id", "checkpoint",     "entries"};
    struct evidence_writer writer;
    struct evidence_run_head head = {
        .log = log->log,
        .first_sequence = 1,
        .key_id = key_id_of(&log->public_key),
        .checkpoint = test_log_checkpoint(log),
        .checkpoint_key_id = key_id_of(&log->public_key),
    };
    struct buf out = wire_buf(wire);
    evidence_writer_begin(&writer, wire->scratch, sizeof wire->scratch);
    for (size_t i = 0; i < log->count; i++)
        assert_true(evidence_writer_add(&writer, &log->entries[i].fields, &log->entries[i].entry,
                                        sizeof wire->scratch));
    evidence_msg_encode(&head, &writer, &out);
    golden_message(wire, "run", buf_bytes(&out), labels, recode_evidence, "evidence");
    for (size_t i = 0; i < log->count; i++) {
        char name[32] = "rebuilt_header_1";
        name[strlen(name) - 1] = (char)('1' + i);
        golden_field(&wire->golden, name,
                     bytes_of(log->entries[i].entry.header.bytes, ENTRY_HEADER_SIZE));
    }
    head.first_sequence = 0;
    out = wire_buf(wire);
    evidence_msg_encode(&head, NULL, &out);
    golden_message(wire, "announced_checkpoint", buf_bytes(&out), labels, recode_evidence,
                   "evidence");
}

static void test_golden_runs(void **state)
{
    struct wire *const wire = *state;
    struct test_log log;
    test_log_open(&log, "edge-1", 7);
    test_log_fill(&log, 2);
    test_log_append(&log,
                    (struct evidence_header){.type = 0x0101,
                                             .flags = EVIDENCE_FLAG_TIME_UNTRUSTED,
                                             .wall_ns = -1,
                                             .mono_ns = UINT64_MAX,
                                             .boot_count = 2,
                                             .clock_uncertainty_ms = CLOCK_NEVER_SYNCHRONISED},
                    BYTES_LITERAL("critical"));
    golden_open(&wire->golden, "wire_evidence.txt");
    golden_comment(&wire->golden, "Bodies of evidence frames (common/wire/evidence_msg.h), node "
                                  "edge-1, key seed 07 x 32.");
    golden_run(wire, &log);
    golden_close(&wire->golden);
    test_log_close(&log);
}

#define TEST(function) cmocka_unit_test_setup(function, wire_reseed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_header_of_a_run_is_rebuilt_byte_by_byte),
        TEST(test_the_largest_run_is_rebuilt),
        TEST(test_a_run_in_which_any_field_differs_is_rebuilt_to_other_headers),
        TEST(test_a_frame_may_announce_a_checkpoint_without_entries),
        TEST(test_a_writer_stops_before_an_entry_exceeds_the_size),
        TEST(test_the_first_entry_is_only_held_to_the_capacity),
        TEST(test_a_writer_takes_no_more_than_a_run),
        TEST(test_an_entry_that_does_not_continue_the_run_is_not_added),
        TEST(test_the_largest_inline_payload_fits_one_frame),
        TEST(test_a_run_whose_place_makes_no_sense_is_refused),
        TEST(test_an_entry_that_no_header_can_say_is_refused),
        TEST(test_a_payload_in_the_wrong_form_is_refused),
        TEST(test_golden_runs),
    };
    return cmocka_run_group_tests(tests, wire_setup, wire_teardown);
}
