/* world_verb.c - a request of a control client, run at once between two events. */
#include <stdlib.h>

#include "tests/sim/world.h"

enum { VERB_TURNS_MAX = 1000000 };

static enum status reply_status(struct world *world, struct unpacker *unpacker)
{
    struct control_reply *reply = sim_allocate(sizeof(*reply));
    enum status status = ST_AGAIN;
    for (size_t at = 0; at + 4 <= world->reply.size;) {
        const uint32_t size = get_u32(world->reply.data + at);
        const struct bytes message = bytes_of(world->reply.data + at + 4, size);
        at += 4 + size;
        INVARIANT(control_reply_decode(unpacker, message, reply) == ST_OK);
        if (reply->kind == REPLY_END) {
            status = reply->status;
            world->reply_ended = true;
        }
    }
    free(reply);
    return status;
}

static bool ended(struct world *world)
{
    struct unpacker *unpacker = NULL;
    INVARIANT(unpacker_open(&unpacker) == ST_OK);
    world->reply_ended = false;
    world->reply_status = reply_status(world, unpacker);
    unpacker_close(unpacker);
    return world->reply_ended;
}

enum status world_ask(struct world *world, struct sim_node *node, struct bytes request)
{
    if (!node->up) return ST_AGAIN;
    world->reply.size = 0;
    world->reply_client = world->next_client++;
    const struct sim_message fields = {.payload = request};
    node_receive(node, &(struct inbox_item){.kind = EVENT_REQUEST,
                                            .client = world->reply_client,
                                            .message = sim_message_new(&fields)});
    bool done = false;
    for (unsigned turn = 0; !done && node->up && turn < VERB_TURNS_MAX; turn++) {
        node_batch(node);
        done = ended(world);
        if (!done && node->up && node->inbox.count == 0 && node_has_jobs(node)) {
            node_receive(node, &(struct inbox_item){.kind = EVENT_WAKEUP});
        }
    }
    world->reply_client = 0;
    INVARIANT(buf_ok(&world->reply));
    return done ? world->reply_status : ST_AGAIN;
}

enum status world_receipt(struct world *world, size_t i)
{
    struct control_reply *reply = sim_allocate(sizeof(*reply));
    struct unpacker *unpacker = NULL;
    enum status status = ST_AGAIN;
    INVARIANT(unpacker_open(&unpacker) == ST_OK);
    for (size_t at = 0; at + 4 <= world->reply.size;) {
        const uint32_t size = get_u32(world->reply.data + at);
        const struct bytes message = bytes_of(world->reply.data + at + 4, size);
        at += 4 + size;
        INVARIANT(control_reply_decode(unpacker, message, reply) == ST_OK);
        if (reply->kind != REPLY_RECEIPTS) continue;
        if (i < reply->receipt_count) status = reply->receipts[i].status;
        break;
    }
    unpacker_close(unpacker);
    free(reply);
    return status;
}

enum status world_verb(struct world *world, struct sim_node *node, const char *verb,
                       const struct verb_argument *arguments, size_t count)
{
    uint8_t request[4096];
    struct buf out = buf_of(request, sizeof(request));
    verb_request_encode(&out, bytes_of_text(verb), arguments, count);
    INVARIANT(buf_ok(&out));
    return world_ask(world, node, buf_bytes(&out));
}
