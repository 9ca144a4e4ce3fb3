/* test_config_text.c - are config values read as publishers meant them, and does writing them give
 * them back? */
#include "common/wire/config_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/crypto/sign.h"
#include "tests/support/intake_check.h"
#include "tests/support/wire_check.h"

enum { MEMORY_SIZE = 256 * 1024 };

static uint8_t memory[MEMORY_SIZE], json_memory[MEMORY_SIZE];
static uint8_t content_memory[CONFIG_VALUE_SIZE_MAX];
static char reason_text[DOCUMENT_REASON_SIZE_MAX + 1];
static struct buf reason, content;

static void reset(void)
{
    memset(reason_text, 0, sizeof reason_text);
    reason = buf_of(reason_text, DOCUMENT_REASON_SIZE_MAX);
    content = buf_of(content_memory, sizeof content_memory);
}

static enum status set_of(struct bytes payload, struct config_set *out)
{
    reset();
    return config_set_read(payload, &content, out, &reason);
}

static struct config_set written(const char *payload)
{
    struct config_set set;
    if (set_of(bytes_of_text(payload), &set) != ST_OK) fail_msg("%s: %s", payload, reason_text);
    assert_true(intake_config_set(bytes_of_text(payload)));
    return set;
}

static void set_refused(struct bytes payload, enum status expected, const char *words)
{
    struct config_set set;
    assert_int_equal(set_of(payload, &set), expected);
    assert_string_equal(reason_text, words);
    assert_false(intake_config_set(payload));
}

static enum status typed(const char *type, struct bytes text, struct config_value *out)
{
    reset();
    return config_value_from_text(type, text, &content, out, &reason);
}

static struct config_value typed_ok(const char *type, const char *text)
{
    struct config_value value;
    if (typed(type, bytes_of_text(text), &value) != ST_OK) fail_msg("%s: %s", text, reason_text);
    return value;
}

static struct bytes hex(const char *digits)
{
    return bytes_of_hex(digits, memory, sizeof memory);
}

static void check_content(const struct config_value *value, enum config_type type,
                          struct bytes expected)
{
    assert_int_equal(value->type, type);
    assert_true(bytes_equal(value->content, expected));
}

/* ----------------------------------------------------------------- writes */

static void test_a_value_without_type_says_its_own(void **state)
{
    struct config_value value = written("{\"value\":true}").value;
    (void)state;
    assert_true(value.type == CONFIG_BOOL && value.truth);
    value = written("{\"value\":-7}").value;
    assert_true(value.type == CONFIG_INT && value.integer == -7);
    value = written("{\"value\":7.0}").value;
    assert_true(value.type == CONFIG_FLOAT && value.real == 7);
    value = written("{\"value\":\"7\"}").value;
    check_content(&value, CONFIG_STRING, BYTES_LITERAL("7"));
    value = written("{\"value\":\"\"}").value;
    check_content(&value, CONFIG_STRING, BYTES_EMPTY);
    value = written("{\"value\": [ 1, { \"b\" : 2.50, \"a\" : null } ] }").value;
    check_content(&value, CONFIG_JSON, BYTES_LITERAL("[1,{\"b\":2.5,\"a\":null}]"));
    value = written("{\"value\":{}}").value;
    check_content(&value, CONFIG_JSON, BYTES_LITERAL("{}"));
}

/* {"value": ...} in MessagePack: bin, float32 1.5, map {a: [true]}. */
static void test_messagepack_says_its_type_too(void **state)
{
    struct config_set set;
    (void)state;
    assert_int_equal(set_of(hex("81a576616c7565 c403ff0001"), &set), ST_OK);
    check_content(&set.value, CONFIG_BYTES, bytes_of("\xFF\0\1", 3));
    assert_int_equal(set_of(hex("81a576616c7565 ca3fc00000"), &set), ST_OK);
    assert_true(set.value.type == CONFIG_FLOAT && set.value.real == 1.5);
    assert_int_equal(set_of(hex("81a576616c7565 81a161 91c3"), &set), ST_OK);
    check_content(&set.value, CONFIG_JSON, BYTES_LITERAL("{\"a\":[true]}"));
    assert_true(intake_config_set(hex("81a576616c7565 c403ff0001")));
}

