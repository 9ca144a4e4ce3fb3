/* track_laws.h - the laws of tracks (common/data/track.h) on states that replicas can really reach.
 *
 * A run makes replicas observe, remove, raise the horizon, and receive any state that any of them
 * was ever in: so messages come late, twice and in any order. Each new state is held against all
 * that were reached before it. What is on trial is a set of rules, so that the laws themselves can
 * be tried on rules that are known to be wrong. */
#ifndef HOLDFAST_TESTS_SUPPORT_TRACK_LAWS_H
#define HOLDFAST_TESTS_SUPPORT_TRACK_LAWS_H

#include "tests/support/track_spec.h"

struct track_rules {
    unsigned (*join)(struct track *into, const struct track *from, uint64_t horizon);
    /* What of a state travels; NULL: all of it. */
    void (*send)(const struct track *state, struct track *message);
};

/* track_join, and whole tracks. */
extern const struct track_rules track_rules_real;

enum track_law {
    LAW_IDEMPOTENT,  /* a ∨ a = a, and (a ∨ b) ∨ b = a ∨ b */
    LAW_COMMUTATIVE, /* a ∨ b = b ∨ a */
    LAW_ASSOCIATIVE, /* (a ∨ b) ∨ c = (a ∨ c) ∨ b = (b ∨ c) ∨ a */
    LAW_INFLATION,   /* whatever a replica does: before ∨ after = after */
    LAW_ORACLE,      /* every state and every joined pair is what the history says */
    LAW_HORIZON,     /* horizon(a ∨ b, h) = horizon(a, h) ∨ b */
    LAW_FLAGS,       /* a join says CHANGED and AHEAD exactly when the bytes say so */
    LAW_CODEC,       /* decode(encode(a)) = a, valid, and equal states have equal bytes */
    LAW_VIEW,        /* the view shows the greatest atom; no more siblings than writers */
    LAW_GOSSIP,      /* when all have heard all, all have equal bytes */
    LAW_COUNT
};

struct law_report {
    uint64_t executions, states, pairs, triples;
    /* States that had a floor, all sensors, a horizon, siblings: was it tried at all? */
    uint64_t floors, full_sensors, horizons, siblings;
    uint64_t broken[LAW_COUNT];
    char first[160]; /* what was broken first, for a person */
};

uint64_t law_report_broken(const struct law_report *report); /* over all laws */
void law_report_print(const struct law_report *report, const char *name);

/* Every sequence of `depth` steps of this many nodes. */
void track_laws_exhaust(const struct track_rules *rules, unsigned node_count, unsigned depth,
                        struct law_report *out);

struct track_laws_random {
    uint64_t seed;
    unsigned executions;
    unsigned nodes_min, nodes_max;
    unsigned steps_min, steps_max;
    unsigned sensors;
    unsigned samples;    /* pairs and triples looked at in each execution */
    unsigned skew;       /* how far apart the nodes' first stamps are */
    unsigned horizons;   /* of 1,000 steps */
    bool begins_in_line; /* first each node observes twice, by two sensors of its own, and
                          * then hears the one before it */
};
void track_laws_random(const struct track_rules *rules, const struct track_laws_random *plan,
                       struct law_report *out);

#endif
