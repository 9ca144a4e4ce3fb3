/* tracks_down.c - tracks on their way to the edges: what each one lacks, by its interest, in the
 * order of change numbers, one bounded window an edge, the edges by turns. */
#include <string.h>

#include "cloud-consumer/tracks_state.h"

/* ------------------------------------------------------------------ peers */

struct track_peer *tracks_peer_of(struct cloud_tracks *tracks, int64_t node)
{
    for (size_t i = 0; i < tracks->peer_count; i++)
        if (tracks->peer_nodes[i] == node) return &tracks->peers[i];
    return NULL;
}

void tracks_peer_restart(const struct cloud_tracks *tracks, struct track_peer *peer)
{
    peer->anew = true;
    peer->anew_to = tracks->meta.counter;
    peer->claimed = peer->scanned = 0;
    peer->flight_count = peer->flight_bytes = 0;
    peer->unclaimed = 0;
    peer->fresh = true;
    peer->active_pass = false;
    peer->retried = peer->stalled = false;
}

static void go_back(struct track_peer *peer, uint64_t to)
{
    peer->claimed = peer->scanned = to;
    peer->flight_count = peer->flight_bytes = 0;
    peer->unclaimed = 0;
    peer->active_pass = false;
}

void cloud_tracks_peer_gone(struct cloud *cloud, int64_t node)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    struct track_peer *const peer = tracks_peer_of(tracks, node);
    if (peer == NULL) return;
    const size_t at = (size_t)(peer - tracks->peers), last = --tracks->peer_count;
    tracks->peers[at] = tracks->peers[last];
    tracks->peer_nodes[at] = tracks->peer_nodes[last];
    tracks_repair_forget(tracks, node);
}

/* How far the edge knows our changes: nothing of them when they are another store's, or more than
 * there are. */
static uint64_t cursor_told(const struct cloud *cloud, const struct state_report *report)
{
    if (!report->has_down || !store_id_equal(&report->down_store, &cloud->identity.store)) return 0;
    return report->down_cursor <= cloud->tracks->meta.counter ? report->down_cursor : 0;
}

static void meet(struct cloud *cloud, const struct node_row *node,
                 const struct state_report *report, struct track_peer *peer)
{
    const uint64_t cursor = cursor_told(cloud, report);
    *peer = (struct track_peer){
        .node = node->id,
        .name = node->name,
        .nonce = report->nonce,
        .interest = report->interest,
        .cursor = cursor,
        .claimed = cursor,
        .scanned = cursor,
        /* An edge that knows nothing of us may have lost its own tracks as well. */
        .own_after = cursor == 0 ? cloud->tracks->meta.counter : 0,
        .fresh = true,
        .sent_mono_ns = cloud->now.mono_ns,
        .frame_bytes = TRACK_FRAME_BYTES_START,
    };
}

/* The edge's pace: how long its oldest acknowledged frame was under way. */
static void take_pace(struct track_peer *peer, uint64_t way_ns)
{
    if (way_ns > TRACK_SLOW_MS * UINT64_C(1000000)) peer->frame_bytes /= 2;
    if (way_ns < TRACK_QUICK_MS * UINT64_C(1000000) && peer->more) peer->frame_bytes *= 2;
    if (peer->frame_bytes < TRACK_FRAME_BYTES_MIN) peer->frame_bytes = TRACK_FRAME_BYTES_MIN;
    if (peer->frame_bytes > TRACK_FRAME_BYTES_MAX) peer->frame_bytes = TRACK_FRAME_BYTES_MAX;
}

static void take_cursor(struct cloud *cloud, struct track_peer *peer, uint64_t cursor)
{
    const uint64_t now = cloud->now.mono_ns;
    size_t done = 0;
    while (done < peer->flight_count && peer->flights[done].to <= cursor) {
        peer->flight_bytes -= peer->flights[done].bytes;
        take_pace(peer, now - peer->flights[done].mono_ns);
        done++;
    }
    peer->flight_count -= done;
    memmove(peer->flights, peer->flights + done, peer->flight_count * sizeof peer->flights[0]);
    if (done > 0 || peer->unclaimed > 0) {
        peer->progress_mono_ns = now;
        peer->retried = false;
    }
    peer->unclaimed = 0;
    const uint64_t kept = peer->flight_count > 0 ? peer->flights[0].from : peer->claimed;
    if (cursor < peer->cursor) /* the edge has lost what it had */
        go_back(peer, cursor < kept ? cursor : kept);
    else if (peer->stalled) /* its word was waited for */
        go_back(peer, kept);
    peer->stalled = false;
    peer->cursor = cursor;
}

