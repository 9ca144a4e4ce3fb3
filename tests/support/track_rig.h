/* track_rig.h - hand-made edges that speak of tracks with a cloud_rig's engine.
 *
 * A node holds no tracks: a test says which states it sends, under which change numbers, and what
 * it acknowledges of what it was sent. */
#ifndef HOLDFAST_TESTS_SUPPORT_TRACK_RIG_H
#define HOLDFAST_TESTS_SUPPORT_TRACK_RIG_H

#include "common/data/track.h"
#include "common/wire/nack_msg.h"
#include "common/wire/repair_msg.h"
#include "common/wire/state_msg.h"
#include "common/wire/track_msg.h"
#include "tests/support/cloud_rig.h"

enum { TRACK_RIG_ITEMS_MAX = 4096 };

struct track_node {
    struct rig_log log;
    struct nonce nonce; /* of its connection */
    enum track_interest interest;
    uint32_t numbering;
    uint64_t counter;
    bool has_down;
    struct store_id store;
    uint64_t down_cursor;
};

/* A track on its way up or down. */
struct track_item {
    struct level_name name;
    struct track track;
};

/* What came down in one frame. */
struct track_frame {
    struct track_batch_head head;
    size_t count;
    size_t bytes; /* of the body */
    struct level_name names[TRACK_RIG_ITEMS_MAX];
};

/* Enrolled under the name, with a numbering of 7 and interest in all; nothing is said yet. edge-1
 * with key seed 1 is enrolled already. */
void track_node_open(struct cloud_rig *rig, struct track_node *node, const char *name,
                     uint8_t key_seed);
void track_node_close(struct track_node *node);
/* Hello, and the store's id out of the reply. */
void track_node_hello(struct cloud_rig *rig, struct track_node *node);
void track_node_tell(struct cloud_rig *rig, struct track_node *node); /* its state */
void track_node_meet(struct cloud_rig *rig, struct track_node *node); /* both */
/* It takes all down up to `cursor` as known, and says so. */
void track_node_acknowledge(struct cloud_rig *rig, struct track_node *node, uint64_t cursor);

struct level_name track_rig_name(const char *format, unsigned number);
/* The stamp of the rig's wall clock, moved by ms. */
uint64_t track_rig_stamp(const struct cloud_rig *rig, int64_t ms);
/* A position and a sensor by this writer; what differs is told by the value. */
void track_rig_see(struct track *track, const char *node, uint64_t stamp, unsigned value);

/* A batch: begin, add, send. */
void track_rig_begin(struct cloud_rig *rig);
void track_rig_add(const char *name, const struct track *track);
struct bytes track_rig_body(struct cloud_rig *rig, uint64_t from, uint64_t to);
void track_rig_send(struct cloud_rig *rig, struct track_node *node, uint64_t from, uint64_t to);
/* One track of the node's own, seen now, as the node's next change. */
void track_rig_send_one(struct cloud_rig *rig, struct track_node *node, const char *name,
                        unsigned value);
/* count tracks "PREFIX0000" …, as the node's next change numbers, all seen `ms` from now. */
void track_rig_send_many(struct cloud_rig *rig, struct track_node *node, const char *prefix,
                         unsigned count, int64_t ms);

/* The n-th frame of this kind to this node among the last batch's effects; false: there is none. */
bool track_rig_frame(struct cloud_rig *rig, const struct track_node *node, enum frame_kind kind,
                     size_t n, struct bytes *body);
/* The n-th FRAME_TRACKS; frame->names in the order of the records. */
bool track_rig_down(struct cloud_rig *rig, const struct track_node *node, size_t n,
                    struct track_frame *frame);
/* The state of one of its tracks. */
bool track_rig_down_state(struct cloud_rig *rig, const struct track_node *node, size_t n,
                          const char *name, struct track *out);
bool track_rig_nack(struct cloud_rig *rig, const struct track_node *node, struct nack *out);
/* The track part of the last acknowledgement to this node. */
bool track_rig_ack(struct cloud_rig *rig, const struct track_node *node, uint64_t *cursor);

#endif
