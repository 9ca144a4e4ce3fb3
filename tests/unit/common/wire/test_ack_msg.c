/* test_ack_msg.c - does an acknowledgement say exactly what the cloud holds, and nothing else? */
#include "common/wire/ack_msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/fields.h"
#include "tests/support/wire_check.h"

static struct ack ack, back;

/* Up to count ascending ranges that do not touch. */
static void random_slice(struct rng *rng, struct range_slice *slice, size_t count)
{
    uint64_t from = 1 + rng_below(rng, 100);
    *slice = (struct range_slice){.first = (uint16_t)ack.range_count};
    while (count-- > 0) {
        const uint64_t to = from + random_uint(rng) / 2048;
        assert_true(ack_add_range(&ack, slice, from, to));
        from = to + 2 + rng_below(rng, 3);
    }
}

/* What the acknowledgement says of tracks and config. */
static void random_lanes(struct rng *rng)
{
    ack.has_tracks = rng_chance(rng, 500);
    if (ack.has_tracks) {
        ack.track_numbering = (uint32_t)(random_uint(rng) | 1);
        ack.track_cursor = rng_chance(rng, 200) ? 0 : random_sequence(rng);
    }
    ack.has_config = rng_chance(rng, 500);
    if (!ack.has_config) return;
    ack.config_incarnation = (uint32_t)(random_uint(rng) | 1);
    ack.config_judged = rng_chance(rng, 200) ? 0 : random_sequence(rng);
    uint64_t from = 1;
    for (size_t count = rng_below(rng, ACK_REFUSALS_MAX + 1); count > 0; count--) {
        const struct ack_refusal refusal = {
            .from = from + rng_below(rng, 3),
            .to = from + 2 + rng_below(rng, 100),
            .reason = (enum write_refusal)(1 + rng_below(rng, WRITE_REFUSAL_MAX)),
        };
        if (!ack_add_refusal(&ack, &refusal)) return;
        from = refusal.to + 1;
    }
}

static void random_ack(struct rng *rng)
{
    memset(&ack, 0, sizeof ack);
    rng_fill(rng, ack.store.bytes, STORE_ID_SIZE);
    ack.has_previous = rng_chance(rng, 500);
    if (ack.has_previous) rng_fill(rng, ack.previous.bytes, STORE_ID_SIZE);
    ack.counter = random_uint(rng) | 1;
    ack.cloud_ms = random_int(rng);
    ack.lease = random_uint(rng);
    ack.log_count = rng_below(rng, ACK_LOGS_MAX + 1);
    for (size_t i = 0; i < ack.log_count; i++) {
        struct ack_log *const log = &ack.logs[i];
        rng_fill(rng, log->log.bytes, LOG_ID_SIZE);
        log->state = (enum ack_log_state)rng_below(rng, 3);
        log->size = rng_chance(rng, 100) ? 0 : random_sequence(rng);
        if (log->size > 0) rng_fill(rng, log->head_hash.bytes, DIGEST_SIZE);
        log->parts = (uint32_t)rng_below(rng, 200);
        if (log->parts > 0) log->parts_sequence = random_sequence(rng);
        random_slice(rng, &log->above, rng_below(rng, 2));
        random_slice(rng, &log->rejected, rng_below(rng, 3));
        random_slice(rng, &log->forked, rng_below(rng, 2));
        if (!rng_chance(rng, 300)) continue;
        struct branch_tip tip = {.sequence = random_sequence(rng)};
        rng_fill(rng, tip.hash.bytes, DIGEST_SIZE);
        assert_true(ack_add_tip(&ack, &log->tips, &tip));
    }
    random_lanes(rng);
}

