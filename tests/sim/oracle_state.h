/* oracle_state.h - what the files of the oracle share. */
#ifndef HOLDFAST_TESTS_SIM_ORACLE_STATE_H
#define HOLDFAST_TESTS_SIM_ORACLE_STATE_H

#include "common/crypto/hasher.h"
#include "common/store/db.h"
#include "common/wire/ack_msg.h"
#include "common/wire/envelope.h"
#include "common/wire/evidence_msg.h"
#include "tests/sim/world.h"
#include "topics/topics.h"

/* An edge keeps its window itself; status, hello and checkpoints come on top. */
enum { UNACKED_MAX = 64 };

/* A receipt that a publisher holds. */
struct kept_receipt {
    struct sim_publisher *publisher;
    size_t record;
    struct log_id log;
    uint64_t sequence;
    struct digest hash;
    bool in_backup;
    bool forgiven; /* the edge was restored since: it may be lost */
};

/* The most that an acknowledgement said of a log. */
struct promise {
    struct log_id log;
    uint64_t size;
    struct digest hash;
};

/* A config write that was handed in, by its number. */
struct config_deed {
    struct sim_node *node;
    unsigned number;
    struct config_key key;
    bool deleted;
    bool refused;  /* the cloud must not admit it */
    bool doubtful; /* it may or may not: the node's groups change */
    /* The oracle's own. */
    bool sure;                   /* the node said that it took it */
    bool wrong;                  /* the clock was, when it was stamped */
    int64_t least_ms, latest_ms; /* when it may count as made */
    bool in_backup, forgiven;
};

struct oracle {
    struct world *world;
    struct track_oracle *tracks;
    struct config_oracle *config;
    struct db *cloud_copy; /* in the final checks */
    struct hasher *hasher;
    struct unpacker *unpacker;
    struct compressor *compressor;
    struct ack *ack;
    struct evidence_run *run;
    struct control_reply *reply;
    uint8_t *scratch; /* BODY_UNPACKED_SIZE_MAX */
    struct kept_receipt *receipts;
    size_t receipt_count, receipt_capacity;
    struct promise *promises;
    size_t promise_count, promise_capacity;
    bool has_store;
    unsigned cloud_restores;
    unsigned store_changes; /* that are lawful still */
    struct store_id store;
    unsigned troubles; /* a set of enum trouble: lawful in this world */
};

/* A number of the last verb's records; false: it is not there. */
bool oracle_field(struct oracle *oracle, const char *name, uint64_t *value);

/* Tracks, config and clocks of all nodes, side by side. */
void oracle_replicas(struct oracle *oracle);

/* A copy of the node's disk, opened as its engine would; close both. */
enum status oracle_open_copy(const struct sim_node *node, struct sim_disk **disk, struct db **db);
void oracle_close_copy(struct sim_disk *disk, struct db *db);

#endif
