/* test_track_codec.c - do equal states have equal bytes, and do no other bytes decode? */
#include "common/data/track_codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/hlc.h"
#include "tests/support/golden.h"
#include "tests/support/track_spec.h"

static struct track track, other, back;
static uint8_t memory[2][TRACK_BYTES_MAX];

static struct bytes encode(const struct track *value, unsigned where)
{
    struct buf out = buf_of(memory[where], sizeof memory[where]);
    track_encode(value, &out);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

/* From a block of exactly its size, so that a sanitizer sees each read beyond the end. */
static enum status decode(struct bytes bytes)
{
    uint8_t *const copy = malloc(bytes.size + (bytes.size == 0));
    assert_non_null(copy);
    if (bytes.size > 0) memcpy(copy, bytes.data, bytes.size);
    const enum status status = track_decode(bytes_of(copy, bytes.size), &back);
    free(copy);
    return status;
}

static void observe(struct track *value, unsigned node, uint64_t hlc, unsigned fields,
                    unsigned event)
{
    const struct track_writer writer = spec_writer(node);
    const struct track_observation observation = spec_observation(event, fields, 5000, event);
    assert_int_equal(track_observe(value, &writer, hlc, 0, &observation), ST_OK);
}

/* Two writers, an old classification, a velocity, two sensors, and a writer without atoms. */
static void make_example(void)
{
    track_init(&track);
    track_init(&other);
    observe(&track, 3, 5, 3, 1);
    observe(&track, 1, 10, 7, 2);
    observe(&track, 1, UINT64_C(1276256772451) << 16, 1, 3);
    observe(&other, 2, UINT64_C(1276256772470) << 16 | 2, 13, 4);
    (void)track_join(&track, &other, 0);
}

/* As large as a track can be. */
static void make_largest(void)
{
    char text[TRACK_LABEL_SIZE_MAX];
    memset(text, 'x', sizeof text);
    track_init(&track);
    track.floor = 7;
    for (unsigned i = 0; i < TRACK_WRITERS_MAX; i++) {
        struct track_slot *const slot = &track.slots[track.slot_count++];
        *slot = (struct track_slot){.writer = spec_writer(i), .hlc = HLC_STAMP_MAX};
        memset(slot->writer.node.text + 3, 'z', NODE_NAME_SIZE - 1 - 3);
        slot->writer.incarnation = UINT32_MAX;
        slot->position.hlc = HLC_STAMP_MAX - 1;
        slot->position.confidence = TRACK_CONFIDENCE_MAX;
        slot->position.value.latitude_e7 = -TRACK_LATITUDE_E7_MAX;
        slot->position.value.has_velocity = true;
        slot->classification.hlc = HLC_STAMP_MAX - 1;
        assert_int_equal(track_label_from(bytes_of(text, sizeof text), &slot->classification.value),
                         ST_OK);
    }
    for (unsigned i = 0; i < TRACK_SENSORS_MAX; i++) {
        struct track_sensor *const sensor = &track.sensors[track.sensor_count++];
        text[0] = (char)('0' + i / 10);
        text[1] = (char)('0' + i % 10);
        sensor->hlc = HLC_STAMP_MAX;
        assert_int_equal(track_label_from(bytes_of(text, sizeof text), &sensor->name), ST_OK);
    }
    assert_true(track_valid(&track));
}

static void test_a_state_is_read_as_it_was_written(void **state)
{
    (void)state;
    make_example();
    assert_int_equal(decode(encode(&track, 0)), ST_OK);
    assert_true(track_equal(&track, &back));
    assert_true(bytes_equal(encode(&back, 1), encode(&track, 0)));
    track_init(&track);
    assert_int_equal(decode(encode(&track, 0)), ST_OK);
    assert_true(track_is_empty(&back));
}

static void test_the_largest_state_has_the_largest_bytes(void **state)
{
    (void)state;
    make_largest();
    const struct bytes bytes = encode(&track, 0);
    assert_int_equal(bytes.size, TRACK_BYTES_MAX);
    assert_int_equal(decode(bytes), ST_OK);
    assert_true(track_equal(&track, &back));
}

static void test_ten_thousand_sensors_are_too_many(void **state)
{
    (void)state;
    make_example();
    const struct bytes bytes = encode(&track, 0);
    put_u16(memory[0] + 11, 10000);
    assert_int_equal(decode(bytes), ST_TOO_LARGE);
    make_example();
    (void)encode(&track, 0);
    put_u16(memory[0] + 9, TRACK_WRITERS_MAX + 1);
    assert_int_equal(decode(bytes), ST_TOO_LARGE);
}

/* Either refused, or another state with exactly these bytes. */
static bool accepted_as_canonical(struct bytes bytes)
{
    if (decode(bytes) != ST_OK) return false;
    assert_true(track_valid(&back));
    assert_true(bytes_equal(encode(&back, 1), bytes));
    return true;
}

static void test_no_other_bytes_decode_to_a_state(void **state)
{
    (void)state;
    make_example();
    const struct bytes good = encode(&track, 0);
    for (size_t size = 0; size < good.size; size++)
        assert_false(accepted_as_canonical(bytes_of(good.data, size)));
    for (size_t bit = 0; bit < 8 * good.size; bit++) {
        memory[0][bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (accepted_as_canonical(good)) assert_false(track_equal(&back, &track));
        memory[0][bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    memory[0][good.size] = 0;
    assert_false(accepted_as_canonical(bytes_of(good.data, good.size + 1)));
    assert_true(accepted_as_canonical(good));
}

/* A name that ends early would be the same name as a shorter one. */
static void test_a_name_with_a_nul_is_refused(void **state)
{
    (void)state;
    make_example();
    const struct bytes bytes = encode(&track, 0);
    assert_memory_equal(bytes.data + 13, "\3n01", 4);
    memory[0][16] = 0;
    assert_int_equal(decode(bytes), ST_MALFORMED);
}

static void golden_slot(struct golden *golden, struct bytes bytes, size_t *at, size_t size,
                        const char *gloss)
{
    golden_part(golden, bytes_of(bytes.data + *at, size), gloss);
    *at += size;
}

static void test_the_bytes_are_those_of_the_golden_vectors(void **state)
{
    (void)state;
    static struct golden golden;
    golden_open(&golden, "track_state.txt");
    golden_comment(&golden, "Canonical bytes of a track's state (common/data/track_codec.h).");
    golden_section(&golden, "empty");
    track_init(&track);
    golden_field(&golden, "state", encode(&track, 0));
    golden_section(&golden, "three_writers");
    make_example();
    const struct bytes bytes = encode(&track, 0);
    size_t at = 0;
    golden_field_of_parts(&golden, "state");
    golden_slot(&golden, bytes, &at, 1, "form");
    golden_slot(&golden, bytes, &at, 8, "floor");
    golden_slot(&golden, bytes, &at, 4, "3 slots, 2 sensors");
    golden_slot(&golden, bytes, &at, 4 + 4 + 8 + 1, "n01, incarnation, hlc, flags");
    golden_slot(&golden, bytes, &at, 10 + 12, "  position: hlc, confidence, lat, lon, alt");
    golden_slot(&golden, bytes, &at, 10 + 1 + 7, "  classification: older hlc, confidence, text");
    golden_slot(&golden, bytes, &at, 4 + 4 + 8 + 1, "n02, incarnation, hlc, flags");
    golden_slot(&golden, bytes, &at, 10 + 12 + 12, "  position with velocity");
    golden_slot(&golden, bytes, &at, 4 + 4 + 8 + 1, "n03, incarnation, hlc, flags: no atom lives");
    golden_slot(&golden, bytes, &at, 1 + 2 + 8, "sensor s2, hlc");
    golden_slot(&golden, bytes, &at, 1 + 2 + 8, "sensor s4, hlc");
    assert_int_equal(at, bytes.size);
    golden_close(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_state_is_read_as_it_was_written),
        cmocka_unit_test(test_the_largest_state_has_the_largest_bytes),
        cmocka_unit_test(test_ten_thousand_sensors_are_too_many),
        cmocka_unit_test(test_no_other_bytes_decode_to_a_state),
        cmocka_unit_test(test_a_name_with_a_nul_is_refused),
        cmocka_unit_test(test_the_bytes_are_those_of_the_golden_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
