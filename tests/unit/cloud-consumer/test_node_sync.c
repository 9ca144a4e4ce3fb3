/* test_node_sync.c - what the cloud knows of a node's tracks and config, and tells it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/cloud_rig_config.h"

static struct cloud_rig rig;
static struct rig_log log_1;
static struct hello_reply reply;

static int setup(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    rig_log_open(&log_1, "edge-1", 1, 1);
    rig_hello(&rig, &log_1, 1, &reply);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_log_close(&log_1);
    cloud_rig_close(&rig);
    return 0;
}

static void set(const char *scope, const char *key, const char *value)
{
    assert_int_equal(
        cloud_rig_verb(&rig, "config-set", "key", key, "scope", scope, "value", value, NULL),
        ST_OK);
}

static bool config_is(const char *word)
{
    assert_int_equal(cloud_rig_verb(&rig, "node-list", NULL), ST_OK);
    return cloud_rig_field_is(&rig, "config", word);
}

/* The node says it has applied all it was told. */
static void report_applied(void)
{
    struct state_report report = rig_state(&rig);
    rig_hello(&rig, &log_1, rig.nonce.bytes[0], &reply);
    report.config = reply.config;
    rig_send_state(&rig, &log_1, &report);
}

/* ------------------------------------------------------------- desired, reported */

static void test_a_node_that_never_reported_is_unknown(void **state)
{
    (void)state;
    set("fleet", "a", "1");
    assert_true(config_is("unknown"));
    assert_int_equal(cloud_rig_status(&rig, "nodes_config_differs"), 0);
}

static void test_a_node_that_holds_what_it_was_told_has_applied_it(void **state)
{
    (void)state;
    set("fleet", "a", "1");
    set("node/edge-1", "b", "1");
    report_applied();
    assert_true(config_is("applied"));
    assert_int_equal(cloud_rig_status(&rig, "nodes_config_differs"), 0);
}

static void test_a_node_that_holds_something_else_differs(void **state)
{
    (void)state;
    struct state_report report = rig_state(&rig);
    set("fleet", "a", "1");
    rig_hello(&rig, &log_1, 1, &reply);
    report.config = reply.config;
    report.config.scopes[0].digest.bytes[3] ^= 1;
    rig_send_state(&rig, &log_1, &report);
    assert_true(config_is("differs"));
    assert_int_equal(cloud_rig_status(&rig, "nodes_config_differs"), 1);
}

/* The operator asks after a change, before the node could say anything. */
static void test_a_change_of_a_scope_makes_those_differ_for_whom_it_holds(void **state)
{
    (void)state;
    static const struct {
        const char *scope;
        bool differs;
    } cases[] = {
        {"fleet", true},        {"node/edge-1", true},  {"group/north", true},
        {"node/edge-2", false}, {"group/south", false},
    };
    assert_int_equal(cloud_rig_verb(&rig, "node-set", "node", "edge-1", "group", "north", NULL),
                     ST_OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        report_applied();
        assert_true(config_is("applied"));
        set(cases[i].scope, "a", "1");
        if (config_is("differs") != cases[i].differs) fail_msg("%s", cases[i].scope);
    }
}

static void test_other_groups_hold_other_config(void **state)
{
    (void)state;
    set("group/north", "a", "1");
    report_applied();
    assert_int_equal(cloud_rig_verb(&rig, "node-set", "node", "edge-1", "group", "north", NULL),
                     ST_OK);
    assert_true(config_is("differs"));
    assert_int_equal(cloud_rig_verb(&rig, "node-set", "node", "edge-1", "group", "", NULL), ST_OK);
    assert_true(config_is("applied"));
}

static void test_a_revoked_node_is_nobodys_worry(void **state)
{
    (void)state;
    report_applied();
    set("fleet", "a", "1");
    assert_int_equal(cloud_rig_status(&rig, "nodes_config_differs"), 1);
    assert_int_equal(cloud_rig_verb(&rig, "node-revoke", "node", "edge-1", NULL), ST_OK);
    assert_int_equal(cloud_rig_status(&rig, "nodes_config_differs"), 0);
}

/* The sum is kept as registers change: it must be the one a node makes over what it holds. */
static void test_a_scopes_digest_is_that_of_its_registers(void **state)
{
    (void)state;
    struct config_digest expected = {{0}};
    struct config_scope_digest told;
    const char *const keys[] = {"a", "b", "a", "c", "b"};
    set("fleet", "x", "1");
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        struct config_entry entry;
        uint8_t memory[CONFIG_BYTES_MAX];
        struct buf encoded = buf_of(memory, sizeof memory);
        set("node/edge-1", keys[i], "1");
        if (i < 2) continue; /* written again below */
        assert_true(rig_published(&rig, "node/edge-1", keys[i], &entry));
        config_encode(&entry.key, &entry.reg, &encoded);
        const struct config_digest hash = config_hash(rig.hasher, buf_bytes(&encoded));
        config_digest_toggle(&expected, &hash);
    }
    told = rig_told(&rig, &log_1, "node/edge-1");
    assert_int_equal(told.count, 3);
    assert_true(config_digest_equal(&told.digest, &expected));
    told = rig_told(&rig, &log_1, "fleet");
    assert_int_equal(told.count, 1);
}

