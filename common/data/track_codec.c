/* track_codec.c - a track's canonical bytes. */
#include "common/data/track_codec.h"

#include <string.h>

enum { FORM = 1 };

enum slot_flag { HAS_POSITION = 1, HAS_VELOCITY = 2, HAS_CLASSIFICATION = 4, FLAGS_ALL = 7 };

static void put_name(const struct node_name *name, struct buf *out)
{
    const size_t size = strnlen(name->text, NODE_NAME_SIZE);
    buf_put_u8(out, (uint8_t)size);
    buf_put(out, bytes_of(name->text, size));
}

static void put_label(const struct track_label *label, struct buf *out)
{
    buf_put_u8(out, label->size);
    buf_put(out, track_label_text(label));
}

static void put_position(const struct track_position_atom *atom, struct buf *out)
{
    const struct track_position *const value = &atom->value;
    buf_put_u64(out, atom->hlc);
    buf_put_u16(out, atom->confidence);
    buf_put_u32(out, (uint32_t)value->latitude_e7);
    buf_put_u32(out, (uint32_t)value->longitude_e7);
    buf_put_u32(out, (uint32_t)value->altitude_mm);
    if (!value->has_velocity) return;
    buf_put_u32(out, (uint32_t)value->north_mm_s);
    buf_put_u32(out, (uint32_t)value->east_mm_s);
    buf_put_u32(out, (uint32_t)value->up_mm_s);
}

static void put_slot(const struct track_slot *slot, struct buf *out)
{
    const bool has_position = slot->position.hlc != 0;
    const bool has_class = slot->classification.hlc != 0;
    put_name(&slot->writer.node, out);
    buf_put_u32(out, slot->writer.incarnation);
    buf_put_u64(out, slot->hlc);
    buf_put_u8(out, (uint8_t)((has_position ? HAS_POSITION : 0) |
                              (slot->position.value.has_velocity ? HAS_VELOCITY : 0) |
                              (has_class ? HAS_CLASSIFICATION : 0)));
    if (has_position) put_position(&slot->position, out);
    if (!has_class) return;
    buf_put_u64(out, slot->classification.hlc);
    buf_put_u16(out, slot->classification.confidence);
    put_label(&slot->classification.value, out);
}

void track_encode(const struct track *track, struct buf *out)
{
    buf_put_u8(out, FORM);
    buf_put_u64(out, track->floor);
    buf_put_u16(out, track->slot_count);
    buf_put_u16(out, track->sensor_count);
    for (unsigned i = 0; i < track->slot_count; i++)
        put_slot(&track->slots[i], out);
    for (unsigned i = 0; i < track->sensor_count; i++) {
        put_label(&track->sensors[i].name, out);
        buf_put_u64(out, track->sensors[i].hlc);
    }
}

/* ---------------------------------------------------------------- reading */

/* Reads zeroes from the first byte on that is missing; `failed` is sticky. */
struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static const uint8_t *take(struct reader *in, size_t size)
{
    static const uint8_t zeroes[UINT8_MAX];
    if (in->failed || (size_t)(in->end - in->at) < size) {
        in->failed = true;
        return zeroes;
    }
    const uint8_t *const at = in->at;
    in->at += size;
    return at;
}

static uint8_t take_u8(struct reader *in)
{
    return *take(in, 1);
}

static uint16_t take_u16(struct reader *in)
{
    return get_u16(take(in, 2));
}

static int32_t take_i32(struct reader *in)
{
    return (int32_t)get_u32(take(in, 4));
}

static uint64_t take_u64(struct reader *in)
{
    return get_u64(take(in, 8));
}

static void take_name(struct reader *in, struct node_name *name)
{
    const uint8_t size = take_u8(in);
    memset(name, 0, sizeof *name);
    if (size >= NODE_NAME_SIZE) {
        in->failed = true;
        return;
    }
    memcpy(name->text, take(in, size), size);
    /* A NUL inside would end the name early, and other bytes would say the same. */
    if (strnlen(name->text, NODE_NAME_SIZE) != size) in->failed = true;
}

static void take_label(struct reader *in, struct track_label *label)
{
    const uint8_t size = take_u8(in);
    memset(label, 0, sizeof *label);
    if (size > TRACK_LABEL_SIZE_MAX) {
        in->failed = true;
        return;
    }
    label->size = size;
    memcpy(label->text, take(in, size), size);
}

static void take_position(struct reader *in, bool has_velocity, struct track_position_atom *atom)
{
    struct track_position *const value = &atom->value;
    atom->hlc = take_u64(in);
    atom->confidence = take_u16(in);
    value->latitude_e7 = take_i32(in);
    value->longitude_e7 = take_i32(in);
    value->altitude_mm = take_i32(in);
    value->has_velocity = has_velocity;
    if (has_velocity) {
        value->north_mm_s = take_i32(in);
        value->east_mm_s = take_i32(in);
        value->up_mm_s = take_i32(in);
    }
    if (atom->hlc == 0) in->failed = true;
}

static void take_slot(struct reader *in, struct track_slot *slot)
{
    *slot = (struct track_slot){0};
    take_name(in, &slot->writer.node);
    slot->writer.incarnation = get_u32(take(in, 4));
    slot->hlc = take_u64(in);
    const uint8_t flags = take_u8(in);
    const bool has_velocity = (flags & HAS_VELOCITY) != 0;
    if (flags > FLAGS_ALL || (has_velocity && (flags & HAS_POSITION) == 0)) in->failed = true;
    if ((flags & HAS_POSITION) != 0) take_position(in, has_velocity, &slot->position);
    if ((flags & HAS_CLASSIFICATION) == 0) return;
    slot->classification.hlc = take_u64(in);
    slot->classification.confidence = take_u16(in);
    take_label(in, &slot->classification.value);
    if (slot->classification.hlc == 0) in->failed = true;
}

enum status track_decode(struct bytes bytes, struct track *out)
{
    struct reader in = {.at = bytes.data, .end = bytes.data + bytes.size};
    if (bytes.size == 0 || take_u8(&in) != FORM) return ST_MALFORMED;
    out->floor = take_u64(&in);
    out->slot_count = take_u16(&in);
    out->sensor_count = take_u16(&in);
    if (in.failed) return ST_MALFORMED;
    if (out->slot_count > TRACK_WRITERS_MAX || out->sensor_count > TRACK_SENSORS_MAX)
        return ST_TOO_LARGE;
    for (unsigned i = 0; i < out->slot_count && !in.failed; i++)
        take_slot(&in, &out->slots[i]);
    for (unsigned i = 0; i < out->sensor_count && !in.failed; i++) {
        take_label(&in, &out->sensors[i].name);
        out->sensors[i].hlc = take_u64(&in);
    }
    return in.failed || in.at != in.end || !track_valid(out) ? ST_MALFORMED : ST_OK;
}
