/* test_key_line.c - key lines: golden, strict, and proving that their author holds the key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/crypto/sign.h"
#include "tests/support/golden.h"
#include "tests/support/test_log.h"

static int open_key(void **state)
{
    *state = test_key_open(7);
    return 0;
}

static int close_key(void **state)
{
    secret_key_close(*state);
    return 0;
}

static const struct node_name edge_7 = {"edge-7"};
static const struct node_name cloud = {"cloud"};

static enum status read_text(const char *text)
{
    struct key_line line;
    return key_line_read(bytes_of_text(text), &line);
}

static void test_golden_key_lines(void **state)
{
    static struct golden golden;
    const struct public_key public = secret_key_public(*state);
    const struct key_id key_id = key_id_of(&public);
    uint8_t seed[SECRET_SEED_SIZE];
    char line[KEY_LINE_SIZE_MAX];
    memset(seed, 7, sizeof seed);
    golden_open(&golden, "key_line.txt");
    golden_comment(&golden, "Key lines (common/crypto/sign.h), as hex of their text.\n"
                            "proof = Ed25519 over \"HOLDFAST-KEY-LINE-1\\0\" | first word | \"\\0\""
                            " | name | \"\\0\" | key.");
    golden_section(&golden, "key");
    golden_field(&golden, "seed", bytes_of(seed, sizeof seed));
    golden_field(&golden, "public_key", bytes_of(public.bytes, PUBLIC_KEY_SIZE));
    golden_field(&golden, "key_id", bytes_of(key_id.bytes, KEY_ID_SIZE));
    golden_section(&golden, "node");
    key_line_write(KEY_LINE_NODE, &edge_7, *state, line);
    golden_comment(&golden, line);
    golden_field(&golden, "line", bytes_of_text(line));
    golden_section(&golden, "cloud");
    key_line_write(KEY_LINE_CLOUD, &cloud, *state, line);
    golden_comment(&golden, line);
    golden_field(&golden, "line", bytes_of_text(line));
    golden_close(&golden);
}

static void test_stored_lines_are_read_back(void **state)
{
    const struct public_key public = secret_key_public(*state);
    uint8_t text[KEY_LINE_SIZE_MAX];
    struct key_line line;
    size_t size = golden_read("key_line.txt", "node", "line", text, sizeof text);
    assert_int_equal(key_line_read(bytes_of(text, size), &line), ST_OK);
    assert_int_equal(line.kind, KEY_LINE_NODE);
    assert_true(node_name_equal(&line.name, &edge_7));
    assert_true(public_key_equal(&line.key, &public));
    size = golden_read("key_line.txt", "cloud", "line", text, sizeof text);
    assert_int_equal(key_line_read(bytes_of(text, size), &line), ST_OK);
    assert_int_equal(line.kind, KEY_LINE_CLOUD);
    assert_true(node_name_equal(&line.name, &cloud));
    assert_true(public_key_equal(&line.key, &public));
}

/* The longest line there can be must fit KEY_LINE_SIZE_MAX. */
static void test_the_longest_name_fits(void **state)
{
    struct node_name longest;
    char text[KEY_LINE_SIZE_MAX];
    struct key_line line;
    assert_int_equal(node_name_from(BYTES_LITERAL("a234567890123456789012345678901"), &longest),
                     ST_OK);
    key_line_write(KEY_LINE_NODE, &longest, *state, text);
    assert_int_equal(key_line_read(bytes_of_text(text), &line), ST_OK);
    assert_true(node_name_equal(&line.name, &longest));
}

/* People paste lines from files and terminals: one line feed is theirs, anything else is not. */
static void test_exactly_one_line_feed_may_follow(void **state)
{
    char line[KEY_LINE_SIZE_MAX], text[KEY_LINE_SIZE_MAX + 8];
    key_line_write(KEY_LINE_NODE, &edge_7, *state, line);
    snprintf(text, sizeof text, "%s\n", line);
    assert_int_equal(read_text(text), ST_OK);
    static const char *const tails[] = {"\n\n", "\r\n", " ", " \n", "\t", "A", "=", " x"};
    for (size_t i = 0; i < COUNT_OF(tails); i++) {
        snprintf(text, sizeof text, "%s%s", line, tails[i]);
        assert_int_equal(read_text(text), ST_MALFORMED);
    }
    assert_int_equal(key_line_read(bytes_of(line, strlen(line) + 1), &(struct key_line){0}),
                     ST_MALFORMED);
}

