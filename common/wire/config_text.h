/* config_text.h - config values as publishers and people write and read them.
 *
 * A write on local/config/{key}/set is one JSON or MessagePack object (document.h):
 *   value   V, see below; not with "delete"
 *   type    optional: bool, int, float, string, bytes or json; not with "delete"
 *   scope   optional: fleet, group/G or node/N
 *   delete  true; then there is no value
 * Without a type V says it itself: a boolean is bool, an integer int, a real float, a text string,
 * an object or array json, MessagePack bin bytes. With one, V must be of it:
 *   int     an integer                    float  a real, or an integer that is exactly one
 *   bytes   base64 (RFC 4648, padded) as a text, or MessagePack bin
 *   json    anything but MessagePack bin, null too; kept as document_write_json writes it
 *
 * Content (of a string, bytes, json) is copied behind what the caller's buffer `content` already
 * holds, and value.content points there: the value lives as long as that memory. It needs
 * CONFIG_VALUE_SIZE_MAX bytes of room to take every value that is allowed. */
#ifndef HOLDFAST_COMMON_WIRE_CONFIG_TEXT_H
#define HOLDFAST_COMMON_WIRE_CONFIG_TEXT_H

#include "common/data/config.h"
#include "common/wire/document.h"

struct config_set {
    bool deleted;   /* value is CONFIG_NONE then, and never otherwise */
    bool has_scope; /* else scope is the fleet's and means nothing */
    struct config_scope scope;
    struct config_value value;
};

/* In all of these, reason gets a clause when the status is not ST_OK: DOCUMENT_REASON_SIZE_MAX
 * bytes free, or NULL. */

/* A bare value is refused: it could be meant as the write or as the value. Errors, with *out
 * undefined: ST_MALFORMED, ST_TOO_LARGE (also: no room in content), ST_NO_MEMORY. */
MUST_USE enum status config_set_read(struct bytes payload, struct buf *content,
                                     struct config_set *out, struct buf *reason);

/* The payload that config_set_read reads as this again, always with its type, as long as it is at
 * most INLINE_PAYLOAD_SIZE_MAX bytes (a large string full of characters that need an escape is not)
 * and its json keeps the bounds of document.h. Ask buf_ok(out). */
void config_set_write_json(const struct config_set *set, struct buf *out);

/* "bool" … "json". Errors: ST_MALFORMED. */
MUST_USE enum status config_type_from(struct bytes name, enum config_type *out);

/* A value as typed on a command line. type_name NULL: true and false are bool, what JSON calls a
 * number is int or float (one that is too large is refused, not kept as text), all else is a
 * string; json and bytes (base64) must be asked for. Errors: as above, and ST_USAGE for an unknown
 * type name. */
MUST_USE enum status config_value_from_text(const char *type_name, struct bytes text,
                                            struct buf *content, struct config_value *out,
                                            struct buf *reason);

/* V alone: bytes as base64, json without blanks, floats as document_put_real, null for none. */
void config_value_write_json(const struct config_value *value, struct buf *out);

/* For people and scripts: as JSON, but a string is its own bytes and bytes are bare base64;
 * config_value_from_text reads it back when it is told the type. Nothing for none. */
void config_value_write_text(const struct config_value *value, struct buf *out);

/* No value takes more, written as JSON: six bytes for each control character, and quotes. */
enum { CONFIG_VALUE_JSON_SIZE_MAX = 6 * CONFIG_VALUE_SIZE_MAX + 2 };

#endif
