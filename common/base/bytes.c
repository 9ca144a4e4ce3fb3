/* bytes.c - views, fixed buffers, hex, JSON text. */
#include "common/base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct bytes bytes_of_text(const char *text)
{
    return bytes_of(text, strlen(text));
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool bytes_begin(struct bytes bytes, const char *prefix)
{
    const struct bytes start = bytes_of_text(prefix);
    return bytes.size >= start.size && bytes_equal(bytes_of(bytes.data, start.size), start);
}

int bytes_compare(struct bytes a, struct bytes b)
{
    const size_t common_size = a.size < b.size ? a.size : b.size;
    const int order = common_size == 0 ? 0 : memcmp(a.data, b.data, common_size);
    if (order != 0) return order;
    return a.size < b.size ? -1 : a.size > b.size;
}

struct bytes bytes_from(struct bytes whole, size_t offset)
{
    INVARIANT(offset <= whole.size);
    /* Adding to a NULL pointer is undefined even for 0. */
    if (offset == 0) return whole;
    return bytes_of(whole.data + offset, whole.size - offset);
}

bool bytes_all_zero(struct bytes bytes)
{
    uint64_t seen = 0;
    size_t at = 0;
    for (uint64_t word; bytes.size - at >= sizeof word; at += sizeof word) {
        memcpy(&word, bytes.data + at, sizeof word);
        seen |= word;
    }
    for (; at < bytes.size; at++) {
        seen |= bytes.data[at];
    }
    return seen == 0;
}

/* Room for size bytes, or NULL with the overflow flag set. */
static uint8_t *reserve(struct buf *buf, size_t size)
{
    if (buf->overflow || size > buf->capacity - buf->size) {
        buf->overflow = true;
        return NULL;
    }
    uint8_t *const room = buf->data + buf->size;
    buf->size += size;
    return room;
}

void buf_put(struct buf *buf, struct bytes bytes)
{
    if (bytes.size == 0) return;
    uint8_t *const room = reserve(buf, bytes.size);
    if (room != NULL) memcpy(room, bytes.data, bytes.size);
}

void buf_put_u8(struct buf *buf, uint8_t value)
{
    uint8_t *const room = reserve(buf, sizeof value);
    if (room != NULL) *room = value;
}

void buf_put_u16(struct buf *buf, uint16_t value)
{
    uint8_t *const room = reserve(buf, sizeof value);
    if (room != NULL) put_u16(room, value);
}

void buf_put_u32(struct buf *buf, uint32_t value)
{
    uint8_t *const room = reserve(buf, sizeof value);
    if (room != NULL) put_u32(room, value);
}

void buf_put_u64(struct buf *buf, uint64_t value)
{
    uint8_t *const room = reserve(buf, sizeof value);
    if (room != NULL) put_u64(room, value);
}

void buf_put_text(struct buf *buf, const char *text)
{
    buf_put(buf, bytes_of_text(text));
}

void buf_put_format(struct buf *buf, const char *format, ...)
{
    if (buf->overflow) return;
    const size_t room_size = buf->capacity - buf->size;
    va_list arguments;
    va_start(arguments, format);
    const int text_size = vsnprintf(room_size == 0 ? NULL : (char *)buf->data + buf->size,
                                    room_size, format, arguments);
    va_end(arguments);
    if (text_size < 0 || (size_t)text_size >= room_size) {
        buf->overflow = true;
        return;
    }
    buf->size += (size_t)text_size;
}

static const char hex_digits[] = "0123456789abcdef";

static void write_hex(struct bytes bytes, char *out)
{
    for (size_t i = 0; i < bytes.size; i++) {
        out[2 * i] = hex_digits[bytes.data[i] >> 4];
        out[2 * i + 1] = hex_digits[bytes.data[i] & 15];
    }
}

void buf_put_hex(struct buf *buf, struct bytes bytes)
{
    if (bytes.size == 0) return;
    /* Halved instead of doubled, so that no size can wrap around. */
    if (bytes.size > buf->capacity / 2) {
        buf->overflow = true;
        return;
    }
    uint8_t *const room = reserve(buf, 2 * bytes.size);
    if (room != NULL) write_hex(bytes, (char *)room);
}

void hex_encode(struct bytes bytes, char *out)
{
    write_hex(bytes, out);
    out[2 * bytes.size] = '\0';
}

/* 0 … 15, or -1. */
static int hex_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

enum status hex_decode(struct bytes text, uint8_t *out, size_t size)
{
    if (text.size % 2 != 0 || text.size / 2 != size) return ST_MALFORMED;
    for (size_t i = 0; i < size; i++) {
        const int high = hex_value(text.data[2 * i]);
        const int low = hex_value(text.data[2 * i + 1]);
        if (high < 0 || low < 0) return ST_MALFORMED;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return ST_OK;
}

/* Size of the valid UTF-8 sequence at the start of text (RFC 3629: no surrogates, no overlong
 * forms, nothing above U+10FFFF), or 0. */
static size_t utf8_size(struct bytes text)
{
    const uint8_t lead = text.data[0];
    if (lead < 0x80) return 1;
    if (lead < 0xC2 || lead > 0xF4) return 0;
    const size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (text.size < size) return 0;
    const uint8_t second_min = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const uint8_t second_max = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (text.data[1] < second_min || text.data[1] > second_max) return 0;
    for (size_t i = 2; i < size; i++) {
        if (text.data[i] < 0x80 || text.data[i] > 0xBF) return 0;
    }
    return size;
}

static void put_json_ascii(struct buf *buf, uint8_t character)
{
    switch (character) {
    case '"':
        buf_put_text(buf, "\\\"");
        return;
    case '\\':
        buf_put_text(buf, "\\\\");
        return;
    case '\n':
        buf_put_text(buf, "\\n");
        return;
    case '\r':
        buf_put_text(buf, "\\r");
        return;
    case '\t':
        buf_put_text(buf, "\\t");
        return;
    default:
        break;
    }
    if (character < 0x20 || character == 0x7F) {
        buf_put_text(buf, "\\u00");
        buf_put_hex(buf, bytes_of(&character, 1));
        return;
    }
    buf_put_u8(buf, character);
}

void buf_put_json_text(struct buf *buf, struct bytes text)
{
    const size_t size_before = buf->size;
    buf_put_u8(buf, '"');
    while (text.size > 0) {
        const size_t size = utf8_size(text);
        if (size == 0) {
            buf_put_text(buf, "\xEF\xBF\xBD"); /* U+FFFD */
        } else if (size == 1) {
            put_json_ascii(buf, text.data[0]);
        } else {
            buf_put(buf, bytes_of(text.data, size));
        }
        text = bytes_from(text, size == 0 ? 1 : size);
    }
    buf_put_u8(buf, '"');
    /* One write as seen from outside: it is there whole or not at all. */
    if (buf->overflow) buf->size = size_before;
}
