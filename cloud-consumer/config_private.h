/* config_private.h - what the files of the config master share; nobody else includes this. */
#ifndef HOLDFAST_CLOUD_CONSUMER_CONFIG_PRIVATE_H
#define HOLDFAST_CLOUD_CONSUMER_CONFIG_PRIVATE_H

#include "cloud-consumer/config_master.h"
#include "cloud-consumer/config_store.h"
#include "cloud-consumer/engine.h"
#include "common/wire/config_msg.h"
#include "common/wire/repair_msg.h"

enum {
    PUBLISHED_SLOTS = 4096, /* registers of which is known when they were published last */
    JUDGE_AFTER_MS = 1000,
    PUBLISH_INTERVAL_MS = 2000,
    UNSURE_MAX = 4 * CLOUD_WINDOW_MAX,
};

struct published_at {
    int64_t id;
    uint64_t mono_ns;
};

/* A publish that the broker has not acknowledged. When the connection ends first, it may never have
 * arrived: the broker's session is kept for what we are sent, not for what we send. */
struct unsure {
    uint32_t token;
    int64_t id;             /* number of the register; 0: the roster */
    uint64_t again_mono_ns; /* when to publish it again; 0: its PUBACK may still come */
};

struct cloud_config {
    struct config_writes *writes;
    struct config_have *have;
    struct roster *roster;
    struct buf stored;  /* canonical bytes of a register that was read */
    struct buf encoded; /* of one that is written */
    struct buf content; /* of a value that an operator gave */
    uint64_t roster_version;
    bool roster_due;
    uint64_t roster_mono_ns; /* when it was published last; 0: not on this link */
    bool registers_due;      /* there may be some in the store's list */
    bool all_due;            /* all there are shall come on that list */
    uint64_t judge_mono_ns;  /* when all nodes' reports are judged anew; 0: no need */
    size_t unsure_count;
    struct unsure unsure[UNSURE_MAX];
    /* By number modulo the size: forgetting one only lets it be published sooner. */
    struct published_at published[PUBLISHED_SLOTS];
};

/* Joins a register into the master, with a row of the history; does nothing when it is there
 * already. The content of the entry must not live in config->stored or config->encoded. */
struct config_source {
    struct node_name from;
    uint64_t operation; /* 0: none */
};
MUST_USE enum status cloud_config_join(struct cloud *cloud, const struct config_entry *entry,
                                       const struct config_source *source, bool *won);
/* ST_NOT_FOUND; the content lives in config->stored. */
MUST_USE enum status cloud_config_current(struct cloud *cloud, const struct config_key *key,
                                          struct config_register *out);

/* config_rules.c. What holds for a key: its rule, or the default (there false). */
MUST_USE enum status cloud_config_rule(struct cloud *cloud, const struct level_name *key,
                                       struct config_rule *rule, bool *there);
/* May this node write the key in this scope? Groups as cloud_node_groups gives them. */
bool cloud_config_may_write(const struct config_rule *rule, const struct node_row *node,
                            const struct config_scope *scope, const struct level_name *groups,
                            size_t group_count);
/* Is a value of this type what the rule and the settings ask for? 0: yes. */
int cloud_config_schema(const struct cloud *cloud, const struct config_rule *rule, bool there,
                        const struct config_register *reg);
const char *cloud_config_writer_words(enum config_writer writer);
bool cloud_config_writer_from(struct bytes text, enum config_writer *out);

/* Does the scope hold for the node? */
bool cloud_config_holds(const struct node_row *node, const struct config_scope *scope,
                        const struct level_name *groups, size_t group_count);
struct config_scope cloud_scope_of(enum config_scope_kind kind, const char *name);

/* Remembers the publish that was added to the effects last. */
void cloud_config_unsure(struct cloud *cloud, const struct effects *effects, int64_t id);

/* roster.c */
MUST_USE enum status cloud_roster_fill(struct cloud *cloud, struct effects *effects);

/* node_groups.c. "G1,G2" or nothing; *out: each once, ascending. ST_MALFORMED: not a name;
 * ST_TOO_LARGE: more than a node may be in. */
MUST_USE enum status cloud_groups_parse(struct bytes text, struct level_name out[NODE_GROUPS_MAX],
                                        size_t *count);
/* From now on the node is in these. ST_FULL: there are too many groups; nothing is changed. */
MUST_USE enum status cloud_groups_assign(struct cloud *cloud, const struct node_row *node,
                                         const struct level_name *groups, size_t count);
/* The same of an argument; false: the client has its answer. */
bool cloud_groups_argument(uint32_t client, struct effects *effects, struct bytes text,
                           struct level_name out[NODE_GROUPS_MAX], size_t *count);
/* "G1,G2" */
void cloud_groups_write(const struct level_name *groups, size_t count, struct buf *out);
enum { GROUPS_TEXT_SIZE_MAX = NODE_GROUPS_MAX * (LEVEL_NAME_SIZE_MAX + 1) };

/* Arguments of verbs. False: the client has its answer. */
bool cloud_key_argument(struct cloud *cloud, uint32_t client, struct effects *effects,
                        struct level_name *out);
bool cloud_scope_argument(struct cloud *cloud, uint32_t client, struct effects *effects,
                          struct config_scope *out, bool *there);
/* A RECORD; returns its size. */
size_t cloud_reply_register(struct effects *effects, uint32_t client,
                            const struct config_entry *entry);

/* Long verbs: kinds and cursors in report.h. NULL: the client has its answer. */
enum { SLICE_BYTES_MAX = 256 * 1024 /* of records in one slice */ };
struct cloud_job;
MUST_USE enum status cloud_config_rules_slice(struct cloud *cloud, struct cloud_job *job,
                                              struct effects *effects);
MUST_USE enum status cloud_config_raise_slice(struct cloud *cloud, struct cloud_job *job,
                                              struct effects *effects);

/* config_write.c, config_rules.c, node_groups.c: verbs. */
MUST_USE enum status cloud_verb_config_set(struct cloud *cloud, uint32_t client,
                                           struct effects *effects);
MUST_USE enum status cloud_verb_config_unset(struct cloud *cloud, uint32_t client,
                                             struct effects *effects);
MUST_USE enum status cloud_verb_config_raise(struct cloud *cloud, uint32_t client,
                                             struct effects *effects);
MUST_USE enum status cloud_verb_config_rule(struct cloud *cloud, uint32_t client,
                                            struct effects *effects);
MUST_USE enum status cloud_verb_config_rules(struct cloud *cloud, uint32_t client,
                                             struct effects *effects);
MUST_USE enum status cloud_verb_node_set(struct cloud *cloud, uint32_t client,
                                         struct effects *effects);

#endif
