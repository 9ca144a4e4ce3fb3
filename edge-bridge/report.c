/* report.c - answers to the operator; see report.h. The newest state is in the store and in memory,
 * so an answer costs microseconds whatever the backlog. */
#include "edge-bridge/report.h"

#include <string.h>

#include "edge-bridge/edge_state.h"

enum { LIST_LIMIT_DEFAULT = 20, LIST_LIMIT_MAX = 400, NS_PER_S = 1000000000, DAY_S = 24 * 3600 };

void report_reply(struct effects *effects, uint32_t client, const struct buf *written)
{
    INVARIANT(buf_ok(written));
    struct effect *effect = effects_add(effects, EFFECT_REPLY);
    effect->client = client;
    effect->payload = effects_take(effects, written);
}

void report_end(struct effects *effects, uint32_t client, enum status status, const char *message)
{
    struct buf out = effects_space(effects, 64 + CONTROL_SENTENCE_SIZE_MAX);
    end_reply_encode(&out, status, bytes_of_text(message));
    report_reply(effects, client, &out);
}

/* ---- status ---------------------------------------------------------------------------------- */

static const char *phase_words(const struct link_state *state)
{
    if (!state->wanted) return "not used";
    switch (state->phase) {
    case LINK_OFFLINE:
        return "offline";
    case LINK_CONNECTING:
        return "connecting";
    case LINK_ONLINE:
        return "online";
    }
    UNREACHABLE();
}

static const char *consumer_words(const struct edge *edge)
{
    if (!edge->has_cloud_key) return "no cloud key: run edge-bridge trust";
    if (!session_online(edge, LINK_CLOUD)) return "unknown";
    if (!edge->session.cloud_known) return "never heard of";
    return edge->session.cloud_online ? "online" : "offline";
}

static enum status oldest_pending_wall_ms(struct edge *edge, int64_t *wall_ms, bool *there)
{
    struct log_row log;
    struct evidence_row row;
    *there = false;
    enum status found = evidence_read_pending_log(edge, 0, &log);
    if (found == ST_NOT_FOUND) return ST_OK;
    if (found != ST_OK) return found;
    found = evidence_read_entry(edge, &log, log.delivered + 1, &row);
    evidence_scan_end(edge);
    if (found == ST_NOT_FOUND) return ST_OK;
    if (found != ST_OK) return found;
    *there = row.damage != ROW_HEADER_BAD;
    if (*there) *wall_ms = row.header.wall_ns / 1000000;
    return ST_OK;
}

static void put_age(struct buf *out, const char *name, const struct edge *edge, uint64_t since_ns)
{
    if (since_ns == 0)
        record_nil(out, name);
    else
        record_uint(out, name, (edge->now.mono_ns - since_ns) / NS_PER_S);
}

static void put_log(struct buf *out, const struct edge *edge)
{
    const struct evidence_log *log = &edge->log;
    record_words(out, "node", edge->node.text);
    record_hex(out, "log", bytes_of(log->row.log.bytes, LOG_ID_SIZE));
    record_uint(out, "head_sequence", log->row.head.sequence);
    record_hex(out, "head_hash", bytes_of(log->row.head.hash.bytes, DIGEST_SIZE));
    record_uint(out, "acknowledged", log->row.acked);
}

static void put_pending(struct buf *out, const struct edge *edge)
{
    static const char *const names[PRIORITY_COUNT] = {"pending_p0", "pending_p1", "pending_p2",
                                                      "pending_p3", "pending_p4", "pending_p5"};
    uint64_t entries = 0, bytes = 0, accepted = 0;
    for (unsigned priority = 0; priority < PRIORITY_COUNT; priority++) {
        entries += edge->log.tallies[priority].pending_entries;
        bytes += edge->log.tallies[priority].pending_bytes;
        accepted += edge->log.tallies[priority].accepted_entries;
    }
    record_uint(out, "accepted_entries", accepted);
    record_uint(out, "pending_entries", entries);
    record_uint(out, "pending_bytes", bytes);
    for (unsigned priority = 0; priority < PRIORITY_COUNT; priority++)
        record_uint(out, names[priority], edge->log.tallies[priority].pending_entries);
}

static int64_t certificate_now_s(const struct edge *edge)
{
    return (edge->clock.known ? clock_wall_ms(edge) : edge_wall_ms(edge)) / 1000;
}

