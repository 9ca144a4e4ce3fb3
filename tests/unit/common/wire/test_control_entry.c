/* test_control_entry.c - do control entries say in their payload what their type promises? */
#include "common/wire/control_entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/tree.h"
#include "tests/support/wire_check.h"

static char long_text[CONTROL_REASON_SIZE_MAX + 1];
static struct loss loss, loss_back;

/* --------------------------------------------------------------- GENESIS */

static struct bytes encode_genesis(struct wire *wire, const struct genesis *genesis)
{
    struct buf out = wire_buf(wire);
    genesis_encode(genesis, &out);
    return buf_bytes(&out);
}

static void test_a_genesis_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    struct rng *const rng = &wire->rng;
    for (unsigned round = 0; round < 300; round++) {
        char reason[CONTROL_REASON_SIZE_MAX];
        struct genesis back, genesis = {.wall_ms = random_int(rng)};
        rng_fill(rng, genesis.key.bytes, PUBLIC_KEY_SIZE);
        genesis.reason = random_text(rng, reason, 0, sizeof reason);
        genesis.has_previous = rng_chance(rng, 500);
        if (genesis.has_previous) {
            rng_fill(rng, genesis.previous_log.bytes, LOG_ID_SIZE);
            genesis.previous_size = random_sequence(rng);
            rng_fill(rng, genesis.previous_hash.bytes, DIGEST_SIZE);
        }
        const struct bytes payload = encode_genesis(wire, &genesis);
        assert_int_equal(genesis_decode(wire->unpacker, payload, &back), ST_OK);
        assert_true(public_key_equal(&back.key, &genesis.key));
        assert_true(back.wall_ms == genesis.wall_ms);
        assert_true(bytes_equal(back.reason, genesis.reason));
        assert_true(back.has_previous == genesis.has_previous);
        assert_true(log_id_equal(&back.previous_log, &genesis.previous_log));
        assert_true(back.previous_size == genesis.previous_size);
        assert_true(digest_equal(&back.previous_hash, &genesis.previous_hash));
        assert_true(recode_holds(wire->recoder, recode_genesis, payload));
    }
}

static void test_a_genesis_out_of_bounds_is_refused(void **state)
{
    struct wire *const wire = *state;
    struct genesis back, genesis = {.has_previous = true, .previous_size = PACK_SEQUENCE_MAX};
    genesis.reason = bytes_of(long_text, CONTROL_REASON_SIZE_MAX);
    assert_int_equal(genesis_decode(wire->unpacker, encode_genesis(wire, &genesis), &back), ST_OK);
    genesis.previous_size++;
    assert_int_equal(genesis_decode(wire->unpacker, encode_genesis(wire, &genesis), &back),
                     ST_MALFORMED);
    genesis.previous_size = 0;
    genesis.reason.size++;
    assert_int_equal(genesis_decode(wire->unpacker, encode_genesis(wire, &genesis), &back),
                     ST_MALFORMED);
}

/* ------------------------------------------------------------------ TYPE */

static enum status name_type(struct wire *wire, uint16_t number, const char *name)
{
    struct type_entry back;
    const struct type_entry type = {.number = number, .name = bytes_of_text(name)};
    struct buf out = wire_buf(wire);
    type_entry_encode(&type, &out);
    TRY(type_entry_decode(wire->unpacker, buf_bytes(&out), &back));
    assert_int_equal(back.number, number);
    assert_true(bytes_equal(back.name, type.name));
    assert_true(recode_holds(wire->recoder, recode_type, buf_bytes(&out)));
    return ST_OK;
}

static void test_a_type_has_a_publishers_number_and_a_level_name(void **state)
{
    struct wire *const wire = *state;
    assert_int_equal(name_type(wire, 0x0100, "ais"), ST_OK);
    assert_int_equal(name_type(wire, 0xFFFF, "Track.2_b-c"), ST_OK);
    assert_int_equal(name_type(wire, 0x00FF, "ais"), ST_MALFORMED);
    assert_int_equal(name_type(wire, 0, "ais"), ST_MALFORMED);
    assert_int_equal(name_type(wire, 0x0100, ""), ST_MALFORMED);
    assert_int_equal(name_type(wire, 0x0100, "a/b"), ST_MALFORMED);
    assert_int_equal(name_type(wire, 0x0100, "-a"), ST_MALFORMED);
}

/* ------------------------------------------------ BOOT, CLOCK, HEARTBEAT */

