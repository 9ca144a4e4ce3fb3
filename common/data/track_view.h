/* track_view.h - what a track looks like to people: of each field the one value that counts.
 *
 * A writer replaces all it has seen, so newer wins; among observations made without knowledge of
 * each other the more confident one wins, then the greater stamp, then the greater writer. The view
 * is derived and never replicated. Whether a track is old enough to be left out (the view's time to
 * live) is a local choice of the caller, by last_seen. */
#ifndef HOLDFAST_COMMON_DATA_TRACK_VIEW_H
#define HOLDFAST_COMMON_DATA_TRACK_VIEW_H

#include "common/data/track.h"

struct track_view {
    bool present; /* some atom lives; else the track was removed or has expired */
    /* The slots that hold the winning atoms, within the track; NULL: no atom of that field. */
    const struct track_slot *position;
    const struct track_slot *classification;
    unsigned position_count; /* atoms of that field that live, the winner included */
    unsigned classification_count;
    uint64_t last_seen; /* greatest stamp of a writer or sensor, 0: none */
};

/* The sensors of the view are those of the track. */
struct track_view track_view_of(const struct track *track);

/* Lets an observation that is about to be made also carry on, with the same value and confidence,
 * each field that it does not write and whose winning atom is older than `before`: a track that
 * goes on being observed does not lose its classification to the horizon. */
void track_observation_carry_on(const struct track *track, uint64_t before,
                                struct track_observation *observation);

#endif
