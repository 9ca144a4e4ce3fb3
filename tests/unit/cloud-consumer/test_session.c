/* test_session.c - the cloud's connection: will, subscriptions, back-off, window. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud-consumer/engine.h"
#include "common/wire/status_msg.h"
#include "tests/support/cloud_rig.h"

static struct cloud_rig rig;
static struct rig_log log_1;

static int set_up(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    rig_log_open(&log_1, "edge-1", 1, 0x10);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_log_close(&log_1);
    cloud_rig_close(&rig);
    return 0;
}

static void link_down(void)
{
    cloud_rig_run(&rig, (struct event){.kind = EVENT_LINK_DOWN, .reason = BYTES_LITERAL("cut")});
}

static const struct effect *effect_of(enum effect_kind kind, size_t n)
{
    for (size_t i = 0; i < rig.effects->count; i++) {
        if (rig.effects->items[i].kind == kind && n-- == 0) return &rig.effects->items[i];
    }
    return NULL;
}

static void read_status(struct bytes frame, struct status_report *out)
{
    struct envelope envelope;
    const struct public_key key = secret_key_public(rig.cloud_key);
    assert_int_equal(envelope_read(rig.unpacker, frame, &envelope), ST_OK);
    assert_int_equal(envelope.kind, FRAME_STATUS);
    assert_int_equal(envelope_verify(&envelope, &key, BYTES_LITERAL("cloud/status"), rig.hasher),
                     ST_OK);
    assert_int_equal(status_msg_decode(rig.unpacker, envelope.body, out), ST_OK);
}

static void test_connecting_leaves_a_signed_will_that_says_offline(void **state)
{
    (void)state;
    struct status_report report;
    link_down();
    cloud_rig_pass_ms(&rig, 60000);
    cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
    const struct effect *const connect = effect_of(EFFECT_CONNECT, 0);
    assert_non_null(connect);
    assert_true(bytes_equal(connect->topic, BYTES_LITERAL("hf/v1/cloud/status")));
    assert_true(connect->retain);
    read_status(connect->payload, &report);
    assert_false(report.online);
}

/* Brokers forget subscriptions and still say that the session is there. */
static void test_every_connection_subscribes_again_and_says_online(void **state)
{
    (void)state;
    static const char *const filters[] = {"hf/v1/+/up/evidence", "hf/v1/+/up/tracks",
                                          "hf/v1/+/up/config", "hf/v1/+/up/sync", "hf/v1/+/status"};
    struct status_report report;
    for (int round = 0; round < 2; round++) {
        link_down();
        cloud_rig_pass_ms(&rig, 60000);
        cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
        cloud_rig_run(
            &rig,
            (struct event){.kind = EVENT_LINK_UP, .session_present = true, .receive_maximum = 9});
        for (size_t i = 0; i < COUNT_OF(filters); i++) {
            const struct effect *const subscribe = effect_of(EFFECT_SUBSCRIBE, i);
            assert_non_null(subscribe);
            assert_true(bytes_equal(subscribe->topic, bytes_of_text(filters[i])));
        }
        const struct effect *const publish = effect_of(EFFECT_PUBLISH, 0);
        assert_non_null(publish);
        assert_true(publish->retain);
        read_status(publish->payload, &report);
        assert_true(report.online);
    }
}

static void broker_says(const char *text)
{
    cloud_rig_run(&rig, (struct event){.kind = EVENT_MESSAGE,
                                       .message = {.topic = BYTES_LITERAL(BROKER_DROPPED_TOPIC),
                                                   .payload = bytes_of_text(text)}});
}

/* No topic of ours, so it is neither a frame nor a refused one. */
static void test_the_brokers_counter_of_dropped_messages_is_known_until_the_next_connection(
    void **state)
{
    (void)state;
    assert_false(rig.cloud->session.broker_dropped_known);
    broker_says("12");
    assert_true(rig.cloud->session.broker_dropped_known);
    assert_int_equal(rig.cloud->session.broker_dropped, 12);
    static const char *const nothing[] = {"", "-1", "1e9", "9999999999999999999", "twelve"};
    for (size_t i = 0; i < COUNT_OF(nothing); i++)
        broker_says(nothing[i]);
    assert_int_equal(rig.cloud->session.broker_dropped, 12);
    for (size_t i = 0; i < REFUSAL_COUNT; i++)
        assert_int_equal(rig.cloud->refused[i], 0);
    link_down();
    cloud_rig_run(&rig, (struct event){.kind = EVENT_LINK_UP, .receive_maximum = 9});
    assert_false(rig.cloud->session.broker_dropped_known);
}

static void test_the_brokers_counter_is_subscribed_to_only_where_the_settings_say_so(void **state)
{
    (void)state;
    for (int wanted = 0; wanted < 2; wanted++) {
        bool subscribed = false;
        rig.cloud->settings.broker_counters = wanted == 1;
        link_down();
        cloud_rig_run(&rig, (struct event){.kind = EVENT_LINK_UP, .receive_maximum = 9});
        for (size_t i = 0; i < rig.effects->count; i++) {
            const struct effect *const effect = &rig.effects->items[i];
            if (effect->kind == EFFECT_SUBSCRIBE &&
                bytes_equal(effect->topic, BYTES_LITERAL(BROKER_DROPPED_TOPIC)))
                subscribed = true;
        }
        assert_int_equal(subscribed, wanted == 1);
    }
}

