/* pack.c - canonical MessagePack through msgpack-c, behind a pre-scan of our own. */
#include "common/wire/pack.h"

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

struct unpacker {
    msgpack_zone zone;
    msgpack_object root;
};

/* ---------------------------------------------------------------- writing */

static int put(void *out, const char *bytes, size_t size)
{
    buf_put(out, bytes_of(bytes, size));
    return 0;
}

static msgpack_packer packer_into(struct buf *out)
{
    return (msgpack_packer){.data = out, .callback = put};
}

void pack_array(struct buf *out, uint32_t count)
{
    msgpack_packer packer = packer_into(out);
    msgpack_pack_array(&packer, count);
}

void pack_uint(struct buf *out, uint64_t value)
{
    msgpack_packer packer = packer_into(out);
    msgpack_pack_uint64(&packer, value);
}

void pack_int(struct buf *out, int64_t value)
{
    msgpack_packer packer = packer_into(out);
    msgpack_pack_int64(&packer, value);
}

void pack_bool(struct buf *out, bool value)
{
    msgpack_packer packer = packer_into(out);
    if (value)
        msgpack_pack_true(&packer);
    else
        msgpack_pack_false(&packer);
}

void pack_nil(struct buf *out)
{
    msgpack_packer packer = packer_into(out);
    msgpack_pack_nil(&packer);
}

void pack_bin(struct buf *out, struct bytes value)
{
    msgpack_packer packer = packer_into(out);
    msgpack_pack_bin(&packer, value.size);
    if (value.size > 0) msgpack_pack_bin_body(&packer, value.data, value.size);
}

/* ------------------------------------------------------------------ UTF-8 */

