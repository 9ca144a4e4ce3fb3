/* tracks_horizon.c - what is older than the retention dies everywhere; archived states go by their
 * age.
 *
 * The horizon is raised in steps, so that edges do not look through all their tracks each second.
 * What it passes is swept out of the store in slices between other work; until then a row still
 * holds what is dead, which each join drops. A swept track gets no new change number: whoever knows
 * the horizon comes to the same state by itself. */
#include "cloud-consumer/tracks_state.h"

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

static int64_t step_ms(const struct cloud *cloud)
{
    const int64_t step = (int64_t)cloud->settings.track_retention_s * 10; /* a hundredth */
    return step > 1000 ? step : 1000;
}

static void raise_horizon(struct cloud *cloud)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    const int64_t step = step_ms(cloud);
    const int64_t target_ms =
        cloud_wall_ms(cloud) - (int64_t)cloud->settings.track_retention_s * 1000;
    if (target_ms > hlc_ms(tracks->meta.horizon) + step && target_ms <= hlc_ms(HLC_STAMP_MAX)) {
        tracks->meta.horizon = (uint64_t)target_ms << 16;
        tracks->meta_changed = true;
        tracks->sweeping = tracks->meta.count > 0;
        tracks->sweep_after = 0;
        trace_line(&cloud->port->trace, TRACE_DEBUG,
                   "the tracks' horizon rises: what was seen more than %u s ago is dead",
                   cloud->settings.track_retention_s);
    }
    int64_t wait_ms = hlc_ms(tracks->meta.horizon) + step + 1 - target_ms;
    if (wait_ms < 1 || wait_ms > step + 1) wait_ms = step + 1;
    tracks->horizon_mono_ns = cloud->now.mono_ns + (uint64_t)wait_ms * 1000000;
}

/* ------------------------------------------------------------------ sweep */

static bool note_passed(void *context, const struct track_row *row)
{
    struct cloud_tracks *const tracks = context;
    tracks->rows++;
    tracks->sweep_after = row->id;
    if (row->change > 0 && row->oldest < tracks->meta.horizon)
        tracks->swept[tracks->swept_count++] = row->id;
    return tracks->swept_count < SWEEP_SLICE_CHANGES;
}

static enum status sweep_track(struct cloud *cloud, int64_t id)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    struct track_row row;
    TRY(TRACKS(cloud, get, id, &tracks->stored_state, &row));
    if (track_decode(row.state, tracks->stored) != ST_OK) {
        /* Damaged: it is heard of when somebody sends the track. */
        return ST_OK;
    }
    if (!track_apply_horizon(tracks->stored, tracks->meta.horizon)) return ST_OK;
    return tracks_put(cloud, &row, tracks->stored);
}

static enum status sweep(struct cloud *cloud)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    const struct track_scan from = {
        .order = TRACKS_BY_ID, .id = tracks->sweep_after, .limit = SWEEP_SLICE_ROWS};
    tracks->rows = 0;
    tracks->swept_count = 0;
    TRY(TRACKS(cloud, scan, &from, note_passed, tracks));
    for (size_t i = 0; i < tracks->swept_count; i++)
        TRY(sweep_track(cloud, tracks->swept[i]));
    tracks->sweeping =
        tracks->rows == SWEEP_SLICE_ROWS || tracks->swept_count == SWEEP_SLICE_CHANGES;
    return ST_OK;
}

/* ------------------------------------------------------------------ purge */

static enum status purge(struct cloud *cloud)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    struct track_meta *const meta = &tracks->meta;
    const int64_t before_ms =
        cloud_wall_ms(cloud) - (int64_t)cloud->settings.track_archive_days * DAY_MS;
    uint64_t deleted = 0;
    tracks->purge_mono_ns = cloud->now.mono_ns + UINT64_C(60) * 1000000000;
    if (before_ms > meta->archive_from_ms) {
        meta->archive_from_ms = before_ms;
        TRY(TRACKS(cloud, meta_save, meta)); /* the store asks it */
    }
    TRY(TRACKS(cloud, archive_purge, meta->archive_from_ms, PURGE_SLICE_ROWS, &deleted));
    tracks->purging = deleted == PURGE_SLICE_ROWS;
    meta->archived -= deleted;
    if (deleted > 0) tracks->meta_changed = true;
    return ST_OK;
}

enum status tracks_horizon_fill(struct cloud *cloud)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    /* A verb without a daemon only does what it was asked for. */
    if (!cloud->settings.link) return ST_OK;
    if (cloud->now.mono_ns >= tracks->horizon_mono_ns) raise_horizon(cloud);
    if (tracks->sweeping) TRY(sweep(cloud));
    if (cloud->settings.track_archive_days == 0) return ST_OK;
    if (tracks->purging || cloud->now.mono_ns >= tracks->purge_mono_ns) return purge(cloud);
    return ST_OK;
}

uint64_t tracks_horizon_wakeup(const struct cloud *cloud)
{
    const struct cloud_tracks *const tracks = cloud->tracks;
    const bool purges = cloud->settings.track_archive_days > 0 && tracks->meta.archived > 0;
    uint64_t wakeup_ns = UINT64_MAX;
    if (!cloud->settings.link) return wakeup_ns;
    if (tracks->sweeping || tracks->purging) return 0;
    if (tracks->meta.count > 0) wakeup_ns = tracks->horizon_mono_ns;
    if (purges && tracks->purge_mono_ns < wakeup_ns) wakeup_ns = tracks->purge_mono_ns;
    return wakeup_ns;
}
