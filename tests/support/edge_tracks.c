/* edge_tracks.c - see edge_tracks.h. */
#include "tests/support/edge_tracks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/nack_msg.h"

static int64_t cloud_ms(const struct edge_rig *rig, const struct tracks_cloud *cloud)
{
    return rig->now.wall_ns / 1000000 + cloud->ahead_ms;
}

static void fill_ack(struct edge_rig *rig, const struct tracks_cloud *cloud, struct ack *ack)
{
    memset(ack, 0, sizeof(*ack));
    ack->store = rig->store;
    ack->counter = ++rig->ack_counter;
    ack->cloud_ms = cloud_ms(rig, cloud);
    ack->has_tracks = cloud->knows;
    ack->track_numbering = cloud->knows ? cloud->numbering : 0;
    ack->track_cursor = cloud->knows ? cloud->cursor : 0;
}

void edge_tracks_greet(struct edge_rig *rig, struct tracks_cloud *cloud)
{
    cloud->nonce = edge_rig_nonce(rig);
    edge_tracks_greet_as(rig, cloud);
}

void edge_tracks_greet_as(struct edge_rig *rig, struct tracks_cloud *cloud)
{
    static struct hello_reply reply;
    memset(&reply, 0, sizeof(reply));
    reply.nonce = cloud->nonce;
    reply.mono_ms = rig->now.mono_ns / 1000000;
    reply.cloud_ms = cloud_ms(rig, cloud);
    fill_ack(rig, cloud, &reply.ack);
    reply.admitted = cloud->admitted;
    reply.horizon = cloud->horizon;
    struct buf body = buf_of(rig->scratch, BODY_SIZE_MAX);
    hello_reply_encode(&reply, &body);
    assert_true(buf_ok(&body));
    edge_rig_hear(rig, TOPIC_SYNC_DOWN, FRAME_HELLO_REPLY, buf_bytes(&body));
}

void edge_tracks_connect(struct edge_rig *rig, struct tracks_cloud *cloud)
{
    edge_rig_connect(rig);
    edge_tracks_greet(rig, cloud);
}

void edge_tracks_ack(struct edge_rig *rig, const struct tracks_cloud *cloud)
{
    static struct ack ack;
    fill_ack(rig, cloud, &ack);
    edge_rig_hear_ack(rig, &ack);
}

void edge_tracks_ack_all(struct edge_rig *rig, struct tracks_cloud *cloud)
{
    cloud->knows = true;
    cloud->numbering = rig->edge->track_store.numbering;
    cloud->cursor = rig->edge->track_store.counter;
    edge_tracks_ack(rig, cloud);
}

void edge_tracks_nack_future(struct edge_rig *rig, const struct tracks_cloud *cloud)
{
    const struct nack nack = {
        .nonce = cloud->nonce,
        .lane = NACK_TRACKS,
        .reason = NACK_FUTURE,
        .cloud_ms = cloud_ms(rig, cloud),
        .admitted = cloud->admitted,
        .words = BYTES_LITERAL("too far in the future"),
    };
    struct buf body = buf_of(rig->scratch, BODY_SIZE_MAX);
    nack_msg_encode(&nack, &body);
    assert_true(buf_ok(&body));
    edge_rig_hear(rig, TOPIC_SYNC_DOWN, FRAME_NACK, buf_bytes(&body));
}

/* ---- Sensors --------------------------------------------------------------------------------- */

struct receipt edge_tracks_observe(struct edge_rig *rig, const char *track, const char *json)
{
    static struct control_reply reply;
    const struct observe_item item = {bytes_of_text(track), bytes_of_text(json)};
    struct receipt receipt = {.status = ST_BUG};
    struct buf out = buf_of(rig->scratch, BODY_SIZE_MAX);
    observe_request_begin(&out, 1);
    observe_request_item(&out, &item);
    assert_true(buf_ok(&out));
    edge_rig_run(rig,
                 (struct event){.kind = EVENT_REQUEST, .client = 3, .request = buf_bytes(&out)});
    for (size_t i = 0; i < rig->effects->count; i++) {
        const struct effect *effect = &rig->effects->items[i];
        if (effect->kind != EFFECT_REPLY) continue;
        assert_int_equal(control_reply_decode(rig->unpacker, effect->payload, &reply), ST_OK);
        if (reply.kind == REPLY_RECEIPTS) receipt = reply.receipts[0];
    }
    return receipt;
}

