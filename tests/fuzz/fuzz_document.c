/* fuzz_document.c - arbitrary bytes as a publisher's payload in JSON or MessagePack. */
#include "tests/support/intake_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)intake_document(bytes_of(data, size));
    return 0;
}
