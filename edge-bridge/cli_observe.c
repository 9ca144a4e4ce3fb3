/* cli_observe.c - track put: one observation, from options, an argument or standard input, or one a
 * line.
 *
 * Every observation is read here before it is sent, so that a fault is told in words; what the
 * engine gets is its canonical JSON. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/shell/time_text.h"
#include "common/wire/observation.h"
#include "edge-bridge/cli_stream.h"
#include "edge-bridge/cli_verbs.h"

enum {
    BATCH_BYTES = 256 * 1024,
    BATCH_BYTES_MAX = BATCH_BYTES + OBSERVATION_JSON_SIZE_MAX,
    UNANSWERED_MAX = (STREAM_IN_FLIGHT_MAX + 1) * OBSERVE_ITEMS_MAX,
    OPTIONS_JSON_SIZE_MAX = 4096,
};
_Static_assert(BATCH_BYTES_MAX + OBSERVE_ITEMS_MAX * (LEVEL_NAME_SIZE_MAX + 16) <=
                   CONTROL_MESSAGE_SIZE_MAX,
               "a full batch fits one message");

/* An observation that was sent and has no receipt yet. */
struct unanswered {
    uint64_t line; /* 0: not of a line */
    struct level_name track;
};

struct observing {
    const struct cli_call *call;
    struct cli_stream stream;
    bool json;

    size_t item_count;
    struct observe_item items[OBSERVE_ITEMS_MAX];
    struct buf batch; /* the observations that items point to */

    size_t first, waiting; /* a ring: receipts come in the order of the items */
    struct unanswered unanswered[UNANSWERED_MAX];
    uint64_t accepted, refused;
    uint64_t change;    /* of the last one accepted */
    enum status status; /* of the last one refused */
};

static const char *refusal_words(enum status status)
{
    switch (status) {
    case ST_FUTURE:
        return "its time is ahead of this node's clock";
    case ST_STALE:
        return "this node has observed the track after that time";
    case ST_FULL:
        return "no room: the disk is full, or as many tracks are active as this node may keep";
    default:
        return status_words(status);
    }
}

/* track NULL: it could not be read. */
static void line_refused(struct observing *observing, uint64_t line, const char *track,
                         enum status status, struct bytes reason)
{
    uint8_t memory[2048];
    struct buf text = buf_of(memory, sizeof memory);
    observing->refused++;
    if (!observing->json) {
        fprintf(stderr, "line %" PRIu64 "%s%s not accepted: %.*s\n", line,
                track != NULL ? ", track " : "", track != NULL ? track : "", (int)reason.size,
                (const char *)reason.data);
        return;
    }
    buf_put_format(&text, "{\"line\":%" PRIu64 ",\"track\":", line);
    if (track != NULL)
        buf_put_json_text(&text, bytes_of_text(track));
    else
        buf_put_text(&text, "null");
    buf_put_format(&text, ",\"status\":\"%s\",\"reason\":", status_name(status));
    buf_put_json_text(&text, reason);
    buf_put_text(&text, "}\n");
    INVARIANT(buf_ok(&text));
    fwrite(text.data, 1, text.size, stdout);
}

static enum status receipt_taken(struct observing *observing, const struct receipt *receipt)
{
    if (observing->waiting == 0) {
        buf_put_text(observing->call->message, "the daemon answered what nobody asked");
        return ST_MALFORMED;
    }
    const struct unanswered *about = &observing->unanswered[observing->first];
    observing->first = (observing->first + 1) % UNANSWERED_MAX;
    observing->waiting--;
    if (receipt->status == ST_OK) {
        observing->accepted++;
        observing->change = receipt->sequence;
        return ST_OK;
    }
    observing->status = receipt->status;
    if (about->line > 0)
        line_refused(observing, about->line, about->track.text, receipt->status,
                     bytes_of_text(refusal_words(receipt->status)));
    return ST_OK;
}

