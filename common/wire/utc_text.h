/* utc_text.h - a moment as text: RFC 3339 in UTC, "2026-11-22T16:20:48.123Z". */
#ifndef HOLDFAST_COMMON_WIRE_UTC_TEXT_H
#define HOLDFAST_COMMON_WIRE_UTC_TEXT_H

#include "common/base/bytes.h"

/* 9999-12-31T23:59:59.999Z; the years 1970 to 9999 are all that is written and read. */
#define UTC_TEXT_MS_MAX INT64_C(253402300799999)

/* Milliseconds since 1970, 0 … UTC_TEXT_MS_MAX, always with three digits behind the second. */
void utc_text_put(int64_t wall_ms, struct buf *out);

/* Date, "T", time, any fraction (what is below a millisecond is cut off), and "Z" or an offset of
 * zero ("+00:00"). A 60th second, a leap second's, is the first one of the next minute. Errors:
 * ST_MALFORMED. */
MUST_USE enum status utc_text_read(struct bytes text, int64_t *out_ms);

#endif
