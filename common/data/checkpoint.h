/* checkpoint.h - a node's signed statement "my log has this size and this root".
 *
 * The signed text is a C2SP checkpoint body (c2sp.org/tlog-checkpoint), three lines, each ended by
 * a line feed:
 *   holdfast/<node>/<log id in hex>
 *   <size in decimal>
 *   <base64 of the 32-byte root>
 * signature = Ed25519 over exactly this text, by the log's current key. On the wire and in a store
 * only (size, root, signature) travel: the text is rebuilt. It commits to every entry byte and
 * every signature byte below size. */
#ifndef HOLDFAST_COMMON_DATA_CHECKPOINT_H
#define HOLDFAST_COMMON_DATA_CHECKPOINT_H

#include "common/base/ids.h"
#include "common/crypto/sign.h"

struct checkpoint {
    uint64_t size;
    struct digest root;
    struct signature signature;
};

enum { CHECKPOINT_TEXT_SIZE_MAX = 192 };

/* The text, NUL terminated; returns its size without NUL. */
size_t checkpoint_text(const struct node_name *node, const struct log_id *log, uint64_t size,
                       const struct digest *root, char out[CHECKPOINT_TEXT_SIZE_MAX]);
struct checkpoint checkpoint_sign(const struct secret_key *key, const struct node_name *node,
                                  const struct log_id *log, uint64_t size,
                                  const struct digest *root);
bool checkpoint_ok(const struct public_key *key, const struct node_name *node,
                   const struct log_id *log, const struct checkpoint *checkpoint);

#endif
