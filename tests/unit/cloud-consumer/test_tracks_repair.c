/* test_tracks_repair.c - an edge and the cloud find out what one lacks of the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud-consumer/tracks_state.h"
#include "tests/support/track_rig.h"

static struct cloud_rig rig;
static struct track_node a, b;
static struct track track;
static struct track_frame frame;
static struct track_digests_msg digests;
static struct track_differs differs;
static struct track_ids ids;
static struct track_want want;

/* edge-1 has taught the cloud T0000 … T0039; edge-2 takes them for known. */
static int set_up(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    track_node_open(&rig, &a, "edge-1", 1);
    track_node_open(&rig, &b, "edge-2", 2);
    a.interest = INTEREST_NONE;
    track_node_meet(&rig, &a);
    track_rig_send_many(&rig, &a, "T", 40, 0);
    track_node_hello(&rig, &b);
    track_node_acknowledge(&rig, &b, 40);
    digests = (struct track_digests_msg){.nonce = b.nonce, .numbering = 7, .counter = 123};
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

/* The state that edge-1 sent of its i-th track. */
static const struct track *sent(unsigned i)
{
    track_init(&track);
    track_rig_see(&track, "edge-1", track_rig_stamp(&rig, 0) + i, i);
    return &track;
}

static uint64_t hash_of(const struct level_name *name, const struct track *state)
{
    static uint8_t memory[TRACK_BYTES_MAX];
    struct buf bytes = buf_of(memory, sizeof memory);
    track_encode(state, &bytes);
    return track_hash(rig.hasher, name, buf_bytes(&bytes));
}

static void hold(unsigned i)
{
    const struct level_name name = track_rig_name("T", i);
    track_digests_toggle(&digests.digests, track_bucket(rig.hasher, &name),
                         hash_of(&name, sent(i)));
}

static bool ask(void)
{
    struct bytes answer;
    struct buf body = buf_of(rig.scratch, 8192);
    track_digests_encode(&digests, &body);
    assert_true(buf_ok(&body));
    cloud_rig_send(&rig, &b.log, TOPIC_SYNC_UP, FRAME_TRACK_DIGESTS, buf_bytes(&body));
    if (!track_rig_frame(&rig, &b, FRAME_TRACK_DIFFERS, 0, &answer)) return false;
    assert_int_equal(track_differs_decode(rig.unpacker, answer, &differs), ST_OK);
    assert_memory_equal(&differs.nonce, &b.nonce, sizeof b.nonce);
    assert_int_equal(differs.counter, digests.counter);
    return true;
}

static unsigned buckets_that_differ(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < TRACK_BUCKETS; i++)
        count += track_differs_has(&differs, i);
    return count;
}

static void test_equal_digests_say_that_all_changes_are_known(void **state)
{
    (void)state;
    uint64_t cursor = 0;
    for (unsigned i = 0; i < 40; i++)
        hold(i);
    assert_true(ask());
    assert_int_equal(buckets_that_differ(), 0);
    /* The acknowledgement is built when it goes: with the next batch at the latest. */
    if (!track_rig_ack(&rig, &b, &cursor)) {
        cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
        assert_true(track_rig_ack(&rig, &b, &cursor));
    }
    assert_int_equal(cursor, 123);
}

static void test_equal_digests_under_another_numbering_claim_nothing(void **state)
{
    (void)state;
    uint64_t cursor = 0;
    for (unsigned i = 0; i < 40; i++)
        hold(i);
    digests.numbering = 8;
    assert_true(ask());
    assert_int_equal(buckets_that_differ(), 0);
    track_rig_begin(&rig);
    track_rig_send(&rig, &b, 0, 0);
    assert_true(track_rig_ack(&rig, &b, &cursor));
    assert_int_equal(cursor, 0);
}

static void test_a_bucket_with_another_state_differs(void **state)
{
    (void)state;
    const struct level_name name = track_rig_name("T", 3);
    for (unsigned i = 0; i < 40; i++)
        if (i != 3) hold(i);
    assert_true(ask());
    assert_int_equal(buckets_that_differ(), 1);
    assert_true(track_differs_has(&differs, track_bucket(rig.hasher, &name)));
}

static void test_only_tracks_as_new_as_the_edge_says_are_meant(void **state)
{
    (void)state;
    digests.since = track_rig_stamp(&rig, 0) + 30;
    for (unsigned i = 30; i < 40; i++)
        hold(i);
    assert_true(ask());
    assert_int_equal(buckets_that_differ(), 0);
    digests.since--;
    assert_true(ask());
    assert_int_equal(buckets_that_differ(), 1);
}

static void test_only_tracks_of_the_edges_groups_are_meant(void **state)
{
    (void)state;
    b.interest = INTEREST_GROUPS;
    track_node_tell(&rig, &b);
    assert_true(ask());
    assert_int_equal(buckets_that_differ(), 0);
    assert_int_equal(cloud_rig_verb(&rig, "node-set", "node", "edge-1", "group", "g", NULL), ST_OK);
    assert_int_equal(cloud_rig_verb(&rig, "node-set", "node", "edge-2", "group", "g", NULL), ST_OK);
    assert_true(ask());
    assert_true(buckets_that_differ() > 0);
}

