/* test_topics.c - one table gives every topic: what is built parses back, all else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "topics/topics.h"

#define ROOT "hf/v1"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NODE_31 "a123456789b123456789c123456789d"
#define LEVEL_64 "A123456789b123456789c123456789d123456789e123456789f123456789g123"

static bool has(enum topic_id id, const char *placeholder)
{
    return strstr(topic_row_of(id)->template_text, placeholder);
}

static bool has_name(enum topic_id id)
{
    return has(id, "{type}") || has(id, "{key}") || has(id, "{model}") || has(id, "{track}");
}

static enum status parse(const char *topic, struct topic_parts *parts)
{
    return topic_parse(ROOT, bytes_of_text(topic), parts);
}

static void assert_parses_as(const char *topic, enum topic_id id)
{
    struct topic_parts parts;
    if (parse(topic, &parts) != ST_OK) fail_msg("%s is refused", topic);
    if (parts.id != id) fail_msg("%s is row %d, not %d", topic, (int)parts.id, (int)id);
}

static void assert_refused(const char *topic)
{
    struct topic_parts parts;
    if (parse(topic, &parts) != ST_MALFORMED) fail_msg("%s is accepted", topic);
}

static void assert_text(struct bytes text, const char *wanted)
{
    assert_int_equal(text.size, strlen(wanted));
    assert_memory_equal(text.data, wanted, text.size);
}

static void test_every_row_builds_and_parses_back_to_itself(void **state)
{
    (void)state;
    size_t built_count = 0;
    for (int i = 0; i < TOPIC_ID_COUNT; i++) {
        const enum topic_id id = (enum topic_id)i;
        if (has(id, "{scope}") || has(id, "{hash}")) continue;
        struct topic_text topic;
        struct topic_parts parts;
        const char *node = has(id, "{node}") ? "edge-7" : NULL;
        const char *name = has_name(id) ? "Door.open_1" : NULL;
        assert_int_equal(topic_build(ROOT, id, node, name, &topic), ST_OK);
        assert_int_equal(strlen(topic.text), topic.size);
        assert_int_equal(topic_parse(ROOT, topic_text_bytes(&topic), &parts), ST_OK);
        assert_int_equal(parts.id, id);
        assert_text(parts.node, node ? node : "");
        assert_text(parts.name, name ? name : "");
        assert_int_equal(parts.hash.size + parts.scope.size, 0);
        assert_true(bytes_equal(parts.below_root, topic_text_below_root(&topic)));
        built_count++;
    }
    assert_int_equal(built_count, TOPIC_ID_COUNT - 3);
}

static void test_scoped_and_hashed_topics_parse_into_their_parts(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        enum topic_id id;
        const char *name, *scope, *hash;
    } cases[] = {
        {ROOT "/config/fleet/rate", TOPIC_CONFIG, "rate", "fleet", ""},
        {ROOT "/config/group/North/rate", TOPIC_CONFIG, "rate", "group/North", ""},
        {ROOT "/config/node/edge-7/rate", TOPIC_CONFIG, "rate", "node/edge-7", ""},
        {ROOT "/models/m/manifest/fleet", TOPIC_MODEL_MANIFEST, "m", "fleet", ""},
        {ROOT "/models/m/manifest/group/g", TOPIC_MODEL_MANIFEST, "m", "group/g", ""},
        {ROOT "/models/m/manifest/node/n", TOPIC_MODEL_MANIFEST, "m", "node/n", ""},
        {ROOT "/models/m/chunk/" HASH, TOPIC_MODEL_CHUNK, "m", "", HASH},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct topic_parts parts;
        assert_int_equal(parse(cases[i].topic, &parts), ST_OK);
        assert_int_equal(parts.id, cases[i].id);
        assert_text(parts.name, cases[i].name);
        assert_text(parts.scope, cases[i].scope);
        assert_text(parts.hash, cases[i].hash);
        assert_int_equal(parts.node.size, 0);
        assert_text(parts.below_root, cases[i].topic + strlen(ROOT "/"));
    }
}

/* A key may be named as a scope is; the levels must still be told apart. */
static void test_names_that_look_like_other_levels_are_read_by_their_place(void **state)
{
    (void)state;
    assert_parses_as(ROOT "/config/fleet/fleet", TOPIC_CONFIG);
    assert_parses_as(ROOT "/config/group/node/node", TOPIC_CONFIG);
    assert_parses_as("local/config/set", TOPIC_LOCAL_CONFIG);
    assert_parses_as("local/config/set/set", TOPIC_LOCAL_CONFIG_SET);
    assert_parses_as("local/status", TOPIC_LOCAL_STATUS);
    assert_parses_as(ROOT "/cloud/status", TOPIC_CLOUD_STATUS);
    assert_parses_as(ROOT "/status/status", TOPIC_STATUS);
}

