/* edge_state.h - what the files of the edge engine share: one struct edge, one part a file.
 *
 * Read in the order of the data's path: intake -> evidence_log -> outbox (framer) -> session ->
 * apply; tracks -> track_store -> track_lane and config_edge -> config_store for the other two
 * kinds of data; clock stamps them all; report and verify answer the operator. Every part is
 * rebuilt from the store at edge_open, and an edge is thrown away after any error, so memory never
 * has to be rolled back. */
#ifndef HOLDFAST_EDGE_BRIDGE_EDGE_STATE_H
#define HOLDFAST_EDGE_BRIDGE_EDGE_STATE_H

#include "common/base/bounds.h"
#include "common/base/rng.h"
#include "common/data/hlc.h"
#include "common/data/tree.h"
#include "common/store/db.h"
#include "common/wire/ack_msg.h"
#include "common/wire/control_msg.h"
#include "common/wire/envelope.h"
#include "common/wire/evidence_msg.h"
#include "common/wire/sync_msg.h"
#include "edge-bridge/apply.h"
#include "edge-bridge/clock.h"
#include "edge-bridge/config_edge.h"
#include "edge-bridge/config_store.h"
#include "edge-bridge/edge.h"
#include "edge-bridge/evidence_log.h"
#include "edge-bridge/evidence_read.h"
#include "edge-bridge/intake.h"
#include "edge-bridge/link_use.h"
#include "edge-bridge/outbox.h"
#include "edge-bridge/retention.h"
#include "edge-bridge/session.h"
#include "edge-bridge/state.h"
#include "edge-bridge/sync_run.h"
#include "edge-bridge/track_lane.h"
#include "edge-bridge/track_store.h"
#include "edge-bridge/tracks.h"
#include "edge-bridge/verify.h"
#include "topics/topics.h"

/* Counters since the start of this process, for status. */
struct edge_counters {
    uint64_t messages_refused; /* local messages that were not acceptable */
    uint64_t frames_forged;    /* downlink frames that were not the cloud's, or not for us */
    uint64_t acks_stale;
    uint64_t nacks; /* frames of tracks or config that the cloud did not take */
    uint64_t commits;
    uint64_t entries_delivered;
    uint64_t tracks_joined; /* of ours, by the cloud */
    uint64_t configs_moved; /* local writes admitted, and registers that the cloud changed here */
    uint64_t bytes_up;      /* frame payload bytes handed to the link */
    uint64_t bytes_down;
};

struct edge {
    struct edge_settings settings;
    char root[65]; /* settings.topic_root points here */
    char software[STATUS_TEXT_SIZE];
    struct node_name node;
    const struct secret_key *key;
    struct public_key public_key;
    struct key_id key_id;
    bool has_cloud_key;
    struct public_key cloud_key;
    const struct port *port;
    bool daemon;
    uint8_t boot_id[16];

    struct db *db;
    struct hasher *hasher;
    struct unpacker *unpacker;
    struct compressor *compressor;
    struct rng rng;
    struct hlc hlc;
    struct moment now; /* of the step that runs */
    uint64_t started_mono_ns;
    struct edge_counters counters;

    struct evidence_reader reader;
    struct evidence_log log;
    struct intake intake;
    struct outbox outbox;
    struct retention retention;
    struct session session;
    struct apply apply;
    struct verify_jobs verify;
    struct clock clock;
    struct track_store track_store;
    struct tracks tracks;
    struct track_lane track_lane;
    struct config_store config_store;
    struct config_edge config;
    struct state state;
    struct link_use link_use;
    struct sync_run sync_run;

    struct control_request *request; /* decoded in place, one at a time */
    struct ack *ack;                 /* likewise */
    struct hello *hello;
    struct hello_reply *hello_reply;
    uint8_t *body_scratch;   /* BODY_SIZE_MAX: bodies on their way out */
    uint8_t *unpack_scratch; /* BODY_UNPACKED_SIZE_MAX: compressed bodies on their way in */
};

static inline int64_t edge_wall_ms(const struct edge *edge)
{
    return edge->now.wall_ns / 1000000;
}

/* The next stamp; persists the clock's limit when it is due. */
MUST_USE enum status edge_stamp(struct edge *edge, uint64_t *stamp);

/* Small values in the meta table. ST_NOT_FOUND when the key was never set. */
MUST_USE enum status edge_meta_get_u64(struct edge *edge, int key, uint64_t *out);
MUST_USE enum status edge_meta_get_fixed(struct edge *edge, int key, void *out, size_t size);
MUST_USE enum status edge_meta_set_u64(struct edge *edge, int key, uint64_t value);
MUST_USE enum status edge_meta_set_bytes(struct edge *edge, int key, struct bytes value);

#endif
