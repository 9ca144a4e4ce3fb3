/* document.c - JSON through jansson and MessagePack through msgpack-c, behind one view. */
#include "common/wire/document.h"

#include <jansson.h>
#include <math.h>
#include <msgpack.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/data/text.h"
#include "common/wire/document_scan.h"

enum { JSON_FIRST_BYTE_LIMIT = 0x80, QUOTED_SIZE_MAX = 16, REAL_TEXT_SIZE = 40 };

struct document {
    json_t *json; /* NULL: MessagePack */
    msgpack_zone zone;
    msgpack_object root;
};

const char *document_kind_words(enum document_kind kind)
{
    static const char *const words[DOCUMENT_KIND_COUNT] = {
        "null", "a boolean", "an integer", "a real", "a text", "bytes", "an array", "an object"};
    INVARIANT(kind < DOCUMENT_KIND_COUNT);
    return words[kind];
}

enum status document_refuse(struct buf *reason, const char *format, ...)
{
    char text[DOCUMENT_REASON_SIZE_MAX];
    if (reason == NULL) return ST_MALFORMED;
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    INVARIANT(size >= 0);
    buf_put(reason, bytes_of(text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1));
    return ST_MALFORMED;
}

/* ---------------------------------------------------------------- opening */

static const char *json_fault_words(enum json_error_code code)
{
    switch (code) {
    case json_error_duplicate_key:
        return "a name stands twice in one object";
    case json_error_numeric_overflow:
        return "a number is too large";
    case json_error_invalid_utf8:
        return "it is not UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a text holds a NUL";
    case json_error_premature_end_of_input:
        return "it breaks off";
    case json_error_end_of_input_expected:
        return "something stands behind the value";
    default:
        return "this is no JSON";
    }
}

