/* link_mqtt.c - the states of one MQTT link, its window and its small queue. */
#include "common/shell/link_mqtt.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/shell/clock_os.h"
#include "common/shell/paho_client.h"
#include "common/shell/tls_files.h"

enum link_state {
    LINK_IDLE,
    LINK_RESOLVING,
    LINK_CONNECTING,
    LINK_UP,
    LINK_DRAINING,
    LINK_CLOSING
};

enum { WILL_SIZE_MAX = 4096, SENTENCE_SIZE_MAX = 1024 };
/* A near broker answers within the first of these, a far one is not asked for too often. */
enum { HURRY_MS_MIN = 2, HURRY_MS_MAX = 64 };

/* A publish that waits for room in the broker's window. */
struct waiting {
    struct waiting *next;
    uint32_t token;
    bool retain;
    size_t topic_size, payload_size, correlation_size;
    uint8_t bytes[]; /* topic, payload, correlation */
};

struct link_mqtt {
    struct link_settings settings;
    struct inbox *inbox;
    struct trace trace;
    struct resolver *resolver;
    struct tls_files files;
    struct paho_client *client;
    enum link_state state;
    uint32_t generation;
    uint64_t deadline_ns;
    uint64_t hurry_ns; /* while CONNECTING: when the library is to be hurried next */
    uint32_t hurry_ms; /* and the pause after that */

    uint8_t will_topic[256], will_payload[WILL_SIZE_MAX];
    size_t will_topic_size, will_payload_size;
    bool will_retain;
    bool connect_wanted;              /* asked for while the old connection is still closing */
    bool failing;                     /* an INBOX_DOWN of our own is on its way */
    char sentence[SENTENCE_SIZE_MAX]; /* of the LINK_DOWN that the engine is looking at */

    char addresses[RESOLVED_ADDRESSES_MAX][ADDRESS_TEXT_SIZE];
    size_t address_count, address_next;

    uint32_t window; /* publishes Paho may hold */
    uint32_t in_flight;
    uint32_t free_count;
    uint32_t free_slots[PAHO_IN_FLIGHT_MAX];
    uint32_t slot_tokens[PAHO_IN_FLIGHT_MAX];
    struct waiting *queue_first, **queue_end;
    size_t queue_bytes;
};

enum status link_mqtt_open(const struct link_settings *settings, struct inbox *inbox,
                           const struct trace *trace, struct link_mqtt **out)
{
    struct link_mqtt *link = calloc(1, sizeof *link);
    *out = NULL;
    if (link == NULL) return ST_NO_MEMORY;
    link->settings = *settings;
    link->inbox = inbox;
    link->trace = *trace;
    link->queue_end = &link->queue_first;
    link->files = tls_files_of(settings->ca, settings->certificate, settings->private_key);
    if (settings->tls) tls_files_used(&link->files);
    if (resolver_open(inbox, settings->link, &link->resolver) != ST_OK) {
        link_mqtt_close(link);
        return ST_NO_MEMORY;
    }
    *out = link;
    return ST_OK;
}

static uint64_t deadline_in(uint32_t ms)
{
    return clock_os_mono_ns() + (uint64_t)ms * 1000000u;
}

static void queue_clear(struct link_mqtt *link)
{
    while (link->queue_first != NULL) {
        struct waiting *first = link->queue_first;
        link->queue_first = first->next;
        free(first);
    }
    link->queue_end = &link->queue_first;
    link->queue_bytes = 0;
}

/* The connection, if any, is over; notes that are still on their way mean nothing any more. */
static void connection_end(struct link_mqtt *link)
{
    paho_client_close(link->client);
    link->client = NULL;
    link->state = LINK_IDLE;
    link->generation++;
    link->failing = false;
    link->in_flight = 0;
    link->free_count = 0;
    for (uint32_t i = PAHO_IN_FLIGHT_MAX; i > 0; i--)
        link->free_slots[link->free_count++] = i - 1;
    queue_clear(link);
}

void link_mqtt_close(struct link_mqtt *link)
{
    if (link == NULL) return;
    connection_end(link);
    resolver_close(link->resolver);
    free(link);
}

void link_mqtt_reset(struct link_mqtt *link)
{
    connection_end(link);
    link->connect_wanted = false;
}

/* Goes through the inbox, so that the engine hears of it as of any other failure. */
static void fail(struct link_mqtt *link, struct bytes reason)
{
    if (link->failing) return;
    link->failing = true;
    const struct inbox_note note = {.kind = INBOX_DOWN,
                                    .link = link->settings.link,
                                    .generation = link->generation,
                                    .reason = reason};
    inbox_put(link->inbox, &note);
}