static struct bytes encode(struct wire *wire)
{
    struct buf out = wire_buf(wire);
    ack_pack(&ack, &out);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static enum status decode(struct wire *wire, struct bytes body)
{
    memset(&back, 0, sizeof back);
    return ack_msg_decode(wire->unpacker, body, &back);
}

static void expect_same_log(const struct ack_log *a, const struct ack_log *b)
{
    assert_true(log_id_equal(&a->log, &b->log));
    assert_int_equal(a->state, b->state);
    assert_true(a->size == b->size);
    assert_true(digest_equal(&a->head_hash, &b->head_hash));
    assert_true(a->parts_sequence == b->parts_sequence && a->parts == b->parts);
    assert_memory_equal(&a->above, &b->above, sizeof a->above);
    assert_memory_equal(&a->rejected, &b->rejected, sizeof a->rejected);
    assert_memory_equal(&a->forked, &b->forked, sizeof a->forked);
    assert_int_equal(a->tips.count, b->tips.count);
    for (size_t i = 0; i < a->tips.count; i++)
        assert_memory_equal(&back.tips[a->tips.first + i], &ack.tips[b->tips.first + i],
                            sizeof(struct branch_tip));
}

static void expect_same_lanes(void)
{
    assert_true(back.has_tracks == ack.has_tracks && back.has_config == ack.has_config);
    assert_true(back.track_numbering == ack.track_numbering);
    assert_true(back.track_cursor == ack.track_cursor);
    assert_true(back.config_incarnation == ack.config_incarnation);
    assert_true(back.config_judged == ack.config_judged);
    assert_int_equal(back.refusal_count, ack.refusal_count);
    for (size_t i = 0; i < ack.refusal_count; i++) {
        assert_true(back.refusals[i].from == ack.refusals[i].from);
        assert_true(back.refusals[i].to == ack.refusals[i].to);
        assert_int_equal(back.refusals[i].reason, ack.refusals[i].reason);
    }
}

static void test_an_acknowledgement_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 200; round++) {
        random_ack(&wire->rng);
        const struct bytes body = encode(wire);
        assert_int_equal(decode(wire, body), ST_OK);
        assert_true(store_id_equal(&back.store, &ack.store));
        assert_true(back.has_previous == ack.has_previous);
        assert_true(store_id_equal(&back.previous, &ack.previous));
        assert_true(back.counter == ack.counter && back.lease == ack.lease);
        assert_true(back.cloud_ms == ack.cloud_ms);
        expect_same_lanes();
        assert_int_equal(back.log_count, ack.log_count);
        for (size_t i = 0; i < ack.log_count; i++)
            expect_same_log(&back.logs[i], &ack.logs[i]);
        assert_int_equal(back.range_count, ack.range_count);
        assert_memory_equal(back.ranges, ack.ranges, ack.range_count * sizeof ack.ranges[0]);
        assert_true(recode_holds(wire->recoder, recode_ack, body));
    }
}

static void test_the_largest_acknowledgement_fits_one_frame(void **state)
{
    struct wire *const wire = *state;
    random_ack(&wire->rng);
    ack.log_count = ACK_LOGS_MAX;
    ack.range_count = ack.tip_count = 0;
    for (size_t i = 0; i < ACK_LOGS_MAX; i++) {
        struct ack_log *const log = &ack.logs[i];
        *log = (struct ack_log){.size = PACK_SEQUENCE_MAX};
        rng_fill(&wire->rng, log->log.bytes, LOG_ID_SIZE);
        for (uint64_t k = 0; k < ACK_RANGES_MAX / ACK_LOGS_MAX; k++)
            assert_true(ack_add_range(&ack, &log->above, PACK_SEQUENCE_MAX - 100 + 10 * k,
                                      PACK_SEQUENCE_MAX - 99 + 10 * k));
        const struct branch_tip tip = {.sequence = PACK_SEQUENCE_MAX};
        assert_true(ack_add_tip(&ack, &log->tips, &tip));
    }
    ack.has_tracks = ack.has_config = true;
    ack.track_numbering = ack.config_incarnation = UINT32_MAX;
    ack.track_cursor = ack.config_judged = PACK_SEQUENCE_MAX;
    ack.refusal_count = 0;
    for (uint64_t i = 0; i < ACK_REFUSALS_MAX; i++)
        assert_true(ack_add_refusal(&ack, &(struct ack_refusal){PACK_SEQUENCE_MAX - 100 + 2 * i,
                                                                PACK_SEQUENCE_MAX - 100 + 2 * i,
                                                                WRITE_DENIED}));
    const struct bytes body = encode(wire);
    assert_true(body.size <= BODY_SIZE_MAX);
    assert_int_equal(decode(wire, body), ST_OK);
    assert_int_equal(back.range_count, ACK_RANGES_MAX);
    assert_int_equal(back.refusal_count, ACK_REFUSALS_MAX);
}

/* ---------------------------------------------------------------- ranges */

static void test_ranges_that_touch_become_one(void **state)
{
    (void)state;
    struct range_slice slice = {0};
    memset(&ack, 0, sizeof ack);
    assert_true(ack_add_range(&ack, &slice, 5, 7));
    assert_true(ack_add_range(&ack, &slice, 8, 8));
    assert_true(ack_add_range(&ack, &slice, 6, 10));
    assert_true(ack_add_range(&ack, &slice, 7, 9));
    assert_int_equal(slice.count, 1);
    assert_true(ack.ranges[0].from == 5 && ack.ranges[0].to == 10);
    assert_true(ack_add_range(&ack, &slice, 12, 12));
    assert_int_equal(slice.count, 2);
}

