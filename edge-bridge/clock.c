/* clock.c - what time it is, and what is done when it was another; see clock.h. */
#include "edge-bridge/clock.h"

#include <string.h>

#include "edge-bridge/edge_state.h"
#include "edge-bridge/report.h"
#include "edge-bridge/schema.h"

enum { NS_PER_MS = 1000000, CLOCK_BLOB_SIZE = BOOT_ID_SIZE + 8 + 8 };

static const uint64_t stamp_ms_max = HLC_STAMP_MAX >> 16;

int64_t clock_wall_ms(const struct edge *edge)
{
    return edge->clock.known ? edge_wall_ms(edge) + edge->clock.offset_ms : 0;
}

/* How far apart two right clocks may be by now. */
static uint64_t eps_ms(const struct edge *edge)
{
    const struct clock *clock = &edge->clock;
    if (!clock->from_cloud || clock->synchronised_mono_ns > edge->now.mono_ns)
        return HLC_EPS_MAX_MS;
    return hlc_eps_ms((edge->now.mono_ns - clock->synchronised_mono_ns) / NS_PER_MS);
}

static void see_wall(struct edge *edge)
{
    struct clock *clock = &edge->clock;
    const int64_t difference_ns = edge->now.wall_ns - (int64_t)edge->now.mono_ns;
    const int64_t step_ns = difference_ns - clock->seen_difference_ns;
    const bool stepped = clock->has_seen && (step_ns > CLOCK_STEP_NS || step_ns < -CLOCK_STEP_NS);
    if (stepped && clock->from_cloud) clock->offset_ms -= step_ns / NS_PER_MS;
    clock->has_seen = true;
    clock->seen_difference_ns = difference_ns;
    if (!clock->from_cloud) clock->known = edge_wall_ms(edge) >= CLOCK_EARLIEST_MS;
}

/* ---- At rest --------------------------------------------------------------------------------- */

/* What the cloud said still holds after a restart of the program: the monotonic clock went on. */
static enum status restore_offset(struct edge *edge)
{
    struct clock *clock = &edge->clock;
    uint8_t blob[CLOCK_BLOB_SIZE];
    const enum status found = edge_meta_get_fixed(edge, META_CLOCK, blob, sizeof(blob));
    if (found == ST_NOT_FOUND) return ST_OK;
    if (found != ST_OK) return found;
    const uint64_t mono_ns = get_u64(blob + BOOT_ID_SIZE);
    const uint64_t then_ms = get_u64(blob + BOOT_ID_SIZE + 8);
    if (memcmp(blob, edge->boot_id, BOOT_ID_SIZE) != 0 || mono_ns > edge->now.mono_ns ||
        then_ms > stamp_ms_max)
        return ST_OK;
    const int64_t now_ms = (int64_t)(then_ms + (edge->now.mono_ns - mono_ns) / NS_PER_MS);
    clock->offset_ms = now_ms - edge_wall_ms(edge);
    clock->known = true;
    clock->from_cloud = true;
    clock->synchronised_mono_ns = mono_ns;
    return ST_OK;
}

static enum status save_offset(struct edge *edge)
{
    uint8_t blob[CLOCK_BLOB_SIZE];
    memcpy(blob, edge->boot_id, BOOT_ID_SIZE);
    put_u64(blob + BOOT_ID_SIZE, edge->now.mono_ns);
    put_u64(blob + BOOT_ID_SIZE + 8, (uint64_t)clock_wall_ms(edge));
    return edge_meta_set_bytes(edge, META_CLOCK, bytes_of(blob, sizeof(blob)));
}

static enum status set_unknown_above(struct edge *edge, uint64_t above)
{
    if (edge->clock.unknown_above == above) return ST_OK;
    edge->clock.unknown_above = above;
    /* No stamp is beyond HLC_STAMP_MAX, so that stands for none. */
    return edge_meta_set_u64(edge, META_UNKNOWN_ABOVE,
                             above < HLC_STAMP_MAX ? above : HLC_STAMP_MAX);
}

enum status clock_open(struct edge *edge)
{
    struct clock *clock = &edge->clock;
    *clock = (struct clock){.unknown_above = CLOCK_NO_STAMP};
    uint64_t above = HLC_STAMP_MAX;
    const enum status found = edge_meta_get_u64(edge, META_UNKNOWN_ABOVE, &above);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    if (above < HLC_STAMP_MAX) clock->unknown_above = above;
    TRY(restore_offset(edge));
    see_wall(edge);
    return ST_OK;
}

