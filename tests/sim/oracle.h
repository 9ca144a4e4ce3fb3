/* oracle.h - what must be true in every world, whatever went wrong.
 *
 * While it runs:
 *   'a receipt is durable'           after each restart of an edge, every entry that a publisher
 *                                    holds a receipt for is on its disk with the same hash
 *   'an ack is durable'              after each restart of the cloud, everything that any
 *                                    acknowledgement said is on its disk with the same hash
 *   'a repeat gets the first receipt' two receipts for one publisher id name one entry
 *   'one store id'                   the cloud changes it only when it was restored
 *   'queues are bounded'             inboxes, tokens, effects
 * At rest, after the healing:
 *   'everything is acknowledged'     in bounded time, no entry pending
 *   'the cloud holds each chain'     byte for byte what the edges signed, from entry 1 on
 *   'exactly once'                   every publisher's record is in the cloud once
 *   'no fork, nothing rejected'      unless a node was restored or cloned
 *   'verify'                         the verbs of edge and cloud find every log whole
 * Of tracks see oracle_tracks.c, of config and clocks oracle_config.c. */
#ifndef HOLDFAST_TESTS_SIM_ORACLE_H
#define HOLDFAST_TESTS_SIM_ORACLE_H

#include "common/base/trace.h"
#include "common/port/effect.h"
#include "common/wire/control_msg.h"

struct db;
struct sighting;
struct config_deed;
struct world;
struct sim_node;
struct sim_publisher;
struct oracle;

struct oracle *oracle_open(struct world *world);
void oracle_close(struct oracle *oracle);

/* A publisher was handed a receipt with ST_OK. */
void oracle_receipt(struct oracle *oracle, struct sim_publisher *publisher, size_t record,
                    const struct receipt *receipt);
/* The effects of a node are being performed. */
void oracle_effect(struct oracle *oracle, struct sim_node *node, const struct effect *effect);
/* A line of a node's trace. */
void oracle_trace(struct oracle *oracle, struct sim_node *node, enum trace_level level,
                  const char *line);
/* The node's disk, before an engine opens it again. */
void oracle_disk(struct oracle *oracle, struct sim_node *node);
/* Its disk was copied: what a restore would bring back. */
void oracle_backed_up(struct oracle *oracle, struct sim_node *node);
/* The node's disk was replaced by an older copy: what came later is lawfully gone. */
void oracle_restored(struct oracle *oracle, struct sim_node *node);
/* What a story makes lawful, because it lies to a node, clones it or restores it. */
enum trouble {
    TROUBLE_ALARM = 1,   /* alarms in the trace */
    TROUBLE_REFUSED = 2, /* frames that the cloud refuses */
    TROUBLE_BRANCH = 4,  /* forks: entries may lie beside the chain */
    TROUBLE_AGAIN = 8,   /* a node that forgot takes a record a second time */
    TROUBLE_STALE = 16,  /* frames that were lawful once come again */
};
void oracle_expect(struct oracle *oracle, unsigned troubles);

/* oracle_tracks.c. An observation is handed in; what became of it is known only from a receipt. */
void oracle_observed(struct oracle *oracle, struct sim_node *node, const struct sighting *sighting);
void oracle_observe_receipt(struct oracle *oracle, unsigned number, enum status status);
/* The node's next commit of this track may remove it. */
void oracle_removes(struct oracle *oracle, const struct sim_node *node, unsigned track);
/* The node's batch was committed; its process has opened its store. */
void oracle_committed(struct oracle *oracle, struct sim_node *node);
void oracle_started(struct oracle *oracle, struct sim_node *node);

/* oracle_config.c. A write is handed in, and answered. */
void oracle_writes(struct oracle *oracle, const struct config_deed *deed);
void oracle_wrote(struct oracle *oracle, unsigned number, enum status status);
/* The operator raises the epoch of this key. */
void oracle_epoch(struct oracle *oracle, const char *key);
/* The machine lost its power: its monotonic clock begins anew. */
void oracle_booted(struct oracle *oracle, const struct sim_node *node);
/* In the final checks only: as the cloud's groups are. */
bool oracle_share_a_group(struct oracle *oracle, const struct sim_node *a,
                          const struct sim_node *b);

/* After each batch. */
void oracle_bounds(struct oracle *oracle, struct sim_node *node);

/* True when every publisher has its receipts and every edge says that nothing is pending. */
bool oracle_at_rest(struct oracle *oracle);
/* The rest did not come in time: names what is left. */
void oracle_say_what_is_left(struct oracle *oracle);
/* All that must be true at rest. */
void oracle_final(struct oracle *oracle);

#endif
