/* test_clock_heal.c - wrong clocks and how they heal (design 3.5): what was stamped wrongly is
 * stamped anew at the time it was really made, evidence never is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/control_entry.h"
#include "tests/support/edge_config.h"

enum { HOUR_MS = 60 * 60 * 1000, DAY_MS = 24 * HOUR_MS };

static struct edge_config config;

static int tear_down(void **state)
{
    (void)state;
    edge_config_close(&config);
    return 0;
}

/* The table of poisoned clocks. The rig's true time is in January 2027. */
struct poison {
    const char *name;
    int64_t error_ms;
    bool reads_1970;  /* a dead battery: error_ms is not used */
    bool never_known; /* the node never had a time: its first stamps are 1, 2, 3 ... */
    bool ahead;       /* so the evidence goes on in a new log */
};

static const struct poison poisons[] = {
    {"an hour ahead", HOUR_MS, false, false, true},
    {"a day ahead", DAY_MS, false, false, true},
    {"in 2099", INT64_C(72) * 365 * DAY_MS, false, false, true},
    {"in 1970, with a right time before", 0, true, false, false},
    {"in 1970, from the first start on", 0, true, true, false},
};

static void open_row(const struct poison *poison)
{
    if (poison->reads_1970)
        edge_config_open_unset(&config, poison->never_known);
    else
        edge_config_open(&config, poison->error_ms);
}

static void log_id_of(char out[40])
{
    edge_rig_status_text(&config.rig, "log", out, 40);
}

/* ---- The table ------------------------------------------------------------------------------- */

static void check_row(const struct poison *poison)
{
    char before[40], after[40];
    print_message("  %s\n", poison->name);
    open_row(poison);
    const int64_t first_ms = edge_config_true_ms(&config);
    edge_config_set(&config, "alpha", "{\"value\":1}");
    edge_rig_pass_ms(&config.rig, 10000);
    const int64_t second_ms = edge_config_true_ms(&config);
    edge_config_set(&config, "beta", "{\"value\":2}");
    edge_rig_pass_ms(&config.rig, 7000);
    log_id_of(before);
    edge_config_online(&config);

    edge_config_near_ms(edge_config_sent_ms(&config, "alpha"), first_ms);
    edge_config_near_ms(edge_config_sent_ms(&config, "beta"), second_ms);
    /* The cloud may have judged the old numbers: refused is refused. */
    assert_int_equal(edge_config_sent_write(&config, "alpha")->operation, 3);
    assert_int_equal(edge_config_sent_write(&config, "beta")->operation, 4);
    log_id_of(after);
    assert_int_equal(strcmp(before, after) != 0, poison->ahead);
    assert_int_equal(edge_rig_verb(&config.rig, "verify"), ST_OK);
    edge_config_reply(&config);
    assert_int_equal(edge_rig_status(&config.rig, "clock_healed"), 1);
    edge_config_close(&config);
}

static void test_each_poisoned_clock_heals_with_the_first_reply(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(poisons); i++)
        check_row(&poisons[i]);
}

/* Behind is not poison: such stamps lose against later ones, and the clock is simply set. */
static void test_a_clock_that_was_behind_is_set_and_its_log_goes_on(void **state)
{
    (void)state;
    char before[40], after[40];
    edge_config_open(&config, -DAY_MS);
    log_id_of(before);
    edge_config_online(&config);
    log_id_of(after);
    assert_string_equal(before, after);
    edge_config_set(&config, "alpha", "{\"value\":1}");
    edge_config_near_ms(edge_config_sent_ms(&config, "alpha"), edge_config_true_ms(&config));
}

/* What heals must not be healed again: each time would cost a log. */
static void test_a_healed_clock_is_not_healed_again(void **state)
{
    (void)state;
    char healed[40], after[40];
    edge_config_open(&config, HOUR_MS);
    edge_config_online(&config);
    log_id_of(healed);
    edge_rig_disconnect(&config.rig);
    edge_rig_pass_ms(&config.rig, 60000);
    edge_config_online(&config);
    log_id_of(after);
    assert_string_equal(healed, after);
}

/* Else the clock would run through a new log at each connection for as long as the cloud's own
 * mistake lasts. */
static void test_stamps_that_the_cloud_admitted_are_never_called_ahead(void **state)
{
    (void)state;
    char before[40], after[40];
    edge_config_open(&config, HOUR_MS);
    config.admitted = edge_config_stamp(&config, HOUR_MS + 1000);
    log_id_of(before);
    edge_config_online(&config);
    log_id_of(after);
    assert_string_equal(before, after);
}

