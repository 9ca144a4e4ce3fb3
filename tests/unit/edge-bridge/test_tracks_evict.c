/* test_tracks_evict.c - what an edge gives up when it holds too much, and what it never forgets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/edge_tracks.h"

static struct edge_rig rig;
static struct tracks_cloud cloud;
static struct track track, foreign;

enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS };

static int set_up(void **state)
{
    (void)state;
    edge_rig_open(&rig);
    edge_rig_pass_ms(&rig, 2000);
    cloud = (struct tracks_cloud){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_rig_close(&rig);
    return 0;
}

static void hear_one(uint64_t from, uint64_t to, const char *name, const struct track *said)
{
    edge_tracks_hear(&rig,
                     &(struct tracks_batch_spec){
                         .from = from, .to = to, .count = 1, .names = {name}, .tracks = {said}});
}

/* A budget of some ten tracks. */
static void small_budget(void)
{
    rig.options.settings.track_bytes_max = 3000;
    edge_rig_reopen(&rig);
}

static void fill(const char *prefix, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%s-%u", prefix, i);
        edge_tracks_see(&rig, name, 1);
    }
}

/* Time for the next look at the budget. */
static void settle(void)
{
    edge_rig_pass_ms(&rig, TRACK_TICK_MS);
    edge_rig_wakeup(&rig);
}

/* The law of design 3.2: an eviction is no forgetting, the cloud's copy stays classified. */
static void test_an_observation_after_an_eviction_does_not_cover_what_was_evicted(void **state)
{
    (void)state;
    static struct track at_cloud, again;
    small_budget();
    assert_int_equal(edge_tracks_observe(&rig, "ship-1",
                                         "{\"position\":{\"lat\":1,\"lon\":1},"
                                         "\"classification\":\"ferry\"}")
                         .status,
                     ST_OK);
    edge_tracks_connect(&rig, &cloud);
    assert_true(edge_tracks_has(&rig, "ship-1", &at_cloud));
    edge_tracks_ack_all(&rig, &cloud);
    edge_rig_pass_ms(&rig, 601 * 1000);
    fill("t", 12);
    settle();
    assert_false(edge_tracks_held(&rig, "ship-1", &track));

    assert_int_equal(
        edge_tracks_observe(&rig, "ship-1", "{\"position\":{\"lat\":2,\"lon\":2}}").status, ST_OK);
    assert_true(edge_tracks_held(&rig, "ship-1", &again));
    track_join(&at_cloud, &again, 0);
    const struct track_view view = track_view_of(&at_cloud);
    assert_non_null(view.classification);
    assert_true(bytes_equal(track_label_text(&view.classification->classification.value),
                            BYTES_LITERAL("ferry")));
}

static void test_acknowledged_historical_tracks_are_evicted_first(void **state)
{
    (void)state;
    small_budget();
    fill("known", 4);
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_ack_all(&rig, &cloud);
    edge_rig_disconnect(&rig);
    fill("waiting", 4);
    edge_rig_pass_ms(&rig, 601 * 1000);
    fill("active", 6);
    settle();
    assert_true(edge_tracks_held(&rig, "waiting-0", &track));
    assert_true(edge_tracks_held(&rig, "active-0", &track));
    assert_false(edge_tracks_held(&rig, "known-0", &track));
    assert_int_equal(edge_rig_status(&rig, "tracks_evicted_unacknowledged"), 0);
}

static void test_over_the_budget_unsent_historical_tracks_go_too_and_are_counted(void **state)
{
    (void)state;
    small_budget();
    fill("waiting", 10);
    edge_rig_pass_ms(&rig, 601 * 1000);
    fill("active", 6);
    settle();
    assert_true(rig.edge->track_store.bytes <= 3000);
    const uint64_t given_up = edge_rig_status(&rig, "tracks_evicted_unacknowledged");
    assert_true(given_up > 0);
    assert_int_equal(rig.edge->track_store.count, 16 - given_up);
    assert_int_equal(rig.edge->track_store.pending, 16 - given_up);
    edge_rig_power_cut(&rig);
    assert_int_equal(edge_rig_status(&rig, "tracks_evicted_unacknowledged"), given_up);
}

static void test_active_tracks_are_never_evicted_but_new_ones_refused(void **state)
{
    (void)state;
    small_budget();
    unsigned accepted = 0;
    while (accepted < 100) {
        char name[32];
        snprintf(name, sizeof(name), "t-%u", accepted);
        const struct receipt receipt = edge_tracks_observe(&rig, name, "{\"sensor\":\"x\"}");
        if (receipt.status == ST_FULL) break;
        assert_int_equal(receipt.status, ST_OK);
        accepted++;
    }
    assert_in_range(accepted, 5, 20);
    assert_int_equal(rig.edge->track_store.count, accepted);
    /* Known ones go on being observed. */
    edge_tracks_see(&rig, "t-0", 3);
    /* The cloud's new ones are left out, and its claim still counts: nothing is missing here. */
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_foreign(&foreign, "edge-2", edge_tracks_stamp(&rig, 0), 5, NULL);
    hear_one(0, 1, "far", &foreign);
    assert_false(edge_tracks_held(&rig, "far", &track));
    assert_int_equal(rig.edge->tracks.dropped, 1);
    assert_int_equal(rig.edge->track_lane.down_cursor, 1);
}

static void test_a_repair_after_an_eviction_leaves_out_what_is_as_old(void **state)
{
    (void)state;
    small_budget();
    fill("old", 12);
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_ack_all(&rig, &cloud);
    edge_rig_pass_ms(&rig, 601 * 1000);
    fill("new", 4);
    settle();
    assert_true(rig.edge->track_store.evicted > 0);
    edge_tracks_ack_all(&rig, &cloud);
    edge_rig_pass_ms(&rig, DAY_MS);
    edge_rig_wakeup(&rig);
    struct bytes body;
    static struct track_digests_msg msg;
    assert_true(edge_rig_frame(&rig, FRAME_TRACK_DIGESTS, 0, &body));
    assert_int_equal(track_digests_decode(rig.unpacker, body, &msg), ST_OK);
    assert_int_equal(msg.since, rig.edge->track_store.evicted_through + 1);
    /* Whoever holds all twelve old ones and the new ones finds the same. */
    static struct track_digests expected;
    assert_int_equal(track_store_digests(rig.edge, msg.since, true, &expected), ST_OK);
    assert_memory_equal(&msg.digests, &expected, sizeof(expected));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_observation_after_an_eviction_does_not_cover_what_was_evicted),
        TEST(test_acknowledged_historical_tracks_are_evicted_first),
        TEST(test_over_the_budget_unsent_historical_tracks_go_too_and_are_counted),
        TEST(test_active_tracks_are_never_evicted_but_new_ones_refused),
        TEST(test_a_repair_after_an_eviction_leaves_out_what_is_as_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
