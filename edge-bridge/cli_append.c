/* cli_append.c - evidence from files, standard input and lines.
 *
 * With --lines the requests are pipelined: up to IN_FLIGHT_MAX of them, each of up to
 * LINES_REQUEST_MAX lines or about LINES_REQUEST_BYTES, so that one fsync takes many entries while
 * the next ones are on their way. Receipts come in the order of the lines. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/shell/line_reader.h"
#include "common/shell/verb.h"
#include "edge-bridge/cli_host.h"
#include "edge-bridge/cli_verbs.h"

enum {
    IN_FLIGHT_MAX = 4,
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
    const char *name; /* of the input, for sentences */
    struct bytes type;
    uint64_t priority;
    const char *id_prefix; /* NULL: no ids */
    struct control_session *session;
    struct unpacker *unpacker;
    struct render *render;
    struct control_reply *reply;
    struct line_reader reader;
    unsigned in_flight;

    size_t item_count;
    struct append_item items[LINES_REQUEST_MAX];
    struct buf batch;   /* the bytes that items point to */
    struct buf request; /* the encoded message */
};

static enum status one_answered(struct appending *appending)
{
    TRY(replies_render(appending->session, appending->unpacker, appending->reply, appending->render,
                       appending->call->message));
    appending->in_flight--;
    return ST_OK;
}

static enum status all_answered(struct appending *appending)
{
    while (appending->in_flight > 0)
        TRY(one_answered(appending));
    return ST_OK;
}

static enum status send_request(struct appending *appending)
{
    INVARIANT(buf_ok(&appending->request));
    if (appending->in_flight == IN_FLIGHT_MAX) TRY(one_answered(appending));
    TRY(control_session_send(appending->session, buf_bytes(&appending->request),
                             appending->call->message));
    appending->in_flight++;
    return ST_OK;
}

static enum status send_items(struct appending *appending)
{
    if (appending->item_count == 0) return ST_OK;
    appending->request.size = 0;
    append_request_begin(&appending->request, appending->type, (unsigned)appending->priority,
                         (uint32_t)appending->item_count);
    for (size_t i = 0; i < appending->item_count; i++)
        append_request_item(&appending->request, &appending->items[i]);
    appending->item_count = 0;
    appending->batch.size = 0;
    return send_request(appending);
}

/* A payload that does not fit one message: in parts, then an entry that takes what was staged. All
 * earlier requests are answered first, because a part is answered before its batch's receipts. */
static enum status send_large(struct appending *appending, struct bytes payload,
                              const struct append_item *item)
{
    TRY(send_items(appending));
    TRY(all_answered(appending));
    for (size_t done = 0; done < payload.size; done += PART_SIZE) {
        const size_t left = payload.size - done;
        appending->request.size = 0;
        part_request_encode(&appending->request, payload.size,
                            bytes_of(payload.data + done, left < PART_SIZE ? left : PART_SIZE));
        TRY(send_request(appending));
    }
    appending->items[0] = *item;
    appending->items[0].staged = true;
    appending->items[0].payload = BYTES_EMPTY;
    appending->item_count = 1;
    TRY(send_items(appending));
    return all_answered(appending);
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
    if (line > 0)
        buf_put_format(message, "%s, line %" PRIu64 ": ", appending->name, line);
    else
        buf_put_format(message, "%s: ", appending->name);
    buf_put_format(message, "longer than %d MiB, the most that one entry can hold; split it",
                   PAYLOAD_SIZE_MAX / (1024 * 1024));
    return ST_TOO_LARGE;
}

static enum status say_unreadable(const struct appending *appending)
{
    buf_put_format(appending->call->message, "%s cannot be read: %s", appending->name,
                   strerror(errno));
    return ST_DISK;
}