enum status cloud_tracks_peer(struct cloud *cloud, const struct node_row *node,
                              const struct state_report *report)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    if (!nonce_equal(&node->nonce, &report->nonce)) return ST_OK;
    TRY(tracks_learn_groups(cloud));
    struct track_peer *peer = tracks_peer_of(tracks, node->id);
    if (peer == NULL) {
        if (tracks->peer_count == TRACK_PEERS_MAX) return ST_OK;
        tracks->peer_nodes[tracks->peer_count] = node->id;
        peer = &tracks->peers[tracks->peer_count++];
        meet(cloud, node, report, peer);
        return tracks_judge_peer(cloud, peer);
    }
    if (!nonce_equal(&peer->nonce, &report->nonce)) {
        meet(cloud, node, report, peer);
        return tracks_judge_peer(cloud, peer);
    }
    take_cursor(cloud, peer, cursor_told(cloud, report));
    if (peer->interest == report->interest) return ST_OK;
    peer->interest = report->interest;
    return tracks_judge_peer(cloud, peer);
}

/* ---------------------------------------------------------------- batches */

/* A quarter of the link's window is left to acknowledgements. */
static bool link_is_open(const struct cloud *cloud)
{
    const struct cloud_session *const session = &cloud->session;
    const uint32_t share = session->window - session->window / 4;
    return session->state == SESSION_ONLINE && cloud_session_has_window(cloud) &&
           session->in_flight < share;
}

bool tracks_may_send(const struct cloud *cloud, const struct effects *effects)
{
    return link_is_open(cloud) && effects_has_room(effects);
}

void tracks_batch_begin(struct cloud *cloud)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    track_batch_begin(tracks->writer, tracks->newest >> 16, tracks->records, BODY_SIZE_MAX);
}

bool tracks_batch_take(struct cloud *cloud, const struct track_peer *peer,
                       const struct level_name *name, const struct track *track)
{
    struct track_batch_writer *const writer = cloud->tracks->writer;
    enum status status = track_batch_add(writer, name, track, peer->frame_bytes);
    if (status == ST_FULL && writer->track_count == 0)
        status = track_batch_add(writer, name, track, TRACK_BATCH_SIZE_MIN);
    return status == ST_OK;
}

static void encode(struct cloud *cloud, uint64_t from, uint64_t to)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    const struct track_batch_head head = {
        .from_change = from, .to_change = to, .horizon = tracks->meta.horizon};
    cloud->body.size = 0;
    cloud->body.overflow = false;
    track_msg_encode(&head, tracks->writer, &cloud->body);
}

static enum status publish(struct cloud *cloud, struct effects *effects, struct track_peer *peer)
{
    if (peer->flight_count == 0 && peer->unclaimed == 0)
        peer->progress_mono_ns = cloud->now.mono_ns;
    peer->sent_mono_ns = cloud->now.mono_ns;
    peer->fresh = false;
    return cloud_publish(cloud, effects, TOPIC_TRACKS_DOWN, &peer->name, FRAME_TRACKS);
}

enum status tracks_send_unclaimed(struct cloud *cloud, struct effects *effects,
                                  struct track_peer *peer)
{
    encode(cloud, 0, 0);
    TRY(publish(cloud, effects, peer));
    peer->unclaimed++;
    return ST_OK;
}

/* Publishes what stands in cloud->body as the changes after `claimed` up to `to`. */
static enum status send_claimed(struct cloud *cloud, struct effects *effects,
                                struct track_peer *peer, uint64_t to)
{
    const struct track_flight flight = {
        .from = peer->claimed,
        .to = to,
        .bytes = cloud->body.size,
        .mono_ns = cloud->now.mono_ns,
    };
    TRY(publish(cloud, effects, peer));
    peer->flights[peer->flight_count++] = flight;
    peer->flight_bytes += flight.bytes;
    peer->claimed = peer->scanned = to;
    return ST_OK;
}

/* A walk over rows for one frame. */
struct down_walk {
    struct cloud *cloud;
    const struct track_peer *peer;
    unsigned rows;
    bool full, passed_any, taught_many;
    uint64_t change; /* of the last row considered */
    uint64_t newest;
    int64_t id;
    size_t teacher_count;
    int64_t teachers[TRACK_SHARED_TEACHERS_MAX];
};

