/* intake_check.h - properties of everything that reads publishers' payloads, for any bytes: they
 * are refused with a reason, or what was read is within all bounds, can be written, and is the same
 * when it is read again. A broken one aborts.
 *
 * Unit tests use them on damaged payloads, fuzz targets on arbitrary bytes. The bytes are first
 * copied to a block of exactly their size, so that a sanitizer sees each read beyond the end. */
#ifndef HOLDFAST_TESTS_SUPPORT_INTAKE_CHECK_H
#define HOLDFAST_TESTS_SUPPORT_INTAKE_CHECK_H

#include "common/base/bytes.h"

/* Whether the bytes were accepted. */
typedef bool (*intake_function)(struct bytes in);

bool intake_document(struct bytes in);
bool intake_observation(struct bytes in); /* with "track" or without */
bool intake_config_set(struct bytes in);
/* The first byte chooses the type, what follows is the text. */
bool intake_config_value(struct bytes in);
bool intake_utc_text(struct bytes in);

/* The property for every truncation, every flip of one bit, and one byte more. */
void intake_damage(intake_function holds, struct bytes good);

#endif
