/* fuzz_control_reply.c - arbitrary bytes as a reply on the control socket. */
#include "tests/support/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_control_reply, data, size);
}
