/* test_observation.c - is what a sensor says read exactly, and refused with a reason when it is
 * wrong? */
#include "common/wire/observation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/utc_text.h"
#include "tests/support/intake_check.h"
#include "tests/support/wire_check.h"

enum { MEMORY_SIZE = 128 * 1024 };

static uint8_t memory[MEMORY_SIZE];
static char reason_text[DOCUMENT_REASON_SIZE_MAX + 1];
static struct buf reason;

static enum status read_bytes(struct bytes payload, struct observation *out)
{
    memset(reason_text, 0, sizeof reason_text);
    reason = buf_of(reason_text, DOCUMENT_REASON_SIZE_MAX);
    return observation_read(payload, out, &reason);
}

static struct observation observed(const char *text)
{
    struct observation out;
    if (read_bytes(bytes_of_text(text), &out) != ST_OK) fail_msg("%s: %s", text, reason_text);
    return out;
}

static void refused(const char *text, const char *expected)
{
    struct observation out;
    assert_int_equal(read_bytes(bytes_of_text(text), &out), ST_MALFORMED);
    assert_string_equal(reason_text, expected);
}

/* The rest of the reason is the parser's own. */
static void refused_as(const char *text, const char *words)
{
    struct observation out;
    assert_int_equal(read_bytes(bytes_of_text(text), &out), ST_MALFORMED);
    assert_non_null(strstr(reason_text, words));
}

static struct bytes hex(const char *digits)
{
    return bytes_of_hex(digits, memory, sizeof memory);
}

/* ---------------------------------------------------------------- reading */

#define WHOLE                                                                                      \
    "{\"position\":{\"lat\":48.1,\"lon\":-11.5000001,\"alt\":520.25},"                             \
    "\"position_confidence\":0.9,"                                                                 \
    "\"velocity\":{\"north\":-1.5,\"east\":2,\"up\":0.001},"                                       \
    "\"classification\":\"vessel/cargo\",\"classification_confidence\":0.12345,"                   \
    "\"sensor\":\"ais-7\",\"time\":\"2025-11-22T16:20:48.123Z\"}"

static void test_every_member_is_read_in_the_units_of_a_track(void **state)
{
    const struct observation out = observed(WHOLE);
    const struct track_position *const position = &out.said.position;
    (void)state;
    assert_true(out.said.has_position && out.said.has_classification && out.said.has_sensor);
    assert_int_equal(position->latitude_e7, 481000000);
    assert_int_equal(position->longitude_e7, -115000001);
    assert_int_equal(position->altitude_mm, 520250);
    assert_true(position->has_velocity);
    assert_int_equal(position->north_mm_s, -1500);
    assert_int_equal(position->east_mm_s, 2000);
    assert_int_equal(position->up_mm_s, 1);
    assert_int_equal(out.said.position_confidence, 9000);
    assert_int_equal(out.said.classification_confidence, 1235);
    assert_true(
        bytes_equal(track_label_text(&out.said.classification), BYTES_LITERAL("vessel/cargo")));
    assert_true(bytes_equal(track_label_text(&out.said.sensor), BYTES_LITERAL("ais-7")));
    assert_true(out.has_time);
    assert_int_equal(out.time_ms, 1763828448123);
}

/* What is not said stays zero, so that nothing old leaks into a track. */
static void test_what_is_not_said_is_zero(void **state)
{
    struct observation out, zero;
    (void)state;
    memset(&out, 0xA5, sizeof out);
    memset(&zero, 0, sizeof zero);
    assert_int_equal(read_bytes(BYTES_LITERAL("{\"sensor\":\"s\"}"), &out), ST_OK);
    assert_true(out.said.has_sensor && !out.said.has_position && !out.said.has_classification);
    assert_memory_equal(&out.said.position, &zero.said.position, sizeof zero.said.position);
    assert_memory_equal(&out.said.classification, &zero.said.classification,
                        sizeof zero.said.classification);
    assert_int_equal(out.said.position_confidence, 0);
    assert_int_equal(out.said.classification_confidence, 0);
    assert_false(out.has_time);
    assert_int_equal(out.time_ms, 0);
}

