/* control_frame.h - messages on the control socket: a 4-byte big-endian length, then that many
 * bytes of a control message (common/wire/control_msg.h).
 *
 * struct byte_queue is the growing buffer of one direction of one connection. It gives its memory
 * back when it runs empty, so that idle clients cost nothing. */
#ifndef HOLDFAST_COMMON_SHELL_CONTROL_FRAME_H
#define HOLDFAST_COMMON_SHELL_CONTROL_FRAME_H

#include "common/base/bounds.h"
#include "common/base/bytes.h"

#define CONTROL_SOCKET_NAME "control.sock"

enum { CONTROL_FRAME_HEAD_SIZE = 4 };

struct byte_queue {
    uint8_t *data;
    size_t start, end, capacity;
};

void byte_queue_clear(struct byte_queue *queue);
static inline size_t byte_queue_size(const struct byte_queue *queue)
{
    return queue->end - queue->start;
}
/* Room for size more bytes behind the queued ones: write at data + end, then raise end.
 * Errors: ST_NO_MEMORY. */
MUST_USE enum status byte_queue_room(struct byte_queue *queue, size_t size);
/* Takes size bytes off the front. */
void byte_queue_drop(struct byte_queue *queue, size_t size);

/* One framed message at the end. Errors: ST_NO_MEMORY. */
MUST_USE enum status control_frame_put(struct byte_queue *queue, struct bytes message);

/* The message at this offset from the front, without its head. Errors: ST_AGAIN (not all there;
 * *missing, may be NULL, is how many bytes at least), ST_TOO_LARGE (longer than
 * CONTROL_MESSAGE_SIZE_MAX: the connection is of no more use). */
MUST_USE enum status control_frame_at(const struct byte_queue *queue, size_t offset,
                                      struct bytes *message, size_t *missing);

/* How many entries an APPEND request says it has, at most limit; 0 for every other request. Only a
 * hint for sizing a batch: the engine decodes the request strictly. */
uint32_t append_request_entries(struct bytes request, uint32_t limit);

/* Is this reply an END? */
bool control_reply_is_end(struct bytes reply);

#endif
