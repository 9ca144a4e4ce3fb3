/* story.c - a scripted world for the scenario tests. */
#include "tests/sim/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/golden.h"

static struct golden golden;

struct world_options story_options(unsigned edges, unsigned records, uint64_t length_ms)
{
    struct world_options options = {.seed = 20261122, .record = true, .record_frames = true};
    options.faults = fault_model_calm();
    options.faults.edge_count = edges;
    options.faults.publishers_per_edge = 2;
    options.faults.records_per_publisher = records;
    options.faults.fault_phase_ms = length_ms;
    options.faults.cut_ms_max = length_ms;
    return options;
}

static void check(struct world *world)
{
    if (world->failed) fail_msg("%s", world->failure);
}

struct world *story_begin(const struct world_options *options)
{
    assert_int_equal(crypto_start(), ST_OK);
    struct world *world = world_open(options);
    check(world);
    return world;
}

struct world *story_begin_with_data(struct world_options *options, unsigned track_count)
{
    options->faults.track_count = track_count;
    struct world *world = story_begin(options);
    actor_rules(world);
    check(world);
    return world;
}

unsigned story_value(const struct world *world, unsigned edge, const char *key)
{
    static const char word[] = "\"value\":\"w-";
    char topic[64];
    snprintf(topic, sizeof(topic), "local/config/%s", key);
    const struct sim_message *said =
        sim_broker_retained(world->local[edge].broker, bytes_of_text(topic));
    const char *at = said == NULL
                         ? NULL
                         : memmem(said->payload.data, said->payload.size, word, sizeof(word) - 1);
    return at == NULL ? 0 : (unsigned)strtoul(at + sizeof(word) - 1, NULL, 10);
}

void story_pass_ms(struct world *world, uint64_t ms)
{
    world_run_until(world, world->now_ns + ms * SIM_MS);
    check(world);
}

void story_end(struct world *world, const char *golden_name)
{
    (void)world_rest(world);
    check(world);
    if (golden_name != NULL) {
        golden_open(&golden, golden_name);
        golden_comment(&golden, "The trace of a simulated story: [virtual ms] who > what.");
        buf_put(&golden.text, bytes_of(world->text, world->text_size));
        golden_close(&golden);
    }
    world_close(world);
}
