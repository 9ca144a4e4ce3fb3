/* tracks.h - what happens to tracks at the edge: observed by local sensors, joined with what the
 * cloud sends, expired by the horizon, evicted when there are too many, stamped anew when the clock
 * was wrong.
 *
 * An observation is a join with everything known here (track.h), so it replaces what it has seen
 * and nothing else; its receipt leaves after the commit. Evictions take only historical tracks (not
 * seen for view_ttl) and, unless the byte budget forces it, only those that the cloud has; every
 * run that takes tracks observed here changes the node's incarnation, so that a later observation
 * never covers an evicted atom. When the budget is used up by active tracks, new ones are refused:
 * an observation with ST_FULL, the cloud's by leaving them out (dropped). */
#ifndef HOLDFAST_EDGE_BRIDGE_TRACKS_H
#define HOLDFAST_EDGE_BRIDGE_TRACKS_H

#include "common/data/track.h"
#include "common/port/effect.h"
#include "common/port/event.h"
#include "common/wire/control_msg.h"
#include "common/wire/observation.h"
#include "common/wire/track_msg.h"

struct edge;

enum {
    TRACK_TICK_MS = 1000,
    TRACK_EVICT_ROWS_MAX = 256,  /* read at once */
    TRACK_SWEEP_ROWS_MAX = 2048, /* deleted in one step */
};

struct tracks {
    struct track_batch *batch; /* of the cloud, decoded */
    struct track *scratch, *joined;
    struct track_row *rows; /* TRACK_EVICT_ROWS_MAX */
    struct buf history;     /* payloads of evidence entries, until the next flush */
    uint64_t horizon_told;  /* the cloud's; applied when all that is older has been sent; 0: none */
    uint64_t horizon_after; /* change number that must be acknowledged before */
    bool sweeping;          /* rows of which the horizon left nothing may still be there */
    uint64_t tick_mono_ns;  /* next look at the budget */
    uint64_t observed;      /* observations accepted */
    uint64_t refused;       /* observations not acceptable */
    uint64_t merged;        /* tracks of the cloud's joined that changed something */
    uint64_t dropped;       /* new ones of the cloud's that the budget had no room for */
    uint64_t future;        /* tracks and horizons of the cloud's beyond what our clock allows */
    uint64_t equivocations;
};

/* What became of an observation. */
struct track_receipt {
    enum status status;
    uint64_t hlc;
    uint64_t change;
    struct buf *reason; /* a clause when refused; may be NULL */
};

MUST_USE enum status tracks_open(struct edge *edge);
void tracks_close(struct edge *edge);

/* local/track/{track}: JSON or MessagePack; an empty payload is refused. The receipt, JSON, goes to
 * the response topic: {"track","status","hlc","time"} or {"track","status","reason"}. */
MUST_USE enum status tracks_message(struct edge *edge, const struct mqtt_message *message,
                                    struct effects *effects);
/* OBSERVE requests. */
MUST_USE enum status tracks_request(struct edge *edge, uint32_t client,
                                    const struct control_request *request, struct effects *effects);
/* Verbs track-list, track-show, track-remove, track-digest, see report.h. */
MUST_USE enum status tracks_verb(struct edge *edge, uint32_t client,
                                 const struct control_request *request, struct effects *effects);
/* FRAME_TRACKS from the cloud. Malformed or future ones are counted, never an error. */
MUST_USE enum status tracks_merge(struct edge *edge, struct bytes body);
/* The cloud's horizon, heard in a hello's reply or a batch; refused (counted) above now - the
 * least retention. */
MUST_USE enum status tracks_horizon(struct edge *edge, uint64_t horizon);
/* Evicts, applies a waiting horizon, once a second or so; cheap otherwise. */
MUST_USE enum status tracks_tick(struct edge *edge);
/* Own stamps above `above` were wrong: new incarnation, those slots back to `admitted` (what the
 * cloud may know of them), their values observed anew at the time they were really made. */
MUST_USE enum status tracks_restamp(struct edge *edge, uint64_t above, uint64_t admitted);

/* Used by the tracks_*.c files and the lane. */

/* Tracks whose newest stamp is below this are historical. */
uint64_t tracks_active_from(const struct edge *edge);
/* Makes room when the budget is exceeded; cheap when it is not. */
MUST_USE enum status tracks_evict(struct edge *edge);
/* An eighth of the historical tracks that the cloud has, for want of room on the disk. */
MUST_USE enum status tracks_give_way(struct edge *edge);
/* The budget has no room for one track more. */
bool tracks_full(const struct edge *edge);
/* What is known here, our clock shall be above: it may be behind its own store after a restart. */
void tracks_know(struct edge *edge, uint64_t stamp);

#endif
