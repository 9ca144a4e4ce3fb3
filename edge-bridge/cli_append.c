/* cli_append.c - evidence from files, standard input and lines.
 *
 * With --lines a request has up to LINES_REQUEST_MAX lines or about LINES_REQUEST_BYTES; receipts
 * come in the order of the lines. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge-bridge/cli_stream.h"
#include "edge-bridge/cli_verbs.h"

enum {
    LINES_REQUEST_MAX = 512,
    LINES_REQUEST_BYTES = 256 * 1024,
    BATCH_BYTES_MAX =
        LINES_REQUEST_BYTES + INLINE_PAYLOAD_SIZE_MAX + LINES_REQUEST_MAX * PUBLISHER_ID_SIZE_MAX,
};
_Static_assert((int)LINES_REQUEST_MAX <= (int)APPEND_ENTRIES_MAX, "the lines fit one request");
_Static_assert(BATCH_BYTES_MAX + LINES_REQUEST_MAX * 16 + 256 <= CONTROL_MESSAGE_SIZE_MAX,
               "the bytes of a full request fit one message");

struct appending {
    const struct cli_call *call;
    struct cli_stream stream;
    struct bytes type;
    uint64_t priority;
    const char *id_prefix; /* NULL: no ids */
    struct render *render;

    size_t item_count;
    struct append_item items[LINES_REQUEST_MAX];
    struct buf batch; /* the bytes that items point to */
};

static enum status taken(void *context, const struct control_reply *reply)
{
    struct appending *appending = context;
    return render_reply(appending->render, reply);
}

static enum status send_items(struct appending *appending)
{
    if (appending->item_count == 0) return ST_OK;
    append_request_begin(&appending->stream.request, appending->type, (unsigned)appending->priority,
                         (uint32_t)appending->item_count);
    for (size_t i = 0; i < appending->item_count; i++)
        append_request_item(&appending->stream.request, &appending->items[i]);
    appending->item_count = 0;
    appending->batch.size = 0;
    return cli_stream_send(&appending->stream);
}

/* A payload that does not fit one message: in parts, then an entry that takes what was staged. All
 * earlier requests are answered first, because a part is answered before its batch's receipts. */
static enum status send_large(struct appending *appending, struct bytes payload,
                              const struct append_item *item)
{
    TRY(send_items(appending));
    TRY(cli_stream_settle(&appending->stream));
    for (size_t done = 0; done < payload.size; done += PART_SIZE) {
        const size_t left = payload.size - done;
        part_request_encode(&appending->stream.request, payload.size,
                            bytes_of(payload.data + done, left < PART_SIZE ? left : PART_SIZE));
        TRY(cli_stream_send(&appending->stream));
    }
    appending->items[0] = *item;
    appending->items[0].staged = true;
    appending->items[0].payload = BYTES_EMPTY;
    appending->item_count = 1;
    TRY(send_items(appending));
    return cli_stream_settle(&appending->stream);
}

/* A copy in the batch's memory; there is room by the bounds of a batch. */
static struct bytes kept(struct appending *appending, struct bytes bytes)
{
    struct buf *batch = &appending->batch;
    const size_t at = batch->size;
    buf_put(batch, bytes);
    INVARIANT(buf_ok(batch));
    return bytes_of(batch->data + at, bytes.size);
}

static enum status line_put(struct appending *appending, struct bytes line, uint64_t number)
{
    char id[PUBLISHER_ID_SIZE_MAX];
    struct append_item item = {0};
    if (appending->id_prefix != NULL) {
        const int size = snprintf(id, sizeof id, "%s%" PRIu64, appending->id_prefix, number);
        INVARIANT(size > 0 && (size_t)size < sizeof id);
        item.has_id = true;
        item.id = bytes_of(id, (size_t)size);
    }
    if (line.size > INLINE_PAYLOAD_SIZE_MAX) return send_large(appending, line, &item);
    item.id = kept(appending, item.id);
    item.payload = kept(appending, line);
    appending->items[appending->item_count++] = item;
    if (appending->item_count == LINES_REQUEST_MAX || appending->batch.size >= LINES_REQUEST_BYTES)
        return send_items(appending);
    return ST_OK;
}

static enum status say_too_large(const struct appending *appending, uint64_t line)
{
    struct buf *message = appending->call->message;
    buf_put_text(message, appending->stream.name);
    if (line > 0) buf_put_format(message, ", line %" PRIu64, line);
    buf_put_format(message, ": longer than %d MiB, the most that one entry can hold; split it",
                   PAYLOAD_SIZE_MAX / (1024 * 1024));
    return ST_TOO_LARGE;
}

