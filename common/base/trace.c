/* trace.c - formats one trace line and hands it to the sink. */
#include "common/base/trace.h"

#include <stdarg.h>
#include <stdio.h>

void trace_line(const struct trace *trace, enum trace_level level, const char *format, ...)
{
    if (trace->write == NULL || level < trace->level_min) return;
    char line[TRACE_LINE_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    const int line_size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    INVARIANT(line_size >= 0);
    for (char *at = line; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F) *at = '?';
    }
    trace->write(trace->context, level, line);
}
