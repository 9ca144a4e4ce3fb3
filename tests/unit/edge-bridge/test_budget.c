/* test_budget.c - does a link never carry more than its budget, and as much as it allows? */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "edge-bridge/budget.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

static void test_without_a_limit_everything_may_go(void **state)
{
    struct budget budget = {0};
    (void)state;
    budget_set(&budget, 0, 5);
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(budget_allows(&budget, 5));
        budget_spend(&budget, 1000000);
    }
    assert_true(budget_ready_ns(&budget) == 0);
    assert_true(budget.spent_bytes == 1000000000);
}

static void test_over_any_time_no_more_goes_than_rate_and_one_burst_and_one_frame(void **state)
{
    struct rng rng;
    (void)state;
    rng_seed(&rng, 1);
    for (unsigned round = 0; round < 200; round++) {
        const uint64_t rate = 1 + rng_below(&rng, 1000000);
        uint64_t now_ns = rng_below(&rng, NS_PER_S), sent = 0;
        const uint64_t start_ns = now_ns;
        struct budget budget = {0};
        budget_set(&budget, rate, now_ns);
        uint64_t largest = 0;
        for (unsigned i = 0; i < 2000; i++) {
            const uint64_t frame = 1 + rng_below(&rng, 60000);
            if (budget_allows(&budget, now_ns)) {
                budget_spend(&budget, frame);
                sent += frame;
                if (frame > largest) largest = frame;
            }
            now_ns += rng_below(&rng, 20 * NS_PER_MS);
            const double seconds = (double)(now_ns - start_ns) / 1e9;
            assert_true((double)sent <= (double)rate * (seconds + 1) + (double)largest + 1);
        }
    }
}

static void test_a_busy_link_is_used_to_its_rate(void **state)
{
    (void)state;
    for (uint64_t rate = 1000; rate <= 10000000; rate *= 10) {
        struct budget budget = {0};
        uint64_t now_ns = 0, sent = 0;
        budget_set(&budget, rate, now_ns);
        while (now_ns < 1000 * NS_PER_S) {
            if (budget_allows(&budget, now_ns)) {
                budget_spend(&budget, 5000);
                sent += 5000;
                continue;
            }
            const uint64_t ready_ns = budget_ready_ns(&budget);
            assert_true(ready_ns > now_ns); /* else it would be asked again and again */
            now_ns = ready_ns;
        }
        assert_true(sent >= rate * 999);
        assert_true(sent <= rate * 1001 + 5000);
    }
}

static void test_a_frame_may_go_exactly_when_it_says_so(void **state)
{
    struct budget budget = {0};
    (void)state;
    budget_set(&budget, 1000, 0);
    budget_spend(&budget, 5000);
    const uint64_t ready_ns = budget_ready_ns(&budget);
    assert_true(ready_ns == 4 * NS_PER_S + NS_PER_MS);
    assert_false(budget_allows(&budget, ready_ns - NS_PER_MS));
    assert_true(budget_allows(&budget, ready_ns));
}

static void test_a_long_silence_saves_up_one_burst_only(void **state)
{
    struct budget budget = {0};
    (void)state;
    budget_set(&budget, 1000000, 0);
    budget_spend(&budget, 3000000);
    assert_true(budget_allows(&budget, UINT64_C(90) * 24 * 3600 * NS_PER_S));
    assert_true(budget.balance_bytes == 1000000);
}

static void test_a_new_rate_holds_at_once_and_keeps_the_debt(void **state)
{
    struct budget budget = {0};
    (void)state;
    budget_set(&budget, 1000, 0);
    budget_spend(&budget, 3000);
    budget_set(&budget, 100, 0);
    assert_true(budget.balance_bytes == -2000);
    assert_false(budget_allows(&budget, 19 * NS_PER_S));
    assert_true(budget_allows(&budget, 21 * NS_PER_S));
    budget_set(&budget, 0, 21 * NS_PER_S);
    assert_true(budget_allows(&budget, 21 * NS_PER_S));
}

static void test_the_wire_costs_more_than_the_payload_and_tls_more_than_none(void **state)
{
    (void)state;
    for (size_t payload = 0; payload <= 64 * 1024; payload += 997) {
        const uint64_t plain = budget_wire_bytes(payload, 30, false);
        const uint64_t tls = budget_wire_bytes(payload, 30, true);
        assert_true(plain > payload + 30);
        assert_true(tls > plain);
        assert_true(tls < payload + payload / 8 + 400);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_limit_everything_may_go),
        cmocka_unit_test(test_over_any_time_no_more_goes_than_rate_and_one_burst_and_one_frame),
        cmocka_unit_test(test_a_busy_link_is_used_to_its_rate),
        cmocka_unit_test(test_a_frame_may_go_exactly_when_it_says_so),
        cmocka_unit_test(test_a_long_silence_saves_up_one_burst_only),
        cmocka_unit_test(test_a_new_rate_holds_at_once_and_keeps_the_debt),
        cmocka_unit_test(test_the_wire_costs_more_than_the_payload_and_tls_more_than_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
