/* fuzz_model_list.c - arbitrary bytes as a block of a model's chunk list. */
#include "tests/support/recode_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_model_list, data, size);
}