static void note_teacher(struct down_walk *walk, int64_t teacher)
{
    for (size_t i = 0; i < walk->teacher_count; i++)
        if (walk->teachers[i] == teacher) return;
    if (teacher == 0) return;
    if (walk->teacher_count == TRACK_SHARED_TEACHERS_MAX)
        walk->taught_many = true;
    else
        walk->teachers[walk->teacher_count++] = teacher;
}

/* Adds the row when the edge wants and lacks it; false: the frame is full. */
static bool take_row(struct down_walk *walk, const struct track_row *row)
{
    struct cloud *const cloud = walk->cloud;
    struct cloud_tracks *const tracks = cloud->tracks;
    const struct track_peer *const peer = walk->peer;
    const bool own = row->taught_by == peer->node && row->change > peer->own_after;
    note_teacher(walk, row->taught_by);
    if (own || track_decode(row->state, tracks->scratch) != ST_OK ||
        !tracks_wanted(tracks, peer, tracks->scratch)) {
        walk->passed_any = true;
        return true;
    }
    walk->full = !tracks_batch_take(cloud, peer, &row->name, tracks->scratch);
    return !walk->full;
}

static bool walk_changes(void *context, const struct track_row *row)
{
    struct down_walk *const walk = context;
    walk->rows++;
    if (!take_row(walk, row)) return false;
    walk->change = row->change;
    return true;
}

static bool walk_active(void *context, const struct track_row *row)
{
    struct down_walk *const walk = context;
    walk->rows++;
    /* What it has it knows; what is historical waits for its turn. */
    if (row->newest < walk->peer->active_since) return false;
    if (row->change > walk->peer->scanned && !take_row(walk, row)) return false;
    walk->newest = row->newest;
    walk->id = row->id;
    return true;
}

static enum status scan(struct cloud *cloud, struct track_scan *scan, track_visit *visit,
                        struct down_walk *walk)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    scan->limit = TRACK_ROWS_A_FRAME;
    tracks_batch_begin(cloud);
    TRY(TRACKS(cloud, scan, scan, visit, walk));
    tracks->rows += walk->rows;
    return ST_OK;
}

static void begin_active_pass(struct cloud *cloud, struct track_peer *peer)
{
    const int64_t since_ms =
        cloud_wall_ms(cloud) - (int64_t)cloud->settings.track_view_ttl_s * 1000;
    peer->fresh = false;
    peer->active_pass = true;
    peer->active_since = since_ms > 0 ? (uint64_t)since_ms << 16 : 0;
    peer->active_newest = HLC_STAMP_MAX;
    peer->active_id = INT64_MAX;
}

static enum status send_active(struct cloud *cloud, struct effects *effects,
                               struct track_peer *peer, bool *sent)
{
    struct down_walk walk = {
        .cloud = cloud, .peer = peer, .newest = peer->active_newest, .id = peer->active_id};
    struct track_scan from = {
        .order = TRACKS_BY_NEWEST, .newest = peer->active_newest, .id = peer->active_id};
    TRY(scan(cloud, &from, walk_active, &walk));
    peer->active_newest = walk.newest;
    peer->active_id = walk.id;
    peer->active_pass = walk.full || walk.rows == TRACK_ROWS_A_FRAME;
    if (cloud->tracks->writer->track_count == 0) return ST_OK;
    *sent = true;
    return tracks_send_unclaimed(cloud, effects, peer);
}

/* ---------------------------------------------------------- shared frames */

static bool shared_fits(const struct cloud_tracks *tracks, const struct track_peer *peer)
{
    const struct track_shared *const shared = &tracks->shared;
    if (!shared->valid || peer->interest != INTEREST_ALL || peer->fresh) return false;
    if (peer->claimed != shared->from || peer->scanned != shared->from) return false;
    if (tracks->meta.counter != shared->counter || tracks->meta.horizon != shared->horizon)
        return false;
    if (shared->more ? peer->frame_bytes != shared->size_max
                     : peer->frame_bytes < shared->body.size)
        return false;
    for (size_t i = 0; i < shared->teacher_count; i++)
        if (shared->teachers[i] == peer->node) return false;
    return true;
}

/* Another edge that stands where this one stood gets the same bytes, unless it taught us some of
 * them. */
