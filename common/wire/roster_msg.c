/* roster_msg.c - who belongs to the system and to which groups. */
#include "common/wire/roster_msg.h"

#include "common/wire/fields.h"

enum { ROSTER_FIELD_COUNT = 3, ROSTER_NODE_FIELD_COUNT = 4 };

_Static_assert(4 + ROSTER_GROUPS_MAX + ROSTER_NODES_MAX * (1 + ROSTER_NODE_FIELD_COUNT) <=
                   PACK_ITEMS_MAX,
               "the largest roster can be read");
_Static_assert(ROSTER_GROUPS_MAX <= 256, "a group's index is one byte");

/* Names are padded with NULs, so the order of the arrays is that of the texts. */
static int node_name_compare(const struct node_name *a, const struct node_name *b)
{
    return memcmp(a->text, b->text, NODE_NAME_SIZE);
}

void roster_msg_encode(const struct roster *roster, struct buf *out)
{
    INVARIANT(roster->group_count <= ROSTER_GROUPS_MAX && roster->node_count <= ROSTER_NODES_MAX);
    pack_array(out, ROSTER_FIELD_COUNT);
    pack_uint(out, roster->version);
    pack_array(out, (uint32_t)roster->group_count);
    for (size_t i = 0; i < roster->group_count; i++)
        pack_level_name(out, &roster->groups[i]);
    pack_array(out, (uint32_t)roster->node_count);
    for (size_t i = 0; i < roster->node_count; i++) {
        const struct roster_node *const node = &roster->nodes[i];
        INVARIANT(node->group_count <= NODE_GROUPS_MAX);
        pack_array(out, ROSTER_NODE_FIELD_COUNT);
        pack_node_name(out, &node->name);
        if (node->has_key)
            PACK_FIXED(out, node->key);
        else
            pack_nil(out);
        pack_bool(out, node->revoked);
        pack_bin(out, bytes_of(node->groups, node->group_count));
    }
}

static enum status groups_unpack(struct packed value, struct roster *out)
{
    uint32_t count;
    TRY(packed_array(value, 0, ROSTER_GROUPS_MAX, &count));
    for (uint32_t i = 0; i < count; i++) {
        TRY(packed_level_name(packed_item(value, i), &out->groups[i]));
        if (i > 0 && bytes_compare(level_name_text(&out->groups[i - 1]),
                                   level_name_text(&out->groups[i])) >= 0)
            return ST_MALFORMED;
    }
    out->group_count = count;
    return ST_OK;
}

/* Marks in used[] the groups that the node names. */
static enum status node_groups_unpack(struct packed value, size_t group_count, bool *used,
                                      struct roster_node *out)
{
    struct bytes indexes;
    TRY(packed_bin(value, NODE_GROUPS_MAX, &indexes));
    for (size_t i = 0; i < indexes.size; i++) {
        const uint8_t index = indexes.data[i];
        if (index >= group_count) return ST_MALFORMED;
        if (i > 0 && index <= indexes.data[i - 1]) return ST_MALFORMED;
        out->groups[i] = index;
        used[index] = true;
    }
    out->group_count = indexes.size;
    return ST_OK;
}

static enum status node_unpack(struct packed value, size_t group_count, bool *used,
                               struct roster_node *out)
{
    *out = (struct roster_node){0};
    TRY(packed_tuple(value, ROSTER_NODE_FIELD_COUNT));
    TRY(packed_node_name(packed_item(value, 0), &out->name));
    out->has_key = !packed_is_nil(packed_item(value, 1));
    if (out->has_key) TRY(PACKED_FIXED(packed_item(value, 1), &out->key));
    TRY(packed_bool(packed_item(value, 2), &out->revoked));
    return node_groups_unpack(packed_item(value, 3), group_count, used, out);
}

static enum status nodes_unpack(struct packed value, struct roster *out)
{
    uint32_t count;
    bool used[ROSTER_GROUPS_MAX] = {0};
    TRY(packed_array(value, 0, ROSTER_NODES_MAX, &count));
    for (uint32_t i = 0; i < count; i++) {
        struct roster_node *const node = &out->nodes[i];
        TRY(node_unpack(packed_item(value, i), out->group_count, used, node));
        if (i == 0) continue;
        if (node_name_compare(&node[-1].name, &node->name) >= 0) return ST_MALFORMED;
        if (node->has_key != node[-1].has_key) return ST_MALFORMED;
    }
    for (size_t i = 0; i < out->group_count; i++)
        if (!used[i]) return ST_MALFORMED;
    out->node_count = count;
    return ST_OK;
}

enum status roster_msg_decode(struct unpacker *unpacker, struct bytes body, struct roster *out)
{
    struct packed fields;
    TRY(packed_message(unpacker, body, ROSTER_FIELD_COUNT, &fields));
    TRY(packed_uint(packed_item(fields, 0), PACK_SEQUENCE_MAX, &out->version));
    if (out->version == 0) return ST_MALFORMED;
    TRY(groups_unpack(packed_item(fields, 1), out));
    return nodes_unpack(packed_item(fields, 2), out);
}

const struct roster_node *roster_find(const struct roster *roster, const struct node_name *name)
{
    size_t low = 0, high = roster->node_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = node_name_compare(&roster->nodes[middle].name, name);
        if (order == 0) return &roster->nodes[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
