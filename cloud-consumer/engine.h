/* engine.h - what the files of the cloud engine share: its state, and who does what.
 *
 * The store is the truth. What stands here in memory can be lost at any moment: after a failed
 * commit the engine is closed and opened again. A frame is judged first and written then, so that
 * what is refused leaves nothing but a count.
 *
 * Every function that returns enum status answers ST_OK also for a frame that it refused (it has
 * counted it with cloud_refuse then); anything else is a failure of the store and ends the batch,
 * but for ST_TAMPERED and ST_CONFLICT, which cloud_receive turns into refusals. */
#ifndef HOLDFAST_CLOUD_CONSUMER_ENGINE_H
#define HOLDFAST_CLOUD_CONSUMER_ENGINE_H

#include "cloud-consumer/cloud.h"
#include "cloud-consumer/config_master.h"
#include "cloud-consumer/evidence_store.h"
#include "cloud-consumer/node_sync.h"
#include "cloud-consumer/tracks.h"
#include "common/base/rng.h"
#include "common/data/hlc.h"
#include "common/wire/control_entry.h"
#include "common/wire/control_msg.h"
#include "common/wire/envelope.h"
#include "common/wire/evidence_msg.h"
#include "common/wire/sync_msg.h"
#include "topics/topics.h"

enum {
    CLOUD_WINDOW_MAX = 64,  /* publishes without PUBACK; also bounded by the broker */
    REPLY_SLOTS_MAX = 1024, /* nodes that wait for an acknowledgement */
    RANGE_ASKED_MAX = 64,   /* gaps remembered so that none is asked for too often */
    RANGE_ASK_INTERVAL_MS = 1000,
    LOGS_EMPTY_MAX = 16,        /* logs of a node that are only announced */
    REFUSED_SAMPLES_BATCH = 16, /* sampled refused frames of one batch */
    REFUSED_SAMPLE_SIZE = 256,
    AUDIT_SLICE_SIGNATURES = 40, /* at 42 us each: less than 2 ms */
    AUDIT_QUIET_MS = 20,         /* it waits until nothing has come for so long */
    AUDIT_PAUSE_MAX_MS = 1000,   /* but never longer than this */
    APPEND_ATTEMPTS_MAX = 3,
    STORED_BODY_SIZE_MAX = BODY_UNPACKED_SIZE_MAX,
    SEQUENCE_BITS_MAX = 62, /* a sequence that no log reaches; keeps sums and the store's integers
                               from wrapping */
};

/*  OFFLINE --session_wakeup--> CONNECTING --session_up--> ONLINE     (subscribe, "online")
 *     ^-------------- session_down, from any state -----------'      back-off with jitter
 *  Without settings.link the state stays OFFLINE for ever. */
enum session_state { SESSION_OFFLINE, SESSION_CONNECTING, SESSION_ONLINE };

#define BROKER_DROPPED_TOPIC "$SYS/broker/publish/messages/dropped"

struct cloud_session {
    enum session_state state;
    uint64_t connect_mono_ns; /* OFFLINE: when to try next */
    unsigned attempts;
    uint32_t connection; /* counts connections: tokens of an earlier one mean nothing */
    uint32_t window, in_flight;
    uint32_t next_token;
    char reason[STATUS_REASON_SIZE_MAX + 1]; /* why the link is down */
    bool broker_dropped_known;               /* as this connection's broker says */
    uint64_t broker_dropped;
    bool stopped;
};

/* What a node is owed; one slot a node, so that answers are coalesced. */
struct reply_slot {
    int64_t node; /* 0: free */
    struct node_name name;
    bool ack, hello, range, has_nack;
    uint64_t hello_mono_ms;
    struct log_id range_log;
    struct sequence_range range_asked;
    struct nack nack; /* words point to nack_words */
    char nack_words[NACK_WORDS_SIZE_MAX];
};

