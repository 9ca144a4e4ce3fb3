/* tracks.c - a batch of tracks from a node: judged as a whole, each state archived and then joined,
 * the batch acknowledged by its change numbers. */
#include "cloud-consumer/tracks.h"

#include <stdlib.h>
#include <string.h>

#include "cloud-consumer/tracks_state.h"
#include "common/data/track_view.h"

/* ------------------------------------------------------------ open, close */

static bool memory_open(struct buf *buf, size_t size)
{
    *buf = buf_of(malloc(size), size);
    return buf->data != NULL;
}

static bool take_newest(void *context, const struct track_row *row)
{
    struct cloud_tracks *const tracks = context;
    tracks->newest = row->newest;
    return false;
}

static enum status load(struct cloud *cloud)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    const struct track_scan newest = {
        .order = TRACKS_BY_NEWEST, .newest = HLC_STAMP_MAX, .id = INT64_MAX, .limit = 1};
    TRY(TRACKS(cloud, meta_get, &tracks->meta));
    tracks->store = cloud->identity.store;
    /* Rows that a horizon has passed may have been left over by the process before. */
    tracks->sweeping = tracks->meta.count > 0;
    return TRACKS(cloud, scan, &newest, take_newest, tracks);
}

enum status cloud_tracks_open(struct cloud *cloud)
{
    struct cloud_tracks *const tracks = calloc(1, sizeof *tracks);
    cloud->tracks = tracks;
    if (tracks == NULL) return ST_NO_MEMORY;
    tracks->batch = malloc(sizeof *tracks->batch);
    tracks->incoming = malloc(sizeof *tracks->incoming);
    tracks->stored = malloc(sizeof *tracks->stored);
    tracks->scratch = malloc(sizeof *tracks->scratch);
    tracks->writer = malloc(sizeof *tracks->writer);
    tracks->records = malloc(BODY_SIZE_MAX);
    tracks->ids = malloc(sizeof *tracks->ids);
    tracks->want = malloc(sizeof *tracks->want);
    const bool ok = tracks->batch != NULL && tracks->incoming != NULL && tracks->stored != NULL &&
                    tracks->scratch != NULL && tracks->writer != NULL && tracks->records != NULL &&
                    tracks->ids != NULL && tracks->want != NULL &&
                    memory_open(&tracks->stored_state, TRACK_BYTES_MAX) &&
                    memory_open(&tracks->state, TRACK_BYTES_MAX) &&
                    memory_open(&tracks->shared.body, FRAME_SIZE_MAX);
    return ok ? load(cloud) : ST_NO_MEMORY;
}

void cloud_tracks_close(struct cloud *cloud)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    if (tracks == NULL) return;
    void *const memory[] = {
        tracks->batch,
        tracks->incoming,
        tracks->stored,
        tracks->scratch,
        tracks->writer,
        tracks->records,
        tracks->ids,
        tracks->want,
        tracks->stored_state.data,
        tracks->state.data,
        tracks->shared.body.data,
        tracks,
    };
    cloud->tracks = NULL;
    for (size_t i = 0; i < COUNT_OF(memory); i++)
        free(memory[i]);
}

uint64_t cloud_tracks_horizon(const struct cloud *cloud)
{
    return cloud->tracks->meta.horizon;
}

enum status tracks_save_meta(struct cloud *cloud)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    if (!tracks->meta_changed) return ST_OK;
    tracks->meta_changed = false;
    return TRACKS(cloud, meta_save, &tracks->meta);
}

/* ------------------------------------------------------------------- rows */

/* The least stamp that a horizon could pass; a floor is dropped by a horizon that equals it. */
static uint64_t oldest_stamp(const struct track *track)
{
    uint64_t oldest = track->floor != 0 ? track->floor - 1 : UINT64_MAX;
    for (unsigned i = 0; i < track->slot_count; i++) {
        const struct track_slot *const slot = &track->slots[i];
        const uint64_t stamps[] = {slot->hlc, slot->position.hlc, slot->classification.hlc};
        for (size_t j = 0; j < COUNT_OF(stamps); j++)
            if (stamps[j] != 0 && stamps[j] < oldest) oldest = stamps[j];
    }
    for (unsigned i = 0; i < track->sensor_count; i++)
        if (track->sensors[i].hlc < oldest) oldest = track->sensors[i].hlc;
    return oldest;
}

