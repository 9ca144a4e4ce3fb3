/* test_repair_msg.c - do two replicas understand each other while they look for what differs? */
#include "common/wire/repair_msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/hlc.h"
#include "tests/support/recode_values.h"
#include "tests/support/wire_check.h"

static struct track_digests_msg digests, digests_back;
static struct track_differs differs, differs_back;
static struct track_ids ids, ids_back;
static struct track_want want, want_back;
static struct config_have have, have_back;
static struct config_held held, held_back;

/* The body of a message, in `encoded`. */
#define ENCODED(wire, function, message)                                                           \
    (encoded = wire_buf(wire), function(&(message), &encoded), buf_bytes(&encoded))

static struct buf encoded;

static enum status send_digests(struct wire *wire)
{
    memset(&digests_back, 0xEE, sizeof digests_back);
    return track_digests_decode(wire->unpacker, ENCODED(wire, track_digests_encode, digests),
                                &digests_back);
}

static enum status send_differs(struct wire *wire)
{
    memset(&differs_back, 0xEE, sizeof differs_back);
    return track_differs_decode(wire->unpacker, ENCODED(wire, track_differs_encode, differs),
                                &differs_back);
}

static enum status send_ids(struct wire *wire)
{
    memset(&ids_back, 0xEE, sizeof ids_back);
    return track_ids_decode(wire->unpacker, ENCODED(wire, track_ids_encode, ids), &ids_back);
}

static enum status send_want(struct wire *wire)
{
    memset(&want_back, 0xEE, sizeof want_back);
    return track_want_decode(wire->unpacker, ENCODED(wire, track_want_encode, want), &want_back);
}

static enum status send_have(struct wire *wire)
{
    memset(&have_back, 0xEE, sizeof have_back);
    return config_have_decode(wire->unpacker, ENCODED(wire, config_have_encode, have), &have_back);
}

static enum status send_held(struct wire *wire)
{
    return config_held_decode(wire->unpacker, ENCODED(wire, config_held_encode, held), &held_back);
}

#define EXPECT(expected, good, send, change)                                                       \
    do {                                                                                           \
        good();                                                                                    \
        change;                                                                                    \
        if (send(*state) != (expected)) fail_msg("wrong verdict on: " #change);                    \
    } while (0)

/* -------------------------------------------------------- digests, differs */

static void test_digests_are_read_as_they_were_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 50; round++) {
        rng_fill(&wire->rng, digests.nonce.bytes, NONCE_SIZE);
        digests.numbering = (uint32_t)(random_uint(&wire->rng) | 1);
        digests.counter = random_sequence(&wire->rng);
        digests.since = random_uint(&wire->rng) & HLC_STAMP_MAX;
        for (size_t i = 0; i < TRACK_BUCKETS; i++)
            digests.digests.buckets[i] = random_uint(&wire->rng);
        assert_int_equal(send_digests(wire), ST_OK);
        assert_true(nonce_equal(&digests_back.nonce, &digests.nonce));
        assert_true(digests_back.numbering == digests.numbering);
        assert_true(digests_back.counter == digests.counter);
        assert_true(digests_back.since == digests.since);
        assert_memory_equal(&digests_back.digests, &digests.digests, sizeof digests.digests);
        assert_true(recode_holds(wire->recoder, recode_track_digests, buf_bytes(&encoded)));
    }
}

static void good_digests(void)
{
    digests = (struct track_digests_msg){.numbering = 1};
}

static void test_digests_out_of_bounds_are_refused(void **state)
{
    EXPECT(ST_OK, good_digests, send_digests, (void)0);
    EXPECT(ST_MALFORMED, good_digests, send_digests, digests.numbering = 0);
    EXPECT(ST_OK, good_digests, send_digests, digests.numbering = UINT32_MAX);
    EXPECT(ST_OK, good_digests, send_digests, digests.counter = PACK_SEQUENCE_MAX);
    EXPECT(ST_MALFORMED, good_digests, send_digests, digests.counter = PACK_SEQUENCE_MAX + 1);
    EXPECT(ST_OK, good_digests, send_digests, digests.since = HLC_STAMP_MAX);
    EXPECT(ST_MALFORMED, good_digests, send_digests, digests.since = HLC_STAMP_MAX + 1);
}

