/* sim_broker.h - an MQTT 5 broker with the manners of Mosquitto 2.0.11, as they were measured: the
 * good ones, the silent ones and the bad ones.
 *
 *   - PUBACK is given when a message is taken, before anything is durable; a restart may forget it.
 *   - A session keeps at most queued_max messages that wait; what comes beyond is dropped, and the
 *     publisher is told nothing.
 *   - Retained messages go to a new subscriber through the same bounded queue: a filter that
 *     matches too many gets a truncated set.
 *   - QoS 1 both ways; what was sent and not acknowledged is sent again after a reconnect, possibly
 *     in another order, and new messages do not wait for it.
 *   - A restart keeps what the last save wrote, or nothing when the persistence was deleted.
 *
 * It has no clock: the world calls in when a packet arrives, and packets go out through send.
 * Clients are numbers below client_count; each has one session. */
#ifndef HOLDFAST_TESTS_SIM_SIM_BROKER_H
#define HOLDFAST_TESTS_SIM_SIM_BROKER_H

#include "common/base/rng.h"
#include "tests/sim/sim_message.h"

enum packet_kind {
    PACKET_CONNECT,    /* message: the will, or NULL */
    PACKET_CONNACK,    /* session_present, receive_maximum */
    PACKET_SUBSCRIBE,  /* message: topic is the filter, no_local */
    PACKET_PUBLISH,    /* either way: message, number; from the broker: retained */
    PACKET_PUBACK,     /* either way: number */
    PACKET_DISCONNECT, /* from the client: no will */
};

struct packet {
    enum packet_kind kind;
    uint32_t number;
    bool session_present;
    bool retained;
    bool duplicate;
    uint16_t receive_maximum;
    struct sim_message *message;
};

struct sim_broker_settings {
    uint32_t client_count;
    uint32_t queued_max;        /* waiting messages of one session */
    uint32_t inflight_max;      /* sent and not acknowledged, of one session */
    uint16_t receive_maximum;   /* told to clients */
    unsigned forget_per_mille;  /* PUBACK given, message thrown away */
    unsigned repeat_per_mille;  /* delivered twice */
    unsigned shuffle_per_mille; /* of reconnects: sent again in another order */
};

struct sim_broker_counts {
    uint64_t taken, delivered, dropped, forgotten, repeated, wills;
    uint32_t queued_peak;
};

struct sim_broker;

/* send: a packet for a client; it takes over the reference to the packet's message. rng is borrowed
 * until sim_broker_close; the caller closes the result. */
struct sim_broker *sim_broker_open(const struct sim_broker_settings *settings, struct rng *rng,
                                   void (*send)(void *context, uint32_t client,
                                                const struct packet *packet),
                                   void *context);
void sim_broker_close(struct sim_broker *broker);

/* A packet from a client arrived; its message stays the caller's. */
void sim_broker_receive(struct sim_broker *broker, uint32_t client, const struct packet *packet);
/* The broker found that this client's connection is gone: its will is published. */
void sim_broker_lost(struct sim_broker *broker, uint32_t client);
/* autosave_interval has passed: what there is now survives a restart. */
void sim_broker_save(struct sim_broker *broker);
/* All connections are gone. keep: sessions and retained messages are as last saved; else nothing is
 * left, as after "rm mosquitto.db". */
void sim_broker_restart(struct sim_broker *broker, bool keep);
void sim_broker_stop_faults(struct sim_broker *broker);

/* Publishes a message in the name of nobody, as somebody with the broker's password could. */
void sim_broker_inject(struct sim_broker *broker, struct sim_message *message);
/* The retained message of a topic, or NULL; borrowed. */
struct sim_message *sim_broker_retained(const struct sim_broker *broker, struct bytes topic);
struct sim_broker_counts sim_broker_counts(const struct sim_broker *broker);

/* MQTT's rule for + and #. */
bool sim_topic_matches(struct bytes filter, struct bytes topic);

#endif
