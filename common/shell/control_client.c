/* control_client.c - connecting, sending and receiving on the control socket. */
#include "common/shell/control_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { RECEIVE_CHUNK = 64 * 1024 };

struct control_client {
    int fd;
    size_t given; /* bytes of input that the last reply took */
    struct byte_queue input, output;
};

enum status control_client_open(const struct state_dir *directory, struct control_client **out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *out = NULL;
    struct control_client *client = calloc(1, sizeof *client);
    if (client == NULL) return ST_NO_MEMORY;
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" CONTROL_SOCKET_NAME,
             directory->fd);
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd >= 0 && connect(client->fd, (struct sockaddr *)&address, sizeof address) == 0) {
        *out = client;
        return ST_OK;
    }
    const int error = errno;
    control_client_close(client);
    if (error == ENOENT || error == ECONNREFUSED) return ST_NOT_FOUND;
    return error == EACCES || error == EPERM ? ST_DENIED : ST_NETWORK;
}

void control_client_close(struct control_client *client)
{
    if (client == NULL) return;
    if (client->fd >= 0) close(client->fd);
    byte_queue_clear(&client->input);
    byte_queue_clear(&client->output);
    free(client);
}

enum status control_client_send(struct control_client *client, struct bytes request)
{
    TRY(control_frame_put(&client->output, request));
    while (byte_queue_size(&client->output) > 0) {
        struct byte_queue *output = &client->output;
        const ssize_t sent =
            send(client->fd, output->data + output->start, byte_queue_size(output), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return ST_NETWORK;
        byte_queue_drop(output, (size_t)sent);
    }
    return ST_OK;
}

enum status control_client_receive(struct control_client *client, struct bytes *reply)
{
    byte_queue_drop(&client->input, client->given);
    client->given = 0;
    for (;;) {
        struct byte_queue *input = &client->input;
        const enum status status = control_frame_at(input, 0, reply, NULL);
        if (status == ST_OK) break;
        if (status != ST_AGAIN) return ST_MALFORMED;
        TRY(byte_queue_room(input, RECEIVE_CHUNK));
        const ssize_t got =
            recv(client->fd, input->data + input->end, input->capacity - input->end, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return ST_NETWORK;
        input->end += (size_t)got;
    }
    client->given = CONTROL_FRAME_HEAD_SIZE + reply->size;
    return ST_OK;
}