static void test_what_is_no_range_is_not_added(void **state)
{
    (void)state;
    struct range_slice slice = {0};
    memset(&ack, 0, sizeof ack);
    assert_false(ack_add_range(&ack, &slice, 0, 4));
    assert_false(ack_add_range(&ack, &slice, 4, 3));
    assert_false(ack_add_range(&ack, &slice, 4, PACK_SEQUENCE_MAX + 1));
    assert_true(ack_add_range(&ack, &slice, 10, 12));
    assert_false(ack_add_range(&ack, &slice, 5, 6));
    assert_int_equal(ack.range_count, 1);
}

static void test_a_full_table_takes_no_further_range(void **state)
{
    (void)state;
    struct range_slice slice = {0}, other = {0};
    memset(&ack, 0, sizeof ack);
    for (uint64_t i = 0; i < ACK_RANGES_MAX; i++)
        assert_true(ack_add_range(&ack, &slice, 1 + 2 * i, 1 + 2 * i));
    assert_false(ack_add_range(&ack, &slice, 10000, 10000));
    assert_false(ack_add_range(&ack, &other, 1, 1));
    assert_int_equal(other.count, 0);
    /* What only makes the last one longer needs no room. */
    assert_true(ack_add_range(&ack, &slice, 2 * ACK_RANGES_MAX, 2 * ACK_RANGES_MAX));
}

static void test_a_slice_contains_exactly_its_ranges(void **state)
{
    (void)state;
    struct range_slice first = {0}, second = {0}, empty = {0};
    memset(&ack, 0, sizeof ack);
    assert_true(ack_add_range(&ack, &first, 1, 1000));
    assert_true(ack_add_range(&ack, &second, 3, 5));
    assert_true(ack_add_range(&ack, &second, 9, 9));
    assert_true(ack_add_range(&ack, &second, 20, 40));
    for (uint64_t sequence = 0; sequence < 50; sequence++) {
        const bool expected =
            (sequence >= 3 && sequence <= 5) || sequence == 9 || (sequence >= 20 && sequence <= 40);
        assert_true(ack_slice_contains(&ack, second, sequence) == expected);
        assert_false(ack_slice_contains(&ack, empty, sequence));
    }
}

/* ------------------------------------------------------------- refusals */

/* One log and one slice, everything right. */
static void good_ack(void)
{
    memset(&ack, 0, sizeof ack);
    ack.counter = 1;
    ack.log_count = 1;
    ack.logs[0].size = 3;
    ack.logs[0].head_hash.bytes[0] = 1;
    ack.logs[0].above = (struct range_slice){.first = 0, .count = 2};
    ack.range_count = 2;
    ack.ranges[0] = (struct sequence_range){5, 6};
    ack.ranges[1] = (struct sequence_range){8, 9};
}

