/* world_node.c - a process around an engine: start, batch, effects, crash, restart. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge-bridge/edge_state.h"
#include "tests/sim/frame_words.h"
#include "tests/sim/world.h"

#define RETRY_START_NS SIM_S
#define TURN_NS_MAX (2 * SIM_MS)

enum {
    FAILED_STARTS_MAX = 10,
    DISK_CALLS_IN_COMMIT = 12,
    DOUBLINGS_MAX = 4,
};

static void trace_write(void *context, enum trace_level level, const char *line)
{
    struct sim_node *node = context;
    oracle_trace(node->world->oracle, node, level, line);
    world_say(node->world, node->label, "%s", line);
}

static void port_draw(void *context, void *out, size_t size)
{
    struct sim_node *node = context;
    rng_fill(&node->random, out, size);
}

static void make_key(struct sim_node *node, unsigned identity)
{
    uint8_t seed[SECRET_SEED_SIZE] = "holdfast simulator";
    put_u32(seed + SECRET_SEED_SIZE - 4, identity);
    INVARIANT(secret_key_open(seed, &node->key) == ST_OK);
    node->public_key = secret_key_public(node->key);
}

void node_open(struct world *world, struct sim_node *node, bool is_cloud, unsigned index,
               unsigned identity)
{
    const struct fault_model *faults = &world->options.faults;
    node->world = world;
    node->is_cloud = is_cloud;
    node->index = index;
    snprintf(node->label, sizeof(node->label), is_cloud ? "cloud" : "edge-%u", index);
    snprintf(node->name.text, sizeof(node->name.text), is_cloud ? "cloud" : "edge-%u", identity);
    make_key(node, identity);
    rng_seed(&node->random, world->options.seed * 1000003 + index);
    node->port = (struct port){.random = port_draw, .context = node};
    node->port.trace =
        (struct trace){.write = trace_write, .context = node, .level_min = TRACE_INFO};
    node->clock.uncertainty_ms = 20;
    if (faults->drift_ppm_max > 0) {
        node->clock.drift_ppm =
            (int64_t)rng_below(&world->rng, 2 * faults->drift_ppm_max + 1) - faults->drift_ppm_max;
    }
    sim_clock_boot(&node->clock, &node->random, world->now_ns);
    node->disk = sim_disk_open(node->label, rng_next(&node->random));
    const enum world_mutant mutant = world->options.mutant;
    sim_disk_set_lazy(node->disk,
                      mutant == (is_cloud ? MUTANT_CLOUD_NOT_SYNCED : MUTANT_EDGE_NOT_SYNCED));
    node->wakeup_ns = UINT64_MAX;
    INVARIANT(effects_open(&node->effects) == ST_OK);
    node_settings(node);
    /* Some never had the time. */
    if (faults->clocks && !is_cloud && rng_chance(&world->rng, 250)) {
        clock_goes_wrong(world, node, rng_chance(&world->rng, 500));
    }
}

static void forget_inbox(struct sim_node *node)
{
    for (size_t i = 0; i < node->inbox.count; i++) {
        sim_message_unref(node->inbox.items[i].message);
    }
    node->inbox.count = 0;
}

void node_close(struct sim_node *node)
{
    edge_close(node->edge);
    cloud_close(node->cloud);
    forget_inbox(node);
    free(node->inbox.items);
    effects_close(node->effects);
    sim_disk_close(node->disk);
    sim_disk_close(node->backup);
    secret_key_close(node->key);
}

struct moment node_moment(const struct sim_node *node)
{
    return (struct moment){
        .wall_ns = sim_clock_wall_ns(&node->clock, node->world->now_ns),
        .mono_ns = sim_clock_mono_ns(&node->clock, node->world->now_ns),
        .clock_uncertainty_ms = node->clock.uncertainty_ms,
        .disk_free_bytes = sim_disk_free_bytes(node->disk),
    };
}

static struct edge_options edge_options_of(const struct sim_node *node)
{
    struct edge_options options = {
        .database_path = SIM_DATABASE_PATH,
        .vfs = sim_disk_vfs(node->disk),
        .node = node->name,
        .key = node->key,
        .has_cloud_key = true,
        .cloud_key = node->world->cloud.public_key,
        .settings = node->edge_settings,
        .port = &node->port,
        .daemon = true,
        .software = "edge-bridge sim",
        .now = node_moment(node),
    };
    memcpy(options.boot_id, node->clock.boot_id, sizeof(options.boot_id));
    return options;
}

