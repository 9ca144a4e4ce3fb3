/* db.c - the handle of one SQLite database: transactions, failures, checkpoints. */
#include "common/store/db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/store/db_private.h"

static enum status status_of_constraint(int result)
{
    switch (result) {
    case SQLITE_CONSTRAINT_TRIGGER:
        return ST_DENIED;
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return ST_CONFLICT;
    default:
        return ST_BUG; /* CHECK, NOT NULL: our own code wrote what our own schema forbids */
    }
}

static enum status status_of_io_error(int result, int system_errno)
{
    if (result == SQLITE_IOERR_NOMEM) return ST_NO_MEMORY;
    /* SQLite says SQLITE_FULL only for ENOSPC of a write; quotas and late allocation come here. */
    if (system_errno == ENOSPC || system_errno == EDQUOT) return ST_FULL;
    return ST_DISK;
}

enum status db_status_of(int result, int system_errno)
{
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return ST_OK;
    case SQLITE_CONSTRAINT:
        return status_of_constraint(result);
    case SQLITE_FULL:
        return ST_FULL;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return status_of_io_error(result, system_errno);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return ST_DISK;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_TOOBIG: /* no value of ours comes near the limit: a damaged record claims it */
        return ST_CORRUPT;
    case SQLITE_NOMEM:
        return ST_NO_MEMORY;
    case SQLITE_BUSY:
    case SQLITE_PROTOCOL:
        return ST_BUSY;
    default:
        return ST_BUG;
    }
}

enum status db_fail(struct db *db, int result)
{
    const enum status status = db_status_of(result, sqlite3_system_errno(db->sqlite));
    snprintf(db->message, sizeof db->message, "%s (SQLite %d)", sqlite3_errmsg(db->sqlite), result);
    switch (status) {
    case ST_FULL:
    case ST_DISK:
    case ST_CORRUPT:
    case ST_NO_MEMORY:
        if (db->failed == ST_OK) db->failed = status;
        break;
    default:
        break;
    }
    return status;
}

static enum status step_once(struct db *db, sqlite3_stmt *statement)
{
    const int result = sqlite3_step(statement);
    sqlite3_reset(statement);
    return result == SQLITE_DONE ? ST_OK : db_fail(db, result);
}

enum status db_begin(struct db *db)
{
    if (db->failed != ST_OK) return db->failed;
    return step_once(db, db->begin);
}

enum status db_commit(struct db *db)
{
    /* SQLite may have rolled back by itself after a failure; the commit that somebody then tries
     * must say what went wrong and not that there is no transaction. */
    enum status status = db->failed;
    if (status == ST_OK) status = step_once(db, db->commit);
    if (status != ST_OK) db_rollback(db);
    return status;
}

void db_rollback(struct db *db)
{
    if (sqlite3_get_autocommit(db->sqlite) != 0) return;
    /* A reader that an error path left in the middle would keep the WAL from being restarted. */
    sqlite3_stmt *statement = sqlite3_next_stmt(db->sqlite, NULL);
    for (; statement != NULL; statement = sqlite3_next_stmt(db->sqlite, statement)) {
        sqlite3_reset(statement);
    }
    const int result = sqlite3_step(db->rollback);
    sqlite3_reset(db->rollback);
    /* The pages of a rollback that failed cannot be trusted any more. */
    if (result != SQLITE_DONE && db->failed == ST_OK) db->failed = ST_DISK;
}

bool db_in_transaction(const struct db *db)
{
    return sqlite3_get_autocommit(db->sqlite) == 0;
}

enum status db_execute(struct db *db, const char *sql)
{
    const int result = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
    return result == SQLITE_OK ? ST_OK : db_fail(db, result);
}

const char *db_message(const struct db *db)
{
    return db->message[0] != '\0' ? db->message : "no failure";
}

uint64_t db_changes(const struct db *db)
{
    return (uint64_t)sqlite3_changes64(db->sqlite);
}

int64_t db_last_rowid(const struct db *db)
{
    return sqlite3_last_insert_rowid(db->sqlite);
}

static uint64_t file_bytes(sqlite3 *sqlite, int which)
{
    sqlite3_file *file = NULL;
    sqlite3_int64 size = 0;
    if (sqlite3_file_control(sqlite, "main", which, &file) != SQLITE_OK) return 0;
    if (file == NULL || file->pMethods == NULL) return 0;
    return file->pMethods->xFileSize(file, &size) == SQLITE_OK ? (uint64_t)size : 0;
}

uint64_t db_bytes_on_disk(const struct db *db)
{
    return file_bytes(db->sqlite, SQLITE_FCNTL_FILE_POINTER) +
           file_bytes(db->sqlite, SQLITE_FCNTL_JOURNAL_POINTER);
}

static uint64_t pragma_number(struct db *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    uint64_t number = 0;
    if (sqlite3_prepare_v2(db->sqlite, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        number = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

uint64_t db_bytes_reusable(struct db *db)
{
    return pragma_number(db, "PRAGMA freelist_count") * pragma_number(db, "PRAGMA page_size");
}

enum status db_checkpoint(struct db *db)
{
    const int result =
        sqlite3_wal_checkpoint_v2(db->sqlite, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return result == SQLITE_OK ? ST_OK : db_fail(db, result);
}

void db_close(struct db *db)
{
    if (db == NULL) return;
    INVARIANT(db->statements_open_count == 0);
    if (db->sqlite != NULL) db_rollback(db);
    sqlite3_finalize(db->begin);
    sqlite3_finalize(db->commit);
    sqlite3_finalize(db->rollback);
    /* Closing copies the WAL into the database and deletes it. After a failed fsync that is what
     * makes the failed commit surely gone: the copy holds only commits that were on the disk. */
    const int result = sqlite3_close(db->sqlite);
    INVARIANT(result == SQLITE_OK);
    free(db);
}
