/* store_sqlite_run.c - stored runs, lost ranges and the names of entry types. */
#include <string.h>

#include "cloud-consumer/store_sqlite.h"

static enum status read_run(struct statement *row, struct buf *body, struct run_row *out)
{
    *out = (struct run_row){
        .log = column_i64(row, 0),
        .first_sequence = (uint64_t)column_i64(row, 1),
        .last_sequence = (uint64_t)column_i64(row, 2),
        .first_hlc = (uint64_t)column_i64(row, 3),
        .last_hlc = (uint64_t)column_i64(row, 4),
        .form = column_i64(row, 6) == RUN_ZSTD ? RUN_ZSTD : RUN_PLAIN,
    };
    TRY(sqlite_fixed(row, 5, out->last_hash.bytes, DIGEST_SIZE));
    if (out->last_sequence < out->first_sequence) return ST_TAMPERED;
    if (body == NULL) return ST_OK;
    TRY(sqlite_copy(row, 7, body));
    out->body = buf_bytes(body);
    return ST_OK;
}

static enum status run_at(struct evidence_store *store, int64_t log, uint64_t sequence,
                          struct buf *body, struct run_row *out)
{
    struct statement *const at = sqlite_statement(store, SQL_RUN_AT);
    bind_i64(at, 1, log);
    bind_i64(at, 2, (int64_t)sequence);
    enum status status = sqlite_first(at);
    if (status == ST_OK && (uint64_t)column_i64(at, 2) >= sequence)
        return sqlite_done(at, read_run(at, body, out));
    if (status != ST_OK && status != ST_NOT_FOUND) return status;
    statement_reset(at);
    struct statement *const after = sqlite_statement(store, SQL_RUN_AFTER);
    bind_i64(after, 1, log);
    bind_i64(after, 2, (int64_t)sequence);
    TRY(sqlite_first(after));
    return sqlite_done(after, read_run(after, body, out));
}

static enum status run_peek(struct evidence_store *store, int64_t log, uint64_t sequence,
                            struct run_row *out)
{
    return run_at(store, log, sequence, NULL, out);
}

static enum status loss_add(struct evidence_store *store, int64_t log, const struct loss_row *row)
{
    struct statement *const insert = sqlite_statement(store, SQL_LOSS_ADD);
    bind_i64(insert, 1, log);
    bind_i64(insert, 2, (int64_t)row->from);
    bind_i64(insert, 3, (int64_t)row->to);
    bind_i64(insert, 4, (int64_t)row->loss_sequence);
    bind_blob(insert, 5, bytes_of(row->last_hash.bytes, DIGEST_SIZE));
    bind_blob(insert, 6, bytes_of(row->nodes, row->node_count * DIGEST_SIZE));
    return statement_run(insert);
}

static enum status read_loss(struct statement *row, struct loss_row *out)
{
    out->from = (uint64_t)column_i64(row, 0);
    out->to = (uint64_t)column_i64(row, 1);
    out->loss_sequence = (uint64_t)column_i64(row, 2);
    TRY(sqlite_fixed(row, 3, out->last_hash.bytes, DIGEST_SIZE));
    const struct bytes nodes = column_bytes(row, 4);
    if (nodes.size % DIGEST_SIZE != 0 || nodes.size > sizeof out->nodes) return ST_TAMPERED;
    out->node_count = nodes.size / DIGEST_SIZE;
    if (nodes.size > 0) memcpy(out->nodes, nodes.data, nodes.size);
    return ST_OK;
}

static enum status loss_at(struct evidence_store *store, int64_t log, uint64_t from,
                           struct loss_row *out)
{
    struct statement *const row = sqlite_statement(store, SQL_LOSS_AT);
    bind_i64(row, 1, log);
    bind_i64(row, 2, (int64_t)from);
    TRY(sqlite_first(row));
    return sqlite_done(row, read_loss(row, out));
}

static enum status type_add(struct evidence_store *store, int64_t log, uint16_t number,
                            struct bytes name)
{
    struct statement *const insert = sqlite_statement(store, SQL_TYPE_ADD);
    bind_i64(insert, 1, log);
    bind_i64(insert, 2, number);
    bind_text(insert, 3, name);
    return statement_run(insert);
}

static enum status type_name(struct evidence_store *store, int64_t log, uint16_t number,
                             struct level_name *out)
{
    struct statement *const row = sqlite_statement(store, SQL_TYPE_NAME);
    bind_i64(row, 1, log);
    bind_i64(row, 2, number);
    TRY(sqlite_first(row));
    const enum status status = level_name_from(column_bytes(row, 0), out);
    return sqlite_done(row, status == ST_OK ? ST_OK : ST_TAMPERED);
}

void sqlite_run_verbs(struct evidence_store_verbs *verbs)
{
    verbs->run_at = run_at;
    verbs->run_peek = run_peek;
    verbs->loss_add = loss_add;
    verbs->loss_at = loss_at;
    verbs->type_add = type_add;
    verbs->type_name = type_name;
}
