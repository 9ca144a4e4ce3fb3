/* test_tracks_report.c - what the operator asks of tracks: the list, one in full, what is archived
 * by name, time and place, the digest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud-consumer/report.h"
#include "cloud-consumer/tracks_state.h"
#include "tests/support/track_rig.h"

enum { LINES_MAX = 6000 };

static struct cloud_rig rig;
static struct track_node a, b;
static struct track track;
static struct control_reply reply;
static char lines[LINES_MAX][48]; /* first field of each record */
static size_t line_count;

static int set_up(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    track_node_open(&rig, &a, "edge-1", 1);
    track_node_open(&rig, &b, "edge-2", 2);
    a.interest = b.interest = INTEREST_NONE;
    track_node_meet(&rig, &a);
    track_node_meet(&rig, &b);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    track_node_close(&a);
    track_node_close(&b);
    cloud_rig_close(&rig);
    return 0;
}

/* Runs a verb and keeps the first field of each record, which is a text; the steps it took. */
static unsigned collect(const char *verb, const struct verb_argument *arguments, size_t count)
{
    struct buf out = buf_of(rig.scratch, 4096);
    verb_request_encode(&out, bytes_of_text(verb), arguments, count);
    cloud_rig_run(&rig,
                  (struct event){.kind = EVENT_REQUEST, .client = 3, .request = buf_bytes(&out)});
    line_count = 0;
    for (unsigned steps = 1;; steps++) {
        for (size_t i = 0; i < rig.effects->count; i++) {
            const struct effect *const effect = &rig.effects->items[i];
            if (effect->kind != EFFECT_REPLY || effect->client != 3) continue;
            assert_int_equal(control_reply_decode(rig.unpacker, effect->payload, &reply), ST_OK);
            if (reply.kind == REPLY_END) {
                assert_int_equal(reply.status, ST_OK);
                return steps;
            }
            assert_true(line_count < LINES_MAX);
            snprintf(lines[line_count++], sizeof lines[0], "%.*s", (int)reply.fields[0].text.size,
                     (const char *)reply.fields[0].text.data);
        }
        cloud_rig_wakeup(&rig);
    }
}

#define COLLECT(verb, ...)                                                                         \
    collect(verb, (const struct verb_argument[]){__VA_ARGS__},                                     \
            COUNT_OF(((const struct verb_argument[]){__VA_ARGS__})))
#define ARGUMENT(name, value)                                                                      \
    {                                                                                              \
        BYTES_LITERAL(name), BYTES_LITERAL(value)                                                  \
    }
#define NO_ARGUMENTS ARGUMENT("none", "")

/* edge-1 has seen the track there. */
static void see_at(const char *name, int64_t ms, int32_t latitude_e7, int32_t longitude_e7)
{
    struct track_writer by = {.incarnation = 1};
    const struct track_observation said = {
        .has_position = true,
        .position_confidence = 9000,
        .position = {.latitude_e7 = latitude_e7, .longitude_e7 = longitude_e7},
    };
    track_init(&track);
    assert_int_equal(node_name_from(BYTES_LITERAL("edge-1"), &by.node), ST_OK);
    assert_int_equal(track_observe(&track, &by, track_rig_stamp(&rig, ms), 0, &said), ST_OK);
    track_rig_begin(&rig);
    track_rig_add(name, &track);
    track_rig_send(&rig, &a, a.counter, a.counter + 1);
    a.counter++;
}

