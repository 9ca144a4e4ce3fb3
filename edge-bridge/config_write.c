/* config_write.c - local writes that wait for the cloud, by number; see config_store.h. */
#include <string.h>

#include "edge-bridge/config_store.h"
#include "edge-bridge/edge_state.h"
#include "edge-bridge/schema.h"

static enum status meta_u64(struct edge *edge, int key, uint64_t *out)
{
    *out = 0;
    const enum status found = edge_meta_get_u64(edge, key, out);
    return found == ST_NOT_FOUND ? ST_OK : found;
}

enum status config_write_load(struct edge *edge)
{
    struct config_store *store = &edge->config_store;
    uint64_t incarnation;
    TRY(meta_u64(edge, META_CONFIG_INCARNATION, &incarnation));
    store->incarnation = (uint32_t)incarnation;
    TRY(meta_u64(edge, META_CONFIG_OPERATION, &store->last_operation));
    struct statement *counts = store->statements[CONFIG_WRITE_COUNTS];
    bool row;
    TRY(statement_step(counts, &row));
    if (!row) return ST_CORRUPT;
    store->pending = column_u64(counts, 0);
    store->future = column_u64(counts, 1);
    store->refused = column_u64(counts, 2);
    statement_reset(counts);
    return ST_OK;
}

static void bind_place(struct statement *statement, const struct config_key *key)
{
    bind_i64(statement, 1, key->scope.kind);
    bind_text(statement, 2, bytes_of_text(key->scope.name.text));
    bind_text(statement, 3, bytes_of_text(key->name.text));
}

/* Random, so that a node that lost its database does not take up the numbers of the one before. */
static enum status draw_incarnation(struct edge *edge)
{
    struct config_store *store = &edge->config_store;
    uint32_t drawn;
    do
        port_random(edge->port, &drawn, sizeof(drawn));
    while (drawn == 0 || drawn == store->incarnation);
    store->incarnation = drawn;
    store->judged = 0;
    return edge_meta_set_u64(edge, META_CONFIG_INCARNATION, drawn);
}

static enum status insert(struct edge *edge, const struct config_write_row *row,
                          uint64_t *operation)
{
    struct config_store *store = &edge->config_store;
    if (store->incarnation == 0) TRY(draw_incarnation(edge));
    store->scratch.size = 0;
    config_encode(&row->entry.key, &row->entry.reg, &store->scratch);
    INVARIANT(buf_ok(&store->scratch));
    *operation = ++store->last_operation;
    struct statement *put = store->statements[CONFIG_WRITE_INSERT];
    bind_place(put, &row->entry.key);
    bind_u64(put, 4, *operation);
    bind_u64(put, 5, row->base);
    bind_i64(put, 6, row->time_known);
    bind_u64(put, 7, row->done.mono_ms);
    bind_u64(put, 8, row->done.boot);
    bind_blob(put, 9, buf_bytes(&store->scratch));
    TRY(statement_run(put));
    store->pending++;
    return edge_meta_set_u64(edge, META_CONFIG_OPERATION, *operation);
}

/* Runs a DELETE of this register's rows; returns how many there were. */
static enum status delete_of(struct edge *edge, int which, const struct config_key *key,
                             uint64_t *count)
{
    struct statement *statement = edge->config_store.statements[which];
    bind_place(statement, key);
    TRY(statement_run(statement));
    *count = db_changes(edge->db);
    return ST_OK;
}

enum status config_write_add(struct edge *edge, const struct config_write_row *row,
                             uint64_t *operation)
{
    struct config_store *store = &edge->config_store;
    uint64_t count;
    if (store->pending >= CONFIG_WRITES_KEPT) {
        TRY(delete_of(edge, CONFIG_WRITE_DELETE_OLDER, &row->entry.key, &count));
        store->pending -= count;
    }
    if (store->pending >= CONFIG_WRITE_ROWS_MAX) return ST_FULL;
    TRY(delete_of(edge, CONFIG_WRITE_DELETE_REFUSED, &row->entry.key, &count));
    store->refused -= count;
    if (store->pending + store->refused >= CONFIG_WRITE_ROWS_MAX) {
        TRY(statement_run(store->statements[CONFIG_WRITE_DELETE_OLDEST_REFUSED]));
        store->refused -= db_changes(edge->db);
    }
    return insert(edge, row, operation);
}

