/* test_clock.c - which time is believed, and that it lasts: over restarts, jumps of the wall clock,
 * slow and strange replies. How a wrong clock heals is in test_clock_heal.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/edge_config.h"

enum { HOUR_MS = 60 * 60 * 1000, DAY_MS = 24 * HOUR_MS };

static struct edge_config config;

static int tear_down(void **state)
{
    (void)state;
    edge_config_close(&config);
    return 0;
}

static void log_id_of(char out[40])
{
    edge_rig_status_text(&config.rig, "log", out, 40);
}

/* ---- Restarts -------------------------------------------------------------------------------- */

static uint64_t last_stamp(void)
{
    assert_int_equal(edge_rig_verb(&config.rig, "clock"), ST_OK);
    return strtoull(edge_config_field(&config, "last_stamp"), NULL, 10);
}

static void test_a_power_cut_right_after_the_healing_does_not_bring_the_old_time_back(void **state)
{
    (void)state;
    edge_config_open(&config, HOUR_MS);
    edge_config_online(&config);
    edge_rig_power_cut(&config.rig);
    assert_true(last_stamp() < edge_config_stamp(&config, 5000));
}

static void test_stamps_given_before_a_power_cut_are_not_given_again(void **state)
{
    (void)state;
    edge_config_open(&config, HOUR_MS);
    edge_config_online(&config);
    edge_config_set(&config, "alpha", "{\"value\":1}");
    const uint64_t before = last_stamp();
    edge_rig_power_cut(&config.rig);
    edge_config_set(&config, "alpha", "{\"value\":2}");
    assert_true(last_stamp() > before);
}

/* Each of them opens the engine anew; were the limit ahead left behind, thirty would be half a
 * minute in the future, and the cloud would refuse them. */
static void test_verbs_without_a_daemon_do_not_run_ahead_of_the_time(void **state)
{
    (void)state;
    edge_config_open(&config, 0);
    config.rig.options.daemon = false;
    for (unsigned i = 0; i < 30; i++) {
        edge_rig_reopen(&config.rig);
        edge_config_set(&config, "alpha", "{\"value\":1}");
    }
    edge_rig_reopen(&config.rig);
    assert_true(last_stamp() < edge_config_stamp(&config, 3000));
}

/* An edge works on its own, whatever its clock reads. */
static void test_a_boot_with_a_clock_that_is_behind_blocks_no_local_write(void **state)
{
    (void)state;
    edge_config_open(&config, 0);
    edge_config_online(&config);
    const struct config_entry entry =
        edge_config_entry("fleet", "alpha", edge_config_stamp(&config, 200000), "cloud", "theirs");
    edge_config_publish(&config, &entry);
    memset(config.rig.options.boot_id, 9, sizeof(config.rig.options.boot_id));
    edge_config_set_wall_error(&config, -2 * HOUR_MS);
    edge_rig_power_cut(&config.rig);
    edge_config_set(&config, "alpha", "{\"value\":\"ours\",\"scope\":\"fleet\"}");
    assert_string_equal(edge_config_value(&config, "alpha"), "ours");
}

/* The monotonic clock goes on over a restart of the program, so the cloud's word still holds. */
static void test_a_restart_of_the_program_keeps_the_time_that_the_cloud_told(void **state)
{
    (void)state;
    edge_config_open(&config, -HOUR_MS);
    edge_config_online(&config);
    edge_rig_pass_ms(&config.rig, 60000);
    edge_rig_reopen(&config.rig);
    edge_config_set(&config, "alpha", "{\"value\":1}");
    edge_config_online(&config);
    edge_config_near_ms(edge_config_sent_ms(&config, "alpha"), edge_config_true_ms(&config) - 2000);
}

