/* edge_config.c - config and clocks of an edge by hand; see edge_config.h. */
#include "tests/support/edge_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/hlc.h"
#include "tests/support/test_log.h"

/* ---- The rig and its clocks ------------------------------------------------------------------ */

void edge_config_open(struct edge_config *config, int64_t wall_error_ms)
{
    memset(config, 0, sizeof(*config));
    edge_rig_open(&config->rig);
    config->ack = calloc(1, sizeof(*config->ack));
    config->reply = calloc(1, sizeof(*config->reply));
    config->writes = malloc(sizeof(*config->writes));
    config->have = malloc(sizeof(*config->have));
    config->roster_scratch = calloc(1, sizeof(*config->roster_scratch));
    config->body = malloc(BODY_SIZE_MAX);
    config->value = malloc(BODY_SIZE_MAX);
    assert_non_null(config->ack);
    assert_non_null(config->reply);
    assert_non_null(config->writes);
    assert_non_null(config->have);
    assert_non_null(config->roster_scratch);
    assert_non_null(config->body);
    assert_non_null(config->value);
    config->rig.options.settings.local_link = true;
    edge_config_set_wall_error(config, wall_error_ms);
    edge_rig_reopen(&config->rig);
}

void edge_config_open_unset(struct edge_config *config, bool never_known)
{
    edge_config_open(config, 0);
    edge_config_set_wall_error(config, 5000 - edge_config_true_ms(config));
    if (never_known) {
        config->rig.options.database_path = "never-known.db";
        config->rig.options.now = config->rig.now;
        assert_int_equal(edge_create(&config->rig.options, NULL), ST_OK);
    }
    edge_rig_reopen(&config->rig);
}

void edge_config_close(struct edge_config *config)
{
    edge_rig_close(&config->rig);
    free(config->ack);
    free(config->reply);
    free(config->writes);
    free(config->have);
    free(config->roster_scratch);
    free(config->body);
    free(config->value);
}

void edge_config_set_wall_error(struct edge_config *config, int64_t wall_error_ms)
{
    config->rig.now.wall_ns += (wall_error_ms - config->wall_error_ms) * 1000000;
    config->wall_error_ms = wall_error_ms;
}

int64_t edge_config_true_ms(const struct edge_config *config)
{
    return config->rig.now.wall_ns / 1000000 - config->wall_error_ms;
}

uint64_t edge_config_stamp(const struct edge_config *config, int64_t ms)
{
    return (uint64_t)(edge_config_true_ms(config) + ms) << 16;
}

/* ---- Links ----------------------------------------------------------------------------------- */

void edge_config_connect(struct edge_config *config)
{
    edge_rig_connect(&config->rig);
    config->nonce = edge_rig_nonce(&config->rig);
}

void edge_config_reply_at(struct edge_config *config, int64_t cloud_ms, uint64_t sent_mono_ms)
{
    struct hello_reply *reply = config->reply;
    memset(reply, 0, sizeof(*reply));
    reply->nonce = config->nonce;
    reply->mono_ms = sent_mono_ms;
    reply->cloud_ms = cloud_ms;
    reply->ack.store = config->rig.store;
    reply->ack.counter = config->ack_counter + 1;
    reply->ack.cloud_ms = cloud_ms;
    reply->admitted = config->admitted;
    reply->roster = config->roster;
    reply->config = config->told;
    struct buf body = buf_of(config->body, BODY_SIZE_MAX);
    hello_reply_encode(reply, &body);
    assert_true(buf_ok(&body));
    edge_rig_hear(&config->rig, TOPIC_SYNC_DOWN, FRAME_HELLO_REPLY, buf_bytes(&body));
}

void edge_config_reply(struct edge_config *config)
{
    edge_config_reply_at(config, edge_config_true_ms(config), config->rig.now.mono_ns / 1000000);
}

void edge_config_online(struct edge_config *config)
{
    edge_config_connect(config);
    edge_config_reply(config);
}