static void test_a_missing_confidence_is_one_half(void **state)
{
    struct observation out = observed("{\"position\":{\"lat\":0,\"lon\":0}}");
    (void)state;
    assert_int_equal(out.said.position_confidence, 5000);
    assert_int_equal(out.said.classification_confidence, 0);
    out = observed("{\"classification\":\"bird\"}");
    assert_int_equal(out.said.classification_confidence, 5000);
    assert_int_equal(out.said.position_confidence, 0);
}

static void test_altitude_and_climb_may_be_missing(void **state)
{
    const struct observation out = observed("{\"position\":{\"lat\":1,\"lon\":2},"
                                            "\"velocity\":{\"north\":3,\"east\":4}}");
    (void)state;
    assert_int_equal(out.said.position.altitude_mm, 0);
    assert_true(out.said.position.has_velocity);
    assert_int_equal(out.said.position.up_mm_s, 0);
}

static void test_the_bounds_themselves_are_allowed(void **state)
{
    static const char *const cases[] = {
        "{\"position\":{\"lat\":90,\"lon\":180,\"alt\":2000000},\"position_confidence\":1}",
        "{\"position\":{\"lat\":-90,\"lon\":-180.0,\"alt\":-2e6},\"position_confidence\":0}",
        "{\"position\":{\"lat\":-0.0,\"lon\":0},\"velocity\":{\"north\":2e4,\"east\":-2e4}}",
        "{\"classification\":\"a\",\"classification_confidence\":1.0,\"time\":0}",
        "{\"sensor\":\"s\",\"time\":253402300799999}",
        "{\"sensor\":\"0123456789012345678901234567890123456789012345678901234567890123\"}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct observation out = observed(cases[i]);
        assert_true(!out.said.has_position || track_position_ok(&out.said.position));
        assert_true(intake_observation(bytes_of_text(cases[i])));
    }
}

static void test_numbers_are_rounded_to_the_nearest_unit(void **state)
{
    static const struct {
        const char *lat;
        int32_t latitude_e7;
    } cases[] = {
        {"0.00000004", 0},
        {"0.00000006", 1},
        {"-0.00000006", -1},
        {"48.12345678", 481234568},
        {"-48.12345674", -481234567},
        {"1e-7", 1},
        {"89.99999999", 900000000},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[128];
        snprintf(text, sizeof text, "{\"position\":{\"lat\":%s,\"lon\":0}}", cases[i].lat);
        const struct observation out = observed(text);
        assert_int_equal(out.said.position.latitude_e7, cases[i].latitude_e7);
    }
    assert_int_equal(observed("{\"sensor\":\"s\",\"time\":1500.6}").time_ms, 1501);
}

/* {position: {lat: 48.5 (float32), lon: 11}, time: 1763828448123, sensor: "s"} */
#define PACKED                                                                                     \
    "83 a8706f736974696f6e 82 a36c6174 ca42420000 a36c6f6e 0b a474696d65 cf0000019aac5e3b7b "      \
    "a673656e736f72 a173"

static void test_messagepack_says_the_same(void **state)
{
    struct observation out;
    (void)state;
    assert_int_equal(read_bytes(hex(PACKED), &out), ST_OK);
    assert_int_equal(out.said.position.latitude_e7, 485000000);
    assert_int_equal(out.said.position.longitude_e7, 110000000);
    assert_int_equal(out.time_ms, 1763828448123);
    assert_true(bytes_equal(track_label_text(&out.said.sensor), BYTES_LITERAL("s")));
}

/* --------------------------------------------------------------- refusals */

