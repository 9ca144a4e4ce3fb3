/* evidence_log.c - chaining, signing and writing entries; see evidence_log.h.
 *
 * A group commit does its work in this order: chain every entry as it comes (hash of the header
 * only), sign all of them at once at the flush, then leaf, tree and row for each, then one
 * commit. */
#include "edge-bridge/evidence_log.h"

#include <stdlib.h>
#include <string.h>

#include "edge-bridge/edge_state.h"
#include "edge-bridge/schema.h"

static const char *const sql[LOG_STATEMENT_COUNT] = {
    [LOG_INSERT_ENTRY] = "INSERT INTO evidence(position, priority, form, header, signature, leaf,"
                         " payload) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [LOG_INSERT_NODE] = "INSERT INTO tree_node(log, level, position, hash) VALUES(?1, ?2, ?3, ?4)",
    [LOG_INSERT_CHECKPOINT] =
        "INSERT OR REPLACE INTO checkpoint(log, size, root, signature) VALUES(?1, ?2, ?3, ?4)",
    [LOG_INSERT_LOG] = "INSERT INTO log(log_id, base, state, head_sequence, head_hash, head_hlc,"
                       " type_count, acked, delivered, created_ms)"
                       " VALUES(?1, ?2, 0, 0, zeroblob(32), 0, 0, 0, 0, ?3)",
    [LOG_SAVE_HEAD] = "UPDATE log SET head_sequence = ?2, head_hash = ?3, head_hlc = ?4,"
                      " type_count = ?5 WHERE id = ?1",
    [LOG_SAVE_STATE] = "UPDATE log SET state = ?2, acked = ?3, delivered = ?4 WHERE id = ?1",
    [LOG_FIND_TYPE] = "SELECT number FROM type_name WHERE log = ?1 AND name = ?2",
    [LOG_INSERT_TYPE] = "INSERT INTO type_name(log, name, number) VALUES(?1, ?2, ?3)",
    [LOG_LOAD_TALLY] = "SELECT accepted_entries, accepted_bytes, pending_entries, pending_bytes"
                       " FROM tally WHERE priority = ?1",
    [LOG_SAVE_TALLY] = "UPDATE tally SET accepted_entries = ?2, accepted_bytes = ?3,"
                       " pending_entries = ?4, pending_bytes = ?5 WHERE priority = ?1",
    [LOG_LAST_CHECKPOINT] = "SELECT size, root, signature FROM checkpoint WHERE log = ?1"
                            " ORDER BY size DESC LIMIT 1",
    [LOG_PUT_META] = "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)",
    [LOG_GET_META] = "SELECT value FROM meta WHERE key = ?1",
    [LOG_INSERT_LOST] = "INSERT OR REPLACE INTO lost_range(log, first, last, loss_log,"
                        " loss_sequence) VALUES(?1, ?2, ?3, ?4, ?5)",
    [LOG_STRIP_PAYLOAD] = "UPDATE evidence SET form = 1, payload = NULL WHERE position = ?1",
};

static enum status load_tallies(struct edge *edge)
{
    struct evidence_log *log = &edge->log;
    for (unsigned priority = 0; priority < PRIORITY_COUNT; priority++) {
        struct statement *statement = log->statements[LOG_LOAD_TALLY];
        bind_u64(statement, 1, priority);
        bool row;
        TRY(statement_step(statement, &row));
        if (!row) return ST_CORRUPT;
        struct tally *tally = &log->tallies[priority];
        tally->accepted_entries = column_u64(statement, 0);
        tally->accepted_bytes = column_u64(statement, 1);
        tally->pending_entries = column_u64(statement, 2);
        tally->pending_bytes = column_u64(statement, 3);
        statement_reset(statement);
    }
    return ST_OK;
}

static enum status load_last_checkpoint(struct edge *edge)
{
    struct evidence_log *log = &edge->log;
    struct statement *statement = log->statements[LOG_LAST_CHECKPOINT];
    bind_i64(statement, 1, log->row.id);
    bool row;
    TRY(statement_step(statement, &row));
    log->checkpoint_size = row ? column_u64(statement, 0) : 0;
    statement_reset(statement);
    return ST_OK;
}

enum status evidence_log_open(struct edge *edge)
{
    struct evidence_log *log = &edge->log;
    log->batch = calloc(BATCH_ENTRIES_MAX, sizeof(*log->batch));
    log->jobs = calloc(BATCH_ENTRIES_MAX, sizeof(*log->jobs));
    log->arena = buf_of(calloc(1, CONTROL_ARENA_SIZE), CONTROL_ARENA_SIZE);
    if (log->batch == NULL || log->jobs == NULL || log->arena.data == NULL) return ST_NO_MEMORY;
    TRY(statements_open(edge->db, sql, LOG_STATEMENT_COUNT, log->statements));
    TRY(load_tallies(edge));
    log->last_append_mono_ns = edge->now.mono_ns;
    log->checkpoint_mono_ns = edge->now.mono_ns;

