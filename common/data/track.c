/* track.c - join, observe, remove, horizon: the laws of one track's state. */
#include "common/data/track.h"

#include <string.h>

#include "common/data/hlc.h"
#include "common/data/text.h"

/* ----------------------------------------------------------------- values */

int track_writer_compare(const struct track_writer *a, const struct track_writer *b)
{
    const int order = memcmp(a->node.text, b->node.text, NODE_NAME_SIZE);
    if (order != 0) return order;
    return a->incarnation < b->incarnation ? -1 : a->incarnation > b->incarnation;
}

int track_label_compare(const struct track_label *a, const struct track_label *b)
{
    return bytes_compare(track_label_text(a), track_label_text(b));
}

enum status track_label_from(struct bytes text, struct track_label *out)
{
    if (!text_is_label(text)) return ST_MALFORMED;
    struct track_label label = {.size = (uint8_t)text.size};
    memcpy(label.text, text.data, text.size);
    *out = label;
    return ST_OK;
}

static bool within(int32_t value, int32_t bound)
{
    return value >= -bound && value <= bound;
}

bool track_position_ok(const struct track_position *position)
{
    const int32_t speed_max = position->has_velocity ? TRACK_VELOCITY_MM_S_MAX : 0;
    return within(position->latitude_e7, TRACK_LATITUDE_E7_MAX) &&
           within(position->longitude_e7, TRACK_LONGITUDE_E7_MAX) &&
           within(position->altitude_mm, TRACK_ALTITUDE_MM_MAX) &&
           within(position->north_mm_s, speed_max) && within(position->east_mm_s, speed_max) &&
           within(position->up_mm_s, speed_max);
}

static bool label_ok(const struct track_label *label)
{
    return label->size <= TRACK_LABEL_SIZE_MAX && text_is_label(track_label_text(label));
}

/* Any total order on the content serves to choose between two values of one dot; this one compares
 * what the codec writes. */
static int position_compare(const struct track_position_atom *a,
                            const struct track_position_atom *b)
{
    uint8_t bytes[2][27];
    const struct track_position_atom *const atoms[2] = {a, b};
    for (unsigned side = 0; side < 2; side++) {
        const struct track_position *const value = &atoms[side]->value;
        struct buf buf = buf_of(bytes[side], sizeof bytes[side]);
        buf_put_u16(&buf, atoms[side]->confidence);
        buf_put_u32(&buf, (uint32_t)value->latitude_e7);
        buf_put_u32(&buf, (uint32_t)value->longitude_e7);
        buf_put_u32(&buf, (uint32_t)value->altitude_mm);
        buf_put_u8(&buf, value->has_velocity);
        buf_put_u32(&buf, (uint32_t)value->north_mm_s);
        buf_put_u32(&buf, (uint32_t)value->east_mm_s);
        buf_put_u32(&buf, (uint32_t)value->up_mm_s);
        INVARIANT(buf_ok(&buf));
    }
    return memcmp(bytes[0], bytes[1], sizeof bytes[0]);
}

static bool position_equal(const struct track_position_atom *a, const struct track_position_atom *b)
{
    const struct track_position *const p = &a->value, *const q = &b->value;
    return a->hlc == b->hlc && a->confidence == b->confidence && p->latitude_e7 == q->latitude_e7 &&
           p->longitude_e7 == q->longitude_e7 && p->altitude_mm == q->altitude_mm &&
           p->has_velocity == q->has_velocity && p->north_mm_s == q->north_mm_s &&
           p->east_mm_s == q->east_mm_s && p->up_mm_s == q->up_mm_s;
}

static int class_compare(const struct track_class_atom *a, const struct track_class_atom *b)
{
    if (a->confidence != b->confidence) return a->confidence < b->confidence ? -1 : 1;
    return track_label_compare(&a->value, &b->value);
}

/* ------------------------------------------------------------------ state */

void track_init(struct track *track)
{
    track->floor = 0;
    track->slot_count = 0;
    track->sensor_count = 0;
}

void track_copy(struct track *to, const struct track *from)
{
    to->floor = from->floor;
    to->slot_count = from->slot_count;
    to->sensor_count = from->sensor_count;
    memcpy(to->slots, from->slots, from->slot_count * sizeof from->slots[0]);
    memcpy(to->sensors, from->sensors, from->sensor_count * sizeof from->sensors[0]);
}

