/* reply.c - what nodes are owed: acknowledgements, answers to hellos, requests for missing ranges.
 *
 * One slot a node: however many frames of a node a batch brings, it gets one acknowledgement, and
 * that is built after the last of them, in the batch's own transaction. What the link's window does
 * not let out waits here and is built when it goes, from the store as it is then. Losing a slot is
 * harmless: a node that hears nothing asks with a hello. */
#include <string.h>

#include "cloud-consumer/engine.h"

static struct reply_slot *slot_of(struct cloud *cloud, const struct node_row *node)
{
    struct cloud_replies *const replies = &cloud->replies;
    for (size_t i = 0; i < replies->count; i++) {
        if (replies->slots[i].node == node->id) return &replies->slots[i];
    }
    if (replies->count == REPLY_SLOTS_MAX) return NULL;
    struct reply_slot *const slot = &replies->slots[replies->count++];
    *slot = (struct reply_slot){.node = node->id, .name = node->name};
    return slot;
}

void cloud_owe_ack(struct cloud *cloud, const struct node_row *node)
{
    struct reply_slot *const slot = slot_of(cloud, node);
    if (slot != NULL) slot->ack = true;
}

void cloud_owe_hello(struct cloud *cloud, const struct node_row *node, uint64_t mono_ms)
{
    struct reply_slot *const slot = slot_of(cloud, node);
    if (slot == NULL) return;
    slot->ack = true;
    slot->hello = true;
    slot->hello_mono_ms = mono_ms;
}

void cloud_owe_nack(struct cloud *cloud, const struct node_row *node, const struct nack *nack)
{
    struct reply_slot *const slot = slot_of(cloud, node);
    if (slot == NULL) return;
    slot->has_nack = true;
    slot->nack = *nack;
    if (slot->nack.words.size > NACK_WORDS_SIZE_MAX) slot->nack.words.size = NACK_WORDS_SIZE_MAX;
    if (nack->words.size > 0) memcpy(slot->nack_words, nack->words.data, slot->nack.words.size);
}

/* True, and remembered, when this gap was not asked for just now. */
static bool may_ask(struct cloud *cloud, const struct node_row *node, const struct log_row *log,
                    uint64_t from)
{
    const uint64_t now = cloud->now.mono_ns;
    const uint64_t interval_ns = (uint64_t)RANGE_ASK_INTERVAL_MS * 1000000;
    struct range_asked *oldest = &cloud->replies.asked[0];
    for (size_t i = 0; i < RANGE_ASKED_MAX; i++) {
        struct range_asked *const asked = &cloud->replies.asked[i];
        if (asked->mono_ns < oldest->mono_ns) oldest = asked;
        if (asked->node != node->id || asked->from != from) continue;
        if (!log_id_equal(&asked->log, &log->log)) continue;
        if (now - asked->mono_ns < interval_ns) return false;
        oldest = asked;
        break;
    }
    *oldest = (struct range_asked){node->id, log->log, from, now};
    return true;
}

void cloud_owe_range(struct cloud *cloud, const struct node_row *node, const struct log_row *log,
                     uint64_t from, uint64_t to)
{
    if (!may_ask(cloud, node, log, from)) return;
    struct reply_slot *const slot = slot_of(cloud, node);
    if (slot == NULL) return;
    slot->range = true;
    slot->range_log = log->log;
    slot->range_asked = (struct sequence_range){from, to};
}

bool cloud_replies_due(const struct cloud *cloud)
{
    return cloud->replies.count > 0 && cloud->session.state == SESSION_ONLINE &&
           cloud_session_has_window(cloud);
}

static enum status add_ranges(struct cloud *cloud, const struct log_row *log, enum range_kind kind,
                              struct range_slice *slice)
{
    uint64_t from = 1;
    struct sequence_range range;
    for (;;) {
        const enum status status = STORE(cloud, range_next, log->id, kind, from, &range);
        if (status == ST_NOT_FOUND) return ST_OK;
        if (status != ST_OK) return status;
        if (!ack_add_range(cloud->ack, slice, range.from, range.to)) return ST_OK;
        from = range.to + 1;
    }
}

