/* verify.c - the local evidence, recomputed slice by slice; see verify.h. */
#include "edge-bridge/verify.h"

#include <string.h>

#include "edge-bridge/edge_state.h"
#include "edge-bridge/report.h"

enum { REPORT_EVERY_ENTRIES = 4096 };

static const char *const sql[VERIFY_STATEMENT_COUNT] = {
    [VERIFY_CHECKPOINTS] = ("SELECT size, root, signature FROM checkpoint"
                            " WHERE log = ?1 AND size > ?2 ORDER BY size LIMIT 1"),
    [VERIFY_LOST] = "SELECT last FROM lost_range WHERE log = ?1 AND first = ?2",
    [VERIFY_COUNT_ENTRIES] = "SELECT total(head_sequence) FROM log",
};

enum status verify_open(struct edge *edge)
{
    for (size_t i = 0; i < VERIFY_JOBS_MAX; i++)
        TRY(hasher_open(&edge->verify.jobs[i].hasher));
    return statements_open(edge->db, sql, VERIFY_STATEMENT_COUNT, edge->verify.statements);
}

void verify_close(struct edge *edge)
{
    for (size_t i = 0; i < VERIFY_JOBS_MAX; i++)
        hasher_close(edge->verify.jobs[i].hasher);
    statements_close(edge->verify.statements, VERIFY_STATEMENT_COUNT);
    memset(&edge->verify, 0, sizeof(edge->verify));
}

enum status verify_start(struct edge *edge, uint32_t client)
{
    struct verify_jobs *verify = &edge->verify;
    struct statement *count = verify->statements[VERIFY_COUNT_ENTRIES];
    bool row;
    TRY(statement_step(count, &row));
    const uint64_t total = row ? column_u64(count, 0) : 0;
    statement_reset(count);
    for (size_t i = 0; i < VERIFY_JOBS_MAX; i++) {
        struct verify_job *job = &verify->jobs[i];
        if (job->used) continue;
        struct hasher *hasher = job->hasher;
        *job = (struct verify_job){.used = true, .client = client, .hasher = hasher};
        job->total = total;
        verify->count++;
        return ST_OK;
    }
    return ST_BUSY;
}

static void end_job(struct edge *edge, struct verify_job *job)
{
    job->used = false;
    edge->verify.count--;
}

void verify_forget(struct edge *edge, uint32_t client)
{
    for (size_t i = 0; i < VERIFY_JOBS_MAX; i++)
        if (edge->verify.jobs[i].used && edge->verify.jobs[i].client == client)
            end_job(edge, &edge->verify.jobs[i]);
}

static void problem(struct verify_job *job, uint64_t sequence, const char *what)
{
    char id[2 * LOG_ID_SIZE + 1];
    hex_encode(bytes_of(job->log.log.bytes, LOG_ID_SIZE), id);
    struct buf out = buf_of(job->problem, sizeof(job->problem) - 1);
    buf_put_format(&out, "log %s, entry %llu: %s", id, (unsigned long long)sequence, what);
    job->problem[out.size] = '\0';
}

/* Every checkpoint that was ever signed must be the root at its size. */
static enum status check_checkpoint(struct edge *edge, struct verify_job *job)
{
    struct statement *next = edge->verify.statements[VERIFY_CHECKPOINTS];
    bind_i64(next, 1, job->log.id);
    bind_u64(next, 2, job->tree.size - 1);
    bool row;
    TRY(statement_step(next, &row));
    struct checkpoint checkpoint = {.size = row ? column_u64(next, 0) : 0};
    const bool readable =
        row && column_fixed(next, 1, checkpoint.root.bytes, DIGEST_SIZE) == ST_OK &&
        column_fixed(next, 2, checkpoint.signature.bytes, SIGNATURE_SIZE) == ST_OK;
    statement_reset(next);
    if (!row || checkpoint.size != job->tree.size) return ST_OK;
    const struct digest root = tree_root(&job->tree, edge->hasher);
    if (!readable || !digest_equal(&root, &checkpoint.root))
        problem(job, checkpoint.size, "the tree does not have the root that was signed");
    else if (!checkpoint_ok(&edge->public_key, &edge->node, &job->log.log, &checkpoint))
        problem(job, checkpoint.size, "the checkpoint's signature does not verify");
    return ST_OK;
}

