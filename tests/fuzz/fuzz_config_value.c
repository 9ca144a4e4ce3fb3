/* fuzz_config_value.c - arbitrary bytes as a config value as typed. */
#include "tests/support/intake_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)intake_config_value(bytes_of(data, size));
    return 0;
}
