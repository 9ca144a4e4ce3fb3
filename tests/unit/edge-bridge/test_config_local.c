/* test_config_local.c - config as the applications on the node and its operator see it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/edge_config.h"

static struct edge_config config;

static int set_up(void **state)
{
    (void)state;
    edge_config_open(&config, 0);
    edge_config_local_up(&config);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_config_close(&config);
    return 0;
}

static void publish(const char *scope, const char *key, int64_t age_ms, const char *value)
{
    const struct config_entry entry =
        edge_config_entry(scope, key, edge_config_stamp(&config, -age_ms), "cloud", value);
    edge_config_publish(&config, &entry);
}

static void assert_local_has(const char *key, const char *part)
{
    const char *json = edge_config_local(&config, key);
    if (json == NULL) fail_msg("nothing was published for %s", key);
    if (strstr(json, part) == NULL) fail_msg("%s lacks %s", json, part);
}

/* ---- Writes ---------------------------------------------------------------------------------- */

static void test_a_write_is_answered_and_its_value_retained(void **state)
{
    (void)state;
    edge_config_set(&config, "alpha", "{\"value\":21.5}");
    assert_string_equal(edge_config_response(&config),
                        "{\"key\":\"alpha\",\"status\":\"ok\",\"scope\":\"node/edge-1\"}");
    assert_local_has("alpha", "{\"key\":\"alpha\",\"value\":21.5,\"type\":\"float\","
                              "\"scope\":\"node/edge-1\",\"time\":\"2027-01-15T");
    assert_local_has("alpha", "\"node\":\"edge-1\",\"pending\":true}");
}

static void test_a_write_that_cannot_be_read_is_refused_with_its_fault(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "17",
        "{",
        "{\"value\":1,\"value\":2}",
        "{\"valeu\":1}",
        "{\"value\":1e400}",
        "nil",
        "[]",
        "{\"value\":\"x\",\"type\":\"int\"}",
        "{\"value\":1,\"scope\":\"moon\"}",
        "{\"value\":1,\"delete\":true}",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        edge_config_set(&config, "alpha", bad[i]);
        const char *answer = edge_config_response(&config);
        if (strstr(answer, "\"status\":\"ST_") == NULL || strstr(answer, "\"reason\":\"") == NULL)
            fail_msg("%s was answered with %s", bad[i], answer);
        assert_null(edge_config_value(&config, "alpha"));
    }
    assert_int_equal(edge_rig_status(&config.rig, "config_pending"), 0);
}

static void test_a_topic_that_names_no_key_is_answered_too(void **state)
{
    (void)state;
    struct event event = {.kind = EVENT_MESSAGE, .link = LINK_LOCAL};
    event.message.topic = BYTES_LITERAL("local/config/no key/set");
    event.message.payload = BYTES_LITERAL("{\"value\":1}");
    event.message.response_topic = BYTES_LITERAL("app/answer");
    edge_rig_run(&config.rig, event);
    assert_non_null(strstr(edge_config_response(&config), "the topic names no key"));
}

static void test_a_write_for_another_node_or_group_is_denied_here(void **state)
{
    (void)state;
    edge_config_set(&config, "alpha", "{\"value\":1,\"scope\":\"node/edge-2\"}");
    assert_non_null(strstr(edge_config_response(&config), "ST_DENIED"));
    edge_config_set(&config, "alpha", "{\"value\":1,\"scope\":\"group/trucks\"}");
    assert_non_null(strstr(edge_config_response(&config), "ST_DENIED"));
}

/* Whether it may is the cloud's to say; until then it is in effect. */
static void test_a_write_for_the_fleet_or_an_own_group_is_taken(void **state)
{
    (void)state;
    edge_config_online(&config);
    edge_config_roster(&config, 1, "trucks");
    edge_config_set(&config, "alpha", "{\"value\":1,\"scope\":\"fleet\"}");
    assert_local_has("alpha", "\"scope\":\"fleet\"");
    edge_config_set(&config, "beta", "{\"value\":1,\"scope\":\"group/trucks\"}");
    assert_local_has("beta", "\"scope\":\"group/trucks\"");
}

static void test_a_full_disk_refuses_writes(void **state)
{
    (void)state;
    config.rig.now.disk_free_bytes = 1024;
    edge_config_set(&config, "alpha", "{\"value\":1}");
    assert_non_null(strstr(edge_config_response(&config), "ST_FULL"));
}