static enum status json_open(struct bytes bytes, struct document *document, struct buf *reason)
{
    const char *fault;
    json_error_t error = {0};
    const enum status status = document_scan_json(bytes, &fault);
    if (status != ST_OK) {
        (void)document_refuse(reason, "%s", fault);
        return status;
    }
    document->json = json_loadb((const char *)bytes.data, bytes.size,
                                JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    /* jansson 2.14 swallows a NUL byte behind a number, true, false or null. */
    if (document->json != NULL && text_is_json(bytes)) return ST_OK;
    if (document->json != NULL) {
        json_decref(document->json);
        return document_refuse(reason, "this is no JSON, or it holds a NUL");
    }
    if (json_error_code(&error) == json_error_out_of_memory) return ST_NO_MEMORY;
    return document_refuse(reason, "JSON, line %d, column %d: %s", error.line, error.column,
                           json_fault_words(json_error_code(&error)));
}

static struct bytes name_of(const msgpack_object_kv *member)
{
    return bytes_of(member->key.via.str.ptr, member->key.via.str.size);
}

static int member_order(const void *a, const void *b)
{
    const msgpack_object_kv *const *const left = a;
    const msgpack_object_kv *const *const right = b;
    return bytes_compare(name_of(*left), name_of(*right));
}

/* Sorted, so that a map of thousands of names costs no square of them. */
static bool names_differ(const msgpack_object_map *map)
{
    const msgpack_object_kv *members[DOCUMENT_ITEMS_MAX];
    INVARIANT(map->size <= DOCUMENT_ITEMS_MAX);
    for (uint32_t i = 0; i < map->size; i++)
        members[i] = &map->ptr[i];
    qsort(members, map->size, sizeof *members, member_order);
    for (uint32_t i = 1; i < map->size; i++) {
        if (member_order(&members[i - 1], &members[i]) == 0) return false;
    }
    return true;
}

/* The scan bounds the depth. */
static bool all_names_differ(const msgpack_object *object)
{
    if (object->type == MSGPACK_OBJECT_ARRAY) {
        for (uint32_t i = 0; i < object->via.array.size; i++)
            if (!all_names_differ(&object->via.array.ptr[i])) return false;
    }
    if (object->type == MSGPACK_OBJECT_MAP) {
        if (!names_differ(&object->via.map)) return false;
        for (uint32_t i = 0; i < object->via.map.size; i++)
            if (!all_names_differ(&object->via.map.ptr[i].val)) return false;
    }
    return true;
}

static enum status pack_read(struct bytes bytes, struct document *document, struct buf *reason)
{
    size_t offset = 0;
    const msgpack_unpack_return result = msgpack_unpack((const char *)bytes.data, bytes.size,
                                                        &offset, &document->zone, &document->root);
    if (result == MSGPACK_UNPACK_NOMEM_ERROR) return ST_NO_MEMORY;
    if (result != MSGPACK_UNPACK_SUCCESS || offset != bytes.size)
        return document_refuse(reason, "this is no MessagePack");
    if (all_names_differ(&document->root)) return ST_OK;
    return document_refuse(reason, "a name stands twice in one object");
}

static enum status pack_open(struct bytes bytes, struct document *document, struct buf *reason)
{
    const char *fault;
    if (bytes.size >= 3 && memcmp(bytes.data, "\xEF\xBB\xBF", 3) == 0)
        return document_refuse(reason, "it begins with a byte order mark: leave that out");
    const enum status status = document_scan_pack(bytes, &fault);
    if (status != ST_OK) {
        (void)document_refuse(reason, "%s", fault);
        return status;
    }
    if (!msgpack_zone_init(&document->zone, MSGPACK_ZONE_CHUNK_SIZE)) return ST_NO_MEMORY;
    const enum status read = pack_read(bytes, document, reason);
    if (read != ST_OK) msgpack_zone_destroy(&document->zone);
    return read;
}

enum status document_open(struct bytes bytes, struct document **out, struct buf *reason)
{
    if (bytes.size == 0) return document_refuse(reason, "it is empty");
    if (bytes.size > INLINE_PAYLOAD_SIZE_MAX) {
        (void)document_refuse(reason, "it is %zu bytes long: %d are allowed", bytes.size,
                              INLINE_PAYLOAD_SIZE_MAX);
        return ST_TOO_LARGE;
    }
    struct document *const document = calloc(1, sizeof *document);
    if (document == NULL) return ST_NO_MEMORY;
    const enum status status = bytes.data[0] < JSON_FIRST_BYTE_LIMIT
                                   ? json_open(bytes, document, reason)
                                   : pack_open(bytes, document, reason);
    if (status != ST_OK) {
        free(document);
        return status;
    }
    *out = document;
    return ST_OK;
}

void document_close(struct document *document)
{
    if (document == NULL) return;
    if (document->json != NULL)
        json_decref(document->json);
    else
        msgpack_zone_destroy(&document->zone);
    free(document);
}

bool document_is_json(const struct document *document)
{
    return document->json != NULL;
}

struct document_value document_root(struct document *document)
{
    if (document->json != NULL)
        return (struct document_value){.object = document->json, .is_json = true};
    return (struct document_value){.object = &document->root};
}

/* ----------------------------------------------------------------- values */

static enum document_kind json_kind(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return DOCUMENT_OBJECT;
    case JSON_ARRAY:
        return DOCUMENT_ARRAY;
    case JSON_STRING:
        return DOCUMENT_TEXT;
    case JSON_INTEGER:
        return DOCUMENT_INT;
    case JSON_REAL:
        return DOCUMENT_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return DOCUMENT_BOOL;
    case JSON_NULL:
        return DOCUMENT_NIL;
    }
    UNREACHABLE();
}

static enum document_kind pack_kind(const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        return DOCUMENT_NIL;
    case MSGPACK_OBJECT_BOOLEAN:
        return DOCUMENT_BOOL;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return DOCUMENT_INT;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return DOCUMENT_REAL;
    case MSGPACK_OBJECT_STR:
        return DOCUMENT_TEXT;
    case MSGPACK_OBJECT_BIN:
        return DOCUMENT_BYTES;
    case MSGPACK_OBJECT_ARRAY:
        return DOCUMENT_ARRAY;
    case MSGPACK_OBJECT_MAP:
        return DOCUMENT_OBJECT;
    case MSGPACK_OBJECT_EXT:
        break;
    }
    UNREACHABLE(); /* the scan lets no extension through */
}

enum document_kind document_kind_of(struct document_value value)
{
    INVARIANT(value.object != NULL);
    return value.is_json ? json_kind(value.object) : pack_kind(value.object);
}

