/* nack_msg.h - an authentic frame of tracks or config that the cloud did not take (FRAME_NACK,
 * cloud -> edge, {node}/down/sync), with the cloud's clock, so that a node whose clock is wrong can
 * heal. A lost one is made good: what was refused for its time comes again and is refused again.
 *
 * Array 8:
 *   0 nonce    bin 16   of the connection, as the node's hello gave it
 *   1 lane     uint     enum nack_lane: what was refused
 *   2 reason   uint     enum nack_reason
 *   3 from     uint     tracks: the batch's change numbers; config: operation numbers
 *   4 to       uint     >= from
 *   5 cloud_ms int      the cloud's wall clock
 *   6 admitted uint     <= HLC_STAMP_MAX, as in a hello's reply
 *   7 words    text     0..NACK_WORDS_SIZE_MAX bytes: a clause for people
 * from and to are at most PACK_SEQUENCE_MAX. */
#ifndef HOLDFAST_COMMON_WIRE_NACK_MSG_H
#define HOLDFAST_COMMON_WIRE_NACK_MSG_H

#include "common/base/ids.h"
#include "common/wire/pack.h"

enum { NACK_WORDS_SIZE_MAX = 200 };

enum nack_lane { NACK_TRACKS = 1, NACK_CONFIG = 2, NACK_LANE_MAX = 2 };

enum nack_reason {
    NACK_FUTURE = 1,    /* a stamp is too far in the future: set the clock right, stamp anew */
    NACK_DENIED = 2,    /* config: not admitted; the acknowledgement says which and why */
    NACK_MALFORMED = 3, /* the body cannot be read: a fault of the sender's, or another version */
    NACK_REASON_MAX = 3,
};

struct nack {
    struct nonce nonce;
    enum nack_lane lane;
    enum nack_reason reason;
    uint64_t from, to;
    int64_t cloud_ms;
    uint64_t admitted;
    struct bytes words; /* decoded: borrowed from the body */
};

void nack_msg_encode(const struct nack *nack, struct buf *out);
/* Errors: ST_MALFORMED. */
MUST_USE enum status nack_msg_decode(struct unpacker *unpacker, struct bytes body,
                                     struct nack *out);

#endif
