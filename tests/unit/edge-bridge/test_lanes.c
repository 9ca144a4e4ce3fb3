/* test_lanes.c - evidence, tracks and config share the link by weight: none starves, none is held
 * up by another's backlog, none saves up while it has nothing to say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/edge_tracks.h"

/* With frames of 1 KiB, so that a share can be told to a few percent. */
enum { RATE_BYTES_S = 4096, KIBIBYTE = 1024, FRAMES_MAX = 512 };

static struct edge_rig rig;
static struct tracks_cloud cloud;
static struct evidence_run run;

/* What left since forget(), in order. */
static struct {
    size_t count;
    enum lane lanes[FRAMES_MAX];
    size_t bytes[LANE_COUNT];
} sent;

static int set_up(void **state)
{
    (void)state;
    edge_rig_open(&rig);
    rig.edge->settings.compress = COMPRESS_NEVER;
    rig.edge->settings.window_frames_max = 250;
    edge_rig_pass_ms(&rig, 2000);
    cloud = (struct tracks_cloud){0};
    memset(&sent, 0, sizeof(sent));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_rig_close(&rig);
    return 0;
}

static void note_frames(void)
{
    static const char *const ends[LANE_COUNT] = {[LANE_EVIDENCE] = "/up/evidence",
                                                 [LANE_TRACKS] = "/up/tracks",
                                                 [LANE_CONFIG] = "/up/config"};
    for (size_t i = 0; i < rig.effects->count; i++) {
        const struct effect *effect = &rig.effects->items[i];
        if (effect->kind != EFFECT_PUBLISH) continue;
        for (int lane = 0; lane < LANE_COUNT; lane++) {
            const size_t size = strlen(ends[lane]);
            if (effect->topic.size < size) continue;
            if (memcmp(effect->topic.data + effect->topic.size - size, ends[lane], size) != 0)
                continue;
            assert_true(sent.count < FRAMES_MAX);
            sent.lanes[sent.count++] = (enum lane)lane;
            sent.bytes[lane] += effect->payload.size;
        }
    }
}

/* The window is what is under way and so many bytes more, and it is filled; the broker takes all
 * there is, the cloud has acknowledged nothing. */
static void let_out(uint32_t more)
{
    struct outbox *outbox = &rig.edge->outbox;
    memset(&sent, 0, sizeof(sent));
    rig.edge->session.links[LINK_CLOUD].receive_maximum = 250;
    outbox->pace.rate_bytes_s = RATE_BYTES_S;
    outbox->pace.round_trip_ns =
        (uint64_t)(outbox->flight_bytes + more) * 1000000000 / RATE_BYTES_S - 500000000;
    for (size_t before = SIZE_MAX; before != sent.count;) {
        before = sent.count;
        edge_rig_wakeup(&rig);
        note_frames();
    }
}

static void see_tracks(const char *prefix, unsigned count)
{
    char name[64];
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%s-%04u", prefix, i);
        edge_tracks_see(&rig, name, 10);
    }
    edge_rig_pass_ms(&rig, 250); /* their company has come */
}

static void set_config(const char *key, const char *value)
{
    const struct verb_argument arguments[] = {
        {BYTES_LITERAL("key"), bytes_of_text(key)},
        {BYTES_LITERAL("value"), bytes_of_text(value)},
    };
    assert_int_equal(edge_rig_ask(&rig, "config-set", arguments, 2), ST_OK);
    note_frames();
}

/* The lane of the n-th frame. */
static enum lane lane_at(size_t n)
{
    assert_true(n < sent.count);
    return sent.lanes[n];
}

static size_t count_of(enum lane lane)
{
    size_t count = 0;
    for (size_t i = 0; i < sent.count; i++)
        count += sent.lanes[i] == lane;
    return count;
}

/* Bytes of a lane over those of tracks, in percent. */
static size_t over_tracks(enum lane lane)
{
    assert_true(sent.bytes[LANE_TRACKS] > 0);
    return sent.bytes[lane] * 100 / sent.bytes[LANE_TRACKS];
}