static const msgpack_object *packed(struct document_value value)
{
    return value.object;
}

enum status document_bool(struct document_value value, bool *out)
{
    if (document_kind_of(value) != DOCUMENT_BOOL) return ST_MALFORMED;
    *out = value.is_json ? json_is_true((const json_t *)value.object) : packed(value)->via.boolean;
    return ST_OK;
}

enum status document_int(struct document_value value, int64_t *out)
{
    if (document_kind_of(value) != DOCUMENT_INT) return ST_MALFORMED;
    /* The scan lets no greater natural number through, and int64 stands in the same place. */
    *out = value.is_json ? json_integer_value(value.object) : packed(value)->via.i64;
    return ST_OK;
}

enum status document_number(struct document_value value, double *out)
{
    int64_t integer;
    if (document_int(value, &integer) == ST_OK) {
        *out = (double)integer;
        return ST_OK;
    }
    if (document_kind_of(value) != DOCUMENT_REAL) return ST_MALFORMED;
    *out = value.is_json ? json_real_value(value.object) : packed(value)->via.f64;
    return ST_OK;
}

enum status document_text(struct document_value value, struct bytes *out)
{
    if (document_kind_of(value) != DOCUMENT_TEXT) return ST_MALFORMED;
    *out = value.is_json
               ? bytes_of(json_string_value(value.object), json_string_length(value.object))
               : bytes_of(packed(value)->via.str.ptr, packed(value)->via.str.size);
    return ST_OK;
}

enum status document_bytes(struct document_value value, struct bytes *out)
{
    if (document_kind_of(value) != DOCUMENT_BYTES) return ST_MALFORMED;
    *out = bytes_of(packed(value)->via.bin.ptr, packed(value)->via.bin.size);
    return ST_OK;
}

/* --------------------------------------------------------- what is inside */

size_t document_count(struct document_value value)
{
    switch (document_kind_of(value)) {
    case DOCUMENT_ARRAY:
        return value.is_json ? json_array_size(value.object) : packed(value)->via.array.size;
    case DOCUMENT_OBJECT:
        return value.is_json ? json_object_size(value.object) : packed(value)->via.map.size;
    default:
        return 0;
    }
}

struct document_value document_item(struct document_value array, size_t index)
{
    INVARIANT(document_kind_of(array) == DOCUMENT_ARRAY && index < document_count(array));
    if (array.is_json)
        return (struct document_value){.object = json_array_get(array.object, index),
                                       .is_json = true};
    return (struct document_value){.object = &packed(array)->via.array.ptr[index]};
}

static bool json_next(json_t *object, struct document_cursor *cursor, struct bytes *name,
                      struct document_value *value)
{
    cursor->member = cursor->index == 0 ? json_object_iter(object)
                                        : json_object_iter_next(object, cursor->member);
    if (cursor->member == NULL) return false;
    cursor->index++;
    *name = bytes_of_text(json_object_iter_key(cursor->member));
    *value =
        (struct document_value){.object = json_object_iter_value(cursor->member), .is_json = true};
    return true;
}

bool document_next(struct document_value object, struct document_cursor *cursor, struct bytes *name,
                   struct document_value *value)
{
    INVARIANT(document_kind_of(object) == DOCUMENT_OBJECT);
    if (cursor->index == document_count(object)) return false;
    if (object.is_json) return json_next(object.object, cursor, name, value);
    msgpack_object_kv *const member = &packed(object)->via.map.ptr[cursor->index++];
    *name = name_of(member);
    *value = (struct document_value){.object = &member->val};
    return true;
}

bool document_find(struct document_value object, const char *name, struct document_value *out)
{
    struct document_cursor cursor = {0};
    struct document_value value;
    struct bytes found;
    while (document_next(object, &cursor, &found, &value)) {
        if (!bytes_equal(found, bytes_of_text(name))) continue;
        *out = value;
        return true;
    }
    return false;
}

/* "lat", "lon" and "alt" */
static void put_names(const char *const *names, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buf_put_text(out, i + 1 == count ? " and " : ", ");
        buf_put_text(out, names[i]);
    }
}

