/* test_config_edge.c - what the cloud publishes: which registers are taken, and which counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/edge_config.h"
#include "tests/support/test_log.h"

static struct edge_config config;

static int set_up(void **state)
{
    (void)state;
    edge_config_open(&config, 0);
    edge_config_online(&config);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_config_close(&config);
    return 0;
}

/* A register stamped age_ms ago by the cloud; value NULL: deleted. */
static void publish(const char *scope, const char *key, int64_t age_ms, const char *value)
{
    const struct config_entry entry =
        edge_config_entry(scope, key, edge_config_stamp(&config, -age_ms), "cloud", value);
    edge_config_publish(&config, &entry);
}

static void assert_value(const char *key, const char *expected)
{
    const char *value = edge_config_value(&config, key);
    if (expected == NULL)
        assert_null(value);
    else
        assert_string_equal(value, expected);
}

static bool subscribed(const char *filter)
{
    const struct effects *effects = config.rig.effects;
    for (size_t i = 0; i < effects->count; i++)
        if (effects->items[i].kind == EFFECT_SUBSCRIBE &&
            bytes_equal(effects->items[i].topic, bytes_of_text(filter)))
            return true;
    return false;
}

/* ---- Which are taken ------------------------------------------------------------------------- */

static void test_a_published_register_takes_effect(void **state)
{
    (void)state;
    publish("fleet", "alpha", 1000, "one");
    assert_value("alpha", "one");
}

static void test_a_register_survives_a_power_cut(void **state)
{
    (void)state;
    publish("fleet", "alpha", 1000, "one");
    edge_rig_power_cut(&config.rig);
    assert_value("alpha", "one");
}

static void test_a_greater_one_replaces_it(void **state)
{
    (void)state;
    publish("fleet", "alpha", 2000, "one");
    publish("fleet", "alpha", 1000, "two");
    assert_value("alpha", "two");
}

static void test_a_lesser_one_that_comes_later_does_not(void **state)
{
    (void)state;
    publish("fleet", "alpha", 1000, "one");
    publish("fleet", "alpha", 2000, "two");
    assert_value("alpha", "one");
}

static void test_a_higher_epoch_beats_every_stamp(void **state)
{
    (void)state;
    publish("fleet", "alpha", 1000, "one");
    struct config_entry entry =
        edge_config_entry("fleet", "alpha", edge_config_stamp(&config, -9000), "cloud", "raised");
    entry.reg.epoch = 1;
    edge_config_publish(&config, &entry);
    assert_value("alpha", "raised");
}

static void test_one_signed_by_another_key_is_not_taken(void **state)
{
    (void)state;
    const struct config_entry entry =
        edge_config_entry("fleet", "alpha", edge_config_stamp(&config, 0), "cloud", "forged");
    edge_config_publish_on(&config, &entry, "fleet", "alpha", config.rig.node_key);
    assert_value("alpha", NULL);
    assert_true(edge_rig_status(&config.rig, "frames_refused") > 0);
}

/* The signature covers the topic, but the cloud itself could be led to sign a mismatch. */
static void test_one_on_the_topic_of_another_key_or_scope_is_not_taken(void **state)
{
    (void)state;
    const struct config_entry entry =
        edge_config_entry("fleet", "alpha", edge_config_stamp(&config, 0), "cloud", "misplaced");
    edge_config_publish_on(&config, &entry, "fleet", "beta", config.rig.cloud_key);
    edge_config_publish_on(&config, &entry, "node/edge-1", "alpha", config.rig.cloud_key);
    assert_value("alpha", NULL);
    assert_value("beta", NULL);
}

static void test_one_for_another_node_or_group_is_not_taken(void **state)
{
    (void)state;
    publish("node/edge-2", "alpha", 1000, "theirs");
    publish("group/trucks", "alpha", 1000, "theirs");
    assert_value("alpha", NULL);
    assert_int_equal(edge_rig_status(&config.rig, "config_registers"), 0);
}

/* ---- Which counts ---------------------------------------------------------------------------- */

static void test_the_narrowest_scope_with_a_value_counts_whatever_the_stamps(void **state)
{
    (void)state;
    edge_config_roster(&config, 1, "trucks");
    publish("node/edge-1", "alpha", 3000, "node");
    publish("group/trucks", "alpha", 2000, "group");
    publish("fleet", "alpha", 1000, "fleet");
    assert_value("alpha", "node");
}

static void test_what_is_deleted_falls_through_to_the_next_wider_scope(void **state)
{
    (void)state;
    edge_config_roster(&config, 1, "trucks");
    publish("node/edge-1", "alpha", 3000, "node");
    publish("group/trucks", "alpha", 3000, "group");
    publish("fleet", "alpha", 3000, "fleet");
    publish("node/edge-1", "alpha", 2000, NULL);
    assert_value("alpha", "group");
    publish("group/trucks", "alpha", 2000, NULL);
    assert_value("alpha", "fleet");
    publish("fleet", "alpha", 2000, NULL);
    assert_value("alpha", NULL);
}

