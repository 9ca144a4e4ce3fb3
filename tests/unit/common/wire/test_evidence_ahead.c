/* test_evidence_ahead.c - do entries sent ahead and parts of payloads keep their places? */
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

/* ---------------------------------------------------------------- ahead */

static void pick_ahead(void)
{
    size_t kept = 0;
    for (size_t i = 0; i < chain.count; i += 2) {
        if (chain.entries[i].form == PAYLOAD_PARTS) continue;
        chain.headers[kept] = chain.headers[i];
        chain.entries[kept++] = chain.entries[i];
    }
    chain.count = kept;
}

static enum status decode_ahead(struct wire *wire, struct bytes body)
{
    return ahead_msg_decode(wire->unpacker, wire->hasher, &wire_node, body, &run);
}

static void test_entries_sent_ahead_keep_their_own_places(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 100; round++) {
        wire_chain_fill(wire, &chain, 1 + rng_below(&wire->rng, 1000), 60);
        pick_ahead();
        struct buf out = wire_buf(wire);
        ahead_msg_encode(&chain.head.log, chain.entries, chain.count, &out);
        assert_int_equal(decode_ahead(wire, buf_bytes(&out)), ST_OK);
        assert_int_equal(run.count, chain.count);
        assert_true(run.first_sequence == chain.headers[0].sequence);
        assert_true(run.checkpoint.size == 0);
        for (size_t i = 0; i < chain.count; i++) {
            const struct digest hash = evidence_hash(wire->hasher, &chain.entries[i].header);
            expect_same_entry(&run.entries[i], &chain.entries[i]);
            assert_true(digest_equal(&run.hashes[i], &hash));
        }
        assert_true(recode_holds(wire->recoder, recode_ahead, buf_bytes(&out)));
    }
}

static void test_entries_ahead_out_of_order_are_refused(void **state)
{
    struct wire *const wire = *state;
    wire_chain_fill(wire, &chain, 10, 60);
    pick_ahead();
    struct buf out = wire_buf(wire);
    const struct evidence_entry swapped[] = {chain.entries[1], chain.entries[0]};
    ahead_msg_encode(&chain.head.log, swapped, 2, &out);
    assert_int_equal(decode_ahead(wire, buf_bytes(&out)), ST_MALFORMED);
    out = wire_buf(wire);
    const struct evidence_entry twice[] = {chain.entries[0], chain.entries[0]};
    ahead_msg_encode(&chain.head.log, twice, 2, &out);
    assert_int_equal(decode_ahead(wire, buf_bytes(&out)), ST_MALFORMED);
}

static void test_a_payload_in_parts_cannot_go_ahead(void **state)
{
    struct wire *const wire = *state;
    wire_chain_fill(wire, &chain, 10, 60);
    size_t i = 0;
    while (chain.entries[i].form != PAYLOAD_PARTS)
        i++;
    struct buf out = wire_buf(wire);
    ahead_msg_encode(&chain.head.log, &chain.entries[i], 1, &out);
    assert_int_equal(decode_ahead(wire, buf_bytes(&out)), ST_MALFORMED);
}

static void test_an_ahead_message_without_entries_is_refused(void **state)
{
    struct wire *const wire = *state;
    struct buf out = wire_buf(wire);
    wire_chain_fill(wire, &chain, 1, 1);
    pack_array(&out, 2);
    pack_bin(&out, bytes_of(chain.head.log.bytes, LOG_ID_SIZE));
    pack_array(&out, 0);
    assert_int_equal(decode_ahead(wire, buf_bytes(&out)), ST_MALFORMED);
}

static void test_a_damaged_header_cannot_be_sent_ahead(void **state)
{
    struct wire *const wire = *state;
    struct buf out = wire_buf(wire);
    wire_chain_fill(wire, &chain, 1, 1);
    chain.entries[0].header.bytes[0] ^= 1;
    ahead_msg_encode(&chain.head.log, chain.entries, 1, &out);
    assert_false(buf_ok(&out));
}

/* ---------------------------------------------------------------- parts */

static enum status decode_part(struct wire *wire, uint64_t sequence, uint32_t number,
                               uint64_t payload_len, size_t size)
{
    static uint8_t bytes[PART_SIZE + 1];
    struct evidence_part back;
    const struct evidence_part part = {.sequence = sequence,
                                       .part = number,
                                       .payload_len = payload_len,
                                       .bytes = bytes_of(bytes, size)};
    struct buf out = wire_buf(wire);
    part_msg_encode(&part, &out);
    const enum status status = part_msg_decode(wire->unpacker, buf_bytes(&out), &back);
    if (status != ST_OK) return status;
    assert_true(back.sequence == sequence && back.part == number);
    assert_true(back.payload_len == payload_len && back.bytes.size == size);
    assert_true(recode_holds(wire->recoder, recode_part, buf_bytes(&out)));
    return ST_OK;
}

