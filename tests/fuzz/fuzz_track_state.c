/* fuzz_track_state.c - arbitrary bytes as a track's stored state. */
#include "tests/support/recode_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_track_state, data, size);
}
