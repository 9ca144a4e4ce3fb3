/* test_audit.c - every entry's own signature is verified, sooner or later, once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/cloud_rig.h"

static struct cloud_rig rig;
static struct rig_log log_1;

static int set_up(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    rig_log_open(&log_1, "edge-1", 1, 0x10);
    rig_log_fill(&log_1, "a", 298);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_log_close(&log_1);
    cloud_rig_close(&rig);
    return 0;
}

static void test_all_entries_are_audited_and_then_there_is_rest(void **state)
{
    (void)state;
    cloud_rig_send_run(&rig, &log_1, 1, 100);
    assert_true(cloud_has_jobs(rig.cloud));
    cloud_rig_idle(&rig);
    assert_int_equal(cloud_rig_status(&rig, "audited"), 100);
    assert_int_equal(cloud_rig_status(&rig, "alarms"), 0);
    assert_false(cloud_has_jobs(rig.cloud));
    cloud_rig_send_run(&rig, &log_1, 101, 300);
    cloud_rig_idle(&rig);
    assert_int_equal(cloud_rig_status(&rig, "audited"), 300);
}

static void test_its_cursor_survives_a_restart_and_work_goes_on_by_itself(void **state)
{
    (void)state;
    cloud_rig_send_run(&rig, &log_1, 1, 100);
    cloud_rig_idle(&rig);
    cloud_rig_send_run(&rig, &log_1, 101, 300);
    cloud_rig_power_cut(&rig);
    assert_int_equal(cloud_rig_status(&rig, "audited"), 100);
    cloud_rig_idle(&rig);
    assert_int_equal(cloud_rig_status(&rig, "audited"), 300);
}

static void test_lost_ranges_are_passed_over(void **state)
{
    (void)state;
    rig_log_loss(&log_1, 11, 40);
    cloud_rig_send_run(&rig, &log_1, 1, 10);
    cloud_rig_send_ahead(&rig, &log_1, 301);
    cloud_rig_send_run(&rig, &log_1, 41, 200);
    cloud_rig_idle(&rig);
    assert_int_equal(cloud_rig_status(&rig, "audited"), 200);
    assert_int_equal(cloud_rig_status(&rig, "alarms"), 0);
}

static void test_the_setting_switches_it_off(void **state)
{
    (void)state;
    rig.options.settings.audit = false;
    cloud_rig_reopen(&rig);
    cloud_rig_send_run(&rig, &log_1, 1, 100);
    assert_false(cloud_has_jobs(rig.cloud));
    cloud_rig_wakeup(&rig);
    assert_int_equal(cloud_rig_status(&rig, "audited"), 0);
}

/* An alarm that rings at each start is soon not heard any more. */
static void test_stored_bytes_that_cannot_be_read_are_alarmed_once(void **state)
{
    (void)state;
    cloud_rig_send_run(&rig, &log_1, 1, 100);
    const unsigned alarms = rig.alarms;
    assert_int_equal(cloud_rig_sql(&rig, "DROP TRIGGER evidence_run_no_update"), ST_OK);
    assert_int_equal(cloud_rig_sql(&rig, "UPDATE evidence_run SET body = x'90'"), ST_OK);
    cloud_rig_idle(&rig);
    cloud_rig_reopen(&rig);
    cloud_rig_idle(&rig);
    assert_int_equal(rig.alarms, alarms + 1);
    assert_int_equal(cloud_rig_status(&rig, "alarms"), 1);
    assert_int_equal(cloud_rig_status(&rig, "audited"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_all_entries_are_audited_and_then_there_is_rest),
        T(test_its_cursor_survives_a_restart_and_work_goes_on_by_itself),
        T(test_lost_ranges_are_passed_over),
        T(test_the_setting_switches_it_off),
        T(test_stored_bytes_that_cannot_be_read_are_alarmed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
