/* track_msg.c - batches of tracks, with writers and labels named once. */
#include "common/wire/track_msg.h"

#include <string.h>

#include "common/data/hlc.h"
#include "common/data/text.h"
#include "common/wire/fields.h"
#include "common/wire/varint.h"

enum {
    BATCH_FIELD_COUNT = 7,
    WRITER_FIELD_COUNT = 2,
    RECORD_SIZE_MAX =
        1 + LEVEL_NAME_SIZE_MAX + 2 + 10 + TRACK_WRITERS_MAX * 72 + 2 + TRACK_SENSORS_MAX * 12,
    WRITER_TABLE_BYTES_MAX = 1 + 1 + NODE_NAME_SIZE - 1 + 5,
    LABEL_TABLE_BYTES_MAX = 2 + TRACK_LABEL_SIZE_MAX,
};

enum record_flag {
    HAS_POSITION = 1,
    HAS_VELOCITY = 2,
    HAS_CLASSIFICATION = 4,
    POSITION_IS_OLDER = 8,
    CLASSIFICATION_IS_OLDER = 16,
    FLAGS_ALL = 31,
};

_Static_assert(TRACK_BATCH_HEAD_SIZE_MAX + RECORD_SIZE_MAX +
                       TRACK_WRITERS_MAX * WRITER_TABLE_BYTES_MAX +
                       (TRACK_WRITERS_MAX + TRACK_SENSORS_MAX) * LABEL_TABLE_BYTES_MAX <=
                   TRACK_BATCH_SIZE_MIN,
               "the largest track fits a batch of its own");
_Static_assert(16 + TRACK_BATCH_WRITERS_MAX * (1 + WRITER_FIELD_COUNT) + TRACK_BATCH_LABELS_MAX <=
                   PACK_ITEMS_MAX,
               "the largest tables can be read");
_Static_assert(TRACK_BATCH_WRITERS_MAX <= TRACK_BATCH_PLACES / 4 &&
                   TRACK_BATCH_LABELS_MAX <= TRACK_BATCH_PLACES / 4,
               "a hash table always has free places");
_Static_assert(sizeof(struct track_writer) == NODE_NAME_SIZE + sizeof(uint32_t),
               "a writer has no padding, so that its bytes can be hashed");

/* ----------------------------------------------------------------- tables */

enum table { WRITERS, LABELS };

static struct bytes item_bytes(const struct track_batch_tables *tables, enum table table, size_t i)
{
    if (table == WRITERS) return bytes_of(&tables->writers[i], sizeof tables->writers[i]);
    return track_label_text(&tables->labels[i]);
}

/* The place that holds the item with these bytes, or the free one where it belongs. */
static uint16_t *place_of(struct track_batch_tables *tables, enum table table, struct bytes key)
{
    uint16_t *const places = table == WRITERS ? tables->writer_places : tables->label_places;
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < key.size; i++)
        hash = (hash ^ key.data[i]) * 16777619u;
    for (hash ^= hash >> 15;; hash++) {
        uint16_t *const place = &places[hash % TRACK_BATCH_PLACES];
        if (*place == 0 || bytes_equal(item_bytes(tables, table, *place - 1u), key)) return place;
    }
}

static void tables_clear(struct track_batch_tables *tables)
{
    tables->writer_count = 0;
    tables->label_count = 0;
    memset(tables->writer_places, 0, sizeof tables->writer_places);
    memset(tables->label_places, 0, sizeof tables->label_places);
}

/* Takes the youngest items back. The last one that came in is in nobody's way. */
static void tables_shrink(struct track_batch_tables *tables, size_t writer_count,
                          size_t label_count)
{
    while (tables->writer_count > writer_count) {
        *place_of(tables, WRITERS, item_bytes(tables, WRITERS, tables->writer_count - 1)) = 0;
        tables->writer_count--;
    }
    while (tables->label_count > label_count) {
        *place_of(tables, LABELS, item_bytes(tables, LABELS, tables->label_count - 1)) = 0;
        tables->label_count--;
    }
}

/* ---------------------------------------------------------------- writing */

void track_batch_begin(struct track_batch_writer *writer, uint64_t base_ms, void *scratch,
                       size_t capacity)
{
    writer->base_ms = base_ms;
    writer->track_count = 0;
    writer->table_bytes = 0;
    writer->records = buf_of(scratch, capacity);
    tables_clear(&writer->tables);
}

