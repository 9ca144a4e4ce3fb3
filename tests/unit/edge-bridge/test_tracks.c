/* test_tracks.c - observations at the edge: what is taken, what is refused and how the sensor hears
 * of it, and what the operator is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/edge_tracks.h"

static struct edge_rig rig;
static struct track track;

#define POSITION "{\"position\":{\"lat\":48.1,\"lon\":11.5}}"

static int set_up(void **state)
{
    (void)state;
    edge_rig_open(&rig);
    /* A fresh store's stamps begin up to a second ahead of the clock. */
    edge_rig_pass_ms(&rig, 2000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_rig_close(&rig);
    return 0;
}

/* The n-th reply among the last effects. */
static const struct control_reply *reply_at(size_t n)
{
    static struct control_reply reply;
    for (size_t i = 0; i < rig.effects->count; i++) {
        const struct effect *effect = &rig.effects->items[i];
        if (effect->kind != EFFECT_REPLY || n-- > 0) continue;
        assert_int_equal(control_reply_decode(rig.unpacker, effect->payload, &reply), ST_OK);
        return &reply;
    }
    return NULL;
}

static enum status observe(const char *json)
{
    return edge_tracks_observe(&rig, "ship-1", json).status;
}

/* ---- Over the local broker ------------------------------------------------------------------- */

static void publish(const char *topic, struct bytes payload)
{
    struct event event = {.kind = EVENT_MESSAGE, .link = LINK_LOCAL};
    event.message.topic = bytes_of_text(topic);
    event.message.payload = payload;
    event.message.response_topic = BYTES_LITERAL("sensor/answers");
    event.message.correlation = BYTES_LITERAL("7");
    edge_rig_run(&rig, event);
}

/* The JSON that went to the response topic; "" when none did. */
static const char *answer(void)
{
    static char text[2048];
    text[0] = '\0';
    for (size_t i = 0; i < rig.effects->count; i++) {
        const struct effect *effect = &rig.effects->items[i];
        if (effect->kind != EFFECT_PUBLISH || effect->link != LINK_LOCAL) continue;
        if (!bytes_equal(effect->topic, BYTES_LITERAL("sensor/answers"))) continue;
        assert_true(bytes_equal(effect->correlation, BYTES_LITERAL("7")));
        snprintf(text, sizeof(text), "%.*s", (int)effect->payload.size,
                 (const char *)effect->payload.data);
    }
    return text;
}

static void test_a_published_observation_is_answered_with_its_stamp(void **state)
{
    (void)state;
    publish("local/track/ship-1", BYTES_LITERAL(POSITION));
    assert_true(edge_tracks_held(&rig, "ship-1", &track));
    char expected[256];
    snprintf(expected, sizeof(expected),
             "{\"track\":\"ship-1\",\"status\":\"ok\",\"hlc\":%llu,"
             "\"time\":\"2027-01-15T08:00:02.000Z\"}",
             (unsigned long long)track.slots[0].hlc);
    assert_string_equal(answer(), expected);
}

static void test_a_refused_observation_is_answered_with_the_reason(void **state)
{
    (void)state;
    publish("local/track/ship-1", BYTES_LITERAL("{\"position\":{\"lat\":91.2,\"lon\":7}}"));
    assert_non_null(strstr(answer(), "\"status\":\"ST_MALFORMED\""));
    assert_non_null(strstr(answer(), "position.lat is 91.2"));
    assert_false(edge_tracks_held(&rig, "ship-1", &track));
    assert_int_equal(edge_rig_status(&rig, "messages_refused"), 1);
}

static void test_a_name_that_is_none_is_answered_in_the_same_form(void **state)
{
    (void)state;
    publish("local/track/no name", BYTES_LITERAL(POSITION));
    assert_string_equal(answer(), "{\"track\":\"no name\",\"status\":\"ST_MALFORMED\","
                                  "\"reason\":\"this is not a track's name\"}");
    assert_int_equal(rig.edge->tracks.refused, 1);
}

