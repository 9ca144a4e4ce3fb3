/* faults.c - what goes wrong in a world, when, and how often. */
#include "tests/sim/faults.h"

#include "tests/sim/world.h"

enum {
    JUMP_MS_MAX = 2 * 3600 * 1000,
    STEP_MS_MAX = 300,
    DISK_CALLS_AHEAD = 40,
    FULL_ROOM_BYTES = 32 * 1024,
};

struct fault_model fault_model_calm(void)
{
    return (struct fault_model){
        .edge_count = 1,
        .publishers_per_edge = 1,
        .records_per_publisher = 10,
        .fault_phase_ms = 20000,
        .rest_ms_max = 120000,
        .delay_ms = 20,
        .jitter_ms = 5,
        .queued_max = 1000,
        .frame_size_max = 32 * 1024,
        .window_frames_max = 20,
        .window_bytes_max = 640 * 1024,
        .heartbeat_ms = 0,
    };
}

static unsigned between(struct rng *rng, unsigned low, unsigned high)
{
    return low + (unsigned)rng_below(rng, high - low + 1);
}

/* Mostly nothing, sometimes a little, seldom a lot. */
static unsigned sometimes(struct rng *rng, unsigned per_mille, unsigned high)
{
    return rng_chance(rng, per_mille) ? between(rng, 1, high) : 0;
}

static void draw_weights(struct fault_model *model, struct rng *rng)
{
    for (unsigned kind = 0; kind < FAULT_KIND_COUNT; kind++) {
        model->weights[kind] = rng_chance(rng, 600) ? between(rng, 1, 10) : 0;
    }
    model->restores = rng_chance(rng, 120);
    const bool of_edge = rng_chance(rng, 500);
    model->weights[FAULT_ROOM_EDGE] = model->weights[FAULT_ROOM_CLOUD] = 0;
    for (unsigned kind = FAULT_EDGE_BACKUP; kind <= FAULT_CLOUD_RESTORE; kind++) {
        const bool wanted = model->restores && (kind <= FAULT_EDGE_RESTORE) == of_edge;
        model->weights[kind] = wanted ? 12 : 0;
    }
    model->clocks = rng_chance(rng, 500);
    if (!model->clocks) {
        model->weights[FAULT_CLOCK_JUMP_EDGE] = model->weights[FAULT_CLOCK_AHEAD_EDGE] = 0;
        model->weights[FAULT_CLOCK_DEAD_EDGE] = 0;
    }
    model->weights[FAULT_KILL_EDGE] += 1; /* the sum is never 0 */
}

static void draw_data(struct fault_model *model, struct rng *rng, unsigned scale)
{
    const bool expires = rng_chance(rng, 150);
    model->acts_per_edge = between(rng, 10, 40) * scale;
    model->acts_of_operator = between(rng, 2, 12) * scale;
    model->track_count = between(rng, 1, 8);
    model->interest_per_mille = sometimes(rng, 400, 600);
    model->track_retention_s = expires ? between(rng, 20, 90) : 0;
    model->track_repair_s = sometimes(rng, 300, 60);
    model->evictions = rng_chance(rng, 120);
    model->track_bytes_max = model->evictions ? between(rng, 300, 1500) : 0;
    model->epochs = rng_chance(rng, 300);
}