struct range_asked {
    int64_t node;
    struct log_id log;
    uint64_t from;
    uint64_t mono_ns;
};

struct cloud_replies {
    size_t count;
    struct reply_slot slots[REPLY_SLOTS_MAX];
    struct range_asked asked[RANGE_ASKED_MAX];
};

/* The stored run that was read last, decoded. */
struct stored_run {
    int64_t log; /* 0: none */
    struct run_row row;
    struct evidence_run *run;
    struct buf body, plain;
};

struct cloud_audit {
    bool due;               /* entries may wait for their audit */
    uint64_t busy_mono_ns;  /* when something else was last to do */
    uint64_t slice_mono_ns; /* when the last slice was */
    int64_t after;          /* logs up to this one are done in this round */
    bool found;             /* in this round */
    int64_t log;            /* where the cursor stands between slices, and */
    uint64_t verified;
};

/* The message that is being judged, for counting and sampling. */
struct current_frame {
    struct bytes topic, frame;
};

/* A refused frame, kept until the end of the batch. */
struct cloud_sample {
    enum refusal reason;
    int64_t at_ms;
    uint64_t frame_size;
    struct buf topic, frame;
    uint8_t topic_memory[TOPIC_SIZE_MAX], frame_memory[REFUSED_SAMPLE_SIZE];
};

/* One entry that cannot be accepted, by its index in the run. */
struct poison_entry {
    uint16_t index;
    enum poison reason;
};

struct named_type {
    uint16_t number;
    struct bytes name; /* borrowed from the run */
};

/* A run and the state that it shall continue. */
struct run_claim {
    const struct node_row *node;
    const struct log_row *log;
    const struct evidence_run *run;
    size_t first;                /* index of the first entry that is new */
    const struct loss_row *loss; /* closes the gap before it; NULL: there is none */
    size_t parts_poison;         /* index of an entry whose parts are wrong; SIZE_MAX: none */
};

struct verdict {
    struct log_row after;  /* the log's row when the run is accepted */
    bool announced_forked; /* a signed checkpoint says otherwise for a size on the way */
    size_t poison_count, type_count;
    struct poison_entry poison[RUN_ENTRIES_MAX];
    struct named_type types[RUN_ENTRIES_MAX];
};

struct cloud_job; /* report.h */

struct cloud {
    struct evidence_store *store;
    const struct secret_key *key;
    struct public_key public_key;
    struct cloud_settings settings;
    char topic_root[TOPIC_SIZE_MAX];
    char software[STATUS_SOFTWARE_SIZE_MAX + 1];
    const struct port *port;

    struct hasher *hasher;
    struct unpacker *unpacker;         /* messages */
    struct unpacker *control_unpacker; /* payloads of control entries */
    struct compressor *compressor;

    struct store_identity identity;
    struct hlc clock;
    struct rng jitter;
    uint64_t opened_mono_ns;
    struct moment now; /* of the step */

    struct cloud_session session;
    struct cloud_replies replies;
    struct cloud_audit audit;
    struct current_frame frame;
    uint64_t refused[REFUSAL_COUNT]; /* not written yet */
    unsigned refused_samples;        /* of this batch */
    struct cloud_sample samples[REFUSED_SAMPLES_BATCH];
    bool batch_had_slice;

    /* Scratch memory, taken once at open. */
    struct evidence_run *run;
    struct stored_run stored;
    struct verdict *verdict;
    struct hello *hello;
    struct hello_reply *hello_reply;
    struct ack *ack, *held_ack;
    struct control_request *request;
    struct loss *loss;
    struct buf plain;   /* body of the current frame */
    struct buf encoded; /* the tail of a run, encoded again */
    struct buf entries; /* its packed entries */
    struct buf payload; /* of a kept entry, or a part */
    struct buf body;    /* of a frame to be sent */

    struct cloud_tracks *tracks;
    struct cloud_config *config;

    size_t job_next;
    struct cloud_job *jobs; /* CLOUD_JOBS_MAX */
};

