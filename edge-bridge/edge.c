/* edge.c - the edge engine's frame: open, step, commit, close. The work is done in the files that
 * edge_state.h lists; every event has its one place in dispatch(). */
#include "edge-bridge/edge.h"

#include <stdlib.h>
#include <string.h>

#include "edge-bridge/edge_state.h"
#include "edge-bridge/report.h"
#include "edge-bridge/schema.h"
#include "edge-bridge/uploads.h"

enum { CACHE_KIB = 1024, CHECKPOINT_PAGES = 1000 };

struct edge_settings edge_settings_default(void)
{
    return (struct edge_settings){
        .topic_root = "hf/v1",
        .cloud_link = true,
        .local_link = false,
        .frame_size_max = FRAME_SIZE_DEFAULT,
        .window_bytes_max = 1024 * 1024,
        .window_frames_max = 64,
        .checkpoint_ms = 1000,
        .heartbeat_ms = 60 * 1000,
        .ack_timeout_ms = 5000,
        .reconnect_ms_min = 100,
        .reconnect_ms_max = 1000,
        .disk_reserve_bytes = 64 * 1024 * 1024,
        .publisher_id_days = 7,
        .publisher_id_count = 1000000,
        .compress = COMPRESS_AUTO,
        .interest = INTEREST_ALL,
        .critical_override = true,
        .track_view_ttl_s = 600,
        .track_interval_ms = 200,
        .track_repair_s = 24 * 60 * 60,
        .track_retention_min_s = 60 * 60,
        .track_bytes_max = 64 * 1024 * 1024,
    };
}

/* ---- Meta values ----------------------------------------------------------------------------- */

static enum status meta_find(struct edge *edge, int key, struct statement **found)
{
    struct statement *get = edge->log.statements[LOG_GET_META];
    bind_i64(get, 1, key);
    bool row;
    TRY(statement_step(get, &row));
    *found = get;
    return row ? ST_OK : ST_NOT_FOUND;
}

enum status edge_meta_get_u64(struct edge *edge, int key, uint64_t *out)
{
    struct statement *get;
    TRY(meta_find(edge, key, &get));
    *out = column_u64(get, 0);
    statement_reset(get);
    return ST_OK;
}

enum status edge_meta_get_fixed(struct edge *edge, int key, void *out, size_t size)
{
    struct statement *get;
    TRY(meta_find(edge, key, &get));
    const enum status status = column_fixed(get, 0, out, size);
    statement_reset(get);
    return status;
}

enum status edge_meta_set_u64(struct edge *edge, int key, uint64_t value)
{
    struct statement *put = edge->log.statements[LOG_PUT_META];
    bind_i64(put, 1, key);
    bind_u64(put, 2, value);
    return statement_run(put);
}

enum status edge_meta_set_bytes(struct edge *edge, int key, struct bytes value)
{
    struct statement *put = edge->log.statements[LOG_PUT_META];
    bind_i64(put, 1, key);
    bind_blob(put, 2, value);
    return statement_run(put);
}

enum status edge_stamp(struct edge *edge, uint64_t *stamp)
{
    *stamp = hlc_now(&edge->hlc, clock_wall_ms(edge));
    if (!hlc_limit_due(&edge->hlc)) return ST_OK;
    return edge_meta_set_u64(edge, META_HLC_LIMIT, hlc_raise_limit(&edge->hlc));
}

/* ---- Opening --------------------------------------------------------------------------------- */

static enum status open_database(struct edge *edge, const struct edge_options *options, bool create,
                                 struct buf *message)
{
    const struct db_options database = {
        .path = options->database_path,
        .vfs = options->vfs,
        .cache_kib = CACHE_KIB,
        .checkpoint_pages = CHECKPOINT_PAGES,
        .application_id = EDGE_APPLICATION_ID,
        .create = create,
    };
    return db_open(&database, edge_migrations, edge_migration_count, message, &edge->db);
}

