/* config_msg.h - configuration registers on the wire (FRAME_CONFIG).
 *
 * A register is an array 9, the same everywhere:
 *   0 scope    uint: enum config_scope_kind | 1 scope name text, empty for the fleet
 *   2 key      text | 3 epoch uint32 | 4 hlc uint, 1..HLC_STAMP_MAX
 *   5 node     text: who wrote it, or "cloud"
 *   6 deleted  bool
 *   7 type     uint: enum config_type
 *   8 value    nil (none), bool, int (int64), bin 8 (float: IEEE 754 binary64, big-endian),
 *              text (string, JSON) or bin (bytes)
 * and config_register_ok.
 *
 * Down, cloud -> edges, retained on config/{scope}/{key}, and wherever the cloud answers a request
 * for what an edge lacks: the body is one register.
 * Up, edge -> cloud, {node}/up/config: array 2
 *   0 incarnation uint32    of the node's numbering; a new one when the node lost its state
 *   1 writes      array 1..CONFIG_WRITES_MAX of array 2 [operation uint, register]
 * Operations number a node's local writes, 1, 2, 3 ... within an incarnation; they ascend here. The
 * cloud remembers the greatest it has judged, refused ones too, so that no duplicate is admitted
 * later. The receiver checks that topic and key agree, and who may write what. */
#ifndef HOLDFAST_COMMON_WIRE_CONFIG_MSG_H
#define HOLDFAST_COMMON_WIRE_CONFIG_MSG_H

#include "common/data/config.h"
#include "common/wire/pack.h"

struct config_entry {
    struct config_key key;
    struct config_register reg; /* a decoded one's content is borrowed from the body */
};

void config_msg_pack(const struct config_entry *entry, struct buf *out);
/* Errors: ST_MALFORMED, ST_TOO_LARGE (the value). */
MUST_USE enum status config_msg_unpack(struct packed value, struct config_entry *out);
MUST_USE enum status config_msg_decode(struct unpacker *unpacker, struct bytes body,
                                       struct config_entry *out);

struct config_write {
    uint64_t operation; /* 1 … PACK_SEQUENCE_MAX */
    struct config_entry entry;
};

/* Incremental encoder of a frame of writes. */
struct config_writes_writer {
    struct buf packed; /* without their array header */
    size_t count;
    uint64_t last_operation;
};

enum { CONFIG_WRITES_HEAD_SIZE_MAX = 16 }; /* a body without its writes */

/* scratch: memory for the packed writes; with BODY_SIZE_MAX any single write fits. */
void config_writes_begin(struct config_writes_writer *writer, void *scratch, size_t capacity);
/* Returns false, and adds nothing, when the body would exceed size_max or the scratch, when there
 * are CONFIG_WRITES_MAX, or when the operation is not above the last one. The first write is only
 * held to the capacity. */
bool config_writes_add(struct config_writes_writer *writer, const struct config_write *write,
                       size_t size_max);
/* At least one write. Ask buf_ok(out). */
void config_writes_encode(uint32_t incarnation, const struct config_writes_writer *writer,
                          struct buf *out);

/* Decoded writes. Large (about 100 KiB): allocate it once, at open. */
struct config_writes {
    uint32_t incarnation;
    size_t count;
    struct config_write writes[CONFIG_WRITES_MAX];
};

/* Errors: ST_MALFORMED, ST_TOO_LARGE. */
MUST_USE enum status config_writes_decode(struct unpacker *unpacker, struct bytes body,
                                          struct config_writes *out);

#endif
