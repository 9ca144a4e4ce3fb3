/* cli_stream.h - requests made of a file or of its lines, pipelined: up to STREAM_IN_FLIGHT_MAX of
 * them are under way, so that one fsync takes many while the next ones come. Replies come in the
 * order of the requests. */
#ifndef HOLDFAST_EDGE_BRIDGE_CLI_STREAM_H
#define HOLDFAST_EDGE_BRIDGE_CLI_STREAM_H

#include "common/shell/line_reader.h"
#include "common/shell/verb.h"
#include "edge-bridge/cli_host.h"

enum { STREAM_IN_FLIGHT_MAX = 4 };

struct cli_stream {
    const struct cli_call *call;
    const char *name;   /* of the input, for sentences */
    struct buf request; /* CONTROL_MESSAGE_SIZE_MAX; encode here, then send */
    uint64_t line;      /* number of the last one read, from 1 */
    struct line_reader reader;
    struct edge_host host;
    struct control_session *session;
    struct unpacker *unpacker;
    struct control_reply *reply;
    unsigned in_flight;
    reply_taker take;
    void *context;
};

/* file: a path, or "-". Each reply but an END goes to take. The caller closes the stream in any
 * case. Errors: ST_NOT_FOUND (no such file), those of edge_host_open and control_session_open. */
MUST_USE enum status cli_stream_open(struct cli_stream *stream, const struct cli_call *call,
                                     const char *file, reply_taker take, void *context);
void cli_stream_close(struct cli_stream *stream);

/* Sends what request holds and empties it; waits for an answer when too many are under way.
 * Errors: an END's. */
MUST_USE enum status cli_stream_send(struct cli_stream *stream);
/* Waits for all answers. */
MUST_USE enum status cli_stream_settle(struct cli_stream *stream);

/* The next line must be waited for: whoever feeds us live should not wait for it to get what he has
 * said so far accepted. */
bool cli_stream_is_idle(const struct cli_stream *stream);

/* The next line that is not empty, as line_read gives it. Valid until the next call. */
MUST_USE enum status cli_stream_line(struct cli_stream *stream, size_t size_max,
                                     struct bytes *line);
/* Leaves the sentence for an input that cannot be read, and returns its status. */
enum status cli_stream_say_unreadable(const struct cli_stream *stream);

#endif
