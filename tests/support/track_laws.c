/* track_laws.c - replicas of one track in every order of events, and the laws on their states. */
#include "tests/support/track_laws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/data/track_codec.h"

enum { STATES_MAX = 512 };

/* What a replica is at some moment. */
struct state {
    struct track track;
    uint64_t horizon;
    struct event_set known;
};

struct world {
    const struct track_rules *rules;
    struct law_report *report;
    unsigned node_count;
    unsigned current[SPEC_NODES_MAX + 1]; /* a node's state, by number */
    uint64_t clock[SPEC_NODES_MAX + 1];
    struct spec spec;
    unsigned state_count;
    struct state states[STATES_MAX]; /* all that were ever reached; 0 is the least one */
    struct state scratch[4];
};

const struct track_rules track_rules_real = {.join = track_join};

static const char *const law_names[LAW_COUNT] = {
    "idempotent", "commutative", "associative", "inflation", "oracle",
    "horizon",    "flags",       "codec",       "view",      "gossip",
};

uint64_t law_report_broken(const struct law_report *report)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < LAW_COUNT; i++)
        sum += report->broken[i];
    return sum;
}

void law_report_print(const struct law_report *report, const char *name)
{
    fprintf(stderr, "# %s: %llu executions, %llu states, %llu pairs, %llu triples", name,
            (unsigned long long)report->executions, (unsigned long long)report->states,
            (unsigned long long)report->pairs, (unsigned long long)report->triples);
    for (unsigned i = 0; i < LAW_COUNT; i++)
        if (report->broken[i] > 0)
            fprintf(stderr, ", %s broken %llu times", law_names[i],
                    (unsigned long long)report->broken[i]);
    fprintf(stderr, "%s%s\n", report->first[0] != '\0' ? "; first: " : "", report->first);
}

static void law(struct world *world, enum track_law which, bool holds)
{
    if (holds) return;
    struct law_report *const report = world->report;
    if (law_report_broken(report) == 0)
        snprintf(report->first, sizeof report->first, "%s after %u events and %u states",
                 law_names[which], world->spec.event_count, world->state_count);
    report->broken[which]++;
}

/* ----------------------------------------------------------------- states */

static void state_copy(struct state *to, const struct state *from)
{
    track_copy(&to->track, &from->track);
    to->horizon = from->horizon;
    to->known = from->known;
}

static unsigned state_join(const struct world *world, struct state *into, const struct state *from)
{
    if (from->horizon > into->horizon) into->horizon = from->horizon;
    event_set_join(&into->known, &from->known);
    return world->rules->join(&into->track, &from->track, into->horizon);
}

static size_t encode(const struct track *track, uint8_t out[TRACK_BYTES_MAX])
{
    struct buf buf = buf_of(out, TRACK_BYTES_MAX);
    track_encode(track, &buf);
    INVARIANT(buf_ok(&buf));
    return buf.size;
}

static bool same_bytes(const struct track *a, const struct track *b)
{
    uint8_t bytes_a[TRACK_BYTES_MAX], bytes_b[TRACK_BYTES_MAX];
    const size_t size = encode(a, bytes_a);
    return size == encode(b, bytes_b) && memcmp(bytes_a, bytes_b, size) == 0;
}

static bool same(const struct state *a, const struct state *b)
{
    return a->horizon == b->horizon && same_bytes(&a->track, &b->track);
}

static bool is_as_the_history_says(struct world *world, const struct state *state)
{
    struct track *const expected = &world->scratch[3].track;
    spec_state(&world->spec, &state->known, state->horizon, expected);
    return same_bytes(&state->track, expected);
}

/* ------------------------------------------------------------------- laws */

