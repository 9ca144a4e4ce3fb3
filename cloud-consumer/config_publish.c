/* config_publish.c - registers on their retained topics: all of them when the broker may have lost
 * them or us, then what changes, and what an edge says it lacks. */
#include "cloud-consumer/config_private.h"

static struct published_at *published_slot(struct cloud *cloud, int64_t id)
{
    return &cloud->config->published[(uint64_t)id % PUBLISHED_SLOTS];
}

/* Everybody who asks for it in this moment is answered by the same message. */
static bool just_published(struct cloud *cloud, int64_t id)
{
    const struct published_at *const slot = published_slot(cloud, id);
    const uint64_t interval_ns = (uint64_t)PUBLISH_INTERVAL_MS * 1000000;
    return slot->id == id && cloud->now.mono_ns - slot->mono_ns < interval_ns;
}

void cloud_config_unsure(struct cloud *cloud, const struct effects *effects, int64_t id)
{
    struct cloud_config *const config = cloud->config;
    /* Forgetting one is made good by the edges, which compare digests. */
    if (config->unsure_count == UNSURE_MAX) return;
    config->unsure[config->unsure_count++] =
        (struct unsure){.token = effects->items[effects->count - 1].token, .id = id};
}

void cloud_config_sent(struct cloud *cloud, uint32_t token, bool arrived)
{
    struct cloud_config *const config = cloud->config;
    for (size_t i = 0; i < config->unsure_count; i++) {
        struct unsure *const unsure = &config->unsure[i];
        if (unsure->token != token || unsure->again_mono_ns != 0) continue;
        if (arrived)
            *unsure = config->unsure[--config->unsure_count];
        else
            unsure->again_mono_ns = cloud->now.mono_ns + (uint64_t)PUBLISH_INTERVAL_MS * 1000000;
        return;
    }
}

/* Puts what did not arrive on the list again. */
static enum status retry(struct cloud *cloud)
{
    struct cloud_config *const config = cloud->config;
    for (size_t i = config->unsure_count; i > 0; i--) {
        const struct unsure unsure = config->unsure[i - 1];
        if (unsure.again_mono_ns == 0 || unsure.again_mono_ns > cloud->now.mono_ns) continue;
        config->unsure[i - 1] = config->unsure[--config->unsure_count];
        if (unsure.id == 0) {
            cloud_roster_due(cloud);
            continue;
        }
        TRY(CONFIGS(cloud, due_add, unsure.id, false));
        config->registers_due = true;
    }
    return ST_OK;
}

void cloud_config_link_up(struct cloud *cloud, bool session_present)
{
    struct cloud_config *const config = cloud->config;
    for (size_t i = 0; i < config->unsure_count; i++)
        config->unsure[i].again_mono_ns = cloud->now.mono_ns;
    config->roster_mono_ns = 0;
    if (session_present) return;
    config->all_due = true;
    cloud_roster_due(cloud);
}

static enum status publish_one(struct cloud *cloud, struct effects *effects, int64_t id)
{
    struct config_entry entry;
    struct topic_text topic;
    char scope[CONFIG_SCOPE_TEXT_SIZE];
    TRY(CONFIGS(cloud, due_drop, id));
    const enum status found = CONFIGS(cloud, register_at, id, &cloud->config->stored, &entry);
    if (found == ST_NOT_FOUND) return ST_OK;
    if (found == ST_TAMPERED) {
        trace_line(&cloud->port->trace, TRACE_ALARM, "stored config register %lld is damaged",
                   (long long)id);
        return ST_OK;
    }
    if (found != ST_OK) return found;
    config_scope_text(&entry.key.scope, scope);
    TRY(topic_build_scoped(cloud->topic_root, TOPIC_CONFIG, scope, entry.key.name.text, &topic));
    cloud->body.size = 0;
    cloud->body.overflow = false;
    config_msg_pack(&entry, &cloud->body);
    *published_slot(cloud, id) = (struct published_at){id, cloud->now.mono_ns};
    TRY(cloud_publish_on(cloud, effects, &topic, true, FRAME_CONFIG));
    cloud_config_unsure(cloud, effects, id);
    return ST_OK;
}

static bool can_publish(const struct cloud *cloud)
{
    return cloud->session.state == SESSION_ONLINE && cloud_session_has_window(cloud);
}

/* What nodes give back they all hold already, and they do not report it again: once the last of it
 * has come, what they reported is compared with what there is now. */
static enum status judge_reports(struct cloud *cloud)
{
    struct cloud_config *const config = cloud->config;
    struct node_row node = {0};
    enum status found;
    if (config->judge_mono_ns == 0 || cloud->now.mono_ns < config->judge_mono_ns) return ST_OK;
    config->judge_mono_ns = 0;
    while ((found = STORE(cloud, node_next, node.id, &node)) == ST_OK)
        TRY(cloud_sync_judge_report(cloud, &node));
    return found == ST_NOT_FOUND || found == ST_TAMPERED ? ST_OK : found;
}

enum status cloud_config_fill(struct cloud *cloud, struct effects *effects)
{
    struct cloud_config *const config = cloud->config;
    if (cloud->session.state != SESSION_ONLINE) return ST_OK;
    TRY(retry(cloud));
    if (config->all_due) {
        TRY(cloud->store->configs->due_all(cloud->store));
        config->all_due = false;
        config->registers_due = true;
    }
    TRY(cloud_roster_fill(cloud, effects));
    TRY(judge_reports(cloud));
    while (config->registers_due && can_publish(cloud) && effects_has_room(effects)) {
        int64_t id;
        const enum status found = CONFIGS(cloud, due_first, &id);
        if (found == ST_NOT_FOUND) config->registers_due = false;
        if (found == ST_NOT_FOUND) break;
        if (found != ST_OK) return found;
        TRY(publish_one(cloud, effects, id));
    }
    return ST_OK;
}