static void put_links(struct buf *out, const struct edge *edge)
{
    const struct link_state *cloud = &edge->session.links[LINK_CLOUD];
    const struct link_state *local = &edge->session.links[LINK_LOCAL];
    put_age(out, "last_ack_age_s", edge, edge->session.ack_mono_ns);
    record_words(out, "cloud_link", phase_words(cloud));
    record_words(out, "cloud_link_reason", cloud->reason);
    record_words(out, "cloud_consumer", consumer_words(edge));
    record_words(out, "local_link", phase_words(local));
    record_words(out, "local_link_reason", local->reason);
    record_uint(out, "in_flight_bytes", edge->outbox.flight_bytes);
    record_uint(out, "link_rate_bytes_s", edge->outbox.pace.rate_bytes_s);
    record_uint(out, "round_trip_ms", edge->outbox.pace.round_trip_ns / 1000000);
    record_uint(out, "unanswered_hellos", edge->outbox.probes);
    if (edge->now.certificate_expires_s == 0)
        record_nil(out, "tls_certificate_expires_days");
    else
        record_int(out, "tls_certificate_expires_days",
                   (edge->now.certificate_expires_s - certificate_now_s(edge)) / DAY_S);
}

static void put_replicas(struct buf *out, const struct edge *edge)
{
    record_words(out, "link_use", link_use_words(edge));
    record_uint(out, "link_budget_bytes_s", edge->link_use.budget.rate_bytes_s);
    record_uint(out, "tracks", edge->track_store.count);
    record_uint(out, "track_bytes", edge->track_store.bytes);
    record_uint(out, "tracks_pending", edge->track_store.pending);
    record_uint(out, "tracks_evicted_unacknowledged", edge->track_store.evicted_unacked);
    record_uint(out, "config_registers", edge->config_store.register_count);
    record_uint(out, "config_pending", edge->config_store.pending);
    record_uint(out, "config_refused", edge->config.refused);
    record_uint(out, "roster", edge->config.roster_version);
    record_int(out, "clock_offset_ms", edge->clock.offset_ms);
    record_uint(out, "clock_healed", edge->clock.heal_count);
    record_uint(out, "refused_by_cloud", edge->counters.nacks);
}

static void put_disk(struct buf *out, const struct edge *edge)
{
    record_uint(out, "disk_free_bytes", edge->now.disk_free_bytes);
    record_words(out, "disk_state", retention_disk_words(edge));
    record_uint(out, "database_bytes", db_bytes_on_disk(edge->db));
    record_uint(out, "retained_dropped_entries", edge->retention.dropped_entries);
    record_uint(out, "retained_dropped_bytes", edge->retention.dropped_bytes);
}

static enum status put_status(struct edge *edge, uint32_t client, struct effects *effects)
{
    int64_t oldest_ms = 0;
    bool there;
    TRY(oldest_pending_wall_ms(edge, &oldest_ms, &there));
    struct buf out = effects_space(effects, 4096);
    record_reply_begin(&out, 5 + 9 + 11 + 5 + 10 + 13);
    put_log(&out, edge);
    put_pending(&out, edge);
    put_links(&out, edge);
    put_replicas(&out, edge);
    if (there)
        record_int(&out, "oldest_pending_age_s", (edge_wall_ms(edge) - oldest_ms) / 1000);
    else
        record_nil(&out, "oldest_pending_age_s");
    put_disk(&out, edge);
    record_uint(&out, "messages_refused", edge->counters.messages_refused);
    record_uint(&out, "frames_refused", edge->counters.frames_forged);
    record_uint(&out, "commits", edge->counters.commits);
    record_uint(&out, "bytes_up", edge->counters.bytes_up);
    record_uint(&out, "bytes_down", edge->counters.bytes_down);
    record_bool(&out, "clock_trusted",
                edge->now.clock_uncertainty_ms != CLOCK_NEVER_SYNCHRONISED &&
                    edge_wall_ms(edge) >= CLOCK_EARLIEST_MS);
    record_uint(&out, "uptime_s", (edge->now.mono_ns - edge->started_mono_ns) / NS_PER_S);
    record_words(&out, "software", edge->software);
    record_time(&out, "time", edge_wall_ms(edge));
    report_reply(effects, client, &out);
    report_end(effects, client, ST_OK, "");
    return ST_OK;
}

/* ---- show and list --------------------------------------------------------------------------- */

bool report_natural_of(const struct control_request *request, const char *name, uint64_t *out)
{
    struct bytes text;
    if (!verb_argument_find(request, name, &text) || text.size == 0 || text.size > 18) return false;
    uint64_t natural = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        natural = natural * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out = natural;
    return true;
}

static enum status log_of(struct edge *edge, const struct control_request *request,
                          struct log_row *out)
{
    struct bytes text;
    struct log_id id;
    if (!verb_argument_find(request, "log", &text)) {
        *out = edge->log.row;
        return ST_OK;
    }
    if (hex_decode(text, id.bytes, LOG_ID_SIZE) != ST_OK) return ST_NOT_FOUND;
    return evidence_read_log(edge, &id, out);
}

