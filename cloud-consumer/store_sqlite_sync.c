/* store_sqlite_sync.c - what is known of each node's synchronisation, its groups, and how its
 * config writes were judged. */
#include <string.h>

#include "cloud-consumer/config_store.h"
#include "cloud-consumer/store_sqlite.h"

/* Numberings of its writes that are remembered of a node: old ones only guard against messages that
 * were under way for very long. */
enum { JUDGED_INCARNATIONS_MAX = 64 };

static struct bytes level_text(const struct level_name *name)
{
    return bytes_of(name->text, strnlen(name->text, sizeof name->text));
}

static enum status sync_get(struct evidence_store *store, int64_t node, struct node_sync *out)
{
    struct statement *const row = sqlite_statement(store, SQL_SYNC_GET);
    bind_i64(row, 1, node);
    TRY(sqlite_first(row));
    *out = (struct node_sync){
        .node = column_i64(row, 0),
        .admitted = (uint64_t)column_i64(row, 1),
        .contact_ms = column_i64(row, 2),
        .contact_before_ms = column_i64(row, 3),
        .track_numbering = (uint32_t)column_i64(row, 4),
        .track_cursor = (uint64_t)column_i64(row, 5),
        .config_incarnation = (uint32_t)column_i64(row, 6),
        .config_judged = (uint64_t)column_i64(row, 7),
        .roster = (uint64_t)column_i64(row, 8),
        .reported_ms = column_i64(row, 9),
        .config_differs = column_i64(row, 10) != 0,
    };
    return sqlite_done(row, ST_OK);
}

static enum status sync_put(struct evidence_store *store, const struct node_sync *row)
{
    struct statement *const put = sqlite_statement(store, SQL_SYNC_PUT);
    const int64_t columns[] = {
        row->node,
        (int64_t)row->admitted,
        row->contact_ms,
        row->contact_before_ms,
        row->track_numbering,
        (int64_t)row->track_cursor,
        row->config_incarnation,
        (int64_t)row->config_judged,
        (int64_t)row->roster,
        row->reported_ms,
        row->config_differs,
    };
    for (size_t i = 0; i < COUNT_OF(columns); i++)
        bind_i64(put, (int)i + 1, columns[i]);
    return statement_run(put);
}

static enum status report_get(struct evidence_store *store, int64_t node, struct buf *out)
{
    struct statement *const row = sqlite_statement(store, SQL_REPORT_GET);
    bind_i64(row, 1, node);
    TRY(sqlite_first(row));
    return sqlite_done(row, sqlite_copy(row, 0, out));
}

static enum status report_put(struct evidence_store *store, int64_t node, struct bytes summary)
{
    struct statement *const put = sqlite_statement(store, SQL_REPORT_PUT);
    bind_i64(put, 1, node);
    bind_blob(put, 2, summary);
    return statement_run(put);
}

static enum status scope_differs(struct evidence_store *store, const struct config_scope *scope)
{
    static const enum sqlite_statement by_kind[CONFIG_SCOPE_KIND_COUNT] = {
        [CONFIG_SCOPE_FLEET] = SQL_DIFFERS_FLEET,
        [CONFIG_SCOPE_GROUP] = SQL_DIFFERS_GROUP,
        [CONFIG_SCOPE_NODE] = SQL_DIFFERS_NODE,
    };
    struct statement *const update = sqlite_statement(store, by_kind[scope->kind]);
    if (scope->kind != CONFIG_SCOPE_FLEET) bind_text(update, 1, level_text(&scope->name));
    return statement_run(update);
}

/* ----------------------------------------------------------------- groups */

static enum status groups_get(struct evidence_store *store, int64_t node,
                              struct level_name out[NODE_GROUPS_MAX], size_t *count)
{
    struct statement *const rows = sqlite_statement(store, SQL_GROUPS_GET);
    bool row = false;
    *count = 0;
    bind_i64(rows, 1, node);
    while (*count < NODE_GROUPS_MAX) {
        TRY(statement_step(rows, &row));
        if (!row) return ST_OK;
        struct level_name *const name = &out[*count];
        *name = (struct level_name){0};
        if (level_name_from(column_bytes(rows, 0), name) != ST_OK)
            return sqlite_done(rows, ST_TAMPERED);
        (*count)++;
    }
    return sqlite_done(rows, ST_OK);
}

static enum status groups_set(struct evidence_store *store, int64_t node,
                              const struct level_name *groups, size_t count)
{
    struct statement *const drop = sqlite_statement(store, SQL_GROUPS_DROP);
    struct statement *const add = sqlite_statement(store, SQL_GROUP_ADD);
    bind_i64(drop, 1, node);
    TRY(statement_run(drop));
    for (size_t i = 0; i < count; i++) {
        bind_i64(add, 1, node);
        bind_text(add, 2, level_text(&groups[i]));
        TRY(statement_run(add));
    }
    return ST_OK;
}

static enum status group_next(struct evidence_store *store, const struct level_name *after,
                              struct level_name *out)
{
    struct statement *const row = sqlite_statement(store, SQL_GROUP_NEXT);
    struct level_name name = {0};
    bind_text(row, 1, level_text(after));
    TRY(sqlite_first(row));
    const enum status read = level_name_from(column_bytes(row, 0), &name);
    *out = name;
    return sqlite_done(row, read == ST_OK ? ST_OK : ST_TAMPERED);
}

static enum status read_roster(struct statement *row, int64_t *id, struct roster_node *out)
{
    *out = (struct roster_node){.has_key = true};
    *id = column_i64(row, 0);
    if (node_name_from(column_bytes(row, 1), &out->name) != ST_OK) return ST_TAMPERED;
    out->revoked = column_i64(row, 3) != 0;
    return sqlite_fixed(row, 2, out->key.bytes, PUBLIC_KEY_SIZE);
}

