/* clock_os.c - readings of the kernel: clocks, disk space, boot id, random bytes. */
#include "common/shell/clock_os.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/data/evidence.h"

static const uint64_t disk_check_interval_ns = 1000000000u;

static int64_t clock_ns(clockid_t which)
{
    struct timespec now;
    INVARIANT(clock_gettime(which, &now) == 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint64_t clock_os_mono_ns(void)
{
    return (uint64_t)clock_ns(CLOCK_BOOTTIME);
}

static uint32_t uncertainty_ms(void)
{
    struct timex state = {.modes = 0};
    const int verdict = adjtimex(&state);
    if (verdict < 0 || verdict == TIME_ERROR || (state.status & STA_UNSYNC) != 0)
        return CLOCK_NEVER_SYNCHRONISED;
    if (state.maxerror < 0) return CLOCK_NEVER_SYNCHRONISED;
    return (uint32_t)((state.maxerror + 999) / 1000);
}

struct clock_os clock_os_of(int directory_fd)
{
    return (struct clock_os){.directory_fd = directory_fd};
}

static void disk_check(struct clock_os *clock, uint64_t mono_ns)
{
    if (clock->disk_known && mono_ns - clock->disk_checked_mono_ns < disk_check_interval_ns) return;
    struct statvfs room;
    clock->disk_checked_mono_ns = mono_ns;
    clock->disk_known = true;
    /* When the file system cannot answer, intake must not stop on a guess: the commit decides. */
    clock->disk_free_bytes = UINT64_MAX;
    if (fstatvfs(clock->directory_fd, &room) == 0)
        clock->disk_free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
}

struct moment clock_os_now(struct clock_os *clock)
{
    struct moment now = {
        .wall_ns = clock_ns(CLOCK_REALTIME),
        .mono_ns = clock_os_mono_ns(),
        .clock_uncertainty_ms = uncertainty_ms(),
    };
    disk_check(clock, now.mono_ns);
    now.disk_free_bytes = clock->disk_free_bytes;
    return now;
}

enum status boot_id_read(uint8_t out[BOOT_ID_SIZE])
{
    char text[64];
    uint8_t hex[2 * BOOT_ID_SIZE];
    size_t hex_count = 0;
    const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return ST_DISK;
    const ssize_t got = read(fd, text, sizeof text);
    close(fd);
    for (ssize_t i = 0; i < got && hex_count < sizeof hex; i++) {
        if (text[i] != '-' && text[i] != '\n') hex[hex_count++] = (uint8_t)text[i];
    }
    if (hex_count != sizeof hex ||
        hex_decode(bytes_of(hex, sizeof hex), out, BOOT_ID_SIZE) != ST_OK)
        return ST_DISK;
    return ST_OK;
}

void entropy_fill(void *context, void *out, size_t size)
{
    (void)context;
    uint8_t *to = out;
    while (size > 0) {
        const ssize_t got = getrandom(to, size, 0);
        if (got < 0 && errno == EINTR) continue;
        INVARIANT(got > 0);
        to += got;
        size -= (size_t)got;
    }
}
