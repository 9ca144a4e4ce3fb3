/* apply.c - what comes down from the cloud, see apply.h. */
#include "edge-bridge/apply.h"

#include <string.h>

#include "common/wire/nack_msg.h"
#include "common/wire/status_msg.h"
#include "edge-bridge/edge_state.h"
#include "edge-bridge/schema.h"

static const char *const sql[APPLY_STATEMENT_COUNT] = {
    [APPLY_FIND_ACK] = "SELECT counter, superseded, frame FROM held_ack WHERE store_id = ?1",
    [APPLY_SAVE_ACK] = ("INSERT OR REPLACE INTO held_ack(store_id, counter, superseded, frame,"
                        " received_ms) VALUES(?1, ?2, 0, ?3, ?4)"),
    [APPLY_SUPERSEDE] = "UPDATE held_ack SET superseded = 1 WHERE store_id <> ?1",
};

enum status apply_open(struct edge *edge)
{
    struct apply *apply = &edge->apply;
    TRY(statements_open(edge->db, sql, APPLY_STATEMENT_COUNT, apply->statements));
    const enum status found =
        edge_meta_get_fixed(edge, META_STORE_ID, apply->store.bytes, STORE_ID_SIZE);
    if (found == ST_NOT_FOUND) return ST_OK;
    if (found != ST_OK) return found;
    apply->has_store = true;
    struct statement *find = apply->statements[APPLY_FIND_ACK];
    bind_blob(find, 1, bytes_of(apply->store.bytes, STORE_ID_SIZE));
    bool row;
    TRY(statement_step(find, &row));
    if (row) apply->counter = column_u64(find, 0);
    statement_reset(find);
    return ST_OK;
}

void apply_close(struct edge *edge)
{
    statements_close(edge->apply.statements, APPLY_STATEMENT_COUNT);
    memset(&edge->apply, 0, sizeof(edge->apply));
}

enum status apply_held_ack(struct edge *edge, struct buf *out)
{
    const struct apply *apply = &edge->apply;
    if (!apply->has_store) return ST_OK;
    struct statement *find = apply->statements[APPLY_FIND_ACK];
    bind_blob(find, 1, bytes_of(apply->store.bytes, STORE_ID_SIZE));
    bool row;
    TRY(statement_step(find, &row));
    if (row) buf_put(out, column_bytes(find, 2));
    statement_reset(find);
    return buf_ok(out) ? ST_OK : ST_CORRUPT;
}

/* ---- Which store's acknowledgements count ---------------------------------------------------- */

enum ack_standing {
    ACK_STALE,   /* older than what is held, or of a store that was taken over */
    ACK_NEXT,    /* of the store that counts, newer than what is held */
    ACK_ADOPTED, /* of a store that takes over: positions may go down */
};

static enum status store_is_superseded(struct edge *edge, const struct store_id *store, bool *yes)
{
    struct statement *find = edge->apply.statements[APPLY_FIND_ACK];
    bind_blob(find, 1, bytes_of(store->bytes, STORE_ID_SIZE));
    bool row;
    TRY(statement_step(find, &row));
    *yes = row && column_i64(find, 1) != 0;
    statement_reset(find);
    return ST_OK;
}

static enum status standing_of(struct edge *edge, const struct ack *ack, bool fresh,
                               enum ack_standing *out)
{
    const struct apply *apply = &edge->apply;
    bool superseded;
    TRY(store_is_superseded(edge, &ack->store, &superseded));
    *out = ACK_STALE;
    if (superseded) return ST_OK;
    if (!apply->has_store || !store_id_equal(&apply->store, &ack->store)) {
        /* A retained acknowledgement may be a replay: only the successor of the store we know, or
         * an answer to our own nonce, may change whom we listen to. */
        const bool successor =
            apply->has_store && ack->has_previous && store_id_equal(&ack->previous, &apply->store);
        if (successor || fresh || !apply->has_store) *out = ACK_ADOPTED;
    } else if (ack->counter > apply->counter) {
        *out = ACK_NEXT;
    }
    return ST_OK;
}

/* Keeps the cloud's own signed bytes: they go back to it in the next hello. frame is empty for an
 * acknowledgement inside a hello reply: the retained one with a higher counter follows. */
