/* test_pace.c - frames and window follow the rate of the link, seen on a link that is made by hand:
 * one queue before a line of some rate, and a way there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "edge-bridge/pace.h"

enum { FLIGHTS = 4096, FRAME_MAX = 60 * 1024, WINDOW_MAX = 1024 * 1024 };

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

struct sent {
    uint64_t ack_ns, bytes;
    struct pace_mark mark;
};

struct link {
    struct pace pace;
    uint64_t rate_bytes_s, round_trip_ns;
    uint64_t lump_ns; /* acknowledgements come together at multiples of this; 0: each by itself */
    uint64_t now_ns, free_ns;
    struct sent flights[FLIGHTS];
    size_t first, end;
    uint64_t in_flight, passed_bytes;
    uint64_t queue_most_ns;
    uint64_t rate_least, rate_most; /* that was taken for the link's */
};

static struct link line;

static int set_up(void **state)
{
    (void)state;
    line = (struct link){.now_ns = NS_PER_S};
    pace_init(&line.pace);
    return 0;
}

static void send_frame(uint64_t bytes, bool idle_sender)
{
    if (line.in_flight == 0) pace_begin(&line.pace, line.now_ns);
    line.in_flight += bytes;
    if (line.free_ns < line.now_ns) line.free_ns = line.now_ns;
    line.free_ns += bytes * NS_PER_S / line.rate_bytes_s;
    if (line.free_ns - line.now_ns > line.queue_most_ns)
        line.queue_most_ns = line.free_ns - line.now_ns;
    uint64_t ack_ns = line.free_ns + line.round_trip_ns;
    if (line.lump_ns > 0) ack_ns = (ack_ns / line.lump_ns + 1) * line.lump_ns;
    line.flights[line.end++ % FLIGHTS] =
        (struct sent){ack_ns, bytes, pace_mark_of(&line.pace, line.now_ns, idle_sender)};
    assert_true(line.end - line.first < FLIGHTS);
}

static void take_acks(void)
{
    struct pace_mark best = {0};
    while (line.first < line.end && line.flights[line.first % FLIGHTS].ack_ns <= line.now_ns) {
        const struct sent *sent = &line.flights[line.first++ % FLIGHTS];
        line.in_flight -= sent->bytes;
        line.passed_bytes += sent->bytes;
        pace_acked(&line.pace, sent->bytes);
        best = pace_better_mark(&best, &sent->mark);
    }
    if (best.sent_mono_ns == 0) return;
    pace_sample(&line.pace, &best, line.now_ns);
    if (line.pace.rate_bytes_s < line.rate_least) line.rate_least = line.pace.rate_bytes_s;
    if (line.pace.rate_bytes_s > line.rate_most) line.rate_most = line.pace.rate_bytes_s;
}

static bool window_open(uint64_t more)
{
    return line.in_flight + more < pace_window_bytes(&line.pace, FRAME_MAX, WINDOW_MAX);
}

/* A sender with a backlog, for so long. */
static void drain_ms(uint64_t ms)
{
    const uint64_t end_ns = line.now_ns + ms * NS_PER_MS;
    for (; line.now_ns < end_ns; line.now_ns += NS_PER_MS) {
        take_acks();
        while (window_open(0)) {
            const uint64_t bytes = pace_frame_bytes(&line.pace, FRAME_MAX);
            send_frame(bytes, window_open(bytes));
        }
    }
}

/* A sender that has one small frame now and then. */
static void trickle_ms(uint64_t ms)
{
    const uint64_t end_ns = line.now_ns + ms * NS_PER_MS;
    for (uint64_t n = 0; line.now_ns < end_ns; line.now_ns += NS_PER_MS, n++) {
        take_acks();
        if (n % 200 == 0) send_frame(300, true);
    }
}

static void watch_rate(void)
{
    line.rate_least = line.rate_most = line.pace.rate_bytes_s;
}

/* Percent of what the line could carry in so long that was acknowledged. */
static uint64_t full_percent(uint64_t ms)
{
    const uint64_t before = line.passed_bytes;
    drain_ms(ms);
    return (line.passed_bytes - before) * 100 / (line.rate_bytes_s * ms / 1000);
}

static void of_link(uint64_t rate_bytes_s, uint64_t round_trip_ms)
{
    line.rate_bytes_s = rate_bytes_s;
    line.round_trip_ns = round_trip_ms * NS_PER_MS;
}

/* Said before the first frame, and answered. */
static void hello(void)
{
    pace_round_trip(&line.pace, line.round_trip_ns);
}