static void test_what_cannot_be_an_observation_is_refused(void **state)
{
    (void)state;
    /* MessagePack: {"position": {"lat": NaN, "lon": 7}}; JSON cannot even say it. */
    static const uint8_t nan_position[] = "\x81\xa8position\x82\xa3lat\xcb\x7f\xf8\0\0\0\0\0\0"
                                          "\xa3lon\x07";
    /* {"position": {"lat": infinity, "lon": 7}} */
    static const uint8_t infinite[] = "\x81\xa8position\x82\xa3lat\xcb\x7f\xf0\0\0\0\0\0\0"
                                      "\xa3lon\x07";
    static char large[OBSERVATION_SIZE_MAX + 100];
    memset(large, ' ', sizeof(large));
    memcpy(large, POSITION, strlen(POSITION));
    const struct bytes bad[] = {
        BYTES_EMPTY,
        BYTES_LITERAL("48.1"),
        BYTES_LITERAL("{}"),
        BYTES_LITERAL("{\"position\":{\"lat\":1}}"),
        BYTES_LITERAL("{\"position\":{\"lat\":1,\"lon\":181}}"),
        BYTES_LITERAL("{\"position\":{\"lat\":1e400,\"lon\":1}}"),
        BYTES_LITERAL("{\"position\":{\"lat\":1,\"lon\":1,\"depth\":1}}"),
        BYTES_LITERAL("{\"classification\":\"\"}"),
        BYTES_LITERAL("{\"classification\":\"ship\",\"classification_confidence\":1.5}"),
        BYTES_LITERAL("{\"velocity\":{\"north\":1,\"east\":1}}"),
        BYTES_LITERAL("{\"sensor\":\"radar\",\"colour\":\"red\"}"),
        bytes_of(nan_position, sizeof(nan_position) - 1),
        bytes_of(infinite, sizeof(infinite) - 1),
        bytes_of(large, sizeof(large)),
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        publish("local/track/ship-1", bad[i]);
        if (strstr(answer(), "\"reason\":\"") == NULL) fail_msg("row %zu: %s", i, answer());
        if (strstr(answer(), "\"reason\":\"\"") != NULL) fail_msg("row %zu: no reason", i);
    }
    assert_int_equal(rig.edge->tracks.refused, COUNT_OF(bad));
    assert_int_equal(rig.edge->track_store.count, 0);
}

static void test_an_observation_may_be_messagepack(void **state)
{
    (void)state;
    static const uint8_t payload[] = "\x81\xa8position\x82\xa3lat\x30\xa3lon\x07";
    publish("local/track/ship-1", bytes_of(payload, sizeof(payload) - 1));
    assert_non_null(strstr(answer(), "\"status\":\"ok\""));
    assert_true(edge_tracks_held(&rig, "ship-1", &track));
    assert_int_equal(track.slots[0].position.value.latitude_e7, 480000000);
}

/* ---- What an observation does ---------------------------------------------------------------- */

static void test_an_observation_gets_a_change_number_and_is_pending(void **state)
{
    (void)state;
    assert_int_equal(edge_tracks_observe(&rig, "a", POSITION).sequence, 1);
    assert_int_equal(edge_tracks_observe(&rig, "b", POSITION).sequence, 2);
    assert_int_equal(edge_tracks_observe(&rig, "a", POSITION).sequence, 3);
    assert_int_equal(edge_rig_status(&rig, "tracks"), 2);
    assert_int_equal(edge_rig_status(&rig, "tracks_pending"), 2);
}

static void test_what_is_not_written_stays(void **state)
{
    (void)state;
    assert_int_equal(observe("{\"classification\":\"ferry\",\"sensor\":\"eye\"}"), ST_OK);
    assert_int_equal(observe(POSITION), ST_OK);
    assert_true(edge_tracks_held(&rig, "ship-1", &track));
    const struct track_view view = track_view_of(&track);
    assert_non_null(view.position);
    assert_non_null(view.classification);
    assert_int_equal(track.sensor_count, 1);
}

