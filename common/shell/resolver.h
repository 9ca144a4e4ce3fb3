/* resolver.h - turns a host name into addresses on a thread of its own.
 *
 * The MQTT library resolves under its one process-wide lock: a dead name server would freeze the
 * other link, and with it local intake, for as long as the C library waits. So the library gets
 * addresses, and the loop, not this thread, keeps the deadline: an answer that comes too late
 * carries an old generation and is ignored. One thread at most; while it is stuck, the newest
 * question waits for it. */
#ifndef HOLDFAST_COMMON_SHELL_RESOLVER_H
#define HOLDFAST_COMMON_SHELL_RESOLVER_H

#include "common/shell/inbox.h"

enum {
    HOST_SIZE_MAX = 256,
    RESOLVED_ADDRESSES_MAX = 4,
    ADDRESS_TEXT_SIZE = 64, /* of a numeric address with its scope */
};

struct resolver;

/* Answers are INBOX_RESOLVED notes of this link: addresses, each with a NUL behind it. */
MUST_USE enum status resolver_open(struct inbox *inbox, enum link link, struct resolver **out);
void resolver_close(struct resolver *resolver); /* accepts NULL; does not wait for the thread */

/* Copies host. Errors: ST_NO_MEMORY (no thread). */
MUST_USE enum status resolver_ask(struct resolver *resolver, const char *host, uint32_t generation);

/* True for a numeric address of either family, which needs no resolver. */
bool host_is_numeric(const char *host);

#endif
