/* config_write.c - the operator's own writes: set, unset, and the way back from a poisoned clock.
 *
 * A write is stamped by the cloud's clock after it took notice of the register it shall beat. When
 * that register, or the clock itself, lies in the future, one write would carry the fault on to
 * everything after it: it is refused, and raise-epoch is the way out. A higher epoch beats every
 * stamp, so the clock may go back to the wall first. */
#include <string.h>

#include "cloud-consumer/config_private.h"
#include "cloud-consumer/report.h"
#include "common/wire/config_text.h"

static const struct config_source operator_source = {.from = {"cloud"}};

/* By more than admitted stamps can take it there, and a restart on top. */
static bool clock_is_ahead(const struct cloud *cloud)
{
    const int64_t lawful_ms = HLC_EPS_MAX_MS + HLC_EPS_MIN_MS + HLC_LIMIT_AHEAD_MS;
    return hlc_ms(cloud->clock.last) > cloud_wall_ms(cloud) + lawful_ms;
}

static enum status join_own(struct cloud *cloud, struct config_entry *entry)
{
    bool won;
    entry->reg.node = operator_source.from;
    TRY(cloud_stamp(cloud, &entry->reg.hlc));
    return cloud_config_join(cloud, entry, &operator_source, &won);
}

static void refuse_future(struct effects *effects, uint32_t client, const struct config_key *key)
{
    cloud_reply_end(effects, client, ST_FUTURE,
                    "the clock, or the time stamp of %s, lies in the future: see config history, "
                    "then config raise-epoch",
                    key->name.text);
}

/* Writes entry->key with the value that entry->reg has. The client has its answer when *done is
 * false. */
static enum status write_value(struct cloud *cloud, uint32_t client, struct effects *effects,
                               struct config_entry *entry, bool *done)
{
    struct config_register current;
    struct config_scope_digest scope;
    *done = false;
    const enum status found = cloud_config_current(cloud, &entry->key, &current);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    if (found == ST_NOT_FOUND && entry->reg.deleted) {
        cloud_reply_end(effects, client, ST_NOT_FOUND, "%s is not set in this scope",
                        entry->key.name.text);
        return ST_OK;
    }
    if (found == ST_NOT_FOUND) {
        TRY(CONFIGS(cloud, scope_get, &entry->key.scope, &scope));
        if (scope.count >= CONFIG_KEYS_MAX) {
            cloud_reply_end(effects, client, ST_FULL, "the scope holds %d keys already",
                            CONFIG_KEYS_MAX);
            return ST_OK;
        }
    }
    if (clock_is_ahead(cloud) ||
        (found == ST_OK && hlc_receive(&cloud->clock, cloud_wall_ms(cloud),
                                       HLC_EPS_MAX_MS + HLC_EPS_MIN_MS, current.hlc) != ST_OK)) {
        refuse_future(effects, client, &entry->key);
        return ST_OK;
    }
    entry->reg.epoch = found == ST_OK ? current.epoch : 0;
    *done = true;
    return join_own(cloud, entry);
}

static enum status finish(struct cloud *cloud, uint32_t client, struct effects *effects,
                          struct config_entry *entry)
{
    bool done = false;
    const enum status status = write_value(cloud, client, effects, entry, &done);
    if (status == ST_TAMPERED) {
        cloud_reply_end(effects, client, status, "the stored register of %s is damaged",
                        entry->key.name.text);
        return ST_OK;
    }
    if (status != ST_OK || !done) return status;
    cloud_reply_register(effects, client, entry);
    cloud_reply_end(effects, client, ST_OK, "%s", "");
    return ST_OK;
}

/* -------------------------------------------------------------------- set */

/* False: the client has its answer. */
static bool read_value(struct cloud *cloud, uint32_t client, struct effects *effects,
                       const struct config_rule *rule, struct config_value *out)
{
    struct bytes text, type;
    char type_name[16] = "", words[DOCUMENT_REASON_SIZE_MAX + 1];
    struct buf reason = buf_of(words, sizeof words - 1);
    struct buf *const content = &cloud->config->content;
    if (!verb_argument_find(cloud->request, "value", &text)) {
        cloud_reply_end(effects, client, ST_USAGE, "the value is missing");
        return false;
    }
    if (!verb_argument_find(cloud->request, "type", &type))
        type =
            rule->type == CONFIG_NONE ? BYTES_EMPTY : bytes_of_text(config_type_name(rule->type));
    if (type.size >= sizeof type_name) type.size = sizeof type_name - 1;
    if (type.size > 0) memcpy(type_name, type.data, type.size);
    content->size = 0;
    content->overflow = false;
    const enum status status =
        config_value_from_text(type.size > 0 ? type_name : NULL, text, content, out, &reason);
    if (status == ST_OK) return true;
    words[reason.size] = '\0';
    cloud_reply_end(effects, client, status, "%s", words);
    return false;
}

