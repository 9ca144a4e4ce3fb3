/* bench_sink_main.c - what a plain consumer behind a broker would be: takes MQTT messages and puts
 * them into SQLite in group commits (WAL, synchronous=FULL). The baseline to compare with: nothing
 * is signed, verified or acknowledged from end to end.
 *
 *   bench_sink --port P --database FILE --topic FILTER --count N [--since US] [--seconds S]
 * Prints, when N messages are stored,
 *   first_ms A last_ms B stored N per_second R
 * since US (microseconds of the Unix epoch; default: the start). Exit code 75 when the time is over
 * before. */
#include <getopt.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/store/db.h"

enum { COMMIT_ROWS_MAX = 1000 };

struct sink {
    const char *path, *topic;
    int port;
    uint64_t count;
    int64_t since_us;
    double seconds;
    struct db *db;
    struct statement *insert;
    bool down, failed;
    uint64_t open_rows, stored, first_stored;
    int64_t first_us, last_us;
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

static void on_message(struct mosquitto *client, void *context,
                       const struct mosquitto_message *message)
{
    struct sink *sink = context;
    (void)client;
    if (sink->open_rows == 0 && db_begin(sink->db) != ST_OK) sink->failed = true;
    bind_text(sink->insert, 1, bytes_of_text(message->topic));
    bind_blob(sink->insert, 2, bytes_of(message->payload, (size_t)message->payloadlen));
    if (statement_run(sink->insert) != ST_OK) sink->failed = true;
    if (++sink->open_rows == COMMIT_ROWS_MAX) commit(sink);
}

static void on_connect(struct mosquitto *client, void *context, int reason)
{
    struct sink *sink = context;
    sink->down = reason != 0;
    if (reason == 0) mosquitto_subscribe(client, NULL, sink->topic, 1);
}

static void run(struct sink *sink)
{
    const int64_t end_us = now_us() + (int64_t)(sink->seconds * 1e6);
    struct mosquitto *client = mosquitto_new("bench-sink", false, sink);
    mosquitto_int_option(client, MOSQ_OPT_RECEIVE_MAXIMUM, 1000);
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_message_callback_set(client, on_message);
    sink->down = true;
    while (sink->stored + sink->open_rows < sink->count && !sink->failed && now_us() < end_us) {
        if (sink->down) {
            sink->down = mosquitto_connect(client, "127.0.0.1", sink->port, 60) != 0;
            if (sink->down) usleep(2000);
        } else if (mosquitto_loop(client, 5, 1000) != MOSQ_ERR_SUCCESS) {
            commit(sink);
            sink->down = true;
        } else if (sink->open_rows > COMMIT_ROWS_MAX / 10) {
            commit(sink);
        }
    }
    commit(sink);
    mosquitto_destroy(client);
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
    struct sink sink = {.since_us = now_us(), .seconds = 300};
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
    mosquitto_lib_init();
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