static void test_a_boot_entry_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 200; round++) {
        char software[CONTROL_REASON_SIZE_MAX];
        struct boot_entry back, boot = {.clean = rng_chance(&wire->rng, 500)};
        struct buf out = wire_buf(wire);
        rng_fill(&wire->rng, boot.boot_id, BOOT_ID_SIZE);
        boot.software = random_text(&wire->rng, software, 0, sizeof software);
        boot_entry_encode(&boot, &out);
        assert_int_equal(boot_entry_decode(wire->unpacker, buf_bytes(&out), &back), ST_OK);
        assert_memory_equal(back.boot_id, boot.boot_id, BOOT_ID_SIZE);
        assert_true(back.clean == boot.clean);
        assert_true(bytes_equal(back.software, boot.software));
        assert_true(recode_holds(wire->recoder, recode_boot, buf_bytes(&out)));
    }
}

static void test_a_clock_entry_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 500; round++) {
        struct clock_entry back;
        const struct clock_entry clock = {.wall_ns_before = random_int(&wire->rng),
                                          .wall_ns_after = random_int(&wire->rng),
                                          .mono_ns = random_uint(&wire->rng)};
        struct buf out = wire_buf(wire);
        clock_entry_encode(&clock, &out);
        assert_int_equal(clock_entry_decode(wire->unpacker, buf_bytes(&out), &back), ST_OK);
        assert_true(back.wall_ns_before == clock.wall_ns_before);
        assert_true(back.wall_ns_after == clock.wall_ns_after && back.mono_ns == clock.mono_ns);
        assert_true(recode_holds(wire->recoder, recode_clock, buf_bytes(&out)));
    }
}

static void test_a_heartbeat_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 500; round++) {
        struct heartbeat back;
        const struct heartbeat heartbeat = {.pending_entries = random_uint(&wire->rng),
                                            .disk_free_bytes = random_uint(&wire->rng)};
        struct buf out = wire_buf(wire);
        heartbeat_encode(&heartbeat, &out);
        assert_int_equal(heartbeat_decode(wire->unpacker, buf_bytes(&out), &back), ST_OK);
        assert_true(back.pending_entries == heartbeat.pending_entries);
        assert_true(back.disk_free_bytes == heartbeat.disk_free_bytes);
        assert_true(recode_holds(wire->recoder, recode_heartbeat, buf_bytes(&out)));
    }
}

/* ------------------------------------------------------------------ LOSS */

static void lose(struct rng *rng, uint64_t from, uint64_t to)
{
    uint8_t levels[LOSS_NODES_MAX];
    memset(&loss, 0, sizeof loss);
    rng_fill(rng, loss.log.bytes, LOG_ID_SIZE);
    loss.from = from;
    loss.to = to;
    loss.node_count = tree_range_levels(from - 1, to, levels);
    rng_fill(rng, loss.last_hash.bytes, DIGEST_SIZE);
    rng_fill(rng, loss.nodes, loss.node_count * DIGEST_SIZE);
}

static struct bytes encode_loss(struct wire *wire)
{
    struct buf out = wire_buf(wire);
    loss_encode(&loss, &out);
    return buf_bytes(&out);
}

static enum status decode_loss(struct wire *wire)
{
    return loss_decode(wire->unpacker, encode_loss(wire), &loss_back);
}

static void test_a_loss_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 500; round++) {
        char reason[CONTROL_REASON_SIZE_MAX];
        const uint64_t from = random_sequence(&wire->rng);
        const uint64_t length = random_uint(&wire->rng) % (PACK_SEQUENCE_MAX - from + 1);
        lose(&wire->rng, from, from + length);
        loss.reason = random_text(&wire->rng, reason, 0, sizeof reason);
        assert_int_equal(decode_loss(wire), ST_OK);
        assert_true(log_id_equal(&loss_back.log, &loss.log));
        assert_true(loss_back.from == loss.from && loss_back.to == loss.to);
        assert_true(bytes_equal(loss_back.reason, loss.reason));
        assert_false(loss_back.payload_only);
        assert_true(digest_equal(&loss_back.last_hash, &loss.last_hash));
        assert_int_equal(loss_back.node_count, loss.node_count);
        assert_memory_equal(loss_back.nodes, loss.nodes, loss.node_count * DIGEST_SIZE);
        assert_true(recode_holds(wire->recoder, recode_loss, encode_loss(wire)));
    }
}

