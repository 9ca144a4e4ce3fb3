/* db_private.h - what the files of common/store share; nobody else includes it. */
#ifndef HOLDFAST_COMMON_STORE_DB_PRIVATE_H
#define HOLDFAST_COMMON_STORE_DB_PRIVATE_H

#include <sqlite3.h>

#include "common/store/db.h"

enum { DB_MESSAGE_SIZE = 256 };

struct db {
    sqlite3 *sqlite;
    sqlite3_stmt *begin;
    sqlite3_stmt *commit;
    sqlite3_stmt *rollback;
    const struct db_migration *migrations; /* borrowed: they tell damage from wrong SQL */
    size_t migration_count;
    size_t statements_open_count;
    int checkpoint_pages;
    enum status failed;            /* not ST_OK: the handle is unusable, and why */
    char message[DB_MESSAGE_SIZE]; /* SQLite's words of the last failure */
};

struct statement {
    sqlite3_stmt *sqlite;
    struct db *db;
    int bind_result; /* first bind that failed since the last reset; the step reports it */
};

/* The status of a SQLite result code. system_errno: of the operating system's call, or 0. */
enum status db_status_of(int result, int system_errno);

/* Notes SQLite's words and whether the handle is still usable; returns the status. For result
 * codes that are errors only. */
enum status db_fail(struct db *db, int result);

/* True when the SQL compiles on a fresh database of the same migrations: then it is this
 * database's schema that is wrong, not the SQL. sql NULL: asks about the migrations alone. */
bool db_works_on_a_fresh_schema(const struct db *db, const char *sql);

#endif
