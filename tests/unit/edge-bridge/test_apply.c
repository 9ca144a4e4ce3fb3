/* test_apply.c - an authentic frame of a kind that this node does not handle: counted, no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/wire/status_msg.h"
#include "tests/support/edge_rig.h"

static struct edge_rig rig;

static int set_up(void **state)
{
    (void)state;
    edge_rig_open(&rig);
    edge_rig_connect(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_rig_close(&rig);
    return 0;
}

static void hear(const struct topic_text *topic, int kind)
{
    const struct bytes body = BYTES_LITERAL("\x90");
    edge_rig_hear_on(&rig, topic, (enum frame_kind)kind, body, rig.cloud_key, false);
}

/* The others are refused for their kind, not because this cloud is not believed. */
static void test_a_kind_that_is_handled_is_not_refused(void **state)
{
    (void)state;
    uint8_t memory[256];
    struct buf body = buf_of(memory, sizeof memory);
    struct topic_text topic;
    status_msg_encode(&(struct status_report){.online = true}, &body);
    assert_int_equal(topic_build("hf/v1", TOPIC_CLOUD_STATUS, NULL, NULL, &topic), ST_OK);
    edge_rig_hear_on(&rig, &topic, FRAME_STATUS, buf_bytes(&body), rig.cloud_key, false);
    assert_int_equal(edge_rig_status(&rig, "frames_refused"), 0);
}

static void test_a_model_on_its_own_topic_is_refused(void **state)
{
    (void)state;
    static const struct digest hash = {{1}};
    struct topic_text topic;
    assert_int_equal(topic_build_scoped("hf/v1", TOPIC_MODEL_MANIFEST, "fleet", "fusion", &topic),
                     ST_OK);
    hear(&topic, FRAME_MODEL_MANIFEST);
    assert_int_equal(edge_rig_status(&rig, "frames_refused"), 1);
    assert_int_equal(topic_build_chunk("hf/v1", "fusion", &hash, &topic), ST_OK);
    hear(&topic, FRAME_MODEL_CHUNK);
    assert_int_equal(edge_rig_status(&rig, "frames_refused"), 2);
}

static void test_kinds_of_models_are_refused_on_every_other_topic(void **state)
{
    (void)state;
    static const enum topic_id topics[] = {TOPIC_ACK, TOPIC_SYNC_DOWN, TOPIC_TRACKS_DOWN,
                                           TOPIC_ROSTER, TOPIC_CLOUD_STATUS};
    uint64_t count = 0;
    for (size_t i = 0; i < COUNT_OF(topics); i++) {
        struct topic_text topic;
        assert_int_equal(topic_build("hf/v1", topics[i], "edge-1", NULL, &topic), ST_OK);
        for (int kind = FRAME_MODEL_MANIFEST; kind <= FRAME_MODEL_STATE; kind++) {
            hear(&topic, kind);
            assert_int_equal(edge_rig_status(&rig, "frames_refused"), ++count);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_a_kind_that_is_handled_is_not_refused),
        T(test_a_model_on_its_own_topic_is_refused),
        T(test_kinds_of_models_are_refused_on_every_other_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
