/* test_db_crash.c - what was committed survives power loss, failing disks and full ones, at every
 * single call of the disk. */
#include "tests/unit/common/store/store_fixture.h"

enum {
    GROUPS = 12,        /* per session; there are two, with a close between them */
    SEEDS = 2,          /* damages tried per crash point */
    CALLS_MAX = 100000, /* far above the calls of one run: the loops must end by themselves */
};

/* What one run has been told is on the disk. */
struct run {
    struct sim_disk *disk;
    struct db_options options;
    const char *pragma; /* after opening; NULL: none */
    uint64_t committed; /* groups whose commit was ST_OK */
    enum status status; /* the first failure */
    struct db *db;      /* open when the run ended by a failure */
};

static struct sim_disk *disk_of_test;

static struct run run_on_new_disk(uint64_t seed)
{
    /* A test that failed has left its disk behind. */
    sim_disk_close(disk_of_test);
    disk_of_test = sim_disk_open("test-crash", seed);
    return (struct run){.disk = disk_of_test, .options = fixture_options(disk_of_test)};
}

static enum status session(struct run *run, uint64_t until)
{
    TRY(fixture_open(&run->options, &run->db));
    if (run->pragma != NULL) TRY(db_execute(run->db, run->pragma));
    TRY(insert_groups(run->db, run->committed, until, &run->committed));
    return ST_OK;
}

/* From nothing: create, migrate, commit, checkpoint, close, open again, commit. */
static void run_all(struct run *run)
{
    run->status = session(run, GROUPS);
    if (run->status != ST_OK) return;
    db_close(run->db);
    run->db = NULL;
    run->status = session(run, 2 * GROUPS);
}

/* Opens again and returns how many groups there are, all of them whole. */
static uint64_t reopen_and_count(struct run *run)
{
    assert_int_equal(fixture_open(&run->options, &run->db), ST_OK);
    assert_sound(run->db);
    return count_whole_groups(run->db);
}

static void end_run(struct run *run)
{
    db_close(run->db);
    sim_disk_close(run->disk);
    disk_of_test = NULL;
}

/* Cuts the power at one call and returns how many committed groups are missing afterwards. */
static uint64_t lost_at(uint64_t call, uint64_t seed, const char *pragma, bool *was_cut)
{
    struct run run = run_on_new_disk(seed);
    run.pragma = pragma;
    sim_disk_cut_after(run.disk, call);
    run_all(&run);
    *was_cut = sim_disk_was_cut(run.disk);
    if (!*was_cut) assert_int_equal(run.status, ST_OK);
    sim_disk_freeze(run.disk);
    db_close(run.db);
    sim_disk_thaw(run.disk, true);
    const uint64_t found = reopen_and_count(&run);
    /* The commit in flight may have come through; nothing else may. */
    assert_true(found <= run.committed + 1);
    const uint64_t lost = run.committed > found ? run.committed - found : 0;
    /* And life goes on. */
    assert_int_equal(insert_group(run.db, found), ST_OK);
    end_run(&run);
    return lost;
}

static uint64_t crash_everywhere(const char *pragma, uint64_t *points)
{
    uint64_t lost = 0;
    bool was_cut = true;
    *points = 0;
    for (uint64_t call = 0; was_cut; call++) {
        assert_true(call < CALLS_MAX);
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            lost += lost_at(call, seed, pragma, &was_cut);
        }
        *points = call;
    }
    return lost;
}

static void test_no_commit_is_lost_by_power_loss_at_any_call(void **state)
{
    (void)state;
    uint64_t points = 0;
    assert_int_equal(crash_everywhere(NULL, &points), 0);
    assert_true(points > 2 * GROUPS); /* it did go through the commits */
}

/* The test of the test: without a sync per commit these crashes do lose commits, so the disk does
 * forget and the test above does notice. */
static void test_without_full_synchronisation_commits_are_lost(void **state)
{
    (void)state;
    uint64_t points = 0;
    assert_true(crash_everywhere("PRAGMA synchronous=NORMAL", &points) > 0);
}

/* One run with one fault; returns false when nothing met it. */
static bool survives(const struct sim_disk_fault *fault, uint64_t seed)
{
    struct run run = run_on_new_disk(seed);
    sim_disk_fail(run.disk, fault);
    run_all(&run);
    const bool was_met = sim_disk_fault_met(run.disk);
    if (!was_met) assert_int_equal(run.status, ST_OK);
    if (run.status != ST_OK) {
        assert_int_equal(run.status, fault->full ? ST_FULL : ST_DISK);
    }
    db_close(run.db);
    sim_disk_heal(run.disk);
    const uint64_t found = reopen_and_count(&run);
    assert_true(found >= run.committed && found <= run.committed + 1);
    /* A sync that failed has left pages that the system believes clean. What is committed on top of
     * them must not stand on sand. */
    assert_int_equal(insert_group(run.db, found), ST_OK);
    sim_disk_crash(run.disk);
    db_close(run.db);
    assert_int_equal(reopen_and_count(&run), found + 1);
    end_run(&run);
    return was_met;
}

static void fail_everywhere(struct sim_disk_fault fault)
{
    for (fault.call = 0; survives(&fault, fault.call); fault.call++) {
        assert_true(fault.call < CALLS_MAX);
    }
    assert_true(fault.call > 2 * GROUPS);
}

static void test_any_call_may_fail_once(void **state)
{
    (void)state;
    fail_everywhere((struct sim_disk_fault){.operations = SIM_DISK_ALL});
}

static void test_the_disk_may_fail_for_good_at_any_call(void **state)
{
    (void)state;
    fail_everywhere((struct sim_disk_fault){.operations = SIM_DISK_ALL, .persistent = true});
}

