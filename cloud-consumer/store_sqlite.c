/* store_sqlite.c - the embedded store: open and close, transactions, identity, small helpers. */
#include <stdlib.h>

#include "cloud-consumer/config_store.h"
#include "cloud-consumer/store_sqlite.h"
#include "cloud-consumer/track_store.h"

enum {
    /* Runs are blobs of about 32 KiB: with large pages a run is three pages and not nine. */
    CLOUD_PAGE_SIZE = 16384,
    CLOUD_CACHE_KIB = 16384,
    CLOUD_CHECKPOINT_PAGES = 2000,
};

#define STATEMENT_AS_SQL(name, sql) [name] = sql,
static const char *const statement_sql[SQL_COUNT] = {STATEMENT_MAP(
    STATEMENT_AS_SQL) CONFIG_STATEMENT_MAP(STATEMENT_AS_SQL) TRACK_STATEMENT_MAP(STATEMENT_AS_SQL)};
#undef STATEMENT_AS_SQL

struct sqlite_store_open {
    struct sqlite_store store;
    struct evidence_store_verbs verbs;
    struct config_store_verbs configs;
    struct track_store_verbs tracks;
};

enum status sqlite_first(struct statement *statement)
{
    bool row = false;
    TRY(statement_step(statement, &row));
    return row ? ST_OK : ST_NOT_FOUND;
}

enum status sqlite_done(struct statement *statement, enum status status)
{
    statement_reset(statement);
    return status;
}

enum status sqlite_insert(struct evidence_store *store, struct statement *statement)
{
    TRY(statement_run(statement));
    return db_changes(sqlite_store_of(store)->db) > 0 ? ST_OK : ST_DUPLICATE;
}

enum status sqlite_fixed(struct statement *statement, int column, void *out, size_t size)
{
    return column_fixed(statement, column, out, size) == ST_OK ? ST_OK : ST_TAMPERED;
}

enum status sqlite_copy(struct statement *statement, int column, struct buf *out)
{
    buf_put(out, column_bytes(statement, column));
    return buf_ok(out) ? ST_OK : ST_TOO_LARGE;
}

static void store_close(struct evidence_store *store)
{
    if (store == NULL) return;
    struct sqlite_store *const sqlite = sqlite_store_of(store);
    statements_close(sqlite->statements, SQL_COUNT);
    db_close(sqlite->db);
    free(sqlite);
}

static enum status store_begin(struct evidence_store *store)
{
    return db_begin(sqlite_store_of(store)->db);
}

static enum status store_commit(struct evidence_store *store)
{
    return db_commit(sqlite_store_of(store)->db);
}

static void store_rollback(struct evidence_store *store)
{
    db_rollback(sqlite_store_of(store)->db);
}

static uint64_t store_bytes_on_disk(struct evidence_store *store)
{
    return db_bytes_on_disk(sqlite_store_of(store)->db);
}

static enum status read_identity(struct statement *row, struct store_identity *out)
{
    *out = (struct store_identity){0};
    TRY(sqlite_fixed(row, 0, out->store.bytes, STORE_ID_SIZE));
    out->has_previous = !column_is_null(row, 1);
    if (out->has_previous) TRY(sqlite_fixed(row, 1, out->previous.bytes, STORE_ID_SIZE));
    out->hlc_limit = (uint64_t)column_i64(row, 2);
    out->created_ms = column_i64(row, 3);
    return ST_OK;
}

static enum status store_identity_get(struct evidence_store *store, struct store_identity *out)
{
    struct statement *const row = sqlite_statement(store, SQL_IDENTITY);
    TRY(sqlite_first(row));
    return sqlite_done(row, read_identity(row, out));
}

static enum status store_identity_replace(struct evidence_store *store,
                                          const struct store_id *store_id,
                                          const struct store_id *previous)
{
    struct store_identity old;
    TRY(store_identity_get(store, &old));
    const struct store_id *const past[] = {&old.store, previous};
    struct statement *const keep = sqlite_statement(store, SQL_PREVIOUS_ADD);
    for (size_t i = 0; i < COUNT_OF(past); i++) {
        bind_blob(keep, 1, bytes_of(past[i]->bytes, STORE_ID_SIZE));
        TRY(statement_run(keep));
    }
    struct statement *const replace = sqlite_statement(store, SQL_IDENTITY_REPLACE);
    bind_blob(replace, 1, bytes_of(store_id->bytes, STORE_ID_SIZE));
    bind_blob(replace, 2, bytes_of(previous->bytes, STORE_ID_SIZE));
    return statement_run(replace);
}

static enum status store_identity_was(struct evidence_store *store, const struct store_id *store_id,
                                      bool *out)
{
    struct statement *const row = sqlite_statement(store, SQL_PREVIOUS_HAS);
    bind_blob(row, 1, bytes_of(store_id->bytes, STORE_ID_SIZE));
    const enum status found = sqlite_first(row);
    *out = found == ST_OK;
    return sqlite_done(row, found == ST_NOT_FOUND ? ST_OK : found);
}

