/* test_pack.c - is there exactly one form for each value, and is every other one refused? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/wire_check.h"

static void expect_bytes(const struct buf *buf, const char *hex)
{
    uint8_t memory[64];
    const struct bytes expected = bytes_of_hex(hex, memory, sizeof memory);
    assert_true(buf_ok(buf));
    assert_int_equal(buf->size, expected.size);
    assert_memory_equal(buf->data, expected.data, expected.size);
}

/* ---------------------------------------------------------------- writing */

static void test_a_natural_number_at_each_size_border_takes_its_shortest_form(void **state)
{
    static const struct {
        uint64_t value;
        const char *hex;
    } rows[] = {
        {0, "00"},
        {127, "7f"},
        {128, "cc80"},
        {255, "ccff"},
        {256, "cd0100"},
        {65535, "cdffff"},
        {65536, "ce00010000"},
        {UINT32_MAX, "ceffffffff"},
        {UINT64_C(1) << 32, "cf0000000100000000"},
        {INT64_MAX, "cf7fffffffffffffff"},
        {UINT64_MAX, "cfffffffffffffffff"},
    };
    struct wire *const wire = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf buf = wire_buf(wire);
        struct packed value;
        uint64_t back;
        pack_uint(&buf, rows[i].value);
        expect_bytes(&buf, rows[i].hex);
        assert_int_equal(packed_read(wire->unpacker, buf_bytes(&buf), &value), ST_OK);
        assert_int_equal(packed_uint(value, UINT64_MAX, &back), ST_OK);
        assert_true(back == rows[i].value);
    }
}

static void test_an_integer_at_each_size_border_takes_its_shortest_form(void **state)
{
    static const struct {
        int64_t value;
        const char *hex;
    } rows[] = {
        {-1, "ff"},
        {-32, "e0"},
        {-33, "d0df"},
        {-128, "d080"},
        {-129, "d1ff7f"},
        {INT16_MIN, "d18000"},
        {INT16_MIN - 1, "d2ffff7fff"},
        {INT32_MIN, "d280000000"},
        {(int64_t)INT32_MIN - 1, "d3ffffffff7fffffff"},
        {INT64_MIN, "d38000000000000000"},
        {0, "00"},
        {200, "ccc8"},
        {INT64_MAX, "cf7fffffffffffffff"},
    };
    struct wire *const wire = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf buf = wire_buf(wire);
        struct packed value;
        int64_t back;
        pack_int(&buf, rows[i].value);
        expect_bytes(&buf, rows[i].hex);
        assert_int_equal(packed_read(wire->unpacker, buf_bytes(&buf), &value), ST_OK);
        assert_int_equal(packed_int(value, &back), ST_OK);
        assert_true(back == rows[i].value);
    }
}

static void test_a_blob_at_each_size_border_takes_its_shortest_header(void **state)
{
    static const struct {
        size_t size;
        const char *bin_head, *text_head;
    } rows[] = {
        {0, "c400", "a0"},
        {31, "c41f", "bf"},
        {32, "c420", "d920"},
        {255, "c4ff", "d9ff"},
        {256, "c50100", "da0100"},
        {65535, "c5ffff", "daffff"},
        {65536, "c600010000", "db00010000"},
    };
    static char blob[65536];
    memset(blob, 'x', sizeof blob);
    struct wire *const wire = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct bytes bytes = bytes_of(blob, rows[i].size);
        struct packed value;
        struct bytes back;
        struct buf buf = wire_buf(wire);
        pack_bin(&buf, bytes);
        assert_int_equal(packed_read(wire->unpacker, buf_bytes(&buf), &value), ST_OK);
        assert_int_equal(packed_bin(value, rows[i].size, &back), ST_OK);
        assert_true(bytes_equal(back, bytes));
        buf.size -= rows[i].size;
        expect_bytes(&buf, rows[i].bin_head);
        buf = wire_buf(wire);
        pack_text(&buf, bytes);
        assert_int_equal(packed_read(wire->unpacker, buf_bytes(&buf), &value), ST_OK);
        assert_int_equal(packed_text(value, rows[i].size, &back), ST_OK);
        assert_true(bytes_equal(back, bytes));
        buf.size -= rows[i].size;
        expect_bytes(&buf, rows[i].text_head);
    }
}

