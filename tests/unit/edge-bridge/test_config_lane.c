/* test_config_lane.c - local config writes: in effect at once, told to the cloud when its clock was
 * heard, judged by it once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/hlc.h"
#include "edge-bridge/edge_state.h"
#include "tests/support/edge_config.h"

static struct edge_config config;

static int set_up(void **state)
{
    (void)state;
    edge_config_open(&config, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_config_close(&config);
    return 0;
}

static void set_text(const char *key, const char *value)
{
    char json[128];
    snprintf(json, sizeof(json), "{\"value\":\"%s\"}", value);
    edge_config_set(&config, key, json);
    assert_non_null(strstr(edge_config_response(&config), "\"status\":\"ok\""));
}

/* Online with one write of alpha that was sent under operation 1. */
static uint32_t online_with_a_write(void)
{
    set_text("alpha", "one");
    edge_config_online(&config);
    assert_true(edge_config_sent_writes(&config, 0));
    return config.writes->incarnation;
}

static void assert_field(const char *key, const char *field, const char *expected)
{
    assert_int_equal(edge_config_verb(&config, "config-get", "key", key, NULL, NULL), ST_OK);
    assert_string_equal(edge_config_field(&config, field), expected);
}

/* ---- In effect ------------------------------------------------------------------------------- */

static void test_a_local_write_is_in_effect_at_once_without_the_cloud(void **state)
{
    (void)state;
    set_text("alpha", "one");
    assert_string_equal(edge_config_value(&config, "alpha"), "one");
    assert_field("alpha", "pending", "true");
    assert_field("alpha", "scope", "node/edge-1");
    assert_field("alpha", "node", "edge-1");
}

static void test_a_pending_write_survives_a_power_cut(void **state)
{
    (void)state;
    set_text("alpha", "one");
    edge_rig_power_cut(&config.rig);
    assert_string_equal(edge_config_value(&config, "alpha"), "one");
    edge_config_online(&config);
    assert_int_equal(edge_config_sent_write(&config, "alpha")->operation, 1);
}

static void test_the_later_of_two_pending_writes_counts(void **state)
{
    (void)state;
    set_text("alpha", "one");
    set_text("alpha", "two");
    assert_string_equal(edge_config_value(&config, "alpha"), "two");
}

static void test_a_local_write_beats_the_register_that_it_has_seen_however_far_ahead(void **state)
{
    (void)state;
    edge_config_online(&config);
    const struct config_entry entry = edge_config_entry(
        "node/edge-1", "alpha", edge_config_stamp(&config, 1900), "cloud", "theirs");
    edge_config_publish(&config, &entry);
    set_text("alpha", "ours");
    assert_string_equal(edge_config_value(&config, "alpha"), "ours");
}

static void test_a_local_write_takes_over_the_epoch_of_the_register(void **state)
{
    (void)state;
    edge_config_online(&config);
    struct config_entry entry =
        edge_config_entry("node/edge-1", "alpha", edge_config_stamp(&config, 0), "cloud", "old");
    entry.reg.epoch = 7;
    edge_config_publish(&config, &entry);
    set_text("alpha", "ours");
    assert_int_equal(edge_config_sent_write(&config, "alpha")->entry.reg.epoch, 7);
    assert_string_equal(edge_config_value(&config, "alpha"), "ours");
}

/* ---- Sending --------------------------------------------------------------------------------- */

/* Before its clock was compared a node could send stamps that poison a register. */
static void test_nothing_is_sent_before_the_hello_is_answered(void **state)
{
    (void)state;
    set_text("alpha", "one");
    edge_config_connect(&config);
    assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_CONFIG), 0);
    edge_config_reply(&config);
    assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_CONFIG), 1);
}

