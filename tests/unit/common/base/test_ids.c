/* test_ids.c - the rules of names, and that identifiers compare in every byte. */
#include "common/base/ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define CHARACTERS_31 "a123456789012345678901234567890"
#define CHARACTERS_64 "A123456789012345678901234567890123456789012345678901234567890123"

static bool node_ok(const char *text)
{
    return ids_node_name_ok(bytes_of_text(text));
}

static bool level_ok(const char *text)
{
    return ids_level_name_ok(bytes_of_text(text));
}

static void test_node_names_are_short_lower_case_words(void **state)
{
    (void)state;
    assert_true(node_ok("a"));
    assert_true(node_ok("7"));
    assert_true(node_ok("edge-7"));
    assert_true(node_ok("a--"));
    assert_true(node_ok(CHARACTERS_31));
    assert_false(node_ok(CHARACTERS_31 "x"));
    assert_false(node_ok(""));
    assert_false(node_ok("-edge"));
}

/* A name becomes a topic level, a file name and a word of a key line. */
static void test_no_byte_outside_the_alphabet_is_in_a_node_name(void **state)
{
    (void)state;
    for (unsigned character = 0; character < 256; character++) {
        const uint8_t text[2] = {'a', (uint8_t)character};
        const bool allowed = (character >= 'a' && character <= 'z') ||
                             (character >= '0' && character <= '9') || character == '-';
        assert_int_equal(ids_node_name_ok(bytes_of(text, 2)), allowed);
    }
}

static void test_words_with_a_meaning_are_no_node_names(void **state)
{
    (void)state;
    static const char *const reserved[] = {"cloud", "config", "models", "local",
                                           "fleet", "group",  "node"};
    for (size_t i = 0; i < COUNT_OF(reserved); i++) {
        assert_false(node_ok(reserved[i]));
    }
    assert_true(node_ok("cloud1"));
    assert_true(node_ok("clou"));
    assert_true(node_ok("nodes"));
}

static void test_level_names_are_one_topic_level(void **state)
{
    (void)state;
    assert_true(level_ok("A"));
    assert_true(level_ok("cam.front_left-2"));
    assert_true(level_ok(CHARACTERS_64));
    assert_false(level_ok(CHARACTERS_64 "x"));
    assert_false(level_ok(""));
    assert_false(level_ok(".hidden"));
    assert_false(level_ok("_a"));
    assert_false(level_ok("-a"));
    for (unsigned character = 0; character < 256; character++) {
        const uint8_t text[2] = {'a', (uint8_t)character};
        const bool allowed =
            character != 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789._-",
                                     (int)character) != NULL;
        assert_int_equal(ids_level_name_ok(bytes_of(text, 2)), allowed);
    }
}

/* The padding is part of the signed header, so old bytes of a reused struct must not stay. */
static void test_a_name_is_padded_to_its_end(void **state)
{
    (void)state;
    struct node_name node;
    memset(&node, 'x', sizeof node);
    assert_int_equal(node_name_from(BYTES_LITERAL("edge-7"), &node), ST_OK);
    assert_string_equal(node.text, "edge-7");
    assert_true(bytes_all_zero(bytes_of(node.text + 6, NODE_NAME_SIZE - 6)));
    struct level_name level;
    memset(&level, 'x', sizeof level);
    assert_int_equal(level_name_from(BYTES_LITERAL(CHARACTERS_64), &level), ST_OK);
    assert_string_equal(level.text, CHARACTERS_64);
}

static void test_a_refused_name_leaves_the_old_one(void **state)
{
    (void)state;
    struct node_name node = {"edge-7"};
    assert_int_equal(node_name_from(BYTES_LITERAL("cloud"), &node), ST_MALFORMED);
    assert_int_equal(node_name_from(BYTES_LITERAL("a\0b"), &node), ST_MALFORMED);
    assert_string_equal(node.text, "edge-7");
    struct level_name level = {"speed"};
    assert_int_equal(level_name_from(BYTES_LITERAL("a/b"), &level), ST_MALFORMED);
    assert_string_equal(level.text, "speed");
}

/* Calls equal for a copy with each single bit flipped. */
#define ASSERT_EVERY_BIT_COUNTS(type, equal)                                                       \
    do {                                                                                           \
        type a = {0}, b = {0};                                                                     \
        assert_true(equal(&a, &b));                                                                \
        for (size_t bit = 0; bit < 8 * sizeof b; bit++) {                                          \
            ((uint8_t *)&b)[bit / 8] ^= (uint8_t)(1u << bit % 8);                                  \
            assert_false(equal(&a, &b));                                                           \
            ((uint8_t *)&b)[bit / 8] ^= (uint8_t)(1u << bit % 8);                                  \
        }                                                                                          \
    } while (0)

static void test_identifiers_differ_in_any_bit(void **state)
{
    (void)state;
    ASSERT_EVERY_BIT_COUNTS(struct node_name, node_name_equal);
    ASSERT_EVERY_BIT_COUNTS(struct log_id, log_id_equal);
    ASSERT_EVERY_BIT_COUNTS(struct store_id, store_id_equal);
    ASSERT_EVERY_BIT_COUNTS(struct nonce, nonce_equal);
    ASSERT_EVERY_BIT_COUNTS(struct digest, digest_equal);
}

static void test_only_a_digest_of_zeros_is_zero(void **state)
{
    (void)state;
    struct digest digest = {0};
    assert_true(digest_is_zero(&digest));
    digest.bytes[DIGEST_SIZE - 1] = 1;
    assert_false(digest_is_zero(&digest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_node_names_are_short_lower_case_words),
        cmocka_unit_test(test_no_byte_outside_the_alphabet_is_in_a_node_name),
        cmocka_unit_test(test_words_with_a_meaning_are_no_node_names),
        cmocka_unit_test(test_level_names_are_one_topic_level),
        cmocka_unit_test(test_a_name_is_padded_to_its_end),
        cmocka_unit_test(test_a_refused_name_leaves_the_old_one),
        cmocka_unit_test(test_identifiers_differ_in_any_bit),
        cmocka_unit_test(test_only_a_digest_of_zeros_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
