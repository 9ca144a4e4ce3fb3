/* test_config_report.c - the operator's verbs of config: what they answer, and the way back from a
 * poisoned clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/hlc.h"
#include "tests/support/cloud_rig_config.h"

static struct cloud_rig rig;
static struct rig_log log_1;

static int setup(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    rig_log_open(&log_1, "edge-1", 1, 1);
    rig_hello(&rig, &log_1, 1, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_log_close(&log_1);
    cloud_rig_close(&rig);
    return 0;
}

static enum status set(const char *scope, const char *key, const char *value)
{
    return cloud_rig_verb(&rig, "config-set", "key", key, "scope", scope, "value", value, NULL);
}

static enum status get(const char *scope, const char *key)
{
    return cloud_rig_verb(&rig, "config-get", "key", key, "scope", scope, NULL);
}

/* ---------------------------------------------------------- set, get, unset */

static void test_a_set_value_is_answered_with_all_that_is_known_of_it(void **state)
{
    (void)state;
    assert_int_equal(set("group/north", "threshold", "0.7"), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "key", "threshold"));
    assert_true(cloud_rig_field_is(&rig, "scope", "group/north"));
    assert_true(cloud_rig_field_is(&rig, "value", "0.7"));
    assert_true(cloud_rig_field_is(&rig, "type", "float"));
    assert_true(cloud_rig_field_is(&rig, "node", "cloud"));
    assert_int_equal(cloud_rig_field(&rig, "epoch"), 0);
    assert_int_equal(get("group/north", "threshold"), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "value", "0.7"));
    assert_int_equal(get("fleet", "threshold"), ST_NOT_FOUND);
}

static void test_every_type_can_be_set_and_reads_back(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"bool", "true", "true"}, {"int", "-5", "-5"},       {"float", "2.5", "2.5"},
        {"string", "12", "12"},   {"bytes", "AAEC", "AAEC"}, {"json", "{\"a\":[1]}", "{\"a\":[1]}"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(cloud_rig_verb(&rig, "config-set", "key", "k", "type", cases[i][0],
                                        "value", cases[i][1], NULL),
                         ST_OK);
        assert_int_equal(get("fleet", "k"), ST_OK);
        assert_true(cloud_rig_field_is(&rig, "type", cases[i][0]));
        assert_true(cloud_rig_field_is(&rig, "value", cases[i][2]));
    }
}

static void test_the_rules_type_is_taken_for_a_value_without_one(void **state)
{
    (void)state;
    assert_int_equal(
        cloud_rig_verb(&rig, "config-rule", "key", "threshold", "type", "string", NULL), ST_OK);
    assert_int_equal(set("fleet", "threshold", "5"), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "type", "string"));
    assert_int_equal(
        cloud_rig_verb(&rig, "config-set", "key", "threshold", "type", "int", "value", "5", NULL),
        ST_DENIED);
}

static void test_requests_that_cannot_be_understood_are_refused(void **state)
{
    (void)state;
    assert_int_equal(cloud_rig_verb(&rig, "config-set", "value", "1", NULL), ST_USAGE);
    assert_int_equal(cloud_rig_verb(&rig, "config-set", "key", "k", NULL), ST_USAGE);
    assert_int_equal(set("fleet", "not a key", "1"), ST_USAGE);
    assert_int_equal(set("group", "k", "1"), ST_USAGE);
    assert_int_equal(set("node/UPPER", "k", "1"), ST_USAGE);
    assert_int_equal(
        cloud_rig_verb(&rig, "config-set", "key", "k", "type", "number", "value", "1", NULL),
        ST_USAGE);
    assert_int_equal(
        cloud_rig_verb(&rig, "config-set", "key", "k", "type", "int", "value", "x", NULL),
        ST_MALFORMED);
    assert_true(strlen(rig.message) > 0);
    assert_int_equal(cloud_rig_verb(&rig, "config-get", "key", "k", "node", "nobody", NULL),
                     ST_NOT_FOUND);
    assert_int_equal(cloud_rig_verb(&rig, "config-history", "limit", "-1", NULL), ST_USAGE);
    assert_int_equal(cloud_rig_verb(&rig, "config-frobnicate", NULL), ST_USAGE);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT COUNT(*) FROM config_register"), 0);
}

