/* control_client.h - a verb's side of the control socket: blocking, one daemon. */
#ifndef HOLDFAST_COMMON_SHELL_CONTROL_CLIENT_H
#define HOLDFAST_COMMON_SHELL_CONTROL_CLIENT_H

#include "common/shell/control_frame.h"
#include "common/shell/state_dir.h"

struct control_client;

/* The caller closes *out. Errors: ST_NOT_FOUND (no daemon listens there), ST_DENIED, ST_NETWORK,
 * ST_NO_MEMORY. */
MUST_USE enum status control_client_open(const struct state_dir *directory,
                                         struct control_client **out);
void control_client_close(struct control_client *client); /* accepts NULL */

/* Errors: ST_NETWORK (the daemon is gone). */
MUST_USE enum status control_client_send(struct control_client *client, struct bytes request);
/* The next reply; valid until the next call. Errors: ST_NETWORK, ST_MALFORMED, ST_NO_MEMORY. */
MUST_USE enum status control_client_receive(struct control_client *client, struct bytes *reply);

#endif
