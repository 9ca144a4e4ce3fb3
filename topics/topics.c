/* topics.c - matching topics against the table, and building them from it. */
#include "topics/topics.h"

#include <string.h>

#define TOPIC_AS_ROW(id_, side_, template_, writer_, retained_, size_max_, carries_)               \
    [id_] = {.side = TOPIC_SIDE_##side_,                                                           \
             .template_text = template_,                                                           \
             .writer = TOPIC_WRITER_##writer_,                                                     \
             .retained = retained_,                                                                \
             .size_max = size_max_,                                                                \
             .carries = carries_},
static const struct topic_row topic_rows[TOPIC_ID_COUNT] = {TOPIC_MAP(TOPIC_AS_ROW)};
#undef TOPIC_AS_ROW

const struct topic_row *topic_row_of(enum topic_id id)
{
    INVARIANT(id < TOPIC_ID_COUNT);
    return &topic_rows[id];
}

/* Cuts the level in front of the first "/" off *rest. After the last level rest->data is NULL, so
 * that a "/" at the end is seen as one more, empty level. */
static bool next_level(struct bytes *rest, struct bytes *level)
{
    if (!rest->data) return false;
    const uint8_t *slash = rest->size ? memchr(rest->data, '/', rest->size) : NULL;
    if (!slash) {
        *level = *rest;
        *rest = BYTES_EMPTY;
        return true;
    }
    *level = bytes_of(rest->data, (size_t)(slash - rest->data));
    *rest = bytes_from(*rest, level->size + 1);
    return true;
}

static bool is(struct bytes text, const char *word)
{
    return bytes_equal(text, bytes_of_text(word));
}

static bool is_name_placeholder(struct bytes level)
{
    return is(level, "{type}") || is(level, "{key}") || is(level, "{model}") ||
           is(level, "{track}");
}

static bool digest_text_ok(struct bytes text)
{
    if (text.size != 2 * DIGEST_SIZE) return false;
    for (size_t i = 0; i < text.size; i++) {
        const uint8_t c = text.data[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) return false;
    }
    return true;
}

/* first is the level where {scope} begins; a second one, when it has one, is cut off *rest. */
static bool match_scope(struct bytes first, struct bytes *rest, struct bytes *scope)
{
    *scope = first;
    if (is(first, "fleet")) return true;
    struct bytes whose;
    if (!next_level(rest, &whose)) return false;
    *scope = bytes_of(first.data, first.size + 1 + whose.size);
    if (is(first, "group")) return ids_level_name_ok(whose);
    return is(first, "node") && ids_node_name_ok(whose);
}

static bool match_level(struct bytes wanted, struct bytes level, struct bytes *rest,
                        struct topic_parts *out)
{
    if (wanted.size == 0 || wanted.data[0] != '{') return bytes_equal(wanted, level);
    if (is(wanted, "{node}")) {
        out->node = level;
        return ids_node_name_ok(level);
    }
    if (is(wanted, "{hash}")) {
        out->hash = level;
        return digest_text_ok(level);
    }
    if (is(wanted, "{scope}")) return match_scope(level, rest, &out->scope);
    INVARIANT(is_name_placeholder(wanted));
    out->name = level;
    return ids_level_name_ok(level);
}

static bool match_template(const char *template_text, struct bytes below_root,
                           struct topic_parts *out)
{
    struct bytes template_rest = bytes_of_text(template_text), rest = below_root;
    struct bytes wanted, level;
    while (next_level(&template_rest, &wanted)) {
        if (!next_level(&rest, &level)) return false;
        if (!match_level(wanted, level, &rest, out)) return false;
    }
    return !rest.data;
}

/* The topic without "{root}/"; nothing when it is not below the root. */
static struct bytes cut_root(struct bytes root, struct bytes topic)
{
    if (topic.size <= root.size + 1 || topic.data[root.size] != '/') return BYTES_EMPTY;
    if (!bytes_equal(root, bytes_of(topic.data, root.size))) return BYTES_EMPTY;
    return bytes_from(topic, root.size + 1);
}

enum status topic_parse(const char *root, struct bytes topic, struct topic_parts *out)
{
    if (topic.size == 0 || topic.size >= TOPIC_SIZE_MAX) return ST_MALFORMED;
    const struct bytes of_side[] = {
        [TOPIC_SIDE_CLOUD] = cut_root(bytes_of_text(root), topic),
        [TOPIC_SIDE_LOCAL] = topic,
    };
    for (size_t i = 0; i < TOPIC_ID_COUNT; i++) {
        const struct topic_row *row = &topic_rows[i];
        struct topic_parts parts = {.id = (enum topic_id)i, .below_root = of_side[row->side]};
        if (match_template(row->template_text, parts.below_root, &parts)) {
            *out = parts;
            return ST_OK;
        }
    }
    return ST_MALFORMED;
}

