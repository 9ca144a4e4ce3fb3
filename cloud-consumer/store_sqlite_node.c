/* store_sqlite_node.c - rows of nodes: who may speak, and what was heard of them last. */
#include <string.h>

#include "cloud-consumer/store_sqlite.h"

static enum status read_node(struct statement *row, struct node_row *out)
{
    *out = (struct node_row){.id = column_i64(row, 0)};
    if (node_name_from(column_bytes(row, 1), &out->name) != ST_OK) return ST_TAMPERED;
    TRY(sqlite_fixed(row, 2, out->key.bytes, PUBLIC_KEY_SIZE));
    out->revoked = column_i64(row, 3) != 0;
    out->added_ms = column_i64(row, 4);
    out->last_seen_ms = column_i64(row, 5);
    out->has_nonce = !column_is_null(row, 6);
    if (out->has_nonce) TRY(sqlite_fixed(row, 6, out->nonce.bytes, NONCE_SIZE));
    out->ack_counter = (uint64_t)column_i64(row, 7);
    out->staged_bytes = (uint64_t)column_i64(row, 8);
    out->online = column_i64(row, 9) != 0;
    const struct bytes software = column_bytes(row, 10);
    if (software.size > STATUS_SOFTWARE_SIZE_MAX) return ST_TAMPERED;
    if (software.size > 0) memcpy(out->software, software.data, software.size);
    return ST_OK;
}

static enum status read_one(struct statement *row, struct node_row *out)
{
    TRY(sqlite_first(row));
    return sqlite_done(row, read_node(row, out));
}

static enum status node_find(struct evidence_store *store, const struct node_name *name,
                             struct node_row *out)
{
    struct statement *const row = sqlite_statement(store, SQL_NODE_FIND);
    bind_text(row, 1, bytes_of_text(name->text));
    return read_one(row, out);
}

static enum status node_next(struct evidence_store *store, int64_t after, struct node_row *out)
{
    struct statement *const row = sqlite_statement(store, SQL_NODE_NEXT);
    bind_i64(row, 1, after);
    return read_one(row, out);
}

static void bind_node(struct statement *statement, const struct node_row *row)
{
    bind_text(statement, 2, bytes_of_text(row->name.text));
    bind_blob(statement, 3, bytes_of(row->key.bytes, PUBLIC_KEY_SIZE));
    bind_i64(statement, 4, row->revoked);
    bind_i64(statement, 5, row->added_ms);
    bind_i64(statement, 6, row->last_seen_ms);
    if (row->has_nonce)
        bind_blob(statement, 7, bytes_of(row->nonce.bytes, NONCE_SIZE));
    else
        bind_null(statement, 7);
    bind_i64(statement, 8, (int64_t)row->ack_counter);
    bind_i64(statement, 9, (int64_t)row->staged_bytes);
    bind_i64(statement, 10, row->online);
    bind_text(statement, 11, bytes_of_text(row->software));
}

static enum status node_add(struct evidence_store *store, const struct node_row *row)
{
    struct statement *const insert = sqlite_statement(store, SQL_NODE_ADD);
    bind_node(insert, row);
    return statement_run(insert);
}

static enum status node_save(struct evidence_store *store, const struct node_row *row)
{
    struct statement *const save = sqlite_statement(store, SQL_NODE_SAVE);
    bind_i64(save, 1, row->id);
    bind_node(save, row);
    return statement_run(save);
}

static enum status node_sums(struct evidence_store *store, int64_t node, struct node_sums *out)
{
    struct statement *const row = sqlite_statement(store, SQL_NODE_SUMS);
    bind_i64(row, 1, node);
    TRY(sqlite_first(row));
    out->logs = column_u64(row, 0);
    out->acknowledged = column_u64(row, 1);
    out->missing = column_u64(row, 2);
    return sqlite_done(row, ST_OK);
}

void sqlite_node_verbs(struct evidence_store_verbs *verbs)
{
    verbs->node_find = node_find;
    verbs->node_next = node_next;
    verbs->node_add = node_add;
    verbs->node_save = node_save;
    verbs->node_sums = node_sums;
}
