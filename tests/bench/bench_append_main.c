/* bench_append_main.c - durable appends through the control socket of a running edge bridge.
 *
 *   bench_append --dir D [--connections N] [--batch B] [--count C] [--seconds S] [--bytes 256]
 *                [--payload json|random] [--type T] [--priority 0..5]
 * Each of N connections (publishers) has one request of B entries outstanding and sends the next
 * when its receipts have come, until C entries are accepted or S seconds are over. Prints
 *   entries E seconds T per_second R p50_ms A p99_ms B max_ms M
 * where the latencies are those of requests. Exit code 1 when an entry was refused. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/wire/control_msg.h"
#include "tests/bench/payloads.h"

enum { CONNECTIONS_MAX = 250, POOL_SIZE = 8192, LATENCIES_MAX = 4000000 };

struct connection {
    int fd;
    uint8_t *in;
    size_t in_size;
    uint64_t sent_ns;
    size_t waiting; /* entries without receipt */
};

struct bench {
    const char *directory, *type, *kind;
    size_t connection_count, batch, count, bytes;
    unsigned priority;
    double seconds;
    struct connection connections[CONNECTIONS_MAX];
    struct payloads pool;
    size_t handed_in, accepted, refused;
    char refusal[256];
    uint32_t *latencies_us;
    size_t latency_count;
    uint8_t *out;
    struct unpacker *unpacker;
    struct control_reply *reply;
};

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "bench_append: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int connect_to(const char *directory)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int size =
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", directory);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || size < 0 || (size_t)size >= sizeof(address.sun_path)) fail("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) fail("connect");
    return fd;
}

static void send_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        const ssize_t put = send(fd, data, size, MSG_NOSIGNAL);
        if (put < 0) fail("send");
        data += put;
        size -= (size_t)put;
    }
}

static void send_request(struct bench *bench, struct connection *connection)
{
    size_t entries = bench->count - bench->handed_in;
    if (entries > bench->batch) entries = bench->batch;
    if (entries == 0) return;
    struct buf out = buf_of(bench->out + 4, CONTROL_MESSAGE_SIZE_MAX);
    append_request_begin(&out, bytes_of_text(bench->type), bench->priority, (uint32_t)entries);
    for (size_t i = 0; i < entries; i++) {
        const struct payload *payload =
            &bench->pool.items[(bench->handed_in + i) % bench->pool.count];
        const struct append_item item = {.payload = payload->bytes};
        append_request_item(&out, &item);
    }
    if (!buf_ok(&out)) fail("the batch is too large for one request");
    put_u32(bench->out, (uint32_t)out.size);
    bench->handed_in += entries;
    connection->waiting = entries;
    connection->sent_ns = bench_now_ns();
    send_all(connection->fd, bench->out, out.size + 4);
}

/* True when the request is over. */
static bool take_reply(struct bench *bench, struct connection *connection, struct bytes message)
{
    struct control_reply *reply = bench->reply;
    if (control_reply_decode(bench->unpacker, message, reply) != ST_OK) fail("not a reply");
    if (reply->kind == REPLY_RECEIPTS) {
        for (size_t i = 0; i < reply->receipt_count; i++) {
            if (reply->receipts[i].status == ST_OK) {
                bench->accepted++;
            } else {
                bench->refused++;
                snprintf(bench->refusal, sizeof(bench->refusal), "%s",
                         status_words(reply->receipts[i].status));
            }
        }
        connection->waiting -= reply->receipt_count;
    }
    if (reply->kind != REPLY_END) return false;
    if (reply->status != ST_OK) {
        bench->refused += connection->waiting;
        snprintf(bench->refusal, sizeof(bench->refusal), "%.*s", (int)reply->message.size,
                 (const char *)reply->message.data);
    }
    if (bench->latency_count < LATENCIES_MAX) {
        bench->latencies_us[bench->latency_count++] =
            (uint32_t)((bench_now_ns() - connection->sent_ns) / 1000);
    }
    return true;
}

static void read_replies(struct bench *bench, struct connection *connection)
{
    const size_t capacity = CONTROL_MESSAGE_SIZE_MAX + 4;
    const ssize_t got = recv(connection->fd, connection->in + connection->in_size,
                             capacity - connection->in_size, 0);
    if (got <= 0) fail("the bridge hung up");
    connection->in_size += (size_t)got;
    bool over = false;
    size_t at = 0;
    while (connection->in_size - at >= 4) {
        const size_t size = get_u32(connection->in + at);
        if (connection->in_size - at - 4 < size) break;
        over |= take_reply(bench, connection, bytes_of(connection->in + at + 4, size));
        at += 4 + size;
    }
    memmove(connection->in, connection->in + at, connection->in_size - at);
    connection->in_size -= at;
    if (over) {
        connection->waiting = 0;
        send_request(bench, connection);
    }
}

