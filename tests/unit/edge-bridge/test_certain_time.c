/* test_certain_time.c - when a node may judge dates of certificates: never by a clock that may be
 * wrong, or a node in 1970 or 2099 could not reach the cloud, which tells it the time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/data/evidence.h"
#include "edge-bridge/edge_state.h"
#include "tests/support/edge_rig.h"

static struct edge_rig rig;

static int set_up(void **state)
{
    (void)state;
    edge_rig_open(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_rig_close(&rig);
    return 0;
}

static int64_t certain_s(int64_t wall_s, uint32_t uncertainty_ms)
{
    rig.now.wall_ns = wall_s * 1000000000;
    rig.now.clock_uncertainty_ms = uncertainty_ms;
    edge_rig_wakeup(&rig);
    return edge_certain_time_s(rig.edge);
}

static void test_a_clock_that_nobody_synchronised_is_not_certain(void **state)
{
    (void)state;
    assert_int_equal(certain_s(1900000000, CLOCK_NEVER_SYNCHRONISED), 0);
}

static void test_a_synchronised_clock_is_certain(void **state)
{
    (void)state;
    assert_int_equal(certain_s(1900000000, 5), 1900000000);
}

/* A kernel may call a clock synchronised that was never set. */
static void test_a_clock_in_1970_is_never_certain(void **state)
{
    (void)state;
    assert_int_equal(certain_s(86400, 5), 0);
}

static void test_what_the_cloud_told_is_certain_and_outdoes_the_wall_clock(void **state)
{
    (void)state;
    assert_int_equal(certain_s(4000000000, CLOCK_NEVER_SYNCHRONISED), 0);
    rig.edge->clock.known = true;
    rig.edge->clock.from_cloud = true;
    rig.edge->clock.offset_ms = INT64_C(-2000000000000);
    assert_int_equal(edge_certain_time_s(rig.edge), 2000000000);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_a_clock_that_nobody_synchronised_is_not_certain),
        T(test_a_synchronised_clock_is_certain),
        T(test_a_clock_in_1970_is_never_certain),
        T(test_what_the_cloud_told_is_certain_and_outdoes_the_wall_clock),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
