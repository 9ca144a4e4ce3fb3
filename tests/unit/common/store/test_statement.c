/* test_statement.c - what is bound is what is read, and nothing of it crashes on wrong input. */
#include "tests/unit/common/store/store_fixture.h"

static struct sim_disk *disk;
static struct db *db;

static int open_db(void **state)
{
    (void)state;
    disk = sim_disk_open("test-statement", 1);
    const struct db_options options = fixture_options(disk);
    return fixture_open(&options, &db) == ST_OK ? 0 : -1;
}

static int close_db(void **state)
{
    (void)state;
    db_close(db);
    sim_disk_close(disk);
    return 0;
}

static struct statement *opened(const char *sql)
{
    struct statement *statement = NULL;
    assert_int_equal(statement_open(db, sql, &statement), ST_OK);
    assert_non_null(statement);
    return statement;
}

static void step_to_row(struct statement *statement)
{
    bool row = false;
    assert_int_equal(statement_step(statement, &row), ST_OK);
    assert_true(row);
}

static void test_every_kind_of_value_comes_back_as_it_was(void **state)
{
    (void)state;
    static const uint8_t blob[] = {0, 1, 0xff, 0};
    struct statement *echo = opened("SELECT ?1, ?2, ?3, ?4, ?5");
    bind_i64(echo, 1, INT64_MIN);
    bind_u64(echo, 2, INT64_MAX);
    bind_blob(echo, 3, bytes_of(blob, sizeof blob));
    bind_text(echo, 4, BYTES_LITERAL("k\xc3\xb6ln"));
    bind_null(echo, 5);
    step_to_row(echo);
    assert_true(column_i64(echo, 0) == INT64_MIN);
    assert_true(column_u64(echo, 1) == INT64_MAX);
    assert_true(bytes_equal(column_bytes(echo, 2), bytes_of(blob, sizeof blob)));
    assert_true(bytes_equal(column_bytes(echo, 3), BYTES_LITERAL("k\xc3\xb6ln")));
    assert_true(column_is_null(echo, 4));
    assert_int_equal(column_bytes(echo, 4).size, 0);
    statement_close(echo);
}

/* SQLite makes NULL of a null pointer; an empty payload must not become "no payload". */
static void test_empty_bytes_are_a_value_and_not_null(void **state)
{
    (void)state;
    struct statement *echo = opened("SELECT ?1, ?2, typeof(?1), typeof(?2)");
    bind_blob(echo, 1, BYTES_EMPTY);
    bind_text(echo, 2, BYTES_EMPTY);
    step_to_row(echo);
    assert_false(column_is_null(echo, 0));
    assert_false(column_is_null(echo, 1));
    assert_true(bytes_equal(column_bytes(echo, 2), BYTES_LITERAL("blob")));
    assert_true(bytes_equal(column_bytes(echo, 3), BYTES_LITERAL("text")));
    statement_close(echo);
}

static void test_a_finished_statement_runs_again_with_new_values(void **state)
{
    (void)state;
    struct statement *insert = opened("INSERT INTO note(id, text) VALUES(?, ?)");
    for (int64_t id = 1; id <= 3; id++) {
        bind_i64(insert, 1, id);
        bind_text(insert, 2, BYTES_LITERAL("x"));
        assert_int_equal(statement_run(insert), ST_OK);
    }
    statement_close(insert);
    assert_int_equal(number_of(db, "SELECT sum(id) FROM note"), 6);
}

static void test_a_statement_that_failed_runs_again(void **state)
{
    (void)state;
    struct statement *insert = opened("INSERT INTO note(id, text) VALUES(?, 'x')");
    bind_i64(insert, 1, 1);
    assert_int_equal(statement_run(insert), ST_OK);
    bind_i64(insert, 1, 1);
    assert_int_equal(statement_run(insert), ST_CONFLICT);
    bind_i64(insert, 1, 2);
    assert_int_equal(statement_run(insert), ST_OK);
    statement_close(insert);
}

static void test_reading_ends_with_no_row_and_starts_over(void **state)
{
    (void)state;
    assert_int_equal(db_execute(db, "INSERT INTO note VALUES(1, 'a'), (2, 'b')"), ST_OK);
    struct statement *select = opened("SELECT id FROM note ORDER BY id");
    for (int round = 0; round < 2; round++) {
        bool row = true;
        step_to_row(select);
        step_to_row(select);
        assert_int_equal(statement_step(select, &row), ST_OK);
        assert_false(row);
    }
    statement_close(select);
}

