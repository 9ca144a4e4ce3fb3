/* test_model.c - which manifest counts, what may a node take, and are chunk lists read right? */
#include "common/data/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "common/data/hlc.h"
#include "tests/support/golden.h"

static struct rng rng;

static int set_up(void **state)
{
    (void)state;
    rng_seed(&rng, 20251122);
    return 0;
}

/* ------------------------------------------------------------------ manifests */

static struct model_manifest manifest;

static void good_manifest(void)
{
    memset(&manifest, 0, sizeof manifest);
    manifest.head = (struct model_head){
        .model = {"fusion"},
        .scope = {.kind = CONFIG_SCOPE_GROUP, .name = {"north"}},
        .version = 7,
        .min_version = 3,
        .hlc = 1000,
        .content = {.size = 100000, .chunking = 1, .chunk_count = 4},
    };
    manifest.list_count = 2;
}

#define EXPECT(expected, change)                                                                   \
    do {                                                                                           \
        good_manifest();                                                                           \
        change;                                                                                    \
        if (model_manifest_ok(&manifest) != (expected)) fail_msg("wrong verdict on: " #change);    \
    } while (0)

static void test_names_and_numbers_of_a_manifest_are_bounded(void **state)
{
    struct model_head *const head = &manifest.head;
    (void)state;
    EXPECT(true, (void)0);
    EXPECT(false, head->model.text[0] = '\0');
    EXPECT(false, head->model.text[2] = '/');
    EXPECT(false, head->scope.name.text[0] = '\0');
    EXPECT(false, head->scope.kind = CONFIG_SCOPE_FLEET);
    EXPECT(false, head->scope.kind = CONFIG_SCOPE_KIND_COUNT);
    EXPECT(false, head->version = 0);
    EXPECT(true, head->version = MODEL_VERSION_MAX);
    EXPECT(false, head->version = MODEL_VERSION_MAX + 1);
    EXPECT(false, head->min_version = 0);
    EXPECT(true, head->min_version = 7);
    EXPECT(false, head->min_version = 8);
    EXPECT(false, head->hlc = 0);
    EXPECT(true, head->hlc = HLC_STAMP_MAX);
    EXPECT(false, head->hlc = HLC_STAMP_MAX + 1);
}

static void test_the_content_must_fit_its_chunks_and_blocks(void **state)
{
    struct model_content *const content = &manifest.head.content;
    (void)state;
    EXPECT(false, content->size = 0);
    EXPECT(false, content->size = 3);
    EXPECT(true, content->size = 4);
    EXPECT(true, content->size = 4 * CHUNK_SIZE_MAX);
    EXPECT(false, content->size = 4 * CHUNK_SIZE_MAX + 1);
    EXPECT(false, content->chunking = 0);
    EXPECT(true, content->chunking = UINT32_MAX);
    EXPECT(false, content->chunk_count = 0);
    EXPECT(false, content->chunk_count = 1);
    EXPECT(false, manifest.list_count = 0);
    EXPECT(false, manifest.list_count = 5);
    EXPECT(true, content->size = MODEL_SIZE_MAX; content->chunk_count = MODEL_CHUNKS_MAX;
           manifest.list_count = MODEL_LISTS_MAX);
    EXPECT(false, content->size = MODEL_SIZE_MAX; content->chunk_count = MODEL_CHUNKS_MAX + 1;
           manifest.list_count = MODEL_LISTS_MAX);
    EXPECT(false, content->size = MODEL_SIZE_MAX; content->chunk_count = MODEL_CHUNKS_MAX;
           manifest.list_count = MODEL_LISTS_MAX + 1);
    EXPECT(false, content->size = MODEL_SIZE_MAX + 1; content->chunk_count = MODEL_CHUNKS_MAX;
           manifest.list_count = MODEL_LISTS_MAX);
    EXPECT(true, content->chunk_count = 2 * MODEL_LIST_ENTRIES_MAX);
    EXPECT(false, content->chunk_count = 2 * MODEL_LIST_ENTRIES_MAX + 1);
}

static void test_a_retired_manifest_has_no_content(void **state)
{
    struct model_head *const head = &manifest.head;
    const struct model_content none = {0};
    (void)state;
    EXPECT(true, head->retired = true; head->content = none; manifest.list_count = 0);
    EXPECT(false, head->retired = true);
    EXPECT(false, head->retired = true; head->content = none);
    EXPECT(false, head->retired = true; head->content.chunk_count = 0; manifest.list_count = 0);
    EXPECT(false, head->retired = true; head->content = none; head->content.sha256.bytes[31] = 1;
           manifest.list_count = 0);
    EXPECT(false, head->retired = true; head->content = none; head->content.chunking = 1;
           manifest.list_count = 0);
}

/* Few values, so that heads often agree in what is compared first. */
static struct model_head random_head(void)
{
    struct model_head head = {
        .model = {"fusion"},
        .scope = {.kind = (enum config_scope_kind)rng_below(&rng, CONFIG_SCOPE_KIND_COUNT)},
        .version = 1 + rng_below(&rng, 4),
        .min_version = 1,
        .hlc = 1 + rng_below(&rng, 2),
        .retired = rng_chance(&rng, 250),
    };
    if (head.scope.kind != CONFIG_SCOPE_FLEET) head.scope.name.text[0] = 'g';
    head.min_version += rng_below(&rng, head.version);
    if (head.retired) return head;
    head.content = (struct model_content){.size = 100 + rng_below(&rng, 2),
                                          .sha256.bytes[0] = (uint8_t)rng_below(&rng, 2),
                                          .chunking = 1 + (uint32_t)rng_below(&rng, 2),
                                          .chunk_count = 1 + (uint32_t)rng_below(&rng, 2)};
    return head;
}

static void test_heads_have_one_order(void **state)
{
    struct model_head heads[3];
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        for (size_t i = 0; i < 3; i++) {
            heads[i] = random_head();
            assert_true(model_head_ok(&heads[i]));
        }
        const int ab = model_head_compare(&heads[0], &heads[1]);
        const int ba = model_head_compare(&heads[1], &heads[0]);
        const int bc = model_head_compare(&heads[1], &heads[2]);
        const int ac = model_head_compare(&heads[0], &heads[2]);
        assert_int_equal((ab > 0) - (ab < 0), (ba < 0) - (ba > 0));
        if (ab <= 0 && bc <= 0) assert_true(ac <= 0);
        assert_int_equal(model_head_compare(&heads[0], &heads[0]), 0);
        if (ab == 0)
            assert_memory_equal(&heads[0].content, &heads[1].content, sizeof heads[0].content);
    }
}

