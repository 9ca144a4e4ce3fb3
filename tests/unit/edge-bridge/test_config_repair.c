/* test_config_repair.c - what is missed on retained topics is found by digests, and a cloud that
 * lost registers gets its own words back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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

static void publish(const char *scope, const char *key, int64_t age_ms, const char *value)
{
    const struct config_entry entry =
        edge_config_entry(scope, key, edge_config_stamp(&config, -age_ms), "cloud", value);
    edge_config_publish(&config, &entry);
}

/* From now on the cloud's replies tell exactly what the edge says it holds. */
static void tell_the_same(void)
{
    struct state_report state;
    edge_rig_pass_ms(&config.rig, 150);
    edge_rig_wakeup(&config.rig);
    if (!edge_config_sent_state(&config, &state)) {
        edge_rig_disconnect(&config.rig);
        edge_config_connect(&config);
        assert_true(edge_config_sent_state(&config, &state));
    }
    config.told = state.config;
}

/* The retained messages have come in. */
static void be_quiet(void)
{
    edge_rig_pass_ms(&config.rig, 1100);
    edge_rig_wakeup(&config.rig);
}

static void connect_again(void)
{
    edge_rig_disconnect(&config.rig);
    edge_config_online(&config);
}

/* The index of the told digest of a scope. */
static struct config_scope_digest *told_of(enum config_scope_kind kind)
{
    for (size_t i = 0; i < config.told.count; i++)
        if (config.told.scopes[i].scope.kind == kind) return &config.told.scopes[i];
    fail_msg("the scope was not told");
    return NULL;
}

/* ---- Comparing ------------------------------------------------------------------------------- */

static void test_nothing_is_listed_when_the_digests_agree(void **state)
{
    (void)state;
    edge_config_online(&config);
    publish("fleet", "alpha", 1000, "one");
    tell_the_same();
    connect_again();
    be_quiet();
    assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_CONFIG_HAVE), 0);
}

static void test_only_the_scope_that_differs_is_listed(void **state)
{
    (void)state;
    edge_config_online(&config);
    publish("fleet", "alpha", 1000, "one");
    publish("node/edge-1", "beta", 1000, "two");
    tell_the_same();
    told_of(CONFIG_SCOPE_NODE)->digest.bytes[0] ^= 1;
    connect_again();
    be_quiet();
    assert_true(edge_config_sent_have(&config, 0));
    assert_false(edge_config_sent_have(&config, 1));
    assert_int_equal(config.have->scope.kind, CONFIG_SCOPE_NODE);
    assert_string_equal(config.have->scope.name.text, "edge-1");
    assert_int_equal(config.have->count, 1);
    assert_string_equal(config.have->items[0].key.text, "beta");
    assert_true(config.have->last);
    assert_true(nonce_equal(&config.have->nonce, &config.nonce));
}

/* An empty scope is listed too: that there is nothing says what is missing. */
static void test_a_scope_that_is_empty_here_is_listed_as_empty(void **state)
{
    (void)state;
    edge_config_online(&config);
    tell_the_same();
    told_of(CONFIG_SCOPE_FLEET)->count = 3;
    connect_again();
    be_quiet();
    assert_true(edge_config_sent_have(&config, 0));
    assert_int_equal(config.have->scope.kind, CONFIG_SCOPE_FLEET);
    assert_int_equal(config.have->count, 0);
    assert_true(config.have->last);
}

static void test_the_comparison_waits_until_the_retained_registers_are_in(void **state)
{
    (void)state;
    edge_config_online(&config);
    tell_the_same();
    told_of(CONFIG_SCOPE_FLEET)->count = 1;
    connect_again();
    for (int i = 0; i < 5; i++) {
        char key[16];
        edge_rig_pass_ms(&config.rig, 900);
        snprintf(key, sizeof(key), "key-%d", i);
        publish("fleet", key, 1000, "late");
        assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_CONFIG_HAVE), 0);
    }
    be_quiet();
    assert_true(edge_config_sent_have(&config, 0));
}

/* A cloud that cannot answer (a key over its bounds, a fault) must not be asked without end. */
static void test_a_difference_is_listed_once_for_each_reply(void **state)
{
    (void)state;
    edge_config_online(&config);
    publish("fleet", "alpha", 1000, "one");
    be_quiet();
    assert_true(edge_config_sent_have(&config, 0));
    for (int i = 0; i < 5; i++) {
        be_quiet();
        assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_CONFIG_HAVE), 0);
    }
    edge_config_reply(&config);
    be_quiet();
    assert_true(edge_config_sent_have(&config, 0));
}

/* Each frame tells a piece of the whole, in order, and where it began. */
static void test_a_long_list_comes_in_pieces_without_gaps(void **state)
{
    (void)state;
    char last[LEVEL_NAME_SIZE_MAX + 1] = "";
    size_t count = 0, pieces = 0;
    edge_config_online(&config);
    /* Fewer frames than the broker takes at once. */
    config.rig.edge->outbox.pace.rate_bytes_s = 32 * 1024;
    for (unsigned i = 0; i < 1200; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key-%04u", i);
        publish("fleet", key, 1000, "v");
    }
    be_quiet();
    for (bool done = false; !done; pieces++) {
        if (pieces > 40) fail_msg("the list never ends");
        for (size_t n = 0; edge_config_sent_have(&config, n); n++) {
            if (config.have->scope.kind != CONFIG_SCOPE_FLEET) continue;
            assert_string_equal(config.have->after.text, last);
            for (size_t i = 0; i < config.have->count; i++) {
                assert_true(strcmp(config.have->items[i].key.text, last) > 0);
                snprintf(last, sizeof(last), "%s", config.have->items[i].key.text);
            }
            count += config.have->count;
            done = config.have->last;
        }
        edge_rig_puback_all(&config.rig);
        edge_rig_wakeup(&config.rig);
    }
    assert_int_equal(count, 1200);
}

