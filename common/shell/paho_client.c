/* paho_client.c - Paho's handle, its callbacks and its MQTT 5 properties. */
#include "common/shell/paho_client.h"

#include <MQTTAsync.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/shell/tcp_options.h"
#include "common/shell/tls_policy.h"
#include "common/shell/waker.h"

enum { REASON_SIZE_MAX = 640, ADDRESS_SIZE_MAX = 256, URI_SIZE_MAX = 320 };

struct subscription {
    struct paho_client *client;
    char filter[PAHO_TOPIC_SIZE_MAX];
};

/* What a publish's callbacks get as context: which client, which slot. */
struct publish_slot {
    struct paho_client *client;
    uint32_t number;
};

struct paho_client {
    MQTTAsync handle;
    struct inbox *inbox;
    enum link link;
    uint32_t generation;
    bool tls;
    char address[ADDRESS_SIZE_MAX];
    uint16_t port;
    char tls_error[256]; /* the newest line of OpenSSL's, written and read under Paho's lock */
    size_t subscription_count;
    struct subscription subscriptions[PAHO_SUBSCRIPTIONS_MAX];
    struct publish_slot slots[PAHO_IN_FLIGHT_MAX];
};

static MQTTAsync keeper;
static pthread_once_t keeper_once = PTHREAD_ONCE_INIT;
static struct waker waker = WAKER_CLOSED;
static bool tls_ready;

/* The waker speaks only while a link connects, which may be a minute after the first link that
 * failed: so no answer of it is ever late. When this fails, connects just last longer. */
static void keeper_connect(void)
{
    enum { WEEK_S = 7 * 24 * 3600 };
    MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer;
    connect.MQTTVersion = MQTTVERSION_3_1_1;
    connect.keepAliveInterval = 0;
    connect.connectTimeout = WEEK_S;
    if (MQTTAsync_connect(keeper, &connect) != MQTTASYNC_SUCCESS) waker_close(&waker);
}

static void keeper_create(void)
{
    char uri[URI_SIZE_MAX];
    uint16_t port = 1; /* never connected to */
    tls_ready = tls_policy_start();
    MQTTAsync_init_options init = MQTTAsync_init_options_initializer;
    init.do_openssl_init = 1;
    MQTTAsync_global_init(&init);
    const bool listening = waker_open(&waker, &port) == ST_OK;
    snprintf(uri, sizeof uri, "tcp://127.0.0.1:%u", (unsigned)port);
    if (MQTTAsync_create(&keeper, uri, "keeper", MQTTCLIENT_PERSISTENCE_NONE, NULL) !=
        MQTTASYNC_SUCCESS) {
        keeper = NULL;
        waker_close(&waker);
    } else if (listening) {
        keeper_connect();
    }
}

bool paho_client_hurry(void)
{
    return waker_poke(&waker);
}

static void note_put(const struct paho_client *client, struct inbox_note *note)
{
    note->link = client->link;
    note->generation = client->generation;
    inbox_put(client->inbox, note);
}

static void reason_put(const struct paho_client *client, enum inbox_kind kind, const char *text)
{
    struct inbox_note note = {.kind = kind, .reason = bytes_of_text(text)};
    note_put(client, &note);
}

/* Callbacks. */

static struct bytes text_of(const MQTTLenString *text)
{
    return text->len > 0 ? bytes_of(text->data, (size_t)text->len) : BYTES_EMPTY;
}

static void properties_read(const MQTTProperties *properties, struct mqtt_message *message)
{
    for (int i = 0; i < properties->count; i++) {
        const MQTTProperty *property = &properties->array[i];
        if (property->identifier == MQTTPROPERTY_CODE_RESPONSE_TOPIC)
            message->response_topic = text_of(&property->value.data);
        else if (property->identifier == MQTTPROPERTY_CODE_CORRELATION_DATA)
            message->correlation = text_of(&property->value.data);
        else if (property->identifier == MQTTPROPERTY_CODE_USER_PROPERTY) {
            const struct bytes name = text_of(&property->value.data);
            if (bytes_equal(name, BYTES_LITERAL("priority")))
                message->user_priority = text_of(&property->value.value);
            else if (bytes_equal(name, BYTES_LITERAL("id")))
                message->user_id = text_of(&property->value.value);
        }
    }
}

