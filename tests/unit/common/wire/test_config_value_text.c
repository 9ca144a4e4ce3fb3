/* test_config_value_text.c - are config values read as people type them, and does writing them give
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

#include "common/data/text.h"
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

static void check_content(const struct config_value *value, enum config_type type,
                          struct bytes expected)
{
    assert_int_equal(value->type, type);
    assert_true(bytes_equal(value->content, expected));
}

static const char *json_of(const struct config_value *value)
{
    struct buf out = buf_of(json_memory, sizeof json_memory - 1);
    config_value_write_json(value, &out);
    assert_true(buf_ok(&out));
    json_memory[out.size] = '\0';
    return (const char *)json_memory;
}

static const char *text_of(const struct config_value *value)
{
    struct buf out = buf_of(json_memory, sizeof json_memory - 1);
    config_value_write_text(value, &out);
    assert_true(buf_ok(&out));
    json_memory[out.size] = '\0';
    return (const char *)json_memory;
}

/* ----------------------------------------------------------- command line */

static void test_an_untyped_text_says_its_type(void **state)
{
    static const char *const strings[] = {"",   "True",       "yes", "007",  "+1",    "1.",
                                          ".5", "1 ",         " 1",  "0x10", "NaN",   "inf",
                                          "-",  "1e",         "--1", "1_0",  "null",  "[1]",
                                          "{}", "\"quoted\"", "1,5", "é",    "true ", "-Infinity"};
    (void)state;
    assert_true(typed_ok(NULL, "true").type == CONFIG_BOOL && typed_ok(NULL, "true").truth);
    assert_true(typed_ok(NULL, "false").type == CONFIG_BOOL && !typed_ok(NULL, "false").truth);
    assert_true(typed_ok(NULL, "-12").type == CONFIG_INT && typed_ok(NULL, "-12").integer == -12);
    assert_true(typed_ok(NULL, "0").type == CONFIG_INT);
    assert_true(typed_ok(NULL, "9223372036854775807").integer == INT64_MAX);
    assert_true(typed_ok(NULL, "1.5").type == CONFIG_FLOAT && typed_ok(NULL, "1.5").real == 1.5);
    assert_true(typed_ok(NULL, "1e3").type == CONFIG_FLOAT && typed_ok(NULL, "1e3").real == 1000);
    for (size_t i = 0; i < COUNT_OF(strings); i++) {
        const struct config_value value = typed_ok(NULL, strings[i]);
        check_content(&value, CONFIG_STRING, bytes_of_text(strings[i]));
    }
}

/* Somebody who types twenty digits means a number: a string would be a surprise. */
static void test_an_untyped_number_that_is_too_large_is_refused(void **state)
{
    static const char *const texts[] = {"9223372036854775808", "-99999999999999999999", "1e309"};
    struct config_value value;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(typed(NULL, bytes_of_text(texts[i]), &value), ST_MALFORMED);
        assert_string_equal(reason_text, "the number is too large");
    }
}

static void test_a_typed_text_is_that_type_or_refused(void **state)
{
    static const struct {
        const char *type, *text, *words;
    } cases[] = {
        {"bool", "1", "this is no bool: true or false is wanted"},
        {"bool", "", "this is no bool: true or false is wanted"},
        {"int", "1.5", "the value is a real, and its type int"},
        {"int", "1e3", "the value is a real, and its type int"},
        {"int", "abc", "this is no int: decimal digits are wanted"},
        {"int", "", "this is no int: decimal digits are wanted"},
        {"int", "9223372036854775808", "the number is too large"},
        {"float", "NaN", "this is no float: decimal digits are wanted"},
        {"float", "1e400", "the number is too large"},
        {"bytes", "A", "the value is no base64 with padding, as bytes are written"},
        {"string", "\xFF", "this is not UTF-8: type bytes takes base64"},
        {"json", "\x81\xA1\x61\x01", "this is no JSON"},
        {"json", "", "it is empty"},
    };
    struct config_value value;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(typed(cases[i].type, bytes_of_text(cases[i].text), &value), ST_MALFORMED);
        assert_string_equal(reason_text, cases[i].words);
    }
    assert_true(typed_ok("float", "3").real == 3);
    value = typed_ok("string", "true");
    check_content(&value, CONFIG_STRING, BYTES_LITERAL("true"));
    value = typed_ok("json", " { \"a\" : [1, 2] } ");
    check_content(&value, CONFIG_JSON, BYTES_LITERAL("{\"a\":[1,2]}"));
    value = typed_ok("json", "\"x\"");
    check_content(&value, CONFIG_JSON, BYTES_LITERAL("\"x\""));
    value = typed_ok("bytes", "/wA=");
    check_content(&value, CONFIG_BYTES, bytes_of("\xFF\0", 2));
}