static void put_entry(struct edge *edge, struct effects *effects, uint32_t client,
                      const struct evidence_row *row)
{
    static const char *const forms[] = {"inline", "absent", "parts"};
    const struct evidence_header *header = &row->header;
    const struct digest hash = evidence_row_hash(edge, row);
    struct buf out = effects_space(effects, 1536);
    record_reply_begin(&out, 15);
    record_hex(&out, "log", bytes_of(header->log.bytes, LOG_ID_SIZE));
    record_uint(&out, "sequence", header->sequence);
    record_hex(&out, "hash", bytes_of(hash.bytes, DIGEST_SIZE));
    const char *name = evidence_type_name(header->type);
    if (name != NULL)
        record_words(&out, "type", name);
    else
        record_uint(&out, "type", header->type);
    record_uint(&out, "priority", evidence_priority(header->flags));
    record_time(&out, "time", header->wall_ns / 1000000);
    record_bool(&out, "time_untrusted", header->flags & EVIDENCE_FLAG_TIME_UNTRUSTED);
    record_uint(&out, "mono_ns", header->mono_ns);
    record_uint(&out, "boot_count", header->boot_count);
    record_uint(&out, "hlc", header->hlc);
    record_uint(&out, "payload_len", header->payload_len);
    record_hex(&out, "payload_hash", bytes_of(header->payload_hash.bytes, DIGEST_SIZE));
    record_hex(&out, "prev_hash", bytes_of(header->prev_hash.bytes, DIGEST_SIZE));
    record_words(&out, "payload",
                 retention_took(edge, row) ? "dropped by retention" : forms[row->entry.form]);
    record_bool(&out, "damaged", row->damage != ROW_GOOD);
    report_reply(effects, client, &out);
}

static void put_raw(struct effects *effects, uint32_t client, struct bytes raw)
{
    struct buf out = effects_space(effects, raw.size + 64);
    raw_reply_encode(&out, raw);
    report_reply(effects, client, &out);
}

/* The parts of a large payload as RAW pieces; bounded by what one step may say, so payloads over
 * 512 KiB are read with the cloud's verb or from the original. */
static enum status put_raw_parts(struct edge *edge, uint32_t client, const struct evidence_row *row,
                                 struct effects *effects)
{
    if (row->header.payload_len > 512 * 1024) {
        report_end(effects, client, ST_TOO_LARGE,
                   "payloads over 512 KiB can be shown at the cloud only");
        return ST_OK;
    }
    uint64_t done = 0;
    for (uint32_t part = 0; done < row->header.payload_len; part++) {
        struct bytes bytes;
        const enum status found = evidence_read_part(edge, row->upload, part, &bytes);
        if (found == ST_NOT_FOUND || (found == ST_OK && bytes.size == 0)) {
            report_end(effects, client, ST_NOT_FOUND, "a part of the payload is missing");
            return ST_OK;
        }
        TRY(found);
        put_raw(effects, client, bytes);
        done += bytes.size;
        evidence_read_part_end(edge);
    }
    report_end(effects, client, ST_OK, "");
    return ST_OK;
}

static enum status put_show(struct edge *edge, uint32_t client,
                            const struct control_request *request, struct effects *effects)
{
    struct log_row log;
    struct evidence_row row;
    struct bytes raw;
    uint64_t sequence;
    if (!report_natural_of(request, "sequence", &sequence)) {
        report_end(effects, client, ST_USAGE, "show takes a sequence number");
        return ST_OK;
    }
    enum status found = log_of(edge, request, &log);
    if (found == ST_OK && (sequence == 0 || sequence > log.head.sequence)) found = ST_NOT_FOUND;
    if (found == ST_OK) found = evidence_read_entry(edge, &log, sequence, &row);
    if (found == ST_NOT_FOUND) {
        report_end(effects, client, ST_NOT_FOUND, "there is no such entry in this log");
        return ST_OK;
    }
    TRY(found);
    if (!verb_argument_find(request, "raw", &raw)) {
        put_entry(edge, effects, client, &row);
    } else if (bytes_equal(raw, BYTES_LITERAL("header"))) {
        put_raw(effects, client, bytes_of(row.entry.header.bytes, ENTRY_HEADER_SIZE));
    } else if (bytes_equal(raw, BYTES_LITERAL("signature"))) {
        put_raw(effects, client, bytes_of(row.entry.signature.bytes, SIGNATURE_SIZE));
    } else if (row.entry.form == PAYLOAD_PARTS) {
        evidence_scan_end(edge);
        return put_raw_parts(edge, client, &row, effects);
    } else if (retention_took(edge, &row)) {
        evidence_scan_end(edge);
        report_end(effects, client, ST_NOT_FOUND,
                   "the cloud has this payload; here it was dropped by retention");
        return ST_OK;
    } else {
        put_raw(effects, client, row.entry.payload);
    }
    evidence_scan_end(edge);
    report_end(effects, client, ST_OK, "");
    return ST_OK;
}