/* What the placeholders shall stand for; NULL where the template has none. */
struct topic_words {
    const char *node, *name, *scope, *hash;
};

static bool scope_ok(struct bytes scope)
{
    struct bytes rest = scope, first, whole;
    return next_level(&rest, &first) && match_scope(first, &rest, &whole) && !rest.data;
}

/* What a level of the template becomes. */
static enum status fill_level(const struct topic_words *words, struct bytes *level)
{
    if (is(*level, "{node}")) {
        INVARIANT(words->node);
        *level = bytes_of_text(words->node);
        return is(*level, "+") || ids_node_name_ok(*level) ? ST_OK : ST_MALFORMED;
    }
    if (is_name_placeholder(*level)) {
        INVARIANT(words->name);
        *level = bytes_of_text(words->name);
        return is(*level, "+") || ids_level_name_ok(*level) ? ST_OK : ST_MALFORMED;
    }
    if (is(*level, "{scope}")) {
        INVARIANT(words->scope);
        *level = bytes_of_text(words->scope);
        return scope_ok(*level) ? ST_OK : ST_MALFORMED;
    }
    if (is(*level, "{hash}")) {
        INVARIANT(words->hash);
        *level = bytes_of_text(words->hash);
        return ST_OK;
    }
    INVARIANT(level->data[0] != '{');
    return ST_OK;
}

static enum status build(const char *root, enum topic_id id, const struct topic_words *words,
                         struct topic_text *out)
{
    const struct topic_row *row = topic_row_of(id);
    struct buf text = buf_of(out->text, sizeof out->text);
    if (row->side == TOPIC_SIDE_CLOUD) {
        buf_put_text(&text, root);
        buf_put_u8(&text, '/');
    }
    const size_t below_root = text.size;

    struct bytes rest = bytes_of_text(row->template_text), level;
    while (next_level(&rest, &level)) {
        TRY(fill_level(words, &level));
        if (text.size > below_root) buf_put_u8(&text, '/');
        buf_put(&text, level);
    }
    buf_put_u8(&text, '\0');
    if (!buf_ok(&text)) return ST_TOO_LARGE;
    out->size = text.size - 1;
    out->below_root = below_root;
    return ST_OK;
}

enum status topic_build(const char *root, enum topic_id id, const char *node, const char *name,
                        struct topic_text *out)
{
    const struct topic_words words = {.node = node, .name = name};
    return build(root, id, &words, out);
}

enum status topic_build_scoped(const char *root, enum topic_id id, const char *scope,
                               const char *name, struct topic_text *out)
{
    const struct topic_words words = {.name = name, .scope = scope};
    return build(root, id, &words, out);
}

enum status topic_build_chunk(const char *root, const char *model, const struct digest *hash,
                              struct topic_text *out)
{
    char hex[2 * DIGEST_SIZE + 1];
    hex_encode(bytes_of(hash->bytes, DIGEST_SIZE), hex);
    const struct topic_words words = {.name = model, .hash = hex};
    return build(root, TOPIC_MODEL_CHUNK, &words, out);
}

struct bytes topic_text_bytes(const struct topic_text *topic)
{
    return bytes_of(topic->text, topic->size);
}

struct bytes topic_text_below_root(const struct topic_text *topic)
{
    return bytes_from(topic_text_bytes(topic), topic->below_root);
}

bool topic_root_ok(const char *root)
{
    struct bytes rest = bytes_of_text(root), level;
    if (rest.size == 0 || rest.size > TOPIC_ROOT_SIZE_MAX) return false;
    bool first = true;
    while (next_level(&rest, &level)) {
        if (level.size == 0 || (first && is(level, "local"))) return false;
        for (size_t i = 0; i < level.size; i++) {
            const char c = (char)level.data[i];
            const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            const bool digit = c >= '0' && c <= '9';
            if (!letter && !digit && c != '.' && c != '_' && c != '-') return false;
        }
        first = false;
    }
    return true;
}

bool topic_template_form(const struct topic_row *row, enum topic_scope scope, struct buf *out)
{
    static const char *const scope_texts[TOPIC_SCOPE_COUNT] = {
        [TOPIC_SCOPE_FLEET] = "fleet",
        [TOPIC_SCOPE_GROUP] = "group/{group}",
        [TOPIC_SCOPE_NODE] = "node/{node}",
    };
    INVARIANT(scope < TOPIC_SCOPE_COUNT);
    const char *placeholder = strstr(row->template_text, "{scope}");
    if (!placeholder) {
        if (scope != 0) return false;
        buf_put_text(out, row->template_text);
        return true;
    }
    buf_put(out, bytes_of(row->template_text, (size_t)(placeholder - row->template_text)));
    buf_put_text(out, scope_texts[scope]);
    buf_put_text(out, placeholder + strlen("{scope}"));
    return true;
}