/* ---- Others' writes -------------------------------------------------------------------------- */

static void write_an_hour_ahead(void)
{
    edge_config_open(&config, HOUR_MS);
    edge_config_set(&config, "alpha", "{\"value\":\"ours\",\"scope\":\"fleet\"}");
    edge_rig_pass_ms(&config.rig, 60000);
}

static void test_an_honest_write_made_later_elsewhere_wins(void **state)
{
    (void)state;
    write_an_hour_ahead();
    const struct config_entry theirs =
        edge_config_entry("fleet", "alpha", edge_config_stamp(&config, -1000), "edge-2", "theirs");
    edge_config_online(&config);
    edge_config_publish(&config, &theirs);
    assert_string_equal(edge_config_value(&config, "alpha"), "theirs");
}

/* The retained register may arrive before the reply that heals: what was not seen when the write
 * was made must not lift it. */
static void test_it_wins_also_when_it_arrives_before_the_clock_heals(void **state)
{
    (void)state;
    write_an_hour_ahead();
    const struct config_entry theirs =
        edge_config_entry("fleet", "alpha", edge_config_stamp(&config, -1000), "edge-2", "theirs");
    edge_config_connect(&config);
    edge_config_publish(&config, &theirs);
    edge_config_reply(&config);
    assert_string_equal(edge_config_value(&config, "alpha"), "theirs");
}

static void test_an_honest_write_made_earlier_elsewhere_loses(void **state)
{
    (void)state;
    edge_config_open(&config, HOUR_MS);
    const struct config_entry theirs =
        edge_config_entry("fleet", "alpha", edge_config_stamp(&config, 0), "edge-2", "theirs");
    edge_rig_pass_ms(&config.rig, 60000);
    edge_config_set(&config, "alpha", "{\"value\":\"ours\",\"scope\":\"fleet\"}");
    edge_rig_pass_ms(&config.rig, 60000);
    edge_config_online(&config);
    edge_config_publish(&config, &theirs);
    assert_string_equal(edge_config_value(&config, "alpha"), "ours");
}

/* Whoever overwrites a value has seen it: the new stamp stays above the old one's even where the
 * true time was before it. */
static void test_a_write_given_a_new_stamp_still_follows_what_it_overwrote(void **state)
{
    (void)state;
    const struct ack_refusal refusal = {1, 1, WRITE_FUTURE};
    edge_config_open(&config, 0);
    const struct config_entry seen =
        edge_config_entry("fleet", "alpha", edge_config_stamp(&config, 200000), "edge-2", "seen");
    edge_config_online(&config);
    edge_config_publish(&config, &seen);
    edge_config_set(&config, "alpha", "{\"value\":\"ours\",\"scope\":\"fleet\"}");
    assert_true(edge_config_sent_writes(&config, 0));
    edge_config_ack(&config, config.writes->incarnation, 1, &refusal, 1);
    config.rig.cloud_stamp = seen.reg.hlc + 1;
    edge_config_reply(&config);
    assert_true(edge_config_sent_write(&config, "alpha")->entry.reg.hlc > seen.reg.hlc);
    assert_string_equal(edge_config_value(&config, "alpha"), "ours");
}

/* The first is a little ahead and keeps its stamp, the second is far ahead and gets a new one. */
static void test_a_write_given_a_new_stamp_still_follows_our_own_earlier_one(void **state)
{
    (void)state;
    edge_config_open(&config, 200000);
    edge_config_set(&config, "alpha", "{\"value\":\"first\"}");
    edge_config_set_wall_error(&config, HOUR_MS);
    edge_rig_pass_ms(&config.rig, 1000);
    edge_config_set(&config, "alpha", "{\"value\":\"second\"}");
    edge_config_online(&config);
    assert_true(edge_config_sent_writes(&config, 0));
    assert_int_equal(config.writes->count, 2);
    assert_true(config.writes->writes[0].entry.reg.hlc < config.writes->writes[1].entry.reg.hlc);
    assert_string_equal(edge_config_value(&config, "alpha"), "second");
}

/* The battery was dead, then somebody set the clock, then the node was restarted: that the time was
 * known is remembered with the write. */
