/* state_dir.c - the state directory and whole-file writes in it. */
#include "common/shell/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_ROOM = 64 }; /* the longest file name we put in the directory, with margin */

static enum status open_directory(const char *path, struct state_dir *out, struct buf *message)
{
    const size_t size = strlen(path);
    if (size == 0 || size + NAME_ROOM >= sizeof out->path) {
        buf_put_format(message, "the directory path is %s; name one with --dir",
                       size == 0 ? "empty" : "too long");
        return ST_SETTINGS;
    }
    memcpy(out->path, path, size + 1);
    out->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (out->fd >= 0) return ST_OK;
    if (errno == ENOENT) {
        buf_put_format(message, "there is no directory %s; make it with init", path);
        return ST_NOT_FOUND;
    }
    if (errno == ENOTDIR) {
        buf_put_format(message, "%s is not a directory; name a directory with --dir", path);
        return ST_SETTINGS;
    }
    buf_put_format(message, "the directory %s cannot be opened: %s", path, strerror(errno));
    return ST_DISK;
}

enum status state_dir_create(const char *path, struct state_dir *out, struct buf *message)
{
    *out = (struct state_dir){.fd = -1};
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        buf_put_format(message, "the directory %s cannot be made: %s", path, strerror(errno));
        return ST_DISK;
    }
    return open_directory(path, out, message);
}

enum status state_dir_open(const char *path, struct state_dir *out, struct buf *message)
{
    *out = (struct state_dir){.fd = -1};
    return open_directory(path, out, message);
}

void state_dir_close(struct state_dir *directory)
{
    if (directory->fd >= 0) close(directory->fd);
    directory->fd = -1;
}

bool state_dir_has(const struct state_dir *directory, const char *name)
{
    struct stat what;
    return fstatat(directory->fd, name, &what, 0) == 0;
}

void state_dir_path(const struct state_dir *directory, const char *name, char out[PATH_MAX])
{
    const int size = snprintf(out, PATH_MAX, "%s/%s", directory->path, name);
    INVARIANT(size > 0 && size < PATH_MAX);
}

enum status state_dir_read(const struct state_dir *directory, const char *name, struct buf *out,
                           struct buf *message)
{
    const int fd = openat(directory->fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        const int error = errno;
        buf_put_format(message, "%s/%s cannot be read: %s", directory->path, name, strerror(error));
        return error == ENOENT ? ST_NOT_FOUND : ST_DISK;
    }
    enum status status = ST_OK;
    for (;;) {
        uint8_t chunk[4096];
        const ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            buf_put_format(message, "%s/%s cannot be read: %s", directory->path, name,
                           strerror(errno));
            status = ST_DISK;
        }
        if (got <= 0) break;
        buf_put(out, bytes_of(chunk, (size_t)got));
    }
    close(fd);
    if (status == ST_OK && !buf_ok(out)) {
        buf_put_format(message, "%s/%s is larger than such a file ever is", directory->path, name);
        status = ST_TOO_LARGE;
    }
    return status;
}

static enum status write_all(int fd, struct bytes content)
{
    while (content.size > 0) {
        const ssize_t written = write(fd, content.data, content.size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno == ENOSPC || errno == EDQUOT ? ST_FULL : ST_DISK;
        content = bytes_from(content, (size_t)written);
    }
    return fsync(fd) == 0 ? ST_OK : ST_DISK;
}

/* link() refuses an existing name and rename() replaces it: both give the name only to a file whose
 * bytes are on the disk already. */
static enum status give_name(const struct state_dir *directory, const char *from, const char *name,
                             bool replace)
{
    if (replace) return renameat(directory->fd, from, directory->fd, name) == 0 ? ST_OK : ST_DISK;
    if (linkat(directory->fd, from, directory->fd, name, 0) == 0) return ST_OK;
    return errno == EEXIST ? ST_CONFLICT : ST_DISK;
}

enum status state_dir_write(const struct state_dir *directory, const char *name, unsigned mode,
                            bool replace, struct bytes content, struct buf *message)
{
    char temporary[NAME_ROOM];
    enum status status = ST_DISK;
    int error = 0;
    const int size = snprintf(temporary, sizeof temporary, "%s.%ld.new", name, (long)getpid());
    INVARIANT(size > 0 && (size_t)size < sizeof temporary);
    unlinkat(directory->fd, temporary, 0);
    const int fd =
        openat(directory->fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (fd >= 0) {
        status = fchmod(fd, (mode_t)mode) == 0 ? write_all(fd, content) : ST_DISK;
        error = errno;
        if (close(fd) != 0 && status == ST_OK) status = ST_DISK;
        if (status == ST_OK) status = give_name(directory, temporary, name, replace);
        if (status == ST_DISK && error == 0) error = errno;
        unlinkat(directory->fd, temporary, 0);
        if (status == ST_OK && fsync(directory->fd) != 0) status = ST_DISK;
    }
    if (status == ST_CONFLICT)
        buf_put_format(message, "%s/%s is there already and is not overwritten", directory->path,
                       name);
    else if (status != ST_OK)
        buf_put_format(message, "%s/%s cannot be written: %s", directory->path, name,
                       strerror(error != 0 ? error : errno));
    return status;
}
