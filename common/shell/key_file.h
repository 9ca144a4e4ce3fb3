/* key_file.h - the secret seed of a node or cloud in its directory: file "key", 64 hex digits and a
 * line feed, mode 0600. Written once, on the disk before init says so; never overwritten. */
#ifndef HOLDFAST_COMMON_SHELL_KEY_FILE_H
#define HOLDFAST_COMMON_SHELL_KEY_FILE_H

#include "common/crypto/sign.h"
#include "common/shell/state_dir.h"

#define KEY_FILE_NAME "key"

/* Draws a new seed and writes it. Errors: ST_CONFLICT (there is a key), ST_FULL, ST_DISK. */
MUST_USE enum status key_file_create(const struct state_dir *directory, struct buf *message);

/* The key pair; the caller closes *out. Errors: ST_SETTINGS (missing, readable by others, not 64
 * hex digits), ST_DISK, ST_NO_MEMORY. */
MUST_USE enum status key_file_open(const struct state_dir *directory, struct secret_key **out,
                                   struct buf *message);

#endif
