/* session.c - the one connection of the cloud: connect with a will, subscribe anew each time, say
 * "online", and count what is in flight. The state machine is drawn in engine.h. */
#include <string.h>

#include "cloud-consumer/engine.h"

static const enum topic_id subscriptions[] = {TOPIC_EVIDENCE, TOPIC_TRACKS_UP, TOPIC_CONFIG_UP,
                                              TOPIC_SYNC_UP, TOPIC_STATUS};

/* A stamp for a frame; what it may reach after a restart is durable before the frame leaves. */
enum status cloud_stamp(struct cloud *cloud, uint64_t *out)
{
    *out = hlc_now(&cloud->clock, cloud_wall_ms(cloud));
    if (!hlc_limit_due(&cloud->clock)) return ST_OK;
    /* A verb without a daemon gives out one stamp and ends: with a limit ahead of it, a script of
     * such verbs would drive the clock a second into the future by each. */
    if (!cloud->settings.link) cloud->clock.limit = cloud->clock.last;
    if (!cloud->settings.link) return STORE(cloud, hlc_limit_save, cloud->clock.last);
    return STORE(cloud, hlc_limit_save, hlc_raise_limit(&cloud->clock));
}

/* Signs cloud->body into the arena. */
static enum status frame(struct cloud *cloud, struct effects *effects,
                         const struct topic_text *topic, enum frame_kind kind, struct bytes *out)
{
    struct node_name sender = {"cloud"};
    struct envelope_spec spec = {
        .kind = kind,
        .sender = &sender,
        .key = cloud->key,
        .topic_below_root = topic_text_below_root(topic),
    };
    INVARIANT(buf_ok(&cloud->body)); /* all of a cloud's messages are bounded by their formats */
    TRY(cloud_stamp(cloud, &spec.hlc));
    struct buf space = effects_space(effects, cloud->body.size + FRAME_OVERHEAD_MAX);
    TRY(envelope_write(&spec, buf_bytes(&cloud->body), NULL, cloud->hasher, &space));
    *out = effects_take(effects, &space);
    return ST_OK;
}

enum status cloud_publish_on(struct cloud *cloud, struct effects *effects,
                             const struct topic_text *topic, bool retain, enum frame_kind kind)
{
    struct cloud_session *const session = &cloud->session;
    struct bytes payload;
    TRY(frame(cloud, effects, topic, kind, &payload));
    struct effect *const effect = effects_add(effects, EFFECT_PUBLISH);
    effect->link = LINK_CLOUD;
    effect->topic = effects_copy(effects, topic_text_bytes(topic));
    effect->payload = payload;
    effect->retain = retain;
    /* The connection's number is in the token: an answer to an earlier one frees nothing. */
    effect->token = session->connection << 16 | (session->next_token++ & 0xffff);
    session->in_flight++;
    return ST_OK;
}

enum status cloud_publish(struct cloud *cloud, struct effects *effects, enum topic_id topic,
                          const struct node_name *node, enum frame_kind kind)
{
    struct topic_text text;
    TRY(topic_build(cloud->topic_root, topic, node == NULL ? NULL : node->text, NULL, &text));
    return cloud_publish_on(cloud, effects, &text, topic_row_of(topic)->retained, kind);
}

static void encode_status(struct cloud *cloud, bool online, const char *reason)
{
    const struct status_report report = {
        .online = online,
        .reason = bytes_of_text(reason),
        .wall_ms = cloud_wall_ms(cloud),
        .software = bytes_of_text(cloud->software),
    };
    cloud->body.size = 0;
    cloud->body.overflow = false;
    status_msg_encode(&report, &cloud->body);
}

static enum status connect(struct cloud *cloud, struct effects *effects)
{
    struct topic_text text;
    struct bytes will;
    TRY(topic_build(cloud->topic_root, TOPIC_CLOUD_STATUS, NULL, NULL, &text));
    encode_status(cloud, false, "the connection was lost");
    TRY(frame(cloud, effects, &text, FRAME_STATUS, &will));
    struct effect *const effect = effects_add(effects, EFFECT_CONNECT);
    effect->link = LINK_CLOUD;
    effect->topic = effects_copy(effects, topic_text_bytes(&text));
    effect->payload = will;
    effect->retain = true;
    cloud->session.state = SESSION_CONNECTING;
    return ST_OK;
}

enum status cloud_session_wakeup(struct cloud *cloud, struct effects *effects)
{
    struct cloud_session *const session = &cloud->session;
    if (!cloud->settings.link || session->stopped) return ST_OK;
    if (session->state != SESSION_OFFLINE) return ST_OK;
    if (cloud->now.mono_ns < session->connect_mono_ns) return ST_OK;
    return connect(cloud, effects);
}