/* A sum over many rows takes several slices. */
static void test_a_long_sum_is_taken_in_slices(void **state)
{
    (void)state;
    struct bytes body;
    track_rig_send_many(&rig, &a, "U", 2 * REPAIR_SLICE_ROWS, -1000);
    digests.since = track_rig_stamp(&rig, 0);
    for (unsigned i = 0; i < 40; i++)
        hold(i);
    assert_false(ask());
    unsigned slices = 1;
    for (; !track_rig_frame(&rig, &b, FRAME_TRACK_DIFFERS, 0, &body); slices++) {
        assert_true(slices < 10);
        assert_int_equal(cloud_next_wakeup(rig.cloud), 0);
        cloud_rig_run(&rig, (struct event){.kind = EVENT_WAKEUP});
    }
    assert_int_equal(slices, 3);
    assert_int_equal(track_differs_decode(rig.unpacker, body, &differs), ST_OK);
    assert_int_equal(buckets_that_differ(), 0);
}

static void test_digests_of_an_earlier_connection_are_not_answered(void **state)
{
    (void)state;
    digests.nonce.bytes[5] ^= 1;
    assert_false(ask());
}

/* --------------------------------------------------------------------- ids */

/* A track that is alone in its bucket. */
static unsigned lone(void)
{
    for (unsigned i = 0; i < 40; i++) {
        const struct level_name name = track_rig_name("T", i);
        unsigned others = 0;
        for (unsigned j = 0; j < 40; j++) {
            const struct level_name other = track_rig_name("T", j);
            others += track_bucket(rig.hasher, &other) == track_bucket(rig.hasher, &name);
        }
        if (others == 1) return i;
    }
    fail();
    return 0;
}

static void begin_ids(const struct level_name *in_bucket_of)
{
    memset(&ids, 0, sizeof ids);
    ids.nonce = b.nonce;
    ids.bucket = track_bucket(rig.hasher, in_bucket_of);
    ids.last = true;
}

static void list(const struct level_name *name, uint64_t hash)
{
    ids.items[ids.count++] = (struct track_id){*name, hash};
}

static void send_ids(void)
{
    struct buf body = buf_of(rig.scratch, FRAME_SIZE_MAX);
    track_ids_encode(&ids, &body);
    assert_true(buf_ok(&body));
    cloud_rig_send(&rig, &b.log, TOPIC_SYNC_UP, FRAME_TRACK_IDS, buf_bytes(&body));
}

static size_t wanted(void)
{
    struct bytes body;
    if (!track_rig_frame(&rig, &b, FRAME_TRACK_WANT, 0, &body)) return 0;
    assert_int_equal(track_want_decode(rig.unpacker, body, &want), ST_OK);
    assert_memory_equal(&want.nonce, &b.nonce, sizeof b.nonce);
    return want.count;
}

static size_t brought(void)
{
    if (!track_rig_down(&rig, &b, 0, &frame)) return 0;
    assert_int_equal(frame.head.from_change, 0);
    assert_int_equal(frame.head.to_change, 0);
    return frame.count;
}

static void test_what_is_listed_alike_is_neither_sent_nor_wanted(void **state)
{
    (void)state;
    const struct level_name name = track_rig_name("T", lone());
    begin_ids(&name);
    list(&name, hash_of(&name, sent(lone())));
    send_ids();
    assert_int_equal(wanted(), 0);
    assert_int_equal(brought(), 0);
}

static void test_what_the_edge_lacks_is_sent(void **state)
{
    (void)state;
    const struct level_name name = track_rig_name("T", lone());
    begin_ids(&name);
    send_ids();
    assert_int_equal(wanted(), 0);
    assert_int_equal(brought(), 1);
    assert_string_equal(frame.names[0].text, name.text);
}

static void test_what_differs_is_sent_and_wanted(void **state)
{
    (void)state;
    const struct level_name name = track_rig_name("T", lone());
    begin_ids(&name);
    list(&name, 99);
    send_ids();
    assert_int_equal(wanted(), 1);
    assert_string_equal(want.names[0].text, name.text);
    assert_int_equal(brought(), 1);
}

/* A name of the same bucket, before or behind the one that is there. */
static struct level_name neighbour(const struct level_name *name, bool behind)
{
    for (unsigned i = 0; i < 5000; i++) {
        const struct level_name other = track_rig_name(behind ? "Z" : "A", i);
        if (track_bucket(rig.hasher, &other) == track_bucket(rig.hasher, name)) return other;
    }
    fail();
    return *name;
}

static void test_what_the_cloud_lacks_is_wanted(void **state)
{
    (void)state;
    const struct level_name name = track_rig_name("T", lone());
    const struct level_name before = neighbour(&name, false), behind = neighbour(&name, true);
    begin_ids(&name);
    list(&before, 1);
    list(&name, hash_of(&name, sent(lone())));
    list(&behind, 2);
    send_ids();
    assert_int_equal(wanted(), 2);
    assert_string_equal(want.names[0].text, before.text);
    assert_string_equal(want.names[1].text, behind.text);
    assert_int_equal(brought(), 0);
}

