/* tracks_repair.c - an edge asks where its tracks and ours differ: sums over buckets first, then
 * the names and hashes of those buckets, then the tracks themselves.
 *
 * What an edge's whole sum over all tracks is compared with is kept up to date and costs nothing; a
 * sum by interest or age is taken row by row, in slices. Tables here are bounded, and what does not
 * fit is dropped: the edge asks again each day. */
#include <string.h>

#include "cloud-consumer/tracks_state.h"

/* ---------------------------------------------------------------- digests */

enum status cloud_tracks_digests(struct cloud *cloud, const struct node_row *node,
                                 struct bytes body)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    struct track_digests_msg msg;
    TRY(track_digests_decode(cloud->unpacker, body, &msg));
    if (!node->has_nonce || !nonce_equal(&msg.nonce, &node->nonce)) return ST_OK;
    if (tracks_peer_of(tracks, node->id) == NULL) return ST_OK;
    size_t at = 0;
    while (at < tracks->asked_count && tracks->asked[at].node != node->id)
        at++;
    if (at == REPAIR_ASKED_MAX) return ST_OK;
    if (at == tracks->asked_count) tracks->asked_count++;
    if (at == 0) tracks->summing = false;
    tracks->asked[at] = (struct repair_asked){node->id, msg};
    return ST_OK;
}

static void drop_asked(struct cloud_tracks *tracks, size_t at)
{
    tracks->asked_count--;
    memmove(&tracks->asked[at], &tracks->asked[at + 1],
            (tracks->asked_count - at) * sizeof tracks->asked[0]);
    if (at == 0) tracks->summing = false;
}

struct sum_walk {
    struct cloud_tracks *tracks;
    const struct track_peer *peer;
    unsigned rows;
};

/* Is the track one that both sides mean? */
static bool is_meant(struct cloud_tracks *tracks, const struct track_peer *peer, uint64_t since,
                     const struct track_row *row)
{
    if (row->change == 0 || row->newest < since) return false;
    if (peer->interest == INTEREST_ALL) return true;
    return track_decode(row->state, tracks->scratch) == ST_OK &&
           tracks_wanted(tracks, peer, tracks->scratch);
}

static bool sum_row(void *context, const struct track_row *row)
{
    struct sum_walk *const walk = context;
    struct cloud_tracks *const tracks = walk->tracks;
    walk->rows++;
    tracks->sum_after = row->id;
    if (is_meant(tracks, walk->peer, tracks->asked[0].msg.since, row))
        track_digests_toggle(&tracks->sum, row->bucket, row->hash);
    return true;
}

/* *done: tracks->sum is what the first one that asked should have. */
static enum status sum(struct cloud *cloud, const struct track_peer *peer, bool *done)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    *done = true;
    if (peer->interest == INTEREST_ALL && tracks->asked[0].msg.since == 0) {
        tracks->sum = tracks->meta.digests;
        return ST_OK;
    }
    if (!tracks->summing) {
        memset(&tracks->sum, 0, sizeof tracks->sum);
        tracks->sum_after = 0;
        tracks->summing = true;
    }
    struct sum_walk walk = {.tracks = tracks, .peer = peer};
    const struct track_scan from = {
        .order = TRACKS_BY_ID, .id = tracks->sum_after, .limit = REPAIR_SLICE_ROWS};
    TRY(TRACKS(cloud, scan, &from, sum_row, &walk));
    *done = walk.rows < REPAIR_SLICE_ROWS;
    return ST_OK;
}

/* With equal sums the cloud holds what the edge holds: its changes are all known. */
static enum status take_all_as_known(struct cloud *cloud, const struct node_row *node,
                                     const struct track_digests_msg *msg)
{
    struct node_sync sync;
    TRY(cloud_sync_load(cloud, node->id, &sync));
    if (sync.track_numbering != msg->numbering || msg->counter <= sync.track_cursor) return ST_OK;
    sync.track_cursor = msg->counter;
    cloud_owe_ack(cloud, node);
    return cloud_sync_save(cloud, &sync);
}

