/* control_server.h - the daemon's side of the control socket: many clients, framed requests in,
 * framed replies out, never blocking.
 *
 * The socket is D/control.sock, mode 0600, bound through the open directory so that the path's
 * length does not matter; the caller holds the directory's lock, so a socket file that is there is
 * a dead one. Clients may pipeline. A client whose unsent replies exceed CLIENT_UNSENT_STOP is not
 * read until it has taken them; beyond CLIENT_UNSENT_MAX it is dropped. Requests are borrowed from
 * the clients' buffers from control_server_next until control_server_release: one batch. */
#ifndef HOLDFAST_COMMON_SHELL_CONTROL_SERVER_H
#define HOLDFAST_COMMON_SHELL_CONTROL_SERVER_H

#include "common/shell/control_frame.h"
#include "common/shell/state_dir.h"

enum {
    CLIENT_UNSENT_STOP = 1024 * 1024,
    CLIENT_UNSENT_MAX = 64 * 1024 * 1024,
    CLIENTS_INPUT_BYTES = 4 * 1024 * 1024, /* beyond it, each client gets one request buffered */
};

struct control_server;

/* Registers in epoll with data.u64 = epoll_base + 0 for the socket and epoll_base + 1 + slot for
 * the clients, CONTROL_CLIENTS_MAX slots. The caller closes *out. Errors: ST_DISK, ST_NO_MEMORY. */
MUST_USE enum status control_server_open(const struct state_dir *directory, int epoll_fd,
                                         uint64_t epoll_base, struct control_server **out,
                                         struct buf *message);
/* Removes the socket file too. Accepts NULL. */
void control_server_close(struct control_server *server);

/* One of the registered descriptors is ready; which = data.u64 - epoll_base. */
void control_server_ready(struct control_server *server, uint64_t which, uint32_t epoll_events);

/* The next request, clients taking turns; false: none is complete. *entries: as
 * append_request_entries. control_server_take takes it; without that the same one comes again. */
bool control_server_next(struct control_server *server, uint32_t *client, struct bytes *request,
                         uint32_t *entries);
void control_server_take(struct control_server *server);
/* The batch is over: what was taken is done with. */
void control_server_release(struct control_server *server);

/* A client that has left and that the engine has seen requests of; false: none. */
bool control_server_next_gone(struct control_server *server, uint32_t *client);

/* Queues a reply; ignored when the client has left. */
void control_server_reply(struct control_server *server, uint32_t client, struct bytes reply);
/* Sends what can be sent. */
void control_server_flush(struct control_server *server);

/* END with this status for every request that has no END yet: their engine is gone. */
void control_server_fail_all(struct control_server *server, struct bytes end_reply);

/* Some client takes its replies slower than they come: long verbs should pause. */
bool control_server_congested(const struct control_server *server);
bool control_server_has_unsent(const struct control_server *server);
size_t control_server_client_count(const struct control_server *server);

#endif
