/* cloud_rig_log.c - the logs of hand-made nodes; see cloud_rig.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/cloud_rig.h"
#include "tests/support/test_log.h"

#define START_MS INT64_C(1800000000000)

void rig_log_open_empty(struct rig_log *log, const char *node, uint8_t key_seed, uint8_t log_seed)
{
    memset(log, 0, sizeof *log);
    assert_int_equal(node_name_from(bytes_of_text(node), &log->node), ST_OK);
    memset(log->log.bytes, log_seed, LOG_ID_SIZE);
    log->key = test_key_open(key_seed);
    log->public_key = secret_key_public(log->key);
    assert_int_equal(hasher_open(&log->hasher), ST_OK);
    log->payloads = malloc(RIG_PAYLOADS_SIZE);
    assert_non_null(log->payloads);
}

void rig_log_open(struct rig_log *log, const char *node, uint8_t key_seed, uint8_t log_seed)
{
    rig_log_open_empty(log, node, key_seed, log_seed);
    const struct genesis genesis = {.key = log->public_key, .wall_ms = START_MS};
    rig_log_genesis(log, &genesis);
    rig_log_type(log, EVIDENCE_FIRST_NAMED, "log");
}

void rig_log_close(struct rig_log *log)
{
    free(log->payloads);
    hasher_close(log->hasher);
    secret_key_close(log->key);
    memset(log, 0, sizeof *log);
}

static void seal(struct rig_log *log, struct rig_entry *entry)
{
    evidence_header_encode(&entry->fields, &entry->entry.header);
    entry->entry.signature = evidence_sign(log->key, &entry->entry.header);
    entry->hash = evidence_hash(log->hasher, &entry->entry.header);
    entry->leaf = evidence_leaf(log->hasher, &entry->entry.header, &entry->entry.signature);
    log->head = (struct chain_head){entry->fields.sequence, entry->hash, entry->fields.hlc};
}

static struct rig_entry *add(struct rig_log *log, struct evidence_header fields)
{
    assert_true(log->count < RIG_LOG_ENTRIES_MAX);
    struct rig_entry *const entry = &log->entries[log->count++];
    const int64_t now_ms = START_MS + (int64_t)log->count * 1000;
    fields.node = log->node;
    fields.log = log->log;
    fields.sequence = log->count;
    if (fields.wall_ns == 0) fields.wall_ns = now_ms * 1000000;
    if (fields.mono_ns == 0) fields.mono_ns = log->count * 1000000000;
    if (fields.boot_count == 0) fields.boot_count = 1;
    if (fields.hlc == 0) fields.hlc = (uint64_t)now_ms << 16;
    fields.key_id = key_id_of(&log->public_key);
    fields.prev_hash = log->head.hash;
    *entry = (struct rig_entry){.fields = fields};
    return entry;
}

struct rig_entry *rig_log_add(struct rig_log *log, struct evidence_header fields,
                              struct bytes payload)
{
    assert_true(log->payloads_size + payload.size <= RIG_PAYLOADS_SIZE);
    uint8_t *const copy = log->payloads + log->payloads_size;
    if (payload.size > 0) memcpy(copy, payload.data, payload.size);
    log->payloads_size += payload.size;
    fields.payload_len = payload.size;
    fields.payload_hash = hasher_of(log->hasher, payload);
    struct rig_entry *const entry = add(log, fields);
    entry->entry.form = PAYLOAD_INLINE;
    entry->entry.payload = bytes_of(copy, payload.size);
    seal(log, entry);
    return entry;
}

void rig_log_parts(struct rig_log *log, struct bytes payload)
{
    struct evidence_header fields = {.type = EVIDENCE_FIRST_NAMED, .flags = 3};
    fields.payload_len = payload.size;
    fields.payload_hash = hasher_of(log->hasher, payload);
    struct rig_entry *const entry = add(log, fields);
    entry->entry.form = PAYLOAD_PARTS;
    seal(log, entry);
}

static void add_control(struct rig_log *log, uint16_t type, const struct buf *payload)
{
    assert_true(buf_ok(payload));
    const struct evidence_header fields = {.type = type, .codec = CODEC_MSGPACK};
    rig_log_add(log, fields, buf_bytes(payload));
}

void rig_log_genesis(struct rig_log *log, const struct genesis *genesis)
{
    uint8_t memory[512];
    struct buf payload = buf_of(memory, sizeof memory);
    genesis_encode(genesis, &payload);
    add_control(log, EVIDENCE_GENESIS, &payload);
}

void rig_log_type(struct rig_log *log, uint16_t number, const char *name)
{
    uint8_t memory[128];
    struct buf payload = buf_of(memory, sizeof memory);
    const struct type_entry type = {number, bytes_of_text(name)};
    type_entry_encode(&type, &payload);
    add_control(log, EVIDENCE_TYPE, &payload);
}

void rig_log_close_entry(struct rig_log *log)
{
    uint8_t memory[128];
    struct buf payload = buf_of(memory, sizeof memory);
    close_encode(BYTES_LITERAL("done"), &payload);
    add_control(log, EVIDENCE_CLOSE, &payload);
}

void rig_log_loss(struct rig_log *log, uint64_t from, uint64_t to)
{
    static struct loss loss;
    static uint8_t memory[8192];
    struct buf payload = buf_of(memory, sizeof memory);
    uint8_t levels[LOSS_NODES_MAX];
    memset(&loss, 0, sizeof loss);
    loss.from = from;
    loss.to = to;
    loss.reason = BYTES_LITERAL("disk");
    loss.last_hash = log->entries[to - 1].hash;
    loss.node_count = tree_range_levels(from - 1, to, levels);
    uint64_t at = from - 1;
    for (size_t i = 0; i < loss.node_count; i++) {
        struct digest leaves[RIG_LOG_ENTRIES_MAX];
        const size_t count = (size_t)1 << levels[i];
        for (size_t j = 0; j < count; j++)
            leaves[j] = log->entries[at + j].leaf;
        loss.nodes[i] = tree_root_of(log->hasher, leaves, count);
        at += count;
    }
    loss_encode(&loss, &payload);
    add_control(log, EVIDENCE_LOSS, &payload);
}

void rig_log_fill(struct rig_log *log, const char *word, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char payload[64];
        const int size = snprintf(payload, sizeof payload, "%s-%zu", word, log->count + 1);
        const struct evidence_header fields = {.type = EVIDENCE_FIRST_NAMED, .flags = 3};
        rig_log_add(log, fields, bytes_of(payload, (size_t)size));
    }
}

void rig_log_redo(struct rig_log *log, size_t index)
{
    log->head = (struct chain_head){0};
    if (index > 0) log->head.hash = log->entries[index - 1].hash;
    for (size_t i = index; i < log->count; i++) {
        log->entries[i].fields.prev_hash = log->head.hash;
        seal(log, &log->entries[i]);
    }
}

struct tree rig_log_tree(const struct rig_log *log, uint64_t size)
{
    struct tree tree;
    tree_init(&tree);
    for (uint64_t i = 0; i < size; i++)
        tree_append(&tree, log->hasher, &log->entries[i].leaf, NULL);
    return tree;
}

struct checkpoint rig_log_checkpoint(const struct rig_log *log, uint64_t size)
{
    const struct tree tree = rig_log_tree(log, size);
    const struct digest root = tree_root(&tree, log->hasher);
    return checkpoint_sign(log->key, &log->node, &log->log, size, &root);
}
