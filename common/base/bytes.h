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
void buf_put_format(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_put_hex(struct buf *buf, struct bytes bytes);
/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void buf_put_json_text(struct buf *buf, struct bytes text);

uint16_t get_u16(const uint8_t *from);
uint32_t get_u32(const uint8_t *from);
uint64_t get_u64(const uint8_t *from);
void put_u16(uint8_t *to, uint16_t value);
void put_u32(uint8_t *to, uint32_t value);
void put_u64(uint8_t *to, uint64_t value);

/* Lower-case hex with NUL; out holds 2 * bytes.size + 1. */
void hex_encode(struct bytes bytes, char *out);
/* Exactly size bytes from 2 * size hex digits of either case. ST_MALFORMED otherwise. */
MUST_USE enum status hex_decode(struct bytes text, uint8_t *out, size_t size);

#endif