static void test_numbers_out_of_range_are_refused_with_their_bounds(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{\"position\":{\"lat\":91.2,\"lon\":0}}", "position.lat is 91.2: -90 to 90 is allowed"},
        {"{\"position\":{\"lat\":-90.0000001,\"lon\":0}}",
         "position.lat is -90.0000001: -90 to 90 is allowed"},
        {"{\"position\":{\"lat\":0,\"lon\":180.5}}",
         "position.lon is 180.5: -180 to 180 is allowed"},
        {"{\"position\":{\"lat\":0,\"lon\":-181}}", "position.lon is -181: -180 to 180 is allowed"},
        {"{\"position\":{\"lat\":0,\"lon\":1e308}}",
         "position.lon is 1e+308: -180 to 180 is allowed"},
        {"{\"position\":{\"lat\":0,\"lon\":0,\"alt\":2000000.001}}",
         "position.alt is 2000000.001: -2000000 to 2000000 is allowed"},
        {"{\"position\":{\"lat\":0,\"lon\":0,\"alt\":-9223372036854775808}}",
         "position.alt is -9.223372036854776e+18: -2000000 to 2000000 is allowed"},
        {"{\"position\":{\"lat\":0,\"lon\":0},\"position_confidence\":1.1}",
         "position_confidence is 1.1: 0 to 1 is allowed"},
        {"{\"position\":{\"lat\":0,\"lon\":0},\"position_confidence\":-1e-9}",
         "position_confidence is -1e-09: 0 to 1 is allowed"},
        {"{\"classification\":\"c\",\"classification_confidence\":95}",
         "classification_confidence is 95: 0 to 1 is allowed"},
        {"{\"position\":{\"lat\":0,\"lon\":0},\"velocity\":{\"north\":20001,\"east\":0}}",
         "velocity.north is 20001: -20000 to 20000 is allowed"},
        {"{\"position\":{\"lat\":0,\"lon\":0},\"velocity\":{\"north\":0,\"east\":-1e9}}",
         "velocity.east is -1000000000: -20000 to 20000 is allowed"},
        {"{\"position\":{\"lat\":0,\"lon\":0},\"velocity\":{\"north\":0,\"east\":0,\"up\":3e8}}",
         "velocity.up is 300000000: -20000 to 20000 is allowed"},
        {"{\"sensor\":\"s\",\"time\":-1}", "time is -1: 0 to 253402300799999 is allowed"},
        {"{\"sensor\":\"s\",\"time\":1e300}", "time is 1e+300: 0 to 253402300799999 is allowed"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        refused(cases[i].text, cases[i].words);
}

static void test_numbers_that_are_not_finite_are_refused(void **state)
{
    /* {position: {lat: NaN, lon: 0}}, and infinite; JSON has no way to say it but 1e400. */
    static const char *const packed[] = {
        "81 a8706f736974696f6e 82 a36c6174 cb7ff8000000000000 a36c6f6e 00",
        "81 a8706f736974696f6e 82 a36c6174 ca7f800000 a36c6f6e 00",
        "81 a8706f736974696f6e 82 a36c6174 00 a36c6f6e cbfff0000000000000",
    };
    struct observation out;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(packed); i++) {
        assert_int_equal(read_bytes(hex(packed[i]), &out), ST_MALFORMED);
        assert_string_equal(reason_text, "it has a number that is NaN or infinite");
    }
    refused_as("{\"position\":{\"lat\":1e400,\"lon\":0}}", "a number is too large");
    refused_as("{\"position\":{\"lat\":NaN,\"lon\":0}}", "this is no JSON");
}