static void test_a_record_says_what_the_track_looks_like(void **state)
{
    (void)state;
    struct track_writer by = {.incarnation = 4};
    struct track_observation said = {
        .has_position = true,
        .has_classification = true,
        .has_sensor = true,
        .position_confidence = 9000,
        .classification_confidence = 2500,
        .position = {.latitude_e7 = 481234567, .longitude_e7 = -115000000, .altitude_mm = 1500},
    };
    track_init(&track);
    track_rig_see(&track, "edge-2", track_rig_stamp(&rig, -2000), 5);
    static struct track other;
    track_init(&other);
    assert_int_equal(node_name_from(BYTES_LITERAL("edge-1"), &by.node), ST_OK);
    assert_int_equal(track_label_from(BYTES_LITERAL("ship"), &said.classification), ST_OK);
    assert_int_equal(track_label_from(BYTES_LITERAL("camera"), &said.sensor), ST_OK);
    assert_int_equal(track_observe(&other, &by, track_rig_stamp(&rig, -1000), 0, &said), ST_OK);
    (void)track_join(&track, &other, 0);
    track_rig_begin(&rig);
    track_rig_add("T1", &track);
    track_rig_send(&rig, &a, 0, 1);
    assert_int_equal(cloud_rig_verb(&rig, "track-list", NULL), ST_OK);
    assert_int_equal(rig.record_count, 1);
    assert_true(cloud_rig_field_is(&rig, "track", "T1"));
    assert_true(cloud_rig_field_is(&rig, "latitude_deg", "48.1234567"));
    assert_true(cloud_rig_field_is(&rig, "longitude_deg", "-11.5"));
    assert_true(cloud_rig_field_is(&rig, "altitude_m", "1.5"));
    assert_true(cloud_rig_field_is(&rig, "position_confidence", "0.9"));
    assert_true(cloud_rig_field_is(&rig, "position_by", "edge-1"));
    assert_true(cloud_rig_field_is(&rig, "classification", "ship"));
    assert_true(cloud_rig_field_is(&rig, "classification_confidence", "0.25"));
    assert_int_equal(cloud_rig_field(&rig, "sensors"), 2);
    assert_int_equal(cloud_rig_field(&rig, "observers"), 2);
    assert_int_equal(cloud_rig_field(&rig, "conflicts"), 1);
    /* In full: the track, two slots, two sensors. */
    assert_int_equal(COLLECT("track-show", ARGUMENT("name", "T1")), 1);
    assert_int_equal(line_count, 5);
    const char *const expected[] = {"T1", "edge-1", "edge-2", "camera", "radar"};
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(lines[i], expected[i]);
}

static void test_the_list_is_by_name_in_slices(void **state)
{
    (void)state;
    track_rig_send_many(&rig, &a, "T", 1000, -1000);
    assert_true(COLLECT("track-list", NO_ARGUMENTS) >= 1000 / SLICE_RECORDS_MAX);
    assert_int_equal(line_count, 1000);
    for (unsigned i = 0; i < 1000; i++)
        assert_string_equal(lines[i], track_rig_name("T", i).text);
}

static void test_the_list_goes_on_after_a_name_up_to_a_limit(void **state)
{
    (void)state;
    track_rig_send_many(&rig, &a, "T", 300, -1000);
    COLLECT("track-list", ARGUMENT("after", "T0210"), ARGUMENT("limit", "5"));
    assert_int_equal(line_count, 5);
    assert_string_equal(lines[0], "T0211");
    assert_string_equal(lines[4], "T0215");
    COLLECT("track-list", ARGUMENT("limit", "200"));
    assert_int_equal(line_count, 200);
    COLLECT("track-list", ARGUMENT("limit", "0"));
    assert_int_equal(line_count, 0);
}

static void test_historical_and_removed_tracks_are_listed_only_on_demand(void **state)
{
    (void)state;
    see_at("OLD", -700 * 1000, 1, 1);
    see_at("NEW", 0, 1, 1);
    see_at("GONE", 0, 1, 1);
    assert_true(track_remove(&track));
    track_rig_begin(&rig);
    track_rig_add("GONE", &track);
    track_rig_send(&rig, &a, 3, 4);
    COLLECT("track-list", NO_ARGUMENTS);
    assert_int_equal(line_count, 1);
    assert_string_equal(lines[0], "NEW");
    COLLECT("track-list", ARGUMENT("all", "1"));
    assert_int_equal(line_count, 3);
    char since[24];
    snprintf(since, sizeof since, "%lld", (long long)(rig.now.wall_ns / 1000000));
    const struct verb_argument arguments[] = {ARGUMENT("all", "1"),
                                              {BYTES_LITERAL("since"), bytes_of_text(since)}};
    collect("track-list", arguments, 2);
    assert_int_equal(line_count, 2);
}