static void test_unset_leaves_a_deletion_behind(void **state)
{
    (void)state;
    struct config_entry entry;
    assert_int_equal(cloud_rig_verb(&rig, "config-unset", "key", "threshold", NULL), ST_NOT_FOUND);
    assert_int_equal(set("fleet", "threshold", "1"), ST_OK);
    assert_int_equal(cloud_rig_verb(&rig, "config-unset", "key", "threshold", NULL), ST_OK);
    assert_true(rig_published(&rig, "fleet", "threshold", &entry));
    assert_true(entry.reg.deleted);
    assert_int_equal(get("fleet", "threshold"), ST_NOT_FOUND);
    assert_int_equal(cloud_rig_verb(&rig, "config-list", NULL), ST_OK);
    assert_int_equal(rig.record_count, 1);
    assert_int_equal(set("fleet", "threshold", "2"), ST_OK);
    assert_int_equal(get("fleet", "threshold"), ST_OK);
}

/* Node over group over fleet; a deletion lets the wider one through. */
static void test_the_value_at_a_node_is_that_of_its_narrowest_scope(void **state)
{
    (void)state;
    const char *const scopes[] = {"fleet", "group/north", "node/edge-1"};
    assert_int_equal(cloud_rig_verb(&rig, "node-set", "node", "edge-1", "group", "north", NULL),
                     ST_OK);
    assert_int_equal(set("group/south", "k", "south"), ST_OK);
    assert_int_equal(set("node/edge-2", "k", "edge-2"), ST_OK);
    assert_int_equal(cloud_rig_verb(&rig, "config-get", "key", "k", "node", "edge-1", NULL),
                     ST_NOT_FOUND);
    for (size_t i = 0; i < COUNT_OF(scopes); i++) {
        assert_int_equal(set(scopes[i], "k", scopes[i]), ST_OK);
        assert_int_equal(cloud_rig_verb(&rig, "config-get", "key", "k", "node", "edge-1", NULL),
                         ST_OK);
        assert_true(cloud_rig_field_is(&rig, "value", scopes[i]));
        assert_true(cloud_rig_field_is(&rig, "scope", scopes[i]));
    }
    assert_int_equal(cloud_rig_verb(&rig, "config-unset", "key", "k", "scope", "node/edge-1", NULL),
                     ST_OK);
    assert_int_equal(cloud_rig_verb(&rig, "config-get", "key", "k", "node", "edge-1", NULL), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "value", "group/north"));
}

static void test_the_largest_value_fits_a_record(void **state)
{
    (void)state;
    static char value[CONFIG_VALUE_SIZE_MAX + 2];
    memset(value, 'v', sizeof value - 1);
    assert_int_equal(
        cloud_rig_verb(&rig, "config-set", "key", "k", "type", "string", "value", value, NULL),
        ST_TOO_LARGE);
    value[CONFIG_VALUE_SIZE_MAX] = '\0';
    assert_int_equal(set("fleet", "k", value), ST_OK);
    assert_int_equal(get("fleet", "k"), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "value", value));
}

/* ------------------------------------------------------------------- lists */

static void test_a_list_names_every_register_of_its_scope(void **state)
{
    (void)state;
    char key[16];
    for (int i = 0; i < 150; i++) {
        snprintf(key, sizeof key, "key-%03d", i);
        assert_int_equal(set("fleet", key, "1"), ST_OK);
    }
    assert_int_equal(set("node/edge-1", "k", "1"), ST_OK);
    assert_int_equal(set("group/north", "k", "1"), ST_OK);
    assert_int_equal(cloud_rig_verb(&rig, "config-list", NULL), ST_OK);
    assert_int_equal(rig.record_count, 152);
    assert_int_equal(cloud_rig_verb(&rig, "config-list", "scope", "fleet", NULL), ST_OK);
    assert_int_equal(rig.record_count, 150);
    assert_int_equal(cloud_rig_verb(&rig, "config-list", "scope", "node/edge-1", NULL), ST_OK);
    assert_int_equal(rig.record_count, 1);
    assert_int_equal(cloud_rig_verb(&rig, "config-list", "scope", "node/edge-2", NULL), ST_OK);
    assert_int_equal(rig.record_count, 0);
    assert_int_equal(cloud_rig_status(&rig, "config_registers"), 152);
}

/* Values of 32 KiB: a slice must keep to what one step may say. */
static void test_a_list_of_the_largest_values_comes_in_slices(void **state)
{
    (void)state;
    static char value[CONFIG_VALUE_SIZE_MAX + 1];
    char key[16];
    memset(value, 'v', CONFIG_VALUE_SIZE_MAX);
    for (int i = 0; i < 70; i++) {
        snprintf(key, sizeof key, "key-%03d", i);
        assert_int_equal(set("fleet", key, value), ST_OK);
    }
    assert_int_equal(cloud_rig_verb(&rig, "config-list", NULL), ST_OK);
    assert_int_equal(rig.record_count, 70);
}

