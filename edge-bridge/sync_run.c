/* sync_run.c - runs with a report; see sync_run.h. */
#include "edge-bridge/sync_run.h"

#include <string.h>

#include "edge-bridge/edge_state.h"
#include "edge-bridge/report.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

enum { DEADLINE_S_MAX = 7 * 24 * 3600, QUIET_MS = 300, QUIET_MS_MAX = 5000 };

bool sync_run_active(const struct edge *edge)
{
    return edge->sync_run.active;
}

enum sync_mode sync_mode_now(const struct edge *edge)
{
    const struct edge_settings *settings = &edge->settings;
    if (edge->sync_run.active) return edge->sync_run.report.mode;
    if (settings->mode != SYNC_AUTO) return settings->mode;
    const uint64_t rate = edge->link_use.budget.rate_bytes_s;
    return rate > 0 && rate < settings->incremental_below_bytes_s ? SYNC_INCREMENTAL : SYNC_FULL;
}

static struct sync_counts counts_of(const struct edge *edge)
{
    return (struct sync_counts){
        .evidence = edge->counters.entries_delivered,
        .tracks = edge->counters.tracks_joined + edge->tracks.merged,
        .configs = edge->counters.configs_moved,
        .bytes_up = edge->counters.bytes_up,
        .bytes_down = edge->counters.bytes_down,
    };
}

/* ---- The end of a run ------------------------------------------------------------------------ */

/* Entries that were there when the run began, of the logs up to the one that was open then. */
static enum status evidence_waits(struct edge *edge, bool *waits)
{
    const struct sync_run *run = &edge->sync_run;
    struct log_row log;
    const enum status found = evidence_read_pending_log(edge, 0, &log);
    *waits = false;
    if (found == ST_NOT_FOUND) return ST_OK;
    if (found != ST_OK) return found;
    *waits = log.id < run->target_log ||
             (log.id == run->target_log && log.delivered < run->target_sequence);
    return ST_OK;
}

/* Is anything left that was there when the run began? */
static enum status nothing_waits(struct edge *edge, bool *nothing)
{
    const struct sync_run *run = &edge->sync_run;
    const struct track_lane *lane = &edge->track_lane;
    const struct session *session = &edge->session;
    bool waits =
        !session->lanes_open || session->hello_waits ||
        session->hello_mono_ns < run->started_mono_ns || edge->config.compare_due ||
        (edge->config_store.pending > 0 && edge->config_store.judged < run->target_operation);
    if (!waits && run->report.mode == SYNC_FULL) {
        TRY(evidence_waits(edge, &waits));
        const bool tracks_wait =
            edge->track_store.pending > 0 && edge->track_store.cursor < run->target_change;
        waits = waits || tracks_wait || !run->repair_asked || lane->repair_due || lane->listing;
    } else if (!waits) {
        TRY(track_store_active_waits(edge, lane->scan, tracks_active_from(edge), &waits));
        if (!waits) TRY(framer_critical_waits(edge, &waits));
        /* What is framed must also be acknowledged. */
        waits = waits || edge->outbox.flight_bytes > 0;
    }
    *nothing = !waits;
    return ST_OK;
}

static void put_report(const struct sync_report *report, struct buf *out)
{
    record_reply_begin(out, 11);
    record_words(out, "mode", report->mode == SYNC_FULL ? "full" : "incremental");
    record_bool(out, "complete", report->complete);
    record_words(out, "outcome", report->outcome);
    record_time(out, "started", report->started_ms);
    record_uint(out, "milliseconds", report->milliseconds);
    record_uint(out, "evidence_synced", report->moved.evidence);
    record_uint(out, "tracks_merged", report->moved.tracks);
    record_uint(out, "configs_synced", report->moved.configs);
    record_bool(out, "model_updated", false);
    record_uint(out, "bytes_up", report->moved.bytes_up);
    record_uint(out, "bytes_down", report->moved.bytes_down);
}

