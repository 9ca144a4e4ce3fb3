/* tree.h - the RFC 6962 Merkle tree of one log, as a frontier of at most 64 subtree hashes.
 *
 * Node hash = SHA-256(0x01 | left | right); leaves come from evidence_leaf. nodes[level] is the
 * root of the perfect subtree of 2^level leaves that bit `level` of size stands for, and is
 * meaningless when that bit is clear. Appending costs one to two hashes on average, the root
 * popcount(size) - 1. The empty tree's root is SHA-256("") (RFC 6962, 2.1).
 *
 * A range [begin, end) of leaves is described by the hashes of its canonical perfect subtrees, left
 * to right: the same decomposition as a "compact range". A LOSS entry carries them, so that chain
 * and root go on over entries that are gone. */
#ifndef HOLDFAST_COMMON_DATA_TREE_H
#define HOLDFAST_COMMON_DATA_TREE_H

#include "common/base/bounds.h"
#include "common/base/ids.h"
#include "common/crypto/hasher.h"

struct tree {
    uint64_t size;
    struct digest nodes[TREE_HEIGHT_MAX];
};

/* Called for each perfect subtree that an append completes, from level 1 up: position is the
 * subtree's number within its level. */
struct tree_sink {
    void (*node)(void *context, unsigned level, uint64_t position, const struct digest *hash);
    void *context; /* node == NULL: nobody listens */
};

void tree_init(struct tree *tree);
void tree_append(struct tree *tree, struct hasher *hasher, const struct digest *leaf,
                 const struct tree_sink *sink);
/* A whole perfect subtree of 2^level leaves; size must be a multiple of 2^level. The sink hears of
 * this subtree's own hash (level 0 aside) and of what it completes above, never of what is inside
 * it. */
void tree_append_subtree(struct tree *tree, struct hasher *hasher, unsigned level,
                         const struct digest *hash, const struct tree_sink *sink);
struct digest tree_root(const struct tree *tree, struct hasher *hasher);
struct digest tree_node_hash(struct hasher *hasher, const struct digest *left,
                             const struct digest *right);

/* The canonical subtrees of [begin, end): levels[i] for the i-th from the left. At most
 * LOSS_NODES_MAX; begin < end. Returns their number. */
size_t tree_range_levels(uint64_t begin, uint64_t end, uint8_t levels[LOSS_NODES_MAX]);

/* Stored frontier: size (8 bytes big-endian), then the hashes of the set bits from the highest to
 * the lowest. */
enum { TREE_BYTES_MAX = 8 + TREE_HEIGHT_MAX * DIGEST_SIZE };
void tree_encode(const struct tree *tree, struct buf *out);
/* Errors: ST_MALFORMED. */
MUST_USE enum status tree_decode(struct bytes bytes, struct tree *out);

/* Root over count leaf hashes of a complete small tree (for tests and for verifying proofs). */
struct digest tree_root_of(struct hasher *hasher, const struct digest *leaves, size_t count);

#endif
