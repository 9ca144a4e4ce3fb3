/* apply.h - what comes down from the cloud: acknowledgements, hello replies, range requests, and
 * whether a consumer is there; tracks, config and refusals are proved here and handed on.
 *
 * Nothing is believed that is not signed by the trusted cloud key for exactly this topic. What
 * takes effect by being fresh (a lower acknowledgement after a restore, a request to send again)
 * must echo this connection's nonce. An acknowledgement counts when its counter is above the one
 * held of the same store; a store that names ours as its previous one takes over; a store that
 * was taken over never counts again. */
#ifndef HOLDFAST_EDGE_BRIDGE_APPLY_H
#define HOLDFAST_EDGE_BRIDGE_APPLY_H

#include "common/base/ids.h"
#include "common/port/effect.h"
#include "common/port/event.h"
#include "common/store/db.h"

struct edge;

enum {
    APPLY_FIND_ACK,
    APPLY_SAVE_ACK,
    APPLY_SUPERSEDE,
    APPLY_STATEMENT_COUNT,
};

struct apply {
    struct statement *statements[APPLY_STATEMENT_COUNT];
    bool has_store;
    struct store_id store; /* whose acknowledgements count */
    uint64_t counter;      /* of the newest one held */
};

MUST_USE enum status apply_open(struct edge *edge);
void apply_close(struct edge *edge);

/* A message on the cloud link. Bad frames are counted, never an error. */
MUST_USE enum status apply_message(struct edge *edge, const struct mqtt_message *message,
                                   struct effects *effects);
/* The newest acknowledgement of the store that counts, as the cloud's signed frame, copied to out
 * (empty when there is none). */
MUST_USE enum status apply_held_ack(struct edge *edge, struct buf *out);

#endif
