/* config_report.c - the operator's verbs of config: which there are, and those that only read. */
#include <stdio.h>
#include <string.h>

#include "cloud-consumer/config_private.h"
#include "cloud-consumer/report.h"
#include "common/wire/config_text.h"

enum { REGISTER_RECORD_SIZE = CONTROL_TEXT_SIZE_MAX + 2048 };

bool cloud_key_argument(struct cloud *cloud, uint32_t client, struct effects *effects,
                        struct level_name *out)
{
    struct bytes text;
    *out = (struct level_name){0};
    if (!verb_argument_find(cloud->request, "key", &text)) {
        cloud_reply_end(effects, client, ST_USAGE, "the key is missing");
        return false;
    }
    if (level_name_from(text, out) == ST_OK) return true;
    cloud_reply_end(effects, client, ST_USAGE,
                    "a key is 1 to %d characters of A-Z a-z 0-9 . _ -, a letter or digit first",
                    LEVEL_NAME_SIZE_MAX);
    return false;
}

bool cloud_scope_argument(struct cloud *cloud, uint32_t client, struct effects *effects,
                          struct config_scope *out, bool *there)
{
    struct bytes text;
    *out = (struct config_scope){.kind = CONFIG_SCOPE_FLEET};
    *there = verb_argument_find(cloud->request, "scope", &text);
    if (!*there || config_scope_from(text, out) == ST_OK) return true;
    cloud_reply_end(effects, client, ST_USAGE, "a scope is fleet, group/G or node/N, not \"%.*s\"",
                    text.size > 100 ? 100 : (int)text.size, (const char *)text.data);
    return false;
}

/* ---------------------------------------------------------------- records */

enum { REGISTER_FIELDS = 9 };

static void put_register(struct buf *out, const struct config_entry *entry)
{
    const struct config_register *const reg = &entry->reg;
    char scope[CONFIG_SCOPE_TEXT_SIZE], stamp[24];
    uint8_t memory[CONTROL_TEXT_SIZE_MAX];
    struct buf value = buf_of(memory, sizeof memory);
    config_scope_text(&entry->key.scope, scope);
    config_value_write_text(&reg->value, &value);
    snprintf(stamp, sizeof stamp, "%016llx", (unsigned long long)reg->hlc);
    record_words(out, "key", entry->key.name.text);
    record_words(out, "scope", scope);
    if (reg->deleted)
        record_nil(out, "value");
    else
        record_text(out, "value", buf_bytes(&value));
    record_words(out, "type", config_type_name(reg->value.type));
    record_bool(out, "deleted", reg->deleted);
    record_uint(out, "epoch", reg->epoch);
    record_time(out, "time", hlc_ms(reg->hlc));
    record_words(out, "hlc", stamp);
    record_words(out, "node", reg->node.text);
}

size_t cloud_reply_register(struct effects *effects, uint32_t client,
                            const struct config_entry *entry)
{
    struct buf out = cloud_reply_space(effects, REGISTER_RECORD_SIZE);
    record_reply_begin(&out, REGISTER_FIELDS);
    put_register(&out, entry);
    cloud_reply(effects, client, &out);
    return out.size;
}

static size_t reply_history(struct effects *effects, uint32_t client,
                            const struct config_history_row *row)
{
    struct buf out = cloud_reply_space(effects, REGISTER_RECORD_SIZE);
    record_reply_begin(&out, REGISTER_FIELDS + 4);
    put_register(&out, &row->entry);
    record_words(&out, "from", row->from.text);
    record_uint(&out, "operation", row->operation);
    record_words(&out, "outcome", row->outcome == CONFIG_WON ? "won" : "lost");
    record_time(&out, "received", row->at_ms);
    cloud_reply(effects, client, &out);
    return out.size;
}

/* -------------------------------------------------------------------- get */

/* What counts at the node: of its scopes' registers the one that wins, two at a time, each in a
 * buffer of its own. The content lives in *best_memory. */
