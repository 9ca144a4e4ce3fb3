/* outbox.h - what goes to the cloud next, and what is on its way.
 *
 * The outbox holds cursors, not copies: entries stay where they are stored, and nothing but the
 * cloud's signed acknowledgement moves them out (not a PUBACK: the broker can lose all it holds).
 *
 *   1 ... delivered ... next ... head          of the log that is being sent
 *         |  in flight  |  waiting  |
 *
 * Logs are sent oldest first; a later one starts when the one before is framed to its end. Critical
 * entries (P0, LOSS) overtake a backlog in frames of their own and travel again in their turn. A
 * lost connection, or an answer of the cloud that shows it without what was sent, puts `next` back
 * to delivered + 1. */
#ifndef HOLDFAST_EDGE_BRIDGE_OUTBOX_H
#define HOLDFAST_EDGE_BRIDGE_OUTBOX_H

#include "common/data/tree.h"
#include "common/port/effect.h"
#include "common/wire/ack_msg.h"
#include "common/wire/control_entry.h"
#include "common/wire/envelope.h"
#include "common/wire/evidence_msg.h"
#include "edge-bridge/evidence_read.h"
#include "edge-bridge/pace.h"
#include "topics/topics.h"

enum {
    FLIGHTS_MAX = 256,
    ABOVE_MAX = 64,
    OUTBOX_LINGER_NS = 5 * 1000000, /* a frame that is not full waits so long for company */
    COMPRESS_JUDGED_BYTES = 4096,   /* smaller bodies tell nothing about the payloads */
    COMPRESS_PAUSE_FRAMES = 32,
    PROBES_BEFORE_RECONNECT = 3,
    HELLO_AGAIN_TIMEOUTS = 3, /* an unanswered hello is said again after so many timeouts */
    ENTRY_WIRE_TYPICAL = 300, /* bytes: to guess how many entries a frame takes */
    FLIGHT_NO_LOG = -1,
};

enum flight_kind {
    FLIGHT_RUN,
    FLIGHT_AHEAD,
    FLIGHT_PART,
    FLIGHT_TRACKS, /* first, last: change numbers */
    FLIGHT_CONFIG, /* first, last: operation numbers */
    FLIGHT_NOTE,   /* needs no acknowledgement of the cloud's */
};

/* What shares the link; see the .c file for how. */
enum lane { LANE_EVIDENCE, LANE_TRACKS, LANE_CONFIG, LANE_COUNT };

/* One frame that the cloud has not acknowledged yet. */
struct flight {
    enum flight_kind kind;
    int64_t log; /* row id; FLIGHT_NO_LOG: of another lane; 0: acknowledged already */
    uint64_t first, last;
    uint32_t part;  /* FLIGHT_PART */
    uint32_t bytes; /* of the frame */
    uint32_t token;
    bool waits_for_puback;
    struct pace_mark mark;
    uint32_t entries[PRIORITY_COUNT]; /* FLIGHT_RUN: what delivery takes off the tallies */
    uint64_t payload_bytes[PRIORITY_COUNT];
};

enum {
    OUTBOX_CRITICAL,
    OUTBOX_COUNT_RANGE,
    OUTBOX_LOST_AT,
    OUTBOX_STATEMENT_COUNT,
};

struct outbox {
    struct statement *statements[OUTBOX_STATEMENT_COUNT];
    size_t flight_count;
    struct flight flights[FLIGHTS_MAX];
    uint32_t flight_bytes;
    uint32_t next_token;
    uint32_t compress_pause; /* frames until compressing is tried again */
    struct pace pace;
    uint64_t served[LANE_COUNT]; /* virtual finishing time of each lane, in bytes over its weight */
    uint64_t virtual_time;

    bool placed;             /* the cursor below is valid */
    struct log_row log;      /* that is being sent */
    uint64_t next;           /* sequence to be framed next */
    struct digest prev_hash; /* of next - 1 */
    struct tree tree;        /* of size next - 1 */
    uint32_t part_next;      /* of the large payload at next */
    uint64_t ahead_position; /* critical entries up to here were sent ahead on this connection */

    int64_t above_log; /* what the cloud said it holds out of order, of one log */
    size_t above_count;
    struct sequence_range above[ABOVE_MAX];

