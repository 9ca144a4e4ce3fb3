/* port.c - calls through the port, with the engine's own signing where nobody offers threads. */
#include "common/port/port.h"

void port_random(const struct port *port, void *out, size_t size)
{
    /* Without a source there could only be predictable nonces: better no engine at all. */
    INVARIANT(port->random);
    port->random(port->context, out, size);
}

void port_sign_many(const struct port *port, const struct secret_key *key, struct sign_job *jobs,
                    size_t count)
{
    if (port->sign_many) {
        port->sign_many(port->context, key, jobs, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        jobs[i].signature = evidence_sign(key, jobs[i].header);
}