/* The end of a log: nothing may be missing behind the last entry that was signed for. An open log
 * has grown since this job came to it. */
static enum status check_end(struct edge *edge, struct verify_job *job)
{
    struct log_row now;
    TRY(evidence_read_log(edge, &job->log.log, &now));
    struct statement *next = edge->verify.statements[VERIFY_CHECKPOINTS];
    bind_i64(next, 1, job->log.id);
    bind_u64(next, 2, now.head.sequence > job->tree.size ? now.head.sequence : job->tree.size);
    bool row;
    TRY(statement_step(next, &row));
    statement_reset(next);
    if (row)
        problem(job, job->tree.size + 1, "missing: a checkpoint was signed for a longer log");
    else if (!digest_equal(&job->head.hash, &job->log.head.hash))
        problem(job, job->head.sequence, "not the head that the log remembers");
    return ST_OK;
}

/* A range that a LOSS entry closed: its hashes stand in for the entries. */
static enum status cross_lost_range(struct edge *edge, struct verify_job *job, bool *crossed)
{
    struct statement *lost = edge->verify.statements[VERIFY_LOST];
    const uint64_t from = job->head.sequence + 1;
    *crossed = false;
    bind_i64(lost, 1, job->log.id);
    bind_u64(lost, 2, from);
    bool row;
    TRY(statement_step(lost, &row));
    if (!row) return ST_OK;
    const uint64_t last = column_u64(lost, 0);
    statement_reset(lost);
    TRY(evidence_cross_range(edge, &job->log, from, last, &job->tree, &job->head.hash));
    job->head.sequence = last;
    job->done += last - from + 1;
    *crossed = true;
    return ST_OK;
}

static void check_row(struct edge *edge, struct verify_job *job, const struct evidence_row *row)
{
    const uint64_t sequence = job->head.sequence + 1;
    if (row->damage == ROW_HEADER_BAD) {
        problem(job, sequence, "header, signature or leaf were altered");
    } else if (row->damage == ROW_PAYLOAD_BAD) {
        problem(job, sequence, "the payload is not the one that was signed");
    } else if (row->priority != evidence_priority(row->header.flags)) {
        problem(job, sequence, "stored under another priority than was signed");
    } else if (evidence_follows(&job->head, &row->header) != ST_OK) {
        problem(job, sequence, "does not continue the chain");
    } else if (!evidence_signature_ok(&edge->public_key, &row->entry.header,
                                      &row->entry.signature)) {
        problem(job, sequence, "the signature does not verify");
    }
}

static void step_over(struct edge *edge, struct verify_job *job, const struct evidence_row *row)
{
    const struct tree_sink nobody = {0};
    tree_append(&job->tree, edge->hasher, &row->leaf, &nobody);
    const struct digest hash = evidence_row_hash(edge, row);
    job->head = (struct chain_head){row->header.sequence, hash, row->header.hlc};
    job->done++;
    if (row->entry.form != PAYLOAD_ABSENT) return;
    if (retention_took(edge, row))
        job->retired++;
    else
        job->lost++;
}

/* Retention may drop the payload between two slices; then it is not missing. */
static enum status part_missing(struct edge *edge, struct verify_job *job)
{
    struct evidence_row row;
    const enum status found = evidence_read_entry(edge, &job->log, job->header.sequence, &row);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    if (found == ST_OK && retention_took(edge, &row)) {
        job->in_parts = false;
        job->retired++;
    } else {
        problem(job, job->header.sequence, "a part of the payload is missing");
    }
    evidence_scan_end(edge);
    return ST_OK;
}

