/* config.c - keys, values and the order of configuration registers. */
#include "common/data/config.h"

#include <math.h>
#include <string.h>

#include "common/data/hlc.h"
#include "common/data/text.h"

enum { FORM = 1, SCALAR_BYTES_MAX = 9 };

static const uint64_t sign_bit = UINT64_C(1) << 63;

/* ------------------------------------------------------------------- keys */

static const struct {
    const char *prefix;
    size_t size;
} scope_prefixes[CONFIG_SCOPE_KIND_COUNT] = {
    [CONFIG_SCOPE_FLEET] = {"fleet", 5},
    [CONFIG_SCOPE_GROUP] = {"group/", 6},
    [CONFIG_SCOPE_NODE] = {"node/", 5},
};

static struct bytes level_text(const struct level_name *name)
{
    return bytes_of(name->text, strnlen(name->text, sizeof name->text));
}

static bool level_equal(const struct level_name *a, const struct level_name *b)
{
    return bytes_equal(level_text(a), level_text(b));
}

bool config_scope_ok(const struct config_scope *scope)
{
    const struct bytes name = level_text(&scope->name);
    switch (scope->kind) {
    case CONFIG_SCOPE_FLEET:
        return name.size == 0;
    case CONFIG_SCOPE_GROUP:
        return ids_level_name_ok(name);
    case CONFIG_SCOPE_NODE:
        return ids_node_name_ok(name);
    case CONFIG_SCOPE_KIND_COUNT:
        break;
    }
    return false;
}

enum status config_scope_from(struct bytes text, struct config_scope *out)
{
    for (unsigned kind = 0; kind < CONFIG_SCOPE_KIND_COUNT; kind++) {
        const size_t size = scope_prefixes[kind].size;
        if (text.size < size || memcmp(text.data, scope_prefixes[kind].prefix, size) != 0) continue;
        struct config_scope scope = {.kind = (enum config_scope_kind)kind};
        const struct bytes name = bytes_from(text, size);
        if (name.size > LEVEL_NAME_SIZE_MAX) return ST_MALFORMED;
        if (name.size > 0) memcpy(scope.name.text, name.data, name.size);
        if (level_text(&scope.name).size != name.size || !config_scope_ok(&scope))
            return ST_MALFORMED;
        *out = scope;
        return ST_OK;
    }
    return ST_MALFORMED;
}

size_t config_scope_text(const struct config_scope *scope, char out[CONFIG_SCOPE_TEXT_SIZE])
{
    struct buf text = buf_of(out, CONFIG_SCOPE_TEXT_SIZE - 1);
    buf_put_text(&text, scope_prefixes[scope->kind].prefix);
    buf_put(&text, level_text(&scope->name));
    INVARIANT(buf_ok(&text));
    out[text.size] = '\0';
    return text.size;
}

bool config_key_equal(const struct config_key *a, const struct config_key *b)
{
    return a->scope.kind == b->scope.kind && level_equal(&a->scope.name, &b->scope.name) &&
           level_equal(&a->name, &b->name);
}

/* ----------------------------------------------------------------- values */

const char *config_type_name(enum config_type type)
{
    static const char *const names[CONFIG_TYPE_COUNT] = {"none",   "bool",  "int", "float",
                                                         "string", "bytes", "json"};
    INVARIANT(type < CONFIG_TYPE_COUNT);
    return names[type];
}

enum status config_value_check(struct config_value *value)
{
    if (value->content.size > CONFIG_VALUE_SIZE_MAX) return ST_TOO_LARGE;
    switch (value->type) {
    case CONFIG_NONE:
    case CONFIG_BOOL:
    case CONFIG_INT:
    case CONFIG_BYTES:
        return ST_OK;
    case CONFIG_FLOAT:
        if (value->real == 0) value->real = 0; /* -0 equals 0 too */
        return isfinite(value->real) ? ST_OK : ST_MALFORMED;
    case CONFIG_STRING:
        return text_is_utf8(value->content) ? ST_OK : ST_MALFORMED;
    case CONFIG_JSON:
        return text_is_json(value->content) ? ST_OK : ST_MALFORMED;
    case CONFIG_TYPE_COUNT:
        break;
    }
    return ST_MALFORMED;
}