static inline int64_t cloud_wall_ms(const struct cloud *cloud)
{
    return cloud->now.wall_ns / 1000000;
}

static inline bool cloud_sequence_ok(uint64_t sequence)
{
    return sequence >> SEQUENCE_BITS_MAX == 0;
}

/* session.c: the link's state machine. */
MUST_USE enum status cloud_session_wakeup(struct cloud *cloud, struct effects *effects);
MUST_USE enum status cloud_session_up(struct cloud *cloud, const struct event *event,
                                      struct effects *effects);
/* A message of the broker's own, on BROKER_DROPPED_TOPIC: decimal digits, anything else is nothing.
 * A hint for people, as the broker is not trusted: it changes no more than status and log. */
void cloud_session_broker_dropped(struct cloud *cloud, struct bytes payload);
void cloud_session_down(struct cloud *cloud, struct bytes reason);
void cloud_session_sent(struct cloud *cloud, uint32_t token);
MUST_USE enum status cloud_session_stop(struct cloud *cloud, struct effects *effects);
bool cloud_session_has_window(const struct cloud *cloud);
const char *cloud_session_words(const struct cloud *cloud);
/* A signed frame of the cloud's as a PUBLISH effect; node NULL where the topic has none. The body
 * is what stands in cloud->body. */
MUST_USE enum status cloud_publish(struct cloud *cloud, struct effects *effects,
                                   enum topic_id topic, const struct node_name *node,
                                   enum frame_kind kind);
/* The same on a topic that the caller has built. */
MUST_USE enum status cloud_publish_on(struct cloud *cloud, struct effects *effects,
                                      const struct topic_text *topic, bool retain,
                                      enum frame_kind kind);
/* The next stamp of the cloud's clock; what it may reach after a restart is durable with it. */
MUST_USE enum status cloud_stamp(struct cloud *cloud, uint64_t *out);

/* receive.c: from a message to a frame that is proved authentic. */
MUST_USE enum status cloud_receive(struct cloud *cloud, const struct mqtt_message *message);
void cloud_refuse(struct cloud *cloud, enum refusal reason);
/* Writes what cloud_refuse has counted. */
MUST_USE enum status cloud_refusals_save(struct cloud *cloud);

/* hello.c: a node has a new connection, or wonders. */
MUST_USE enum status cloud_hello(struct cloud *cloud, struct node_row *node, struct hello *hello);

/* ingest.c: runs and checkpoints, from the frame to the store. */
MUST_USE enum status cloud_ingest(struct cloud *cloud, struct node_row *node,
                                  const struct evidence_run *run, const struct envelope *envelope);
MUST_USE enum status cloud_announce(struct cloud *cloud, const struct node_row *node,
                                    struct log_row *log, const struct checkpoint *checkpoint,
                                    const struct key_id *key_id);
/* The log's row; for a log that is not there a fresh one with id 0 and the node's key. */
MUST_USE enum status cloud_log_load(struct cloud *cloud, const struct node_row *node,
                                    const struct log_id *log, struct log_row *out);
/* Adds the row when it is not in the store yet. *ok false: the node has too many empty logs (the
 * frame is refused then). */
MUST_USE enum status cloud_log_ensure(struct cloud *cloud, struct log_row *log, bool *ok);

/* verify.c: the ingest rule. REFUSAL_COUNT: accepted, out->after is the log's new row. */
enum refusal cloud_verify(struct cloud *cloud, const struct run_claim *claim, struct verdict *out);
/* Can this entry be accepted after state? It changes state and *type as the entry says. */
enum poison cloud_judge_entry(struct cloud *cloud, const struct evidence_header *header,
                              const struct evidence_entry *entry, struct log_row *state,
                              struct named_type *type);
/* Decodes a LOSS entry that takes whole entries away. False: it does not. */
bool cloud_loss_of(struct cloud *cloud, const struct evidence_header *header,
                   const struct evidence_entry *entry, struct loss_row *out);

