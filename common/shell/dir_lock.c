/* dir_lock.c - the lock of a state directory. */
#include "common/shell/dir_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { HOLDER_SIZE_MAX = 128 };

static bool ends_in(const char *text, const char *end)
{
    const size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && memcmp(text + size - end_size, end, end_size) == 0;
}

/* Empty when the holder has not written its name yet. */
static void holder_read(int fd, char *holder)
{
    const ssize_t got = pread(fd, holder, HOLDER_SIZE_MAX - 1, 0);
    holder[got > 0 ? got : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
}

/* 0, or the errno of the last attempt. */
static int lock_within(int fd, uint32_t wait_ms, char *holder)
{
    const struct timespec step = {.tv_nsec = DIR_LOCK_STEP_MS * 1000000};
    for (uint32_t waited_ms = 0;; waited_ms += DIR_LOCK_STEP_MS) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) return 0;
        const int error = errno;
        holder_read(fd, holder);
        if (error != EWOULDBLOCK || waited_ms >= wait_ms || ends_in(holder, " run)")) return error;
        nanosleep(&step, NULL);
    }
}

enum status dir_lock_take(const struct state_dir *directory, const char *holder,
                          struct dir_lock *out, struct buf *message)
{
    char other[HOLDER_SIZE_MAX];
    *out = (struct dir_lock){.fd = -1};
    const int fd = openat(directory->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        buf_put_format(message, "%s/lock cannot be opened: %s", directory->path, strerror(errno));
        return ST_DISK;
    }
    const int error = lock_within(fd, ends_in(holder, " run") ? DIR_LOCK_WAIT_MS_MAX : 0, other);
    if (error != 0) {
        close(fd);
        if (error != EWOULDBLOCK) {
            buf_put_format(message, "%s/lock cannot be locked: %s", directory->path,
                           strerror(error));
            return ST_DISK;
        }
        buf_put_format(message, "%s is in use by %s; end it first, or use another --dir",
                       directory->path, other[0] != '\0' ? other : "another process");
        return ST_BUSY;
    }
    char text[HOLDER_SIZE_MAX];
    const int size = snprintf(text, sizeof text, "process %ld (%s)\n", (long)getpid(), holder);
    /* The name is a courtesy to whoever is refused; the lock itself holds without it. */
    if (ftruncate(fd, 0) == 0 && size > 0) {
        const ssize_t written = pwrite(fd, text, strlen(text), 0);
        (void)written;
    }
    out->fd = fd;
    return ST_OK;
}

void dir_lock_release(struct dir_lock *lock)
{
    if (lock->fd < 0) return;
    /* The name goes first: the next holder must not be taken for this one before it has written
     * its own. */
    const int emptied = ftruncate(lock->fd, 0);
    (void)emptied;
    close(lock->fd);
    lock->fd = -1;
}