static void test_a_part_must_be_exactly_as_large_as_its_place_says(void **state)
{
    struct wire *const wire = *state;
    const uint64_t length = 2 * PART_SIZE + 100;
    assert_int_equal(decode_part(wire, 1, 0, length, PART_SIZE), ST_OK);
    assert_int_equal(decode_part(wire, 1, 1, length, PART_SIZE), ST_OK);
    assert_int_equal(decode_part(wire, 1, 2, length, 100), ST_OK);
    assert_int_equal(decode_part(wire, 1, 0, length, PART_SIZE - 1), ST_MALFORMED);
    assert_int_equal(decode_part(wire, 1, 0, length, PART_SIZE + 1), ST_MALFORMED);
    assert_int_equal(decode_part(wire, 1, 2, length, 99), ST_MALFORMED);
    assert_int_equal(decode_part(wire, 1, 2, length, 101), ST_MALFORMED);
    assert_int_equal(decode_part(wire, 1, 3, length, 0), ST_MALFORMED);
    assert_int_equal(decode_part(wire, 1, 2, 2 * PART_SIZE, 0), ST_MALFORMED);
    assert_int_equal(decode_part(wire, 0, 0, length, PART_SIZE), ST_MALFORMED);
    assert_int_equal(decode_part(wire, 1, UINT32_MAX, length, 100), ST_MALFORMED);
}

static void test_a_part_belongs_to_a_payload_that_needs_parts(void **state)
{
    struct wire *const wire = *state;
    const size_t rest = PAYLOAD_SIZE_MAX % PART_SIZE;
    const uint32_t last = PAYLOAD_SIZE_MAX / PART_SIZE;
    assert_int_equal(decode_part(wire, 1, 0, INLINE_PAYLOAD_SIZE_MAX, PART_SIZE), ST_MALFORMED);
    assert_int_equal(decode_part(wire, 1, 0, INLINE_PAYLOAD_SIZE_MAX + 1, PART_SIZE), ST_OK);
    assert_int_equal(decode_part(wire, 1, last, PAYLOAD_SIZE_MAX, rest), ST_OK);
    assert_int_equal(decode_part(wire, 1, 0, PAYLOAD_SIZE_MAX + 1, PART_SIZE), ST_MALFORMED);
}

/* -------------------------------------------------------------- vectors */

static void test_golden_messages(void **state)
{
    static const char *const ahead_labels[] = {"log_id", "entries"};
    static const char *const part_labels[] = {"log_id", "sequence", "part", "payload_len", "bytes"};
    struct wire *const wire = *state;
    struct test_log log;
    test_log_open(&log, "edge-1", 7);
    test_log_fill(&log, 3);
    golden_open(&wire->golden, "wire_evidence_ahead.txt");
    golden_comment(&wire->golden, "Bodies of entries sent ahead and of parts "
                                  "(common/wire/evidence_msg.h), node edge-1, key seed 07 x 32.");

    struct buf out = wire_buf(wire);
    log.entries[1].entry.form = PAYLOAD_ABSENT;
    log.entries[1].entry.payload = BYTES_EMPTY;
    const struct evidence_entry ahead[] = {log.entries[1].entry, log.entries[2].entry};
    ahead_msg_encode(&log.log, ahead, 2, &out);
    golden_message(wire, "ahead", buf_bytes(&out), ahead_labels, recode_ahead, "ahead");

    const struct evidence_part part = {.log = log.log,
                                       .sequence = 4,
                                       .part = 2,
                                       .payload_len = 2 * PART_SIZE + 5,
                                       .bytes = BYTES_LITERAL("the5.")};
    out = wire_buf(wire);
    part_msg_encode(&part, &out);
    golden_message(wire, "part", buf_bytes(&out), part_labels, recode_part, "part");
    golden_close(&wire->golden);
    test_log_close(&log);
}

#define TEST(function) cmocka_unit_test_setup(function, wire_reseed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_entries_sent_ahead_keep_their_own_places),
        TEST(test_entries_ahead_out_of_order_are_refused),
        TEST(test_a_payload_in_parts_cannot_go_ahead),
        TEST(test_an_ahead_message_without_entries_is_refused),
        TEST(test_a_damaged_header_cannot_be_sent_ahead),
        TEST(test_a_part_must_be_exactly_as_large_as_its_place_says),
        TEST(test_a_part_belongs_to_a_payload_that_needs_parts),
        TEST(test_golden_messages),
    };
    return cmocka_run_group_tests(tests, wire_setup, wire_teardown);
}
