/* test_receive.c - a frame that is not authentic: counted by its reason, sampled, never more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/status_msg.h"
#include "tests/support/cloud_rig.h"

static struct cloud_rig rig;
static struct rig_log log_1, stranger;

static int set_up(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    rig_log_open(&log_1, "edge-1", 1, 0x10);
    rig_log_open(&stranger, "edge-9", 9, 0x90);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_log_close(&log_1);
    rig_log_close(&stranger);
    cloud_rig_close(&rig);
    return 0;
}

static struct bytes run_frame(const struct rig_log *log, enum topic_id topic, enum frame_kind kind)
{
    const struct checkpoint checkpoint = rig_log_checkpoint(log, 2);
    return cloud_rig_frame(&rig, log, topic, kind,
                           cloud_rig_run_body(&rig, log, 1, 2, &checkpoint));
}

static void assert_refused(const char *reason)
{
    char field[64];
    snprintf(field, sizeof field, "refused_%s", reason);
    assert_false(cloud_rig_has_ack(&rig));
    assert_int_equal(cloud_rig_status(&rig, field), 1);
    assert_int_equal(cloud_rig_status(&rig, "refused"), 1);
    assert_int_equal(cloud_rig_status(&rig, "entries"), 0);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT COUNT(*) FROM refused_frame"), 1);
}

static void test_bytes_that_are_no_frame(void **state)
{
    (void)state;
    cloud_rig_hear(&rig, "edge-1", TOPIC_EVIDENCE, BYTES_LITERAL("hello"));
    assert_refused("frame");
}

static void test_an_empty_message(void **state)
{
    (void)state;
    cloud_rig_hear(&rig, "edge-1", TOPIC_EVIDENCE, BYTES_EMPTY);
    assert_refused("frame");
}

static void test_a_topic_that_no_node_publishes_on(void **state)
{
    (void)state;
    cloud_rig_hear(&rig, "edge-1", TOPIC_ACK, run_frame(&log_1, TOPIC_ACK, FRAME_EVIDENCE));
    assert_refused("topic");
}

static void test_a_node_that_is_not_enrolled(void **state)
{
    (void)state;
    cloud_rig_hear(&rig, "edge-9", TOPIC_EVIDENCE,
                   run_frame(&stranger, TOPIC_EVIDENCE, FRAME_EVIDENCE));
    assert_refused("unknown_node");
}

static void test_a_node_that_speaks_on_another_nodes_topic(void **state)
{
    (void)state;
    cloud_rig_hear(&rig, "edge-1", TOPIC_EVIDENCE,
                   run_frame(&stranger, TOPIC_EVIDENCE, FRAME_EVIDENCE));
    assert_refused("sender");
}

/* The topic is inside the signature. */
static void test_a_frame_that_was_made_for_another_topic(void **state)
{
    (void)state;
    cloud_rig_hear(&rig, "edge-1", TOPIC_SYNC_UP,
                   run_frame(&log_1, TOPIC_EVIDENCE, FRAME_EVIDENCE));
    assert_refused("signature");
}

static void test_a_kind_that_does_not_belong_on_its_topic(void **state)
{
    (void)state;
    cloud_rig_hear(&rig, "edge-1", TOPIC_SYNC_UP, run_frame(&log_1, TOPIC_SYNC_UP, FRAME_EVIDENCE));
    assert_refused("kind");
}

/* Of models the consumer takes nothing; all that is published comes from itself. */
static void test_kinds_of_models_are_refused_wherever_a_node_sends_them(void **state)
{
    (void)state;
    static const enum topic_id topics[] = {TOPIC_EVIDENCE, TOPIC_TRACKS_UP, TOPIC_CONFIG_UP,
                                           TOPIC_SYNC_UP, TOPIC_STATUS};
    uint64_t count = 0;
    for (size_t i = 0; i < COUNT_OF(topics); i++) {
        for (int kind = FRAME_MODEL_MANIFEST; kind <= FRAME_MODEL_STATE; kind++) {
            cloud_rig_send(&rig, &log_1, topics[i], (enum frame_kind)kind, BYTES_LITERAL("\xc0"));
            assert_int_equal(cloud_rig_status(&rig, "refused_kind"), ++count);
        }
    }
    assert_int_equal(cloud_rig_status(&rig, "refused"), count);
}

