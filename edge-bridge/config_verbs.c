/* config_verbs.c - the operator's verbs on config and the clock.
 *
 *   config-set key= value= [type=] [scope=]   RECORD key, scope, value, type; scope: node/{self}
 *   config-unset key= [scope=]                RECORD key, scope
 *   config-get key= [scope=]                  RECORD of what counts, at this node or in the scope
 *   config-list [scope=] [after=] [limit=]    RECORD a key and scope, in the order of keys; when
 *                                             there is more, END says after which key
 *   clock                                     clock.h
 * RECORD: key, scope, value, type (nil: deleted), node, time, epoch, pending, effective, refused
 * (nil, or why the cloud refused the last local write). */
#include <string.h>

#include "common/wire/config_text.h"
#include "edge-bridge/edge_state.h"
#include "edge-bridge/report.h"

enum {
    LIST_LIMIT_MAX = 1500, /* what one step may say of short values; long ones end it sooner */
    TYPE_NAME_SIZE_MAX = 16,
    ROW_FIELD_COUNT = 10,
    ROW_SIZE_MAX = CONTROL_TEXT_SIZE_MAX + RECORD_SIZE_TYPICAL,
    MESSAGE_SIZE_MAX = 512,
};

/* ---- Arguments ------------------------------------------------------------------------------- */

/* key= and scope=, which is node/{self} when it is not given. */
static enum status key_of(const struct edge *edge, const struct control_request *request,
                          struct config_key *key, bool *has_scope, struct buf *reason)
{
    struct bytes text;
    memset(key, 0, sizeof(*key));
    key->scope = config_scope_at(edge, config_scope_count(edge) - 1);
    *has_scope = verb_argument_find(request, "scope", &text);
    if (*has_scope && config_scope_from(text, &key->scope) != ST_OK) {
        buf_put_text(reason, "a scope is fleet, group/NAME or node/NAME");
        return ST_USAGE;
    }
    if (!verb_argument_find(request, "key", &text) || level_name_from(text, &key->name) != ST_OK) {
        buf_put_text(reason, "a key is 1 to 64 letters, digits, dots, dashes and underscores");
        return ST_USAGE;
    }
    return ST_OK;
}

static enum status value_of(struct edge *edge, const struct control_request *request,
                            struct config_value *value, struct buf *reason)
{
    struct bytes text, type;
    char type_name[TYPE_NAME_SIZE_MAX] = "";
    const bool has_type = verb_argument_find(request, "type", &type);
    if (!verb_argument_find(request, "value", &text)) {
        buf_put_text(reason, "config-set takes a key and a value");
        return ST_USAGE;
    }
    if (has_type) {
        struct buf copy = buf_of(type_name, sizeof(type_name) - 1);
        buf_put(&copy, type);
        if (!buf_ok(&copy)) type_name[0] = '?';
    }
    edge->config.memory_two.size = 0;
    return config_value_from_text(has_type ? type_name : NULL, text, &edge->config.memory_two,
                                  value, reason);
}

/* ---- Records --------------------------------------------------------------------------------- */

static void put_place(struct buf *out, const struct config_key *key)
{
    char scope[CONFIG_SCOPE_TEXT_SIZE];
    config_scope_text(&key->scope, scope);
    record_words(out, "key", key->name.text);
    record_words(out, "scope", scope);
}

static void put_value(struct edge *edge, struct buf *out, const struct config_value *value)
{
    if (value->type == CONFIG_NONE) {
        record_nil(out, "value");
        record_nil(out, "type");
        return;
    }
    struct buf text = buf_of(edge->body_scratch, BODY_SIZE_MAX);
    config_value_write_text(value, &text);
    INVARIANT(buf_ok(&text));
    record_text(out, "value", buf_bytes(&text));
    record_words(out, "type", config_type_name(value->type));
}

