/* evidence_store.h - what the cloud engine wants of its store: verbs over whole rows and runs, so
 * that the engine never speaks SQL and another database can stand behind the same table later.
 *
 * One transaction at a time: begin, verbs, commit. A log's row is changed only by compare-and-swap
 * on its head (log_save, append): ST_CONFLICT says that somebody else moved it; load it again and
 * judge again. Nothing here keeps a row between calls and nothing is borrowed from the store: rows
 * are copied out, bytes go into a struct buf of the caller's.
 *
 * Errors of every verb: ST_NOT_FOUND (a find, get or next without a row), ST_DUPLICATE (an add that
 * is there already: nothing changed), ST_CONFLICT (see above), ST_TAMPERED (a row is there but its
 * form is impossible: nobody trusts it, others go on), ST_TOO_LARGE (a caller's buf is too small),
 * and those of common/store/db.h: after one of STOP class, or ST_FULL, close the store and open it
 * again.
 *
 * Evidence is immutable: the store itself refuses to update or delete runs, forks, rejected
 * entries, accepted payloads and losses, and gives up a pending entry only when the head of its log
 * has passed it. */
#ifndef HOLDFAST_CLOUD_CONSUMER_EVIDENCE_STORE_H
#define HOLDFAST_CLOUD_CONSUMER_EVIDENCE_STORE_H

#include "cloud-consumer/refusal.h"
#include "common/data/checkpoint.h"
#include "common/data/evidence.h"
#include "common/data/tree.h"
#include "common/wire/ack_msg.h"
#include "common/wire/status_msg.h"

struct store_identity {
    struct store_id store;
    bool has_previous;
    struct store_id previous; /* the one it replaced after a restore */
    uint64_t hlc_limit;
    int64_t created_ms;
};

struct node_row {
    int64_t id;
    struct node_name name;
    struct public_key key;
    bool revoked;
    int64_t added_ms;
    int64_t last_seen_ms; /* 0: never */
    bool has_nonce;
    struct nonce nonce; /* of its latest hello */
    uint64_t ack_counter;
    uint64_t staged_bytes; /* parts of large payloads that are not accepted yet */
    bool online;           /* what its status message said last */
    char software[STATUS_SOFTWARE_SIZE_MAX + 1];
};

/* Everything about one log but its entries. */
struct log_row {
    int64_t id; /* 0: not in the store yet */
    int64_t node;
    struct log_id log;
    struct public_key key; /* the key of its epoch */
    bool frozen;           /* forked */
    bool closed;           /* ended by a CLOSE entry */
    bool lossy;            /* a LOSS has closed a gap: type names may be missing */
    struct chain_head head;
    struct tree tree;
    uint32_t type_count;         /* names given by TYPE entries so far, from 0x0100 on */
    struct checkpoint announced; /* size 0: none; its signature was checked */
    uint64_t audited;            /* entry signatures 1..audited were verified */
    uint64_t staged_sequence;    /* large payload whose parts come in; 0: none */
    uint32_t staged_parts;
    uint64_t staged_len;     /* the whole payload's size */
    uint64_t parts_failed;   /* sequence whose whole parts did not match its header */
    uint64_t entry_count;    /* entries held */
    uint64_t byte_count;     /* bytes of their stored runs and payload parts */
    uint64_t pending_count;  /* entries ahead of the head */
    uint64_t rejected_count; /* poison entries */
    uint64_t fork_count;     /* entries of other branches */
    bool has_previous;       /* the log that this one follows, as its GENESIS says */
    struct log_id previous;
    int64_t created_ms;
};

static inline enum ack_log_state log_row_state(const struct log_row *log)
{
    if (log->frozen) return ACK_LOG_FROZEN;
    return log->closed ? ACK_LOG_CLOSED : ACK_LOG_OPEN;
}

enum run_form { RUN_PLAIN = 0, RUN_ZSTD = 1 };

/* A stored run: the body of the frame that brought it (evidence_msg.h), as it came. */
struct run_row {
    int64_t log;
    uint64_t first_sequence, last_sequence;
    uint64_t first_hlc, last_hlc;
    struct digest last_hash;
    enum run_form form;
    struct bytes body; /* append: borrowed; run_at: what was put in the caller's buf */
};

/* One entry in full, as pending, fork and rejected tables keep it. */
struct kept_entry {
    uint64_t sequence;
    struct digest hash;
    uint32_t reason; /* enum poison or enum fork_kind */
    struct evidence_entry entry;
};

/* A fork whose other branch is known only by a signed checkpoint: sequence = its size, hash = its
 * root, header zero. */
enum fork_kind { FORK_ENTRY = 0, FORK_CHECKPOINT = 1 };

enum range_kind { RANGE_REJECTED = 1, RANGE_FORKED = 2 };

