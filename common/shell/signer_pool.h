/* signer_pool.h - many Ed25519 signatures at once, on min(cores, 4) threads; the caller signs too.
 *
 * A batch below SIGNER_INLINE_COUNT is signed by the caller alone: waking a thread costs as much as
 * signing a few entries (about 20 us each). Signing is deterministic, so the result does not depend
 * on who signed what. */
#ifndef HOLDFAST_COMMON_SHELL_SIGNER_POOL_H
#define HOLDFAST_COMMON_SHELL_SIGNER_POOL_H

#include "common/port/port.h"

enum { SIGNER_INLINE_COUNT = 8, SIGNER_THREADS_MAX = 4 };

struct signer_pool;

/* thread_count 0: as many as the machine has cores, at most SIGNER_THREADS_MAX. The caller closes
 * *out. Errors: ST_NO_MEMORY. */
MUST_USE enum status signer_pool_open(unsigned thread_count, struct signer_pool **out);
void signer_pool_close(struct signer_pool *pool); /* accepts NULL; waits for its threads */

/* port.sign_many; context is the pool. One caller at a time. */
void signer_pool_sign(void *context, const struct secret_key *key, struct sign_job *jobs,
                      size_t count);

#endif
