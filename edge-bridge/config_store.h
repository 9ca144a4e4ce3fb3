/* config_store.h - the edge's registers at rest.
 *
 *   config_register  what the cloud has published or admitted, joined: scope, key, canonical bytes,
 *                    and the cloud's own signed frame (to give back to a cloud restored from a
 *                    backup)
 *   config_write     local writes that the cloud has not taken, by operation number: those not
 *                    judged yet, and those refused (the final ones are kept for `config list` until
 *                    the next write of that key, or until the room is needed)
 *   config_published which keys stand retained on the local broker, with a hash of what was said
 *
 * What counts for a key in a scope is the greatest of the register and of the live writes, which
 * are those not refused for good. A node's own writes of one register grow with their numbers, so
 * of them only the last one matters. */
#ifndef HOLDFAST_EDGE_BRIDGE_CONFIG_STORE_H
#define HOLDFAST_EDGE_BRIDGE_CONFIG_STORE_H

#include "common/data/config.h"
#include "common/store/db.h"
#include "common/wire/ack_msg.h"
#include "common/wire/config_msg.h"
#include "common/wire/state_msg.h"
#include "edge-bridge/clock.h"

struct edge;

enum {
    CONFIG_WRITE_ROWS_MAX = CONFIG_KEYS_MAX, /* live and refused ones */
    /* Above so many live ones, a newer write takes the place of an older one of its register. */
    CONFIG_WRITES_KEPT = 1024,
};

struct config_write_row {
    uint64_t operation;
    struct config_entry entry; /* content in the reader's memory */
    uint64_t base;             /* stamp of the register that the write has seen; 0: none */
    bool time_known;           /* its stamp tells when it was made */
    struct done_at done;
    bool refused;
    enum write_refusal reason; /* when refused */
};

/* Which writes to read. */
enum config_write_kind {
    CONFIG_WRITES_UNJUDGED,
    CONFIG_WRITES_LIVE,
    CONFIG_WRITES_REFUSED, /* for good */
};

/* What counts for a key. */
struct config_counted {
    struct config_scope scope;
    struct config_register reg; /* content in the reader's memory */
    bool pending;               /* a local write that the cloud has not judged */
};

enum {
    CONFIG_FIND,
    CONFIG_INSERT,
    CONFIG_UPDATE,
    CONFIG_FRAME_OF,
    CONFIG_NEXT,
    CONFIG_NEXT_FRAMED,
    CONFIG_HASHES,
    CONFIG_COUNT,
    CONFIG_FORGET,
    CONFIG_GROUPS,
    CONFIG_WRITE_INSERT,
    CONFIG_WRITE_NEXT_UNJUDGED,
    CONFIG_WRITE_NEXT_LIVE,
    CONFIG_WRITE_NEXT_REFUSED,
    CONFIG_WRITE_NEWEST,
    CONFIG_WRITE_REFUSED_OF,
    CONFIG_WRITE_COUNTS,
    CONFIG_WRITE_REFUSE,
    CONFIG_WRITE_UNJUDGE,
    CONFIG_WRITE_DELETE,
    CONFIG_WRITE_DELETE_REFUSED,
    CONFIG_WRITE_DELETE_OLDER,
    CONFIG_WRITE_DELETE_OLDEST_REFUSED,
    CONFIG_CANDIDATES,
    CONFIG_NEXT_KEY,
    CONFIG_PUBLISHED_FIND,
    CONFIG_PUBLISHED_PUT,
    CONFIG_PUBLISHED_DELETE,
    CONFIG_STATEMENT_COUNT,
};

struct config_store {
    struct statement *statements[CONFIG_STATEMENT_COUNT];
    struct buf scratch;      /* CONFIG_BYTES_MAX: an encoded register */
    uint32_t incarnation;    /* of the operation numbers; 0: there was no local write yet */
    uint64_t last_operation; /* given out */
    uint64_t judged;         /* by the cloud, as it said last in this process */
    uint64_t pending;        /* live writes */
    uint64_t future;         /* of them those refused for their stamp */
    uint64_t refused;        /* writes refused for good that are kept */
    uint64_t register_count;
    size_t digest_count; /* kept up to date for the scopes that hold for this node */
    struct config_scope_digest digests[CONFIG_SCOPES_MAX];
};

MUST_USE enum status config_store_open(struct edge *edge);
void config_store_close(struct edge *edge);

/* ---- Registers (config_store.c) -------------------------------------------------------------- */

