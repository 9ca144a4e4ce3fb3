/* test_bytes.c - views, fixed buffers, big-endian integers, hex, JSON text. */
#include "common/base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void assert_buf_is(const struct buf *buf, const char *text)
{
    assert_true(buf_ok(buf));
    assert_int_equal(buf->size, strlen(text));
    assert_memory_equal(buf->data, text, buf->size);
}

static void test_equal_views_have_the_same_size_and_bytes(void **state)
{
    (void)state;
    assert_true(bytes_equal(BYTES_LITERAL("abc"), bytes_of_text("abc")));
    assert_false(bytes_equal(BYTES_LITERAL("abc"), BYTES_LITERAL("abd")));
    assert_false(bytes_equal(BYTES_LITERAL("abc"), BYTES_LITERAL("ab")));
    assert_true(bytes_equal(BYTES_EMPTY, BYTES_LITERAL("")));
}

static void test_a_prefix_sorts_before_what_it_begins(void **state)
{
    (void)state;
    assert_true(bytes_compare(BYTES_LITERAL("ab"), BYTES_LITERAL("abc")) < 0);
    assert_true(bytes_compare(BYTES_LITERAL("abc"), BYTES_LITERAL("ab")) > 0);
    assert_true(bytes_compare(BYTES_EMPTY, BYTES_LITERAL("a")) < 0);
    assert_int_equal(bytes_compare(BYTES_EMPTY, BYTES_EMPTY), 0);
}

/* Bytes, not characters: 0xFF sorts last although a char may be signed. */
static void test_bytes_begin_with_their_own_prefixes_only(void **state)
{
    (void)state;
    const struct bytes topic = BYTES_LITERAL("local/track/boat");
    assert_true(bytes_begin(topic, "local/track/"));
    assert_true(bytes_begin(topic, "local/track/boat"));
    assert_true(bytes_begin(topic, ""));
    assert_true(bytes_begin(BYTES_EMPTY, ""));
    assert_false(bytes_begin(topic, "local/config/"));
    assert_false(bytes_begin(topic, "local/track/boats"));
    assert_false(bytes_begin(BYTES_EMPTY, "l"));
}

static void test_order_is_that_of_unsigned_bytes(void **state)
{
    (void)state;
    assert_true(bytes_compare(BYTES_LITERAL("\x7F"), BYTES_LITERAL("\xFF")) < 0);
    assert_true(bytes_compare(BYTES_LITERAL("b"), BYTES_LITERAL("aa")) > 0);
}

static void test_the_rest_of_a_view_may_be_empty_but_never_beyond(void **state)
{
    (void)state;
    assert_true(bytes_equal(bytes_from(BYTES_LITERAL("abc"), 1), BYTES_LITERAL("bc")));
    assert_int_equal(bytes_from(BYTES_LITERAL("abc"), 3).size, 0);
    assert_int_equal(bytes_from(BYTES_EMPTY, 0).size, 0);
}

static void test_one_set_bit_anywhere_is_not_all_zero(void **state)
{
    (void)state;
    uint8_t bytes[33] = {0};
    assert_true(bytes_all_zero(BYTES_EMPTY));
    for (size_t size = 0; size <= sizeof bytes; size++) {
        assert_true(bytes_all_zero(bytes_of(bytes, size)));
    }
    for (size_t at = 0; at < sizeof bytes; at++) {
        bytes[at] = 0x80;
        assert_false(bytes_all_zero(bytes_of(bytes, sizeof bytes)));
        assert_false(bytes_all_zero(bytes_of(bytes, at + 1)));
        assert_true(bytes_all_zero(bytes_of(bytes, at)));
        bytes[at] = 0;
    }
}

static void test_integers_are_written_big_endian(void **state)
{
    (void)state;
    uint8_t memory[15];
    struct buf buf = buf_of(memory, sizeof memory);
    buf_put_u8(&buf, 0x01);
    buf_put_u16(&buf, 0x0203);
    buf_put_u32(&buf, 0x04050607);
    buf_put_u64(&buf, UINT64_C(0x08090A0B0C0D0E0F));
    assert_true(buf_ok(&buf));
    for (unsigned i = 0; i < sizeof memory; i++) {
        assert_int_equal(memory[i], i + 1);
    }
    assert_int_equal(get_u16(memory + 1), 0x0203);
    assert_int_equal(get_u32(memory + 3), 0x04050607);
    assert_true(get_u64(memory + 7) == UINT64_C(0x08090A0B0C0D0E0F));
}

