/* control_entry.c - payloads of the control entries of an evidence log. */
#include "common/wire/control_entry.h"

#include "common/data/evidence.h"
#include "common/data/tree.h"
#include <string.h>

#include "common/wire/fields.h"

enum {
    GENESIS_FIELD_COUNT = 4,
    PREVIOUS_FIELD_COUNT = 3,
    TYPE_FIELD_COUNT = 2,
    BOOT_FIELD_COUNT = 3,
    CLOCK_FIELD_COUNT = 3,
    HEARTBEAT_FIELD_COUNT = 2,
    LOSS_FIELD_COUNT = 7,
    CLOSE_FIELD_COUNT = 1,
};

/* ---------------------------------------------------------------- GENESIS */

void genesis_encode(const struct genesis *genesis, struct buf *out)
{
    pack_array(out, GENESIS_FIELD_COUNT);
    PACK_FIXED(out, genesis->key);
    pack_int(out, genesis->wall_ms);
    pack_text(out, genesis->reason);
    if (!genesis->has_previous) {
        pack_nil(out);
        return;
    }
    pack_array(out, PREVIOUS_FIELD_COUNT);
    PACK_FIXED(out, genesis->previous_log);
    pack_uint(out, genesis->previous_size);
    PACK_FIXED(out, genesis->previous_hash);
}

enum status genesis_decode(struct unpacker *unpacker, struct bytes payload, struct genesis *out)
{
    struct packed fields;
    struct genesis genesis = {0};
    TRY(packed_message(unpacker, payload, GENESIS_FIELD_COUNT, &fields));
    TRY(PACKED_FIXED(packed_item(fields, 0), &genesis.key));
    TRY(packed_int(packed_item(fields, 1), &genesis.wall_ms));
    TRY(packed_text(packed_item(fields, 2), CONTROL_REASON_SIZE_MAX, &genesis.reason));
    const struct packed previous = packed_item(fields, 3);
    genesis.has_previous = !packed_is_nil(previous);
    if (genesis.has_previous) {
        TRY(packed_tuple(previous, PREVIOUS_FIELD_COUNT));
        TRY(PACKED_FIXED(packed_item(previous, 0), &genesis.previous_log));
        TRY(packed_uint(packed_item(previous, 1), PACK_SEQUENCE_MAX, &genesis.previous_size));
        TRY(PACKED_FIXED(packed_item(previous, 2), &genesis.previous_hash));
    }
    *out = genesis;
    return ST_OK;
}

/* ------------------------------------------------------------------- TYPE */

void type_entry_encode(const struct type_entry *type, struct buf *out)
{
    pack_array(out, TYPE_FIELD_COUNT);
    pack_uint(out, type->number);
    pack_text(out, type->name);
}

enum status type_entry_decode(struct unpacker *unpacker, struct bytes payload,
                              struct type_entry *out)
{
    struct packed fields;
    struct bytes name;
    uint64_t number;
    TRY(packed_message(unpacker, payload, TYPE_FIELD_COUNT, &fields));
    TRY(packed_uint(packed_item(fields, 0), UINT16_MAX, &number));
    TRY(packed_text(packed_item(fields, 1), LEVEL_NAME_SIZE_MAX, &name));
    if (number < EVIDENCE_FIRST_NAMED || !ids_level_name_ok(name)) return ST_MALFORMED;
    *out = (struct type_entry){.number = (uint16_t)number, .name = name};
    return ST_OK;
}

/* ------------------------------------------------------------------- BOOT */

void boot_entry_encode(const struct boot_entry *boot, struct buf *out)
{
    pack_array(out, BOOT_FIELD_COUNT);
    pack_bin(out, bytes_of(boot->boot_id, BOOT_ID_SIZE));
    pack_bool(out, boot->clean);
    pack_text(out, boot->software);
}

enum status boot_entry_decode(struct unpacker *unpacker, struct bytes payload,
                              struct boot_entry *out)
{
    struct packed fields;
    struct boot_entry boot;
    TRY(packed_message(unpacker, payload, BOOT_FIELD_COUNT, &fields));
    TRY(packed_fixed(packed_item(fields, 0), boot.boot_id, BOOT_ID_SIZE));
    TRY(packed_bool(packed_item(fields, 1), &boot.clean));
    TRY(packed_text(packed_item(fields, 2), CONTROL_REASON_SIZE_MAX, &boot.software));
    *out = boot;
    return ST_OK;
}

/* ------------------------------------------------------------------ CLOCK */

