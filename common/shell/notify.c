/* notify.c - datagrams to the service manager. */
#include "common/shell/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A decimal number; 0 for anything else. */
static uint64_t number_of(const char *name)
{
    const char *text = getenv(name);
    char *end;
    if (text == NULL || text[0] < '0' || text[0] > '9') return 0;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0 ? number : 0;
}

static uint64_t watchdog_interval_ns(void)
{
    enum { NS_PER_US = 1000 };
    static const uint64_t us_max = UINT64_C(365) * 86400 * 1000000;
    const uint64_t us = number_of("WATCHDOG_USEC");
    const uint64_t pid = number_of("WATCHDOG_PID");
    if (us > us_max || (pid != 0 && pid != (uint64_t)getpid())) return 0;
    return us * NS_PER_US / 2;
}

struct notify notify_open(void)
{
    struct notify notify = {.fd = -1, .next_ns = UINT64_MAX};
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@')) return notify;
    const size_t size = strlen(path);
    if (size >= sizeof address.sun_path) return notify;
    memcpy(address.sun_path, path, size);
    if (path[0] == '@') address.sun_path[0] = '\0';
    const socklen_t address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return notify;
    if (connect(fd, (const struct sockaddr *)&address, address_size) != 0) {
        close(fd);
        return notify;
    }
    notify.fd = fd;
    notify.interval_ns = watchdog_interval_ns();
    return notify;
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0) close(notify->fd);
    notify->fd = -1;
}

/* A manager that does not listen is not our trouble. */
static void say(const struct notify *notify, const char *words)
{
    if (notify->fd >= 0) (void)send(notify->fd, words, strlen(words), MSG_NOSIGNAL);
}

void notify_ready(struct notify *notify, uint64_t mono_ns)
{
    say(notify, "READY=1");
    if (notify->interval_ns > 0) notify->next_ns = mono_ns + notify->interval_ns;
}

void notify_stopping(const struct notify *notify)
{
    say(notify, "STOPPING=1");
}

void notify_alive(struct notify *notify, uint64_t mono_ns)
{
    if (mono_ns < notify->next_ns) return;
    notify->next_ns = mono_ns + notify->interval_ns;
    say(notify, "WATCHDOG=1");
}
