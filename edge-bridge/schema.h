/* schema.h - the tables of an edge's database, as numbered migrations.
 *
 *   meta         one row a setting of the node itself; see enum meta_key
 *   log          one row a log; the newest is the open one
 *   evidence     one row an entry, in the order of acceptance; position = log.base + sequence, so
 *                no index on (log, sequence) is needed. leaf stands before payload: reading it
 *                never follows an overflow chain
 *   payload_part the pieces of large payloads, by upload, whose number stands in evidence.payload
 *   upload       large payloads: accepted ones, and those still being staged (position NULL)
 *   tree_node    perfect subtrees of 256 entries and more: the tree at any size in O(256)
 *   checkpoint   every checkpoint signed, by size
 *   type_name    publishers' type names of a log
 *   publisher_id ids that make a repeat harmless, in the order of acceptance
 *   lost_range   ranges that a LOSS entry closed
 *   held_ack     the newest acknowledgement of each cloud store, as the cloud's own signed bytes
 *   tally        counters by priority */
#ifndef HOLDFAST_EDGE_BRIDGE_SCHEMA_H
#define HOLDFAST_EDGE_BRIDGE_SCHEMA_H

#include "common/store/db.h"

enum meta_key {
    META_NODE = 1,      /* text: the node's name */
    META_HLC_LIMIT = 2, /* stamps at or below were given out */
    META_BOOT_ID = 3,   /* blob 16 */
    META_BOOT_COUNT = 4,
    META_CLEAN_STOP = 5, /* 1: the daemon ended in order */
    META_STORE_ID = 6,   /* blob 16: the cloud store whose acknowledgements count */
};

enum { EDGE_APPLICATION_ID = 0x48464544 }; /* "HFED" */

extern const struct db_migration edge_migrations[];
extern const size_t edge_migration_count;

#endif
