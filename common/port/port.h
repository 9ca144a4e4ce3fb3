/* port.h - what an engine needs from outside and cannot have as an event: randomness, many
 * signatures at once, and a place for trace lines. The shell gives real ones, the simulator seeded
 * ones. */
#ifndef HOLDFAST_COMMON_PORT_PORT_H
#define HOLDFAST_COMMON_PORT_PORT_H

#include "common/base/trace.h"
#include "common/crypto/sign.h"
#include "common/data/evidence.h"

struct sign_job {
    const struct header_bytes *header;
    struct signature signature; /* out */
};

struct port {
    /* Cryptographic quality in the daemons: log ids, nonces, store ids, jitter seeds. */
    void (*random)(void *context, void *out, size_t size);
    /* Sign all jobs with this key, on as many threads as there are; NULL: the engine signs itself.
     * Returns when all are signed. Ed25519 is deterministic, so the result is too. */
    void (*sign_many)(void *context, const struct secret_key *key, struct sign_job *jobs,
                      size_t count);
    void *context;
    struct trace trace;
};

void port_random(const struct port *port, void *out, size_t size);
void port_sign_many(const struct port *port, const struct secret_key *key, struct sign_job *jobs,
                    size_t count);

#endif