static enum status find_effective(struct cloud *cloud, const struct node_row *node,
                                  const struct level_name *key, struct config_entry *out)
{
    struct config_summary scopes;
    struct buf *memory[2] = {&cloud->config->stored, &cloud->config->encoded};
    bool there = false;
    TRY(cloud_config_summary(cloud, node, &scopes));
    for (size_t i = 0; i < scopes.count; i++) {
        struct config_entry next = {.key = {scopes.scopes[i].scope, *key}};
        const enum status found = CONFIGS(cloud, register_get, &next.key, memory[0], &next.reg);
        if (found == ST_NOT_FOUND) continue;
        if (found != ST_OK) return found;
        const struct config_candidate candidates[] = {
            {next.key.scope.kind, &next.reg},
            {out->key.scope.kind, there ? &out->reg : NULL},
        };
        if (config_effective(candidates, COUNT_OF(candidates)) != &next.reg) continue;
        *out = next;
        there = true;
        struct buf *const best = memory[0];
        memory[0] = memory[1];
        memory[1] = best;
    }
    return there ? ST_OK : ST_NOT_FOUND;
}

static enum status verb_get(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    struct config_entry entry = {0};
    struct node_row node;
    struct level_name key;
    bool has_scope;
    if (!cloud_key_argument(cloud, client, effects, &key)) return ST_OK;
    if (!cloud_scope_argument(cloud, client, effects, &entry.key.scope, &has_scope)) return ST_OK;
    const enum status named = cloud_node_argument(cloud, client, effects, &node);
    if (named != ST_OK) return named == ST_NOT_FOUND ? ST_OK : named;
    if (has_scope && node.id != 0) {
        cloud_reply_end(effects, client, ST_USAGE, "give a scope or a node, not both");
        return ST_OK;
    }
    entry.key.name = key;
    const enum status found = node.id != 0 ? find_effective(cloud, &node, &key, &entry)
                                           : cloud_config_current(cloud, &entry.key, &entry.reg);
    if (found == ST_NOT_FOUND || (found == ST_OK && entry.reg.deleted)) {
        cloud_reply_end(effects, client, ST_NOT_FOUND, "%s has no value %s", key.text,
                        node.id != 0 ? "at this node" : "in this scope");
        return ST_OK;
    }
    if (found == ST_TAMPERED) {
        cloud_reply_end(effects, client, found, "the stored register of %s is damaged", key.text);
        return ST_OK;
    }
    if (found != ST_OK) return found;
    cloud_reply_register(effects, client, &entry);
    cloud_reply_end(effects, client, ST_OK, "%s", "");
    return ST_OK;
}

/* ------------------------------------------------------------------ lists */

static bool limit_argument(struct cloud *cloud, uint32_t client, struct effects *effects,
                           uint64_t *out)
{
    if (cloud_number_argument(cloud->request, "limit", out)) return true;
    cloud_reply_end(effects, client, ST_USAGE, "limit is a number of records");
    return false;
}

struct config_job *cloud_config_job_begin(struct cloud *cloud, uint32_t client,
                                          struct effects *effects, enum config_job_kind kind)
{
    struct cloud_job *const job = cloud_job_begin(cloud, client, JOB_CONFIG, effects);
    if (job == NULL) return NULL;
    job->config = (struct config_job){
        .kind = kind,
        .before = INT64_MAX,
        .limit = UINT64_MAX,
    };
    return &job->config;
}

static enum status verb_list(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    struct config_scope scope;
    bool has_scope;
    if (!cloud_scope_argument(cloud, client, effects, &scope, &has_scope)) return ST_OK;
    struct config_job *const job = cloud_config_job_begin(cloud, client, effects, CONFIG_JOB_LIST);
    if (job == NULL) return ST_OK;
    job->has_scope = has_scope;
    job->scope = scope;
    job->after.scope = scope;
    return ST_OK;
}

static enum status verb_history(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    struct config_scope scope;
    struct level_name key = {0};
    struct bytes text;
    uint64_t limit = UINT64_MAX;
    bool has_scope;
    const bool has_key = verb_argument_find(cloud->request, "key", &text);
    if (has_key && !cloud_key_argument(cloud, client, effects, &key)) return ST_OK;
    if (!cloud_scope_argument(cloud, client, effects, &scope, &has_scope)) return ST_OK;
    if (!limit_argument(cloud, client, effects, &limit)) return ST_OK;
    struct config_job *const job =
        cloud_config_job_begin(cloud, client, effects, CONFIG_JOB_HISTORY);
    if (job == NULL) return ST_OK;
    job->has_key = has_key;
    job->key = key;
    job->has_scope = has_scope;
    job->scope = scope;
    job->limit = limit;
    return ST_OK;
}

