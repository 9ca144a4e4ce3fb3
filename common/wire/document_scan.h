/* document_scan.h - the bounds of document.h, checked on the bare bytes; a part of document.c. */
#ifndef HOLDFAST_COMMON_WIRE_DOCUMENT_SCAN_H
#define HOLDFAST_COMMON_WIRE_DOCUMENT_SCAN_H

#include "common/base/bytes.h"

/* Depth and values of what may be JSON; its grammar is for the parser. *fault: a clause, when the
 * status is not ST_OK. Errors: ST_TOO_LARGE. */
MUST_USE enum status document_scan_json(struct bytes text, const char **fault);

/* Exactly one MessagePack value by all rules but one: whether names repeat. Errors: ST_MALFORMED,
 * ST_TOO_LARGE. */
MUST_USE enum status document_scan_pack(struct bytes bytes, const char **fault);

#endif
