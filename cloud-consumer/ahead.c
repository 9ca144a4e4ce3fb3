/* ahead.c - critical and LOSS entries that come before their turn. Each is proved by its own
 * signature and kept pending; the chain meets it later and must find the very same entry. */
#include <string.h>

#include "cloud-consumer/engine.h"

static struct buf *payload_scratch(struct cloud *cloud)
{
    cloud->payload.size = 0;
    cloud->payload.overflow = false;
    return &cloud->payload;
}

/* The pending entry of exactly this sequence. */
static enum status pending_at(struct cloud *cloud, const struct log_row *log, uint64_t sequence,
                              struct kept_entry *out)
{
    TRY(STORE(cloud, pending_next, log->id, sequence, NULL, out));
    return out->sequence == sequence ? ST_OK : ST_NOT_FOUND;
}

/* What is known of this sequence: the same entry, another one, or (ST_NOT_FOUND) nothing. */
static enum status compare(struct cloud *cloud, const struct node_row *node,
                           const struct log_row *log, uint64_t sequence, const struct digest *hash,
                           bool *same)
{
    struct digest known;
    bool there = true;
    if (sequence > log->head.sequence) {
        struct kept_entry pending;
        TRY(pending_at(cloud, log, sequence, &pending));
        known = pending.hash;
    } else {
        TRY(cloud_stored_hash(cloud, log, &node->name, sequence, &known, &there));
    }
    /* What a LOSS took away cannot be compared; it is delivered, as far as anybody can say. */
    *same = !there || digest_equal(&known, hash);
    return ST_OK;
}

static enum status add_pending(struct cloud *cloud, const struct evidence_header *header,
                               const struct kept_entry *entry, struct log_row *log)
{
    if (log->pending_count >= cloud->settings.pending_entries_max) {
        cloud_refuse(cloud, REFUSAL_PENDING);
        return ST_OK;
    }
    struct loss_row loss;
    struct sequence_range range = {0};
    if (cloud_loss_of(cloud, header, &entry->entry, &loss))
        range = (struct sequence_range){loss.from, loss.to};
    TRY(STORE(cloud, pending_add, log->id, entry, &range));
    log->pending_count++;
    return ST_OK;
}

static enum status take(struct cloud *cloud, const struct node_row *node,
                        const struct evidence_entry *entry, const struct digest *hash,
                        struct log_row *log)
{
    struct evidence_header header;
    if (evidence_header_decode(bytes_of(entry->header.bytes, ENTRY_HEADER_SIZE), &header) != ST_OK)
        return ST_TAMPERED;
    const struct key_id epoch = key_id_of(&log->key);
    if (!cloud_sequence_ok(header.sequence) ||
        memcmp(header.key_id.bytes, epoch.bytes, KEY_ID_SIZE) != 0) {
        cloud_refuse(cloud, REFUSAL_KEY);
        return ST_OK;
    }
    bool same = false;
    const enum status known = compare(cloud, node, log, header.sequence, hash, &same);
    if (known != ST_OK && known != ST_NOT_FOUND) return known;
    if (known == ST_OK && same) return ST_OK;
    if (!evidence_signature_ok(&log->key, &entry->header, &entry->signature)) {
        cloud_refuse(cloud, REFUSAL_ENTRY);
        return ST_OK;
    }
    const struct kept_entry kept = {
        .sequence = header.sequence,
        .hash = *hash,
        .reason = FORK_ENTRY,
        .entry = *entry,
    };
    if (known == ST_OK) return cloud_fork_kept(cloud, node, &kept, log);
    return add_pending(cloud, &header, &kept, log);
}

enum status cloud_ahead(struct cloud *cloud, struct node_row *node, const struct evidence_run *run)
{
    struct log_row log;
    bool ok;
    TRY(cloud_log_load(cloud, node, &run->log, &log));
    if (!public_key_equal(&log.key, &node->key)) {
        cloud_refuse(cloud, REFUSAL_KEY);
        return ST_OK;
    }
    /* A log that is not known yet is made only for an entry that is proved. */
    if (log.id == 0 &&
        !evidence_signature_ok(&log.key, &run->entries[0].header, &run->entries[0].signature)) {
        cloud_refuse(cloud, REFUSAL_ENTRY);
        return ST_OK;
    }
    TRY(cloud_log_ensure(cloud, &log, &ok));
    if (!ok) return ST_OK;
    TRY(STORE(cloud, log_save, &log, &log.head)); /* nobody else has moved it meanwhile */
    for (size_t i = 0; i < run->count; i++)
        TRY(take(cloud, node, &run->entries[i], &run->hashes[i], &log));
    cloud_owe_ack(cloud, node);
    return STORE(cloud, log_save, &log, &log.head);
}

enum status cloud_ahead_loss(struct cloud *cloud, const struct log_row *log,
                             const struct sequence_range *range, struct loss_row *out)
{
    struct kept_entry kept;
    struct evidence_header header;
    if (log->pending_count == 0) return ST_NOT_FOUND;
    TRY(STORE(cloud, pending_loss, log->id, range, payload_scratch(cloud), &kept));
    if (evidence_header_decode(bytes_of(kept.entry.header.bytes, ENTRY_HEADER_SIZE), &header) !=
            ST_OK ||
        !cloud_loss_of(cloud, &header, &kept.entry, out))
        return ST_TAMPERED;
    return out->from == range->from && out->to == range->to ? ST_OK : ST_TAMPERED;
}

enum status cloud_ahead_meet(struct cloud *cloud, const struct node_row *node,
                             const struct evidence_run *run, struct log_row *log)
{
    uint64_t next = run->first_sequence;
    for (;;) {
        struct kept_entry pending;
        const enum status status =
            STORE(cloud, pending_next, log->id, next, payload_scratch(cloud), &pending);
        if (status == ST_NOT_FOUND) return ST_OK;
        if (status != ST_OK) return status;
        if (pending.sequence > log->head.sequence) return ST_OK;
        next = pending.sequence + 1;
        if (log->pending_count > 0) log->pending_count--;
        const size_t index = (size_t)(pending.sequence - run->first_sequence);
        if (digest_equal(&run->hashes[index], &pending.hash)) continue;
        pending.reason = FORK_ENTRY;
        TRY(cloud_fork_kept(cloud, node, &pending, log));
    }
}
