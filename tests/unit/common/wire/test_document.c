/* test_document.c - is what publishers send read as they meant it, and nothing else? */
#include "common/wire/document.h"

#include <math.h>
#include <msgpack.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "tests/support/intake_check.h"
#include "tests/support/wire_check.h"

enum { TEXT_SIZE_MAX = 128 * 1024 };

static uint8_t memory[TEXT_SIZE_MAX], packed_memory[TEXT_SIZE_MAX], json_memory[TEXT_SIZE_MAX];
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

/* ------------------------------------------------------------------ kinds */

static void test_each_kind_of_json_value_is_read(void **state)
{
    static const struct {
        const char *text;
        enum document_kind kind;
    } cases[] = {
        {"null", DOCUMENT_NIL},     {"true", DOCUMENT_BOOL},
        {"false", DOCUMENT_BOOL},   {"0", DOCUMENT_INT},
        {"-0", DOCUMENT_INT},       {"-17", DOCUMENT_INT},
        {"1.0", DOCUMENT_REAL},     {"1e3", DOCUMENT_REAL},
        {"\"\"", DOCUMENT_TEXT},    {"\"a\"", DOCUMENT_TEXT},
        {"[]", DOCUMENT_ARRAY},     {"{}", DOCUMENT_OBJECT},
        {" \t\n\r1", DOCUMENT_INT}, {"{\"a\":1} \n", DOCUMENT_OBJECT},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct document *const document = opened(bytes_of_text(cases[i].text));
        assert_true(document_is_json(document));
        assert_int_equal(document_kind_of(document_root(document)), cases[i].kind);
        document_close(document);
    }
}

static void test_each_form_of_messagepack_is_read(void **state)
{
    static const struct {
        const char *hex, *json;
    } cases[] = {
        {"c0", "null"},
        {"c2", "false"},
        {"c3", "true"},
        {"ff", "-1"},
        {"e0", "-32"},
        {"cc05", "5"}, /* longer than needed, here and below: some libraries always write so */
        {"cd0005", "5"},
        {"ce00000005", "5"},
        {"cf0000000000000005", "5"},
        {"cf7fffffffffffffff", "9223372036854775807"},
        {"d0ff", "-1"},
        {"d1ffff", "-1"},
        {"d2ffffffff", "-1"},
        {"d3ffffffffffffffff", "-1"},
        {"d38000000000000000", "-9223372036854775808"},
        {"d005", "5"},
        {"ca3fc00000", "1.5"},
        {"cb3ff8000000000000", "1.5"},
        {"ca00000000", "0.0"},
        {"cb8000000000000000", "-0.0"},
        {"a0", "\"\""},
        {"a26869", "\"hi\""},
        {"d9026869", "\"hi\""},
        {"da00026869", "\"hi\""},
        {"db000000026869", "\"hi\""},
        {"90", "[]"},
        {"9201c0", "[1,null]"},
        {"dc000201c0", "[1,null]"},
        {"dd0000000201c0", "[1,null]"},
        {"80", "{}"},
        {"82a16101a16202", "{\"a\":1,\"b\":2}"},
        {"de0001a16180", "{\"a\":{}}"},
        {"df00000001a161a0", "{\"a\":\"\"}"},
        {"81d9016101", "{\"a\":1}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_string_equal(json_of(hex(cases[i].hex)), cases[i].json);
        intake_damage(intake_document, hex(cases[i].hex));
    }
}

static void test_bytes_of_messagepack_are_read_and_are_no_json(void **state)
{
    static const char *const forms[] = {"c403000102", "c50003000102", "c600000003000102"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct document *const document = opened(hex(forms[i]));
        struct buf out = buf_of(json_memory, sizeof json_memory);
        struct bytes bytes;
        assert_int_equal(document_bytes(document_root(document), &bytes), ST_OK);
        assert_true(bytes_equal(bytes, bytes_of("\0\1\2", 3)));
        assert_int_equal(document_write_json(document_root(document), &out), ST_MALFORMED);
        document_close(document);
    }
}

/* 0x7B is "{" and, to MessagePack, the number 123: a message of one bare number is not expected. */
static void test_the_first_byte_says_which_format_it_is(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        const uint8_t one = (uint8_t)byte;
        struct document *document;
        if (open_bytes(bytes_of(&one, 1), &document) != ST_OK) continue;
        assert_int_equal(document_is_json(document), byte < 0x80);
        document_close(document);
    }
    refused(hex("efbbbf7b7d"), ST_MALFORMED, "byte order mark");
    refused(BYTES_EMPTY, ST_MALFORMED, "empty");
}

/* ----------------------------------------------------- the same in both */