static enum status roster_next(struct evidence_store *store, const struct node_name *after,
                               int64_t *id, struct roster_node *out)
{
    struct statement *const row = sqlite_statement(store, SQL_ROSTER_NEXT);
    bind_text(row, 1, bytes_of(after->text, strnlen(after->text, NODE_NAME_SIZE)));
    TRY(sqlite_first(row));
    return sqlite_done(row, read_roster(row, id, out));
}

/* ----------------------------------------------------------- judged writes */

static enum status judged_get(struct evidence_store *store, int64_t node, uint32_t incarnation,
                              uint64_t *out)
{
    struct statement *const row = sqlite_statement(store, SQL_JUDGED_GET);
    *out = 0;
    bind_i64(row, 1, node);
    bind_i64(row, 2, incarnation);
    const enum status found = sqlite_first(row);
    if (found == ST_OK) *out = (uint64_t)column_i64(row, 0);
    return sqlite_done(row, found == ST_NOT_FOUND ? ST_OK : found);
}

static enum status run_judged(struct evidence_store *store, enum sqlite_statement which,
                              int64_t node, uint32_t incarnation, uint64_t judged)
{
    struct statement *const statement = sqlite_statement(store, which);
    bind_i64(statement, 1, node);
    bind_i64(statement, 2, incarnation);
    bind_i64(statement, 3, (int64_t)judged);
    return statement_run(statement);
}

static enum status judged_put(struct evidence_store *store, int64_t node, uint32_t incarnation,
                              uint64_t judged)
{
    TRY(run_judged(store, SQL_JUDGED_SET, node, incarnation, judged));
    if (db_changes(sqlite_store_of(store)->db) > 0) return ST_OK;
    TRY(run_judged(store, SQL_JUDGED_ADD, node, incarnation, judged));
    struct statement *const trim = sqlite_statement(store, SQL_JUDGED_TRIM);
    bind_i64(trim, 1, node);
    bind_i64(trim, 2, JUDGED_INCARNATIONS_MAX);
    TRY(statement_run(trim));
    struct statement *const old = sqlite_statement(store, SQL_REFUSED_TRIM_OLD);
    bind_i64(old, 1, node);
    return statement_run(old);
}

static enum status read_refusal(struct statement *row, struct ack_refusal *out)
{
    const int64_t reason = column_i64(row, 2);
    out->from = (uint64_t)column_i64(row, 0);
    out->to = (uint64_t)column_i64(row, 1);
    if (reason < WRITE_FUTURE || reason > WRITE_REFUSAL_MAX || out->from == 0) return ST_TAMPERED;
    out->reason = (enum write_refusal)reason;
    return out->from <= out->to ? ST_OK : ST_TAMPERED;
}

static enum status refused_put(struct evidence_store *store, int64_t node, uint32_t incarnation,
                               const struct ack_refusal *range)
{
    struct statement *const put = sqlite_statement(store, SQL_REFUSED_PUT);
    bind_i64(put, 1, node);
    bind_i64(put, 2, incarnation);
    bind_i64(put, 3, (int64_t)range->from);
    bind_i64(put, 4, (int64_t)range->to);
    bind_i64(put, 5, range->reason);
    return statement_run(put);
}

static enum status refused_add(struct evidence_store *store, int64_t node, uint32_t incarnation,
                               const struct ack_refusal *range)
{
    struct statement *const last_row = sqlite_statement(store, SQL_REFUSED_LAST);
    struct ack_refusal last;
    bind_i64(last_row, 1, node);
    bind_i64(last_row, 2, incarnation);
    enum status found = sqlite_first(last_row);
    if (found == ST_OK) found = sqlite_done(last_row, read_refusal(last_row, &last));
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    if (found == ST_OK && last.to + 1 == range->from && last.reason == range->reason) {
        last.to = range->to;
        return refused_put(store, node, incarnation, &last);
    }
    TRY(refused_put(store, node, incarnation, range));
    struct statement *const trim = sqlite_statement(store, SQL_REFUSED_TRIM);
    bind_i64(trim, 1, node);
    bind_i64(trim, 2, incarnation);
    bind_i64(trim, 3, ACK_REFUSALS_MAX);
    return statement_run(trim);
}

static enum status refused_get(struct evidence_store *store, int64_t node, uint32_t incarnation,
                               struct ack_refusal out[ACK_REFUSALS_MAX], size_t *count)
{
    struct statement *const rows = sqlite_statement(store, SQL_REFUSED_GET);
    bool row = false;
    *count = 0;
    bind_i64(rows, 1, node);
    bind_i64(rows, 2, incarnation);
    while (*count < ACK_REFUSALS_MAX) {
        TRY(statement_step(rows, &row));
        if (!row) return ST_OK;
        if (read_refusal(rows, &out[*count]) != ST_OK) return sqlite_done(rows, ST_TAMPERED);
        (*count)++;
    }
    return sqlite_done(rows, ST_OK);
}

void sqlite_sync_verbs(struct config_store_verbs *verbs)
{
    verbs->sync_get = sync_get;
    verbs->sync_put = sync_put;
    verbs->report_get = report_get;
    verbs->report_put = report_put;
    verbs->scope_differs = scope_differs;
    verbs->groups_get = groups_get;
    verbs->groups_set = groups_set;
    verbs->group_next = group_next;
    verbs->roster_next = roster_next;
    verbs->judged_get = judged_get;
    verbs->judged_put = judged_put;
    verbs->refused_add = refused_add;
    verbs->refused_get = refused_get;
}
