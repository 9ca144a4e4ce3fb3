/* frame_words.c - one line for people on what a frame says, for hunting a fault in a trace. */
#include "tests/sim/frame_words.h"

#include <stdlib.h>

#include "common/wire/envelope.h"
#include "common/wire/evidence_msg.h"
#include "common/wire/sync_msg.h"
#include "tests/sim/sim_message.h"
#include "topics/topics.h"

struct reader {
    struct unpacker *unpacker;
    struct compressor *compressor;
    struct hasher *hasher;
    struct evidence_run *run;
    struct ack *ack;
    struct hello *hello;
    struct hello_reply *reply;
    uint8_t *plain;
};

static void reader_open(struct reader *reader)
{
    INVARIANT(unpacker_open(&reader->unpacker) == ST_OK);
    INVARIANT(compressor_open(&reader->compressor) == ST_OK);
    INVARIANT(hasher_open(&reader->hasher) == ST_OK);
    reader->run = sim_allocate(sizeof(*reader->run));
    reader->ack = sim_allocate(sizeof(*reader->ack));
    reader->hello = sim_allocate(sizeof(*reader->hello));
    reader->reply = sim_allocate(sizeof(*reader->reply));
    reader->plain = sim_allocate(BODY_UNPACKED_SIZE_MAX);
}

static void reader_close(struct reader *reader)
{
    unpacker_close(reader->unpacker);
    compressor_close(reader->compressor);
    hasher_close(reader->hasher);
    free(reader->run);
    free(reader->ack);
    free(reader->hello);
    free(reader->reply);
    free(reader->plain);
}

static void put_number(struct buf *out, const char *name, uint64_t value)
{
    buf_put_format(out, " %s %llu", name, (unsigned long long)value);
}

/* The first bytes of an id are enough to tell logs apart. */
static void put_log(struct buf *out, const char *before, const struct log_id *log)
{
    buf_put_text(out, before);
    buf_put_hex(out, bytes_of(log->bytes, 3));
}

static void put_range(struct buf *out, const char *before, uint64_t from, uint64_t to)
{
    buf_put_format(out, "%s%llu..%llu", before, (unsigned long long)from, (unsigned long long)to);
}

static void put_run(struct buf *out, const char *name, const struct evidence_run *run)
{
    struct evidence_header last;
    put_log(out, name, &run->log);
    if (run->count > 0 &&
        evidence_header_decode(
            bytes_of(run->entries[run->count - 1].header.bytes, ENTRY_HEADER_SIZE), &last) == ST_OK)
        put_range(out, " ", run->first_sequence, last.sequence);
    if (run->checkpoint.size > 0) put_number(out, "checkpoint", run->checkpoint.size);
}

static void put_ranges(struct buf *out, const char *name, const struct ack *ack,
                       struct range_slice slice)
{
    for (uint16_t i = 0; i < slice.count; i++) {
        const struct sequence_range *range = &ack->ranges[slice.first + i];
        put_range(out, name, range->from, range->to);
    }
}

static void put_lanes(struct buf *out, const struct ack *ack)
{
    if (ack->has_tracks) {
        put_number(out, "tracks", ack->track_numbering);
        put_number(out, "cursor", ack->track_cursor);
    }
    if (!ack->has_config) return;
    put_number(out, "config", ack->config_incarnation);
    put_number(out, "judged", ack->config_judged);
    for (size_t i = 0; i < ack->refusal_count; i++)
        put_range(out, " refused ", ack->refusals[i].from, ack->refusals[i].to);
}

