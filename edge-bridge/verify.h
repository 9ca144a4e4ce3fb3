/* verify.h - the whole local evidence, recomputed: every hash, signature, chain link, tree root and
 * checkpoint, in slices between the steps of the daemon. */
#ifndef HOLDFAST_EDGE_BRIDGE_VERIFY_H
#define HOLDFAST_EDGE_BRIDGE_VERIFY_H

#include "common/data/tree.h"
#include "common/port/effect.h"
#include "edge-bridge/evidence_read.h"

struct edge;
struct hasher;

enum { VERIFY_JOBS_MAX = 4, VERIFY_SLICE_ENTRIES = 32, VERIFY_SLICE_PARTS = 32 };

struct verify_job {
    bool used;
    uint32_t client;
    bool in_log;
    struct log_row log;
    struct chain_head head;
    struct tree tree;
    uint64_t done, total; /* entries, over all logs */
    uint64_t reported;
    uint64_t retired; /* payloads that retention dropped, */
    uint64_t lost;    /* and those that a LOSS entry gave up */
    bool in_parts;    /* hashing the parts of a large payload */
    struct evidence_header header;
    uint64_t upload;
    uint32_t part;
    uint64_t part_bytes;
    struct hasher *hasher;
    char problem[200]; /* what is wrong; empty: nothing so far */
};

enum { VERIFY_CHECKPOINTS, VERIFY_LOST, VERIFY_COUNT_ENTRIES, VERIFY_STATEMENT_COUNT };

struct verify_jobs {
    struct statement *statements[VERIFY_STATEMENT_COUNT];
    size_t count;
    struct verify_job jobs[VERIFY_JOBS_MAX];
};

MUST_USE enum status verify_open(struct edge *edge);
void verify_close(struct edge *edge);
/* Errors: ST_BUSY when VERIFY_JOBS_MAX run already. */
MUST_USE enum status verify_start(struct edge *edge, uint32_t client);
void verify_forget(struct edge *edge, uint32_t client);
/* One slice of one job. */
MUST_USE enum status verify_slice(struct edge *edge, struct effects *effects);

#endif
