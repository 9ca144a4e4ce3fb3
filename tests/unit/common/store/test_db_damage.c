/* test_db_damage.c - a damaged file never crashes the process, and never passes as something else
 * than a database that is damaged or whole. */
#include "tests/unit/common/store/store_fixture.h"

#include "common/base/rng.h"

enum {
    GROUPS = 40,
    ROUNDS = 400,
    VERSION_AT = 60, /* user_version in the header: no checksum guards it */
    VERSION_END = 64,
    HEADER_SIZE = 100,
};

static struct sim_disk *whole;   /* closed cleanly: one file */
static struct sim_disk *damaged; /* made anew from whole in each round */

static int open_disks(void **state)
{
    (void)state;
    whole = sim_disk_open("test-whole", 1);
    damaged = sim_disk_open("test-damaged", 1);
    const struct db_options options = fixture_options(whole);
    struct db *db = NULL;
    uint64_t groups = 0;
    if (fixture_open(&options, &db) != ST_OK) return -1;
    const enum status status = insert_groups(db, 0, GROUPS, &groups);
    db_close(db);
    return status == ST_OK ? 0 : -1;
}

static int close_disks(void **state)
{
    (void)state;
    sim_disk_close(whole);
    sim_disk_close(damaged);
    return 0;
}

struct seen {
    enum status status; /* of the first failure */
    uint64_t rows;
    uint64_t wrong_rows; /* whose bytes are not those of their id: the hash above finds these */
};

static struct seen read_all(struct db *db)
{
    struct seen seen = {0};
    struct statement *select = NULL;
    uint8_t body[BODY_SIZE_LARGEST];
    seen.status = statement_open(db, "SELECT id, body FROM evidence ORDER BY id", &select);
    /* A cycle of pages must not be read for ever. */
    for (bool row = true; seen.status == ST_OK && seen.rows < 100 * GROUPS;) {
        seen.status = statement_step(select, &row);
        if (seen.status != ST_OK || !row) break;
        const struct bytes found = column_bytes(select, 1);
        const struct bytes right = bytes_of(body, body_of(column_u64(select, 0), body));
        if (!bytes_equal(found, right)) seen.wrong_rows++;
        seen.rows++;
    }
    statement_close(select);
    return seen;
}

static void assert_tells_damage(enum status status, bool may_be_newer)
{
    const bool is_right =
        status == ST_OK || status == ST_CORRUPT || (may_be_newer && status == ST_NEWER);
    if (!is_right) print_error("%s\n", status_name(status));
    assert_true(is_right);
}

/* Reads and writes all that can be read and written, and closes. */
static struct seen use(bool may_be_newer)
{
    const struct db_options options = fixture_options(damaged);
    struct db *db = NULL;
    struct seen seen = {.status = fixture_open(&options, &db)};
    assert_tells_damage(seen.status, may_be_newer);
    if (db == NULL) return seen;
    seen = read_all(db);
    assert_tells_damage(seen.status, false);
    enum status written = insert_group(db, 1000000);
    /* A damaged row or index entry may already claim the name. */
    if (written == ST_CONFLICT) written = ST_OK;
    assert_tells_damage(written, false);
    db_close(db);
    return seen;
}

static uint64_t flip_somewhere(struct rng *rng, const char *path, uint64_t from, uint64_t to)
{
    const uint64_t at = from + rng_below(rng, to - from);
    sim_disk_flip(damaged, path, at, (uint8_t)(1u << rng_below(rng, 8)));
    return at;
}

static void test_the_undamaged_copy_is_whole(void **state)
{
    (void)state;
    sim_disk_copy(damaged, whole);
    const struct seen seen = use(false);
    assert_int_equal(seen.status, ST_OK);
    assert_int_equal(seen.rows, GROUPS * ROWS_PER_GROUP);
    assert_int_equal(seen.wrong_rows, 0);
}

static void test_every_flipped_byte_of_the_header_is_survived(void **state)
{
    (void)state;
    unsigned refused = 0;
    for (uint64_t at = 0; at < HEADER_SIZE; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            sim_disk_copy(damaged, whole);
            sim_disk_flip(damaged, "evidence.db", at, (uint8_t)(1u << bit));
            const struct seen seen = use(at >= VERSION_AT && at < VERSION_END);
            if (seen.status != ST_OK) refused++;
        }
    }
    assert_true(refused > 200);
}