static void test_the_history_is_told_from_the_newest_on_and_by_key_and_scope(void **state)
{
    (void)state;
    assert_int_equal(set("fleet", "a", "1"), ST_OK);
    assert_int_equal(set("fleet", "a", "2"), ST_OK);
    assert_int_equal(set("node/edge-1", "a", "3"), ST_OK);
    assert_int_equal(set("fleet", "b", "4"), ST_OK);
    assert_int_equal(cloud_rig_verb(&rig, "config-history", NULL), ST_OK);
    assert_int_equal(rig.record_count, 4);
    assert_true(cloud_rig_field_is(&rig, "value", "1")); /* the last one told */
    assert_int_equal(cloud_rig_verb(&rig, "config-history", "limit", "1", NULL), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "value", "4"));
    assert_int_equal(cloud_rig_verb(&rig, "config-history", "key", "a", NULL), ST_OK);
    assert_int_equal(rig.record_count, 3);
    assert_int_equal(
        cloud_rig_verb(&rig, "config-history", "key", "a", "scope", "fleet", "limit", "1", NULL),
        ST_OK);
    assert_int_equal(rig.record_count, 1);
    assert_true(cloud_rig_field_is(&rig, "value", "2"));
    assert_true(cloud_rig_field_is(&rig, "from", "cloud"));
    assert_true(cloud_rig_field_is(&rig, "outcome", "won"));
}

static void test_rules_are_set_changed_listed_and_removed(void **state)
{
    (void)state;
    assert_int_equal(cloud_rig_verb(&rig, "config-rule", "key", "k", "writer", "any", NULL), ST_OK);
    assert_int_equal(cloud_rig_verb(&rig, "config-rule", "key", "k", "type", "int", NULL), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "writer", "any"));
    assert_true(cloud_rig_field_is(&rig, "type", "int"));
    assert_int_equal(cloud_rig_verb(&rig, "config-rule", "key", "j", NULL), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "writer", "node"));
    assert_true(cloud_rig_field_is(&rig, "type", "any"));
    assert_int_equal(cloud_rig_verb(&rig, "config-rules", NULL), ST_OK);
    assert_int_equal(rig.record_count, 2);
    assert_int_equal(cloud_rig_verb(&rig, "config-rule", "key", "k", "remove", "1", NULL), ST_OK);
    assert_int_equal(cloud_rig_verb(&rig, "config-rule", "key", "k", "remove", "1", NULL),
                     ST_NOT_FOUND);
    assert_int_equal(cloud_rig_verb(&rig, "config-rule", "key", "k", "writer", "all", NULL),
                     ST_USAGE);
    assert_int_equal(cloud_rig_verb(&rig, "config-rule", "key", "k", "type", "none", NULL),
                     ST_USAGE);
    assert_int_equal(cloud_rig_verb(&rig, "config-rules", NULL), ST_OK);
    assert_int_equal(rig.record_count, 1);
}

/* Each opens the store anew, as after a restart, and none may leave the clock ahead. */
static void test_many_verbs_without_a_daemon_do_not_drive_the_clock_ahead(void **state)
{
    (void)state;
    uint64_t before = 0;
    rig.options.settings.link = false;
    rig.online = false;
    cloud_rig_pass_ms(&rig, 10000); /* beyond the limit that the daemon left */
    for (int i = 0; i < 20; i++) {
        cloud_rig_reopen(&rig);
        assert_int_equal(set("fleet", "k", "1"), ST_OK);
        const uint64_t stamp = (uint64_t)cloud_rig_sql_number(&rig, "SELECT hlc_limit FROM store");
        assert_true(stamp > before);
        assert_true(hlc_ms(stamp) <= rig_ms(&rig));
        before = stamp;
    }
}

/* ------------------------------------------------------------ raise-epoch */

static const int64_t years_73_ns = INT64_C(1000000000) * 3600 * 24 * 365 * 73;

/* The cloud's wall clock stood in the year 2099 for one write, and was set right. */
static void poison(const char *key)
{
    const struct moment right = rig.now;
    rig.now.wall_ns += years_73_ns;
    assert_int_equal(set("fleet", key, "1"), ST_OK);
    rig.now = right;
    cloud_rig_pass_ms(&rig, 1000);
}

static void test_a_poisoned_clock_stops_writes_until_the_epoch_is_raised(void **state)
{
    (void)state;
    poison("k");
    assert_int_equal(set("fleet", "k", "2"), ST_FUTURE);
    assert_int_equal(set("fleet", "another", "2"), ST_FUTURE);
    assert_int_equal(cloud_rig_verb(&rig, "config-raise-epoch", "key", "k", NULL), ST_OK);
    assert_int_equal(cloud_rig_field(&rig, "epoch"), 1);
    assert_true(cloud_rig_field_is(&rig, "value", "1"));
    assert_int_equal(set("fleet", "k", "2"), ST_OK);
    assert_int_equal(cloud_rig_field(&rig, "epoch"), 1);
    assert_int_equal(get("fleet", "k"), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "value", "2"));
}

