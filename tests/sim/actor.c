/* actor.c - who observes tracks and writes config: a program on each edge's hardware, and an
 * operator at the cloud. */
#include "tests/sim/actor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/oracle_state.h"
#include "tests/sim/world.h"

enum {
    ITEMS_MAX = 3,
    NUMBER_E7 = 1000,     /* a number's latitude */
    EVERYWHERE_E7 = 1000, /* a degree of longitude an edge would leave the bounds at once */
    REQUEST_SIZE = 16 * 1024,
};

/* ---- what is said ------------------------------------------------------------------------- */

struct level_name actor_track(unsigned track)
{
    struct level_name name = {0};
    snprintf(name.text, sizeof(name.text), "t-%u", track);
    return name;
}

void sighting_write(const struct sighting *sighting, const struct sim_node *node, struct buf *out)
{
    const unsigned latitude_e7 = sighting->number * NUMBER_E7;
    buf_put_format(out, "{\"sensor\":\"s-%u-%u\"", node->index, sighting->sensor);
    if (sighting->has_position) {
        buf_put_format(out,
                       ",\"position\":{\"lat\":%u.%07u,\"lon\":0.%07u},"
                       "\"position_confidence\":0.%04u",
                       latitude_e7 / 10000000, latitude_e7 % 10000000, node->index * EVERYWHERE_E7,
                       sighting->position_confidence);
    }
    if (sighting->has_classification) {
        buf_put_format(out, ",\"classification\":\"c-%u\",\"classification_confidence\":0.%04u",
                       sighting->number, sighting->classification_confidence);
    }
    buf_put_text(out, "}");
    INVARIANT(buf_ok(out));
}

unsigned position_number(const struct track_position *position)
{
    const int32_t latitude = position->latitude_e7;
    return latitude > 0 && latitude % NUMBER_E7 == 0 ? (unsigned)latitude / NUMBER_E7 : 0;
}

/* The digits behind a prefix of two characters. */
static unsigned number_behind(struct bytes text, const char *prefix)
{
    char digits[16];
    if (text.size < 3 || text.size - 2 >= sizeof(digits) || memcmp(text.data, prefix, 2) != 0)
        return 0;
    memcpy(digits, text.data + 2, text.size - 2);
    digits[text.size - 2] = '\0';
    return (unsigned)strtoul(digits, NULL, 10);
}

unsigned classification_number(const struct track_label *label)
{
    return number_behind(track_label_text(label), "c-");
}

unsigned value_number(const struct config_value *value)
{
    if (value->type == CONFIG_INT) return value->integer > 0 ? (unsigned)value->integer : 0;
    return value->type == CONFIG_STRING ? number_behind(value->content, "w-") : 0;
}

/* ---- how it is said ----------------------------------------------------------------------- */

static enum status ask_verb(struct sim_node *node, const char *verb,
                            const struct verb_argument *arguments, size_t count)
{
    return world_verb(node->world, node, verb, arguments, count);
}

static struct verb_argument argument(const char *name, const char *value)
{
    return (struct verb_argument){bytes_of_text(name), bytes_of_text(value)};
}

/* Several observations in one request; what the node answers of each is the oracle's to know. */
static enum status observe_by_control(struct sim_node *node, const struct sighting *sightings,
                                      size_t count)
{
    struct world *world = node->world;
    uint8_t memory[REQUEST_SIZE];
    struct buf out = buf_of(memory, sizeof(memory));
    observe_request_begin(&out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        char json[512];
        struct buf text = buf_of(json, sizeof(json));
        const struct level_name track = actor_track(sightings[i].track);
        sighting_write(&sightings[i], node, &text);
        observe_request_item(&out, &(struct observe_item){.track = bytes_of_text(track.text),
                                                          .observation = buf_bytes(&text)});
        oracle_observed(world->oracle, node, &sightings[i]);
    }
    INVARIANT(buf_ok(&out));
    const enum status status = world_ask(world, node, buf_bytes(&out));
    for (size_t i = 0; status == ST_OK && i < count; i++) {
        oracle_observe_receipt(world->oracle, sightings[i].number, world_receipt(world, i));
    }
    return status;
}

static void observe_by_broker(struct sim_node *node, const struct sighting *sighting)
{
    struct world *world = node->world;
    const unsigned each = world->options.faults.publishers_per_edge;
    struct sim_endpoint *endpoint = world->publishers[(node->index - 1) * each].endpoint;
    char json[512], topic[TOPIC_SIZE_MAX];
    struct buf text = buf_of(json, sizeof(json));
    const struct level_name track = actor_track(sighting->track);
    if (endpoint == NULL || endpoint->state != ENDPOINT_UP) return;
    snprintf(topic, sizeof(topic), "local/track/%s", track.text);
    sighting_write(sighting, node, &text);
    oracle_observed(world->oracle, node, sighting);
    const struct sim_message fields = {.topic = bytes_of_text(topic), .payload = buf_bytes(&text)};
    endpoint_publish(endpoint, sim_message_new(&fields), 0);
}

