/* db_open.c - from a path to a usable handle: whose database it is, settings, migrations, and one
 * sentence for people when it cannot be had. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/store/db.h"
#include "common/store/db_private.h"

enum {
    PAGE_SIZE_DEFAULT = 4096,
    CHECKPOINT_PAGES_DEFAULT = 1000,
    CACHE_KIB_DEFAULT = 2048,
    CAUSE_SIZE = 384,
};

/* All that one db_open knows. */
struct opening {
    const struct db_options *options;
    const struct db_migration *migrations;
    size_t migration_count;
    struct db *db;
    uint32_t version;       /* user_version found */
    bool migrates;          /* the settings are made */
    char cause[CAUSE_SIZE]; /* empty: the status says enough */
};

static const char *cause_of(enum status status)
{
    switch (status) {
    case ST_NOT_FOUND:
        return "there is no database";
    case ST_DENIED:
        return "this user may not read and write it";
    case ST_BUSY:
        return "another process holds it";
    case ST_FULL:
        return "the disk or the quota is full";
    default:
        return status_words(status);
    }
}

static const char *mend_of(enum status status)
{
    switch (status) {
    case ST_NOT_FOUND:
        return "create it first, or correct the path";
    case ST_DENIED:
        return "correct the owner and the permissions of the file and of its directory";
    case ST_BUSY:
        return "stop that process, then start again";
    case ST_FULL:
        return "free some space, then start again: what is stored is intact";
    case ST_NEWER:
        return "run the newer program";
    case ST_CORRUPT:
        return "correct the path, or move the file and its -wal file aside and restore a backup";
    case ST_DISK:
        return "check the disk and the path, then start again";
    case ST_NO_MEMORY:
        return "free some memory, then start again";
    default:
        return "report it with this line";
    }
}

static void explain(const struct opening *opening, enum status status, struct buf *message)
{
    if (message == NULL) return;
    const char *cause = opening->cause[0] != '\0' ? opening->cause : cause_of(status);
    buf_put_format(message, "%s: %s; %s.", opening->options->path, cause, mend_of(status));
}

/* Where SQLite's own words help: they name the damaged part or the failed call. */
static void cause_from_words(struct opening *opening, enum status status)
{
    snprintf(opening->cause, sizeof opening->cause, "%s: %s", cause_of(status),
             opening->db->message);
}

static enum status status_at_open(struct opening *opening, int result)
{
    const enum status status = db_fail(opening->db, result);
    if (result == SQLITE_READONLY_DIRECTORY) return ST_DENIED;
    /* Our fixed statements are right; what they cannot work on is a damaged header. */
    if (result == SQLITE_ERROR && !opening->migrates) return ST_CORRUPT;
    /* The file itself may be written, or open_file had refused it: its header forbids it. */
    if ((result & 0xff) == SQLITE_READONLY) return ST_CORRUPT;
    if ((result & 0xff) != SQLITE_CANTOPEN) return status;
    switch (sqlite3_system_errno(opening->db->sqlite)) {
    case EACCES:
    case EPERM:
    case EROFS:
        return ST_DENIED;
    case ENOENT:
    case ENOTDIR:
        return ST_NOT_FOUND;
    default:
        return status;
    }
}

static enum status fail(struct opening *opening, int result)
{
    const enum status status = status_at_open(opening, result);
    if ((result & 0xff) == SQLITE_NOTADB) {
        snprintf(opening->cause, sizeof opening->cause,
                 "it is not a database, or its first page is damaged");
    } else if (status == ST_CORRUPT || status == ST_DISK || status == ST_BUG) {
        cause_from_words(opening, status);
    } else if (status == ST_NOT_FOUND && opening->options->create) {
        snprintf(opening->cause, sizeof opening->cause, "its directory does not exist");
    }
    return status;
}

static enum status run_sql(struct opening *opening, const char *sql)
{
    const int result = sqlite3_exec(opening->db->sqlite, sql, NULL, NULL, NULL);
    return result == SQLITE_OK ? ST_OK : fail(opening, result);
}

