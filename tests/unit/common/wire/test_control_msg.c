/* test_control_msg.c - do a verb and a daemon understand each other, whatever a text holds? */
#include "common/wire/control_msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/wire_check.h"

static struct control_request request;
static struct control_reply reply;
static char long_text[CONTROL_TEXT_SIZE_MAX + 1];
static uint8_t blob[INLINE_PAYLOAD_SIZE_MAX + 1];

static enum status decode_request(struct wire *wire, const struct buf *message)
{
    assert_true(buf_ok(message));
    return control_request_decode(wire->unpacker, buf_bytes(message), &request);
}

static enum status decode_reply(struct wire *wire, const struct buf *message)
{
    assert_true(buf_ok(message));
    return control_reply_decode(wire->unpacker, buf_bytes(message), &reply);
}

/* ---------------------------------------------------------------- APPEND */

static void test_an_append_request_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    static struct append_item items[40];
    static char ids[40][PUBLISHER_ID_SIZE_MAX];
    for (unsigned round = 0; round < 100; round++) {
        const uint32_t count = 1 + (uint32_t)rng_below(&wire->rng, COUNT_OF(items));
        struct buf out = wire_buf(wire);
        append_request_begin(&out, BYTES_LITERAL("ais"), round % PRIORITY_COUNT, count);
        for (uint32_t i = 0; i < count; i++) {
            items[i] = (struct append_item){.has_id = rng_chance(&wire->rng, 500),
                                            .staged = rng_chance(&wire->rng, 300)};
            if (items[i].has_id)
                items[i].id = random_text(&wire->rng, ids[i], 1, PUBLISHER_ID_SIZE_MAX);
            if (!items[i].staged) items[i].payload = bytes_of(blob, rng_below(&wire->rng, 300));
            append_request_item(&out, &items[i]);
        }
        assert_int_equal(decode_request(wire, &out), ST_OK);
        assert_int_equal(request.kind, REQUEST_APPEND);
        assert_true(bytes_equal(request.type, BYTES_LITERAL("ais")));
        assert_int_equal(request.priority, round % PRIORITY_COUNT);
        assert_int_equal(request.item_count, count);
        for (uint32_t i = 0; i < count; i++) {
            const struct append_item *const item = &request.items[i];
            assert_true(item->has_id == items[i].has_id && item->staged == items[i].staged);
            assert_true(bytes_equal(item->id, items[i].id));
            assert_true(bytes_equal(item->payload, items[i].payload));
        }
        assert_true(recode_holds(wire->recoder, recode_control_request, buf_bytes(&out)));
    }
}

static enum status append(struct wire *wire, unsigned priority, uint32_t count, size_t id_size,
                          size_t payload_size)
{
    const struct append_item item = {.has_id = true,
                                     .id = bytes_of(long_text, id_size),
                                     .payload = bytes_of(blob, payload_size)};
    struct buf out = wire_buf(wire);
    append_request_begin(&out, BYTES_LITERAL("ais"), priority, count);
    for (uint32_t i = 0; i < count; i++)
        append_request_item(&out, &item);
    return decode_request(wire, &out);
}

static void test_an_append_request_out_of_bounds_is_refused(void **state)
{
    struct wire *const wire = *state;
    assert_int_equal(append(wire, 5, 1, 1, INLINE_PAYLOAD_SIZE_MAX), ST_OK);
    assert_int_equal(append(wire, 6, 1, 1, 1), ST_MALFORMED);
    assert_int_equal(append(wire, 0, 0, 1, 1), ST_MALFORMED);
    assert_int_equal(append(wire, 0, APPEND_ENTRIES_MAX, 1, 100), ST_OK);
    assert_int_equal(request.item_count, APPEND_ENTRIES_MAX);
    assert_int_equal(append(wire, 0, APPEND_ENTRIES_MAX + 1, 1, 100), ST_MALFORMED);
    assert_int_equal(append(wire, 0, 1, 0, 1), ST_MALFORMED);
    assert_int_equal(append(wire, 0, 1, PUBLISHER_ID_SIZE_MAX, 1), ST_OK);
    assert_int_equal(append(wire, 0, 1, PUBLISHER_ID_SIZE_MAX + 1, 1), ST_MALFORMED);
    assert_int_equal(append(wire, 0, 1, 1, INLINE_PAYLOAD_SIZE_MAX + 1), ST_MALFORMED);
}