static enum status taken(void *context, const struct control_reply *reply)
{
    struct observing *observing = context;
    if (reply->kind != REPLY_RECEIPTS) return ST_OK;
    for (size_t i = 0; i < reply->receipt_count; i++)
        TRY(receipt_taken(observing, &reply->receipts[i]));
    return ST_OK;
}

static enum status send_items(struct observing *observing)
{
    struct buf *request = &observing->stream.request;
    if (observing->item_count == 0) return ST_OK;
    observe_request_begin(request, (uint32_t)observing->item_count);
    for (size_t i = 0; i < observing->item_count; i++)
        observe_request_item(request, &observing->items[i]);
    observing->item_count = 0;
    observing->batch.size = 0;
    return cli_stream_send(&observing->stream);
}

static enum status settle(struct observing *observing)
{
    TRY(send_items(observing));
    return cli_stream_settle(&observing->stream);
}

static enum status item_put(struct observing *observing, const struct level_name *track,
                            const struct observation *observation, uint64_t line)
{
    struct buf *batch = &observing->batch;
    const size_t at = batch->size;
    INVARIANT(observing->waiting < UNANSWERED_MAX);
    struct unanswered *about =
        &observing->unanswered[(observing->first + observing->waiting++) % UNANSWERED_MAX];
    *about = (struct unanswered){.line = line, .track = *track};
    observation_write_json(NULL, &observation->said,
                           observation->has_time ? observation->time_ms : -1, batch);
    INVARIANT(buf_ok(batch));
    observing->items[observing->item_count++] =
        (struct observe_item){.track = bytes_of_text(about->track.text),
                              .observation = bytes_of(batch->data + at, batch->size - at)};
    if (observing->item_count == OBSERVE_ITEMS_MAX || batch->size >= BATCH_BYTES)
        return send_items(observing);
    return ST_OK;
}

/* ---- One a line ------------------------------------------------------------------------------ */

static enum status line_put(struct observing *observing, struct bytes line, uint64_t number)
{
    uint8_t words[DOCUMENT_REASON_SIZE_MAX];
    struct buf reason = buf_of(words, sizeof words);
    struct level_name track;
    struct observation observation;
    const enum status status = observation_read_named(line, &track, &observation, &reason);
    if (status == ST_NO_MEMORY) return status;
    if (status == ST_OK) return item_put(observing, &track, &observation, number);
    line_refused(observing, number, NULL, status, buf_bytes(&reason));
    return ST_OK;
}

static enum status lines_ended(struct observing *observing, enum status status)
{
    const struct cli_stream *stream = &observing->stream;
    struct buf *message = observing->call->message;
    const int error = errno;
    if (status == ST_NO_MEMORY) return status;
    TRY(settle(observing));
    errno = error;
    if (status == ST_DISK) return cli_stream_say_unreadable(stream);
    if (status == ST_TOO_LARGE) {
        buf_put_format(message, "%s, line %" PRIu64 ": far longer than an observation can be",
                       stream->name, stream->line);
        return status;
    }
    if (observing->refused > 0) {
        buf_put_format(message, "%" PRIu64 " accepted, %" PRIu64 " refused", observing->accepted,
                       observing->refused);
        return ST_MALFORMED;
    }
    fprintf(stderr, "%" PRIu64 " accepted, 0 refused\n", observing->accepted);
    return ST_OK;
}

static enum status put_lines(struct observing *observing)
{
    struct cli_stream *stream = &observing->stream;
    const struct cli_call *call = observing->call;
    const char *file = call->argument_count > 0 ? call->arguments[0] : "-";
    struct bytes line;
    enum status status;
    TRY(cli_stream_open(stream, call, file, taken, observing));
    while ((status = cli_stream_line(stream, PAYLOAD_SIZE_MAX, &line)) == ST_OK) {
        TRY(line_put(observing, line, stream->line));
        if (cli_stream_is_idle(stream)) TRY(settle(observing));
    }
    return lines_ended(observing, status);
}

/* ---- From options ---------------------------------------------------------------------------- */

