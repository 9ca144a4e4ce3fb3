/* test_replica_digest.c - do equal replicas have equal digests, and do others differ? */
#include "common/data/replica_digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/golden.h"

static struct hasher *hasher;

static int open_hasher(void **state)
{
    (void)state;
    return hasher_open(&hasher) == ST_OK ? 0 : -1;
}

static int close_hasher(void **state)
{
    (void)state;
    hasher_close(hasher);
    return 0;
}

static const struct level_name names[] = {{"vessel-17"}, {"vessel-18"}, {"T.2"}, {"a"}};
static const struct bytes states[] = {
    {(const uint8_t *)"one", 3}, {(const uint8_t *)"two", 3}, {(const uint8_t *)"three", 5}, {0}};

static void toggle(struct track_digests *digests, size_t name, size_t state)
{
    track_digests_toggle(digests, track_bucket(hasher, &names[name]),
                         track_hash(hasher, &names[name], states[state]));
}

static bool equal(const struct track_digests *a, const struct track_digests *b)
{
    const struct digest left = track_digests_root(hasher, a), right = track_digests_root(hasher, b);
    const bool same = memcmp(a->buckets, b->buckets, sizeof a->buckets) == 0;
    assert_true(digest_equal(&left, &right) == same);
    return same;
}

static void test_the_order_of_items_does_not_matter(void **state)
{
    struct track_digests up = {0}, down = {0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        toggle(&up, i, i);
        toggle(&down, COUNT_OF(names) - 1 - i, COUNT_OF(names) - 1 - i);
    }
    assert_true(equal(&up, &down));
}

static void test_an_item_that_was_taken_out_leaves_no_trace(void **state)
{
    struct track_digests digests = {0}, other = {0};
    (void)state;
    toggle(&digests, 0, 0);
    toggle(&other, 0, 0);
    toggle(&digests, 1, 1);
    assert_false(equal(&digests, &other));
    toggle(&digests, 1, 1);
    assert_true(equal(&digests, &other));
}

static void test_another_name_or_state_gives_another_hash(void **state)
{
    uint64_t hashes[COUNT_OF(names) * COUNT_OF(states)];
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        for (size_t k = 0; k < COUNT_OF(states); k++)
            hashes[count++] = track_hash(hasher, &names[i], states[k]);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            assert_true(hashes[i] != hashes[k]);
}

/* The end of a name is told from the beginning of the state. */
static void test_what_moves_from_name_to_state_changes_the_hash(void **state)
{
    const struct level_name longer = {"ab"}, shorter = {"a"};
    (void)state;
    assert_true(track_hash(hasher, &longer, BYTES_LITERAL("c")) !=
                track_hash(hasher, &shorter, BYTES_LITERAL("bc")));
}

/* Only the text of a name counts, not what stands behind its end. */
static void test_a_name_is_hashed_up_to_its_end(void **state)
{
    struct level_name padded = {"vessel-17"};
    (void)state;
    padded.text[20] = 'x';
    assert_int_equal(track_bucket(hasher, &padded), track_bucket(hasher, &names[0]));
    assert_true(track_hash(hasher, &padded, states[0]) == track_hash(hasher, &names[0], states[0]));
}

static void test_the_root_tells_buckets_apart(void **state)
{
    struct track_digests a = {0}, b = {0};
    (void)state;
    a.buckets[3] = 7;
    b.buckets[4] = 7;
    assert_false(equal(&a, &b));
}

static void test_config_digests_toggle_and_compare_every_byte(void **state)
{
    const struct config_digest one = config_hash(hasher, BYTES_LITERAL("one"));
    const struct config_digest two = config_hash(hasher, BYTES_LITERAL("two"));
    struct config_digest forth = {0}, back = {0};
    (void)state;
    assert_false(config_digest_equal(&one, &two));
    config_digest_toggle(&forth, &one);
    assert_true(config_digest_equal(&forth, &one));
    config_digest_toggle(&forth, &two);
    config_digest_toggle(&back, &two);
    config_digest_toggle(&back, &one);
    assert_true(config_digest_equal(&forth, &back));
    config_digest_toggle(&back, &one);
    assert_true(config_digest_equal(&back, &two));
    for (size_t i = 0; i < CONFIG_DIGEST_SIZE; i++) {
        back = two;
        back.bytes[i] ^= 1;
        assert_false(config_digest_equal(&back, &two));
    }
}

static void golden_tracks(struct golden *golden)
{
    struct track_digests digests = {0};
    struct digest root = track_digests_root(hasher, &digests);
    golden_section(golden, "no_tracks");
    golden_field(golden, "root", bytes_of(root.bytes, DIGEST_SIZE));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        uint8_t bytes[8];
        const uint8_t bucket = track_bucket(hasher, &names[i]);
        golden_section(golden, names[i].text);
        golden_field(golden, "state", states[i]);
        golden_field(golden, "bucket", bytes_of(&bucket, 1));
        put_u64(bytes, track_hash(hasher, &names[i], states[i]));
        golden_field(golden, "hash", bytes_of(bytes, sizeof bytes));
        toggle(&digests, i, i);
    }
    root = track_digests_root(hasher, &digests);
    golden_section(golden, "all_of_them");
    golden_field(golden, "root", bytes_of(root.bytes, DIGEST_SIZE));
}

static void test_golden_digests(void **state)
{
    static struct golden golden;
    (void)state;
    golden_open(&golden, "replica_digest.txt");
    golden_comment(&golden,
                   "Digests of replicas (common/data/replica_digest.h). A section of a\n"
                   "track is named like the track; its state stands for the canonical bytes.");
    golden_tracks(&golden);
    const struct config_digest hash = config_hash(hasher, BYTES_LITERAL("one"));
    golden_section(&golden, "config");
    golden_field(&golden, "register", BYTES_LITERAL("one"));
    golden_field(&golden, "hash", bytes_of(hash.bytes, CONFIG_DIGEST_SIZE));
    golden_close(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_order_of_items_does_not_matter),
        cmocka_unit_test(test_an_item_that_was_taken_out_leaves_no_trace),
        cmocka_unit_test(test_another_name_or_state_gives_another_hash),
        cmocka_unit_test(test_what_moves_from_name_to_state_changes_the_hash),
        cmocka_unit_test(test_a_name_is_hashed_up_to_its_end),
        cmocka_unit_test(test_the_root_tells_buckets_apart),
        cmocka_unit_test(test_config_digests_toggle_and_compare_every_byte),
        cmocka_unit_test(test_golden_digests),
    };
    return cmocka_run_group_tests(tests, open_hasher, close_hasher);
}
