/* test_link_mqtt.c - the link against a real Mosquitto on a free loopback port. */
#include "common/shell/link_mqtt.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/shell/clock_os.h"
#include "common/shell/paho_client.h"

enum { PATIENCE_MS = 20000, EVENTS_MAX = 1024, FDS_MAX = 256 };

static const struct trace silent = {.write = NULL};
static char folder[64], config_path[96];
static uint16_t port;
static pid_t broker;
static struct inbox *inbox;
static struct link_mqtt *link_one;
static struct link_settings settings;

/* What the link has told so far, by kind. */
static unsigned up_count, down_count, sent_count, failed_count, message_count;
static bool session_present;
static uint16_t receive_maximum;
static char reason[1024];
static struct mqtt_message message;
static char message_texts[6][256];
static uint32_t tokens[EVENTS_MAX];
static uint32_t in_flight_max;

static uint16_t port_find(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static bool port_answers(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const bool good = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return good;
}

static void broker_start(const char *more)
{
    const struct timespec moment = {.tv_nsec = 10000000};
    FILE *config = fopen(config_path, "w");
    assert_non_null(config);
    fprintf(config, "listener %u 127.0.0.1\npersistence false\nlog_type none\n%s", (unsigned)port,
            more);
    fclose(config);
    broker = fork();
    assert_true(broker >= 0);
    if (broker == 0) {
        const int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execlp("mosquitto", "mosquitto", "-c", config_path, (char *)NULL);
        execl("/usr/sbin/mosquitto", "mosquitto", "-c", config_path, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 1000 && !port_answers(); i++)
        nanosleep(&moment, NULL);
    assert_true(port_answers());
}

static void broker_kill(void)
{
    if (broker <= 0) return;
    kill(broker, SIGKILL);
    waitpid(broker, NULL, 0);
    broker = 0;
}

/* Messages are borrowed from the inbox, so what a test looks at is copied. */
static struct bytes keep(struct bytes bytes, size_t which)
{
    assert_true(bytes.size < sizeof message_texts[which]);
    memcpy(message_texts[which], bytes.data, bytes.size);
    return bytes_of(message_texts[which], bytes.size);
}

static void message_keep(const struct mqtt_message *from)
{
    message.topic = keep(from->topic, 0);
    message.payload = keep(from->payload, 1);
    message.response_topic = keep(from->response_topic, 2);
    message.correlation = keep(from->correlation, 3);
    message.user_priority = keep(from->user_priority, 4);
    message.user_id = keep(from->user_id, 5);
    message_count++;
}

static void event_take(const struct event *event)
{
    if (event->kind == EVENT_LINK_UP) {
        up_count++;
        session_present = event->session_present;
        receive_maximum = event->receive_maximum;
    } else if (event->kind == EVENT_LINK_DOWN) {
        down_count++;
        snprintf(reason, sizeof reason, "%.*s", (int)event->reason.size,
                 (const char *)event->reason.data);
    } else if (event->kind == EVENT_SENT) {
        assert_true(sent_count < EVENTS_MAX);
        tokens[sent_count++] = event->token;
    } else if (event->kind == EVENT_SEND_FAILED) {
        failed_count++;
    } else if (event->kind == EVENT_MESSAGE) {
        message_keep(&event->message);
    }
}

static void pump_once(void)
{
    struct pollfd bell = {.fd = inbox_wakeup_fd(inbox), .events = POLLIN};
    struct inbox_note note;
    poll(&bell, 1, 50);
    inbox_wakeup_seen(inbox);
    while (inbox_take(inbox, &note)) {
        struct event event = {0};
        if (link_mqtt_note(link_one, &note, &event)) event_take(&event);
    }
    inbox_release(inbox);
    link_mqtt_tick(link_one, clock_os_mono_ns());
    if (link_mqtt_in_flight(link_one) > in_flight_max)
        in_flight_max = link_mqtt_in_flight(link_one);
}

/* Waits for the condition; the patience only ends a test that has failed already. */
#define AWAIT(condition)                                                                           \
    do {                                                                                           \
        const uint64_t end_ns_ = clock_os_mono_ns() + PATIENCE_MS * 1000000ull;                    \
        while (!(condition) && clock_os_mono_ns() < end_ns_)                                       \
            pump_once();                                                                           \
        assert_true(condition);                                                                    \
    } while (0)

static void link_open_to(const char *host)
{
    settings = (struct link_settings){.link = LINK_CLOUD,
                                      .name = "cloud broker",
                                      .host = host,
                                      .port = port,
                                      .client_id = "edge-1",
                                      .keepalive_s = 30,
                                      .session_expiry_s = 3600};
    assert_int_equal(link_mqtt_open(&settings, inbox, &silent, &link_one), ST_OK);
}

static int setup(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/holdfast-link-XXXXXX", sizeof "/tmp/holdfast-link-XXXXXX");
    if (mkdtemp(folder) == NULL) return -1;
    snprintf(config_path, sizeof config_path, "%s/mosquitto.conf", folder);
    up_count = down_count = sent_count = failed_count = message_count = in_flight_max = 0;
    port = port_find();
    return inbox_open(4 * 1024 * 1024, 10000, &inbox) == ST_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    link_mqtt_close(link_one);
    link_one = NULL;
    inbox_close(inbox);
    broker_kill();
    unlink(config_path);
    return rmdir(folder);
}

static void connect_and_wait(void)
{
    const unsigned before = up_count;
    link_mqtt_connect(link_one, BYTES_LITERAL("will"), BYTES_LITERAL("gone"), true);
    AWAIT(up_count > before);
}

static void publish(struct bytes payload, uint32_t token)
{
    link_mqtt_publish(link_one, BYTES_LITERAL("t/x"), payload, BYTES_LITERAL("corr"), false, token);
}

static void test_a_publish_comes_back_to_its_subscriber_and_its_token_to_us(void **state)
{
    (void)state;
    broker_start("allow_anonymous true\n");
    link_open_to("127.0.0.1");
    connect_and_wait();
    assert_int_equal(receive_maximum, 20);
    link_mqtt_subscribe(link_one, BYTES_LITERAL("t/#"), false);
    publish(BYTES_LITERAL("hello"), 42);
    AWAIT(sent_count == 1 && message_count == 1);
    assert_int_equal(tokens[0], 42);
    assert_true(bytes_equal(message.topic, BYTES_LITERAL("t/x")));
    assert_true(bytes_equal(message.payload, BYTES_LITERAL("hello")));
    assert_true(bytes_equal(message.correlation, BYTES_LITERAL("corr")));
    assert_int_equal(link_mqtt_in_flight(link_one), 0);
}

static void test_own_publishes_stay_away_when_asked(void **state)
{
    (void)state;
    broker_start("allow_anonymous true\n");
    link_open_to("127.0.0.1");
    connect_and_wait();
    link_mqtt_subscribe(link_one, BYTES_LITERAL("t/#"), true);
    link_mqtt_subscribe(link_one, BYTES_LITERAL("u/#"), false);
    publish(BYTES_LITERAL("mine"), 1);
    link_mqtt_publish(link_one, BYTES_LITERAL("u/x"), BYTES_LITERAL("marker"), BYTES_EMPTY, false,
                      2);
    AWAIT(sent_count == 2 && message_count == 1);
    assert_true(bytes_equal(message.payload, BYTES_LITERAL("marker")));
}

static void test_the_properties_of_a_publisher_are_read(void **state)
{
    (void)state;
    char command[512];
    broker_start("allow_anonymous true\n");
    link_open_to("127.0.0.1");
    connect_and_wait();
    link_mqtt_subscribe(link_one, BYTES_LITERAL("t/#"), false);
    publish(BYTES_LITERAL("subscribed"), 1);
    AWAIT(message_count == 1);
    snprintf(command, sizeof command,
             "mosquitto_pub -V 5 -h 127.0.0.1 -p %u -q 1 -t t/y -m body -D publish response-topic "
             "r/1 -D publish correlation-data c1 -D publish user-property priority 0 -D publish "
             "user-property id n-7 -D publish user-property other x",
             (unsigned)port);
    assert_int_equal(system(command), 0);
    AWAIT(message_count == 2);
    assert_true(bytes_equal(message.response_topic, BYTES_LITERAL("r/1")));
    assert_true(bytes_equal(message.correlation, BYTES_LITERAL("c1")));
    assert_true(bytes_equal(message.user_priority, BYTES_LITERAL("0")));
    assert_true(bytes_equal(message.user_id, BYTES_LITERAL("n-7")));
}

/* More in Paho than the broker's Receive Maximum stalls it for a second at a time. */
static void test_more_publishes_than_the_broker_receives_at_once_wait_in_order(void **state)
{
    (void)state;
    broker_start("allow_anonymous true\nmax_inflight_messages 5\n");
    link_open_to("127.0.0.1");
    connect_and_wait();
    assert_int_equal(receive_maximum, 5);
    for (uint32_t i = 0; i < 500; i++)
        publish(BYTES_LITERAL("x"), i);
    assert_int_equal(link_mqtt_in_flight(link_one), 5);
    AWAIT(sent_count == 500);
    assert_int_equal(in_flight_max, 5);
    for (uint32_t i = 0; i < 500; i++)
        assert_int_equal(tokens[i], i);
}

static void test_the_session_is_there_again_after_an_asked_disconnect(void **state)
{
    (void)state;
    broker_start("allow_anonymous true\n");
    link_open_to("127.0.0.1");
    connect_and_wait();
    assert_false(session_present);
    link_mqtt_subscribe(link_one, BYTES_LITERAL("t/#"), false);
    publish(BYTES_LITERAL("1"), 1);
    AWAIT(message_count == 1);
    link_mqtt_disconnect(link_one);
    AWAIT(link_mqtt_is_idle(link_one));
    assert_int_equal(down_count, 0);
    connect_and_wait();
    assert_true(session_present);
    publish(BYTES_LITERAL("2"), 2);
    AWAIT(message_count == 2);
}

static void test_publishes_in_flight_are_finished_before_an_asked_disconnect(void **state)
{
    (void)state;
    broker_start("allow_anonymous true\nmax_inflight_messages 5\n");
    link_open_to("127.0.0.1");
    connect_and_wait();
    for (uint32_t i = 0; i < 50; i++)
        publish(BYTES_LITERAL("x"), i);
    link_mqtt_disconnect(link_one);
    AWAIT(link_mqtt_is_idle(link_one));
    assert_int_equal(sent_count, 50);
}

static void test_a_connect_while_the_old_connection_closes_follows_it(void **state)
{
    (void)state;
    broker_start("allow_anonymous true\n");
    link_open_to("127.0.0.1");
    connect_and_wait();
    publish(BYTES_LITERAL("x"), 1);
    link_mqtt_disconnect(link_one);
    connect_and_wait();
    assert_int_equal(up_count, 2);
    assert_int_equal(down_count, 0);
}

static void test_without_a_broker_the_link_goes_down_with_host_and_port(void **state)
{
    (void)state;
    char wanted[64];
    link_open_to("127.0.0.1");
    link_mqtt_connect(link_one, BYTES_EMPTY, BYTES_EMPTY, false);
    AWAIT(down_count == 1);
    snprintf(wanted, sizeof wanted, "127.0.0.1:%u: cannot connect", (unsigned)port);
    assert_memory_equal(reason, wanted, strlen(wanted));
    assert_true(link_mqtt_is_idle(link_one));
}

static void test_a_broker_that_dies_takes_the_link_down_and_tokens_with_it(void **state)
{
    (void)state;
    broker_start("allow_anonymous true\n");
    link_open_to("127.0.0.1");
    connect_and_wait();
    kill(broker, SIGSTOP);
    publish(BYTES_LITERAL("x"), 1);
    kill(broker, SIGKILL);
    AWAIT(down_count == 1);
    pump_once();
    assert_int_equal(sent_count + failed_count, 0);
    assert_int_equal(link_mqtt_in_flight(link_one), 0);
}

static void test_after_the_broker_is_back_the_link_connects_again(void **state)
{
    (void)state;
    broker_start("allow_anonymous true\n");
    link_open_to("127.0.0.1");
    connect_and_wait();
    broker_kill();
    AWAIT(down_count == 1);
    broker_start("allow_anonymous true\n");
    connect_and_wait();
    publish(BYTES_LITERAL("x"), 7);
    AWAIT(sent_count == 1);
}

static void test_a_refused_connection_says_the_brokers_reason(void **state)
{
    (void)state;
    broker_start("allow_anonymous false\n");
    link_open_to("127.0.0.1");
    link_mqtt_connect(link_one, BYTES_EMPTY, BYTES_EMPTY, false);
    AWAIT(down_count == 1);
    assert_non_null(strstr(reason, "the broker refused the connection: Not authorized"));
}

static void test_a_name_is_resolved_and_its_addresses_are_tried_in_turn(void **state)
{
    (void)state;
    broker_start("allow_anonymous true\n");
    link_open_to("localhost");
    connect_and_wait();
    assert_int_equal(down_count, 0);
}

static void test_a_name_that_cannot_be_resolved_is_named(void **state)
{
    (void)state;
    link_open_to("no..name");
    link_mqtt_connect(link_one, BYTES_EMPTY, BYTES_EMPTY, false);
    AWAIT(down_count == 1);
    assert_non_null(strstr(reason, "the host name no..name cannot be resolved"));
}

/* The engine was reopened: what the old connection still says must not reach the new engine. */
static void test_after_a_reset_nothing_of_the_old_connection_is_heard(void **state)
{
    (void)state;
    broker_start("allow_anonymous true\n");
    link_open_to("127.0.0.1");
    connect_and_wait();
    link_mqtt_subscribe(link_one, BYTES_LITERAL("t/#"), false);
    publish(BYTES_LITERAL("x"), 1);
    link_mqtt_reset(link_one);
    connect_and_wait();
    publish(BYTES_LITERAL("y"), 2);
    AWAIT(sent_count == 1);
    assert_int_equal(tokens[0], 2);
    assert_int_equal(down_count, 0);
}

static bool connected_to_broker(int fd)
{
    struct sockaddr_in peer = {0};
    socklen_t size = sizeof peer;
    return getpeername(fd, (struct sockaddr *)&peer, &size) == 0 && peer.sin_family == AF_INET &&
           peer.sin_port == htons(port);
}

static int option_of(int fd, int level, int name)
{
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, level, name, &value, &size) == 0 ? value : 0;
}

/* Nagle's rule holds a publish behind our PUBACK for 40 ms. */
static void test_the_connection_sends_small_packets_at_once(void **state)
{
    (void)state;
    unsigned count = 0;
    broker_start("allow_anonymous true\n");
    link_open_to("127.0.0.1");
    for (int i = 0; i < 2; i++) {
        connect_and_wait();
        for (int fd = 0; fd < FDS_MAX; fd++) {
            if (!connected_to_broker(fd)) continue;
            assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
            count++;
        }
    }
    assert_int_equal(count, 2);
}

static unsigned listeners_count(void)
{
    unsigned count = 0;
    for (int fd = 0; fd < FDS_MAX; fd++)
        count += option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) != 0;
    return count;
}