static bool slot_equal(const struct track_slot *a, const struct track_slot *b)
{
    return a->hlc == b->hlc && track_writer_compare(&a->writer, &b->writer) == 0 &&
           position_equal(&a->position, &b->position) &&
           a->classification.hlc == b->classification.hlc &&
           class_compare(&a->classification, &b->classification) == 0;
}

bool track_equal(const struct track *a, const struct track *b)
{
    if (a->floor != b->floor || a->slot_count != b->slot_count) return false;
    if (a->sensor_count != b->sensor_count) return false;
    for (unsigned i = 0; i < a->slot_count; i++) {
        if (!slot_equal(&a->slots[i], &b->slots[i])) return false;
    }
    for (unsigned i = 0; i < a->sensor_count; i++) {
        if (a->sensors[i].hlc != b->sensors[i].hlc) return false;
        if (track_label_compare(&a->sensors[i].name, &b->sensors[i].name) != 0) return false;
    }
    return true;
}

bool track_is_empty(const struct track *track)
{
    return track->floor == 0 && track->slot_count == 0 && track->sensor_count == 0;
}

static uint64_t newest_slot(const struct track *track)
{
    uint64_t newest = 0;
    for (unsigned i = 0; i < track->slot_count; i++)
        if (track->slots[i].hlc > newest) newest = track->slots[i].hlc;
    return newest;
}

uint64_t track_newest_stamp(const struct track *track)
{
    const uint64_t newest = newest_slot(track);
    return track->floor > newest ? track->floor : newest;
}

static bool position_atom_ok(const struct track_position_atom *atom)
{
    static const struct track_position_atom none;
    if (atom->hlc == 0) return position_equal(atom, &none);
    return atom->confidence <= TRACK_CONFIDENCE_MAX && track_position_ok(&atom->value);
}

static bool class_atom_ok(const struct track_class_atom *atom)
{
    if (atom->hlc == 0) return atom->confidence == 0 && atom->value.size == 0;
    return atom->confidence <= TRACK_CONFIDENCE_MAX && label_ok(&atom->value);
}

static bool writer_ok(const struct track_writer *writer)
{
    const size_t size = strnlen(writer->node.text, NODE_NAME_SIZE);
    return ids_node_name_ok(bytes_of(writer->node.text, size));
}

static bool slot_ok(const struct track_slot *slot, uint64_t floor)
{
    if (!writer_ok(&slot->writer) || slot->hlc == 0 || slot->hlc > HLC_STAMP_MAX) return false;
    if (!position_atom_ok(&slot->position) || !class_atom_ok(&slot->classification)) return false;
    if (slot->position.hlc > slot->hlc || slot->classification.hlc > slot->hlc) return false;
    return slot->hlc >= floor && (slot->position.hlc == 0 || slot->position.hlc >= floor) &&
           (slot->classification.hlc == 0 || slot->classification.hlc >= floor);
}

bool track_valid(const struct track *track)
{
    if (track->slot_count > TRACK_WRITERS_MAX || track->sensor_count > TRACK_SENSORS_MAX)
        return false;
    if (track->floor > HLC_STAMP_MAX + 1) return false;
    for (unsigned i = 0; i < track->slot_count; i++) {
        const struct track_slot *const slot = &track->slots[i];
        if (!slot_ok(slot, track->floor)) return false;
        if (i > 0 && track_writer_compare(&slot[-1].writer, &slot->writer) >= 0) return false;
    }
    const uint64_t newest = newest_slot(track);
    for (unsigned i = 0; i < track->sensor_count; i++) {
        const struct track_sensor *const sensor = &track->sensors[i];
        if (!label_ok(&sensor->name) || sensor->hlc == 0) return false;
        if (sensor->hlc > newest || sensor->hlc < track->floor) return false;
        if (i > 0 && track_label_compare(&sensor[-1].name, &sensor->name) >= 0) return false;
    }
    return true;
}

/* ------------------------------------------------------- floor and horizon */

static bool clear_position(struct track_slot *slot)
{
    if (slot->position.hlc == 0) return false;
    slot->position = (struct track_position_atom){0};
    return true;
}

static bool clear_class(struct track_slot *slot)
{
    if (slot->classification.hlc == 0) return false;
    slot->classification = (struct track_class_atom){0};
    return true;
}

