/* test_inbox.c - what goes in comes out, in order and whole; what does not fit is dropped and
 * counted, but never news of a link. */
#include "common/shell/inbox.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MESSAGES_BYTES = 64 * 1024, MESSAGES_COUNT = 100 };

static struct inbox *inbox;

static int setup(void **state)
{
    (void)state;
    return inbox_open(MESSAGES_BYTES, MESSAGES_COUNT, &inbox) == ST_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    inbox_close(inbox);
    return 0;
}

static struct inbox_note message_of(const void *payload, size_t size)
{
    return (struct inbox_note){
        .kind = INBOX_MESSAGE,
        .message = {.topic = BYTES_LITERAL("a/b"), .payload = bytes_of(payload, size)}};
}

static void test_a_note_comes_out_with_all_its_parts(void **state)
{
    (void)state;
    const struct inbox_note in = {
        .kind = INBOX_MESSAGE,
        .link = LINK_LOCAL,
        .generation = 7,
        .token = 9,
        .receive_maximum = 20,
        .reason_code = 0x87,
        .session_present = true,
        .found = true,
        .message = {.topic = BYTES_LITERAL("local/evidence/t"),
                    .payload = BYTES_LITERAL("payload"),
                    .response_topic = BYTES_LITERAL("r"),
                    .correlation = BYTES_LITERAL("c0"),
                    .user_priority = BYTES_LITERAL("0"),
                    .user_id = BYTES_LITERAL("id-1"),
                    .retained = true},
        .reason = BYTES_LITERAL("why"),
    };
    struct inbox_note out;
    assert_true(inbox_put(inbox, &in));
    assert_true(inbox_take(inbox, &out));
    assert_int_equal(out.kind, in.kind);
    assert_int_equal(out.link, in.link);
    assert_int_equal(out.generation, in.generation);
    assert_int_equal(out.token, in.token);
    assert_int_equal(out.receive_maximum, in.receive_maximum);
    assert_int_equal(out.reason_code, in.reason_code);
    assert_true(out.session_present && out.found && out.message.retained);
    assert_true(bytes_equal(out.message.topic, in.message.topic));
    assert_true(bytes_equal(out.message.payload, in.message.payload));
    assert_true(bytes_equal(out.message.response_topic, in.message.response_topic));
    assert_true(bytes_equal(out.message.correlation, in.message.correlation));
    assert_true(bytes_equal(out.message.user_priority, in.message.user_priority));
    assert_true(bytes_equal(out.message.user_id, in.message.user_id));
    assert_true(bytes_equal(out.reason, in.reason));
    assert_false(inbox_take(inbox, &out));
}

/* Sizes that do not divide the ring make records meet its end in every way. */
static void test_order_and_bytes_survive_many_turns_of_the_ring(void **state)
{
    (void)state;
    uint8_t payload[3001];
    uint32_t put = 0, taken = 0;
    while (put < 5000) {
        for (int i = 0; i < 17; i++, put++) {
            const size_t size = 1 + put * 37 % 3000;
            memset(payload, (int)(put & 0xff), size);
            struct inbox_note note = message_of(payload, size);
            note.token = put;
            assert_true(inbox_put(inbox, &note));
        }
        /* Never to the last one, so that the ring does not start at its beginning again. */
        for (struct inbox_note out; taken + 3 < put && inbox_take(inbox, &out); taken++) {
            assert_int_equal(out.token, taken);
            assert_int_equal(out.message.payload.size, 1 + taken * 37 % 3000);
            assert_int_equal(out.message.payload.data[0], taken & 0xff);
            assert_int_equal(out.message.payload.data[out.message.payload.size - 1], taken & 0xff);
        }
        inbox_release(inbox);
    }
    assert_int_equal(inbox_dropped_count(inbox), 0);
}

static void test_what_is_taken_stays_whole_until_it_is_released(void **state)
{
    (void)state;
    uint8_t payload[20000], expected[20000];
    struct inbox_note out, more;
    memset(payload, 1, sizeof payload);
    memset(expected, 1, sizeof expected);
    struct inbox_note note = message_of(payload, sizeof payload);
    assert_true(inbox_put(inbox, &note));
    assert_true(inbox_take(inbox, &out));
    memset(payload, 2, sizeof payload);
    while (inbox_put(inbox, &note))
        continue;
    assert_memory_equal(out.message.payload.data, expected, sizeof expected);
    inbox_release(inbox);
    assert_true(inbox_take(inbox, &more));
    assert_int_equal(more.message.payload.data[0], 2);
}

