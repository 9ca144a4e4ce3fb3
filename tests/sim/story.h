/* story.h - a scripted world for the scenario tests: calm but for what the test itself does, with
 * its trace kept and compared with a golden text in tests/vectors.
 *
 * The trace shows what an operator would have read in the logs of all machines. Regenerate the
 * golden texts with HOLDFAST_ACCEPT_VECTORS=1 and read the diff. */
#ifndef HOLDFAST_TESTS_SIM_STORY_H
#define HOLDFAST_TESTS_SIM_STORY_H

#include "tests/sim/world.h"

/* A calm world of this many edges, each with publishers that hand in records over length_ms. */
struct world_options story_options(unsigned edges, unsigned records, uint64_t length_ms);
/* Fails the test when the world does not come up. */
struct world *story_begin(const struct world_options *options);
/* The same, in which tracks are observed and config is written, by the test; all may write the keys
 * any-0 and any-1. */
struct world *story_begin_with_data(struct world_options *options, unsigned track_count);
/* The number of the value that stands retained on an edge's local broker; 0: none. */
unsigned story_value(const struct world *world, unsigned edge, const char *key);
void story_pass_ms(struct world *world, uint64_t ms);
/* Heals, waits for the rest, checks everything; compares the trace with the golden text (NULL:
 * without). Closes the world. */
void story_end(struct world *world, const char *golden_name);

#endif
