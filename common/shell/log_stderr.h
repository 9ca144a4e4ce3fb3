/* log_stderr.h - the trace sink of the daemons: one line an event on stderr, UTC time first, so
 * that a service manager's journal and a plain file both read well:
 *   2026-11-22T16:20:48.123Z warning broker 10.0.0.7:1883: connection lost
 * Safe from several threads: each line is one write. */
#ifndef HOLDFAST_COMMON_SHELL_LOG_STDERR_H
#define HOLDFAST_COMMON_SHELL_LOG_STDERR_H

#include "common/base/trace.h"

struct trace log_stderr(enum trace_level level_min);

/* "debug", "info", "warning" or "alarm", as the setting log.level names them. */
const char *trace_level_word(enum trace_level level);

#endif