static struct cloud_options cloud_options_of(const struct sim_node *node)
{
    return (struct cloud_options){
        .database_path = SIM_DATABASE_PATH,
        .vfs = sim_disk_vfs(node->disk),
        .key = node->key,
        .settings = node->cloud_settings,
        .port = &node->port,
        .software = "cloud-consumer sim",
        .now = node_moment(node),
    };
}

void node_create(struct sim_node *node)
{
    char words[256];
    struct buf message = buf_of(words, sizeof(words));
    enum status status;
    if (node->is_cloud) {
        const struct cloud_options options = cloud_options_of(node);
        status = cloud_create(&options, &message);
    } else {
        const struct edge_options options = edge_options_of(node);
        status = edge_create(&options, &message);
    }
    if (status != ST_OK) {
        world_fail(node->world, "a database is made", "%s: %s: %.*s", node->label,
                   status_name(status), (int)message.size, (const char *)message.data);
    }
}

static enum status engine_open(struct sim_node *node, struct buf *message)
{
    if (node->is_cloud) {
        const struct cloud_options options = cloud_options_of(node);
        return cloud_open(&options, message, &node->cloud);
    }
    const struct edge_options options = edge_options_of(node);
    return edge_open(&options, message, &node->edge);
}

static enum status engine_begin(struct sim_node *node)
{
    return node->is_cloud ? cloud_begin(node->cloud) : edge_begin(node->edge);
}

static enum status engine_step(struct sim_node *node, const struct event *event)
{
    node->world->counts.steps++;
    return node->is_cloud ? cloud_step(node->cloud, event, node->effects)
                          : edge_step(node->edge, event, node->effects);
}

static enum status engine_commit(struct sim_node *node)
{
    const struct moment now = node_moment(node);
    node->world->counts.commits++;
    return node->is_cloud ? cloud_commit(node->cloud, &now, node->effects)
                          : edge_commit(node->edge, &now, node->effects);
}

bool node_has_jobs(const struct sim_node *node)
{
    return node->is_cloud ? cloud_has_jobs(node->cloud) : edge_has_jobs(node->edge);
}

static void plan_turn(struct sim_node *node)
{
    struct world *world = node->world;
    if (node->turn_planned || !node->up) return;
    node->turn_planned = true;
    world_plan(
        world, world->now_ns + rng_below(&world->rng, TURN_NS_MAX),
        &(struct world_event){.kind = HAPPEN_TURN, .generation = node->life, .subject = node});
}

static void plan_wakeup(struct sim_node *node)
{
    struct world *world = node->world;
    const uint64_t wanted =
        node->is_cloud ? cloud_next_wakeup(node->cloud) : edge_next_wakeup(node->edge);
    uint64_t at_ns = sim_clock_virtual_ns(&node->clock, wanted);
    /* A process needs time too: without it a wish for "at once" would stop the world's clock. */
    if (at_ns <= world->now_ns) at_ns = world->now_ns + SIM_MS;
    if (at_ns == node->wakeup_ns) return;
    node->wakeup_ns = at_ns;
    node->wakeup_plan++;
    if (at_ns == UINT64_MAX) return;
    world_plan(world, at_ns,
               &(struct world_event){
                   .kind = HAPPEN_WAKEUP, .generation = node->wakeup_plan, .subject = node});
}

void node_receive(struct sim_node *node, const struct inbox_item *item)
{
    struct sim_inbox *inbox = &node->inbox;
    if (!node->up) {
        sim_message_unref(item->message);
        return;
    }
    inbox->items = sim_grow(inbox->items, inbox->count, &inbox->capacity, sizeof(*inbox->items));
    inbox->items[inbox->count++] = *item;
    if (inbox->count > inbox->peak) inbox->peak = inbox->count;
    plan_turn(node);
}

void node_wakeup(struct sim_node *node, uint32_t plan)
{
    if (!node->up || plan != node->wakeup_plan) return;
    node->wakeup_ns = UINT64_MAX;
    node_receive(node, &(struct inbox_item){.kind = EVENT_WAKEUP});
}

/* ---- start and end of a process ----------------------------------------------------------- */

