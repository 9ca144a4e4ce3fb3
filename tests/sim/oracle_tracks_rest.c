/* oracle_tracks_rest.c - what must be true of tracks at rest: every replica holds the same, and
 * what nobody replaced is there. */
#include <stdlib.h>
#include <string.h>

#include "common/data/track_codec.h"
#include "edge-bridge/edge_state.h"
#include "tests/sim/oracle_tracks.h"

/* All tracks of a database, expired ones left out. */
static bool read_replica(struct track_oracle *tracks, const struct sim_node *node, struct db *db,
                         uint64_t horizon, struct track *states)
{
    struct world *world = tracks->oracle->world;
    struct statement *rows = NULL;
    bool row = false;
    memset(states, 0, tracks->track_count * sizeof(*states));
    INVARIANT(statement_open(db, "SELECT name, state FROM track WHERE change > 0", &rows) == ST_OK);
    while (!world->failed && statement_step(rows, &row) == ST_OK && row) {
        const unsigned track = track_number_of(tracks, column_bytes(rows, 0));
        if (track == UINT32_MAX || track_decode(column_bytes(rows, 1), &states[track]) != ST_OK) {
            world_fail(world, "nothing comes from nowhere", "%s: track %.*s, which nobody observed",
                       node->label, (int)column_bytes(rows, 0).size,
                       (const char *)column_bytes(rows, 0).data);
            break;
        }
        (void)track_apply_horizon(&states[track], horizon);
    }
    statement_close(rows);
    return !world->failed;
}

static bool is_part_of(struct track_oracle *tracks, const struct track *part,
                       const struct track *whole, uint64_t horizon)
{
    track_copy(tracks->scratch, whole);
    (void)track_join(tracks->scratch, part, horizon);
    return track_equal(tracks->scratch, whole);
}

static bool in_groups_of(const struct track_oracle *tracks, const struct sim_node *edge,
                         const struct track *state)
{
    const struct world *world = tracks->oracle->world;
    for (unsigned i = 0; i < state->slot_count; i++) {
        for (unsigned e = 0; e < world->edge_count; e++) {
            const struct sim_node *other = &world->edges[e];
            if (!track_slot_is_of(&state->slots[i], other)) continue;
            if (other == edge || oracle_share_a_group(tracks->oracle, edge, other)) return true;
        }
    }
    return false;
}

/* It travels with tracks and hellos, and a quiet edge says hello every five minutes or so. */
static void check_horizon(struct world *world, const struct sim_node *edge, uint64_t horizon)
{
    const struct cloud_settings *settings = &world->cloud.cloud_settings;
    uint64_t slack_ms = settings->track_retention_s * UINT64_C(1000) / 50;
    if (slack_ms < HORIZON_LAG_MS) slack_ms = HORIZON_LAG_MS;
    if (edge->edge_settings.interest == INTEREST_NONE) return;
    if (edge->edge->track_store.horizon + (slack_ms << 16) >= horizon) return;
    world_fail(world, "the horizon is everybody's", "%s is %lld ms behind", edge->label,
               (long long)(hlc_ms(horizon) - hlc_ms(edge->edge->track_store.horizon)));
}

static void check_edge(struct track_oracle *tracks, struct sim_node *edge,
                       const struct track *cloud, uint64_t horizon)
{
    struct world *world = tracks->oracle->world;
    const enum track_interest interest = edge->edge_settings.interest;
    struct sim_disk *disk = NULL;
    struct db *db = NULL;
    struct track *mine = sim_allocate(tracks->track_count * sizeof(*mine));
    const bool opened = oracle_open_copy(edge, &disk, &db) == ST_OK;
    if (!opened) world_fail(world, "no crash damages a disk", "%s", edge->label);
    check_horizon(world, edge, horizon);
    if (opened && read_replica(tracks, edge, db, horizon, mine)) {
        for (unsigned track = 0; track < tracks->track_count && !world->failed; track++) {
            const bool all =
                edge->edge->track_store.evicted_through == 0 &&
                (interest == INTEREST_ALL ||
                 (interest == INTEREST_GROUPS && in_groups_of(tracks, edge, &cloud[track])));
            if (track_equal(&mine[track], &cloud[track])) continue;
            if (!all && is_part_of(tracks, &mine[track], &cloud[track], horizon)) continue;
            world_fail(world, "replicas are equal", "%s: t-%u is %s", edge->label, track,
                       is_part_of(tracks, &mine[track], &cloud[track], horizon)
                           ? "behind the cloud's"
                           : "ahead of the cloud's");
        }
    }
    oracle_close_copy(disk, db);
    free(mine);
}

