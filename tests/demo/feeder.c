/* feeder.c - libmosquitto clients driven by one poll loop. */
#include "tests/demo/feeder.h"

#include <jansson.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CONNECT_PAUSE_MS = 50, KEEP_ALIVE_S = 30, POLL_MS = 10 };

/* A payload that was published and has no receipt yet. */
struct slot {
    bool used;
    size_t index;
    int message_id; /* of its last publish */
    uint64_t first_ns, last_ns;
};

struct feeder {
    struct feeder_settings settings;
    struct mosquitto *client; /* NULL between connections: what libmosquitto kept goes with it */
    bool ready;               /* connected, and the subscription is confirmed */
    bool lost;
    uint64_t connect_ns; /* not before */
    char response_topic[64];
    struct slot slots[FEEDER_WINDOW_MAX];
    size_t slots_used, next;
    uint64_t start_ns; /* of the first publish */
    uint32_t *latencies_us;
    struct feeder_counts counts;
};

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void slot_free(struct feeder *feeder, struct slot *slot)
{
    const uint64_t latency_us = (now_ns() - slot->first_ns) / 1000;
    feeder->latencies_us[feeder->counts.accepted++] = (uint32_t)latency_us;
    slot->used = false;
    feeder->slots_used--;
}

/* ---- what the broker says ---- */

static void on_connect(struct mosquitto *client, void *context, int reason, int flags,
                       const mosquitto_property *properties)
{
    struct feeder *feeder = context;
    (void)flags;
    (void)properties;
    if (reason != 0) {
        feeder->lost = true;
        return;
    }
    feeder->counts.connects++;
    feeder->ready = !feeder->settings.receipts;
    if (feeder->settings.receipts) {
        mosquitto_subscribe_v5(client, NULL, feeder->response_topic, feeder->settings.receipt_qos,
                               0, NULL);
    }
}

static void on_subscribe(struct mosquitto *client, void *context, int message_id, int count,
                         const int *granted, const mosquitto_property *properties)
{
    struct feeder *feeder = context;
    (void)client;
    (void)message_id;
    (void)properties;
    feeder->ready = count == 1 && granted[0] < 0x80;
    feeder->lost = !feeder->ready;
}

static void on_disconnect(struct mosquitto *client, void *context, int reason,
                          const mosquitto_property *properties)
{
    struct feeder *feeder = context;
    (void)client;
    (void)reason;
    (void)properties;
    feeder->lost = true;
}

static void on_publish(struct mosquitto *client, void *context, int message_id, int reason,
                       const mosquitto_property *properties)
{
    struct feeder *feeder = context;
    (void)client;
    (void)properties;
    if (feeder->settings.receipts || reason >= 0x80) return;
    for (size_t i = 0; i < feeder->settings.window; i++) {
        struct slot *slot = &feeder->slots[i];
        if (slot->used && slot->message_id == message_id) slot_free(feeder, slot);
    }
}

/* The slot a receipt speaks of: the correlation data end in "/slot/index". */
static struct slot *slot_of_receipt(struct feeder *feeder, const mosquitto_property *properties)
{
    void *data = NULL;
    uint16_t size = 0;
    char text[96] = "";
    if (mosquitto_property_read_binary(properties, MQTT_PROP_CORRELATION_DATA, &data, &size,
                                       false) == NULL) {
        return NULL;
    }
    memcpy(text, data, size < sizeof(text) ? size : sizeof(text) - 1);
    free(data);
    char *index_text = strrchr(text, '/');
    if (index_text == NULL) return NULL;
    *index_text++ = '\0';
    const char *slot_text = strrchr(text, '/');
    if (slot_text == NULL) return NULL;
    const size_t at = strtoul(slot_text + 1, NULL, 10);
    if (at >= feeder->settings.window) return NULL;
    struct slot *slot = &feeder->slots[at];
    return slot->used && slot->index == strtoul(index_text, NULL, 10) ? slot : NULL;
}

