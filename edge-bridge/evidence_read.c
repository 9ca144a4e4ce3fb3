/* evidence_read.c - reading entries, tree frontiers and log rows, with every byte checked. */
#include "edge-bridge/evidence_read.h"

#include <string.h>

#include "edge-bridge/edge_state.h"

#define LOG_COLUMNS                                                                                \
    "id, log_id, base, state, head_sequence, head_hash, head_hlc, type_count, acked, delivered,"   \
    " created_ms"
#define ROW_COLUMNS "position, priority, form, header, signature, leaf, payload"

static const char *const sql[READ_COUNT] = {
    [READ_ONE] = "SELECT " ROW_COLUMNS " FROM evidence WHERE position = ?1",
    [READ_FROM] =
        "SELECT " ROW_COLUMNS " FROM evidence WHERE position BETWEEN ?1 AND ?2 ORDER BY position",
    [READ_LEAVES] =
        "SELECT position, leaf FROM evidence WHERE position BETWEEN ?1 AND ?2 ORDER BY position",
    [READ_PART] = "SELECT bytes FROM payload_part WHERE upload = ?1 AND part = ?2",
    [READ_LOG_NEWEST] = "SELECT " LOG_COLUMNS " FROM log ORDER BY id DESC LIMIT 1",
    [READ_LOG_BY_ID] = "SELECT " LOG_COLUMNS " FROM log WHERE log_id = ?1",
    [READ_LOGS] = "SELECT " LOG_COLUMNS " FROM log WHERE id > ?1 ORDER BY id LIMIT 1",
    [READ_LOG_PENDING] =
        "SELECT " LOG_COLUMNS " FROM log WHERE id > ?1 AND delivered < head_sequence AND state <> 2"
        " ORDER BY id LIMIT 1",
    [READ_NODE] = "SELECT hash FROM tree_node WHERE log = ?1 AND level = ?2 AND position = ?3",
};

enum status evidence_reader_open(struct edge *edge)
{
    return statements_open(edge->db, sql, READ_COUNT, edge->reader.statements);
}

void evidence_reader_close(struct edge *edge)
{
    statements_close(edge->reader.statements, READ_COUNT);
}

static enum status log_row_load(struct statement *statement, struct log_row *out)
{
    out->id = column_i64(statement, 0);
    TRY(column_fixed(statement, 1, out->log.bytes, LOG_ID_SIZE));
    out->base = column_u64(statement, 2);
    out->state = (enum log_state)column_i64(statement, 3);
    out->head.sequence = column_u64(statement, 4);
    TRY(column_fixed(statement, 5, out->head.hash.bytes, DIGEST_SIZE));
    out->head.hlc = column_u64(statement, 6);
    out->type_count = (uint32_t)column_u64(statement, 7);
    out->acked = column_u64(statement, 8);
    out->delivered = column_u64(statement, 9);
    out->created_ms = column_i64(statement, 10);
    return ST_OK;
}

static enum status log_row_one(struct statement *statement, struct log_row *out)
{
    bool row;
    TRY(statement_step(statement, &row));
    if (!row) return ST_NOT_FOUND;
    const enum status status = log_row_load(statement, out);
    statement_reset(statement);
    return status;
}

enum status evidence_read_log(struct edge *edge, const struct log_id *log, struct log_row *out)
{
    struct statement *statement = edge->reader.statements[READ_LOG_BY_ID];
    bind_blob(statement, 1, bytes_of(log->bytes, LOG_ID_SIZE));
    return log_row_one(statement, out);
}

enum status evidence_read_newest_log(struct edge *edge, struct log_row *out)
{
    return log_row_one(edge->reader.statements[READ_LOG_NEWEST], out);
}

enum status evidence_read_next_log(struct edge *edge, int64_t after_id, struct log_row *out)
{
    struct statement *statement = edge->reader.statements[READ_LOGS];
    bind_i64(statement, 1, after_id);
    return log_row_one(statement, out);
}

enum status evidence_read_pending_log(struct edge *edge, int64_t after_id, struct log_row *out)
{
    struct statement *statement = edge->reader.statements[READ_LOG_PENDING];
    bind_i64(statement, 1, after_id);
    return log_row_one(statement, out);
}

