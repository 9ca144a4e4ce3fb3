/* waker.h - lets our loop end a poll() of the MQTT library's receive thread.
 *
 * Paho 1.3.12 looks for sockets that became writable (a connect that has finished, the rest of a
 * packet that did not fit) only before it polls for readable ones, for up to a second, and sleeps
 * another 100 ms after a poll in vain. It has nothing to wake it up with. The waker is the other
 * end of a connection that the library holds like any to a broker: each poke sends something to
 * read on it, so that the poll returns and the next look finds what is writable.
 *
 *   listen on 127.0.0.1 -> accept the one connection of this process, stop to listen
 *     -> CONNECT: answer CONNACK -> poke: PINGRESP, which the library takes at any time
 *
 * All that the peer sends besides is thrown away. Nobody else is let in: an accepted connection
 * must have its other end in this process. Nothing here blocks; loop thread only. */
#ifndef HOLDFAST_COMMON_SHELL_WAKER_H
#define HOLDFAST_COMMON_SHELL_WAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/check.h"
#include "common/base/status.h"

enum { WAKER_POKES_WITHOUT_PEER_MAX = 1000 };

struct waker {
    int listener_fd; /* -1: listens no more */
    int fd;          /* -1: not connected */
    bool greeted;    /* CONNACK is sent */
    unsigned attempts;
};

#define WAKER_CLOSED                                                                               \
    (struct waker)                                                                                 \
    {                                                                                              \
        .listener_fd = -1, .fd = -1                                                                \
    }

/* *port: where the library is to connect to, without TLS, MQTT 3.1.1, keep-alive off.
 * Errors: ST_NETWORK; *out is closed then. */
MUST_USE enum status waker_open(struct waker *out, uint16_t *port);
void waker_close(struct waker *waker);

/* Wakes the library up if it is connected already. False: it is not and never will be. */
bool waker_poke(struct waker *waker);

#endif