static void on_message(struct mosquitto *client, void *context,
                       const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    struct feeder *feeder = context;
    (void)client;
    struct slot *slot = slot_of_receipt(feeder, properties);
    if (slot == NULL) return; /* a receipt for a repeat whose first receipt came after all */
    json_t *receipt =
        json_loadb(message->payload, (size_t)message->payloadlen, JSON_REJECT_DUPLICATES, NULL);
    const char *log = json_string_value(json_object_get(receipt, "log"));
    const char *hash = json_string_value(json_object_get(receipt, "hash"));
    const json_int_t sequence = json_integer_value(json_object_get(receipt, "sequence"));
    if (log == NULL || hash == NULL || sequence < 1) {
        feeder->counts.refused++;
        snprintf(feeder->counts.refusal, sizeof(feeder->counts.refusal), "%.*s",
                 message->payloadlen, (const char *)message->payload);
    } else {
        const char *prefix = feeder->settings.id_prefix;
        if (json_is_true(json_object_get(receipt, "duplicate"))) feeder->counts.duplicates++;
        if (feeder->settings.receipt_file != NULL) {
            fprintf(feeder->settings.receipt_file, "%s%zu %s %lld %s\n",
                    prefix == NULL ? "" : prefix, slot->index + 1, log, (long long)sequence, hash);
        }
        slot_free(feeder, slot);
    }
    json_decref(receipt);
}

/* ---- what we say ---- */

static mosquitto_property *properties_of(const struct feeder *feeder, size_t at)
{
    const struct feeder_settings *settings = &feeder->settings;
    const struct slot *slot = &feeder->slots[at];
    mosquitto_property *list = NULL;
    char text[96];
    snprintf(text, sizeof(text), "%u", settings->payloads[slot->index].priority);
    mosquitto_property_add_string_pair(&list, MQTT_PROP_USER_PROPERTY, "priority", text);
    if (settings->id_prefix != NULL) {
        snprintf(text, sizeof(text), "%s%zu", settings->id_prefix, slot->index + 1);
        mosquitto_property_add_string_pair(&list, MQTT_PROP_USER_PROPERTY, "id", text);
    }
    mosquitto_property_add_string(&list, MQTT_PROP_RESPONSE_TOPIC, feeder->response_topic);
    const int size =
        snprintf(text, sizeof(text), "%s/%zu/%zu", settings->client_id, at, slot->index);
    mosquitto_property_add_binary(&list, MQTT_PROP_CORRELATION_DATA, text, (uint16_t)size);
    return list;
}

static void publish_slot(struct feeder *feeder, size_t at)
{
    struct slot *slot = &feeder->slots[at];
    const struct bytes bytes = feeder->settings.payloads[slot->index].bytes;
    mosquitto_property *properties = feeder->settings.receipts ? properties_of(feeder, at) : NULL;
    if (mosquitto_publish_v5(feeder->client, &slot->message_id, feeder->settings.topic,
                             (int)bytes.size, bytes.data, 1, false,
                             properties) != MOSQ_ERR_SUCCESS) {
        feeder->lost = true;
    }
    mosquitto_property_free_all(&properties);
    slot->last_ns = now_ns();
    if (slot->first_ns == 0) {
        slot->first_ns = slot->last_ns;
    } else {
        feeder->counts.repeated++;
    }
}

/* Is the next payload's time come? */
static bool in_pace(struct feeder *feeder, uint64_t time_ns)
{
    if (feeder->settings.per_second <= 0) return true;
    if (feeder->start_ns == 0) feeder->start_ns = time_ns;
    const double seconds = (double)(time_ns - feeder->start_ns) / 1e9;
    return (double)feeder->next <= seconds * feeder->settings.per_second;
}

static void fill_window(struct feeder *feeder)
{
    const uint64_t time_ns = now_ns();
    const uint64_t repeat_ns = (uint64_t)feeder->settings.repeat_ms * 1000000u;
    const bool new_ones = feeder->slots_used < feeder->settings.window &&
                          feeder->next < feeder->settings.payload_count;
    if (!new_ones && feeder->slots_used == 0) return;
    for (size_t at = 0; at < feeder->settings.window && !feeder->lost; at++) {
        struct slot *slot = &feeder->slots[at];
        if (slot->used) {
            const bool waited = feeder->settings.receipts && time_ns > slot->last_ns + repeat_ns;
            if (slot->last_ns == 0 || waited) publish_slot(feeder, at);
        } else if (feeder->next < feeder->settings.payload_count && in_pace(feeder, time_ns)) {
            *slot = (struct slot){.used = true, .index = feeder->next++};
            feeder->slots_used++;
            publish_slot(feeder, at);
        }
    }
}

static void drop_connection(struct feeder *feeder)
{
    mosquitto_destroy(feeder->client);
    feeder->client = NULL;
    feeder->ready = false;
    feeder->lost = false;
    feeder->connect_ns = now_ns() + CONNECT_PAUSE_MS * 1000000u;
    for (size_t at = 0; at < feeder->settings.window; at++)
        feeder->slots[at].last_ns = 0;
}

