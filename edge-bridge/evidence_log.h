/* evidence_log.h - the append-only, chained, signed log: the heart of the edge.
 *
 * evidence_log_append chains an entry at once (the hash does not need the signature), so a
 * receipt can be written in the same step; evidence_log_flush, at the commit of the batch, signs
 * all new entries at once, adds their leaves to the tree and writes them. Nothing of it is
 * visible before the commit.
 *
 * Control entries that the log writes on its own: GENESIS (first), BOOT (each start), TYPE
 * (before a type name's first use), CLOCK (wall and monotonic clock parted by more than 100 ms),
 * HEARTBEAT (after a silence), LOSS (a damaged stretch), CLOSE (the last entry of a log that is
 * given up). */
#ifndef HOLDFAST_EDGE_BRIDGE_EVIDENCE_LOG_H
#define HOLDFAST_EDGE_BRIDGE_EVIDENCE_LOG_H

#include "common/data/checkpoint.h"
#include "common/data/tree.h"
#include "edge-bridge/evidence_read.h"

enum { STATUS_TEXT_SIZE = 64 };

/* 2026-01-01T00:00:00Z: a wall clock before this was never set. */
#define CLOCK_EARLIEST_MS INT64_C(1767225600000)

/* What somebody wants to append. payload is borrowed until the flush; for PAYLOAD_PARTS it is empty
 * and payload_len, payload_hash and upload say where and what. */
struct evidence_draft {
    uint16_t type;
    uint16_t codec;
    uint16_t flags; /* priority and best effort; time marks are added by the log */
    enum payload_form form;
    struct bytes payload;
    uint64_t payload_len;
    struct digest payload_hash;
    uint64_t upload;
};

/* Where it went. */
struct evidence_place {
    struct log_id log;
    uint64_t sequence;
    uint64_t position;
    struct digest hash;
};

/* One chained entry that waits for the flush. */
struct batch_entry {
    struct header_bytes header;
    struct digest hash;
    struct bytes payload;
    enum payload_form form;
    uint64_t upload;
    unsigned priority;
};

struct tally {
    uint64_t accepted_entries, accepted_bytes, pending_entries, pending_bytes;
    bool dirty;
};

enum {
    LOG_INSERT_ENTRY,
    LOG_INSERT_NODE,
    LOG_INSERT_CHECKPOINT,
    LOG_INSERT_LOG,
    LOG_SAVE_HEAD,
    LOG_SAVE_STATE,
    LOG_FIND_TYPE,
    LOG_INSERT_TYPE,
    LOG_LOAD_TALLY,
    LOG_SAVE_TALLY,
    LOG_LAST_CHECKPOINT,
    LOG_PUT_META,
    LOG_GET_META,
    LOG_INSERT_LOST,
    LOG_STRIP_PAYLOAD,
    LOG_STATEMENT_COUNT,
};

enum { CONTROL_ARENA_SIZE = 64 * 1024, CLOCK_STEP_NS = 100 * 1000000 };

struct evidence_log {
    struct statement *statements[LOG_STATEMENT_COUNT];
    struct log_row row;       /* the open log, its head as of the last append */
    struct tree tree;         /* as of the last flush */
    bool tree_lost;           /* leaves are missing: nothing can be appended to this log */
    uint64_t checkpoint_size; /* of the newest signed checkpoint */
    uint64_t checkpoint_mono_ns;
    uint64_t last_append_mono_ns;
    bool boot_due; /* a BOOT entry comes before the next entry */
    bool boot_is_new;
    uint32_t boot_count;
    bool has_offset; /* wall_ns - mono_ns as last seen */
    int64_t offset_ns;
    struct level_name type_name; /* the type looked up last */
    uint16_t type_number;        /* 0: none */
    struct tally tallies[PRIORITY_COUNT];
    bool head_dirty;
    enum status node_status; /* of tree nodes written while leaves are appended */

    size_t batch_count;
    struct batch_entry *batch; /* BATCH_ENTRIES_MAX */
    struct sign_job *jobs;     /* likewise */
    struct buf arena;          /* payloads of control entries until the flush */
};

MUST_USE enum status evidence_log_open(struct edge *edge);
void evidence_log_close(struct edge *edge);

/* Chains one entry; flushes by itself when the batch is full. Errors: db.h's. */
MUST_USE enum status evidence_log_append(struct edge *edge, const struct evidence_draft *draft,
                                         struct evidence_place *place);
/* A control entry; its payload is copied. */
MUST_USE enum status evidence_log_control(struct edge *edge, uint16_t type, unsigned priority,
                                          struct bytes payload);
/* The number of a publisher's type in the open log; appends the TYPE entry before its first use.
 * Errors: ST_FULL when the log has LOG_TYPES_MAX types. */
MUST_USE enum status evidence_log_type(struct edge *edge, const struct level_name *name,
                                       uint16_t *number);

/* Entries that time asks for: BOOT, CLOCK, HEARTBEAT. Call it before anything else of a step. */
MUST_USE enum status evidence_log_tick(struct edge *edge);
/* Sign, write and count the batch; checkpoints at most CHECKPOINT_INTERVAL_ENTRIES apart, and when
 * the last one is older than the setting says. */
MUST_USE enum status evidence_log_flush(struct edge *edge);
/* The newest checkpoint, signed now if entries came after the last one. Only after a flush. */
MUST_USE enum status evidence_log_checkpoint(struct edge *edge, struct checkpoint *out);

/* Leave the open log (with a CLOSE, unless its tree is lost) and begin a new one whose GENESIS
 * names it and why. The first log of a node has no previous one: row.id is 0 then. */
MUST_USE enum status evidence_log_start(struct edge *edge, const char *reason);
/* The clock was ahead: the open log ends with CLOCK (believed_ms, true_ms) and CLOSE, stamped as
 * before since stamps of one log only grow; then the clock goes back to the stamp `back_to`, and a
 * new log begins. */
MUST_USE enum status evidence_log_clock_back(struct edge *edge, int64_t believed_ms,
                                             int64_t true_ms, uint64_t back_to);
MUST_USE enum status evidence_log_set_state(struct edge *edge, struct log_row *log,
                                            enum log_state state);
/* Entries from..to of a log cannot be read any more: say so, signed. The caller flushes. */
MUST_USE enum status evidence_log_lose(struct edge *edge, const struct log_row *log, uint64_t from,
                                       uint64_t to, bool payload_only, const char *reason);

/* The hash of an entry that may still be in the batch. */
MUST_USE enum status evidence_log_place_at(struct edge *edge, uint64_t position,
                                           struct evidence_place *out, struct digest *payload_hash);

/* Monotonic time at which tick or flush has something to do. */
uint64_t evidence_log_wakeup(const struct edge *edge);

/* pending_* go down when entries are delivered. */
MUST_USE enum status evidence_log_delivered(struct edge *edge, unsigned priority, uint64_t entries,
                                            uint64_t bytes);
MUST_USE enum status evidence_log_undelivered(struct edge *edge, unsigned priority,
                                              uint64_t entries, uint64_t bytes);
MUST_USE enum status evidence_log_save_tallies(struct edge *edge);

#endif
