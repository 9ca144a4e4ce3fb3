/* bench_pressure_main.c - how long what matters takes while a backlog drains over a narrow link.
 *
 *   bench_pressure --edge D --cloud D --port P --node N [--rounds R] [--pause-ms M] [--seconds S]
 *                  [--root hf/v1]
 * Each round hands in a critical entry, a config value and a track at the edge and a config value
 * at the cloud, all over the control sockets, and waits until each is where it belongs: the first
 * when the cloud acknowledges that it has stored it, the second when the cloud publishes it, the
 * third when the cloud shows it, the last when the edge shows it. P is the broker's own port, not
 * that of the narrow link. Prints, for each kind,
 *   kind K rounds R p50_ms X max_ms Y
 * and what the node's frames took meanwhile: all bytes, and those of frames that did not come
 * before,
 *   seconds S frame_bytes B first_bytes F
 * Exit code 75 when something did not come within S seconds. */
#include <getopt.h>
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/crypto/hasher.h"
#include "common/wire/ack_msg.h"
#include "common/wire/envelope.h"
#include "common/wire/evidence_msg.h"
#include "common/wire/track_msg.h"
#include "tests/bench/bench_ask.h"
#include "tests/bench/payloads.h"

enum { ROUNDS_MAX = 1000, TEXT_SIZE = 160, POLL_MS = 15, LOGS_SEEN = 8 };

enum kind { KIND_CRITICAL, KIND_CONFIG_UP, KIND_TRACK, KIND_CONFIG_DOWN, KIND_COUNT };
static const char *const kind_words[KIND_COUNT] = {"critical", "config_up", "track", "config_down"};

/* What is needed to read frames. */
struct reader {
    struct unpacker *unpacker;
    struct compressor *compressor;
    struct hasher *hasher;
    uint8_t *scratch;
    struct ack *ack;
    struct evidence_run *run;
    struct track_batch *batch;
    struct track *track;
};

struct bench {
    const char *edge, *cloud, *node, *root;
    int port;
    unsigned rounds, pause_ms;
    double seconds;
    struct reader reader;
    struct bench_asker *asker;
    struct mosquitto *client;
    bool subscribed;

    unsigned round;
    char text[KIND_COUNT][TEXT_SIZE]; /* what this round's values are known by */
    struct receipt critical;
    uint64_t begun_ns[KIND_COUNT];
    bool there[KIND_COUNT];
    size_t counts[KIND_COUNT];
    double latency_ms[KIND_COUNT][ROUNDS_MAX];

    uint64_t frame_bytes, first_bytes;
    struct {
        struct log_id log;
        uint64_t last;
    } logs[LOGS_SEEN];
    uint64_t tracks_through;
};

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "bench_pressure: %s\n", what);
    exit(1);
}

static void arrived(struct bench *bench, enum kind kind)
{
    if (bench->begun_ns[kind] == 0 || bench->there[kind]) return;
    bench->there[kind] = true;
    bench->latency_ms[kind][bench->counts[kind]++] =
        (double)(bench_now_ns() - bench->begun_ns[kind]) / 1e6;
}

/* ---- What goes by at the broker -------------------------------------------------------------- */

static bool read_body(struct bench *bench, struct bytes frame, struct envelope *envelope,
                      struct bytes *body)
{
    struct reader *const reader = &bench->reader;
    struct buf scratch = buf_of(reader->scratch, BODY_UNPACKED_SIZE_MAX);
    return envelope_read(reader->unpacker, frame, envelope) == ST_OK &&
           envelope_body(envelope, reader->compressor, &scratch, body) == ST_OK;
}

static void take_ack(struct bench *bench, struct bytes body)
{
    struct ack *const ack = bench->reader.ack;
    const struct receipt *const wanted = &bench->critical;
    if (ack_msg_decode(bench->reader.unpacker, body, ack) != ST_OK) return;
    for (size_t i = 0; i < ack->log_count; i++) {
        const struct ack_log *const log = &ack->logs[i];
        if (!log_id_equal(&log->log, &wanted->log)) continue;
        if (log->size >= wanted->sequence || ack_slice_contains(ack, log->above, wanted->sequence))
            arrived(bench, KIND_CRITICAL);
    }
}