static void test_a_reset_ends_reading_and_forgets_bindings(void **state)
{
    (void)state;
    struct statement *echo = opened("SELECT ?1");
    bind_i64(echo, 1, 5);
    step_to_row(echo);
    statement_reset(echo);
    step_to_row(echo);
    assert_true(column_is_null(echo, 0));
    statement_close(echo);
}

/* A value bound in the middle of reading, or to no parameter, would be lost silently. */
static void test_a_wrong_bind_is_told_by_the_step(void **state)
{
    (void)state;
    bool row = false;
    struct statement *echo = opened("SELECT ?1");
    bind_i64(echo, 2, 5);
    assert_int_equal(statement_step(echo, &row), ST_BUG);
    assert_false(row);
    bind_i64(echo, 1, 5);
    step_to_row(echo);
    bind_i64(echo, 1, 6);
    assert_int_equal(statement_step(echo, &row), ST_BUG);
    bind_i64(echo, 1, 7);
    step_to_row(echo);
    assert_int_equal(column_i64(echo, 0), 7);
    statement_close(echo);
}

static void test_a_blob_of_another_size_is_damage(void **state)
{
    (void)state;
    uint8_t out[4] = {9, 9, 9, 9};
    struct statement *select = opened("SELECT x'01020304', x'010203', NULL, 12345");
    step_to_row(select);
    assert_int_equal(column_fixed(select, 1, out, sizeof out), ST_CORRUPT);
    assert_int_equal(column_fixed(select, 2, out, sizeof out), ST_CORRUPT);
    assert_int_equal(column_fixed(select, 3, out, sizeof out), ST_CORRUPT);
    assert_int_equal(out[0], 9);
    assert_non_null(strstr(db_message(db), "instead of 4"));
    assert_int_equal(column_fixed(select, 0, out, sizeof out), ST_OK);
    assert_memory_equal(out, "\1\2\3\4", 4);
    statement_close(select);
}

static void test_wrong_sql_is_our_fault_and_has_words(void **state)
{
    (void)state;
    struct statement *statement = (struct statement *)&statement;
    assert_int_equal(statement_open(db, "SELECT nothing FROM evidence", &statement), ST_BUG);
    assert_null(statement);
    assert_non_null(strstr(db_message(db), "nothing"));
    assert_int_equal(statement_open(db, "  /* empty */ ", &statement), ST_BUG);
    /* A mistyped column must not silently become a text. */
    assert_int_equal(statement_open(db, "SELECT \"bdy\" FROM evidence", &statement), ST_BUG);
    assert_int_equal(db_begin(db), ST_OK);
    db_rollback(db);
}

static void test_a_table_of_statements_opens_and_closes_as_one(void **state)
{
    (void)state;
    enum { FIRST, SECOND, COUNT };
    static const char *const sql[COUNT] = {[FIRST] = "SELECT 1", [SECOND] = "SELECT 2"};
    struct statement *statements[COUNT];
    assert_int_equal(statements_open(db, sql, COUNT, statements), ST_OK);
    step_to_row(statements[SECOND]);
    assert_int_equal(column_i64(statements[SECOND], 0), 2);
    statements_close(statements, COUNT);
    assert_null(statements[FIRST]);
}

/* close_db would abort if one of them were left open. */
static void test_a_table_with_one_wrong_statement_opens_none(void **state)
{
    (void)state;
    static const char *const sql[] = {"SELECT 1", "SELECT FROM", "SELECT 3"};
    struct statement *statements[3];
    assert_int_equal(statements_open(db, sql, 3, statements), ST_BUG);
    for (int i = 0; i < 3; i++) {
        assert_null(statements[i]);
    }
    statements_close(statements, 3);
}

int main(void)
{
#define DB_TEST(test) cmocka_unit_test_setup_teardown(test, open_db, close_db)
    const struct CMUnitTest tests[] = {
        DB_TEST(test_every_kind_of_value_comes_back_as_it_was),
        DB_TEST(test_empty_bytes_are_a_value_and_not_null),
        DB_TEST(test_a_finished_statement_runs_again_with_new_values),
        DB_TEST(test_a_statement_that_failed_runs_again),
        DB_TEST(test_reading_ends_with_no_row_and_starts_over),
        DB_TEST(test_a_reset_ends_reading_and_forgets_bindings),
        DB_TEST(test_a_wrong_bind_is_told_by_the_step),
        DB_TEST(test_a_blob_of_another_size_is_damage),
        DB_TEST(test_wrong_sql_is_our_fault_and_has_words),
        DB_TEST(test_a_table_of_statements_opens_and_closes_as_one),
        DB_TEST(test_a_table_with_one_wrong_statement_opens_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
