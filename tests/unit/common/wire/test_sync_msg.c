/* test_sync_msg.c - do both sides of a connection understand each other's hello and requests? */
#include "common/wire/sync_msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/hlc.h"
#include "tests/support/wire_check.h"

static struct hello hello, hello_back;
static struct hello_reply reply, reply_back;

static void random_hello(struct rng *rng, uint8_t *ack_memory, size_t ack_size_max)
{
    memset(&hello, 0, sizeof hello);
    rng_fill(rng, hello.nonce.bytes, NONCE_SIZE);
    hello.has_newest = rng_chance(rng, 700);
    if (hello.has_newest) {
        rng_fill(rng, hello.newest_log.bytes, LOG_ID_SIZE);
        hello.newest.size = random_sequence(rng);
        rng_fill(rng, hello.newest.root.bytes, DIGEST_SIZE);
        rng_fill(rng, hello.newest_key_id.bytes, KEY_ID_SIZE);
        rng_fill(rng, hello.newest.signature.bytes, SIGNATURE_SIZE);
    }
    hello.log_count = rng_below(rng, HELLO_LOGS_MAX + 1);
    for (size_t i = 0; i < hello.log_count; i++) {
        struct hello_log *const log = &hello.logs[i];
        rng_fill(rng, log->log.bytes, LOG_ID_SIZE);
        log->head_sequence = random_sequence(rng);
        rng_fill(rng, log->head_hash.bytes, DIGEST_SIZE);
        log->acked = rng_chance(rng, 200) ? 0 : random_sequence(rng);
        if (log->acked > 0) rng_fill(rng, log->acked_hash.bytes, DIGEST_SIZE);
    }
    rng_fill(rng, ack_memory, ack_size_max);
    if (rng_chance(rng, 700))
        hello.held_ack = bytes_of(ack_memory, 1 + rng_below(rng, ack_size_max));
    hello.mono_ms = random_uint(rng);
}

static struct bytes encode_hello(struct wire *wire)
{
    struct buf out = wire_buf(wire);
    hello_encode(&hello, &out);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static enum status decode_hello(struct wire *wire, struct bytes body)
{
    memset(&hello_back, 0xEE, sizeof hello_back);
    return hello_decode(wire->unpacker, body, &hello_back);
}

static void expect_same_newest(void)
{
    assert_true(hello_back.has_newest == hello.has_newest);
    if (!hello.has_newest) return;
    assert_true(log_id_equal(&hello_back.newest_log, &hello.newest_log));
    assert_true(hello_back.newest.size == hello.newest.size);
    assert_true(digest_equal(&hello_back.newest.root, &hello.newest.root));
    assert_true(signature_equal(&hello_back.newest.signature, &hello.newest.signature));
    assert_memory_equal(hello_back.newest_key_id.bytes, hello.newest_key_id.bytes, KEY_ID_SIZE);
}

static void test_a_hello_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    uint8_t ack_memory[2000];
    for (unsigned round = 0; round < 200; round++) {
        random_hello(&wire->rng, ack_memory, sizeof ack_memory);
        const struct bytes body = encode_hello(wire);
        assert_int_equal(decode_hello(wire, body), ST_OK);
        assert_true(nonce_equal(&hello_back.nonce, &hello.nonce));
        expect_same_newest();
        assert_int_equal(hello_back.log_count, hello.log_count);
        for (size_t i = 0; i < hello.log_count; i++) {
            const struct hello_log *const a = &hello_back.logs[i], *const b = &hello.logs[i];
            assert_true(log_id_equal(&a->log, &b->log));
            assert_true(a->head_sequence == b->head_sequence && a->acked == b->acked);
            assert_true(digest_equal(&a->head_hash, &b->head_hash));
            assert_true(digest_equal(&a->acked_hash, &b->acked_hash));
        }
        assert_true(bytes_equal(hello_back.held_ack, hello.held_ack));
        assert_true(hello_back.mono_ms == hello.mono_ms);
        assert_true(recode_holds(wire->recoder, recode_hello, body));
    }
}

static void good_hello(void)
{
    memset(&hello, 0, sizeof hello);
    hello.log_count = 2;
    for (size_t i = 0; i < 2; i++) {
        hello.logs[i].log.bytes[0] = (uint8_t)i;
        hello.logs[i].head_sequence = 9;
        hello.logs[i].acked = 5;
        hello.logs[i].acked_hash.bytes[0] = 1;
    }
}