static enum status add_tips(struct cloud *cloud, const struct log_row *log,
                            struct range_slice *slice)
{
    int64_t before = INT64_MAX;
    struct branch_tip tip;
    for (;;) {
        const enum status status = STORE(cloud, tip_before, log->id, &before, &tip);
        if (status == ST_NOT_FOUND) return ST_OK;
        if (status != ST_OK) return status;
        if (!ack_add_tip(cloud->ack, slice, &tip)) return ST_OK;
    }
}

/* What the second pass needs of a log. */
struct acked_log {
    int64_t id;
    uint64_t head;
};

static enum status add_above(struct cloud *cloud, const struct acked_log *log,
                             struct range_slice *slice)
{
    struct sequence_range range = {0};
    uint64_t from = log->head + 1;
    for (;;) {
        struct kept_entry pending;
        const enum status status = STORE(cloud, pending_next, log->id, from, NULL, &pending);
        if (status != ST_OK && status != ST_NOT_FOUND) return status;
        if (status == ST_OK && range.from > 0 && pending.sequence == range.to + 1) {
            range.to = pending.sequence;
        } else {
            const bool full =
                range.from > 0 && !ack_add_range(cloud->ack, slice, range.from, range.to);
            if (full || status == ST_NOT_FOUND) return ST_OK;
            range = (struct sequence_range){pending.sequence, pending.sequence};
        }
        from = pending.sequence + 1;
    }
}

static enum status add_log(struct cloud *cloud, const struct log_row *log)
{
    struct ack_log *const out = &cloud->ack->logs[cloud->ack->log_count++];
    *out = (struct ack_log){
        .log = log->log,
        .state = log_row_state(log),
        .size = log->head.sequence,
        .head_hash = log->head.hash,
        .parts_sequence = log->staged_sequence,
        .parts = log->staged_parts,
    };
    if (log->rejected_count > 0) TRY(add_ranges(cloud, log, RANGE_REJECTED, &out->rejected));
    if (log->fork_count == 0) return ST_OK;
    TRY(add_ranges(cloud, log, RANGE_FORKED, &out->forked));
    return add_tips(cloud, log, &out->tips);
}

static enum status add_logs(struct cloud *cloud, const struct node_row *node)
{
    struct ack *const ack = cloud->ack;
    struct acked_log logs[ACK_LOGS_MAX];
    bool pending = false;
    int64_t before = INT64_MAX;
    while (ack->log_count < ACK_LOGS_MAX) {
        struct log_row log;
        const enum status status = STORE(cloud, log_before, node->id, before, &log);
        if (status == ST_NOT_FOUND) break;
        if (status == ST_TAMPERED) {
            TRY(STORE(cloud, log_id_before, node->id, before, &before));
            continue; /* a damaged row acknowledges nothing */
        }
        if (status != ST_OK) return status;
        before = log.id;
        logs[ack->log_count] = (struct acked_log){log.id, log.head.sequence};
        pending |= log.pending_count > 0;
        TRY(add_log(cloud, &log));
    }
    /* Ranges above the head come last: they can be many, they pass, and when they do not all fit
     * the node only sends again. */
    for (size_t i = 0; pending && i < ack->log_count; i++)
        TRY(add_above(cloud, &logs[i], &ack->logs[i].above));
    return ST_OK;
}

static enum status build_ack(struct cloud *cloud, struct node_row *node)
{
    struct ack *const ack = cloud->ack;
    memset(ack, 0, sizeof *ack);
    ack->store = cloud->identity.store;
    ack->has_previous = cloud->identity.has_previous;
    ack->previous = cloud->identity.previous;
    ack->counter = ++node->ack_counter;
    ack->cloud_ms = cloud_wall_ms(cloud);
    TRY(add_logs(cloud, node));
    TRY(cloud_sync_ack(cloud, node, ack));
    node->last_seen_ms = ack->cloud_ms;
    return STORE(cloud, node_save, node);
}

