/* report.c - the operator's verbs: which there are, the short ones, and whose turn it is. */
#include "cloud-consumer/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cloud-consumer/config_private.h"
#include "common/base/bounds.h"

struct buf cloud_reply_space(struct effects *effects, size_t size)
{
    return effects_space(effects, size);
}

void cloud_reply(struct effects *effects, uint32_t client, const struct buf *out)
{
    INVARIANT(buf_ok(out));
    const struct bytes payload = effects_take(effects, out);
    struct effect *const effect = effects_add(effects, EFFECT_REPLY);
    effect->client = client;
    effect->payload = payload;
}

static void reply_end(struct effects *effects, uint32_t client, enum status status,
                      const char *format, va_list arguments)
{
    char message[512];
    const int size = vsnprintf(message, sizeof message, format, arguments);
    size_t length = size < 0 ? 0 : (size_t)size;
    if (length >= sizeof message) length = sizeof message - 1;
    struct buf out = cloud_reply_space(effects, sizeof message + 64);
    end_reply_encode(&out, status, bytes_of(message, length));
    cloud_reply(effects, client, &out);
}

void cloud_reply_end(struct effects *effects, uint32_t client, enum status status,
                     const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    reply_end(effects, client, status, format, arguments);
    va_end(arguments);
}

void cloud_job_end(struct effects *effects, struct cloud_job *job, enum status status,
                   const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    reply_end(effects, job->client, status, format, arguments);
    va_end(arguments);
    job->kind = JOB_NONE;
}

enum status cloud_log_of_job(struct cloud *cloud, int64_t log, struct log_row *row,
                             struct node_row *node)
{
    TRY(STORE(cloud, log_next, 0, log - 1, row));
    if (row->id != log) return ST_TAMPERED;
    TRY(STORE(cloud, node_next, row->node - 1, node));
    return node->id == row->node ? ST_OK : ST_TAMPERED;
}

struct cloud_job *cloud_job_begin(struct cloud *cloud, uint32_t client, enum job_kind kind,
                                  struct effects *effects)
{
    for (size_t i = 0; i < CLOUD_JOBS_MAX; i++) {
        struct cloud_job *const job = &cloud->jobs[i];
        if (job->kind != JOB_NONE) continue;
        job->kind = kind;
        job->client = client;
        job->node = 0;
        job->after = 0;
        return job;
    }
    cloud_reply_end(effects, client, ST_AGAIN,
                    "%d long requests are running already: wait for one to end", CLOUD_JOBS_MAX);
    return NULL;
}

static void put_refusals(struct buf *out, const uint64_t counts[REFUSAL_COUNT])
{
    for (int i = 0; i < REFUSAL_COUNT; i++) {
        char name[48];
        snprintf(name, sizeof name, "refused_%s", refusal_field((enum refusal)i));
        record_uint(out, name, counts[i]);
    }
}

enum { STATUS_FIELDS = 22, DAY_S = 24 * 3600 };
_Static_assert((int)STATUS_FIELDS + (int)REFUSAL_COUNT <= (int)RECORD_FIELDS_MAX,
               "the status record holds every reason of refusal");