static bool scope_equal(const struct config_scope *a, const struct config_scope *b)
{
    return config_scope_compare(a, b) == 0;
}

/* Ends the job when there is nothing more, or nothing readable. True: it has ended, or failed. */
static bool list_ends(struct effects *effects, struct cloud_job *job, enum status found)
{
    if (found == ST_NOT_FOUND)
        cloud_job_end(effects, job, ST_OK, "%s", "");
    else if (found == ST_TAMPERED)
        cloud_job_end(effects, job, found, "a stored register is damaged");
    return found != ST_OK;
}

static enum status list_slice(struct cloud *cloud, struct cloud_job *job, struct effects *effects)
{
    struct config_job *const list = &job->config;
    size_t bytes = 0;
    for (int i = 0; i < SLICE_ROWS_MAX && bytes < SLICE_BYTES_MAX; i++) {
        struct config_entry entry;
        int64_t id;
        enum status found =
            CONFIGS(cloud, register_next, &list->after, &cloud->config->stored, &id, &entry);
        if (found == ST_OK && list->has_scope && !scope_equal(&entry.key.scope, &list->scope))
            found = ST_NOT_FOUND;
        if (list_ends(effects, job, found))
            return found == ST_NOT_FOUND || found == ST_TAMPERED ? ST_OK : found;
        list->after = entry.key;
        bytes += cloud_reply_register(effects, job->client, &entry);
    }
    return ST_OK;
}

static enum status history_slice(struct cloud *cloud, struct cloud_job *job,
                                 struct effects *effects)
{
    struct config_job *const list = &job->config;
    size_t bytes = 0;
    for (int i = 0; i < SLICE_ROWS_MAX && bytes < SLICE_BYTES_MAX; i++) {
        struct config_history_row row;
        enum status found = ST_NOT_FOUND;
        if (list->done < list->limit)
            found = CONFIGS(cloud, history_before, list->before, list->has_key ? &list->key : NULL,
                            &cloud->config->stored, &row);
        if (list_ends(effects, job, found))
            return found == ST_NOT_FOUND || found == ST_TAMPERED ? ST_OK : found;
        list->before = row.id;
        if (list->has_scope && !scope_equal(&row.entry.key.scope, &list->scope)) continue;
        list->done++;
        bytes += reply_history(effects, job->client, &row);
    }
    return ST_OK;
}

enum status cloud_config_slice(struct cloud *cloud, struct cloud_job *job, struct effects *effects)
{
    switch (job->config.kind) {
    case CONFIG_JOB_LIST:
        return list_slice(cloud, job, effects);
    case CONFIG_JOB_HISTORY:
        return history_slice(cloud, job, effects);
    case CONFIG_JOB_RULES:
        return cloud_config_rules_slice(cloud, job, effects);
    case CONFIG_JOB_RAISE:
        return cloud_config_raise_slice(cloud, job, effects);
    }
    UNREACHABLE();
}

enum status cloud_config_verb(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    static const struct {
        const char *verb;
        enum status (*answer)(struct cloud *, uint32_t, struct effects *);
    } verbs[] = {
        {"config-set", cloud_verb_config_set},
        {"config-unset", cloud_verb_config_unset},
        {"config-raise-epoch", cloud_verb_config_raise},
        {"config-get", verb_get},
        {"config-list", verb_list},
        {"config-history", verb_history},
        {"config-rule", cloud_verb_config_rule},
        {"config-rules", cloud_verb_config_rules},
        {"node-set", cloud_verb_node_set},
    };
    const struct bytes verb = cloud->request->verb;
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (bytes_equal(verb, bytes_of_text(verbs[i].verb)))
            return verbs[i].answer(cloud, client, effects);
    }
    cloud_reply_end(effects, client, ST_USAGE, "no verb \"%.*s\"", (int)verb.size,
                    (const char *)verb.data);
    return ST_OK;
}
