/* recode.c - decode, encode again, compare: for every message of common/wire. */
#include "tests/support/recode.h"

#include <stdlib.h>
#include <string.h>

#include "common/wire/ack_msg.h"
#include "common/wire/control_entry.h"
#include "common/wire/control_msg.h"
#include "common/wire/envelope.h"
#include "common/wire/evidence_msg.h"
#include "common/wire/fields.h"
#include "common/wire/status_msg.h"
#include "common/wire/sync_msg.h"

enum { OUT_SIZE_MAX = 2 * 1024 * 1024 };

struct recoder {
    struct unpacker *unpacker;
    struct hasher *hasher;
    struct compressor *compressor;
    struct evidence_run run;
    struct control_request request;
    struct control_reply reply;
    struct hello hello;
    struct hello_reply hello_reply;
    struct ack ack;
    struct loss loss;
    uint8_t scratch[OUT_SIZE_MAX];
    uint8_t out[OUT_SIZE_MAX];
};

static const struct node_name recode_node = {"edge-1"};

struct recoder *recoder_open(void)
{
    struct recoder *const recoder = calloc(1, sizeof *recoder);
    INVARIANT(recoder != NULL);
    INVARIANT(unpacker_open(&recoder->unpacker) == ST_OK);
    INVARIANT(hasher_open(&recoder->hasher) == ST_OK);
    INVARIANT(compressor_open(&recoder->compressor) == ST_OK);
    return recoder;
}

void recoder_close(struct recoder *recoder)
{
    compressor_close(recoder->compressor);
    hasher_close(recoder->hasher);
    unpacker_close(recoder->unpacker);
    free(recoder);
}

/* ------------------------------------------------------------------ pack */

static void scalar_pack(struct packed value, struct buf *out)
{
    bool boolean = false;
    uint64_t natural = 0;
    int64_t integer = 0;
    struct bytes bytes = BYTES_EMPTY;
    switch (packed_kind_of(value)) {
    case PACKED_NIL:
        pack_nil(out);
        return;
    case PACKED_BOOL:
        INVARIANT(packed_bool(value, &boolean) == ST_OK);
        pack_bool(out, boolean);
        return;
    case PACKED_UINT:
        INVARIANT(packed_uint(value, UINT64_MAX, &natural) == ST_OK);
        pack_uint(out, natural);
        return;
    case PACKED_INT:
        INVARIANT(packed_int(value, &integer) == ST_OK);
        pack_int(out, integer);
        return;
    case PACKED_BIN:
        INVARIANT(packed_bin(value, SIZE_MAX, &bytes) == ST_OK);
        pack_bin(out, bytes);
        return;
    case PACKED_TEXT:
    case PACKED_ARRAY:
        UNREACHABLE();
    }
}

/* False when there is a text with a NUL, which is canonical but which no message accepts. */
static bool value_pack(struct packed value, struct buf *out)
{
    struct bytes text;
    uint32_t count;
    switch (packed_kind_of(value)) {
    case PACKED_TEXT:
        if (packed_text(value, SIZE_MAX, &text) != ST_OK) return false;
        pack_text(out, text);
        return true;
    case PACKED_ARRAY:
        INVARIANT(packed_array(value, 0, UINT32_MAX, &count) == ST_OK);
        pack_array(out, count);
        for (uint32_t i = 0; i < count; i++)
            if (!value_pack(packed_item(value, i), out)) return false;
        return true;
    case PACKED_NIL:
    case PACKED_BOOL:
    case PACKED_UINT:
    case PACKED_INT:
    case PACKED_BIN:
        break;
    }
    scalar_pack(value, out);
    return true;
}

enum status recode_pack(struct recoder *recoder, struct bytes in, struct buf *out)
{
    struct packed value;
    TRY(packed_read(recoder->unpacker, in, &value));
    return value_pack(value, out) ? ST_OK : ST_MALFORMED;
}

/* -------------------------------------------------------------- envelope */

