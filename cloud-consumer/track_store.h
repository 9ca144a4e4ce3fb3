/* track_store.h - what the cloud's tracks want of their store; reached as store->tracks.
 *
 * Verbs work inside the transaction of evidence_store.h and answer with the same errors. A state is
 * kept as its canonical bytes (common/data/track_codec.h). A track that the horizon has emptied is
 * dead: its row stays, without a change number and not counted in any digest, as long as the
 * archive speaks of it.
 *
 * The archive holds each state that reached the cloud, as it came. Its rows are immutable; they go
 * only by age, and the store itself refuses to delete one received after meta.archive_from_ms.
 * Rows of one track are a chain, each naming the one before it, so that adding one writes at the
 * end of the table and nowhere else: an index by track would dirty a page for each track. */
#ifndef HOLDFAST_CLOUD_CONSUMER_TRACK_STORE_H
#define HOLDFAST_CLOUD_CONSUMER_TRACK_STORE_H

#include "cloud-consumer/evidence_store.h"
#include "common/data/replica_digest.h"
#include "common/data/track_codec.h"

/* Sums over all tracks, so that nobody ever has to count: saved with each change of them. */
struct track_meta {
    uint64_t counter;        /* newest change number */
    uint64_t horizon;        /* never goes down */
    uint64_t count;          /* live tracks */
    uint64_t archived;       /* rows of the archive */
    int64_t archive_last;    /* number of its newest row, 0: none ever */
    int64_t archive_from_ms; /* rows received before may go; never goes down */
    struct track_digests digests;
};

struct track_row {
    int64_t id; /* 0: not in the store */
    struct level_name name;
    uint8_t bucket;    /* track_bucket */
    uint64_t change;   /* 0: dead */
    uint64_t newest;   /* track_newest_stamp */
    uint64_t oldest;   /* a horizon above it changes the state */
    int64_t taught_by; /* the node whose batch made it exactly this; 0: nobody knows it like that */
    uint64_t hash;     /* track_hash */
    int64_t archived;  /* its newest row in the archive, 0: none */
    struct bytes state;
};

struct track_archive_row {
    int64_t id;
    int64_t track;
    int64_t previous; /* of this track, 0: none */
    int64_t node;     /* row id of the node that sent it */
    int64_t received_ms;
    uint64_t newest;
    bool has_position; /* of the state's view */
    int32_t latitude_e7, longitude_e7;
    struct bytes state;
};

/* What the tracks that an edge acknowledged were chosen by: when its interest or its groups change,
 * also while it is away, its cursor does not say any more what it has. */
struct track_served {
    int64_t node;
    uint64_t interest;
    uint64_t mates; /* hash of the nodes that share a group with it; 0 unless groups are meant */
};

/* In what order live rows are visited; all but IN_BUCKET begin behind a place. */
enum track_order {
    TRACKS_BY_CHANGE, /* change > after */
    TRACKS_BY_NEWEST, /* newest first: (newest, id) < (newest, id) */
    TRACKS_BY_ID,     /* id > id; the dead as well */
    TRACKS_BY_NAME,   /* name > name */
    TRACKS_IN_BUCKET, /* likewise, in one bucket */
    TRACK_ORDER_COUNT,
};

struct track_scan {
    enum track_order order;
    uint64_t change;
    uint64_t newest;
    int64_t id;
    struct level_name name;
    uint8_t bucket;
    unsigned limit; /* rows */
};

/* The row's state is borrowed until the visitor returns. It must not call the store. False: enough.
 */
typedef bool track_visit(void *context, const struct track_row *row);
typedef bool track_archive_visit(void *context, const struct track_archive_row *row);

struct track_store_verbs {
    enum status (*meta_get)(struct evidence_store *store, struct track_meta *out);
    enum status (*meta_save)(struct evidence_store *store, const struct track_meta *meta);

    /* state: gets the bytes; out->state points to them. */
    enum status (*find)(struct evidence_store *store, const struct level_name *name,
                        struct buf *state, struct track_row *out);
    enum status (*get)(struct evidence_store *store, int64_t id, struct buf *state,
                       struct track_row *out);
    enum status (*add)(struct evidence_store *store, struct track_row *row); /* sets row->id */
    enum status (*save)(struct evidence_store *store, const struct track_row *row);
    /* Only where its newest row in the archive is now. */
    enum status (*save_archived)(struct evidence_store *store, int64_t id, int64_t archived);
    enum status (*drop)(struct evidence_store *store, int64_t id);
    /* ST_TAMPERED: a row cannot be read. */
    enum status (*scan)(struct evidence_store *store, const struct track_scan *scan,
                        track_visit *visit, void *context);

    enum status (*served_get)(struct evidence_store *store, int64_t node, struct track_served *out);
    enum status (*served_put)(struct evidence_store *store, const struct track_served *row);

    enum status (*archive_add)(struct evidence_store *store, const struct track_archive_row *row);
    enum status (*archive_get)(struct evidence_store *store, int64_t id, struct buf *state,
                               struct track_archive_row *out);
    /* (newest, id) > (newest, id), ascending. */
    enum status (*archive_scan)(struct evidence_store *store, uint64_t newest, int64_t id,
                                unsigned limit, track_archive_visit *visit, void *context);
    /* Deletes the oldest rows, at most `limit` of those received before meta's archive_from_ms,
     * and dead tracks that have none left. */
    enum status (*archive_purge)(struct evidence_store *store, int64_t before_ms, unsigned limit,
                                 uint64_t *deleted);
};

/* TRACKS(cloud, find, &name, &state, &row) */
#define TRACKS(owner, verb, ...) ((owner)->store->tracks->verb((owner)->store, __VA_ARGS__))

#endif
