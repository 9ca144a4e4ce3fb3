/* evidence_msg.c - runs of evidence entries, entries sent ahead, and parts of large payloads. */
#include "common/wire/evidence_msg.h"

#include <string.h>

#include "common/wire/fields.h"

enum {
    RUN_FIELD_COUNT = 6,
    ENTRY_FIELD_COUNT = 10,
    DETACHED_FIELD_COUNT = 3, /* form, length, hash of a payload that is not inline */
    AHEAD_FIELD_COUNT = 2,
    AHEAD_ENTRY_FIELD_COUNT = 4,
    PART_FIELD_COUNT = 5,
};

_Static_assert(16 + RUN_ENTRIES_MAX * (1 + ENTRY_FIELD_COUNT + DETACHED_FIELD_COUNT) <=
                   PACK_ITEMS_MAX,
               "the largest run can be read");

/* The first entry of a run, and every entry sent ahead, counts from here: absolute values. */
static const struct evidence_header nothing_before = {0};

/* -------------------------------------------------------------- one entry */

static void payload_pack(const struct evidence_header *header, const struct evidence_entry *entry,
                         struct buf *out)
{
    if (entry->form == PAYLOAD_INLINE) {
        pack_bin(out, entry->payload);
        return;
    }
    pack_array(out, DETACHED_FIELD_COUNT);
    pack_uint(out, (uint64_t)entry->form);
    pack_uint(out, header->payload_len);
    PACK_FIXED(out, header->payload_hash);
}

static void entry_pack(const struct evidence_header *before, const struct evidence_header *header,
                       const struct evidence_entry *entry, struct buf *out)
{
    pack_array(out, ENTRY_FIELD_COUNT);
    pack_uint(out, header->type);
    pack_uint(out, header->codec);
    pack_uint(out, header->flags);
    pack_int(out, (int64_t)((uint64_t)header->wall_ns - (uint64_t)before->wall_ns));
    pack_int(out, (int64_t)(header->mono_ns - before->mono_ns));
    pack_int(out, (int32_t)(header->boot_count - before->boot_count));
    if (header->clock_uncertainty_ms == CLOCK_NEVER_SYNCHRONISED)
        pack_nil(out);
    else
        pack_uint(out, header->clock_uncertainty_ms);
    pack_uint(out, header->hlc - before->hlc);
    PACK_FIXED(out, entry->signature);
    payload_pack(header, entry, out);
}

static enum status payload_unpack(struct packed value, struct hasher *hasher,
                                  struct evidence_header *header, struct evidence_entry *entry)
{
    entry->payload = BYTES_EMPTY;
    if (packed_kind_of(value) != PACKED_ARRAY) {
        entry->form = PAYLOAD_INLINE;
        TRY(packed_bin(value, INLINE_PAYLOAD_SIZE_MAX, &entry->payload));
        header->payload_len = entry->payload.size;
        header->payload_hash = hasher_of(hasher, entry->payload);
        return ST_OK;
    }
    uint64_t form;
    TRY(packed_tuple(value, DETACHED_FIELD_COUNT));
    TRY(packed_uint(packed_item(value, 0), PAYLOAD_PARTS, &form));
    TRY(packed_uint(packed_item(value, 1), PAYLOAD_SIZE_MAX, &header->payload_len));
    TRY(PACKED_FIXED(packed_item(value, 2), &header->payload_hash));
    if (form == PAYLOAD_INLINE) return ST_MALFORMED;
    if (form == PAYLOAD_PARTS && header->payload_len <= INLINE_PAYLOAD_SIZE_MAX)
        return ST_MALFORMED;
    entry->form = (enum payload_form)form;
    return ST_OK;
}

/* header holds the entry before when this is called, and the entry itself afterwards, apart from
 * its place (node, log, sequence, key id, prev_hash), which is the caller's. */
static enum status entry_unpack(struct packed value, struct hasher *hasher,
                                struct evidence_header *header, struct evidence_entry *entry)
{
    uint64_t type, codec, flags, hlc, uncertainty = CLOCK_NEVER_SYNCHRONISED;
    int64_t wall, mono, boot;
    TRY(packed_tuple(value, ENTRY_FIELD_COUNT));
    TRY(packed_uint(packed_item(value, 0), UINT16_MAX, &type));
    TRY(packed_uint(packed_item(value, 1), UINT16_MAX, &codec));
    TRY(packed_uint(packed_item(value, 2), UINT16_MAX, &flags));
    TRY(packed_int(packed_item(value, 3), &wall));
    TRY(packed_int(packed_item(value, 4), &mono));
    TRY(packed_int(packed_item(value, 5), &boot));
    if (!packed_is_nil(packed_item(value, 6)))
        TRY(packed_uint(packed_item(value, 6), CLOCK_NEVER_SYNCHRONISED - 1, &uncertainty));
    TRY(packed_uint(packed_item(value, 7), UINT64_MAX, &hlc));
    TRY(PACKED_FIXED(packed_item(value, 8), &entry->signature));
    if (boot < INT32_MIN || boot > INT32_MAX) return ST_MALFORMED;
    if (hlc == 0 || hlc > UINT64_MAX - header->hlc) return ST_MALFORMED;
    header->type = (uint16_t)type;
    header->codec = (uint16_t)codec;
    header->flags = (uint16_t)flags;
    header->wall_ns = (int64_t)((uint64_t)header->wall_ns + (uint64_t)wall);
    header->mono_ns += (uint64_t)mono;
    header->boot_count += (uint32_t)boot;
    header->clock_uncertainty_ms = (uint32_t)uncertainty;
    header->hlc += hlc;
    return payload_unpack(packed_item(value, 9), hasher, header, entry);
}

