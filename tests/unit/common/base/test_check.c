/* test_check.c - a broken invariant ends the process and says where; TRY leaves with the status. */
#include "common/base/check.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/status.h"

/* Runs the invariant in a child; returns how the child ended, and what it wrote to stderr. */
static int run_in_child(int value, char *said, size_t said_size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        INVARIANT(value == 1);
        _exit(0);
    }
    close(ends[1]);
    size_t size = 0;
    for (ssize_t got = 1; got > 0 && size < said_size - 1; size += (size_t)got) {
        got = read(ends[0], said + size, said_size - 1 - size);
        assert_true(got >= 0);
    }
    said[size] = '\0';
    close(ends[0]);
    int ending = 0;
    assert_int_equal(waitpid(child, &ending, 0), child);
    return ending;
}

static void test_an_invariant_that_holds_does_nothing(void **state)
{
    (void)state;
    char said[256];
    const int ending = run_in_child(1, said, sizeof said);
    assert_true(WIFEXITED(ending) && WEXITSTATUS(ending) == 0);
    assert_string_equal(said, "");
}

static void test_a_broken_invariant_aborts_and_says_where(void **state)
{
    (void)state;
    char said[256];
    const int ending = run_in_child(2, said, sizeof said);
    assert_true(WIFSIGNALED(ending) && WTERMSIG(ending) == SIGABRT);
    assert_non_null(strstr(said, "test_check.c:"));
    assert_non_null(strstr(said, "value == 1"));
}

static enum status two_steps(enum status first, unsigned *reached)
{
    TRY(first);
    (*reached)++;
    return ST_STALE;
}

static void test_try_goes_on_only_after_ok(void **state)
{
    (void)state;
    unsigned reached = 0;
    assert_int_equal(two_steps(ST_OK, &reached), ST_STALE);
    assert_int_equal(reached, 1);
    assert_int_equal(two_steps(ST_GAP, &reached), ST_GAP);
    assert_int_equal(reached, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_invariant_that_holds_does_nothing),
        cmocka_unit_test(test_a_broken_invariant_aborts_and_says_where),
        cmocka_unit_test(test_try_goes_on_only_after_ok),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
