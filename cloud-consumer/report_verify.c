/* report_verify.c - evidence-verify: believes nothing of what the database says but the bytes that
 * nodes have signed. Each log is walked from its first entry: form, chain, tree, every checkpoint,
 * every entry's own signature, every payload in parts; at the end the log's row must agree. */
#include <string.h>

#include "cloud-consumer/report.h"

/* One log in hand, for the time of a slice. */
struct walk {
    struct cloud_job *job;
    struct effects *effects;
    struct log_row log;
    struct node_row node;
};

static enum status tampered(struct walk *walk, uint64_t sequence, const char *what)
{
    char log[2 * LOG_ID_SIZE + 1];
    hex_encode(bytes_of(walk->log.log.bytes, LOG_ID_SIZE), log);
    cloud_job_end(walk->effects, walk->job, ST_TAMPERED, "node %s, log %s, sequence %llu: %s",
                  walk->node.name.text, log, (unsigned long long)sequence, what);
    return ST_OK;
}

static void put_sums(struct walk *walk)
{
    const struct verify_job *const verify = &walk->job->verify;
    struct buf out = cloud_reply_space(walk->effects, 512);
    record_reply_begin(&out, 3);
    record_uint(&out, "logs", verify->log_count);
    record_uint(&out, "entries", verify->done);
    record_uint(&out, "lost", verify->lost_count);
    cloud_reply(walk->effects, walk->job->client, &out);
}

static void put_progress(struct walk *walk)
{
    struct verify_job *const verify = &walk->job->verify;
    if (verify->done < verify->told + PROGRESS_INTERVAL_ENTRIES) return;
    verify->told = verify->done;
    const uint64_t total = verify->done > verify->total ? verify->done : verify->total;
    struct buf out = cloud_reply_space(walk->effects, 128);
    progress_reply_encode(&out, verify->done, total, "entries");
    cloud_reply(walk->effects, walk->job->client, &out);
}

static enum status begin_log(struct cloud *cloud, struct walk *walk)
{
    struct verify_job *const verify = &walk->job->verify;
    const enum status status =
        STORE(cloud, log_next, walk->job->node, verify->after_log, &walk->log);
    if (status == ST_NOT_FOUND) {
        put_sums(walk);
        cloud_job_end(walk->effects, walk->job, ST_OK, "%llu entries of %llu logs are good",
                      (unsigned long long)verify->done, (unsigned long long)verify->log_count);
        return ST_OK;
    }
    if (status == ST_TAMPERED) {
        cloud_job_end(walk->effects, walk->job, status, "the stored row of a log is damaged");
        return ST_OK;
    }
    if (status != ST_OK) return status;
    verify->after_log = walk->log.id;
    if (walk->log.head.sequence == 0) return ST_OK;
    verify->log = walk->log.id;
    verify->log_count++;
    verify->head = (struct chain_head){0};
    tree_init(&verify->tree);
    verify->target = walk->log.head;
    verify->target_root = tree_root(&walk->log.tree, cloud->hasher);
    verify->signatures = 0;
    verify->parts = 0;
    verify->run_ok = false;
    return ST_OK;
}

static enum status end_log(struct cloud *cloud, struct walk *walk)
{
    struct verify_job *const verify = &walk->job->verify;
    const struct digest root = tree_root(&verify->tree, cloud->hasher);
    if (!digest_equal(&verify->head.hash, &verify->target.hash))
        return tampered(walk, verify->head.sequence, "the log's row names another head");
    if (!digest_equal(&root, &verify->target_root))
        return tampered(walk, verify->head.sequence, "the log's row holds another tree");
    verify->log = 0;
    return ST_OK;
}

