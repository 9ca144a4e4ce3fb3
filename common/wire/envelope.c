/* envelope.c - the signed frame around every MQTT payload, and the only door to zstd. */
#include "common/wire/envelope.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "common/wire/fields.h"

enum {
    ENVELOPE_FIELD_COUNT = 7,
    COMPRESSION_LEVEL = 1, /* the link is rarely slower than the processor is short */
    /* Field 6 on the wire: two bytes of header, then the signature. */
    SIGNATURE_FIELD_SIZE = 2 + SIGNATURE_SIZE,
    MAGIC_SIZE = 4,
};

static const char frame_domain[] = "HOLDFAST-FRAME-1"; /* its NUL is part of it */

struct compressor {
    ZSTD_CCtx *deflate;
    ZSTD_DCtx *inflate;
    uint8_t squeezed[BODY_SIZE_MAX];
};

/* ------------------------------------------------------------ compression */

enum status compressor_open(struct compressor **out)
{
    struct compressor *compressor = calloc(1, sizeof(*compressor));
    if (compressor == NULL) return ST_NO_MEMORY;
    compressor->deflate = ZSTD_createCCtx();
    compressor->inflate = ZSTD_createDCtx();
    if (compressor->deflate == NULL || compressor->inflate == NULL) {
        compressor_close(compressor);
        return ST_NO_MEMORY;
    }
    *out = compressor;
    return ST_OK;
}

void compressor_close(struct compressor *compressor)
{
    if (compressor == NULL) return;
    ZSTD_freeCCtx(compressor->deflate);
    ZSTD_freeDCtx(compressor->inflate);
    free(compressor);
}

/* The compressed body, or empty when it does not get smaller: zstd stops at the capacity. */
static struct bytes squeeze(struct compressor *compressor, struct bytes body)
{
    if (compressor == NULL || body.size < 2) return BYTES_EMPTY;
    const size_t shorter = body.size - 1;
    const size_t capacity = shorter < BODY_SIZE_MAX ? shorter : BODY_SIZE_MAX;
    const size_t size = ZSTD_compressCCtx(compressor->deflate, compressor->squeezed, capacity,
                                          body.data, body.size, COMPRESSION_LEVEL);
    return ZSTD_isError(size) ? BYTES_EMPTY : bytes_of(compressor->squeezed, size);
}

enum status envelope_body(const struct envelope *envelope, struct compressor *compressor,
                          struct buf *scratch, struct bytes *out)
{
    const struct bytes body = envelope->body;
    if ((envelope->flags & ENVELOPE_FLAG_ZSTD) == 0) {
        *out = body;
        return ST_OK;
    }
    INVARIANT(compressor != NULL);
    /* Only today's format: the library also reads skippable frames and those of its old versions,
     * and both would be a second way to say the same thing. */
    static const uint8_t magic[MAGIC_SIZE] = {0x28, 0xB5, 0x2F, 0xFD};
    if (body.size < MAGIC_SIZE || memcmp(body.data, magic, MAGIC_SIZE) != 0) return ST_MALFORMED;
    const unsigned long long size = ZSTD_getFrameContentSize(body.data, body.size);
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR) return ST_MALFORMED;
    if (size > BODY_UNPACKED_SIZE_MAX || size > scratch->capacity) return ST_TOO_LARGE;
    /* The writer never sends a compressed body that is not smaller than the plain one. */
    if (size <= body.size) return ST_MALFORMED;
    if (ZSTD_findFrameCompressedSize(body.data, body.size) != body.size) return ST_MALFORMED;
    const size_t written = ZSTD_decompressDCtx(compressor->inflate, scratch->data,
                                               scratch->capacity, body.data, body.size);
    if (ZSTD_isError(written) || written != size) return ST_MALFORMED;
    scratch->size = written;
    *out = buf_bytes(scratch);
    return ST_OK;
}

/* -------------------------------------------------------------- signature */

enum { SIGNED_TEXT_SIZE_MAX = sizeof(frame_domain) + TOPIC_SIZE_MAX + 1 + DIGEST_SIZE };

/* Domain, topic, NUL, hash of the frame: no two (topic, frame) pairs give the same text, because
 * the last 32 bytes are the hash and the one before is the NUL. */
static struct bytes signed_text(struct bytes topic, struct bytes signed_part, struct hasher *hasher,
                                uint8_t memory[SIGNED_TEXT_SIZE_MAX])
{
    const struct digest digest = hasher_of(hasher, signed_part);
    struct buf text = buf_of(memory, SIGNED_TEXT_SIZE_MAX);
    buf_put(&text, bytes_of(frame_domain, sizeof(frame_domain)));
    buf_put(&text, topic);
    buf_put_u8(&text, 0);
    buf_put(&text, bytes_of(digest.bytes, DIGEST_SIZE));
    INVARIANT(buf_ok(&text));
    return buf_bytes(&text);
}

