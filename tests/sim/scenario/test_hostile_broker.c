/* test_hostile_broker.c - a broker that replays, alters and misdirects: it can delay and drop, it
 * cannot forge, alter or make a node forget. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/sim/story.h"
#include "topics/topics.h"

enum { KEPT_MAX = 64 };

struct hoard {
    struct sim_message *frames[KEPT_MAX];
    size_t count;
};

static void hoard(void *context, struct sim_node *node, const struct effect *effect)
{
    struct hoard *kept = context;
    (void)node;
    if (effect->kind != EFFECT_PUBLISH || effect->link != LINK_CLOUD || kept->count == KEPT_MAX)
        return;
    const struct sim_message fields = {
        .topic = effect->topic, .payload = effect->payload, .retain = effect->retain};
    kept->frames[kept->count++] = sim_message_new(&fields);
}

static void inject(struct world *world, struct bytes topic, struct bytes payload, bool retain)
{
    const struct sim_message fields = {.topic = topic, .payload = payload, .retain = retain};
    struct sim_message *message = sim_message_new(&fields);
    sim_broker_inject(world->middle.broker, message);
    sim_message_unref(message);
}

/* A frame once more as it was, with one bit changed, cut short, and on the other node's topic. */
static void abuse(struct world *world, const struct sim_message *frame, size_t number)
{
    uint8_t changed[FRAME_SIZE_MAX];
    char topic[TOPIC_SIZE_MAX] = "";
    const size_t size = frame->payload.size;
    memcpy(changed, frame->payload.data, size);
    changed[number * 7 % size] ^= (uint8_t)(1u << number % 8);
    inject(world, frame->topic, frame->payload, false);
    inject(world, frame->topic, bytes_of(changed, size), frame->retain);
    inject(world, frame->topic, bytes_of(frame->payload.data, size / 2), false);
    memcpy(topic, frame->topic.data, frame->topic.size);
    char *node = strstr(topic, "edge-");
    if (node == NULL) return;
    node[5] = node[5] == '1' ? '2' : '1';
    inject(world, bytes_of_text(topic), frame->payload, frame->retain);
}

/* Promise 8. Old acknowledgements and other nodes' frames are among what is injected. */
static void test_replayed_altered_and_misdirected_frames_change_nothing(void **state)
{
    (void)state;
    static struct hoard kept;
    kept = (struct hoard){0};
    struct world_options options = story_options(2, 8, 60 * 1000);
    options.watch = hoard;
    options.context = &kept;
    struct world *world = story_begin(&options);
    oracle_expect(world->oracle, TROUBLE_REFUSED);
    story_pass_ms(world, 20000);
    assert_in_range(kept.count, 10, KEPT_MAX);
    world_say(world, "story", "the broker replays, alters and misdirects %zu frames", kept.count);
    for (size_t i = 0; i < kept.count; i++) {
        abuse(world, kept.frames[i], i);
        story_pass_ms(world, 200);
    }
    story_pass_ms(world, 20000);
    story_end(world, "trace_hostile_broker.txt");
    for (size_t i = 0; i < kept.count; i++)
        sim_message_unref(kept.frames[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replayed_altered_and_misdirected_frames_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