static void test_values_of_the_greatest_size_and_the_worst_letters_fit(void **state)
{
    (void)state;
    static char value[CONFIG_VALUE_SIZE_MAX + 1];
    memset(value, 1, CONFIG_VALUE_SIZE_MAX);
    edge_config_online(&config);
    const struct config_entry entry =
        edge_config_entry("fleet", "alpha", edge_config_stamp(&config, -1000), "cloud", value);
    edge_config_publish(&config, &entry);
    const struct effects *effects = config.rig.effects;
    size_t size = 0;
    for (size_t i = 0; i < effects->count; i++)
        if (effects->items[i].link == LINK_LOCAL) size = effects->items[i].payload.size;
    assert_true(size > (size_t)6 * CONFIG_VALUE_SIZE_MAX);
}

/* ---- Retained values ------------------------------------------------------------------------- */

static void test_a_value_from_the_cloud_is_retained_locally(void **state)
{
    (void)state;
    edge_config_online(&config);
    publish("fleet", "alpha", 1000, "one");
    assert_local_has("alpha", "\"value\":\"one\"");
    assert_local_has("alpha", "\"scope\":\"fleet\"");
    assert_local_has("alpha", "\"node\":\"cloud\",\"pending\":false}");
}

static void test_a_value_that_vanished_is_cleared_with_an_empty_payload(void **state)
{
    (void)state;
    edge_config_online(&config);
    publish("fleet", "alpha", 2000, "one");
    publish("fleet", "alpha", 1000, NULL);
    assert_string_equal(edge_config_local(&config, "alpha"), "");
}

static void test_a_value_is_cleared_once(void **state)
{
    (void)state;
    edge_config_online(&config);
    publish("fleet", "alpha", 2000, "one");
    publish("fleet", "alpha", 1000, NULL);
    edge_config_roster(&config, 1, "trucks");
    assert_null(edge_config_local(&config, "alpha"));
}

static void test_what_does_not_count_is_not_published(void **state)
{
    (void)state;
    edge_config_online(&config);
    publish("node/edge-1", "alpha", 2000, "node");
    publish("fleet", "alpha", 1000, "fleet");
    assert_null(edge_config_local(&config, "alpha"));
}

static void test_the_judgement_shows_in_the_retained_value(void **state)
{
    (void)state;
    edge_config_online(&config);
    edge_config_set(&config, "alpha", "{\"value\":1}");
    assert_local_has("alpha", "\"pending\":true");
    assert_true(edge_config_sent_writes(&config, 0));
    edge_config_ack(&config, config.writes->incarnation, 1, NULL, 0);
    assert_local_has("alpha", "\"pending\":false");
    edge_config_set(&config, "beta", "{\"value\":1}");
    const struct ack_refusal refusal = {2, 2, WRITE_DENIED};
    edge_config_ack(&config, config.writes->incarnation, 2, &refusal, 1);
    assert_string_equal(edge_config_local(&config, "beta"), "");
}

/* The local broker may have lost its retained messages, and values changed while it was away. */
static void test_a_local_link_that_comes_up_gets_every_value_again(void **state)
{
    (void)state;
    edge_config_online(&config);
    publish("fleet", "alpha", 1000, "one");
    publish("fleet", "beta", 2000, "two");
    edge_rig_run(&config.rig, (struct event){.kind = EVENT_LINK_DOWN,
                                             .link = LINK_LOCAL,
                                             .reason = BYTES_LITERAL("the test cut it")});
    publish("fleet", "beta", 1000, NULL);
    publish("fleet", "gamma", 1000, "three");
    edge_config_local_up(&config);
    assert_local_has("alpha", "\"value\":\"one\"");
    assert_string_equal(edge_config_local(&config, "beta"), "");
    assert_local_has("gamma", "\"value\":\"three\"");
}

/* Its retained messages come back from a save of before they were cleared. */
static void test_a_local_link_that_comes_up_clears_what_was_cleared_before(void **state)
{
    (void)state;
    edge_config_online(&config);
    publish("fleet", "alpha", 2000, "one");
    publish("fleet", "alpha", 1000, NULL);
    edge_rig_run(&config.rig, (struct event){.kind = EVENT_LINK_DOWN,
                                             .link = LINK_LOCAL,
                                             .reason = BYTES_LITERAL("the test cut it")});
    edge_config_local_up(&config);
    assert_string_equal(edge_config_local(&config, "alpha"), "");
}

static void hear_local(const char *key, const char *payload, bool retained)
{
    struct topic_text topic;
    assert_int_equal(topic_build("hf/v1", TOPIC_LOCAL_CONFIG, NULL, key, &topic), ST_OK);
    struct event event = {.kind = EVENT_MESSAGE, .link = LINK_LOCAL};
    event.message.topic = topic_text_bytes(&topic);
    event.message.payload = bytes_of_text(payload);
    event.message.retained = retained;
    edge_rig_run(&config.rig, event);
}

