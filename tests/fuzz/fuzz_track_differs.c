/* fuzz_track_differs.c - arbitrary bytes as the buckets that differ. */
#include "tests/support/recode_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_track_differs, data, size);
}
