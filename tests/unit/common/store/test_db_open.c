/* test_db_open.c - from a path to a handle: migrations, whose database it is, and a sentence for
 * people when it cannot be had. On the simulated disk and on real files. */
#include "tests/unit/common/store/store_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 65534 };

struct place {
    struct sim_disk *disk;
    char directory[64]; /* a real one */
    char path[96];
    char message[512];
    struct db *db;
};

static int open_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    if (place == NULL) return -1;
    place->disk = sim_disk_open("test-open", 1);
    snprintf(place->directory, sizeof place->directory, "/tmp/test-db-open-XXXXXX");
    if (mkdtemp(place->directory) == NULL) return -1;
    snprintf(place->path, sizeof place->path, "%s/evidence.db", place->directory);
    *state = place;
    return 0;
}

static int close_place(void **state)
{
    struct place *place = *state;
    static const char *const endings[] = {"", "-wal", "-journal"};
    db_close(place->db);
    sim_disk_close(place->disk);
    chmod(place->directory, 0700);
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", place->path, endings[i]);
        unlink(name);
    }
    const int result = rmdir(place->directory);
    free(place);
    return result;
}

/* Opens with the first count migrations; the sentence is in place->message. */
static enum status open_with(struct place *place, const struct db_options *options,
                             const struct db_migration *migrations, size_t count)
{
    struct buf message = buf_of(place->message, sizeof place->message - 1);
    const enum status status = db_open(options, migrations, count, &message, &place->db);
    place->message[message.size] = '\0';
    assert_true((status == ST_OK) == (place->db != NULL));
    assert_true((status == ST_OK) == (message.size == 0));
    return status;
}

static enum status open_usual(struct place *place, const struct db_options *options)
{
    return open_with(place, options, fixture_migrations, COUNT_OF(fixture_migrations));
}

static struct db_options real_options(const struct place *place)
{
    struct db_options options = fixture_options(NULL);
    options.path = place->path;
    return options;
}

static void close_db(struct place *place)
{
    db_close(place->db);
    place->db = NULL;
}

