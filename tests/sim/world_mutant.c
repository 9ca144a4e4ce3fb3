/* world_mutant.c - an edge that takes the broker's PUBACK for the cloud's word: a broken promise.
 * The word is forged with the cloud's own key, so that nothing but its truth is wrong with it. */
#include <stdlib.h>
#include <string.h>

#include "common/wire/ack_msg.h"
#include "common/wire/envelope.h"
#include "common/wire/evidence_msg.h"
#include "tests/sim/world.h"
#include "topics/topics.h"

struct forger {
    struct hasher *hasher;
    struct unpacker *unpacker;
    struct compressor *compressor;
    struct evidence_run *run;
    struct ack *ack;
    uint8_t *memory; /* a plain body, then a frame */
};

static void forger_open(struct forger *forger)
{
    INVARIANT(hasher_open(&forger->hasher) == ST_OK);
    INVARIANT(unpacker_open(&forger->unpacker) == ST_OK);
    INVARIANT(compressor_open(&forger->compressor) == ST_OK);
    forger->run = sim_allocate(sizeof(*forger->run));
    forger->ack = sim_allocate(sizeof(*forger->ack));
    forger->memory = sim_allocate(BODY_UNPACKED_SIZE_MAX + FRAME_SIZE_MAX);
}

static void forger_close(struct forger *forger)
{
    hasher_close(forger->hasher);
    unpacker_close(forger->unpacker);
    compressor_close(forger->compressor);
    free(forger->run);
    free(forger->ack);
    free(forger->memory);
}

/* The plain body of a frame of that kind; false: it is another. */
static bool read_body(struct forger *forger, const struct sim_message *message,
                      enum frame_kind kind, struct bytes *body)
{
    struct envelope envelope;
    struct buf plain = buf_of(forger->memory, BODY_UNPACKED_SIZE_MAX);
    return envelope_read(forger->unpacker, message->payload, &envelope) == ST_OK &&
           envelope.kind == kind &&
           envelope_body(&envelope, forger->compressor, &plain, body) == ST_OK;
}

/* The newest true word of the cloud gives store and counter. */
static bool begin_ack(struct forger *forger, const struct sim_endpoint *endpoint,
                      const struct topic_text *topic)
{
    struct bytes body;
    const struct sim_message *true_ack =
        sim_broker_retained(endpoint->broker->broker, topic_text_bytes(topic));
    return true_ack != NULL && read_body(forger, true_ack, FRAME_ACK, &body) &&
           ack_msg_decode(forger->unpacker, body, forger->ack) == ST_OK;
}

static struct sim_message *forge(struct forger *forger, const struct sim_endpoint *endpoint,
                                 const struct topic_text *topic)
{
    const struct world *world = endpoint->broker->world;
    const struct evidence_run *run = forger->run;
    struct ack *ack = forger->ack;
    uint8_t bytes[8192];
    struct buf body = buf_of(bytes, sizeof(bytes));
    struct buf frame = buf_of(forger->memory + BODY_UNPACKED_SIZE_MAX, FRAME_SIZE_MAX);
    const struct node_name sender = {.text = "cloud"};
    ack->counter += endpoint->last_number;
    ack->range_count = 0;
    ack->log_count = 1;
    ack->logs[0] = (struct ack_log){.log = run->log,
                                    .size = run->first_sequence + run->count - 1,
                                    .head_hash = run->hashes[run->count - 1]};
    ack_pack(ack, &body);
    const struct envelope_spec spec = {.kind = FRAME_ACK,
                                       .sender = &sender,
                                       .key = world->cloud.key,
                                       .hlc = 1,
                                       .topic_below_root = topic_text_below_root(topic)};
    INVARIANT(buf_ok(&body));
    INVARIANT(envelope_write(&spec, buf_bytes(&body), NULL, forger->hasher, &frame) == ST_OK);
    const struct sim_message fields = {.topic = topic_text_bytes(topic),
                                       .payload = buf_bytes(&frame)};
    return sim_message_new(&fields);
}

struct sim_message *mutant_ack(const struct sim_endpoint *endpoint,
                               const struct sim_message *published)
{
    struct forger forger;
    struct topic_text topic;
    struct bytes body;
    struct sim_message *forged = NULL;
    forger_open(&forger);
    INVARIANT(topic_build(SIM_ROOT, TOPIC_ACK, endpoint->node->name.text, NULL, &topic) == ST_OK);
    if (begin_ack(&forger, endpoint, &topic) &&
        read_body(&forger, published, FRAME_EVIDENCE, &body) &&
        evidence_msg_decode(forger.unpacker, forger.hasher, &endpoint->node->name, body,
                            forger.run) == ST_OK &&
        forger.run->count > 0) {
        forged = forge(&forger, endpoint, &topic);
    }
    forger_close(&forger);
    return forged;
}