enum status cloud_session_up(struct cloud *cloud, const struct event *event,
                             struct effects *effects)
{
    struct cloud_session *const session = &cloud->session;
    session->state = SESSION_ONLINE;
    session->attempts = 0;
    session->connection++;
    session->in_flight = 0;
    session->window = event->receive_maximum;
    if (session->window > CLOUD_WINDOW_MAX) session->window = CLOUD_WINDOW_MAX;
    if (session->window == 0) session->window = 1;
    session->reason[0] = '\0';
    /* Whatever the broker says of a present session: it may have forgotten the subscriptions. */
    for (size_t i = 0; i < COUNT_OF(subscriptions); i++) {
        struct topic_text text;
        TRY(topic_build(cloud->topic_root, subscriptions[i], "+", NULL, &text));
        struct effect *const effect = effects_add(effects, EFFECT_SUBSCRIBE);
        effect->link = LINK_CLOUD;
        effect->topic = effects_copy(effects, topic_text_bytes(&text));
    }
    session->broker_dropped_known = false;
    if (cloud->settings.broker_counters) {
        struct effect *const effect = effects_add(effects, EFFECT_SUBSCRIBE);
        effect->link = LINK_CLOUD;
        effect->topic = BYTES_LITERAL(BROKER_DROPPED_TOPIC);
    }
    trace_line(&cloud->port->trace, TRACE_INFO, "link up");
    cloud_config_link_up(cloud, event->session_present);
    encode_status(cloud, true, "");
    return cloud_publish(cloud, effects, TOPIC_CLOUD_STATUS, NULL, FRAME_STATUS);
}

void cloud_session_broker_dropped(struct cloud *cloud, struct bytes payload)
{
    enum { DIGITS_MAX = 18 };
    struct cloud_session *const session = &cloud->session;
    const uint64_t before = session->broker_dropped_known ? session->broker_dropped : 0;
    uint64_t count = 0;
    if (payload.size == 0 || payload.size > DIGITS_MAX) return;
    for (size_t i = 0; i < payload.size; i++) {
        if (payload.data[i] < '0' || payload.data[i] > '9') return;
        count = count * 10 + (uint64_t)(payload.data[i] - '0');
    }
    session->broker_dropped_known = true;
    session->broker_dropped = count;
    if (count > before)
        trace_line(
            &cloud->port->trace, TRACE_WARNING,
            "the broker has dropped %llu messages since it started: they are sent again, but "
            "its limits are too small (max_queued_messages, max_queued_bytes)",
            (unsigned long long)count);
}

void cloud_session_down(struct cloud *cloud, struct bytes reason)
{
    struct cloud_session *const session = &cloud->session;
    const struct cloud_settings *const settings = &cloud->settings;
    struct buf words = buf_of(session->reason, STATUS_REASON_SIZE_MAX);
    if (reason.size > STATUS_REASON_SIZE_MAX) reason.size = STATUS_REASON_SIZE_MAX;
    buf_put(&words, reason);
    session->reason[words.size] = '\0';
    session->state = SESSION_OFFLINE;
    session->in_flight = 0;
    uint64_t delay_ms = settings->reconnect_ms_min;
    for (unsigned i = 0; i < session->attempts && delay_ms < settings->reconnect_ms_max; i++)
        delay_ms *= 2;
    if (delay_ms > settings->reconnect_ms_max) delay_ms = settings->reconnect_ms_max;
    if (session->attempts < UINT16_MAX) session->attempts++;
    /* Half of it is chance, so that everybody who lost the broker does not come back at once. */
    delay_ms = delay_ms / 2 + rng_below(&cloud->jitter, delay_ms / 2 + 1);
    session->connect_mono_ns = cloud->now.mono_ns + delay_ms * 1000000;
    trace_line(&cloud->port->trace, TRACE_WARNING, "link down: %s; next try in %llu ms",
               session->reason, (unsigned long long)delay_ms);
}

void cloud_session_sent(struct cloud *cloud, uint32_t token)
{
    struct cloud_session *const session = &cloud->session;
    if (session->state != SESSION_ONLINE) return;
    if (token >> 16 != (session->connection & 0xffff)) return;
    if (session->in_flight > 0) session->in_flight--;
}

enum status cloud_session_stop(struct cloud *cloud, struct effects *effects)
{
    struct cloud_session *const session = &cloud->session;
    session->stopped = true;
    if (session->state == SESSION_OFFLINE) return ST_OK;
    if (session->state == SESSION_ONLINE) {
        encode_status(cloud, false, "stopped");
        TRY(cloud_publish(cloud, effects, TOPIC_CLOUD_STATUS, NULL, FRAME_STATUS));
    }
    effects_add(effects, EFFECT_DISCONNECT)->link = LINK_CLOUD;
    return ST_OK;
}

bool cloud_session_has_window(const struct cloud *cloud)
{
    return !cloud->session.stopped && cloud->session.in_flight < cloud->session.window;
}

const char *cloud_session_words(const struct cloud *cloud)
{
    if (!cloud->settings.link) return "not wanted";
    switch (cloud->session.state) {
    case SESSION_OFFLINE:
        return "offline";
    case SESSION_CONNECTING:
        return "connecting";
    case SESSION_ONLINE:
        return "online";
    }
    UNREACHABLE();
}
