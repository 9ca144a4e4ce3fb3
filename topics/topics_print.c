/* topics_print.c - the documents that are derived from the topic table: the broker's ACL and the
 * AsyncAPI description. */
#include "topics/topics.h"

#include <string.h>

/* The characters a placeholder may stand for, as a regular expression and in words. */
struct placeholder {
    const char *name;
    const char *pattern;
    const char *description;
};

#define NODE_PATTERN "^[a-z0-9][a-z0-9-]{0,30}$"
#define LEVEL_PATTERN "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

static const struct placeholder placeholders[] = {
    {"node", NODE_PATTERN,
     "Name of an edge node; none of cloud, config, models, local, fleet, group, node."},
    {"group", LEVEL_PATTERN, "Name of a group of nodes."},
    {"type", LEVEL_PATTERN, "A publisher's type of evidence."},
    {"key", LEVEL_PATTERN, "Name of a config register."},
    {"model", LEVEL_PATTERN, "Name of a model."},
    {"track", LEVEL_PATTERN, "Name of a track."},
    {"hash", "^[0-9a-f]{64}$", "SHA-256 of the chunk."},
};

typedef void form_writer(struct buf *out, const char *root, enum topic_id id, struct bytes form);

/* Calls write for every template of this side, a template with {scope} once for each of its forms.
 */
static void for_each_form(enum topic_side side, form_writer *write, const char *root,
                          struct buf *out)
{
    for (size_t i = 0; i < TOPIC_ID_COUNT; i++) {
        const struct topic_row *row = topic_row_of((enum topic_id)i);
        if (row->side != side) continue;
        for (size_t scope = 0; scope < TOPIC_SCOPE_COUNT; scope++) {
            uint8_t memory[TOPIC_SIZE_MAX];
            struct buf form = buf_of(memory, sizeof memory);
            if (!topic_template_form(row, (enum topic_scope)scope, &form)) continue;
            INVARIANT(buf_ok(&form));
            write(out, root, (enum topic_id)i, buf_bytes(&form));
        }
    }
}

/* Finds the next "{word}" from *at on, and moves *at behind it. */
static bool next_placeholder(struct bytes form, size_t *at, size_t *start, struct bytes *word)
{
    const struct bytes rest = bytes_from(form, *at);
    const uint8_t *open = rest.size ? memchr(rest.data, '{', rest.size) : NULL;
    if (!open) return false;
    *start = (size_t)(open - form.data);
    const uint8_t *close = memchr(open, '}', form.size - *start);
    INVARIANT(close);
    *word = bytes_of(open + 1, (size_t)(close - open) - 1);
    *at = (size_t)(close - form.data) + 1;
    return true;
}

/* The form as a filter: node for {node}, "+" for every other placeholder. */
static void put_filter(struct buf *out, struct bytes form, const char *node)
{
    size_t at = 0, end = 0, start;
    struct bytes word;
    while (next_placeholder(form, &at, &start, &word)) {
        buf_put(out, bytes_of(form.data + end, start - end));
        buf_put_text(out, bytes_equal(word, BYTES_LITERAL("node")) ? node : "+");
        end = at;
    }
    buf_put(out, bytes_from(form, end));
}

static void put_cloud_rule(struct buf *out, const char *root, enum topic_id id, struct bytes form)
{
    const bool writes = topic_row_of(id)->writer == TOPIC_WRITER_CLOUD;
    buf_put_format(out, "topic %s %s/", writes ? "write" : "read", root);
    put_filter(out, form, "+");
    buf_put_text(out, "\n");
}

static void put_node_rule(struct buf *out, const char *root, enum topic_id id, struct bytes form)
{
    const bool writes = topic_row_of(id)->writer == TOPIC_WRITER_EDGE;
    buf_put_format(out, "pattern %s %s/", writes ? "write" : "read", root);
    put_filter(out, form, "%u");
    buf_put_text(out, "\n");
}

