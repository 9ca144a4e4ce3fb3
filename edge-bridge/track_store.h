/* track_store.h - the edge's tracks at rest: one row a track, its canonical bytes, and where it
 * stands in the sending order.
 *
 * Every change of a state gets the store's next change number; a row is pending while its change is
 * above what the cloud acknowledged (the cursor) and it was not the cloud that taught it. Numbers
 * mean something under a numbering (random, drawn anew when the cloud knows numbers of ours that we
 * do not: we were restored from a backup).
 *
 * The horizon is applied when a state is read: what it kills is gone for every reader at once, and
 * rows of which nothing is left are deleted little by little. A row whose bytes do not decode was
 * damaged on the disk: it is forgotten with an alarm and under a new incarnation, and the next
 * repair brings the cloud's copy back. */
#ifndef HOLDFAST_EDGE_BRIDGE_TRACK_STORE_H
#define HOLDFAST_EDGE_BRIDGE_TRACK_STORE_H

#include "common/data/replica_digest.h"
#include "common/data/track.h"
#include "common/store/db.h"
#include "edge-bridge/clock.h"

struct edge;

struct track_row {
    int64_t id; /* 0: not in the store */
    struct level_name name;
    uint64_t change;
    bool taught;         /* the state is exactly what the cloud sent: nothing to send back */
    uint64_t newest;     /* track_newest_stamp */
    struct done_at done; /* our own last observation; zero: none */
    /* As stored, for the sums; track_store_put keeps them. */
    bool pending;
    uint32_t state_bytes;
};

enum {
    TRACK_GET,
    TRACK_INSERT,
    TRACK_UPDATE,
    TRACK_DELETE,
    TRACK_RENUMBER,
    TRACK_NEXT_CHANGE,
    TRACK_NEXT_NAME,
    TRACK_NEXT_IN_BUCKET,
    TRACK_NEXT_OWN,
    TRACK_ALL,
    TRACK_SUMS,
    TRACK_LAST_CHANGE,
    TRACK_COUNT_CHANGES,
    TRACK_ACTIVE_WAITS,
    TRACK_OLD_WAITS,
    TRACK_OLDEST_KNOWN,
    TRACK_OLDEST,
    TRACK_STATEMENT_COUNT,
};

struct track_store {
    struct statement *statements[TRACK_STATEMENT_COUNT];
    uint8_t *scratch;         /* TRACK_BYTES_MAX: a state on its way to a row or a hash */
    struct track *track;      /* likewise, out of its row */
    uint32_t numbering;       /* of the change numbers */
    uint32_t incarnation;     /* of this node as a writer of tracks */
    uint64_t counter;         /* newest change number */
    uint64_t waiting;         /* at or above the newest change that the cloud did not teach */
    uint64_t cursor;          /* acknowledged by the cloud */
    uint64_t horizon;         /* applied here */
    uint64_t evicted_through; /* greatest newest stamp of an evicted track: repair only above it */
    uint64_t count, bytes;    /* of rows, and what they take */
    uint64_t pending;         /* rows */
    uint64_t evicted;         /* tracks, since the process began */
    uint64_t evicted_unacked; /* historical ones given up over the byte budget, ever */
    uint64_t damaged;         /* rows forgotten */
};

MUST_USE enum status track_store_open(struct edge *edge);
void track_store_close(struct edge *edge);

/* Reads and decodes. ST_NOT_FOUND: *track is the least state and row->id 0. */
MUST_USE enum status track_store_get(struct edge *edge, const struct level_name *name,
                                     struct track_row *row, struct track *track);
/* Writes a changed state under the next change number. An empty state deletes the row. */
MUST_USE enum status track_store_put(struct edge *edge, struct track_row *row,
                                     const struct track *track);
MUST_USE enum status track_store_delete(struct edge *edge, struct track_row *row);
/* The state stands, but it is to be sent, after all that waits now. */
MUST_USE enum status track_store_touch(struct edge *edge, struct track_row *row);
/* The cloud turned out to hold exactly this state. */
MUST_USE enum status track_store_mark_taught(struct edge *edge, struct track_row *row);

/* The first row that the cloud did not teach, with a change above `after`, in the order of change.
 * ST_NOT_FOUND. */
MUST_USE enum status track_store_next_change(struct edge *edge, uint64_t after,
                                             struct track_row *row, struct track *track);
/* In the order of names, above `after`. ST_NOT_FOUND. */
MUST_USE enum status track_store_next_name(struct edge *edge, const struct level_name *after,
                                           struct track_row *row, struct track *track);
/* The same within one bucket of the digest. */
MUST_USE enum status track_store_next_in_bucket(struct edge *edge, uint8_t bucket,
                                                const struct level_name *after,
                                                struct track_row *row, struct track *track);
/* Rows observed here, with a newest stamp above `above`, in the order of row ids above after_id. */
MUST_USE enum status track_store_next_own(struct edge *edge, int64_t after_id, uint64_t above,
                                          struct track_row *row, struct track *track);
/* A row that waits to be sent, with a change above `after` and a newest stamp at or above
 * `stamp` (active) or below it (old)? */
MUST_USE enum status track_store_active_waits(struct edge *edge, uint64_t after, uint64_t stamp,
                                              bool *yes);
MUST_USE enum status track_store_old_waits(struct edge *edge, uint64_t stamp, bool *yes);

/* Up to `max` rows with a newest stamp below `below`, oldest first, without their states;
 * known_only: those that the cloud has. */
MUST_USE enum status track_store_oldest(struct edge *edge, uint64_t below, bool known_only,
                                        struct track_row *rows, size_t max, size_t *count);

MUST_USE enum status track_store_save_cursor(struct edge *edge, uint64_t cursor);
/* Also takes a new incarnation: what a restored store has forgotten it must not cover. */
MUST_USE enum status track_store_new_numbering(struct edge *edge);
MUST_USE enum status track_store_new_incarnation(struct edge *edge);
MUST_USE enum status track_store_save_horizon(struct edge *edge, uint64_t horizon);
MUST_USE enum status track_store_save_evicted(struct edge *edge);

/* Is it in the edge's interest, so that the cloud's replica of us holds it too? */
bool track_store_within_interest(const struct edge *edge, const struct track *track);
/* As in a digest; the track is not empty. */
uint64_t track_store_hash(struct edge *edge, const struct level_name *name,
                          const struct track *track);
/* Over the tracks within `interest` whose newest stamp is not below `since`; everything: whatever
 * the interest. */
MUST_USE enum status track_store_digests(struct edge *edge, uint64_t since, bool everything,
                                         struct track_digests *out);

#endif
