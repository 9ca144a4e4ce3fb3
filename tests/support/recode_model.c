/* recode_model.c - decode and encode again: models. */
#include "tests/support/recode_model.h"

#include "common/wire/model_msg.h"

/* Opened once, as long as the process lives. */
static struct unpacker *unpacker(void)
{
    static struct unpacker *opened;
    if (opened == NULL) INVARIANT(unpacker_open(&opened) == ST_OK);
    return opened;
}

static struct hasher *hasher(void)
{
    static struct hasher *opened;
    if (opened == NULL) INVARIANT(hasher_open(&opened) == ST_OK);
    return opened;
}

enum status recode_model_list(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct model_chunk chunks[MODEL_LIST_ENTRIES_MAX];
    size_t count = 0;
    (void)recoder;
    TRY(model_list_read(in, chunks, MODEL_LIST_ENTRIES_MAX, &count));
    for (size_t i = 0; i < count; i++)
        model_list_put(&chunks[i], out);
    return ST_OK;
}

enum status recode_model_manifest(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct model_manifest decoded;
    (void)recoder;
    TRY(model_manifest_decode(unpacker(), in, &decoded));
    model_manifest_encode(&decoded, out);
    return ST_OK;
}

enum status recode_model_chunk(struct recoder *recoder, struct bytes in, struct buf *out)
{
    struct packed value;
    struct bytes chunk;
    (void)recoder;
    TRY(packed_read(unpacker(), in, &value));
    TRY(packed_bin(value, SIZE_MAX, &chunk));
    const struct digest hash = hasher_of(hasher(), chunk);
    TRY(model_chunk_decode(unpacker(), hasher(), &hash, in, &chunk));
    model_chunk_encode(chunk, out);
    return ST_OK;
}

enum status recode_model_want(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct model_want decoded;
    (void)recoder;
    TRY(model_want_decode(unpacker(), in, &decoded));
    model_want_encode(&decoded, out);
    return ST_OK;
}

enum status recode_model_state(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct model_report decoded;
    (void)recoder;
    TRY(model_report_decode(unpacker(), in, &decoded));
    model_report_encode(&decoded, out);
    return ST_OK;
}
