/* test_sim_broker.c - the simulated broker has the manners that were measured of the real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/sim_broker.h"

enum { PUBLISHER, SUBSCRIBER, CLIENTS };

struct bench {
    struct sim_broker *broker;
    struct rng rng;
    unsigned connacks, pubacks, messages, retained, duplicates;
    bool session_present;
    uint32_t last_number;
};

static void receive(void *context, uint32_t client, const struct packet *packet)
{
    struct bench *bench = context;
    bench->connacks += packet->kind == PACKET_CONNACK;
    bench->pubacks += packet->kind == PACKET_PUBACK;
    if (packet->kind == PACKET_CONNACK) bench->session_present = packet->session_present;
    if (packet->kind == PACKET_PUBLISH && client == SUBSCRIBER) {
        bench->messages++;
        bench->retained += packet->retained;
        bench->duplicates += packet->duplicate;
        bench->last_number = packet->number;
    }
    sim_message_unref(packet->message);
}

static void send(struct bench *bench, uint32_t client, enum packet_kind kind, const char *topic,
                 bool retain)
{
    const struct sim_message fields = {
        .topic = bytes_of_text(topic), .payload = BYTES_LITERAL("payload"), .retain = retain};
    struct sim_message *message = sim_message_new(&fields);
    const struct packet packet = {.kind = kind, .number = 1, .message = message};
    sim_broker_receive(bench->broker, client, &packet);
    sim_message_unref(message);
}

static void connect(struct bench *bench, uint32_t client)
{
    sim_broker_receive(bench->broker, client, &(struct packet){.kind = PACKET_CONNECT});
}

static void begin(struct bench *bench, uint32_t queued_max)
{
    *bench = (struct bench){0};
    rng_seed(&bench->rng, 1);
    const struct sim_broker_settings settings = {.client_count = CLIENTS,
                                                 .queued_max = queued_max,
                                                 .inflight_max = 20,
                                                 .receive_maximum = 20};
    bench->broker = sim_broker_open(&settings, &bench->rng, receive, bench);
    connect(bench, PUBLISHER);
    connect(bench, SUBSCRIBER);
}

/* Measured: 5,000 sent to an offline session, 1,000 kept, every PUBACK good. */
static void test_an_offline_session_drops_silently_beyond_its_bound(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 100);
    send(&bench, SUBSCRIBER, PACKET_SUBSCRIBE, "a/+", false);
    sim_broker_lost(bench.broker, SUBSCRIBER);
    for (unsigned i = 0; i < 500; i++)
        send(&bench, PUBLISHER, PACKET_PUBLISH, "a/b", false);
    assert_int_equal(bench.pubacks, 500);
    assert_int_equal(sim_broker_counts(bench.broker).dropped, 400);
    sim_broker_close(bench.broker);
}

/* Measured: 5,000 retained topics under one filter, 1,000 + 20 delivered, nothing reported. */
static void test_retained_messages_are_truncated_without_a_word(void **state)
{
    (void)state;
    struct bench bench;
    char topic[32];
    begin(&bench, 100);
    for (unsigned i = 0; i < 500; i++) {
        struct buf out = buf_of(topic, sizeof(topic) - 1);
        buf_put_format(&out, "r/%u", i);
        topic[out.size] = '\0';
        send(&bench, PUBLISHER, PACKET_PUBLISH, topic, true);
    }
    send(&bench, SUBSCRIBER, PACKET_SUBSCRIBE, "r/#", false);
    assert_int_equal(sim_broker_counts(bench.broker).dropped, 500 - 120);
    assert_int_equal(bench.retained, 20);
    sim_broker_close(bench.broker);
}

static void test_what_was_not_acknowledged_comes_again_after_a_reconnect(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 100);
    send(&bench, SUBSCRIBER, PACKET_SUBSCRIBE, "a/+", false);
    send(&bench, PUBLISHER, PACKET_PUBLISH, "a/b", false);
    send(&bench, PUBLISHER, PACKET_PUBLISH, "a/c", false);
    sim_broker_receive(bench.broker, SUBSCRIBER,
                       &(struct packet){.kind = PACKET_PUBACK, .number = bench.last_number});
    sim_broker_lost(bench.broker, SUBSCRIBER);
    connect(&bench, SUBSCRIBER);
    assert_true(bench.session_present);
    assert_int_equal(bench.messages, 3);
    assert_int_equal(bench.duplicates, 1);
    sim_broker_close(bench.broker);
}

/* Measured: PUBACK comes before anything is saved. */
static void test_a_restart_forgets_what_came_after_the_last_save(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, 100);
    send(&bench, SUBSCRIBER, PACKET_SUBSCRIBE, "a/+", false);
    sim_broker_lost(bench.broker, SUBSCRIBER);
    send(&bench, PUBLISHER, PACKET_PUBLISH, "a/b", false);
    sim_broker_save(bench.broker);
    send(&bench, PUBLISHER, PACKET_PUBLISH, "a/c", false);
    sim_broker_restart(bench.broker, true);
    connect(&bench, SUBSCRIBER);
    assert_int_equal(bench.messages, 1);
    sim_broker_restart(bench.broker, false);
    connect(&bench, SUBSCRIBER);
    assert_false(bench.session_present);
    assert_int_equal(bench.messages, 1);
    sim_broker_close(bench.broker);
}

static void test_filters_match_as_mqtt_says(void **state)
{
    (void)state;
    const struct {
        const char *filter, *topic;
        bool matches;
    } cases[] = {
        {"a/b", "a/b", true}, {"a/b", "a/b/c", false},  {"a/+", "a/b", true},
        {"a/+", "a", false},  {"a/+/c", "a/b/c", true}, {"a/#", "a/b/c", true},
        {"a/#", "a", true},   {"#", "a/b", true},       {"+/+", "a/b", true},
        {"+", "a/b", false},  {"a/+", "a/", true},      {"a", "ab", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(
            sim_topic_matches(bytes_of_text(cases[i].filter), bytes_of_text(cases[i].topic)),
            cases[i].matches);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_offline_session_drops_silently_beyond_its_bound),
        cmocka_unit_test(test_retained_messages_are_truncated_without_a_word),
        cmocka_unit_test(test_what_was_not_acknowledged_comes_again_after_a_reconnect),
        cmocka_unit_test(test_a_restart_forgets_what_came_after_the_last_save),
        cmocka_unit_test(test_filters_match_as_mqtt_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
