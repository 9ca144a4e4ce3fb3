/* test_clock.c - the wall clock of an edge jumps back and forward. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/story.h"

/* A wrong clock is marked, never a reason to refuse evidence, and never stops the link. */
static void test_evidence_goes_on_over_clock_jumps(void **state)
{
    (void)state;
    const struct world_options options = story_options(1, 8, 60 * 1000);
    struct world *world = story_begin(&options);
    story_pass_ms(world, 15000);
    world_say(world, "story", "the clock of edge-1 jumps back by an hour");
    sim_clock_jump(&world->edges[0].clock, -(int64_t)SIM_HOUR);
    story_pass_ms(world, 15000);
    world_say(world, "story", "and forward by ten years");
    sim_clock_jump(&world->edges[0].clock, 3650 * 24 * (int64_t)SIM_HOUR);
    story_pass_ms(world, 15000);
    world_say(world, "story", "and a power cut with the wrong time");
    node_crash(&world->edges[0], true, 2 * SIM_S);
    story_pass_ms(world, 5000);
    world_say(world, "story", "and back to the right time");
    sim_clock_jump(&world->edges[0].clock, (int64_t)SIM_HOUR - 3650 * 24 * (int64_t)SIM_HOUR);
    story_pass_ms(world, 10000);
    story_end(world, "trace_clock.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evidence_goes_on_over_clock_jumps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
