/* repair_msg.c - anti-entropy: how two replicas find out what one lacks of the other. */
#include "common/wire/repair_msg.h"

#include "common/data/hlc.h"
#include "common/wire/fields.h"

enum {
    DIGESTS_FIELD_COUNT = 5,
    DIFFERS_FIELD_COUNT = 3,
    IDS_FIELD_COUNT = 6,
    WANT_FIELD_COUNT = 2,
    HAVE_FIELD_COUNT = 6,
    HELD_FIELD_COUNT = 2,
    PAIR_FIELD_COUNT = 2, /* a name and its hash */
    BUCKET_SIZE = 8,
    TRACK_HASH_SIZE = 8,
    /* A pair with a name of 40 characters: headers of array, text and bin, and a hash. */
    NAME_SIZE_USUAL = 40,
    PAIR_SIZE_USUAL = 1 + 2 + NAME_SIZE_USUAL + 2,
    HEAD_SIZE_MAX = 256, /* a body without its pairs */
};

_Static_assert(16 + TRACK_IDS_MAX * (1 + PAIR_FIELD_COUNT) <= PACK_ITEMS_MAX &&
                   16 + CONFIG_HAVE_MAX * (1 + PAIR_FIELD_COUNT) <= PACK_ITEMS_MAX,
               "the largest lists can be read");
_Static_assert(HEAD_SIZE_MAX + TRACK_IDS_MAX * (PAIR_SIZE_USUAL + TRACK_HASH_SIZE) <=
                       BODY_SIZE_MAX &&
                   HEAD_SIZE_MAX + CONFIG_HAVE_MAX * (PAIR_SIZE_USUAL + (int)CONFIG_DIGEST_SIZE) <=
                       BODY_SIZE_MAX,
               "the largest lists of names of usual size fit one frame");

static int name_compare(const struct level_name *a, const struct level_name *b)
{
    return bytes_compare(level_name_text(a), level_name_text(b));
}

/* ---------------------------------------------------------------- digests */

void track_digests_encode(const struct track_digests_msg *msg, struct buf *out)
{
    uint8_t memory[TRACK_BUCKETS * BUCKET_SIZE];
    for (size_t i = 0; i < TRACK_BUCKETS; i++)
        put_u64(memory + i * BUCKET_SIZE, msg->digests.buckets[i]);
    pack_array(out, DIGESTS_FIELD_COUNT);
    PACK_FIXED(out, msg->nonce);
    pack_uint(out, msg->numbering);
    pack_uint(out, msg->counter);
    pack_uint(out, msg->since);
    pack_bin(out, bytes_of(memory, sizeof memory));
}

enum status track_digests_decode(struct unpacker *unpacker, struct bytes body,
                                 struct track_digests_msg *out)
{
    uint8_t memory[TRACK_BUCKETS * BUCKET_SIZE];
    struct packed fields;
    uint64_t numbering;
    TRY(packed_message(unpacker, body, DIGESTS_FIELD_COUNT, &fields));
    TRY(PACKED_FIXED(packed_item(fields, 0), &out->nonce));
    TRY(packed_uint(packed_item(fields, 1), UINT32_MAX, &numbering));
    if (numbering == 0) return ST_MALFORMED;
    out->numbering = (uint32_t)numbering;
    TRY(packed_uint(packed_item(fields, 2), PACK_SEQUENCE_MAX, &out->counter));
    TRY(packed_uint(packed_item(fields, 3), HLC_STAMP_MAX, &out->since));
    TRY(packed_fixed(packed_item(fields, 4), memory, sizeof memory));
    for (size_t i = 0; i < TRACK_BUCKETS; i++)
        out->digests.buckets[i] = get_u64(memory + i * BUCKET_SIZE);
    return ST_OK;
}

void track_differs_encode(const struct track_differs *msg, struct buf *out)
{
    pack_array(out, DIFFERS_FIELD_COUNT);
    PACK_FIXED(out, msg->nonce);
    pack_uint(out, msg->counter);
    pack_bin(out, bytes_of(msg->buckets, sizeof msg->buckets));
}

enum status track_differs_decode(struct unpacker *unpacker, struct bytes body,
                                 struct track_differs *out)
{
    struct packed fields;
    TRY(packed_message(unpacker, body, DIFFERS_FIELD_COUNT, &fields));
    TRY(PACKED_FIXED(packed_item(fields, 0), &out->nonce));
    TRY(packed_uint(packed_item(fields, 1), PACK_SEQUENCE_MAX, &out->counter));
    return packed_fixed(packed_item(fields, 2), out->buckets, sizeof out->buckets);
}

/* -------------------------------------------------------------- track ids */

void track_ids_encode(const struct track_ids *msg, struct buf *out)
{
    INVARIANT(msg->count <= TRACK_IDS_MAX);
    pack_array(out, IDS_FIELD_COUNT);
    PACK_FIXED(out, msg->nonce);
    pack_uint(out, msg->since);
    pack_uint(out, msg->bucket);
    pack_level_name(out, &msg->after);
    pack_bool(out, msg->last);
    pack_array(out, (uint32_t)msg->count);
    for (size_t i = 0; i < msg->count; i++) {
        uint8_t hash[TRACK_HASH_SIZE];
        put_u64(hash, msg->items[i].hash);
        pack_array(out, PAIR_FIELD_COUNT);
        pack_level_name(out, &msg->items[i].name);
        pack_bin(out, bytes_of(hash, sizeof hash));
    }
}