static enum status keep(struct edge *edge, const struct ack *ack, enum ack_standing standing,
                        struct bytes frame)
{
    struct apply *apply = &edge->apply;
    if (standing == ACK_ADOPTED) {
        apply->has_store = true;
        apply->store = ack->store;
        apply->counter = 0;
        struct statement *supersede = apply->statements[APPLY_SUPERSEDE];
        bind_blob(supersede, 1, bytes_of(ack->store.bytes, STORE_ID_SIZE));
        TRY(statement_run(supersede));
        TRY(edge_meta_set_bytes(edge, META_STORE_ID, bytes_of(ack->store.bytes, STORE_ID_SIZE)));
        trace_line(&edge->port->trace, TRACE_INFO, "acknowledgements now come from a new store");
    }
    if (frame.size == 0) return ST_OK;
    apply->counter = ack->counter;
    struct statement *save = apply->statements[APPLY_SAVE_ACK];
    bind_blob(save, 1, bytes_of(ack->store.bytes, STORE_ID_SIZE));
    bind_u64(save, 2, ack->counter);
    bind_blob(save, 3, frame);
    bind_i64(save, 4, edge_wall_ms(edge));
    return statement_run(save);
}

/* ---- What an acknowledgement says of one log ------------------------------------------------- */

/* The end of what is delivered: acked, and rejected entries that adjoin it. What the cloud holds
 * above a gap is not among them (it travels again in its run), nor are forked ranges: they may be
 * another copy's branch, see own_branch. */
static uint64_t extend(const struct ack *ack, const struct ack_log *said, uint64_t acked)
{
    uint64_t delivered = acked;
    for (uint16_t i = 0; i < said->rejected.count; i++) {
        const struct sequence_range *range = &ack->ranges[said->rejected.first + i];
        if (range->from <= delivered + 1 && range->to > delivered) delivered = range->to;
    }
    return delivered;
}

/* A branch that the cloud filed beside the chain is delivered when it is ours: when our entry at
 * its tip has the tip's hash, which covers all before it. */
static enum status own_branch(struct edge *edge, const struct log_row *log, const struct ack *ack,
                              const struct ack_log *said, uint64_t *delivered)
{
    for (uint16_t i = 0; i < said->tips.count; i++) {
        const struct branch_tip *tip = &ack->tips[said->tips.first + i];
        if (tip->sequence <= *delivered || tip->sequence > log->head.sequence) continue;
        struct digest hash;
        TRY(evidence_read_hash(edge, log, tip->sequence, &hash));
        if (digest_equal(&hash, &tip->hash)) *delivered = tip->sequence;
    }
    return ST_OK;
}

/* The cloud holds another branch than we do, or froze the log: write into a new one. What is left
 * of the old one is still sent. */
static enum status leave_log(struct edge *edge, struct log_row *log, const char *reason)
{
    if (log->state != LOG_OPEN) return ST_OK;
    trace_line(&edge->port->trace, TRACE_ALARM, "log left at %llu: %s",
               (unsigned long long)log->head.sequence, reason);
    TRY(evidence_log_start(edge, reason));
    TRY(evidence_read_log(edge, &log->log, log)); /* its head moved: CLOSE */
    if (edge->outbox.placed && edge->outbox.log.id == log->id) edge->outbox.log.head = log->head;
    TRY(track_lane_restored(edge));
    TRY(config_lane_restored(edge));
    return evidence_log_set_state(edge, log, LOG_LEFT);
}

static enum status apply_log(struct edge *edge, const struct ack *ack, const struct ack_log *said,
                             bool adopted)
{
    struct log_row log;
    const enum status found = evidence_read_log(edge, &said->log, &log);
    if (found == ST_NOT_FOUND) return ST_OK;
    if (found != ST_OK) return found;
    /* Sequences beyond our head cannot be ours, whatever is said of them. */
    bool ours = said->size <= log.head.sequence;
    if (ours) {
        struct digest hash;
        TRY(evidence_read_hash(edge, &log, said->size, &hash));
        ours = digest_equal(&hash, &said->head_hash);
    }
    uint64_t acked = ours ? said->size : log.acked;
    uint64_t delivered = extend(ack, said, acked);
    TRY(own_branch(edge, &log, ack, said, &delivered));
    if (delivered > log.head.sequence) delivered = log.head.sequence;
    const bool down = adopted && (acked < log.acked || delivered < log.delivered);
    outbox_heard(edge, &log, ack, said);
    TRY(retention_heard(edge, &log, ack, said, acked));
    if (down)
        TRY(outbox_undelivered(edge, &log, acked, delivered));
    else
        TRY(outbox_delivered(edge, &log, acked, delivered));
    if (!ours) return leave_log(edge, &log, "the cloud holds other entries: restored or cloned");
    if (said->state == ACK_LOG_FROZEN)
        return leave_log(edge, &log, "frozen by the cloud after a fork");
    return ST_OK;
}

