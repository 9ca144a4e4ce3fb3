/* track_repair.c - the edge's side of the comparison of replicas: digests, lists of what differs,
 * and what the cloud then wants. See track_lane.h and repair_msg.h. */
#include <string.h>

#include "edge-bridge/edge_state.h"
#include "edge-bridge/track_lane.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

enum {
    ID_WIRE_OVERHEAD = 12, /* of a listed track, beyond its name */
    IDS_HEAD_SIZE_MAX = 128,
};

void track_repair_begin(struct edge *edge)
{
    struct track_lane *lane = &edge->track_lane;
    const struct track_store *store = &edge->track_store;
    lane->skip_through = 0;
    lane->repair_tries = 0;
    lane->listing = false;
    lane->repair_due = store->count > 0 && edge->settings.interest != INTEREST_NONE;
    const uint64_t size = store->pending * TRACK_WIRE_TYPICAL;
    /* What fits one frame is sooner sent than compared. */
    if (lane->repair_due && size > outbox_frame_bytes(edge)) lane->skip_through = store->counter;
    track_lane_rewind(edge);
}

bool track_repair_is_due(const struct edge *edge)
{
    const struct track_lane *lane = &edge->track_lane;
    return lane->listing || lane->repair_due || edge->now.mono_ns >= lane->repair_mono_ns;
}

/* The tracks that an answer brings claim nothing, and may be lost: compare again soon, until both
 * sides are equal. */
static void plan_again(struct edge *edge)
{
    struct track_lane *lane = &edge->track_lane;
    const uint64_t wait_ns = REPAIR_AGAIN_TIMEOUTS * edge->settings.ack_timeout_ms * NS_PER_MS;
    if (lane->repair_mono_ns > edge->now.mono_ns + wait_ns)
        lane->repair_mono_ns = edge->now.mono_ns + wait_ns;
}

/* An answer may be lost, and what was wanted takes a while: compare again after some time. */
static void plan_next(struct edge *edge)
{
    struct track_lane *lane = &edge->track_lane;
    const uint64_t wait_ns = lane->skip_through != 0 ? edge->settings.ack_timeout_ms * NS_PER_MS
                                                     : edge->settings.track_repair_s * NS_PER_S;
    lane->repair_mono_ns = edge->now.mono_ns + wait_ns;
}

/* All of our own again: an edge without interest holds nothing else, and there is no replica of it
 * to compare with. */
static enum status send_all_again(struct edge *edge)
{
    TRY(track_store_save_cursor(edge, 0));
    edge->track_lane.skip_through = 0;
    track_lane_rewind(edge);
    return ST_OK;
}

/* ---- Digests --------------------------------------------------------------------------------- */

static uint64_t since_of(const struct edge *edge)
{
    const uint64_t through = edge->track_store.evicted_through;
    return through == 0 || through >= HLC_STAMP_MAX ? through : through + 1;
}

static enum status send_digests(struct edge *edge, struct effects *effects)
{
    struct track_lane *lane = &edge->track_lane;
    const struct track_store *store = &edge->track_store;
    struct track_digests_msg msg = {
        .nonce = edge->session.nonce,
        .numbering = store->numbering,
        .counter = store->counter,
        .since = since_of(edge),
    };
    bool old_waits = false;
    if (msg.since > 0) TRY(track_store_old_waits(edge, msg.since, &old_waits));
    /* What is too old to be compared must not be taken for known. */
    if (old_waits) msg.counter = store->cursor;
    TRY(track_store_digests(edge, msg.since, false, &msg.digests));
    struct buf body = buf_of(edge->body_scratch, BODY_SIZE_MAX);
    track_digests_encode(&msg, &body);
    INVARIANT(buf_ok(&body));
    lane->repairs++;
    lane->repair_asked = true;
    lane->repair_nonce = edge->session.nonce;
    return outbox_send_lane(edge, effects, FLIGHT_NOTE, TOPIC_SYNC_UP, FRAME_TRACK_DIGESTS,
                            buf_bytes(&body), 0, 0);
}

static enum status compare(struct edge *edge, struct effects *effects, bool *sent)
{
    struct track_lane *lane = &edge->track_lane;
    lane->repair_due = false;
    lane->listing = false;
    if (lane->skip_through != 0 && lane->repair_tries++ == REPAIR_TRIES_MAX) {
        trace_line(&edge->port->trace, TRACE_INFO, "no agreement by digests: sending all tracks");
        lane->skip_through = 0;
        track_lane_rewind(edge);
        plan_next(edge);
        return ST_OK;
    }
    plan_next(edge);
    if (edge->settings.interest == INTEREST_NONE) return send_all_again(edge);
    if (lane->skip_through != 0) {
        lane->skip_through = edge->track_store.counter;
        track_lane_rewind(edge);
    }
    *sent = true;
    return send_digests(edge, effects);
}

/* ---- Lists ----------------------------------------------------------------------------------- */

