/* fuzz_ack.c - arbitrary bytes as an acknowledgement. */
#include "tests/support/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_ack, data, size);
}
