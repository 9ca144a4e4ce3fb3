/* control_msg.c - requests and replies on the control socket. */
#include "common/wire/control_msg.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/wire/fields.h"

enum {
    APPEND_FIELD_COUNT = 4,
    APPEND_ITEM_FIELD_COUNT = 2,
    PART_REQUEST_FIELD_COUNT = 3,
    VERB_FIELD_COUNT = 3,
    OBSERVE_FIELD_COUNT = 2,
    OBSERVE_ITEM_FIELD_COUNT = 2,
    PAIR_FIELD_COUNT = 2, /* an argument of a verb, a field of a record */
    RECEIPTS_FIELD_COUNT = 2,
    RECEIPT_FIELD_COUNT = 6,
    RECORD_FIELD_COUNT = 2,
    PROGRESS_FIELD_COUNT = 4,
    RAW_FIELD_COUNT = 2,
    END_FIELD_COUNT = 3,
};

_Static_assert(16 + APPEND_ENTRIES_MAX * (1 + RECEIPT_FIELD_COUNT) <= PACK_ITEMS_MAX,
               "the largest reply, and so the largest request, can be read");

/* Cut at the bound, between two characters, so that the reader takes it. */
static void clipped_pack(struct buf *out, struct bytes text, size_t size_max)
{
    if (text.size > size_max) {
        text.size = size_max;
        while (text.size > 0 && (text.data[text.size] & 0xC0) == 0x80)
            text.size--;
    }
    pack_text(out, text);
}

static void sentence_pack(struct buf *out, struct bytes text)
{
    clipped_pack(out, text, CONTROL_SENTENCE_SIZE_MAX);
}

static enum status sentence_unpack(struct packed value, struct bytes *out)
{
    return packed_text(value, CONTROL_SENTENCE_SIZE_MAX, out);
}

static enum status text_unpack(struct packed value, struct bytes *out)
{
    return packed_text(value, CONTROL_TEXT_SIZE_MAX, out);
}

/* --------------------------------------------------------------- requests */

void append_request_begin(struct buf *out, struct bytes type, unsigned priority,
                          uint32_t item_count)
{
    pack_array(out, APPEND_FIELD_COUNT);
    pack_uint(out, REQUEST_APPEND);
    pack_text(out, type);
    pack_uint(out, priority);
    pack_array(out, item_count);
}

void append_request_item(struct buf *out, const struct append_item *item)
{
    pack_array(out, APPEND_ITEM_FIELD_COUNT);
    if (item->has_id)
        pack_text(out, item->id);
    else
        pack_nil(out);
    if (item->staged)
        pack_nil(out);
    else
        pack_bin(out, item->payload);
}

void observe_request_begin(struct buf *out, uint32_t item_count)
{
    pack_array(out, OBSERVE_FIELD_COUNT);
    pack_uint(out, REQUEST_OBSERVE);
    pack_array(out, item_count);
}

void observe_request_item(struct buf *out, const struct observe_item *item)
{
    pack_array(out, OBSERVE_ITEM_FIELD_COUNT);
    pack_text(out, item->track);
    pack_bin(out, item->observation);
}

void part_request_encode(struct buf *out, uint64_t total, struct bytes part)
{
    pack_array(out, PART_REQUEST_FIELD_COUNT);
    pack_uint(out, REQUEST_PART);
    pack_uint(out, total);
    pack_bin(out, part);
}

void verb_request_encode(struct buf *out, struct bytes verb, const struct verb_argument *arguments,
                         size_t count)
{
    INVARIANT(count <= VERB_ARGUMENTS_MAX);
    pack_array(out, VERB_FIELD_COUNT);
    pack_uint(out, REQUEST_VERB);
    pack_text(out, verb);
    pack_array(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        pack_array(out, PAIR_FIELD_COUNT);
        pack_text(out, arguments[i].name);
        pack_text(out, arguments[i].value);
    }
}

static enum status append_item_unpack(struct packed value, struct append_item *out)
{
    *out = (struct append_item){0};
    TRY(packed_tuple(value, APPEND_ITEM_FIELD_COUNT));
    const struct packed id = packed_item(value, 0), payload = packed_item(value, 1);
    out->has_id = !packed_is_nil(id);
    if (out->has_id) {
        TRY(packed_text(id, PUBLISHER_ID_SIZE_MAX, &out->id));
        if (out->id.size == 0) return ST_MALFORMED;
    }
    out->staged = packed_is_nil(payload);
    return out->staged ? ST_OK : packed_bin(payload, INLINE_PAYLOAD_SIZE_MAX, &out->payload);
}

