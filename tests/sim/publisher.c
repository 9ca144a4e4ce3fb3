/* publisher.c - a program on the edge hardware that hands in evidence until it holds a receipt. */
#include "tests/sim/publisher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

#define REPEAT_NS (4 * SIM_S)
#define LOOK_NS (500 * SIM_MS)
#define RECONNECT_NS (2 * SIM_S)

enum { TYPE_COUNT = 3, FORGETS_MAX = 3, ID_SIZE = 32 };

static const char *const types[TYPE_COUNT] = {"alpha", "beta.log", "gamma"};

/* ---- records: functions of their place ---------------------------------------------------- */

static struct bytes record_id(const struct sim_publisher *publisher, size_t record, char *out)
{
    const int size =
        snprintf(out, ID_SIZE, "%u-%u-%zu", publisher->edge->index, publisher->index, record);
    return bytes_of(out, (size_t)size);
}

static const char *record_type(const struct sim_publisher *publisher, size_t record)
{
    return types[(publisher->index + record / 5) % TYPE_COUNT];
}

struct bytes publisher_payload(const struct sim_publisher *publisher, size_t record, uint8_t *out)
{
    struct rng rng;
    rng_seed(&rng, publisher->edge->index * 1000000u + publisher->index * 10000u + record);
    const size_t size = publisher->records[record].size;
    rng_fill(&rng, out, size);
    struct buf head = buf_of(out, size);
    buf_put_format(&head, "record %u %u %zu\n", publisher->edge->index, publisher->index, record);
    INVARIANT(buf_ok(&head));
    return bytes_of(out, size);
}

/* A number and what stands behind it; false: there is none. */
static bool take_number(struct bytes *text, char end, uint64_t *out)
{
    *out = 0;
    size_t size = 0;
    while (size < text->size && size < 10 && text->data[size] >= '0' && text->data[size] <= '9') {
        *out = *out * 10 + (uint64_t)(text->data[size++] - '0');
    }
    if (size == 0 || size >= text->size || text->data[size] != (uint8_t)end) return false;
    *text = bytes_from(*text, size + 1);
    return true;
}

bool publisher_find(struct world *world, struct bytes payload, struct sim_publisher **publisher,
                    size_t *record)
{
    static const char word[] = "record ";
    uint64_t edge, index, number;
    if (payload.size < sizeof(word) || memcmp(payload.data, word, sizeof(word) - 1) != 0)
        return false;
    struct bytes text = bytes_from(payload, sizeof(word) - 1);
    if (!take_number(&text, ' ', &edge) || !take_number(&text, ' ', &index) ||
        !take_number(&text, '\n', &number))
        return false;
    for (unsigned i = 0; i < world->publisher_count; i++) {
        struct sim_publisher *candidate = &world->publishers[i];
        if (candidate->edge->index != edge || candidate->index != index) continue;
        *publisher = candidate;
        *record = (size_t)number;
        return *record < candidate->record_count;
    }
    return false;
}

static void plan_records(struct sim_publisher *publisher)
{
    struct world *world = publisher->world;
    struct rng *rng = &world->rng;
    const struct fault_model *faults = &world->options.faults;
    for (size_t i = 0; i < publisher->record_count; i++) {
        struct sim_record *record = &publisher->records[i];
        record->size = 40 + rng_below(rng, 300);
        if (rng_chance(rng, 30)) record->size = 1000 + rng_below(rng, 6000);
        if (publisher->by_control && rng_chance(rng, faults->large_per_mille)) {
            record->size = INLINE_PAYLOAD_SIZE_MAX + 1 + rng_below(rng, 100 * 1024);
        }
        record->priority = (unsigned)rng_below(rng, PRIORITY_COUNT);
        record->not_before_ns =
            world->now_ns + rng_below(rng, faults->fault_phase_ms * SIM_MS * 9 / 10 + 1);
    }
}