/* ------------------------------------------------------------ PART, VERB */

static enum status send_part(struct wire *wire, uint64_t total, size_t size)
{
    struct buf out = wire_buf(wire);
    part_request_encode(&out, total, bytes_of(blob, size));
    TRY(decode_request(wire, &out));
    assert_int_equal(request.kind, REQUEST_PART);
    assert_true(request.part_total == total);
    assert_true(bytes_equal(request.part, bytes_of(blob, size)));
    assert_true(recode_holds(wire->recoder, recode_control_request, buf_bytes(&out)));
    return ST_OK;
}

static void test_a_part_request_carries_something_of_its_total(void **state)
{
    struct wire *const wire = *state;
    assert_int_equal(send_part(wire, 1, 1), ST_OK);
    assert_int_equal(send_part(wire, UINT64_MAX, PART_SIZE), ST_OK); /* the engine judges it */
    assert_int_equal(send_part(wire, PAYLOAD_SIZE_MAX, PART_SIZE + 1), ST_MALFORMED);
    assert_int_equal(send_part(wire, 5, 0), ST_MALFORMED);
    assert_int_equal(send_part(wire, 5, 6), ST_MALFORMED);
}

static void test_a_verb_request_gives_its_arguments_by_name(void **state)
{
    struct wire *const wire = *state;
    const struct verb_argument arguments[] = {
        {BYTES_LITERAL("node"), BYTES_LITERAL("edge-1")},
        {BYTES_LITERAL("since"), BYTES_EMPTY},
    };
    struct bytes value;
    struct buf out = wire_buf(wire);
    verb_request_encode(&out, BYTES_LITERAL("evidence list"), arguments, 2);
    assert_int_equal(decode_request(wire, &out), ST_OK);
    assert_int_equal(request.kind, REQUEST_VERB);
    assert_true(bytes_equal(request.verb, BYTES_LITERAL("evidence list")));
    assert_true(verb_argument_find(&request, "node", &value));
    assert_true(bytes_equal(value, BYTES_LITERAL("edge-1")));
    assert_true(verb_argument_find(&request, "since", &value));
    assert_int_equal(value.size, 0);
    assert_false(verb_argument_find(&request, "nod", &value));
    assert_false(verb_argument_find(&request, "node1", &value));
    assert_true(recode_holds(wire->recoder, recode_control_request, buf_bytes(&out)));
}

static void test_too_many_arguments_are_refused(void **state)
{
    struct wire *const wire = *state;
    for (uint32_t count = VERB_ARGUMENTS_MAX; count <= VERB_ARGUMENTS_MAX + 1; count++) {
        struct buf out = wire_buf(wire);
        pack_array(&out, 3);
        pack_uint(&out, REQUEST_VERB);
        pack_text(&out, BYTES_LITERAL("status"));
        pack_array(&out, count);
        for (uint32_t i = 0; i < count; i++) {
            pack_array(&out, 2);
            pack_text(&out, BYTES_LITERAL("n"));
            pack_text(&out, BYTES_LITERAL("v"));
        }
        assert_int_equal(decode_request(wire, &out),
                         count <= VERB_ARGUMENTS_MAX ? ST_OK : ST_MALFORMED);
    }
}

static enum status send_verb(struct wire *wire, size_t verb_size, size_t name_size,
                             size_t value_size)
{
    const struct verb_argument argument = {bytes_of(long_text, name_size),
                                           bytes_of(long_text, value_size)};
    struct buf out = wire_buf(wire);
    verb_request_encode(&out, bytes_of(long_text, verb_size), &argument, 1);
    return decode_request(wire, &out);
}

