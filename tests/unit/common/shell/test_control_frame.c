/* test_control_frame.c - messages cut out of a stream of bytes. */
#include "common/shell/control_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/control_msg.h"

static void test_two_messages_come_out_one_after_the_other(void **state)
{
    (void)state;
    struct byte_queue queue = {0};
    struct bytes message;
    assert_int_equal(control_frame_put(&queue, BYTES_LITERAL("first")), ST_OK);
    assert_int_equal(control_frame_put(&queue, BYTES_LITERAL("second!")), ST_OK);
    assert_int_equal(control_frame_at(&queue, 0, &message, NULL), ST_OK);
    assert_true(bytes_equal(message, BYTES_LITERAL("first")));
    assert_int_equal(control_frame_at(&queue, 9, &message, NULL), ST_OK);
    assert_true(bytes_equal(message, BYTES_LITERAL("second!")));
    byte_queue_drop(&queue, 9);
    assert_int_equal(control_frame_at(&queue, 0, &message, NULL), ST_OK);
    assert_true(bytes_equal(message, BYTES_LITERAL("second!")));
    byte_queue_drop(&queue, 11);
    assert_int_equal(control_frame_at(&queue, 0, &message, NULL), ST_AGAIN);
    byte_queue_clear(&queue);
}

/* A socket gives any number of bytes at a time. */
static void test_at_every_cut_the_message_is_not_there_and_the_missing_bytes_are_told(void **state)
{
    (void)state;
    struct byte_queue whole = {0};
    struct bytes message;
    assert_int_equal(control_frame_put(&whole, BYTES_LITERAL("message")), ST_OK);
    for (size_t cut = 0; cut < byte_queue_size(&whole); cut++) {
        struct byte_queue part = {.data = whole.data, .end = cut, .capacity = whole.capacity};
        size_t missing;
        assert_int_equal(control_frame_at(&part, 0, &message, &missing), ST_AGAIN);
        assert_int_equal(missing, cut < 4 ? 4 - cut : 11 - cut);
    }
    byte_queue_clear(&whole);
}

static void test_a_length_over_the_limit_is_refused_at_once(void **state)
{
    (void)state;
    uint8_t head[4];
    struct bytes message;
    struct byte_queue queue = {.data = head, .end = 4, .capacity = 4};
    put_u32(head, CONTROL_MESSAGE_SIZE_MAX + 1);
    assert_int_equal(control_frame_at(&queue, 0, &message, NULL), ST_TOO_LARGE);
    put_u32(head, CONTROL_MESSAGE_SIZE_MAX);
    assert_int_equal(control_frame_at(&queue, 0, &message, NULL), ST_AGAIN);
}

static void test_a_queue_that_runs_empty_gives_its_memory_back(void **state)
{
    (void)state;
    struct byte_queue queue = {0};
    assert_int_equal(byte_queue_room(&queue, 500000), ST_OK);
    queue.end += 500000;
    byte_queue_drop(&queue, 500000);
    assert_int_equal(queue.capacity, 0);
    assert_null(queue.data);
}

static void test_the_queue_keeps_its_bytes_when_it_moves_and_grows(void **state)
{
    (void)state;
    struct byte_queue queue = {0};
    uint8_t next_in = 0, next_out = 0;
    for (size_t round = 0; round < 300; round++) {
        const size_t size = round * 7 % 900 + 1;
        assert_int_equal(byte_queue_room(&queue, size), ST_OK);
        for (size_t i = 0; i < size; i++)
            queue.data[queue.end++] = next_in++;
        const size_t taken = byte_queue_size(&queue) / 2;
        for (size_t i = 0; i < taken; i++)
            assert_int_equal(queue.data[queue.start + i], next_out++);
        byte_queue_drop(&queue, taken);
    }
    byte_queue_clear(&queue);
}

static uint32_t entries_of(struct bytes type, uint32_t count)
{
    static uint8_t memory[64 * 1024];
    struct buf out = buf_of(memory, sizeof memory);
    const struct append_item item = {.payload = BYTES_LITERAL("x")};
    append_request_begin(&out, type, 3, count);
    for (uint32_t i = 0; i < count; i++)
        append_request_item(&out, &item);
    assert_true(buf_ok(&out));
    return append_request_entries(buf_bytes(&out), 2000);
}

/* The glance must agree with what the writer of requests writes, or a batch could overflow. */
static void test_the_entries_of_an_append_are_counted_without_decoding_it(void **state)
{
    (void)state;
    char long_type[LEVEL_NAME_SIZE_MAX];
    memset(long_type, 't', sizeof long_type);
    static const uint32_t counts[] = {1, 15, 16, 255, 256, APPEND_ENTRIES_MAX};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        assert_int_equal(entries_of(BYTES_LITERAL("T"), counts[i]), counts[i]);
        assert_int_equal(entries_of(bytes_of(long_type, 31), counts[i]), counts[i]);
        assert_int_equal(entries_of(bytes_of(long_type, 32), counts[i]), counts[i]);
        assert_int_equal(entries_of(bytes_of(long_type, sizeof long_type), counts[i]), counts[i]);
    }
}

static void test_other_requests_and_broken_ones_count_no_entries(void **state)
{
    (void)state;
    uint8_t memory[256];
    struct buf verb = buf_of(memory, sizeof memory), part = buf_of(memory, sizeof memory);
    verb_request_encode(&verb, BYTES_LITERAL("status"), NULL, 0);
    assert_int_equal(append_request_entries(buf_bytes(&verb), 2000), 0);
    part_request_encode(&part, 1000, BYTES_LITERAL("abc"));
    assert_int_equal(append_request_entries(buf_bytes(&part), 2000), 0);
    const uint8_t broken[] = {0x94, 0x01, 0xd9, 0xff, 0x00};
    for (size_t size = 0; size <= sizeof broken; size++)
        assert_int_equal(append_request_entries(bytes_of(broken, size), 2000), 0);
}

static void test_only_an_end_is_an_end(void **state)
{
    (void)state;
    uint8_t memory[256];
    struct buf end = buf_of(memory, sizeof memory);
    end_reply_encode(&end, ST_OK, BYTES_EMPTY);
    assert_true(control_reply_is_end(buf_bytes(&end)));
    struct buf raw = buf_of(memory, sizeof memory);
    raw_reply_encode(&raw, BYTES_LITERAL("\x93\x05"));
    assert_false(control_reply_is_end(buf_bytes(&raw)));
    struct buf progress = buf_of(memory, sizeof memory);
    progress_reply_encode(&progress, 1, 2, "entries");
    assert_false(control_reply_is_end(buf_bytes(&progress)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_messages_come_out_one_after_the_other),
        cmocka_unit_test(test_at_every_cut_the_message_is_not_there_and_the_missing_bytes_are_told),
        cmocka_unit_test(test_a_length_over_the_limit_is_refused_at_once),
        cmocka_unit_test(test_a_queue_that_runs_empty_gives_its_memory_back),
        cmocka_unit_test(test_the_queue_keeps_its_bytes_when_it_moves_and_grows),
        cmocka_unit_test(test_the_entries_of_an_append_are_counted_without_decoding_it),
        cmocka_unit_test(test_other_requests_and_broken_ones_count_no_entries),
        cmocka_unit_test(test_only_an_end_is_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
