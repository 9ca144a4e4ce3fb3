/* envelope.h - the frame around every MQTT payload: who says it, on which topic, signed.
 *
 * A frame is one canonical MessagePack array:
 *   # field      type        bound, "valid iff"
 *   0 version    uint        = 1
 *   1 kind       uint        enum frame_kind
 *   2 sender     text        a node name, or "cloud"
 *   3 hlc        uint        the sender's stamp when it framed this
 *   4 flags      uint        bit 0: body is zstd-compressed; the rest 0
 *   5 body       bin         <= BODY_SIZE_MAX; MessagePack of its own (see the *_msg.h files)
 *   6 signature  bin 64      Ed25519 over "HOLDFAST-FRAME-1\0" | topic below the root | "\0" |
 *                            SHA-256 of all frame bytes before field 6's value header
 * The topic is inside the signature, so a frame cannot be replayed to another node or purpose.
 * Order of work at the receiver: envelope_read (bounds only, no body decoding) -> find the sender's
 * key -> envelope_verify -> envelope_body (decompresses, bounded) -> the message's own decoder. */
#ifndef HOLDFAST_COMMON_WIRE_ENVELOPE_H
#define HOLDFAST_COMMON_WIRE_ENVELOPE_H

#include "common/base/bounds.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/crypto/hasher.h"
#include "common/crypto/sign.h"
#include "common/wire/pack.h"

enum frame_kind {
    FRAME_EVIDENCE = 1,       /* evidence_msg.h: checkpoint + run of entries */
    FRAME_EVIDENCE_AHEAD = 2, /* ahead_msg.h: critical entries out of order */
    FRAME_EVIDENCE_PART = 3,  /* part_msg.h: a piece of a large payload */
    FRAME_TRACKS = 4,
    FRAME_CONFIG = 5,
    FRAME_HELLO = 6,          /* sync_msg.h */
    FRAME_HELLO_REPLY = 7,    /* sync_msg.h */
    FRAME_ACK = 8,            /* ack_msg.h */
    FRAME_RANGE_REQUEST = 9,  /* sync_msg.h */
    FRAME_NACK = 10,          /* nack_msg.h */
    FRAME_STATUS = 11,        /* status_msg.h */
    FRAME_STATE = 12,         /* state_msg.h: what an edge holds and has applied */
    FRAME_TRACK_DIGESTS = 13, /* repair_msg.h, as all up to 18 */
    FRAME_TRACK_DIFFERS = 14,
    FRAME_TRACK_IDS = 15,
    FRAME_TRACK_WANT = 16,
    FRAME_CONFIG_HAVE = 17,
    FRAME_CONFIG_HELD = 18,
    FRAME_ROSTER = 19,         /* roster_msg.h */
    FRAME_MODEL_MANIFEST = 20, /* model_msg.h, as all up to 23 */
    FRAME_MODEL_CHUNK = 21,
    FRAME_MODEL_WANT = 22,
    FRAME_MODEL_STATE = 23,
    FRAME_KIND_MAX = 23,
};

enum { ENVELOPE_VERSION = 1, ENVELOPE_FLAG_ZSTD = 1 };

struct envelope {
    enum frame_kind kind;
    struct node_name sender; /* "cloud" is allowed here */
    uint64_t hlc;
    uint32_t flags;
    struct bytes body; /* as on the wire, borrowed from the frame */
    struct signature signature;
    struct bytes signed_part; /* the frame bytes that the signature covers */
};

/* zstd contexts, reused; one per engine. */
struct compressor;
/* The caller closes *out. Errors: ST_NO_MEMORY. */
MUST_USE enum status compressor_open(struct compressor **out);
void compressor_close(struct compressor *compressor);

/* Writes a signed frame. topic_below_root: the topic without "{root}/". compressor == NULL, or a
 * body that does not get smaller: the body goes as it is. ST_TOO_LARGE when it does not fit out or
 * FRAME_SIZE_MAX. */
struct envelope_spec {
    enum frame_kind kind;
    const struct node_name *sender;
    const struct secret_key *key;
    uint64_t hlc;
    struct bytes topic_below_root;
};
MUST_USE enum status envelope_write(const struct envelope_spec *spec, struct bytes body,
                                    struct compressor *compressor, struct hasher *hasher,
                                    struct buf *out);

/* Parses without trusting. Errors: ST_MALFORMED, ST_TOO_LARGE. */
MUST_USE enum status envelope_read(struct unpacker *unpacker, struct bytes frame,
                                   struct envelope *out);

/* Errors: ST_FORGED. */
MUST_USE enum status envelope_verify(const struct envelope *envelope, const struct public_key *key,
                                     struct bytes topic_below_root, struct hasher *hasher);

/* The plain body: *out borrows from the frame, or from scratch (BODY_UNPACKED_SIZE_MAX bytes) when
 * it was compressed. Errors: ST_MALFORMED (not zstd, or more than one frame), ST_TOO_LARGE (a
 * bomb). */
MUST_USE enum status envelope_body(const struct envelope *envelope, struct compressor *compressor,
                                   struct buf *scratch, struct bytes *out);

#endif