#define EXPECT(expected, change)                                                                   \
    do {                                                                                           \
        good_ack();                                                                                \
        change;                                                                                    \
        if (decode(*state, encode(*state)) != (expected)) fail_msg("wrong verdict on: " #change);  \
    } while (0)

static void test_a_field_out_of_bounds_is_refused(void **state)
{
    EXPECT(ST_OK, (void)0);
    EXPECT(ST_MALFORMED, ack.counter = 0);
    EXPECT(ST_MALFORMED, ack.logs[0].state = (enum ack_log_state)3);
    EXPECT(ST_MALFORMED, ack.logs[0].size = 0);
    EXPECT(ST_OK, ack.logs[0].size = 0; ack.logs[0].head_hash.bytes[0] = 0);
    EXPECT(ST_MALFORMED, ack.logs[0].size = PACK_SEQUENCE_MAX + 1);
    EXPECT(ST_MALFORMED, ack.logs[0].parts = 1);
    EXPECT(ST_MALFORMED, ack.logs[0].parts_sequence = 4);
    EXPECT(ST_OK, ack.logs[0].parts = 1; ack.logs[0].parts_sequence = 4);
    EXPECT(ST_MALFORMED, ack.logs[0].parts = PAYLOAD_SIZE_MAX / PART_SIZE + 2;
           ack.logs[0].parts_sequence = 4);
}

static void test_ranges_out_of_order_are_refused(void **state)
{
    EXPECT(ST_MALFORMED, ack.ranges[0].from = 0);
    EXPECT(ST_MALFORMED, ack.ranges[0].from = 7);
    EXPECT(ST_MALFORMED, ack.ranges[1].to = 7);
    EXPECT(ST_MALFORMED, ack.ranges[1].from = 7); /* touches 5..6 */
    EXPECT(ST_MALFORMED, ack.ranges[1] = ack.ranges[0]);
    EXPECT(ST_MALFORMED, ack.ranges[1] = ((struct sequence_range){1, 2}));
    EXPECT(ST_OK, ack.ranges[1].to = PACK_SEQUENCE_MAX);
    EXPECT(ST_MALFORMED, ack.ranges[1].to = PACK_SEQUENCE_MAX + 1);
    EXPECT(ST_MALFORMED, ack.ranges[0].to = UINT64_MAX);
}

static void test_a_log_that_stands_there_twice_is_refused(void **state)
{
    EXPECT(ST_MALFORMED, ack.log_count = 2);
    EXPECT(ST_OK, ack.log_count = 2; ack.logs[1].log.bytes[0] = 1);
}

static void test_more_ranges_than_the_table_holds_are_refused(void **state)
{
    struct wire *const wire = *state;
    for (uint32_t extra = 0; extra <= 1; extra++) {
        struct buf out = wire_buf(wire);
        static const uint8_t zeros[DIGEST_SIZE];
        pack_array(&out, 8);
        pack_bin(&out, bytes_of(zeros, STORE_ID_SIZE));
        pack_nil(&out);
        pack_uint(&out, 1);
        pack_int(&out, 0);
        pack_uint(&out, 0);
        pack_array(&out, 1);
        pack_array(&out, 10);
        pack_bin(&out, bytes_of(zeros, LOG_ID_SIZE));
        pack_uint(&out, 0);
        pack_uint(&out, 0);
        pack_bin(&out, bytes_of(zeros, DIGEST_SIZE));
        pack_uint(&out, 0);
        pack_uint(&out, 0);
        for (unsigned slice = 0; slice < 2; slice++) {
            const uint32_t count = ACK_RANGES_MAX / 2 + slice * extra;
            pack_array(&out, count);
            for (uint32_t i = 0; i < count; i++) {
                pack_array(&out, 2);
                pack_uint(&out, 1 + 2 * i);
                pack_uint(&out, 1 + 2 * i);
            }
        }
        pack_array(&out, 0);
        pack_array(&out, 0);
        pack_nil(&out);
        pack_nil(&out);
        assert_int_equal(decode(wire, buf_bytes(&out)), extra == 0 ? ST_OK : ST_MALFORMED);
    }
}

static void test_more_logs_than_the_table_holds_are_refused(void **state)
{
    struct wire *const wire = *state;
    memset(&ack, 0, sizeof ack);
    ack.counter = 1;
    struct buf out = wire_buf(wire);
    ack_pack(&ack, &out);
    /* The empty array of logs stands before two nils. */
    out.size -= 3;
    pack_array(&out, ACK_LOGS_MAX + 1);
    for (unsigned i = 0; i <= ACK_LOGS_MAX; i++)
        pack_nil(&out);
    pack_nil(&out);
    pack_nil(&out);
    assert_int_equal(decode(wire, buf_bytes(&out)), ST_MALFORMED);
}

/* ------------------------------------------------------ tracks and config */

/* Tracks and config, and of the refusals one of each kind of neighbourhood. */
static void good_lanes(void)
{
    good_ack();
    ack.has_tracks = ack.has_config = true;
    ack.track_numbering = ack.config_incarnation = 1;
    ack.config_judged = 20;
    ack.refusal_count = 3;
    ack.refusals[0] = (struct ack_refusal){2, 4, WRITE_DENIED};
    ack.refusals[1] = (struct ack_refusal){5, 5, WRITE_FUTURE};
    ack.refusals[2] = (struct ack_refusal){7, 9, WRITE_FUTURE};
}

#define EXPECT_LANES(expected, change)                                                             \
    do {                                                                                           \
        good_lanes();                                                                              \
        change;                                                                                    \
        if (decode(*state, encode(*state)) != (expected)) fail_msg("wrong verdict on: " #change);  \
    } while (0)

static void test_a_lane_out_of_bounds_is_refused(void **state)
{
    EXPECT_LANES(ST_OK, (void)0);
    EXPECT_LANES(ST_MALFORMED, ack.track_numbering = 0);
    EXPECT_LANES(ST_OK, ack.track_numbering = UINT32_MAX);
    EXPECT_LANES(ST_OK, ack.track_cursor = PACK_SEQUENCE_MAX);
    EXPECT_LANES(ST_MALFORMED, ack.track_cursor = PACK_SEQUENCE_MAX + 1);
    EXPECT_LANES(ST_MALFORMED, ack.config_incarnation = 0);
    EXPECT_LANES(ST_OK, ack.config_incarnation = UINT32_MAX);
    EXPECT_LANES(ST_OK, ack.config_judged = PACK_SEQUENCE_MAX);
    EXPECT_LANES(ST_MALFORMED, ack.config_judged = PACK_SEQUENCE_MAX + 1);
}

static void test_refusals_out_of_order_are_refused(void **state)
{
    EXPECT_LANES(ST_MALFORMED, ack.refusals[0].from = 0);
    EXPECT_LANES(ST_MALFORMED, ack.refusals[0].from = 5);
    EXPECT_LANES(ST_MALFORMED, ack.refusals[1].from = 4);
    EXPECT_LANES(ST_MALFORMED, ack.refusals[1].reason = WRITE_DENIED); /* one range with 2..4 */
    EXPECT_LANES(ST_MALFORMED, ack.refusals[2] = ack.refusals[1]);
    EXPECT_LANES(ST_OK, ack.refusals[2].to = 20);
    EXPECT_LANES(ST_MALFORMED, ack.refusals[2].to = 21);
    EXPECT_LANES(ST_MALFORMED, ack.config_judged = 8);
    EXPECT_LANES(ST_MALFORMED, ack.refusals[2].reason = (enum write_refusal)0);
    EXPECT_LANES(ST_OK, ack.refusals[2].reason = WRITE_REFUSAL_MAX);
    EXPECT_LANES(ST_MALFORMED,
                 ack.refusals[2].reason = (enum write_refusal)(WRITE_REFUSAL_MAX + 1));
}

static void test_more_refusals_than_the_table_holds_are_refused(void **state)
{
    struct wire *const wire = *state;
    for (uint32_t count = ACK_REFUSALS_MAX; count <= ACK_REFUSALS_MAX + 1; count++) {
        memset(&ack, 0, sizeof ack);
        ack.counter = 1;
        struct buf out = wire_buf(wire);
        ack_pack(&ack, &out);
        out.size -= 1; /* the last nil */
        pack_array(&out, 3);
        pack_uint(&out, 1);
        pack_uint(&out, 1000);
        pack_array(&out, count);
        for (uint32_t i = 0; i < count; i++) {
            pack_array(&out, 3);
            pack_uint(&out, 1 + 2 * i);
            pack_uint(&out, 1 + 2 * i);
            pack_uint(&out, WRITE_TYPE);
        }
        assert_int_equal(decode(wire, buf_bytes(&out)),
                         count == ACK_REFUSALS_MAX ? ST_OK : ST_MALFORMED);
    }
}

/* The node must learn the fate of its newest writes; the old ones it has heard of before. */
static void test_a_full_table_forgets_the_oldest_refusal(void **state)
{
    (void)state;
    memset(&ack, 0, sizeof ack);
    ack.config_judged = 1000;
    for (uint64_t i = 1; i <= ACK_REFUSALS_MAX + 2; i++)
        assert_true(ack_add_refusal(&ack, &(struct ack_refusal){2 * i, 2 * i, WRITE_FULL}));
    assert_int_equal(ack.refusal_count, ACK_REFUSALS_MAX);
    assert_true(ack.refusals[0].from == 6);
    assert_true(ack.refusals[ACK_REFUSALS_MAX - 1].to == 2 * ACK_REFUSALS_MAX + 4);
}

static void test_refusals_of_one_reason_that_touch_become_one(void **state)
{
    (void)state;
    memset(&ack, 0, sizeof ack);
    ack.config_judged = 9;
    assert_true(ack_add_refusal(&ack, &(struct ack_refusal){1, 2, WRITE_TYPE}));
    assert_true(ack_add_refusal(&ack, &(struct ack_refusal){3, 3, WRITE_TYPE}));
    assert_true(ack_add_refusal(&ack, &(struct ack_refusal){4, 4, WRITE_FULL}));
    assert_false(ack_add_refusal(&ack, &(struct ack_refusal){4, 5, WRITE_FULL}));
    assert_false(ack_add_refusal(&ack, &(struct ack_refusal){7, 6, WRITE_FULL}));
    assert_false(ack_add_refusal(&ack, &(struct ack_refusal){8, 10, WRITE_FULL}));
    assert_int_equal(ack.refusal_count, 2);
    assert_true(ack.refusals[0].from == 1 && ack.refusals[0].to == 3);
}

static void test_every_refusal_has_words_of_its_own(void **state)
{
    (void)state;
    for (unsigned a = 1; a <= WRITE_REFUSAL_MAX; a++)
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(write_refusal_words((enum write_refusal)a),
                                    write_refusal_words((enum write_refusal)b));
}

/* -------------------------------------------------------------- vectors */

static void test_golden_acknowledgements(void **state)
{
    static const char *const labels[] = {"store_id", "previous", "counter", "cloud_ms",
                                         "lease",    "logs",     "tracks",  "config"};
    struct wire *const wire = *state;
    golden_open(&wire->golden, "wire_ack.txt");
    golden_comment(&wire->golden, "Bodies of acknowledgements (common/wire/ack_msg.h).");
    memset(&ack, 0, sizeof ack);
    ack.counter = 1;
    golden_message(wire, "nothing_held", encode(wire), labels, recode_ack, "ack");

    memset(ack.store.bytes, 0x5A, STORE_ID_SIZE);
    memset(ack.previous.bytes, 0x5B, STORE_ID_SIZE);
    ack.has_previous = true;
    ack.counter = 300;
    ack.cloud_ms = 1748736000000;
    ack.lease = 2;
    ack.log_count = 2;
    ack.logs[0] = (struct ack_log){.size = 70000, .parts_sequence = 70001, .parts = 3};
    memset(ack.logs[0].log.bytes, 0x11, LOG_ID_SIZE);
    memset(ack.logs[0].head_hash.bytes, 0x12, DIGEST_SIZE);
    assert_true(ack_add_range(&ack, &ack.logs[0].above, 70005, 70006));
    assert_true(ack_add_range(&ack, &ack.logs[0].above, 70100, 70100));
    assert_true(ack_add_range(&ack, &ack.logs[0].rejected, 17, 17));
    ack.logs[1].state = ACK_LOG_FROZEN;
    memset(ack.logs[1].log.bytes, 0x21, LOG_ID_SIZE);
    assert_true(ack_add_range(&ack, &ack.logs[1].forked, 1, 255));
    struct branch_tip tip = {.sequence = 255};
    memset(tip.hash.bytes, 0x22, DIGEST_SIZE);
    assert_true(ack_add_tip(&ack, &ack.logs[1].tips, &tip));
    ack.has_tracks = true;
    ack.track_numbering = 4;
    ack.track_cursor = 1000;
    ack.has_config = true;
    ack.config_incarnation = 2;
    ack.config_judged = 9;
    assert_true(ack_add_refusal(&ack, &(struct ack_refusal){3, 5, WRITE_DENIED}));
    assert_true(ack_add_refusal(&ack, &(struct ack_refusal){6, 6, WRITE_FUTURE}));
    golden_message(wire, "all_there_is", encode(wire), labels, recode_ack, "ack");
    golden_close(&wire->golden);
}

#define TEST(function) cmocka_unit_test_setup(function, wire_reseed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_acknowledgement_is_read_as_it_was_written),
        TEST(test_the_largest_acknowledgement_fits_one_frame),
        TEST(test_ranges_that_touch_become_one),
        TEST(test_what_is_no_range_is_not_added),
        TEST(test_a_full_table_takes_no_further_range),
        TEST(test_a_slice_contains_exactly_its_ranges),
        TEST(test_a_field_out_of_bounds_is_refused),
        TEST(test_ranges_out_of_order_are_refused),
        TEST(test_a_log_that_stands_there_twice_is_refused),
        TEST(test_more_ranges_than_the_table_holds_are_refused),
        TEST(test_more_logs_than_the_table_holds_are_refused),
        TEST(test_a_lane_out_of_bounds_is_refused),
        TEST(test_refusals_out_of_order_are_refused),
        TEST(test_more_refusals_than_the_table_holds_are_refused),
        TEST(test_a_full_table_forgets_the_oldest_refusal),
        TEST(test_refusals_of_one_reason_that_touch_become_one),
        TEST(test_every_refusal_has_words_of_its_own),
        TEST(test_golden_acknowledgements),
    };
    return cmocka_run_group_tests(tests, wire_setup, wire_teardown);
}