static void test_a_type_decides_how_a_value_is_kept(void **state)
{
    struct config_value value = written("{\"value\":3,\"type\":\"float\"}").value;
    (void)state;
    assert_true(value.type == CONFIG_FLOAT && value.real == 3);
    value = written("{\"value\":3,\"type\":\"int\"}").value;
    assert_true(value.type == CONFIG_INT && value.integer == 3);
    value = written("{\"value\":false,\"type\":\"bool\"}").value;
    assert_true(value.type == CONFIG_BOOL && !value.truth);
    value = written("{\"value\":\"AAH/\",\"type\":\"bytes\"}").value;
    check_content(&value, CONFIG_BYTES, bytes_of("\0\1\xFF", 3));
    value = written("{\"value\":\"AAH/\",\"type\":\"string\"}").value;
    check_content(&value, CONFIG_STRING, BYTES_LITERAL("AAH/"));
    value = written("{\"value\":\"\",\"type\":\"bytes\"}").value;
    check_content(&value, CONFIG_BYTES, BYTES_EMPTY);
    value = written("{\"value\":\"a\\\"\",\"type\":\"json\"}").value;
    check_content(&value, CONFIG_JSON, BYTES_LITERAL("\"a\\\"\""));
    value = written("{\"value\":null,\"type\":\"json\"}").value;
    check_content(&value, CONFIG_JSON, BYTES_LITERAL("null"));
    value = written("{\"value\":7,\"type\":\"json\"}").value;
    check_content(&value, CONFIG_JSON, BYTES_LITERAL("7"));
}

static void test_a_write_names_its_scope_or_none(void **state)
{
    struct config_set set = written("{\"value\":1}");
    char text[CONFIG_SCOPE_TEXT_SIZE];
    static const char *const scopes[] = {"fleet", "group/north.1", "node/edge-1"};
    (void)state;
    assert_false(set.has_scope);
    for (size_t i = 0; i < COUNT_OF(scopes); i++) {
        char payload[128];
        snprintf(payload, sizeof payload, "{\"scope\":\"%s\",\"value\":1}", scopes[i]);
        set = written(payload);
        assert_true(set.has_scope);
        config_scope_text(&set.scope, text);
        assert_string_equal(text, scopes[i]);
    }
}

static void test_a_deletion_has_no_value(void **state)
{
    struct config_set set = written("{\"delete\":true}");
    (void)state;
    assert_true(set.deleted && set.value.type == CONFIG_NONE && !set.has_scope);
    set = written("{\"delete\":true,\"scope\":\"fleet\"}");
    assert_true(set.deleted && set.has_scope);
    assert_false(written("{\"value\":1}").deleted);
}

/* -0 and 0 are one number: two writers must not differ for ever over its sign. */
static void test_minus_zero_is_zero(void **state)
{
    const struct config_value value = written("{\"value\":-0.0}").value;
    (void)state;
    assert_true(value.type == CONFIG_FLOAT && !signbit(value.real));
    assert_false(signbit(typed_ok("float", "-0").real));
    assert_false(signbit(typed_ok(NULL, "-0.0").real));
}

static void test_content_outlives_the_payload_and_lies_behind_what_was_there(void **state)
{
    static const char payload[] = "{\"value\":\"two\"}";
    struct config_set set;
    uint8_t *const copy = malloc(sizeof payload - 1);
    (void)state;
    assert_non_null(copy);
    memcpy(copy, payload, sizeof payload - 1);
    reset();
    buf_put_text(&content, "one");
    assert_int_equal(config_set_read(bytes_of(copy, sizeof payload - 1), &content, &set, &reason),
                     ST_OK);
    free(copy);
    assert_ptr_equal(set.value.content.data, content_memory + 3);
    check_content(&set.value, CONFIG_STRING, BYTES_LITERAL("two"));
    assert_true(bytes_equal(buf_bytes(&content), BYTES_LITERAL("onetwo")));
}

/* --------------------------------------------------------------- refusals */