static void test_a_verb_whose_texts_are_too_long_is_refused(void **state)
{
    struct wire *const wire = *state;
    assert_int_equal(send_verb(wire, CONTROL_SENTENCE_SIZE_MAX, 1, 1), ST_OK);
    assert_int_equal(send_verb(wire, CONTROL_SENTENCE_SIZE_MAX + 1, 1, 1), ST_MALFORMED);
    assert_int_equal(send_verb(wire, 1, CONTROL_SENTENCE_SIZE_MAX, 1), ST_OK);
    assert_int_equal(send_verb(wire, 1, CONTROL_SENTENCE_SIZE_MAX + 1, 1), ST_MALFORMED);
    assert_int_equal(send_verb(wire, 1, 1, CONTROL_TEXT_SIZE_MAX), ST_OK);
    assert_int_equal(send_verb(wire, 1, 1, CONTROL_TEXT_SIZE_MAX + 1), ST_MALFORMED);
}

/* ---------------------------------------------------------------- OBSERVE */

static void test_an_observe_request_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    static char names[40][LEVEL_NAME_SIZE_MAX];
    struct observe_item items[40];
    for (unsigned round = 0; round < 100; round++) {
        const uint32_t count = 1 + (uint32_t)rng_below(&wire->rng, COUNT_OF(items));
        struct buf out = wire_buf(wire);
        observe_request_begin(&out, count);
        for (uint32_t i = 0; i < count; i++) {
            items[i].track = random_text(&wire->rng, names[i], 0, sizeof names[i]);
            items[i].observation = bytes_of(blob, 1 + rng_below(&wire->rng, 300));
            observe_request_item(&out, &items[i]);
        }
        assert_int_equal(decode_request(wire, &out), ST_OK);
        assert_int_equal(request.kind, REQUEST_OBSERVE);
        assert_int_equal(request.item_count, count);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(bytes_equal(request.observations[i].track, items[i].track));
            assert_true(bytes_equal(request.observations[i].observation, items[i].observation));
        }
        assert_true(recode_holds(wire->recoder, recode_control_request, buf_bytes(&out)));
    }
}

static enum status observe(struct wire *wire, uint32_t count, size_t track_size, size_t size)
{
    const struct observe_item item = {bytes_of(long_text, track_size), bytes_of(blob, size)};
    struct buf out = wire_buf(wire);
    observe_request_begin(&out, count);
    for (uint32_t i = 0; i < count; i++)
        observe_request_item(&out, &item);
    return decode_request(wire, &out);
}

static void test_an_observe_request_out_of_bounds_is_refused(void **state)
{
    struct wire *const wire = *state;
    assert_int_equal(observe(wire, 0, 1, 1), ST_MALFORMED);
    assert_int_equal(observe(wire, OBSERVE_ITEMS_MAX, 1, 100), ST_OK);
    assert_int_equal(request.item_count, OBSERVE_ITEMS_MAX);
    assert_int_equal(observe(wire, OBSERVE_ITEMS_MAX + 1, 1, 100), ST_MALFORMED);
    assert_int_equal(observe(wire, 1, 1, 0), ST_MALFORMED);
    assert_int_equal(observe(wire, 1, 1, OBSERVATION_SIZE_MAX), ST_OK);
    assert_int_equal(observe(wire, 1, 1, OBSERVATION_SIZE_MAX + 1), ST_MALFORMED);
    assert_int_equal(observe(wire, 1, CONTROL_SENTENCE_SIZE_MAX, 1), ST_OK); /* engine's matter */
    assert_int_equal(observe(wire, 1, CONTROL_SENTENCE_SIZE_MAX + 1, 1), ST_MALFORMED);
}

/* The kinds' bodies look alike: the number in front decides, and it must fit the rest. */
static void test_a_message_of_an_unknown_or_another_kind_is_refused(void **state)
{
    struct wire *const wire = *state;
    for (uint64_t kind = 0; kind <= 10; kind++) {
        struct buf out = wire_buf(wire);
        pack_array(&out, 3);
        pack_uint(&out, kind);
        pack_text(&out, BYTES_LITERAL("verb"));
        pack_array(&out, 0);
        assert_int_equal(decode_request(wire, &out), kind == REQUEST_VERB ? ST_OK : ST_MALFORMED);
        out = wire_buf(wire);
        pack_array(&out, 3);
        pack_uint(&out, kind);
        pack_uint(&out, 0);
        pack_text(&out, BYTES_LITERAL("message"));
        assert_int_equal(decode_reply(wire, &out), kind == REPLY_END ? ST_OK : ST_MALFORMED);
    }
    struct buf out = wire_buf(wire);
    pack_array(&out, 0);
    assert_int_equal(decode_request(wire, &out), ST_MALFORMED);
    assert_int_equal(decode_reply(wire, &out), ST_MALFORMED);
}