static struct buf *fresh_body(struct cloud *cloud)
{
    cloud->body.size = 0;
    cloud->body.overflow = false;
    return &cloud->body;
}

static enum status send_range(struct cloud *cloud, struct effects *effects,
                              const struct node_row *node, struct reply_slot *slot)
{
    slot->range = false;
    if (!node->has_nonce) return ST_OK; /* its hello is on the way */
    const struct range_request request = {
        .nonce = node->nonce,
        .log = slot->range_log,
        .from = slot->range_asked.from,
        .to = slot->range_asked.to,
    };
    range_request_encode(&request, fresh_body(cloud));
    trace_line(&cloud->port->trace, TRACE_INFO, "ask %s for %llu..%llu", node->name.text,
               (unsigned long long)request.from, (unsigned long long)request.to);
    return cloud_publish(cloud, effects, TOPIC_SYNC_DOWN, &node->name, FRAME_RANGE_REQUEST);
}

/* Its clock is that of the moment it leaves: it may have waited for the link's window. */
static enum status send_nack(struct cloud *cloud, struct effects *effects,
                             const struct node_row *node, struct reply_slot *slot)
{
    slot->has_nack = false;
    if (!node->has_nonce) return ST_OK; /* its hello is on the way */
    slot->nack.nonce = node->nonce;
    slot->nack.cloud_ms = cloud_wall_ms(cloud);
    slot->nack.words.data = (const uint8_t *)slot->nack_words;
    nack_msg_encode(&slot->nack, fresh_body(cloud));
    trace_line(&cloud->port->trace, TRACE_WARNING, "%s: not taken: %.*s", node->name.text,
               (int)slot->nack.words.size, slot->nack_words);
    return cloud_publish(cloud, effects, TOPIC_SYNC_DOWN, &node->name, FRAME_NACK);
}

static enum status send_hello_reply(struct cloud *cloud, struct effects *effects,
                                    const struct node_row *node, struct reply_slot *slot)
{
    slot->hello = false;
    struct buf *const body = fresh_body(cloud);
    struct hello_reply *const reply = cloud->hello_reply;
    reply->nonce = node->nonce;
    reply->mono_ms = slot->hello_mono_ms;
    reply->cloud_ms = cloud->ack->cloud_ms;
    reply->ack = *cloud->ack;
    TRY(cloud_sync_hello_reply(cloud, node, reply));
    hello_reply_encode(reply, body);
    return cloud_publish(cloud, effects, TOPIC_SYNC_DOWN, &node->name, FRAME_HELLO_REPLY);
}

static enum status send_one(struct cloud *cloud, struct effects *effects, struct reply_slot *slot)
{
    struct node_row node;
    const enum status found = STORE(cloud, node_find, &slot->name, &node);
    if (found == ST_NOT_FOUND || found == ST_TAMPERED || (found == ST_OK && node.revoked)) {
        slot->range = slot->hello = slot->ack = slot->has_nack = false;
        return ST_OK;
    }
    if (found != ST_OK) return found;
    if (slot->has_nack) return send_nack(cloud, effects, &node, slot);
    if (slot->range) return send_range(cloud, effects, &node, slot);
    TRY(build_ack(cloud, &node));
    if (slot->hello) return send_hello_reply(cloud, effects, &node, slot);
    slot->ack = false;
    ack_pack(cloud->ack, fresh_body(cloud));
    return cloud_publish(cloud, effects, TOPIC_ACK, &node.name, FRAME_ACK);
}

enum status cloud_replies_flush(struct cloud *cloud, struct effects *effects)
{
    struct cloud_replies *const replies = &cloud->replies;
    while (cloud_replies_due(cloud) && effects_has_room(effects)) {
        struct reply_slot *const slot = &replies->slots[0];
        TRY(send_one(cloud, effects, slot));
        if (slot->range || slot->hello || slot->ack || slot->has_nack) continue;
        /* First come, first served: the rest moves up. */
        replies->count--;
        memmove(slot, slot + 1, replies->count * sizeof *slot);
    }
    return ST_OK;
}
