/* config_edge.h - config at the edge: local writes, what the cloud publishes, and the value that
 * counts, republished for the applications on the node.
 *
 * A local write takes effect here at once and waits, numbered, for the cloud's judgement; admitted
 * it becomes part of the register, refused it no longer counts and says why. The scopes that hold
 * for this node are fleet, its groups (from the roster) and node/{self}. The value that counts for
 * a key (config_effective) is kept retained on local/config/{key}:
 *   {"key","value","type","scope","time","node","pending"}, or empty when there is none any more.
 * What becomes of a local write goes to its response topic: {"key","status":"ok","scope"} or
 * {"key","status","reason"}; that the cloud refused it later is told by `config list`.
 *
 * Retained topics are a fast path, never the only one: when the cloud's digests (hello reply) and
 * ours differ after the retained messages have come in, the keys of that scope are listed
 * (FRAME_CONFIG_HAVE), and the cloud publishes what differs. A cloud that lost registers to a
 * restore gets its own signed frames of them back (FRAME_CONFIG_HELD). */
#ifndef HOLDFAST_EDGE_BRIDGE_CONFIG_EDGE_H
#define HOLDFAST_EDGE_BRIDGE_CONFIG_EDGE_H

#include "common/port/effect.h"
#include "common/port/event.h"
#include "common/wire/ack_msg.h"
#include "common/wire/config_msg.h"
#include "common/wire/control_msg.h"
#include "common/wire/repair_msg.h"
#include "common/wire/roster_msg.h"
#include "common/wire/state_msg.h"

struct edge;

enum {
    CONFIG_HELD_MAX = 32,       /* registers that wait to be given back to the cloud */
    CONFIG_QUIET_MS = 1000,     /* no register for so long: the retained ones have come in */
    CONFIG_LOCAL_SLICE = 256,   /* local values published in one go, and the */
    CONFIG_LOCAL_PAUSE_MS = 20, /* pause behind them, so that the link's queue can empty */
    CONFIG_LOCAL_TOKEN = 1,     /* of publishes to the local broker: says which came to nothing */
};

/* The listing of what is held, scope by scope; scope == config_scope_count: nothing is listed. */
struct config_listing {
    size_t scope;
    struct level_name after;
    bool giving_back; /* the scope's keys were listed; its frames are given back */
};

struct config_edge {
    struct buf memory, memory_two; /* FRAME_SIZE_MAX each: contents, one at a time */
    struct config_writes_writer writes;
    void *packed; /* its scratch, BODY_SIZE_MAX */
    struct config_have *have;
    struct roster *roster;   /* the last one heard; the one that counts when its version is this: */
    uint64_t roster_version; /* durable, as are the groups */
    size_t group_count;
    struct level_name groups[NODE_GROUPS_MAX]; /* ascending */

    uint64_t sent;              /* last operation of the frame on its way; 0: none is */
    struct config_summary told; /* by the cloud: what holds for this node */
    bool compare_due;           /* told is to be compared when the retained messages have come in */
    uint64_t heard_mono_ns;     /* when the last register came, or told */
    bool store_is_new;          /* the cloud was restored: it may lack what it had published */
    bool repairing;             /* keys were listed on this connection: the cloud's answer counts */
    struct config_listing listing;
    size_t held_count;
    struct config_key held[CONFIG_HELD_MAX];

    bool local_due;                /* local values are to be looked through for changes */
    bool local_all;                /* and published even when they did not change */
    struct level_name local_after; /* up to this key they were */
    uint64_t local_mono_ns;        /* when the next slice is due */
    uint64_t refused;              /* local writes not accepted, here or at the cloud */
    uint64_t ignored;              /* the cloud's registers that could not be used */
};

MUST_USE enum status config_edge_open(struct edge *edge);
void config_edge_close(struct edge *edge);

/* ---- Scopes, registers, roster (config_edge.c) ----------------------------------------------- */

/* Does this scope hold for this node? */
bool config_scope_holds(const struct edge *edge, const struct config_scope *scope);
size_t config_scope_count(const struct edge *edge);
/* Fleet first, the groups, the node: ascending. index < config_scope_count. */
struct config_scope config_scope_at(const struct edge *edge, size_t index);
/* A register that the cloud published: scope and name must be those of the topic. frame: its whole
 * signed frame. */
