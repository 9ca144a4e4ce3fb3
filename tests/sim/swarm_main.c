/* swarm_main.c - random worlds from one seed on; each failure prints the command that replays it.
 *
 *   swarm --seed S --count N [--long] [--trace] [--frames] [--verbose] [--all] [--tap] [--jobs J]
 *         [--mutant NAME]
 *
 * World number i has the seed S + i. --trace shows the first world's trace, --frames every frame
 * too; --verbose tells each world's sums; --all goes on after a failure and tells every one on
 * stderr. Some worlds run twice: the same seed must give the same trace. The exit code is 1 when a
 * promise broke. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/world.h"

enum { JOBS_MAX = 16, TWICE_EVERY = 50, VERIFY_EVERY = 3, WORLDS_PER_TEST = 100 };

struct swarm_options {
    uint64_t seed, count;
    bool long_worlds, trace, verbose, frames, all, tap;
    unsigned jobs;
    enum world_mutant mutant;
};

struct swarm_result {
    uint64_t worlds, failed_seed;
    bool failed;
    char failure[WORLD_LINE_SIZE];
    struct world_counts counts;
    uint64_t hours_ms; /* virtual */
};

static const char *const mutants[MUTANT_COUNT] = {"none",
                                                  "speak-before-commit",
                                                  "trust-puback",
                                                  "edge-not-synced",
                                                  "cloud-not-synced",
                                                  "one-incarnation",
                                                  "sent-is-taken",
                                                  "clamps",
                                                  "forgets-refusals",
                                                  "no-echo",
                                                  "keeps-horizon"};

static void add_counts(struct world_counts *sum, const struct world_counts *counts)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)counts;
    for (size_t i = 0; i < sizeof(*sum) / sizeof(uint64_t); i++)
        to[i] += from[i];
}

static uint64_t run_world(const struct swarm_options *options, uint64_t seed, bool trace,
                          struct swarm_result *result)
{
    struct rng rng;
    rng_seed(&rng, seed);
    const struct fault_model faults = fault_model_draw(&rng, options->long_worlds);
    const struct world_options world_options = {
        .seed = rng_next(&rng),
        .faults = faults,
        .mutant = options->mutant,
        .skip_verify = seed % VERIFY_EVERY != 0,
        .verbose = trace,
        .frames = trace && options->frames,
    };
    struct world *world = world_open(&world_options);
    if (!world->failed) (void)world_live(world);
    const uint64_t hash = world->trace_hash;
    add_counts(&result->counts, &world->counts);
    result->hours_ms += world->now_ns / SIM_MS;
    if (world->failed && !result->failed) {
        result->failed = true;
        result->failed_seed = seed;
        memcpy(result->failure, world->failure, sizeof(result->failure));
    }
    if (options->all && world->failed) {
        fprintf(stderr, "seed %" PRIu64 ": %s\n", seed, world->failure);
    }
    if (options->verbose) {
        fprintf(stderr,
                "seed %" PRIu64 ": %" PRIu64 " events, %" PRIu64 " entries, %" PRIu64
                " crashes, %" PRIu64 " ms, trace %016" PRIx64 "\n",
                seed, world->counts.events, world->counts.entries, world->counts.crashes,
                world->now_ns / SIM_MS, hash);
    }
    world_close(world);
    return hash;
}

/* Every jobs-th world from first on. */
static void run_share(const struct swarm_options *options, uint64_t first,
                      struct swarm_result *result)
{
    for (uint64_t i = first; i < options->count && (options->all || !result->failed);
         i += options->jobs) {
        const uint64_t seed = options->seed + i;
        const uint64_t hash = run_world(options, seed, options->trace && i == 0, result);
        result->worlds++;
        if (result->failed || i % TWICE_EVERY != 0) continue;
        struct swarm_result again = {0};
        if (run_world(options, seed, false, &again) == hash) continue;
        result->failed = true;
        result->failed_seed = seed;
        snprintf(result->failure, sizeof(result->failure),
                 "oracle 'same seed, same trace' broke at 0 ms: two runs of one seed differ");
    }
}

static bool read_whole(int from, void *out, size_t size)
{
    size_t have = 0;
    while (have < size) {
        const ssize_t got = read(from, (uint8_t *)out + have, size - have);
        if (got <= 0) return false;
        have += (size_t)got;
    }
    return true;
}

/* A share of the worlds in a process of its own: engines have no globals, but signals and memory
 * faults should hit one share only. */
static int start_share(const struct swarm_options *options, unsigned job, int *from)
{
    int ends[2];
    if (pipe(ends) != 0) return -1;
    const pid_t child = fork();
    if (child != 0) {
        close(ends[1]);
        *from = ends[0];
        return child;
    }
    close(ends[0]);
    struct swarm_result result = {0};
    run_share(options, job, &result);
    const ssize_t wrote = write(ends[1], &result, sizeof(result));
    _exit(wrote == (ssize_t)sizeof(result) ? 0 : 2);
}

