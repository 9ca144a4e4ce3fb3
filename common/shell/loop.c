/* loop.c - wait, gather, commit, perform; again. */
#include "common/shell/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/shell/control_server.h"
#include "common/shell/notify.h"
#include "common/shell/tls_policy.h"
#include "common/shell/tls_watch.h"
#include "common/wire/control_msg.h"

enum { READY_MAX = 64, SENTENCE_SIZE_MAX = 1024, NS_PER_S = 1000000000 };
/* A commit's answers let the other side send on: small enough that both work at once. */
enum { BATCH_BYTES_MAX = 256 * 1024, CLIENT_EVENTS_MIN = 32 };
enum ready { READY_INBOX, READY_TIMER, READY_SIGNAL, READY_CONTROL }; /* CONTROL and all above */

/* Entries of MQTT messages in the same batch: at most one an event. */
_Static_assert(BATCH_ENTRIES_MAX - BATCH_EVENTS_MAX >= APPEND_ENTRIES_MAX,
               "any append request fits a batch of its own");

struct loop {
    struct loop_options options;
    struct clock_os clock;
    int epoll_fd, timer_fd, signal_fd;
    struct control_server *control;
    struct effects *effects;

    /* The batch being gathered. */
    struct moment now;
    bool begun;
    unsigned event_count;
    uint32_t entry_count;
    size_t message_bytes;

    bool engine_open;
    unsigned failures; /* batches in a row */
    bool full_said;
    uint64_t paused_until_ns;
    uint64_t dropped_said;
    unsigned stop_signals;
    struct tls_watch tls_watch;
    struct notify notify; /* the service manager */
};

static sigset_t loop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

void loop_block_signals(void)
{
    const sigset_t set = loop_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    /* Paho 1.3.12 would send every connection, loopback too, through these. */
    unsetenv("http_proxy");
    unsetenv("https_proxy");
}

static bool watch(struct loop *loop, int fd, enum ready which)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = which};
    return fd >= 0 && epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static enum status loop_open(struct loop *loop, struct buf *message)
{
    const sigset_t set = loop_signals();
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    loop->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (!watch(loop, inbox_wakeup_fd(loop->options.inbox), READY_INBOX) ||
        !watch(loop, loop->timer_fd, READY_TIMER) || !watch(loop, loop->signal_fd, READY_SIGNAL)) {
        buf_put_format(message, "the kernel gives no epoll, timer or signal descriptor: %s",
                       strerror(errno));
        return ST_NO_MEMORY;
    }
    TRY(effects_open(&loop->effects));
    return control_server_open(loop->options.directory, loop->epoll_fd, READY_CONTROL,
                               &loop->control, message);
}

static void loop_close(struct loop *loop)
{
    control_server_close(loop->control);
    effects_close(loop->effects);
    if (loop->signal_fd >= 0) close(loop->signal_fd);
    if (loop->timer_fd >= 0) close(loop->timer_fd);
    if (loop->epoll_fd >= 0) close(loop->epoll_fd);
}

/* Waiting. */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t links_deadline_ns(const struct loop *loop)
{
    uint64_t deadline = UINT64_MAX;
    for (size_t i = 0; i < LINK_COUNT; i++) {
        if (loop->options.links[i] != NULL)
            deadline = earlier(deadline, link_mqtt_deadline_ns(loop->options.links[i]));
    }
    return deadline;
}

static uint64_t wakeup_ns(const struct loop *loop, uint64_t mono_ns)
{
    const uint64_t wanted = loop->options.engine.next_wakeup(loop->options.engine.context);
    if (wanted == 0 && control_server_congested(loop->control))
        return mono_ns + LOOP_CONGESTED_MS * 1000000u;
    return wanted;
}

/* 0: there is something to do at once. */
static uint64_t sleep_until_ns(struct loop *loop)
{
    uint32_t client, entries;
    struct bytes request;
    const uint64_t mono_ns = clock_os_mono_ns();
    const uint64_t links = earlier(links_deadline_ns(loop), loop->notify.next_ns);
    if (loop->paused_until_ns > mono_ns) return earlier(links, loop->paused_until_ns);
    if (!loop->engine_open || !inbox_is_empty(loop->options.inbox)) return 0;
    if (control_server_next(loop->control, &client, &request, &entries)) return 0;
    const uint64_t until = earlier(links, wakeup_ns(loop, mono_ns));
    return until <= mono_ns ? 0 : until;
}

