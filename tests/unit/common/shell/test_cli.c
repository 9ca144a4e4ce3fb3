/* test_cli.c - what a command line means: verbs, options, arguments, and what is refused. */
#include "common/shell/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 16 };

static struct cli_call seen;
static char *arguments_seen[WORDS_MAX];
static unsigned runs;

static enum status remember(const struct cli_call *call)
{
    runs++;
    seen = *call;
    for (int i = 0; i < call->argument_count; i++)
        arguments_seen[i] = call->arguments[i];
    return ST_OK;
}

static enum status refuse(const struct cli_call *call)
{
    buf_put_text(call->message, "the thing is full");
    return ST_FULL;
}

static const struct cli_option options[] = {
    {"dir", "D", "directory", true},
    {"limit", "n", "at most", false},
    CLI_OPTION_JSON,
};
static const struct cli_option few[] = {CLI_OPTION_JSON};

static const struct cli_verb verbs[] = {
    CLI_VERB("config set", "KEY VALUE", 0, 2, "Set.", options, remember),
    CLI_VERB("config", "", 0, 0, "All.", few, remember),
    CLI_VERB("fill", "", 0, 0, "Fill.", few, refuse),
};
static const struct settings_table settings = {.prefix = "PROGRAM"};
static const struct cli_program program = {.name = "program",
                                           .summary = "does things",
                                           .version = "1",
                                           .verbs = verbs,
                                           .verb_count = COUNT_OF(verbs),
                                           .settings = &settings};

static int fresh(void **state)
{
    (void)state;
    runs = 0;
    memset(&seen, 0, sizeof seen);
    return 0;
}

/* The words parted by blanks. */
static int run(const char *line)
{
    static char text[256];
    char name[] = "program";
    char *words[WORDS_MAX + 1] = {name};
    int count = 1;
    snprintf(text, sizeof text, "%s", line);
    for (char *at = text; *at != '\0';) {
        words[count++] = at;
        at += strcspn(at, " ");
        if (*at == ' ') *at++ = '\0';
    }
    return cli_main(&program, count, words);
}

static void test_options_may_stand_before_between_and_after_the_arguments(void **state)
{
    (void)state;
    assert_int_equal(run("config set --dir here alarm --json 5 --limit 3"), 0);
    assert_int_equal(seen.argument_count, 2);
    assert_string_equal(arguments_seen[0], "alarm");
    assert_string_equal(arguments_seen[1], "5");
    assert_string_equal(cli_value(&seen, "dir"), "here");
    assert_string_equal(cli_value(&seen, "limit"), "3");
    assert_true(cli_flag(&seen, "json"));
}

static void test_a_value_may_follow_an_equals_sign(void **state)
{
    (void)state;
    assert_int_equal(run("config set --dir=a=b --limit="), 0);
    assert_string_equal(cli_value(&seen, "dir"), "a=b");
    assert_string_equal(cli_value(&seen, "limit"), "");
    assert_false(cli_flag(&seen, "json"));
}

/* A config value of -5 is as good as one of 5. */
static void test_a_negative_number_is_an_argument(void **state)
{
    (void)state;
    assert_int_equal(run("config set --dir d offset -5"), 0);
    assert_string_equal(arguments_seen[1], "-5");
    assert_int_equal(run("config set --dir d offset -.5e3"), 0);
    assert_string_equal(arguments_seen[1], "-.5e3");
}

static void test_a_lone_dash_is_an_argument(void **state)
{
    (void)state;
    assert_int_equal(run("config set --dir d -"), 0);
    assert_int_equal(seen.argument_count, 1);
    assert_string_equal(arguments_seen[0], "-");
}

static void test_two_dashes_end_the_options(void **state)
{
    (void)state;
    assert_int_equal(run("config set --dir d -- --json --dir"), 0);
    assert_int_equal(seen.argument_count, 2);
    assert_string_equal(arguments_seen[0], "--json");
    assert_string_equal(arguments_seen[1], "--dir");
    assert_false(cli_flag(&seen, "json"));
}

static void test_an_options_value_may_look_like_an_option(void **state)
{
    (void)state;
    assert_int_equal(run("config set --dir --json"), 0);
    assert_string_equal(cli_value(&seen, "dir"), "--json");
    assert_false(cli_flag(&seen, "json"));
}

static void test_the_longer_verb_is_found_first(void **state)
{
    (void)state;
    assert_int_equal(run("config"), 0);
    assert_ptr_equal(seen.verb, &verbs[1]);
    assert_int_equal(run("config set --dir d"), 0);
    assert_ptr_equal(seen.verb, &verbs[0]);
}

static void test_what_is_not_understood_runs_nothing(void **state)
{
    static const char *const lines[] = {
        "",                            /* no verb */
        "launch",                      /* no such verb */
        "config set",                  /* --dir is needed */
        "config set --dir",            /* it needs a value */
        "config set --dir d --speed",  /* no such option */
        "config set --dir d -x",       /* there are no short ones */
        "config set --dir d --lim 3",  /* nor abbreviations */
        "config set --dir d --json=1", /* a flag takes no value */
        "config set --dir d a b c",    /* too many arguments */
        "config set --dir d ---json",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        assert_int_equal(run(lines[i]), status_exit_code(ST_USAGE));
    assert_int_equal(runs, 0);
}

static void test_help_and_version_need_no_options_and_run_nothing(void **state)
{
    (void)state;
    assert_int_equal(run("config set --help"), 0);
    assert_int_equal(run("config set a --version"), 0);
    assert_int_equal(run("--version"), 0);
    assert_int_equal(runs, 0);
}

static void test_a_status_becomes_the_exit_code(void **state)
{
    (void)state;
    assert_int_equal(run("fill"), status_exit_code(ST_FULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_options_may_stand_before_between_and_after_the_arguments,
                               fresh),
        cmocka_unit_test_setup(test_a_value_may_follow_an_equals_sign, fresh),
        cmocka_unit_test_setup(test_a_negative_number_is_an_argument, fresh),
        cmocka_unit_test_setup(test_a_lone_dash_is_an_argument, fresh),
        cmocka_unit_test_setup(test_two_dashes_end_the_options, fresh),
        cmocka_unit_test_setup(test_an_options_value_may_look_like_an_option, fresh),
        cmocka_unit_test_setup(test_the_longer_verb_is_found_first, fresh),
        cmocka_unit_test_setup(test_what_is_not_understood_runs_nothing, fresh),
        cmocka_unit_test_setup(test_help_and_version_need_no_options_and_run_nothing, fresh),
        cmocka_unit_test_setup(test_a_status_becomes_the_exit_code, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
