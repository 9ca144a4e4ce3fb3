/* test_chunker.c - do the bytes alone decide where chunks end, by the rule in the header? */
#include "common/data/chunker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "tests/support/golden.h"

enum { FILE_SIZE = 3 * 1024 * 1024, ENDS_MAX = FILE_SIZE / CHUNK_SIZE_MIN + 1 };

static struct hasher *hasher;
static struct chunker chunker;
static struct rng rng;
static struct golden golden;
static uint8_t file_memory[FILE_SIZE];

struct ends {
    size_t count;
    size_t at[ENDS_MAX]; /* offsets in the file, that of its end last */
};

static int set_up(void **state)
{
    (void)state;
    rng_seed(&rng, 20251122);
    chunker_init(&chunker, hasher);
    rng_fill(&rng, file_memory, FILE_SIZE);
    return 0;
}

static struct bytes file(void)
{
    return bytes_of(file_memory, FILE_SIZE);
}

static void end_at(struct ends *ends, size_t offset)
{
    assert_in_range(ends->count, 0, ENDS_MAX - 1);
    ends->at[ends->count++] = offset;
}

/* Takes one fed piece; *offset is where it begins. */
static void take_piece(struct bytes piece, size_t *offset, struct ends *ends)
{
    while (piece.size > 0) {
        struct bytes taken;
        const uint8_t *const begin = piece.data;
        const bool ended = chunker_take(&chunker, &piece, &taken);
        assert_ptr_equal(taken.data, begin);
        assert_ptr_equal(piece.data, begin + taken.size);
        assert_true(taken.size > 0);
        *offset += taken.size;
        if (ended) end_at(ends, *offset);
        if (ended) assert_int_equal(chunker.size, 0);
    }
}

/* In pieces of 1 … piece_max bytes; 0: as a whole. */
static void cut(struct bytes bytes, size_t piece_max, struct ends *ends)
{
    size_t offset = 0;
    ends->count = 0;
    chunker_restart(&chunker);
    while (offset < bytes.size) {
        size_t size = bytes.size - offset;
        const size_t wanted = piece_max == 0 ? size : 1 + (size_t)rng_below(&rng, piece_max);
        if (wanted < size) size = wanted;
        take_piece(bytes_of(bytes.data + offset, size), &offset, ends);
    }
    if (chunker.size > 0) end_at(ends, offset);
}

static void expect_same(const struct ends *a, const struct ends *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->at, b->at, a->count * sizeof a->at[0]);
}

/* The rule as the header tells it, with the hash of each byte made anew from the bytes before. */
static bool ends_chunk(const uint8_t *chunk, size_t size)
{
    uint64_t hash = 0;
    if (size == CHUNK_SIZE_MAX) return true;
    if (size < CHUNK_SIZE_MIN) return false;
    for (size_t i = size - 64; i < size; i++)
        hash = hash * 2 + chunker.gear[chunk[i]];
    return hash < (size < 16384 ? UINT64_C(1) << 48 : UINT64_C(1) << 50);
}

static void cut_by_the_rule(struct bytes bytes, struct ends *ends)
{
    size_t begin = 0;
    ends->count = 0;
    for (size_t end = 1; end <= bytes.size; end++) {
        if (!ends_chunk(bytes.data + begin, end - begin)) continue;
        end_at(ends, end);
        begin = end;
    }
    if (begin < bytes.size) end_at(ends, bytes.size);
}

/* Stretches of random bytes, of one byte, and of a short pattern. */
static void make_patterns(void)
{
    for (size_t at = 0; at < FILE_SIZE;) {
        size_t size = 1 + (size_t)rng_below(&rng, 200000);
        if (size > FILE_SIZE - at) size = FILE_SIZE - at;
        const uint8_t byte = (uint8_t)rng_next(&rng);
        const size_t period = 1 + (size_t)rng_below(&rng, 40000);
        switch (rng_below(&rng, 3)) {
        case 0:
            memset(file_memory + at, byte, size);
            break;
        case 1:
            for (size_t i = period; i < size; i++)
                file_memory[at + i] = file_memory[at + i - period];
            break;
        default:
            break;
        }
        at += size;
    }
}

/* -------------------------------------------------------------- questions */

static void test_chunks_end_where_the_rule_says(void **state)
{
    static struct ends ours, ruled;
    (void)state;
    cut(file(), 0, &ours);
    cut_by_the_rule(file(), &ruled);
    expect_same(&ours, &ruled);
    assert_true(ours.count > FILE_SIZE / CHUNK_SIZE_MAX);
    make_patterns();
    cut(file(), 0, &ours);
    cut_by_the_rule(file(), &ruled);
    expect_same(&ours, &ruled);
}

/* 64 bytes whose hash is within these limits. odd: without the first one, which moves only the
 * highest bit, the hash would be another. */