static int on_message(void *context, char *topic, int topic_size, MQTTAsync_message *message)
{
    const struct paho_client *client = context;
    /* Zero stands for "ends at the NUL". */
    const size_t size = topic_size > 0 ? (size_t)topic_size : strlen(topic);
    struct inbox_note note = {
        .kind = INBOX_MESSAGE,
        .message = {.topic = bytes_of(topic, size),
                    .payload = bytes_of(message->payload, (size_t)message->payloadlen),
                    .retained = message->retained != 0},
    };
    properties_read(&message->properties, &note.message);
    note_put(client, &note);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void on_connected(void *context, MQTTAsync_successData5 *response)
{
    const struct paho_client *client = context;
    /* Here, where Paho's lock keeps the socket open, and before anything is published on it. */
    (void)tcp_options_no_delay(client->address, client->port);
    int receive_maximum = UINT16_MAX; /* what MQTT 5 says when the property is not there */
    if (MQTTProperties_hasProperty(&response->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM))
        receive_maximum = MQTTProperties_getNumericValue(&response->properties,
                                                         MQTTPROPERTY_CODE_RECEIVE_MAXIMUM);
    if (receive_maximum < 1 || receive_maximum > UINT16_MAX) receive_maximum = 1;
    struct inbox_note note = {
        .kind = INBOX_UP,
        .session_present = response->alt.connect.sessionPresent != 0,
        .receive_maximum = (uint16_t)receive_maximum,
    };
    note_put(client, &note);
}

static void on_connect_failed(void *context, MQTTAsync_failureData5 *response)
{
    const struct paho_client *client = context;
    char reason[REASON_SIZE_MAX], why[TLS_SENTENCE_SIZE_MAX];
    const char *refusal = NULL;
    if (response->code > 0) refusal = MQTTReasonCode_toString((enum MQTTReasonCodes)response->code);
    if (response->reasonCode > MQTTREASONCODE_SUCCESS)
        refusal = MQTTReasonCode_toString(response->reasonCode);
    if (refusal != NULL)
        snprintf(reason, sizeof reason, "the broker refused the connection: %s", refusal);
    else if (client->tls && tls_policy_take(client->address, why))
        snprintf(reason, sizeof reason, "TLS failed: %s", why);
    else if (client->tls_error[0] != '\0')
        snprintf(reason, sizeof reason, "TLS failed: %s", client->tls_error);
    else
        snprintf(reason, sizeof reason, "cannot connect (%s); is a broker listening there, %s?",
                 response->message != NULL ? response->message : "no answer",
                 client->tls ? "does its certificate name it, and does it accept ours"
                             : "and does it speak MQTT 5");
    reason_put(client, INBOX_DOWN, reason);
}

static void on_connection_lost(void *context, char *cause)
{
    const struct paho_client *client = context;
    char reason[REASON_SIZE_MAX], why[TLS_SENTENCE_SIZE_MAX];
    if (client->tls && tls_policy_take(client->address, why)) cause = why;
    snprintf(reason, sizeof reason, "the connection was lost%s%s", cause != NULL ? ": " : "",
             cause != NULL ? cause : "");
    reason_put(client, INBOX_DOWN, reason);
}

static void on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes code)
{
    char reason[REASON_SIZE_MAX];
    (void)properties;
    const char *words = MQTTReasonCode_toString(code);
    snprintf(reason, sizeof reason, "the broker ended the connection: %s",
             words != NULL ? words : "no reason given");
    reason_put(context, INBOX_DOWN, reason);
}

static void on_sent(void *context, MQTTAsync_successData5 *response)
{
    const struct publish_slot *slot = context;
    struct inbox_note note = {
        .kind = INBOX_SENT, .token = slot->number, .reason_code = (uint8_t)response->reasonCode};
    note_put(slot->client, &note);
}

static void on_send_failed(void *context, MQTTAsync_failureData5 *response)
{
    const struct publish_slot *slot = context;
    const char *words = response->reasonCode > MQTTREASONCODE_SUCCESS
                            ? MQTTReasonCode_toString(response->reasonCode)
                            : MQTTAsync_strerror(response->code);
    struct inbox_note note = {
        .kind = INBOX_SEND_FAILED,
        .token = slot->number,
        .reason_code = (uint8_t)response->reasonCode,
        .reason = bytes_of_text(words != NULL ? words : "no reason given"),
    };
    note_put(slot->client, &note);
}