static void connect_next_address(struct link_mqtt *link)
{
    const struct link_settings *settings = &link->settings;
    uint8_t text[SENTENCE_SIZE_MAX];
    struct buf message = buf_of(text, sizeof text);
    const bool by_name = settings->tls && settings->tls_verify;
    INVARIANT(link->address_next < link->address_count);
    const struct paho_options options = {
        .inbox = link->inbox,
        .link = settings->link,
        .generation = link->generation,
        .address = by_name ? settings->host : link->addresses[link->address_next],
        .port = settings->port,
        .client_id = settings->client_id,
        .user = settings->user,
        .password = settings->password,
        .tls = settings->tls,
        .tls_verify = settings->tls_verify,
        .ca = settings->ca,
        .certificate = settings->certificate,
        .private_key = settings->private_key,
        .keepalive_s = settings->keepalive_s,
        .session_expiry_s = settings->session_expiry_s,
        .will_topic = bytes_of(link->will_topic, link->will_topic_size),
        .will_payload = bytes_of(link->will_payload, link->will_payload_size),
        .will_retain = link->will_retain,
    };
    link->address_next = by_name ? link->address_count : link->address_next + 1;
    link->state = LINK_CONNECTING;
    if (settings->tls) tls_files_used(&link->files);
    /* Paho keeps the time of a connect itself; ours only covers a callback that never comes. */
    link->deadline_ns = deadline_in((PAHO_CONNECT_TIMEOUT_S + 5) * 1000);
    link->hurry_ms = HURRY_MS_MIN;
    link->hurry_ns = deadline_in(HURRY_MS_MIN);
    const enum status status = paho_client_connect(&options, &link->client, &message);
    if (status == ST_OK) return;
    if (message.size == 0) buf_put_text(&message, status_words(status));
    fail(link, buf_bytes(&message));
}

static void connect_start(struct link_mqtt *link)
{
    static const struct bytes no_thread = {(const uint8_t *)"no thread for the resolver", 26};
    const char *host = link->settings.host;
    link->connect_wanted = false;
    link->address_count = 0;
    link->address_next = 0;
    if (host_is_numeric(host)) {
        memcpy(link->addresses[0], host, strlen(host) + 1);
        link->address_count = 1;
        connect_next_address(link);
        return;
    }
    link->state = LINK_RESOLVING;
    link->deadline_ns = deadline_in(RESOLVE_TIMEOUT_MS);
    if (resolver_ask(link->resolver, host, link->generation) != ST_OK) fail(link, no_thread);
}

void link_mqtt_connect(struct link_mqtt *link, struct bytes will_topic, struct bytes will_payload,
                       bool will_retain)
{
    INVARIANT(will_topic.size <= sizeof link->will_topic);
    INVARIANT(will_payload.size <= sizeof link->will_payload);
    if (will_topic.size > 0) memcpy(link->will_topic, will_topic.data, will_topic.size);
    if (will_payload.size > 0) memcpy(link->will_payload, will_payload.data, will_payload.size);
    link->will_topic_size = will_topic.size;
    link->will_payload_size = will_payload.size;
    link->will_retain = will_retain;
    link->connect_wanted = true;
    if (link->state == LINK_DRAINING || link->state == LINK_CLOSING) return;
    connection_end(link);
    connect_start(link);
}

static void closing_start(struct link_mqtt *link)
{
    link->state = LINK_CLOSING;
    link->deadline_ns = deadline_in(CLOSE_TIMEOUT_MS);
    if (paho_client_disconnect(link->client) == ST_OK) return;
    connection_end(link);
    if (link->connect_wanted) connect_start(link);
}

void link_mqtt_disconnect(struct link_mqtt *link)
{
    link->connect_wanted = false;
    if (link->state == LINK_RESOLVING || link->state == LINK_CONNECTING) connection_end(link);
    if (link->state != LINK_UP) return;
    link->state = LINK_DRAINING;
    link->deadline_ns = deadline_in(DRAIN_TIMEOUT_MS);
    if (link->in_flight == 0) closing_start(link);
}

void link_mqtt_subscribe(struct link_mqtt *link, struct bytes filter, bool no_local)
{
    if (link->state != LINK_UP) return;
    /* A disconnected handle refuses; its INBOX_DOWN is on the way then. */
    const enum status status = paho_client_subscribe(link->client, filter, no_local);
    if (status != ST_OK)
        trace_line(&link->trace, TRACE_WARNING, "%s %s:%u: subscription to %.*s not sent: %s",
                   link->settings.name, link->settings.host, (unsigned)link->settings.port,
                   (int)filter.size, (const char *)filter.data, status_words(status));
}