static enum status verb_status(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    struct store_sums sums;
    struct config_sums config;
    uint64_t refused[REFUSAL_COUNT], refused_sum = 0, regained;
    TRY(cloud_refusals_save(cloud));
    TRY(CONFIGS(cloud, sums, &config));
    TRY(CONFIGS(cloud, number_get, CONFIG_NUMBER_REGAINED, &regained));
    TRY(cloud->store->verbs->sums(cloud->store, &sums));
    TRY(cloud->store->verbs->refused_counts(cloud->store, refused));
    for (size_t i = 0; i < REFUSAL_COUNT; i++)
        refused_sum += refused[i];
    struct buf out = cloud_reply_space(effects, RECORD_SIZE_TYPICAL);
    record_reply_begin(&out, STATUS_FIELDS + REFUSAL_COUNT);
    record_words(&out, "software", cloud->software);
    record_hex(&out, "store", bytes_of(cloud->identity.store.bytes, STORE_ID_SIZE));
    record_uint(&out, "uptime_s", (cloud->now.mono_ns - cloud->opened_mono_ns) / 1000000000);
    record_words(&out, "link", cloud_session_words(cloud));
    record_words(&out, "link_reason", cloud->session.reason);
    if (cloud->session.broker_dropped_known)
        record_uint(&out, "broker_dropped", cloud->session.broker_dropped);
    else
        record_nil(&out, "broker_dropped");
    if (cloud->now.certificate_expires_s == 0)
        record_nil(&out, "tls_certificate_expires_days");
    else
        record_int(&out, "tls_certificate_expires_days",
                   (cloud->now.certificate_expires_s - cloud_wall_ms(cloud) / 1000) / DAY_S);
    record_uint(&out, "nodes", sums.nodes);
    record_uint(&out, "logs", sums.logs);
    record_uint(&out, "entries", sums.entries);
    record_uint(&out, "bytes", sums.bytes);
    record_uint(&out, "pending", sums.pending);
    record_uint(&out, "rejected", sums.rejected);
    record_uint(&out, "forks", sums.forks);
    record_uint(&out, "frozen_logs", sums.frozen);
    record_uint(&out, "audited", sums.audited);
    record_uint(&out, "alarms", sums.alarms);
    record_uint(&out, "database_bytes", cloud->store->verbs->bytes_on_disk(cloud->store));
    record_uint(&out, "config_registers", config.registers);
    record_uint(&out, "config_regained", regained);
    record_uint(&out, "nodes_config_differs", config.nodes_differ);
    record_uint(&out, "refused", refused_sum);
    put_refusals(&out, refused);
    cloud_reply(effects, client, &out);
    cloud_reply_end(effects, client, ST_OK, "%s", "");
    return ST_OK;
}

static enum status verb_cloud_key(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    static const struct node_name name = {"cloud"};
    char line[KEY_LINE_SIZE_MAX];
    key_line_write(KEY_LINE_CLOUD, &name, cloud->key, line);
    const struct key_id key_id = key_id_of(&cloud->public_key);
    struct buf out = cloud_reply_space(effects, 1024);
    record_reply_begin(&out, 3);
    record_words(&out, "line", line);
    record_hex(&out, "key", bytes_of(cloud->public_key.bytes, PUBLIC_KEY_SIZE));
    record_hex(&out, "key_id", bytes_of(key_id.bytes, KEY_ID_SIZE));
    cloud_reply(effects, client, &out);
    cloud_reply_end(effects, client, ST_OK, "%s", "");
    return ST_OK;
}

/* The groups that came with the enrolment line, when any did. */
static enum status assign_groups(struct cloud *cloud, uint32_t client, struct effects *effects,
                                 const struct node_name *name, bool *ok)
{
    struct level_name groups[NODE_GROUPS_MAX];
    struct node_row node;
    struct bytes text;
    size_t count;
    if (!verb_argument_find(cloud->request, "group", &text)) return ST_OK;
    TRY(cloud_groups_parse(text, groups, &count)); /* it was checked before */
    TRY(STORE(cloud, node_find, name, &node));
    const enum status status = cloud_groups_assign(cloud, &node, groups, count);
    if (status != ST_FULL) return status;
    *ok = false;
    cloud_reply_end(effects, client, status, "%s is enrolled, but there are %d groups already",
                    name->text, ROSTER_GROUPS_MAX);
    return ST_OK;
}

