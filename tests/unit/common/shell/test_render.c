/* test_render.c - what people and programs get to see of the same replies. */
#include "common/shell/render.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *shown, *complaints;
static size_t shown_size, complaints_size;
static FILE *out, *errors;
static struct render *render;
static struct control_reply *reply;
static struct unpacker *unpacker;
static uint8_t memory[256 * 1024];

static void open_with(bool json, bool progress)
{
    const struct render_options options = {
        .out = out, .errors = errors, .json = json, .progress = progress};
    assert_int_equal(render_open(&options, &render), ST_OK);
}

static int setup(void **state)
{
    (void)state;
    out = open_memstream(&shown, &shown_size);
    errors = open_memstream(&complaints, &complaints_size);
    reply = calloc(1, sizeof *reply);
    return unpacker_open(&unpacker) == ST_OK && reply != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    render_close(render);
    unpacker_close(unpacker);
    fclose(out);
    fclose(errors);
    free(shown);
    free(complaints);
    free(reply);
    return 0;
}

static void show(const struct buf *encoded)
{
    assert_true(buf_ok(encoded));
    assert_int_equal(control_reply_decode(unpacker, buf_bytes(encoded), reply), ST_OK);
    assert_int_equal(render_reply(render, reply), ST_OK);
}

static void show_record(const char *name, uint64_t count, bool good)
{
    struct buf encoded = buf_of(memory, sizeof memory);
    record_reply_begin(&encoded, 3);
    record_words(&encoded, "name", name);
    record_uint(&encoded, "count", count);
    record_bool(&encoded, "good", good);
    show(&encoded);
}

static const char *all_shown(void)
{
    assert_int_equal(render_end(render), ST_OK);
    fflush(errors);
    return shown;
}

static void test_one_record_is_a_line_for_each_field(void **state)
{
    (void)state;
    open_with(false, false);
    show_record("edge-1", 17, true);
    assert_string_equal(all_shown(), "name:  edge-1\ncount: 17\ngood:  yes\n");
}

static void test_several_records_with_the_same_fields_are_a_table(void **state)
{
    (void)state;
    open_with(false, false);
    show_record("edge-1", 1234567, true);
    show_record("e", 8, false);
    assert_string_equal(all_shown(), "name      count  good\n"
                                     "edge-1  1234567  yes\n"
                                     "e             8  no\n");
}

static void test_other_fields_begin_another_block(void **state)
{
    (void)state;
    open_with(false, false);
    show_record("edge-1", 1, true);
    struct buf encoded = buf_of(memory, sizeof memory);
    record_reply_begin(&encoded, 1);
    record_nil(&encoded, "last");
    show(&encoded);
    assert_string_equal(all_shown(), "name:  edge-1\ncount: 1\ngood:  yes\n\nlast: -\n");
}

/* The first rows set the widths; what comes later is not held back and not lost. */
static void test_a_table_longer_than_what_is_held_back_shows_every_row_once(void **state)
{
    (void)state;
    open_with(false, false);
    for (uint64_t i = 0; i < 3 * RENDER_TABLE_ROWS + 1; i++)
        show_record("n", i, true);
    const char *text = all_shown();
    size_t lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 3 * RENDER_TABLE_ROWS + 2);
    assert_non_null(strstr(text, "n       600  yes\n"));
}

static void test_json_is_one_object_a_line(void **state)
{
    (void)state;
    open_with(true, false);
    show_record("a\"b", 1, true);
    show_record("c", 2, false);
    assert_string_equal(all_shown(), "{\"name\":\"a\\\"b\",\"count\":1,\"good\":true}\n"
                                     "{\"name\":\"c\",\"count\":2,\"good\":false}\n");
}

static void test_json_has_null_and_negative_numbers(void **state)
{
    (void)state;
    open_with(true, false);
    struct buf encoded = buf_of(memory, sizeof memory);
    record_reply_begin(&encoded, 2);
    record_nil(&encoded, "a");
    record_int(&encoded, "b", -5);
    show(&encoded);
    assert_string_equal(all_shown(), "{\"a\":null,\"b\":-5}\n");
}

/* Cut in the middle it would look like another value. */
static void test_a_value_of_the_largest_size_is_shown_whole(void **state)
{
    static char value[CONTROL_TEXT_SIZE_MAX];
    (void)state;
    memset(value, 'v', sizeof value);
    for (unsigned json = 0; json < 2; json++) {
        open_with(json != 0, false);
        struct buf encoded = buf_of(memory, sizeof memory);
        record_reply_begin(&encoded, 1);
        record_text(&encoded, "value", bytes_of(value, sizeof value));
        show(&encoded);
        (void)all_shown();
        render_close(render);
        render = NULL;
    }
    assert_int_equal(shown_size, sizeof("value: \n{\"value\":\"\"}\n") - 1 + 2 * sizeof value);
}

