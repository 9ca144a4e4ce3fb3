/* receive.c - from an MQTT message to a frame of an enrolled node, proved authentic. Whatever fails
 * on the way is counted by its reason, a few of each batch are kept for diagnosis, and nothing of
 * it is acknowledged or stored as evidence. */
#include <string.h>

#include "cloud-consumer/engine.h"

/* A frame whose envelope was verified. */
struct authentic {
    struct node_row node;
    struct envelope envelope;
    struct bytes body;
};

void cloud_refuse(struct cloud *cloud, enum refusal reason)
{
    cloud->refused[reason]++;
    trace_line(&cloud->port->trace, TRACE_DEBUG, "refused a frame of %zu bytes on %.*s: %s",
               cloud->frame.frame.size, (int)cloud->frame.topic.size,
               (const char *)cloud->frame.topic.data, refusal_words(reason));
    if (cloud->refused_samples >= REFUSED_SAMPLES_BATCH) return;
    struct cloud_sample *const sample = &cloud->samples[cloud->refused_samples++];
    sample->reason = reason;
    sample->at_ms = cloud_wall_ms(cloud);
    sample->frame_size = cloud->frame.frame.size;
    sample->topic = buf_of(sample->topic_memory, sizeof sample->topic_memory);
    sample->frame = buf_of(sample->frame_memory, sizeof sample->frame_memory);
    struct bytes topic = cloud->frame.topic, frame = cloud->frame.frame;
    if (topic.size > sample->topic.capacity) topic.size = sample->topic.capacity;
    if (frame.size > sample->frame.capacity) frame.size = sample->frame.capacity;
    buf_put(&sample->topic, topic);
    buf_put(&sample->frame, frame);
}

enum status cloud_refusals_save(struct cloud *cloud)
{
    for (unsigned i = 0; i < REFUSAL_COUNT; i++) {
        if (cloud->refused[i] == 0) continue;
        TRY(STORE(cloud, refused_count, (enum refusal)i, cloud->refused[i]));
        cloud->refused[i] = 0;
    }
    for (unsigned i = 0; i < cloud->refused_samples; i++) {
        const struct cloud_sample *const sample = &cloud->samples[i];
        const struct refused_sample row = {
            .reason = sample->reason,
            .at_ms = sample->at_ms,
            .topic = buf_bytes(&sample->topic),
            .frame = buf_bytes(&sample->frame),
            .frame_size = sample->frame_size,
        };
        TRY(STORE(cloud, refused_sample, cloud->settings.rejected_frames_max, &row));
    }
    cloud->refused_samples = 0;
    return ST_OK;
}

static bool topic_takes(enum topic_id topic, enum frame_kind kind)
{
    switch (topic) {
    case TOPIC_EVIDENCE:
        return kind == FRAME_EVIDENCE || kind == FRAME_EVIDENCE_AHEAD ||
               kind == FRAME_EVIDENCE_PART;
    case TOPIC_TRACKS_UP:
        return kind == FRAME_TRACKS;
    case TOPIC_CONFIG_UP:
        return kind == FRAME_CONFIG;
    case TOPIC_SYNC_UP:
        return kind == FRAME_HELLO || kind == FRAME_STATE || kind == FRAME_TRACK_DIGESTS ||
               kind == FRAME_TRACK_IDS || kind == FRAME_CONFIG_HAVE || kind == FRAME_CONFIG_HELD;
    case TOPIC_STATUS:
        return kind == FRAME_STATUS;
    default:
        return false;
    }
}

/* The filter for nodes' status messages matches the consumer's own as well. */
static bool is_consumers_own(const struct cloud *cloud, struct bytes topic)
{
    struct topic_parts parts;
    return topic_parse(cloud->topic_root, topic, &parts) == ST_OK && parts.id == TOPIC_CLOUD_STATUS;
}

