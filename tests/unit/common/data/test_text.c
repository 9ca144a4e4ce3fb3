/* test_text.c - which texts are UTF-8, a label, JSON? */
#include "common/data/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* From a block of exactly its size, so that a sanitizer sees each read beyond the end. */
static bool ask(bool (*question)(struct bytes), const char *text, size_t size)
{
    uint8_t *const copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, text, size);
    const bool answer = question(bytes_of(copy, size));
    free(copy);
    return answer;
}

#define IS(question, literal) ask(question, literal, sizeof(literal) - 1)

static void test_utf8_is_well_formed_and_as_short_as_it_can_be(void **state)
{
    (void)state;
    assert_true(IS(text_is_utf8, ""));
    assert_true(IS(text_is_utf8, "plain"));
    assert_true(IS(text_is_utf8, "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x9A\xA2"));
    assert_true(IS(text_is_utf8, "\xF4\x8F\xBF\xBF"));
    static const char *const bad[] = {
        "\x80",         "\xC3",     "\xC0\x80",         "\xC1\xBF",         "\xE0\x9F\xBF",
        "\xED\xA0\x80", "\xE2\x82", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xFF",         "\xC3\x28", "ok\xE2\x28\xA1",   "\xF0\x9F\x9A",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(ask(text_is_utf8, bad[i], strlen(bad[i])));
    assert_false(IS(text_is_utf8, "a\0b"));
}

static void test_a_label_is_short_and_without_control_characters(void **state)
{
    (void)state;
    char longest[TRACK_LABEL_SIZE_MAX + 1];
    memset(longest, 'x', sizeof longest);
    assert_true(ask(text_is_label, longest, TRACK_LABEL_SIZE_MAX));
    assert_false(ask(text_is_label, longest, TRACK_LABEL_SIZE_MAX + 1));
    assert_true(IS(text_is_label, "fishing vessel"));
    assert_true(IS(text_is_label, "\xC2\xA0")); /* the first character above the controls */
    assert_false(IS(text_is_label, ""));
    assert_false(IS(text_is_label, "two\nlines"));
    assert_false(IS(text_is_label, "\x1B[2J"));
    assert_false(IS(text_is_label, "\x7F"));
    assert_false(IS(text_is_label, "\xC2\x9B"
                                   "2J"));
    assert_false(IS(text_is_label, "a\0"));
}

static void test_json_is_one_whole_value(void **state)
{
    (void)state;
    static const char *const good[] = {
        "0",
        "-0",
        " 1.5e+10 ",
        "1E9",
        "true",
        "false",
        "null",
        "\"\"",
        "\"\\u00e4\\n\\\"\xC3\xA4\"",
        "[]",
        "{}",
        " [ 1 , [ ] , { } , \"x\" ]\r\n",
        "{\"a\":{\"b\":[null,{\"c\":-1.0}]},\"d\":\"\"}",
        "{ \"a\" : 1 , \"a\" : 2 }",
    };
    for (size_t i = 0; i < COUNT_OF(good); i++)
        if (!ask(text_is_json, good[i], strlen(good[i]))) fail_msg("refused: %s", good[i]);
    static const char *const bad[] = {
        "",          " ",         "01",          "1.",
        ".5",        "+1",        "-",           "1e",
        "1e+",       "tru",       "True",        "nul",
        "truex",     "NaN",       "Infinity",    "\"",
        "\"\\x\"",   "\"\\u12\"", "\"\\u12g4\"", "\"\n\"",
        "\"\\",      "'a'",       "[",           "]",
        "[1",        "[1,",       "[1,]",        "[,1]",
        "[1 2]",     "[1}",       "{",           "}",
        "{\"a\"",    "{\"a\":",   "{\"a\":1",    "{\"a\":1,}",
        "{\"a\" 1}", "{1:2}",     "{a:1}",       "{\"a\":1]",
        "1 2",       "1,2",       "[] []",       "/* */ 1",
        "{,}",       "[1]]",      "\xFF",        "\"\xED\xA0\x80\"",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (ask(text_is_json, bad[i], strlen(bad[i]))) fail_msg("accepted: %s", bad[i]);
    assert_false(IS(text_is_json, "1\0"));
}

static void test_json_nests_as_deep_as_the_bound_and_no_deeper(void **state)
{
    (void)state;
    char text[2 * (CONFIG_JSON_DEPTH_MAX + 1)];
    for (unsigned depth = CONFIG_JSON_DEPTH_MAX; depth <= CONFIG_JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(ask(text_is_json, text, 2 * depth), depth == CONFIG_JSON_DEPTH_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_is_well_formed_and_as_short_as_it_can_be),
        cmocka_unit_test(test_a_label_is_short_and_without_control_characters),
        cmocka_unit_test(test_json_is_one_whole_value),
        cmocka_unit_test(test_json_nests_as_deep_as_the_bound_and_no_deeper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
