/* outbox.c - the window and the cursor, see outbox.h; framer.c builds the frames. */
#include "edge-bridge/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "edge-bridge/edge_state.h"

static const char *const sql[OUTBOX_STATEMENT_COUNT] = {
    [OUTBOX_CRITICAL] = ("SELECT position, form FROM evidence INDEXED BY evidence_critical"
                         " WHERE priority = 0 AND position > ?1 ORDER BY position LIMIT ?2"),
    [OUTBOX_COUNT_RANGE] = "SELECT priority, header FROM evidence WHERE position BETWEEN ?1 AND ?2",
    [OUTBOX_LOST_AT] =
        "SELECT last, loss_log, loss_sequence FROM lost_range WHERE log = ?1 AND first = ?2",
};

enum status outbox_open(struct edge *edge)
{
    struct outbox *outbox = &edge->outbox;
    const size_t payloads_size = FRAME_SIZE_MAX;
    outbox->entries_scratch = malloc(BODY_SIZE_MAX);
    outbox->ahead_scratch = calloc(AHEAD_ENTRIES_MAX, sizeof(*outbox->ahead_scratch));
    outbox->ahead_payloads = buf_of(malloc(payloads_size), payloads_size);
    if (outbox->entries_scratch == NULL || outbox->ahead_scratch == NULL ||
        outbox->ahead_payloads.data == NULL)
        return ST_NO_MEMORY;
    outbox->next_token = 1;
    pace_init(&outbox->pace);
    return statements_open(edge->db, sql, OUTBOX_STATEMENT_COUNT, outbox->statements);
}

void outbox_close(struct edge *edge)
{
    struct outbox *outbox = &edge->outbox;
    statements_close(outbox->statements, OUTBOX_STATEMENT_COUNT);
    free(outbox->entries_scratch);
    free(outbox->ahead_scratch);
    free(outbox->ahead_payloads.data);
    memset(outbox, 0, sizeof(*outbox));
}

void outbox_rewind(struct edge *edge)
{
    struct outbox *outbox = &edge->outbox;
    size_t kept = 0;
    outbox->flight_bytes = 0;
    for (size_t i = 0; i < outbox->flight_count; i++) {
        /* What the broker has not taken yet still holds a place in its receive window. */
        if (!outbox->flights[i].waits_for_puback) continue;
        outbox->flights[kept] = outbox->flights[i];
        outbox->flights[kept].log = 0;
        outbox->flights[kept].bytes = 0;
        kept++;
    }
    outbox->flight_count = kept;
    outbox->placed = false;
    outbox->part_next = 0;
    outbox->ahead_position = 0;
    outbox->progress_mono_ns = edge->now.mono_ns;
    outbox->linger_until_ns = 0;
    track_lane_restart(edge);
    config_lane_restart(edge);
}

void outbox_restart(struct edge *edge)
{
    struct outbox *outbox = &edge->outbox;
    outbox->flight_count = 0;
    edge->session.lanes_open = false;
    outbox_rewind(edge);
    outbox->probing = false;
    outbox->probes = 0;
    outbox->rejected = false;
    pace_init(&outbox->pace);
}

enum status outbox_resend(struct edge *edge, const struct log_id *log, uint64_t from)
{
    struct outbox *outbox = &edge->outbox;
    if (!outbox->placed) return ST_OK;
    struct log_row row;
    const enum status found = evidence_read_log(edge, log, &row);
    if (found == ST_NOT_FOUND) return ST_OK;
    if (found != ST_OK) return found;
    const bool was_sent = row.id < outbox->log.id || from < outbox->next ||
                          (from == outbox->next && outbox->part_next > 0);
    /* Anything at or below what is delivered, or not sent yet, is an old request. */
    if (row.id > outbox->log.id || !was_sent || from <= row.delivered) return ST_OK;
    outbox_rewind(edge);
    return ST_OK;
}

