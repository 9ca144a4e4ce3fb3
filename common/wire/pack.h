/* pack.h - canonical MessagePack: the only door to msgpack-c.
 *
 * Canonical means: the shortest form of every integer, string, binary and array header; arrays only
 * (no maps, floats or extensions); UTF-8 in strings; no trailing bytes; at most PACK_DEPTH_MAX
 * levels of arrays and PACK_ITEMS_MAX values; no count larger than the bytes that are left could
 * hold. packed_read checks all of it in one bounded pass
 * BEFORE msgpack-c sees the bytes (msgpack-c reserves gigabytes for a 5-byte array header and
 * accepts every non-shortest form), so that two different byte strings never decode to the same
 * value.
 *
 * Writers write into a struct buf and never fail: ask buf_ok() once at the end. */
#ifndef HOLDFAST_COMMON_WIRE_PACK_H
#define HOLDFAST_COMMON_WIRE_PACK_H

#include "common/base/bytes.h"

enum {
    PACK_DEPTH_MAX = 8,
    /* Values in one message, arrays counted too. It bounds an unpacker's memory (24 bytes a value,
     * taken once at open); each message's file states at compile time that its largest fits. */
    PACK_ITEMS_MAX = 8192,
};

void pack_array(struct buf *out, uint32_t count);
void pack_uint(struct buf *out, uint64_t value);
void pack_int(struct buf *out, int64_t value); /* non-negative values as pack_uint writes them */
void pack_bool(struct buf *out, bool value);
void pack_nil(struct buf *out);
void pack_bin(struct buf *out, struct bytes value);
/* NUL and every byte that is not UTF-8 go as '?', so that no writer can make a text that the reader
 * refuses. Where the exact bytes matter, check them first or use pack_bin. */
void pack_text(struct buf *out, struct bytes value);

/* The bound of every sequence number, log size and checkpoint size in a message: stores keep them
 * as signed 64-bit integers, and a Merkle tree of this size can still grow without overflow. */
#define PACK_SEQUENCE_MAX ((uint64_t)INT64_MAX)

/* Reusable memory for one decoded message; packed values point into it and into the bytes read. */
struct unpacker;
/* A decoded value; valid until the next packed_read of the same unpacker, and while the bytes that
 * were read live. */
struct packed {
    const void *object;
};

/* The caller closes *out. Errors: ST_NO_MEMORY. */
MUST_USE enum status unpacker_open(struct unpacker **out);
void unpacker_close(struct unpacker *unpacker); /* accepts NULL */

/* Errors: ST_MALFORMED (truncated, trailing bytes, not canonical, too deep), ST_NO_MEMORY. */
MUST_USE enum status packed_read(struct unpacker *unpacker, struct bytes bytes, struct packed *out);

/* Typed access. Each answers ST_MALFORMED when the value is of another type or out of bounds. */
MUST_USE enum status packed_array(struct packed value, uint32_t count_min, uint32_t count_max,
                                  uint32_t *count);
struct packed packed_item(struct packed array, uint32_t index); /* index < count */
bool packed_is_nil(struct packed value);
MUST_USE enum status packed_uint(struct packed value, uint64_t max, uint64_t *out);
MUST_USE enum status packed_int(struct packed value, int64_t *out);
MUST_USE enum status packed_bool(struct packed value, bool *out);
MUST_USE enum status packed_bin(struct packed value, size_t size_max, struct bytes *out);
/* Exactly size bytes, copied to out. */
MUST_USE enum status packed_fixed(struct packed value, void *out, size_t size);
/* Valid UTF-8 without NUL, 0..size_max bytes. */
MUST_USE enum status packed_text(struct packed value, size_t size_max, struct bytes *out);

enum packed_kind {
    PACKED_NIL,
    PACKED_BOOL,
    PACKED_UINT,
    PACKED_INT,
    PACKED_TEXT,
    PACKED_BIN,
    PACKED_ARRAY
};
enum packed_kind packed_kind_of(struct packed value);

#endif
