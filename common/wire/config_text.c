/* config_text.c - config values out of documents and texts, and back. */
#include "common/wire/config_text.h"

#include <inttypes.h>
#include <string.h>

#include "common/crypto/sign.h"
#include "common/data/text.h"

enum member { VALUE, TYPE, SCOPE, DELETE, MEMBER_COUNT };

static const char *const member_names[MEMBER_COUNT] = {"value", "type", "scope", "delete"};

static bool is_there(struct document_value value)
{
    return value.object != NULL;
}

/* ---------------------------------------------------------------- content */

/* The room for one value's content. */
static struct buf room_of(const struct buf *content)
{
    const size_t left = content->overflow ? 0 : content->capacity - content->size;
    return buf_of(content->data + content->size,
                  left < CONFIG_VALUE_SIZE_MAX ? left : CONFIG_VALUE_SIZE_MAX);
}

/* Keeps what was written into the room. */
static enum status room_keep(const struct buf *room, struct buf *content, struct config_value *out,
                             struct buf *reason)
{
    if (!buf_ok(room)) {
        (void)document_refuse(reason, "the value is too large: %d bytes are allowed",
                              CONFIG_VALUE_SIZE_MAX);
        return ST_TOO_LARGE;
    }
    content->size += room->size;
    out->content = buf_bytes(room);
    return ST_OK;
}

static enum status keep(struct bytes bytes, struct buf *content, struct config_value *out,
                        struct buf *reason)
{
    struct buf room = room_of(content);
    buf_put(&room, bytes);
    return room_keep(&room, content, out, reason);
}

static enum status keep_base64(struct bytes text, struct buf *content, struct config_value *out,
                               struct buf *reason)
{
    struct buf room = room_of(content);
    size_t size = text.size / 4 * 3;
    for (size_t i = text.size; i > 0 && text.data[i - 1] == '=' && text.size - i < 2; i--)
        size -= size > 0 ? 1 : 0;
    if (size > room.capacity) {
        room.overflow = true;
        return room_keep(&room, content, out, reason);
    }
    if (base64_decode(text, room.data, size) != ST_OK)
        return document_refuse(reason, "the value is no base64 with padding, as bytes are written");
    room.size = size;
    return room_keep(&room, content, out, reason);
}

/* ---------------------------------------------------------- out of values */

enum status config_type_from(struct bytes name, enum config_type *out)
{
    for (unsigned type = CONFIG_NONE + 1; type < CONFIG_TYPE_COUNT; type++) {
        if (!bytes_equal(name, bytes_of_text(config_type_name((enum config_type)type)))) continue;
        *out = (enum config_type)type;
        return ST_OK;
    }
    return ST_MALFORMED;
}

/* CONFIG_NONE: null, which says none. */
static enum config_type type_of(enum document_kind kind)
{
    static const enum config_type types[DOCUMENT_KIND_COUNT] = {
        [DOCUMENT_NIL] = CONFIG_NONE,    [DOCUMENT_BOOL] = CONFIG_BOOL,
        [DOCUMENT_INT] = CONFIG_INT,     [DOCUMENT_REAL] = CONFIG_FLOAT,
        [DOCUMENT_TEXT] = CONFIG_STRING, [DOCUMENT_BYTES] = CONFIG_BYTES,
        [DOCUMENT_ARRAY] = CONFIG_JSON,  [DOCUMENT_OBJECT] = CONFIG_JSON,
    };
    return types[kind];
}

static enum status refuse_kind(struct document_value value, enum config_type type,
                               struct buf *reason)
{
    return document_refuse(reason, "the value is %s, and its type %s",
                           document_kind_words(document_kind_of(value)), config_type_name(type));
}

static enum status float_read(struct document_value value, double *out, struct buf *reason)
{
    int64_t integer;
    if (document_number(value, out) != ST_OK) return refuse_kind(value, CONFIG_FLOAT, reason);
    if (document_int(value, &integer) != ST_OK) return ST_OK;
    /* 2^63 itself is what the greatest integers round to, and no int64. */
    if (*out < 0x1p63 && (int64_t)*out == integer) return ST_OK;
    return document_refuse(reason, "the value %" PRId64 " is no float: it would be rounded",
                           integer);
}

static enum status bytes_read(struct document_value value, struct buf *content,
                              struct config_value *out, struct buf *reason)
{
    struct bytes bytes;
    if (document_bytes(value, &bytes) == ST_OK) return keep(bytes, content, out, reason);
    if (document_text(value, &bytes) == ST_OK) return keep_base64(bytes, content, out, reason);
    return refuse_kind(value, CONFIG_BYTES, reason);
}

static enum status json_read(struct document_value value, struct buf *content,
                             struct config_value *out, struct buf *reason)
{
    struct buf room = room_of(content);
    if (document_write_json(value, &room) != ST_OK)
        return document_refuse(reason, "the value has bytes inside, which json cannot say");
    return room_keep(&room, content, out, reason);
}

