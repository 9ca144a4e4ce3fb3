/* test_track_msg.c - do tracks travel whole and small, and does nothing unlawful arrive? */
#include "common/wire/track_msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/hlc.h"
#include "common/data/track_codec.h"
#include "common/wire/fields.h"
#include "common/wire/varint.h"
#include "tests/support/recode_values.h"
#include "tests/support/track_spec.h"
#include "tests/support/wire_check.h"

enum { TRACKS_MAX = 40 };

#define BASE_MS UINT64_C(1276256772451)
#define STAMP(ms_back, counter) ((BASE_MS - (uint64_t)(ms_back)) << 16 | (uint64_t)(counter))

static struct track_batch_writer writer;
static struct track_batch batch;
static struct track tracks[TRACKS_MAX], back;
static struct level_name names[TRACKS_MAX];
static struct track_batch_head head;

static struct level_name name_of(const char *text)
{
    struct level_name name;
    assert_int_equal(level_name_from(bytes_of_text(text), &name), ST_OK);
    return name;
}

static void begin(struct wire *wire)
{
    head = (struct track_batch_head){.from_change = 5, .to_change = 77, .horizon = STAMP(99999, 0)};
    track_batch_begin(&writer, BASE_MS, wire->scratch, sizeof wire->scratch);
}

static struct bytes encode(struct wire *wire)
{
    struct buf out = wire_buf(wire);
    track_msg_encode(&head, &writer, &out);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static enum status decode(struct wire *wire, struct bytes body)
{
    return track_msg_decode(wire->unpacker, body, &back, &batch);
}

/* ---------------------------------------------------------- random tracks */

static uint64_t random_stamp(struct rng *rng, uint64_t newest)
{
    const uint64_t back_ms = random_uint(rng) % (newest >> 16);
    const uint64_t counter = rng_chance(rng, 500) ? 0 : rng_below(rng, 0x10000);
    const uint64_t stamp = ((newest >> 16) - back_ms) << 16 | counter;
    return stamp < newest ? stamp : newest;
}

static void random_position(struct rng *rng, uint64_t newest, struct track_position_atom *atom)
{
    struct track_position *const value = &atom->value;
    atom->hlc = rng_chance(rng, 500) ? newest : random_stamp(rng, newest);
    atom->confidence = (uint16_t)rng_below(rng, TRACK_CONFIDENCE_MAX + 1);
    value->latitude_e7 = (int32_t)rng_below(rng, 1800000001) - TRACK_LATITUDE_E7_MAX;
    value->longitude_e7 = (int32_t)((int64_t)rng_below(rng, 3600000001) - TRACK_LONGITUDE_E7_MAX);
    value->altitude_mm = (int32_t)(random_int(rng) % (TRACK_ALTITUDE_MM_MAX + 1));
    value->has_velocity = rng_chance(rng, 500);
    if (!value->has_velocity) return;
    value->north_mm_s = (int32_t)(random_int(rng) % (TRACK_VELOCITY_MM_S_MAX + 1));
    value->east_mm_s = (int32_t)(random_int(rng) % (TRACK_VELOCITY_MM_S_MAX + 1));
    value->up_mm_s = (int32_t)(random_int(rng) % (TRACK_VELOCITY_MM_S_MAX + 1));
}

/* Up to that many of each, any lawful content. */
static void random_track(struct rng *rng, unsigned writers_max, unsigned sensors_max,
                         struct track *out)
{
    uint64_t newest = 0;
    track_init(out);
    for (unsigned node = 0; node < 99 && out->slot_count < writers_max; node++) {
        if (!rng_chance(rng, 50)) continue;
        struct track_slot *const slot = &out->slots[out->slot_count++];
        *slot = (struct track_slot){.writer = spec_writer(node)};
        slot->writer.incarnation = (uint32_t)random_uint(rng);
        slot->hlc = random_stamp(rng, STAMP(0, 0xFFFF));
        if (slot->hlc > newest) newest = slot->hlc;
        if (rng_chance(rng, 700)) random_position(rng, slot->hlc, &slot->position);
        if (!rng_chance(rng, 700)) continue;
        slot->classification.hlc = rng_chance(rng, 500) ? slot->hlc : random_stamp(rng, slot->hlc);
        slot->classification.confidence = (uint16_t)rng_below(rng, TRACK_CONFIDENCE_MAX + 1);
        slot->classification.value = spec_label("class ", (unsigned)rng_below(rng, 30));
    }
    for (unsigned i = 100; newest > 0 && i < 400 && out->sensor_count < sensors_max; i++) {
        if (!rng_chance(rng, 20)) continue;
        struct track_sensor *const sensor = &out->sensors[out->sensor_count++];
        sensor->name = spec_label("s", i);
        sensor->hlc = rng_chance(rng, 300) ? newest : random_stamp(rng, newest);
    }
    (void)track_apply_horizon(out, 1);
    if (!rng_chance(rng, 100)) return;
    /* A floor that kills nothing, and one that kills something. */
    const uint64_t floor = rng_chance(rng, 500) ? 1 : random_stamp(rng, STAMP(0, 0));
    (void)track_apply_horizon(out, floor);
    out->floor = floor;
}

static void test_a_batch_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 300; round++) {
        begin(wire);
        const unsigned count = (unsigned)rng_below(&wire->rng, TRACKS_MAX);
        for (unsigned i = 0; i < count; i++) {
            char name[16];
            snprintf(name, sizeof name, "t-%u", (unsigned)rng_below(&wire->rng, 100000));
            names[i] = name_of(name);
            random_track(&wire->rng, 1 + (unsigned)rng_below(&wire->rng, 10), 8, &tracks[i]);
            assert_true(track_valid(&tracks[i]));
            assert_int_equal(track_batch_add(&writer, &names[i], &tracks[i], SIZE_MAX), ST_OK);
        }
        const struct bytes body = encode(wire);
        assert_int_equal(decode(wire, body), ST_OK);
        assert_int_equal(batch.track_count, count);
        assert_true(batch.head.from_change == 5 && batch.head.to_change == 77);
        assert_true(batch.head.base_ms == BASE_MS && batch.head.horizon == head.horizon);
        struct level_name name;
        size_t offset = 0;
        for (unsigned i = 0; i < count; i++) {
            assert_true(track_batch_next(&batch, &offset, &name, &back));
            assert_string_equal(name.text, names[i].text);
            assert_true(track_equal(&back, &tracks[i]));
        }
        assert_false(track_batch_next(&batch, &offset, &name, &back));
        assert_true(recode_holds(wire->recoder, recode_track_msg, body));
    }
}

