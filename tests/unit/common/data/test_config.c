/* test_config.c - which of two writes stays, which value counts at a node, and what is no value? */
#include "common/data/config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/hlc.h"
#include "tests/support/golden.h"

static uint8_t memory[CONFIG_BYTES_MAX + 1];

static struct config_value text_value(enum config_type type, const char *text)
{
    return (struct config_value){.type = type, .content = bytes_of_text(text)};
}

static struct config_value int_value(int64_t integer)
{
    return (struct config_value){.type = CONFIG_INT, .integer = integer};
}

static struct config_value real_value(double real)
{
    return (struct config_value){.type = CONFIG_FLOAT, .real = real};
}

static struct config_value bool_value(bool truth)
{
    return (struct config_value){.type = CONFIG_BOOL, .truth = truth};
}

static struct config_register write_of(uint32_t epoch, uint64_t hlc, const char *node,
                                       struct config_value value)
{
    struct config_register reg = {.epoch = epoch, .hlc = hlc, .value = value};
    assert_in_range(strlen(node), 1, NODE_NAME_SIZE - 1);
    memcpy(reg.node.text, node, strlen(node));
    reg.deleted = value.type == CONFIG_NONE;
    assert_true(config_register_ok(&reg));
    return reg;
}

/* ------------------------------------------------------------------ order */

enum { WRITES_MAX = 256 };
static struct config_register writes[WRITES_MAX];
static unsigned write_count;

/* Every combination of a few epochs, stamps, nodes and values, tombstones among them. */
static void make_writes(void)
{
    static const char *const nodes[] = {"cloud", "n1", "n10", "n2"};
    const struct config_value values[] = {
        {.type = CONFIG_NONE},
        bool_value(false),
        bool_value(true),
        int_value(-1),
        int_value(0),
        real_value(-2.5),
        real_value(2.5),
        text_value(CONFIG_STRING, ""),
        text_value(CONFIG_STRING, "1"),
        text_value(CONFIG_BYTES, "1"),
        text_value(CONFIG_JSON, "1"),
    };
    write_count = 0;
    for (unsigned epoch = 0; epoch < 2; epoch++)
        for (unsigned hlc = 1; hlc <= 2; hlc++)
            for (unsigned node = 0; node < COUNT_OF(nodes); node++)
                for (unsigned value = 0; value < COUNT_OF(values); value++)
                    writes[write_count++] = write_of(epoch, hlc, nodes[node], values[value]);
    assert_in_range(write_count, 100, WRITES_MAX);
}

static bool same(const struct config_register *a, const struct config_register *b)
{
    return config_compare(a, b) == 0;
}

static void test_the_join_is_a_maximum_on_all_writes(void **state)
{
    (void)state;
    make_writes();
    for (unsigned i = 0; i < write_count; i++) {
        const struct config_register *const a = &writes[i];
        for (unsigned k = 0; k < write_count; k++) {
            const struct config_register *const b = &writes[k];
            /* Two writes that differ in anything differ in the order: no tie is left open. */
            assert_int_equal(same(a, b), i == k);
            assert_true((config_compare(a, b) < 0) == (config_compare(b, a) > 0));
            const struct config_register *const ab = config_join(a, b);
            assert_true(same(ab, config_join(b, a)));
            assert_true(same(config_join(ab, b), ab) && same(config_join(ab, a), ab));
            for (unsigned m = 0; m < write_count; m++)
                if (!same(config_join(ab, &writes[m]), config_join(a, config_join(b, &writes[m]))))
                    fail_msg("not associative: %u %u %u", i, k, m);
        }
    }
}

static void test_the_epoch_beats_the_stamp_and_the_stamp_the_node(void **state)
{
    (void)state;
    const struct config_register ascending[] = {
        write_of(0, 5, "n1", int_value(1)),
        write_of(0, 5, "n1", int_value(2)),
        write_of(0, 5, "n1", (struct config_value){.type = CONFIG_NONE}),
        write_of(0, 5, "n2", int_value(0)),
        write_of(0, 6, "n1", int_value(0)),
        write_of(0, HLC_STAMP_MAX, "n2", int_value(0)),
        write_of(1, 1, "n1", int_value(0)),
    };
    for (unsigned i = 1; i < COUNT_OF(ascending); i++)
        assert_true(config_compare(&ascending[i - 1], &ascending[i]) < 0);
}

