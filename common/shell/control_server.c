/* control_server.c - clients in slots; a client's number is its slot and a count of its kind, so
 * that a reply for one that has left never reaches its successor. */
#include "common/shell/control_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_CHUNK = 16 * 1024, INPUT_MAX = CONTROL_FRAME_HEAD_SIZE + CONTROL_MESSAGE_SIZE_MAX };
_Static_assert(CONTROL_CLIENTS_MAX <= 256, "a slot fits 8 bits of a client's number");

struct client {
    int fd; /* -1: the slot is free */
    uint32_t number;
    uint32_t interest;
    bool closed;      /* the connection ended; the slot waits for CLIENT_GONE */
    bool known;       /* the engine has seen a request of it */
    unsigned pending; /* requests taken and not yet ended */
    size_t taken;     /* bytes of input that the batch has taken */
    struct byte_queue input, output;
};

struct control_server {
    int directory_fd;
    int epoll_fd;
    uint64_t epoll_base;
    int listener;
    uint32_t next_number;
    size_t turn;    /* slot whose turn it is */
    size_t offered; /* slot of the request that control_server_next gave */
    size_t client_count;
    struct client clients[CONTROL_CLIENTS_MAX];
};

static enum status listener_open(struct control_server *server, struct buf *message,
                                 const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" CONTROL_SOCKET_NAME,
             server->directory_fd);
    unlinkat(server->directory_fd, CONTROL_SOCKET_NAME, 0);
    server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const mode_t mask = umask(0177);
    const bool good = server->listener >= 0 &&
                      bind(server->listener, (struct sockaddr *)&address, sizeof address) == 0 &&
                      listen(server->listener, CONTROL_CLIENTS_MAX) == 0;
    umask(mask);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = server->epoll_base};
    if (good && epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->listener, &event) == 0)
        return ST_OK;
    buf_put_format(message, "the control socket %s/" CONTROL_SOCKET_NAME " cannot be made: %s",
                   path, strerror(errno));
    return ST_DISK;
}

enum status control_server_open(const struct state_dir *directory, int epoll_fd,
                                uint64_t epoll_base, struct control_server **out,
                                struct buf *message)
{
    struct control_server *server = calloc(1, sizeof *server);
    *out = NULL;
    if (server == NULL) return ST_NO_MEMORY;
    server->directory_fd = directory->fd;
    server->epoll_fd = epoll_fd;
    server->epoll_base = epoll_base;
    server->listener = -1;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        server->clients[i].fd = -1;
    const enum status status = listener_open(server, message, directory->path);
    if (status != ST_OK) {
        control_server_close(server);
        return status;
    }
    *out = server;
    return ST_OK;
}

static void client_close(struct control_server *server, struct client *client)
{
    if (client->fd < 0 || client->closed) return;
    epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, client->fd, NULL);
    close(client->fd);
    client->closed = true;
    byte_queue_clear(&client->output);
}

static void slot_free(struct control_server *server, struct client *client)
{
    byte_queue_clear(&client->input);
    byte_queue_clear(&client->output);
    *client = (struct client){.fd = -1};
    server->client_count--;
}

void control_server_close(struct control_server *server)
{
    if (server == NULL) return;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (server->clients[i].fd < 0) continue;
        client_close(server, &server->clients[i]);
        slot_free(server, &server->clients[i]);
    }
    if (server->listener >= 0) {
        close(server->listener);
        unlinkat(server->directory_fd, CONTROL_SOCKET_NAME, 0);
    }
    free(server);
}

static size_t input_total(const struct control_server *server)
{
    size_t total = 0;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        total += byte_queue_size(&server->clients[i].input);
    return total;
}

static bool may_read(const struct control_server *server, const struct client *client)
{
    struct bytes message;
    if (byte_queue_size(&client->output) > CLIENT_UNSENT_STOP) return false;
    if (byte_queue_size(&client->input) >= INPUT_MAX) return false;
    return control_frame_at(&client->input, 0, &message, NULL) != ST_OK ||
           input_total(server) < CLIENTS_INPUT_BYTES;
}

static void interest_update(struct control_server *server, struct client *client)
{
    if (client->fd < 0 || client->closed) return;
    const uint32_t reading = may_read(server, client) ? EPOLLIN : 0;
    const uint32_t writing = byte_queue_size(&client->output) > 0 ? EPOLLOUT : 0;
    if (client->interest == (reading | writing)) return;
    client->interest = reading | writing;
    struct epoll_event event = {.events = client->interest,
                                .data.u64 =
                                    server->epoll_base + 1 + (uint64_t)(client - server->clients)};
    if (epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, client->fd, &event) != 0)
        client_close(server, client);
}

static void accept_one(struct control_server *server)
{
    const int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    size_t slot = 0;
    while (slot < CONTROL_CLIENTS_MAX && server->clients[slot].fd >= 0)
        slot++;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = server->epoll_base + 1 + slot};
    /* A client too many sees its connection closed and says so. */
    if (slot == CONTROL_CLIENTS_MAX ||
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        close(fd);
        return;
    }
    server->clients[slot] = (struct client){
        .fd = fd, .number = server->next_number++ << 8 | (uint32_t)slot, .interest = EPOLLIN};
    server->client_count++;
}