/* The chain goes on over entries that a LOSS entry has declared gone. */
static enum status cross_loss(struct cloud *cloud, struct walk *walk, uint64_t next_first)
{
    struct verify_job *const verify = &walk->job->verify;
    const uint64_t from = verify->head.sequence + 1;
    struct loss_row loss;
    uint8_t levels[LOSS_NODES_MAX];
    const enum status status = STORE(cloud, loss_at, walk->log.id, from, &loss);
    if (status == ST_NOT_FOUND) return tampered(walk, from, "the entry is missing");
    if (status == ST_TAMPERED) return tampered(walk, from, "the row of a loss is damaged");
    if (status != ST_OK) return status;
    if (loss.from != from || loss.to + 1 != next_first || loss.to < loss.from)
        return tampered(walk, from, "the entry is missing");
    const size_t count = tree_range_levels(loss.from - 1, loss.to, levels);
    if (count != loss.node_count) return tampered(walk, from, "the row of a loss is damaged");
    for (size_t i = 0; i < count; i++)
        tree_append_subtree(&verify->tree, cloud->hasher, levels[i], &loss.nodes[i], NULL);
    verify->head.sequence = loss.to;
    verify->head.hash = loss.last_hash;
    verify->lost_count += loss.to - loss.from + 1;
    verify->done += loss.to - loss.from + 1;
    return ST_OK;
}

static bool genesis_names_key(struct cloud *cloud, const struct log_row *log,
                              const struct evidence_entry *entry)
{
    struct genesis genesis;
    return entry->form == PAYLOAD_INLINE &&
           genesis_decode(cloud->control_unpacker, entry->payload, &genesis) == ST_OK &&
           public_key_equal(&genesis.key, &log->key);
}

/* Chain, tree and checkpoint of the run after the head; verify->tree is moved over it. */
static enum status verify_run(struct cloud *cloud, struct walk *walk,
                              const struct evidence_run *run)
{
    struct verify_job *const verify = &walk->job->verify;
    const struct key_id key_id = key_id_of(&walk->log.key);
    const uint64_t last = run->first_sequence + run->count - 1;
    if (!digest_equal(&run->prev_hash, &verify->head.hash))
        return tampered(walk, run->first_sequence, "it does not follow the entry before");
    if (memcmp(run->key_id.bytes, key_id.bytes, KEY_ID_SIZE) != 0 ||
        memcmp(run->checkpoint_key_id.bytes, key_id.bytes, KEY_ID_SIZE) != 0)
        return tampered(walk, run->first_sequence, "it names another key");
    if (run->first_sequence == 1 && !genesis_names_key(cloud, &walk->log, &run->entries[0]))
        return tampered(walk, 1, "it is no GENESIS of the log's key");
    for (size_t i = 0; i < run->count; i++) {
        const struct evidence_entry *const entry = &run->entries[i];
        const struct digest leaf = evidence_leaf(cloud->hasher, &entry->header, &entry->signature);
        tree_append(&verify->tree, cloud->hasher, &leaf, NULL);
    }
    const struct digest root = tree_root(&verify->tree, cloud->hasher);
    if (run->checkpoint.size != verify->tree.size || !digest_equal(&root, &run->checkpoint.root))
        return tampered(walk, last, "entries up to here do not have the root that was signed");
    if (!checkpoint_ok(&walk->log.key, &walk->node.name, &walk->log.log, &run->checkpoint))
        return tampered(walk, last, "the signature of the checkpoint does not verify");
    verify->run_ok = true;
    return ST_OK;
}

/* A payload in parts, a few parts a slice. *done false: go on in the next slice. */
static enum status verify_parts(struct cloud *cloud, struct walk *walk,
                                const struct evidence_header *header, bool *done)
{
    struct verify_job *const verify = &walk->job->verify;
    struct hasher *const hasher = walk->job->hasher;
    uint32_t parts = 0;
    *done = false;
    enum status status = STORE(cloud, payload_parts, walk->log.id, header->sequence, &parts);
    if (status == ST_NOT_FOUND) {
        bool rejected = false;
        TRY(STORE(cloud, rejected_has, walk->log.id, header->sequence, &rejected));
        if (!rejected) return tampered(walk, header->sequence, "its payload is missing");
        *done = true;
        return ST_OK;
    }
    if (status != ST_OK) return status;
    if (verify->parts == 0) hasher_begin(hasher);
    for (int i = 0; i < SLICE_PARTS_MAX && verify->parts < parts; i++) {
        cloud->payload.size = 0;
        cloud->payload.overflow = false;
        status = STORE(cloud, part_get, walk->log.id, header->sequence, verify->parts++,
                       &cloud->payload);
        if (status == ST_NOT_FOUND || status == ST_TOO_LARGE)
            return tampered(walk, header->sequence, "a part of its payload is missing");
        if (status != ST_OK) return status;
        hasher_add(hasher, buf_bytes(&cloud->payload));
    }
    if (verify->parts < parts) return ST_OK;
    const struct digest hash = hasher_end(hasher);
    if (!digest_equal(&hash, &header->payload_hash))
        return tampered(walk, header->sequence, "its payload was altered");
    verify->parts = 0;
    *done = true;
    return ST_OK;
}