/* ST_NOT_FOUND. The content lives in `memory` (CONFIG_BYTES_MAX). framed: is there a frame? */
MUST_USE enum status config_store_get(struct edge *edge, const struct config_key *key,
                                      struct buf *memory, struct config_register *out,
                                      bool *framed);
/* frame: the cloud's signed frame of exactly this register; empty: there is none. */
MUST_USE enum status config_store_put(struct edge *edge, const struct config_key *key,
                                      const struct config_register *reg, struct bytes frame);
/* The cloud's frame of the register that is there, copied. ST_NOT_FOUND. */
MUST_USE enum status config_store_frame(struct edge *edge, const struct config_key *key,
                                        struct buf *out);
/* In the order of key names within one scope, above `after`. hash and memory may be NULL. framed:
 * only those with a frame. ST_NOT_FOUND. */
MUST_USE enum status config_store_next(struct edge *edge, const struct config_scope *scope,
                                       const struct level_name *after, bool framed,
                                       struct buf *memory, struct config_entry *out,
                                       struct config_digest *hash);
/* Keeps the digests of exactly these scopes; registers of other ones are forgotten. */
MUST_USE enum status config_store_watch(struct edge *edge, const struct config_scope *scopes,
                                        size_t count);
/* Count and digest of a scope that is watched. ST_NOT_FOUND. */
MUST_USE enum status config_store_digest(const struct edge *edge, const struct config_scope *scope,
                                         struct config_scope_digest *out);

/* ---- Local writes (config_write.c) ----------------------------------------------------------- */

MUST_USE enum status config_write_load(struct edge *edge); /* at open */
/* Gives the write its number and takes what it makes obsolete away. Errors: ST_FULL (and nothing
 * is changed). */
MUST_USE enum status config_write_add(struct edge *edge, const struct config_write_row *row,
                                      uint64_t *operation);
/* The next one by number, above `after`. ST_NOT_FOUND. */
MUST_USE enum status config_write_next(struct edge *edge, enum config_write_kind kind,
                                       uint64_t after, struct buf *memory,
                                       struct config_write_row *out);
/* The last live one of this register. ST_NOT_FOUND. */
MUST_USE enum status config_write_newest(struct edge *edge, const struct config_key *key,
                                         struct buf *memory, struct config_write_row *out);
/* Why the last write of this register that was refused for good was refused. ST_NOT_FOUND. */
MUST_USE enum status config_write_refused_of(struct edge *edge, const struct config_key *key,
                                             enum write_refusal *reason);
MUST_USE enum status config_write_refuse(struct edge *edge, const struct config_write_row *row,
                                         enum write_refusal reason);
MUST_USE enum status config_write_remove(struct edge *edge, const struct config_write_row *row);
/* Under a new number, with this stamp. */
MUST_USE enum status config_write_renew(struct edge *edge, const struct config_write_row *row,
                                        uint64_t stamp);
/* The numbers that the cloud has judged are not ours: this node was restored from a backup. From
 * here on they count under a new incarnation, and no live write is judged. */
MUST_USE enum status config_write_new_incarnation(struct edge *edge);

/* ---- What counts, and what was said of it (config_count.c) ----------------------------------- */

/* What counts for the key at this node, by its scopes. memory and other (CONFIG_BYTES_MAX each)
 * are used; out's content lives in one of them. ST_NOT_FOUND: no value counts. */
MUST_USE enum status config_count_effective(struct edge *edge, const struct level_name *name,
                                            struct buf *memory, struct buf *other,
                                            struct config_counted *out);
/* Within one scope, deleted ones too. ST_NOT_FOUND. */
MUST_USE enum status config_count_in_scope(struct edge *edge, const struct config_key *key,
                                           struct buf *memory, struct config_counted *out);
/* The next key name above `after` that has a register, a write, or a value retained locally.
 * ST_NOT_FOUND. */
MUST_USE enum status config_count_next_key(struct edge *edge, const struct level_name *after,
                                           struct level_name *out);
/* The hash of what stands on the local broker. ST_NOT_FOUND. */
MUST_USE enum status config_published_get(struct edge *edge, const struct level_name *name,
                                          struct digest *hash);
MUST_USE enum status config_published_put(struct edge *edge, const struct level_name *name,
                                          const struct digest *hash);
MUST_USE enum status config_published_remove(struct edge *edge, const struct level_name *name);

#endif
