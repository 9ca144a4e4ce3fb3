/* track_spec.h - what a track must be, told from the history of what happened instead of from its
 * states: the oracle of the laws.
 *
 * A history is a list of events, each an observation or a removal by a node, with the set of events
 * that node knew of. Of a set of known events and a horizon the state follows: an observation's
 * field stands unless a known event that wrote or removed the same field knew of it. */
#ifndef HOLDFAST_TESTS_SUPPORT_TRACK_SPEC_H
#define HOLDFAST_TESTS_SUPPORT_TRACK_SPEC_H

#include "common/data/track.h"
#include "common/data/track_view.h"

enum { SPEC_EVENTS_MAX = 256, SPEC_NODES_MAX = 99, SPEC_SENSORS_MAX = 999 };

struct event_set {
    uint64_t words[SPEC_EVENTS_MAX / 64];
};

static inline bool event_set_has(const struct event_set *set, unsigned event)
{
    return (set->words[event / 64] >> event % 64 & 1) != 0;
}

static inline void event_set_add(struct event_set *set, unsigned event)
{
    set->words[event / 64] |= UINT64_C(1) << event % 64;
}

static inline void event_set_join(struct event_set *into, const struct event_set *from)
{
    for (unsigned i = 0; i < COUNT_OF(into->words); i++)
        into->words[i] |= from->words[i];
}

struct spec_event {
    bool is_removal;
    unsigned node;
    uint64_t hlc; /* 0 of a removal, which is no dot */
    struct track_observation observation;
    struct event_set known; /* to the node, before this event */
};

struct spec {
    unsigned event_count;
    struct spec_event events[SPEC_EVENTS_MAX];
};

/* "n07", incarnation 0. */
struct track_writer spec_writer(unsigned node);
struct track_label spec_label(const char *prefix, unsigned number);
/* What a node's event of this number says; differs from that of every other event. fields: bit 0
 * position, bit 1 classification, bit 2 a sensor, bit 3 velocity. */
struct track_observation spec_observation(unsigned event, unsigned fields, uint16_t confidence,
                                          unsigned sensor);

/* The state of a replica that knows of these events, with this horizon. */
void spec_state(const struct spec *spec, const struct event_set *known, uint64_t horizon,
                struct track *out);
/* Does the view of that state show the greatest (confidence, hlc, writer) of each field? */
bool spec_view_ok(const struct track *state);

#endif
