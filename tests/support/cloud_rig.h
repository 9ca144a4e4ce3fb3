/* cloud_rig.h - a cloud engine on a disk in memory, driven step by step by hand-made nodes.
 *
 * A rig's time stands still until a test moves it. Each helper runs one batch (begin, steps,
 * commit) and keeps the batch's effects until the next one, which first gives the PUBACKs for them.
 * A node is only a key and a log whose every byte the test chooses. */
#ifndef HOLDFAST_TESTS_SUPPORT_CLOUD_RIG_H
#define HOLDFAST_TESTS_SUPPORT_CLOUD_RIG_H

#include "cloud-consumer/cloud.h"
#include "common/base/rng.h"
#include "common/data/tree.h"
#include "common/wire/ack_msg.h"
#include "common/wire/control_entry.h"
#include "common/wire/control_msg.h"
#include "common/wire/envelope.h"
#include "common/wire/evidence_msg.h"
#include "common/wire/sync_msg.h"
#include "tests/sim/sim_disk.h"
#include "topics/topics.h"

enum { RIG_LOG_ENTRIES_MAX = 600, RIG_PAYLOADS_SIZE = 512 * 1024 };

struct rig_entry {
    struct evidence_header fields;
    struct evidence_entry entry;
    struct digest hash, leaf;
};

/* A node's log; a copy of the struct is a clone of the node (close only one of them). */
struct rig_log {
    struct node_name node;
    struct log_id log;
    struct secret_key *key;
    struct public_key public_key;
    struct hasher *hasher;
    struct chain_head head;
    size_t count;
    struct rig_entry entries[RIG_LOG_ENTRIES_MAX];
    uint8_t *payloads;
    size_t payloads_size;
};

/* With a GENESIS and a TYPE entry that names 0x0100 "log". */
void rig_log_open(struct rig_log *log, const char *node, uint8_t key_seed, uint8_t log_seed);
/* Empty. */
void rig_log_open_empty(struct rig_log *log, const char *node, uint8_t key_seed, uint8_t log_seed);
void rig_log_close(struct rig_log *log);
/* fields: type, codec and flags, and whatever else is not 0. The payload is copied. */
struct rig_entry *rig_log_add(struct rig_log *log, struct evidence_header fields,
                              struct bytes payload);
void rig_log_genesis(struct rig_log *log, const struct genesis *genesis);
void rig_log_type(struct rig_log *log, uint16_t number, const char *name);
/* count entries of type 0x0100 whose payloads begin with the word. */
void rig_log_fill(struct rig_log *log, const char *word, size_t count);
void rig_log_close_entry(struct rig_log *log);
/* A LOSS entry over from..to of this log, true in all it says. */
void rig_log_loss(struct rig_log *log, uint64_t from, uint64_t to);
/* An entry whose payload travels in parts; the bytes are not kept. */
void rig_log_parts(struct rig_log *log, struct bytes payload);
/* Encodes, hashes and signs the entry again after its fields were changed, and those after it. */
void rig_log_redo(struct rig_log *log, size_t index);
struct tree rig_log_tree(const struct rig_log *log, uint64_t size);
struct checkpoint rig_log_checkpoint(const struct rig_log *log, uint64_t size);

struct cloud_rig {
    struct sim_disk *disk;
    struct secret_key *cloud_key;
    struct port port;
    struct rng rng;
    struct cloud_options options;
    struct cloud *cloud;
    struct effects *effects;
    struct hasher *hasher;
    struct unpacker *unpacker;
    struct compressor *compressor;
    struct moment now;
    struct nonce nonce; /* of the nodes' hellos */
    bool compress;
    bool online;
    unsigned alarms;             /* trace lines of level TRACE_ALARM */
    struct ack *ack;             /* the last one decoded */
    struct control_reply *reply; /* the last RECORD of a verb */
    size_t record_count;
    uint8_t *raw; /* RAW replies of a verb, joined */
    size_t raw_size;
    char message[600]; /* of a verb's END */
    uint8_t *scratch, *frame, *writer_memory;
};