static bool run_is_new(struct bench *bench, const struct evidence_run *run)
{
    size_t i = 0;
    while (i < LOGS_SEEN - 1 && bench->logs[i].last > 0 &&
           !log_id_equal(&bench->logs[i].log, &run->log))
        i++;
    bench->logs[i].log = run->log;
    if (run->first_sequence <= bench->logs[i].last) return false;
    bench->logs[i].last = run->first_sequence + run->count - 1;
    return true;
}

/* Of everything but runs and tracks there is too little to look for repeats. */
static bool frame_is_new(struct bench *bench, const struct envelope *envelope, struct bytes body)
{
    struct reader *const reader = &bench->reader;
    struct node_name node;
    if (envelope->kind == FRAME_EVIDENCE) {
        if (node_name_from(bytes_of_text(bench->node), &node) != ST_OK) return false;
        if (evidence_msg_decode(reader->unpacker, reader->hasher, &node, body, reader->run) !=
            ST_OK)
            return false;
        return reader->run->count > 0 && run_is_new(bench, reader->run);
    }
    if (envelope->kind != FRAME_TRACKS) return envelope->kind != FRAME_HELLO;
    if (track_msg_decode(reader->unpacker, body, reader->track, reader->batch) != ST_OK)
        return false;
    const bool is_new = reader->batch->head.from_change >= bench->tracks_through;
    bench->tracks_through = reader->batch->head.to_change;
    return is_new;
}

static void on_message(struct mosquitto *client, void *context,
                       const struct mosquitto_message *message)
{
    struct bench *const bench = context;
    struct envelope envelope;
    struct bytes body;
    (void)client;
    const size_t size = message->payloadlen > 0 ? (size_t)message->payloadlen : 0;
    const struct bytes frame = bytes_of(message->payload, size);
    if (!read_body(bench, frame, &envelope, &body)) return;
    if (strstr(message->topic, "/down/ack") != NULL) {
        take_ack(bench, body);
    } else if (strstr(message->topic, "/up/") != NULL) {
        bench->frame_bytes += size;
        if (frame_is_new(bench, &envelope, body)) bench->first_bytes += size;
    } else if (memmem(body.data, body.size, bench->text[KIND_CONFIG_UP],
                      strlen(bench->text[KIND_CONFIG_UP])) != NULL) {
        arrived(bench, KIND_CONFIG_UP);
    }
}

static void on_subscribe(struct mosquitto *client, void *context, int mid, int count,
                         const int *granted)
{
    (void)client;
    (void)mid;
    (void)count;
    (void)granted;
    ((struct bench *)context)->subscribed = true;
}

static void watch(struct bench *bench)
{
    char topic[3][TEXT_SIZE];
    snprintf(topic[0], TEXT_SIZE, "%s/%s/down/ack", bench->root, bench->node);
    snprintf(topic[1], TEXT_SIZE, "%s/%s/up/#", bench->root, bench->node);
    snprintf(topic[2], TEXT_SIZE, "%s/config/#", bench->root);
    char *const topics[] = {topic[0], topic[1], topic[2]};
    bench->client = mosquitto_new("bench-pressure", true, bench);
    mosquitto_message_callback_set(bench->client, on_message);
    mosquitto_subscribe_callback_set(bench->client, on_subscribe);
    if (mosquitto_connect(bench->client, "127.0.0.1", bench->port, 60) != MOSQ_ERR_SUCCESS ||
        mosquitto_subscribe_multiple(bench->client, NULL, 3, topics, 0, 0, NULL) !=
            MOSQ_ERR_SUCCESS)
        fail("cannot connect to the broker");
    for (int i = 0; !bench->subscribed && i < 1000; i++)
        mosquitto_loop(bench->client, 10, 1);
}

/* ---- What is handed in ----------------------------------------------------------------------- */

