/* test_loop.c - the loop around a tiny engine: an append count that is only real when committed.
 *
 * The daemon runs in a process of its own, the test is its client. The engine answers each request
 * in the commit, as the real ones do, and fails when it is told to. */
#include "common/shell/loop.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/shell/control_client.h"
#include "common/shell/control_session.h"
#include "common/wire/control_msg.h"

struct waiting {
    uint32_t client;
    uint8_t answer;
};

struct engine {
    unsigned committed, tentative; /* requests */
    unsigned reopened;
    bool fail_step, fail_commit, fail_reopen;
    enum status failure;
    unsigned job_slices; /* still to do */
    uint32_t job_client;
    bool stopped;
    size_t waiting_count;
    struct waiting waiting[BATCH_EVENTS_MAX];
};

static void reply_end(struct effects *effects, uint32_t client, enum status status,
                      const char *text)
{
    struct buf space = effects_space(effects, 512);
    end_reply_encode(&space, status, bytes_of_text(text));
    const struct bytes payload = effects_take(effects, &space);
    struct effect *effect = effects_add(effects, EFFECT_REPLY);
    effect->client = client;
    effect->payload = payload;
}

static enum status begin(void *context)
{
    struct engine *engine = context;
    engine->tentative = engine->committed;
    engine->waiting_count = 0;
    return ST_OK;
}

/* The request's first byte says what to do. */
static enum status request(struct engine *engine, const struct event *event)
{
    const uint8_t what = event->request.size > 0 ? event->request.data[0] : 0;
    engine->tentative++;
    if (what == 'S') return engine->failure;
    if (what == 'C') engine->fail_commit = true;
    if (what == 'R') engine->fail_commit = engine->fail_reopen = true;
    if (what == 'J') {
        engine->job_slices = 3;
        engine->job_client = event->client;
        return ST_OK;
    }
    engine->waiting[engine->waiting_count++] = (struct waiting){event->client, what};
    return ST_OK;
}

static enum status step(void *context, const struct event *event, struct effects *effects)
{
    struct engine *engine = context;
    if (event->kind == EVENT_REQUEST) return request(engine, event);
    if (event->kind == EVENT_STOP) engine->stopped = true;
    if (event->kind == EVENT_WAKEUP && engine->job_slices > 0 && --engine->job_slices == 0)
        reply_end(effects, engine->job_client, ST_OK, "job done");
    return ST_OK;
}

static enum status commit(void *context, const struct moment *now, struct effects *effects)
{
    struct engine *engine = context;
    char text[64];
    (void)now;
    if (engine->fail_commit) {
        engine->fail_commit = false;
        return engine->failure;
    }
    engine->committed = engine->tentative;
    for (size_t i = 0; i < engine->waiting_count; i++) {
        snprintf(text, sizeof text, "%u committed, %u reopened", engine->committed,
                 engine->reopened);
        reply_end(effects, engine->waiting[i].client, ST_OK, text);
    }
    return ST_OK;
}

static uint64_t next_wakeup(const void *context)
{
    return ((const struct engine *)context)->job_slices > 0 ? 0 : UINT64_MAX;
}

static bool has_jobs(const void *context)
{
    return ((const struct engine *)context)->job_slices > 0;
}

static enum status reopen(void *context, struct buf *message)
{
    struct engine *engine = context;
    if (engine->fail_reopen) {
        buf_put_text(message, "the store is damaged");
        return ST_CORRUPT;
    }
    engine->reopened++;
    engine->job_slices = 0;
    return ST_OK;
}

static struct engine_calls calls_of(struct engine *engine)
{
    return (struct engine_calls){.context = engine,
                                 .begin = begin,
                                 .step = step,
                                 .commit = commit,
                                 .next_wakeup = next_wakeup,
                                 .has_jobs = has_jobs,
                                 .reopen = reopen};
}

/* The daemon's process. */

static char path[64];
static pid_t daemon_pid;
static struct state_dir directory;
static struct unpacker *unpacker;
static struct control_reply *reply;
static char sentence[CONTROL_SENTENCE_SIZE_MAX + 1];

static _Noreturn void daemon_main(enum status failure)
{
    char memory[512];
    struct buf message = buf_of(memory, sizeof memory);
    struct engine engine = {.failure = failure};
    struct loop_options options = {.engine = calls_of(&engine), .directory = &directory};
    loop_block_signals();
    if (inbox_open(65536, 64, &options.inbox) != ST_OK) _exit(99);
    const enum status status = loop_run(&options, &message);
    inbox_close(options.inbox);
    /* A stop that the engine has not heard of would be no good end. */
    _exit(status == ST_OK && !engine.stopped ? 98 : status_exit_code(status));
}

static void daemon_start(enum status failure)
{
    daemon_pid = fork();
    assert_true(daemon_pid >= 0);
    if (daemon_pid == 0) daemon_main(failure);
}

