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

void track_oracle_open(struct oracle *oracle)
{
    const struct fault_model *faults = &oracle->world->options.faults;
    struct track_oracle *tracks = sim_allocate(sizeof(*tracks));
    oracle->tracks = tracks;
    tracks->oracle = oracle;
    tracks->track_count = faults->track_count;
    tracks->edge_count = faults->edge_count;
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

struct value *track_value_of(struct track_oracle *tracks, unsigned number)
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
    struct value *value = track_value_of(oracle->tracks, number);
    if (status == ST_OK) value->receipt = true;
    const struct fault_model *faults = &oracle->world->options.faults;
    if (status == ST_OK || status == ST_FULL || status == ST_AGAIN) return;
    world_fail(oracle->world, "honest observations are accepted", "%s number %u: %s",
               value->node->label, number, status_name(status));
    (void)faults;
}

void oracle_removes(struct oracle *oracle, const struct sim_node *node, unsigned track)
{
    struct track_oracle *tracks = oracle->tracks;
    tracks->held[(node->index - 1) * tracks->track_count + track].removing = true;
}

/* ---- states ------------------------------------------------------------------------------- */

bool track_slot_is_of(const struct track_slot *slot, const struct sim_node *node)
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

bool track_value_is_live(const struct track *track, enum field field, unsigned number)
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
uint64_t track_horizon_now(const struct world *world)
{
    const uint32_t retention_s = world->options.faults.track_retention_s;
    const int64_t now_ms = SIM_EPOCH_MS + (int64_t)(world->now_ns / SIM_MS);
    if (retention_s == 0) return 0;
    return (uint64_t)(now_ms - (int64_t)retention_s * 1000 + HORIZON_SLACK_MS) << 16;
}

/* Below the floor of a crowded track or the horizon nothing is known any more. Where clocks heal,
 * only the newest stamp counts: those before were wrong. */
bool track_value_is_expired(const struct track_oracle *tracks, const struct value *value,
                            const struct track *track)
{
    const struct world *world = tracks->oracle->world;
    const uint64_t horizon = track_horizon_now(world);
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
void track_note_atoms(struct track_oracle *tracks, unsigned track, const struct track *state,
                      const char *where)
{
    struct world *world = tracks->oracle->world;
    for (unsigned i = 0; i < state->slot_count; i++) {
        const struct track_slot *slot = &state->slots[i];
        for (unsigned field = 0; field < FIELDS; field++) {
            if (atom_hlc(slot, field) == 0) continue;
            struct value *value = track_value_of(tracks, atom_number(slot, field));
            /* Near the horizon a node carries on what others said. */
            const bool carried = world->options.faults.track_retention_s > 0;
            if (value == NULL || value->track != track || !value->has[field] ||
                (!carried && !track_slot_is_of(slot, value->node))) {
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
        if (track_slot_is_of(slot, node) && slot->hlc > newest) newest = slot->hlc;
    }
    return newest;
}

/* Did this node itself write the field between the two states? */
static bool wrote(const struct sim_node *node, const struct track *before,
                  const struct track *after, enum field field)
{
    const uint64_t newest = own_newest(before, node);
    for (unsigned i = 0; i < after->slot_count; i++) {
        const struct track_slot *slot = &after->slots[i];
        if (track_slot_is_of(slot, node) && atom_hlc(slot, field) > newest) return true;
        /* Stamped anew under a new incarnation. */
        if (track_slot_is_of(slot, node) && atom_hlc(slot, field) > 0 &&
            slot_of(before, &slot->writer) == NULL)
            return true;
    }
    return false;
}

/* Known now, not live now: then it was replaced, here or elsewhere. */
static bool is_dead(const struct value *value, enum field field, unsigned number,
                    const struct track *state)
{
    if (track_value_is_live(state, field, number)) return false;
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
    bool *asked = &tracks->held[(node->index - 1) * tracks->track_count + track].removing;
    const bool removing = *asked;
    *asked = false;
    for (unsigned field = 0; field < FIELDS; field++) {
        const bool own = removing || wrote(node, before, after, field);
        for (unsigned number = 1; number < tracks->value_count; number++) {
            struct value *value = track_value_of(tracks, number);
            if (value == NULL || value->track != track || !value->has[field] || value->dead[field])
                continue;
            const bool had = track_value_is_live(before, field, number);
            /* Stamped anew and replaced in one batch: its stamp is not known any more. */
            if (own && had && healed && !track_value_is_live(after, field, number))
                value->dead[field] = true;
            if (!is_dead(value, field, number, after)) continue;
            if (own && (had || could_have_met(value, node, before))) value->dead[field] = true;
            if (!had || value->dead[field] || value->forgiven) continue;
            const uint64_t stamp = live_stamp(before, field, number);
            if (stamp < track_horizon_now(world) || stamp < after->floor) continue;
            world_fail(world, "only who has it replaces it",
                       "%s: %s of number %u on t-%u vanished, and nobody replaced it", node->label,
                       field == POSITION ? "the position" : "the classification", number, track);
        }
    }
}

static bool may_shrink(const struct world *world)
{
    const struct fault_model *faults = &world->options.faults;
    /* A disk that is nearly full evicts as well. */
    return faults->clocks || faults->restores || faults->evictions || world->options.clone ||
           faults->weights[FAULT_FULL_EDGE] > 0;
}

/* An edge committed this state of a track. */
static void look(struct track_oracle *tracks, struct sim_node *node, unsigned track,
                 struct track *state)
{
    struct world *world = tracks->oracle->world;
    struct held_track *held = &tracks->held[(node->index - 1) * tracks->track_count + track];
    const uint64_t horizon = node->edge->track_store.horizon;
    (void)track_apply_horizon(state, horizon);
    track_note_atoms(tracks, track, state, node->label);
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

unsigned track_number_of(const struct track_oracle *tracks, struct bytes name)
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
        const unsigned track = track_number_of(tracks, column_bytes(rows, 0));
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