static void check_state(struct world *world, const struct state *state)
{
    uint8_t bytes[TRACK_BYTES_MAX];
    struct state *const again = &world->scratch[0];
    const struct track_view view = track_view_of(&state->track);
    world->report->states++;
    world->report->floors += state->track.floor != 0;
    world->report->full_sensors += state->track.sensor_count == TRACK_SENSORS_MAX;
    world->report->horizons += state->horizon != 0;
    world->report->siblings += view.position_count > 1 || view.classification_count > 1;
    law(world, LAW_ORACLE, is_as_the_history_says(world, state));
    law(world, LAW_VIEW, spec_view_ok(&state->track));
    const size_t size = encode(&state->track, bytes);
    const enum status status = track_decode(bytes_of(bytes, size), &again->track);
    law(world, LAW_CODEC,
        status == ST_OK && track_equal(&again->track, &state->track) &&
            same_bytes(&again->track, &state->track));
    state_copy(again, state);
    const unsigned flags = state_join(world, again, state);
    law(world, LAW_IDEMPOTENT, same(again, state));
    law(world, LAW_FLAGS, flags == 0);
}

static void check_pair(struct world *world, const struct state *a, const struct state *b)
{
    struct state *const ab = &world->scratch[0], *const other = &world->scratch[1];
    world->report->pairs++;
    state_copy(ab, a);
    const unsigned flags = state_join(world, ab, b);
    law(world, LAW_ORACLE, is_as_the_history_says(world, ab));
    law(world, LAW_FLAGS,
        ((flags & TRACK_JOIN_CHANGED) != 0) == !same_bytes(&ab->track, &a->track));
    law(world, LAW_FLAGS, ((flags & TRACK_JOIN_AHEAD) != 0) == !same_bytes(&ab->track, &b->track));
    law(world, LAW_CODEC,
        track_valid(&ab->track) &&
            track_equal(&ab->track, &a->track) == same_bytes(&ab->track, &a->track));
    state_copy(other, b);
    (void)state_join(world, other, a);
    law(world, LAW_COMMUTATIVE, same(ab, other));
    (void)state_join(world, other, b);
    law(world, LAW_IDEMPOTENT, same(ab, other));

    const uint64_t horizon = track_newest_stamp(&b->track);
    if (horizon <= ab->horizon) return;
    state_copy(other, a);
    other->horizon = horizon;
    (void)track_apply_horizon(&other->track, horizon);
    (void)state_join(world, other, b);
    ab->horizon = horizon;
    (void)track_apply_horizon(&ab->track, horizon);
    law(world, LAW_HORIZON, same(ab, other));
}

static void check_triple(struct world *world, const struct state *a, const struct state *b,
                         const struct state *c)
{
    struct state *const scratch = world->scratch;
    const struct state *const orders[3][3] = {{a, b, c}, {a, c, b}, {b, c, a}};
    world->report->triples++;
    for (unsigned i = 0; i < 3; i++) {
        state_copy(&scratch[i], orders[i][0]);
        (void)state_join(world, &scratch[i], orders[i][1]);
        (void)state_join(world, &scratch[i], orders[i][2]);
    }
    law(world, LAW_ASSOCIATIVE, same(&scratch[0], &scratch[1]) && same(&scratch[0], &scratch[2]));
}

/* ------------------------------------------------------------------ steps */

static struct state *state_of(struct world *world, unsigned node)
{
    return &world->states[world->current[node]];
}

/* A new state of the node, as yet equal to the one it is in. */
static struct state *next_state(struct world *world, unsigned node)
{
    INVARIANT(world->state_count < STATES_MAX);
    struct state *const next = &world->states[world->state_count];
    state_copy(next, state_of(world, node));
    world->current[node] = world->state_count++;
    return next;
}

static uint64_t tick(struct world *world, unsigned node, const struct state *state)
{
    uint64_t *const clock = &world->clock[node];
    const uint64_t newest = track_newest_stamp(&state->track);
    if (newest > *clock) *clock = newest;
    if (state->horizon > *clock) *clock = state->horizon;
    return ++*clock;
}

static void observe(struct world *world, unsigned node, unsigned fields, uint16_t confidence,
                    unsigned sensor)
{
    struct state *const state = next_state(world, node);
    const unsigned number = world->spec.event_count++;
    struct spec_event *const event = &world->spec.events[number];
    const struct track_writer writer = spec_writer(node);
    INVARIANT(number < SPEC_EVENTS_MAX);
    *event = (struct spec_event){
        .node = node,
        .hlc = tick(world, node, state),
        .observation = spec_observation(number, fields, confidence, sensor),
        .known = state->known,
    };
    INVARIANT(track_observe(&state->track, &writer, event->hlc, state->horizon,
                            &event->observation) == ST_OK);
    event_set_add(&state->known, number);
}