static void test_the_version_decides_before_all_else(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        const struct model_head a = random_head(), b = random_head();
        const int order = model_head_compare(&a, &b);
        if (a.version != b.version)
            assert_int_equal(order > 0, a.version > b.version);
        else if (a.hlc != b.hlc)
            assert_int_equal(order > 0, a.hlc > b.hlc);
    }
}

static struct model_head head_of(enum config_scope_kind kind, uint64_t version, bool retired)
{
    struct model_head head = {.model = {"fusion"},
                              .scope = {.kind = kind},
                              .version = version,
                              .min_version = 1,
                              .hlc = 1,
                              .retired = retired};
    if (!retired) head.content = (struct model_content){.size = 1, .chunking = 1, .chunk_count = 1};
    return head;
}

static void test_node_over_group_over_fleet(void **state)
{
    const struct model_head fleet = head_of(CONFIG_SCOPE_FLEET, 9, false),
                            group = head_of(CONFIG_SCOPE_GROUP, 5, false),
                            other = head_of(CONFIG_SCOPE_GROUP, 6, false),
                            node = head_of(CONFIG_SCOPE_NODE, 2, false),
                            gone = head_of(CONFIG_SCOPE_NODE, 10, true);
    (void)state;
    assert_null(model_effective(NULL, 0));
    assert_null(model_effective((const struct model_head *[]){NULL, &gone}, 2));
    assert_ptr_equal(model_effective((const struct model_head *[]){&fleet, NULL}, 2), &fleet);
    assert_ptr_equal(model_effective((const struct model_head *[]){&fleet, &group}, 2), &group);
    assert_ptr_equal(model_effective((const struct model_head *[]){&group, &other, &fleet}, 3),
                     &other);
    assert_ptr_equal(
        model_effective((const struct model_head *[]){&node, &other, &fleet, &group}, 4), &node);
    /* A canary that was retired: its node follows the others again. */
    assert_ptr_equal(model_effective((const struct model_head *[]){&fleet, &gone, &group}, 3),
                     &group);
}