size_t outbox_waiting_for_puback(const struct edge *edge)
{
    size_t count = 0;
    for (size_t i = 0; i < edge->outbox.flight_count; i++)
        count += edge->outbox.flights[i].waits_for_puback;
    return count;
}

/* A flight that needs no acknowledgement any more but still waits for its PUBACK keeps its place
 * with log = 0. */
static void flights_sweep(struct outbox *outbox)
{
    size_t kept = 0;
    for (size_t i = 0; i < outbox->flight_count; i++) {
        if (outbox->flights[i].log == 0 && !outbox->flights[i].waits_for_puback) continue;
        outbox->flights[kept++] = outbox->flights[i];
    }
    outbox->flight_count = kept;
}

void outbox_sent(struct edge *edge, uint32_t token, bool accepted)
{
    struct outbox *outbox = &edge->outbox;
    for (size_t i = 0; i < outbox->flight_count; i++) {
        if (outbox->flights[i].token != token) continue;
        outbox->flights[i].waits_for_puback = false;
        if (!accepted) outbox->rejected = true;
        break;
    }
    flights_sweep(outbox);
}

struct flight *outbox_add_flight(struct edge *edge, enum flight_kind kind, uint32_t token,
                                 uint32_t frame_bytes)
{
    struct outbox *outbox = &edge->outbox;
    INVARIANT(outbox->flight_count < FLIGHTS_MAX);
    if (outbox->flight_bytes == 0 && frame_bytes > 0) {
        outbox->progress_mono_ns = edge->now.mono_ns;
        pace_begin(&outbox->pace, edge->now.mono_ns);
    }
    struct flight *flight = &outbox->flights[outbox->flight_count++];
    *flight = (struct flight){.kind = kind, .token = token, .bytes = frame_bytes};
    flight->waits_for_puback = true;
    flight->log = outbox->log.id;
    outbox->flight_bytes += frame_bytes;
    const bool idle_sender = outbox_window_open(edge);
    flight->mark = pace_mark_of(&outbox->pace, edge->now.mono_ns, idle_sender);
    return flight;
}

/* The frame is acknowledged: it leaves the window and tells the link's rate. */
static void flight_done(struct edge *edge, struct flight *flight, struct pace_mark *best)
{
    struct outbox *outbox = &edge->outbox;
    outbox->flight_bytes -= flight->bytes;
    pace_acked(&outbox->pace, flight->bytes);
    *best = pace_better_mark(best, &flight->mark);
    flight->log = 0;
    flight->bytes = 0;
}

static void progress(struct edge *edge, const struct pace_mark *best)
{
    struct outbox *outbox = &edge->outbox;
    outbox->progress_mono_ns = edge->now.mono_ns;
    outbox->probing = false;
    outbox->probes = 0;
    if (best->sent_mono_ns > 0) pace_sample(&outbox->pace, best, edge->now.mono_ns);
    flights_sweep(outbox);
}

/* Takes entries from..to off the tallies by reading them: after a restart, when no frame in flight
 * remembers what it carried. */
static enum status count_range(struct edge *edge, const struct log_row *log, uint64_t from,
                               uint64_t to, bool delivered)
{
    if (from > to) return ST_OK;
    struct statement *statement = edge->outbox.statements[OUTBOX_COUNT_RANGE];
    bind_u64(statement, 1, log->base + from);
    bind_u64(statement, 2, log->base + to);
    bool row;
    for (;;) {
        TRY(statement_step(statement, &row));
        if (!row) return ST_OK;
        const unsigned priority = (unsigned)column_u64(statement, 0) % PRIORITY_COUNT;
        struct evidence_header header;
        const struct bytes bytes = column_bytes(statement, 1);
        const uint64_t size =
            evidence_header_decode(bytes, &header) == ST_OK ? header.payload_len : 0;
        const enum status status = delivered ? evidence_log_delivered(edge, priority, 1, size)
                                             : evidence_log_undelivered(edge, priority, 1, size);
        if (status != ST_OK) {
            statement_reset(statement);
            return status;
        }
    }
}