static struct sighting draw_sighting(struct world *world)
{
    struct rng *rng = &world->rng;
    struct sighting sighting = {.number = world->next_number++};
    const unsigned fields = 1 + (unsigned)rng_below(rng, 3);
    sighting.has_position = (fields & 1) != 0;
    sighting.has_classification = (fields & 2) != 0;
    sighting.track = (unsigned)rng_below(rng, world->options.faults.track_count);
    sighting.position_confidence = (unsigned)rng_below(rng, 10000);
    sighting.classification_confidence = (unsigned)rng_below(rng, 10000);
    sighting.sensor = (unsigned)rng_below(rng, 3);
    return sighting;
}

static void observe(struct sim_node *node)
{
    struct world *world = node->world;
    struct sighting sightings[ITEMS_MAX];
    const size_t count = 1 + rng_below(&world->rng, ITEMS_MAX);
    for (size_t i = 0; i < count; i++)
        sightings[i] = draw_sighting(world);
    if (rng_chance(&world->rng, 400)) {
        observe_by_broker(node, &sightings[0]);
    } else {
        (void)observe_by_control(node, sightings, count);
    }
}

bool actor_observe(struct sim_node *node, unsigned track)
{
    struct sighting sighting = draw_sighting(node->world);
    sighting.track = track;
    return observe_by_control(node, &sighting, 1) == ST_OK &&
           world_receipt(node->world, 0) == ST_OK;
}

static void observe_badly(struct sim_node *node)
{
    static const char *const bad[] = {
        "{\"position\":{\"lat\":90.1,\"lon\":0},\"sensor\":\"s\"}",
        "{\"position\":{\"lat\":1e999,\"lon\":0}}",
        "{\"velocity\":{\"north\":1,\"east\":1},\"sensor\":\"s\"}",
        "{\"classification\":\"\"}",
        "{\"classification\":\"x\",\"classification_confidence\":1.01}",
        "{}",
        "[1,2",
        "{\"sensor\":\"s\",\"colour\":\"red\"}",
    };
    struct world *world = node->world;
    uint8_t memory[1024];
    struct buf out = buf_of(memory, sizeof(memory));
    const struct level_name track = actor_track(0);
    observe_request_begin(&out, 1);
    const char *text = bad[rng_below(&world->rng, COUNT_OF(bad))];
    observe_request_item(&out, &(struct observe_item){.track = bytes_of_text(track.text),
                                                      .observation = bytes_of_text(text)});
    if (world_ask(world, node, buf_bytes(&out)) != ST_OK) return;
    if (world_receipt(world, 0) == ST_OK) {
        world_fail(world, "bad input is refused", "%s took %s", node->label, text);
    }
}

static void remove_track(struct sim_node *node)
{
    struct world *world = node->world;
    const unsigned track = (unsigned)rng_below(&world->rng, world->options.faults.track_count);
    const struct level_name name = actor_track(track);
    const struct verb_argument arguments[] = {argument("name", name.text)};
    oracle_removes(world->oracle, node, track);
    (void)ask_verb(node, "track-remove", arguments, 1);
}

/* ---- config ------------------------------------------------------------------------------- */

/* Keys without a rule may be written by a node in its own scope. */
static const struct {
    const char *name, *writer, *type;
} keys[ACTOR_KEYS] = {
    {"any-0", "any", ""},      {"any-1", "any", ""},    {"own-0", NULL, NULL},
    {"locked", "cloud", NULL}, {"typed", "any", "int"}, {"own-1", NULL, NULL},
};

static bool is_locked(const char *key)
{
    return strcmp(key, "locked") == 0;
}

/* scope NULL: an edge's own, the fleet at the cloud. A number goes where a text is not allowed. */
static bool write_config(struct sim_node *node, const char *key, const char *scope, bool number,
                         bool unset)
{
    struct world *world = node->world;
    struct config_deed deed = {.node = node, .number = world->next_number++, .deleted = unset};
    char value[32], own[CONFIG_SCOPE_TEXT_SIZE];
    struct verb_argument arguments[4];
    size_t count = 0;
    snprintf(own, sizeof(own), node->is_cloud ? "fleet" : "node/%s", node->name.text);
    snprintf(value, sizeof(value), number ? "%u" : "w-%u", deed.number);
    if (scope == NULL) scope = own;
    INVARIANT(config_scope_from(bytes_of_text(scope), &deed.key.scope) == ST_OK);
    snprintf(deed.key.name.text, sizeof(deed.key.name.text), "%s", key);
    deed.refused = (is_locked(key) && !node->is_cloud) ||
                   (strcmp(key, "typed") == 0 && !number && !unset && !node->is_cloud);
    deed.doubtful = deed.key.scope.kind == CONFIG_SCOPE_GROUP && !node->is_cloud;
    arguments[count++] = argument("key", key);
    arguments[count++] = argument("scope", scope);
    if (!unset) arguments[count++] = argument("value", value);
    if (!unset) arguments[count++] = argument("type", number ? "int" : "string");
    oracle_writes(world->oracle, &deed);
    const enum status status =
        ask_verb(node, unset ? "config-unset" : "config-set", arguments, count);
    oracle_wrote(world->oracle, deed.number, status);
    return status == ST_OK;
}

