/* test_replicas.c - tracks and config over a cut: each track travels once, the later write wins
 * whichever arrives first, what has expired stays dead, and a restored cloud gets it all back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/oracle_state.h"
#include "tests/sim/story.h"

/* Lines of the trace from `from` on that say this. */
static unsigned count_lines(const struct world *world, size_t from, const char *words)
{
    unsigned count = 0;
    const char *at = world->text + from;
    const char *const end = world->text + world->text_size;
    while ((at = memmem(at, (size_t)(end - at), words, strlen(words))) != NULL) {
        count++;
        at++;
    }
    return count;
}

/* Design 3.3: however many updates an outage held, each track is sent once. */
static void test_after_an_outage_each_track_travels_once(void **state)
{
    (void)state;
    struct world_options options = story_options(2, 0, 60 * 1000);
    struct world *world = story_begin_with_data(&options, 3);
    story_pass_ms(world, 5000);
    world_say(world, "story", "edge-1 is cut off, and sees 3 tracks 1,000 times");
    endpoint_cut(&world->edges[0].links[LINK_CLOUD], 60 * SIM_S);
    story_pass_ms(world, 25000); /* until it has noticed */
    for (unsigned i = 0; i < 1000; i++)
        assert_true(actor_observe(&world->edges[0], i % 3));
    const size_t before = world->text_size;
    story_pass_ms(world, 50000);
    assert_int_equal(count_lines(world, before, " edge-1  > edge-1: tracks "), 1);
    assert_int_equal(count_lines(world, before, " edge-1  > edge-1: tracks 3 "), 1);
    assert_int_equal(count_lines(world, before, " cloud   > edge-2: tracks 3 "), 1);
    assert_int_equal(count_lines(world, before, " cloud   > edge-1: tracks "), 0);
    story_end(world, "trace_outage.txt");
}

/* The reference's example: written at the edge at 100, at the cloud at 150. */
static void test_a_conflict_of_both_sides_of_a_cut_goes_to_the_later_write(void **state)
{
    (void)state;
    struct world_options options = story_options(2, 0, 60 * 1000);
    struct world *world = story_begin_with_data(&options, 1);
    struct sim_node *edge = &world->edges[0];
    story_pass_ms(world, 5000);
    endpoint_cut(&edge->links[LINK_CLOUD], 60 * SIM_S);
    story_pass_ms(world, 35000);
    world_say(world, "story", "edge-1 writes any-0");
    assert_true(actor_write(edge, "any-0", "fleet"));
    story_pass_ms(world, 25000);
    world_say(world, "story", "the operator writes any-0, 25 s later");
    assert_true(actor_write(&world->cloud, "any-0", "fleet"));
    const unsigned operators = world->next_number - 1;
    story_pass_ms(world, 30000);
    assert_int_equal(story_value(world, 0, "any-0"), operators);
    assert_int_equal(story_value(world, 1, "any-0"), operators);
    world_say(world, "story", "again, the other way round: the operator first");
    endpoint_cut(&edge->links[LINK_CLOUD], 60 * SIM_S);
    story_pass_ms(world, 35000);
    assert_true(actor_write(&world->cloud, "any-0", "fleet"));
    story_pass_ms(world, 25000);
    assert_true(actor_write(edge, "any-0", "fleet"));
    const unsigned edges = world->next_number - 1;
    story_pass_ms(world, 30000);
    assert_int_equal(story_value(world, 0, "any-0"), edges);
    assert_int_equal(story_value(world, 1, "any-0"), edges);
    story_end(world, "trace_conflict.txt");
}

static uint64_t count_archived(struct world *world)
{
    struct sim_disk *disk = NULL;
    struct db *db = NULL;
    struct statement *rows = NULL;
    bool row = false;
    assert_int_equal(oracle_open_copy(&world->cloud, &disk, &db), ST_OK);
    assert_int_equal(statement_open(db, "SELECT COUNT(*) FROM track_archive", &rows), ST_OK);
    assert_int_equal(statement_step(rows, &row), ST_OK);
    const uint64_t count = column_u64(rows, 0);
    statement_close(rows);
    oracle_close_copy(disk, db);
    return count;
}

/* Late data is kept for those who ask for the past, and does not rise from the dead. */
static void test_what_expired_during_a_cut_is_archived_and_stays_dead(void **state)
{
    (void)state;
    struct world_options options = story_options(2, 0, 60 * 1000);
    options.faults.track_retention_s = 40;
    options.record_frames = false; /* the horizon moves all the time */
    struct world *world = story_begin_with_data(&options, 2);
    story_pass_ms(world, 5000);
    assert_true(actor_observe(&world->edges[1], 0));
    story_pass_ms(world, 5000);
    const uint64_t before = count_archived(world);
    world_say(world, "story", "edge-1 is cut off, sees a track, and comes back too late");
    endpoint_cut(&world->edges[0].links[LINK_CLOUD], 80 * SIM_S);
    story_pass_ms(world, 2000);
    assert_true(actor_observe(&world->edges[0], 1));
    story_pass_ms(world, 90000);
    assert_int_equal(count_archived(world), before + 1);
    world_say(world, "story", "and sees it again");
    assert_true(actor_observe(&world->edges[0], 1));
    story_pass_ms(world, 5000);
    assert_int_equal(count_archived(world), before + 2);
    story_end(world, NULL);
}

/* The cloud's disk goes back by 30 s; tracks and config of that time are at the edges. */
static void test_a_restored_cloud_gets_tracks_and_config_back(void **state)
{
    (void)state;
    struct world_options options = story_options(2, 2, 60 * 1000);
    options.faults.restores = true;
    struct world *world = story_begin_with_data(&options, 2);
    story_pass_ms(world, 5000);
    assert_true(actor_observe(&world->edges[0], 0));
    assert_true(actor_write(&world->edges[0], "any-0", "fleet"));
    story_pass_ms(world, 10000);
    world_say(world, "story", "the cloud's disk is copied");
    node_backup(&world->cloud);
    story_pass_ms(world, 5000);
    assert_true(actor_observe(&world->edges[1], 0));
    assert_true(actor_observe(&world->edges[1], 1));
    assert_true(actor_write(&world->edges[1], "any-0", "fleet"));
    const unsigned edges = world->next_number - 1;
    assert_true(actor_write(&world->cloud, "any-1", "fleet"));
    const unsigned operators = world->next_number - 1;
    story_pass_ms(world, 20000);
    world_say(world, "story", "the cloud is restored from the copy");
    node_restore(&world->cloud);
    story_pass_ms(world, 60000);
    for (unsigned edge = 0; edge < 2; edge++) {
        assert_int_equal(story_value(world, edge, "any-0"), edges);
        assert_int_equal(story_value(world, edge, "any-1"), operators);
    }
    story_end(world, "trace_replicas_restored.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_after_an_outage_each_track_travels_once),
        cmocka_unit_test(test_a_conflict_of_both_sides_of_a_cut_goes_to_the_later_write),
        cmocka_unit_test(test_what_expired_during_a_cut_is_archived_and_stays_dead),
        cmocka_unit_test(test_a_restored_cloud_gets_tracks_and_config_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
