/* log_stderr.c - trace lines to stderr. */
#include "common/shell/log_stderr.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LOG_LINE_SIZE_MAX = 2048 };

const char *trace_level_word(enum trace_level level)
{
    static const char *const words[] = {"debug", "info", "warning", "alarm"};
    INVARIANT((size_t)level < COUNT_OF(words));
    return words[level];
}

static void write_line(void *context, enum trace_level level, const char *line)
{
    (void)context;
    struct timespec now;
    struct tm utc;
    char text[LOG_LINE_SIZE_MAX];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    const int wanted = snprintf(text + size, sizeof text - size, ".%03ldZ %s %s\n",
                                now.tv_nsec / 1000000, trace_level_word(level), line);
    if (wanted < 0) return;
    size += (size_t)wanted;
    if (size >= sizeof text) {
        size = sizeof text;
        text[size - 1] = '\n';
    }
    /* A log that cannot be written must not stop the daemon. */
    const ssize_t written = write(STDERR_FILENO, text, size);
    (void)written;
}

struct trace log_stderr(enum trace_level level_min)
{
    return (struct trace){.write = write_line, .level_min = level_min};
}
