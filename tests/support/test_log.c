/* test_log.c - deterministic keys and logs for tests. */
#include "tests/support/test_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 2025-06-01 00:00:00 UTC: where the counted time starts. */
#define TIME_START_MS INT64_C(1748736000000)

/* Support is also linked into tools without cmocka: a fault of the test itself aborts. */
static void must(bool condition)
{
    INVARIANT(condition);
}

struct secret_key *test_key_open(uint8_t seed_byte)
{
    uint8_t seed[SECRET_SEED_SIZE];
    memset(seed, seed_byte, sizeof seed);
    must(crypto_start() == ST_OK);
    struct secret_key *key = NULL;
    must(secret_key_open(seed, &key) == ST_OK);
    return key;
}

void test_log_open(struct test_log *log, const char *node, uint8_t seed_byte)
{
    memset(log, 0, sizeof *log);
    must(node_name_from(bytes_of_text(node), &log->node) == ST_OK);
    for (unsigned i = 0; i < LOG_ID_SIZE; i++) {
        log->log.bytes[i] = (uint8_t)(seed_byte + i);
    }
    log->key = test_key_open(seed_byte);
    log->public_key = secret_key_public(log->key);
    must(hasher_open(&log->hasher) == ST_OK);
    tree_init(&log->tree);
    log->entries = calloc(TEST_LOG_ENTRIES_MAX, sizeof *log->entries);
    must(log->entries != NULL);
}

void test_log_close(struct test_log *log)
{
    free(log->entries);
    hasher_close(log->hasher);
    secret_key_close(log->key);
    memset(log, 0, sizeof *log);
}

/* Fills in whatever the caller left at 0 and the chain demands. */
static struct evidence_header complete(struct test_log *log, struct evidence_header fields,
                                       struct bytes payload)
{
    const uint64_t sequence = log->head.sequence + 1;
    const int64_t now_ms = TIME_START_MS + (int64_t)sequence * 1000;
    fields.node = log->node;
    fields.log = log->log;
    fields.sequence = sequence;
    if (fields.wall_ns == 0) fields.wall_ns = now_ms * 1000000;
    if (fields.mono_ns == 0) fields.mono_ns = sequence * 1000000000;
    if (fields.boot_count == 0) fields.boot_count = 1;
    if (fields.hlc == 0) {
        const uint64_t stamp = (uint64_t)now_ms << 16;
        fields.hlc = stamp > log->head.hlc ? stamp : log->head.hlc + 1;
    }
    fields.key_id = key_id_of(&log->public_key);
    fields.payload_len = payload.size;
    fields.payload_hash = hasher_of(log->hasher, payload);
    fields.prev_hash = log->head.hash;
    return fields;
}

struct test_entry *test_log_append(struct test_log *log, struct evidence_header fields,
                                   struct bytes payload)
{
    must(log->count < TEST_LOG_ENTRIES_MAX && payload.size <= TEST_PAYLOAD_SIZE_MAX);
    struct test_entry *const entry = &log->entries[log->count++];
    if (payload.size > 0) memcpy(entry->payload, payload.data, payload.size);
    entry->fields = complete(log, fields, payload);
    evidence_header_encode(&entry->fields, &entry->entry.header);
    entry->entry.signature = evidence_sign(log->key, &entry->entry.header);
    entry->entry.form = PAYLOAD_INLINE;
    entry->entry.payload = bytes_of(entry->payload, payload.size);
    entry->hash = evidence_hash(log->hasher, &entry->entry.header);
    entry->leaf = evidence_leaf(log->hasher, &entry->entry.header, &entry->entry.signature);
    must(evidence_follows(&log->head, &entry->fields) == ST_OK);
    log->head = (struct chain_head){entry->fields.sequence, entry->hash, entry->fields.hlc};
    tree_append(&log->tree, log->hasher, &entry->leaf, NULL);
    return entry;
}

void test_log_fill(struct test_log *log, size_t count)
{
    while (log->count < count) {
        if (log->count == 0) {
            const struct evidence_header genesis = {.type = EVIDENCE_GENESIS,
                                                    .codec = CODEC_MSGPACK};
            test_log_append(log, genesis, BYTES_LITERAL("genesis"));
            continue;
        }
        char payload[64];
        const int size = snprintf(payload, sizeof payload, "{\"reading\":%zu}", log->count);
        const struct evidence_header reading = {.type = EVIDENCE_FIRST_NAMED, .flags = 3};
        test_log_append(log, reading, bytes_of(payload, (size_t)size));
    }
}

struct checkpoint test_log_checkpoint(const struct test_log *log)
{
    const struct digest root = tree_root(&log->tree, log->hasher);
    return checkpoint_sign(log->key, &log->node, &log->log, log->tree.size, &root);
}