/* Reads one number and what stands behind it. */
static bool number_put(const char *text, char **end, struct buf *out)
{
    const double number = strtod(text, end);
    if (*end == text || !isfinite(number)) return false;
    document_put_real(number, out);
    return true;
}

/* Numbers parted by commas, as members of an object; those at the end may be missing. */
static bool members_put(const char *text, const char *const *names, size_t count, struct buf *out)
{
    char *end;
    for (size_t i = 0; i < count; i++) {
        buf_put_format(out, "%s\"%s\":", i > 0 ? "," : "", names[i]);
        if (!number_put(text, &end, out)) return false;
        if (*end == '\0') return true;
        if (*end != ',') return false;
        text = end + 1;
    }
    return false;
}

static enum status say_number(const struct cli_call *call, const char *option, const char *form)
{
    buf_put_format(call->message, "--%s must be %s, not \"%.100s\"", option, form,
                   cli_value(call, option));
    return ST_USAGE;
}

static void member(const char *name, struct buf *out)
{
    buf_put_format(out, "%s\"%s\":", out->data[out->size - 1] == '{' ? "" : ",", name);
}

static enum status put_number(const struct cli_call *call, const char *option, const char *name,
                              struct buf *out)
{
    char *end;
    if (!cli_flag(call, option)) return ST_OK;
    member(name, out);
    if (!number_put(cli_value(call, option), &end, out) || *end != '\0')
        return say_number(call, option, "a number");
    return ST_OK;
}

static void put_label(const struct cli_call *call, const char *option, const char *name,
                      struct buf *out)
{
    if (!cli_flag(call, option)) return;
    member(name, out);
    buf_put_json_text(out, bytes_of_text(cli_value(call, option)));
}

static enum status put_position(const struct cli_call *call, struct buf *out)
{
    static const char *const axes[] = {"north", "east", "up"};
    if (cli_flag(call, "lat") || cli_flag(call, "lon") || cli_flag(call, "alt")) {
        member("position", out);
        buf_put_u8(out, '{');
        TRY(put_number(call, "lat", "lat", out));
        TRY(put_number(call, "lon", "lon", out));
        TRY(put_number(call, "alt", "alt", out));
        buf_put_u8(out, '}');
    }
    TRY(put_number(call, "position-confidence", "position_confidence", out));
    if (!cli_flag(call, "velocity")) return ST_OK;
    member("velocity", out);
    buf_put_u8(out, '{');
    if (!members_put(cli_value(call, "velocity"), axes, COUNT_OF(axes), out))
        return say_number(call, "velocity", "two or three numbers parted by commas");
    buf_put_u8(out, '}');
    return ST_OK;
}

static enum status put_options(const struct cli_call *call, struct buf *out)
{
    buf_put_u8(out, '{');
    TRY(put_position(call, out));
    put_label(call, "class", "classification", out);
    TRY(put_number(call, "class-confidence", "classification_confidence", out));
    put_label(call, "sensor", "sensor", out);
    if (cli_flag(call, "time")) {
        int64_t time_ms;
        TRY(time_text_read(cli_value(call, "time"), &time_ms, call->message));
        member("time", out);
        buf_put_format(out, "%" PRId64, time_ms);
    }
    buf_put_u8(out, '}');
    return ST_OK;
}

static bool has_options(const struct cli_call *call)
{
    static const char *const options[] = {
        "lat",    "lon", "alt", "position-confidence", "velocity", "class", "class-confidence",
        "sensor", "time"};
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        if (cli_flag(call, options[i])) return true;
    }
    return false;
}

/* ---- One ------------------------------------------------------------------------------------- */

static enum status track_named(const struct cli_call *call, struct level_name *out)
{
    if (level_name_from(bytes_of_text(call->arguments[0]), out) == ST_OK) return ST_OK;
    buf_put_format(call->message,
                   "\"%.100s\" cannot name a track: 1 to 64 characters of letters, digits, dot, "
                   "dash and underscore, beginning with a letter or digit",
                   call->arguments[0]);
    return ST_USAGE;
}

