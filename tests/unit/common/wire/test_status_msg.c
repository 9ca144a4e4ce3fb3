/* test_status_msg.c - does a status report say who is there and why? */
#include "common/wire/status_msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/wire_check.h"

static struct bytes encode(struct wire *wire, const struct status_report *report)
{
    struct buf out = wire_buf(wire);
    status_msg_encode(report, &out);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static void test_a_report_is_read_as_it_was_written(void **state)
{
    struct wire *const wire = *state;
    for (unsigned round = 0; round < 500; round++) {
        char reason[STATUS_REASON_SIZE_MAX], software[STATUS_SOFTWARE_SIZE_MAX];
        struct status_report back;
        const struct status_report report = {
            .online = rng_chance(&wire->rng, 500),
            .reason = random_text(&wire->rng, reason, 0, sizeof reason),
            .wall_ms = random_int(&wire->rng),
            .software = random_text(&wire->rng, software, 0, sizeof software),
        };
        const struct bytes body = encode(wire, &report);
        assert_int_equal(status_msg_decode(wire->unpacker, body, &back), ST_OK);
        assert_true(back.online == report.online && back.wall_ms == report.wall_ms);
        assert_true(bytes_equal(back.reason, report.reason));
        assert_true(bytes_equal(back.software, report.software));
        assert_true(recode_holds(wire->recoder, recode_status, body));
    }
}

static void test_a_text_that_is_too_long_is_refused(void **state)
{
    struct wire *const wire = *state;
    static char text[STATUS_REASON_SIZE_MAX + 1];
    struct status_report back, report = {0};
    memset(text, 'r', sizeof text);
    report.reason = bytes_of(text, STATUS_REASON_SIZE_MAX);
    report.software = bytes_of(text, STATUS_SOFTWARE_SIZE_MAX);
    assert_int_equal(status_msg_decode(wire->unpacker, encode(wire, &report), &back), ST_OK);
    report.reason.size++;
    assert_int_equal(status_msg_decode(wire->unpacker, encode(wire, &report), &back), ST_MALFORMED);
    report.reason.size--;
    report.software.size++;
    assert_int_equal(status_msg_decode(wire->unpacker, encode(wire, &report), &back), ST_MALFORMED);
}

static void test_golden_reports(void **state)
{
    static const char *const labels[] = {"online", "reason", "wall_ms", "software"};
    struct wire *const wire = *state;
    const struct status_report online = {.online = true,
                                         .reason = BYTES_LITERAL("started"),
                                         .wall_ms = 1748736000000,
                                         .software = BYTES_LITERAL("edge-bridge 0.1.0")};
    const struct status_report offline = {.wall_ms = -1};
    golden_open(&wire->golden, "wire_status.txt");
    golden_comment(&wire->golden, "Bodies of status reports (common/wire/status_msg.h).");
    golden_message(wire, "online", encode(wire, &online), labels, recode_status, "status");
    golden_message(wire, "offline", encode(wire, &offline), labels, recode_status, "status");
    golden_close(&wire->golden);
}

#define TEST(function) cmocka_unit_test_setup(function, wire_reseed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_report_is_read_as_it_was_written),
        TEST(test_a_text_that_is_too_long_is_refused),
        TEST(test_golden_reports),
    };
    return cmocka_run_group_tests(tests, wire_setup, wire_teardown);
}
