/* notify_main.c - stands for a service manager: notify SOCKET COMMAND... makes the socket, starts
 * the command with it and with a watchdog of WATCHDOG_USEC (when that is set), and prints each
 * datagram as a line until the command ends; its exit code is the command's. SIGTERM is handed on.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POLL_MS = 50, LINE_SIZE_MAX = 512 };

static volatile sig_atomic_t child;

static void on_term(int number)
{
    if (child > 0) kill((pid_t)child, number);
}

static int manager_open(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -1;
    memcpy(address.sun_path, path, strlen(path));
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(path);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0) return fd;
    return -1;
}

static void lines_print(int fd)
{
    char line[LINE_SIZE_MAX];
    ssize_t size;
    while ((size = recv(fd, line, sizeof line, 0)) >= 0)
        printf("%.*s\n", (int)size, line);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int state = 0;
    const int fd = argc > 2 ? manager_open(argv[1]) : -1;
    if (fd < 0) {
        fprintf(stderr, "usage: notify SOCKET COMMAND...\n");
        return 64;
    }
    setenv("NOTIFY_SOCKET", argv[1], 1);
    signal(SIGTERM, on_term);
    child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    while (waitpid((pid_t)child, &state, WNOHANG) == 0) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, POLL_MS) > 0) lines_print(fd);
    }
    lines_print(fd);
    return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}
