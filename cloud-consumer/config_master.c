/* config_master.c - memory of the config master, the join of one register, and what holds for a
 * node. */
#include "cloud-consumer/config_master.h"

#include <stdlib.h>
#include <string.h>

#include "cloud-consumer/config_private.h"

static bool memory_open(struct buf *buf, size_t size)
{
    *buf = buf_of(malloc(size), size);
    return buf->data != NULL;
}

enum status cloud_config_open(struct cloud *cloud)
{
    struct cloud_config *const config = calloc(1, sizeof *config);
    cloud->config = config;
    if (config == NULL) return ST_NO_MEMORY;
    config->writes = malloc(sizeof *config->writes);
    config->have = malloc(sizeof *config->have);
    config->roster = calloc(1, sizeof *config->roster);
    if (config->writes == NULL || config->have == NULL || config->roster == NULL)
        return ST_NO_MEMORY;
    if (!memory_open(&config->stored, CONFIG_BYTES_MAX) ||
        !memory_open(&config->encoded, CONFIG_BYTES_MAX) ||
        !memory_open(&config->content, CONFIG_VALUE_SIZE_MAX))
        return ST_NO_MEMORY;
    /* What an earlier process had in flight may be lost, whatever the broker says of its session.
     */
    config->all_due = true;
    config->roster_due = true;
    return CONFIGS(cloud, number_get, CONFIG_NUMBER_ROSTER, &config->roster_version);
}

void cloud_config_close(struct cloud *cloud)
{
    struct cloud_config *const config = cloud->config;
    if (config == NULL) return;
    free(config->writes);
    free(config->have);
    free(config->roster);
    free(config->stored.data);
    free(config->encoded.data);
    free(config->content.data);
    free(config);
    cloud->config = NULL;
}

struct config_scope cloud_scope_of(enum config_scope_kind kind, const char *name)
{
    struct config_scope scope = {.kind = kind};
    struct buf text = buf_of(scope.name.text, LEVEL_NAME_SIZE_MAX);
    buf_put_text(&text, name);
    INVARIANT(buf_ok(&text));
    return scope;
}

enum status cloud_config_summary(struct cloud *cloud, const struct node_row *node,
                                 struct config_summary *out)
{
    struct level_name groups[NODE_GROUPS_MAX];
    size_t count;
    TRY(cloud_node_groups(cloud, node->id, groups, &count));
    const struct config_scope fleet = {.kind = CONFIG_SCOPE_FLEET};
    const struct config_scope self = cloud_scope_of(CONFIG_SCOPE_NODE, node->name.text);
    out->count = 0;
    TRY(CONFIGS(cloud, scope_get, &fleet, &out->scopes[out->count++]));
    for (size_t i = 0; i < count; i++) {
        const struct config_scope group = cloud_scope_of(CONFIG_SCOPE_GROUP, groups[i].text);
        TRY(CONFIGS(cloud, scope_get, &group, &out->scopes[out->count++]));
    }
    return CONFIGS(cloud, scope_get, &self, &out->scopes[out->count++]);
}

bool cloud_config_holds(const struct node_row *node, const struct config_scope *scope,
                        const struct level_name *groups, size_t group_count)
{
    switch (scope->kind) {
    case CONFIG_SCOPE_FLEET:
        return true;
    case CONFIG_SCOPE_NODE:
        return strcmp(scope->name.text, node->name.text) == 0;
    case CONFIG_SCOPE_GROUP:
        for (size_t i = 0; i < group_count; i++) {
            if (strcmp(scope->name.text, groups[i].text) == 0) return true;
        }
        return false;
    case CONFIG_SCOPE_KIND_COUNT:
        break;
    }
    return false;
}

enum status cloud_config_current(struct cloud *cloud, const struct config_key *key,
                                 struct config_register *out)
{
    return CONFIGS(cloud, register_get, key, &cloud->config->stored, out);
}

/* The canonical bytes are in config->encoded then. */
static struct config_digest encode(struct cloud *cloud, const struct config_entry *entry)
{
    struct buf *const encoded = &cloud->config->encoded;
    encoded->size = 0;
    encoded->overflow = false;
    config_encode(&entry->key, &entry->reg, encoded);
    INVARIANT(buf_ok(encoded));
    return config_hash(cloud->hasher, buf_bytes(encoded));
}

enum status cloud_config_join(struct cloud *cloud, const struct config_entry *entry,
                              const struct config_source *source, bool *won)
{
    struct config_register current;
    int64_t id;
    *won = false;
    const enum status found = cloud_config_current(cloud, &entry->key, &current);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    const int order = found == ST_OK ? config_compare(&entry->reg, &current) : 1;
    if (order == 0) return ST_OK;
    *won = order > 0;
    const struct config_history_row row = {
        .entry = {.key = entry->key},
        .from = source->from,
        .operation = source->operation,
        .at_ms = cloud_wall_ms(cloud),
        .outcome = *won ? CONFIG_WON : CONFIG_LOST,
    };
    const struct config_digest hash = encode(cloud, entry);
    const struct bytes encoded = buf_bytes(&cloud->config->encoded);
    TRY(CONFIGS(cloud, history_add, &row, encoded));
    if (!*won) return ST_OK;
    TRY(CONFIGS(cloud, register_put, entry, encoded, &hash, &id));
    TRY(CONFIGS(cloud, scope_differs, &entry->key.scope));
    cloud->config->registers_due = true;
    return CONFIGS(cloud, due_add, id, true);
}
