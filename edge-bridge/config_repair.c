/* config_repair.c - finds out what the cloud and this edge hold differently: keys are listed, and
 * the cloud's own frames are given back to a cloud that lost them; see config_edge.h. */
#include <string.h>

#include "edge-bridge/edge_state.h"

enum {
    HAVE_HEAD_BYTES = 160, /* of a list without its items */
    HAVE_ITEM_BYTES = 24,  /* of an item beyond its name */
};

void config_repair_hold(struct edge *edge, const struct config_key *key)
{
    struct config_edge *config = &edge->config;
    for (size_t i = 0; i < config->held_count; i++)
        if (config_key_equal(&config->held[i], key)) return;
    /* When there is no room the next comparison finds it again. */
    if (config->held_count < CONFIG_HELD_MAX) config->held[config->held_count++] = *key;
}

static enum status send_frame(struct edge *edge, struct effects *effects, struct bytes frame)
{
    const struct config_held held = {.nonce = edge->session.nonce, .frame = frame};
    struct buf body = buf_of(edge->body_scratch, BODY_SIZE_MAX);
    config_held_encode(&held, &body);
    if (!buf_ok(&body)) return ST_TOO_LARGE;
    return outbox_send_lane(edge, effects, FLIGHT_NOTE, TOPIC_SYNC_UP, FRAME_CONFIG_HELD,
                            buf_bytes(&body), 0, 0);
}

static enum status send_held(struct edge *edge, struct effects *effects, bool *sent)
{
    struct config_edge *config = &edge->config;
    while (config->held_count > 0) {
        const struct config_key key = config->held[--config->held_count];
        const enum status found = config_store_frame(edge, &key, &config->memory);
        if (found == ST_NOT_FOUND) continue;
        TRY(found);
        *sent = true;
        return send_frame(edge, effects, buf_bytes(&config->memory));
    }
    return ST_OK;
}

/* ---- Comparing ------------------------------------------------------------------------------- */

static const struct config_scope_digest *told_of(const struct edge *edge,
                                                 const struct config_scope *scope)
{
    const struct config_summary *told = &edge->config.told;
    for (size_t i = 0; i < told->count; i++)
        if (config_scope_compare(&told->scopes[i].scope, scope) == 0) return &told->scopes[i];
    return NULL;
}

/* How the scope stands against what the cloud told; one that it does not name it holds nothing
 * of. */
static enum status compare(struct edge *edge, size_t index, bool *differs, bool *cloud_has_less)
{
    const struct config_scope scope = config_scope_at(edge, index);
    const struct config_scope_digest *told = told_of(edge, &scope);
    struct config_scope_digest ours;
    TRY(config_store_digest(edge, &scope, &ours));
    const uint64_t count = told != NULL ? told->count : 0;
    *differs = told != NULL
                   ? count != ours.count || !config_digest_equal(&told->digest, &ours.digest)
                   : ours.count > 0;
    *cloud_has_less = *differs && (count < ours.count || edge->config.store_is_new);
    return ST_OK;
}

/* To the next scope that differs, from `index` on. */
static enum status list_from(struct edge *edge, size_t index)
{
    struct config_listing *listing = &edge->config.listing;
    *listing = (struct config_listing){.scope = index};
    for (; listing->scope < config_scope_count(edge); listing->scope++) {
        bool differs, cloud_has_less;
        TRY(compare(edge, listing->scope, &differs, &cloud_has_less));
        if (differs) return ST_OK;
    }
    edge->config.store_is_new = false;
    return ST_OK;
}

static uint64_t compare_due_ns(const struct edge *edge)
{
    if (!edge->config.compare_due) return UINT64_MAX;
    return edge->config.heard_mono_ns + (uint64_t)CONFIG_QUIET_MS * 1000000;
}

/* ---- Listing --------------------------------------------------------------------------------- */

static enum status collect_keys(struct edge *edge, const struct config_scope *scope)
{
    struct config_edge *config = &edge->config;
    struct config_have *have = config->have;
    const size_t size_max = outbox_frame_bytes(edge);
    size_t size = HAVE_HEAD_BYTES;
    *have = (struct config_have){
        .nonce = edge->session.nonce,
        .scope = *scope,
        .after = config->listing.after,
    };
    while (have->count < CONFIG_HAVE_MAX && (have->count == 0 || size < size_max)) {
        struct config_entry entry;
        struct config_have_item *item = &have->items[have->count];
        const enum status more = config_store_next(edge, scope, &config->listing.after, false, NULL,
                                                   &entry, &item->hash);
        have->last = more == ST_NOT_FOUND;
        if (have->last) return ST_OK;
        TRY(more);
        item->key = entry.key.name;
        config->listing.after = entry.key.name;
        size += HAVE_ITEM_BYTES + strlen(item->key.text);
        have->count++;
    }
    return ST_OK;
}

static enum status send_keys(struct edge *edge, struct effects *effects,
                             const struct config_scope *scope)
{
    struct config_edge *config = &edge->config;
    struct config_listing *listing = &config->listing;
    TRY(collect_keys(edge, scope));
    struct buf body = buf_of(edge->body_scratch, BODY_SIZE_MAX);
    config_have_encode(config->have, &body);
    if (!buf_ok(&body)) return ST_TOO_LARGE;
    config->repairing = true;
    if (config->have->last) {
        bool differs, cloud_has_less;
        TRY(compare(edge, listing->scope, &differs, &cloud_has_less));
        listing->after = (struct level_name){0};
        listing->giving_back = cloud_has_less;
        if (!cloud_has_less) TRY(list_from(edge, listing->scope + 1));
    }
    return outbox_send_lane(edge, effects, FLIGHT_NOTE, TOPIC_SYNC_UP, FRAME_CONFIG_HAVE,
                            buf_bytes(&body), 0, 0);
}

/* All frames of the scope, one after the other: the cloud drops those that it holds. */
static enum status give_back(struct edge *edge, struct effects *effects,
                             const struct config_scope *scope, bool *sent)
{
    struct config_edge *config = &edge->config;
    struct config_listing *listing = &config->listing;
    struct config_entry entry;
    const enum status more =
        config_store_next(edge, scope, &listing->after, true, &config->memory, &entry, NULL);
    if (more == ST_NOT_FOUND) return list_from(edge, listing->scope + 1);
    TRY(more);
    listing->after = entry.key.name;
    TRY(config_store_frame(edge, &entry.key, &config->memory));
    *sent = true;
    return send_frame(edge, effects, buf_bytes(&config->memory));
}

enum status config_repair_next(struct edge *edge, struct effects *effects, bool *sent)
{
    struct config_edge *config = &edge->config;
    struct config_listing *listing = &config->listing;
    TRY(send_held(edge, effects, sent));
    if (*sent) return ST_OK;
    if (edge->now.mono_ns >= compare_due_ns(edge)) {
        config->compare_due = false;
        TRY(list_from(edge, 0));
    }
    while (!*sent && listing->scope < config_scope_count(edge)) {
        const struct config_scope scope = config_scope_at(edge, listing->scope);
        if (listing->giving_back) {
            TRY(give_back(edge, effects, &scope, sent));
            continue;
        }
        *sent = true;
        TRY(send_keys(edge, effects, &scope));
    }
    return ST_OK;
}

bool config_repair_ready(const struct edge *edge)
{
    return edge->config.held_count > 0 || edge->config.listing.scope < config_scope_count(edge) ||
           edge->now.mono_ns >= compare_due_ns(edge);
}

uint64_t config_repair_wakeup(const struct edge *edge)
{
    return compare_due_ns(edge);
}
