/* tracks_state.h - what the files of the cloud's tracks share; nobody else includes this.
 *
 * The store is the truth; what stands here can be lost at any moment. Of each node that told its
 * state on its present connection there is a peer: only such a node is sent anything, and only its
 * batches are taken, since without its state nobody knows which numbering they speak of. */
#ifndef HOLDFAST_CLOUD_CONSUMER_TRACKS_STATE_H
#define HOLDFAST_CLOUD_CONSUMER_TRACKS_STATE_H

#include "cloud-consumer/engine.h"
#include "cloud-consumer/track_store.h"
#include "common/wire/repair_msg.h"
#include "common/wire/track_msg.h"

enum {
    TRACK_PEERS_MAX = ROSTER_NODES_MAX,
    TRACK_FLIGHTS_MAX = 4, /* frames to one edge that it has not acknowledged */
    TRACK_FLIGHT_BYTES_MAX = 256 * 1024,
    TRACK_STALL_MS = 10000,       /* without progress: send again, once, */
    TRACK_STALL_LONG_MS = 300000, /* and then so much later */
    TRACK_PAUSE_MS = 100,    /* between small frames to one edge, so that many changes share one */
    TRACK_PASSED_MAX = 1024, /* changes passed over in silence before an empty frame claims them, */
    TRACK_PASSED_MS = 30000, /* or so long after the last frame */
    /* An edge's frames: the slower it acknowledges, the smaller. */
    TRACK_FRAME_BYTES_MIN = 4 * 1024,
    TRACK_FRAME_BYTES_START = 16 * 1024,
    TRACK_FRAME_BYTES_MAX = 60 * 1024,
    TRACK_SLOW_MS = 2000,
    TRACK_QUICK_MS = 500,
    TRACK_ROWS_A_FRAME = 2048,  /* visited for one frame */
    TRACK_ROWS_A_COMMIT = 8192, /* visited for all of them */
    TRACK_SHARED_TEACHERS_MAX = 16,

    REPAIR_ASKED_MAX = 16,    /* digests that wait to be compared */
    REPAIR_SENDS_MAX = 16384, /* tracks that edges lack */
    REPAIR_WANTS_MAX = 4096,  /* names to be asked for */
    REPAIR_SLICE_ROWS = 2048,
    SWEEP_SLICE_ROWS = 2048,
    SWEEP_SLICE_CHANGES = 128,
    PURGE_SLICE_ROWS = 256,
    ARCHIVE_LOOK_BACK = 4, /* newest archived states of a track that a repeated one may equal */

    GROUP_WORDS = ROSTER_GROUPS_MAX / 64,
};

struct track_flight {
    uint64_t from, to;
    size_t bytes;
    uint64_t mono_ns;
};

/*  Frames to an edge follow the change numbers. `cursor` is what it acknowledged, `claimed` the end
 *  of the last frame, `scanned` how far rows were considered: those between the two need not be
 *  sent to it and go with the next frame's claim.  cursor <= claimed <= scanned, but for a pass
 *  anew, when cursor may be anywhere. */
struct track_peer {
    int64_t node;
    struct node_name name;
    struct nonce nonce;
    enum track_interest interest;
    uint64_t cursor, claimed, scanned;
    uint64_t own_after; /* what it taught us up to here it may have lost: send that too */
    bool fresh;         /* nothing was sent yet */
    bool more;          /* the last frame was full */
    /* With a large backlog the active tracks go first, the newest ahead, and claim nothing. */
    bool active_pass;
    uint64_t active_newest;
    int64_t active_id;
    uint64_t active_since;
    size_t flight_count, flight_bytes;
    struct track_flight flights[TRACK_FLIGHTS_MAX];
    unsigned unclaimed; /* frames that claim nothing since its last state */
    uint64_t sent_mono_ns, progress_mono_ns;
    bool retried, stalled;
    size_t frame_bytes;
    uint64_t groups[GROUP_WORDS];
    uint64_t mates; /* hash of the names that share a group with it */
    bool anew;      /* its cursor says nothing until all changes up to anew_to were considered */
    uint64_t anew_to;
};

struct track_member {
    struct node_name name;
    uint64_t groups[GROUP_WORDS];
};

