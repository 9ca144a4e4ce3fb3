/* ingest.c - takes an authentic run to where it belongs: it is a continuation, a repetition, a gap
 * or a fork. Only a continuation that cloud_verify has accepted becomes evidence. */
#include <string.h>

#include "cloud-consumer/engine.h"

enum status cloud_log_load(struct cloud *cloud, const struct node_row *node,
                           const struct log_id *log, struct log_row *out)
{
    const enum status found = STORE(cloud, log_find, node->id, log, out);
    if (found != ST_NOT_FOUND) return found;
    *out = (struct log_row){
        .node = node->id,
        .log = *log,
        .key = node->key,
        .created_ms = cloud_wall_ms(cloud),
    };
    tree_init(&out->tree);
    return ST_OK;
}

enum status cloud_log_ensure(struct cloud *cloud, struct log_row *log, bool *ok)
{
    *ok = true;
    if (log->id != 0) return ST_OK;
    uint64_t empty = 0;
    TRY(STORE(cloud, log_empty_count, log->node, &empty));
    if (empty >= LOGS_EMPTY_MAX) {
        cloud_refuse(cloud, REFUSAL_LOGS);
        *ok = false;
        return ST_OK;
    }
    return STORE(cloud, log_add, log);
}

static bool key_id_fits(const struct log_row *log, const struct key_id *key_id)
{
    const struct key_id epoch = key_id_of(&log->key);
    return memcmp(epoch.bytes, key_id->bytes, KEY_ID_SIZE) == 0;
}

/* Two roots for one size, both signed: the other branch is known by its checkpoint alone. */
static enum status fork_checkpoint(struct cloud *cloud, const struct node_row *node,
                                   const struct checkpoint *other, struct log_row *log)
{
    struct kept_entry entry = {
        .sequence = other->size,
        .hash = other->root,
        .reason = FORK_CHECKPOINT,
        .entry = {.signature = other->signature, .form = PAYLOAD_ABSENT},
    };
    return cloud_fork_kept(cloud, node, &entry, log);
}

static bool contradicts(struct cloud *cloud, const struct log_row *log,
                        const struct checkpoint *checkpoint)
{
    if (checkpoint->size == log->announced.size)
        return !digest_equal(&checkpoint->root, &log->announced.root);
    if (checkpoint->size != log->head.sequence) return false;
    const struct digest root = tree_root(&log->tree, cloud->hasher);
    return !digest_equal(&checkpoint->root, &root);
}

enum status cloud_announce(struct cloud *cloud, const struct node_row *node, struct log_row *log,
                           const struct checkpoint *checkpoint, const struct key_id *key_id)
{
    if (checkpoint->size == 0 || !cloud_sequence_ok(checkpoint->size)) return ST_OK;
    const bool forked = contradicts(cloud, log, checkpoint);
    const bool larger =
        checkpoint->size > log->announced.size && checkpoint->size > log->head.sequence;
    if (!forked && !larger) return ST_OK;
    if (!key_id_fits(log, key_id)) {
        cloud_refuse(cloud, REFUSAL_KEY);
        return ST_OK;
    }
    if (!checkpoint_ok(&log->key, &node->name, &log->log, checkpoint)) {
        cloud_refuse(cloud, REFUSAL_CHECKPOINT);
        return ST_OK;
    }
    bool ok;
    TRY(cloud_log_ensure(cloud, log, &ok));
    if (!ok) return ST_OK;
    if (larger) log->announced = *checkpoint;
    TRY(STORE(cloud, log_save, log, &log->head));
    if (!forked) return ST_OK;
    TRY(fork_checkpoint(cloud, node, checkpoint, log));
    return STORE(cloud, log_save, log, &log->head);
}