void node_start(struct sim_node *node)
{
    struct world *world = node->world;
    char words[256];
    struct buf message = buf_of(words, sizeof(words));
    oracle_disk(world->oracle, node);
    if (world->failed) return;
    const enum status status = engine_open(node, &message);
    if (status != ST_OK) {
        world_say(world, node->label, "cannot start: %s", status_name(status));
        if (world->healed && ++node->failed_starts > FAILED_STARTS_MAX) {
            world_fail(world, "an engine opens again", "%s: %s: %.*s", node->label,
                       status_name(status), (int)message.size, (const char *)message.data);
        }
        world_plan(
            world, world->now_ns + RETRY_START_NS,
            &(struct world_event){.kind = HAPPEN_START, .generation = node->life, .subject = node});
        return;
    }
    node->failed_starts = 0;
    node->up = true;
    world->counts.restarts++;
    world_say(world, node->label, "starts");
    oracle_started(world->oracle, node);
    plan_wakeup(node);
}

static void end_process(struct sim_node *node, bool power)
{
    struct world *world = node->world;
    node->up = false;
    node->life++;
    node->turn_planned = false;
    node->wakeup_ns = UINT64_MAX;
    node->wakeup_plan++;
    node->crash_next = CRASH_NONE;
    forget_inbox(node);
    for (unsigned link = 0; link < LINK_COUNT; link++) {
        if (node->links[link].broker != NULL) endpoint_abandon(&node->links[link], power);
    }
    for (unsigned i = 0; i < world->publisher_count; i++) {
        if (world->publishers[i].edge == node) publisher_edge_gone(&world->publishers[i]);
    }
    sim_disk_freeze(node->disk); /* closing must not write: the process is gone already */
    edge_close(node->edge);
    cloud_close(node->cloud);
    node->edge = NULL;
    node->cloud = NULL;
    effects_clear(node->effects);
    sim_disk_thaw(node->disk, power);
    node->disk_changed = node->disk_changed || power;
}

void node_crash(struct sim_node *node, bool power, uint64_t back_after_ns)
{
    struct world *world = node->world;
    if (!node->up) return;
    world_say(world, node->label, power ? "power cut" : "killed");
    world->counts.crashes++;
    if (power) world->counts.power_cuts++;
    end_process(node, power);
    if (power) {
        sim_clock_boot(&node->clock, &node->random, world->now_ns);
        oracle_booted(world->oracle, node);
    }
    if (node->stopped) return;
    world_plan(
        world, world->now_ns + back_after_ns,
        &(struct world_event){.kind = HAPPEN_START, .generation = node->life, .subject = node});
}

/* ---- effects ------------------------------------------------------------------------------ */

static void perform_reply(struct sim_node *node, const struct effect *effect)
{
    struct world *world = node->world;
    if (world->reply_client != 0 && effect->client == world->reply_client) {
        buf_put_u32(&world->reply, (uint32_t)effect->payload.size);
        buf_put(&world->reply, effect->payload);
        return;
    }
    for (unsigned i = 0; i < world->publisher_count; i++) {
        if (world->publishers[i].client != effect->client) continue;
        const struct sim_message fields = {.payload = effect->payload};
        world_plan(world, world->now_ns + SIM_MS / 10,
                   &(struct world_event){.kind = HAPPEN_REPLY,
                                         .generation = effect->client,
                                         .subject = &world->publishers[i],
                                         .packet = {.message = sim_message_new(&fields)}});
        return;
    }
}

static void show_frame(struct sim_node *node, const struct effect *effect)
{
    const struct world_options *options = &node->world->options;
    char words[WORLD_LINE_SIZE * 2];
    struct buf out = buf_of(words, sizeof(words));
    if (effect->kind != EFFECT_PUBLISH || effect->link != LINK_CLOUD) return;
    frame_words(effect->topic, effect->payload, &out);
    if (options->record_frames) {
        world_say(node->world, node->label, "%.*s", (int)out.size, words);
    } else { /* only shown: the trace must not depend on who looks */
        fprintf(stderr, "[%9llu] %-7s   %.*s (%zu bytes)\n",
                (unsigned long long)(node->world->now_ns / SIM_MS), node->label, (int)out.size,
                words, effect->payload.size);
    }
}

