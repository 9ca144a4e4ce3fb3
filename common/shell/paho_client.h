/* paho_client.h - one MQTT 5 connection through Paho's asynchronous client: the only door to it.
 *
 * One client is one connection: it is made for a connect and destroyed when that connection has
 * ended, never reconnected. Reasons, measured with 1.3.12 and read in its source:
 *   - maxInflight is lowered by each CONNACK's Receive Maximum and never raised again for a handle;
 *   - connect_sent is never reset, and a handle with several server URIs reconnects by itself after
 *     a lost connection;
 *   - after a reconnect Paho replays what was in flight, slowly (15 s for 200 x 64 KiB) and without
 *     order, while the engine sends the same again from its last acknowledgement;
 *   - a callback of a destroyed handle cannot come any more (both need Paho's global lock), so each
 *     callback belongs to exactly one connection, and stale ones are told apart for certain.
 * Measured here with 80 connections in a row on loopback: making and ending one costs under 2 ms of
 * our loop's time and memory stays flat after the first forty (6.0 MiB).
 *
 * Connects on loopback, from the call to INBOX_UP, at all phases of Paho's polls, median and worst:
 *                                             hurried                 not hurried
 *   the first of a process (12 and 11)        20 to 112 ms            12, 112 ms
 *   later ones (160 and 128)                  3, 104 ms               1.05, 1.10 s
 *   while another link is idle (128 and 64)   3, 105 ms               1.7, 2.10 s
 *   later ones with TLS (24 and 24)           48, 52 ms               1.11, 1.15 s
 * The receive thread looks for writable sockets only between polls for readable ones, which last a
 * second; paho_client_hurry ends such a poll (waker.h). The 100 ms are a sleep of Paho's after a
 * poll in vain, which nothing ends. Hurrying while publishes are in flight gains nothing: with a
 * window of 20, frames of 60 KiB and links of 1.2 and 12 MB/s, PUBACKs come often enough to carry
 * partial writes on (1.24 and 12.4 MB/s with it and without).
 *
 * A connection that is up gets TCP_NODELAY (tcp_options.h).
 * The broker's session (subscriptions, queued messages) lives on: clean start is off from the very
 * first connect, and the session expiry is explicit. Persistence is none: the outbox is the queue.
 *
 * Another handle is kept for the life of the process, connected to the waker and nothing else:
 * destroying the last handle makes Paho stop its threads and wait for them, up to seconds, on our
 * loop.
 *
 * Callbacks run on Paho's threads under its lock; they copy into the inbox and return 1. All
 * functions here are for the loop thread. */
#ifndef HOLDFAST_COMMON_SHELL_PAHO_CLIENT_H
#define HOLDFAST_COMMON_SHELL_PAHO_CLIENT_H

#include "common/shell/inbox.h"

enum {
    PAHO_IN_FLIGHT_MAX = 1000, /* Paho's linear lists make more slower, not faster */
    PAHO_TOPIC_SIZE_MAX = 1024,
    PAHO_SUBSCRIPTIONS_MAX = 16,
    PAHO_CONNECT_TIMEOUT_S = 5,
};

struct paho_client;

struct paho_options {
    struct inbox *inbox;
    enum link link;
    uint32_t generation; /* every note of this client carries it */
    const char *address; /* numeric, or a name for TLS with verification (see link_mqtt.h) */
    uint16_t port;
    const char *client_id;
    const char *user; /* NULL: none */
    struct bytes password;
    bool tls;
    bool tls_verify;
    const char *ca; /* NULL: the system's, and so below */
    const char *certificate;
    const char *private_key;
    uint32_t keepalive_s;
    uint32_t session_expiry_s;
    struct bytes will_topic; /* empty: no last will */
    struct bytes will_payload;
    bool will_retain;
};

/* Starts to connect; INBOX_UP or INBOX_DOWN follows. The caller closes *out.
 * Errors: ST_NETWORK (sentence in message), ST_NO_MEMORY. */
MUST_USE enum status paho_client_connect(const struct paho_options *options,
                                         struct paho_client **out, struct buf *message);

/* Makes the library look now whether a connect has finished, instead of within 2 s. To be called
 * every few milliseconds while one is under way. False: it cannot, and never will. */
bool paho_client_hurry(void);

/* QoS 1; a refusal comes as INBOX_SUBSCRIBE_REFUSED. Errors: ST_NETWORK, ST_TOO_LARGE. */
MUST_USE enum status paho_client_subscribe(struct paho_client *client, struct bytes filter,
                                           bool no_local);

/* QoS 1; slot < PAHO_IN_FLIGHT_MAX comes back as the token of INBOX_SENT or INBOX_SEND_FAILED.
 * Errors: ST_NETWORK, ST_TOO_LARGE. */
MUST_USE enum status paho_client_publish(struct paho_client *client, struct bytes topic,
                                         struct bytes payload, struct bytes correlation,
                                         bool retain, uint32_t slot);

/* Sends DISCONNECT; INBOX_CLOSED follows. Errors: ST_NETWORK. */
MUST_USE enum status paho_client_disconnect(struct paho_client *client);

/* Ends the connection if there is one and frees all. No note of it comes after. Accepts NULL. */
void paho_client_close(struct paho_client *client);

#endif
