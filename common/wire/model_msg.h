/* model_msg.h - models on the wire: what is published, what an edge lacks, how far it is.
 *
 * FRAME_MODEL_MANIFEST (cloud -> edges, retained on models/{model}/manifest/{scope}), array 7:
 *   0 model       text
 *   1 scope       uint: enum config_scope_kind | 2 scope name text, empty for the fleet
 *   3 version     uint, 1..MODEL_VERSION_MAX
 *   4 min_version uint, 1..version
 *   5 hlc         uint, 1..HLC_STAMP_MAX
 *   6 content     nil: the model is retired in this scope, or array 5
 *       0 size uint | 1 SHA-256 of the file bin 32 | 2 chunking uint32 | 3 chunk_count uint
 *       4 lists bin 32..32 * MODEL_LISTS_MAX: the SHA-256 of each block of the chunk list, in order
 *   and model_manifest_ok. The receiver checks that it agrees with its topic.
 * FRAME_MODEL_CHUNK (cloud -> edges, retained on models/{model}/chunk/{hash}): the body is one bin
 *   1..CHUNK_SIZE_MAX: a chunk of the file, or a block of a list; its SHA-256 is the topic's hash.
 * FRAME_MODEL_WANT (edge -> cloud, up/sync), array 3: chunks and blocks that the edge waits for in
 *   vain; the cloud publishes them again.
 *   0 nonce bin 16 | 1 model text | 2 bin 32..32 * MODEL_WANT_MAX: hashes, ascending
 * FRAME_MODEL_STATE (edge -> cloud, up/sync), array 2: sent after each hello and whenever it has
 *   changed; always the whole, so it is safe to lose, repeat or reorder.
 *   0 nonce bin 16 | 1 array 0..MODEL_STATES_MAX of array 7, one a model that the edge has or was
 *   asked to have, ascending by name:
 *     0 model text | 1 active version uint, 0: none | 2 wanted version uint, 0: none
 *     3 chunks that it has of the wanted version uint | 4 of how many uint, 0: not known yet
 *     5 phase uint: enum model_phase | 6 reason text 0..MODEL_REASON_SIZE_MAX: for people
 * A nonce is the connection's; a frame of an earlier connection is ignored. */
#ifndef HOLDFAST_COMMON_WIRE_MODEL_MSG_H
#define HOLDFAST_COMMON_WIRE_MODEL_MSG_H

#include "common/crypto/hasher.h"
#include "common/data/model.h"
#include "common/wire/pack.h"

/* ---- manifest and chunk ---- */

/* model_manifest_ok holds. Ask buf_ok(out): BODY_SIZE_MAX bytes always suffice. */
void model_manifest_encode(const struct model_manifest *manifest, struct buf *out);
/* Errors: ST_MALFORMED. */
MUST_USE enum status model_manifest_decode(struct unpacker *unpacker, struct bytes body,
                                           struct model_manifest *out);

/* 1 … CHUNK_SIZE_MAX bytes. Ask buf_ok(out). */
void model_chunk_encode(struct bytes chunk, struct buf *out);
/* *out is borrowed from the body. Errors: ST_MALFORMED, ST_FORGED (its hash is another one). */
MUST_USE enum status model_chunk_decode(struct unpacker *unpacker, struct hasher *hasher,
                                        const struct digest *hash, struct bytes body,
                                        struct bytes *out);

/* ---- want ---- */

struct model_want {
    struct nonce nonce;
    struct level_name model;
    size_t count; /* 1 … MODEL_WANT_MAX */
    struct digest hashes[MODEL_WANT_MAX];
};

/* Puts the hash into its place; ST_DUPLICATE: it is there; ST_FULL: there are MODEL_WANT_MAX. */
MUST_USE enum status model_want_add(struct model_want *want, const struct digest *hash);
/* Ask buf_ok(out). */
void model_want_encode(const struct model_want *want, struct buf *out);
/* Errors: ST_MALFORMED. */
MUST_USE enum status model_want_decode(struct unpacker *unpacker, struct bytes body,
                                       struct model_want *out);

/* ---- state ---- */

/* id, number on the wire, word */
#define MODEL_PHASE_MAP(X)                                                                         \
    X(MODEL_SETTLED, 0, "settled") /* what is wanted is active, or nothing is wanted */            \
    X(MODEL_FETCHING, 1, "fetching")                                                               \
    X(MODEL_WAITING, 2, "waiting")         /* for a window, the budget, or a chunk to come */      \
    X(MODEL_UNCONFIRMED, 3, "unconfirmed") /* active; an application has to confirm it in time */  \
    X(MODEL_REVERTED, 4, "reverted")       /* it was active and was given up */                    \
    X(MODEL_REFUSED, 5, "refused") /* unsigned, a downgrade, wrong bytes: see the reason */        \
    X(MODEL_FULL, 6, "full")       /* no room on the disk, or above the limit */

#define MODEL_PHASE_AS_ENUM(id, number, word) id = number,
enum model_phase { MODEL_PHASE_MAP(MODEL_PHASE_AS_ENUM) MODEL_PHASE_COUNT };
#undef MODEL_PHASE_AS_ENUM

const char *model_phase_name(enum model_phase phase);

struct model_state {
    struct level_name model;
    uint64_t active;
    uint64_t wanted;
    uint32_t chunks_done; /* <= chunks_total */
    uint32_t chunks_total;
    enum model_phase phase;
    struct bytes reason; /* a decoded one is borrowed from the body */
};

struct model_report {
    struct nonce nonce;
    size_t count;
    struct model_state models[MODEL_STATES_MAX];
};

/* Ask buf_ok(out): BODY_SIZE_MAX bytes always suffice. */
void model_report_encode(const struct model_report *report, struct buf *out);
/* Errors: ST_MALFORMED. */
MUST_USE enum status model_report_decode(struct unpacker *unpacker, struct bytes body,
                                         struct model_report *out);

#endif