static enum status prepare(struct opening *opening, const char *sql, sqlite3_stmt **out)
{
    const int result =
        sqlite3_prepare_v3(opening->db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    return result == SQLITE_OK ? ST_OK : fail(opening, result);
}

/* The first column of the only row. */
static enum status read_number(struct opening *opening, const char *sql, int64_t *out)
{
    sqlite3_stmt *statement = NULL;
    TRY(prepare(opening, sql, &statement));
    const int result = sqlite3_step(statement);
    enum status status = ST_OK;
    if (result == SQLITE_ROW) {
        *out = sqlite3_column_int64(statement, 0);
    } else {
        /* These queries always have a row in a sound database. */
        status = fail(opening, result == SQLITE_DONE ? SQLITE_CORRUPT : result);
    }
    sqlite3_finalize(statement);
    return status;
}

/* DQS: a mistyped column in double quotes is an error and not a text. */
static void make_strict(sqlite3 *sqlite)
{
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_ENABLE_FKEY, 0, NULL);
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
}

static enum status open_file(struct opening *opening)
{
    struct db *db = opening->db;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    if (opening->options->create) flags |= SQLITE_OPEN_CREATE;
    const int result =
        sqlite3_open_v2(opening->options->path, &db->sqlite, flags, opening->options->vfs);
    if (db->sqlite == NULL) return ST_NO_MEMORY;
    sqlite3_extended_result_codes(db->sqlite, 1);
    /* The copy on close starts only when the database is known to be ours: another's, or a newer
     * one, is left as it was found. */
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    make_strict(db->sqlite);
    if (result != SQLITE_OK) return fail(opening, result);
    /* SQLite falls back to reading only when it may not write. */
    return sqlite3_db_readonly(db->sqlite, "main") == 1 ? ST_DENIED : ST_OK;
}

/* EXCLUSIVE stands before everything that reads the file: a WAL opened so needs no shared memory,
 * and a second process is refused. secure_delete would write every pruned page once more, on disks
 * that are pruned because they are full. */
static enum status settings_before_reading(struct opening *opening)
{
    const struct db_options *options = opening->options;
    const uint32_t page_size = options->page_size != 0 ? options->page_size : PAGE_SIZE_DEFAULT;
    const uint32_t cache_kib = options->cache_kib != 0 ? options->cache_kib : CACHE_KIB_DEFAULT;
    INVARIANT(page_size >= 512 && page_size <= 65536 && (page_size & (page_size - 1)) == 0);
    INVARIANT(cache_kib <= INT32_MAX);
    char sql[320];
    snprintf(sql, sizeof sql,
             "PRAGMA locking_mode=EXCLUSIVE; PRAGMA page_size=%" PRIu32 ";"
             "PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY; PRAGMA recursive_triggers=ON;"
             "PRAGMA cell_size_check=ON; PRAGMA secure_delete=OFF; PRAGMA cache_size=-%" PRIu32 ";",
             page_size, cache_kib);
    return run_sql(opening, sql);
}

static enum status identify(struct opening *opening)
{
    int64_t application_id = 0;
    int64_t version = 0;
    int64_t table_count = 0;
    TRY(read_number(opening, "PRAGMA application_id", &application_id));
    TRY(read_number(opening, "PRAGMA user_version", &version));
    TRY(read_number(opening, "SELECT count(*) FROM sqlite_schema", &table_count));
    opening->version = (uint32_t)version;
    /* A process that died while it made the database leaves an empty one; that is no database yet,
     * and making it again is the mend. */
    const bool is_fresh = application_id == 0 && version == 0 && table_count == 0;
    if (is_fresh) return opening->options->create ? ST_OK : ST_NOT_FOUND;
    if ((uint32_t)application_id != opening->options->application_id) {
        snprintf(opening->cause, sizeof opening->cause,
                 "it is another application's database (id 0x%08" PRIx32 ", not 0x%08" PRIx32 ")",
                 (uint32_t)application_id, opening->options->application_id);
        return ST_CORRUPT;
    }
    if (opening->version > opening->migration_count) {
        snprintf(opening->cause, sizeof opening->cause,
                 "a newer version wrote it (schema %" PRIu32 ", this program knows %zu)",
                 opening->version, opening->migration_count);
        return ST_NEWER;
    }
    /* The file may be written, as open_file has seen; a header that forbids it is not ours. */
    if (sqlite3_db_readonly(opening->db->sqlite, "main") == 1) {
        snprintf(opening->cause, sizeof opening->cause, "its header is damaged");
        return ST_CORRUPT;
    }
    return ST_OK;
}

