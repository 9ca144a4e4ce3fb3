/* report_show.c - one entry: its fields as a record, or its bytes as they were signed, so that
 * sha256sum and openssl can check them; and the second judgement of poison entries. */
#include <string.h>

#include "cloud-consumer/report.h"

/* The entry that is asked for. */
struct shown {
    struct log_row log;
    struct node_row node;
    bool pending;
    struct evidence_entry entry; /* payload in the stored run or in cloud->payload */
    struct evidence_header header;
    struct digest hash;
};

static bool sequence_argument(const struct control_request *request, uint64_t *out)
{
    struct bytes text;
    if (!verb_argument_find(request, "sequence", &text)) return false;
    if (text.size == 0 || text.size > 18) return false;
    *out = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        *out = *out * 10 + (uint64_t)(text.data[i] - '0');
    }
    return *out > 0;
}

static enum status read_stored(struct cloud *cloud, uint64_t sequence, struct shown *out)
{
    const struct stored_run *stored = NULL;
    TRY(cloud_stored_run(cloud, out->log.id, &out->log.log, &out->node.name, sequence, &stored));
    if (stored->row.first_sequence > sequence) return ST_NOT_FOUND;
    const size_t index = (size_t)(sequence - stored->row.first_sequence);
    out->pending = false;
    out->entry = stored->run->entries[index];
    out->hash = stored->run->hashes[index];
    return ST_OK;
}

static enum status read_pending(struct cloud *cloud, uint64_t sequence, struct shown *out)
{
    struct kept_entry kept;
    cloud->payload.size = 0;
    cloud->payload.overflow = false;
    TRY(STORE(cloud, pending_next, out->log.id, sequence, &cloud->payload, &kept));
    if (kept.sequence != sequence) return ST_NOT_FOUND;
    out->pending = true;
    out->entry = kept.entry;
    out->hash = kept.hash;
    return ST_OK;
}

static enum status read_entry(struct cloud *cloud, uint64_t sequence, struct shown *out)
{
    enum status status = ST_NOT_FOUND;
    if (sequence <= out->log.head.sequence) status = read_stored(cloud, sequence, out);
    if (status == ST_NOT_FOUND) status = read_pending(cloud, sequence, out);
    if (status != ST_OK) return status;
    const struct bytes header = bytes_of(out->entry.header.bytes, ENTRY_HEADER_SIZE);
    return evidence_header_decode(header, &out->header) == ST_OK ? ST_OK : ST_TAMPERED;
}

/* The log that is named, or the newest one that has the sequence. */
static enum status find_entry(struct cloud *cloud, uint64_t sequence, struct shown *out)
{
    struct bytes text;
    if (verb_argument_find(cloud->request, "log", &text)) {
        struct log_id log;
        if (hex_decode(text, log.bytes, LOG_ID_SIZE) != ST_OK) return ST_NOT_FOUND;
        TRY(STORE(cloud, log_find, out->node.id, &log, &out->log));
        return read_entry(cloud, sequence, out);
    }
    int64_t before = INT64_MAX;
    for (;;) {
        TRY(STORE(cloud, log_before, out->node.id, before, &out->log));
        before = out->log.id;
        const enum status status = read_entry(cloud, sequence, out);
        if (status != ST_NOT_FOUND) return status;
    }
}

static const char *form_words(enum payload_form form)
{
    switch (form) {
    case PAYLOAD_INLINE:
        return "inline";
    case PAYLOAD_ABSENT:
        return "absent";
    case PAYLOAD_PARTS:
        return "parts";
    }
    UNREACHABLE();
}

static void put_clock(struct buf *out, const struct evidence_header *header)
{
    record_time(out, "time", header->wall_ns / 1000000);
    record_int(out, "wall_ns", header->wall_ns);
    record_uint(out, "mono_ns", header->mono_ns);
    record_uint(out, "boot_count", header->boot_count);
    if (header->clock_uncertainty_ms == CLOCK_NEVER_SYNCHRONISED)
        record_nil(out, "clock_uncertainty_ms");
    else
        record_uint(out, "clock_uncertainty_ms", header->clock_uncertainty_ms);
    record_uint(out, "hlc", header->hlc);
    record_bool(out, "time_untrusted", (header->flags & EVIDENCE_FLAG_TIME_UNTRUSTED) != 0);
}

static enum status put_entry(struct cloud *cloud, uint32_t client, struct effects *effects,
                             const struct shown *shown)
{
    const struct evidence_header *const header = &shown->header;
    struct level_name type;
    bool rejected = false;
    TRY(cloud_type_words(cloud, shown->log.id, header->type, &type));
    TRY(STORE(cloud, rejected_has, shown->log.id, header->sequence, &rejected));
    struct buf out = cloud_reply_space(effects, RECORD_SIZE_TYPICAL);
    record_reply_begin(&out, 26);
    record_words(&out, "node", header->node.text);
    record_hex(&out, "log", bytes_of(header->log.bytes, LOG_ID_SIZE));
    record_uint(&out, "sequence", header->sequence);
    record_words(&out, "type", type.text);
    record_uint(&out, "type_number", header->type);
    record_words(&out, "codec", header->codec == CODEC_MSGPACK ? "msgpack" : "raw");
    record_uint(&out, "priority", evidence_priority(header->flags));
    record_bool(&out, "best_effort", (header->flags & EVIDENCE_FLAG_BEST_EFFORT) != 0);
    put_clock(&out, header);
    record_hex(&out, "key_id", bytes_of(header->key_id.bytes, KEY_ID_SIZE));
    record_hex(&out, "key", bytes_of(shown->log.key.bytes, PUBLIC_KEY_SIZE));
    record_uint(&out, "payload_bytes", header->payload_len);
    record_hex(&out, "payload_hash", bytes_of(header->payload_hash.bytes, DIGEST_SIZE));
    record_words(&out, "payload", form_words(shown->entry.form));
    record_hex(&out, "prev_hash", bytes_of(header->prev_hash.bytes, DIGEST_SIZE));
    record_hex(&out, "hash", bytes_of(shown->hash.bytes, DIGEST_SIZE));
    record_hex(&out, "signature", bytes_of(shown->entry.signature.bytes, SIGNATURE_SIZE));
    record_bool(&out, "pending", shown->pending);
    record_bool(&out, "rejected", rejected);
    record_bool(&out, "audited", !shown->pending && header->sequence <= shown->log.audited);
    cloud_reply(effects, client, &out);
    cloud_reply_end(effects, client, ST_OK, "%s", "");
    return ST_OK;
}

