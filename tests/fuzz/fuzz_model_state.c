/* fuzz_model_state.c - arbitrary bytes as a report on models. */
#include "tests/support/recode_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_model_state, data, size);
}
