/* ack_msg.c - the cloud's statement of all it durably holds of one node. */
#include "common/wire/ack_msg.h"

#include <string.h>

#include "common/wire/fields.h"

enum {
    ACK_FIELD_COUNT = 8,
    ACK_LOG_FIELD_COUNT = 10,
    RANGE_FIELD_COUNT = 2,
    TIP_FIELD_COUNT = 2,
    TRACKS_FIELD_COUNT = 2,
    CONFIG_FIELD_COUNT = 3,
    REFUSAL_FIELD_COUNT = 3,
    PARTS_MAX = PAYLOAD_SIZE_MAX / PART_SIZE + 1,
};

_Static_assert(16 + ACK_LOGS_MAX * (1 + ACK_LOG_FIELD_COUNT) +
                       ACK_RANGES_MAX * (1 + RANGE_FIELD_COUNT) +
                       ACK_TIPS_MAX * (1 + TIP_FIELD_COUNT) + TRACKS_FIELD_COUNT +
                       CONFIG_FIELD_COUNT + ACK_REFUSALS_MAX * (1 + REFUSAL_FIELD_COUNT) <=
                   ACK_ITEMS_MAX,
               "the largest acknowledgement has the items that its header says");
_Static_assert((int)ACK_ITEMS_MAX <= (int)PACK_ITEMS_MAX,
               "the largest acknowledgement can be read");

/* ----------------------------------------------------------------- ranges */

bool ack_add_range(struct ack *ack, struct range_slice *slice, uint64_t from, uint64_t to)
{
    if (from == 0 || to < from || to > PACK_SEQUENCE_MAX) return false;
    if (slice->count > 0) {
        INVARIANT((size_t)slice->first + slice->count == ack->range_count);
        struct sequence_range *const last = &ack->ranges[ack->range_count - 1];
        if (from < last->from) return false;
        if (from - 1 <= last->to) {
            if (to > last->to) last->to = to;
            return true;
        }
    }
    if (ack->range_count == ACK_RANGES_MAX) return false;
    if (slice->count == 0) slice->first = (uint16_t)ack->range_count;
    ack->ranges[ack->range_count++] = (struct sequence_range){.from = from, .to = to};
    slice->count++;
    return true;
}