static void test_messages_beyond_the_bytes_are_dropped_and_counted(void **state)
{
    (void)state;
    static uint8_t payload[MESSAGES_BYTES / 2];
    const struct inbox_note note = message_of(payload, sizeof payload);
    struct inbox_note out;
    assert_true(inbox_put(inbox, &note));
    assert_false(inbox_put(inbox, &note));
    assert_false(inbox_put(inbox, &note));
    assert_int_equal(inbox_dropped_count(inbox), 2);
    assert_true(inbox_take(inbox, &out));
    inbox_release(inbox);
    assert_true(inbox_put(inbox, &note));
}

static void test_messages_beyond_the_count_are_dropped_and_counted(void **state)
{
    (void)state;
    const struct inbox_note note = message_of("x", 1);
    for (int i = 0; i < MESSAGES_COUNT; i++)
        assert_true(inbox_put(inbox, &note));
    assert_false(inbox_put(inbox, &note));
    assert_int_equal(inbox_dropped_count(inbox), 1);
}

static void test_news_of_links_and_publishes_fits_when_messages_do_not(void **state)
{
    (void)state;
    static uint8_t payload[1000];
    const struct inbox_note note = message_of(payload, sizeof payload);
    while (inbox_put(inbox, &note))
        continue;
    const struct inbox_note down = {.kind = INBOX_DOWN, .reason = BYTES_LITERAL("gone")};
    const struct inbox_note sent = {.kind = INBOX_SENT};
    assert_true(inbox_put(inbox, &down));
    /* Two links with all that may be in flight on each. */
    for (int i = 0; i < 2000; i++)
        assert_true(inbox_put(inbox, &sent));
    assert_int_equal(inbox_dropped_count(inbox), 1);
}

static bool rings(void)
{
    struct pollfd bell = {.fd = inbox_wakeup_fd(inbox), .events = POLLIN};
    return poll(&bell, 1, 0) == 1;
}

static void test_the_bell_rings_for_notes_until_it_was_seen(void **state)
{
    (void)state;
    const struct inbox_note note = message_of("x", 1);
    assert_false(rings());
    inbox_put(inbox, &note);
    inbox_put(inbox, &note);
    assert_true(rings());
    inbox_wakeup_seen(inbox);
    assert_false(rings());
    inbox_put(inbox, &note);
    assert_true(rings());
}

enum { PRODUCERS = 3, PRODUCED = 20000 };

static void *produce(void *argument)
{
    const uint32_t who = *(uint32_t *)argument;
    for (uint32_t i = 0; i < PRODUCED; i++) {
        struct inbox_note note = {.kind = INBOX_SENT, .generation = who, .token = i};
        while (!inbox_put(inbox, &note))
            continue;
    }
    return NULL;
}

static void test_notes_of_several_threads_all_arrive_each_in_its_order(void **state)
{
    (void)state;
    pthread_t threads[PRODUCERS];
    uint32_t who[PRODUCERS], next[PRODUCERS] = {0}, total = 0;
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        who[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &who[i]), 0);
    }
    while (total < PRODUCERS * PRODUCED) {
        struct pollfd bell = {.fd = inbox_wakeup_fd(inbox), .events = POLLIN};
        assert_int_equal(poll(&bell, 1, 10000), 1);
        inbox_wakeup_seen(inbox);
        for (struct inbox_note out; inbox_take(inbox, &out); total++)
            assert_int_equal(out.token, next[out.generation]++);
        inbox_release(inbox);
    }
    for (uint32_t i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_note_comes_out_with_all_its_parts),
        TEST(test_order_and_bytes_survive_many_turns_of_the_ring),
        TEST(test_what_is_taken_stays_whole_until_it_is_released),
        TEST(test_messages_beyond_the_bytes_are_dropped_and_counted),
        TEST(test_messages_beyond_the_count_are_dropped_and_counted),
        TEST(test_news_of_links_and_publishes_fits_when_messages_do_not),
        TEST(test_the_bell_rings_for_notes_until_it_was_seen),
        TEST(test_notes_of_several_threads_all_arrive_each_in_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