/* type CONFIG_NONE: the value says it itself. */
static enum status value_read(struct document_value value, enum config_type type,
                              struct buf *content, struct config_value *out, struct buf *reason)
{
    struct bytes text;
    *out = (struct config_value){.type = type};
    if (type == CONFIG_NONE) out->type = type_of(document_kind_of(value));
    switch (out->type) {
    case CONFIG_BOOL:
        if (document_bool(value, &out->truth) == ST_OK) return ST_OK;
        break;
    case CONFIG_INT:
        if (document_int(value, &out->integer) == ST_OK) return ST_OK;
        break;
    case CONFIG_FLOAT:
        return float_read(value, &out->real, reason);
    case CONFIG_STRING:
        if (document_text(value, &text) == ST_OK) return keep(text, content, out, reason);
        break;
    case CONFIG_BYTES:
        return bytes_read(value, content, out, reason);
    case CONFIG_JSON:
        return json_read(value, content, out, reason);
    case CONFIG_NONE:
    case CONFIG_TYPE_COUNT:
        return document_refuse(reason, "the value is null: say \"delete\": true to delete, or "
                                       "\"type\": \"json\" to keep a null");
    }
    return refuse_kind(value, out->type, reason);
}

/* What is read by the rules above keeps those of config.h; it also makes -0 a 0. */
static enum status checked(enum status status, struct config_value *value, struct buf *reason)
{
    if (status != ST_OK) return status;
    const enum status check = config_value_check(value);
    if (check != ST_OK) (void)document_refuse(reason, "the value is not allowed");
    return check;
}

/* ------------------------------------------------------------------ write */

static enum status type_read(struct document_value value, enum config_type *out, struct buf *reason)
{
    struct bytes name;
    *out = CONFIG_NONE;
    if (!is_there(value)) return ST_OK;
    if (document_text(value, &name) == ST_OK && config_type_from(name, out) == ST_OK) return ST_OK;
    return document_refuse(reason, "type is none of bool, int, float, string, bytes and json");
}

static enum status scope_read(struct document_value value, struct config_set *out,
                              struct buf *reason)
{
    struct bytes text;
    out->has_scope = is_there(value);
    if (!is_there(value)) return ST_OK;
    if (document_text(value, &text) == ST_OK && config_scope_from(text, &out->scope) == ST_OK)
        return ST_OK;
    return document_refuse(reason, "scope is none of fleet, group/G and node/N");
}

static enum status delete_read(const struct document_value *values, struct config_set *out,
                               struct buf *reason)
{
    if (document_bool(values[DELETE], &out->deleted) != ST_OK || !out->deleted)
        return document_refuse(reason, "delete is there, and not true");
    if (is_there(values[VALUE]) || is_there(values[TYPE]))
        return document_refuse(reason, "delete is there, and a value or type too");
    return ST_OK;
}

static enum status set_read(struct document_value root, struct buf *content, struct config_set *out,
                            struct buf *reason)
{
    struct document_value values[MEMBER_COUNT];
    enum config_type type;
    if (document_kind_of(root) != DOCUMENT_OBJECT)
        return document_refuse(reason, "it is %s: an object like {\"value\": 1} is wanted",
                               document_kind_words(document_kind_of(root)));
    TRY(document_members(root, NULL, member_names, MEMBER_COUNT, values, reason));
    TRY(scope_read(values[SCOPE], out, reason));
    TRY(type_read(values[TYPE], &type, reason));
    if (is_there(values[DELETE])) return delete_read(values, out, reason);
    if (!is_there(values[VALUE]))
        return document_refuse(reason, "value is missing, and delete too");
    return checked(value_read(values[VALUE], type, content, &out->value, reason), &out->value,
                   reason);
}

enum status config_set_read(struct bytes payload, struct buf *content, struct config_set *out,
                            struct buf *reason)
{
    struct document *document;
    *out = (struct config_set){0};
    TRY(document_open(payload, &document, reason));
    const enum status status = set_read(document_root(document), content, out, reason);
    document_close(document);
    return status;
}

void config_set_write_json(const struct config_set *set, struct buf *out)
{
    char scope[CONFIG_SCOPE_TEXT_SIZE];
    if (set->deleted) {
        buf_put_text(out, "{\"delete\":true");
    } else {
        buf_put_text(out, "{\"value\":");
        config_value_write_json(&set->value, out);
        buf_put_text(out, ",\"type\":");
        buf_put_json_text(out, bytes_of_text(config_type_name(set->value.type)));
    }
    if (set->has_scope) {
        buf_put_text(out, ",\"scope\":");
        buf_put_json_text(out, bytes_of(scope, config_scope_text(&set->scope, scope)));
    }
    buf_put_u8(out, '}');
}

/* -------------------------------------------------------- the command line */

/* By the grammar of JSON and without blanks, so that 007, +1 and 1. are no numbers. */
static bool is_number(struct bytes text)
{
    if (text.size == 0 || !text_is_json(text)) return false;
    const uint8_t first = text.data[0], last = text.data[text.size - 1];
    return (first == '-' || (first >= '0' && first <= '9')) && last >= '0' && last <= '9';
}