/* What the options say, and where the random numbers begin. */
static enum status take_options(struct edge *edge, const struct edge_options *options)
{
    edge->settings = options->settings;
    struct buf root = buf_of(edge->root, sizeof(edge->root) - 1);
    buf_put_text(&root, options->settings.topic_root);
    if (!buf_ok(&root)) return ST_TOO_LARGE;
    struct buf software = buf_of(edge->software, sizeof(edge->software) - 1);
    if (options->software != NULL) buf_put_text(&software, options->software);
    edge->settings.topic_root = edge->root;
    edge->node = options->node;
    edge->key = options->key;
    edge->public_key = secret_key_public(options->key);
    edge->key_id = key_id_of(&edge->public_key);
    edge->has_cloud_key = options->has_cloud_key;
    edge->cloud_key = options->cloud_key;
    edge->port = options->port;
    edge->daemon = options->daemon;
    memcpy(edge->boot_id, options->boot_id, sizeof(edge->boot_id));
    edge->now = options->now;
    edge->started_mono_ns = options->now.mono_ns;
    uint64_t seed;
    port_random(edge->port, &seed, sizeof(seed));
    rng_seed(&edge->rng, seed);
    return ST_OK;
}

static enum status open_memory(const struct edge_options *options, struct edge **out)
{
    struct edge *edge = calloc(1, sizeof(*edge));
    *out = edge;
    if (edge == NULL) return ST_NO_MEMORY;
    TRY(take_options(edge, options));
    edge->request = malloc(sizeof(*edge->request));
    edge->ack = malloc(sizeof(*edge->ack));
    edge->hello = malloc(sizeof(*edge->hello));
    edge->hello_reply = malloc(sizeof(*edge->hello_reply));
    edge->body_scratch = malloc(BODY_SIZE_MAX);
    edge->unpack_scratch = malloc(BODY_UNPACKED_SIZE_MAX);
    if (edge->request == NULL || edge->ack == NULL || edge->hello == NULL ||
        edge->hello_reply == NULL || edge->body_scratch == NULL || edge->unpack_scratch == NULL)
        return ST_NO_MEMORY;
    TRY(hasher_open(&edge->hasher));
    TRY(unpacker_open(&edge->unpacker));
    return compressor_open(&edge->compressor);
}

/* Is this database this node's? A directory copied to another name must not speak as that one. */
static enum status check_node(struct edge *edge, struct buf *message)
{
    struct statement *get;
    TRY(meta_find(edge, META_NODE, &get));
    const bool same = bytes_equal(column_bytes(get, 0), bytes_of_text(edge->node.text));
    statement_reset(get);
    if (same) return ST_OK;
    if (message != NULL)
        buf_put_format(message,
                       "the database belongs to another node than \"%s\": set the name back in "
                       "the settings, or use the right directory",
                       edge->node.text);
    return ST_DENIED;
}

static enum status restore_clock(struct edge *edge)
{
    uint64_t limit = 0;
    const enum status found = edge_meta_get_u64(edge, META_HLC_LIMIT, &limit);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    edge->hlc = hlc_restore(limit);
    /* A store whose limit was lost still never goes behind its own head. */
    if (edge->hlc.last < edge->log.row.head.hlc) edge->hlc.last = edge->log.row.head.hlc;
    return ST_OK;
}

static enum status restore_boot(struct edge *edge)
{
    uint8_t boot_id[BOOT_ID_SIZE];
    uint64_t boot_count = 0;
    enum status found = edge_meta_get_fixed(edge, META_BOOT_ID, boot_id, sizeof(boot_id));
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    edge->log.boot_is_new =
        found == ST_NOT_FOUND || memcmp(boot_id, edge->boot_id, sizeof(boot_id)) != 0;
    found = edge_meta_get_u64(edge, META_BOOT_COUNT, &boot_count);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    edge->log.boot_count = (uint32_t)boot_count;
    edge->log.boot_due = edge->daemon || edge->log.boot_is_new;
    return ST_OK;
}

static enum status open_parts(struct edge *edge)
{
    TRY(evidence_reader_open(edge));
    TRY(evidence_log_open(edge));
    TRY(intake_open(edge));
    TRY(outbox_open(edge));
    TRY(apply_open(edge));
    TRY(verify_open(edge));
    TRY(restore_clock(edge));
    TRY(restore_boot(edge));
    TRY(clock_open(edge));
    TRY(link_use_open(edge));
    TRY(retention_open(edge));
    TRY(track_store_open(edge));
    TRY(tracks_open(edge));
    TRY(track_lane_open(edge));
    TRY(config_store_open(edge));
    TRY(config_edge_open(edge));
    return link_use_config(edge, &(struct level_name){LINK_BUDGET_KEY});
}

