/* test_waker.c - the waker's end of the connection, with the library's end played by the test. */
#include "common/shell/waker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t connect_packet[] = {0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 0};
static struct waker waker;
static uint16_t port;

static int setup(void **state)
{
    (void)state;
    return waker_open(&waker, &port) == ST_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    waker_close(&waker);
    return 0;
}

static int try_connect(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

static void write_all(int fd, const void *bytes, size_t size)
{
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

static void expect(int fd, const void *bytes, size_t size)
{
    uint8_t got[16];
    assert_true(size <= sizeof got);
    assert_int_equal(recv(fd, got, size, MSG_WAITALL), (ssize_t)size);
    assert_memory_equal(got, bytes, size);
}

static void expect_nothing(int fd)
{
    uint8_t got;
    assert_int_equal(recv(fd, &got, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

/* A connection that the waker has greeted. */
static int connect_and_greet(void)
{
    const int fd = try_connect();
    assert_true(fd >= 0);
    write_all(fd, connect_packet, sizeof connect_packet);
    assert_true(waker_poke(&waker));
    expect(fd, "\x20\x02\x00\x00", 4);
    return fd;
}

static void test_nothing_is_sent_before_the_connect_packet_and_then_its_answer(void **state)
{
    (void)state;
    const int fd = try_connect();
    assert_true(fd >= 0);
    assert_true(waker_poke(&waker));
    expect_nothing(fd);
    write_all(fd, connect_packet, sizeof connect_packet);
    assert_true(waker_poke(&waker));
    expect(fd, "\x20\x02\x00\x00", 4);
    expect_nothing(fd);
    close(fd);
}

static void test_each_poke_is_two_ping_answers(void **state)
{
    (void)state;
    const int fd = connect_and_greet();
    assert_true(waker_poke(&waker));
    expect(fd, "\xd0\x00\xd0\x00", 4);
    expect_nothing(fd);
    assert_true(waker_poke(&waker));
    expect(fd, "\xd0\x00\xd0\x00", 4);
    expect_nothing(fd);
    close(fd);
}

static void test_what_the_library_sends_later_is_thrown_away(void **state)
{
    (void)state;
    const int fd = connect_and_greet();
    write_all(fd, "\xc0\x00", 2);
    write_all(fd, connect_packet, sizeof connect_packet);
    assert_true(waker_poke(&waker));
    expect(fd, "\xd0\x00\xd0\x00", 4);
    expect_nothing(fd);
    close(fd);
}

static void test_after_the_first_connection_nobody_listens(void **state)
{
    (void)state;
    const int fd = connect_and_greet();
    assert_int_equal(try_connect(), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
}

/* Any user of the machine can connect to a loopback port. */
static void test_another_process_is_not_let_in_and_takes_no_place(void **state)
{
    (void)state;
    uint8_t got;
    int connected[2];
    assert_int_equal(pipe(connected), 0);
    const pid_t other = fork();
    assert_true(other >= 0);
    if (other == 0) {
        const int fd = try_connect();
        const uint8_t good = fd >= 0;
        const bool told = write(connected[1], &good, 1) == 1;
        const ssize_t answer = recv(fd, &got, 1, 0); /* closed by the waker, nothing was sent */
        _exit(!(told && good && answer == 0));
    }
    assert_int_equal(read(connected[0], &got, 1), 1);
    assert_int_equal(got, 1);
    assert_true(waker_poke(&waker));
    int status = -1;
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(status, 0);
    close(connected[0]);
    close(connected[1]);
    close(connect_and_greet());
}

static void test_a_connection_that_ended_cannot_be_poked_any_more(void **state)
{
    (void)state;
    const int fd = connect_and_greet();
    close(fd);
    assert_false(waker_poke(&waker));
    assert_false(waker_poke(&waker));
}

static void test_a_connection_that_never_comes_is_given_up(void **state)
{
    (void)state;
    for (unsigned i = 1; i < WAKER_POKES_WITHOUT_PEER_MAX; i++)
        assert_true(waker_poke(&waker));
    assert_false(waker_poke(&waker));
    assert_int_equal(try_connect(), -1);
}

/* A library that takes nothing must not stop our loop. */
static void test_a_full_socket_does_not_block(void **state)
{
    (void)state;
    const int fd = connect_and_greet();
    const int small = 1;
    assert_int_equal(setsockopt(waker.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    for (int i = 0; i < 100000; i++)
        assert_true(waker_poke(&waker));
    close(fd);
}

static void test_a_closed_waker_does_nothing(void **state)
{
    (void)state;
    waker_close(&waker);
    waker_close(&waker);
    assert_false(waker_poke(&waker));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_sent_before_the_connect_packet_and_then_its_answer),
        TEST(test_each_poke_is_two_ping_answers),
        TEST(test_what_the_library_sends_later_is_thrown_away),
        TEST(test_after_the_first_connection_nobody_listens),
        TEST(test_another_process_is_not_let_in_and_takes_no_place),
        TEST(test_a_connection_that_ended_cannot_be_poked_any_more),
        TEST(test_a_connection_that_never_comes_is_given_up),
        TEST(test_a_full_socket_does_not_block),
        TEST(test_a_closed_waker_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