/* The register of 2099 is beaten at an edge too, because the order asks for the epoch first. */
static void test_a_raised_register_beats_the_one_of_2099(void **state)
{
    (void)state;
    struct config_entry before, after;
    poison("k");
    assert_true(rig_published(&rig, "fleet", "k", &before));
    const struct config_register poisoned = before.reg;
    assert_int_equal(cloud_rig_verb(&rig, "config-raise-epoch", "key", "k", NULL), ST_OK);
    assert_true(rig_published(&rig, "fleet", "k", &after));
    assert_true(config_compare(&after.reg, &poisoned) > 0);
    assert_true(hlc_ms(after.reg.hlc) <= rig_ms(&rig) + HLC_EPS_MIN_MS);
}

static void test_raising_sets_the_clock_back_for_good(void **state)
{
    (void)state;
    poison("k");
    assert_int_equal(cloud_rig_verb(&rig, "config-raise-epoch", "key", "k", NULL), ST_OK);
    cloud_rig_power_cut(&rig);
    assert_int_equal(set("fleet", "another", "2"), ST_OK);
    assert_true(cloud_rig_sql_number(&rig, "SELECT hlc_limit >> 16 FROM store") <
                rig_ms(&rig) + HLC_EPS_MAX_MS);
    assert_true(rig.alarms > 0);
}

/* Nobody should have to know which keys were written meanwhile. */
static void test_without_a_key_all_registers_of_the_future_are_raised_and_no_other(void **state)
{
    (void)state;
    char key[16];
    assert_int_equal(set("fleet", "good", "1"), ST_OK);
    for (int i = 0; i < 130; i++) {
        snprintf(key, sizeof key, "key-%03d", i);
        poison(key);
    }
    assert_int_equal(cloud_rig_verb(&rig, "config-raise-epoch", NULL), ST_OK);
    assert_int_equal(rig.record_count, 130);
    assert_int_equal(get("fleet", "good"), ST_OK);
    assert_int_equal(cloud_rig_field(&rig, "epoch"), 0);
    assert_int_equal(get("fleet", "key-077"), ST_OK);
    assert_int_equal(cloud_rig_field(&rig, "epoch"), 1);
    assert_int_equal(cloud_rig_verb(&rig, "config-raise-epoch", NULL), ST_OK);
    assert_int_equal(rig.record_count, 0);
}

static void test_what_was_never_set_cannot_be_raised(void **state)
{
    (void)state;
    assert_int_equal(cloud_rig_verb(&rig, "config-raise-epoch", "key", "k", NULL), ST_NOT_FOUND);
}

/* A clock that is right must not be touched: stamps would repeat. */
static void test_raising_leaves_a_good_clock_alone(void **state)
{
    (void)state;
    struct config_entry entry;
    assert_int_equal(set("fleet", "k", "1"), ST_OK);
    assert_true(rig_published(&rig, "fleet", "k", &entry));
    const uint64_t stamp = entry.reg.hlc;
    rig.now.wall_ns -= INT64_C(1000000000) * 100; /* back by less than what counts as ahead */
    assert_int_equal(cloud_rig_verb(&rig, "config-raise-epoch", "key", "k", NULL), ST_OK);
    assert_true(rig_published(&rig, "fleet", "k", &entry));
    assert_true(entry.reg.hlc > stamp);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_a_set_value_is_answered_with_all_that_is_known_of_it),
        CASE(test_every_type_can_be_set_and_reads_back),
        CASE(test_the_rules_type_is_taken_for_a_value_without_one),
        CASE(test_requests_that_cannot_be_understood_are_refused),
        CASE(test_unset_leaves_a_deletion_behind),
        CASE(test_the_value_at_a_node_is_that_of_its_narrowest_scope),
        CASE(test_the_largest_value_fits_a_record),
        CASE(test_a_list_names_every_register_of_its_scope),
        CASE(test_a_list_of_the_largest_values_comes_in_slices),
        CASE(test_the_history_is_told_from_the_newest_on_and_by_key_and_scope),
        CASE(test_rules_are_set_changed_listed_and_removed),
        CASE(test_many_verbs_without_a_daemon_do_not_drive_the_clock_ahead),
        CASE(test_a_poisoned_clock_stops_writes_until_the_epoch_is_raised),
        CASE(test_a_raised_register_beats_the_one_of_2099),
        CASE(test_raising_sets_the_clock_back_for_good),
        CASE(test_without_a_key_all_registers_of_the_future_are_raised_and_no_other),
        CASE(test_what_was_never_set_cannot_be_raised),
        CASE(test_raising_leaves_a_good_clock_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
