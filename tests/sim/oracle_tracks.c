/* oracle_tracks.c - what must be true of tracks: every state that an edge commits is looked at, so
 * that it is known who replaced which observation; at rest, what nobody replaced must be there.
 *
 * An observation is recognised by the number in its values, whatever stamp it has by now. It may be
 * gone from the final state only when some node that had it replaced or removed it, or when it is
 * older than the horizon. As long as no clock healed and nobody was restored, the final state is,
 * byte for byte, the join of all states that were ever committed. */
#include "tests/sim/oracle_tracks.h"

#include <stdlib.h>
#include <string.h>

#include "common/data/track_codec.h"
#include "edge-bridge/edge_state.h"
#include "tests/sim/oracle_state.h"

enum { DOTS_MAX = 6, FIELDS = 2, HORIZON_SLACK_MS = 3000, HORIZON_LAG_MS = 60 * 1000 };

#define BATCH_NS SIM_S

enum field { POSITION, CLASSIFICATION };

struct dot {
    struct track_writer writer;
    uint64_t hlc;
};

/* One sighting that was handed in, by its number. */
struct value {
    struct sim_node *node; /* NULL: no such number */
    unsigned track;
    uint64_t at_ns;                 /* handed in */
    bool has[FIELDS], dead[FIELDS]; /* dead: somebody who had it replaced or removed it */
    bool committed[FIELDS];         /* some edge's commit, or the cloud, showed it */
    bool receipt, in_backup, forgiven;
    size_t dot_count;
    struct dot dots[DOTS_MAX];
};

/* What an edge held of a track after its newest commit. */
struct held_track {
    bool there;
    struct track state;
};

struct track_oracle {
    struct oracle *oracle;
    unsigned track_count, edge_count;
    struct value *values;
    size_t value_count, value_capacity;
    struct held_track *held; /* by edge, by track */
    uint64_t *seen;          /* by edge: change number */
    struct track *joined;    /* by track: of all that was ever committed */
    bool *shrunk;            /* by track: some state lost what it had, lawfully */
    const struct sim_node *remover;
    unsigned removed;
    struct track *fresh, *scratch;
};

void track_oracle_open(struct oracle *oracle)
{
    const struct fault_model *faults = &oracle->world->options.faults;
    struct track_oracle *tracks = sim_allocate(sizeof(*tracks));
    oracle->tracks = tracks;
    tracks->oracle = oracle;
    tracks->track_count = faults->track_count;
    tracks->edge_count = faults->edge_count;
    tracks->removed = UINT32_MAX;
    tracks->held =
        sim_allocate(1 + tracks->edge_count * tracks->track_count * sizeof(*tracks->held));
    tracks->seen = sim_allocate(tracks->edge_count * sizeof(*tracks->seen));
    tracks->joined = sim_allocate(1 + tracks->track_count * sizeof(*tracks->joined));
    tracks->shrunk = sim_allocate(1 + tracks->track_count * sizeof(*tracks->shrunk));
    tracks->fresh = sim_allocate(sizeof(*tracks->fresh));
    tracks->scratch = sim_allocate(sizeof(*tracks->scratch));
}

void track_oracle_close(struct oracle *oracle)
{
    struct track_oracle *tracks = oracle->tracks;
    free(tracks->values);
    free(tracks->held);
    free(tracks->seen);
    free(tracks->joined);
    free(tracks->shrunk);
    free(tracks->fresh);
    free(tracks->scratch);
    free(tracks);
}

/* ---- numbers ------------------------------------------------------------------------------ */

static struct value *value_of(struct track_oracle *tracks, unsigned number)
{
    if (number >= tracks->value_count || tracks->values[number].node == NULL) return NULL;
    return &tracks->values[number];
}

void oracle_observed(struct oracle *oracle, struct sim_node *node, const struct sighting *sighting)
{
    struct track_oracle *tracks = oracle->tracks;
    while (tracks->value_count <= sighting->number) {
        tracks->values = sim_grow(tracks->values, tracks->value_count, &tracks->value_capacity,
                                  sizeof(*tracks->values));
        tracks->values[tracks->value_count++] = (struct value){0};
    }
    tracks->values[sighting->number] =
        (struct value){.node = node,
                       .track = sighting->track,
                       .at_ns = oracle->world->now_ns,
                       .has = {sighting->has_position, sighting->has_classification}};
}

void oracle_observe_receipt(struct oracle *oracle, unsigned number, enum status status)
{
    struct value *value = value_of(oracle->tracks, number);
    if (status == ST_OK) value->receipt = true;
    const struct fault_model *faults = &oracle->world->options.faults;
    if (status == ST_OK || status == ST_FULL || status == ST_AGAIN) return;
    world_fail(oracle->world, "honest observations are accepted", "%s number %u: %s",
               value->node->label, number, status_name(status));
    (void)faults;
}

