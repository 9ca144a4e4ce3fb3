/* oracle.c - what must be true while a world runs: promises are noted as they leave a process, and
 * looked up on the disk whenever a process starts again. */
#include "tests/sim/oracle.h"

#include <stdlib.h>
#include <string.h>

#include "common/wire/ack_msg.h"
#include "common/wire/envelope.h"
#include "edge-bridge/edge_state.h"
#include "tests/sim/oracle_config.h"
#include "tests/sim/oracle_state.h"
#include "tests/sim/oracle_tracks.h"

enum { INBOX_MAX = 20000 };

struct oracle *oracle_open(struct world *world)
{
    struct oracle *oracle = sim_allocate(sizeof(*oracle));
    oracle->world = world;
    oracle->ack = sim_allocate(sizeof(*oracle->ack));
    oracle->run = sim_allocate(sizeof(*oracle->run));
    oracle->reply = sim_allocate(sizeof(*oracle->reply));
    oracle->scratch = sim_allocate(BODY_UNPACKED_SIZE_MAX);
    INVARIANT(hasher_open(&oracle->hasher) == ST_OK);
    INVARIANT(unpacker_open(&oracle->unpacker) == ST_OK);
    INVARIANT(compressor_open(&oracle->compressor) == ST_OK);
    track_oracle_open(oracle);
    config_oracle_open(oracle);
    return oracle;
}

void oracle_close(struct oracle *oracle)
{
    if (oracle == NULL) return;
    hasher_close(oracle->hasher);
    unpacker_close(oracle->unpacker);
    compressor_close(oracle->compressor);
    track_oracle_close(oracle);
    config_oracle_close(oracle);
    free(oracle->receipts);
    free(oracle->promises);
    free(oracle->scratch);
    free(oracle->reply);
    free(oracle->run);
    free(oracle->ack);
    free(oracle);
}

/* ---- receipts ----------------------------------------------------------------------------- */

void oracle_receipt(struct oracle *oracle, struct sim_publisher *publisher, size_t record,
                    const struct receipt *receipt)
{
    for (size_t i = 0; i < oracle->receipt_count; i++) {
        struct kept_receipt *kept = &oracle->receipts[i];
        if (kept->publisher != publisher || kept->record != record) continue;
        if (kept->sequence == receipt->sequence && log_id_equal(&kept->log, &receipt->log) &&
            digest_equal(&kept->hash, &receipt->hash)) {
            return;
        }
        if (!kept->forgiven) {
            world_fail(oracle->world, "a repeat gets the first receipt",
                       "%s record %zu: sequence %llu, then %llu", publisher->label, record,
                       (unsigned long long)kept->sequence, (unsigned long long)receipt->sequence);
            return;
        }
        kept->record = SIZE_MAX; /* the restored node took it a second time, as it must */
    }
    publisher->edge->said++;
    oracle->receipts = sim_grow(oracle->receipts, oracle->receipt_count, &oracle->receipt_capacity,
                                sizeof(*oracle->receipts));
    oracle->receipts[oracle->receipt_count++] = (struct kept_receipt){.publisher = publisher,
                                                                      .record = record,
                                                                      .log = receipt->log,
                                                                      .sequence = receipt->sequence,
                                                                      .hash = receipt->hash};
}

/* ---- acknowledgements --------------------------------------------------------------------- */

static void note_promise(struct oracle *oracle, const struct ack_log *said)
{
    struct promise *promise = NULL;
    for (size_t i = 0; i < oracle->promise_count && promise == NULL; i++) {
        if (log_id_equal(&oracle->promises[i].log, &said->log)) promise = &oracle->promises[i];
    }
    if (promise == NULL) {
        oracle->promises = sim_grow(oracle->promises, oracle->promise_count,
                                    &oracle->promise_capacity, sizeof(*oracle->promises));
        promise = &oracle->promises[oracle->promise_count++];
        *promise = (struct promise){.log = said->log};
    }
    if (said->size < promise->size) return;
    promise->size = said->size;
    promise->hash = said->head_hash;
}

static void note_store(struct oracle *oracle, const struct store_id *store)
{
    if (oracle->has_store && store_id_equal(store, &oracle->store)) return;
    if (!oracle->has_store || oracle->store_changes > 0) {
        if (oracle->has_store) oracle->store_changes--;
        oracle->has_store = true;
        oracle->store = *store;
        return;
    }
    world_fail(oracle->world, "one store id", "the cloud drew a new one without a restore");
}

