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
 *   tally        counters by priority
 *   track        one row a track: its state's canonical bytes, change number, and its place in a
 *                digest. Rows that the cloud did not teach are found by change, all by newest
 *                stamp
 *   config_register  what the cloud published, joined: canonical bytes, their hash for digests, and
 *                the cloud's own signed frame where there is one
 *   config_write local writes that the cloud has not taken; reason 0, or enum write_refusal; base
 *                is the stamp of the register that the write has seen
 *   config_published  keys that stand retained on the local broker, with a hash of what was said
 *   kept_range   entries whose payloads retention leaves alone */
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

    META_TRACK_NUMBERING = 20,   /* of the change numbers of tracks */
    META_TRACK_INCARNATION = 21, /* of this node as a writer of tracks */
    META_TRACK_COUNTER = 22,     /* change numbers up to here were given out, and those in track */
    META_TRACK_CURSOR = 23,      /* of them the cloud has acknowledged */
    META_TRACK_HORIZON = 24,
    META_TRACK_EVICTED = 25,  /* greatest newest stamp of an evicted track */
    META_TRACK_GIVEN_UP = 26, /* tracks evicted before the cloud had them */
    META_TRACK_DOWN = 27,     /* blob 24: store id and cursor of the cloud's change numbers */
    META_TRACK_INTEREST =
        28,                /* what the claims of the cloud were filtered by: enum track_interest, */
    META_TRACK_PEERS = 29, /* and blob 32: hash of the names of the nodes in our groups */

    META_PAUSED = 30,             /* 1: the operator paused the link */
    META_CLOCK = 40,              /* blob 32: boot id, monotonic nanoseconds, and the time then */
    META_UNKNOWN_ABOVE = 41,      /* stamps above were given while no time was known */
    META_CONFIG_INCARNATION = 42, /* of the numbers of local config writes */
    META_CONFIG_OPERATION = 43,   /* the last one given out */
    META_ROSTER_VERSION = 44,
    META_GROUPS = 45, /* blob: names of this node's, NODE_GROUPS_MAX of them, the rest zero */

    META_RETENTION_THROUGH = 60, /* position up to which payloads were judged */
    META_RETENTION_PASSED = 61,  /* payload bytes accepted up to there */
    META_RETENTION_ENTRIES = 62, /* whose payloads were dropped, */
    META_RETENTION_BYTES = 63,   /* and their bytes */
};

enum { EDGE_APPLICATION_ID = 0x48464544 }; /* "HFED" */

extern const struct db_migration edge_migrations[];
extern const size_t edge_migration_count;

#endif
