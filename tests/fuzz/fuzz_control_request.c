/* fuzz_control_request.c - arbitrary bytes as a request on the control socket. */
#include "tests/support/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return recode_fuzz(recode_control_request, data, size);
}