static void test_spaces_are_single_and_in_their_places(void **state)
{
    char line[KEY_LINE_SIZE_MAX], text[KEY_LINE_SIZE_MAX + 8];
    key_line_write(KEY_LINE_NODE, &edge_7, *state, line);
    const size_t size = strlen(line);
    for (size_t at = 0; at <= size; at++) {
        snprintf(text, sizeof text, "%.*s %s", (int)at, line, line + at);
        assert_int_equal(read_text(text), ST_MALFORMED);
        if (at < size && line[at] == ' ') {
            snprintf(text, sizeof text, "%.*s%s", (int)at, line, line + at + 1);
            assert_int_equal(read_text(text), ST_MALFORMED);
            snprintf(text, sizeof text, "%.*s\t%s", (int)at, line, line + at + 1);
            assert_int_equal(read_text(text), ST_MALFORMED);
        }
    }
}

static void test_a_line_cut_anywhere_is_malformed(void **state)
{
    char line[KEY_LINE_SIZE_MAX];
    key_line_write(KEY_LINE_CLOUD, &cloud, *state, line);
    for (size_t size = 0; size < strlen(line); size++) {
        struct key_line read;
        assert_int_equal(key_line_read(bytes_of(line, size), &read), ST_MALFORMED);
    }
}

static void test_a_flipped_bit_anywhere_is_refused(void **state)
{
    char line[KEY_LINE_SIZE_MAX];
    key_line_write(KEY_LINE_NODE, &edge_7, *state, line);
    const size_t size = strlen(line);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        struct key_line read;
        line[bit / 8] = (char)(line[bit / 8] ^ (1 << bit % 8));
        const enum status status = key_line_read(bytes_of(line, size), &read);
        assert_true(status == ST_MALFORMED || status == ST_FORGED);
        line[bit / 8] = (char)(line[bit / 8] ^ (1 << bit % 8));
    }
    assert_int_equal(read_text(line), ST_OK);
}

/* A node's proof must not enrol it as the cloud, nor under another name. */
static void test_a_proof_holds_for_its_kind_and_name_only(void **state)
{
    char line[KEY_LINE_SIZE_MAX], text[KEY_LINE_SIZE_MAX + 8];
    key_line_write(KEY_LINE_NODE, &edge_7, *state, line);
    const char *const keys = strchr(strchr(line, ' ') + 1, ' ') + 1;
    snprintf(text, sizeof text, "holdfast-cloud-1 cloud %s", keys);
    assert_int_equal(read_text(text), ST_FORGED);
    snprintf(text, sizeof text, "holdfast-node-1 edge-8 %s", keys);
    assert_int_equal(read_text(text), ST_FORGED);
    snprintf(text, sizeof text, "holdfast-node-1 edge-7 %s", keys);
    assert_int_equal(read_text(text), ST_OK);
}

static void test_kinds_and_names_outside_the_rules_are_malformed(void **state)
{
    char line[KEY_LINE_SIZE_MAX], text[KEY_LINE_SIZE_MAX + 64];
    key_line_write(KEY_LINE_NODE, &edge_7, *state, line);
    const char *const keys = strchr(strchr(line, ' ') + 1, ' ') + 1;
    static const char *const starts[] = {
        "holdfast-node-2 edge-7",  "holdfast-nod-1 edge-7",  "HOLDFAST-node-1 edge-7",
        "holdfast-node-1 cloud",   "holdfast-node-1 Edge-7", "holdfast-node-1 ",
        "holdfast-cloud-1 edge-7", "holdfast-cloud-1 clou",
    };
    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        snprintf(text, sizeof text, "%s %s", starts[i], keys);
        assert_int_equal(read_text(text), ST_MALFORMED);
    }
}