/* --------------------------------------------------------------- replies */

static void test_receipts_are_read_as_they_were_written(void **state)
{
    struct wire *const wire = *state;
    static struct receipt receipts[APPEND_ENTRIES_MAX];
    struct buf out = wire_buf(wire);
    receipts_reply_begin(&out, APPEND_ENTRIES_MAX);
    for (size_t i = 0; i < APPEND_ENTRIES_MAX; i++) {
        struct receipt *const receipt = &receipts[i];
        *receipt = (struct receipt){.status = (enum status)rng_below(&wire->rng, STATUS_COUNT),
                                    .duplicate = rng_chance(&wire->rng, 500),
                                    .best_effort = rng_chance(&wire->rng, 500),
                                    .sequence = random_sequence(&wire->rng)};
        rng_fill(&wire->rng, receipt->log.bytes, LOG_ID_SIZE);
        rng_fill(&wire->rng, receipt->hash.bytes, DIGEST_SIZE);
        receipts_reply_item(&out, receipt);
    }
    assert_int_equal(decode_reply(wire, &out), ST_OK);
    assert_int_equal(reply.kind, REPLY_RECEIPTS);
    assert_int_equal(reply.receipt_count, APPEND_ENTRIES_MAX);
    for (size_t i = 0; i < APPEND_ENTRIES_MAX; i++) {
        const struct receipt *const a = &reply.receipts[i], *const b = &receipts[i];
        assert_int_equal(a->status, b->status);
        assert_true(a->duplicate == b->duplicate && a->best_effort == b->best_effort);
        assert_true(log_id_equal(&a->log, &b->log) && digest_equal(&a->hash, &b->hash));
        assert_true(a->sequence == b->sequence);
    }
    assert_true(recode_holds(wire->recoder, recode_control_reply, buf_bytes(&out)));
}

static void test_a_status_that_does_not_exist_is_refused(void **state)
{
    struct wire *const wire = *state;
    struct receipt receipt = {.status = (enum status)(STATUS_COUNT - 1)};
    for (unsigned round = 0; round < 2; round++) {
        const enum status expected = round == 0 ? ST_OK : ST_MALFORMED;
        struct buf out = wire_buf(wire);
        receipts_reply_begin(&out, 1);
        receipts_reply_item(&out, &receipt);
        assert_int_equal(decode_reply(wire, &out), expected);
        out = wire_buf(wire);
        end_reply_encode(&out, receipt.status, BYTES_EMPTY);
        assert_int_equal(decode_reply(wire, &out), expected);
        receipt.status = STATUS_COUNT;
    }
}

static void expect_text(size_t index, const char *name, const char *text)
{
    const struct record_field *const field = &reply.fields[index];
    assert_true(bytes_equal(field->name, bytes_of_text(name)));
    assert_int_equal(field->kind, PACKED_TEXT);
    assert_true(bytes_equal(field->text, bytes_of_text(text)));
}

static void test_a_record_gives_each_field_as_its_kind(void **state)
{
    struct wire *const wire = *state;
    struct buf out = wire_buf(wire);
    record_reply_begin(&out, 9);
    record_text(&out, "text", BYTES_LITERAL("h\xC3\xA9"));
    record_words(&out, "words", "up");
    record_hex(&out, "hash", BYTES_LITERAL("\x00\xAB"));
    record_uint(&out, "most", UINT64_MAX);
    record_int(&out, "least", INT64_MIN);
    record_int(&out, "positive", 7);
    record_bool(&out, "online", true);
    record_nil(&out, "nothing");
    record_time(&out, "time", 1748736000123);
    assert_int_equal(decode_reply(wire, &out), ST_OK);
    assert_int_equal(reply.kind, REPLY_RECORD);
    assert_int_equal(reply.field_count, 9);
    expect_text(0, "text", "h\xC3\xA9");
    expect_text(1, "words", "up");
    expect_text(2, "hash", "00ab");
    assert_true(reply.fields[3].kind == PACKED_UINT && reply.fields[3].natural == UINT64_MAX);
    assert_true(reply.fields[4].kind == PACKED_INT && reply.fields[4].integer == INT64_MIN);
    /* One number has one form, so a positive integer comes back as a natural one. */
    assert_true(reply.fields[5].kind == PACKED_UINT && reply.fields[5].natural == 7);
    assert_true(reply.fields[6].kind == PACKED_BOOL && reply.fields[6].boolean);
    assert_int_equal(reply.fields[7].kind, PACKED_NIL);
    expect_text(8, "time", "2025-06-01T00:00:00.123Z");
    assert_true(recode_holds(wire->recoder, recode_control_reply, buf_bytes(&out)));
}

