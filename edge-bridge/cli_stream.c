/* cli_stream.c - reading, sending, and never more than a few requests ahead of the answers. */
#include "edge-bridge/cli_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status one_answered(struct cli_stream *stream)
{
    TRY(replies_read(stream->session, stream->unpacker, stream->reply, stream->take,
                     stream->context, stream->call->message));
    stream->in_flight--;
    return ST_OK;
}

enum status cli_stream_settle(struct cli_stream *stream)
{
    while (stream->in_flight > 0)
        TRY(one_answered(stream));
    return ST_OK;
}

enum status cli_stream_send(struct cli_stream *stream)
{
    INVARIANT(buf_ok(&stream->request));
    if (stream->in_flight == STREAM_IN_FLIGHT_MAX) TRY(one_answered(stream));
    TRY(control_session_send(stream->session, buf_bytes(&stream->request), stream->call->message));
    stream->in_flight++;
    stream->request.size = 0;
    return ST_OK;
}

enum status cli_stream_line(struct cli_stream *stream, size_t size_max, struct bytes *line)
{
    do {
        stream->line++;
        TRY(line_read(&stream->reader, size_max, line));
    } while (line->size == 0);
    return ST_OK;
}

enum status cli_stream_say_unreadable(const struct cli_stream *stream)
{
    buf_put_format(stream->call->message, "%s cannot be read: %s", stream->name, strerror(errno));
    return ST_DISK;
}

bool cli_stream_is_idle(const struct cli_stream *stream)
{
    return !line_is_ready(&stream->reader);
}

static enum status input_open(struct cli_stream *stream, const char *file)
{
    const bool standard_input = strcmp(file, "-") == 0;
    stream->name = standard_input ? "standard input" : file;
    stream->reader.fd = standard_input ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (stream->reader.fd >= 0) return ST_OK;
    buf_put_format(stream->call->message, "%s cannot be opened: %s", file, strerror(errno));
    return ST_NOT_FOUND;
}

enum status cli_stream_open(struct cli_stream *stream, const struct cli_call *call,
                            const char *file, reply_taker take, void *context)
{
    *stream = (struct cli_stream){
        .call = call, .take = take, .context = context, .reader.fd = -1, .host.directory.fd = -1};
    TRY(input_open(stream, file));
    TRY(edge_host_open(&stream->host, cli_value(call, "dir"), call->message));
    stream->request = buf_of(malloc(CONTROL_MESSAGE_SIZE_MAX), CONTROL_MESSAGE_SIZE_MAX);
    stream->reply = calloc(1, sizeof *stream->reply);
    if (stream->request.data == NULL || stream->reply == NULL) return ST_NO_MEMORY;
    TRY(unpacker_open(&stream->unpacker));
    const struct session_engine engine = edge_host_session_engine(&stream->host);
    return cli_session_open(call, &stream->host.directory, &engine, &stream->session);
}

void cli_stream_close(struct cli_stream *stream)
{
    control_session_close(stream->session);
    unpacker_close(stream->unpacker);
    line_reader_close(&stream->reader);
    if (stream->reader.fd > STDIN_FILENO) close(stream->reader.fd);
    free(stream->reply);
    free(stream->request.data);
    edge_host_close(&stream->host);
}
