/* config_lane.c - local writes on their way to the cloud, and what became of them; see
 * config_edge.h. */
#include "edge-bridge/edge_state.h"

static const uint64_t ns_per_ms = 1000000;

void config_lane_restart(struct edge *edge)
{
    struct config_edge *config = &edge->config;
    config->sent = 0;
    if (edge->session.lanes_open) return;
    config->compare_due = false;
    config->repairing = false;
    config->held_count = 0;
    config->listing.scope = config_scope_count(edge);
}

void config_lane_start(struct edge *edge)
{
    edge->config.sent = 0;
}

/* ---- Framing --------------------------------------------------------------------------------- */

/* From the oldest one that is not judged: the cloud tells only up to which number it has judged, so
 * a frame that it gets must hold all that is not judged below its last one. */
static enum status collect_writes(struct edge *edge, uint64_t *first)
{
    struct config_edge *config = &edge->config;
    const size_t size_max = outbox_frame_bytes(edge);
    struct config_write_row row;
    uint64_t after = 0;
    enum status more;
    config_writes_begin(&config->writes, config->packed, BODY_SIZE_MAX);
    while ((more = config_write_next(edge, CONFIG_WRITES_UNJUDGED, after, &config->memory, &row)) ==
           ST_OK) {
        const struct config_write write = {.operation = row.operation, .entry = row.entry};
        if (!config_writes_add(&config->writes, &write, size_max)) break;
        if (config->writes.count == 1) *first = row.operation;
        after = row.operation;
    }
    return more == ST_NOT_FOUND ? ST_OK : more;
}

static enum status send_writes(struct edge *edge, struct effects *effects, bool *sent)
{
    struct config_edge *config = &edge->config;
    uint64_t first = 0;
    if (!config_lane_ready(edge)) return ST_OK;
    TRY(collect_writes(edge, &first));
    if (config->writes.count == 0) {
        config->sent = edge->config_store.last_operation; /* the rest is judged */
        return ST_OK;
    }
    struct buf body = buf_of(edge->body_scratch, BODY_SIZE_MAX);
    config_writes_encode(edge->config_store.incarnation, &config->writes, &body);
    if (!buf_ok(&body)) return ST_TOO_LARGE;
    config->sent = config->writes.last_operation;
    *sent = true;
    return outbox_send_lane(edge, effects, FLIGHT_CONFIG, TOPIC_CONFIG_UP, FRAME_CONFIG,
                            buf_bytes(&body), first, config->sent);
}

/* Writes that were refused for their stamp wait until the clock was compared again: ask, unless
 * that was done a moment ago. */
static uint64_t hello_due_ns(const struct edge *edge)
{
    if (edge->config_store.future == 0) return UINT64_MAX;
    return edge->session.hello_mono_ns + (uint64_t)edge->settings.ack_timeout_ms * ns_per_ms;
}

enum status config_lane_next(struct edge *edge, struct effects *effects, bool *sent)
{
    *sent = false;
    if (!edge->session.lanes_open) return ST_OK;
    if (edge->now.mono_ns >= hello_due_ns(edge)) return session_hello(edge, effects);
    TRY(send_writes(edge, effects, sent));
    return *sent ? ST_OK : config_repair_next(edge, effects, sent);
}

/* One frame at a time: for the same reason, the next one waits until this one is judged. */
bool config_lane_ready(const struct edge *edge)
{
    const struct config_store *store = &edge->config_store;
    const uint64_t sent = edge->config.sent;
    const bool waits = sent != 0 && sent > store->judged;
    return !waits && store->pending > store->future && sent < store->last_operation;
}

uint64_t config_wakeup(const struct edge *edge)
{
    const struct config_edge *config = &edge->config;
    uint64_t wakeup_ns = UINT64_MAX;
    if (config->local_due && session_online(edge, LINK_LOCAL)) wakeup_ns = config->local_mono_ns;
    if (!session_online(edge, LINK_CLOUD) || !edge->session.lanes_open) return wakeup_ns;
    const uint64_t dues[] = {hello_due_ns(edge), config_repair_wakeup(edge)};
    for (size_t i = 0; i < COUNT_OF(dues); i++)
        if (dues[i] < wakeup_ns) wakeup_ns = dues[i];
    return wakeup_ns;
}

/* ---- Judgement ------------------------------------------------------------------------------- */

static const struct ack_refusal *refusal_of(const struct ack *ack, uint64_t operation)
{
    for (size_t i = 0; i < ack->refusal_count; i++)
        if (operation >= ack->refusals[i].from && operation <= ack->refusals[i].to)
            return &ack->refusals[i];
    return NULL;
}

static enum status refused(struct edge *edge, const struct config_write_row *row,
                           enum write_refusal reason, struct effects *effects)
{
    TRY(config_write_refuse(edge, row, reason));
    if (reason == WRITE_FUTURE) return ST_OK;
    edge->config.refused++;
    trace_line(&edge->port->trace, TRACE_WARNING, "the cloud refused the write of config %s: %s",
               row->entry.key.name.text, write_refusal_words(reason));
    return config_local_changed(edge, &row->entry.key.name, effects);
}