static void test_every_bucket_that_differs_is_told_and_no_other(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 50; round++) {
        bool expected[TRACK_BUCKETS] = {0};
        memset(&differs, 0, sizeof differs);
        rng_fill(&wire->rng, differs.nonce.bytes, NONCE_SIZE);
        differs.counter = random_sequence(&wire->rng);
        for (uint64_t count = rng_below(&wire->rng, 40); count > 0; count--) {
            const unsigned bucket = (unsigned)rng_below(&wire->rng, TRACK_BUCKETS);
            expected[bucket] = true;
            track_differs_set(&differs, bucket);
        }
        assert_int_equal(send_differs(wire), ST_OK);
        assert_true(nonce_equal(&differs_back.nonce, &differs.nonce));
        assert_true(differs_back.counter == differs.counter);
        for (unsigned bucket = 0; bucket < TRACK_BUCKETS; bucket++)
            assert_true(track_differs_has(&differs_back, bucket) == expected[bucket]);
        assert_true(recode_holds(wire->recoder, recode_track_differs, buf_bytes(&encoded)));
    }
    differs.counter = PACK_SEQUENCE_MAX + 1;
    assert_int_equal(send_differs(wire), ST_MALFORMED);
}

/* A shorter or longer field would leave buckets unsaid, or say more than there are. */
static void test_a_field_of_buckets_of_another_size_is_refused(void **state)
{
    struct wire *const wire = *state;
    static const uint8_t zeros[TRACK_BUCKETS * 8 + 1];
    for (size_t extra = 0; extra <= 2; extra++) {
        const enum status expected = extra == 1 ? ST_OK : ST_MALFORMED;
        struct buf out = wire_buf(wire);
        pack_array(&out, 5);
        pack_bin(&out, bytes_of(zeros, NONCE_SIZE));
        pack_uint(&out, 1);
        pack_uint(&out, 0);
        pack_uint(&out, 0);
        pack_bin(&out, bytes_of(zeros, TRACK_BUCKETS * 8 - 1 + extra));
        assert_int_equal(track_digests_decode(wire->unpacker, buf_bytes(&out), &digests_back),
                         expected);
        out = wire_buf(wire);
        pack_array(&out, 3);
        pack_bin(&out, bytes_of(zeros, NONCE_SIZE));
        pack_uint(&out, 0);
        pack_bin(&out, bytes_of(zeros, TRACK_BUCKETS / 8 - 1 + extra));
        assert_int_equal(track_differs_decode(wire->unpacker, buf_bytes(&out), &differs_back),
                         expected);
    }
}

/* -------------------------------------------------------------- track ids */

/* Ascending names of `size` characters, 6 at least. */
static void number_name(struct level_name *name, size_t number, size_t size)
{
    *name = (struct level_name){0};
    snprintf(name->text, sizeof name->text, "t-%04zu", number);
    memset(name->text + 6, 'x', size - 6);
}

static void test_ids_are_read_as_they_were_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 50; round++) {
        memset(&ids, 0, sizeof ids);
        rng_fill(&wire->rng, ids.nonce.bytes, NONCE_SIZE);
        ids.since = random_uint(&wire->rng) & HLC_STAMP_MAX;
        ids.bucket = (uint8_t)rng_below(&wire->rng, TRACK_BUCKETS);
        if (rng_chance(&wire->rng, 500)) number_name(&ids.after, 0, 30);
        ids.last = rng_chance(&wire->rng, 500);
        ids.count = rng_below(&wire->rng, 100);
        for (size_t i = 0; i < ids.count; i++) {
            number_name(&ids.items[i].name, i + 1, 6 + rng_below(&wire->rng, 59));
            ids.items[i].hash = random_uint(&wire->rng);
        }
        assert_int_equal(send_ids(wire), ST_OK);
        assert_true(nonce_equal(&ids_back.nonce, &ids.nonce));
        assert_true(ids_back.since == ids.since && ids_back.bucket == ids.bucket);
        assert_string_equal(ids_back.after.text, ids.after.text);
        assert_true(ids_back.last == ids.last);
        assert_int_equal(ids_back.count, ids.count);
        for (size_t i = 0; i < ids.count; i++) {
            assert_string_equal(ids_back.items[i].name.text, ids.items[i].name.text);
            assert_true(ids_back.items[i].hash == ids.items[i].hash);
        }
        assert_true(recode_holds(wire->recoder, recode_track_ids, buf_bytes(&encoded)));
    }
}

