/* state_msg.h - what an edge holds of the cloud's tracks and config (FRAME_STATE, edge -> cloud,
 * {node}/up/sync): sent after each hello and whenever it has changed, a little later, so that many
 * changes are told at once. Always the whole, so it is safe to lose, repeat or reorder.
 *
 * Array 7:
 *   0 nonce      bin 16   of the connection; one of an earlier connection is ignored
 *   1 interest   uint     enum track_interest
 *   2 numbering  uint32   >= 1: of this edge's change numbers
 *   3 counter    uint     its newest change number
 *   4 down       nil | array 2 [store_id bin 16, cursor uint]: with what the edge holds it knows
 *                all changes of that cloud store up to the cursor
 *   5 roster     uint     version of the roster it goes by, 0: none
 *   6 config     array 0..CONFIG_SCOPES_MAX of array 4, one a scope that holds for the node,
 *                ascending by kind and name: [kind uint, name text, count uint, digest bin 16]:
 *                what it has applied (replica_digest.h)
 * Counters, cursors, versions and counts are at most PACK_SEQUENCE_MAX. */
#ifndef HOLDFAST_COMMON_WIRE_STATE_MSG_H
#define HOLDFAST_COMMON_WIRE_STATE_MSG_H

#include "common/data/config.h"
#include "common/data/replica_digest.h"
#include "common/wire/pack.h"

/* Which tracks the cloud sends down: none; those that a node of one of the edge's groups (or the
 * edge itself) has observed; all. */
enum track_interest { INTEREST_NONE = 0, INTEREST_GROUPS = 1, INTEREST_ALL = 2, INTEREST_COUNT };

struct config_scope_digest {
    struct config_scope scope;
    uint64_t count; /* registers, deleted ones included */
    struct config_digest digest;
};

struct config_summary {
    size_t count;
    struct config_scope_digest scopes[CONFIG_SCOPES_MAX];
};

enum { CONFIG_SUMMARY_ITEMS_MAX = 1 + CONFIG_SCOPES_MAX * 5 }; /* values of one (pack.h) */

/* By kind, then by name; <0, 0, >0. */
int config_scope_compare(const struct config_scope *a, const struct config_scope *b);
bool config_summary_equal(const struct config_summary *a, const struct config_summary *b);
void config_summary_pack(const struct config_summary *summary, struct buf *out);
MUST_USE enum status config_summary_unpack(struct packed value, struct config_summary *out);

struct state_report {
    struct nonce nonce;
    enum track_interest interest;
    uint32_t numbering;
    uint64_t counter;
    bool has_down;
    struct store_id down_store;
    uint64_t down_cursor;
    uint64_t roster;
    struct config_summary config;
};

void state_msg_encode(const struct state_report *report, struct buf *out);
/* Errors: ST_MALFORMED. */
MUST_USE enum status state_msg_decode(struct unpacker *unpacker, struct bytes body,
                                      struct state_report *out);

#endif