enum status edge_create(const struct edge_options *options, struct buf *message)
{
    struct edge *edge = NULL;
    enum status status = open_memory(options, &edge);
    if (status == ST_OK) status = open_database(edge, options, true, message);
    if (status == ST_OK) status = open_parts(edge);
    if (status == ST_OK) status = db_begin(edge->db);
    if (status == ST_OK && edge->log.row.id != 0) status = ST_DENIED; /* there is a log already */
    if (status == ST_OK)
        status = edge_meta_set_bytes(edge, META_NODE, bytes_of_text(edge->node.text));
    if (status == ST_OK) status = evidence_log_start(edge, "first log of this node");
    if (status == ST_OK) status = evidence_log_flush(edge);
    if (status == ST_OK) status = db_commit(edge->db);
    edge_close(edge);
    return status;
}

static enum status open_existing(struct edge *edge, const struct edge_options *options,
                                 struct buf *message)
{
    TRY(open_database(edge, options, false, message));
    TRY(open_parts(edge));
    TRY(check_node(edge, message));
    if (edge->log.row.id == 0) return ST_CORRUPT;
    TRY(db_begin(edge->db));
    TRY(uploads_clean(edge));
    TRY(db_commit(edge->db));
    edge->session.links[LINK_LOCAL].wanted = options->settings.local_link;
    return ST_OK;
}

enum status edge_open(const struct edge_options *options, struct buf *message, struct edge **out)
{
    *out = NULL;
    struct edge *edge = NULL;
    enum status status = open_memory(options, &edge);
    if (status == ST_OK) status = open_existing(edge, options, message);
    if (status != ST_OK) {
        if (message != NULL && message->size == 0)
            buf_put_format(message, "%s: %s", options->database_path, status_words(status));
        edge_close(edge);
        return status;
    }
    *out = edge;
    return ST_OK;
}