static enum status append_lines(struct appending *appending)
{
    struct cli_stream *stream = &appending->stream;
    struct bytes line;
    enum status status;
    while ((status = cli_stream_line(stream, PAYLOAD_SIZE_MAX, &line)) == ST_OK) {
        TRY(line_put(appending, line, stream->line));
        if (!cli_stream_is_idle(stream)) continue;
        TRY(send_items(appending));
        TRY(cli_stream_settle(stream));
    }
    const int error = errno;
    if (status == ST_NO_MEMORY) return status;
    /* What came before a line that cannot be taken is still accepted and receipted. */
    TRY(send_items(appending));
    TRY(cli_stream_settle(stream));
    errno = error;
    if (status == ST_TOO_LARGE) return say_too_large(appending, stream->line);
    return status == ST_DISK ? cli_stream_say_unreadable(stream) : ST_OK;
}

static enum status append_whole(struct appending *appending)
{
    const char *id = cli_value(appending->call, "id");
    struct bytes whole;
    struct append_item item = {0};
    const enum status status = whole_read(&appending->stream.reader, PAYLOAD_SIZE_MAX, &whole);
    if (status == ST_TOO_LARGE || (status == ST_OK && whole.size > PAYLOAD_SIZE_MAX))
        return say_too_large(appending, 0);
    if (status == ST_DISK) return cli_stream_say_unreadable(&appending->stream);
    TRY(status);
    if (id != NULL) {
        item.has_id = true;
        item.id = bytes_of_text(id);
    }
    if (whole.size > INLINE_PAYLOAD_SIZE_MAX) return send_large(appending, whole, &item);
    item.payload = whole;
    appending->items[appending->item_count++] = item;
    TRY(send_items(appending));
    return cli_stream_settle(&appending->stream);
}

static enum status options_check(struct appending *appending)
{
    enum { PREFIX_SIZE_MAX = PUBLISHER_ID_SIZE_MAX - 21 }; /* room for any line number */
    const struct cli_call *call = appending->call;
    const bool lines = cli_flag(call, "lines");
    const char *id = cli_value(call, "id");
    TRY(cli_number(call, "priority", 0, PRIORITY_COUNT - 1, 2, &appending->priority));
    appending->type = bytes_of_text(cli_value(call, "type"));
    appending->id_prefix = cli_value(call, "id-prefix");
    if (!ids_level_name_ok(appending->type)) {
        buf_put_format(call->message,
                       "\"%.100s\" cannot name a type: 1 to 64 characters of letters, digits, dot, "
                       "dash and underscore, beginning with a letter or digit",
                       cli_value(call, "type"));
        return ST_USAGE;
    }
    if ((id != NULL && lines) || (appending->id_prefix != NULL && !lines)) {
        buf_put_text(call->message,
                     "--id names the one entry of a file; with --lines use --id-prefix");
        return ST_USAGE;
    }
    if ((id != NULL && (id[0] == '\0' || strlen(id) > PUBLISHER_ID_SIZE_MAX)) ||
        (appending->id_prefix != NULL && strlen(appending->id_prefix) > PREFIX_SIZE_MAX)) {
        buf_put_format(call->message, "an id has 1 to %d bytes, a prefix of ids at most %d",
                       PUBLISHER_ID_SIZE_MAX, PREFIX_SIZE_MAX);
        return ST_USAGE;
    }
    return ST_OK;
}

static enum status append(struct appending *appending)
{
    const struct cli_call *call = appending->call;
    const char *file = call->argument_count > 0 ? call->arguments[0] : "-";
    TRY(options_check(appending));
    TRY(render_to_stdout(cli_flag(call, "json"), cli_flag(call, "quiet"), &appending->render));
    TRY(cli_stream_open(&appending->stream, call, file, taken, appending));
    enum status status =
        cli_flag(call, "lines") ? append_lines(appending) : append_whole(appending);
    const enum status shown = render_end(appending->render);
    if (status == ST_OK && shown != ST_OK) {
        buf_put_text(call->message, "the receipts cannot be written");
        status = shown;
    }
    if (status == ST_OK && render_worst(appending->render) != ST_OK) {
        status = render_worst(appending->render);
        buf_put_format(call->message, "not all entries were accepted: %s", status_words(status));
    }
    return status;
}

enum status cli_append(const struct cli_call *call)
{
    struct appending *appending = calloc(1, sizeof *appending);
    if (appending == NULL) return ST_NO_MEMORY;
    appending->call = call;
    appending->stream.reader.fd = appending->stream.host.directory.fd = -1;
    appending->batch = buf_of(malloc(BATCH_BYTES_MAX), BATCH_BYTES_MAX);
    const enum status status = appending->batch.data != NULL ? append(appending) : ST_NO_MEMORY;
    cli_stream_close(&appending->stream);
    render_close(appending->render);
    free(appending->batch.data);
    free(appending);
    return status;
}
