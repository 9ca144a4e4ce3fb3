/* config_local.c - config for the applications on the node: their writes, and the values that
 * count, retained on the local broker; see config_edge.h. */
#include <string.h>

#include "common/wire/config_text.h"
#include "common/wire/utc_text.h"
#include "edge-bridge/edge_state.h"

enum {
    WRITE_PRIORITY = 3, /* as evidence without a priority, when the disk fills up */
    VALUE_MESSAGE_SIZE_MAX = CONFIG_VALUE_JSON_SIZE_MAX + 512,
    RECEIPT_SIZE_MAX = 512 + 2 * DOCUMENT_REASON_SIZE_MAX,
};

static const uint64_t ns_per_ms = 1000000;

_Static_assert(VALUE_MESSAGE_SIZE_MAX < EFFECTS_STEP_ARENA_MAX / 2, "a step may publish a value");

/* ---- Writes ---------------------------------------------------------------------------------- */

/* The new write must come after all that is known here of its register: what the cloud published,
 * and our own writes that wait. */
static enum status stamp_after(struct edge *edge, struct config_write_row *row, struct buf *reason)
{
    struct config_edge *config = &edge->config;
    const struct config_key *key = &row->entry.key;
    struct config_counted known;
    struct config_register seen;
    bool framed;
    enum status found = config_count_in_scope(edge, key, &config->memory, &known);
    if (found == ST_OK) {
        row->entry.reg.epoch = known.reg.epoch;
        found = config_store_get(edge, key, &config->memory, &seen, &framed);
    }
    if (found == ST_OK) {
        row->base = seen.hlc;
        /* What the clock has passed was judged when it came: a clock that is behind now must not
         * keep the node from writing. */
        if (seen.hlc > edge->hlc.last && clock_receive(edge, seen.hlc) != ST_OK) {
            buf_put_text(reason,
                         "what is there is stamped in the future, and only an administrator "
                         "can overrule it by raising the epoch");
            return ST_FUTURE;
        }
    } else if (found != ST_NOT_FOUND) {
        return found;
    }
    row->done = clock_done_at(edge);
    row->time_known = edge->clock.known;
    return edge_stamp(edge, &row->entry.reg.hlc);
}

enum status config_local_write(struct edge *edge, const struct config_key *key,
                               const struct config_value *value, struct buf *reason,
                               struct effects *effects)
{
    if (!config_scope_holds(edge, &key->scope)) {
        buf_put_text(reason, "this scope does not hold for this node");
        return ST_DENIED;
    }
    if (!intake_has_room(edge, WRITE_PRIORITY)) {
        buf_put_text(reason, "the disk is nearly full");
        return ST_FULL;
    }
    struct config_write_row row = {
        .entry = {.key = *key, .reg = {.node = edge->node, .value = *value}},
    };
    row.entry.reg.deleted = value->type == CONFIG_NONE;
    TRY(stamp_after(edge, &row, reason));
    uint64_t operation;
    const enum status added = config_write_add(edge, &row, &operation);
    if (added == ST_FULL) buf_put_text(reason, "too many writes wait for the cloud");
    TRY(added);
    return config_local_changed(edge, &key->name, effects);
}

static struct config_scope own_scope(const struct edge *edge)
{
    return config_scope_at(edge, config_scope_count(edge) - 1);
}

static void respond(const struct mqtt_message *message, const struct config_key *key,
                    enum status verdict, const struct buf *reason, struct effects *effects)
{
    uint8_t memory[RECEIPT_SIZE_MAX * 4];
    struct buf json = buf_of(memory, sizeof(memory));
    buf_put_text(&json, "{\"key\":");
    buf_put_json_text(&json, bytes_of_text(key->name.text));
    if (verdict == ST_OK) {
        char scope[CONFIG_SCOPE_TEXT_SIZE];
        config_scope_text(&key->scope, scope);
        buf_put_format(&json, ",\"status\":\"ok\",\"scope\":\"%s\"}", scope);
    } else {
        buf_put_format(&json, ",\"status\":\"%s\",\"reason\":", status_name(verdict));
        const bool said = reason->size > 0;
        buf_put_json_text(&json, said ? buf_bytes(reason) : bytes_of_text(status_words(verdict)));
        buf_put_text(&json, "}");
    }
    INVARIANT(buf_ok(&json));
    intake_respond(message, buf_bytes(&json), effects);
}