static enum status file_poison(struct cloud *cloud, const struct node_row *node,
                               const struct evidence_run *run, const struct poison_entry *poison,
                               struct log_row *log)
{
    const struct evidence_entry *const entry = &run->entries[poison->index];
    struct kept_entry kept = {
        .sequence = run->first_sequence + poison->index,
        .hash = run->hashes[poison->index],
        .reason = poison->reason,
        .entry = *entry,
    };
    const enum status status = STORE(cloud, rejected_add, log->id, cloud_wall_ms(cloud), &kept);
    if (status == ST_DUPLICATE) return ST_OK;
    if (status != ST_OK) return status;
    log->rejected_count++;
    trace_line(&cloud->port->trace, TRACE_WARNING, "poison %s/%llu: %s", node->name.text,
               (unsigned long long)kept.sequence, poison_words(poison->reason));
    return STORE(cloud, range_add, log->id, RANGE_REJECTED, kept.sequence);
}

/* The run is authentic but not proved. Entries that are signed one by one and could never be
 * accepted are kept as poison; for all the others the node is asked to send again. */
static enum status refuse_unproved(struct cloud *cloud, const struct run_claim *claim,
                                   struct log_row *log)
{
    const struct verdict *const verdict = cloud->verdict;
    const struct evidence_run *const run = claim->run;
    cloud_refuse(cloud, REFUSAL_CHECKPOINT);
    bool filed = false;
    for (size_t i = 0; i < verdict->poison_count && log->id != 0; i++) {
        const struct evidence_entry *const entry = &run->entries[verdict->poison[i].index];
        if (!evidence_signature_ok(&log->key, &entry->header, &entry->signature)) continue;
        TRY(file_poison(cloud, claim->node, run, &verdict->poison[i], log));
        filed = true;
    }
    if (filed) {
        TRY(STORE(cloud, log_save, log, &log->head));
        cloud_owe_ack(cloud, claim->node);
    }
    cloud_owe_range(cloud, claim->node, log, log->head.sequence + 1,
                    run->first_sequence + run->count - 1);
    return ST_OK;
}

static enum status read_header(const struct evidence_entry *entry, struct evidence_header *out)
{
    const struct bytes bytes = bytes_of(entry->header.bytes, ENTRY_HEADER_SIZE);
    return evidence_header_decode(bytes, out) == ST_OK ? ST_OK : ST_TAMPERED;
}

/* The run as it will be stored: as it came, or, when its beginning is known, its tail encoded
 * anew. */
static enum status run_to_store(struct cloud *cloud, const struct run_claim *claim,
                                const struct envelope *envelope, struct run_row *out)
{
    const struct evidence_run *const run = claim->run;
    const size_t first = claim->first;
    struct evidence_header oldest, newest;
    TRY(read_header(&run->entries[first], &oldest));
    TRY(read_header(&run->entries[run->count - 1], &newest));
    *out = (struct run_row){
        .first_sequence = run->first_sequence + first,
        .last_sequence = run->first_sequence + run->count - 1,
        .first_hlc = oldest.hlc,
        .last_hlc = newest.hlc,
        .last_hash = run->hashes[run->count - 1],
        .form = (envelope->flags & ENVELOPE_FLAG_ZSTD) != 0 ? RUN_ZSTD : RUN_PLAIN,
        .body = envelope->body,
    };
    if (first == 0) return ST_OK;
    struct evidence_writer writer;
    evidence_writer_begin(&writer, cloud->entries.data, cloud->entries.capacity);
    for (size_t i = first; i < run->count; i++) {
        struct evidence_header header;
        TRY(read_header(&run->entries[i], &header));
        if (!evidence_writer_add(&writer, &header, &run->entries[i], cloud->entries.capacity))
            return ST_TAMPERED;
    }
    const struct evidence_run_head head = {
        .log = run->log,
        .first_sequence = out->first_sequence,
        .prev_hash = run->hashes[first - 1],
        .key_id = run->key_id,
        .checkpoint = run->checkpoint,
        .checkpoint_key_id = run->checkpoint_key_id,
    };
    cloud->encoded.size = 0;
    cloud->encoded.overflow = false;
    evidence_msg_encode(&head, &writer, &cloud->encoded);
    if (!buf_ok(&cloud->encoded)) return ST_TAMPERED;
    out->form = RUN_PLAIN;
    out->body = buf_bytes(&cloud->encoded);
    return ST_OK;
}

