/* waker.c - a loopback listener for one connection, and the four bytes that wake its other end. */
#include "common/shell/waker.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/shell/tcp_options.h"

enum { CONNECT_TYPE = 0x10, DRAIN_SIZE = 512, DRAIN_READS_MAX = 16 };

static void fd_close(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

void waker_close(struct waker *waker)
{
    fd_close(&waker->listener_fd);
    fd_close(&waker->fd);
}

enum status waker_open(struct waker *out, uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    *out = WAKER_CLOSED;
    out->listener_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (out->listener_fd < 0 ||
        bind(out->listener_fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(out->listener_fd, 4) != 0 ||
        getsockname(out->listener_fd, (struct sockaddr *)&address, &size) != 0) {
        waker_close(out);
        return ST_NETWORK;
    }
    *port = ntohs(address.sin_port);
    return ST_OK;
}

static void peer_accept(struct waker *waker)
{
    const int fd = accept4(waker->listener_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && tcp_options_peer_is_ours(fd))
        waker->fd = fd;
    else if (fd >= 0)
        close(fd);
    if (waker->fd >= 0 || ++waker->attempts == WAKER_POKES_WITHOUT_PEER_MAX)
        fd_close(&waker->listener_fd);
}

/* False: the connection is over. */
static bool drain(const struct waker *waker, bool *connect_seen)
{
    uint8_t bytes[DRAIN_SIZE];
    for (int i = 0; i < DRAIN_READS_MAX; i++) {
        const ssize_t got = recv(waker->fd, bytes, sizeof bytes, 0);
        if (got < 0) return errno == EAGAIN || errno == EINTR;
        if (got == 0) return false;
        if (i == 0) *connect_seen = bytes[0] == CONNECT_TYPE;
    }
    return true;
}

bool waker_poke(struct waker *waker)
{
    static const uint8_t connack[] = {0x20, 0x02, 0x00, 0x00};
    /* Two packets, two turns of the library: the first ends the poll, the second the one that
     * follows the look at writable sockets. */
    static const uint8_t pingresps[] = {0xd0, 0x00, 0xd0, 0x00};
    bool connect_seen = false;
    if (waker->fd < 0 && waker->listener_fd >= 0) peer_accept(waker);
    if (waker->fd < 0) return waker->listener_fd >= 0;
    if (!drain(waker, &connect_seen)) {
        waker_close(waker);
        return false;
    }
    /* A full buffer means that there is enough to read; an error is seen by the next drain. */
    ssize_t sent = 0;
    if (waker->greeted)
        sent = send(waker->fd, pingresps, sizeof pingresps, MSG_NOSIGNAL);
    else if (connect_seen)
        waker->greeted = send(waker->fd, connack, sizeof connack, MSG_NOSIGNAL) > 0;
    (void)sent;
    return true;
}