enum status config_message(struct edge *edge, const struct mqtt_message *message,
                           struct effects *effects)
{
    struct config_edge *config = &edge->config;
    struct topic_parts topic;
    struct config_key key = {.scope = own_scope(edge)};
    struct config_set set;
    uint8_t words[DOCUMENT_REASON_SIZE_MAX];
    struct buf reason = buf_of(words, sizeof(words));
    config->memory_two.size = 0;
    enum status verdict = topic_parse(edge->root, message->topic, &topic);
    if (verdict == ST_OK) verdict = level_name_from(topic.name, &key.name);
    if (verdict != ST_OK)
        buf_put_text(&reason, "the topic names no key: 1 to 64 letters, digits, dots, dashes and "
                              "underscores");
    if (verdict == ST_OK)
        verdict = config_set_read(message->payload, &config->memory_two, &set, &reason);
    if (verdict == ST_OK) {
        if (set.has_scope) key.scope = set.scope;
        verdict = config_local_write(edge, &key, &set.value, &reason, effects);
    }
    if (status_class_of(verdict) == STATUS_CLASS_STOP) return verdict;
    if (verdict != ST_OK) {
        edge->counters.messages_refused++;
        config->refused++;
    }
    respond(message, &key, verdict, &reason, effects);
    return ST_OK;
}

/* ---- Values that count ----------------------------------------------------------------------- */

static void put_value(const struct level_name *name, const struct config_counted *counted,
                      struct buf *out)
{
    char scope[CONFIG_SCOPE_TEXT_SIZE];
    config_scope_text(&counted->scope, scope);
    buf_put_format(out, "{\"key\":\"%s\",\"value\":", name->text);
    config_value_write_json(&counted->reg.value, out);
    buf_put_format(out, ",\"type\":\"%s\",\"scope\":\"%s\",\"time\":",
                   config_type_name(counted->reg.value.type), scope);
    const int64_t ms = hlc_ms(counted->reg.hlc);
    if (ms <= UTC_TEXT_MS_MAX) {
        buf_put_text(out, "\"");
        utc_text_put(ms, out);
        buf_put_text(out, "\"");
    } else {
        buf_put_format(out, "%lld", (long long)ms);
    }
    buf_put_format(out, ",\"node\":\"%s\",\"pending\":%s}", counted->reg.node.text,
                   counted->pending ? "true" : "false");
    INVARIANT(buf_ok(out));
}

static enum status publish(struct edge *edge, const struct level_name *name,
                           const struct buf *payload, struct effects *effects)
{
    struct topic_text text;
    TRY(topic_build(edge->root, TOPIC_LOCAL_CONFIG, NULL, name->text, &text));
    struct effect *effect = effects_add(effects, EFFECT_PUBLISH);
    effect->link = LINK_LOCAL;
    effect->payload = effects_take(effects, payload);
    effect->topic = effects_copy(effects, topic_text_bytes(&text));
    effect->retain = true;
    effect->token = CONFIG_LOCAL_TOKEN;
    return ST_OK;
}

