/* fuzz_observation.c - arbitrary bytes as an observation of a track. */
#include "tests/support/intake_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)intake_observation(bytes_of(data, size));
    return 0;
}
