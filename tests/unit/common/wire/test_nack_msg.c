/* test_nack_msg.c - does a node learn what was not taken, why, and what time it is? */
#include "common/wire/nack_msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/hlc.h"
#include "tests/support/recode_values.h"
#include "tests/support/wire_check.h"

static struct bytes encode(struct wire *wire, const struct nack *nack)
{
    struct buf out = wire_buf(wire);
    nack_msg_encode(nack, &out);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static void test_a_refusal_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 500; round++) {
        char words[NACK_WORDS_SIZE_MAX];
        struct nack back,
            nack = {
                .lane = (enum nack_lane)(1 + rng_below(&wire->rng, NACK_LANE_MAX)),
                .reason = (enum nack_reason)(1 + rng_below(&wire->rng, NACK_REASON_MAX)),
                .from = random_sequence(&wire->rng) / 2,
                .cloud_ms = random_int(&wire->rng),
                .admitted = random_uint(&wire->rng) & HLC_STAMP_MAX,
                .words = random_text(&wire->rng, words, 0, sizeof words),
            };
        nack.to = nack.from + rng_below(&wire->rng, 1000);
        rng_fill(&wire->rng, nack.nonce.bytes, NONCE_SIZE);
        const struct bytes body = encode(wire, &nack);
        assert_int_equal(nack_msg_decode(wire->unpacker, body, &back), ST_OK);
        assert_true(nonce_equal(&back.nonce, &nack.nonce));
        assert_int_equal(back.lane, nack.lane);
        assert_int_equal(back.reason, nack.reason);
        assert_true(back.from == nack.from && back.to == nack.to);
        assert_true(back.cloud_ms == nack.cloud_ms && back.admitted == nack.admitted);
        assert_true(bytes_equal(back.words, nack.words));
        assert_true(recode_holds(wire->recoder, recode_nack, body));
    }
}

static const struct nack good = {.lane = NACK_TRACKS, .reason = NACK_FUTURE, .from = 3, .to = 9};

#define EXPECT(expected, change)                                                                   \
    do {                                                                                           \
        struct nack nack = good, back;                                                             \
        change;                                                                                    \
        if (nack_msg_decode(wire->unpacker, encode(wire, &nack), &back) != (expected))             \
            fail_msg("wrong verdict on: " #change);                                                \
    } while (0)

static void test_a_field_out_of_bounds_is_refused(void **state)
{
    struct wire *const wire = *state;
    static char words[NACK_WORDS_SIZE_MAX + 1];
    memset(words, 'w', sizeof words);
    EXPECT(ST_OK, (void)0);
    EXPECT(ST_MALFORMED, nack.lane = (enum nack_lane)0);
    EXPECT(ST_MALFORMED, nack.lane = (enum nack_lane)(NACK_LANE_MAX + 1));
    EXPECT(ST_MALFORMED, nack.reason = (enum nack_reason)0);
    EXPECT(ST_MALFORMED, nack.reason = (enum nack_reason)(NACK_REASON_MAX + 1));
    EXPECT(ST_OK, nack.to = 3);
    EXPECT(ST_MALFORMED, nack.to = 2);
    EXPECT(ST_OK, nack.from = nack.to = 0);
    EXPECT(ST_OK, nack.from = nack.to = PACK_SEQUENCE_MAX);
    EXPECT(ST_MALFORMED, nack.to = PACK_SEQUENCE_MAX + 1);
    EXPECT(ST_OK, nack.admitted = HLC_STAMP_MAX);
    EXPECT(ST_MALFORMED, nack.admitted = HLC_STAMP_MAX + 1);
    EXPECT(ST_OK, nack.words = bytes_of(words, NACK_WORDS_SIZE_MAX));
    EXPECT(ST_MALFORMED, nack.words = bytes_of(words, NACK_WORDS_SIZE_MAX + 1));
}

static void test_golden_refusals(void **state)
{
    static const char *const labels[] = {"nonce", "lane",     "reason",   "from",
                                         "to",    "cloud_ms", "admitted", "words"};
    struct wire *const wire = *state;
    struct nack nack = {.lane = NACK_CONFIG, .reason = NACK_MALFORMED, .cloud_ms = -1};
    golden_open(&wire->golden, "wire_nack.txt");
    golden_comment(&wire->golden, "Bodies of refusals (common/wire/nack_msg.h).");
    golden_message(wire, "malformed", encode(wire, &nack), labels, recode_nack, "nack");
    nack = good;
    memset(nack.nonce.bytes, 0x0A, NONCE_SIZE);
    nack.to = 70000;
    nack.cloud_ms = 1748736000000;
    nack.admitted = UINT64_C(1748649600000) << 16 | 2;
    nack.words = BYTES_LITERAL("a stamp is 3600 s ahead");
    golden_message(wire, "future", encode(wire, &nack), labels, recode_nack, "nack");
    golden_close(&wire->golden);
}

#define TEST(function) cmocka_unit_test_setup(function, wire_reseed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_refusal_is_read_as_it_was_written),
        TEST(test_a_field_out_of_bounds_is_refused),
        TEST(test_golden_refusals),
    };
    return cmocka_run_group_tests(tests, wire_setup, wire_teardown);
}
