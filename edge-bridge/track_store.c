/* track_store.c - rows of tracks, their change numbers and the sums over them; see track_store.h.
 *
 * The counter of change numbers is not written for every local observation: the row that holds the
 * newest one tells it. It is written whenever that row may be gone or may not be looked for: for
 * rows that the cloud taught (no index leads to their change), and on deletion. */
#include "edge-bridge/track_store.h"

#include <stdlib.h>
#include <string.h>

#include "common/data/hlc.h"
#include "common/data/track_codec.h"
#include "edge-bridge/edge_state.h"
#include "edge-bridge/schema.h"

/* What a row takes besides its state: name, numbers and four indexes, roughly. */
enum { ROW_OVERHEAD_BYTES = 192 };

#define COLUMNS "id, name, change, taught, newest, done_mono_ms, done_boot, state"

static const char *const sql[TRACK_STATEMENT_COUNT] = {
    [TRACK_GET] = "SELECT " COLUMNS " FROM track WHERE name = ?1",
    [TRACK_INSERT] = "INSERT INTO track(name, bucket, change, taught, newest, done_mono_ms,"
                     " done_boot, state) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [TRACK_UPDATE] = "UPDATE track SET change = ?2, taught = ?3, newest = ?4, done_mono_ms = ?5,"
                     " done_boot = ?6, state = ?7 WHERE id = ?1",
    [TRACK_DELETE] = "DELETE FROM track WHERE id = ?1",
    [TRACK_RENUMBER] = "UPDATE track SET change = ?2, taught = ?3 WHERE id = ?1",
    [TRACK_NEXT_CHANGE] = "SELECT " COLUMNS " FROM track"
                          " WHERE taught = 0 AND change > ?1 ORDER BY change LIMIT 1",
    [TRACK_NEXT_NAME] = "SELECT " COLUMNS " FROM track WHERE name > ?1 ORDER BY name LIMIT 1",
    [TRACK_NEXT_IN_BUCKET] = "SELECT " COLUMNS " FROM track"
                             " WHERE bucket = ?1 AND name > ?2 ORDER BY bucket, name LIMIT 1",
    [TRACK_NEXT_OWN] = "SELECT " COLUMNS " FROM track"
                       " WHERE id > ?1 AND newest > ?2 AND done_mono_ms <> 0 ORDER BY id LIMIT 1",
    [TRACK_ALL] = "SELECT " COLUMNS " FROM track",
    [TRACK_SUMS] = "SELECT count(*), total(length(state)) FROM track",
    [TRACK_LAST_CHANGE] = "SELECT max(change) FROM track WHERE taught = 0",
    [TRACK_COUNT_CHANGES] =
        "SELECT count(*) FROM track WHERE taught = 0 AND change > ?1 AND change <= ?2",
    [TRACK_ACTIVE_WAITS] = "SELECT 1 FROM track INDEXED BY track_newest"
                           " WHERE newest >= ?1 AND taught = 0 AND change > ?2 LIMIT 1",
    [TRACK_OLD_WAITS] = "SELECT 1 FROM track INDEXED BY track_newest"
                        " WHERE newest < ?1 AND taught = 0 AND change > ?2 LIMIT 1",
    [TRACK_OLDEST_KNOWN] = "SELECT id, change, taught, newest, done_mono_ms, length(state)"
                           " FROM track WHERE newest < ?1 AND (taught <> 0 OR change <= ?2)"
                           " ORDER BY newest LIMIT ?3",
    [TRACK_OLDEST] = "SELECT id, change, taught, newest, done_mono_ms, length(state)"
                     " FROM track WHERE newest < ?1 ORDER BY newest LIMIT ?3",
};

/* ---- Opening --------------------------------------------------------------------------------- */

/* A value that may never have been set: 0 then. */
static enum status load(struct edge *edge, enum meta_key key, uint64_t max, uint64_t *out)
{
    *out = 0;
    const enum status found = edge_meta_get_u64(edge, key, out);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    return *out <= max ? ST_OK : ST_CORRUPT;
}

/* Whatever the disk says, a number that can be bound again. */
static uint64_t column_natural(struct statement *statement, int index)
{
    const int64_t value = column_i64(statement, index);
    return value < 0 ? 0 : (uint64_t)value;
}

static enum status one_number(struct statement *statement, int column, uint64_t *out)
{
    bool row;
    TRY(statement_step(statement, &row));
    *out = row ? column_natural(statement, column) : 0;
    statement_reset(statement);
    return ST_OK;
}