/* The next piece of the list of one bucket, as much as fits a frame. */
static enum status fill_ids(struct edge *edge)
{
    struct track_lane *lane = &edge->track_lane;
    struct track_ids *ids = lane->ids;
    struct track *track = edge->tracks.scratch;
    size_t size = IDS_HEAD_SIZE_MAX, size_max = outbox_frame_bytes(edge);
    if (size_max < 1024) size_max = 1024;
    ids->nonce = edge->session.nonce;
    ids->since = since_of(edge);
    ids->bucket = (uint8_t)lane->list_bucket;
    ids->after = lane->list_after;
    ids->last = false;
    ids->count = 0;
    while (ids->count < TRACK_IDS_MAX &&
           size + LEVEL_NAME_SIZE_MAX + ID_WIRE_OVERHEAD <= size_max) {
        struct track_row row;
        const enum status found =
            track_store_next_in_bucket(edge, ids->bucket, &lane->list_after, &row, track);
        if (found == ST_NOT_FOUND) {
            ids->last = true;
            return ST_OK;
        }
        TRY(found);
        lane->list_after = row.name;
        if (track_is_empty(track) || row.newest < ids->since) continue;
        if (!track_store_within_interest(edge, track)) continue;
        struct track_id *id = &ids->items[ids->count++];
        id->name = row.name;
        id->hash = track_store_hash(edge, &row.name, track);
        size += strlen(row.name.text) + ID_WIRE_OVERHEAD;
    }
    return ST_OK;
}

static enum status send_ids(struct edge *edge, struct effects *effects, bool *sent)
{
    struct track_lane *lane = &edge->track_lane;
    while (lane->list_bucket < TRACK_BUCKETS &&
           !track_differs_has(&lane->differs, lane->list_bucket))
        lane->list_bucket++;
    if (lane->list_bucket == TRACK_BUCKETS) {
        lane->listing = false;
        lane->repair_asked = false;
        return ST_OK;
    }
    TRY(fill_ids(edge));
    struct buf body = buf_of(edge->body_scratch, BODY_SIZE_MAX);
    track_ids_encode(lane->ids, &body);
    INVARIANT(buf_ok(&body));
    if (lane->ids->last) {
        lane->list_bucket++;
        lane->list_after = (struct level_name){0};
    } else {
        /* The cloud goes by the frame's greatest name; what was passed over behind it comes first
         * in the next one. */
        if (lane->ids->count > 0) lane->list_after = lane->ids->items[lane->ids->count - 1].name;
    }
    *sent = true;
    return outbox_send_lane(edge, effects, FLIGHT_NOTE, TOPIC_SYNC_UP, FRAME_TRACK_IDS,
                            buf_bytes(&body), 0, 0);
}

enum status track_repair_next(struct edge *edge, struct effects *effects, bool *sent)
{
    struct track_lane *lane = &edge->track_lane;
    *sent = false;
    if (lane->repair_due || edge->now.mono_ns >= lane->repair_mono_ns)
        return compare(edge, effects, sent);
    return lane->listing ? send_ids(edge, effects, sent) : ST_OK;
}

/* ---- What the cloud says --------------------------------------------------------------------- */

static bool is_fresh(struct edge *edge, enum status decoded, const struct nonce *nonce)
{
    if (decoded == ST_OK && nonce_equal(nonce, &edge->session.nonce)) return true;
    edge->counters.frames_forged++;
    return false;
}

enum status track_lane_differs(struct edge *edge, struct bytes body)
{
    struct track_lane *lane = &edge->track_lane;
    struct track_differs differs;
    const enum status decoded = track_differs_decode(edge->unpacker, body, &differs);
    if (!is_fresh(edge, decoded, &differs.nonce)) return ST_OK;
    lane->differs = differs;
    lane->listing = !bytes_all_zero(bytes_of(differs.buckets, sizeof(differs.buckets)));
    lane->repair_asked = lane->listing;
    lane->list_bucket = 0;
    lane->list_after = (struct level_name){0};
    if (lane->listing && lane->skip_through == 0 && ++lane->repair_rounds < REPAIR_ROUNDS_MAX)
        plan_again(edge);
    else
        lane->repair_rounds = 0;
    return ST_OK;
}

enum status track_lane_want(struct edge *edge, struct bytes body)
{
    struct track_lane *lane = &edge->track_lane;
    const enum status decoded = track_want_decode(edge->unpacker, body, lane->want);
    if (!is_fresh(edge, decoded, &lane->want->nonce)) return ST_OK;
    for (size_t i = 0; i < lane->want->count; i++) {
        struct track_row row;
        const enum status found =
            track_store_get(edge, &lane->want->names[i], &row, edge->tracks.scratch);
        if (found == ST_NOT_FOUND) continue;
        TRY(found);
        /* What waits in its turn, or is on its way, comes anyhow. */
        if (row.pending && row.change > lane->skip_through) continue;
        TRY(track_store_touch(edge, &row));
    }
    return ST_OK;
}
