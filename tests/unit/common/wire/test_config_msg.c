/* test_config_msg.c - do registers travel as they are, and does nothing unlawful arrive? */
#include "common/wire/config_msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/hlc.h"
#include "tests/support/recode_values.h"
#include "tests/support/wire_check.h"

static struct config_entry entry, back;
static struct config_writes writes;
static struct config_writes_writer writer;
static uint8_t content[CONFIG_VALUE_SIZE_MAX + 1];

static struct config_entry entry_of(const char *scope, const char *name, struct config_value value)
{
    struct config_entry made = {
        .reg = {.epoch = 2, .hlc = UINT64_C(1276256772451) << 16, .node = {"edge-1"}},
    };
    assert_int_equal(config_scope_from(bytes_of_text(scope), &made.key.scope), ST_OK);
    assert_int_equal(level_name_from(bytes_of_text(name), &made.key.name), ST_OK);
    made.reg.value = value;
    made.reg.deleted = value.type == CONFIG_NONE;
    assert_true(config_register_ok(&made.reg));
    return made;
}

static struct config_value text_value(enum config_type type, const char *text)
{
    return (struct config_value){.type = type, .content = bytes_of_text(text)};
}

static void random_value(struct rng *rng, struct config_value *value)
{
    *value = (struct config_value){.type = (enum config_type)rng_below(rng, CONFIG_TYPE_COUNT)};
    value->truth = value->type == CONFIG_BOOL && rng_chance(rng, 500);
    if (value->type == CONFIG_INT) value->integer = random_int(rng);
    if (value->type == CONFIG_FLOAT) value->real = (double)random_int(rng) / 1024;
    if (value->type == CONFIG_JSON) value->content = BYTES_LITERAL("{\"a\":[1,null]}");
    if (value->type == CONFIG_STRING) value->content = random_text(rng, content, 0, 300);
    if (value->type != CONFIG_BYTES) return;
    value->content = bytes_of(content, rng_below(rng, 300));
    rng_fill(rng, content, value->content.size);
}

static void random_entry(struct rng *rng, struct config_entry *out)
{
    static const char *const scopes[] = {"fleet", "group/north", "node/edge-7"};
    static const struct node_name nodes[] = {{"cloud"}, {"edge-1"}, {"n"}};
    struct config_value value;
    random_value(rng, &value);
    *out = entry_of(scopes[rng_below(rng, 3)], "radio.rate", value);
    out->reg.epoch = (uint32_t)random_uint(rng);
    out->reg.hlc = random_uint(rng) % HLC_STAMP_MAX + 1;
    out->reg.node = nodes[rng_below(rng, 3)];
}

static void expect_same(const struct config_entry *a, const struct config_entry *b)
{
    assert_true(config_key_equal(&a->key, &b->key));
    assert_int_equal(config_compare(&a->reg, &b->reg), 0);
}

static struct bytes encode(struct wire *wire, const struct config_entry *value)
{
    struct buf out = wire_buf(wire);
    config_msg_pack(value, &out);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static struct bytes encode_writes(struct wire *wire)
{
    struct buf out = wire_buf(wire);
    config_writes_encode(9, &writer, &out);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static bool add(uint64_t operation, size_t size_max)
{
    const struct config_write write = {.operation = operation, .entry = entry};
    return config_writes_add(&writer, &write, size_max);
}

/* --------------------------------------------------------------- good ones */

static void test_a_register_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 500; round++) {
        random_entry(&wire->rng, &entry);
        const struct bytes body = encode(wire, &entry);
        assert_int_equal(config_msg_decode(wire->unpacker, body, &back), ST_OK);
        expect_same(&entry, &back);
        assert_true(recode_holds(wire->recoder, recode_config_msg, body));
    }
}