static int by_time(const void *a, const void *b)
{
    const struct sim_record *left = a, *right = b;
    return (left->not_before_ns > right->not_before_ns) -
           (left->not_before_ns < right->not_before_ns);
}

/* ---- life --------------------------------------------------------------------------------- */

static void look_again(struct sim_publisher *publisher, uint64_t at_ns)
{
    world_plan(publisher->world, at_ns,
               &(struct world_event){
                   .kind = HAPPEN_PUBLISHER, .generation = publisher->life, .subject = publisher});
}

void publisher_open(struct world *world, struct sim_publisher *publisher, struct sim_node *edge,
                    unsigned index)
{
    const struct sim_net_settings loopback = {.delay_ns = SIM_MS / 10,
                                              .jitter_ns = SIM_MS / 10,
                                              .patience_ns = 5 * SIM_S,
                                              .keepalive_ns = 15 * SIM_S};
    publisher->world = world;
    publisher->edge = edge;
    publisher->index = index;
    snprintf(publisher->label, sizeof(publisher->label), "pub-%u-%u", edge->index, index);
    publisher->by_control = index % 2 == 1;
    publisher->record_count = world->options.faults.records_per_publisher;
    publisher->records = sim_allocate(publisher->record_count * sizeof(*publisher->records));
    plan_records(publisher);
    qsort(publisher->records, publisher->record_count, sizeof(*publisher->records), by_time);
    if (!publisher->by_control) {
        publisher->endpoint = sim_allocate(sizeof(*publisher->endpoint));
        endpoint_open(publisher->endpoint, &world->local[edge - world->edges], 1 + index,
                      &loopback);
        publisher->endpoint->publisher = publisher;
    }
    look_again(publisher, world->now_ns + rng_below(&world->rng, SIM_S));
}

void publisher_close(struct sim_publisher *publisher)
{
    free(publisher->records);
    free(publisher->endpoint);
}

/* A crash loses what the publisher remembers of its newest receipts: it will ask again. */
void publisher_crash(struct sim_publisher *publisher)
{
    struct world *world = publisher->world;
    world_say(world, publisher->label, "crashes");
    unsigned forgets = (unsigned)rng_below(&world->rng, FORGETS_MAX + 1);
    for (size_t i = publisher->record_count; i-- > 0;) {
        struct sim_record *record = &publisher->records[i];
        record->under_way = false;
        if (!record->has_receipt || forgets == 0) continue;
        record->has_receipt = false;
        forgets--;
    }
    publisher->done = false;
    publisher->life++;
    if (publisher->by_control) {
        if (publisher->client != 0) {
            node_receive(publisher->edge, &(struct inbox_item){.kind = EVENT_CLIENT_GONE,
                                                               .client = publisher->client});
        }
        publisher_edge_gone(publisher);
    } else {
        endpoint_abandon(publisher->endpoint, false);
        publisher->subscribed = false;
    }
    look_again(publisher, world->now_ns + RECONNECT_NS);
}

void publisher_edge_gone(struct sim_publisher *publisher)
{
    publisher->client = 0;
    publisher->busy = false;
    publisher->staged_bytes = 0;
}

/* ---- receipts ----------------------------------------------------------------------------- */

static void take_receipt(struct sim_publisher *publisher, size_t record,
                         const struct receipt *receipt)
{
    struct world *world = publisher->world;
    struct sim_record *mine = &publisher->records[record];
    mine->under_way = false;
    if (receipt->status != ST_OK && receipt->status != ST_DUPLICATE) {
        if (receipt->status != ST_FULL) {
            world_fail(world, "honest evidence is accepted", "%s record %zu: %s", publisher->label,
                       record, status_name(receipt->status));
        }
        mine->repeat_ns = world->now_ns + REPEAT_NS;
        return;
    }
    mine->has_receipt = true;
    world->counts.receipts++;
    if (receipt->duplicate) world->counts.duplicate_receipts++;
    oracle_receipt(world->oracle, publisher, record, receipt);
}

