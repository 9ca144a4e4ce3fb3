/* test_sim_disk.c - the simulated disk forgets what was not synced and nothing else, fails when
 * told, and does the same again for the same seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/store/db.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_file.h"

enum { SECTOR = 512, BLOCK = 4096 };

static const struct db_migration migrations[] = {{"CREATE TABLE t(id INTEGER PRIMARY KEY, b);"}};

static struct db_options options_for(const struct sim_disk *disk)
{
    return (struct db_options){
        .path = "x.db", .vfs = sim_disk_vfs(disk), .application_id = 7, .create = true};
}

static struct db *opened(const struct sim_disk *disk)
{
    const struct db_options options = options_for(disk);
    struct db *db = NULL;
    assert_int_equal(db_open(&options, migrations, 1, NULL, &db), ST_OK);
    return db;
}

static int64_t number_of(struct db *db, const char *sql)
{
    struct statement *statement = NULL;
    bool row = false;
    assert_int_equal(statement_open(db, sql, &statement), ST_OK);
    assert_int_equal(statement_step(statement, &row), ST_OK);
    assert_true(row);
    const int64_t number = column_i64(statement, 0);
    statement_close(statement);
    return number;
}

/* ---- one file ------------------------------------------------------------------------------- */

static void write_all(struct sim_file *file, uint64_t offset, int byte, size_t size)
{
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    memset(bytes, byte, size);
    sim_file_write(file, offset, bytes, size);
    free(bytes);
}

static void test_what_was_synced_survives_every_crash(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct sim_file file = {0};
        struct rng rng;
        uint8_t found[3000];
        rng_seed(&rng, seed);
        write_all(&file, 1000, 'a', 3000);
        sim_file_sync(&file);
        write_all(&file, 4000, 'b', 5000);
        sim_file_crash(&file, &rng);
        assert_int_equal(sim_file_read(&file, 1000, found, sizeof found), sizeof found);
        for (size_t i = 0; i < sizeof found; i++) {
            assert_int_equal(found[i], 'a');
        }
        sim_file_close(&file);
    }
}

/* All three fates must occur, and a torn sector has the bytes of before and after and no others. */
static void test_an_unsynced_sector_is_kept_dropped_or_torn(void **state)
{
    (void)state;
    unsigned kept = 0;
    unsigned dropped = 0;
    unsigned torn = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct sim_file file = {0};
        struct rng rng;
        uint8_t found[2 * SECTOR];
        rng_seed(&rng, seed);
        write_all(&file, 0, 'a', sizeof found);
        sim_file_sync(&file);
        write_all(&file, 0, 'b', SECTOR);
        sim_file_crash(&file, &rng);
        sim_file_read(&file, 0, found, sizeof found);
        size_t new_count = 0;
        for (size_t i = 0; i < SECTOR; i++) {
            assert_true(found[i] == 'a' || found[i] == 'b');
            new_count += found[i] == 'b';
        }
        for (size_t i = SECTOR; i < sizeof found; i++) {
            assert_int_equal(found[i], 'a'); /* nobody wrote there */
        }
        kept += new_count == SECTOR;
        dropped += new_count == 0;
        torn += new_count > 0 && new_count < SECTOR;
        sim_file_close(&file);
    }
    assert_true(kept > 30 && dropped > 30 && torn > 30);
}

static void test_an_unsynced_cut_gives_the_old_end_or_the_new(void **state)
{
    (void)state;
    unsigned old_ends = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct sim_file file = {0};
        struct rng rng;
        uint8_t found[3 * BLOCK];
        rng_seed(&rng, seed);
        write_all(&file, 0, 'a', sizeof found);
        sim_file_sync(&file);
        sim_file_truncate(&file, 100);
        sim_file_crash(&file, &rng);
        assert_true(file.size == 100 || file.size == sizeof found);
        if (file.size != 100) {
            old_ends++;
            sim_file_read(&file, BLOCK, found, 2 * BLOCK);
            for (size_t i = 0; i < 2 * BLOCK; i++) {
                assert_int_equal(found[i], 'a');
            }
        }
        sim_file_close(&file);
    }
    assert_true(old_ends > 10 && old_ends < 90);
}

/* Against a plain array: the same writes, cuts, syncs and reads give the same bytes. */
static void test_a_file_reads_as_a_plain_array_would(void **state)
{
    (void)state;
    enum { LARGEST = 40000, STEPS = 20000 };
    static uint8_t plain[LARGEST];
    static uint8_t found[LARGEST];
    static uint8_t bytes[9000];
    struct sim_file file = {0};
    struct rng rng;
    size_t size = 0;
    rng_seed(&rng, 11);
    memset(plain, 0, sizeof plain);
    for (int step = 0; step < STEPS; step++) {
        const size_t at = (size_t)rng_below(&rng, LARGEST - sizeof bytes);
        const size_t count = 1 + (size_t)rng_below(&rng, sizeof bytes);
        switch (rng_below(&rng, 8)) {
        case 0:
            sim_file_truncate(&file, at);
            if (at < size) memset(plain + at, 0, size - at);
            size = at;
            break;
        case 1:
            sim_file_sync(&file);
            break;
        default:
            rng_fill(&rng, bytes, count);
            sim_file_write(&file, at, bytes, count);
            memcpy(plain + at, bytes, count);
            if (at + count > size) size = at + count;
        }
        assert_int_equal(file.size, size);
        if (step % 16 != 0) continue;
        assert_int_equal(sim_file_read(&file, 0, found, sizeof found), size);
        assert_memory_equal(found, plain, sizeof found);
    }
    sim_file_close(&file);
}

