/* test_config_publish.c - which registers are published when, and what edges that differ are given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/cloud_rig_config.h"

static struct cloud_rig rig;
static struct rig_log log_1;
static struct config_have have;

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

static void set(const char *scope, const char *key, const char *value)
{
    assert_int_equal(
        cloud_rig_verb(&rig, "config-set", "key", key, "scope", scope, "value", value, NULL),
        ST_OK);
}

static void set_many(size_t count)
{
    char key[32];
    for (size_t i = 0; i < count; i++) {
        snprintf(key, sizeof key, "key-%03zu", i);
        set("fleet", key, "1");
    }
}

/* ----------------------------------------------------------- the retained ones */

static void test_a_set_value_is_published_once(void **state)
{
    (void)state;
    struct config_entry entry;
    set("fleet", "threshold", "0.7");
    assert_true(rig_published(&rig, "fleet", "threshold", &entry));
    assert_string_equal(entry.reg.node.text, "cloud");
    for (int i = 0; i < 3; i++) {
        cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
        assert_int_equal(rig_published_count(&rig), 0);
    }
}

/* A broker without our session may be another one, or have lost its disk. */
static void test_everything_is_published_again_after_a_lost_session(void **state)
{
    (void)state;
    set_many(10);
    rig_relink(&rig, false, 1000);
    assert_int_equal(rig_published_count(&rig), 10);
}

static void test_nothing_is_published_again_on_a_kept_session(void **state)
{
    (void)state;
    set_many(10);
    rig_relink(&rig, true, 1000);
    assert_int_equal(rig_published_count(&rig), 0);
}

/* What the process had in flight when it ended was never sent. */
static void test_everything_is_published_again_by_a_new_process(void **state)
{
    (void)state;
    set_many(3);
    rig.online = false;
    cloud_rig_reopen(&rig);
    rig_relink(&rig, true, 1000);
    assert_int_equal(rig_published_count(&rig), 3);
}

static void test_what_changes_while_the_link_is_down_is_published_when_it_is_up(void **state)
{
    (void)state;
    struct config_entry entry;
    cloud_rig_run(&rig, (struct event){.kind = EVENT_LINK_DOWN, .reason = BYTES_LITERAL("test")});
    set("fleet", "threshold", "0.7");
    assert_int_equal(rig_published_count(&rig), 0);
    cloud_rig_pass_ms(&rig, 60000);
    cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
    cloud_rig_run(
        &rig,
        (struct event){.kind = EVENT_LINK_UP, .session_present = true, .receive_maximum = 1000});
    assert_true(rig_published(&rig, "fleet", "threshold", &entry));
}

/* The broker keeps the session for what we are sent; what we sent may have been lost on the way. */
static void test_what_was_not_acknowledged_is_published_again_on_a_kept_session(void **state)
{
    (void)state;
    struct config_entry entry;
    set("fleet", "arrived", "1");
    cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP}); /* gives the PUBACK */
    set("fleet", "lost", "1");
    effects_clear(rig.effects); /* and this one none */
    rig_relink(&rig, true, 1000);
    assert_int_equal(rig_published_count(&rig), 1);
    assert_true(rig_published(&rig, "fleet", "lost", &entry));
}

static void test_what_the_broker_refuses_is_tried_again_a_little_later(void **state)
{
    (void)state;
    struct config_entry entry;
    set("fleet", "k", "1");
    uint32_t token = 0;
    for (size_t i = 0; i < rig.effects->count; i++) {
        if (rig.effects->items[i].kind == EFFECT_PUBLISH) token = rig.effects->items[i].token;
    }
    effects_clear(rig.effects);
    cloud_rig_run(&rig, (struct event){.kind = EVENT_SEND_FAILED, .token = token});
    assert_int_equal(rig_published_count(&rig), 0);
    cloud_rig_pass_ms(&rig, 2000);
    assert_true(cloud_next_wakeup(rig.cloud) <= rig.now.mono_ns);
    cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
    assert_true(rig_published(&rig, "fleet", "k", &entry));
}

static void test_publishing_keeps_to_the_links_window_and_reaches_the_end(void **state)
{
    (void)state;
    set_many(100);
    rig_relink(&rig, false, 8);
    size_t sum = rig_published_count(&rig);
    assert_true(sum < 8);
    for (int i = 0; i < 100 && sum < 100; i++) {
        cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
        assert_true(rig_published_count(&rig) <= 8);
        sum += rig_published_count(&rig);
    }
    assert_int_equal(sum, 100);
}

