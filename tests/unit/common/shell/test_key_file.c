/* test_key_file.c - the key is written once, kept from others, and refused when it is not sound. */
#include "common/shell/key_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct state_dir directory;
static char path[64], sentence[512];
static struct buf message;

static int setup(void **state)
{
    (void)state;
    memcpy(path, "/tmp/holdfast-key-XXXXXX", sizeof "/tmp/holdfast-key-XXXXXX");
    message = buf_of(sentence, sizeof sentence - 1);
    memset(sentence, 0, sizeof sentence);
    if (mkdtemp(path) == NULL || crypto_start() != ST_OK) return -1;
    return state_dir_open(path, &directory, &message) == ST_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    unlinkat(directory.fd, KEY_FILE_NAME, 0);
    state_dir_close(&directory);
    return rmdir(path);
}

static void write_key(const char *text, mode_t mode)
{
    const int fd = openat(directory.fd, KEY_FILE_NAME, O_WRONLY | O_CREAT | O_TRUNC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void test_a_created_key_opens_and_only_its_owner_may_read_it(void **state)
{
    (void)state;
    struct stat what;
    struct secret_key *key = NULL;
    assert_int_equal(key_file_create(&directory, &message), ST_OK);
    assert_int_equal(fstatat(directory.fd, KEY_FILE_NAME, &what, 0), 0);
    assert_int_equal(what.st_mode & 07777, 0600);
    assert_int_equal(what.st_size, 65);
    assert_int_equal(key_file_open(&directory, &key, &message), ST_OK);
    assert_non_null(key);
    secret_key_close(key);
}

/* A second init must not orphan a log that was signed with the first key. */
static void test_a_key_is_never_overwritten(void **state)
{
    (void)state;
    struct secret_key *first = NULL, *second = NULL;
    assert_int_equal(key_file_create(&directory, &message), ST_OK);
    assert_int_equal(key_file_open(&directory, &first, &message), ST_OK);
    assert_int_equal(key_file_create(&directory, &message), ST_CONFLICT);
    assert_int_equal(key_file_open(&directory, &second, &message), ST_OK);
    const struct public_key a = secret_key_public(first), b = secret_key_public(second);
    assert_true(public_key_equal(&a, &b));
    secret_key_close(first);
    secret_key_close(second);
}

static void test_two_keys_differ(void **state)
{
    (void)state;
    struct secret_key *first = NULL, *second = NULL;
    assert_int_equal(key_file_create(&directory, &message), ST_OK);
    assert_int_equal(key_file_open(&directory, &first, &message), ST_OK);
    assert_int_equal(unlinkat(directory.fd, KEY_FILE_NAME, 0), 0);
    assert_int_equal(key_file_create(&directory, &message), ST_OK);
    assert_int_equal(key_file_open(&directory, &second, &message), ST_OK);
    const struct public_key a = secret_key_public(first), b = secret_key_public(second);
    assert_false(public_key_equal(&a, &b));
    secret_key_close(first);
    secret_key_close(second);
}

static void test_a_key_that_others_can_read_is_refused_with_the_chmod_to_run(void **state)
{
    (void)state;
    static const mode_t modes[] = {0640, 0604, 0620, 0644};
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        struct secret_key *key = NULL;
        char wanted[128];
        assert_int_equal(key_file_create(&directory, &message), ST_OK);
        assert_int_equal(fchmodat(directory.fd, KEY_FILE_NAME, modes[i], 0), 0);
        message.size = 0;
        assert_int_equal(key_file_open(&directory, &key, &message), ST_SETTINGS);
        assert_null(key);
        snprintf(wanted, sizeof wanted, "run: chmod 600 %s/key", path);
        assert_non_null(strstr(sentence, wanted));
        assert_int_equal(unlinkat(directory.fd, KEY_FILE_NAME, 0), 0);
    }
}

static void test_a_missing_key_is_named(void **state)
{
    (void)state;
    struct secret_key *key = NULL;
    assert_int_equal(key_file_open(&directory, &key, &message), ST_SETTINGS);
    assert_non_null(strstr(sentence, "is missing"));
}

static void test_a_key_of_the_wrong_size_or_alphabet_is_refused(void **state)
{
    (void)state;
    char text[80];
    memset(text, 'a', sizeof text);
    static const size_t sizes[] = {0, 62, 63, 65, 66};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct secret_key *key = NULL;
        char wrong[80];
        memcpy(wrong, text, sizes[i]);
        wrong[sizes[i]] = '\0';
        write_key(wrong, 0600);
        assert_int_equal(key_file_open(&directory, &key, &message), ST_SETTINGS);
        assert_null(key);
    }
    struct secret_key *key = NULL;
    text[10] = 'g';
    text[64] = '\0';
    write_key(text, 0600);
    assert_int_equal(key_file_open(&directory, &key, &message), ST_SETTINGS);
}

/* An editor that drops the last line feed must not cost the node its key. */
static void test_the_line_feed_at_the_end_may_be_missing(void **state)
{
    (void)state;
    struct secret_key *key = NULL;
    char text[65];
    memset(text, 'a', 64);
    text[64] = '\0';
    write_key(text, 0600);
    assert_int_equal(key_file_open(&directory, &key, &message), ST_OK);
    secret_key_close(key);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_created_key_opens_and_only_its_owner_may_read_it),
        TEST(test_a_key_is_never_overwritten),
        TEST(test_two_keys_differ),
        TEST(test_a_key_that_others_can_read_is_refused_with_the_chmod_to_run),
        TEST(test_a_missing_key_is_named),
        TEST(test_a_key_of_the_wrong_size_or_alphabet_is_refused),
        TEST(test_the_line_feed_at_the_end_may_be_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