/* Payloads in parts become evidence together with the entries that name their hash. */
static enum status accept_parts(struct cloud *cloud, struct node_row *node,
                                const struct run_claim *claim, struct log_row *after)
{
    const struct evidence_run *const run = claim->run;
    for (size_t i = claim->first; i < run->count; i++) {
        if (run->entries[i].form != PAYLOAD_PARTS || i == claim->parts_poison) continue;
        const uint64_t staged = cloud_parts_staged(after);
        TRY(STORE(cloud, payload_accept, after->id, after->staged_sequence, after->staged_parts));
        node->staged_bytes -= staged < node->staged_bytes ? staged : node->staged_bytes;
        after->byte_count += staged;
        after->staged_sequence = 0;
        after->staged_parts = 0;
        after->staged_len = 0;
        TRY(STORE(cloud, node_save, node));
    }
    /* Parts of an entry that came in another form are of no use to anybody. */
    const bool passed = after->staged_sequence > claim->log->head.sequence &&
                        after->staged_sequence <= after->head.sequence;
    return passed ? cloud_parts_drop_at(cloud, node, after, after->id) : ST_OK;
}

/* All that a run brings besides itself. *after is saved again when it has changed. */
static enum status store_beside(struct cloud *cloud, struct node_row *node,
                                const struct run_claim *claim, struct log_row *after)
{
    const struct verdict *const verdict = cloud->verdict;
    for (size_t i = 0; i < verdict->poison_count; i++)
        TRY(file_poison(cloud, node, claim->run, &verdict->poison[i], after));
    for (size_t i = 0; i < verdict->type_count; i++) {
        const struct named_type *const type = &verdict->types[i];
        TRY(STORE(cloud, type_add, after->id, type->number, type->name));
    }
    if (claim->loss != NULL) TRY(STORE(cloud, loss_add, after->id, claim->loss));
    if (verdict->announced_forked) TRY(fork_checkpoint(cloud, node, &claim->log->announced, after));
    if (after->pending_count > 0) {
        TRY(cloud_ahead_meet(cloud, node, claim->run, after));
        /* Those that a LOSS entry has gone over stay: they are all there is of their range. */
        const struct sequence_range met = {claim->run->first_sequence, after->head.sequence};
        TRY(STORE(cloud, pending_drop, after->id, &met));
    }
    return accept_parts(cloud, node, claim, after);
}

/* The head moves first, by compare-and-swap: whoever loses that race has written nothing yet. */
static enum status store_run(struct cloud *cloud, struct node_row *node,
                             const struct run_claim *claim, const struct envelope *envelope)
{
    struct log_row *const after = &cloud->verdict->after;
    struct run_row row;
    TRY(run_to_store(cloud, claim, envelope, &row));
    if (after->id == 0) {
        struct log_row fresh = *claim->log;
        TRY(STORE(cloud, log_add, &fresh));
        after->id = fresh.id;
    }
    after->entry_count += claim->run->count - claim->first;
    after->byte_count += row.body.size;
    TRY(STORE(cloud, append, after, &claim->log->head, &row));
    const struct verdict *const verdict = cloud->verdict;
    if (verdict->poison_count > 0 || verdict->announced_forked || after->pending_count > 0 ||
        verdict->type_count > 0 || claim->loss != NULL || after->staged_sequence > 0) {
        TRY(store_beside(cloud, node, claim, after));
        TRY(STORE(cloud, log_save, after, &after->head));
    }
    cloud->audit.due = true;
    cloud_owe_ack(cloud, node);
    return ST_OK;
}

/* Looks at payloads in parts before anything is judged. *go_on false: they are not there, or not
 * right; they are asked for. */
