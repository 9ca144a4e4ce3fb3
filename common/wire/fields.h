/* fields.h - small helpers that the message files share: tuples, fixed-size fields, checkpoints.
 *
 * Used only by the .c files of this folder. */
#ifndef HOLDFAST_COMMON_WIRE_FIELDS_H
#define HOLDFAST_COMMON_WIRE_FIELDS_H

#include "common/data/checkpoint.h"
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
