/* bench_sink_main.c - what a plain consumer behind a broker would be: takes MQTT messages and puts
 * them into SQLite in group commits (WAL, synchronous=FULL). The baseline to compare with, and kind
 * to it: nothing is signed, verified or acknowledged from end to end, and PUBACKs do not wait for
 * the commit.
 *
 *   bench_sink --port P --database FILE --topic FILTER --count N [--since US] [--seconds S]
 * Prints, when N messages are stored,
 *   first_ms A last_ms B stored N per_second R
 * since US (microseconds of the Unix epoch; default: the start). Exit code 75 when the time is over
 * before. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/store/db.h"

enum { COMMIT_ROWS_MAX = 1000, BUFFER_SIZE = 256 * 1024, IDLE_MS = 2 };

struct sink {
    const char *path, *topic;
    int port;
    uint64_t count;
    int64_t since_us;
    double seconds;
    struct db *db;
    struct statement *insert;
    bool failed;
    uint64_t open_rows, stored, first_stored;
    int64_t first_us, last_us;
    int fd; /* -1 between connections */
    uint8_t in[BUFFER_SIZE], acks[BUFFER_SIZE];
    size_t in_size, acks_size;
};

static int64_t now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void commit(struct sink *sink)
{
    if (sink->open_rows == 0) return;
    if (db_commit(sink->db) != ST_OK) sink->failed = true;
    sink->stored += sink->open_rows;
    sink->last_us = now_us();
    if (sink->first_us == 0) {
        sink->first_us = sink->last_us;
        sink->first_stored = sink->stored;
    }
    sink->open_rows = 0;
}

static void store(struct sink *sink, struct bytes topic, struct bytes payload)
{
    if (sink->open_rows == 0 && db_begin(sink->db) != ST_OK) sink->failed = true;
    bind_text(sink->insert, 1, topic);
    bind_blob(sink->insert, 2, payload);
    if (statement_run(sink->insert) != ST_OK) sink->failed = true;
    if (++sink->open_rows == COMMIT_ROWS_MAX) commit(sink);
}

/* ---- just enough of MQTT 3.1.1, because a client library's receiving side would be the limit and
 * not the brokers that are to be measured ---- */

static void hang_up(struct sink *sink)
{
    if (sink->fd >= 0) close(sink->fd);
    sink->fd = -1;
    sink->in_size = 0;
    sink->acks_size = 0;
}

static bool say(struct sink *sink, const uint8_t *data, size_t size)
{
    while (size > 0) {
        const ssize_t put = send(sink->fd, data, size, MSG_NOSIGNAL);
        if (put <= 0) return false;
        data += put;
        size -= (size_t)put;
    }
    return true;
}

static bool dial(struct sink *sink)
{
    static const uint8_t CONNECT[] = {0x10, 22, 0,   4,   'M', 'Q', 'T', 'T', 4,   0,   0,   60,
                                      0,    10, 'b', 'e', 'n', 'c', 'h', '-', 's', 'i', 'n', 'k'};
    uint8_t subscribe[256];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)sink->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const size_t size = strlen(sink->topic);
    struct buf out = buf_of(subscribe, sizeof(subscribe));
    buf_put_u8(&out, 0x82);
    buf_put_u8(&out, (uint8_t)(size + 5));
    buf_put_u16(&out, 1);
    buf_put_u16(&out, (uint16_t)size);
    buf_put(&out, bytes_of(sink->topic, size));
    buf_put_u8(&out, 1);
    sink->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(sink->fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        say(sink, CONNECT, sizeof(CONNECT)) && say(sink, out.data, out.size)) {
        return true;
    }
    hang_up(sink);
    return false;
}

/* One PUBLISH of QoS 1: topic, packet id, payload. */
static void take_publish(struct sink *sink, const uint8_t *body, size_t size)
{
    const size_t topic_size = size >= 2 ? get_u16(body) : 0;
    if (size < topic_size + 4) {
        sink->failed = true;
        return;
    }
    const uint8_t *id = body + 2 + topic_size;
    store(sink, bytes_of(body + 2, topic_size), bytes_of(id + 2, size - topic_size - 4));
    memcpy(sink->acks + sink->acks_size, (uint8_t[]){0x40, 2, id[0], id[1]}, 4);
    sink->acks_size += 4;
}

