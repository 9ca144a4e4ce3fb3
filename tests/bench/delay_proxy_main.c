/* delay_proxy_main.c - a TCP proxy that is slow, narrow or cut on purpose.
 *
 *   delay_proxy --listen PORT --to HOST:PORT [--delay-ms D] [--rate-bytes-s R] [--cut-file F]
 *
 * D is the round trip that the proxy adds (half of it each way), R the bytes per second of each
 * direction over all connections. While the file F exists the link is cut: every connection is
 * reset and new ones are reset at once; if F holds the word "hold", connections stay and nothing
 * passes, as on a dead radio link. Each SIGUSR1, and the end of the program, prints one line
 *   connections N up_bytes U down_bytes V
 * of payload bytes that have been passed on ("up": from those who connect). PORT 0 takes a free
 * port; the first line printed is "listening PORT". */
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    QUICK_RING_SIZE = 256 * 1024,      /* without a delay */
    SLOW_RING_SIZE = 32 * 1024 * 1024, /* what fits on the way at 1 GB/s and 32 ms */
    MARKS_MAX = 8192,
    NARROW_QUEUE_SIZE = 32 * 1024,  /* what waits before a narrow line; */
    NARROW_SOCKET_SIZE = 16 * 1024, /* the kernel doubles it, so 64 KiB in all */
    SEGMENT_SIZE = 1448,
    CUT_POLL_MS = 20,
    EVENTS_MAX = 64,
};

enum direction { UP, DOWN };
enum cut_state { CUT_NONE, CUT_RESET, CUT_HOLD };

/* Bytes up to `end` may leave at due_ns. */
struct mark {
    uint64_t end, due_ns;
};

struct flow {
    enum direction direction;
    int from, to;
    uint8_t *ring;
    uint64_t read, written; /* bytes ever; their difference is in the ring */
    struct mark marks[MARKS_MAX];
    uint64_t mark_first, mark_end;
    bool ended;   /* no more from `from` */
    bool blocked; /* `to` takes no more for the moment */
};

/* What epoll gives back: which end of which session. */
struct end {
    struct session *session;
    int fd;
    uint32_t interest;
    bool gone; /* hung up; what it said is still on its way */
};

struct session {
    struct session *next;
    struct end client, server;
    struct flow flows[2];
    bool dead;
};

struct proxy {
    int epoll, listener, signals;
    struct sockaddr_storage to;
    socklen_t to_size;
    uint64_t delay_ns, rate, ring_size;
    const char *cut_file;
    enum cut_state cut;
    uint64_t line_free_ns[2]; /* when each direction has sent all that was given to it */
    uint64_t bytes[2], connections;
    struct session *sessions;
    bool stopping;
};

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "delay_proxy: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void print_counts(const struct proxy *proxy)
{
    printf("connections %llu up_bytes %llu down_bytes %llu\n",
           (unsigned long long)proxy->connections, (unsigned long long)proxy->bytes[UP],
           (unsigned long long)proxy->bytes[DOWN]);
    fflush(stdout);
}

/* ---- one direction of one connection ---- */

static uint64_t flow_queued(const struct flow *flow)
{
    return flow->read - flow->written;
}

/* A narrow line is not hidden behind a huge buffer: there is room for what a modem would hold, and
 * for what is under way. */
static uint64_t flow_room(const struct proxy *proxy, const struct flow *flow)
{
    uint64_t limit = proxy->ring_size;
    if (proxy->rate > 0) {
        const uint64_t under_way = (uint64_t)((double)proxy->rate * (double)proxy->delay_ns / 1e9);
        if (under_way + NARROW_QUEUE_SIZE < limit) limit = under_way + NARROW_QUEUE_SIZE;
    }
    if (flow->mark_end - flow->mark_first == MARKS_MAX) return 0;
    return flow_queued(flow) < limit ? limit - flow_queued(flow) : 0;
}

static void flow_stamp(struct proxy *proxy, struct flow *flow, uint64_t size)
{
    uint64_t due_ns = now_ns();
    if (proxy->rate > 0) {
        uint64_t *free_ns = &proxy->line_free_ns[flow->direction];
        if (*free_ns < due_ns) *free_ns = due_ns;
        *free_ns += size * 1000000000u / proxy->rate;
        due_ns = *free_ns;
    }
    due_ns += proxy->delay_ns;
    flow->marks[flow->mark_end++ % MARKS_MAX] = (struct mark){flow->read, due_ns};
}

