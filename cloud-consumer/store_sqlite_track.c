/* store_sqlite_track.c - tracks at rest: rows, the archive, and the sums over them. */
#include "cloud-consumer/store_sqlite.h"
#include "cloud-consumer/track_store.h"

enum { DIGESTS_SIZE = TRACK_BUCKETS * 8 };

_Static_assert((int)DIGESTS_SIZE == 2048, "the schema begins with so many zero bytes");

/* ------------------------------------------------------------------- meta */

static enum status read_meta(struct statement *row, struct track_meta *out)
{
    uint8_t digests[DIGESTS_SIZE];
    TRY(sqlite_fixed(row, 6, digests, sizeof digests));
    out->counter = column_u64(row, 0);
    out->horizon = column_u64(row, 1);
    out->count = column_u64(row, 2);
    out->archived = column_u64(row, 3);
    out->archive_last = column_i64(row, 4);
    out->archive_from_ms = column_i64(row, 5);
    for (size_t i = 0; i < TRACK_BUCKETS; i++)
        out->digests.buckets[i] = get_u64(digests + 8 * i);
    return ST_OK;
}

static enum status meta_get(struct evidence_store *store, struct track_meta *out)
{
    struct statement *const row = sqlite_statement(store, SQL_TRACK_META);
    TRY(sqlite_first(row));
    return sqlite_done(row, read_meta(row, out));
}

static enum status meta_save(struct evidence_store *store, const struct track_meta *meta)
{
    struct statement *const save = sqlite_statement(store, SQL_TRACK_META_SAVE);
    uint8_t digests[DIGESTS_SIZE];
    for (size_t i = 0; i < TRACK_BUCKETS; i++)
        put_u64(digests + 8 * i, meta->digests.buckets[i]);
    bind_u64(save, 1, meta->counter);
    bind_u64(save, 2, meta->horizon);
    bind_u64(save, 3, meta->count);
    bind_u64(save, 4, meta->archived);
    bind_i64(save, 5, meta->archive_last);
    bind_i64(save, 6, meta->archive_from_ms);
    bind_blob(save, 7, bytes_of(digests, sizeof digests));
    return statement_run(save);
}

/* ----------------------------------------------------------------- tracks */

/* The state is borrowed from the statement. */
static enum status read_row(struct statement *row, struct track_row *out)
{
    out->id = column_i64(row, 0);
    if (level_name_from(column_bytes(row, 1), &out->name) != ST_OK) return ST_TAMPERED;
    out->bucket = (uint8_t)column_i64(row, 2);
    out->change = column_u64(row, 3);
    out->newest = column_u64(row, 4);
    out->oldest = column_u64(row, 5);
    out->taught_by = column_i64(row, 6);
    out->hash = column_u64(row, 7);
    out->archived = column_i64(row, 8);
    out->state = column_bytes(row, 9);
    return ST_OK;
}

/* The state is copied to the caller's buf. */
static enum status keep_row(struct statement *row, struct buf *state, struct track_row *out)
{
    TRY(read_row(row, out));
    state->size = 0;
    state->overflow = false;
    TRY(sqlite_copy(row, 9, state));
    out->state = buf_bytes(state);
    return ST_OK;
}

static enum status track_find(struct evidence_store *store, const struct level_name *name,
                              struct buf *state, struct track_row *out)
{
    struct statement *const row = sqlite_statement(store, SQL_TRACK_FIND);
    bind_text(row, 1, bytes_of_text(name->text));
    TRY(sqlite_first(row));
    return sqlite_done(row, keep_row(row, state, out));
}

static enum status track_get(struct evidence_store *store, int64_t id, struct buf *state,
                             struct track_row *out)
{
    struct statement *const row = sqlite_statement(store, SQL_TRACK_GET);
    bind_i64(row, 1, id);
    TRY(sqlite_first(row));
    return sqlite_done(row, keep_row(row, state, out));
}

