/* test_link_use.c - is the link used only when, and as much as, the operator allows? */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "edge-bridge/link_use.h"
#include "tests/support/edge_rig.h"

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS };

/* 2026-11-22T01:00:00Z */
#define ONE_O_CLOCK_NS (INT64_C(1795309200) * 1000000000)

static struct edge_rig rig;

static int set_up(void **state)
{
    (void)state;
    edge_rig_open(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_rig_close(&rig);
    return 0;
}

static void reopen_with_windows(const char *windows)
{
    rig.now.wall_ns = ONE_O_CLOCK_NS;
    assert_int_equal(schedule_read(bytes_of_text(windows), &rig.options.settings.windows, NULL),
                     ST_OK);
    rig.options.now = rig.now;
    edge_rig_reopen(&rig);
}

static size_t effects_of(enum effect_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < rig.effects->count; i++)
        count += rig.effects->items[i].kind == kind && rig.effects->items[i].link == LINK_CLOUD;
    return count;
}

/* Lets time pass in steps of a second, waking the engine; true as soon as it asked for this. */
static bool asks_within(enum effect_kind kind, uint64_t ms)
{
    for (uint64_t passed = 0; passed <= ms; passed += 1000) {
        edge_rig_wakeup(&rig);
        if (effects_of(kind) > 0) return true;
        edge_rig_pass_ms(&rig, 1000);
    }
    return false;
}

static void link_is_up(void)
{
    edge_rig_run(&rig,
                 (struct event){.kind = EVENT_LINK_UP, .link = LINK_CLOUD, .receive_maximum = 64});
}

static void test_a_pause_closes_the_link_and_a_restart_remembers_it(void **state)
{
    (void)state;
    edge_rig_connect(&rig);
    assert_int_equal(edge_rig_verb(&rig, "link-pause"), ST_OK);
    assert_int_equal(effects_of(EFFECT_DISCONNECT), 1);
    assert_false(asks_within(EFFECT_CONNECT, 10 * MINUTE_MS));
    edge_rig_reopen(&rig);
    assert_false(asks_within(EFFECT_CONNECT, 10 * MINUTE_MS));
    char words[64];
    edge_rig_status_text(&rig, "link_use", words, sizeof(words));
    assert_string_equal(words, "paused by its operator");
}

static void test_a_pause_holds_back_critical_evidence_too(void **state)
{
    (void)state;
    assert_int_equal(edge_rig_verb(&rig, "link-pause"), ST_OK);
    edge_rig_append(&rig, 0, "e", 1);
    assert_false(asks_within(EFFECT_CONNECT, 10 * MINUTE_MS));
}

static void test_resuming_opens_the_link_at_once(void **state)
{
    (void)state;
    assert_int_equal(edge_rig_verb(&rig, "link-pause"), ST_OK);
    edge_rig_append(&rig, 3, "e", 5);
    assert_int_equal(edge_rig_verb(&rig, "link-resume"), ST_OK);
    assert_true(asks_within(EFFECT_CONNECT, 1000));
    link_is_up();
    assert_true(edge_rig_frame_count(&rig, FRAME_EVIDENCE) >= 2);
}

static void test_the_link_opens_and_closes_with_its_window(void **state)
{
    (void)state;
    rig.options.settings.ack_timeout_ms = 24 * HOUR_MS; /* nobody answers here */
    reopen_with_windows("0 2 * * * 30m");
    edge_rig_append(&rig, 3, "e", 5);
    assert_false(asks_within(EFFECT_CONNECT, HOUR_MS - 5000));
    assert_true(asks_within(EFFECT_CONNECT, 10000));
    link_is_up();
    assert_false(asks_within(EFFECT_DISCONNECT, 29 * MINUTE_MS));
    assert_true(asks_within(EFFECT_DISCONNECT, 2 * MINUTE_MS));
    assert_false(asks_within(EFFECT_CONNECT, 10 * HOUR_MS));
}

