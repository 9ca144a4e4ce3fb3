/* test_track_repair.c - when the two sides do not agree on where they are: a cloud that forgot, a
 * store that was restored, replicas that are compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/state_msg.h"
#include "tests/support/edge_tracks.h"

static struct edge_rig rig;
static struct tracks_cloud cloud;
static struct track track;
static size_t digest_frames, batch_tracks, id_names, id_ends; /* counted by look_at_frames */

static int set_up(void **state)
{
    (void)state;
    edge_rig_open(&rig);
    edge_rig_pass_ms(&rig, 2000);
    cloud = (struct tracks_cloud){0};
    digest_frames = batch_tracks = id_names = id_ends = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_rig_close(&rig);
    return 0;
}

static void see_many(const char *prefix, unsigned count)
{
    char name[64];
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%s-%03u", prefix, i);
        edge_tracks_see(&rig, name, 10);
    }
}

/* Every batch of the last effects goes on where the one before ended. */
static void assert_claims_adjoin(uint64_t from)
{
    const struct track_batch *batch;
    for (size_t n = 0; (batch = edge_tracks_sent(&rig, n)) != NULL; n++) {
        assert_int_equal(batch->head.from_change, from);
        assert_true(batch->head.to_change > from);
        from = batch->head.to_change;
    }
}

/* PUBACKs for all that was published and all that follows from it; looks at each step's effects. */
static void pump(void (*look)(void))
{
    static uint32_t tokens[4096];
    size_t count = 0;
    for (size_t at = 0;; at++) {
        for (size_t i = 0; i < rig.effects->count; i++)
            if (rig.effects->items[i].kind == EFFECT_PUBLISH) {
                assert_true(count < COUNT_OF(tokens));
                tokens[count++] = rig.effects->items[i].token;
            }
        look();
        if (at == count) return;
        edge_rig_run(&rig,
                     (struct event){.kind = EVENT_SENT, .link = LINK_CLOUD, .token = tokens[at]});
    }
}

static void look_at_ids(void)
{
    static struct track_ids ids;
    struct bytes body;
    for (size_t n = 0; edge_rig_frame(&rig, FRAME_TRACK_IDS, n, &body); n++) {
        assert_int_equal(track_ids_decode(rig.unpacker, body, &ids), ST_OK);
        for (size_t i = 0; i < ids.count; i++) {
            assert_int_equal(track_bucket(rig.hasher, &ids.items[i].name), ids.bucket);
            assert_true(edge_tracks_held(&rig, ids.items[i].name.text, &track));
            assert_true(track_store_hash(rig.edge, &ids.items[i].name, &track) ==
                        ids.items[i].hash);
        }
        id_names += ids.count;
        id_ends += ids.last;
    }
}

static void look_at_frames(void)
{
    digest_frames += edge_rig_frame_count(&rig, FRAME_TRACK_DIGESTS);
    batch_tracks += edge_tracks_count(&rig);
    look_at_ids();
}

/* A connection on which no PUBACK is missing. */
static void connect_anew(void)
{
    edge_rig_disconnect(&rig);
    edge_rig_connect(&rig);
    const struct nonce nonce = edge_rig_nonce(&rig);
    pump(look_at_frames);
    cloud.nonce = nonce;
    edge_tracks_greet_as(&rig, &cloud);
    pump(look_at_frames);
}

/* An hour with a cloud that answers every hello and says nothing else. */
static void pass_hour(void)
{
    struct bytes body;
    edge_rig_pass_ms(&rig, 3600 * 1000);
    edge_rig_wakeup(&rig);
    const bool asked = edge_rig_frame(&rig, FRAME_HELLO, 0, &body);
    if (asked) cloud.nonce = edge_rig_nonce(&rig);
    pump(look_at_frames);
    if (!asked) return;
    edge_tracks_greet_as(&rig, &cloud);
    pump(look_at_frames);
}

static struct state_report state_sent(void)
{
    struct state_report report;
    struct bytes body;
    assert_true(edge_rig_frame(&rig, FRAME_STATE, 0, &body));
    assert_int_equal(state_msg_decode(rig.unpacker, body, &report), ST_OK);
    return report;
}

