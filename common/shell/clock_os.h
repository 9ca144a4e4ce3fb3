/* clock_os.h - the operating system's clocks, disk space and randomness as the engines see them.
 *
 * mono_ns is CLOCK_BOOTTIME, which goes on during suspend and never steps; wall_ns is
 * CLOCK_REALTIME. The uncertainty is the kernel's own bound (adjtimex maxerror, rounded up to ms),
 * or CLOCK_NEVER_SYNCHRONISED while the kernel says STA_UNSYNC. Free disk space is asked at most
 * once a second: statvfs may wait for a slow file system and a batch may hold many steps. */
#ifndef HOLDFAST_COMMON_SHELL_CLOCK_OS_H
#define HOLDFAST_COMMON_SHELL_CLOCK_OS_H

#include "common/base/status.h"
#include "common/port/event.h"

enum { BOOT_ID_SIZE = 16 };

struct clock_os {
    int directory_fd; /* borrowed; on the file system whose room counts */
    bool disk_known;
    uint64_t disk_checked_mono_ns;
    uint64_t disk_free_bytes;
};

struct clock_os clock_os_of(int directory_fd);
struct moment clock_os_now(struct clock_os *clock);
uint64_t clock_os_mono_ns(void);

/* The kernel's boot id. Errors: ST_DISK. */
MUST_USE enum status boot_id_read(uint8_t out[BOOT_ID_SIZE]);

/* port.random: cryptographic bytes of the kernel; ends the process when the kernel has none, since
 * a key or nonce without chance would be worse than no process. */
void entropy_fill(void *context, void *out, size_t size);

#endif