static void good_ids(void)
{
    memset(&ids, 0, sizeof ids);
    ids.count = 3;
    ids.after = (struct level_name){"B"};
    ids.items[0].name = (struct level_name){"a"};
    ids.items[1].name = (struct level_name){"a-b"};
    ids.items[2].name = (struct level_name){"b"};
}

static void test_ids_out_of_bounds_are_refused(void **state)
{
    EXPECT(ST_OK, good_ids, send_ids, (void)0);
    EXPECT(ST_OK, good_ids, send_ids, ids.since = HLC_STAMP_MAX);
    EXPECT(ST_MALFORMED, good_ids, send_ids, ids.since = HLC_STAMP_MAX + 1);
    EXPECT(ST_OK, good_ids, send_ids, ids.count = 0);
    EXPECT(ST_MALFORMED, good_ids, send_ids, ids.after.text[0] = '-');
    EXPECT(ST_MALFORMED, good_ids, send_ids, ids.items[1].name.text[1] = '/');
    EXPECT(ST_MALFORMED, good_ids, send_ids, ids.items[0].name.text[0] = '\0');
}

/* The frame speaks for a whole stretch of names: in a list without order none is known to be
 * missing. */
static void test_ids_out_of_order_are_refused(void **state)
{
    EXPECT(ST_OK, good_ids, send_ids, ids.after.text[0] = '\0');
    EXPECT(ST_MALFORMED, good_ids, send_ids, ids.after = ids.items[0].name);
    EXPECT(ST_MALFORMED, good_ids, send_ids, ids.after = ids.items[2].name);
    EXPECT(ST_MALFORMED, good_ids, send_ids, ids.items[1].name = ids.items[0].name);
    EXPECT(ST_MALFORMED, good_ids, send_ids, ids.items[2].name = ids.items[0].name);
    EXPECT(ST_MALFORMED, good_ids, send_ids, ids.items[2].name = (struct level_name){"a-"});
}

static void test_a_full_list_of_ids_of_usual_names_fits_one_frame(void **state)
{
    struct wire *const wire = *state;
    good_ids();
    number_name(&ids.after, 0, LEVEL_NAME_SIZE_MAX);
    ids.since = HLC_STAMP_MAX;
    ids.count = TRACK_IDS_MAX;
    for (size_t i = 0; i < TRACK_IDS_MAX; i++)
        number_name(&ids.items[i].name, i + 1, 40);
    assert_int_equal(send_ids(wire), ST_OK);
    assert_true(encoded.size <= BODY_SIZE_MAX);
    assert_int_equal(ids_back.count, TRACK_IDS_MAX);
}

/* ------------------------------------------------------------------- want */

static void good_want(void)
{
    memset(&want, 0, sizeof want);
    want.count = 2;
    want.names[0] = (struct level_name){"b"};
    want.names[1] = (struct level_name){"a"};
}