static bool flow_fill(struct proxy *proxy, struct flow *flow)
{
    for (;;) {
        uint64_t room = flow_room(proxy, flow);
        const uint64_t at = flow->read % proxy->ring_size;
        if (room > proxy->ring_size - at) room = proxy->ring_size - at;
        /* Each piece leaves as a whole, so it is no larger than what takes 10 ms, or a segment. */
        const uint64_t piece = proxy->rate / 100 > SEGMENT_SIZE ? proxy->rate / 100 : SEGMENT_SIZE;
        if (proxy->rate > 0 && room > piece) room = piece;
        if (room == 0 || flow->ended) return true;
        const ssize_t got = read(flow->from, flow->ring + at, room);
        if (got < 0) return errno == EAGAIN || errno == EINTR;
        if (got == 0) {
            flow->ended = true;
            return true;
        }
        flow->read += (uint64_t)got;
        flow_stamp(proxy, flow, (uint64_t)got);
        if ((uint64_t)got < room) return true;
    }
}

/* Passes on all bytes that are due. */
static bool flow_drain(struct proxy *proxy, struct flow *flow)
{
    const uint64_t time_ns = now_ns();
    while (flow->mark_first != flow->mark_end) {
        const struct mark *mark = &flow->marks[flow->mark_first % MARKS_MAX];
        if (mark->due_ns > time_ns) break;
        while (flow->written < mark->end) {
            const uint64_t at = flow->written % proxy->ring_size;
            uint64_t size = mark->end - flow->written;
            if (size > proxy->ring_size - at) size = proxy->ring_size - at;
            const ssize_t put = send(flow->to, flow->ring + at, size, MSG_NOSIGNAL);
            if (put < 0 && errno == EINTR) continue;
            flow->blocked = put < 0 && errno == EAGAIN;
            if (put < 0) return flow->blocked;
            flow->written += (uint64_t)put;
            proxy->bytes[flow->direction] += (uint64_t)put;
        }
        flow->mark_first++;
    }
    flow->blocked = false;
    return !(flow->ended && flow_queued(flow) == 0);
}

/* ---- sessions ---- */

static void set_interest(struct proxy *proxy, struct end *end, uint32_t interest)
{
    if (end->interest == interest || end->gone) return;
    struct epoll_event event = {.events = interest, .data.ptr = end};
    if (epoll_ctl(proxy->epoll, EPOLL_CTL_MOD, end->fd, &event) != 0) fail("epoll_ctl");
    end->interest = interest;
}

static void session_interests(struct proxy *proxy, struct session *session)
{
    const bool held = proxy->cut == CUT_HOLD;
    for (int direction = UP; direction <= DOWN; direction++) {
        struct end *end = direction == UP ? &session->client : &session->server;
        const struct flow *out = &session->flows[direction]; /* what this end says */
        const struct flow *in = &session->flows[1 - direction];
        uint32_t interest = 0;
        if (!held && !out->ended && flow_room(proxy, out) > 0) interest |= EPOLLIN;
        if (!held && in->blocked) interest |= EPOLLOUT;
        set_interest(proxy, end, interest);
    }
}

static void session_move(struct proxy *proxy, struct session *session)
{
    if (session->dead || proxy->cut == CUT_HOLD) return;
    for (int direction = UP; direction <= DOWN; direction++) {
        struct flow *flow = &session->flows[direction];
        if (!flow_fill(proxy, flow) || !flow_drain(proxy, flow)) {
            session->dead = true;
            return;
        }
    }
    session_interests(proxy, session);
}

static void close_with_reset(int fd)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
}

static void session_close(struct proxy *proxy, struct session *session, bool reset)
{
    if (reset) {
        close_with_reset(session->client.fd);
        close_with_reset(session->server.fd);
    } else {
        close(session->client.fd);
        close(session->server.fd);
    }
    for (int direction = UP; direction <= DOWN; direction++) {
        munmap(session->flows[direction].ring, proxy->ring_size);
    }
    free(session);
}

