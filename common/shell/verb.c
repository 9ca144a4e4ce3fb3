/* verb.c - one request, its replies, its status. */
#include "common/shell/verb.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A config value and the other arguments, each of them short. */
enum { REQUEST_SIZE_MAX = CONTROL_TEXT_SIZE_MAX + 16 * 1024, NAME_SIZE_MAX = 128 };

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

/* ---- Verbs ----------------------------------------------------------------------------------- */

struct asking {
    struct control_session *session;
    const struct verb_request *request;
    struct buf encoded;
    struct unpacker *unpacker;
    struct render *render;
    struct control_reply *reply;
    struct buf *message;
    struct verb_argument arguments[VERB_ARGUMENTS_MAX];
    size_t argument_count;
    char after[NAME_SIZE_MAX]; /* where the list goes on */
};

static enum status ask(struct asking *asking)
{
    asking->encoded.size = 0;
    verb_request_encode(&asking->encoded, bytes_of_text(asking->request->verb), asking->arguments,
                        asking->argument_count);
    if (!buf_ok(&asking->encoded)) {
        buf_put_text(asking->message, "the arguments are too long");
        return ST_TOO_LARGE;
    }
    TRY(control_session_send(asking->session, buf_bytes(&asking->encoded), asking->message));
    return replies_read(asking->session, asking->unpacker, asking->reply, render_taken,
                        asking->render, asking->message);
}

static struct verb_argument *argument_of(struct asking *asking, const char *name)
{
    for (size_t i = 0; i < asking->argument_count; i++) {
        if (bytes_equal(asking->arguments[i].name, bytes_of_text(name)))
            return &asking->arguments[i];
    }
    return NULL;
}

/* What follows "after=" in the last word of an END; empty when the list is at its end. */
static struct bytes after_of(const struct control_reply *reply)
{
    static const char mark[] = "after=";
    const size_t mark_size = sizeof mark - 1;
    const struct bytes words = reply->message;
    size_t start = words.size;
    while (start > 0 && words.data[start - 1] != ' ')
        start--;
    const struct bytes last = bytes_from(words, start);
    const bool is_mark = last.size > mark_size && last.size - mark_size < NAME_SIZE_MAX &&
                         memcmp(last.data, mark, mark_size) == 0;
    return is_mark ? bytes_from(last, mark_size) : BYTES_EMPTY;
}

/* False: that was all, or all that was wanted. */
static bool goes_on(struct asking *asking)
{
    const struct bytes after = after_of(asking->reply);
    if (after.size == 0) return false;
    if (argument_of(asking, "limit") != NULL) {
        render_note(asking->render, asking->reply->message);
        return false;
    }
    struct verb_argument *argument = argument_of(asking, "after");
    if (argument == NULL) {
        INVARIANT(asking->argument_count < VERB_ARGUMENTS_MAX);
        argument = &asking->arguments[asking->argument_count++];
        argument->name = bytes_of_text("after");
    }
    memcpy(asking->after, after.data, after.size);
    argument->value = bytes_of(asking->after, after.size);
    return true;
}

static enum status ask_all(struct asking *asking)
{
    const struct verb_request *request = asking->request;
    INVARIANT(request->argument_count < VERB_ARGUMENTS_MAX);
    for (size_t i = 0; i < request->argument_count; i++)
        asking->arguments[asking->argument_count++] = request->arguments[i];
    do {
        TRY(ask(asking));
    } while (goes_on(asking));
    return ST_OK;
}

enum status verb_run(struct control_session *session, const struct verb_request *request,
                     struct buf *message)
{
    struct asking asking = {.session = session,
                            .request = request,
                            .encoded = buf_of(malloc(REQUEST_SIZE_MAX), REQUEST_SIZE_MAX),
                            .reply = calloc(1, sizeof *asking.reply),
                            .message = message};
    enum status status = asking.encoded.data != NULL && asking.reply != NULL ? ST_OK : ST_NO_MEMORY;
    if (status == ST_OK) status = unpacker_open(&asking.unpacker);
    if (status == ST_OK) status = render_to_stdout(request->json, request->quiet, &asking.render);
    if (status == ST_OK) status = ask_all(&asking);
    if (asking.render != NULL) {
        const enum status shown = render_end(asking.render);
        if (status == ST_OK && shown != ST_OK) {
            buf_put_text(message, "the output cannot be written");
            status = shown;
        }
    }
    render_close(asking.render);
    unpacker_close(asking.unpacker);
    free(asking.reply);
    free(asking.encoded.data);
    return status;
}
