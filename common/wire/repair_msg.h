/* repair_msg.h - anti-entropy: how two replicas find out what one lacks of the other.
 *
 * Tracks. The edge begins; what it finds travels as ordinary track batches.
 *   FRAME_TRACK_DIGESTS (edge -> cloud, up/sync), array 5: 0 nonce bin 16
 *     | 1 numbering uint32 >= 1, 2 counter uint: as in its state (state_msg.h)
 *     | 3 since uint <= HLC_STAMP_MAX: only tracks whose newest stamp is not below it are meant,
 *     since the edge has evicted older ones
 *     | 4 bin 2048: 256 bucket digests of 8 bytes, big-endian (replica_digest.h), of all tracks
 *     within the edge's interest
 *   FRAME_TRACK_DIFFERS (cloud -> edge, down/sync), array 3: 0 nonce | 1 counter uint as in the
 *     digests | 2 bin 32: a bit a bucket, bucket b is bit b % 8 (1 << b % 8) of byte b / 8; none
 *     set: both hold the same, and the edge's changes up to `counter` are all known
 *   FRAME_TRACK_IDS (edge -> cloud, up/sync), array 6: 0 nonce | 1 since uint
 *     | 2 bucket uint 0..255
 *     | 3 after text: the greatest name of the frame before of this bucket, empty for its first
 *     | 4 last bool: no more of this bucket | 5 array 0..TRACK_IDS_MAX of array 2 [name text, hash
 *     bin 8], ascending by name (bytes), all above `after`. The frame tells all that the edge holds
 *     of the bucket above `after`, up to its greatest name, or to the end when it is the last.
 *     The cloud answers with track batches that claim nothing (from = to = 0) of what differs or
 *     is missing at the edge, and with
 *   FRAME_TRACK_WANT (cloud -> edge, down/sync), array 2: 0 nonce | 1 array 1..TRACK_IDS_MAX of
 *     name text: the cloud lacks these, or holds them with another state: send them.
 *
 * Config. The edge compares the digests in the hello's reply with its own.
 *   FRAME_CONFIG_HAVE (edge -> cloud, up/sync), array 6: 0 nonce | 1 scope kind uint | 2 scope name
 *     text | 3 after text, 4 last bool: as above | 5 array 0..CONFIG_HAVE_MAX of array 2 [key text,
 *     hash bin 16 (config_hash)], ascending. The cloud publishes again, retained, what differs or
 *     is missing at the edge.
 *   FRAME_CONFIG_HELD (edge -> cloud, up/sync), array 2: 0 nonce | 1 bin 1..FRAME_SIZE_MAX: a
 *     FRAME_CONFIG frame that the cloud itself signed, on its config topic, and that is greater
 *     than what it published now: a cloud that was restored from a backup gets back what it had
 *     said.
 * Counters are at most PACK_SEQUENCE_MAX. */
#ifndef HOLDFAST_COMMON_WIRE_REPAIR_MSG_H
#define HOLDFAST_COMMON_WIRE_REPAIR_MSG_H

#include "common/data/config.h"
#include "common/data/replica_digest.h"
#include "common/wire/pack.h"

struct track_digests_msg {
    struct nonce nonce;
    uint32_t numbering;
    uint64_t counter;
    uint64_t since;
    struct track_digests digests;
};

struct track_differs {
    struct nonce nonce;
    uint64_t counter;
    uint8_t buckets[TRACK_BUCKETS / 8];
};

static inline bool track_differs_has(const struct track_differs *differs, unsigned bucket)
{
    return (differs->buckets[bucket / 8] >> bucket % 8 & 1) != 0;
}

static inline void track_differs_set(struct track_differs *differs, unsigned bucket)
{
    differs->buckets[bucket / 8] |= (uint8_t)(1u << bucket % 8);
}

struct track_id {
    struct level_name name;
    uint64_t hash;
};

struct track_ids {
    struct nonce nonce;
    uint64_t since;
    uint8_t bucket;
    struct level_name after; /* empty: from the beginning */
    bool last;
    size_t count;
    struct track_id items[TRACK_IDS_MAX];
};

struct track_want {
    struct nonce nonce;
    size_t count;
    struct level_name names[TRACK_IDS_MAX];
};

struct config_have_item {
    struct level_name key;
    struct config_digest hash;
};

struct config_have {
    struct nonce nonce;
    struct config_scope scope;
    struct level_name after; /* empty: from the beginning */
    bool last;
    size_t count;
    struct config_have_item items[CONFIG_HAVE_MAX];
};

struct config_held {
    struct nonce nonce;
    struct bytes frame; /* decoded: borrowed from the body */
};

/* Encoders: ask buf_ok(out); the counts above keep every body below BODY_SIZE_MAX with names of up
 * to 40 characters, the caller adds fewer of longer ones. Decoders: ST_MALFORMED. The large structs
 * are allocated once, at open. */
void track_digests_encode(const struct track_digests_msg *msg, struct buf *out);
MUST_USE enum status track_digests_decode(struct unpacker *unpacker, struct bytes body,
                                          struct track_digests_msg *out);
void track_differs_encode(const struct track_differs *msg, struct buf *out);
MUST_USE enum status track_differs_decode(struct unpacker *unpacker, struct bytes body,
                                          struct track_differs *out);
void track_ids_encode(const struct track_ids *msg, struct buf *out);
MUST_USE enum status track_ids_decode(struct unpacker *unpacker, struct bytes body,
                                      struct track_ids *out);
void track_want_encode(const struct track_want *msg, struct buf *out);
MUST_USE enum status track_want_decode(struct unpacker *unpacker, struct bytes body,
                                       struct track_want *out);
void config_have_encode(const struct config_have *msg, struct buf *out);
MUST_USE enum status config_have_decode(struct unpacker *unpacker, struct bytes body,
                                        struct config_have *out);
void config_held_encode(const struct config_held *msg, struct buf *out);
MUST_USE enum status config_held_decode(struct unpacker *unpacker, struct bytes body,
                                        struct config_held *out);

#endif