/* ------------------------------------------------------------------- size */

/* A vessel as two stations see it: position and classification of one, the others seen. */
static void make_vessel(struct track *out, unsigned writer_count, unsigned sensor_count,
                        uint64_t age_ms)
{
    const struct track_position position = {583234567, 101234567, 12000, false, 0, 0, 0};
    struct track_observation observation = spec_observation(1, 3, 8700, 0);
    observation.position = position;
    observation.classification = spec_label("class-", 1);
    track_init(out);
    for (unsigned i = 0; i < sensor_count || i < writer_count; i++) {
        const struct track_writer by = spec_writer(i % writer_count);
        observation.has_sensor = i < sensor_count;
        observation.sensor = spec_label("radar-", i);
        /* Some seconds apart, and with counters, which cost a byte each. */
        const uint64_t hlc = STAMP(age_ms + 10000 - 2500 * i, 1 + i % 100);
        assert_int_equal(track_observe(out, &by, hlc, 0, &observation), ST_OK);
    }
}

/* The same by two stations that have not heard of each other yet: all atoms live. */
static void make_contested_vessel(struct track *out, uint64_t age_ms)
{
    static struct track other;
    make_vessel(out, 1, 1, age_ms);
    make_vessel(&other, 1, 1, age_ms + 1500);
    other.slots[0].writer = spec_writer(1);
    other.sensors[0].name = spec_label("radar-", 1);
    (void)track_join(out, &other, 0);
    assert_int_equal(track_view_of(out).position_count, 2);
}