/* Does what is stored belong together, and is it the entry that should stand here? */
static void judge(struct edge *edge, const struct log_row *log, struct evidence_row *row)
{
    const struct evidence_entry *entry = &row->entry;
    row->damage = ROW_HEADER_BAD;
    const struct bytes header = bytes_of(entry->header.bytes, ENTRY_HEADER_SIZE);
    if (evidence_header_decode(header, &row->header) != ST_OK) return;
    if (!log_id_equal(&row->header.log, &log->log)) return;
    if (row->header.sequence + log->base != row->position) return;
    const struct digest leaf = evidence_leaf(edge->hasher, &entry->header, &entry->signature);
    if (!digest_equal(&leaf, &row->leaf)) return;
    if (!evidence_understood(&row->header)) return;
    row->damage = ROW_PAYLOAD_BAD;
    if (entry->form == PAYLOAD_INLINE &&
        evidence_payload_check(edge->hasher, &row->header, entry->payload) != ST_OK)
        return;
    row->damage = ROW_GOOD;
}

static void row_load(struct edge *edge, const struct log_row *log, struct statement *statement,
                     struct evidence_row *out)
{
    memset(&out->entry, 0, sizeof(out->entry));
    out->position = column_u64(statement, 0);
    const uint64_t priority = column_u64(statement, 1); /* an index into tallies: never believed */
    out->priority = priority < PRIORITY_COUNT ? (unsigned)priority : PRIORITY_COUNT - 1;
    out->entry.form = (enum payload_form)column_i64(statement, 2);
    out->damage = ROW_HEADER_BAD;
    out->upload = 0;
    out->leaf = (struct digest){0};
    if (column_fixed(statement, 3, out->entry.header.bytes, ENTRY_HEADER_SIZE) != ST_OK) return;
    if (column_fixed(statement, 4, out->entry.signature.bytes, SIGNATURE_SIZE) != ST_OK) return;
    if (column_fixed(statement, 5, out->leaf.bytes, DIGEST_SIZE) != ST_OK) return;
    if (out->entry.form == PAYLOAD_INLINE)
        out->entry.payload = column_bytes(statement, 6);
    else if (out->entry.form == PAYLOAD_PARTS)
        out->upload = column_u64(statement, 6);
    else
        out->entry.form = PAYLOAD_ABSENT;
    judge(edge, log, out);
}

enum status evidence_read_entry(struct edge *edge, const struct log_row *log, uint64_t sequence,
                                struct evidence_row *out)
{
    struct statement *statement = edge->reader.statements[READ_ONE];
    statement_reset(statement); /* the payload of the row read before was borrowed from it */
    bind_u64(statement, 1, log->base + sequence);
    bool row;
    TRY(statement_step(statement, &row));
    if (!row) return ST_NOT_FOUND;
    row_load(edge, log, statement, out);
    return ST_OK;
}

enum status evidence_scan_begin(struct edge *edge, const struct log_row *log, uint64_t sequence,
                                uint64_t count)
{
    struct statement *statement = edge->reader.statements[READ_FROM];
    statement_reset(statement);
    bind_u64(statement, 1, log->base + sequence);
    bind_u64(statement, 2, log->base + sequence + count - 1);
    return ST_OK;
}

enum status evidence_scan_next(struct edge *edge, const struct log_row *log, bool *row,
                               struct evidence_row *out)
{
    struct statement *statement = edge->reader.statements[READ_FROM];
    TRY(statement_step(statement, row));
    if (*row) row_load(edge, log, statement, out);
    return ST_OK;
}

void evidence_scan_end(struct edge *edge)
{
    statement_reset(edge->reader.statements[READ_FROM]);
    statement_reset(edge->reader.statements[READ_ONE]);
}

struct digest evidence_row_hash(struct edge *edge, const struct evidence_row *row)
{
    return evidence_hash(edge->hasher, &row->entry.header);
}

enum status evidence_read_hash(struct edge *edge, const struct log_row *log, uint64_t sequence,
                               struct digest *out)
{
    *out = (struct digest){0};
    if (sequence == 0) return ST_OK;
    if (sequence == log->head.sequence) {
        *out = log->head.hash;
        return ST_OK;
    }
    struct evidence_row row;
    enum status status = evidence_read_entry(edge, log, sequence, &row);
    if (status == ST_OK && row.damage != ROW_HEADER_BAD) {
        *out = evidence_row_hash(edge, &row);
        evidence_scan_end(edge);
        return ST_OK;
    }
    if (status != ST_OK && status != ST_NOT_FOUND) return status;
    /* A header that is damaged or gone still has its hash in the entry after it. */
    status = evidence_read_entry(edge, log, sequence + 1, &row);
    if (status == ST_OK && row.damage == ROW_HEADER_BAD) status = ST_CORRUPT;
    if (status == ST_OK) *out = row.header.prev_hash;
    evidence_scan_end(edge);
    return status == ST_NOT_FOUND ? ST_CORRUPT : status;
}

