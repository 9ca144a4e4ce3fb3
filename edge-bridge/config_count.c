/* config_count.c - which value counts for a key, and what the local broker was told of it; see
 * config_store.h. */
#include <string.h>

#include "edge-bridge/config_store.h"
#include "edge-bridge/edge_state.h"

static enum status candidate_of(struct statement *row, struct config_counted *out)
{
    struct config_key key;
    if (config_decode(column_bytes(row, 2), &key, &out->reg) != ST_OK) return ST_CORRUPT;
    out->scope = key.scope;
    out->pending = column_i64(row, 3) != 0;
    return ST_OK;
}

/* Keeps a candidate beyond its row: its content is copied to memory. */
static enum status keep(struct statement *row, struct buf *memory, struct config_counted *out)
{
    struct config_key key;
    memory->size = 0;
    buf_put(memory, column_bytes(row, 2));
    if (!buf_ok(memory)) return ST_CORRUPT;
    TRY(candidate_of(row, out));
    return config_decode(buf_bytes(memory), &key, &out->reg) == ST_OK ? ST_OK : ST_CORRUPT;
}

/* The search over the rows of a key, narrowest scope first. `scope` holds the greatest register of
 * the scope at hand, `best` the one that counts of those before; they change places, and so do
 * their memories. */
struct search {
    struct config_counted scope, best;
    bool has_scope, has_best;
    struct buf *scope_memory, *best_memory;
};

static void scope_done(struct search *search)
{
    if (!search->has_scope) return;
    search->has_scope = false;
    const struct config_candidate candidates[] = {
        {search->best.scope.kind, search->has_best ? &search->best.reg : NULL},
        {search->scope.scope.kind, &search->scope.reg},
    };
    if (config_effective(candidates, COUNT_OF(candidates)) != &search->scope.reg) return;
    search->best = search->scope;
    search->has_best = true;
    struct buf *memory = search->best_memory;
    search->best_memory = search->scope_memory;
    search->scope_memory = memory;
}

static enum status scan(struct edge *edge, struct statement *rows, struct search *search)
{
    bool more;
    for (;;) {
        struct config_counted next;
        TRY(statement_step(rows, &more));
        if (!more) return ST_OK;
        TRY(candidate_of(rows, &next));
        if (!config_scope_holds(edge, &next.scope)) continue;
        const bool same =
            search->has_scope && config_scope_compare(&search->scope.scope, &next.scope) == 0;
        if (same && config_compare(&next.reg, &search->scope.reg) <= 0) continue;
        if (!same) scope_done(search);
        TRY(keep(rows, search->scope_memory, &search->scope));
        search->has_scope = true;
    }
}

enum status config_count_effective(struct edge *edge, const struct level_name *name,
                                   struct buf *memory, struct buf *other,
                                   struct config_counted *out)
{
    struct search search = {.scope_memory = memory, .best_memory = other};
    struct statement *rows = edge->config_store.statements[CONFIG_CANDIDATES];
    bind_text(rows, 1, bytes_of_text(name->text));
    const enum status status = scan(edge, rows, &search);
    statement_reset(rows);
    TRY(status);
    scope_done(&search);
    if (!search.has_best) return ST_NOT_FOUND;
    *out = search.best;
    return ST_OK;
}

enum status config_count_in_scope(struct edge *edge, const struct config_key *key,
                                  struct buf *memory, struct config_counted *out)
{
    struct config_write_row write;
    bool framed;
    const enum status written = config_write_newest(edge, key, memory, &write);
    if (written != ST_OK && written != ST_NOT_FOUND) return written;
    /* The register goes to a scratch first: the write's content lives in memory. */
    struct config_register reg;
    struct buf *scratch = &edge->config_store.scratch;
    const enum status found = config_store_get(edge, key, scratch, &reg, &framed);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    if (found == ST_NOT_FOUND && written == ST_NOT_FOUND) return ST_NOT_FOUND;
    out->scope = key->scope;
    out->pending =
        found == ST_NOT_FOUND || (written == ST_OK && config_compare(&write.entry.reg, &reg) > 0);
    if (!out->pending) return config_store_get(edge, key, memory, &out->reg, &framed);
    out->reg = write.entry.reg;
    return ST_OK;
}

enum status config_count_next_key(struct edge *edge, const struct level_name *after,
                                  struct level_name *out)
{
    struct statement *next = edge->config_store.statements[CONFIG_NEXT_KEY];
    bind_text(next, 1, bytes_of_text(after->text));
    bool row;
    TRY(statement_step(next, &row));
    const bool there = row && !column_is_null(next, 0);
    enum status status = there ? level_name_from(column_bytes(next, 0), out) : ST_NOT_FOUND;
    if (there && status != ST_OK) status = ST_CORRUPT;
    if (row) statement_reset(next);
    return status;
}

/* ---- What the local broker was told ---------------------------------------------------------- */

enum status config_published_get(struct edge *edge, const struct level_name *name,
                                 struct digest *hash)
{
    struct statement *find = edge->config_store.statements[CONFIG_PUBLISHED_FIND];
    bind_text(find, 1, bytes_of_text(name->text));
    bool row;
    TRY(statement_step(find, &row));
    if (!row) return ST_NOT_FOUND;
    const enum status status = column_fixed(find, 0, hash->bytes, DIGEST_SIZE);
    statement_reset(find);
    return status;
}

enum status config_published_put(struct edge *edge, const struct level_name *name,
                                 const struct digest *hash)
{
    struct statement *put = edge->config_store.statements[CONFIG_PUBLISHED_PUT];
    bind_text(put, 1, bytes_of_text(name->text));
    bind_blob(put, 2, bytes_of(hash->bytes, DIGEST_SIZE));
    return statement_run(put);
}

enum status config_published_remove(struct edge *edge, const struct level_name *name)
{
    struct statement *delete = edge->config_store.statements[CONFIG_PUBLISHED_DELETE];
    bind_text(delete, 1, bytes_of_text(name->text));
    return statement_run(delete);
}