/* Frames that lie wholly in from..to in order need no reading: their counts are known. Returns the
 * first sequence that no frame accounted for. */
static enum status settle_flights(struct edge *edge, const struct log_row *log, uint64_t *from,
                                  uint64_t to)
{
    struct outbox *outbox = &edge->outbox;
    struct pace_mark best = {0};
    for (size_t i = 0; i < outbox->flight_count; i++) {
        struct flight *flight = &outbox->flights[i];
        if (flight->log != log->id || flight->last > to) continue;
        if (flight->kind == FLIGHT_RUN && flight->first == *from) {
            for (unsigned priority = 0; priority < PRIORITY_COUNT; priority++)
                TRY(evidence_log_delivered(edge, priority, flight->entries[priority],
                                           flight->payload_bytes[priority]));
            *from = flight->last + 1;
        }
        flight_done(edge, flight, &best);
    }
    progress(edge, &best);
    return ST_OK;
}

enum status outbox_delivered(struct edge *edge, struct log_row *log, uint64_t acked,
                             uint64_t delivered)
{
    if (acked < log->acked) acked = log->acked;
    if (delivered < log->delivered) delivered = log->delivered;
    if (acked == log->acked && delivered == log->delivered) return ST_OK;
    uint64_t from = log->delivered + 1;
    if (delivered > log->delivered) {
        TRY(settle_flights(edge, log, &from, delivered));
        TRY(count_range(edge, log, from, delivered, true));
    }
    log->acked = acked;
    log->delivered = delivered;
    TRY(evidence_log_set_state(edge, log, log->state));
    struct outbox *outbox = &edge->outbox;
    if (outbox->placed && outbox->log.id == log->id) {
        /* Delivered beyond the cursor: entries that went ahead or in an earlier connection. */
        if (outbox->next <= delivered) outbox->placed = false;
        outbox->log.acked = acked;
        outbox->log.delivered = delivered;
    }
    return ST_OK;
}

enum status outbox_undelivered(struct edge *edge, struct log_row *log, uint64_t acked,
                               uint64_t delivered)
{
    TRY(retention_asked_again(edge, log, acked));
    if (delivered < log->delivered)
        TRY(count_range(edge, log, delivered + 1, log->delivered, false));
    log->acked = acked;
    log->delivered = delivered;
    outbox_rewind(edge);
    return evidence_log_set_state(edge, log, log->state);
}

void outbox_heard(struct edge *edge, const struct log_row *log, const struct ack *ack,
                  const struct ack_log *said)
{
    struct outbox *outbox = &edge->outbox;
    struct pace_mark best = {0};
    bool moved = false;
    for (size_t i = 0; i < outbox->flight_count; i++) {
        struct flight *flight = &outbox->flights[i];
        if (flight->log != log->id) continue;
        const bool part_done = flight->kind == FLIGHT_PART &&
                               said->parts_sequence == flight->first && said->parts > flight->part;
        const bool ahead_done = flight->kind == FLIGHT_AHEAD &&
                                ack_slice_contains(ack, said->above, flight->first) &&
                                ack_slice_contains(ack, said->above, flight->last);
        if (!part_done && !ahead_done) continue;
        flight_done(edge, flight, &best);
        moved = true;
    }
    if (moved) progress(edge, &best);
    if (log->state != LOG_OPEN) return;
    outbox->above_log = log->id;
    outbox->above_count = said->above.count < ABOVE_MAX ? said->above.count : ABOVE_MAX;
    memcpy(outbox->above, &ack->ranges[said->above.first],
           outbox->above_count * sizeof(outbox->above[0]));
}

void outbox_lane_acked(struct edge *edge, enum flight_kind kind, uint64_t through)
{
    struct outbox *outbox = &edge->outbox;
    struct pace_mark best = {0};
    bool moved = false;
    for (size_t i = 0; i < outbox->flight_count; i++) {
        struct flight *flight = &outbox->flights[i];
        if (flight->log == 0 || flight->kind != kind || flight->last > through) continue;
        flight_done(edge, flight, &best);
        moved = true;
    }
    if (moved) progress(edge, &best);
}

