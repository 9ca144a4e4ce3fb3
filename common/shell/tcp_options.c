/* tcp_options.c - a walk over the process's own TCP sockets. */
#include "common/shell/tcp_options.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* IPv4 as IPv6 writes it, ::ffff:1.2.3.4, so that there is one way to compare. */
struct endpoint {
    uint8_t address[16];
    uint16_t port;
};

typedef int name_of_socket(int, struct sockaddr *, socklen_t *);

static void address_put_v4(struct endpoint *endpoint, const struct in_addr *address)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    memcpy(endpoint->address, prefix, sizeof prefix);
    memcpy(endpoint->address + sizeof prefix, address, sizeof *address);
}

static bool address_parse(const char *text, struct endpoint *out)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        address_put_v4(out, &v4);
        return true;
    }
    return inet_pton(AF_INET6, text, out->address) == 1;
}

static bool same_address(const struct endpoint *a, const struct endpoint *b)
{
    return memcmp(a->address, b->address, sizeof a->address) == 0;
}

/* name_of is getsockname or getpeername; false: fd is no connected TCP socket. */
static bool endpoint_of(int fd, name_of_socket *name_of, struct endpoint *out)
{
    struct sockaddr_storage name = {0};
    socklen_t size = sizeof name, type_size = sizeof(int);
    int type = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) != 0 || type != SOCK_STREAM ||
        name_of(fd, (struct sockaddr *)&name, &size) != 0)
        return false;
    if (name.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&name;
        address_put_v4(out, &v4->sin_addr);
        out->port = ntohs(v4->sin_port);
        return true;
    }
    if (name.ss_family != AF_INET6) return false;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&name;
    memcpy(out->address, &v6->sin6_addr, sizeof out->address);
    out->port = ntohs(v6->sin6_port);
    return true;
}

/* The next open descriptor, -1: there is none. */
static int fd_next(DIR *folder)
{
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char *end;
        const long fd = strtol(entry->d_name, &end, 10);
        if (end != entry->d_name && *end == '\0' && fd != dirfd(folder)) return (int)fd;
    }
    return -1;
}

unsigned tcp_options_no_delay(const char *address, uint16_t port)
{
    static const int on = 1;
    unsigned count = 0;
    int fd;
    struct endpoint wanted = {.port = port}, peer;
    const bool any = !address_parse(address, &wanted);
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) return 0;
    while ((fd = fd_next(folder)) >= 0) {
        if (!endpoint_of(fd, getpeername, &peer) || peer.port != port) continue;
        if (!any && !same_address(&peer, &wanted)) continue;
        if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0) count++;
    }
    closedir(folder);
    return count;
}

bool tcp_options_peer_is_ours(int fd)
{
    bool found = false;
    int other;
    struct endpoint here, there, local, peer;
    if (!endpoint_of(fd, getsockname, &here) || !endpoint_of(fd, getpeername, &there)) return false;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) return false;
    while (!found && (other = fd_next(folder)) >= 0) {
        found = endpoint_of(other, getsockname, &local) && endpoint_of(other, getpeername, &peer) &&
                local.port == there.port && same_address(&local, &there) &&
                peer.port == here.port && same_address(&peer, &here);
    }
    closedir(folder);
    return found;
}
