/* intake.c - publishers' messages and requests, their checks and receipts; see intake.h. */
#include "edge-bridge/intake.h"

#include <string.h>

#include "edge-bridge/edge_state.h"
#include "edge-bridge/report.h"
#include "edge-bridge/uploads.h"

enum {
    PRIORITY_DEFAULT = 3,
    RECEIPT_SIZE_MAX = 512,
    ID_KEY_SIZE = 16,
    IDS_DELETED_AT_ONCE = 128,
    MS_PER_DAY = 24 * 60 * 60 * 1000,
};

static const char *const sql[INTAKE_STATEMENT_COUNT] = {
    [INTAKE_FIND_ID] = "SELECT position FROM publisher_id WHERE key = ?1",
    [INTAKE_INSERT_ID] =
        "INSERT INTO publisher_id(id, key, position, accepted_ms) VALUES(?1, ?2, ?3, ?4)",
    [INTAKE_COUNT_IDS] = "SELECT min(id), max(id) FROM publisher_id",
    [INTAKE_OLDEST_ID] = "SELECT accepted_ms FROM publisher_id WHERE id = ?1",
    [INTAKE_DELETE_IDS] = "DELETE FROM publisher_id WHERE id BETWEEN ?1 AND ?2",
    [INTAKE_INSERT_UPLOAD] = "INSERT INTO upload(position, size) VALUES(NULL, ?1)",
    [INTAKE_INSERT_PART] = "INSERT INTO payload_part(upload, part, bytes) VALUES(?1, ?2, ?3)",
    [INTAKE_ACCEPT_UPLOAD] = "UPDATE upload SET position = ?2 WHERE id = ?1",
    [INTAKE_DROP_PARTS] = "DELETE FROM payload_part WHERE upload = ?1",
    [INTAKE_DROP_UPLOAD] = "DELETE FROM upload WHERE id = ?1",
    [INTAKE_STALE_UPLOAD] = "SELECT id FROM upload WHERE position IS NULL LIMIT 1",
};

enum status intake_open(struct edge *edge)
{
    struct intake *intake = &edge->intake;
    TRY(statements_open(edge->db, sql, INTAKE_STATEMENT_COUNT, intake->statements));
    struct statement *count = intake->statements[INTAKE_COUNT_IDS];
    bool row;
    TRY(statement_step(count, &row));
    if (row && !column_is_null(count, 0)) {
        intake->id_first = column_u64(count, 0);
        intake->id_last = column_u64(count, 1);
    }
    statement_reset(count);
    return uploads_open(edge);
}

void intake_close(struct edge *edge)
{
    uploads_close(edge);
    statements_close(edge->intake.statements, INTAKE_STATEMENT_COUNT);
    memset(&edge->intake, 0, sizeof(edge->intake));
}

/* ---- Publishers' ids ------------------------------------------------------------------------- */

/* One thing a publisher wants to have kept. */
struct submission {
    const struct level_name *type;
    unsigned priority;
    struct bytes id; /* empty: none */
    char id_kind;    /* 'u': the publisher's own id, 'c': MQTT correlation data */
    struct bytes payload;
    const struct upload *upload; /* NULL: payload is inline */
};

static void id_key(struct edge *edge, const struct submission *what, uint8_t key[ID_KEY_SIZE])
{
    hasher_begin(edge->hasher);
    hasher_add(edge->hasher, BYTES_LITERAL("HOLDFAST-PUBLISHER-ID-1\0"));
    hasher_add(edge->hasher, bytes_of(&what->id_kind, 1));
    hasher_add(edge->hasher, bytes_of(what->type->text, strlen(what->type->text) + 1));
    hasher_add(edge->hasher, what->id);
    const struct digest digest = hasher_end(edge->hasher);
    memcpy(key, digest.bytes, ID_KEY_SIZE);
}