static enum status count_changes(struct edge *edge, uint64_t above, uint64_t through, uint64_t *out)
{
    struct statement *count = edge->track_store.statements[TRACK_COUNT_CHANGES];
    bind_u64(count, 1, above);
    bind_u64(count, 2, through);
    return one_number(count, 0, out);
}

static enum status load_sums(struct edge *edge)
{
    struct track_store *store = &edge->track_store;
    struct statement *sums = store->statements[TRACK_SUMS];
    bool row;
    TRY(statement_step(sums, &row));
    if (!row) return ST_CORRUPT;
    store->count = column_u64(sums, 0);
    store->bytes = column_u64(sums, 1) + store->count * ROW_OVERHEAD_BYTES;
    statement_reset(sums);
    TRY(one_number(store->statements[TRACK_LAST_CHANGE], 0, &store->waiting));
    if (store->counter < store->waiting) store->counter = store->waiting;
    if (store->counter < store->cursor) store->counter = store->cursor;
    return count_changes(edge, store->cursor, store->counter, &store->pending);
}

/* Drawn at random, so that a store that was restored does not repeat what it drew before. */
static enum status draw(struct edge *edge, enum meta_key key, uint32_t *out)
{
    uint32_t drawn = 0;
    while (drawn == 0 || drawn == *out)
        port_random(edge->port, &drawn, sizeof(drawn));
    *out = drawn;
    return edge_meta_set_u64(edge, key, drawn);
}

enum status track_store_open(struct edge *edge)
{
    struct track_store *store = &edge->track_store;
    uint64_t numbering, incarnation;
    store->scratch = malloc(TRACK_BYTES_MAX);
    store->track = malloc(sizeof(*store->track));
    if (store->scratch == NULL || store->track == NULL) return ST_NO_MEMORY;
    TRY(statements_open(edge->db, sql, TRACK_STATEMENT_COUNT, store->statements));
    TRY(load(edge, META_TRACK_NUMBERING, UINT32_MAX, &numbering));
    TRY(load(edge, META_TRACK_INCARNATION, UINT32_MAX, &incarnation));
    TRY(load(edge, META_TRACK_COUNTER, PACK_SEQUENCE_MAX, &store->counter));
    TRY(load(edge, META_TRACK_CURSOR, PACK_SEQUENCE_MAX, &store->cursor));
    TRY(load(edge, META_TRACK_HORIZON, HLC_STAMP_MAX, &store->horizon));
    TRY(load(edge, META_TRACK_EVICTED, HLC_STAMP_MAX, &store->evicted_through));
    TRY(load(edge, META_TRACK_GIVEN_UP, PACK_SEQUENCE_MAX, &store->evicted_unacked));
    store->numbering = (uint32_t)numbering;
    store->incarnation = (uint32_t)incarnation;
    if (numbering == 0) TRY(draw(edge, META_TRACK_NUMBERING, &store->numbering));
    if (incarnation == 0) TRY(track_store_new_incarnation(edge));
    return load_sums(edge);
}

void track_store_close(struct edge *edge)
{
    struct track_store *store = &edge->track_store;
    statements_close(store->statements, TRACK_STATEMENT_COUNT);
    free(store->scratch);
    free(store->track);
    memset(store, 0, sizeof(*store));
}

/* ---- Sums ------------------------------------------------------------------------------------ */

static void uncount(struct track_store *store, const struct track_row *row)
{
    if (row->id == 0) return;
    store->count--;
    store->bytes -= row->state_bytes + ROW_OVERHEAD_BYTES;
    store->pending -= row->pending;
}

static void count(struct track_store *store, struct track_row *row, size_t state_bytes)
{
    row->state_bytes = (uint32_t)state_bytes;
    row->pending = !row->taught && row->change > store->cursor;
    store->count++;
    store->bytes += row->state_bytes + ROW_OVERHEAD_BYTES;
    store->pending += row->pending;
    if (!row->taught && row->change > store->waiting) store->waiting = row->change;
}