static double run(struct bench *bench)
{
    struct pollfd polled[CONNECTIONS_MAX];
    const uint64_t start_ns = bench_now_ns();
    const uint64_t end_ns = start_ns + (uint64_t)(bench->seconds * 1e9);
    for (size_t i = 0; i < bench->connection_count; i++) {
        send_request(bench, &bench->connections[i]);
        polled[i] = (struct pollfd){.fd = bench->connections[i].fd, .events = POLLIN};
    }
    while (bench->accepted + bench->refused < bench->count) {
        if (bench_now_ns() > end_ns) bench->count = bench->handed_in; /* let the last ones end */
        if (poll(polled, bench->connection_count, 10000) <= 0) fail("no answer for ten seconds");
        for (size_t i = 0; i < bench->connection_count; i++) {
            if (polled[i].revents != 0) read_replies(bench, &bench->connections[i]);
        }
    }
    return (double)(bench_now_ns() - start_ns) / 1e9;
}

static int compare_u32(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void report(struct bench *bench, double seconds)
{
    qsort(bench->latencies_us, bench->latency_count, sizeof(uint32_t), compare_u32);
    const size_t last = bench->latency_count == 0 ? 0 : bench->latency_count - 1;
    printf("entries %zu seconds %.3f per_second %.0f p50_ms %.3f p99_ms %.3f max_ms %.3f\n",
           bench->accepted, seconds, (double)bench->accepted / seconds,
           bench->latencies_us[last / 2] / 1e3, bench->latencies_us[last * 99 / 100] / 1e3,
           bench->latencies_us[last] / 1e3);
}

static bool parse(int argc, char **argv, struct bench *bench)
{
    static const struct option options[] = {
        {"dir", required_argument, NULL, 'd'},      {"connections", required_argument, NULL, 'n'},
        {"batch", required_argument, NULL, 'b'},    {"count", required_argument, NULL, 'c'},
        {"seconds", required_argument, NULL, 's'},  {"bytes", required_argument, NULL, 'z'},
        {"payload", required_argument, NULL, 'p'},  {"type", required_argument, NULL, 't'},
        {"priority", required_argument, NULL, 'q'}, {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'd') bench->directory = optarg;
        if (option == 'n') bench->connection_count = strtoul(optarg, NULL, 10);
        if (option == 'b') bench->batch = strtoul(optarg, NULL, 10);
        if (option == 'c') bench->count = strtoul(optarg, NULL, 10);
        if (option == 's') bench->seconds = strtod(optarg, NULL);
        if (option == 'z') bench->bytes = strtoul(optarg, NULL, 10);
        if (option == 'p') bench->kind = optarg;
        if (option == 't') bench->type = optarg;
        if (option == 'q') bench->priority = (unsigned)strtoul(optarg, NULL, 10);
        if (option == '?') return false;
    }
    return bench->directory != NULL && bench->connection_count >= 1 &&
           bench->connection_count <= CONNECTIONS_MAX && bench->batch >= 1 &&
           bench->batch <= APPEND_ENTRIES_MAX;
}

int main(int argc, char **argv)
{
    static struct bench bench = {.type = "ais",
                                 .kind = "json",
                                 .connection_count = 1,
                                 .batch = 1,
                                 .count = SIZE_MAX,
                                 .bytes = 256,
                                 .priority = 2,
                                 .seconds = 3600};
    if (!parse(argc, argv, &bench)) {
        fputs("usage: bench_append --dir D [--connections N] [--batch B] [--count C] [--seconds S] "
              "[--bytes Z] [--payload json|random] [--type T] [--priority P]\n",
              stderr);
        return 2;
    }
    bench.out = malloc(CONTROL_MESSAGE_SIZE_MAX + 4);
    bench.reply = malloc(sizeof(*bench.reply));
    bench.latencies_us = malloc(LATENCIES_MAX * sizeof(uint32_t));
    if (bench.out == NULL || bench.reply == NULL || bench.latencies_us == NULL ||
        unpacker_open(&bench.unpacker) != ST_OK ||
        !payloads_open(bench.kind, POOL_SIZE, bench.bytes, 1, &bench.pool)) {
        fail("cannot start");
    }
    bench.latencies_us[0] = 0;
    for (size_t i = 0; i < bench.connection_count; i++) {
        bench.connections[i].fd = connect_to(bench.directory);
        bench.connections[i].in = malloc(CONTROL_MESSAGE_SIZE_MAX + 4);
        if (bench.connections[i].in == NULL) fail("no memory");
    }
    report(&bench, run(&bench));
    if (bench.refused > 0) {
        fprintf(stderr, "bench_append: %zu refused: %s\n", bench.refused, bench.refusal);
    }
    return bench.refused > 0 ? 1 : 0;
}