static void test_names_at_their_longest_are_accepted_and_one_more_is_refused(void **state)
{
    (void)state;
    assert_parses_as(ROOT "/" NODE_31 "/up/sync", TOPIC_SYNC_UP);
    assert_refused(ROOT "/" NODE_31 "x/up/sync");
    assert_parses_as("local/evidence/" LEVEL_64, TOPIC_LOCAL_EVIDENCE);
    assert_refused("local/evidence/" LEVEL_64 "x");
    assert_parses_as(ROOT "/config/group/" LEVEL_64 "/" LEVEL_64, TOPIC_CONFIG);
    assert_refused(ROOT "/config/group/" LEVEL_64 "x/" LEVEL_64);
}

/* A node of such a name could write where the cloud or all nodes are meant. */
static void test_reserved_node_names_are_refused(void **state)
{
    (void)state;
    static const char *const reserved[] = {"cloud", "config", "models", "local",
                                           "fleet", "group",  "node"};
    for (size_t i = 0; i < COUNT_OF(reserved); i++) {
        uint8_t memory[TOPIC_SIZE_MAX];
        struct buf topic = buf_of(memory, sizeof memory);
        struct topic_parts parts;
        struct topic_text text;
        buf_put_format(&topic, ROOT "/%s/up/evidence", reserved[i]);
        assert_int_equal(topic_parse(ROOT, buf_bytes(&topic), &parts), ST_MALFORMED);
        assert_int_equal(topic_build(ROOT, TOPIC_EVIDENCE, reserved[i], NULL, &text), ST_MALFORMED);
    }
}

static void test_topics_that_no_row_has_are_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "/",
        "hf",
        ROOT,
        ROOT "/",
        "x" ROOT "/edge-7/status",
        ROOT "x/edge-7/status",
        ROOT "//edge-7/status",
        "/" ROOT "/edge-7/status",
        "edge-7/status",
        ROOT "/edge-7",
        ROOT "/edge-7/",
        ROOT "/edge-7/status/",
        ROOT "/edge-7/status/x",
        ROOT "/edge-7/up",
        ROOT "/edge-7/up/",
        ROOT "/edge-7/up/evidence/",
        ROOT "/edge-7/up/Evidence",
        ROOT "/Edge-7/up/evidence",
        ROOT "/-edge/up/evidence",
        ROOT "/+/up/evidence",
        ROOT "/#",
        ROOT "//up/evidence",
        ROOT "/edge 7/up/evidence",
        ROOT "/local/status",
        ROOT "/local/evidence/door",
        ROOT "/config/fleet",
        ROOT "/config/fleet/",
        ROOT "/config/fleet/a/b",
        ROOT "/config/group/g",
        ROOT "/config/group//k",
        ROOT "/config/group/-g/k",
        ROOT "/config/node/cloud/k",
        ROOT "/config/node/Edge/k",
        ROOT "/config/site/s/k",
        ROOT "/config/fleet/.hidden",
        ROOT "/models/m/manifest",
        ROOT "/models/m/manifest/node",
        ROOT "/models/m/manifest/fleet/x",
        ROOT "/models//manifest/fleet",
        ROOT "/models/m/chunk/",
        ROOT "/models/m/chunk/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
        ROOT "/models/m/chunk/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde",
        ROOT "/models/m/chunk/" HASH "0",
        "local",
        "local/",
        "local/evidence",
        "local/evidence/",
        "local/evidence/door/open",
        "local/evidence/d\xC3\xB6or",
        "local/config/k/get",
        "$SYS/broker/version",
    };
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        assert_refused(refused[i]);
}