/* The item's index; a full table spoils the records, as a full buffer does. */
static void put_writer(struct track_batch_writer *writer, const struct track_writer *item)
{
    struct track_batch_tables *const tables = &writer->tables;
    uint16_t *const place = place_of(tables, WRITERS, bytes_of(item, sizeof *item));
    if (*place == 0) {
        if (tables->writer_count == TRACK_BATCH_WRITERS_MAX) {
            writer->records.overflow = true;
            return;
        }
        tables->writers[tables->writer_count++] = *item;
        *place = (uint16_t)tables->writer_count;
        writer->table_bytes += 2 + strnlen(item->node.text, NODE_NAME_SIZE) + 5;
    }
    varint_put(&writer->records, *place - 1u);
}

static void put_label(struct track_batch_writer *writer, const struct track_label *item)
{
    struct track_batch_tables *const tables = &writer->tables;
    uint16_t *const place = place_of(tables, LABELS, track_label_text(item));
    if (*place == 0) {
        if (tables->label_count == TRACK_BATCH_LABELS_MAX) {
            writer->records.overflow = true;
            return;
        }
        tables->labels[tables->label_count++] = *item;
        *place = (uint16_t)tables->label_count;
        writer->table_bytes += 2u + item->size;
    }
    varint_put(&writer->records, *place - 1u);
}

/* The stamp counted back from from_ms, plus `offset`. */
static void put_stamp(struct buf *out, uint64_t from_ms, uint64_t stamp, unsigned offset)
{
    const uint64_t back_ms = from_ms - (stamp >> 16);
    const uint64_t counter = stamp & 0xFFFF;
    varint_put(out, (back_ms << 1 | (counter != 0)) + offset);
    if (counter != 0) varint_put(out, counter);
}

static void put_position(struct buf *out, const struct track_position_atom *atom)
{
    const struct track_position *const value = &atom->value;
    varint_put(out, atom->confidence);
    buf_put_u32(out, (uint32_t)value->latitude_e7);
    buf_put_u32(out, (uint32_t)value->longitude_e7);
    varint_put_signed(out, value->altitude_mm);
    if (!value->has_velocity) return;
    varint_put_signed(out, value->north_mm_s);
    varint_put_signed(out, value->east_mm_s);
    varint_put_signed(out, value->up_mm_s);
}

static void put_slot(struct track_batch_writer *writer, const struct track_slot *slot)
{
    const struct track_position_atom *const position = &slot->position;
    const struct track_class_atom *const class = &slot->classification;
    struct buf *const out = &writer->records;
    unsigned flags = 0;
    if (position->hlc != 0) flags |= HAS_POSITION;
    if (position->value.has_velocity) flags |= HAS_VELOCITY;
    if (class->hlc != 0) flags |= HAS_CLASSIFICATION;
    if (position->hlc != 0 && position->hlc < slot->hlc) flags |= POSITION_IS_OLDER;
    if (class->hlc != 0 && class->hlc < slot->hlc) flags |= CLASSIFICATION_IS_OLDER;
    put_writer(writer, &slot->writer);
    buf_put_u8(out, (uint8_t)flags);
    put_stamp(out, writer->base_ms, slot->hlc, 0);
    if ((flags & POSITION_IS_OLDER) != 0) put_stamp(out, slot->hlc >> 16, position->hlc, 0);
    if ((flags & HAS_POSITION) != 0) put_position(out, position);
    if ((flags & CLASSIFICATION_IS_OLDER) != 0) put_stamp(out, slot->hlc >> 16, class->hlc, 0);
    if ((flags & HAS_CLASSIFICATION) == 0) return;
    varint_put(out, class->confidence);
    put_label(writer, &class->value);
}

static uint64_t newest_slot(const struct track *track)
{
    uint64_t newest = 0;
    for (unsigned i = 0; i < track->slot_count; i++)
        if (track->slots[i].hlc > newest) newest = track->slots[i].hlc;
    return newest;
}