static void share(struct cloud_tracks *tracks, const struct track_peer *peer,
                  const struct down_walk *walk, uint64_t to, struct bytes body)
{
    struct track_shared *const shared = &tracks->shared;
    if (peer->interest != INTEREST_ALL || walk->passed_any || walk->taught_many) return;
    if (peer->claimed != peer->scanned) return;
    shared->more = peer->more;
    shared->from = peer->claimed;
    shared->to = to;
    shared->counter = tracks->meta.counter;
    shared->horizon = tracks->meta.horizon;
    shared->size_max = peer->frame_bytes;
    shared->teacher_count = walk->teacher_count;
    memcpy(shared->teachers, walk->teachers, sizeof shared->teachers);
    shared->body.size = 0;
    shared->body.overflow = false;
    buf_put(&shared->body, body);
    shared->valid = buf_ok(&shared->body);
}

static enum status send_shared(struct cloud *cloud, struct effects *effects,
                               struct track_peer *peer)
{
    const struct track_shared *const shared = &cloud->tracks->shared;
    cloud->body.size = 0;
    cloud->body.overflow = false;
    buf_put(&cloud->body, buf_bytes(&shared->body));
    peer->more = shared->more;
    return send_claimed(cloud, effects, peer, shared->to);
}

/* ------------------------------------------------------------------- turn */

/* Nothing in the changes up to `scanned` is for this edge; but when it never hears of them, they
 * are walked over again after each reconnect. */
static bool passed_enough(const struct cloud *cloud, const struct track_peer *peer)
{
    if (peer->scanned == peer->claimed || peer->flight_count > 0) return false;
    return peer->scanned - peer->claimed >= TRACK_PASSED_MAX ||
           cloud->now.mono_ns - peer->sent_mono_ns >= TRACK_PASSED_MS * UINT64_C(1000000);
}

static enum status send_changes(struct cloud *cloud, struct effects *effects,
                                struct track_peer *peer, bool *sent)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    *sent = true;
    if (shared_fits(tracks, peer)) return send_shared(cloud, effects, peer);
    struct down_walk walk = {.cloud = cloud, .peer = peer, .change = peer->scanned};
    struct track_scan from = {.order = TRACKS_BY_CHANGE, .change = peer->scanned};
    TRY(scan(cloud, &from, walk_changes, &walk));
    peer->more = walk.full || walk.rows == TRACK_ROWS_A_FRAME;
    if (peer->fresh && walk.full) {
        begin_active_pass(cloud, peer);
        return ST_OK;
    }
    const uint64_t to = peer->more ? walk.change : tracks->meta.counter;
    if (tracks->writer->track_count == 0) {
        peer->scanned = to;
        *sent = peer->more;
        if (peer->more || !passed_enough(cloud, peer)) return ST_OK;
    }
    encode(cloud, peer->claimed, to);
    share(tracks, peer, &walk, to, buf_bytes(&cloud->body));
    *sent = true;
    return send_claimed(cloud, effects, peer, to);
}

/* Has it anything to be sent to it, apart from what the window says? */
static bool lacks(const struct cloud *cloud, const struct track_peer *peer)
{
    if (peer->interest == INTEREST_NONE || peer->stalled) return false;
    return peer->active_pass || peer->scanned < cloud->tracks->meta.counter ||
           passed_enough(cloud, peer);
}

bool tracks_peer_has_room(const struct track_peer *peer)
{
    return peer->flight_count + peer->unclaimed < TRACK_FLIGHTS_MAX &&
           peer->flight_bytes + peer->frame_bytes <= TRACK_FLIGHT_BYTES_MAX;
}

static uint64_t due_mono_ns(const struct track_peer *peer)
{
    const bool at_once = peer->more || peer->active_pass || peer->fresh;
    return at_once ? 0 : peer->sent_mono_ns + TRACK_PAUSE_MS * UINT64_C(1000000);
}

static uint64_t stall_mono_ns(const struct track_peer *peer)
{
    if (peer->flight_count == 0 && peer->unclaimed == 0) return UINT64_MAX;
    const uint64_t ms = peer->stalled ? TRACK_STALL_LONG_MS : TRACK_STALL_MS;
    return peer->progress_mono_ns + ms * 1000000;
}

/* Without progress all is sent again, once; then only the edge's word helps, or a long time: what
 * its clock could not take may be lawful by then. */
