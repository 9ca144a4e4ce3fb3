/* session.c - the two connections, see session.h. */
#include "edge-bridge/session.h"

#include <string.h>

#include "common/wire/status_msg.h"
#include "edge-bridge/edge_state.h"

#define NS_PER_MS UINT64_C(1000000)

static const enum topic_id cloud_subscriptions[] = {TOPIC_ACK, TOPIC_SYNC_DOWN, TOPIC_CLOUD_STATUS,
                                                    TOPIC_TRACKS_DOWN, TOPIC_ROSTER};
static const enum topic_id local_subscriptions[] = {TOPIC_LOCAL_EVIDENCE, TOPIC_LOCAL_TRACK,
                                                    TOPIC_LOCAL_CONFIG_SET};

bool session_online(const struct edge *edge, enum link link)
{
    return edge->session.links[link].phase == LINK_ONLINE;
}

static void enter(struct edge *edge, enum link link, enum link_phase phase)
{
    edge->session.links[link].phase = phase;
    edge->session.links[link].since_mono_ns = edge->now.mono_ns;
}

static void set_reason(struct link_state *state, struct bytes reason)
{
    struct buf out = buf_of(state->reason, sizeof(state->reason) - 1);
    if (reason.size > out.capacity) reason.size = out.capacity;
    buf_put(&out, reason);
    state->reason[out.size] = '\0';
}

static enum status subscribe(struct edge *edge, struct effects *effects, enum link link,
                             enum topic_id topic, const char *name)
{
    struct topic_text text;
    TRY(topic_build(edge->root, topic, edge->node.text, name, &text));
    struct effect *effect = effects_add(effects, EFFECT_SUBSCRIBE);
    effect->link = link;
    effect->topic = effects_copy(effects, topic_text_bytes(&text));
    return ST_OK;
}

static void encode_status(struct edge *edge, bool online, const char *reason, struct buf *body)
{
    const struct status_report report = {
        .online = online,
        .reason = bytes_of_text(reason),
        .wall_ms = edge_wall_ms(edge),
        .software = bytes_of_text(edge->software),
    };
    status_msg_encode(&report, body);
    INVARIANT(buf_ok(body));
}

static enum status publish_status(struct edge *edge, struct effects *effects, bool online,
                                  const char *reason)
{
    uint8_t scratch[512];
    struct buf body = buf_of(scratch, sizeof(scratch));
    encode_status(edge, online, reason, &body);
    return outbox_publish(edge, effects, TOPIC_STATUS, FRAME_STATUS, buf_bytes(&body), true, NULL,
                          NULL);
}

/* local/status, for the applications on the node; plain JSON. */
static enum status publish_local_status(struct edge *edge, struct effects *effects, bool online)
{
    if (!session_online(edge, LINK_LOCAL)) return ST_OK;
    struct topic_text text;
    TRY(topic_build(edge->root, TOPIC_LOCAL_STATUS, NULL, NULL, &text));
    struct buf json = effects_space(effects, 256);
    buf_put_format(&json, "{\"online\":%s,\"node\":\"%s\",\"cloud\":%s}", online ? "true" : "false",
                   edge->node.text, session_online(edge, LINK_CLOUD) ? "true" : "false");
    struct effect *effect = effects_add(effects, EFFECT_PUBLISH);
    effect->link = LINK_LOCAL;
    effect->payload = effects_take(effects, &json);
    effect->topic = effects_copy(effects, topic_text_bytes(&text));
    effect->retain = true;
    return ST_OK;
}

/* "I have this size and this root", before anything else: a node that is destroyed in the middle of
 * its sync leaves a provable count of what existed. */
static enum status announce(struct edge *edge, struct effects *effects)
{
    struct evidence_run_head head = {
        .log = edge->log.row.log,
        .key_id = edge->key_id,
        .checkpoint_key_id = edge->key_id,
    };
    TRY(evidence_log_flush(edge));
    const enum status status = evidence_log_checkpoint(edge, &head.checkpoint);
    if (status == ST_NOT_FOUND) return ST_OK;
    if (status != ST_OK) return status;
    uint8_t scratch[512];
    struct buf body = buf_of(scratch, sizeof(scratch));
    evidence_msg_encode(&head, NULL, &body);
    INVARIANT(buf_ok(&body));
    return outbox_publish(edge, effects, TOPIC_EVIDENCE, FRAME_EVIDENCE, buf_bytes(&body), false,
                          NULL, NULL);
}

