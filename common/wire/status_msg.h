/* status_msg.h - "online" or "offline, and why" (FRAME_STATUS, retained, also as last will).
 * A hint for people and for pacing; nothing ever stops or prunes because of it alone.
 *   0 online bool | 1 reason text, 0..STATUS_REASON_SIZE_MAX bytes | 2 wall_ms int
 *   3 software text, e.g. "edge-bridge 0.1.0" */
#ifndef HOLDFAST_COMMON_WIRE_STATUS_MSG_H
#define HOLDFAST_COMMON_WIRE_STATUS_MSG_H

#include "common/wire/pack.h"

enum { STATUS_REASON_SIZE_MAX = 200, STATUS_SOFTWARE_SIZE_MAX = 64 };

struct status_report {
    bool online;
    struct bytes reason;
    int64_t wall_ms;
    struct bytes software;
};

void status_msg_encode(const struct status_report *report, struct buf *out);
MUST_USE enum status status_msg_decode(struct unpacker *unpacker, struct bytes body,
                                       struct status_report *out);

#endif