uint32_t outbox_frame_bytes(const struct edge *edge)
{
    return pace_frame_bytes(&edge->outbox.pace, edge->settings.frame_size_max);
}

enum status outbox_send_lane(struct edge *edge, struct effects *effects, enum flight_kind kind,
                             enum topic_id topic, enum frame_kind frame, struct bytes body,
                             uint64_t first, uint64_t last)
{
    uint32_t token, frame_bytes;
    TRY(outbox_publish(edge, effects, topic, frame, body, false, &token, &frame_bytes));
    const bool note = kind == FLIGHT_NOTE;
    struct flight *flight = outbox_add_flight(edge, kind, token, note ? 0 : frame_bytes);
    flight->log = note ? 0 : FLIGHT_NO_LOG;
    flight->first = first;
    flight->last = last;
    return ST_OK;
}

bool outbox_sent_before_probe(const struct edge *edge)
{
    const struct outbox *outbox = &edge->outbox;
    for (size_t i = 0; i < outbox->flight_count; i++) {
        const struct flight *flight = &outbox->flights[i];
        if (flight->log != 0 && flight->mark.sent_mono_ns <= outbox->probe_mono_ns) return true;
    }
    return false;
}

enum status outbox_mend(struct edge *edge)
{
    struct outbox *outbox = &edge->outbox;
    if (!outbox->damage_found) return ST_OK;
    outbox->damage_found = false;
    struct log_row log;
    TRY(evidence_read_next_log(edge, outbox->damage_log - 1, &log));
    trace_line(&edge->port->trace, TRACE_ALARM, "entry %llu is damaged on the disk",
               (unsigned long long)outbox->damage_sequence);
    const enum status status =
        evidence_log_lose(edge, &log, outbox->damage_sequence, outbox->damage_sequence,
                          outbox->damage_payload_only, "damaged in the local store");
    if (status != ST_CORRUPT) return status;
    /* Not even its hashes are left, so no LOSS can carry the chain over it. */
    trace_line(&edge->port->trace, TRACE_ALARM, "entries from %llu on stay here: see verify",
               (unsigned long long)outbox->damage_sequence);
    if (log.id == edge->log.row.id) {
        TRY(evidence_log_start(edge, "entries are missing from the local store"));
        TRY(evidence_read_next_log(edge, log.id - 1, &log));
    }
    outbox->placed = false;
    return evidence_log_set_state(edge, &log, LOG_STUCK);
}

/* Compressing pays even on a fast link, since fewer bytes also mean less work for brokers and
 * disks; but not for payloads that do not get smaller: those are only tried now and then. */
static bool compresses(struct edge *edge, size_t body_size)
{
    struct outbox *outbox = &edge->outbox;
    if (edge->settings.compress != COMPRESS_AUTO) return edge->settings.compress == COMPRESS_ALWAYS;
    if (body_size < COMPRESS_JUDGED_BYTES || outbox->compress_pause == 0) return true;
    outbox->compress_pause--;
    return false;
}

static void compress_learn(struct edge *edge, size_t body_size, size_t frame_size)
{
    const bool in_vain = frame_size > body_size - body_size / 8;
    if (body_size >= COMPRESS_JUDGED_BYTES && in_vain)
        edge->outbox.compress_pause = COMPRESS_PAUSE_FRAMES;
}