bool ack_slice_contains(const struct ack *ack, struct range_slice slice, uint64_t sequence)
{
    const struct sequence_range *const ranges = &ack->ranges[slice.first];
    size_t low = 0, high = slice.count;
    while (low < high) { /* the first range that ends at or behind sequence */
        const size_t middle = low + (high - low) / 2;
        if (ranges[middle].to < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low < slice.count && ranges[low].from <= sequence;
}

static void slice_pack(const struct ack *ack, struct range_slice slice, struct buf *out)
{
    pack_array(out, slice.count);
    for (size_t i = 0; i < slice.count; i++) {
        const struct sequence_range *const range = &ack->ranges[slice.first + i];
        pack_array(out, RANGE_FIELD_COUNT);
        pack_uint(out, range->from);
        pack_uint(out, range->to);
    }
}

static enum status slice_unpack(struct packed value, struct ack *ack, struct range_slice *out)
{
    uint32_t count;
    TRY(packed_array(value, 0, (uint32_t)(ACK_RANGES_MAX - ack->range_count), &count));
    *out = (struct range_slice){.first = (uint16_t)ack->range_count, .count = (uint16_t)count};
    uint64_t from_min = 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct packed item = packed_item(value, i);
        struct sequence_range range;
        TRY(packed_tuple(item, RANGE_FIELD_COUNT));
        TRY(packed_uint(packed_item(item, 0), PACK_SEQUENCE_MAX, &range.from));
        TRY(packed_uint(packed_item(item, 1), PACK_SEQUENCE_MAX, &range.to));
        if (range.from < from_min || range.to < range.from) return ST_MALFORMED;
        from_min = range.to + 2; /* apart: two ranges that touch would be one */
        ack->ranges[ack->range_count++] = range;
    }
    return ST_OK;
}

/* ------------------------------------------------------------------- tips */

bool ack_add_tip(struct ack *ack, struct range_slice *slice, const struct branch_tip *tip)
{
    if (tip->sequence == 0 || tip->sequence > PACK_SEQUENCE_MAX) return false;
    if (ack->tip_count == ACK_TIPS_MAX) return false;
    if (slice->count == 0) slice->first = (uint16_t)ack->tip_count;
    INVARIANT((size_t)slice->first + slice->count == ack->tip_count);
    ack->tips[ack->tip_count++] = *tip;
    slice->count++;
    return true;
}

static void tips_pack(const struct ack *ack, struct range_slice slice, struct buf *out)
{
    pack_array(out, slice.count);
    for (size_t i = 0; i < slice.count; i++) {
        const struct branch_tip *const tip = &ack->tips[slice.first + i];
        pack_array(out, TIP_FIELD_COUNT);
        pack_uint(out, tip->sequence);
        PACK_FIXED(out, tip->hash);
    }
}

static enum status tips_unpack(struct packed value, struct ack *ack, struct range_slice *out)
{
    uint32_t count;
    TRY(packed_array(value, 0, (uint32_t)(ACK_TIPS_MAX - ack->tip_count), &count));
    *out = (struct range_slice){.first = (uint16_t)ack->tip_count, .count = (uint16_t)count};
    for (uint32_t i = 0; i < count; i++) {
        const struct packed item = packed_item(value, i);
        struct branch_tip *const tip = &ack->tips[ack->tip_count++];
        TRY(packed_tuple(item, TIP_FIELD_COUNT));
        TRY(packed_uint(packed_item(item, 0), PACK_SEQUENCE_MAX, &tip->sequence));
        TRY(PACKED_FIXED(packed_item(item, 1), &tip->hash));
        if (tip->sequence == 0) return ST_MALFORMED;
    }
    return ST_OK;
}

/* ------------------------------------------------------------------- logs */

static void log_pack(const struct ack *ack, const struct ack_log *log, struct buf *out)
{
    pack_array(out, ACK_LOG_FIELD_COUNT);
    PACK_FIXED(out, log->log);
    pack_uint(out, (uint64_t)log->state);
    pack_uint(out, log->size);
    PACK_FIXED(out, log->head_hash);
    pack_uint(out, log->parts_sequence);
    pack_uint(out, log->parts);
    slice_pack(ack, log->above, out);
    slice_pack(ack, log->rejected, out);
    slice_pack(ack, log->forked, out);
    tips_pack(ack, log->tips, out);
}

static enum status log_unpack(struct packed value, struct ack *ack, struct ack_log *out)
{
    uint64_t state, parts;
    TRY(packed_tuple(value, ACK_LOG_FIELD_COUNT));
    TRY(PACKED_FIXED(packed_item(value, 0), &out->log));
    TRY(packed_uint(packed_item(value, 1), ACK_LOG_CLOSED, &state));
    TRY(packed_uint(packed_item(value, 2), PACK_SEQUENCE_MAX, &out->size));
    TRY(PACKED_FIXED(packed_item(value, 3), &out->head_hash));
    TRY(packed_uint(packed_item(value, 4), PACK_SEQUENCE_MAX, &out->parts_sequence));
    TRY(packed_uint(packed_item(value, 5), PARTS_MAX, &parts));
    TRY(slice_unpack(packed_item(value, 6), ack, &out->above));
    TRY(slice_unpack(packed_item(value, 7), ack, &out->rejected));
    TRY(slice_unpack(packed_item(value, 8), ack, &out->forked));
    TRY(tips_unpack(packed_item(value, 9), ack, &out->tips));
    if (out->size == 0 && !digest_is_zero(&out->head_hash)) return ST_MALFORMED;
    if ((out->parts_sequence == 0) != (parts == 0)) return ST_MALFORMED;
    out->state = (enum ack_log_state)state;
    out->parts = (uint32_t)parts;
    return ST_OK;
}

static enum status logs_unpack(struct packed value, struct ack *ack)
{
    uint32_t count;
    TRY(packed_array(value, 0, ACK_LOGS_MAX, &count));
    ack->range_count = 0;
    ack->tip_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        TRY(log_unpack(packed_item(value, i), ack, &ack->logs[i]));
        for (uint32_t j = 0; j < i; j++)
            if (log_id_equal(&ack->logs[i].log, &ack->logs[j].log)) return ST_MALFORMED;
    }
    ack->log_count = count;
    return ST_OK;
}

/* ------------------------------------------------------- tracks and config */

const char *write_refusal_words(enum write_refusal refusal)
{
#define WRITE_REFUSAL_AS_CASE(name, number, words)                                                 \
    case name:                                                                                     \
        return words;
    switch (refusal) {
        WRITE_REFUSAL_MAP(WRITE_REFUSAL_AS_CASE)
    }
#undef WRITE_REFUSAL_AS_CASE
    return "for a reason that this version does not know";
}

bool ack_add_refusal(struct ack *ack, const struct ack_refusal *refusal)
{
    const bool is_range = refusal->from > 0 && refusal->from <= refusal->to;
    if (!is_range || refusal->to > ack->config_judged) return false;
    if (ack->refusal_count > 0) {
        struct ack_refusal *const last = &ack->refusals[ack->refusal_count - 1];
        if (refusal->from <= last->to) return false;
        if (refusal->from - 1 == last->to && refusal->reason == last->reason) {
            last->to = refusal->to;
            return true;
        }
    }
    if (ack->refusal_count == ACK_REFUSALS_MAX) {
        ack->refusal_count--;
        memmove(&ack->refusals[0], &ack->refusals[1], ack->refusal_count * sizeof ack->refusals[0]);
    }
    ack->refusals[ack->refusal_count++] = *refusal;
    return true;
}

static void tracks_pack(const struct ack *ack, struct buf *out)
{
    if (!ack->has_tracks) {
        pack_nil(out);
        return;
    }
    pack_array(out, TRACKS_FIELD_COUNT);
    pack_uint(out, ack->track_numbering);
    pack_uint(out, ack->track_cursor);
}