static void bind_row(struct statement *statement, const struct track_row *row)
{
    bind_u64(statement, 3, row->change);
    bind_u64(statement, 4, row->newest);
    bind_u64(statement, 5, row->oldest);
    bind_i64(statement, 6, row->taught_by);
    bind_i64(statement, 7, (int64_t)row->hash);
    bind_i64(statement, 8, row->archived);
    bind_blob(statement, 9, row->state);
}

static enum status track_add(struct evidence_store *store, struct track_row *row)
{
    struct statement *const insert = sqlite_statement(store, SQL_TRACK_ADD);
    bind_text(insert, 1, bytes_of_text(row->name.text));
    bind_i64(insert, 2, row->bucket);
    bind_row(insert, row);
    TRY(statement_run(insert));
    row->id = db_last_rowid(sqlite_store_of(store)->db);
    return ST_OK;
}

static enum status track_save(struct evidence_store *store, const struct track_row *row)
{
    struct statement *const save = sqlite_statement(store, SQL_TRACK_SAVE);
    bind_i64(save, 1, row->id);
    bind_row(save, row);
    return statement_run(save);
}

static enum status track_save_archived(struct evidence_store *store, int64_t id, int64_t archived)
{
    struct statement *const save = sqlite_statement(store, SQL_TRACK_SAVE_ARCHIVED);
    bind_i64(save, 1, id);
    bind_i64(save, 2, archived);
    return statement_run(save);
}

static enum status track_drop(struct evidence_store *store, int64_t id)
{
    struct statement *const drop = sqlite_statement(store, SQL_TRACK_DROP);
    bind_i64(drop, 1, id);
    return statement_run(drop);
}

static enum status track_scan_rows(struct evidence_store *store, const struct track_scan *scan,
                                   track_visit *visit, void *context)
{
    INVARIANT(scan->order < TRACK_ORDER_COUNT);
    struct statement *const row =
        sqlite_statement(store, (enum sqlite_statement)(SQL_TRACK_SCAN + (int)scan->order));
    switch (scan->order) {
    case TRACKS_BY_CHANGE:
        bind_u64(row, 1, scan->change);
        break;
    case TRACKS_BY_NEWEST:
        bind_u64(row, 2, scan->newest);
        bind_i64(row, 3, scan->id);
        break;
    case TRACKS_BY_ID:
        bind_i64(row, 3, scan->id);
        break;
    case TRACKS_IN_BUCKET:
        bind_i64(row, 5, scan->bucket);
        bind_text(row, 4, bytes_of_text(scan->name.text));
        break;
    default:
        bind_text(row, 4, bytes_of_text(scan->name.text));
        break;
    }
    bind_i64(row, 6, scan->limit);
    for (;;) {
        struct track_row read;
        bool there = false;
        TRY(statement_step(row, &there));
        if (!there) return ST_OK;
        const enum status status = read_row(row, &read);
        if (status != ST_OK || !visit(context, &read)) return sqlite_done(row, status);
    }
}

static enum status served_get(struct evidence_store *store, int64_t node, struct track_served *out)
{
    struct statement *const row = sqlite_statement(store, SQL_TRACK_SERVED);
    bind_i64(row, 1, node);
    TRY(sqlite_first(row));
    *out = (struct track_served){node, column_u64(row, 0), column_u64(row, 1)};
    return sqlite_done(row, ST_OK);
}

static enum status served_put(struct evidence_store *store, const struct track_served *row)
{
    struct statement *const put = sqlite_statement(store, SQL_TRACK_SERVED_PUT);
    bind_i64(put, 1, row->node);
    bind_u64(put, 2, row->interest);
    bind_i64(put, 3, (int64_t)row->mates);
    return statement_run(put);
}

/* ---------------------------------------------------------------- archive */