enum status recode_envelope(struct recoder *recoder, struct bytes in, struct buf *out)
{
    struct envelope envelope;
    struct buf scratch = buf_of(recoder->scratch, BODY_UNPACKED_SIZE_MAX);
    struct bytes body;
    TRY(envelope_read(recoder->unpacker, in, &envelope));
    /* Whether the body unpacks or not, nothing may be read or written out of bounds. */
    if (envelope_body(&envelope, recoder->compressor, &scratch, &body) == ST_OK)
        INVARIANT(body.size <= BODY_UNPACKED_SIZE_MAX);
    pack_array(out, 7);
    pack_uint(out, ENVELOPE_VERSION);
    pack_uint(out, (uint64_t)envelope.kind);
    pack_text(out, bytes_of_text(envelope.sender.text));
    pack_uint(out, envelope.hlc);
    pack_uint(out, envelope.flags);
    pack_bin(out, envelope.body);
    INVARIANT(bytes_equal(buf_bytes(out), envelope.signed_part));
    PACK_FIXED(out, envelope.signature);
    return ST_OK;
}

/* -------------------------------------------------------------- evidence */

/* Every decoded entry has a header that decodes, chains and is hashed right. */
static void check_run(struct recoder *recoder, bool chained, struct evidence_header *headers)
{
    const struct evidence_run *const run = &recoder->run;
    struct digest prev_hash = run->prev_hash;
    for (size_t i = 0; i < run->count; i++) {
        const struct header_bytes *const bytes = &run->entries[i].header;
        const struct digest hash = evidence_hash(recoder->hasher, bytes);
        INVARIANT(evidence_header_decode(bytes_of(bytes->bytes, ENTRY_HEADER_SIZE), &headers[i]) ==
                  ST_OK);
        INVARIANT(digest_equal(&hash, &run->hashes[i]));
        INVARIANT(node_name_equal(&headers[i].node, &recode_node));
        INVARIANT(log_id_equal(&headers[i].log, &run->log));
        if (run->entries[i].form == PAYLOAD_INLINE)
            INVARIANT(evidence_payload_check(recoder->hasher, &headers[i],
                                             run->entries[i].payload) == ST_OK);
        if (!chained) continue;
        INVARIANT(headers[i].sequence == run->first_sequence + i);
        INVARIANT(digest_equal(&headers[i].prev_hash, &prev_hash));
        prev_hash = hash;
    }
}

enum status recode_evidence(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct evidence_header headers[RUN_ENTRIES_MAX];
    const struct evidence_run *const run = &recoder->run;
    TRY(evidence_msg_decode(recoder->unpacker, recoder->hasher, &recode_node, in, &recoder->run));
    check_run(recoder, true, headers);
    struct evidence_writer writer;
    evidence_writer_begin(&writer, recoder->scratch, OUT_SIZE_MAX);
    for (size_t i = 0; i < run->count; i++)
        INVARIANT(evidence_writer_add(&writer, &headers[i], &run->entries[i], OUT_SIZE_MAX));
    const struct evidence_run_head head = {
        .log = run->log,
        .first_sequence = run->first_sequence,
        .prev_hash = run->prev_hash,
        .key_id = run->key_id,
        .checkpoint = run->checkpoint,
        .checkpoint_key_id = run->checkpoint_key_id,
    };
    evidence_msg_encode(&head, &writer, out);
    INVARIANT(out->size - writer.entries.size <= RUN_HEAD_SIZE_MAX);
    return ST_OK;
}

enum status recode_ahead(struct recoder *recoder, struct bytes in, struct buf *out)
{
    static struct evidence_header headers[RUN_ENTRIES_MAX];
    const struct evidence_run *const run = &recoder->run;
    TRY(ahead_msg_decode(recoder->unpacker, recoder->hasher, &recode_node, in, &recoder->run));
    check_run(recoder, false, headers);
    ahead_msg_encode(&run->log, run->entries, run->count, out);
    return ST_OK;
}

