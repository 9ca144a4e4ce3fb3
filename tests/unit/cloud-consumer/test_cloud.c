/* test_cloud.c - the engine as a whole: create, open, and every way a batch can fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/cloud_rig.h"

static struct cloud_rig rig;
static struct rig_log log_1;

static int set_up(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    rig_log_open(&log_1, "edge-1", 1, 0x10);
    rig_log_fill(&log_1, "a", 38);
    cloud_rig_send_run(&rig, &log_1, 1, 10);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_log_close(&log_1);
    cloud_rig_close(&rig);
    return 0;
}

static void test_create_refuses_to_touch_what_is_there(void **state)
{
    (void)state;
    char words[512];
    struct buf message = buf_of(words, sizeof words);
    cloud_close(rig.cloud);
    rig.cloud = NULL;
    assert_int_equal(cloud_create(&rig.options, &message), ST_DENIED);
    assert_true(message.size > 0);
    cloud_rig_reopen(&rig);
    assert_int_equal(cloud_rig_status(&rig, "entries"), 10);
}

static void test_open_says_what_is_wrong(void **state)
{
    (void)state;
    char words[512];
    struct cloud *cloud = NULL;
    struct buf message = buf_of(words, sizeof words);
    struct cloud_options options = rig.options;
    options.database_path = "nothing.db";
    assert_int_equal(cloud_open(&options, &message, &cloud), ST_NOT_FOUND);
    assert_null(cloud);
    assert_true(message.size > 0);
    options = rig.options;
    options.settings.topic_root = "no spaces here";
    message.size = 0;
    assert_int_equal(cloud_open(&options, &message, &cloud), ST_SETTINGS);
    assert_true(message.size > 0);
}

static struct event run_event(uint64_t from, uint64_t to)
{
    static struct topic_text topic;
    const struct checkpoint checkpoint = rig_log_checkpoint(&log_1, to);
    struct event event = {.kind = EVENT_MESSAGE, .link = LINK_CLOUD};
    assert_int_equal(topic_build("hf/v1", TOPIC_EVIDENCE, "edge-1", NULL, &topic), ST_OK);
    event.message.topic = topic_text_bytes(&topic);
    event.message.payload =
        cloud_rig_frame(&rig, &log_1, TOPIC_EVIDENCE, FRAME_EVIDENCE,
                        cloud_rig_run_body(&rig, &log_1, from, to, &checkpoint));
    return event;
}

/* After the failure: all of the batch or nothing of it, and sending again makes it whole. */
static void assert_whole_or_nothing(void)
{
    const uint64_t entries = cloud_rig_status(&rig, "entries");
    assert_true(entries == 10 || entries == 20);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_OK);
    cloud_rig_send_run(&rig, &log_1, 11, 20);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 20);
    assert_int_equal(cloud_rig_status(&rig, "forks"), 0);
}

static void test_power_cut_at_each_write_of_a_batch_leaves_all_of_it_or_nothing(void **state)
{
    (void)state;
    for (uint64_t calls = 0;; calls++) {
        assert_true(calls < 1000);
        sim_disk_cut_after(rig.disk, calls);
        const enum status status = cloud_rig_try(&rig, run_event(11, 20));
        const bool cut = sim_disk_was_cut(rig.disk);
        const bool told = status == ST_OK && cloud_rig_has_ack(&rig);
        sim_disk_freeze(rig.disk);
        cloud_close(rig.cloud);
        rig.cloud = NULL;
        sim_disk_thaw(rig.disk, true);
        cloud_rig_reopen(&rig);
        /* What was acknowledged is durable. */
        if (told) assert_int_equal(cloud_rig_status(&rig, "entries"), 20);
        if (!cut) break;
        assert_whole_or_nothing();
        tear_down(state);
        set_up(state);
    }
}

static void fail_each_call(unsigned operations, bool full)
{
    void *state = NULL;
    for (uint64_t call = 0;; call++) {
        assert_true(call < 1000);
        const struct sim_disk_fault fault = {
            .operations = operations, .call = call, .persistent = true, .full = full};
        sim_disk_fail(rig.disk, &fault);
        const enum status status = cloud_rig_try(&rig, run_event(11, 20));
        const bool met = sim_disk_fault_met(rig.disk);
        if (met && status != ST_OK)
            assert_true(status_class_of(status) == STATUS_CLASS_STOP || status == ST_FULL);
        sim_disk_heal(rig.disk);
        cloud_rig_reopen(&rig);
        if (!met) break;
        assert_whole_or_nothing();
        tear_down(&state);
        set_up(&state);
    }
}

static void test_each_failing_disk_call_ends_the_batch_and_nothing_else(void **state)
{
    (void)state;
    fail_each_call(SIM_DISK_CHANGES | SIM_DISK_READ, false);
}

static void test_a_disk_that_fills_up_at_any_write_ends_the_batch_and_nothing_else(void **state)
{
    (void)state;
    fail_each_call(SIM_DISK_WRITE, true);
}

static void test_what_was_not_committed_was_never_there(void **state)
{
    (void)state;
    struct event event = run_event(11, 20);
    event.now = rig.now;
    assert_int_equal(cloud_begin(rig.cloud), ST_OK);
    assert_int_equal(cloud_step(rig.cloud, &event, rig.effects), ST_OK);
    cloud_rig_reopen(&rig);
    assert_int_equal(cloud_rig_status(&rig, "entries"), 10);
    assert_whole_or_nothing();
}

/* Same store, same events, same bytes: the simulator stands on it. */
static void test_the_same_history_gives_the_same_frames(void **state)
{
    (void)state;
    static uint8_t first[FRAME_SIZE_MAX];
    size_t size = 0;
    for (int round = 0; round < 2; round++) {
        struct bytes frame, body;
        tear_down(state);
        set_up(state);
        cloud_rig_hello(&rig, &log_1, BYTES_EMPTY);
        assert_true(cloud_rig_sent(&rig, FRAME_HELLO_REPLY, 0, &frame, &body));
        if (round == 0) {
            memcpy(first, frame.data, frame.size);
            size = frame.size;
        } else {
            assert_int_equal(frame.size, size);
            assert_memory_equal(frame.data, first, size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_create_refuses_to_touch_what_is_there),
        T(test_open_says_what_is_wrong),
        T(test_power_cut_at_each_write_of_a_batch_leaves_all_of_it_or_nothing),
        T(test_each_failing_disk_call_ends_the_batch_and_nothing_else),
        T(test_a_disk_that_fills_up_at_any_write_ends_the_batch_and_nothing_else),
        T(test_what_was_not_committed_was_never_there),
        T(test_the_same_history_gives_the_same_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
