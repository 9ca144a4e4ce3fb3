/* fuzz_part.c - arbitrary bytes as a part of a large payload. */
#include "tests/support/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_part, data, size);
}
