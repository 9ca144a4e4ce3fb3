/* sync_msg.c - hello, its reply, and requests for missing ranges. */
#include "common/wire/sync_msg.h"

#include "common/data/hlc.h"
#include "common/wire/fields.h"

enum {
    HELLO_FIELD_COUNT = 5,
    NEWEST_FIELD_COUNT = 1 + CHECKPOINT_FIELD_COUNT,
    HELLO_LOG_FIELD_COUNT = 5,
    HELLO_REPLY_FIELD_COUNT = 9,
    RANGE_REQUEST_FIELD_COUNT = 4,
};

_Static_assert(16 + HELLO_LOGS_MAX * (1 + HELLO_LOG_FIELD_COUNT) <= PACK_ITEMS_MAX,
               "the largest hello can be read");
_Static_assert(16 + (int)ACK_ITEMS_MAX + HELLO_LOGS_MAX + (int)CONFIG_SUMMARY_ITEMS_MAX <=
                   PACK_ITEMS_MAX,
               "the largest reply can be read");

/* ------------------------------------------------------------------ hello */

static void hello_log_pack(const struct hello_log *log, struct buf *out)
{
    pack_array(out, HELLO_LOG_FIELD_COUNT);
    PACK_FIXED(out, log->log);
    pack_uint(out, log->head_sequence);
    PACK_FIXED(out, log->head_hash);
    pack_uint(out, log->acked);
    PACK_FIXED(out, log->acked_hash);
}

void hello_encode(const struct hello *hello, struct buf *out)
{
    pack_array(out, HELLO_FIELD_COUNT);
    PACK_FIXED(out, hello->nonce);
    if (hello->has_newest) {
        pack_array(out, NEWEST_FIELD_COUNT);
        PACK_FIXED(out, hello->newest_log);
        checkpoint_fields_pack(&hello->newest, &hello->newest_key_id, out);
    } else {
        pack_nil(out);
    }
    pack_array(out, (uint32_t)hello->log_count);
    for (size_t i = 0; i < hello->log_count; i++)
        hello_log_pack(&hello->logs[i], out);
    if (hello->held_ack.size > 0)
        pack_bin(out, hello->held_ack);
    else
        pack_nil(out);
    pack_uint(out, hello->mono_ms);
}

static enum status hello_log_unpack(struct packed value, struct hello_log *out)
{
    TRY(packed_tuple(value, HELLO_LOG_FIELD_COUNT));
    TRY(PACKED_FIXED(packed_item(value, 0), &out->log));
    TRY(packed_uint(packed_item(value, 1), PACK_SEQUENCE_MAX, &out->head_sequence));
    TRY(PACKED_FIXED(packed_item(value, 2), &out->head_hash));
    TRY(packed_uint(packed_item(value, 3), PACK_SEQUENCE_MAX, &out->acked));
    TRY(PACKED_FIXED(packed_item(value, 4), &out->acked_hash));
    if (out->acked == 0 && !digest_is_zero(&out->acked_hash)) return ST_MALFORMED;
    return ST_OK;
}

static enum status newest_unpack(struct packed value, struct hello *out)
{
    out->has_newest = !packed_is_nil(value);
    if (!out->has_newest) {
        out->newest_log = (struct log_id){0};
        out->newest = (struct checkpoint){0};
        out->newest_key_id = (struct key_id){0};
        return ST_OK;
    }
    TRY(packed_tuple(value, NEWEST_FIELD_COUNT));
    TRY(PACKED_FIXED(packed_item(value, 0), &out->newest_log));
    return checkpoint_fields_unpack(value, 1, &out->newest, &out->newest_key_id);
}

static enum status hello_logs_unpack(struct packed value, struct hello *out)
{
    uint32_t count;
    TRY(packed_array(value, 0, HELLO_LOGS_MAX, &count));
    for (uint32_t i = 0; i < count; i++) {
        TRY(hello_log_unpack(packed_item(value, i), &out->logs[i]));
        for (uint32_t j = 0; j < i; j++)
            if (log_id_equal(&out->logs[i].log, &out->logs[j].log)) return ST_MALFORMED;
    }
    out->log_count = count;
    return ST_OK;
}