enum status evidence_read_part(struct edge *edge, uint64_t upload, uint32_t part, struct bytes *out)
{
    struct statement *statement = edge->reader.statements[READ_PART];
    statement_reset(statement);
    bind_u64(statement, 1, upload);
    bind_u64(statement, 2, part);
    bool row;
    TRY(statement_step(statement, &row));
    if (!row) return ST_NOT_FOUND;
    *out = column_bytes(statement, 0);
    return ST_OK;
}

void evidence_read_part_end(struct edge *edge)
{
    statement_reset(edge->reader.statements[READ_PART]);
}

static enum status read_node(struct edge *edge, const struct log_row *log, unsigned level,
                             uint64_t position, struct digest *out)
{
    struct statement *statement = edge->reader.statements[READ_NODE];
    bind_i64(statement, 1, log->id);
    bind_u64(statement, 2, level);
    bind_u64(statement, 3, position);
    bool row;
    TRY(statement_step(statement, &row));
    if (!row) return ST_CORRUPT;
    const enum status status = column_fixed(statement, 0, out->bytes, DIGEST_SIZE);
    statement_reset(statement);
    return status;
}

/* Appends the leaves from+1..to (as sequences) to the tree. */
static enum status append_leaves(struct edge *edge, const struct log_row *log, uint64_t to,
                                 struct tree *tree)
{
    const struct tree_sink nobody = {0};
    if (tree->size >= to) return ST_OK;
    struct statement *statement = edge->reader.statements[READ_LEAVES];
    statement_reset(statement);
    bind_u64(statement, 1, log->base + tree->size + 1);
    bind_u64(statement, 2, log->base + to);
    bool row = true;
    while (tree->size < to) {
        TRY(statement_step(statement, &row));
        if (!row) return ST_CORRUPT;
        struct digest leaf;
        if (column_u64(statement, 0) != log->base + tree->size + 1 ||
            column_fixed(statement, 1, leaf.bytes, DIGEST_SIZE) != ST_OK) {
            statement_reset(statement);
            return ST_CORRUPT;
        }
        tree_append(tree, edge->hasher, &leaf, &nobody);
    }
    statement_reset(statement);
    return ST_OK;
}

enum status evidence_read_tree(struct edge *edge, const struct log_row *log, uint64_t size,
                               struct tree *out)
{
    tree_init(out);
    for (unsigned level = TREE_HEIGHT_MAX - 1; level >= STORED_LEVEL_MIN; level--) {
        if (!(size >> level & 1)) continue;
        TRY(read_node(edge, log, level, out->size >> level, &out->nodes[level]));
        out->size += (uint64_t)1 << level;
    }
    return append_leaves(edge, log, size, out);
}

enum status evidence_read_range_nodes(struct edge *edge, const struct log_row *log, uint64_t from,
                                      uint64_t to, struct digest *nodes, size_t *count)
{
    uint8_t levels[LOSS_NODES_MAX];
    *count = tree_range_levels(from - 1, to, levels);
    uint64_t begin = from - 1;
    for (size_t i = 0; i < *count; i++) {
        const uint64_t width = (uint64_t)1 << levels[i];
        if (levels[i] >= STORED_LEVEL_MIN) {
            TRY(read_node(edge, log, levels[i], begin >> levels[i], &nodes[i]));
        } else {
            /* A small perfect subtree is the whole tree over its own leaves. */
            struct log_row shifted = *log;
            shifted.base = log->base + begin;
            struct tree tree;
            tree_init(&tree);
            TRY(append_leaves(edge, &shifted, width, &tree));
            nodes[i] = tree.nodes[levels[i]];
        }
        begin += width;
    }
    return ST_OK;
}

enum status evidence_cross_range(struct edge *edge, const struct log_row *log, uint64_t from,
                                 uint64_t to, struct tree *tree, struct digest *hash)
{
    struct digest nodes[LOSS_NODES_MAX];
    uint8_t levels[LOSS_NODES_MAX];
    size_t count;
    const struct tree_sink nobody = {0};
    TRY(evidence_read_range_nodes(edge, log, from, to, nodes, &count));
    INVARIANT(tree_range_levels(from - 1, to, levels) == count);
    for (size_t i = 0; i < count; i++)
        tree_append_subtree(tree, edge->hasher, levels[i], &nodes[i], &nobody);
    return evidence_read_hash(edge, log, to, hash);
}