static void pack_value(msgpack_packer *packer, struct document_value value)
{
    struct document_cursor cursor = {0};
    struct document_value inside;
    struct bytes text = BYTES_EMPTY;
    int64_t integer = 0;
    double real = 0;
    bool truth = false;
    switch (document_kind_of(value)) {
    case DOCUMENT_NIL:
        msgpack_pack_nil(packer);
        return;
    case DOCUMENT_BOOL:
        assert_int_equal(document_bool(value, &truth), ST_OK);
        truth ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
        return;
    case DOCUMENT_INT:
        assert_int_equal(document_int(value, &integer), ST_OK);
        msgpack_pack_int64(packer, integer);
        return;
    case DOCUMENT_REAL:
        assert_int_equal(document_number(value, &real), ST_OK);
        msgpack_pack_double(packer, real);
        return;
    case DOCUMENT_TEXT:
        assert_int_equal(document_text(value, &text), ST_OK);
        msgpack_pack_str_with_body(packer, text.data, text.size);
        return;
    case DOCUMENT_ARRAY:
        msgpack_pack_array(packer, document_count(value));
        for (size_t i = 0; i < document_count(value); i++)
            pack_value(packer, document_item(value, i));
        return;
    case DOCUMENT_OBJECT:
        msgpack_pack_map(packer, document_count(value));
        while (document_next(value, &cursor, &text, &inside)) {
            msgpack_pack_str_with_body(packer, text.data, text.size);
            pack_value(packer, inside);
        }
        return;
    case DOCUMENT_BYTES:
    case DOCUMENT_KIND_COUNT:
        break;
    }
    fail();
}

static int put_packed(void *out, const char *bytes, size_t size)
{
    buf_put(out, bytes_of(bytes, size));
    return 0;
}

static struct bytes packed_from_json(const char *text)
{
    struct document *const document = opened(bytes_of_text(text));
    static struct buf out;
    out = buf_of(packed_memory, sizeof packed_memory);
    msgpack_packer packer = {.data = &out, .callback = put_packed};
    pack_value(&packer, document_root(document));
    assert_true(buf_ok(&out));
    document_close(document);
    return buf_bytes(&out);
}

static void test_a_document_says_the_same_in_both_formats(void **state)
{
    static const char *const cases[][2] = {
        {"{ \"a\" : [ 1 , -2.50 , true , null ] }", "{\"a\":[1,-2.5,true,null]}"},
        {"[1e3,1E-7,0.1,123456789.125]", "[1000.0,1e-07,0.1,123456789.125]"},
        {"[9223372036854775807,-9223372036854775808]",
         "[9223372036854775807,-9223372036854775808]"},
        {"[\"\\u00e4\\ud83d\\ude00\\n\\\"\\/\"]", "[\"\xC3\xA4\xF0\x9F\x98\x80\\n\\\"/\"]"},
        {"{\"z\":1,\"a\":{\"\":[[],{}]},\"\\u0041\":2}", "{\"z\":1,\"a\":{\"\":[[],{}]},\"A\":2}"},
    };
    char name[32];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_string_equal(json_of(bytes_of_text(cases[i][0])), cases[i][1]);
        assert_string_equal(json_of(packed_from_json(cases[i][0])), cases[i][1]);
        snprintf(name, sizeof name, "json_%zu", i);
        corpus_seed("document", name, bytes_of_text(cases[i][0]));
        snprintf(name, sizeof name, "pack_%zu", i);
        corpus_seed("document", name, packed_from_json(cases[i][0]));
        intake_damage(intake_document, bytes_of_text(cases[i][0]));
        intake_damage(intake_document, packed_from_json(cases[i][0]));
    }
}

/* ---------------------------------------------------------------- members */

static void test_members_come_in_the_order_they_were_sent(void **state)
{
    static const char text[] = "{\"z\":0,\"a\":1,\"m\":2,\"b\":3}";
    (void)state;
    for (unsigned format = 0; format < 2; format++) {
        struct document *const document =
            opened(format == 0 ? bytes_of_text(text) : packed_from_json(text));
        const struct document_value root = document_root(document);
        struct document_cursor cursor = {0};
        struct document_value value;
        struct bytes name;
        int64_t integer;
        for (int64_t i = 0; i < 4; i++) {
            assert_true(document_next(root, &cursor, &name, &value));
            assert_true(bytes_equal(name, bytes_of(&"zamb"[i], 1)));
            assert_int_equal(document_int(value, &integer), ST_OK);
            assert_int_equal(integer, i);
        }
        assert_false(document_next(root, &cursor, &name, &value));
        assert_false(document_next(root, &cursor, &name, &value));
        assert_true(document_find(root, "m", &value));
        assert_int_equal(document_int(value, &integer), ST_OK);
        assert_int_equal(integer, 2);
        assert_false(document_find(root, "M", &value));
        assert_false(document_find(root, "", &value));
        document_close(document);
    }
}