/* MQTT forbids it, but a peer's bytes may hold it; text after it must not be overlooked. */
static void test_a_nul_within_a_topic_is_refused(void **state)
{
    (void)state;
    struct topic_parts parts;
    assert_int_equal(topic_parse(ROOT, BYTES_LITERAL("local/status\0"), &parts), ST_MALFORMED);
    assert_int_equal(topic_parse(ROOT, BYTES_LITERAL(ROOT "/e\0/status"), &parts), ST_MALFORMED);
}

static void test_a_topic_longer_than_any_is_refused(void **state)
{
    (void)state;
    char long_topic[4096];
    struct topic_parts parts;
    memset(long_topic, 'a', sizeof long_topic);
    memcpy(long_topic, "local/evidence/", 15);
    assert_int_equal(topic_parse(ROOT, bytes_of(long_topic, sizeof long_topic), &parts),
                     ST_MALFORMED);
}

static void test_a_refused_topic_leaves_the_parts_untouched(void **state)
{
    (void)state;
    struct topic_parts parts = {.id = TOPIC_ROSTER};
    assert_int_equal(parse(ROOT "/config/group/g/-", &parts), ST_MALFORMED);
    assert_int_equal(parts.id, TOPIC_ROSTER);
    assert_int_equal(parts.scope.size, 0);
}

static void test_plus_builds_a_filter(void **state)
{
    (void)state;
    struct topic_text topic;
    assert_int_equal(topic_build(ROOT, TOPIC_EVIDENCE, "+", NULL, &topic), ST_OK);
    assert_string_equal(topic.text, ROOT "/+/up/evidence");
    assert_int_equal(topic_build(ROOT, TOPIC_LOCAL_EVIDENCE, NULL, "+", &topic), ST_OK);
    assert_string_equal(topic.text, "local/evidence/+");
}

static void test_scoped_topics_are_built_for_each_scope_and_parse_back(void **state)
{
    (void)state;
    static const enum topic_id ids[] = {TOPIC_CONFIG, TOPIC_MODEL_MANIFEST};
    static const char *const scopes[] = {"fleet", "group/North.1", "node/edge-1"};
    struct topic_text topic;
    struct topic_parts parts;
    for (size_t i = 0; i < COUNT_OF(ids) * COUNT_OF(scopes); i++) {
        const enum topic_id id = ids[i / COUNT_OF(scopes)];
        const char *const scope = scopes[i % COUNT_OF(scopes)];
        assert_int_equal(topic_build_scoped(ROOT, id, scope, "fusion.max", &topic), ST_OK);
        assert_int_equal(topic_parse(ROOT, topic_text_bytes(&topic), &parts), ST_OK);
        assert_int_equal(parts.id, id);
        assert_true(bytes_equal(parts.scope, bytes_of_text(scope)));
        assert_true(bytes_equal(parts.name, BYTES_LITERAL("fusion.max")));
        assert_true(bytes_equal(parts.below_root, topic_text_below_root(&topic)));
    }
    assert_int_equal(topic_build_scoped(ROOT, TOPIC_CONFIG, "group/g", "+", &topic), ST_OK);
    assert_string_equal(topic.text, ROOT "/config/group/g/+");
    assert_int_equal(topic_build_scoped(ROOT, TOPIC_MODEL_MANIFEST, "fleet", "+", &topic), ST_OK);
    assert_string_equal(topic.text, ROOT "/models/+/manifest/fleet");
}

