/* node_groups.c - the groups that nodes are in: they decide which config holds for a node and which
 * tracks it is sent. */
#include <stdlib.h>
#include <string.h>

#include "cloud-consumer/config_private.h"
#include "cloud-consumer/report.h"

enum status cloud_node_groups(struct cloud *cloud, int64_t node,
                              struct level_name out[NODE_GROUPS_MAX], size_t *count)
{
    return CONFIGS(cloud, groups_get, node, out, count);
}

static int name_order(const void *a, const void *b)
{
    const struct level_name *const left = a, *const right = b;
    return strcmp(left->text, right->text);
}

enum status cloud_groups_parse(struct bytes text, struct level_name out[NODE_GROUPS_MAX],
                               size_t *count)
{
    *count = 0;
    while (text.size > 0) {
        const uint8_t *const comma = memchr(text.data, ',', text.size);
        const size_t size = comma == NULL ? text.size : (size_t)(comma - text.data);
        if (*count == NODE_GROUPS_MAX) return ST_TOO_LARGE;
        out[*count] = (struct level_name){0};
        TRY(level_name_from(bytes_of(text.data, size), &out[*count]));
        (*count)++;
        if (comma == NULL) break;
        text = bytes_from(text, size + 1);
        if (text.size == 0) return ST_MALFORMED;
    }
    qsort(out, *count, sizeof out[0], name_order);
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (kept == 0 || name_order(&out[kept - 1], &out[i]) != 0) out[kept++] = out[i];
    }
    *count = kept;
    return ST_OK;
}

void cloud_groups_write(const struct level_name *groups, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buf_put_u8(out, ',');
        buf_put_text(out, groups[i].text);
    }
}

static bool same_groups(const struct level_name *a, size_t a_count, const struct level_name *b,
                        size_t b_count)
{
    if (a_count != b_count) return false;
    for (size_t i = 0; i < a_count; i++) {
        if (name_order(&a[i], &b[i]) != 0) return false;
    }
    return true;
}

static enum status too_many_groups(struct cloud *cloud, bool *out)
{
    struct level_name after = {0};
    *out = false;
    for (int i = 0; i <= ROSTER_GROUPS_MAX; i++) {
        const enum status found = CONFIGS(cloud, group_next, &after, &after);
        if (found == ST_NOT_FOUND) return ST_OK;
        if (found != ST_OK) return found;
    }
    *out = true;
    return ST_OK;
}

enum status cloud_groups_assign(struct cloud *cloud, const struct node_row *node,
                                const struct level_name *groups, size_t count)
{
    struct level_name old[NODE_GROUPS_MAX];
    size_t old_count;
    bool too_many;
    TRY(cloud_node_groups(cloud, node->id, old, &old_count));
    if (same_groups(old, old_count, groups, count)) return ST_OK;
    TRY(CONFIGS(cloud, groups_set, node->id, groups, count));
    TRY(too_many_groups(cloud, &too_many));
    if (too_many) {
        TRY(CONFIGS(cloud, groups_set, node->id, old, old_count));
        return ST_FULL;
    }
    TRY(cloud_roster_changed(cloud));
    return cloud_sync_judge_report(cloud, node);
}

enum status cloud_verb_node_set(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    struct node_row node;
    struct level_name groups[NODE_GROUPS_MAX];
    size_t count;
    struct bytes text;
    const enum status named = cloud_node_argument(cloud, client, effects, &node);
    if (named != ST_OK) return named == ST_NOT_FOUND ? ST_OK : named;
    if (node.id == 0 || !verb_argument_find(cloud->request, "group", &text)) {
        cloud_reply_end(effects, client, ST_USAGE, "node-set needs a node and its groups");
        return ST_OK;
    }
    if (!cloud_groups_argument(client, effects, text, groups, &count)) return ST_OK;
    const enum status status = cloud_groups_assign(cloud, &node, groups, count);
    if (status == ST_FULL) {
        cloud_reply_end(effects, client, status, "there are %d groups already", ROSTER_GROUPS_MAX);
        return ST_OK;
    }
    if (status != ST_OK) return status;
    char words[GROUPS_TEXT_SIZE_MAX + 1];
    struct buf names = buf_of(words, sizeof words);
    struct buf out = cloud_reply_space(effects, RECORD_SIZE_TYPICAL);
    cloud_groups_write(groups, count, &names);
    record_reply_begin(&out, 2);
    record_words(&out, "node", node.name.text);
    record_text(&out, "groups", buf_bytes(&names));
    cloud_reply(effects, client, &out);
    cloud_reply_end(effects, client, ST_OK, "%s", "");
    return ST_OK;
}

bool cloud_groups_argument(uint32_t client, struct effects *effects, struct bytes text,
                           struct level_name out[NODE_GROUPS_MAX], size_t *count)
{
    const enum status status = cloud_groups_parse(text, out, count);
    if (status == ST_OK) return true;
    cloud_reply_end(effects, client, ST_USAGE,
                    status == ST_TOO_LARGE ? "a node is in %d groups at most"
                                           : "groups are names parted by commas, of 1 to %d "
                                             "characters of A-Z a-z 0-9 . _ -",
                    status == ST_TOO_LARGE ? (int)NODE_GROUPS_MAX : (int)LEVEL_NAME_SIZE_MAX);
    return false;
}
