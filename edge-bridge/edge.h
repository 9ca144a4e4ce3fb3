/* edge.h - the edge engine: all that an edge bridge decides, without I/O, threads, clocks or
 * globals.
 *
 * A batch: edge_begin, any number of edge_step, edge_commit; only after edge_commit returned ST_OK
 * may the shell perform the effects. Entries are chained in the step that brings them, and signed,
 * written and receipted in edge_commit: one transaction, one fsync for all publishers of the batch.
 *
 * After any error of edge_begin, edge_step or edge_commit: throw the effects away, edge_close, and
 * edge_open again, exactly as after a crash; the store is the truth. Answers to bad input are never
 * errors of a step: they are effects (receipts, replies) and counters. */
#ifndef HOLDFAST_EDGE_BRIDGE_EDGE_H
#define HOLDFAST_EDGE_BRIDGE_EDGE_H

#include "common/base/ids.h"
#include "common/port/effect.h"
#include "common/port/event.h"
#include "common/port/port.h"
#include "common/wire/state_msg.h"
#include "edge-bridge/schedule.h"
#include "edge-bridge/sync_run.h"

struct edge;

/* AUTO: always, but payloads that do not get smaller are tried only now and then. */
enum edge_compress { COMPRESS_NEVER = 0, COMPRESS_ALWAYS = 1, COMPRESS_AUTO = 2 };

struct edge_settings {
    const char *topic_root;
    bool cloud_link;            /* false: no connection wanted (direct verbs, tests) */
    bool local_link;            /* a local broker is configured */
    uint32_t frame_size_max;    /* bytes of a frame's body, 1 KiB .. 63 KiB */
    uint32_t window_bytes_max;  /* unacknowledged bytes on the link */
    uint32_t window_frames_max; /* frames without PUBACK, also bounded by the broker */
    uint32_t checkpoint_ms;     /* a checkpoint at least this often while entries arrive */
    uint32_t heartbeat_ms;      /* a HEARTBEAT entry after this long a silence; 0: never */
    uint32_t ack_timeout_ms;    /* no acknowledgement for so long: ask with a hello */
    uint32_t reconnect_ms_min, reconnect_ms_max;
    uint64_t disk_reserve_bytes; /* intake answers "full" below this */
    uint32_t retain_days;        /* payloads that the cloud has stay so long; 0: for ever, */
    uint64_t retain_bytes;       /* and so many bytes of them; 0: all that the disk can hold */
    uint32_t publisher_id_days;  /* repeats are recognised for so long */
    uint32_t publisher_id_count; /* and so many */
    enum edge_compress compress;
    enum track_interest interest;       /* which tracks come down */
    uint32_t track_view_ttl_s;          /* not seen for so long: historical */
    uint32_t track_interval_ms;         /* a batch that is not full waits so long for company */
    uint32_t track_repair_s;            /* digests are compared so often */
    uint32_t track_retention_min_s;     /* a horizon nearer to now than this is refused */
    uint64_t track_bytes_max;           /* states kept */
    enum sync_mode mode;                /* while no run says otherwise */
    uint64_t incremental_below_bytes_s; /* SYNC_AUTO: a budget below this */
    struct schedule windows;            /* when the link may be used; none: always */
    bool critical_override;             /* critical evidence opens it outside the windows */
    uint64_t budget_bytes_s;            /* bytes a second that go up; 0: no limit */
    bool link_tls;                      /* the link's bytes are counted with TLS records */
    bool track_history;                 /* each observation also becomes an evidence entry */
};

struct edge_options {
    const char *database_path;
    const char *vfs; /* NULL: the operating system's */
    struct node_name node;
    const struct secret_key *key; /* borrowed until edge_close */
    bool has_cloud_key;           /* false: acknowledgements are ignored until trusted */
    struct public_key cloud_key;
    struct edge_settings settings;
    const struct port *port; /* borrowed until edge_close */
    uint8_t boot_id[16];     /* of the operating system's boot */
    bool daemon;             /* log a BOOT entry for this start */
    const char *software;    /* "edge-bridge 0.1.0" */
    struct moment now;
};

struct edge_settings edge_settings_default(void);

/* Makes the database of a new node with its first log (GENESIS). Errors: as db_open. */
MUST_USE enum status edge_create(const struct edge_options *options, struct buf *message);

/* The caller closes *out. message gets one sentence on failure. Errors: as db_open, ST_DENIED (the
 * database is another node's). */
MUST_USE enum status edge_open(const struct edge_options *options, struct buf *message,
                               struct edge **out);
void edge_close(struct edge *edge); /* accepts NULL */

MUST_USE enum status edge_begin(struct edge *edge);
MUST_USE enum status edge_step(struct edge *edge, const struct event *event,
                               struct effects *effects);
MUST_USE enum status edge_commit(struct edge *edge, const struct moment *now,
                                 struct effects *effects);

/* Monotonic nanoseconds at which a WAKEUP is wanted; 0: as soon as nothing else is to do. */
uint64_t edge_next_wakeup(const struct edge *edge);

/* Unix seconds by a clock that was synchronised or that the cloud told; 0: none is certain. Only
 * then may the dates of certificates be judged: a node whose clock is wrong must reach the cloud.
 * */
int64_t edge_certain_time_s(const struct edge *edge);

/* True while a client's long verb (verify) has slices left to do. */
bool edge_has_jobs(const struct edge *edge);

#endif
