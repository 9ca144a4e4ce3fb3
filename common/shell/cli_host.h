/* cli_host.h - what both programs do when they open or make their directory: settings from file and
 * environment, the commented settings file of init, and a database that gets its name only when it
 * is whole, so that an init that was interrupted is simply run again. */
#ifndef HOLDFAST_COMMON_SHELL_CLI_HOST_H
#define HOLDFAST_COMMON_SHELL_CLI_HOST_H

#include "common/shell/settings.h"
#include "common/shell/state_dir.h"

/* Defaults, file, environment. The caller closes *out, also after an error. Errors: ST_SETTINGS,
 * ST_NO_MEMORY. */
MUST_USE enum status cli_settings_open(const struct settings_table *table,
                                       const struct state_dir *directory, struct settings **out,
                                       struct buf *message);
/* The commented file with all defaults, unless there is one. Errors: as state_dir_write. */
MUST_USE enum status cli_settings_make(const struct settings_table *table,
                                       const struct state_dir *directory, struct buf *message);

/* The pauses before connecting again, of the section [broker]. Errors: ST_SETTINGS (the shortest is
 * longer than the longest). */
MUST_USE enum status cli_reconnect_read(const struct settings *settings, uint32_t *min_ms,
                                        uint32_t *max_ms, struct buf *message);

/* A path for a database to be made at; what an interrupted attempt left there is removed. */
void cli_database_begin(const struct state_dir *directory, const char *name, char out[PATH_MAX]);
/* Gives it its name. Errors: ST_DISK. */
MUST_USE enum status cli_database_finish(const struct state_dir *directory, const char *name,
                                         struct buf *message);

#endif
