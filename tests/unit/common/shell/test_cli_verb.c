/* test_cli_verb.c - what an engine gets to see of a command line. */
#include "common/shell/cli_verb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct cli_option options[] = {
    {"scope", "S", "scope", false},   {"type", "T", "type", false}, {"since", "T", "from", false},
    {"limit", "n", "at most", false}, {"all", NULL, "all", false},
};
static const struct cli_verb verb = CLI_VERB("list", "", 0, 0, "List.", options, NULL);

static struct cli_arguments arguments;
static char sentence[512];
static struct buf message;
static struct cli_call call;

static int fresh(void **state)
{
    (void)state;
    memset(&arguments, 0, sizeof arguments);
    message = buf_of(sentence, sizeof sentence - 1);
    call = (struct cli_call){.verb = &verb, .message = &message};
    return 0;
}

static void give(const char *option, const char *value)
{
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        if (strcmp(options[i].name, option) == 0) call.values[i] = value;
    }
}

static void assert_argument(size_t index, const char *name, const char *value)
{
    assert_true(index < arguments.count);
    const struct verb_argument *argument = &arguments.items[index];
    assert_true(bytes_equal(argument->name, bytes_of_text(name)));
    assert_true(bytes_equal(argument->value, bytes_of_text(value)));
}

static void assert_sentence(const char *words)
{
    sentence[message.size] = '\0';
    assert_non_null(strstr(sentence, words));
}

static void test_what_was_not_given_is_not_passed(void **state)
{
    (void)state;
    cli_pass(&arguments, &call, "scope");
    cli_pass_flag(&arguments, &call, "all");
    cli_pass_text(&arguments, "name", NULL);
    assert_int_equal(cli_pass_word(&arguments, &call, "type", "int bool"), ST_OK);
    assert_int_equal(cli_pass_time(&arguments, &call, "since"), ST_OK);
    assert_int_equal(cli_pass_count(&arguments, &call, "limit"), ST_OK);
    assert_int_equal(arguments.count, 0);
}

static void test_what_was_given_is_passed_in_the_engines_form(void **state)
{
    (void)state;
    give("scope", "group/north");
    give("all", "");
    give("since", "1970-01-01T00:00:01.5Z");
    give("limit", "007");
    give("type", "bool");
    cli_pass(&arguments, &call, "scope");
    cli_pass_flag(&arguments, &call, "all");
    assert_int_equal(cli_pass_time(&arguments, &call, "since"), ST_OK);
    assert_int_equal(cli_pass_count(&arguments, &call, "limit"), ST_OK);
    assert_int_equal(cli_pass_word(&arguments, &call, "type", "int bool"), ST_OK);
    assert_int_equal(arguments.count, 5);
    assert_argument(0, "scope", "group/north");
    assert_argument(1, "all", "1");
    assert_argument(2, "since", "1500");
    assert_argument(3, "limit", "7");
    assert_argument(4, "type", "bool");
}

/* An empty value is one: it clears a node's groups. */
static void test_an_empty_value_is_passed(void **state)
{
    (void)state;
    give("scope", "");
    cli_pass(&arguments, &call, "scope");
    assert_argument(0, "scope", "");
}

static void test_a_word_that_is_not_allowed_is_refused_with_those_that_are(void **state)
{
    static const char *const wrong[] = {"real", "in", "intbool", "", "int bool", "INT"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        give("type", wrong[i]);
        assert_int_equal(cli_pass_word(&arguments, &call, "type", "int bool"), ST_USAGE);
    }
    assert_sentence("--type must be one of int bool");
    assert_int_equal(arguments.count, 0);
}

static void test_a_time_or_count_that_is_none_is_refused(void **state)
{
    (void)state;
    give("since", "yesterday");
    assert_int_equal(cli_pass_time(&arguments, &call, "since"), ST_USAGE);
    assert_sentence("yesterday");
    give("limit", "0");
    assert_int_equal(cli_pass_count(&arguments, &call, "limit"), ST_USAGE);
    assert_sentence("--limit");
    assert_int_equal(arguments.count, 0);
}

static void test_words_are_joined_to_the_line_they_were(void **state)
{
    char text[16];
    char holdfast[] = "holdfast", cloud[] = "cloud", key[] = "key";
    char *words[] = {holdfast, cloud, key};
    struct buf line = buf_of(text, sizeof text);
    (void)state;
    call.arguments = words;
    call.argument_count = 2;
    assert_true(cli_join_words(&call, &line));
    assert_true(bytes_equal(buf_bytes(&line), BYTES_LITERAL("holdfast cloud")));
    call.argument_count = 3;
    line.size = 0;
    assert_false(cli_join_words(&call, &line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_was_not_given_is_not_passed, fresh),
        cmocka_unit_test_setup(test_what_was_given_is_passed_in_the_engines_form, fresh),
        cmocka_unit_test_setup(test_an_empty_value_is_passed, fresh),
        cmocka_unit_test_setup(test_a_word_that_is_not_allowed_is_refused_with_those_that_are,
                               fresh),
        cmocka_unit_test_setup(test_a_time_or_count_that_is_none_is_refused, fresh),
        cmocka_unit_test_setup(test_words_are_joined_to_the_line_they_were, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