static bool is_uplink(enum topic_id topic)
{
    return topic == TOPIC_EVIDENCE || topic == TOPIC_TRACKS_UP || topic == TOPIC_CONFIG_UP ||
           topic == TOPIC_SYNC_UP || topic == TOPIC_STATUS;
}

/* REFUSAL_COUNT: nothing is wrong. */
static enum status authenticate(struct cloud *cloud, const struct mqtt_message *message,
                                struct authentic *out, struct topic_parts *parts,
                                enum refusal *refusal)
{
    struct node_name name;
    *refusal = REFUSAL_TOPIC;
    if (topic_parse(cloud->topic_root, message->topic, parts) != ST_OK) return ST_OK;
    if (!is_uplink(parts->id)) return ST_OK;
    if (node_name_from(parts->node, &name) != ST_OK) return ST_OK;
    *refusal = REFUSAL_FRAME;
    if (envelope_read(cloud->unpacker, message->payload, &out->envelope) != ST_OK) return ST_OK;
    *refusal = REFUSAL_SENDER;
    if (!node_name_equal(&out->envelope.sender, &name)) return ST_OK;
    *refusal = REFUSAL_UNKNOWN_NODE;
    const enum status found = STORE(cloud, node_find, &name, &out->node);
    if (found == ST_NOT_FOUND) return ST_OK;
    if (found != ST_OK) return found;
    *refusal = REFUSAL_REVOKED;
    if (out->node.revoked) return ST_OK;
    *refusal = REFUSAL_SIGNATURE;
    if (envelope_verify(&out->envelope, &out->node.key, parts->below_root, cloud->hasher) != ST_OK)
        return ST_OK;
    *refusal = REFUSAL_KIND;
    if (!topic_takes(parts->id, out->envelope.kind)) return ST_OK;
    *refusal = REFUSAL_BODY;
    cloud->plain.size = 0;
    cloud->plain.overflow = false;
    if (envelope_body(&out->envelope, cloud->compressor, &cloud->plain, &out->body) != ST_OK)
        return ST_OK;
    *refusal = REFUSAL_COUNT;
    return ST_OK;
}

static enum status take_status(struct cloud *cloud, struct node_row *node,
                               const struct status_report *report)
{
    node->online = report->online;
    memset(node->software, 0, sizeof node->software);
    if (report->software.size > 0)
        memcpy(node->software, report->software.data, report->software.size);
    if (report->online)
        node->last_seen_ms = cloud_wall_ms(cloud);
    else
        cloud_tracks_peer_gone(cloud, node->id);
    trace_line(&cloud->port->trace, TRACE_INFO, "%s is %s%s%.*s", node->name.text,
               report->online ? "online" : "offline", report->reason.size > 0 ? ": " : "",
               (int)report->reason.size, (const char *)report->reason.data);
    return STORE(cloud, node_save, node);
}

/* Frames of tracks and config: a body that cannot be read is told to its sender. */
static enum status take_replica_frame(struct cloud *cloud, const struct authentic *frame)
{
    struct state_report report;
    const struct node_row *const node = &frame->node;
    switch (frame->envelope.kind) {
    case FRAME_TRACKS:
        return cloud_tracks_batch(cloud, node, frame->body);
    case FRAME_CONFIG:
        return cloud_config_writes(cloud, node, frame->body);
    case FRAME_TRACK_DIGESTS:
        return cloud_tracks_digests(cloud, node, frame->body);
    case FRAME_TRACK_IDS:
        return cloud_tracks_ids(cloud, node, frame->body);
    case FRAME_CONFIG_HAVE:
        return cloud_config_have(cloud, node, frame->body);
    case FRAME_CONFIG_HELD:
        return cloud_config_held(cloud, node, frame->body);
    case FRAME_STATE:
        TRY(state_msg_decode(cloud->unpacker, frame->body, &report));
        /* One of an earlier connection says nothing of this one. */
        if (!node->has_nonce || !nonce_equal(&node->nonce, &report.nonce)) return ST_OK;
        TRY(cloud_sync_state(cloud, node, &report));
        return cloud_tracks_peer(cloud, node, &report);
    default:
        return ST_MALFORMED;
    }
}