static int daemon_wait(void)
{
    int status = 0;
    assert_int_equal(waitpid(daemon_pid, &status, 0), daemon_pid);
    daemon_pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int daemon_stop(void)
{
    kill(daemon_pid, SIGTERM);
    return daemon_wait();
}

static struct control_client *client_open(void)
{
    struct control_client *client = NULL;
    const struct timespec moment = {.tv_nsec = 5000000};
    for (int i = 0; i < 1000; i++) {
        if (control_client_open(&directory, &client) == ST_OK) return client;
        nanosleep(&moment, NULL);
    }
    fail_msg("%s", "the daemon does not listen");
    return NULL;
}

static enum status receive(struct control_client *client)
{
    struct bytes bytes;
    TRY(control_client_receive(client, &bytes));
    assert_int_equal(control_reply_decode(unpacker, bytes, reply), ST_OK);
    assert_int_equal(reply->kind, REPLY_END);
    memcpy(sentence, reply->message.data, reply->message.size);
    sentence[reply->message.size] = '\0';
    return ST_OK;
}

static enum status ask(struct control_client *client, const char *text)
{
    TRY(control_client_send(client, bytes_of_text(text)));
    TRY(receive(client));
    return reply->status;
}

static int setup(void **state)
{
    (void)state;
    char memory[512];
    struct buf message = buf_of(memory, sizeof memory);
    memcpy(path, "/tmp/holdfast-loop-XXXXXX", sizeof "/tmp/holdfast-loop-XXXXXX");
    reply = calloc(1, sizeof *reply);
    if (reply == NULL || mkdtemp(path) == NULL || unpacker_open(&unpacker) != ST_OK) return -1;
    return state_dir_open(path, &directory, &message) == ST_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    if (daemon_pid > 0) {
        kill(daemon_pid, SIGKILL);
        daemon_wait();
    }
    unlinkat(directory.fd, CONTROL_SOCKET_NAME, 0);
    unlinkat(directory.fd, "lock", 0);
    state_dir_close(&directory);
    unpacker_close(unpacker);
    free(reply);
    return rmdir(path);
}

static void test_a_request_is_answered_after_its_commit(void **state)
{
    (void)state;
    daemon_start(ST_DISK);
    struct control_client *client = client_open();
    assert_int_equal(ask(client, "a"), ST_OK);
    assert_string_equal(sentence, "1 committed, 0 reopened");
    control_client_close(client);
    assert_int_equal(daemon_stop(), 0);
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    daemon_start(ST_DISK);
    struct control_client *client = client_open();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(control_client_send(client, BYTES_LITERAL("a")), ST_OK);
    unsigned last = 0;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(receive(client), ST_OK);
        const unsigned committed = (unsigned)strtoul(sentence, NULL, 10);
        assert_true(committed >= last && committed >= (unsigned)i + 1);
        last = committed;
    }
    assert_int_equal(last, 1000);
    control_client_close(client);
    assert_int_equal(daemon_stop(), 0);
}

static void test_a_failed_step_is_answered_with_its_status_and_the_engine_is_reopened(void **state)
{
    (void)state;
    daemon_start(ST_DISK);
    struct control_client *client = client_open();
    assert_int_equal(ask(client, "S"), ST_DISK);
    assert_int_equal(ask(client, "a"), ST_OK);
    assert_string_equal(sentence, "1 committed, 1 reopened");
    control_client_close(client);
    assert_int_equal(daemon_stop(), 0);
}

static void test_a_failed_commit_counts_nothing(void **state)
{
    (void)state;
    daemon_start(ST_FULL);
    struct control_client *client = client_open();
    assert_int_equal(ask(client, "C"), ST_FULL);
    assert_int_equal(ask(client, "a"), ST_OK);
    assert_string_equal(sentence, "1 committed, 1 reopened");
    control_client_close(client);
    assert_int_equal(daemon_stop(), 0);
}

/* A verb that was under way is gone with its engine; its client must not wait for ever. */
static void test_a_client_with_a_long_verb_hears_of_the_failure_of_another(void **state)
{
    (void)state;
    daemon_start(ST_DISK);
    struct control_client *slow = client_open(), *bad = client_open();
    assert_int_equal(control_client_send(slow, BYTES_LITERAL("J")), ST_OK);
    assert_int_equal(control_client_send(bad, BYTES_LITERAL("C")), ST_OK);
    assert_int_equal(receive(bad), ST_OK);
    assert_int_equal(reply->status, ST_DISK);
    assert_int_equal(receive(slow), ST_OK);
    assert_true(reply->status == ST_DISK || strcmp(sentence, "job done") == 0);
    control_client_close(slow);
    control_client_close(bad);
    assert_int_equal(daemon_stop(), 0);
}

static void test_a_store_that_cannot_be_reopened_ends_the_daemon_with_its_exit_code(void **state)
{
    (void)state;
    daemon_start(ST_DISK);
    struct control_client *client = client_open();
    assert_int_equal(control_client_send(client, BYTES_LITERAL("R")), ST_OK);
    assert_int_equal(daemon_wait(), status_exit_code(ST_CORRUPT));
    control_client_close(client);
}

