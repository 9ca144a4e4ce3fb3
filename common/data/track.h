/* track.h - one track as a state that replicas join: a causal context, and per field the
 * observations that nobody who saw them has replaced.
 *
 * A writer is a node in one incarnation. Each of its observations carries a stamp (hlc.h) that it
 * never uses again: (writer, hlc) is a dot. The state keeps of every writer
 *   slot.hlc          the greatest stamp seen of it: all its dots up to there are known
 *   slot.position     its live position, if one of its dots still stands  } at most one
 *   slot.classification                                    likewise        } atom each
 * A dot that is known and has no atom is dead: it was replaced by somebody who saw it, or removed.
 * A join keeps what is live on one side and not known to the other, so it is the pointwise maximum
 * of unseen < live < dead over all dots: idempotent, commutative, associative. That holds only for
 * whole tracks: never send or store a part of one. Sensors are a map name -> greatest stamp.
 *
 * What is older than the replicated horizon (a stamp, passed to every operation, which may only
 * grow) is dead everywhere. For the bounds there is the floor, a horizon of this one track: when
 * more than TRACK_WRITERS_MAX writers are known, all stamps up to that of the newest writer too
 * many are dead. It follows from the stamps alone, so that all replicas agree. Of the sensors the
 * TRACK_SENSORS_MAX newest are kept.
 *
 * "Changed?" is decided on this state, never on its view (track_view.h). Equal states have equal
 * bytes (track_codec.h). Nothing here allocates; a struct track is about 16 KiB, and only its first
 * slot_count and sensor_count items mean anything. */
#ifndef HOLDFAST_COMMON_DATA_TRACK_H
#define HOLDFAST_COMMON_DATA_TRACK_H

#include "common/base/bounds.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"

enum {
    TRACK_CONFIDENCE_MAX = 10000,        /* 1.0000 */
    TRACK_LATITUDE_E7_MAX = 900000000,   /* 90 degrees; the least is the negative of it */
    TRACK_LONGITUDE_E7_MAX = 1800000000, /* 180 degrees, likewise */
    TRACK_ALTITUDE_MM_MAX = 2000000000,  /* 2,000 km, likewise */
    TRACK_VELOCITY_MM_S_MAX = 20000000,  /* 20 km/s along each axis, likewise */
};

struct track_writer {
    struct node_name node;
    uint32_t incarnation; /* a new one whenever the node lost state, and after every eviction */
};

/* A sensor's name or a classification: text_is_label. Zero behind size. */
struct track_label {
    uint8_t size;
    char text[TRACK_LABEL_SIZE_MAX];
};

struct track_position {
    int32_t latitude_e7;  /* 1e-7 degrees, north positive */
    int32_t longitude_e7; /* 1e-7 degrees, east positive */
    int32_t altitude_mm;  /* millimetres above the WGS 84 ellipsoid */
    bool has_velocity;
    int32_t north_mm_s, east_mm_s, up_mm_s; /* zero without velocity */
};

/* confidence is in 1/10000 and thus never a NaN; hlc 0: there is no atom, and all else is zero. */
struct track_position_atom {
    uint64_t hlc;
    uint16_t confidence;
    struct track_position value;
};

struct track_class_atom {
    uint64_t hlc;
    uint16_t confidence;
    struct track_label value;
};

struct track_slot {
    struct track_writer writer;
    uint64_t hlc; /* 1 … HLC_STAMP_MAX, never below an atom's */
    struct track_position_atom position;
    struct track_class_atom classification;
};

struct track_sensor {
    uint64_t hlc; /* never above the newest slot's */
    struct track_label name;
};

struct track {
    uint64_t floor;        /* stamps below it are dead; 0 when the horizon is not below it */
    uint16_t slot_count;   /* ascending by writer */
    uint16_t sensor_count; /* ascending by name */
    struct track_slot slots[TRACK_WRITERS_MAX];
    struct track_sensor sensors[TRACK_SENSORS_MAX];
};

/* What one observation says; what it does not say is left as it is. */
struct track_observation {
    bool has_position, has_classification, has_sensor;
    uint16_t position_confidence;
    uint16_t classification_confidence;
    struct track_position position;
    struct track_label classification;
    struct track_label sensor;
};

/* By name, then by incarnation; <0, 0, >0. */
int track_writer_compare(const struct track_writer *a, const struct track_writer *b);
/* bytes_compare of the texts. */
int track_label_compare(const struct track_label *a, const struct track_label *b);
/* ST_MALFORMED when text_is_label refuses it; *out is untouched then. */
MUST_USE enum status track_label_from(struct bytes text, struct track_label *out);

static inline struct bytes track_label_text(const struct track_label *label)
{
    return bytes_of(label->text, label->size);
}

bool track_position_ok(const struct track_position *position);

/* The least state: nothing is known. */
void track_init(struct track *track);
void track_copy(struct track *to, const struct track *from);
bool track_equal(const struct track *a, const struct track *b);
/* Equal to the least state: the owner may forget it. A removed track is not, until the horizon has
 * passed its stamps. */
bool track_is_empty(const struct track *track);
/* Everything this header says about the form of a state: order, bounds, stamps, values. What comes
 * from a peer or a disk passes here before it is joined (the decoders see to it). */
bool track_valid(const struct track *track);
/* The greatest stamp in the state, the floor included, for hlc_receive; 0 for an empty one. */
uint64_t track_newest_stamp(const struct track *track);

enum track_join_flag {
    TRACK_JOIN_CHANGED = 1,      /* `into` is another state than before */
    TRACK_JOIN_AHEAD = 2,        /* and another than `from`: its sender can learn something */
    TRACK_JOIN_EQUIVOCATION = 4, /* one dot with two values: a cloned or restored node. The value
                                  * with the greater bytes is kept. */
    TRACK_JOIN_CROWDED = 8,      /* too many writers: the floor rose */
};

/* into = into ∨ from, above the horizon. Both are valid; horizon: the greater of the two stores',
 * never less than at the operations before. Returns enum track_join_flag, several or none. */
unsigned track_join(struct track *into, const struct track *from, uint64_t horizon);

/* Drops every atom, slot and sensor whose own stamp is below the horizon. True: changed. */
bool track_apply_horizon(struct track *track, uint64_t horizon);

/* One observation by this writer: its written fields replace all atoms of those fields that are
 * known here. hlc: hlc_now() of a clock that received the newest stamp of this track and the
 * horizon. Errors, with *track untouched: ST_STALE (hlc is not above them), ST_FUTURE (above
 * HLC_STAMP_MAX), ST_MALFORMED (it says nothing, or a value is out of range). */
MUST_USE enum status track_observe(struct track *track, const struct track_writer *writer,
                                   uint64_t hlc, uint64_t horizon,
                                   const struct track_observation *observation);

/* Removes what is known here: clears the atoms, keeps context and sensors. An observation made
 * elsewhere by somebody who did not know of the removal brings the track back. True: changed. */
bool track_remove(struct track *track);

#endif
