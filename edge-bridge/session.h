/* session.h - the state of the two connections, and the talk when one comes up.
 *
 *   OFFLINE --session_wakeup--> CONNECTING --link up--> ONLINE
 *      ^------- link down, from any state: next try after a jittered, doubling pause -------'
 *
 * When the cloud link comes up: subscribe again (a broker may have forgotten, whatever it says of a
 * present session), say online, then the newest checkpoint, then hello; the outbox starts at once.
 * When the local link comes up: subscribe to the publishers' topics. */
#ifndef HOLDFAST_EDGE_BRIDGE_SESSION_H
#define HOLDFAST_EDGE_BRIDGE_SESSION_H

#include "common/base/ids.h"
#include "common/port/effect.h"
#include "common/port/event.h"

struct edge;

enum link_phase { LINK_OFFLINE, LINK_CONNECTING, LINK_ONLINE };

enum {
    SESSION_REASON_SIZE = 160,
    HELLO_QUIET_MS =
        5 * 60 * 1000, /* a hello about so often, by chance from half to one and a half */
};

struct link_state {
    bool wanted;
    enum link_phase phase;
    uint32_t attempts;      /* since the last success */
    uint64_t retry_mono_ns; /* OFFLINE: when to try again */
    uint64_t since_mono_ns; /* of the phase */
    uint16_t receive_maximum;
    char reason[SESSION_REASON_SIZE]; /* why it is offline, for people */
};

struct session {
    struct link_state links[LINK_COUNT];
    struct nonce nonce;      /* of the cloud connection */
    bool cloud_known;        /* cloud/status was heard */
    bool cloud_online;       /* and what it said: a hint */
    bool hello_waits;        /* no reply to the newest hello yet */
    uint64_t hello_mono_ns;  /* when it was said */
    uint64_t hello_quiet_ns; /* on a quiet connection the next one is said so long after it */
    uint64_t heard_mono_ns;  /* last frame proved to be the cloud's; 0: none yet */
    uint64_t ack_mono_ns;    /* last acknowledgement accepted */
    bool lanes_open; /* the hello was answered, so our clock was checked: tracks and config go */
};

MUST_USE enum status session_link_up(struct edge *edge, const struct event *event,
                                     struct effects *effects);
void session_link_down(struct edge *edge, const struct event *event);
/* Connects what is due. */
MUST_USE enum status session_tick(struct edge *edge, struct effects *effects);
/* Close the cloud connection until it is wanted again. */
MUST_USE enum status session_rest(struct edge *edge, struct effects *effects, const char *reason);
/* Say goodbye: status offline with a reason, disconnect. */
MUST_USE enum status session_stop(struct edge *edge, struct effects *effects);
/* A hello on a living connection: a question whether the cloud is there and what it holds. */
MUST_USE enum status session_hello(struct edge *edge, struct effects *effects);
/* Give the connection up and make a new one: nothing comes through it. */
void session_reconnect(struct edge *edge, struct effects *effects, const char *reason);
bool session_online(const struct edge *edge, enum link link);
uint64_t session_wakeup(const struct edge *edge);

#endif
