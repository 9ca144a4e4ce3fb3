/* cloud.c - open, one step, commit, close. A batch of steps is one transaction of the store; its
 * effects are real only after the commit. After any error the engine is closed and opened again:
 * all that matters is in the store. */
#include "cloud-consumer/cloud.h"

#include <stdlib.h>
#include <string.h>

#include "cloud-consumer/engine.h"
#include "cloud-consumer/report.h"

struct cloud_settings cloud_settings_default(void)
{
    return (struct cloud_settings){
        .topic_root = "hf/v1",
        .link = true,
        .reconnect_ms_min = 200,
        .reconnect_ms_max = 30000,
        .rejected_frames_max = 1000,
        .staged_bytes_max = 64 * 1024 * 1024,
        .pending_entries_max = 4096,
        .audit = true,
        .track_retention_s = 30 * 24 * 60 * 60,
        .track_view_ttl_s = 600,
        .config_unknown_keys = true,
    };
}

enum status cloud_create(const struct cloud_options *options, struct buf *message)
{
    struct evidence_store_options store = {
        .database_path = options->database_path,
        .vfs = options->vfs,
        .now_ms = options->now.wall_ns / 1000000,
    };
    port_random(options->port, store.fresh.bytes, STORE_ID_SIZE);
    return evidence_store_sqlite_create(&store, message);
}

static bool memory_open(struct buf *buf, size_t size)
{
    *buf = buf_of(malloc(size), size);
    return buf->data != NULL;
}

static enum status scratch_open(struct cloud *cloud)
{
    cloud->run = malloc(sizeof *cloud->run);
    cloud->stored.run = malloc(sizeof *cloud->stored.run);
    cloud->verdict = malloc(sizeof *cloud->verdict);
    cloud->hello = malloc(sizeof *cloud->hello);
    cloud->hello_reply = calloc(1, sizeof *cloud->hello_reply);
    cloud->ack = malloc(sizeof *cloud->ack);
    cloud->held_ack = malloc(sizeof *cloud->held_ack);
    cloud->request = malloc(sizeof *cloud->request);
    cloud->loss = malloc(sizeof *cloud->loss);
    cloud->jobs = calloc(CLOUD_JOBS_MAX, sizeof *cloud->jobs);
    const void *const all[] = {
        cloud->run, cloud->stored.run, cloud->verdict, cloud->hello, cloud->hello_reply,
        cloud->ack, cloud->held_ack,   cloud->request, cloud->loss,  cloud->jobs,
    };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (all[i] == NULL) return ST_NO_MEMORY;
    }
    const bool ok = memory_open(&cloud->stored.body, STORED_BODY_SIZE_MAX) &&
                    memory_open(&cloud->stored.plain, BODY_UNPACKED_SIZE_MAX) &&
                    memory_open(&cloud->plain, BODY_UNPACKED_SIZE_MAX) &&
                    memory_open(&cloud->encoded, STORED_BODY_SIZE_MAX) &&
                    memory_open(&cloud->entries, STORED_BODY_SIZE_MAX) &&
                    memory_open(&cloud->payload, FRAME_SIZE_MAX) &&
                    memory_open(&cloud->body, FRAME_SIZE_MAX);
    if (!ok) return ST_NO_MEMORY;
    for (size_t i = 0; i < CLOUD_JOBS_MAX; i++)
        TRY(hasher_open(&cloud->jobs[i].hasher));
    return ST_OK;
}

static enum status tools_open(struct cloud *cloud)
{
    TRY(hasher_open(&cloud->hasher));
    TRY(unpacker_open(&cloud->unpacker));
    TRY(unpacker_open(&cloud->control_unpacker));
    return compressor_open(&cloud->compressor);
}

