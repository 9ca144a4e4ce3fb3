/* track_rig.c - hand-made edges that speak of tracks; see track_rig.h. */
#include "tests/support/track_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct track_batch_writer writer;
static uint8_t records[BODY_SIZE_MAX];
static struct track_batch decoded;
static struct track scratch;

void track_node_open(struct cloud_rig *rig, struct track_node *node, const char *name,
                     uint8_t key_seed)
{
    *node = (struct track_node){.interest = INTEREST_ALL, .numbering = 7};
    node->nonce.bytes[0] = key_seed;
    rig_log_open_empty(&node->log, name, key_seed, key_seed);
    if (strcmp(name, "edge-1") != 0) {
        const enum status status = cloud_rig_enrol(rig, &node->log);
        assert_true(status == ST_OK || status == ST_DUPLICATE);
    }
}

void track_node_close(struct track_node *node)
{
    rig_log_close(&node->log);
}

void track_node_hello(struct cloud_rig *rig, struct track_node *node)
{
    node->nonce.bytes[1]++;
    struct hello hello = {.nonce = node->nonce, .mono_ms = 77};
    struct buf body = buf_of(rig->scratch, 4096);
    hello_encode(&hello, &body);
    cloud_rig_send(rig, &node->log, TOPIC_SYNC_UP, FRAME_HELLO, buf_bytes(&body));
    if (cloud_rig_has_ack(rig)) node->store = rig->ack->store;
}

void track_node_tell(struct cloud_rig *rig, struct track_node *node)
{
    const struct state_report report = {
        .nonce = node->nonce,
        .interest = node->interest,
        .numbering = node->numbering,
        .counter = node->counter,
        .has_down = node->has_down,
        .down_store = node->store,
        .down_cursor = node->down_cursor,
    };
    struct buf body = buf_of(rig->scratch, 4096);
    state_msg_encode(&report, &body);
    assert_true(buf_ok(&body));
    cloud_rig_send(rig, &node->log, TOPIC_SYNC_UP, FRAME_STATE, buf_bytes(&body));
}

void track_node_meet(struct cloud_rig *rig, struct track_node *node)
{
    track_node_hello(rig, node);
    track_node_tell(rig, node);
}

void track_node_acknowledge(struct cloud_rig *rig, struct track_node *node, uint64_t cursor)
{
    node->has_down = true;
    node->down_cursor = cursor;
    track_node_tell(rig, node);
}

struct level_name track_rig_name(const char *format, unsigned number)
{
    struct level_name name = {0};
    snprintf(name.text, sizeof name.text, "%s%04u", format, number);
    return name;
}

uint64_t track_rig_stamp(const struct cloud_rig *rig, int64_t ms)
{
    return (uint64_t)(rig->now.wall_ns / 1000000 + ms) << 16;
}

void track_rig_see(struct track *track, const char *node, uint64_t stamp, unsigned value)
{
    struct track_writer by = {.incarnation = 1};
    struct track_observation said = {
        .has_position = true,
        .has_sensor = true,
        .position_confidence = 5000,
        .position = {.latitude_e7 = (int32_t)value, .longitude_e7 = -(int32_t)value},
    };
    assert_int_equal(node_name_from(bytes_of_text(node), &by.node), ST_OK);
    assert_int_equal(track_label_from(BYTES_LITERAL("radar"), &said.sensor), ST_OK);
    assert_int_equal(track_observe(track, &by, stamp, 0, &said), ST_OK);
}

void track_rig_begin(struct cloud_rig *rig)
{
    const uint64_t base_ms = (uint64_t)(rig->now.wall_ns / 1000000) + INT64_C(1000000000000);
    track_batch_begin(&writer, base_ms, records, sizeof records);
}

void track_rig_add(const char *name, const struct track *track)
{
    struct level_name level;
    assert_int_equal(level_name_from(bytes_of_text(name), &level), ST_OK);
    assert_int_equal(track_batch_add(&writer, &level, track, BODY_SIZE_MAX), ST_OK);
}

struct bytes track_rig_body(struct cloud_rig *rig, uint64_t from, uint64_t to)
{
    const struct track_batch_head head = {.from_change = from, .to_change = to};
    struct buf body = buf_of(rig->scratch, FRAME_SIZE_MAX);
    track_msg_encode(&head, &writer, &body);
    assert_true(buf_ok(&body));
    return buf_bytes(&body);
}

