/* config_admit.c - a node's config writes, judged one by one in the order of their numbers.
 *
 * Each number is judged once: what was refused for its time must not be admitted as a duplicate
 * when that time has come, because the node has stamped the write anew by then, under another
 * number. From the first write with a stamp in the future on, the rest of the frame is refused for
 * the same reason: it was made by the same clock, and admitting it would change the order. */
#include "cloud-consumer/config_private.h"

struct judge {
    const struct node_row *node;
    struct node_sync sync;
    uint32_t incarnation;
    uint64_t judged; /* under this incarnation */
    size_t group_count;
    struct level_name groups[NODE_GROUPS_MAX];
    uint64_t future_from, future_to; /* 0: none */
    uint64_t denied_from, denied_to;
    enum write_refusal denied; /* the last reason */
};

static enum status refuse(struct cloud *cloud, struct judge *judge, uint64_t from, uint64_t to,
                          enum write_refusal reason)
{
    const struct ack_refusal range = {from, to, reason};
    if (reason == WRITE_FUTURE) {
        if (judge->future_from == 0) judge->future_from = from;
        judge->future_to = to;
    } else {
        if (judge->denied_from == 0) judge->denied_from = from;
        judge->denied_to = to;
        judge->denied = reason;
    }
    return CONFIGS(cloud, refused_add, judge->node->id, judge->incarnation, &range);
}

/* 0: it is admitted. Its stamp was judged before. */
static enum status judge_write(struct cloud *cloud, const struct judge *judge,
                               const struct config_entry *entry, int *refusal)
{
    struct config_register current = {0};
    struct config_scope_digest scope;
    struct config_rule rule;
    bool there;
    const enum status found = cloud_config_current(cloud, &entry->key, &current);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    *refusal = WRITE_EPOCH;
    if (entry->reg.epoch > current.epoch) return ST_OK;
    TRY(cloud_config_rule(cloud, &entry->key.name, &rule, &there));
    *refusal = WRITE_DENIED;
    if (!node_name_equal(&entry->reg.node, &judge->node->name) ||
        !cloud_config_may_write(&rule, judge->node, &entry->key.scope, judge->groups,
                                judge->group_count))
        return ST_OK;
    *refusal = cloud_config_schema(cloud, &rule, there, &entry->reg);
    if (*refusal != 0 || found == ST_OK) return ST_OK;
    TRY(CONFIGS(cloud, scope_get, &entry->key.scope, &scope));
    if (scope.count >= CONFIG_KEYS_MAX) *refusal = WRITE_FULL;
    return ST_OK;
}

static enum status admit(struct cloud *cloud, struct judge *judge, const struct config_write *write)
{
    const struct config_source source = {judge->node->name, write->operation};
    bool won;
    TRY(cloud_config_join(cloud, &write->entry, &source, &won));
    if (write->entry.reg.hlc > judge->sync.admitted) judge->sync.admitted = write->entry.reg.hlc;
    /* Or a later write of an operator could be stamped below this one and be lost. */
    cloud_sync_learn(cloud, write->entry.reg.hlc);
    return ST_OK;
}

static enum status judge_all(struct cloud *cloud, struct judge *judge,
                             const struct config_writes *writes)
{
    const uint64_t last = writes->writes[writes->count - 1].operation;
    for (size_t i = 0; i < writes->count; i++) {
        const struct config_write *const write = &writes->writes[i];
        int refusal = 0;
        if (write->operation <= judge->judged) continue;
        if (!cloud_sync_lawful(cloud, &judge->sync, write->entry.reg.hlc)) {
            judge->judged = last;
            return refuse(cloud, judge, write->operation, last, WRITE_FUTURE);
        }
        TRY(judge_write(cloud, judge, &write->entry, &refusal));
        if (refusal == 0)
            TRY(admit(cloud, judge, write));
        else
            TRY(refuse(cloud, judge, write->operation, write->operation,
                       (enum write_refusal)refusal));
        judge->judged = write->operation;
    }
    return ST_OK;
}

static void tell(struct cloud *cloud, const struct judge *judge)
{
    struct nack nack = {.lane = NACK_CONFIG, .admitted = judge->sync.admitted};
    enum write_refusal why = WRITE_FUTURE;
    if (judge->future_from != 0) {
        nack.reason = NACK_FUTURE;
        nack.from = judge->future_from;
        nack.to = judge->future_to;
        cloud_refuse(cloud, REFUSAL_FUTURE);
    } else if (judge->denied_from != 0) {
        nack.reason = NACK_DENIED;
        nack.from = judge->denied_from;
        nack.to = judge->denied_to;
        why = judge->denied;
        cloud_refuse(cloud, REFUSAL_WRITE);
    } else {
        return;
    }
    nack.words = bytes_of_text(write_refusal_words(why));
    cloud_owe_nack(cloud, judge->node, &nack);
}

enum status cloud_config_writes(struct cloud *cloud, const struct node_row *node, struct bytes body)
{
    struct config_writes *const writes = cloud->config->writes;
    struct judge judge = {.node = node};
    TRY(config_writes_decode(cloud->unpacker, body, writes));
    if (writes->incarnation == 0) return ST_MALFORMED;
    TRY(cloud_sync_load(cloud, node->id, &judge.sync));
    TRY(cloud_node_groups(cloud, node->id, judge.groups, &judge.group_count));
    /* Numbers of an earlier incarnation are remembered: a message of it may still be under way, and
     * a node that was restored from a backup goes on with it. */
    judge.incarnation = writes->incarnation;
    TRY(CONFIGS(cloud, judged_get, node->id, writes->incarnation, &judge.judged));
    TRY(judge_all(cloud, &judge, writes));
    TRY(CONFIGS(cloud, judged_put, node->id, judge.incarnation, judge.judged));
    judge.sync.config_incarnation = judge.incarnation;
    judge.sync.config_judged = judge.judged;
    judge.sync.contact_ms = cloud_wall_ms(cloud);
    TRY(cloud_sync_save(cloud, &judge.sync));
    cloud_owe_ack(cloud, node);
    tell(cloud, &judge);
    return ST_OK;
}