/* Linux marks pages clean when their fsync fails: a second fsync says yes and saves nothing. */
static void test_after_a_failed_sync_only_writing_again_saves(void **state)
{
    (void)state;
    bool was_lost = false;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct sim_file file = {0};
        struct rng rng;
        uint8_t found[2];
        rng_seed(&rng, seed);
        write_all(&file, 0, 'a', 2 * BLOCK);
        sim_file_sync_failed(&file);
        write_all(&file, BLOCK, 'a', BLOCK);
        sim_file_sync(&file);
        sim_file_crash(&file, &rng);
        sim_file_read(&file, 0, &found[0], 1);
        sim_file_read(&file, BLOCK, &found[1], 1);
        if (found[0] != 'a') was_lost = true;
        assert_int_equal(found[1], 'a');
        sim_file_close(&file);
    }
    assert_true(was_lost);
}

/* ---- the disk ------------------------------------------------------------------------------- */

static void test_a_dead_process_changes_nothing(void **state)
{
    (void)state;
    struct sim_disk *disk = sim_disk_open("sim-dead", 1);
    struct db *dead = opened(disk);
    assert_int_equal(db_execute(dead, "INSERT INTO t VALUES(1, 'x')"), ST_OK);
    sim_disk_crash(disk);
    assert_int_equal(db_execute(dead, "INSERT INTO t VALUES(2, 'x')"), ST_DISK);
    struct db *db = opened(disk); /* its lock is gone with it */
    db_close(dead);
    assert_int_equal(number_of(db, "SELECT count(*) FROM t"), 1);
    assert_int_equal(db_execute(db, "INSERT INTO t VALUES(3, 'x')"), ST_OK);
    db_close(db);
    sim_disk_close(disk);
}

static void test_a_kill_keeps_what_the_system_has(void **state)
{
    (void)state;
    struct sim_disk *disk = sim_disk_open("sim-kill", 1);
    struct db *db = opened(disk);
    assert_int_equal(db_execute(db, "PRAGMA synchronous=OFF"), ST_OK);
    assert_int_equal(db_execute(db, "INSERT INTO t VALUES(1, 'x')"), ST_OK);
    sim_disk_freeze(disk);
    assert_int_equal(db_execute(db, "INSERT INTO t VALUES(2, 'x')"), ST_DISK);
    db_close(db);
    sim_disk_thaw(disk, false);
    db = opened(disk);
    assert_int_equal(number_of(db, "SELECT count(*) FROM t"), 1);
    db_close(db);
    sim_disk_close(disk);
}

static void test_a_copy_is_the_disk_of_that_moment(void **state)
{
    (void)state;
    struct sim_disk *disk = sim_disk_open("sim-one", 1);
    struct sim_disk *backup = sim_disk_open("sim-backup", 2);
    struct db *db = opened(disk);
    assert_int_equal(db_execute(db, "INSERT INTO t VALUES(1, 'x')"), ST_OK);
    sim_disk_copy(backup, disk); /* in the middle of work, WAL and all */
    assert_int_equal(db_execute(db, "INSERT INTO t VALUES(2, 'x')"), ST_OK);
    struct db *clone = opened(backup);
    assert_int_equal(number_of(clone, "SELECT count(*) FROM t"), 1);
    assert_int_equal(number_of(db, "SELECT count(*) FROM t"), 2);
    db_close(clone);
    sim_disk_copy(disk, backup); /* restored from the older backup */
    assert_int_equal(db_execute(db, "INSERT INTO t VALUES(3, 'x')"), ST_DISK);
    db_close(db);
    db = opened(disk);
    assert_int_equal(number_of(db, "SELECT count(*) FROM t"), 1);
    db_close(db);
    sim_disk_close(disk);
    sim_disk_close(backup);
}

static void test_capacity_is_kept_to_the_byte(void **state)
{
    (void)state;
    struct sim_disk *disk = sim_disk_open("sim-capacity", 1);
    struct db *db = opened(disk);
    assert_true(sim_disk_free_bytes(disk) > UINT64_C(1) << 39);
    sim_disk_set_capacity(disk, sim_disk_used_bytes(disk) + 20000);
    assert_int_equal(sim_disk_free_bytes(disk), 20000);
    enum status status = ST_OK;
    for (int i = 0; i < 100 && status == ST_OK; i++) {
        status = db_execute(db, "INSERT INTO t(b) VALUES(zeroblob(3000))");
    }
    assert_int_equal(status, ST_FULL);
    assert_true(sim_disk_free_bytes(disk) < 20000);
    db_close(db);
    sim_disk_close(disk);
}