void edge_config_local_up(struct edge_config *config)
{
    edge_rig_pass_ms(&config->rig, 2000);
    edge_rig_wakeup(&config->rig);
    edge_rig_run(&config->rig,
                 (struct event){.kind = EVENT_LINK_UP, .link = LINK_LOCAL, .receive_maximum = 20});
}

/* ---- The cloud speaks ------------------------------------------------------------------------ */

struct config_entry edge_config_entry(const char *scope, const char *key, uint64_t hlc,
                                      const char *node, const char *value)
{
    struct config_entry entry = {.reg = {.hlc = hlc}};
    assert_int_equal(config_scope_from(bytes_of_text(scope), &entry.key.scope), ST_OK);
    assert_int_equal(level_name_from(bytes_of_text(key), &entry.key.name), ST_OK);
    struct buf name = buf_of(entry.reg.node.text, NODE_NAME_SIZE - 1);
    buf_put_text(&name, node);
    entry.reg.deleted = value == NULL;
    if (value != NULL) {
        entry.reg.value.type = CONFIG_STRING;
        entry.reg.value.content = bytes_of_text(value);
    }
    return entry;
}

static void encode_entry(struct edge_config *config, const struct config_entry *entry,
                         struct buf *body)
{
    *body = buf_of(config->body, BODY_SIZE_MAX);
    config_msg_pack(entry, body);
    assert_true(buf_ok(body));
}

void edge_config_publish_on(struct edge_config *config, const struct config_entry *entry,
                            const char *scope, const char *key, const struct secret_key *signer)
{
    struct buf body;
    struct topic_text topic;
    encode_entry(config, entry, &body);
    assert_int_equal(topic_build_scoped("hf/v1", TOPIC_CONFIG, scope, key, &topic), ST_OK);
    edge_rig_hear_on(&config->rig, &topic, FRAME_CONFIG, buf_bytes(&body), signer, true);
}

void edge_config_publish(struct edge_config *config, const struct config_entry *entry)
{
    char scope[CONFIG_SCOPE_TEXT_SIZE];
    config_scope_text(&entry->key.scope, scope);
    edge_config_publish_on(config, entry, scope, entry->key.name.text, config->rig.cloud_key);
}

struct bytes edge_config_frame(struct edge_config *config, const struct config_entry *entry)
{
    char scope[CONFIG_SCOPE_TEXT_SIZE];
    struct buf body;
    struct topic_text topic;
    const struct node_name cloud = {"cloud"};
    config_scope_text(&entry->key.scope, scope);
    encode_entry(config, entry, &body);
    assert_int_equal(topic_build_scoped("hf/v1", TOPIC_CONFIG, scope, entry->key.name.text, &topic),
                     ST_OK);
    const struct envelope_spec spec = {
        .kind = FRAME_CONFIG,
        .sender = &cloud,
        .key = config->rig.cloud_key,
        .hlc = config->rig.cloud_stamp,
        .topic_below_root = topic_text_below_root(&topic),
    };
    struct buf frame = buf_of(config->rig.frame, FRAME_SIZE_MAX);
    assert_int_equal(envelope_write(&spec, buf_bytes(&body), NULL, config->rig.hasher, &frame),
                     ST_OK);
    return buf_bytes(&frame);
}

void edge_config_roster(struct edge_config *config, uint64_t version, const char *groups)
{
    struct roster *roster = config->roster_scratch;
    memset(roster, 0, sizeof(*roster));
    roster->version = version;
    roster->node_count = 1;
    struct roster_node *node = &roster->nodes[0];
    node->name = config->rig.options.node;
    while (*groups != '\0') {
        const size_t size = strcspn(groups, " ");
        struct level_name *name = &roster->groups[roster->group_count];
        assert_int_equal(level_name_from(bytes_of(groups, size), name), ST_OK);
        node->groups[node->group_count++] = (uint8_t)roster->group_count++;
        groups += size + (groups[size] == ' ');
    }
    struct buf body = buf_of(config->body, BODY_SIZE_MAX);
    roster_msg_encode(roster, &body);
    assert_true(buf_ok(&body));
    edge_rig_hear(&config->rig, TOPIC_ROSTER, FRAME_ROSTER, buf_bytes(&body));
}

