/* test_envelope.c - is a frame believed only from its sender, on its topic, with its own bytes? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/fields.h"
#include "tests/support/test_log.h"
#include "tests/support/wire_check.h"

static const struct node_name edge_1 = {"edge-1"};
static const struct bytes evidence_topic = {(const uint8_t *)"edge-1/up/evidence", 18};

static struct envelope_spec spec_of(const struct wire *wire)
{
    return (struct envelope_spec){
        .kind = FRAME_EVIDENCE,
        .sender = &edge_1,
        .key = wire->key,
        .hlc = UINT64_C(0x0196f3d0c0000007),
        .topic_below_root = evidence_topic,
    };
}

/* A frame in wire->memory that is not compressed. */
static struct bytes plain_frame(struct wire *wire, struct bytes body)
{
    const struct envelope_spec spec = spec_of(wire);
    struct buf frame = wire_buf(wire);
    assert_int_equal(envelope_write(&spec, body, NULL, wire->hasher, &frame), ST_OK);
    return buf_bytes(&frame);
}

static struct envelope read_frame(struct wire *wire, struct bytes frame)
{
    struct envelope envelope;
    assert_int_equal(envelope_read(wire->unpacker, frame, &envelope), ST_OK);
    return envelope;
}

static enum status verify(struct wire *wire, const struct envelope *envelope, struct bytes topic)
{
    return envelope_verify(envelope, &wire->public_key, topic, wire->hasher);
}

/* --------------------------------------------------------- round trip */

static void test_a_frame_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 300; round++) {
        uint8_t body_memory[2000], frame_memory[4000];
        const size_t body_size = rng_below(&wire->rng, sizeof body_memory);
        rng_fill(&wire->rng, body_memory, sizeof body_memory);
        struct envelope_spec spec = spec_of(wire);
        spec.kind = (enum frame_kind)(1 + rng_below(&wire->rng, FRAME_KIND_MAX));
        spec.hlc = random_uint(&wire->rng);
        struct buf frame = buf_of(frame_memory, sizeof frame_memory);
        assert_int_equal(envelope_write(&spec, bytes_of(body_memory, body_size), wire->compressor,
                                        wire->hasher, &frame),
                         ST_OK);
        const struct envelope envelope = read_frame(wire, buf_bytes(&frame));
        assert_int_equal(envelope.kind, spec.kind);
        assert_true(envelope.hlc == spec.hlc);
        assert_true(node_name_equal(&envelope.sender, &edge_1));
        assert_true(bytes_equal(envelope.body, bytes_of(body_memory, body_size)));
        assert_int_equal(verify(wire, &envelope, evidence_topic), ST_OK);
        assert_true(recode_holds(wire->recoder, recode_envelope, buf_bytes(&frame)));
    }
}

static void test_a_frame_is_appended_to_what_the_buffer_holds(void **state)
{
    struct wire *const wire = *state;
    const struct envelope_spec spec = spec_of(wire);
    struct buf out = wire_buf(wire);
    buf_put_text(&out, "before");
    assert_int_equal(envelope_write(&spec, BYTES_LITERAL("body"), NULL, wire->hasher, &out), ST_OK);
    const struct envelope envelope = read_frame(wire, bytes_from(buf_bytes(&out), 6));
    assert_int_equal(verify(wire, &envelope, evidence_topic), ST_OK);
}

static void test_the_cloud_may_be_the_sender(void **state)
{
    struct wire *const wire = *state;
    static const struct node_name cloud = {"cloud"};
    struct envelope_spec spec = spec_of(wire);
    struct buf frame = wire_buf(wire);
    spec.sender = &cloud;
    assert_int_equal(envelope_write(&spec, BYTES_LITERAL("body"), NULL, wire->hasher, &frame),
                     ST_OK);
    const struct envelope envelope = read_frame(wire, buf_bytes(&frame));
    assert_true(node_name_equal(&envelope.sender, &cloud));
}

/* ---------------------------------------------------------- signature */