static enum status verify_signatures(struct cloud *cloud, struct walk *walk,
                                     const struct evidence_run *run)
{
    struct verify_job *const verify = &walk->job->verify;
    for (int i = 0; i < AUDIT_SLICE_SIGNATURES && verify->signatures < run->count; i++) {
        const struct evidence_entry *const entry = &run->entries[verify->signatures];
        const uint64_t sequence = run->first_sequence + verify->signatures;
        struct evidence_header header;
        if (verify->parts == 0 &&
            !evidence_signature_ok(&walk->log.key, &entry->header, &entry->signature))
            return tampered(walk, sequence, "its signature does not verify");
        if (evidence_header_decode(bytes_of(entry->header.bytes, ENTRY_HEADER_SIZE), &header) !=
            ST_OK)
            return tampered(walk, sequence, "its header cannot be read");
        if (entry->form == PAYLOAD_PARTS) {
            bool done;
            TRY(verify_parts(cloud, walk, &header, &done));
            if (!done) return ST_OK;
        }
        verify->signatures++;
        verify->done++;
    }
    if (verify->signatures < run->count) return ST_OK;
    verify->head.sequence = run->first_sequence + run->count - 1;
    verify->head.hash = run->hashes[run->count - 1];
    verify->signatures = 0;
    verify->run_ok = false;
    return ST_OK;
}

enum status cloud_verify_slice(struct cloud *cloud, struct cloud_job *job, struct effects *effects)
{
    struct verify_job *const verify = &job->verify;
    struct walk walk = {.job = job, .effects = effects};
    if (verify->log == 0) return begin_log(cloud, &walk);
    enum status status = cloud_log_of_job(cloud, verify->log, &walk.log, &walk.node);
    if (status == ST_TAMPERED || status == ST_NOT_FOUND) {
        cloud_job_end(effects, job, ST_TAMPERED, "the stored row of a log or node is damaged");
        return ST_OK;
    }
    if (status != ST_OK) return status;
    if (verify->head.sequence == verify->target.sequence) return end_log(cloud, &walk);
    const uint64_t next = verify->head.sequence + 1;
    const struct stored_run *stored = NULL;
    /* What was decoded for somebody else may be older than the last tampering. */
    if (!verify->run_ok) cloud->stored.log = 0;
    status = cloud_stored_run(cloud, walk.log.id, &walk.log.log, &walk.node.name, next, &stored);
    if (status == ST_NOT_FOUND) return tampered(&walk, next, "the entry is missing");
    if (status == ST_TAMPERED) return tampered(&walk, next, "the stored bytes cannot be decoded");
    if (status != ST_OK) return status;
    if (stored->row.first_sequence < next) return tampered(&walk, next, "two stored runs overlap");
    if (stored->row.first_sequence > next)
        return cross_loss(cloud, &walk, stored->row.first_sequence);
    if (stored->row.last_sequence > verify->target.sequence)
        return tampered(&walk, verify->target.sequence, "the log's row names another head");
    if (!verify->run_ok) {
        TRY(verify_run(cloud, &walk, stored->run));
        if (job->kind == JOB_NONE) return ST_OK;
    }
    TRY(verify_signatures(cloud, &walk, stored->run));
    if (job->kind != JOB_NONE) put_progress(&walk);
    return ST_OK;
}
