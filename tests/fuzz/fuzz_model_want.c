/* fuzz_model_want.c - arbitrary bytes as a request for chunks. */
#include "tests/support/recode_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_model_want, data, size);
}
