/* frame_words.h - one line for people on what a frame says, for hunting a fault in a trace. */
#ifndef HOLDFAST_TESTS_SIM_FRAME_WORDS_H
#define HOLDFAST_TESTS_SIM_FRAME_WORDS_H

#include "common/base/bytes.h"
#include "common/wire/envelope.h"

/* Opens its own decoders each time: only for shown traces. */
void frame_words(struct bytes topic, struct bytes payload, struct buf *out);

/* The part of frame_words for tracks, config, and what keeps them alike; the number of any other
 * kind. Errors: those of the decoders. */
MUST_USE enum status frame_words_replica(struct unpacker *unpacker, enum frame_kind kind,
                                         struct bytes body, struct buf *out);

#endif