    uint64_t run_sent_mono_ns; /* when the last run was framed */
    uint64_t linger_until_ns;  /* 0: nothing waits for company */
    uint64_t progress_mono_ns; /* last time an ack moved something, or sending began */
    bool probing;              /* a hello was sent because nothing moved */
    uint32_t probes;           /* unanswered, in a row */
    uint64_t probe_mono_ns;    /* when the last one was sent */
    bool more;                 /* the effects were full before the window was */
    bool rejected;             /* the broker refused a frame: sent again after a pause */

    bool damage_found; /* an entry that cannot be sent; made good by a LOSS entry */
    int64_t damage_log;
    uint64_t damage_sequence;
    bool damage_payload_only;

    struct loss loss_scratch;
    uint8_t *entries_scratch;             /* BODY_SIZE_MAX */
    struct evidence_entry *ahead_scratch; /* AHEAD_ENTRIES_MAX */
    struct buf ahead_payloads;
};

struct edge;

MUST_USE enum status outbox_open(struct edge *edge);
void outbox_close(struct edge *edge);

/* A new connection: nothing is in flight, sending starts behind what is delivered. */
void outbox_restart(struct edge *edge);
/* The same on a living connection, after the cloud showed that it lacks what was sent. */
void outbox_rewind(struct edge *edge);
/* The cloud asks for from..to of a log. */
MUST_USE enum status outbox_resend(struct edge *edge, const struct log_id *log, uint64_t from);

/* Fill the window. Call it after the flush, in the same transaction. */
MUST_USE enum status outbox_fill(struct edge *edge, struct effects *effects);

/* PUBACK or refusal of one of our frames. */
void outbox_sent(struct edge *edge, uint32_t token, bool accepted);
size_t outbox_waiting_for_puback(const struct edge *edge);

/* The cloud holds entries 1..acked of this log (hash compared); delivered may be higher. Takes them
 * off the tallies and the window. */
MUST_USE enum status outbox_delivered(struct edge *edge, struct log_row *log, uint64_t acked,
                                      uint64_t delivered);
/* The cloud lost entries it had acknowledged (restored from a backup): acked and delivered go
 * down. */
MUST_USE enum status outbox_undelivered(struct edge *edge, struct log_row *log, uint64_t acked,
                                        uint64_t delivered);
/* The cloud's words on one log beyond its size: ranges above, staged parts. */
void outbox_heard(struct edge *edge, const struct log_row *log, const struct ack *ack,
                  const struct ack_log *said);

/* The cloud has taken all of this lane up to here. */
void outbox_lane_acked(struct edge *edge, enum flight_kind kind, uint64_t through);
/* A frame of another lane than evidence. */
MUST_USE enum status outbox_send_lane(struct edge *edge, struct effects *effects,
                                      enum flight_kind kind, enum topic_id topic,
                                      enum frame_kind frame, struct bytes body, uint64_t first,
                                      uint64_t last);
/* The size to aim at, of a body, on this link. */
uint32_t outbox_frame_bytes(const struct edge *edge);

/* True when a frame that was sent before the last probe is still unacknowledged. */
bool outbox_sent_before_probe(const struct edge *edge);

/* Writes the LOSS entry for damage that was found while framing; before anything else of a step. */
MUST_USE enum status outbox_mend(struct edge *edge);

uint64_t outbox_wakeup(const struct edge *edge);

/* Used by framer.c and session.c: a signed frame as a PUBLISH effect. */
MUST_USE enum status outbox_publish(struct edge *edge, struct effects *effects, enum topic_id topic,
                                    enum frame_kind kind, struct bytes body, bool retain,
                                    uint32_t *token, uint32_t *frame_bytes);

/* framer.c: one frame from the cursor on. *sent = false when there is nothing to send now. */
MUST_USE enum status framer_next(struct edge *edge, struct effects *effects, bool *sent);
/* Critical entries behind the cursor's next frame, if any were not sent ahead yet. */
MUST_USE enum status framer_ahead(struct edge *edge, struct effects *effects);
/* Is there critical evidence in the open log that the cloud is not known to hold and that can go
 * ahead? */
MUST_USE enum status framer_critical_waits(struct edge *edge, bool *waits);
bool outbox_window_open(const struct edge *edge);
struct flight *outbox_add_flight(struct edge *edge, enum flight_kind kind, uint32_t token,
                                 uint32_t frame_bytes);

#endif