/* A node could name a type or a reason with escape sequences for whoever lists it. */
static void test_control_characters_do_not_reach_the_terminal(void **state)
{
    (void)state;
    open_with(false, false);
    show_record("\x1b[2J\n", 1, true);
    assert_string_equal(all_shown(), "name:  ?[2J?\ncount: 1\ngood:  yes\n");
}

static void show_receipts(enum status second)
{
    struct buf encoded = buf_of(memory, sizeof memory);
    struct receipt receipt = {.status = ST_OK, .sequence = 5};
    memset(receipt.log.bytes, 0xab, LOG_ID_SIZE);
    memset(receipt.hash.bytes, 0xcd, DIGEST_SIZE);
    receipts_reply_begin(&encoded, 2);
    receipts_reply_item(&encoded, &receipt);
    receipt.status = second;
    receipt.sequence = 6;
    receipt.duplicate = true;
    receipts_reply_item(&encoded, &receipt);
    show(&encoded);
}

#define LOG "abababababababababababababababab"
#define HASH "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"

static void test_receipts_are_log_sequence_hash_and_tell_repeats(void **state)
{
    (void)state;
    open_with(false, false);
    show_receipts(ST_OK);
    assert_string_equal(all_shown(), LOG " 5 " HASH "\n" LOG " 6 " HASH " duplicate\n");
    assert_int_equal(render_worst(render), ST_OK);
}

static void test_a_refused_entry_is_a_sentence_and_sets_the_status(void **state)
{
    (void)state;
    open_with(false, false);
    show_receipts(ST_FULL);
    assert_string_equal(all_shown(), LOG " 5 " HASH "\n");
    assert_string_equal(complaints, "entry 2 not accepted: full: no room for this priority until "
                                    "the disk has more free bytes\n");
    assert_int_equal(render_worst(render), ST_FULL);
}

static void test_receipts_in_json(void **state)
{
    (void)state;
    open_with(true, false);
    show_receipts(ST_OK);
    assert_string_equal(all_shown(), "{\"log\":\"" LOG "\",\"sequence\":5,\"hash\":\"" HASH
                                     "\",\"duplicate\":false,\"best_effort\":false}\n"
                                     "{\"log\":\"" LOG "\",\"sequence\":6,\"hash\":\"" HASH
                                     "\",\"duplicate\":true,\"best_effort\":false}\n");
}

static void test_raw_bytes_are_written_as_they_are(void **state)
{
    (void)state;
    open_with(false, false);
    struct buf encoded = buf_of(memory, sizeof memory);
    raw_reply_encode(&encoded, BYTES_LITERAL("a\0b\n\x1b"));
    show(&encoded);
    assert_memory_equal(all_shown(), "a\0b\n\x1b", 5);
    assert_int_equal(shown_size, 5);
}

static void test_progress_is_a_bar_only_where_it_is_wanted(void **state)
{
    (void)state;
    struct buf encoded = buf_of(memory, sizeof memory);
    progress_reply_encode(&encoded, 1, 2, "entries");
    open_with(false, false);
    show(&encoded);
    assert_string_equal(all_shown(), "");
    assert_string_equal(complaints, "");
    render_close(render);
    open_with(false, true);
    show(&encoded);
    fflush(errors);
    assert_non_null(strstr(complaints, "[###############...............]  50% 1 of 2 entries"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_one_record_is_a_line_for_each_field),
        TEST(test_several_records_with_the_same_fields_are_a_table),
        TEST(test_other_fields_begin_another_block),
        TEST(test_a_table_longer_than_what_is_held_back_shows_every_row_once),
        TEST(test_json_is_one_object_a_line),
        TEST(test_json_has_null_and_negative_numbers),
        TEST(test_a_value_of_the_largest_size_is_shown_whole),
        TEST(test_control_characters_do_not_reach_the_terminal),
        TEST(test_receipts_are_log_sequence_hash_and_tell_repeats),
        TEST(test_a_refused_entry_is_a_sentence_and_sets_the_status),
        TEST(test_receipts_in_json),
        TEST(test_raw_bytes_are_written_as_they_are),
        TEST(test_progress_is_a_bar_only_where_it_is_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
