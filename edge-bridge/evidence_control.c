/* evidence_control.c - the control entries that a log writes of its own accord: when it begins,
 * when the machine or the daemon starts, when the clock steps, when nothing happens, when entries
 * are damaged, when it ends. */
#include <string.h>

#include "common/wire/control_entry.h"
#include "edge-bridge/edge_state.h"
#include "edge-bridge/schema.h"

enum { PAYLOAD_MAX = 6 * 1024, NS_PER_MS = 1000000 };

enum status evidence_log_control(struct edge *edge, uint16_t type, unsigned priority,
                                 struct bytes payload)
{
    struct evidence_log *log = &edge->log;
    if (log->arena.size + payload.size > log->arena.capacity) TRY(evidence_log_flush(edge));
    uint8_t *copy = log->arena.data + log->arena.size;
    buf_put(&log->arena, payload);
    INVARIANT(buf_ok(&log->arena));
    const struct evidence_draft draft = {
        .type = type,
        .codec = CODEC_MSGPACK,
        .flags = (uint16_t)priority,
        .form = PAYLOAD_INLINE,
        .payload = bytes_of(copy, payload.size),
    };
    struct evidence_place place;
    return evidence_log_append(edge, &draft, &place);
}

static enum status write_boot(struct edge *edge)
{
    struct evidence_log *log = &edge->log;
    uint8_t payload[256];
    struct buf out = buf_of(payload, sizeof(payload));
    uint64_t clean = 0;
    const enum status found = edge_meta_get_u64(edge, META_CLEAN_STOP, &clean);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    struct boot_entry boot = {.clean = clean != 0, .software = bytes_of_text(edge->software)};
    memcpy(boot.boot_id, edge->boot_id, BOOT_ID_SIZE);
    boot_entry_encode(&boot, &out);
    log->boot_due = false;
    if (log->boot_is_new) {
        log->boot_count++;
        log->boot_is_new = false;
        TRY(edge_meta_set_u64(edge, META_BOOT_COUNT, log->boot_count));
        TRY(edge_meta_set_bytes(edge, META_BOOT_ID, bytes_of(edge->boot_id, BOOT_ID_SIZE)));
    }
    TRY(edge_meta_set_u64(edge, META_CLEAN_STOP, 0));
    return evidence_log_control(edge, EVIDENCE_BOOT, 1, buf_bytes(&out));
}

/* The wall clock is judged against the monotonic one: slewing moves the two apart slowly and is
 * followed silently, a step is written down. */
static enum status write_clock_step(struct edge *edge)
{
    struct evidence_log *log = &edge->log;
    const int64_t offset_ns = edge->now.wall_ns - (int64_t)edge->now.mono_ns;
    const int64_t step_ns = offset_ns - log->offset_ns;
    const int64_t expected_ns = log->offset_ns + (int64_t)edge->now.mono_ns;
    const bool stepped = log->has_offset && (step_ns > CLOCK_STEP_NS || step_ns < -CLOCK_STEP_NS);
    log->has_offset = true;
    log->offset_ns = offset_ns;
    if (!stepped) return ST_OK;
    uint8_t payload[64];
    struct buf out = buf_of(payload, sizeof(payload));
    const struct clock_entry clock = {expected_ns, edge->now.wall_ns, edge->now.mono_ns};
    clock_entry_encode(&clock, &out);
    trace_line(&edge->port->trace, TRACE_WARNING, "the wall clock stepped by %lld ms",
               (long long)(step_ns / NS_PER_MS));
    return evidence_log_control(edge, EVIDENCE_CLOCK, 1, buf_bytes(&out));
}

static uint64_t heartbeat_due_ns(const struct edge *edge)
{
    return edge->log.last_append_mono_ns + (uint64_t)edge->settings.heartbeat_ms * NS_PER_MS;
}

static enum status write_heartbeat(struct edge *edge)
{
    if (!edge->daemon || edge->settings.heartbeat_ms == 0) return ST_OK;
    if (edge->now.mono_ns < heartbeat_due_ns(edge)) return ST_OK;
    uint8_t payload[64];
    struct buf out = buf_of(payload, sizeof(payload));
    struct heartbeat heartbeat = {.disk_free_bytes = edge->now.disk_free_bytes};
    for (unsigned priority = 0; priority < PRIORITY_COUNT; priority++)
        heartbeat.pending_entries += edge->log.tallies[priority].pending_entries;
    heartbeat_encode(&heartbeat, &out);
    return evidence_log_control(edge, EVIDENCE_HEARTBEAT, 4, buf_bytes(&out));
}

enum status evidence_log_tick(struct edge *edge)
{
    if (edge->log.boot_due) TRY(write_boot(edge));
    TRY(write_clock_step(edge));
    return write_heartbeat(edge);
}

uint64_t evidence_log_wakeup(const struct edge *edge)
{
    const struct evidence_log *log = &edge->log;
    uint64_t wakeup_ns = UINT64_MAX;
    if (log->checkpoint_size < log->tree.size)
        wakeup_ns = log->checkpoint_mono_ns + (uint64_t)edge->settings.checkpoint_ms * NS_PER_MS;
    if (edge->daemon && edge->settings.heartbeat_ms > 0 && heartbeat_due_ns(edge) < wakeup_ns)
        wakeup_ns = heartbeat_due_ns(edge);
    return wakeup_ns;
}