/* Created and opened, online, "edge-1" (key seed 1) enrolled. */
void cloud_rig_open(struct cloud_rig *rig);
void cloud_rig_close(struct cloud_rig *rig);
void cloud_rig_reopen(struct cloud_rig *rig);
void cloud_rig_power_cut(struct cloud_rig *rig);
void cloud_rig_pass_ms(struct cloud_rig *rig, uint64_t ms);
void cloud_rig_connect(struct cloud_rig *rig);

/* One batch with one event; the moment is filled in. */
enum status cloud_rig_try(struct cloud_rig *rig, struct event event);
/* The same; fails the test unless it ends in ST_OK. */
void cloud_rig_run(struct cloud_rig *rig, struct event event);
void cloud_rig_wakeup(struct cloud_rig *rig);
/* Lets time pass and wakes it up until no job and no audit is left. */
void cloud_rig_idle(struct cloud_rig *rig);

/* The bytes of a frame in rig->frame, signed with the key of the log's node. */
struct bytes cloud_rig_frame(struct cloud_rig *rig, const struct rig_log *log, enum topic_id topic,
                             enum frame_kind kind, struct bytes body);
void cloud_rig_hear(struct cloud_rig *rig, const char *node, enum topic_id topic,
                    struct bytes frame);
void cloud_rig_send(struct cloud_rig *rig, const struct rig_log *log, enum topic_id topic,
                    enum frame_kind kind, struct bytes body);
/* The body of a run of entries from..to (sequences), with the checkpoint for `to`. */
struct bytes cloud_rig_run_body(struct cloud_rig *rig, const struct rig_log *log, uint64_t from,
                                uint64_t to, const struct checkpoint *checkpoint);
void cloud_rig_send_run(struct cloud_rig *rig, const struct rig_log *log, uint64_t from,
                        uint64_t to);
void cloud_rig_send_ahead(struct cloud_rig *rig, const struct rig_log *log, uint64_t sequence);
void cloud_rig_announce(struct cloud_rig *rig, const struct rig_log *log, uint64_t size);
/* Parts first..last - 1 of a payload. */
void cloud_rig_send_parts(struct cloud_rig *rig, const struct rig_log *log, uint64_t sequence,
                          struct bytes payload, uint32_t first, uint32_t last);
/* held_ack: a frame of the cloud's, or empty. */
void cloud_rig_hello(struct cloud_rig *rig, const struct rig_log *log, struct bytes held_ack);

/* The n-th frame of this kind among the last batch's effects, its whole bytes and its body. */
bool cloud_rig_sent(struct cloud_rig *rig, enum frame_kind kind, size_t n, struct bytes *frame,
                    struct bytes *body);
/* The acknowledgement among the last batch's effects is now in rig->ack; false: there is none. */
bool cloud_rig_has_ack(struct cloud_rig *rig);
/* That of one log; fails the test when it is not there. */
const struct ack_log *cloud_rig_ack(struct cloud_rig *rig, const struct rig_log *log);
bool cloud_rig_range(struct cloud_rig *rig, struct range_request *out);

/* Runs a verb to its end; arguments are name, value pairs ended by NULL. Returns END's status. */
enum status cloud_rig_verb(struct cloud_rig *rig, const char *verb, ...);
/* A natural number of the last record; fails the test when it is not there. */
uint64_t cloud_rig_field(struct cloud_rig *rig, const char *field);
bool cloud_rig_field_is(struct cloud_rig *rig, const char *field, const char *text);
uint64_t cloud_rig_status(struct cloud_rig *rig, const char *field);
enum status cloud_rig_enrol(struct cloud_rig *rig, const struct rig_log *log);

/* SQL behind the engine's back: it is closed before and opened after. */
enum status cloud_rig_sql(struct cloud_rig *rig, const char *sql);
int64_t cloud_rig_sql_number(struct cloud_rig *rig, const char *sql);

#endif
