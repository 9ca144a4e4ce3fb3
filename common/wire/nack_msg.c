/* nack_msg.c - what the cloud did not take, and its clock. */
#include "common/wire/nack_msg.h"

#include "common/data/hlc.h"
#include "common/wire/fields.h"

enum { NACK_FIELD_COUNT = 8 };

_Static_assert(1 + NACK_FIELD_COUNT <= PACK_ITEMS_MAX, "a refusal can be read");

void nack_msg_encode(const struct nack *nack, struct buf *out)
{
    pack_array(out, NACK_FIELD_COUNT);
    PACK_FIXED(out, nack->nonce);
    pack_uint(out, (uint64_t)nack->lane);
    pack_uint(out, (uint64_t)nack->reason);
    pack_uint(out, nack->from);
    pack_uint(out, nack->to);
    pack_int(out, nack->cloud_ms);
    pack_uint(out, nack->admitted);
    pack_text(out, nack->words);
}

enum status nack_msg_decode(struct unpacker *unpacker, struct bytes body, struct nack *out)
{
    struct packed fields;
    uint64_t lane, reason;
    TRY(packed_message(unpacker, body, NACK_FIELD_COUNT, &fields));
    TRY(PACKED_FIXED(packed_item(fields, 0), &out->nonce));
    TRY(packed_uint(packed_item(fields, 1), NACK_LANE_MAX, &lane));
    TRY(packed_uint(packed_item(fields, 2), NACK_REASON_MAX, &reason));
    if (lane == 0 || reason == 0) return ST_MALFORMED;
    out->lane = (enum nack_lane)lane;
    out->reason = (enum nack_reason)reason;
    TRY(packed_uint(packed_item(fields, 3), PACK_SEQUENCE_MAX, &out->from));
    TRY(packed_uint(packed_item(fields, 4), PACK_SEQUENCE_MAX, &out->to));
    if (out->to < out->from) return ST_MALFORMED;
    TRY(packed_int(packed_item(fields, 5), &out->cloud_ms));
    TRY(packed_uint(packed_item(fields, 6), HLC_STAMP_MAX, &out->admitted));
    return packed_text(packed_item(fields, 7), NACK_WORDS_SIZE_MAX, &out->words);
}