static void hear_ack(struct oracle *oracle, const struct effect *effect)
{
    struct envelope envelope;
    struct buf scratch = buf_of(oracle->scratch, BODY_UNPACKED_SIZE_MAX);
    struct bytes body;
    if (envelope_read(oracle->unpacker, effect->payload, &envelope) != ST_OK ||
        envelope_body(&envelope, oracle->compressor, &scratch, &body) != ST_OK ||
        envelope.kind != FRAME_ACK ||
        ack_msg_decode(oracle->unpacker, body, oracle->ack) != ST_OK) {
        world_fail(oracle->world, "an ack can be read", "%.*s", (int)effect->topic.size,
                   (const char *)effect->topic.data);
        return;
    }
    note_store(oracle, &oracle->ack->store);
    oracle->world->cloud.said++;
    for (size_t i = 0; i < oracle->ack->log_count; i++) {
        note_promise(oracle, &oracle->ack->logs[i]);
    }
}

void oracle_effect(struct oracle *oracle, struct sim_node *node, const struct effect *effect)
{
    struct topic_parts parts;
    if (effect->kind != EFFECT_PUBLISH || effect->link != LINK_CLOUD) return;
    if (topic_parse(SIM_ROOT, effect->topic, &parts) != ST_OK) {
        world_fail(oracle->world, "topics are of the table", "%.*s", (int)effect->topic.size,
                   (const char *)effect->topic.data);
        return;
    }
    if (effect->payload.size > topic_row_of(parts.id)->size_max) {
        world_fail(oracle->world, "frames are bounded", "%zu bytes on %.*s", effect->payload.size,
                   (int)effect->topic.size, (const char *)effect->topic.data);
    }
    if (node->is_cloud && parts.id == TOPIC_ACK) hear_ack(oracle, effect);
}

void oracle_trace(struct oracle *oracle, struct sim_node *node, enum trace_level level,
                  const char *line)
{
    if (level != TRACE_ALARM || (oracle->troubles & TROUBLE_ALARM) != 0) return;
    world_fail(oracle->world, "no alarm without a cause", "%s: %s", node->label, line);
}

void oracle_backed_up(struct oracle *oracle, struct sim_node *node)
{
    for (size_t i = 0; i < oracle->receipt_count; i++) {
        if (oracle->receipts[i].publisher->edge == node) oracle->receipts[i].in_backup = true;
    }
    track_oracle_backed_up(oracle, node);
    config_oracle_backed_up(oracle, node);
}

void oracle_restored(struct oracle *oracle, struct sim_node *node)
{
    track_oracle_restored(oracle, node);
    config_oracle_restored(oracle, node);
    if (node->is_cloud) {
        oracle_expect(oracle, TROUBLE_ALARM);
        /* It may begin with the older copy's id and then draw its own, anew for each id that it
         * gave itself after an earlier restore and does not remember any more. */
        oracle->has_store = false;
        oracle->store_changes = 1 + oracle->cloud_restores++;
        oracle->promise_count = 0;
        return;
    }
    oracle_expect(oracle, TROUBLE_ALARM | TROUBLE_REFUSED | TROUBLE_BRANCH | TROUBLE_AGAIN);
    for (size_t i = 0; i < oracle->receipt_count; i++) {
        struct kept_receipt *kept = &oracle->receipts[i];
        if (kept->publisher->edge == node && !kept->in_backup) kept->forgiven = true;
    }
}

void oracle_expect(struct oracle *oracle, unsigned troubles)
{
    oracle->troubles |= troubles;
}

void oracle_bounds(struct oracle *oracle, struct sim_node *node)
{
    if (node->inbox.peak > INBOX_MAX) {
        world_fail(oracle->world, "queues are bounded", "%s: %zu events wait", node->label,
                   node->inbox.peak);
    }
    const struct sim_endpoint *link = &node->links[LINK_CLOUD];
    if (!node->is_cloud && link->unacked_count > UNACKED_MAX) {
        world_fail(oracle->world, "queues are bounded", "%s: %zu frames without PUBACK",
                   node->label, link->unacked_count);
    }
}

/* ---- rest --------------------------------------------------------------------------------- */

