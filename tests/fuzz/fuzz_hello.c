/* fuzz_hello.c - arbitrary bytes as a hello. */
#include "tests/support/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_hello, data, size);
}