static void test_wanted_names_are_read_as_they_were_written(void **state)
{
    struct wire *const wire = *state;
    for (size_t count = 1; count <= TRACK_IDS_MAX; count += 341) {
        good_want();
        rng_fill(&wire->rng, want.nonce.bytes, NONCE_SIZE);
        want.count = count;
        for (size_t i = 0; i < count; i++)
            number_name(&want.names[i], rng_below(&wire->rng, 10000), 40);
        assert_int_equal(send_want(wire), ST_OK);
        assert_true(encoded.size <= BODY_SIZE_MAX);
        assert_true(nonce_equal(&want_back.nonce, &want.nonce));
        assert_int_equal(want_back.count, count);
        for (size_t i = 0; i < count; i++)
            assert_string_equal(want_back.names[i].text, want.names[i].text);
        assert_true(recode_holds(wire->recoder, recode_track_want, buf_bytes(&encoded)));
    }
    EXPECT(ST_OK, good_want, send_want, (void)0);
    EXPECT(ST_MALFORMED, good_want, send_want, want.count = 0);
    EXPECT(ST_MALFORMED, good_want, send_want, want.names[1].text[0] = '.');
}

/* ------------------------------------------------------------------- have */

static void good_have(void)
{
    memset(&have, 0, sizeof have);
    have.scope = (struct config_scope){CONFIG_SCOPE_GROUP, {"north"}};
    have.count = 2;
    have.after = (struct level_name){"B"};
    have.items[0].key = (struct level_name){"a"};
    have.items[1].key = (struct level_name){"a.b"};
}

static void test_held_keys_are_read_as_they_were_written(void **state)
{
    struct wire *const wire = *state;
    for (size_t count = 0; count <= CONFIG_HAVE_MAX; count += CONFIG_HAVE_MAX / 4) {
        good_have();
        rng_fill(&wire->rng, have.nonce.bytes, NONCE_SIZE);
        have.last = rng_chance(&wire->rng, 500);
        have.count = count;
        for (size_t i = 0; i < count; i++) {
            number_name(&have.items[i].key, i, 40);
            rng_fill(&wire->rng, have.items[i].hash.bytes, CONFIG_DIGEST_SIZE);
        }
        assert_int_equal(send_have(wire), ST_OK);
        assert_true(encoded.size <= BODY_SIZE_MAX);
        assert_true(nonce_equal(&have_back.nonce, &have.nonce));
        assert_int_equal(have_back.scope.kind, CONFIG_SCOPE_GROUP);
        assert_string_equal(have_back.scope.name.text, "north");
        assert_string_equal(have_back.after.text, "B");
        assert_true(have_back.last == have.last);
        assert_int_equal(have_back.count, count);
        for (size_t i = 0; i < count; i++) {
            assert_string_equal(have_back.items[i].key.text, have.items[i].key.text);
            assert_true(config_digest_equal(&have_back.items[i].hash, &have.items[i].hash));
        }
        assert_true(recode_holds(wire->recoder, recode_config_have, buf_bytes(&encoded)));
    }
}

static void test_an_unlawful_list_of_keys_is_refused(void **state)
{
    EXPECT(ST_OK, good_have, send_have, (void)0);
    EXPECT(ST_MALFORMED, good_have, send_have, have.scope.kind = CONFIG_SCOPE_KIND_COUNT);
    EXPECT(ST_MALFORMED, good_have, send_have, have.scope.kind = CONFIG_SCOPE_FLEET);
    EXPECT(ST_OK, good_have, send_have, have.scope = (struct config_scope){0});
    EXPECT(ST_MALFORMED, good_have, send_have, have.scope.name.text[0] = '\0');
    EXPECT(ST_MALFORMED, good_have, send_have, have.after.text[0] = '_');
    EXPECT(ST_MALFORMED, good_have, send_have, have.after = have.items[0].key);
    EXPECT(ST_OK, good_have, send_have, have.after.text[0] = '\0');
    EXPECT(ST_MALFORMED, good_have, send_have, have.items[1].key = have.items[0].key);
    EXPECT(ST_MALFORMED, good_have, send_have, have.items[0].key.text[0] = 'z');
    EXPECT(ST_MALFORMED, good_have, send_have, have.items[0].key.text[0] = '+');
}