static void tell(struct edge *edge, uint32_t client, struct effects *effects)
{
    const struct sync_report *report = &edge->sync_run.report;
    struct buf out = effects_space(effects, RECORD_SIZE_TYPICAL);
    put_report(report, &out);
    report_reply(effects, client, &out);
    report_end(effects, client, report->complete ? ST_OK : ST_AGAIN,
               report->complete ? "" : report->outcome);
}

static void finish(struct edge *edge, bool complete, const char *outcome, struct effects *effects)
{
    struct sync_run *run = &edge->sync_run;
    struct sync_report *report = &run->report;
    const struct sync_counts now = counts_of(edge);
    report->complete = complete;
    report->outcome = outcome;
    report->milliseconds = (edge->now.mono_ns - run->started_mono_ns) / NS_PER_MS;
    report->moved = (struct sync_counts){
        .evidence = now.evidence - run->before.evidence,
        .tracks = now.tracks - run->before.tracks,
        .configs = now.configs - run->before.configs,
        .bytes_up = now.bytes_up - run->before.bytes_up,
        .bytes_down = now.bytes_down - run->before.bytes_down,
    };
    run->active = false;
    trace_line(&edge->port->trace, TRACE_INFO,
               "sync %s: %llu entries, %llu tracks, %llu configs in %llu ms", outcome,
               (unsigned long long)report->moved.evidence, (unsigned long long)report->moved.tracks,
               (unsigned long long)report->moved.configs, (unsigned long long)report->milliseconds);
    if (run->waits) tell(edge, run->client, effects);
    run->waits = false;
}

/* What a full run asks for once the connection is good: a comparison of the replicas. */
static void ask_for_repair(struct edge *edge)
{
    struct sync_run *run = &edge->sync_run;
    if (run->repair_asked || !edge->session.lanes_open) return;
    run->repair_asked = true;
    if (run->report.mode == SYNC_FULL && edge->settings.interest != INTEREST_NONE &&
        edge->track_store.count > 0)
        edge->track_lane.repair_due = true;
}

/* What the comparison of the replicas brings down is not known before it comes, so the end is when
 * nothing new has come for a moment; where something new comes all the time, QUIET_MS_MAX is
 * enough. */
static bool is_quiet(struct edge *edge)
{
    struct sync_run *run = &edge->sync_run;
    const uint64_t now_ns = edge->now.mono_ns;
    const uint64_t moved = edge->tracks.merged + edge->counters.configs_moved;
    if (run->done_mono_ns == 0) run->done_mono_ns = run->quiet_mono_ns = now_ns;
    if (moved != run->moved_down) {
        run->moved_down = moved;
        run->quiet_mono_ns = now_ns;
    }
    uint64_t quiet_ns = QUIET_MS * NS_PER_MS;
    if (quiet_ns < 3 * edge->outbox.pace.round_trip_ns)
        quiet_ns = 3 * edge->outbox.pace.round_trip_ns;
    return now_ns - run->quiet_mono_ns >= quiet_ns ||
           now_ns - run->done_mono_ns >= quiet_ns + QUIET_MS_MAX * NS_PER_MS;
}

enum status sync_run_tick(struct edge *edge, struct effects *effects)
{
    struct sync_run *run = &edge->sync_run;
    if (!run->active) return ST_OK;
    if (session_online(edge, LINK_CLOUD)) run->online_mono_ns = edge->now.mono_ns;
    ask_for_repair(edge);
    if (edge->link_use.paused) {
        finish(edge, false, "the link was paused", effects);
    } else if (edge->now.mono_ns >= run->deadline_mono_ns) {
        finish(edge, false, "the time was over before all was moved", effects);
    } else if (edge->now.mono_ns - run->online_mono_ns >= SYNC_PATIENCE_S * NS_PER_S) {
        finish(edge, false, "there is no link to the cloud", effects);
    } else if (edge->now.mono_ns >= run->check_mono_ns) {
        bool nothing;
        run->check_mono_ns = edge->now.mono_ns + SYNC_CHECK_MS * NS_PER_MS;
        TRY(nothing_waits(edge, &nothing));
        if (nothing && is_quiet(edge)) finish(edge, true, "complete", effects);
    }
    return ST_OK;
}

