/* test_document_refusals.c - is everything refused that is no JSON, no MessagePack, or too much? */
#include "common/wire/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/intake_check.h"
#include "tests/support/wire_check.h"

enum { TEXT_SIZE_MAX = 128 * 1024 };

static uint8_t memory[TEXT_SIZE_MAX], json_memory[TEXT_SIZE_MAX];
static char reason_text[DOCUMENT_REASON_SIZE_MAX + 1];
static struct buf reason;

static enum status open_bytes(struct bytes bytes, struct document **out)
{
    memset(reason_text, 0, sizeof reason_text);
    reason = buf_of(reason_text, DOCUMENT_REASON_SIZE_MAX);
    return document_open(bytes, out, &reason);
}

/* The caller closes it. */
static struct document *opened(struct bytes bytes)
{
    struct document *document;
    if (open_bytes(bytes, &document) != ST_OK) fail_msg("refused: %s", reason_text);
    return document;
}

static void refused(struct bytes bytes, enum status expected, const char *words)
{
    struct document *document;
    const enum status status = open_bytes(bytes, &document);
    if (status != expected || strstr(reason_text, words) == NULL)
        fail_msg("%s \"%s\" instead of %s \"%s\"", status_name(status), reason_text,
                 status_name(expected), words);
    assert_false(intake_document(bytes));
}

static struct bytes hex(const char *digits)
{
    return bytes_of_hex(digits, memory, sizeof memory);
}

/* What document_write_json makes of it. */
static const char *json_of(struct bytes bytes)
{
    struct document *const document = opened(bytes);
    struct buf out = buf_of(json_memory, sizeof json_memory - 1);
    assert_int_equal(document_write_json(document_root(document), &out), ST_OK);
    assert_true(buf_ok(&out));
    json_memory[out.size] = '\0';
    document_close(document);
    return (const char *)json_memory;
}

/* ----------------------------------------------------------------- bounds */

