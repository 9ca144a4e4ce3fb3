/* cloud.h - the cloud engine: all that a cloud consumer decides, without I/O, threads, clocks or
 * globals. Batches, effects and errors work exactly as in edge-bridge/edge.h.
 *
 * Verbs (REQUEST_VERB, common/wire/control_msg.h); arguments are texts, those in brackets optional:
 *   status                                       one RECORD
 *   cloud-key                                    RECORD: line, key, key_id
 *   node-add line=KEYLINE                        RECORD: node, key_id. ST_DUPLICATE: already there
 *   node-list                                    a RECORD for each node
 *   node-revoke node=NAME                        END only
 *   evidence-list [node=] [since=] [limit=]      a RECORD for each entry in the order (hlc, node,
 *                                                sequence); since: ms since 1970 or RFC 3339 UTC
 *   evidence-verify [node=]                      PROGRESS, a RECORD with the sums, END ST_OK, or
 *                                                ST_TAMPERED and what is wrong where
 *   evidence-show node= sequence= [log=HEX] [raw=header|signature|payload]
 *                                                RECORD, or RAW pieces; without log: the newest log
 *                                                that holds the sequence
 *   evidence-readmit [node=]                     RECORD: readmitted, still_rejected
 * Long verbs run in slices of at most 2 ms between steps, CLOUD_JOBS_MAX of them at once. */
#ifndef HOLDFAST_CLOUD_CONSUMER_CLOUD_H
#define HOLDFAST_CLOUD_CONSUMER_CLOUD_H

#include "common/base/ids.h"
#include "common/port/effect.h"
#include "common/port/event.h"
#include "common/port/port.h"

enum { CLOUD_JOBS_MAX = 8 };

struct cloud;

struct cloud_settings {
    const char *topic_root;
    bool link; /* false: no connection wanted (direct verbs, tests) */
    uint32_t reconnect_ms_min, reconnect_ms_max;
    uint32_t rejected_frames_max; /* sampled refused frames kept for diagnosis */
    uint64_t staged_bytes_max;    /* parts of large payloads not yet accepted, per node */
    uint32_t pending_entries_max; /* entries ahead of the chain, per log */
    bool audit;                   /* verify every entry signature in the background */
    uint32_t track_retention_s;   /* older observations are dead everywhere */
    uint32_t track_view_ttl_s;    /* a track not seen for so long is historical */
    uint32_t track_archive_days;  /* archived states are kept so long; 0: for ever */
    bool config_unknown_keys;     /* keys without a rule may be written */
};

struct cloud_options {
    const char *database_path;
    const char *vfs;
    const struct secret_key *key; /* borrowed until cloud_close */
    struct cloud_settings settings;
    const struct port *port; /* borrowed until cloud_close */
    const char *software;
    struct moment now;
};

struct cloud_settings cloud_settings_default(void);

/* Makes the database with a fresh store id. Errors: as db_open. */
MUST_USE enum status cloud_create(const struct cloud_options *options, struct buf *message);
MUST_USE enum status cloud_open(const struct cloud_options *options, struct buf *message,
                                struct cloud **out);
void cloud_close(struct cloud *cloud); /* accepts NULL */

MUST_USE enum status cloud_begin(struct cloud *cloud);
MUST_USE enum status cloud_step(struct cloud *cloud, const struct event *event,
                                struct effects *effects);
MUST_USE enum status cloud_commit(struct cloud *cloud, const struct moment *now,
                                  struct effects *effects);
/* Monotonic nanoseconds at which a WAKEUP is wanted; 0: as soon as nothing else is to do;
 * UINT64_MAX: no need. */
uint64_t cloud_next_wakeup(const struct cloud *cloud);
/* True while a client's verb or the auditor has slices left to do. */
bool cloud_has_jobs(const struct cloud *cloud);

#endif
