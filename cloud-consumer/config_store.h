/* config_store.h - what the config master wants of its store; reached as store->configs.
 *
 * Verbs work inside the transaction of evidence_store.h and answer with the same errors. A register
 * is kept as its canonical bytes (common/data/config.h); count and digest of a scope go with it, so
 * that nobody ever sums over registers. The history of writes is immutable: the store itself
 * refuses to change or delete it.
 *
 * Registers that are to be published wait in the store as well, as numbers, those that changed
 * before those that somebody lacks; so a change is published although the process ended between
 * its commit and its turn. */
#ifndef HOLDFAST_CLOUD_CONSUMER_CONFIG_STORE_H
#define HOLDFAST_CLOUD_CONSUMER_CONFIG_STORE_H

#include "cloud-consumer/evidence_store.h"
#include "cloud-consumer/node_sync.h"
#include "common/data/config.h"
#include "common/data/replica_digest.h"
#include "common/wire/config_msg.h"
#include "common/wire/roster_msg.h"
#include "common/wire/state_msg.h"

/* Single numbers that must last. They are stored: new ones go to the end. */
enum config_number {
    CONFIG_NUMBER_ROSTER = 1,  /* version of the roster */
    CONFIG_NUMBER_REGAINED = 2 /* registers that edges gave back */
};

enum config_outcome { CONFIG_LOST = 0, CONFIG_WON = 1 };

struct config_history_row {
    int64_t id;
    struct config_entry entry; /* its content is in the caller's buf */
    struct node_name from;     /* the node that sent it, or "cloud" */
    uint64_t operation;        /* 0: not a node's own write */
    int64_t at_ms;
    enum config_outcome outcome;
};

/* Who may write a key, besides the operator. They are stored. */
enum config_writer { CONFIG_WRITER_CLOUD = 1, CONFIG_WRITER_NODE = 2, CONFIG_WRITER_ANY = 3 };

struct config_rule {
    struct level_name key;
    enum config_writer writer;
    enum config_type type; /* CONFIG_NONE: any */
};

struct config_sums {
    uint64_t registers, nodes_differ;
};

struct config_store_verbs {
    enum status (*sums)(struct evidence_store *store, struct config_sums *out);
    /* 0 when it was never set. */
    enum status (*number_get)(struct evidence_store *store, enum config_number which,
                              uint64_t *out);
    enum status (*number_set)(struct evidence_store *store, enum config_number which,
                              uint64_t value);

    enum status (*sync_get)(struct evidence_store *store, int64_t node, struct node_sync *out);
    enum status (*sync_put)(struct evidence_store *store, const struct node_sync *row);
    /* What the node said last that it holds, as state_msg.h packs it. */
    enum status (*report_get)(struct evidence_store *store, int64_t node, struct buf *out);
    enum status (*report_put)(struct evidence_store *store, int64_t node, struct bytes summary);
    /* All that have reported and hold this scope differ from now on. */
    enum status (*scope_differs)(struct evidence_store *store, const struct config_scope *scope);

    enum status (*groups_get)(struct evidence_store *store, int64_t node,
                              struct level_name out[NODE_GROUPS_MAX], size_t *count);
    enum status (*groups_set)(struct evidence_store *store, int64_t node,
                              const struct level_name *groups, size_t count);
    /* The first group of any node after this name; empty: the first one. */
    enum status (*group_next)(struct evidence_store *store, const struct level_name *after,
                              struct level_name *out);
    /* In the order of names, after this one; *id is the node's row id. Groups are left alone. */
    enum status (*roster_next)(struct evidence_store *store, const struct node_name *after,
                               int64_t *id, struct roster_node *out);

    /* The content lives in `memory` (CONFIG_BYTES_MAX). */
    enum status (*register_get)(struct evidence_store *store, const struct config_key *key,
                                struct buf *memory, struct config_register *out);
    enum status (*register_at)(struct evidence_store *store, int64_t id, struct buf *memory,
                               struct config_entry *out);
    /* encoded: config_encode's bytes of the entry; hash: config_hash of them. Replaces. *id is the
     * register's number. */
    enum status (*register_put)(struct evidence_store *store, const struct config_entry *entry,
                                struct bytes encoded, const struct config_digest *hash,
                                int64_t *id);
    /* In the order of scope kind, scope name, key name; above `after`, whose names may be empty. */
    enum status (*register_next)(struct evidence_store *store, const struct config_key *after,
                                 struct buf *memory, int64_t *id, struct config_entry *out);
    /* In the order of key names above `after`: the number and hash alone. */
    enum status (*register_peek)(struct evidence_store *store, const struct config_scope *scope,
                                 const struct level_name *after, int64_t *id,
                                 struct level_name *key, struct config_digest *hash);
    /* Count 0 and a zero digest for a scope without registers. */
    enum status (*scope_get)(struct evidence_store *store, const struct config_scope *scope,
                             struct config_scope_digest *out);

    /* urgent: it changed just now. */
    enum status (*due_add)(struct evidence_store *store, int64_t id, bool urgent);
    enum status (*due_all)(struct evidence_store *store);
    enum status (*due_first)(struct evidence_store *store, int64_t *id);
    enum status (*due_drop)(struct evidence_store *store, int64_t id);

    enum status (*history_add)(struct evidence_store *store, const struct config_history_row *row,
                               struct bytes encoded);
    /* The newest one before the number `before`; key NULL: of any key. */
    enum status (*history_before)(struct evidence_store *store, int64_t before,
                                  const struct level_name *key, struct buf *memory,
                                  struct config_history_row *out);

    /* How far the node's writes under this incarnation were judged; 0: none was. */
    enum status (*judged_get)(struct evidence_store *store, int64_t node, uint32_t incarnation,
                              uint64_t *out);
    enum status (*judged_put)(struct evidence_store *store, int64_t node, uint32_t incarnation,
                              uint64_t judged);
    /* Longer by one operation; the newest ACK_REFUSALS_MAX ranges are kept. */
    enum status (*refused_add)(struct evidence_store *store, int64_t node, uint32_t incarnation,
                               const struct ack_refusal *range);
    enum status (*refused_get)(struct evidence_store *store, int64_t node, uint32_t incarnation,
                               struct ack_refusal out[ACK_REFUSALS_MAX], size_t *count);

    enum status (*rule_get)(struct evidence_store *store, const struct level_name *key,
                            struct config_rule *out);
    enum status (*rule_put)(struct evidence_store *store, const struct config_rule *rule);
    enum status (*rule_remove)(struct evidence_store *store, const struct level_name *key);
    enum status (*rule_next)(struct evidence_store *store, const struct level_name *after,
                             struct config_rule *out);
};

/* CONFIGS(cloud, rule_get, &key, &rule) */
#define CONFIGS(owner, verb, ...) ((owner)->store->configs->verb((owner)->store, __VA_ARGS__))

#endif