/* Drops the slot's atoms below dead; true: changed. */
static bool prune_atoms(struct track_slot *slot, uint64_t dead)
{
    bool changed = false;
    if (slot->position.hlc < dead) changed |= clear_position(slot);
    if (slot->classification.hlc < dead) changed |= clear_class(slot);
    return changed;
}

/* Drops everything whose own stamp is below dead; true: changed. */
static bool prune(struct track *track, uint64_t dead)
{
    if (dead == 0) return false;
    bool changed = false;
    uint16_t kept = 0;
    for (unsigned i = 0; i < track->slot_count; i++) {
        struct track_slot *const slot = &track->slots[i];
        if (slot->hlc < dead) continue;
        changed |= prune_atoms(slot, dead);
        if (kept < i) track->slots[kept] = *slot;
        kept++;
    }
    changed |= kept < track->slot_count;
    track->slot_count = kept;
    kept = 0;
    for (unsigned i = 0; i < track->sensor_count; i++) {
        if (track->sensors[i].hlc < dead) continue;
        if (kept < i) track->sensors[kept] = track->sensors[i];
        kept++;
    }
    changed |= kept < track->sensor_count;
    track->sensor_count = kept;
    return changed;
}

/* Below this every stamp is dead; the floor counts only while the horizon has not passed it. */
static bool set_floor(struct track *track, uint64_t dead, uint64_t horizon)
{
    const uint64_t floor = dead > horizon ? dead : 0;
    const bool changed = track->floor != floor;
    track->floor = floor;
    return changed;
}

static uint64_t greater_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

bool track_apply_horizon(struct track *track, uint64_t horizon)
{
    const uint64_t dead = greater_of(horizon, track->floor);
    const bool pruned = prune(track, dead);
    return set_floor(track, dead, horizon) || pruned;
}

/* The stamps of all writers of both sides, each writer once with its greater stamp, descending. */
static unsigned stamps_descending(const struct track *a, const struct track *b, uint64_t *stamps)
{
    unsigned i = 0, j = 0, count = 0;
    while (i < a->slot_count || j < b->slot_count) {
        int order = i == a->slot_count ? 1 : j == b->slot_count ? -1 : 0;
        if (order == 0) order = track_writer_compare(&a->slots[i].writer, &b->slots[j].writer);
        uint64_t stamp = 0;
        if (order <= 0) stamp = a->slots[i++].hlc;
        if (order >= 0) stamp = greater_of(stamp, b->slots[j++].hlc);
        unsigned at = count++;
        for (; at > 0 && stamps[at - 1] < stamp; at--)
            stamps[at] = stamps[at - 1];
        stamps[at] = stamp;
    }
    return count;
}

/* The floor that leaves at most TRACK_WRITERS_MAX writers: just above the newest one too many. It
 * can only grow when stamps do, and a floor is itself something to be joined with: so joining
 * first and bounding later, in any order, gives the same state. */
static uint64_t crowd_floor(const struct track *a, const struct track *b)
{
    uint64_t stamps[2 * TRACK_WRITERS_MAX];
    if (a->slot_count + b->slot_count <= TRACK_WRITERS_MAX) return 0;
    if (stamps_descending(a, b, stamps) <= TRACK_WRITERS_MAX) return 0;
    return stamps[TRACK_WRITERS_MAX] + 1;
}

/* ------------------------------------------------------------------- join */

enum verdict { KEEP_MINE, TAKE_THEIRS, SAME_DOT, BOTH_DEAD };

/* Which of one writer's two atoms of a field lives on. Not both can: each side knows all of the
 * writer's dots up to its own slot's stamp. One of theirs that is too old for the horizon is never
 * taken: my slot was not too old, so its stamp covers that. */
static enum verdict judge(uint64_t mine, uint64_t known_to_me, uint64_t theirs,
                          uint64_t known_to_them)
{
    if (mine == theirs) return mine == 0 ? KEEP_MINE : SAME_DOT;
    if (theirs > known_to_me) return TAKE_THEIRS;
    return mine > known_to_them ? KEEP_MINE : BOTH_DEAD;
}

static unsigned join_position(struct track_slot *slot, const struct track_slot *from)
{
    switch (judge(slot->position.hlc, slot->hlc, from->position.hlc, from->hlc)) {
    case KEEP_MINE:
        return 0;
    case TAKE_THEIRS:
        slot->position = from->position;
        return TRACK_JOIN_CHANGED;
    case BOTH_DEAD:
        return clear_position(slot) ? TRACK_JOIN_CHANGED : 0;
    case SAME_DOT:
        break;
    }
    if (position_equal(&slot->position, &from->position)) return 0;
    if (position_compare(&slot->position, &from->position) > 0) return TRACK_JOIN_EQUIVOCATION;
    slot->position = from->position;
    return TRACK_JOIN_EQUIVOCATION | TRACK_JOIN_CHANGED;
}

