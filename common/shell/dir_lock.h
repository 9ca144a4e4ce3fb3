/* dir_lock.h - one process at a time in a state directory: flock on the file "lock", which also
 * says who holds it. The kernel gives the lock back when the process ends, however it ends. */
#ifndef HOLDFAST_COMMON_SHELL_DIR_LOCK_H
#define HOLDFAST_COMMON_SHELL_DIR_LOCK_H

#include "common/shell/state_dir.h"

struct dir_lock {
    int fd;
};

/* holder: what to call this process, "edge-bridge run". Does not wait. Errors: ST_BUSY (sentence:
 * who holds it), ST_DISK. */
MUST_USE enum status dir_lock_take(const struct state_dir *directory, const char *holder,
                                   struct dir_lock *out, struct buf *message);
void dir_lock_release(struct dir_lock *lock);

#endif
