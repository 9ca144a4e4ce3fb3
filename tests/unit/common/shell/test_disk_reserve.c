/* test_disk_reserve.c - room that is really there, given up once, and taken again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/shell/disk_reserve.h"

enum { SIZE = 1024 * 1024 };

static char path[] = "/tmp/holdfast-reserve-XXXXXX";
static struct state_dir directory;
static struct disk_reserve reserve;
static unsigned warnings;

static void count_warnings(void *context, enum trace_level level, const char *line)
{
    (void)context;
    (void)line;
    warnings += level == TRACE_WARNING;
}

static const struct trace trace = {.write = count_warnings};

static int set_up(void **state)
{
    (void)state;
    uint8_t memory[256];
    struct buf message = buf_of(memory, sizeof(memory));
    memset(path + strlen(path) - 6, 'X', 6);
    assert_non_null(mkdtemp(path));
    assert_int_equal(state_dir_open(path, &directory, &message), ST_OK);
    warnings = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlinkat(directory.fd, DISK_RESERVE_FILE, 0);
    state_dir_close(&directory);
    return rmdir(path);
}

static uint64_t room_held(void)
{
    struct stat what;
    if (fstatat(directory.fd, DISK_RESERVE_FILE, &what, 0) != 0) return 0;
    return (uint64_t)what.st_blocks * 512;
}

static void test_the_room_is_really_allocated(void **state)
{
    (void)state;
    disk_reserve_open(&reserve, &directory, SIZE, &trace);
    assert_true(room_held() >= SIZE);
}

/* As a backup tool may have left it. */
static void test_a_file_of_holes_is_replaced(void **state)
{
    (void)state;
    const int fd = openat(directory.fd, DISK_RESERVE_FILE, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(ftruncate(fd, SIZE), 0);
    close(fd);
    assert_int_equal(room_held(), 0);
    disk_reserve_open(&reserve, &directory, SIZE, &trace);
    assert_true(room_held() >= SIZE);
}

static void test_another_size_replaces_the_file_and_none_removes_it(void **state)
{
    (void)state;
    disk_reserve_open(&reserve, &directory, SIZE, &trace);
    disk_reserve_open(&reserve, &directory, 2 * SIZE, &trace);
    assert_true(room_held() >= 2 * SIZE);
    disk_reserve_open(&reserve, &directory, 0, &trace);
    assert_false(state_dir_has(&directory, DISK_RESERVE_FILE));
}

static void test_it_is_given_up_once_and_taken_again_later(void **state)
{
    (void)state;
    struct moment now = {.mono_ns = 1};
    disk_reserve_open(&reserve, &directory, SIZE, &trace);
    assert_true(disk_reserve_release(&reserve));
    assert_false(state_dir_has(&directory, DISK_RESERVE_FILE));
    assert_false(disk_reserve_release(&reserve));
    disk_reserve_tick(&reserve, &now);
    assert_true(room_held() >= SIZE);
    assert_true(disk_reserve_release(&reserve));
    disk_reserve_tick(&reserve, &now); /* looked a moment ago */
    assert_int_equal(room_held(), 0);
    now.mono_ns += UINT64_C(10000000000);
    disk_reserve_tick(&reserve, &now);
    assert_true(room_held() >= SIZE);
}

static void test_without_room_one_warning_is_said_and_no_file_is_left(void **state)
{
    (void)state;
    struct moment now = {.mono_ns = 1};
    disk_reserve_open(&reserve, &directory, UINT64_C(1) << 60, &trace);
    disk_reserve_tick(&reserve, &now);
    assert_int_equal(warnings, 1);
    assert_false(state_dir_has(&directory, DISK_RESERVE_FILE));
    assert_false(disk_reserve_release(&reserve));
}

/* Verbs without a daemon keep none. */
static void test_a_reserve_that_was_never_opened_does_nothing(void **state)
{
    (void)state;
    struct disk_reserve none = {0};
    const struct moment now = {.mono_ns = 1};
    disk_reserve_tick(&none, &now);
    assert_false(disk_reserve_release(&none));
    assert_false(state_dir_has(&directory, DISK_RESERVE_FILE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_the_room_is_really_allocated),
        T(test_a_file_of_holes_is_replaced),
        T(test_another_size_replaces_the_file_and_none_removes_it),
        T(test_it_is_given_up_once_and_taken_again_later),
        T(test_without_room_one_warning_is_said_and_no_file_is_left),
        T(test_a_reserve_that_was_never_opened_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