static enum status look_at_parts(struct cloud *cloud, struct node_row *node, struct log_row *log,
                                 struct run_claim *claim, bool *go_on)
{
    const struct evidence_run *const run = claim->run;
    *go_on = true;
    for (size_t i = claim->first; i < run->count; i++) {
        if (run->entries[i].form != PAYLOAD_PARTS) continue;
        struct evidence_header header;
        TRY(read_header(&run->entries[i], &header));
        enum parts_state state;
        TRY(cloud_parts_check(cloud, log, &header, &state));
        if (state == PARTS_GOOD) continue;
        /* The second time it is the entry that is wrong, not the transfer; and no parts ever can
         * belong to a payload that small. */
        const bool hopeless = header.payload_len <= INLINE_PAYLOAD_SIZE_MAX ||
                              (state == PARTS_BAD && log->parts_failed == header.sequence);
        if (hopeless) {
            claim->parts_poison = i;
            continue;
        }
        *go_on = false;
        if (state == PARTS_BAD) {
            cloud_refuse(cloud, REFUSAL_PARTS);
            log->parts_failed = header.sequence;
            TRY(cloud_parts_drop(cloud, node, log));
            TRY(STORE(cloud, log_save, log, &log->head));
        }
        cloud_owe_ack(cloud, node); /* it says which parts are there */
        cloud_owe_range(cloud, node, log, header.sequence, header.sequence);
        return ST_OK;
    }
    return ST_OK;
}

static enum status continue_log(struct cloud *cloud, struct node_row *node, struct log_row *log,
                                struct run_claim *claim, const struct envelope *envelope)
{
    bool go_on;
    TRY(look_at_parts(cloud, node, log, claim, &go_on));
    if (!go_on) return ST_OK;
    const enum refusal refusal = cloud_verify(cloud, claim, cloud->verdict);
    if (refusal == REFUSAL_COUNT) return store_run(cloud, node, claim, envelope);
    if (refusal == REFUSAL_CHECKPOINT) return refuse_unproved(cloud, claim, log);
    cloud_refuse(cloud, refusal);
    return ST_OK;
}

static enum status save_fork(struct cloud *cloud, struct node_row *node,
                             const struct evidence_run *run, size_t first, struct log_row *log)
{
    bool ok;
    TRY(cloud_log_ensure(cloud, log, &ok));
    if (!ok) return ST_OK;
    TRY(STORE(cloud, log_save, log, &log->head)); /* nobody else has moved it meanwhile */
    TRY(cloud_fork_entries(cloud, node, run, first, log));
    cloud_owe_ack(cloud, node);
    return STORE(cloud, log_save, log, &log->head);
}

/* The index of the first entry up to the head whose hash is not the stored one; run->count when
 * they are all the same. What a LOSS took away is not compared: nothing is there to compare. */
static enum status first_difference(struct cloud *cloud, const struct node_row *node,
                                    const struct evidence_run *run, const struct log_row *log,
                                    size_t *out)
{
    const uint64_t last = run->first_sequence + run->count - 1;
    const uint64_t end = last < log->head.sequence ? last : log->head.sequence;
    const size_t known = (size_t)(end - run->first_sequence + 1);
    struct digest hash;
    bool there;
    *out = run->count;
    /* Each hash covers the one before: when the last is the same, all are. */
    TRY(cloud_stored_hash(cloud, log, &node->name, end, &hash, &there));
    if (there && digest_equal(&hash, &run->hashes[known - 1])) return ST_OK;
    for (size_t i = 0; i < known; i++) {
        const uint64_t sequence = run->first_sequence + i;
        TRY(cloud_stored_hash(cloud, log, &node->name, sequence, &hash, &there));
        if (!there || digest_equal(&hash, &run->hashes[i])) continue;
        *out = i;
        return ST_OK;
    }
    return ST_OK;
}