/* A store that takes over and does not name a log does not hold anything of it. */
static enum status apply_absent_logs(struct edge *edge, const struct ack *ack)
{
    struct log_row log = {0};
    enum status more;
    while ((more = evidence_read_next_log(edge, log.id, &log)) == ST_OK) {
        bool named = false;
        for (size_t i = 0; i < ack->log_count && !named; i++)
            named = log_id_equal(&ack->logs[i].log, &log.log);
        if (!named && log.delivered > 0) TRY(outbox_undelivered(edge, &log, 0, 0));
    }
    return more == ST_NOT_FOUND ? ST_OK : more;
}

static enum status apply_ack(struct edge *edge, const struct ack *ack, struct bytes frame,
                             bool fresh, struct effects *effects)
{
    enum ack_standing standing;
    TRY(standing_of(edge, ack, fresh, &standing));
    if (standing == ACK_STALE) {
        edge->counters.acks_stale++;
        return ST_OK;
    }
    TRY(evidence_log_flush(edge));
    TRY(keep(edge, ack, standing, frame));
    edge->session.ack_mono_ns = edge->now.mono_ns;
    for (size_t i = 0; i < ack->log_count; i++)
        TRY(apply_log(edge, ack, &ack->logs[i], standing == ACK_ADOPTED));
    TRY(track_lane_acked(edge, ack, standing == ACK_ADOPTED));
    TRY(config_lane_acked(edge, ack, standing == ACK_ADOPTED, effects));
    return standing == ACK_ADOPTED ? apply_absent_logs(edge, ack) : ST_OK;
}

/* ---- Frames ---------------------------------------------------------------------------------- */

/* Logs that the cloud holds whole, though its own copy goes on: we were restored from a backup. */
static enum status apply_held(struct edge *edge, const struct hello_reply *reply)
{
    for (size_t i = 0; i < reply->held_count; i++) {
        struct log_row log;
        const enum status found = evidence_read_log(edge, &reply->held[i], &log);
        if (found == ST_NOT_FOUND) continue;
        if (found != ST_OK) return found;
        /* The reply speaks of the head that the hello named; entries came since then in an open
         * log, so only one that is left can be settled by it. */
        if (log.state == LOG_OPEN) continue;
        /* Nothing is said of entries that were rejected. */
        TRY(retention_keep(edge, &log, log.acked + 1, log.head.sequence));
        TRY(outbox_delivered(edge, &log, log.head.sequence, log.head.sequence));
    }
    return ST_OK;
}

/* From here on our clock is known to be right, so tracks and config may go. */
static enum status open_lanes(struct edge *edge, const struct hello_reply *reply)
{
    const uint64_t asked_ns = reply->mono_ms * 1000000;
    if (asked_ns < edge->now.mono_ns)
        pace_round_trip(&edge->outbox.pace, edge->now.mono_ns - asked_ns);
    TRY(clock_heard(edge, reply->cloud_ms, asked_ns, reply->admitted));
    TRY(tracks_horizon(edge, reply->horizon));
    TRY(config_told(edge, &reply->config, reply->roster));
    if (edge->session.lanes_open) return ST_OK;
    edge->session.lanes_open = true;
    TRY(track_lane_start(edge));
    config_lane_start(edge);
    return ST_OK;
}

static enum status on_hello_reply(struct edge *edge, struct bytes body, struct effects *effects)
{
    struct hello_reply *reply = edge->hello_reply;
    if (hello_reply_decode(edge->unpacker, body, reply) != ST_OK ||
        !nonce_equal(&reply->nonce, &edge->session.nonce)) {
        edge->counters.frames_forged++;
        return ST_OK;
    }
    const bool asked = edge->outbox.probing;
    edge->session.hello_waits = false;
    TRY(apply_ack(edge, &reply->ack, BYTES_EMPTY, true, effects));
    TRY(apply_held(edge, reply));
    /* The cloud is there and this is all it has: what was sent before the question is lost. */
    if (asked && outbox_sent_before_probe(edge)) {
        trace_line(&edge->port->trace, TRACE_INFO, "the cloud lacks what was sent: sending again");
        outbox_rewind(edge);
    }
    edge->outbox.probing = false;
    edge->outbox.probes = 0;
    return open_lanes(edge, reply);
}

static enum status on_nack(struct edge *edge, struct bytes body)
{
    struct nack nack;
    if (nack_msg_decode(edge->unpacker, body, &nack) != ST_OK ||
        !nonce_equal(&nack.nonce, &edge->session.nonce)) {
        edge->counters.frames_forged++;
        return ST_OK;
    }
    edge->counters.nacks++;
    trace_line(&edge->port->trace, TRACE_WARNING, "the cloud did not take %s %llu..%llu: %.*s",
               nack.lane == NACK_TRACKS ? "track changes" : "config writes",
               (unsigned long long)nack.from, (unsigned long long)nack.to, (int)nack.words.size,
               (const char *)nack.words.data);
    if (nack.reason != NACK_FUTURE) return ST_OK;
    return clock_heard(edge, nack.cloud_ms, edge->now.mono_ns, nack.admitted);
}

