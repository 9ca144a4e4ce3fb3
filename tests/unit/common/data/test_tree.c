/* test_tree.c - the frontier agrees with the recursive definition of RFC 6962, 2.1. */
#include "common/data/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { LEAVES_MAX = 300 };

struct fixture {
    struct hasher *hasher;
    struct digest leaves[LEAVES_MAX]; /* arbitrary, all different */
};

static struct fixture fixture;

static int open_fixture(void **state)
{
    if (hasher_open(&fixture.hasher) != ST_OK) return -1;
    for (uint32_t i = 0; i < LEAVES_MAX; i++) {
        fixture.leaves[i] = hasher_of(fixture.hasher, bytes_of(&i, sizeof i));
    }
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    hasher_close(fixture.hasher);
    return 0;
}

/* MTH as the RFC writes it: split at the largest power of two below the number of leaves. */
static struct digest recursive_root(struct hasher *hasher, const struct digest *leaves,
                                    size_t count)
{
    if (count == 0) return hasher_of(hasher, BYTES_EMPTY);
    if (count == 1) return leaves[0];
    size_t split = 1;
    while (2 * split < count) {
        split *= 2;
    }
    const struct digest left = recursive_root(hasher, leaves, split);
    const struct digest right = recursive_root(hasher, leaves + split, count - split);
    const uint8_t prefix = 0x01;
    hasher_begin(hasher);
    hasher_add(hasher, bytes_of(&prefix, 1));
    hasher_add(hasher, bytes_of(left.bytes, DIGEST_SIZE));
    hasher_add(hasher, bytes_of(right.bytes, DIGEST_SIZE));
    return hasher_end(hasher);
}

static void assert_digest(struct digest digest, const char *hex)
{
    char text[2 * DIGEST_SIZE + 1];
    hex_encode(bytes_of(digest.bytes, DIGEST_SIZE), text);
    assert_string_equal(text, hex);
}

static void assert_same(struct digest a, struct digest b)
{
    assert_memory_equal(a.bytes, b.bytes, DIGEST_SIZE);
}

static struct tree tree_of(const struct fixture *with, size_t count)
{
    struct tree tree;
    tree_init(&tree);
    for (size_t i = 0; i < count; i++) {
        tree_append(&tree, with->hasher, &with->leaves[i], NULL);
    }
    return tree;
}

