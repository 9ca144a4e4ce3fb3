/* sim_message.c - an MQTT message in the simulator, shared by everybody who holds it. */
#include "tests/sim/sim_message.h"

#include <stdlib.h>
#include <string.h>

void *sim_allocate(size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    INVARIANT(memory != NULL);
    return memory;
}

void *sim_grow(void *array, size_t count, size_t *capacity, size_t item_size)
{
    if (count < *capacity) return array;
    *capacity = *capacity ? *capacity * 2 : 16;
    void *larger = realloc(array, *capacity * item_size);
    INVARIANT(larger != NULL);
    return larger;
}

static struct bytes keep(uint8_t **at, struct bytes bytes)
{
    struct bytes kept = bytes_of(*at, bytes.size);
    if (bytes.size > 0) memcpy(*at, bytes.data, bytes.size);
    *at += bytes.size;
    return kept;
}

struct sim_message *sim_message_new(const struct sim_message *fields)
{
    const size_t size = fields->topic.size + fields->payload.size + fields->response_topic.size +
                        fields->correlation.size + fields->priority.size + fields->id.size;
    struct sim_message *message = malloc(sizeof(*message) + size);
    INVARIANT(message != NULL);
    uint8_t *at = (uint8_t *)(message + 1);
    *message = *fields;
    message->references = 1;
    message->topic = keep(&at, fields->topic);
    message->payload = keep(&at, fields->payload);
    message->response_topic = keep(&at, fields->response_topic);
    message->correlation = keep(&at, fields->correlation);
    message->priority = keep(&at, fields->priority);
    message->id = keep(&at, fields->id);
    return message;
}

struct sim_message *sim_message_ref(struct sim_message *message)
{
    if (message != NULL) message->references++;
    return message;
}

void sim_message_unref(struct sim_message *message)
{
    if (message != NULL && --message->references == 0) free(message);
}