enum status envelope_verify(const struct envelope *envelope, const struct public_key *key,
                            struct bytes topic_below_root, struct hasher *hasher)
{
    if (topic_below_root.size > TOPIC_SIZE_MAX) return ST_FORGED;
    uint8_t memory[SIGNED_TEXT_SIZE_MAX];
    const struct bytes text = signed_text(topic_below_root, envelope->signed_part, hasher, memory);
    return sign_verify(key, text, &envelope->signature) ? ST_OK : ST_FORGED;
}

/* ------------------------------------------------------------------ frame */

static void frame_pack(const struct envelope_spec *spec, uint64_t flags, struct bytes body,
                       struct buf *out)
{
    const char *const sender = spec->sender->text;
    pack_array(out, ENVELOPE_FIELD_COUNT);
    pack_uint(out, ENVELOPE_VERSION);
    pack_uint(out, (uint64_t)spec->kind);
    pack_text(out, bytes_of(sender, strnlen(sender, NODE_NAME_SIZE)));
    pack_uint(out, spec->hlc);
    pack_uint(out, flags);
    pack_bin(out, body);
}

enum status envelope_write(const struct envelope_spec *spec, struct bytes body,
                           struct compressor *compressor, struct hasher *hasher, struct buf *out)
{
    if (spec->topic_below_root.size > TOPIC_SIZE_MAX) return ST_TOO_LARGE;
    if (body.size > BODY_UNPACKED_SIZE_MAX) return ST_TOO_LARGE;
    const struct bytes squeezed = squeeze(compressor, body);
    const bool is_squeezed = squeezed.size > 0;
    if (!is_squeezed && body.size > BODY_SIZE_MAX) return ST_TOO_LARGE;

    const struct buf before = *out;
    frame_pack(spec, is_squeezed ? ENVELOPE_FLAG_ZSTD : 0, is_squeezed ? squeezed : body, out);
    if (buf_ok(out)) {
        const struct bytes signed_part = bytes_from(buf_bytes(out), before.size);
        uint8_t memory[SIGNED_TEXT_SIZE_MAX];
        const struct bytes text = signed_text(spec->topic_below_root, signed_part, hasher, memory);
        const struct signature signature = sign_bytes(spec->key, text);
        PACK_FIXED(out, signature);
    }
    if (!buf_ok(out) || out->size - before.size > FRAME_SIZE_MAX) {
        *out = before;
        return ST_TOO_LARGE;
    }
    return ST_OK;
}

/* A node's name, or "cloud", which no node may have. */
static enum status sender_unpack(struct packed value, struct node_name *out)
{
    struct bytes text;
    TRY(packed_text(value, NODE_NAME_SIZE - 1, &text));
    if (!bytes_equal(text, BYTES_LITERAL("cloud"))) return node_name_from(text, out);
    *out = (struct node_name){"cloud"};
    return ST_OK;
}

enum status envelope_read(struct unpacker *unpacker, struct bytes frame, struct envelope *out)
{
    if (frame.size > FRAME_SIZE_MAX) return ST_TOO_LARGE;
    struct packed fields;
    TRY(packed_message(unpacker, frame, ENVELOPE_FIELD_COUNT, &fields));
    uint64_t version, kind, flags;
    TRY(packed_uint(packed_item(fields, 0), ENVELOPE_VERSION, &version));
    TRY(packed_uint(packed_item(fields, 1), FRAME_KIND_MAX, &kind));
    if (version != ENVELOPE_VERSION || kind == 0) return ST_MALFORMED;
    struct envelope envelope = {.kind = (enum frame_kind)kind};
    TRY(sender_unpack(packed_item(fields, 2), &envelope.sender));
    TRY(packed_uint(packed_item(fields, 3), UINT64_MAX, &envelope.hlc));
    TRY(packed_uint(packed_item(fields, 4), ENVELOPE_FLAG_ZSTD, &flags));
    TRY(packed_bin(packed_item(fields, 5), BODY_SIZE_MAX, &envelope.body));
    TRY(PACKED_FIXED(packed_item(fields, 6), &envelope.signature));
    envelope.flags = (uint32_t)flags;
    envelope.signed_part = bytes_of(frame.data, frame.size - SIGNATURE_FIELD_SIZE);
    *out = envelope;
    return ST_OK;
}