/* Enough acknowledged tracks that comparing is cheaper than sending. */
static void many_acknowledged(void)
{
    rig.options.settings.frame_size_max = 1024;
    edge_rig_reopen(&rig);
    see_many("t", 60);
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_ack_all(&rig, &cloud);
    assert_int_equal(rig.edge->track_store.pending, 0);
}

/* The cloud forgets our numbering, and we connect anew. */
static void cloud_forgets(void)
{
    edge_rig_disconnect(&rig);
    cloud.knows = false;
    edge_tracks_connect(&rig, &cloud);
}

static bool digests_sent(struct track_digests_msg *out)
{
    struct bytes body;
    if (!edge_rig_frame(&rig, FRAME_TRACK_DIGESTS, 0, &body)) return false;
    assert_int_equal(track_digests_decode(rig.unpacker, body, out), ST_OK);
    return true;
}

static void test_a_cloud_that_forgot_us_gets_digests_instead_of_all_tracks(void **state)
{
    (void)state;
    many_acknowledged();
    cloud_forgets();
    static struct track_digests_msg msg, expected;
    assert_true(digests_sent(&msg));
    assert_int_equal(edge_tracks_count(&rig), 0);
    assert_int_equal(msg.numbering, rig.edge->track_store.numbering);
    assert_int_equal(msg.counter, 60);
    assert_true(nonce_equal(&msg.nonce, &cloud.nonce));
    assert_int_equal(track_store_digests(rig.edge, 0, true, &expected.digests), ST_OK);
    assert_memory_equal(&msg.digests, &expected.digests, sizeof(msg.digests));
}

static void test_a_few_tracks_are_sent_again_rather_than_compared(void **state)
{
    (void)state;
    edge_tracks_see(&rig, "ship-1", 1);
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_ack_all(&rig, &cloud);
    cloud_forgets();
    assert_int_equal(edge_tracks_count(&rig), 1);
    assert_claims_adjoin(0);
}

/* A new edge was never acknowledged anything: there is nothing to compare with. */
static void test_a_new_edge_sends_without_comparing(void **state)
{
    (void)state;
    rig.options.settings.frame_size_max = 1024;
    edge_rig_reopen(&rig);
    see_many("t", 60);
    edge_tracks_connect(&rig, &cloud);
    static struct track_digests_msg msg;
    assert_false(digests_sent(&msg));
    assert_true(edge_tracks_count(&rig) > 0);
}

static void test_equal_digests_end_the_repair_with_nothing_sent(void **state)
{
    (void)state;
    many_acknowledged();
    cloud_forgets();
    static struct track_digests_msg msg;
    assert_true(digests_sent(&msg));
    cloud.knows = true;
    cloud.numbering = msg.numbering;
    cloud.cursor = msg.counter;
    edge_tracks_ack(&rig, &cloud);
    assert_int_equal(edge_tracks_count(&rig), 0);
    assert_int_equal(rig.edge->track_store.pending, 0);
    edge_tracks_see(&rig, "new", 1);
    assert_int_equal(edge_tracks_count(&rig), 1);
    assert_claims_adjoin(60);
    assert_int_equal(rig.edge->track_lane.skip_through, 0);
}

static void hear_differs(unsigned first_bucket, unsigned last_bucket)
{
    struct track_differs differs = {.nonce = cloud.nonce, .counter = 60};
    for (unsigned bucket = first_bucket; bucket <= last_bucket; bucket++)
        track_differs_set(&differs, bucket);
    struct buf body = buf_of(rig.scratch, BODY_SIZE_MAX);
    track_differs_encode(&differs, &body);
    edge_rig_hear(&rig, TOPIC_SYNC_DOWN, FRAME_TRACK_DIFFERS, buf_bytes(&body));
}

static void test_every_bucket_that_differs_is_listed_whole(void **state)
{
    (void)state;
    many_acknowledged();
    cloud_forgets();
    edge_rig_puback_all(&rig);
    hear_differs(0, 255);
    pump(look_at_frames);
    assert_int_equal(id_ends, 256);
    assert_int_equal(id_names, 60);
    assert_int_equal(batch_tracks, 0);
}