static enum status settings_take(struct cloud *cloud, const struct cloud_options *options,
                                 struct buf *message)
{
    const struct bytes root = bytes_of_text(options->settings.topic_root);
    struct bytes software = bytes_of_text(options->software);
    if (!topic_root_ok(options->settings.topic_root) || root.size >= sizeof cloud->topic_root) {
        if (message != NULL) {
            buf_put_format(message,
                           "the topic root \"%s\" is not 1 to 64 characters of A-Z a-z 0-9 . _ - "
                           "and /: mend the setting.",
                           options->settings.topic_root);
        }
        return ST_SETTINGS;
    }
    memcpy(cloud->topic_root, root.data, root.size);
    if (software.size > STATUS_SOFTWARE_SIZE_MAX) software.size = STATUS_SOFTWARE_SIZE_MAX;
    memcpy(cloud->software, software.data, software.size);
    cloud->settings = options->settings;
    cloud->settings.topic_root = cloud->topic_root;
    cloud->key = options->key;
    cloud->public_key = secret_key_public(options->key);
    cloud->port = options->port;
    cloud->now = options->now;
    cloud->opened_mono_ns = options->now.mono_ns;
    cloud->session.connect_mono_ns = options->now.mono_ns;
    cloud->audit.due = options->settings.audit;
    return ST_OK;
}

enum status cloud_open(const struct cloud_options *options, struct buf *message, struct cloud **out)
{
    *out = NULL;
    const struct evidence_store_options store = {
        .database_path = options->database_path,
        .vfs = options->vfs,
    };
    uint64_t seed = 0;
    struct cloud *const cloud = calloc(1, sizeof *cloud);
    if (cloud == NULL) return ST_NO_MEMORY;
    enum status status = settings_take(cloud, options, message);
    if (status != ST_OK) goto out;
    if ((status = tools_open(cloud)) != ST_OK) goto out;
    if ((status = scratch_open(cloud)) != ST_OK) goto out;
    status = evidence_store_sqlite_open(&store, message, &cloud->store);
    if (status != ST_OK) goto out;
    status = STORE(cloud, identity, &cloud->identity);
    if (status != ST_OK) {
        if (message != NULL) {
            buf_put_format(message,
                           "%s has no store identity: its creation was cut short. Remove it and "
                           "run init again.",
                           options->database_path);
        }
        status = status == ST_NOT_FOUND || status == ST_TAMPERED ? ST_CORRUPT : status;
        goto out;
    }
    cloud->clock = hlc_restore(cloud->identity.hlc_limit);
    port_random(options->port, &seed, sizeof seed);
    rng_seed(&cloud->jitter, seed);
    if ((status = cloud_config_open(cloud)) != ST_OK) goto out;
    if ((status = cloud_tracks_open(cloud)) != ST_OK) goto out;
    *out = cloud;
    return ST_OK;
out:
    cloud_close(cloud);
    return status;
}

void cloud_close(struct cloud *cloud)
{
    if (cloud == NULL) return;
    cloud_tracks_close(cloud);
    cloud_config_close(cloud);
    if (cloud->store != NULL) {
        cloud->store->verbs->rollback(cloud->store);
        cloud->store->verbs->close(cloud->store);
    }
    for (size_t i = 0; cloud->jobs != NULL && i < CLOUD_JOBS_MAX; i++)
        hasher_close(cloud->jobs[i].hasher);
    void *const memory[] = {
        cloud->run,         cloud->stored.run,   cloud->verdict,          cloud->hello,
        cloud->hello_reply, cloud->ack,          cloud->held_ack,         cloud->request,
        cloud->loss,        cloud->jobs,         cloud->stored.body.data, cloud->stored.plain.data,
        cloud->plain.data,  cloud->encoded.data, cloud->entries.data,     cloud->payload.data,
        cloud->body.data,
    };
    for (size_t i = 0; i < COUNT_OF(memory); i++)
        free(memory[i]);
    hasher_close(cloud->hasher);
    unpacker_close(cloud->unpacker);
    unpacker_close(cloud->control_unpacker);
    compressor_close(cloud->compressor);
    free(cloud);
}

enum status cloud_begin(struct cloud *cloud)
{
    cloud->batch_had_slice = false;
    return cloud->store->verbs->begin(cloud->store);
}

/* The auditor's turn: in a quiet moment, so that a backlog has the processor to itself, but once a
 * second whatever happens. */