static void test_critical_evidence_opens_the_link_outside_its_windows_for_itself_alone(void **state)
{
    (void)state;
    reopen_with_windows("0 2 * * * 30m");
    edge_rig_append(&rig, 3, "backlog", 400);
    const struct receipt critical = edge_rig_append(&rig, 0, "alarm", 1);
    assert_true(asks_within(EFFECT_CONNECT, 1000));
    link_is_up();
    assert_int_equal(edge_rig_frame_count(&rig, FRAME_EVIDENCE_AHEAD), 1);
    /* Only the announcement, which has no entries. */
    assert_int_equal(edge_rig_frame_count(&rig, FRAME_EVIDENCE), 1);

    struct ack ack = {.store = rig.store, .counter = ++rig.ack_counter, .log_count = 1};
    ack.logs[0].log = critical.log;
    assert_true(ack_add_range(&ack, &ack.logs[0].above, critical.sequence, critical.sequence));
    edge_rig_hear_ack(&rig, &ack);
    assert_true(asks_within(EFFECT_DISCONNECT, 10000));
    assert_false(asks_within(EFFECT_CONNECT, HOUR_MS / 2));
    edge_rig_append(&rig, 0, "another", 1);
    assert_true(asks_within(EFFECT_CONNECT, 1000));
}

static void test_the_override_can_be_forbidden(void **state)
{
    (void)state;
    rig.options.settings.critical_override = false;
    reopen_with_windows("0 2 * * * 30m");
    edge_rig_append(&rig, 0, "alarm", 1);
    assert_false(asks_within(EFFECT_CONNECT, HOUR_MS - 5000));
    assert_true(asks_within(EFFECT_CONNECT, 10000));
}

/* Only the cloud can tell the time, so it must be asked. */
static void test_a_node_without_a_time_does_not_wait_for_a_window(void **state)
{
    (void)state;
    reopen_with_windows("0 2 * * * 30m");
    rig.now.wall_ns = 1000;
    rig.options.now = rig.now;
    edge_rig_reopen(&rig);
    assert_true(asks_within(EFFECT_CONNECT, 1000));
}

enum { BACKLOG = 2500 };

static struct receipt receipts[BACKLOG + 64]; /* by sequence */

static void make_backlog(void)
{
    static uint8_t payload[200];
    for (unsigned i = 0; i < BACKLOG; i++) {
        memset(payload, (int)('a' + i % 26), sizeof(payload));
        const struct receipt receipt =
            edge_rig_append_one(&rig, "log", 3, NULL, bytes_of(payload, sizeof(payload)));
        assert_true(receipt.sequence < COUNT_OF(receipts));
        receipts[receipt.sequence] = receipt;
    }
}

/* The greatest sequence that has gone out, with the last batch's runs. */
static uint64_t sent_so_far(uint64_t last)
{
    static struct evidence_run run;
    struct bytes body;
    for (size_t n = 0; edge_rig_frame(&rig, FRAME_EVIDENCE, n, &body); n++) {
        assert_int_equal(
            evidence_msg_decode(rig.unpacker, rig.hasher, &rig.options.node, body, &run), ST_OK);
        if (run.count > 0) last = run.first_sequence + run.count - 1;
    }
    return last;
}

/* A second's half hundredth with a broker and a cloud that answer at once. */
static uint64_t live_on(uint64_t last)
{
    edge_rig_wakeup(&rig);
    last = sent_so_far(last);
    edge_rig_puback_all(&rig);
    last = sent_so_far(last);
    if (last > 0 && receipts[last].sequence == last)
        edge_rig_ack(&rig, &receipts[last].log, last, &receipts[last].hash);
    edge_rig_pass_ms(&rig, 20);
    return sent_so_far(last);
}

