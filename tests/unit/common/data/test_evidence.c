/* test_evidence.c - the entry header: golden bytes, one strict decoding, the chain rule. */
#include "common/data/evidence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "tests/support/golden.h"
#include "tests/support/test_log.h"

/* The payloads of control entries are another room's format; for the header they are bytes. */
struct sample {
    const char *section, *payload;
    size_t payload_size;
    struct evidence_header fields;
};

#define PAYLOAD(text) (text), sizeof(text) - 1

static const struct sample samples[] = {
    {"genesis",
     PAYLOAD("\x91\xa7genesis"),
     {.type = EVIDENCE_GENESIS, .codec = CODEC_MSGPACK, .flags = 1}},
    {"type", PAYLOAD("\x92\xcd\x01\x00\xa5speed"), {.type = EVIDENCE_TYPE, .codec = CODEC_MSGPACK}},
    {"reading", PAYLOAD("{\"speed\":13.9}"), {.type = EVIDENCE_FIRST_NAMED, .flags = 3}},
    {"alarm_without_time",
     PAYLOAD("brake failure"),
     {.type = EVIDENCE_FIRST_NAMED,
      .flags = EVIDENCE_FLAG_TIME_UNTRUSTED,
      .wall_ns = -1,
      .clock_uncertainty_ms = CLOCK_NEVER_SYNCHRONISED,
      .boot_count = 2}},
    {"best_effort_empty",
     PAYLOAD(""),
     {.type = 0xFFFF,
      .flags = 5 | EVIDENCE_FLAG_BEST_EFFORT,
      .mono_ns = UINT64_MAX,
      .clock_uncertainty_ms = 250,
      .boot_count = UINT32_MAX}},
    {"heartbeat",
     PAYLOAD("\x90"),
     {.type = EVIDENCE_HEARTBEAT, .codec = CODEC_MSGPACK, .flags = 4}},
    {"close", PAYLOAD("\x90"), {.type = EVIDENCE_CLOSE, .codec = CODEC_MSGPACK, .flags = 1}},
};

static struct test_log log_of_samples;

static int open_log(void **state)
{
    test_log_open(&log_of_samples, "edge-7", 7);
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        test_log_append(&log_of_samples, samples[i].fields,
                        bytes_of(samples[i].payload, samples[i].payload_size));
    }
    *state = &log_of_samples;
    return 0;
}

static int close_log(void **state)
{
    test_log_close(*state);
    return 0;
}

static void put_header(struct golden *golden, const struct header_bytes *header)
{
    static const struct {
        size_t size;
        const char *gloss;
    } parts[] = {
        {16, "magic"},     {2, "header_len"}, {2, "entry_type"},  {2, "payload_codec"},
        {2, "flags"},      {32, "node_id"},   {16, "log_id"},     {8, "sequence"},
        {8, "wall_ns"},    {8, "mono_ns"},    {4, "boot_count"},  {4, "clock_uncertainty_ms"},
        {8, "hlc"},        {8, "key_id"},     {8, "payload_len"}, {32, "payload_hash"},
        {32, "prev_hash"},
    };
    size_t at = 0;
    golden_field_of_parts(golden, "header");
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        golden_part(golden, bytes_of(header->bytes + at, parts[i].size), parts[i].gloss);
        at += parts[i].size;
    }
    assert_int_equal(at, ENTRY_HEADER_SIZE);
}

static void test_golden_entries(void **state)
{
    static struct golden golden;
    const struct test_log *const log = *state;
    golden_open(&golden, "evidence.txt");
    golden_comment(&golden, "One log of entries of several types (common/data/evidence.h), in the "
                            "order of their sequences.\n"
                            "hash = SHA-256(header), signature = Ed25519(header),\n"
                            "leaf = SHA-256(0x00 | header | signature).");
    golden_section(&golden, "key");
    golden_field(&golden, "public_key", bytes_of(log->public_key.bytes, PUBLIC_KEY_SIZE));
    for (size_t i = 0; i < log->count; i++) {
        const struct test_entry *const entry = &log->entries[i];
        golden_section(&golden, samples[i].section);
        put_header(&golden, &entry->entry.header);
        golden_field(&golden, "signature", bytes_of(entry->entry.signature.bytes, SIGNATURE_SIZE));
        golden_field(&golden, "payload", entry->entry.payload);
        golden_field(&golden, "hash", bytes_of(entry->hash.bytes, DIGEST_SIZE));
        golden_field(&golden, "leaf", bytes_of(entry->leaf.bytes, DIGEST_SIZE));
    }
    golden_close(&golden);
}

