/* track_msg.h - a batch of whole tracks (FRAME_TRACKS, {node}/up/tracks and {node}/down/tracks).
 *
 * Body, a canonical MessagePack array:
 *   # field     type   bound, "valid iff"
 *   0 from      uint   } the sender's change numbers: with these tracks the receiver knows all of
 *   1 to        uint   } its changes after `from` up to and including `to`; from <= to
 *                          } and both <= PACK_SEQUENCE_MAX
 *   2 base_ms   uint   stamps below count back from here; none is newer
 *   3 horizon   uint   the sender's, <= HLC_STAMP_MAX
 *   4 writers   array 0..TRACK_BATCH_WRITERS_MAX of array 2 [node text, incarnation uint32]
 *   5 labels    array 0..TRACK_BATCH_LABELS_MAX of text: sensors and classifications
 *   6 records   bin    the tracks, one behind the other
 * Both tables hold each item once, in the order in which the records first name it.
 *
 * A record; a number is a varint: 7 bits a byte, low ones first, the high bit says that more
 * follow, no longer than needed:
 *   size number, name: the track's (ids_level_name_ok)
 *   slot count << 1 | has a floor; if so: floor >> 16, floor & 0xFFFF
 *   each slot, ascending by writer: writer's index | flags byte | stamp
 *     flag 1 position: [8: stamp] confidence | 4 latitude | 4 longitude (two's complement,
 *       big-endian) | altitude (zigzag) | [2 velocity: north, east, up (zigzag)]
 *     flag 4 classification: [16: stamp] confidence | label's index
 *     With flag 8 or 16 the atom is older than its slot's stamp and has its own.
 *   sensor count; each sensor, ascending by name: label's index | age
 * A slot's stamp counts back from base_ms, an atom's own one from its slot's: milliseconds back
 * << 1 | has a counter; if so: the counter. A sensor's age is 0 for the newest slot's stamp, else
 * its stamp counted back from that one, the first number plus 1.
 *
 * A track of one writer takes some 36 bytes, one of two writers 50 to 65. */
#ifndef HOLDFAST_COMMON_WIRE_TRACK_MSG_H
#define HOLDFAST_COMMON_WIRE_TRACK_MSG_H

#include "common/data/track.h"
#include "common/wire/pack.h"

struct track_batch_head {
    uint64_t from_change, to_change;
    uint64_t base_ms;
    uint64_t horizon;
};

enum {
    TRACK_BATCH_PLACES = 4096, /* of a hash table that is never more than a quarter full */
    TRACK_BATCH_HEAD_SIZE_MAX = 64,
    /* A body with one track of the largest size. */
    TRACK_BATCH_SIZE_MIN = 24 * 1024,
};

/* What records name by index. Places hold index + 1, by open addressing; 0: free. */
struct track_batch_tables {
    size_t writer_count;
    size_t label_count;
    struct track_writer writers[TRACK_BATCH_WRITERS_MAX];
    struct track_label labels[TRACK_BATCH_LABELS_MAX];
    uint16_t writer_places[TRACK_BATCH_PLACES];
    uint16_t label_places[TRACK_BATCH_PLACES];
};

/* Incremental encoder. Large (about 120 KiB): allocate it once, at open. */
struct track_batch_writer {
    uint64_t base_ms;
    size_t track_count;
    size_t table_bytes; /* bound of the packed tables */
    struct buf records;
    struct track_batch_tables tables;
};

/* scratch: memory for the records. base_ms: not below the milliseconds of any stamp to come; the
 * sender's clock received them all, so hlc_ms(clock.last) serves, and the closer the shorter. */
void track_batch_begin(struct track_batch_writer *writer, uint64_t base_ms, void *scratch,
                       size_t capacity);

/* Adds a valid track, whole. ST_FULL, with nothing added, when the body would exceed size_max or
 * the scratch: send what there is and begin anew. With size_max >= TRACK_BATCH_SIZE_MIN the first
 * track always fits. ST_FUTURE: a stamp is above base_ms. */
MUST_USE enum status track_batch_add(struct track_batch_writer *writer,
                                     const struct level_name *name, const struct track *track,
                                     size_t size_max);

/* head->base_ms is taken from the writer. Ask buf_ok(out). */
void track_msg_encode(const struct track_batch_head *head, const struct track_batch_writer *writer,
                      struct buf *out);

/* A decoded batch. Large (about 120 KiB): allocate it once, at open. */
struct track_batch {
    struct track_batch_head head;
    size_t track_count;
    struct bytes records; /* borrowed from the body */
    struct track_batch_tables tables;
};

/* Checks every record, so that a batch is taken whole or not at all; track is scratch. Whether the
 * stamps are lawful (horizon, future) is the receiver's question. Errors: ST_MALFORMED,
 * ST_TOO_LARGE (a track with more writers or sensors than one may have, or a table too long),
 * ST_NO_MEMORY. */
MUST_USE enum status track_msg_decode(struct unpacker *unpacker, struct bytes body,
                                      struct track *scratch, struct track_batch *out);

/* The record at *offset, which then is that of the next one; begin with 0. False: there are no
 * more. The batch came out of track_msg_decode, and the body still lives. */
bool track_batch_next(const struct track_batch *batch, size_t *offset, struct level_name *name,
                      struct track *track);

#endif
