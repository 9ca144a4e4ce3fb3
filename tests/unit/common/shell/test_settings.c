/* test_settings.c - what a settings file and the environment may say, and the sentence for each
 * thing they may not. */
#include "common/shell/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct setting_row rows[] = {
    {"broker", "host", SETTING_TEXT, "127.0.0.1", 1, 32, NULL, "address"},
    {"broker", "port", SETTING_INT, "1883", 1, 65535, NULL, "port"},
    {"broker", "tls", SETTING_BOOL, "false", 0, 0, NULL, "use TLS"},
    {"outbox", "window_bytes", SETTING_BYTES, "1M", 1024, 16777216, NULL, "window"},
    {"outbox", "wait_ms", SETTING_MS, "500", 1, 86400000, NULL, "wait"},
    {"outbox", "compress", SETTING_WORD, "auto", 0, 0, "never always auto", "compress"},
};

static struct settings *settings;
static char sentence[1024];

static int setup(void **state)
{
    (void)state;
    sentence[0] = '\0';
    return settings_open(rows, COUNT_OF(rows), "PROGRAM", &settings) == ST_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    settings_close(settings);
    return 0;
}

static enum status read_text(const char *text)
{
    struct buf message = buf_of(sentence, sizeof sentence - 1);
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(file);
    const enum status status = settings_read(settings, file, "x.ini", &message);
    fclose(file);
    assert_true(buf_ok(&message));
    sentence[message.size] = '\0';
    return status;
}

static enum status read_environment(char *const *environment)
{
    struct buf message = buf_of(sentence, sizeof sentence - 1);
    const enum status status = settings_environment(settings, environment, &message);
    sentence[message.size] = '\0';
    return status;
}

static void test_without_a_file_every_key_has_its_default(void **state)
{
    (void)state;
    assert_string_equal(settings_text(settings, "broker", "host"), "127.0.0.1");
    assert_int_equal(settings_number(settings, "broker", "port"), 1883);
    assert_false(settings_flag(settings, "broker", "tls"));
    assert_int_equal(settings_number(settings, "outbox", "window_bytes"), 1048576);
    assert_int_equal(settings_number(settings, "outbox", "compress"), 2);
}

static void test_a_file_sets_values_of_every_type(void **state)
{
    (void)state;
    assert_int_equal(read_text("; a comment\n[broker]\nhost = ::1\nport=8883\ntls = yes\n"
                               "[outbox]\nwindow_bytes = 64K\nwait_ms = 2s\ncompress = never\n"),
                     ST_OK);
    assert_string_equal(settings_text(settings, "broker", "host"), "::1");
    assert_int_equal(settings_number(settings, "broker", "port"), 8883);
    assert_true(settings_flag(settings, "broker", "tls"));
    assert_int_equal(settings_number(settings, "outbox", "window_bytes"), 65536);
    assert_int_equal(settings_number(settings, "outbox", "wait_ms"), 2000);
    assert_int_equal(settings_number(settings, "outbox", "compress"), 0);
}

static void test_an_unknown_key_is_named_with_file_line_and_what_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(read_text("[broker]\nhost = a\nprot = 1883\n"), ST_SETTINGS);
    assert_string_equal(sentence, "x.ini, line 3: unknown key prot in section [broker]; allowed "
                                  "here: host, port, tls");
}

static void test_an_unknown_section_is_named_with_the_known_ones(void **state)
{
    (void)state;
    assert_int_equal(read_text("[brokr]\nhost = a\n"), ST_SETTINGS);
    assert_string_equal(sentence, "x.ini, line 2: unknown key host in section [brokr]; there is no "
                                  "such section, only [broker] [outbox]");
}

static void test_a_number_out_of_range_is_named_with_the_range(void **state)
{
    (void)state;
    assert_int_equal(read_text("[broker]\nport = 70000\n"), ST_SETTINGS);
    assert_string_equal(sentence, "x.ini, line 2: port must be a whole number from 1 to 65535, not "
                                  "\"70000\"");
}

static void test_a_word_for_a_number_is_refused(void **state)
{
    (void)state;
    assert_int_equal(read_text("[broker]\nport = mqtt\n"), ST_SETTINGS);
    assert_int_equal(read_text("[broker]\nport = 18x\n"), ST_SETTINGS);
    assert_int_equal(read_text("[broker]\nport = -1\n"), ST_SETTINGS);
    assert_int_equal(read_text("[broker]\nport =\n"), ST_SETTINGS);
}

/* Wrapped around, it could come out small enough to be believed. */
static void test_a_number_beyond_64_bits_is_refused(void **state)
{
    (void)state;
    assert_int_equal(read_text("[broker]\nport = 18446744073709551617\n"), ST_SETTINGS);
    assert_int_equal(read_text("[outbox]\nwindow_bytes = 18014398509481985K\n"), ST_SETTINGS);
}

static void test_a_bad_flag_and_a_bad_word_tell_what_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(read_text("[broker]\ntls = maybe\n"), ST_SETTINGS);
    assert_string_equal(sentence, "x.ini, line 2: tls must be true or false, not \"maybe\"");
    assert_int_equal(read_text("[outbox]\ncompress = some\n"), ST_SETTINGS);
    assert_string_equal(sentence, "x.ini, line 2: compress must be one of: never always auto, not "
                                  "\"some\"");
}