static void test_stored_headers_decode_and_encode_to_the_same_bytes(void **state)
{
    const struct test_log *const log = *state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        uint8_t stored[ENTRY_HEADER_SIZE];
        const size_t size =
            golden_read("evidence.txt", samples[i].section, "header", stored, sizeof stored);
        struct evidence_header header;
        struct header_bytes again;
        assert_int_equal(evidence_header_decode(bytes_of(stored, size), &header), ST_OK);
        evidence_header_encode(&header, &again);
        assert_memory_equal(again.bytes, stored, sizeof stored);
        const struct evidence_header *const fields = &log->entries[i].fields;
        assert_int_equal(header.type, fields->type);
        assert_int_equal(header.codec, fields->codec);
        assert_int_equal(header.flags, fields->flags);
        assert_string_equal(header.node.text, "edge-7");
        assert_true(log_id_equal(&header.log, &fields->log));
        assert_true(header.sequence == i + 1);
        assert_true(header.wall_ns == fields->wall_ns);
        assert_true(header.mono_ns == fields->mono_ns);
        assert_true(header.boot_count == fields->boot_count);
        assert_true(header.clock_uncertainty_ms == fields->clock_uncertainty_ms);
        assert_true(header.hlc == fields->hlc);
        assert_memory_equal(header.key_id.bytes, fields->key_id.bytes, KEY_ID_SIZE);
        assert_true(header.payload_len == samples[i].payload_size);
        assert_true(digest_equal(&header.payload_hash, &fields->payload_hash));
        assert_true(digest_equal(&header.prev_hash, &fields->prev_hash));
    }
}

/* Decodes the header of the third entry with `size` bytes from `at` on replaced. */
static enum status decode_with(const struct test_log *log, size_t at, const void *bytes,
                               size_t size)
{
    struct header_bytes changed = log->entries[2].entry.header;
    struct evidence_header header;
    memcpy(changed.bytes + at, bytes, size);
    return evidence_header_decode(bytes_of(changed.bytes, ENTRY_HEADER_SIZE), &header);
}

static enum status decode_with_u16(const struct test_log *log, size_t at, unsigned value)
{
    uint8_t bytes[2];
    put_u16(bytes, (uint16_t)value);
    return decode_with(log, at, bytes, sizeof bytes);
}

static enum status decode_with_u64(const struct test_log *log, size_t at, uint64_t value)
{
    uint8_t bytes[8];
    put_u64(bytes, value);
    return decode_with(log, at, bytes, sizeof bytes);
}

static void test_a_header_of_another_size_is_malformed(void **state)
{
    const struct test_log *const log = *state;
    uint8_t bytes[ENTRY_HEADER_SIZE + 1] = {0};
    memcpy(bytes, log->entries[2].entry.header.bytes, ENTRY_HEADER_SIZE);
    struct evidence_header header;
    for (size_t size = 0; size <= sizeof bytes; size++) {
        assert_int_equal(evidence_header_decode(bytes_of(bytes, size), &header),
                         size == ENTRY_HEADER_SIZE ? ST_OK : ST_MALFORMED);
    }
}

static void test_magic_and_length_have_one_value(void **state)
{
    for (size_t bit = 0; bit < 8 * 18; bit++) {
        struct header_bytes changed = ((struct test_log *)*state)->entries[2].entry.header;
        struct evidence_header header;
        changed.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(
            evidence_header_decode(bytes_of(changed.bytes, ENTRY_HEADER_SIZE), &header),
            ST_MALFORMED);
    }
}

