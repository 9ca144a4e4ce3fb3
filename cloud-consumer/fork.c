/* fork.c - two signed histories of one log: proof of a clone or a restored backup. Both are kept,
 * the log is frozen, and an operator hears of it. Nothing that is stored already ever changes. */
#include "cloud-consumer/engine.h"

static void freeze(struct cloud *cloud, const struct node_row *node, uint64_t sequence,
                   struct log_row *log)
{
    if (!log->frozen) {
        trace_line(&cloud->port->trace, TRACE_ALARM,
                   "fork %s/%llu: two signed histories, the log is frozen", node->name.text,
                   (unsigned long long)sequence);
    }
    log->frozen = true;
}

enum status cloud_fork_kept(struct cloud *cloud, const struct node_row *node,
                            const struct kept_entry *entry, struct log_row *log)
{
    const enum status status = STORE(cloud, fork_add, log->id, cloud_wall_ms(cloud), entry);
    if (status != ST_OK && status != ST_DUPLICATE) return status;
    freeze(cloud, node, entry->sequence, log);
    if (status == ST_OK) log->fork_count++;
    if (status == ST_DUPLICATE || entry->reason == FORK_CHECKPOINT) return ST_OK;
    return STORE(cloud, range_add, log->id, RANGE_FORKED, entry->sequence);
}

/* When everything before the entry is held, everything up to it is: its node may go on after it.
 * Told by its hash, because copies of a node fill one sequence with different entries. */
static enum status move_tip(struct cloud *cloud, const struct node_row *node,
                            const struct log_row *log, const struct evidence_header *header,
                            const struct digest *hash)
{
    const struct branch_tip before = {header->sequence - 1, header->prev_hash};
    const struct branch_tip tip = {header->sequence, *hash};
    const enum status moved = STORE(cloud, tip_extend, log->id, &before, &tip);
    if (moved != ST_NOT_FOUND) return moved;
    if (before.sequence == 0) return STORE(cloud, tip_add, log->id, &tip);
    if (before.sequence > log->head.sequence) return ST_OK;
    struct digest chained;
    bool there;
    TRY(cloud_stored_hash(cloud, log, &node->name, before.sequence, &chained, &there));
    if (!there || !digest_equal(&chained, &before.hash)) return ST_OK;
    return STORE(cloud, tip_add, log->id, &tip);
}

/* A large payload of another branch is kept as well. *go_on false: its parts are not there or not
 * right, and are asked for; the second time it is the entry that is wrong. */
static enum status look_at_parts(struct cloud *cloud, struct node_row *node, struct log_row *log,
                                 const struct evidence_header *header, enum parts_state *state,
                                 bool *go_on)
{
    TRY(cloud_parts_check(cloud, log, header, state));
    const bool hopeless = header->payload_len <= INLINE_PAYLOAD_SIZE_MAX ||
                          (*state == PARTS_BAD && log->parts_failed == header->sequence);
    *go_on = *state == PARTS_GOOD || hopeless;
    if (*go_on) return ST_OK;
    freeze(cloud, node, header->sequence, log); /* parts for another branch are taken from now on */
    cloud_owe_range(cloud, node, log, header->sequence, header->sequence);
    if (*state != PARTS_BAD) return ST_OK;
    cloud_refuse(cloud, REFUSAL_PARTS);
    log->parts_failed = header->sequence;
    return cloud_parts_drop(cloud, node, log);
}

static enum status keep_entry(struct cloud *cloud, struct node_row *node,
                              const struct evidence_header *header, const struct kept_entry *kept,
                              struct log_row *log, bool *go_on)
{
    enum parts_state state = PARTS_MISSING;
    *go_on = true;
    if (kept->entry.form == PAYLOAD_PARTS)
        TRY(look_at_parts(cloud, node, log, header, &state, go_on));
    if (!*go_on) return ST_OK;
    TRY(cloud_fork_kept(cloud, node, kept, log));
    if (state == PARTS_GOOD) {
        const int64_t place = cloud_parts_place(log, kept->sequence);
        TRY(STORE(cloud, fork_parts, log->id, kept->sequence, &kept->hash, place));
        TRY(cloud_parts_drop_at(cloud, node, log, place));
    }
    return move_tip(cloud, node, log, header, &kept->hash);
}

enum status cloud_fork_entries(struct cloud *cloud, struct node_row *node,
                               const struct evidence_run *run, size_t first, struct log_row *log)
{
    for (size_t i = first; i < run->count; i++) {
        const struct evidence_entry *const entry = &run->entries[i];
        struct evidence_header header;
        bool known = false;
        if (evidence_header_decode(bytes_of(entry->header.bytes, ENTRY_HEADER_SIZE), &header) !=
            ST_OK)
            return ST_TAMPERED;
        TRY(STORE(cloud, fork_has, log->id, header.sequence, &run->hashes[i], &known));
        if (known) {
            TRY(move_tip(cloud, node, log, &header, &run->hashes[i]));
            continue;
        }
        /* Without the log's own signature it proves nothing but that somebody made it up. */
        if (!evidence_signature_ok(&log->key, &entry->header, &entry->signature)) {
            cloud_refuse(cloud, REFUSAL_ENTRY);
            continue;
        }
        const struct kept_entry kept = {
            .sequence = header.sequence,
            .hash = run->hashes[i],
            .reason = FORK_ENTRY,
            .entry = *entry,
        };
        bool go_on;
        TRY(keep_entry(cloud, node, &header, &kept, log, &go_on));
        if (!go_on) return ST_OK;
    }
    return ST_OK;
}