/* Encodes the rebuilt header, and holds it to the header's own rules: nothing that leaves a decoder
 * is a header that evidence_header_decode would refuse. */
static enum status entry_seal(struct hasher *hasher, const struct evidence_header *header,
                              struct evidence_entry *entry, struct digest *hash)
{
    struct evidence_header same;
    evidence_header_encode(header, &entry->header);
    TRY(evidence_header_decode(bytes_of(entry->header.bytes, ENTRY_HEADER_SIZE), &same));
    *hash = evidence_hash(hasher, &entry->header);
    return ST_OK;
}

/* ------------------------------------------------------------------- runs */

void evidence_writer_begin(struct evidence_writer *writer, void *scratch, size_t capacity)
{
    *writer = (struct evidence_writer){.entries = buf_of(scratch, capacity)};
}

static bool continues_run(const struct evidence_header *last, const struct evidence_header *header)
{
    return header->sequence == last->sequence + 1 && header->hlc > last->hlc &&
           log_id_equal(&header->log, &last->log) &&
           memcmp(header->key_id.bytes, last->key_id.bytes, KEY_ID_SIZE) == 0;
}

bool evidence_writer_add(struct evidence_writer *writer, const struct evidence_header *header,
                         const struct evidence_entry *entry, size_t size_max)
{
    const bool is_first = writer->count == 0;
    if (writer->count == RUN_ENTRIES_MAX) return false;
    if (entry->form == PAYLOAD_INLINE && entry->payload.size > INLINE_PAYLOAD_SIZE_MAX)
        return false;
    if (!is_first && !continues_run(&writer->last, header)) return false;
    struct buf grown = writer->entries;
    entry_pack(is_first ? &nothing_before : &writer->last, header, entry, &grown);
    if (!buf_ok(&grown) || (!is_first && grown.size > size_max)) return false;
    writer->entries = grown;
    writer->last = *header;
    writer->count++;
    return true;
}

void evidence_msg_encode(const struct evidence_run_head *head, const struct evidence_writer *writer,
                         struct buf *out)
{
    const size_t count = writer == NULL ? 0 : writer->count;
    INVARIANT((count == 0) == (head->first_sequence == 0));
    pack_array(out, RUN_FIELD_COUNT);
    PACK_FIXED(out, head->log);
    pack_uint(out, head->first_sequence);
    PACK_FIXED(out, head->prev_hash);
    PACK_FIXED(out, head->key_id);
    pack_array(out, CHECKPOINT_FIELD_COUNT);
    checkpoint_fields_pack(&head->checkpoint, &head->checkpoint_key_id, out);
    pack_array(out, (uint32_t)count);
    if (count > 0) buf_put(out, buf_bytes(&writer->entries));
}

/* Everything of a run but its entries. */
static enum status run_head_unpack(struct packed fields, struct evidence_run *out)
{
    const struct packed checkpoint = packed_item(fields, 4);
    uint32_t count;
    TRY(PACKED_FIXED(packed_item(fields, 0), &out->log));
    TRY(packed_uint(packed_item(fields, 1), PACK_SEQUENCE_MAX, &out->first_sequence));
    TRY(PACKED_FIXED(packed_item(fields, 2), &out->prev_hash));
    TRY(PACKED_FIXED(packed_item(fields, 3), &out->key_id));
    TRY(packed_tuple(checkpoint, CHECKPOINT_FIELD_COUNT));
    TRY(checkpoint_fields_unpack(checkpoint, 0, &out->checkpoint, &out->checkpoint_key_id));
    TRY(packed_array(packed_item(fields, 5), 0, RUN_ENTRIES_MAX, &count));
    if ((count == 0) != (out->first_sequence == 0)) return ST_MALFORMED;
    if (out->first_sequence <= 1 && !digest_is_zero(&out->prev_hash)) return ST_MALFORMED;
    if (count > 0 && out->checkpoint.size != out->first_sequence + count - 1) return ST_MALFORMED;
    out->count = count;
    return ST_OK;
}

enum status evidence_msg_decode(struct unpacker *unpacker, struct hasher *hasher,
                                const struct node_name *node, struct bytes body,
                                struct evidence_run *out)
{
    struct packed fields;
    TRY(packed_message(unpacker, body, RUN_FIELD_COUNT, &fields));
    TRY(run_head_unpack(fields, out));
    const struct packed entries = packed_item(fields, 5);
    struct evidence_header header = {
        .node = *node,
        .log = out->log,
        .sequence = out->first_sequence,
        .key_id = out->key_id,
        .prev_hash = out->prev_hash,
    };
    for (size_t i = 0; i < out->count; i++) {
        const struct packed item = packed_item(entries, (uint32_t)i);
        TRY(entry_unpack(item, hasher, &header, &out->entries[i]));
        TRY(entry_seal(hasher, &header, &out->entries[i], &out->hashes[i]));
        header.sequence++;
        header.prev_hash = out->hashes[i];
    }
    return ST_OK;
}