static void test_a_key_set_twice_is_refused_and_both_lines_are_named(void **state)
{
    (void)state;
    assert_int_equal(read_text("[broker]\nport = 1\nhost = a\nport = 2\n"), ST_SETTINGS);
    assert_string_equal(sentence, "x.ini, line 4: port in section [broker] is set twice, first in "
                                  "line 2");
}

static void test_a_line_that_is_nothing_is_named(void **state)
{
    (void)state;
    assert_int_equal(read_text("[broker]\nhost\n"), ST_SETTINGS);
    assert_string_equal(sentence, "x.ini, line 2: neither a [section] nor \"key = value\" nor a "
                                  "comment");
}

static void test_a_line_too_long_is_refused_and_not_cut(void **state)
{
    (void)state;
    char text[2048] = "[broker]\nhost = ";
    memset(text + strlen(text), 'a', 1500);
    assert_int_equal(read_text(text), ST_SETTINGS);
    assert_non_null(strstr(sentence, "x.ini, line 2: "));
}

static void test_a_missing_file_is_named(void **state)
{
    (void)state;
    struct buf message = buf_of(sentence, sizeof sentence - 1);
    assert_int_equal(settings_read_path(settings, "/nowhere/x.ini", &message), ST_SETTINGS);
    sentence[message.size] = '\0';
    assert_string_equal(sentence, "the settings file /nowhere/x.ini cannot be read: No such file "
                                  "or directory");
}

static void test_the_environment_wins_over_the_file(void **state)
{
    (void)state;
    char port[] = "PROGRAM_BROKER_PORT=8883", other[] = "PATH=/bin";
    char *const environment[] = {other, port, NULL};
    assert_int_equal(read_text("[broker]\nport = 1884\n"), ST_OK);
    assert_int_equal(read_environment(environment), ST_OK);
    assert_int_equal(settings_number(settings, "broker", "port"), 8883);
}

static void test_a_bad_variable_is_named(void **state)
{
    (void)state;
    char port[] = "PROGRAM_BROKER_PORT=x";
    char *const environment[] = {port, NULL};
    assert_int_equal(read_environment(environment), ST_SETTINGS);
    assert_string_equal(sentence, "environment variable PROGRAM_BROKER_PORT: port must be a whole "
                                  "number from 1 to 65535, not \"x\"");
}

static void test_a_misspelt_variable_of_a_section_is_refused(void **state)
{
    (void)state;
    char port[] = "PROGRAM_BROKER_PROT=1";
    char *const environment[] = {port, NULL};
    assert_int_equal(read_environment(environment), ST_SETTINGS);
    assert_non_null(strstr(sentence, "PROGRAM_BROKER_PROT"));
}

/* Container platforms set SERVICE_HOST and the like for every service of that name. */
static void test_a_variable_of_no_section_is_none_of_ours(void **state)
{
    (void)state;
    char host[] = "PROGRAM_SERVICE_HOST=10.0.0.1";
    char *const environment[] = {host, NULL};
    assert_int_equal(read_environment(environment), ST_OK);
}

static void test_what_init_writes_reads_back_as_the_defaults_when_uncommented(void **state)
{
    (void)state;
    char text[4096];
    struct buf out = buf_of(text, sizeof text - 1);
    settings_write_template(rows, COUNT_OF(rows), &out);
    assert_true(buf_ok(&out));
    text[out.size] = '\0';
    assert_int_equal(read_text(text), ST_OK);
    for (char *at = text; (at = strstr(at, "\n;")) != NULL; at += 2) {
        if (at[2] != ' ') at[1] = ' ';
    }
    /* An indented line would continue the one before: take the blank away as well. */
    char plain[4096];
    size_t size = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] == ' ' && i > 0 && text[i - 1] == '\n') continue;
        plain[size++] = text[i];
    }
    plain[size] = '\0';
    assert_int_equal(read_text(plain), ST_OK);
    assert_int_equal(settings_number(settings, "outbox", "wait_ms"), 500);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_without_a_file_every_key_has_its_default),
        TEST(test_a_file_sets_values_of_every_type),
        TEST(test_an_unknown_key_is_named_with_file_line_and_what_is_allowed),
        TEST(test_an_unknown_section_is_named_with_the_known_ones),
        TEST(test_a_number_out_of_range_is_named_with_the_range),
        TEST(test_a_word_for_a_number_is_refused),
        TEST(test_a_number_beyond_64_bits_is_refused),
        TEST(test_a_bad_flag_and_a_bad_word_tell_what_is_allowed),
        TEST(test_a_key_set_twice_is_refused_and_both_lines_are_named),
        TEST(test_a_line_that_is_nothing_is_named),
        TEST(test_a_line_too_long_is_refused_and_not_cut),
        TEST(test_a_missing_file_is_named),
        TEST(test_the_environment_wins_over_the_file),
        TEST(test_a_bad_variable_is_named),
        TEST(test_a_misspelt_variable_of_a_section_is_refused),
        TEST(test_a_variable_of_no_section_is_none_of_ours),
        TEST(test_what_init_writes_reads_back_as_the_defaults_when_uncommented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
