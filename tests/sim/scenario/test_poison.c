/* test_poison.c - a node that booted with a wrong clock observes, writes config and takes evidence
 * while it is cut off; somebody whose clock is right writes the same key later. When the cut ends,
 * the later write stands everywhere, and the node is well again without an operator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/story.h"

static void tell(int64_t clock_off_s, const char *words, const char *golden)
{
    struct world_options options = story_options(2, 3, 60 * 1000);
    options.faults.clocks = true;
    struct world *world = story_begin_with_data(&options, 2);
    struct sim_node *poisoned = &world->edges[0], *honest = &world->edges[1];
    story_pass_ms(world, 5000);
    world_say(world, "story", "edge-1 boots %s, and finds no link", words);
    endpoint_cut(&poisoned->links[LINK_CLOUD], 50 * SIM_S);
    poisoned->clock.offset_ns = clock_off_s * (int64_t)SIM_S;
    node_crash(poisoned, true, SIM_S);
    story_pass_ms(world, 5000);
    world_say(world, "story", "edge-1 writes any-0 and any-1, and sees both tracks");
    assert_true(actor_write(poisoned, "any-0", "fleet"));
    assert_true(actor_write(poisoned, "any-1", "fleet"));
    const unsigned poisoned_value = world->next_number - 1;
    assert_true(actor_observe(poisoned, 0));
    assert_true(actor_observe(poisoned, 1));
    story_pass_ms(world, 30000);
    world_say(world, "story", "edge-2 writes any-0, and sees one track");
    assert_true(actor_write(honest, "any-0", "fleet"));
    assert_true(actor_observe(honest, 0));
    const unsigned honest_value = world->next_number - 2;
    story_pass_ms(world, 40000);
    for (unsigned edge = 0; edge < 2; edge++) {
        assert_int_equal(story_value(world, edge, "any-0"), honest_value);
        assert_int_equal(story_value(world, edge, "any-1"), poisoned_value);
    }
    world_say(world, "story", "edge-1 writes any-0 once more: the latest stands");
    assert_true(actor_write(poisoned, "any-0", "fleet"));
    const unsigned last_value = world->next_number - 1;
    story_pass_ms(world, 10000);
    for (unsigned edge = 0; edge < 2; edge++)
        assert_int_equal(story_value(world, edge, "any-0"), last_value);
    story_end(world, golden);
}

static void test_a_clock_in_2099_heals(void **state)
{
    (void)state;
    tell(SIM_UNTIL_2099_S, "in 2099", "trace_poison_2099.txt");
}

static void test_a_clock_in_1970_heals(void **state)
{
    (void)state;
    tell(-SIM_EPOCH_MS / 1000, "in 1970", "trace_poison_1970.txt");
}

static void test_a_clock_an_hour_ahead_heals(void **state)
{
    (void)state;
    tell(3600, "an hour ahead", NULL);
}

static void test_a_clock_a_day_ahead_heals(void **state)
{
    (void)state;
    tell(86400, "a day ahead", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_clock_in_2099_heals),
        cmocka_unit_test(test_a_clock_in_1970_heals),
        cmocka_unit_test(test_a_clock_an_hour_ahead_heals),
        cmocka_unit_test(test_a_clock_a_day_ahead_heals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
