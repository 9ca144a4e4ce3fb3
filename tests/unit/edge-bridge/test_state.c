/* test_state.c - the report of what this edge holds: after each hello, and soon after a change. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

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

static void publish(const char *key)
{
    const struct config_entry entry =
        edge_config_entry("fleet", key, edge_config_stamp(&config, -1000), "cloud", "value");
    edge_config_publish(&config, &entry);
}

/* The place of the first frame of this kind among the effects; fails when there is none. */
static size_t place_of(enum frame_kind kind)
{
    const struct effects *effects = config.rig.effects;
    for (size_t i = 0; i < effects->count; i++) {
        struct envelope envelope;
        if (effects->items[i].kind != EFFECT_PUBLISH || effects->items[i].link != LINK_CLOUD)
            continue;
        assert_int_equal(envelope_read(config.rig.unpacker, effects->items[i].payload, &envelope),
                         ST_OK);
        if (envelope.kind == kind) return i;
    }
    fail_msg("no such frame");
    return 0;
}

static void test_the_report_follows_each_hello(void **state)
{
    (void)state;
    struct state_report report;
    edge_config_connect(&config);
    assert_true(edge_config_sent_state(&config, &report));
    assert_true(place_of(FRAME_STATE) > place_of(FRAME_HELLO));
    assert_true(nonce_equal(&report.nonce, &config.nonce));
    assert_int_equal(report.interest, INTEREST_ALL);
    assert_true(report.numbering >= 1);
    assert_int_equal(report.roster, 0);
    assert_int_equal(report.config.count, 2);
}

static void test_it_goes_before_any_batch_of_tracks_or_config(void **state)
{
    (void)state;
    edge_config_set(&config, "alpha", "{\"value\":1}");
    edge_config_connect(&config);
    const size_t count = edge_rig_frame_count(&config.rig, FRAME_STATE);
    assert_int_equal(count, 1);
    assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_CONFIG), 0);
}

static void test_a_change_is_told_a_tenth_of_a_second_later(void **state)
{
    (void)state;
    struct state_report report;
    edge_config_online(&config);
    publish("alpha");
    assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_STATE), 0);
    const uint64_t wakeup_ns = edge_next_wakeup(config.rig.edge);
    assert_true(wakeup_ns <= config.rig.now.mono_ns + 100 * 1000000);
    edge_rig_pass_ms(&config.rig, 100);
    edge_rig_wakeup(&config.rig);
    assert_true(edge_config_sent_state(&config, &report));
    assert_int_equal(report.config.scopes[0].count, 1);
}

static void test_many_changes_are_told_at_once(void **state)
{
    (void)state;
    struct state_report report;
    static const char *const keys[] = {"alpha", "beta", "gamma", "delta"};
    edge_config_online(&config);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        edge_rig_pass_ms(&config.rig, 20);
        publish(keys[i]);
        assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_STATE), 0);
    }
    edge_rig_pass_ms(&config.rig, 100);
    edge_rig_wakeup(&config.rig);
    assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_STATE), 1);
    assert_true(edge_config_sent_state(&config, &report));
    assert_int_equal(report.config.scopes[0].count, COUNT_OF(keys));
}

static void test_nothing_is_told_when_nothing_changed(void **state)
{
    (void)state;
    edge_config_online(&config);
    const struct config_entry entry =
        edge_config_entry("fleet", "alpha", edge_config_stamp(&config, 0), "cloud", "value");
    edge_config_publish(&config, &entry);
    edge_rig_pass_ms(&config.rig, 200);
    edge_rig_wakeup(&config.rig);
    edge_config_publish(&config, &entry);
    edge_rig_pass_ms(&config.rig, 200);
    edge_rig_wakeup(&config.rig);
    assert_int_equal(edge_rig_frame_count(&config.rig, FRAME_STATE), 0);
}

/* The digests are kept as registers come and go; they must be what a fresh count gives. */
static void test_digests_kept_in_memory_are_those_counted_at_the_next_start(void **state)
{
    (void)state;
    struct state_report before, after;
    edge_config_online(&config);
    edge_config_roster(&config, 3, "trucks");
    publish("alpha");
    publish("beta");
    edge_rig_pass_ms(&config.rig, 5000);
    publish("alpha");
    const struct config_entry entry =
        edge_config_entry("group/trucks", "gamma", edge_config_stamp(&config, 0), "cloud", "value");
    edge_config_publish(&config, &entry);
    edge_rig_pass_ms(&config.rig, 100);
    edge_rig_wakeup(&config.rig);
    assert_true(edge_config_sent_state(&config, &before));
    edge_rig_power_cut(&config.rig);
    edge_config_connect(&config);
    assert_true(edge_config_sent_state(&config, &after));
    assert_true(config_summary_equal(&before.config, &after.config));
    assert_int_equal(after.config.count, 3);
    assert_int_equal(after.roster, 3);
}

/* What the two sides compare is this digest over these bytes. */
static void test_the_digest_of_one_register_is_its_hash(void **state)
{
    (void)state;
    struct state_report report;
    uint8_t memory[1024];
    struct buf bytes = buf_of(memory, sizeof(memory));
    edge_config_online(&config);
    const struct config_entry entry =
        edge_config_entry("fleet", "alpha", edge_config_stamp(&config, 0), "cloud", "value");
    edge_config_publish(&config, &entry);
    config_encode(&entry.key, &entry.reg, &bytes);
    const struct config_digest hash = config_hash(config.rig.hasher, buf_bytes(&bytes));
    edge_rig_pass_ms(&config.rig, 100);
    edge_rig_wakeup(&config.rig);
    assert_true(edge_config_sent_state(&config, &report));
    assert_true(config_digest_equal(&report.config.scopes[0].digest, &hash));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_the_report_follows_each_hello),
        CASE(test_it_goes_before_any_batch_of_tracks_or_config),
        CASE(test_a_change_is_told_a_tenth_of_a_second_later),
        CASE(test_many_changes_are_told_at_once),
        CASE(test_nothing_is_told_when_nothing_changed),
        CASE(test_digests_kept_in_memory_are_those_counted_at_the_next_start),
        CASE(test_the_digest_of_one_register_is_its_hash),
    };
    return cmocka_run_group_tests_name("edge-bridge/state", tests, NULL, NULL);
}