static void find_window(uint64_t from, uint64_t below, bool odd, uint8_t out[64])
{
    uint64_t hash = 0;
    for (size_t i = 0; i < FILE_SIZE; i++) {
        hash = hash * 2 + chunker.gear[file_memory[i]];
        if (i < 63 || hash < from || hash >= below) continue;
        if ((chunker.gear[file_memory[i - 63]] % 2 == 1) != odd) continue;
        memcpy(out, file_memory + i - 63, 64);
        return;
    }
    fail_msg("no such window");
}

static void test_each_bound_of_the_rule_holds_to_the_byte(void **state)
{
    static const struct {
        size_t size;
        bool seldom_ends, often_ends;
    } cases[] = {
        {CHUNK_SIZE_MIN - 1, false, false}, {CHUNK_SIZE_MIN, true, false},
        {CHUNK_SIZE_MIN + 1, true, false},  {CHUNKER_SIZE_NORMAL - 1, true, false},
        {CHUNKER_SIZE_NORMAL, true, true},  {CHUNK_SIZE_MAX - 1, true, true},
        {CHUNK_SIZE_MAX, true, true},
    };
    static struct ends ends;
    enum { WINDOWS = 4 };
    uint8_t windows[WINDOWS][64];
    (void)state;
    for (size_t i = 0; i < WINDOWS; i++)
        find_window(i < 2 ? 0 : UINT64_C(1) << 48, UINT64_C(1) << (i < 2 ? 48 : 50), i % 2 == 1,
                    windows[i]);
    for (size_t i = 0; i < WINDOWS * COUNT_OF(cases); i++) {
        const size_t window = i % WINDOWS, size = cases[i / WINDOWS].size;
        const bool expected =
            window < 2 ? cases[i / WINDOWS].seldom_ends : cases[i / WINDOWS].often_ends;
        /* Zeroes end no chunk before its greatest size. */
        memset(file_memory, 0, 2 * CHUNK_SIZE_MAX);
        memcpy(file_memory + size - 64, windows[window], 64);
        cut(bytes_of(file_memory, 2 * CHUNK_SIZE_MAX), 0, &ends);
        assert_int_equal(ends.at[0], expected ? size : CHUNK_SIZE_MAX);
    }
}

static void test_any_split_of_the_feed_gives_the_same_chunks(void **state)
{
    static const size_t piece_sizes[] = {1, 3, 63, 64, 65, 1000, 8192, 61440, 100000};
    static struct ends whole, split;
    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        cut(file(), 0, &whole);
        for (size_t i = 0; i < COUNT_OF(piece_sizes); i++) {
            cut(file(), piece_sizes[i], &split);
            expect_same(&whole, &split);
        }
        make_patterns();
    }
}

/* Whoever feeds by sectors, with an end of a piece at each place where the rule changes. */
static void test_a_piece_may_end_at_every_place_of_a_chunk(void **state)
{
    static const size_t places[] = {1,     8127,  8128,  8129,  8191,  8192,  8193,
                                    16382, 16383, 16384, 16385, 61439, 61440, 61441};
    static struct ends whole;
    struct bytes taken;
    (void)state;
    cut(file(), 0, &whole);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        struct ends split = {0};
        size_t offset = 0;
        chunker_restart(&chunker);
        take_piece(bytes_of(file_memory, places[i]), &offset, &split);
        take_piece(bytes_of(file_memory + places[i], 300000 - places[i]), &offset, &split);
        assert_true(split.count > 3);
        assert_memory_equal(split.at, whole.at, split.count * sizeof split.at[0]);
        struct bytes nothing = BYTES_EMPTY;
        assert_false(chunker_take(&chunker, &nothing, &taken));
        assert_int_equal(taken.size, 0);
    }
}

static void test_every_chunk_but_the_last_is_within_its_bounds(void **state)
{
    static struct ends ends;
    size_t begin = 0, largest_count = 0;
    (void)state;
    cut(file(), 0, &ends);
    assert_int_equal(ends.at[ends.count - 1], FILE_SIZE);
    for (size_t i = 0; i + 1 < ends.count; i++) {
        assert_in_range(ends.at[i] - begin, CHUNK_SIZE_MIN, CHUNK_SIZE_MAX);
        largest_count += ends.at[i] - begin == CHUNK_SIZE_MAX;
        begin = ends.at[i];
    }
    /* By the rates, 5.6 % reach the greatest size: the content decides in nearly all cases. */
    assert_in_range(largest_count, 1, ends.count / 10);
}

