/* frame_words.h - one line for people on what a frame says, for hunting a fault in a trace. */
#ifndef HOLDFAST_TESTS_SIM_FRAME_WORDS_H
#define HOLDFAST_TESTS_SIM_FRAME_WORDS_H

#include "common/base/bytes.h"

/* Opens its own decoders each time: only for shown traces. */
void frame_words(struct bytes topic, struct bytes payload, struct buf *out);

#endif
