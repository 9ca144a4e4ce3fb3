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
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/wire/control_msg.h"
#include "tests/bench/payloads.h"

enum { ASK_PAUSE_US = 500, WAIT_S = 60 };

static bool read_exactly(int fd, uint8_t *out, size_t size)
{
    while (size > 0) {
        const ssize_t got = recv(fd, out, size, 0);
        if (got <= 0) return false;
        out += got;
        size -= (size_t)got;
    }
    return true;
}

/* True when the daemon answered a status request to its end. */
static bool ask(const char *directory, struct unpacker *unpacker, struct control_reply *reply,
                uint8_t *message)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", directory);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool over = false;
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        struct buf request = buf_of(message + 4, 1024);
        verb_request_encode(&request, BYTES_LITERAL("status"), NULL, 0);
        put_u32(message, (uint32_t)request.size);
        bool going = send(fd, message, request.size + 4, MSG_NOSIGNAL) > 0;
        while (going && !over) {
            going = read_exactly(fd, message, 4);
            const size_t size = going ? get_u32(message) : 0;
            going = going && size <= CONTROL_MESSAGE_SIZE_MAX && read_exactly(fd, message, size) &&
                    control_reply_decode(unpacker, bytes_of(message, size), reply) == ST_OK;
            over = going && reply->kind == REPLY_END;
        }
    }
    if (fd >= 0) close(fd);
    return over;
}

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
    struct unpacker *unpacker = NULL;
    struct control_reply *reply = malloc(sizeof(*reply));
    uint8_t *message = malloc(CONTROL_MESSAGE_SIZE_MAX + 4);
    if (argc < 4 || strcmp(argv[1], "--dir") != 0) {
        fputs("usage: bench_start --dir D COMMAND ARGUMENT...\n", stderr);
        return 2;
    }
    if (reply == NULL || message == NULL || unpacker_open(&unpacker) != ST_OK) return 1;
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
        ready = ask(argv[2], unpacker, reply, message);
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
    unpacker_close(unpacker);
    free(message);
    free(reply);
    return ready ? 0 : 75;
}
