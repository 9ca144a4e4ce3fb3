/* settings.h - a program's settings: one table of rows gives the INI file's keys, the environment
 * variables, --help, and the commented file that init writes.
 *
 * Order: default, file, environment; later ones win. The variable of [broker] host of edge-bridge
 * is EDGE_BRIDGE_BROKER_HOST. A wrong or unknown key is never passed over: it is one sentence that
 * names the file, the line, the key, the value and what is allowed (ST_SETTINGS). An environment
 * variable is ours only when what follows the prefix starts with one of our sections, since
 * container platforms put variables of their own (EDGE_BRIDGE_SERVICE_HOST) beside ours. */
#ifndef HOLDFAST_COMMON_SHELL_SETTINGS_H
#define HOLDFAST_COMMON_SHELL_SETTINGS_H

#include <stdio.h>

#include "common/base/bytes.h"

enum setting_type {
    SETTING_INT,   /* decimal */
    SETTING_BOOL,  /* true, false, yes, no, on, off, 1, 0 */
    SETTING_TEXT,  /* min..max characters */
    SETTING_BYTES, /* a number, with K, M or G (1024) */
    SETTING_MS,    /* a number of milliseconds, or with ms, s, m, h or d */
    SETTING_WORD,  /* one of the words in allowed, parted by spaces; the number is its place */
};

struct setting_row {
    const char *section;
    const char *key;
    enum setting_type type;
    const char *default_text;
    uint64_t min, max;   /* of the number, or of a text's characters */
    const char *allowed; /* SETTING_WORD */
    const char *help;    /* a clause, without full stop */
};

/* A program's settings and the file in its directory that holds them. */
struct settings_table {
    const struct setting_row *rows;
    size_t row_count;
    const char *prefix; /* "EDGE_BRIDGE" */
    const char *file;   /* "edge-bridge.ini" */
};

enum { SETTINGS_MAX = 64, SETTING_TEXT_SIZE_MAX = 512 };

struct settings;

/* rows and prefix ("EDGE_BRIDGE") are borrowed. INVARIANT: the table's defaults are valid. The
 * caller closes *out. Errors: ST_NO_MEMORY. */
MUST_USE enum status settings_open(const struct setting_row *rows, size_t row_count,
                                   const char *prefix, struct settings **out);
void settings_close(struct settings *settings); /* accepts NULL */

/* file_name is for sentences. Errors: ST_SETTINGS. */
MUST_USE enum status settings_read(struct settings *settings, FILE *file, const char *file_name,
                                   struct buf *message);
/* Opens the path. Errors: ST_SETTINGS (missing too). */
MUST_USE enum status settings_read_path(struct settings *settings, const char *path,
                                        struct buf *message);
/* environment: as environ. Errors: ST_SETTINGS. */
MUST_USE enum status settings_environment(struct settings *settings, char *const *environment,
                                          struct buf *message);

/* INVARIANT: there is such a row, of a fitting type. */
uint64_t settings_number(const struct settings *settings, const char *section, const char *key);
bool settings_flag(const struct settings *settings, const char *section, const char *key);
/* "" when not set; lives as long as settings. */
const char *settings_text(const struct settings *settings, const char *section, const char *key);

/* What init writes: each key, commented out, with its default, unit and help. */
void settings_write_template(const struct setting_row *rows, size_t row_count, struct buf *out);
/* The keys for --help. */
void settings_print_help(const struct setting_row *rows, size_t row_count, const char *prefix,
                         FILE *out);

#endif