void edge_config_ack(struct edge_config *config, uint32_t incarnation, uint64_t judged,
                     const struct ack_refusal *refusals, size_t count)
{
    struct ack *ack = config->ack;
    memset(ack, 0, sizeof(*ack));
    ack->store = config->rig.store;
    ack->counter = ++config->ack_counter;
    ack->cloud_ms = edge_config_true_ms(config);
    ack->has_config = true;
    ack->config_incarnation = incarnation;
    ack->config_judged = judged;
    ack->refusal_count = count;
    if (count > 0) memcpy(ack->refusals, refusals, count * sizeof(*refusals));
    edge_rig_hear_ack(&config->rig, ack);
}

void edge_config_nack(struct edge_config *config, enum nack_reason reason, uint64_t from,
                      uint64_t to)
{
    const struct nack nack = {
        .nonce = config->nonce,
        .lane = NACK_CONFIG,
        .reason = reason,
        .from = from,
        .to = to,
        .cloud_ms = edge_config_true_ms(config),
        .admitted = config->admitted,
        .words = BYTES_LITERAL("a test refuses it"),
    };
    struct buf body = buf_of(config->body, BODY_SIZE_MAX);
    nack_msg_encode(&nack, &body);
    assert_true(buf_ok(&body));
    edge_rig_hear(&config->rig, TOPIC_SYNC_DOWN, FRAME_NACK, buf_bytes(&body));
}

/* ---- The edge speaks ------------------------------------------------------------------------- */

bool edge_config_sent_writes(struct edge_config *config, size_t n)
{
    struct bytes body;
    if (!edge_rig_frame(&config->rig, FRAME_CONFIG, n, &body)) return false;
    assert_int_equal(config_writes_decode(config->rig.unpacker, body, config->writes), ST_OK);
    return true;
}

const struct config_write *edge_config_sent_write(struct edge_config *config, const char *key)
{
    const struct config_write *found = NULL;
    for (size_t n = 0; found == NULL && edge_config_sent_writes(config, n); n++)
        for (size_t i = 0; i < config->writes->count; i++)
            if (strcmp(config->writes->writes[i].entry.key.name.text, key) == 0)
                found = &config->writes->writes[i];
    return found;
}

int64_t edge_config_sent_ms(struct edge_config *config, const char *key)
{
    const struct config_write *write = edge_config_sent_write(config, key);
    assert_non_null(write);
    return hlc_ms(write->entry.reg.hlc);
}

void edge_config_near_ms(int64_t actual, int64_t expected)
{
    if (actual - expected > 2 || expected - actual > 2)
        fail_msg("%lld ms, not %lld", (long long)actual, (long long)expected);
}

bool edge_config_sent_have(struct edge_config *config, size_t n)
{
    struct bytes body;
    if (!edge_rig_frame(&config->rig, FRAME_CONFIG_HAVE, n, &body)) return false;
    assert_int_equal(config_have_decode(config->rig.unpacker, body, config->have), ST_OK);
    return true;
}

bool edge_config_sent_state(struct edge_config *config, struct state_report *out)
{
    struct bytes body;
    const size_t count = edge_rig_frame_count(&config->rig, FRAME_STATE);
    if (count == 0) return false;
    assert_true(edge_rig_frame(&config->rig, FRAME_STATE, count - 1, &body));
    assert_int_equal(state_msg_decode(config->rig.unpacker, body, out), ST_OK);
    return true;
}

/* ---- Applications and operators -------------------------------------------------------------- */

