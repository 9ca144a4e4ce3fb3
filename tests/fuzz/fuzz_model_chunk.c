/* fuzz_model_chunk.c - arbitrary bytes as a chunk of a model. */
#include "tests/support/recode_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_model_chunk, data, size);
}
