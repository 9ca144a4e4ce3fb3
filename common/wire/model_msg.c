/* model_msg.c - models as messages: manifests, chunks, requests, states. */
#include "common/wire/model_msg.h"

#include "common/data/hlc.h"
#include "common/wire/fields.h"

enum {
    MANIFEST_FIELD_COUNT = 7,
    CONTENT_FIELD_COUNT = 5,
    WANT_FIELD_COUNT = 3,
    REPORT_FIELD_COUNT = 2,
    STATE_FIELD_COUNT = 7,
    /* A state with headers, the longest name and reason, and numbers of the greatest size. */
    STATE_SIZE_MAX =
        1 + (2 + LEVEL_NAME_SIZE_MAX) + 2 * 9 + 2 * 5 + 1 + (2 + MODEL_REASON_SIZE_MAX),
};

_Static_assert(64 + MODEL_STATES_MAX * (int)STATE_SIZE_MAX <= (int)BODY_SIZE_MAX &&
                   4 + MODEL_STATES_MAX * (1 + (int)STATE_FIELD_COUNT) <= (int)PACK_ITEMS_MAX,
               "the largest report fits one frame and can be read");
_Static_assert(128 + MODEL_WANT_MAX * (int)DIGEST_SIZE <= (int)BODY_SIZE_MAX,
               "the largest request fits one frame");

/* Hashes without anything between them. */
static struct bytes hashes_view(const struct digest *hashes, size_t count)
{
    _Static_assert(sizeof(struct digest) == DIGEST_SIZE, "an array of digests is their bytes");
    return bytes_of(hashes, count * DIGEST_SIZE);
}

/* 1 … count_max of them. */
static enum status hashes_unpack(struct packed value, size_t count_max, struct digest *hashes,
                                 size_t *count)
{
    struct bytes bytes;
    TRY(packed_bin(value, count_max * DIGEST_SIZE, &bytes));
    if (bytes.size == 0 || bytes.size % DIGEST_SIZE != 0) return ST_MALFORMED;
    memcpy(hashes, bytes.data, bytes.size);
    *count = bytes.size / DIGEST_SIZE;
    return ST_OK;
}

/* --------------------------------------------------------------- manifest */

void model_manifest_encode(const struct model_manifest *manifest, struct buf *out)
{
    const struct model_head *const head = &manifest->head;
    INVARIANT(model_manifest_ok(manifest));
    pack_array(out, MANIFEST_FIELD_COUNT);
    pack_level_name(out, &head->model);
    scope_fields_pack(&head->scope, out);
    pack_uint(out, head->version);
    pack_uint(out, head->min_version);
    pack_uint(out, head->hlc);
    if (head->retired) {
        pack_nil(out);
        return;
    }
    pack_array(out, CONTENT_FIELD_COUNT);
    pack_uint(out, head->content.size);
    PACK_FIXED(out, head->content.sha256);
    pack_uint(out, head->content.chunking);
    pack_uint(out, head->content.chunk_count);
    pack_bin(out, hashes_view(manifest->lists, manifest->list_count));
}

static enum status content_unpack(struct packed value, struct model_manifest *out)
{
    struct model_content *const content = &out->head.content;
    uint64_t chunking, chunk_count;
    TRY(packed_tuple(value, CONTENT_FIELD_COUNT));
    TRY(packed_uint(packed_item(value, 0), MODEL_SIZE_MAX, &content->size));
    TRY(PACKED_FIXED(packed_item(value, 1), &content->sha256));
    TRY(packed_uint(packed_item(value, 2), UINT32_MAX, &chunking));
    TRY(packed_uint(packed_item(value, 3), MODEL_CHUNKS_MAX, &chunk_count));
    content->chunking = (uint32_t)chunking;
    content->chunk_count = (uint32_t)chunk_count;
    return hashes_unpack(packed_item(value, 4), MODEL_LISTS_MAX, out->lists, &out->list_count);
}

enum status model_manifest_decode(struct unpacker *unpacker, struct bytes body,
                                  struct model_manifest *out)
{
    struct model_head *const head = &out->head;
    struct packed fields;
    *head = (struct model_head){0};
    out->list_count = 0;
    TRY(packed_message(unpacker, body, MANIFEST_FIELD_COUNT, &fields));
    TRY(packed_level_name(packed_item(fields, 0), &head->model));
    TRY(scope_fields_unpack(fields, 1, &head->scope));
    TRY(packed_uint(packed_item(fields, 3), MODEL_VERSION_MAX, &head->version));
    TRY(packed_uint(packed_item(fields, 4), MODEL_VERSION_MAX, &head->min_version));
    TRY(packed_uint(packed_item(fields, 5), HLC_STAMP_MAX, &head->hlc));
    head->retired = packed_is_nil(packed_item(fields, 6));
    if (!head->retired) TRY(content_unpack(packed_item(fields, 6), out));
    return model_manifest_ok(out) ? ST_OK : ST_MALFORMED;
}

/* ------------------------------------------------------------------ chunk */

void model_chunk_encode(struct bytes chunk, struct buf *out)
{
    INVARIANT(chunk.size >= 1 && chunk.size <= CHUNK_SIZE_MAX);
    pack_bin(out, chunk);
}