static struct bytes value_bytes(const struct config_value *value, uint8_t out[64])
{
    struct buf buf = buf_of(out, 64);
    config_value_encode(value, &buf);
    assert_true(buf_ok(&buf));
    return buf_bytes(&buf);
}

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

static void test_values_are_ordered_by_their_bytes_and_numbers_by_size(void **state)
{
    (void)state;
    const struct config_value ascending[] = {
        bool_value(false),
        bool_value(true),
        int_value(INT64_MIN),
        int_value(-256),
        int_value(-1),
        int_value(0),
        int_value(1),
        int_value(INT64_MAX),
        real_value(-1e308),
        real_value(-1.5),
        real_value(-5e-324),
        real_value(0),
        real_value(5e-324),
        real_value(1.5),
        real_value(1e308),
        text_value(CONFIG_STRING, ""),
        text_value(CONFIG_STRING, "a"),
        text_value(CONFIG_STRING, "aa"),
        text_value(CONFIG_STRING, "b"),
        text_value(CONFIG_BYTES, "a"),
        text_value(CONFIG_JSON, "[]"),
    };
    for (unsigned i = 0; i < COUNT_OF(ascending); i++)
        for (unsigned k = 0; k < COUNT_OF(ascending); k++) {
            uint8_t left[64], right[64];
            const struct config_register a = write_of(1, 1, "n1", ascending[i]);
            const struct config_register b = write_of(1, 1, "n1", ascending[k]);
            const int order = (i > k) - (i < k);
            assert_int_equal(sign(config_compare(&a, &b)), order);
            assert_int_equal(sign(bytes_compare(value_bytes(&ascending[i], left),
                                                value_bytes(&ascending[k], right))),
                             order);
        }
}

/* "1 6 n2 deleted" or "1 6 n2 =text", up to the end of text, which it ends. */
static struct config_register parse_write(char *text)
{
    char *end;
    const uint32_t epoch = (uint32_t)strtoul(text, &end, 10);
    const uint64_t hlc = strtoull(end, &end, 10);
    char *const node = end + 1;
    end = strchr(node, ' ');
    assert_non_null(end);
    *end++ = '\0';
    if (strcmp(end, "deleted") == 0)
        return write_of(epoch, hlc, node, (struct config_value){.type = CONFIG_NONE});
    assert_int_equal(*end, '=');
    return write_of(epoch, hlc, node, text_value(CONFIG_STRING, end + 1));
}

/* Ends the field that starts at *line, and moves on behind it. */
static char *field(char **line)
{
    char *const start = *line, *const bar = strstr(start, " | ");
    assert_non_null(bar);
    *bar = '\0';
    *line = bar + 3;
    return start;
}

static void test_the_worked_cases_come_out(void **state)
{
    (void)state;
    char path[512], memory_of_line[256];
    unsigned count = 0;
    const char *const folder = getenv("HOLDFAST_VECTORS");
    snprintf(path, sizeof path, "%s/config_join.txt", folder != NULL ? folder : "tests/vectors");
    FILE *const file = fopen(path, "rb");
    if (file == NULL) fail_msg("cannot open %s", path);
    while (fgets(memory_of_line, sizeof memory_of_line, file) != NULL) {
        char *line = memory_of_line;
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0') continue;
        const struct config_register a = parse_write(field(&line));
        const struct config_register b = parse_write(field(&line));
        const int order = strcmp(line, "a") == 0 ? 1 : strcmp(line, "b") == 0 ? -1 : 0;
        assert_int_equal(sign(config_compare(&a, &b)), order);
        assert_ptr_equal(config_join(&a, &b), order < 0 ? &b : &a);
        count++;
    }
    fclose(file);
    assert_true(count >= 20);
}

/* -------------------------------------------------------------- effective */