static void test_a_fault_strikes_the_call_it_names(void **state)
{
    (void)state;
    struct sim_disk *disk = sim_disk_open("sim-fault", 1);
    struct db *db = opened(disk);
    sim_disk_fail(disk, &(struct sim_disk_fault){.operations = SIM_DISK_SYNC, .call = 2});
    for (int i = 0; i < 3; i++) {
        assert_int_equal(db_execute(db, "INSERT INTO t(b) VALUES('x')"), i < 2 ? ST_OK : ST_DISK);
        assert_int_equal(sim_disk_fault_met(disk), i == 2);
    }
    assert_false(sim_disk_was_cut(disk));
    db_close(db);
    sim_disk_cut_after(disk, 5);
    const struct db_options options = options_for(disk);
    assert_int_equal(db_open(&options, migrations, 1, NULL, &db), ST_OK);
    while (db_execute(db, "INSERT INTO t(b) VALUES('x')") == ST_OK) {
    }
    assert_true(sim_disk_was_cut(disk));
    sim_disk_freeze(disk);
    db_close(db);
    sim_disk_thaw(disk, true);
    assert_false(sim_disk_was_cut(disk));
    db_close(opened(disk));
    sim_disk_close(disk);
}

/* Everything a world does with a disk, damage included, down to a number. */
static uint64_t history(uint64_t seed)
{
    sim_disk_forget_randomness(seed);
    struct sim_disk *disk = sim_disk_open("sim-history", seed);
    struct db *db = opened(disk);
    uint64_t hash = 1469598103934665603u;
    for (int life = 0; life < 5; life++) {
        for (int i = 0; i < 18; i++) {
            /* The first half is safe, the second in danger. */
            if (i == 9) assert_int_equal(db_execute(db, "PRAGMA synchronous=NORMAL"), ST_OK);
            assert_int_equal(db_execute(db, "INSERT INTO t(b) VALUES(randomblob(900))"), ST_OK);
        }
        sim_disk_crash(disk);
        db_close(db);
        db = opened(disk);
        hash = (hash ^ (uint64_t)number_of(db, "SELECT count(*) FROM t")) * 1099511628211u;
        hash = (hash ^ (uint64_t)number_of(db, "SELECT total(unicode(hex(b))) FROM t")) *
               1099511628211u;
        hash = (hash ^ sim_disk_counters(disk).bytes_written) * 1099511628211u;
    }
    db_close(db);
    sim_disk_close(disk);
    return hash;
}

static void test_the_same_seed_gives_the_same_history(void **state)
{
    (void)state;
    const uint64_t first = history(42);
    assert_true(history(42) == first);
    assert_true(history(43) != first);
    assert_true(history(42) == first);
}

static void test_time_on_the_disk_is_its_owners(void **state)
{
    (void)state;
    struct sim_disk *disk = sim_disk_open("sim-time", 1);
    struct db *db = opened(disk);
    sim_disk_set_time(disk, INT64_C(1795364400000));
    assert_int_equal(number_of(db, "SELECT strftime('%s', 'now')"), 1795364400);
    db_close(db);
    sim_disk_close(disk);
}

static void test_many_disks_live_side_by_side(void **state)
{
    (void)state;
    enum { DISKS = 60 };
    struct sim_disk *disks[DISKS];
    struct db *dbs[DISKS];
    for (int i = 0; i < DISKS; i++) {
        char name[24];
        snprintf(name, sizeof name, "node-%d", i);
        disks[i] = sim_disk_open(name, (uint64_t)i);
        dbs[i] = opened(disks[i]);
    }
    for (int i = 0; i < DISKS; i++) {
        for (int row = 0; row <= i; row++) {
            assert_int_equal(db_execute(dbs[i], "INSERT INTO t(b) VALUES('x')"), ST_OK);
        }
    }
    for (int i = 0; i < DISKS; i++) {
        assert_int_equal(number_of(dbs[i], "SELECT count(*) FROM t"), i + 1);
        db_close(dbs[i]);
        sim_disk_close(disks[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_synced_survives_every_crash),
        cmocka_unit_test(test_an_unsynced_sector_is_kept_dropped_or_torn),
        cmocka_unit_test(test_an_unsynced_cut_gives_the_old_end_or_the_new),
        cmocka_unit_test(test_a_file_reads_as_a_plain_array_would),
        cmocka_unit_test(test_after_a_failed_sync_only_writing_again_saves),
        cmocka_unit_test(test_a_dead_process_changes_nothing),
        cmocka_unit_test(test_a_kill_keeps_what_the_system_has),
        cmocka_unit_test(test_a_copy_is_the_disk_of_that_moment),
        cmocka_unit_test(test_capacity_is_kept_to_the_byte),
        cmocka_unit_test(test_a_fault_strikes_the_call_it_names),
        cmocka_unit_test(test_the_same_seed_gives_the_same_history),
        cmocka_unit_test(test_time_on_the_disk_is_its_owners),
        cmocka_unit_test(test_many_disks_live_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
