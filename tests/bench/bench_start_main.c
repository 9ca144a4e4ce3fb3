/* bench_start_main.c - how long a daemon takes from its exec to its first answer.
 *
 *   bench_start --dir D COMMAND ARGUMENT...
 * Starts the command, asks its control socket in D for its status until it answers, ends it with
 * SIGTERM and prints
 *   ready_ms A peak_kib B stop_ms C exit E
 * where B is the greatest resident memory (VmHWM) until the answer. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench_ask.h"
#include "tests/bench/payloads.h"

enum { ASK_PAUSE_US = 500, WAIT_S = 60 };

static long peak_kib(pid_t pid)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0) kib = strtol(line + 6, NULL, 10);
    }
    if (file != NULL) fclose(file);
    return kib;
}

int main(int argc, char **argv)
{
    if (argc < 4 || strcmp(argv[1], "--dir") != 0) {
        fputs("usage: bench_start --dir D COMMAND ARGUMENT...\n", stderr);
        return 2;
    }
    struct bench_asker *const asker = bench_asker_open();
    if (asker == NULL) return 1;
    const uint64_t start_ns = bench_now_ns();
    const pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[3], argv + 3);
        fprintf(stderr, "bench_start: %s: %s\n", argv[3], strerror(errno));
        _exit(127);
    }
    bool ready = false;
    int ended = 0;
    while (!ready && ended == 0 && bench_now_ns() - start_ns < WAIT_S * 1000000000ull) {
        ready = bench_ask(asker, argv[2], "status", NULL, 0);
        if (!ready) {
            usleep(ASK_PAUSE_US);
            ended = waitpid(pid, NULL, WNOHANG);
        }
    }
    const uint64_t ready_ns = bench_now_ns();
    const long peak = peak_kib(pid);
    int status = 0;
    if (ended == 0) {
        kill(pid, SIGTERM);
        waitpid(pid, &status, 0);
    }
    printf("ready_ms %.1f peak_kib %ld stop_ms %.1f exit %d\n", (double)(ready_ns - start_ns) / 1e6,
           peak, (double)(bench_now_ns() - ready_ns) / 1e6,
           WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    bench_asker_close(asker);
    return ready ? 0 : 75;
}
