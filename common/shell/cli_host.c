/* cli_host.c - settings and a new database in a program's directory. */
#include "common/shell/cli_host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TEMPLATE_SIZE_MAX = 16 * 1024, FILE_NAME_SIZE = 64 };

enum status cli_settings_open(const struct settings_table *table, const struct state_dir *directory,
                              struct settings **out, struct buf *message)
{
    char path[PATH_MAX];
    state_dir_path(directory, table->file, path);
    TRY(settings_open(table->rows, table->row_count, table->prefix, out));
    TRY(settings_read_path(*out, path, message));
    return settings_environment(*out, environ, message);
}

enum status cli_settings_make(const struct settings_table *table, const struct state_dir *directory,
                              struct buf *message)
{
    uint8_t memory[TEMPLATE_SIZE_MAX];
    struct buf text = buf_of(memory, sizeof memory);
    if (state_dir_has(directory, table->file)) return ST_OK;
    settings_write_template(table->rows, table->row_count, &text);
    INVARIANT(buf_ok(&text));
    return state_dir_write(directory, table->file, 0600, false, buf_bytes(&text), message);
}

enum status cli_reconnect_read(const struct settings *settings, uint32_t *min_ms, uint32_t *max_ms,
                               struct buf *message)
{
    *min_ms = (uint32_t)settings_number(settings, "broker", "reconnect_min_ms");
    *max_ms = (uint32_t)settings_number(settings, "broker", "reconnect_max_ms");
    if (*min_ms <= *max_ms) return ST_OK;
    buf_put_format(message, "reconnect_min_ms %u is above reconnect_max_ms %u in [broker]", *min_ms,
                   *max_ms);
    return ST_SETTINGS;
}

static void new_name(const char *name, const char *suffix, char out[FILE_NAME_SIZE])
{
    const int size = snprintf(out, FILE_NAME_SIZE, "%s.new%s", name, suffix);
    INVARIANT(size > 0 && size < FILE_NAME_SIZE);
}

void cli_database_begin(const struct state_dir *directory, const char *name, char out[PATH_MAX])
{
    static const char *const suffixes[] = {"-wal", "-shm", "-journal", ""};
    char file[FILE_NAME_SIZE];
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        new_name(name, suffixes[i], file);
        unlinkat(directory->fd, file, 0);
    }
    state_dir_path(directory, file, out);
}

enum status cli_database_finish(const struct state_dir *directory, const char *name,
                                struct buf *message)
{
    char file[FILE_NAME_SIZE];
    new_name(name, "", file);
    if (renameat(directory->fd, file, directory->fd, name) == 0 && fsync(directory->fd) == 0)
        return ST_OK;
    buf_put_format(message, "%s/%s cannot be renamed: %s", directory->path, file, strerror(errno));
    return ST_DISK;
}
