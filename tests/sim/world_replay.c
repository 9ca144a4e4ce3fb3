/* world_replay.c - somebody with the broker's password: frames from long ago are published again,
 * and forged ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

/* A sample of all frames so far, each equally likely (Vitter's algorithm R, 1985). */
void world_keep_frame(struct world *world, const struct effect *effect)
{
    const struct fault_model *faults = &world->options.faults;
    if (faults->weights[FAULT_REPLAY] + faults->weights[FAULT_FORGE] == 0) return;
    size_t place = world->frames_seen++;
    if (place >= WORLD_FRAMES_KEPT) place = rng_below(&world->rng, world->frames_seen);
    if (place >= WORLD_FRAMES_KEPT) return;
    const struct sim_message fields = {
        .topic = effect->topic, .payload = effect->payload, .retain = effect->retain};
    sim_message_unref(world->frames[place]);
    world->frames[place] = sim_message_new(&fields);
}

/* One bit of the payload, or the frame of one edge in the name of another. */
static struct sim_message *forge(struct world *world, const struct sim_message *frame)
{
    uint8_t *payload = sim_allocate(frame->payload.size + 1);
    char topic[TOPIC_SIZE_MAX];
    struct sim_message fields = *frame;
    memcpy(payload, frame->payload.data, frame->payload.size);
    fields.payload = bytes_of(payload, frame->payload.size);
    const struct sim_node *other = &world->edges[rng_below(&world->rng, world->edge_count)];
    char *label = NULL;
    snprintf(topic, sizeof(topic), "%.*s", (int)frame->topic.size, (const char *)frame->topic.data);
    if (rng_chance(&world->rng, 500)) label = strstr(topic, "/edge-");
    if (label != NULL && strncmp(label + 1, other->name.text, strlen(other->name.text)) != 0) {
        memcpy(label + 1, other->name.text, strlen(other->name.text));
        fields.topic = bytes_of_text(topic);
    } else if (frame->payload.size > 0) {
        const uint64_t bit = rng_below(&world->rng, frame->payload.size * 8);
        payload[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    struct sim_message *forged = sim_message_new(&fields);
    free(payload);
    return forged;
}

void world_replay(struct world *world, bool forged)
{
    const size_t kept =
        world->frames_seen < WORLD_FRAMES_KEPT ? world->frames_seen : WORLD_FRAMES_KEPT;
    if (kept == 0 || world->middle.down) return;
    struct sim_message *frame = world->frames[rng_below(&world->rng, kept)];
    /* The broker writes into what it is given: whose it is. */
    struct sim_message *copy = forged ? forge(world, frame) : sim_message_new(frame);
    world_say(world, "world", "%s %.*s", forged ? "forges" : "replays", (int)copy->topic.size,
              (const char *)copy->topic.data);
    oracle_expect(world->oracle, forged ? TROUBLE_REFUSED : TROUBLE_STALE);
    sim_broker_inject(world->middle.broker, copy);
    sim_message_unref(copy);
}