static void perform(struct sim_node *node, const struct effect *effect)
{
    struct world *world = node->world;
    struct sim_endpoint *endpoint = &node->links[effect->link];
    const uint8_t head[] = {(uint8_t)effect->kind, (uint8_t)effect->link, effect->retain};
    world_note(world, bytes_of(head, sizeof(head)));
    world_note(world, effect->topic);
    world_note(world, effect->payload);
    oracle_effect(world->oracle, node, effect);
    if (world->options.frames || world->options.record_frames) show_frame(node, effect);
    if (world->options.watch != NULL) world->options.watch(world->options.context, node, effect);
    const struct sim_message fields = {.topic = effect->topic,
                                       .payload = effect->payload,
                                       .correlation = effect->correlation,
                                       .retain = effect->retain};
    switch (effect->kind) {
    case EFFECT_CONNECT:
        endpoint_connect(endpoint, sim_message_new(&fields));
        return;
    case EFFECT_DISCONNECT:
        endpoint_disconnect(endpoint);
        return;
    case EFFECT_SUBSCRIBE:
        endpoint_subscribe(endpoint, effect->topic, effect->no_local);
        return;
    case EFFECT_PUBLISH: {
        struct sim_message *changed =
            effect->link == LINK_CLOUD ? mutant_rewrite(node, &fields) : NULL;
        world->counts.frames++;
        if (effect->link == LINK_CLOUD) world_keep_frame(world, effect);
        world->counts.bytes += effect->payload.size;
        if (changed == NULL) changed = sim_message_new(&fields);
        endpoint_publish(endpoint, changed, effect->token);
        return;
    }
    case EFFECT_REPLY:
        perform_reply(node, effect);
        return;
    }
}

/* ---- one batch ---------------------------------------------------------------------------- */

static struct event event_of(const struct sim_node *node, const struct inbox_item *item)
{
    struct event event = {.kind = item->kind,
                          .now = node_moment(node),
                          .link = item->link,
                          .session_present = item->session_present,
                          .receive_maximum = item->receive_maximum,
                          .token = item->token,
                          .client = item->client};
    const struct sim_message *message = item->message;
    if (message == NULL) return event;
    event.reason = event.request = message->payload;
    event.message = (struct mqtt_message){.topic = message->topic,
                                          .payload = message->payload,
                                          .response_topic = message->response_topic,
                                          .correlation = message->correlation,
                                          .user_priority = message->priority,
                                          .user_id = message->id,
                                          .retained = item->retained};
    return event;
}

/* How far a batch came; the items that it took stay alive until its effects are performed. */
struct batch {
    size_t taken;
    enum status status;
    bool crashed;
};

static bool strikes(const struct sim_node *node, enum crash_point point)
{
    return node->crash_next == point;
}

static void keep_incarnation(struct sim_node *node)
{
    if (node->world->options.mutant != MUTANT_ONE_INCARNATION || node->is_cloud) return;
    uint32_t *incarnation = &node->edge->track_store.incarnation;
    if (node->incarnation == 0) node->incarnation = *incarnation;
    *incarnation = node->incarnation;
}

static void run_steps(struct sim_node *node, struct batch *batch, size_t crash_step)
{
    batch->status = engine_begin(node);
    if (batch->status != ST_OK) return;
    if ((batch->crashed = strikes(node, CRASH_AFTER_BEGIN))) return;
    while (batch->taken < node->inbox.count && batch->taken < BATCH_EVENTS_MAX &&
           effects_has_room(node->effects)) {
        const struct event event = event_of(node, &node->inbox.items[batch->taken++]);
        batch->status = engine_step(node, &event);
        if (batch->status != ST_OK) return;
        batch->crashed = strikes(node, CRASH_AFTER_STEP) && batch->taken > crash_step;
        if (batch->crashed) return;
    }
    if ((batch->crashed = strikes(node, CRASH_BEFORE_COMMIT))) return;
    if (strikes(node, CRASH_IN_COMMIT)) {
        sim_disk_cut_after(node->disk, rng_below(&node->world->rng, DISK_CALLS_IN_COMMIT));
    }
    batch->status = engine_commit(node);
    batch->crashed = sim_disk_was_cut(node->disk) || strikes(node, CRASH_AFTER_COMMIT);
}

static void perform_all(struct sim_node *node, bool *crashed)
{
    struct world *world = node->world;
    size_t count = node->effects->count;
    if (strikes(node, CRASH_IN_EFFECTS) && count > 0) {
        count = rng_below(&world->rng, count);
        *crashed = true;
    }
    const uint32_t life = node->life;
    for (size_t i = 0; i < count && node->life == life; i++)
        perform(node, &node->effects->items[i]);
    effects_clear(node->effects);
}