static void test_each_flipped_bit_of_a_frame_is_refused(void **state)
{
    struct wire *const wire = *state;
    const struct bytes frame = plain_frame(wire, BYTES_LITERAL("\x92\x01\xA4"
                                                               "body"));
    uint8_t flipped[512];
    assert_true(frame.size <= sizeof flipped);
    memcpy(flipped, frame.data, frame.size);
    for (size_t bit = 0; bit < 8 * frame.size; bit++) {
        struct envelope envelope;
        flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const bool believed =
            envelope_read(wire->unpacker, bytes_of(flipped, frame.size), &envelope) == ST_OK &&
            verify(wire, &envelope, evidence_topic) == ST_OK;
        if (believed) fail_msg("bit %zu may be flipped", bit);
        flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void test_each_truncated_frame_is_refused(void **state)
{
    struct wire *const wire = *state;
    const struct bytes frame = plain_frame(wire, BYTES_LITERAL("body"));
    for (size_t size = 0; size < frame.size; size++) {
        struct envelope envelope;
        assert_int_equal(envelope_read(wire->unpacker, bytes_of(frame.data, size), &envelope),
                         ST_MALFORMED);
    }
}

/* Whoever can publish anywhere must not be able to move a frame to another node or purpose. */
static void test_a_frame_on_another_topic_is_refused(void **state)
{
    static const char *const topics[] = {"edge-2/up/evidence", "edge-1/up/sync",
                                         "edge-1/up/evidenc", "edge-1/up/evidence/", ""};
    struct wire *const wire = *state;
    const struct envelope envelope = read_frame(wire, plain_frame(wire, BYTES_LITERAL("body")));
    for (size_t i = 0; i < COUNT_OF(topics); i++)
        assert_int_equal(verify(wire, &envelope, bytes_of_text(topics[i])), ST_FORGED);
    assert_int_equal(verify(wire, &envelope, evidence_topic), ST_OK);
}

static void test_a_topic_that_is_too_long_is_refused(void **state)
{
    struct wire *const wire = *state;
    static char topic[TOPIC_SIZE_MAX + 1];
    memset(topic, 't', sizeof topic);
    struct envelope_spec spec = spec_of(wire);
    struct buf frame = wire_buf(wire);
    spec.topic_below_root = bytes_of(topic, TOPIC_SIZE_MAX);
    assert_int_equal(envelope_write(&spec, BYTES_EMPTY, NULL, wire->hasher, &frame), ST_OK);
    const struct envelope envelope = read_frame(wire, buf_bytes(&frame));
    assert_int_equal(verify(wire, &envelope, spec.topic_below_root), ST_OK);
    assert_int_equal(verify(wire, &envelope, bytes_of(topic, sizeof topic)), ST_FORGED);
    spec.topic_below_root = bytes_of(topic, sizeof topic);
    assert_int_equal(envelope_write(&spec, BYTES_EMPTY, NULL, wire->hasher, &frame), ST_TOO_LARGE);
}

static void test_a_frame_under_another_key_is_refused(void **state)
{
    struct wire *const wire = *state;
    struct secret_key *const other = test_key_open(8);
    const struct public_key other_public = secret_key_public(other);
    const struct envelope envelope = read_frame(wire, plain_frame(wire, BYTES_LITERAL("body")));
    assert_int_equal(envelope_verify(&envelope, &other_public, evidence_topic, wire->hasher),
                     ST_FORGED);
    secret_key_close(other);
}

/* ------------------------------------------------- fields out of bounds */

struct raw_frame {
    uint64_t version, kind;
    struct bytes sender;
    uint64_t flags;
    size_t body_size, signature_size;
    uint32_t field_count;
};

static enum status read_raw(struct wire *wire, const struct raw_frame *raw)
{
    static uint8_t zeros[FRAME_SIZE_MAX];
    struct envelope envelope;
    struct buf buf = wire_buf(wire);
    pack_array(&buf, raw->field_count);
    pack_uint(&buf, raw->version);
    pack_uint(&buf, raw->kind);
    pack_text(&buf, raw->sender);
    pack_uint(&buf, 1);
    pack_uint(&buf, raw->flags);
    pack_bin(&buf, bytes_of(zeros, raw->body_size));
    if (raw->field_count >= 7) pack_bin(&buf, bytes_of(zeros, raw->signature_size));
    if (raw->field_count >= 8) pack_nil(&buf);
    return envelope_read(wire->unpacker, buf_bytes(&buf), &envelope);
}

static struct raw_frame good_raw(void)
{
    return (struct raw_frame){.version = 1,
                              .kind = FRAME_ACK,
                              .sender = BYTES_LITERAL("edge-1"),
                              .body_size = 10,
                              .signature_size = SIGNATURE_SIZE,
                              .field_count = 7};
}

static void test_a_field_out_of_bounds_is_refused(void **state)
{
    struct wire *const wire = *state;
    struct raw_frame raw = good_raw();
    assert_int_equal(read_raw(wire, &raw), ST_OK);
    raw.version = 0;
    assert_int_equal(read_raw(wire, &raw), ST_MALFORMED);
    raw.version = 2;
    assert_int_equal(read_raw(wire, &raw), ST_MALFORMED);
    raw = good_raw();
    raw.kind = 0;
    assert_int_equal(read_raw(wire, &raw), ST_MALFORMED);
    raw.kind = FRAME_KIND_MAX + 1;
    assert_int_equal(read_raw(wire, &raw), ST_MALFORMED);
    raw = good_raw();
    raw.flags = 2;
    assert_int_equal(read_raw(wire, &raw), ST_MALFORMED);
    raw = good_raw();
    raw.signature_size = SIGNATURE_SIZE - 1;
    assert_int_equal(read_raw(wire, &raw), ST_MALFORMED);
    raw = good_raw();
    raw.field_count = 6;
    assert_int_equal(read_raw(wire, &raw), ST_MALFORMED);
    raw.field_count = 8;
    assert_int_equal(read_raw(wire, &raw), ST_MALFORMED);
    raw = good_raw();
    raw.body_size = BODY_SIZE_MAX;
    assert_int_equal(read_raw(wire, &raw), ST_OK);
    raw.body_size = BODY_SIZE_MAX + 1;
    assert_int_equal(read_raw(wire, &raw), ST_MALFORMED);
    raw.body_size = FRAME_SIZE_MAX;
    assert_int_equal(read_raw(wire, &raw), ST_TOO_LARGE);
}

static void test_a_sender_that_can_be_no_node_is_refused(void **state)
{
    static const char *const names[] = {
        "",      "Edge",    "-edge",  "a/b",
        "local", "cloud1/", "edge 1", "abcdefghijklmnopqrstuvwxyz-123456"};
    struct wire *const wire = *state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct raw_frame raw = good_raw();
        raw.sender = bytes_of_text(names[i]);
        assert_int_equal(read_raw(wire, &raw), ST_MALFORMED);
    }
}

/* ---------------------------------------------------------- compression */

static enum status body_of(struct wire *wire, struct bytes compressed, struct bytes *out)
{
    const struct envelope envelope = {.flags = ENVELOPE_FLAG_ZSTD, .body = compressed};
    struct buf scratch = buf_of(wire->scratch, sizeof wire->scratch);
    return envelope_body(&envelope, wire->compressor, &scratch, out);
}

static void test_a_body_that_gets_smaller_travels_compressed(void **state)
{
    struct wire *const wire = *state;
    static char body[BODY_UNPACKED_SIZE_MAX];
    memset(body, 'b', sizeof body);
    const struct envelope_spec spec = spec_of(wire);
    struct buf frame = wire_buf(wire);
    struct buf scratch = buf_of(wire->scratch, sizeof wire->scratch);
    struct bytes back;
    assert_int_equal(
        envelope_write(&spec, bytes_of(body, sizeof body), wire->compressor, wire->hasher, &frame),
        ST_OK);
    assert_true(frame.size < 1000);
    const struct envelope envelope = read_frame(wire, buf_bytes(&frame));
    assert_int_equal(envelope.flags, ENVELOPE_FLAG_ZSTD);
    assert_int_equal(verify(wire, &envelope, evidence_topic), ST_OK);
    assert_int_equal(envelope_body(&envelope, wire->compressor, &scratch, &back), ST_OK);
    assert_true(bytes_equal(back, bytes_of(body, sizeof body)));
}

static void test_a_body_that_does_not_get_smaller_travels_as_it_is(void **state)
{
    struct wire *const wire = *state;
    static uint8_t body[BODY_SIZE_MAX];
    rng_fill(&wire->rng, body, sizeof body);
    const struct envelope_spec spec = spec_of(wire);
    struct buf frame = wire_buf(wire);
    struct bytes back;
    assert_int_equal(
        envelope_write(&spec, bytes_of(body, sizeof body), wire->compressor, wire->hasher, &frame),
        ST_OK);
    assert_true(frame.size <= sizeof body + FRAME_OVERHEAD_MAX);
    const struct envelope envelope = read_frame(wire, buf_bytes(&frame));
    assert_int_equal(envelope.flags, 0);
    assert_int_equal(envelope_body(&envelope, NULL, NULL, &back), ST_OK);
    assert_true(bytes_equal(back, bytes_of(body, sizeof body)));
}

static void test_a_body_over_the_limit_is_not_written(void **state)
{
    struct wire *const wire = *state;
    static uint8_t body[BODY_UNPACKED_SIZE_MAX + 1];
    const struct envelope_spec spec = spec_of(wire);
    struct buf frame = wire_buf(wire);
    /* Nobody would unpack it, however small it gets. */
    assert_int_equal(
        envelope_write(&spec, bytes_of(body, sizeof body), wire->compressor, wire->hasher, &frame),
        ST_TOO_LARGE);
    rng_fill(&wire->rng, body, sizeof body);
    assert_int_equal(envelope_write(&spec, bytes_of(body, BODY_SIZE_MAX + 1), wire->compressor,
                                    wire->hasher, &frame),
                     ST_TOO_LARGE);
    assert_int_equal(
        envelope_write(&spec, bytes_of(body, BODY_SIZE_MAX + 1), NULL, wire->hasher, &frame),
        ST_TOO_LARGE);
    assert_int_equal(frame.size, 0);
}

static void test_a_frame_that_does_not_fit_leaves_the_buffer_as_it_was(void **state)
{
    struct wire *const wire = *state;
    const struct envelope_spec spec = spec_of(wire);
    const size_t whole = plain_frame(wire, BYTES_LITERAL("body")).size;
    for (size_t room = 0; room < whole; room++) {
        uint8_t memory[256];
        struct buf out = buf_of(memory, 6 + room);
        buf_put_text(&out, "before");
        assert_int_equal(envelope_write(&spec, BYTES_LITERAL("body"), NULL, wire->hasher, &out),
                         ST_TOO_LARGE);
        assert_true(buf_ok(&out));
        assert_true(bytes_equal(buf_bytes(&out), BYTES_LITERAL("before")));
    }
}

/* zstd frames by hand (RFC 8878): magic, single segment with a 4-byte content size, RLE blocks. */
static const char zstd_magic[] = "28b52ffd";
enum { ZSTD_BLOCK_MAX = 128 * 1024 };

static void put_little(struct buf *buf, uint64_t value, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        buf_put_u8(buf, (uint8_t)(value >> 8 * i));
}

static void put_rle_frame(struct buf *buf, uint32_t claimed_size, size_t size)
{
    uint8_t magic[4];
    buf_put(buf, bytes_of_hex(zstd_magic, magic, sizeof magic));
    buf_put_u8(buf, 0xA0);
    put_little(buf, claimed_size, 4);
    while (size > 0) {
        const size_t block = size < ZSTD_BLOCK_MAX ? size : ZSTD_BLOCK_MAX;
        size -= block;
        put_little(buf, (size == 0 ? 1 : 0) | 1 << 1 | block << 3, 3);
        buf_put_u8(buf, 'r');
    }
}

static void test_a_body_of_exactly_the_limit_is_unpacked(void **state)
{
    struct wire *const wire = *state;
    struct bytes out;
    struct buf buf = wire_buf(wire);
    put_rle_frame(&buf, BODY_UNPACKED_SIZE_MAX, BODY_UNPACKED_SIZE_MAX);
    assert_int_equal(body_of(wire, buf_bytes(&buf), &out), ST_OK);
    assert_int_equal(out.size, BODY_UNPACKED_SIZE_MAX);
}

static void test_a_bomb_is_refused(void **state)
{
    struct wire *const wire = *state;
    struct bytes out;
    struct buf buf = wire_buf(wire);
    put_rle_frame(&buf, BODY_UNPACKED_SIZE_MAX + 1, BODY_UNPACKED_SIZE_MAX + 1);
    assert_int_equal(body_of(wire, buf_bytes(&buf), &out), ST_TOO_LARGE);
    buf = wire_buf(wire);
    put_rle_frame(&buf, UINT32_MAX, 16 * 1024 * 1024);
    assert_int_equal(body_of(wire, buf_bytes(&buf), &out), ST_TOO_LARGE);
}

static void test_a_bomb_that_lies_about_its_size_is_refused(void **state)
{
    struct wire *const wire = *state;
    struct bytes out;
    struct buf buf = wire_buf(wire);
    put_rle_frame(&buf, 1000, 1024 * 1024);
    assert_int_equal(body_of(wire, buf_bytes(&buf), &out), ST_MALFORMED);
    buf = wire_buf(wire);
    put_rle_frame(&buf, 100000, 1000);
    assert_int_equal(body_of(wire, buf_bytes(&buf), &out), ST_MALFORMED);
}

static void test_a_compressed_body_without_its_size_is_refused(void **state)
{
    struct wire *const wire = *state;
    uint8_t memory[32];
    struct bytes out;
    /* Window descriptor instead of a content size, one RLE block of 1,000 bytes. */
    const struct bytes body = bytes_of_hex("28b52ffd 00 58 431f00 72", memory, sizeof memory);
    assert_int_equal(body_of(wire, body, &out), ST_MALFORMED);
}

static void test_two_compressed_frames_in_one_body_are_refused(void **state)
{
    struct wire *const wire = *state;
    struct bytes out;
    struct buf buf = wire_buf(wire);
    put_rle_frame(&buf, 1000, 1000);
    assert_int_equal(body_of(wire, buf_bytes(&buf), &out), ST_OK);
    const size_t one = buf.size;
    put_rle_frame(&buf, 1000, 1000);
    assert_int_equal(body_of(wire, buf_bytes(&buf), &out), ST_MALFORMED);
    buf.size = one;
    buf_put_u8(&buf, 0);
    assert_int_equal(body_of(wire, buf_bytes(&buf), &out), ST_MALFORMED);
}

static void test_a_skippable_frame_is_refused(void **state)
{
    struct wire *const wire = *state;
    uint8_t memory[32];
    struct bytes out;
    const struct bytes skippable = bytes_of_hex("502a4d18 02000000 aaaa", memory, sizeof memory);
    struct buf buf = wire_buf(wire);
    assert_int_equal(body_of(wire, skippable, &out), ST_MALFORMED);
    buf_put(&buf, skippable);
    put_rle_frame(&buf, 1000, 1000);
    assert_int_equal(body_of(wire, buf_bytes(&buf), &out), ST_MALFORMED);
    buf = wire_buf(wire);
    put_rle_frame(&buf, 1000, 1000);
    buf_put(&buf, skippable);
    assert_int_equal(body_of(wire, buf_bytes(&buf), &out), ST_MALFORMED);
}

/* The library may still read what its versions before 1.0 wrote; this is a frame of 0.7. */
static void test_a_compressed_body_in_a_format_of_the_past_is_refused(void **state)
{
    struct wire *const wire = *state;
    uint8_t memory[32];
    struct bytes out;
    const struct bytes old =
        bytes_of_hex("27b52ffd a0 e8030000 8003e8 72 c00000", memory, sizeof memory);
    assert_int_equal(body_of(wire, old, &out), ST_MALFORMED);
}

/* Otherwise one message would have two forms: the writer sends such a body as it is. */
static void test_a_compressed_body_that_is_not_smaller_is_refused(void **state)
{
    struct wire *const wire = *state;
    struct bytes out;
    for (uint32_t size = 1; size <= 20; size++) {
        struct buf buf = wire_buf(wire);
        put_rle_frame(&buf, size, size);
        const enum status expected = buf.size < size ? ST_OK : ST_MALFORMED;
        assert_int_equal(body_of(wire, buf_bytes(&buf), &out), expected);
    }
}

static void test_a_body_that_is_not_compressed_at_all_is_refused(void **state)
{
    struct wire *const wire = *state;
    struct bytes out;
    assert_int_equal(body_of(wire, BYTES_EMPTY, &out), ST_MALFORMED);
    assert_int_equal(body_of(wire, BYTES_LITERAL("\x28\xB5\x2F"), &out), ST_MALFORMED);
    assert_int_equal(body_of(wire, BYTES_LITERAL("\x28\xB5\x2F\xFD"), &out), ST_MALFORMED);
    assert_int_equal(body_of(wire, BYTES_LITERAL("plain text, long enough"), &out), ST_MALFORMED);
    struct buf buf = wire_buf(wire);
    put_rle_frame(&buf, 1000, 1000);
    for (size_t size = 0; size < buf.size; size++)
        assert_int_equal(body_of(wire, bytes_of(buf.data, size), &out), ST_MALFORMED);
}

/* -------------------------------------------------------------- vectors */

static void test_golden_frames(void **state)
{
    static const char *const labels[] = {"version", "kind", "sender",   "hlc",
                                         "flags",   "body", "signature"};
    struct wire *const wire = *state;
    struct buf rle = buf_of(wire->scratch, sizeof wire->scratch);
    golden_open(&wire->golden, "wire_envelope.txt");
    golden_comment(&wire->golden,
                   "Frames (common/wire/envelope.h) on the topic edge-1/up/evidence.");
    golden_section(&wire->golden, "signer");
    golden_field(&wire->golden, "public_key", bytes_of(wire->public_key.bytes, PUBLIC_KEY_SIZE));
    golden_message(wire, "plain",
                   plain_frame(wire, BYTES_LITERAL("\x92\x01\xA4"
                                                   "body")),
                   labels, recode_envelope, "envelope");
    golden_message(wire, "empty_body", plain_frame(wire, BYTES_EMPTY), labels, recode_envelope,
                   "envelope");
    golden_close(&wire->golden);

    put_rle_frame(&rle, 1000, 1000);
    struct buf frame = wire_buf(wire);
    static const struct signature no_signature;
    pack_array(&frame, 7);
    pack_uint(&frame, ENVELOPE_VERSION);
    pack_uint(&frame, FRAME_ACK);
    pack_text(&frame, BYTES_LITERAL("cloud"));
    pack_uint(&frame, 1);
    pack_uint(&frame, ENVELOPE_FLAG_ZSTD);
    pack_bin(&frame, buf_bytes(&rle));
    PACK_FIXED(&frame, no_signature);
    corpus_seed("envelope", "compressed", buf_bytes(&frame));
    assert_true(recode_holds(wire->recoder, recode_envelope, buf_bytes(&frame)));
}

#define TEST(function) cmocka_unit_test_setup(function, wire_reseed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_frame_is_read_as_it_was_written),
        TEST(test_a_frame_is_appended_to_what_the_buffer_holds),
        TEST(test_the_cloud_may_be_the_sender),
        TEST(test_each_flipped_bit_of_a_frame_is_refused),
        TEST(test_each_truncated_frame_is_refused),
        TEST(test_a_frame_on_another_topic_is_refused),
        TEST(test_a_topic_that_is_too_long_is_refused),
        TEST(test_a_frame_under_another_key_is_refused),
        TEST(test_a_field_out_of_bounds_is_refused),
        TEST(test_a_sender_that_can_be_no_node_is_refused),
        TEST(test_a_body_that_gets_smaller_travels_compressed),
        TEST(test_a_body_that_does_not_get_smaller_travels_as_it_is),
        TEST(test_a_body_over_the_limit_is_not_written),
        TEST(test_a_frame_that_does_not_fit_leaves_the_buffer_as_it_was),
        TEST(test_a_body_of_exactly_the_limit_is_unpacked),
        TEST(test_a_bomb_is_refused),
        TEST(test_a_bomb_that_lies_about_its_size_is_refused),
        TEST(test_a_compressed_body_without_its_size_is_refused),
        TEST(test_two_compressed_frames_in_one_body_are_refused),
        TEST(test_a_skippable_frame_is_refused),
        TEST(test_a_compressed_body_in_a_format_of_the_past_is_refused),
        TEST(test_a_compressed_body_that_is_not_smaller_is_refused),
        TEST(test_a_body_that_is_not_compressed_at_all_is_refused),
        TEST(test_golden_frames),
    };
    return cmocka_run_group_tests(tests, wire_setup, wire_teardown);
}