static bool run_all(const struct swarm_options *options, struct swarm_result *sum)
{
    int children[JOBS_MAX], pipes[JOBS_MAX];
    bool whole = true;
    if (options->jobs == 1) { /* in this process, so that a debugger sees it */
        run_share(options, 0, sum);
        return true;
    }
    for (unsigned job = 0; job < options->jobs; job++) {
        children[job] = start_share(options, job, &pipes[job]);
        if (children[job] < 0) return false;
    }
    for (unsigned job = 0; job < options->jobs; job++) {
        struct swarm_result result = {0};
        int status = 0;
        const bool got = read_whole(pipes[job], &result, sizeof(result));
        close(pipes[job]);
        waitpid(children[job], &status, 0);
        whole = whole && got && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        sum->worlds += result.worlds;
        sum->hours_ms += result.hours_ms;
        add_counts(&sum->counts, &result.counts);
        if (!result.failed || (sum->failed && sum->failed_seed < result.failed_seed)) continue;
        sum->failed = true;
        sum->failed_seed = result.failed_seed;
        memcpy(sum->failure, result.failure, sizeof(sum->failure));
    }
    return whole;
}

static void print_sums(const struct swarm_options *options, const struct swarm_result *sum,
                       double seconds)
{
    const struct world_counts *counts = &sum->counts;
    printf("%s%" PRIu64 " worlds, %" PRIu64 " events, %" PRIu64 " entries, %" PRIu64
           " receipts, %" PRIu64 " crashes (%" PRIu64 " power cuts), %" PRIu64
           " failed batches, %.1f virtual hours, %.1f s\n",
           options->tap ? "# " : "", sum->worlds, counts->events, counts->entries, counts->receipts,
           counts->crashes, counts->power_cuts, counts->disk_faults,
           (double)sum->hours_ms / 3600000.0, seconds);
}

static int usage(void)
{
    fprintf(stderr, "usage: swarm --seed S --count N [--long] [--trace] [--frames] [--verbose]"
                    " [--all] [--tap] [--jobs J] [--mutant NAME]\n");
    return 2;
}

static bool read_options(int count, char **words, struct swarm_options *out)
{
    *out = (struct swarm_options){.seed = 1, .count = 100, .jobs = 2};
    for (int i = 1; i < count; i++) {
        const char *word = words[i], *value = i + 1 < count ? words[i + 1] : "";
        bool takes_value = true;
        if (strcmp(word, "--seed") == 0) {
            out->seed = strtoull(value, NULL, 10);
        } else if (strcmp(word, "--count") == 0) {
            out->count = strtoull(value, NULL, 10);
        } else if (strcmp(word, "--jobs") == 0) {
            out->jobs = (unsigned)strtoul(value, NULL, 10);
        } else if (strcmp(word, "--mutant") == 0) {
            for (unsigned m = 0; m < MUTANT_COUNT; m++) {
                if (strcmp(value, mutants[m]) == 0) out->mutant = (enum world_mutant)m;
            }
        } else {
            takes_value = false;
            if (strcmp(word, "--long") == 0)
                out->long_worlds = true;
            else if (strcmp(word, "--trace") == 0)
                out->trace = true;
            else if (strcmp(word, "--verbose") == 0)
                out->verbose = true;
            else if (strcmp(word, "--frames") == 0)
                out->trace = out->frames = true;
            else if (strcmp(word, "--all") == 0)
                out->all = true;
            else if (strcmp(word, "--tap") == 0)
                out->tap = true;
            else
                return false;
        }
        if (takes_value) i++;
    }
    return out->count > 0 && out->jobs > 0 && out->jobs <= JOBS_MAX;
}

static void print_tap(const struct swarm_options *options, const struct swarm_result *sum)
{
    const uint64_t tests = (options->count + WORLDS_PER_TEST - 1) / WORLDS_PER_TEST;
    printf("1..%" PRIu64 "\n", tests);
    for (uint64_t i = 0; i < tests; i++) {
        const uint64_t first = options->seed + i * WORLDS_PER_TEST;
        const bool bad =
            sum->failed && sum->failed_seed >= first && sum->failed_seed < first + WORLDS_PER_TEST;
        printf("%s %" PRIu64 " - worlds from seed %" PRIu64 "\n", bad ? "not ok" : "ok", i + 1,
               first);
    }
}

static void print_replay(const struct swarm_options *options, uint64_t seed)
{
    if (options->mutant == MUTANT_NONE && !options->long_worlds) {
        printf("replay: make sim SEED=%" PRIu64 " N=1\n", seed);
    } else {
        printf("replay: swarm --seed %" PRIu64 " --count 1 --mutant %s%s\n", seed,
               mutants[options->mutant], options->long_worlds ? " --long" : "");
    }
}

int main(int count, char **words)
{
    struct swarm_options options;
    struct swarm_result sum = {0};
    struct timespec begin, end;
    if (!read_options(count, words, &options)) return usage();
    if (options.count < options.jobs || options.trace) options.jobs = 1;
    if (crypto_start() != ST_OK) return 2;
    /* Engines open with much scratch memory that a short world hardly touches: fresh pages are zero
     * for nothing, reused ones would be cleared at every restart. */
    mallopt(M_MMAP_THRESHOLD, 256 * 1024);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    const bool whole = run_all(&options, &sum);
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (options.tap) print_tap(&options, &sum);
    if (sum.failed) {
        printf("sim: %s\n", sum.failure);
        print_replay(&options, sum.failed_seed);
    } else if (!whole) {
        printf("sim: a share of the worlds died; run with --jobs 1 --verbose to see the seed\n");
    }
    const double seconds =
        (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    print_sums(&options, &sum, seconds);
    return whole && !sum.failed ? 0 : 1;
}