static void timer_set(const struct loop *loop, uint64_t until_ns)
{
    struct itimerspec timer = {0};
    if (until_ns != UINT64_MAX) {
        timer.it_value.tv_sec = (time_t)(until_ns / 1000000000u);
        timer.it_value.tv_nsec = (long)(until_ns % 1000000000u);
    }
    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

static void renewal_check(struct loop *loop)
{
    for (size_t i = 0; i < LINK_COUNT; i++) {
        if (loop->options.links[i] != NULL) link_mqtt_check_renewal(loop->options.links[i]);
    }
}

static void signals_read(struct loop *loop)
{
    struct signalfd_siginfo info;
    while (read(loop->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) loop->stop_signals++;
        if (info.ssi_signo == SIGHUP) renewal_check(loop);
    }
}

static void wait_ready(struct loop *loop, uint64_t until_ns)
{
    struct epoll_event ready[READY_MAX];
    if (until_ns != 0) timer_set(loop, until_ns);
    const int count = epoll_wait(loop->epoll_fd, ready, READY_MAX, until_ns == 0 ? 0 : -1);
    for (int i = 0; i < count; i++) {
        const uint64_t which = ready[i].data.u64;
        uint64_t expirations;
        if (which == READY_INBOX) {
            inbox_wakeup_seen(loop->options.inbox);
        } else if (which == READY_TIMER) {
            const ssize_t got = read(loop->timer_fd, &expirations, sizeof expirations);
            (void)got;
        } else if (which == READY_SIGNAL) {
            signals_read(loop);
        } else {
            control_server_ready(loop->control, which - READY_CONTROL, ready[i].events);
        }
    }
    for (size_t i = 0; i < LINK_COUNT; i++) {
        if (loop->options.links[i] != NULL)
            link_mqtt_tick(loop->options.links[i], clock_os_mono_ns());
    }
}

/* A batch. */

static enum status batch_step(struct loop *loop, struct event *event)
{
    const struct engine_calls *engine = &loop->options.engine;
    if (!loop->begun) {
        loop->begun = true;
        TRY(engine->begin(engine->context));
    }
    event->now = loop->now;
    loop->event_count++;
    return engine->step(engine->context, event, loop->effects);
}

static bool batch_has_room(const struct loop *loop)
{
    return loop->event_count < BATCH_EVENTS_MAX && effects_has_room(loop->effects);
}

static enum status gather_inbox(struct loop *loop)
{
    struct inbox_note note;
    while (batch_has_room(loop) && loop->event_count < BATCH_EVENTS_MAX - CLIENT_EVENTS_MIN &&
           loop->message_bytes < BATCH_BYTES_MAX && inbox_take(loop->options.inbox, &note)) {
        struct event event = {0};
        struct link_mqtt *link = loop->options.links[note.link];
        INVARIANT(link != NULL);
        if (!link_mqtt_note(link, &note, &event)) continue;
        loop->message_bytes += event.message.payload.size;
        TRY(batch_step(loop, &event));
    }
    return ST_OK;
}

static enum status gather_clients(struct loop *loop)
{
    uint32_t client, entries;
    struct bytes request;
    while (batch_has_room(loop) && control_server_next_gone(loop->control, &client)) {
        struct event event = {.kind = EVENT_CLIENT_GONE, .client = client};
        TRY(batch_step(loop, &event));
    }
    while (batch_has_room(loop) &&
           control_server_next(loop->control, &client, &request, &entries)) {
        if (loop->entry_count + entries > BATCH_ENTRIES_MAX - BATCH_EVENTS_MAX) break;
        loop->entry_count += entries;
        control_server_take(loop->control);
        struct event event = {.kind = EVENT_REQUEST, .client = client, .request = request};
        TRY(batch_step(loop, &event));
    }
    return ST_OK;
}

/* The wake-up 0 means "as soon as nothing else is to do": slices of long verbs and the auditor,
 * which never come before a message. */
static enum status gather_wakeup(struct loop *loop)
{
    const uint64_t wanted = wakeup_ns(loop, loop->now.mono_ns);
    if (!batch_has_room(loop) || wanted > loop->now.mono_ns) return ST_OK;
    if (wanted == 0 && !inbox_is_empty(loop->options.inbox)) return ST_OK;
    struct event event = {.kind = EVENT_WAKEUP};
    return batch_step(loop, &event);
}

static int64_t certain_time_s(const struct loop *loop)
{
    const struct engine_calls *engine = &loop->options.engine;
    if (engine->certain_time_s != NULL) return engine->certain_time_s(engine->context);
    return loop->now.wall_ns / NS_PER_S;
}

/* That of the link which expires first. */
static int64_t certificate_expires_s(const struct loop *loop)
{
    int64_t first_s = 0;
    for (size_t i = 0; i < LINK_COUNT; i++) {
        if (loop->options.links[i] == NULL) continue;
        const int64_t expires_s = link_mqtt_certificate_expires_s(loop->options.links[i]);
        if (expires_s != 0 && (first_s == 0 || expires_s < first_s)) first_s = expires_s;
    }
    return first_s;
}

static void certificates_watch(struct loop *loop)
{
    const int64_t certain_s = certain_time_s(loop);
    const int64_t expires_s[TLS_WATCHED_COUNT] = {
        [TLS_OURS] = loop->now.certificate_expires_s,
        [TLS_BROKERS] = tls_policy_broker_expires_s(),
    };
    if (certain_s == TLS_TIME_UNKNOWN) return;
    tls_watch_tick(&loop->tls_watch, &loop->options.trace, loop->now.mono_ns, certain_s, expires_s);
}

static void perform(struct loop *loop, const struct effect *effect)
{
    struct link_mqtt *link = loop->options.links[effect->link];
    if (effect->kind == EFFECT_REPLY) {
        control_server_reply(loop->control, effect->client, effect->payload);
        return;
    }
    if (link == NULL) return;
    switch (effect->kind) {
    case EFFECT_CONNECT:
        tls_policy_time(certain_time_s(loop));
        link_mqtt_connect(link, effect->topic, effect->payload, effect->retain);
        return;
    case EFFECT_DISCONNECT:
        link_mqtt_disconnect(link);
        return;
    case EFFECT_SUBSCRIBE:
        link_mqtt_subscribe(link, effect->topic, effect->no_local);
        return;
    case EFFECT_PUBLISH:
        link_mqtt_publish(link, effect->topic, effect->payload, effect->correlation, effect->retain,
                          effect->token);
        return;
    case EFFECT_REPLY:
        break;
    }
    UNREACHABLE();
}

static void batch_start(struct loop *loop)
{
    effects_clear(loop->effects);
    loop->now = clock_os_now(&loop->clock);
    loop->now.certificate_expires_s = certificate_expires_s(loop);
    loop->begun = false;
    loop->event_count = 0;
    loop->entry_count = 0;
    loop->message_bytes = 0;
}

static enum status batch_commit(struct loop *loop)
{
    const struct engine_calls *engine = &loop->options.engine;
    if (!loop->begun) return ST_OK;
    TRY(engine->commit(engine->context, &loop->now, loop->effects));
    for (size_t i = 0; i < loop->effects->count; i++)
        perform(loop, &loop->effects->items[i]);
    if (loop->failures > 0)
        trace_line(&loop->options.trace, TRACE_INFO, "the store takes commits again");
    loop->failures = 0;
    loop->full_said = false;
    return ST_OK;
}

static enum status batch_run(struct loop *loop)
{
    batch_start(loop);
    enum status status = gather_inbox(loop);
    if (status == ST_OK) status = gather_clients(loop);
    if (status == ST_OK) status = gather_wakeup(loop);
    if (status == ST_OK) status = batch_commit(loop);
    return status;
}

/* Failure. */

static void clients_fail(struct loop *loop, enum status status)
{
    uint8_t memory[SENTENCE_SIZE_MAX], words[256];
    struct buf text = buf_of(words, sizeof words);
    struct buf reply = buf_of(memory, sizeof memory);
    buf_put_format(&text, "not done: %s", status_words(status));
    end_reply_encode(&reply, status, buf_bytes(&text));
    INVARIANT(buf_ok(&reply));
    control_server_fail_all(loop->control, buf_bytes(&reply));
}

/* ST_OK: go on, later. */
static enum status engine_reopen(struct loop *loop, struct buf *message)
{
    uint8_t memory[SENTENCE_SIZE_MAX];
    struct buf sentence = buf_of(memory, sizeof memory);
    const struct engine_calls *engine = &loop->options.engine;
    const enum status status = engine->reopen(engine->context, &sentence);
    loop->engine_open = status == ST_OK;
    if (status == ST_OK) return ST_OK;
    if (sentence.size == 0) buf_put_text(&sentence, status_words(status));
    if (status_class_of(status) == STATUS_CLASS_STOP) {
        buf_put(message, buf_bytes(&sentence));
        return status;
    }
    if (!loop->full_said)
        trace_line(&loop->options.trace, TRACE_ALARM, "the store cannot be opened: %.*s",
                   (int)sentence.size, (const char *)sentence.data);
    loop->full_said = true;
    return ST_OK;
}

static enum status batch_failed(struct loop *loop, enum status status, struct buf *message)
{
    effects_clear(loop->effects);
    clients_fail(loop, status);
    if (!loop->full_said)
        trace_line(&loop->options.trace, TRACE_ALARM, "a batch failed, nothing of it counts: %s",
                   status_words(status));
    if (status == ST_FULL) loop->full_said = true;
    for (size_t i = 0; i < LINK_COUNT; i++) {
        if (loop->options.links[i] != NULL) link_mqtt_reset(loop->options.links[i]);
    }
    loop->failures++;
    loop->paused_until_ns = clock_os_mono_ns() + LOOP_PAUSE_MS * 1000000u;
    if (loop->failures >= LOOP_RETRIES_MAX && status_class_of(status) == STATUS_CLASS_STOP) {
        buf_put_format(message, "%d batches in a row failed: %s", LOOP_RETRIES_MAX,
                       status_words(status));
        return status;
    }
    return engine_reopen(loop, message);
}

static enum status turn(struct loop *loop, struct buf *message)
{
    enum status status = ST_OK;
    wait_ready(loop, sleep_until_ns(loop));
    if (clock_os_mono_ns() >= loop->paused_until_ns) {
        if (!loop->engine_open) {
            loop->paused_until_ns = clock_os_mono_ns() + LOOP_PAUSE_MS * 1000000u;
            TRY(engine_reopen(loop, message));
            if (loop->engine_open) loop->paused_until_ns = 0;
        } else {
            status = batch_run(loop);
            certificates_watch(loop);
            if (status != ST_OK) status = batch_failed(loop, status, message);
            inbox_release(loop->options.inbox);
            /* Sent before interest is looked at: answers that fit need no epoll call. */
            control_server_flush(loop->control);
            control_server_release(loop->control);
        }
    }
    control_server_flush(loop->control);
    const uint64_t dropped = inbox_dropped_count(loop->options.inbox);
    if (dropped > loop->dropped_said)
        trace_line(&loop->options.trace, TRACE_WARNING,
                   "inbox full: %llu messages left out, they will be asked for again",
                   (unsigned long long)(dropped - loop->dropped_said));
    loop->dropped_said = dropped;
    return status;
}

/* The end. */

static bool goodbye_said(const struct loop *loop)
{
    for (size_t i = 0; i < LINK_COUNT; i++) {
        if (loop->options.links[i] != NULL && !link_mqtt_is_idle(loop->options.links[i]))
            return false;
    }
    return !control_server_has_unsent(loop->control);
}

static void say_goodbye(struct loop *loop)
{
    struct event stop = {.kind = EVENT_STOP};
    struct inbox_note note;
    notify_stopping(&loop->notify);
    batch_start(loop);
    /* A store that fails now is found as after a crash by the next start. */
    const bool stepped =
        loop->engine_open && batch_step(loop, &stop) == ST_OK && batch_commit(loop) == ST_OK;
    if (!stepped) trace_line(&loop->options.trace, TRACE_WARNING, "stopped without a last commit");
    for (size_t i = 0; i < LINK_COUNT; i++) {
        if (loop->options.links[i] != NULL) link_mqtt_disconnect(loop->options.links[i]);
    }
    const uint64_t deadline_ns = clock_os_mono_ns() + LOOP_STOP_MS_MAX * 1000000u;
    while (!goodbye_said(loop) && loop->stop_signals < 2 && clock_os_mono_ns() < deadline_ns) {
        wait_ready(loop, earlier(deadline_ns, links_deadline_ns(loop)));
        while (inbox_take(loop->options.inbox, &note)) {
            struct event ignored = {0};
            (void)link_mqtt_note(loop->options.links[note.link], &note, &ignored);
        }
        inbox_release(loop->options.inbox);
        control_server_flush(loop->control);
    }
}

enum status loop_run(const struct loop_options *options, struct buf *message)
{
    struct loop loop = {.options = *options,
                        .clock = clock_os_of(options->directory->fd),
                        .epoll_fd = -1,
                        .timer_fd = -1,
                        .signal_fd = -1,
                        .engine_open = true,
                        .notify = notify_open()};
    enum status status = loop_open(&loop, message);
    if (status == ST_OK) notify_ready(&loop.notify, clock_os_mono_ns());
    while (status == ST_OK && loop.stop_signals == 0) {
        status = turn(&loop, message);
        notify_alive(&loop.notify, clock_os_mono_ns());
    }
    if (status == ST_OK) say_goodbye(&loop);
    loop_close(&loop);
    notify_close(&loop.notify);
    return status;
}
