/* cloud.h - the cloud engine: all that a cloud consumer decides, without I/O, threads, clocks or
 * globals. Batches, effects and errors work exactly as in edge-bridge/edge.h. */
#ifndef HOLDFAST_CLOUD_CONSUMER_CLOUD_H
#define HOLDFAST_CLOUD_CONSUMER_CLOUD_H

#include "common/base/ids.h"
#include "common/port/effect.h"
#include "common/port/event.h"
#include "common/port/port.h"

struct cloud;

struct cloud_settings {
    const char *topic_root;
    bool link; /* false: no connection wanted (direct verbs, tests) */
    uint32_t reconnect_ms_min, reconnect_ms_max;
    uint32_t rejected_frames_max; /* sampled refused frames kept for diagnosis */
    uint64_t staged_bytes_max;    /* parts of large payloads not yet accepted, per node */
    uint32_t pending_entries_max; /* entries ahead of the chain, per log */
    bool audit;                   /* verify every entry signature in the background */
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
uint64_t cloud_next_wakeup(const struct cloud *cloud);
/* True while a client's verb or the auditor has slices left to do. */
bool cloud_has_jobs(const struct cloud *cloud);

#endif
