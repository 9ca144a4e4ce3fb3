/* time_text.h - a moment as people type it: RFC 3339 ("2026-11-22T16:20:48Z", with or without
 * seconds' fraction, with Z or an offset; a date alone is its midnight in UTC) or unix seconds. */
#ifndef HOLDFAST_COMMON_SHELL_TIME_TEXT_H
#define HOLDFAST_COMMON_SHELL_TIME_TEXT_H

#include "common/base/bytes.h"

/* Milliseconds since 1970. Errors: ST_USAGE with a sentence. */
MUST_USE enum status time_text_read(const char *text, int64_t *out_ms, struct buf *message);

#endif