static void test_the_sequence_of_manifests_does_not_matter(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        struct model_head heads[6];
        const struct model_head *straight[6], *turned[6];
        for (size_t i = 0; i < 6; i++) {
            heads[i] = random_head();
            straight[i] = turned[(i + round) % 6] = &heads[i];
        }
        const struct model_head *const a = model_effective(straight, 6), *const b = model_effective(
                                                                             turned, 6);
        assert_int_equal(a == NULL, b == NULL);
        if (a != NULL) assert_int_equal(model_head_compare(a, b), 0);
    }
}

/* -------------------------------------------------------------- anti-downgrade */

static void test_what_a_node_takes(void **state)
{
    struct model_head head = head_of(CONFIG_SCOPE_FLEET, 5, false);
    struct model_active active = {0};
    (void)state;
    assert_int_equal(model_judge(&active, &head), ST_OK);
    head.min_version = 4;
    active = model_activate(&active, &head);
    assert_int_equal(active.version, 5);
    assert_int_equal(active.floor, 4);
    assert_int_equal(model_judge(&active, &head), ST_DUPLICATE);
    head.content.sha256.bytes[7] = 1; /* one number, other bytes */
    assert_int_equal(model_judge(&active, &head), ST_CONFLICT);
    head.min_version = 1;
    head.version = 6;
    assert_int_equal(model_judge(&active, &head), ST_OK);
    head.version = 4; /* e. g. the fleet's, after the node's own was retired */
    assert_int_equal(model_judge(&active, &head), ST_OK);
    head.version = 3;
    assert_int_equal(model_judge(&active, &head), ST_STALE);
}

static void test_the_floor_never_falls(void **state)
{
    struct model_active active = {0};
    uint64_t floor = 0, taken = 0, stale = 0;
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct model_head head =
            head_of(CONFIG_SCOPE_FLEET, 1 + round / 10 + rng_below(&rng, 40), false);
        head.min_version = 1 + rng_below(&rng, head.version);
        head.content.sha256.bytes[0] = (uint8_t)head.version;
        const enum status verdict = model_judge(&active, &head);
        if (verdict == ST_DUPLICATE) continue;
        assert_int_equal(verdict, head.version >= floor ? ST_OK : ST_STALE);
        stale += verdict == ST_STALE;
        if (verdict != ST_OK) continue;
        active = model_activate(&active, &head);
        taken++;
        if (head.min_version > floor) floor = head.min_version;
        assert_true(active.floor == floor && active.version >= floor);
    }
    assert_true(taken > 1000 && stale > 1000);
}

/* A node that gave up its model keeps the floor. */
static void test_the_floor_holds_without_an_active_model(void **state)
{
    const struct model_active active = {.floor = 5};
    const struct model_head below = head_of(CONFIG_SCOPE_FLEET, 4, false),
                            at = head_of(CONFIG_SCOPE_FLEET, 5, false);
    (void)state;
    assert_int_equal(model_judge(&active, &below), ST_STALE);
    assert_int_equal(model_judge(&active, &at), ST_OK);
}

/* ---------------------------------------------------------------------- lists */

static void random_digest(struct digest *digest)
{
    rng_fill(&rng, digest->bytes, DIGEST_SIZE);
}

