/* bench_publish_main.c - evidence through a local broker, with a receipt each.
 *
 *   bench_publish --port P [--publishers N] [--window W] [--count C] [--bytes 256]
 *                 [--payload json|random] [--topic T] [--ids PREFIX] [--no-receipts] [--seconds S]
 * N publishers together hand in C payloads; each has at most W without receipt. With --no-receipts
 * the broker's PUBACK is all that is waited for (any broker). Prints
 *   entries E seconds T per_second R p50_ms A p99_ms B repeated X refused Y
 * Exit code 75 when not all was accepted in S seconds. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/payloads.h"

enum { PUBLISHERS_MAX = 256 };

struct publish_bench {
    struct feeder_settings settings;
    const char *kind, *ids;
    size_t publishers, count, bytes;
    double seconds;
};

static bool parse(int argc, char **argv, struct publish_bench *bench)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"publishers", required_argument, NULL, 'n'},
                                            {"window", required_argument, NULL, 'w'},
                                            {"count", required_argument, NULL, 'c'},
                                            {"bytes", required_argument, NULL, 'z'},
                                            {"payload", required_argument, NULL, 'k'},
                                            {"topic", required_argument, NULL, 't'},
                                            {"ids", required_argument, NULL, 'i'},
                                            {"no-receipts", no_argument, NULL, 'r'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'p') bench->settings.port = (int)strtol(optarg, NULL, 10);
        if (option == 'n') bench->publishers = strtoul(optarg, NULL, 10);
        if (option == 'w') bench->settings.window = strtoul(optarg, NULL, 10);
        if (option == 'c') bench->count = strtoul(optarg, NULL, 10);
        if (option == 'z') bench->bytes = strtoul(optarg, NULL, 10);
        if (option == 'k') bench->kind = optarg;
        if (option == 't') bench->settings.topic = optarg;
        if (option == 'i') bench->ids = optarg;
        if (option == 'r') bench->settings.receipts = false;
        if (option == 's') bench->seconds = strtod(optarg, NULL);
        if (option == '?') return false;
    }
    return bench->settings.port > 0 && bench->publishers >= 1 &&
           bench->publishers <= PUBLISHERS_MAX && bench->count >= bench->publishers;
}

struct names {
    char client[24];
    char prefix[64];
};

static bool open_feeders(struct publish_bench *bench, const struct payloads *payloads,
                         struct names *names, struct feeder **feeders)
{
    const size_t share = bench->count / bench->publishers;
    for (size_t i = 0; i < bench->publishers; i++) {
        struct feeder_settings settings = bench->settings;
        /* Correlation data serve as ids, so they must not be those of an earlier run. */
        snprintf(names[i].client, sizeof(names[i].client), "b%u-%u", (unsigned)getpid(),
                 (unsigned)i + 1);
        snprintf(names[i].prefix, sizeof(names[i].prefix), "%s-%zu-", bench->ids, i + 1);
        settings.client_id = names[i].client;
        settings.id_prefix = bench->ids[0] == '\0' ? NULL : names[i].prefix;
        settings.payloads = payloads->items + i * share;
        settings.payload_count = i + 1 < bench->publishers ? share : bench->count - i * share;
        feeders[i] = feeder_open(&settings);
        if (feeders[i] == NULL) return false;
    }
    return true;
}

static void report(const struct publish_bench *bench, struct feeder **feeders, double seconds)
{
    size_t accepted = 0, repeated = 0, refused = 0;
    double p50 = 0, p99 = 0;
    for (size_t i = 0; i < bench->publishers; i++) {
        const struct feeder_counts *counts = feeder_counts_of(feeders[i]);
        accepted += counts->accepted;
        repeated += counts->repeated;
        refused += counts->refused;
        p50 += feeder_latency_ms(feeders[i], 500) / (double)bench->publishers;
        const double own_p99 = feeder_latency_ms(feeders[i], 990);
        if (own_p99 > p99) p99 = own_p99; /* of the worst publisher */
        if (counts->refused > 0) fprintf(stderr, "bench_publish: %s\n", counts->refusal);
        feeder_close(feeders[i]);
    }
    printf("entries %zu seconds %.3f per_second %.0f p50_ms %.3f p99_ms %.3f repeated %zu "
           "refused %zu\n",
           accepted, seconds, (double)accepted / seconds, p50, p99, repeated, refused);
}

int main(int argc, char **argv)
{
    static struct publish_bench bench = {.settings = {.host = "127.0.0.1",
                                                      .topic = "local/evidence/ais",
                                                      .window = 100,
                                                      .receipts = true,
                                                      .receipt_qos = 1,
                                                      .repeat_ms = 5000},
                                         .kind = "json",
                                         .ids = "",
                                         .publishers = 1,
                                         .count = 20000,
                                         .bytes = 256,
                                         .seconds = 600};
    static struct names names[PUBLISHERS_MAX];
    static struct feeder *feeders[PUBLISHERS_MAX];
    struct payloads payloads;
    if (!parse(argc, argv, &bench)) {
        fputs("usage: bench_publish --port P [--publishers N] [--window W] [--count C] [--bytes Z] "
              "[--payload json|random] [--topic T] [--ids PREFIX] [--no-receipts] [--seconds S]\n",
              stderr);
        return 2;
    }
    if (!payloads_open(bench.kind, bench.count, bench.bytes, 1, &payloads) ||
        !open_feeders(&bench, &payloads, names, feeders)) {
        fputs("bench_publish: cannot start\n", stderr);
        return 1;
    }
    const uint64_t start_ns = bench_now_ns();
    const bool all = feeders_run(feeders, bench.publishers, bench.seconds);
    report(&bench, feeders, (double)(bench_now_ns() - start_ns) / 1e9);
    payloads_close(&payloads);
    return all ? 0 : 75;
}