static void hand_over(struct link_mqtt *link, struct bytes topic, struct bytes payload,
                      struct bytes correlation, bool retain, uint32_t token)
{
    const uint32_t slot = link->free_slots[--link->free_count];
    link->slot_tokens[slot] = token;
    link->in_flight++;
    if (paho_client_publish(link->client, topic, payload, correlation, retain, slot) == ST_OK)
        return;
    const struct inbox_note note = {.kind = INBOX_SEND_FAILED,
                                    .link = link->settings.link,
                                    .generation = link->generation,
                                    .token = slot,
                                    .reason = BYTES_LITERAL("the MQTT library refused it")};
    inbox_put(link->inbox, &note);
}

static void queue_put(struct link_mqtt *link, struct bytes topic, struct bytes payload,
                      struct bytes correlation, bool retain, uint32_t token)
{
    const size_t size = topic.size + payload.size + correlation.size;
    struct waiting *waiting = NULL;
    if (link->queue_bytes + size + sizeof *waiting <= LINK_QUEUE_BYTES_MAX)
        waiting = malloc(sizeof *waiting + size);
    if (waiting == NULL) {
        fail(link, BYTES_LITERAL("the broker takes no publishes: too many wait for it"));
        return;
    }
    *waiting = (struct waiting){.token = token,
                                .retain = retain,
                                .topic_size = topic.size,
                                .payload_size = payload.size,
                                .correlation_size = correlation.size};
    memcpy(waiting->bytes, topic.data, topic.size);
    if (payload.size > 0) memcpy(waiting->bytes + topic.size, payload.data, payload.size);
    if (correlation.size > 0)
        memcpy(waiting->bytes + topic.size + payload.size, correlation.data, correlation.size);
    *link->queue_end = waiting;
    link->queue_end = &waiting->next;
    link->queue_bytes += size + sizeof *waiting;
}

void link_mqtt_publish(struct link_mqtt *link, struct bytes topic, struct bytes payload,
                       struct bytes correlation, bool retain, uint32_t token)
{
    /* Not up: the connection ended before this effect; LINK_DOWN, which ends its token, is already
     * on its way. */
    if (link->state != LINK_UP) return;
    if (link->queue_first == NULL && link->in_flight < link->window)
        hand_over(link, topic, payload, correlation, retain, token);
    else
        queue_put(link, topic, payload, correlation, retain, token);
}

static void refill(struct link_mqtt *link)
{
    while (link->queue_first != NULL && link->in_flight < link->window) {
        struct waiting *first = link->queue_first;
        const uint8_t *at = first->bytes;
        link->queue_first = first->next;
        if (link->queue_first == NULL) link->queue_end = &link->queue_first;
        link->queue_bytes -=
            first->topic_size + first->payload_size + first->correlation_size + sizeof *first;
        hand_over(link, bytes_of(at, first->topic_size),
                  bytes_of(at + first->topic_size, first->payload_size),
                  bytes_of(at + first->topic_size + first->payload_size, first->correlation_size),
                  first->retain, first->token);
        free(first);
    }
}

static bool noted_down(struct link_mqtt *link, const struct inbox_note *note, struct event *event)
{
    const bool asked = link->state == LINK_DRAINING || link->state == LINK_CLOSING;
    const bool try_next =
        link->state == LINK_CONNECTING && link->address_next < link->address_count;
    struct buf sentence = buf_of(link->sentence, sizeof link->sentence);
    buf_put_format(&sentence, "%s:%u: ", link->settings.host, (unsigned)link->settings.port);
    buf_put(&sentence, note->reason);
    connection_end(link);
    if (try_next) {
        connect_next_address(link);
        return false;
    }
    if (asked) {
        if (link->connect_wanted) connect_start(link);
        return false;
    }
    event->kind = EVENT_LINK_DOWN;
    event->reason = buf_bytes(&sentence);
    return true;
}

static bool noted_sent(struct link_mqtt *link, const struct inbox_note *note, struct event *event)
{
    INVARIANT(note->token < PAHO_IN_FLIGHT_MAX && link->in_flight > 0);
    event->kind = note->kind == INBOX_SENT ? EVENT_SENT : EVENT_SEND_FAILED;
    event->token = link->slot_tokens[note->token];
    event->reason_code = note->reason_code;
    link->free_slots[link->free_count++] = note->token;
    link->in_flight--;
    if (note->kind == INBOX_SEND_FAILED)
        trace_line(&link->trace, TRACE_INFO, "%s %s:%u: a publish failed: %.*s",
                   link->settings.name, link->settings.host, (unsigned)link->settings.port,
                   (int)note->reason.size, (const char *)note->reason.data);
    refill(link);
    if (link->state == LINK_DRAINING && link->in_flight == 0) closing_start(link);
    return true;
}

