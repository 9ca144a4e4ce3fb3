/* test_restore.c - somebody loses what it had: the broker its persistence, the cloud or an edge its
 * newest data, and a node is cloned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/story.h"

/* Promise 2: the broker may lose all it holds at any moment. */
static void test_a_broker_without_its_persistence_costs_only_time(void **state)
{
    (void)state;
    const struct world_options options = story_options(2, 6, 60 * 1000);
    struct world *world = story_begin(&options);
    story_pass_ms(world, 20000);
    node_crash(&world->cloud, false, 10 * SIM_S); /* so that frames wait in the broker */
    story_pass_ms(world, 5000);
    broker_restart(&world->middle, false, 2 * SIM_S);
    story_pass_ms(world, 40000);
    story_end(world, "trace_broker_wiped.txt");
}

/* Design 2.4: edges hold the cloud's own signed words, and send everything above its head again. */
static void test_a_cloud_from_an_older_backup_gets_everything_again(void **state)
{
    (void)state;
    const struct world_options options = story_options(2, 6, 60 * 1000);
    struct world *world = story_begin(&options);
    story_pass_ms(world, 20000);
    world_say(world, "story", "the cloud's disk is copied");
    node_backup(&world->cloud);
    story_pass_ms(world, 20000);
    world_say(world, "story", "the cloud is restored from the copy");
    node_restore(&world->cloud);
    story_pass_ms(world, 20000);
    story_end(world, "trace_cloud_restored.txt");
}

/* An edge that forgot its newest entries must not sign other ones in their places. */
static void test_an_edge_from_an_older_backup_opens_a_new_log(void **state)
{
    (void)state;
    const struct world_options options = story_options(1, 8, 60 * 1000);
    struct world *world = story_begin(&options);
    story_pass_ms(world, 20000);
    world_say(world, "story", "the disk of edge-1 is copied");
    node_backup(&world->edges[0]);
    story_pass_ms(world, 20000);
    world_say(world, "story", "edge-1 is restored from the copy");
    node_restore(&world->edges[0]);
    story_pass_ms(world, 20000);
    story_end(world, "trace_edge_restored.txt");
}

/* Two machines with one key: both branches are kept, and both go on in logs of their own. */
static void test_a_cloned_node_is_found_and_nothing_of_it_is_lost(void **state)
{
    (void)state;
    struct world_options options = story_options(2, 6, 60 * 1000);
    options.clone = true;
    struct world *world = story_begin(&options);
    story_pass_ms(world, 20000);
    world_say(world, "story", "edge-2 starts as a copy of edge-1");
    node_clone(&world->edges[1], &world->edges[0]);
    story_pass_ms(world, 40000);
    story_end(world, "trace_clone.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_broker_without_its_persistence_costs_only_time),
        cmocka_unit_test(test_a_cloud_from_an_older_backup_gets_everything_again),
        cmocka_unit_test(test_an_edge_from_an_older_backup_opens_a_new_log),
        cmocka_unit_test(test_a_cloned_node_is_found_and_nothing_of_it_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