static void set_config(struct bench *bench, const char *directory, enum kind kind,
                       const char *scope)
{
    const struct verb_argument arguments[] = {
        {BYTES_LITERAL("key"), bytes_of_text(kind_words[kind])},
        {BYTES_LITERAL("value"), bytes_of_text(bench->text[kind])},
        {BYTES_LITERAL("scope"), bytes_of_text(scope)},
    };
    bench->begun_ns[kind] = bench_now_ns();
    if (!bench_ask(bench->asker, directory, "config-set", arguments, 3) ||
        bench_ask_status(bench->asker) != ST_OK)
        fail("config-set was refused");
}

static void hand_in(struct bench *bench, enum kind kind, struct bytes request)
{
    bench->begun_ns[kind] = bench_now_ns();
    if (!bench_ask_raw(bench->asker, bench->edge, request)) fail("the edge does not answer");
    const struct receipt *const receipt = bench_ask_receipt(bench->asker);
    if (receipt->status != ST_OK) fail("the edge does not take it");
    if (kind == KIND_CRITICAL) bench->critical = *receipt;
}

static void begin_round(struct bench *bench)
{
    static uint8_t space[1024];
    char scope[TEXT_SIZE];
    struct buf request = buf_of(space, sizeof(space));
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        bench->there[kind] = false;
        snprintf(bench->text[kind], TEXT_SIZE, "%s-%u-%ld", kind_words[kind], bench->round,
                 (long)getpid());
    }
    append_request_begin(&request, BYTES_LITERAL("alarm"), 0, 1);
    const struct append_item item = {.payload = bytes_of_text(bench->text[KIND_CRITICAL])};
    append_request_item(&request, &item);
    hand_in(bench, KIND_CRITICAL, buf_bytes(&request));

    request.size = 0;
    observe_request_begin(&request, 1);
    const struct observe_item seen = {
        bytes_of_text(bench->text[KIND_TRACK]),
        BYTES_LITERAL("{\"position\":{\"lat\":54,\"lon\":7},\"sensor\":\"ais\"}")};
    observe_request_item(&request, &seen);
    hand_in(bench, KIND_TRACK, buf_bytes(&request));

    snprintf(scope, sizeof(scope), "node/%s", bench->node);
    set_config(bench, bench->edge, KIND_CONFIG_UP, scope);
    set_config(bench, bench->cloud, KIND_CONFIG_DOWN, "fleet");
}

/* Two of the four can only be asked for. */
static void poll_stores(struct bench *bench)
{
    if (!bench->there[KIND_TRACK]) {
        const struct verb_argument track = {BYTES_LITERAL("name"),
                                            bytes_of_text(bench->text[KIND_TRACK])};
        if (bench_ask(bench->asker, bench->cloud, "track-show", &track, 1) &&
            bench_ask_status(bench->asker) == ST_OK)
            arrived(bench, KIND_TRACK);
    }
    if (!bench->there[KIND_CONFIG_DOWN]) {
        const char *const text = bench->text[KIND_CONFIG_DOWN];
        const struct verb_argument key = {BYTES_LITERAL("key"),
                                          bytes_of_text(kind_words[KIND_CONFIG_DOWN])};
        if (!bench_ask(bench->asker, bench->edge, "config-get", &key, 1)) return;
        const struct bytes record = bench_ask_record(bench->asker);
        if (record.size > 0 && memmem(record.data, record.size, text, strlen(text)) != NULL)
            arrived(bench, KIND_CONFIG_DOWN);
    }
}

static bool all_there(const struct bench *bench)
{
    for (int kind = 0; kind < KIND_COUNT; kind++)
        if (!bench->there[kind]) return false;
    return true;
}

static void listen_until(struct bench *bench, uint64_t until_ns)
{
    while (bench_now_ns() < until_ns)
        if (mosquitto_loop(bench->client, 3, 1) != MOSQ_ERR_SUCCESS) fail("the broker hung up");
}