struct loss_row {
    uint64_t from, to;
    uint64_t loss_sequence; /* the LOSS entry that says so */
    struct digest last_hash;
    size_t node_count;
    struct digest nodes[LOSS_NODES_MAX];
};

struct refused_sample {
    enum refusal reason;
    int64_t at_ms;
    struct bytes topic, frame; /* of the frame: the first bytes */
    uint64_t frame_size;
};

struct alarm_row {
    int64_t log;
    uint64_t sequence;
    const char *what; /* a clause for people */
    int64_t at_ms;
};

struct store_sums {
    uint64_t nodes, logs, entries, bytes, pending, rejected, forks, frozen, audited, alarms;
};

struct node_sums {
    uint64_t logs, acknowledged, missing;
};

struct evidence_store;

struct evidence_store_verbs {
    void (*close)(struct evidence_store *store); /* accepts NULL */
    enum status (*begin)(struct evidence_store *store);
    enum status (*commit)(struct evidence_store *store);
    void (*rollback)(struct evidence_store *store);
    uint64_t (*bytes_on_disk)(struct evidence_store *store);

    enum status (*identity)(struct evidence_store *store, struct store_identity *out);
    enum status (*identity_replace)(struct evidence_store *store, const struct store_id *store_id,
                                    const struct store_id *previous);
    enum status (*identity_was)(struct evidence_store *store, const struct store_id *store_id,
                                bool *out); /* was it ever ours? */
    enum status (*hlc_limit_save)(struct evidence_store *store, uint64_t limit);
    enum status (*sums)(struct evidence_store *store, struct store_sums *out);

    enum status (*node_find)(struct evidence_store *store, const struct node_name *name,
                             struct node_row *out);
    enum status (*node_next)(struct evidence_store *store, int64_t after, struct node_row *out);
    enum status (*node_add)(struct evidence_store *store, const struct node_row *row);
    enum status (*node_save)(struct evidence_store *store, const struct node_row *row);
    enum status (*node_sums)(struct evidence_store *store, int64_t node, struct node_sums *out);

    enum status (*log_find)(struct evidence_store *store, int64_t node, const struct log_id *log,
                            struct log_row *out);
    /* The first log after `after` in the order they came; node 0: of any node. */
    enum status (*log_next)(struct evidence_store *store, int64_t node, int64_t after,
                            struct log_row *out);
    /* The newest log before `before`; an ack lists them so. */
    enum status (*log_before)(struct evidence_store *store, int64_t node, int64_t before,
                              struct log_row *out);
    /* Its id alone, even when the rest of the row is damaged. */
    enum status (*log_id_before)(struct evidence_store *store, int64_t node, int64_t before,
                                 int64_t *out);
    enum status (*log_empty_count)(struct evidence_store *store, int64_t node, uint64_t *out);
    enum status (*log_audit_next)(struct evidence_store *store, int64_t after, struct log_row *out);
    enum status (*log_add)(struct evidence_store *store, struct log_row *row); /* sets row->id */
    /* The row as it is now, if its head still is expected. */
    enum status (*log_save)(struct evidence_store *store, const struct log_row *row,
                            const struct chain_head *expected);
    /* log_save and the run that moved the head from expected to row->head. */
    enum status (*append)(struct evidence_store *store, const struct log_row *row,
                          const struct chain_head *expected, const struct run_row *run);
    /* The run that holds the sequence; or, when none does, the next one after it. */
    enum status (*run_at)(struct evidence_store *store, int64_t log, uint64_t sequence,
                          struct buf *body, struct run_row *out);
    /* Without the body. */
    enum status (*run_peek)(struct evidence_store *store, int64_t log, uint64_t sequence,
                            struct run_row *out);
    enum status (*loss_add)(struct evidence_store *store, int64_t log, const struct loss_row *row);
    enum status (*loss_at)(struct evidence_store *store, int64_t log, uint64_t from,
                           struct loss_row *out);
    enum status (*type_add)(struct evidence_store *store, int64_t log, uint16_t number,
                            struct bytes name);
    enum status (*type_name)(struct evidence_store *store, int64_t log, uint16_t number,
                             struct level_name *out);