/* Path, cause and mend, as one sentence. */
static void assert_says(const struct place *place, const char *path, const char *cause)
{
    const size_t size = strlen(place->message);
    assert_int_equal(strncmp(place->message, path, strlen(path)), 0);
    assert_non_null(strstr(place->message, cause));
    assert_non_null(strstr(place->message, "; "));
    assert_int_equal(place->message[size - 1], '.');
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* ---- migrations ----------------------------------------------------------------------------- */

static void test_each_migration_is_applied_once(void **state)
{
    struct place *place = *state;
    const struct db_options options = fixture_options(place->disk);
    for (size_t count = 1; count <= 2; count++) {
        for (int again = 0; again < 2; again++) {
            assert_int_equal(open_with(place, &options, fixture_migrations, count), ST_OK);
            assert_int_equal(number_of(place->db, "PRAGMA user_version"), count);
            assert_int_equal(number_of(place->db, "PRAGMA application_id"), FIXTURE_APPLICATION_ID);
            assert_int_equal(insert_group(place->db, count_whole_groups(place->db)), ST_OK);
            close_db(place);
        }
    }
    assert_int_equal(open_usual(place, &options), ST_OK);
    assert_int_equal(count_whole_groups(place->db), 4);
}

static void test_a_newer_database_is_refused_and_left_alone(void **state)
{
    struct place *place = *state;
    const struct db_options options = fixture_options(place->disk);
    assert_int_equal(open_usual(place, &options), ST_OK);
    assert_int_equal(insert_group(place->db, 0), ST_OK);
    /* The newer program was killed: its WAL is there and must stay there. */
    sim_disk_freeze(place->disk);
    close_db(place);
    sim_disk_thaw(place->disk, false);
    const uint64_t wal_size = sim_disk_file_size(place->disk, "evidence.db-wal");
    assert_true(wal_size > 0);
    const uint64_t writes = sim_disk_counters(place->disk).writes;
    assert_int_equal(open_with(place, &options, fixture_migrations, 1), ST_NEWER);
    assert_says(place, "evidence.db", "schema 2, this program knows 1");
    assert_int_equal(sim_disk_counters(place->disk).writes, writes);
    assert_int_equal(sim_disk_file_size(place->disk, "evidence.db-wal"), wal_size);
    assert_int_equal(open_usual(place, &options), ST_OK);
    assert_int_equal(count_whole_groups(place->db), 1);
}

static void test_a_migration_that_fails_leaves_the_version_before(void **state)
{
    struct place *place = *state;
    const struct db_options options = fixture_options(place->disk);
    const struct db_migration broken[] = {
        fixture_migrations[0],
        {"CREATE TABLE half(id); INSERT INTO half VALUES(1); CREATE TABLE half(id);"},
    };
    assert_int_equal(open_with(place, &options, broken, 2), ST_BUG);
    assert_says(place, "evidence.db", "the step to schema 2 failed: table half already exists");
    assert_int_equal(open_with(place, &options, broken, 1), ST_OK);
    assert_int_equal(number_of(place->db, "PRAGMA user_version"), 1);
    assert_int_equal(number_of(place->db, "SELECT count(*) FROM sqlite_schema WHERE name='half'"),
                     0);
    close_db(place);
    assert_int_equal(open_usual(place, &options), ST_OK);
}

/* Tables that none of our steps made, under our own name: the database is not as we left it. */
static void test_a_migration_that_only_fails_here_means_damage(void **state)
{
    struct place *place = *state;
    const struct db_options options = fixture_options(place->disk);
    assert_int_equal(open_with(place, &options, fixture_migrations, 1), ST_OK);
    assert_int_equal(db_execute(place->db, "CREATE TABLE note(id)"), ST_OK);
    close_db(place);
    assert_int_equal(open_usual(place, &options), ST_CORRUPT);
    assert_says(place, "evidence.db", "table note already exists");
}

static void test_a_statement_that_only_fails_here_means_damage(void **state)
{
    struct place *place = *state;
    const struct db_options options = fixture_options(place->disk);
    struct statement *statement = NULL;
    assert_int_equal(open_usual(place, &options), ST_OK);
    assert_int_equal(db_execute(place->db, "ALTER TABLE note RENAME TO nota"), ST_OK);
    assert_int_equal(statement_open(place->db, "SELECT text FROM note", &statement), ST_CORRUPT);
    assert_null(statement);
}

static void test_page_size_is_chosen_once(void **state)
{
    struct place *place = *state;
    struct db_options options = fixture_options(place->disk);
    for (uint32_t page_size = 65536; page_size >= 512; page_size /= 8) {
        options.page_size = page_size;
        options.cache_kib = 100;
        assert_int_equal(open_usual(place, &options), ST_OK);
        assert_int_equal(number_of(place->db, "PRAGMA page_size"), 65536);
        assert_int_equal(number_of(place->db, "PRAGMA cache_size"), -100);
        close_db(place);
    }
}

/* ---- whose it is ---------------------------------------------------------------------------- */

static void test_another_applications_database_is_refused(void **state)
{
    struct place *place = *state;
    struct db_options options = fixture_options(place->disk);
    assert_int_equal(open_usual(place, &options), ST_OK);
    close_db(place);
    const uint64_t writes = sim_disk_counters(place->disk).writes;
    options.application_id = 0x11223344;
    assert_int_equal(open_usual(place, &options), ST_CORRUPT);
    assert_says(place, "evidence.db", "another application's database (id 0x48464454");
    assert_int_equal(sim_disk_counters(place->disk).writes, writes);
}

static void test_a_nameless_database_with_tables_is_anothers(void **state)
{
    struct place *place = *state;
    struct db_options options = fixture_options(place->disk);
    options.application_id = 0;
    assert_int_equal(open_usual(place, &options), ST_OK);
    close_db(place);
    options.application_id = FIXTURE_APPLICATION_ID;
    assert_int_equal(open_usual(place, &options), ST_CORRUPT);
}

/* A text file, an empty one and random bytes: refused with a reason, or taken as new. */
static void test_what_is_not_a_database_is_refused(void **state)
{
    struct place *place = *state;
    const struct db_options options = fixture_options(place->disk);
    char text[2000];
    memset(text, 'x', sizeof text);
    sim_disk_put(place->disk, "evidence.db", text, sizeof text);
    assert_int_equal(open_usual(place, &options), ST_CORRUPT);
    assert_says(place, "evidence.db", "not a database");
    sim_disk_put(place->disk, "evidence.db", "", 0);
    assert_int_equal(open_usual(place, &options), ST_OK);
}

static void test_an_unfinished_database_is_none_yet(void **state)
{
    struct place *place = *state;
    struct db_options options = fixture_options(place->disk);
    options.create = false;
    assert_int_equal(open_usual(place, &options), ST_NOT_FOUND);
    assert_says(place, "evidence.db", "there is no database");
    sim_disk_put(place->disk, "evidence.db", "", 0);
    assert_int_equal(open_usual(place, &options), ST_NOT_FOUND);
    options.create = true;
    assert_int_equal(open_usual(place, &options), ST_OK);
}

static void test_two_handles_never_share_a_database(void **state)
{
    struct place *place = *state;
    const struct db_options options = fixture_options(place->disk);
    struct db *first = NULL;
    assert_int_equal(fixture_open(&options, &first), ST_OK);
    assert_int_equal(open_usual(place, &options), ST_BUSY);
    assert_says(place, "evidence.db", "another process holds it");
    assert_int_equal(insert_group(first, 0), ST_OK);
    db_close(first);
    assert_int_equal(open_usual(place, &options), ST_OK);
}

static void test_a_message_that_finds_no_room_harms_nothing(void **state)
{
    struct place *place = *state;
    struct db_options options = fixture_options(place->disk);
    options.create = false;
    uint8_t little[4];
    struct buf message = buf_of(little, sizeof little);
    assert_int_equal(db_open(&options, fixture_migrations, 1, &message, &place->db), ST_NOT_FOUND);
    assert_false(buf_ok(&message));
}

static void test_failures_of_the_disk_are_told_at_opening(void **state)
{
    struct place *place = *state;
    const struct db_options options = fixture_options(place->disk);
    sim_disk_set_capacity(place->disk, 6000);
    assert_int_equal(open_usual(place, &options), ST_FULL);
    assert_says(place, "evidence.db", "the disk or the quota is full");
    sim_disk_set_capacity(place->disk, UINT64_MAX);
    sim_disk_fail(place->disk, &(struct sim_disk_fault){.operations = SIM_DISK_READ});
    assert_int_equal(open_usual(place, &options), ST_DISK);
    assert_says(place, "evidence.db", "disk I/O error");
}

/* ---- real files ----------------------------------------------------------------------------- */

static void test_a_real_file_keeps_what_was_committed(void **state)
{
    struct place *place = *state;
    const struct db_options options = real_options(place);
    uint64_t groups = 0;
    assert_int_equal(open_usual(place, &options), ST_OK);
    assert_int_equal(insert_groups(place->db, 0, 30, &groups), ST_OK);
    char name[128];
    struct stat status;
    snprintf(name, sizeof name, "%s-shm", place->path);
    assert_int_not_equal(stat(name, &status), 0); /* no shared memory */
    snprintf(name, sizeof name, "%s-wal", place->path);
    assert_int_equal(stat(name, &status), 0);
    close_db(place);
    assert_int_not_equal(stat(name, &status), 0); /* closing leaves one file */
    assert_int_equal(open_usual(place, &options), ST_OK);
    assert_int_equal(count_whole_groups(place->db), 30);
    assert_int_equal(stat(place->path, &status), 0);
    assert_true(db_bytes_on_disk(place->db) >= (uint64_t)status.st_size);
    assert_sound(place->db);
}

/* The child tells each commit through the pipe and is killed in the middle of one. */
static void test_a_killed_process_loses_no_commit(void **state)
{
    struct place *place = *state;
    const struct db_options options = real_options(place);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct db *db = NULL;
        if (fixture_open(&options, &db) != ST_OK) _exit(1);
        for (uint8_t group = 0; insert_group(db, group) == ST_OK; group++) {
            if (write(pipes[1], &group, 1) != 1) _exit(2);
        }
        _exit(3);
    }
    uint8_t group = 0;
    for (int i = 0; i < 25; i++) {
        assert_int_equal(read(pipes[0], &group, 1), 1);
    }
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(pipes[1]);
    while (read(pipes[0], &group, 1) == 1) {
    }
    close(pipes[0]);
    assert_int_equal(open_usual(place, &options), ST_OK);
    const uint64_t found = count_whole_groups(place->db);
    assert_true(found == group + 1u || found == group + 2u);
    assert_sound(place->db);
}