static bool has_content(enum config_type type)
{
    return type == CONFIG_STRING || type == CONFIG_BYTES || type == CONFIG_JSON;
}

static uint64_t bits_of(double real)
{
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    return bits;
}

/* The value bytes without content. */
static void scalar_encode(const struct config_value *value, struct buf *out)
{
    buf_put_u8(out, (uint8_t)value->type);
    if (value->type == CONFIG_BOOL) buf_put_u8(out, value->truth);
    if (value->type == CONFIG_INT) buf_put_u64(out, (uint64_t)value->integer ^ sign_bit);
    if (value->type == CONFIG_FLOAT) {
        const uint64_t bits = bits_of(value->real);
        buf_put_u64(out, (bits & sign_bit) != 0 ? ~bits : bits ^ sign_bit);
    }
}

void config_value_encode(const struct config_value *value, struct buf *out)
{
    scalar_encode(value, out);
    if (has_content(value->type)) buf_put(out, value->content);
}

static int value_compare(const struct config_value *a, const struct config_value *b)
{
    uint8_t memory[2][SCALAR_BYTES_MAX];
    struct buf scalars[2] = {buf_of(memory[0], SCALAR_BYTES_MAX),
                             buf_of(memory[1], SCALAR_BYTES_MAX)};
    scalar_encode(a, &scalars[0]);
    scalar_encode(b, &scalars[1]);
    const int order = bytes_compare(buf_bytes(&scalars[0]), buf_bytes(&scalars[1]));
    if (order != 0 || !has_content(a->type)) return order;
    return bytes_compare(a->content, b->content);
}

/* -------------------------------------------------------------- registers */