static enum status members(const char *text, const char *path, struct document_value *values)
{
    static const char *const names[] = {"one", "two", "three"};
    struct document *const document = opened(bytes_of_text(text));
    const enum status status =
        document_members(document_root(document), path, names, 3, values, &reason);
    document_close(document);
    return status;
}

static void test_members_are_found_and_missing_ones_have_no_object(void **state)
{
    struct document_value values[3];
    (void)state;
    assert_int_equal(members("{\"three\":3,\"one\":1}", NULL, values), ST_OK);
    assert_non_null(values[0].object);
    assert_null(values[1].object);
    assert_non_null(values[2].object);
}

static void test_an_unknown_member_is_refused_by_its_name(void **state)
{
    struct document_value values[3];
    (void)state;
    assert_int_equal(members("{\"one\":1,\"four\":4}", "sum", values), ST_MALFORMED);
    assert_string_equal(reason_text, "\"four\" is no member of sum: one, two and three are");
    assert_int_equal(members("[1]", NULL, values), ST_MALFORMED);
    assert_string_equal(reason_text, "it is an array: an object is wanted");
}

/* Each byte of a name may take six in the reason; a longer name is cut, between two bytes even. */
static void test_a_reason_holds_whatever_name_a_member_has(void **state)
{
    struct document_value values[3];
    char text[2048];
    (void)state;
    for (size_t size = 1; size < 200; size++) {
        for (unsigned kind = 0; kind < 2; kind++) {
            struct buf out = buf_of(text, sizeof text);
            buf_put_text(&out, "{\"");
            for (size_t i = 0; i < size; i++)
                buf_put_text(&out, kind == 0 ? "\\u001b" : "\xF0\x9F\x98\x80");
            buf_put_text(&out, "\":1}");
            buf_put_u8(&out, 0);
            assert_true(buf_ok(&out));
            assert_int_equal(members(text, "classification", values), ST_MALFORMED);
            assert_true(buf_ok(&reason));
            assert_non_null(strstr(reason_text, "one, two and three are"));
            assert_null(strchr(reason_text, '\x1b'));
        }
    }
}

/* ---------------------------------------------------------------- numbers */

static double put_and_read(double real, char text[64])
{
    struct buf out = buf_of(text, 63);
    document_put_real(real, &out);
    assert_true(buf_ok(&out));
    text[out.size] = '\0';
    struct document *const document = opened(buf_bytes(&out));
    double back = 0;
    assert_int_equal(document_kind_of(document_root(document)), DOCUMENT_REAL);
    assert_int_equal(document_number(document_root(document), &back), ST_OK);
    document_close(document);
    return back;
}

static void test_reals_come_back_as_they_were_written(void **state)
{
    struct rng rng;
    char text[64];
    (void)state;
    rng_seed(&rng, 1);
    for (unsigned round = 0; round < 20000; round++) {
        const uint64_t bits = rng_next(&rng);
        double real;
        memcpy(&real, &bits, sizeof real);
        if (!isfinite(real)) continue;
        const double back = put_and_read(real, text);
        assert_memory_equal(&back, &real, sizeof real);
    }
}

static void test_reals_are_written_as_short_as_can_be(void **state)
{
    static const struct {
        double real;
        const char *text;
    } cases[] = {
        {0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {0.1, "0.1"},
        {0.3, "0.3"},
        {-2.5, "-2.5"},
        {100000, "100000.0"},
        {1e15, "1e+15"},
        {1e23, "1e+23"},
        {5e-324, "5e-324"},
        {1e-310, "1e-310"},
        {2.0 / 3, "0.6666666666666666"},
        {0.1 + 0.2, "0.30000000000000004"},
    };
    char text[64];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(put_and_read(cases[i].real, text) == cases[i].real);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_of_json_value_is_read),
        cmocka_unit_test(test_each_form_of_messagepack_is_read),
        cmocka_unit_test(test_bytes_of_messagepack_are_read_and_are_no_json),
        cmocka_unit_test(test_the_first_byte_says_which_format_it_is),
        cmocka_unit_test(test_a_document_says_the_same_in_both_formats),
        cmocka_unit_test(test_members_come_in_the_order_they_were_sent),
        cmocka_unit_test(test_members_are_found_and_missing_ones_have_no_object),
        cmocka_unit_test(test_an_unknown_member_is_refused_by_its_name),
        cmocka_unit_test(test_a_reason_holds_whatever_name_a_member_has),
        cmocka_unit_test(test_reals_come_back_as_they_were_written),
        cmocka_unit_test(test_reals_are_written_as_short_as_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