static enum status store_hlc_limit_save(struct evidence_store *store, uint64_t limit)
{
    struct statement *const save = sqlite_statement(store, SQL_HLC_LIMIT);
    bind_i64(save, 1, (int64_t)limit);
    return statement_run(save);
}

static enum status store_sums(struct evidence_store *store, struct store_sums *out)
{
    struct statement *const row = sqlite_statement(store, SQL_SUMS);
    TRY(sqlite_first(row));
    uint64_t *const sums[] = {&out->nodes,   &out->logs,     &out->entries, &out->bytes,
                              &out->pending, &out->rejected, &out->forks,   &out->frozen,
                              &out->audited, &out->alarms};
    for (size_t i = 0; i < COUNT_OF(sums); i++)
        *sums[i] = column_u64(row, (int)i);
    return sqlite_done(row, ST_OK);
}

static struct db_options database_options(const struct evidence_store_options *options, bool create)
{
    return (struct db_options){
        .path = options->database_path,
        .vfs = options->vfs,
        .page_size = CLOUD_PAGE_SIZE,
        .cache_kib = CLOUD_CACHE_KIB,
        .checkpoint_pages = CLOUD_CHECKPOINT_PAGES,
        .application_id = CLOUD_APPLICATION_ID,
        .create = create,
    };
}

static enum status add_identity(struct db *db, const struct evidence_store_options *options)
{
    struct statement *insert = NULL;
    TRY(statement_open(db, statement_sql[SQL_IDENTITY_ADD], &insert));
    bind_blob(insert, 1, bytes_of(options->fresh.bytes, STORE_ID_SIZE));
    bind_i64(insert, 2, options->now_ms);
    enum status status = db_begin(db);
    if (status == ST_OK) status = statement_run(insert);
    if (status == ST_OK) status = db_commit(db);
    statement_close(insert);
    db_rollback(db);
    return status;
}

enum status evidence_store_sqlite_create(const struct evidence_store_options *options,
                                         struct buf *message)
{
    struct db *db = NULL;
    struct db_options open = database_options(options, false);
    const enum status there = db_open(&open, cloud_migrations, CLOUD_MIGRATION_COUNT, NULL, &db);
    if (there == ST_OK) {
        db_close(db);
        if (message != NULL) {
            buf_put_format(message, "%s exists already: choose another directory or use this one.",
                           options->database_path);
        }
        return ST_DENIED;
    }
    open.create = true;
    TRY(db_open(&open, cloud_migrations, CLOUD_MIGRATION_COUNT, message, &db));
    const enum status status = add_identity(db, options);
    if (status != ST_OK && message != NULL) {
        buf_put_format(message, "%s cannot be written: %s. Check the disk and its permissions.",
                       options->database_path, db_message(db));
    }
    db_close(db);
    return status;
}

enum status evidence_store_sqlite_open(const struct evidence_store_options *options,
                                       struct buf *message, struct evidence_store **out)
{
    *out = NULL;
    struct sqlite_store_open *const open = calloc(1, sizeof *open);
    if (open == NULL) return ST_NO_MEMORY;
    struct sqlite_store *const store = &open->store;
    const struct db_options database = database_options(options, false);
    enum status status =
        db_open(&database, cloud_migrations, CLOUD_MIGRATION_COUNT, message, &store->db);
    if (status != ST_OK) goto out;
    status = statements_open(store->db, statement_sql, SQL_COUNT, store->statements);
    if (status != ST_OK) {
        if (message != NULL) {
            buf_put_format(message, "%s: %s.", options->database_path, db_message(store->db));
        }
        goto out;
    }
    open->verbs = (struct evidence_store_verbs){
        .close = store_close,
        .begin = store_begin,
        .commit = store_commit,
        .rollback = store_rollback,
        .bytes_on_disk = store_bytes_on_disk,
        .identity = store_identity_get,
        .identity_replace = store_identity_replace,
        .identity_was = store_identity_was,
        .hlc_limit_save = store_hlc_limit_save,
        .sums = store_sums,
    };
    sqlite_node_verbs(&open->verbs);
    sqlite_log_verbs(&open->verbs);
    sqlite_run_verbs(&open->verbs);
    sqlite_side_verbs(&open->verbs);
    sqlite_part_verbs(&open->verbs);
    store->base.verbs = &open->verbs;
    sqlite_config_verbs(&open->configs);
    sqlite_sync_verbs(&open->configs);
    store->base.configs = &open->configs;
    sqlite_track_verbs(&open->tracks);
    store->base.tracks = &open->tracks;
    *out = &store->base;
    return ST_OK;
out:
    store_close(&store->base);
    return status;
}