uint64_t sync_run_wakeup(const struct edge *edge)
{
    const struct sync_run *run = &edge->sync_run;
    return run->active ? run->check_mono_ns : UINT64_MAX;
}

void sync_run_client_gone(struct edge *edge, uint32_t client)
{
    if (edge->sync_run.waits && edge->sync_run.client == client) edge->sync_run.waits = false;
}

/* ---- The operator's verbs -------------------------------------------------------------------- */

/* ST_USAGE: the client has its answer. */
static enum status read_arguments(const struct control_request *request, uint32_t client,
                                  struct effects *effects, enum sync_mode *mode, uint64_t *seconds)
{
    struct bytes text;
    *mode = SYNC_FULL;
    *seconds = SYNC_DEADLINE_S_DEFAULT;
    bool good = true;
    if (verb_argument_find(request, "mode", &text)) {
        *mode = bytes_equal(text, BYTES_LITERAL("incremental")) ? SYNC_INCREMENTAL : SYNC_FULL;
        good = *mode == SYNC_INCREMENTAL || bytes_equal(text, BYTES_LITERAL("full"));
    }
    if (good && verb_argument_find(request, "seconds", &text))
        good = report_natural_of(request, "seconds", seconds) && *seconds > 0 &&
               *seconds <= DEADLINE_S_MAX;
    if (good) return ST_OK;
    report_end(effects, client, ST_USAGE,
               "sync takes mode full or incremental, and seconds from 1 to 604800");
    return ST_USAGE;
}

static enum status start(struct edge *edge, uint32_t client, const struct control_request *request,
                         struct effects *effects)
{
    struct sync_run *run = &edge->sync_run;
    struct bytes text;
    enum sync_mode mode;
    uint64_t seconds;
    if (read_arguments(request, client, effects, &mode, &seconds) != ST_OK) return ST_OK;
    const char *refusal = NULL;
    if (!edge->daemon || !edge->settings.cloud_link)
        refusal = "only a running daemon with a broker can sync: edge-bridge run";
    else if (edge->link_use.paused)
        refusal = "the link is paused: edge-bridge resume";
    else if (run->active)
        refusal = "another sync is running";
    if (refusal != NULL) {
        report_end(effects, client, ST_AGAIN, refusal);
        return ST_OK;
    }
    *run = (struct sync_run){
        .active = true,
        .waits = verb_argument_find(request, "wait", &text),
        .client = client,
        .started_mono_ns = edge->now.mono_ns,
        .deadline_mono_ns = edge->now.mono_ns + seconds * NS_PER_S,
        .online_mono_ns = edge->now.mono_ns,
        .target_log = edge->log.row.id,
        .target_sequence = edge->log.row.head.sequence,
        .target_change = edge->track_store.counter,
        .target_operation = edge->config_store.last_operation,
        .before = counts_of(edge),
        .report = {.there = true,
                   .mode = mode,
                   .started_ms = edge_wall_ms(edge),
                   .outcome = "it is running"},
    };
    if (!run->waits) report_end(effects, client, ST_OK, "");
    track_lane_mode_changed(edge);
    /* A fresh word of the cloud's: its clock, what it holds, its config's digests. */
    return session_online(edge, LINK_CLOUD) ? session_hello(edge, effects) : ST_OK;
}

enum status sync_run_verb(struct edge *edge, uint32_t client, const struct control_request *request,
                          struct effects *effects)
{
    if (bytes_equal(request->verb, BYTES_LITERAL("link-sync")))
        return start(edge, client, request, effects);
    if (edge->sync_run.report.there) {
        struct buf out = effects_space(effects, RECORD_SIZE_TYPICAL);
        put_report(&edge->sync_run.report, &out);
        report_reply(effects, client, &out);
        report_end(effects, client, ST_OK, "");
    } else {
        report_end(effects, client, ST_NOT_FOUND, "no sync was run since the daemon started");
    }
    return ST_OK;
}
