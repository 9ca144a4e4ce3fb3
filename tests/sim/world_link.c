/* world_link.c - MQTT connections between nodes, publishers and brokers. */
#include <stdlib.h>

#include "tests/sim/world.h"

#define CONNECT_TIMEOUT_NS (10 * SIM_S)
#define REFUSED_NS (5 * SIM_MS)

static struct world *world_of(const struct sim_endpoint *endpoint)
{
    return endpoint->broker->world;
}

void endpoint_open(struct sim_endpoint *endpoint, struct world_broker *broker, uint32_t client,
                   const struct sim_net_settings *settings)
{
    *endpoint = (struct sim_endpoint){.broker = broker, .client = client};
    endpoint->net.settings = *settings;
    broker->clients[client] = endpoint;
}

static void forget_unacked(struct sim_endpoint *endpoint)
{
    for (size_t i = 0; i < endpoint->unacked_count; i++) {
        sim_message_unref(endpoint->unacked[i].message);
    }
    endpoint->unacked_count = 0;
}

void endpoint_close(struct sim_endpoint *endpoint)
{
    forget_unacked(endpoint);
    free(endpoint->unacked);
}

static size_t packet_size(const struct packet *packet)
{
    if (packet->message == NULL) return 8;
    return 16 + packet->message->topic.size + packet->message->payload.size;
}

/* The connection is dead; nobody knows yet. */
static void plan_loss(struct sim_endpoint *endpoint, uint64_t client_ns, uint64_t broker_ns)
{
    endpoint->doomed = true;
    world_plan(world_of(endpoint), client_ns,
               &(struct world_event){.kind = HAPPEN_LOST_AT_CLIENT,
                                     .generation = endpoint->generation,
                                     .subject = endpoint});
    world_plan(world_of(endpoint), broker_ns,
               &(struct world_event){.kind = HAPPEN_LOST_AT_BROKER,
                                     .generation = endpoint->generation,
                                     .subject = endpoint});
}

/* Nothing says so: each end notices after its own keepalive. */
static void plan_silent_loss(struct sim_endpoint *endpoint)
{
    struct world *world = world_of(endpoint);
    const uint64_t client_ns = sim_net_notice(&endpoint->net, &world->rng, world->now_ns);
    const uint64_t broker_ns = sim_net_notice(&endpoint->net, &world->rng, world->now_ns);
    plan_loss(endpoint, client_ns, broker_ns);
}

void endpoint_cut(struct sim_endpoint *endpoint, uint64_t length_ns)
{
    struct world *world = world_of(endpoint);
    sim_net_cut(&endpoint->net, world->now_ns + length_ns);
    if (endpoint->state == ENDPOINT_IDLE || endpoint->doomed) return;
    if (length_ns < 2 * endpoint->net.settings.keepalive_ns) return;
    plan_silent_loss(endpoint);
}

/* Takes over the packet's message. */
static void send_packet(struct sim_endpoint *endpoint, bool up, const struct packet *packet)
{
    struct world *world = world_of(endpoint);
    uint64_t at_ns = 0;
    enum sim_fate fate = FATE_DOOMED;
    if (!endpoint->doomed) {
        fate = sim_net_send(&endpoint->net, up ? &endpoint->up : &endpoint->down, &world->rng,
                            world->now_ns, packet_size(packet), &at_ns);
        if (fate == FATE_BROKEN) plan_loss(endpoint, at_ns, at_ns);
        if (fate == FATE_DOOMED) {
            plan_silent_loss(endpoint);
        }
    }
    if (fate != FATE_ARRIVES) {
        sim_message_unref(packet->message);
        return;
    }
    world_plan(world, at_ns,
               &(struct world_event){.kind = up ? HAPPEN_TO_BROKER : HAPPEN_TO_CLIENT,
                                     .generation = endpoint->generation,
                                     .subject = endpoint,
                                     .packet = *packet});
}

void endpoint_connect(struct sim_endpoint *endpoint, struct sim_message *will)
{
    struct world *world = world_of(endpoint);
    endpoint->state = ENDPOINT_CONNECTING;
    endpoint->generation++;
    endpoint->doomed = false;
    endpoint->up = endpoint->down = (struct sim_pipe){0};
    forget_unacked(endpoint);
    const bool refused = endpoint->broker->down;
    world_plan(world, world->now_ns + (refused ? REFUSED_NS : CONNECT_TIMEOUT_NS),
               &(struct world_event){.kind = HAPPEN_LOST_AT_CLIENT,
                                     .generation = endpoint->generation,
                                     .subject = endpoint,
                                     .packet = {.number = 1}});
    if (refused) {
        sim_message_unref(will);
        return;
    }
    send_packet(endpoint, true, &(struct packet){.kind = PACKET_CONNECT, .message = will});
}

/* What a new process or a new connection cannot know any more. */
static void forget_connection(struct sim_endpoint *endpoint)
{
    endpoint->state = ENDPOINT_IDLE;
    endpoint->generation++;
    forget_unacked(endpoint);
}

