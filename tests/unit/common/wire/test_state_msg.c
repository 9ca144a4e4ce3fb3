/* test_state_msg.c - does the cloud learn exactly what an edge holds and has applied? */
#include "common/wire/state_msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/recode_values.h"
#include "tests/support/wire_check.h"

static struct state_report report, back;

static struct bytes encode(struct wire *wire)
{
    struct buf out = wire_buf(wire);
    state_msg_encode(&report, &out);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static enum status decode(struct wire *wire, struct bytes body)
{
    memset(&back, 0xEE, sizeof back);
    return state_msg_decode(wire->unpacker, body, &back);
}

static struct config_scope scope_of(const char *text)
{
    struct config_scope scope;
    assert_int_equal(config_scope_from(bytes_of_text(text), &scope), ST_OK);
    return scope;
}

/* The fleet, groups in ascending order, a node: as much of it as chance wants. */
static void random_summary(struct rng *rng, struct config_summary *summary)
{
    *summary = (struct config_summary){0};
    if (rng_chance(rng, 500)) summary->scopes[summary->count++].scope = scope_of("fleet");
    const uint64_t group_count = rng_below(rng, NODE_GROUPS_MAX + 1);
    for (uint64_t i = 0; i < group_count; i++) {
        struct config_scope *const scope = &summary->scopes[summary->count++].scope;
        *scope = scope_of("group/a");
        memset(scope->name.text, (int)('A' + i), 1 + rng_below(rng, LEVEL_NAME_SIZE_MAX));
    }
    if (rng_chance(rng, 500)) summary->scopes[summary->count++].scope = scope_of("node/edge-1");
    for (size_t i = 0; i < summary->count; i++) {
        summary->scopes[i].count = random_sequence(rng);
        rng_fill(rng, summary->scopes[i].digest.bytes, CONFIG_DIGEST_SIZE);
    }
}

static void random_report(struct rng *rng)
{
    memset(&report, 0, sizeof report);
    rng_fill(rng, report.nonce.bytes, NONCE_SIZE);
    report.interest = (enum track_interest)rng_below(rng, INTEREST_COUNT);
    report.numbering = (uint32_t)(random_uint(rng) | 1);
    report.counter = rng_chance(rng, 200) ? 0 : random_sequence(rng);
    report.has_down = rng_chance(rng, 500);
    if (report.has_down) {
        rng_fill(rng, report.down_store.bytes, STORE_ID_SIZE);
        report.down_cursor = random_sequence(rng);
    }
    report.roster = rng_chance(rng, 200) ? 0 : random_sequence(rng);
    random_summary(rng, &report.config);
}

static void test_a_state_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 300; round++) {
        random_report(&wire->rng);
        const struct bytes body = encode(wire);
        assert_int_equal(decode(wire, body), ST_OK);
        assert_true(nonce_equal(&back.nonce, &report.nonce));
        assert_int_equal(back.interest, report.interest);
        assert_true(back.numbering == report.numbering && back.counter == report.counter);
        assert_true(back.has_down == report.has_down);
        assert_true(store_id_equal(&back.down_store, &report.down_store));
        assert_true(back.down_cursor == report.down_cursor && back.roster == report.roster);
        assert_true(config_summary_equal(&back.config, &report.config));
        assert_true(recode_holds(wire->recoder, recode_state, body));
    }
}

/* ------------------------------------------------------------- refusals */

static void good_report(void)
{
    memset(&report, 0, sizeof report);
    report.numbering = 1;
    report.has_down = true;
    report.config.count = 4;
    report.config.scopes[0].scope = scope_of("fleet");
    report.config.scopes[1].scope = scope_of("group/a");
    report.config.scopes[2].scope = scope_of("group/ab");
    report.config.scopes[3].scope = scope_of("node/aa");
}