static void test_the_narrowest_scope_with_a_value_counts(void **state)
{
    (void)state;
    const struct config_register fleet = write_of(9, 900, "cloud", int_value(1));
    const struct config_register group = write_of(0, 50, "cloud", int_value(2));
    const struct config_register group_2 = write_of(0, 60, "cloud", int_value(3));
    const struct config_register node = write_of(0, 10, "n1", int_value(4));
    const struct config_register gone = write_of(0, 99, "n1", (struct config_value){0});
    struct config_candidate candidates[] = {
        {CONFIG_SCOPE_NODE, &node},
        {CONFIG_SCOPE_GROUP, &group},
        {CONFIG_SCOPE_FLEET, &fleet},
        {CONFIG_SCOPE_GROUP, &group_2},
    };
    assert_ptr_equal(config_effective(candidates, 4), &node);
    candidates[0].reg = &gone; /* a deleted one does not hide the wider ones */
    assert_ptr_equal(config_effective(candidates, 4), &group_2);
    candidates[0].reg = NULL;
    assert_ptr_equal(config_effective(candidates, 3), &group);
    candidates[1].reg = NULL;
    assert_ptr_equal(config_effective(candidates, 3), &fleet);
    candidates[2].reg = &gone;
    assert_null(config_effective(candidates, 3));
    assert_null(config_effective(candidates, 0));
}

/* ------------------------------------------------------- scopes and values */

static void test_a_scope_is_the_fleet_a_group_or_a_node(void **state)
{
    (void)state;
    static const char *const good[] = {"fleet", "group/G.1_x", "node/edge-1"};
    static const char *const bad[] = {
        "",       "flee",       "fleet/",     "fleetx",   "group",
        "group/", "group/a/b",  "node/",      "node/A",   "node/a b",
        "Fleet",  "node/fleet", "node/cloud", "group/-x", "node/aaaaaaaaaabbbbbbbbbbccccccccccdd",
    };
    char text[CONFIG_SCOPE_TEXT_SIZE];
    struct config_scope scope;
    for (unsigned i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(config_scope_from(bytes_of_text(good[i]), &scope), ST_OK);
        assert_int_equal(scope.kind, i);
        assert_int_equal(config_scope_text(&scope, text), strlen(good[i]));
        assert_string_equal(text, good[i]);
    }
    for (unsigned i = 0; i < COUNT_OF(bad); i++)
        if (config_scope_from(bytes_of_text(bad[i]), &scope) == ST_OK)
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(config_scope_from(bytes_of("node/a\0b", 8), &scope), ST_MALFORMED);
    char longest[6 + LEVEL_NAME_SIZE_MAX + 1] = "group/";
    memset(longest + 6, 'g', LEVEL_NAME_SIZE_MAX + 1);
    assert_int_equal(config_scope_from(bytes_of(longest, sizeof longest), &scope), ST_MALFORMED);
    assert_int_equal(config_scope_from(bytes_of(longest, sizeof longest - 1), &scope), ST_OK);
    assert_int_equal(config_scope_text(&scope, text), sizeof longest - 1);
}

static enum status check(struct config_value value)
{
    return config_value_check(&value);
}

static void test_values_that_are_none_are_refused(void **state)
{
    (void)state;
    assert_int_equal(check(real_value(NAN)), ST_MALFORMED);
    assert_int_equal(check(real_value(INFINITY)), ST_MALFORMED);
    assert_int_equal(check(real_value(-INFINITY)), ST_MALFORMED);
    assert_int_equal(check(text_value(CONFIG_STRING, "\xFF")), ST_MALFORMED);
    assert_int_equal(check(text_value(CONFIG_BYTES, "\xFF")), ST_OK);
    assert_int_equal(check(text_value(CONFIG_JSON, "{\"a\":}")), ST_MALFORMED);
    assert_int_equal(check(text_value(CONFIG_JSON, "{\"a\":[1.5,null]}")), ST_OK);
    assert_int_equal(check((struct config_value){.type = CONFIG_TYPE_COUNT}), ST_MALFORMED);
    memset(memory, 'x', sizeof memory);
    struct config_value large = {
        .type = CONFIG_STRING,
        .content = bytes_of(memory, CONFIG_VALUE_SIZE_MAX),
    };
    assert_int_equal(check(large), ST_OK);
    large.content.size++;
    assert_int_equal(check(large), ST_TOO_LARGE);
}