static void test_a_time_is_written_in_the_gregorian_calendar(void **state)
{
    static const struct {
        int64_t wall_ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {951868799999, "2000-02-29T23:59:59.999Z"},
        {1709210096789, "2024-02-29T12:34:56.789Z"},
        {4107542399000, "2100-02-28T23:59:59.000Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {-62167219200000, "0000-01-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    struct wire *const wire = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf out = wire_buf(wire);
        record_reply_begin(&out, 1);
        record_time(&out, "time", rows[i].wall_ms);
        assert_int_equal(decode_reply(wire, &out), ST_OK);
        expect_text(0, "time", rows[i].text);
    }
}

static void test_a_time_beyond_the_calendar_is_written_as_a_number(void **state)
{
    static const int64_t rows[] = {INT64_MIN, -62167219200001, 253402300800000, INT64_MAX};
    struct wire *const wire = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf out = wire_buf(wire);
        record_reply_begin(&out, 1);
        record_time(&out, "time", rows[i]);
        assert_int_equal(decode_reply(wire, &out), ST_OK);
        assert_int_equal(reply.fields[0].kind, rows[i] < 0 ? PACKED_INT : PACKED_UINT);
    }
}

/* A path or a reason may be longer than a message has room for; it must still be told. */
static void test_a_text_for_people_is_cut_between_two_characters(void **state)
{
    struct wire *const wire = *state;
    static char text[CONTROL_SENTENCE_SIZE_MAX + 10];
    for (size_t shift = 0; shift < 4; shift++) {
        const size_t end = CONTROL_SENTENCE_SIZE_MAX - shift;
        memset(text, 't', sizeof text);
        memcpy(text + end, "\xF0\x9F\x9B\xB0", 4); /* crosses the bound, or begins there */
        struct buf out = wire_buf(wire);
        end_reply_encode(&out, ST_OK, bytes_of(text, sizeof text));
        assert_int_equal(decode_reply(wire, &out), ST_OK);
        assert_true(bytes_equal(reply.message, bytes_of(text, end)));
    }
}

static void test_a_config_value_of_the_largest_size_fits_a_field(void **state)
{
    struct wire *const wire = *state;
    struct buf out = wire_buf(wire);
    record_reply_begin(&out, 1);
    record_hex(&out, "value", bytes_of(blob, CONFIG_VALUE_SIZE_MAX));
    assert_int_equal(decode_reply(wire, &out), ST_OK);
    assert_int_equal(reply.fields[0].text.size, 2 * CONFIG_VALUE_SIZE_MAX);
    assert_true(recode_holds(wire->recoder, recode_control_reply, buf_bytes(&out)));
}

static void test_a_long_value_is_cut_to_whole_hex_bytes(void **state)
{
    struct wire *const wire = *state;
    struct buf out = wire_buf(wire);
    record_reply_begin(&out, 1);
    record_hex(&out, "raw", bytes_of(blob, sizeof blob));
    assert_int_equal(decode_reply(wire, &out), ST_OK);
    assert_int_equal(reply.fields[0].text.size, CONTROL_TEXT_SIZE_MAX);
}

