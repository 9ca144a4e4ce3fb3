/* test_schedule.c - does the link open when its windows say so, whatever the clocks do? */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "edge-bridge/schedule.h"

enum { MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS };

#define DAY_MS (INT64_C(24) * HOUR_MS)
/* 2026-11-22 00:00 UTC, a Sunday. */
#define SUNDAY_MS INT64_C(1795305600000)

struct looker {
    struct schedule schedule;
    struct schedule_state state;
    int64_t wall_ms;
    uint64_t mono_ms;
};

static struct looker looker_of(const char *windows, int64_t wall_ms)
{
    struct looker looker = {.wall_ms = wall_ms, .mono_ms = 1000000};
    assert_int_equal(schedule_read(bytes_of_text(windows), &looker.schedule, NULL), ST_OK);
    return looker;
}

static bool look(struct looker *looker)
{
    return schedule_look(&looker->schedule, &looker->state, looker->wall_ms, looker->mono_ms);
}

/* Looks every half minute for so long; returns the minutes that it was open. */
static unsigned minutes_open(struct looker *looker, int64_t for_ms)
{
    unsigned open = 0;
    for (int64_t done = 0; done < for_ms; done += SCHEDULE_LOOK_MS) {
        open += look(looker);
        looker->wall_ms += SCHEDULE_LOOK_MS;
        looker->mono_ms += SCHEDULE_LOOK_MS;
    }
    return open / 2;
}

static void test_without_windows_the_link_is_always_open(void **state)
{
    (void)state;
    struct looker looker = looker_of("  ", SUNDAY_MS);
    assert_int_equal(minutes_open(&looker, HOUR_MS), 60);
}

static void test_a_window_opens_at_its_time_and_closes_after_its_duration(void **state)
{
    (void)state;
    struct looker looker = looker_of("0 2 * * * 90m", SUNDAY_MS + 2 * HOUR_MS - SCHEDULE_LOOK_MS);
    assert_false(look(&looker));
    looker.wall_ms += SCHEDULE_LOOK_MS;
    looker.mono_ms += SCHEDULE_LOOK_MS;
    assert_int_equal(minutes_open(&looker, 4 * HOUR_MS), 90);
}

static void test_each_day_of_a_week_has_its_windows(void **state)
{
    static const struct {
        const char *windows;
        unsigned minutes; /* from Sunday on, in seven days */
    } cases[] = {
        {"0 2 * * * 90m", 7 * 90},
        {"0,30 6-20 * * 1-5 2m", 5 * 15 * 2 * 2},
        {"0 3 * * 0 1h", 60},
        {"0 3 * * 7 1h", 60},
        {"*/15 * * * * 1m", 7 * 24 * 4},
        {"0 0 25 11 * 10m", 10},
        {"0 0 25 11 1 10m", 20}, /* the 25th, a Wednesday, or a Monday */
        {"0 0 1 12 * 10m", 0},
        {"0 2 * * * 90m; 0 3 * * * 60m", 7 * 120}, /* they overlap */
        {"10-20/5 4 * * * 60s", 7 * 3},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct looker looker = looker_of(cases[i].windows, SUNDAY_MS);
        assert_int_equal(minutes_open(&looker, 7 * DAY_MS), cases[i].minutes);
    }
}

static void test_a_process_that_starts_within_a_window_goes_on_with_it(void **state)
{
    (void)state;
    struct looker looker = looker_of("0 2 * * * 90m", SUNDAY_MS + 3 * HOUR_MS);
    assert_int_equal(minutes_open(&looker, 5 * HOUR_MS), 30);
}

static void test_a_jump_over_a_window_begins_it(void **state)
{
    (void)state;
    struct looker looker = looker_of("0 2 * * * 30m", SUNDAY_MS + HOUR_MS);
    assert_false(look(&looker));
    looker.wall_ms += 4 * HOUR_MS;
    assert_int_equal(minutes_open(&looker, 6 * HOUR_MS), 30);
}

static void test_a_machine_that_was_off_during_a_window_does_not_make_up_for_it(void **state)
{
    (void)state;
    struct looker looker = looker_of("0 2 * * * 30m", SUNDAY_MS + HOUR_MS);
    assert_false(look(&looker));
    looker.wall_ms += 4 * HOUR_MS;
    looker.mono_ms += 4 * HOUR_MS;
    assert_int_equal(minutes_open(&looker, 6 * HOUR_MS), 0);
}