/* ---- by the local broker ------------------------------------------------------------------ */

static void send_by_broker(struct sim_publisher *publisher, size_t record)
{
    static const char *const digits[PRIORITY_COUNT] = {"0", "1", "2", "3", "4", "5"};
    char id[ID_SIZE], topic[TOPIC_SIZE_MAX], response[TOPIC_SIZE_MAX];
    uint8_t *payload = sim_allocate(RECORD_PAYLOAD_MAX);
    snprintf(topic, sizeof(topic), "local/evidence/%s", record_type(publisher, record));
    snprintf(response, sizeof(response), "receipts/%s", publisher->label);
    const struct sim_message fields = {
        .topic = bytes_of_text(topic),
        .payload = publisher_payload(publisher, record, payload),
        .response_topic = bytes_of_text(response),
        .correlation = record_id(publisher, record, id),
        .id = record % 2 == 0 ? bytes_of_text(id) : BYTES_EMPTY,
        .priority = bytes_of_text(digits[publisher->records[record].priority]),
    };
    endpoint_publish(publisher->endpoint, sim_message_new(&fields), 0);
    free(payload);
}

void publisher_connection(struct sim_publisher *publisher, bool up)
{
    char filter[TOPIC_SIZE_MAX];
    publisher->subscribed = up;
    if (!up) {
        look_again(publisher, publisher->world->now_ns + RECONNECT_NS);
        return;
    }
    snprintf(filter, sizeof(filter), "receipts/%s", publisher->label);
    endpoint_subscribe(publisher->endpoint, bytes_of_text(filter), false);
    look_again(publisher, publisher->world->now_ns + SIM_MS);
}

void publisher_packet(struct sim_publisher *publisher, const struct packet *packet)
{
    struct receipt receipt;
    char id[ID_SIZE];
    const struct sim_message *message = packet->message;
    if (!receipt_from_json(message->payload, &receipt)) {
        world_fail(publisher->world, "a receipt can be read", "%.*s", (int)message->payload.size,
                   (const char *)message->payload.data);
        return;
    }
    for (size_t i = 0; i < publisher->record_count; i++) {
        if (!bytes_equal(record_id(publisher, i, id), message->correlation)) continue;
        take_receipt(publisher, i, &receipt);
        return;
    }
    world_fail(publisher->world, "a receipt names its message", "%s", publisher->label);
}

/* ---- by control requests ------------------------------------------------------------------ */

static void request(struct sim_publisher *publisher, const struct buf *message)
{
    INVARIANT(buf_ok(message));
    const struct sim_message fields = {.payload = buf_bytes(message)};
    if (publisher->client == 0) publisher->client = publisher->world->next_client++;
    publisher->busy = true;
    node_receive(publisher->edge, &(struct inbox_item){.kind = EVENT_REQUEST,
                                                       .client = publisher->client,
                                                       .message = sim_message_new(&fields)});
}

/* The next request for the record that is being handed in: a part, or the append. */
static void send_by_control(struct sim_publisher *publisher)
{
    char id[ID_SIZE];
    const size_t index = publisher->staging;
    const struct sim_record *record = &publisher->records[index];
    uint8_t *memory = sim_allocate(RECORD_PAYLOAD_MAX + CONTROL_MESSAGE_SIZE_MAX);
    struct buf out = buf_of(memory + RECORD_PAYLOAD_MAX, CONTROL_MESSAGE_SIZE_MAX);
    const struct bytes payload = publisher_payload(publisher, index, memory);
    const bool large = record->size > INLINE_PAYLOAD_SIZE_MAX;
    if (large && publisher->staged_bytes < record->size) {
        size_t size = record->size - publisher->staged_bytes;
        if (size > PART_SIZE) size = PART_SIZE;
        part_request_encode(&out, record->size,
                            bytes_of(payload.data + publisher->staged_bytes, size));
        publisher->staged_bytes += size;
    } else {
        const struct append_item item = {.has_id = true,
                                         .id = record_id(publisher, index, id),
                                         .staged = large,
                                         .payload = large ? BYTES_EMPTY : payload};
        append_request_begin(&out, bytes_of_text(record_type(publisher, index)), record->priority,
                             1);
        append_request_item(&out, &item);
    }
    request(publisher, &out);
    free(memory);
}

