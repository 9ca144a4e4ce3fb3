/* test_tls_watch.c - when the log speaks of certificates that expire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/bytes.h"
#include "common/shell/tls_watch.h"

enum { DAY_S = 24 * 3600 };

static const uint64_t minute_ns = UINT64_C(60) * 1000000000;
static const uint64_t day_ns = UINT64_C(86400) * 1000000000;
static const int64_t now_s = 1800000000;

struct said {
    unsigned warnings, alarms;
    struct trace trace;
};

static void count(void *context, enum trace_level level, const char *line)
{
    struct said *said = context;
    (void)line;
    if (level == TRACE_WARNING) said->warnings++;
    if (level == TRACE_ALARM) said->alarms++;
}

static void tick(struct tls_watch *watch, struct said *said, uint64_t mono_ns, int64_t ours_s,
                 int64_t brokers_s)
{
    const int64_t expires_s[TLS_WATCHED_COUNT] = {ours_s, brokers_s};
    said->trace = (struct trace){.write = count, .context = said};
    tls_watch_tick(watch, &said->trace, mono_ns, now_s, expires_s);
}

static void test_nothing_is_said_thirty_days_before_or_without_a_certificate(void **state)
{
    (void)state;
    struct tls_watch watch = {0};
    struct said said = {0};
    tick(&watch, &said, 0, now_s + TLS_WATCH_DAYS * DAY_S, 0);
    assert_int_equal(said.warnings + said.alarms, 0);
}

static void test_each_certificate_is_warned_of_once_a_day(void **state)
{
    (void)state;
    struct tls_watch watch = {0};
    struct said said = {0};
    const int64_t soon_s = now_s + TLS_WATCH_DAYS * DAY_S - 1;
    tick(&watch, &said, 0, soon_s, 0);
    assert_int_equal(said.warnings, 1);
    for (uint64_t at_ns = 0; at_ns < day_ns; at_ns += minute_ns)
        tick(&watch, &said, at_ns, soon_s, soon_s);
    assert_int_equal(said.warnings, 2);
    tick(&watch, &said, day_ns + minute_ns, soon_s, soon_s);
    assert_int_equal(said.warnings, 4);
    assert_int_equal(said.alarms, 0);
}

static void test_an_expired_certificate_is_an_alarm(void **state)
{
    (void)state;
    struct tls_watch watch = {0};
    struct said said = {0};
    tick(&watch, &said, 0, 0, now_s - 1);
    assert_int_equal(said.alarms, 1);
    assert_int_equal(said.warnings, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_said_thirty_days_before_or_without_a_certificate),
        cmocka_unit_test(test_each_certificate_is_warned_of_once_a_day),
        cmocka_unit_test(test_an_expired_certificate_is_an_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
