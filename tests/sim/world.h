/* world.h - edges, a cloud, brokers, publishers, links, clocks and disks in one process and one
 * thread, under virtual time, around the real engines.
 *
 * All that happens is an event in one heap, ordered by (virtual time, order of planning); nothing
 * else makes time pass, and every chance comes from one seed, so a seed is a whole history. The
 * world plays the part of common/shell: it turns what arrives into engine events, runs batches
 * (begin, steps, commit) and performs the effects. Unlike the shell it may end a process or cut the
 * power between any two of these, and inside them at any call of the disk.
 *
 *   world.c       the heap, the life of a world, its trace
 *   world_node.c  a process around an engine: start, batch, effects, crash, restart
 *   world_settings.c  the settings of its nodes
 *   world_verb.c  an operator's verb
 *   world_link.c  MQTT connections between nodes, publishers and brokers
 *   world_replay.c  old frames, published again, and forged ones
 *   world_mutant.c  an edge that believes the broker
 *   world_rewrite.c  broken rules that frames can play
 *   publisher.c   programs on the edge hardware that hand in evidence until they hold a receipt
 *   actor.c       programs that observe tracks and write config, and an operator
 *   faults.c      what goes wrong, when and how often; and the healing
 *   oracle.c      what must be true all the time, and at rest */
#ifndef HOLDFAST_TESTS_SIM_WORLD_H
#define HOLDFAST_TESTS_SIM_WORLD_H

#include "cloud-consumer/cloud.h"
#include "common/wire/control_msg.h"
#include "edge-bridge/edge.h"
#include "tests/sim/actor.h"
#include "tests/sim/faults.h"
#include "tests/sim/oracle.h"
#include "tests/sim/publisher.h"
#include "tests/sim/sim_broker.h"
#include "tests/sim/sim_clock.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_net.h"

#define SIM_MS UINT64_C(1000000)
#define SIM_S (1000 * SIM_MS)
#define SIM_MINUTE (60 * SIM_S)
#define SIM_HOUR (60 * SIM_MINUTE)
#define SIM_ROOT "hf/v1"
#define SIM_DATABASE_PATH "node.db"

enum { WORLD_EDGES_MAX = 50, WORLD_LINE_SIZE = 512, WORLD_FRAMES_KEPT = 64 };

struct world;
struct sim_node;

struct world_broker {
    struct world *world;
    struct sim_broker *broker;
    const char *label;
    bool down;
    struct sim_endpoint **clients; /* by number; NULL where nobody is */
    uint32_t client_count;
};

enum endpoint_state { ENDPOINT_IDLE, ENDPOINT_CONNECTING, ENDPOINT_UP };

/* One MQTT client: a node's link or a publisher. */
struct sim_endpoint {
    struct world_broker *broker;
    uint32_t client;
    struct sim_node *node;           /* whose link it is, or NULL */
    struct sim_publisher *publisher; /* likewise */
    enum link link;
    enum endpoint_state state;
    uint32_t generation;        /* of the connection: packets of an older one are void */
    uint32_t broker_generation; /* the connection the broker believes in */
    bool doomed;
    struct sim_net net;
    struct sim_pipe up, down;
    uint32_t last_number;
    struct {
        uint32_t number, token;
        struct sim_message *message; /* with MUTANT_TRUST_PUBACK only */
    } * unacked;                     /* published, PUBACK not seen */
    size_t unacked_count, unacked_capacity;
};

/* What waits to become an engine event. */
struct inbox_item {
    enum event_kind kind;
    enum link link;
    bool session_present;
    bool retained;
    uint16_t receive_maximum;
    uint32_t token;
    uint32_t client;
    struct sim_message *message; /* MESSAGE; REQUEST: payload; LINK_DOWN: payload is the reason */
};

struct sim_inbox {
    struct inbox_item *items;
    size_t count, capacity;
    size_t peak;
};

/* Where a planned crash strikes a batch. */
enum crash_point {
    CRASH_NONE,
    CRASH_AFTER_BEGIN,
    CRASH_AFTER_STEP,
    CRASH_BEFORE_COMMIT,
    CRASH_IN_COMMIT, /* at some call of the disk */
    CRASH_AFTER_COMMIT,
    CRASH_IN_EFFECTS,
    CRASH_POINT_COUNT,
};

struct sim_node {
    struct world *world;
    bool is_cloud;
    unsigned index;
    char label[16]; /* "edge-1", "cloud" */
    struct node_name name;
    struct secret_key *key;
    struct public_key public_key;
    struct rng random; /* the port's */
    struct port port;
    struct sim_disk *disk;
    struct sim_disk *backup; /* an older copy, or NULL */
    struct sim_clock clock;
    struct edge_settings edge_settings;
    struct cloud_settings cloud_settings;