static void remove_track(struct world *world, unsigned node)
{
    struct state *const state = next_state(world, node);
    const unsigned number = world->spec.event_count++;
    INVARIANT(number < SPEC_EVENTS_MAX);
    world->spec.events[number] =
        (struct spec_event){.is_removal = true, .node = node, .known = state->known};
    (void)track_remove(&state->track);
    event_set_add(&state->known, number);
}

static void raise_horizon(struct world *world, unsigned node, uint64_t horizon)
{
    struct state *const state = next_state(world, node);
    state->horizon = horizon;
    (void)track_apply_horizon(&state->track, horizon);
}

static void deliver(struct world *world, unsigned node, unsigned number)
{
    struct state *const message = &world->scratch[0];
    state_copy(message, &world->states[number]);
    if (world->rules->send != NULL)
        world->rules->send(&world->states[number].track, &message->track);
    (void)state_join(world, next_state(world, node), message);
}

static void check_inflation(struct world *world, const struct state *before,
                            const struct state *after)
{
    struct state *const joined = &world->scratch[1];
    state_copy(joined, before);
    (void)state_join(world, joined, after);
    law(world, LAW_INFLATION, same(joined, after));
}

static void world_reset(struct world *world)
{
    world->spec.event_count = 0;
    world->state_count = 1;
    memset(&world->states[0], 0, sizeof world->states[0]);
    memset(world->current, 0, sizeof world->current);
    memset(world->clock, 0, sizeof world->clock);
}

static struct world *world_open(const struct track_rules *rules, struct law_report *report)
{
    struct world *const world = calloc(1, sizeof *world);
    INVARIANT(world != NULL);
    memset(report, 0, sizeof *report);
    world->rules = rules;
    world->report = report;
    return world;
}

/* ------------------------------------------------------------- exhaustive */

static void walk(struct world *world, unsigned depth);

/* The newest state against all before it, then on from there; and back. */
static void look_and_go_on(struct world *world, unsigned node, unsigned before, unsigned depth)
{
    const unsigned newest = world->state_count - 1;
    const struct state *const state = &world->states[newest];
    check_state(world, state);
    check_inflation(world, &world->states[before], state);
    for (unsigned i = 0; i < newest; i++) {
        check_pair(world, &world->states[i], state);
        for (unsigned k = 0; k < i; k++)
            check_triple(world, &world->states[k], &world->states[i], state);
    }
    walk(world, depth - 1);
    world->state_count = newest;
    world->current[node] = before;
}

static void walk_node(struct world *world, unsigned node, unsigned depth)
{
    const unsigned before = world->current[node], state_count = world->state_count;
    const unsigned event_count = world->spec.event_count;
    const uint64_t clock = world->clock[node];
    for (unsigned choice = 0; choice < 6; choice++) {
        observe(world, node, choice / 2 + 1 + 4, choice % 2 == 0 ? 3000 : 7000,
                (node + event_count) % 2);
        look_and_go_on(world, node, before, depth);
        world->clock[node] = clock;
        world->spec.event_count = event_count;
    }
    if (world->states[before].track.slot_count > 0) {
        remove_track(world, node);
        look_and_go_on(world, node, before, depth);
        world->spec.event_count = event_count;
    }
    const uint64_t newest = track_newest_stamp(&world->states[before].track);
    if (newest > world->states[before].horizon) {
        raise_horizon(world, node, newest);
        look_and_go_on(world, node, before, depth);
    }
    for (unsigned number = 1; number < state_count; number++) {
        if (number == before) continue;
        deliver(world, node, number);
        look_and_go_on(world, node, before, depth);
    }
}

static void walk(struct world *world, unsigned depth)
{
    if (depth == 0) {
        world->report->executions++;
        return;
    }
    for (unsigned node = 0; node < world->node_count; node++)
        walk_node(world, node, depth);
}

void track_laws_exhaust(const struct track_rules *rules, unsigned node_count, unsigned depth,
                        struct law_report *out)
{
    struct world *const world = world_open(rules, out);
    world->node_count = node_count;
    world_reset(world);
    walk(world, depth);
    free(world);
}

