/* config.h - one configuration register: its key, its typed value, and the order that decides
 * between two writes.
 *
 * A register is written as a whole; of two writes the greater one stays, in the order
 *   (epoch, hlc, node, deleted, value bytes)
 * compared one after the other. The order is total on the content, so replicas that saw the same
 * writes hold the same one, whatever the sequence, even where a restored node used one stamp twice.
 * Deleting is a write too: the register stays, without a value. The epoch is raised by a signed
 * order of an administrator only; it beats every stamp and is the way back from a poisoned clock.
 *
 * The value at a node is that of the narrowest scope that has one: node over group over fleet. */
#ifndef HOLDFAST_COMMON_DATA_CONFIG_H
#define HOLDFAST_COMMON_DATA_CONFIG_H

#include "common/base/bounds.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"

/* A wider scope is less: a narrower one wins. */
enum config_scope_kind {
    CONFIG_SCOPE_FLEET = 0,
    CONFIG_SCOPE_GROUP = 1,
    CONFIG_SCOPE_NODE = 2,
    CONFIG_SCOPE_KIND_COUNT
};

struct config_scope {
    enum config_scope_kind kind;
    struct level_name name; /* of the group or node; empty for the fleet; zero behind the text */
};

enum { CONFIG_SCOPE_TEXT_SIZE = 8 + LEVEL_NAME_SIZE_MAX }; /* with the NUL */

/* "fleet", "group/G" or "node/N". Errors: ST_MALFORMED; *out is untouched then. */
MUST_USE enum status config_scope_from(struct bytes text, struct config_scope *out);
/* NUL terminated; returns the size without NUL. */
size_t config_scope_text(const struct config_scope *scope, char out[CONFIG_SCOPE_TEXT_SIZE]);
bool config_scope_ok(const struct config_scope *scope);

/* What a register is found by. */
struct config_key {
    struct config_scope scope;
    struct level_name name; /* zero behind the text */
};

bool config_key_equal(const struct config_key *a, const struct config_key *b);

enum config_type {
    CONFIG_NONE = 0, /* of a deleted register, and only there */
    CONFIG_BOOL = 1,
    CONFIG_INT = 2,
    CONFIG_FLOAT = 3,
    CONFIG_STRING = 4, /* UTF-8 without NUL */
    CONFIG_BYTES = 5,
    CONFIG_JSON = 6, /* text_is_json; the text itself is the value, blanks and all */
    CONFIG_TYPE_COUNT
};

/* "bool", "int" ...; never NULL. */
const char *config_type_name(enum config_type type);

/* Only the member that the type names means something. content is borrowed: of a string, of bytes
 * or of JSON, at most CONFIG_VALUE_SIZE_MAX bytes. */
struct config_value {
    enum config_type type;
    bool truth;
    int64_t integer;
    double real; /* finite, and never -0: each number has one form */
    struct bytes content;
};

/* Makes -0 a 0 and checks the rules above. Errors: ST_MALFORMED, ST_TOO_LARGE. */
MUST_USE enum status config_value_check(struct config_value *value);

struct config_register {
    uint32_t epoch;
    uint64_t hlc;          /* 1 … HLC_STAMP_MAX */
    struct node_name node; /* who wrote it; "cloud" is allowed here */
    bool deleted;
    struct config_value value; /* CONFIG_NONE exactly when deleted */
};

/* The order above; <0, 0, >0. */
int config_compare(const struct config_register *a, const struct config_register *b);

/* The greater one: a when they are equal. */
const struct config_register *config_join(const struct config_register *a,
                                          const struct config_register *b);

bool config_register_ok(const struct config_register *reg);

/* Canonical bytes of a register with its key, for stores and digests: equal content has equal
 * bytes, and no other bytes decode. Big-endian:
 *   1 form = 1 | 1 scope kind | 1 size, scope name | 1 size, key name | 4 epoch | 8 hlc |
 *   1 size, node | 1 deleted | value bytes to the end
 * The value bytes, by which the order above compares, are 1 type and then: nothing for none; 1
 * truth; 8 integer with its sign bit flipped; 8 IEEE 754 binary64, sign bit flipped when clear and
 * all bits when set (so that a greater number has greater bytes); the content. */
enum {
    CONFIG_HEAD_BYTES_MAX = 2 + 2 * (1 + LEVEL_NAME_SIZE_MAX) + 4 + 8 + 1 + NODE_NAME_SIZE + 1,
    CONFIG_BYTES_MAX = CONFIG_HEAD_BYTES_MAX + 1 + CONFIG_VALUE_SIZE_MAX,
};
/* Key and register are valid. Ask buf_ok(out). */
void config_encode(const struct config_key *key, const struct config_register *reg,
                   struct buf *out);
void config_value_encode(const struct config_value *value, struct buf *out);
/* The content is borrowed from bytes. Errors: ST_MALFORMED, ST_TOO_LARGE; *key and *reg are
 * undefined then. */
MUST_USE enum status config_decode(struct bytes bytes, struct config_key *key,
                                   struct config_register *reg);

struct config_candidate {
    enum config_scope_kind scope;
    const struct config_register *reg; /* NULL: none */
};

/* Of the registers that hold for a node, one for each of its scopes, the one whose value counts:
 * the narrowest that is not deleted; between two groups the greater register. NULL: no value. */
const struct config_register *config_effective(const struct config_candidate *candidates,
                                               size_t count);

#endif