    bool up;
    bool stopped;  /* stays down until somebody starts it */
    uint32_t life; /* raised by each end of the process: what was planned for it is void */
    struct edge *edge;
    struct cloud *cloud;
    struct effects *effects;
    struct sim_inbox inbox;
    bool turn_planned;
    uint64_t wakeup_ns; /* the planned one; UINT64_MAX: none */
    uint32_t wakeup_plan;
    struct sim_endpoint links[LINK_COUNT];
    enum crash_point crash_next;
    bool crash_power;
    uint32_t incarnation; /* with MUTANT_ONE_INCARNATION only: the first one */
    uint32_t failed_starts;
    uint32_t failed_batches;  /* in a row: the pause before the next start doubles */
    bool disk_changed;        /* a power cut or a copy since the oracle looked at the disk */
    uint64_t said, said_seen; /* promises given; when the oracle looked last */
};

struct world_counts {
    uint64_t events, batches, steps, commits, crashes, power_cuts, restarts, frames, bytes;
    uint64_t entries, receipts, duplicate_receipts, disk_faults;
};

/* Switches that break a promise on purpose, to see that the oracles notice. */
enum world_mutant {
    MUTANT_NONE,
    MUTANT_SPEAK_BEFORE_COMMIT, /* effects are performed before the commit */
    MUTANT_TRUST_PUBACK,        /* the broker's PUBACK counts as the cloud's word */
    MUTANT_EDGE_NOT_SYNCED,     /* as PRAGMA synchronous=NORMAL on the edges */
    MUTANT_CLOUD_NOT_SYNCED,
    MUTANT_ONE_INCARNATION, /* a node that evicted tracks goes on as the same writer */
    /* Frames are rewritten: world_rewrite.c. */
    MUTANT_SENT_IS_TAKEN,    /* acknowledgements say that all tracks that were sent are joined */
    MUTANT_CLAMPS,           /* a stamp from the future is cut to now, and no clock heals */
    MUTANT_FORGETS_REFUSALS, /* acknowledgements do not say which writes were refused */
    MUTANT_NO_ECHO,          /* a node never gets a track that it has observed itself */
    MUTANT_KEEPS_HORIZON,    /* edges are never told of it */
    MUTANT_COUNT,
};

struct world_options {
    uint64_t seed;
    struct fault_model faults;
    enum world_mutant mutant;
    bool verbose;       /* the trace on stderr as it happens */
    bool frames;        /* and every frame, in words */
    bool record;        /* keep the trace's text in world->text */
    bool record_frames; /* frames are lines of the trace */
    bool skip_verify;   /* leave out the auditor and the verbs that check every signature */
    /* Sees each effect as it is performed; may be NULL. */
    void (*watch)(void *context, struct sim_node *node, const struct effect *effect);
    void *context;
    bool clone; /* the last edge waits to become a clone of the first */
};

struct world_event;

struct world {
    struct world_options options;
    struct rng rng;
    uint64_t now_ns;
    struct world_event *heap;
    size_t heap_count, heap_capacity;
    uint64_t next_order;

    struct sim_node cloud;
    unsigned edge_count;
    struct sim_node *edges;
    unsigned publisher_count;
    struct sim_publisher *publishers;
    struct sim_actor *actors;                      /* one an edge, and the operator */
    unsigned next_number;                          /* of observations and config writes */
    struct world_broker middle;                    /* between edges and cloud */
    struct world_broker *local;                    /* one an edge */
    uint32_t next_client;                          /* of control connections */
    struct sim_message *frames[WORLD_FRAMES_KEPT]; /* some that were published, to be replayed */
    size_t frames_seen;

    struct oracle *oracle;
    struct world_counts counts;
    uint64_t trace_hash;
    char *text;
    size_t text_size, text_capacity;
    bool healed;
    bool failed;
    char failure[WORLD_LINE_SIZE];
    uint64_t failed_ms;
    struct buf reply; /* of the verb that runs: see world_verb */
    uint32_t reply_client;
    enum status reply_status;
    bool reply_ended;
};

/* Builds everything and starts all processes: nodes are made, enrolled and trusted. */
struct world *world_open(const struct world_options *options);
void world_close(struct world *world);

/* Lets events happen until that virtual time, a failure, or the end of all events. */
void world_run_until(struct world *world, uint64_t until_ns);
/* One whole history: faults, healing, rest, last checks. False: world->failure says what broke. */
bool world_live(struct world *world);
/* The last part of it: healing, rest, last checks. */
bool world_rest(struct world *world);

/* The first broken promise ends the world. */
void world_fail(struct world *world, const char *oracle, const char *format, ...) PRINTF_LIKE(3, 4);
/* A line of the trace. */
void world_say(struct world *world, const char *who, const char *format, ...) PRINTF_LIKE(3, 4);
/* Bytes that the trace hash must depend on. */
void world_note(struct world *world, struct bytes bytes);