void edge_config_set(struct edge_config *config, const char *key, const char *json)
{
    struct topic_text topic;
    assert_int_equal(topic_build("hf/v1", TOPIC_LOCAL_CONFIG_SET, NULL, key, &topic), ST_OK);
    struct event event = {.kind = EVENT_MESSAGE, .link = LINK_LOCAL};
    event.message.topic = topic_text_bytes(&topic);
    event.message.payload = bytes_of_text(json);
    event.message.response_topic = BYTES_LITERAL("app/answer");
    edge_rig_run(&config->rig, event);
}

static const char *keep(struct edge_config *config, struct bytes text)
{
    struct buf out = buf_of(config->value, BODY_SIZE_MAX - 1);
    buf_put(&out, text);
    assert_true(buf_ok(&out));
    config->value[out.size] = '\0';
    return (const char *)config->value;
}

static const struct effect *local_publish(struct edge_config *config, const char *topic)
{
    const struct effects *effects = config->rig.effects;
    for (size_t i = effects->count; i > 0; i--) {
        const struct effect *effect = &effects->items[i - 1];
        if (effect->kind == EFFECT_PUBLISH && effect->link == LINK_LOCAL &&
            bytes_equal(effect->topic, bytes_of_text(topic)))
            return effect;
    }
    return NULL;
}

const char *edge_config_response(struct edge_config *config)
{
    const struct effect *effect = local_publish(config, "app/answer");
    assert_non_null(effect);
    return keep(config, effect->payload);
}

const char *edge_config_local(struct edge_config *config, const char *key)
{
    struct topic_text topic;
    assert_int_equal(topic_build("hf/v1", TOPIC_LOCAL_CONFIG, NULL, key, &topic), ST_OK);
    const struct effect *effect = local_publish(config, topic.text);
    if (effect == NULL) return NULL;
    assert_true(effect->retain);
    return keep(config, effect->payload);
}

size_t edge_config_local_count(struct edge_config *config)
{
    const struct effects *effects = config->rig.effects;
    size_t count = 0;
    for (size_t i = 0; i < effects->count; i++) {
        const struct bytes topic = effects->items[i].topic;
        count += effects->items[i].kind == EFFECT_PUBLISH && effects->items[i].link == LINK_LOCAL &&
                 topic.size > 13 && memcmp(topic.data, "local/config/", 13) == 0;
    }
    return count;
}

enum status edge_config_verb(struct edge_config *config, const char *verb, const char *name,
                             const char *value, const char *name_two, const char *value_two)
{
    struct verb_argument arguments[2];
    size_t count = 0;
    if (name != NULL)
        arguments[count++] = (struct verb_argument){bytes_of_text(name), bytes_of_text(value)};
    if (name_two != NULL)
        arguments[count++] =
            (struct verb_argument){bytes_of_text(name_two), bytes_of_text(value_two)};
    return edge_rig_ask(&config->rig, verb, arguments, count);
}

const char *edge_config_field(struct edge_config *config, const char *name)
{
    const struct control_reply *reply = config->rig.reply;
    for (size_t i = 0; i < reply->field_count; i++) {
        const struct record_field *field = &reply->fields[i];
        if (!bytes_equal(field->name, bytes_of_text(name))) continue;
        char number[32];
        switch (field->kind) {
        case PACKED_NIL:
            return "";
        case PACKED_BOOL:
            return field->boolean ? "true" : "false";
        case PACKED_UINT:
            snprintf(number, sizeof(number), "%llu", (unsigned long long)field->natural);
            return keep(config, bytes_of_text(number));
        case PACKED_INT:
            snprintf(number, sizeof(number), "%lld", (long long)field->integer);
            return keep(config, bytes_of_text(number));
        default:
            return keep(config, field->text);
        }
    }
    fail_msg("the record has no field %s", name);
    return NULL;
}

const char *edge_config_value(struct edge_config *config, const char *key)
{
    const enum status status = edge_config_verb(config, "config-get", "key", key, NULL, NULL);
    if (status == ST_NOT_FOUND) return NULL;
    assert_int_equal(status, ST_OK);
    return edge_config_field(config, "value");
}