/* Bytes a track on average, the frame's tables and head included; no sensors: contested. */
static double bytes_of_a_vessel(struct wire *wire, unsigned writer_count, unsigned sensor_count,
                                uint64_t age_ms)
{
    enum { COUNT = 400 };
    begin(wire);
    for (unsigned i = 0; i < COUNT; i++) {
        char text[16];
        snprintf(text, sizeof text, "%09u", 258902000 + i);
        const struct level_name name = name_of(text);
        if (sensor_count == 0)
            make_contested_vessel(&tracks[0], age_ms + i);
        else
            make_vessel(&tracks[0], writer_count, sensor_count, age_ms + i);
        assert_int_equal(track_batch_add(&writer, &name, &tracks[0], BODY_SIZE_MAX), ST_OK);
    }
    return (double)encode(wire).size / COUNT;
}

static void test_a_track_of_two_writers_is_at_most_seventy_bytes(void **state)
{
    struct wire *const wire = *state;
    static const struct {
        const char *age;
        uint64_t ms;
    } ages[] = {{"1 s", 1000}, {"1 min", 60000}, {"1 h", 3600000}, {"24 h", 86400000}};
    for (unsigned i = 0; i < COUNT_OF(ages); i++) {
        const double one = bytes_of_a_vessel(wire, 1, 1, ages[i].ms);
        const double two = bytes_of_a_vessel(wire, 2, 4, ages[i].ms);
        const double contested = bytes_of_a_vessel(wire, 2, 0, ages[i].ms);
        fprintf(stderr,
                "# %s old: 1 writer, 1 sensor %.1f bytes; 2 writers, 4 sensors %.1f; 2 writers at "
                "once, 2 sensors %.1f\n",
                ages[i].age, one, two, contested);
        assert_true(one <= 48 && two <= 70 && contested <= 70);
    }
}

static void largest_track(struct track *out)
{
    char text[TRACK_LABEL_SIZE_MAX];
    memset(text, 'x', sizeof text);
    track_init(out);
    out->floor = 1;
    for (unsigned i = 0; i < TRACK_WRITERS_MAX; i++) {
        struct track_slot *const slot = &out->slots[out->slot_count++];
        *slot = (struct track_slot){.writer = spec_writer(i), .hlc = STAMP(0, 0xFFFF) - i};
        memset(slot->writer.node.text + 3, 'z', NODE_NAME_SIZE - 1 - 3);
        slot->writer.incarnation = UINT32_MAX - i;
        slot->position = (struct track_position_atom){
            .hlc = 0xFFFF,
            .confidence = TRACK_CONFIDENCE_MAX,
            .value = {-TRACK_LATITUDE_E7_MAX, -TRACK_LONGITUDE_E7_MAX, -TRACK_ALTITUDE_MM_MAX, true,
                      -TRACK_VELOCITY_MM_S_MAX, -TRACK_VELOCITY_MM_S_MAX, -TRACK_VELOCITY_MM_S_MAX},
        };
        slot->classification.hlc = 0xFFFF;
        slot->classification.confidence = TRACK_CONFIDENCE_MAX;
        text[0] = (char)('A' + i / 10);
        text[1] = (char)('0' + i % 10);
        assert_int_equal(track_label_from(bytes_of(text, sizeof text), &slot->classification.value),
                         ST_OK);
    }
    for (unsigned i = 0; i < TRACK_SENSORS_MAX; i++) {
        struct track_sensor *const sensor = &out->sensors[out->sensor_count++];
        text[0] = (char)('a' + i / 10);
        text[1] = (char)('0' + i % 10);
        sensor->hlc = 0xFFFF;
        assert_int_equal(track_label_from(bytes_of(text, sizeof text), &sensor->name), ST_OK);
    }
    assert_true(track_valid(out));
}

static void test_the_largest_track_fits_a_batch_of_its_own(void **state)
{
    struct wire *const wire = *state;
    begin(wire);
    char text[LEVEL_NAME_SIZE_MAX + 1] = {0};
    memset(text, 'n', LEVEL_NAME_SIZE_MAX);
    names[0] = name_of(text);
    largest_track(&tracks[0]);
    head.from_change = PACK_SEQUENCE_MAX;
    head.to_change = PACK_SEQUENCE_MAX;
    head.horizon = HLC_STAMP_MAX;
    assert_int_equal(track_batch_add(&writer, &names[0], &tracks[0], TRACK_BATCH_SIZE_MIN), ST_OK);
    const struct bytes body = encode(wire);
    assert_true(body.size <= TRACK_BATCH_SIZE_MIN);
    assert_int_equal(decode(wire, body), ST_OK);
    size_t offset = 0;
    assert_true(track_batch_next(&batch, &offset, &names[1], &back));
    assert_true(track_equal(&back, &tracks[0]));
    assert_string_equal(names[1].text, text);
}