static void test_of_two_groups_the_greater_register_counts(void **state)
{
    (void)state;
    edge_config_roster(&config, 1, "north trucks");
    publish("group/north", "alpha", 1000, "north");
    publish("group/trucks", "alpha", 2000, "trucks");
    assert_value("alpha", "north");
    publish("group/north", "alpha", 500, NULL);
    assert_value("alpha", "trucks");
}

/* A pending deletion in one scope and an older value in a wider one. */
static void test_a_local_deletion_uncovers_the_wider_scope(void **state)
{
    (void)state;
    publish("fleet", "alpha", 1000, "fleet");
    edge_config_set(&config, "alpha", "{\"value\":\"mine\"}");
    assert_value("alpha", "mine");
    edge_config_set(&config, "alpha", "{\"delete\":true}");
    assert_value("alpha", "fleet");
}

/* ---- Groups ---------------------------------------------------------------------------------- */

static void test_a_link_that_comes_up_subscribes_to_the_scopes_that_hold(void **state)
{
    (void)state;
    edge_config_roster(&config, 1, "trucks");
    edge_rig_disconnect(&config.rig);
    edge_config_connect(&config);
    assert_true(subscribed("hf/v1/config/fleet/+"));
    assert_true(subscribed("hf/v1/config/group/trucks/+"));
    assert_true(subscribed("hf/v1/config/node/edge-1/+"));
    assert_true(subscribed("hf/v1/cloud/roster"));
}

static void test_new_groups_are_subscribed_to_at_once(void **state)
{
    (void)state;
    edge_config_roster(&config, 1, "north trucks");
    assert_true(subscribed("hf/v1/config/group/north/+"));
    assert_true(subscribed("hf/v1/config/group/trucks/+"));
}

static void test_groups_survive_a_power_cut(void **state)
{
    (void)state;
    edge_config_roster(&config, 5, "trucks");
    edge_rig_power_cut(&config.rig);
    edge_config_online(&config);
    publish("group/trucks", "alpha", 1000, "group");
    assert_value("alpha", "group");
    assert_int_equal(edge_rig_status(&config.rig, "roster"), 5);
}

static void test_an_older_roster_is_a_replay(void **state)
{
    (void)state;
    edge_config_roster(&config, 5, "trucks");
    edge_config_roster(&config, 4, "ships");
    edge_config_roster(&config, 5, "ships");
    publish("group/ships", "alpha", 1000, "replayed");
    assert_value("alpha", NULL);
    assert_int_equal(edge_rig_status(&config.rig, "roster"), 5);
}

static void test_a_group_that_was_left_counts_no_more(void **state)
{
    (void)state;
    edge_config_roster(&config, 1, "trucks");
    publish("group/trucks", "alpha", 1000, "group");
    edge_config_roster(&config, 2, "");
    assert_value("alpha", NULL);
    assert_int_equal(edge_rig_status(&config.rig, "config_registers"), 0);
}

static void test_an_edge_that_the_roster_does_not_name_is_in_no_group(void **state)
{
    (void)state;
    edge_config_roster(&config, 1, "trucks");
    const struct node_name name = config.rig.options.node;
    assert_int_equal(node_name_from(BYTES_LITERAL("edge-2"), &config.rig.options.node), ST_OK);
    edge_config_roster(&config, 2, "trucks");
    config.rig.options.node = name;
    publish("group/trucks", "alpha", 1000, "group");
    assert_value("alpha", NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_published_register_takes_effect),
        CASE(test_a_register_survives_a_power_cut),
        CASE(test_a_greater_one_replaces_it),
        CASE(test_a_lesser_one_that_comes_later_does_not),
        CASE(test_a_higher_epoch_beats_every_stamp),
        CASE(test_one_signed_by_another_key_is_not_taken),
        CASE(test_one_on_the_topic_of_another_key_or_scope_is_not_taken),
        CASE(test_one_for_another_node_or_group_is_not_taken),
        CASE(test_the_narrowest_scope_with_a_value_counts_whatever_the_stamps),
        CASE(test_what_is_deleted_falls_through_to_the_next_wider_scope),
        CASE(test_of_two_groups_the_greater_register_counts),
        CASE(test_a_local_deletion_uncovers_the_wider_scope),
        CASE(test_a_link_that_comes_up_subscribes_to_the_scopes_that_hold),
        CASE(test_new_groups_are_subscribed_to_at_once),
        CASE(test_groups_survive_a_power_cut),
        CASE(test_an_older_roster_is_a_replay),
        CASE(test_a_group_that_was_left_counts_no_more),
        CASE(test_an_edge_that_the_roster_does_not_name_is_in_no_group),
    };
    return cmocka_run_group_tests_name("edge-bridge/config_edge", tests, NULL, NULL);
}
