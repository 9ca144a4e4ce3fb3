/* tracks.c - observations: from a publisher's message or a request to a changed state, and the
 * receipt; see tracks.h. */
#include "edge-bridge/tracks.h"

#include <stdlib.h>
#include <string.h>

#include "common/data/track_view.h"
#include "common/wire/utc_text.h"
#include "edge-bridge/edge_state.h"
#include "edge-bridge/report.h"

enum {
    HISTORY_SIZE = 256 * 1024,
    HISTORY_PRIORITY = 4,
    TIME_SLACK_MS = 2000,    /* between a sensor's clock and this node's */
    RECEIPT_SIZE_MAX = 4096, /* of JSON: a control character takes six bytes */
};

_Static_assert((int)HISTORY_SIZE >= 2 * (int)OBSERVATION_JSON_SIZE_MAX,
               "the memory of the history holds an observation");

enum status tracks_open(struct edge *edge)
{
    struct tracks *tracks = &edge->tracks;
    tracks->batch = malloc(sizeof(*tracks->batch));
    tracks->scratch = malloc(sizeof(*tracks->scratch));
    tracks->joined = malloc(sizeof(*tracks->joined));
    tracks->rows = calloc(TRACK_EVICT_ROWS_MAX, sizeof(*tracks->rows));
    tracks->history = buf_of(malloc(HISTORY_SIZE), HISTORY_SIZE);
    if (tracks->batch == NULL || tracks->scratch == NULL || tracks->joined == NULL ||
        tracks->rows == NULL || tracks->history.data == NULL)
        return ST_NO_MEMORY;
    tracks->sweeping = true; /* a sweep may have been cut short */
    return ST_OK;
}

void tracks_close(struct edge *edge)
{
    struct tracks *tracks = &edge->tracks;
    free(tracks->batch);
    free(tracks->scratch);
    free(tracks->joined);
    free(tracks->rows);
    free(tracks->history.data);
    memset(tracks, 0, sizeof(*tracks));
}

void tracks_know(struct edge *edge, uint64_t stamp)
{
    /* Beyond HLC_STAMP_MAX it would be refused; no such stamp is kept. */
    (void)!hlc_receive(&edge->hlc, 0, UINT64_MAX, stamp);
}

/* ---- Is it acceptable? ----------------------------------------------------------------------- */

/* False, so that a check that refuses can return it. */
static bool refuse(struct track_receipt *receipt, enum status status, const char *reason)
{
    receipt->status = status;
    if (receipt->reason != NULL) buf_put_text(receipt->reason, reason);
    return false;
}

/* How far the corrected clock may be off. */
static int64_t own_eps_ms(const struct edge *edge)
{
    const uint64_t synchronised_ns = edge->clock.synchronised_mono_ns;
    if (synchronised_ns == 0) return HLC_EPS_MAX_MS;
    return (int64_t)hlc_eps_ms((edge->now.mono_ns - synchronised_ns) / 1000000);
}

/* The greatest stamp of this node's live atoms of the fields that the observation writes. */
static uint64_t own_newest(const struct edge *edge, const struct track *track,
                           const struct track_observation *said)
{
    uint64_t newest = 0;
    for (unsigned i = 0; i < track->slot_count; i++) {
        const struct track_slot *slot = &track->slots[i];
        if (!node_name_equal(&slot->writer.node, &edge->node)) continue;
        if (said->has_position && slot->position.hlc > newest) newest = slot->position.hlc;
        if (said->has_classification && slot->classification.hlc > newest)
            newest = slot->classification.hlc;
    }
    return newest;
}

/* A sensor's own time only decides whether its word is news: the stamp is this node's. */
static bool time_ok(const struct edge *edge, const struct observation *observation,
                    const struct track *track, struct track_receipt *receipt)
{
    if (!observation->has_time || !edge->clock.known) return true;
    const int64_t time_ms = observation->time_ms;
    if (time_ms > clock_wall_ms(edge) + TIME_SLACK_MS + own_eps_ms(edge))
        return refuse(receipt, ST_FUTURE, "its time is ahead of this node's clock");
    if (time_ms + TIME_SLACK_MS < hlc_ms(own_newest(edge, track, &observation->said)))
        return refuse(receipt, ST_STALE, "this node has observed the track after that time");
    return true;
}