static void test_an_array_at_each_size_border_takes_its_shortest_header(void **state)
{
    static const struct {
        uint32_t count;
        const char *head;
    } rows[] = {{0, "90"}, {15, "9f"}, {16, "dc0010"}, {65535, "dcffff"}, {65536, "dd00010000"}};
    struct wire *const wire = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf buf = wire_buf(wire);
        pack_array(&buf, rows[i].count);
        expect_bytes(&buf, rows[i].head);
    }
}

/* A reason or a path may hold any bytes; the message about it must still be readable. */
static void test_bytes_that_are_no_text_are_written_as_question_marks(void **state)
{
    struct wire *const wire = *state;
    struct buf buf = wire_buf(wire);
    struct packed value;
    struct bytes text;
    pack_text(&buf, BYTES_LITERAL("a\xFF\xC3\xA9\0b\xE2\x82"));
    assert_int_equal(packed_read(wire->unpacker, buf_bytes(&buf), &value), ST_OK);
    assert_int_equal(packed_text(value, 64, &text), ST_OK);
    assert_true(bytes_equal(text, BYTES_LITERAL("a?\xC3\xA9?b??")));
}

static void test_a_value_that_does_not_fit_sets_the_overflow(void **state)
{
    (void)state;
    uint8_t memory[4];
    struct buf buf = buf_of(memory, sizeof memory);
    pack_uint(&buf, 65536);
    assert_false(buf_ok(&buf));
}

/* ------------------------------------------------------------- refusals */

static void expect_refused(struct wire *wire, const char *why, const char *hex)
{
    uint8_t memory[256];
    const struct bytes bytes = bytes_of_hex(hex, memory, sizeof memory);
    struct packed value;
    if (packed_read(wire->unpacker, bytes, &value) != ST_MALFORMED)
        fail_msg("accepted: %s (%s)", why, hex);
    /* Inside an array, too, where the values around it are right. */
    uint8_t nested[260] = {0x93, 0x01};
    memcpy(nested + 2, bytes.data, bytes.size);
    nested[2 + bytes.size] = 0xC0;
    if (packed_read(wire->unpacker, bytes_of(nested, bytes.size + 3), &value) != ST_MALFORMED)
        fail_msg("accepted inside an array: %s (%s)", why, hex);
}