/* ---- The promise ----------------------------------------------------------------------------- */

/* What is in the queue is what a critical entry stands behind: less than a second, and not even two
 * while nothing is known of the link. */
static void test_a_slow_link_is_never_clogged(void **state)
{
    (void)state;
    of_link(6250, 600);
    hello();
    drain_ms(60000);
    assert_in_range(line.queue_most_ns / NS_PER_MS, 300, 2000);
    line.queue_most_ns = 0;
    drain_ms(60000);
    assert_in_range(line.queue_most_ns / NS_PER_MS, 300, 1000);
}

static void test_a_slow_link_is_full(void **state)
{
    (void)state;
    of_link(6250, 600);
    drain_ms(5000);
    assert_in_range(full_percent(60000), 95, 105);
    assert_in_range(pace_frame_bytes(&line.pace, FRAME_MAX), 1400, 1900);
}

static void test_a_link_slower_than_the_first_guess_is_never_clogged_for_long(void **state)
{
    (void)state;
    of_link(1250, 600);
    hello();
    drain_ms(30000);
    line.queue_most_ns = 0;
    drain_ms(60000);
    /* Two frames of the least size are 1.6 s there. */
    assert_in_range(line.queue_most_ns / NS_PER_MS, 0, 2600);
}

static void test_a_link_of_a_megabit_is_full_after_three_seconds(void **state)
{
    (void)state;
    of_link(125000, 50);
    drain_ms(3000);
    assert_in_range(full_percent(10000), 95, 105);
    line.queue_most_ns = 0;
    drain_ms(10000);
    assert_in_range(line.queue_most_ns / NS_PER_MS, 300, 1000);
}

/* The start from a low guess must not cost a fast link its first second. */
static void test_a_fast_link_is_found_out_within_a_fifth_of_a_second(void **state)
{
    (void)state;
    of_link(100000000, 5);
    drain_ms(200);
    assert_int_equal(pace_frame_bytes(&line.pace, FRAME_MAX), FRAME_MAX);
    assert_int_equal(pace_window_bytes(&line.pace, FRAME_MAX, WINDOW_MAX), WINDOW_MAX);
}

/* ---- Samples that mislead -------------------------------------------------------------------- */

/* The cloud commits now and then, and acknowledges what it has: that is not the link's rate. */
static void test_acknowledgements_in_lumps_do_not_look_like_a_faster_link(void **state)
{
    (void)state;
    of_link(125000, 50);
    line.lump_ns = 300 * NS_PER_MS;
    drain_ms(20000);
    assert_in_range(line.pace.rate_bytes_s, 60000, 190000);
}

static void test_a_trickle_says_nothing_about_the_link(void **state)
{
    (void)state;
    of_link(125000, 200);
    drain_ms(10000);
    const uint64_t known = line.pace.rate_bytes_s;
    trickle_ms(120000);
    assert_in_range(line.pace.rate_bytes_s, known, known * 2);
}

/* It may have lasted for hours. */
static void test_a_pause_says_nothing_about_the_link(void **state)
{
    (void)state;
    of_link(125000, 50);
    drain_ms(10000);
    watch_rate();
    while (line.in_flight > 0) {
        take_acks();
        line.now_ns += NS_PER_MS;
    }
    line.now_ns += 3600 * NS_PER_S;
    drain_ms(2000);
    assert_in_range(line.rate_least, 115000, 150000);
}

/* A critical frame leaves at any time, also just before many acknowledgements arrive at once. */
static void test_a_frame_before_a_lump_does_not_make_the_link_look_faster(void **state)
{
    (void)state;
    of_link(125000, 50);
    line.lump_ns = 300 * NS_PER_MS;
    drain_ms(10000);
    watch_rate();
    for (int i = 0; i < 400; i++) {
        send_frame(300, false);
        drain_ms(37);
    }
    assert_in_range(line.rate_most, 100000, 190000);
}

/* ---- Links that change ----------------------------------------------------------------------- */

static void test_the_window_follows_a_link_that_gets_slower(void **state)
{
    (void)state;
    of_link(125000, 50);
    drain_ms(10000);
    of_link(12500, 50);
    drain_ms(60000);
    line.queue_most_ns = 0;
    drain_ms(10000);
    assert_in_range(line.queue_most_ns / NS_PER_MS, 200, 1700);
    assert_in_range(full_percent(10000), 90, 110);
}