static void test_writes_are_read_as_they_were_written(void **state)
{
    struct wire *const wire = *state;
    static struct config_entry entries[40];
    for (unsigned round = 0; round < 100; round++) {
        const size_t count = 1 + rng_below(&wire->rng, COUNT_OF(entries));
        config_writes_begin(&writer, wire->scratch, sizeof wire->scratch);
        for (size_t i = 0; i < count; i++) {
            /* The shared content changes under text and bytes: only what is sent is compared. */
            do
                random_entry(&wire->rng, &entry);
            while (entry.reg.value.content.data == content);
            entries[i] = entry;
            assert_true(add(10 * (i + 1), SIZE_MAX));
        }
        const struct bytes body = encode_writes(wire);
        assert_int_equal(config_writes_decode(wire->unpacker, body, &writes), ST_OK);
        assert_int_equal(writes.incarnation, 9);
        assert_int_equal(writes.count, count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(writes.writes[i].operation, 10 * (i + 1));
            expect_same(&writes.writes[i].entry, &entries[i]);
        }
        assert_true(recode_holds(wire->recoder, recode_config_writes, body));
    }
}

/* ------------------------------------------------------------------ bounds */

static void test_the_largest_value_fits_and_a_larger_one_is_refused(void **state)
{
    struct wire *const wire = *state;
    memset(content, 'x', sizeof content);
    entry = entry_of("fleet", "k", text_value(CONFIG_BYTES, ""));
    entry.reg.value.content = bytes_of(content, CONFIG_VALUE_SIZE_MAX);
    assert_true(encode(wire, &entry).size <= BODY_SIZE_MAX);
    assert_int_equal(config_msg_decode(wire->unpacker, encode(wire, &entry), &back), ST_OK);
    expect_same(&entry, &back);
    entry.reg.value.content.size++;
    assert_int_equal(config_msg_decode(wire->unpacker, encode(wire, &entry), &back), ST_TOO_LARGE);
    entry.reg.value.type = CONFIG_STRING;
    assert_int_equal(config_msg_decode(wire->unpacker, encode(wire, &entry), &back), ST_TOO_LARGE);
}

static void test_a_frame_of_writes_keeps_to_its_bounds(void **state)
{
    struct wire *const wire = *state;
    entry = entry_of("fleet", "k", text_value(CONFIG_STRING, "0123456789"));
    config_writes_begin(&writer, wire->scratch, sizeof wire->scratch);
    uint64_t operation = 0;
    while (add(operation + 1, 1000))
        operation++;
    assert_true(encode_writes(wire).size <= 1000);
    assert_true(operation > 10);
    assert_false(add(operation, 2000)); /* not above the last one */
    assert_true(add(operation + 1, 2000));
    while (add(operation + 2, SIZE_MAX))
        operation++;
    assert_int_equal(writer.count, CONFIG_WRITES_MAX);
    /* The first write is only held to the capacity. */
    config_writes_begin(&writer, wire->scratch, sizeof wire->scratch);
    assert_true(add(1, 1));
    config_writes_begin(&writer, wire->scratch, 10);
    assert_false(add(1, SIZE_MAX));
    assert_int_equal(writer.count, 0);
    assert_int_equal(writer.packed.size, 0);
}

/* --------------------------------------------------------------- bad bytes */

/* A register by hand, with one field as `spoil` says. */
enum spoil {
    NOTHING,
    SCOPE,
    SCOPE_NAME,
    FLEET_NAME,
    KEY,
    EPOCH,
    NO_STAMP,
    STAMP,
    NODE,
    DELETED_WITH_VALUE,
    NONE_NOT_DELETED,
    TYPE,
    VALUE,
    FLOAT_NAN,
    FLOAT_MINUS_ZERO,
    FLOAT_SHORT,
    JSON,
    FIELDS,
    SPOIL_COUNT
};

