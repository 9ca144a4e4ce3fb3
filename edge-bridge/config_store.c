/* config_store.c - registers in the database, and their digests; see config_store.h. */
#include "edge-bridge/config_store.h"

#include <stdlib.h>
#include <string.h>

#include "edge-bridge/edge_state.h"
#include "edge-bridge/schema.h"

#define OF_PLACE "scope_kind = ?1 AND scope_name = ?2 AND key = ?3"
#define WRITE_COLUMNS "operation, reason, base, time_known, done_mono_ms, done_boot, bytes"

static const char *const sql[CONFIG_STATEMENT_COUNT] = {
    [CONFIG_FIND] = "SELECT id, bytes, frame IS NOT NULL, hash FROM config_register"
                    " WHERE " OF_PLACE,
    [CONFIG_INSERT] = "INSERT INTO config_register(scope_kind, scope_name, key, hash, bytes, frame)"
                      " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [CONFIG_UPDATE] = "UPDATE config_register SET hash = ?2, bytes = ?3, frame = ?4 WHERE id = ?1",
    [CONFIG_FRAME_OF] =
        "SELECT frame FROM config_register WHERE " OF_PLACE " AND frame IS NOT NULL",
    [CONFIG_NEXT] = "SELECT bytes, hash FROM config_register WHERE scope_kind = ?1"
                    " AND scope_name = ?2 AND key > ?3 ORDER BY key LIMIT 1",
    [CONFIG_NEXT_FRAMED] = "SELECT bytes, hash FROM config_register WHERE scope_kind = ?1"
                           " AND scope_name = ?2 AND key > ?3 AND frame IS NOT NULL"
                           " ORDER BY key LIMIT 1",
    [CONFIG_HASHES] = "SELECT hash FROM config_register WHERE scope_kind = ?1 AND scope_name = ?2",
    [CONFIG_COUNT] = "SELECT count(*) FROM config_register",
    [CONFIG_FORGET] = "DELETE FROM config_register WHERE scope_kind = ?1 AND scope_name = ?2",
    [CONFIG_GROUPS] = "SELECT DISTINCT scope_name FROM config_register WHERE scope_kind = 1"
                      " AND scope_name > ?1 ORDER BY scope_name LIMIT 1",
    [CONFIG_WRITE_INSERT] = "INSERT INTO config_write(operation, scope_kind, scope_name, key,"
                            " reason, base, time_known, done_mono_ms, done_boot, bytes)"
                            " VALUES(?4, ?1, ?2, ?3, 0, ?5, ?6, ?7, ?8, ?9)",
    [CONFIG_WRITE_NEXT_UNJUDGED] = "SELECT " WRITE_COLUMNS " FROM config_write"
                                   " WHERE operation > ?1 AND reason = 0"
                                   " ORDER BY operation LIMIT 1",
    [CONFIG_WRITE_NEXT_LIVE] = "SELECT " WRITE_COLUMNS " FROM config_write"
                               " WHERE operation > ?1 AND reason <= 1"
                               " ORDER BY operation LIMIT 1",
    [CONFIG_WRITE_NEXT_REFUSED] = "SELECT " WRITE_COLUMNS " FROM config_write"
                                  " WHERE operation > ?1 AND reason > 1"
                                  " ORDER BY operation LIMIT 1",
    [CONFIG_WRITE_NEWEST] = "SELECT " WRITE_COLUMNS " FROM config_write WHERE " OF_PLACE
                            " AND reason <= 1 ORDER BY operation DESC LIMIT 1",
    [CONFIG_WRITE_REFUSED_OF] = "SELECT reason FROM config_write WHERE " OF_PLACE
                                " AND reason > 1 ORDER BY operation DESC LIMIT 1",
    [CONFIG_WRITE_COUNTS] = "SELECT ifnull(sum(reason <= 1), 0), ifnull(sum(reason = 1), 0),"
                            " ifnull(sum(reason > 1), 0) FROM config_write",
    [CONFIG_WRITE_REFUSE] = "UPDATE config_write SET reason = ?2 WHERE operation = ?1",
    [CONFIG_WRITE_UNJUDGE] = "UPDATE config_write SET reason = 0 WHERE reason = 1",
    [CONFIG_WRITE_DELETE] = "DELETE FROM config_write WHERE operation = ?1",
    [CONFIG_WRITE_DELETE_REFUSED] = "DELETE FROM config_write WHERE " OF_PLACE " AND reason > 1",
    [CONFIG_WRITE_DELETE_OLDER] = "DELETE FROM config_write WHERE " OF_PLACE " AND reason = 0",
    [CONFIG_WRITE_DELETE_OLDEST_REFUSED] =
        "DELETE FROM config_write WHERE operation ="
        " (SELECT min(operation) FROM config_write WHERE reason > 1)",
    [CONFIG_CANDIDATES] =
        "SELECT scope_kind, scope_name, bytes, 0 AS operation FROM config_register WHERE key = ?1"
        " UNION ALL SELECT scope_kind, scope_name, bytes, max(operation) FROM config_write"
        " WHERE key = ?1 AND reason <= 1 GROUP BY scope_kind, scope_name"
        " ORDER BY scope_kind DESC, scope_name, operation",
    [CONFIG_NEXT_KEY] = "SELECT min(key) FROM ("
                        "SELECT min(key) AS key FROM config_register WHERE key > ?1"
                        " UNION ALL SELECT min(key) FROM config_write WHERE key > ?1"
                        " UNION ALL SELECT min(key) FROM config_published WHERE key > ?1)",
    [CONFIG_PUBLISHED_FIND] = "SELECT hash FROM config_published WHERE key = ?1",
    [CONFIG_PUBLISHED_PUT] = "INSERT OR REPLACE INTO config_published(key, hash) VALUES(?1, ?2)",
    [CONFIG_PUBLISHED_DELETE] = "DELETE FROM config_published WHERE key = ?1",
};