static void connect_again(struct feeder *feeder)
{
    if (now_ns() < feeder->connect_ns) return;
    struct mosquitto *client = mosquitto_new(feeder->settings.client_id, true, feeder);
    if (client == NULL) return;
    feeder->client = client;
    mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_int_option(client, MOSQ_OPT_SEND_MAXIMUM, 65535);
    mosquitto_connect_v5_callback_set(client, on_connect);
    mosquitto_disconnect_v5_callback_set(client, on_disconnect);
    mosquitto_subscribe_v5_callback_set(client, on_subscribe);
    mosquitto_publish_v5_callback_set(client, on_publish);
    mosquitto_message_v5_callback_set(client, on_message);
    if (mosquitto_connect_bind_v5(client, feeder->settings.host, feeder->settings.port,
                                  KEEP_ALIVE_S, NULL, NULL) != MOSQ_ERR_SUCCESS) {
        feeder->lost = true;
    }
}

/* ---- the loop ---- */

static bool step(struct feeder *feeder)
{
    if (feeder->lost) drop_connection(feeder);
    if (feeder_done(feeder)) return false;
    if (feeder->client == NULL) connect_again(feeder);
    if (feeder->client != NULL && feeder->ready) fill_window(feeder);
    return feeder->client != NULL && !feeder->lost;
}

static void exchange(struct feeder *feeder, short happened)
{
    int result = MOSQ_ERR_SUCCESS;
    if (happened & (POLLIN | POLLHUP | POLLERR)) result = mosquitto_loop_read(feeder->client, 64);
    if (result == MOSQ_ERR_SUCCESS && (happened & POLLOUT)) {
        result = mosquitto_loop_write(feeder->client, 64);
    }
    if (result == MOSQ_ERR_SUCCESS) result = mosquitto_loop_misc(feeder->client);
    if (result != MOSQ_ERR_SUCCESS) feeder->lost = true;
}

bool feeders_run(struct feeder **feeders, size_t count, double seconds_max)
{
    const uint64_t end_ns = now_ns() + (uint64_t)(seconds_max * 1e9);
    struct pollfd *polled = calloc(count, sizeof(*polled));
    bool all_done = false;
    while (polled != NULL && !all_done && now_ns() < end_ns) {
        all_done = true;
        for (size_t i = 0; i < count; i++) {
            polled[i] = (struct pollfd){.fd = -1};
            if (step(feeders[i])) {
                polled[i].fd = mosquitto_socket(feeders[i]->client);
                polled[i].events = POLLIN;
                if (mosquitto_want_write(feeders[i]->client)) polled[i].events |= POLLOUT;
            }
            all_done = all_done && feeder_done(feeders[i]);
        }
        if (all_done) break;
        poll(polled, count, POLL_MS);
        for (size_t i = 0; i < count; i++) {
            if (polled[i].fd >= 0) exchange(feeders[i], polled[i].revents);
        }
    }
    free(polled);
    return all_done;
}

/* ---- open, ask, close ---- */

struct feeder *feeder_open(const struct feeder_settings *settings)
{
    if (settings->window < 1 || settings->window > FEEDER_WINDOW_MAX) return NULL;
    mosquitto_lib_init();
    struct feeder *feeder = calloc(1, sizeof(*feeder));
    if (feeder == NULL) return NULL;
    feeder->settings = *settings;
    snprintf(feeder->response_topic, sizeof(feeder->response_topic), "receipt/%s",
             settings->client_id);
    feeder->latencies_us = calloc(settings->payload_count + 1, sizeof(uint32_t));
    if (feeder->latencies_us == NULL) {
        free(feeder);
        return NULL;
    }
    return feeder;
}

void feeder_close(struct feeder *feeder)
{
    if (feeder == NULL) return;
    if (feeder->client != NULL) {
        mosquitto_disconnect_v5(feeder->client, 0, NULL);
        mosquitto_loop_write(feeder->client, 1);
        mosquitto_destroy(feeder->client);
    }
    free(feeder->latencies_us);
    free(feeder);
}

bool feeder_done(const struct feeder *feeder)
{
    return feeder->counts.accepted == feeder->settings.payload_count;
}

const struct feeder_counts *feeder_counts_of(const struct feeder *feeder)
{
    return &feeder->counts;
}

static int compare_u32(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

double feeder_latency_ms(const struct feeder *feeder, unsigned per_mille)
{
    const size_t count = feeder->counts.accepted;
    if (count == 0) return 0;
    qsort(feeder->latencies_us, count, sizeof(uint32_t), compare_u32);
    return feeder->latencies_us[(count - 1) * per_mille / 1000] / 1000.0;
}