enum status clock_tick(struct edge *edge)
{
    see_wall(edge);
    if (edge->clock.known || edge->clock.unknown_above != CLOCK_NO_STAMP) return ST_OK;
    trace_line(&edge->port->trace, TRACE_WARNING,
               "the clock was never set: stamps only count on until the cloud tells the time");
    return set_unknown_above(edge, edge->hlc.last);
}

/* ---- Stamps ---------------------------------------------------------------------------------- */

/* Stamps that were received must not be ahead of the clock after a restart either. */
static enum status save_limit(struct edge *edge)
{
    if (!hlc_limit_due(&edge->hlc)) return ST_OK;
    return edge_meta_set_u64(edge, META_HLC_LIMIT, hlc_raise_limit(&edge->hlc));
}

bool clock_is_lawful(const struct edge *edge, uint64_t stamp)
{
    struct hlc probe = edge->hlc;
    /* The cloud has judged it by its own clock, which may rightly be HLC_EPS_MAX_MS ahead of its
     * time: it counts on from the stamps it admitted. */
    const uint64_t eps = edge->clock.known ? eps_ms(edge) + HLC_EPS_MAX_MS : UINT64_MAX;
    return hlc_receive(&probe, clock_wall_ms(edge), eps, stamp) == ST_OK;
}

enum status clock_receive(struct edge *edge, uint64_t stamp)
{
    if (!clock_is_lawful(edge, stamp)) return ST_FUTURE;
    TRY(hlc_receive(&edge->hlc, 0, UINT64_MAX, stamp));
    return save_limit(edge);
}

/* The boot count that entries of this boot carry, also before its BOOT entry is written. */
static uint32_t boot_of(const struct edge *edge)
{
    return edge->log.boot_count + (edge->log.boot_is_new ? 1 : 0);
}

struct done_at clock_done_at(const struct edge *edge)
{
    return (struct done_at){.mono_ms = edge->now.mono_ns / NS_PER_MS, .boot = boot_of(edge)};
}

enum status clock_stamp_again(struct edge *edge, const struct done_at *when, uint64_t floor,
                              uint64_t *stamp)
{
    if (floor >= HLC_STAMP_MAX) return ST_FUTURE;
    const uint64_t mono_ms = edge->now.mono_ns / NS_PER_MS;
    const bool same_boot = when->boot == boot_of(edge) && when->mono_ms <= mono_ms;
    const uint64_t age_ms = same_boot ? mono_ms - when->mono_ms : mono_ms;
    const int64_t done_ms = clock_wall_ms(edge) - (int64_t)age_ms;
    struct hlc again = {.last = floor};
    *stamp = hlc_now(&again, done_ms);
    if (*stamp <= edge->hlc.last) return ST_OK;
    edge->hlc.last = *stamp;
    return save_limit(edge);
}

/* ---- The cloud's word ------------------------------------------------------------------------ */

/* measured_ms: the cloud's time now, wrong by round_trip_ms / 2 at most. */
static enum status set_offset(struct edge *edge, int64_t measured_ms, uint64_t round_trip_ms)
{
    struct clock *clock = &edge->clock;
    const int64_t apart_ms = measured_ms - clock_wall_ms(edge);
    const int64_t tolerance_ms = HLC_EPS_MIN_MS + (int64_t)round_trip_ms;
    if (!clock->known || apart_ms > tolerance_ms || apart_ms < -tolerance_ms) {
        clock->offset_ms = measured_ms - edge_wall_ms(edge);
        trace_line(&edge->port->trace, TRACE_WARNING, "the clock is set by %lld ms: %s",
                   (long long)apart_ms,
                   clock->known ? "the cloud's differs" : "the cloud tells the time");
    }
    clock->known = true;
    clock->from_cloud = true;
    clock->synchronised_mono_ns = edge->now.mono_ns;
    return save_offset(edge);
}

static uint64_t stamp_of_ms(int64_t ms)
{
    if (ms < 0) return 0;
    return ((uint64_t)ms > stamp_ms_max ? stamp_ms_max : (uint64_t)ms) << 16;
}

/* Stamps of our clock up to here can be right: the cloud's time by now, the stamps of ours that it
 * admitted, and those of others that it passed on. Its own clock is not below any of these; that
 * one is believed as far as stamps that it may take can have carried it. */