/* An operator who stops something must not wait behind ten thousand old values. */
static void test_a_change_goes_before_what_is_only_published_again(void **state)
{
    (void)state;
    struct config_entry entry;
    set_many(100);
    rig_relink(&rig, false, 8);
    set("fleet", "zzz", "1");
    assert_true(rig_published(&rig, "fleet", "zzz", &entry));
}

static void test_a_damaged_register_does_not_hold_up_the_others(void **state)
{
    (void)state;
    set_many(3);
    assert_int_equal(
        cloud_rig_sql(&rig, "UPDATE config_register SET bytes = x'00' WHERE name = 'key-001'"),
        ST_OK);
    assert_int_equal(rig_published_count(&rig), 2);
    assert_true(rig.alarms > 0);
}

/* ----------------------------------------------------------------- repair */

static void add_have(const char *scope, const char *key, bool right)
{
    struct config_entry entry;
    uint8_t memory[CONFIG_BYTES_MAX];
    struct buf encoded = buf_of(memory, sizeof memory);
    assert_true(rig_published(&rig, scope, key, &entry));
    config_encode(&entry.key, &entry.reg, &encoded);
    have.scope = entry.key.scope;
    have.items[have.count].key = entry.key.name;
    have.items[have.count].hash = config_hash(rig.hasher, buf_bytes(&encoded));
    if (!right) have.items[have.count].hash.bytes[0] ^= 1;
    have.count++;
}

/* Four keys; the edge holds a, an older c, and a key x that the cloud has not. */
static void make_have(void)
{
    memset(&have, 0, sizeof have);
    have.nonce = rig.nonce;
    have.last = true;
    set("fleet", "a", "1");
    add_have("fleet", "a", true);
    set("fleet", "b", "2");
    set("fleet", "c", "3");
    add_have("fleet", "c", false);
    set("fleet", "d", "4");
    assert_int_equal(level_name_from(BYTES_LITERAL("x"), &have.items[have.count++].key), ST_OK);
    cloud_rig_pass_ms(&rig, 5000);
}

static void test_an_edge_is_given_what_differs_and_what_it_lacks(void **state)
{
    (void)state;
    struct config_entry entry;
    make_have();
    rig_send_have(&rig, &log_1, &have);
    assert_int_equal(rig_published_count(&rig), 3);
    assert_false(rig_published(&rig, "fleet", "a", &entry));
}

/* A hundred edges that come back at once ask for the same. */
static void test_nothing_is_published_twice_within_two_seconds(void **state)
{
    (void)state;
    make_have();
    rig_send_have(&rig, &log_1, &have);
    rig_send_have(&rig, &log_1, &have);
    assert_int_equal(rig_published_count(&rig), 0);
    cloud_rig_pass_ms(&rig, 2000);
    rig_send_have(&rig, &log_1, &have);
    assert_int_equal(rig_published_count(&rig), 3);
}

/* A listing in pieces says nothing of what comes behind the piece. */
static void test_a_piece_of_a_listing_is_compared_up_to_its_end(void **state)
{
    (void)state;
    struct config_entry entry;
    make_have();
    have.count = 2;
    have.last = false;
    rig_send_have(&rig, &log_1, &have); /* a, c */
    assert_int_equal(rig_published_count(&rig), 2);
    have.after = have.items[1].key;
    have.count = 0;
    have.last = true;
    rig_send_have(&rig, &log_1, &have);
    assert_int_equal(rig_published_count(&rig), 1);
    assert_true(rig_published(&rig, "fleet", "d", &entry));
}

static void test_a_listing_of_an_earlier_connection_is_ignored(void **state)
{
    (void)state;
    make_have();
    have.nonce.bytes[0] ^= 1;
    rig_send_have(&rig, &log_1, &have);
    assert_int_equal(rig_published_count(&rig), 0);
}

static void test_a_listing_of_a_scope_that_is_not_the_nodes_is_ignored(void **state)
{
    (void)state;
    memset(&have, 0, sizeof have);
    have.nonce = rig.nonce;
    have.last = true;
    assert_int_equal(config_scope_from(BYTES_LITERAL("node/edge-2"), &have.scope), ST_OK);
    set("node/edge-2", "a", "1");
    cloud_rig_pass_ms(&rig, 5000);
    rig_send_have(&rig, &log_1, &have);
    assert_int_equal(rig_published_count(&rig), 0);
}

/* ------------------------------------------------- registers that come back */

/* The cloud forgets what it said after its backup; the edge has the frame. */
static struct bytes forget(void)
{
    struct sim_disk *const backup = sim_disk_open("config-backup", 3);
    set("fleet", "threshold", "0.5");
    sim_disk_copy(backup, rig.disk);
    cloud_rig_pass_ms(&rig, 1000);
    set("fleet", "threshold", "0.7");
    const struct bytes frame = rig_published_frame(&rig, "fleet", "threshold");
    cloud_close(rig.cloud);
    rig.cloud = NULL;
    sim_disk_copy(rig.disk, backup);
    cloud_rig_reopen(&rig);
    sim_disk_close(backup);
    cloud_rig_pass_ms(&rig, 5000);
    return frame;
}

