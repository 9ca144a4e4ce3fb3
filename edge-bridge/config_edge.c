/* config_edge.c - what the cloud publishes of config, and for which scopes; see config_edge.h. */
#include "edge-bridge/config_edge.h"

#include <stdlib.h>
#include <string.h>

#include "edge-bridge/edge_state.h"
#include "edge-bridge/schema.h"

_Static_assert((int)FRAME_SIZE_MAX >= (int)CONFIG_BYTES_MAX, "memory holds frames and registers");

/* ---- Scopes ---------------------------------------------------------------------------------- */

size_t config_scope_count(const struct edge *edge)
{
    return edge->config.group_count + 2;
}

struct config_scope config_scope_at(const struct edge *edge, size_t index)
{
    const struct config_edge *config = &edge->config;
    INVARIANT(index < config_scope_count(edge));
    struct config_scope scope = {.kind = CONFIG_SCOPE_FLEET};
    if (index == 0) return scope;
    if (index <= config->group_count) {
        scope.kind = CONFIG_SCOPE_GROUP;
        scope.name = config->groups[index - 1];
        return scope;
    }
    scope.kind = CONFIG_SCOPE_NODE;
    memcpy(scope.name.text, edge->node.text, strlen(edge->node.text));
    return scope;
}

bool config_scope_holds(const struct edge *edge, const struct config_scope *scope)
{
    for (size_t i = 0; i < config_scope_count(edge); i++) {
        const struct config_scope ours = config_scope_at(edge, i);
        if (config_scope_compare(&ours, scope) == 0) return true;
    }
    return false;
}

static enum status watch_scopes(struct edge *edge)
{
    struct config_scope scopes[CONFIG_SCOPES_MAX];
    const size_t count = config_scope_count(edge);
    for (size_t i = 0; i < count; i++)
        scopes[i] = config_scope_at(edge, i);
    return config_store_watch(edge, scopes, count);
}

/* ---- Groups at rest -------------------------------------------------------------------------- */

static enum status save_groups(struct edge *edge)
{
    const struct config_edge *config = &edge->config;
    struct level_name names[NODE_GROUPS_MAX] = {0};
    for (size_t i = 0; i < config->group_count; i++)
        names[i] = config->groups[i];
    TRY(edge_meta_set_bytes(edge, META_GROUPS, bytes_of(names, sizeof(names))));
    return edge_meta_set_u64(edge, META_ROSTER_VERSION, config->roster_version);
}

static enum status load_groups(struct edge *edge)
{
    struct config_edge *config = &edge->config;
    struct level_name names[NODE_GROUPS_MAX];
    enum status found = edge_meta_get_u64(edge, META_ROSTER_VERSION, &config->roster_version);
    if (found == ST_OK) found = edge_meta_get_fixed(edge, META_GROUPS, names, sizeof(names));
    if (found == ST_NOT_FOUND) return ST_OK;
    if (found != ST_OK) return found;
    for (size_t i = 0; i < NODE_GROUPS_MAX && names[i].text[0] != '\0'; i++) {
        const struct bytes name =
            bytes_of(names[i].text, strnlen(names[i].text, LEVEL_NAME_SIZE_MAX));
        if (level_name_from(name, &config->groups[i]) != ST_OK) return ST_CORRUPT;
        config->group_count = i + 1;
    }
    return ST_OK;
}

enum status config_edge_open(struct edge *edge)
{
    struct config_edge *config = &edge->config;
    memset(config, 0, sizeof(*config));
    config->memory = buf_of(malloc(FRAME_SIZE_MAX), FRAME_SIZE_MAX);
    config->memory_two = buf_of(malloc(FRAME_SIZE_MAX), FRAME_SIZE_MAX);
    config->packed = malloc(BODY_SIZE_MAX);
    config->have = malloc(sizeof(*config->have));
    config->roster = calloc(1, sizeof(*config->roster));
    if (config->memory.data == NULL || config->memory_two.data == NULL || config->packed == NULL ||
        config->have == NULL || config->roster == NULL)
        return ST_NO_MEMORY;
    TRY(load_groups(edge));
    config->listing.scope = config_scope_count(edge);
    return watch_scopes(edge);
}

void config_edge_close(struct edge *edge)
{
    struct config_edge *config = &edge->config;
    free(config->memory.data);
    free(config->memory_two.data);
    free(config->packed);
    free(config->have);
    free(config->roster);
    memset(config, 0, sizeof(*config));
}

/* ---- Registers ------------------------------------------------------------------------------- */

/* Decoded, for this topic, and within the bounds of time. */
static bool acceptable(struct edge *edge, struct bytes topic_scope, struct bytes topic_key,
                       struct bytes body, struct config_entry *entry)
{
    struct config_scope scope;
    if (config_msg_decode(edge->unpacker, body, entry) != ST_OK ||
        config_scope_from(topic_scope, &scope) != ST_OK ||
        config_scope_compare(&scope, &entry->key.scope) != 0 ||
        !bytes_equal(topic_key, bytes_of_text(entry->key.name.text))) {
        edge->counters.frames_forged++;
        return false;
    }
    /* A group that this node is no longer in: the subscription outlives the membership. */
    if (!config_scope_holds(edge, &scope)) return false;
    if (clock_receive(edge, entry->reg.hlc) == ST_OK) return true;
    trace_line(&edge->port->trace, TRACE_WARNING,
               "config %s from the cloud is stamped in the future: it is not taken",
               entry->key.name.text);
    return false;
}