static void test_a_field_of_another_kind_is_refused(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 2; round++) {
        struct buf out = wire_buf(wire);
        record_reply_begin(&out, 1);
        pack_array(&out, 2);
        pack_text(&out, BYTES_LITERAL("name"));
        if (round == 0)
            pack_bin(&out, BYTES_LITERAL("bin"));
        else
            pack_array(&out, 0);
        assert_int_equal(decode_reply(wire, &out), ST_MALFORMED);
    }
}

static void test_too_many_fields_are_refused(void **state)
{
    struct wire *const wire = *state;
    for (uint32_t count = RECORD_FIELDS_MAX; count <= RECORD_FIELDS_MAX + 1; count++) {
        struct buf out = wire_buf(wire);
        record_reply_begin(&out, count);
        for (uint32_t i = 0; i < count; i++)
            record_nil(&out, "n");
        assert_int_equal(decode_reply(wire, &out),
                         count <= RECORD_FIELDS_MAX ? ST_OK : ST_MALFORMED);
    }
}

static void test_progress_raw_and_end_are_read_as_they_were_written(void **state)
{
    struct wire *const wire = *state;
    struct buf out = wire_buf(wire);
    progress_reply_encode(&out, 5, UINT64_MAX, "entries");
    assert_int_equal(decode_reply(wire, &out), ST_OK);
    assert_true(reply.kind == REPLY_PROGRESS && reply.done == 5 && reply.total == UINT64_MAX);
    assert_true(bytes_equal(reply.unit, BYTES_LITERAL("entries")));
    assert_true(recode_holds(wire->recoder, recode_control_reply, buf_bytes(&out)));
    out = wire_buf(wire);
    raw_reply_encode(&out, bytes_of(blob, sizeof blob));
    assert_int_equal(decode_reply(wire, &out), ST_OK);
    assert_int_equal(reply.kind, REPLY_RAW);
    assert_true(bytes_equal(reply.raw, bytes_of(blob, sizeof blob)));
    assert_true(recode_holds(wire->recoder, recode_control_reply, buf_bytes(&out)));
    out = wire_buf(wire);
    end_reply_encode(&out, ST_TAMPERED, BYTES_LITERAL("entry 7"));
    assert_int_equal(decode_reply(wire, &out), ST_OK);
    assert_true(reply.kind == REPLY_END && reply.status == ST_TAMPERED);
    assert_true(bytes_equal(reply.message, BYTES_LITERAL("entry 7")));
    assert_true(recode_holds(wire->recoder, recode_control_reply, buf_bytes(&out)));
}

/* -------------------------------------------------------------- vectors */

static void golden_requests(struct wire *wire)
{
    static const char *const append_labels[] = {"APPEND", "type", "priority", "entries"};
    static const char *const part_labels[] = {"PART", "total", "bytes"};
    static const char *const verb_labels[] = {"VERB", "verb", "arguments"};
    static const char *const observe_labels[] = {"OBSERVE", "items"};
    const struct observe_item observations[] = {
        {BYTES_LITERAL("vessel-17"), BYTES_LITERAL("{\"sensor\":\"radar\"}")},
        {BYTES_LITERAL("T.2"), BYTES_LITERAL("\x80")},
    };
    const struct append_item items[] = {
        {.has_id = true, .id = BYTES_LITERAL("id-1"), .payload = BYTES_LITERAL("{}")},
        {.staged = true},
    };
    const struct verb_argument argument = {BYTES_LITERAL("node"), BYTES_LITERAL("edge-1")};
    struct buf out = wire_buf(wire);
    append_request_begin(&out, BYTES_LITERAL("ais"), 2, 2);
    append_request_item(&out, &items[0]);
    append_request_item(&out, &items[1]);
    golden_message(wire, "append", buf_bytes(&out), append_labels, recode_control_request,
                   "control_request");
    out = wire_buf(wire);
    part_request_encode(&out, 100000, BYTES_LITERAL("part"));
    golden_message(wire, "part", buf_bytes(&out), part_labels, recode_control_request,
                   "control_request");
    out = wire_buf(wire);
    verb_request_encode(&out, BYTES_LITERAL("status"), &argument, 1);
    golden_message(wire, "verb", buf_bytes(&out), verb_labels, recode_control_request,
                   "control_request");
    out = wire_buf(wire);
    observe_request_begin(&out, 2);
    observe_request_item(&out, &observations[0]);
    observe_request_item(&out, &observations[1]);
    golden_message(wire, "observe", buf_bytes(&out), observe_labels, recode_control_request,
                   "control_request");
}