static bool continues(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The size of the well-formed character at the start of text (Unicode 15, table 3-7), else 0. */
static size_t utf8_character_size(struct bytes text)
{
    const uint8_t *const at = text.data;
    if (text.size >= 1 && at[0] < 0x80) return 1;
    if (text.size >= 2 && at[0] >= 0xC2 && at[0] <= 0xDF) return continues(at[1]) ? 2 : 0;
    if (text.size >= 3 && (at[0] & 0xF0) == 0xE0) {
        const bool overlong = at[0] == 0xE0 && at[1] < 0xA0;
        const bool surrogate = at[0] == 0xED && at[1] > 0x9F;
        return continues(at[1]) && continues(at[2]) && !overlong && !surrogate ? 3 : 0;
    }
    if (text.size >= 4 && at[0] >= 0xF0 && at[0] <= 0xF4) {
        const bool overlong = at[0] == 0xF0 && at[1] < 0x90;
        const bool beyond = at[0] == 0xF4 && at[1] > 0x8F;
        return continues(at[1]) && continues(at[2]) && continues(at[3]) && !overlong && !beyond ? 4
                                                                                                : 0;
    }
    return 0;
}

static bool utf8_ok(struct bytes text)
{
    size_t offset = 0;
    while (offset < text.size) {
        const size_t size = utf8_character_size(bytes_of(text.data + offset, text.size - offset));
        if (size == 0) return false;
        offset += size;
    }
    return true;
}

static bool text_ok(struct bytes text)
{
    return text.size == 0 || (memchr(text.data, 0, text.size) == NULL && utf8_ok(text));
}

void pack_text(struct buf *out, struct bytes value)
{
    msgpack_packer packer = packer_into(out);
    msgpack_pack_str(&packer, value.size);
    if (text_ok(value)) {
        if (value.size > 0) msgpack_pack_str_body(&packer, value.data, value.size);
        return;
    }
    for (size_t offset = 0; offset < value.size;) {
        const struct bytes rest = bytes_of(value.data + offset, value.size - offset);
        const size_t size = rest.data[0] == 0 ? 0 : utf8_character_size(rest);
        if (size == 0)
            buf_put_u8(out, '?');
        else
            buf_put(out, bytes_of(rest.data, size));
        offset += size == 0 ? 1 : size;
    }
}

/* --------------------------------------------------------------- pre-scan */

enum tag_class { REFUSED, IMMEDIATE, NATURAL, NEGATIVE, BINARY, TEXT, ARRAY };

/* What follows a tag: a big-endian number of `width` bytes. A NEGATIVE one must be below `bound`,
 * any other at least `bound`: whatever a shorter form could have said is not canonical. */
struct tag_row {
    uint8_t class;
    uint8_t width;
    int64_t bound;
};

enum { TAG_TABLE_FIRST = 0xC0, TAG_TABLE_COUNT = 0x20 };

static const struct tag_row tag_rows[TAG_TABLE_COUNT] = {
    [0xC0 - TAG_TABLE_FIRST] = {IMMEDIATE, 0, 0},
    [0xC2 - TAG_TABLE_FIRST] = {IMMEDIATE, 0, 0},
    [0xC3 - TAG_TABLE_FIRST] = {IMMEDIATE, 0, 0},
    [0xC4 - TAG_TABLE_FIRST] = {BINARY, 1, 0},
    [0xC5 - TAG_TABLE_FIRST] = {BINARY, 2, 0x100},
    [0xC6 - TAG_TABLE_FIRST] = {BINARY, 4, 0x10000},
    [0xCC - TAG_TABLE_FIRST] = {NATURAL, 1, 0x80},
    [0xCD - TAG_TABLE_FIRST] = {NATURAL, 2, 0x100},
    [0xCE - TAG_TABLE_FIRST] = {NATURAL, 4, 0x10000},
    [0xCF - TAG_TABLE_FIRST] = {NATURAL, 8, 0x100000000},
    [0xD0 - TAG_TABLE_FIRST] = {NEGATIVE, 1, -0x20},
    [0xD1 - TAG_TABLE_FIRST] = {NEGATIVE, 2, INT8_MIN},
    [0xD2 - TAG_TABLE_FIRST] = {NEGATIVE, 4, INT16_MIN},
    [0xD3 - TAG_TABLE_FIRST] = {NEGATIVE, 8, INT32_MIN},
    [0xD9 - TAG_TABLE_FIRST] = {TEXT, 1, 0x20},
    [0xDA - TAG_TABLE_FIRST] = {TEXT, 2, 0x100},
    [0xDB - TAG_TABLE_FIRST] = {TEXT, 4, 0x10000},
    [0xDC - TAG_TABLE_FIRST] = {ARRAY, 2, 0x10},
    [0xDD - TAG_TABLE_FIRST] = {ARRAY, 4, 0x10000},
};

struct scan {
    const uint8_t *at;
    const uint8_t *end;
    size_t item_count;
};

static size_t bytes_left(const struct scan *scan)
{
    return (size_t)(scan->end - scan->at);
}

static bool scan_number(struct scan *scan, unsigned width, uint64_t *number)
{
    if (bytes_left(scan) < width) return false;
    *number = 0;
    for (unsigned i = 0; i < width; i++)
        *number = *number << 8 | scan->at[i];
    scan->at += width;
    return true;
}

static bool scan_blob(struct scan *scan, uint64_t size, bool is_text)
{
    if (size > bytes_left(scan)) return false;
    const struct bytes blob = bytes_of(scan->at, (size_t)size);
    scan->at += size;
    return !is_text || utf8_ok(blob);
}

/* One value that is longer than its tag. Sets *array_count for an array. */
static bool scan_long(struct scan *scan, const struct tag_row *row, uint64_t *array_count)
{
    uint64_t number;
    if (!scan_number(scan, row->width, &number)) return false;
    if (row->class == NEGATIVE) {
        const unsigned shift = 64 - 8 * row->width;
        return (int64_t)(number << shift) >> shift < row->bound;
    }
    if (number < (uint64_t)row->bound) return false;
    switch ((enum tag_class)row->class) {
    case BINARY:
        return scan_blob(scan, number, false);
    case TEXT:
        return scan_blob(scan, number, true);
    case ARRAY:
        *array_count = number;
        return true;
    case NATURAL:
        return true;
    case REFUSED:
    case IMMEDIATE:
    case NEGATIVE:
        break;
    }
    return false;
}

/* One value, without the items of an array. *array_count stays 0 for all that has none. */
static inline bool scan_value(struct scan *scan, bool *is_array, uint64_t *array_count)
{
    const uint8_t tag = *scan->at++;
    *is_array = false;
    *array_count = 0;
    if (tag < 0x80 || tag >= 0xE0) return true; /* small integers */
    if (tag < 0x90) return false;               /* maps */
    if (tag < 0xA0) {
        *is_array = true;
        *array_count = tag & 0x0F;
        return true;
    }
    if (tag < 0xC0) return scan_blob(scan, tag & 0x1F, true);
    const struct tag_row *const row = &tag_rows[tag - TAG_TABLE_FIRST];
    if (row->class == IMMEDIATE) return true;
    if (row->class == REFUSED) return false;
    *is_array = row->class == ARRAY;
    return scan_long(scan, row, array_count);
}

/* Exactly one canonical value and nothing behind it. */
static bool canonical(struct bytes bytes)
{
    struct scan scan = {.at = bytes.data, .end = bytes.data + bytes.size};
    uint64_t items_left[PACK_DEPTH_MAX + 1] = {1};
    unsigned depth = 0;
    for (;;) {
        while (items_left[depth] == 0) {
            if (depth == 0) return scan.at == scan.end;
            depth--;
        }
        items_left[depth]--;
        if (scan.at == scan.end || scan.item_count == PACK_ITEMS_MAX) return false;
        scan.item_count++;
        bool is_array;
        uint64_t array_count;
        if (!scan_value(&scan, &is_array, &array_count)) return false;
        if (!is_array) continue;
        if (depth == PACK_DEPTH_MAX || array_count > bytes_left(&scan)) return false;
        items_left[++depth] = array_count;
    }
}

/* ---------------------------------------------------------------- reading */

enum status unpacker_open(struct unpacker **out)
{
    struct unpacker *unpacker = calloc(1, sizeof(*unpacker));
    if (unpacker == NULL) return ST_NO_MEMORY;
    /* One chunk that holds the items of any message that the pre-scan lets through: clearing the
     * zone keeps that chunk, so that reading never allocates. */
    if (!msgpack_zone_init(&unpacker->zone, PACK_ITEMS_MAX * sizeof(msgpack_object))) {
        free(unpacker);
        return ST_NO_MEMORY;
    }
    *out = unpacker;
    return ST_OK;
}

void unpacker_close(struct unpacker *unpacker)
{
    if (unpacker == NULL) return;
    msgpack_zone_destroy(&unpacker->zone);
    free(unpacker);
}

enum status packed_read(struct unpacker *unpacker, struct bytes bytes, struct packed *out)
{
    if (bytes.size == 0 || !canonical(bytes)) return ST_MALFORMED;
    msgpack_zone_clear(&unpacker->zone);
    size_t offset = 0;
    const msgpack_unpack_return result = msgpack_unpack((const char *)bytes.data, bytes.size,
                                                        &offset, &unpacker->zone, &unpacker->root);
    if (result == MSGPACK_UNPACK_NOMEM_ERROR) return ST_NO_MEMORY;
    if (result != MSGPACK_UNPACK_SUCCESS || offset != bytes.size) return ST_MALFORMED;
    out->object = &unpacker->root;
    return ST_OK;
}

static const msgpack_object *object_of(struct packed value)
{
    return value.object;
}

enum status packed_array(struct packed value, uint32_t count_min, uint32_t count_max,
                         uint32_t *count)
{
    const msgpack_object *const object = object_of(value);
    if (object->type != MSGPACK_OBJECT_ARRAY) return ST_MALFORMED;
    const uint32_t size = object->via.array.size;
    if (size < count_min || size > count_max) return ST_MALFORMED;
    *count = size;
    return ST_OK;
}

struct packed packed_item(struct packed array, uint32_t index)
{
    const msgpack_object *const object = object_of(array);
    INVARIANT(object->type == MSGPACK_OBJECT_ARRAY && index < object->via.array.size);
    return (struct packed){.object = &object->via.array.ptr[index]};
}

bool packed_is_nil(struct packed value)
{
    return object_of(value)->type == MSGPACK_OBJECT_NIL;
}

enum status packed_uint(struct packed value, uint64_t max, uint64_t *out)
{
    const msgpack_object *const object = object_of(value);
    if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER) return ST_MALFORMED;
    if (object->via.u64 > max) return ST_MALFORMED;
    *out = object->via.u64;
    return ST_OK;
}