static void on_subscribe_failed(void *context, MQTTAsync_failureData5 *response)
{
    const struct subscription *subscription = context;
    char reason[REASON_SIZE_MAX + PAHO_TOPIC_SIZE_MAX];
    const char *words = response->reasonCode > MQTTREASONCODE_SUCCESS
                            ? MQTTReasonCode_toString(response->reasonCode)
                            : MQTTAsync_strerror(response->code);
    snprintf(reason, sizeof reason, "the broker refused the subscription to %s: %s",
             subscription->filter, words != NULL ? words : "no reason given");
    reason_put(subscription->client, INBOX_SUBSCRIBE_REFUSED, reason);
}

static void on_disconnect_done(void *context, MQTTAsync_successData5 *response)
{
    (void)response;
    reason_put(context, INBOX_CLOSED, "closed");
}

static void on_disconnect_failed(void *context, MQTTAsync_failureData5 *response)
{
    (void)response;
    reason_put(context, INBOX_CLOSED, "closed");
}

static int on_tls_error(const char *text, size_t size, void *context)
{
    struct paho_client *client = context;
    snprintf(client->tls_error, sizeof client->tls_error, "%.*s", (int)size, text);
    client->tls_error[strcspn(client->tls_error, "\n")] = '\0';
    return 1;
}

/* Calls. */

static enum status handle_create(struct paho_client *client, const struct paho_options *options)
{
    char uri[URI_SIZE_MAX];
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
    const bool bracket = strchr(options->address, ':') != NULL;
    /* The limit counts commands that Paho's thread has not taken up yet, connected or not. */
    create.maxBufferedMessages = 2 * PAHO_IN_FLIGHT_MAX;
    snprintf(uri, sizeof uri, "%s://%s%s%s:%u", options->tls ? "ssl" : "tcp", bracket ? "[" : "",
             options->address, bracket ? "]" : "", (unsigned)options->port);
    if (MQTTAsync_createWithOptions(&client->handle, uri, options->client_id,
                                    MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                    &create) != MQTTASYNC_SUCCESS) {
        client->handle = NULL;
        return ST_NO_MEMORY;
    }
    if (MQTTAsync_setCallbacks(client->handle, client, on_connection_lost, on_message, NULL) !=
            MQTTASYNC_SUCCESS ||
        MQTTAsync_setDisconnected(client->handle, client, on_disconnected) != MQTTASYNC_SUCCESS)
        return ST_NETWORK;
    return ST_OK;
}

static int connect_start(struct paho_client *client, const struct paho_options *options)
{
    char will_topic[PAHO_TOPIC_SIZE_MAX];
    MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    MQTTProperties properties = MQTTProperties_initializer;
    const MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL,
                                 .value.integer4 = options->session_expiry_s};
    MQTTProperties_add(&properties, &expiry);
    connect.keepAliveInterval = (int)options->keepalive_s;
    connect.connectTimeout = PAHO_CONNECT_TIMEOUT_S;
    connect.cleanstart = 0;
    connect.automaticReconnect = 0;
    connect.connectProperties = &properties;
    connect.context = client;
    connect.onSuccess5 = on_connected;
    connect.onFailure5 = on_connect_failed;
    connect.username = options->user;
    connect.binarypwd.data = options->password.size > 0 ? options->password.data : NULL;
    connect.binarypwd.len = (int)options->password.size;
    if (options->will_topic.size > 0 && options->will_topic.size < sizeof will_topic) {
        memcpy(will_topic, options->will_topic.data, options->will_topic.size);
        will_topic[options->will_topic.size] = '\0';
        will.topicName = will_topic;
        will.payload.data = options->will_payload.data;
        will.payload.len = (int)options->will_payload.size;
        will.retained = options->will_retain;
        will.qos = 1;
        connect.will = &will;
    }
    if (options->tls) {
        tls.trustStore = options->ca;
        tls.keyStore = options->certificate;
        tls.privateKey = options->private_key;
        tls.enableServerCertAuth = options->tls_verify;
        tls.verify = options->tls_verify;
        tls.ssl_error_cb = on_tls_error;
        tls.ssl_error_context = client;
        connect.ssl = &tls;
    }
    const int error = MQTTAsync_connect(client->handle, &connect);
    MQTTProperties_free(&properties);
    return error;
}

