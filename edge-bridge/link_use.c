/* link_use.c - pause, windows, budget; see link_use.h. */
#include "edge-bridge/link_use.h"

#include <string.h>

#include "edge-bridge/edge_state.h"
#include "edge-bridge/report.h"
#include "edge-bridge/schema.h"

#define NS_PER_MS UINT64_C(1000000)

static bool waits_for_override(const struct edge *edge)
{
    const struct link_use *use = &edge->link_use;
    return use->critical_mono_ns != 0 &&
           edge->now.mono_ns - use->critical_mono_ns < LINK_REST_MS * NS_PER_MS;
}

static bool wanted(const struct edge *edge)
{
    const struct link_use *use = &edge->link_use;
    return edge->settings.cloud_link && !use->paused &&
           (use->in_window || sync_run_active(edge) || waits_for_override(edge));
}

const char *link_use_words(const struct edge *edge)
{
    const struct link_use *use = &edge->link_use;
    if (!edge->settings.cloud_link) return "not used";
    if (use->paused) return "paused by its operator";
    if (use->in_window) return "open";
    if (sync_run_active(edge)) return "open for a sync";
    return waits_for_override(edge) ? "open for critical evidence only" : "outside its windows";
}

/* The next moment at which looking at the windows could change something. */
static uint64_t next_look_ns(const struct edge *edge)
{
    const struct link_use *use = &edge->link_use;
    const uint64_t now_ms = edge->now.mono_ns / NS_PER_MS;
    uint64_t look_ms = now_ms + SCHEDULE_LOOK_MS;
    if (use->look.open_until_mono_ms != 0 && use->look.open_until_mono_ms < look_ms)
        look_ms = use->look.open_until_mono_ms;
    /* Windows begin with a minute. */
    const uint64_t minute_ms = 60 * 1000 - (uint64_t)clock_wall_ms(edge) % (60 * 1000);
    if (now_ms + minute_ms < look_ms) look_ms = now_ms + minute_ms;
    return look_ms * NS_PER_MS;
}

static bool look_is_due(const struct edge *edge)
{
    const struct link_use *use = &edge->link_use;
    const int64_t wall_ns = edge->now.wall_ns - use->looked_wall_ns;
    const int64_t apart_ns = wall_ns - (int64_t)(edge->now.mono_ns - use->looked_mono_ns);
    const int64_t jump_ns = SCHEDULE_JUMP_MS * (int64_t)NS_PER_MS;
    return edge->now.mono_ns >= use->look_mono_ns || apart_ns > jump_ns || apart_ns < -jump_ns;
}

static void look(struct edge *edge)
{
    struct link_use *use = &edge->link_use;
    const bool was_in_window = use->in_window;
    /* Without a time there are no windows; and only the cloud can tell the time. */
    use->in_window =
        !edge->clock.known || schedule_look(&use->schedule, &use->look, clock_wall_ms(edge),
                                            edge->now.mono_ns / NS_PER_MS);
    use->looked_wall_ns = edge->now.wall_ns;
    use->looked_mono_ns = edge->now.mono_ns;
    use->look_mono_ns = use->schedule.count == 0 ? UINT64_MAX : next_look_ns(edge);
    if (was_in_window == use->in_window || use->schedule.count == 0) return;
    trace_line(&edge->port->trace, TRACE_INFO, "a window of the link %s",
               use->in_window ? "opens" : "closes");
}

enum status link_use_open(struct edge *edge)
{
    struct link_use *use = &edge->link_use;
    uint64_t paused = 0;
    const enum status found = edge_meta_get_u64(edge, META_PAUSED, &paused);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    use->paused = paused != 0;
    use->schedule = edge->settings.windows;
    budget_set(&use->budget, edge->settings.budget_bytes_s, edge->now.mono_ns);
    look(edge);
    edge->session.links[LINK_CLOUD].wanted = wanted(edge);
    return ST_OK;
}

/* Looked for when some was accepted, and every now and then, since the cloud's words change it. */
static enum status look_for_critical(struct edge *edge)
{
    struct link_use *use = &edge->link_use;
    const uint64_t accepted = edge->log.tallies[0].accepted_entries;
    if (use->in_window || use->paused || !edge->settings.critical_override) return ST_OK;
    if (accepted == use->critical_seen && edge->now.mono_ns < use->critical_due_ns) return ST_OK;
    use->critical_seen = accepted;
    use->critical_due_ns = edge->now.mono_ns + LINK_REST_MS / 4 * NS_PER_MS;
    bool waits;
    TRY(framer_critical_waits(edge, &waits));
    if (waits) use->critical_mono_ns = edge->now.mono_ns;
    return ST_OK;
}

