/* test_db.c - transactions, statuses and housekeeping of one database handle. */
#include "tests/unit/common/store/store_fixture.h"

struct world {
    struct sim_disk *disk;
    struct db *db;
};

static int open_world(void **state)
{
    static struct world world;
    world.disk = sim_disk_open("test-db", 1);
    const struct db_options options = fixture_options(world.disk);
    *state = &world;
    return fixture_open(&options, &world.db) == ST_OK ? 0 : -1;
}

static int close_world(void **state)
{
    struct world *world = *state;
    db_close(world->db);
    sim_disk_close(world->disk);
    return 0;
}

static void test_a_commit_is_there_and_a_rollback_is_not(void **state)
{
    struct db *db = ((struct world *)*state)->db;
    assert_int_equal(insert_group(db, 0), ST_OK);
    assert_int_equal(db_begin(db), ST_OK);
    assert_true(db_in_transaction(db));
    assert_int_equal(db_execute(db, "INSERT INTO evidence VALUES(100, 'x', x'00')"), ST_OK);
    db_rollback(db);
    assert_false(db_in_transaction(db));
    db_rollback(db); /* harmless */
    assert_int_equal(count_whole_groups(db), 1);
}

static void test_a_second_row_of_one_name_is_a_conflict(void **state)
{
    struct db *db = ((struct world *)*state)->db;
    assert_int_equal(db_execute(db, "INSERT INTO evidence VALUES(1, 'x', x'00')"), ST_OK);
    assert_int_equal(db_execute(db, "INSERT INTO evidence VALUES(2, 'x', x'00')"), ST_CONFLICT);
    assert_int_equal(db_execute(db, "INSERT INTO evidence VALUES(1, 'y', x'00')"), ST_CONFLICT);
    assert_non_null(strstr(db_message(db), "UNIQUE"));
}

static void test_a_trigger_that_refuses_is_a_denial(void **state)
{
    struct db *db = ((struct world *)*state)->db;
    assert_int_equal(db_execute(db, "INSERT INTO evidence VALUES(1, 'x', x'00')"), ST_OK);
    assert_int_equal(db_execute(db, "DELETE FROM evidence"), ST_DENIED);
    assert_non_null(strstr(db_message(db), "evidence is not deleted"));
}

/* A refusal ends one statement, not the batch: the others of the transaction are kept. */
static void test_a_conflict_leaves_the_transaction_usable(void **state)
{
    struct db *db = ((struct world *)*state)->db;
    assert_int_equal(db_begin(db), ST_OK);
    assert_int_equal(db_execute(db, "INSERT INTO evidence VALUES(1, 'x', x'00')"), ST_OK);
    assert_int_equal(db_execute(db, "INSERT INTO evidence VALUES(2, 'x', x'00')"), ST_CONFLICT);
    assert_int_equal(db_execute(db, "INSERT INTO evidence VALUES(2, 'y', x'00')"), ST_OK);
    assert_int_equal(db_commit(db), ST_OK);
    assert_int_equal(number_of(db, "SELECT count(*) FROM evidence"), 2);
}

/* REPLACE deletes silently unless recursive triggers are on: evidence would be overwritten. */
static void test_replace_cannot_go_round_a_delete_trigger(void **state)
{
    struct db *db = ((struct world *)*state)->db;
    assert_int_equal(db_execute(db, "INSERT INTO evidence VALUES(1, 'x', x'00')"), ST_OK);
    assert_int_equal(db_execute(db, "REPLACE INTO evidence VALUES(1, 'x', x'01')"), ST_DENIED);
    assert_int_equal(number_of(db, "SELECT count(*) FROM evidence WHERE body = x'00'"), 1);
}

static void test_what_our_own_schema_forbids_is_our_fault(void **state)
{
    struct db *db = ((struct world *)*state)->db;
    assert_int_equal(db_execute(db, "INSERT INTO evidence VALUES(1, NULL, x'00')"), ST_BUG);
    assert_int_equal(db_execute(db, "INSERT INTO nowhere VALUES(1)"), ST_BUG);
    assert_int_equal(db_begin(db), ST_OK);
    assert_int_equal(db_begin(db), ST_BUG);
    db_rollback(db);
    assert_int_equal(db_commit(db), ST_BUG);
}

static void test_the_settings_are_those_of_the_header(void **state)
{
    struct db *db = ((struct world *)*state)->db;
    assert_int_equal(number_of(db, "PRAGMA synchronous"), 2);
    assert_int_equal(number_of(db, "PRAGMA foreign_keys"), 0);
    assert_int_equal(number_of(db, "PRAGMA recursive_triggers"), 1);
    assert_int_equal(number_of(db, "PRAGMA trusted_schema"), 0);
    assert_int_equal(number_of(db, "PRAGMA temp_store"), 2);
    assert_int_equal(number_of(db, "PRAGMA secure_delete"), 0);
    assert_int_equal(number_of(db, "PRAGMA page_size"), 4096);
    assert_int_equal(number_of(db, "PRAGMA cache_size"), -2048);
    assert_true(sim_disk_file_size(((struct world *)*state)->disk, "evidence.db-wal") > 0);
}

static void test_every_commit_is_one_sync(void **state)
{
    struct world *world = *state;
    assert_int_equal(db_checkpoint(world->db), ST_OK);
    assert_int_equal(insert_group(world->db, 0), ST_OK); /* the first one begins the WAL anew */
    const uint64_t before = sim_disk_counters(world->disk).syncs;
    assert_int_equal(insert_group(world->db, 1), ST_OK);
    assert_int_equal(sim_disk_counters(world->disk).syncs, before + 1);
}