/* Publishes what counts for the key if it is news, or in any case. */
static enum status refresh(struct edge *edge, const struct level_name *name, bool in_any_case,
                           bool *published, struct effects *effects)
{
    struct config_edge *config = &edge->config;
    struct config_counted counted;
    struct digest before;
    *published = false;
    const enum status found =
        config_count_effective(edge, name, &config->memory, &config->memory_two, &counted);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    const enum status known = config_published_get(edge, name, &before);
    if (known != ST_OK && known != ST_NOT_FOUND) return known;
    struct buf payload = effects_space(effects, VALUE_MESSAGE_SIZE_MAX);
    if (found == ST_NOT_FOUND) {
        /* A broker that comes back from an older save may have it again. */
        if (known == ST_NOT_FOUND && !in_any_case) return ST_OK;
        TRY(config_published_remove(edge, name));
    } else {
        put_value(name, &counted, &payload);
        const struct digest hash = hasher_of(edge->hasher, buf_bytes(&payload));
        const bool same = known == ST_OK && digest_equal(&before, &hash);
        if (same && !in_any_case) return ST_OK;
        if (!same) TRY(config_published_put(edge, name, &hash));
    }
    *published = true;
    return publish(edge, name, &payload, effects);
}

enum status config_local_changed(struct edge *edge, const struct level_name *name,
                                 struct effects *effects)
{
    bool published;
    TRY(link_use_config(edge, name));
    if (!session_online(edge, LINK_LOCAL)) return ST_OK;
    if (effects_has_room(effects)) return refresh(edge, name, false, &published, effects);
    config_local_sweep(edge);
    return ST_OK;
}

static void sweep(struct edge *edge, bool all)
{
    struct config_edge *config = &edge->config;
    config->local_all = all || (config->local_due && config->local_all);
    config->local_due = true;
    config->local_after = (struct level_name){0};
    config->local_mono_ns = edge->now.mono_ns;
}

void config_local_sweep(struct edge *edge)
{
    sweep(edge, false);
}

enum status config_local_up(struct edge *edge, struct effects *effects)
{
    struct topic_text text;
    sweep(edge, true);
    /* Not without our own: a broker leaves those out then, retained or not. */
    TRY(topic_build(edge->root, TOPIC_LOCAL_CONFIG, NULL, "+", &text));
    struct effect *effect = effects_add(effects, EFFECT_SUBSCRIBE);
    effect->link = LINK_LOCAL;
    effect->topic = effects_copy(effects, topic_text_bytes(&text));
    return ST_OK;
}

enum status config_local_retained(struct edge *edge, const struct mqtt_message *message,
                                  struct effects *effects)
{
    struct topic_parts topic;
    struct level_name name;
    struct digest known;
    bool published;
    /* What comes live is our own publish, come back. */
    if (!message->retained || message->payload.size == 0) return ST_OK;
    if (topic_parse(edge->root, message->topic, &topic) != ST_OK ||
        level_name_from(topic.name, &name) != ST_OK)
        return ST_OK;
    const enum status found = config_published_get(edge, &name, &known);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    const struct digest there = hasher_of(edge->hasher, message->payload);
    if (found == ST_OK && digest_equal(&there, &known)) return ST_OK;
    return refresh(edge, &name, true, &published, effects);
}

void config_local_failed(struct edge *edge)
{
    sweep(edge, true);
    edge->config.local_mono_ns += (uint64_t)CONFIG_QUIET_MS * ns_per_ms;
}

enum status config_local_fill(struct edge *edge, struct effects *effects)
{
    struct config_edge *config = &edge->config;
    if (!config->local_due || !session_online(edge, LINK_LOCAL)) return ST_OK;
    if (edge->now.mono_ns < config->local_mono_ns) return ST_OK;
    for (unsigned looked_at = 0; looked_at < CONFIG_LOCAL_SLICE; looked_at++) {
        struct level_name name;
        bool published;
        if (!effects_has_room(effects)) return ST_OK;
        const enum status more = config_count_next_key(edge, &config->local_after, &name);
        if (more == ST_NOT_FOUND) {
            config->local_due = false;
            config->local_all = false;
            return ST_OK;
        }
        TRY(more);
        TRY(refresh(edge, &name, config->local_all, &published, effects));
        config->local_after = name;
    }
    config->local_mono_ns = edge->now.mono_ns + (uint64_t)CONFIG_LOCAL_PAUSE_MS * ns_per_ms;
    return ST_OK;
}