    /* loss: the range that a LOSS entry covers, or from 0. */
    enum status (*pending_add)(struct evidence_store *store, int64_t log,
                               const struct kept_entry *entry, const struct sequence_range *loss);
    /* The first pending entry at or after the sequence; payload NULL: without its payload. */
    enum status (*pending_next)(struct evidence_store *store, int64_t log, uint64_t sequence,
                                struct buf *payload, struct kept_entry *out);
    /* The pending LOSS entry that covers exactly this range. */
    enum status (*pending_loss)(struct evidence_store *store, int64_t log,
                                const struct sequence_range *range, struct buf *payload,
                                struct kept_entry *out);
    enum status (*pending_drop)(struct evidence_store *store, int64_t log,
                                const struct sequence_range *range);
    enum status (*fork_add)(struct evidence_store *store, int64_t log, int64_t at_ms,
                            const struct kept_entry *entry);
    /* Is an entry of this hash filed there? */
    enum status (*fork_has)(struct evidence_store *store, int64_t log, uint64_t sequence,
                            const struct digest *hash, bool *out);
    /* The parts staged under `place` (see part_add) become the payload of a filed entry. */
    enum status (*fork_parts)(struct evidence_store *store, int64_t log, uint64_t sequence,
                              const struct digest *hash, int64_t place);
    /* Ends of branches of which all entries are held, in the chain or filed as forked. Extend: the
     * tip *from (of sequence - 1) becomes *to; ST_NOT_FOUND when there is no such tip. */
    enum status (*tip_add)(struct evidence_store *store, int64_t log, const struct branch_tip *tip);
    enum status (*tip_extend)(struct evidence_store *store, int64_t log,
                              const struct branch_tip *from, const struct branch_tip *to);
    /* The newest one before *before, which becomes its number; INT64_MAX to begin with. */
    enum status (*tip_before)(struct evidence_store *store, int64_t log, int64_t *before,
                              struct branch_tip *out);
    enum status (*rejected_add)(struct evidence_store *store, int64_t log, int64_t at_ms,
                                const struct kept_entry *entry);
    enum status (*rejected_has)(struct evidence_store *store, int64_t log, uint64_t sequence,
                                bool *out); /* readmitted ones do not count */
    /* The first one after `after`, not readmitted yet; *after is set to it. */
    enum status (*rejected_next)(struct evidence_store *store, int64_t *after, struct buf *payload,
                                 int64_t *log, struct kept_entry *out);
    enum status (*readmit)(struct evidence_store *store, int64_t rejected, int64_t at_ms);

    /* Ranges of sequences for acknowledgements, merged as they grow. */
    enum status (*range_add)(struct evidence_store *store, int64_t log, enum range_kind kind,
                             uint64_t sequence);
    enum status (*range_remove)(struct evidence_store *store, int64_t log, enum range_kind kind,
                                uint64_t sequence);
    enum status (*range_next)(struct evidence_store *store, int64_t log, enum range_kind kind,
                              uint64_t from, struct sequence_range *out);

    /* log: a log's id; or its negative, where parts for another branch of it are staged. */
    enum status (*part_add)(struct evidence_store *store, int64_t log, uint64_t sequence,
                            uint32_t part, struct bytes bytes);
    enum status (*part_get)(struct evidence_store *store, int64_t log, uint64_t sequence,
                            uint32_t part, struct buf *out);
    enum status (*parts_discard)(struct evidence_store *store, int64_t log, uint64_t sequence);
    /* From here on the parts are evidence and immutable. */
    enum status (*payload_accept)(struct evidence_store *store, int64_t log, uint64_t sequence,
                                  uint32_t parts);
    enum status (*payload_parts)(struct evidence_store *store, int64_t log, uint64_t sequence,
                                 uint32_t *out);

    enum status (*refused_count)(struct evidence_store *store, enum refusal reason,
                                 uint64_t count); /* adds */
    enum status (*refused_counts)(struct evidence_store *store, uint64_t out[REFUSAL_COUNT]);
    /* Keeps the newest samples_max of them. */
    enum status (*refused_sample)(struct evidence_store *store, uint32_t samples_max,
                                  const struct refused_sample *sample);
    enum status (*alarm_add)(struct evidence_store *store, const struct alarm_row *alarm);
};

struct config_store_verbs; /* config_store.h */
struct track_store_verbs;  /* track_store.h */

struct evidence_store {
    const struct evidence_store_verbs *verbs;
    const struct config_store_verbs *configs;
    const struct track_store_verbs *tracks;
};

/* STORE(cloud, node_find, &name, &row) */
#define STORE(owner, verb, ...) ((owner)->store->verbs->verb((owner)->store, __VA_ARGS__))

struct evidence_store_options {
    const char *database_path;
    const char *vfs;
    int64_t now_ms;
    struct store_id fresh; /* create: the new store's id */
};

/* The embedded one, over SQLite. create: ST_DENIED when there is a database already. The caller
 * closes *out; message gets one sentence on failure. Errors: as db_open. */
MUST_USE enum status evidence_store_sqlite_create(const struct evidence_store_options *options,
                                                  struct buf *message);
MUST_USE enum status evidence_store_sqlite_open(const struct evidence_store_options *options,
                                                struct buf *message, struct evidence_store **out);

#endif
