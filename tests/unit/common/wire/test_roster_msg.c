/* test_roster_msg.c - does every node learn the same of who belongs to the system? */
#include "common/wire/roster_msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/recode_values.h"
#include "tests/support/wire_check.h"

static struct roster roster, back;

static struct bytes encode(struct wire *wire)
{
    struct buf out = wire_buf(wire);
    roster_msg_encode(&roster, &out);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static enum status decode(struct wire *wire, struct bytes body)
{
    memset(&back, 0xEE, sizeof back);
    return roster_msg_decode(wire->unpacker, body, &back);
}

/* Fills every group's slot of some node first, so that none is left unnamed. */
static void random_roster(struct rng *rng, size_t node_count, size_t group_count)
{
    memset(&roster, 0, sizeof roster);
    roster.version = random_sequence(rng);
    roster.group_count = group_count;
    for (size_t i = 0; i < group_count; i++)
        snprintf(roster.groups[i].text, sizeof roster.groups[i].text, "Group_%03zu.x", i);
    roster.node_count = node_count;
    const bool with_keys = rng_chance(rng, 500);
    for (size_t i = 0; i < node_count; i++) {
        struct roster_node *const node = &roster.nodes[i];
        snprintf(node->name.text, sizeof node->name.text, "edge-%04zu", i);
        node->has_key = with_keys;
        if (with_keys) rng_fill(rng, node->key.bytes, PUBLIC_KEY_SIZE);
        node->revoked = rng_chance(rng, 300);
        for (size_t group = i; group < group_count; group += node_count)
            node->groups[node->group_count++] = (uint8_t)group;
    }
}

static void expect_same(void)
{
    assert_true(back.version == roster.version);
    assert_int_equal(back.group_count, roster.group_count);
    for (size_t i = 0; i < roster.group_count; i++)
        assert_string_equal(back.groups[i].text, roster.groups[i].text);
    assert_int_equal(back.node_count, roster.node_count);
    for (size_t i = 0; i < roster.node_count; i++) {
        const struct roster_node *const a = &back.nodes[i], *const b = &roster.nodes[i];
        assert_true(node_name_equal(&a->name, &b->name));
        assert_true(a->has_key == b->has_key && a->revoked == b->revoked);
        assert_true(public_key_equal(&a->key, &b->key));
        assert_int_equal(a->group_count, b->group_count);
        assert_memory_equal(a->groups, b->groups, b->group_count);
    }
}

static void test_a_roster_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 100; round++) {
        const size_t node_count = 1 + rng_below(&wire->rng, 60);
        const size_t group_max = node_count * NODE_GROUPS_MAX < ROSTER_GROUPS_MAX
                                     ? node_count * NODE_GROUPS_MAX
                                     : ROSTER_GROUPS_MAX;
        random_roster(&wire->rng, node_count, rng_below(&wire->rng, group_max + 1));
        const struct bytes body = encode(wire);
        assert_int_equal(decode(wire, body), ST_OK);
        expect_same();
        assert_true(recode_holds(wire->recoder, recode_roster, body));
    }
}

/* All names as long as they may be, each node in as many groups as one may be in. */
static void make_largest(struct rng *rng)
{
    random_roster(rng, ROSTER_NODES_MAX, ROSTER_GROUPS_MAX);
    for (size_t i = 0; i < ROSTER_GROUPS_MAX; i++) {
        char *const text = roster.groups[i].text;
        text[strlen(text)] = 'g'; /* no NUL is left between */
        memset(text + 11, 'g', LEVEL_NAME_SIZE_MAX - 11);
    }
    for (size_t i = 0; i < ROSTER_NODES_MAX; i++) {
        struct roster_node *const node = &roster.nodes[i];
        memset(node->name.text + 9, 'n', NODE_NAME_SIZE - 1 - 9);
        node->group_count = NODE_GROUPS_MAX;
        for (size_t k = 0; k < NODE_GROUPS_MAX; k++)
            node->groups[k] = (uint8_t)(i % 16 + 16 * k);
        node->has_key = false;
    }
}

static void test_the_largest_roster_can_be_read(void **state)
{
    struct wire *const wire = *state;
    make_largest(&wire->rng);
    const struct bytes without_keys = encode(wire);
    assert_int_equal(decode(wire, without_keys), ST_OK);
    assert_int_equal(back.node_count, ROSTER_NODES_MAX);
    for (size_t i = 0; i < ROSTER_NODES_MAX; i++)
        roster.nodes[i].has_key = true;
    const struct bytes with_keys = encode(wire);
    assert_int_equal(decode(wire, with_keys), ST_OK);
    expect_same();
    assert_true(with_keys.size <= BODY_UNPACKED_SIZE_MAX);
}