    const enum status found = evidence_read_newest_log(edge, &log->row);
    if (found == ST_NOT_FOUND) return ST_OK; /* edge_create starts the first one */
    if (found != ST_OK) return found;
    TRY(load_last_checkpoint(edge));
    const enum status tree =
        evidence_read_tree(edge, &log->row, log->row.head.sequence, &log->tree);
    if (tree != ST_CORRUPT) return tree;
    /* Somebody took rows away. What is here can still be read, verified and sent, and the node goes
     * on in a new log. */
    log->tree_lost = true;
    log->tree.size = log->row.head.sequence;
    log->checkpoint_size = log->tree.size;
    return ST_OK;
}

void evidence_log_close(struct edge *edge)
{
    struct evidence_log *log = &edge->log;
    statements_close(log->statements, LOG_STATEMENT_COUNT);
    free(log->batch);
    free(log->jobs);
    free(log->arena.data);
    memset(log, 0, sizeof(*log));
}

/* Every field of the header but those the draft brings. */
static enum status header_of(struct edge *edge, const struct evidence_draft *draft,
                             struct evidence_header *header)
{
    const struct evidence_log *log = &edge->log;
    *header = (struct evidence_header){
        .type = draft->type,
        .codec = draft->codec,
        .flags = draft->flags,
        .node = edge->node,
        .log = log->row.log,
        .sequence = log->row.head.sequence + 1,
        .wall_ns = edge->now.wall_ns,
        .mono_ns = edge->now.mono_ns,
        .boot_count = log->boot_count,
        .clock_uncertainty_ms = edge->now.clock_uncertainty_ms,
        .key_id = edge->key_id,
        .prev_hash = log->row.head.hash,
    };
    if (edge->now.clock_uncertainty_ms == CLOCK_NEVER_SYNCHRONISED ||
        edge_wall_ms(edge) < CLOCK_EARLIEST_MS)
        header->flags |= EVIDENCE_FLAG_TIME_UNTRUSTED;
    if (draft->form == PAYLOAD_INLINE) {
        header->payload_len = draft->payload.size;
        header->payload_hash = hasher_of(edge->hasher, draft->payload);
    } else {
        header->payload_len = draft->payload_len;
        header->payload_hash = draft->payload_hash;
    }
    return edge_stamp(edge, &header->hlc);
}

static void count_accepted(struct evidence_log *log, unsigned priority, uint64_t bytes)
{
    struct tally *tally = &log->tallies[priority];
    tally->accepted_entries++;
    tally->accepted_bytes += bytes;
    tally->pending_entries++;
    tally->pending_bytes += bytes;
    tally->dirty = true;
}

enum status evidence_log_append(struct edge *edge, const struct evidence_draft *draft,
                                struct evidence_place *place)
{
    struct evidence_log *log = &edge->log;
    if (log->tree_lost) TRY(evidence_log_start(edge, "entries are missing from the local store"));
    if (log->batch_count == BATCH_ENTRIES_MAX) TRY(evidence_log_flush(edge));

    struct evidence_header header;
    TRY(header_of(edge, draft, &header));
    struct batch_entry *entry = &log->batch[log->batch_count++];
    evidence_header_encode(&header, &entry->header);
    entry->hash = evidence_hash(edge->hasher, &entry->header);
    entry->payload = draft->payload;
    entry->form = draft->form;
    entry->upload = draft->upload;
    entry->priority = evidence_priority(header.flags);

    log->row.head = (struct chain_head){header.sequence, entry->hash, header.hlc};
    log->head_dirty = true;
    log->last_append_mono_ns = edge->now.mono_ns;
    count_accepted(log, entry->priority, header.payload_len);
    *place = (struct evidence_place){
        .log = log->row.log,
        .sequence = header.sequence,
        .position = log->row.base + header.sequence,
        .hash = entry->hash,
    };
    return ST_OK;
}