enum status tracks_put(struct cloud *cloud, struct track_row *row, const struct track *track)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    struct track_meta *const meta = &tracks->meta;
    const bool live = !track_is_empty(track);
    if (row->hash != 0) { /* it was counted */
        track_digests_toggle(&meta->digests, row->bucket, row->hash);
        meta->count--;
    }
    tracks->state.size = 0;
    tracks->state.overflow = false;
    track_encode(track, &tracks->state);
    INVARIANT(buf_ok(&tracks->state));
    row->state = buf_bytes(&tracks->state);
    row->hash = live ? track_hash(cloud->hasher, &row->name, row->state) : 0;
    row->newest = track_newest_stamp(track);
    row->oldest = live ? oldest_stamp(track) : 0;
    if (row->newest > tracks->newest) tracks->newest = row->newest;
    if (!live) row->change = 0;
    if (live) {
        track_digests_toggle(&meta->digests, row->bucket, row->hash);
        meta->count++;
    }
    tracks->meta_changed = true;
    if (row->id == 0) return TRACKS(cloud, add, row);
    if (!live && row->archived == 0) return TRACKS(cloud, drop, row->id);
    return TRACKS(cloud, save, row);
}

/* The row and its state in tracks->stored; a row with id 0 and the least state when there is none.
 * One that is damaged counts as the least state too: what comes in goes on, and the repair with the
 * edges brings the rest back. */
static enum status load_track(struct cloud *cloud, const struct level_name *name,
                              struct track_row *row)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    const enum status found = TRACKS(cloud, find, name, &tracks->stored_state, row);
    if (found == ST_NOT_FOUND)
        *row = (struct track_row){.name = *name, .bucket = track_bucket(cloud->hasher, name)};
    else if (found != ST_OK)
        return found;
    if (row->change == 0) {
        track_init(tracks->stored);
    } else if (track_decode(row->state, tracks->stored) != ST_OK) {
        trace_line(&cloud->port->trace, TRACE_ALARM, "what is stored of track %s is damaged",
                   name->text);
        track_init(tracks->stored);
    }
    return ST_OK;
}

/* ---------------------------------------------------------------- archive */

/* Is this very state one of the newest that are archived of the track? A batch that came before its
 * turn comes again. */
static enum status archived_already(struct cloud *cloud, const struct track_row *row,
                                    struct bytes state, bool *out)
{
    struct track_archive_row archived;
    int64_t id = row->archived;
    *out = false;
    for (int i = 0; i < ARCHIVE_LOOK_BACK && id != 0 && !*out; i++) {
        const enum status found =
            TRACKS(cloud, archive_get, id, &cloud->tracks->stored_state, &archived);
        if (found == ST_NOT_FOUND) return ST_OK;
        if (found != ST_OK) return found;
        *out = bytes_equal(archived.state, state);
        id = archived.previous;
    }
    return ST_OK;
}

/* The state in tracks->incoming, as it came; its bytes are in `state`. */
static enum status archive(struct cloud *cloud, const struct node_row *node, struct track_row *row,
                           struct bytes state)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    const struct track_view view = track_view_of(tracks->incoming);
    const int64_t id = tracks->meta.archive_last + 1;
    struct track_archive_row out = {
        .id = id,
        .track = row->id,
        .previous = row->archived,
        .node = node->id,
        .received_ms = cloud_wall_ms(cloud),
        .newest = track_newest_stamp(tracks->incoming),
        .has_position = view.position != NULL,
        .state = state,
    };
    if (view.position != NULL) {
        out.latitude_e7 = view.position->position.value.latitude_e7;
        out.longitude_e7 = view.position->position.value.longitude_e7;
    }
    /* What came before the clock was set back must not hold up what goes by age. */
    if (out.received_ms < tracks->meta.archive_from_ms)
        out.received_ms = tracks->meta.archive_from_ms;
    tracks->meta.archive_last = id;
    tracks->meta.archived++;
    tracks->meta_changed = true;
    row->archived = id;
    return TRACKS(cloud, archive_add, &out);
}

/* ------------------------------------------------------------------ batch */

static enum status equivocation(struct cloud *cloud, const struct node_row *node,
                                const struct level_name *name)
{
    const struct alarm_row row = {
        .sequence = (uint64_t)node->id,
        .what = "two values for one stamp of a track: a cloned or restored node",
        .at_ms = cloud_wall_ms(cloud),
    };
    trace_line(&cloud->port->trace, TRACE_ALARM, "%s sent another value for a stamp of track %s",
               node->name.text, name->text);
    const enum status status = STORE(cloud, alarm_add, &row);
    return status == ST_DUPLICATE ? ST_OK : status;
}

/* One track: its row first, since the archive names it; then the archive, then the join. All of it
 * is one transaction. */