static enum status verb_node_add(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    struct bytes line, groups;
    struct key_line key_line;
    struct level_name names[NODE_GROUPS_MAX];
    size_t count;
    bool ok = true;
    if (!verb_argument_find(cloud->request, "line", &line)) {
        cloud_reply_end(effects, client, ST_USAGE, "node-add needs the node's enrolment line");
        return ST_OK;
    }
    if (verb_argument_find(cloud->request, "group", &groups) &&
        !cloud_groups_argument(client, effects, groups, names, &count))
        return ST_OK;
    const enum status status = cloud_node_add(cloud, line, &key_line);
    if (status == ST_MALFORMED || status == ST_FORGED || status == ST_TAMPERED) {
        cloud_reply_end(effects, client, status,
                        "not a valid enrolment line: copy the whole line that edge-bridge init "
                        "printed");
        return ST_OK;
    }
    if (status == ST_CONFLICT) {
        cloud_reply_end(effects, client, status,
                        "node %s is enrolled with another key: revoke it first if its hardware was "
                        "replaced",
                        key_line.name.text);
        return ST_OK;
    }
    if (status != ST_OK && status != ST_DUPLICATE) return status;
    TRY(assign_groups(cloud, client, effects, &key_line.name, &ok));
    if (!ok) return ST_OK;
    const struct key_id key_id = key_id_of(&key_line.key);
    struct buf out = cloud_reply_space(effects, 512);
    record_reply_begin(&out, 2);
    record_words(&out, "node", key_line.name.text);
    record_hex(&out, "key_id", bytes_of(key_id.bytes, KEY_ID_SIZE));
    cloud_reply(effects, client, &out);
    cloud_reply_end(effects, client, status, "node %s is %s", key_line.name.text,
                    status == ST_OK ? "enrolled" : "enrolled already");
    return ST_OK;
}

enum status cloud_node_argument(struct cloud *cloud, uint32_t client, struct effects *effects,
                                struct node_row *out)
{
    struct bytes text;
    struct node_name name;
    out->id = 0;
    if (!verb_argument_find(cloud->request, "node", &text)) return ST_OK;
    enum status status = ST_NOT_FOUND;
    if (node_name_from(text, &name) == ST_OK) status = STORE(cloud, node_find, &name, out);
    if (status == ST_NOT_FOUND) {
        cloud_reply_end(effects, client, ST_NOT_FOUND,
                        "no node \"%.*s\" is enrolled: see node list", (int)text.size,
                        (const char *)text.data);
    } else if (status == ST_TAMPERED) {
        cloud_reply_end(effects, client, status, "the stored row of node %s is damaged", name.text);
        return ST_NOT_FOUND;
    }
    return status;
}

static enum status verb_node_revoke(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    struct node_row node;
    const enum status found = cloud_node_argument(cloud, client, effects, &node);
    if (found == ST_NOT_FOUND) return ST_OK;
    if (found != ST_OK) return found;
    if (node.id == 0) {
        cloud_reply_end(effects, client, ST_USAGE, "node-revoke needs the name of a node");
        return ST_OK;
    }
    const enum status status = cloud_node_revoke(cloud, &node.name);
    if (status != ST_OK && status != ST_DUPLICATE) return status;
    cloud_reply_end(effects, client, status, "node %s is revoked%s", node.name.text,
                    status == ST_OK ? ": its next frame will be refused" : " already");
    return ST_OK;
}

/* Desired is what holds for the node, reported what it says it has applied. */
static enum status put_node_config(struct cloud *cloud, const struct node_row *node,
                                   struct buf *out)
{
    struct node_sync sync;
    struct level_name groups[NODE_GROUPS_MAX];
    size_t count;
    char words[GROUPS_TEXT_SIZE_MAX + 1];
    struct buf names = buf_of(words, sizeof words);
    TRY(cloud_sync_load(cloud, node->id, &sync));
    TRY(cloud_node_groups(cloud, node->id, groups, &count));
    cloud_groups_write(groups, count, &names);
    record_text(out, "groups", buf_bytes(&names));
    if (sync.reported_ms == 0) {
        record_words(out, "config", "unknown");
        record_nil(out, "config_reported");
    } else {
        record_words(out, "config", sync.config_differs ? "differs" : "applied");
        record_time(out, "config_reported", sync.reported_ms);
    }
    return ST_OK;
}