static void test_an_unknown_type_name_is_a_mistake_of_usage(void **state)
{
    struct config_value value;
    (void)state;
    assert_int_equal(typed("number", BYTES_LITERAL("1"), &value), ST_USAGE);
    assert_string_equal(reason_text,
                        "the type is none of bool, int, float, string, bytes and json");
    assert_int_equal(typed("none", BYTES_LITERAL("1"), &value), ST_USAGE);
    assert_int_equal(typed("", BYTES_LITERAL("1"), &value), ST_USAGE);
}

static void test_a_text_may_hold_any_bytes_a_shell_passes(void **state)
{
    struct config_value value;
    (void)state;
    assert_int_equal(typed(NULL, bytes_of("1\0", 2), &value), ST_MALFORMED);
    assert_int_equal(typed("json", bytes_of("1\0", 2), &value), ST_MALFORMED);
    memset(memory, '1', INLINE_PAYLOAD_SIZE_MAX + 1);
    assert_int_equal(typed(NULL, bytes_of(memory, CONFIG_VALUE_SIZE_MAX + 1), &value),
                     ST_MALFORMED);
    assert_int_equal(typed("string", bytes_of(memory, CONFIG_VALUE_SIZE_MAX + 1), &value),
                     ST_TOO_LARGE);
    assert_int_equal(typed("int", bytes_of(memory, INLINE_PAYLOAD_SIZE_MAX + 1), &value),
                     ST_TOO_LARGE);
}

/* ---------------------------------------------------------------- writing */

static void test_values_are_written_as_json(void **state)
{
    const struct config_value none = {.type = CONFIG_NONE};
    struct config_value value = typed_ok("string", "a\"\n\x1b\xC3\xA4");
    (void)state;
    assert_string_equal(json_of(&none), "null");
    assert_string_equal(json_of(&value), "\"a\\\"\\n\\u001b\xC3\xA4\"");
    value = typed_ok("bytes", "/wA=");
    assert_string_equal(json_of(&value), "\"/wA=\"");
    value = typed_ok("bytes", "");
    assert_string_equal(json_of(&value), "\"\"");
    value = typed_ok("float", "0.1");
    assert_string_equal(json_of(&value), "0.1");
    value = typed_ok("float", "100");
    assert_string_equal(json_of(&value), "100.0");
    value = typed_ok("int", "-9223372036854775808");
    assert_string_equal(json_of(&value), "-9223372036854775808");
    value = typed_ok("bool", "true");
    assert_string_equal(json_of(&value), "true");
}

static void test_values_are_written_as_text(void **state)
{
    const struct config_value none = {.type = CONFIG_NONE};
    struct config_value value = typed_ok("string", "a\"\n");
    (void)state;
    assert_string_equal(text_of(&none), "");
    assert_string_equal(text_of(&value), "a\"\n");
    value = typed_ok("bytes", "/wA=");
    assert_string_equal(text_of(&value), "/wA=");
    value = typed_ok("json", "[1, 2]");
    assert_string_equal(text_of(&value), "[1,2]");
}

/* A register of another node holds JSON as it was written there. */
static void test_foreign_json_loses_its_blanks_and_nothing_else(void **state)
{
    const struct config_value value = {
        .type = CONFIG_JSON,
        .content = BYTES_LITERAL("\n{ \"a b\\\" \" :\t[ 1.50 , \"\\\\\" , \" \" ]\r\n}"),
    };
    (void)state;
    assert_true(text_is_json(value.content));
    assert_string_equal(json_of(&value), "{\"a b\\\" \":[1.50,\"\\\\\",\" \"]}");
}

static void test_the_largest_text_of_escapes_fits_its_bound(void **state)
{
    struct config_value value = {.type = CONFIG_STRING};
    struct buf out = buf_of(json_memory, CONFIG_VALUE_JSON_SIZE_MAX);
    (void)state;
    memset(memory, 1, CONFIG_VALUE_SIZE_MAX);
    value.content = bytes_of(memory, CONFIG_VALUE_SIZE_MAX);
    config_value_write_json(&value, &out);
    assert_true(buf_ok(&out));
    assert_int_equal(out.size, CONFIG_VALUE_JSON_SIZE_MAX);
}