static void test_the_wal_stays_short_by_itself_and_empty_after_a_checkpoint(void **state)
{
    struct world *world = *state;
    uint64_t groups = 0;
    assert_int_equal(insert_groups(world->db, 0, 200, &groups), ST_OK);
    /* 8 pages between checkpoints, the rest of one transaction, no more than twice. */
    assert_true(sim_disk_file_size(world->disk, "evidence.db-wal") < 40 * 4096);
    assert_true(sim_disk_file_size(world->disk, "evidence.db") > 50 * 4096);
    assert_int_equal(db_checkpoint(world->db), ST_OK);
    assert_int_equal(sim_disk_file_size(world->disk, "evidence.db-wal"), 0);
    assert_int_equal(count_whole_groups(world->db), 200);
}

static void test_bytes_on_disk_counts_database_and_wal(void **state)
{
    struct world *world = *state;
    assert_int_equal(insert_group(world->db, 0), ST_OK);
    const uint64_t wal = sim_disk_file_size(world->disk, "evidence.db-wal");
    assert_true(wal > 0);
    assert_int_equal(db_bytes_on_disk(world->db),
                     sim_disk_file_size(world->disk, "evidence.db") + wal);
}

static void test_changes_and_rowid_are_those_of_the_last_statement(void **state)
{
    struct db *db = ((struct world *)*state)->db;
    assert_int_equal(db_execute(db, "INSERT INTO note VALUES(7, 'a'), (9, 'b'), (11, 'c')"), ST_OK);
    assert_int_equal(db_changes(db), 3);
    assert_int_equal(db_last_rowid(db), 11);
    assert_int_equal(db_execute(db, "DELETE FROM note WHERE id > 8"), ST_OK);
    assert_int_equal(db_changes(db), 2);
}

/* An error path may leave a reader in the middle; the rollback must end it, or the WAL would grow
 * for ever. */
static void test_a_rollback_ends_readers_left_in_the_middle(void **state)
{
    struct db *db = ((struct world *)*state)->db;
    struct statement *select = NULL;
    bool row = false;
    assert_int_equal(db_execute(db, "INSERT INTO note VALUES(1, 'a'), (2, 'b')"), ST_OK);
    assert_int_equal(statement_open(db, "SELECT id FROM note", &select), ST_OK);
    assert_int_equal(db_begin(db), ST_OK);
    assert_int_equal(statement_step(select, &row), ST_OK);
    assert_true(row);
    db_rollback(db);
    assert_int_equal(db_checkpoint(db), ST_OK);
    assert_int_equal(statement_step(select, &row), ST_OK);
    assert_int_equal(column_i64(select, 0), 1);
    statement_close(select);
}

/* After a failed write nobody goes on with this handle: there is one way to recover, reopening. */
static void test_a_failed_handle_refuses_to_begin_again(void **state)
{
    struct world *world = *state;
    sim_disk_fail(world->disk, &(struct sim_disk_fault){.operations = SIM_DISK_SYNC});
    assert_int_equal(insert_group(world->db, 0), ST_DISK);
    sim_disk_heal(world->disk);
    assert_int_equal(db_begin(world->db), ST_DISK);
    assert_int_equal(db_commit(world->db), ST_DISK);
    assert_non_null(strstr(db_message(world->db), "disk I/O error"));
    db_close(world->db);
    const struct db_options options = fixture_options(world->disk);
    assert_int_equal(fixture_open(&options, &world->db), ST_OK);
    assert_int_equal(insert_group(world->db, count_whole_groups(world->db)), ST_OK);
}

/* The commit itself is on the disk then, so it is not refused; the next one is. */
static void test_a_checkpoint_that_fails_is_told_by_the_next_begin(void **state)
{
    struct world *world = *state;
    enum status status = ST_OK;
    uint64_t groups = 0;
    while (groups < 20 && status == ST_OK) {
        /* The second sync of a commit is the checkpoint's. */
        sim_disk_fail(world->disk,
                      &(struct sim_disk_fault){.operations = SIM_DISK_SYNC, .call = 1});
        status = insert_groups(world->db, groups, groups + 1, &groups);
    }
    assert_int_equal(status, ST_DISK);
    assert_true(sim_disk_fault_met(world->disk) || groups > 0);
    assert_false(db_in_transaction(world->db));
    db_close(world->db);
    const struct db_options options = fixture_options(world->disk);
    assert_int_equal(fixture_open(&options, &world->db), ST_OK);
    assert_int_equal(count_whole_groups(world->db), groups);
}

int main(void)
{
#define WORLD_TEST(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_a_commit_is_there_and_a_rollback_is_not),
        WORLD_TEST(test_a_second_row_of_one_name_is_a_conflict),
        WORLD_TEST(test_a_trigger_that_refuses_is_a_denial),
        WORLD_TEST(test_a_conflict_leaves_the_transaction_usable),
        WORLD_TEST(test_replace_cannot_go_round_a_delete_trigger),
        WORLD_TEST(test_what_our_own_schema_forbids_is_our_fault),
        WORLD_TEST(test_the_settings_are_those_of_the_header),
        WORLD_TEST(test_every_commit_is_one_sync),
        WORLD_TEST(test_the_wal_stays_short_by_itself_and_empty_after_a_checkpoint),
        WORLD_TEST(test_bytes_on_disk_counts_database_and_wal),
        WORLD_TEST(test_changes_and_rowid_are_those_of_the_last_statement),
        WORLD_TEST(test_a_rollback_ends_readers_left_in_the_middle),
        WORLD_TEST(test_a_failed_handle_refuses_to_begin_again),
        WORLD_TEST(test_a_checkpoint_that_fails_is_told_by_the_next_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
