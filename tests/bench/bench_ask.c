/* bench_ask.c - see bench_ask.h. */
#include "tests/bench/bench_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct bench_asker {
    struct unpacker *unpacker;
    struct control_reply reply;
    struct receipt receipt;
    size_t record_size;
    uint8_t record[CONTROL_MESSAGE_SIZE_MAX];
    uint8_t message[CONTROL_MESSAGE_SIZE_MAX + 4];
};

struct bench_asker *bench_asker_open(void)
{
    struct bench_asker *const asker = malloc(sizeof(*asker));
    if (asker == NULL) return NULL;
    asker->unpacker = NULL;
    if (unpacker_open(&asker->unpacker) == ST_OK) return asker;
    free(asker);
    return NULL;
}

void bench_asker_close(struct bench_asker *asker)
{
    if (asker == NULL) return;
    unpacker_close(asker->unpacker);
    free(asker);
}

static bool read_exactly(int fd, uint8_t *out, size_t size)
{
    while (size > 0) {
        const ssize_t got = recv(fd, out, size, 0);
        if (got <= 0) return false;
        out += got;
        size -= (size_t)got;
    }
    return true;
}

static bool read_to_the_end(struct bench_asker *asker, int fd)
{
    uint8_t *const message = asker->message;
    for (;;) {
        if (!read_exactly(fd, message, 4)) return false;
        const size_t size = get_u32(message);
        if (size > CONTROL_MESSAGE_SIZE_MAX || !read_exactly(fd, message, size)) return false;
        const struct bytes bytes = bytes_of(message, size);
        if (control_reply_decode(asker->unpacker, bytes, &asker->reply) != ST_OK) return false;
        if (asker->reply.kind == REPLY_END) return true;
        if (asker->reply.kind == REPLY_RECEIPTS && asker->reply.receipt_count > 0)
            asker->receipt = asker->reply.receipts[asker->reply.receipt_count - 1];
        if (asker->reply.kind != REPLY_RECORD) continue;
        memcpy(asker->record, message, size);
        asker->record_size = size;
    }
}

/* Asks what asker->message holds behind its first four bytes. */
static bool ask(struct bench_asker *asker, const char *directory, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", directory);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool over = false;
    asker->record_size = 0;
    asker->receipt = (struct receipt){.status = ST_NOT_FOUND};
    put_u32(asker->message, (uint32_t)size);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        over = send(fd, asker->message, size + 4, MSG_NOSIGNAL) > 0 && read_to_the_end(asker, fd);
    }
    if (fd >= 0) close(fd);
    return over;
}

bool bench_ask(struct bench_asker *asker, const char *directory, const char *verb,
               const struct verb_argument *arguments, size_t count)
{
    struct buf request = buf_of(asker->message + 4, CONTROL_MESSAGE_SIZE_MAX);
    verb_request_encode(&request, bytes_of_text(verb), arguments, count);
    return ask(asker, directory, request.size);
}

bool bench_ask_raw(struct bench_asker *asker, const char *directory, struct bytes request)
{
    memcpy(asker->message + 4, request.data, request.size);
    return ask(asker, directory, request.size);
}

struct bytes bench_ask_record(const struct bench_asker *asker)
{
    return bytes_of(asker->record, asker->record_size);
}

const struct receipt *bench_ask_receipt(const struct bench_asker *asker)
{
    return &asker->receipt;
}

enum status bench_ask_status(const struct bench_asker *asker)
{
    return asker->reply.status;
}
