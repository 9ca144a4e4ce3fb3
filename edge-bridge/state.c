/* state.c - the report of what this edge holds; see state.h. */
#include "edge-bridge/state.h"

#include "edge-bridge/edge_state.h"

static const uint64_t delay_ns = (uint64_t)STATE_DELAY_MS * 1000000;

void state_changed(struct edge *edge)
{
    if (edge->state.due_mono_ns == 0) edge->state.due_mono_ns = edge->now.mono_ns + delay_ns;
}

enum status state_fill(struct edge *edge, struct effects *effects, bool now)
{
    struct state *state = &edge->state;
    const bool due = state->due_mono_ns != 0 && edge->now.mono_ns >= state->due_mono_ns;
    if (!now && !due) return ST_OK;
    struct state_report report = {
        .nonce = edge->session.nonce,
        .interest = edge->settings.interest,
        .numbering = edge->track_store.numbering,
        .counter = edge->track_store.counter,
        .has_down = edge->track_lane.has_down,
        .down_store = edge->track_lane.down_store,
        .down_cursor = edge->track_lane.down_cursor,
        .roster = edge->config.roster_version,
    };
    TRY(config_summary_of(edge, &report.config));
    struct buf body = buf_of(edge->body_scratch, BODY_SIZE_MAX);
    state_msg_encode(&report, &body);
    INVARIANT(buf_ok(&body));
    state->due_mono_ns = 0;
    return outbox_send_lane(edge, effects, FLIGHT_NOTE, TOPIC_SYNC_UP, FRAME_STATE,
                            buf_bytes(&body), 0, 0);
}

uint64_t state_wakeup(const struct edge *edge)
{
    if (edge->state.due_mono_ns == 0 || !session_online(edge, LINK_CLOUD)) return UINT64_MAX;
    return edge->state.due_mono_ns;
}