static void test_writes_travel_in_order_with_their_numbers(void **state)
{
    (void)state;
    set_text("alpha", "one");
    set_text("beta", "two");
    set_text("alpha", "three");
    edge_config_online(&config);
    assert_true(edge_config_sent_writes(&config, 0));
    assert_int_equal(config.writes->count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct config_write *write = &config.writes->writes[i];
        assert_int_equal(write->operation, i + 1);
        assert_string_equal(write->entry.reg.node.text, "edge-1");
        if (i > 0) assert_true(write->entry.reg.hlc > write[-1].entry.reg.hlc);
    }
    assert_int_not_equal(config.writes->incarnation, 0);
}

static void test_a_write_is_sent_once_on_a_connection_and_again_on_the_next(void **state)
{
    (void)state;
    online_with_a_write();
    edge_rig_wakeup(&config.rig);
    assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_CONFIG), 0);
    edge_rig_disconnect(&config.rig);
    edge_config_online(&config);
    assert_int_equal(edge_config_sent_write(&config, "alpha")->operation, 1);
}

static void test_a_write_made_while_online_goes_at_once(void **state)
{
    (void)state;
    edge_config_online(&config);
    set_text("alpha", "one");
    assert_non_null(edge_config_sent_write(&config, "alpha"));
}

/* The cloud's answer is the greatest number it judged, so if a broker lost the first of two frames
 * its write would pass for admitted. */
static void test_a_second_frame_waits_for_the_judgement_of_the_first(void **state)
{
    (void)state;
    const uint32_t incarnation = online_with_a_write();
    set_text("beta", "two");
    assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_CONFIG), 0);
    edge_config_ack(&config, incarnation, 1, NULL, 0);
    assert_int_equal(edge_config_sent_write(&config, "beta")->operation, 2);
}

static void test_a_frame_that_was_lost_is_sent_again_with_what_was_written_since(void **state)
{
    (void)state;
    online_with_a_write();
    edge_rig_puback_all(&config.rig);
    set_text("beta", "two");
    edge_rig_pass_ms(&config.rig, 6000);
    edge_rig_wakeup(&config.rig);
    assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_HELLO), 1);
    edge_config_reply(&config);
    assert_true(edge_config_sent_writes(&config, 0));
    assert_int_equal(config.writes->count, 2);
    assert_int_equal(config.writes->writes[0].operation, 1);
}

static void test_a_backlog_is_cut_into_frames(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 700; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key-%u", i);
        set_text(key, "value");
    }
    edge_config_online(&config);
    /* Fewer frames than the broker takes at once. */
    config.rig.edge->outbox.pace.rate_bytes_s = 32 * 1024;
    size_t count = 0;
    uint64_t last = 0;
    for (int round = 0; round < 50 && last < 700; round++) {
        for (size_t n = 0; edge_config_sent_writes(&config, n); n++) {
            assert_true(config.writes->count <= CONFIG_WRITES_MAX);
            assert_int_equal(config.writes->writes[0].operation, last + 1);
            count += config.writes->count;
            last = config.writes->writes[config.writes->count - 1].operation;
        }
        edge_config_ack(&config, config.writes->incarnation, last, NULL, 0);
    }
    assert_int_equal(count, 700);
    assert_int_equal(edge_rig_status(&config.rig, "config_pending"), 0);
}

/* ---- Judgement ------------------------------------------------------------------------------- */

static void test_an_admitted_write_is_pending_no_more_and_still_counts(void **state)
{
    (void)state;
    const uint32_t incarnation = online_with_a_write();
    edge_config_ack(&config, incarnation, 1, NULL, 0);
    assert_field("alpha", "pending", "false");
    assert_string_equal(edge_config_value(&config, "alpha"), "one");
    assert_int_equal(edge_rig_status(&config.rig, "config_pending"), 0);
    assert_int_equal(edge_rig_status(&config.rig, "config_registers"), 1);
}