/* ST_OK: seen before, *place is where. ST_NOT_FOUND: new. */
static enum status find_id(struct edge *edge, const uint8_t key[ID_KEY_SIZE],
                           struct evidence_place *place, struct digest *payload_hash)
{
    struct statement *find = edge->intake.statements[INTAKE_FIND_ID];
    bind_blob(find, 1, bytes_of(key, ID_KEY_SIZE));
    bool row;
    TRY(statement_step(find, &row));
    if (!row) return ST_NOT_FOUND;
    const uint64_t position = column_u64(find, 0);
    statement_reset(find);
    return evidence_log_place_at(edge, position, place, payload_hash);
}

static enum status forget_old_ids(struct edge *edge)
{
    struct intake *intake = &edge->intake;
    const uint64_t count = intake->id_last - intake->id_first + 1;
    uint64_t surplus = 0;
    if (count > edge->settings.publisher_id_count)
        surplus = count - edge->settings.publisher_id_count;
    if (surplus == 0 && intake->id_last % IDS_DELETED_AT_ONCE == 0) {
        /* By age only now and then: it is a bound on disk, not a promise to forget. */
        const uint64_t probe = intake->id_first + IDS_DELETED_AT_ONCE - 1;
        struct statement *oldest = intake->statements[INTAKE_OLDEST_ID];
        bind_u64(oldest, 1, probe);
        bool row;
        TRY(statement_step(oldest, &row));
        const int64_t age_ms = row ? edge_wall_ms(edge) - column_i64(oldest, 0) : 0;
        statement_reset(oldest);
        if (age_ms > (int64_t)edge->settings.publisher_id_days * MS_PER_DAY)
            surplus = IDS_DELETED_AT_ONCE;
    }
    if (surplus == 0) return ST_OK;
    if (surplus > IDS_DELETED_AT_ONCE) surplus = IDS_DELETED_AT_ONCE;
    struct statement *delete = intake->statements[INTAKE_DELETE_IDS];
    bind_u64(delete, 1, intake->id_first);
    bind_u64(delete, 2, intake->id_first + surplus - 1);
    intake->id_first += surplus;
    return statement_run(delete);
}

static enum status remember_id(struct edge *edge, const uint8_t key[ID_KEY_SIZE], uint64_t position)
{
    struct intake *intake = &edge->intake;
    intake->id_last++;
    if (intake->id_first == 0) intake->id_first = intake->id_last;
    struct statement *insert = intake->statements[INTAKE_INSERT_ID];
    bind_u64(insert, 1, intake->id_last);
    bind_blob(insert, 2, bytes_of(key, ID_KEY_SIZE));
    bind_u64(insert, 3, position);
    bind_i64(insert, 4, edge_wall_ms(edge));
    TRY(statement_run(insert));
    return forget_old_ids(edge);
}

/* ---- From a submission to a receipt ---------------------------------------------------------- */

bool intake_has_room(const struct edge *edge, unsigned priority)
{
    const uint64_t reserve = edge->settings.disk_reserve_bytes;
    return retention_room_bytes(edge) >= reserve + reserve * priority / 5;
}

static enum status append(struct edge *edge, const struct submission *what,
                          struct evidence_place *place)
{
    struct evidence_draft draft = {
        .codec = CODEC_RAW,
        .flags = (uint16_t)what->priority,
        .form = PAYLOAD_INLINE,
        .payload = what->payload,
    };
    TRY(evidence_log_type(edge, what->type, &draft.type));
    if (what->upload == NULL) return evidence_log_append(edge, &draft, place);
    draft.form = PAYLOAD_PARTS;
    draft.payload_len = what->upload->total;
    draft.payload_hash = what->upload->hash;
    draft.upload = what->upload->id;
    TRY(evidence_log_append(edge, &draft, place));
    return uploads_accept(edge, what->upload, place->position);
}