enum status packed_int(struct packed value, int64_t *out)
{
    const msgpack_object *const object = object_of(value);
    if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        *out = object->via.i64;
        return ST_OK;
    }
    if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER) return ST_MALFORMED;
    if (object->via.u64 > INT64_MAX) return ST_MALFORMED;
    *out = (int64_t)object->via.u64;
    return ST_OK;
}

enum status packed_bool(struct packed value, bool *out)
{
    const msgpack_object *const object = object_of(value);
    if (object->type != MSGPACK_OBJECT_BOOLEAN) return ST_MALFORMED;
    *out = object->via.boolean;
    return ST_OK;
}

enum status packed_bin(struct packed value, size_t size_max, struct bytes *out)
{
    const msgpack_object *const object = object_of(value);
    if (object->type != MSGPACK_OBJECT_BIN || object->via.bin.size > size_max) return ST_MALFORMED;
    *out = bytes_of(object->via.bin.ptr, object->via.bin.size);
    return ST_OK;
}

enum status packed_fixed(struct packed value, void *out, size_t size)
{
    struct bytes bytes;
    TRY(packed_bin(value, size, &bytes));
    if (bytes.size != size) return ST_MALFORMED;
    memcpy(out, bytes.data, size);
    return ST_OK;
}

enum status packed_text(struct packed value, size_t size_max, struct bytes *out)
{
    const msgpack_object *const object = object_of(value);
    if (object->type != MSGPACK_OBJECT_STR) return ST_MALFORMED;
    const struct bytes text = bytes_of(object->via.str.ptr, object->via.str.size);
    if (text.size > size_max) return ST_MALFORMED;
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL) return ST_MALFORMED;
    *out = text;
    return ST_OK;
}

enum packed_kind packed_kind_of(struct packed value)
{
    switch (object_of(value)->type) {
    case MSGPACK_OBJECT_NIL:
        return PACKED_NIL;
    case MSGPACK_OBJECT_BOOLEAN:
        return PACKED_BOOL;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return PACKED_UINT;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return PACKED_INT;
    case MSGPACK_OBJECT_STR:
        return PACKED_TEXT;
    case MSGPACK_OBJECT_BIN:
        return PACKED_BIN;
    case MSGPACK_OBJECT_ARRAY:
        return PACKED_ARRAY;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
    case MSGPACK_OBJECT_MAP:
    case MSGPACK_OBJECT_EXT:
        break;
    }
    UNREACHABLE(); /* the pre-scan lets no other kind through */
}
