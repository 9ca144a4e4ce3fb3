/* world.c - the heap, the life of a world, its trace. */
#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLY_CAPACITY = 4 * 1024 * 1024, EVENTS_MAX = 3000000 };

#define SAVE_INTERVAL_NS (30 * SIM_S)
#define REST_CHECK_NS (2 * SIM_S)
#define SETTLE_NS (8 * SIM_S)

static bool earlier(const struct world_event *a, const struct world_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

void world_plan(struct world *world, uint64_t at_ns, const struct world_event *event)
{
    world->heap =
        sim_grow(world->heap, world->heap_count, &world->heap_capacity, sizeof(*world->heap));
    struct world_event planned = *event;
    planned.at_ns = at_ns > world->now_ns ? at_ns : world->now_ns;
    planned.order = world->next_order++;
    size_t place = world->heap_count++;
    while (place > 0 && earlier(&planned, &world->heap[(place - 1) / 2])) {
        world->heap[place] = world->heap[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    world->heap[place] = planned;
}

static struct world_event take_first(struct world *world)
{
    const struct world_event first = world->heap[0];
    const struct world_event last = world->heap[--world->heap_count];
    size_t place = 0;
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= world->heap_count) break;
        if (child + 1 < world->heap_count && earlier(&world->heap[child + 1], &world->heap[child]))
            child++;
        if (!earlier(&world->heap[child], &last)) break;
        world->heap[place] = world->heap[child];
        place = child;
    }
    world->heap[place] = last;
    return first;
}

/* Eight bytes at a time: only equality with another run matters, not strength. */
void world_note(struct world *world, struct bytes bytes)
{
    uint64_t hash = world->trace_hash ^ bytes.size;
    size_t i = 0;
    for (; i + 8 <= bytes.size; i += 8) {
        uint64_t word;
        memcpy(&word, bytes.data + i, 8);
        hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
    }
    for (; i < bytes.size; i++)
        hash = (hash ^ bytes.data[i]) * UINT64_C(0x100000001B3);
    world->trace_hash = hash;
}

static void keep_line(struct world *world, const char *line)
{
    const size_t size = strlen(line);
    while (world->text_size + size + 2 > world->text_capacity) {
        world->text_capacity = world->text_capacity ? world->text_capacity * 2 : 4096;
        world->text = realloc(world->text, world->text_capacity);
        INVARIANT(world->text != NULL);
    }
    memcpy(world->text + world->text_size, line, size);
    memcpy(world->text + world->text_size + size, "\n", 2);
    world->text_size += size + 1;
}

void world_say(struct world *world, const char *who, const char *format, ...)
{
    char line[WORLD_LINE_SIZE];
    int used = snprintf(line, sizeof(line), "[%9llu] %-7s > ",
                        (unsigned long long)(world->now_ns / SIM_MS), who);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + used, sizeof(line) - (size_t)used, format, arguments);
    va_end(arguments);
    world_note(world, bytes_of_text(line));
    if (world->options.verbose) fprintf(stderr, "%s\n", line);
    if (world->options.record) keep_line(world, line);
}

void world_fail(struct world *world, const char *oracle, const char *format, ...)
{
    if (world->failed) return;
    char detail[WORLD_LINE_SIZE - 140];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    world->failed = true;
    world->failed_ms = world->now_ns / SIM_MS;
    snprintf(world->failure, sizeof(world->failure), "oracle '%.60s' broke at %llu ms: %s", oracle,
             (unsigned long long)world->failed_ms, detail);
    world_say(world, "world", "%s", world->failure);
}

static void dispatch(struct world *world, const struct world_event *event)
{
    switch (event->kind) {
    case HAPPEN_TURN:
        node_turn(event->subject, event->generation);
        break;
    case HAPPEN_WAKEUP:
        node_wakeup(event->subject, event->generation);
        break;
    case HAPPEN_START: {
        struct sim_node *node = event->subject;
        if (node->life == event->generation && !node->up && !node->stopped) node_start(node);
        break;
    }
    case HAPPEN_TO_BROKER:
        broker_packet(event->subject, event->generation, &event->packet);
        break;
    case HAPPEN_TO_CLIENT:
        endpoint_packet(event->subject, event->generation, &event->packet);
        break;
    case HAPPEN_LOST_AT_CLIENT:
        endpoint_lost(event->subject, event->generation, event->packet.number != 0);
        break;
    case HAPPEN_LOST_AT_BROKER:
        broker_lost(event->subject, event->generation);
        break;
    case HAPPEN_BROKER_UP:
        broker_up(event->subject);
        break;
    case HAPPEN_BROKER_SAVE: {
        struct world_broker *broker = event->subject;
        if (!broker->down) sim_broker_save(broker->broker);
        world_plan(world, world->now_ns + SAVE_INTERVAL_NS, event);
        break;
    }
    case HAPPEN_PUBLISHER:
        publisher_act(event->subject, event->generation);
        break;
    case HAPPEN_REPLY:
        publisher_message(event->subject, event->generation, &event->packet);
        break;
    case HAPPEN_FAULT:
        faults_strike(world, (enum fault_kind)event->packet.number, event->generation);
        break;
    case HAPPEN_ACTION:
        actor_act(event->subject);
        break;
    }
    sim_message_unref(event->packet.message);
}