enum status recode_part(struct recoder *recoder, struct bytes in, struct buf *out)
{
    struct evidence_part part;
    TRY(part_msg_decode(recoder->unpacker, in, &part));
    part_msg_encode(&part, out);
    return ST_OK;
}

/* -------------------------------------------------- ack, sync and status */

enum status recode_ack(struct recoder *recoder, struct bytes in, struct buf *out)
{
    TRY(ack_msg_decode(recoder->unpacker, in, &recoder->ack));
    ack_pack(&recoder->ack, out);
    return ST_OK;
}

enum status recode_hello(struct recoder *recoder, struct bytes in, struct buf *out)
{
    TRY(hello_decode(recoder->unpacker, in, &recoder->hello));
    hello_encode(&recoder->hello, out);
    return ST_OK;
}

enum status recode_hello_reply(struct recoder *recoder, struct bytes in, struct buf *out)
{
    TRY(hello_reply_decode(recoder->unpacker, in, &recoder->hello_reply));
    hello_reply_encode(&recoder->hello_reply, out);
    return ST_OK;
}

enum status recode_range_request(struct recoder *recoder, struct bytes in, struct buf *out)
{
    struct range_request request;
    TRY(range_request_decode(recoder->unpacker, in, &request));
    range_request_encode(&request, out);
    return ST_OK;
}

enum status recode_status(struct recoder *recoder, struct bytes in, struct buf *out)
{
    struct status_report report;
    TRY(status_msg_decode(recoder->unpacker, in, &report));
    status_msg_encode(&report, out);
    return ST_OK;
}

/* ------------------------------------------------------- control entries */

enum status recode_genesis(struct recoder *recoder, struct bytes in, struct buf *out)
{
    struct genesis genesis;
    TRY(genesis_decode(recoder->unpacker, in, &genesis));
    genesis_encode(&genesis, out);
    return ST_OK;
}

enum status recode_type(struct recoder *recoder, struct bytes in, struct buf *out)
{
    struct type_entry type;
    TRY(type_entry_decode(recoder->unpacker, in, &type));
    type_entry_encode(&type, out);
    return ST_OK;
}

enum status recode_boot(struct recoder *recoder, struct bytes in, struct buf *out)
{
    struct boot_entry boot;
    TRY(boot_entry_decode(recoder->unpacker, in, &boot));
    boot_entry_encode(&boot, out);
    return ST_OK;
}

enum status recode_clock(struct recoder *recoder, struct bytes in, struct buf *out)
{
    struct clock_entry clock;
    TRY(clock_entry_decode(recoder->unpacker, in, &clock));
    clock_entry_encode(&clock, out);
    return ST_OK;
}

enum status recode_heartbeat(struct recoder *recoder, struct bytes in, struct buf *out)
{
    struct heartbeat heartbeat;
    TRY(heartbeat_decode(recoder->unpacker, in, &heartbeat));
    heartbeat_encode(&heartbeat, out);
    return ST_OK;
}

enum status recode_loss(struct recoder *recoder, struct bytes in, struct buf *out)
{
    TRY(loss_decode(recoder->unpacker, in, &recoder->loss));
    loss_encode(&recoder->loss, out);
    return ST_OK;
}

enum status recode_close(struct recoder *recoder, struct bytes in, struct buf *out)
{
    struct bytes reason;
    TRY(close_decode(recoder->unpacker, in, &reason));
    close_encode(reason, out);
    return ST_OK;
}

/* -------------------------------------------------------- control socket */

enum status recode_control_request(struct recoder *recoder, struct bytes in, struct buf *out)
{
    const struct control_request *const request = &recoder->request;
    TRY(control_request_decode(recoder->unpacker, in, &recoder->request));
    switch (request->kind) {
    case REQUEST_APPEND:
        append_request_begin(out, request->type, request->priority, (uint32_t)request->item_count);
        for (size_t i = 0; i < request->item_count; i++)
            append_request_item(out, &request->items[i]);
        break;
    case REQUEST_PART:
        part_request_encode(out, request->part_total, request->part);
        break;
    case REQUEST_OBSERVE:
        observe_request_begin(out, (uint32_t)request->item_count);
        for (size_t i = 0; i < request->item_count; i++)
            observe_request_item(out, &request->observations[i]);
        break;
    case REQUEST_VERB:
        verb_request_encode(out, request->verb, request->arguments, request->argument_count);
        break;
    }
    return ST_OK;
}