static enum status save_counter(struct edge *edge)
{
    return edge_meta_set_u64(edge, META_TRACK_COUNTER, edge->track_store.counter);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* A damaged row's context is lost, and an observation made without it must not cover what others
 * hold of us: hence the new incarnation. */
static enum status forget_damaged(struct edge *edge, struct track_row *row)
{
    struct track_store *store = &edge->track_store;
    trace_line(&edge->port->trace, TRACE_ALARM, "track %s is damaged on the disk: forgotten",
               row->name.text);
    store->damaged++;
    TRY(track_store_delete(edge, row));
    return track_store_new_incarnation(edge);
}

/* A row of the columns above. Resets the statement unless `scanning`; then ST_NOT_FOUND says that
 * the row is damaged. */
static enum status take_row(struct edge *edge, struct statement *from, bool scanning,
                            struct track_row *row, struct track *track)
{
    struct track_store *store = &edge->track_store;
    *row = (struct track_row){.id = column_i64(from, 0)};
    const bool named = level_name_from(column_bytes(from, 1), &row->name) == ST_OK;
    row->change = column_natural(from, 2);
    row->taught = column_i64(from, 3) != 0;
    row->newest = column_natural(from, 4);
    row->done.mono_ms = column_natural(from, 5);
    row->done.boot = (uint32_t)column_natural(from, 6);
    const struct bytes state = column_bytes(from, 7);
    row->state_bytes = (uint32_t)state.size;
    row->pending = !row->taught && row->change > store->cursor;
    const bool good = named && track_decode(state, track) == ST_OK;
    if (!scanning) statement_reset(from);
    if (!good && scanning) return ST_NOT_FOUND;
    if (!good) {
        TRY(forget_damaged(edge, row));
        return ST_AGAIN;
    }
    (void)track_apply_horizon(track, store->horizon);
    return ST_OK;
}

/* The first row that the bound statement finds. ST_AGAIN: it was damaged, ask again. */
static enum status first_row(struct edge *edge, struct statement *statement, struct track_row *row,
                             struct track *track)
{
    bool there;
    TRY(statement_step(statement, &there));
    if (there) return take_row(edge, statement, false, row, track);
    statement_reset(statement);
    row->id = 0;
    return ST_NOT_FOUND;
}

enum status track_store_get(struct edge *edge, const struct level_name *name, struct track_row *row,
                            struct track *track)
{
    struct statement *get = edge->track_store.statements[TRACK_GET];
    bind_text(get, 1, bytes_of_text(name->text));
    const enum status found = first_row(edge, get, row, track);
    if (found != ST_NOT_FOUND && found != ST_AGAIN) return found;
    *row = (struct track_row){.name = *name};
    track_init(track);
    return ST_NOT_FOUND;
}

enum status track_store_next_change(struct edge *edge, uint64_t after, struct track_row *row,
                                    struct track *track)
{
    struct statement *next = edge->track_store.statements[TRACK_NEXT_CHANGE];
    enum status found = ST_AGAIN;
    while (found == ST_AGAIN) {
        bind_u64(next, 1, after);
        found = first_row(edge, next, row, track);
    }
    return found;
}

enum status track_store_next_name(struct edge *edge, const struct level_name *after,
                                  struct track_row *row, struct track *track)
{
    struct statement *next = edge->track_store.statements[TRACK_NEXT_NAME];
    enum status found = ST_AGAIN;
    while (found == ST_AGAIN) {
        bind_text(next, 1, bytes_of_text(after->text));
        found = first_row(edge, next, row, track);
    }
    return found;
}

enum status track_store_next_in_bucket(struct edge *edge, uint8_t bucket,
                                       const struct level_name *after, struct track_row *row,
                                       struct track *track)
{
    struct statement *next = edge->track_store.statements[TRACK_NEXT_IN_BUCKET];
    enum status found = ST_AGAIN;
    while (found == ST_AGAIN) {
        bind_u64(next, 1, bucket);
        bind_text(next, 2, bytes_of_text(after->text));
        found = first_row(edge, next, row, track);
    }
    return found;
}

enum status track_store_next_own(struct edge *edge, int64_t after_id, uint64_t above,
                                 struct track_row *row, struct track *track)
{
    struct statement *next = edge->track_store.statements[TRACK_NEXT_OWN];
    enum status found = ST_AGAIN;
    while (found == ST_AGAIN) {
        bind_i64(next, 1, after_id);
        bind_u64(next, 2, above);
        found = first_row(edge, next, row, track);
    }
    return found;
}

static enum status exists(struct statement *statement, uint64_t stamp, uint64_t above, bool *yes)
{
    bind_u64(statement, 1, stamp);
    bind_u64(statement, 2, above);
    TRY(statement_step(statement, yes));
    statement_reset(statement);
    return ST_OK;
}

enum status track_store_active_waits(struct edge *edge, uint64_t after, uint64_t stamp, bool *yes)
{
    return exists(edge->track_store.statements[TRACK_ACTIVE_WAITS], stamp, after, yes);
}

enum status track_store_old_waits(struct edge *edge, uint64_t stamp, bool *yes)
{
    const struct track_store *store = &edge->track_store;
    return exists(store->statements[TRACK_OLD_WAITS], stamp, store->cursor, yes);
}

enum status track_store_oldest(struct edge *edge, uint64_t below, bool known_only,
                               struct track_row *rows, size_t max, size_t *count_out)
{
    struct track_store *store = &edge->track_store;
    struct statement *oldest = store->statements[known_only ? TRACK_OLDEST_KNOWN : TRACK_OLDEST];
    bind_u64(oldest, 1, below);
    if (known_only) bind_u64(oldest, 2, store->cursor);
    bind_u64(oldest, 3, max);
    *count_out = 0;
    for (;;) {
        bool there;
        TRY(statement_step(oldest, &there));
        if (!there) break;
        struct track_row *row = &rows[(*count_out)++];
        *row = (struct track_row){.id = column_i64(oldest, 0), .change = column_natural(oldest, 1)};
        row->taught = column_i64(oldest, 2) != 0;
        row->newest = column_natural(oldest, 3);
        row->done.mono_ms = column_natural(oldest, 4);
        row->state_bytes = (uint32_t)column_natural(oldest, 5);
        row->pending = !row->taught && row->change > store->cursor;
    }
    statement_reset(oldest);
    return ST_OK;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void bind_from(struct statement *statement, int first, const struct track_row *row,
                      struct bytes state)
{
    bind_u64(statement, first, row->change);
    bind_u64(statement, first + 1, row->taught);
    bind_u64(statement, first + 2, row->newest);
    bind_u64(statement, first + 3, row->done.mono_ms);
    bind_u64(statement, first + 4, row->done.boot);
    bind_blob(statement, first + 5, state);
}

static enum status write_row(struct edge *edge, struct track_row *row, struct bytes state)
{
    struct track_store *store = &edge->track_store;
    struct statement *write = store->statements[row->id != 0 ? TRACK_UPDATE : TRACK_INSERT];
    if (row->id != 0) {
        bind_i64(write, 1, row->id);
        bind_from(write, 2, row, state);
        return statement_run(write);
    }
    bind_text(write, 1, bytes_of_text(row->name.text));
    bind_u64(write, 2, track_bucket(edge->hasher, &row->name));
    bind_from(write, 3, row, state);
    TRY(statement_run(write));
    row->id = db_last_rowid(edge->db);
    return ST_OK;
}

enum status track_store_put(struct edge *edge, struct track_row *row, const struct track *track)
{
    struct track_store *store = &edge->track_store;
    if (track_is_empty(track)) return row->id == 0 ? ST_OK : track_store_delete(edge, row);
    struct buf state = buf_of(store->scratch, TRACK_BYTES_MAX);
    track_encode(track, &state);
    INVARIANT(buf_ok(&state));
    const uint64_t newest = track_newest_stamp(track);
    uncount(store, row);
    row->change = ++store->counter;
    /* A floor may lie one above the greatest stamp there is. */
    row->newest = newest < HLC_STAMP_MAX ? newest : HLC_STAMP_MAX;
    TRY(write_row(edge, row, buf_bytes(&state)));
    count(store, row, state.size);
    return row->taught ? save_counter(edge) : ST_OK;
}

enum status track_store_delete(struct edge *edge, struct track_row *row)
{
    struct track_store *store = &edge->track_store;
    struct statement *delete = store->statements[TRACK_DELETE];
    uncount(store, row);
    bind_i64(delete, 1, row->id);
    row->id = 0;
    TRY(statement_run(delete));
    return save_counter(edge);
}

static enum status renumber(struct edge *edge, struct track_row *row)
{
    struct track_store *store = &edge->track_store;
    struct statement *write = store->statements[TRACK_RENUMBER];
    const size_t state_bytes = row->state_bytes;
    bind_i64(write, 1, row->id);
    bind_u64(write, 2, row->change);
    bind_u64(write, 3, row->taught);
    TRY(statement_run(write));
    count(store, row, state_bytes);
    return row->taught ? save_counter(edge) : ST_OK;
}

enum status track_store_touch(struct edge *edge, struct track_row *row)
{
    struct track_store *store = &edge->track_store;
    uncount(store, row);
    row->change = ++store->counter;
    row->taught = false;
    return renumber(edge, row);
}

enum status track_store_mark_taught(struct edge *edge, struct track_row *row)
{
    uncount(&edge->track_store, row);
    row->taught = true;
    return renumber(edge, row);
}

/* ---- Cursor, numbering, incarnation, horizon ------------------------------------------------- */

enum status track_store_save_cursor(struct edge *edge, uint64_t cursor)
{
    struct track_store *store = &edge->track_store;
    uint64_t moved;
    if (cursor > store->cursor) {
        TRY(count_changes(edge, store->cursor, cursor, &moved));
        store->pending -= moved;
        edge->counters.tracks_joined += moved;
    } else {
        TRY(count_changes(edge, cursor, store->cursor, &moved));
        store->pending += moved;
    }
    store->cursor = cursor;
    if (store->counter < cursor) store->counter = cursor;
    return edge_meta_set_u64(edge, META_TRACK_CURSOR, cursor);
}

enum status track_store_new_numbering(struct edge *edge)
{
    TRY(draw(edge, META_TRACK_NUMBERING, &edge->track_store.numbering));
    TRY(track_store_save_cursor(edge, 0));
    return track_store_new_incarnation(edge);
}

enum status track_store_new_incarnation(struct edge *edge)
{
    return draw(edge, META_TRACK_INCARNATION, &edge->track_store.incarnation);
}

enum status track_store_save_horizon(struct edge *edge, uint64_t horizon)
{
    edge->track_store.horizon = horizon;
    return edge_meta_set_u64(edge, META_TRACK_HORIZON, horizon);
}

enum status track_store_save_evicted(struct edge *edge)
{
    const struct track_store *store = &edge->track_store;
    TRY(edge_meta_set_u64(edge, META_TRACK_EVICTED, store->evicted_through));
    return edge_meta_set_u64(edge, META_TRACK_GIVEN_UP, store->evicted_unacked);
}

/* ---- Digests --------------------------------------------------------------------------------- */

static bool shares_group(const struct roster_node *a, const struct roster_node *b)
{
    for (size_t i = 0; i < a->group_count; i++)
        for (size_t j = 0; j < b->group_count; j++)
            if (a->groups[i] == b->groups[j]) return true;
    return false;
}

bool track_store_within_interest(const struct edge *edge, const struct track *track)
{
    const struct roster *roster = edge->config.roster;
    if (edge->settings.interest == INTEREST_ALL) return true;
    /* Who is in which group is not known before the roster was heard in this process. */
    if (roster->version == 0 || roster->version != edge->config.roster_version) return true;
    const struct roster_node *self = roster_find(roster, &edge->node);
    for (unsigned i = 0; i < track->slot_count; i++) {
        const struct node_name *writer = &track->slots[i].writer.node;
        if (node_name_equal(writer, &edge->node)) return true;
        const struct roster_node *node = roster_find(roster, writer);
        if (self != NULL && node != NULL && shares_group(self, node)) return true;
    }
    return false;
}

uint64_t track_store_hash(struct edge *edge, const struct level_name *name,
                          const struct track *track)
{
    struct buf state = buf_of(edge->track_store.scratch, TRACK_BYTES_MAX);
    track_encode(track, &state);
    INVARIANT(buf_ok(&state));
    return track_hash(edge->hasher, name, buf_bytes(&state));
}

enum status track_store_digests(struct edge *edge, uint64_t since, bool everything,
                                struct track_digests *out)
{
    struct track_store *store = &edge->track_store;
    struct statement *all = store->statements[TRACK_ALL];
    memset(out, 0, sizeof(*out));
    for (;;) {
        struct track_row row;
        bool there;
        TRY(statement_step(all, &there));
        if (!there) break;
        /* A damaged row counts as missing, until somebody reads it by its name. */
        if (take_row(edge, all, true, &row, store->track) != ST_OK) continue;
        if (track_is_empty(store->track) || row.newest < since) continue;
        if (!everything && !track_store_within_interest(edge, store->track)) continue;
        track_digests_toggle(out, track_bucket(edge->hasher, &row.name),
                             track_store_hash(edge, &row.name, store->track));
    }
    statement_reset(all);
    return ST_OK;
}
