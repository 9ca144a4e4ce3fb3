/* text.h - what counts as text inside a value: UTF-8, a label, a JSON document.
 *
 * Checked where a value is made and where one is decoded, so that nothing is stored that a message
 * could not carry unchanged or a terminal could be upset by. */
#ifndef HOLDFAST_COMMON_DATA_TEXT_H
#define HOLDFAST_COMMON_DATA_TEXT_H

#include "common/base/bounds.h"
#include "common/base/bytes.h"

/* Well-formed UTF-8 (no surrogates, no longer form than needed) without NUL; empty is fine. */
bool text_is_utf8(struct bytes text);

/* UTF-8 of 1 … TRACK_LABEL_SIZE_MAX bytes without control characters. */
bool text_is_label(struct bytes text);

/* Exactly one JSON value (RFC 8259) in UTF-8, at most CONFIG_JSON_DEPTH_MAX arrays and objects
 * deep. Only the grammar is judged: names that repeat in an object and lone \u surrogates pass. */
bool text_is_json(struct bytes text);

#endif