static enum status answer_digests(struct cloud *cloud, struct effects *effects)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    const struct track_digests_msg *const msg = &tracks->asked[0].msg;
    const struct track_peer *const peer = tracks_peer_of(tracks, tracks->asked[0].node);
    struct track_differs differs = {.nonce = msg->nonce, .counter = msg->counter};
    struct node_row node;
    bool done = false, equal = true;
    if (peer == NULL || peer->interest == INTEREST_NONE) {
        drop_asked(tracks, 0);
        return ST_OK;
    }
    TRY(sum(cloud, peer, &done));
    if (!done) return ST_OK;
    for (unsigned i = 0; i < TRACK_BUCKETS; i++) {
        if (tracks->sum.buckets[i] == msg->digests.buckets[i]) continue;
        track_differs_set(&differs, i);
        equal = false;
    }
    TRY(STORE(cloud, node_find, &peer->name, &node));
    if (equal) TRY(take_all_as_known(cloud, &node, msg));
    drop_asked(tracks, 0);
    cloud->body.size = 0;
    cloud->body.overflow = false;
    track_differs_encode(&differs, &cloud->body);
    return cloud_publish(cloud, effects, TOPIC_SYNC_DOWN, &node.name, FRAME_TRACK_DIFFERS);
}

/* -------------------------------------------------------------------- ids */

static void owe_track(struct cloud_tracks *tracks, int64_t node, int64_t track)
{
    if (tracks->send_count == REPAIR_SENDS_MAX) return;
    tracks->sends[tracks->send_count++] = (struct repair_send){node, track};
}

static void owe_want(struct cloud_tracks *tracks, int64_t node, const struct level_name *name)
{
    if (tracks->want_count == REPAIR_WANTS_MAX) return;
    tracks->wants[tracks->want_count++] = (struct repair_want){node, *name};
}

/* A walk along our tracks of a bucket and the edge's list, both by name. */
struct ids_walk {
    struct cloud_tracks *tracks;
    const struct track_peer *peer;
    size_t at; /* in the list */
};

static bool compare_row(void *context, const struct track_row *row)
{
    struct ids_walk *const walk = context;
    struct cloud_tracks *const tracks = walk->tracks;
    const struct track_ids *const ids = tracks->ids;
    const int64_t node = walk->peer->node;
    int order = -1;
    while (walk->at < ids->count) {
        order = strcmp(row->name.text, ids->items[walk->at].name.text);
        if (order <= 0) break;
        owe_want(tracks, node, &ids->items[walk->at++].name);
    }
    if (walk->at == ids->count) {
        if (!ids->last) return false; /* the next frame tells of this name */
        order = -1;
    }
    if (order < 0) {
        if (is_meant(tracks, walk->peer, ids->since, row)) owe_track(tracks, node, row->id);
        return true;
    }
    if (row->hash != ids->items[walk->at].hash) {
        owe_track(tracks, node, row->id);
        owe_want(tracks, node, &row->name);
    }
    walk->at++;
    return true;
}

enum status cloud_tracks_ids(struct cloud *cloud, const struct node_row *node, struct bytes body)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    struct track_ids *const ids = tracks->ids;
    TRY(track_ids_decode(cloud->unpacker, body, ids));
    if (!node->has_nonce || !nonce_equal(&ids->nonce, &node->nonce)) return ST_OK;
    TRY(tracks_learn_groups(cloud));
    const struct track_peer *const peer = tracks_peer_of(tracks, node->id);
    if (peer == NULL || peer->interest == INTEREST_NONE) return ST_OK;
    struct ids_walk walk = {.tracks = tracks, .peer = peer};
    const struct track_scan from = {.order = TRACKS_IN_BUCKET,
                                    .bucket = ids->bucket,
                                    .name = ids->after,
                                    .limit = REPAIR_SENDS_MAX};
    TRY(TRACKS(cloud, scan, &from, compare_row, &walk));
    while (walk.at < ids->count)
        owe_want(tracks, node->id, &ids->items[walk.at++].name);
    return ST_OK;
}

void tracks_repair_forget(struct cloud_tracks *tracks, int64_t node)
{
    for (size_t i = tracks->asked_count; i > 0; i--)
        if (tracks->asked[i - 1].node == node) drop_asked(tracks, i - 1);
    size_t kept = 0;
    for (size_t i = 0; i < tracks->send_count; i++)
        if (tracks->sends[i].node != node) tracks->sends[kept++] = tracks->sends[i];
    tracks->send_count = kept;
    kept = 0;
    for (size_t i = 0; i < tracks->want_count; i++)
        if (tracks->wants[i].node != node) tracks->wants[kept++] = tracks->wants[i];
    tracks->want_count = kept;
}

