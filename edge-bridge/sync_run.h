/* sync_run.h - one synchronisation with a beginning, an end and a report.
 *
 * What is kept in step goes up and down by itself whenever the link may be used. A run is the
 * operator's "now, and tell me": it opens the link even outside its windows (not against a pause),
 * and is over when what waited at its beginning has been moved, when the link was lost for
 * SYNC_PATIENCE_S, or at its deadline. An error in one lane never stops another.
 *   full         evidence, tracks both ways with a comparison of the replicas, config both ways
 *   incremental  critical evidence (P0), config, and tracks seen within view_ttl only
 * The setting [link] mode says which of the two holds while no run does; "auto": incremental while
 * the budget is below incremental_below_bytes_s. The last report is kept for status. */
#ifndef HOLDFAST_EDGE_BRIDGE_SYNC_RUN_H
#define HOLDFAST_EDGE_BRIDGE_SYNC_RUN_H

#include "common/port/effect.h"
#include "common/wire/control_msg.h"

struct edge;

enum sync_mode { SYNC_FULL = 0, SYNC_INCREMENTAL = 1, SYNC_AUTO = 2 };

enum { SYNC_PATIENCE_S = 60, SYNC_DEADLINE_S_DEFAULT = 3600, SYNC_CHECK_MS = 50 };

/* What a run moved; taken from counters that only grow. */
struct sync_counts {
    uint64_t evidence; /* entries that the cloud has acknowledged */
    uint64_t tracks;   /* of ours that it has joined, and of its own that changed something here */
    uint64_t configs; /* local writes judged, and registers of the cloud's that changed something */
    uint64_t bytes_up, bytes_down;
};

struct sync_report {
    bool there; /* there was a run */
    bool complete;
    enum sync_mode mode;
    int64_t started_ms; /* wall clock */
    uint64_t milliseconds;
    struct sync_counts moved;
    const char *outcome; /* a clause for people */
};

struct sync_run {
    bool active, waits; /* waits: a client wants the report */
    uint32_t client;
    bool repair_asked; /* full: the replicas' comparison was begun on this connection */
    uint64_t started_mono_ns, deadline_mono_ns, online_mono_ns, check_mono_ns;
    /* What was there when it began; what comes later is not its business. */
    int64_t target_log;
    uint64_t target_sequence, target_change, target_operation;
    uint64_t moved_down, quiet_mono_ns; /* nothing has come that changed anything since then */
    uint64_t done_mono_ns;              /* since when only quiet is waited for; 0: not yet */
    struct sync_counts before;
    struct sync_report report; /* of the last run, or the one that runs */
};

/* The mode that holds now: that of the run, or the setting's. */
enum sync_mode sync_mode_now(const struct edge *edge);
bool sync_run_active(const struct edge *edge);
/* Looks whether a run is over; answers its client. In every commit, after the outbox. */
MUST_USE enum status sync_run_tick(struct edge *edge, struct effects *effects);
uint64_t sync_run_wakeup(const struct edge *edge);
void sync_run_client_gone(struct edge *edge, uint32_t client);
/* Verb link-sync [mode=full|incremental] [wait=1] [seconds=N]: RECORD with the report when it
 * waited, END; ST_AGAIN while another run goes on, or when it ended without being complete. Verb
 * link-report: the last report. */
MUST_USE enum status sync_run_verb(struct edge *edge, uint32_t client,
                                   const struct control_request *request, struct effects *effects);

#endif