/* A node restored from a backup knows nothing of what it told its broker since. */
static void test_a_retained_value_that_this_node_does_not_know_is_cleared(void **state)
{
    (void)state;
    hear_local("stranger", "{\"key\":\"stranger\",\"value\":1}", true);
    assert_string_equal(edge_config_local(&config, "stranger"), "");
}

static void test_a_retained_value_that_is_not_the_newest_is_overwritten(void **state)
{
    (void)state;
    edge_config_online(&config);
    publish("fleet", "alpha", 1000, "one");
    hear_local("alpha", "{\"key\":\"alpha\",\"value\":\"older\"}", true);
    assert_local_has("alpha", "\"value\":\"one\"");
}

/* Answering to our own publishes would never end. */
static void test_our_own_values_come_back_without_an_answer(void **state)
{
    (void)state;
    char said[256];
    edge_config_online(&config);
    publish("fleet", "alpha", 1000, "one");
    snprintf(said, sizeof(said), "%s", edge_config_local(&config, "alpha"));
    hear_local("alpha", said, true);
    assert_null(edge_config_local(&config, "alpha"));
    publish("fleet", "alpha", 500, "two");
    hear_local("alpha", said, false);
    assert_null(edge_config_local(&config, "alpha"));
}

static void test_values_known_before_a_restart_are_cleared_after_it(void **state)
{
    (void)state;
    edge_config_online(&config);
    publish("fleet", "alpha", 2000, "one");
    edge_rig_power_cut(&config.rig);
    edge_config_online(&config);
    publish("fleet", "alpha", 1000, NULL);
    edge_config_local_up(&config);
    assert_string_equal(edge_config_local(&config, "alpha"), "");
}

static void test_leaving_a_group_changes_the_values_that_came_from_it(void **state)
{
    (void)state;
    edge_config_online(&config);
    edge_config_roster(&config, 1, "trucks");
    publish("fleet", "alpha", 1000, "fleet");
    publish("group/trucks", "alpha", 1000, "group");
    publish("group/trucks", "beta", 1000, "group");
    edge_config_roster(&config, 2, "");
    assert_local_has("alpha", "\"value\":\"fleet\"");
    assert_string_equal(edge_config_local(&config, "beta"), "");
}

/* The link's queue is bounded: thousands of values go in slices. */
static void test_many_values_go_in_slices_and_all_of_them(void **state)
{
    (void)state;
    size_t count = 0, slices = 0;
    edge_config_online(&config);
    for (unsigned i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key-%u", i);
        publish("fleet", key, 1000, "v");
    }
    edge_rig_run(&config.rig, (struct event){.kind = EVENT_LINK_DOWN,
                                             .link = LINK_LOCAL,
                                             .reason = BYTES_LITERAL("the test cut it")});
    edge_config_local_up(&config);
    for (; slices < 20 && edge_config_local_count(&config) > 0; slices++) {
        assert_true(edge_config_local_count(&config) <= 256);
        count += edge_config_local_count(&config);
        edge_rig_pass_ms(&config.rig, 30);
        edge_rig_wakeup(&config.rig);
    }
    assert_int_equal(count, 1000);
}

/* ---- Verbs ----------------------------------------------------------------------------------- */

static void test_the_operator_writes_reads_and_deletes(void **state)
{
    (void)state;
    assert_int_equal(edge_config_verb(&config, "config-set", "key", "alpha", "value", "21.5"),
                     ST_OK);
    assert_string_equal(edge_config_field(&config, "type"), "float");
    assert_string_equal(edge_config_field(&config, "scope"), "node/edge-1");
    assert_string_equal(edge_config_value(&config, "alpha"), "21.5");
    assert_int_equal(edge_config_verb(&config, "config-unset", "key", "alpha", NULL, NULL), ST_OK);
    assert_null(edge_config_value(&config, "alpha"));
}

static void test_wrong_arguments_are_usage_errors(void **state)
{
    (void)state;
    assert_int_equal(edge_config_verb(&config, "config-set", "key", "alpha", NULL, NULL), ST_USAGE);
    assert_int_equal(edge_config_verb(&config, "config-set", "key", "a/b", "value", "1"), ST_USAGE);
    assert_int_equal(edge_config_verb(&config, "config-get", "key", "a", "scope", "moon"),
                     ST_USAGE);
    assert_int_equal(edge_config_verb(&config, "config-list", "scope", "moon", NULL, NULL),
                     ST_USAGE);
    assert_int_equal(edge_config_verb(&config, "config-frob", NULL, NULL, NULL, NULL), ST_USAGE);
}

