/* report_readmit.c - judges rejected entries again, after an upgrade that knows more types or
 * rules. The chain went on over them long ago: readmitting changes no byte of evidence, it only
 * says that the entry counts from now on. */
#include "cloud-consumer/report.h"

/* The log as it stood just before the entry, as far as judging one entry needs it. Names of types
 * that came later count too: the node knew them, and they are in the chain. */
static enum status state_before(struct cloud *cloud, const struct log_row *log,
                                const struct node_row *node, uint64_t sequence, struct log_row *out)
{
    *out = *log;
    out->closed = false;
    out->head.sequence = sequence - 1;
    out->head.hlc = 0;
    /* The stamp before it: of the nearest earlier entry that was not rejected itself. */
    for (uint64_t at = sequence - 1; at > 0 && sequence - at <= RUN_ENTRIES_MAX; at--) {
        const struct stored_run *stored = NULL;
        bool rejected = false;
        TRY(STORE(cloud, rejected_has, log->id, at, &rejected));
        if (rejected) continue;
        const enum status status =
            cloud_stored_run(cloud, log->id, &log->log, &node->name, at, &stored);
        if (status == ST_NOT_FOUND) return ST_TAMPERED;
        if (status != ST_OK) return status;
        if (stored->row.first_sequence > at) continue; /* lost */
        struct evidence_header header;
        const struct evidence_entry *const entry =
            &stored->run->entries[at - stored->row.first_sequence];
        if (evidence_header_decode(bytes_of(entry->header.bytes, ENTRY_HEADER_SIZE), &header) !=
            ST_OK)
            return ST_TAMPERED;
        out->head.hlc = header.hlc;
        out->closed = header.type == EVIDENCE_CLOSE;
        return ST_OK;
    }
    return ST_OK;
}

static enum status judge_again(struct cloud *cloud, int64_t log_id, const struct kept_entry *kept,
                               bool *acceptable, struct log_row *log, struct named_type *type)
{
    struct node_row node;
    struct log_row state;
    struct evidence_header header;
    struct digest hash;
    bool there = false;
    *acceptable = false;
    TRY(cloud_log_of_job(cloud, log_id, log, &node));
    /* Only what the chain has gone over can count; its bytes must be the ones that were kept. */
    if (kept->sequence > log->head.sequence) return ST_OK;
    TRY(cloud_stored_hash(cloud, log, &node.name, kept->sequence, &hash, &there));
    if (!there || !digest_equal(&hash, &kept->hash)) return ST_OK;
    const struct bytes bytes = bytes_of(kept->entry.header.bytes, ENTRY_HEADER_SIZE);
    if (evidence_header_decode(bytes, &header) != ST_OK) return ST_TAMPERED;
    if (!evidence_signature_ok(&log->key, &kept->entry.header, &kept->entry.signature))
        return ST_OK;
    if (kept->reason == POISON_PARTS) return ST_OK; /* the payload is still not the right one */
    TRY(state_before(cloud, log, &node, kept->sequence, &state));
    if (log->closed && kept->reason == POISON_CLOSED) return ST_OK;
    *acceptable = cloud_judge_entry(cloud, &header, &kept->entry, &state, type) == POISON_NONE;
    if (*acceptable) log->type_count = state.type_count;
    return ST_OK;
}

static enum status readmit(struct cloud *cloud, int64_t rejected, const struct kept_entry *kept,
                           const struct named_type *type, struct log_row *log)
{
    if (type->number != 0) TRY(STORE(cloud, type_add, log->id, type->number, type->name));
    TRY(STORE(cloud, readmit, rejected, cloud_wall_ms(cloud)));
    TRY(STORE(cloud, range_remove, log->id, RANGE_REJECTED, kept->sequence));
    if (log->rejected_count > 0) log->rejected_count--;
    return STORE(cloud, log_save, log, &log->head);
}

static void end_job(struct cloud_job *job, struct effects *effects)
{
    const struct readmit_job *const sums = &job->readmit;
    struct buf out = cloud_reply_space(effects, 256);
    record_reply_begin(&out, 2);
    record_uint(&out, "readmitted", sums->readmitted);
    record_uint(&out, "still_rejected", sums->still_rejected);
    cloud_reply(effects, job->client, &out);
    cloud_job_end(effects, job, ST_OK, "%llu readmitted, %llu still rejected",
                  (unsigned long long)sums->readmitted, (unsigned long long)sums->still_rejected);
}

enum status cloud_readmit_slice(struct cloud *cloud, struct cloud_job *job, struct effects *effects)
{
    for (int i = 0; i < SLICE_RUNS_MAX; i++) {
        struct kept_entry kept;
        struct log_row log;
        struct named_type type = {0};
        int64_t log_id = 0;
        bool acceptable = false;
        cloud->payload.size = 0;
        cloud->payload.overflow = false;
        enum status status =
            STORE(cloud, rejected_next, &job->readmit.after, &cloud->payload, &log_id, &kept);
        if (status == ST_NOT_FOUND) {
            end_job(job, effects);
            return ST_OK;
        }
        if (status == ST_OK) status = judge_again(cloud, log_id, &kept, &acceptable, &log, &type);
        if (status != ST_OK && status != ST_TAMPERED) return status;
        if (status == ST_OK && job->node != 0 && log.node != job->node) continue;
        if (!acceptable) {
            job->readmit.still_rejected++;
            continue;
        }
        TRY(readmit(cloud, job->readmit.after, &kept, &type, &log));
        job->readmit.readmitted++;
    }
    return ST_OK;
}
