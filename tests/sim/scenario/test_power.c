/* test_power.c - power cuts inside commits: once in a told story, and at every call of the disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/story.h"

enum { CALLS_MAX = 5000 };

/* Promise 1: a receipt was handed out only for what the next boot finds on the disk. */
static void test_a_reboot_in_mid_commit_keeps_every_receipt(void **state)
{
    (void)state;
    const struct world_options options = story_options(1, 10, 60 * 1000);
    struct world *world = story_begin(&options);
    for (unsigned cut = 0; cut < 5; cut++) {
        story_pass_ms(world, 9000);
        world->edges[0].crash_next = CRASH_IN_COMMIT;
        world->edges[0].crash_power = true;
    }
    story_pass_ms(world, 20000);
    assert_true(world->counts.power_cuts > 0);
    story_end(world, "trace_mid_commit.txt");
}

/* One short story, the power of one node gone at the k-th changing call of its disk. */
static bool tell(uint64_t call, bool at_cloud)
{
    struct world_options options = story_options(1, 3, 4000);
    options.record = options.record_frames = false;
    struct world *world = story_begin(&options);
    struct sim_node *victim = at_cloud ? &world->cloud : &world->edges[0];
    sim_disk_cut_after(victim->disk, call);
    while (!world->failed && world->now_ns < 8 * SIM_S && !sim_disk_was_cut(victim->disk)) {
        world_run_until(world, world->now_ns + SIM_MS);
        /* A call outside of a commit, at the start of a batch: the machine is dark all the same. */
        if (sim_disk_was_cut(victim->disk) && victim->up) node_crash(victim, true, SIM_S);
    }
    const bool cut = world->counts.power_cuts > 0;
    story_end(world, NULL);
    return cut;
}

static void cut_everywhere(bool at_cloud)
{
    uint64_t call = 0;
    while (call < CALLS_MAX && tell(call, at_cloud))
        call++;
    assert_in_range(call, 20, CALLS_MAX - 1);
}

static void test_power_may_go_at_every_disk_call_of_an_edge(void **state)
{
    (void)state;
    cut_everywhere(false);
}

static void test_power_may_go_at_every_disk_call_of_the_cloud(void **state)
{
    (void)state;
    cut_everywhere(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reboot_in_mid_commit_keeps_every_receipt),
        cmocka_unit_test(test_power_may_go_at_every_disk_call_of_an_edge),
        cmocka_unit_test(test_power_may_go_at_every_disk_call_of_the_cloud),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