static bool room_ok(const struct edge *edge, const struct track_row *row,
                    struct track_receipt *receipt)
{
    if (!intake_has_room(edge, HISTORY_PRIORITY))
        return refuse(receipt, ST_FULL, "the disk has no room left");
    if (row->id == 0 && tracks_full(edge))
        return refuse(receipt, ST_FULL, "as many tracks are active as this node may keep");
    return true;
}

/* ---- Observing ------------------------------------------------------------------------------- */

/* The payload must live until the log's next flush. */
static enum status keep_history(struct edge *edge, const struct level_name *name,
                                const struct track_observation *said, uint64_t stamp)
{
    static const struct level_name type = {"track-observation"};
    struct buf *history = &edge->tracks.history;
    if (history->capacity - history->size < OBSERVATION_JSON_SIZE_MAX)
        TRY(evidence_log_flush(edge));
    if (edge->log.batch_count == 0) history->size = 0;
    struct evidence_draft draft = {
        .codec = CODEC_RAW,
        .flags = HISTORY_PRIORITY,
        .form = PAYLOAD_INLINE,
    };
    const enum status known = evidence_log_type(edge, &type, &draft.type);
    if (known == ST_FULL && edge->log.row.type_count >= LOG_TYPES_MAX) return ST_OK;
    TRY(known);
    const size_t start = history->size;
    int64_t time_ms = hlc_ms(stamp);
    if (time_ms > UTC_TEXT_MS_MAX) time_ms = -1;
    observation_write_json(name, said, time_ms, history);
    INVARIANT(buf_ok(history));
    draft.payload = bytes_of(history->data + start, history->size - start);
    struct evidence_place place;
    return evidence_log_append(edge, &draft, &place);
}

/* The horizon shall not take from a track that goes on being observed what is still true of it. */
static uint64_t carry_on_below(const struct edge *edge)
{
    const uint64_t horizon = edge->track_store.horizon;
    const uint64_t margin_ms = (uint64_t)edge->settings.track_retention_min_s * 1000 / 2;
    return horizon == 0 ? 0 : horizon + (margin_ms << 16);
}

/* The verdict is in the receipt; an error return is only for a store that fails. */
static enum status observe(struct edge *edge, const struct level_name *name,
                           const struct observation *observation, struct track_receipt *receipt)
{
    struct track_store *store = &edge->track_store;
    struct track *track = edge->tracks.scratch;
    struct track_observation said = observation->said;
    struct track_row row;
    const enum status found = track_store_get(edge, name, &row, track);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    if (row.id == 0 && tracks_full(edge)) TRY(tracks_evict(edge));
    if (!room_ok(edge, &row, receipt) || !time_ok(edge, observation, track, receipt)) return ST_OK;
    track_observation_carry_on(track, carry_on_below(edge), &said);
    tracks_know(edge, track_newest_stamp(track));
    tracks_know(edge, store->horizon);
    TRY(edge_stamp(edge, &receipt->hlc));
    /* Read here and not before: the eviction may have changed it. */
    const struct track_writer writer = {edge->node, store->incarnation};
    const enum status judged = track_observe(track, &writer, receipt->hlc, store->horizon, &said);
    if (judged != ST_OK) {
        refuse(receipt, judged, status_words(judged));
        return ST_OK;
    }
    row.taught = false;
    row.done = clock_done_at(edge);
    TRY(track_store_put(edge, &row, track));
    receipt->status = ST_OK;
    receipt->change = row.change;
    edge->tracks.observed++;
    if (!edge->settings.track_history) return ST_OK;
    return keep_history(edge, name, &observation->said, receipt->hlc);
}

