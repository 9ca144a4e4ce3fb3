/* settings_value.h - one setting's value: from text, and the sentence when the text is wrong. */
#ifndef HOLDFAST_COMMON_SHELL_SETTINGS_VALUE_H
#define HOLDFAST_COMMON_SHELL_SETTINGS_VALUE_H

#include "common/shell/settings.h"

struct setting_value {
    uint64_t number; /* INT, BYTES, MS (in ms), BOOL (0 or 1), WORD (its place) */
    char text[SETTING_TEXT_SIZE_MAX];
};

/* False when the text is not allowed; *out is untouched then. */
bool setting_value_parse(const struct setting_row *row, const char *text,
                         struct setting_value *out);
/* "port must be a whole number from 1 to 65535, not \"70000\"". */
void setting_value_refuse(const struct setting_row *row, const char *key, const char *text,
                          struct buf *message);

#endif
