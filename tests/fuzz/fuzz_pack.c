/* fuzz_pack.c - arbitrary bytes as canonical MessagePack. */
#include "tests/support/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_pack, data, size);
}
