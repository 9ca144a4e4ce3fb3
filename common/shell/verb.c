/* verb.c - one request, its replies, its status. */
#include "common/shell/verb.h"

#include <stdlib.h>
#include <unistd.h>

/* A config value and the other arguments, each of them short. */
enum { REQUEST_SIZE_MAX = CONTROL_TEXT_SIZE_MAX + 16 * 1024 };

enum status render_to_stdout(bool json, bool quiet, struct render **out)
{
    const struct render_options options = {.out = stdout,
                                           .errors = stderr,
                                           .json = json,
                                           .quiet = quiet,
                                           .progress = isatty(STDERR_FILENO) == 1};
    return render_open(&options, out);
}

enum status replies_read(struct control_session *session, struct unpacker *unpacker,
                         struct control_reply *reply, reply_taker take, void *context,
                         struct buf *message)
{
    for (;;) {
        struct bytes bytes;
        TRY(control_session_receive(session, &bytes, message));
        if (control_reply_decode(unpacker, bytes, reply) != ST_OK) {
            buf_put_text(message, "the daemon's answer is not understood; are both programs of the "
                                  "same version?");
            return ST_MALFORMED;
        }
        if (reply->kind != REPLY_END) {
            TRY(take(context, reply));
            continue;
        }
        if (reply->status != ST_OK && message->size == 0) {
            buf_put(message, reply->message.size > 0 ? reply->message
                                                     : bytes_of_text(status_words(reply->status)));
        }
        return reply->status;
    }
}

static enum status render_taken(void *context, const struct control_reply *reply)
{
    return render_reply(context, reply);
}

enum status replies_render(struct control_session *session, struct unpacker *unpacker,
                           struct control_reply *reply, struct render *render, struct buf *message)
{
    const enum status status =
        replies_read(session, unpacker, reply, render_taken, render, message);
    if (status == ST_OK && reply->message.size > 0) render_note(render, reply->message);
    return status;
}

enum status verb_run(struct control_session *session, const struct verb_request *request,
                     struct buf *message)
{
    struct buf encoded = buf_of(malloc(REQUEST_SIZE_MAX), REQUEST_SIZE_MAX);
    struct unpacker *unpacker = NULL;
    struct render *render = NULL;
    struct control_reply *reply = calloc(1, sizeof *reply);
    enum status status = encoded.data != NULL && reply != NULL ? ST_OK : ST_NO_MEMORY;
    if (status == ST_OK)
        verb_request_encode(&encoded, bytes_of_text(request->verb), request->arguments,
                            request->argument_count);
    if (status == ST_OK && !buf_ok(&encoded)) {
        buf_put_text(message, "the arguments are too long");
        status = ST_TOO_LARGE;
    }
    if (status == ST_OK) status = unpacker_open(&unpacker);
    if (status == ST_OK) status = render_to_stdout(request->json, request->quiet, &render);
    if (status == ST_OK) status = control_session_send(session, buf_bytes(&encoded), message);
    if (status == ST_OK) status = replies_render(session, unpacker, reply, render, message);
    if (render != NULL) {
        const enum status shown = render_end(render);
        if (status == ST_OK && shown != ST_OK) {
            buf_put_text(message, "the output cannot be written");
            status = shown;
        }
    }
    render_close(render);
    unpacker_close(unpacker);
    free(reply);
    free(encoded.data);
    return status;
}
