/* test_tcp_options.c - the right sockets are found by their addresses, and no others. */
#include "common/shell/tcp_options.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int listener, client, server;
static uint16_t port;

static uint16_t port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static int connect_to(uint16_t to)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(to), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static int setup(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) return -1;
    if (listen(listener, 4) != 0) return -1;
    port = port_of(listener);
    client = connect_to(port);
    server = accept(listener, NULL, NULL);
    return server >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    close(client);
    close(server);
    return close(listener);
}

static bool no_delay(int fd)
{
    int value = 0;
    socklen_t size = sizeof value;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
    return value != 0;
}

static void test_a_socket_that_is_connected_to_the_port_no_longer_waits(void **state)
{
    (void)state;
    assert_false(no_delay(client));
    assert_int_equal(tcp_options_no_delay("127.0.0.1", port), 1);
    assert_true(no_delay(client));
}

static void test_the_other_end_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(tcp_options_no_delay("127.0.0.1", port), 1);
    assert_false(no_delay(server));
}

static void test_another_address_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(tcp_options_no_delay("127.0.0.2", port), 0);
    assert_int_equal(tcp_options_no_delay("::1", port), 0);
    assert_false(no_delay(client));
}

static void test_a_name_stands_for_any_address(void **state)
{
    (void)state;
    assert_int_equal(tcp_options_no_delay("broker.example", port), 1);
    assert_true(no_delay(client));
}

static void test_the_same_address_written_as_ipv6_is_the_same(void **state)
{
    (void)state;
    assert_int_equal(tcp_options_no_delay("::ffff:127.0.0.1", port), 1);
    assert_true(no_delay(client));
}

static void test_both_ends_in_this_process_are_known_as_ours(void **state)
{
    (void)state;
    assert_true(tcp_options_peer_is_ours(client));
    assert_true(tcp_options_peer_is_ours(server));
}

static void test_an_end_in_another_process_is_not_ours(void **state)
{
    (void)state;
    char go = 0;
    int hold[2];
    assert_int_equal(pipe(hold), 0);
    const pid_t other = fork();
    assert_true(other >= 0);
    if (other == 0) {
        const int fd = connect_to(port);
        close(hold[1]);
        const ssize_t got = read(hold[0], &go, 1); /* until our end is closed */
        _exit(fd < 0 || got != 0);
    }
    const int accepted = accept(listener, NULL, NULL);
    assert_true(accepted >= 0);
    assert_false(tcp_options_peer_is_ours(accepted));
    close(hold[1]);
    close(hold[0]);
    close(accepted);
    assert_int_equal(waitpid(other, NULL, 0), other);
}

static void test_what_is_no_connected_tcp_socket_is_not_ours(void **state)
{
    (void)state;
    assert_false(tcp_options_peer_is_ours(listener));
    assert_false(tcp_options_peer_is_ours(STDIN_FILENO));
    assert_false(tcp_options_peer_is_ours(-1));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_socket_that_is_connected_to_the_port_no_longer_waits),
        TEST(test_the_other_end_is_left_alone),
        TEST(test_another_address_is_left_alone),
        TEST(test_a_name_stands_for_any_address),
        TEST(test_the_same_address_written_as_ipv6_is_the_same),
        TEST(test_both_ends_in_this_process_are_known_as_ours),
        TEST(test_an_end_in_another_process_is_not_ours),
        TEST(test_what_is_no_connected_tcp_socket_is_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
