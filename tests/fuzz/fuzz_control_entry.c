/* fuzz_control_entry.c - arbitrary bytes as the payload of each kind of control entry. */
#include "tests/support/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const recode_function recodes[] = {recode_genesis, recode_type,      recode_boot,
                                              recode_clock,   recode_heartbeat, recode_loss,
                                              recode_close};
    for (size_t i = 0; i < COUNT_OF(recodes); i++)
        (void)recode_fuzz(recodes[i], data, size);
    return 0;
}