static void test_a_long_verb_goes_on_by_itself_until_its_end(void **state)
{
    (void)state;
    daemon_start(ST_DISK);
    struct control_client *client = client_open();
    assert_int_equal(ask(client, "J"), ST_OK);
    assert_string_equal(sentence, "job done");
    control_client_close(client);
    assert_int_equal(daemon_stop(), 0);
}

static void test_a_message_over_the_limit_costs_its_sender_the_connection_and_no_one_else(
    void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    uint8_t bytes[4] = {0xff, 0xff, 0xff, 0xff};
    daemon_start(ST_DISK);
    struct control_client *other = client_open();
    /* The client's own framing would refuse such a message. */
    const int bad = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/" CONTROL_SOCKET_NAME, path);
    assert_int_equal(connect(bad, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(write(bad, bytes, sizeof bytes), (ssize_t)sizeof bytes);
    assert_int_equal(read(bad, bytes, sizeof bytes), 0);
    assert_int_equal(ask(other, "a"), ST_OK);
    close(bad);
    control_client_close(other);
    assert_int_equal(daemon_stop(), 0);
}

/* A path longer than a socket address can hold. */
static void test_a_long_directory_path_is_no_obstacle(void **state)
{
    (void)state;
    char memory[512], longer[512];
    struct buf message = buf_of(memory, sizeof memory);
    struct state_dir short_one = directory;
    snprintf(longer, sizeof longer, "%s/%0200d", path, 0);
    assert_int_equal(state_dir_create(longer, &directory, &message), ST_OK);
    daemon_start(ST_DISK);
    struct control_client *client = client_open();
    assert_int_equal(ask(client, "a"), ST_OK);
    control_client_close(client);
    assert_int_equal(daemon_stop(), 0);
    assert_false(state_dir_has(&directory, CONTROL_SOCKET_NAME));
    state_dir_close(&directory);
    directory = short_one;
    assert_int_equal(rmdir(longer), 0);
}

/* Sessions: the same requests without a daemon. */

static enum status engine_open(void *context, struct engine_calls *out, struct buf *message)
{
    (void)message;
    *out = calls_of(context);
    return ST_OK;
}

static void engine_close(void *context)
{
    ((struct engine *)context)->stopped = true;
}

static void test_without_a_daemon_a_session_asks_an_engine_of_its_own(void **state)
{
    (void)state;
    char memory[512];
    struct buf message = buf_of(memory, sizeof memory);
    struct engine engine = {0};
    struct control_session *session = NULL;
    struct bytes bytes;
    const struct session_engine opener = {&engine, engine_open, engine_close};
    assert_int_equal(control_session_open(&directory, "test", &opener, &session, &message), ST_OK);
    assert_false(control_session_is_remote(session));
    assert_int_equal(control_session_send(session, BYTES_LITERAL("a"), &message), ST_OK);
    assert_int_equal(control_session_send(session, BYTES_LITERAL("J"), &message), ST_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(control_session_receive(session, &bytes, &message), ST_OK);
        assert_int_equal(control_reply_decode(unpacker, bytes, reply), ST_OK);
        assert_int_equal(reply->kind, REPLY_END);
    }
    assert_true(bytes_equal(reply->message, BYTES_LITERAL("job done")));
    control_session_close(session);
    assert_true(engine.stopped);
}

static void test_with_a_daemon_a_session_asks_it(void **state)
{
    (void)state;
    char memory[512];
    struct buf message = buf_of(memory, sizeof memory);
    struct engine engine = {0};
    struct control_session *session = NULL;
    struct bytes bytes;
    const struct session_engine opener = {&engine, engine_open, engine_close};
    daemon_start(ST_DISK);
    control_client_close(client_open());
    assert_int_equal(control_session_open(&directory, "test", &opener, &session, &message), ST_OK);
    assert_true(control_session_is_remote(session));
    assert_int_equal(control_session_send(session, BYTES_LITERAL("a"), &message), ST_OK);
    assert_int_equal(control_session_receive(session, &bytes, &message), ST_OK);
    control_session_close(session);
    assert_int_equal(engine.tentative, 0);
    assert_int_equal(daemon_stop(), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_request_is_answered_after_its_commit),
        TEST(test_pipelined_requests_are_answered_in_order),
        TEST(test_a_failed_step_is_answered_with_its_status_and_the_engine_is_reopened),
        TEST(test_a_failed_commit_counts_nothing),
        TEST(test_a_client_with_a_long_verb_hears_of_the_failure_of_another),
        TEST(test_a_store_that_cannot_be_reopened_ends_the_daemon_with_its_exit_code),
        TEST(test_a_long_verb_goes_on_by_itself_until_its_end),
        TEST(test_a_message_over_the_limit_costs_its_sender_the_connection_and_no_one_else),
        TEST(test_a_long_directory_path_is_no_obstacle),
        TEST(test_without_a_daemon_a_session_asks_an_engine_of_its_own),
        TEST(test_with_a_daemon_a_session_asks_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