/* ahead.c, fork.c, parts.c: entries beside the chain. */
MUST_USE enum status cloud_ahead(struct cloud *cloud, struct node_row *node,
                                 const struct evidence_run *run);
/* The pending LOSS that covers exactly this range. ST_NOT_FOUND. */
MUST_USE enum status cloud_ahead_loss(struct cloud *cloud, const struct log_row *log,
                                      const struct sequence_range *range, struct loss_row *out);
/* Compares what is pending with the run that now reaches it. */
MUST_USE enum status cloud_ahead_meet(struct cloud *cloud, const struct node_row *node,
                                      const struct evidence_run *run, struct log_row *log);
/* Files entries from index `first` on as another branch, those whose own signature verifies; log is
 * changed, the caller saves it. */
MUST_USE enum status cloud_fork_entries(struct cloud *cloud, struct node_row *node,
                                        const struct evidence_run *run, size_t first,
                                        struct log_row *log);
MUST_USE enum status cloud_fork_kept(struct cloud *cloud, const struct node_row *node,
                                     const struct kept_entry *entry, struct log_row *log);
MUST_USE enum status cloud_part(struct cloud *cloud, struct node_row *node,
                                const struct evidence_part *part);

enum parts_state { PARTS_GOOD, PARTS_MISSING, PARTS_BAD };
MUST_USE enum status cloud_parts_check(struct cloud *cloud, const struct log_row *log,
                                       const struct evidence_header *header, enum parts_state *out);
MUST_USE enum status cloud_parts_drop(struct cloud *cloud, struct node_row *node,
                                      struct log_row *log);
/* Where the parts of an entry are staged: those of another branch apart from the chain's own. */
int64_t cloud_parts_place(const struct log_row *log, uint64_t sequence);
/* Drops what is staged at this place, whatever the head says by now. */
MUST_USE enum status cloud_parts_drop_at(struct cloud *cloud, struct node_row *node,
                                         struct log_row *log, int64_t place);
uint64_t cloud_parts_staged(const struct log_row *log); /* bytes */
uint32_t cloud_parts_count(uint64_t payload_len);

/* stored.c: runs read back. *out is valid until the next call. ST_NOT_FOUND: nothing at or after
 * the sequence; the run found may begin after it. ST_TAMPERED: it cannot be decoded. */
MUST_USE enum status cloud_stored_run(struct cloud *cloud, int64_t log, const struct log_id *log_id,
                                      const struct node_name *node, uint64_t sequence,
                                      const struct stored_run **out);
/* The stored hash of one entry; *there false: lost, or never stored. */
MUST_USE enum status cloud_stored_hash(struct cloud *cloud, const struct log_row *log,
                                       const struct node_name *node, uint64_t sequence,
                                       struct digest *out, bool *there);

/* reply.c: what nodes are owed. */
void cloud_owe_ack(struct cloud *cloud, const struct node_row *node);
void cloud_owe_hello(struct cloud *cloud, const struct node_row *node, uint64_t mono_ms);
void cloud_owe_range(struct cloud *cloud, const struct node_row *node, const struct log_row *log,
                     uint64_t from, uint64_t to);
MUST_USE enum status cloud_replies_flush(struct cloud *cloud, struct effects *effects);
bool cloud_replies_due(const struct cloud *cloud);

/* audit.c: every entry's own signature, when there is nothing else to do. */
MUST_USE enum status cloud_audit_slice(struct cloud *cloud);
MUST_USE enum status cloud_alarm(struct cloud *cloud, const struct node_row *node,
                                 const struct log_row *log, uint64_t sequence, const char *what);

/* node_registry.c: who may speak. */
MUST_USE enum status cloud_node_add(struct cloud *cloud, struct bytes line, struct key_line *out);
MUST_USE enum status cloud_node_revoke(struct cloud *cloud, const struct node_name *name);

#endif