static void test_what_cannot_be_meant_is_answered_so(void **state)
{
    (void)state;
    const struct {
        const char *verb, *name, *value;
        enum status status;
    } cases[] = {
        {"track-list", "since", "yesterday", ST_USAGE},
        {"track-list", "limit", "-1", ST_USAGE},
        {"track-list", "after", "a/b", ST_USAGE},
        {"track-show", "name", "a b", ST_USAGE},
        {"track-show", "nam", "T1", ST_USAGE},
        {"track-show", "name", "T1", ST_NOT_FOUND},
        {"track-history", "name", "T1", ST_NOT_FOUND},
        {"track-history", "until", "x", ST_USAGE},
        {"track-history", "box", "1,2,3", ST_USAGE},
        {"track-history", "box", "1,2,3,4,5", ST_USAGE},
        {"track-history", "box", "91,2,3,4", ST_USAGE},
        {"track-history", "box", "1,2,3,181", ST_USAGE},
        {"track-history", "box", "1,2,3,", ST_USAGE},
        {"track-history", "box", "1,2,3,x", ST_USAGE},
        {"track-history", "box", "1.12345678,2,3,4", ST_USAGE},
        {"track-history", "box", "99999999999999999999,2,3,4", ST_USAGE},
        {"track-history", "box", "1..2,2,3,4", ST_USAGE},
        {"track-history", "box", "-,2,3,4", ST_USAGE},
        {"track-history", "box", ".,2,3,4", ST_USAGE},
        {"track-what", "name", "T1", ST_USAGE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const enum status status =
            cloud_rig_verb(&rig, cases[i].verb, cases[i].name, cases[i].value, NULL);
        if (status != cases[i].status)
            fail_msg("%s %s=%s: %s", cases[i].verb, cases[i].name, cases[i].value,
                     status_name(status));
        assert_true(rig.message[0] != '\0');
    }
}

/* ----------------------------------------------------------------- history */

static void test_the_history_of_one_track_goes_back_from_the_newest(void **state)
{
    (void)state;
    for (int32_t i = 0; i < 500; i++) {
        see_at("T1", i, i, i);
        if (i % 100 == 0) see_at("T2", i, i, i);
    }
    COLLECT("track-history", ARGUMENT("name", "T1"));
    assert_int_equal(line_count, 500);
    for (size_t i = 0; i < line_count; i++)
        assert_string_equal(lines[i], "T1");
    assert_int_equal(cloud_rig_verb(&rig, "track-history", "name", "T1", "limit", "1", NULL),
                     ST_OK);
    assert_true(cloud_rig_field_is(&rig, "latitude_deg", "0.0000499"));
    assert_true(cloud_rig_field_is(&rig, "node", "edge-1"));
    assert_int_equal(cloud_rig_verb(&rig, "track-history", "name", "T1", NULL), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "latitude_deg", "0"));
}

static void test_the_history_of_all_is_in_the_order_of_time(void **state)
{
    (void)state;
    see_at("C", 30, 1, 1);
    see_at("A", 10, 1, 1);
    see_at("B", 20, 1, 1);
    COLLECT("track-history", NO_ARGUMENTS);
    assert_int_equal(line_count, 3);
    assert_string_equal(lines[0], "A");
    assert_string_equal(lines[1], "B");
    assert_string_equal(lines[2], "C");
}

static size_t history_between(int64_t since_ms, int64_t until_ms, const char *name)
{
    char since[24], until[24];
    const int64_t now_ms = rig.now.wall_ns / 1000000;
    snprintf(since, sizeof since, "%lld", (long long)(now_ms + since_ms));
    snprintf(until, sizeof until, "%lld", (long long)(now_ms + until_ms));
    const struct verb_argument arguments[] = {{BYTES_LITERAL("since"), bytes_of_text(since)},
                                              {BYTES_LITERAL("until"), bytes_of_text(until)},
                                              {BYTES_LITERAL("name"), bytes_of_text(name)}};
    collect("track-history", arguments, name[0] == '\0' ? 2 : 3);
    return line_count;
}

static void test_the_history_between_two_times(void **state)
{
    (void)state;
    for (int32_t i = 0; i < 100; i++)
        see_at(i % 2 == 0 ? "EVEN" : "ODD", i, i, i);
    assert_int_equal(history_between(10, 19, ""), 10);
    assert_int_equal(history_between(10, 19, "ODD"), 5);
    assert_int_equal(history_between(100, 200, ""), 0);
    assert_int_equal(history_between(-50, 0, ""), 1);
}

static size_t history_in(const char *box)
{
    const struct verb_argument argument = {BYTES_LITERAL("box"), bytes_of_text(box)};
    collect("track-history", &argument, 1);
    return line_count;
}