static void test_no_more_than_the_budget_goes_up(void **state)
{
    (void)state;
    rig.options.settings.budget_bytes_s = 20000;
    edge_rig_reopen(&rig);
    make_backlog();
    edge_rig_connect(&rig);
    uint64_t last = sent_so_far(0);
    const uint64_t before = edge_rig_status(&rig, "bytes_up");
    last = sent_so_far(last);
    for (uint64_t passed = 0; passed < 10000; passed += 20)
        last = live_on(last);
    const uint64_t sent = edge_rig_status(&rig, "bytes_up") - before;
    assert_true(sent <= 20000 * 11 + FRAME_SIZE_MAX);
    assert_true(sent >= 20000 * 8); /* the rest is headers */
    assert_true(edge_rig_status(&rig, "pending_entries") > 0);
}

static void test_the_budget_can_be_changed_while_it_runs(void **state)
{
    (void)state;
    const struct verb_argument rate = {BYTES_LITERAL("rate"), BYTES_LITERAL("5000")};
    const struct verb_argument wrong = {BYTES_LITERAL("rate"), BYTES_LITERAL("-1")};
    assert_int_equal(edge_rig_ask(&rig, "link-budget", &rate, 1), ST_OK);
    assert_int_equal(edge_rig_status(&rig, "link_budget_bytes_s"), 5000);
    assert_int_equal(edge_rig_ask(&rig, "link-budget", &wrong, 1), ST_USAGE);
    assert_int_equal(edge_rig_status(&rig, "link_budget_bytes_s"), 5000);
}

static enum status set_config(const char *key, const char *value)
{
    const struct verb_argument arguments[] = {{BYTES_LITERAL("key"), bytes_of_text(key)},
                                              {BYTES_LITERAL("value"), bytes_of_text(value)}};
    return edge_rig_ask(&rig, "config-set", arguments, 2);
}

static void test_a_config_key_sets_the_budget_and_its_end_brings_the_setting_back(void **state)
{
    (void)state;
    const struct verb_argument key = {BYTES_LITERAL("key"), BYTES_LITERAL(LINK_BUDGET_KEY)};
    rig.options.settings.budget_bytes_s = 1000;
    edge_rig_reopen(&rig);
    assert_int_equal(set_config(LINK_BUDGET_KEY, "7000"), ST_OK);
    assert_int_equal(edge_rig_status(&rig, "link_budget_bytes_s"), 7000);
    edge_rig_reopen(&rig);
    assert_int_equal(edge_rig_status(&rig, "link_budget_bytes_s"), 7000);
    assert_int_equal(set_config(LINK_BUDGET_KEY, "much"), ST_OK);
    assert_int_equal(edge_rig_status(&rig, "link_budget_bytes_s"), 1000);
    assert_int_equal(set_config(LINK_BUDGET_KEY, "0"), ST_OK);
    assert_int_equal(edge_rig_status(&rig, "link_budget_bytes_s"), 0);
    assert_int_equal(edge_rig_ask(&rig, "config-unset", &key, 1), ST_OK);
    assert_int_equal(edge_rig_status(&rig, "link_budget_bytes_s"), 1000);
}

static void test_critical_evidence_does_not_wait_for_the_budget(void **state)
{
    (void)state;
    rig.options.settings.budget_bytes_s = 100;
    edge_rig_reopen(&rig);
    edge_rig_append(&rig, 3, "backlog", 2000);
    edge_rig_connect(&rig);
    edge_rig_append(&rig, 0, "alarm", 1);
    assert_int_equal(edge_rig_frame_count(&rig, FRAME_EVIDENCE_AHEAD), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_pause_closes_the_link_and_a_restart_remembers_it),
        CASE(test_a_pause_holds_back_critical_evidence_too),
        CASE(test_resuming_opens_the_link_at_once),
        CASE(test_the_link_opens_and_closes_with_its_window),
        CASE(test_critical_evidence_opens_the_link_outside_its_windows_for_itself_alone),
        CASE(test_the_override_can_be_forbidden),
        CASE(test_a_node_without_a_time_does_not_wait_for_a_window),
        CASE(test_no_more_than_the_budget_goes_up),
        CASE(test_the_budget_can_be_changed_while_it_runs),
        CASE(test_a_config_key_sets_the_budget_and_its_end_brings_the_setting_back),
        CASE(test_critical_evidence_does_not_wait_for_the_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