static void test_scoped_topics_of_wrong_scopes_and_names_are_not_built(void **state)
{
    (void)state;
    static const enum topic_id ids[] = {TOPIC_CONFIG, TOPIC_MODEL_MANIFEST};
    static const char *const scopes[] = {"",       "group",        "group/", "group/+", "group/a/b",
                                         "node/A", "node/edge-1/", "fleet/", "fleet/x", "+"};
    static const char *const names[] = {"a/b", "", "#"};
    struct topic_text topic;
    for (size_t k = 0; k < COUNT_OF(ids); k++) {
        for (size_t i = 0; i < COUNT_OF(scopes); i++)
            assert_int_equal(topic_build_scoped(ROOT, ids[k], scopes[i], "key", &topic),
                             ST_MALFORMED);
        for (size_t i = 0; i < COUNT_OF(names); i++)
            assert_int_equal(topic_build_scoped(ROOT, ids[k], "fleet", names[i], &topic),
                             ST_MALFORMED);
    }
}

static void test_chunk_topics_are_built_from_a_hash_and_parse_back(void **state)
{
    (void)state;
    struct digest hash;
    struct topic_text topic;
    struct topic_parts parts;
    assert_int_equal(hex_decode(bytes_of_text(HASH), hash.bytes, DIGEST_SIZE), ST_OK);
    assert_int_equal(topic_build_chunk(ROOT, "Fusion-2", &hash, &topic), ST_OK);
    assert_string_equal(topic.text, ROOT "/models/Fusion-2/chunk/" HASH);
    assert_int_equal(topic_parse(ROOT, topic_text_bytes(&topic), &parts), ST_OK);
    assert_int_equal(parts.id, TOPIC_MODEL_CHUNK);
    assert_text(parts.name, "Fusion-2");
    assert_text(parts.hash, HASH);
    assert_int_equal(topic_build_chunk(ROOT, "a/b", &hash, &topic), ST_MALFORMED);
    assert_int_equal(topic_build_chunk(ROOT, "", &hash, &topic), ST_MALFORMED);
}

static void test_names_that_are_no_single_level_are_not_built(void **state)
{
    (void)state;
    struct topic_text topic;
    static const char *const bad[] = {"", "#", "++", "a/b", "a+", "-a", "a b", "\xFF"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(topic_build(ROOT, TOPIC_ACK, bad[i], NULL, &topic), ST_MALFORMED);
        assert_int_equal(topic_build(ROOT, TOPIC_LOCAL_TRACK, NULL, bad[i], &topic), ST_MALFORMED);
    }
}

/* The daemon checks its root at start; a longer one must not be cut off in silence even so. */
static void test_a_topic_that_does_not_fit_is_not_built(void **state)
{
    (void)state;
    char root[TOPIC_SIZE_MAX];
    struct topic_text topic;
    memset(root, 'r', sizeof root - 1);
    root[sizeof root - 1] = '\0';
    assert_int_equal(topic_build(root, TOPIC_ACK, NODE_31, NULL, &topic), ST_TOO_LARGE);
}

static void test_the_longest_root_and_names_fit_every_row(void **state)
{
    (void)state;
    char root[TOPIC_ROOT_SIZE_MAX + 1];
    memset(root, 'r', TOPIC_ROOT_SIZE_MAX);
    root[TOPIC_ROOT_SIZE_MAX] = '\0';
    assert_true(topic_root_ok(root));
    for (int i = 0; i < TOPIC_ID_COUNT; i++) {
        const enum topic_id id = (enum topic_id)i;
        if (has(id, "{scope}") || has(id, "{hash}")) continue;
        struct topic_text topic;
        struct topic_parts parts;
        assert_int_equal(topic_build(root, id, NODE_31, LEVEL_64, &topic), ST_OK);
        assert_int_equal(topic_parse(root, topic_text_bytes(&topic), &parts), ST_OK);
    }
    static const struct digest hash = {{0xAB}};
    static const char scope[] = "group/" LEVEL_64;
    struct topic_text topic;
    struct topic_parts parts;
    assert_int_equal(topic_build_scoped(root, TOPIC_CONFIG, scope, LEVEL_64, &topic), ST_OK);
    assert_int_equal(topic_parse(root, topic_text_bytes(&topic), &parts), ST_OK);
    assert_int_equal(topic_build_scoped(root, TOPIC_MODEL_MANIFEST, scope, LEVEL_64, &topic),
                     ST_OK);
    assert_int_equal(topic_parse(root, topic_text_bytes(&topic), &parts), ST_OK);
    assert_int_equal(topic_build_chunk(root, LEVEL_64, &hash, &topic), ST_OK);
    assert_int_equal(topic_parse(root, topic_text_bytes(&topic), &parts), ST_OK);
}