/* Planning. Each kind's subject is given in world.c's dispatch. */
enum world_event_kind {
    HAPPEN_TURN,
    HAPPEN_WAKEUP,
    HAPPEN_START,
    HAPPEN_TO_BROKER,
    HAPPEN_TO_CLIENT,
    HAPPEN_LOST_AT_CLIENT,
    HAPPEN_LOST_AT_BROKER,
    HAPPEN_BROKER_UP,
    HAPPEN_BROKER_SAVE,
    HAPPEN_PUBLISHER,
    HAPPEN_REPLY,
    HAPPEN_FAULT,
    HAPPEN_ACTION,
};
struct world_event {
    uint64_t at_ns, order;
    enum world_event_kind kind;
    uint32_t generation;
    void *subject;
    struct packet packet; /* owns its message */
};
void world_plan(struct world *world, uint64_t at_ns, const struct world_event *event);

/* world_node.c */
/* identity: whose name and key it has; a clone has another's. */
void node_open(struct world *world, struct sim_node *node, bool is_cloud, unsigned index,
               unsigned identity);
/* world_settings.c: of a node that is being opened. */
void node_settings(struct sim_node *node);
void node_close(struct sim_node *node);
void node_create(struct sim_node *node); /* makes the database */
void node_start(struct sim_node *node);
/* The process ends now; power: what was not synced is gone too, and the machine boots. */
void node_crash(struct sim_node *node, bool power, uint64_t back_after_ns);
void node_stop(struct sim_node *node);   /* in order, as by SIGTERM; stays down */
void node_backup(struct sim_node *node); /* copies its disk, as a snapshot of a running machine */
void node_restore(struct sim_node *node);
/* A second machine with the first one's name, key and a copy of its disk starts. */
void node_clone(struct sim_node *clone, struct sim_node *of);
void node_turn(struct sim_node *node, uint32_t life);
void node_batch(struct sim_node *node); /* begin, steps, commit, effects: now */
bool node_has_jobs(const struct sim_node *node);
void node_wakeup(struct sim_node *node, uint32_t plan);
/* Takes over the item's message. */
void node_receive(struct sim_node *node, const struct inbox_item *item);
struct moment node_moment(const struct sim_node *node);

/* world_link.c */
void endpoint_open(struct sim_endpoint *endpoint, struct world_broker *broker, uint32_t client,
                   const struct sim_net_settings *settings);
void endpoint_close(struct sim_endpoint *endpoint);
void endpoint_connect(struct sim_endpoint *endpoint, struct sim_message *will);
void endpoint_disconnect(struct sim_endpoint *endpoint);
/* The process behind it ended; abrupt: even the kernel could not say so (a power cut). */
void endpoint_abandon(struct sim_endpoint *endpoint, bool abrupt);
void endpoint_subscribe(struct sim_endpoint *endpoint, struct bytes filter, bool no_local);
void endpoint_publish(struct sim_endpoint *endpoint, struct sim_message *message, uint32_t token);
/* Nothing passes for so long; both ends notice when it lasts longer than their keepalive. */
void endpoint_cut(struct sim_endpoint *endpoint, uint64_t length_ns);
void endpoint_lost(struct sim_endpoint *endpoint, uint32_t generation, bool connect_timeout);
void endpoint_packet(struct sim_endpoint *endpoint, uint32_t generation,
                     const struct packet *packet);
void broker_open(struct world *world, struct world_broker *broker, const char *label,
                 const struct sim_broker_settings *settings);
void broker_close(struct world_broker *broker);
void broker_packet(struct sim_endpoint *endpoint, uint32_t generation, const struct packet *packet);
void broker_lost(struct sim_endpoint *endpoint, uint32_t generation);
void broker_restart(struct world_broker *broker, bool keep, uint64_t down_ns);
void broker_up(struct world_broker *broker);

/* world_replay.c: keeps a frame; publishes a kept one again, forged or as it was. */
void world_keep_frame(struct world *world, const struct effect *effect);
void world_replay(struct world *world, bool forged);

/* world_mutant.c: the cloud's word for what this message brought, forged; NULL: no run. */
struct sim_message *mutant_ack(const struct sim_endpoint *endpoint,
                               const struct sim_message *published);
/* world_rewrite.c: the same message as the mutant would say it; NULL: it says nothing else. */
struct sim_message *mutant_rewrite(struct sim_node *sender, const struct sim_message *fields);

/* A request of a control client, run at once, between events. Replies are collected in
 * world->reply, each with a 4-byte length in front. Returns the END status; ST_AGAIN when the node
 * went down. */
enum status world_ask(struct world *world, struct sim_node *node, struct bytes request);
/* Of the i-th item of the request; ST_AGAIN: no receipt. */
enum status world_receipt(struct world *world, size_t i);
/* A verb, in the same way. */
enum status world_verb(struct world *world, struct sim_node *node, const char *verb,
                       const struct verb_argument *arguments, size_t count);

#endif
