/* sync_msg.h - the talk around a connection: hello, its reply, and requests for missing ranges.
 *
 * FRAME_HELLO (edge -> cloud, {node}/up/sync), array 5:
 *   0 nonce      bin 16    fresh per connection; whatever changes the edge's behaviour echoes it
 *   1 newest     nil | array 5 [log_id, size, root, key_id, signature]: the newest checkpoint
 *   2 logs       array 0..HELLO_LOGS_MAX of array 5, newest first: [log_id bin 16,
 *                head_sequence uint, head_hash bin 32, acked uint, acked_hash bin 32 (zero for 0)];
 *                the logs not fully acknowledged, and always the newest one; each log once
 *   3 held_ack   nil | bin: the newest ack frame this edge holds, the cloud's own signed bytes
 *   4 mono_ms    uint      the edge's monotonic clock, echoed in the reply
 * FRAME_HELLO_REPLY (cloud -> edge, {node}/down/sync), array 9:
 *   0 nonce bin 16 | 1 mono_ms uint, as in the hello | 2 cloud_ms int | 3 ack array 8 (ack_msg.h)
 *   4 held array 0..HELLO_LOGS_MAX of bin 16: the logs of the hello of which the cloud holds all of
 *     1..head_sequence with exactly head_hash at the end, be it below a higher size
 *   5 admitted uint <= HLC_STAMP_MAX: the greatest stamp of this node's own tracks and config that
 *     the cloud has admitted, 0: none | 6 horizon uint <= HLC_STAMP_MAX: the tracks' | 7 roster
 *     uint: version of the newest roster, 0: there is none yet
 *   8 config array 0..CONFIG_SCOPES_MAX of array 4 (state_msg.h): what holds for this node
 * FRAME_RANGE_REQUEST (cloud -> edge, {node}/down/sync), array 4:
 *   0 nonce bin 16 | 1 log_id bin 16 | 2 from uint >= 1 | 3 to uint >= from
 *   "entries from..to are missing here: send again from `from`".
 * Sequences, sizes and versions are at most PACK_SEQUENCE_MAX. */
#ifndef HOLDFAST_COMMON_WIRE_SYNC_MSG_H
#define HOLDFAST_COMMON_WIRE_SYNC_MSG_H

#include "common/data/checkpoint.h"
#include "common/wire/ack_msg.h"
#include "common/wire/state_msg.h"

struct hello_log {
    struct log_id log;
    uint64_t head_sequence;
    struct digest head_hash;
    uint64_t acked;
    struct digest acked_hash; /* hash of entry `acked`, zero for 0 */
};

struct hello {
    struct nonce nonce;
    bool has_newest;
    struct log_id newest_log;
    struct checkpoint newest;
    struct key_id newest_key_id;
    size_t log_count;
    struct hello_log logs[HELLO_LOGS_MAX];
    struct bytes held_ack; /* empty: none; borrowed */
    uint64_t mono_ms;
};

struct hello_reply {
    struct nonce nonce;
    uint64_t mono_ms;
    int64_t cloud_ms;
    struct ack ack;
    size_t held_count;
    struct log_id held[HELLO_LOGS_MAX];
    uint64_t admitted;
    uint64_t horizon;
    uint64_t roster;
    struct config_summary config;
};

struct range_request {
    struct nonce nonce;
    struct log_id log;
    uint64_t from, to;
};

void hello_encode(const struct hello *hello, struct buf *out);
MUST_USE enum status hello_decode(struct unpacker *unpacker, struct bytes body, struct hello *out);
void hello_reply_encode(const struct hello_reply *reply, struct buf *out);
MUST_USE enum status hello_reply_decode(struct unpacker *unpacker, struct bytes body,
                                        struct hello_reply *out);
void range_request_encode(const struct range_request *request, struct buf *out);
MUST_USE enum status range_request_decode(struct unpacker *unpacker, struct bytes body,
                                          struct range_request *out);

#endif