static bool is_truth(struct bytes text)
{
    return bytes_equal(text, BYTES_LITERAL("true")) || bytes_equal(text, BYTES_LITERAL("false"));
}

/* Through the reader of JSON: a boolean, a number, or any json. */
static enum status document_from_text(struct bytes text, enum config_type type, struct buf *content,
                                      struct config_value *out, struct buf *reason)
{
    struct document *document;
    const bool is_json = type == CONFIG_JSON;
    const enum status status = document_open(text, &document, is_json ? reason : NULL);
    if (status != ST_OK) {
        if (!is_json) (void)document_refuse(reason, "the number is too large");
        return status;
    }
    const enum status read = document_is_json(document)
                                 ? value_read(document_root(document), type, content, out, reason)
                                 : document_refuse(reason, "this is no JSON");
    document_close(document);
    return read;
}

static enum status value_from_text(enum config_type type, struct bytes text, struct buf *content,
                                   struct config_value *out, struct buf *reason)
{
    *out = (struct config_value){.type = type};
    switch (type) {
    case CONFIG_BOOL:
        if (is_truth(text)) return document_from_text(text, type, content, out, reason);
        return document_refuse(reason, "this is no bool: true or false is wanted");
    case CONFIG_INT:
    case CONFIG_FLOAT:
        if (is_number(text)) return document_from_text(text, type, content, out, reason);
        return document_refuse(reason, "this is no %s: decimal digits are wanted",
                               config_type_name(type));
    case CONFIG_BYTES:
        return keep_base64(text, content, out, reason);
    case CONFIG_JSON:
        return document_from_text(text, type, content, out, reason);
    case CONFIG_STRING:
        if (text_is_utf8(text)) return keep(text, content, out, reason);
        return document_refuse(reason, "this is not UTF-8: type bytes takes base64");
    case CONFIG_NONE:
    case CONFIG_TYPE_COUNT:
        break;
    }
    UNREACHABLE();
}

enum status config_value_from_text(const char *type_name, struct bytes text, struct buf *content,
                                   struct config_value *out, struct buf *reason)
{
    enum config_type type = CONFIG_STRING;
    if (type_name != NULL && config_type_from(bytes_of_text(type_name), &type) != ST_OK) {
        (void)document_refuse(reason, "the type is none of bool, int, float, string, bytes and "
                                      "json");
        return ST_USAGE;
    }
    /* Unasked, the text decides; CONFIG_NONE lets the number say whether it is an integer. */
    if (type_name == NULL && (is_truth(text) || is_number(text)))
        return checked(document_from_text(text, CONFIG_NONE, content, out, reason), out, reason);
    return checked(value_from_text(type, text, content, out, reason), out, reason);
}

/* ---------------------------------------------------------------- writing */

/* Needs one spare byte, for the NUL that the encoder writes. */
static void put_base64(struct bytes bytes, struct buf *out)
{
    const size_t size = base64_size(bytes.size);
    if (out->overflow || size > out->capacity - out->size) {
        out->overflow = true;
        return;
    }
    base64_encode(bytes, (char *)out->data + out->size, size);
    out->size += size - 1;
}

/* JSON without the blanks between its parts; what others wrote may have some. */
static void put_compact(struct bytes json, struct buf *out)
{
    bool in_string = false;
    for (size_t i = 0; i < json.size; i++) {
        const uint8_t byte = json.data[i];
        if (!in_string && (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r')) continue;
        if (byte == '"') in_string = !in_string;
        buf_put_u8(out, byte);
        if (in_string && byte == '\\' && i + 1 < json.size) buf_put_u8(out, json.data[++i]);
    }
}

static void put_int(int64_t value, struct buf *out)
{
    buf_put_format(out, "%" PRId64, value);
}

void config_value_write_json(const struct config_value *value, struct buf *out)
{
    switch (value->type) {
    case CONFIG_STRING:
        buf_put_json_text(out, value->content);
        return;
    case CONFIG_BYTES:
        buf_put_u8(out, '"');
        put_base64(value->content, out);
        buf_put_u8(out, '"');
        return;
    case CONFIG_NONE:
        buf_put_text(out, "null");
        return;
    case CONFIG_BOOL:
    case CONFIG_INT:
    case CONFIG_FLOAT:
    case CONFIG_JSON:
    case CONFIG_TYPE_COUNT:
        break;
    }
    config_value_write_text(value, out);
}

void config_value_write_text(const struct config_value *value, struct buf *out)
{
    switch (value->type) {
    case CONFIG_NONE:
        return;
    case CONFIG_BOOL:
        buf_put_text(out, value->truth ? "true" : "false");
        return;
    case CONFIG_INT:
        put_int(value->integer, out);
        return;
    case CONFIG_FLOAT:
        document_put_real(value->real, out);
        return;
    case CONFIG_STRING:
        buf_put(out, value->content);
        return;
    case CONFIG_BYTES:
        put_base64(value->content, out);
        return;
    case CONFIG_JSON:
        put_compact(value->content, out);
        return;
    case CONFIG_TYPE_COUNT:
        break;
    }
    UNREACHABLE();
}