/* Whoever picks the neutral point as key can make a "proof" without any secret. */
static void test_a_weak_key_is_forged(void **state)
{
    (void)state;
    static const uint8_t weak_key[PUBLIC_KEY_SIZE] = {1};
    static const uint8_t fits_everything[SIGNATURE_SIZE] = {1};
    char key_text[64], proof_text[96], text[KEY_LINE_SIZE_MAX];
    base64_encode(bytes_of(weak_key, sizeof weak_key), key_text, sizeof key_text);
    base64_encode(bytes_of(fits_everything, SIGNATURE_SIZE), proof_text, sizeof proof_text);
    snprintf(text, sizeof text, "holdfast-node-1 edge-7 %s %s", key_text, proof_text);
    assert_int_equal(read_text(text), ST_FORGED);
}

/* The key whose seed is all 7, plus the point of order 2, and a proof made so that this point drops
 * out of the equation: it verifies here, while a library with another equation refuses it. */
static void test_a_key_of_mixed_order_is_forged_although_its_proof_verifies(void **state)
{
    (void)state;
    static const char key_text[] = "A7WTnB1jrfVBCq+E7NE6Bmq4iVFBQYRtveEVluu5LdM=";
    static const char proof_text[] =
        "LxEyymGrON/wDy/qMijyTGxx1YCFuA5H4ZUVyyfo0EcXxfypdttcGtAtWwQWwiuny"
        "6OKYqJg0LxSQ3vt8/PSDg==";
    struct public_key key;
    struct signature proof;
    char text[KEY_LINE_SIZE_MAX];
    uint8_t message[KEY_LINE_SIZE_MAX];
    assert_int_equal(base64_decode(bytes_of_text(key_text), key.bytes, PUBLIC_KEY_SIZE), ST_OK);
    assert_int_equal(base64_decode(bytes_of_text(proof_text), proof.bytes, SIGNATURE_SIZE), ST_OK);
    struct buf buf = buf_of(message, sizeof message);
    buf_put(&buf, BYTES_LITERAL("HOLDFAST-KEY-LINE-1\0holdfast-node-1\0edge-7\0"));
    buf_put(&buf, bytes_of(key.bytes, PUBLIC_KEY_SIZE));
    assert_true(sign_verify(&key, buf_bytes(&buf), &proof));
    snprintf(text, sizeof text, "holdfast-node-1 edge-7 %s %s", key_text, proof_text);
    assert_int_equal(read_text(text), ST_FORGED);
}

static void test_a_refused_line_leaves_the_result_alone(void **state)
{
    char line[KEY_LINE_SIZE_MAX];
    key_line_write(KEY_LINE_NODE, &edge_7, *state, line);
    struct key_line read, untouched;
    memset(&read, 0x55, sizeof read);
    untouched = read;
    line[strlen(line) - 5] ^= 1;
    assert_int_not_equal(key_line_read(bytes_of_text(line), &read), ST_OK);
    assert_memory_equal(&read, &untouched, sizeof read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_key_lines),
        cmocka_unit_test(test_stored_lines_are_read_back),
        cmocka_unit_test(test_the_longest_name_fits),
        cmocka_unit_test(test_exactly_one_line_feed_may_follow),
        cmocka_unit_test(test_spaces_are_single_and_in_their_places),
        cmocka_unit_test(test_a_line_cut_anywhere_is_malformed),
        cmocka_unit_test(test_a_flipped_bit_anywhere_is_refused),
        cmocka_unit_test(test_a_proof_holds_for_its_kind_and_name_only),
        cmocka_unit_test(test_kinds_and_names_outside_the_rules_are_malformed),
        cmocka_unit_test(test_a_weak_key_is_forged),
        cmocka_unit_test(test_a_key_of_mixed_order_is_forged_although_its_proof_verifies),
        cmocka_unit_test(test_a_refused_line_leaves_the_result_alone),
    };
    return cmocka_run_group_tests(tests, open_key, close_key);
}
