/* roster_msg.h - who belongs to the system and to which groups (FRAME_ROSTER, cloud -> edges,
 * retained on cloud/roster).
 *
 * Array 3:
 *   0 version uint >= 1     grows with every change; an edge goes by the greatest one it has seen
 *   1 groups  array 0..ROSTER_GROUPS_MAX of text, ascending: each group named by a node below
 *   2 nodes   array 0..ROSTER_NODES_MAX of array 4, ascending by name:
 *       0 name text | 1 key nil | bin 32 | 2 revoked bool
 *       3 bin 0..NODE_GROUPS_MAX: indexes into groups, a byte each, ascending
 * Keys are left out (nil, of all nodes) when the frame would not hold them. */
#ifndef HOLDFAST_COMMON_WIRE_ROSTER_MSG_H
#define HOLDFAST_COMMON_WIRE_ROSTER_MSG_H

#include "common/base/bounds.h"
#include "common/base/ids.h"
#include "common/crypto/sign.h"
#include "common/wire/pack.h"

struct roster_node {
    struct node_name name;
    bool has_key;
    struct public_key key;
    bool revoked;
    size_t group_count;
    uint8_t groups[NODE_GROUPS_MAX]; /* indexes into the roster's groups, ascending */
};

/* About 120 KiB: allocate it once, at open. */
struct roster {
    uint64_t version;
    size_t group_count;
    struct level_name groups[ROSTER_GROUPS_MAX];
    size_t node_count;
    struct roster_node nodes[ROSTER_NODES_MAX];
};

/* Ask buf_ok(out). */
void roster_msg_encode(const struct roster *roster, struct buf *out);
/* Errors: ST_MALFORMED. */
MUST_USE enum status roster_msg_decode(struct unpacker *unpacker, struct bytes body,
                                       struct roster *out);
/* NULL: not there. */
const struct roster_node *roster_find(const struct roster *roster, const struct node_name *name);

#endif