/* ---- Giving back ----------------------------------------------------------------------------- */

static bool sent_held(size_t n, struct config_held *held)
{
    struct bytes body;
    if (!edge_rig_frame(&config.rig, FRAME_CONFIG_HELD, n, &body)) return false;
    assert_int_equal(config_held_decode(config.rig.unpacker, body, held), ST_OK);
    return true;
}

static void test_a_lesser_register_published_gets_the_greater_one_back(void **state)
{
    (void)state;
    struct config_held held;
    uint8_t said[4096];
    struct buf copy = buf_of(said, sizeof(said));
    edge_config_online(&config);
    const struct config_entry greater =
        edge_config_entry("fleet", "alpha", edge_config_stamp(&config, -1000), "cloud", "new");
    edge_config_publish(&config, &greater);
    buf_put(&copy, edge_config_frame(&config, &greater));
    publish("fleet", "alpha", 9000, "old");
    assert_true(sent_held(0, &held));
    assert_true(bytes_equal(held.frame, buf_bytes(&copy)));
    assert_true(nonce_equal(&held.nonce, &config.nonce));
    assert_string_equal(edge_config_value(&config, "alpha"), "new");
}

/* What was only understood to be admitted bears no signature of the cloud's. */
static void test_an_own_write_that_was_never_published_is_not_given_back(void **state)
{
    (void)state;
    edge_config_online(&config);
    edge_config_set(&config, "alpha", "{\"value\":\"mine\"}");
    assert_true(edge_config_sent_writes(&config, 0));
    edge_config_ack(&config, config.writes->incarnation, 1, NULL, 0);
    publish("node/edge-1", "alpha", 9000, "old");
    assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_CONFIG_HELD), 0);
    assert_string_equal(edge_config_value(&config, "alpha"), "mine");
}

/* Else the two would differ for ever: the cloud answers our list with what it holds now. */
static void test_it_gives_way_to_the_answer_to_our_list(void **state)
{
    (void)state;
    edge_config_online(&config);
    edge_config_set(&config, "alpha", "{\"value\":\"mine\"}");
    assert_true(edge_config_sent_writes(&config, 0));
    edge_config_ack(&config, config.writes->incarnation, 1, NULL, 0);
    be_quiet();
    assert_true(edge_config_sent_have(&config, 0));
    publish("node/edge-1", "alpha", 9000, "old");
    assert_string_equal(edge_config_value(&config, "alpha"), "old");
}

/* A key that the cloud no longer knows at all it cannot ask for. */
static void test_a_cloud_that_holds_fewer_registers_gets_all_of_the_scope_back(void **state)
{
    (void)state;
    struct config_held held;
    edge_config_online(&config);
    publish("fleet", "alpha", 1000, "one");
    publish("fleet", "beta", 1000, "two");
    publish("node/edge-1", "gamma", 1000, "three");
    tell_the_same();
    told_of(CONFIG_SCOPE_FLEET)->count = 1;
    connect_again();
    be_quiet();
    assert_true(edge_config_sent_have(&config, 0));
    assert_true(sent_held(0, &held));
    assert_true(sent_held(1, &held));
    assert_false(sent_held(2, &held));
}

static void test_a_cloud_that_holds_more_gets_nothing_back(void **state)
{
    (void)state;
    edge_config_online(&config);
    publish("fleet", "alpha", 1000, "one");
    tell_the_same();
    told_of(CONFIG_SCOPE_FLEET)->count = 2;
    connect_again();
    be_quiet();
    assert_true(edge_config_sent_have(&config, 0));
    assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_CONFIG_HELD), 0);
}

/* A restored cloud that was given new keys since may hold as many as before, or more. */
static void test_a_cloud_with_a_new_store_gets_all_back_whatever_the_counts(void **state)
{
    (void)state;
    struct config_held held;
    edge_config_online(&config);
    publish("fleet", "alpha", 1000, "one");
    tell_the_same();
    told_of(CONFIG_SCOPE_FLEET)->count = 2;
    edge_rig_disconnect(&config.rig);
    edge_config_connect(&config);
    config.rig.store.bytes[0] ^= 1;
    edge_config_reply(&config);
    be_quiet();
    assert_true(sent_held(0, &held));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_nothing_is_listed_when_the_digests_agree),
        CASE(test_only_the_scope_that_differs_is_listed),
        CASE(test_a_scope_that_is_empty_here_is_listed_as_empty),
        CASE(test_the_comparison_waits_until_the_retained_registers_are_in),
        CASE(test_a_difference_is_listed_once_for_each_reply),
        CASE(test_a_long_list_comes_in_pieces_without_gaps),
        CASE(test_a_lesser_register_published_gets_the_greater_one_back),
        CASE(test_an_own_write_that_was_never_published_is_not_given_back),
        CASE(test_it_gives_way_to_the_answer_to_our_list),
        CASE(test_a_cloud_that_holds_fewer_registers_gets_all_of_the_scope_back),
        CASE(test_a_cloud_that_holds_more_gets_nothing_back),
        CASE(test_a_cloud_with_a_new_store_gets_all_back_whatever_the_counts),
    };
    return cmocka_run_group_tests_name("edge-bridge/config_repair", tests, NULL, NULL);
}