/* The last frame built for an edge that wants all tracks: the same bytes serve its neighbours. */
struct track_shared {
    bool valid, more;
    uint64_t from, to, counter, horizon;
    size_t size_max;
    size_t teacher_count;
    int64_t teachers[TRACK_SHARED_TEACHERS_MAX];
    struct buf body;
};

struct repair_asked {
    int64_t node;
    struct track_digests_msg msg;
};

struct repair_send {
    int64_t node, track;
};

struct repair_want {
    int64_t node;
    struct level_name name;
};

struct cloud_tracks {
    struct track_meta meta;
    bool meta_changed;
    struct store_id store; /* whose change numbers the peers go by */
    uint64_t newest;       /* greatest stamp of any track */

    struct track_batch *batch;
    struct track *incoming, *stored, *scratch;
    struct buf stored_state, state; /* TRACK_BYTES_MAX */
    struct track_batch_writer *writer;
    uint8_t *records; /* BODY_SIZE_MAX */
    struct track_shared shared;
    struct track_ids *ids;
    struct track_want *want;

    size_t peer_count, peer_next;
    int64_t peer_nodes[TRACK_PEERS_MAX]; /* apart, to be searched quickly */
    struct track_peer peers[TRACK_PEERS_MAX];
    bool work_left; /* the commit's allowance is used up */
    unsigned rows;  /* visited in this commit */

    bool groups_known;
    size_t member_count, group_count;
    struct track_member members[ROSTER_NODES_MAX];
    struct level_name groups[ROSTER_GROUPS_MAX];

    size_t asked_count;
    struct repair_asked asked[REPAIR_ASKED_MAX]; /* the first one is being summed */
    bool summing;
    int64_t sum_after;
    struct track_digests sum;
    size_t send_count, want_count;
    struct repair_send sends[REPAIR_SENDS_MAX];
    struct repair_want wants[REPAIR_WANTS_MAX];

    bool sweeping;
    int64_t sweep_after;
    size_t swept_count;
    int64_t swept[SWEEP_SLICE_CHANGES];
    uint64_t horizon_mono_ns, purge_mono_ns; /* when to look again */
    bool purging;
};

/* tracks.c. Writes the state under the row; row->change, taught_by and archived are the caller's.
 * An empty state makes the row dead, and drops it when the archive does not know it. */
MUST_USE enum status tracks_put(struct cloud *cloud, struct track_row *row,
                                const struct track *track);
MUST_USE enum status tracks_save_meta(struct cloud *cloud);

/* tracks_interest.c */
MUST_USE enum status tracks_learn_groups(struct cloud *cloud);
/* Finds the peer's groups, once they are known, and whether its cursor means what it did: else it
 * starts anew. */
MUST_USE enum status tracks_judge_peer(struct cloud *cloud, struct track_peer *peer);
/* The pass anew is through: remembers what it was chosen by. */
MUST_USE enum status tracks_note_served(struct cloud *cloud, struct track_peer *peer);
bool tracks_wanted(const struct cloud_tracks *tracks, const struct track_peer *peer,
                   const struct track *track);

/* tracks_down.c */
struct track_peer *tracks_peer_of(struct cloud_tracks *tracks, int64_t node);
/* A whole new pass over all tracks. */
void tracks_peer_restart(const struct cloud_tracks *tracks, struct track_peer *peer);
bool tracks_peer_has_room(const struct track_peer *peer);
bool tracks_may_send(const struct cloud *cloud, const struct effects *effects);
/* Begins a batch; the stamps of all stored tracks fit it. */
void tracks_batch_begin(struct cloud *cloud);
/* Adds it; false: the frame is full. */
bool tracks_batch_take(struct cloud *cloud, const struct track_peer *peer,
                       const struct level_name *name, const struct track *track);
/* Publishes the batch as one that claims nothing. */
MUST_USE enum status tracks_send_unclaimed(struct cloud *cloud, struct effects *effects,
                                           struct track_peer *peer);

/* tracks_repair.c */
MUST_USE enum status tracks_repair_fill(struct cloud *cloud, struct effects *effects);
void tracks_repair_forget(struct cloud_tracks *tracks, int64_t node);
bool tracks_repair_waits(const struct cloud *cloud);

/* tracks_horizon.c */
MUST_USE enum status tracks_horizon_fill(struct cloud *cloud);
uint64_t tracks_horizon_wakeup(const struct cloud *cloud);

#endif