bool oracle_field(struct oracle *oracle, const char *name, uint64_t *value)
{
    const struct world *world = oracle->world;
    for (size_t at = 0; at + 4 <= world->reply.size;) {
        const uint32_t size = get_u32(world->reply.data + at);
        const struct bytes message = bytes_of(world->reply.data + at + 4, size);
        at += 4 + size;
        if (control_reply_decode(oracle->unpacker, message, oracle->reply) != ST_OK) return false;
        for (size_t i = 0; i < oracle->reply->field_count; i++) {
            const struct record_field *field = &oracle->reply->fields[i];
            if (!bytes_equal(field->name, bytes_of_text(name))) continue;
            if (field->kind != PACKED_UINT) return false;
            *value = field->natural;
            return true;
        }
    }
    return false;
}

static uint64_t pending_of(struct oracle *oracle, struct sim_node *edge)
{
    uint64_t pending = UINT64_MAX;
    if (world_verb(oracle->world, edge, "status", NULL, 0) != ST_OK) return UINT64_MAX;
    if (!oracle_field(oracle, "pending_entries", &pending)) {
        world_fail(oracle->world, "status tells what is pending", "%s", edge->label);
    }
    return pending;
}

/* Are the tracks of this edge where the cloud's are? NULL: yes; else what it waits for. */
static const char *tracks_left(const struct sim_node *edge, uint64_t counter)
{
    const struct track_lane *lane = &edge->edge->track_lane;
    if (edge->edge->track_store.pending > 0) return "tracks wait to be sent";
    if (counter == 0 || edge->edge_settings.interest == INTEREST_NONE) return NULL;
    if (!lane->has_down || lane->down_cursor < counter) return "tracks are not down yet";
    return NULL;
}

static const char *data_left(struct oracle *oracle)
{
    struct world *world = oracle->world;
    uint64_t counter = 0, differs = 0;
    if (world->options.faults.track_count == 0) return NULL;
    if (world_verb(world, &world->cloud, "status", NULL, 0) != ST_OK) return "the cloud is down";
    if (!oracle_field(oracle, "nodes_config_differs", &differs)) return "the status is short";
    if (world_verb(world, &world->cloud, "track-digest", NULL, 0) != ST_OK ||
        !oracle_field(oracle, "counter", &counter))
        return "no digest";
    for (unsigned i = 0; i < world->edge_count; i++) {
        struct sim_node *edge = &world->edges[i];
        if (edge->stopped || !edge->up) continue;
        const char *left = tracks_left(edge, counter);
        if (left != NULL) return left;
        if (edge->edge->config_store.pending > 0) return "config writes wait";
    }
    return differs > 0 ? "the config of some node differs" : NULL;
}

bool oracle_at_rest(struct oracle *oracle)
{
    struct world *world = oracle->world;
    for (unsigned i = 0; i < world->publisher_count; i++) {
        if (!world->publishers[i].done && !world->publishers[i].edge->stopped) return false;
    }
    if (!world->cloud.up) return false;
    for (unsigned i = 0; i < world->edge_count; i++) {
        if (world->edges[i].stopped) continue;
        if (!world->edges[i].up || pending_of(oracle, &world->edges[i]) != 0) return false;
    }
    return data_left(oracle) == NULL;
}

void oracle_say_what_is_left(struct oracle *oracle)
{
    struct world *world = oracle->world;
    for (unsigned i = 0; i < world->publisher_count && !world->failed; i++) {
        const struct sim_publisher *publisher = &world->publishers[i];
        if (publisher->done || publisher->edge->stopped) continue;
        world_fail(world, "every publisher gets its receipts", "%s waits still", publisher->label);
    }
    const char *left = world->failed ? NULL : data_left(oracle);
    if (left != NULL) oracle_replicas(oracle); /* which says where they differ */
    if (left != NULL) world_fail(world, "tracks and config come to rest", "%s", left);
    for (unsigned i = 0; i < world->edge_count && !world->failed; i++) {
        struct sim_node *edge = &world->edges[i];
        if (edge->stopped) continue;
        const uint64_t pending = pending_of(oracle, edge);
        if (pending == 0) continue;
        world_fail(world, "everything is acknowledged", "%s: %llu entries pending", edge->label,
                   (unsigned long long)pending);
    }
    world_fail(world, "everything is acknowledged", "a process is not up");
}