enum status model_chunk_decode(struct unpacker *unpacker, struct hasher *hasher,
                               const struct digest *hash, struct bytes body, struct bytes *out)
{
    struct packed value;
    TRY(packed_read(unpacker, body, &value));
    TRY(packed_bin(value, CHUNK_SIZE_MAX, out));
    if (out->size == 0) return ST_MALFORMED;
    const struct digest found = hasher_of(hasher, *out);
    return digest_equal(&found, hash) ? ST_OK : ST_FORGED;
}

/* ------------------------------------------------------------------- want */

enum status model_want_add(struct model_want *want, const struct digest *hash)
{
    size_t place = 0;
    while (place < want->count && memcmp(want->hashes[place].bytes, hash->bytes, DIGEST_SIZE) < 0)
        place++;
    if (place < want->count && digest_equal(&want->hashes[place], hash)) return ST_DUPLICATE;
    if (want->count == MODEL_WANT_MAX) return ST_FULL;
    memmove(&want->hashes[place + 1], &want->hashes[place],
            (want->count - place) * sizeof want->hashes[0]);
    want->hashes[place] = *hash;
    want->count++;
    return ST_OK;
}

void model_want_encode(const struct model_want *want, struct buf *out)
{
    INVARIANT(want->count >= 1 && want->count <= MODEL_WANT_MAX);
    pack_array(out, WANT_FIELD_COUNT);
    PACK_FIXED(out, want->nonce);
    pack_level_name(out, &want->model);
    pack_bin(out, hashes_view(want->hashes, want->count));
}

enum status model_want_decode(struct unpacker *unpacker, struct bytes body, struct model_want *out)
{
    struct packed fields;
    TRY(packed_message(unpacker, body, WANT_FIELD_COUNT, &fields));
    TRY(PACKED_FIXED(packed_item(fields, 0), &out->nonce));
    TRY(packed_level_name(packed_item(fields, 1), &out->model));
    TRY(hashes_unpack(packed_item(fields, 2), MODEL_WANT_MAX, out->hashes, &out->count));
    for (size_t i = 1; i < out->count; i++)
        if (memcmp(out->hashes[i - 1].bytes, out->hashes[i].bytes, DIGEST_SIZE) >= 0)
            return ST_MALFORMED;
    return ST_OK;
}

/* ------------------------------------------------------------------ state */

const char *model_phase_name(enum model_phase phase)
{
#define PHASE_AS_WORD(id, number, word) [number] = word,
    static const char *const words[MODEL_PHASE_COUNT] = {MODEL_PHASE_MAP(PHASE_AS_WORD)};
#undef PHASE_AS_WORD
    INVARIANT(phase < MODEL_PHASE_COUNT);
    return words[phase];
}

void model_report_encode(const struct model_report *report, struct buf *out)
{
    INVARIANT(report->count <= MODEL_STATES_MAX);
    pack_array(out, REPORT_FIELD_COUNT);
    PACK_FIXED(out, report->nonce);
    pack_array(out, (uint32_t)report->count);
    for (size_t i = 0; i < report->count; i++) {
        const struct model_state *const state = &report->models[i];
        pack_array(out, STATE_FIELD_COUNT);
        pack_level_name(out, &state->model);
        pack_uint(out, state->active);
        pack_uint(out, state->wanted);
        pack_uint(out, state->chunks_done);
        pack_uint(out, state->chunks_total);
        pack_uint(out, (uint64_t)state->phase);
        pack_text(out, state->reason);
    }
}

static enum status state_unpack(struct packed value, struct model_state *out)
{
    uint64_t done, total, phase;
    TRY(packed_tuple(value, STATE_FIELD_COUNT));
    TRY(packed_level_name(packed_item(value, 0), &out->model));
    TRY(packed_uint(packed_item(value, 1), MODEL_VERSION_MAX, &out->active));
    TRY(packed_uint(packed_item(value, 2), MODEL_VERSION_MAX, &out->wanted));
    TRY(packed_uint(packed_item(value, 3), MODEL_CHUNKS_MAX, &done));
    TRY(packed_uint(packed_item(value, 4), MODEL_CHUNKS_MAX, &total));
    TRY(packed_uint(packed_item(value, 5), MODEL_PHASE_COUNT - 1, &phase));
    TRY(packed_text(packed_item(value, 6), MODEL_REASON_SIZE_MAX, &out->reason));
    out->chunks_done = (uint32_t)done;
    out->chunks_total = (uint32_t)total;
    out->phase = (enum model_phase)phase;
    return done <= total ? ST_OK : ST_MALFORMED;
}

enum status model_report_decode(struct unpacker *unpacker, struct bytes body,
                                struct model_report *out)
{
    struct packed fields;
    uint32_t count;
    TRY(packed_message(unpacker, body, REPORT_FIELD_COUNT, &fields));
    TRY(PACKED_FIXED(packed_item(fields, 0), &out->nonce));
    const struct packed models = packed_item(fields, 1);
    TRY(packed_array(models, 0, MODEL_STATES_MAX, &count));
    for (uint32_t i = 0; i < count; i++) {
        struct model_state *const state = &out->models[i];
        TRY(state_unpack(packed_item(models, i), state));
        if (i > 0 && bytes_compare(level_name_text(&out->models[i - 1].model),
                                   level_name_text(&state->model)) >= 0)
            return ST_MALFORMED;
    }
    out->count = count;
    return ST_OK;
}