static enum status submit(struct edge *edge, struct bytes name_text, struct bytes payload,
                          struct track_receipt *receipt)
{
    struct level_name name;
    struct observation observation;
    if (level_name_from(name_text, &name) != ST_OK) {
        refuse(receipt, ST_MALFORMED, "this is not a track's name");
    } else if (payload.size > OBSERVATION_SIZE_MAX) {
        refuse(receipt, ST_TOO_LARGE, "an observation has at most 4096 bytes");
    } else {
        receipt->status = observation_read(payload, &observation, receipt->reason);
        if (receipt->status == ST_NO_MEMORY) return ST_NO_MEMORY;
        if (receipt->status == ST_OK) TRY(observe(edge, &name, &observation, receipt));
    }
    if (receipt->status == ST_OK) return ST_OK;
    edge->tracks.refused++;
    edge->counters.messages_refused++;
    return ST_OK;
}

/* ---- MQTT ------------------------------------------------------------------------------------ */

static void receipt_json(struct bytes name, const struct track_receipt *receipt, struct buf *out)
{
    buf_put_text(out, "{\"track\":");
    buf_put_json_text(out, name);
    if (receipt->status != ST_OK) {
        buf_put_format(out, ",\"status\":\"%s\",\"reason\":", status_name(receipt->status));
        buf_put_json_text(out, buf_bytes(receipt->reason));
    } else {
        buf_put_format(out, ",\"status\":\"ok\",\"hlc\":%llu", (unsigned long long)receipt->hlc);
        if (hlc_ms(receipt->hlc) <= UTC_TEXT_MS_MAX) {
            buf_put_text(out, ",\"time\":\"");
            utc_text_put(hlc_ms(receipt->hlc), out);
            buf_put_text(out, "\"");
        }
    }
    buf_put_text(out, "}");
}

enum status tracks_message(struct edge *edge, const struct mqtt_message *message,
                           struct effects *effects)
{
    static const struct bytes prefix = {(const uint8_t *)"local/track/", 12};
    uint8_t words[DOCUMENT_REASON_SIZE_MAX + 64], memory[RECEIPT_SIZE_MAX];
    struct buf reason = buf_of(words, sizeof(words)), json = buf_of(memory, sizeof(memory));
    struct track_receipt receipt = {.reason = &reason};
    /* Whatever stands behind the prefix: submit says what is wrong with it. */
    struct bytes name = message->topic;
    if (name.size >= prefix.size && bytes_equal(bytes_of(name.data, prefix.size), prefix))
        name = bytes_from(name, prefix.size);
    if (name.size > TOPIC_SIZE_MAX) name = BYTES_EMPTY;
    TRY(submit(edge, name, message->payload, &receipt));
    receipt_json(name, &receipt, &json);
    INVARIANT(buf_ok(&json));
    intake_respond(message, buf_bytes(&json), effects);
    return ST_OK;
}

/* ---- The control socket ---------------------------------------------------------------------- */

/* The END names the first refused item's fault, since a receipt has no room for words. */
enum status tracks_request(struct edge *edge, uint32_t client,
                           const struct control_request *request, struct effects *effects)
{
    char first[DOCUMENT_REASON_SIZE_MAX + 256];
    struct buf first_words = buf_of(first, sizeof(first) - 1);
    struct buf out = effects_space(effects, 64 + request->item_count * 96);
    receipts_reply_begin(&out, (uint32_t)request->item_count);
    for (size_t i = 0; i < request->item_count; i++) {
        const struct observe_item *item = &request->observations[i];
        uint8_t words[DOCUMENT_REASON_SIZE_MAX + 64];
        struct buf reason = buf_of(words, sizeof(words));
        struct track_receipt taken = {.reason = &reason};
        TRY(submit(edge, item->track, item->observation, &taken));
        const struct receipt receipt = {.status = taken.status, .sequence = taken.change};
        receipts_reply_item(&out, &receipt);
        if (taken.status == ST_OK || first_words.size > 0) continue;
        buf_put(&first_words, item->track.size <= LEVEL_NAME_SIZE_MAX ? item->track : BYTES_EMPTY);
        buf_put_text(&first_words, ": ");
        buf_put(&first_words, buf_bytes(&reason));
    }
    first[first_words.size] = '\0';
    report_reply(effects, client, &out);
    report_end(effects, client, ST_OK, first);
    return ST_OK;
}