static bool run(struct bench *bench)
{
    for (bench->round = 0; bench->round < bench->rounds; bench->round++) {
        begin_round(bench);
        const uint64_t end_ns = bench_now_ns() + (uint64_t)(bench->seconds * 1e9);
        while (!all_there(bench)) {
            if (bench_now_ns() > end_ns) return false;
            listen_until(bench, bench_now_ns() + POLL_MS * 1000000u);
            poll_stores(bench);
        }
        listen_until(bench, bench_now_ns() + bench->pause_ms * 1000000u);
    }
    return true;
}

/* ---- Start ----------------------------------------------------------------------------------- */

static bool reader_open(struct reader *reader)
{
    reader->scratch = malloc(BODY_UNPACKED_SIZE_MAX);
    reader->ack = malloc(sizeof(*reader->ack));
    reader->run = malloc(sizeof(*reader->run));
    reader->batch = malloc(sizeof(*reader->batch));
    reader->track = malloc(sizeof(*reader->track));
    return reader->scratch != NULL && reader->ack != NULL && reader->run != NULL &&
           reader->batch != NULL && reader->track != NULL &&
           unpacker_open(&reader->unpacker) == ST_OK &&
           compressor_open(&reader->compressor) == ST_OK && hasher_open(&reader->hasher) == ST_OK;
}

static bool parse(int argc, char **argv, struct bench *bench)
{
    static const struct option options[] = {{"edge", required_argument, NULL, 'e'},
                                            {"cloud", required_argument, NULL, 'c'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"node", required_argument, NULL, 'n'},
                                            {"rounds", required_argument, NULL, 'r'},
                                            {"pause-ms", required_argument, NULL, 'm'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"root", required_argument, NULL, 't'},
                                            {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'e') bench->edge = optarg;
        if (option == 'c') bench->cloud = optarg;
        if (option == 'p') bench->port = (int)strtol(optarg, NULL, 10);
        if (option == 'n') bench->node = optarg;
        if (option == 'r') bench->rounds = (unsigned)strtoul(optarg, NULL, 10);
        if (option == 'm') bench->pause_ms = (unsigned)strtoul(optarg, NULL, 10);
        if (option == 's') bench->seconds = strtod(optarg, NULL);
        if (option == 't') bench->root = optarg;
        if (option == '?') return false;
    }
    return bench->edge != NULL && bench->cloud != NULL && bench->node != NULL && bench->port > 0 &&
           bench->rounds > 0 && bench->rounds <= ROUNDS_MAX;
}

static int by_value(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
    static struct bench bench = {.root = "hf/v1", .rounds = 5, .pause_ms = 700, .seconds = 60};
    if (!parse(argc, argv, &bench)) {
        fputs("usage: bench_pressure --edge D --cloud D --port P --node N [--rounds R] "
              "[--pause-ms M] [--seconds S] [--root R]\n",
              stderr);
        return 2;
    }
    bench.asker = bench_asker_open();
    if (bench.asker == NULL || !reader_open(&bench.reader)) fail("no memory");
    mosquitto_lib_init();
    watch(&bench);
    bench.frame_bytes = bench.first_bytes = 0;
    const uint64_t start_ns = bench_now_ns();
    const bool good = run(&bench);
    const double seconds = (double)(bench_now_ns() - start_ns) / 1e9;
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        const size_t count = bench.counts[kind];
        if (!bench.there[kind])
            fprintf(stderr, "bench_pressure: %s did not arrive\n", bench.text[kind]);
        if (count == 0) continue;
        qsort(bench.latency_ms[kind], count, sizeof(double), by_value);
        printf("kind %s rounds %zu p50_ms %.0f max_ms %.0f\n", kind_words[kind], count,
               bench.latency_ms[kind][count / 2], bench.latency_ms[kind][count - 1]);
    }
    printf("seconds %.3f frame_bytes %llu first_bytes %llu\n", seconds,
           (unsigned long long)bench.frame_bytes, (unsigned long long)bench.first_bytes);
    return good ? 0 : 75;
}
