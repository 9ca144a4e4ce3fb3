/* test_notify.c - what a service manager hears. */
#include "common/shell/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static const uint64_t second_ns = UINT64_C(1000000000);

/* A manager at an abstract address, so that no file is left. */
static int manager_open(void)
{
    char name[64];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int size = snprintf(name, sizeof name, "@holdfast-notify-%ld", (long)getpid());
    memcpy(address.sun_path + 1, name + 1, (size_t)size - 1);
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)size)),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void manager_close(int fd)
{
    close(fd);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static void assert_heard(int fd, const char *words)
{
    char heard[256];
    const ssize_t size = recv(fd, heard, sizeof heard - 1, 0);
    if (words == NULL) {
        assert_int_equal(size, -1);
        return;
    }
    assert_true(size >= 0);
    heard[size] = '\0';
    assert_string_equal(heard, words);
}

static void test_it_hears_ready_and_stopping(void **state)
{
    (void)state;
    const int manager = manager_open();
    struct notify notify = notify_open();
    notify_ready(&notify, second_ns);
    assert_heard(manager, "READY=1");
    notify_stopping(&notify);
    assert_heard(manager, "STOPPING=1");
    notify_close(&notify);
    manager_close(manager);
}

static void test_without_a_watchdog_no_sign_of_life_is_given(void **state)
{
    (void)state;
    const int manager = manager_open();
    struct notify notify = notify_open();
    notify_ready(&notify, 0);
    assert_heard(manager, "READY=1");
    notify_alive(&notify, 1000000 * second_ns);
    assert_heard(manager, NULL);
    notify_close(&notify);
    manager_close(manager);
}

static void test_signs_of_life_come_at_half_the_time_asked_for(void **state)
{
    (void)state;
    char pid[32];
    const int manager = manager_open();
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    setenv("WATCHDOG_USEC", "10000000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    struct notify notify = notify_open();
    notify_ready(&notify, second_ns);
    assert_heard(manager, "READY=1");
    notify_alive(&notify, 6 * second_ns - 1);
    assert_heard(manager, NULL);
    notify_alive(&notify, 6 * second_ns);
    assert_heard(manager, "WATCHDOG=1");
    assert_heard(manager, NULL);
    assert_int_equal(notify.next_ns, 11 * second_ns);
    notify_close(&notify);
    manager_close(manager);
}

static void test_a_watchdog_that_is_for_another_process_is_not_ours(void **state)
{
    (void)state;
    const int manager = manager_open();
    setenv("WATCHDOG_USEC", "10000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    struct notify notify = notify_open();
    assert_int_equal(notify.interval_ns, 0);
    notify_close(&notify);
    manager_close(manager);
}

static void test_a_watchdog_time_that_is_no_number_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "-1", "10s", "99999999999999999999999"};
    const int manager = manager_open();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        setenv("WATCHDOG_USEC", texts[i], 1);
        struct notify notify = notify_open();
        assert_int_equal(notify.interval_ns, 0);
        notify_close(&notify);
    }
    manager_close(manager);
}

static void test_without_a_manager_nothing_happens(void **state)
{
    (void)state;
    static const char *const paths[] = {"/nonexistent/socket", "relative", "@", ""};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        setenv("NOTIFY_SOCKET", paths[i], 1);
        struct notify notify = notify_open();
        assert_int_equal(notify.fd, -1);
        notify_ready(&notify, 0);
        notify_alive(&notify, second_ns);
        notify_stopping(&notify);
        notify_close(&notify);
    }
    unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_hears_ready_and_stopping),
        cmocka_unit_test(test_without_a_watchdog_no_sign_of_life_is_given),
        cmocka_unit_test(test_signs_of_life_come_at_half_the_time_asked_for),
        cmocka_unit_test(test_a_watchdog_that_is_for_another_process_is_not_ours),
        cmocka_unit_test(test_a_watchdog_time_that_is_no_number_is_none),
        cmocka_unit_test(test_without_a_manager_nothing_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
