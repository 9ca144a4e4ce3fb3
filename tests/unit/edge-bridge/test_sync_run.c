/* test_sync_run.c - does a sync bring what its mode says, end when it should, and tell the truth?
 * */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/edge_tracks.h"

static struct edge_rig rig;
static struct tracks_cloud cloud;

static int set_up(void **state)
{
    (void)state;
    memset(&cloud, 0, sizeof(cloud));
    edge_rig_open(&rig);
    rig.options.daemon = true;
    rig.options.settings.heartbeat_ms = 0;
    edge_rig_reopen(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_rig_close(&rig);
    return 0;
}

static enum status sync_asked(const char *mode)
{
    const struct verb_argument argument = {BYTES_LITERAL("mode"), bytes_of_text(mode)};
    return edge_rig_ask(&rig, "link-sync", &argument, 1);
}

static bool report_says(const char *field, const char *words)
{
    if (edge_rig_verb(&rig, "link-report") != ST_OK) return false;
    for (size_t i = 0; i < rig.reply->field_count; i++) {
        const struct record_field *said = &rig.reply->fields[i];
        if (bytes_equal(said->name, bytes_of_text(field)))
            return bytes_equal(said->text, bytes_of_text(words));
    }
    return false;
}

static void test_an_incremental_sync_leaves_historical_tracks_and_the_backlog(void **state)
{
    (void)state;
    rig.options.settings.track_view_ttl_s = 2;
    edge_rig_reopen(&rig);
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof(name), "old-%d", i);
        edge_tracks_see(&rig, name, 10);
    }
    edge_rig_pass_ms(&rig, 2500);
    edge_tracks_see(&rig, "new", 11);
    edge_rig_append(&rig, 3, "backlog", 50);
    edge_rig_append(&rig, 0, "alarm", 1);
    assert_int_equal(sync_asked("incremental"), ST_OK);
    edge_tracks_connect(&rig, &cloud);
    size_t tracks = edge_tracks_count(&rig);
    for (int i = 0; i < 20; i++) {
        assert_false(edge_tracks_has(&rig, "old-1", NULL));
        edge_rig_pass_ms(&rig, 100);
        edge_rig_wakeup(&rig);
        tracks += edge_tracks_count(&rig);
    }
    assert_int_equal(tracks, 1);
}

/* Lets two seconds pass with a cloud that acknowledges tracks. */
static void live_on(void)
{
    for (int i = 0; i < 20; i++) {
        edge_rig_pass_ms(&rig, 100);
        edge_rig_wakeup(&rig);
        edge_tracks_ack_all(&rig, &cloud);
    }
}

static void test_a_full_sync_is_over_when_nothing_waits_and_all_is_quiet(void **state)
{
    (void)state;
    edge_tracks_see(&rig, "boat", 10);
    const struct receipt last = edge_rig_append(&rig, 3, "e", 5);
    assert_int_equal(sync_asked("full"), ST_OK);
    edge_tracks_connect(&rig, &cloud);
    live_on();
    assert_true(report_says("outcome", "it is running")); /* evidence waits */
    edge_rig_ack(&rig, &last.log, last.sequence, &last.hash);
    live_on();
    assert_true(report_says("outcome", "complete"));
}

static void test_a_full_sync_compares_the_replicas(void **state)
{
    (void)state;
    edge_tracks_see(&rig, "boat", 10);
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_ack_all(&rig, &cloud);
    assert_int_equal(sync_asked("full"), ST_OK);
    edge_tracks_greet(&rig, &cloud);
    bool compared = edge_rig_frame_count(&rig, FRAME_TRACK_DIGESTS) > 0;
    for (int i = 0; i < 5 && !compared; i++) {
        edge_rig_pass_ms(&rig, 100);
        edge_rig_wakeup(&rig);
        compared = edge_rig_frame_count(&rig, FRAME_TRACK_DIGESTS) > 0;
    }
    assert_true(compared);
}

static void test_a_sync_without_a_link_ends_and_says_why(void **state)
{
    (void)state;
    assert_int_equal(sync_asked("full"), ST_OK);
    for (int i = 0; i <= SYNC_PATIENCE_S; i++) {
        edge_rig_pass_ms(&rig, 1000);
        edge_rig_wakeup(&rig);
    }
    assert_true(report_says("outcome", "there is no link to the cloud"));
}

static void test_a_pause_ends_a_sync(void **state)
{
    (void)state;
    assert_int_equal(sync_asked("full"), ST_OK);
    assert_int_equal(edge_rig_verb(&rig, "link-pause"), ST_OK);
    assert_true(report_says("outcome", "the link was paused"));
    assert_int_equal(sync_asked("full"), ST_AGAIN);
}

static void test_one_sync_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(sync_asked("full"), ST_OK);
    assert_int_equal(sync_asked("incremental"), ST_AGAIN);
}

static void test_a_mode_that_is_none_is_refused(void **state)
{
    (void)state;
    assert_int_equal(sync_asked("partial"), ST_USAGE);
    assert_int_equal(edge_rig_verb(&rig, "link-report"), ST_NOT_FOUND);
}

static void test_the_mode_follows_the_budget_when_it_is_auto(void **state)
{
    (void)state;
    rig.options.settings.mode = SYNC_AUTO;
    rig.options.settings.incremental_below_bytes_s = 8000;
    rig.options.settings.budget_bytes_s = 7999;
    edge_rig_reopen(&rig);
    assert_int_equal(sync_mode_now(rig.edge), SYNC_INCREMENTAL);
    rig.options.settings.budget_bytes_s = 8000;
    edge_rig_reopen(&rig);
    assert_int_equal(sync_mode_now(rig.edge), SYNC_FULL);
    rig.options.settings.budget_bytes_s = 0;
    edge_rig_reopen(&rig);
    assert_int_equal(sync_mode_now(rig.edge), SYNC_FULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_an_incremental_sync_leaves_historical_tracks_and_the_backlog),
        CASE(test_a_full_sync_is_over_when_nothing_waits_and_all_is_quiet),
        CASE(test_a_full_sync_compares_the_replicas),
        CASE(test_a_sync_without_a_link_ends_and_says_why),
        CASE(test_a_pause_ends_a_sync),
        CASE(test_one_sync_at_a_time),
        CASE(test_a_mode_that_is_none_is_refused),
        CASE(test_the_mode_follows_the_budget_when_it_is_auto),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