/* Fills the receipt; an error return is only for a store that fails. */
static enum status submit(struct edge *edge, const struct submission *what, struct receipt *receipt)
{
    uint8_t key[ID_KEY_SIZE];
    struct evidence_place place;
    *receipt = (struct receipt){.status = ST_OK};
    if (what->id.size > 0) {
        struct digest before;
        id_key(edge, what, key);
        const enum status found = find_id(edge, key, &place, &before);
        if (found != ST_OK && found != ST_NOT_FOUND) return found;
        if (found == ST_OK) {
            const struct digest now =
                what->upload != NULL ? what->upload->hash : hasher_of(edge->hasher, what->payload);
            if (!digest_equal(&now, &before)) {
                receipt->status = ST_CONFLICT;
                return ST_OK;
            }
            receipt->duplicate = true;
        }
    }
    if (!receipt->duplicate) {
        if (!intake_has_room(edge, what->priority)) {
            receipt->status = ST_FULL;
            return ST_OK;
        }
        const enum status status = append(edge, what, &place);
        if (status == ST_FULL && edge->log.row.type_count >= LOG_TYPES_MAX) {
            receipt->status = ST_FULL;
            return ST_OK;
        }
        TRY(status);
        if (what->id.size > 0) TRY(remember_id(edge, key, place.position));
    }
    receipt->log = place.log;
    receipt->sequence = place.sequence;
    receipt->hash = place.hash;
    return ST_OK;
}

/* ---- MQTT ------------------------------------------------------------------------------------ */

static void receipt_json(const struct receipt *receipt, struct buf *out)
{
    if (receipt->status != ST_OK) {
        buf_put_format(out, "{\"error\":\"%s\",\"message\":\"%s\"}", status_name(receipt->status),
                       receipt_words(receipt->status));
        return;
    }
    buf_put_text(out, "{\"log\":\"");
    buf_put_hex(out, bytes_of(receipt->log.bytes, LOG_ID_SIZE));
    buf_put_format(out, "\",\"sequence\":%llu,\"hash\":\"", (unsigned long long)receipt->sequence);
    buf_put_hex(out, bytes_of(receipt->hash.bytes, DIGEST_SIZE));
    buf_put_format(out, "\",\"duplicate\":%s}", receipt->duplicate ? "true" : "false");
}

/* A topic that may be published to; a publisher could hand in anything. */
static bool response_topic_ok(struct bytes topic)
{
    if (topic.size == 0 || topic.size >= TOPIC_SIZE_MAX || topic.data[0] == '$') return false;
    return memchr(topic.data, '+', topic.size) == NULL &&
           memchr(topic.data, '#', topic.size) == NULL &&
           memchr(topic.data, '\0', topic.size) == NULL;
}

void intake_respond(const struct mqtt_message *message, struct bytes json, struct effects *effects)
{
    if (!response_topic_ok(message->response_topic)) return;
    struct effect *effect = effects_add(effects, EFFECT_PUBLISH);
    effect->link = LINK_LOCAL;
    effect->payload = effects_copy(effects, json);
    effect->topic = effects_copy(effects, message->response_topic);
    if (message->correlation.size <= PUBLISHER_ID_SIZE_MAX)
        effect->correlation = effects_copy(effects, message->correlation);
}

static void send_receipt(const struct mqtt_message *message, const struct receipt *receipt,
                         struct effects *effects)
{
    uint8_t memory[RECEIPT_SIZE_MAX];
    struct buf json = buf_of(memory, sizeof(memory));
    receipt_json(receipt, &json);
    INVARIANT(buf_ok(&json));
    intake_respond(message, buf_bytes(&json), effects);
}

static bool priority_of(struct bytes text, unsigned *priority)
{
    *priority = PRIORITY_DEFAULT;
    if (text.size == 0) return true;
    if (text.size != 1 || text.data[0] < '0' || text.data[0] > '5') return false;
    *priority = (unsigned)(text.data[0] - '0');
    return true;
}