/* ---- Shares ---------------------------------------------------------------------------------- */

static void test_evidence_gets_twice_what_tracks_get(void **state)
{
    (void)state;
    edge_rig_append(&rig, 2, "e", 1500);
    see_tracks("t", 2000);
    edge_tracks_connect(&rig, &cloud);
    let_out(60 * KIBIBYTE);
    assert_in_range(over_tracks(LANE_EVIDENCE), 170, 230);
}

/* Neither backlog holds up the other: they take turns from the first frame on. */
static void test_no_lane_waits_for_the_end_of_another(void **state)
{
    (void)state;
    edge_rig_append(&rig, 2, "e", 1500);
    see_tracks("t", 2000);
    edge_tracks_connect(&rig, &cloud);
    let_out(40 * KIBIBYTE);
    size_t in_a_row = 0;
    for (size_t i = 1; i < sent.count; i++) {
        in_a_row = sent.lanes[i] == sent.lanes[i - 1] ? in_a_row + 1 : 0;
        assert_true(in_a_row < 4);
    }
}

static void test_a_lane_that_is_alone_gets_everything(void **state)
{
    (void)state;
    see_tracks("t", 2000);
    edge_tracks_connect(&rig, &cloud);
    let_out(20 * KIBIBYTE);
    assert_in_range(sent.bytes[LANE_TRACKS], 19 * KIBIBYTE, 22 * KIBIBYTE);
}

/* ---- Newcomers ------------------------------------------------------------------------------- */

static void test_config_passes_a_backlog_of_evidence(void **state)
{
    (void)state;
    edge_rig_append(&rig, 2, "e", 1500);
    edge_tracks_connect(&rig, &cloud);
    let_out(40 * KIBIBYTE);
    set_config("speed", "12");
    assert_int_equal(count_of(LANE_CONFIG), 0); /* the window is full */
    let_out(8 * KIBIBYTE);
    assert_int_equal(lane_at(0), LANE_CONFIG);
}

static void test_a_track_passes_a_backlog_of_evidence(void **state)
{
    (void)state;
    edge_rig_append(&rig, 2, "e", 1500);
    edge_tracks_connect(&rig, &cloud);
    let_out(40 * KIBIBYTE);
    see_tracks("new", 1);
    let_out(8 * KIBIBYTE);
    assert_int_equal(lane_at(0), LANE_TRACKS);
}

static void test_config_passes_a_backlog_of_tracks(void **state)
{
    (void)state;
    see_tracks("t", 2000);
    edge_tracks_connect(&rig, &cloud);
    let_out(20 * KIBIBYTE);
    set_config("speed", "12");
    let_out(8 * KIBIBYTE);
    assert_int_equal(lane_at(0), LANE_CONFIG);
}

/* Hours in which only evidence went give tracks no right to hours of their own. */
static void test_an_idle_lane_saves_nothing_up(void **state)
{
    (void)state;
    edge_rig_append(&rig, 2, "e", 4000);
    edge_tracks_connect(&rig, &cloud);
    let_out(100 * KIBIBYTE);
    assert_int_equal(sent.bytes[LANE_TRACKS], 0);
    see_tracks("late", 1200);
    let_out(30 * KIBIBYTE);
    assert_in_range(over_tracks(LANE_EVIDENCE), 150, 250);
}

/* And evidence that comes into a drain of tracks does not wait until they have caught up. */
static void test_evidence_comes_into_a_drain_of_tracks_at_once(void **state)
{
    (void)state;
    see_tracks("t", 3500);
    edge_tracks_connect(&rig, &cloud);
    let_out(40 * KIBIBYTE);
    edge_rig_append(&rig, 2, "late", 400);
    note_frames();
    let_out(24 * KIBIBYTE);
    assert_int_equal(lane_at(0), LANE_EVIDENCE);
    assert_in_range(over_tracks(LANE_EVIDENCE), 150, 260);
}

