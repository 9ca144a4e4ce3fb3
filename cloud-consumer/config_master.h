/* config_master.h - the config master: admits writes, joins them, publishes the outcome.
 *
 * config_master.c  memory, the join of one register with its history, what holds for a node
 * config_admit.c   a node's writes, one by one: number, stamp, epoch, authority, schema
 * config_publish.c retained registers: everything once a session, then what changes; what edges
 *                  lack again
 * config_rules.c   who may write which key, and its type
 * config_write.c   the operator's own writes, raise-epoch
 * config_report.c  the operator's verbs: dispatch, and those that read
 * node_groups.c    the groups that nodes are in
 * roster.c         the signed list of nodes */
#ifndef HOLDFAST_CLOUD_CONSUMER_CONFIG_MASTER_H
#define HOLDFAST_CLOUD_CONSUMER_CONFIG_MASTER_H

#include "cloud-consumer/evidence_store.h"
#include "cloud-consumer/node_sync.h"
#include "common/port/effect.h"
#include "common/port/event.h"

struct cloud;
struct cloud_config; /* scratch memory, publishing cursors; opened and closed with the engine */

MUST_USE enum status cloud_config_open(struct cloud *cloud);
void cloud_config_close(struct cloud *cloud);

/* FRAME_CONFIG, FRAME_CONFIG_HAVE, FRAME_CONFIG_HELD of an authentic node. A bad body: ST_MALFORMED
 * (the caller counts it and owes the NACK). */
MUST_USE enum status cloud_config_writes(struct cloud *cloud, const struct node_row *node,
                                         struct bytes body);
MUST_USE enum status cloud_config_have(struct cloud *cloud, const struct node_row *node,
                                       struct bytes body);
MUST_USE enum status cloud_config_held(struct cloud *cloud, const struct node_row *node,
                                       struct bytes body);
/* What holds for this node: fleet, its groups, itself. */
MUST_USE enum status cloud_config_summary(struct cloud *cloud, const struct node_row *node,
                                          struct config_summary *out);
/* The link came up: all registers and the roster are due when the broker has no session of ours. */
void cloud_config_link_up(struct cloud *cloud, bool session_present);
/* A publish was acknowledged by the broker, or will not be; any token may be given. */
void cloud_config_sent(struct cloud *cloud, uint32_t token, bool arrived);
/* Publishes what is due while the link's window and the effects have room. */
MUST_USE enum status cloud_config_fill(struct cloud *cloud, struct effects *effects);
uint64_t cloud_config_wakeup(const struct cloud *cloud);
/* Verbs config-*, node-set; see cloud.h. */
MUST_USE enum status cloud_config_verb(struct cloud *cloud, uint32_t client,
                                       struct effects *effects);

/* roster.c. The roster changed (a node was added, revoked, regrouped): next version, published. */
MUST_USE enum status cloud_roster_changed(struct cloud *cloud);
/* The same with a version above this one. After a restore from a backup the nodes go by rosters
 * with greater versions than ours, and would take ours for old ones. */
MUST_USE enum status cloud_roster_lift(struct cloud *cloud, uint64_t above);
enum { ROSTER_STEP_RESTORED = 1000 }; /* more changes than any node could have seen meanwhile */
uint64_t cloud_roster_version(const struct cloud *cloud);
void cloud_roster_due(struct cloud *cloud); /* publish it again soon */
/* The node's groups, ascending. */
MUST_USE enum status cloud_node_groups(struct cloud *cloud, int64_t node,
                                       struct level_name out[NODE_GROUPS_MAX], size_t *count);

#endif
