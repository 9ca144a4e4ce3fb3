/* status.c - names, classes and words of enum status, all from the one table in status.h. */
#include "common/base/status.h"

#include "common/base/check.h"

struct status_row {
    enum status_class class;
    int exit_code;
    const char *name;
    const char *words;
};

#define STATUS_AS_ROW(name_, class_, exit_, words_)                                                \
    [name_] = {STATUS_CLASS_##class_, exit_, #name_, words_},
static const struct status_row status_rows[STATUS_COUNT] = {STATUS_MAP(STATUS_AS_ROW)};
#undef STATUS_AS_ROW

static const struct status_row *row_of(enum status status)
{
    INVARIANT(status >= ST_OK && status < STATUS_COUNT);
    return &status_rows[status];
}

enum status_class status_class_of(enum status status)
{
    return row_of(status)->class;
}

int status_exit_code(enum status status)
{
    return row_of(status)->exit_code;
}

const char *status_words(enum status status)
{
    return row_of(status)->words;
}

const char *status_name(enum status status)
{
    return row_of(status)->name;
}
