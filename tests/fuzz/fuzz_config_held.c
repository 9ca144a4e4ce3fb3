/* fuzz_config_held.c - arbitrary bytes as a held config frame. */
#include "tests/support/recode_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_config_held, data, size);
}
