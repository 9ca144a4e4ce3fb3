/* dir_lock.h - one process at a time in a state directory: flock on the file "lock", which also
 * says who holds it. The kernel gives the lock back when the process ends, however it ends. */
#ifndef HOLDFAST_COMMON_SHELL_DIR_LOCK_H
#define HOLDFAST_COMMON_SHELL_DIR_LOCK_H

#include "common/shell/state_dir.h"

struct dir_lock {
    int fd;
};

/* How long a daemon waits for a verb that holds the lock, and how often it looks. */
enum { DIR_LOCK_WAIT_MS_MAX = 2000, DIR_LOCK_STEP_MS = 50 };

/* holder: what to call this process, "edge-bridge run"; a name that ends in " run" is a daemon's.
 * Does not wait, except a daemon for anybody but a daemon: a verb without daemon holds the lock for
 * a moment only, and whoever starts the daemon just then should not have to try again.
 * Errors: ST_BUSY (sentence: who holds it), ST_DISK. */
MUST_USE enum status dir_lock_take(const struct state_dir *directory, const char *holder,
                                   struct dir_lock *out, struct buf *message);
void dir_lock_release(struct dir_lock *lock);

#endif