static enum status find_loss(struct cloud *cloud, const struct log_row *log,
                             const struct evidence_run *run, struct loss_row *out)
{
    const struct sequence_range gap = {log->head.sequence + 1, run->first_sequence - 1};
    const enum status status = cloud_ahead_loss(cloud, log, &gap, out);
    if (status != ST_NOT_FOUND) return status;
    for (size_t i = 0; i < run->count; i++) {
        const struct evidence_entry *const entry = &run->entries[i];
        struct evidence_header header;
        TRY(read_header(entry, &header));
        if (!cloud_loss_of(cloud, &header, entry, out)) continue;
        if (out->from != gap.from || out->to != gap.to) continue;
        if (evidence_signature_ok(&log->key, &entry->header, &entry->signature)) return ST_OK;
    }
    return ST_NOT_FOUND;
}

static enum status ingest_above_gap(struct cloud *cloud, struct node_row *node, struct log_row *log,
                                    struct run_claim *claim, const struct envelope *envelope)
{
    const struct evidence_run *const run = claim->run;
    if (log->frozen) {
        bool branch = false;
        TRY(STORE(cloud, fork_has, log->id, run->first_sequence - 1, &run->prev_hash, &branch));
        if (branch) return save_fork(cloud, node, run, 0, log);
    }
    struct loss_row loss;
    const enum status status =
        log->head.sequence == 0 ? ST_NOT_FOUND : find_loss(cloud, log, run, &loss);
    if (status == ST_OK) {
        claim->loss = &loss;
        return continue_log(cloud, node, log, claim, envelope);
    }
    if (status != ST_NOT_FOUND) return status;
    TRY(cloud_announce(cloud, node, log, &run->checkpoint, &run->checkpoint_key_id));
    cloud_owe_range(cloud, node, log, log->head.sequence + 1, run->first_sequence - 1);
    return ST_OK;
}

static enum status ingest_once(struct cloud *cloud, struct node_row *node,
                               const struct evidence_run *run, const struct envelope *envelope)
{
    struct log_row log;
    TRY(cloud_log_load(cloud, node, &run->log, &log));
    if (!public_key_equal(&log.key, &node->key) ||
        (run->count > 0 && !key_id_fits(&log, &run->key_id))) {
        cloud_refuse(cloud, REFUSAL_KEY);
        return ST_OK;
    }
    if (run->count == 0) {
        cloud_owe_ack(cloud, node);
        return cloud_announce(cloud, node, &log, &run->checkpoint, &run->checkpoint_key_id);
    }
    const uint64_t last = run->first_sequence + run->count - 1;
    struct run_claim claim = {
        .node = node,
        .log = &log,
        .run = run,
        .parts_poison = SIZE_MAX,
    };
    if (run->first_sequence > log.head.sequence + 1)
        return ingest_above_gap(cloud, node, &log, &claim, envelope);
    if (run->first_sequence == log.head.sequence + 1) {
        if (!digest_equal(&run->prev_hash, &log.head.hash))
            return save_fork(cloud, node, run, 0, &log);
        return continue_log(cloud, node, &log, &claim, envelope);
    }
    size_t different = 0;
    TRY(first_difference(cloud, node, run, &log, &different));
    if (different < run->count) return save_fork(cloud, node, run, different, &log);
    if (last <= log.head.sequence) {
        cloud_owe_ack(cloud, node);
        return ST_OK;
    }
    claim.first = (size_t)(log.head.sequence - run->first_sequence + 1);
    return continue_log(cloud, node, &log, &claim, envelope);
}

enum status cloud_ingest(struct cloud *cloud, struct node_row *node, const struct evidence_run *run,
                         const struct envelope *envelope)
{
    if (run->count > 0 && !cloud_sequence_ok(run->first_sequence)) {
        cloud_refuse(cloud, REFUSAL_BODY);
        return ST_OK;
    }
    for (int attempt = 0; attempt < APPEND_ATTEMPTS_MAX; attempt++) {
        struct node_row fresh = *node;
        const enum status status = ingest_once(cloud, &fresh, run, envelope);
        if (status != ST_CONFLICT) return status;
    }
    return ST_CONFLICT;
}
