/* tcp_options.h - what must be done to a library's TCP sockets that hands out no descriptor: they
 * are found by their addresses among the open descriptors of the process.
 *
 * Why TCP_NODELAY: the MQTT library never sets it. A receipt that follows our PUBACK is then held
 * by Nagle's rule until the broker's delayed ACK comes, 40 ms later: with one entry outstanding
 * that is 22 receipts/s instead of 1,864.
 *
 * Without /proc nothing is found, and everything works as slowly as without these functions. */
#ifndef HOLDFAST_COMMON_SHELL_TCP_OPTIONS_H
#define HOLDFAST_COMMON_SHELL_TCP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Sets TCP_NODELAY on all TCP sockets of this process that are connected to port of address; an
 * address that is not numeric stands for any. Returns how many there are. */
unsigned tcp_options_no_delay(const char *address, uint16_t port);

/* True when the other end of the connected TCP socket fd is a socket of this process too. */
bool tcp_options_peer_is_ours(int fd);

#endif
