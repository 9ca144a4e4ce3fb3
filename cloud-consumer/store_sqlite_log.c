/* store_sqlite_log.c - rows of logs, changed by compare-and-swap on the head alone. */
#include <string.h>

#include "cloud-consumer/store_sqlite.h"

static enum status read_announced(struct statement *row, struct log_row *out)
{
    out->announced.size = (uint64_t)column_i64(row, 12);
    if (out->announced.size == 0) return ST_OK;
    TRY(sqlite_fixed(row, 13, out->announced.root.bytes, DIGEST_SIZE));
    return sqlite_fixed(row, 14, out->announced.signature.bytes, SIGNATURE_SIZE);
}

static enum status read_head(struct statement *row, struct log_row *out)
{
    out->head.sequence = (uint64_t)column_i64(row, 7);
    TRY(sqlite_fixed(row, 8, out->head.hash.bytes, DIGEST_SIZE));
    out->head.hlc = (uint64_t)column_i64(row, 9);
    if (tree_decode(column_bytes(row, 10), &out->tree) != ST_OK) return ST_TAMPERED;
    return out->tree.size == out->head.sequence ? ST_OK : ST_TAMPERED;
}

static void read_counts(struct statement *row, struct log_row *out)
{
    out->audited = (uint64_t)column_i64(row, 15);
    out->staged_sequence = (uint64_t)column_i64(row, 16);
    out->staged_parts = (uint32_t)column_i64(row, 17);
    out->staged_len = (uint64_t)column_i64(row, 18);
    out->parts_failed = (uint64_t)column_i64(row, 19);
    out->entry_count = (uint64_t)column_i64(row, 20);
    out->byte_count = (uint64_t)column_i64(row, 21);
    out->pending_count = (uint64_t)column_i64(row, 22);
    out->rejected_count = (uint64_t)column_i64(row, 23);
    out->fork_count = (uint64_t)column_i64(row, 24);
    out->created_ms = column_i64(row, 26);
}

/* The tree is left as it is but for its frontier: its 2 KiB need no clearing. */
static enum status read_log(struct statement *row, struct log_row *out)
{
    out->id = column_i64(row, 0);
    out->node = column_i64(row, 1);
    TRY(sqlite_fixed(row, 2, out->log.bytes, LOG_ID_SIZE));
    TRY(sqlite_fixed(row, 3, out->key.bytes, PUBLIC_KEY_SIZE));
    out->frozen = column_i64(row, 4) != 0;
    out->closed = column_i64(row, 5) != 0;
    out->lossy = column_i64(row, 6) != 0;
    TRY(read_head(row, out));
    const int64_t type_count = column_i64(row, 11);
    if (type_count < 0 || type_count > UINT16_MAX) return ST_TAMPERED;
    out->type_count = (uint32_t)type_count;
    TRY(read_announced(row, out));
    read_counts(row, out);
    out->has_previous = !column_is_null(row, 25);
    if (!out->has_previous) return ST_OK;
    return sqlite_fixed(row, 25, out->previous.bytes, LOG_ID_SIZE);
}

static enum status read_one(struct statement *row, struct log_row *out)
{
    TRY(sqlite_first(row));
    return sqlite_done(row, read_log(row, out));
}

static enum status log_find(struct evidence_store *store, int64_t node, const struct log_id *log,
                            struct log_row *out)
{
    struct statement *const row = sqlite_statement(store, SQL_LOG_FIND);
    bind_i64(row, 1, node);
    bind_blob(row, 2, bytes_of(log->bytes, LOG_ID_SIZE));
    return read_one(row, out);
}

static enum status log_next(struct evidence_store *store, int64_t node, int64_t after,
                            struct log_row *out)
{
    struct statement *const row =
        sqlite_statement(store, node == 0 ? SQL_LOG_NEXT : SQL_LOG_NEXT_OF_NODE);
    bind_i64(row, 1, after);
    if (node != 0) bind_i64(row, 2, node);
    return read_one(row, out);
}

static enum status log_before(struct evidence_store *store, int64_t node, int64_t before,
                              struct log_row *out)
{
    struct statement *const row = sqlite_statement(store, SQL_LOG_BEFORE);
    bind_i64(row, 1, node);
    bind_i64(row, 2, before);
    return read_one(row, out);
}

static enum status log_id_before(struct evidence_store *store, int64_t node, int64_t before,
                                 int64_t *out)
{
    struct statement *const row = sqlite_statement(store, SQL_LOG_BEFORE);
    bind_i64(row, 1, node);
    bind_i64(row, 2, before);
    TRY(sqlite_first(row));
    *out = column_i64(row, 0);
    return sqlite_done(row, ST_OK);
}

static enum status log_empty_count(struct evidence_store *store, int64_t node, uint64_t *out)
{
    struct statement *const row = sqlite_statement(store, SQL_LOG_EMPTY);
    bind_i64(row, 1, node);
    TRY(sqlite_first(row));
    *out = column_u64(row, 0);
    return sqlite_done(row, ST_OK);
}