void oracle_removes(struct oracle *oracle, const struct sim_node *node, unsigned track)
{
    oracle->tracks->remover = node;
    oracle->tracks->removed = track;
}

/* ---- states ------------------------------------------------------------------------------- */

static bool has_name(const struct track_slot *slot, const struct sim_node *node)
{
    return node_name_equal(&slot->writer.node, &node->name);
}

static uint64_t atom_hlc(const struct track_slot *slot, enum field field)
{
    return field == POSITION ? slot->position.hlc : slot->classification.hlc;
}

static unsigned atom_number(const struct track_slot *slot, enum field field)
{
    if (atom_hlc(slot, field) == 0) return 0;
    return field == POSITION ? position_number(&slot->position.value)
                             : classification_number(&slot->classification.value);
}

static const struct track_slot *slot_of(const struct track *track,
                                        const struct track_writer *writer)
{
    for (unsigned i = 0; i < track->slot_count; i++) {
        if (track_writer_compare(&track->slots[i].writer, writer) == 0) return &track->slots[i];
    }
    return NULL;
}

static bool is_live(const struct track *track, enum field field, unsigned number)
{
    for (unsigned i = 0; i < track->slot_count; i++) {
        if (atom_number(&track->slots[i], field) == number) return true;
    }
    return false;
}

static bool knows(const struct track *track, const struct dot *dot)
{
    const struct track_slot *slot = slot_of(track, &dot->writer);
    return slot != NULL && slot->hlc >= dot->hlc;
}

/* No replica can know more of time than this: the cloud's clock steps a little. */
static uint64_t horizon_now(const struct world *world)
{
    const uint32_t retention_s = world->options.faults.track_retention_s;
    const int64_t now_ms = SIM_EPOCH_MS + (int64_t)(world->now_ns / SIM_MS);
    if (retention_s == 0) return 0;
    return (uint64_t)(now_ms - (int64_t)retention_s * 1000 + HORIZON_SLACK_MS) << 16;
}

/* Below the floor of a crowded track or the horizon nothing is known any more. Where clocks heal,
 * only the newest stamp counts: those before were wrong. */
static bool is_expired(const struct track_oracle *tracks, const struct value *value,
                       const struct track *track)
{
    const struct world *world = tracks->oracle->world;
    const uint64_t horizon = horizon_now(world);
    const bool last = world->options.faults.clocks && value->dot_count > 0;
    for (size_t i = last ? value->dot_count - 1 : 0; i < value->dot_count; i++) {
        if (value->dots[i].hlc >= horizon && value->dots[i].hlc >= track->floor) return false;
    }
    return value->dot_count > 0;
}

static void note_dot(struct value *value, const struct track_slot *slot, uint64_t hlc)
{
    for (size_t i = 0; i < value->dot_count; i++) {
        const struct dot *dot = &value->dots[i];
        if (dot->hlc == hlc && track_writer_compare(&dot->writer, &slot->writer) == 0) return;
    }
    /* The oldest goes: only the newest stamps count in the end. */
    if (value->dot_count == DOTS_MAX) {
        memmove(value->dots, value->dots + 1, (DOTS_MAX - 1) * sizeof(value->dots[0]));
        value->dot_count--;
    }
    value->dots[value->dot_count++] = (struct dot){slot->writer, hlc};
}

/* Each live atom of the state carries one of the numbers that were handed in for this track. */
static void note_atoms(struct track_oracle *tracks, unsigned track, const struct track *state,
                       const char *where)
{
    struct world *world = tracks->oracle->world;
    for (unsigned i = 0; i < state->slot_count; i++) {
        const struct track_slot *slot = &state->slots[i];
        for (unsigned field = 0; field < FIELDS; field++) {
            if (atom_hlc(slot, field) == 0) continue;
            struct value *value = value_of(tracks, atom_number(slot, field));
            /* Near the horizon a node carries on what others said. */
            const bool carried = world->options.faults.track_retention_s > 0;
            if (value == NULL || value->track != track || !value->has[field] ||
                (!carried && !has_name(slot, value->node))) {
                world_fail(world, "nothing comes from nowhere",
                           "%s: t-%u holds number %u by %s, which nobody said", where, track,
                           atom_number(slot, field), slot->writer.node.text);
                return;
            }
            value->committed[field] = true;
            note_dot(value, slot, atom_hlc(slot, field));
        }
    }
}

/* The stamp above which this node's own atoms are new. */
static uint64_t own_newest(const struct track *state, const struct sim_node *node)
{
    uint64_t newest = 0;
    for (unsigned i = 0; i < state->slot_count; i++) {
        const struct track_slot *slot = &state->slots[i];
        if (has_name(slot, node) && slot->hlc > newest) newest = slot->hlc;
    }
    return newest;
}

