/* dir_lock.c - the lock of a state directory. */
#include "common/shell/dir_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { HOLDER_SIZE_MAX = 128 };

static void say_who(int fd, const struct state_dir *directory, struct buf *message)
{
    char holder[HOLDER_SIZE_MAX];
    const ssize_t got = pread(fd, holder, sizeof holder - 1, 0);
    holder[got > 0 ? got : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    buf_put_format(message, "%s is in use by %s; end it first, or use another --dir",
                   directory->path, holder[0] != '\0' ? holder : "another process");
}

enum status dir_lock_take(const struct state_dir *directory, const char *holder,
                          struct dir_lock *out, struct buf *message)
{
    *out = (struct dir_lock){.fd = -1};
    const int fd = openat(directory->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        buf_put_format(message, "%s/lock cannot be opened: %s", directory->path, strerror(errno));
        return ST_DISK;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const int error = errno;
        if (error == EWOULDBLOCK)
            say_who(fd, directory, message);
        else
            buf_put_format(message, "%s/lock cannot be locked: %s", directory->path,
                           strerror(error));
        close(fd);
        return error == EWOULDBLOCK ? ST_BUSY : ST_DISK;
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
    if (lock->fd >= 0) close(lock->fd);
    lock->fd = -1;
}