static enum status append_unpack(struct packed fields, struct control_request *out)
{
    uint64_t priority;
    uint32_t count;
    TRY(packed_tuple(fields, APPEND_FIELD_COUNT));
    TRY(sentence_unpack(packed_item(fields, 1), &out->type));
    TRY(packed_uint(packed_item(fields, 2), PRIORITY_COUNT - 1, &priority));
    TRY(packed_array(packed_item(fields, 3), 1, APPEND_ENTRIES_MAX, &count));
    for (uint32_t i = 0; i < count; i++)
        TRY(append_item_unpack(packed_item(packed_item(fields, 3), i), &out->items[i]));
    out->priority = (unsigned)priority;
    out->item_count = count;
    return ST_OK;
}

static enum status part_unpack(struct packed fields, struct control_request *out)
{
    TRY(packed_tuple(fields, PART_REQUEST_FIELD_COUNT));
    TRY(packed_uint(packed_item(fields, 1), UINT64_MAX, &out->part_total));
    TRY(packed_bin(packed_item(fields, 2), PART_SIZE, &out->part));
    return out->part.size > 0 && out->part.size <= out->part_total ? ST_OK : ST_MALFORMED;
}

static enum status verb_unpack(struct packed fields, struct control_request *out)
{
    uint32_t count;
    TRY(packed_tuple(fields, VERB_FIELD_COUNT));
    TRY(sentence_unpack(packed_item(fields, 1), &out->verb));
    TRY(packed_array(packed_item(fields, 2), 0, VERB_ARGUMENTS_MAX, &count));
    for (uint32_t i = 0; i < count; i++) {
        const struct packed pair = packed_item(packed_item(fields, 2), i);
        TRY(packed_tuple(pair, PAIR_FIELD_COUNT));
        TRY(sentence_unpack(packed_item(pair, 0), &out->arguments[i].name));
        TRY(text_unpack(packed_item(pair, 1), &out->arguments[i].value));
    }
    out->argument_count = count;
    return ST_OK;
}

static enum status observe_unpack(struct packed fields, struct control_request *out)
{
    uint32_t count;
    TRY(packed_tuple(fields, OBSERVE_FIELD_COUNT));
    TRY(packed_array(packed_item(fields, 1), 1, OBSERVE_ITEMS_MAX, &count));
    for (uint32_t i = 0; i < count; i++) {
        const struct packed item = packed_item(packed_item(fields, 1), i);
        struct observe_item *const observation = &out->observations[i];
        TRY(packed_tuple(item, OBSERVE_ITEM_FIELD_COUNT));
        TRY(sentence_unpack(packed_item(item, 0), &observation->track));
        TRY(packed_bin(packed_item(item, 1), OBSERVATION_SIZE_MAX, &observation->observation));
        if (observation->observation.size == 0) return ST_MALFORMED;
    }
    out->item_count = count;
    return ST_OK;
}

/* The number in front of every request and reply. */
static enum status kind_unpack(struct unpacker *unpacker, struct bytes message, uint64_t kind_max,
                               struct packed *fields, uint64_t *kind)
{
    uint32_t count;
    TRY(packed_read(unpacker, message, fields));
    TRY(packed_array(*fields, 1, APPEND_FIELD_COUNT, &count));
    return packed_uint(packed_item(*fields, 0), kind_max, kind);
}

enum status control_request_decode(struct unpacker *unpacker, struct bytes message,
                                   struct control_request *out)
{
    struct packed fields;
    uint64_t kind;
    TRY(kind_unpack(unpacker, message, REQUEST_OBSERVE, &fields, &kind));
    out->kind = (enum control_request_kind)kind;
    switch (out->kind) {
    case REQUEST_APPEND:
        return append_unpack(fields, out);
    case REQUEST_PART:
        return part_unpack(fields, out);
    case REQUEST_VERB:
        return verb_unpack(fields, out);
    case REQUEST_OBSERVE:
        return observe_unpack(fields, out);
    }
    return ST_MALFORMED;
}

bool verb_argument_find(const struct control_request *request, const char *name,
                        struct bytes *value)
{
    for (size_t i = 0; i < request->argument_count; i++) {
        if (!bytes_equal(request->arguments[i].name, bytes_of_text(name))) continue;
        *value = request->arguments[i].value;
        return true;
    }
    return false;
}

/* ---------------------------------------------------------------- replies */

void receipts_reply_begin(struct buf *out, uint32_t count)
{
    pack_array(out, RECEIPTS_FIELD_COUNT);
    pack_uint(out, REPLY_RECEIPTS);
    pack_array(out, count);
}