uint64_t cloud_config_wakeup(const struct cloud *cloud)
{
    const struct cloud_config *const config = cloud->config;
    if (!can_publish(cloud)) return UINT64_MAX;
    if (config->all_due || config->registers_due) return 0;
    uint64_t wakeup_ns = config->judge_mono_ns != 0 ? config->judge_mono_ns : UINT64_MAX;
    if (config->roster_due && config->roster_mono_ns == 0) return 0;
    const uint64_t roster_ns = config->roster_mono_ns + (uint64_t)PUBLISH_INTERVAL_MS * 1000000;
    if (config->roster_due && roster_ns < wakeup_ns) wakeup_ns = roster_ns;
    for (size_t i = 0; i < config->unsure_count; i++) {
        const uint64_t again_ns = config->unsure[i].again_mono_ns;
        if (again_ns != 0 && again_ns < wakeup_ns) wakeup_ns = again_ns;
    }
    return wakeup_ns;
}

/* ----------------------------------------------------------------- repair */

static bool nonce_is_current(const struct node_row *node, const struct nonce *nonce)
{
    return node->has_nonce && nonce_equal(&node->nonce, nonce);
}

static enum status scope_holds(struct cloud *cloud, const struct node_row *node,
                               const struct config_scope *scope, bool *out)
{
    struct level_name groups[NODE_GROUPS_MAX];
    size_t count;
    TRY(cloud_node_groups(cloud, node->id, groups, &count));
    *out = cloud_config_holds(node, scope, groups, count);
    return ST_OK;
}

static int name_order(const struct level_name *a, const struct level_name *b)
{
    return bytes_compare(bytes_of_text(a->text), bytes_of_text(b->text));
}

/* Both lists ascend: one walk finds what is missing there, or different. */
static enum status compare_have(struct cloud *cloud, const struct config_have *have)
{
    struct level_name at = have->after, key;
    struct config_digest hash;
    size_t next = 0;
    int64_t id;
    for (;;) {
        const enum status found =
            CONFIGS(cloud, register_peek, &have->scope, &at, &id, &key, &hash);
        if (found == ST_NOT_FOUND) return ST_OK;
        if (found != ST_OK) return found;
        while (next < have->count && name_order(&have->items[next].key, &key) < 0)
            next++;
        if (next == have->count && !have->last) return ST_OK;
        at = key;
        const bool same = next < have->count && name_order(&have->items[next].key, &key) == 0 &&
                          config_digest_equal(&have->items[next].hash, &hash);
        if (same || just_published(cloud, id)) continue;
        TRY(CONFIGS(cloud, due_add, id, false));
        cloud->config->registers_due = true;
    }
}

enum status cloud_config_have(struct cloud *cloud, const struct node_row *node, struct bytes body)
{
    struct config_have *const have = cloud->config->have;
    bool holds = false;
    TRY(config_have_decode(cloud->unpacker, body, have));
    if (!nonce_is_current(node, &have->nonce)) return ST_OK;
    TRY(scope_holds(cloud, node, &have->scope, &holds));
    return holds ? compare_have(cloud, have) : ST_OK;
}

/* The register of a frame that the cloud itself signed, for the topic that its key has. */
static bool read_held(struct cloud *cloud, struct bytes frame, struct config_entry *out)
{
    struct envelope envelope;
    struct topic_text topic;
    struct bytes body;
    char scope[CONFIG_SCOPE_TEXT_SIZE];
    if (envelope_read(cloud->unpacker, frame, &envelope) != ST_OK) return false;
    if (envelope.kind != FRAME_CONFIG) return false;
    cloud->encoded.size = 0;
    cloud->encoded.overflow = false;
    if (envelope_body(&envelope, cloud->compressor, &cloud->encoded, &body) != ST_OK) return false;
    if (config_msg_decode(cloud->unpacker, body, out) != ST_OK) return false;
    config_scope_text(&out->key.scope, scope);
    if (topic_build_scoped(cloud->topic_root, TOPIC_CONFIG, scope, out->key.name.text, &topic) !=
        ST_OK)
        return false;
    return envelope_verify(&envelope, &cloud->public_key, topic_text_below_root(&topic),
                           cloud->hasher) == ST_OK;
}

enum status cloud_config_held(struct cloud *cloud, const struct node_row *node, struct bytes body)
{
    struct config_held held;
    struct config_entry entry;
    const struct config_source source = {.from = node->name};
    uint64_t regained;
    bool won = false;
    TRY(config_held_decode(cloud->unpacker, body, &held));
    if (!nonce_is_current(node, &held.nonce)) return ST_OK;
    if (!read_held(cloud, held.frame, &entry)) {
        cloud_refuse(cloud, REFUSAL_HELD_CONFIG);
        return ST_OK;
    }
    TRY(cloud_config_join(cloud, &entry, &source, &won));
    if (!won) return ST_OK;
    trace_line(&cloud->port->trace, TRACE_WARNING, "%s gave back config %s, which was forgotten",
               node->name.text, entry.key.name.text);
    cloud->config->judge_mono_ns = cloud->now.mono_ns + (uint64_t)JUDGE_AFTER_MS * 1000000;
    TRY(CONFIGS(cloud, number_get, CONFIG_NUMBER_REGAINED, &regained));
    return CONFIGS(cloud, number_set, CONFIG_NUMBER_REGAINED, regained + 1);
}
