/* settings.c - reading settings: table, values, INI file, environment. */
#include "common/shell/settings.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "common/shell/settings_value.h"

struct settings {
    const struct setting_row *rows;
    size_t row_count;
    const char *prefix;
    struct setting_value values[SETTINGS_MAX];
    unsigned lines[SETTINGS_MAX]; /* of the file being read: 0 while the key has not come */
};

enum status settings_open(const struct setting_row *rows, size_t row_count, const char *prefix,
                          struct settings **out)
{
    struct settings *settings = calloc(1, sizeof *settings);
    *out = settings;
    if (settings == NULL) return ST_NO_MEMORY;
    INVARIANT(row_count <= SETTINGS_MAX);
    settings->rows = rows;
    settings->row_count = row_count;
    settings->prefix = prefix;
    for (size_t i = 0; i < row_count; i++)
        INVARIANT(setting_value_parse(&rows[i], rows[i].default_text, &settings->values[i]));
    return ST_OK;
}

void settings_close(struct settings *settings)
{
    free(settings);
}

static size_t row_find(const struct settings *settings, const char *section, const char *key)
{
    for (size_t i = 0; i < settings->row_count; i++) {
        if (strcmp(settings->rows[i].section, section) == 0 &&
            strcmp(settings->rows[i].key, key) == 0)
            return i;
    }
    return SETTINGS_MAX;
}

static const struct setting_value *value_of(const struct settings *settings, const char *section,
                                            const char *key)
{
    const size_t i = row_find(settings, section, key);
    INVARIANT(i < SETTINGS_MAX);
    return &settings->values[i];
}

uint64_t settings_number(const struct settings *settings, const char *section, const char *key)
{
    return value_of(settings, section, key)->number;
}

bool settings_flag(const struct settings *settings, const char *section, const char *key)
{
    return value_of(settings, section, key)->number != 0;
}

const char *settings_text(const struct settings *settings, const char *section, const char *key)
{
    return value_of(settings, section, key)->text;
}

/* The INI file. */

struct reading {
    struct settings *settings;
    FILE *file;
    const char *file_name;
    unsigned line;
    bool too_long;
    struct buf *message;
    bool refused;
};

/* fgets that counts lines, since Debian's inih does not tell them to its handler. */
static char *line_read(char *out, int size, void *stream)
{
    struct reading *reading = stream;
    if (reading->refused || fgets(out, size, reading->file) == NULL) return NULL;
    reading->line++;
    const size_t got = strlen(out);
    if (got + 1 == (size_t)size && out[got - 1] != '\n') {
        reading->refused = true;
        buf_put_format(reading->message, "%s, line %u: longer than %d characters",
                       reading->file_name, reading->line, size - 2);
    }
    return out;
}

static void say_unknown(const struct reading *reading, const char *section, const char *key)
{
    bool known_section = false;
    buf_put_format(reading->message, "%s, line %u: unknown key %s in section [%s]; ",
                   reading->file_name, reading->line, key, section);
    for (size_t i = 0; i < reading->settings->row_count; i++) {
        const struct setting_row *row = &reading->settings->rows[i];
        if (strcmp(row->section, section) != 0) continue;
        buf_put_text(reading->message, known_section ? ", " : "allowed here: ");
        buf_put_text(reading->message, row->key);
        known_section = true;
    }
    const char *last = "";
    if (!known_section) buf_put_text(reading->message, "there is no such section, only");
    for (size_t i = 0; !known_section && i < reading->settings->row_count; i++) {
        const struct setting_row *row = &reading->settings->rows[i];
        if (strcmp(row->section, last) != 0)
            buf_put_format(reading->message, " [%s]", row->section);
        last = row->section;
    }
}

