/* fuzz_track_want.c - arbitrary bytes as names of wanted tracks. */
#include "tests/support/recode_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_track_want, data, size);
}
