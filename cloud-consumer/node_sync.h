/* node_sync.h - where the cloud stands with each node's tracks and config: how far its numbers were
 * taken, the greatest stamp admitted of it, what it reported, and what is told to it.
 *
 * node_sync.c loads and saves the row, judges stamps, answers FRAME_STATE, adds to acks and hello
 * replies; of nacks the newest of each node waits in its reply slot (reply.c). */
#ifndef HOLDFAST_CLOUD_CONSUMER_NODE_SYNC_H
#define HOLDFAST_CLOUD_CONSUMER_NODE_SYNC_H

#include "cloud-consumer/evidence_store.h"
#include "common/port/effect.h"
#include "common/wire/nack_msg.h"
#include "common/wire/state_msg.h"
#include "common/wire/sync_msg.h"

struct cloud;

struct node_sync {
    int64_t node;              /* row id of the node */
    uint64_t admitted;         /* greatest stamp of its own slots and writes that was admitted */
    int64_t contact_ms;        /* its last frame, and */
    int64_t contact_before_ms; /* the last one of the connection before; 0: never */
    uint32_t track_numbering;  /* 0: not told yet */
    uint64_t track_cursor;
    uint32_t config_incarnation; /* 0: no write judged yet */
    uint64_t config_judged;
    uint64_t roster;     /* version it goes by */
    int64_t reported_ms; /* its newest state report; 0: none */
    bool config_differs; /* as of that report or of the newest change here */
};

/* The row; all zero but `node` for a node that never spoke of tracks or config. */
MUST_USE enum status cloud_sync_load(struct cloud *cloud, int64_t node, struct node_sync *out);
MUST_USE enum status cloud_sync_save(struct cloud *cloud, const struct node_sync *sync);
/* How far ahead of the cloud's clock this node's stamps may be. */
uint64_t cloud_sync_eps_ms(const struct cloud *cloud, const struct node_sync *sync);
/* Is this stamp lawful now? When it is, and own, remember it as admitted (the caller saves); and
 * let the cloud's clock learn of every stamp that was taken, whoever's it is. */
bool cloud_sync_lawful(const struct cloud *cloud, const struct node_sync *sync, uint64_t stamp);
void cloud_sync_learn(struct cloud *cloud, uint64_t stamp);

/* A new connection: a hello with a new nonce. Called by hello.c before the node is saved. */
MUST_USE enum status cloud_sync_hello(struct cloud *cloud, const struct node_row *node,
                                      bool new_nonce);
/* Does what the node reported last still equal what holds for it? Its groups changed, say. */
MUST_USE enum status cloud_sync_judge_report(struct cloud *cloud, const struct node_row *node);
/* FRAME_STATE of the present connection. */
MUST_USE enum status cloud_sync_state(struct cloud *cloud, const struct node_row *node,
                                      const struct state_report *report);
/* The tracks and config part of an acknowledgement, and of a hello's reply. */
MUST_USE enum status cloud_sync_ack(struct cloud *cloud, const struct node_row *node,
                                    struct ack *ack);
MUST_USE enum status cloud_sync_hello_reply(struct cloud *cloud, const struct node_row *node,
                                            struct hello_reply *reply);
/* The newest one of a node replaces what waits; nonce and cloud_ms are filled in when it leaves,
 * words are copied. */
void cloud_owe_nack(struct cloud *cloud, const struct node_row *node, const struct nack *nack);

#endif
