/* wire_chain.c - random chained evidence entries. */
#include "tests/support/wire_chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

const struct node_name wire_node = {"edge-1"};

static struct evidence_header random_header(struct rng *rng)
{
    struct evidence_header header = {
        .type = (uint16_t)(1 + rng_below(rng, UINT16_MAX)),
        .codec = (uint16_t)rng_below(rng, 2),
        .flags = (uint16_t)(rng_below(rng, PRIORITY_COUNT) | rng_below(rng, 4) << 3),
        .node = wire_node,
        .wall_ns = rng_chance(rng, 200) ? INT64_MIN : random_int(rng),
        .mono_ns = rng_chance(rng, 200) ? UINT64_MAX : random_uint(rng),
        .boot_count = (uint32_t)random_uint(rng),
        .clock_uncertainty_ms = (uint32_t)random_uint(rng),
    };
    if (rng_chance(rng, 200)) header.clock_uncertainty_ms = CLOCK_NEVER_SYNCHRONISED;
    return header;
}

static void random_payload(struct rng *rng, struct evidence_header *header,
                           struct evidence_entry *entry, uint8_t memory[WIRE_PAYLOAD_SIZE],
                           struct hasher *hasher)
{
    entry->payload = BYTES_EMPTY;
    entry->form = (enum payload_form)rng_below(rng, 3);
    if (entry->form == PAYLOAD_INLINE) {
        rng_fill(rng, memory, WIRE_PAYLOAD_SIZE);
        entry->payload = bytes_of(memory, rng_below(rng, WIRE_PAYLOAD_SIZE));
        header->payload_len = entry->payload.size;
        header->payload_hash = hasher_of(hasher, entry->payload);
        return;
    }
    const uint64_t least = entry->form == PAYLOAD_PARTS ? INLINE_PAYLOAD_SIZE_MAX + 1 : 0;
    header->payload_len = least + rng_below(rng, PAYLOAD_SIZE_MAX - least + 1);
    rng_fill(rng, header->payload_hash.bytes, DIGEST_SIZE);
}

void wire_chain_fill(struct wire *wire, struct wire_chain *chain, uint64_t first_sequence,
                     size_t count)
{
    struct rng *const rng = &wire->rng;
    struct digest prev_hash = {0};
    uint64_t hlc = random_uint(rng) / 4;
    memset(chain, 0, sizeof *chain);
    chain->count = count;
    chain->head.first_sequence = first_sequence;
    rng_fill(rng, chain->head.log.bytes, LOG_ID_SIZE);
    rng_fill(rng, chain->head.key_id.bytes, KEY_ID_SIZE);
    if (first_sequence > 1) rng_fill(rng, prev_hash.bytes, DIGEST_SIZE);
    chain->head.prev_hash = prev_hash;
    for (size_t i = 0; i < count; i++) {
        struct evidence_header *const header = &chain->headers[i];
        struct evidence_entry *const entry = &chain->entries[i];
        hlc += 1 + random_uint(rng) / (8 * RUN_ENTRIES_MAX);
        *header = random_header(rng);
        header->log = chain->head.log;
        header->key_id = chain->head.key_id;
        header->sequence = first_sequence + i;
        header->hlc = hlc;
        header->prev_hash = prev_hash;
        random_payload(rng, header, entry, chain->payloads[i], wire->hasher);
        evidence_header_encode(header, &entry->header);
        rng_fill(rng, entry->signature.bytes, SIGNATURE_SIZE);
        prev_hash = evidence_hash(wire->hasher, &entry->header);
    }
    chain->head.checkpoint.size = first_sequence + count - 1;
    rng_fill(rng, chain->head.checkpoint.root.bytes, DIGEST_SIZE);
    rng_fill(rng, chain->head.checkpoint.signature.bytes, SIGNATURE_SIZE);
    rng_fill(rng, chain->head.checkpoint_key_id.bytes, KEY_ID_SIZE);
}

struct bytes wire_chain_encode(struct wire *wire, const struct wire_chain *chain)
{
    struct evidence_writer writer;
    struct buf out = wire_buf(wire);
    evidence_writer_begin(&writer, wire->scratch, sizeof wire->scratch);
    for (size_t i = 0; i < chain->count; i++)
        assert_true(evidence_writer_add(&writer, &chain->headers[i], &chain->entries[i],
                                        sizeof wire->scratch));
    evidence_msg_encode(&chain->head, &writer, &out);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

void expect_same_entry(const struct evidence_entry *a, const struct evidence_entry *b)
{
    assert_memory_equal(a->header.bytes, b->header.bytes, ENTRY_HEADER_SIZE);
    assert_true(signature_equal(&a->signature, &b->signature));
    assert_int_equal(a->form, b->form);
    assert_true(bytes_equal(a->payload, b->payload));
}