static void test_members_of_another_kind_are_refused(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"[]", "it is an array: an object is wanted"},
        {"null", "it is null: an object is wanted"},
        {"{\"position\":[48.1,11.5]}", "position is an array: an object is wanted"},
        {"{\"position\":null}", "position is null: an object is wanted"},
        {"{\"position\":{\"lat\":\"48.1\",\"lon\":0}}",
         "position.lat is a text: a number is wanted"},
        {"{\"position\":{\"lat\":0,\"lon\":0,\"alt\":null}}",
         "position.alt is null: a number is wanted"},
        {"{\"position\":{\"lat\":0,\"lon\":0},\"position_confidence\":true}",
         "position_confidence is a boolean: a number is wanted"},
        {"{\"position\":{\"lat\":0,\"lon\":0},\"velocity\":12}",
         "velocity is an integer: an object is wanted"},
        {"{\"classification\":7}", "classification is an integer: a text is wanted"},
        {"{\"sensor\":{}}", "sensor is an object: a text is wanted"},
        {"{\"sensor\":\"s\",\"time\":true}",
         "time is a boolean: RFC 3339 text or milliseconds since 1970 are wanted"},
        {"{\"sensor\":\"s\",\"time\":\"noon\"}",
         "time is no RFC 3339 time in UTC like 2026-11-22T16:20:48.123Z"},
        {"{\"sensor\":\"s\",\"time\":\"2026-11-22T16:20:48\"}",
         "time is no RFC 3339 time in UTC like 2026-11-22T16:20:48.123Z"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        refused(cases[i].text, cases[i].words);
}

static void test_partners_must_be_there(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{\"position\":{\"lat\":0}}", "position.lon is missing"},
        {"{\"position\":{\"lon\":0,\"alt\":1}}", "position.lat is missing"},
        {"{\"position\":{}}", "position.lat is missing"},
        {"{\"position\":{\"lat\":0,\"lon\":0},\"velocity\":{\"north\":0}}",
         "velocity.east is missing"},
        {"{\"sensor\":\"s\",\"position_confidence\":1}",
         "position_confidence is there without a position"},
        {"{\"sensor\":\"s\",\"velocity\":{\"north\":0,\"east\":0}}",
         "velocity is there without a position"},
        {"{\"sensor\":\"s\",\"classification_confidence\":1}",
         "classification_confidence is there without a classification"},
        {"{}", "it says nothing: position, classification or sensor is wanted"},
        {"{\"time\":0}", "it says nothing: position, classification or sensor is wanted"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        refused(cases[i].text, cases[i].words);
}

static void test_unknown_members_are_refused(void **state)
{
    (void)state;
    refused("{\"sensor\":\"s\",\"speed\":3}",
            "\"speed\" is no member of it: position, position_confidence, velocity, "
            "classification, classification_confidence, sensor and time are");
    refused("{\"position\":{\"lat\":0,\"lon\":0,\"height\":3}}",
            "\"height\" is no member of position: lat, lon and alt are");
    refused("{\"position\":{\"latitude\":0,\"longitude\":0}}",
            "\"latitude\" is no member of position: lat, lon and alt are");
    refused("{\"position\":{\"lat\":0,\"lon\":0},\"velocity\":{\"x\":1}}",
            "\"x\" is no member of velocity: north, east and up are");
    refused("{\"sensor\":\"s\",\"Sensor\":\"s\"}",
            "\"Sensor\" is no member of it: position, position_confidence, velocity, "
            "classification, classification_confidence, sensor and time are");
}

static void test_labels_are_bounded_and_printable(void **state)
{
    (void)state;
    refused("{\"sensor\":\"\"}", "sensor is 0 bytes long: 1 to 64 are allowed");
    refused("{\"sensor\":\"01234567890123456789012345678901234567890123456789012345678901234\"}",
            "sensor is 65 bytes long: 1 to 64 are allowed");
    refused("{\"classification\":\"a\\u001b[2J\"}", "classification holds control characters");
    refused("{\"classification\":\"a\\n\"}", "classification holds control characters");
    refused("{\"sensor\":\"\\u009b\"}", "sensor holds control characters");
    refused_as("{\"sensor\":\"a\\u0000\"}", "a text holds a NUL");
}

/* One payload is one observation: it names one sensor, and sensors do not come in arrays. */
static void test_ten_thousand_sensors_in_one_observation_are_refused(void **state)
{
    struct buf out = buf_of(memory, sizeof memory);
    struct observation observation;
    (void)state;
    buf_put_text(&out, "{\"sensor\":[\"s\"");
    for (unsigned i = 0; i < 9999; i++)
        buf_put_text(&out, ",\"s\"");
    buf_put_text(&out, "]}");
    assert_true(buf_ok(&out));
    assert_int_equal(read_bytes(buf_bytes(&out), &observation), ST_TOO_LARGE);
    assert_string_equal(reason_text, "it has more than 4096 values");
}

static void test_a_name_is_read_where_it_is_asked_for(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{\"sensor\":\"s\"}", "track is missing"},
        {"{\"track\":7,\"sensor\":\"s\"}", "track is an integer: a text is wanted"},
        {"{\"track\":\"a/b\",\"sensor\":\"s\"}",
         "track is no name: 1 to 64 of A-Z a-z 0-9 . _ - are allowed, a letter or digit first"},
        {"{\"track\":\"\",\"sensor\":\"s\"}",
         "track is no name: 1 to 64 of A-Z a-z 0-9 . _ - are allowed, a letter or digit first"},
    };
    struct observation out;
    struct level_name name;
    (void)state;
    assert_int_equal(observation_read_named(BYTES_LITERAL("{\"track\":\"t-1\",\"sensor\":\"s\"}"),
                                            &name, &out, NULL),
                     ST_OK);
    assert_string_equal(name.text, "t-1");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        memset(reason_text, 0, sizeof reason_text);
        reason = buf_of(reason_text, DOCUMENT_REASON_SIZE_MAX);
        assert_int_equal(observation_read_named(bytes_of_text(cases[i].text), &name, &out, &reason),
                         ST_MALFORMED);
        assert_string_equal(reason_text, cases[i].words);
    }
    /* The topic says it everywhere else, and two names could differ. */
    assert_int_equal(
        observation_read(BYTES_LITERAL("{\"track\":\"t-1\",\"sensor\":\"s\"}"), &out, NULL),
        ST_MALFORMED);
}