/* A later observation by the same node came so soon that both were in one batch. */
static bool was_overtaken(struct track_oracle *tracks, unsigned number, enum field field)
{
    const struct value *value = track_value_of(tracks, number);
    for (unsigned later = number + 1; later < tracks->value_count; later++) {
        const struct value *other = track_value_of(tracks, later);
        if (other == NULL || other->node != value->node || other->track != value->track) continue;
        if (other->has[field] && other->at_ns <= value->at_ns + BATCH_NS) return true;
    }
    return false;
}

/* An edge without room gives up what it could not send; it counts that. */
static bool gave_up(const struct world *world)
{
    for (unsigned i = 0; i < world->edge_count; i++) {
        const struct edge *edge = world->edges[i].edge;
        if (edge != NULL && edge->track_store.evicted_unacked > 0) return true;
    }
    return false;
}

static void check_value(struct track_oracle *tracks, unsigned number, const struct value *value,
                        enum field field, const struct track *cloud)
{
    struct world *world = tracks->oracle->world;
    const struct fault_model *faults = &world->options.faults;
    const struct track *state = &cloud[value->track];
    const bool live = track_value_is_live(state, field, number);
    const char *const what = field == POSITION ? "position" : "classification";
    if (!value->committed[field]) {
        if (!value->receipt || value->forgiven || was_overtaken(tracks, number, field)) return;
        world_fail(world, "a receipt is durable", "%s: %s %u of t-%u is in no state",
                   value->node->label, what, number, value->track);
        return;
    }
    if (live && value->dead[field] && !faults->clocks && !faults->restores && !gave_up(world) &&
        faults->track_retention_s == 0) {
        world_fail(world, "what was replaced does not come back", "%s %u of t-%u", what, number,
                   value->track);
    }
    if (live || value->dead[field] || value->forgiven || gave_up(world) ||
        track_value_is_expired(tracks, value, state))
        return;
    world_fail(world, "no observation is lost", "%s: %s %u of t-%u is gone", value->node->label,
               what, number, value->track);
}

static void check_cloud(struct track_oracle *tracks, const struct track *cloud, uint64_t horizon)
{
    struct world *world = tracks->oracle->world;
    for (unsigned number = 1; number < tracks->value_count && !world->failed; number++) {
        const struct value *value = track_value_of(tracks, number);
        for (unsigned field = 0; value != NULL && field < FIELDS; field++) {
            if (value->has[field]) check_value(tracks, number, value, field, cloud);
        }
    }
    for (unsigned track = 0; track < tracks->track_count && !world->failed; track++) {
        track_note_atoms(tracks, track, &cloud[track], "cloud");
        if (tracks->shrunk[track] || world->options.faults.restores || gave_up(world)) continue;
        (void)track_apply_horizon(&tracks->joined[track], horizon);
        if (track_equal(&tracks->joined[track], &cloud[track])) continue;
        world_fail(world, "the end is the join of all that was",
                   "t-%u at the cloud is another state", track);
    }
}

static uint64_t horizon_of(struct db *cloud)
{
    struct statement *rows = NULL;
    bool row = false;
    INVARIANT(statement_open(cloud, "SELECT horizon FROM track_meta", &rows) == ST_OK);
    const uint64_t horizon = statement_step(rows, &row) == ST_OK && row ? column_u64(rows, 0) : 0;
    statement_close(rows);
    return horizon;
}

void oracle_tracks_final(struct oracle *oracle, struct db *cloud_db)
{
    struct track_oracle *tracks = oracle->tracks;
    struct world *world = oracle->world;
    if (tracks->track_count == 0) return;
    const uint64_t horizon = horizon_of(cloud_db);
    struct track *cloud = sim_allocate(tracks->track_count * sizeof(*cloud));
    if (read_replica(tracks, &world->cloud, cloud_db, horizon, cloud)) {
        check_cloud(tracks, cloud, horizon);
        for (unsigned i = 0; i < world->edge_count && !world->failed; i++) {
            if (world->edges[i].up) check_edge(tracks, &world->edges[i], cloud, horizon);
        }
    }
    free(cloud);
}