static enum status put_node(struct cloud *cloud, struct effects *effects, uint32_t client,
                            const struct node_row *node, const struct node_sums *sums)
{
    const struct key_id key_id = key_id_of(&node->key);
    struct buf out = cloud_reply_space(effects, RECORD_SIZE_TYPICAL);
    record_reply_begin(&out, 13);
    record_words(&out, "node", node->name.text);
    record_words(&out, "status", node->revoked ? "revoked" : "enrolled");
    record_hex(&out, "key_id", bytes_of(key_id.bytes, KEY_ID_SIZE));
    record_bool(&out, "online", node->online);
    if (node->last_seen_ms == 0)
        record_nil(&out, "last_seen");
    else
        record_time(&out, "last_seen", node->last_seen_ms);
    record_words(&out, "software", node->software);
    record_uint(&out, "logs", sums->logs);
    record_uint(&out, "acknowledged", sums->acknowledged);
    record_uint(&out, "missing", sums->missing);
    record_time(&out, "added", node->added_ms);
    TRY(put_node_config(cloud, node, &out));
    cloud_reply(effects, client, &out);
    return ST_OK;
}

static enum status nodes_slice(struct cloud *cloud, struct cloud_job *job, struct effects *effects)
{
    for (int i = 0; i < SLICE_ROWS_MAX; i++) {
        struct node_row node;
        struct node_sums sums;
        const enum status status = STORE(cloud, node_next, job->after, &node);
        if (status == ST_NOT_FOUND) {
            cloud_job_end(effects, job, ST_OK, "%s", "");
            return ST_OK;
        }
        if (status == ST_TAMPERED) {
            cloud_job_end(effects, job, status, "the stored row of a node is damaged");
            return ST_OK;
        }
        if (status != ST_OK) return status;
        TRY(STORE(cloud, node_sums, node.id, &sums));
        TRY(put_node(cloud, effects, job->client, &node, &sums));
        job->after = node.id;
    }
    return ST_OK;
}

bool cloud_number_argument(const struct control_request *request, const char *name, uint64_t *out)
{
    struct bytes text;
    int64_t value = 0;
    if (!verb_argument_find(request, name, &text)) return true;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || value > INT64_MAX / 100) return false;
        value = value * 10 + (text.data[i] - '0');
    }
    *out = (uint64_t)value;
    return text.size > 0;
}

static enum status begin_list(struct cloud *cloud, uint32_t client, struct effects *effects,
                              const struct node_row *node)
{
    struct bytes since;
    int64_t since_ms = INT64_MIN;
    uint64_t limit = UINT64_MAX;
    if (verb_argument_find(cloud->request, "since", &since) &&
        !cloud_time_parse(since, &since_ms)) {
        cloud_reply_end(effects, client, ST_USAGE,
                        "since is milliseconds since 1970 or a time like 2026-11-22T16:20:48Z");
        return ST_OK;
    }
    if (!cloud_number_argument(cloud->request, "limit", &limit)) {
        cloud_reply_end(effects, client, ST_USAGE, "limit is a number of entries");
        return ST_OK;
    }
    struct cloud_job *const job = cloud_job_begin(cloud, client, JOB_LIST, effects);
    if (job == NULL) return ST_OK;
    job->node = node->id;
    struct list_job *const list = &job->list;
    list->ready = false;
    list->after_log = 0;
    list->since_ms = since_ms;
    list->limit = limit;
    list->done = 0;
    list->count = 0;
    return ST_OK;
}

static enum status begin_verify(struct cloud *cloud, uint32_t client, struct effects *effects,
                                const struct node_row *node)
{
    struct store_sums all;
    struct node_sums one = {0};
    TRY(cloud->store->verbs->sums(cloud->store, &all));
    if (node->id != 0) TRY(STORE(cloud, node_sums, node->id, &one));
    struct cloud_job *const job = cloud_job_begin(cloud, client, JOB_VERIFY, effects);
    if (job == NULL) return ST_OK;
    job->node = node->id;
    job->verify = (struct verify_job){.total = node->id != 0 ? one.acknowledged : all.entries};
    return ST_OK;
}