void endpoint_disconnect(struct sim_endpoint *endpoint)
{
    if (endpoint->state == ENDPOINT_IDLE) return;
    send_packet(endpoint, true, &(struct packet){.kind = PACKET_DISCONNECT});
    /* The goodbye still belongs to the connection that it ends. */
    forget_connection(endpoint);
}

void endpoint_abandon(struct sim_endpoint *endpoint, bool abrupt)
{
    struct world *world = world_of(endpoint);
    if (endpoint->state == ENDPOINT_IDLE) return;
    const uint64_t notice_ns = abrupt ? sim_net_notice(&endpoint->net, &world->rng, world->now_ns)
                                      : world->now_ns + endpoint->net.settings.delay_ns + SIM_MS;
    world_plan(world, notice_ns,
               &(struct world_event){.kind = HAPPEN_LOST_AT_BROKER,
                                     .generation = endpoint->generation,
                                     .subject = endpoint});
    forget_connection(endpoint);
}

void endpoint_subscribe(struct sim_endpoint *endpoint, struct bytes filter, bool no_local)
{
    if (endpoint->state != ENDPOINT_UP) return;
    const struct sim_message fields = {.topic = filter, .no_local = no_local};
    send_packet(endpoint, true,
                &(struct packet){.kind = PACKET_SUBSCRIBE, .message = sim_message_new(&fields)});
}

static void give_back(struct sim_endpoint *endpoint, enum event_kind kind, uint32_t token)
{
    if (endpoint->node == NULL) return;
    node_receive(endpoint->node,
                 &(struct inbox_item){.kind = kind, .link = endpoint->link, .token = token});
}

static bool believes_broker(const struct sim_endpoint *endpoint)
{
    return world_of(endpoint)->options.mutant == MUTANT_TRUST_PUBACK && endpoint->node != NULL &&
           !endpoint->node->is_cloud && endpoint->link == LINK_CLOUD;
}

void endpoint_publish(struct sim_endpoint *endpoint, struct sim_message *message, uint32_t token)
{
    if (endpoint->state != ENDPOINT_UP) {
        give_back(endpoint, EVENT_SEND_FAILED, token);
        sim_message_unref(message);
        return;
    }
    const uint32_t number = ++endpoint->last_number;
    endpoint->unacked = sim_grow(endpoint->unacked, endpoint->unacked_count,
                                 &endpoint->unacked_capacity, sizeof(*endpoint->unacked));
    endpoint->unacked[endpoint->unacked_count].number = number;
    endpoint->unacked[endpoint->unacked_count].message =
        believes_broker(endpoint) ? sim_message_ref(message) : NULL;
    endpoint->unacked[endpoint->unacked_count++].token = token;
    send_packet(endpoint, true,
                &(struct packet){.kind = PACKET_PUBLISH, .number = number, .message = message});
}

static void take_puback(struct sim_endpoint *endpoint, uint32_t number)
{
    for (size_t i = 0; i < endpoint->unacked_count; i++) {
        if (endpoint->unacked[i].number != number) continue;
        const uint32_t token = endpoint->unacked[i].token;
        struct sim_message *message = endpoint->unacked[i].message;
        endpoint->unacked[i] = endpoint->unacked[--endpoint->unacked_count];
        give_back(endpoint, EVENT_SENT, token);
        struct sim_message *forged = message != NULL ? mutant_ack(endpoint, message) : NULL;
        sim_message_unref(message);
        if (forged == NULL) return;
        node_receive(
            endpoint->node,
            &(struct inbox_item){.kind = EVENT_MESSAGE, .link = LINK_CLOUD, .message = forged});
        return;
    }
}

static void take_message(struct sim_endpoint *endpoint, const struct packet *packet)
{
    /* As Paho: acknowledged when the callback returns, long before anything is committed. */
    send_packet(endpoint, true, &(struct packet){.kind = PACKET_PUBACK, .number = packet->number});
    if (endpoint->publisher != NULL) {
        publisher_packet(endpoint->publisher, packet);
        return;
    }
    node_receive(endpoint->node, &(struct inbox_item){.kind = EVENT_MESSAGE,
                                                      .link = endpoint->link,
                                                      .retained = packet->retained,
                                                      .message = sim_message_ref(packet->message)});
}

void endpoint_packet(struct sim_endpoint *endpoint, uint32_t generation,
                     const struct packet *packet)
{
    if (generation != endpoint->generation || endpoint->state == ENDPOINT_IDLE) return;
    switch (packet->kind) {
    case PACKET_CONNACK:
        endpoint->state = ENDPOINT_UP;
        if (endpoint->publisher != NULL) {
            publisher_connection(endpoint->publisher, true);
            return;
        }
        node_receive(endpoint->node,
                     &(struct inbox_item){.kind = EVENT_LINK_UP,
                                          .link = endpoint->link,
                                          .session_present = packet->session_present,
                                          .receive_maximum = packet->receive_maximum});
        return;
    case PACKET_PUBLISH:
        take_message(endpoint, packet);
        return;
    case PACKET_PUBACK:
        take_puback(endpoint, packet->number);
        return;
    case PACKET_CONNECT:
    case PACKET_SUBSCRIBE:
    case PACKET_DISCONNECT:
        return;
    }
}