/* The longest reason there is: every byte of an unknown member's name takes six. */
static void test_the_longest_reason_fits(void **state)
{
    struct observation out;
    struct level_name name;
    const char *const text = "{\"track\":\"t\",\"\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001"
                             "\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001"
                             "\\u0001\\u0001\":1}";
    (void)state;
    memset(reason_text, 0, sizeof reason_text);
    reason = buf_of(reason_text, DOCUMENT_REASON_SIZE_MAX);
    assert_int_equal(observation_read_named(bytes_of_text(text), &name, &out, &reason),
                     ST_MALFORMED);
    assert_true(buf_ok(&reason));
    assert_non_null(strstr(reason_text, "sensor, time and track are"));
}

/* ---------------------------------------------------------------- writing */

static const char *decimal(int64_t value, unsigned digits)
{
    static char text[40];
    struct buf out = buf_of(text, sizeof text);
    decimal_put(value, digits, &out);
    assert_true(buf_ok(&out) && out.size < sizeof text);
    text[out.size] = '\0';
    return text;
}

static void test_decimals_say_exactly_the_integer(void **state)
{
    (void)state;
    assert_string_equal(decimal(0, 7), "0");
    assert_string_equal(decimal(1, 7), "0.0000001");
    assert_string_equal(decimal(-1, 7), "-0.0000001");
    assert_string_equal(decimal(481000000, 7), "48.1");
    assert_string_equal(decimal(480000001, 7), "48.0000001");
    assert_string_equal(decimal(-1800000000, 7), "-180");
    assert_string_equal(decimal(10000, 4), "1");
    assert_string_equal(decimal(9999, 4), "0.9999");
    assert_string_equal(decimal(1200, 3), "1.2");
    assert_string_equal(decimal(1200, 0), "1200");
    assert_string_equal(decimal(INT64_MIN, 0), "-9223372036854775808");
    assert_string_equal(decimal(INT64_MIN, 18), "-9.223372036854775808");
}

static int32_t random_within(struct rng *rng, int32_t limit)
{
    return (int32_t)((int64_t)rng_below(rng, 2 * (uint64_t)limit + 1) - limit);
}

