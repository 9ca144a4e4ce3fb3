/* track_lane.c - batches of changed tracks, and what the cloud's acknowledgement says of them; see
 * track_lane.h. */
#include "edge-bridge/track_lane.h"

#include <stdlib.h>
#include <string.h>

#include "edge-bridge/edge_state.h"
#include "edge-bridge/schema.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

enum { DOWN_SIZE = STORE_ID_SIZE + 8 };

static enum status load_down(struct edge *edge)
{
    struct track_lane *lane = &edge->track_lane;
    uint8_t down[DOWN_SIZE];
    const enum status found = edge_meta_get_fixed(edge, META_TRACK_DOWN, down, sizeof(down));
    if (found == ST_NOT_FOUND) return ST_OK;
    if (found != ST_OK) return found;
    lane->has_down = true;
    memcpy(lane->down_store.bytes, down, STORE_ID_SIZE);
    lane->down_cursor = get_u64(down + STORE_ID_SIZE);
    return lane->down_cursor <= PACK_SEQUENCE_MAX ? ST_OK : ST_CORRUPT;
}

enum status track_lane_save_down(struct edge *edge)
{
    const struct track_lane *lane = &edge->track_lane;
    uint8_t down[DOWN_SIZE];
    memcpy(down, lane->down_store.bytes, STORE_ID_SIZE);
    put_u64(down + STORE_ID_SIZE, lane->down_cursor);
    return edge_meta_set_bytes(edge, META_TRACK_DOWN, bytes_of(down, sizeof(down)));
}

/* What another interest kept from us, the claims passed over: all of it is to come again. */
static enum status check_interest(struct edge *edge)
{
    struct track_lane *lane = &edge->track_lane;
    uint64_t before;
    const enum status found = edge_meta_get_u64(edge, META_TRACK_INTEREST, &before);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    if (found == ST_OK && before == edge->settings.interest) return ST_OK;
    if (found == ST_OK && lane->has_down) {
        lane->down_cursor = 0;
        TRY(track_lane_save_down(edge));
    }
    return edge_meta_set_u64(edge, META_TRACK_INTEREST, edge->settings.interest);
}

enum status track_lane_open(struct edge *edge)
{
    struct track_lane *lane = &edge->track_lane;
    lane->writer = malloc(sizeof(*lane->writer));
    lane->records = malloc(BODY_SIZE_MAX);
    lane->ids = malloc(sizeof(*lane->ids));
    lane->want = malloc(sizeof(*lane->want));
    if (lane->writer == NULL || lane->records == NULL || lane->ids == NULL || lane->want == NULL)
        return ST_NO_MEMORY;
    /* Somewhere in the period, so that a fleet that was started together does not compare together,
     * but not so soon that a node that restarts often does nothing else. */
    const uint64_t period_ns = edge->settings.track_repair_s * NS_PER_S;
    lane->repair_mono_ns =
        edge->now.mono_ns + period_ns / 2 + rng_below(&edge->rng, period_ns / 2 + 1);
    track_lane_rewind(edge);
    TRY(load_down(edge));
    return check_interest(edge);
}

void track_lane_close(struct edge *edge)
{
    struct track_lane *lane = &edge->track_lane;
    free(lane->writer);
    free(lane->records);
    free(lane->ids);
    free(lane->want);
    memset(lane, 0, sizeof(*lane));
}

void track_lane_rewind(struct edge *edge)
{
    struct track_lane *lane = &edge->track_lane;
    const uint64_t cursor = edge->track_store.cursor;
    lane->sent = cursor > lane->skip_through ? cursor : lane->skip_through;
    lane->scan = lane->sent;
    lane->sent_mono_ns = 0;
}

void track_lane_restart(struct edge *edge)
{
    track_lane_rewind(edge);
    edge->track_lane.listing = false;
    edge->track_lane.reorder_through = 0;
}