static void test_pauses_between_attempts_grow_with_jitter_up_to_the_maximum(void **state)
{
    (void)state;
    uint64_t least = 100, most = 200; /* half of the first pause, and all of it */
    for (int attempt = 0; attempt < 12; attempt++) {
        link_down();
        const uint64_t wakeup = cloud_next_wakeup(rig.cloud);
        const uint64_t pause_ms = (wakeup - rig.now.mono_ns) / 1000000;
        assert_in_range(pause_ms, least, most);
        if (most < 30000) {
            most = most * 2 < 30000 ? most * 2 : 30000;
            least = most / 2;
        }
        rig.now.mono_ns = wakeup;
        cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
        assert_non_null(effect_of(EFFECT_CONNECT, 0));
    }
}

static void test_nothing_is_connected_before_its_time_or_without_the_setting(void **state)
{
    (void)state;
    link_down();
    cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
    assert_null(effect_of(EFFECT_CONNECT, 0));
    rig.options.settings.link = false;
    rig.options.settings.audit = false;
    rig.online = false;
    cloud_rig_reopen(&rig);
    assert_int_equal(cloud_next_wakeup(rig.cloud), UINT64_MAX);
    cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
    assert_null(effect_of(EFFECT_CONNECT, 0));
}

/* More than the broker's Receive Maximum inside the client library crawls. */
static void test_no_more_than_the_receive_maximum_is_in_flight(void **state)
{
    (void)state;
    static struct rig_log logs[4];
    for (uint8_t i = 0; i < 4; i++) {
        const char name[] = {'n', (char)('0' + i), 0};
        rig_log_open(&logs[i], name, (uint8_t)(10 + i), i);
        assert_int_equal(cloud_rig_enrol(&rig, &logs[i]), ST_OK);
    }
    link_down();
    cloud_rig_pass_ms(&rig, 60000);
    cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
    /* Its status and the roster are two of them. */
    cloud_rig_run(&rig, (struct event){.kind = EVENT_LINK_UP, .receive_maximum = 3});
    const uint32_t token = effect_of(EFFECT_PUBLISH, 0)->token;
    effects_clear(rig.effects); /* no PUBACKs but those given here */
    for (uint8_t i = 0; i < 4; i++) {
        cloud_rig_send_run(&rig, &logs[i], 1, 2);
        assert_int_equal(cloud_rig_has_ack(&rig), i == 0);
        effects_clear(rig.effects);
    }
    const struct event sent = {.kind = EVENT_SENT, .token = token};
    cloud_rig_run(&rig, sent);
    assert_non_null(effect_of(EFFECT_PUBLISH, 0));
    assert_null(effect_of(EFFECT_PUBLISH, 1));
    for (uint8_t i = 0; i < 4; i++)
        rig_log_close(&logs[i]);
}

/* The token of a connection that is gone must not open the window of the new one. */
static void test_a_puback_of_an_earlier_connection_frees_nothing(void **state)
{
    (void)state;
    const uint32_t old = effect_of(EFFECT_PUBLISH, 0)->token;
    link_down();
    cloud_rig_pass_ms(&rig, 60000);
    cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
    cloud_rig_run(&rig, (struct event){.kind = EVENT_LINK_UP, .receive_maximum = 1});
    effects_clear(rig.effects);
    cloud_rig_send_run(&rig, &log_1, 1, 2);
    cloud_rig_run(&rig, (struct event){.kind = EVENT_SENT, .token = old});
    assert_null(effect_of(EFFECT_PUBLISH, 0));
}

static void test_what_came_while_the_link_was_down_is_acknowledged_when_it_is_up(void **state)
{
    (void)state;
    link_down();
    cloud_rig_send_run(&rig, &log_1, 1, 2);
    assert_false(cloud_rig_has_ack(&rig));
    cloud_rig_connect(&rig);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 2);
}

static void test_a_stop_says_goodbye_and_never_connects_again(void **state)
{
    (void)state;
    struct status_report report;
    cloud_rig_run(&rig, (struct event){.kind = EVENT_STOP});
    read_status(effect_of(EFFECT_PUBLISH, 0)->payload, &report);
    assert_false(report.online);
    assert_non_null(effect_of(EFFECT_DISCONNECT, 0));
    cloud_rig_idle(&rig);
    assert_int_equal(cloud_next_wakeup(rig.cloud), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_connecting_leaves_a_signed_will_that_says_offline),
        T(test_every_connection_subscribes_again_and_says_online),
        T(test_the_brokers_counter_of_dropped_messages_is_known_until_the_next_connection),
        T(test_the_brokers_counter_is_subscribed_to_only_where_the_settings_say_so),
        T(test_pauses_between_attempts_grow_with_jitter_up_to_the_maximum),
        T(test_nothing_is_connected_before_its_time_or_without_the_setting),
        T(test_no_more_than_the_receive_maximum_is_in_flight),
        T(test_a_puback_of_an_earlier_connection_frees_nothing),
        T(test_what_came_while_the_link_was_down_is_acknowledged_when_it_is_up),
        T(test_a_stop_says_goodbye_and_never_connects_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
