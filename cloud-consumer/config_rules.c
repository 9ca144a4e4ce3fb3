/* config_rules.c - who may write which key besides the operator, and its type. */
#include "cloud-consumer/config_private.h"
#include "cloud-consumer/report.h"
#include "common/wire/config_text.h"

static const char *const writer_words[] = {
    [CONFIG_WRITER_CLOUD] = "cloud",
    [CONFIG_WRITER_NODE] = "node",
    [CONFIG_WRITER_ANY] = "any",
};

const char *cloud_config_writer_words(enum config_writer writer)
{
    INVARIANT(writer >= CONFIG_WRITER_CLOUD && writer <= CONFIG_WRITER_ANY);
    return writer_words[writer];
}

bool cloud_config_writer_from(struct bytes text, enum config_writer *out)
{
    for (size_t i = CONFIG_WRITER_CLOUD; i <= CONFIG_WRITER_ANY; i++) {
        if (!bytes_equal(text, bytes_of_text(writer_words[i]))) continue;
        *out = (enum config_writer)i;
        return true;
    }
    return false;
}

enum status cloud_config_rule(struct cloud *cloud, const struct level_name *key,
                              struct config_rule *rule, bool *there)
{
    const enum status found = CONFIGS(cloud, rule_get, key, rule);
    *there = found == ST_OK;
    if (found != ST_NOT_FOUND) return found;
    *rule = (struct config_rule){.key = *key, .writer = CONFIG_WRITER_NODE, .type = CONFIG_NONE};
    return ST_OK;
}

bool cloud_config_may_write(const struct config_rule *rule, const struct node_row *node,
                            const struct config_scope *scope, const struct level_name *groups,
                            size_t group_count)
{
    if (rule->writer == CONFIG_WRITER_CLOUD) return false;
    if (rule->writer == CONFIG_WRITER_NODE && scope->kind != CONFIG_SCOPE_NODE) return false;
    return cloud_config_holds(node, scope, groups, group_count);
}

int cloud_config_schema(const struct cloud *cloud, const struct config_rule *rule, bool there,
                        const struct config_register *reg)
{
    if (!there && !cloud->settings.config_unknown_keys) return WRITE_UNKNOWN_KEY;
    if (rule->type == CONFIG_NONE || reg->deleted) return 0;
    return rule->type == reg->value.type ? 0 : WRITE_TYPE;
}

/* ------------------------------------------------------------------ verbs */

static void reply_rule(struct effects *effects, uint32_t client, const struct config_rule *rule)
{
    struct buf out = cloud_reply_space(effects, 512);
    record_reply_begin(&out, 3);
    record_words(&out, "key", rule->key.text);
    record_words(&out, "writer", cloud_config_writer_words(rule->writer));
    record_words(&out, "type", rule->type == CONFIG_NONE ? "any" : config_type_name(rule->type));
    cloud_reply(effects, client, &out);
}

/* Changes what the request names. False: the client has its answer. */
static bool read_rule(struct cloud *cloud, uint32_t client, struct effects *effects,
                      struct config_rule *rule)
{
    struct bytes text;
    if (verb_argument_find(cloud->request, "writer", &text) &&
        !cloud_config_writer_from(text, &rule->writer)) {
        cloud_reply_end(effects, client, ST_USAGE, "the writer is cloud, node or any");
        return false;
    }
    if (!verb_argument_find(cloud->request, "type", &text)) return true;
    if (bytes_equal(text, BYTES_LITERAL("any"))) {
        rule->type = CONFIG_NONE;
        return true;
    }
    if (config_type_from(text, &rule->type) == ST_OK) return true;
    cloud_reply_end(effects, client, ST_USAGE,
                    "the type is any, bool, int, float, string, bytes or json");
    return false;
}

enum status cloud_verb_config_rule(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    struct config_rule rule;
    struct level_name key;
    struct bytes text;
    bool there;
    if (!cloud_key_argument(cloud, client, effects, &key)) return ST_OK;
    if (verb_argument_find(cloud->request, "remove", &text)) {
        const enum status removed = CONFIGS(cloud, rule_remove, &key);
        if (removed != ST_OK && removed != ST_NOT_FOUND) return removed;
        cloud_reply_end(effects, client, removed,
                        removed == ST_OK ? "the rule for %s is removed" : "%s has no rule",
                        key.text);
        return ST_OK;
    }
    const enum status read = cloud_config_rule(cloud, &key, &rule, &there);
    if (read == ST_TAMPERED) /* a damaged rule is replaced */
        rule = (struct config_rule){.key = key, .writer = CONFIG_WRITER_NODE};
    else if (read != ST_OK)
        return read;
    if (!read_rule(cloud, client, effects, &rule)) return ST_OK;
    TRY(CONFIGS(cloud, rule_put, &rule));
    reply_rule(effects, client, &rule);
    cloud_reply_end(effects, client, ST_OK, "%s", "");
    return ST_OK;
}

enum status cloud_verb_config_rules(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    (void)cloud_config_job_begin(cloud, client, effects, CONFIG_JOB_RULES);
    return ST_OK;
}

enum status cloud_config_rules_slice(struct cloud *cloud, struct cloud_job *job,
                                     struct effects *effects)
{
    for (int i = 0; i < SLICE_ROWS_MAX; i++) {
        struct config_rule rule;
        const enum status found = CONFIGS(cloud, rule_next, &job->config.after.name, &rule);
        if (found == ST_NOT_FOUND) {
            cloud_job_end(effects, job, ST_OK, "%s", "");
            return ST_OK;
        }
        if (found == ST_TAMPERED) {
            cloud_job_end(effects, job, found, "a stored rule is damaged");
            return ST_OK;
        }
        if (found != ST_OK) return found;
        job->config.after.name = rule.key;
        reply_rule(effects, job->client, &rule);
    }
    return ST_OK;
}