static void noted_resolved(struct link_mqtt *link, const struct inbox_note *note)
{
    if (link->state != LINK_RESOLVING) return;
    if (!note->found) {
        fail(link, note->reason);
        return;
    }
    const char *text = (const char *)note->message.payload.data;
    for (size_t at = 0; at < note->message.payload.size; at += strlen(text + at) + 1) {
        INVARIANT(link->address_count < RESOLVED_ADDRESSES_MAX);
        memcpy(link->addresses[link->address_count++], text + at, strlen(text + at) + 1);
    }
    connect_next_address(link);
}

bool link_mqtt_note(struct link_mqtt *link, const struct inbox_note *note, struct event *event)
{
    if (note->generation != link->generation) return false;
    event->link = link->settings.link;
    switch (note->kind) {
    case INBOX_MESSAGE:
        event->kind = EVENT_MESSAGE;
        event->message = note->message;
        return true;
    case INBOX_UP:
        if (link->state != LINK_CONNECTING) return false;
        link->state = LINK_UP;
        link->deadline_ns =
            link->settings.tls ? deadline_in(RENEWAL_CHECK_MS) : UINT64_MAX; /* of the files */
        link->window = note->receive_maximum;
        if (link->window > PAHO_IN_FLIGHT_MAX) link->window = PAHO_IN_FLIGHT_MAX;
        event->kind = EVENT_LINK_UP;
        event->session_present = note->session_present;
        event->receive_maximum = (uint16_t)link->window;
        return true;
    case INBOX_DOWN:
        return noted_down(link, note, event);
    case INBOX_SENT:
    case INBOX_SEND_FAILED:
        return noted_sent(link, note, event);
    case INBOX_CLOSED:
        connection_end(link);
        if (link->connect_wanted) connect_start(link);
        return false;
    case INBOX_SUBSCRIBE_REFUSED:
        trace_line(&link->trace, TRACE_ALARM, "%s %s:%u: %.*s", link->settings.name,
                   link->settings.host, (unsigned)link->settings.port, (int)note->reason.size,
                   (const char *)note->reason.data);
        return false;
    case INBOX_RESOLVED:
        noted_resolved(link, note);
        return false;
    case INBOX_KIND_COUNT:
        break;
    }
    UNREACHABLE();
}

uint64_t link_mqtt_deadline_ns(const struct link_mqtt *link)
{
    if (link->state == LINK_IDLE) return UINT64_MAX;
    if (link->state == LINK_CONNECTING && link->hurry_ns < link->deadline_ns) return link->hurry_ns;
    return link->deadline_ns;
}

static void hurry(struct link_mqtt *link, uint64_t mono_ns)
{
    if (mono_ns < link->hurry_ns) return;
    link->hurry_ns = UINT64_MAX;
    if (!paho_client_hurry()) return;
    link->hurry_ns = mono_ns + link->hurry_ms * 1000000u;
    if (link->hurry_ms < HURRY_MS_MAX) link->hurry_ms *= 2;
}

void link_mqtt_check_renewal(struct link_mqtt *link)
{
    if (!link->settings.tls || link->state != LINK_UP) return;
    link->deadline_ns = deadline_in(RENEWAL_CHECK_MS);
    if (tls_files_renewed(&link->files))
        fail(link, BYTES_LITERAL("our certificate was renewed: connecting with it"));
}

int64_t link_mqtt_certificate_expires_s(const struct link_mqtt *link)
{
    return link->files.expires_s;
}

void link_mqtt_tick(struct link_mqtt *link, uint64_t mono_ns)
{
    if (link->state == LINK_IDLE) return;
    if (link->state == LINK_CONNECTING) hurry(link, mono_ns);
    if (mono_ns < link->deadline_ns) return;
    uint8_t text[SENTENCE_SIZE_MAX];
    struct buf reason = buf_of(text, sizeof text);
    if (link->state == LINK_UP) {
        link_mqtt_check_renewal(link);
        return;
    }
    link->deadline_ns = UINT64_MAX; /* until the note that is put here has been read */
    if (link->state == LINK_RESOLVING) {
        buf_put_format(&reason, "the host name %s was not resolved within %d s",
                       link->settings.host, RESOLVE_TIMEOUT_MS / 1000);
        fail(link, buf_bytes(&reason));
    } else if (link->state == LINK_CONNECTING) {
        buf_put_format(&reason, "no answer within %d s", PAHO_CONNECT_TIMEOUT_S + 5);
        fail(link, buf_bytes(&reason));
    } else if (link->state == LINK_DRAINING) {
        closing_start(link);
    } else {
        connection_end(link);
        if (link->connect_wanted) connect_start(link);
    }
}

bool link_mqtt_is_idle(const struct link_mqtt *link)
{
    return link->state == LINK_IDLE;
}

uint32_t link_mqtt_in_flight(const struct link_mqtt *link)
{
    return link->in_flight;
}