static void client_read(struct control_server *server, struct client *client)
{
    while (!client->closed && may_read(server, client)) {
        struct bytes message;
        size_t missing = 0;
        const enum status status = control_frame_at(&client->input, 0, &message, &missing);
        const size_t wanted = missing > READ_CHUNK ? missing : READ_CHUNK;
        if (status == ST_TOO_LARGE || byte_queue_room(&client->input, wanted) != ST_OK) {
            client_close(server, client);
            return;
        }
        struct byte_queue *input = &client->input;
        const size_t room = input->capacity - input->end;
        const ssize_t got = recv(client->fd, input->data + input->end, room, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) {
            client_close(server, client);
            return;
        }
        input->end += (size_t)got;
        /* All there was; epoll tells of more. A length that nobody may send is judged now. */
        if ((size_t)got < room && control_frame_at(input, 0, &message, NULL) != ST_TOO_LARGE)
            return;
    }
}

static void client_write(struct control_server *server, struct client *client)
{
    while (!client->closed && byte_queue_size(&client->output) > 0) {
        struct byte_queue *output = &client->output;
        const ssize_t sent =
            send(client->fd, output->data + output->start, byte_queue_size(output), MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (sent <= 0) {
            client_close(server, client);
            return;
        }
        byte_queue_drop(output, (size_t)sent);
    }
}

void control_server_ready(struct control_server *server, uint64_t which, uint32_t epoll_events)
{
    if (which == 0) {
        accept_one(server);
        return;
    }
    INVARIANT(which <= CONTROL_CLIENTS_MAX);
    struct client *client = &server->clients[which - 1];
    if (client->fd < 0 || client->closed) return;
    if ((epoll_events & EPOLLOUT) != 0) client_write(server, client);
    if ((epoll_events & EPOLLIN) != 0) client_read(server, client);
    /* Gone altogether, and nothing is left to read. */
    if ((epoll_events & (EPOLLHUP | EPOLLERR)) != 0 && (epoll_events & EPOLLIN) == 0)
        client_close(server, client);
    if (client->closed && !client->known)
        slot_free(server, client);
    else
        interest_update(server, client);
}

bool control_server_next(struct control_server *server, uint32_t *client, struct bytes *request,
                         uint32_t *entries)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        const size_t slot = (server->turn + i) % CONTROL_CLIENTS_MAX;
        struct client *one = &server->clients[slot];
        if (one->fd < 0 || one->closed) continue;
        if (byte_queue_size(&one->output) > CLIENT_UNSENT_STOP) continue;
        if (control_frame_at(&one->input, one->taken, request, NULL) != ST_OK) continue;
        server->offered = slot;
        *client = one->number;
        *entries = append_request_entries(*request, BATCH_ENTRIES_MAX);
        return true;
    }
    return false;
}

void control_server_take(struct control_server *server)
{
    struct client *client = &server->clients[server->offered];
    struct bytes request;
    INVARIANT(control_frame_at(&client->input, client->taken, &request, NULL) == ST_OK);
    client->taken += CONTROL_FRAME_HEAD_SIZE + request.size;
    client->known = true;
    client->pending++;
    server->turn = server->offered + 1;
}

void control_server_release(struct control_server *server)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *client = &server->clients[i];
        if (client->fd < 0 || client->taken == 0) continue;
        byte_queue_drop(&client->input, client->taken);
        client->taken = 0;
        interest_update(server, client);
    }
}

bool control_server_next_gone(struct control_server *server, uint32_t *client)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *one = &server->clients[i];
        if (one->fd < 0 || !one->closed || one->taken > 0) continue;
        *client = one->number;
        const bool known = one->known;
        slot_free(server, one);
        if (known) return true;
    }
    return false;
}

void control_server_reply(struct control_server *server, uint32_t client, struct bytes reply)
{
    struct client *one = &server->clients[client & 0xff];
    if (one->fd < 0 || one->closed || one->number != client) return;
    if (control_reply_is_end(reply) && one->pending > 0) one->pending--;
    if (byte_queue_size(&one->output) > CLIENT_UNSENT_MAX ||
        control_frame_put(&one->output, reply) != ST_OK)
        client_close(server, one);
}

void control_server_flush(struct control_server *server)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *client = &server->clients[i];
        if (client->fd < 0 || client->closed || byte_queue_size(&client->output) == 0) continue;
        client_write(server, client);
        interest_update(server, client);
    }
}

void control_server_fail_all(struct control_server *server, struct bytes end_reply)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *client = &server->clients[i];
        while (client->fd >= 0 && !client->closed && client->pending > 0)
            control_server_reply(server, client->number, end_reply);
        /* A new engine knows nobody. */
        client->known = false;
    }
}

bool control_server_congested(const struct control_server *server)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (server->clients[i].fd >= 0 &&
            byte_queue_size(&server->clients[i].output) > CLIENT_UNSENT_STOP)
            return true;
    }
    return false;
}

bool control_server_has_unsent(const struct control_server *server)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (server->clients[i].fd >= 0 && byte_queue_size(&server->clients[i].output) > 0)
            return true;
    }
    return false;
}

size_t control_server_client_count(const struct control_server *server)
{
    return server->client_count;
}
