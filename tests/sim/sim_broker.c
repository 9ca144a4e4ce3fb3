/* sim_broker.c - an MQTT 5 broker with the manners of Mosquitto 2.0.11, as they were measured. */
#include "tests/sim/sim_broker.h"

#include <stdlib.h>
#include <string.h>

enum { FILTERS_MAX = 16 };

struct queued {
    struct sim_message *message;
    uint32_t number; /* 0: not sent yet */
    bool retained;
};

struct session {
    bool known; /* a CONNECT made it, and no restart forgot it */
    bool connected;
    struct sim_message *will;
    struct sim_message *filters[FILTERS_MAX];
    size_t filter_count;
    struct queued *queue; /* the first `sent` of them are under way */
    size_t count, capacity, sent;
    uint32_t last_number;
};

struct state {
    struct session *sessions;
    struct sim_message **retained;
    size_t retained_count, retained_capacity;
};

struct sim_broker {
    struct sim_broker_settings settings;
    struct rng *rng;
    void (*send)(void *context, uint32_t client, const struct packet *packet);
    void *context;
    struct state live, saved;
    struct sim_broker_counts counts;
};

static void session_clear(struct session *session)
{
    sim_message_unref(session->will);
    for (size_t i = 0; i < session->filter_count; i++)
        sim_message_unref(session->filters[i]);
    for (size_t i = 0; i < session->count; i++)
        sim_message_unref(session->queue[i].message);
    free(session->queue);
    *session = (struct session){0};
}

static void state_clear(struct state *state, uint32_t client_count)
{
    for (uint32_t i = 0; i < client_count; i++)
        session_clear(&state->sessions[i]);
    for (size_t i = 0; i < state->retained_count; i++)
        sim_message_unref(state->retained[i]);
    free(state->retained);
    state->retained = NULL;
    state->retained_count = state->retained_capacity = 0;
}

/* to must be clear. Connections and wills are not part of what a broker saves. */
static void state_copy(struct state *to, const struct state *from, uint32_t client_count)
{
    for (uint32_t i = 0; i < client_count; i++) {
        const struct session *source = &from->sessions[i];
        struct session *copy = &to->sessions[i];
        copy->known = source->known;
        copy->filter_count = source->filter_count;
        copy->last_number = source->last_number;
        for (size_t k = 0; k < source->filter_count; k++) {
            copy->filters[k] = sim_message_ref(source->filters[k]);
        }
        if (source->count == 0) continue;
        copy->count = copy->capacity = source->count;
        copy->queue = sim_allocate(source->count * sizeof(*copy->queue));
        for (size_t k = 0; k < source->count; k++) {
            copy->queue[k] = source->queue[k];
            copy->queue[k].number = 0;
            sim_message_ref(copy->queue[k].message);
        }
    }
    if (from->retained_count == 0) return;
    to->retained_count = to->retained_capacity = from->retained_count;
    to->retained = sim_allocate(from->retained_count * sizeof(struct sim_message *));
    for (size_t i = 0; i < from->retained_count; i++) {
        to->retained[i] = sim_message_ref(from->retained[i]);
    }
}

struct sim_broker *sim_broker_open(const struct sim_broker_settings *settings, struct rng *rng,
                                   void (*send)(void *context, uint32_t client,
                                                const struct packet *packet),
                                   void *context)
{
    struct sim_broker *broker = sim_allocate(sizeof(*broker));
    broker->settings = *settings;
    broker->rng = rng;
    broker->send = send;
    broker->context = context;
    broker->live.sessions = sim_allocate(settings->client_count * sizeof(struct session));
    broker->saved.sessions = sim_allocate(settings->client_count * sizeof(struct session));
    return broker;
}

void sim_broker_close(struct sim_broker *broker)
{
    if (broker == NULL) return;
    state_clear(&broker->live, broker->settings.client_count);
    state_clear(&broker->saved, broker->settings.client_count);
    free(broker->live.sessions);
    free(broker->saved.sessions);
    free(broker);
}

void sim_broker_save(struct sim_broker *broker)
{
    state_clear(&broker->saved, broker->settings.client_count);
    state_copy(&broker->saved, &broker->live, broker->settings.client_count);
}

void sim_broker_restart(struct sim_broker *broker, bool keep)
{
    state_clear(&broker->live, broker->settings.client_count);
    if (keep) {
        state_copy(&broker->live, &broker->saved, broker->settings.client_count);
    } else {
        state_clear(&broker->saved, broker->settings.client_count);
    }
}

void sim_broker_stop_faults(struct sim_broker *broker)
{
    broker->settings.forget_per_mille = 0;
    broker->settings.repeat_per_mille = 0;
    broker->settings.shuffle_per_mille = 0;
}

