/* fuzz_track_msg.c - arbitrary bytes as a batch of tracks. */
#include "tests/support/recode_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_track_msg, data, size);
}