static void test_integers_with_the_top_bit_keep_it(void **state)
{
    (void)state;
    uint8_t memory[8];
    put_u64(memory, UINT64_MAX - 1);
    assert_true(get_u64(memory) == UINT64_MAX - 1);
    put_u32(memory, 0x80000001u);
    assert_true(get_u32(memory) == 0x80000001u);
    put_u16(memory, 0xFFFE);
    assert_int_equal(get_u16(memory), 0xFFFE);
}

/* An encoder asks once at the end: a later, smaller write must not hide the one that failed. */
static void test_overflow_is_sticky_and_writes_nothing(void **state)
{
    (void)state;
    char memory[8] = "........";
    struct buf buf = buf_of(memory, 4);
    buf_put_text(&buf, "abc");
    buf_put_text(&buf, "de");
    assert_false(buf_ok(&buf));
    assert_int_equal(buf.size, 3);
    buf_put_u8(&buf, 'd');
    assert_false(buf_ok(&buf));
    assert_int_equal(buf.size, 3);
    assert_memory_equal(memory, "abc.....", sizeof memory);
}

static void test_a_write_that_fits_exactly_is_fine(void **state)
{
    (void)state;
    char memory[4];
    struct buf buf = buf_of(memory, sizeof memory);
    buf_put_text(&buf, "abcd");
    assert_buf_is(&buf, "abcd");
    buf_put(&buf, BYTES_EMPTY);
    assert_true(buf_ok(&buf));
    buf_put_u8(&buf, 0);
    assert_false(buf_ok(&buf));
}

static void test_formatted_text_needs_a_spare_byte(void **state)
{
    (void)state;
    char memory[7];
    struct buf buf = buf_of(memory, sizeof memory);
    buf_put_format(&buf, "%d-%s", 42, "abc");
    assert_buf_is(&buf, "42-abc");
    buf = buf_of(memory, 6);
    buf_put_format(&buf, "%d-%s", 42, "abc");
    assert_false(buf_ok(&buf));
    assert_int_equal(buf.size, 0);
    buf = buf_of(NULL, 0);
    buf_put_format(&buf, "x");
    assert_false(buf_ok(&buf));
}

static void test_hex_goes_there_and_back(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x1F, 0xA0, 0xFF};
    char text[9];
    hex_encode(bytes_of(bytes, sizeof bytes), text);
    assert_string_equal(text, "001fa0ff");
    uint8_t decoded[4];
    assert_int_equal(hex_decode(BYTES_LITERAL("001Fa0fF"), decoded, 4), ST_OK);
    assert_memory_equal(decoded, bytes, 4);
    assert_int_equal(hex_decode(BYTES_EMPTY, decoded, 0), ST_OK);
    hex_encode(BYTES_EMPTY, text);
    assert_string_equal(text, "");
}

static void test_hex_of_another_size_or_alphabet_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",     "0",    "00",   "000",  "00000", "000000",
                                        "000g", "00 0", "+000", "0x00", "00\n0"};
    uint8_t decoded[2];
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(hex_decode(bytes_of_text(wrong[i]), decoded, 2), ST_MALFORMED);
    }
}

static void test_hex_is_put_whole_or_not_at_all(void **state)
{
    (void)state;
    char memory[5];
    struct buf buf = buf_of(memory, sizeof memory);
    buf_put_hex(&buf, BYTES_LITERAL("\x12\xAB"));
    assert_buf_is(&buf, "12ab");
    buf_put_hex(&buf, BYTES_LITERAL("\x01"));
    assert_false(buf_ok(&buf));
    assert_int_equal(buf.size, 4);
}

