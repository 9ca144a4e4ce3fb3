/* publisher.h - a program on the edge hardware that hands in evidence until it holds a receipt.
 *
 * Each record has an id and a payload that both follow from (publisher, number), so a repeat is
 * byte for byte the same, also after the publisher itself crashed and forgot which receipts it had.
 * Half of the publishers speak MQTT to the edge's local broker, half control requests. */
#ifndef HOLDFAST_TESTS_SIM_PUBLISHER_H
#define HOLDFAST_TESTS_SIM_PUBLISHER_H

#include "common/port/event.h"
#include "common/wire/control_msg.h"
#include "tests/sim/sim_broker.h"

struct world;
struct sim_node;
struct sim_endpoint;

enum { PUBLISHER_WINDOW = 4, RECORD_PAYLOAD_MAX = 200 * 1024 };

struct sim_record {
    bool has_receipt;   /* as the publisher remembers; a crash forgets the newest */
    bool under_way;     /* sent in this life, no receipt yet */
    uint64_t repeat_ns; /* when it is sent again */
    size_t size;
    unsigned priority;
    uint64_t not_before_ns;
};

struct sim_publisher {
    struct world *world;
    struct sim_node *edge;
    unsigned index;
    char label[24]; /* "edge-1/pub-2" */
    bool by_control;
    struct sim_endpoint *endpoint; /* by the local broker */
    bool subscribed;
    uint32_t client; /* of the control connection; 0: none */
    size_t record_count;
    struct sim_record *records;
    size_t staging; /* control: the record that is being sent */
    bool busy;      /* control: a request is not answered yet */
    size_t staged_bytes;
    uint32_t life;
    bool done;
};

void publisher_open(struct world *world, struct sim_publisher *publisher, struct sim_node *edge,
                    unsigned index);
void publisher_close(struct sim_publisher *publisher);
/* Time to look what is to be sent. */
void publisher_act(struct sim_publisher *publisher, uint32_t life);
/* A message for its response topic, or a change of its connection. */
void publisher_packet(struct sim_publisher *publisher, const struct packet *packet);
void publisher_connection(struct sim_publisher *publisher, bool up);
/* The edge's process ended: the control connection is gone. */
void publisher_edge_gone(struct sim_publisher *publisher);
void publisher_crash(struct sim_publisher *publisher);

/* A reply to its control request. */
void publisher_message(struct sim_publisher *publisher, uint32_t client,
                       const struct packet *packet);

/* The record's payload, a function of its place alone; out holds RECORD_PAYLOAD_MAX. */
struct bytes publisher_payload(const struct sim_publisher *publisher, size_t record, uint8_t *out);
/* Finds the record that a payload says it is; false: no publisher wrote it. */
bool publisher_find(struct world *world, struct bytes payload, struct sim_publisher **publisher,
                    size_t *record);

/* receipt.c: what the response topic said. False: not a receipt. */
bool receipt_from_json(struct bytes text, struct receipt *out);

#endif