static void test_an_authentic_frame_whose_body_is_garbage(void **state)
{
    (void)state;
    cloud_rig_send(&rig, &log_1, TOPIC_EVIDENCE, FRAME_EVIDENCE, BYTES_LITERAL("\xc0garbage"));
    assert_refused("body");
}

static void test_a_revoked_node_from_its_next_frame_on(void **state)
{
    (void)state;
    cloud_rig_send_run(&rig, &log_1, 1, 1);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 1);
    assert_int_equal(cloud_rig_verb(&rig, "node-revoke", "node", "edge-1", NULL), ST_OK);
    cloud_rig_send_run(&rig, &log_1, 1, 2);
    assert_false(cloud_rig_has_ack(&rig));
    assert_int_equal(cloud_rig_status(&rig, "refused_revoked"), 1);
    assert_int_equal(cloud_rig_status(&rig, "entries"), 1);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_OK);
}

static void test_every_flipped_bit_of_a_frame_is_refused(void **state)
{
    (void)state;
    const struct bytes frame = run_frame(&log_1, TOPIC_EVIDENCE, FRAME_EVIDENCE);
    for (size_t bit = 0; bit < frame.size * 8; bit++) {
        rig.frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cloud_rig_hear(&rig, "edge-1", TOPIC_EVIDENCE, frame);
        assert_false(cloud_rig_has_ack(&rig));
        rig.frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(cloud_rig_status(&rig, "refused"), frame.size * 8);
    assert_int_equal(cloud_rig_status(&rig, "logs"), 0);
}

static void test_samples_are_bounded_and_counts_are_not(void **state)
{
    (void)state;
    rig.options.settings.rejected_frames_max = 5;
    cloud_rig_reopen(&rig);
    for (int i = 0; i < 40; i++)
        cloud_rig_hear(&rig, "edge-1", TOPIC_EVIDENCE, BYTES_LITERAL("x"));
    assert_int_equal(cloud_rig_status(&rig, "refused_frame"), 40);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT COUNT(*) FROM refused_frame"), 5);
}

static void test_counts_survive_a_restart(void **state)
{
    (void)state;
    cloud_rig_hear(&rig, "edge-1", TOPIC_EVIDENCE, BYTES_LITERAL("x"));
    cloud_rig_power_cut(&rig);
    assert_int_equal(cloud_rig_status(&rig, "refused_frame"), 1);
}

static void test_a_nodes_status_is_noted(void **state)
{
    (void)state;
    uint8_t memory[256];
    struct buf body = buf_of(memory, sizeof memory);
    const struct status_report report = {.online = true, .software = BYTES_LITERAL("edge 1")};
    status_msg_encode(&report, &body);
    cloud_rig_send(&rig, &log_1, TOPIC_STATUS, FRAME_STATUS, buf_bytes(&body));
    assert_int_equal(cloud_rig_verb(&rig, "node-list", NULL), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "software", "edge 1"));
    assert_true(cloud_rig_field_is(&rig, "status", "enrolled"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_bytes_that_are_no_frame),
        T(test_an_empty_message),
        T(test_a_topic_that_no_node_publishes_on),
        T(test_a_node_that_is_not_enrolled),
        T(test_a_node_that_speaks_on_another_nodes_topic),
        T(test_a_frame_that_was_made_for_another_topic),
        T(test_a_kind_that_does_not_belong_on_its_topic),
        T(test_kinds_of_models_are_refused_wherever_a_node_sends_them),
        T(test_an_authentic_frame_whose_body_is_garbage),
        T(test_a_revoked_node_from_its_next_frame_on),
        T(test_every_flipped_bit_of_a_frame_is_refused),
        T(test_samples_are_bounded_and_counts_are_not),
        T(test_counts_survive_a_restart),
        T(test_a_nodes_status_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