static void test_a_restored_cloud_takes_back_what_it_had_signed(void **state)
{
    (void)state;
    struct config_entry entry;
    const struct bytes frame = forget();
    rig_send_held(&rig, &log_1, frame);
    assert_true(rig_published(&rig, "fleet", "threshold", &entry));
    assert_true(entry.reg.value.real == 0.7);
    assert_int_equal(cloud_rig_status(&rig, "config_regained"), 1);
    rig_send_held(&rig, &log_1, frame); /* once is enough */
    assert_int_equal(rig_published_count(&rig), 0);
    assert_int_equal(cloud_rig_status(&rig, "config_regained"), 1);
}

/* Signs a register as whoever holds the key, for any topic. */
static struct bytes forge(const struct secret_key *key, const char *topic_key)
{
    static uint8_t memory[FRAME_SIZE_MAX];
    uint8_t body_memory[1024];
    struct buf frame = buf_of(memory, sizeof memory), body = buf_of(body_memory, 1024);
    const struct node_name sender = {"cloud"};
    struct topic_text topic;
    const struct config_write write =
        rig_write("cloud", 1, "fleet", "threshold", rig_ms(&rig) + 1000, 9);
    assert_int_equal(topic_build_scoped("hf/v1", TOPIC_CONFIG, "fleet", topic_key, &topic), ST_OK);
    config_msg_pack(&write.entry, &body);
    const struct envelope_spec spec = {
        .kind = FRAME_CONFIG,
        .sender = &sender,
        .key = key,
        .hlc = 1,
        .topic_below_root = topic_text_below_root(&topic),
    };
    assert_int_equal(envelope_write(&spec, buf_bytes(&body), NULL, rig.hasher, &frame), ST_OK);
    return buf_bytes(&frame);
}

static void test_a_register_signed_by_somebody_else_is_refused(void **state)
{
    (void)state;
    rig_send_held(&rig, &log_1, forge(log_1.key, "threshold"));
    assert_int_equal(rig_published_count(&rig), 0);
    assert_int_equal(cloud_rig_status(&rig, "refused_held_config"), 1);
}

/* The signature covers the topic: another key's frame must not become this key's. */
static void test_a_register_signed_for_another_topic_is_refused(void **state)
{
    (void)state;
    struct config_entry entry;
    rig_send_held(&rig, &log_1, forge(rig.cloud_key, "another"));
    assert_int_equal(cloud_rig_status(&rig, "refused_held_config"), 1);
    rig_send_held(&rig, &log_1, forge(rig.cloud_key, "threshold"));
    assert_true(rig_published(&rig, "fleet", "threshold", &entry));
}

static void test_bytes_that_are_no_frame_are_refused(void **state)
{
    (void)state;
    rig_send_held(&rig, &log_1, BYTES_LITERAL("\x93\x01\x02\x03"));
    assert_int_equal(cloud_rig_status(&rig, "refused_held_config"), 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_a_set_value_is_published_once),
        CASE(test_everything_is_published_again_after_a_lost_session),
        CASE(test_nothing_is_published_again_on_a_kept_session),
        CASE(test_everything_is_published_again_by_a_new_process),
        CASE(test_what_changes_while_the_link_is_down_is_published_when_it_is_up),
        CASE(test_what_was_not_acknowledged_is_published_again_on_a_kept_session),
        CASE(test_what_the_broker_refuses_is_tried_again_a_little_later),
        CASE(test_publishing_keeps_to_the_links_window_and_reaches_the_end),
        CASE(test_a_change_goes_before_what_is_only_published_again),
        CASE(test_a_damaged_register_does_not_hold_up_the_others),
        CASE(test_an_edge_is_given_what_differs_and_what_it_lacks),
        CASE(test_nothing_is_published_twice_within_two_seconds),
        CASE(test_a_piece_of_a_listing_is_compared_up_to_its_end),
        CASE(test_a_listing_of_an_earlier_connection_is_ignored),
        CASE(test_a_listing_of_a_scope_that_is_not_the_nodes_is_ignored),
        CASE(test_a_restored_cloud_takes_back_what_it_had_signed),
        CASE(test_a_register_signed_by_somebody_else_is_refused),
        CASE(test_a_register_signed_for_another_topic_is_refused),
        CASE(test_bytes_that_are_no_frame_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