static enum status on_range_request(struct edge *edge, struct bytes body)
{
    struct range_request request;
    if (range_request_decode(edge->unpacker, body, &request) != ST_OK ||
        !nonce_equal(&request.nonce, &edge->session.nonce)) {
        edge->counters.frames_forged++;
        return ST_OK;
    }
    return outbox_resend(edge, &request.log, request.from);
}

/* retained: the broker kept it from before our own hello; a fresh one came after it. */
static enum status on_cloud_status(struct edge *edge, struct bytes body, bool retained,
                                   struct effects *effects)
{
    struct status_report report;
    if (status_msg_decode(edge->unpacker, body, &report) != ST_OK) {
        edge->counters.frames_forged++;
        return ST_OK;
    }
    edge->session.cloud_known = true;
    edge->session.cloud_online = report.online;
    /* The retained copy comes with every subscription and is no news. */
    if (!report.online || retained) return ST_OK;
    /* A consumer that has just started may lack frames that died with the one before. */
    edge->outbox.probing = true;
    edge->outbox.probe_mono_ns = edge->now.mono_ns;
    return session_hello(edge, effects);
}

static enum status dispatch(struct edge *edge, const struct envelope *envelope,
                            const struct topic_parts *topic, struct bytes body,
                            const struct mqtt_message *message, struct effects *effects)
{
    switch (envelope->kind) {
    case FRAME_ACK:
        if (ack_msg_decode(edge->unpacker, body, edge->ack) == ST_OK)
            return apply_ack(edge, edge->ack, message->payload, false, effects);
        break;
    case FRAME_HELLO_REPLY:
        return on_hello_reply(edge, body, effects);
    case FRAME_RANGE_REQUEST:
        return on_range_request(edge, body);
    case FRAME_STATUS:
        return on_cloud_status(edge, body, message->retained, effects);
    case FRAME_NACK:
        return on_nack(edge, body);
    case FRAME_TRACKS:
        return tracks_merge(edge, body);
    case FRAME_TRACK_DIFFERS:
        return track_lane_differs(edge, body);
    case FRAME_TRACK_WANT:
        return track_lane_want(edge, body);
    case FRAME_ROSTER:
        return config_roster(edge, body, effects);
    case FRAME_CONFIG:
        return config_merge(edge, topic->scope, topic->name, body, message->payload, effects);
    default:
        break;
    }
    edge->counters.frames_forged++;
    return ST_OK;
}

/* Each kind has its topic: a frame that is genuine but in the wrong place is not acted on. */
static bool kind_fits(enum topic_id topic, enum frame_kind kind)
{
    switch (topic) {
    case TOPIC_ACK:
        return kind == FRAME_ACK;
    case TOPIC_SYNC_DOWN:
        return kind == FRAME_HELLO_REPLY || kind == FRAME_RANGE_REQUEST || kind == FRAME_NACK ||
               kind == FRAME_TRACK_DIFFERS || kind == FRAME_TRACK_WANT;
    case TOPIC_TRACKS_DOWN:
        return kind == FRAME_TRACKS;
    case TOPIC_CONFIG:
        return kind == FRAME_CONFIG;
    case TOPIC_ROSTER:
        return kind == FRAME_ROSTER;
    case TOPIC_CLOUD_STATUS:
        return kind == FRAME_STATUS;
    default:
        return false;
    }
}

enum status apply_message(struct edge *edge, const struct mqtt_message *message,
                          struct effects *effects)
{
    struct topic_parts topic;
    struct envelope envelope;
    struct bytes body;
    struct buf scratch = buf_of(edge->unpack_scratch, BODY_UNPACKED_SIZE_MAX);
    edge->counters.bytes_down += message->payload.size;
    const bool authentic =
        edge->has_cloud_key && topic_parse(edge->root, message->topic, &topic) == ST_OK &&
        (topic.node.size == 0 || bytes_equal(topic.node, bytes_of_text(edge->node.text))) &&
        envelope_read(edge->unpacker, message->payload, &envelope) == ST_OK &&
        strcmp(envelope.sender.text, "cloud") == 0 && kind_fits(topic.id, envelope.kind) &&
        envelope_verify(&envelope, &edge->cloud_key, topic.below_root, edge->hasher) == ST_OK &&
        envelope_body(&envelope, edge->compressor, &scratch, &body) == ST_OK;
    if (!authentic) {
        edge->counters.frames_forged++;
        return ST_OK;
    }
    edge->session.heard_mono_ns = edge->now.mono_ns;
    edge->clock.cloud_stamp = envelope.hlc;
    return dispatch(edge, &envelope, &topic, body, message, effects);
}