static void test_only_buckets_that_differ_are_listed(void **state)
{
    (void)state;
    many_acknowledged();
    cloud_forgets();
    hear_differs(7, 9);
    pump(look_at_frames);
    assert_int_equal(id_ends, 3);
}

static void hear_want(const char *name)
{
    static struct track_want want;
    want.nonce = cloud.nonce;
    want.count = 1;
    assert_int_equal(level_name_from(bytes_of_text(name), &want.names[0]), ST_OK);
    struct buf body = buf_of(rig.scratch, BODY_SIZE_MAX);
    track_want_encode(&want, &body);
    edge_rig_hear(&rig, TOPIC_SYNC_DOWN, FRAME_TRACK_WANT, buf_bytes(&body));
}

static void test_what_the_cloud_wants_is_sent_once(void **state)
{
    (void)state;
    many_acknowledged();
    cloud_forgets();
    hear_want("t-017");
    assert_int_equal(edge_tracks_count(&rig), 1);
    assert_true(edge_tracks_has(&rig, "t-017", NULL));
    hear_want("unheard-of");
    edge_tracks_wait(&rig);
    assert_int_equal(edge_tracks_count(&rig), 0);
}

/* What went beyond the gap did not count for the cloud's cursor: it goes again, claimed. */
static void test_what_was_sent_during_a_repair_is_claimed_after_it(void **state)
{
    (void)state;
    many_acknowledged();
    cloud_forgets();
    static struct track_digests_msg msg;
    assert_true(digests_sent(&msg));
    edge_tracks_see(&rig, "new", 1);
    edge_tracks_wait(&rig);
    cloud.knows = true;
    cloud.numbering = msg.numbering;
    cloud.cursor = msg.counter;
    edge_tracks_ack(&rig, &cloud);
    assert_int_equal(edge_tracks_count(&rig), 1);
    assert_claims_adjoin(60);
}

static void test_without_agreement_everything_is_sent_after_all(void **state)
{
    (void)state;
    many_acknowledged();
    cloud_forgets();
    size_t comparisons = edge_rig_frame_count(&rig, FRAME_TRACK_DIGESTS), sent = 0;
    for (int round = 0; round < 200 && sent < 60; round++) {
        edge_rig_puback_all(&rig);
        edge_rig_pass_ms(&rig, 1000);
        edge_rig_wakeup(&rig);
        comparisons += edge_rig_frame_count(&rig, FRAME_TRACK_DIGESTS);
        struct bytes body;
        if (edge_rig_frame(&rig, FRAME_HELLO, 0, &body)) edge_tracks_greet(&rig, &cloud);
        sent += edge_tracks_count(&rig);
        if (rig.edge->track_lane.sent == 0 || sent == 0) continue;
        cloud.knows = true;
        cloud.numbering = rig.edge->track_store.numbering;
        cloud.cursor = rig.edge->track_lane.sent;
        edge_tracks_ack(&rig, &cloud);
        sent += edge_tracks_count(&rig);
    }
    assert_int_equal(comparisons, REPAIR_TRIES_MAX);
    assert_int_equal(sent, 60);
    assert_int_equal(rig.edge->track_store.pending, 0);
}

/* A retained answer of an earlier connection. */
static void test_repair_frames_of_another_connection_are_ignored(void **state)
{
    (void)state;
    many_acknowledged();
    cloud.nonce.bytes[0] ^= 1;
    hear_differs(0, 255);
    pump(look_at_frames);
    assert_int_equal(id_ends, 0);
    hear_want("t-017");
    edge_tracks_wait(&rig);
    assert_int_equal(edge_tracks_count(&rig), 0);
    assert_int_equal(edge_rig_status(&rig, "frames_refused"), 2);
}