static enum status log_audit_next(struct evidence_store *store, int64_t after, struct log_row *out)
{
    struct statement *const row = sqlite_statement(store, SQL_LOG_AUDIT);
    bind_i64(row, 1, after);
    return read_one(row, out);
}

static void bind_announced(struct statement *statement, const struct log_row *row)
{
    bind_i64(statement, 13, (int64_t)row->announced.size);
    if (row->announced.size == 0) {
        bind_null(statement, 14);
        bind_null(statement, 15);
        return;
    }
    bind_blob(statement, 14, bytes_of(row->announced.root.bytes, DIGEST_SIZE));
    bind_blob(statement, 15, bytes_of(row->announced.signature.bytes, SIGNATURE_SIZE));
}

/* Parameters 5 to 26: all of a row that may change. */
static void bind_log(struct statement *statement, const struct log_row *row, struct buf *tree)
{
    bind_i64(statement, 5, row->frozen);
    bind_i64(statement, 6, row->closed);
    bind_i64(statement, 7, row->lossy);
    bind_i64(statement, 8, (int64_t)row->head.sequence);
    bind_blob(statement, 9, bytes_of(row->head.hash.bytes, DIGEST_SIZE));
    bind_i64(statement, 10, (int64_t)row->head.hlc);
    tree_encode(&row->tree, tree);
    bind_blob(statement, 11, buf_bytes(tree));
    bind_i64(statement, 12, row->type_count);
    bind_announced(statement, row);
    bind_i64(statement, 16, (int64_t)row->audited);
    bind_i64(statement, 17, (int64_t)row->staged_sequence);
    bind_i64(statement, 18, row->staged_parts);
    bind_i64(statement, 19, (int64_t)row->staged_len);
    bind_i64(statement, 20, (int64_t)row->parts_failed);
    bind_i64(statement, 21, (int64_t)row->entry_count);
    bind_i64(statement, 22, (int64_t)row->byte_count);
    bind_i64(statement, 23, (int64_t)row->pending_count);
    bind_i64(statement, 24, (int64_t)row->rejected_count);
    bind_i64(statement, 25, (int64_t)row->fork_count);
    if (row->has_previous)
        bind_blob(statement, 26, bytes_of(row->previous.bytes, LOG_ID_SIZE));
    else
        bind_null(statement, 26);
}

static enum status log_add(struct evidence_store *store, struct log_row *row)
{
    uint8_t memory[TREE_BYTES_MAX];
    struct buf tree = buf_of(memory, sizeof memory);
    struct statement *const insert = sqlite_statement(store, SQL_LOG_ADD);
    bind_i64(insert, 2, row->node);
    bind_blob(insert, 3, bytes_of(row->log.bytes, LOG_ID_SIZE));
    bind_blob(insert, 4, bytes_of(row->key.bytes, PUBLIC_KEY_SIZE));
    bind_log(insert, row, &tree);
    bind_i64(insert, 27, row->created_ms);
    TRY(statement_run(insert));
    row->id = db_last_rowid(sqlite_store_of(store)->db);
    return ST_OK;
}

static enum status log_save(struct evidence_store *store, const struct log_row *row,
                            const struct chain_head *expected)
{
    uint8_t memory[TREE_BYTES_MAX];
    struct buf tree = buf_of(memory, sizeof memory);
    struct statement *const save = sqlite_statement(store, SQL_LOG_SAVE);
    bind_i64(save, 1, row->id);
    bind_log(save, row, &tree);
    bind_i64(save, 28, (int64_t)expected->sequence);
    bind_blob(save, 29, bytes_of(expected->hash.bytes, DIGEST_SIZE));
    TRY(statement_run(save));
    return db_changes(sqlite_store_of(store)->db) == 1 ? ST_OK : ST_CONFLICT;
}

static enum status append(struct evidence_store *store, const struct log_row *row,
                          const struct chain_head *expected, const struct run_row *run)
{
    TRY(log_save(store, row, expected));
    struct statement *const insert = sqlite_statement(store, SQL_RUN_ADD);
    bind_i64(insert, 1, row->id);
    bind_i64(insert, 2, (int64_t)run->first_sequence);
    bind_i64(insert, 3, (int64_t)run->last_sequence);
    bind_i64(insert, 4, (int64_t)run->first_hlc);
    bind_i64(insert, 5, (int64_t)run->last_hlc);
    bind_blob(insert, 6, bytes_of(run->last_hash.bytes, DIGEST_SIZE));
    bind_i64(insert, 7, run->form);
    bind_blob(insert, 8, run->body);
    const enum status status = statement_run(insert);
    /* The head said that nothing is there: two truths in one database. */
    return status == ST_CONFLICT ? ST_CORRUPT : status;
}

void sqlite_log_verbs(struct evidence_store_verbs *verbs)
{
    verbs->log_find = log_find;
    verbs->log_next = log_next;
    verbs->log_before = log_before;
    verbs->log_id_before = log_id_before;
    verbs->log_empty_count = log_empty_count;
    verbs->log_audit_next = log_audit_next;
    verbs->log_add = log_add;
    verbs->log_save = log_save;
    verbs->append = append;
}