/* What hurries the library listens until its one connection has come. */
static void test_the_library_can_be_hurried_and_no_port_stays_open_for_it(void **state)
{
    (void)state;
    broker_start("allow_anonymous true\n");
    link_open_to("127.0.0.1");
    connect_and_wait();
    AWAIT(paho_client_hurry() && listeners_count() == 0);
    publish(BYTES_LITERAL("x"), 1);
    for (int i = 0; i < 1000; i++)
        assert_true(paho_client_hurry());
    AWAIT(sent_count == 1);
    assert_int_equal(down_count, 0);
}

static void test_a_link_wants_its_tick_soon_only_while_it_connects(void **state)
{
    (void)state;
    broker_start("allow_anonymous true\n");
    link_open_to("127.0.0.1");
    assert_true(link_mqtt_deadline_ns(link_one) == UINT64_MAX);
    link_mqtt_connect(link_one, BYTES_EMPTY, BYTES_EMPTY, false);
    assert_true(link_mqtt_deadline_ns(link_one) < clock_os_mono_ns() + 1000000000ull);
    AWAIT(up_count == 1);
    assert_true(link_mqtt_deadline_ns(link_one) == UINT64_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_publish_comes_back_to_its_subscriber_and_its_token_to_us),
        TEST(test_own_publishes_stay_away_when_asked),
        TEST(test_the_properties_of_a_publisher_are_read),
        TEST(test_more_publishes_than_the_broker_receives_at_once_wait_in_order),
        TEST(test_the_session_is_there_again_after_an_asked_disconnect),
        TEST(test_publishes_in_flight_are_finished_before_an_asked_disconnect),
        TEST(test_a_connect_while_the_old_connection_closes_follows_it),
        TEST(test_without_a_broker_the_link_goes_down_with_host_and_port),
        TEST(test_a_broker_that_dies_takes_the_link_down_and_tokens_with_it),
        TEST(test_after_the_broker_is_back_the_link_connects_again),
        TEST(test_a_refused_connection_says_the_brokers_reason),
        TEST(test_a_name_is_resolved_and_its_addresses_are_tried_in_turn),
        TEST(test_a_name_that_cannot_be_resolved_is_named),
        TEST(test_after_a_reset_nothing_of_the_old_connection_is_heard),
        TEST(test_the_connection_sends_small_packets_at_once),
        TEST(test_the_library_can_be_hurried_and_no_port_stays_open_for_it),
        TEST(test_a_link_wants_its_tick_soon_only_while_it_connects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