static void test_config_get_of_a_scope_tells_what_stands_there(void **state)
{
    (void)state;
    edge_config_online(&config);
    publish("fleet", "alpha", 1000, "fleet");
    edge_config_set(&config, "alpha", "{\"value\":\"node\"}");
    assert_int_equal(edge_config_verb(&config, "config-get", "key", "alpha", "scope", "fleet"),
                     ST_OK);
    assert_string_equal(edge_config_field(&config, "value"), "fleet");
    assert_string_equal(edge_config_field(&config, "effective"), "false");
    assert_string_equal(edge_config_value(&config, "alpha"), "node");
}

static size_t record_count(void)
{
    const struct effects *effects = config.rig.effects;
    size_t count = 0;
    for (size_t i = 0; i < effects->count; i++)
        count += effects->items[i].kind == EFFECT_REPLY;
    return count - 1; /* END */
}

static void test_config_list_names_each_scope_of_each_key(void **state)
{
    (void)state;
    edge_config_online(&config);
    publish("fleet", "alpha", 1000, "fleet");
    publish("node/edge-1", "alpha", 1000, "node");
    publish("fleet", "beta", 1000, NULL);
    assert_int_equal(edge_config_verb(&config, "config-list", NULL, NULL, NULL, NULL), ST_OK);
    assert_int_equal(record_count(), 3);
    assert_int_equal(edge_config_verb(&config, "config-list", "scope", "node/edge-1", NULL, NULL),
                     ST_OK);
    assert_int_equal(record_count(), 1);
    assert_string_equal(edge_config_field(&config, "value"), "node");
    assert_string_equal(edge_config_field(&config, "effective"), "true");
}

/* More than one step may say: the list is cut, and says how to go on. */
static void test_config_list_goes_on_after_the_key_it_ended_with(void **state)
{
    (void)state;
    edge_config_online(&config);
    publish("fleet", "alpha", 1000, "one");
    publish("fleet", "beta", 1000, "two");
    publish("fleet", "gamma", 1000, "three");
    assert_int_equal(edge_config_verb(&config, "config-list", "limit", "2", NULL, NULL), ST_OK);
    assert_int_equal(record_count(), 2);
    assert_int_equal(edge_config_verb(&config, "config-list", "after", "beta", NULL, NULL), ST_OK);
    assert_int_equal(record_count(), 1);
    assert_string_equal(edge_config_field(&config, "key"), "gamma");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_write_is_answered_and_its_value_retained),
        CASE(test_a_write_that_cannot_be_read_is_refused_with_its_fault),
        CASE(test_a_topic_that_names_no_key_is_answered_too),
        CASE(test_a_write_for_another_node_or_group_is_denied_here),
        CASE(test_a_write_for_the_fleet_or_an_own_group_is_taken),
        CASE(test_a_full_disk_refuses_writes),
        CASE(test_values_of_the_greatest_size_and_the_worst_letters_fit),
        CASE(test_a_value_from_the_cloud_is_retained_locally),
        CASE(test_a_value_that_vanished_is_cleared_with_an_empty_payload),
        CASE(test_a_value_is_cleared_once),
        CASE(test_what_does_not_count_is_not_published),
        CASE(test_the_judgement_shows_in_the_retained_value),
        CASE(test_a_local_link_that_comes_up_gets_every_value_again),
        CASE(test_a_local_link_that_comes_up_clears_what_was_cleared_before),
        CASE(test_a_retained_value_that_this_node_does_not_know_is_cleared),
        CASE(test_a_retained_value_that_is_not_the_newest_is_overwritten),
        CASE(test_our_own_values_come_back_without_an_answer),
        CASE(test_values_known_before_a_restart_are_cleared_after_it),
        CASE(test_leaving_a_group_changes_the_values_that_came_from_it),
        CASE(test_many_values_go_in_slices_and_all_of_them),
        CASE(test_the_operator_writes_reads_and_deletes),
        CASE(test_wrong_arguments_are_usage_errors),
        CASE(test_config_get_of_a_scope_tells_what_stands_there),
        CASE(test_config_list_names_each_scope_of_each_key),
        CASE(test_config_list_goes_on_after_the_key_it_ended_with),
    };
    return cmocka_run_group_tests_name("edge-bridge/config_local", tests, NULL, NULL);
}
