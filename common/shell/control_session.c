/* control_session.c - the daemon's socket, or a small loop around an engine of our own. */
#include "common/shell/control_session.h"

#include <stdlib.h>
#include <time.h>

#include "common/shell/clock_os.h"
#include "common/shell/control_client.h"
#include "common/shell/dir_lock.h"

enum { ATTEMPTS = 40, ATTEMPT_PAUSE_MS = 50, DIRECT_CLIENT = 1 };

struct control_session {
    struct control_client *client; /* NULL: the engine is here */
    struct session_engine opener;
    struct engine_calls engine;
    bool engine_open;
    struct dir_lock lock;
    struct clock_os clock;
    struct effects *effects;
    struct byte_queue replies; /* framed, as on the socket */
    size_t given;
    unsigned pending; /* requests without END */
};

static void pause_a_moment(void)
{
    const struct timespec pause = {.tv_nsec = ATTEMPT_PAUSE_MS * 1000000};
    nanosleep(&pause, NULL);
}

/* The daemon takes the lock before it listens and listens no more before it gives it back, so for
 * a moment there may be neither. */
static enum status reach(struct control_session *session, const struct state_dir *directory,
                         const char *holder, struct buf *message)
{
    enum status status = ST_BUSY;
    for (int i = 0; i < ATTEMPTS && status == ST_BUSY; i++) {
        if (i > 0) pause_a_moment();
        message->size = 0;
        status = control_client_open(directory, &session->client);
        if (status == ST_NOT_FOUND)
            status = dir_lock_take(directory, holder, &session->lock, message);
        else if (status != ST_OK)
            buf_put_format(message, "the daemon's socket in %s cannot be used: %s", directory->path,
                           status == ST_DENIED ? "it belongs to another user"
                                               : status_words(status));
    }
    return status;
}

enum status control_session_open(const struct state_dir *directory, const char *holder,
                                 const struct session_engine *engine, struct control_session **out,
                                 struct buf *message)
{
    struct control_session *session = calloc(1, sizeof *session);
    *out = NULL;
    if (session == NULL) return ST_NO_MEMORY;
    session->opener = *engine;
    session->lock.fd = -1;
    session->clock = clock_os_of(directory->fd);
    enum status status = reach(session, directory, holder, message);
    if (status == ST_OK && session->client == NULL) {
        status = effects_open(&session->effects);
        if (status == ST_OK) status = engine->open(engine->context, &session->engine, message);
        session->engine_open = status == ST_OK;
    }
    if (status != ST_OK) {
        control_session_close(session);
        return status;
    }
    *out = session;
    return ST_OK;
}

void control_session_close(struct control_session *session)
{
    if (session == NULL) return;
    control_client_close(session->client);
    if (session->engine_open) session->opener.close(session->opener.context);
    effects_close(session->effects);
    byte_queue_clear(&session->replies);
    dir_lock_release(&session->lock);
    free(session);
}

bool control_session_is_remote(const struct control_session *session)
{
    return session->client != NULL;
}

/* One batch of one event; its replies are queued. */
static enum status direct_batch(struct control_session *session, struct event *event)
{
    const struct engine_calls *engine = &session->engine;
    effects_clear(session->effects);
    event->now = clock_os_now(&session->clock);
    TRY(engine->begin(engine->context));
    TRY(engine->step(engine->context, event, session->effects));
    TRY(engine->commit(engine->context, &event->now, session->effects));
    for (size_t i = 0; i < session->effects->count; i++) {
        const struct effect *effect = &session->effects->items[i];
        if (effect->kind != EFFECT_REPLY || effect->client != DIRECT_CLIENT) continue;
        if (control_reply_is_end(effect->payload) && session->pending > 0) session->pending--;
        TRY(control_frame_put(&session->replies, effect->payload));
    }
    return ST_OK;
}

static void replies_drop_given(struct control_session *session)
{
    byte_queue_drop(&session->replies, session->given);
    session->given = 0;
}

static void say_failed(enum status status, struct buf *message)
{
    if (status == ST_NETWORK)
        buf_put_text(message, "the daemon ended before it answered; what has no receipt may or may "
                              "not be stored");
    else if (message->size == 0)
        buf_put_format(message, "not done: %s", status_words(status));
}

enum status control_session_send(struct control_session *session, struct bytes request,
                                 struct buf *message)
{
    enum status status;
    if (session->client != NULL) {
        status = control_client_send(session->client, request);
    } else {
        struct event event = {.kind = EVENT_REQUEST, .client = DIRECT_CLIENT, .request = request};
        replies_drop_given(session);
        session->pending++;
        status = direct_batch(session, &event);
    }
    if (status != ST_OK) say_failed(status, message);
    return status;
}

enum status control_session_receive(struct control_session *session, struct bytes *reply,
                                    struct buf *message)
{
    enum status status = ST_OK;
    if (session->client != NULL) {
        status = control_client_receive(session->client, reply);
        if (status != ST_OK) say_failed(status, message);
        return status;
    }
    replies_drop_given(session);
    while ((status = control_frame_at(&session->replies, 0, reply, NULL)) == ST_AGAIN) {
        struct event event = {.kind = EVENT_WAKEUP};
        /* No reply, no work left and no END would be an engine that forgot its client. */
        if (!session->engine.has_jobs(session->engine.context)) {
            status = ST_BUG;
            break;
        }
        status = direct_batch(session, &event);
        if (status != ST_OK) break;
    }
    if (status == ST_OK)
        session->given = CONTROL_FRAME_HEAD_SIZE + reply->size;
    else
        say_failed(status, message);
    return status;
}