static void random_chunks(struct model_chunk *chunks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        random_digest(&chunks[i].hash);
        chunks[i].size = 1 + (uint32_t)rng_below(&rng, CHUNK_SIZE_MAX);
    }
}

static void test_a_list_is_read_as_it_was_written(void **state)
{
    enum { COUNT = 3000 };
    static struct model_chunk chunks[COUNT], back[COUNT];
    static uint8_t memory[CHUNK_SIZE_MAX];
    struct buf block = buf_of(memory, sizeof memory);
    size_t count = 0, blocks = 0;
    (void)state;
    random_chunks(chunks, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        model_list_put(&chunks[i], &block);
        assert_true(buf_ok(&block));
        const size_t in_block = block.size / MODEL_LIST_ENTRY_SIZE;
        if (!model_list_ends(&chunks[i], in_block) && i + 1 < COUNT) continue;
        if (i + 1 < COUNT) assert_in_range(in_block, MODEL_LIST_ENTRIES_MIN, 1000);
        assert_int_equal(model_list_read(buf_bytes(&block), back, COUNT, &count), ST_OK);
        assert_int_equal(count, i + 1);
        block.size = 0;
        blocks++;
    }
    assert_memory_equal(chunks, back, sizeof chunks);
    /* 72 entries, and then one in 32. */
    assert_in_range(COUNT / blocks, 85, 125);
}

static void test_a_block_never_exceeds_a_chunk(void **state)
{
    struct model_chunk chunk = {.size = 1};
    (void)state;
    chunk.hash.bytes[DIGEST_SIZE - 1] = 1; /* never ends one */
    assert_false(model_list_ends(&chunk, MODEL_LIST_ENTRIES_MAX - 1));
    assert_true(model_list_ends(&chunk, MODEL_LIST_ENTRIES_MAX));
    assert_true(MODEL_LIST_ENTRIES_MAX * MODEL_LIST_ENTRY_SIZE <= CHUNK_SIZE_MAX);
    chunk.hash.bytes[DIGEST_SIZE - 1] = 32; /* always, once it may */
    assert_false(model_list_ends(&chunk, MODEL_LIST_ENTRIES_MIN - 1));
    assert_true(model_list_ends(&chunk, MODEL_LIST_ENTRIES_MIN));
}

/* However its bytes fall: chunks of the least size, each of which would end a block. */
static void test_the_blocks_of_the_largest_model_fit_its_manifest(void **state)
{
    struct model_chunk chunk = {.size = CHUNK_SIZE_MIN};
    size_t blocks = 0, in_block = 0;
    (void)state;
    for (size_t i = 0; i < MODEL_CHUNKS_MAX; i++) {
        if (!model_list_ends(&chunk, ++in_block) && i + 1 < MODEL_CHUNKS_MAX) continue;
        blocks++;
        in_block = 0;
    }
    assert_in_range(blocks, MODEL_LISTS_MAX - 1, MODEL_LISTS_MAX);
}

static void test_a_block_that_is_no_list_is_refused(void **state)
{
    static struct model_chunk chunks[MODEL_LIST_ENTRIES_MAX + 1];
    static uint8_t memory[(MODEL_LIST_ENTRIES_MAX + 1) * MODEL_LIST_ENTRY_SIZE];
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < sizeof memory; i++)
        memory[i] = 0x11; /* sizes of 4369 */
    for (size_t size = 0; size <= 3 * MODEL_LIST_ENTRY_SIZE; size++) {
        count = 0;
        const bool good = size > 0 && size % MODEL_LIST_ENTRY_SIZE == 0;
        assert_int_equal(model_list_read(bytes_of(memory, size), chunks, COUNT_OF(chunks), &count),
                         good ? ST_OK : ST_MALFORMED);
        assert_int_equal(count, good ? size / MODEL_LIST_ENTRY_SIZE : 0);
    }
    count = 0;
    assert_int_equal(
        model_list_read(bytes_of(memory, sizeof memory), chunks, COUNT_OF(chunks), &count),
        ST_MALFORMED);
    const struct bytes two = bytes_of(memory, 2 * MODEL_LIST_ENTRY_SIZE);
    put_u16(memory + MODEL_LIST_ENTRY_SIZE + DIGEST_SIZE, 0);
    assert_int_equal(model_list_read(two, chunks, 2, &count), ST_MALFORMED);
    put_u16(memory + MODEL_LIST_ENTRY_SIZE + DIGEST_SIZE, CHUNK_SIZE_MAX + 1);
    assert_int_equal(model_list_read(two, chunks, 2, &count), ST_MALFORMED);
    assert_int_equal(count, 0);
    put_u16(memory + MODEL_LIST_ENTRY_SIZE + DIGEST_SIZE, CHUNK_SIZE_MAX);
    assert_int_equal(model_list_read(two, chunks, 1, &count), ST_TOO_LARGE);
    assert_int_equal(model_list_read(two, chunks, 2, &count), ST_OK);
    assert_int_equal(model_list_read(two, chunks, 3, &count), ST_TOO_LARGE);
    assert_int_equal(count, 2);
}

