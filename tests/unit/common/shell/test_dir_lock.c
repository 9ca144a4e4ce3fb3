/* test_dir_lock.c - who gets the lock of a directory, who waits for it, who is refused. */
#include "common/shell/dir_lock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct state_dir directory;
static char path[64], sentence[512];
static struct buf message;

static int setup(void **state)
{
    (void)state;
    memcpy(path, "/tmp/holdfast-lock-XXXXXX", sizeof "/tmp/holdfast-lock-XXXXXX");
    message = buf_of(sentence, sizeof sentence - 1);
    memset(sentence, 0, sizeof sentence);
    if (mkdtemp(path) == NULL) return -1;
    return state_dir_open(path, &directory, &message) == ST_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    unlinkat(directory.fd, "lock", 0);
    state_dir_close(&directory);
    return rmdir(path);
}

static enum status take(const char *holder, struct dir_lock *out)
{
    message.size = 0;
    memset(sentence, 0, sizeof sentence);
    return dir_lock_take(&directory, holder, out, &message);
}

/* The lock, held by a process of its own that ends after hold_ms: that gives it back. */
static pid_t hold_elsewhere(const char *holder, long hold_ms)
{
    int held[2];
    char ready = 0;
    const struct timespec hold = {.tv_nsec = hold_ms * 1000000};
    assert_int_equal(pipe(held), 0);
    const pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        struct dir_lock lock;
        ready = take(holder, &lock) == ST_OK;
        if (write(held[1], &ready, 1) != 1) _exit(1);
        nanosleep(&hold, NULL);
        _exit(0);
    }
    assert_int_equal(read(held[0], &ready, 1), 1);
    assert_int_equal(ready, 1);
    close(held[0]);
    close(held[1]);
    return process;
}

static void test_a_lock_that_was_given_back_can_be_taken_again(void **state)
{
    (void)state;
    struct dir_lock lock;
    assert_int_equal(take("edge-bridge run", &lock), ST_OK);
    dir_lock_release(&lock);
    assert_int_equal(take("edge-bridge run", &lock), ST_OK);
    dir_lock_release(&lock);
}

static void test_a_verb_is_refused_and_told_who_holds_the_lock(void **state)
{
    (void)state;
    char wanted[256];
    struct dir_lock first, second;
    assert_int_equal(take("edge-bridge append", &first), ST_OK);
    assert_int_equal(take("edge-bridge status", &second), ST_BUSY);
    snprintf(wanted, sizeof wanted,
             "%s is in use by process %ld (edge-bridge append); end it first, or use another --dir",
             path, (long)getpid());
    assert_string_equal(sentence, wanted);
    assert_int_equal(second.fd, -1);
    dir_lock_release(&first);
}

static void test_a_second_daemon_is_refused_and_told_of_the_first(void **state)
{
    (void)state;
    char wanted[256];
    struct dir_lock first, second;
    assert_int_equal(take("edge-bridge run", &first), ST_OK);
    assert_int_equal(take("edge-bridge run", &second), ST_BUSY);
    snprintf(wanted, sizeof wanted,
             "%s is in use by process %ld (edge-bridge run); end it first, or use another --dir",
             path, (long)getpid());
    assert_string_equal(sentence, wanted);
    dir_lock_release(&first);
}

static void test_a_daemon_waits_for_a_verb_to_end(void **state)
{
    (void)state;
    struct dir_lock lock;
    const pid_t verb = hold_elsewhere("edge-bridge append", 300);
    assert_int_equal(take("edge-bridge run", &lock), ST_OK);
    assert_int_equal(message.size, 0);
    dir_lock_release(&lock);
    assert_int_equal(waitpid(verb, NULL, 0), verb);
}

static void test_a_daemon_does_not_wait_for_ever(void **state)
{
    (void)state;
    struct dir_lock first, second;
    assert_int_equal(take("edge-bridge append", &first), ST_OK);
    assert_int_equal(take("edge-bridge run", &second), ST_BUSY);
    assert_non_null(strstr(sentence, "(edge-bridge append)"));
    dir_lock_release(&first);
}

/* Else a daemon that meets a verb which has just taken the lock would take it for a daemon. */
static void test_the_name_goes_when_the_lock_is_given_back(void **state)
{
    (void)state;
    char name[64];
    struct dir_lock lock, other;
    assert_int_equal(take("edge-bridge run", &lock), ST_OK);
    other.fd = dup(lock.fd);
    assert_true(pread(other.fd, name, sizeof name, 0) > 0);
    dir_lock_release(&lock);
    assert_int_equal(pread(other.fd, name, sizeof name, 0), 0);
    dir_lock_release(&other);
}

/* However it ends: SIGKILL leaves the file, but not the lock. */
static void test_a_killed_holder_holds_no_longer(void **state)
{
    (void)state;
    struct dir_lock lock;
    const pid_t process = hold_elsewhere("edge-bridge run", 900);
    kill(process, SIGKILL);
    assert_int_equal(waitpid(process, NULL, 0), process);
    assert_int_equal(take("edge-bridge run", &lock), ST_OK);
    dir_lock_release(&lock);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_lock_that_was_given_back_can_be_taken_again),
        TEST(test_a_verb_is_refused_and_told_who_holds_the_lock),
        TEST(test_a_second_daemon_is_refused_and_told_of_the_first),
        TEST(test_a_daemon_waits_for_a_verb_to_end),
        TEST(test_a_daemon_does_not_wait_for_ever),
        TEST(test_the_name_goes_when_the_lock_is_given_back),
        TEST(test_a_killed_holder_holds_no_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
