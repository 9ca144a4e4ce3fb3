/* test_line_reader.c - lines out of a pipe, whatever its pieces. */
#include "common/shell/line_reader.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct writer {
    int fd;
    struct bytes bytes;
    size_t piece;
};

static void *write_pieces(void *argument)
{
    struct writer *writer = argument;
    struct bytes left = writer->bytes;
    while (left.size > 0) {
        const size_t size = left.size < writer->piece ? left.size : writer->piece;
        const ssize_t written = write(writer->fd, left.data, size);
        if (written <= 0) break;
        left = bytes_from(left, (size_t)written);
    }
    close(writer->fd);
    return NULL;
}

/* Reads all lines of text that arrives in pieces and joins them with "|". */
static void assert_lines(struct bytes text, size_t piece, const char *expected)
{
    int ends[2];
    pthread_t thread;
    char joined[256];
    struct buf lines = buf_of(joined, sizeof joined - 1);
    struct bytes line;
    assert_int_equal(pipe(ends), 0);
    struct writer writer = {.fd = ends[1], .bytes = text, .piece = piece};
    struct line_reader reader = {.fd = ends[0]};
    assert_int_equal(pthread_create(&thread, NULL, write_pieces, &writer), 0);
    enum status status;
    while ((status = line_read(&reader, 100, &line)) == ST_OK) {
        buf_put(&lines, line);
        buf_put_u8(&lines, '|');
    }
    assert_int_equal(status, ST_NOT_FOUND);
    joined[lines.size] = '\0';
    assert_string_equal(joined, expected);
    pthread_join(thread, NULL);
    close(ends[0]);
    line_reader_close(&reader);
}

static void test_lines_come_whole_in_whatever_pieces_they_arrive(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 2, 3, 1000};
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        assert_lines(BYTES_LITERAL("one\n\ntwo three\nfour\n"), pieces[i], "one||two three|four|");
}

static void test_the_last_line_counts_without_a_line_feed(void **state)
{
    (void)state;
    assert_lines(BYTES_LITERAL("one\ntwo"), 2, "one|two|");
    assert_lines(BYTES_LITERAL("one"), 2, "one|");
}

static void test_nothing_is_no_line(void **state)
{
    (void)state;
    assert_lines(BYTES_EMPTY, 1, "");
}

static void test_a_line_longer_than_allowed_is_refused_before_it_is_all_read(void **state)
{
    (void)state;
    int ends[2];
    char text[101];
    struct bytes line;
    memset(text, 'a', sizeof text);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, sizeof text), (ssize_t)sizeof text);
    struct line_reader reader = {.fd = ends[0]};
    /* The writer has not closed its end: a line without end must not be waited for. */
    assert_int_equal(line_read(&reader, 100, &line), ST_TOO_LARGE);
    close(ends[0]);
    close(ends[1]);
    line_reader_close(&reader);
}

static void test_the_whole_is_all_bytes_and_bounded(void **state)
{
    (void)state;
    int ends[2];
    struct bytes whole;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "a\nb", 3), 3);
    close(ends[1]);
    struct line_reader reader = {.fd = ends[0]};
    assert_int_equal(whole_read(&reader, 100, &whole), ST_OK);
    assert_true(bytes_equal(whole, BYTES_LITERAL("a\nb")));
    close(ends[0]);
    line_reader_close(&reader);
}

/* A program that is fed live sends what it has before it waits for more. */
static void test_a_line_is_ready_once_it_is_there_or_the_end_is(void **state)
{
    int ends[2];
    struct bytes line;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    struct line_reader reader = {.fd = ends[0]};
    assert_false(line_is_ready(&reader));
    assert_int_equal(write(ends[1], "a\nb\nhalf", 8), 8);
    assert_true(line_is_ready(&reader));
    assert_int_equal(line_read(&reader, 100, &line), ST_OK);
    assert_true(line_is_ready(&reader));
    assert_int_equal(line_read(&reader, 100, &line), ST_OK);
    assert_false(line_is_ready(&reader));
    close(ends[1]);
    assert_true(line_is_ready(&reader));
    assert_int_equal(line_read(&reader, 100, &line), ST_OK);
    assert_true(bytes_equal(line, BYTES_LITERAL("half")));
    close(ends[0]);
    line_reader_close(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_come_whole_in_whatever_pieces_they_arrive),
        cmocka_unit_test(test_the_last_line_counts_without_a_line_feed),
        cmocka_unit_test(test_nothing_is_no_line),
        cmocka_unit_test(test_a_line_longer_than_allowed_is_refused_before_it_is_all_read),
        cmocka_unit_test(test_a_line_is_ready_once_it_is_there_or_the_end_is),
        cmocka_unit_test(test_the_whole_is_all_bytes_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