static void test_writes_that_are_none_are_refused_with_a_reason(void **state)
{
    static const struct {
        const char *payload, *words;
    } cases[] = {
        {"1", "it is an integer: an object like {\"value\": 1} is wanted"},
        {"\"on\"", "it is a text: an object like {\"value\": 1} is wanted"},
        {"[1]", "it is an array: an object like {\"value\": 1} is wanted"},
        {"null", "it is null: an object like {\"value\": 1} is wanted"},
        {"", "it is empty"},
        {"{}", "value is missing, and delete too"},
        {"{\"type\":\"int\"}", "value is missing, and delete too"},
        {"{\"rate\":5}", "\"rate\" is no member of it: value, type, scope and delete are"},
        {"{\"value\":1,\"ttl\":5}",
         "\"ttl\" is no member of it: value, type, scope and delete are"},
        {"{\"value\":null}", "the value is null: say \"delete\": true to delete, or \"type\": "
                             "\"json\" to keep a null"},
        {"{\"value\":1,\"type\":\"number\"}",
         "type is none of bool, int, float, string, bytes and json"},
        {"{\"value\":1,\"type\":\"none\"}",
         "type is none of bool, int, float, string, bytes and json"},
        {"{\"value\":1,\"type\":2}", "type is none of bool, int, float, string, bytes and json"},
        {"{\"value\":1,\"scope\":\"site/1\"}", "scope is none of fleet, group/G and node/N"},
        {"{\"value\":1,\"scope\":\"node/Edge 1\"}", "scope is none of fleet, group/G and node/N"},
        {"{\"value\":1,\"scope\":\"group/\"}", "scope is none of fleet, group/G and node/N"},
        {"{\"value\":1,\"scope\":[]}", "scope is none of fleet, group/G and node/N"},
        {"{\"delete\":false}", "delete is there, and not true"},
        {"{\"delete\":1}", "delete is there, and not true"},
        {"{\"delete\":false,\"value\":1}", "delete is there, and not true"},
        {"{\"delete\":true,\"value\":1}", "delete is there, and a value or type too"},
        {"{\"delete\":true,\"type\":\"int\"}", "delete is there, and a value or type too"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        set_refused(bytes_of_text(cases[i].payload), ST_MALFORMED, cases[i].words);
}

static void test_a_value_of_another_type_is_refused(void **state)
{
    static const struct {
        const char *payload, *words;
    } cases[] = {
        {"{\"value\":1,\"type\":\"bool\"}", "the value is an integer, and its type bool"},
        {"{\"value\":\"true\",\"type\":\"bool\"}", "the value is a text, and its type bool"},
        {"{\"value\":1.0,\"type\":\"int\"}", "the value is a real, and its type int"},
        {"{\"value\":\"1\",\"type\":\"int\"}", "the value is a text, and its type int"},
        {"{\"value\":true,\"type\":\"float\"}", "the value is a boolean, and its type float"},
        {"{\"value\":9007199254740993,\"type\":\"float\"}",
         "the value 9007199254740993 is no float: it would be rounded"},
        {"{\"value\":9223372036854775807,\"type\":\"float\"}",
         "the value 9223372036854775807 is no float: it would be rounded"},
        {"{\"value\":5,\"type\":\"string\"}", "the value is an integer, and its type string"},
        {"{\"value\":[],\"type\":\"string\"}", "the value is an array, and its type string"},
        {"{\"value\":{},\"type\":\"bytes\"}", "the value is an object, and its type bytes"},
        {"{\"value\":null,\"type\":\"bytes\"}", "the value is null, and its type bytes"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        set_refused(bytes_of_text(cases[i].payload), ST_MALFORMED, cases[i].words);
    assert_true(written("{\"value\":-9223372036854775808,\"type\":\"float\"}").value.real ==
                -0x1p63);
    /* {value: bin, type: "string"}, {value: bin, type: "json"}, {value: [bin]} */
    set_refused(hex("82a576616c7565c40161a474797065a6737472696e67"), ST_MALFORMED,
                "the value is bytes, and its type string");
    set_refused(hex("82a576616c7565c40161a474797065a46a736f6e"), ST_MALFORMED,
                "the value has bytes inside, which json cannot say");
    set_refused(hex("81a576616c756591c40161"), ST_MALFORMED,
                "the value has bytes inside, which json cannot say");
}

static void test_what_is_no_base64_is_refused(void **state)
{
    static const char *const cases[] = {"A",    "AA",   "AAA",      "A===",  "AA=A",
                                        "====", "AAH_", "AA\\/\\n", "AAH/ ", " AAH/",
                                        "AB==", "=",    "=="};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char payload[64];
        snprintf(payload, sizeof payload, "{\"value\":\"%s\",\"type\":\"bytes\"}", cases[i]);
        set_refused(bytes_of_text(payload), ST_MALFORMED,
                    "the value is no base64 with padding, as bytes are written");
    }
}

static void test_numbers_no_value_can_hold_are_refused(void **state)
{
    static const char *const texts[] = {"{\"value\":1e400}", "{\"value\":9223372036854775808}",
                                        "{\"value\":NaN}", "{\"value\":\"\\ud800\"}",
                                        "{\"value\":[1,{\"a\":-1e999}]}"};
    struct config_set set;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(set_of(bytes_of_text(texts[i]), &set), ST_MALFORMED);
        assert_true(reason.size > 0);
    }
    assert_int_equal(set_of(hex("81a576616c7565cb7ff0000000000000"), &set), ST_MALFORMED);
    assert_int_equal(set_of(hex("81a576616c7565ddffffffff"), &set), ST_MALFORMED);
}

/* {"value":"aaa…"} and the same with a type, of size bytes. */
static struct bytes long_payload(size_t size, char fill, const char *type)
{
    struct buf out = buf_of(memory, sizeof memory);
    buf_put_text(&out, "{\"value\":\"");
    memset(memory + out.size, fill, size);
    out.size += size;
    buf_put_format(&out, "\",\"type\":\"%s\"}", type);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static void test_the_largest_values_are_read_and_larger_ones_refused(void **state)
{
    const char *const words = "the value is too large: 32768 bytes are allowed";
    const size_t base64_size_max = base64_size(CONFIG_VALUE_SIZE_MAX) - 1;
    struct config_set set;
    (void)state;
    assert_int_equal(set_of(long_payload(CONFIG_VALUE_SIZE_MAX, 'a', "string"), &set), ST_OK);
    assert_int_equal(set.value.content.size, CONFIG_VALUE_SIZE_MAX);
    set_refused(long_payload(CONFIG_VALUE_SIZE_MAX + 1, 'a', "string"), ST_TOO_LARGE, words);
    /* The quotes are part of what json keeps. */
    assert_int_equal(set_of(long_payload(CONFIG_VALUE_SIZE_MAX - 2, 'a', "json"), &set), ST_OK);
    set_refused(long_payload(CONFIG_VALUE_SIZE_MAX - 1, 'a', "json"), ST_TOO_LARGE, words);
    set_refused(long_payload(base64_size_max + 4, 'A', "bytes"), ST_TOO_LARGE, words);
    struct bytes payload = long_payload(base64_size_max, 'A', "bytes");
    memory[sizeof "{\"value\":\"" - 1 + base64_size_max - 1] = '=';
    assert_int_equal(CONFIG_VALUE_SIZE_MAX % 3, 2); /* so there is one "=" */
    assert_int_equal(set_of(payload, &set), ST_OK);
    assert_int_equal(set.value.content.size, CONFIG_VALUE_SIZE_MAX);
}

static void test_a_value_that_finds_no_room_is_too_large(void **state)
{
    struct config_set set;
    uint8_t room[3];
    (void)state;
    for (size_t capacity = 0; capacity <= sizeof room; capacity++) {
        struct buf small = buf_of(room, capacity);
        reset();
        assert_int_equal(
            config_set_read(BYTES_LITERAL("{\"value\":\"abc\"}"), &small, &set, &reason),
            capacity < 3 ? ST_TOO_LARGE : ST_OK);
        small = buf_of(room, capacity);
        assert_int_equal(
            config_value_from_text("bytes", BYTES_LITERAL("AAAA"), &small, &set.value, &reason),
            capacity < 3 ? ST_TOO_LARGE : ST_OK);
        assert_int_equal(small.size, capacity < 3 ? 0 : 3);
    }
}

static void test_json_that_is_nested_too_deep_is_refused(void **state)
{
    struct buf out = buf_of(memory, sizeof memory);
    struct config_set set;
    (void)state;
    for (unsigned depth = DOCUMENT_DEPTH_MAX - 1; depth <= DOCUMENT_DEPTH_MAX; depth++) {
        out.size = 0;
        buf_put_text(&out, "{\"value\":");
        for (unsigned i = 0; i < depth; i++)
            buf_put_u8(&out, '[');
        for (unsigned i = 0; i < depth; i++)
            buf_put_u8(&out, ']');
        buf_put_u8(&out, '}');
        assert_int_equal(set_of(buf_bytes(&out), &set),
                         depth < DOCUMENT_DEPTH_MAX ? ST_OK : ST_TOO_LARGE);
    }
}

/* ----------------------------------------------------------------- golden */

static void golden_case(struct golden *golden, const char *name, struct bytes payload)
{
    struct config_set set;
    struct buf json = buf_of(json_memory, sizeof json_memory);
    if (set_of(payload, &set) != ST_OK) fail_msg("%s: %s", name, reason_text);
    config_set_write_json(&set, &json);
    assert_true(buf_ok(&json));
    golden_section(golden, name);
    if (payload.data[0] == '{')
        buf_put_format(&golden->text, "payload: %.*s\n", (int)payload.size, payload.data);
    else
        golden_field(golden, "payload", payload);
    buf_put_format(&golden->text, "written: %.*s\n", (int)json.size, json.data);
    corpus_seed("config_set", name, payload);
    intake_damage(intake_config_set, payload);
}

static void test_golden_writes(void **state)
{
    static struct golden golden;
    (void)state;
    golden_open(&golden, "config_set.txt");
    golden_comment(&golden, "Writes as publishers send them, JSON as text and MessagePack as hex, "
                            "and as\nconfig_set_write_json writes what was read "
                            "(common/wire/config_text.h).");
    golden_case(&golden, "bool", BYTES_LITERAL("{\"value\": true}"));
    golden_case(&golden, "int", BYTES_LITERAL("{\"value\": 150, \"scope\": \"fleet\"}"));
    golden_case(&golden, "float", BYTES_LITERAL("{\"value\":1e-3,\"scope\":\"group/g.1\"}"));
    golden_case(&golden, "string", BYTES_LITERAL("{\"value\":\"h\\u00e9\\n\"}"));
    golden_case(&golden, "bytes", BYTES_LITERAL("{\"type\":\"bytes\",\"value\":\"/wA=\"}"));
    golden_case(
        &golden, "json",
        BYTES_LITERAL("{\"value\": {\"b\": [1, 2.50], \"a\": {}}, \"scope\":\"node/e-1\"}"));
    golden_case(&golden, "deleted", BYTES_LITERAL("{\"delete\":true}"));
    golden_case(&golden, "messagepack", hex("82a576616c7565c402ff00a573636f7065a5666c656574"));
    golden_close(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_without_type_says_its_own),
        cmocka_unit_test(test_messagepack_says_its_type_too),
        cmocka_unit_test(test_a_type_decides_how_a_value_is_kept),
        cmocka_unit_test(test_a_write_names_its_scope_or_none),
        cmocka_unit_test(test_a_deletion_has_no_value),
        cmocka_unit_test(test_minus_zero_is_zero),
        cmocka_unit_test(test_content_outlives_the_payload_and_lies_behind_what_was_there),
        cmocka_unit_test(test_writes_that_are_none_are_refused_with_a_reason),
        cmocka_unit_test(test_a_value_of_another_type_is_refused),
        cmocka_unit_test(test_what_is_no_base64_is_refused),
        cmocka_unit_test(test_numbers_no_value_can_hold_are_refused),
        cmocka_unit_test(test_the_largest_values_are_read_and_larger_ones_refused),
        cmocka_unit_test(test_a_value_that_finds_no_room_is_too_large),
        cmocka_unit_test(test_json_that_is_nested_too_deep_is_refused),
        cmocka_unit_test(test_golden_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
