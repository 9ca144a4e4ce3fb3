/* test_evidence_tamper.c - every single bit of an entry counts: each check that claims to cover a
 * byte is shown to notice each bit of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/evidence.h"
#include "tests/support/test_log.h"

enum { VICTIM = 2, LOG_SIZE = 5 };

static struct test_log subject;

static int open_log(void **state)
{
    test_log_open(&subject, "edge-7", 9);
    test_log_fill(&subject, LOG_SIZE);
    *state = &subject;
    return 0;
}

static int close_log(void **state)
{
    test_log_close(*state);
    return 0;
}

static void flip(uint8_t *bytes, size_t bit)
{
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

/* The root when the victim's leaf is another. */
static struct digest root_with(const struct digest *leaf)
{
    struct digest leaves[LOG_SIZE];
    for (size_t i = 0; i < LOG_SIZE; i++) {
        leaves[i] = i == VICTIM ? *leaf : subject.entries[i].leaf;
    }
    return tree_root_of(subject.hasher, leaves, LOG_SIZE);
}

static bool checkpoint_ok_with(const struct checkpoint *checkpoint, const struct digest *leaf)
{
    const struct digest root = root_with(leaf);
    return digest_equal(&root, &checkpoint->root) &&
           checkpoint_ok(&subject.public_key, &subject.node, &subject.log, checkpoint);
}

static void test_the_untouched_log_passes_every_check(void **state)
{
    (void)state;
    const struct checkpoint checkpoint = test_log_checkpoint(&subject);
    const struct test_entry *const victim = &subject.entries[VICTIM];
    assert_true(evidence_signature_ok(&subject.public_key, &victim->entry.header,
                                      &victim->entry.signature));
    assert_int_equal(evidence_payload_check(subject.hasher, &victim->fields, victim->entry.payload),
                     ST_OK);
    assert_true(checkpoint_ok_with(&checkpoint, &victim->leaf));
}

/* Each of hash, signature and tree notices on its own; the decoder need not. */
static void test_each_header_bit_changes_hash_signature_and_root(void **state)
{
    (void)state;
    const struct checkpoint checkpoint = test_log_checkpoint(&subject);
    const struct test_entry *const victim = &subject.entries[VICTIM];
    const struct digest *const next_prev = &subject.entries[VICTIM + 1].fields.prev_hash;
    for (size_t bit = 0; bit < 8 * ENTRY_HEADER_SIZE; bit++) {
        struct header_bytes changed = victim->entry.header;
        flip(changed.bytes, bit);
        const struct digest hash = evidence_hash(subject.hasher, &changed);
        assert_false(digest_equal(&hash, next_prev));
        assert_false(
            evidence_signature_ok(&subject.public_key, &changed, &victim->entry.signature));
        const struct digest leaf =
            evidence_leaf(subject.hasher, &changed, &victim->entry.signature);
        assert_false(checkpoint_ok_with(&checkpoint, &leaf));
    }
}

/* The chain's hashes do not cover signatures; the tree does, so a spoilt one cannot slip in. */
static void test_each_signature_bit_changes_verdict_and_root(void **state)
{
    (void)state;
    const struct checkpoint checkpoint = test_log_checkpoint(&subject);
    const struct test_entry *const victim = &subject.entries[VICTIM];
    for (size_t bit = 0; bit < 8 * SIGNATURE_SIZE; bit++) {
        struct signature changed = victim->entry.signature;
        flip(changed.bytes, bit);
        assert_false(evidence_signature_ok(&subject.public_key, &victim->entry.header, &changed));
        const struct digest leaf = evidence_leaf(subject.hasher, &victim->entry.header, &changed);
        assert_false(checkpoint_ok_with(&checkpoint, &leaf));
    }
}

static void test_each_payload_bit_is_noticed(void **state)
{
    (void)state;
    const struct test_entry *const victim = &subject.entries[VICTIM];
    const struct bytes payload = victim->entry.payload;
    assert_true(payload.size > 0);
    for (size_t bit = 0; bit < 8 * payload.size; bit++) {
        uint8_t changed[TEST_PAYLOAD_SIZE_MAX];
        memcpy(changed, payload.data, payload.size);
        flip(changed, bit);
        assert_int_equal(evidence_payload_check(subject.hasher, &victim->fields,
                                                bytes_of(changed, payload.size)),
                         ST_FORGED);
    }
}

static void test_a_payload_of_another_length_is_noticed(void **state)
{
    (void)state;
    const struct test_entry *const victim = &subject.entries[VICTIM];
    uint8_t longer[TEST_PAYLOAD_SIZE_MAX] = {0};
    const size_t size = victim->entry.payload.size;
    memcpy(longer, victim->entry.payload.data, size);
    for (size_t other = 0; other <= size + 1; other++) {
        assert_int_equal(
            evidence_payload_check(subject.hasher, &victim->fields, bytes_of(longer, other)),
            other == size ? ST_OK : ST_FORGED);
    }
    /* The length in the header counts by itself too, not only through the hash. */
    struct evidence_header fields = victim->fields;
    fields.payload_len++;
    assert_int_equal(evidence_payload_check(subject.hasher, &fields, victim->entry.payload),
                     ST_FORGED);
}

static void test_an_entry_under_another_key_is_noticed(void **state)
{
    (void)state;
    struct secret_key *const other = test_key_open(10);
    const struct public_key other_public = secret_key_public(other);
    const struct test_entry *const victim = &subject.entries[VICTIM];
    const struct signature forged = evidence_sign(other, &victim->entry.header);
    assert_false(evidence_signature_ok(&subject.public_key, &victim->entry.header, &forged));
    assert_false(
        evidence_signature_ok(&other_public, &victim->entry.header, &victim->entry.signature));
    secret_key_close(other);
}

/* A signature moved to its neighbour is valid for the wrong header only. */
static void test_entries_cannot_trade_signatures_or_payloads(void **state)
{
    (void)state;
    const struct test_entry *const victim = &subject.entries[VICTIM];
    const struct test_entry *const next = &subject.entries[VICTIM + 1];
    assert_false(
        evidence_signature_ok(&subject.public_key, &victim->entry.header, &next->entry.signature));
    assert_int_equal(evidence_payload_check(subject.hasher, &victim->fields, next->entry.payload),
                     ST_FORGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_untouched_log_passes_every_check),
        cmocka_unit_test(test_each_header_bit_changes_hash_signature_and_root),
        cmocka_unit_test(test_each_signature_bit_changes_verdict_and_root),
        cmocka_unit_test(test_each_payload_bit_is_noticed),
        cmocka_unit_test(test_a_payload_of_another_length_is_noticed),
        cmocka_unit_test(test_an_entry_under_another_key_is_noticed),
        cmocka_unit_test(test_entries_cannot_trade_signatures_or_payloads),
    };
    return cmocka_run_group_tests(tests, open_log, close_log);
}