/* What a store that was rolled back has forgotten it must neither claim nor cover. */
static void test_a_restored_store_takes_a_new_numbering_and_incarnation(void **state)
{
    (void)state;
    edge_tracks_see(&rig, "ship-1", 1);
    edge_tracks_connect(&rig, &cloud);
    const uint32_t numbering = rig.edge->track_store.numbering;
    const uint32_t incarnation = rig.edge->track_store.incarnation;
    cloud.knows = true;
    cloud.numbering = numbering;
    cloud.cursor = 1000;
    edge_tracks_ack(&rig, &cloud);
    assert_int_not_equal(rig.edge->track_store.numbering, numbering);
    assert_int_not_equal(rig.edge->track_store.incarnation, incarnation);
    assert_int_equal(rig.edge->track_store.pending, 1);
    edge_tracks_wait(&rig);
    assert_int_equal(state_sent().numbering, rig.edge->track_store.numbering);
    /* The old numbering, named again by a retained acknowledgement, says nothing any more. */
    edge_tracks_ack(&rig, &cloud);
    assert_int_equal(rig.edge->track_store.pending, 1);
    edge_rig_power_cut(&rig);
    assert_int_not_equal(rig.edge->track_store.numbering, numbering);
}

static void test_a_store_that_takes_over_may_move_the_cursor_back(void **state)
{
    (void)state;
    many_acknowledged();
    edge_rig_disconnect(&rig);
    memset(rig.store.bytes, 0x52, STORE_ID_SIZE);
    cloud.cursor = 40;
    edge_tracks_connect(&rig, &cloud);
    assert_int_equal(rig.edge->track_store.pending, 20);
    static struct track_digests_msg msg;
    assert_true(digests_sent(&msg));
}

/* What the cloud was taught by this node before a restore comes back by this way only. */
static void test_a_comparison_that_a_lost_connection_cut_short_begins_anew(void **state)
{
    (void)state;
    static struct track_digests_msg msg;
    many_acknowledged();
    cloud_forgets();
    assert_true(digests_sent(&msg));
    edge_rig_disconnect(&rig);
    cloud.knows = true;
    cloud.numbering = rig.edge->track_store.numbering;
    cloud.cursor = rig.edge->track_store.cursor;
    edge_tracks_connect(&rig, &cloud);
    assert_true(digests_sent(&msg));
}

static void test_replicas_are_compared_once_a_day(void **state)
{
    (void)state;
    many_acknowledged();
    connect_anew();
    for (int hour = 0; hour < 72; hour++)
        pass_hour();
    assert_in_range(digest_frames, 2, 3);
    assert_int_equal(batch_tracks, 0);
}

static void test_an_edge_without_interest_sends_its_own_again_once_a_day(void **state)
{
    (void)state;
    rig.options.settings.interest = INTEREST_NONE;
    edge_rig_reopen(&rig);
    edge_tracks_see(&rig, "ship-1", 1);
    edge_tracks_connect(&rig, &cloud);
    edge_tracks_ack_all(&rig, &cloud);
    connect_anew();
    for (int hour = 0; hour < 26 && batch_tracks == 0; hour++)
        pass_hour();
    assert_int_equal(batch_tracks, 1);
    assert_int_equal(digest_frames, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_cloud_that_forgot_us_gets_digests_instead_of_all_tracks),
        TEST(test_a_few_tracks_are_sent_again_rather_than_compared),
        TEST(test_a_new_edge_sends_without_comparing),
        TEST(test_equal_digests_end_the_repair_with_nothing_sent),
        TEST(test_every_bucket_that_differs_is_listed_whole),
        TEST(test_only_buckets_that_differ_are_listed),
        TEST(test_what_the_cloud_wants_is_sent_once),
        TEST(test_what_was_sent_during_a_repair_is_claimed_after_it),
        TEST(test_without_agreement_everything_is_sent_after_all),
        TEST(test_repair_frames_of_another_connection_are_ignored),
        TEST(test_a_restored_store_takes_a_new_numbering_and_incarnation),
        TEST(test_a_store_that_takes_over_may_move_the_cursor_back),
        TEST(test_a_comparison_that_a_lost_connection_cut_short_begins_anew),
        TEST(test_replicas_are_compared_once_a_day),
        TEST(test_an_edge_without_interest_sends_its_own_again_once_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