/* A poison entry of an unknown type must be decodable to be kept; only 0 is never a type. */
static void test_any_type_but_zero_decodes(void **state)
{
    for (unsigned type = 0; type <= 0xFFFF; type++) {
        assert_int_equal(decode_with_u16(*state, 18, type), type == 0 ? ST_MALFORMED : ST_OK);
    }
}

/* They decode, so that the cloud can keep them, and are refused for what they are. */
static void test_codecs_and_flags_that_nobody_knows_are_not_understood(void **state)
{
    for (unsigned value = 0; value <= 0xFFFF; value++) {
        struct evidence_header header = {.type = EVIDENCE_FIRST_NAMED};
        assert_int_equal(decode_with_u16(*state, 20, value), ST_OK);
        assert_int_equal(decode_with_u16(*state, 22, value), ST_OK);
        header.codec = (uint16_t)value;
        assert_int_equal(evidence_understood(&header), value <= 1);
        header.codec = CODEC_RAW;
        header.flags = (uint16_t)value;
        assert_int_equal(evidence_understood(&header), value < 32 && (value & 7) <= 5);
    }
}

static void test_a_node_id_is_a_lawful_name_and_zeros(void **state)
{
    static const struct {
        char text[NODE_NAME_SIZE + 1];
        enum status status;
    } cases[] = {
        {"a", ST_OK},
        {"a234567890123456789012345678901", ST_OK},
        {"a2345678901234567890123456789012", ST_MALFORMED}, /* no NUL left */
        {"", ST_MALFORMED},
        {"cloud", ST_MALFORMED},
        {"Edge-7", ST_MALFORMED},
        {"edge/7", ST_MALFORMED},
        {"edge-7\0x", ST_MALFORMED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(decode_with(*state, 24, cases[i].text, NODE_NAME_SIZE), cases[i].status);
    }
}

/* Otherwise one entry could be spelled in many ways, each with a hash of its own. */
static void test_every_padding_byte_of_the_node_id_is_zero(void **state)
{
    for (size_t at = strlen("edge-7") + 1; at < NODE_NAME_SIZE; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            const uint8_t byte = (uint8_t)(1u << bit);
            assert_int_equal(decode_with(*state, 24 + at, &byte, 1), ST_MALFORMED);
        }
    }
}

static void test_a_payload_may_be_as_large_as_the_limit(void **state)
{
    assert_int_equal(decode_with_u64(*state, 120, PAYLOAD_SIZE_MAX), ST_OK);
    assert_int_equal(decode_with_u64(*state, 120, PAYLOAD_SIZE_MAX + 1), ST_MALFORMED);
    assert_int_equal(decode_with_u64(*state, 120, UINT64_MAX), ST_MALFORMED);
}

static void test_only_sequence_1_has_no_predecessor(void **state)
{
    const struct test_log *const log = *state;
    static const uint8_t zeros[DIGEST_SIZE] = {0};
    assert_int_equal(decode_with_u64(log, 72, 0), ST_MALFORMED);
    assert_int_equal(decode_with_u64(log, 72, 1), ST_MALFORMED);
    assert_int_equal(decode_with_u64(log, 72, 2), ST_OK);
    assert_int_equal(decode_with_u64(log, 72, UINT64_MAX), ST_OK);
    assert_int_equal(decode_with(log, 160, zeros, sizeof zeros), ST_MALFORMED);
    struct header_bytes changed = log->entries[0].entry.header;
    struct evidence_header header;
    assert_int_equal(evidence_header_decode(bytes_of(changed.bytes, ENTRY_HEADER_SIZE), &header),
                     ST_OK);
    changed.bytes[ENTRY_HEADER_SIZE - 1] = 1;
    assert_int_equal(evidence_header_decode(bytes_of(changed.bytes, ENTRY_HEADER_SIZE), &header),
                     ST_MALFORMED);
}