enum status evidence_log_set_state(struct edge *edge, struct log_row *log, enum log_state state)
{
    log->state = state;
    struct statement *save = edge->log.statements[LOG_SAVE_STATE];
    bind_i64(save, 1, log->id);
    bind_u64(save, 2, state);
    bind_u64(save, 3, log->acked);
    bind_u64(save, 4, log->delivered);
    if (edge->log.row.id == log->id) {
        edge->log.row.state = state;
        edge->log.row.acked = log->acked;
        edge->log.row.delivered = log->delivered;
    }
    return statement_run(save);
}

static enum status insert_log(struct edge *edge, struct log_row *row)
{
    struct statement *insert = edge->log.statements[LOG_INSERT_LOG];
    bind_blob(insert, 1, bytes_of(row->log.bytes, LOG_ID_SIZE));
    bind_u64(insert, 2, row->base);
    bind_i64(insert, 3, row->created_ms);
    TRY(statement_run(insert));
    row->id = db_last_rowid(edge->db);
    return ST_OK;
}

/* The last entry of a log, unless its tree is lost or there is none yet. */
static enum status end_log(struct edge *edge, const char *reason)
{
    const struct evidence_log *log = &edge->log;
    if (log->row.id == 0 || log->tree_lost) return ST_OK;
    uint8_t closing[256];
    struct buf end = buf_of(closing, sizeof(closing));
    close_encode(bytes_of_text(reason), &end);
    TRY(evidence_log_control(edge, EVIDENCE_CLOSE, 1, buf_bytes(&end)));
    return evidence_log_flush(edge);
}

static enum status begin_log(struct edge *edge, const char *reason)
{
    struct evidence_log *log = &edge->log;
    const struct log_row old = log->row;
    const struct genesis genesis = {
        .key = edge->public_key,
        .wall_ms = edge_wall_ms(edge),
        .reason = bytes_of_text(reason),
        .has_previous = old.id != 0,
        .previous_log = old.log,
        .previous_size = old.head.sequence,
        .previous_hash = old.head.hash,
    };
    struct log_row row = {
        .base = old.id == 0 ? 0 : old.base + old.head.sequence,
        .created_ms = edge_wall_ms(edge),
    };
    port_random(edge->port, row.log.bytes, LOG_ID_SIZE);
    if (old.id != 0) TRY(evidence_log_set_state(edge, &log->row, LOG_LEFT));
    TRY(insert_log(edge, &row));
    log->row = row;
    log->tree_lost = false;
    tree_init(&log->tree);
    log->checkpoint_size = 0;
    log->type_number = 0;
    uint8_t payload[512];
    struct buf out = buf_of(payload, sizeof(payload));
    genesis_encode(&genesis, &out);
    INVARIANT(buf_ok(&out));
    return evidence_log_control(edge, EVIDENCE_GENESIS, 1, buf_bytes(&out));
}

enum status evidence_log_start(struct edge *edge, const char *reason)
{
    TRY(end_log(edge, reason));
    return begin_log(edge, reason);
}

/* Far from now the nanoseconds of an entry reach their end before the clock's stamps do. */
static int64_t ns_of_ms(int64_t ms)
{
    const int64_t ms_max = INT64_MAX / NS_PER_MS;
    return (ms > ms_max ? ms_max : ms) * NS_PER_MS;
}

enum status evidence_log_clock_back(struct edge *edge, int64_t believed_ms, int64_t true_ms,
                                    uint64_t back_to)
{
    static const char *const reason = "the clock was wrong";
    struct outbox *outbox = &edge->outbox;
    if (!edge->log.tree_lost) {
        uint8_t payload[64];
        struct buf out = buf_of(payload, sizeof(payload));
        const struct clock_entry clock = {ns_of_ms(believed_ms), ns_of_ms(true_ms),
                                          edge->now.mono_ns};
        clock_entry_encode(&clock, &out);
        TRY(evidence_log_control(edge, EVIDENCE_CLOCK, 1, buf_bytes(&out)));
    }
    TRY(end_log(edge, reason));
    if (outbox->placed && outbox->log.id == edge->log.row.id)
        outbox->log.head = edge->log.row.head; /* CLOCK and CLOSE are still to be sent */
    edge->hlc = hlc_restore(back_to);
    TRY(edge_meta_set_u64(edge, META_HLC_LIMIT, hlc_raise_limit(&edge->hlc)));
    return begin_log(edge, reason);
}

enum status evidence_log_lose(struct edge *edge, const struct log_row *log, uint64_t from,
                              uint64_t to, bool payload_only, const char *reason)
{
    struct loss *loss = &edge->outbox.loss_scratch;
    memset(loss, 0, sizeof(*loss));
    loss->log = log->log;
    loss->from = from;
    loss->to = to;
    loss->reason = bytes_of_text(reason);
    loss->payload_only = payload_only;
    if (!payload_only) {
        TRY(evidence_read_hash(edge, log, to, &loss->last_hash));
        TRY(evidence_read_range_nodes(edge, log, from, to, loss->nodes, &loss->node_count));
    }
    uint8_t payload[PAYLOAD_MAX];
    struct buf out = buf_of(payload, sizeof(payload));
    loss_encode(loss, &out);
    INVARIANT(buf_ok(&out));
    TRY(evidence_log_control(edge, EVIDENCE_LOSS, 0, buf_bytes(&out)));
    if (payload_only) {
        struct statement *strip = edge->log.statements[LOG_STRIP_PAYLOAD];
        bind_u64(strip, 1, log->base + from);
        return statement_run(strip);
    }
    struct statement *insert = edge->log.statements[LOG_INSERT_LOST];
    bind_i64(insert, 1, log->id);
    bind_u64(insert, 2, from);
    bind_u64(insert, 3, to);
    bind_i64(insert, 4, edge->log.row.id);
    bind_u64(insert, 5, edge->log.row.head.sequence);
    return statement_run(insert);
}