/* Verbs that take an optional node and become jobs. */
static enum status begin_job(struct cloud *cloud, uint32_t client, struct effects *effects,
                             enum job_kind kind)
{
    struct node_row node;
    const enum status found = cloud_node_argument(cloud, client, effects, &node);
    if (found == ST_NOT_FOUND) return ST_OK;
    if (found != ST_OK) return found;
    if (kind == JOB_LIST) return begin_list(cloud, client, effects, &node);
    if (kind == JOB_VERIFY) return begin_verify(cloud, client, effects, &node);
    struct cloud_job *const job = cloud_job_begin(cloud, client, kind, effects);
    if (job == NULL) return ST_OK;
    job->node = node.id;
    job->readmit = (struct readmit_job){0};
    return ST_OK;
}

enum status cloud_report_request(struct cloud *cloud, const struct event *event,
                                 struct effects *effects)
{
    struct control_request *const request = cloud->request;
    const uint32_t client = event->client;
    const enum status read = control_request_decode(cloud->unpacker, event->request, request);
    if (status_class_of(read) == STATUS_CLASS_STOP) return read;
    if (read != ST_OK || request->kind != REQUEST_VERB) {
        cloud_reply_end(effects, client, ST_USAGE, "a cloud consumer does not take such a request");
        return ST_OK;
    }
    const struct {
        const char *verb;
        enum job_kind job; /* JOB_NONE: answer it now */
        enum status (*answer)(struct cloud *, uint32_t, struct effects *);
    } verbs[] = {
        {"status", JOB_NONE, verb_status},
        {"cloud-key", JOB_NONE, verb_cloud_key},
        {"node-add", JOB_NONE, verb_node_add},
        {"node-revoke", JOB_NONE, verb_node_revoke},
        {"evidence-show", JOB_NONE, cloud_report_show},
        {"node-list", JOB_NODES, NULL},
        {"evidence-list", JOB_LIST, NULL},
        {"evidence-verify", JOB_VERIFY, NULL},
        {"evidence-readmit", JOB_READMIT, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (!bytes_equal(request->verb, bytes_of_text(verbs[i].verb))) continue;
        if (verbs[i].answer != NULL) return verbs[i].answer(cloud, client, effects);
        return begin_job(cloud, client, effects, verbs[i].job);
    }
    if (bytes_begin(request->verb, "track-")) return cloud_tracks_verb(cloud, client, effects);
    if (bytes_begin(request->verb, "config-") || bytes_begin(request->verb, "node-set"))
        return cloud_config_verb(cloud, client, effects);
    cloud_reply_end(effects, client, ST_USAGE, "no verb \"%.*s\"", (int)request->verb.size,
                    (const char *)request->verb.data);
    return ST_OK;
}

void cloud_report_client_gone(struct cloud *cloud, uint32_t client)
{
    for (size_t i = 0; i < CLOUD_JOBS_MAX; i++) {
        if (cloud->jobs[i].client == client) cloud->jobs[i].kind = JOB_NONE;
    }
}

bool cloud_report_has_jobs(const struct cloud *cloud)
{
    for (size_t i = 0; i < CLOUD_JOBS_MAX; i++) {
        if (cloud->jobs[i].kind != JOB_NONE) return true;
    }
    return false;
}

enum status cloud_report_slice(struct cloud *cloud, struct effects *effects)
{
    for (size_t i = 0; i < CLOUD_JOBS_MAX; i++) {
        struct cloud_job *const job = &cloud->jobs[cloud->job_next];
        cloud->job_next = (cloud->job_next + 1) % CLOUD_JOBS_MAX;
        switch (job->kind) {
        case JOB_NONE:
            continue;
        case JOB_NODES:
            return nodes_slice(cloud, job, effects);
        case JOB_LIST:
            return cloud_list_slice(cloud, job, effects);
        case JOB_VERIFY:
            return cloud_verify_slice(cloud, job, effects);
        case JOB_PAYLOAD:
            return cloud_payload_slice(cloud, job, effects);
        case JOB_READMIT:
            return cloud_readmit_slice(cloud, job, effects);
        case JOB_CONFIG:
            return cloud_config_slice(cloud, job, effects);
        case JOB_TRACKS:
        case JOB_TRACK_HISTORY:
            return cloud_tracks_slice(cloud, job, effects);
        }
    }
    return ST_OK;
}
