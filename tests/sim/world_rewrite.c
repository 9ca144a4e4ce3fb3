/* world_rewrite.c - broken rules that frames can play: a frame is changed on its way out and signed
 * again with the key of who sent it, so that nothing but its truth is wrong with it. */
#include <stdlib.h>
#include <string.h>

#include "common/wire/config_msg.h"
#include "common/wire/envelope.h"
#include "common/wire/sync_msg.h"
#include "common/wire/track_msg.h"
#include "edge-bridge/edge_state.h"
#include "tests/sim/world.h"
#include "topics/topics.h"

struct rewriter {
    struct world *world;
    struct sim_node *sender, *edge; /* edge: whose topic it is; NULL: nobody's */
    enum world_mutant mutant;
    struct hasher *hasher;
    struct unpacker *unpacker;
    struct compressor *compressor;
    struct config_writes *writes;
    struct config_writes_writer config_writer;
    struct track_batch *batch;
    struct track_batch_writer *batch_writer;
    struct track *track;
    struct ack *ack;
    struct hello_reply *reply;
    uint8_t *plain, *scratch, *memory;
};

static void rewriter_open(struct rewriter *rewriter)
{
    INVARIANT(hasher_open(&rewriter->hasher) == ST_OK);
    INVARIANT(unpacker_open(&rewriter->unpacker) == ST_OK);
    INVARIANT(compressor_open(&rewriter->compressor) == ST_OK);
    rewriter->writes = sim_allocate(sizeof(*rewriter->writes));
    rewriter->batch = sim_allocate(sizeof(*rewriter->batch));
    rewriter->batch_writer = sim_allocate(sizeof(*rewriter->batch_writer));
    rewriter->track = sim_allocate(sizeof(*rewriter->track));
    rewriter->ack = sim_allocate(sizeof(*rewriter->ack));
    rewriter->reply = sim_allocate(sizeof(*rewriter->reply));
    rewriter->plain = sim_allocate(BODY_UNPACKED_SIZE_MAX);
    rewriter->scratch = sim_allocate(BODY_UNPACKED_SIZE_MAX);
    rewriter->memory = sim_allocate(BODY_UNPACKED_SIZE_MAX);
}

static void rewriter_close(struct rewriter *rewriter)
{
    hasher_close(rewriter->hasher);
    unpacker_close(rewriter->unpacker);
    compressor_close(rewriter->compressor);
    free(rewriter->writes);
    free(rewriter->batch);
    free(rewriter->batch_writer);
    free(rewriter->track);
    free(rewriter->ack);
    free(rewriter->reply);
    free(rewriter->plain);
    free(rewriter->scratch);
    free(rewriter->memory);
}

static uint64_t stamp_now(const struct world *world)
{
    return (uint64_t)(SIM_EPOCH_MS + (int64_t)(world->now_ns / SIM_MS)) << 16;
}

/* ---- what is changed ---------------------------------------------------------------------- */

/* Stamps from the future are cut to now: the rule that lost the later of two honest writes. */
static bool clamp_writes(struct rewriter *rewriter, struct bytes body, struct buf *out)
{
    const uint64_t now = stamp_now(rewriter->world);
    if (config_writes_decode(rewriter->unpacker, body, rewriter->writes) != ST_OK) return false;
    config_writes_begin(&rewriter->config_writer, rewriter->scratch, BODY_UNPACKED_SIZE_MAX);
    for (size_t i = 0; i < rewriter->writes->count; i++) {
        struct config_write *write = &rewriter->writes->writes[i];
        if (write->entry.reg.hlc > now) write->entry.reg.hlc = now + write->operation;
        INVARIANT(config_writes_add(&rewriter->config_writer, write, BODY_SIZE_MAX));
    }
    config_writes_encode(rewriter->writes->incarnation, &rewriter->config_writer, out);
    return true;
}

/* And the node is told that its clock is right. */
static bool flatter_clock(struct rewriter *rewriter, struct bytes body, struct buf *out)
{
    if (rewriter->edge->edge == NULL) return false;
    if (hello_reply_decode(rewriter->unpacker, body, rewriter->reply) != ST_OK) return false;
    if (!rewriter->edge->edge->clock.known) return false;
    rewriter->reply->cloud_ms = clock_wall_ms(rewriter->edge->edge);
    hello_reply_encode(rewriter->reply, out);
    return true;
}

static void change_ack(const struct rewriter *rewriter, struct ack *ack)
{
    const struct edge *edge = rewriter->edge->edge;
    if (rewriter->mutant == MUTANT_FORGETS_REFUSALS) {
        ack->refusal_count = 0;
    } else if (ack->has_tracks && edge != NULL && edge->track_lane.sent > ack->track_cursor) {
        ack->track_cursor = edge->track_lane.sent;
    }
}

static bool rewrite_ack(struct rewriter *rewriter, enum frame_kind kind, struct bytes body,
                        struct buf *out)
{
    if (kind == FRAME_ACK) {
        if (ack_msg_decode(rewriter->unpacker, body, rewriter->ack) != ST_OK) return false;
        change_ack(rewriter, rewriter->ack);
        ack_pack(rewriter->ack, out);
        return true;
    }
    if (hello_reply_decode(rewriter->unpacker, body, rewriter->reply) != ST_OK) return false;
    change_ack(rewriter, &rewriter->reply->ack);
    hello_reply_encode(rewriter->reply, out);
    return true;
}

