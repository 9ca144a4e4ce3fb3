/* observation.h - what a local sensor says of a track, as publishers send it (local/track/{track},
 * `track put`): one JSON or MessagePack object (document.h) with these members and no others.
 *
 *   position                   {"lat","lon","alt"}: degrees north and east, -90..90 and -180..180;
 *                              metres above the WGS 84 ellipsoid, within 2,000,000, 0 when missing
 *   position_confidence        0.0..1.0, 0.5 when missing; only with a position
 *   velocity                   {"north","east","up"}: metres per second along each axis, within
 *                              20,000, up 0 when missing; only with a position
 *   classification             text_is_label
 *   classification_confidence  0.0..1.0, 0.5 when missing; only with a classification
 *   sensor                     text_is_label: who saw it
 *   time                       when: RFC 3339 in UTC, or milliseconds since 1970 (utc_text.h)
 *
 * At least one of position, classification and sensor must be there. Numbers may be integers or
 * reals; they are rounded to 1e-7 degrees, millimetres, mm/s and 1/10000. A null is not the same as
 * a missing member: it is refused. */
#ifndef HOLDFAST_COMMON_WIRE_OBSERVATION_H
#define HOLDFAST_COMMON_WIRE_OBSERVATION_H

#include "common/data/track.h"
#include "common/wire/document.h"

enum { OBSERVATION_CONFIDENCE_DEFAULT = TRACK_CONFIDENCE_MAX / 2 };

struct observation {
    struct track_observation said;
    bool has_time;
    int64_t time_ms; /* since 1970, 0 … UTC_TEXT_MS_MAX; 0 without time */
};

/* reason: gets a clause that names the member, its fault and the bound ("position.lat is 91.2: -90
 * to 90 is allowed") when the status is not ST_OK; DOCUMENT_REASON_SIZE_MAX bytes free, or NULL.
 * Errors, with *out undefined: ST_MALFORMED, ST_TOO_LARGE, ST_NO_MEMORY. */
MUST_USE enum status observation_read(struct bytes payload, struct observation *out,
                                      struct buf *reason);

/* The same with one member more that must be there, "track": the name, where no topic says it. */
MUST_USE enum status observation_read_named(struct bytes payload, struct level_name *track,
                                            struct observation *out, struct buf *reason);

/* One line of JSON without line end, the same for equal observations; what was read comes back when
 * it is read again. track: member "track" in front, NULL: without. time_ms: of the member "time",
 * 0 … UTC_TEXT_MS_MAX, negative: without. */
enum { OBSERVATION_JSON_SIZE_MAX = 2048 };
void observation_write_json(const struct level_name *track,
                            const struct track_observation *observation, int64_t time_ms,
                            struct buf *out);

/* value / 10^digits in as few digits as say it exactly: (481000000, 7) is "48.1", (0, 3) is "0". */
void decimal_put(int64_t value, unsigned digits, struct buf *out);

#endif