struct sim_broker_counts sim_broker_counts(const struct sim_broker *broker)
{
    return broker->counts;
}

/* The level that starts at offset, without its slash; *next is where the following one starts, or
 * beyond the end. */
static struct bytes level_at(struct bytes topic, size_t offset, size_t *next)
{
    size_t end = offset;
    while (end < topic.size && topic.data[end] != '/')
        end++;
    *next = end + 1;
    return bytes_of(topic.data + offset, end - offset);
}

bool sim_topic_matches(struct bytes filter, struct bytes topic)
{
    size_t filter_at = 0, topic_at = 0;
    while (filter_at <= filter.size) {
        const struct bytes wanted = level_at(filter, filter_at, &filter_at);
        if (bytes_equal(wanted, BYTES_LITERAL("#"))) return true;
        if (topic_at > topic.size) return false;
        const struct bytes level = level_at(topic, topic_at, &topic_at);
        if (!bytes_equal(wanted, BYTES_LITERAL("+")) && !bytes_equal(wanted, level)) return false;
    }
    return topic_at > topic.size;
}

struct sim_message *sim_broker_retained(const struct sim_broker *broker, struct bytes topic)
{
    for (size_t i = 0; i < broker->live.retained_count; i++) {
        if (bytes_equal(broker->live.retained[i]->topic, topic)) return broker->live.retained[i];
    }
    return NULL;
}

static void send_queued(struct sim_broker *broker, uint32_t client, const struct queued *queued,
                        bool duplicate)
{
    broker->counts.delivered++;
    broker->send(broker->context, client,
                 &(struct packet){.kind = PACKET_PUBLISH,
                                  .number = queued->number,
                                  .retained = queued->retained,
                                  .duplicate = duplicate,
                                  .message = sim_message_ref(queued->message)});
}

static void pump(struct sim_broker *broker, uint32_t client)
{
    struct session *session = &broker->live.sessions[client];
    if (!session->connected) return;
    while (session->sent < session->count && session->sent < broker->settings.inflight_max) {
        struct queued *queued = &session->queue[session->sent++];
        queued->number = ++session->last_number;
        send_queued(broker, client, queued, false);
        if (rng_chance(broker->rng, broker->settings.repeat_per_mille)) {
            broker->counts.repeated++;
            send_queued(broker, client, queued, true);
        }
    }
}

/* No answer tells anybody when the queue is full: that is how it was measured. */
static void enqueue(struct sim_broker *broker, uint32_t client, struct sim_message *message,
                    bool retained)
{
    struct session *session = &broker->live.sessions[client];
    const size_t limit =
        broker->settings.queued_max + (session->connected ? broker->settings.inflight_max : 0);
    if (session->count >= limit) {
        broker->counts.dropped++;
        return;
    }
    session->queue =
        sim_grow(session->queue, session->count, &session->capacity, sizeof(*session->queue));
    session->queue[session->count++] =
        (struct queued){.message = sim_message_ref(message), .retained = retained};
    if (session->count > broker->counts.queued_peak) {
        broker->counts.queued_peak = (uint32_t)session->count;
    }
}

static bool session_wants(const struct session *session, uint32_t client,
                          const struct sim_message *message)
{
    for (size_t i = 0; i < session->filter_count; i++) {
        const struct sim_message *filter = session->filters[i];
        if (filter->no_local && message->origin == client) continue;
        if (sim_topic_matches(filter->topic, message->topic)) return true;
    }
    return false;
}

static void retain(struct sim_broker *broker, struct sim_message *message)
{
    struct state *live = &broker->live;
    for (size_t i = 0; i < live->retained_count; i++) {
        if (!bytes_equal(live->retained[i]->topic, message->topic)) continue;
        sim_message_unref(live->retained[i]);
        if (message->payload.size > 0) {
            live->retained[i] = sim_message_ref(message);
        } else {
            live->retained[i] = live->retained[--live->retained_count];
        }
        return;
    }
    if (message->payload.size == 0) return;
    live->retained = sim_grow(live->retained, live->retained_count, &live->retained_capacity,
                              sizeof(struct sim_message *));
    live->retained[live->retained_count++] = sim_message_ref(message);
}

static void route(struct sim_broker *broker, struct sim_message *message)
{
    if (message->retain) retain(broker, message);
    for (uint32_t client = 0; client < broker->settings.client_count; client++) {
        struct session *session = &broker->live.sessions[client];
        if (!session->known || !session_wants(session, client, message)) continue;
        enqueue(broker, client, message, false);
        pump(broker, client);
    }
}