static unsigned join_class(struct track_slot *slot, const struct track_slot *from)
{
    switch (judge(slot->classification.hlc, slot->hlc, from->classification.hlc, from->hlc)) {
    case KEEP_MINE:
        return 0;
    case TAKE_THEIRS:
        slot->classification = from->classification;
        return TRACK_JOIN_CHANGED;
    case BOTH_DEAD:
        return clear_class(slot) ? TRACK_JOIN_CHANGED : 0;
    case SAME_DOT:
        break;
    }
    const int order = class_compare(&slot->classification, &from->classification);
    if (order == 0) return 0;
    if (order > 0) return TRACK_JOIN_EQUIVOCATION;
    slot->classification = from->classification;
    return TRACK_JOIN_EQUIVOCATION | TRACK_JOIN_CHANGED;
}

static struct track_slot *insert_slot(struct track *track, unsigned at)
{
    INVARIANT(track->slot_count < TRACK_WRITERS_MAX);
    struct track_slot *const slot = &track->slots[at];
    memmove(slot + 1, slot, (track->slot_count - at) * sizeof *slot);
    track->slot_count++;
    return slot;
}

/* Where the writer's slot is, or belongs, at or behind index `at`. */
static unsigned find_slot(const struct track *track, unsigned at, const struct track_writer *writer,
                          bool *found)
{
    *found = false;
    for (; at < track->slot_count; at++) {
        const int order = track_writer_compare(&track->slots[at].writer, writer);
        *found = order == 0;
        if (order >= 0) break;
    }
    return at;
}

static unsigned join_slots(struct track *into, const struct track *from, uint64_t dead)
{
    unsigned flags = 0, at = 0;
    for (unsigned i = 0; i < from->slot_count; i++) {
        const struct track_slot *const theirs = &from->slots[i];
        if (theirs->hlc < dead) continue;
        bool found;
        at = find_slot(into, at, &theirs->writer, &found);
        if (!found) {
            struct track_slot *const slot = insert_slot(into, at);
            *slot = *theirs;
            (void)prune_atoms(slot, dead);
            flags |= TRACK_JOIN_CHANGED;
            continue;
        }
        struct track_slot *const slot = &into->slots[at];
        flags |= join_position(slot, theirs) | join_class(slot, theirs);
        if (slot->hlc < theirs->hlc) {
            slot->hlc = theirs->hlc;
            flags |= TRACK_JOIN_CHANGED;
        }
    }
    return flags;
}

static bool sensor_is_newer(const struct track_sensor *a, const struct track_sensor *b)
{
    if (a->hlc != b->hlc) return a->hlc > b->hlc;
    return track_label_compare(&a->name, &b->name) > 0;
}

/* Room for one more sensor at or before index *at, if need be where the oldest was; false: the new
 * one is older than all that are kept. */
static bool make_sensor_room(struct track *track, const struct track_sensor *sensor, unsigned *at)
{
    struct track_sensor *const sensors = track->sensors;
    if (track->sensor_count == TRACK_SENSORS_MAX) {
        unsigned oldest = 0;
        for (unsigned i = 1; i < TRACK_SENSORS_MAX; i++)
            if (sensor_is_newer(&sensors[oldest], &sensors[i])) oldest = i;
        if (!sensor_is_newer(sensor, &sensors[oldest])) return false;
        track->sensor_count--;
        memmove(&sensors[oldest], &sensors[oldest + 1],
                (track->sensor_count - oldest) * sizeof *sensors);
        if (oldest < *at) --*at;
    }
    memmove(&sensors[*at + 1], &sensors[*at], (track->sensor_count - *at) * sizeof *sensors);
    track->sensor_count++;
    return true;
}

/* Keeping the newest of a map of maxima loses nothing that a later join could bring back: what was
 * dropped had enough newer ones above it, and those only grow. */
