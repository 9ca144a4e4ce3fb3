/* faults.h - what goes wrong in a world, when, and how often: the fault model is one struct. */
#ifndef HOLDFAST_TESTS_SIM_FAULTS_H
#define HOLDFAST_TESTS_SIM_FAULTS_H

#include "common/base/rng.h"

struct sim_node;
struct world;

enum fault_kind {
    FAULT_CUT_EDGE, /* an edge's link to the middle is cut for a while */
    FAULT_CUT_CLOUD,
    FAULT_RESET_EDGE, /* an edge's connection is reset */
    FAULT_RESET_CLOUD,
    FAULT_KILL_EDGE, /* SIGKILL between batches */
    FAULT_KILL_CLOUD,
    FAULT_POWER_EDGE, /* unsynced bytes are gone, the machine boots */
    FAULT_POWER_CLOUD,
    FAULT_STRIKE_EDGE, /* a crash inside the next batch */
    FAULT_STRIKE_CLOUD,
    FAULT_DISK_EDGE, /* a call of the disk fails in one of the next batches */
    FAULT_DISK_CLOUD,
    FAULT_FULL_EDGE, /* the disk is full for a while */
    FAULT_FULL_CLOUD,
    FAULT_ROOM_EDGE, /* ends FULL; never drawn, planned by it */
    FAULT_ROOM_CLOUD,
    FAULT_BROKER_RESTART, /* keeps what it saved last */
    FAULT_BROKER_WIPE,    /* its persistence is deleted */
    FAULT_LOCAL_RESTART,  /* an edge's own broker */
    FAULT_CLOCK_JUMP_EDGE,
    FAULT_CLOCK_STEP_CLOUD, /* a little, as a time server would do it */
    FAULT_CLOCK_AHEAD_EDGE, /* up to the year 2099, from one moment to the next or over a boot */
    FAULT_CLOCK_DEAD_EDGE,  /* it boots without any time: 1970 */
    FAULT_CLOCK_RIGHT_EDGE, /* somebody sets it right */
    FAULT_REPLAY,           /* a frame from long ago, either way, is published once more */
    FAULT_FORGE,            /* the same with a bit flipped, or for another node */
    FAULT_PUBLISHER_CRASH,
    FAULT_EDGE_BACKUP, /* an edge's disk is copied, to be restored later */
    FAULT_EDGE_RESTORE,
    FAULT_CLOUD_BACKUP,
    FAULT_CLOUD_RESTORE,
    FAULT_KIND_COUNT,
};

/* All probabilities are per mille. */
struct fault_model {
    unsigned edge_count;
    unsigned publishers_per_edge;
    unsigned records_per_publisher;
    unsigned large_per_mille; /* of records handed in by control request */
    uint64_t fault_phase_ms;  /* then everything heals */
    uint64_t rest_ms_max;     /* everything is acknowledged this long after the healing */
    unsigned fault_count;
    unsigned weights[FAULT_KIND_COUNT];
    unsigned crash_per_mille;  /* of batches, anywhere inside */
    unsigned loss_per_million; /* of packets: the connection breaks */
    uint64_t delay_ms, jitter_ms;
    uint64_t bytes_per_s;
    unsigned forget_per_mille, repeat_per_mille, shuffle_per_mille;
    unsigned queued_max;
    uint64_t cut_ms_max, down_ms_max;
    unsigned drift_ppm_max;
    unsigned send_failed_per_mille; /* of lost connections: tokens come back before LINK_DOWN */
    unsigned heartbeat_ms;
    uint32_t reconnect_ms_max; /* 0: the engines' default */
    uint32_t frame_size_max, window_frames_max, window_bytes_max;
    bool restores; /* backups and restores happen: forks and new stores are lawful */

    /* Tracks, config and clocks. */
    unsigned acts_per_edge, acts_of_operator; /* actor.h */
    unsigned track_count;
    unsigned interest_per_mille; /* of edges that do not want all tracks */
    uint32_t track_retention_s;  /* 0: a day; else observations expire within the world */
    uint32_t track_repair_s;     /* 0: the engines' default */
    uint64_t track_bytes_max;    /* 0: likewise */
    bool clocks;                 /* wrong clocks happen: healing may take stamps back */
    bool evictions;              /* edges have no room for all tracks */
    bool epochs;                 /* the operator raises epochs */
};

/* Nothing goes wrong. */
struct fault_model fault_model_calm(void);
/* The seed's own mixture: some worlds lack some faults, so that the others go deeper ("swarm
 * testing", Groce et al. 2012). */
struct fault_model fault_model_draw(struct rng *rng, bool long_world);

/* Plans the faults of the phase. */
void faults_plan(struct world *world);
/* One planned fault happens now. */
void faults_strike(struct world *world, enum fault_kind kind, unsigned target);
/* A machine's clock is set to something wrong: 1970, or some way ahead. */
void clock_goes_wrong(struct world *world, struct sim_node *node, bool dead);
/* Everything works again: links, disks, brokers, processes. */
void faults_heal(struct world *world);

#endif