/* Hashes some more parts of the large payload at hand. */
static enum status slice_parts(struct edge *edge, struct verify_job *job)
{
    for (int i = 0; i < VERIFY_SLICE_PARTS && job->part_bytes < job->header.payload_len; i++) {
        struct bytes part;
        const enum status found = evidence_read_part(edge, job->upload, job->part, &part);
        if (found != ST_OK && found != ST_NOT_FOUND) return found;
        if (found == ST_NOT_FOUND || part.size == 0) return part_missing(edge, job);
        hasher_add(job->hasher, part);
        job->part_bytes += part.size;
        job->part++;
        evidence_read_part_end(edge);
    }
    if (job->part_bytes < job->header.payload_len) return ST_OK;
    const struct digest hash = hasher_end(job->hasher);
    if (job->part_bytes != job->header.payload_len ||
        !digest_equal(&hash, &job->header.payload_hash))
        problem(job, job->header.sequence, "the payload is not the one that was signed");
    job->in_parts = false;
    return ST_OK;
}

static enum status slice_entries(struct edge *edge, struct verify_job *job)
{
    for (int i = 0; i < VERIFY_SLICE_ENTRIES && job->problem[0] == '\0'; i++) {
        if (job->head.sequence == job->log.head.sequence) {
            job->in_log = false;
            return check_end(edge, job);
        }
        bool crossed;
        TRY(cross_lost_range(edge, job, &crossed));
        if (crossed) continue;
        struct evidence_row row;
        const enum status found =
            evidence_read_entry(edge, &job->log, job->head.sequence + 1, &row);
        if (found == ST_NOT_FOUND) {
            problem(job, job->head.sequence + 1, "missing");
            return ST_OK;
        }
        TRY(found);
        check_row(edge, job, &row);
        if (job->problem[0] != '\0') return ST_OK;
        step_over(edge, job, &row);
        evidence_scan_end(edge);
        TRY(check_checkpoint(edge, job));
        if (row.entry.form != PAYLOAD_PARTS) continue;
        job->in_parts = true;
        job->header = row.header;
        job->upload = row.upload;
        job->part = 0;
        job->part_bytes = 0;
        hasher_begin(job->hasher);
        return ST_OK;
    }
    return ST_OK;
}

/* ST_NOT_FOUND: there is no further log. */
static enum status next_log(struct edge *edge, struct verify_job *job)
{
    TRY(evidence_read_next_log(edge, job->log.id, &job->log));
    job->in_log = true;
    job->head = (struct chain_head){0};
    tree_init(&job->tree);
    return ST_OK;
}

static void finish(struct edge *edge, struct verify_job *job, struct effects *effects)
{
    const bool good = job->problem[0] == '\0';
    struct buf out = effects_space(effects, 512);
    record_reply_begin(&out, 5);
    record_words(&out, "verdict", good ? "good" : "tampered");
    record_uint(&out, "entries_verified", job->done);
    record_uint(&out, "entries", job->total);
    record_uint(&out, "payloads_dropped_by_retention", job->retired);
    record_uint(&out, "payloads_lost", job->lost);
    report_reply(effects, job->client, &out);
    report_end(effects, job->client, good ? ST_OK : ST_TAMPERED, job->problem);
    evidence_scan_end(edge);
    end_job(edge, job);
}

static void report_progress(struct verify_job *job, struct effects *effects)
{
    if (job->done - job->reported < REPORT_EVERY_ENTRIES) return;
    job->reported = job->done;
    struct buf out = effects_space(effects, 64);
    progress_reply_encode(&out, job->done, job->total, "entries");
    report_reply(effects, job->client, &out);
}

enum status verify_slice(struct edge *edge, struct effects *effects)
{
    struct verify_job *job = NULL;
    for (size_t i = 0; i < VERIFY_JOBS_MAX && job == NULL; i++)
        if (edge->verify.jobs[i].used) job = &edge->verify.jobs[i];
    if (job == NULL) return ST_OK;
    /* Entries of this very batch are neither signed nor written yet. */
    TRY(evidence_log_flush(edge));
    enum status status = ST_OK;
    if (job->in_parts)
        status = slice_parts(edge, job);
    else if (job->in_log)
        status = slice_entries(edge, job);
    else
        status = next_log(edge, job);
    if (status == ST_NOT_FOUND || job->problem[0] != '\0') {
        finish(edge, job, effects);
        return ST_OK;
    }
    if (status == ST_CORRUPT) {
        problem(job, job->head.sequence + 1, "the database is damaged here");
        finish(edge, job, effects);
        return ST_OK;
    }
    TRY(status);
    report_progress(job, effects);
    return ST_OK;
}