static bool join_sensor(struct track *track, const struct track_sensor *sensor)
{
    unsigned at = 0;
    int order = -1;
    while (at < track->sensor_count) {
        order = track_label_compare(&track->sensors[at].name, &sensor->name);
        if (order >= 0) break;
        at++;
    }
    if (at < track->sensor_count && order == 0) {
        if (track->sensors[at].hlc >= sensor->hlc) return false;
        track->sensors[at].hlc = sensor->hlc;
        return true;
    }
    if (!make_sensor_room(track, sensor, &at)) return false;
    track->sensors[at] = *sensor;
    return true;
}

unsigned track_join(struct track *into, const struct track *from, uint64_t horizon)
{
    const uint64_t known = greater_of(horizon, greater_of(into->floor, from->floor));
    const uint64_t dead = greater_of(known, crowd_floor(into, from));
    unsigned flags = dead > known ? TRACK_JOIN_CROWDED : 0;
    if (prune(into, dead)) flags |= TRACK_JOIN_CHANGED;
    flags |= join_slots(into, from, dead);
    for (unsigned i = 0; i < from->sensor_count; i++) {
        if (from->sensors[i].hlc < dead) continue;
        if (join_sensor(into, &from->sensors[i])) flags |= TRACK_JOIN_CHANGED;
    }
    if (set_floor(into, dead, horizon)) flags |= TRACK_JOIN_CHANGED;
    if (!track_equal(into, from)) flags |= TRACK_JOIN_AHEAD;
    return flags;
}

/* --------------------------------------------------------------- mutators */

static enum status check_observation(const struct track_observation *observation)
{
    if (!observation->has_position && !observation->has_classification && !observation->has_sensor)
        return ST_MALFORMED;
    if (observation->has_position && (observation->position_confidence > TRACK_CONFIDENCE_MAX ||
                                      !track_position_ok(&observation->position)))
        return ST_MALFORMED;
    if (observation->has_classification &&
        (observation->classification_confidence > TRACK_CONFIDENCE_MAX ||
         !label_ok(&observation->classification)))
        return ST_MALFORMED;
    return observation->has_sensor && !label_ok(&observation->sensor) ? ST_MALFORMED : ST_OK;
}

/* Room for one writer more: with all slots taken, the oldest writer of them is one too many. */
static void make_slot_room(struct track *track, uint64_t horizon)
{
    uint64_t oldest = UINT64_MAX;
    if (track->slot_count < TRACK_WRITERS_MAX) return;
    for (unsigned i = 0; i < track->slot_count; i++)
        if (track->slots[i].hlc < oldest) oldest = track->slots[i].hlc;
    (void)prune(track, oldest + 1);
    (void)set_floor(track, oldest + 1, horizon);
}

enum status track_observe(struct track *track, const struct track_writer *writer, uint64_t hlc,
                          uint64_t horizon, const struct track_observation *observation)
{
    TRY(check_observation(observation));
    if (!writer_ok(writer)) return ST_MALFORMED;
    if (hlc > HLC_STAMP_MAX) return ST_FUTURE;
    if (hlc <= track_newest_stamp(track) || hlc <= horizon) return ST_STALE;
    (void)track_apply_horizon(track, horizon);
    for (unsigned i = 0; i < track->slot_count; i++) {
        if (observation->has_position) (void)clear_position(&track->slots[i]);
        if (observation->has_classification) (void)clear_class(&track->slots[i]);
    }
    bool found;
    unsigned at = find_slot(track, 0, writer, &found);
    if (!found) {
        make_slot_room(track, horizon);
        at = find_slot(track, 0, writer, &found);
        *insert_slot(track, at) = (struct track_slot){.writer = *writer};
    }
    struct track_slot *const slot = &track->slots[at];
    slot->hlc = hlc;
    if (observation->has_position)
        slot->position = (struct track_position_atom){
            .hlc = hlc,
            .confidence = observation->position_confidence,
            .value = observation->position,
        };
    if (observation->has_classification)
        slot->classification = (struct track_class_atom){
            .hlc = hlc,
            .confidence = observation->classification_confidence,
            .value = observation->classification,
        };
    const struct track_sensor sensor = {.hlc = hlc, .name = observation->sensor};
    if (observation->has_sensor) (void)join_sensor(track, &sensor);
    return ST_OK;
}

bool track_remove(struct track *track)
{
    bool changed = false;
    for (unsigned i = 0; i < track->slot_count; i++) {
        changed |= clear_position(&track->slots[i]);
        changed |= clear_class(&track->slots[i]);
    }
    return changed;
}