/* -------------------------------------------------------------- fullness */

static void test_a_track_that_does_not_fit_leaves_the_batch_as_it_was(void **state)
{
    struct wire *const wire = *state;
    static uint8_t before[BODY_SIZE_MAX];
    begin(wire);
    names[0] = name_of("t");
    random_track(&wire->rng, 8, 8, &tracks[0]);
    assert_int_equal(track_batch_add(&writer, &names[0], &tracks[0], BODY_SIZE_MAX), ST_OK);
    const struct bytes body = encode(wire);
    const size_t size = body.size;
    memcpy(before, body.data, size);
    largest_track(&tracks[1]);
    assert_int_equal(track_batch_add(&writer, &names[0], &tracks[1], 8000), ST_FULL);
    assert_int_equal(writer.track_count, 1);
    assert_true(bytes_equal(encode(wire), bytes_of(before, size)));
    /* And what is tried next finds the tables as they were. */
    random_track(&wire->rng, 8, 8, &tracks[2]);
    assert_int_equal(track_batch_add(&writer, &names[0], &tracks[2], BODY_SIZE_MAX), ST_OK);
    assert_true(recode_holds(wire->recoder, recode_track_msg, encode(wire)));
}

static void test_a_body_never_exceeds_its_bound(void **state)
{
    struct wire *const wire = *state;
    for (size_t size_max = 2000; size_max < 6000; size_max += 77) {
        begin(wire);
        names[0] = name_of("t");
        enum status status = ST_OK;
        while (status == ST_OK) {
            random_track(&wire->rng, 4, 8, &tracks[0]);
            status = track_batch_add(&writer, &names[0], &tracks[0], size_max);
        }
        assert_int_equal(status, ST_FULL);
        assert_true(encode(wire).size <= size_max);
    }
}

static void test_full_tables_and_scratch_end_a_batch(void **state)
{
    struct wire *const wire = *state;
    begin(wire);
    names[0] = name_of("t");
    track_init(&tracks[0]);
    tracks[0].slot_count = 1;
    tracks[0].slots[0] = (struct track_slot){.writer = spec_writer(1), .hlc = STAMP(0, 0)};
    for (unsigned i = 0; i < TRACK_BATCH_WRITERS_MAX; i++) {
        tracks[0].slots[0].writer.incarnation = i;
        assert_int_equal(track_batch_add(&writer, &names[0], &tracks[0], SIZE_MAX), ST_OK);
    }
    tracks[0].slots[0].writer.incarnation = TRACK_BATCH_WRITERS_MAX;
    assert_int_equal(track_batch_add(&writer, &names[0], &tracks[0], SIZE_MAX), ST_FULL);
    assert_int_equal(decode(wire, encode(wire)), ST_OK);

    begin(wire);
    tracks[0].sensor_count = 1;
    tracks[0].sensors[0].hlc = STAMP(0, 0);
    for (unsigned i = 0; i < TRACK_BATCH_LABELS_MAX; i++) {
        tracks[0].sensors[0].name = spec_label("s", i);
        assert_int_equal(track_batch_add(&writer, &names[0], &tracks[0], SIZE_MAX), ST_OK);
    }
    tracks[0].sensors[0].name = spec_label("x", 0);
    assert_int_equal(track_batch_add(&writer, &names[0], &tracks[0], SIZE_MAX), ST_FULL);
    assert_int_equal(decode(wire, encode(wire)), ST_OK);

    track_batch_begin(&writer, BASE_MS, wire->scratch, 8);
    assert_int_equal(track_batch_add(&writer, &names[0], &tracks[0], SIZE_MAX), ST_FULL);
}

static void test_a_stamp_above_the_base_is_not_added(void **state)
{
    struct wire *const wire = *state;
    begin(wire);
    names[0] = name_of("t");
    track_init(&tracks[0]);
    tracks[0].slot_count = 1;
    tracks[0].slots[0] = (struct track_slot){.writer = spec_writer(1), .hlc = (BASE_MS + 1) << 16};
    assert_int_equal(track_batch_add(&writer, &names[0], &tracks[0], SIZE_MAX), ST_FUTURE);
    assert_int_equal(writer.track_count, 0);
}

