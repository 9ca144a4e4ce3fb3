/* bench_config_main.c - how long a config value takes from the cloud's operator to the applications
 * on many edges.
 *
 *   bench_config --cloud D --port P... --edges N [--rounds R] [--key K] [--seconds S]
 * Sets the key at the cloud, over its control socket, R times, and waits each time until the value
 * was published N times on local/config/K at the local brokers, whose ports are given (--port once
 * for each; a broker of its own for each edge, as on a real node, or edges hear each other). Prints
 *   rounds R arrivals A p50_ms X p99_ms Y max_ms Z
 * over all arrivals, from before the request to the publish. Exit code 75 when some did not come.
 * */
#include <getopt.h>
#include <mosquitto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench_ask.h"
#include "tests/bench/payloads.h"

enum { ARRIVALS_MAX = 100000, TEXT_SIZE = 128, BROKERS_MAX = 1024 };

struct bench {
    const char *cloud, *key;
    int ports[BROKERS_MAX];
    size_t broker_count, subscribed;
    pthread_mutex_t lock; /* each client has a thread of its own */
    unsigned edges, rounds;
    double seconds;
    char wanted[TEXT_SIZE]; /* what a payload of this round contains */
    uint64_t round_ns;
    unsigned arrived; /* in this round */
    size_t count;
    double latency_ms[ARRIVALS_MAX];
};

static void on_connect(struct mosquitto *client, void *context, int reason)
{
    char topic[TEXT_SIZE];
    const struct bench *const bench = context;
    snprintf(topic, sizeof(topic), "local/config/%s", bench->key);
    if (reason == 0) mosquitto_subscribe(client, NULL, topic, 0);
}

static void on_subscribe(struct mosquitto *client, void *context, int mid, int count,
                         const int *granted)
{
    (void)client;
    (void)mid;
    (void)count;
    (void)granted;
    struct bench *const bench = context;
    pthread_mutex_lock(&bench->lock);
    bench->subscribed++;
    pthread_mutex_unlock(&bench->lock);
}

static void on_message(struct mosquitto *client, void *context,
                       const struct mosquitto_message *message)
{
    struct bench *const bench = context;
    (void)client;
    if (message->payloadlen <= 0) return;
    pthread_mutex_lock(&bench->lock);
    const size_t wanted_size = strlen(bench->wanted);
    if (wanted_size > 0 &&
        memmem(message->payload, (size_t)message->payloadlen, bench->wanted, wanted_size) != NULL) {
        bench->arrived++;
        if (bench->count < ARRIVALS_MAX)
            bench->latency_ms[bench->count++] = (double)(bench_now_ns() - bench->round_ns) / 1e6;
    }
    pthread_mutex_unlock(&bench->lock);
}

static unsigned arrived(struct bench *bench)
{
    pthread_mutex_lock(&bench->lock);
    const unsigned count = bench->arrived;
    pthread_mutex_unlock(&bench->lock);
    return count;
}

static bool round_trip(struct bench *bench, struct bench_asker *asker, unsigned round)
{
    char value[TEXT_SIZE];
    snprintf(value, sizeof(value), "round-%u-of-%ld", round, (long)getpid());
    pthread_mutex_lock(&bench->lock);
    snprintf(bench->wanted, sizeof(bench->wanted), "%s", value);
    bench->arrived = 0;
    bench->round_ns = bench_now_ns();
    pthread_mutex_unlock(&bench->lock);
    const struct verb_argument arguments[] = {
        {BYTES_LITERAL("key"), bytes_of_text(bench->key)},
        {BYTES_LITERAL("value"), bytes_of_text(value)},
        {BYTES_LITERAL("scope"), BYTES_LITERAL("fleet")},
    };
    if (!bench_ask(asker, bench->cloud, "config-set", arguments, 3)) return false;
    if (bench_ask_status(asker) != ST_OK) return false;
    const uint64_t end_ns = bench->round_ns + (uint64_t)(bench->seconds * 1e9);
    while (arrived(bench) < bench->edges && bench_now_ns() < end_ns)
        usleep(1000);
    return arrived(bench) >= bench->edges;
}

static int by_value(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static bool all_subscribed(struct bench *bench)
{
    pthread_mutex_lock(&bench->lock);
    const bool all = bench->subscribed == bench->broker_count;
    pthread_mutex_unlock(&bench->lock);
    return all;
}

static bool run(struct bench *bench, struct bench_asker *asker)
{
    static struct mosquitto *clients[BROKERS_MAX];
    bool good = true;
    for (size_t i = 0; good && i < bench->broker_count; i++) {
        clients[i] = mosquitto_new(NULL, true, bench);
        mosquitto_connect_callback_set(clients[i], on_connect);
        mosquitto_subscribe_callback_set(clients[i], on_subscribe);
        mosquitto_message_callback_set(clients[i], on_message);
        good =
            mosquitto_connect(clients[i], "127.0.0.1", bench->ports[i], 60) == MOSQ_ERR_SUCCESS &&
            mosquitto_loop_start(clients[i]) == MOSQ_ERR_SUCCESS;
    }
    for (int i = 0; good && !all_subscribed(bench) && i < 1000; i++)
        usleep(10000);
    for (unsigned round = 0; good && round < bench->rounds; round++)
        good = round_trip(bench, asker, round);
    for (size_t i = 0; i < bench->broker_count && clients[i] != NULL; i++) {
        mosquitto_disconnect(clients[i]);
        mosquitto_loop_stop(clients[i], true);
        mosquitto_destroy(clients[i]);
    }
    return good;
}

static bool parse(int argc, char **argv, struct bench *bench)
{
    static const struct option options[] = {{"cloud", required_argument, NULL, 'c'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"edges", required_argument, NULL, 'e'},
                                            {"rounds", required_argument, NULL, 'r'},
                                            {"key", required_argument, NULL, 'k'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'c') bench->cloud = optarg;
        if (option == 'p' && bench->broker_count < BROKERS_MAX)
            bench->ports[bench->broker_count++] = (int)strtol(optarg, NULL, 10);
        if (option == 'e') bench->edges = (unsigned)strtoul(optarg, NULL, 10);
        if (option == 'r') bench->rounds = (unsigned)strtoul(optarg, NULL, 10);
        if (option == 'k') bench->key = optarg;
        if (option == 's') bench->seconds = strtod(optarg, NULL);
        if (option == '?') return false;
    }
    return bench->cloud != NULL && bench->broker_count > 0 && bench->edges > 0;
}

int main(int argc, char **argv)
{
    static struct bench bench = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .key = "bench", .rounds = 20, .seconds = 30};
    if (!parse(argc, argv, &bench)) {
        fputs("usage: bench_config --cloud D --port P... --edges N [--rounds R] [--key K] "
              "[--seconds S]\n",
              stderr);
        return 2;
    }
    struct bench_asker *const asker = bench_asker_open();
    if (asker == NULL) return 1;
    mosquitto_lib_init();
    const bool good = run(&bench, asker);
    bench_asker_close(asker);
    if (!good) {
        fprintf(stderr, "bench_config: %u of %u edges published \"%s\"\n", bench.arrived,
                bench.edges, bench.wanted);
        return 75;
    }
    qsort(bench.latency_ms, bench.count, sizeof(bench.latency_ms[0]), by_value);
    printf("rounds %u arrivals %zu p50_ms %.1f p99_ms %.1f max_ms %.1f\n", bench.rounds,
           bench.count, bench.latency_ms[bench.count / 2], bench.latency_ms[bench.count * 99 / 100],
           bench.latency_ms[bench.count - 1]);
    return 0;
}