#define EXPECT(expected, change)                                                                   \
    do {                                                                                           \
        good_report();                                                                             \
        change;                                                                                    \
        if (decode(*state, encode(*state)) != (expected)) fail_msg("wrong verdict on: " #change);  \
    } while (0)

static void test_a_field_out_of_bounds_is_refused(void **state)
{
    EXPECT(ST_OK, (void)0);
    EXPECT(ST_OK, report.interest = INTEREST_ALL);
    EXPECT(ST_MALFORMED, report.interest = INTEREST_COUNT);
    EXPECT(ST_MALFORMED, report.numbering = 0);
    EXPECT(ST_OK, report.numbering = UINT32_MAX);
    EXPECT(ST_OK, report.counter = PACK_SEQUENCE_MAX);
    EXPECT(ST_MALFORMED, report.counter = PACK_SEQUENCE_MAX + 1);
    EXPECT(ST_OK, report.down_cursor = PACK_SEQUENCE_MAX);
    EXPECT(ST_MALFORMED, report.down_cursor = PACK_SEQUENCE_MAX + 1);
    EXPECT(ST_OK, report.roster = PACK_SEQUENCE_MAX);
    EXPECT(ST_MALFORMED, report.roster = PACK_SEQUENCE_MAX + 1);
    EXPECT(ST_OK, report.config.scopes[0].count = PACK_SEQUENCE_MAX);
    EXPECT(ST_MALFORMED, report.config.scopes[0].count = PACK_SEQUENCE_MAX + 1);
}

static void test_a_scope_that_cannot_be_is_refused(void **state)
{
    EXPECT(ST_MALFORMED, report.config.scopes[3].scope.kind = CONFIG_SCOPE_KIND_COUNT);
    EXPECT(ST_MALFORMED, report.config.scopes[0].scope.name.text[0] = 'f');
    EXPECT(ST_MALFORMED, report.config.scopes[1].scope.name.text[0] = '\0');
    EXPECT(ST_MALFORMED, report.config.scopes[2].scope.name.text[1] = '/');
    EXPECT(ST_MALFORMED, report.config.scopes[3].scope.name.text[0] = 'A'); /* no node's name */
}

/* Else two forms of one summary would differ, and a node would seem to lag behind for ever. */
static void test_scopes_out_of_order_are_refused(void **state)
{
    EXPECT(ST_MALFORMED, report.config.scopes[2] = report.config.scopes[1]);
    EXPECT(ST_MALFORMED, report.config.scopes[1].scope = scope_of("group/b"));
    EXPECT(ST_MALFORMED, report.config.scopes[0].scope = scope_of("group/c"));
    EXPECT(ST_MALFORMED, report.config.scopes[1].scope = scope_of("fleet"));
    EXPECT(ST_MALFORMED, report.config.scopes[2].scope = scope_of("node/b"));
}

static void test_more_scopes_than_hold_for_a_node_are_refused(void **state)
{
    struct wire *const wire = *state;
    for (uint32_t count = CONFIG_SCOPES_MAX; count <= CONFIG_SCOPES_MAX + 1; count++) {
        static const uint8_t digest[CONFIG_DIGEST_SIZE];
        good_report();
        report.config.count = 0;
        struct buf out = wire_buf(wire);
        state_msg_encode(&report, &out);
        out.size -= 1; /* the empty array */
        pack_array(&out, count);
        for (uint32_t i = 0; i < count; i++) {
            const char name = (char)('a' + i);
            pack_array(&out, 4);
            pack_uint(&out, CONFIG_SCOPE_GROUP);
            pack_text(&out, bytes_of(&name, 1));
            pack_uint(&out, 0);
            pack_bin(&out, bytes_of(digest, sizeof digest));
        }
        assert_int_equal(decode(wire, buf_bytes(&out)),
                         count == CONFIG_SCOPES_MAX ? ST_OK : ST_MALFORMED);
    }
}

/* -------------------------------------------------------------- summaries */

static void test_scopes_are_ordered_by_kind_and_then_by_name(void **state)
{
    static const char *const ascending[] = {"fleet",    "group/A", "group/a",
                                            "group/ab", "group/b", "node/a"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ascending); i++) {
        for (size_t k = 0; k < COUNT_OF(ascending); k++) {
            const struct config_scope a = scope_of(ascending[i]), b = scope_of(ascending[k]);
            const int order = config_scope_compare(&a, &b);
            assert_int_equal(order < 0 ? -1 : order > 0, i < k ? -1 : i > k);
        }
    }
}

static void test_summaries_are_equal_only_when_all_of_them_is(void **state)
{
    (void)state;
    good_report();
    struct config_summary other = report.config;
    assert_true(config_summary_equal(&other, &report.config));
    other.count = 3;
    assert_false(config_summary_equal(&other, &report.config));
    other = report.config;
    other.scopes[3].count++;
    assert_false(config_summary_equal(&other, &report.config));
    other = report.config;
    other.scopes[0].digest.bytes[CONFIG_DIGEST_SIZE - 1] ^= 1;
    assert_false(config_summary_equal(&other, &report.config));
    other = report.config;
    other.scopes[2].scope = scope_of("group/ac");
    assert_false(config_summary_equal(&other, &report.config));
    /* What stands behind the count is nobody's. */
    other = report.config;
    memset(&other.scopes[4], 0xEE, sizeof other.scopes[4]);
    assert_true(config_summary_equal(&other, &report.config));
}

/* -------------------------------------------------------------- vectors */

static void test_golden_states(void **state)
{
    static const char *const labels[] = {"nonce", "interest", "numbering", "counter",
                                         "down",  "roster",   "config"};
    struct wire *const wire = *state;
    golden_open(&wire->golden, "wire_state.txt");
    golden_comment(&wire->golden, "Bodies of states (common/wire/state_msg.h).");
    memset(&report, 0, sizeof report);
    report.numbering = 1;
    golden_message(wire, "nothing_held", encode(wire), labels, recode_state, "state");
    memset(report.nonce.bytes, 0x0A, NONCE_SIZE);
    report.interest = INTEREST_GROUPS;
    report.numbering = 70000;
    report.counter = 1234567;
    report.has_down = true;
    memset(report.down_store.bytes, 0x5A, STORE_ID_SIZE);
    report.down_cursor = 300;
    report.roster = 12;
    report.config.count = 3;
    report.config.scopes[0].scope = scope_of("fleet");
    report.config.scopes[1].scope = scope_of("group/north");
    report.config.scopes[2].scope = scope_of("node/edge-1");
    report.config.scopes[2].count = 8192;
    memset(report.config.scopes[2].digest.bytes, 0x31, CONFIG_DIGEST_SIZE);
    golden_message(wire, "all_there_is", encode(wire), labels, recode_state, "state");
    golden_close(&wire->golden);
}

#define TEST(function) cmocka_unit_test_setup(function, wire_reseed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_state_is_read_as_it_was_written),
        TEST(test_a_field_out_of_bounds_is_refused),
        TEST(test_a_scope_that_cannot_be_is_refused),
        TEST(test_scopes_out_of_order_are_refused),
        TEST(test_more_scopes_than_hold_for_a_node_are_refused),
        TEST(test_scopes_are_ordered_by_kind_and_then_by_name),
        TEST(test_summaries_are_equal_only_when_all_of_them_is),
        TEST(test_golden_states),
    };
    return cmocka_run_group_tests(tests, wire_setup, wire_teardown);
}
