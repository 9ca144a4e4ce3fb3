/* line_reader.c - reading on until there is a line. */
#include "common/shell/line_reader.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { READ_SIZE = 64 * 1024 };

static enum status read_more(struct line_reader *reader)
{
    struct byte_queue *queue = &reader->queue;
    TRY(byte_queue_room(queue, READ_SIZE));
    for (;;) {
        const ssize_t got = read(reader->fd, queue->data + queue->end, READ_SIZE);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return ST_DISK;
        reader->ended = got == 0;
        queue->end += (size_t)got;
        return ST_OK;
    }
}

static struct bytes waiting(const struct line_reader *reader)
{
    const size_t size = byte_queue_size(&reader->queue);
    /* An empty queue may have no memory to point into. */
    return size > 0 ? bytes_of(reader->queue.data + reader->queue.start, size) : BYTES_EMPTY;
}

enum status line_read(struct line_reader *reader, size_t size_max, struct bytes *line)
{
    byte_queue_drop(&reader->queue, reader->given);
    reader->given = 0;
    reader->scanned = 0;
    for (;;) {
        const struct bytes all = waiting(reader);
        const uint8_t *end = all.size > reader->scanned ? memchr(all.data + reader->scanned, '\n',
                                                                 all.size - reader->scanned)
                                                        : NULL;
        const size_t size = end != NULL ? (size_t)(end - all.data) : all.size;
        reader->scanned = all.size;
        if (size > size_max) return ST_TOO_LARGE;
        if (end != NULL || (reader->ended && size > 0)) {
            *line = bytes_of(all.data, size);
            reader->given = end != NULL ? size + 1 : size;
            return ST_OK;
        }
        if (reader->ended) return ST_NOT_FOUND;
        TRY(read_more(reader));
    }
}

bool line_is_ready(const struct line_reader *reader)
{
    const struct bytes all = waiting(reader);
    struct pollfd input = {.fd = reader->fd, .events = POLLIN};
    if (reader->ended) return true;
    if (all.size > reader->given &&
        memchr(all.data + reader->given, '\n', all.size - reader->given) != NULL)
        return true;
    return poll(&input, 1, 0) != 0;
}

enum status whole_read(struct line_reader *reader, size_t size_max, struct bytes *whole)
{
    byte_queue_drop(&reader->queue, reader->given);
    reader->given = 0;
    while (!reader->ended) {
        if (byte_queue_size(&reader->queue) > size_max) return ST_TOO_LARGE;
        TRY(read_more(reader));
    }
    *whole = waiting(reader);
    return ST_OK;
}

void line_reader_close(struct line_reader *reader)
{
    byte_queue_clear(&reader->queue);
}
