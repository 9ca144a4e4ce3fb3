/* evidence.h - one evidence entry: its fixed binary header, its hash, its place in the chain.
 *
 * Header, 192 bytes, big-endian:
 *   offset size field
 *        0   16 magic "HOLDFAST-EVID-1\0"; the NUL keeps it from ever being a signed-note text
 *       16    2 header_len = 192
 *       18    2 entry_type: 0x0001..0x007F critical control entries (an unknown one is refused),
 *               0x0080..0x00FF other control entries, 0x0100.. publishers' types, named per log by
 *               a TYPE entry; 0 is never valid
 *       20    2 payload_codec: 0 raw bytes, 1 MessagePack (control entries); another is refused
 *       22    2 flags: bits 0-2 priority P0..P5, bit 3 time untrusted, bit 4 best effort; others 0
 *       24   32 node_id: the node's name, NUL padded
 *       56   16 log_id
 *       72    8 sequence: 1, 2, 3 ...
 *       80    8 wall_ns: UTC nanoseconds since 1970, signed
 *       88    8 mono_ns: CLOCK_BOOTTIME
 *       96    4 boot_count
 *      100    4 clock_uncertainty_ms; 0xFFFFFFFF = never synchronised
 *      104    8 hlc: strictly increasing within a log
 *      112    8 key_id
 *      120    8 payload_len, at most PAYLOAD_SIZE_MAX
 *      128   32 payload_hash: SHA-256 of the payload as stored
 *      160   32 prev_hash: hash of the entry before; zero at sequence 1
 *
 * hash = SHA-256(header), signature = Ed25519(header), leaf = SHA-256(0x00 | header | signature).
 * Valid iff every byte obeys the table: decoding and encoding again gives the same bytes, and no
 * other bytes decode. */
#ifndef HOLDFAST_COMMON_DATA_EVIDENCE_H
#define HOLDFAST_COMMON_DATA_EVIDENCE_H

#include "common/base/bounds.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/crypto/hasher.h"
#include "common/crypto/sign.h"

enum evidence_type {
    EVIDENCE_GENESIS = 0x0001,
    EVIDENCE_TYPE = 0x0002,
    EVIDENCE_KEY_ROTATE = 0x0003,
    EVIDENCE_LOSS = 0x0004,
    EVIDENCE_PRUNE = 0x0005,
    EVIDENCE_CLOSE = 0x0006,
    EVIDENCE_CRITICAL_MAX = 0x007F,
    EVIDENCE_BOOT = 0x0080,
    EVIDENCE_CLOCK = 0x0081,
    EVIDENCE_HEARTBEAT = 0x0082,
    EVIDENCE_CONTROL_MAX = 0x00FF,
    EVIDENCE_FIRST_NAMED = 0x0100,
};

enum evidence_codec { CODEC_RAW = 0, CODEC_MSGPACK = 1 };

enum {
    EVIDENCE_FLAG_TIME_UNTRUSTED = 1 << 3,
    EVIDENCE_FLAG_BEST_EFFORT = 1 << 4,
    EVIDENCE_PRIORITY_MASK = 7,
};

#define CLOCK_NEVER_SYNCHRONISED 0xFFFFFFFFu

struct evidence_header {
    uint16_t type;
    uint16_t codec;
    uint16_t flags;
    struct node_name node;
    struct log_id log;
    uint64_t sequence;
    int64_t wall_ns;
    uint64_t mono_ns;
    uint32_t boot_count;
    uint32_t clock_uncertainty_ms;
    uint64_t hlc;
    struct key_id key_id;
    uint64_t payload_len;
    struct digest payload_hash;
    struct digest prev_hash;
};

/* The encoded header: these bytes are the record, everything else is derived from them. */
struct header_bytes {
    uint8_t bytes[ENTRY_HEADER_SIZE];
};

enum payload_form {
    PAYLOAD_INLINE = 0, /* the payload bytes are here */
    PAYLOAD_ABSENT = 1, /* pruned or lost; a PRUNE or LOSS entry says why */
    PAYLOAD_PARTS = 2,  /* larger than INLINE_PAYLOAD_SIZE_MAX: kept and sent in parts */
};

/* One whole entry. payload is borrowed, and empty unless form is PAYLOAD_INLINE. */
struct evidence_entry {
    struct header_bytes header;
    struct signature signature;
    enum payload_form form;
    struct bytes payload;
};

static inline unsigned evidence_priority(uint16_t flags)
{
    return flags & EVIDENCE_PRIORITY_MASK;
}

static inline bool evidence_is_control(uint16_t type)
{
    return type <= EVIDENCE_CONTROL_MAX;
}

void evidence_header_encode(const struct evidence_header *header, struct header_bytes *out);

/* Strict: see "valid iff" above. Errors: ST_MALFORMED. What the fields mean is judged by
 * evidence_understood: an entry of a later version must be decodable to be kept as poison. */
MUST_USE enum status evidence_header_decode(struct bytes bytes, struct evidence_header *out);

/* False for an unknown critical control type, an unknown codec, an unknown flag or a priority above
 * P5: the entry must be refused. */
bool evidence_understood(const struct evidence_header *header);
/* "GENESIS" ...; NULL for a publisher's type or an unknown one. */
const char *evidence_type_name(uint16_t type);

struct digest evidence_hash(struct hasher *hasher, const struct header_bytes *header);
struct digest evidence_leaf(struct hasher *hasher, const struct header_bytes *header,
                            const struct signature *signature);
struct signature evidence_sign(const struct secret_key *key, const struct header_bytes *header);
bool evidence_signature_ok(const struct public_key *key, const struct header_bytes *header,
                           const struct signature *signature);

/* The place in a chain that the next entry must continue. */
struct chain_head {
    uint64_t sequence; /* 0: the log is empty */
    struct digest hash;
    uint64_t hlc;
};

/* Does this entry follow head? Checks sequence, prev_hash and that the hlc increases.
 * Errors: ST_GAP (sequence too high), ST_DUPLICATE (sequence at or below the head: compare hashes),
 * ST_FORK (sequence fits, prev_hash does not), ST_FORGED (hlc does not increase). */
MUST_USE enum status evidence_follows(const struct chain_head *head,
                                      const struct evidence_header *header);

/* Payload length and SHA-256 against the header, for form PAYLOAD_INLINE.
 * Errors: ST_FORGED. */
MUST_USE enum status evidence_payload_check(struct hasher *hasher,
                                            const struct evidence_header *header,
                                            struct bytes payload);

#endif