static struct bytes nested_json(size_t depth, const char *open, const char *close)
{
    struct buf out = buf_of(memory, sizeof memory);
    for (size_t i = 0; i < depth; i++)
        buf_put_text(&out, open);
    for (size_t i = 0; i < depth && close != NULL; i++)
        buf_put_text(&out, close);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

/* depth arrays, the innermost one empty. */
static struct bytes nested_pack(size_t depth)
{
    memset(memory, 0x91, depth);
    memory[depth - 1] = 0x90;
    return bytes_of(memory, depth);
}

static void test_sixteen_levels_are_read_and_one_more_is_refused(void **state)
{
    (void)state;
    document_close(opened(nested_json(DOCUMENT_DEPTH_MAX, "[", "]")));
    document_close(opened(nested_pack(DOCUMENT_DEPTH_MAX)));
    refused(nested_json(DOCUMENT_DEPTH_MAX + 1, "[", "]"), ST_TOO_LARGE, "16 deep");
    refused(nested_pack(DOCUMENT_DEPTH_MAX + 1), ST_TOO_LARGE, "16 deep");
    /* Whether the deepest ones are arrays or objects makes no difference. */
    refused(nested_json(DOCUMENT_DEPTH_MAX + 1, "{\"a\":", "}"), ST_TOO_LARGE, "16 deep");
}

static void test_ten_thousand_levels_are_refused(void **state)
{
    (void)state;
    refused(nested_json(10000, "[", "]"), ST_TOO_LARGE, "16 deep");
    refused(nested_json(10000, "{\"a\":", NULL), ST_TOO_LARGE, "16 deep");
    refused(nested_pack(10000), ST_TOO_LARGE, "16 deep");
}

/* Brackets in a text open nothing. */
static void test_brackets_and_commas_in_a_text_count_nothing(void **state)
{
    struct buf out = buf_of(memory, sizeof memory);
    (void)state;
    buf_put_text(&out, "[\"\\\"");
    for (unsigned i = 0; i < 5000; i++)
        buf_put_text(&out, "[,{");
    buf_put_text(&out, "\\\\\",1]");
    assert_int_equal(strlen(json_of(buf_bytes(&out))), out.size);
}

static struct bytes many_json(size_t count, const char *item)
{
    struct buf out = buf_of(memory, sizeof memory);
    for (size_t i = 0; i < count; i++) {
        buf_put_text(&out, i == 0 ? "[" : ",");
        buf_put_text(&out, item);
    }
    buf_put_text(&out, "]");
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static struct bytes many_pack(size_t count)
{
    memory[0] = 0xDC;
    put_u16(memory + 1, (uint16_t)count);
    memset(memory + 3, 0, count);
    return bytes_of(memory, 3 + count);
}

static struct bytes many_members(size_t count, bool twice)
{
    struct buf out = buf_of(memory, sizeof memory);
    buf_put_u8(&out, 0xDE);
    buf_put_u16(&out, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        buf_put_u8(&out, 0xA4);
        buf_put_format(&out, "%04zu", twice && i == count - 1 ? (size_t)7 : count - i);
        buf_put_u8(&out, 0xC0);
    }
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static void test_4096_values_are_read_and_one_more_is_refused(void **state)
{
    (void)state;
    /* The array itself is one of them. */
    document_close(opened(many_json(DOCUMENT_ITEMS_MAX - 1, "1")));
    document_close(opened(many_json(DOCUMENT_ITEMS_MAX - 1, "[ ]")));
    document_close(opened(many_json(DOCUMENT_ITEMS_MAX / 2 - 1, "[0]")));
    document_close(opened(many_pack(DOCUMENT_ITEMS_MAX - 1)));
    document_close(opened(many_members(DOCUMENT_ITEMS_MAX - 1, false)));
    refused(many_json(DOCUMENT_ITEMS_MAX, "1"), ST_TOO_LARGE, "4096 values");
    refused(many_json(DOCUMENT_ITEMS_MAX, "{\n}"), ST_TOO_LARGE, "4096 values");
    refused(many_json(DOCUMENT_ITEMS_MAX / 2, "[0]"), ST_TOO_LARGE, "4096 values");
    refused(many_pack(DOCUMENT_ITEMS_MAX), ST_TOO_LARGE, "4096 values");
    refused(many_members(DOCUMENT_ITEMS_MAX, false), ST_TOO_LARGE, "4096 values");
}

static void test_a_payload_over_the_size_of_one_message_is_refused(void **state)
{
    (void)state;
    memset(memory, ' ', INLINE_PAYLOAD_SIZE_MAX + 1);
    memory[0] = '1';
    document_close(opened(bytes_of(memory, INLINE_PAYLOAD_SIZE_MAX)));
    refused(bytes_of(memory, INLINE_PAYLOAD_SIZE_MAX + 1), ST_TOO_LARGE, "64512 are allowed");
}

/* msgpack-c believes these counts and reserves gigabytes. */
static void test_counts_that_the_bytes_cannot_hold_are_refused(void **state)
{
    static const char *const cases[] = {
        "ddffffffff",   "dfffffffff",   "c6ffffffff",     "dbffffffff",   "dcffff",
        "deffff",       "c4ff",         "d9ff",           "9f",           "8f",
        "bf",           "dd00000002c0", "df00000001a161", "ddffffffffc0", "91ddffffffff",
        "81a161dfffff", "ce000000",     "cb00",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        refused(hex(cases[i]), ST_MALFORMED, "breaks off");
}

/* ---------------------------------------------------------------- refusals */

static void test_what_is_no_json_is_refused(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {" ", "breaks off"},         {"{", "breaks off"},       {"[1", "breaks off"},
        {"\"a", "breaks off"},       {"\"a\\", "no JSON"},      {"1 2", "behind the value"},
        {"{}]", "behind the value"}, {"[1,]", "no JSON"},       {"[,]", "no JSON"},
        {"{\"a\"}", "no JSON"},      {"{a:1}", "no JSON"},      {"{1:1}", "no JSON"},
        {"'a'", "no JSON"},          {"01", "no JSON"},         {"+1", "no JSON"},
        {"1.", "no JSON"},           {".5", "no JSON"},         {"0x10", "behind the value"},
        {"True", "no JSON"},         {"/* why */1", "no JSON"}, {"\"\\x\"", "no JSON"},
        {"\"a\nb\"", "no JSON"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        refused(bytes_of_text(cases[i].text), ST_MALFORMED, cases[i].words);
}

static void test_the_reason_says_where_json_is_wrong(void **state)
{
    (void)state;
    refused(bytes_of_text("{\"a\": 1,\n \"b\": x}"), ST_MALFORMED, "line 2, column 7");
}

static void test_numbers_that_are_not_finite_are_refused(void **state)
{
    static const char *const texts[] = {"NaN", "Infinity", "-Infinity", "[nan]", "[inf]", "[-inf]"};
    static const char *const packs[] = {
        "ca7fc00000",           "ca7f800000",         "caff800000",         "ca7f800001",
        "cb7ff8000000000000",   "cb7ff0000000000000", "cbfff0000000000000", "cb7ff0000000000001",
        "91cb7ff8000000000000", "81a161ca7fc00000"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        refused(bytes_of_text(texts[i]), ST_MALFORMED, "no JSON");
    for (size_t i = 0; i < COUNT_OF(packs); i++)
        refused(hex(packs[i]), ST_MALFORMED, "NaN or infinite");
    refused(bytes_of_text("[1e400]"), ST_MALFORMED, "too large");
    refused(bytes_of_text("-1e999999999"), ST_MALFORMED, "too large");
    assert_string_equal(json_of(bytes_of_text("[1e308,-1e-400]")), "[1e+308,-0.0]");
    assert_string_equal(json_of(hex("cb7fefffffffffffff")), "1.7976931348623157e+308");
}

static void test_integers_beyond_int64_are_refused(void **state)
{
    (void)state;
    refused(bytes_of_text("9223372036854775808"), ST_MALFORMED, "too large");
    refused(bytes_of_text("[-9223372036854775809]"), ST_MALFORMED, "too large");
    refused(hex("cf8000000000000000"), ST_MALFORMED, "beyond int64");
    refused(hex("91cfffffffffffffffff"), ST_MALFORMED, "beyond int64");
}

static void test_texts_that_are_not_utf8_are_refused(void **state)
{
    /* A lone continuation, an overlong form, a surrogate, above U+10FFFF, one that breaks off. */
    static const char *const bad[] = {"80", "c0af", "eda080", "f4908080", "e282"};
    char digits[64];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        snprintf(digits, sizeof digits, "22%s22", bad[i]);
        refused(hex(digits), ST_MALFORMED, "not UTF-8");
        snprintf(digits, sizeof digits, "a%zu%s", strlen(bad[i]) / 2, bad[i]);
        refused(hex(digits), ST_MALFORMED, "not UTF-8");
        snprintf(digits, sizeof digits, "81a%zu%sc0", strlen(bad[i]) / 2, bad[i]);
        refused(hex(digits), ST_MALFORMED, "not UTF-8");
    }
}

static void test_lone_surrogates_are_refused(void **state)
{
    static const char *const texts[] = {"\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
                                        "\"\\udc00\\ud800\""};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        refused(bytes_of_text(texts[i]), ST_MALFORMED, "no JSON");
}

static void test_a_nul_in_a_text_is_refused(void **state)
{
    (void)state;
    refused(bytes_of_text("\"a\\u0000\""), ST_MALFORMED, "NUL");
    refused(bytes_of_text("{\"\\u0000\":1}"), ST_MALFORMED, "NUL");
    refused(hex("a26100"), ST_MALFORMED, "NUL");
    refused(hex("81a10001"), ST_MALFORMED, "NUL");
    refused(bytes_of("{}\0", 3), ST_MALFORMED, "behind the value");
}

/* jansson swallows one behind a number or a word. */
static void test_a_nul_between_two_parts_of_json_is_refused(void **state)
{
    static const struct bytes cases[] = {
        {(const uint8_t *)"1\0", 2},
        {(const uint8_t *)"[1\0]", 4},
        {(const uint8_t *)"[1\0,2]", 6},
        {(const uint8_t *)"[true\0]", 7},
        {(const uint8_t *)"[null\0]", 7},
        {(const uint8_t *)"{\"a\":1\0}", 8},
        {(const uint8_t *)"[1.5\0 ]", 7},
        {(const uint8_t *)"\0"
                          "1",
         2},
    };
    struct document *document;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(open_bytes(cases[i], &document), ST_MALFORMED);
        assert_true(reason.size > 0);
    }
}

static void test_a_name_that_stands_twice_is_refused(void **state)
{
    (void)state;
    refused(bytes_of_text("{\"a\":1,\"b\":2,\"a\":1}"), ST_MALFORMED, "twice");
    refused(bytes_of_text("[{\"a\":1,\"\\u0061\":2}]"), ST_MALFORMED, "twice");
    refused(hex("82a16101d9016102"), ST_MALFORMED, "twice");
    refused(hex("9181a16182a16201a16202"), ST_MALFORMED, "twice");
    refused(many_members(4000, true), ST_MALFORMED, "twice");
    /* In different objects it is no repetition. */
    document_close(opened(bytes_of_text("{\"a\":{\"a\":1},\"b\":{\"a\":1}}")));
    document_close(opened(hex("82a16181a16101a16281a16101")));
}

static void test_messagepack_that_has_no_equal_in_json_is_refused(void **state)
{
    static const struct {
        const char *hex, *words;
    } cases[] = {
        {"d40100", "extension"},
        {"d6ff00000000", "extension"},
        {"c7000100", "extension"},
        {"8101c0", "not a text"},
        {"81c4016101", "not a text"},
        {"819001", "not a text"},
        {"81c0c0", "not a text"},
        {"c1", "C1"},
        {"91c1", "C1"},
        {"c0c0", "bytes behind"},
        {"9000", "bytes behind"},
        {"a16100", "bytes behind"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        refused(hex(cases[i].hex), ST_MALFORMED, cases[i].words);
}

static void test_a_refusal_needs_no_room_for_a_reason(void **state)
{
    struct document *document;
    (void)state;
    assert_int_equal(document_open(BYTES_LITERAL("{"), &document, NULL), ST_MALFORMED);
    assert_int_equal(document_open(bytes_of("\xC1", 1), &document, NULL), ST_MALFORMED);
    assert_int_equal(document_open(nested_pack(17), &document, NULL), ST_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sixteen_levels_are_read_and_one_more_is_refused),
        cmocka_unit_test(test_ten_thousand_levels_are_refused),
        cmocka_unit_test(test_brackets_and_commas_in_a_text_count_nothing),
        cmocka_unit_test(test_4096_values_are_read_and_one_more_is_refused),
        cmocka_unit_test(test_a_payload_over_the_size_of_one_message_is_refused),
        cmocka_unit_test(test_counts_that_the_bytes_cannot_hold_are_refused),
        cmocka_unit_test(test_what_is_no_json_is_refused),
        cmocka_unit_test(test_the_reason_says_where_json_is_wrong),
        cmocka_unit_test(test_numbers_that_are_not_finite_are_refused),
        cmocka_unit_test(test_integers_beyond_int64_are_refused),
        cmocka_unit_test(test_texts_that_are_not_utf8_are_refused),
        cmocka_unit_test(test_lone_surrogates_are_refused),
        cmocka_unit_test(test_a_nul_in_a_text_is_refused),
        cmocka_unit_test(test_a_nul_between_two_parts_of_json_is_refused),
        cmocka_unit_test(test_a_name_that_stands_twice_is_refused),
        cmocka_unit_test(test_messagepack_that_has_no_equal_in_json_is_refused),
        cmocka_unit_test(test_a_refusal_needs_no_room_for_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
