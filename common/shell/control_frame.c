/* control_frame.c - framing, queues, and a glance at a message's first bytes. */
#include "common/shell/control_frame.h"

#include <stdlib.h>
#include <string.h>

enum { QUEUE_KEEP_BYTES = 64 * 1024, QUEUE_FIRST_BYTES = 4096 };

void byte_queue_clear(struct byte_queue *queue)
{
    free(queue->data);
    *queue = (struct byte_queue){0};
}

enum status byte_queue_room(struct byte_queue *queue, size_t size)
{
    const size_t used = byte_queue_size(queue);
    if (queue->capacity - queue->end >= size) return ST_OK;
    if (queue->start > 0 && queue->capacity - used >= size) {
        memmove(queue->data, queue->data + queue->start, used);
    } else {
        size_t capacity = queue->capacity > 0 ? queue->capacity : QUEUE_FIRST_BYTES;
        while (capacity < used + size)
            capacity *= 2;
        uint8_t *data = malloc(capacity);
        if (data == NULL) return ST_NO_MEMORY;
        if (used > 0) memcpy(data, queue->data + queue->start, used);
        free(queue->data);
        queue->data = data;
        queue->capacity = capacity;
    }
    queue->start = 0;
    queue->end = used;
    return ST_OK;
}

void byte_queue_drop(struct byte_queue *queue, size_t size)
{
    INVARIANT(size <= byte_queue_size(queue));
    queue->start += size;
    if (queue->start < queue->end) return;
    queue->start = queue->end = 0;
    if (queue->capacity > QUEUE_KEEP_BYTES) byte_queue_clear(queue);
}

enum status control_frame_put(struct byte_queue *queue, struct bytes message)
{
    INVARIANT(message.size <= CONTROL_MESSAGE_SIZE_MAX);
    TRY(byte_queue_room(queue, CONTROL_FRAME_HEAD_SIZE + message.size));
    put_u32(queue->data + queue->end, (uint32_t)message.size);
    memcpy(queue->data + queue->end + CONTROL_FRAME_HEAD_SIZE, message.data, message.size);
    queue->end += CONTROL_FRAME_HEAD_SIZE + message.size;
    return ST_OK;
}

enum status control_frame_at(const struct byte_queue *queue, size_t offset, struct bytes *message,
                             size_t *missing)
{
    INVARIANT(offset <= byte_queue_size(queue));
    const size_t there = byte_queue_size(queue) - offset;
    size_t needed = CONTROL_FRAME_HEAD_SIZE;
    if (there >= needed) {
        const uint8_t *at = queue->data + queue->start + offset;
        const uint32_t size = get_u32(at);
        if (size > CONTROL_MESSAGE_SIZE_MAX) return ST_TOO_LARGE;
        needed += size;
        *message = bytes_of(at + CONTROL_FRAME_HEAD_SIZE, size);
    }
    if (missing != NULL) *missing = there < needed ? needed - there : 0;
    return there < needed ? ST_AGAIN : ST_OK;
}

/* [1, type text, priority, entries array]: 0x94 0x01, a short text, one byte, an array header. */
uint32_t append_request_entries(struct bytes request, uint32_t limit)
{
    const uint8_t *at = request.data;
    size_t text_size;
    size_t from;
    if (request.size < 4 || at[0] != 0x94 || at[1] != 0x01) return 0;
    if (at[2] >= 0xa0 && at[2] <= 0xbf) {
        text_size = at[2] & 0x1fu;
        from = 3;
    } else if (at[2] == 0xd9) {
        text_size = at[3];
        from = 4;
    } else {
        return 0;
    }
    from += text_size + 1;
    uint32_t count = 0;
    if (request.size >= from + 1 && at[from] >= 0x90 && at[from] <= 0x9f)
        count = at[from] & 0x0fu;
    else if (request.size >= from + 3 && at[from] == 0xdc)
        count = get_u16(at + from + 1);
    return count < limit ? count : limit;
}

bool control_reply_is_end(struct bytes reply)
{
    return reply.size >= 2 && reply.data[0] == 0x93 && reply.data[1] == 0x05;
}