void edge_close(struct edge *edge)
{
    if (edge == NULL) return;
    if (edge->db != NULL) {
        db_rollback(edge->db);
        config_edge_close(edge);
        config_store_close(edge);
        track_lane_close(edge);
        tracks_close(edge);
        track_store_close(edge);
        retention_close(edge);
        verify_close(edge);
        apply_close(edge);
        outbox_close(edge);
        intake_close(edge);
        evidence_log_close(edge);
        evidence_reader_close(edge);
        db_close(edge->db);
    }
    compressor_close(edge->compressor);
    unpacker_close(edge->unpacker);
    hasher_close(edge->hasher);
    free(edge->request);
    free(edge->ack);
    free(edge->hello);
    free(edge->hello_reply);
    free(edge->body_scratch);
    free(edge->unpack_scratch);
    free(edge);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

/* A topic with a bad name still goes to those who know how its publisher wants to be answered. */
static enum status on_message(struct edge *edge, const struct event *event, struct effects *effects)
{
    struct topic_parts topic;
    if (event->link == LINK_CLOUD) return apply_message(edge, &event->message, effects);
    if (topic_parse(edge->root, event->message.topic, &topic) == ST_OK) {
        if (topic.id == TOPIC_LOCAL_TRACK) return tracks_message(edge, &event->message, effects);
        if (topic.id == TOPIC_LOCAL_CONFIG_SET)
            return config_message(edge, &event->message, effects);
        if (topic.id == TOPIC_LOCAL_CONFIG)
            return config_local_retained(edge, &event->message, effects);
    } else if (bytes_begin(event->message.topic, "local/track/")) {
        return tracks_message(edge, &event->message, effects);
    } else if (bytes_begin(event->message.topic, "local/config/")) {
        return config_message(edge, &event->message, effects);
    }
    return intake_message(edge, &event->message, effects);
}

static enum status on_request(struct edge *edge, const struct event *event, struct effects *effects)
{
    if (control_request_decode(edge->unpacker, event->request, edge->request) != ST_OK) {
        report_end(effects, event->client, ST_MALFORMED, "the request is not understood");
        return ST_OK;
    }
    if (edge->request->kind == REQUEST_VERB)
        return report_verb(edge, event->client, edge->request, effects);
    if (edge->request->kind == REQUEST_OBSERVE)
        return tracks_request(edge, event->client, edge->request, effects);
    return intake_request(edge, event->client, edge->request, effects);
}

static void on_sent(struct edge *edge, const struct event *event, bool accepted)
{
    if (event->link == LINK_CLOUD)
        outbox_sent(edge, event->token, accepted);
    else if (!accepted && event->token == CONFIG_LOCAL_TOKEN)
        config_local_failed(edge);
}

static enum status dispatch(struct edge *edge, const struct event *event, struct effects *effects)
{
    switch (event->kind) {
    case EVENT_WAKEUP:
        return verify_slice(edge, effects);
    case EVENT_LINK_UP:
        return session_link_up(edge, event, effects);
    case EVENT_LINK_DOWN:
        session_link_down(edge, event);
        return ST_OK;
    case EVENT_MESSAGE:
        return on_message(edge, event, effects);
    case EVENT_SENT:
        on_sent(edge, event, event->reason_code < 0x80);
        return ST_OK;
    case EVENT_SEND_FAILED:
        on_sent(edge, event, false);
        return ST_OK;
    case EVENT_REQUEST:
        return on_request(edge, event, effects);
    case EVENT_CLIENT_GONE:
        verify_forget(edge, event->client);
        sync_run_client_gone(edge, event->client);
        return intake_client_gone(edge, event->client);
    case EVENT_STOP:
        TRY(edge_meta_set_u64(edge, META_CLEAN_STOP, 1));
        return session_stop(edge, effects);
    }
    UNREACHABLE();
}

enum status edge_begin(struct edge *edge)
{
    return db_begin(edge->db);
}

/* A verb that only reads leaves a stopped node's log as it is; the daemon, and whatever appends,
 * writes down first what time asks for. */
static bool ticks(const struct edge *edge, const struct event *event)
{
    if (edge->daemon) return event->kind != EVENT_STOP;
    if (event->kind != EVENT_REQUEST || event->request.size < 2) return false;
    const uint8_t kind = event->request.data[1];
    return kind == REQUEST_APPEND || (kind == REQUEST_OBSERVE && edge->settings.track_history);
}

enum status edge_step(struct edge *edge, const struct event *event, struct effects *effects)
{
    edge->now = event->now;
    TRY(clock_tick(edge));
    if (ticks(edge, event)) TRY(evidence_log_tick(edge));
    TRY(outbox_mend(edge));
    TRY(tracks_tick(edge));
    TRY(retention_tick(edge));
    TRY(link_use_tick(edge, effects));
    TRY(session_tick(edge, effects));
    return dispatch(edge, event, effects);
}

/* The limit ahead saves a daemon writes. After a verb without daemon it would be where the next one
 * begins: a script of many verbs would run ahead of the time by as many steps. */
static enum status give_back_limit(struct edge *edge)
{
    if (edge->daemon || edge->hlc.limit <= edge->hlc.last) return ST_OK;
    edge->hlc.limit = edge->hlc.last;
    return edge_meta_set_u64(edge, META_HLC_LIMIT, edge->hlc.limit);
}

enum status edge_commit(struct edge *edge, const struct moment *now, struct effects *effects)
{
    edge->now = *now;
    TRY(evidence_log_flush(edge));
    TRY(outbox_fill(edge, effects));
    TRY(sync_run_tick(edge, effects));
    TRY(config_local_fill(edge, effects));
    TRY(evidence_log_save_tallies(edge));
    TRY(give_back_limit(edge));
    TRY(db_commit(edge->db));
    edge->counters.commits++;
    return ST_OK;
}

uint64_t edge_next_wakeup(const struct edge *edge)
{
    if (edge_has_jobs(edge)) return 0;
    const uint64_t wakeups[] = {
        session_wakeup(edge),    evidence_log_wakeup(edge), outbox_wakeup(edge),
        track_lane_wakeup(edge), config_wakeup(edge),       state_wakeup(edge),
        link_use_wakeup(edge),   sync_run_wakeup(edge),     retention_wakeup(edge),
    };
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < COUNT_OF(wakeups); i++)
        if (wakeups[i] < least) least = wakeups[i];
    return least;
}

int64_t edge_certain_time_s(const struct edge *edge)
{
    const bool synchronised = edge->now.clock_uncertainty_ms != CLOCK_NEVER_SYNCHRONISED &&
                              edge_wall_ms(edge) >= CLOCK_EARLIEST_MS;
    if (!synchronised && !edge->clock.from_cloud) return 0;
    return clock_wall_ms(edge) / 1000;
}

bool edge_has_jobs(const struct edge *edge)
{
    return edge->verify.count > 0;
}