#define EXPECT(expected, change)                                                                   \
    do {                                                                                           \
        good_hello();                                                                              \
        change;                                                                                    \
        if (decode_hello(*state, encode_hello(*state)) != (expected))                              \
            fail_msg("wrong verdict on: " #change);                                                \
    } while (0)

static void test_an_unlawful_hello_is_refused(void **state)
{
    EXPECT(ST_OK, (void)0);
    EXPECT(ST_MALFORMED, hello.logs[1].log.bytes[0] = 0);
    EXPECT(ST_MALFORMED, hello.logs[0].acked = 0);
    EXPECT(ST_OK, hello.logs[0].acked = 0; hello.logs[0].acked_hash.bytes[0] = 0);
    EXPECT(ST_MALFORMED, hello.logs[0].acked = PACK_SEQUENCE_MAX + 1);
    EXPECT(ST_MALFORMED, hello.logs[0].head_sequence = PACK_SEQUENCE_MAX + 1);
    EXPECT(ST_MALFORMED, hello.has_newest = true; hello.newest.size = PACK_SEQUENCE_MAX + 1);
    EXPECT(ST_OK, hello.has_newest = true; hello.newest.size = PACK_SEQUENCE_MAX);
}

/* nil says "none"; a second way to say it would make two forms of one hello. */
static void test_an_empty_held_acknowledgement_is_refused(void **state)
{
    struct wire *const wire = *state;
    memset(&hello, 0, sizeof hello);
    struct buf out = wire_buf(wire);
    hello_encode(&hello, &out);
    out.size -= 2; /* nil, then mono_ms 0 */
    pack_bin(&out, BYTES_EMPTY);
    pack_uint(&out, 0);
    assert_int_equal(decode_hello(wire, buf_bytes(&out)), ST_MALFORMED);
}

static void test_more_logs_than_a_hello_holds_are_refused(void **state)
{
    struct wire *const wire = *state;
    struct buf out = wire_buf(wire);
    static const uint8_t zeros[NONCE_SIZE];
    pack_array(&out, 5);
    pack_bin(&out, bytes_of(zeros, NONCE_SIZE));
    pack_nil(&out);
    pack_array(&out, HELLO_LOGS_MAX + 1);
    for (unsigned i = 0; i <= HELLO_LOGS_MAX; i++)
        pack_nil(&out);
    pack_nil(&out);
    pack_uint(&out, 0);
    assert_int_equal(decode_hello(wire, buf_bytes(&out)), ST_MALFORMED);
}

/* ----------------------------------------------------------- hello reply */

static struct bytes encode_reply(struct wire *wire)
{
    struct buf out = wire_buf(wire);
    hello_reply_encode(&reply, &out);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

/* What the reply says of stamps, roster and config. */
static void random_promises(struct rng *rng)
{
    reply.admitted = random_uint(rng) & HLC_STAMP_MAX;
    reply.horizon = random_uint(rng) & HLC_STAMP_MAX;
    reply.roster = rng_chance(rng, 200) ? 0 : random_sequence(rng);
    reply.config.count = rng_below(rng, CONFIG_SCOPES_MAX + 1);
    for (size_t i = 0; i < reply.config.count; i++) {
        struct config_scope_digest *const scope = &reply.config.scopes[i];
        scope->scope.kind = CONFIG_SCOPE_GROUP;
        scope->scope.name.text[0] = (char)('a' + i);
        scope->count = random_sequence(rng);
        rng_fill(rng, scope->digest.bytes, CONFIG_DIGEST_SIZE);
    }
}

static void test_a_hello_reply_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 100; round++) {
        memset(&reply, 0, sizeof reply);
        rng_fill(&wire->rng, reply.nonce.bytes, NONCE_SIZE);
        reply.mono_ms = random_uint(&wire->rng);
        reply.cloud_ms = random_int(&wire->rng);
        reply.ack.counter = random_uint(&wire->rng) | 1;
        reply.ack.log_count = 1;
        reply.ack.logs[0].size = random_sequence(&wire->rng);
        reply.held_count = rng_below(&wire->rng, HELLO_LOGS_MAX + 1);
        rng_fill(&wire->rng, reply.held, reply.held_count * LOG_ID_SIZE);
        random_promises(&wire->rng);
        const struct bytes body = encode_reply(wire);
        assert_int_equal(hello_reply_decode(wire->unpacker, body, &reply_back), ST_OK);
        assert_true(nonce_equal(&reply_back.nonce, &reply.nonce));
        assert_true(reply_back.mono_ms == reply.mono_ms);
        assert_true(reply_back.cloud_ms == reply.cloud_ms);
        assert_true(reply_back.ack.counter == reply.ack.counter);
        assert_true(reply_back.ack.logs[0].size == reply.ack.logs[0].size);
        assert_int_equal(reply_back.held_count, reply.held_count);
        assert_memory_equal(reply_back.held, reply.held, reply.held_count * LOG_ID_SIZE);
        assert_true(reply_back.admitted == reply.admitted);
        assert_true(reply_back.horizon == reply.horizon && reply_back.roster == reply.roster);
        assert_true(config_summary_equal(&reply_back.config, &reply.config));
        assert_true(recode_holds(wire->recoder, recode_hello_reply, body));
    }
}