/* -------------------------------------------------------------- bad bytes */

/* A body by hand: writers n01, n02, labels "a", "b", and these records. */
static struct bytes body_of(struct wire *wire, unsigned writer_count, unsigned label_count,
                            struct bytes records)
{
    static const char *const nodes[] = {"n01", "n02", "n01"};
    static const char *const labels[] = {"a", "b", "a"};
    struct buf out = wire_buf(wire);
    pack_array(&out, 7);
    pack_uint(&out, 1);
    pack_uint(&out, 2);
    pack_uint(&out, 1000);
    pack_uint(&out, 0);
    pack_array(&out, writer_count);
    for (unsigned i = 0; i < writer_count; i++) {
        pack_array(&out, 2);
        pack_text(&out, bytes_of_text(nodes[i]));
        pack_uint(&out, 0);
    }
    pack_array(&out, label_count);
    for (unsigned i = 0; i < label_count; i++)
        pack_text(&out, bytes_of_text(labels[i]));
    pack_bin(&out, records);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static enum status decode_records(struct wire *wire, unsigned writer_count, unsigned label_count,
                                  const char *hex)
{
    uint8_t records[256];
    return decode(
        wire, body_of(wire, writer_count, label_count, bytes_of_hex(hex, records, sizeof records)));
}

/* One slot, stamp 1000 ms, no atoms: name "t", 1 slot, writer 0, flags 0, 0 ms back, 0 sensors. */
#define PLAIN "0174 02 00 00 00 00"

static void test_each_record_has_one_form(void **state)
{
    struct wire *const wire = *state;
    assert_int_equal(decode_records(wire, 0, 0, ""), ST_OK);
    assert_int_equal(decode_records(wire, 1, 0, PLAIN), ST_OK);
    assert_int_equal(decode_records(wire, 1, 0, PLAIN PLAIN), ST_OK);
    assert_int_equal(decode_records(wire, 1, 1, "0174 02 00 00 00 01 00 00"), ST_OK);
    assert_int_equal(decode_records(wire, 1, 1, "0174 02 00 00 00 01 00 03"), ST_OK);
    assert_int_equal(decode_records(wire, 1, 0, "0174 03 00 01 00 00 00 00"), ST_OK);
    static const char *const bad[] = {
        PLAIN "00",                     /* an empty name */
        "012d 02 00 00 00 00",          /* a name that is none */
        "0174 8200 00 00 00 00",        /* a number longer than needed */
        "0174 02 00 20 00 00",          /* an unknown flag */
        "0174 02 00 02 00 00",          /* velocity without position */
        "0174 02 00 08 00 00",          /* an older position that is not there */
        "0174 02 00 10 00 00",          /* an older classification that is not there */
        "0174 02 00 00 d10f 00",        /* before 1970: 1000.5 ms back, with a counter */
        "0174 02 00 00 d20f 00",        /* 1001 ms back */
        "0174 02 00 00 d00f 00",        /* the stamp 0 */
        "0174 02 00 00 0100 00",        /* a counter of 0 */
        "0174 02 00 00 01808004 00",    /* a counter above 65535 */
        "0174 02 00 00 00",             /* cut off */
        "0174 02 01 00 00 00",          /* a writer that is not in the table */
        "0174 04 00 00 00 00 00 00 00", /* one writer twice */
        "0174 03 00 00 00 00 00 00",    /* a floor of 0 */
        "0174 03 e907 00 00 00 00 00",  /* a floor above the stamp */
        "0174 02 00 09 00 00 00 0000000000000000 00 00", /* "older", but the same stamp */
        "0174 02 00 01 00 914e 0000000000000000 00 00",  /* confidence 10001 */
        "0174 02 00 01 00 00 7fffffff00000000 00 00",    /* latitude 214 degrees */
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (decode_records(wire, 1, 0, bad[i]) != ST_MALFORMED) fail_msg("accepted: %s", bad[i]);
    assert_int_equal(decode_records(wire, 1, 0, "0174 02 00 01 00 00 0000000000000000 00 00"),
                     ST_OK);
    /* A sensor's age 1 counts back nothing: 0 says so already. */
    assert_int_equal(decode_records(wire, 1, 1, "0174 02 00 00 00 01 00 01"), ST_MALFORMED);
    assert_int_equal(decode_records(wire, 1, 1, "0174 00 01 00 00"), ST_MALFORMED);
}

static void test_tables_are_in_the_order_of_first_use_and_without_repetition(void **state)
{
    struct wire *const wire = *state;
    const char *const both = "0174 04 00 00 00 01 00 00 02 00 00 01 00";
    assert_int_equal(decode_records(wire, 2, 2, both), ST_OK);
    assert_int_equal(decode_records(wire, 2, 2, PLAIN), ST_MALFORMED); /* n02 is not named */
    assert_int_equal(decode_records(wire, 1, 1, PLAIN), ST_MALFORMED); /* "a" is not named */
    /* n02 is named before n01. */
    assert_int_equal(decode_records(wire, 2, 0, "0174 02 01 00 00 00" PLAIN), ST_MALFORMED);
    /* Both name n01. */
    assert_int_equal(decode_records(wire, 3, 2, both), ST_MALFORMED);
    assert_int_equal(decode_records(wire, 2, 3, both), ST_MALFORMED);
}

static void test_a_batch_with_one_bad_track_is_refused_whole(void **state)
{
    struct wire *const wire = *state;
    assert_int_equal(decode_records(wire, 1, 0, PLAIN PLAIN PLAIN), ST_OK);
    assert_int_equal(decode_records(wire, 1, 0, PLAIN PLAIN "0174 02 00 20 00 00"), ST_MALFORMED);
}

static void test_ten_thousand_sensors_are_too_many(void **state)
{
    struct wire *const wire = *state;
    assert_int_equal(decode_records(wire, 1, 0, "0174 02 00 00 00 904e"), ST_TOO_LARGE);
    assert_int_equal(decode_records(wire, 1, 0, "0174 8201 00 00 00 00"), ST_TOO_LARGE);
}

static void test_a_head_out_of_bounds_is_refused(void **state)
{
    struct wire *const wire = *state;
    static const uint64_t heads[][4] = {
        {2, 1, 1000, 0},
        {1, PACK_SEQUENCE_MAX + 1, 1000, 0},
        {1, 2, (HLC_STAMP_MAX >> 16) + 1, 0},
        {1, 2, 1000, HLC_STAMP_MAX + 1},
    };
    for (unsigned i = 0; i <= COUNT_OF(heads); i++) {
        static const uint64_t good[4] = {2, 2, HLC_STAMP_MAX >> 16, HLC_STAMP_MAX};
        const uint64_t *const values = i < COUNT_OF(heads) ? heads[i] : good;
        struct buf out = wire_buf(wire);
        pack_array(&out, 7);
        for (unsigned k = 0; k < 4; k++)
            pack_uint(&out, values[k]);
        pack_array(&out, 0);
        pack_array(&out, 0);
        pack_bin(&out, BYTES_EMPTY);
        assert_int_equal(decode(wire, buf_bytes(&out)), i < COUNT_OF(heads) ? ST_MALFORMED : ST_OK);
    }
}

static void test_tables_that_are_too_long_are_refused(void **state)
{
    struct wire *const wire = *state;
    struct buf out = wire_buf(wire);
    pack_array(&out, 7);
    for (unsigned k = 0; k < 4; k++)
        pack_uint(&out, 1);
    pack_array(&out, TRACK_BATCH_WRITERS_MAX + 1);
    for (unsigned i = 0; i <= TRACK_BATCH_WRITERS_MAX; i++) {
        pack_array(&out, 2);
        pack_text(&out, BYTES_LITERAL("n"));
        pack_uint(&out, i);
    }
    pack_array(&out, 0);
    pack_bin(&out, BYTES_EMPTY);
    assert_int_equal(decode(wire, buf_bytes(&out)), ST_TOO_LARGE);
}

static void test_numbers_have_one_form_each(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
    uint8_t memory[16];
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct buf out = buf_of(memory, sizeof memory);
        varint_put(&out, values[i]);
        struct varint_reader in = {.at = memory, .end = memory + out.size};
        assert_true(varint_take(&in) == values[i] && !in.failed && in.at == in.end);
        in = (struct varint_reader){.at = memory, .end = memory + out.size - 1};
        (void)varint_take(&in);
        assert_true(in.failed);
    }
    static const int32_t numbers[] = {0, -1, 1, 63, -64, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        struct buf out = buf_of(memory, sizeof memory);
        varint_put_signed(&out, numbers[i]);
        struct varint_reader in = {.at = memory, .end = memory + out.size};
        assert_true(varint_take_signed(&in) == numbers[i] && !in.failed);
    }
    static const char *const bad[] = {"80",
                                      "8000",
                                      "ff80",
                                      "ffffffffffffffffff02",
                                      "ffffffffffffffffff8100",
                                      "80808080808080808080"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const struct bytes bytes = bytes_of_hex(bad[i], memory, sizeof memory);
        struct varint_reader in = {.at = bytes.data, .end = bytes.data + bytes.size};
        (void)varint_take(&in);
        assert_true(in.failed);
    }
}

/* ---------------------------------------------------------------- vectors */

static void test_golden_batches(void **state)
{
    static const char *const labels[] = {"from",    "to",     "base_ms", "horizon",
                                         "writers", "labels", "records"};
    struct wire *const wire = *state;
    golden_open(&wire->golden, "track_batch.txt");
    golden_comment(&wire->golden, "Bodies of track batches (common/wire/track_msg.h).");
    begin(wire);
    golden_message(wire, "no_tracks", encode(wire), labels, recode_track_msg, "track_msg");

    names[0] = name_of("258902000");
    make_vessel(&tracks[0], 2, 4, 60000);
    assert_int_equal(track_batch_add(&writer, &names[0], &tracks[0], BODY_SIZE_MAX), ST_OK);
    golden_message(wire, "a_vessel_of_two_writers", encode(wire), labels, recode_track_msg,
                   "track_msg");

    names[1] = name_of("uav.7");
    track_init(&tracks[1]);
    const struct track_writer by = {.node = {"edge-1"}, .incarnation = 3};
    struct track_observation said = spec_observation(2, 15, 10000, 7);
    assert_int_equal(track_observe(&tracks[1], &by, STAMP(100, 5), 0, &said), ST_OK);
    said = spec_observation(3, 4, 0, 8);
    assert_int_equal(track_observe(&tracks[1], &by, STAMP(50, 0), 0, &said), ST_OK);
    tracks[1].floor = STAMP(3600000, 9);
    assert_int_equal(track_batch_add(&writer, &names[1], &tracks[1], BODY_SIZE_MAX), ST_OK);
    golden_message(wire, "and_one_with_a_floor_a_velocity_and_older_atoms", encode(wire), labels,
                   recode_track_msg, "track_msg");
    golden_close(&wire->golden);

    static uint8_t memory[TRACK_BYTES_MAX];
    for (unsigned i = 0; i < 2; i++) {
        struct buf bytes = buf_of(memory, sizeof memory);
        track_encode(&tracks[i], &bytes);
        recode_damage(wire->recoder, recode_track_state, buf_bytes(&bytes));
        corpus_seed("track_state", i == 0 ? "vessel" : "floor", buf_bytes(&bytes));
    }
}

#define TEST(function) cmocka_unit_test_setup(function, wire_reseed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_batch_is_read_as_it_was_written),
        TEST(test_a_track_of_two_writers_is_at_most_seventy_bytes),
        TEST(test_the_largest_track_fits_a_batch_of_its_own),
        TEST(test_a_track_that_does_not_fit_leaves_the_batch_as_it_was),
        TEST(test_a_body_never_exceeds_its_bound),
        TEST(test_full_tables_and_scratch_end_a_batch),
        TEST(test_a_stamp_above_the_base_is_not_added),
        TEST(test_each_record_has_one_form),
        TEST(test_tables_are_in_the_order_of_first_use_and_without_repetition),
        TEST(test_a_batch_with_one_bad_track_is_refused_whole),
        TEST(test_ten_thousand_sensors_are_too_many),
        TEST(test_a_head_out_of_bounds_is_refused),
        TEST(test_tables_that_are_too_long_are_refused),
        TEST(test_numbers_have_one_form_each),
        TEST(test_golden_batches),
    };
    return cmocka_run_group_tests(tests, wire_setup, wire_teardown);
}
