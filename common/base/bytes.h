/* bytes.h - borrowed views, fixed buffers, big-endian integers, hex.
 *
 * struct bytes never owns: it is valid as long as what it points into. struct buf writes into
 * memory of fixed capacity that somebody else owns; its overflow flag is sticky, so an encoder
 * writes without looking and asks buf_ok() once at the end. Nothing here allocates. */
#ifndef HOLDFAST_COMMON_BASE_BYTES_H
#define HOLDFAST_COMMON_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/check.h"
#include "common/base/status.h"

struct bytes {
    const uint8_t *data;
    size_t size;
};

struct buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
    bool overflow; /* sticky: set by the first write that does not fit, which writes nothing */
};

static inline struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){.data = data, .size = size};
}

#define BYTES_EMPTY ((struct bytes){0})
/* A string literal without its NUL. */
#define BYTES_LITERAL(text) bytes_of((text), sizeof(text) - 1)

struct bytes bytes_of_text(const char *text);
bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_begin(struct bytes bytes, const char *prefix);
/* memcmp order, a prefix sorts first; <0, 0, >0. */
int bytes_compare(struct bytes a, struct bytes b);
/* The part from offset on; offset must be within. */
struct bytes bytes_from(struct bytes whole, size_t offset);
bool bytes_all_zero(struct bytes bytes);

static inline struct buf buf_of(void *data, size_t capacity)
{
    return (struct buf){.data = data, .capacity = capacity};
}

static inline bool buf_ok(const struct buf *buf)
{
    return !buf->overflow;
}

static inline struct bytes buf_bytes(const struct buf *buf)
{
    return bytes_of(buf->data, buf->size);
}

void buf_put(struct buf *buf, struct bytes bytes);
void buf_put_u8(struct buf *buf, uint8_t value);
void buf_put_u16(struct buf *buf, uint16_t value);
void buf_put_u32(struct buf *buf, uint32_t value);
void buf_put_u64(struct buf *buf, uint64_t value);
void buf_put_text(struct buf *buf, const char *text);
/* Needs one spare byte beyond the text, for the NUL that the C library writes. */
void buf_put_format(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_put_hex(struct buf *buf, struct bytes bytes);
/* A JSON string with its quotes; each byte that is not part of valid UTF-8 becomes U+FFFD. */
void buf_put_json_text(struct buf *buf, struct bytes text);

/* Big-endian, at any alignment; here and not in bytes.c because decoders call them per field. */
static inline uint16_t get_u16(const uint8_t *from)
{
    return (uint16_t)(from[0] << 8 | from[1]);
}

static inline uint32_t get_u32(const uint8_t *from)
{
    return (uint32_t)get_u16(from) << 16 | get_u16(from + 2);
}

static inline uint64_t get_u64(const uint8_t *from)
{
    return (uint64_t)get_u32(from) << 32 | get_u32(from + 4);
}

static inline void put_u16(uint8_t *to, uint16_t value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static inline void put_u32(uint8_t *to, uint32_t value)
{
    put_u16(to, (uint16_t)(value >> 16));
    put_u16(to + 2, (uint16_t)value);
}

static inline void put_u64(uint8_t *to, uint64_t value)
{
    put_u32(to, (uint32_t)(value >> 32));
    put_u32(to + 4, (uint32_t)value);
}

/* Lower-case hex with NUL; out holds 2 * bytes.size + 1. */
void hex_encode(struct bytes bytes, char *out);
/* Exactly size bytes from 2 * size hex digits of either case. ST_MALFORMED otherwise. */
MUST_USE enum status hex_decode(struct bytes text, uint8_t *out, size_t size);

#endif