static enum status refuse_member(struct bytes name, const char *path, const char *const *names,
                                 size_t name_count, struct buf *reason)
{
    char quoted_text[6 * QUOTED_SIZE_MAX + 8], known_text[DOCUMENT_REASON_SIZE_MAX / 2];
    struct buf quoted = buf_of(quoted_text, sizeof quoted_text);
    struct buf known = buf_of(known_text, sizeof known_text);
    if (name.size > QUOTED_SIZE_MAX) name.size = QUOTED_SIZE_MAX;
    buf_put_json_text(&quoted, name);
    put_names(names, name_count, &known);
    INVARIANT(buf_ok(&quoted) && buf_ok(&known));
    return document_refuse(reason, "%.*s is no member of %s: %.*s are", (int)quoted.size,
                           quoted_text, path == NULL ? "it" : path, (int)known.size, known_text);
}

enum status document_members(struct document_value value, const char *path,
                             const char *const *names, size_t name_count,
                             struct document_value *values, struct buf *reason)
{
    const enum document_kind kind = document_kind_of(value);
    if (kind != DOCUMENT_OBJECT)
        return document_refuse(reason, "%s is %s: an object is wanted", path == NULL ? "it" : path,
                               document_kind_words(kind));
    struct document_cursor cursor = {0};
    struct document_value found;
    struct bytes name;
    for (size_t i = 0; i < name_count; i++)
        values[i] = (struct document_value){0};
    while (document_next(value, &cursor, &name, &found)) {
        size_t i = 0;
        while (i < name_count && !bytes_equal(name, bytes_of_text(names[i])))
            i++;
        if (i == name_count) return refuse_member(name, path, names, name_count, reason);
        values[i] = found;
    }
    return ST_OK;
}

/* ---------------------------------------------------------------- writing */

void document_put_real(double real, struct buf *out)
{
    char text[REAL_TEXT_SIZE];
    INVARIANT(isfinite(real));
    /* Any decimal of up to 15 digits survives the way there and back, so that the shortest of those
     * is what 15 digits without trailing zeros say. Numbers near zero have less precision. */
    int digits = isnormal(real) ? 15 : 1;
    do
        snprintf(text, sizeof text, "%.*g", digits, real);
    while (strtod(text, NULL) != real && ++digits <= 17);
    buf_put_text(out, text);
    if (strpbrk(text, ".e") == NULL) buf_put_text(out, ".0");
}

static enum status write_inside(struct document_value value, struct buf *out)
{
    struct document_cursor cursor = {0};
    struct document_value inside;
    struct bytes name;
    const bool is_object = document_kind_of(value) == DOCUMENT_OBJECT;
    const size_t count = document_count(value);
    buf_put_u8(out, is_object ? '{' : '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buf_put_u8(out, ',');
        if (!is_object) {
            inside = document_item(value, i);
        } else {
            INVARIANT(document_next(value, &cursor, &name, &inside));
            buf_put_json_text(out, name);
            buf_put_u8(out, ':');
        }
        TRY(document_write_json(inside, out));
    }
    buf_put_u8(out, is_object ? '}' : ']');
    return ST_OK;
}

enum status document_write_json(struct document_value value, struct buf *out)
{
    bool truth = false;
    int64_t integer = 0;
    double real = 0;
    struct bytes text = BYTES_EMPTY;
    char digits[24];
    switch (document_kind_of(value)) {
    case DOCUMENT_NIL:
        buf_put_text(out, "null");
        return ST_OK;
    case DOCUMENT_BOOL:
        TRY(document_bool(value, &truth));
        buf_put_text(out, truth ? "true" : "false");
        return ST_OK;
    case DOCUMENT_INT:
        TRY(document_int(value, &integer));
        snprintf(digits, sizeof digits, "%lld", (long long)integer);
        buf_put_text(out, digits);
        return ST_OK;
    case DOCUMENT_REAL:
        TRY(document_number(value, &real));
        document_put_real(real, out);
        return ST_OK;
    case DOCUMENT_TEXT:
        TRY(document_text(value, &text));
        buf_put_json_text(out, text);
        return ST_OK;
    case DOCUMENT_ARRAY:
    case DOCUMENT_OBJECT:
        return write_inside(value, out);
    case DOCUMENT_BYTES:
    case DOCUMENT_KIND_COUNT:
        break;
    }
    return ST_MALFORMED;
}