static void take_reply(struct sim_publisher *publisher, const struct control_reply *reply)
{
    struct sim_record *record = &publisher->records[publisher->staging];
    if (reply->kind == REPLY_RECEIPTS && reply->receipt_count == 1) {
        take_receipt(publisher, publisher->staging, &reply->receipts[0]);
    }
    if (reply->kind != REPLY_END) return;
    publisher->busy = false;
    if (record->has_receipt || reply->status != ST_OK) {
        publisher->staged_bytes = 0;
        record->under_way = false;
        if (!record->has_receipt) record->repeat_ns = publisher->world->now_ns + REPEAT_NS;
        look_again(publisher, publisher->world->now_ns + SIM_MS);
        return;
    }
    if (record->under_way) send_by_control(publisher);
}

void publisher_message(struct sim_publisher *publisher, uint32_t client,
                       const struct packet *packet)
{
    struct world *world = publisher->world;
    if (client != publisher->client) return;
    struct control_reply *reply = sim_allocate(sizeof(*reply));
    struct unpacker *unpacker = NULL;
    INVARIANT(unpacker_open(&unpacker) == ST_OK);
    if (control_reply_decode(unpacker, packet->message->payload, reply) == ST_OK) {
        take_reply(publisher, reply);
    } else {
        world_fail(world, "a reply can be read", "%s", publisher->label);
    }
    unpacker_close(unpacker);
    free(reply);
}

/* ---- what to do next ---------------------------------------------------------------------- */

static void act_by_control(struct sim_publisher *publisher, size_t record)
{
    if (publisher->busy || !publisher->edge->up) return;
    publisher->staging = record;
    publisher->staged_bytes = 0;
    send_by_control(publisher);
}

static void act_by_broker(struct sim_publisher *publisher, size_t record)
{
    if (publisher->endpoint->state == ENDPOINT_UP) send_by_broker(publisher, record);
}

static bool ready(const struct sim_publisher *publisher)
{
    if (!publisher->by_control) return publisher->endpoint->state == ENDPOINT_UP;
    return !publisher->busy && publisher->edge->up;
}

void publisher_act(struct sim_publisher *publisher, uint32_t life)
{
    struct world *world = publisher->world;
    if (life != publisher->life || publisher->done) return;
    if (!publisher->by_control && publisher->endpoint->state == ENDPOINT_IDLE) {
        endpoint_connect(publisher->endpoint, NULL);
    }
    unsigned room = publisher->by_control ? 1 : PUBLISHER_WINDOW;
    size_t left = 0;
    uint64_t next_ns = UINT64_MAX;
    for (size_t i = 0; i < publisher->record_count; i++) {
        struct sim_record *record = &publisher->records[i];
        if (record->has_receipt) continue;
        left++;
        uint64_t due_ns = record->not_before_ns;
        if (record->repeat_ns > due_ns) due_ns = record->repeat_ns;
        if (due_ns > world->now_ns || room == 0 || !ready(publisher)) {
            if (due_ns < next_ns) next_ns = due_ns;
            continue;
        }
        room--;
        record->under_way = true;
        record->repeat_ns = world->now_ns + REPEAT_NS;
        if (publisher->by_control) {
            act_by_control(publisher, i);
        } else {
            act_by_broker(publisher, i);
        }
    }
    publisher->done = left == 0;
    if (left == 0) return;
    if (next_ns < world->now_ns + LOOK_NS) next_ns = world->now_ns + LOOK_NS;
    if (next_ns > world->now_ns + REPEAT_NS) next_ns = world->now_ns + REPEAT_NS;
    publisher->life++;
    look_again(publisher, next_ns);
}
