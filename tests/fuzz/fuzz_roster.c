/* fuzz_roster.c - arbitrary bytes as a roster. */
#include "tests/support/recode_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_roster, data, size);
}