static void test_the_window_follows_a_link_that_gets_faster(void **state)
{
    (void)state;
    of_link(12500, 200);
    drain_ms(10000);
    of_link(125000, 200);
    drain_ms(10000);
    assert_in_range(full_percent(10000), 95, 105);
}

/* With the old round trip the window would not fill the longer way, each sample would be lower than
 * the one before, and in the end the link would carry two small frames a round trip. */
static void test_a_way_that_gets_longer_does_not_choke_the_link(void **state)
{
    (void)state;
    of_link(125000, 50);
    drain_ms(10000);
    of_link(125000, 2000);
    drain_ms(120000);
    assert_in_range(full_percent(20000), 90, 105);
}

/* ---- Bounds ---------------------------------------------------------------------------------- */

static void test_a_frame_is_never_larger_than_the_setting_nor_smaller_than_a_kibibyte(void **state)
{
    (void)state;
    struct pace pace = {.rate_bytes_s = UINT64_C(1) << 50};
    assert_int_equal(pace_frame_bytes(&pace, FRAME_MAX), FRAME_MAX);
    pace.rate_bytes_s = 1;
    assert_int_equal(pace_frame_bytes(&pace, FRAME_MAX), 1024);
}

/* With less than two frames the link would rest while the one is acknowledged. */
static void test_the_window_holds_two_frames_at_least(void **state)
{
    (void)state;
    const struct pace pace = {.rate_bytes_s = 40000};
    assert_int_equal(pace_window_bytes(&pace, FRAME_MAX, WINDOW_MAX), 20000);
    assert_int_equal(pace_window_bytes(&pace, FRAME_MAX, 1000), 20000);
}

static void test_the_least_round_trip_counts_however_it_was_measured(void **state)
{
    (void)state;
    struct pace pace;
    pace_init(&pace);
    pace_round_trip(&pace, 700 * NS_PER_MS);
    pace_round_trip(&pace, 600 * NS_PER_MS);
    pace_round_trip(&pace, 900 * NS_PER_MS);
    pace_round_trip(&pace, 0);
    assert_int_equal(pace.round_trip_ns, 600 * NS_PER_MS);
}

static void test_rather_the_frame_of_a_full_window_is_believed(void **state)
{
    (void)state;
    const struct pace_mark none = {0}, full = {.sent_mono_ns = 5},
                           idle = {.sent_mono_ns = 9, .idle_sender = true},
                           later = {.sent_mono_ns = 7};
    assert_int_equal(pace_better_mark(&none, &idle).sent_mono_ns, 9);
    assert_int_equal(pace_better_mark(&idle, &none).sent_mono_ns, 9);
    assert_int_equal(pace_better_mark(&full, &idle).sent_mono_ns, 5);
    assert_int_equal(pace_better_mark(&idle, &full).sent_mono_ns, 5);
    assert_int_equal(pace_better_mark(&full, &later).sent_mono_ns, 7);
    assert_int_equal(pace_better_mark(&later, &full).sent_mono_ns, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_slow_link_is_never_clogged, set_up),
        cmocka_unit_test_setup(test_a_slow_link_is_full, set_up),
        cmocka_unit_test_setup(test_a_link_slower_than_the_first_guess_is_never_clogged_for_long,
                               set_up),
        cmocka_unit_test_setup(test_a_link_of_a_megabit_is_full_after_three_seconds, set_up),
        cmocka_unit_test_setup(test_a_fast_link_is_found_out_within_a_fifth_of_a_second, set_up),
        cmocka_unit_test_setup(test_acknowledgements_in_lumps_do_not_look_like_a_faster_link,
                               set_up),
        cmocka_unit_test_setup(test_a_trickle_says_nothing_about_the_link, set_up),
        cmocka_unit_test_setup(test_a_pause_says_nothing_about_the_link, set_up),
        cmocka_unit_test_setup(test_a_frame_before_a_lump_does_not_make_the_link_look_faster,
                               set_up),
        cmocka_unit_test_setup(test_the_window_follows_a_link_that_gets_slower, set_up),
        cmocka_unit_test_setup(test_the_window_follows_a_link_that_gets_faster, set_up),
        cmocka_unit_test_setup(test_a_way_that_gets_longer_does_not_choke_the_link, set_up),
        cmocka_unit_test(test_a_frame_is_never_larger_than_the_setting_nor_smaller_than_a_kibibyte),
        cmocka_unit_test(test_the_window_holds_two_frames_at_least),
        cmocka_unit_test(test_the_least_round_trip_counts_however_it_was_measured),
        cmocka_unit_test(test_rather_the_frame_of_a_full_window_is_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
