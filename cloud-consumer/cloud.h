/* cloud.h - the cloud engine: all that a cloud consumer decides, without I/O, threads, clocks or
 * globals. Batches, effects and errors work exactly as in edge-bridge/edge.h.
 *
 * Verbs (REQUEST_VERB, common/wire/control_msg.h); arguments are texts, those in brackets optional:
 *   status                                       one RECORD
 *   cloud-key                                    RECORD: line, key, key_id
 *   node-add line=KEYLINE [group=G1,G2]          RECORD: node, key_id. ST_DUPLICATE: is there
 *   node-set node= group=G1,G2                   RECORD: node, groups; with an empty group= it
 *                                                is in none
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
 *   config-set key= value= [type=] [scope=]      RECORD: the register. Without a type that of the
 *                                                key's rule, or what it looks like; the scope
 *                                                is fleet, group/G or node/N, fleet when missing.
 *                                                ST_FUTURE: see config-raise-epoch
 *   config-unset key= [scope=]                   RECORD: the deleted register
 *   config-get key= [scope=] | node=             RECORD; with a node what counts there
 *   config-list [scope=]                         a RECORD for each register, deleted ones too
 *   config-history [key=] [scope=] [limit=]      a RECORD for each write, the newest first: from,
 *                                                operation, outcome (won, lost), received
 *   config-rule key= [writer=cloud|node|any] [type=|any] [remove=]
 *                                                RECORD: key, writer, type
 *   config-rules                                 a RECORD for each rule
 *   config-raise-epoch [key=] [scope=]           the same value under the next epoch, stamped anew;
 *                                                without a key for all registers stamped in the
 *                                                future. A clock that ran ahead is set back first
 *   track-list [since=] [after=NAME] [limit=] [all=]
 *                                                a RECORD for each active track by name; with all
 *                                                also historical and removed ones
 *   track-show name=                             the same RECORD, one for each node that observed
 *                                                it, one for each sensor
 *   track-history [name=] [since=] [until=] [box=LAT1,LON1,LAT2,LON2] [limit=]
 *                                                a RECORD for each archived state: of one track the
 *                                                newest first, of all in the order of when they
 *                                                were seen. LON1 is the western edge of the box
 *   track-digest                                 RECORD: digest, tracks, counter, horizon, archived
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
    bool link;            /* false: no connection wanted (direct verbs, tests) */
    bool broker_counters; /* watch the broker's own counter of the messages it has dropped */
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