static enum status put_row(struct edge *edge, uint32_t client, const struct level_name *name,
                           const struct config_counted *counted, bool effective,
                           struct effects *effects)
{
    const struct config_key key = {.scope = counted->scope, .name = *name};
    enum write_refusal reason = WRITE_DENIED;
    const enum status refused = config_write_refused_of(edge, &key, &reason);
    if (refused != ST_OK && refused != ST_NOT_FOUND) return refused;
    struct buf out = effects_space(effects, ROW_SIZE_MAX);
    record_reply_begin(&out, ROW_FIELD_COUNT);
    put_place(&out, &key);
    put_value(edge, &out, &counted->reg.value);
    record_words(&out, "node", counted->reg.node.text);
    record_time(&out, "time", hlc_ms(counted->reg.hlc));
    record_uint(&out, "epoch", counted->reg.epoch);
    record_bool(&out, "pending", counted->pending);
    record_bool(&out, "effective", effective);
    if (refused == ST_OK)
        record_words(&out, "refused", write_refusal_words(reason));
    else
        record_nil(&out, "refused");
    report_reply(effects, client, &out);
    return ST_OK;
}

/* A refused write of a register that has no value: all there is to tell is why. */
static enum status put_refused(uint32_t client, const struct config_key *key,
                               enum write_refusal reason, struct effects *effects)
{
    struct buf out = effects_space(effects, RECORD_SIZE_TYPICAL);
    record_reply_begin(&out, ROW_FIELD_COUNT);
    put_place(&out, key);
    record_nil(&out, "value");
    record_nil(&out, "type");
    record_nil(&out, "node");
    record_nil(&out, "time");
    record_nil(&out, "epoch");
    record_bool(&out, "pending", false);
    record_bool(&out, "effective", false);
    record_words(&out, "refused", write_refusal_words(reason));
    report_reply(effects, client, &out);
    return ST_OK;
}

/* ---- Verbs ----------------------------------------------------------------------------------- */

static enum status end(uint32_t client, enum status verdict, struct buf *reason,
                       struct effects *effects)
{
    if (status_class_of(verdict) == STATUS_CLASS_STOP) return verdict;
    buf_put_u8(reason, '\0');
    report_end(effects, client, verdict, buf_ok(reason) ? (const char *)reason->data : "");
    return ST_OK;
}

static enum status write_verb(struct edge *edge, uint32_t client,
                              const struct control_request *request, bool unset,
                              struct effects *effects)
{
    struct config_key key;
    struct config_value value = {.type = CONFIG_NONE};
    bool has_scope;
    char words[MESSAGE_SIZE_MAX];
    struct buf reason = buf_of(words, sizeof(words));
    enum status verdict = key_of(edge, request, &key, &has_scope, &reason);
    if (verdict == ST_OK && !unset) verdict = value_of(edge, request, &value, &reason);
    if (verdict == ST_OK) {
        /* Written down first: what follows uses the memory that the value lives in. */
        struct buf out = effects_space(effects, ROW_SIZE_MAX);
        record_reply_begin(&out, 4);
        put_place(&out, &key);
        put_value(edge, &out, &value);
        const struct bytes record = effects_take(effects, &out);
        verdict = config_local_write(edge, &key, &value, &reason, effects);
        if (verdict == ST_OK) {
            struct effect *effect = effects_add(effects, EFFECT_REPLY);
            effect->client = client;
            effect->payload = record;
        }
    }
    return end(client, verdict, &reason, effects);
}

static enum status get_verb(struct edge *edge, uint32_t client,
                            const struct control_request *request, struct effects *effects)
{
    struct config_edge *config = &edge->config;
    struct config_key key;
    struct config_counted counted;
    bool has_scope, effective = true;
    char words[MESSAGE_SIZE_MAX];
    struct buf reason = buf_of(words, sizeof(words));
    enum status verdict = key_of(edge, request, &key, &has_scope, &reason);
    if (verdict == ST_OK) {
        verdict =
            config_count_effective(edge, &key.name, &config->memory, &config->memory_two, &counted);
        const bool found = verdict == ST_OK;
        if (has_scope && (found || verdict == ST_NOT_FOUND)) {
            const struct config_scope winner = counted.scope;
            verdict = config_count_in_scope(edge, &key, &config->memory, &counted);
            effective = found && config_scope_compare(&winner, &key.scope) == 0;
        }
        if (verdict == ST_NOT_FOUND) buf_put_text(&reason, "there is no value for this key");
    }
    if (verdict == ST_OK) TRY(put_row(edge, client, &key.name, &counted, effective, effects));
    return end(client, verdict, &reason, effects);
}

