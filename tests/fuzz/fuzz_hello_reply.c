/* fuzz_hello_reply.c - arbitrary bytes as the reply to a hello. */
#include "tests/support/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_hello_reply, data, size);
}
