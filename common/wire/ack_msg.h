/* ack_msg.h - the cloud's signed statement of all it durably holds of one node (FRAME_ACK, retained
 * on {node}/down/ack; also inside a hello reply). Always the node's whole cumulative state, so it
 * is safe to lose, repeat or reorder.
 *
 * Body, a canonical MessagePack array:
 *   # field        type     bound, "valid iff"
 *   0 store_id     bin 16   the cloud store that says this
 *   1 previous     nil | bin 16: the store id it replaced (after a restore from a backup)
 *   2 counter      uint     >= 1; grows with every ack of this node under this store id
 *   3 cloud_ms     int      the cloud's wall clock
 *   4 lease        uint     0 with a single consumer
 *   5 logs         array    0..ACK_LOGS_MAX, newest log first, of array 10:
 *        0 log_id bin 16 | 1 state uint: 0 open, 1 frozen (forked: open a new log), 2 closed
 *        2 size uint: entries 1..size are committed | 3 head_hash bin 32: hash of entry `size`,
 *          zero for 0 | 4 parts_sequence uint, 5 parts uint: that many parts of that large payload
 *          are staged (0, 0: none)
 *        6 above | 7 rejected | 8 forked: arrays of [from, to], 1 <= from <= to, ascending, apart
 *          (two that touch are one); at most ACK_RANGES_MAX over the whole message
 *        9 tips: array of [sequence uint >= 1, hash bin 32], newest first, at most ACK_TIPS_MAX in
 *          the whole message. One for each forked branch: the entry `sequence` with this hash and
 *          all before it are committed, in the chain or beside it. Ranges alone do not say whose
 *          branch it is: two copies of a node fill the same sequences with different entries
 *   6 tracks       nil | array 2: numbering uint32 >= 1, cursor uint: of the node's change numbers
 *                  under this numbering (track_msg.h) all up to the cursor are joined
 *   7 config       nil | array 3: incarnation uint32 >= 1, judged uint: of the node's local config
 *                  writes under this incarnation (config_msg.h) all up to `judged` are admitted,
 *                  but for: array 0..ACK_REFUSALS_MAX of array 3 [from uint, to uint, reason uint:
 *                  enum write_refusal], 1 <= from <= to <= judged, ascending, apart (two of one
 *                  reason that touch are one); the newest ones when there are more
 * Sequences, sizes, change and operation numbers are at most PACK_SEQUENCE_MAX. */
#ifndef HOLDFAST_COMMON_WIRE_ACK_MSG_H
#define HOLDFAST_COMMON_WIRE_ACK_MSG_H

#include "common/base/bounds.h"
#include "common/base/ids.h"
#include "common/wire/pack.h"

enum { ACK_ITEMS_MAX = 1900 }; /* values in the largest one (pack.h) */

enum ack_log_state { ACK_LOG_OPEN = 0, ACK_LOG_FROZEN = 1, ACK_LOG_CLOSED = 2 };

struct sequence_range {
    uint64_t from;
    uint64_t to; /* inclusive */
};

struct branch_tip {
    uint64_t sequence;
    struct digest hash;
};

/* A slice of struct ack's ranges or tips. */
struct range_slice {
    uint16_t first;
    uint16_t count;
};

struct ack_log {
    struct log_id log;
    enum ack_log_state state;
    uint64_t size;
    struct digest head_hash;
    uint64_t parts_sequence;
    uint32_t parts;
    struct range_slice above, rejected, forked, tips;
};

/* Why a local config write was not admitted. FUTURE is not final: the node sets its clock right,
 * stamps the write anew and sends it under a new operation number. */
#define WRITE_REFUSAL_MAP(X)                                                                       \
    X(WRITE_FUTURE, 1, "its time stamp is too far in the future")                                  \
    X(WRITE_DENIED, 2, "this node may not write this key in this scope")                           \
    X(WRITE_UNKNOWN_KEY, 3, "the key is not in the schema")                                        \
    X(WRITE_TYPE, 4, "the schema wants another type for this key")                                 \
    X(WRITE_EPOCH, 5, "only an administrator may raise the epoch")                                 \
    X(WRITE_FULL, 6, "the scope holds as many keys as it may")

#define WRITE_REFUSAL_AS_ENUM(name, number, words) name = (number),
enum write_refusal { WRITE_REFUSAL_MAP(WRITE_REFUSAL_AS_ENUM) WRITE_REFUSAL_MAX = WRITE_FULL };
#undef WRITE_REFUSAL_AS_ENUM

/* A clause for people, never NULL. */
const char *write_refusal_words(enum write_refusal refusal);

struct ack_refusal {
    uint64_t from;
    uint64_t to; /* inclusive */
    enum write_refusal reason;
};

struct ack {
    struct store_id store;
    bool has_previous;
    struct store_id previous;
    uint64_t counter;
    int64_t cloud_ms;
    uint64_t lease;
    size_t log_count;
    struct ack_log logs[ACK_LOGS_MAX];
    size_t range_count;
    struct sequence_range ranges[ACK_RANGES_MAX];
    size_t tip_count;
    struct branch_tip tips[ACK_TIPS_MAX];
    bool has_tracks;
    uint32_t track_numbering;
    uint64_t track_cursor;
    bool has_config;
    uint32_t config_incarnation;
    uint64_t config_judged;
    size_t refusal_count;
    struct ack_refusal refusals[ACK_REFUSALS_MAX];
};

/* Adds [from, to] to the slice that is being filled (the last one touched), or makes its last range
 * longer when [from, to] touches it. Returns false, and adds nothing, when the table of ranges is
 * full, or when this is no range (from 0, to below from) or begins before the slice's last one. */
bool ack_add_range(struct ack *ack, struct range_slice *slice, uint64_t from, uint64_t to);
/* Likewise for the tips of the log touched last. False: the table is full, or sequence is 0. */
bool ack_add_tip(struct ack *ack, struct range_slice *slice, const struct branch_tip *tip);
/* Refusals are added from the oldest to the newest, after config_judged is set. One that touches
 * the last and has its reason makes that longer; a full table forgets its oldest. False, and
 * nothing added: it is no range, does not lie behind the last one, or ends above config_judged. */
bool ack_add_refusal(struct ack *ack, const struct ack_refusal *refusal);
bool ack_slice_contains(const struct ack *ack, struct range_slice slice, uint64_t sequence);

void ack_pack(const struct ack *ack, struct buf *out);
/* Errors: ST_MALFORMED. */
MUST_USE enum status ack_unpack(struct packed value, struct ack *out);
MUST_USE enum status ack_msg_decode(struct unpacker *unpacker, struct bytes body, struct ack *out);

#endif
