/* bench_config_main.c - how long a config value takes from the cloud's operator to the applications
 * on many edges.
 *
 *   bench_config --cloud D --port P --edges N [--rounds R] [--key K] [--seconds S]
 * Sets the key at the cloud, over its control socket, R times, and waits each time until the value
 * was published N times on local/config/K at the local broker (one broker that all N edges share,
 * so that one subscriber sees them all). Prints
 *   rounds R arrivals A p50_ms X p99_ms Y max_ms Z
 * over all arrivals, from before the request to the publish. Exit code 75 when some did not come.
 * */
#include <getopt.h>
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench_ask.h"
#include "tests/bench/payloads.h"

enum { ARRIVALS_MAX = 100000, TEXT_SIZE = 128 };

struct bench {
    const char *cloud, *key;
    int port;
    unsigned edges, rounds;
    double seconds;
    char wanted[TEXT_SIZE]; /* what a payload of this round contains */
    uint64_t round_ns;
    unsigned arrived; /* in this round */
    bool subscribed;
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
    ((struct bench *)context)->subscribed = true;
}

static void on_message(struct mosquitto *client, void *context,
                       const struct mosquitto_message *message)
{
    struct bench *const bench = context;
    (void)client;
    if (message->payloadlen <= 0 || bench->wanted[0] == '\0') return;
    if (memmem(message->payload, (size_t)message->payloadlen, bench->wanted,
               strlen(bench->wanted)) == NULL)
        return;
    bench->arrived++;
    if (bench->count < ARRIVALS_MAX)
        bench->latency_ms[bench->count++] = (double)(bench_now_ns() - bench->round_ns) / 1e6;
}

static bool round_trip(struct bench *bench, struct mosquitto *client, struct bench_asker *asker,
                       unsigned round)
{
    char value[TEXT_SIZE];
    snprintf(value, sizeof(value), "round-%u-of-%ld", round, (long)getpid());
    snprintf(bench->wanted, sizeof(bench->wanted), "%s", value);
    bench->arrived = 0;
    bench->round_ns = bench_now_ns();
    const struct verb_argument arguments[] = {
        {BYTES_LITERAL("key"), bytes_of_text(bench->key)},
        {BYTES_LITERAL("value"), bytes_of_text(value)},
        {BYTES_LITERAL("scope"), BYTES_LITERAL("fleet")},
    };
    if (!bench_ask(asker, bench->cloud, "config-set", arguments, 3)) return false;
    if (bench_ask_status(asker) != ST_OK) return false;
    const uint64_t end_ns = bench->round_ns + (uint64_t)(bench->seconds * 1e9);
    while (bench->arrived < bench->edges && bench_now_ns() < end_ns)
        mosquitto_loop(client, 5, 1);
    return bench->arrived >= bench->edges;
}

static int by_value(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static bool run(struct bench *bench, struct bench_asker *asker)
{
    struct mosquitto *const client = mosquitto_new("bench-config", true, bench);
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_subscribe_callback_set(client, on_subscribe);
    mosquitto_message_callback_set(client, on_message);
    bool good = mosquitto_connect(client, "127.0.0.1", bench->port, 60) == MOSQ_ERR_SUCCESS;
    for (int i = 0; good && !bench->subscribed && i < 1000; i++)
        mosquitto_loop(client, 10, 1);
    for (unsigned round = 0; good && round < bench->rounds; round++)
        good = round_trip(bench, client, asker, round);
    mosquitto_destroy(client);
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
        if (option == 'p') bench->port = (int)strtol(optarg, NULL, 10);
        if (option == 'e') bench->edges = (unsigned)strtoul(optarg, NULL, 10);
        if (option == 'r') bench->rounds = (unsigned)strtoul(optarg, NULL, 10);
        if (option == 'k') bench->key = optarg;
        if (option == 's') bench->seconds = strtod(optarg, NULL);
        if (option == '?') return false;
    }
    return bench->cloud != NULL && bench->port > 0 && bench->edges > 0;
}

int main(int argc, char **argv)
{
    static struct bench bench = {.key = "bench", .rounds = 20, .seconds = 30};
    if (!parse(argc, argv, &bench)) {
        fputs("usage: bench_config --cloud D --port P --edges N [--rounds R] [--key K] "
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