static enum status load_count(struct edge *edge)
{
    struct statement *count = edge->config_store.statements[CONFIG_COUNT];
    bool row;
    TRY(statement_step(count, &row));
    edge->config_store.register_count = row ? column_u64(count, 0) : 0;
    statement_reset(count);
    return ST_OK;
}

enum status config_store_open(struct edge *edge)
{
    struct config_store *store = &edge->config_store;
    store->scratch = buf_of(malloc(CONFIG_BYTES_MAX), CONFIG_BYTES_MAX);
    if (store->scratch.data == NULL) return ST_NO_MEMORY;
    TRY(statements_open(edge->db, sql, CONFIG_STATEMENT_COUNT, store->statements));
    TRY(load_count(edge));
    return config_write_load(edge);
}

void config_store_close(struct edge *edge)
{
    struct config_store *store = &edge->config_store;
    statements_close(store->statements, CONFIG_STATEMENT_COUNT);
    free(store->scratch.data);
    memset(store, 0, sizeof(*store));
}

static void bind_scope(struct statement *statement, const struct config_scope *scope)
{
    bind_i64(statement, 1, scope->kind);
    bind_text(statement, 2, bytes_of_text(scope->name.text));
}

/* What is in the store was checked when it came: anything else is damage. */
static enum status decode(struct bytes bytes, struct config_entry *out)
{
    return config_decode(bytes, &out->key, &out->reg) == ST_OK ? ST_OK : ST_CORRUPT;
}

/* A copy of the stored bytes in memory, decoded there. */
static enum status take(struct bytes stored, struct buf *memory, struct config_entry *out)
{
    memory->size = 0;
    buf_put(memory, stored);
    if (!buf_ok(memory)) return ST_CORRUPT;
    return decode(buf_bytes(memory), out);
}

/* Steps to the register's row; the caller resets *found. */
static enum status find(struct edge *edge, const struct config_key *key, struct statement **found)
{
    struct statement *statement = edge->config_store.statements[CONFIG_FIND];
    bind_scope(statement, &key->scope);
    bind_text(statement, 3, bytes_of_text(key->name.text));
    bool row;
    TRY(statement_step(statement, &row));
    *found = statement;
    return row ? ST_OK : ST_NOT_FOUND;
}

enum status config_store_get(struct edge *edge, const struct config_key *key, struct buf *memory,
                             struct config_register *out, bool *framed)
{
    struct statement *row;
    struct config_entry entry;
    TRY(find(edge, key, &row));
    const enum status status = take(column_bytes(row, 1), memory, &entry);
    *framed = column_i64(row, 2) != 0;
    statement_reset(row);
    *out = entry.reg;
    return status;
}

static struct config_scope_digest *digest_of(struct edge *edge, const struct config_scope *scope)
{
    struct config_store *store = &edge->config_store;
    for (size_t i = 0; i < store->digest_count; i++)
        if (config_scope_compare(&store->digests[i].scope, scope) == 0) return &store->digests[i];
    return NULL;
}

static void bind_frame(struct statement *statement, int index, struct bytes frame)
{
    if (frame.size > 0)
        bind_blob(statement, index, frame);
    else
        bind_null(statement, index);
}