/* The test tree of Certificate Transparency's own implementations. */
static void test_known_answers_of_certificate_transparency(void **state)
{
    const struct fixture *const with = *state;
    static const char *const inputs[] = {
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    };
    struct digest leaves[COUNT_OF(inputs)];
    for (size_t i = 0; i < COUNT_OF(inputs); i++) {
        uint8_t input[17] = {0x00};
        const size_t size = strlen(inputs[i]) / 2;
        assert_int_equal(hex_decode(bytes_of_text(inputs[i]), input + 1, size), ST_OK);
        leaves[i] = hasher_of(with->hasher, bytes_of(input, 1 + size));
    }
    assert_digest(leaves[0], "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    static const char *const roots[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    };
    for (size_t count = 0; count < COUNT_OF(roots); count++) {
        assert_digest(tree_root_of(with->hasher, leaves, count), roots[count]);
        assert_digest(recursive_root(with->hasher, leaves, count), roots[count]);
    }
}

static void test_every_size_has_the_recursive_root(void **state)
{
    const struct fixture *const with = *state;
    struct tree tree;
    tree_init(&tree);
    for (size_t size = 0; size <= LEAVES_MAX; size++) {
        assert_int_equal(tree.size, size);
        assert_same(tree_root(&tree, with->hasher),
                    recursive_root(with->hasher, with->leaves, size));
        if (size < LEAVES_MAX) tree_append(&tree, with->hasher, &with->leaves[size], NULL);
    }
}

struct listener {
    const struct fixture *with;
    uint64_t next[TREE_HEIGHT_MAX]; /* the position expected next, per level */
    unsigned level_before;          /* of the same append; 0 at its start */
    unsigned count;
};

static void check_node(void *context, unsigned level, uint64_t position, const struct digest *hash)
{
    struct listener *const listener = context;
    assert_int_equal(level, listener->level_before + 1);
    assert_int_equal(position, listener->next[level]);
    const size_t leaf_count = (size_t)1 << level;
    assert_same(*hash, recursive_root(listener->with->hasher,
                                      listener->with->leaves + position * leaf_count, leaf_count));
    listener->next[level]++;
    listener->level_before = level;
    listener->count++;
}

/* What is heard is what a store keeps: each inner perfect subtree once, in order, from level 1. */
static void test_a_sink_hears_each_completed_subtree_once(void **state)
{
    const struct fixture *const with = *state;
    struct listener listener = {.with = with};
    const struct tree_sink sink = {check_node, &listener};
    struct tree tree;
    tree_init(&tree);
    for (size_t i = 0; i < LEAVES_MAX; i++) {
        listener.level_before = 0;
        tree_append(&tree, with->hasher, &with->leaves[i], &sink);
    }
    unsigned expected = 0;
    for (unsigned level = 1; LEAVES_MAX >> level > 0; level++) {
        assert_int_equal(listener.next[level], LEAVES_MAX >> level);
        expected += LEAVES_MAX >> level;
    }
    assert_int_equal(listener.count, expected);
}

static void test_a_sink_without_a_function_is_silence(void **state)
{
    const struct fixture *const with = *state;
    const struct tree_sink nobody = {0};
    struct tree tree;
    tree_init(&tree);
    tree_append(&tree, with->hasher, &with->leaves[0], &nobody);
    tree_append(&tree, with->hasher, &with->leaves[1], &nobody);
    assert_int_equal(tree.size, 2);
}

/* Appends [begin, end) as its canonical subtrees, as a LOSS entry does. */
static void append_range(struct tree *tree, const struct fixture *with, size_t begin, size_t end,
                         const struct tree_sink *sink)
{
    uint8_t levels[LOSS_NODES_MAX];
    const size_t count = tree_range_levels(begin, end, levels);
    for (size_t i = 0; i < count; i++) {
        const size_t leaf_count = (size_t)1 << levels[i];
        const struct digest root = recursive_root(with->hasher, with->leaves + begin, leaf_count);
        tree_append_subtree(tree, with->hasher, levels[i], &root, sink);
        begin += leaf_count;
    }
    assert_int_equal(begin, end);
}

static void test_any_lost_range_leads_to_the_same_roots(void **state)
{
    const struct fixture *const with = *state;
    enum { SIZE = 64 };
    struct digest roots[SIZE + 1];
    for (size_t size = 0; size <= SIZE; size++) {
        roots[size] = recursive_root(with->hasher, with->leaves, size);
    }
    for (size_t begin = 0; begin < SIZE; begin++) {
        for (size_t end = begin + 1; end <= SIZE; end++) {
            struct tree tree = tree_of(with, begin);
            append_range(&tree, with, begin, end, NULL);
            assert_int_equal(tree.size, end);
            assert_same(tree_root(&tree, with->hasher), roots[end]);
            for (size_t size = end; size < SIZE; size++) {
                tree_append(&tree, with->hasher, &with->leaves[size], NULL);
                assert_same(tree_root(&tree, with->hasher), roots[size + 1]);
            }
        }
    }
}

struct heard {
    unsigned count;
    unsigned levels[8];
    uint64_t positions[8];
};

static void hear(void *context, unsigned level, uint64_t position, const struct digest *hash)
{
    struct heard *const heard = context;
    (void)hash;
    assert_in_range(heard->count, 0, COUNT_OF(heard->levels) - 1);
    heard->levels[heard->count] = level;
    heard->positions[heard->count++] = position;
}

static void test_a_sink_hears_of_an_appended_subtree_and_what_it_completes(void **state)
{
    const struct fixture *const with = *state;
    struct heard heard = {0};
    const struct tree_sink sink = {hear, &heard};
    struct tree tree = tree_of(with, 4);
    const struct digest root = recursive_root(with->hasher, with->leaves + 4, 4);
    tree_append_subtree(&tree, with->hasher, 2, &root, &sink);
    assert_int_equal(heard.count, 2);
    assert_int_equal(heard.levels[0], 2);
    assert_int_equal(heard.positions[0], 1);
    assert_int_equal(heard.levels[1], 3);
    assert_int_equal(heard.positions[1], 0);
}

static void test_a_range_is_split_into_aligned_subtrees(void **state)
{
    (void)state;
    uint8_t levels[LOSS_NODES_MAX];
    for (uint64_t begin = 0; begin < 130; begin++) {
        for (uint64_t end = begin + 1; end <= 130; end++) {
            const size_t count = tree_range_levels(begin, end, levels);
            uint64_t at = begin;
            for (size_t i = 0; i < count; i++) {
                assert_int_equal(at % (UINT64_C(1) << levels[i]), 0);
                at += UINT64_C(1) << levels[i];
                /* Canonical: no two neighbours form a larger perfect subtree. */
                const bool pair = i > 0 && levels[i] == levels[i - 1];
                assert_false(pair && (at >> levels[i]) % 2 == 0);
            }
            assert_int_equal(at, end);
        }
    }
}

/* The widest range there is needs 126 nodes, so LOSS_NODES_MAX is enough for any. */
static void test_the_widest_range_fits(void **state)
{
    (void)state;
    uint8_t levels[LOSS_NODES_MAX];
    assert_int_equal(tree_range_levels(1, UINT64_MAX, levels), 126);
    assert_int_equal(levels[0], 0);
    assert_int_equal(levels[62], 62);
    assert_int_equal(levels[63], 62);
    assert_int_equal(levels[125], 0);
    assert_int_equal(tree_range_levels(0, UINT64_MAX, levels), 64);
    assert_int_equal(tree_range_levels(UINT64_C(1) << 63, UINT64_MAX, levels), 63);
}

static void test_a_stored_frontier_goes_on_as_before(void **state)
{
    const struct fixture *const with = *state;
    for (size_t size = 0; size < LEAVES_MAX; size++) {
        const struct tree tree = tree_of(with, size);
        uint8_t memory[TREE_BYTES_MAX], again[TREE_BYTES_MAX];
        struct buf buf = buf_of(memory, sizeof memory);
        tree_encode(&tree, &buf);
        assert_true(buf_ok(&buf));
        assert_int_equal(buf.size, 8 + (size_t)__builtin_popcountll(size) * DIGEST_SIZE);
        struct tree decoded;
        memset(&decoded, 0xEE, sizeof decoded);
        assert_int_equal(tree_decode(buf_bytes(&buf), &decoded), ST_OK);
        struct buf again_buf = buf_of(again, sizeof again);
        tree_encode(&decoded, &again_buf);
        assert_true(bytes_equal(buf_bytes(&buf), buf_bytes(&again_buf)));
        assert_same(tree_root(&decoded, with->hasher), tree_root(&tree, with->hasher));
        tree_append(&decoded, with->hasher, &with->leaves[size], NULL);
        assert_same(tree_root(&decoded, with->hasher),
                    recursive_root(with->hasher, with->leaves, size + 1));
    }
}

static void test_the_largest_frontier_fits_its_bytes(void **state)
{
    (void)state;
    struct tree tree = {.size = UINT64_MAX}, decoded;
    uint8_t memory[TREE_BYTES_MAX];
    memset(tree.nodes, 0x11, sizeof tree.nodes);
    struct buf buf = buf_of(memory, sizeof memory);
    tree_encode(&tree, &buf);
    assert_true(buf_ok(&buf));
    assert_int_equal(buf.size, TREE_BYTES_MAX);
    assert_int_equal(tree_decode(buf_bytes(&buf), &decoded), ST_OK);
    assert_true(decoded.size == UINT64_MAX);
}

static void test_a_frontier_of_another_length_is_malformed(void **state)
{
    const struct fixture *const with = *state;
    const struct tree tree = tree_of(with, 13);
    uint8_t memory[TREE_BYTES_MAX] = {0};
    struct buf buf = buf_of(memory, sizeof memory);
    tree_encode(&tree, &buf);
    struct tree decoded;
    for (size_t size = 0; size <= sizeof memory; size++) {
        assert_int_equal(tree_decode(bytes_of(memory, size), &decoded),
                         size == buf.size ? ST_OK : ST_MALFORMED);
    }
    memory[7] = 12; /* two hashes instead of three */
    assert_int_equal(tree_decode(buf_bytes(&buf), &decoded), ST_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers_of_certificate_transparency),
        cmocka_unit_test(test_every_size_has_the_recursive_root),
        cmocka_unit_test(test_a_sink_hears_each_completed_subtree_once),
        cmocka_unit_test(test_a_sink_without_a_function_is_silence),
        cmocka_unit_test(test_any_lost_range_leads_to_the_same_roots),
        cmocka_unit_test(test_a_sink_hears_of_an_appended_subtree_and_what_it_completes),
        cmocka_unit_test(test_a_range_is_split_into_aligned_subtrees),
        cmocka_unit_test(test_the_widest_range_fits),
        cmocka_unit_test(test_a_stored_frontier_goes_on_as_before),
        cmocka_unit_test(test_the_largest_frontier_fits_its_bytes),
        cmocka_unit_test(test_a_frontier_of_another_length_is_malformed),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