static void test_a_loss_of_no_range_is_refused(void **state)
{
    struct wire *const wire = *state;
    lose(&wire->rng, 5, 5);
    assert_int_equal(decode_loss(wire), ST_OK);
    loss.from = 6;
    assert_int_equal(decode_loss(wire), ST_MALFORMED);
    lose(&wire->rng, 1, 1);
    loss.from = 0;
    assert_int_equal(decode_loss(wire), ST_MALFORMED);
    /* Beyond this a tree of the range could not grow any further. */
    lose(&wire->rng, PACK_SEQUENCE_MAX, PACK_SEQUENCE_MAX);
    assert_int_equal(decode_loss(wire), ST_OK);
    loss.to++;
    assert_int_equal(decode_loss(wire), ST_MALFORMED);
}

static void test_a_loss_with_other_than_its_subtrees_is_refused(void **state)
{
    struct wire *const wire = *state;
    lose(&wire->rng, 4, 13);
    assert_int_equal(decode_loss(wire), ST_OK);
    loss.node_count--;
    assert_int_equal(decode_loss(wire), ST_MALFORMED);
    loss.node_count += 2;
    assert_int_equal(decode_loss(wire), ST_MALFORMED);
    loss.node_count = 0;
    assert_int_equal(decode_loss(wire), ST_MALFORMED);
}

static void test_a_loss_of_payloads_only_carries_no_hashes(void **state)
{
    struct wire *const wire = *state;
    memset(&loss, 0, sizeof loss);
    loss.from = 3;
    loss.to = 9;
    loss.payload_only = true;
    assert_int_equal(decode_loss(wire), ST_OK);
    assert_true(loss_back.payload_only);
    loss.last_hash.bytes[31] = 1;
    assert_int_equal(decode_loss(wire), ST_MALFORMED);
    loss.last_hash.bytes[31] = 0;
    loss.node_count = 1;
    assert_int_equal(decode_loss(wire), ST_MALFORMED);
}

static void test_a_node_list_that_is_not_whole_hashes_is_refused(void **state)
{
    struct wire *const wire = *state;
    for (size_t size = DIGEST_SIZE - 1; size <= DIGEST_SIZE + 1; size++) {
        static const uint8_t zeros[DIGEST_SIZE + 1];
        struct buf out = wire_buf(wire);
        pack_array(&out, 7);
        pack_bin(&out, bytes_of(zeros, LOG_ID_SIZE));
        pack_uint(&out, 1);
        pack_uint(&out, 1);
        pack_text(&out, BYTES_EMPTY);
        pack_bin(&out, bytes_of(zeros, DIGEST_SIZE));
        pack_bin(&out, bytes_of(zeros, size));
        pack_bool(&out, false);
        assert_int_equal(loss_decode(wire->unpacker, buf_bytes(&out), &loss_back),
                         size == DIGEST_SIZE ? ST_OK : ST_MALFORMED);
    }
}

/* ----------------------------------------------------------------- CLOSE */

static void test_a_close_entry_gives_its_reason(void **state)
{
    struct wire *const wire = *state;
    struct bytes reason;
    for (size_t size = 0; size <= CONTROL_REASON_SIZE_MAX + 1; size++) {
        struct buf out = wire_buf(wire);
        close_encode(bytes_of(long_text, size), &out);
        const enum status status = close_decode(wire->unpacker, buf_bytes(&out), &reason);
        assert_int_equal(status, size <= CONTROL_REASON_SIZE_MAX ? ST_OK : ST_MALFORMED);
        if (status == ST_OK) assert_true(bytes_equal(reason, bytes_of(long_text, size)));
    }
}

/* -------------------------------------------------------------- vectors */

static void golden_lives(struct wire *wire)
{
    static const char *const genesis_labels[] = {"public_key", "wall_ms", "reason", "previous"};
    static const char *const type_labels[] = {"number", "name"};
    static const char *const close_labels[] = {"reason"};
    struct genesis genesis = {.wall_ms = 1748736000000, .reason = BYTES_LITERAL("first log")};
    memset(genesis.key.bytes, 0x31, PUBLIC_KEY_SIZE);
    golden_message(wire, "genesis", encode_genesis(wire, &genesis), genesis_labels, recode_genesis,
                   "control_entry");
    genesis.reason = BYTES_LITERAL("restored");
    genesis.has_previous = true;
    memset(genesis.previous_log.bytes, 0x32, LOG_ID_SIZE);
    genesis.previous_size = 70000;
    memset(genesis.previous_hash.bytes, 0x33, DIGEST_SIZE);
    golden_message(wire, "genesis_after_restore", encode_genesis(wire, &genesis), genesis_labels,
                   recode_genesis, "control_entry");
    const struct type_entry type = {.number = 0x0100, .name = BYTES_LITERAL("ais")};
    struct buf out = wire_buf(wire);
    type_entry_encode(&type, &out);
    golden_message(wire, "type", buf_bytes(&out), type_labels, recode_type, "control_entry");
    out = wire_buf(wire);
    close_encode(BYTES_LITERAL("retired"), &out);
    golden_message(wire, "close", buf_bytes(&out), close_labels, recode_close, "control_entry");
}