static int64_t lawful_ms(const struct edge *edge, int64_t cloud_ms, uint64_t round_trip_ms)
{
    const struct clock *clock = &edge->clock;
    int64_t most_ms = cloud_ms + (int64_t)round_trip_ms;
    const int64_t passed_on_ms = hlc_ms(clock->cloud_stamp);
    const bool sane = passed_on_ms <= most_ms + 2 * HLC_EPS_MAX_MS;
    if (sane && passed_on_ms > most_ms) most_ms = passed_on_ms;
    if (hlc_ms(clock->admitted) > most_ms) most_ms = hlc_ms(clock->admitted);
    return most_ms;
}

/* ahead_of_ms: what the clock has given out beyond it was wrong. */
static enum status heal(struct edge *edge, int64_t measured_ms, uint64_t admitted,
                        int64_t ahead_of_ms)
{
    struct clock *clock = &edge->clock;
    const bool ahead = hlc_ms(edge->hlc.last) > ahead_of_ms;
    const bool was_unknown = clock->unknown_above != CLOCK_NO_STAMP;
    if (!ahead && !was_unknown) return ST_OK;
    uint64_t above = UINT64_MAX;
    if (ahead) {
        const uint64_t now = stamp_of_ms(measured_ms);
        const int64_t believed_ms = hlc_ms(edge->hlc.last);
        above = stamp_of_ms(ahead_of_ms);
        trace_line(&edge->port->trace, TRACE_WARNING,
                   "the clock was ahead by %lld ms: stamps are given anew, in a new log",
                   (long long)(believed_ms - measured_ms));
        TRY(evidence_log_clock_back(edge, believed_ms, measured_ms,
                                    now > admitted ? now : admitted));
    }
    if (was_unknown && clock->unknown_above < above) above = clock->unknown_above;
    if (above < admitted) above = admitted;
    TRY(set_unknown_above(edge, CLOCK_NO_STAMP));
    TRY(config_restamp(edge, above));
    TRY(tracks_restamp(edge, above, admitted));
    clock->heal_count++;
    state_changed(edge);
    return ST_OK;
}

enum status clock_heard(struct edge *edge, int64_t cloud_ms, uint64_t sent_mono_ns,
                        uint64_t admitted)
{
    struct clock *clock = &edge->clock;
    if (admitted > HLC_STAMP_MAX) return ST_OK;
    clock->admitted = admitted;
    if (cloud_ms < CLOCK_EARLIEST_MS || (uint64_t)cloud_ms > stamp_ms_max) {
        trace_line(&edge->port->trace, TRACE_WARNING,
                   "the cloud's own clock was never set: it is not followed");
        return ST_OK;
    }
    /* An echo later than now is not one of ours. */
    if (sent_mono_ns > edge->now.mono_ns) return ST_OK;
    const uint64_t round_trip_ms = (edge->now.mono_ns - sent_mono_ns) / NS_PER_MS;
    if (round_trip_ms > CLOCK_ROUND_TRIP_MS_MAX) return ST_OK;

    const uint64_t eps = eps_ms(edge);
    const int64_t measured_ms = cloud_ms + (int64_t)(round_trip_ms / 2);
    TRY(set_offset(edge, measured_ms, round_trip_ms));
    const int64_t ahead_of_ms = lawful_ms(edge, cloud_ms, round_trip_ms) + (int64_t)eps;
    return heal(edge, measured_ms, admitted, ahead_of_ms);
}

/* ---- The operator's view --------------------------------------------------------------------- */

enum status clock_verb(struct edge *edge, uint32_t client, struct effects *effects)
{
    const struct clock *clock = &edge->clock;
    struct buf out = effects_space(effects, RECORD_SIZE_TYPICAL);
    record_reply_begin(&out, 9);
    record_time(&out, "wall", edge_wall_ms(edge));
    if (clock->known)
        record_time(&out, "corrected", clock_wall_ms(edge));
    else
        record_nil(&out, "corrected");
    record_int(&out, "offset_ms", clock->offset_ms);
    record_bool(&out, "known", clock->known);
    record_bool(&out, "synchronised", clock->from_cloud);
    if (clock->from_cloud)
        record_uint(&out, "synchronised_age_s",
                    (edge->now.mono_ns - clock->synchronised_mono_ns) / NS_PER_MS / 1000);
    else
        record_nil(&out, "synchronised_age_s");
    record_uint(&out, "eps_ms", eps_ms(edge));
    record_uint(&out, "last_stamp", edge->hlc.last);
    record_uint(&out, "heal_count", clock->heal_count);
    report_reply(effects, client, &out);
    report_end(effects, client, ST_OK, "");
    return ST_OK;
}
