/* varint.h - numbers of 1 to 10 bytes, the low 7 bits first: dense records inside a message.
 *
 * Used only by the .c files of this folder. Reading is strict: a number has one form. A reader
 * gives zeroes from the first fault on, and `failed` is sticky: ask once at the end. */
#ifndef HOLDFAST_COMMON_WIRE_VARINT_H
#define HOLDFAST_COMMON_WIRE_VARINT_H

#include "common/base/bytes.h"

struct varint_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline void varint_put(struct buf *out, uint64_t value)
{
    uint8_t bytes[10];
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[size++] = (uint8_t)(value | 0x80);
    bytes[size++] = (uint8_t)value;
    buf_put(out, bytes_of(bytes, size));
}

static inline uint64_t varint_take(struct varint_reader *in)
{
    uint64_t value = 0;
    for (unsigned shift = 0; !in->failed && shift < 70 && in->at < in->end; shift += 7) {
        const uint8_t byte = *in->at++;
        /* The tenth byte has one bit of the 64 left; a last byte of zero says nothing. */
        if ((shift == 63 && byte > 1) || (byte == 0 && shift > 0)) break;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) return value;
    }
    in->failed = true;
    return 0;
}

/* As varint_take; a number above max fails. */
static inline uint64_t varint_take_max(struct varint_reader *in, uint64_t max)
{
    const uint64_t value = varint_take(in);
    if (value <= max) return value;
    in->failed = true;
    return 0;
}

/* Small numbers of either sign stay short: 0, -1, 1, -2 ... become 0, 1, 2, 3 ... */
static inline void varint_put_signed(struct buf *out, int32_t value)
{
    varint_put(out, value < 0 ? (uint64_t)(-1 - (int64_t)value) << 1 | 1 : (uint64_t)value << 1);
}

static inline int32_t varint_take_signed(struct varint_reader *in)
{
    const uint64_t value = varint_take_max(in, UINT32_MAX);
    return (int32_t)((value & 1) != 0 ? -1 - (int64_t)(value >> 1) : (int64_t)(value >> 1));
}

/* size bytes; NULL when there are not that many. */
static inline const uint8_t *varint_take_bytes(struct varint_reader *in, size_t size)
{
    if (in->failed || (size_t)(in->end - in->at) < size) {
        in->failed = true;
        return NULL;
    }
    const uint8_t *const at = in->at;
    in->at += size;
    return at;
}

#endif