enum status outbox_publish(struct edge *edge, struct effects *effects, enum topic_id topic,
                           enum frame_kind kind, struct bytes body, bool retain, uint32_t *token,
                           uint32_t *frame_bytes)
{
    struct topic_text text;
    TRY(topic_build(edge->root, topic, edge->node.text, NULL, &text));
    struct envelope_spec spec = {
        .kind = kind,
        .sender = &edge->node,
        .key = edge->key,
        .topic_below_root = topic_text_below_root(&text),
    };
    TRY(edge_stamp(edge, &spec.hlc));
    const bool compress = compresses(edge, body.size);
    struct buf frame = effects_space(effects, FRAME_SIZE_MAX);
    TRY(envelope_write(&spec, body, compress ? edge->compressor : NULL, edge->hasher, &frame));
    if (compress) compress_learn(edge, body.size, frame.size);
    struct effect *effect = effects_add(effects, EFFECT_PUBLISH);
    effect->link = LINK_CLOUD;
    effect->payload = effects_take(effects, &frame);
    effect->topic = effects_copy(effects, topic_text_bytes(&text));
    effect->retain = retain;
    effect->token = edge->outbox.next_token++;
    edge->counters.bytes_up += effect->payload.size;
    link_use_spent(edge, effect->payload.size, effect->topic.size);
    if (token != NULL) *token = effect->token;
    if (frame_bytes != NULL) *frame_bytes = (uint32_t)effect->payload.size;
    return ST_OK;
}

bool outbox_window_open(const struct edge *edge)
{
    const struct outbox *outbox = &edge->outbox;
    const struct edge_settings *settings = &edge->settings;
    const size_t broker = edge->session.links[LINK_CLOUD].receive_maximum;
    /* Two places stay free for a hello and a status, and one for critical entries. */
    size_t frames = settings->window_frames_max < broker ? settings->window_frames_max : broker;
    frames = frames > 4 ? frames - 3 : 1;
    if (outbox_waiting_for_puback(edge) >= frames) return false;
    if (outbox->flight_count + 2 >= FLIGHTS_MAX) return false;
    return outbox->flight_bytes <
           pace_window_bytes(&outbox->pace, settings->frame_size_max, settings->window_bytes_max);
}

/* When nothing has moved for so long that the cloud is asked. */
static uint64_t probe_due_ns(const struct edge *edge)
{
    const struct outbox *outbox = &edge->outbox;
    if (outbox->flight_bytes == 0 && !outbox->rejected) return UINT64_MAX;
    const uint64_t base_ns = (uint64_t)edge->settings.ack_timeout_ms * 1000000;
    const unsigned doublings = outbox->probes < 5 ? outbox->probes : 5;
    const uint64_t since = outbox->probing ? outbox->probe_mono_ns : outbox->progress_mono_ns;
    return since + (base_ns << doublings);
}

/* An unanswered hello is said again also when nothing is in flight: a cloud that was restored from
 * a backup learns of it only by what its nodes hold. And it is said now and then on a quiet
 * connection: a broker may have dropped the one message that would have told either side that they
 * differ. More seldom to a consumer that is said to be away: it will say that it is back, and only
 * when that gets lost it must be asked. */
static uint64_t hello_due_ns(const struct edge *edge)
{
    const struct session *session = &edge->session;
    const bool away = session->cloud_known && !session->cloud_online;
    if (!session->hello_waits || away) return session->hello_mono_ns + session->hello_quiet_ns;
    return session->hello_mono_ns +
           (uint64_t)edge->settings.ack_timeout_ms * HELLO_AGAIN_TIMEOUTS * 1000000;
}

/* Nothing has moved for a while: ask whether the cloud is there. Sending everything again blindly
 * would only fill the broker's queue for a consumer that is away. */
static enum status probe(struct edge *edge, struct effects *effects)
{
    struct outbox *outbox = &edge->outbox;
    if (edge->now.mono_ns >= hello_due_ns(edge)) return session_hello(edge, effects);
    if (edge->now.mono_ns < probe_due_ns(edge)) return ST_OK;
    if (outbox->probes >= PROBES_BEFORE_RECONNECT && !edge->session.cloud_known) {
        session_reconnect(edge, effects, "no answer came through this connection");
        return ST_OK;
    }
    if (outbox->probes >= PROBES_BEFORE_RECONNECT && edge->session.cloud_online) {
        session_reconnect(edge, effects, "the cloud consumer is said to be online but is silent");
        return ST_OK;
    }
    outbox->probing = true;
    outbox->rejected = false;
    outbox->probes++;
    outbox->probe_mono_ns = edge->now.mono_ns;
    return session_hello(edge, effects);
}

