/* wire_check.c - fixtures, random values and golden messages for the tests of common/wire. */
#include "tests/support/wire_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/support/test_log.h"

int wire_setup(void **state)
{
    struct wire *const wire = calloc(1, sizeof *wire);
    if (wire == NULL) return -1;
    wire->key = test_key_open(7);
    wire->public_key = secret_key_public(wire->key);
    wire->recoder = recoder_open();
    if (unpacker_open(&wire->unpacker) != ST_OK) return -1;
    if (hasher_open(&wire->hasher) != ST_OK) return -1;
    if (compressor_open(&wire->compressor) != ST_OK) return -1;
    *state = wire;
    return wire_reseed(state);
}

int wire_teardown(void **state)
{
    struct wire *const wire = *state;
    compressor_close(wire->compressor);
    hasher_close(wire->hasher);
    unpacker_close(wire->unpacker);
    recoder_close(wire->recoder);
    secret_key_close(wire->key);
    free(wire);
    return 0;
}

int wire_reseed(void **state)
{
    struct wire *const wire = *state;
    rng_seed(&wire->rng, 20251122);
    return 0;
}

struct buf wire_buf(struct wire *wire)
{
    return buf_of(wire->memory, sizeof wire->memory);
}

/* ------------------------------------------------------------ random values */

uint64_t random_uint(struct rng *rng)
{
    const unsigned shift = (unsigned)rng_below(rng, 65);
    return shift == 64 ? 0 : rng_next(rng) >> shift;
}

int64_t random_int(struct rng *rng)
{
    const int64_t magnitude = (int64_t)(random_uint(rng) >> 1);
    return rng_chance(rng, 500) ? magnitude : -magnitude - 1;
}

uint64_t random_sequence(struct rng *rng)
{
    const uint64_t sequence = random_uint(rng) & PACK_SEQUENCE_MAX;
    return sequence == 0 ? 1 : sequence;
}

struct bytes random_text(struct rng *rng, void *memory, size_t size_min, size_t size_max)
{
    static const char *const characters[] = {
        "a", "Z", "7", "-", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x9B\xB0"};
    const size_t size_wanted = size_min + rng_below(rng, size_max - size_min + 1);
    struct buf text = buf_of(memory, size_wanted);
    while (text.size < size_wanted) {
        const char *const character = characters[rng_below(rng, COUNT_OF(characters))];
        const bool fits = strlen(character) <= size_wanted - text.size;
        buf_put_text(&text, fits ? character : "x");
    }
    return buf_bytes(&text);
}

struct bytes bytes_of_hex(const char *hex, uint8_t *out, size_t capacity)
{
    struct buf buf = buf_of(out, capacity);
    for (hex += strspn(hex, " "); *hex != '\0'; hex += strspn(hex, " ")) {
        uint8_t byte;
        assert_int_equal(hex_decode(bytes_of(hex, 2), &byte, 1), ST_OK);
        buf_put_u8(&buf, byte);
        hex += 2;
    }
    assert_true(buf_ok(&buf));
    return buf_bytes(&buf);
}

/* ---------------------------------------------------------- golden messages */

/* A value of canonical MessagePack: its bytes without the items of an array. */
struct shown_value {
    struct bytes bytes;
    uint64_t item_count;
    char gloss[64];
};

static uint64_t big_endian(const uint8_t *from, unsigned width)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < width; i++)
        number = number << 8 | from[i];
    return number;
}

static void show_blob(struct shown_value *value, const char *kind, size_t head_size, uint64_t size)
{
    value->bytes.size = head_size + size;
    snprintf(value->gloss, sizeof value->gloss, "%s %llu", kind, (unsigned long long)size);
}

static void show_array(struct shown_value *value, size_t head_size, uint64_t count)
{
    value->bytes.size = head_size;
    value->item_count = count;
    snprintf(value->gloss, sizeof value->gloss, "array %llu", (unsigned long long)count);
}