/* ------------------------------------------------------------- refusals */

static void good_roster(void)
{
    memset(&roster, 0, sizeof roster);
    roster.version = 1;
    roster.group_count = 2;
    roster.groups[0] = (struct level_name){"north"};
    roster.groups[1] = (struct level_name){"south"};
    roster.node_count = 3;
    for (size_t i = 0; i < 3; i++) {
        roster.nodes[i].name = (struct node_name){"edge-1"};
        roster.nodes[i].name.text[5] = (char)('1' + i);
        roster.nodes[i].has_key = true;
    }
    roster.nodes[0].group_count = 2;
    roster.nodes[0].groups[1] = 1;
}

#define EXPECT(expected, change)                                                                   \
    do {                                                                                           \
        good_roster();                                                                             \
        change;                                                                                    \
        if (decode(*state, encode(*state)) != (expected)) fail_msg("wrong verdict on: " #change);  \
    } while (0)

static void test_an_unlawful_name_or_version_is_refused(void **state)
{
    EXPECT(ST_OK, (void)0);
    EXPECT(ST_MALFORMED, roster.version = 0);
    EXPECT(ST_OK, roster.version = PACK_SEQUENCE_MAX);
    EXPECT(ST_MALFORMED, roster.version = PACK_SEQUENCE_MAX + 1);
    EXPECT(ST_MALFORMED, roster.nodes[1].name.text[0] = 'E');
    EXPECT(ST_MALFORMED, roster.nodes[0].name = (struct node_name){"cloud"});
    EXPECT(ST_MALFORMED, roster.nodes[0].name = (struct node_name){""});
    EXPECT(ST_MALFORMED, roster.groups[1].text[1] = '/');
    EXPECT(ST_MALFORMED, roster.groups[0].text[0] = '\0');
}

static void test_a_roster_out_of_order_is_refused(void **state)
{
    EXPECT(ST_MALFORMED, roster.nodes[1].name = roster.nodes[0].name);
    EXPECT(ST_MALFORMED, roster.nodes[2].name.text[5] = '0');
    EXPECT(ST_OK, roster.nodes[2].name = (struct node_name){"edge-22"});
    EXPECT(ST_MALFORMED, roster.nodes[2].name = (struct node_name){"edge-"});
    EXPECT(ST_MALFORMED, roster.groups[1] = roster.groups[0]);
    EXPECT(ST_MALFORMED, roster.groups[0].text[0] = 'z');
}

static void test_keys_of_some_nodes_only_are_refused(void **state)
{
    EXPECT(ST_MALFORMED, roster.nodes[0].has_key = false);
    EXPECT(ST_MALFORMED, roster.nodes[2].has_key = false);
    EXPECT(ST_OK,
           roster.nodes[0].has_key = roster.nodes[1].has_key = roster.nodes[2].has_key = false);
}

static void test_groups_that_do_not_fit_the_nodes_are_refused(void **state)
{
    EXPECT(ST_MALFORMED, roster.nodes[1].group_count = 1; roster.nodes[1].groups[0] = 2);
    EXPECT(ST_MALFORMED, roster.nodes[0].groups[1] = 0);
    EXPECT(ST_MALFORMED, roster.nodes[0].groups[0] = 1; roster.nodes[0].groups[1] = 0);
    EXPECT(ST_MALFORMED, roster.nodes[0].group_count = 1); /* nobody is in south */
    EXPECT(ST_OK, roster.nodes[0].group_count = 1; roster.nodes[2].group_count = 1;
           roster.nodes[2].groups[0] = 1);
    EXPECT(ST_OK, roster.group_count = 0; roster.nodes[0].group_count = 0);
    EXPECT(ST_MALFORMED, roster.node_count = 0); /* nobody is in either */
    EXPECT(ST_OK, roster.node_count = 0; roster.group_count = 0);
}

static enum status count_verdict(struct wire *wire, uint32_t group_count, uint32_t node_count,
                                 size_t node_groups)
{
    static const uint8_t indexes[NODE_GROUPS_MAX + 1] = {0, 1,  2,  3,  4,  5,  6,  7, 8,
                                                         9, 10, 11, 12, 13, 14, 15, 16};
    struct buf out = wire_buf(wire);
    pack_array(&out, 3);
    pack_uint(&out, 1);
    pack_array(&out, group_count);
    for (uint32_t i = 0; i < group_count; i++) {
        char name[16];
        snprintf(name, sizeof name, "g%03u", (unsigned)i);
        pack_text(&out, bytes_of_text(name));
    }
    pack_array(&out, node_count);
    for (uint32_t i = 0; i < node_count; i++) {
        uint8_t own[NODE_GROUPS_MAX + 1];
        for (size_t k = 0; k < node_groups; k++)
            own[k] = (uint8_t)(indexes[k] + (i % 16) * 16);
        char name[16];
        snprintf(name, sizeof name, "n%04u", (unsigned)i);
        pack_array(&out, 4);
        pack_text(&out, bytes_of_text(name));
        pack_nil(&out);
        pack_bool(&out, false);
        pack_bin(&out, bytes_of(own, node_groups));
    }
    return decode(wire, buf_bytes(&out));
}

static void test_more_than_the_tables_hold_is_refused(void **state)
{
    struct wire *const wire = *state;
    assert_int_equal(count_verdict(wire, ROSTER_GROUPS_MAX, ROSTER_NODES_MAX, NODE_GROUPS_MAX),
                     ST_OK);
    assert_int_equal(count_verdict(wire, ROSTER_GROUPS_MAX + 1, ROSTER_NODES_MAX, NODE_GROUPS_MAX),
                     ST_MALFORMED);
    assert_int_equal(count_verdict(wire, ROSTER_GROUPS_MAX, ROSTER_NODES_MAX + 1, NODE_GROUPS_MAX),
                     ST_MALFORMED);
    assert_int_equal(count_verdict(wire, NODE_GROUPS_MAX, 1, NODE_GROUPS_MAX), ST_OK);
    assert_int_equal(count_verdict(wire, NODE_GROUPS_MAX + 1, 1, NODE_GROUPS_MAX + 1),
                     ST_MALFORMED);
}

/* ---------------------------------------------------------------- search */

static void test_every_node_is_found_and_no_other(void **state)
{
    struct wire *const wire = *state;
    for (size_t count = 0; count < 20; count++) {
        random_roster(&wire->rng, count == 0 ? 1 : count, 0);
        roster.node_count = count;
        for (size_t i = 0; i < count; i++)
            assert_ptr_equal(roster_find(&roster, &roster.nodes[i].name), &roster.nodes[i]);
        assert_null(roster_find(&roster, &(struct node_name){"edge-"}));
        assert_null(roster_find(&roster, &(struct node_name){"edge-00055"}));
        assert_null(roster_find(&roster, &(struct node_name){"edge-9999"}));
        assert_null(roster_find(&roster, &(struct node_name){"a"}));
    }
}

/* -------------------------------------------------------------- vectors */

static void test_golden_rosters(void **state)
{
    static const char *const labels[] = {"version", "groups", "nodes"};
    struct wire *const wire = *state;
    golden_open(&wire->golden, "wire_roster.txt");
    golden_comment(&wire->golden, "Bodies of rosters (common/wire/roster_msg.h).");
    memset(&roster, 0, sizeof roster);
    roster.version = 1;
    golden_message(wire, "nobody", encode(wire), labels, recode_roster, "roster");
    good_roster();
    roster.version = 300;
    roster.nodes[1].revoked = true;
    for (size_t i = 0; i < 3; i++)
        memset(roster.nodes[i].key.bytes, (int)(0x11 * (i + 1)), PUBLIC_KEY_SIZE);
    golden_message(wire, "three_nodes", encode(wire), labels, recode_roster, "roster");
    for (size_t i = 0; i < 3; i++)
        roster.nodes[i].has_key = false;
    golden_message(wire, "without_keys", encode(wire), labels, recode_roster, "roster");
    golden_close(&wire->golden);
}

#define TEST(function) cmocka_unit_test_setup(function, wire_reseed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_roster_is_read_as_it_was_written),
        TEST(test_the_largest_roster_can_be_read),
        TEST(test_an_unlawful_name_or_version_is_refused),
        TEST(test_a_roster_out_of_order_is_refused),
        TEST(test_keys_of_some_nodes_only_are_refused),
        TEST(test_groups_that_do_not_fit_the_nodes_are_refused),
        TEST(test_more_than_the_tables_hold_is_refused),
        TEST(test_every_node_is_found_and_no_other),
        TEST(test_golden_rosters),
    };
    return cmocka_run_group_tests(tests, wire_setup, wire_teardown);
}
