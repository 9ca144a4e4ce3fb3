/* db.h - one SQLite database: handle, migrations, prepared statements. The only door to sqlite3.
 *
 * Every database is WAL with synchronous=FULL and locking_mode=EXCLUSIVE: one process, one
 * connection (SQLite before 3.51.3 has a WAL race with two). A commit that returns ST_OK is on the
 * disk. A commit or statement that fails with a STOP-class status, or ST_FULL, leaves the handle
 * unusable: roll back, close it, open it again; an fsync is never retried. db_begin then answers
 * with the same status. The next db_open finds a commit that failed either whole or not at all.
 *
 * Errors of every call: ST_FULL (disk or quota), ST_DISK (I/O error), ST_CORRUPT (damaged, or not a
 * database), ST_NO_MEMORY, ST_BUSY (another process), ST_BUG (misuse, wrong SQL), ST_DENIED (a
 * trigger refused), ST_CONFLICT (unique constraint). db_message() has SQLite's own words. */
#ifndef HOLDFAST_COMMON_STORE_DB_H
#define HOLDFAST_COMMON_STORE_DB_H

#include "common/base/bytes.h"

struct db;
struct statement;

struct db_migration {
    const char
        *sql; /* one or more statements; migration i (from 1) runs in a transaction of its own */
};

struct db_options {
    const char *path;
    const char *vfs;           /* NULL: the default one */
    uint32_t page_size;        /* bytes; 0: 4096; only for a new database */
    uint32_t cache_kib;        /* page cache bound; 0: 2048 */
    uint32_t checkpoint_pages; /* WAL pages between automatic checkpoints; 0: 1000 */
    uint32_t application_id;   /* PRAGMA application_id: whose database this is */
    bool create;               /* make the file when it does not exist */
};

/* Opens, checks the application id and the version, applies the missing migrations.
 * Errors besides those above: ST_NOT_FOUND (no file, or one that was never finished, and !create;
 * or no directory), ST_NEWER (user_version above count), ST_CORRUPT (another application's
 * database; it is left as it was), ST_DENIED (permissions, read-only file system). On error *out is
 * NULL and, when message is not NULL, it holds one sentence with the path, the cause and the mend.
 * The migrations are borrowed until db_close. */
MUST_USE enum status db_open(const struct db_options *options,
                             const struct db_migration *migrations, size_t count,
                             struct buf *message, struct db **out);
void db_close(struct db *db); /* accepts NULL; all statements must be closed before */

MUST_USE enum status db_begin(struct db *db);  /* BEGIN IMMEDIATE */
MUST_USE enum status db_commit(struct db *db); /* after an error nothing of it is committed */
void db_rollback(struct db *db);               /* harmless outside a transaction */
bool db_in_transaction(const struct db *db);
/* One-off SQL without results. */
MUST_USE enum status db_execute(struct db *db, const char *sql);
const char *db_message(const struct db *db);
uint64_t db_changes(const struct db *db); /* rows changed by the last statement */
int64_t db_last_rowid(const struct db *db);
/* Bytes on disk: database and WAL. */
uint64_t db_bytes_on_disk(const struct db *db);
/* Bytes of the database file that hold nothing and are used again before it grows. */
uint64_t db_bytes_reusable(struct db *db);
/* Writes the whole WAL into the database file and truncates it. */
MUST_USE enum status db_checkpoint(struct db *db);

/* Prepared once, used often; close before db_close. */
MUST_USE enum status statement_open(struct db *db, const char *sql, struct statement **out);
void statement_close(struct statement *statement); /* accepts NULL */

/* Parameters count from 1. Bytes are borrowed until the next reset. */
void bind_i64(struct statement *statement, int index, int64_t value);
void bind_u64(struct statement *statement, int index, uint64_t value); /* INVARIANT: < 2^63 */
void bind_blob(struct statement *statement, int index, struct bytes value);
void bind_text(struct statement *statement, int index, struct bytes value);
void bind_null(struct statement *statement, int index);

/* ST_OK with *row = true: a row is there to read; false: done, and the statement is reset. On an
 * error it is reset too. */
MUST_USE enum status statement_step(struct statement *statement, bool *row);
/* For statements without rows: steps to the end and resets. */
MUST_USE enum status statement_run(struct statement *statement);
/* Columns count from 0; blobs and texts are borrowed until the next step or reset. */
int64_t column_i64(struct statement *statement, int index);
uint64_t column_u64(struct statement *statement, int index);
struct bytes column_bytes(struct statement *statement, int index);
/* A blob of exactly size bytes, copied. Errors: ST_CORRUPT. */
MUST_USE enum status column_fixed(struct statement *statement, int index, void *out, size_t size);
bool column_is_null(struct statement *statement, int index);
/* Ends reading early; also forgets bindings. */
void statement_reset(struct statement *statement);

/* A set of statements opened from a table of SQL texts: statements[i] belongs to sql[i]. */
MUST_USE enum status statements_open(struct db *db, const char *const *sql, size_t count,
                                     struct statement **statements);
void statements_close(struct statement **statements, size_t count);

#endif