enum status config_store_put(struct edge *edge, const struct config_key *key,
                             const struct config_register *reg, struct bytes frame)
{
    struct config_store *store = &edge->config_store;
    struct config_scope_digest *digest = digest_of(edge, &key->scope);
    store->scratch.size = 0;
    config_encode(key, reg, &store->scratch);
    INVARIANT(buf_ok(&store->scratch));
    const struct config_digest hash = config_hash(edge->hasher, buf_bytes(&store->scratch));

    struct statement *row;
    struct config_digest before;
    int64_t id = 0;
    const enum status found = find(edge, key, &row);
    if (found == ST_OK) {
        id = column_i64(row, 0);
        const enum status status = column_fixed(row, 3, before.bytes, CONFIG_DIGEST_SIZE);
        statement_reset(row);
        TRY(status);
    } else if (found != ST_NOT_FOUND) {
        return found;
    }
    struct statement *put = store->statements[id != 0 ? CONFIG_UPDATE : CONFIG_INSERT];
    const int base = id != 0 ? 2 : 4;
    if (id != 0) {
        bind_i64(put, 1, id);
    } else {
        bind_scope(put, &key->scope);
        bind_text(put, 3, bytes_of_text(key->name.text));
    }
    bind_blob(put, base, bytes_of(hash.bytes, CONFIG_DIGEST_SIZE));
    bind_blob(put, base + 1, buf_bytes(&store->scratch));
    bind_frame(put, base + 2, frame);
    TRY(statement_run(put));
    if (id == 0) store->register_count++;
    if (digest == NULL) return ST_OK;
    if (id != 0)
        config_digest_toggle(&digest->digest, &before);
    else
        digest->count++;
    config_digest_toggle(&digest->digest, &hash);
    return ST_OK;
}

enum status config_store_frame(struct edge *edge, const struct config_key *key, struct buf *out)
{
    struct statement *find_frame = edge->config_store.statements[CONFIG_FRAME_OF];
    bind_scope(find_frame, &key->scope);
    bind_text(find_frame, 3, bytes_of_text(key->name.text));
    bool row;
    TRY(statement_step(find_frame, &row));
    if (!row) return ST_NOT_FOUND;
    out->size = 0;
    buf_put(out, column_bytes(find_frame, 0));
    statement_reset(find_frame);
    return buf_ok(out) ? ST_OK : ST_CORRUPT;
}

enum status config_store_next(struct edge *edge, const struct config_scope *scope,
                              const struct level_name *after, bool framed, struct buf *memory,
                              struct config_entry *out, struct config_digest *hash)
{
    struct statement *next =
        edge->config_store.statements[framed ? CONFIG_NEXT_FRAMED : CONFIG_NEXT];
    bind_scope(next, scope);
    bind_text(next, 3, bytes_of_text(after->text));
    bool row;
    TRY(statement_step(next, &row));
    if (!row) return ST_NOT_FOUND;
    const struct bytes stored = column_bytes(next, 0);
    enum status status = memory != NULL ? take(stored, memory, out) : decode(stored, out);
    if (status == ST_OK && hash != NULL)
        status = column_fixed(next, 1, hash->bytes, CONFIG_DIGEST_SIZE);
    statement_reset(next);
    return status;
}

/* ---- The scopes that hold for this node ------------------------------------------------------ */

static enum status sum_up(struct edge *edge, struct config_scope_digest *out)
{
    struct statement *hashes = edge->config_store.statements[CONFIG_HASHES];
    bind_scope(hashes, &out->scope);
    bool row;
    for (;;) {
        struct config_digest hash;
        TRY(statement_step(hashes, &row));
        if (!row) return ST_OK;
        const enum status status = column_fixed(hashes, 0, hash.bytes, CONFIG_DIGEST_SIZE);
        if (status != ST_OK) {
            statement_reset(hashes);
            return status;
        }
        config_digest_toggle(&out->digest, &hash);
        out->count++;
    }
}

/* Registers of groups that this node has left: what comes later for them would go unheard. */
static enum status forget_other_groups(struct edge *edge)
{
    struct config_store *store = &edge->config_store;
    struct statement *next = store->statements[CONFIG_GROUPS];
    struct config_scope scope = {.kind = CONFIG_SCOPE_GROUP};
    for (;;) {
        bool row;
        bind_text(next, 1, bytes_of_text(scope.name.text));
        TRY(statement_step(next, &row));
        if (!row) return load_count(edge);
        const enum status status = level_name_from(column_bytes(next, 0), &scope.name);
        statement_reset(next);
        if (status != ST_OK) return ST_CORRUPT;
        if (digest_of(edge, &scope) != NULL) continue;
        struct statement *forget = store->statements[CONFIG_FORGET];
        bind_scope(forget, &scope);
        TRY(statement_run(forget));
    }
}

enum status config_store_watch(struct edge *edge, const struct config_scope *scopes, size_t count)
{
    struct config_store *store = &edge->config_store;
    INVARIANT(count <= CONFIG_SCOPES_MAX);
    store->digest_count = count;
    for (size_t i = 0; i < count; i++) {
        store->digests[i] = (struct config_scope_digest){.scope = scopes[i]};
        TRY(sum_up(edge, &store->digests[i]));
    }
    return forget_other_groups(edge);
}

enum status config_store_digest(const struct edge *edge, const struct config_scope *scope,
                                struct config_scope_digest *out)
{
    const struct config_store *store = &edge->config_store;
    for (size_t i = 0; i < store->digest_count; i++) {
        if (config_scope_compare(&store->digests[i].scope, scope) != 0) continue;
        *out = store->digests[i];
        return ST_OK;
    }
    return ST_NOT_FOUND;
}