static void test_flipped_bits_in_pages_are_survived(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 2);
    unsigned refused = 0;
    unsigned wrong = 0;
    for (int round = 0; round < ROUNDS; round++) {
        sim_disk_copy(damaged, whole);
        const uint64_t size = sim_disk_file_size(damaged, "evidence.db");
        for (int flips = 0; flips <= round % 4; flips++) {
            flip_somewhere(&rng, "evidence.db", HEADER_SIZE, size);
        }
        const struct seen seen = use(false);
        if (seen.status != ST_OK) refused++;
        if (seen.wrong_rows != 0) wrong++;
    }
    /* SQLite has no checksums: a flipped bit of a body comes back as it is. That the hash of each
     * entry is checked after reading is what this number is the reason for. */
    assert_true(refused > 0 && wrong > 0);
}

/* The first bytes of each page tell where its cells are: damage there is structural. */
static void test_damaged_page_headers_are_survived(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 3);
    unsigned refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
        sim_disk_copy(damaged, whole);
        const uint64_t pages = sim_disk_file_size(damaged, "evidence.db") / 4096;
        const uint64_t page = rng_below(&rng, pages);
        const uint64_t at = page * 4096 + (page == 0 ? HEADER_SIZE : 0);
        flip_somewhere(&rng, "evidence.db", at, at + 24);
        if (use(false).status != ST_OK) refused++;
    }
    assert_true(refused > ROUNDS / 10);
}

static void test_a_page_of_zeros_or_noise_is_survived(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 4);
    unsigned refused = 0;
    for (int round = 0; round < ROUNDS / 4; round++) {
        sim_disk_copy(damaged, whole);
        const uint64_t pages = sim_disk_file_size(damaged, "evidence.db") / 4096;
        const uint64_t page = rng_below(&rng, pages);
        for (uint64_t i = 0; i < 4096; i++) {
            const uint8_t noise = (uint8_t)rng_next(&rng);
            if (noise != 0) sim_disk_flip(damaged, "evidence.db", page * 4096 + i, noise);
        }
        if (use(page == 0).status != ST_OK) refused++;
    }
    assert_true(refused > 0);
}

/* What is behind a damaged frame of the WAL cannot be told from a torn write: it is dropped, and
 * what is before it is whole. */
static void test_a_damaged_wal_gives_a_prefix(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 5);
    struct sim_disk *running = sim_disk_open("test-running", 1);
    struct db_options options = fixture_options(running);
    options.checkpoint_pages = 100000;
    struct db *db = NULL;
    uint64_t groups = 0;
    unsigned shorter = 0;
    assert_int_equal(fixture_open(&options, &db), ST_OK);
    assert_int_equal(db_checkpoint(db), ST_OK);
    assert_int_equal(insert_groups(db, 0, GROUPS, &groups), ST_OK);
    for (int round = 0; round < 60; round++) {
        sim_disk_copy(damaged, running);
        const uint64_t size = sim_disk_file_size(damaged, "evidence.db-wal");
        flip_somewhere(&rng, "evidence.db-wal", 0, size);
        const struct db_options damaged_options = fixture_options(damaged);
        struct db *other = NULL;
        assert_int_equal(fixture_open(&damaged_options, &other), ST_OK);
        if (count_whole_groups(other) < GROUPS) shorter++;
        assert_sound(other);
        db_close(other);
    }
    assert_true(shorter > 30);
    db_close(db);
    sim_disk_close(running);
}

static void test_a_file_cut_short_is_survived(void **state)
{
    (void)state;
    const uint64_t size = sim_disk_file_size(whole, "evidence.db");
    for (uint64_t kept = 512; kept < size; kept += 3571) {
        sim_disk_copy(damaged, whole);
        sim_disk_cut_file(damaged, "evidence.db", kept);
        const struct seen seen = use(false);
        /* A page of which a part is there is read with zeros behind. */
        if (kept <= size - 4096) assert_int_equal(seen.status, ST_CORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_undamaged_copy_is_whole),
        cmocka_unit_test(test_every_flipped_byte_of_the_header_is_survived),
        cmocka_unit_test(test_flipped_bits_in_pages_are_survived),
        cmocka_unit_test(test_damaged_page_headers_are_survived),
        cmocka_unit_test(test_a_page_of_zeros_or_noise_is_survived),
        cmocka_unit_test(test_a_damaged_wal_gives_a_prefix),
        cmocka_unit_test(test_a_file_cut_short_is_survived),
    };
    return cmocka_run_group_tests(tests, open_disks, close_disks);
}
