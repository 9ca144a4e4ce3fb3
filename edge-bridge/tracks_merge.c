/* tracks_merge.c - batches of the cloud, joined with what is here; see tracks.h. */
#include "edge-bridge/edge_state.h"
#include "edge-bridge/tracks.h"

/* Joins one track with its row; *kept false: our clock or our budget does not allow it. */
static enum status merge_track(struct edge *edge, const struct level_name *name,
                               const struct track *from, bool *kept)
{
    struct tracks *tracks = &edge->tracks;
    struct track *joined = tracks->joined;
    struct track_row row;
    *kept = true;
    const enum status received = clock_receive(edge, track_newest_stamp(from));
    if (received == ST_FUTURE) {
        tracks->future++;
        *kept = false;
        return ST_OK;
    }
    TRY(received);
    const enum status found = track_store_get(edge, name, &row, joined);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    if (row.id == 0 && tracks_full(edge)) TRY(tracks_evict(edge));
    if (row.id == 0 && tracks_full(edge)) {
        /* Left out on purpose: it is not missed, and a repair does not ask for it. */
        tracks->dropped++;
        if (track_newest_stamp(from) > edge->track_store.evicted_through)
            edge->track_store.evicted_through = track_newest_stamp(from);
        return track_store_save_evicted(edge);
    }
    const unsigned flags = track_join(joined, from, edge->track_store.horizon);
    if ((flags & TRACK_JOIN_EQUIVOCATION) != 0) {
        tracks->equivocations++;
        trace_line(&edge->port->trace, TRACE_ALARM,
                   "track %s: one observation with two values: a node was cloned or restored",
                   name->text);
    }
    const bool equal = (flags & TRACK_JOIN_AHEAD) == 0;
    if ((flags & TRACK_JOIN_CHANGED) == 0)
        return equal && row.pending ? track_store_mark_taught(edge, &row) : ST_OK;
    tracks->merged++;
    row.taught = equal;
    return track_store_put(edge, &row, joined);
}

/* A store other than the one whose changes we count begins at nothing. */
static void meet_store(struct edge *edge)
{
    struct track_lane *lane = &edge->track_lane;
    if (!edge->apply.has_store) return;
    if (lane->has_down && store_id_equal(&lane->down_store, &edge->apply.store)) return;
    lane->has_down = true;
    lane->down_store = edge->apply.store;
    lane->down_cursor = 0;
}

static enum status move_cursor(struct edge *edge, const struct track_batch_head *head)
{
    struct track_lane *lane = &edge->track_lane;
    if (!lane->has_down || head->from_change > lane->down_cursor ||
        head->to_change <= lane->down_cursor)
        return ST_OK;
    lane->down_cursor = head->to_change;
    return track_lane_save_down(edge);
}

enum status tracks_merge(struct edge *edge, struct bytes body)
{
    struct tracks *tracks = &edge->tracks;
    if (track_msg_decode(edge->unpacker, body, tracks->scratch, tracks->batch) != ST_OK) {
        edge->counters.frames_forged++;
        return ST_OK;
    }
    const struct track_batch_head *head = &tracks->batch->head;
    meet_store(edge);
    TRY(tracks_horizon(edge, head->horizon));
    struct level_name name;
    size_t offset = 0;
    bool all_kept = true;
    while (track_batch_next(tracks->batch, &offset, &name, tracks->scratch)) {
        bool kept;
        TRY(merge_track(edge, &name, tracks->scratch, &kept));
        all_kept &= kept;
    }
    /* What our clock could not take must come again, so the claim is not believed. */
    if (all_kept) TRY(move_cursor(edge, head));
    state_changed(edge);
    return ST_OK;
}
