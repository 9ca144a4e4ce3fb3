/* stored.c - reads stored runs back: the same bytes, through the same decoder that took them in. */
#include "cloud-consumer/engine.h"

static enum status decode(struct cloud *cloud, const struct node_name *node,
                          struct stored_run *stored)
{
    struct bytes plain = stored->row.body;
    if (stored->row.form == RUN_ZSTD) {
        const struct envelope envelope = {
            .flags = ENVELOPE_FLAG_ZSTD,
            .body = stored->row.body,
        };
        stored->plain.size = 0;
        stored->plain.overflow = false;
        if (envelope_body(&envelope, cloud->compressor, &stored->plain, &plain) != ST_OK)
            return ST_TAMPERED;
    }
    const enum status status =
        evidence_msg_decode(cloud->unpacker, cloud->hasher, node, plain, stored->run);
    if (status == ST_NO_MEMORY) return status;
    return status == ST_OK ? ST_OK : ST_TAMPERED;
}

static bool fits_its_row(const struct stored_run *stored, const struct log_id *log_id)
{
    const struct evidence_run *const run = stored->run;
    return run->count > 0 && log_id_equal(&run->log, log_id) &&
           run->first_sequence == stored->row.first_sequence &&
           run->first_sequence + run->count - 1 == stored->row.last_sequence;
}

enum status cloud_stored_run(struct cloud *cloud, int64_t log, const struct log_id *log_id,
                             const struct node_name *node, uint64_t sequence,
                             const struct stored_run **out)
{
    struct stored_run *const stored = &cloud->stored;
    *out = stored;
    if (stored->log == log && stored->row.first_sequence <= sequence &&
        stored->row.last_sequence >= sequence)
        return ST_OK;
    stored->log = 0;
    stored->body.size = 0;
    stored->body.overflow = false;
    const enum status found = STORE(cloud, run_at, log, sequence, &stored->body, &stored->row);
    if (found == ST_TOO_LARGE) return ST_TAMPERED;
    if (found != ST_OK) return found;
    TRY(decode(cloud, node, stored));
    if (!fits_its_row(stored, log_id)) return ST_TAMPERED;
    stored->log = log;
    return ST_OK;
}

enum status cloud_stored_hash(struct cloud *cloud, const struct log_row *log,
                              const struct node_name *node, uint64_t sequence, struct digest *out,
                              bool *there)
{
    *there = true;
    if (sequence == log->head.sequence) {
        *out = log->head.hash;
        return ST_OK;
    }
    struct run_row row;
    enum status status = STORE(cloud, run_peek, log->id, sequence, &row);
    if (status == ST_NOT_FOUND || (status == ST_OK && row.first_sequence > sequence)) {
        *there = false;
        return ST_OK;
    }
    if (status != ST_OK) return status;
    if (row.last_sequence == sequence) {
        *out = row.last_hash;
        return ST_OK;
    }
    const struct stored_run *stored = NULL;
    status = cloud_stored_run(cloud, log->id, &log->log, node, sequence, &stored);
    if (status == ST_NOT_FOUND) return ST_TAMPERED;
    if (status != ST_OK) return status;
    *out = stored->run->hashes[sequence - stored->row.first_sequence];
    return ST_OK;
}