static enum status tracks_unpack(struct packed value, struct ack *out)
{
    uint64_t numbering = 0;
    out->track_cursor = 0;
    out->has_tracks = !packed_is_nil(value);
    if (out->has_tracks) {
        TRY(packed_tuple(value, TRACKS_FIELD_COUNT));
        TRY(packed_uint(packed_item(value, 0), UINT32_MAX, &numbering));
        TRY(packed_uint(packed_item(value, 1), PACK_SEQUENCE_MAX, &out->track_cursor));
        if (numbering == 0) return ST_MALFORMED;
    }
    out->track_numbering = (uint32_t)numbering;
    return ST_OK;
}

static void config_pack(const struct ack *ack, struct buf *out)
{
    if (!ack->has_config) {
        pack_nil(out);
        return;
    }
    INVARIANT(ack->refusal_count <= ACK_REFUSALS_MAX);
    pack_array(out, CONFIG_FIELD_COUNT);
    pack_uint(out, ack->config_incarnation);
    pack_uint(out, ack->config_judged);
    pack_array(out, (uint32_t)ack->refusal_count);
    for (size_t i = 0; i < ack->refusal_count; i++) {
        const struct ack_refusal *const refusal = &ack->refusals[i];
        pack_array(out, REFUSAL_FIELD_COUNT);
        pack_uint(out, refusal->from);
        pack_uint(out, refusal->to);
        pack_uint(out, (uint64_t)refusal->reason);
    }
}

static enum status refusals_unpack(struct packed value, struct ack *out)
{
    uint32_t count;
    TRY(packed_array(value, 0, ACK_REFUSALS_MAX, &count));
    for (uint32_t i = 0; i < count; i++) {
        const struct packed item = packed_item(value, i);
        struct ack_refusal refusal;
        uint64_t reason;
        TRY(packed_tuple(item, REFUSAL_FIELD_COUNT));
        TRY(packed_uint(packed_item(item, 0), out->config_judged, &refusal.from));
        TRY(packed_uint(packed_item(item, 1), out->config_judged, &refusal.to));
        TRY(packed_uint(packed_item(item, 2), WRITE_REFUSAL_MAX, &reason));
        if (reason == 0) return ST_MALFORMED;
        refusal.reason = (enum write_refusal)reason;
        /* One that only makes the last range longer is a second form of the same statement. */
        if (!ack_add_refusal(out, &refusal) || out->refusal_count != i + 1) return ST_MALFORMED;
    }
    return ST_OK;
}

static enum status config_unpack(struct packed value, struct ack *out)
{
    uint64_t incarnation = 0;
    out->config_judged = 0;
    out->refusal_count = 0;
    out->has_config = !packed_is_nil(value);
    if (out->has_config) {
        TRY(packed_tuple(value, CONFIG_FIELD_COUNT));
        TRY(packed_uint(packed_item(value, 0), UINT32_MAX, &incarnation));
        TRY(packed_uint(packed_item(value, 1), PACK_SEQUENCE_MAX, &out->config_judged));
        TRY(refusals_unpack(packed_item(value, 2), out));
        if (incarnation == 0) return ST_MALFORMED;
    }
    out->config_incarnation = (uint32_t)incarnation;
    return ST_OK;
}

/* ---------------------------------------------------------------- message */

void ack_pack(const struct ack *ack, struct buf *out)
{
    pack_array(out, ACK_FIELD_COUNT);
    PACK_FIXED(out, ack->store);
    if (ack->has_previous)
        PACK_FIXED(out, ack->previous);
    else
        pack_nil(out);
    pack_uint(out, ack->counter);
    pack_int(out, ack->cloud_ms);
    pack_uint(out, ack->lease);
    pack_array(out, (uint32_t)ack->log_count);
    for (size_t i = 0; i < ack->log_count; i++)
        log_pack(ack, &ack->logs[i], out);
    tracks_pack(ack, out);
    config_pack(ack, out);
}

enum status ack_unpack(struct packed value, struct ack *out)
{
    TRY(packed_tuple(value, ACK_FIELD_COUNT));
    TRY(PACKED_FIXED(packed_item(value, 0), &out->store));
    out->previous = (struct store_id){0};
    out->has_previous = !packed_is_nil(packed_item(value, 1));
    if (out->has_previous) TRY(PACKED_FIXED(packed_item(value, 1), &out->previous));
    TRY(packed_uint(packed_item(value, 2), UINT64_MAX, &out->counter));
    if (out->counter == 0) return ST_MALFORMED;
    TRY(packed_int(packed_item(value, 3), &out->cloud_ms));
    TRY(packed_uint(packed_item(value, 4), UINT64_MAX, &out->lease));
    TRY(logs_unpack(packed_item(value, 5), out));
    TRY(tracks_unpack(packed_item(value, 6), out));
    return config_unpack(packed_item(value, 7), out);
}

enum status ack_msg_decode(struct unpacker *unpacker, struct bytes body, struct ack *out)
{
    struct packed value;
    TRY(packed_read(unpacker, body, &value));
    return ack_unpack(value, out);
}