/* certain: the acknowledgement would name this operation if it had been refused. If not, only what
 * the cloud publishes tells. */
static enum status admitted(struct edge *edge, const struct config_write_row *row, bool certain,
                            struct effects *effects)
{
    struct config_edge *config = &edge->config;
    const struct config_key *key = &row->entry.key;
    struct config_register held;
    bool framed;
    TRY(config_write_remove(edge, row));
    edge->counters.configs_moved++;
    const enum status found = config_store_get(edge, key, &config->memory_two, &held, &framed);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    const bool greater = found == ST_NOT_FOUND || config_compare(&row->entry.reg, &held) > 0;
    if (certain && greater && config_scope_holds(edge, &key->scope)) {
        TRY(config_store_put(edge, key, &row->entry.reg, BYTES_EMPTY));
        state_changed(edge);
    }
    return config_local_changed(edge, &key->name, effects);
}

static enum status judge(struct edge *edge, const struct ack *ack, struct effects *effects)
{
    struct config_edge *config = &edge->config;
    const bool full = ack->refusal_count == ACK_REFUSALS_MAX;
    const uint64_t certain_from = full ? ack->refusals[0].from : 0;
    struct config_write_row row;
    uint64_t after = 0;
    enum status more;
    while ((more = config_write_next(edge, CONFIG_WRITES_UNJUDGED, after, &config->memory, &row)) ==
               ST_OK &&
           row.operation <= ack->config_judged) {
        after = row.operation;
        const struct ack_refusal *refusal = refusal_of(ack, row.operation);
        if (refusal != NULL)
            TRY(refused(edge, &row, refusal->reason, effects));
        else
            TRY(admitted(edge, &row, row.operation >= certain_from, effects));
    }
    return more == ST_NOT_FOUND ? ST_OK : more;
}

enum status config_lane_restored(struct edge *edge)
{
    if (edge->config_store.incarnation == 0) return ST_OK;
    TRY(config_write_new_incarnation(edge));
    edge->config.sent = 0;
    trace_line(&edge->port->trace, TRACE_WARNING,
               "config writes are numbered anew: this node was restored from a backup");
    return ST_OK;
}

enum status config_lane_acked(struct edge *edge, const struct ack *ack, bool adopted,
                              struct effects *effects)
{
    struct config_store *store = &edge->config_store;
    if (adopted && store->register_count > 0) edge->config.store_is_new = true;
    if (!ack->has_config || ack->config_incarnation != store->incarnation) return ST_OK;
    if (ack->config_judged > store->last_operation) return config_lane_restored(edge);
    if (ack->config_judged <= store->judged) return ST_OK;
    store->judged = ack->config_judged;
    TRY(judge(edge, ack, effects));
    outbox_lane_acked(edge, FLIGHT_CONFIG, ack->config_judged);
    return ST_OK;
}

/* ---- Stamps given anew ----------------------------------------------------------------------- */

/* Our own later write of this register was admitted meanwhile: this one is history. */
static enum status superseded(struct edge *edge, const struct config_write_row *row, bool *yes)
{
    struct config_register held;
    bool framed;
    const enum status found =
        config_store_get(edge, &row->entry.key, &edge->config.memory_two, &held, &framed);
    *yes = found == ST_OK && held.epoch == row->entry.reg.epoch && held.hlc > row->entry.reg.hlc &&
           node_name_equal(&held.node, &edge->node);
    return found == ST_NOT_FOUND ? ST_OK : found;
}

static enum status restamp_one(struct edge *edge, const struct config_write_row *row,
                               uint64_t *floor)
{
    bool history;
    TRY(superseded(edge, row, &history));
    if (history) return config_write_remove(edge, row);
    if (row->base > *floor && clock_is_lawful(edge, row->base)) *floor = row->base;
    uint64_t stamp = row->entry.reg.hlc;
    const bool fits = row->time_known && stamp > *floor && hlc_ms(stamp) <= clock_wall_ms(edge);
    if (!fits) TRY(clock_stamp_again(edge, &row->done, *floor, &stamp));
    *floor = stamp;
    return config_write_renew(edge, row, stamp);
}

enum status config_restamp(struct edge *edge, uint64_t above)
{
    struct config_edge *config = &edge->config;
    const uint64_t last = edge->config_store.last_operation;
    uint64_t floor = edge->clock.admitted, after = 0;
    struct config_write_row row;
    enum status more;
    while ((more = config_write_next(edge, CONFIG_WRITES_LIVE, after, &config->memory, &row)) ==
               ST_OK &&
           row.operation <= last) {
        after = row.operation;
        /* What follows a write that gets a new number must get one too, or it would be judged
         * before it. */
        if (row.refused && row.entry.reg.hlc <= above) above = row.entry.reg.hlc - 1;
        if (row.entry.reg.hlc <= above) {
            if (floor < row.entry.reg.hlc) floor = row.entry.reg.hlc;
            continue;
        }
        TRY(restamp_one(edge, &row, &floor));
    }
    if (more != ST_OK && more != ST_NOT_FOUND) return more;
    config->sent = 0; /* what is on its way holds old numbers */
    config_local_sweep(edge);
    return ST_OK;
}