/* ---------------------------------------------------------- entries ahead */

void ahead_msg_encode(const struct log_id *log, const struct evidence_entry *entries, size_t count,
                      struct buf *out)
{
    INVARIANT(count >= 1 && count <= AHEAD_ENTRIES_MAX);
    pack_array(out, AHEAD_FIELD_COUNT);
    PACK_FIXED(out, *log);
    pack_array(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        const struct bytes bytes = bytes_of(entries[i].header.bytes, ENTRY_HEADER_SIZE);
        struct evidence_header header;
        if (evidence_header_decode(bytes, &header) != ST_OK) {
            out->overflow = true; /* the store's bytes are damaged: there is no message to send */
            return;
        }
        pack_array(out, AHEAD_ENTRY_FIELD_COUNT);
        pack_uint(out, header.sequence);
        PACK_FIXED(out, header.prev_hash);
        PACK_FIXED(out, header.key_id);
        entry_pack(&nothing_before, &header, &entries[i], out);
    }
}

static enum status ahead_entry_unpack(struct packed value, struct hasher *hasher,
                                      struct evidence_header *header, struct evidence_run *out,
                                      size_t index)
{
    struct evidence_entry *const entry = &out->entries[index];
    TRY(packed_tuple(value, AHEAD_ENTRY_FIELD_COUNT));
    TRY(packed_uint(packed_item(value, 0), PACK_SEQUENCE_MAX, &header->sequence));
    TRY(PACKED_FIXED(packed_item(value, 1), &header->prev_hash));
    TRY(PACKED_FIXED(packed_item(value, 2), &header->key_id));
    TRY(entry_unpack(packed_item(value, 3), hasher, header, entry));
    if (entry->form == PAYLOAD_PARTS) return ST_MALFORMED;
    return entry_seal(hasher, header, entry, &out->hashes[index]);
}

enum status ahead_msg_decode(struct unpacker *unpacker, struct hasher *hasher,
                             const struct node_name *node, struct bytes body,
                             struct evidence_run *out)
{
    struct packed fields;
    uint32_t count;
    TRY(packed_message(unpacker, body, AHEAD_FIELD_COUNT, &fields));
    TRY(PACKED_FIXED(packed_item(fields, 0), &out->log));
    const struct packed entries = packed_item(fields, 1);
    TRY(packed_array(entries, 1, AHEAD_ENTRIES_MAX, &count));
    uint64_t sequence_before = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct evidence_header header = {.node = *node, .log = out->log};
        TRY(ahead_entry_unpack(packed_item(entries, i), hasher, &header, out, i));
        if (header.sequence <= sequence_before) return ST_MALFORMED;
        sequence_before = header.sequence;
        if (i > 0) continue;
        out->first_sequence = header.sequence;
        out->prev_hash = header.prev_hash;
        out->key_id = header.key_id;
    }
    out->checkpoint = (struct checkpoint){0};
    out->checkpoint_key_id = (struct key_id){0};
    out->count = count;
    return ST_OK;
}

/* ------------------------------------------------------------------ parts */

void part_msg_encode(const struct evidence_part *part, struct buf *out)
{
    pack_array(out, PART_FIELD_COUNT);
    PACK_FIXED(out, part->log);
    pack_uint(out, part->sequence);
    pack_uint(out, part->part);
    pack_uint(out, part->payload_len);
    pack_bin(out, part->bytes);
}

enum status part_msg_decode(struct unpacker *unpacker, struct bytes body, struct evidence_part *out)
{
    struct packed fields;
    struct evidence_part part;
    uint64_t number;
    TRY(packed_message(unpacker, body, PART_FIELD_COUNT, &fields));
    TRY(PACKED_FIXED(packed_item(fields, 0), &part.log));
    TRY(packed_uint(packed_item(fields, 1), PACK_SEQUENCE_MAX, &part.sequence));
    TRY(packed_uint(packed_item(fields, 2), PAYLOAD_SIZE_MAX / PART_SIZE, &number));
    TRY(packed_uint(packed_item(fields, 3), PAYLOAD_SIZE_MAX, &part.payload_len));
    TRY(packed_bin(packed_item(fields, 4), PART_SIZE, &part.bytes));
    if (part.sequence == 0 || part.payload_len <= INLINE_PAYLOAD_SIZE_MAX) return ST_MALFORMED;
    const uint64_t begin = number * PART_SIZE;
    if (begin >= part.payload_len) return ST_MALFORMED;
    const uint64_t left = part.payload_len - begin;
    if (part.bytes.size != (left < PART_SIZE ? left : PART_SIZE)) return ST_MALFORMED;
    part.part = (uint32_t)number;
    *out = part;
    return ST_OK;
}