static void test_each_final_refusal_takes_the_write_back_and_says_why(void **state)
{
    (void)state;
    static const enum write_refusal reasons[] = {WRITE_DENIED, WRITE_UNKNOWN_KEY, WRITE_TYPE,
                                                 WRITE_EPOCH, WRITE_FULL};
    uint32_t incarnation = 0;
    edge_config_online(&config);
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        const struct ack_refusal refusal = {i + 1, i + 1, reasons[i]};
        set_text("alpha", "refused");
        assert_true(edge_config_sent_writes(&config, 0));
        incarnation = config.writes->incarnation;
        edge_config_ack(&config, incarnation, i + 1, &refusal, 1);
        assert_null(edge_config_value(&config, "alpha"));
        assert_int_equal(edge_config_verb(&config, "config-list", NULL, NULL, NULL, NULL), ST_OK);
        assert_string_equal(edge_config_field(&config, "refused"), write_refusal_words(reasons[i]));
    }
    assert_int_equal(edge_rig_status(&config.rig, "config_pending"), 0);
}

static void test_a_refused_write_gives_way_to_what_was_there_before(void **state)
{
    (void)state;
    edge_config_online(&config);
    const struct config_entry entry = edge_config_entry(
        "node/edge-1", "alpha", edge_config_stamp(&config, -5000), "cloud", "theirs");
    edge_config_publish(&config, &entry);
    set_text("alpha", "ours");
    assert_true(edge_config_sent_writes(&config, 0));
    const struct ack_refusal refusal = {1, 1, WRITE_DENIED};
    edge_config_ack(&config, config.writes->incarnation, 1, &refusal, 1);
    assert_field("alpha", "value", "theirs");
    assert_field("alpha", "refused", write_refusal_words(WRITE_DENIED));
}

static void test_the_next_write_of_a_key_clears_its_refusal(void **state)
{
    (void)state;
    const uint32_t incarnation = online_with_a_write();
    const struct ack_refusal refusal = {1, 1, WRITE_TYPE};
    edge_config_ack(&config, incarnation, 1, &refusal, 1);
    set_text("alpha", "two");
    assert_field("alpha", "refused", "");
}

static void test_a_refused_write_is_not_sent_again(void **state)
{
    (void)state;
    const uint32_t incarnation = online_with_a_write();
    const struct ack_refusal refusal = {1, 1, WRITE_DENIED};
    edge_config_ack(&config, incarnation, 1, &refusal, 1);
    edge_rig_disconnect(&config.rig);
    edge_config_online(&config);
    assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_CONFIG), 0);
}

static void test_only_the_judged_ones_are_taken_off(void **state)
{
    (void)state;
    set_text("alpha", "one");
    set_text("beta", "two");
    edge_config_online(&config);
    assert_true(edge_config_sent_writes(&config, 0));
    edge_config_ack(&config, config.writes->incarnation, 1, NULL, 0);
    assert_field("alpha", "pending", "false");
    assert_field("beta", "pending", "true");
}

static void test_an_acknowledgement_of_another_incarnation_says_nothing(void **state)
{
    (void)state;
    const uint32_t incarnation = online_with_a_write();
    edge_config_ack(&config, incarnation + 1, 1, NULL, 0);
    assert_field("alpha", "pending", "true");
}

/* The table of an acknowledgement holds the newest refusals only: a write before them may have been
 * refused too, so it is not called admitted; what the cloud publishes decides. */
static void test_a_write_older_than_a_full_table_of_refusals_is_not_called_admitted(void **state)
{
    (void)state;
    struct ack_refusal refusals[ACK_REFUSALS_MAX];
    for (unsigned i = 0; i < 2 * ACK_REFUSALS_MAX + 2; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key-%u", i + 1);
        set_text(key, "value");
    }
    edge_config_online(&config);
    assert_true(edge_config_sent_writes(&config, 0));
    for (unsigned i = 0; i < ACK_REFUSALS_MAX; i++)
        refusals[i] = (struct ack_refusal){2 * i + 3, 2 * i + 3, WRITE_DENIED};
    edge_config_ack(&config, config.writes->incarnation, 2 * ACK_REFUSALS_MAX + 2, refusals,
                    ACK_REFUSALS_MAX);
    assert_null(edge_config_value(&config, "key-1"));
    assert_null(edge_config_value(&config, "key-2"));
    assert_null(edge_config_value(&config, "key-3"));
    assert_non_null(edge_config_value(&config, "key-4"));
}