/* The head of a message, up to its last array. */
static struct buf list_head(struct wire *wire, bool with_scope, uint32_t field_count)
{
    static const uint8_t nonce[NONCE_SIZE];
    struct buf out = wire_buf(wire);
    pack_array(&out, field_count);
    pack_bin(&out, bytes_of(nonce, sizeof nonce));
    if (field_count == 2) return out;
    pack_uint(&out, 0);
    if (with_scope)
        pack_text(&out, BYTES_EMPTY);
    else
        pack_uint(&out, 0);
    pack_text(&out, BYTES_EMPTY);
    pack_bool(&out, true);
    return out;
}

static void put_names(struct buf *out, uint32_t count, size_t hash_size)
{
    static const uint8_t hash[CONFIG_DIGEST_SIZE];
    pack_array(out, count);
    for (uint32_t i = 0; i < count; i++) {
        struct level_name name;
        number_name(&name, i, 6);
        if (hash_size > 0) pack_array(out, 2);
        pack_text(out, bytes_of_text(name.text));
        if (hash_size > 0) pack_bin(out, bytes_of(hash, hash_size));
    }
}

static void test_more_names_than_a_frame_may_have_are_refused(void **state)
{
    struct wire *const wire = *state;
    for (uint32_t extra = 0; extra <= 1; extra++) {
        const enum status expected = extra == 0 ? ST_OK : ST_MALFORMED;
        struct buf out = list_head(wire, false, 6);
        put_names(&out, TRACK_IDS_MAX + extra, 8);
        assert_int_equal(track_ids_decode(wire->unpacker, buf_bytes(&out), &ids_back), expected);
        out = list_head(wire, false, 2);
        put_names(&out, TRACK_IDS_MAX + extra, 0);
        assert_int_equal(track_want_decode(wire->unpacker, buf_bytes(&out), &want_back), expected);
        out = list_head(wire, true, 6);
        put_names(&out, CONFIG_HAVE_MAX + extra, CONFIG_DIGEST_SIZE);
        assert_int_equal(config_have_decode(wire->unpacker, buf_bytes(&out), &have_back), expected);
    }
}

/* No bucket lies behind the last one. */
static void test_a_bucket_that_does_not_exist_is_refused(void **state)
{
    struct wire *const wire = *state;
    for (uint64_t bucket = TRACK_BUCKETS - 1; bucket <= TRACK_BUCKETS; bucket++) {
        static const uint8_t nonce[NONCE_SIZE];
        struct buf out = wire_buf(wire);
        pack_array(&out, 6);
        pack_bin(&out, bytes_of(nonce, sizeof nonce));
        pack_uint(&out, 0);
        pack_uint(&out, bucket);
        pack_text(&out, BYTES_EMPTY);
        pack_bool(&out, false);
        put_names(&out, 1, 8);
        assert_int_equal(track_ids_decode(wire->unpacker, buf_bytes(&out), &ids_back),
                         bucket < TRACK_BUCKETS ? ST_OK : ST_MALFORMED);
    }
}

/* ------------------------------------------------------------------- held */

static void test_a_held_frame_comes_back_as_it_was(void **state)
{
    struct wire *const wire = *state;
    for (size_t size = 0; size <= FRAME_SIZE_MAX + 1; size = size * 2 + 1) {
        rng_fill(&wire->rng, held.nonce.bytes, NONCE_SIZE);
        held.frame = bytes_of(wire->scratch, size);
        assert_int_equal(send_held(wire),
                         size > 0 && size <= FRAME_SIZE_MAX ? ST_OK : ST_MALFORMED);
        if (size == 0) continue;
        assert_true(nonce_equal(&held_back.nonce, &held.nonce));
        assert_true(bytes_equal(held_back.frame, held.frame));
        assert_true(recode_holds(wire->recoder, recode_config_held, buf_bytes(&encoded)));
    }
    held.frame = bytes_of(wire->scratch, FRAME_SIZE_MAX + 1);
    assert_int_equal(send_held(wire), ST_MALFORMED);
}

/* -------------------------------------------------------------- vectors */