/* With a NUL behind it, because record_* take names as C strings. */
static const char *terminated(struct bytes text)
{
    static char memory[CONTROL_SENTENCE_SIZE_MAX + 1];
    if (text.size > 0) memcpy(memory, text.data, text.size);
    memory[text.size] = '\0';
    return memory;
}

static void record_field_pack(const struct record_field *field, struct buf *out)
{
    const char *const name = terminated(field->name);
    switch (field->kind) {
    case PACKED_NIL:
        record_nil(out, name);
        return;
    case PACKED_BOOL:
        record_bool(out, name, field->boolean);
        return;
    case PACKED_UINT:
        record_uint(out, name, field->natural);
        return;
    case PACKED_INT:
        record_int(out, name, field->integer);
        return;
    case PACKED_TEXT:
        record_text(out, name, field->text);
        return;
    case PACKED_BIN:
    case PACKED_ARRAY:
        UNREACHABLE();
    }
}

enum status recode_control_reply(struct recoder *recoder, struct bytes in, struct buf *out)
{
    const struct control_reply *const reply = &recoder->reply;
    TRY(control_reply_decode(recoder->unpacker, in, &recoder->reply));
    switch (reply->kind) {
    case REPLY_RECEIPTS:
        receipts_reply_begin(out, (uint32_t)reply->receipt_count);
        for (size_t i = 0; i < reply->receipt_count; i++)
            receipts_reply_item(out, &reply->receipts[i]);
        break;
    case REPLY_RECORD:
        record_reply_begin(out, (uint32_t)reply->field_count);
        for (size_t i = 0; i < reply->field_count; i++)
            record_field_pack(&reply->fields[i], out);
        break;
    case REPLY_PROGRESS:
        progress_reply_encode(out, reply->done, reply->total, terminated(reply->unit));
        break;
    case REPLY_RAW:
        raw_reply_encode(out, reply->raw);
        break;
    case REPLY_END:
        end_reply_encode(out, reply->status, reply->message);
        break;
    }
    return ST_OK;
}

/* -------------------------------------------------------------- property */

bool recode_holds(struct recoder *recoder, recode_function recode, struct bytes in)
{
    uint8_t *const exact = malloc(in.size == 0 ? 1 : in.size);
    INVARIANT(exact != NULL);
    if (in.size > 0) memcpy(exact, in.data, in.size);
    struct buf out = buf_of(recoder->out, OUT_SIZE_MAX);
    const bool accepted = recode(recoder, bytes_of(exact, in.size), &out) == ST_OK;
    if (accepted) INVARIANT(buf_ok(&out) && bytes_equal(buf_bytes(&out), in));
    free(exact);
    return accepted;
}

void recode_damage(struct recoder *recoder, recode_function recode, struct bytes good)
{
    uint8_t *const bytes = malloc(good.size + 1);
    INVARIANT(bytes != NULL);
    memcpy(bytes, good.data, good.size);
    for (size_t size = 0; size < good.size; size++)
        INVARIANT(!recode_holds(recoder, recode, bytes_of(bytes, size)));
    for (size_t bit = 0; bit < 8 * good.size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        recode_holds(recoder, recode, bytes_of(bytes, good.size));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    bytes[good.size] = 0;
    INVARIANT(!recode_holds(recoder, recode, bytes_of(bytes, good.size + 1)));
    INVARIANT(recode_holds(recoder, recode, good));
    free(bytes);
}

int recode_fuzz(recode_function recode, const uint8_t *data, size_t size)
{
    static struct recoder *recoder;
    if (recoder == NULL) recoder = recoder_open();
    recode_holds(recoder, recode, bytes_of(data, size));
    return 0;
}