static void sweep(struct proxy *proxy, bool all)
{
    struct session **link = &proxy->sessions;
    while (*link != NULL) {
        struct session *session = *link;
        if (!all && !session->dead) {
            link = &session->next;
            continue;
        }
        *link = session->next;
        session_close(proxy, session, all);
    }
}

/* Before listen or connect, so that the window that is offered is small from the start; with large
 * segments a small window would stall. */
static void narrow_socket(const struct proxy *proxy, int fd)
{
    const int size = NARROW_SOCKET_SIZE, segment = SEGMENT_SIZE;
    if (proxy->rate == 0) return;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
}

static void end_open(struct proxy *proxy, struct session *session, struct end *end, int fd)
{
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    *end = (struct end){.session = session, .fd = fd, .interest = EPOLLIN};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = end};
    if (epoll_ctl(proxy->epoll, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

static void flow_open(struct proxy *proxy, struct flow *flow, enum direction direction, int from,
                      int to)
{
    flow->direction = direction;
    flow->from = from;
    flow->to = to;
    flow->ring = mmap(NULL, proxy->ring_size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (flow->ring == MAP_FAILED) fail("mmap");
}

static void accept_one(struct proxy *proxy)
{
    const int client = accept4(proxy->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) return;
    if (proxy->cut == CUT_RESET) {
        close_with_reset(client);
        return;
    }
    const int server = socket(proxy->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server < 0) fail("socket");
    narrow_socket(proxy, server);
    if (connect(server, (const struct sockaddr *)&proxy->to, proxy->to_size) != 0 &&
        errno != EINPROGRESS) {
        close(server);
        close_with_reset(client);
        return;
    }
    struct session *session = calloc(1, sizeof(*session));
    if (session == NULL) fail("calloc");
    end_open(proxy, session, &session->client, client);
    end_open(proxy, session, &session->server, server);
    flow_open(proxy, &session->flows[UP], UP, client, server);
    flow_open(proxy, &session->flows[DOWN], DOWN, server, client);
    session->next = proxy->sessions;
    proxy->sessions = session;
    proxy->connections++;
}

/* ---- the loop ---- */

static void look_at_cut_file(struct proxy *proxy)
{
    if (proxy->cut_file == NULL) return;
    enum cut_state cut = CUT_NONE;
    FILE *file = fopen(proxy->cut_file, "r");
    if (file != NULL) {
        char word[8] = "";
        cut = fgets(word, sizeof(word), file) != NULL && strncmp(word, "hold", 4) == 0 ? CUT_HOLD
                                                                                       : CUT_RESET;
        fclose(file);
    }
    if (cut == proxy->cut) return;
    proxy->cut = cut;
    if (cut == CUT_RESET) sweep(proxy, true);
    for (struct session *session = proxy->sessions; session != NULL; session = session->next) {
        session_interests(proxy, session);
    }
}

/* An end that hung up while nothing is asked of it would wake epoll for ever. */
static void take_hangup(struct proxy *proxy, struct end *end)
{
    if (end->interest != 0) return; /* the read or the send will say that it is over */
    struct session *session = end->session;
    const struct flow *out = &session->flows[end == &session->client ? UP : DOWN];
    epoll_ctl(proxy->epoll, EPOLL_CTL_DEL, end->fd, NULL);
    end->gone = true;
    if (flow_queued(out) == 0) session->dead = true;
}

static void take_signal(struct proxy *proxy)
{
    struct signalfd_siginfo info;
    while (read(proxy->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGUSR1) {
            print_counts(proxy);
        } else {
            proxy->stopping = true;
        }
    }
}

/* Milliseconds until the next byte is due, -1 when none waits for its time. */
static int next_due_ms(const struct proxy *proxy)
{
    uint64_t due_ns = UINT64_MAX;
    for (const struct session *session = proxy->sessions; session != NULL;
         session = session->next) {
        for (int direction = UP; direction <= DOWN; direction++) {
            const struct flow *flow = &session->flows[direction];
            if (flow->blocked || flow->mark_first == flow->mark_end) continue;
            const uint64_t mark_ns = flow->marks[flow->mark_first % MARKS_MAX].due_ns;
            if (mark_ns < due_ns) due_ns = mark_ns;
        }
    }
    if (due_ns == UINT64_MAX || proxy->cut == CUT_HOLD) return -1;
    const uint64_t time_ns = now_ns();
    return due_ns <= time_ns ? 0 : (int)((due_ns - time_ns) / 1000000u) + 1;
}

static void run(struct proxy *proxy)
{
    uint64_t looked_ns = 0;
    while (!proxy->stopping) {
        int wait_ms = next_due_ms(proxy);
        if (proxy->cut_file != NULL && (wait_ms < 0 || wait_ms > CUT_POLL_MS)) {
            wait_ms = CUT_POLL_MS;
        }
        struct epoll_event events[EVENTS_MAX];
        const int count = epoll_wait(proxy->epoll, events, EVENTS_MAX, wait_ms);
        if (count < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL) {
                accept_one(proxy);
            } else if (events[i].data.ptr == proxy) {
                take_signal(proxy);
            } else {
                struct end *end = events[i].data.ptr;
                if (events[i].events & (EPOLLERR | EPOLLHUP)) take_hangup(proxy, end);
                session_move(proxy, end->session);
            }
        }
        if (proxy->delay_ns > 0 || proxy->rate > 0) {
            for (struct session *s = proxy->sessions; s != NULL; s = s->next) {
                session_move(proxy, s);
            }
        }
        sweep(proxy, false);
        if (now_ns() - looked_ns > CUT_POLL_MS * 1000000u) {
            look_at_cut_file(proxy);
            looked_ns = now_ns();
        }
    }
    print_counts(proxy);
}

/* ---- start ---- */

static void resolve(struct proxy *proxy, char *to)
{
    char *colon = strrchr(to, ':');
    struct addrinfo *found = NULL;
    if (colon == NULL) fail("--to wants HOST:PORT");
    *colon = '\0';
    if (getaddrinfo(to, colon + 1, &(struct addrinfo){.ai_socktype = SOCK_STREAM}, &found) != 0) {
        fail("--to: cannot resolve");
    }
    memcpy(&proxy->to, found->ai_addr, found->ai_addrlen);
    proxy->to_size = found->ai_addrlen;
    freeaddrinfo(found);
}

static void listen_on(struct proxy *proxy, uint16_t port)
{
    const int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(proxy->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    narrow_socket(proxy, proxy->listener);
    if (bind(proxy->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(proxy->listener, 128) != 0 ||
        getsockname(proxy->listener, (struct sockaddr *)&address, &size) != 0) {
        fail("cannot listen");
    }
    printf("listening %u\n", ntohs(address.sin_port));
    fflush(stdout);
}

static void watch(struct proxy *proxy)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    proxy->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    proxy->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event on_listener = {.events = EPOLLIN, .data.ptr = NULL};
    struct epoll_event on_signal = {.events = EPOLLIN, .data.ptr = proxy};
    if (proxy->signals < 0 || proxy->epoll < 0 ||
        epoll_ctl(proxy->epoll, EPOLL_CTL_ADD, proxy->listener, &on_listener) != 0 ||
        epoll_ctl(proxy->epoll, EPOLL_CTL_ADD, proxy->signals, &on_signal) != 0) {
        fail("epoll");
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"listen", required_argument, NULL, 'l'},   {"to", required_argument, NULL, 't'},
        {"delay-ms", required_argument, NULL, 'd'}, {"rate-bytes-s", required_argument, NULL, 'r'},
        {"cut-file", required_argument, NULL, 'c'}, {0}};
    struct proxy proxy = {0};
    uint16_t port = 0;
    char *to = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'l') port = (uint16_t)strtoul(optarg, NULL, 10);
        if (option == 't') to = optarg;
        if (option == 'd') proxy.delay_ns = strtoull(optarg, NULL, 10) * 1000000u / 2;
        if (option == 'r') proxy.rate = strtoull(optarg, NULL, 10);
        if (option == 'c') proxy.cut_file = optarg;
        if (option == '?') return 2;
    }
    if (to == NULL) {
        fputs("usage: delay_proxy --listen PORT --to HOST:PORT [--delay-ms D] [--rate-bytes-s R] "
              "[--cut-file F]\n",
              stderr);
        return 2;
    }
    proxy.ring_size = proxy.delay_ns > 0 ? SLOW_RING_SIZE : QUICK_RING_SIZE;
    resolve(&proxy, to);
    listen_on(&proxy, port);
    watch(&proxy);
    look_at_cut_file(&proxy);
    run(&proxy);
    return 0;
}