void track_rig_send(struct cloud_rig *rig, struct track_node *node, uint64_t from, uint64_t to)
{
    cloud_rig_send(rig, &node->log, TOPIC_TRACKS_UP, FRAME_TRACKS, track_rig_body(rig, from, to));
}

void track_rig_send_one(struct cloud_rig *rig, struct track_node *node, const char *name,
                        unsigned value)
{
    static struct track track;
    track_init(&track);
    track_rig_see(&track, node->log.node.text, track_rig_stamp(rig, 0), value);
    track_rig_begin(rig);
    track_rig_add(name, &track);
    node->counter++;
    track_rig_send(rig, node, node->counter - 1, node->counter);
}

void track_rig_send_many(struct cloud_rig *rig, struct track_node *node, const char *prefix,
                         unsigned count, int64_t ms)
{
    static struct track track;
    for (unsigned i = 0; i < count;) {
        const uint64_t from = node->counter;
        track_rig_begin(rig);
        for (unsigned j = 0; j < 500 && i < count; j++, i++) {
            track_init(&track);
            track_rig_see(&track, node->log.node.text, track_rig_stamp(rig, ms) + i, i);
            track_rig_add(track_rig_name(prefix, i).text, &track);
            node->counter++;
        }
        track_rig_send(rig, node, from, node->counter);
    }
}

bool track_rig_frame(struct cloud_rig *rig, const struct track_node *node, enum frame_kind kind,
                     size_t n, struct bytes *body)
{
    for (size_t i = 0; i < rig->effects->count; i++) {
        const struct effect *const effect = &rig->effects->items[i];
        struct envelope envelope;
        struct topic_parts parts;
        if (effect->kind != EFFECT_PUBLISH) continue;
        assert_int_equal(envelope_read(rig->unpacker, effect->payload, &envelope), ST_OK);
        assert_int_equal(topic_parse("hf/v1", effect->topic, &parts), ST_OK);
        if (!bytes_equal(parts.node, bytes_of_text(node->log.node.text))) continue;
        if (envelope.kind != kind || n-- > 0) continue;
        *body = envelope.body;
        return true;
    }
    return false;
}

bool track_rig_down(struct cloud_rig *rig, const struct track_node *node, size_t n,
                    struct track_frame *frame)
{
    struct bytes body;
    size_t offset = 0;
    if (!track_rig_frame(rig, node, FRAME_TRACKS, n, &body)) return false;
    assert_int_equal(track_msg_decode(rig->unpacker, body, &scratch, &decoded), ST_OK);
    frame->head = decoded.head;
    frame->bytes = body.size;
    frame->count = 0;
    while (track_batch_next(&decoded, &offset, &frame->names[frame->count], &scratch))
        frame->count++;
    return true;
}

bool track_rig_down_state(struct cloud_rig *rig, const struct track_node *node, size_t n,
                          const char *name, struct track *out)
{
    struct bytes body;
    struct level_name found;
    size_t offset = 0;
    if (!track_rig_frame(rig, node, FRAME_TRACKS, n, &body)) return false;
    assert_int_equal(track_msg_decode(rig->unpacker, body, &scratch, &decoded), ST_OK);
    while (track_batch_next(&decoded, &offset, &found, out))
        if (strcmp(found.text, name) == 0) return true;
    return false;
}

bool track_rig_nack(struct cloud_rig *rig, const struct track_node *node, struct nack *out)
{
    struct bytes body;
    if (!track_rig_frame(rig, node, FRAME_NACK, 0, &body)) return false;
    assert_int_equal(nack_msg_decode(rig->unpacker, body, out), ST_OK);
    return true;
}

bool track_rig_ack(struct cloud_rig *rig, const struct track_node *node, uint64_t *cursor)
{
    struct bytes body;
    if (!track_rig_frame(rig, node, FRAME_ACK, 0, &body)) return false;
    assert_int_equal(ack_msg_decode(rig->unpacker, body, rig->ack), ST_OK);
    if (!rig->ack->has_tracks) return false;
    assert_int_equal(rig->ack->track_numbering, node->numbering);
    *cursor = rig->ack->track_cursor;
    return true;
}