static enum status observation_from(struct observing *observing, struct bytes payload,
                                    struct observation *out)
{
    const struct cli_call *call = observing->call;
    uint8_t words[DOCUMENT_REASON_SIZE_MAX];
    struct buf reason = buf_of(words, sizeof words);
    const enum status status = observation_read(payload, out, &reason);
    if (status != ST_OK && reason.size > 0)
        buf_put_format(call->message, "%s not accepted: %.*s", call->arguments[0], (int)reason.size,
                       (const char *)reason.data);
    return status;
}

static enum status payload_of(struct observing *observing, struct buf *options,
                              struct bytes *payload)
{
    const struct cli_call *call = observing->call;
    const bool is_text = call->argument_count == 2 && strcmp(call->arguments[1], "-") != 0;
    if (has_options(call)) {
        TRY(put_options(call, options));
        *payload = buf_bytes(options);
        if (buf_ok(options)) return ST_OK;
        buf_put_text(call->message, "the options are too long for an observation");
        return ST_TOO_LARGE;
    }
    if (is_text) {
        *payload = bytes_of_text(call->arguments[1]);
        return ST_OK;
    }
    const enum status status =
        whole_read(&observing->stream.reader, INLINE_PAYLOAD_SIZE_MAX, payload);
    if (status == ST_DISK) return cli_stream_say_unreadable(&observing->stream);
    if (status == ST_TOO_LARGE)
        buf_put_text(call->message, "standard input is far longer than an observation can be");
    return status;
}

static enum status put_one(struct observing *observing)
{
    const struct cli_call *call = observing->call;
    uint8_t memory[OPTIONS_JSON_SIZE_MAX];
    struct buf options = buf_of(memory, sizeof memory);
    struct level_name track;
    struct observation observation;
    struct bytes payload;
    TRY(track_named(call, &track));
    TRY(cli_stream_open(&observing->stream, call, "-", taken, observing));
    TRY(payload_of(observing, &options, &payload));
    TRY(observation_from(observing, payload, &observation));
    TRY(item_put(observing, &track, &observation, 0));
    TRY(settle(observing));
    if (observing->accepted == 0) {
        buf_put_format(call->message, "%s not accepted: %s", track.text,
                       refusal_words(observing->status));
        return observing->status;
    }
    printf(observing->json ? "{\"track\":\"%s\",\"change\":%" PRIu64 "}\n" : "%s %" PRIu64 "\n",
           track.text, observing->change);
    return ST_OK;
}

static enum status arguments_check(const struct cli_call *call)
{
    const bool lines = cli_flag(call, "lines");
    const bool options = has_options(call);
    const char *wrong = NULL;
    if (lines && (options || call->argument_count > 1))
        wrong = "with --lines there is one file, and each line names its track";
    else if (!lines && call->argument_count == 0)
        wrong = "track put needs the name of a track, or --lines";
    else if (!lines && options && call->argument_count == 2)
        wrong = "an observation is given by options, as JSON, or as - for standard input";
    else if (!lines && !options && call->argument_count == 1)
        wrong = "nothing is said of the track: give options such as --lat and --lon, JSON, or -";
    if (wrong == NULL) return ST_OK;
    buf_put_text(call->message, wrong);
    return ST_USAGE;
}

enum status cli_track_put(const struct cli_call *call)
{
    TRY(arguments_check(call));
    struct observing *observing = calloc(1, sizeof *observing);
    if (observing == NULL) return ST_NO_MEMORY;
    observing->call = call;
    observing->json = cli_flag(call, "json");
    observing->stream.reader.fd = observing->stream.host.directory.fd = -1;
    observing->batch = buf_of(malloc(BATCH_BYTES_MAX), BATCH_BYTES_MAX);
    enum status status = ST_NO_MEMORY;
    if (observing->batch.data != NULL)
        status = cli_flag(call, "lines") ? put_lines(observing) : put_one(observing);
    cli_stream_close(&observing->stream);
    free(observing->batch.data);
    free(observing);
    return status;
}