const char *receipt_words(enum status status)
{
    switch (status) {
    case ST_CONFLICT:
        return "this id was used before with another payload";
    case ST_USAGE:
        return "the priority is not one of 0 to 5, or the payload was not handed in whole";
    case ST_MALFORMED:
        return "the type is not a name of 1 to 64 letters, digits, '.', '_' and '-'";
    case ST_TOO_LARGE:
        return "the payload is over 63 KiB (16 MiB by socket or file), or its id over 256 bytes";
    case ST_FULL:
        return "full: no room for this priority until the disk has more free bytes";
    default:
        return status_words(status);
    }
}

void receipts_reply_item(struct buf *out, const struct receipt *receipt)
{
    pack_array(out, RECEIPT_FIELD_COUNT);
    pack_uint(out, (uint64_t)receipt->status);
    pack_bool(out, receipt->duplicate);
    PACK_FIXED(out, receipt->log);
    pack_uint(out, receipt->sequence);
    PACK_FIXED(out, receipt->hash);
    pack_bool(out, receipt->best_effort);
}

void record_reply_begin(struct buf *out, uint32_t field_count)
{
    pack_array(out, RECORD_FIELD_COUNT);
    pack_uint(out, REPLY_RECORD);
    pack_array(out, field_count);
}

static void field_begin(struct buf *out, const char *name)
{
    pack_array(out, PAIR_FIELD_COUNT);
    sentence_pack(out, bytes_of_text(name));
}

void record_text(struct buf *out, const char *name, struct bytes value)
{
    field_begin(out, name);
    clipped_pack(out, value, CONTROL_TEXT_SIZE_MAX);
}

void record_words(struct buf *out, const char *name, const char *value)
{
    record_text(out, name, bytes_of_text(value));
}

void record_hex(struct buf *out, const char *name, struct bytes value)
{
    char text[CONTROL_TEXT_SIZE_MAX + 1];
    if (value.size > CONTROL_TEXT_SIZE_MAX / 2) value.size = CONTROL_TEXT_SIZE_MAX / 2;
    hex_encode(value, text);
    record_text(out, name, bytes_of(text, 2 * value.size));
}

void record_uint(struct buf *out, const char *name, uint64_t value)
{
    field_begin(out, name);
    pack_uint(out, value);
}

void record_int(struct buf *out, const char *name, int64_t value)
{
    field_begin(out, name);
    pack_int(out, value);
}

void record_bool(struct buf *out, const char *name, bool value)
{
    field_begin(out, name);
    pack_bool(out, value);
}

void record_nil(struct buf *out, const char *name)
{
    field_begin(out, name);
    pack_nil(out);
}

struct civil_date {
    int64_t year, month, day;
};

/* Days since 1970-01-01 to the Gregorian date, by counting in years that begin in March, so that
 * the leap day comes last (Howard Hinnant, "chrono-compatible low-level date algorithms"). */
static struct civil_date civil_date_of(int64_t days)
{
    const int64_t shifted = days + 719468; /* days since 0000-03-01 */
    const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    const int64_t day_of_era = shifted - era * 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t march_month = (5 * day_of_year + 2) / 153;
    const int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    return (struct civil_date){
        .year = year_of_era + era * 400 + (month <= 2 ? 1 : 0),
        .month = month,
        .day = day_of_year - (153 * march_month + 2) / 5 + 1,
    };
}

void record_time(struct buf *out, const char *name, int64_t wall_ms)
{
    const int64_t day_ms = 24 * 60 * 60 * 1000;
    const int64_t in_day_ms = (wall_ms % day_ms + day_ms) % day_ms;
    const int64_t whole_days = wall_ms / day_ms - (wall_ms % day_ms < 0 ? 1 : 0);
    const struct civil_date date = civil_date_of(whole_days);
    if (date.year < 0 || date.year > 9999) {
        record_int(out, name, wall_ms);
        return;
    }
    char text[128];
    const int size = snprintf(text, sizeof(text),
                              "%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64 ":%02" PRId64
                              ":%02" PRId64 ".%03" PRId64 "Z",
                              date.year, date.month, date.day, in_day_ms / 3600000,
                              in_day_ms / 60000 % 60, in_day_ms / 1000 % 60, in_day_ms % 1000);
    INVARIANT(size > 0 && (size_t)size < sizeof(text));
    record_text(out, name, bytes_of(text, (size_t)size));
}

void progress_reply_encode(struct buf *out, uint64_t done, uint64_t total, const char *unit)
{
    pack_array(out, PROGRESS_FIELD_COUNT);
    pack_uint(out, REPLY_PROGRESS);
    pack_uint(out, done);
    pack_uint(out, total);
    sentence_pack(out, bytes_of_text(unit));
}

void raw_reply_encode(struct buf *out, struct bytes raw)
{
    pack_array(out, RAW_FIELD_COUNT);
    pack_uint(out, REPLY_RAW);
    pack_bin(out, raw);
}

