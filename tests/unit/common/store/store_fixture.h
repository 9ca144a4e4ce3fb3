/* store_fixture.h - a small database of groups of three rows, and how to find out what of it is
 * there: what the tests of common/store share.
 *
 * A group is one transaction. Its bodies follow from its number, so that a reader can tell a whole
 * group from a half one and a right byte from a wrong one. */
#ifndef HOLDFAST_TESTS_UNIT_COMMON_STORE_STORE_FIXTURE_H
#define HOLDFAST_TESTS_UNIT_COMMON_STORE_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/store/db.h"
#include "tests/sim/sim_disk.h"

enum {
    ROWS_PER_GROUP = 3,
    BODY_SIZE_LARGEST = 6000, /* longer than a page: overflow pages are in play */
    FIXTURE_APPLICATION_ID = 0x48464454,
};

static const struct db_migration fixture_migrations[] = {
    {"CREATE TABLE evidence(id INTEGER PRIMARY KEY, name TEXT NOT NULL, body BLOB NOT NULL);"
     "CREATE UNIQUE INDEX evidence_by_name ON evidence(name);"},
    {"CREATE TRIGGER evidence_stays BEFORE DELETE ON evidence"
     " BEGIN SELECT RAISE(ABORT, 'evidence is not deleted'); END;"
     "CREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT);"},
};

static inline struct db_options fixture_options(const struct sim_disk *disk)
{
    return (struct db_options){
        .path = "evidence.db",
        .vfs = disk != NULL ? sim_disk_vfs(disk) : NULL,
        .application_id = FIXTURE_APPLICATION_ID,
        .checkpoint_pages = 8, /* small, so that checkpoints happen in short tests */
        .create = true,
    };
}

static inline enum status fixture_open(const struct db_options *options, struct db **out)
{
    return db_open(options, fixture_migrations, COUNT_OF(fixture_migrations), NULL, out);
}

static inline size_t body_of(uint64_t id, uint8_t *body)
{
    const size_t size = id % 7 == 0 ? BODY_SIZE_LARGEST : 20 + (size_t)(id * 37 % 300);
    for (size_t i = 0; i < size; i++) {
        body[i] = (uint8_t)(id * 31 + i * 7 + (i >> 8));
    }
    return size;
}

static inline enum status insert_group_rows(struct statement *insert, uint64_t group)
{
    uint8_t body[BODY_SIZE_LARGEST];
    char text[32];
    for (uint64_t i = 0; i < ROWS_PER_GROUP; i++) {
        const uint64_t id = group * ROWS_PER_GROUP + i;
        struct buf name = buf_of(text, sizeof text);
        buf_put_format(&name, "row-%u", (unsigned)id);
        bind_u64(insert, 1, id);
        bind_text(insert, 2, buf_bytes(&name));
        bind_blob(insert, 3, bytes_of(body, body_of(id, body)));
        TRY(statement_run(insert));
    }
    return ST_OK;
}

#define INSERT_SQL "INSERT INTO evidence(id, name, body) VALUES(?, ?, ?)"

/* One group in one transaction; its own statement, so that opening fails too in fault loops. */
static inline enum status insert_group(struct db *db, uint64_t group)
{
    struct statement *insert = NULL;
    TRY(statement_open(db, INSERT_SQL, &insert));
    enum status status = db_begin(db);
    if (status == ST_OK) status = insert_group_rows(insert, group);
    statement_close(insert);
    if (status == ST_OK) return db_commit(db);
    db_rollback(db);
    return status;
}

static inline enum status insert_groups(struct db *db, uint64_t from, uint64_t to,
                                        uint64_t *group_count)
{
    for (uint64_t group = from; group < to; group++) {
        TRY(insert_group(db, group));
        *group_count = group + 1;
    }
    return ST_OK;
}

/* How many groups are there: all of them whole, without a gap, every byte right. */
static inline uint64_t count_whole_groups(struct db *db)
{
    struct statement *select = NULL;
    uint8_t body[BODY_SIZE_LARGEST];
    uint64_t rows = 0;
    assert_int_equal(statement_open(db, "SELECT id, body FROM evidence ORDER BY id", &select),
                     ST_OK);
    for (bool row = true; row;) {
        assert_int_equal(statement_step(select, &row), ST_OK);
        if (!row) break;
        assert_int_equal(column_u64(select, 0), rows);
        assert_true(bytes_equal(column_bytes(select, 1), bytes_of(body, body_of(rows, body))));
        rows++;
    }
    statement_close(select);
    assert_int_equal(rows % ROWS_PER_GROUP, 0);
    return rows / ROWS_PER_GROUP;
}

static inline int64_t number_of(struct db *db, const char *sql)
{
    struct statement *select = NULL;
    bool row = false;
    assert_int_equal(statement_open(db, sql, &select), ST_OK);
    assert_int_equal(statement_step(select, &row), ST_OK);
    assert_true(row);
    const int64_t number = column_i64(select, 0);
    statement_close(select);
    return number;
}

static inline void assert_sound(struct db *db)
{
    struct statement *check = NULL;
    bool row = false;
    assert_int_equal(statement_open(db, "PRAGMA integrity_check", &check), ST_OK);
    assert_int_equal(statement_step(check, &row), ST_OK);
    assert_true(row);
    assert_true(bytes_equal(column_bytes(check, 0), BYTES_LITERAL("ok")));
    statement_close(check);
}

#endif
