/* control_session.h - one way to talk to an engine for all verbs: through the daemon's socket when
 * one runs in the directory, else through an engine opened here under the directory's lock. Both
 * get the same requests and give the same replies.
 *
 * Without a daemon each request is a batch of its own, and its long work goes on in further batches
 * while its replies are read. */
#ifndef HOLDFAST_COMMON_SHELL_CONTROL_SESSION_H
#define HOLDFAST_COMMON_SHELL_CONTROL_SESSION_H

#include "common/shell/control_frame.h"
#include "common/shell/engine_calls.h"
#include "common/shell/state_dir.h"

/* How a program opens its engine when no daemon runs. */
struct session_engine {
    void *context;
    /* Opens it without links; message gets one sentence on failure. */
    enum status (*open)(void *context, struct engine_calls *out, struct buf *message);
    void (*close)(void *context);
};

struct control_session;

/* holder: what to call this process in the lock. Waits up to two seconds for a daemon that is just
 * starting or ending. The caller closes *out.
 * Errors: ST_BUSY, ST_DENIED, ST_NETWORK, ST_DISK, ST_NO_MEMORY, and those of engine->open. */
MUST_USE enum status control_session_open(const struct state_dir *directory, const char *holder,
                                          const struct session_engine *engine,
                                          struct control_session **out, struct buf *message);
void control_session_close(struct control_session *session); /* accepts NULL */

/* Several requests may be sent before their replies are read; the replies come in order.
 * Errors: ST_NETWORK (the daemon is gone), or the engine's: nothing of the request counts then. */
MUST_USE enum status control_session_send(struct control_session *session, struct bytes request,
                                          struct buf *message);
/* The next reply; valid until the next call of send or receive. */
MUST_USE enum status control_session_receive(struct control_session *session, struct bytes *reply,
                                             struct buf *message);

/* True when a running daemon answers. */
bool control_session_is_remote(const struct control_session *session);

#endif
