/* edge_rig.h - an edge engine on a disk in memory, driven step by step, with a hand-made cloud.
 *
 * A rig's time stands still until a test moves it. Each helper runs one batch (begin, steps,
 * commit) and keeps the batch's effects until the next one. The "cloud" is only a key that signs
 * what the test wants to say. */
#ifndef HOLDFAST_TESTS_SUPPORT_EDGE_RIG_H
#define HOLDFAST_TESTS_SUPPORT_EDGE_RIG_H

#include "common/base/rng.h"
#include "common/wire/ack_msg.h"
#include "common/wire/control_msg.h"
#include "common/wire/envelope.h"
#include "common/wire/evidence_msg.h"
#include "common/wire/sync_msg.h"
#include "edge-bridge/edge.h"
#include "tests/sim/sim_disk.h"
#include "topics/topics.h"

struct edge_rig {
    struct sim_disk *disk;
    struct secret_key *node_key;
    struct secret_key *cloud_key;
    struct port port;
    struct rng rng;
    struct edge_options options;
    struct edge *edge;
    struct effects *effects;
    struct hasher *hasher;
    struct unpacker *unpacker;
    struct compressor *compressor;
    struct moment now;
    uint64_t ack_counter;
    uint64_t cloud_stamp; /* of the cloud's next frames */
    struct store_id store;
    struct control_reply *reply;
    uint8_t *scratch; /* 1 MiB for requests and bodies */
    uint8_t *frame;   /* FRAME_SIZE_MAX */
};

/* A node "edge-1", created and opened, trusted cloud, no links yet. */
void edge_rig_open(struct edge_rig *rig);
void edge_rig_close(struct edge_rig *rig);
/* As after a crash: what was not synced is lost. */
void edge_rig_power_cut(struct edge_rig *rig);
void edge_rig_reopen(struct edge_rig *rig);
void edge_rig_pass_ms(struct edge_rig *rig, uint64_t ms);

/* One batch with one event; the moment is filled in. Fails the test unless it ends in ST_OK. */
void edge_rig_run(struct edge_rig *rig, struct event event);
void edge_rig_wakeup(struct edge_rig *rig);
/* Wakes the engine up for its connect effect, then tells it the link is up. */
void edge_rig_connect(struct edge_rig *rig);
void edge_rig_disconnect(struct edge_rig *rig);

/* Appends count entries of type "log" with payloads "prefix-1" ...; returns the last receipt. */
struct receipt edge_rig_append(struct edge_rig *rig, unsigned priority, const char *prefix,
                               size_t count);
struct receipt edge_rig_append_one(struct edge_rig *rig, const char *type, unsigned priority,
                                   const char *id, struct bytes payload);
/* Runs a verb to its end; RECORD fields of the last record stay in rig->reply of kind RECORD. */
enum status edge_rig_verb(struct edge_rig *rig, const char *verb);
/* The same with arguments. */
enum status edge_rig_ask(struct edge_rig *rig, const char *verb,
                         const struct verb_argument *arguments, size_t count);
uint64_t edge_rig_status(struct edge_rig *rig, const char *field);
/* A text field of the status, copied. */
void edge_rig_status_text(struct edge_rig *rig, const char *field, char *out, size_t size);

/* The n-th frame of this kind among the last batch's effects; false when there is none. */
bool edge_rig_frame(struct edge_rig *rig, enum frame_kind kind, size_t n, struct bytes *body);
size_t edge_rig_frame_count(struct edge_rig *rig, enum frame_kind kind);
/* PUBACKs for everything the last batch published. */
void edge_rig_puback_all(struct edge_rig *rig);

/* A frame of the cloud on this topic of "edge-1", delivered in a batch of its own. */
void edge_rig_hear(struct edge_rig *rig, enum topic_id topic, enum frame_kind kind,
                   struct bytes body);
void edge_rig_hear_retained(struct edge_rig *rig, enum topic_id topic, enum frame_kind kind,
                            struct bytes body, bool retained);
/* The same on any topic, signed by any key. */
void edge_rig_hear_on(struct edge_rig *rig, const struct topic_text *topic, enum frame_kind kind,
                      struct bytes body, const struct secret_key *signer, bool retained);
/* An acknowledgement of one log by rig->store with the next counter. */
void edge_rig_ack(struct edge_rig *rig, const struct log_id *log, uint64_t size,
                  const struct digest *head_hash);
void edge_rig_hear_ack(struct edge_rig *rig, const struct ack *ack);
/* The nonce of the last hello among the effects. */
struct nonce edge_rig_nonce(struct edge_rig *rig);

#endif