static int order_of(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

int config_compare(const struct config_register *a, const struct config_register *b)
{
    int order = order_of(a->epoch, b->epoch);
    if (order == 0) order = order_of(a->hlc, b->hlc);
    if (order == 0) order = memcmp(a->node.text, b->node.text, NODE_NAME_SIZE);
    if (order == 0) order = order_of(a->deleted, b->deleted);
    return order != 0 ? order : value_compare(&a->value, &b->value);
}

const struct config_register *config_join(const struct config_register *a,
                                          const struct config_register *b)
{
    return config_compare(a, b) < 0 ? b : a;
}

static struct bytes node_text(const struct node_name *node)
{
    return bytes_of(node->text, strnlen(node->text, NODE_NAME_SIZE));
}

bool config_register_ok(const struct config_register *reg)
{
    const struct bytes node = node_text(&reg->node);
    if (!ids_node_name_ok(node) && !bytes_equal(node, BYTES_LITERAL("cloud"))) return false;
    if (reg->hlc == 0 || reg->hlc > HLC_STAMP_MAX) return false;
    if (reg->deleted != (reg->value.type == CONFIG_NONE)) return false;
    struct config_value value = reg->value;
    if (value.type == CONFIG_FLOAT && value.real == 0 && signbit(value.real)) return false;
    return config_value_check(&value) == ST_OK;
}

static void put_name(struct bytes name, struct buf *out)
{
    buf_put_u8(out, (uint8_t)name.size);
    buf_put(out, name);
}

void config_encode(const struct config_key *key, const struct config_register *reg, struct buf *out)
{
    buf_put_u8(out, FORM);
    buf_put_u8(out, (uint8_t)key->scope.kind);
    put_name(level_text(&key->scope.name), out);
    put_name(level_text(&key->name), out);
    buf_put_u32(out, reg->epoch);
    buf_put_u64(out, reg->hlc);
    put_name(node_text(&reg->node), out);
    buf_put_u8(out, reg->deleted);
    config_value_encode(&reg->value, out);
}

/* Takes size bytes off the front of *rest; false: there are not that many. */
static bool take(struct bytes *rest, size_t size, struct bytes *out)
{
    if (rest->size < size) return false;
    *out = bytes_of(rest->data, size);
    *rest = bytes_from(*rest, size);
    return true;
}

/* A size and a name, into zeroed text of that capacity, which stays NUL terminated. */
static bool take_name(struct bytes *rest, char *text, size_t capacity)
{
    struct bytes size, name;
    if (!take(rest, 1, &size) || !take(rest, size.data[0], &name)) return false;
    if (name.size >= capacity) return false;
    memset(text, 0, capacity);
    if (name.size > 0) memcpy(text, name.data, name.size);
    return strnlen(text, capacity) == name.size;
}

static bool decode_key(struct bytes *rest, struct config_key *key)
{
    struct bytes head;
    if (!take(rest, 2, &head) || head.data[0] != FORM) return false;
    if (head.data[1] >= CONFIG_SCOPE_KIND_COUNT) return false;
    key->scope.kind = (enum config_scope_kind)head.data[1];
    return take_name(rest, key->scope.name.text, sizeof key->scope.name.text) &&
           config_scope_ok(&key->scope) && take_name(rest, key->name.text, sizeof key->name.text) &&
           ids_level_name_ok(level_text(&key->name));
}

static double real_of(uint64_t order_bits)
{
    const uint64_t bits = (order_bits & sign_bit) != 0 ? order_bits ^ sign_bit : ~order_bits;
    double real;
    memcpy(&real, &bits, sizeof real);
    return real;
}

static bool decode_value(struct bytes rest, struct config_value *value)
{
    struct bytes type;
    if (!take(&rest, 1, &type) || type.data[0] >= CONFIG_TYPE_COUNT) return false;
    *value = (struct config_value){.type = (enum config_type)type.data[0]};
    switch (value->type) {
    case CONFIG_NONE:
        return rest.size == 0;
    case CONFIG_BOOL:
        if (rest.size != 1 || rest.data[0] > 1) return false;
        value->truth = rest.data[0] == 1;
        return true;
    case CONFIG_INT:
        if (rest.size != 8) return false;
        value->integer = (int64_t)(get_u64(rest.data) ^ sign_bit);
        return true;
    case CONFIG_FLOAT:
        if (rest.size != 8) return false;
        value->real = real_of(get_u64(rest.data));
        return true;
    case CONFIG_STRING:
    case CONFIG_BYTES:
    case CONFIG_JSON:
        value->content = rest;
        return true;
    case CONFIG_TYPE_COUNT:
        break;
    }
    return false;
}

enum status config_decode(struct bytes bytes, struct config_key *key, struct config_register *reg)
{
    struct bytes rest = bytes, stamps, deleted;
    if (bytes.size > CONFIG_BYTES_MAX) return ST_TOO_LARGE;
    if (!decode_key(&rest, key) || !take(&rest, 12, &stamps)) return ST_MALFORMED;
    *reg = (struct config_register){
        .epoch = get_u32(stamps.data),
        .hlc = get_u64(stamps.data + 4),
    };
    if (!take_name(&rest, reg->node.text, sizeof reg->node.text)) return ST_MALFORMED;
    if (!take(&rest, 1, &deleted) || deleted.data[0] > 1) return ST_MALFORMED;
    reg->deleted = deleted.data[0] == 1;
    if (!decode_value(rest, &reg->value)) return ST_MALFORMED;
    if (reg->value.content.size > CONFIG_VALUE_SIZE_MAX) return ST_TOO_LARGE;
    return config_register_ok(reg) ? ST_OK : ST_MALFORMED;
}

const struct config_register *config_effective(const struct config_candidate *candidates,
                                               size_t count)
{
    const struct config_candidate *best = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct config_candidate *const next = &candidates[i];
        if (next->reg == NULL || next->reg->deleted) continue;
        if (best == NULL || next->scope > best->scope ||
            (next->scope == best->scope && config_compare(next->reg, best->reg) > 0))
            best = next;
    }
    return best == NULL ? NULL : best->reg;
}
