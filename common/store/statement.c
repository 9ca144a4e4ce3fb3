/* statement.c - prepared statements: bind, step, read. Thin on purpose: this is the hot path. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/db.h"
#include "common/store/db_private.h"

enum status statement_open(struct db *db, const char *sql, struct statement **out)
{
    *out = NULL;
    struct statement *statement = calloc(1, sizeof *statement);
    if (statement == NULL) return ST_NO_MEMORY;
    statement->db = db;
    const int result = sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                          &statement->sqlite, NULL);
    if (result != SQLITE_OK) {
        free(statement);
        const enum status status = db_fail(db, result);
        if (status != ST_BUG || !db_works_on_a_fresh_schema(db, sql)) return status;
        db->failed = ST_CORRUPT;
        return ST_CORRUPT;
    }
    /* SQL of nothing but spaces and comments compiles to no statement at all. */
    if (statement->sqlite == NULL) {
        free(statement);
        return ST_BUG;
    }
    db->statements_open_count++;
    *out = statement;
    return ST_OK;
}

void statement_close(struct statement *statement)
{
    if (statement == NULL) return;
    sqlite3_finalize(statement->sqlite);
    statement->db->statements_open_count--;
    free(statement);
}

static inline void note_bind(struct statement *statement, int result)
{
    if (result != SQLITE_OK && statement->bind_result == SQLITE_OK) statement->bind_result = result;
}

void bind_i64(struct statement *statement, int index, int64_t value)
{
    note_bind(statement, sqlite3_bind_int64(statement->sqlite, index, value));
}

void bind_u64(struct statement *statement, int index, uint64_t value)
{
    INVARIANT(value <= INT64_MAX);
    note_bind(statement, sqlite3_bind_int64(statement->sqlite, index, (int64_t)value));
}

/* SQLite takes a NULL pointer for SQL NULL; empty bytes are a value. */
static const void *not_null(struct bytes value)
{
    return value.data != NULL ? (const void *)value.data : "";
}

void bind_blob(struct statement *statement, int index, struct bytes value)
{
    note_bind(statement, sqlite3_bind_blob64(statement->sqlite, index, not_null(value), value.size,
                                             SQLITE_STATIC));
}

void bind_text(struct statement *statement, int index, struct bytes value)
{
    note_bind(statement, sqlite3_bind_text64(statement->sqlite, index, not_null(value), value.size,
                                             SQLITE_STATIC, SQLITE_UTF8));
}

void bind_null(struct statement *statement, int index)
{
    note_bind(statement, sqlite3_bind_null(statement->sqlite, index));
}

static enum status fail_and_reset(struct statement *statement, int result)
{
    /* The words are read first: they belong to the connection's last call. */
    const enum status status = db_fail(statement->db, result);
    sqlite3_reset(statement->sqlite);
    statement->bind_result = SQLITE_OK;
    return status;
}

enum status statement_step(struct statement *statement, bool *row)
{
    *row = false;
    if (statement->bind_result != SQLITE_OK) {
        return fail_and_reset(statement, statement->bind_result);
    }
    const int result = sqlite3_step(statement->sqlite);
    if (result == SQLITE_ROW) {
        *row = true;
        return ST_OK;
    }
    if (result != SQLITE_DONE) return fail_and_reset(statement, result);
    sqlite3_reset(statement->sqlite);
    return ST_OK;
}

enum status statement_run(struct statement *statement)
{
    bool row = true;
    while (row) {
        TRY(statement_step(statement, &row));
    }
    return ST_OK;
}

int64_t column_i64(struct statement *statement, int index)
{
    return sqlite3_column_int64(statement->sqlite, index);
}

uint64_t column_u64(struct statement *statement, int index)
{
    return (uint64_t)sqlite3_column_int64(statement->sqlite, index);
}

struct bytes column_bytes(struct statement *statement, int index)
{
    /* In this order: SQLite converts in column_blob, and the size is that of the result. */
    const void *data = sqlite3_column_blob(statement->sqlite, index);
    if (data == NULL) return BYTES_EMPTY;
    return bytes_of(data, (size_t)sqlite3_column_bytes(statement->sqlite, index));
}

enum status column_fixed(struct statement *statement, int index, void *out, size_t size)
{
    const struct bytes value = column_bytes(statement, index);
    if (value.size != size) {
        struct db *db = statement->db;
        snprintf(db->message, sizeof db->message, "column %d holds %zu bytes instead of %zu in: %s",
                 index, value.size, size, sqlite3_sql(statement->sqlite));
        return ST_CORRUPT;
    }
    if (size != 0) memcpy(out, value.data, size);
    return ST_OK;
}

bool column_is_null(struct statement *statement, int index)
{
    return sqlite3_column_type(statement->sqlite, index) == SQLITE_NULL;
}

void statement_reset(struct statement *statement)
{
    sqlite3_reset(statement->sqlite);
    sqlite3_clear_bindings(statement->sqlite);
    statement->bind_result = SQLITE_OK;
}

enum status statements_open(struct db *db, const char *const *sql, size_t count,
                            struct statement **statements)
{
    for (size_t i = 0; i < count; i++) {
        statements[i] = NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const enum status status = statement_open(db, sql[i], &statements[i]);
        if (status != ST_OK) {
            statements_close(statements, count);
            return status;
        }
    }
    return ST_OK;
}

void statements_close(struct statement **statements, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        statement_close(statements[i]);
        statements[i] = NULL;
    }
}
