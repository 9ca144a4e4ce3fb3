/* node_registry.c - who may speak. A node comes in by the key line that its init printed, so that
 * whoever hands it in has seen the holder of the secret; a revoked one is refused from its next
 * frame on. What it has said before stays what it is. */
#include "cloud-consumer/engine.h"

enum status cloud_node_add(struct cloud *cloud, struct bytes line, struct key_line *out)
{
    TRY(key_line_read(line, out));
    if (out->kind != KEY_LINE_NODE || !ids_node_name_ok(bytes_of_text(out->name.text)))
        return ST_MALFORMED;
    struct node_row node;
    const enum status found = STORE(cloud, node_find, &out->name, &node);
    if (found == ST_NOT_FOUND) {
        node = (struct node_row){
            .name = out->name,
            .key = out->key,
            .added_ms = cloud_wall_ms(cloud),
        };
        TRY(STORE(cloud, node_add, &node));
        return cloud_roster_changed(cloud);
    }
    if (found != ST_OK) return found;
    const bool same = public_key_equal(&node.key, &out->key);
    if (same && !node.revoked) return ST_DUPLICATE;
    /* Another key for a living node would let whoever holds it speak in the node's name. */
    if (!node.revoked) return ST_CONFLICT;
    node.key = out->key;
    node.revoked = false;
    node.has_nonce = false;
    TRY(STORE(cloud, node_save, &node));
    return cloud_roster_changed(cloud);
}

enum status cloud_node_revoke(struct cloud *cloud, const struct node_name *name)
{
    struct node_row node;
    TRY(STORE(cloud, node_find, name, &node));
    if (node.revoked) return ST_DUPLICATE;
    node.revoked = true;
    trace_line(&cloud->port->trace, TRACE_WARNING, "%s is revoked", node.name.text);
    TRY(STORE(cloud, node_save, &node));
    return cloud_roster_changed(cloud);
}
