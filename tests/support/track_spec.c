/* track_spec.c - a track's state from the history of its events, by definition and not by joins. */
#include "tests/support/track_spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct track_writer spec_writer(unsigned node)
{
    struct track_writer writer = {0};
    INVARIANT(node <= SPEC_NODES_MAX);
    const char text[] = {'n', (char)('0' + node / 10), (char)('0' + node % 10)};
    memcpy(writer.node.text, text, sizeof text);
    return writer;
}

struct track_label spec_label(const char *prefix, unsigned number)
{
    char text[TRACK_LABEL_SIZE_MAX + 1];
    struct track_label label;
    snprintf(text, sizeof text, "%s%u", prefix, number);
    INVARIANT(track_label_from(bytes_of_text(text), &label) == ST_OK);
    return label;
}

struct track_observation spec_observation(unsigned event, unsigned fields, uint16_t confidence,
                                          unsigned sensor)
{
    struct track_observation observation = {0};
    observation.has_position = (fields & 1) != 0;
    observation.has_classification = (fields & 2) != 0;
    observation.has_sensor = (fields & 4) != 0;
    if (observation.has_position) {
        observation.position_confidence = confidence;
        observation.position.latitude_e7 = (int32_t)event;
        observation.position.longitude_e7 = -(int32_t)event;
        observation.position.altitude_mm = 1000;
        observation.position.has_velocity = (fields & 8) != 0;
        observation.position.east_mm_s = (fields & 8) != 0 ? -7 : 0;
    }
    if (observation.has_classification) {
        observation.classification_confidence = confidence;
        observation.classification = spec_label("class-", event);
    }
    if (observation.has_sensor) observation.sensor = spec_label("s", sensor);
    return observation;
}

/* ------------------------------------------------------------------ state */

static int descending(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x > y ? -1 : x < y;
}

/* The greatest stamp known of each node; 0: none. Returns below what every stamp is dead. */
static uint64_t known_stamps(const struct spec *spec, const struct event_set *known,
                             uint64_t horizon, uint64_t stamps[SPEC_NODES_MAX + 1])
{
    uint64_t sorted[SPEC_NODES_MAX + 1];
    memset(stamps, 0, (SPEC_NODES_MAX + 1) * sizeof stamps[0]);
    unsigned writer_count = 0;
    for (unsigned i = 0; i < spec->event_count; i++) {
        const struct spec_event *const event = &spec->events[i];
        if (!event_set_has(known, i) || event->is_removal) continue;
        if (stamps[event->node] == 0) writer_count++;
        if (event->hlc > stamps[event->node]) stamps[event->node] = event->hlc;
    }
    if (writer_count <= TRACK_WRITERS_MAX) return horizon;
    memcpy(sorted, stamps, sizeof sorted);
    qsort(sorted, COUNT_OF(sorted), sizeof sorted[0], descending);
    const uint64_t floor = sorted[TRACK_WRITERS_MAX] + 1;
    return floor > horizon ? floor : horizon;
}

static bool writes(const struct spec_event *event, bool position)
{
    if (event->is_removal) return true;
    return position ? event->observation.has_position : event->observation.has_classification;
}

static bool stands(const struct spec *spec, const struct event_set *known, unsigned number,
                   bool position)
{
    for (unsigned i = 0; i < spec->event_count; i++) {
        const struct spec_event *const other = &spec->events[i];
        if (event_set_has(known, i) && writes(other, position) &&
            event_set_has(&other->known, number))
            return false;
    }
    return true;
}

static void add_atoms(const struct spec *spec, const struct event_set *known, unsigned number,
                      struct track_slot *slot)
{
    const struct spec_event *const event = &spec->events[number];
    const struct track_observation *const said = &event->observation;
    if (said->has_position && stands(spec, known, number, true)) {
        slot->position.hlc = event->hlc;
        slot->position.confidence = said->position_confidence;
        slot->position.value = said->position;
    }
    if (said->has_classification && stands(spec, known, number, false)) {
        slot->classification.hlc = event->hlc;
        slot->classification.confidence = said->classification_confidence;
        slot->classification.value = said->classification;
    }
}