enum status cloud_verb_config_set(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    struct config_entry entry = {0};
    struct config_rule rule;
    bool ignored, there;
    if (!cloud_key_argument(cloud, client, effects, &entry.key.name)) return ST_OK;
    if (!cloud_scope_argument(cloud, client, effects, &entry.key.scope, &ignored)) return ST_OK;
    TRY(cloud_config_rule(cloud, &entry.key.name, &rule, &there));
    if (!read_value(cloud, client, effects, &rule, &entry.reg.value)) return ST_OK;
    const int refusal = cloud_config_schema(cloud, &rule, there, &entry.reg);
    if (refusal != 0) {
        cloud_reply_end(effects, client, ST_DENIED, "%s: see config rules",
                        write_refusal_words((enum write_refusal)refusal));
        return ST_OK;
    }
    return finish(cloud, client, effects, &entry);
}

enum status cloud_verb_config_unset(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    struct config_entry entry = {.reg = {.deleted = true}};
    bool ignored;
    if (!cloud_key_argument(cloud, client, effects, &entry.key.name)) return ST_OK;
    if (!cloud_scope_argument(cloud, client, effects, &entry.key.scope, &ignored)) return ST_OK;
    return finish(cloud, client, effects, &entry);
}

/* ------------------------------------------------------------ raise-epoch */

static enum status set_clock_back(struct cloud *cloud)
{
    if (!clock_is_ahead(cloud)) return ST_OK;
    const int64_t wall_ms = cloud_wall_ms(cloud) > 0 ? cloud_wall_ms(cloud) : 0;
    trace_line(&cloud->port->trace, TRACE_ALARM, "the clock goes back by %lld ms to the wall's",
               (long long)(hlc_ms(cloud->clock.last) - wall_ms));
    cloud->clock.last = (uint64_t)wall_ms << 16;
    return STORE(cloud, hlc_limit_save, hlc_raise_limit(&cloud->clock));
}

/* The same value under the next epoch. entry's content lives in config->stored, which the join
 * reads into: it moves over. */
static enum status raise_one(struct cloud *cloud, struct config_entry *entry)
{
    struct buf *const content = &cloud->config->content;
    content->size = 0;
    content->overflow = false;
    buf_put(content, entry->reg.value.content);
    entry->reg.value.content = buf_bytes(content);
    entry->reg.epoch++;
    return join_own(cloud, entry);
}

static enum status raise_named(struct cloud *cloud, uint32_t client, struct effects *effects,
                               const struct config_scope *scope)
{
    struct config_entry entry = {.key.scope = *scope};
    if (!cloud_key_argument(cloud, client, effects, &entry.key.name)) return ST_OK;
    const enum status found = cloud_config_current(cloud, &entry.key, &entry.reg);
    if (found == ST_NOT_FOUND) {
        cloud_reply_end(effects, client, found, "%s was never set in this scope",
                        entry.key.name.text);
        return ST_OK;
    }
    if (found == ST_TAMPERED || (found == ST_OK && entry.reg.epoch == UINT32_MAX)) {
        cloud_reply_end(effects, client, found == ST_OK ? ST_FULL : found,
                        "the register of %s is damaged, or at its last epoch", entry.key.name.text);
        return ST_OK;
    }
    if (found != ST_OK) return found;
    TRY(raise_one(cloud, &entry));
    cloud_reply_register(effects, client, &entry);
    cloud_reply_end(effects, client, ST_OK, "%s", "");
    return ST_OK;
}

enum status cloud_verb_config_raise(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    struct config_scope scope;
    struct bytes key;
    bool has_scope;
    if (!cloud_scope_argument(cloud, client, effects, &scope, &has_scope)) return ST_OK;
    TRY(set_clock_back(cloud));
    if (verb_argument_find(cloud->request, "key", &key))
        return raise_named(cloud, client, effects, &scope);
    struct config_job *const job = cloud_config_job_begin(cloud, client, effects, CONFIG_JOB_RAISE);
    if (job == NULL) return ST_OK;
    job->has_scope = has_scope;
    job->scope = scope;
    job->after.scope = scope;
    return ST_OK;
}

static void end_raise(struct effects *effects, struct cloud_job *job)
{
    cloud_job_end(effects, job, ST_OK, "%llu registers were raised to a new epoch",
                  (unsigned long long)job->config.done);
}

enum status cloud_config_raise_slice(struct cloud *cloud, struct cloud_job *job,
                                     struct effects *effects)
{
    struct config_job *const raise = &job->config;
    const int64_t future_ms = cloud_wall_ms(cloud) + HLC_EPS_MIN_MS;
    size_t bytes = 0;
    for (int i = 0; i < SLICE_ROWS_MAX && bytes < SLICE_BYTES_MAX; i++) {
        struct config_entry entry;
        int64_t id;
        const enum status found =
            CONFIGS(cloud, register_next, &raise->after, &cloud->config->stored, &id, &entry);
        const bool past = found == ST_OK && raise->has_scope &&
                          config_scope_compare(&entry.key.scope, &raise->scope) != 0;
        if (found == ST_NOT_FOUND || past) {
            end_raise(effects, job);
            return ST_OK;
        }
        if (found == ST_TAMPERED) {
            cloud_job_end(effects, job, found, "a stored register is damaged");
            return ST_OK;
        }
        if (found != ST_OK) return found;
        raise->after = entry.key;
        if (hlc_ms(entry.reg.hlc) <= future_ms || entry.reg.epoch == UINT32_MAX) continue;
        TRY(raise_one(cloud, &entry));
        raise->done++;
        bytes += cloud_reply_register(effects, job->client, &entry);
    }
    return ST_OK;
}