/* First sequence of the open log whose stamp is at or after since_ms: stamps increase, so a binary
 * search over the log finds it. */
static enum status find_since(struct edge *edge, const struct log_row *log, uint64_t since_ms,
                              uint64_t *sequence)
{
    uint64_t low = 1, high = log->head.sequence + 1;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        struct evidence_row row;
        const enum status found = evidence_read_entry(edge, log, middle, &row);
        evidence_scan_end(edge);
        if (found != ST_OK) return found;
        if (row.damage != ROW_HEADER_BAD && row.header.hlc >> 16 < since_ms)
            low = middle + 1;
        else
            high = middle;
    }
    *sequence = low;
    return ST_OK;
}

static enum status put_list(struct edge *edge, uint32_t client,
                            const struct control_request *request, struct effects *effects)
{
    struct log_row log;
    const enum status found = log_of(edge, request, &log);
    if (found == ST_NOT_FOUND) {
        report_end(effects, client, ST_NOT_FOUND, "there is no such log");
        return ST_OK;
    }
    TRY(found);
    uint64_t limit = LIST_LIMIT_DEFAULT, since_ms, from = 1;
    if (report_natural_of(request, "limit", &limit) && limit > LIST_LIMIT_MAX)
        limit = LIST_LIMIT_MAX;
    if (log.head.sequence > limit) from = log.head.sequence - limit + 1;
    if (report_natural_of(request, "since", &since_ms))
        TRY(find_since(edge, &log, since_ms, &from));
    for (uint64_t i = 0; i < limit && from + i <= log.head.sequence; i++) {
        struct evidence_row row;
        const enum status read = evidence_read_entry(edge, &log, from + i, &row);
        if (read == ST_NOT_FOUND) continue;
        TRY(read);
        put_entry(edge, effects, client, &row);
    }
    evidence_scan_end(edge);
    report_end(effects, client, ST_OK, "");
    return ST_OK;
}

/* ---- trust ----------------------------------------------------------------------------------- */

/* A cloud's key line, or the key alone in base64. */
static bool cloud_key_of(struct bytes text, struct public_key *out)
{
    struct key_line line;
    if (key_line_read(text, &line) == ST_OK) {
        *out = line.key;
        return line.kind == KEY_LINE_CLOUD;
    }
    return base64_decode(text, out->bytes, sizeof out->bytes) == ST_OK && public_key_ok(out);
}

static enum status trust(struct edge *edge, uint32_t client, const struct control_request *request,
                         struct effects *effects)
{
    struct bytes text;
    struct public_key key;
    if (!verb_argument_find(request, "key", &text) || !cloud_key_of(text, &key)) {
        report_end(effects, client, ST_USAGE,
                   "this is not a cloud's key line: copy it from cloud-consumer init");
        return ST_OK;
    }
    const bool changed = !edge->has_cloud_key || !public_key_equal(&edge->cloud_key, &key);
    edge->has_cloud_key = true;
    edge->cloud_key = key;
    /* What the cloud said before its key was trusted went unheard: begin the talk again. */
    if (changed && session_online(edge, LINK_CLOUD))
        session_reconnect(edge, effects, "another cloud key is trusted now");
    report_end(effects, client, ST_OK, "");
    return ST_OK;
}

enum status report_verb(struct edge *edge, uint32_t client, const struct control_request *request,
                        struct effects *effects)
{
    if (bytes_equal(request->verb, BYTES_LITERAL("trust")))
        return trust(edge, client, request, effects);
    /* What is shown is what is written. */
    TRY(evidence_log_flush(edge));
    if (bytes_equal(request->verb, BYTES_LITERAL("status")))
        return put_status(edge, client, effects);
    if (bytes_begin(request->verb, "link-sync") || bytes_begin(request->verb, "link-report"))
        return sync_run_verb(edge, client, request, effects);
    if (bytes_begin(request->verb, "link-")) return link_use_verb(edge, client, request, effects);
    if (bytes_begin(request->verb, "track-")) return tracks_verb(edge, client, request, effects);
    if (bytes_begin(request->verb, "config-") || bytes_begin(request->verb, "clock"))
        return config_verb(edge, client, request, effects);
    if (bytes_equal(request->verb, BYTES_LITERAL("show")))
        return put_show(edge, client, request, effects);
    if (bytes_equal(request->verb, BYTES_LITERAL("list")))
        return put_list(edge, client, request, effects);
    if (bytes_equal(request->verb, BYTES_LITERAL("verify"))) {
        const enum status status = verify_start(edge, client);
        if (status != ST_BUSY) return status;
        report_end(effects, client, ST_AGAIN, "other verifications are still running");
        return ST_OK;
    }
    report_end(effects, client, ST_USAGE, "this edge bridge does not know that verb");
    return ST_OK;
}