struct fault_model fault_model_draw(struct rng *rng, bool long_world)
{
    struct fault_model model = fault_model_calm();
    const unsigned scale = long_world ? 6 : 1;
    model.edge_count = between(rng, 2, long_world ? 6 : 3);
    if (rng_chance(rng, 200)) model.edge_count++;
    model.publishers_per_edge = between(rng, 1, 2);
    model.records_per_publisher =
        between(rng, 28, 44) * scale / (model.edge_count * model.publishers_per_edge);
    model.large_per_mille = sometimes(rng, 300, 100);
    model.fault_phase_ms = between(rng, 40, 160) * 1000 * scale;
    model.rest_ms_max = 15 * 60 * 1000;
    model.fault_count = between(rng, 8, 15) * scale;
    draw_weights(&model, rng);
    model.crash_per_mille = sometimes(rng, 500, 8);
    model.loss_per_million = sometimes(rng, 400, 5000);
    model.delay_ms = between(rng, 1, 300);
    model.jitter_ms = between(rng, 0, 100);
    model.bytes_per_s = rng_chance(rng, 300) ? between(rng, 6000, 200000) : 0;
    model.forget_per_mille = sometimes(rng, 300, 60);
    model.repeat_per_mille = sometimes(rng, 300, 60);
    model.shuffle_per_mille = sometimes(rng, 300, 800);
    model.queued_max = rng_chance(rng, 300) ? between(rng, 2, 20) : 1000;
    model.cut_ms_max = between(rng, 2, 60) * 1000;
    model.down_ms_max = between(rng, 1, 20) * 1000;
    model.drift_ppm_max = sometimes(rng, 500, 200);
    model.send_failed_per_mille = between(rng, 0, 2) * 500;
    model.heartbeat_ms = rng_chance(rng, 300) ? between(rng, 10, 60) * 1000 : 0;
    if (rng_chance(rng, 300)) model.frame_size_max = between(rng, 1024, 16 * 1024);
    if (rng_chance(rng, 300)) model.window_frames_max = between(rng, 1, 8);
    draw_data(&model, rng, scale);
    return model;
}

static enum fault_kind draw_kind(struct world *world)
{
    const struct fault_model *faults = &world->options.faults;
    unsigned sum = 0;
    for (unsigned kind = 0; kind < FAULT_KIND_COUNT; kind++)
        sum += faults->weights[kind];
    unsigned left = (unsigned)rng_below(&world->rng, sum);
    unsigned kind = 0;
    while (left >= faults->weights[kind])
        left -= faults->weights[kind++];
    return (enum fault_kind)kind;
}

void faults_plan(struct world *world)
{
    const struct fault_model *faults = &world->options.faults;
    for (unsigned i = 0; i < faults->fault_count; i++) {
        const uint64_t at_ns =
            world->now_ns + SIM_S + rng_below(&world->rng, faults->fault_phase_ms * SIM_MS);
        /* One draw a statement: compilers order the draws within one as they like. */
        const uint32_t target = (uint32_t)rng_below(&world->rng, world->edge_count);
        const enum fault_kind kind = draw_kind(world);
        const struct world_event event = {
            .kind = HAPPEN_FAULT, .generation = target, .packet = {.number = kind}};
        world_plan(world, at_ns, &event);
    }
}

static uint64_t draw_ns(struct world *world, uint64_t ms_max)
{
    return (10 + rng_below(&world->rng, ms_max + 1)) * SIM_MS;
}

/* Each fault of a kind strikes one node: the edge that was drawn, or the cloud. */

static void cut(struct world *world, struct sim_node *node)
{
    const uint64_t length_ns = draw_ns(world, world->options.faults.cut_ms_max);
    world_say(world, node->label, "link cut for %llu ms", (unsigned long long)(length_ns / SIM_MS));
    endpoint_cut(&node->links[LINK_CLOUD], length_ns);
}

static void reset(struct world *world, struct sim_node *node)
{
    struct sim_endpoint *endpoint = &node->links[LINK_CLOUD];
    if (endpoint->state == ENDPOINT_IDLE) return;
    world_say(world, node->label, "connection reset");
    endpoint->doomed = true;
    const struct world_event event = {.generation = endpoint->generation, .subject = endpoint};
    struct world_event at_client = event, at_broker = event;
    at_client.kind = HAPPEN_LOST_AT_CLIENT;
    at_broker.kind = HAPPEN_LOST_AT_BROKER;
    world_plan(world, world->now_ns + SIM_MS, &at_client);
    world_plan(world, world->now_ns + 2 * SIM_MS, &at_broker);
}

static void kill_process(struct world *world, struct sim_node *node)
{
    node_crash(node, false, draw_ns(world, world->options.faults.down_ms_max));
}

static void cut_power(struct world *world, struct sim_node *node)
{
    node_crash(node, true, draw_ns(world, world->options.faults.down_ms_max));
}

static void strike_next(struct world *world, struct sim_node *node)
{
    node->crash_next = (enum crash_point)(1 + rng_below(&world->rng, CRASH_POINT_COUNT - 1));
    node->crash_power = rng_chance(&world->rng, 500);
}