static void test_a_jump_back_does_not_repeat_a_window(void **state)
{
    (void)state;
    struct looker looker = looker_of("0 2 * * * 30m", SUNDAY_MS + HOUR_MS);
    assert_int_equal(minutes_open(&looker, 3 * HOUR_MS), 30);
    looker.wall_ms -= 3 * HOUR_MS;
    assert_int_equal(minutes_open(&looker, 6 * HOUR_MS), 0);
}

static void test_a_window_lasts_its_time_when_the_clock_jumps_within_it(void **state)
{
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        struct looker looker = looker_of("0 2 * * * 30m", SUNDAY_MS + 2 * HOUR_MS);
        assert_int_equal(minutes_open(&looker, 10 * MINUTE_MS), 10);
        looker.wall_ms += sign * 5 * HOUR_MS;
        assert_int_equal(minutes_open(&looker, 10 * HOUR_MS), 20);
    }
}

static void test_the_next_window_is_known(void **state)
{
    uint32_t duration_s;
    (void)state;
    struct looker looker = looker_of("0 2 * * * 90m; 30 1 * * 1 5m", SUNDAY_MS);
    assert_int_equal(schedule_next_start_ms(&looker.schedule, SUNDAY_MS, &duration_s),
                     SUNDAY_MS + 2 * HOUR_MS);
    assert_int_equal(duration_s, 90 * 60);
    assert_int_equal(schedule_next_start_ms(&looker.schedule, SUNDAY_MS + 2 * HOUR_MS, &duration_s),
                     SUNDAY_MS + DAY_MS + HOUR_MS + 30 * MINUTE_MS);
    assert_int_equal(duration_s, 5 * 60);
}

static void test_a_leap_day_is_found(void **state)
{
    uint32_t duration_s;
    (void)state;
    struct looker looker = looker_of("0 0 29 2 * 1h", SUNDAY_MS);
    /* 2028-02-29T00:00:00Z */
    assert_int_equal(schedule_next_start_ms(&looker.schedule, SUNDAY_MS, &duration_s),
                     INT64_C(1835395200000));
}

static void test_a_day_that_never_comes_has_no_window(void **state)
{
    uint32_t duration_s;
    (void)state;
    struct looker looker = looker_of("0 0 31 2 * 1h", SUNDAY_MS);
    assert_true(schedule_next_start_ms(&looker.schedule, SUNDAY_MS, &duration_s) == INT64_MAX);
    assert_int_equal(minutes_open(&looker, DAY_MS), 0);
}

static void test_what_is_not_a_window_is_refused_with_a_reason(void **state)
{
    static const char *const bad[] = {
        "0 2 * * *",      "0 2 * * * 90",           "60 2 * * * 1m",
        "0 24 * * * 1m",  "0 2 0 * * 1m",           "0 2 32 * * 1m",
        "0 2 * 13 * 1m",  "0 2 * * 8 1m",           "5-1 2 * * * 1m",
        "*/0 2 * * * 1m", "0/5 2 * * * 1m",         "0 2 * * * 0m",
        "0 2 * * * 8d",   "0 2 * * * 1m 5",         "0 2 * * * 1m;;",
        ", 2 * * * 1m",   "99999999999 2 * * * 1m", "a 2 * * * 1m",
        "0 2 * * * -5m",  "0,,1 2 * * * 1m",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char words[200];
        struct buf reason = buf_of(words, sizeof(words));
        struct schedule schedule;
        assert_int_equal(schedule_read(bytes_of_text(bad[i]), &schedule, &reason), ST_MALFORMED);
        assert_true(reason.size > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_windows_the_link_is_always_open),
        cmocka_unit_test(test_a_window_opens_at_its_time_and_closes_after_its_duration),
        cmocka_unit_test(test_each_day_of_a_week_has_its_windows),
        cmocka_unit_test(test_a_process_that_starts_within_a_window_goes_on_with_it),
        cmocka_unit_test(test_a_jump_over_a_window_begins_it),
        cmocka_unit_test(test_a_machine_that_was_off_during_a_window_does_not_make_up_for_it),
        cmocka_unit_test(test_a_jump_back_does_not_repeat_a_window),
        cmocka_unit_test(test_a_window_lasts_its_time_when_the_clock_jumps_within_it),
        cmocka_unit_test(test_the_next_window_is_known),
        cmocka_unit_test(test_a_leap_day_is_found),
        cmocka_unit_test(test_a_day_that_never_comes_has_no_window),
        cmocka_unit_test(test_what_is_not_a_window_is_refused_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