static void test_another_boot_trusts_its_own_wall_clock_again(void **state)
{
    (void)state;
    edge_config_open(&config, -HOUR_MS);
    edge_config_online(&config);
    memset(config.rig.options.boot_id, 9, sizeof(config.rig.options.boot_id));
    edge_rig_reopen(&config.rig);
    assert_int_equal(edge_rig_verb(&config.rig, "clock"), ST_OK);
    assert_string_equal(edge_config_field(&config, "offset_ms"), "0");
    assert_string_equal(edge_config_field(&config, "synchronised"), "false");
}

/* ---- Jumps ----------------------------------------------------------------------------------- */

static void check_jump(int64_t jump_ms)
{
    edge_config_open(&config, 0);
    edge_config_online(&config);
    edge_config_set_wall_error(&config, jump_ms);
    edge_rig_pass_ms(&config.rig, 50);
    edge_config_set(&config, "alpha", "{\"value\":1}");
    edge_config_near_ms(edge_config_sent_ms(&config, "alpha"), edge_config_true_ms(&config));
    edge_config_close(&config);
}

static void test_a_jump_of_the_wall_clock_while_connected_moves_no_stamp(void **state)
{
    (void)state;
    check_jump(DAY_MS);
    check_jump(-DAY_MS);
    check_jump(INT64_C(-57) * 365 * DAY_MS);
}

/* ---- What is believed ------------------------------------------------------------------------ */

/* After half a minute in some queue a reply says little about now. */
static void test_a_slow_reply_does_not_set_the_clock(void **state)
{
    (void)state;
    edge_config_open(&config, HOUR_MS);
    edge_config_connect(&config);
    const uint64_t sent_mono_ms = config.rig.now.mono_ns / 1000000;
    edge_rig_pass_ms(&config.rig, 31000);
    edge_config_reply_at(&config, edge_config_true_ms(&config), sent_mono_ms);
    assert_int_equal(edge_rig_verb(&config.rig, "clock"), ST_OK);
    assert_string_equal(edge_config_field(&config, "offset_ms"), "0");
}

static void test_half_of_the_round_trip_is_taken_off(void **state)
{
    (void)state;
    edge_config_open(&config, HOUR_MS);
    edge_config_connect(&config);
    const uint64_t sent_mono_ms = config.rig.now.mono_ns / 1000000;
    edge_rig_pass_ms(&config.rig, 8000);
    edge_config_reply_at(&config, edge_config_true_ms(&config) - 4000, sent_mono_ms);
    assert_int_equal(edge_rig_verb(&config.rig, "clock"), ST_OK);
    edge_config_near_ms(strtoll(edge_config_field(&config, "offset_ms"), NULL, 10), -HOUR_MS);
}

/* A slow reply must not make a right clock look ahead. */
static void test_a_right_clock_is_not_ahead_of_a_reply_that_took_long(void **state)
{
    (void)state;
    char before[40], after[40];
    edge_config_open(&config, 0);
    edge_config_online(&config);
    log_id_of(before);
    edge_rig_disconnect(&config.rig);
    edge_config_connect(&config);
    const uint64_t sent_mono_ms = config.rig.now.mono_ns / 1000000;
    const int64_t cloud_ms = edge_config_true_ms(&config);
    edge_rig_pass_ms(&config.rig, 20000);
    edge_rig_append(&config.rig, 3, "e", 1);
    edge_config_reply_at(&config, cloud_ms, sent_mono_ms);
    log_id_of(after);
    assert_string_equal(before, after);
}

static void test_an_echo_from_the_future_is_not_ours(void **state)
{
    (void)state;
    edge_config_open(&config, HOUR_MS);
    edge_config_connect(&config);
    edge_config_reply_at(&config, edge_config_true_ms(&config),
                         config.rig.now.mono_ns / 1000000 + 1000);
    assert_int_equal(edge_rig_verb(&config.rig, "clock"), ST_OK);
    assert_string_equal(edge_config_field(&config, "offset_ms"), "0");
}