static void disk_fails(struct world *world, struct sim_node *node)
{
    world_say(world, node->label, "its disk will fail soon");
    struct sim_disk_fault fault = {.operations = SIM_DISK_CHANGES};
    fault.call = rng_below(&world->rng, DISK_CALLS_AHEAD);
    fault.persistent = rng_chance(&world->rng, 300);
    fault.full = rng_chance(&world->rng, 200);
    sim_disk_fail(node->disk, &fault);
}

static void disk_full(struct world *world, struct sim_node *node)
{
    const uint64_t length_ns = draw_ns(world, world->options.faults.cut_ms_max);
    const uint64_t room_bytes = rng_below(&world->rng, FULL_ROOM_BYTES);
    world_say(world, node->label, "its disk is nearly full");
    sim_disk_set_capacity(node->disk, sim_disk_used_bytes(node->disk) + room_bytes);
    const struct world_event room = {
        .kind = HAPPEN_FAULT,
        .generation = node->is_cloud ? 0 : node->index - 1,
        .packet = {.number = node->is_cloud ? FAULT_ROOM_CLOUD : FAULT_ROOM_EDGE},
    };
    world_plan(world, world->now_ns + length_ns, &room);
}

static void disk_has_room(struct world *world, struct sim_node *node)
{
    world_say(world, node->label, "its disk has room again");
    sim_disk_set_capacity(node->disk, UINT64_MAX);
}

static void restart_broker(struct world *world, struct sim_node *node)
{
    (void)node;
    broker_restart(&world->middle, true, draw_ns(world, world->options.faults.down_ms_max));
}

static void wipe_broker(struct world *world, struct sim_node *node)
{
    (void)node;
    broker_restart(&world->middle, false, draw_ns(world, world->options.faults.down_ms_max));
}

static void restart_local(struct world *world, struct sim_node *node)
{
    broker_restart(node->links[LINK_LOCAL].broker, true,
                   draw_ns(world, world->options.faults.down_ms_max));
}

static void jump(struct world *world, struct sim_node *node)
{
    const int64_t by_ms = (int64_t)rng_below(&world->rng, 2 * JUMP_MS_MAX) - JUMP_MS_MAX;
    world_say(world, node->label, "its wall clock jumps by %lld ms", (long long)by_ms);
    sim_clock_jump(&node->clock, by_ms * (int64_t)SIM_MS);
}

static void step_clock(struct world *world, struct sim_node *node)
{
    const int64_t by_ms = (int64_t)rng_below(&world->rng, 2 * STEP_MS_MAX) - STEP_MS_MAX;
    world_say(world, node->label, "its wall clock steps by %lld ms", (long long)by_ms);
    sim_clock_jump(&node->clock, by_ms * (int64_t)SIM_MS);
}

void clock_goes_wrong(struct world *world, struct sim_node *node, bool dead)
{
    static const struct {
        int64_t s;
        const char *words;
    } wrong[] = {
        {20, "20 s ahead"},     {200, "200 s ahead"},          {3600, "an hour ahead"},
        {86400, "a day ahead"}, {SIM_UNTIL_2099_S, "in 2099"},
    };
    const size_t draw = rng_below(&world->rng, COUNT_OF(wrong));
    world_say(world, node->label, "its wall clock is %s", dead ? "dead: 1970" : wrong[draw].words);
    node->clock.offset_ns = dead ? -SIM_EPOCH_MS * 1000000 : wrong[draw].s * (int64_t)SIM_S;
}

static void clock_ahead(struct world *world, struct sim_node *node)
{
    const bool boots = rng_chance(&world->rng, 500);
    const uint64_t down_ns = draw_ns(world, world->options.faults.down_ms_max);
    clock_goes_wrong(world, node, false);
    if (boots) node_crash(node, true, down_ns);
}

static void clock_dead(struct world *world, struct sim_node *node)
{
    clock_goes_wrong(world, node, true);
    node_crash(node, true, draw_ns(world, world->options.faults.down_ms_max));
}

static void clock_right(struct world *world, struct sim_node *node)
{
    world_say(world, node->label, "its wall clock is set right");
    node->clock.offset_ns = 0;
}