static enum status judge_message(struct edge *edge, const struct mqtt_message *message,
                                 struct level_name *type, unsigned *priority)
{
    struct topic_parts topic;
    TRY(topic_parse(edge->root, message->topic, &topic));
    if (topic.id != TOPIC_LOCAL_EVIDENCE) return ST_MALFORMED;
    TRY(level_name_from(topic.name, type));
    if (message->payload.size > INLINE_PAYLOAD_SIZE_MAX) return ST_TOO_LARGE;
    if (message->user_id.size > PUBLISHER_ID_SIZE_MAX) return ST_TOO_LARGE;
    if (message->correlation.size > PUBLISHER_ID_SIZE_MAX) return ST_TOO_LARGE;
    return priority_of(message->user_priority, priority) ? ST_OK : ST_USAGE;
}

enum status intake_message(struct edge *edge, const struct mqtt_message *message,
                           struct effects *effects)
{
    struct level_name type;
    struct receipt receipt = {.status = ST_OK};
    struct submission what = {
        .type = &type,
        .id = message->user_id,
        .id_kind = 'u',
        .payload = message->payload,
    };
    if (what.id.size == 0) {
        what.id = message->correlation;
        what.id_kind = 'c';
    }
    receipt.status = judge_message(edge, message, &type, &what.priority);
    if (receipt.status == ST_OK) TRY(submit(edge, &what, &receipt));
    if (receipt.status != ST_OK) edge->counters.messages_refused++;
    send_receipt(message, &receipt, effects);
    return ST_OK;
}

/* ---- The control socket ---------------------------------------------------------------------- */

static enum status append_item(struct edge *edge, uint32_t client,
                               const struct control_request *request, size_t index,
                               struct receipt *receipt)
{
    const struct append_item *item = &request->items[index];
    struct level_name type;
    struct submission what = {
        .type = &type,
        .priority = request->priority,
        .id = item->has_id ? item->id : BYTES_EMPTY,
        .id_kind = 'u',
        .payload = item->payload,
    };
    *receipt = (struct receipt){.status = level_name_from(request->type, &type)};
    if (receipt->status != ST_OK) return ST_OK;
    if (!item->staged) return submit(edge, &what, receipt);
    struct upload *upload = uploads_find(edge, client);
    if (upload == NULL || upload->received != upload->total || request->item_count != 1) {
        receipt->status = ST_USAGE;
        return ST_OK;
    }
    what.upload = upload;
    TRY(submit(edge, &what, receipt));
    const bool kept = receipt->status == ST_OK && !receipt->duplicate;
    return uploads_end(edge, upload, kept);
}

static enum status append_request(struct edge *edge, uint32_t client,
                                  const struct control_request *request, struct effects *effects)
{
    struct buf out = effects_space(effects, 64 + request->item_count * 96);
    receipts_reply_begin(&out, (uint32_t)request->item_count);
    for (size_t i = 0; i < request->item_count; i++) {
        struct receipt receipt;
        TRY(append_item(edge, client, request, i, &receipt));
        if (receipt.status != ST_OK) edge->counters.messages_refused++;
        receipts_reply_item(&out, &receipt);
    }
    report_reply(effects, client, &out);
    report_end(effects, client, ST_OK, "");
    return ST_OK;
}

static enum status part_request(struct edge *edge, uint32_t client,
                                const struct control_request *request, struct effects *effects)
{
    enum status verdict = ST_OK;
    if (!intake_has_room(edge, PRIORITY_DEFAULT))
        verdict = ST_FULL;
    else
        TRY(uploads_part(edge, client, request->part_total, request->part, &verdict));
    report_end(effects, client, verdict,
               verdict == ST_OK ? "" : "this part of the payload was not taken");
    return ST_OK;
}

enum status intake_request(struct edge *edge, uint32_t client,
                           const struct control_request *request, struct effects *effects)
{
    return request->kind == REQUEST_APPEND ? append_request(edge, client, request, effects)
                                           : part_request(edge, client, request, effects);
}

enum status intake_client_gone(struct edge *edge, uint32_t client)
{
    struct upload *upload = uploads_find(edge, client);
    return upload == NULL ? ST_OK : uploads_end(edge, upload, false);
}
