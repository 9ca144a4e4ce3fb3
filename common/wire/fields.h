/* fields.h - small helpers that the message files share: tuples, fixed-size fields, names, scopes,
 * checkpoints.
 *
 * Used only by the .c files of this folder. */
#ifndef HOLDFAST_COMMON_WIRE_FIELDS_H
#define HOLDFAST_COMMON_WIRE_FIELDS_H

#include <string.h>

#include "common/data/checkpoint.h"
#include "common/data/config.h"
#include "common/wire/pack.h"

/* An identifier type of base/ids.h or crypto/sign.h: a struct whose only member is bytes[]. */
#define PACK_FIXED(out, field) pack_bin((out), bytes_of((field).bytes, sizeof((field).bytes)))
#define PACKED_FIXED(value, field) packed_fixed((value), (field)->bytes, sizeof((field)->bytes))

/* An array of exactly count items. */
static inline enum status packed_tuple(struct packed value, uint32_t count)
{
    uint32_t same_count;
    return packed_array(value, count, count, &same_count);
}

/* A whole message that is an array of exactly count items. */
static inline enum status packed_message(struct unpacker *unpacker, struct bytes bytes,
                                         uint32_t count, struct packed *out)
{
    TRY(packed_read(unpacker, bytes, out));
    return packed_tuple(*out, count);
}

/* Names, without the NULs behind them. */
static inline struct bytes level_name_text(const struct level_name *name)
{
    return bytes_of(name->text, strnlen(name->text, sizeof name->text));
}

static inline void pack_level_name(struct buf *out, const struct level_name *name)
{
    pack_text(out, level_name_text(name));
}

static inline void pack_node_name(struct buf *out, const struct node_name *name)
{
    pack_text(out, bytes_of(name->text, strnlen(name->text, NODE_NAME_SIZE)));
}

static inline enum status packed_level_name(struct packed value, struct level_name *out)
{
    struct bytes text;
    TRY(packed_text(value, LEVEL_NAME_SIZE_MAX, &text));
    return level_name_from(text, out);
}

/* As above, or an empty text. */
static inline enum status packed_level_name_or_empty(struct packed value, struct level_name *out)
{
    struct bytes text;
    TRY(packed_text(value, LEVEL_NAME_SIZE_MAX, &text));
    *out = (struct level_name){0};
    return text.size == 0 ? ST_OK : level_name_from(text, out);
}

static inline enum status packed_node_name(struct packed value, struct node_name *out)
{
    struct bytes text;
    TRY(packed_text(value, NODE_NAME_SIZE - 1, &text));
    return node_name_from(text, out);
}

/* A scope: its kind and its name, without an array header of their own. */
enum { SCOPE_FIELD_COUNT = 2 };

static inline void scope_fields_pack(const struct config_scope *scope, struct buf *out)
{
    pack_uint(out, (uint64_t)scope->kind);
    pack_level_name(out, &scope->name);
}

/* From items first and first + 1 of an array that has them. */
static inline enum status scope_fields_unpack(struct packed array, uint32_t first,
                                              struct config_scope *out)
{
    uint64_t kind;
    TRY(packed_uint(packed_item(array, first), CONFIG_SCOPE_KIND_COUNT - 1, &kind));
    out->kind = (enum config_scope_kind)kind;
    TRY(packed_level_name_or_empty(packed_item(array, first + 1), &out->name));
    return config_scope_ok(out) ? ST_OK : ST_MALFORMED;
}

/* The four values size, root, key_id, signature, without an array header of their own. */
enum { CHECKPOINT_FIELD_COUNT = 4 };

static inline void checkpoint_fields_pack(const struct checkpoint *checkpoint,
                                          const struct key_id *key_id, struct buf *out)
{
    pack_uint(out, checkpoint->size);
    PACK_FIXED(out, checkpoint->root);
    PACK_FIXED(out, *key_id);
    PACK_FIXED(out, checkpoint->signature);
}

/* From items first .. first + 3 of an array that has them. */
static inline enum status checkpoint_fields_unpack(struct packed array, uint32_t first,
                                                   struct checkpoint *checkpoint,
                                                   struct key_id *key_id)
{
    TRY(packed_uint(packed_item(array, first), PACK_SEQUENCE_MAX, &checkpoint->size));
    TRY(PACKED_FIXED(packed_item(array, first + 1), &checkpoint->root));
    TRY(PACKED_FIXED(packed_item(array, first + 2), key_id));
    return PACKED_FIXED(packed_item(array, first + 3), &checkpoint->signature);
}

#endif