enum status evidence_log_type(struct edge *edge, const struct level_name *name, uint16_t *number)
{
    struct evidence_log *log = &edge->log;
    if (log->type_number != 0 && strcmp(log->type_name.text, name->text) == 0) {
        *number = log->type_number;
        return ST_OK;
    }
    struct statement *find = log->statements[LOG_FIND_TYPE];
    bind_i64(find, 1, log->row.id);
    bind_text(find, 2, bytes_of_text(name->text));
    bool row;
    TRY(statement_step(find, &row));
    if (row) {
        *number = (uint16_t)column_u64(find, 0);
        statement_reset(find);
    } else {
        if (log->row.type_count >= LOG_TYPES_MAX) return ST_FULL;
        *number = (uint16_t)(EVIDENCE_FIRST_NAMED + log->row.type_count);
        log->row.type_count++;
        struct statement *insert = log->statements[LOG_INSERT_TYPE];
        bind_i64(insert, 1, log->row.id);
        bind_text(insert, 2, bytes_of_text(name->text));
        bind_u64(insert, 3, *number);
        TRY(statement_run(insert));
        uint8_t payload[LEVEL_NAME_SIZE_MAX + 16];
        struct buf out = buf_of(payload, sizeof(payload));
        const struct type_entry type = {*number, bytes_of_text(name->text)};
        type_entry_encode(&type, &out);
        TRY(evidence_log_control(edge, EVIDENCE_TYPE, 1, buf_bytes(&out)));
    }
    log->type_name = *name;
    log->type_number = *number;
    return ST_OK;
}

/* tree_append calls this for every subtree that an entry completes. */
static void store_node(void *context, unsigned level, uint64_t position, const struct digest *hash)
{
    struct edge *edge = context;
    struct evidence_log *log = &edge->log;
    if (level < STORED_LEVEL_MIN || log->node_status != ST_OK) return;
    struct statement *insert = log->statements[LOG_INSERT_NODE];
    bind_i64(insert, 1, log->row.id);
    bind_u64(insert, 2, level);
    bind_u64(insert, 3, position);
    bind_blob(insert, 4, bytes_of(hash->bytes, DIGEST_SIZE));
    log->node_status = statement_run(insert);
}

static enum status store_entry(struct edge *edge, const struct batch_entry *entry,
                               const struct signature *signature, const struct digest *leaf)
{
    struct statement *insert = edge->log.statements[LOG_INSERT_ENTRY];
    bind_u64(insert, 1, edge->log.row.base + edge->log.tree.size + 1);
    bind_u64(insert, 2, entry->priority);
    bind_u64(insert, 3, entry->form);
    bind_blob(insert, 4, bytes_of(entry->header.bytes, ENTRY_HEADER_SIZE));
    bind_blob(insert, 5, bytes_of(signature->bytes, SIGNATURE_SIZE));
    bind_blob(insert, 6, bytes_of(leaf->bytes, DIGEST_SIZE));
    if (entry->form == PAYLOAD_INLINE)
        bind_blob(insert, 7, entry->payload);
    else if (entry->form == PAYLOAD_PARTS)
        bind_u64(insert, 7, entry->upload);
    else
        bind_null(insert, 7);
    return statement_run(insert);
}

static enum status store_checkpoint(struct edge *edge, struct checkpoint *out)
{
    struct evidence_log *log = &edge->log;
    const struct digest root = tree_root(&log->tree, edge->hasher);
    *out = checkpoint_sign(edge->key, &edge->node, &log->row.log, log->tree.size, &root);
    struct statement *insert = log->statements[LOG_INSERT_CHECKPOINT];
    bind_i64(insert, 1, log->row.id);
    bind_u64(insert, 2, out->size);
    bind_blob(insert, 3, bytes_of(out->root.bytes, DIGEST_SIZE));
    bind_blob(insert, 4, bytes_of(out->signature.bytes, SIGNATURE_SIZE));
    log->checkpoint_size = out->size;
    log->checkpoint_mono_ns = edge->now.mono_ns;
    return statement_run(insert);
}

static enum status save_head(struct edge *edge)
{
    struct evidence_log *log = &edge->log;
    struct statement *save = log->statements[LOG_SAVE_HEAD];
    bind_i64(save, 1, log->row.id);
    bind_u64(save, 2, log->row.head.sequence);
    bind_blob(save, 3, bytes_of(log->row.head.hash.bytes, DIGEST_SIZE));
    bind_u64(save, 4, log->row.head.hlc);
    bind_u64(save, 5, log->row.type_count);
    log->head_dirty = false;
    return statement_run(save);
}

enum status evidence_log_save_tallies(struct edge *edge)
{
    for (unsigned priority = 0; priority < PRIORITY_COUNT; priority++) {
        struct tally *tally = &edge->log.tallies[priority];
        if (!tally->dirty) continue;
        struct statement *save = edge->log.statements[LOG_SAVE_TALLY];
        bind_u64(save, 1, priority);
        bind_u64(save, 2, tally->accepted_entries);
        bind_u64(save, 3, tally->accepted_bytes);
        bind_u64(save, 4, tally->pending_entries);
        bind_u64(save, 5, tally->pending_bytes);
        TRY(statement_run(save));
        tally->dirty = false;
    }
    return ST_OK;
}

