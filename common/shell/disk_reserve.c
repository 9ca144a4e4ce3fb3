/* disk_reserve.c - the reserved file, taken and given up; see disk_reserve.h. */
#include "common/shell/disk_reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { BLOCK_BYTES = 512 };

static const uint64_t look_again_ns = 10000000000u;

static bool has_room(const struct disk_reserve *reserve)
{
    struct statvfs room;
    if (fstatvfs(reserve->directory->fd, &room) != 0) return false;
    return (uint64_t)room.f_bavail * room.f_frsize / 2 >= reserve->size_bytes;
}

/* A copy of the directory may have made it a file of holes, which reserves nothing. */
static bool is_there(const struct disk_reserve *reserve)
{
    struct stat what;
    if (fstatat(reserve->directory->fd, DISK_RESERVE_FILE, &what, 0) != 0) return false;
    return (uint64_t)what.st_size == reserve->size_bytes &&
           (uint64_t)what.st_blocks * BLOCK_BYTES >= reserve->size_bytes;
}

static int allocate(int fd, uint64_t size_bytes)
{
    int error;
    do
        error = posix_fallocate(fd, 0, (off_t)size_bytes);
    while (error == EINTR);
    if (error == 0 && fsync(fd) != 0) error = errno;
    return error;
}

static void take(struct disk_reserve *reserve)
{
    const int directory = reserve->directory->fd;
    int error = ENOSPC;
    unlinkat(directory, DISK_RESERVE_FILE, 0);
    if (has_room(reserve)) {
        const int fd = openat(directory, DISK_RESERVE_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                              (mode_t)0600);
        error = fd < 0 ? errno : allocate(fd, reserve->size_bytes);
        if (fd >= 0) close(fd);
        if (error != 0) unlinkat(directory, DISK_RESERVE_FILE, 0);
    }
    reserve->held = error == 0;
    if (reserve->held) reserve->failure_said = false;
    if (reserve->held || reserve->failure_said) return;
    reserve->failure_said = true;
    trace_line(&reserve->trace, TRACE_WARNING, "no room can be reserved in %s/%s: %s",
               reserve->directory->path, DISK_RESERVE_FILE, strerror(error));
}

void disk_reserve_open(struct disk_reserve *reserve, const struct state_dir *directory,
                       uint64_t size_bytes, const struct trace *trace)
{
    *reserve = (struct disk_reserve){
        .directory = directory,
        .trace = *trace,
        .size_bytes = size_bytes,
    };
    if (size_bytes == 0)
        unlinkat(directory->fd, DISK_RESERVE_FILE, 0);
    else if (is_there(reserve))
        reserve->held = true;
    else
        take(reserve);
}

void disk_reserve_tick(struct disk_reserve *reserve, const struct moment *now)
{
    if (reserve->directory == NULL || reserve->held || reserve->size_bytes == 0) return;
    if (now->mono_ns < reserve->look_mono_ns) return;
    reserve->look_mono_ns = now->mono_ns + look_again_ns;
    if (!has_room(reserve)) return;
    take(reserve);
    if (reserve->held)
        trace_line(&reserve->trace, TRACE_INFO, "room is reserved on the disk again");
}

bool disk_reserve_release(struct disk_reserve *reserve)
{
    if (reserve->directory == NULL || !reserve->held) return false;
    reserve->held = false;
    if (unlinkat(reserve->directory->fd, DISK_RESERVE_FILE, 0) != 0) return false;
    trace_line(&reserve->trace, TRACE_ALARM,
               "the disk is full: the reserved room is given up for acknowledgements and deletes");
    return true;
}
