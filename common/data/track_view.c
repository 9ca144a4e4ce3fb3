/* track_view.c - the winning atom of each field. */
#include "common/data/track_view.h"

/* Slots ascend by writer, so on a tie the later one is the greater writer. */
static bool wins(uint16_t confidence, uint64_t hlc, uint16_t best_confidence, uint64_t best_hlc)
{
    if (confidence != best_confidence) return confidence > best_confidence;
    return hlc >= best_hlc;
}

struct track_view track_view_of(const struct track *track)
{
    struct track_view view = {0};
    for (unsigned i = 0; i < track->slot_count; i++) {
        const struct track_slot *const slot = &track->slots[i];
        const struct track_position_atom *const position = &slot->position;
        const struct track_class_atom *const class = &slot->classification;
        if (slot->hlc > view.last_seen) view.last_seen = slot->hlc;
        if (position->hlc != 0) {
            view.position_count++;
            if (view.position == NULL ||
                wins(position->confidence, position->hlc, view.position->position.confidence,
                     view.position->position.hlc))
                view.position = slot;
        }
        if (class->hlc != 0) {
            view.classification_count++;
            if (view.classification == NULL ||
                wins(class->confidence, class->hlc, view.classification->classification.confidence,
                     view.classification->classification.hlc))
                view.classification = slot;
        }
    }
    view.present = view.position != NULL || view.classification != NULL;
    return view;
}

void track_observation_carry_on(const struct track *track, uint64_t before,
                                struct track_observation *observation)
{
    const struct track_view view = track_view_of(track);
    if (!observation->has_position && view.position != NULL &&
        view.position->position.hlc < before) {
        observation->has_position = true;
        observation->position = view.position->position.value;
        observation->position_confidence = view.position->position.confidence;
    }
    if (!observation->has_classification && view.classification != NULL &&
        view.classification->classification.hlc < before) {
        observation->has_classification = true;
        observation->classification = view.classification->classification.value;
        observation->classification_confidence = view.classification->classification.confidence;
    }
}