/* Reads the row that the statement stands on, and resets it. */
static enum status read_row(struct statement *from, struct buf *memory,
                            struct config_write_row *out)
{
    const uint64_t reason = column_u64(from, 1);
    memset(out, 0, sizeof(*out));
    out->operation = column_u64(from, 0);
    out->base = column_u64(from, 2);
    out->time_known = column_i64(from, 3) != 0;
    out->done.mono_ms = column_u64(from, 4);
    out->done.boot = (uint32_t)column_u64(from, 5);
    out->refused = reason != 0;
    memory->size = 0;
    buf_put(memory, column_bytes(from, 6));
    statement_reset(from);
    if (!buf_ok(memory) || reason > WRITE_REFUSAL_MAX) return ST_CORRUPT;
    out->reason = (enum write_refusal)reason;
    const enum status status = config_decode(buf_bytes(memory), &out->entry.key, &out->entry.reg);
    return status == ST_OK ? ST_OK : ST_CORRUPT;
}

enum status config_write_next(struct edge *edge, enum config_write_kind kind, uint64_t after,
                              struct buf *memory, struct config_write_row *out)
{
    static const int which[] = {
        [CONFIG_WRITES_UNJUDGED] = CONFIG_WRITE_NEXT_UNJUDGED,
        [CONFIG_WRITES_LIVE] = CONFIG_WRITE_NEXT_LIVE,
        [CONFIG_WRITES_REFUSED] = CONFIG_WRITE_NEXT_REFUSED,
    };
    struct statement *next = edge->config_store.statements[which[kind]];
    bind_u64(next, 1, after);
    bool row;
    TRY(statement_step(next, &row));
    return row ? read_row(next, memory, out) : ST_NOT_FOUND;
}

enum status config_write_newest(struct edge *edge, const struct config_key *key, struct buf *memory,
                                struct config_write_row *out)
{
    struct statement *newest = edge->config_store.statements[CONFIG_WRITE_NEWEST];
    bind_place(newest, key);
    bool row;
    TRY(statement_step(newest, &row));
    return row ? read_row(newest, memory, out) : ST_NOT_FOUND;
}

enum status config_write_refused_of(struct edge *edge, const struct config_key *key,
                                    enum write_refusal *reason)
{
    struct statement *find = edge->config_store.statements[CONFIG_WRITE_REFUSED_OF];
    bind_place(find, key);
    bool row;
    TRY(statement_step(find, &row));
    if (!row) return ST_NOT_FOUND;
    const uint64_t number = column_u64(find, 0);
    statement_reset(find);
    if (number > WRITE_REFUSAL_MAX) return ST_CORRUPT;
    *reason = (enum write_refusal)number;
    return ST_OK;
}

enum status config_write_refuse(struct edge *edge, const struct config_write_row *row,
                                enum write_refusal reason)
{
    struct config_store *store = &edge->config_store;
    if (row->refused && row->reason == reason) return ST_OK;
    if (row->reason == WRITE_FUTURE) store->future--;
    if (reason == WRITE_FUTURE) {
        store->future++;
    } else {
        store->pending--;
        store->refused++;
    }
    struct statement *refuse = store->statements[CONFIG_WRITE_REFUSE];
    bind_u64(refuse, 1, row->operation);
    bind_i64(refuse, 2, reason);
    return statement_run(refuse);
}

enum status config_write_remove(struct edge *edge, const struct config_write_row *row)
{
    struct config_store *store = &edge->config_store;
    struct statement *delete = store->statements[CONFIG_WRITE_DELETE];
    bind_u64(delete, 1, row->operation);
    TRY(statement_run(delete));
    if (row->refused && row->reason != WRITE_FUTURE) {
        store->refused--;
        return ST_OK;
    }
    store->pending--;
    if (row->refused) store->future--;
    return ST_OK;
}

enum status config_write_renew(struct edge *edge, const struct config_write_row *row,
                               uint64_t stamp)
{
    struct config_write_row renewed = *row;
    uint64_t operation;
    TRY(config_write_remove(edge, row));
    renewed.entry.reg.hlc = stamp;
    return insert(edge, &renewed, &operation);
}

enum status config_write_new_incarnation(struct edge *edge)
{
    struct config_store *store = &edge->config_store;
    TRY(draw_incarnation(edge));
    store->future = 0;
    return statement_run(store->statements[CONFIG_WRITE_UNJUDGE]);
}