void world_run_until(struct world *world, uint64_t until_ns)
{
    while (!world->failed && world->heap_count > 0 && world->heap[0].at_ns <= until_ns) {
        const struct world_event event = take_first(world);
        world->now_ns = event.at_ns;
        dispatch(world, &event);
        if (++world->counts.events > EVENTS_MAX) {
            world_fail(world, "the world comes to rest", "more than %d events", EVENTS_MAX);
        }
    }
    if (!world->failed) world->now_ns = until_ns;
}

static void come_to_rest(struct world *world)
{
    const uint64_t latest_ns = world->now_ns + world->options.faults.rest_ms_max * SIM_MS;
    while (!world->failed && !oracle_at_rest(world->oracle)) {
        if (world->now_ns >= latest_ns) {
            oracle_say_what_is_left(world->oracle);
            break;
        }
        world_run_until(world, world->now_ns + REST_CHECK_NS);
    }
}

/* Every node is well again, without an operator: what each says now, one after the other, is taken,
 * and the last one's word is what stands. */
static void act_once_more(struct world *world)
{
    for (unsigned i = 0; i < world->edge_count && !world->failed; i++) {
        struct sim_node *edge = &world->edges[i];
        world_run_until(world, world->now_ns + 3 * SETTLE_NS);
        if (world->failed || edge->stopped) continue;
        if (!actor_write(edge, "any-0", "fleet") ||
            (!actor_observe(edge, 0) && !world->options.faults.evictions)) {
            world_fail(world, "every node is well again", "%s takes nothing", edge->label);
        }
    }
    if (!world->failed) world_run_until(world, world->now_ns + SETTLE_NS);
    come_to_rest(world);
}

bool world_rest(struct world *world)
{
    faults_heal(world);
    /* What happened a moment ago must get about before anybody can say that nothing is left; that
     * the cloud was restored is told by hellos, which a broker may have lost. */
    world_run_until(world,
                    world->now_ns + (world->options.faults.restores ? 4 * SETTLE_NS : SETTLE_NS));
    come_to_rest(world);
    if (world->options.faults.acts_per_edge > 0) act_once_more(world);
    if (!world->failed) oracle_final(world->oracle);
    return !world->failed;
}

bool world_live(struct world *world)
{
    faults_plan(world);
    world_run_until(world, world->now_ns + world->options.faults.fault_phase_ms * SIM_MS);
    return world_rest(world);
}

static void open_brokers(struct world *world)
{
    const struct fault_model *faults = &world->options.faults;
    const struct sim_broker_settings middle = {
        .client_count = world->edge_count + 1,
        .queued_max = faults->queued_max,
        .inflight_max = 20,
        .receive_maximum = 20,
        .forget_per_mille = faults->forget_per_mille,
        .repeat_per_mille = faults->repeat_per_mille,
        .shuffle_per_mille = faults->shuffle_per_mille,
    };
    broker_open(world, &world->middle, "broker", &middle);
    world->local = sim_allocate(world->edge_count * sizeof(*world->local));
    struct sim_broker_settings local = middle;
    local.client_count = 1 + faults->publishers_per_edge;
    local.queued_max = 1000;
    /* What it forgets of retained values nobody could mend; publishers ask for their receipts. */
    if (faults->acts_per_edge > 0) local.forget_per_mille = 0;
    for (unsigned i = 0; i < world->edge_count; i++) {
        broker_open(world, &world->local[i], "local", &local);
    }
}