static enum status take_track(struct cloud *cloud, const struct node_row *node,
                              const struct level_name *name, bool repeat)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    struct track_row row;
    TRY(load_track(cloud, name, &row));
    const unsigned flags = track_join(tracks->stored, tracks->incoming, tracks->meta.horizon);
    const bool changed = (flags & TRACK_JOIN_CHANGED) != 0;
    if ((flags & TRACK_JOIN_EQUIVOCATION) != 0) TRY(equivocation(cloud, node, name));
    bool keep = !repeat;
    tracks->state.size = 0;
    tracks->state.overflow = false;
    track_encode(tracks->incoming, &tracks->state);
    INVARIANT(buf_ok(&tracks->state));
    if (keep && !changed && row.archived != 0) {
        bool there = false;
        TRY(archived_already(cloud, &row, buf_bytes(&tracks->state), &there));
        keep = !there;
    }
    if (!keep && !changed) return ST_OK;
    if (row.id == 0) {
        row.state = BYTES_EMPTY;
        TRY(TRACKS(cloud, add, &row));
    }
    if (keep) TRY(archive(cloud, node, &row, buf_bytes(&tracks->state)));
    if (!changed) return TRACKS(cloud, save_archived, row.id, row.archived);
    row.change = ++tracks->meta.counter;
    row.taught_by = (flags & TRACK_JOIN_AHEAD) != 0 ? 0 : node->id;
    return tracks_put(cloud, &row, tracks->stored);
}

/* A stamp that the cloud itself has admitted of this track is nobody's fault: the node only passes
 * it on. */
static enum status admitted_before(struct cloud *cloud, const struct level_name *name,
                                   uint64_t stamp, bool *out)
{
    struct track_row row;
    const enum status found = TRACKS(cloud, find, name, &cloud->tracks->stored_state, &row);
    *out = found == ST_OK && stamp <= row.newest;
    return found == ST_NOT_FOUND ? ST_OK : found;
}

/* May all stamps of the batch be taken? *own is the greatest one of the node's own, *newest that of
 * all that are lawful by themselves. */
static enum status judge(struct cloud *cloud, const struct node_row *node,
                         const struct node_sync *sync, uint64_t *own, uint64_t *newest,
                         bool *lawful)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    struct level_name name;
    size_t offset = 0;
    *own = *newest = 0;
    *lawful = true;
    while (*lawful && track_batch_next(tracks->batch, &offset, &name, tracks->incoming)) {
        for (unsigned i = 0; i < tracks->incoming->slot_count; i++) {
            const struct track_slot *const slot = &tracks->incoming->slots[i];
            if (slot->hlc > *own && node_name_equal(&slot->writer.node, &node->name))
                *own = slot->hlc;
        }
        const uint64_t stamp = track_newest_stamp(tracks->incoming);
        if (!cloud_sync_lawful(cloud, sync, stamp))
            TRY(admitted_before(cloud, &name, stamp, lawful));
        else if (stamp > *newest)
            *newest = stamp;
    }
    return ST_OK;
}

static void refuse_future(struct cloud *cloud, const struct node_row *node,
                          const struct node_sync *sync)
{
    const struct track_batch_head *const head = &cloud->tracks->batch->head;
    const struct nack nack = {
        .nonce = node->nonce,
        .lane = NACK_TRACKS,
        .reason = NACK_FUTURE,
        .from = head->from_change,
        .to = head->to_change,
        .cloud_ms = cloud_wall_ms(cloud),
        .admitted = sync->admitted,
        .words = bytes_of_text(refusal_words(REFUSAL_FUTURE)),
    };
    cloud_refuse(cloud, REFUSAL_FUTURE);
    cloud_owe_nack(cloud, node, &nack);
}

enum status cloud_tracks_batch(struct cloud *cloud, const struct node_row *node, struct bytes body)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    const struct track_batch_head *const head = &tracks->batch->head;
    const struct track_peer *const peer = tracks_peer_of(tracks, node->id);
    struct node_sync sync;
    struct level_name name;
    uint64_t own, newest;
    bool lawful;
    const enum status read =
        track_msg_decode(cloud->unpacker, body, tracks->scratch, tracks->batch);
    if (read != ST_OK) return read == ST_TOO_LARGE ? ST_MALFORMED : read;
    /* Without the node's state its numbers mean nothing; it sends them again. */
    if (peer == NULL || !nonce_equal(&peer->nonce, &node->nonce)) return ST_OK;
    TRY(cloud_sync_load(cloud, node->id, &sync));
    TRY(judge(cloud, node, &sync, &own, &newest, &lawful));
    if (!lawful) {
        refuse_future(cloud, node, &sync);
        return ST_OK;
    }
    cloud_sync_learn(cloud, newest);
    const bool repeat = head->to_change > 0 && head->to_change <= sync.track_cursor;
    size_t offset = 0;
    while (track_batch_next(tracks->batch, &offset, &name, tracks->incoming))
        TRY(take_track(cloud, node, &name, repeat));
    if (own > sync.admitted) sync.admitted = own;
    if (head->from_change <= sync.track_cursor && head->to_change > sync.track_cursor)
        sync.track_cursor = head->to_change;
    TRY(cloud_sync_save(cloud, &sync));
    TRY(tracks_save_meta(cloud));
    cloud_owe_ack(cloud, node);
    return ST_OK;
}
