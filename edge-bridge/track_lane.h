/* track_lane.h - tracks on their way up, and what is known of the way down.
 *
 * A batch holds the current state of the tracks changed since the last one, so however many updates
 * an outage held, each track travels once. Batches follow the change numbers; `sent` runs ahead of
 * the store's cursor, which only the cloud's acknowledgement moves; a lost connection puts `sent`
 * back. When historical tracks wait in front of active ones, they are given new numbers behind
 * them: active ones first. While little changes, a batch waits track_interval_ms for company.
 *
 *   1 ... cursor ... sent ... scan ... counter
 *         | in flight | passed over | waiting |
 *
 * Repair (repair_msg.h) runs when the cloud does not know our numbering, or once a day. In the
 * first case what waits is not sent at once: digests are compared, what the cloud wants is given
 * new numbers and sent, and digests that are equal let the cloud set its cursor. When that does not
 * come about after REPAIR_TRIES_MAX comparisons, everything is sent after all. An edge without
 * interest in the cloud's tracks has nothing to compare: it sends all of its own again.
 *
 * With another interest an edge lacks what the claims of the cloud passed over: its down cursor
 * goes back to the beginning. (Of other nodes in its groups the cloud takes notice.) */
#ifndef HOLDFAST_EDGE_BRIDGE_TRACK_LANE_H
#define HOLDFAST_EDGE_BRIDGE_TRACK_LANE_H

#include "common/port/effect.h"
#include "common/wire/ack_msg.h"
#include "common/wire/repair_msg.h"
#include "common/wire/track_msg.h"

struct edge;

enum {
    TRACK_WIRE_TYPICAL = 64,  /* bytes: to guess how many tracks a frame takes */
    TRACK_REORDER_MAX = 1024, /* rows given new numbers at once */
    REPAIR_TRIES_MAX = 3,
    REPAIR_ROUNDS_MAX = 3,     /* then the next period's repair goes on */
    REPAIR_AGAIN_TIMEOUTS = 4, /* of an acknowledgement, until digests are compared again */
};

struct track_lane {
    struct track_batch_writer *writer;
    uint8_t *records; /* its scratch, BODY_SIZE_MAX */
    struct track_ids *ids;
    struct track_want *want;
    uint64_t sent;             /* change number up to which batches claim */
    uint64_t scan;             /* up to which rows were looked at: sent, or above */
    uint64_t skip_through;     /* not 0: up to here it is the repair that finds what to send */
    uint64_t reorder_through;  /* historical rows up to here go behind active ones */
    uint64_t sent_mono_ns;     /* when the last batch was framed */
    bool backlog;              /* it was full */
    bool more;                 /* stopped before anything could be framed */
    bool repair_due;           /* digests are to be sent */
    bool repair_asked;         /* they were, on the connection of */
    struct nonce repair_nonce; /* this nonce, and the comparison is not at its end */
    unsigned repair_rounds;    /* answers in a row that named a difference */
    unsigned repair_tries;     /* comparisons since the numbering turned out unknown */
    uint64_t repair_mono_ns;   /* when the next repair is due */
    bool listing;              /* buckets that differ are still to be listed */
    struct track_differs differs;
    unsigned list_bucket;
    struct level_name list_after;
    bool has_down;
    struct store_id down_store; /* whose changes we have, and */
    uint64_t down_cursor;       /* up to which; durable */
    uint64_t batches, repairs;  /* framed, and digests sent, since the process began */
};

MUST_USE enum status track_lane_open(struct edge *edge);
void track_lane_close(struct edge *edge);
void track_lane_restart(struct edge *edge); /* a new connection, or all is to be sent again */
/* What was sent and is not acknowledged goes again. */
void track_lane_rewind(struct edge *edge);
/* The hello was answered: batches may go. */
MUST_USE enum status track_lane_start(struct edge *edge);
/* Frames the next batch, digests or ids when due; *sent false: nothing is due now. Called by the
 * outbox while its window is open. */
MUST_USE enum status track_lane_next(struct edge *edge, struct effects *effects, bool *sent);
/* The mode of sync_run.h may be another now: historical tracks wait, or are due again. */
void track_lane_mode_changed(struct edge *edge);
/* Something waits that track_lane_next would send at once. */
bool track_lane_ready(const struct edge *edge);
/* What the acknowledgement says of our tracks. adopted: of a store that takes over: the cursor may
 * go down. */
MUST_USE enum status track_lane_acked(struct edge *edge, const struct ack *ack, bool adopted);
/* This node was restored from a backup, or cloned: its numbers mean something else by now. */
MUST_USE enum status track_lane_restored(struct edge *edge);
MUST_USE enum status track_lane_differs(struct edge *edge, struct bytes body);
MUST_USE enum status track_lane_want(struct edge *edge, struct bytes body);
uint64_t track_lane_wakeup(const struct edge *edge);
/* Writes down what we have of the cloud's changes. */
MUST_USE enum status track_lane_save_down(struct edge *edge);

/* track_repair.c: the part of the lane that compares. */

/* The cloud does not know our numbering, or lost what it had acknowledged. */
void track_repair_begin(struct edge *edge);
MUST_USE enum status track_repair_next(struct edge *edge, struct effects *effects, bool *sent);
bool track_repair_is_due(const struct edge *edge);

#endif
