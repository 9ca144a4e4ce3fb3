/* tracks_evict.c - what leaves the store: tracks that the horizon emptied, and historical ones when
 * the budget is used up; see tracks.h.
 *
 * Eviction is local and no part of the replicated state: nobody else forgets the track. But this
 * node forgets its context, so an observation that it makes later under the same incarnation would
 * claim to have seen what it has evicted; hence the new one. */
#include "edge-bridge/edge_state.h"
#include "edge-bridge/tracks.h"

#define NS_PER_MS UINT64_C(1000000)

bool tracks_full(const struct edge *edge)
{
    return edge->track_store.bytes >= edge->settings.track_bytes_max;
}

uint64_t tracks_active_from(const struct edge *edge)
{
    const int64_t now_ms = edge->clock.known ? clock_wall_ms(edge) : hlc_ms(edge->hlc.last);
    const int64_t from_ms = now_ms - (int64_t)edge->settings.track_view_ttl_s * 1000;
    return from_ms > 0 ? (uint64_t)from_ms << 16 : 0;
}

static enum status evict_row(struct edge *edge, struct track_row *row, bool *own)
{
    struct track_store *store = &edge->track_store;
    *own |= row->done.mono_ms != 0;
    if (row->newest > store->evicted_through) store->evicted_through = row->newest;
    store->evicted++;
    if (row->pending) store->evicted_unacked++;
    return track_store_delete(edge, row);
}

/* Historical tracks, oldest first, until no more than `keep` bytes are used. */
static enum status evict_to(struct edge *edge, uint64_t keep, bool known_only, bool *own)
{
    struct tracks *tracks = &edge->tracks;
    const uint64_t below = tracks_active_from(edge);
    size_t count = TRACK_EVICT_ROWS_MAX;
    while (edge->track_store.bytes > keep && count == TRACK_EVICT_ROWS_MAX) {
        TRY(track_store_oldest(edge, below, known_only, tracks->rows, TRACK_EVICT_ROWS_MAX,
                               &count));
        for (size_t i = 0; i < count && edge->track_store.bytes > keep; i++)
            TRY(evict_row(edge, &tracks->rows[i], own));
    }
    return ST_OK;
}

enum status tracks_evict(struct edge *edge)
{
    struct track_store *store = &edge->track_store;
    const uint64_t max = edge->settings.track_bytes_max;
    if (!tracks_full(edge)) return ST_OK;
    const uint64_t evicted = store->evicted, unacked = store->evicted_unacked;
    bool own = false;
    /* An eighth at once, so that runs, and with them incarnations, are rare. */
    TRY(evict_to(edge, max - max / 8, true, &own));
    if (tracks_full(edge)) TRY(evict_to(edge, max - max / 8, false, &own));
    if (store->evicted == evicted) return ST_OK;
    trace_line(&edge->port->trace, unacked < store->evicted_unacked ? TRACE_WARNING : TRACE_INFO,
               "%llu historical tracks evicted, %llu of them never sent",
               (unsigned long long)(store->evicted - evicted),
               (unsigned long long)(store->evicted_unacked - unacked));
    if (own) TRY(track_store_new_incarnation(edge));
    return track_store_save_evicted(edge);
}

enum status tracks_give_way(struct edge *edge)
{
    struct track_store *store = &edge->track_store;
    const uint64_t evicted = store->evicted;
    bool own = false;
    /* Only what the cloud has; what was never sent is bounded by the tracks' own budget. */
    TRY(evict_to(edge, store->bytes - store->bytes / 8, true, &own));
    if (store->evicted == evicted) return ST_OK;
    trace_line(&edge->port->trace, TRACE_WARNING,
               "%llu historical tracks evicted: the disk is nearly full",
               (unsigned long long)(store->evicted - evicted));
    if (own) TRY(track_store_new_incarnation(edge));
    return track_store_save_evicted(edge);
}

/* Rows that the horizon left nothing of. The dots that go with them are dead everywhere, so this is
 * no forgetting. */
static enum status sweep(struct edge *edge)
{
    struct tracks *tracks = &edge->tracks;
    size_t done = 0, count = TRACK_EVICT_ROWS_MAX;
    while (count == TRACK_EVICT_ROWS_MAX && done < TRACK_SWEEP_ROWS_MAX) {
        TRY(track_store_oldest(edge, edge->track_store.horizon, false, tracks->rows,
                               TRACK_EVICT_ROWS_MAX, &count));
        for (size_t i = 0; i < count; i++)
            TRY(track_store_delete(edge, &tracks->rows[i]));
        done += count;
    }
    tracks->sweeping = count == TRACK_EVICT_ROWS_MAX;
    return ST_OK;
}

static bool horizon_may_rise(const struct edge *edge)
{
    const struct track_store *store = &edge->track_store;
    return store->pending == 0 || store->cursor >= edge->tracks.horizon_after;
}

static enum status apply_horizon(struct edge *edge)
{
    struct tracks *tracks = &edge->tracks;
    TRY(track_store_save_horizon(edge, tracks->horizon_told));
    tracks->horizon_told = 0;
    tracks->horizon_after = 0;
    tracks->sweeping = true;
    return ST_OK;
}

enum status tracks_horizon(struct edge *edge, uint64_t horizon)
{
    struct tracks *tracks = &edge->tracks;
    if (horizon <= edge->track_store.horizon || horizon <= tracks->horizon_told) return ST_OK;
    if (!edge->clock.known) return ST_OK; /* it is told again */
    const int64_t nearest_ms =
        clock_wall_ms(edge) - (int64_t)edge->settings.track_retention_min_s * 1000;
    if (hlc_ms(horizon) > nearest_ms) {
        tracks->future++;
        return ST_OK;
    }
    /* Only what waits now can be older than it: the mark of the first one told stays. */
    if (tracks->horizon_told == 0) tracks->horizon_after = edge->track_store.waiting;
    tracks->horizon_told = horizon;
    return horizon_may_rise(edge) ? apply_horizon(edge) : ST_OK;
}

enum status tracks_tick(struct edge *edge)
{
    struct tracks *tracks = &edge->tracks;
    if (tracks->horizon_told != 0 && horizon_may_rise(edge)) TRY(apply_horizon(edge));
    if (tracks->sweeping) TRY(sweep(edge));
    if (edge->now.mono_ns < tracks->tick_mono_ns) return ST_OK;
    tracks->tick_mono_ns = edge->now.mono_ns + TRACK_TICK_MS * NS_PER_MS;
    return tracks_evict(edge);
}