static void golden_days(struct wire *wire)
{
    static const char *const boot_labels[] = {"boot_id", "clean", "software"};
    static const char *const clock_labels[] = {"wall_ns_before", "wall_ns_after", "mono_ns"};
    static const char *const heartbeat_labels[] = {"pending_entries", "disk_free_bytes"};
    struct boot_entry boot = {.clean = true, .software = BYTES_LITERAL("edge-bridge 0.1.0")};
    memset(boot.boot_id, 0x41, BOOT_ID_SIZE);
    struct buf out = wire_buf(wire);
    boot_entry_encode(&boot, &out);
    golden_message(wire, "boot", buf_bytes(&out), boot_labels, recode_boot, "control_entry");
    const struct clock_entry clock = {
        .wall_ns_before = -5, .wall_ns_after = 1748736000000000000, .mono_ns = 1000000000};
    out = wire_buf(wire);
    clock_entry_encode(&clock, &out);
    golden_message(wire, "clock", buf_bytes(&out), clock_labels, recode_clock, "control_entry");
    const struct heartbeat heartbeat = {.pending_entries = 17, .disk_free_bytes = 5000000000};
    out = wire_buf(wire);
    heartbeat_encode(&heartbeat, &out);
    golden_message(wire, "heartbeat", buf_bytes(&out), heartbeat_labels, recode_heartbeat,
                   "control_entry");
}

static void golden_losses(struct wire *wire)
{
    static const char *const labels[] = {"log_id",    "from",  "to",          "reason",
                                         "last_hash", "nodes", "payload_only"};
    lose(&wire->rng, 4, 13);
    memset(loss.log.bytes, 0x50, LOG_ID_SIZE);
    memset(loss.last_hash.bytes, 0x51, DIGEST_SIZE);
    memset(loss.nodes, 0x52, loss.node_count * DIGEST_SIZE);
    loss.reason = BYTES_LITERAL("disk full");
    golden_message(wire, "loss", encode_loss(wire), labels, recode_loss, "control_entry");
    memset(&loss, 0, sizeof loss);
    loss.from = loss.to = 5;
    loss.payload_only = true;
    golden_message(wire, "loss_of_payloads", encode_loss(wire), labels, recode_loss,
                   "control_entry");
}

static void test_golden_payloads(void **state)
{
    struct wire *const wire = *state;
    golden_open(&wire->golden, "wire_control_entry.txt");
    golden_comment(&wire->golden, "Payloads of control entries (common/wire/control_entry.h).");
    golden_lives(wire);
    golden_days(wire);
    golden_losses(wire);
    golden_close(&wire->golden);
}

static int setup(void **state)
{
    memset(long_text, 'r', sizeof long_text);
    return wire_setup(state);
}

#define TEST(function) cmocka_unit_test_setup(function, wire_reseed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_genesis_is_read_as_it_was_written),
        TEST(test_a_genesis_out_of_bounds_is_refused),
        TEST(test_a_type_has_a_publishers_number_and_a_level_name),
        TEST(test_a_boot_entry_is_read_as_it_was_written),
        TEST(test_a_clock_entry_is_read_as_it_was_written),
        TEST(test_a_heartbeat_is_read_as_it_was_written),
        TEST(test_a_loss_is_read_as_it_was_written),
        TEST(test_a_loss_of_no_range_is_refused),
        TEST(test_a_loss_with_other_than_its_subtrees_is_refused),
        TEST(test_a_loss_of_payloads_only_carries_no_hashes),
        TEST(test_a_node_list_that_is_not_whole_hashes_is_refused),
        TEST(test_a_close_entry_gives_its_reason),
        TEST(test_golden_payloads),
    };
    return cmocka_run_group_tests(tests, setup, wire_teardown);
}
