/* fuzz_nack.c - arbitrary bytes as a refusal. */
#include "tests/support/recode_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_nack, data, size);
}