/* ---- Refused for its stamp ------------------------------------------------------------------- */

static void test_a_write_refused_for_its_stamp_counts_on_and_the_cloud_is_asked(void **state)
{
    (void)state;
    const uint32_t incarnation = online_with_a_write();
    const struct ack_refusal refusal = {1, 1, WRITE_FUTURE};
    edge_config_ack(&config, incarnation, 1, &refusal, 1);
    assert_string_equal(edge_config_value(&config, "alpha"), "one");
    assert_field("alpha", "pending", "true");
    assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_HELLO), 0); /* just said one */
    edge_rig_pass_ms(&config.rig, 6000);
    edge_rig_wakeup(&config.rig);
    assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_HELLO), 1);
}

static void test_the_answer_gives_it_a_new_number(void **state)
{
    (void)state;
    const uint32_t incarnation = online_with_a_write();
    const struct ack_refusal refusal = {1, 1, WRITE_FUTURE};
    edge_config_ack(&config, incarnation, 1, &refusal, 1);
    edge_rig_pass_ms(&config.rig, 6000);
    edge_rig_wakeup(&config.rig);
    edge_config_reply(&config);
    assert_int_equal(edge_config_sent_write(&config, "alpha")->operation, 2);
    assert_true(edge_config_sent_write(&config, "alpha")->entry.reg.hlc <=
                edge_config_stamp(&config, 0));
}

/* The refused one gets a new number, so all that were made after it must: the cloud judges by
 * number. */
static void test_what_was_written_after_it_follows_it_in_the_new_order_too(void **state)
{
    (void)state;
    set_text("alpha", "one");
    set_text("alpha", "two");
    edge_config_online(&config);
    assert_true(edge_config_sent_writes(&config, 0));
    const struct ack_refusal refusal = {1, 1, WRITE_FUTURE};
    edge_config_ack(&config, config.writes->incarnation, 1, &refusal, 1);
    edge_rig_pass_ms(&config.rig, 6000);
    edge_rig_wakeup(&config.rig);
    edge_config_reply(&config);
    assert_true(edge_config_sent_writes(&config, 0));
    assert_int_equal(config.writes->count, 2);
    assert_true(config.writes->writes[0].entry.reg.hlc < config.writes->writes[1].entry.reg.hlc);
    assert_string_equal(edge_config_value(&config, "alpha"), "two");
}

/* Giving it a new stamp would lift the older value over the newer. */
static void test_it_is_history_when_our_own_later_write_was_admitted(void **state)
{
    (void)state;
    const struct ack_refusal refusal = {1, 1, WRITE_FUTURE};
    const uint32_t incarnation = online_with_a_write();
    edge_config_ack(&config, incarnation, 1, &refusal, 1);
    set_text("alpha", "two");
    assert_int_equal(edge_config_sent_write(&config, "alpha")->operation, 2);
    edge_config_ack(&config, incarnation, 2, &refusal, 1);
    edge_rig_pass_ms(&config.rig, 6000);
    edge_rig_wakeup(&config.rig);
    edge_config_reply(&config);
    assert_null(edge_config_sent_write(&config, "alpha"));
    assert_string_equal(edge_config_value(&config, "alpha"), "two");
    assert_int_equal(edge_rig_status(&config.rig, "config_pending"), 0);
}

/* ---- Restored from a backup ------------------------------------------------------------------ */