/* ---- Critical evidence ----------------------------------------------------------------------- */

/* It does not even wait for the window. */
static void test_critical_evidence_passes_a_full_window_of_everything(void **state)
{
    (void)state;
    edge_rig_append(&rig, 2, "e", 1500);
    see_tracks("t", 2000);
    edge_tracks_connect(&rig, &cloud);
    let_out(40 * KIBIBYTE);
    struct bytes body;
    const struct receipt receipt = edge_rig_append(&rig, 0, "alarm", 1);
    assert_int_equal(edge_rig_frame_count(&rig, FRAME_EVIDENCE_AHEAD), 1);
    assert_true(edge_rig_frame(&rig, FRAME_EVIDENCE_AHEAD, 0, &body));
    assert_int_equal(ahead_msg_decode(rig.unpacker, rig.hasher, &rig.options.node, body, &run),
                     ST_OK);
    assert_int_equal(run.count, 1);
    assert_int_equal(run.first_sequence, receipt.sequence);
}

/* ---- What the frames tell of the link -------------------------------------------------------- */

static const struct flight *last_flight(void)
{
    const struct outbox *outbox = &rig.edge->outbox;
    assert_true(outbox->flight_count > 0);
    return &outbox->flights[outbox->flight_count - 1];
}

/* A few small frames over a link that could carry more would make it look slow. */
static void test_a_frame_that_leaves_the_window_open_tells_nothing_of_the_rate(void **state)
{
    (void)state;
    edge_tracks_connect(&rig, &cloud);
    edge_rig_append(&rig, 2, "e", 1);
    assert_true(last_flight()->mark.idle_sender);
}

static void test_the_frame_that_fills_the_window_tells_the_rate(void **state)
{
    (void)state;
    edge_rig_append(&rig, 2, "e", 1500);
    edge_tracks_connect(&rig, &cloud);
    let_out(20 * KIBIBYTE);
    assert_false(last_flight()->mark.idle_sender);
}

/* So the first window is no larger than it must be: the time of the hello is the link's. */
static void test_the_hello_tells_the_round_trip(void **state)
{
    (void)state;
    edge_rig_connect(&rig);
    static struct hello_reply reply;
    memset(&reply, 0, sizeof(reply));
    reply.nonce = edge_rig_nonce(&rig);
    reply.mono_ms = rig.now.mono_ns / 1000000;
    reply.cloud_ms = rig.now.wall_ns / 1000000;
    reply.ack.store = rig.store;
    reply.ack.counter = ++rig.ack_counter;
    reply.ack.cloud_ms = reply.cloud_ms;
    edge_rig_pass_ms(&rig, 640);
    struct buf body = buf_of(rig.scratch, BODY_SIZE_MAX);
    hello_reply_encode(&reply, &body);
    edge_rig_hear(&rig, TOPIC_SYNC_DOWN, FRAME_HELLO_REPLY, buf_bytes(&body));
    assert_int_equal(rig.edge->outbox.pace.round_trip_ns, UINT64_C(640000000));
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_evidence_gets_twice_what_tracks_get),
        RIG_TEST(test_no_lane_waits_for_the_end_of_another),
        RIG_TEST(test_a_lane_that_is_alone_gets_everything),
        RIG_TEST(test_config_passes_a_backlog_of_evidence),
        RIG_TEST(test_a_track_passes_a_backlog_of_evidence),
        RIG_TEST(test_config_passes_a_backlog_of_tracks),
        RIG_TEST(test_an_idle_lane_saves_nothing_up),
        RIG_TEST(test_evidence_comes_into_a_drain_of_tracks_at_once),
        RIG_TEST(test_critical_evidence_passes_a_full_window_of_everything),
        RIG_TEST(test_a_frame_that_leaves_the_window_open_tells_nothing_of_the_rate),
        RIG_TEST(test_the_frame_that_fills_the_window_tells_the_rate),
        RIG_TEST(test_the_hello_tells_the_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