static void test_a_refused_header_leaves_the_result_alone(void **state)
{
    struct header_bytes changed = ((struct test_log *)*state)->entries[2].entry.header;
    struct evidence_header header, untouched;
    memset(&header, 0x55, sizeof header);
    untouched = header;
    changed.bytes[ENTRY_HEADER_SIZE - 176] ^= 1; /* header_len */
    assert_int_equal(evidence_header_decode(bytes_of(changed.bytes, ENTRY_HEADER_SIZE), &header),
                     ST_MALFORMED);
    assert_memory_equal(&header, &untouched, sizeof header);
}

/* What decodes is what encodes: bytes with any few changes are refused or come back the same. */
static void test_whatever_decodes_encodes_to_the_same_bytes(void **state)
{
    struct rng rng;
    rng_seed(&rng, 192);
    unsigned accepted_count = 0;
    for (unsigned round = 0; round < 20000; round++) {
        const struct test_log *const log = *state;
        struct header_bytes changed = log->entries[rng_below(&rng, log->count)].entry.header;
        struct header_bytes again;
        struct evidence_header header;
        for (uint64_t i = rng_below(&rng, 4) + 1; i > 0; i--) {
            changed.bytes[rng_below(&rng, ENTRY_HEADER_SIZE)] = (uint8_t)rng_next(&rng);
        }
        if (evidence_header_decode(bytes_of(changed.bytes, ENTRY_HEADER_SIZE), &header) != ST_OK) {
            continue;
        }
        accepted_count++;
        evidence_header_encode(&header, &again);
        assert_memory_equal(again.bytes, changed.bytes, ENTRY_HEADER_SIZE);
    }
    assert_in_range(accepted_count, 1000, 19000);
}

static void test_unknown_critical_types_are_told_from_harmless_ones(void **state)
{
    (void)state;
    struct evidence_header header = {.type = 0};
    assert_false(evidence_understood(&header));
    for (unsigned type = 1; type <= 0xFFFF; type++) {
        const bool known = type <= EVIDENCE_CLOSE || type > EVIDENCE_CRITICAL_MAX;
        header.type = (uint16_t)type;
        assert_int_equal(evidence_understood(&header), known);
    }
    assert_string_equal(evidence_type_name(EVIDENCE_KEY_ROTATE), "KEY_ROTATE");
    assert_string_equal(evidence_type_name(EVIDENCE_CLOCK), "CLOCK");
    assert_null(evidence_type_name(0x0007));
    assert_null(evidence_type_name(0x0083));
    assert_null(evidence_type_name(EVIDENCE_FIRST_NAMED));
}

static void test_control_types_end_below_the_first_named_one(void **state)
{
    (void)state;
    assert_true(evidence_is_control(EVIDENCE_HEARTBEAT));
    assert_true(evidence_is_control(EVIDENCE_CONTROL_MAX));
    assert_false(evidence_is_control(EVIDENCE_FIRST_NAMED));
    assert_int_equal(evidence_priority(5 | EVIDENCE_FLAG_BEST_EFFORT), 5);
}

static void test_a_leaf_covers_header_and_signature_behind_a_zero_byte(void **state)
{
    const struct test_log *const log = *state;
    const struct test_entry *const entry = &log->entries[2];
    const uint8_t prefix = 0x00;
    hasher_begin(log->hasher);
    hasher_add(log->hasher, bytes_of(&prefix, 1));
    hasher_add(log->hasher, bytes_of(entry->entry.header.bytes, ENTRY_HEADER_SIZE));
    hasher_add(log->hasher, bytes_of(entry->entry.signature.bytes, SIGNATURE_SIZE));
    const struct digest expected = hasher_end(log->hasher);
    assert_true(digest_equal(&entry->leaf, &expected));
}

static void test_each_entry_follows_the_one_before(void **state)
{
    const struct test_log *const log = *state;
    struct chain_head head = {0};
    for (size_t i = 0; i < log->count; i++) {
        const struct test_entry *const entry = &log->entries[i];
        assert_int_equal(evidence_follows(&head, &entry->fields), ST_OK);
        head = (struct chain_head){entry->fields.sequence, entry->hash, entry->fields.hlc};
        assert_int_equal(evidence_follows(&head, &entry->fields), ST_DUPLICATE);
    }
}