static enum status hello_add_log(struct edge *edge, struct hello *hello, const struct log_row *row)
{
    if (hello->log_count == HELLO_LOGS_MAX) return ST_OK;
    struct hello_log *log = &hello->logs[hello->log_count++];
    log->log = row->log;
    log->head_sequence = row->head.sequence;
    log->head_hash = row->head.hash;
    log->acked = row->acked;
    return evidence_read_hash(edge, row, row->acked, &log->acked_hash);
}

enum status session_hello(struct edge *edge, struct effects *effects)
{
    struct hello *hello = edge->hello;
    memset(hello, 0, sizeof(*hello));
    hello->nonce = edge->session.nonce;
    hello->mono_ms = edge->now.mono_ns / NS_PER_MS;
    edge->session.hello_waits = true;
    edge->session.hello_mono_ns = edge->now.mono_ns;
    edge->session.hello_quiet_ns =
        (HELLO_QUIET_MS / 2 + rng_below(&edge->rng, HELLO_QUIET_MS)) * NS_PER_MS;
    TRY(evidence_log_flush(edge));
    const enum status found = evidence_log_checkpoint(edge, &hello->newest);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    hello->has_newest = found == ST_OK;
    hello->newest_log = edge->log.row.log;
    hello->newest_key_id = edge->key_id;

    /* The open log first, then older ones that are not whole at the cloud. */
    TRY(hello_add_log(edge, hello, &edge->log.row));
    struct log_row row = {0};
    enum status more;
    while ((more = evidence_read_next_log(edge, row.id, &row)) == ST_OK)
        if (row.id != edge->log.row.id && row.delivered < row.head.sequence)
            TRY(hello_add_log(edge, hello, &row));
    if (more != ST_NOT_FOUND) return more;

    struct buf held = buf_of(edge->unpack_scratch, FRAME_SIZE_MAX);
    TRY(apply_held_ack(edge, &held));
    hello->held_ack = buf_bytes(&held);
    struct buf body = buf_of(edge->body_scratch, BODY_SIZE_MAX);
    hello_encode(hello, &body);
    if (!buf_ok(&body)) return ST_TOO_LARGE;
    TRY(outbox_publish(edge, effects, TOPIC_SYNC_UP, FRAME_HELLO, buf_bytes(&body), false, NULL,
                       NULL));
    return state_fill(edge, effects, true);
}

static enum status cloud_up(struct edge *edge, struct effects *effects)
{
    port_random(edge->port, edge->session.nonce.bytes, NONCE_SIZE);
    for (size_t i = 0; i < COUNT_OF(cloud_subscriptions); i++)
        TRY(subscribe(edge, effects, LINK_CLOUD, cloud_subscriptions[i], NULL));
    TRY(config_subscribe(edge, effects));
    outbox_restart(edge);
    TRY(announce(edge, effects));
    TRY(publish_status(edge, effects, true, "connected"));
    TRY(session_hello(edge, effects));
    return publish_local_status(edge, effects, true);
}

enum status session_link_up(struct edge *edge, const struct event *event, struct effects *effects)
{
    struct link_state *state = &edge->session.links[event->link];
    if (!state->wanted || state->phase == LINK_ONLINE) return ST_OK;
    enter(edge, event->link, LINK_ONLINE);
    state->attempts = 0;
    state->receive_maximum = event->receive_maximum > 0 ? event->receive_maximum : 1;
    state->reason[0] = '\0';
    trace_line(&edge->port->trace, TRACE_INFO, "%s broker connected, session %s",
               event->link == LINK_CLOUD ? "cloud" : "local",
               event->session_present ? "kept" : "new");
    if (event->link == LINK_CLOUD) return cloud_up(edge, effects);
    for (size_t i = 0; i < COUNT_OF(local_subscriptions); i++)
        TRY(subscribe(edge, effects, LINK_LOCAL, local_subscriptions[i], "+"));
    TRY(config_local_up(edge, effects));
    return publish_local_status(edge, effects, true);
}

/* Doubling pause with jitter in its upper half, so that a fleet does not come back in step. */
static uint64_t pause_ns(struct edge *edge, uint32_t attempts)
{
    uint64_t pause_ms = edge->settings.reconnect_ms_min;
    for (uint32_t i = 1; i < attempts && pause_ms < edge->settings.reconnect_ms_max; i++)
        pause_ms *= 2;
    if (pause_ms > edge->settings.reconnect_ms_max) pause_ms = edge->settings.reconnect_ms_max;
    if (pause_ms < 2) pause_ms = 2;
    return (pause_ms / 2 + rng_below(&edge->rng, pause_ms / 2 + 1)) * NS_PER_MS;
}