static void check_progress(struct cloud *cloud, struct track_peer *peer)
{
    if (cloud->now.mono_ns < stall_mono_ns(peer)) return;
    peer->progress_mono_ns = cloud->now.mono_ns;
    if (peer->flight_count == 0) { /* they claimed nothing: what they held comes by its turn */
        peer->unclaimed = 0;
        peer->active_pass = false;
    } else if (peer->retried && !peer->stalled) {
        peer->stalled = true;
    } else {
        peer->retried = true;
        peer->stalled = false;
        go_back(peer, peer->flights[0].from);
    }
}

static enum status peer_turn(struct cloud *cloud, struct effects *effects, struct track_peer *peer,
                             bool *sent)
{
    check_progress(cloud, peer);
    if (peer->anew && peer->scanned >= peer->anew_to && peer->flight_count == 0)
        TRY(tracks_note_served(cloud, peer));
    if (!lacks(cloud, peer) || !tracks_peer_has_room(peer)) return ST_OK;
    if (cloud->now.mono_ns < due_mono_ns(peer)) return ST_OK;
    if (peer->active_pass) {
        TRY(send_active(cloud, effects, peer, sent));
        if (*sent) return ST_OK;
    }
    return send_changes(cloud, effects, peer, sent);
}

static enum status all_turns(struct cloud *cloud, struct effects *effects)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    size_t idle = 0;
    tracks->rows = 0;
    tracks->work_left = false;
    while (idle < tracks->peer_count && tracks_may_send(cloud, effects)) {
        bool sent = false;
        if (tracks->rows >= TRACK_ROWS_A_COMMIT) {
            tracks->work_left = true;
            return ST_OK;
        }
        if (tracks->peer_next >= tracks->peer_count) tracks->peer_next = 0;
        TRY(peer_turn(cloud, effects, &tracks->peers[tracks->peer_next], &sent));
        tracks->peer_next++;
        idle = sent ? 0 : idle + 1;
    }
    return ST_OK;
}

/* A store that was put back from a backup goes on under another id: the edges' cursors are of the
 * old one. They tell anew what they hold of this one. */
static void check_store(struct cloud *cloud)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    if (store_id_equal(&tracks->store, &cloud->identity.store)) return;
    tracks->store = cloud->identity.store;
    for (size_t i = 0; i < tracks->peer_count; i++) {
        tracks->peers[i].cursor = 0;
        tracks->peers[i].own_after = tracks->meta.counter;
        tracks_peer_restart(tracks, &tracks->peers[i]);
    }
}

enum status cloud_tracks_fill(struct cloud *cloud, struct effects *effects)
{
    check_store(cloud);
    TRY(tracks_horizon_fill(cloud));
    if (cloud->session.state == SESSION_ONLINE && cloud->tracks->peer_count > 0) {
        TRY(tracks_learn_groups(cloud));
        TRY(tracks_repair_fill(cloud, effects));
        TRY(all_turns(cloud, effects));
    }
    return tracks_save_meta(cloud);
}

/* When the edge's next turn is wanted, apart from a stall. */
static uint64_t turn_mono_ns(const struct cloud *cloud, const struct track_peer *peer)
{
    if (!tracks_peer_has_room(peer) || peer->interest == INTEREST_NONE || peer->stalled)
        return UINT64_MAX;
    if (peer->active_pass || peer->scanned < cloud->tracks->meta.counter) return due_mono_ns(peer);
    if (peer->scanned == peer->claimed || peer->flight_count > 0) return UINT64_MAX;
    return peer->sent_mono_ns + TRACK_PASSED_MS * UINT64_C(1000000);
}

uint64_t cloud_tracks_wakeup(const struct cloud *cloud)
{
    const struct cloud_tracks *const tracks = cloud->tracks;
    uint64_t wakeup_ns = tracks_horizon_wakeup(cloud);
    if (cloud->session.state != SESSION_ONLINE) return wakeup_ns;
    const bool open = link_is_open(cloud);
    if (open && (tracks->work_left || tracks_repair_waits(cloud))) return 0;
    for (size_t i = 0; i < tracks->peer_count; i++) {
        const uint64_t stall_ns = stall_mono_ns(&tracks->peers[i]);
        const uint64_t turn_ns = open ? turn_mono_ns(cloud, &tracks->peers[i]) : UINT64_MAX;
        if (stall_ns < wakeup_ns) wakeup_ns = stall_ns;
        if (turn_ns < wakeup_ns) wakeup_ns = turn_ns;
    }
    return wakeup_ns;
}