static struct chain_head head_at(const struct test_log *log, size_t index)
{
    const struct test_entry *const entry = &log->entries[index];
    return (struct chain_head){entry->fields.sequence, entry->hash, entry->fields.hlc};
}

static void test_an_entry_elsewhere_in_the_chain_is_told_by_its_sequence(void **state)
{
    const struct test_log *const log = *state;
    const struct chain_head head = head_at(log, 2), empty = {0};
    assert_int_equal(evidence_follows(&head, &log->entries[4].fields), ST_GAP);
    assert_int_equal(evidence_follows(&head, &log->entries[6].fields), ST_GAP);
    assert_int_equal(evidence_follows(&empty, &log->entries[1].fields), ST_GAP);
    assert_int_equal(evidence_follows(&head, &log->entries[0].fields), ST_DUPLICATE);
    struct evidence_header last = log->entries[3].fields;
    last.sequence = UINT64_MAX;
    assert_int_equal(evidence_follows(&head, &last), ST_GAP);
    const struct chain_head full = {UINT64_MAX, head.hash, head.hlc};
    assert_int_equal(evidence_follows(&full, &last), ST_DUPLICATE);
}

static void test_an_entry_after_another_predecessor_is_a_fork(void **state)
{
    const struct test_log *const log = *state;
    const struct chain_head head = head_at(log, 2);
    for (size_t bit = 0; bit < 8 * DIGEST_SIZE; bit++) {
        struct evidence_header next = log->entries[3].fields;
        next.prev_hash.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(evidence_follows(&head, &next), ST_FORK);
    }
}

/* The order of merged logs is that of their hlc: within a log it must be the order of entries. */
static void test_an_hlc_that_does_not_increase_is_forged(void **state)
{
    const struct test_log *const log = *state;
    const struct chain_head head = head_at(log, 2);
    struct evidence_header next = log->entries[3].fields;
    next.hlc = head.hlc + 1;
    assert_int_equal(evidence_follows(&head, &next), ST_OK);
    next.hlc = head.hlc;
    assert_int_equal(evidence_follows(&head, &next), ST_FORGED);
    next.hlc = 0;
    assert_int_equal(evidence_follows(&head, &next), ST_FORGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_entries),
        cmocka_unit_test(test_stored_headers_decode_and_encode_to_the_same_bytes),
        cmocka_unit_test(test_a_header_of_another_size_is_malformed),
        cmocka_unit_test(test_magic_and_length_have_one_value),
        cmocka_unit_test(test_any_type_but_zero_decodes),
        cmocka_unit_test(test_codecs_and_flags_that_nobody_knows_are_not_understood),
        cmocka_unit_test(test_a_node_id_is_a_lawful_name_and_zeros),
        cmocka_unit_test(test_every_padding_byte_of_the_node_id_is_zero),
        cmocka_unit_test(test_a_payload_may_be_as_large_as_the_limit),
        cmocka_unit_test(test_only_sequence_1_has_no_predecessor),
        cmocka_unit_test(test_a_refused_header_leaves_the_result_alone),
        cmocka_unit_test(test_whatever_decodes_encodes_to_the_same_bytes),
        cmocka_unit_test(test_unknown_critical_types_are_told_from_harmless_ones),
        cmocka_unit_test(test_control_types_end_below_the_first_named_one),
        cmocka_unit_test(test_a_leaf_covers_header_and_signature_behind_a_zero_byte),
        cmocka_unit_test(test_each_entry_follows_the_one_before),
        cmocka_unit_test(test_an_entry_elsewhere_in_the_chain_is_told_by_its_sequence),
        cmocka_unit_test(test_an_entry_after_another_predecessor_is_a_fork),
        cmocka_unit_test(test_an_hlc_that_does_not_increase_is_forged),
    };
    return cmocka_run_group_tests(tests, open_log, close_log);
}