enum status track_lane_start(struct edge *edge)
{
    struct track_lane *lane = &edge->track_lane;
    bool active;
    /* A comparison that the end of a connection cut short begins anew: nothing else would find what
     * is missing here. */
    if (lane->repair_asked && !nonce_equal(&lane->repair_nonce, &edge->session.nonce))
        lane->repair_due = true;
    TRY(track_store_active_waits(edge, lane->scan, tracks_active_from(edge), &active));
    /* Once a connection: otherwise new active ones would put the old ones off for ever. */
    lane->reorder_through = active ? edge->track_store.counter : 0;
    return ST_OK;
}

void track_lane_mode_changed(struct edge *edge)
{
    edge->track_lane.reorder_through = edge->track_store.counter;
}

/* ---- Batches --------------------------------------------------------------------------------- */

static uint64_t linger_until_ns(const struct edge *edge)
{
    const struct track_lane *lane = &edge->track_lane;
    if (lane->backlog || lane->sent_mono_ns == 0) return 0;
    return lane->sent_mono_ns + edge->settings.track_interval_ms * NS_PER_MS;
}

static bool batch_waits(const struct edge *edge)
{
    return edge->track_store.waiting > edge->track_lane.scan;
}

static bool batch_is_due(const struct edge *edge)
{
    return batch_waits(edge) && edge->now.mono_ns >= linger_until_ns(edge);
}

static void begin_batch(struct edge *edge, uint64_t base_ms)
{
    struct track_lane *lane = &edge->track_lane;
    track_batch_begin(lane->writer, base_ms, lane->records, BODY_SIZE_MAX);
}

/* Adds a track. ST_FULL: not into this batch. */
static enum status add(struct edge *edge, const struct track_row *row, const struct track *track)
{
    struct track_lane *lane = &edge->track_lane;
    const bool first = lane->writer->track_count == 0;
    /* The first one always fits, however slow the link is. */
    const size_t size_max = first ? BODY_SIZE_MAX : outbox_frame_bytes(edge);
    enum status status = track_batch_add(lane->writer, &row->name, track, size_max);
    if (status != ST_FUTURE) return status;
    if (!first) return ST_FULL;
    /* Our clock may be behind its own store after a restart. */
    begin_batch(edge, (uint64_t)hlc_ms(track_newest_stamp(track)));
    return track_batch_add(lane->writer, &row->name, track, size_max);
}

/* Fills a batch from the scan on; *end: nothing waits behind it. */
static enum status collect(struct edge *edge, bool *end)
{
    struct track_lane *lane = &edge->track_lane;
    struct track *track = edge->tracks.scratch;
    const uint64_t active_from = tracks_active_from(edge);
    unsigned reordered = 0;
    *end = false;
    for (;;) {
        struct track_row row;
        const enum status found = track_store_next_change(edge, lane->scan, &row, track);
        if (found == ST_NOT_FOUND) break;
        TRY(found);
        const uint64_t change = row.change;
        const bool historical = row.newest < active_from;
        /* Behind the active ones stand only those that a full sync brings. */
        if (historical && change > lane->reorder_through &&
            sync_mode_now(edge) == SYNC_INCREMENTAL) {
            *end = true;
            return ST_OK;
        }
        if (change <= lane->reorder_through && historical) {
            if (reordered++ == TRACK_REORDER_MAX) return ST_OK;
            TRY(track_store_touch(edge, &row));
        } else if (!track_is_empty(track)) {
            const enum status added = add(edge, &row, track);
            if (added == ST_FULL) return ST_OK;
            TRY(added);
        }
        lane->scan = change;
    }
    lane->scan = edge->track_store.counter;
    *end = true;
    return ST_OK;
}

static enum status send_batch(struct edge *edge, struct effects *effects, bool *sent)
{
    struct track_lane *lane = &edge->track_lane;
    bool end;
    begin_batch(edge, (uint64_t)hlc_ms(edge->hlc.last));
    TRY(collect(edge, &end));
    lane->backlog = !end;
    *sent = lane->writer->track_count > 0;
    lane->more = !*sent && !end;
    if (!*sent) return ST_OK;
    const struct track_batch_head head = {
        .from_change = lane->sent,
        .to_change = lane->scan,
        .horizon = edge->track_store.horizon,
    };
    struct buf body = buf_of(edge->body_scratch, BODY_SIZE_MAX);
    track_msg_encode(&head, lane->writer, &body);
    INVARIANT(buf_ok(&body));
    lane->sent = lane->scan;
    lane->sent_mono_ns = edge->now.mono_ns;
    lane->batches++;
    return outbox_send_lane(edge, effects, FLIGHT_TRACKS, TOPIC_TRACKS_UP, FRAME_TRACKS,
                            buf_bytes(&body), head.from_change, head.to_change);
}

