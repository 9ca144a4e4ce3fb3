/* evidence_read.h - entries of the local store by position, checked as they are read.
 *
 * What is read may have been altered or damaged on the disk: every reader compares the row with its
 * own hashes before it uses it, and damage is an answer, never a crash. */
#ifndef HOLDFAST_EDGE_BRIDGE_EVIDENCE_READ_H
#define HOLDFAST_EDGE_BRIDGE_EVIDENCE_READ_H

#include "common/data/evidence.h"
#include "common/data/tree.h"
#include "common/store/db.h"

struct edge;

enum log_state {
    LOG_OPEN = 0,
    LOG_LEFT = 1,  /* a newer log took over; nothing is appended any more */
    LOG_STUCK = 2, /* left, with a hole that no LOSS can describe: what is behind it stays here */
};

/* A row of the log table. */
struct log_row {
    int64_t id;
    struct log_id log;
    uint64_t base; /* position of an entry = base + sequence */
    enum log_state state;
    struct chain_head head;
    uint32_t type_count;
    uint64_t acked;     /* entries 1..acked are what the cloud said it holds, hash compared */
    uint64_t delivered; /* acked, and the fork and reject ranges that adjoin it */
    int64_t created_ms;
};

/* Subtrees of 2^8 entries and more are stored as nodes; what is below is hashed from leaves. */
enum { STORED_LEVEL_MIN = 8 };

enum row_damage {
    ROW_GOOD,
    ROW_PAYLOAD_BAD, /* header and signature are whole, the payload is not what was signed */
    ROW_HEADER_BAD,  /* header, signature or leaf do not belong together */
};

struct evidence_row {
    uint64_t position;
    unsigned priority;
    struct evidence_entry entry;   /* payload borrowed until the next read */
    struct evidence_header header; /* valid unless damage is ROW_HEADER_BAD */
    struct digest leaf;            /* as stored */
    uint64_t upload;               /* form PAYLOAD_PARTS: where the parts are */
    enum row_damage damage;
};

enum {
    READ_ONE,
    READ_FROM,
    READ_LEAVES,
    READ_PART,
    READ_LOG_NEWEST,
    READ_LOG_BY_ID,
    READ_LOGS,
    READ_LOG_PENDING,
    READ_NODE,
    READ_COUNT,
};

struct evidence_reader {
    struct statement *statements[READ_COUNT];
};

MUST_USE enum status evidence_reader_open(struct edge *edge);
void evidence_reader_close(struct edge *edge);

/* Errors: ST_NOT_FOUND, and db.h's. */
MUST_USE enum status evidence_read_log(struct edge *edge, const struct log_id *log,
                                       struct log_row *out);
MUST_USE enum status evidence_read_newest_log(struct edge *edge, struct log_row *out);
/* The log with the least id above after_id, stuck ones too; ST_NOT_FOUND at the end. */
MUST_USE enum status evidence_read_next_log(struct edge *edge, int64_t after_id,
                                            struct log_row *out);
/* The oldest log after after_id with entries not delivered that can be sent; ST_NOT_FOUND when
 * there is none. */
MUST_USE enum status evidence_read_pending_log(struct edge *edge, int64_t after_id,
                                               struct log_row *out);

/* One entry of a log, checked. Errors: ST_NOT_FOUND (a hole), and db.h's. */
MUST_USE enum status evidence_read_entry(struct edge *edge, const struct log_row *log,
                                         uint64_t sequence, struct evidence_row *out);
/* A scan from sequence on, at most count entries; *row = false at the end or at a hole. */
MUST_USE enum status evidence_scan_begin(struct edge *edge, const struct log_row *log,
                                         uint64_t sequence, uint64_t count);
MUST_USE enum status evidence_scan_next(struct edge *edge, const struct log_row *log, bool *row,
                                        struct evidence_row *out);
void evidence_scan_end(struct edge *edge);

/* The hash of an entry that was read: the scan itself does not need it. */
struct digest evidence_row_hash(struct edge *edge, const struct evidence_row *row);

/* Hash of an entry of a log; zero hash for sequence 0. */
MUST_USE enum status evidence_read_hash(struct edge *edge, const struct log_row *log,
                                        uint64_t sequence, struct digest *out);
/* A part of a large payload. Errors: ST_NOT_FOUND. Borrowed until the next read of a part. */
MUST_USE enum status evidence_read_part(struct edge *edge, uint64_t upload, uint32_t part,
                                        struct bytes *out);
void evidence_read_part_end(struct edge *edge);

/* The frontier of a log's tree at a size. Errors: ST_CORRUPT when nodes or leaves are missing. */
MUST_USE enum status evidence_read_tree(struct edge *edge, const struct log_row *log, uint64_t size,
                                        struct tree *out);
/* The canonical subtree hashes of the entries from..to. */
MUST_USE enum status evidence_read_range_nodes(struct edge *edge, const struct log_row *log,
                                               uint64_t from, uint64_t to, struct digest *nodes,
                                               size_t *count);

/* Carries a tree of size from - 1 over the entries from..to by their subtree hashes alone, as over
 * a range that a LOSS entry closed; *hash is that of entry `to`. */
MUST_USE enum status evidence_cross_range(struct edge *edge, const struct log_row *log,
                                          uint64_t from, uint64_t to, struct tree *tree,
                                          struct digest *hash);

#endif
