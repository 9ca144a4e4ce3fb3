/* edge_tracks.h - the tracks of an edge rig: a hand-made cloud that greets, acknowledges and
 * teaches tracks, and sensors that observe them. */
#ifndef HOLDFAST_TESTS_SUPPORT_EDGE_TRACKS_H
#define HOLDFAST_TESTS_SUPPORT_EDGE_TRACKS_H

#include "common/data/track_view.h"
#include "common/wire/repair_msg.h"
#include "common/wire/track_msg.h"
#include "edge-bridge/edge_state.h"
#include "tests/support/edge_rig.h"

/* What the cloud says of tracks, in hello replies and acknowledgements. */
struct tracks_cloud {
    struct nonce nonce; /* of the connection */
    bool knows;         /* a numbering */
    uint32_t numbering;
    uint64_t cursor;
    uint64_t admitted;
    uint64_t horizon;
    int64_t ahead_ms; /* of the rig's wall clock */
};

/* Connects and answers the hello. */
void edge_tracks_connect(struct edge_rig *rig, struct tracks_cloud *cloud);
/* Answers the newest hello among the last batch's effects. */
void edge_tracks_greet(struct edge_rig *rig, struct tracks_cloud *cloud);
/* Answers a hello with the cloud's nonce. */
void edge_tracks_greet_as(struct edge_rig *rig, struct tracks_cloud *cloud);
/* An acknowledgement with the cloud's numbering and cursor. */
void edge_tracks_ack(struct edge_rig *rig, const struct tracks_cloud *cloud);
/* The cloud takes over the edge's numbering and acknowledges all of it. */
void edge_tracks_ack_all(struct edge_rig *rig, struct tracks_cloud *cloud);
void edge_tracks_nack_future(struct edge_rig *rig, const struct tracks_cloud *cloud);

/* One observation over the control socket: what its receipt says. */
struct receipt edge_tracks_observe(struct edge_rig *rig, const char *track, const char *json);
/* A position with this latitude and confidence 0.5, accepted. */
void edge_tracks_see(struct edge_rig *rig, const char *track, int latitude);

/* The n-th batch among the last effects; NULL: there is none. Valid until the next call. */
const struct track_batch *edge_tracks_sent(struct edge_rig *rig, size_t n);
size_t edge_tracks_count(struct edge_rig *rig); /* tracks in all batches of the last effects */
bool edge_tracks_has(struct edge_rig *rig, const char *track, struct track *out);
/* Time for a batch to leave, with its effects. */
void edge_tracks_wait(struct edge_rig *rig);

/* Tracks that the cloud is going to send. */
struct tracks_batch_spec {
    uint64_t from, to, horizon;
    size_t count;
    const char *names[8];
    const struct track *tracks[8];
};
void edge_tracks_hear(struct edge_rig *rig, const struct tracks_batch_spec *spec);

/* A state of one position and one classification by another node at this stamp. */
void edge_tracks_foreign(struct track *out, const char *node, uint64_t stamp, int latitude,
                         const char *classification);
/* What the edge holds; false: nothing. */
bool edge_tracks_held(struct edge_rig *rig, const char *track, struct track *out);
/* Of the rig's wall clock. */
uint64_t edge_tracks_stamp(const struct edge_rig *rig, int64_t ago_ms);

#endif