bool actor_write(struct sim_node *node, const char *key, const char *scope)
{
    return write_config(node, key, scope, false, false);
}

static void draw_scope(struct world *world, const struct sim_node *node, const char *key,
                       char out[CONFIG_SCOPE_TEXT_SIZE])
{
    const unsigned draw = (unsigned)rng_below(&world->rng, 10);
    const struct sim_node *at = node;
    if (node->is_cloud) at = &world->edges[rng_below(&world->rng, world->edge_count)];
    const bool any = node->is_cloud || strncmp(key, "own-", 4) != 0;
    if (any && draw < 6) {
        snprintf(out, CONFIG_SCOPE_TEXT_SIZE, "fleet");
    } else if (any && draw < 8) {
        snprintf(out, CONFIG_SCOPE_TEXT_SIZE, "group/g-%u", draw % 2);
    } else {
        snprintf(out, CONFIG_SCOPE_TEXT_SIZE, "node/%s", at->name.text);
    }
}

static void configure(struct sim_node *node)
{
    struct world *world = node->world;
    const char *key = keys[rng_below(&world->rng, ACTOR_KEYS)].name;
    char scope[CONFIG_SCOPE_TEXT_SIZE];
    draw_scope(world, node, key, scope);
    const bool number =
        strcmp(key, "typed") == 0 && (node->is_cloud || rng_chance(&world->rng, 600));
    const bool unset = rng_chance(&world->rng, 120);
    (void)write_config(node, key, scope, number, unset);
}

/* ---- the operator ------------------------------------------------------------------------- */

static void regroup(struct world *world)
{
    const struct sim_node *edge = &world->edges[rng_below(&world->rng, world->edge_count)];
    static const char *const groups[] = {"", "g-0", "g-1", "g-0,g-1"};
    const char *group = groups[rng_below(&world->rng, COUNT_OF(groups))];
    const struct verb_argument arguments[] = {argument("node", edge->name.text),
                                              argument("group", group)};
    world_say(world, "operator", "groups of %s: \"%s\"", edge->name.text, group);
    (void)ask_verb(&world->cloud, "node-set", arguments, 2);
}

static void raise_epoch(struct world *world)
{
    const char *key = keys[rng_below(&world->rng, ACTOR_KEYS)].name;
    const struct verb_argument arguments[] = {argument("key", key), argument("scope", "fleet")};
    world_say(world, "operator", "raises the epoch of %s", key);
    oracle_epoch(world->oracle, key);
    (void)ask_verb(&world->cloud, "config-raise-epoch", arguments, 2);
}

static void operate(struct world *world)
{
    const unsigned draw = (unsigned)rng_below(&world->rng, 100);
    if (draw < 70) {
        configure(&world->cloud);
    } else if (draw < 90 || !world->options.faults.epochs) {
        regroup(world);
    } else {
        raise_epoch(world);
    }
}

void actor_rules(struct world *world)
{
    for (size_t i = 0; i < ACTOR_KEYS; i++) {
        struct verb_argument arguments[3] = {argument("key", keys[i].name)};
        size_t count = 1;
        if (keys[i].writer == NULL) continue;
        arguments[count++] = argument("writer", keys[i].writer);
        if (keys[i].type != NULL && *keys[i].type != '\0') {
            arguments[count++] = argument("type", keys[i].type);
        }
        const enum status status = ask_verb(&world->cloud, "config-rule", arguments, count);
        if (status != ST_OK) {
            world_fail(world, "the operator is obeyed", "config-rule %s: %s", keys[i].name,
                       status_name(status));
        }
    }
}

/* ---- life --------------------------------------------------------------------------------- */

void actor_open(struct world *world, struct sim_actor *actor, struct sim_node *node, unsigned acts)
{
    *actor = (struct sim_actor){.world = world, .node = node, .left = acts};
    if (acts > 0 && node->is_cloud) actor_rules(world);
    /* All are spread evenly over the phase: drawn at once, they need not know how much is left. */
    const uint64_t phase_ns = world->options.faults.fault_phase_ms * SIM_MS;
    for (unsigned i = 0; i < acts; i++) {
        world_plan(world, world->now_ns + rng_below(&world->rng, phase_ns + 1),
                   &(struct world_event){.kind = HAPPEN_ACTION, .subject = actor});
    }
}

void actor_act(struct sim_actor *actor)
{
    struct world *world = actor->world;
    if (world->healed || !actor->node->up) return;
    actor->left--;
    if (actor->node->is_cloud) {
        operate(world);
        return;
    }
    const unsigned draw = (unsigned)rng_below(&world->rng, 100);
    if (draw < 62) {
        observe(actor->node);
    } else if (draw < 66) {
        remove_track(actor->node);
    } else if (draw < 70) {
        observe_badly(actor->node);
    } else {
        configure(actor->node);
    }
}
