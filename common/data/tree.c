/* tree.c - the frontier of an RFC 6962 Merkle tree. */
#include "common/data/tree.h"

#include <string.h>

struct digest tree_node_hash(struct hasher *hasher, const struct digest *left,
                             const struct digest *right)
{
    uint8_t input[1 + 2 * DIGEST_SIZE];
    input[0] = 0x01;
    memcpy(input + 1, left->bytes, DIGEST_SIZE);
    memcpy(input + 1 + DIGEST_SIZE, right->bytes, DIGEST_SIZE);
    return hasher_of(hasher, bytes_of(input, sizeof input));
}

void tree_init(struct tree *tree)
{
    memset(tree, 0, sizeof *tree);
}

static void tell(const struct tree_sink *sink, unsigned level, uint64_t position,
                 const struct digest *hash)
{
    if (sink != NULL && sink->node != NULL) sink->node(sink->context, level, position, hash);
}

void tree_append_subtree(struct tree *tree, struct hasher *hasher, unsigned level,
                         const struct digest *hash, const struct tree_sink *sink)
{
    INVARIANT(level < TREE_HEIGHT_MAX);
    const uint64_t leaf_count = UINT64_C(1) << level;
    INVARIANT((tree->size & (leaf_count - 1)) == 0);
    INVARIANT(tree->size <= UINT64_MAX - leaf_count);
    struct digest carried = *hash;
    if (level > 0) tell(sink, level, tree->size >> level, &carried);
    /* Adding 2^level to size carries over every set bit from `level` up; each carry joins two
     * subtrees. A bit is clear at the latest where the size would overflow. */
    while ((tree->size >> level & 1) != 0) {
        carried = tree_node_hash(hasher, &tree->nodes[level], &carried);
        level++;
        tell(sink, level, tree->size >> level, &carried);
    }
    tree->nodes[level] = carried;
    tree->size += leaf_count;
}

void tree_append(struct tree *tree, struct hasher *hasher, const struct digest *leaf,
                 const struct tree_sink *sink)
{
    tree_append_subtree(tree, hasher, 0, leaf, sink);
}

struct digest tree_root(const struct tree *tree, struct hasher *hasher)
{
    if (tree->size == 0) return hasher_of(hasher, BYTES_EMPTY);
    uint64_t rest = tree->size;
    struct digest root = tree->nodes[__builtin_ctzll(rest)];
    rest &= rest - 1;
    while (rest != 0) {
        root = tree_node_hash(hasher, &tree->nodes[__builtin_ctzll(rest)], &root);
        rest &= rest - 1;
    }
    return root;
}

size_t tree_range_levels(uint64_t begin, uint64_t end, uint8_t levels[LOSS_NODES_MAX])
{
    INVARIANT(begin < end);
    size_t count = 0;
    while (begin < end) {
        /* The largest subtree that starts at begin and still ends within the range. */
        unsigned level = 63 - (unsigned)__builtin_clzll(end - begin);
        if (begin != 0) {
            const unsigned aligned = (unsigned)__builtin_ctzll(begin);
            if (aligned < level) level = aligned;
        }
        INVARIANT(count < LOSS_NODES_MAX);
        levels[count++] = (uint8_t)level;
        begin += UINT64_C(1) << level;
    }
    return count;
}

void tree_encode(const struct tree *tree, struct buf *out)
{
    buf_put_u64(out, tree->size);
    for (unsigned level = TREE_HEIGHT_MAX; level-- > 0;) {
        if ((tree->size >> level & 1) == 0) continue;
        buf_put(out, bytes_of(tree->nodes[level].bytes, DIGEST_SIZE));
    }
}

enum status tree_decode(struct bytes bytes, struct tree *out)
{
    if (bytes.size < sizeof out->size) return ST_MALFORMED;
    const uint64_t size = get_u64(bytes.data);
    const size_t hash_count = (size_t)__builtin_popcountll(size);
    if (bytes.size != sizeof out->size + hash_count * DIGEST_SIZE) return ST_MALFORMED;
    tree_init(out);
    out->size = size;
    const uint8_t *from = bytes.data + sizeof out->size;
    for (unsigned level = TREE_HEIGHT_MAX; level-- > 0;) {
        if ((size >> level & 1) == 0) continue;
        memcpy(out->nodes[level].bytes, from, DIGEST_SIZE);
        from += DIGEST_SIZE;
    }
    return ST_OK;
}

struct digest tree_root_of(struct hasher *hasher, const struct digest *leaves, size_t count)
{
    struct tree tree;
    tree_init(&tree);
    for (size_t i = 0; i < count; i++) {
        tree_append(&tree, hasher, &leaves[i], NULL);
    }
    return tree_root(&tree, hasher);
}