void clock_entry_encode(const struct clock_entry *clock, struct buf *out)
{
    pack_array(out, CLOCK_FIELD_COUNT);
    pack_int(out, clock->wall_ns_before);
    pack_int(out, clock->wall_ns_after);
    pack_uint(out, clock->mono_ns);
}

enum status clock_entry_decode(struct unpacker *unpacker, struct bytes payload,
                               struct clock_entry *out)
{
    struct packed fields;
    struct clock_entry clock;
    TRY(packed_message(unpacker, payload, CLOCK_FIELD_COUNT, &fields));
    TRY(packed_int(packed_item(fields, 0), &clock.wall_ns_before));
    TRY(packed_int(packed_item(fields, 1), &clock.wall_ns_after));
    TRY(packed_uint(packed_item(fields, 2), UINT64_MAX, &clock.mono_ns));
    *out = clock;
    return ST_OK;
}

/* -------------------------------------------------------------- HEARTBEAT */

void heartbeat_encode(const struct heartbeat *heartbeat, struct buf *out)
{
    pack_array(out, HEARTBEAT_FIELD_COUNT);
    pack_uint(out, heartbeat->pending_entries);
    pack_uint(out, heartbeat->disk_free_bytes);
}

enum status heartbeat_decode(struct unpacker *unpacker, struct bytes payload, struct heartbeat *out)
{
    struct packed fields;
    struct heartbeat heartbeat;
    TRY(packed_message(unpacker, payload, HEARTBEAT_FIELD_COUNT, &fields));
    TRY(packed_uint(packed_item(fields, 0), UINT64_MAX, &heartbeat.pending_entries));
    TRY(packed_uint(packed_item(fields, 1), UINT64_MAX, &heartbeat.disk_free_bytes));
    *out = heartbeat;
    return ST_OK;
}

/* ------------------------------------------------------------------- LOSS */

void loss_encode(const struct loss *loss, struct buf *out)
{
    INVARIANT(loss->node_count <= LOSS_NODES_MAX);
    pack_array(out, LOSS_FIELD_COUNT);
    PACK_FIXED(out, loss->log);
    pack_uint(out, loss->from);
    pack_uint(out, loss->to);
    pack_text(out, loss->reason);
    PACK_FIXED(out, loss->last_hash);
    pack_bin(out, bytes_of(loss->nodes, loss->node_count * DIGEST_SIZE));
    pack_bool(out, loss->payload_only);
}

/* The number of subtree hashes that a LOSS of this range must carry. */
static size_t loss_node_count(uint64_t from, uint64_t to, bool payload_only)
{
    uint8_t levels[LOSS_NODES_MAX];
    return payload_only ? 0 : tree_range_levels(from - 1, to, levels);
}

enum status loss_decode(struct unpacker *unpacker, struct bytes payload, struct loss *out)
{
    struct packed fields;
    struct bytes nodes;
    TRY(packed_message(unpacker, payload, LOSS_FIELD_COUNT, &fields));
    TRY(PACKED_FIXED(packed_item(fields, 0), &out->log));
    TRY(packed_uint(packed_item(fields, 1), PACK_SEQUENCE_MAX, &out->from));
    TRY(packed_uint(packed_item(fields, 2), PACK_SEQUENCE_MAX, &out->to));
    TRY(packed_text(packed_item(fields, 3), CONTROL_REASON_SIZE_MAX, &out->reason));
    TRY(PACKED_FIXED(packed_item(fields, 4), &out->last_hash));
    TRY(packed_bin(packed_item(fields, 5), LOSS_NODES_MAX * DIGEST_SIZE, &nodes));
    TRY(packed_bool(packed_item(fields, 6), &out->payload_only));
    if (out->from == 0 || out->to < out->from) return ST_MALFORMED;
    if (out->payload_only && !digest_is_zero(&out->last_hash)) return ST_MALFORMED;
    out->node_count = loss_node_count(out->from, out->to, out->payload_only);
    if (nodes.size != out->node_count * DIGEST_SIZE) return ST_MALFORMED;
    if (nodes.size > 0) memcpy(out->nodes, nodes.data, nodes.size);
    return ST_OK;
}

/* ------------------------------------------------------------------ CLOSE */

void close_encode(struct bytes reason, struct buf *out)
{
    pack_array(out, CLOSE_FIELD_COUNT);
    pack_text(out, reason);
}

enum status close_decode(struct unpacker *unpacker, struct bytes payload, struct bytes *reason)
{
    struct packed fields;
    TRY(packed_message(unpacker, payload, CLOSE_FIELD_COUNT, &fields));
    return packed_text(packed_item(fields, 0), CONTROL_REASON_SIZE_MAX, reason);
}
