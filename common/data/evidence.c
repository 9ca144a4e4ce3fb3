/* evidence.c - entry header codec, entry hashes and signatures, the chain rule. */
#include "common/data/evidence.h"

#include <string.h>

static const uint8_t header_magic[16] = "HOLDFAST-EVID-1";

/* Offsets of the table in evidence.h. */
enum {
    AT_MAGIC = 0,
    AT_HEADER_LEN = 16,
    AT_TYPE = 18,
    AT_CODEC = 20,
    AT_FLAGS = 22,
    AT_NODE = 24,
    AT_LOG = 56,
    AT_SEQUENCE = 72,
    AT_WALL_NS = 80,
    AT_MONO_NS = 88,
    AT_BOOT_COUNT = 96,
    AT_UNCERTAINTY = 100,
    AT_HLC = 104,
    AT_KEY_ID = 112,
    AT_PAYLOAD_LEN = 120,
    AT_PAYLOAD_HASH = 128,
    AT_PREV_HASH = 160,
    AT_END = 192,
};

_Static_assert(AT_END == (int)ENTRY_HEADER_SIZE, "the table covers the header");
_Static_assert(AT_LOG - AT_NODE == (int)NODE_NAME_SIZE, "a node name fits its field");

enum {
    FLAGS_KNOWN = EVIDENCE_PRIORITY_MASK | EVIDENCE_FLAG_TIME_UNTRUSTED | EVIDENCE_FLAG_BEST_EFFORT,
};

void evidence_header_encode(const struct evidence_header *header, struct header_bytes *out)
{
    uint8_t *const to = out->bytes;
    memcpy(to + AT_MAGIC, header_magic, sizeof header_magic);
    put_u16(to + AT_HEADER_LEN, ENTRY_HEADER_SIZE);
    put_u16(to + AT_TYPE, header->type);
    put_u16(to + AT_CODEC, header->codec);
    put_u16(to + AT_FLAGS, header->flags);
    memcpy(to + AT_NODE, header->node.text, NODE_NAME_SIZE);
    memcpy(to + AT_LOG, header->log.bytes, LOG_ID_SIZE);
    put_u64(to + AT_SEQUENCE, header->sequence);
    put_u64(to + AT_WALL_NS, (uint64_t)header->wall_ns);
    put_u64(to + AT_MONO_NS, header->mono_ns);
    put_u32(to + AT_BOOT_COUNT, header->boot_count);
    put_u32(to + AT_UNCERTAINTY, header->clock_uncertainty_ms);
    put_u64(to + AT_HLC, header->hlc);
    memcpy(to + AT_KEY_ID, header->key_id.bytes, KEY_ID_SIZE);
    put_u64(to + AT_PAYLOAD_LEN, header->payload_len);
    memcpy(to + AT_PAYLOAD_HASH, header->payload_hash.bytes, DIGEST_SIZE);
    memcpy(to + AT_PREV_HASH, header->prev_hash.bytes, DIGEST_SIZE);
}

static void read_fields(const uint8_t *from, struct evidence_header *out)
{
    out->type = get_u16(from + AT_TYPE);
    out->codec = get_u16(from + AT_CODEC);
    out->flags = get_u16(from + AT_FLAGS);
    memcpy(out->log.bytes, from + AT_LOG, LOG_ID_SIZE);
    out->sequence = get_u64(from + AT_SEQUENCE);
    out->wall_ns = (int64_t)get_u64(from + AT_WALL_NS);
    out->mono_ns = get_u64(from + AT_MONO_NS);
    out->boot_count = get_u32(from + AT_BOOT_COUNT);
    out->clock_uncertainty_ms = get_u32(from + AT_UNCERTAINTY);
    out->hlc = get_u64(from + AT_HLC);
    memcpy(out->key_id.bytes, from + AT_KEY_ID, KEY_ID_SIZE);
    out->payload_len = get_u64(from + AT_PAYLOAD_LEN);
    memcpy(out->payload_hash.bytes, from + AT_PAYLOAD_HASH, DIGEST_SIZE);
    memcpy(out->prev_hash.bytes, from + AT_PREV_HASH, DIGEST_SIZE);
}

static bool fields_ok(const struct evidence_header *header)
{
    if (header->type == 0) return false;
    if (header->sequence == 0) return false;
    if (header->payload_len > PAYLOAD_SIZE_MAX) return false;
    return (header->sequence == 1) == digest_is_zero(&header->prev_hash);
}