static bool keep_horizon_back(struct rewriter *rewriter, struct bytes body, struct buf *out)
{
    if (hello_reply_decode(rewriter->unpacker, body, rewriter->reply) != ST_OK) return false;
    rewriter->reply->horizon = 0;
    hello_reply_encode(rewriter->reply, out);
    return true;
}

static bool is_own(const struct rewriter *rewriter, const struct track_slot *slot)
{
    return node_name_equal(&slot->writer.node, &rewriter->edge->name);
}

static bool has_own(const struct rewriter *rewriter, const struct track *track)
{
    for (unsigned i = 0; i < track->slot_count; i++) {
        if (is_own(rewriter, &track->slots[i])) return true;
    }
    return false;
}

static bool rewrite_tracks(struct rewriter *rewriter, struct bytes body, struct buf *out)
{
    struct level_name name;
    size_t offset = 0;
    if (track_msg_decode(rewriter->unpacker, body, rewriter->track, rewriter->batch) != ST_OK)
        return false;
    struct track_batch_head head = rewriter->batch->head;
    if (rewriter->mutant == MUTANT_KEEPS_HORIZON) head.horizon = 0;
    track_batch_begin(rewriter->batch_writer, head.base_ms, rewriter->scratch,
                      BODY_UNPACKED_SIZE_MAX);
    while (track_batch_next(rewriter->batch, &offset, &name, rewriter->track)) {
        if (rewriter->mutant == MUTANT_NO_ECHO && has_own(rewriter, rewriter->track)) continue;
        INVARIANT(track_batch_add(rewriter->batch_writer, &name, rewriter->track, BODY_SIZE_MAX) ==
                  ST_OK);
    }
    track_msg_encode(&head, rewriter->batch_writer, out);
    return true;
}

/* The other body; false: this mutant leaves such a frame as it is. */
static bool rewrite_body(struct rewriter *rewriter, enum frame_kind kind, struct bytes body,
                         struct buf *out)
{
    const bool down = rewriter->sender->is_cloud;
    const bool reply = kind == FRAME_HELLO_REPLY;
    switch (rewriter->mutant) {
    case MUTANT_CLAMPS:
        if (reply) return flatter_clock(rewriter, body, out);
        return kind == FRAME_CONFIG && !down && clamp_writes(rewriter, body, out);
    case MUTANT_SENT_IS_TAKEN:
    case MUTANT_FORGETS_REFUSALS:
        return (reply || kind == FRAME_ACK) && rewrite_ack(rewriter, kind, body, out);
    case MUTANT_NO_ECHO:
        return kind == FRAME_TRACKS && down && rewrite_tracks(rewriter, body, out);
    case MUTANT_KEEPS_HORIZON:
        if (reply) return keep_horizon_back(rewriter, body, out);
        return kind == FRAME_TRACKS && down && rewrite_tracks(rewriter, body, out);
    case MUTANT_NONE:
    case MUTANT_SPEAK_BEFORE_COMMIT:
    case MUTANT_TRUST_PUBACK:
    case MUTANT_EDGE_NOT_SYNCED:
    case MUTANT_CLOUD_NOT_SYNCED:
    case MUTANT_ONE_INCARNATION:
    case MUTANT_COUNT:
        return false;
    }
    UNREACHABLE();
}

static struct sim_node *edge_named(struct world *world, struct bytes name)
{
    for (unsigned i = 0; i < world->edge_count; i++) {
        if (bytes_equal(name, bytes_of_text(world->edges[i].name.text))) return &world->edges[i];
    }
    return NULL;
}

static struct sim_message *rewrite(struct rewriter *rewriter, const struct sim_message *fields)
{
    struct envelope envelope;
    struct topic_parts parts;
    struct buf plain = buf_of(rewriter->plain, BODY_UNPACKED_SIZE_MAX);
    struct buf body = buf_of(rewriter->memory, BODY_SIZE_MAX);
    struct buf frame = buf_of(rewriter->memory + BODY_SIZE_MAX, FRAME_SIZE_MAX);
    struct bytes was;
    if (topic_parse(SIM_ROOT, fields->topic, &parts) != ST_OK ||
        envelope_read(rewriter->unpacker, fields->payload, &envelope) != ST_OK ||
        envelope_body(&envelope, rewriter->compressor, &plain, &was) != ST_OK)
        return NULL;
    rewriter->edge = edge_named(rewriter->world, parts.node);
    if (rewriter->edge == NULL || !rewrite_body(rewriter, envelope.kind, was, &body)) return NULL;
    const struct envelope_spec spec = {.kind = envelope.kind,
                                       .sender = &envelope.sender,
                                       .key = rewriter->sender->key,
                                       .hlc = envelope.hlc,
                                       .topic_below_root = parts.below_root};
    INVARIANT(buf_ok(&body));
    INVARIANT(envelope_write(&spec, buf_bytes(&body), NULL, rewriter->hasher, &frame) == ST_OK);
    struct sim_message changed = *fields;
    changed.payload = buf_bytes(&frame);
    return sim_message_new(&changed);
}

struct sim_message *mutant_rewrite(struct sim_node *sender, const struct sim_message *fields)
{
    struct rewriter rewriter = {
        .world = sender->world, .sender = sender, .mutant = sender->world->options.mutant};
    if (rewriter.mutant < MUTANT_SENT_IS_TAKEN) return NULL;
    rewriter_open(&rewriter);
    struct sim_message *changed = rewrite(&rewriter, fields);
    rewriter_close(&rewriter);
    return changed;
}