static struct sim_message *reason_message(const char *reason)
{
    const struct sim_message fields = {.payload = bytes_of_text(reason)};
    return sim_message_new(&fields);
}

void endpoint_lost(struct sim_endpoint *endpoint, uint32_t generation, bool connect_timeout)
{
    struct world *world = world_of(endpoint);
    if (generation != endpoint->generation || endpoint->state == ENDPOINT_IDLE) return;
    if (connect_timeout && endpoint->state == ENDPOINT_UP) return;
    const char *reason = connect_timeout ? "cannot connect" : "connection lost";
    if (endpoint->node != NULL &&
        rng_chance(&world->rng, world->options.faults.send_failed_per_mille)) {
        for (size_t i = 0; i < endpoint->unacked_count; i++) {
            give_back(endpoint, EVENT_SEND_FAILED, endpoint->unacked[i].token);
        }
    }
    /* The broker may still believe in it; a connect will take it over. */
    forget_connection(endpoint);
    if (endpoint->publisher != NULL) {
        publisher_connection(endpoint->publisher, false);
        return;
    }
    node_receive(endpoint->node, &(struct inbox_item){.kind = EVENT_LINK_DOWN,
                                                      .link = endpoint->link,
                                                      .message = reason_message(reason)});
}

/* ---- the brokers -------------------------------------------------------------------------- */

static void broker_sends(void *context, uint32_t client, const struct packet *packet)
{
    struct world_broker *broker = context;
    struct sim_endpoint *endpoint = broker->clients[client];
    /* A connection that the client has given up gets nothing, but the broker does not know. */
    if (endpoint == NULL || endpoint->broker_generation != endpoint->generation) {
        sim_message_unref(packet->message);
        return;
    }
    send_packet(endpoint, false, packet);
}

void broker_open(struct world *world, struct world_broker *broker, const char *label,
                 const struct sim_broker_settings *settings)
{
    *broker = (struct world_broker){.world = world, .label = label};
    broker->client_count = settings->client_count;
    broker->clients = sim_allocate(settings->client_count * sizeof(struct sim_endpoint *));
    broker->broker = sim_broker_open(settings, &world->rng, broker_sends, broker);
    world_plan(world, world->now_ns + 30 * SIM_S,
               &(struct world_event){.kind = HAPPEN_BROKER_SAVE, .subject = broker});
}

void broker_close(struct world_broker *broker)
{
    for (uint32_t i = 0; i < broker->client_count; i++) {
        if (broker->clients[i] != NULL) endpoint_close(broker->clients[i]);
    }
    free(broker->clients);
    sim_broker_close(broker->broker);
}

void broker_packet(struct sim_endpoint *endpoint, uint32_t generation, const struct packet *packet)
{
    if (endpoint->broker->down) return;
    if (packet->kind == PACKET_CONNECT) {
        if (generation != endpoint->generation) return; /* the client gave up waiting */
        endpoint->broker_generation = generation;
    }
    if (generation != endpoint->broker_generation) return;
    sim_broker_receive(endpoint->broker->broker, endpoint->client, packet);
}

void broker_lost(struct sim_endpoint *endpoint, uint32_t generation)
{
    if (endpoint->broker->down || generation != endpoint->broker_generation) return;
    sim_broker_lost(endpoint->broker->broker, endpoint->client);
}

void broker_restart(struct world_broker *broker, bool keep, uint64_t down_ns)
{
    struct world *world = broker->world;
    if (broker->down) return;
    world_say(world, broker->label, "%s, down for %llu ms",
              keep ? "restarts with what it saved last" : "loses its whole persistence",
              (unsigned long long)(down_ns / SIM_MS));
    broker->down = true;
    sim_broker_restart(broker->broker, keep);
    for (uint32_t i = 0; i < broker->client_count; i++) {
        struct sim_endpoint *endpoint = broker->clients[i];
        if (endpoint == NULL) continue;
        endpoint->broker_generation = 0;
        if (endpoint->state == ENDPOINT_IDLE) continue;
        endpoint->doomed = true;
        world_plan(world, world->now_ns + endpoint->net.settings.delay_ns + SIM_MS,
                   &(struct world_event){.kind = HAPPEN_LOST_AT_CLIENT,
                                         .generation = endpoint->generation,
                                         .subject = endpoint});
    }
    world_plan(world, world->now_ns + down_ns,
               &(struct world_event){.kind = HAPPEN_BROKER_UP, .subject = broker});
}

void broker_up(struct world_broker *broker)
{
    broker->down = false;
}