void edge_tracks_see(struct edge_rig *rig, const char *track, int latitude)
{
    char json[96];
    snprintf(json, sizeof(json), "{\"position\":{\"lat\":%d,\"lon\":7}}", latitude);
    assert_int_equal(edge_tracks_observe(rig, track, json).status, ST_OK);
}

/* ---- What was sent --------------------------------------------------------------------------- */

const struct track_batch *edge_tracks_sent(struct edge_rig *rig, size_t n)
{
    static struct track_batch batch;
    static struct track scratch;
    struct bytes body;
    if (!edge_rig_frame(rig, FRAME_TRACKS, n, &body)) return NULL;
    assert_int_equal(track_msg_decode(rig->unpacker, body, &scratch, &batch), ST_OK);
    return &batch;
}

size_t edge_tracks_count(struct edge_rig *rig)
{
    size_t count = 0;
    const struct track_batch *batch;
    for (size_t n = 0; (batch = edge_tracks_sent(rig, n)) != NULL; n++)
        count += batch->track_count;
    return count;
}

bool edge_tracks_has(struct edge_rig *rig, const char *track, struct track *out)
{
    static struct track unwanted;
    const struct track_batch *batch;
    if (out == NULL) out = &unwanted;
    for (size_t n = 0; (batch = edge_tracks_sent(rig, n)) != NULL; n++) {
        struct level_name name;
        size_t offset = 0;
        while (track_batch_next(batch, &offset, &name, out))
            if (strcmp(name.text, track) == 0) return true;
    }
    return false;
}

void edge_tracks_wait(struct edge_rig *rig)
{
    edge_rig_pass_ms(rig, 250);
    edge_rig_wakeup(rig);
}

/* ---- What the cloud sends -------------------------------------------------------------------- */

void edge_tracks_hear(struct edge_rig *rig, const struct tracks_batch_spec *spec)
{
    static struct track_batch_writer writer;
    static uint8_t records[BODY_SIZE_MAX];
    uint64_t newest = 0;
    for (size_t i = 0; i < spec->count; i++)
        if (track_newest_stamp(spec->tracks[i]) > newest)
            newest = track_newest_stamp(spec->tracks[i]);
    track_batch_begin(&writer, newest >> 16, records, sizeof(records));
    for (size_t i = 0; i < spec->count; i++) {
        struct level_name name;
        assert_int_equal(level_name_from(bytes_of_text(spec->names[i]), &name), ST_OK);
        assert_int_equal(track_batch_add(&writer, &name, spec->tracks[i], BODY_SIZE_MAX), ST_OK);
    }
    const struct track_batch_head head = {
        .from_change = spec->from, .to_change = spec->to, .horizon = spec->horizon};
    struct buf body = buf_of(rig->scratch, BODY_SIZE_MAX);
    track_msg_encode(&head, &writer, &body);
    assert_true(buf_ok(&body));
    edge_rig_hear(rig, TOPIC_TRACKS_DOWN, FRAME_TRACKS, buf_bytes(&body));
}

void edge_tracks_foreign(struct track *out, const char *node, uint64_t stamp, int latitude,
                         const char *classification)
{
    struct track_writer writer = {.incarnation = 1};
    struct track_observation said = {
        .has_position = true,
        .position_confidence = 5000,
        .position = {.latitude_e7 = latitude * 10000000},
        .has_classification = classification != NULL,
        .classification_confidence = 5000,
    };
    assert_int_equal(node_name_from(bytes_of_text(node), &writer.node), ST_OK);
    if (classification != NULL)
        assert_int_equal(track_label_from(bytes_of_text(classification), &said.classification),
                         ST_OK);
    track_init(out);
    assert_int_equal(track_observe(out, &writer, stamp, 0, &said), ST_OK);
}

bool edge_tracks_held(struct edge_rig *rig, const char *track, struct track *out)
{
    struct level_name name;
    struct track_row row;
    assert_int_equal(level_name_from(bytes_of_text(track), &name), ST_OK);
    const enum status found = track_store_get(rig->edge, &name, &row, out);
    assert_true(found == ST_OK || found == ST_NOT_FOUND);
    return found == ST_OK && !track_is_empty(out);
}

uint64_t edge_tracks_stamp(const struct edge_rig *rig, int64_t ago_ms)
{
    return (uint64_t)(rig->now.wall_ns / 1000000 - ago_ms) << 16;
}