static void test_a_hello_reply_with_an_unlawful_acknowledgement_is_refused(void **state)
{
    struct wire *const wire = *state;
    memset(&reply, 0, sizeof reply);
    assert_int_equal(hello_reply_decode(wire->unpacker, encode_reply(wire), &reply_back),
                     ST_MALFORMED);
    reply.ack.counter = 1;
    assert_int_equal(hello_reply_decode(wire->unpacker, encode_reply(wire), &reply_back), ST_OK);
}

static enum status verdict_on_reply(struct wire *wire)
{
    return hello_reply_decode(wire->unpacker, encode_reply(wire), &reply_back);
}

#define EXPECT_REPLY(expected, change)                                                             \
    do {                                                                                           \
        memset(&reply, 0, sizeof reply);                                                           \
        reply.ack.counter = 1;                                                                     \
        change;                                                                                    \
        if (verdict_on_reply(*state) != (expected)) fail_msg("wrong verdict on: " #change);        \
    } while (0)

/* A stamp beyond the bound would, once received, leave a clock no room to count on. */
static void test_a_hello_reply_with_a_number_out_of_bounds_is_refused(void **state)
{
    EXPECT_REPLY(ST_OK, reply.admitted = HLC_STAMP_MAX);
    EXPECT_REPLY(ST_MALFORMED, reply.admitted = HLC_STAMP_MAX + 1);
    EXPECT_REPLY(ST_OK, reply.horizon = HLC_STAMP_MAX);
    EXPECT_REPLY(ST_MALFORMED, reply.horizon = HLC_STAMP_MAX + 1);
    EXPECT_REPLY(ST_OK, reply.roster = PACK_SEQUENCE_MAX);
    EXPECT_REPLY(ST_MALFORMED, reply.roster = PACK_SEQUENCE_MAX + 1);
    EXPECT_REPLY(ST_OK, reply.config.count = 1);
    EXPECT_REPLY(ST_MALFORMED, reply.config.count = 2); /* the fleet twice */
}

/* --------------------------------------------------------- range request */

static enum status request_range(struct wire *wire, uint64_t from, uint64_t to)
{
    struct range_request back;
    struct range_request request = {.from = from, .to = to};
    struct buf out = wire_buf(wire);
    rng_fill(&wire->rng, request.nonce.bytes, NONCE_SIZE);
    rng_fill(&wire->rng, request.log.bytes, LOG_ID_SIZE);
    range_request_encode(&request, &out);
    TRY(range_request_decode(wire->unpacker, buf_bytes(&out), &back));
    assert_true(nonce_equal(&back.nonce, &request.nonce));
    assert_true(log_id_equal(&back.log, &request.log));
    assert_true(back.from == from && back.to == to);
    assert_true(recode_holds(wire->recoder, recode_range_request, buf_bytes(&out)));
    return ST_OK;
}

static void test_a_range_request_asks_for_a_range(void **state)
{
    struct wire *const wire = *state;
    assert_int_equal(request_range(wire, 1, 1), ST_OK);
    assert_int_equal(request_range(wire, 5, PACK_SEQUENCE_MAX), ST_OK);
    assert_int_equal(request_range(wire, 0, 1), ST_MALFORMED);
    assert_int_equal(request_range(wire, 6, 5), ST_MALFORMED);
    assert_int_equal(request_range(wire, 5, PACK_SEQUENCE_MAX + 1), ST_MALFORMED);
}

/* -------------------------------------------------------------- vectors */

static void golden_hellos(struct wire *wire)
{
    static const char *const labels[] = {"nonce", "newest", "logs", "held_ack", "mono_ms"};
    memset(&hello, 0, sizeof hello);
    golden_message(wire, "first_hello", encode_hello(wire), labels, recode_hello, "hello");
    memset(hello.nonce.bytes, 0x0A, NONCE_SIZE);
    hello.has_newest = true;
    memset(hello.newest_log.bytes, 0x11, LOG_ID_SIZE);
    hello.newest.size = 70000;
    memset(hello.newest.root.bytes, 0x12, DIGEST_SIZE);
    memset(hello.newest_key_id.bytes, 0x13, KEY_ID_SIZE);
    memset(hello.newest.signature.bytes, 0x14, SIGNATURE_SIZE);
    hello.log_count = 2;
    hello.logs[0] = (struct hello_log){.log = hello.newest_log, .head_sequence = 70003};
    memset(hello.logs[0].head_hash.bytes, 0x15, DIGEST_SIZE);
    hello.logs[1].log.bytes[0] = 0x21;
    hello.logs[1].head_sequence = 300;
    hello.logs[1].acked = 200;
    memset(hello.logs[1].acked_hash.bytes, 0x22, DIGEST_SIZE);
    hello.held_ack = BYTES_LITERAL("the cloud's frame");
    hello.mono_ms = 123456;
    golden_message(wire, "hello", encode_hello(wire), labels, recode_hello, "hello");
}

static void golden_replies(struct wire *wire)
{
    static const char *const labels[] = {"nonce",    "mono_ms", "cloud_ms", "ack",   "held",
                                         "admitted", "horizon", "roster",   "config"};
    static const char *const range_labels[] = {"nonce", "log_id", "from", "to"};
    memset(&reply, 0, sizeof reply);
    memset(reply.nonce.bytes, 0x0A, NONCE_SIZE);
    reply.mono_ms = 123456;
    reply.cloud_ms = 1748736000000;
    memset(reply.ack.store.bytes, 0x5A, STORE_ID_SIZE);
    reply.ack.counter = 1;
    reply.held_count = 1;
    memset(reply.held[0].bytes, 0x21, LOG_ID_SIZE);
    reply.admitted = UINT64_C(1748736000000) << 16 | 3;
    reply.horizon = UINT64_C(1748649600000) << 16;
    reply.roster = 12;
    reply.config.count = 2;
    reply.config.scopes[0].scope.kind = CONFIG_SCOPE_FLEET;
    reply.config.scopes[0].count = 300;
    memset(reply.config.scopes[0].digest.bytes, 0x31, CONFIG_DIGEST_SIZE);
    assert_int_equal(config_scope_from(BYTES_LITERAL("group/north"), &reply.config.scopes[1].scope),
                     ST_OK);
    golden_message(wire, "hello_reply", encode_reply(wire), labels, recode_hello_reply,
                   "hello_reply");
    struct range_request request = {.nonce = reply.nonce, .from = 200, .to = 70000};
    memset(request.log.bytes, 0x11, LOG_ID_SIZE);
    struct buf out = wire_buf(wire);
    range_request_encode(&request, &out);
    golden_message(wire, "range_request", buf_bytes(&out), range_labels, recode_range_request,
                   "range_request");
}

static void test_golden_messages(void **state)
{
    struct wire *const wire = *state;
    golden_open(&wire->golden, "wire_sync.txt");
    golden_comment(&wire->golden,
                   "Bodies of hellos, their replies and range requests (common/wire/sync_msg.h).");
    golden_hellos(wire);
    golden_replies(wire);
    golden_close(&wire->golden);
}

#define TEST(function) cmocka_unit_test_setup(function, wire_reseed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_hello_is_read_as_it_was_written),
        TEST(test_an_unlawful_hello_is_refused),
        TEST(test_an_empty_held_acknowledgement_is_refused),
        TEST(test_more_logs_than_a_hello_holds_are_refused),
        TEST(test_a_hello_reply_is_read_as_it_was_written),
        TEST(test_a_hello_reply_with_an_unlawful_acknowledgement_is_refused),
        TEST(test_a_hello_reply_with_a_number_out_of_bounds_is_refused),
        TEST(test_a_range_request_asks_for_a_range),
        TEST(test_golden_messages),
    };
    return cmocka_run_group_tests(tests, wire_setup, wire_teardown);
}