static void drop_taken(struct sim_node *node, size_t taken)
{
    struct sim_inbox *inbox = &node->inbox;
    for (size_t i = 0; i < taken; i++)
        sim_message_unref(inbox->items[i].message);
    inbox->count -= taken;
    memmove(inbox->items, inbox->items + taken, inbox->count * sizeof(*inbox->items));
}

void node_batch(struct sim_node *node)
{
    struct world *world = node->world;
    struct batch batch = {0};
    world->counts.batches++;
    keep_incarnation(node);
    run_steps(node, &batch, rng_below(&world->rng, 3));
    const bool power = node->crash_power || sim_disk_was_cut(node->disk);
    const bool good = batch.status == ST_OK && !batch.crashed;
    if (good) oracle_committed(world->oracle, node);
    const bool after = strikes(node, CRASH_AFTER_COMMIT) && batch.status == ST_OK;
    if (good || world->options.mutant == MUTANT_SPEAK_BEFORE_COMMIT) {
        perform_all(node, &batch.crashed);
    }
    if (batch.crashed || after) {
        node_crash(node, power, SIM_MS * (100 + rng_below(&world->rng, 5000)));
        return;
    }
    if (batch.status != ST_OK) {
        world_say(world, node->label, "batch fails: %s", status_name(batch.status));
        world->counts.disk_faults++;
        node_crash(node, false, RETRY_START_NS << node->failed_batches);
        if (node->failed_batches < DOUBLINGS_MAX) node->failed_batches++;
        return;
    }
    node->failed_batches = 0;
    node->crash_next = CRASH_NONE;
    drop_taken(node, batch.taken);
    oracle_bounds(world->oracle, node);
}

void node_turn(struct sim_node *node, uint32_t life)
{
    struct world *world = node->world;
    if (life != node->life || !node->up) return;
    node->turn_planned = false;
    if (!world->healed && node->crash_next == CRASH_NONE &&
        rng_chance(&world->rng, world->options.faults.crash_per_mille)) {
        node->crash_next = 1 + (enum crash_point)rng_below(&world->rng, CRASH_POINT_COUNT - 1);
        node->crash_power = rng_chance(&world->rng, 500);
    }
    node_batch(node);
    if (!node->up) return;
    if (node->inbox.count > 0) plan_turn(node);
    plan_wakeup(node);
}

static void snapshot(struct sim_node *node, struct sim_disk **to, const char *suffix)
{
    char name[32];
    snprintf(name, sizeof(name), "%s%s", node->label, suffix);
    if (*to == NULL) *to = sim_disk_open(name, rng_next(&node->random));
    sim_disk_copy(*to, node->disk);
}

void node_backup(struct sim_node *node)
{
    snapshot(node, &node->backup, "-backup");
    oracle_backed_up(node->world->oracle, node);
}

void node_restore(struct sim_node *node)
{
    struct world *world = node->world;
    if (node->up) end_process(node, false);
    sim_disk_copy(node->disk, node->backup);
    node->disk_changed = true;
    oracle_restored(world->oracle, node);
    node->life++;
    world_plan(
        world, world->now_ns + SIM_S,
        &(struct world_event){.kind = HAPPEN_START, .generation = node->life, .subject = node});
}

void node_clone(struct sim_node *clone, struct sim_node *of)
{
    INVARIANT(!clone->up && node_name_equal(&clone->name, &of->name));
    sim_disk_copy(clone->disk, of->disk);
    clone->clock = of->clock;
    sim_clock_boot(&clone->clock, &clone->random, clone->world->now_ns);
    clone->stopped = false;
    oracle_expect(clone->world->oracle, TROUBLE_ALARM | TROUBLE_REFUSED | TROUBLE_BRANCH);
    node_start(clone);
}

void node_stop(struct sim_node *node)
{
    if (!node->up) return;
    node->stopped = true;
    node->crash_next = CRASH_NONE;
    node_receive(node, &(struct inbox_item){.kind = EVENT_STOP});
    while (node->up && node->inbox.count > 0)
        node_batch(node);
    if (!node->up) return;
    world_say(node->world, node->label, "stops");
    node->up = false;
    edge_close(node->edge);
    cloud_close(node->cloud);
    node->edge = NULL;
    node->cloud = NULL;
    end_process(node, false);
}