static void assert_json(struct bytes text, const char *json)
{
    char memory[128];
    struct buf buf = buf_of(memory, sizeof memory);
    buf_put_json_text(&buf, text);
    assert_buf_is(&buf, json);
}

static void test_json_text_escapes_what_json_demands(void **state)
{
    (void)state;
    assert_json(BYTES_EMPTY, "\"\"");
    assert_json(BYTES_LITERAL("a\"b\\c"), "\"a\\\"b\\\\c\"");
    assert_json(BYTES_LITERAL("\n\r\t"), "\"\\n\\r\\t\"");
    assert_json(BYTES_LITERAL("\0\x1F\x7F"), "\"\\u0000\\u001f\\u007f\"");
}

static void test_json_text_keeps_valid_utf8(void **state)
{
    (void)state;
    assert_json(BYTES_LITERAL("\xC3\xA4"), "\"\xC3\xA4\"");
    assert_json(BYTES_LITERAL("\xE2\x82\xAC"), "\"\xE2\x82\xAC\"");
    assert_json(BYTES_LITERAL("\xF4\x8F\xBF\xBF"), "\"\xF4\x8F\xBF\xBF\"");
}

/* Overlong forms, surrogates, values above U+10FFFF, stray and missing continuation bytes. */
static void test_json_text_replaces_every_byte_that_is_not_utf8(void **state)
{
    (void)state;
#define REPLACED "\xEF\xBF\xBD"
    assert_json(BYTES_LITERAL("a\xFFz"), "\"a" REPLACED "z\"");
    assert_json(BYTES_LITERAL("\xC0\xAF"), "\"" REPLACED REPLACED "\"");
    assert_json(BYTES_LITERAL("\xE0\x80\xAF"), "\"" REPLACED REPLACED REPLACED "\"");
    assert_json(BYTES_LITERAL("\xED\xA0\x80"), "\"" REPLACED REPLACED REPLACED "\"");
    assert_json(BYTES_LITERAL("\xF4\x90\x80\x80"), "\"" REPLACED REPLACED REPLACED REPLACED "\"");
    assert_json(BYTES_LITERAL("\x80"), "\"" REPLACED "\"");
    assert_json(BYTES_LITERAL("\xE2\x82"), "\"" REPLACED REPLACED "\"");
    assert_json(BYTES_LITERAL("\xC3\""), "\"" REPLACED "\\\"\"");
#undef REPLACED
}

static void test_json_text_that_does_not_fit_leaves_nothing(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < 7; capacity++) {
        char memory[8];
        struct buf buf = buf_of(memory, capacity);
        buf_put_json_text(&buf, BYTES_LITERAL("a\n\xC3\xA4")); /* takes 7 */
        assert_false(buf_ok(&buf));
        assert_int_equal(buf.size, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_views_have_the_same_size_and_bytes),
        cmocka_unit_test(test_a_prefix_sorts_before_what_it_begins),
        cmocka_unit_test(test_bytes_begin_with_their_own_prefixes_only),
        cmocka_unit_test(test_order_is_that_of_unsigned_bytes),
        cmocka_unit_test(test_the_rest_of_a_view_may_be_empty_but_never_beyond),
        cmocka_unit_test(test_one_set_bit_anywhere_is_not_all_zero),
        cmocka_unit_test(test_integers_are_written_big_endian),
        cmocka_unit_test(test_integers_with_the_top_bit_keep_it),
        cmocka_unit_test(test_overflow_is_sticky_and_writes_nothing),
        cmocka_unit_test(test_a_write_that_fits_exactly_is_fine),
        cmocka_unit_test(test_formatted_text_needs_a_spare_byte),
        cmocka_unit_test(test_hex_goes_there_and_back),
        cmocka_unit_test(test_hex_of_another_size_or_alphabet_is_refused),
        cmocka_unit_test(test_hex_is_put_whole_or_not_at_all),
        cmocka_unit_test(test_json_text_escapes_what_json_demands),
        cmocka_unit_test(test_json_text_keeps_valid_utf8),
        cmocka_unit_test(test_json_text_replaces_every_byte_that_is_not_utf8),
        cmocka_unit_test(test_json_text_that_does_not_fit_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
