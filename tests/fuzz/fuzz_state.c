/* fuzz_state.c - arbitrary bytes as what an edge holds of tracks and config. */
#include "tests/support/recode_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_state, data, size);
}
