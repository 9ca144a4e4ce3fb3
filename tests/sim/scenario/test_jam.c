/* test_jam.c - the link of an edge is jammed for an hour, for a week, and comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/wire/envelope.h"
#include "tests/sim/story.h"
#include "topics/topics.h"

/* Promise 2: what the broker or nobody took stays with the edge, whatever looked connected. */
static void test_an_hour_of_jam_loses_nothing(void **state)
{
    (void)state;
    const struct world_options options = story_options(2, 6, 3600 * 1000);
    struct world *world = story_begin(&options);
    story_pass_ms(world, 5000);
    world_say(world, "story", "the link of edge-1 is jammed for an hour");
    endpoint_cut(&world->edges[0].links[LINK_CLOUD], SIM_HOUR);
    story_pass_ms(world, 3600 * 1000);
    story_end(world, "trace_jam.txt");
}

struct order {
    struct unpacker *unpacker;
    bool armed, ahead_seen, run_seen;
    unsigned early_runs;
};

static void watch_order(void *context, struct sim_node *node, const struct effect *effect)
{
    struct order *order = context;
    struct envelope envelope;
    struct topic_parts parts;
    if (!order->armed || node->is_cloud || effect->kind != EFFECT_PUBLISH ||
        topic_parse(SIM_ROOT, effect->topic, &parts) != ST_OK || parts.id != TOPIC_EVIDENCE)
        return;
    assert_int_equal(envelope_read(order->unpacker, effect->payload, &envelope), ST_OK);
    if (envelope.kind == FRAME_EVIDENCE_AHEAD) order->ahead_seen = true;
    /* A frame without entries only announces the newest checkpoint. */
    if (envelope.kind == FRAME_EVIDENCE && envelope.body.size > 400 && !order->ahead_seen) {
        order->early_runs++;
    }
}

/* After a week the backlog is long; P0 must not wait for its end. */
static void test_after_a_week_critical_entries_go_first(void **state)
{
    (void)state;
    const uint64_t week_ms = 7 * 24 * 3600 * UINT64_C(1000);
    struct order order = {0};
    assert_int_equal(unpacker_open(&order.unpacker), ST_OK);
    struct world_options options = story_options(1, 60, week_ms);
    options.faults.heartbeat_ms = 30 * 60 * 1000;
    options.faults.reconnect_ms_max = 60 * 60 * 1000;
    options.faults.frame_size_max = 2048;
    options.faults.bytes_per_s = 6000;
    options.record = options.record_frames = false;
    options.watch = watch_order;
    options.context = &order;
    struct world *world = story_begin(&options);
    story_pass_ms(world, 60 * 1000);
    world_say(world, "story", "edge-1 goes offline for a week");
    endpoint_cut(&world->edges[0].links[LINK_CLOUD], week_ms * SIM_MS);
    story_pass_ms(world, week_ms);
    world_say(world, "story", "the week is over");
    order.armed = true;
    story_pass_ms(world, 2 * 3600 * 1000);
    order.armed = false;
    assert_true(order.ahead_seen);
    assert_int_equal(order.early_runs, 0);
    story_end(world, NULL);
    unpacker_close(order.unpacker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_hour_of_jam_loses_nothing),
        cmocka_unit_test(test_after_a_week_critical_entries_go_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
