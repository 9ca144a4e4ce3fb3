/* test_utc_text.c - is a moment read as it was written, and refused when it is none? */
#include "common/wire/utc_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "tests/support/intake_check.h"

enum { TEXT_SIZE = 25 };

static const char *text_of(int64_t wall_ms)
{
    static char text[TEXT_SIZE + 1];
    struct buf out = buf_of(text, sizeof text);
    utc_text_put(wall_ms, &out);
    assert_true(buf_ok(&out) && out.size == TEXT_SIZE - 1);
    text[out.size] = '\0';
    return text;
}

static void test_known_moments_are_written_and_read(void **state)
{
    static const struct {
        int64_t wall_ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {951782399999, "2000-02-28T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {1763828448123, "2025-11-22T16:20:48.123Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {UTC_TEXT_MS_MAX, "9999-12-31T23:59:59.999Z"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t wall_ms;
        assert_string_equal(text_of(cases[i].wall_ms), cases[i].text);
        assert_int_equal(utc_text_read(bytes_of_text(cases[i].text), &wall_ms), ST_OK);
        assert_int_equal(wall_ms, cases[i].wall_ms);
    }
}

/* The C library counts days in its own way. */
static void test_dates_are_those_of_the_c_library(void **state)
{
    struct rng rng;
    (void)state;
    rng_seed(&rng, 2);
    for (unsigned round = 0; round < 20000; round++) {
        const int64_t wall_ms = (int64_t)rng_below(&rng, (uint64_t)UTC_TEXT_MS_MAX + 1);
        const time_t seconds = (time_t)(wall_ms / 1000);
        char expected[32];
        struct tm parts;
        int64_t back_ms;
        assert_non_null(gmtime_r(&seconds, &parts));
        assert_int_equal(strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S", &parts), 19);
        assert_memory_equal(text_of(wall_ms), expected, 19);
        assert_int_equal(utc_text_read(bytes_of_text(text_of(wall_ms)), &back_ms), ST_OK);
        assert_int_equal(back_ms, wall_ms);
    }
}

static void test_other_ways_to_write_utc_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t wall_ms;
    } cases[] = {
        {"1970-01-01T00:00:01Z", 1000},
        {"1970-01-01t00:00:01z", 1000},
        {"1970-01-01T00:00:01.5Z", 1500},
        {"1970-01-01T00:00:01.56Z", 1560},
        {"1970-01-01T00:00:01.567999999Z", 1567},
        {"1970-01-01T00:00:01+00:00", 1000},
        {"1970-01-01T00:00:01.000001+00:00", 1000},
        {"2016-12-31T23:59:60Z", 1483228800000}, /* a leap second */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t wall_ms = -1;
        assert_int_equal(utc_text_read(bytes_of_text(cases[i].text), &wall_ms), ST_OK);
        assert_int_equal(wall_ms, cases[i].wall_ms);
        intake_damage(intake_utc_text, bytes_of_text(cases[i].text));
    }
}

static void test_what_is_no_moment_in_utc_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "now",
        "1763828448",
        "2025-11-22",
        "2025-11-22T16:20:48",       /* of which zone? */
        "2025-11-22T16:20:48+01:00", /* another one */
        "2025-11-22T16:20:48-00:00", /* RFC 3339: the zone is not known */
        "2025-11-22T16:20:48 Z",
        "2025-11-22 16:20:48Z",
        "2025-11-22T16:20Z",
        "2025-11-22T16:20:48.Z",
        "2025-11-22T16:20:48,5Z",
        "2025-11-22T16:20:48ZZ",
        "2025-1-22T16:20:48Z",
        "25-11-22T16:20:48Z",
        "2025-00-22T16:20:48Z",
        "2025-13-22T16:20:48Z",
        "2025-11-00T16:20:48Z",
        "2025-11-31T16:20:48Z",
        "2025-02-29T16:20:48Z",
        "2100-02-29T16:20:48Z",
        "2025-11-22T24:00:00Z",
        "2025-11-22T16:60:48Z",
        "2025-11-22T16:20:61Z",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:60Z",
        "10000-01-01T00:00:00Z",
        "-2025-11-22T16:20:48Z",
        "2025-11-22T-1:20:48Z",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t wall_ms = 5;
        if (utc_text_read(bytes_of_text(cases[i]), &wall_ms) == ST_OK)
            fail_msg("\"%s\" was read", cases[i]);
        assert_int_equal(wall_ms, 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_moments_are_written_and_read),
        cmocka_unit_test(test_dates_are_those_of_the_c_library),
        cmocka_unit_test(test_other_ways_to_write_utc_are_read),
        cmocka_unit_test(test_what_is_no_moment_in_utc_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
