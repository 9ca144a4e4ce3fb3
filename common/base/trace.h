/* trace.h - one-line trace events to an injected sink.
 *
 * Engines tell what happened ("resend 3 entries from 8"), never how to show it. In the daemons the
 * sink writes a log line, in the simulator it is hashed, so that "same seed, same trace" is one
 * comparison. */
#ifndef HOLDFAST_COMMON_BASE_TRACE_H
#define HOLDFAST_COMMON_BASE_TRACE_H

#include "common/base/check.h"

enum trace_level {
    TRACE_DEBUG,   /* for somebody who looks for a fault */
    TRACE_INFO,    /* an operator wants to know */
    TRACE_WARNING, /* an operator should look, nothing is lost */
    TRACE_ALARM,   /* an operator must act */
};

struct trace {
    void (*write)(void *context, enum trace_level level, const char *line); /* NULL: silent */
    void *context;
    enum trace_level level_min;
};

enum { TRACE_LINE_SIZE_MAX = 512 }; /* with the NUL; a longer line is cut */

/* One line whatever the arguments hold: a control character in it is written as "?", so that a
 * peer's text can never start a line of its own in somebody's log. */
void trace_line(const struct trace *trace, enum trace_level level, const char *format, ...)
    PRINTF_LIKE(3, 4);

#endif