static void go_offline(struct edge *edge, enum link link)
{
    struct link_state *state = &edge->session.links[link];
    enter(edge, link, LINK_OFFLINE);
    state->attempts++;
    state->retry_mono_ns = edge->now.mono_ns + pause_ns(edge, state->attempts);
    if (link != LINK_CLOUD) return;
    edge->session.cloud_known = false;
    outbox_restart(edge);
}

void session_link_down(struct edge *edge, const struct event *event)
{
    struct link_state *state = &edge->session.links[event->link];
    if (state->phase == LINK_OFFLINE) return;
    set_reason(state, event->reason);
    if (state->attempts == 0)
        trace_line(&edge->port->trace, TRACE_WARNING, "%s broker: %s",
                   event->link == LINK_CLOUD ? "cloud" : "local", state->reason);
    go_offline(edge, event->link);
}

void session_reconnect(struct edge *edge, struct effects *effects, const char *reason)
{
    struct effect *effect = effects_add(effects, EFFECT_DISCONNECT);
    effect->link = LINK_CLOUD;
    set_reason(&edge->session.links[LINK_CLOUD], bytes_of_text(reason));
    trace_line(&edge->port->trace, TRACE_WARNING, "new connection to the cloud broker: %s", reason);
    go_offline(edge, LINK_CLOUD);
}

/* The last will is signed now, because when it is sent this node cannot sign any more. */
static enum status will_of(struct edge *edge, struct effects *effects, struct effect *connect)
{
    struct topic_text text;
    TRY(topic_build(edge->root, TOPIC_STATUS, edge->node.text, NULL, &text));
    uint8_t scratch[512];
    struct buf body = buf_of(scratch, sizeof(scratch));
    encode_status(edge, false, "the connection was lost", &body);
    struct envelope_spec spec = {
        .kind = FRAME_STATUS,
        .sender = &edge->node,
        .key = edge->key,
        .topic_below_root = topic_text_below_root(&text),
    };
    TRY(edge_stamp(edge, &spec.hlc));
    struct buf frame = effects_space(effects, 1024);
    TRY(envelope_write(&spec, buf_bytes(&body), NULL, edge->hasher, &frame));
    connect->payload = effects_take(effects, &frame);
    connect->topic = effects_copy(effects, topic_text_bytes(&text));
    connect->retain = true;
    return ST_OK;
}

enum status session_tick(struct edge *edge, struct effects *effects)
{
    for (int link = 0; link < LINK_COUNT; link++) {
        struct link_state *state = &edge->session.links[link];
        if (!state->wanted || state->phase != LINK_OFFLINE) continue;
        if (edge->now.mono_ns < state->retry_mono_ns) continue;
        enter(edge, (enum link)link, LINK_CONNECTING);
        struct effect *effect = effects_add(effects, EFFECT_CONNECT);
        effect->link = (enum link)link;
        if (link == LINK_CLOUD) TRY(will_of(edge, effects, effect));
    }
    return ST_OK;
}

enum status session_rest(struct edge *edge, struct effects *effects, const char *reason)
{
    struct link_state *state = &edge->session.links[LINK_CLOUD];
    state->wanted = false;
    set_reason(state, bytes_of_text(reason));
    if (state->phase == LINK_OFFLINE) return ST_OK;
    if (state->phase == LINK_ONLINE) TRY(publish_status(edge, effects, false, reason));
    trace_line(&edge->port->trace, TRACE_INFO, "the cloud link rests: %s", reason);
    effects_add(effects, EFFECT_DISCONNECT)->link = LINK_CLOUD;
    enter(edge, LINK_CLOUD, LINK_OFFLINE);
    state->attempts = 0;
    edge->session.cloud_known = false;
    outbox_restart(edge);
    return ST_OK;
}

enum status session_stop(struct edge *edge, struct effects *effects)
{
    TRY(publish_local_status(edge, effects, false));
    if (session_online(edge, LINK_CLOUD))
        TRY(publish_status(edge, effects, false, "stopped by its operator"));
    for (int link = 0; link < LINK_COUNT; link++) {
        struct link_state *state = &edge->session.links[link];
        if (state->phase == LINK_OFFLINE) continue;
        effects_add(effects, EFFECT_DISCONNECT)->link = (enum link)link;
        enter(edge, (enum link)link, LINK_OFFLINE);
        state->wanted = false;
    }
    return ST_OK;
}

uint64_t session_wakeup(const struct edge *edge)
{
    uint64_t wakeup_ns = UINT64_MAX;
    for (int link = 0; link < LINK_COUNT; link++) {
        const struct link_state *state = &edge->session.links[link];
        if (!state->wanted || state->phase != LINK_OFFLINE) continue;
        if (state->retry_mono_ns < wakeup_ns) wakeup_ns = state->retry_mono_ns;
    }
    return wakeup_ns;
}