static void test_any_write_may_find_the_disk_full_once(void **state)
{
    (void)state;
    fail_everywhere((struct sim_disk_fault){.operations = SIM_DISK_WRITE, .full = true});
}

static void test_the_disk_may_be_full_from_any_write_on(void **state)
{
    (void)state;
    fail_everywhere(
        (struct sim_disk_fault){.operations = SIM_DISK_WRITE, .full = true, .persistent = true});
}

/* The process dies without power loss after a failed sync: no close, so nothing cleaned up. */
static void test_a_commit_after_a_failed_sync_and_a_kill_is_not_built_on_sand(void **state)
{
    (void)state;
    bool was_met = true;
    for (uint64_t call = 0; was_met; call++) {
        struct run run = run_on_new_disk(call);
        sim_disk_fail(run.disk,
                      &(struct sim_disk_fault){.operations = SIM_DISK_SYNC, .call = call});
        run_all(&run);
        was_met = sim_disk_fault_met(run.disk);
        sim_disk_freeze(run.disk);
        db_close(run.db);
        sim_disk_thaw(run.disk, false);
        /* No checkpoint may come to help by chance. */
        run.options.checkpoint_pages = 1000;
        const uint64_t found = reopen_and_count(&run);
        assert_true(found >= run.committed);
        assert_int_equal(insert_group(run.db, found), ST_OK);
        sim_disk_crash(run.disk);
        db_close(run.db);
        assert_int_equal(reopen_and_count(&run), found + 1);
        end_run(&run);
    }
}

/* The same when the next process finds the disk too full for a checkpoint, but not for one more
 * commit behind what was never synced. */
static bool holds_with_room(uint64_t call, uint64_t room_bytes)
{
    struct run run = run_on_new_disk(call);
    sim_disk_fail(run.disk, &(struct sim_disk_fault){.operations = SIM_DISK_SYNC, .call = call});
    run_all(&run);
    const bool was_met = sim_disk_fault_met(run.disk);
    sim_disk_freeze(run.disk);
    db_close(run.db);
    sim_disk_thaw(run.disk, false);
    run.options.checkpoint_pages = 1000;
    sim_disk_set_capacity(run.disk, sim_disk_used_bytes(run.disk) + room_bytes);
    run.db = NULL;
    uint64_t found = run.committed;
    if (fixture_open(&run.options, &run.db) == ST_OK) {
        found = count_whole_groups(run.db);
        assert_true(found >= run.committed);
        if (insert_group(run.db, found) == ST_OK) found++;
    }
    sim_disk_crash(run.disk);
    db_close(run.db);
    sim_disk_set_capacity(run.disk, UINT64_MAX);
    assert_true(reopen_and_count(&run) >= found);
    end_run(&run);
    return was_met;
}

static void test_a_full_disk_after_a_failed_sync_and_a_kill_loses_nothing(void **state)
{
    (void)state;
    bool was_met = true;
    for (uint64_t call = 0; was_met; call++)
        for (uint64_t room_bytes = 0; room_bytes <= 64 * 1024; room_bytes += 4 * 1024)
            was_met = holds_with_room(call, room_bytes);
}

static void test_a_full_disk_loses_nothing_and_works_again_with_room(void **state)
{
    (void)state;
    struct run run = run_on_new_disk(1);
    for (uint64_t capacity = 8 * 1024; capacity < 256 * 1024; capacity += 1000) {
        sim_disk_set_capacity(run.disk, capacity);
        run.db = NULL;
        const enum status opened = fixture_open(&run.options, &run.db);
        enum status status = opened;
        while (status == ST_OK) {
            status = insert_groups(run.db, run.committed, run.committed + 1, &run.committed);
        }
        assert_int_equal(status, ST_FULL);
        if (run.db != NULL) assert_int_equal(db_begin(run.db), ST_FULL);
        db_close(run.db);
        sim_disk_set_capacity(run.disk, UINT64_MAX);
        assert_int_equal(reopen_and_count(&run), run.committed);
        db_close(run.db);
    }
    run.db = NULL;
    assert_true(run.committed > 20);
    assert_int_equal(session(&run, run.committed + 5), ST_OK);
    assert_int_equal(count_whole_groups(run.db), run.committed);
    end_run(&run);
}

/* Evidence must be readable when nothing can be written any more, the WAL of a crash included. */
static void test_a_full_disk_can_be_read_after_a_crash(void **state)
{
    (void)state;
    struct run run = run_on_new_disk(1);
    assert_int_equal(session(&run, 6), ST_OK);
    sim_disk_crash(run.disk);
    db_close(run.db);
    sim_disk_set_capacity(run.disk, sim_disk_used_bytes(run.disk));
    assert_int_equal(fixture_open(&run.options, &run.db), ST_OK);
    assert_int_equal(count_whole_groups(run.db), 6);
    end_run(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_commit_is_lost_by_power_loss_at_any_call),
        cmocka_unit_test(test_without_full_synchronisation_commits_are_lost),
        cmocka_unit_test(test_any_call_may_fail_once),
        cmocka_unit_test(test_the_disk_may_fail_for_good_at_any_call),
        cmocka_unit_test(test_any_write_may_find_the_disk_full_once),
        cmocka_unit_test(test_the_disk_may_be_full_from_any_write_on),
        cmocka_unit_test(test_a_commit_after_a_failed_sync_and_a_kill_is_not_built_on_sand),
        cmocka_unit_test(test_a_full_disk_after_a_failed_sync_and_a_kill_loses_nothing),
        cmocka_unit_test(test_a_full_disk_loses_nothing_and_works_again_with_room),
        cmocka_unit_test(test_a_full_disk_can_be_read_after_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
