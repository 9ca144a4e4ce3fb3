/* line_reader.h - a file as lines or as a whole, in bounded memory. */
#ifndef HOLDFAST_COMMON_SHELL_LINE_READER_H
#define HOLDFAST_COMMON_SHELL_LINE_READER_H

#include "common/shell/control_frame.h"

struct line_reader {
    int fd; /* borrowed */
    bool ended;
    size_t given;   /* bytes of the last line, with its line feed */
    size_t scanned; /* bytes behind given that hold no line feed */
    struct byte_queue queue;
};

/* The next line without its line feed; the last one needs none. Valid until the next call.
 * Errors: ST_NOT_FOUND (the end), ST_TOO_LARGE (longer than size_max), ST_DISK, ST_NO_MEMORY. */
MUST_USE enum status line_read(struct line_reader *reader, size_t size_max, struct bytes *line);

/* The next line, or the end, can be given without waiting for more input. */
bool line_is_ready(const struct line_reader *reader);

/* All that is left. Errors: ST_TOO_LARGE, ST_DISK, ST_NO_MEMORY. */
MUST_USE enum status whole_read(struct line_reader *reader, size_t size_max, struct bytes *whole);

void line_reader_close(struct line_reader *reader);

#endif