static void show_number(struct shown_value *value, unsigned width)
{
    const uint8_t *const at = value->bytes.data;
    const uint64_t number = width == 0 ? at[0] : big_endian(at + 1, width);
    value->bytes.size = 1 + width;
    if ((width == 0 && at[0] >= 0xE0) || (at[0] >= 0xD0 && at[0] <= 0xD3)) {
        const unsigned shift = width == 0 ? 56 : 64 - 8 * width;
        snprintf(value->gloss, sizeof value->gloss, "int %lld",
                 (long long)((int64_t)(number << shift) >> shift));
        return;
    }
    snprintf(value->gloss, sizeof value->gloss, "uint %llu", (unsigned long long)number);
}

static struct shown_value show(const uint8_t *at)
{
    static const unsigned widths[] = {1, 2, 4, 8};
    struct shown_value value = {.bytes = bytes_of(at, 1)};
    const uint8_t tag = at[0];
    if (tag < 0x80 || tag >= 0xE0) {
        show_number(&value, 0);
    } else if (tag >= 0x90 && tag <= 0x9F) {
        show_array(&value, 1, tag & 0x0F);
    } else if (tag >= 0xA0 && tag <= 0xBF) {
        show_blob(&value, "text", 1, tag & 0x1F);
    } else if (tag >= 0xC4 && tag <= 0xC6) {
        const unsigned width = widths[tag - 0xC4];
        show_blob(&value, "bin", 1 + width, big_endian(at + 1, width));
    } else if (tag >= 0xD9 && tag <= 0xDB) {
        const unsigned width = widths[tag - 0xD9];
        show_blob(&value, "text", 1 + width, big_endian(at + 1, width));
    } else if (tag == 0xDC || tag == 0xDD) {
        const unsigned width = tag == 0xDC ? 2 : 4;
        show_array(&value, 1 + width, big_endian(at + 1, width));
    } else if (tag >= 0xCC && tag <= 0xD3) {
        show_number(&value, widths[tag & 3]);
    } else {
        snprintf(value.gloss, sizeof value.gloss, "%s",
                 tag == 0xC0   ? "nil"
                 : tag == 0xC2 ? "false"
                               : "true");
    }
    return value;
}

/* Writes one value with all its items; returns where it ends. */
static const uint8_t *golden_value(struct golden *golden, const uint8_t *at,
                                   const char *const *labels, const char *label, unsigned depth)
{
    const struct shown_value value = show(at);
    char gloss[160];
    snprintf(gloss, sizeof gloss, "%*s%s%s%s", (int)(2 * depth), "", value.gloss,
             label != NULL ? "  " : "", label != NULL ? label : "");
    golden_part(golden, value.bytes, gloss);
    at += value.bytes.size;
    for (uint64_t i = 0; i < value.item_count; i++) {
        const char *const item_label = labels != NULL ? labels[i] : NULL;
        at = golden_value(golden, at, NULL, item_label, depth + 1);
    }
    return at;
}

void golden_message(struct wire *wire, const char *section, struct bytes message,
                    const char *const *labels, recode_function recode, const char *corpus)
{
    assert_true(message.size > 0);
    golden_section(&wire->golden, section);
    golden_field_of_parts(&wire->golden, "message");
    const uint8_t *const end = golden_value(&wire->golden, message.data, labels, NULL, 0);
    assert_ptr_equal(end, message.data + message.size);
    corpus_seed(corpus, section, message);
    recode_damage(wire->recoder, recode, message);
}

void corpus_seed(const char *corpus, const char *name, struct bytes bytes)
{
    if (getenv("HOLDFAST_ACCEPT_VECTORS") == NULL) return;
    char path[256];
    snprintf(path, sizeof path, "tests/fuzz/corpus/fuzz_%s", corpus);
    (void)mkdir(path, 0777); /* is there already, or the next call fails */
    snprintf(path, sizeof path, "tests/fuzz/corpus/fuzz_%s/%s", corpus, name);
    FILE *const file = fopen(path, "wb");
    if (file == NULL) fail_msg("cannot write %s", path);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
}