static void test_random_bytes_give_chunks_of_29_kib_on_average(void **state)
{
    static struct ends ends;
    size_t count = 0;
    (void)state;
    for (unsigned round = 0; round < 8; round++) {
        rng_fill(&rng, file_memory, FILE_SIZE);
        cut(file(), 0, &ends);
        count += ends.count;
    }
    assert_in_range(8 * FILE_SIZE / count, 28 * 1024, 30 * 1024);
}

/* A file of zeroes, e. g. a sparse one, must not fall into countless small chunks. */
static void test_bytes_of_one_value_give_chunks_of_the_greatest_size(void **state)
{
    static struct ends ends;
    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        memset(file_memory, (int)value, 200000);
        cut(bytes_of(file_memory, 200000), 0, &ends);
        assert_int_equal(ends.count, 4);
        assert_int_equal(ends.at[0], CHUNK_SIZE_MAX);
    }
}

static void test_what_comes_later_moves_no_end_before_it(void **state)
{
    static struct ends before, after;
    (void)state;
    cut(file(), 0, &before);
    for (unsigned round = 0; round < 20; round++) {
        const size_t at = (size_t)rng_below(&rng, FILE_SIZE);
        file_memory[at] ^= (uint8_t)(1 + rng_below(&rng, 255));
        cut(file(), 0, &after);
        for (size_t i = 0; before.at[i] <= at; i++)
            assert_int_equal(after.at[i], before.at[i]);
        before = after;
    }
}

static void test_a_short_file_is_one_chunk(void **state)
{
    static const size_t sizes[] = {1, 64, 8127, 8191};
    static struct ends ends;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        cut(bytes_of(file_memory, sizes[i]), 0, &ends);
        assert_int_equal(ends.count, 1);
        assert_int_equal(ends.at[0], sizes[i]);
    }
    cut(BYTES_EMPTY, 0, &ends);
    assert_int_equal(ends.count, 0);
}

static void test_a_restart_forgets_what_came_before(void **state)
{
    static struct ends whole, again;
    (void)state;
    cut(file(), 0, &whole);
    for (size_t size = 1; size < 200000; size = size * 3 + 1) {
        struct bytes rest = bytes_of(file_memory + 777, size), taken;
        while (rest.size > 0)
            (void)chunker_take(&chunker, &rest, &taken);
        cut(file(), 0, &again);
        expect_same(&whole, &again);
    }
}

/* Whoever changes the table or the rates breaks every list that was published. */
static void test_golden_chunks(void **state)
{
    static struct ends ends;
    uint8_t memory[CHUNKER_GEAR_COUNT * 8];
    struct buf gear = buf_of(memory, sizeof memory);
    (void)state;
    golden_open(&golden, "chunker.txt");
    golden_comment(&golden, "Chunking 1 (common/data/chunker.h).\n"
                            "file: the bytes of rng_seed(4) (common/base/rng.h), 1 MiB; ends: "
                            "offsets of 4 bytes.");
    golden_section(&golden, "gear");
    for (size_t i = 0; i < CHUNKER_GEAR_COUNT; i++)
        buf_put_u64(&gear, chunker.gear[i]);
    golden_field(&golden, "first", bytes_of(memory, 32));
    const struct digest digest = hasher_of(hasher, buf_bytes(&gear));
    golden_field(&golden, "sha256", bytes_of(digest.bytes, DIGEST_SIZE));

    golden_section(&golden, "chunks");
    rng_seed(&rng, 4);
    rng_fill(&rng, file_memory, 1024 * 1024);
    const struct digest whole = hasher_of(hasher, bytes_of(file_memory, 1024 * 1024));
    golden_field(&golden, "file_sha256", bytes_of(whole.bytes, DIGEST_SIZE));
    cut(bytes_of(file_memory, 1024 * 1024), 0, &ends);
    golden_field_of_parts(&golden, "ends");
    for (size_t i = 0; i < ends.count; i++) {
        uint8_t end[4];
        put_u32(end, (uint32_t)ends.at[i]);
        golden_part(&golden, bytes_of(end, sizeof end), NULL);
    }
    golden_close(&golden);
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_chunks_end_where_the_rule_says),
        TEST(test_each_bound_of_the_rule_holds_to_the_byte),
        TEST(test_any_split_of_the_feed_gives_the_same_chunks),
        TEST(test_a_piece_may_end_at_every_place_of_a_chunk),
        TEST(test_every_chunk_but_the_last_is_within_its_bounds),
        TEST(test_random_bytes_give_chunks_of_29_kib_on_average),
        TEST(test_bytes_of_one_value_give_chunks_of_the_greatest_size),
        TEST(test_what_comes_later_moves_no_end_before_it),
        TEST(test_a_short_file_is_one_chunk),
        TEST(test_a_restart_forgets_what_came_before),
        TEST(test_golden_chunks),
    };
    if (hasher_open(&hasher) != ST_OK) return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hasher_close(hasher);
    return failed;
}