/* Did this node itself write the field, or remove the track, between the two states? */
static bool wrote(const struct track_oracle *tracks, const struct sim_node *node, unsigned track,
                  const struct track *before, const struct track *after, enum field field)
{
    const uint64_t newest = own_newest(before, node);
    if (tracks->remover == node && tracks->removed == track) return true;
    for (unsigned i = 0; i < after->slot_count; i++) {
        const struct track_slot *slot = &after->slots[i];
        if (has_name(slot, node) && atom_hlc(slot, field) > newest) return true;
        /* Stamped anew under a new incarnation. */
        if (has_name(slot, node) && atom_hlc(slot, field) > 0 &&
            slot_of(before, &slot->writer) == NULL)
            return true;
    }
    return false;
}

/* Known now, not live now: then it was replaced, here or elsewhere. */
static bool is_dead(const struct value *value, enum field field, unsigned number,
                    const struct track *state)
{
    if (is_live(state, field, number)) return false;
    for (size_t i = 0; i < value->dot_count; i++) {
        if (knows(state, &value->dots[i])) return true;
    }
    return false;
}

static bool could_have_met(const struct value *value, const struct sim_node *node,
                           const struct track *before)
{
    for (size_t i = 0; i < value->dot_count; i++) {
        if (!knows(before, &value->dots[i]) &&
            !node_name_equal(&value->dots[i].writer.node, &node->name))
            return true;
    }
    return false;
}

/* The stamp with which it was live. */
static uint64_t live_stamp(const struct track *track, enum field field, unsigned number)
{
    uint64_t stamp = 0;
    for (unsigned i = 0; i < track->slot_count; i++) {
        const struct track_slot *slot = &track->slots[i];
        if (atom_number(slot, field) == number && atom_hlc(slot, field) > stamp)
            stamp = atom_hlc(slot, field);
    }
    return stamp;
}

/* Which observations did this commit replace, and had each that vanished been replaced? */
static void note_deaths(struct track_oracle *tracks, const struct sim_node *node, unsigned track,
                        const struct track *before, const struct track *after)
{
    struct world *world = tracks->oracle->world;
    const bool healed = world->options.faults.clocks;
    for (unsigned field = 0; field < FIELDS; field++) {
        const bool own = wrote(tracks, node, track, before, after, field);
        for (unsigned number = 1; number < tracks->value_count; number++) {
            struct value *value = value_of(tracks, number);
            if (value == NULL || value->track != track || !value->has[field] || value->dead[field])
                continue;
            const bool had = is_live(before, field, number);
            /* Stamped anew and replaced in one batch: its stamp is not known any more. */
            if (own && had && healed && !is_live(after, field, number)) value->dead[field] = true;
            if (!is_dead(value, field, number, after)) continue;
            if (own && (had || could_have_met(value, node, before))) value->dead[field] = true;
            if (!had || value->dead[field] || value->forgiven) continue;
            const uint64_t stamp = live_stamp(before, field, number);
            if (stamp < horizon_now(world) || stamp < after->floor) continue;
            world_fail(world, "only who has it replaces it",
                       "%s: %s of number %u on t-%u vanished, and nobody replaced it", node->label,
                       field == POSITION ? "the position" : "the classification", number, track);
        }
    }
}

static bool may_shrink(const struct world *world)
{
    const struct fault_model *faults = &world->options.faults;
    return faults->clocks || faults->restores || faults->evictions || world->options.clone;
}

/* An edge committed this state of a track. */
static void look(struct track_oracle *tracks, struct sim_node *node, unsigned track,
                 struct track *state)
{
    struct world *world = tracks->oracle->world;
    struct held_track *held = &tracks->held[(node->index - 1) * tracks->track_count + track];
    const uint64_t horizon = node->edge->track_store.horizon;
    (void)track_apply_horizon(state, horizon);
    note_atoms(tracks, track, state, node->label);
    note_deaths(tracks, node, track, &held->state, state);
    track_copy(tracks->scratch, &held->state);
    (void)track_join(tracks->scratch, state, horizon);
    if (!track_equal(tracks->scratch, state)) {
        tracks->shrunk[track] = true;
        if (!may_shrink(world)) {
            world_fail(world, "a state only grows", "%s: t-%u has lost something", node->label,
                       track);
        }
    }
    (void)track_join(&tracks->joined[track], state, 0);
    track_copy(&held->state, state);
    held->there = true;
}

/* "t-3"; UINT32_MAX: none of ours. */
static unsigned track_number(const struct track_oracle *tracks, struct bytes name)
{
    for (unsigned i = 0; i < tracks->track_count; i++) {
        const struct level_name known = actor_track(i);
        if (bytes_equal(name, bytes_of_text(known.text))) return i;
    }
    return UINT32_MAX;
}