MUST_USE enum status config_merge(struct edge *edge, struct bytes topic_scope,
                                  struct bytes topic_key, struct bytes body, struct bytes frame,
                                  struct effects *effects);
MUST_USE enum status config_roster(struct edge *edge, struct bytes body, struct effects *effects);
/* Filters for the scopes that hold for this node; at link up and when groups change. */
MUST_USE enum status config_subscribe(struct edge *edge, struct effects *effects);
/* What the hello's reply says of config; the clock was set by it before. */
MUST_USE enum status config_told(struct edge *edge, const struct config_summary *told,
                                 uint64_t roster_version);
/* What we hold, for the state report. */
MUST_USE enum status config_summary_of(struct edge *edge, struct config_summary *out);

/* ---- To the cloud (config_lane.c, config_repair.c) ------------------------------------------- */

void config_lane_restart(struct edge *edge);
void config_lane_start(struct edge *edge);
/* Frames writes, or the next piece of a repair; *sent false: nothing is due. */
MUST_USE enum status config_lane_next(struct edge *edge, struct effects *effects, bool *sent);
bool config_lane_ready(const struct edge *edge);
/* What the acknowledgement says of our writes. adopted: of a store that takes over. */
MUST_USE enum status config_lane_acked(struct edge *edge, const struct ack *ack, bool adopted,
                                       struct effects *effects);
/* This node was restored from a backup: the cloud has judged numbers that are given out again. */
MUST_USE enum status config_lane_restored(struct edge *edge);
/* Live writes with stamps above `above`, and those refused for their stamp, are stamped anew, in
 * order, under new numbers. */
MUST_USE enum status config_restamp(struct edge *edge, uint64_t above);
uint64_t config_wakeup(const struct edge *edge);

/* The cloud holds less than we do in this register: its own frame of it goes back when there is
 * room. */
void config_repair_hold(struct edge *edge, const struct config_key *key);
MUST_USE enum status config_repair_next(struct edge *edge, struct effects *effects, bool *sent);
bool config_repair_ready(const struct edge *edge);
uint64_t config_repair_wakeup(const struct edge *edge);

/* ---- To and from the applications (config_local.c, config_verbs.c) --------------------------- */

/* local/config/{key}/set. */
MUST_USE enum status config_message(struct edge *edge, const struct mqtt_message *message,
                                    struct effects *effects);
/* A local write; value.content may live in memory_two. ST_OK: it counts, and waits for the cloud.
 * Errors that a publisher is told, with a reason: ST_DENIED, ST_FULL, ST_FUTURE. */
MUST_USE enum status config_local_write(struct edge *edge, const struct config_key *key,
                                        const struct config_value *value, struct buf *reason,
                                        struct effects *effects);
/* The value of this key may be another one now: tells the local broker, now or soon. */
MUST_USE enum status config_local_changed(struct edge *edge, const struct level_name *name,
                                          struct effects *effects);
/* Any number of them may be. */
void config_local_sweep(struct edge *edge);
/* Publishes local values that are due, some a step. */
MUST_USE enum status config_local_fill(struct edge *edge, struct effects *effects);
/* The local link came up: everything is due again, and what the broker retains is looked at. */
MUST_USE enum status config_local_up(struct edge *edge, struct effects *effects);
/* A value on local/config/{key} that the local broker retained: when it is not what we said last
 * (the broker, or this node, is back from an older save), it is overwritten or cleared. */
MUST_USE enum status config_local_retained(struct edge *edge, const struct mqtt_message *message,
                                           struct effects *effects);
/* A publish with CONFIG_LOCAL_TOKEN came to nothing on a link that lives. */
void config_local_failed(struct edge *edge);
/* Verbs config-set, config-unset, config-get, config-list, clock; see the .c file. */
MUST_USE enum status config_verb(struct edge *edge, uint32_t client,
                                 const struct control_request *request, struct effects *effects);

#endif
