/* notify.h - tells a service manager how we are, by the protocol of sd_notify(3): one datagram to
 * the socket that NOTIFY_SOCKET names. Where there is no manager, all of it does nothing.
 *
 * WATCHDOG_USEC asks for a sign of life at least that often; we give one at half the time, from the
 * loop after a turn, so that a loop that hangs is noticed. */
#ifndef HOLDFAST_COMMON_SHELL_NOTIFY_H
#define HOLDFAST_COMMON_SHELL_NOTIFY_H

#include <stdint.h>

struct notify {
    int fd;               /* -1: nobody wants to know */
    uint64_t interval_ns; /* 0: no watchdog */
    uint64_t next_ns;     /* when the next sign of life is due, in mono ns; UINT64_MAX: never */
};

/* Reads the environment. */
struct notify notify_open(void);
void notify_close(struct notify *notify);

void notify_ready(struct notify *notify, uint64_t mono_ns);
void notify_stopping(const struct notify *notify);
/* A turn of the loop is done. */
void notify_alive(struct notify *notify, uint64_t mono_ns);

#endif