void end_reply_encode(struct buf *out, enum status status, struct bytes message)
{
    pack_array(out, END_FIELD_COUNT);
    pack_uint(out, REPLY_END);
    pack_uint(out, (uint64_t)status);
    sentence_pack(out, message);
}

static enum status status_unpack(struct packed value, enum status *out)
{
    uint64_t number;
    TRY(packed_uint(value, STATUS_COUNT - 1, &number));
    *out = (enum status)number;
    return ST_OK;
}

static enum status receipt_unpack(struct packed value, struct receipt *out)
{
    TRY(packed_tuple(value, RECEIPT_FIELD_COUNT));
    TRY(status_unpack(packed_item(value, 0), &out->status));
    TRY(packed_bool(packed_item(value, 1), &out->duplicate));
    TRY(PACKED_FIXED(packed_item(value, 2), &out->log));
    TRY(packed_uint(packed_item(value, 3), PACK_SEQUENCE_MAX, &out->sequence));
    TRY(PACKED_FIXED(packed_item(value, 4), &out->hash));
    return packed_bool(packed_item(value, 5), &out->best_effort);
}

static enum status receipts_unpack(struct packed fields, struct control_reply *out)
{
    uint32_t count;
    TRY(packed_tuple(fields, RECEIPTS_FIELD_COUNT));
    TRY(packed_array(packed_item(fields, 1), 0, APPEND_ENTRIES_MAX, &count));
    for (uint32_t i = 0; i < count; i++)
        TRY(receipt_unpack(packed_item(packed_item(fields, 1), i), &out->receipts[i]));
    out->receipt_count = count;
    return ST_OK;
}

static enum status record_field_unpack(struct packed pair, struct record_field *out)
{
    TRY(packed_tuple(pair, PAIR_FIELD_COUNT));
    const struct packed value = packed_item(pair, 1);
    *out = (struct record_field){.kind = packed_kind_of(value)};
    TRY(sentence_unpack(packed_item(pair, 0), &out->name));
    switch (out->kind) {
    case PACKED_NIL:
        return ST_OK;
    case PACKED_BOOL:
        return packed_bool(value, &out->boolean);
    case PACKED_UINT:
        return packed_uint(value, UINT64_MAX, &out->natural);
    case PACKED_INT:
        return packed_int(value, &out->integer);
    case PACKED_TEXT:
        return text_unpack(value, &out->text);
    case PACKED_BIN:
    case PACKED_ARRAY:
        break;
    }
    return ST_MALFORMED;
}

static enum status record_unpack(struct packed fields, struct control_reply *out)
{
    uint32_t count;
    TRY(packed_tuple(fields, RECORD_FIELD_COUNT));
    TRY(packed_array(packed_item(fields, 1), 0, RECORD_FIELDS_MAX, &count));
    for (uint32_t i = 0; i < count; i++)
        TRY(record_field_unpack(packed_item(packed_item(fields, 1), i), &out->fields[i]));
    out->field_count = count;
    return ST_OK;
}

static enum status progress_unpack(struct packed fields, struct control_reply *out)
{
    TRY(packed_tuple(fields, PROGRESS_FIELD_COUNT));
    TRY(packed_uint(packed_item(fields, 1), UINT64_MAX, &out->done));
    TRY(packed_uint(packed_item(fields, 2), UINT64_MAX, &out->total));
    return sentence_unpack(packed_item(fields, 3), &out->unit);
}

static enum status raw_unpack(struct packed fields, struct control_reply *out)
{
    TRY(packed_tuple(fields, RAW_FIELD_COUNT));
    return packed_bin(packed_item(fields, 1), CONTROL_MESSAGE_SIZE_MAX, &out->raw);
}

static enum status end_unpack(struct packed fields, struct control_reply *out)
{
    TRY(packed_tuple(fields, END_FIELD_COUNT));
    TRY(status_unpack(packed_item(fields, 1), &out->status));
    return sentence_unpack(packed_item(fields, 2), &out->message);
}

enum status control_reply_decode(struct unpacker *unpacker, struct bytes message,
                                 struct control_reply *out)
{
    struct packed fields;
    uint64_t kind;
    TRY(kind_unpack(unpacker, message, REPLY_END, &fields, &kind));
    out->kind = (enum control_reply_kind)kind;
    switch (out->kind) {
    case REPLY_RECEIPTS:
        return receipts_unpack(fields, out);
    case REPLY_RECORD:
        return record_unpack(fields, out);
    case REPLY_PROGRESS:
        return progress_unpack(fields, out);
    case REPLY_RAW:
        return raw_unpack(fields, out);
    case REPLY_END:
        return end_unpack(fields, out);
    }
    return ST_MALFORMED;
}
