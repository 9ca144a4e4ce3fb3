/* key_file.c - the file of the secret seed. */
#include "common/shell/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/shell/clock_os.h"

enum { KEY_TEXT_SIZE = 2 * SECRET_SEED_SIZE + 1 }; /* with the line feed */

enum status key_file_create(const struct state_dir *directory, struct buf *message)
{
    uint8_t seed[SECRET_SEED_SIZE];
    char text[KEY_TEXT_SIZE + 1];
    entropy_fill(NULL, seed, sizeof seed);
    hex_encode(bytes_of(seed, sizeof seed), text);
    text[KEY_TEXT_SIZE - 1] = '\n';
    const enum status status = state_dir_write(directory, KEY_FILE_NAME, 0600, false,
                                               bytes_of(text, KEY_TEXT_SIZE), message);
    secret_wipe(seed, sizeof seed);
    secret_wipe(text, sizeof text);
    return status;
}

/* Opens and checks what can be checked without the content. */
static enum status open_guarded(const struct state_dir *directory, int *fd, struct buf *message)
{
    struct stat what;
    *fd = openat(directory->fd, KEY_FILE_NAME, O_RDONLY | O_CLOEXEC);
    if (*fd < 0 && errno == ENOENT) {
        buf_put_format(message,
                       "the key file %s/%s is missing; restore it from your backup, or run init in "
                       "a new directory",
                       directory->path, KEY_FILE_NAME);
        return ST_SETTINGS;
    }
    if (*fd < 0 || fstat(*fd, &what) != 0) {
        buf_put_format(message, "the key file %s/%s cannot be read: %s", directory->path,
                       KEY_FILE_NAME, strerror(errno));
        return ST_DISK;
    }
    if ((what.st_mode & 077) != 0) {
        buf_put_format(message,
                       "the key file %s/%s can be read by others (mode %04o); run: chmod 600 %s/%s",
                       directory->path, KEY_FILE_NAME, (unsigned)what.st_mode & 07777,
                       directory->path, KEY_FILE_NAME);
        return ST_SETTINGS;
    }
    return ST_OK;
}

enum status key_file_open(const struct state_dir *directory, struct secret_key **out,
                          struct buf *message)
{
    uint8_t seed[SECRET_SEED_SIZE];
    char text[KEY_TEXT_SIZE + 8];
    int fd = -1;
    enum status status = open_guarded(directory, &fd, message);
    *out = NULL;
    if (status == ST_OK) {
        const ssize_t got = read(fd, text, sizeof text);
        size_t size = got > 0 ? (size_t)got : 0;
        if (size > 0 && text[size - 1] == '\n') size--;
        status = hex_decode(bytes_of(text, size), seed, sizeof seed);
        if (status != ST_OK) {
            buf_put_format(message,
                           "the key file %s/%s does not hold 64 hex digits; restore it from your "
                           "backup",
                           directory->path, KEY_FILE_NAME);
            status = ST_SETTINGS;
        }
    }
    if (status == ST_OK) status = secret_key_open(seed, out);
    secret_wipe(seed, sizeof seed);
    secret_wipe(text, sizeof text);
    if (fd >= 0) close(fd);
    return status;
}
