/* fuzz_config_msg.c - arbitrary bytes as config: a register sent, one stored, a frame of writes. */
#include "tests/support/recode_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)recode_fuzz(recode_config_register, data, size);
    (void)recode_fuzz(recode_config_msg, data, size);
    return recode_fuzz(recode_config_writes, data, size);
}
