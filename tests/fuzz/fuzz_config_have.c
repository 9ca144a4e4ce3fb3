/* fuzz_config_have.c - arbitrary bytes as keys and hashes of config. */
#include "tests/support/recode_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_config_have, data, size);
}
