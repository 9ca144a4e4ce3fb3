/* hasher.h - SHA-256 through OpenSSL's EVP with one fetched algorithm and one reused context.
 *
 * OpenSSL 3's one-shot call spends 0.4 us on fetching the algorithm, more than it spends on hashing
 * a header; a hasher fetches once. It is a scratch object, not a value: hasher_of and the
 * begin/add/end calls of one hasher must not interleave, and a hasher belongs to one thread. */
#ifndef HOLDFAST_COMMON_CRYPTO_HASHER_H
#define HOLDFAST_COMMON_CRYPTO_HASHER_H

#include "common/base/bytes.h"
#include "common/base/ids.h"

struct hasher;

/* The caller closes *out. Errors: ST_NO_MEMORY. */
MUST_USE enum status hasher_open(struct hasher **out);
void hasher_close(struct hasher *hasher); /* accepts NULL */

/* A failure inside OpenSSL after a successful open is a fault of this process: INVARIANT. */
struct digest hasher_of(struct hasher *hasher, struct bytes bytes);

void hasher_begin(struct hasher *hasher);
void hasher_add(struct hasher *hasher, struct bytes bytes);
struct digest hasher_end(struct hasher *hasher);

#endif
