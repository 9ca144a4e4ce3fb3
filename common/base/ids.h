/* ids.h - the identifiers that everything speaks of, each a type of its own so that the compiler
 * catches a swap.
 *
 * Names (node, type, key, model, track, group) are single topic levels; the rules stand in
 * ids_node_name_ok and ids_level_name_ok and hold at init, at enrolment and at every parse. */
#ifndef HOLDFAST_COMMON_BASE_IDS_H
#define HOLDFAST_COMMON_BASE_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/bytes.h"

enum {
    NODE_NAME_SIZE = 32,      /* 31 characters, NUL padded */
    LEVEL_NAME_SIZE_MAX = 64, /* characters, without NUL */
    LOG_ID_SIZE = 16,
    STORE_ID_SIZE = 16,
    NONCE_SIZE = 16,
    DIGEST_SIZE = 32,
};

struct node_name {
    char text[NODE_NAME_SIZE]; /* [a-z0-9][a-z0-9-]{0,30}, NUL padded to the end */
};

struct level_name {
    char text[LEVEL_NAME_SIZE_MAX + 1]; /* [A-Za-z0-9][A-Za-z0-9._-]{0,63}, NUL terminated */
};

struct log_id {
    uint8_t bytes[LOG_ID_SIZE]; /* random at genesis */
};

struct store_id {
    uint8_t bytes[STORE_ID_SIZE]; /* random at the cloud's init and after its restore */
};

struct nonce {
    uint8_t bytes[NONCE_SIZE]; /* random per connection of an edge */
};

struct digest {
    uint8_t bytes[DIGEST_SIZE]; /* SHA-256 */
};

/* [a-z0-9][a-z0-9-]{0,30} and not one of cloud, config, models, local, fleet, group, node. */
bool ids_node_name_ok(struct bytes text);
/* [A-Za-z0-9][A-Za-z0-9._-]{0,63} */
bool ids_level_name_ok(struct bytes text);

/* ST_MALFORMED when the rule above refuses the text; *out is untouched then. */
MUST_USE enum status node_name_from(struct bytes text, struct node_name *out);
MUST_USE enum status level_name_from(struct bytes text, struct level_name *out);

bool node_name_equal(const struct node_name *a, const struct node_name *b);
bool log_id_equal(const struct log_id *a, const struct log_id *b);
bool store_id_equal(const struct store_id *a, const struct store_id *b);
bool nonce_equal(const struct nonce *a, const struct nonce *b);
bool digest_equal(const struct digest *a, const struct digest *b);
bool digest_is_zero(const struct digest *digest);

#endif