static struct track_label random_label(struct rng *rng)
{
    static const char characters[] = "abcXYZ0189 /-_.:\"\\\xC3\xA4";
    struct track_label label = {.size = (uint8_t)(1 + rng_below(rng, TRACK_LABEL_SIZE_MAX - 2))};
    for (unsigned i = 0; i < label.size; i++)
        label.text[i] = characters[rng_below(rng, sizeof characters - 3)];
    if (rng_chance(rng, 300)) {
        memcpy(label.text + label.size, "\xC3\xA4", 2);
        label.size = (uint8_t)(label.size + 2);
        if (label.size > TRACK_LABEL_SIZE_MAX) label.size = 1;
    }
    memset(label.text + label.size, 0, (size_t)(TRACK_LABEL_SIZE_MAX - label.size));
    return label;
}

static struct track_observation random_observation(struct rng *rng)
{
    struct track_observation said = {0};
    said.has_position = rng_chance(rng, 700);
    said.has_classification = rng_chance(rng, 500);
    said.has_sensor = rng_chance(rng, 500) || (!said.has_position && !said.has_classification);
    if (said.has_position) {
        said.position = (struct track_position){
            .latitude_e7 = random_within(rng, TRACK_LATITUDE_E7_MAX),
            .longitude_e7 = random_within(rng, TRACK_LONGITUDE_E7_MAX),
            .altitude_mm = random_within(rng, TRACK_ALTITUDE_MM_MAX),
            .has_velocity = rng_chance(rng, 500),
        };
        said.position_confidence = (uint16_t)rng_below(rng, TRACK_CONFIDENCE_MAX + 1);
    }
    if (said.position.has_velocity) {
        said.position.north_mm_s = random_within(rng, TRACK_VELOCITY_MM_S_MAX);
        said.position.east_mm_s = random_within(rng, TRACK_VELOCITY_MM_S_MAX);
        said.position.up_mm_s = random_within(rng, TRACK_VELOCITY_MM_S_MAX);
    }
    if (said.has_classification) {
        said.classification = random_label(rng);
        said.classification_confidence = (uint16_t)rng_below(rng, TRACK_CONFIDENCE_MAX + 1);
    }
    if (said.has_sensor) said.sensor = random_label(rng);
    return said;
}

static void test_what_is_written_is_read_as_the_same(void **state)
{
    struct rng rng;
    const struct level_name track = {"track-1"};
    (void)state;
    rng_seed(&rng, 3);
    for (unsigned round = 0; round < 5000; round++) {
        const struct track_observation said = random_observation(&rng);
        const int64_t time_ms =
            rng_chance(&rng, 500) ? (int64_t)rng_below(&rng, (uint64_t)UTC_TEXT_MS_MAX + 1) : -1;
        struct buf json = buf_of(memory, OBSERVATION_JSON_SIZE_MAX);
        struct observation out;
        struct level_name name = track;
        observation_write_json(round % 2 == 0 ? NULL : &track, &said, time_ms, &json);
        assert_true(buf_ok(&json));
        assert_int_equal(round % 2 == 0
                             ? observation_read(buf_bytes(&json), &out, NULL)
                             : observation_read_named(buf_bytes(&json), &name, &out, NULL),
                         ST_OK);
        assert_string_equal(name.text, "track-1");
        /* Both were built from zero, so that the padding is zero too. */
        assert_memory_equal(&out.said, &said, sizeof said);
        assert_int_equal(out.has_time, time_ms >= 0);
        assert_int_equal(out.time_ms, time_ms >= 0 ? time_ms : 0);
    }
}

