/* state_msg.c - what an edge holds of the cloud's tracks and config. */
#include "common/wire/state_msg.h"

#include "common/wire/fields.h"

enum {
    STATE_FIELD_COUNT = 7,
    DOWN_FIELD_COUNT = 2,
    SCOPE_DIGEST_FIELD_COUNT = SCOPE_FIELD_COUNT + 2,
};

_Static_assert(1 + CONFIG_SCOPES_MAX * (1 + SCOPE_DIGEST_FIELD_COUNT) ==
                   (int)CONFIG_SUMMARY_ITEMS_MAX,
               "a summary has the items that its header says");
_Static_assert(16 + (int)CONFIG_SUMMARY_ITEMS_MAX <= (int)PACK_ITEMS_MAX,
               "the largest state can be read");

/* ---------------------------------------------------------------- summary */

int config_scope_compare(const struct config_scope *a, const struct config_scope *b)
{
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    return bytes_compare(level_name_text(&a->name), level_name_text(&b->name));
}

bool config_summary_equal(const struct config_summary *a, const struct config_summary *b)
{
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct config_scope_digest *const left = &a->scopes[i], *const right = &b->scopes[i];
        if (config_scope_compare(&left->scope, &right->scope) != 0) return false;
        if (left->count != right->count) return false;
        if (!config_digest_equal(&left->digest, &right->digest)) return false;
    }
    return true;
}

void config_summary_pack(const struct config_summary *summary, struct buf *out)
{
    INVARIANT(summary->count <= CONFIG_SCOPES_MAX);
    pack_array(out, (uint32_t)summary->count);
    for (size_t i = 0; i < summary->count; i++) {
        const struct config_scope_digest *const item = &summary->scopes[i];
        pack_array(out, SCOPE_DIGEST_FIELD_COUNT);
        scope_fields_pack(&item->scope, out);
        pack_uint(out, item->count);
        PACK_FIXED(out, item->digest);
    }
}

enum status config_summary_unpack(struct packed value, struct config_summary *out)
{
    uint32_t count;
    TRY(packed_array(value, 0, CONFIG_SCOPES_MAX, &count));
    for (uint32_t i = 0; i < count; i++) {
        const struct packed item = packed_item(value, i);
        struct config_scope_digest *const scope = &out->scopes[i];
        TRY(packed_tuple(item, SCOPE_DIGEST_FIELD_COUNT));
        TRY(scope_fields_unpack(item, 0, &scope->scope));
        TRY(packed_uint(packed_item(item, 2), PACK_SEQUENCE_MAX, &scope->count));
        TRY(PACKED_FIXED(packed_item(item, 3), &scope->digest));
        if (i > 0 && config_scope_compare(&out->scopes[i - 1].scope, &scope->scope) >= 0)
            return ST_MALFORMED;
    }
    out->count = count;
    return ST_OK;
}

/* ------------------------------------------------------------------ state */

void state_msg_encode(const struct state_report *report, struct buf *out)
{
    pack_array(out, STATE_FIELD_COUNT);
    PACK_FIXED(out, report->nonce);
    pack_uint(out, (uint64_t)report->interest);
    pack_uint(out, report->numbering);
    pack_uint(out, report->counter);
    if (report->has_down) {
        pack_array(out, DOWN_FIELD_COUNT);
        PACK_FIXED(out, report->down_store);
        pack_uint(out, report->down_cursor);
    } else {
        pack_nil(out);
    }
    pack_uint(out, report->roster);
    config_summary_pack(&report->config, out);
}

static enum status down_unpack(struct packed value, struct state_report *out)
{
    out->down_store = (struct store_id){0};
    out->down_cursor = 0;
    out->has_down = !packed_is_nil(value);
    if (!out->has_down) return ST_OK;
    TRY(packed_tuple(value, DOWN_FIELD_COUNT));
    TRY(PACKED_FIXED(packed_item(value, 0), &out->down_store));
    return packed_uint(packed_item(value, 1), PACK_SEQUENCE_MAX, &out->down_cursor);
}

enum status state_msg_decode(struct unpacker *unpacker, struct bytes body, struct state_report *out)
{
    struct packed fields;
    uint64_t interest, numbering;
    TRY(packed_message(unpacker, body, STATE_FIELD_COUNT, &fields));
    TRY(PACKED_FIXED(packed_item(fields, 0), &out->nonce));
    TRY(packed_uint(packed_item(fields, 1), INTEREST_COUNT - 1, &interest));
    TRY(packed_uint(packed_item(fields, 2), UINT32_MAX, &numbering));
    if (numbering == 0) return ST_MALFORMED;
    TRY(packed_uint(packed_item(fields, 3), PACK_SEQUENCE_MAX, &out->counter));
    TRY(down_unpack(packed_item(fields, 4), out));
    TRY(packed_uint(packed_item(fields, 5), PACK_SEQUENCE_MAX, &out->roster));
    out->interest = (enum track_interest)interest;
    out->numbering = (uint32_t)numbering;
    return config_summary_unpack(packed_item(fields, 6), &out->config);
}
