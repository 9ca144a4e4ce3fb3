/* fuzz_track_digests.c - arbitrary bytes as digests of tracks. */
#include "tests/support/recode_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_track_digests, data, size);
}
