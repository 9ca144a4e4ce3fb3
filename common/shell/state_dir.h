/* state_dir.h - the one directory that holds a program's state: opening, creating, and small files
 * in it that are written whole or not at all.
 *
 * All access goes through the open directory, so that a renamed or very long path changes nothing.
 * Every failure leaves one sentence in message that names the path and what mends it. */
#ifndef HOLDFAST_COMMON_SHELL_STATE_DIR_H
#define HOLDFAST_COMMON_SHELL_STATE_DIR_H

#include <limits.h>

#include "common/base/bytes.h"

struct state_dir {
    int fd;
    char path[PATH_MAX]; /* as given, for sentences and for SQLite */
};

/* The directory, made with mode 0700 when it is not there (its parent must be).
 * Errors: ST_DISK, ST_SETTINGS (not a directory, path too long). */
MUST_USE enum status state_dir_create(const char *path, struct state_dir *out, struct buf *message);
/* Errors: ST_NOT_FOUND (sentence: run init), ST_SETTINGS, ST_DISK. */
MUST_USE enum status state_dir_open(const char *path, struct state_dir *out, struct buf *message);
void state_dir_close(struct state_dir *directory);

bool state_dir_has(const struct state_dir *directory, const char *name);
/* "directory/name"; INVARIANT: it fits PATH_MAX, which state_dir_open has made sure of. */
void state_dir_path(const struct state_dir *directory, const char *name, char out[PATH_MAX]);

/* Appends the file's bytes to out. Errors: ST_NOT_FOUND, ST_DISK, ST_TOO_LARGE. */
MUST_USE enum status state_dir_read(const struct state_dir *directory, const char *name,
                                    struct buf *out, struct buf *message);

/* A new file with this mode, on the disk (file and directory synced) before it has its name.
 * replace: an existing one is replaced; otherwise it is ST_CONFLICT. Errors: ST_CONFLICT, ST_FULL,
 * ST_DISK. */
MUST_USE enum status state_dir_write(const struct state_dir *directory, const char *name,
                                     unsigned mode, bool replace, struct bytes content,
                                     struct buf *message);

#endif