void topics_print_acl(const char *root, struct buf *out)
{
    INVARIANT(topic_root_ok(root));
    buf_put_format(
        out,
        "# Mosquitto ACL of the topics below %s, made from the topic table.\n"
        "# Needs \"allow_anonymous false\". The consumer's user name is cloud, an edge's\n"
        "# is its node name.\n\n"
        "user cloud\n",
        root);
    for_each_form(TOPIC_SIDE_CLOUD, put_cloud_rule, root, out);
    buf_put_text(out, "# What the broker had to drop, for cloud-consumer status: it must stay 0.\n"
                      "topic read $SYS/broker/publish/messages/dropped\n");
    buf_put_text(out,
                 "\n# Every node: its own topics, and what is for all nodes. Mosquitto warns of\n"
                 "# patterns without a user in them; they are meant so.\n");
    for_each_form(TOPIC_SIDE_CLOUD, put_node_rule, root, out);
}

static void put_parameters(struct buf *out, struct bytes form)
{
    size_t at = 0, start;
    struct bytes word;
    const char *separator = "";
    buf_put_text(out, "      \"parameters\": {");
    while (next_placeholder(form, &at, &start, &word)) {
        buf_put_text(out, separator);
        buf_put_text(out, "\n        ");
        buf_put_json_text(out, word);
        buf_put_text(out, ": {\"$ref\": \"#/components/parameters/");
        buf_put(out, word);
        buf_put_text(out, "\"}");
        separator = ",";
    }
    buf_put_text(out, "\n      },\n");
}

static const char *content_type_of(enum topic_id id)
{
    if (topic_row_of(id)->side == TOPIC_SIDE_CLOUD) return "application/msgpack";
    return id == TOPIC_LOCAL_EVIDENCE ? "application/octet-stream" : "application/json";
}

/* In AsyncAPI 2 "subscribe" is what the described application sends, "publish" what it gets. */
static void put_channel(struct buf *out, const char *root, enum topic_id id, struct bytes form)
{
    const struct topic_row *row = topic_row_of(id);
    buf_put_text(out, id == 0 ? "    \"" : ",\n    \"");
    if (row->side == TOPIC_SIDE_CLOUD) buf_put_format(out, "%s/", root);
    buf_put(out, form);
    buf_put_text(out, "\": {\n      \"description\": ");
    buf_put_json_text(out, bytes_of_text(row->carries));
    buf_put_text(out, ",\n");
    size_t at = 0, start;
    struct bytes word;
    if (next_placeholder(form, &at, &start, &word)) put_parameters(out, form);
    buf_put_format(out,
                   "      \"%s\": {\n"
                   "        \"bindings\": {\"mqtt\": {\"qos\": 1, \"retain\": %s}},\n"
                   "        \"message\": {\n"
                   "          \"contentType\": \"%s\",\n"
                   "          \"payload\": {\"type\": \"string\", \"format\": \"binary\", "
                   "\"maxLength\": %zu}\n"
                   "        }\n      }\n    }",
                   row->writer == TOPIC_WRITER_EDGE ? "subscribe" : "publish",
                   row->retained ? "true" : "false", content_type_of(id), row->size_max);
}

static void put_components(struct buf *out)
{
    buf_put_text(out, "  \"components\": {\n    \"parameters\": {");
    for (size_t i = 0; i < COUNT_OF(placeholders); i++) {
        buf_put_format(out,
                       "%s\n      \"%s\": {\n"
                       "        \"description\": \"%s\",\n"
                       "        \"schema\": {\"type\": \"string\", \"pattern\": \"%s\"}\n      }",
                       i == 0 ? "" : ",", placeholders[i].name, placeholders[i].description,
                       placeholders[i].pattern);
    }
    buf_put_text(out, "\n    }\n  }\n");
}

void topics_print_asyncapi(const char *root, struct buf *out)
{
    INVARIANT(topic_root_ok(root));
    buf_put_text(
        out, "{\n  \"asyncapi\": \"2.6.0\",\n  \"info\": {\n"
             "    \"title\": \"Holdfast edge bridge\",\n    \"version\": \"1.0.0\",\n"
             "    \"description\": \"All MQTT topics, told from the edge bridge's side: it sends "
             "what can be subscribed to, and gets what can be published. Topics under local/ are "
             "on the node's own broker, all others on the cloud's. MQTT 5, QoS 1.\"\n"
             "  },\n  \"channels\": {\n");
    for_each_form(TOPIC_SIDE_CLOUD, put_channel, root, out);
    for_each_form(TOPIC_SIDE_LOCAL, put_channel, root, out);
    buf_put_text(out, "\n  },\n");
    put_components(out);
    buf_put_text(out, "}\n");
}