static void test_an_observation_survives_a_power_cut(void **state)
{
    (void)state;
    assert_int_equal(observe(POSITION), ST_OK);
    edge_rig_power_cut(&rig);
    assert_true(edge_tracks_held(&rig, "ship-1", &track));
    assert_int_equal(rig.edge->track_store.pending, 1);
    assert_int_equal(rig.edge->track_store.counter, 1);
    assert_int_equal(edge_tracks_observe(&rig, "ship-1", POSITION).sequence, 2);
}

/* A boot with a clock that was set back must not make the node mute. */
static void test_an_observation_is_newer_than_what_is_known_even_when_the_clock_went_back(
    void **state)
{
    (void)state;
    assert_int_equal(observe(POSITION), ST_OK);
    assert_true(edge_tracks_held(&rig, "ship-1", &track));
    const uint64_t before = track.slots[0].hlc;
    rig.now.wall_ns -= INT64_C(3600) * 1000000000;
    edge_rig_reopen(&rig);
    assert_int_equal(observe(POSITION), ST_OK);
    assert_true(edge_tracks_held(&rig, "ship-1", &track));
    assert_int_equal(track.slot_count, 1);
    assert_true(track.slots[0].hlc > before);
}

static enum status observe_at(int64_t from_now_ms, const char *said)
{
    char json[256];
    snprintf(json, sizeof(json), "{%s,\"time\":%lld}", said,
             (long long)(rig.now.wall_ns / 1000000 + from_now_ms));
    return observe(json);
}

static void test_a_time_ahead_of_the_clock_is_refused(void **state)
{
    (void)state;
    /* The rig's clock was never measured against the cloud's: eps is at its greatest. */
    const int64_t bound_ms = 2000 + HLC_EPS_MAX_MS;
    assert_int_equal(observe_at(bound_ms + 1, "\"sensor\":\"x\""), ST_FUTURE);
    assert_int_equal(observe_at(bound_ms, "\"sensor\":\"x\""), ST_OK);
}

static void test_a_time_before_our_own_observation_of_the_field_is_refused(void **state)
{
    (void)state;
    assert_int_equal(observe(POSITION), ST_OK);
    assert_int_equal(observe_at(-2001, "\"position\":{\"lat\":1,\"lon\":1}"), ST_STALE);
    assert_int_equal(observe_at(-2000, "\"position\":{\"lat\":1,\"lon\":1}"), ST_OK);
    /* Of another field nothing is known yet. */
    assert_int_equal(observe_at(-60000, "\"classification\":\"tug\""), ST_OK);
}

static void test_below_the_disk_reserve_an_observation_is_refused_as_full(void **state)
{
    (void)state;
    rig.now.disk_free_bytes = rig.options.settings.disk_reserve_bytes;
    assert_int_equal(observe(POSITION), ST_FULL);
    rig.now.disk_free_bytes *= 2;
    assert_int_equal(observe(POSITION), ST_OK);
}

/* ---- Many ------------------------------------------------------------------------------------ */

/* One request of many observations; returns how many were accepted. */
static size_t observe_many(const char *name_format, const char *json_format, unsigned first,
                           unsigned count)
{
    struct buf out = buf_of(rig.scratch, 512 * 1024);
    observe_request_begin(&out, count);
    for (unsigned i = 0; i < count; i++) {
        char name[64], json[256];
        snprintf(name, sizeof(name), name_format, first + i);
        snprintf(json, sizeof(json), json_format, first + i);
        const struct observe_item item = {bytes_of_text(name), bytes_of_text(json)};
        observe_request_item(&out, &item);
    }
    assert_true(buf_ok(&out));
    edge_rig_run(&rig,
                 (struct event){.kind = EVENT_REQUEST, .client = 3, .request = buf_bytes(&out)});
    size_t accepted = 0;
    const struct control_reply *reply = reply_at(0);
    assert_int_equal(reply->kind, REPLY_RECEIPTS);
    for (size_t i = 0; i < reply->receipt_count; i++)
        accepted += reply->receipts[i].status == ST_OK;
    return accepted;
}