static void test_the_history_within_a_box(void **state)
{
    (void)state;
    see_at("MUNICH", 0, 481400000, 115800000);
    see_at("BERLIN", 1, 525200000, 134050000);
    see_at("FIJI-W", 2, -178000000, 1790000000);
    see_at("FIJI-E", 3, -178000000, -1790000000);
    track_rig_send_one(&rig, &a, "ZERO", 0);
    struct track_observation said = {.has_sensor = true};
    struct track_writer by = {.incarnation = 1};
    assert_int_equal(node_name_from(BYTES_LITERAL("edge-1"), &by.node), ST_OK);
    assert_int_equal(track_label_from(BYTES_LITERAL("s"), &said.sensor), ST_OK);
    track_init(&track);
    assert_int_equal(track_observe(&track, &by, track_rig_stamp(&rig, 9), 0, &said), ST_OK);
    track_rig_begin(&rig);
    track_rig_add("NOWHERE", &track);
    track_rig_send(&rig, &a, a.counter, a.counter + 1);
    assert_int_equal(history_in("-90,-180,90,180"), 5);
    assert_int_equal(history_in("48.1,11.5,48.2,11.6"), 1);
    assert_string_equal(lines[0], "MUNICH");
    assert_int_equal(history_in("48.2,11.5,48.1,11.6"), 1); /* corners in either order */
    assert_int_equal(history_in("48.14,11.58,48.14,11.58"), 1);
    assert_int_equal(history_in("48.1400001,11.58,49,11.58"), 0);
    assert_int_equal(history_in("40,5,55,15"), 2);
    assert_int_equal(history_in("-20,170,-10,-170"), 2); /* across 180 degrees */
    assert_int_equal(history_in("-20,-180,-10,-170"), 1);
    assert_string_equal(lines[0], "FIJI-E");
}

/* Rows that do not match are passed over in slices too. */
static void test_a_long_history_is_read_in_slices(void **state)
{
    (void)state;
    track_rig_send_many(&rig, &a, "T", 4500, -10000);
    see_at("HIT", 0, 900000000, 0);
    assert_true(history_in("89,-1,90,1") == 1);
    const struct verb_argument argument = {BYTES_LITERAL("box"), BYTES_LITERAL("89,-1,90,1")};
    assert_true(collect("track-history", &argument, 1) >= 3);
    COLLECT("track-history", NO_ARGUMENTS);
    assert_int_equal(line_count, 4501);
    COLLECT("track-history", ARGUMENT("limit", "4321"));
    assert_int_equal(line_count, 4321);
}

static void test_equal_replicas_have_equal_digests(void **state)
{
    (void)state;
    char empty[80], one[80];
    assert_int_equal(cloud_rig_verb(&rig, "track-digest", NULL), ST_OK);
    snprintf(empty, sizeof empty, "%.*s", (int)rig.reply->fields[0].text.size,
             (const char *)rig.reply->fields[0].text.data);
    assert_int_equal(strlen(empty), 64);
    track_rig_send_one(&rig, &a, "T1", 1);
    assert_int_equal(cloud_rig_verb(&rig, "track-digest", NULL), ST_OK);
    snprintf(one, sizeof one, "%.*s", (int)rig.reply->fields[0].text.size,
             (const char *)rig.reply->fields[0].text.data);
    assert_string_not_equal(one, empty);
    /* The same state by another way makes no difference. */
    track_init(&track);
    track_rig_see(&track, "edge-1", track_rig_stamp(&rig, 0), 1);
    track_rig_begin(&rig);
    track_rig_add("T1", &track);
    track_rig_send(&rig, &b, 0, 1);
    assert_int_equal(cloud_rig_verb(&rig, "track-digest", NULL), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "digest", one));
    assert_int_equal(cloud_rig_field(&rig, "counter"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_record_says_what_the_track_looks_like),
        TEST(test_the_list_is_by_name_in_slices),
        TEST(test_the_list_goes_on_after_a_name_up_to_a_limit),
        TEST(test_historical_and_removed_tracks_are_listed_only_on_demand),
        TEST(test_what_cannot_be_meant_is_answered_so),
        TEST(test_the_history_of_one_track_goes_back_from_the_newest),
        TEST(test_the_history_of_all_is_in_the_order_of_time),
        TEST(test_the_history_between_two_times),
        TEST(test_the_history_within_a_box),
        TEST(test_a_long_history_is_read_in_slices),
        TEST(test_equal_replicas_have_equal_digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
