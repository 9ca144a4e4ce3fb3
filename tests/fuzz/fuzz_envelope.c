/* fuzz_envelope.c - arbitrary bytes as a frame, and its body as zstd. */
#include "tests/support/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_envelope, data, size);
}