static void test_ten_thousand_sensors_on_a_track_stay_bounded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(observe_many("ship-1", "{\"sensor\":\"s-%05u\"}", i * 1000, 1000), 1000);
    assert_int_equal(rig.edge->track_store.count, 1);
    assert_true(edge_tracks_held(&rig, "ship-1", &track));
    assert_int_equal(track.sensor_count, TRACK_SENSORS_MAX);
    /* The newest ones are kept. */
    assert_true(bytes_equal(track_label_text(&track.sensors[0].name), BYTES_LITERAL("s-09936")));
}

static void test_one_bad_item_of_a_request_does_not_spoil_the_others(void **state)
{
    (void)state;
    /* Of latitudes 85 … 94, those above 90 are out of range. */
    const size_t accepted = observe_many("t-%u", "{\"position\":{\"lat\":%u,\"lon\":0}}", 85, 10);
    assert_int_equal(accepted, 6);
    assert_int_equal(rig.edge->track_store.count, 6);
    const struct control_reply *end = reply_at(1);
    assert_int_equal(end->kind, REPLY_END);
    char words[512];
    snprintf(words, sizeof(words), "%.*s", (int)end->message.size, (const char *)end->message.data);
    assert_non_null(strstr(words, "t-91: position.lat is 91"));
}

static uint64_t entries(void)
{
    return edge_rig_status(&rig, "pending_p4");
}

static void test_with_history_each_observation_is_also_an_evidence_entry(void **state)
{
    (void)state;
    rig.options.settings.track_history = true;
    edge_rig_reopen(&rig);
    assert_int_equal(observe(POSITION), ST_OK);
    assert_int_equal(observe("{\"position\":{\"lat\":91,\"lon\":0}}"), ST_MALFORMED);
    assert_int_equal(entries(), 1);
    const struct verb_argument arguments[] = {
        {BYTES_LITERAL("sequence"), BYTES_LITERAL("4")},
        {BYTES_LITERAL("raw"), BYTES_LITERAL("payload")},
    };
    edge_rig_ask(&rig, "show", arguments, COUNT_OF(arguments));
    const struct control_reply *reply = reply_at(0);
    assert_int_equal(reply->kind, REPLY_RAW);
    char words[512];
    snprintf(words, sizeof(words), "%.*s", (int)reply->raw.size, (const char *)reply->raw.data);
    assert_non_null(strstr(words, "\"track\":\"ship-1\""));
    assert_non_null(strstr(words, "48.1"));
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_OK);
}

/* Payloads wait in memory for the flush; a batch may bring more than that memory holds at once. */
static void test_the_history_of_a_large_request_is_whole(void **state)
{
    (void)state;
    rig.options.settings.track_history = true;
    edge_rig_reopen(&rig);
    assert_int_equal(observe_many("t-%u", "{\"sensor\":\"%0200u\",\"time\":0}", 0, 4), 0);
    assert_int_equal(observe_many("t-%u", "{\"position\":{\"lat\":1,\"lon\":2,\"alt\":%u}}", 0,
                                  OBSERVE_ITEMS_MAX),
                     OBSERVE_ITEMS_MAX);
    assert_int_equal(observe_many("t-%u", "{\"position\":{\"lat\":1,\"lon\":2,\"alt\":%u}}", 1000,
                                  OBSERVE_ITEMS_MAX),
                     OBSERVE_ITEMS_MAX);
    assert_int_equal(entries(), 2 * OBSERVE_ITEMS_MAX);
    assert_int_equal(edge_rig_verb(&rig, "verify"), ST_OK);
}

/* ---- The operator's verbs -------------------------------------------------------------------- */

static const struct record_field *field(const char *name)
{
    for (size_t i = 0; i < rig.reply->field_count; i++)
        if (bytes_equal(rig.reply->fields[i].name, bytes_of_text(name)))
            return &rig.reply->fields[i];
    fail_msg("the record has no field %s", name);
    return NULL;
}