/* Copies the WAL into the database when it has grown long enough. The commit itself is already on
 * the disk, so a failure here is told by the next db_begin; a full disk is not even that, because
 * the WAL simply stays until there is room. */
static int checkpoint_when_due(void *context, sqlite3 *sqlite, const char *schema, int pages)
{
    struct db *db = context;
    if (pages < db->checkpoint_pages) return SQLITE_OK;
    const int result =
        sqlite3_wal_checkpoint_v2(sqlite, schema, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    const enum status status = db_status_of(result, sqlite3_system_errno(sqlite));
    if (status == ST_DISK || status == ST_CORRUPT || status == ST_NO_MEMORY) db_fail(db, result);
    return SQLITE_OK;
}

static enum status enter_wal_mode(struct opening *opening)
{
    struct db *db = opening->db;
    sqlite3_stmt *statement = NULL;
    TRY(prepare(opening, "PRAGMA journal_mode=WAL", &statement));
    const int result = sqlite3_step(statement);
    enum status status = ST_OK;
    if (result != SQLITE_ROW) {
        status = fail(opening, result == SQLITE_DONE ? SQLITE_CORRUPT : result);
    } else if (sqlite3_stricmp((const char *)sqlite3_column_text(statement, 0), "wal") != 0) {
        snprintf(opening->cause, sizeof opening->cause, "its journal cannot be a WAL");
        status = ST_DISK;
    }
    sqlite3_finalize(statement);
    if (status != ST_OK) return status;

    int64_t page_size = 0;
    TRY(read_number(opening, "PRAGMA page_size", &page_size));
    const uint32_t asked = opening->options->checkpoint_pages;
    INVARIANT(asked <= INT32_MAX);
    db->checkpoint_pages = asked != 0 ? (int)asked : CHECKPOINT_PAGES_DEFAULT;
    /* Twice the usual length: one long transaction does not stay on the disk for ever, and the
     * usual WAL is reused without truncating. */
    char sql[128];
    snprintf(sql, sizeof sql, "PRAGMA synchronous=FULL; PRAGMA journal_size_limit=%" PRId64 ";",
             2 * page_size * db->checkpoint_pages);
    TRY(run_sql(opening, sql));
    sqlite3_wal_hook(db->sqlite, checkpoint_when_due, db);
    return ST_OK;
}

enum { REWRITE_BLOCK_SIZE = 16 * 1024 };

static int rewrite_block(sqlite3_file *file, uint8_t *block, sqlite3_int64 offset, int size)
{
    const int result = file->pMethods->xRead(file, block, size, offset);
    return result != SQLITE_OK ? result : file->pMethods->xWrite(file, block, size, offset);
}

/* Writes the WAL's own bytes again where they stand, which needs no room, and syncs them. */
static int rewrite_wal(sqlite3 *sqlite)
{
    sqlite3_file *file = NULL;
    sqlite3_int64 size = 0;
    uint8_t block[REWRITE_BLOCK_SIZE];
    int result = sqlite3_file_control(sqlite, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
    if (result != SQLITE_OK) return result;
    if (file == NULL || file->pMethods == NULL) return SQLITE_OK; /* there is no WAL */
    result = file->pMethods->xFileSize(file, &size);
    for (sqlite3_int64 offset = 0; result == SQLITE_OK && offset < size;
         offset += REWRITE_BLOCK_SIZE) {
        const sqlite3_int64 rest = size - offset;
        result = rewrite_block(file, block, offset,
                               (int)(rest < REWRITE_BLOCK_SIZE ? rest : REWRITE_BLOCK_SIZE));
    }
    if (result == SQLITE_OK && size > 0) result = file->pMethods->xSync(file, SQLITE_SYNC_FULL);
    return result;
}

/* What the last process left in the WAL was read through the cache of the operating system; if its
 * fsync had failed it may be nowhere else, and a later fsync does not write it either: what is
 * committed behind it would then be lost with it. Copied into the database and synced there, all
 * that this process has seen is on the disk. A full disk cannot take the copy; then the WAL itself
 * is written once more. */
static enum status settle_wal(struct opening *opening)
{
    sqlite3 *const sqlite = opening->db->sqlite;
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    int result = sqlite3_wal_checkpoint_v2(sqlite, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (result == SQLITE_OK) return ST_OK;
    if (db_status_of(result, sqlite3_system_errno(sqlite)) == ST_FULL) result = rewrite_wal(sqlite);
    return result == SQLITE_OK ? ST_OK : fail(opening, result);
}

/* One migration and its version, or nothing of either. */
static enum status migrate_once(struct opening *opening, uint32_t version)
{
    struct db *db = opening->db;
    TRY(db_begin(db));
    enum status status = run_sql(opening, opening->migrations[version - 1].sql);
    if (status == ST_OK) {
        char sql[96];
        snprintf(sql, sizeof sql, "PRAGMA user_version=%" PRIu32 "; PRAGMA application_id=%" PRId32,
                 version, (int32_t)opening->options->application_id);
        status = run_sql(opening, sql);
    }
    if (status == ST_OK) status = db_commit(db);
    if (status == ST_OK) return ST_OK;
    db_rollback(db);
    /* A step that works on a fresh database met tables that no step of ours has left behind. */
    if (status == ST_BUG && db_works_on_a_fresh_schema(db, NULL)) status = ST_CORRUPT;
    snprintf(opening->cause, sizeof opening->cause,
             "%s (the step to schema %" PRIu32 " failed: %s)", cause_of(status), version,
             db->message);
    return status;
}

static enum status migrate(struct opening *opening)
{
    opening->migrates = true;
    for (uint32_t i = opening->version; i < opening->migration_count; i++) {
        TRY(migrate_once(opening, i + 1));
    }
    return ST_OK;
}

static enum status open_all(struct opening *opening)
{
    TRY(open_file(opening));
    TRY(settings_before_reading(opening));
    TRY(identify(opening));
    TRY(enter_wal_mode(opening));
    TRY(settle_wal(opening));
    TRY(prepare(opening, "BEGIN IMMEDIATE", &opening->db->begin));
    TRY(prepare(opening, "COMMIT", &opening->db->commit));
    TRY(prepare(opening, "ROLLBACK", &opening->db->rollback));
    return migrate(opening);
}

enum status db_open(const struct db_options *options, const struct db_migration *migrations,
                    size_t count, struct buf *message, struct db **out)
{
    *out = NULL;
    struct opening opening = {
        .options = options, .migrations = migrations, .migration_count = count};
    enum status status = ST_NO_MEMORY;
    opening.db = calloc(1, sizeof *opening.db);
    if (opening.db != NULL) {
        opening.db->migrations = migrations;
        opening.db->migration_count = count;
        status = open_all(&opening);
    }
    if (status != ST_OK) {
        explain(&opening, status, message);
        db_close(opening.db);
        return status;
    }
    *out = opening.db;
    return ST_OK;
}

bool db_works_on_a_fresh_schema(const struct db *db, const char *sql)
{
    sqlite3 *fresh = NULL;
    int result =
        sqlite3_open_v2(":memory:", &fresh, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (fresh != NULL) make_strict(fresh);
    for (size_t i = 0; result == SQLITE_OK && i < db->migration_count; i++) {
        result = sqlite3_exec(fresh, db->migrations[i].sql, NULL, NULL, NULL);
    }
    if (result == SQLITE_OK && sql != NULL) {
        sqlite3_stmt *statement = NULL;
        result = sqlite3_prepare_v2(fresh, sql, -1, &statement, NULL);
        sqlite3_finalize(statement);
    }
    sqlite3_close(fresh);
    return result == SQLITE_OK;
}