/* What is held of one key, scope by scope. only: NULL, or the scope that is asked for. */
static enum status list_key(struct edge *edge, uint32_t client, const struct level_name *name,
                            const struct config_scope *only, struct effects *effects)
{
    struct config_edge *config = &edge->config;
    struct config_counted counted;
    const enum status found =
        config_count_effective(edge, name, &config->memory, &config->memory_two, &counted);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    const struct config_scope winner = counted.scope;
    for (size_t i = 0; i < config_scope_count(edge); i++) {
        const struct config_key key = {.scope = config_scope_at(edge, i), .name = *name};
        enum write_refusal reason;
        if (only != NULL && config_scope_compare(only, &key.scope) != 0) continue;
        const enum status there = config_count_in_scope(edge, &key, &config->memory, &counted);
        if (there == ST_NOT_FOUND) {
            const enum status refused = config_write_refused_of(edge, &key, &reason);
            if (refused == ST_OK) TRY(put_refused(client, &key, reason, effects));
            if (refused != ST_OK && refused != ST_NOT_FOUND) return refused;
            continue;
        }
        TRY(there);
        const bool effective = found == ST_OK && config_scope_compare(&winner, &key.scope) == 0;
        TRY(put_row(edge, client, name, &counted, effective, effects));
    }
    return ST_OK;
}

static enum status list_verb(struct edge *edge, uint32_t client,
                             const struct control_request *request, struct effects *effects)
{
    struct bytes text;
    struct config_scope scope;
    struct level_name name = {0};
    char words[MESSAGE_SIZE_MAX];
    struct buf reason = buf_of(words, sizeof(words));
    const bool has_scope = verb_argument_find(request, "scope", &text);
    if (has_scope && config_scope_from(text, &scope) != ST_OK) {
        buf_put_text(&reason, "a scope is fleet, group/NAME or node/NAME");
        return end(client, ST_USAGE, &reason, effects);
    }
    if (verb_argument_find(request, "after", &text) && level_name_from(text, &name) != ST_OK) {
        buf_put_text(&reason, "after= takes a key");
        return end(client, ST_USAGE, &reason, effects);
    }
    uint64_t limit = LIST_LIMIT_MAX;
    if (report_natural_of(request, "limit", &limit) && limit > LIST_LIMIT_MAX)
        limit = LIST_LIMIT_MAX;
    for (uint64_t listed = 0;; listed++) {
        struct level_name next;
        const enum status more = config_count_next_key(edge, &name, &next);
        if (more == ST_NOT_FOUND) return end(client, ST_OK, &reason, effects);
        TRY(more);
        if (listed >= limit || !effects_has_room(effects)) {
            buf_put_format(&reason, "there are more: after=%s", name.text);
            return end(client, ST_OK, &reason, effects);
        }
        TRY(list_key(edge, client, &next, has_scope ? &scope : NULL, effects));
        name = next;
    }
}

enum status config_verb(struct edge *edge, uint32_t client, const struct control_request *request,
                        struct effects *effects)
{
    const struct bytes verb = request->verb;
    if (bytes_equal(verb, BYTES_LITERAL("config-set")))
        return write_verb(edge, client, request, false, effects);
    if (bytes_equal(verb, BYTES_LITERAL("config-unset")))
        return write_verb(edge, client, request, true, effects);
    if (bytes_equal(verb, BYTES_LITERAL("config-get")))
        return get_verb(edge, client, request, effects);
    if (bytes_equal(verb, BYTES_LITERAL("config-list")))
        return list_verb(edge, client, request, effects);
    if (bytes_equal(verb, BYTES_LITERAL("clock"))) return clock_verb(edge, client, effects);
    report_end(effects, client, ST_USAGE, "this edge bridge does not know that verb");
    return ST_OK;
}