/* The rest of the bucket comes with the next frame: it is not missing. */
static void test_a_frame_that_is_not_the_last_tells_only_up_to_its_greatest_name(void **state)
{
    (void)state;
    const struct level_name name = track_rig_name("T", lone());
    const struct level_name before = neighbour(&name, false);
    begin_ids(&name);
    list(&before, 1);
    ids.last = false;
    send_ids();
    assert_int_equal(wanted(), 1);
    assert_int_equal(brought(), 0);
    begin_ids(&name);
    ids.after = before;
    send_ids();
    assert_int_equal(brought(), 1);
}

static void test_what_the_edge_evicted_or_does_not_want_is_not_sent(void **state)
{
    (void)state;
    const struct level_name name = track_rig_name("T", lone());
    begin_ids(&name);
    ids.since = track_rig_stamp(&rig, 0) + lone() + 1;
    send_ids();
    assert_int_equal(brought(), 0);
    b.interest = INTEREST_GROUPS;
    track_node_tell(&rig, &b);
    begin_ids(&name);
    send_ids();
    assert_int_equal(brought(), 0);
}

/* However much an edge lacks, it is sent no more at once than it acknowledges. */
static void test_the_answers_keep_to_the_window(void **state)
{
    (void)state;
    track_rig_send_many(&rig, &a, "U", 6000, 0);
    track_node_acknowledge(&rig, &b, 6040);
    size_t frames = 0, count = 0;
    for (unsigned bucket = 0; bucket < TRACK_BUCKETS; bucket++) {
        memset(&ids, 0, sizeof ids);
        ids.nonce = b.nonce;
        ids.bucket = (uint8_t)bucket;
        ids.last = true;
        send_ids();
        for (size_t i = 0; track_rig_down(&rig, &b, i, &frame); i++, frames++)
            count += frame.count;
    }
    assert_int_equal(frames, TRACK_FLIGHTS_MAX);
    for (int round = 0; round < 2000 && count < 6040; round++) {
        cloud_rig_pass_ms(&rig, 100);
        track_node_tell(&rig, &b);
        for (size_t i = 0; track_rig_down(&rig, &b, i, &frame); i++)
            count += frame.count;
    }
    assert_int_equal(count, 6040);
}

static void test_a_repair_ends_with_equal_digests(void **state)
{
    (void)state;
    const struct level_name name = track_rig_name("T", lone());
    static struct track mine;
    uint64_t cursor = 0;
    track_init(&mine);
    track_rig_see(&mine, "edge-2", track_rig_stamp(&rig, 0) + 500, 77);
    begin_ids(&name);
    list(&name, hash_of(&name, &mine));
    send_ids();
    assert_int_equal(wanted(), 1);
    assert_true(track_rig_down_state(&rig, &b, 0, name.text, &track));
    track_rig_begin(&rig);
    track_rig_add(name.text, &mine);
    track_rig_send(&rig, &b, 0, 0);
    assert_true(track_rig_ack(&rig, &b, &cursor));
    for (unsigned i = 0; i < 40; i++)
        if (i != lone()) hold(i);
    (void)track_join(&mine, sent(lone()), 0);
    track_digests_toggle(&digests.digests, track_bucket(rig.hasher, &name), hash_of(&name, &mine));
    assert_true(ask());
    assert_int_equal(buckets_that_differ(), 0);
}

static void test_malformed_repair_messages_are_counted(void **state)
{
    (void)state;
    cloud_rig_send(&rig, &b.log, TOPIC_SYNC_UP, FRAME_TRACK_DIGESTS, BYTES_LITERAL("\x91\x01"));
    cloud_rig_send(&rig, &b.log, TOPIC_SYNC_UP, FRAME_TRACK_IDS, BYTES_LITERAL("\x91\x01"));
    assert_int_equal(cloud_rig_status(&rig, "refused_body"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_equal_digests_say_that_all_changes_are_known),
        TEST(test_equal_digests_under_another_numbering_claim_nothing),
        TEST(test_a_bucket_with_another_state_differs),
        TEST(test_only_tracks_as_new_as_the_edge_says_are_meant),
        TEST(test_only_tracks_of_the_edges_groups_are_meant),
        TEST(test_a_long_sum_is_taken_in_slices),
        TEST(test_digests_of_an_earlier_connection_are_not_answered),
        TEST(test_what_is_listed_alike_is_neither_sent_nor_wanted),
        TEST(test_what_the_edge_lacks_is_sent),
        TEST(test_what_differs_is_sent_and_wanted),
        TEST(test_what_the_cloud_lacks_is_wanted),
        TEST(test_a_frame_that_is_not_the_last_tells_only_up_to_its_greatest_name),
        TEST(test_what_the_edge_evicted_or_does_not_want_is_not_sent),
        TEST(test_the_answers_keep_to_the_window),
        TEST(test_a_repair_ends_with_equal_digests),
        TEST(test_malformed_repair_messages_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