static void test_minus_zero_is_zero(void **state)
{
    (void)state;
    struct config_value value = real_value(-0.0);
    assert_int_equal(config_value_check(&value), ST_OK);
    assert_false(signbit(value.real));
    const struct config_register reg = {.hlc = 1, .node = {"n1"}, .value = real_value(-0.0)};
    assert_false(config_register_ok(&reg));
}

static void test_a_register_of_unlawful_form_is_not_ok(void **state)
{
    (void)state;
    const struct config_register good = write_of(1, 1, "n1", int_value(1));
    struct config_register bad = good;
    bad.hlc = 0;
    assert_false(config_register_ok(&bad));
    bad.hlc = HLC_STAMP_MAX + 1;
    assert_false(config_register_ok(&bad));
    bad = good;
    bad.deleted = true; /* with a value */
    assert_false(config_register_ok(&bad));
    bad.value.type = CONFIG_NONE;
    assert_true(config_register_ok(&bad));
    bad.deleted = false; /* without one */
    assert_false(config_register_ok(&bad));
    bad = good;
    bad.node.text[0] = '-';
    assert_false(config_register_ok(&bad));
}

/* ------------------------------------------------------------------ bytes */

static struct config_key key_of(const char *scope, const char *name)
{
    struct config_key key = {0};
    assert_int_equal(config_scope_from(bytes_of_text(scope), &key.scope), ST_OK);
    assert_int_equal(level_name_from(bytes_of_text(name), &key.name), ST_OK);
    return key;
}

static struct bytes encode(const struct config_key *key, const struct config_register *reg,
                           uint8_t *out, size_t capacity)
{
    struct buf buf = buf_of(out, capacity);
    config_encode(key, reg, &buf);
    assert_true(buf_ok(&buf));
    return buf_bytes(&buf);
}

/* Decodes from a block of exactly its size, then compares what encoding gives. */
static bool accepted_as_canonical(struct bytes bytes)
{
    static uint8_t again[CONFIG_BYTES_MAX];
    struct config_key key;
    struct config_register reg;
    uint8_t *const copy = malloc(bytes.size + (bytes.size == 0));
    assert_non_null(copy);
    if (bytes.size > 0) memcpy(copy, bytes.data, bytes.size);
    const bool accepted = config_decode(bytes_of(copy, bytes.size), &key, &reg) == ST_OK;
    if (accepted) {
        assert_true(config_register_ok(&reg));
        assert_true(bytes_equal(encode(&key, &reg, again, sizeof again), bytes));
    }
    free(copy);
    return accepted;
}