void sim_broker_inject(struct sim_broker *broker, struct sim_message *message)
{
    message->origin = UINT32_MAX;
    route(broker, message);
}

static void publish_will(struct sim_broker *broker, struct session *session)
{
    struct sim_message *will = session->will;
    session->will = NULL;
    if (will == NULL) return;
    broker->counts.wills++;
    route(broker, will);
    sim_message_unref(will);
}

void sim_broker_lost(struct sim_broker *broker, uint32_t client)
{
    struct session *session = &broker->live.sessions[client];
    if (!session->connected) return;
    session->connected = false;
    publish_will(broker, session);
}

static void resend(struct sim_broker *broker, uint32_t client)
{
    struct session *session = &broker->live.sessions[client];
    if (session->sent > 1 && rng_chance(broker->rng, broker->settings.shuffle_per_mille)) {
        const size_t other = rng_below(broker->rng, session->sent);
        const struct queued first = session->queue[0];
        session->queue[0] = session->queue[other];
        session->queue[other] = first;
    }
    for (size_t i = 0; i < session->sent; i++) {
        if (session->queue[i].number == 0) session->queue[i].number = ++session->last_number;
        send_queued(broker, client, &session->queue[i], true);
    }
    pump(broker, client);
}

static void receive_connect(struct sim_broker *broker, uint32_t client, const struct packet *packet)
{
    struct session *session = &broker->live.sessions[client];
    if (session->connected) { /* taken over: the old connection ends without a goodbye */
        session->connected = false;
        publish_will(broker, session);
    }
    const bool present = session->known;
    session->known = session->connected = true;
    sim_message_unref(session->will);
    session->will = sim_message_ref(packet->message);
    if (session->will != NULL) session->will->origin = client;
    broker->send(broker->context, client,
                 &(struct packet){.kind = PACKET_CONNACK,
                                  .session_present = present,
                                  .receive_maximum = broker->settings.receive_maximum});
    resend(broker, client);
}

static void receive_subscribe(struct sim_broker *broker, uint32_t client,
                              struct sim_message *filter)
{
    struct session *session = &broker->live.sessions[client];
    size_t place = 0;
    while (place < session->filter_count &&
           !bytes_equal(session->filters[place]->topic, filter->topic)) {
        place++;
    }
    INVARIANT(place < FILTERS_MAX);
    if (place < session->filter_count) {
        sim_message_unref(session->filters[place]);
    } else {
        session->filter_count++;
    }
    session->filters[place] = sim_message_ref(filter);
    for (size_t i = 0; i < broker->live.retained_count; i++) {
        struct sim_message *message = broker->live.retained[i];
        if (filter->no_local && message->origin == client) continue;
        if (sim_topic_matches(filter->topic, message->topic)) {
            enqueue(broker, client, message, true);
        }
    }
    pump(broker, client);
}

static void receive_publish(struct sim_broker *broker, uint32_t client, const struct packet *packet)
{
    broker->counts.taken++;
    broker->send(broker->context, client,
                 &(struct packet){.kind = PACKET_PUBACK, .number = packet->number});
    if (rng_chance(broker->rng, broker->settings.forget_per_mille)) {
        broker->counts.forgotten++;
        return;
    }
    packet->message->origin = client;
    route(broker, packet->message);
}

static void receive_puback(struct sim_broker *broker, uint32_t client, uint32_t number)
{
    struct session *session = &broker->live.sessions[client];
    for (size_t i = 0; i < session->sent; i++) {
        if (session->queue[i].number != number) continue;
        sim_message_unref(session->queue[i].message);
        session->count--;
        session->sent--;
        memmove(&session->queue[i], &session->queue[i + 1],
                (session->count - i) * sizeof(*session->queue));
        pump(broker, client);
        return;
    }
}

void sim_broker_receive(struct sim_broker *broker, uint32_t client, const struct packet *packet)
{
    struct session *session = &broker->live.sessions[client];
    if (packet->kind != PACKET_CONNECT && !session->connected) return;
    switch (packet->kind) {
    case PACKET_CONNECT:
        receive_connect(broker, client, packet);
        return;
    case PACKET_SUBSCRIBE:
        receive_subscribe(broker, client, packet->message);
        return;
    case PACKET_PUBLISH:
        receive_publish(broker, client, packet);
        return;
    case PACKET_PUBACK:
        receive_puback(broker, client, packet->number);
        return;
    case PACKET_DISCONNECT:
        sim_message_unref(session->will);
        session->will = NULL;
        session->connected = false;
        return;
    case PACKET_CONNACK:
        return;
    }
}
