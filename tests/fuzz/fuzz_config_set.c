/* fuzz_config_set.c - arbitrary bytes as a local write of a config value. */
#include "tests/support/intake_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)intake_config_set(bytes_of(data, size));
    return 0;
}
