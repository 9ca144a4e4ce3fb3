/* test_checkpoint.c - checkpoint texts: golden, and binding in every bit. */
#include "common/data/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/golden.h"
#include "tests/support/test_log.h"

static struct test_log subject;

static int open_log(void **state)
{
    test_log_open(&subject, "edge-7", 7);
    test_log_fill(&subject, 5);
    *state = &subject;
    return 0;
}

static int close_log(void **state)
{
    test_log_close(*state);
    return 0;
}

static void put_checkpoint(struct golden *golden, const char *section,
                           const struct checkpoint *checkpoint)
{
    char text[CHECKPOINT_TEXT_SIZE_MAX];
    const size_t size =
        checkpoint_text(&subject.node, &subject.log, checkpoint->size, &checkpoint->root, text);
    golden_section(golden, section);
    text[size - 1] = '\0'; /* the last line feed would begin a comment of its own */
    golden_comment(golden, text);
    text[size - 1] = '\n';
    golden_field(golden, "root", bytes_of(checkpoint->root.bytes, DIGEST_SIZE));
    golden_field(golden, "text", bytes_of(text, size));
    golden_field(golden, "signature", bytes_of(checkpoint->signature.bytes, SIGNATURE_SIZE));
}

static void test_golden_checkpoints(void **state)
{
    (void)state;
    static struct golden golden;
    static const char *const leaf_names[] = {"leaf_1", "leaf_2", "leaf_3", "leaf_4", "leaf_5"};
    golden_open(&golden, "checkpoint.txt");
    golden_comment(&golden, "Checkpoints (common/data/checkpoint.h) of a log of five entries.\n"
                            "text is what is signed; root is over the leaves.");
    golden_section(&golden, "key");
    golden_field(&golden, "public_key", bytes_of(subject.public_key.bytes, PUBLIC_KEY_SIZE));
    golden_section(&golden, "log");
    for (size_t i = 0; i < COUNT_OF(leaf_names); i++) {
        golden_field(&golden, leaf_names[i], bytes_of(subject.entries[i].leaf.bytes, DIGEST_SIZE));
    }
    const struct digest empty_root = tree_root_of(subject.hasher, NULL, 0);
    const struct checkpoint empty =
        checkpoint_sign(subject.key, &subject.node, &subject.log, 0, &empty_root);
    put_checkpoint(&golden, "empty", &empty);
    const struct checkpoint full = test_log_checkpoint(&subject);
    put_checkpoint(&golden, "five", &full);
    golden_close(&golden);
}

static void test_the_text_has_three_lines(void **state)
{
    (void)state;
    char text[CHECKPOINT_TEXT_SIZE_MAX];
    const struct digest root = {{0}};
    const size_t size = checkpoint_text(&subject.node, &subject.log, 12345, &root, text);
    assert_string_equal(text, "holdfast/edge-7/0708090a0b0c0d0e0f10111213141516\n"
                              "12345\n"
                              "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    assert_int_equal(size, strlen(text));
}

static void test_the_longest_text_fits(void **state)
{
    (void)state;
    struct node_name longest;
    char text[CHECKPOINT_TEXT_SIZE_MAX];
    const struct digest root = {{0}};
    assert_int_equal(node_name_from(BYTES_LITERAL("a234567890123456789012345678901"), &longest),
                     ST_OK);
    const size_t size = checkpoint_text(&longest, &subject.log, UINT64_MAX, &root, text);
    assert_int_equal(size, strlen(text));
    assert_non_null(strstr(text, "\n18446744073709551615\n"));
}

static void test_a_signed_checkpoint_verifies(void **state)
{
    (void)state;
    const struct checkpoint checkpoint = test_log_checkpoint(&subject);
    assert_int_equal(checkpoint.size, 5);
    assert_true(checkpoint_ok(&subject.public_key, &subject.node, &subject.log, &checkpoint));
}

static void test_each_bit_of_a_checkpoint_is_bound(void **state)
{
    (void)state;
    struct checkpoint checkpoint = test_log_checkpoint(&subject);
    for (unsigned bit = 0; bit < 64; bit++) {
        checkpoint.size ^= UINT64_C(1) << bit;
        assert_false(checkpoint_ok(&subject.public_key, &subject.node, &subject.log, &checkpoint));
        checkpoint.size ^= UINT64_C(1) << bit;
    }
    for (size_t bit = 0; bit < 8 * DIGEST_SIZE; bit++) {
        checkpoint.root.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(checkpoint_ok(&subject.public_key, &subject.node, &subject.log, &checkpoint));
        checkpoint.root.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * SIGNATURE_SIZE; bit++) {
        checkpoint.signature.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(checkpoint_ok(&subject.public_key, &subject.node, &subject.log, &checkpoint));
        checkpoint.signature.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(checkpoint_ok(&subject.public_key, &subject.node, &subject.log, &checkpoint));
}

/* A checkpoint replayed for another node, log or key is none. */
static void test_a_checkpoint_holds_for_one_node_log_and_key(void **state)
{
    (void)state;
    const struct checkpoint checkpoint = test_log_checkpoint(&subject);
    struct node_name other_node;
    assert_int_equal(node_name_from(BYTES_LITERAL("edge-8"), &other_node), ST_OK);
    assert_false(checkpoint_ok(&subject.public_key, &other_node, &subject.log, &checkpoint));
    for (size_t bit = 0; bit < 8 * LOG_ID_SIZE; bit++) {
        struct log_id other_log = subject.log;
        other_log.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(checkpoint_ok(&subject.public_key, &subject.node, &other_log, &checkpoint));
    }
    struct secret_key *const other_key = test_key_open(8);
    const struct public_key other_public = secret_key_public(other_key);
    assert_false(checkpoint_ok(&other_public, &subject.node, &subject.log, &checkpoint));
    secret_key_close(other_key);
}

/* Text and entry header are signed by the same key: neither must ever pass for the other. */
static void test_no_text_begins_like_an_entry_header(void **state)
{
    (void)state;
    char text[CHECKPOINT_TEXT_SIZE_MAX];
    const struct digest root = {{0}};
    const size_t size = checkpoint_text(&subject.node, &subject.log, 1, &root, text);
    assert_null(memchr(text, 0, size));
    assert_non_null(memchr(subject.entries[0].entry.header.bytes, 0, 16));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_checkpoints),
        cmocka_unit_test(test_the_text_has_three_lines),
        cmocka_unit_test(test_the_longest_text_fits),
        cmocka_unit_test(test_a_signed_checkpoint_verifies),
        cmocka_unit_test(test_each_bit_of_a_checkpoint_is_bound),
        cmocka_unit_test(test_a_checkpoint_holds_for_one_node_log_and_key),
        cmocka_unit_test(test_no_text_begins_like_an_entry_header),
    };
    return cmocka_run_group_tests(tests, open_log, close_log);
}