static void test_registers_are_read_as_they_were_written_and_no_other_bytes_decode(void **state)
{
    (void)state;
    make_writes();
    const struct config_key key = key_of("group/north", "rate.limit");
    for (unsigned i = 0; i < write_count; i++) {
        struct config_key key_back;
        struct config_register back;
        const struct bytes good = encode(&key, &writes[i], memory, sizeof memory - 1);
        assert_int_equal(config_decode(good, &key_back, &back), ST_OK);
        assert_true(config_key_equal(&key, &key_back) && same(&back, &writes[i]));
        const enum config_type type = writes[i].value.type;
        const bool is_open = type == CONFIG_STRING || type == CONFIG_BYTES || type == CONFIG_JSON;
        for (size_t size = 0; size < good.size; size++)
            assert_true(!accepted_as_canonical(bytes_of(good.data, size)) || is_open);
        for (size_t bit = 0; bit < 8 * good.size; bit++) {
            memory[bit / 8] ^= (uint8_t)(1u << bit % 8);
            (void)accepted_as_canonical(good);
            memory[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        memory[good.size] = 0;
        assert_true(!accepted_as_canonical(bytes_of(good.data, good.size + 1)) ||
                    type == CONFIG_BYTES);
    }
}

static void test_the_largest_register_fits_the_bound(void **state)
{
    (void)state;
    static char content[CONFIG_VALUE_SIZE_MAX + 1];
    char name[LEVEL_NAME_SIZE_MAX + 1] = {0}, scope[CONFIG_SCOPE_TEXT_SIZE] = "group/";
    memset(content, 'x', sizeof content - 1);
    memset(name, 'n', LEVEL_NAME_SIZE_MAX);
    memset(scope + 6, 'g', LEVEL_NAME_SIZE_MAX);
    const struct config_key key = key_of(scope, name);
    const struct config_register reg =
        write_of(UINT32_MAX, HLC_STAMP_MAX, "n23456789-123456789-123456789-1",
                 text_value(CONFIG_STRING, content));
    const struct bytes bytes = encode(&key, &reg, memory, sizeof memory);
    assert_true(bytes.size <= CONFIG_BYTES_MAX);
    assert_true(accepted_as_canonical(bytes));
    struct config_key key_back;
    struct config_register back;
    memory[bytes.size] = 'x';
    assert_int_equal(config_decode(bytes_of(memory, bytes.size + 1), &key_back, &back),
                     ST_TOO_LARGE);
}

static void golden_register(struct golden *golden, const char *section,
                            const struct config_key *key, struct config_value value)
{
    const struct config_register reg =
        write_of(1, UINT64_C(1276256772451) << 16 | 3, "edge-1", value);
    const struct bytes bytes = encode(key, &reg, memory, sizeof memory);
    uint8_t scratch[64];
    const size_t tail_size = 12 + 7 + 1 + value_bytes(&value, scratch).size;
    const size_t head_size = bytes.size - tail_size;
    golden_section(golden, section);
    golden_field_of_parts(golden, "register");
    golden_part(golden, bytes_of(bytes.data, head_size), "form, scope, key");
    golden_part(golden, bytes_of(bytes.data + head_size, 12), "epoch, hlc");
    golden_part(golden, bytes_of(bytes.data + head_size + 12, 7), "node edge-1");
    golden_part(golden, bytes_from(bytes, head_size + 19), "deleted, type, value");
}

static void test_the_bytes_are_those_of_the_golden_vectors(void **state)
{
    (void)state;
    static struct golden golden;
    const struct config_key fleet = key_of("fleet", "rate"), node = key_of("node/edge-1", "a.b");
    golden_open(&golden, "config_register.txt");
    golden_comment(&golden, "Canonical bytes of config registers (common/data/config.h).");
    golden_register(&golden, "deleted", &fleet, (struct config_value){.type = CONFIG_NONE});
    golden_register(&golden, "bool", &fleet, bool_value(true));
    golden_register(&golden, "int", &node, int_value(-2));
    golden_register(&golden, "float", &node, real_value(-0.5));
    golden_register(&golden, "string", &node, text_value(CONFIG_STRING, "on"));
    golden_register(&golden, "bytes", &node, text_value(CONFIG_BYTES, "\x01\x02"));
    golden_register(&golden, "json", &node, text_value(CONFIG_JSON, "{\"a\":1}"));
    golden_close(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_join_is_a_maximum_on_all_writes),
        cmocka_unit_test(test_the_epoch_beats_the_stamp_and_the_stamp_the_node),
        cmocka_unit_test(test_values_are_ordered_by_their_bytes_and_numbers_by_size),
        cmocka_unit_test(test_the_worked_cases_come_out),
        cmocka_unit_test(test_the_narrowest_scope_with_a_value_counts),
        cmocka_unit_test(test_a_scope_is_the_fleet_a_group_or_a_node),
        cmocka_unit_test(test_values_that_are_none_are_refused),
        cmocka_unit_test(test_minus_zero_is_zero),
        cmocka_unit_test(test_a_register_of_unlawful_form_is_not_ok),
        cmocka_unit_test(test_registers_are_read_as_they_were_written_and_no_other_bytes_decode),
        cmocka_unit_test(test_the_largest_register_fits_the_bound),
        cmocka_unit_test(test_the_bytes_are_those_of_the_golden_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