static int newest_sensor_first(const void *a, const void *b)
{
    const struct track_sensor *const x = a, *const y = b;
    if (x->hlc != y->hlc) return x->hlc > y->hlc ? -1 : 1;
    return -track_label_compare(&x->name, &y->name);
}

static int sensor_name_order(const void *a, const void *b)
{
    const struct track_sensor *const x = a, *const y = b;
    return track_label_compare(&x->name, &y->name);
}

static void add_sensors(const struct spec *spec, const struct event_set *known, uint64_t dead,
                        struct track *out)
{
    struct track_sensor all[SPEC_EVENTS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < spec->event_count; i++) {
        const struct spec_event *const event = &spec->events[i];
        if (!event_set_has(known, i) || event->is_removal) continue;
        if (!event->observation.has_sensor || event->hlc < dead) continue;
        unsigned at = 0;
        while (at < count && track_label_compare(&all[at].name, &event->observation.sensor) != 0)
            at++;
        if (at == count) {
            all[count].hlc = 0;
            all[count++].name = event->observation.sensor;
        }
        if (event->hlc > all[at].hlc) all[at].hlc = event->hlc;
    }
    qsort(all, count, sizeof all[0], newest_sensor_first);
    if (count > TRACK_SENSORS_MAX) count = TRACK_SENSORS_MAX;
    qsort(all, count, sizeof all[0], sensor_name_order);
    memcpy(out->sensors, all, count * sizeof all[0]);
    out->sensor_count = (uint16_t)count;
}

void spec_state(const struct spec *spec, const struct event_set *known, uint64_t horizon,
                struct track *out)
{
    uint64_t stamps[SPEC_NODES_MAX + 1];
    const uint64_t dead = known_stamps(spec, known, horizon, stamps);
    track_init(out);
    out->floor = dead > horizon ? dead : 0;
    for (unsigned node = 0; node <= SPEC_NODES_MAX; node++) {
        if (stamps[node] == 0 || stamps[node] < dead) continue;
        struct track_slot *const slot = &out->slots[out->slot_count++];
        *slot = (struct track_slot){.writer = spec_writer(node), .hlc = stamps[node]};
        for (unsigned i = 0; i < spec->event_count; i++) {
            const struct spec_event *const event = &spec->events[i];
            if (!event_set_has(known, i) || event->is_removal) continue;
            if (event->node == node && event->hlc >= dead) add_atoms(spec, known, i, slot);
        }
    }
    add_sensors(spec, known, dead, out);
}

/* ------------------------------------------------------------------- view */

/* Does any live atom of the field beat the one the view chose? Also counts them. */
static bool is_greatest(const struct track *state, bool position, const struct track_slot *chosen,
                        unsigned count_said)
{
    unsigned count = 0;
    for (unsigned i = 0; i < state->slot_count; i++) {
        const struct track_slot *const slot = &state->slots[i];
        const uint64_t hlc = position ? slot->position.hlc : slot->classification.hlc;
        if (hlc == 0) continue;
        count++;
        if (chosen == NULL) return false;
        const uint16_t mine =
            position ? slot->position.confidence : slot->classification.confidence;
        const uint16_t best =
            position ? chosen->position.confidence : chosen->classification.confidence;
        const uint64_t best_hlc = position ? chosen->position.hlc : chosen->classification.hlc;
        if (mine != best      ? mine > best
            : hlc != best_hlc ? hlc > best_hlc
                              : track_writer_compare(&slot->writer, &chosen->writer) > 0)
            return false;
    }
    return count == count_said && (count > 0) == (chosen != NULL);
}

bool spec_view_ok(const struct track *state)
{
    const struct track_view view = track_view_of(state);
    uint64_t last_seen = 0;
    for (unsigned i = 0; i < state->slot_count; i++)
        if (state->slots[i].hlc > last_seen) last_seen = state->slots[i].hlc;
    for (unsigned i = 0; i < state->sensor_count; i++)
        if (state->sensors[i].hlc > last_seen) last_seen = state->sensors[i].hlc;
    return view.last_seen == last_seen &&
           view.present == (view.position_count + view.classification_count > 0) &&
           view.position_count <= state->slot_count &&
           view.classification_count <= state->slot_count &&
           is_greatest(state, true, view.position, view.position_count) &&
           is_greatest(state, false, view.classification, view.classification_count);
}