enum status track_lane_next(struct edge *edge, struct effects *effects, bool *sent)
{
    *sent = false;
    edge->track_lane.more = false;
    if (!edge->session.lanes_open) return ST_OK;
    TRY(track_repair_next(edge, effects, sent));
    if (*sent || !batch_is_due(edge)) return ST_OK;
    return send_batch(edge, effects, sent);
}

bool track_lane_ready(const struct edge *edge)
{
    if (!edge->session.lanes_open) return false;
    return track_repair_is_due(edge) || batch_is_due(edge);
}

uint64_t track_lane_wakeup(const struct edge *edge)
{
    const struct track_lane *lane = &edge->track_lane;
    uint64_t wakeup_ns = UINT64_MAX;
    if (!edge->session.lanes_open || !session_online(edge, LINK_CLOUD)) return wakeup_ns;
    if (lane->more && outbox_window_open(edge)) return 0;
    /* What is due already was tried in this commit: it waits for the window, not for a time. */
    if (lane->repair_mono_ns > edge->now.mono_ns) wakeup_ns = lane->repair_mono_ns;
    const uint64_t linger_ns = batch_waits(edge) ? linger_until_ns(edge) : 0;
    if (linger_ns > edge->now.mono_ns && linger_ns < wakeup_ns) wakeup_ns = linger_ns;
    return wakeup_ns;
}

/* ---- Acknowledgement ------------------------------------------------------------------------- */

/* The cloud does not speak of our numbering. Before it acknowledged anything under it, it was just
 * not told yet. */
static enum status numbering_unknown(struct edge *edge, bool adopted)
{
    struct track_store *store = &edge->track_store;
    const bool acked = store->cursor > 0;
    if (!acked && !adopted) return ST_OK;
    TRY(track_store_save_cursor(edge, 0));
    /* Nothing of ours or of another cloud store is here that this one could have lost. */
    if (!acked && store->pending == store->count) return ST_OK;
    trace_line(&edge->port->trace, TRACE_INFO, "the cloud does not know our tracks' numbering");
    track_repair_begin(edge);
    return ST_OK;
}

enum status track_lane_restored(struct edge *edge)
{
    trace_line(&edge->port->trace, TRACE_WARNING,
               "the cloud knows newer track changes of ours: this store was restored");
    TRY(track_store_new_numbering(edge));
    track_repair_begin(edge);
    state_changed(edge);
    return ST_OK;
}

enum status track_lane_acked(struct edge *edge, const struct ack *ack, bool adopted)
{
    struct track_lane *lane = &edge->track_lane;
    struct track_store *store = &edge->track_store;
    if (!ack->has_tracks || ack->track_numbering != store->numbering)
        return numbering_unknown(edge, adopted);
    const uint64_t cursor = ack->track_cursor;
    if (cursor > store->counter) return track_lane_restored(edge);
    if (cursor < store->cursor && adopted) {
        TRY(track_store_save_cursor(edge, cursor));
        track_lane_rewind(edge);
    }
    if (adopted && store->count > 0) lane->repair_due = true;
    if (cursor > store->cursor) TRY(track_store_save_cursor(edge, cursor));
    outbox_lane_acked(edge, FLIGHT_TRACKS, store->cursor);
    if (lane->skip_through != 0 && store->cursor >= lane->skip_through) {
        /* The repair is done: what went meanwhile, beyond the gap, was not counted. */
        lane->skip_through = 0;
        lane->repair_tries = 0;
        track_lane_rewind(edge);
    }
    if (lane->sent < store->cursor) lane->sent = store->cursor;
    if (lane->scan < lane->sent) lane->scan = lane->sent;
    return ST_OK;
}