static void golden_buckets(struct wire *wire)
{
    static const char *const digests_labels[] = {"nonce", "numbering", "counter", "since",
                                                 "buckets"};
    static const char *const differs_labels[] = {"nonce", "counter", "buckets"};
    good_digests();
    memset(digests.nonce.bytes, 0x0A, NONCE_SIZE);
    digests.counter = 70000;
    digests.since = UINT64_C(1748649600000) << 16;
    digests.digests.buckets[0] = UINT64_C(0x0102030405060708);
    digests.digests.buckets[255] = UINT64_MAX;
    golden_message(wire, "track_digests", ENCODED(wire, track_digests_encode, digests),
                   digests_labels, recode_track_digests, "track_digests");
    memset(&differs, 0, sizeof differs);
    memset(differs.nonce.bytes, 0x0A, NONCE_SIZE);
    differs.counter = 70000;
    track_differs_set(&differs, 0);
    track_differs_set(&differs, 9);
    track_differs_set(&differs, 255);
    golden_message(wire, "track_differs", ENCODED(wire, track_differs_encode, differs),
                   differs_labels, recode_track_differs, "track_differs");
}

static void golden_lists(struct wire *wire)
{
    static const char *const ids_labels[] = {"nonce", "since", "bucket", "after", "last", "items"};
    static const char *const want_labels[] = {"nonce", "names"};
    static const char *const have_labels[] = {"nonce", "scope kind", "scope name",
                                              "after", "last",       "items"};
    static const char *const held_labels[] = {"nonce", "frame"};
    good_ids();
    memset(ids.nonce.bytes, 0x0A, NONCE_SIZE);
    ids.bucket = 200;
    ids.items[2].hash = UINT64_C(0x0102030405060708);
    golden_message(wire, "track_ids", ENCODED(wire, track_ids_encode, ids), ids_labels,
                   recode_track_ids, "track_ids");
    good_ids();
    ids.after = (struct level_name){""};
    ids.last = true;
    ids.count = 0;
    golden_message(wire, "track_ids_of_none", ENCODED(wire, track_ids_encode, ids), ids_labels,
                   recode_track_ids, "track_ids");
    good_want();
    golden_message(wire, "track_want", ENCODED(wire, track_want_encode, want), want_labels,
                   recode_track_want, "track_want");
    good_have();
    memset(have.items[1].hash.bytes, 0x31, CONFIG_DIGEST_SIZE);
    golden_message(wire, "config_have", ENCODED(wire, config_have_encode, have), have_labels,
                   recode_config_have, "config_have");
    held.nonce = differs.nonce;
    held.frame = BYTES_LITERAL("the cloud's frame");
    golden_message(wire, "config_held", ENCODED(wire, config_held_encode, held), held_labels,
                   recode_config_held, "config_held");
}

static void test_golden_messages(void **state)
{
    struct wire *const wire = *state;
    golden_open(&wire->golden, "wire_repair.txt");
    golden_comment(&wire->golden, "Bodies of repair messages (common/wire/repair_msg.h).");
    golden_buckets(wire);
    golden_lists(wire);
    golden_close(&wire->golden);
}

#define TEST(function) cmocka_unit_test_setup(function, wire_reseed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_digests_are_read_as_they_were_written),
        TEST(test_digests_out_of_bounds_are_refused),
        TEST(test_every_bucket_that_differs_is_told_and_no_other),
        TEST(test_a_field_of_buckets_of_another_size_is_refused),
        TEST(test_ids_are_read_as_they_were_written),
        TEST(test_ids_out_of_bounds_are_refused),
        TEST(test_ids_out_of_order_are_refused),
        TEST(test_a_full_list_of_ids_of_usual_names_fits_one_frame),
        TEST(test_wanted_names_are_read_as_they_were_written),
        TEST(test_held_keys_are_read_as_they_were_written),
        TEST(test_an_unlawful_list_of_keys_is_refused),
        TEST(test_more_names_than_a_frame_may_have_are_refused),
        TEST(test_a_bucket_that_does_not_exist_is_refused),
        TEST(test_a_held_frame_comes_back_as_it_was),
        TEST(test_golden_messages),
    };
    return cmocka_run_group_tests(tests, wire_setup, wire_teardown);
}