/* Writers take no byte beyond the buffer, and say that there was no room. */
static void test_a_buffer_that_is_too_small_is_said(void **state)
{
    static const char *const texts[][2] = {{"string", "abcdef"}, {"bytes", "AAAAAAAA"},
                                           {"float", "0.12345"}, {"int", "1234567"},
                                           {"json", "[1,2,3]"},  {"bool", "false"}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const struct config_value value = typed_ok(texts[i][0], texts[i][1]);
        for (size_t capacity = 0; capacity < 5; capacity++) {
            uint8_t *const small = malloc(capacity + 1);
            assert_non_null(small);
            struct buf json = buf_of(small, capacity), text = buf_of(small, capacity);
            config_value_write_json(&value, &json);
            config_value_write_text(&value, &text);
            assert_false(buf_ok(&json) || buf_ok(&text));
            free(small);
        }
    }
}

static struct config_value random_value(struct rng *rng)
{
    struct config_value value = {.type = (enum config_type)(1 + rng_below(rng, 5))};
    uint64_t bits = rng_next(rng);
    const size_t size = rng_chance(rng, 100) ? 4000 : (size_t)rng_below(rng, 40);
    switch (value.type) {
    case CONFIG_BOOL:
        value.truth = rng_chance(rng, 500);
        break;
    case CONFIG_INT:
        value.integer = random_int(rng);
        break;
    case CONFIG_FLOAT:
        do {
            memcpy(&value.real, &bits, sizeof bits);
            bits = rng_next(rng);
        } while (!isfinite(value.real));
        break;
    case CONFIG_STRING:
        value.content = random_text(rng, memory, 0, size);
        break;
    default:
        rng_fill(rng, memory, size);
        value.content = bytes_of(memory, size);
        break;
    }
    assert_int_equal(config_value_check(&value), ST_OK);
    return value;
}

static bool same(const struct config_value *a, const struct config_value *b)
{
    const struct config_register left = {.value = *a}, right = {.value = *b};
    return config_compare(&left, &right) == 0;
}

static void test_what_is_written_is_read_as_the_same(void **state)
{
    struct rng rng;
    (void)state;
    rng_seed(&rng, 4);
    for (unsigned round = 0; round < 5000; round++) {
        struct config_set set = {.value = random_value(&rng)}, back;
        struct config_value value;
        struct buf json = buf_of(json_memory, sizeof json_memory);
        set.has_scope = rng_chance(&rng, 500);
        if (set.has_scope)
            assert_int_equal(config_scope_from(BYTES_LITERAL("group/g"), &set.scope), ST_OK);
        config_set_write_json(&set, &json);
        assert_true(buf_ok(&json));
        assert_int_equal(set_of(buf_bytes(&json), &back), ST_OK);
        assert_true(same(&set.value, &back.value));
        assert_int_equal(set.has_scope, back.has_scope);
        assert_string_equal(set.scope.name.text, back.scope.name.text);

        const struct bytes text = bytes_of_text(text_of(&set.value));
        assert_int_equal(typed(config_type_name(set.value.type), text, &value), ST_OK);
        assert_true(same(&set.value, &value));
    }
}

/* The first byte chooses the type (intake_config_value). */
static void test_damaged_texts_keep_the_property(void **state)
{
    static const char *const cases[] = {"\1"
                                        "true",
                                        "\2"
                                        "-120",
                                        "\3"
                                        "1.5e-3",
                                        "\4"
                                        "text",
                                        "\5"
                                        "/wA=",
                                        "\6"
                                        "{\"a\":[1,\"b\"]}",
                                        "\x9"
                                        "12.5"};
    static const char *const names[] = {"bool",  "int",  "float",  "string",
                                        "bytes", "json", "untyped"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        corpus_seed("config_value", names[i], bytes_of_text(cases[i]));
        intake_damage(intake_config_value, bytes_of_text(cases[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_untyped_text_says_its_type),
        cmocka_unit_test(test_an_untyped_number_that_is_too_large_is_refused),
        cmocka_unit_test(test_a_typed_text_is_that_type_or_refused),
        cmocka_unit_test(test_an_unknown_type_name_is_a_mistake_of_usage),
        cmocka_unit_test(test_a_text_may_hold_any_bytes_a_shell_passes),
        cmocka_unit_test(test_values_are_written_as_json),
        cmocka_unit_test(test_values_are_written_as_text),
        cmocka_unit_test(test_foreign_json_loses_its_blanks_and_nothing_else),
        cmocka_unit_test(test_the_largest_text_of_escapes_fits_its_bound),
        cmocka_unit_test(test_a_buffer_that_is_too_small_is_said),
        cmocka_unit_test(test_what_is_written_is_read_as_the_same),
        cmocka_unit_test(test_damaged_texts_keep_the_property),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
