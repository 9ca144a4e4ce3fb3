/* verb.h - sends a VERB request and shows its replies: what most admin verbs are. */
#ifndef HOLDFAST_COMMON_SHELL_VERB_H
#define HOLDFAST_COMMON_SHELL_VERB_H

#include "common/shell/cli.h"
#include "common/shell/control_session.h"
#include "common/shell/render.h"

struct verb_request {
    const char *verb; /* the engine's name of it, "evidence-list" */
    const struct verb_argument *arguments;
    size_t argument_count;
    bool json;
    bool quiet; /* nothing but errors */
};

/* The status of the engine's END; its message is in message when it is not ST_OK. A list that an
 * engine gives in pieces (its END's last word is "after=NAME") is asked for to its end; with an
 * argument "limit" that END is a note on stderr instead. */
MUST_USE enum status verb_run(struct control_session *session, const struct verb_request *request,
                              struct buf *message);

/* What a reader does with each reply but the END. */
typedef enum status (*reply_taker)(void *context, const struct control_reply *reply);

/* Reads the replies to one request up to its END, whose status it returns, its message in message
 * when that is not ST_OK. */
MUST_USE enum status replies_read(struct control_session *session, struct unpacker *unpacker,
                                  struct control_reply *reply, reply_taker take, void *context,
                                  struct buf *message);
/* A render to stdout and stderr; progress when stderr is a terminal. */
MUST_USE enum status render_to_stdout(bool json, bool quiet, struct render **out);

#endif
