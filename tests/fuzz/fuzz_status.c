/* fuzz_status.c - arbitrary bytes as a status report. */
#include "tests/support/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_status, data, size);
}
