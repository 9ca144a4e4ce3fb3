/* state.h - tells the cloud what this edge holds and has applied (state_msg.h): after each hello,
 * and STATE_DELAY_MS after something of it changed. */
#ifndef HOLDFAST_EDGE_BRIDGE_STATE_H
#define HOLDFAST_EDGE_BRIDGE_STATE_H

#include "common/port/effect.h"

struct edge;

enum { STATE_DELAY_MS = 100 };

struct state {
    uint64_t due_mono_ns; /* 0: not due */
};

/* Something that the report tells has changed. */
void state_changed(struct edge *edge);
/* Sends it when due; called by the outbox. now: at once. */
MUST_USE enum status state_fill(struct edge *edge, struct effects *effects, bool now);
uint64_t state_wakeup(const struct edge *edge);

#endif