static enum status track_id_unpack(struct packed value, struct track_id *out)
{
    uint8_t hash[TRACK_HASH_SIZE];
    TRY(packed_tuple(value, PAIR_FIELD_COUNT));
    TRY(packed_level_name(packed_item(value, 0), &out->name));
    TRY(packed_fixed(packed_item(value, 1), hash, sizeof hash));
    out->hash = get_u64(hash);
    return ST_OK;
}

enum status track_ids_decode(struct unpacker *unpacker, struct bytes body, struct track_ids *out)
{
    struct packed fields;
    uint64_t bucket;
    uint32_t count;
    TRY(packed_message(unpacker, body, IDS_FIELD_COUNT, &fields));
    TRY(PACKED_FIXED(packed_item(fields, 0), &out->nonce));
    TRY(packed_uint(packed_item(fields, 1), HLC_STAMP_MAX, &out->since));
    TRY(packed_uint(packed_item(fields, 2), TRACK_BUCKETS - 1, &bucket));
    out->bucket = (uint8_t)bucket;
    TRY(packed_level_name_or_empty(packed_item(fields, 3), &out->after));
    TRY(packed_bool(packed_item(fields, 4), &out->last));
    const struct packed items = packed_item(fields, 5);
    TRY(packed_array(items, 0, TRACK_IDS_MAX, &count));
    const struct level_name *before = &out->after;
    for (uint32_t i = 0; i < count; i++) {
        TRY(track_id_unpack(packed_item(items, i), &out->items[i]));
        if (name_compare(before, &out->items[i].name) >= 0) return ST_MALFORMED;
        before = &out->items[i].name;
    }
    out->count = count;
    return ST_OK;
}

void track_want_encode(const struct track_want *msg, struct buf *out)
{
    INVARIANT(msg->count <= TRACK_IDS_MAX);
    pack_array(out, WANT_FIELD_COUNT);
    PACK_FIXED(out, msg->nonce);
    pack_array(out, (uint32_t)msg->count);
    for (size_t i = 0; i < msg->count; i++)
        pack_level_name(out, &msg->names[i]);
}

enum status track_want_decode(struct unpacker *unpacker, struct bytes body, struct track_want *out)
{
    struct packed fields;
    uint32_t count;
    TRY(packed_message(unpacker, body, WANT_FIELD_COUNT, &fields));
    TRY(PACKED_FIXED(packed_item(fields, 0), &out->nonce));
    const struct packed names = packed_item(fields, 1);
    TRY(packed_array(names, 1, TRACK_IDS_MAX, &count));
    for (uint32_t i = 0; i < count; i++)
        TRY(packed_level_name(packed_item(names, i), &out->names[i]));
    out->count = count;
    return ST_OK;
}

/* ----------------------------------------------------------------- config */

void config_have_encode(const struct config_have *msg, struct buf *out)
{
    INVARIANT(msg->count <= CONFIG_HAVE_MAX);
    pack_array(out, HAVE_FIELD_COUNT);
    PACK_FIXED(out, msg->nonce);
    scope_fields_pack(&msg->scope, out);
    pack_level_name(out, &msg->after);
    pack_bool(out, msg->last);
    pack_array(out, (uint32_t)msg->count);
    for (size_t i = 0; i < msg->count; i++) {
        pack_array(out, PAIR_FIELD_COUNT);
        pack_level_name(out, &msg->items[i].key);
        PACK_FIXED(out, msg->items[i].hash);
    }
}

static enum status have_item_unpack(struct packed value, struct config_have_item *out)
{
    TRY(packed_tuple(value, PAIR_FIELD_COUNT));
    TRY(packed_level_name(packed_item(value, 0), &out->key));
    return PACKED_FIXED(packed_item(value, 1), &out->hash);
}

enum status config_have_decode(struct unpacker *unpacker, struct bytes body,
                               struct config_have *out)
{
    struct packed fields;
    uint32_t count;
    TRY(packed_message(unpacker, body, HAVE_FIELD_COUNT, &fields));
    TRY(PACKED_FIXED(packed_item(fields, 0), &out->nonce));
    TRY(scope_fields_unpack(fields, 1, &out->scope));
    TRY(packed_level_name_or_empty(packed_item(fields, 3), &out->after));
    TRY(packed_bool(packed_item(fields, 4), &out->last));
    const struct packed items = packed_item(fields, 5);
    TRY(packed_array(items, 0, CONFIG_HAVE_MAX, &count));
    const struct level_name *before = &out->after;
    for (uint32_t i = 0; i < count; i++) {
        TRY(have_item_unpack(packed_item(items, i), &out->items[i]));
        if (name_compare(before, &out->items[i].key) >= 0) return ST_MALFORMED;
        before = &out->items[i].key;
    }
    out->count = count;
    return ST_OK;
}

void config_held_encode(const struct config_held *msg, struct buf *out)
{
    pack_array(out, HELD_FIELD_COUNT);
    PACK_FIXED(out, msg->nonce);
    pack_bin(out, msg->frame);
}

enum status config_held_decode(struct unpacker *unpacker, struct bytes body,
                               struct config_held *out)
{
    struct packed fields;
    TRY(packed_message(unpacker, body, HELD_FIELD_COUNT, &fields));
    TRY(PACKED_FIXED(packed_item(fields, 0), &out->nonce));
    TRY(packed_bin(packed_item(fields, 1), FRAME_SIZE_MAX, &out->frame));
    return out->frame.size > 0 ? ST_OK : ST_MALFORMED;
}