static int pair_read(void *context, const char *section, const char *key, const char *value)
{
    struct reading *reading = context;
    struct settings *settings = reading->settings;
    if (reading->refused) return 0;
    const size_t i = row_find(settings, section, key);
    reading->refused = true;
    if (i == SETTINGS_MAX) {
        say_unknown(reading, section, key);
        return 0;
    }
    if (settings->lines[i] != 0) {
        buf_put_format(reading->message,
                       "%s, line %u: %s in section [%s] is set twice, first in "
                       "line %u",
                       reading->file_name, reading->line, key, section, settings->lines[i]);
        return 0;
    }
    settings->lines[i] = reading->line;
    if (!setting_value_parse(&settings->rows[i], value, &settings->values[i])) {
        buf_put_format(reading->message, "%s, line %u: ", reading->file_name, reading->line);
        setting_value_refuse(&settings->rows[i], key, value, reading->message);
        return 0;
    }
    reading->refused = false;
    return 1;
}

enum status settings_read(struct settings *settings, FILE *file, const char *file_name,
                          struct buf *message)
{
    struct reading reading = {
        .settings = settings, .file = file, .file_name = file_name, .message = message};
    memset(settings->lines, 0, sizeof settings->lines);
    const int line = ini_parse_stream(line_read, &reading, pair_read, &reading);
    if (reading.refused) return ST_SETTINGS;
    if (line != 0) {
        buf_put_format(message,
                       "%s, line %d: neither a [section] nor \"key = value\" nor a comment",
                       file_name, line);
        return ST_SETTINGS;
    }
    return ST_OK;
}

enum status settings_read_path(struct settings *settings, const char *path, struct buf *message)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        buf_put_format(message, "the settings file %s cannot be read: %s", path, strerror(errno));
        return ST_SETTINGS;
    }
    const enum status status = settings_read(settings, file, path, message);
    fclose(file);
    return status;
}

/* The environment. */

/* "BROKER_HOST" for broker, host; false when it does not fit. */
static bool variable_name(const char *section, const char *key, char *out, size_t out_size)
{
    const int size = snprintf(out, out_size, "%s_%s", section, key);
    if (size < 0 || (size_t)size >= out_size) return false;
    for (char *c = out; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    return true;
}

/* Does the variable (without the prefix) name one of our sections? */
static bool section_is_ours(const struct settings *settings, const char *name, size_t name_size)
{
    for (size_t i = 0; i < settings->row_count; i++) {
        char section[64];
        if (!variable_name(settings->rows[i].section, "", section, sizeof section)) continue;
        const size_t size = strlen(section);
        if (name_size > size && strncmp(section, name, size) == 0) return true;
    }
    return false;
}

static enum status variable_read(struct settings *settings, const char *variable,
                                 struct buf *message)
{
    const size_t prefix_size = strlen(settings->prefix);
    const char *equals = strchr(variable, '=');
    if (equals == NULL || strncmp(variable, settings->prefix, prefix_size) != 0 ||
        variable[prefix_size] != '_')
        return ST_OK;
    const char *name = variable + prefix_size + 1;
    const size_t name_size = equals > name ? (size_t)(equals - name) : 0;
    for (size_t i = 0; i < settings->row_count; i++) {
        const struct setting_row *row = &settings->rows[i];
        char wanted[128];
        if (!variable_name(row->section, row->key, wanted, sizeof wanted)) continue;
        if (strlen(wanted) != name_size || strncmp(wanted, name, name_size) != 0) continue;
        if (setting_value_parse(row, equals + 1, &settings->values[i])) return ST_OK;
        buf_put_format(message, "environment variable %.*s: ", (int)(equals - variable), variable);
        setting_value_refuse(row, row->key, equals + 1, message);
        return ST_SETTINGS;
    }
    if (!section_is_ours(settings, name, name_size)) return ST_OK;
    buf_put_format(message, "environment variable %.*s: there is no such setting; see --help",
                   (int)(equals - variable), variable);
    return ST_SETTINGS;
}

enum status settings_environment(struct settings *settings, char *const *environment,
                                 struct buf *message)
{
    for (size_t i = 0; environment[i] != NULL; i++)
        TRY(variable_read(settings, environment[i], message));
    return ST_OK;
}