static uint64_t audit_mono_ns(const struct cloud *cloud)
{
    const uint64_t quiet_ns = cloud->audit.busy_mono_ns + AUDIT_QUIET_MS * UINT64_C(1000000);
    const uint64_t late_ns = cloud->audit.slice_mono_ns + AUDIT_PAUSE_MAX_MS * UINT64_C(1000000);
    return quiet_ns < late_ns ? quiet_ns : late_ns;
}

static enum status work_slice(struct cloud *cloud, struct effects *effects)
{
    if (cloud_report_has_jobs(cloud)) {
        cloud->batch_had_slice = true;
        return cloud_report_slice(cloud, effects);
    }
    if (!cloud->settings.audit || !cloud->audit.due) return ST_OK;
    if (cloud->batch_had_slice || cloud->now.mono_ns < audit_mono_ns(cloud)) return ST_OK;
    cloud->batch_had_slice = true;
    cloud->audit.slice_mono_ns = cloud->now.mono_ns;
    return cloud_audit_slice(cloud);
}

static enum status wakeup(struct cloud *cloud, struct effects *effects)
{
    TRY(cloud_session_wakeup(cloud, effects));
    return work_slice(cloud, effects);
}

enum status cloud_step(struct cloud *cloud, const struct event *event, struct effects *effects)
{
    cloud->now = event->now;
    if (event->kind != EVENT_WAKEUP) cloud->audit.busy_mono_ns = event->now.mono_ns;
    switch (event->kind) {
    case EVENT_WAKEUP:
        return wakeup(cloud, effects);
    case EVENT_LINK_UP:
        return cloud_session_up(cloud, event, effects);
    case EVENT_LINK_DOWN:
        cloud_session_down(cloud, event->reason);
        return ST_OK;
    case EVENT_MESSAGE:
        return cloud_receive(cloud, &event->message);
    case EVENT_SENT:
    case EVENT_SEND_FAILED:
        /* An acknowledgement that did not arrive is not sent again: the next one says it all. */
        cloud_session_sent(cloud, event->token);
        cloud_config_sent(cloud, event->token, event->kind == EVENT_SENT);
        return ST_OK;
    case EVENT_REQUEST:
        return cloud_report_request(cloud, event, effects);
    case EVENT_CLIENT_GONE:
        cloud_report_client_gone(cloud, event->client);
        return ST_OK;
    case EVENT_STOP:
        return cloud_session_stop(cloud, effects);
    }
    UNREACHABLE();
}

enum status cloud_commit(struct cloud *cloud, const struct moment *now, struct effects *effects)
{
    cloud->now = *now;
    /* A steady stream of messages must starve neither the operator's jobs nor the auditor. */
    if (!cloud->batch_had_slice && effects_has_room(effects)) TRY(work_slice(cloud, effects));
    TRY(cloud_refusals_save(cloud));
    TRY(cloud_replies_flush(cloud, effects));
    TRY(cloud_config_fill(cloud, effects));
    TRY(cloud_tracks_fill(cloud, effects));
    return cloud->store->verbs->commit(cloud->store);
}

uint64_t cloud_next_wakeup(const struct cloud *cloud)
{
    if (cloud_report_has_jobs(cloud) || cloud_replies_due(cloud)) return 0;
    const struct cloud_session *const session = &cloud->session;
    uint64_t wakeup_ns = UINT64_MAX;
    if (cloud->settings.audit && cloud->audit.due) wakeup_ns = audit_mono_ns(cloud);
    const bool connects =
        cloud->settings.link && !session->stopped && session->state == SESSION_OFFLINE;
    if (connects && session->connect_mono_ns < wakeup_ns) wakeup_ns = session->connect_mono_ns;
    const uint64_t lanes[] = {cloud_config_wakeup(cloud), cloud_tracks_wakeup(cloud)};
    for (size_t i = 0; i < COUNT_OF(lanes); i++)
        if (lanes[i] < wakeup_ns) wakeup_ns = lanes[i];
    return wakeup_ns;
}

bool cloud_has_jobs(const struct cloud *cloud)
{
    return cloud_report_has_jobs(cloud) || (cloud->settings.audit && cloud->audit.due);
}