/* The size of the packet at the front, or 0 when it is not whole. */
static size_t packet_size(const uint8_t *data, size_t size, size_t *head)
{
    size_t length = 0;
    for (size_t i = 1; i < size && i <= 4; i++) {
        length |= (size_t)(data[i] & 0x7f) << (7 * (i - 1));
        if (data[i] < 0x80) {
            *head = i + 1;
            return i + 1 + length <= size ? i + 1 + length : 0;
        }
    }
    return 0;
}

static void read_some(struct sink *sink)
{
    const ssize_t got = recv(sink->fd, sink->in + sink->in_size, BUFFER_SIZE - sink->in_size, 0);
    if (got <= 0) {
        hang_up(sink);
        return;
    }
    sink->in_size += (size_t)got;
    size_t at = 0, size, head = 0;
    while ((size = packet_size(sink->in + at, sink->in_size - at, &head)) > 0) {
        if ((sink->in[at] & 0xf0) == 0x30) take_publish(sink, sink->in + at + head, size - head);
        at += size;
    }
    memmove(sink->in, sink->in + at, sink->in_size - at);
    sink->in_size -= at;
    if (!say(sink, sink->acks, sink->acks_size)) hang_up(sink);
    sink->acks_size = 0;
}

static void run(struct sink *sink)
{
    const int64_t end_us = now_us() + (int64_t)(sink->seconds * 1e6);
    sink->fd = -1;
    while (sink->stored + sink->open_rows < sink->count && !sink->failed && now_us() < end_us) {
        if (sink->fd < 0 && !dial(sink)) {
            usleep(IDLE_MS * 1000);
            continue;
        }
        struct pollfd polled = {.fd = sink->fd, .events = POLLIN};
        if (poll(&polled, 1, IDLE_MS) > 0) {
            read_some(sink);
        } else {
            commit(sink); /* nothing new came: do not let these wait */
        }
    }
    commit(sink);
    hang_up(sink);
}

static bool parse(int argc, char **argv, struct sink *sink)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"database", required_argument, NULL, 'd'},
                                            {"topic", required_argument, NULL, 't'},
                                            {"count", required_argument, NULL, 'c'},
                                            {"since", required_argument, NULL, 'f'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'p') sink->port = (int)strtol(optarg, NULL, 10);
        if (option == 'd') sink->path = optarg;
        if (option == 't') sink->topic = optarg;
        if (option == 'c') sink->count = strtoull(optarg, NULL, 10);
        if (option == 'f') sink->since_us = strtoll(optarg, NULL, 10);
        if (option == 's') sink->seconds = strtod(optarg, NULL);
        if (option == '?') return false;
    }
    return sink->port > 0 && sink->path != NULL && sink->topic != NULL && sink->count > 0;
}

int main(int argc, char **argv)
{
    static const struct db_migration migrations[] = {
        {"CREATE TABLE message (id INTEGER PRIMARY KEY, topic TEXT, payload BLOB);"}};
    static struct sink sink;
    sink = (struct sink){.since_us = now_us(), .seconds = 300};
    if (!parse(argc, argv, &sink)) {
        fputs("usage: bench_sink --port P --database FILE --topic FILTER --count N [--since US] "
              "[--seconds S]\n",
              stderr);
        return 2;
    }
    const struct db_options options = {.path = sink.path, .cache_kib = 4096, .create = true};
    if (db_open(&options, migrations, COUNT_OF(migrations), NULL, &sink.db) != ST_OK ||
        statement_open(sink.db, "INSERT INTO message (topic, payload) VALUES (?, ?)",
                       &sink.insert) != ST_OK) {
        fprintf(stderr, "bench_sink: cannot open %s\n", sink.path);
        return 1;
    }
    run(&sink);
    const double seconds = (double)(sink.last_us - sink.first_us) / 1e6;
    printf("first_ms %.1f last_ms %.1f stored %llu per_second %.0f\n",
           (double)(sink.first_us - sink.since_us) / 1e3,
           (double)(sink.last_us - sink.since_us) / 1e3, (unsigned long long)sink.stored,
           seconds > 0 ? (double)(sink.stored - sink.first_stored) / seconds : 0.0);
    statement_close(sink.insert);
    db_close(sink.db);
    if (sink.failed) return 1;
    return sink.stored >= sink.count ? 0 : 75;
}