static void tell_malformed(struct cloud *cloud, const struct authentic *frame)
{
    const bool tracks = frame->envelope.kind == FRAME_TRACKS;
    if (!tracks && frame->envelope.kind != FRAME_CONFIG) return;
    const struct nack nack = {
        .lane = tracks ? NACK_TRACKS : NACK_CONFIG,
        .reason = NACK_MALFORMED,
        .words = bytes_of_text(refusal_words(REFUSAL_BODY)),
    };
    cloud_owe_nack(cloud, &frame->node, &nack);
}

static enum status take_frame(struct cloud *cloud, struct authentic *frame)
{
    struct unpacker *const unpacker = cloud->unpacker;
    struct node_row *const node = &frame->node;
    struct evidence_part part;
    struct status_report report;
    enum status status = ST_MALFORMED;
    switch (frame->envelope.kind) {
    case FRAME_EVIDENCE:
        status = evidence_msg_decode(unpacker, cloud->hasher, &node->name, frame->body, cloud->run);
        if (status == ST_OK) return cloud_ingest(cloud, node, cloud->run, &frame->envelope);
        break;
    case FRAME_EVIDENCE_AHEAD:
        status = ahead_msg_decode(unpacker, cloud->hasher, &node->name, frame->body, cloud->run);
        if (status == ST_OK) return cloud_ahead(cloud, node, cloud->run);
        break;
    case FRAME_EVIDENCE_PART:
        status = part_msg_decode(unpacker, frame->body, &part);
        if (status == ST_OK) return cloud_part(cloud, node, &part);
        break;
    case FRAME_HELLO:
        status = hello_decode(unpacker, frame->body, cloud->hello);
        if (status == ST_OK) return cloud_hello(cloud, node, cloud->hello);
        break;
    case FRAME_STATUS:
        status = status_msg_decode(unpacker, frame->body, &report);
        if (status == ST_OK) return take_status(cloud, node, &report);
        break;
    default:
        status = take_replica_frame(cloud, frame);
        if (status != ST_MALFORMED && status != ST_TOO_LARGE) return status;
        tell_malformed(cloud, frame);
        break;
    }
    if (status_class_of(status) == STATUS_CLASS_STOP) return status;
    cloud_refuse(cloud, REFUSAL_BODY);
    return ST_OK;
}

enum status cloud_receive(struct cloud *cloud, const struct mqtt_message *message)
{
    struct authentic frame;
    struct topic_parts parts;
    enum refusal refusal = REFUSAL_COUNT;
    if (is_consumers_own(cloud, message->topic)) return ST_OK;
    if (bytes_equal(message->topic, BYTES_LITERAL(BROKER_DROPPED_TOPIC))) {
        cloud_session_broker_dropped(cloud, message->payload);
        return ST_OK;
    }
    cloud->frame = (struct current_frame){message->topic, message->payload};
    enum status status = authenticate(cloud, message, &frame, &parts, &refusal);
    if (status == ST_OK && refusal != REFUSAL_COUNT)
        cloud_refuse(cloud, refusal);
    else if (status == ST_OK)
        status = take_frame(cloud, &frame);
    /* One damaged row, or a lost race, must not stop the work on all the others. */
    if (status == ST_TAMPERED) {
        trace_line(&cloud->port->trace, TRACE_ALARM, "what is stored for %.*s is damaged",
                   (int)message->topic.size, (const char *)message->topic.data);
        cloud_refuse(cloud, REFUSAL_DAMAGED);
        status = ST_OK;
    } else if (status == ST_CONFLICT) {
        cloud_refuse(cloud, REFUSAL_CONFLICT);
        status = ST_OK;
    }
    cloud->frame = (struct current_frame){0};
    return status;
}
