/* test_trace.c - what reaches a trace sink. */
#include "common/base/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct seen {
    unsigned count;
    enum trace_level level;
    char line[TRACE_LINE_SIZE_MAX];
};

static void remember(void *context, enum trace_level level, const char *line)
{
    struct seen *const seen = context;
    seen->count++;
    seen->level = level;
    assert_in_range(strlen(line), 0, TRACE_LINE_SIZE_MAX - 1);
    memcpy(seen->line, line, strlen(line) + 1);
}

static void test_a_line_reaches_the_sink_with_its_level(void **state)
{
    (void)state;
    struct seen seen = {0};
    const struct trace trace = {.write = remember, .context = &seen};
    trace_line(&trace, TRACE_WARNING, "resend %d entries from %s", 3, "8");
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.level, TRACE_WARNING);
    assert_string_equal(seen.line, "resend 3 entries from 8");
}

static void test_lines_below_the_least_level_are_dropped(void **state)
{
    (void)state;
    struct seen seen = {0};
    const struct trace trace = {.write = remember, .context = &seen, .level_min = TRACE_WARNING};
    trace_line(&trace, TRACE_INFO, "no");
    assert_int_equal(seen.count, 0);
    trace_line(&trace, TRACE_ALARM, "yes");
    assert_int_equal(seen.count, 1);
}

static void test_no_sink_is_silence(void **state)
{
    (void)state;
    const struct trace trace = {0};
    trace_line(&trace, TRACE_ALARM, "nobody hears %d", 1);
}

/* A peer's text in an argument must not forge a second line in the log. */
static void test_control_characters_cannot_start_a_line(void **state)
{
    (void)state;
    struct seen seen = {0};
    const struct trace trace = {.write = remember, .context = &seen};
    trace_line(&trace, TRACE_INFO, "topic %s", "a\nb\r\x1B[2J\x7F\xC3\xA4");
    assert_string_equal(seen.line, "topic a?b??[2J?\xC3\xA4");
}

static void test_a_long_line_is_cut(void **state)
{
    (void)state;
    struct seen seen = {0};
    const struct trace trace = {.write = remember, .context = &seen};
    trace_line(&trace, TRACE_INFO, "%0*d", 3 * TRACE_LINE_SIZE_MAX, 7);
    assert_int_equal(seen.count, 1);
    assert_int_equal(strlen(seen.line), TRACE_LINE_SIZE_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_reaches_the_sink_with_its_level),
        cmocka_unit_test(test_lines_below_the_least_level_are_dropped),
        cmocka_unit_test(test_no_sink_is_silence),
        cmocka_unit_test(test_control_characters_cannot_start_a_line),
        cmocka_unit_test(test_a_long_line_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