static void test_the_largest_observation_fits_its_bound(void **state)
{
    struct track_observation said = {.has_position = true,
                                     .has_classification = true,
                                     .has_sensor = true,
                                     .position_confidence = 9999,
                                     .classification_confidence = 9999};
    struct level_name track = {0};
    struct buf json = buf_of(memory, OBSERVATION_JSON_SIZE_MAX);
    (void)state;
    said.position = (struct track_position){
        .latitude_e7 = -899999999,
        .longitude_e7 = -1799999999,
        .altitude_mm = -1999999999,
        .has_velocity = true,
        .north_mm_s = -19999999,
        .east_mm_s = -19999999,
        .up_mm_s = -19999999,
    };
    memset(track.text, 'x', LEVEL_NAME_SIZE_MAX);
    said.sensor.size = said.classification.size = TRACK_LABEL_SIZE_MAX;
    memset(said.sensor.text, '"', TRACK_LABEL_SIZE_MAX);
    memset(said.classification.text, '\\', TRACK_LABEL_SIZE_MAX);
    observation_write_json(&track, &said, UTC_TEXT_MS_MAX, &json);
    assert_true(buf_ok(&json));
}

/* ----------------------------------------------------------------- golden */

static void golden_case(struct golden *golden, const char *name, struct bytes payload)
{
    struct observation out;
    struct buf json = buf_of(memory + MEMORY_SIZE / 2, OBSERVATION_JSON_SIZE_MAX);
    if (read_bytes(payload, &out) != ST_OK) fail_msg("%s: %s", name, reason_text);
    observation_write_json(NULL, &out.said, out.has_time ? out.time_ms : -1, &json);
    assert_true(buf_ok(&json));
    golden_section(golden, name);
    if (payload.data[0] == '{')
        buf_put_format(&golden->text, "payload: %.*s\n", (int)payload.size, payload.data);
    else
        golden_field(golden, "payload", payload);
    buf_put_format(&golden->text, "written: %.*s\n", (int)json.size, json.data);
    corpus_seed("observation", name, payload);
    intake_damage(intake_observation, payload);
}

static void test_golden_observations(void **state)
{
    static struct golden golden;
    (void)state;
    golden_open(&golden, "observation.txt");
    golden_comment(&golden, "Observations as publishers send them, JSON as text and MessagePack as "
                            "hex, and as\nobservation_write_json writes what was read "
                            "(common/wire/observation.h).");
    golden_case(&golden, "whole", BYTES_LITERAL(WHOLE));
    golden_case(&golden, "position_only",
                BYTES_LITERAL("{ \"position\": {\"lon\": 1e-7, \"lat\": -90} }"));
    golden_case(&golden, "classification_only",
                BYTES_LITERAL("{\"classification\":\"V\\u00f6gel \\\"x\\\"\",\"time\":0}"));
    golden_case(&golden, "sensor_only", BYTES_LITERAL("{\"sensor\":\"radar\"}"));
    golden_case(&golden, "messagepack", hex(PACKED));
    golden_close(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_member_is_read_in_the_units_of_a_track),
        cmocka_unit_test(test_what_is_not_said_is_zero),
        cmocka_unit_test(test_a_missing_confidence_is_one_half),
        cmocka_unit_test(test_altitude_and_climb_may_be_missing),
        cmocka_unit_test(test_the_bounds_themselves_are_allowed),
        cmocka_unit_test(test_numbers_are_rounded_to_the_nearest_unit),
        cmocka_unit_test(test_messagepack_says_the_same),
        cmocka_unit_test(test_numbers_out_of_range_are_refused_with_their_bounds),
        cmocka_unit_test(test_numbers_that_are_not_finite_are_refused),
        cmocka_unit_test(test_members_of_another_kind_are_refused),
        cmocka_unit_test(test_partners_must_be_there),
        cmocka_unit_test(test_unknown_members_are_refused),
        cmocka_unit_test(test_labels_are_bounded_and_printable),
        cmocka_unit_test(test_ten_thousand_sensors_in_one_observation_are_refused),
        cmocka_unit_test(test_a_name_is_read_where_it_is_asked_for),
        cmocka_unit_test(test_the_longest_reason_fits),
        cmocka_unit_test(test_decimals_say_exactly_the_integer),
        cmocka_unit_test(test_what_is_written_is_read_as_the_same),
        cmocka_unit_test(test_the_largest_observation_fits_its_bound),
        cmocka_unit_test(test_golden_observations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