/* ----------------------------------------------------------------- random */

static void random_observation(struct world *world, struct rng *rng, unsigned node,
                               unsigned sensors)
{
    unsigned fields = (unsigned)rng_below(rng, 16);
    if ((fields & 7) == 0) fields |= 4;
    /* Few confidences, so that they are often equal. */
    observe(world, node, fields, (uint16_t)(2500 * rng_below(rng, 5)),
            (unsigned)rng_below(rng, sensors));
}

static void random_step(struct world *world, struct rng *rng, const struct track_laws_random *plan)
{
    const unsigned node = (unsigned)rng_below(rng, world->node_count);
    const unsigned before = world->current[node];
    const struct state *const state = state_of(world, node);
    const uint64_t dice = rng_below(rng, 1000);
    if (rng_chance(rng, 100)) world->clock[node] += rng_below(rng, 8); /* clocks run apart */
    if (dice < plan->horizons) {
        const uint64_t newest = track_newest_stamp(&state->track);
        const uint64_t back = rng_below(rng, 6);
        if (newest < back || newest - back <= state->horizon) return;
        raise_horizon(world, node, newest - back);
    } else if (dice < 480) {
        random_observation(world, rng, node, plan->sensors);
    } else if (dice < 560) {
        remove_track(world, node);
    } else {
        deliver(world, node, (unsigned)rng_below(rng, world->state_count));
    }
    check_state(world, state_of(world, node));
    check_inflation(world, &world->states[before], state_of(world, node));
}

/* Twice round the ring: then everybody has heard from everybody. */
static void gossip(struct world *world)
{
    for (unsigned step = 1; step < 2 * world->node_count; step++) {
        const unsigned to = step % world->node_count, from = (step - 1) % world->node_count;
        struct state *const message = &world->scratch[0];
        state_copy(message, state_of(world, from));
        if (world->rules->send != NULL)
            world->rules->send(&state_of(world, from)->track, &message->track);
        (void)state_join(world, state_of(world, to), message);
    }
    for (unsigned node = 0; node < world->node_count; node++) {
        law(world, LAW_GOSSIP, same(state_of(world, 0), state_of(world, node)));
        law(world, LAW_ORACLE, is_as_the_history_says(world, state_of(world, node)));
    }
}

static const struct state *random_state(struct world *world, struct rng *rng)
{
    return &world->states[rng_below(rng, world->state_count)];
}

/* Gossip changes states in place, so each node begins with one of its own. */
static void random_begin(struct world *world, const struct track_laws_random *plan, struct rng *rng)
{
    world_reset(world);
    world->node_count =
        plan->nodes_min + (unsigned)rng_below(rng, plan->nodes_max - plan->nodes_min + 1);
    for (unsigned node = 0; node < world->node_count; node++) {
        world->clock[node] = rng_below(rng, plan->skew);
        (void)next_state(world, node);
    }
    for (unsigned node = 0; plan->begins_in_line && node < world->node_count; node++) {
        observe(world, node, 4 + (unsigned)rng_below(rng, 4), 5000, 2 * node);
        observe(world, node, 4 + (unsigned)rng_below(rng, 4), 5000, 2 * node + 1);
        if (node > 0) deliver(world, node, world->current[node - 1]);
    }
}

static void random_execution(struct world *world, const struct track_laws_random *plan,
                             struct rng *rng)
{
    random_begin(world, plan, rng);
    unsigned steps =
        plan->steps_min + (unsigned)rng_below(rng, plan->steps_max - plan->steps_min + 1);
    while (steps-- > 0)
        random_step(world, rng, plan);
    for (unsigned i = 0; i < plan->samples; i++) {
        const struct state *const a = random_state(world, rng), *const b = random_state(world, rng);
        check_pair(world, a, b);
        check_triple(world, a, b, random_state(world, rng));
    }
    gossip(world);
    world->report->executions++;
}

void track_laws_random(const struct track_rules *rules, const struct track_laws_random *plan,
                       struct law_report *out)
{
    struct world *const world = world_open(rules, out);
    struct rng rng;
    rng_seed(&rng, plan->seed);
    for (unsigned i = 0; i < plan->executions; i++)
        random_execution(world, plan, &rng);
    free(world);
}