static void test_a_list_must_add_up_to_its_content(void **state)
{
    const struct model_chunk chunks[3] = {{.size = 10}, {.size = 20}, {.size = CHUNK_SIZE_MAX}};
    const struct model_content content = {.size = 30 + CHUNK_SIZE_MAX, .chunk_count = 3};
    struct model_content other = content;
    (void)state;
    assert_int_equal(model_list_check(&content, chunks, 3), ST_OK);
    assert_int_equal(model_list_check(&content, chunks, 2), ST_MALFORMED);
    other.size--;
    assert_int_equal(model_list_check(&other, chunks, 3), ST_MALFORMED);
    other = content;
    other.chunk_count = 4;
    assert_int_equal(model_list_check(&other, chunks, 3), ST_MALFORMED);
}

/* -------------------------------------------------------------------- vectors */

static void test_golden_list(void **state)
{
    static struct golden golden;
    uint8_t memory[2 * MODEL_LIST_ENTRY_SIZE];
    struct buf block = buf_of(memory, sizeof memory);
    struct model_chunk chunk = {.size = 29000};
    (void)state;
    for (size_t i = 0; i < DIGEST_SIZE; i++)
        chunk.hash.bytes[i] = (uint8_t)i;
    model_list_put(&chunk, &block);
    chunk.hash.bytes[0] = 0xFF;
    chunk.size = CHUNK_SIZE_MAX;
    model_list_put(&chunk, &block);
    golden_open(&golden, "model_list.txt");
    golden_comment(&golden, "A block of a model's chunk list (common/data/model.h).");
    golden_section(&golden, "two_chunks");
    golden_field_of_parts(&golden, "block");
    golden_part(&golden, bytes_of(memory, 32), "SHA-256 of the first chunk");
    golden_part(&golden, bytes_of(memory + 32, 2), "its size, 29000");
    golden_part(&golden, bytes_of(memory + 34, 32), "SHA-256 of the second chunk");
    golden_part(&golden, bytes_of(memory + 66, 2), "its size, CHUNK_SIZE_MAX");
    golden_close(&golden);
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names_and_numbers_of_a_manifest_are_bounded),
        TEST(test_the_content_must_fit_its_chunks_and_blocks),
        TEST(test_a_retired_manifest_has_no_content),
        TEST(test_heads_have_one_order),
        TEST(test_the_version_decides_before_all_else),
        TEST(test_node_over_group_over_fleet),
        TEST(test_the_sequence_of_manifests_does_not_matter),
        TEST(test_what_a_node_takes),
        TEST(test_the_floor_never_falls),
        TEST(test_the_floor_holds_without_an_active_model),
        TEST(test_a_list_is_read_as_it_was_written),
        TEST(test_a_block_never_exceeds_a_chunk),
        TEST(test_the_blocks_of_the_largest_model_fit_its_manifest),
        TEST(test_a_block_that_is_no_list_is_refused),
        TEST(test_a_list_must_add_up_to_its_content),
        TEST(test_golden_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