static void look_at_rows(struct track_oracle *tracks, struct sim_node *node, uint64_t after)
{
    struct world *world = tracks->oracle->world;
    struct statement *rows = NULL;
    bool row = false;
    if (statement_open(node->edge->db,
                       "SELECT name, state FROM track WHERE change > ?1 ORDER BY change",
                       &rows) != ST_OK)
        return;
    bind_u64(rows, 1, after);
    while (!world->failed && statement_step(rows, &row) == ST_OK && row) {
        const unsigned track = track_number(tracks, column_bytes(rows, 0));
        if (track == UINT32_MAX || track_decode(column_bytes(rows, 1), tracks->fresh) != ST_OK) {
            world_fail(world, "nothing comes from nowhere", "%s: track %.*s, which nobody observed",
                       node->label, (int)column_bytes(rows, 0).size,
                       (const char *)column_bytes(rows, 0).data);
            break;
        }
        look(tracks, node, track, tracks->fresh);
    }
    statement_close(rows);
}

void oracle_committed(struct oracle *oracle, struct sim_node *node)
{
    struct track_oracle *tracks = oracle->tracks;
    if (node->is_cloud || node->edge == NULL || tracks->track_count == 0) return;
    uint64_t *seen = &tracks->seen[node->index - 1];
    const uint64_t counter = node->edge->track_store.counter;
    if (counter == *seen) return;
    look_at_rows(tracks, node, *seen < counter ? *seen : 0);
    *seen = counter;
}

/* Everything is looked at again: a crash may have come between a commit and the look at it, and a
 * row that is not there any more was evicted or has expired. */
void oracle_started(struct oracle *oracle, struct sim_node *node)
{
    struct track_oracle *tracks = oracle->tracks;
    if (node->is_cloud || tracks->track_count == 0) return;
    for (unsigned track = 0; track < tracks->track_count; track++) {
        tracks->held[(node->index - 1) * tracks->track_count + track].there = false;
    }
    tracks->seen[node->index - 1] = node->edge->track_store.counter;
    look_at_rows(tracks, node, 0);
    for (unsigned track = 0; track < tracks->track_count; track++) {
        struct held_track *held = &tracks->held[(node->index - 1) * tracks->track_count + track];
        if (!held->there) track_init(&held->state);
    }
}

void track_oracle_backed_up(struct oracle *oracle, const struct sim_node *node)
{
    struct track_oracle *tracks = oracle->tracks;
    for (size_t i = 0; i < tracks->value_count; i++) {
        struct value *value = &tracks->values[i];
        if (value->node == node) value->in_backup = value->committed[0] || value->committed[1];
    }
}

/* What it observed since is lost, as far as it did not leave in time; and under its old incarnation
 * it may cover what it forgot. A cloud that goes back gets everything again, but for what the edges
 * have evicted since. */
void track_oracle_restored(struct oracle *oracle, const struct sim_node *node)
{
    const struct fault_model *faults = &oracle->world->options.faults;
    struct track_oracle *tracks = oracle->tracks;
    for (size_t i = 0; i < tracks->value_count; i++) {
        struct value *value = &tracks->values[i];
        if (value->node == node && !value->in_backup) value->forgiven = true;
        if (node->is_cloud && faults->evictions) value->forgiven = true;
    }
}

/* ---- rest --------------------------------------------------------------------------------- */

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
        const unsigned track = track_number(tracks, column_bytes(rows, 0));
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
            if (!has_name(&state->slots[i], other)) continue;
            if (other == edge || oracle_share_a_group(tracks->oracle, edge, other)) return true;
        }
    }
    return false;
}

/* It travels with tracks and hellos, a little behind the cloud's. */
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
                !world->options.faults.evictions &&
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
    const struct value *value = value_of(tracks, number);
    for (unsigned later = number + 1; later < tracks->value_count; later++) {
        const struct value *other = value_of(tracks, later);
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
    const bool live = is_live(state, field, number);
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
        is_expired(tracks, value, state))
        return;
    world_fail(world, "no observation is lost", "%s: %s %u of t-%u is gone", value->node->label,
               what, number, value->track);
}

static void check_cloud(struct track_oracle *tracks, const struct track *cloud, uint64_t horizon)
{
    struct world *world = tracks->oracle->world;
    for (unsigned number = 1; number < tracks->value_count && !world->failed; number++) {
        const struct value *value = value_of(tracks, number);
        for (unsigned field = 0; value != NULL && field < FIELDS; field++) {
            if (value->has[field]) check_value(tracks, number, value, field, cloud);
        }
    }
    for (unsigned track = 0; track < tracks->track_count && !world->failed; track++) {
        note_atoms(tracks, track, &cloud[track], "cloud");
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
