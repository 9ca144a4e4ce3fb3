/* tracks.h - the cloud's tracks: archived as they come, joined, sent to the edges that want them.
 *
 * tracks.c          a batch: judge its stamps, archive each state, join it, owe the acknowledgement
 * tracks_interest.c which tracks an edge wants, and that it begins anew when that changes
 * tracks_down.c     what each edge lacks, one bounded window an edge
 * tracks_repair.c   digests and ids of an edge that may differ
 * tracks_horizon.c  what is older than the retention dies everywhere
 * tracks_report.c   the operator's verbs */
#ifndef HOLDFAST_CLOUD_CONSUMER_TRACKS_H
#define HOLDFAST_CLOUD_CONSUMER_TRACKS_H

#include "cloud-consumer/evidence_store.h"
#include "cloud-consumer/node_sync.h"
#include "common/port/effect.h"
#include "common/port/event.h"

struct cloud;
struct cloud_tracks; /* scratch memory, peers; opened and closed with the engine */

MUST_USE enum status cloud_tracks_open(struct cloud *cloud);
void cloud_tracks_close(struct cloud *cloud);

/* FRAME_TRACKS, FRAME_TRACK_DIGESTS, FRAME_TRACK_IDS of an authentic node. A bad body: ST_MALFORMED
 * (the caller counts it and owes the NACK). */
MUST_USE enum status cloud_tracks_batch(struct cloud *cloud, const struct node_row *node,
                                        struct bytes body);
MUST_USE enum status cloud_tracks_digests(struct cloud *cloud, const struct node_row *node,
                                          struct bytes body);
MUST_USE enum status cloud_tracks_ids(struct cloud *cloud, const struct node_row *node,
                                      struct bytes body);
/* The node told its state (on this connection): what it holds, and what it wants. */
MUST_USE enum status cloud_tracks_peer(struct cloud *cloud, const struct node_row *node,
                                       const struct state_report *report);
/* Its status message says it is gone, or a hello with a new nonce came: nothing is in flight. */
void cloud_tracks_peer_gone(struct cloud *cloud, int64_t node);
/* Groups changed: interests are judged anew. */
void cloud_tracks_groups_changed(struct cloud *cloud);
uint64_t cloud_tracks_horizon(const struct cloud *cloud);
/* Sends what is due while the link's window and the effects have room; raises the horizon when it
 * is time. Called in each commit. */
MUST_USE enum status cloud_tracks_fill(struct cloud *cloud, struct effects *effects);
uint64_t cloud_tracks_wakeup(const struct cloud *cloud);
/* Verbs track-list, track-show, track-history, track-digest; see cloud.h. */
MUST_USE enum status cloud_tracks_verb(struct cloud *cloud, uint32_t client,
                                       struct effects *effects);

#endif