static void pack_spoilt_value(enum spoil spoil, struct buf *out)
{
    static const uint8_t nan[8] = {0x7F, 0xF8}, minus_zero[8] = {0x80};
    switch (spoil) {
    case NONE_NOT_DELETED:
        pack_uint(out, CONFIG_NONE);
        pack_nil(out);
        return;
    case TYPE:
        pack_uint(out, CONFIG_TYPE_COUNT);
        pack_uint(out, 1);
        return;
    case VALUE:
        pack_uint(out, CONFIG_BOOL);
        pack_uint(out, 1);
        return;
    case FLOAT_NAN:
    case FLOAT_MINUS_ZERO:
    case FLOAT_SHORT:
        pack_uint(out, CONFIG_FLOAT);
        pack_bin(out,
                 bytes_of(spoil == FLOAT_NAN ? nan : minus_zero, spoil == FLOAT_SHORT ? 7 : 8));
        return;
    case JSON:
        pack_uint(out, CONFIG_JSON);
        pack_text(out, BYTES_LITERAL("{]"));
        return;
    default:
        pack_uint(out, CONFIG_INT);
        pack_int(out, -5);
    }
}

static enum status decode_spoilt(struct wire *wire, enum spoil spoil)
{
    struct buf out = wire_buf(wire);
    const char *scope_name = spoil == SCOPE_NAME ? "Not.A.Node" : "edge-1";
    pack_array(&out, spoil == FIELDS ? 10 : 9);
    pack_uint(&out, spoil == SCOPE ? CONFIG_SCOPE_KIND_COUNT : spoil == FLEET_NAME ? 0 : 2);
    pack_text(&out, bytes_of_text(scope_name));
    pack_text(&out, bytes_of_text(spoil == KEY ? "a/b" : "a.b"));
    pack_uint(&out, spoil == EPOCH ? UINT64_C(1) << 32 : 1);
    pack_uint(&out, spoil == NO_STAMP ? 0 : spoil == STAMP ? HLC_STAMP_MAX + 1 : HLC_STAMP_MAX);
    pack_text(&out, bytes_of_text(spoil == NODE ? "fleet" : "cloud"));
    pack_bool(&out, spoil == DELETED_WITH_VALUE);
    pack_spoilt_value(spoil, &out);
    if (spoil == FIELDS) pack_nil(&out);
    assert_true(buf_ok(&out));
    return config_msg_decode(wire->unpacker, buf_bytes(&out), &back);
}

static void test_a_register_with_one_unlawful_field_is_refused(void **state)
{
    struct wire *const wire = *state;
    for (enum spoil spoil = NOTHING; spoil < SPOIL_COUNT; spoil++) {
        const enum status status = decode_spoilt(wire, spoil);
        if (status != (spoil == NOTHING ? ST_OK : ST_MALFORMED))
            fail_msg("spoil %d: %s", (int)spoil, status_name(status));
    }
}

static enum status decode_operations(struct wire *wire, uint64_t first, uint64_t second,
                                     uint64_t incarnation)
{
    struct buf out = wire_buf(wire);
    pack_array(&out, 2);
    pack_uint(&out, incarnation);
    pack_array(&out, 2);
    for (unsigned i = 0; i < 2; i++) {
        pack_array(&out, 2);
        pack_uint(&out, i == 0 ? first : second);
        config_msg_pack(&entry, &out);
    }
    return config_writes_decode(wire->unpacker, buf_bytes(&out), &writes);
}

static void test_operations_ascend(void **state)
{
    struct wire *const wire = *state;
    entry = entry_of("fleet", "k", text_value(CONFIG_STRING, ""));
    assert_int_equal(decode_operations(wire, 1, 2, UINT32_MAX), ST_OK);
    assert_int_equal(decode_operations(wire, 1, PACK_SEQUENCE_MAX, 0), ST_OK);
    assert_int_equal(decode_operations(wire, 2, 2, 0), ST_MALFORMED);
    assert_int_equal(decode_operations(wire, 2, 1, 0), ST_MALFORMED);
    assert_int_equal(decode_operations(wire, 0, 1, 0), ST_MALFORMED);
    assert_int_equal(decode_operations(wire, 1, PACK_SEQUENCE_MAX + 1, 0), ST_MALFORMED);
    assert_int_equal(decode_operations(wire, 1, 2, UINT64_C(1) << 32), ST_MALFORMED);
}