static void golden_replies(struct wire *wire)
{
    static const char *const receipts_labels[] = {"RECEIPTS", "receipts"};
    static const char *const record_labels[] = {"RECORD", "fields"};
    static const char *const progress_labels[] = {"PROGRESS", "done", "total", "unit"};
    static const char *const raw_labels[] = {"RAW", "bytes"};
    static const char *const end_labels[] = {"END", "status", "message"};
    struct receipt receipt = {.duplicate = true, .sequence = 300};
    memset(receipt.log.bytes, 0x11, LOG_ID_SIZE);
    memset(receipt.hash.bytes, 0x12, DIGEST_SIZE);
    struct buf out = wire_buf(wire);
    receipts_reply_begin(&out, 1);
    receipts_reply_item(&out, &receipt);
    golden_message(wire, "receipts", buf_bytes(&out), receipts_labels, recode_control_reply,
                   "control_reply");
    out = wire_buf(wire);
    record_reply_begin(&out, 5);
    record_words(&out, "node", "edge-1");
    record_uint(&out, "head", 300);
    record_int(&out, "offset", -2);
    record_bool(&out, "online", false);
    record_nil(&out, "acked");
    golden_message(wire, "record", buf_bytes(&out), record_labels, recode_control_reply,
                   "control_reply");
    out = wire_buf(wire);
    progress_reply_encode(&out, 128, 70000, "entries");
    golden_message(wire, "progress", buf_bytes(&out), progress_labels, recode_control_reply,
                   "control_reply");
    out = wire_buf(wire);
    raw_reply_encode(&out, BYTES_LITERAL("\x00\x01"));
    golden_message(wire, "raw", buf_bytes(&out), raw_labels, recode_control_reply, "control_reply");
    out = wire_buf(wire);
    end_reply_encode(&out, ST_OK, BYTES_LITERAL("done"));
    golden_message(wire, "end", buf_bytes(&out), end_labels, recode_control_reply, "control_reply");
}

static void test_golden_messages(void **state)
{
    struct wire *const wire = *state;
    golden_open(&wire->golden, "wire_control_msg.txt");
    golden_comment(&wire->golden, "Messages on the control socket (common/wire/control_msg.h).");
    golden_requests(wire);
    golden_replies(wire);
    golden_close(&wire->golden);
}

static int setup(void **state)
{
    memset(long_text, 'i', sizeof long_text);
    return wire_setup(state);
}

#define TEST(function) cmocka_unit_test_setup(function, wire_reseed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_append_request_is_read_as_it_was_written),
        TEST(test_an_append_request_out_of_bounds_is_refused),
        TEST(test_a_part_request_carries_something_of_its_total),
        TEST(test_a_verb_request_gives_its_arguments_by_name),
        TEST(test_too_many_arguments_are_refused),
        TEST(test_a_verb_whose_texts_are_too_long_is_refused),
        TEST(test_an_observe_request_is_read_as_it_was_written),
        TEST(test_an_observe_request_out_of_bounds_is_refused),
        TEST(test_a_message_of_an_unknown_or_another_kind_is_refused),
        TEST(test_receipts_are_read_as_they_were_written),
        TEST(test_a_status_that_does_not_exist_is_refused),
        TEST(test_a_record_gives_each_field_as_its_kind),
        TEST(test_a_time_is_written_in_the_gregorian_calendar),
        TEST(test_a_time_beyond_the_calendar_is_written_as_a_number),
        TEST(test_a_text_for_people_is_cut_between_two_characters),
        TEST(test_a_config_value_of_the_largest_size_fits_a_field),
        TEST(test_a_long_value_is_cut_to_whole_hex_bytes),
        TEST(test_a_field_of_another_kind_is_refused),
        TEST(test_too_many_fields_are_refused),
        TEST(test_progress_raw_and_end_are_read_as_they_were_written),
        TEST(test_golden_messages),
    };
    return cmocka_run_group_tests(tests, setup, wire_teardown);
}
