/* roster.c - the signed list of nodes that tells every edge who belongs to which groups. */
#include <stdlib.h>
#include <string.h>

#include "cloud-consumer/config_private.h"
#include "cloud-consumer/tracks.h"

uint64_t cloud_roster_version(const struct cloud *cloud)
{
    return cloud->config->roster_version;
}

void cloud_roster_due(struct cloud *cloud)
{
    cloud->config->roster_due = true;
}

enum status cloud_roster_lift(struct cloud *cloud, uint64_t above)
{
    struct cloud_config *const config = cloud->config;
    /* A node could name any number: what is beyond reason is not followed. */
    if (above < config->roster_version || above > PACK_SEQUENCE_MAX / 2) return ST_OK;
    config->roster_version = above;
    return cloud_roster_changed(cloud);
}

enum status cloud_roster_changed(struct cloud *cloud)
{
    struct cloud_config *const config = cloud->config;
    TRY(CONFIGS(cloud, number_set, CONFIG_NUMBER_ROSTER, config->roster_version + 1));
    config->roster_version++;
    config->roster_due = true;
    config->roster_mono_ns = 0;
    cloud_tracks_groups_changed(cloud);
    return ST_OK;
}

static int name_order(const void *a, const void *b)
{
    const struct level_name *const left = a, *const right = b;
    return strcmp(left->text, right->text);
}

static enum status read_groups(struct cloud *cloud, struct roster *roster)
{
    struct level_name after = {0};
    roster->group_count = 0;
    while (roster->group_count < ROSTER_GROUPS_MAX) {
        struct level_name *const group = &roster->groups[roster->group_count];
        const enum status found = CONFIGS(cloud, group_next, &after, group);
        if (found == ST_NOT_FOUND) return ST_OK;
        if (found != ST_OK) return found;
        after = *group;
        roster->group_count++;
    }
    return ST_OK;
}

static enum status read_node_groups(struct cloud *cloud, const struct roster *roster, int64_t id,
                                    struct roster_node *node)
{
    struct level_name groups[NODE_GROUPS_MAX];
    size_t count;
    TRY(cloud_node_groups(cloud, id, groups, &count));
    node->group_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct level_name *const at = bsearch(&groups[i], roster->groups, roster->group_count,
                                                    sizeof roster->groups[0], name_order);
        if (at != NULL) node->groups[node->group_count++] = (uint8_t)(at - roster->groups);
    }
    return ST_OK;
}

static enum status read_nodes(struct cloud *cloud, struct roster *roster)
{
    struct node_name after = {0};
    roster->node_count = 0;
    for (;;) {
        struct roster_node node;
        int64_t id;
        const enum status found = CONFIGS(cloud, roster_next, &after, &id, &node);
        if (found == ST_NOT_FOUND) return ST_OK;
        if (found != ST_OK) return found;
        if (roster->node_count == ROSTER_NODES_MAX) {
            trace_line(&cloud->port->trace, TRACE_ALARM,
                       "the roster ends before %s: it holds %d nodes at most", node.name.text,
                       ROSTER_NODES_MAX);
            return ST_OK;
        }
        after = node.name;
        TRY(read_node_groups(cloud, roster, id, &node));
        roster->nodes[roster->node_count++] = node;
    }
}

/* Leaves out the groups that no node in the message names any more. */
static void prune_groups(struct roster *roster)
{
    bool named[ROSTER_GROUPS_MAX] = {false};
    uint8_t number[ROSTER_GROUPS_MAX];
    size_t kept = 0;
    for (size_t i = 0; i < roster->node_count; i++) {
        for (size_t g = 0; g < roster->nodes[i].group_count; g++)
            named[roster->nodes[i].groups[g]] = true;
    }
    for (size_t g = 0; g < roster->group_count; g++) {
        number[g] = (uint8_t)kept;
        if (named[g]) roster->groups[kept++] = roster->groups[g];
    }
    roster->group_count = kept;
    for (size_t i = 0; i < roster->node_count; i++) {
        for (size_t g = 0; g < roster->nodes[i].group_count; g++)
            roster->nodes[i].groups[g] = number[roster->nodes[i].groups[g]];
    }
}

static bool encode(struct cloud *cloud)
{
    prune_groups(cloud->config->roster);
    cloud->body.size = 0;
    cloud->body.overflow = false;
    roster_msg_encode(cloud->config->roster, &cloud->body);
    return buf_ok(&cloud->body) && cloud->body.size <= BODY_SIZE_MAX;
}

/* Gives way, step by step, until it fits a frame: keys first, which an edge does not need for
 * groups; then the nodes of which it says nothing but that they are there; then the last ones. */
static void encode_to_fit(struct cloud *cloud)
{
    struct roster *const roster = cloud->config->roster;
    if (encode(cloud)) return;
    for (size_t i = 0; i < roster->node_count; i++)
        roster->nodes[i].has_key = false;
    if (encode(cloud)) return;
    size_t kept = 0;
    for (size_t i = 0; i < roster->node_count; i++) {
        if (roster->nodes[i].group_count > 0 || roster->nodes[i].revoked)
            roster->nodes[kept++] = roster->nodes[i];
    }
    roster->node_count = kept;
    while (!encode(cloud)) {
        INVARIANT(roster->node_count > 0);
        roster->node_count -= 1 + roster->node_count / 16;
        trace_line(&cloud->port->trace, TRACE_ALARM,
                   "the roster does not fit a frame: it ends after %zu nodes in groups",
                   roster->node_count);
    }
}

enum status cloud_roster_fill(struct cloud *cloud, struct effects *effects)
{
    struct cloud_config *const config = cloud->config;
    struct roster *const roster = config->roster;
    const uint64_t interval_ns = (uint64_t)PUBLISH_INTERVAL_MS * 1000000;
    if (!config->roster_due || !cloud_session_has_window(cloud) || !effects_has_room(effects))
        return ST_OK;
    if (config->roster_mono_ns != 0 && cloud->now.mono_ns - config->roster_mono_ns < interval_ns)
        return ST_OK;
    config->roster_due = false;
    if (config->roster_version == 0) return ST_OK; /* nobody was ever enrolled */
    config->roster_mono_ns = cloud->now.mono_ns;
    TRY(read_groups(cloud, roster));
    const enum status status = read_nodes(cloud, roster);
    if (status == ST_TAMPERED) {
        trace_line(&cloud->port->trace, TRACE_ALARM,
                   "the stored row of a node is damaged: the roster is not published");
        return ST_OK;
    }
    if (status != ST_OK) return status;
    roster->version = config->roster_version;
    encode_to_fit(cloud);
    TRY(cloud_publish(cloud, effects, TOPIC_ROSTER, NULL, FRAME_ROSTER));
    cloud_config_unsure(cloud, effects, 0);
    return ST_OK;
}