static void replay(struct world *world, struct sim_node *node)
{
    (void)node;
    world_replay(world, false);
}

static void forge(struct world *world, struct sim_node *node)
{
    (void)node;
    world_replay(world, true);
}

static void crash_publisher(struct world *world, struct sim_node *node)
{
    (void)node;
    publisher_crash(&world->publishers[rng_below(&world->rng, world->publisher_count)]);
}

static void backup(struct world *world, struct sim_node *node)
{
    world_say(world, node->label, "its disk is copied");
    node_backup(node);
}

static void restore(struct world *world, struct sim_node *node)
{
    if (node->backup == NULL) return;
    world_say(world, node->label, "is restored from its older copy");
    node_restore(node);
}

void faults_strike(struct world *world, enum fault_kind kind, unsigned target)
{
    static const struct {
        void (*strike)(struct world *world, struct sim_node *node);
        bool cloud;
    } faults[FAULT_KIND_COUNT] = {
        [FAULT_CUT_EDGE] = {cut, false},
        [FAULT_CUT_CLOUD] = {cut, true},
        [FAULT_RESET_EDGE] = {reset, false},
        [FAULT_RESET_CLOUD] = {reset, true},
        [FAULT_KILL_EDGE] = {kill_process, false},
        [FAULT_KILL_CLOUD] = {kill_process, true},
        [FAULT_POWER_EDGE] = {cut_power, false},
        [FAULT_POWER_CLOUD] = {cut_power, true},
        [FAULT_STRIKE_EDGE] = {strike_next, false},
        [FAULT_STRIKE_CLOUD] = {strike_next, true},
        [FAULT_DISK_EDGE] = {disk_fails, false},
        [FAULT_DISK_CLOUD] = {disk_fails, true},
        [FAULT_FULL_EDGE] = {disk_full, false},
        [FAULT_FULL_CLOUD] = {disk_full, true},
        [FAULT_ROOM_EDGE] = {disk_has_room, false},
        [FAULT_ROOM_CLOUD] = {disk_has_room, true},
        [FAULT_BROKER_RESTART] = {restart_broker, false},
        [FAULT_BROKER_WIPE] = {wipe_broker, false},
        [FAULT_LOCAL_RESTART] = {restart_local, false},
        [FAULT_CLOCK_JUMP_EDGE] = {jump, false},
        [FAULT_CLOCK_STEP_CLOUD] = {step_clock, true},
        [FAULT_CLOCK_AHEAD_EDGE] = {clock_ahead, false},
        [FAULT_CLOCK_DEAD_EDGE] = {clock_dead, false},
        [FAULT_CLOCK_RIGHT_EDGE] = {clock_right, false},
        [FAULT_REPLAY] = {replay, false},
        [FAULT_FORGE] = {forge, false},
        [FAULT_PUBLISHER_CRASH] = {crash_publisher, false},
        [FAULT_EDGE_BACKUP] = {backup, false},
        [FAULT_EDGE_RESTORE] = {restore, false},
        [FAULT_CLOUD_BACKUP] = {backup, true},
        [FAULT_CLOUD_RESTORE] = {restore, true},
    };
    if (world->healed) return;
    INVARIANT(kind < FAULT_KIND_COUNT && target < world->edge_count);
    faults[kind].strike(world, faults[kind].cloud ? &world->cloud : &world->edges[target]);
}

static void heal_node(struct sim_node *node)
{
    for (unsigned link = 0; link < LINK_COUNT; link++) {
        node->links[link].net.cut_until_ns = 0;
        node->links[link].net.settings.loss_per_million = 0;
    }
    node->crash_next = CRASH_NONE;
    sim_disk_heal(node->disk);
    sim_disk_set_capacity(node->disk, UINT64_MAX);
}

void faults_heal(struct world *world)
{
    world_say(world, "world", "everything heals");
    world->healed = true;
    heal_node(&world->cloud);
    sim_broker_stop_faults(world->middle.broker);
    for (unsigned i = 0; i < world->edge_count; i++) {
        heal_node(&world->edges[i]);
        sim_broker_stop_faults(world->local[i].broker);
    }
}