/* ---- Lanes ----------------------------------------------------------------------------------- */

static enum status lane_next(struct edge *edge, enum lane lane, struct effects *effects, bool *sent)
{
    *sent = false;
    if (lane == LANE_EVIDENCE) {
        if (sync_mode_now(edge) == SYNC_INCREMENTAL) return ST_OK; /* critical entries went ahead */
        return edge->outbox.damage_found ? ST_OK : framer_next(edge, effects, sent);
    }
    if (!edge->session.lanes_open) return ST_OK;
    return lane == LANE_TRACKS ? track_lane_next(edge, effects, sent)
                               : config_lane_next(edge, effects, sent);
}

/* Fair queueing by start times (Goyal, Vin, Cheng 1996): the lane that was served least, in bytes
 * over its weight, is next; one that had nothing to say for a while does not save up. So config
 * and tracks pass a backlog of evidence, and none of the three starves. */
static enum lane lane_to_serve(const struct outbox *outbox, const bool exhausted[LANE_COUNT])
{
    enum lane best = LANE_COUNT;
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        if (exhausted[lane]) continue;
        if (best == LANE_COUNT || outbox->served[lane] < outbox->served[best])
            best = (enum lane)lane;
    }
    return best;
}

static enum status fill_lanes(struct edge *edge, struct effects *effects)
{
    static const uint64_t weights[LANE_COUNT] = {4, 2, 4};
    struct outbox *outbox = &edge->outbox;
    bool exhausted[LANE_COUNT] = {false};
    enum lane lane = LANE_COUNT;
    for (int i = 0; i < LANE_COUNT; i++)
        if (outbox->served[i] < outbox->virtual_time) outbox->served[i] = outbox->virtual_time;
    while (outbox_window_open(edge) && effects_has_room(effects) && link_use_allows(edge)) {
        lane = lane_to_serve(outbox, exhausted);
        if (lane == LANE_COUNT) break;
        bool sent;
        const uint64_t before = edge->counters.bytes_up;
        TRY(lane_next(edge, lane, effects, &sent));
        exhausted[lane] = !sent;
        if (!sent) continue;
        outbox->virtual_time = outbox->served[lane];
        outbox->served[lane] += (edge->counters.bytes_up - before) * 16 / weights[lane];
    }
    outbox->more = lane != LANE_COUNT && !effects_has_room(effects);
    return ST_OK;
}

enum status outbox_fill(struct edge *edge, struct effects *effects)
{
    if (!session_online(edge, LINK_CLOUD)) return ST_OK;
    TRY(probe(edge, effects));
    if (!session_online(edge, LINK_CLOUD)) return ST_OK;
    if (!edge->outbox.damage_found && effects_has_room(effects)) TRY(framer_ahead(edge, effects));
    if (!link_use_allows(edge)) return ST_OK;
    TRY(state_fill(edge, effects, false));
    return fill_lanes(edge, effects);
}

uint64_t outbox_wakeup(const struct edge *edge)
{
    const struct outbox *outbox = &edge->outbox;
    uint64_t wakeup_ns = UINT64_MAX;
    if (!session_online(edge, LINK_CLOUD)) return wakeup_ns;
    if (outbox->damage_found || outbox->more) return 0;
    if (outbox->linger_until_ns != 0) wakeup_ns = outbox->linger_until_ns;
    const uint64_t dues[] = {probe_due_ns(edge), hello_due_ns(edge)};
    for (size_t i = 0; i < COUNT_OF(dues); i++)
        if (dues[i] < wakeup_ns) wakeup_ns = dues[i];
    return wakeup_ns;
}
