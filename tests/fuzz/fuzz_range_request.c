/* fuzz_range_request.c - arbitrary bytes as a range request. */
#include "tests/support/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_range_request, data, size);
}
