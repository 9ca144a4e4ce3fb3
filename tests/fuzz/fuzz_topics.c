/* fuzz_topics.c - any bytes as a topic: never a crash, and what parses is exactly what was built.
 *
 * The input is a root, a NUL, and a topic. Without a NUL the usual root is taken. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "topics/topics.h"

#define ROOT_USUAL "hf/v1"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_part(struct bytes topic, struct bytes part)
{
    if (part.size == 0) return;
    INVARIANT(part.data >= topic.data && part.data + part.size <= topic.data + topic.size);
}

static void check_parts(const char *root, struct bytes topic, const struct topic_parts *parts)
{
    check_part(topic, parts->below_root);
    check_part(topic, parts->node);
    check_part(topic, parts->name);
    check_part(topic, parts->hash);
    check_part(topic, parts->scope);
    INVARIANT(parts->node.size == 0 || ids_node_name_ok(parts->node));
    INVARIANT(parts->name.size == 0 || ids_level_name_ok(parts->name));

    char node[NODE_NAME_SIZE] = "", name[LEVEL_NAME_SIZE_MAX + 1] = "", scope[TOPIC_SIZE_MAX] = "";
    if (parts->node.size > 0) memcpy(node, parts->node.data, parts->node.size);
    if (parts->name.size > 0) memcpy(name, parts->name.data, parts->name.size);
    if (parts->scope.size > 0) memcpy(scope, parts->scope.data, parts->scope.size);
    struct topic_text built;
    struct digest hash;
    if (parts->hash.size > 0) {
        INVARIANT(hex_decode(parts->hash, hash.bytes, DIGEST_SIZE) == ST_OK);
        INVARIANT(topic_build_chunk(root, name, &hash, &built) == ST_OK);
    } else if (parts->scope.size > 0) {
        INVARIANT(topic_build_scoped(root, parts->id, scope, name, &built) == ST_OK);
    } else {
        INVARIANT(topic_build(root, parts->id, node, name, &built) == ST_OK);
    }
    INVARIANT(bytes_equal(topic_text_bytes(&built), topic));
    INVARIANT(bytes_equal(topic_text_below_root(&built), parts->below_root));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char root[TOPIC_ROOT_SIZE_MAX + 2] = ROOT_USUAL;
    const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
    struct bytes topic = bytes_of(data, size);
    if (nul && (size_t)(nul - data) < sizeof root) {
        memcpy(root, data, (size_t)(nul - data) + 1);
        topic = bytes_from(topic, (size_t)(nul - data) + 1);
    }
    if (!topic_root_ok(root)) return 0;

    struct topic_parts parts;
    if (topic_parse(root, topic, &parts) == ST_OK) check_parts(root, topic, &parts);
    return 0;
}