static enum status append_lines(struct appending *appending)
{
    for (uint64_t number = 1;; number++) {
        struct bytes line;
        enum status status = line_read(&appending->reader, PAYLOAD_SIZE_MAX, &line);
        if (status == ST_NOT_FOUND) break;
        if (status == ST_TOO_LARGE || status == ST_DISK) {
            const enum status read_status = status;
            /* What came before it is still accepted and receipted. */
            status = send_items(appending);
            if (status == ST_OK) status = all_answered(appending);
            if (status != ST_OK) return status;
            return read_status == ST_TOO_LARGE ? say_too_large(appending, number)
                                               : say_unreadable(appending);
        }
        TRY(status);
        if (line.size > 0) TRY(line_put(appending, line, number));
    }
    TRY(send_items(appending));
    return all_answered(appending);
}

static enum status append_whole(struct appending *appending)
{
    const char *id = cli_value(appending->call, "id");
    struct bytes whole;
    struct append_item item = {0};
    const enum status status = whole_read(&appending->reader, PAYLOAD_SIZE_MAX, &whole);
    if (status == ST_TOO_LARGE || (status == ST_OK && whole.size > PAYLOAD_SIZE_MAX))
        return say_too_large(appending, 0);
    if (status == ST_DISK) return say_unreadable(appending);
    TRY(status);
    if (id != NULL) {
        item.has_id = true;
        item.id = bytes_of_text(id);
    }
    if (whole.size > INLINE_PAYLOAD_SIZE_MAX) return send_large(appending, whole, &item);
    item.payload = whole;
    appending->items[appending->item_count++] = item;
    TRY(send_items(appending));
    return all_answered(appending);
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

static enum status input_open(struct appending *appending)
{
    const char *file = appending->call->argument_count > 0 ? appending->call->arguments[0] : "-";
    appending->name = strcmp(file, "-") == 0 ? "standard input" : file;
    appending->reader.fd = STDIN_FILENO;
    if (strcmp(file, "-") == 0) return ST_OK;
    appending->reader.fd = open(file, O_RDONLY | O_CLOEXEC);
    if (appending->reader.fd >= 0) return ST_OK;
    buf_put_format(appending->call->message, "%s cannot be opened: %s", file, strerror(errno));
    return ST_NOT_FOUND;
}

static enum status memory_open(struct appending *appending)
{
    appending->batch = buf_of(malloc(BATCH_BYTES_MAX), BATCH_BYTES_MAX);
    appending->request = buf_of(malloc(CONTROL_MESSAGE_SIZE_MAX), CONTROL_MESSAGE_SIZE_MAX);
    appending->reply = calloc(1, sizeof *appending->reply);
    if (appending->batch.data == NULL || appending->request.data == NULL ||
        appending->reply == NULL)
        return ST_NO_MEMORY;
    TRY(unpacker_open(&appending->unpacker));
    return render_to_stdout(cli_flag(appending->call, "json"), cli_flag(appending->call, "quiet"),
                            &appending->render);
}

static void appending_close(struct appending *appending)
{
    control_session_close(appending->session);
    render_close(appending->render);
    unpacker_close(appending->unpacker);
    line_reader_close(&appending->reader);
    if (appending->reader.fd > STDIN_FILENO) close(appending->reader.fd);
    free(appending->reply);
    free(appending->request.data);
    free(appending->batch.data);
    free(appending);
}

static enum status append(struct appending *appending, struct edge_host *host)
{
    const struct cli_call *call = appending->call;
    const struct session_engine engine = edge_host_session_engine(host);
    TRY(options_check(appending));
    TRY(input_open(appending));
    TRY(edge_host_open(host, cli_value(call, "dir"), call->message));
    TRY(memory_open(appending));
    TRY(control_session_open(&host->directory, "edge-bridge append", &engine, &appending->session,
                             call->message));
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
    struct edge_host host = {.directory.fd = -1};
    struct appending *appending = calloc(1, sizeof *appending);
    if (appending == NULL) return ST_NO_MEMORY;
    appending->call = call;
    appending->reader.fd = -1;
    const enum status status = append(appending, &host);
    appending_close(appending);
    edge_host_close(&host);
    return status;
}
