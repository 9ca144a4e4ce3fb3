/* config_msg.c - configuration registers as messages. */
#include "common/wire/config_msg.h"

#include <string.h>

#include "common/data/hlc.h"
#include "common/wire/fields.h"

enum { REGISTER_FIELD_COUNT = 9, WRITES_FIELD_COUNT = 2, WRITE_FIELD_COUNT = 2, REAL_SIZE = 8 };

_Static_assert(3 + CONFIG_WRITES_MAX * (2 + WRITE_FIELD_COUNT + REGISTER_FIELD_COUNT) <=
                   PACK_ITEMS_MAX,
               "the largest frame of writes can be read");

/* ---------------------------------------------------------------- writing */

static void pack_real(double real, struct buf *out)
{
    uint8_t bytes[REAL_SIZE];
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    put_u64(bytes, bits);
    pack_bin(out, bytes_of(bytes, sizeof bytes));
}

static void pack_value(const struct config_value *value, struct buf *out)
{
    switch (value->type) {
    case CONFIG_NONE:
        pack_nil(out);
        return;
    case CONFIG_BOOL:
        pack_bool(out, value->truth);
        return;
    case CONFIG_INT:
        pack_int(out, value->integer);
        return;
    case CONFIG_FLOAT:
        pack_real(value->real, out);
        return;
    case CONFIG_STRING:
    case CONFIG_JSON:
        pack_text(out, value->content);
        return;
    case CONFIG_BYTES:
        pack_bin(out, value->content);
        return;
    case CONFIG_TYPE_COUNT:
        break;
    }
    UNREACHABLE();
}

void config_msg_pack(const struct config_entry *entry, struct buf *out)
{
    const struct config_register *const reg = &entry->reg;
    pack_array(out, REGISTER_FIELD_COUNT);
    scope_fields_pack(&entry->key.scope, out);
    pack_level_name(out, &entry->key.name);
    pack_uint(out, reg->epoch);
    pack_uint(out, reg->hlc);
    pack_node_name(out, &reg->node);
    pack_bool(out, reg->deleted);
    pack_uint(out, (uint64_t)reg->value.type);
    pack_value(&reg->value, out);
}

void config_writes_begin(struct config_writes_writer *writer, void *scratch, size_t capacity)
{
    *writer = (struct config_writes_writer){.packed = buf_of(scratch, capacity)};
}

bool config_writes_add(struct config_writes_writer *writer, const struct config_write *write,
                       size_t size_max)
{
    if (writer->count == CONFIG_WRITES_MAX || write->operation <= writer->last_operation)
        return false;
    struct buf attempt = writer->packed;
    pack_array(&attempt, WRITE_FIELD_COUNT);
    pack_uint(&attempt, write->operation);
    config_msg_pack(&write->entry, &attempt);
    if (!buf_ok(&attempt)) return false;
    if (writer->count > 0 && attempt.size + CONFIG_WRITES_HEAD_SIZE_MAX > size_max) return false;
    writer->packed = attempt;
    writer->count++;
    writer->last_operation = write->operation;
    return true;
}

void config_writes_encode(uint32_t incarnation, const struct config_writes_writer *writer,
                          struct buf *out)
{
    pack_array(out, WRITES_FIELD_COUNT);
    pack_uint(out, incarnation);
    pack_array(out, (uint32_t)writer->count);
    buf_put(out, buf_bytes(&writer->packed));
}

/* ---------------------------------------------------------------- reading */

/* Who wrote a register: "cloud" too, which is no node's name; config_register_ok judges it. */
static enum status unpack_author(struct packed value, struct node_name *out)
{
    struct bytes text;
    TRY(packed_text(value, NODE_NAME_SIZE - 1, &text));
    *out = (struct node_name){0};
    if (text.size > 0) memcpy(out->text, text.data, text.size);
    return ST_OK;
}

static enum status unpack_real(struct packed item, double *real)
{
    uint8_t bytes[REAL_SIZE];
    TRY(packed_fixed(item, bytes, sizeof bytes));
    const uint64_t bits = get_u64(bytes);
    memcpy(real, &bits, sizeof bits);
    return ST_OK;
}

static enum status unpack_value(struct packed item, enum config_type type,
                                struct config_value *value)
{
    *value = (struct config_value){.type = type};
    switch (type) {
    case CONFIG_NONE:
        return packed_is_nil(item) ? ST_OK : ST_MALFORMED;
    case CONFIG_BOOL:
        return packed_bool(item, &value->truth);
    case CONFIG_INT:
        return packed_int(item, &value->integer);
    case CONFIG_FLOAT:
        return unpack_real(item, &value->real);
    case CONFIG_STRING:
    case CONFIG_JSON:
        return packed_text(item, SIZE_MAX, &value->content);
    case CONFIG_BYTES:
        return packed_bin(item, SIZE_MAX, &value->content);
    case CONFIG_TYPE_COUNT:
        break;
    }
    return ST_MALFORMED;
}

enum status config_msg_unpack(struct packed value, struct config_entry *out)
{
    struct config_register *const reg = &out->reg;
    uint64_t epoch, type;
    TRY(packed_tuple(value, REGISTER_FIELD_COUNT));
    TRY(scope_fields_unpack(value, 0, &out->key.scope));
    TRY(packed_level_name(packed_item(value, 2), &out->key.name));
    TRY(packed_uint(packed_item(value, 3), UINT32_MAX, &epoch));
    reg->epoch = (uint32_t)epoch;
    TRY(packed_uint(packed_item(value, 4), HLC_STAMP_MAX, &reg->hlc));
    TRY(unpack_author(packed_item(value, 5), &reg->node));
    TRY(packed_bool(packed_item(value, 6), &reg->deleted));
    TRY(packed_uint(packed_item(value, 7), CONFIG_TYPE_COUNT - 1, &type));
    TRY(unpack_value(packed_item(value, 8), (enum config_type)type, &reg->value));
    if (reg->value.content.size > CONFIG_VALUE_SIZE_MAX) return ST_TOO_LARGE;
    return config_register_ok(reg) ? ST_OK : ST_MALFORMED;
}

enum status config_msg_decode(struct unpacker *unpacker, struct bytes body,
                              struct config_entry *out)
{
    struct packed message;
    TRY(packed_read(unpacker, body, &message));
    return config_msg_unpack(message, out);
}

enum status config_writes_decode(struct unpacker *unpacker, struct bytes body,
                                 struct config_writes *out)
{
    struct packed message;
    uint64_t incarnation, last_operation = 0;
    uint32_t count;
    TRY(packed_message(unpacker, body, WRITES_FIELD_COUNT, &message));
    TRY(packed_uint(packed_item(message, 0), UINT32_MAX, &incarnation));
    const struct packed writes = packed_item(message, 1);
    TRY(packed_array(writes, 1, CONFIG_WRITES_MAX, &count));
    for (uint32_t i = 0; i < count; i++) {
        const struct packed item = packed_item(writes, i);
        struct config_write *const write = &out->writes[i];
        TRY(packed_tuple(item, WRITE_FIELD_COUNT));
        TRY(packed_uint(packed_item(item, 0), PACK_SEQUENCE_MAX, &write->operation));
        if (write->operation <= last_operation) return ST_MALFORMED;
        last_operation = write->operation;
        TRY(config_msg_unpack(packed_item(item, 1), &write->entry));
    }
    out->incarnation = (uint32_t)incarnation;
    out->count = count;
    return ST_OK;
}