static void test_good_roots_are_accepted(void **state)
{
    (void)state;
    static const char *const good[] = {"hf", "hf/v1", "a/b/c/d", "Site_1.x-y", "x/local", "locals"};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        if (!topic_root_ok(good[i])) fail_msg("%s is refused", good[i]);
    }
}

/* Below a root "local" the topic local/evidence/status would be two things at once. */
static void test_wrong_roots_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",     "/",   "/hf",     "hf/",       "hf//v1", "hf v1",   "hf/+",
        "hf/#", "h%u", "$SYS/hf", "h\xC3\xA9", "local",  "local/x", LEVEL_64 "x",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        if (topic_root_ok(wrong[i])) fail_msg("%s is accepted", wrong[i]);
    }
}

static void test_only_scoped_templates_have_several_forms(void **state)
{
    (void)state;
    uint8_t memory[TOPIC_SIZE_MAX];
    struct buf form = buf_of(memory, sizeof memory);
    const struct topic_row *config = topic_row_of(TOPIC_CONFIG), *ack = topic_row_of(TOPIC_ACK);
    assert_true(topic_template_form(config, TOPIC_SCOPE_NODE, &form));
    assert_text(buf_bytes(&form), "config/node/{node}/{key}");
    form.size = 0;
    assert_true(topic_template_form(ack, TOPIC_SCOPE_FLEET, &form));
    assert_text(buf_bytes(&form), "{node}/down/ack");
    assert_false(topic_template_form(ack, TOPIC_SCOPE_GROUP, &form));
    assert_false(topic_template_form(ack, TOPIC_SCOPE_NODE, &form));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_builds_and_parses_back_to_itself),
        cmocka_unit_test(test_scoped_and_hashed_topics_parse_into_their_parts),
        cmocka_unit_test(test_names_that_look_like_other_levels_are_read_by_their_place),
        cmocka_unit_test(test_names_at_their_longest_are_accepted_and_one_more_is_refused),
        cmocka_unit_test(test_reserved_node_names_are_refused),
        cmocka_unit_test(test_topics_that_no_row_has_are_refused),
        cmocka_unit_test(test_a_nul_within_a_topic_is_refused),
        cmocka_unit_test(test_a_topic_longer_than_any_is_refused),
        cmocka_unit_test(test_a_refused_topic_leaves_the_parts_untouched),
        cmocka_unit_test(test_plus_builds_a_filter),
        cmocka_unit_test(test_scoped_topics_are_built_for_each_scope_and_parse_back),
        cmocka_unit_test(test_scoped_topics_of_wrong_scopes_and_names_are_not_built),
        cmocka_unit_test(test_chunk_topics_are_built_from_a_hash_and_parse_back),
        cmocka_unit_test(test_names_that_are_no_single_level_are_not_built),
        cmocka_unit_test(test_a_topic_that_does_not_fit_is_not_built),
        cmocka_unit_test(test_the_longest_root_and_names_fit_every_row),
        cmocka_unit_test(test_good_roots_are_accepted),
        cmocka_unit_test(test_wrong_roots_are_refused),
        cmocka_unit_test(test_only_scoped_templates_have_several_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
