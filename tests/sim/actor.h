/* actor.h - who observes tracks and writes config: a program on each edge's hardware, and an
 * operator at the cloud.
 *
 * Every observation and every write carries a number of its own, in its values, so that it is
 * recognised wherever it turns up, under whatever stamp. All edges observe the same few tracks and
 * write the same few keys. Some of what they hand in is bad, and must be refused. */
#ifndef HOLDFAST_TESTS_SIM_ACTOR_H
#define HOLDFAST_TESTS_SIM_ACTOR_H

#include "common/data/config.h"
#include "common/data/track.h"
#include "common/wire/control_msg.h"

struct world;
struct sim_node;

enum { ACTOR_KEYS = 6, ACTOR_TRACKS_MAX = 16 };

struct sim_actor {
    struct world *world;
    struct sim_node *node; /* an edge, or the cloud: then it is the operator */
    unsigned left;         /* acts still to come before the healing */
};

/* What one observation says of a track, besides its number. */
struct sighting {
    unsigned number, track;
    bool has_position, has_classification;
    unsigned position_confidence, classification_confidence; /* in 1/10000 */
    unsigned sensor;
};

/* "t-3". */
struct level_name actor_track(unsigned track);
/* The JSON that a sensor sends. */
void sighting_write(const struct sighting *sighting, const struct sim_node *node, struct buf *out);
/* The number that a field of a state carries; 0: none of ours. */
unsigned position_number(const struct track_position *position);
unsigned classification_number(const struct track_label *label);
/* The number that a register's value carries; 0: none of ours. */
unsigned value_number(const struct config_value *value);

/* Plans the actor's acts over the fault phase. */
void actor_open(struct world *world, struct sim_actor *actor, struct sim_node *node, unsigned acts);
void actor_act(struct sim_actor *actor);
/* Who may write which key. */
void actor_rules(struct world *world);
/* Honest and simple, for the time after the healing and for stories: what this node says now must
 * stand in the end. False: the node did not take it. */
bool actor_observe(struct sim_node *node, unsigned track);
bool actor_write(struct sim_node *node, const char *key, const char *scope);

#endif