enum status hello_decode(struct unpacker *unpacker, struct bytes body, struct hello *out)
{
    struct packed fields;
    TRY(packed_message(unpacker, body, HELLO_FIELD_COUNT, &fields));
    TRY(PACKED_FIXED(packed_item(fields, 0), &out->nonce));
    TRY(newest_unpack(packed_item(fields, 1), out));
    TRY(hello_logs_unpack(packed_item(fields, 2), out));
    out->held_ack = BYTES_EMPTY;
    if (!packed_is_nil(packed_item(fields, 3))) {
        TRY(packed_bin(packed_item(fields, 3), FRAME_SIZE_MAX, &out->held_ack));
        if (out->held_ack.size == 0) return ST_MALFORMED;
    }
    return packed_uint(packed_item(fields, 4), UINT64_MAX, &out->mono_ms);
}

/* ------------------------------------------------------------ hello reply */

void hello_reply_encode(const struct hello_reply *reply, struct buf *out)
{
    pack_array(out, HELLO_REPLY_FIELD_COUNT);
    PACK_FIXED(out, reply->nonce);
    pack_uint(out, reply->mono_ms);
    pack_int(out, reply->cloud_ms);
    ack_pack(&reply->ack, out);
    INVARIANT(reply->held_count <= HELLO_LOGS_MAX);
    pack_array(out, (uint32_t)reply->held_count);
    for (size_t i = 0; i < reply->held_count; i++)
        PACK_FIXED(out, reply->held[i]);
    pack_uint(out, reply->admitted);
    pack_uint(out, reply->horizon);
    pack_uint(out, reply->roster);
    config_summary_pack(&reply->config, out);
}

enum status hello_reply_decode(struct unpacker *unpacker, struct bytes body,
                               struct hello_reply *out)
{
    struct packed fields;
    TRY(packed_message(unpacker, body, HELLO_REPLY_FIELD_COUNT, &fields));
    TRY(PACKED_FIXED(packed_item(fields, 0), &out->nonce));
    TRY(packed_uint(packed_item(fields, 1), UINT64_MAX, &out->mono_ms));
    TRY(packed_int(packed_item(fields, 2), &out->cloud_ms));
    TRY(ack_unpack(packed_item(fields, 3), &out->ack));
    uint32_t count;
    const struct packed held = packed_item(fields, 4);
    TRY(packed_array(held, 0, HELLO_LOGS_MAX, &count));
    for (uint32_t i = 0; i < count; i++)
        TRY(PACKED_FIXED(packed_item(held, i), &out->held[i]));
    out->held_count = count;
    TRY(packed_uint(packed_item(fields, 5), HLC_STAMP_MAX, &out->admitted));
    TRY(packed_uint(packed_item(fields, 6), HLC_STAMP_MAX, &out->horizon));
    TRY(packed_uint(packed_item(fields, 7), PACK_SEQUENCE_MAX, &out->roster));
    return config_summary_unpack(packed_item(fields, 8), &out->config);
}

/* ---------------------------------------------------------- range request */

void range_request_encode(const struct range_request *request, struct buf *out)
{
    pack_array(out, RANGE_REQUEST_FIELD_COUNT);
    PACK_FIXED(out, request->nonce);
    PACK_FIXED(out, request->log);
    pack_uint(out, request->from);
    pack_uint(out, request->to);
}

enum status range_request_decode(struct unpacker *unpacker, struct bytes body,
                                 struct range_request *out)
{
    struct packed fields;
    TRY(packed_message(unpacker, body, RANGE_REQUEST_FIELD_COUNT, &fields));
    TRY(PACKED_FIXED(packed_item(fields, 0), &out->nonce));
    TRY(PACKED_FIXED(packed_item(fields, 1), &out->log));
    TRY(packed_uint(packed_item(fields, 2), PACK_SEQUENCE_MAX, &out->from));
    TRY(packed_uint(packed_item(fields, 3), PACK_SEQUENCE_MAX, &out->to));
    return out->from >= 1 && out->to >= out->from ? ST_OK : ST_MALFORMED;
}
