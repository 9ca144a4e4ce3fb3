/* parts.c - large payloads in pieces: staged in the order they come, one payload a log, bounded a
 * node; evidence only when the entry that names their hash is accepted. */
#include "cloud-consumer/engine.h"

uint32_t cloud_parts_count(uint64_t payload_len)
{
    return (uint32_t)((payload_len + PART_SIZE - 1) / PART_SIZE);
}

uint64_t cloud_parts_staged(const struct log_row *log)
{
    const uint64_t full = (uint64_t)log->staged_parts * PART_SIZE;
    return full < log->staged_len ? full : log->staged_len;
}

int64_t cloud_parts_place(const struct log_row *log, uint64_t sequence)
{
    return sequence <= log->head.sequence ? -log->id : log->id;
}

enum status cloud_parts_drop(struct cloud *cloud, struct node_row *node, struct log_row *log)
{
    return cloud_parts_drop_at(cloud, node, log, cloud_parts_place(log, log->staged_sequence));
}

enum status cloud_parts_drop_at(struct cloud *cloud, struct node_row *node, struct log_row *log,
                                int64_t place)
{
    if (log->staged_sequence == 0) return ST_OK;
    const uint64_t staged = cloud_parts_staged(log);
    TRY(STORE(cloud, parts_discard, place, log->staged_sequence));
    node->staged_bytes -= staged < node->staged_bytes ? staged : node->staged_bytes;
    log->staged_sequence = 0;
    log->staged_parts = 0;
    log->staged_len = 0;
    return STORE(cloud, node_save, node);
}

/* Other logs of the node give way: their parts are only staged, the node has them still. */
static enum status make_room(struct cloud *cloud, struct node_row *node, const struct log_row *log,
                             uint64_t size, bool *room)
{
    int64_t after = 0;
    *room = false;
    struct log_row other;
    while (node->staged_bytes + size > cloud->settings.staged_bytes_max) {
        const enum status status = STORE(cloud, log_next, node->id, after, &other);
        if (status == ST_NOT_FOUND) return ST_OK;
        if (status != ST_OK) return status;
        after = other.id;
        if (other.id == log->id || other.staged_sequence == 0) continue;
        TRY(cloud_parts_drop(cloud, node, &other));
        TRY(STORE(cloud, log_save, &other, &other.head));
    }
    *room = true;
    return ST_OK;
}

static enum status stage(struct cloud *cloud, struct node_row *node,
                         const struct evidence_part *part, struct log_row *log)
{
    const uint64_t before = cloud_parts_staged(log);
    bool room;
    TRY(make_room(cloud, node, log, part->bytes.size, &room));
    if (!room) {
        cloud_refuse(cloud, REFUSAL_PARTS);
        return ST_OK;
    }
    const int64_t place = cloud_parts_place(log, part->sequence);
    TRY(STORE(cloud, part_add, place, part->sequence, part->part, part->bytes));
    log->staged_sequence = part->sequence;
    log->staged_len = part->payload_len;
    log->staged_parts = part->part + 1;
    node->staged_bytes += cloud_parts_staged(log) - before;
    TRY(STORE(cloud, node_save, node));
    return STORE(cloud, log_save, log, &log->head);
}

enum status cloud_part(struct cloud *cloud, struct node_row *node, const struct evidence_part *part)
{
    struct log_row log;
    bool ok;
    TRY(cloud_log_load(cloud, node, &part->log, &log));
    if (!public_key_equal(&log.key, &node->key) || !cloud_sequence_ok(part->sequence)) {
        cloud_refuse(cloud, REFUSAL_KEY);
        return ST_OK;
    }
    cloud_owe_ack(cloud, node);
    /* Of a frozen log they may belong to another branch. */
    if (part->sequence <= log.head.sequence && !log.frozen) return ST_OK;
    TRY(cloud_log_ensure(cloud, &log, &ok));
    if (!ok) return ST_OK;
    TRY(STORE(cloud, log_save, &log, &log.head)); /* nobody else has moved it meanwhile */
    const bool another =
        log.staged_sequence != part->sequence || log.staged_len != part->payload_len;
    if (another && part->part == 0) {
        TRY(cloud_parts_drop(cloud, node, &log));
        return stage(cloud, node, part, &log);
    }
    if (!another && part->part == log.staged_parts) return stage(cloud, node, part, &log);
    if (another || part->part > log.staged_parts)
        cloud_owe_range(cloud, node, &log, part->sequence, part->sequence);
    return ST_OK;
}

enum status cloud_parts_check(struct cloud *cloud, const struct log_row *log,
                              const struct evidence_header *header, enum parts_state *out)
{
    const uint32_t count = cloud_parts_count(header->payload_len);
    *out = PARTS_MISSING;
    if (log->staged_sequence != header->sequence) return ST_OK;
    const bool whole = log->staged_parts == cloud_parts_count(log->staged_len);
    if (log->staged_len != header->payload_len) {
        *out = PARTS_BAD;
        return ST_OK;
    }
    if (!whole) return ST_OK;
    const int64_t place = cloud_parts_place(log, header->sequence);
    hasher_begin(cloud->hasher);
    for (uint32_t part = 0; part < count; part++) {
        cloud->payload.size = 0;
        cloud->payload.overflow = false;
        const enum status status =
            STORE(cloud, part_get, place, header->sequence, part, &cloud->payload);
        if (status != ST_OK) {
            (void)hasher_end(cloud->hasher);
            return status == ST_NOT_FOUND || status == ST_TOO_LARGE ? ST_TAMPERED : status;
        }
        hasher_add(cloud->hasher, buf_bytes(&cloud->payload));
    }
    const struct digest hash = hasher_end(cloud->hasher);
    *out = digest_equal(&hash, &header->payload_hash) ? PARTS_GOOD : PARTS_BAD;
    return ST_OK;
}