static void put_raw(uint32_t client, struct effects *effects, struct bytes raw)
{
    struct buf out = cloud_reply_space(effects, raw.size + 64);
    raw_reply_encode(&out, raw);
    cloud_reply(effects, client, &out);
}

static enum status put_payload(struct cloud *cloud, uint32_t client, struct effects *effects,
                               const struct shown *shown)
{
    if (shown->entry.form == PAYLOAD_ABSENT) {
        cloud_reply_end(effects, client, ST_NOT_FOUND,
                        "the payload was removed at the node; header and signature are here");
        return ST_OK;
    }
    if (shown->entry.form == PAYLOAD_INLINE) {
        put_raw(client, effects, shown->entry.payload);
        cloud_reply_end(effects, client, ST_OK, "%s", "");
        return ST_OK;
    }
    uint32_t parts = 0;
    const enum status status =
        STORE(cloud, payload_parts, shown->log.id, shown->header.sequence, &parts);
    if (status == ST_NOT_FOUND) {
        cloud_reply_end(effects, client, status, "the payload's parts are not accepted");
        return ST_OK;
    }
    if (status != ST_OK) return status;
    struct cloud_job *const job = cloud_job_begin(cloud, client, JOB_PAYLOAD, effects);
    if (job == NULL) return ST_OK;
    job->payload = (struct payload_job){shown->log.id, shown->header.sequence, 0, parts};
    return ST_OK;
}

enum status cloud_payload_slice(struct cloud *cloud, struct cloud_job *job, struct effects *effects)
{
    struct payload_job *const payload = &job->payload;
    for (int i = 0; i < SLICE_PARTS_MAX && payload->part < payload->parts; i++) {
        cloud->payload.size = 0;
        cloud->payload.overflow = false;
        const enum status status = STORE(cloud, part_get, payload->log, payload->sequence,
                                         payload->part++, &cloud->payload);
        if (status == ST_NOT_FOUND || status == ST_TOO_LARGE) {
            cloud_job_end(effects, job, ST_TAMPERED, "a part of the payload is missing");
            return ST_OK;
        }
        if (status != ST_OK) return status;
        put_raw(job->client, effects, buf_bytes(&cloud->payload));
    }
    if (payload->part == payload->parts) cloud_job_end(effects, job, ST_OK, "%s", "");
    return ST_OK;
}

static enum status show_raw(struct cloud *cloud, uint32_t client, struct effects *effects,
                            const struct shown *shown, struct bytes which)
{
    if (bytes_equal(which, BYTES_LITERAL("payload")))
        return put_payload(cloud, client, effects, shown);
    struct bytes raw;
    if (bytes_equal(which, BYTES_LITERAL("header"))) {
        raw = bytes_of(shown->entry.header.bytes, ENTRY_HEADER_SIZE);
    } else if (bytes_equal(which, BYTES_LITERAL("signature"))) {
        raw = bytes_of(shown->entry.signature.bytes, SIGNATURE_SIZE);
    } else {
        cloud_reply_end(effects, client, ST_USAGE, "raw is header, signature or payload");
        return ST_OK;
    }
    put_raw(client, effects, raw);
    cloud_reply_end(effects, client, ST_OK, "%s", "");
    return ST_OK;
}

enum status cloud_report_show(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    struct shown shown;
    struct bytes text, which;
    struct node_name name;
    uint64_t sequence;
    if (!verb_argument_find(cloud->request, "node", &text) ||
        !sequence_argument(cloud->request, &sequence)) {
        cloud_reply_end(effects, client, ST_USAGE,
                        "evidence-show needs the name of a node and a sequence of 1 or more");
        return ST_OK;
    }
    enum status status = ST_NOT_FOUND;
    if (node_name_from(text, &name) == ST_OK) status = STORE(cloud, node_find, &name, &shown.node);
    if (status == ST_OK) status = find_entry(cloud, sequence, &shown);
    if (status == ST_NOT_FOUND) {
        cloud_reply_end(effects, client, status, "no entry %llu of node \"%.*s\" is stored here",
                        (unsigned long long)sequence, (int)text.size, (const char *)text.data);
        return ST_OK;
    }
    if (status == ST_TAMPERED) {
        cloud_reply_end(effects, client, status, "entry %llu is stored but cannot be read",
                        (unsigned long long)sequence);
        return ST_OK;
    }
    if (status != ST_OK) return status;
    if (verb_argument_find(cloud->request, "raw", &which))
        return show_raw(cloud, client, effects, &shown, which);
    return put_entry(cloud, client, effects, &shown);
}
