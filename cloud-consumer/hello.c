/* hello.c - a node tells what it has and what it holds of us. The acknowledgement in it is our own
 * signed word: when it says more than we know, it is we who have forgotten. */
#include "cloud-consumer/engine.h"

/* The cloud's own frame, as it published it for this node. */
static bool read_held_ack(struct cloud *cloud, const struct node_row *node, struct bytes frame)
{
    struct envelope envelope;
    struct topic_text topic;
    struct bytes body;
    if (envelope_read(cloud->unpacker, frame, &envelope) != ST_OK) return false;
    if (envelope.kind != FRAME_ACK) return false;
    if (topic_build(cloud->topic_root, TOPIC_ACK, node->name.text, NULL, &topic) != ST_OK)
        return false;
    if (envelope_verify(&envelope, &cloud->public_key, topic_text_below_root(&topic),
                        cloud->hasher) != ST_OK)
        return false;
    cloud->encoded.size = 0;
    cloud->encoded.overflow = false;
    if (envelope_body(&envelope, cloud->compressor, &cloud->encoded, &body) != ST_OK) return false;
    return ack_msg_decode(cloud->unpacker, body, cloud->held_ack) == ST_OK;
}

/* Does the acknowledgement, which bears our current store id, say more than the store holds? */
static enum status says_more(struct cloud *cloud, const struct node_row *node, bool *out)
{
    const struct ack *const held = cloud->held_ack;
    *out = held->counter > node->ack_counter;
    for (size_t i = 0; i < held->log_count && !*out; i++) {
        struct log_row log;
        TRY(cloud_log_load(cloud, node, &held->logs[i].log, &log));
        *out = held->logs[i].size > log.head.sequence;
    }
    return ST_OK;
}

/* A store that was put back from a backup must not speak under its old name: nodes would take its
 * lower word for a stale one. */
static enum status begin_new_store(struct cloud *cloud, const struct node_row *node,
                                   const struct store_id *previous)
{
    struct store_id fresh;
    port_random(cloud->port, fresh.bytes, STORE_ID_SIZE);
    TRY(STORE(cloud, identity_replace, &fresh, previous));
    trace_line(&cloud->port->trace, TRACE_ALARM,
               "%s holds a newer acknowledgement of ours: this store was restored from a backup, "
               "it goes on under a new id",
               node->name.text);
    TRY(STORE(cloud, identity, &cloud->identity));
    /* Equal versions of two lives of this store must not name different rosters. */
    if (cloud_roster_version(cloud) == 0) return ST_OK;
    return cloud_roster_lift(cloud, cloud_roster_version(cloud) + ROSTER_STEP_RESTORED);
}

static enum status check_held_ack(struct cloud *cloud, struct node_row *node, struct bytes frame)
{
    if (frame.size == 0) return ST_OK;
    if (!read_held_ack(cloud, node, frame)) {
        cloud_refuse(cloud, REFUSAL_HELD_ACK);
        return ST_OK;
    }
    const struct ack *const held = cloud->held_ack;
    bool restored = false;
    if (store_id_equal(&held->store, &cloud->identity.store)) {
        TRY(says_more(cloud, node, &restored));
    } else {
        /* Under an id of ours that we do not remember: given out after the backup was made. */
        bool ours = false;
        TRY(STORE(cloud, identity_was, &held->store, &ours));
        restored = !ours;
    }
    if (restored) TRY(begin_new_store(cloud, node, &held->store));
    if (held->counter > node->ack_counter && held->counter < UINT64_MAX / 2)
        node->ack_counter = held->counter;
    return ST_OK;
}

enum status cloud_hello(struct cloud *cloud, struct node_row *node, struct hello *hello)
{
    const bool new_nonce = !node->has_nonce || !nonce_equal(&node->nonce, &hello->nonce);
    TRY(cloud_sync_hello(cloud, node, new_nonce));
    if (new_nonce) cloud_tracks_peer_gone(cloud, node->id);
    node->nonce = hello->nonce;
    node->has_nonce = true;
    node->last_seen_ms = cloud_wall_ms(cloud);
    /* Before anything else is decoded into the same scratch memory. */
    TRY(check_held_ack(cloud, node, hello->held_ack));
    TRY(STORE(cloud, node_save, node));
    cloud_owe_hello(cloud, node, hello->mono_ms);
    if (!hello->has_newest) return ST_OK;
    struct log_row log;
    TRY(cloud_log_load(cloud, node, &hello->newest_log, &log));
    if (!public_key_equal(&log.key, &node->key)) {
        cloud_refuse(cloud, REFUSAL_KEY);
        return ST_OK;
    }
    return cloud_announce(cloud, node, &log, &hello->newest, &hello->newest_key_id);
}