static void test_a_report_of_an_earlier_connection_is_ignored(void **state)
{
    (void)state;
    struct state_report report = rig_state(&rig);
    report.numbering = 5;
    rig_hello(&rig, &log_1, 2, NULL);
    rig_send_state(&rig, &log_1, &report);
    assert_true(config_is("unknown"));
    rig_hello(&rig, &log_1, 2, NULL);
    cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT track_numbering FROM node_sync"), 0);
}

/* --------------------------------------------------------------- numberings */

/* The edge learns from it where to begin. */
static void test_a_new_numbering_is_acknowledged_from_its_beginning(void **state)
{
    (void)state;
    struct state_report report = rig_state(&rig);
    report.numbering = 7;
    report.counter = 100;
    rig_send_state(&rig, &log_1, &report);
    assert_true(rig_ack(&rig)->has_tracks);
    assert_int_equal(rig.ack->track_numbering, 7);
    assert_int_equal(rig.ack->track_cursor, 0);
    assert_int_equal(cloud_rig_sql(&rig, "UPDATE node_sync SET track_cursor = 60"), ST_OK);
    rig_send_state(&rig, &log_1, &report);
    assert_false(cloud_rig_has_ack(&rig)); /* nothing new was said */
    rig_hello(&rig, &log_1, 1, &reply);
    assert_int_equal(reply.ack.track_cursor, 60);
    report.numbering = 8;
    rig_send_state(&rig, &log_1, &report);
    assert_int_equal(rig_ack(&rig)->track_numbering, 8);
    assert_int_equal(rig.ack->track_cursor, 0);
}

static void test_without_tracks_and_config_an_acknowledgement_says_nothing_of_them(void **state)
{
    (void)state;
    assert_false(reply.ack.has_tracks);
    assert_false(reply.ack.has_config);
    assert_int_equal(reply.admitted, 0);
    assert_int_equal(reply.config.count, 2); /* fleet and its own, both empty */
    assert_int_equal(reply.config.scopes[0].count, 0);
}

/* ------------------------------------------------------------------ roster */

static void test_a_node_with_an_old_roster_gets_it_published_once_in_two_seconds(void **state)
{
    (void)state;
    static struct roster roster;
    struct state_report report = rig_state(&rig);
    cloud_rig_pass_ms(&rig, 5000);
    report.roster = reply.roster - 1;
    rig_send_state(&rig, &log_1, &report);
    assert_true(rig_roster(&rig, &roster));
    rig_send_state(&rig, &log_1, &report);
    assert_false(rig_roster(&rig, &roster));
    assert_true(cloud_next_wakeup(rig.cloud) > rig.now.mono_ns);
    cloud_rig_pass_ms(&rig, 2000);
    assert_true(cloud_next_wakeup(rig.cloud) <= rig.now.mono_ns);
    cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
    assert_true(rig_roster(&rig, &roster));
}

static void test_a_node_with_the_newest_roster_gets_none(void **state)
{
    (void)state;
    static struct roster roster;
    struct state_report report = rig_state(&rig);
    cloud_rig_pass_ms(&rig, 5000);
    report.roster = reply.roster;
    rig_send_state(&rig, &log_1, &report);
    assert_false(rig_roster(&rig, &roster));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_a_node_that_never_reported_is_unknown),
        CASE(test_a_node_that_holds_what_it_was_told_has_applied_it),
        CASE(test_a_node_that_holds_something_else_differs),
        CASE(test_a_change_of_a_scope_makes_those_differ_for_whom_it_holds),
        CASE(test_other_groups_hold_other_config),
        CASE(test_a_revoked_node_is_nobodys_worry),
        CASE(test_a_scopes_digest_is_that_of_its_registers),
        CASE(test_a_report_of_an_earlier_connection_is_ignored),
        CASE(test_a_new_numbering_is_acknowledged_from_its_beginning),
        CASE(test_without_tracks_and_config_an_acknowledgement_says_nothing_of_them),
        CASE(test_a_node_with_an_old_roster_gets_it_published_once_in_two_seconds),
        CASE(test_a_node_with_the_newest_roster_gets_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
