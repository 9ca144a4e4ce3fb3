/* evidence_msg.h - a contiguous run of evidence entries with a checkpoint for its last one.
 *
 * Body, a canonical MessagePack array:
 *   # field           type     bound, "valid iff"
 *   0 log_id          bin 16
 *   1 first_sequence  uint     >= 1; the sequence of entries[0]; 0 iff there are no entries
 *   2 prev_hash       bin 32   hash of entry first_sequence - 1; zero for 1 and when there are none
 *   3 key_id          bin 8    of the key that signed all these entries
 *   4 checkpoint      array 4  [size uint, root bin 32, key_id bin 8, signature bin 64]; with
 *                              entries: size = first_sequence + count - 1
 *   5 entries         array    0..RUN_ENTRIES_MAX of the arrays below
 * An entry, array 10; what a receiver can derive is left out (magic, lengths, node, log, sequence,
 * key id, payload hash, prev_hash) and rebuilt; a mistake there fails the checkpoint:
 *   0 type uint16 | 1 codec uint16 | 2 flags uint16
 *   3 wall_ns int: difference from the entry before (two's complement, wrapping); first: absolute
 *   4 mono_ns int: likewise | 5 boot_count int: likewise (32 bits)
 *   6 clock_uncertainty_ms: nil = never synchronised, else uint32 below 0xFFFFFFFF
 *   7 hlc uint: difference from the entry before; first: absolute; >= 1
 *   8 signature bin 64
 *   9 payload: bin (inline, <= INLINE_PAYLOAD_SIZE_MAX), or array 3 [form 1 or 2, payload_len uint,
 *              payload_hash bin 32]
 * Sequences and sizes are at most PACK_SEQUENCE_MAX. A rebuilt header also obeys evidence.h.
 * Zero entries: the frame only announces a checkpoint (the first bytes on any link).
 *
 * The cloud stores the body of a run as it came; evidence_msg_decode reads it from there again. */
#ifndef HOLDFAST_COMMON_WIRE_EVIDENCE_MSG_H
#define HOLDFAST_COMMON_WIRE_EVIDENCE_MSG_H

#include "common/data/checkpoint.h"
#include "common/data/evidence.h"
#include "common/wire/pack.h"

/* A decoded run. Large (about 100 KiB): allocate it once, at open. */
struct evidence_run {
    struct log_id log;
    uint64_t first_sequence;
    struct digest prev_hash;
    struct key_id key_id;
    struct checkpoint checkpoint;
    struct key_id checkpoint_key_id;
    size_t count;
    struct evidence_entry entries[RUN_ENTRIES_MAX]; /* headers rebuilt; payloads borrowed */
    struct digest hashes[RUN_ENTRIES_MAX];          /* hash of each header, as the chain needs it */
};

/* Incremental encoder: the framer adds entries until the next would exceed its size. */
struct evidence_writer {
    struct buf entries; /* packed entries, without their array header */
    size_t count;
    struct evidence_header last; /* what the next entry's differences count from */
};

/* scratch: memory for the packed entries, at least BODY_SIZE_MAX. */
void evidence_writer_begin(struct evidence_writer *writer, void *scratch, size_t capacity);
/* header is entry->header decoded. Returns false, and adds nothing, when count is RUN_ENTRIES_MAX,
 * the entries would exceed size_max bytes, or this entry cannot stand behind the last one in a run:
 * another log or key, not the next sequence, an hlc that does not increase. The first entry is only
 * held to the capacity. An inline payload above INLINE_PAYLOAD_SIZE_MAX is never added. */
bool evidence_writer_add(struct evidence_writer *writer, const struct evidence_header *header,
                         const struct evidence_entry *entry, size_t size_max);

enum { RUN_HEAD_SIZE_MAX = 224 }; /* a body without its entries */

struct evidence_run_head {
    struct log_id log;
    uint64_t first_sequence; /* 0 with an empty writer */
    struct digest prev_hash;
    struct key_id key_id;
    struct checkpoint checkpoint;
    struct key_id checkpoint_key_id;
};
/* writer == NULL: no entries. Ask buf_ok(out). The body is at most RUN_HEAD_SIZE_MAX
 * bytes larger than the writer's entries. */
void evidence_msg_encode(const struct evidence_run_head *head, const struct evidence_writer *writer,
                         struct buf *out);

/* Strict decoding and rebuilding of every header for this node, with the hash chain computed from
 * prev_hash on. Nothing is verified here but the form. Errors: ST_MALFORMED, ST_NO_MEMORY. */
MUST_USE enum status evidence_msg_decode(struct unpacker *unpacker, struct hasher *hasher,
                                         const struct node_name *node, struct bytes body,
                                         struct evidence_run *out);

/* FRAME_EVIDENCE_AHEAD: critical and LOSS entries sent before their turn, each with its own place.
 *   0 log_id bin 16 | 1 entries array 1..AHEAD_ENTRIES_MAX of array 4
 *   [sequence uint, prev_hash bin 32, key_id bin 8, entry as above with absolute values]
 * Payload form inline or absent only. Decoded into the same struct: sequences are in the headers,
 * strictly increasing; first_sequence, prev_hash and key_id are those of entries[0]; checkpoint is
 * zero. When a header does not decode (a damaged store), ahead_msg_encode sets out's overflow. */
void ahead_msg_encode(const struct log_id *log, const struct evidence_entry *entries, size_t count,
                      struct buf *out);
MUST_USE enum status ahead_msg_decode(struct unpacker *unpacker, struct hasher *hasher,
                                      const struct node_name *node, struct bytes body,
                                      struct evidence_run *out);

/* FRAME_EVIDENCE_PART: [log_id bin 16, sequence uint, part uint, payload_len uint, bytes bin].
 * Part numbers count from 0; every part but the last is PART_SIZE bytes. */
struct evidence_part {
    struct log_id log;
    uint64_t sequence;
    uint32_t part;
    uint64_t payload_len; /* INLINE_PAYLOAD_SIZE_MAX < payload_len <= PAYLOAD_SIZE_MAX */
    struct bytes bytes;
};
void part_msg_encode(const struct evidence_part *part, struct buf *out);
/* Errors: ST_MALFORMED (part number, size and payload_len must fit each other too). */
MUST_USE enum status part_msg_decode(struct unpacker *unpacker, struct bytes body,
                                     struct evidence_part *out);

#endif