enum status paho_client_connect(const struct paho_options *options, struct paho_client **out,
                                struct buf *message)
{
    *out = NULL;
    pthread_once(&keeper_once, keeper_create);
    if (options->tls && !tls_ready) {
        buf_put_text(message, "the TLS library takes no rules for its connections");
        return ST_NETWORK;
    }
    struct paho_client *client = calloc(1, sizeof *client);
    if (client == NULL) return ST_NO_MEMORY;
    client->inbox = options->inbox;
    client->link = options->link;
    client->generation = options->generation;
    client->tls = options->tls;
    client->port = options->port;
    snprintf(client->address, sizeof client->address, "%s", options->address);
    (void)tls_policy_take(client->address, NULL); /* what an earlier connection has left */
    for (uint32_t i = 0; i < PAHO_IN_FLIGHT_MAX; i++)
        client->slots[i] = (struct publish_slot){.client = client, .number = i};
    enum status status = handle_create(client, options);
    if (status == ST_OK) {
        const int error = connect_start(client, options);
        if (error != MQTTASYNC_SUCCESS) {
            const char *words = MQTTAsync_strerror(error);
            buf_put_format(message, "the MQTT library refuses to connect: %s",
                           words != NULL ? words : "no reason given");
            status = ST_NETWORK;
        }
    }
    if (status != ST_OK) {
        paho_client_close(client);
        return status;
    }
    *out = client;
    return ST_OK;
}

enum status paho_client_subscribe(struct paho_client *client, struct bytes filter, bool no_local)
{
    if (client->subscription_count == PAHO_SUBSCRIPTIONS_MAX || filter.size >= PAHO_TOPIC_SIZE_MAX)
        return ST_TOO_LARGE;
    struct subscription *subscription = &client->subscriptions[client->subscription_count++];
    subscription->client = client;
    memcpy(subscription->filter, filter.data, filter.size);
    subscription->filter[filter.size] = '\0';
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    response.context = subscription;
    response.onFailure5 = on_subscribe_failed;
    response.subscribeOptions.noLocal = no_local;
    return MQTTAsync_subscribe(client->handle, subscription->filter, 1, &response) ==
                   MQTTASYNC_SUCCESS
               ? ST_OK
               : ST_NETWORK;
}

enum status paho_client_publish(struct paho_client *client, struct bytes topic,
                                struct bytes payload, struct bytes correlation, bool retain,
                                uint32_t slot)
{
    char name[PAHO_TOPIC_SIZE_MAX];
    INVARIANT(slot < PAHO_IN_FLIGHT_MAX);
    if (topic.size >= sizeof name) return ST_TOO_LARGE;
    memcpy(name, topic.data, topic.size);
    name[topic.size] = '\0';
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    response.context = &client->slots[slot];
    response.onSuccess5 = on_sent;
    response.onFailure5 = on_send_failed;
    MQTTAsync_message message = MQTTAsync_message_initializer;
    /* Paho copies payload and properties; its pointers just lack the const. */
    MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_CORRELATION_DATA};
    property.value.data.len = (int)correlation.size;
    property.value.data.data = (char *)(uintptr_t)correlation.data;
    if (correlation.size > 0) MQTTProperties_add(&message.properties, &property);
    message.payload = (void *)(uintptr_t)payload.data;
    message.payloadlen = (int)payload.size;
    message.qos = 1;
    message.retained = retain;
    const int error = MQTTAsync_sendMessage(client->handle, name, &message, &response);
    MQTTProperties_free(&message.properties);
    return error == MQTTASYNC_SUCCESS ? ST_OK : ST_NETWORK;
}

enum status paho_client_disconnect(struct paho_client *client)
{
    MQTTAsync_disconnectOptions disconnect = MQTTAsync_disconnectOptions_initializer5;
    disconnect.context = client;
    disconnect.onSuccess5 = on_disconnect_done;
    disconnect.onFailure5 = on_disconnect_failed;
    return MQTTAsync_disconnect(client->handle, &disconnect) == MQTTASYNC_SUCCESS ? ST_OK
                                                                                  : ST_NETWORK;
}

void paho_client_close(struct paho_client *client)
{
    if (client == NULL) return;
    if (client->handle != NULL) MQTTAsync_destroy(&client->handle);
    free(client);
}