enum status link_use_tick(struct edge *edge, struct effects *effects)
{
    struct link_state *link = &edge->session.links[LINK_CLOUD];
    if (look_is_due(edge)) look(edge);
    TRY(look_for_critical(edge));
    const bool now_wanted = wanted(edge);
    if (now_wanted == link->wanted) return ST_OK;
    if (!now_wanted) return session_rest(edge, effects, link_use_words(edge));
    link->wanted = true;
    link->retry_mono_ns = edge->now.mono_ns;
    return ST_OK;
}

bool link_use_allows(struct edge *edge)
{
    return (edge->link_use.in_window || sync_run_active(edge)) &&
           budget_allows(&edge->link_use.budget, edge->now.mono_ns);
}

void link_use_spent(struct edge *edge, size_t payload_size, size_t topic_size)
{
    budget_spend(&edge->link_use.budget,
                 budget_wire_bytes(payload_size, topic_size, edge->settings.link_tls));
}

uint64_t link_use_wakeup(const struct edge *edge)
{
    const struct link_use *use = &edge->link_use;
    if (!edge->settings.cloud_link || use->paused) return UINT64_MAX;
    uint64_t wakeup_ns = use->look_mono_ns;
    const bool looks = !use->in_window && waits_for_override(edge);
    if (looks && use->critical_due_ns < wakeup_ns) wakeup_ns = use->critical_due_ns;
    const uint64_t ready_ns = budget_ready_ns(&use->budget);
    if (ready_ns > edge->now.mono_ns && session_online(edge, LINK_CLOUD) && ready_ns < wakeup_ns)
        wakeup_ns = ready_ns;
    return wakeup_ns;
}

/* ---- Config ---------------------------------------------------------------------------------- */

enum status link_use_config(struct edge *edge, const struct level_name *key)
{
    struct config_counted counted;
    uint64_t rate = edge->settings.budget_bytes_s;
    if (strcmp(key->text, LINK_BUDGET_KEY) != 0) return ST_OK;
    const enum status found =
        config_count_effective(edge, key, &edge->config.memory, &edge->config.memory_two, &counted);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    if (found == ST_OK) {
        const struct config_value *value = &counted.reg.value;
        const bool good =
            value->type == CONFIG_INT && value->integer >= 0 && value->integer <= BUDGET_RATE_MAX;
        if (good) rate = (uint64_t)value->integer;
        if (!good)
            trace_line(&edge->port->trace, TRACE_WARNING,
                       "config " LINK_BUDGET_KEY " is not an int from 0 to %d: not followed",
                       BUDGET_RATE_MAX);
    }
    if (rate == edge->link_use.budget.rate_bytes_s) return ST_OK;
    trace_line(&edge->port->trace, TRACE_INFO, "the link's budget is %llu bytes a second now",
               (unsigned long long)rate);
    budget_set(&edge->link_use.budget, rate, edge->now.mono_ns);
    return ST_OK;
}

/* ---- The operator's verbs -------------------------------------------------------------------- */

static void put_use(struct edge *edge, uint32_t client, struct effects *effects)
{
    const struct link_use *use = &edge->link_use;
    uint32_t duration_s;
    struct buf out = effects_space(effects, RECORD_SIZE_TYPICAL);
    record_reply_begin(&out, 4);
    record_words(&out, "link_use", link_use_words(edge));
    record_bool(&out, "paused", use->paused);
    record_uint(&out, "budget_bytes_s", use->budget.rate_bytes_s);
    const int64_t next_ms =
        schedule_next_start_ms(&use->schedule, clock_wall_ms(edge), &duration_s);
    if (next_ms == INT64_MAX)
        record_nil(&out, "next_window");
    else
        record_time(&out, "next_window", next_ms);
    report_reply(effects, client, &out);
    report_end(effects, client, ST_OK, "");
}

static enum status pause(struct edge *edge, bool paused)
{
    if (edge->link_use.paused == paused) return ST_OK;
    edge->link_use.paused = paused;
    trace_line(&edge->port->trace, TRACE_INFO, "the link is %s by its operator",
               paused ? "paused" : "resumed");
    return edge_meta_set_u64(edge, META_PAUSED, paused);
}

enum status link_use_verb(struct edge *edge, uint32_t client, const struct control_request *request,
                          struct effects *effects)
{
    struct bytes text;
    uint64_t rate;
    if (bytes_equal(request->verb, BYTES_LITERAL("link-pause"))) {
        TRY(pause(edge, true));
    } else if (bytes_equal(request->verb, BYTES_LITERAL("link-resume"))) {
        TRY(pause(edge, false));
    } else if (verb_argument_find(request, "rate", &text)) {
        if (!report_natural_of(request, "rate", &rate) || rate > BUDGET_RATE_MAX) {
            report_end(effects, client, ST_USAGE,
                       "rate is a number of bytes a second, 0 for no limit");
            return ST_OK;
        }
        budget_set(&edge->link_use.budget, rate, edge->now.mono_ns);
    }
    TRY(link_use_tick(edge, effects));
    put_use(edge, client, effects);
    return ST_OK;
}