static void put_record(struct track_batch_writer *writer, const struct level_name *name,
                       const struct track *track)
{
    struct buf *const out = &writer->records;
    const uint64_t newest = newest_slot(track);
    const struct bytes name_text = bytes_of_text(name->text);
    varint_put(out, name_text.size);
    buf_put(out, name_text);
    varint_put(out, (uint64_t)track->slot_count << 1 | (track->floor != 0));
    if (track->floor != 0) {
        varint_put(out, track->floor >> 16);
        varint_put(out, track->floor & 0xFFFF);
    }
    for (unsigned i = 0; i < track->slot_count; i++)
        put_slot(writer, &track->slots[i]);
    varint_put(out, track->sensor_count);
    for (unsigned i = 0; i < track->sensor_count; i++) {
        const struct track_sensor *const sensor = &track->sensors[i];
        put_label(writer, &sensor->name);
        if (sensor->hlc == newest)
            varint_put(out, 0);
        else
            put_stamp(out, newest >> 16, sensor->hlc, 1);
    }
}

enum status track_batch_add(struct track_batch_writer *writer, const struct level_name *name,
                            const struct track *track, size_t size_max)
{
    if (newest_slot(track) >> 16 > writer->base_ms) return ST_FUTURE;
    struct track_batch_tables *const tables = &writer->tables;
    const size_t records_size = writer->records.size, table_bytes = writer->table_bytes;
    const size_t writer_count = tables->writer_count, label_count = tables->label_count;
    put_record(writer, name, track);
    const size_t size = writer->records.size + writer->table_bytes + TRACK_BATCH_HEAD_SIZE_MAX;
    if (buf_ok(&writer->records) && size <= size_max) {
        writer->track_count++;
        return ST_OK;
    }
    writer->records.size = records_size;
    writer->records.overflow = false;
    writer->table_bytes = table_bytes;
    tables_shrink(tables, writer_count, label_count);
    return ST_FULL;
}

void track_msg_encode(const struct track_batch_head *head, const struct track_batch_writer *writer,
                      struct buf *out)
{
    const struct track_batch_tables *const tables = &writer->tables;
    pack_array(out, BATCH_FIELD_COUNT);
    pack_uint(out, head->from_change);
    pack_uint(out, head->to_change);
    pack_uint(out, writer->base_ms);
    pack_uint(out, head->horizon);
    pack_array(out, (uint32_t)tables->writer_count);
    for (size_t i = 0; i < tables->writer_count; i++) {
        const struct track_writer *const item = &tables->writers[i];
        pack_array(out, WRITER_FIELD_COUNT);
        pack_node_name(out, &item->node);
        pack_uint(out, item->incarnation);
    }
    pack_array(out, (uint32_t)tables->label_count);
    for (size_t i = 0; i < tables->label_count; i++)
        pack_text(out, track_label_text(&tables->labels[i]));
    pack_bin(out, buf_bytes(&writer->records));
}

/* ---------------------------------------------------------------- reading */

/* One pass over the records; the counts say how many items of each table were named so far. */
struct record_reader {
    const struct track_batch *batch;
    struct varint_reader in;
    size_t writers_named, labels_named;
    bool in_order; /* false: an item was named before one that stands before it in its table */
};

/* An index below count; *named counts the items that were named, each first by the next number. */
static size_t take_index(struct record_reader *reader, size_t count, size_t *named)
{
    const uint64_t index = varint_take(&reader->in);
    if (reader->in.failed || index >= count) {
        reader->in.failed = true;
        return count;
    }
    if (index > *named) reader->in_order = false;
    if (index == *named) ++*named;
    return (size_t)index;
}

static void take_label(struct record_reader *reader, struct track_label *out)
{
    const struct track_batch_tables *const tables = &reader->batch->tables;
    const size_t index = take_index(reader, tables->label_count, &reader->labels_named);
    if (index < tables->label_count) *out = tables->labels[index];
}

/* The stamp that `code` counts back from from_ms, with its counter behind it. */
static uint64_t take_stamp_of(struct varint_reader *in, uint64_t from_ms, uint64_t code)
{
    const uint64_t back_ms = code >> 1;
    if (back_ms > from_ms) in->failed = true;
    uint64_t counter = 0;
    if ((code & 1) != 0) {
        counter = varint_take_max(in, 0xFFFF);
        if (counter == 0) in->failed = true;
    }
    return in->failed ? 0 : (from_ms - back_ms) << 16 | counter;
}

static uint64_t take_stamp(struct varint_reader *in, uint64_t from_ms)
{
    return take_stamp_of(in, from_ms, varint_take(in));
}

/* The stamp of an atom, by its own bytes when it is older than its slot's. */
static uint64_t take_atom_stamp(struct varint_reader *in, bool is_older, uint64_t slot_stamp)
{
    if (!is_older) return slot_stamp;
    const uint64_t stamp = take_stamp(in, slot_stamp >> 16);
    if (stamp == 0 || stamp >= slot_stamp) in->failed = true;
    return stamp;
}