static void open_links(struct world *world)
{
    const struct fault_model *faults = &world->options.faults;
    const struct sim_net_settings wide = {
        .delay_ns = faults->delay_ms * SIM_MS,
        .jitter_ns = faults->jitter_ms * SIM_MS,
        .bytes_per_s = faults->bytes_per_s,
        .patience_ns = 5 * SIM_S,
        .keepalive_ns = 15 * SIM_S,
        .loss_per_million = faults->loss_per_million,
    };
    const struct sim_net_settings near = {
        .delay_ns = SIM_MS / 5,
        .jitter_ns = SIM_MS / 5,
        .patience_ns = 5 * SIM_S,
        .keepalive_ns = 15 * SIM_S,
    };
    struct sim_net_settings cloud = near;
    cloud.loss_per_million = faults->loss_per_million / 4;
    endpoint_open(&world->cloud.links[LINK_CLOUD], &world->middle, 0, &cloud);
    world->cloud.links[LINK_CLOUD].node = &world->cloud;
    for (unsigned i = 0; i < world->edge_count; i++) {
        struct sim_node *edge = &world->edges[i];
        endpoint_open(&edge->links[LINK_CLOUD], &world->middle, i + 1, &wide);
        endpoint_open(&edge->links[LINK_LOCAL], &world->local[i], 0, &near);
        for (unsigned link = 0; link < LINK_COUNT; link++) {
            edge->links[link].node = edge;
            edge->links[link].link = (enum link)link;
        }
    }
}

/* An operator and a program on each edge; stories play them themselves. */
static void open_actors(struct world *world)
{
    const struct fault_model *faults = &world->options.faults;
    world->next_number = 1;
    world->actors = sim_allocate((world->edge_count + 1) * sizeof(*world->actors));
    for (unsigned i = 0; i < world->edge_count; i++) {
        actor_open(world, &world->actors[i], &world->edges[i], faults->acts_per_edge);
    }
    actor_open(world, &world->actors[world->edge_count], &world->cloud, faults->acts_of_operator);
}

static void open_publishers(struct world *world)
{
    const unsigned each = world->options.faults.publishers_per_edge;
    world->publisher_count = world->edge_count * each;
    world->publishers = sim_allocate(world->publisher_count * sizeof(*world->publishers));
    for (unsigned i = 0; i < world->publisher_count; i++) {
        publisher_open(world, &world->publishers[i], &world->edges[i / each], i % each);
    }
}

/* What an operator does once: keys are exchanged as key lines, by hand. */
static void enroll(struct world *world)
{
    for (unsigned i = 0; i < world->edge_count && !world->failed; i++) {
        char line[KEY_LINE_SIZE_MAX];
        const struct sim_node *edge = &world->edges[i];
        if (edge->stopped) continue;
        key_line_write(KEY_LINE_NODE, &edge->name, edge->key, line);
        const struct verb_argument argument = {BYTES_LITERAL("line"), bytes_of_text(line)};
        const enum status status = world_verb(world, &world->cloud, "node-add", &argument, 1);
        if (status != ST_OK) {
            world_fail(world, "a node is enrolled", "node-add: %s", status_words(status));
        }
    }
}

struct world *world_open(const struct world_options *options)
{
    struct world *world = sim_allocate(sizeof(*world));
    world->options = *options;
    rng_seed(&world->rng, options->seed);
    world->now_ns = SIM_S;
    world->next_client = 1;
    world->reply = buf_of(sim_allocate(REPLY_CAPACITY), REPLY_CAPACITY);
    world->edge_count = options->faults.edge_count;
    world->edges = sim_allocate(world->edge_count * sizeof(*world->edges));
    sim_disk_forget_randomness(options->seed);
    open_brokers(world);
    open_links(world);
    world->oracle = oracle_open(world);
    node_open(world, &world->cloud, true, 0, 0);
    node_create(&world->cloud);
    node_start(&world->cloud);
    for (unsigned i = 0; i < world->edge_count; i++) {
        struct sim_node *edge = &world->edges[i];
        edge->stopped = options->clone && i + 1 == world->edge_count;
        node_open(world, edge, false, i + 1, edge->stopped ? 1 : i + 1);
        if (!edge->stopped) node_create(edge);
    }
    enroll(world);
    for (unsigned i = 0; i < world->edge_count && !world->failed; i++) {
        if (!world->edges[i].stopped) node_start(&world->edges[i]);
    }
    open_publishers(world);
    if (!world->failed) open_actors(world);
    return world;
}

void world_close(struct world *world)
{
    if (world == NULL) return;
    for (size_t i = 0; i < world->heap_count; i++) {
        sim_message_unref(world->heap[i].packet.message);
    }
    free(world->heap);
    for (unsigned i = 0; i < world->edge_count; i++)
        broker_close(&world->local[i]);
    broker_close(&world->middle); /* with its endpoints, which nodes and publishers hold */
    for (unsigned i = 0; i < world->publisher_count; i++)
        publisher_close(&world->publishers[i]);
    free(world->publishers);
    free(world->actors);
    for (size_t i = 0; i < WORLD_FRAMES_KEPT; i++)
        sim_message_unref(world->frames[i]);
    for (unsigned i = 0; i < world->edge_count; i++)
        node_close(&world->edges[i]);
    node_close(&world->cloud);
    oracle_close(world->oracle);
    free(world->edges);
    free(world->local);
    free(world->reply.data);
    free(world->text);
    free(world);
}