enum status evidence_header_decode(struct bytes bytes, struct evidence_header *out)
{
    if (bytes.size != ENTRY_HEADER_SIZE) return ST_MALFORMED;
    const uint8_t *const from = bytes.data;
    if (memcmp(from + AT_MAGIC, header_magic, sizeof header_magic) != 0) return ST_MALFORMED;
    if (get_u16(from + AT_HEADER_LEN) != ENTRY_HEADER_SIZE) return ST_MALFORMED;
    const struct bytes node_field = bytes_of(from + AT_NODE, NODE_NAME_SIZE);
    const size_t name_size = strnlen((const char *)node_field.data, NODE_NAME_SIZE);
    if (!bytes_all_zero(bytes_from(node_field, name_size))) return ST_MALFORMED;
    struct evidence_header header;
    TRY(node_name_from(bytes_of(node_field.data, name_size), &header.node));
    read_fields(from, &header);
    if (!fields_ok(&header)) return ST_MALFORMED;
    *out = header;
    return ST_OK;
}

const char *evidence_type_name(uint16_t type)
{
    switch (type) {
    case EVIDENCE_GENESIS:
        return "GENESIS";
    case EVIDENCE_TYPE:
        return "TYPE";
    case EVIDENCE_KEY_ROTATE:
        return "KEY_ROTATE";
    case EVIDENCE_LOSS:
        return "LOSS";
    case EVIDENCE_PRUNE:
        return "PRUNE";
    case EVIDENCE_CLOSE:
        return "CLOSE";
    case EVIDENCE_BOOT:
        return "BOOT";
    case EVIDENCE_CLOCK:
        return "CLOCK";
    case EVIDENCE_HEARTBEAT:
        return "HEARTBEAT";
    default:
        return NULL;
    }
}

static bool type_known(uint16_t type)
{
    return type > EVIDENCE_CRITICAL_MAX || evidence_type_name(type) != NULL;
}

bool evidence_understood(const struct evidence_header *header)
{
    if (header->codec != CODEC_RAW && header->codec != CODEC_MSGPACK) return false;
    if ((header->flags & ~FLAGS_KNOWN) != 0) return false;
    if (evidence_priority(header->flags) >= PRIORITY_COUNT) return false;
    return type_known(header->type);
}

struct digest evidence_hash(struct hasher *hasher, const struct header_bytes *header)
{
    return hasher_of(hasher, bytes_of(header->bytes, ENTRY_HEADER_SIZE));
}

struct digest evidence_leaf(struct hasher *hasher, const struct header_bytes *header,
                            const struct signature *signature)
{
    /* Copying 256 bytes costs less than two more calls into OpenSSL. */
    uint8_t input[1 + ENTRY_HEADER_SIZE + ENTRY_SIGNATURE_SIZE];
    input[0] = 0x00;
    memcpy(input + 1, header->bytes, ENTRY_HEADER_SIZE);
    memcpy(input + 1 + ENTRY_HEADER_SIZE, signature->bytes, ENTRY_SIGNATURE_SIZE);
    return hasher_of(hasher, bytes_of(input, sizeof input));
}

struct signature evidence_sign(const struct secret_key *key, const struct header_bytes *header)
{
    return sign_bytes(key, bytes_of(header->bytes, ENTRY_HEADER_SIZE));
}

bool evidence_signature_ok(const struct public_key *key, const struct header_bytes *header,
                           const struct signature *signature)
{
    return sign_verify(key, bytes_of(header->bytes, ENTRY_HEADER_SIZE), signature);
}

enum status evidence_follows(const struct chain_head *head, const struct evidence_header *header)
{
    if (header->sequence <= head->sequence) return ST_DUPLICATE;
    if (header->sequence - head->sequence > 1) return ST_GAP;
    if (!digest_equal(&header->prev_hash, &head->hash)) return ST_FORK;
    if (header->hlc <= head->hlc) return ST_FORGED;
    return ST_OK;
}

enum status evidence_payload_check(struct hasher *hasher, const struct evidence_header *header,
                                   struct bytes payload)
{
    if (payload.size != header->payload_len) return ST_FORGED;
    const struct digest hash = hasher_of(hasher, payload);
    return digest_equal(&hash, &header->payload_hash) ? ST_OK : ST_FORGED;
}