static void test_each_form_that_is_not_the_shortest_is_refused(void **state)
{
    static const char *const rows[][2] = {
        {"uint8 of a small integer", "cc7f"},
        {"uint16 of a uint8", "cd00ff"},
        {"uint32 of a uint16", "ce0000ffff"},
        {"uint64 of a uint32", "cf00000000ffffffff"},
        {"int8 of a natural number", "d001"},
        {"int8 of a small negative integer", "d0e0"},
        {"int16 of a natural number", "d10100"},
        {"int16 of an int8", "d1ff80"},
        {"int32 of a natural number", "d200010000"},
        {"int32 of an int16", "d2ffff8000"},
        {"int64 of a natural number", "d30000000100000000"},
        {"int64 of an int32", "d3ffffffff80000000"},
        {"bin16 of a bin8", "c5000141"},
        {"bin32 of a bin16", "c60000000141"},
        {"str8 of a short text", "d90141"},
        {"str16 of a str8", "da000141"},
        {"str32 of a str16", "db0000000141"},
        {"array16 of a short array", "dc000101"},
        {"array32 of an array16", "dd0000000101"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect_refused(*state, rows[i][0], rows[i][1]);
}

static void test_the_largest_size_that_fits_a_shorter_header_is_refused_in_a_longer_one(
    void **state)
{
    static const struct {
        const char *longer_head, *shortest_head;
        size_t size;
    } rows[] = {
        {"c500ff", "c4ff", 255}, {"c60000ffff", "c5ffff", 65535}, {"d91f", "bf", 31},
        {"da00ff", "d9ff", 255}, {"db0000ffff", "daffff", 65535}, {"dc000f", "9f", 15},
    };
    struct wire *const wire = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (unsigned longer = 0; longer <= 1; longer++) {
            uint8_t head[8];
            struct packed value;
            const char *const hex = longer ? rows[i].longer_head : rows[i].shortest_head;
            struct buf buf = wire_buf(wire);
            buf_put(&buf, bytes_of_hex(hex, head, sizeof head));
            memset(wire->memory + buf.size, 'x', rows[i].size); /* as items: small integers */
            buf.size += rows[i].size;
            assert_int_equal(packed_read(wire->unpacker, buf_bytes(&buf), &value),
                             longer ? ST_MALFORMED : ST_OK);
        }
    }
}

static void test_each_kind_of_value_that_no_message_has_is_refused(void **state)
{
    static const char *const rows[][2] = {
        {"empty map", "80"},
        {"map", "810102"},
        {"map16", "de00010102"},
        {"map32", "df000000010102"},
        {"float32", "ca3f800000"},
        {"float64", "cb3ff0000000000000"},
        {"the tag that is never used", "c1"},
        {"ext8", "c7010141"},
        {"ext16", "c800010141"},
        {"ext32", "c9000000010141"},
        {"fixext1", "d40141"},
        {"fixext2", "d5014141"},
        {"fixext4", "d60141414141"},
        {"fixext8", "d7014141414141414141"},
        {"fixext16", "d80141414141414141414141414141414141"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect_refused(*state, rows[i][0], rows[i][1]);
}

static void test_each_text_that_is_not_utf8_is_refused(void **state)
{
    static const char *const rows[][2] = {
        {"lone continuation byte", "a180"},
        {"lead byte without more", "a1c3"},
        {"lead byte before ASCII", "a2c341"},
        {"overlong slash of two bytes", "a2c0af"},
        {"overlong of two bytes", "a2c1bf"},
        {"overlong of three bytes", "a3e09fbf"},
        {"surrogate", "a3eda080"},
        {"last surrogate", "a3edbfbf"},
        {"three bytes with a bad third", "a3e28241"},
        {"truncated three bytes", "a2e282"},
        {"overlong of four bytes", "a4f08fbfbf"},
        {"beyond U+10FFFF", "a4f4908080"},
        {"five-byte form", "a5f888808080"},
        {"0xFF", "a1ff"},
        {"bad byte after good ones", "a461c3a9ff"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect_refused(*state, rows[i][0], rows[i][1]);
}

static void test_each_border_of_utf8_is_accepted(void **state)
{
    static const char *const rows[] = {"a17f",     "a2c280",     "a2dfbf",
                                       "a3e0a080", "a3ed9fbf",   "a3ee8080",
                                       "a3efbfbf", "a4f0908080", "a4f48fbfbf"};
    struct wire *const wire = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t memory[16];
        struct packed value;
        const struct bytes bytes = bytes_of_hex(rows[i], memory, sizeof memory);
        assert_int_equal(packed_read(wire->unpacker, bytes, &value), ST_OK);
    }
}

/* msgpack-c would reserve memory for what the header promises before it looks at a single item. */
static void test_a_count_that_the_bytes_left_cannot_hold_is_refused(void **state)
{
    struct wire *const wire = *state;
    static const char *const rows[][2] = {
        {"array32 of 2^31 items in five bytes", "dd7fffffff"},
        {"array32 of 2^32 - 1 items in five bytes", "ddffffffff"},
        {"array16 of 65,535 items in three bytes", "dcffff"},
        {"bin32 of 4 GiB", "c6ffffffff"},
        {"str32 of 4 GiB", "dbffffffff"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t memory[16];
        struct packed value;
        const struct bytes bytes = bytes_of_hex(rows[i][1], memory, sizeof memory);
        if (packed_read(wire->unpacker, bytes, &value) != ST_MALFORMED)
            fail_msg("accepted: %s", rows[i][0]);
    }
}

static void test_nothing_is_no_message(void **state)
{
    struct wire *const wire = *state;
    struct packed value;
    assert_int_equal(packed_read(wire->unpacker, BYTES_EMPTY, &value), ST_MALFORMED);
}

static void test_one_level_too_deep_is_refused(void **state)
{
    struct wire *const wire = *state;
    for (unsigned depth = 1; depth <= 40; depth++) {
        struct buf buf = wire_buf(wire);
        struct packed value;
        for (unsigned i = 0; i < depth; i++)
            pack_array(&buf, 1);
        pack_nil(&buf);
        const enum status expected = depth <= PACK_DEPTH_MAX ? ST_OK : ST_MALFORMED;
        assert_int_equal(packed_read(wire->unpacker, buf_bytes(&buf), &value), expected);
    }
}

/* The bound is what lets an unpacker take all its memory when it is opened. */
static void test_one_value_too_many_is_refused(void **state)
{
    struct wire *const wire = *state;
    for (uint32_t items = PACK_ITEMS_MAX - 1; items <= PACK_ITEMS_MAX + 1; items++) {
        struct buf buf = wire_buf(wire);
        struct packed value;
        pack_array(&buf, items - 1);
        for (uint32_t i = 1; i < items; i++)
            pack_uint(&buf, i % 100);
        const enum status expected = items <= PACK_ITEMS_MAX ? ST_OK : ST_MALFORMED;
        assert_int_equal(packed_read(wire->unpacker, buf_bytes(&buf), &value), expected);
    }
}

/* --------------------------------------------------------- typed access */

static void test_a_value_is_given_only_as_what_it_is(void **state)
{
    static const struct {
        enum packed_kind kind;
        const char *hex;
    } rows[] = {
        {PACKED_NIL, "c0"},    {PACKED_BOOL, "c3"},    {PACKED_UINT, "05"},    {PACKED_INT, "fb"},
        {PACKED_TEXT, "a161"}, {PACKED_BIN, "c40161"}, {PACKED_ARRAY, "9101"},
    };
    struct wire *const wire = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t memory[16], byte;
        struct packed value;
        uint64_t natural;
        int64_t integer;
        uint32_t count;
        bool boolean;
        struct bytes bytes;
        const enum packed_kind kind = rows[i].kind;
        const struct bytes hex = bytes_of_hex(rows[i].hex, memory, sizeof memory);
        assert_int_equal(packed_read(wire->unpacker, hex, &value), ST_OK);
        assert_int_equal(packed_kind_of(value), kind);
        assert_true(packed_is_nil(value) == (kind == PACKED_NIL));
        assert_true((packed_bool(value, &boolean) == ST_OK) == (kind == PACKED_BOOL));
        assert_true((packed_uint(value, 100, &natural) == ST_OK) == (kind == PACKED_UINT));
        assert_true((packed_int(value, &integer) == ST_OK) ==
                    (kind == PACKED_UINT || kind == PACKED_INT));
        assert_true((packed_text(value, 100, &bytes) == ST_OK) == (kind == PACKED_TEXT));
        assert_true((packed_bin(value, 100, &bytes) == ST_OK) == (kind == PACKED_BIN));
        assert_true((packed_fixed(value, &byte, 1) == ST_OK) == (kind == PACKED_BIN));
        assert_true((packed_array(value, 0, 100, &count) == ST_OK) == (kind == PACKED_ARRAY));
    }
}

static struct packed read_hex(struct wire *wire, const char *hex)
{
    struct packed value;
    const struct bytes bytes = bytes_of_hex(hex, wire->memory, sizeof wire->memory);
    assert_int_equal(packed_read(wire->unpacker, bytes, &value), ST_OK);
    return value;
}

static void test_a_value_out_of_bounds_is_refused(void **state)
{
    struct wire *const wire = *state;
    uint8_t three[3];
    uint64_t natural;
    int64_t integer;
    uint32_t count;
    struct bytes bytes;
    struct packed value = read_hex(wire, "64");
    assert_int_equal(packed_uint(value, 100, &natural), ST_OK);
    assert_int_equal(packed_uint(value, 99, &natural), ST_MALFORMED);
    value = read_hex(wire, "cf8000000000000000"); /* 2^63 is no int64 */
    assert_int_equal(packed_int(value, &integer), ST_MALFORMED);
    value = read_hex(wire, "c403616263");
    assert_int_equal(packed_bin(value, 3, &bytes), ST_OK);
    assert_int_equal(packed_bin(value, 2, &bytes), ST_MALFORMED);
    assert_int_equal(packed_fixed(value, three, 3), ST_OK);
    assert_int_equal(packed_fixed(value, three, 2), ST_MALFORMED);
    value = read_hex(wire, "c4026162");
    assert_int_equal(packed_fixed(value, three, 3), ST_MALFORMED);
    value = read_hex(wire, "a3616263");
    assert_int_equal(packed_text(value, 3, &bytes), ST_OK);
    assert_int_equal(packed_text(value, 2, &bytes), ST_MALFORMED);
    value = read_hex(wire, "930102c0");
    assert_int_equal(packed_array(value, 3, 3, &count), ST_OK);
    assert_int_equal(packed_array(value, 4, 5, &count), ST_MALFORMED);
    assert_int_equal(packed_array(value, 0, 2, &count), ST_MALFORMED);
}

/* A text ends up in C strings and log lines: a NUL would cut it short there. */
static void test_a_text_with_a_nul_is_refused(void **state)
{
    struct wire *const wire = *state;
    struct bytes text;
    assert_int_equal(packed_text(read_hex(wire, "a3610062"), 100, &text), ST_MALFORMED);
}

/* ------------------------------------------------------------ properties */

static void pack_random(struct rng *rng, unsigned depth, struct buf *out)
{
    uint8_t memory[300];
    const unsigned kind = (unsigned)rng_below(rng, depth < PACK_DEPTH_MAX ? 8 : 6);
    switch (kind) {
    case 0:
        pack_nil(out);
        return;
    case 1:
        pack_bool(out, rng_chance(rng, 500));
        return;
    case 2:
        pack_uint(out, random_uint(rng));
        return;
    case 3:
        pack_int(out, random_int(rng));
        return;
    case 4:
        pack_text(out, random_text(rng, memory, 0, sizeof memory));
        return;
    case 5:
        rng_fill(rng, memory, sizeof memory);
        pack_bin(out, bytes_of(memory, rng_below(rng, sizeof memory)));
        return;
    default: {
        const uint32_t count = (uint32_t)rng_below(rng, depth == 0 ? 40 : 5);
        pack_array(out, count);
        for (uint32_t i = 0; i < count; i++)
            pack_random(rng, depth + 1, out);
    }
    }
}

static void test_random_values_are_read_as_they_were_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 3000; round++) {
        struct buf buf = wire_buf(wire);
        pack_random(&wire->rng, 0, &buf);
        assert_true(buf_ok(&buf));
        assert_true(recode_holds(wire->recoder, recode_pack, buf_bytes(&buf)));
    }
}

static void test_a_damaged_value_is_refused_or_another_value(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 40; round++) {
        struct buf buf = wire_buf(wire);
        pack_random(&wire->rng, 4, &buf);
        if (buf.size < 400) recode_damage(wire->recoder, recode_pack, buf_bytes(&buf));
    }
}

static void test_golden_values(void **state)
{
    struct wire *const wire = *state;
    static const char *const labels[] = {"nil",   "false", "true", "zero", "greatest",
                                         "least", "text",  "bin",  "array"};
    struct buf buf = wire_buf(wire);
    pack_array(&buf, 9);
    pack_nil(&buf);
    pack_bool(&buf, false);
    pack_bool(&buf, true);
    pack_uint(&buf, 0);
    pack_uint(&buf, UINT64_MAX);
    pack_int(&buf, INT64_MIN);
    pack_text(&buf, BYTES_LITERAL("h\xC3\xA9"));
    pack_bin(&buf, BYTES_LITERAL("\x00\xFF"));
    pack_array(&buf, 2);
    pack_int(&buf, -33);
    pack_array(&buf, 0);
    golden_open(&wire->golden, "wire_pack.txt");
    golden_comment(&wire->golden, "Canonical MessagePack (common/wire/pack.h).");
    golden_message(wire, "one_of_each_kind", buf_bytes(&buf), labels, recode_pack, "pack");
    golden_close(&wire->golden);
}

#define TEST(function) cmocka_unit_test_setup(function, wire_reseed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_natural_number_at_each_size_border_takes_its_shortest_form),
        TEST(test_an_integer_at_each_size_border_takes_its_shortest_form),
        TEST(test_a_blob_at_each_size_border_takes_its_shortest_header),
        TEST(test_an_array_at_each_size_border_takes_its_shortest_header),
        TEST(test_bytes_that_are_no_text_are_written_as_question_marks),
        TEST(test_a_value_that_does_not_fit_sets_the_overflow),
        TEST(test_each_form_that_is_not_the_shortest_is_refused),
        TEST(test_the_largest_size_that_fits_a_shorter_header_is_refused_in_a_longer_one),
        TEST(test_each_kind_of_value_that_no_message_has_is_refused),
        TEST(test_each_text_that_is_not_utf8_is_refused),
        TEST(test_each_border_of_utf8_is_accepted),
        TEST(test_a_count_that_the_bytes_left_cannot_hold_is_refused),
        TEST(test_nothing_is_no_message),
        TEST(test_one_level_too_deep_is_refused),
        TEST(test_one_value_too_many_is_refused),
        TEST(test_a_value_is_given_only_as_what_it_is),
        TEST(test_a_value_out_of_bounds_is_refused),
        TEST(test_a_text_with_a_nul_is_refused),
        TEST(test_random_values_are_read_as_they_were_written),
        TEST(test_a_damaged_value_is_refused_or_another_value),
        TEST(test_golden_values),
    };
    return cmocka_run_group_tests(tests, wire_setup, wire_teardown);
}