static void test_numbers_that_were_never_given_out_bring_a_new_incarnation(void **state)
{
    (void)state;
    const uint32_t incarnation = online_with_a_write();
    edge_config_ack(&config, incarnation, 50, NULL, 0);
    const struct config_write *write = edge_config_sent_write(&config, "alpha");
    assert_non_null(write);
    assert_int_not_equal(config.writes->incarnation, incarnation);
    assert_field("alpha", "pending", "true");
    edge_config_ack(&config, config.writes->incarnation, write->operation, NULL, 0);
    assert_field("alpha", "pending", "false");
}

static void test_the_incarnation_survives_a_restart(void **state)
{
    (void)state;
    const uint32_t incarnation = online_with_a_write();
    edge_rig_power_cut(&config.rig);
    edge_config_online(&config);
    assert_true(edge_config_sent_writes(&config, 0));
    assert_int_equal(config.writes->incarnation, incarnation);
}

static void test_numbers_are_not_given_out_twice_over_a_restart(void **state)
{
    (void)state;
    const uint32_t incarnation = online_with_a_write();
    edge_config_ack(&config, incarnation, 1, NULL, 0);
    edge_rig_power_cut(&config.rig);
    set_text("beta", "two");
    edge_config_online(&config);
    assert_int_equal(edge_config_sent_write(&config, "beta")->operation, 2);
}

/* ---- Bounds ---------------------------------------------------------------------------------- */

/* An outage of weeks with a setting that somebody turns all day: what was never seen by anybody
 * gives way, the last word stays. */
static void test_many_writes_of_one_key_in_an_outage_stay_bounded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1500; i++) {
        char value[16];
        snprintf(value, sizeof(value), "%u", i);
        set_text("alpha", value);
    }
    assert_true(edge_rig_status(&config.rig, "config_pending") <= 1024);
    assert_string_equal(edge_config_value(&config, "alpha"), "1499");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_local_write_is_in_effect_at_once_without_the_cloud),
        CASE(test_a_pending_write_survives_a_power_cut),
        CASE(test_the_later_of_two_pending_writes_counts),
        CASE(test_a_local_write_beats_the_register_that_it_has_seen_however_far_ahead),
        CASE(test_a_local_write_takes_over_the_epoch_of_the_register),
        CASE(test_nothing_is_sent_before_the_hello_is_answered),
        CASE(test_writes_travel_in_order_with_their_numbers),
        CASE(test_a_write_is_sent_once_on_a_connection_and_again_on_the_next),
        CASE(test_a_write_made_while_online_goes_at_once),
        CASE(test_a_second_frame_waits_for_the_judgement_of_the_first),
        CASE(test_a_frame_that_was_lost_is_sent_again_with_what_was_written_since),
        CASE(test_a_backlog_is_cut_into_frames),
        CASE(test_an_admitted_write_is_pending_no_more_and_still_counts),
        CASE(test_each_final_refusal_takes_the_write_back_and_says_why),
        CASE(test_a_refused_write_gives_way_to_what_was_there_before),
        CASE(test_the_next_write_of_a_key_clears_its_refusal),
        CASE(test_a_refused_write_is_not_sent_again),
        CASE(test_only_the_judged_ones_are_taken_off),
        CASE(test_an_acknowledgement_of_another_incarnation_says_nothing),
        CASE(test_a_write_older_than_a_full_table_of_refusals_is_not_called_admitted),
        CASE(test_a_write_refused_for_its_stamp_counts_on_and_the_cloud_is_asked),
        CASE(test_the_answer_gives_it_a_new_number),
        CASE(test_what_was_written_after_it_follows_it_in_the_new_order_too),
        CASE(test_it_is_history_when_our_own_later_write_was_admitted),
        CASE(test_numbers_that_were_never_given_out_bring_a_new_incarnation),
        CASE(test_the_incarnation_survives_a_restart),
        CASE(test_numbers_are_not_given_out_twice_over_a_restart),
        CASE(test_many_writes_of_one_key_in_an_outage_stay_bounded),
    };
    return cmocka_run_group_tests_name("edge-bridge/config_lane", tests, NULL, NULL);
}