static void take_position(struct varint_reader *in, bool has_velocity,
                          struct track_position_atom *atom)
{
    struct track_position *const value = &atom->value;
    atom->confidence = (uint16_t)varint_take_max(in, TRACK_CONFIDENCE_MAX);
    const uint8_t *const at = varint_take_bytes(in, 8);
    if (at == NULL) return;
    value->latitude_e7 = (int32_t)get_u32(at);
    value->longitude_e7 = (int32_t)get_u32(at + 4);
    value->altitude_mm = varint_take_signed(in);
    value->has_velocity = has_velocity;
    if (!has_velocity) return;
    value->north_mm_s = varint_take_signed(in);
    value->east_mm_s = varint_take_signed(in);
    value->up_mm_s = varint_take_signed(in);
}

static bool flags_ok(unsigned flags)
{
    if (flags > FLAGS_ALL) return false;
    if ((flags & HAS_POSITION) == 0 && (flags & (HAS_VELOCITY | POSITION_IS_OLDER)) != 0)
        return false;
    return (flags & HAS_CLASSIFICATION) != 0 || (flags & CLASSIFICATION_IS_OLDER) == 0;
}

static void take_slot(struct record_reader *reader, struct track_slot *slot)
{
    const struct track_batch_tables *const tables = &reader->batch->tables;
    struct varint_reader *const in = &reader->in;
    *slot = (struct track_slot){0};
    const size_t index = take_index(reader, tables->writer_count, &reader->writers_named);
    const uint8_t *const flags_at = varint_take_bytes(in, 1);
    if (flags_at == NULL || !flags_ok(*flags_at)) {
        in->failed = true;
        return;
    }
    const unsigned flags = *flags_at;
    slot->writer = tables->writers[index];
    slot->hlc = take_stamp(in, reader->batch->head.base_ms);
    if ((flags & HAS_POSITION) != 0) {
        slot->position.hlc = take_atom_stamp(in, (flags & POSITION_IS_OLDER) != 0, slot->hlc);
        take_position(in, (flags & HAS_VELOCITY) != 0, &slot->position);
    }
    if ((flags & HAS_CLASSIFICATION) == 0) return;
    struct track_class_atom *const class = &slot->classification;
    class->hlc = take_atom_stamp(in, (flags & CLASSIFICATION_IS_OLDER) != 0, slot->hlc);
    class->confidence = (uint16_t)varint_take_max(in, TRACK_CONFIDENCE_MAX);
    take_label(reader, &class->value);
}

static void take_sensor(struct record_reader *reader, uint64_t newest, struct track_sensor *sensor)
{
    struct varint_reader *const in = &reader->in;
    take_label(reader, &sensor->name);
    const uint64_t age = varint_take(in);
    sensor->hlc = newest;
    if (age == 0) return;
    sensor->hlc = take_stamp_of(in, newest >> 16, age - 1);
    if (sensor->hlc >= newest) in->failed = true;
}

static void take_name(struct varint_reader *in, struct level_name *name)
{
    const size_t size = (size_t)varint_take_max(in, LEVEL_NAME_SIZE_MAX);
    const uint8_t *const text = varint_take_bytes(in, size);
    if (text == NULL || level_name_from(bytes_of(text, size), name) != ST_OK) in->failed = true;
}

static void take_floor(struct varint_reader *in, struct track *track)
{
    const uint64_t ms = varint_take_max(in, (HLC_STAMP_MAX >> 16) + 1);
    track->floor = ms << 16 | varint_take_max(in, 0xFFFF);
    if (track->floor == 0) in->failed = true;
}

/* The next record. Errors: ST_MALFORMED, ST_TOO_LARGE. */
static enum status take_record(struct record_reader *reader, struct level_name *name,
                               struct track *track)
{
    struct varint_reader *const in = &reader->in;
    track_init(track);
    take_name(in, name);
    const uint64_t head = varint_take(in);
    if (head >> 1 > TRACK_WRITERS_MAX) return ST_TOO_LARGE;
    track->slot_count = (uint16_t)(head >> 1);
    if ((head & 1) != 0) take_floor(in, track);
    for (unsigned i = 0; i < track->slot_count && !in->failed; i++)
        take_slot(reader, &track->slots[i]);
    const uint64_t sensor_count = varint_take(in);
    if (in->failed) return ST_MALFORMED;
    if (sensor_count > TRACK_SENSORS_MAX) return ST_TOO_LARGE;
    track->sensor_count = (uint16_t)sensor_count;
    const uint64_t newest = newest_slot(track);
    for (unsigned i = 0; i < track->sensor_count && !in->failed; i++)
        take_sensor(reader, newest, &track->sensors[i]);
    return in->failed || !track_valid(track) ? ST_MALFORMED : ST_OK;
}