/* ---------------------------------------------------------------- answers */

/* One frame with the names that the first node in the table is asked for. */
static enum status send_want(struct cloud *cloud, struct effects *effects)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    struct track_want *const want = tracks->want;
    const struct track_peer *const peer = tracks_peer_of(tracks, tracks->wants[0].node);
    const int64_t node = tracks->wants[0].node;
    size_t kept = 0, bytes = 64;
    want->count = 0;
    for (size_t i = 0; i < tracks->want_count; i++) {
        const struct repair_want *const item = &tracks->wants[i];
        const size_t size = strlen(item->name.text) + 2;
        if (item->node != node || want->count == TRACK_IDS_MAX || bytes + size > BODY_SIZE_MAX) {
            tracks->wants[kept++] = *item;
            continue;
        }
        bytes += size;
        want->names[want->count++] = item->name;
    }
    tracks->want_count = kept;
    if (peer == NULL) return ST_OK;
    want->nonce = peer->nonce;
    cloud->body.size = 0;
    cloud->body.overflow = false;
    track_want_encode(want, &cloud->body);
    return cloud_publish(cloud, effects, TOPIC_SYNC_DOWN, &peer->name, FRAME_TRACK_WANT);
}

/* Puts the track in the batch. *full: there is no more room for it. */
static enum status add_owed(struct cloud *cloud, const struct track_peer *peer, int64_t id,
                            bool *full)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    struct track_row row;
    const enum status found = TRACKS(cloud, get, id, &tracks->stored_state, &row);
    if (found != ST_OK) return found == ST_NOT_FOUND ? ST_OK : found;
    if (row.change == 0 || track_decode(row.state, tracks->scratch) != ST_OK) return ST_OK;
    *full = !tracks_batch_take(cloud, peer, &row.name, tracks->scratch);
    return ST_OK;
}

/* One frame of tracks that this edge lacks. */
static enum status send_owed(struct cloud *cloud, struct effects *effects, struct track_peer *peer)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    bool full = false;
    size_t kept = 0, i = 0;
    tracks_batch_begin(cloud);
    for (; i < tracks->send_count && !full; i++) {
        if (tracks->sends[i].node == peer->node) {
            TRY(add_owed(cloud, peer, tracks->sends[i].track, &full));
            if (!full) continue;
        }
        tracks->sends[kept++] = tracks->sends[i];
    }
    memmove(&tracks->sends[kept], &tracks->sends[i],
            (tracks->send_count - i) * sizeof tracks->sends[0]);
    tracks->send_count -= i - kept;
    if (tracks->writer->track_count == 0) return ST_OK;
    return tracks_send_unclaimed(cloud, effects, peer);
}

/* The first edge in the table that may be sent a frame now. */
static struct track_peer *next_owed(struct cloud_tracks *tracks)
{
    int64_t passed = 0;
    for (size_t i = 0; i < tracks->send_count; i++) {
        if (tracks->sends[i].node == passed) continue;
        struct track_peer *const peer = tracks_peer_of(tracks, tracks->sends[i].node);
        if (peer != NULL && tracks_peer_has_room(peer)) return peer;
        passed = tracks->sends[i].node;
    }
    return NULL;
}

bool tracks_repair_waits(const struct cloud *cloud)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    return tracks->asked_count > 0 || tracks->want_count > 0 || next_owed(tracks) != NULL;
}

enum status tracks_repair_fill(struct cloud *cloud, struct effects *effects)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    struct track_peer *peer;
    while (tracks->want_count > 0 && tracks_may_send(cloud, effects))
        TRY(send_want(cloud, effects));
    while (tracks_may_send(cloud, effects) && (peer = next_owed(tracks)) != NULL)
        TRY(send_owed(cloud, effects, peer));
    /* One slice of a sum in a commit is enough. */
    if (tracks->asked_count > 0 && tracks_may_send(cloud, effects))
        return answer_digests(cloud, effects);
    return ST_OK;
}
