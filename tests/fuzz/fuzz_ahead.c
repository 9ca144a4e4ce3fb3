/* fuzz_ahead.c - arbitrary bytes as entries sent ahead. */
#include "tests/support/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_ahead, data, size);
}
