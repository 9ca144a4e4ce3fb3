/* fuzz_track_ids.c - arbitrary bytes as names and hashes of tracks. */
#include "tests/support/recode_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_track_ids, data, size);
}