static enum status archive_add(struct evidence_store *store, const struct track_archive_row *row)
{
    struct statement *const insert = sqlite_statement(store, SQL_TRACK_ARCHIVE_ADD);
    bind_i64(insert, 1, row->id);
    bind_i64(insert, 2, row->track);
    bind_i64(insert, 3, row->previous);
    bind_i64(insert, 4, row->node);
    bind_i64(insert, 5, row->received_ms);
    bind_u64(insert, 6, row->newest);
    if (row->has_position) {
        bind_i64(insert, 7, row->latitude_e7);
        bind_i64(insert, 8, row->longitude_e7);
    } else {
        bind_null(insert, 7);
        bind_null(insert, 8);
    }
    bind_blob(insert, 9, row->state);
    return statement_run(insert);
}

static void read_archived(struct statement *row, struct track_archive_row *out)
{
    *out = (struct track_archive_row){
        .id = column_i64(row, 0),
        .track = column_i64(row, 1),
        .previous = column_i64(row, 2),
        .node = column_i64(row, 3),
        .received_ms = column_i64(row, 4),
        .newest = column_u64(row, 5),
        .has_position = !column_is_null(row, 6),
        .latitude_e7 = (int32_t)column_i64(row, 6),
        .longitude_e7 = (int32_t)column_i64(row, 7),
        .state = column_bytes(row, 8),
    };
}

static enum status archive_get(struct evidence_store *store, int64_t id, struct buf *state,
                               struct track_archive_row *out)
{
    struct statement *const row = sqlite_statement(store, SQL_TRACK_ARCHIVE_GET);
    bind_i64(row, 1, id);
    TRY(sqlite_first(row));
    read_archived(row, out);
    state->size = 0;
    state->overflow = false;
    const enum status status = sqlite_copy(row, 8, state);
    out->state = buf_bytes(state);
    return sqlite_done(row, status);
}

static enum status archive_scan(struct evidence_store *store, uint64_t newest, int64_t id,
                                unsigned limit, track_archive_visit *visit, void *context)
{
    struct statement *const row = sqlite_statement(store, SQL_TRACK_ARCHIVE_SCAN);
    bind_u64(row, 1, newest);
    bind_i64(row, 2, id);
    bind_i64(row, 3, limit);
    for (;;) {
        struct track_archive_row read;
        bool there = false;
        TRY(statement_step(row, &there));
        if (!there) return ST_OK;
        read_archived(row, &read);
        if (!visit(context, &read)) return sqlite_done(row, ST_OK);
    }
}

static enum status drop_archived(struct evidence_store *store, int64_t id, int64_t track)
{
    struct statement *const drop = sqlite_statement(store, SQL_TRACK_ARCHIVE_DROP);
    bind_i64(drop, 1, id);
    TRY(statement_run(drop));
    struct statement *const dead = sqlite_statement(store, SQL_TRACK_DROP_DEAD);
    bind_i64(dead, 1, track);
    bind_i64(dead, 2, id);
    return statement_run(dead);
}

static enum status archive_purge(struct evidence_store *store, int64_t before_ms, unsigned limit,
                                 uint64_t *deleted)
{
    struct statement *const row = sqlite_statement(store, SQL_TRACK_ARCHIVE_OLDEST);
    for (*deleted = 0; *deleted < limit; ++*deleted) {
        const enum status found = sqlite_first(row);
        if (found != ST_OK) return found == ST_NOT_FOUND ? ST_OK : found;
        const int64_t id = column_i64(row, 0), track = column_i64(row, 1);
        const bool old = column_i64(row, 2) < before_ms;
        TRY(sqlite_done(row, ST_OK));
        if (!old) return ST_OK;
        TRY(drop_archived(store, id, track));
    }
    return ST_OK;
}

void sqlite_track_verbs(struct track_store_verbs *verbs)
{
    *verbs = (struct track_store_verbs){
        .meta_get = meta_get,
        .meta_save = meta_save,
        .find = track_find,
        .get = track_get,
        .add = track_add,
        .save = track_save,
        .save_archived = track_save_archived,
        .drop = track_drop,
        .scan = track_scan_rows,
        .served_get = served_get,
        .served_put = served_put,
        .archive_add = archive_add,
        .archive_get = archive_get,
        .archive_scan = archive_scan,
        .archive_purge = archive_purge,
    };
}