/* A cloud on a machine with a dead battery would pull a whole fleet back. */
static void test_a_cloud_whose_own_clock_was_never_set_is_not_followed(void **state)
{
    (void)state;
    edge_config_open(&config, 0);
    edge_config_connect(&config);
    edge_config_reply_at(&config, 5000, config.rig.now.mono_ns / 1000000);
    assert_int_equal(edge_rig_verb(&config.rig, "clock"), ST_OK);
    assert_string_equal(edge_config_field(&config, "offset_ms"), "0");
    assert_string_equal(edge_config_field(&config, "heal_count"), "0");
}

static void test_a_difference_below_two_seconds_moves_nothing(void **state)
{
    (void)state;
    edge_config_open(&config, 1900);
    edge_config_online(&config);
    assert_int_equal(edge_rig_verb(&config.rig, "clock"), ST_OK);
    assert_string_equal(edge_config_field(&config, "offset_ms"), "0");
}

/* A minute ahead may be drift after a long time alone, so the reply lets it pass; the cloud, which
 * knows better when it last heard of the node, does not. */
static void test_a_refusal_for_the_future_heals_what_the_reply_let_pass(void **state)
{
    (void)state;
    edge_config_open(&config, 60000);
    const int64_t first_ms = edge_config_true_ms(&config);
    edge_config_set(&config, "alpha", "{\"value\":1}");
    edge_config_online(&config);
    edge_config_near_ms(edge_config_sent_ms(&config, "alpha"), first_ms + 60000);
    edge_config_nack(&config, NACK_FUTURE, 1, 1);
    edge_config_near_ms(edge_config_sent_ms(&config, "alpha"), first_ms);
    assert_int_equal(edge_config_sent_write(&config, "alpha")->operation, 2);
}

static void test_a_refusal_with_another_nonce_does_nothing(void **state)
{
    (void)state;
    edge_config_open(&config, 60000);
    edge_config_set(&config, "alpha", "{\"value\":1}");
    edge_config_online(&config);
    config.nonce.bytes[0] ^= 1;
    edge_config_nack(&config, NACK_FUTURE, 1, 1);
    assert_null(edge_config_sent_write(&config, "alpha"));
}

static void test_no_stamp_of_the_cloud_is_future_while_no_time_is_known(void **state)
{
    (void)state;
    edge_config_open_unset(&config, true);
    edge_config_connect(&config);
    const struct config_entry entry =
        edge_config_entry("fleet", "alpha", edge_config_stamp(&config, 0), "cloud", "right");
    edge_config_publish(&config, &entry);
    assert_string_equal(edge_config_value(&config, "alpha"), "right");
}

static void test_a_stamp_of_the_cloud_far_in_the_future_is_not_taken_once_time_is_known(
    void **state)
{
    (void)state;
    edge_config_open(&config, 0);
    edge_config_online(&config);
    const struct config_entry entry =
        edge_config_entry("fleet", "alpha", edge_config_stamp(&config, DAY_MS), "cloud", "poison");
    edge_config_publish(&config, &entry);
    assert_null(edge_config_value(&config, "alpha"));
}

/* A node that was long away may be minutes off, and the cloud takes that; its register must reach
 * the edges that are exact. */
static void test_a_stamp_that_the_cloud_took_from_a_node_long_away_is_taken(void **state)
{
    (void)state;
    edge_config_open(&config, 0);
    edge_config_online(&config);
    const struct config_entry entry =
        edge_config_entry("fleet", "alpha", edge_config_stamp(&config, 200000), "edge-2", "theirs");
    edge_config_publish(&config, &entry);
    assert_string_equal(edge_config_value(&config, "alpha"), "theirs");
    edge_config_set(&config, "alpha", "{\"value\":\"ours\",\"scope\":\"fleet\"}");
    assert_string_equal(edge_config_value(&config, "alpha"), "ours");
}

