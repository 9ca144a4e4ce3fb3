/* track_codec.h - the canonical bytes of a track's state: what stores keep and digests cover.
 *
 * Equal states have equal bytes, and no other bytes decode. The track's name and the horizon are
 * not inside. Big-endian:
 *   1 form = 1 | 8 floor | 2 slot count | 2 sensor count
 *   each slot, ascending by writer:
 *     1 name size | name | 4 incarnation | 8 hlc | 1 flags: bit 0 position, bit 1 velocity (only
 *     with bit 0), bit 2 classification; others 0
 *     position: 8 hlc | 2 confidence | 4 latitude_e7 | 4 longitude_e7 | 4 altitude_mm
 *       velocity: 4 north_mm_s | 4 east_mm_s | 4 up_mm_s
 *     classification: 8 hlc | 2 confidence | 1 size | text
 *   each sensor, ascending by name: 1 size | text | 8 hlc
 * and track_valid. A track of two writers is some 150 bytes; on the wire see track_msg.h. */
#ifndef HOLDFAST_COMMON_DATA_TRACK_CODEC_H
#define HOLDFAST_COMMON_DATA_TRACK_CODEC_H

#include "common/data/track.h"

enum {
    TRACK_SLOT_BYTES_MAX =
        1 + NODE_NAME_SIZE - 1 + 4 + 8 + 1 + (8 + 2 + 6 * 4) + (8 + 2 + 1 + TRACK_LABEL_SIZE_MAX),
    TRACK_SENSOR_BYTES_MAX = 1 + TRACK_LABEL_SIZE_MAX + 8,
    TRACK_BYTES_MAX =
        13 + TRACK_WRITERS_MAX * TRACK_SLOT_BYTES_MAX + TRACK_SENSORS_MAX * TRACK_SENSOR_BYTES_MAX,
};

/* The track is valid. Ask buf_ok(out). */
void track_encode(const struct track *track, struct buf *out);

/* Errors: ST_TOO_LARGE (more writers or sensors than a track may have), ST_MALFORMED; *out is
 * undefined then. */
MUST_USE enum status track_decode(struct bytes bytes, struct track *out);

#endif
