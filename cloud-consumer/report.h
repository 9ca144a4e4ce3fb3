/* report.h - the verbs of the operator. Short ones are answered in the step that brings them, long
 * ones become jobs: a cursor and no open statement, moved on in slices of at most 2 ms between
 * steps, so that intake never waits for a reader. */
#ifndef HOLDFAST_CLOUD_CONSUMER_REPORT_H
#define HOLDFAST_CLOUD_CONSUMER_REPORT_H

#include "cloud-consumer/engine.h"

enum job_kind {
    JOB_NONE,
    JOB_NODES,
    JOB_LIST,
    JOB_VERIFY,
    JOB_PAYLOAD,
    JOB_READMIT,
    JOB_CONFIG,
    JOB_TRACKS,
    JOB_TRACK_HISTORY
};

enum {
    LIST_LOGS_MAX = 1024, /* logs merged by one list; with more, name a node */
    LIST_WINDOW = 32,     /* entries of a log that are decoded ahead */
    SLICE_RECORDS_MAX = 200,
    SLICE_RUNS_MAX = 6, /* runs decoded in one slice, at about 0.2 ms each */
    SLICE_ROWS_MAX = 64,
    SLICE_PARTS_MAX = 8,
    PROGRESS_INTERVAL_ENTRIES = 1000,
};

/* What a list shows of an entry. */
struct list_entry {
    uint64_t sequence, hlc, payload_len;
    int64_t wall_ns;
    uint32_t clock_uncertainty_ms;
    uint16_t type, flags;
    struct digest hash;
    struct digest payload_hash;
};

struct list_cursor {
    int64_t log, node;
    struct node_name name;
    struct log_id log_id;
    uint64_t next, end; /* sequences to read still; end is the head when the list began */
    bool has_rejected;
    uint16_t position, count;
    struct list_entry window[LIST_WINDOW];
};

struct list_job {
    bool ready; /* all logs are there */
    int64_t after_log;
    int64_t since_ms;
    uint64_t limit, done;
    size_t count;
    struct list_cursor cursors[LIST_LOGS_MAX];
};

struct verify_job {
    int64_t after_log;
    int64_t log; /* 0: between logs */
    struct chain_head head;
    struct tree tree;
    /* Where the log stood when its turn came: it may grow meanwhile. */
    struct chain_head target;
    struct digest target_root;
    size_t signatures; /* of the run after head that were verified */
    bool run_ok;       /* its chain and checkpoint were */
    uint32_t parts;    /* of the payload at the current signature that were hashed */
    uint64_t done, total, told;
    uint64_t log_count, lost_count;
};

struct readmit_job {
    int64_t after;
    uint64_t readmitted, still_rejected;
};

struct payload_job {
    int64_t log;
    uint64_t sequence;
    uint32_t part, parts;
};

enum config_job_kind { CONFIG_JOB_LIST, CONFIG_JOB_HISTORY, CONFIG_JOB_RULES, CONFIG_JOB_RAISE };

struct config_job {
    enum config_job_kind kind;
    struct config_key after; /* registers, rules: the last one told */
    int64_t before;          /* history: likewise */
    bool has_scope, has_key; /* only this one */
    struct config_scope scope;
    struct level_name key;
    uint64_t limit, done;
};

/* A list of tracks, or of archived states. */
struct track_job {
    bool all, one, has_box;
    int64_t since_ms, until_ms;
    uint64_t limit, done;
    struct level_name after; /* list: the last one looked at */
    uint64_t newest;         /* history: likewise, by (newest, id); of one track by id alone */
    int64_t id;
    int32_t south, west, north, east; /* 1e-7 degrees */
};

struct cloud_job {
    enum job_kind kind;
    uint32_t client;
    int64_t node;          /* 0: all */
    int64_t after;         /* nodes: the last one told */
    struct hasher *hasher; /* of its own: a hash may span slices */
    struct list_job list;
    struct verify_job verify;
    struct readmit_job readmit;
    struct payload_job payload;
    struct config_job config;
    struct track_job track;
};

/* A request of a client; bad ones are answered, never errors. */
MUST_USE enum status cloud_report_request(struct cloud *cloud, const struct event *event,
                                          struct effects *effects);
void cloud_report_client_gone(struct cloud *cloud, uint32_t client);
bool cloud_report_has_jobs(const struct cloud *cloud);
/* One slice of the job whose turn it is. */
MUST_USE enum status cloud_report_slice(struct cloud *cloud, struct effects *effects);

/* For the files of this module. */
struct buf cloud_reply_space(struct effects *effects, size_t size);
void cloud_reply(struct effects *effects, uint32_t client, const struct buf *out);
void cloud_reply_end(struct effects *effects, uint32_t client, enum status status,
                     const char *format, ...) PRINTF_LIKE(4, 5);
/* Ends the job as well. */
void cloud_job_end(struct effects *effects, struct cloud_job *job, enum status status,
                   const char *format, ...) PRINTF_LIKE(4, 5);
MUST_USE enum status cloud_log_of_job(struct cloud *cloud, int64_t log, struct log_row *row,
                                      struct node_row *node);
/* "VIDEO-META", "GENESIS" or "0x0142". */
MUST_USE enum status cloud_type_words(struct cloud *cloud, int64_t log, uint16_t type,
                                      struct level_name *out);
/* Decimal milliseconds since 1970, or RFC 3339 in UTC. */
bool cloud_time_parse(struct bytes text, int64_t *out_ms);

MUST_USE enum status cloud_report_show(struct cloud *cloud, uint32_t client,
                                       struct effects *effects);
MUST_USE enum status cloud_list_slice(struct cloud *cloud, struct cloud_job *job,
                                      struct effects *effects);
MUST_USE enum status cloud_verify_slice(struct cloud *cloud, struct cloud_job *job,
                                        struct effects *effects);
MUST_USE enum status cloud_payload_slice(struct cloud *cloud, struct cloud_job *job,
                                         struct effects *effects);
MUST_USE enum status cloud_readmit_slice(struct cloud *cloud, struct cloud_job *job,
                                         struct effects *effects);
MUST_USE enum status cloud_tracks_slice(struct cloud *cloud, struct cloud_job *job,
                                        struct effects *effects);
MUST_USE enum status cloud_config_slice(struct cloud *cloud, struct cloud_job *job,
                                        struct effects *effects);
/* NULL: the client has its answer. */
struct config_job *cloud_config_job_begin(struct cloud *cloud, uint32_t client,
                                          struct effects *effects, enum config_job_kind kind);
/* The node that the argument names; id 0: no argument. ST_NOT_FOUND: the client has its answer. */
MUST_USE enum status cloud_node_argument(struct cloud *cloud, uint32_t client,
                                         struct effects *effects, struct node_row *out);
/* False: it is there and not a natural number. */
bool cloud_number_argument(const struct control_request *request, const char *name, uint64_t *out);
struct cloud_job *cloud_job_begin(struct cloud *cloud, uint32_t client, enum job_kind kind,
                                  struct effects *effects);

#endif
