/* fuzz_model_manifest.c - arbitrary bytes as a model's manifest. */
#include "tests/support/recode_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_model_manifest, data, size);
}