/* RECORDs among the last effects. */
static size_t records(void)
{
    const struct control_reply *reply;
    size_t count = 0;
    for (size_t n = 0; (reply = reply_at(n)) != NULL; n++)
        count += reply->kind == REPLY_RECORD;
    return count;
}

static void test_the_list_shows_a_track_as_people_see_it(void **state)
{
    (void)state;
    assert_int_equal(observe("{\"position\":{\"lat\":48.1,\"lon\":-11.5,\"alt\":2},"
                             "\"position_confidence\":0.9,\"sensor\":\"radar\","
                             "\"classification\":\"ferry\"}"),
                     ST_OK);
    assert_int_equal(edge_rig_verb(&rig, "track-list"), ST_OK);
    assert_true(bytes_equal(field("track")->text, BYTES_LITERAL("ship-1")));
    assert_true(bytes_equal(field("latitude_deg")->text, BYTES_LITERAL("48.1")));
    assert_true(bytes_equal(field("longitude_deg")->text, BYTES_LITERAL("-11.5")));
    assert_true(bytes_equal(field("altitude_m")->text, BYTES_LITERAL("2")));
    assert_true(bytes_equal(field("position_confidence")->text, BYTES_LITERAL("0.9")));
    assert_true(bytes_equal(field("position_by")->text, BYTES_LITERAL("edge-1")));
    assert_true(bytes_equal(field("classification")->text, BYTES_LITERAL("ferry")));
    assert_true(bytes_equal(field("last_seen")->text, BYTES_LITERAL("2027-01-15T08:00:02.000Z")));
    assert_int_equal(field("sensors")->natural, 1);
    assert_int_equal(field("observers")->natural, 1);
    assert_int_equal(field("conflicts")->natural, 0);
    assert_true(field("active")->boolean);
    assert_true(field("pending")->boolean);
}

static void test_the_list_leaves_out_historical_tracks_unless_asked(void **state)
{
    (void)state;
    assert_int_equal(observe(POSITION), ST_OK);
    edge_rig_pass_ms(&rig, 601 * 1000);
    edge_tracks_see(&rig, "new", 1);
    assert_int_equal(edge_rig_verb(&rig, "track-list"), ST_OK);
    assert_int_equal(records(), 1);
    const struct verb_argument all = {BYTES_LITERAL("all"), BYTES_LITERAL("1")};
    assert_int_equal(edge_rig_ask(&rig, "track-list", &all, 1), ST_OK);
    assert_int_equal(records(), 2);
}

static void test_a_long_list_is_cut_and_says_how_to_go_on(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        observe_many("t-%05u", POSITION, i * 1000, 1000);
    size_t seen = 0;
    char after[LEVEL_NAME_SIZE_MAX + 1] = "";
    for (int round = 0; round < 10; round++) {
        const struct verb_argument go_on = {BYTES_LITERAL("after"), bytes_of_text(after)};
        assert_int_equal(edge_rig_ask(&rig, "track-list", &go_on, after[0] != '\0'), ST_OK);
        seen += records();
        size_t n = 0;
        while (reply_at(n)->kind != REPLY_END)
            n++;
        if (reply_at(n)->message.size == 0) break;
        const struct bytes name = field("track")->text;
        memcpy(after, name.data, name.size);
        after[name.size] = '\0';
    }
    assert_int_equal(seen, 3000);
}

static void test_show_tells_of_each_observer_and_sensor(void **state)
{
    (void)state;
    assert_int_equal(observe("{\"position\":{\"lat\":1,\"lon\":1},\"sensor\":\"a\"}"), ST_OK);
    assert_int_equal(observe("{\"sensor\":\"b\"}"), ST_OK);
    const struct verb_argument name = {BYTES_LITERAL("name"), BYTES_LITERAL("ship-1")};
    assert_int_equal(edge_rig_ask(&rig, "track-show", &name, 1), ST_OK);
    assert_int_equal(records(), 1 + 1 + 2);
    const struct verb_argument other = {BYTES_LITERAL("name"), BYTES_LITERAL("ship-2")};
    assert_int_equal(edge_rig_ask(&rig, "track-show", &other, 1), ST_NOT_FOUND);
    assert_int_equal(edge_rig_verb(&rig, "track-show"), ST_USAGE);
}

