/* fuzz_evidence.c - arbitrary bytes as a run of evidence entries. */
#include "tests/support/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_evidence, data, size);
}