static void test_a_write_stamped_while_the_time_was_known_keeps_its_stamp(void **state)
{
    (void)state;
    edge_config_open_unset(&config, false);
    edge_config_set(&config, "alpha", "{\"value\":1}");
    edge_config_set_wall_error(&config, 0);
    edge_rig_pass_ms(&config.rig, 5000); /* a clock just opened is a second ahead */
    const int64_t second_ms = edge_config_true_ms(&config);
    edge_config_set(&config, "beta", "{\"value\":2}");
    memset(config.rig.options.boot_id, 9, sizeof(config.rig.options.boot_id));
    edge_rig_reopen(&config.rig);
    edge_rig_pass_ms(&config.rig, HOUR_MS);
    edge_config_online(&config);
    edge_config_near_ms(edge_config_sent_ms(&config, "beta"), second_ms);
}

/* ---- The evidence ---------------------------------------------------------------------------- */

/* What the frames of evidence of the last batch told of the change of logs. */
struct change_of_logs {
    bool clock_seen, close_seen, genesis_seen;
    char previous[40]; /* that GENESIS names */
};

static void look_at_entry(const struct evidence_entry *entry, struct change_of_logs *seen)
{
    struct evidence_header header;
    struct genesis genesis;
    const struct bytes bytes = bytes_of(entry->header.bytes, ENTRY_HEADER_SIZE);
    assert_int_equal(evidence_header_decode(bytes, &header), ST_OK);
    if (header.type == EVIDENCE_CLOCK) seen->clock_seen = true;
    if (header.type == EVIDENCE_CLOSE) seen->close_seen = seen->clock_seen;
    if (header.type != EVIDENCE_GENESIS || !seen->close_seen) return;
    assert_int_equal(genesis_decode(config.rig.unpacker, entry->payload, &genesis), ST_OK);
    assert_true(genesis.has_previous);
    hex_encode(bytes_of(genesis.previous_log.bytes, LOG_ID_SIZE), seen->previous);
    seen->genesis_seen = true;
}

static void look_at_frames(struct change_of_logs *seen)
{
    static struct evidence_run run;
    struct bytes body;
    for (size_t n = 0; edge_rig_frame(&config.rig, FRAME_EVIDENCE, n, &body); n++) {
        assert_int_equal(evidence_msg_decode(config.rig.unpacker, config.rig.hasher,
                                             &config.rig.options.node, body, &run),
                         ST_OK);
        for (size_t i = 0; i < run.count; i++)
            look_at_entry(&run.entries[i], seen);
    }
}

static void test_the_old_log_ends_with_clock_and_close_and_the_new_one_names_it(void **state)
{
    (void)state;
    struct change_of_logs seen = {0};
    char old_log[40];
    edge_config_open(&config, HOUR_MS);
    edge_rig_append(&config.rig, 3, "e", 3);
    log_id_of(old_log);
    edge_config_online(&config);
    look_at_frames(&seen);
    /* Frames that are not full wait a moment for company. */
    for (int i = 0; i < 3; i++) {
        edge_rig_pass_ms(&config.rig, 100);
        edge_rig_wakeup(&config.rig);
        look_at_frames(&seen);
    }
    assert_true(seen.clock_seen);
    assert_true(seen.close_seen);
    assert_true(seen.genesis_seen);
    assert_string_equal(seen.previous, old_log);
}

static int close_nothing(void **state)
{
    (void)state;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_each_poisoned_clock_heals_with_the_first_reply,
                                  close_nothing),
        cmocka_unit_test_teardown(test_a_clock_that_was_behind_is_set_and_its_log_goes_on,
                                  tear_down),
        cmocka_unit_test_teardown(test_a_healed_clock_is_not_healed_again, tear_down),
        cmocka_unit_test_teardown(test_stamps_that_the_cloud_admitted_are_never_called_ahead,
                                  tear_down),
        cmocka_unit_test_teardown(test_an_honest_write_made_later_elsewhere_wins, tear_down),
        cmocka_unit_test_teardown(test_it_wins_also_when_it_arrives_before_the_clock_heals,
                                  tear_down),
        cmocka_unit_test_teardown(test_an_honest_write_made_earlier_elsewhere_loses, tear_down),
        cmocka_unit_test_teardown(test_a_write_given_a_new_stamp_still_follows_what_it_overwrote,
                                  tear_down),
        cmocka_unit_test_teardown(test_a_write_given_a_new_stamp_still_follows_our_own_earlier_one,
                                  tear_down),
        cmocka_unit_test_teardown(test_a_write_stamped_while_the_time_was_known_keeps_its_stamp,
                                  tear_down),
        cmocka_unit_test_teardown(
            test_the_old_log_ends_with_clock_and_close_and_the_new_one_names_it, tear_down),
    };
    return cmocka_run_group_tests_name("edge-bridge/clock_heal", tests, NULL, NULL);
}