enum status config_merge(struct edge *edge, struct bytes topic_scope, struct bytes topic_key,
                         struct bytes body, struct bytes frame, struct effects *effects)
{
    struct config_edge *config = &edge->config;
    struct config_entry entry;
    struct config_register held;
    bool framed = false;
    config->heard_mono_ns = edge->now.mono_ns;
    if (!acceptable(edge, topic_scope, topic_key, body, &entry)) {
        config->ignored++;
        return ST_OK;
    }
    const enum status found = config_store_get(edge, &entry.key, &config->memory, &held, &framed);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    const int order = found == ST_OK ? config_compare(&entry.reg, &held) : 1;
    if (order == 0 && framed) return ST_OK;
    /* What the cloud never published is only a write that it was understood to admit: when it
     * publishes less in answer to our list of keys, it holds less. */
    if (order < 0 && (framed || !config->repairing)) {
        if (framed) config_repair_hold(edge, &entry.key);
        return ST_OK;
    }
    TRY(config_store_put(edge, &entry.key, &entry.reg, frame));
    if (order == 0) return ST_OK;
    edge->counters.configs_moved++;
    state_changed(edge);
    return config_local_changed(edge, &entry.key.name, effects);
}

enum status config_told(struct edge *edge, const struct config_summary *told,
                        uint64_t roster_version)
{
    struct config_edge *config = &edge->config;
    config->told = *told;
    config->compare_due = true;
    config->heard_mono_ns = edge->now.mono_ns;
    if (roster_version > config->roster_version)
        trace_line(&edge->port->trace, TRACE_DEBUG, "roster %llu is on its way",
                   (unsigned long long)roster_version);
    /* What was refused for its stamp and not stamped anew by a healing clock: now the time is
     * known as well as it can be. */
    return edge->config_store.future > 0 ? config_restamp(edge, UINT64_MAX) : ST_OK;
}

enum status config_summary_of(struct edge *edge, struct config_summary *out)
{
    out->count = config_scope_count(edge);
    for (size_t i = 0; i < out->count; i++) {
        const struct config_scope scope = config_scope_at(edge, i);
        TRY(config_store_digest(edge, &scope, &out->scopes[i]));
    }
    return ST_OK;
}

/* ---- Roster ---------------------------------------------------------------------------------- */

/* Takes over the groups of our row; false: they are the same as before. */
static bool take_groups(struct edge *edge, const struct roster *roster)
{
    struct config_edge *config = &edge->config;
    const struct roster_node *self = roster_find(roster, &edge->node);
    const size_t count = self != NULL ? self->group_count : 0;
    bool same = count == config->group_count;
    for (size_t i = 0; i < count; i++) {
        const struct level_name *name = &roster->groups[self->groups[i]];
        same = same && strcmp(name->text, config->groups[i].text) == 0;
        config->groups[i] = *name;
    }
    config->group_count = count;
    return !same;
}

enum status config_roster(struct edge *edge, struct bytes body, struct effects *effects)
{
    struct config_edge *config = &edge->config;
    if (roster_msg_decode(edge->unpacker, body, config->roster) != ST_OK) {
        config->roster->version = 0;
        edge->counters.frames_forged++;
        return ST_OK;
    }
    /* A retained one may be a replay. */
    if (config->roster->version <= config->roster_version) return ST_OK;
    config->roster_version = config->roster->version;
    const bool changed = take_groups(edge, config->roster);
    TRY(save_groups(edge));
    state_changed(edge);
    if (!changed) return ST_OK;
    trace_line(&edge->port->trace, TRACE_INFO, "this node is in %zu groups now",
               config->group_count);
    config->listing.scope = config_scope_count(edge);
    TRY(watch_scopes(edge));
    config_local_sweep(edge);
    return session_online(edge, LINK_CLOUD) ? config_subscribe(edge, effects) : ST_OK;
}

enum status config_subscribe(struct edge *edge, struct effects *effects)
{
    for (size_t i = 0; i < config_scope_count(edge); i++) {
        const struct config_scope scope = config_scope_at(edge, i);
        char scope_text[CONFIG_SCOPE_TEXT_SIZE];
        struct topic_text text;
        config_scope_text(&scope, scope_text);
        TRY(topic_build_scoped(edge->root, TOPIC_CONFIG, scope_text, "+", &text));
        struct effect *effect = effects_add(effects, EFFECT_SUBSCRIBE);
        effect->link = LINK_CLOUD;
        effect->topic = effects_copy(effects, topic_text_bytes(&text));
    }
    return ST_OK;
}
