/* sim_message.h - an MQTT message in the simulator, shared by everybody who holds it.
 *
 * Immutable after sim_message_new and counted: the broker's queues, packets under way and inboxes
 * of nodes each hold one reference. */
#ifndef HOLDFAST_TESTS_SIM_SIM_MESSAGE_H
#define HOLDFAST_TESTS_SIM_SIM_MESSAGE_H

#include "common/base/bytes.h"

struct sim_message {
    unsigned references;
    bool retain;
    bool no_local;      /* SUBSCRIBE packets only */
    uint32_t origin;    /* the broker's number of the client that published it */
    struct bytes topic; /* SUBSCRIBE packets: the filter */
    struct bytes payload;
    struct bytes response_topic, correlation, priority, id;
};

/* A copy of *fields, with one reference that the caller owns. Never NULL: the simulator has no way
 * on without memory. */
struct sim_message *sim_message_new(const struct sim_message *fields);
struct sim_message *sim_message_ref(struct sim_message *message); /* accepts NULL */
void sim_message_unref(struct sim_message *message);              /* accepts NULL */

/* Memory or the end of the process. */
void *sim_allocate(size_t size);
/* Grows an array to at least count + 1 items; returns the array and raises *capacity. */
void *sim_grow(void *array, size_t count, size_t *capacity, size_t item_size);

#endif
