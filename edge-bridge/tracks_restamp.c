/* tracks_restamp.c - own stamps given anew after the clock was wrong; see tracks.h.
 *
 * Nobody but this node knows of a dot that the cloud has not admitted, so it may be unsaid: its
 * atom is taken out, its slot goes back to what the cloud may know, and the value is observed again
 * under a new incarnation, at the time it was really seen. What the wrong stamp had replaced stays
 * so. */
#include "edge-bridge/edge_state.h"
#include "edge-bridge/tracks.h"

/* What the wrong stamps were given for, to be said again. */
struct wrong {
    struct track_observation said;
    uint64_t position_hlc, classification_hlc; /* of what is in said */
    uint64_t newest;                           /* greatest wrong stamp, of a slot */
};

/* Takes the slot's wrong atoms out and its stamp back to what was lawful. False: nobody knows of
 * anything that is left in it. */
static bool unsay_slot(struct track_slot *slot, uint64_t above, uint64_t admitted,
                       struct wrong *wrong)
{
    uint64_t lawful = admitted;
    if (slot->hlc > wrong->newest) wrong->newest = slot->hlc;
    if (slot->position.hlc > above) {
        if (slot->position.hlc > wrong->position_hlc) {
            wrong->said.has_position = true;
            wrong->said.position = slot->position.value;
            wrong->said.position_confidence = slot->position.confidence;
            wrong->position_hlc = slot->position.hlc;
        }
        slot->position = (struct track_position_atom){0};
    }
    if (slot->classification.hlc > above) {
        if (slot->classification.hlc > wrong->classification_hlc) {
            wrong->said.has_classification = true;
            wrong->said.classification = slot->classification.value;
            wrong->said.classification_confidence = slot->classification.confidence;
            wrong->classification_hlc = slot->classification.hlc;
        }
        slot->classification = (struct track_class_atom){0};
    }
    if (slot->position.hlc > lawful) lawful = slot->position.hlc;
    if (slot->classification.hlc > lawful) lawful = slot->classification.hlc;
    slot->hlc = lawful;
    return lawful != 0;
}

/* A slot below the track's floor is dead, and no state holds it. */
static bool unsay_slots(const struct edge *edge, struct track *track, uint64_t above,
                        uint64_t admitted, struct wrong *wrong)
{
    uint16_t kept = 0;
    bool found = false;
    for (unsigned i = 0; i < track->slot_count; i++) {
        struct track_slot *slot = &track->slots[i];
        if (node_name_equal(&slot->writer.node, &edge->node) && slot->hlc > above) {
            found = true;
            if (!unsay_slot(slot, above, admitted, wrong) || slot->hlc < track->floor) continue;
        }
        if (kept < i) track->slots[kept] = *slot;
        kept++;
    }
    track->slot_count = kept;
    return found;
}

/* Sensors with a wrong stamp, and those that are newer than all that is left, go from the track to
 * `taken`. A foreign one may be among them where nobody can tell: it looks a bit fresher then. */
static size_t unsay_sensors(struct track *track, uint64_t above, uint64_t through,
                            struct track_sensor *taken)
{
    uint64_t newest = 0;
    uint16_t kept = 0;
    size_t count = 0;
    for (unsigned i = 0; i < track->slot_count; i++)
        if (track->slots[i].hlc > newest) newest = track->slots[i].hlc;
    for (unsigned i = 0; i < track->sensor_count; i++) {
        const uint64_t stamp = track->sensors[i].hlc;
        if ((stamp > above && stamp <= through) || stamp > newest)
            taken[count++] = track->sensors[i];
        else
            track->sensors[kept++] = track->sensors[i];
    }
    track->sensor_count = kept;
    return count;
}

static void put_back_sensor(struct track *track, const struct track_sensor *sensor)
{
    unsigned at = track->sensor_count;
    for (; at > 0 && track_label_compare(&track->sensors[at - 1].name, &sensor->name) > 0; at--)
        track->sensors[at] = track->sensors[at - 1];
    track->sensors[at] = *sensor;
    track->sensor_count++;
}

/* Says it again under the new incarnation, at the time it was really said. */
static enum status say_again(struct edge *edge, struct track_row *row, struct track *track,
                             struct wrong *wrong, struct track_sensor *sensors, size_t sensor_count)
{
    const struct track_writer writer = {edge->node, edge->track_store.incarnation};
    uint64_t floor = track_newest_stamp(track);
    if (edge->track_store.horizon > floor) floor = edge->track_store.horizon;
    if (sensor_count > 0) {
        wrong->said.has_sensor = true;
        wrong->said.sensor = sensors[0].name;
    }
    if (!wrong->said.has_position && !wrong->said.has_classification && sensor_count == 0)
        return ST_OK;
    uint64_t stamp;
    enum status judged = clock_stamp_again(edge, &row->done, floor, &stamp);
    if (judged == ST_OK)
        judged = track_observe(track, &writer, stamp, edge->track_store.horizon, &wrong->said);
    /* What cannot be said lawfully is not said. */
    if (judged != ST_OK) return status_class_of(judged) == STATUS_CLASS_REFUSE ? ST_OK : judged;
    for (size_t i = 1; i < sensor_count; i++) {
        sensors[i].hlc = stamp;
        put_back_sensor(track, &sensors[i]);
    }
    return ST_OK;
}

static enum status restamp_row(struct edge *edge, struct track_row *row, struct track *track,
                               uint64_t above, uint64_t admitted)
{
    struct track_sensor sensors[TRACK_SENSORS_MAX];
    struct wrong wrong = {0};
    if (!unsay_slots(edge, track, above, admitted, &wrong)) return ST_OK;
    const size_t sensor_count = unsay_sensors(track, above, wrong.newest, sensors);
    TRY(say_again(edge, row, track, &wrong, sensors, sensor_count));
    row->taught = false;
    return track_store_put(edge, row, track);
}

enum status tracks_restamp(struct edge *edge, uint64_t above, uint64_t admitted)
{
    struct track *track = edge->tracks.scratch;
    struct track_row row = {0};
    enum status more;
    uint64_t count = 0;
    TRY(track_store_new_incarnation(edge));
    while ((more = track_store_next_own(edge, row.id, above, &row, track)) == ST_OK) {
        const int64_t id = row.id;
        TRY(restamp_row(edge, &row, track, above, admitted));
        row.id = id; /* the row may be gone, its place in the order is not */
        count++;
    }
    if (more != ST_NOT_FOUND) return more;
    if (edge->track_store.evicted_through > edge->hlc.last) {
        edge->track_store.evicted_through = edge->hlc.last;
        TRY(track_store_save_evicted(edge));
    }
    if (count > 0)
        trace_line(&edge->port->trace, TRACE_INFO, "%llu tracks stamped anew",
                   (unsigned long long)count);
    track_lane_rewind(edge);
    return ST_OK;
}