static bool checkpoint_is_due(const struct edge *edge)
{
    const struct evidence_log *log = &edge->log;
    if (log->tree.size == log->checkpoint_size) return false;
    if (log->tree.size - log->checkpoint_size >= CHECKPOINT_INTERVAL_ENTRIES) return true;
    const uint64_t age_ns = edge->now.mono_ns - log->checkpoint_mono_ns;
    return age_ns >= (uint64_t)edge->settings.checkpoint_ms * 1000000;
}

enum status evidence_log_flush(struct edge *edge)
{
    struct evidence_log *log = &edge->log;
    const struct tree_sink sink = {store_node, edge};
    struct checkpoint checkpoint;
    for (size_t i = 0; i < log->batch_count; i++)
        log->jobs[i].header = &log->batch[i].header;
    if (log->batch_count > 0) port_sign_many(edge->port, edge->key, log->jobs, log->batch_count);

    for (size_t i = 0; i < log->batch_count; i++) {
        const struct batch_entry *entry = &log->batch[i];
        const struct signature *signature = &log->jobs[i].signature;
        const struct digest leaf = evidence_leaf(edge->hasher, &entry->header, signature);
        TRY(store_entry(edge, entry, signature, &leaf));
        tree_append(&log->tree, edge->hasher, &leaf, &sink);
        TRY(log->node_status);
        if (log->tree.size - log->checkpoint_size >= CHECKPOINT_INTERVAL_ENTRIES)
            TRY(store_checkpoint(edge, &checkpoint));
    }
    log->batch_count = 0;
    log->arena.size = 0;
    if (checkpoint_is_due(edge)) TRY(store_checkpoint(edge, &checkpoint));
    if (log->head_dirty) TRY(save_head(edge));
    return evidence_log_save_tallies(edge);
}

enum status evidence_log_checkpoint(struct edge *edge, struct checkpoint *out)
{
    struct evidence_log *log = &edge->log;
    INVARIANT(log->batch_count == 0);
    if (log->checkpoint_size < log->tree.size) return store_checkpoint(edge, out);
    struct statement *statement = log->statements[LOG_LAST_CHECKPOINT];
    bind_i64(statement, 1, log->row.id);
    bool row;
    TRY(statement_step(statement, &row));
    if (!row) return ST_NOT_FOUND;
    out->size = column_u64(statement, 0);
    enum status status = column_fixed(statement, 1, out->root.bytes, DIGEST_SIZE);
    if (status == ST_OK) status = column_fixed(statement, 2, out->signature.bytes, SIGNATURE_SIZE);
    statement_reset(statement);
    return status;
}

enum status evidence_log_place_at(struct edge *edge, uint64_t position, struct evidence_place *out,
                                  struct digest *payload_hash)
{
    struct evidence_log *log = &edge->log;
    struct evidence_row row;
    struct evidence_header header;
    const uint64_t flushed = log->row.base + log->tree.size;
    if (position > flushed && position <= flushed + log->batch_count) {
        const struct batch_entry *entry = &log->batch[position - flushed - 1];
        TRY(evidence_header_decode(bytes_of(entry->header.bytes, ENTRY_HEADER_SIZE), &header));
        out->hash = entry->hash;
    } else {
        const struct log_row whole = {.base = 0};
        const enum status status = evidence_read_entry(edge, &whole, position, &row);
        if (status != ST_OK) return status;
        const struct bytes bytes = bytes_of(row.entry.header.bytes, ENTRY_HEADER_SIZE);
        const enum status decoded = evidence_header_decode(bytes, &header);
        out->hash = evidence_hash(edge->hasher, &row.entry.header);
        evidence_scan_end(edge);
        TRY(decoded);
    }
    out->log = header.log;
    out->sequence = header.sequence;
    out->position = position;
    *payload_hash = header.payload_hash;
    return ST_OK;
}

enum status evidence_log_delivered(struct edge *edge, unsigned priority, uint64_t entries,
                                   uint64_t bytes)
{
    struct tally *tally = &edge->log.tallies[priority];
    if (tally->pending_entries < entries || tally->pending_bytes < bytes) return ST_CORRUPT;
    tally->pending_entries -= entries;
    tally->pending_bytes -= bytes;
    edge->counters.entries_delivered += entries;
    tally->dirty = true;
    return ST_OK;
}

enum status evidence_log_undelivered(struct edge *edge, unsigned priority, uint64_t entries,
                                     uint64_t bytes)
{
    struct tally *tally = &edge->log.tallies[priority];
    tally->pending_entries += entries;
    tally->pending_bytes += bytes;
    tally->dirty = true;
    return ST_OK;
}
