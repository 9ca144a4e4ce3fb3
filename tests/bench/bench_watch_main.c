/* bench_watch_main.c - watches the cloud's acknowledgements of one node go by at the broker.
 *
 *   bench_watch --port P --node N --until SIZE [--base SIZE] [--since US] [--root hf/v1]
 *               [--seconds S] [--each]
 * It connects as soon as the broker is there and prints, when SIZE entries are acknowledged,
 *   first_ms A first_size B last_ms C last_size D per_second R
 * A: the first acknowledgement of more than --base entries, C: that of SIZE; both since US, in
 * microseconds of the Unix epoch (default: the start). --each also writes the milliseconds and the
 * size of each acknowledgement to stderr. R counts what came between the two. An
 * acknowledgement is sent after the commit, so all of it is stored by then. Exit code 75 when the
 * time is over before. */
#include <getopt.h>
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/wire/ack_msg.h"
#include "common/wire/envelope.h"

struct watch {
    const char *node, *root;
    int port;
    uint64_t base, until;
    int64_t since_us;
    double seconds;
    struct unpacker *unpacker;
    struct compressor *compressor;
    uint8_t *scratch;
    struct ack *ack;
    bool down, each;
    int64_t first_us, last_us;
    uint64_t first_size, last_size;
};

static int64_t now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static bool read_ack(struct watch *watch, struct bytes frame)
{
    struct envelope envelope;
    struct bytes body;
    struct buf scratch = buf_of(watch->scratch, BODY_UNPACKED_SIZE_MAX);
    if (envelope_read(watch->unpacker, frame, &envelope) != ST_OK) return false;
    if (envelope_body(&envelope, watch->compressor, &scratch, &body) != ST_OK) return false;
    return ack_msg_decode(watch->unpacker, body, watch->ack) == ST_OK;
}

static void on_message(struct mosquitto *client, void *context,
                       const struct mosquitto_message *message)
{
    struct watch *watch = context;
    (void)client;
    if (!read_ack(watch, bytes_of(message->payload, (size_t)message->payloadlen))) return;
    uint64_t size = 0;
    for (size_t i = 0; i < watch->ack->log_count; i++)
        size += watch->ack->logs[i].size;
    if (size <= watch->base || size <= watch->last_size) return;
    watch->last_size = size;
    watch->last_us = now_us();
    if (watch->each) {
        fprintf(stderr, "%.1f %llu\n", (double)(watch->last_us - watch->since_us) / 1e3,
                (unsigned long long)size);
    }
    if (watch->first_us == 0) {
        watch->first_us = watch->last_us;
        watch->first_size = size;
    }
}

static void on_connect(struct mosquitto *client, void *context, int reason)
{
    struct watch *watch = context;
    char topic[256];
    snprintf(topic, sizeof(topic), "%s/%s/down/ack", watch->root, watch->node);
    if (reason == 0) mosquitto_subscribe(client, NULL, topic, 0);
    watch->down = reason != 0;
}

static void on_disconnect(struct mosquitto *client, void *context, int reason)
{
    struct watch *watch = context;
    (void)client;
    (void)reason;
    watch->down = true;
}

static void run(struct watch *watch)
{
    const int64_t end_us = now_us() + (int64_t)(watch->seconds * 1e6);
    struct mosquitto *client = mosquitto_new("bench-watch", true, watch);
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_disconnect_callback_set(client, on_disconnect);
    mosquitto_message_callback_set(client, on_message);
    watch->down = true;
    while (watch->last_size < watch->until && now_us() < end_us) {
        if (watch->down) {
            watch->down = mosquitto_connect(client, "127.0.0.1", watch->port, 60) != 0;
            if (watch->down) usleep(2000);
        } else if (mosquitto_loop(client, 20, 1) != MOSQ_ERR_SUCCESS) {
            watch->down = true;
        }
    }
    mosquitto_destroy(client);
}

static bool parse(int argc, char **argv, struct watch *watch)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"node", required_argument, NULL, 'n'},
                                            {"until", required_argument, NULL, 'u'},
                                            {"base", required_argument, NULL, 'b'},
                                            {"since", required_argument, NULL, 'f'},
                                            {"root", required_argument, NULL, 'r'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"each", no_argument, NULL, 'e'},
                                            {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'p') watch->port = (int)strtol(optarg, NULL, 10);
        if (option == 'n') watch->node = optarg;
        if (option == 'u') watch->until = strtoull(optarg, NULL, 10);
        if (option == 'b') watch->base = strtoull(optarg, NULL, 10);
        if (option == 'f') watch->since_us = strtoll(optarg, NULL, 10);
        if (option == 'r') watch->root = optarg;
        if (option == 's') watch->seconds = strtod(optarg, NULL);
        if (option == 'e') watch->each = true;
        if (option == '?') return false;
    }
    return watch->port > 0 && watch->node != NULL && watch->until > 0;
}

int main(int argc, char **argv)
{
    struct watch watch = {.root = "hf/v1", .since_us = now_us(), .seconds = 120};
    if (!parse(argc, argv, &watch)) {
        fputs("usage: bench_watch --port P --node N --until SIZE [--base SIZE] [--since US] "
              "[--root R] [--seconds S] [--each]\n",
              stderr);
        return 2;
    }
    watch.scratch = malloc(BODY_UNPACKED_SIZE_MAX);
    watch.ack = malloc(sizeof(*watch.ack));
    if (watch.scratch == NULL || watch.ack == NULL || unpacker_open(&watch.unpacker) != ST_OK ||
        compressor_open(&watch.compressor) != ST_OK) {
        fputs("bench_watch: no memory\n", stderr);
        return 1;
    }
    mosquitto_lib_init();
    run(&watch);
    const double seconds = (double)(watch.last_us - watch.first_us) / 1e6;
    const double between = (double)(watch.last_size - watch.first_size);
    printf("first_ms %.1f first_size %llu last_ms %.1f last_size %llu per_second %.0f\n",
           (double)(watch.first_us - watch.since_us) / 1e3, (unsigned long long)watch.first_size,
           (double)(watch.last_us - watch.since_us) / 1e3, (unsigned long long)watch.last_size,
           seconds > 0 ? between / seconds : 0.0);
    return watch.last_size >= watch.until ? 0 : 75;
}