static void test_a_removed_track_is_gone_from_the_list_until_it_is_seen_again(void **state)
{
    (void)state;
    assert_int_equal(observe(POSITION), ST_OK);
    const struct verb_argument name = {BYTES_LITERAL("name"), BYTES_LITERAL("ship-1")};
    assert_int_equal(edge_rig_ask(&rig, "track-remove", &name, 1), ST_OK);
    assert_int_equal(edge_rig_verb(&rig, "track-list"), ST_OK);
    assert_int_equal(records(), 0);
    assert_int_equal(observe(POSITION), ST_OK);
    assert_int_equal(edge_rig_verb(&rig, "track-list"), ST_OK);
    assert_int_equal(records(), 1);
}

static void test_wrong_arguments_are_answered_not_failed(void **state)
{
    (void)state;
    const struct verb_argument bad[] = {
        {BYTES_LITERAL("since"), BYTES_LITERAL("yesterday")},
        {BYTES_LITERAL("limit"), BYTES_LITERAL("-1")},
        {BYTES_LITERAL("after"), BYTES_LITERAL("a/b")},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(edge_rig_ask(&rig, "track-list", &bad[i], 1), ST_USAGE);
    assert_int_equal(edge_rig_verb(&rig, "track-nonsense"), ST_USAGE);
}

static void test_equal_replicas_have_equal_digests(void **state)
{
    (void)state;
    assert_int_equal(edge_rig_verb(&rig, "track-digest"), ST_OK);
    char empty[80], full[80];
    const struct bytes none = field("digest")->text;
    snprintf(empty, sizeof(empty), "%.*s", (int)none.size, (const char *)none.data);
    assert_int_equal(observe(POSITION), ST_OK);
    assert_int_equal(edge_rig_verb(&rig, "track-digest"), ST_OK);
    const struct bytes some = field("digest")->text;
    snprintf(full, sizeof(full), "%.*s", (int)some.size, (const char *)some.data);
    assert_string_not_equal(empty, full);
    assert_int_equal(field("tracks")->natural, 1);
    edge_rig_power_cut(&rig);
    assert_int_equal(edge_rig_verb(&rig, "track-digest"), ST_OK);
    assert_true(bytes_equal(field("digest")->text, bytes_of_text(full)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_published_observation_is_answered_with_its_stamp),
        TEST(test_a_refused_observation_is_answered_with_the_reason),
        TEST(test_a_name_that_is_none_is_answered_in_the_same_form),
        TEST(test_what_cannot_be_an_observation_is_refused),
        TEST(test_an_observation_may_be_messagepack),
        TEST(test_an_observation_gets_a_change_number_and_is_pending),
        TEST(test_what_is_not_written_stays),
        TEST(test_an_observation_survives_a_power_cut),
        TEST(test_an_observation_is_newer_than_what_is_known_even_when_the_clock_went_back),
        TEST(test_a_time_ahead_of_the_clock_is_refused),
        TEST(test_a_time_before_our_own_observation_of_the_field_is_refused),
        TEST(test_below_the_disk_reserve_an_observation_is_refused_as_full),
        TEST(test_ten_thousand_sensors_on_a_track_stay_bounded),
        TEST(test_one_bad_item_of_a_request_does_not_spoil_the_others),
        TEST(test_with_history_each_observation_is_also_an_evidence_entry),
        TEST(test_the_history_of_a_large_request_is_whole),
        TEST(test_the_list_shows_a_track_as_people_see_it),
        TEST(test_the_list_leaves_out_historical_tracks_unless_asked),
        TEST(test_a_long_list_is_cut_and_says_how_to_go_on),
        TEST(test_show_tells_of_each_observer_and_sensor),
        TEST(test_a_removed_track_is_gone_from_the_list_until_it_is_seen_again),
        TEST(test_wrong_arguments_are_answered_not_failed),
        TEST(test_equal_replicas_have_equal_digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