/* Our clock follows it, and that is no fault of ours to heal. */
static void test_a_clock_that_followed_the_clouds_stamps_is_not_ahead(void **state)
{
    (void)state;
    char before[40], after[40];
    edge_config_open(&config, 0);
    edge_config_online(&config);
    const struct config_entry entry =
        edge_config_entry("fleet", "alpha", edge_config_stamp(&config, 200000), "edge-2", "theirs");
    edge_config_publish(&config, &entry);
    log_id_of(before);
    config.rig.cloud_stamp = entry.reg.hlc + 1;
    edge_config_reply(&config);
    log_id_of(after);
    assert_string_equal(before, after);
    /* Only as far as the cloud can have been carried by stamps it may take. */
    config.rig.cloud_stamp = edge_config_stamp(&config, 700000);
    edge_config_reply(&config);
    log_id_of(after);
    assert_string_not_equal(before, after);
}

/* It came in while no time was known; a write of ours that follows it would be poison too. */
static void test_a_local_write_over_a_poisoned_register_is_refused_with_a_reason(void **state)
{
    (void)state;
    edge_config_open_unset(&config, true);
    edge_config_connect(&config);
    const struct config_entry entry = edge_config_entry(
        "fleet", "alpha", edge_config_stamp(&config, 1000 * (int64_t)DAY_MS), "edge-2", "poison");
    edge_config_publish(&config, &entry);
    edge_config_reply(&config);
    edge_config_set(&config, "alpha", "{\"value\":\"ours\",\"scope\":\"fleet\"}");
    assert_non_null(strstr(edge_config_response(&config), "\"status\":\"ST_FUTURE\""));
}

static int close_nothing(void **state)
{
    (void)state;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(
            test_a_power_cut_right_after_the_healing_does_not_bring_the_old_time_back, tear_down),
        cmocka_unit_test_teardown(test_stamps_given_before_a_power_cut_are_not_given_again,
                                  tear_down),
        cmocka_unit_test_teardown(test_verbs_without_a_daemon_do_not_run_ahead_of_the_time,
                                  tear_down),
        cmocka_unit_test_teardown(test_a_boot_with_a_clock_that_is_behind_blocks_no_local_write,
                                  tear_down),
        cmocka_unit_test_teardown(test_a_restart_of_the_program_keeps_the_time_that_the_cloud_told,
                                  tear_down),
        cmocka_unit_test_teardown(test_another_boot_trusts_its_own_wall_clock_again, tear_down),
        cmocka_unit_test_teardown(test_a_jump_of_the_wall_clock_while_connected_moves_no_stamp,
                                  close_nothing),
        cmocka_unit_test_teardown(test_a_slow_reply_does_not_set_the_clock, tear_down),
        cmocka_unit_test_teardown(test_half_of_the_round_trip_is_taken_off, tear_down),
        cmocka_unit_test_teardown(test_a_right_clock_is_not_ahead_of_a_reply_that_took_long,
                                  tear_down),
        cmocka_unit_test_teardown(test_an_echo_from_the_future_is_not_ours, tear_down),
        cmocka_unit_test_teardown(test_a_cloud_whose_own_clock_was_never_set_is_not_followed,
                                  tear_down),
        cmocka_unit_test_teardown(test_a_difference_below_two_seconds_moves_nothing, tear_down),
        cmocka_unit_test_teardown(test_a_refusal_for_the_future_heals_what_the_reply_let_pass,
                                  tear_down),
        cmocka_unit_test_teardown(test_a_refusal_with_another_nonce_does_nothing, tear_down),
        cmocka_unit_test_teardown(test_no_stamp_of_the_cloud_is_future_while_no_time_is_known,
                                  tear_down),
        cmocka_unit_test_teardown(
            test_a_stamp_of_the_cloud_far_in_the_future_is_not_taken_once_time_is_known, tear_down),
        cmocka_unit_test_teardown(test_a_stamp_that_the_cloud_took_from_a_node_long_away_is_taken,
                                  tear_down),
        cmocka_unit_test_teardown(test_a_clock_that_followed_the_clouds_stamps_is_not_ahead,
                                  tear_down),
        cmocka_unit_test_teardown(
            test_a_local_write_over_a_poisoned_register_is_refused_with_a_reason, tear_down),
    };
    return cmocka_run_group_tests_name("edge-bridge/clock", tests, NULL, NULL);
}