static void test_a_database_held_by_another_process_is_refused(void **state)
{
    struct place *place = *state;
    const struct db_options options = real_options(place);
    int ready[2];
    int done[2];
    char byte = 0;
    assert_int_equal(pipe(ready) + pipe(done), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct db *db = NULL;
        close(done[1]);
        if (fixture_open(&options, &db) != ST_OK) _exit(1);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        /* Ends when the parent closes its side. */
        (void)!read(done[0], &byte, 1);
        db_close(db);
        _exit(0);
    }
    close(done[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(open_usual(place, &options), ST_BUSY);
    assert_says(place, place->path, "another process holds it");
    close(done[1]);
    int result = -1;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    close(ready[0]);
    close(ready[1]);
    assert_int_equal(open_usual(place, &options), ST_OK);
}

static void test_a_missing_file_or_directory_is_named(void **state)
{
    struct place *place = *state;
    struct db_options options = real_options(place);
    options.create = false;
    assert_int_equal(open_usual(place, &options), ST_NOT_FOUND);
    assert_says(place, place->path, "there is no database");
    options.create = true;
    options.path = "/tmp/no-such-directory-for-tests/evidence.db";
    assert_int_equal(open_usual(place, &options), ST_NOT_FOUND);
    assert_says(place, options.path, "its directory does not exist");
    options.path = place->directory;
    assert_int_equal(open_usual(place, &options), ST_DISK);
    assert_says(place, place->directory, "unable to open");
}

/* Root may do everything, so the test gives up being root for the moment. */
static void test_missing_permission_is_named(void **state)
{
    struct place *place = *state;
    const struct db_options options = real_options(place);
    assert_int_equal(open_usual(place, &options), ST_OK);
    close_db(place);
    const uid_t self = geteuid();
    assert_int_equal(chmod(place->directory, 0755), 0);
    assert_int_equal(chmod(place->path, 0444), 0);
    if (self == 0) assert_int_equal(seteuid(NOBODY), 0);
    const enum status file_read_only = open_usual(place, &options);
    assert_says(place, place->path, "this user may not read and write it");
    if (self == 0) assert_int_equal(seteuid(self), 0);
    assert_int_equal(chmod(place->path, 0666), 0);
    assert_int_equal(chmod(place->directory, 0555), 0);
    if (self == 0) assert_int_equal(seteuid(NOBODY), 0);
    const enum status directory_read_only = open_usual(place, &options);
    assert_says(place, place->path, "this user may not read and write it");
    if (self == 0) assert_int_equal(seteuid(self), 0);
    assert_int_equal(file_read_only, ST_DENIED);
    assert_int_equal(directory_read_only, ST_DENIED);
}

static void test_a_real_text_file_is_refused_and_kept(void **state)
{
    struct place *place = *state;
    const struct db_options options = real_options(place);
    const char *text = "This is somebody's letter, and by no means a database of ours at all."
                       " It is long enough to be taken for a header of one hundred bytes.";
    write_file(place->path, text);
    assert_int_equal(open_usual(place, &options), ST_CORRUPT);
    char found[256] = {0};
    FILE *file = fopen(place->path, "r");
    assert_non_null(file);
    assert_int_equal(fread(found, 1, sizeof found - 1, file), strlen(text));
    fclose(file);
    assert_string_equal(found, text);
}

int main(void)
{
#define PLACE_TEST(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_each_migration_is_applied_once),
        PLACE_TEST(test_a_newer_database_is_refused_and_left_alone),
        PLACE_TEST(test_a_migration_that_fails_leaves_the_version_before),
        PLACE_TEST(test_a_migration_that_only_fails_here_means_damage),
        PLACE_TEST(test_a_statement_that_only_fails_here_means_damage),
        PLACE_TEST(test_page_size_is_chosen_once),
        PLACE_TEST(test_another_applications_database_is_refused),
        PLACE_TEST(test_a_nameless_database_with_tables_is_anothers),
        PLACE_TEST(test_what_is_not_a_database_is_refused),
        PLACE_TEST(test_an_unfinished_database_is_none_yet),
        PLACE_TEST(test_two_handles_never_share_a_database),
        PLACE_TEST(test_a_message_that_finds_no_room_harms_nothing),
        PLACE_TEST(test_failures_of_the_disk_are_told_at_opening),
        PLACE_TEST(test_a_real_file_keeps_what_was_committed),
        PLACE_TEST(test_a_killed_process_loses_no_commit),
        PLACE_TEST(test_a_database_held_by_another_process_is_refused),
        PLACE_TEST(test_a_missing_file_or_directory_is_named),
        PLACE_TEST(test_missing_permission_is_named),
        PLACE_TEST(test_a_real_text_file_is_refused_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
