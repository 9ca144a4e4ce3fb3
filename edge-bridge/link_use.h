/* link_use.h - whether the way to the cloud may be used now, and how much of it.
 *
 * The operator can pause it (which a restart remembers), windows can open it at certain times
 * (schedule.h), and a budget bounds the bytes a second that go up (budget.h). Outside a window the
 * connection itself is closed: on a metered link even an idle one costs. Critical evidence (P0)
 * opens it all the same, unless a setting says no; what else waits goes with it only while a window
 * is open. A pause holds back everything. */
#ifndef HOLDFAST_EDGE_BRIDGE_LINK_USE_H
#define HOLDFAST_EDGE_BRIDGE_LINK_USE_H

#include "common/port/effect.h"
#include "common/wire/control_msg.h"
#include "edge-bridge/budget.h"
#include "edge-bridge/schedule.h"

struct edge;

enum {
    BUDGET_RATE_MAX = 1000000000,
    LINK_REST_MS =
        2000, /* an override's connection closes when no critical evidence waited for so long */
};

struct link_use {
    struct schedule schedule;
    struct schedule_state look;
    uint64_t look_mono_ns;  /* when to look next */
    int64_t looked_wall_ns; /* at the last look: a jump of the clock is looked at once */
    uint64_t looked_mono_ns;
    bool in_window;
    bool paused;               /* durable */
    uint64_t critical_mono_ns; /* last time critical evidence waited */
    uint64_t critical_seen;    /* accepted when it was looked for last, and */
    uint64_t critical_due_ns;  /* when to look again */
    struct budget budget;
};

MUST_USE enum status link_use_open(struct edge *edge);
/* Looks at the windows; opens and closes the link. In every step, before session_tick. */
MUST_USE enum status link_use_tick(struct edge *edge, struct effects *effects);
/* May frames other than critical ones go now? */
bool link_use_allows(struct edge *edge);
/* A frame was framed. */
void link_use_spent(struct edge *edge, size_t payload_size, size_t topic_size);
uint64_t link_use_wakeup(const struct edge *edge);
/* The key of config that sets the budget of a running node: an int, bytes a second. */
#define LINK_BUDGET_KEY "holdfast.link-budget"
/* This key's value may have changed: the budget follows it, or the setting when it has none. */
MUST_USE enum status link_use_config(struct edge *edge, const struct level_name *key);

/* Verbs link-pause, link-resume, link-budget [rate=BYTES_PER_SECOND, 0: no limit; until the next
 * start]: one RECORD each. */
MUST_USE enum status link_use_verb(struct edge *edge, uint32_t client,
                                   const struct control_request *request, struct effects *effects);
/* "open", "paused by its operator", "outside its windows"...; never NULL. */
const char *link_use_words(const struct edge *edge);

#endif