static void put_ack(struct buf *out, const char *name, const struct ack *ack)
{
    static const char *const states[] = {"", " frozen", " closed"};
    buf_put_text(out, name);
    for (size_t i = 0; i < ack->log_count; i++) {
        const struct ack_log *log = &ack->logs[i];
        put_log(out, i > 0 ? ", " : " ", &log->log);
        buf_put_format(out, " %llu%s", (unsigned long long)log->size, states[log->state]);
        if (log->parts > 0) put_number(out, "parts", log->parts);
        put_ranges(out, " above ", ack, log->above);
        put_ranges(out, " rejected ", ack, log->rejected);
        put_ranges(out, " forked ", ack, log->forked);
        for (uint16_t k = 0; k < log->tips.count; k++) {
            put_number(out, "tip", ack->tips[log->tips.first + k].sequence);
        }
    }
    put_lanes(out, ack);
}

static void put_hello(struct buf *out, const struct hello *hello)
{
    buf_put_text(out, "hello");
    for (size_t i = 0; i < hello->log_count; i++) {
        put_log(out, i > 0 ? ", " : " ", &hello->logs[i].log);
        put_number(out, "head", hello->logs[i].head_sequence);
        put_number(out, "acked", hello->logs[i].acked);
    }
}

static void put_body(struct reader *reader, const struct node_name *node, enum frame_kind kind,
                     struct bytes body, struct buf *out)
{
    struct evidence_part part;
    struct range_request range;
    enum status status = ST_OK;
    switch (kind) {
    case FRAME_EVIDENCE:
        status = evidence_msg_decode(reader->unpacker, reader->hasher, node, body, reader->run);
        if (status == ST_OK) put_run(out, "evidence ", reader->run);
        break;
    case FRAME_EVIDENCE_AHEAD:
        status = ahead_msg_decode(reader->unpacker, reader->hasher, node, body, reader->run);
        if (status == ST_OK) put_run(out, "ahead ", reader->run);
        break;
    case FRAME_EVIDENCE_PART:
        status = part_msg_decode(reader->unpacker, body, &part);
        if (status != ST_OK) break;
        put_log(out, "part ", &part.log);
        put_number(out, "entry", part.sequence);
        put_number(out, "part", part.part);
        break;
    case FRAME_ACK:
        status = ack_msg_decode(reader->unpacker, body, reader->ack);
        if (status == ST_OK) put_ack(out, "ack", reader->ack);
        break;
    case FRAME_HELLO:
        status = hello_decode(reader->unpacker, body, reader->hello);
        if (status == ST_OK) put_hello(out, reader->hello);
        break;
    case FRAME_HELLO_REPLY:
        status = hello_reply_decode(reader->unpacker, body, reader->reply);
        if (status == ST_OK) put_ack(out, "hello reply", &reader->reply->ack);
        break;
    case FRAME_RANGE_REQUEST:
        status = range_request_decode(reader->unpacker, body, &range);
        if (status != ST_OK) break;
        put_log(out, "range request ", &range.log);
        put_range(out, " ", range.from, range.to);
        break;
    case FRAME_STATUS:
        buf_put_text(out, "status");
        break;
    default:
        status = frame_words_replica(reader->unpacker, kind, body, out);
        break;
    }
    if (status != ST_OK) buf_put_format(out, "body: %s", status_name(status));
}

void frame_words(struct bytes topic, struct bytes payload, struct buf *out)
{
    struct reader reader;
    struct envelope envelope;
    struct topic_parts parts = {0};
    struct node_name node = {0};
    struct bytes body;
    reader_open(&reader);
    struct buf plain = buf_of(reader.plain, BODY_UNPACKED_SIZE_MAX);
    if (topic_parse("hf/v1", topic, &parts) == ST_OK && parts.node.size > 0) {
        buf_put(out, parts.node);
        buf_put_text(out, ": ");
        if (node_name_from(parts.node, &node) != ST_OK) buf_put_text(out, "(bad name) ");
    }
    if (envelope_read(reader.unpacker, payload, &envelope) == ST_OK &&
        envelope_body(&envelope, reader.compressor, &plain, &body) == ST_OK) {
        put_body(&reader, &node, envelope.kind, body, out);
    } else {
        buf_put_text(out, "not a frame");
    }
    reader_close(&reader);
}