static void test_no_writes_and_too_many_are_refused(void **state)
{
    struct wire *const wire = *state;
    entry = entry_of("fleet", "k", (struct config_value){.type = CONFIG_NONE});
    for (unsigned count = 0; count <= CONFIG_WRITES_MAX + 1; count += CONFIG_WRITES_MAX + 1) {
        struct buf out = wire_buf(wire);
        pack_array(&out, 2);
        pack_uint(&out, 0);
        pack_array(&out, count);
        for (unsigned i = 0; i < count; i++) {
            pack_array(&out, 2);
            pack_uint(&out, i + 1);
            config_msg_pack(&entry, &out);
        }
        assert_int_equal(config_writes_decode(wire->unpacker, buf_bytes(&out), &writes),
                         ST_MALFORMED);
    }
}

/* ----------------------------------------------------------------- vectors */

static void golden_register(struct wire *wire, const char *section, struct config_value value)
{
    static const char *const labels[] = {"scope", "scope_name", "key",  "epoch", "hlc",
                                         "node",  "deleted",    "type", "value"};
    entry = entry_of(value.type == CONFIG_BOOL ? "fleet" : "node/edge-1", "a.b", value);
    const struct bytes body = encode(wire, &entry);
    golden_message(wire, section, body, labels, recode_config_msg, "config_msg");
}

static void test_golden_registers(void **state)
{
    static const char *const labels[] = {"incarnation", "writes"};
    struct wire *const wire = *state;
    golden_open(&wire->golden, "config_msg.txt");
    golden_comment(&wire->golden, "Bodies of config messages (common/wire/config_msg.h).");
    golden_register(wire, "deleted", (struct config_value){.type = CONFIG_NONE});
    golden_register(wire, "bool", (struct config_value){.type = CONFIG_BOOL, .truth = true});
    golden_register(wire, "int", (struct config_value){.type = CONFIG_INT, .integer = -300});
    golden_register(wire, "float", (struct config_value){.type = CONFIG_FLOAT, .real = 1.5});
    golden_register(wire, "string", text_value(CONFIG_STRING, "on"));
    golden_register(wire, "bytes", text_value(CONFIG_BYTES, "\x01\x02"));
    golden_register(wire, "json", text_value(CONFIG_JSON, "{\"a\":1}"));
    config_writes_begin(&writer, wire->scratch, sizeof wire->scratch);
    assert_true(add(7, SIZE_MAX));
    entry = entry_of("group/north", "rate", (struct config_value){.type = CONFIG_NONE});
    assert_true(add(300, SIZE_MAX));
    golden_message(wire, "two_writes", encode_writes(wire), labels, recode_config_writes,
                   "config_msg");
    golden_close(&wire->golden);

    uint8_t memory[256];
    struct buf stored = buf_of(memory, sizeof memory);
    config_encode(&entry.key, &entry.reg, &stored);
    corpus_seed("config_msg", "stored", buf_bytes(&stored));
}

#define TEST(function) cmocka_unit_test_setup(function, wire_reseed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_register_is_read_as_it_was_written),
        TEST(test_writes_are_read_as_they_were_written),
        TEST(test_the_largest_value_fits_and_a_larger_one_is_refused),
        TEST(test_a_frame_of_writes_keeps_to_its_bounds),
        TEST(test_a_register_with_one_unlawful_field_is_refused),
        TEST(test_operations_ascend),
        TEST(test_no_writes_and_too_many_are_refused),
        TEST(test_golden_registers),
    };
    return cmocka_run_group_tests(tests, wire_setup, wire_teardown);
}