static struct record_reader reader_at(const struct track_batch *batch, size_t offset)
{
    const struct bytes rest = bytes_from(batch->records, offset);
    return (struct record_reader){
        .batch = batch,
        .in = {.at = rest.data, .end = rest.data + rest.size},
        .in_order = true,
    };
}

static enum status unpack_writers(struct packed array, struct track_batch_tables *tables)
{
    uint32_t count;
    TRY(packed_array(array, 0, UINT32_MAX, &count));
    if (count > TRACK_BATCH_WRITERS_MAX) return ST_TOO_LARGE;
    for (uint32_t i = 0; i < count; i++) {
        const struct packed item = packed_item(array, i);
        struct track_writer *const writer = &tables->writers[i];
        uint64_t incarnation;
        TRY(packed_tuple(item, WRITER_FIELD_COUNT));
        TRY(packed_node_name(packed_item(item, 0), &writer->node));
        TRY(packed_uint(packed_item(item, 1), UINT32_MAX, &incarnation));
        writer->incarnation = (uint32_t)incarnation;
        uint16_t *const place = place_of(tables, WRITERS, item_bytes(tables, WRITERS, i));
        if (*place != 0) return ST_MALFORMED;
        *place = (uint16_t)(i + 1);
    }
    tables->writer_count = count;
    return ST_OK;
}

static enum status unpack_labels(struct packed array, struct track_batch_tables *tables)
{
    uint32_t count;
    TRY(packed_array(array, 0, UINT32_MAX, &count));
    if (count > TRACK_BATCH_LABELS_MAX) return ST_TOO_LARGE;
    for (uint32_t i = 0; i < count; i++) {
        struct bytes text;
        TRY(packed_text(packed_item(array, i), TRACK_LABEL_SIZE_MAX, &text));
        TRY(track_label_from(text, &tables->labels[i]));
        uint16_t *const place = place_of(tables, LABELS, text);
        if (*place != 0) return ST_MALFORMED;
        *place = (uint16_t)(i + 1);
    }
    tables->label_count = count;
    return ST_OK;
}

enum status track_msg_decode(struct unpacker *unpacker, struct bytes body, struct track *scratch,
                             struct track_batch *out)
{
    struct packed message;
    struct track_batch_head *const head = &out->head;
    TRY(packed_message(unpacker, body, BATCH_FIELD_COUNT, &message));
    TRY(packed_uint(packed_item(message, 0), PACK_SEQUENCE_MAX, &head->from_change));
    TRY(packed_uint(packed_item(message, 1), PACK_SEQUENCE_MAX, &head->to_change));
    TRY(packed_uint(packed_item(message, 2), HLC_STAMP_MAX >> 16, &head->base_ms));
    TRY(packed_uint(packed_item(message, 3), HLC_STAMP_MAX, &head->horizon));
    if (head->from_change > head->to_change) return ST_MALFORMED;
    tables_clear(&out->tables);
    TRY(unpack_writers(packed_item(message, 4), &out->tables));
    TRY(unpack_labels(packed_item(message, 5), &out->tables));
    TRY(packed_bin(packed_item(message, 6), SIZE_MAX, &out->records));
    struct record_reader reader = reader_at(out, 0);
    out->track_count = 0;
    while (reader.in.at < reader.in.end) {
        struct level_name name;
        TRY(take_record(&reader, &name, scratch));
        out->track_count++;
    }
    const bool all_named = reader.writers_named == out->tables.writer_count &&
                           reader.labels_named == out->tables.label_count;
    return all_named && reader.in_order ? ST_OK : ST_MALFORMED;
}

bool track_batch_next(const struct track_batch *batch, size_t *offset, struct level_name *name,
                      struct track *track)
{
    struct record_reader reader = reader_at(batch, *offset);
    if (reader.in.at == reader.in.end) return false;
    INVARIANT(take_record(&reader, name, track) == ST_OK);
    *offset = batch->records.size - (size_t)(reader.in.end - reader.in.at);
    return true;
}
