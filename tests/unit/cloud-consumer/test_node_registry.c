/* test_node_registry.c - who may come in, and who may come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/cloud_rig.h"
#include "tests/support/test_log.h"

static struct cloud_rig rig;
static struct rig_log log_1, replaced;

static int set_up(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    rig_log_open(&log_1, "edge-1", 1, 0x10);
    rig_log_open(&replaced, "edge-1", 77, 0x20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_log_close(&log_1);
    rig_log_close(&replaced);
    cloud_rig_close(&rig);
    return 0;
}

static void test_adding_a_node_twice_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(cloud_rig_enrol(&rig, &log_1), ST_DUPLICATE);
    assert_int_equal(cloud_rig_status(&rig, "nodes"), 1);
}

static void test_another_key_for_a_living_node_is_refused(void **state)
{
    (void)state;
    assert_int_equal(cloud_rig_enrol(&rig, &replaced), ST_CONFLICT);
    cloud_rig_send_run(&rig, &log_1, 1, 2);
    assert_int_equal(cloud_rig_ack(&rig, &log_1)->size, 2);
}

static void test_a_line_without_its_proof_is_refused(void **state)
{
    (void)state;
    char line[KEY_LINE_SIZE_MAX];
    key_line_write(KEY_LINE_NODE, &replaced.node, replaced.key, line);
    char *const proof = strrchr(line, ' ') + 1;
    proof[0] = proof[0] == 'A' ? 'B' : 'A';
    assert_int_equal(cloud_rig_verb(&rig, "node-add", "line", line, NULL), ST_FORGED);
    assert_int_equal(cloud_rig_verb(&rig, "node-add", "line", "hello", NULL), ST_MALFORMED);
    assert_int_equal(cloud_rig_verb(&rig, "node-add", NULL), ST_USAGE);
}

static void test_the_line_of_a_cloud_is_no_enrolment(void **state)
{
    (void)state;
    assert_int_equal(cloud_rig_verb(&rig, "cloud-key", NULL), ST_OK);
    char line[KEY_LINE_SIZE_MAX] = "";
    memcpy(line, rig.reply->fields[0].text.data, rig.reply->fields[0].text.size);
    assert_int_equal(cloud_rig_verb(&rig, "node-add", "line", line, NULL), ST_MALFORMED);
}

static void test_revoking_is_told_and_a_second_time_is_harmless(void **state)
{
    (void)state;
    assert_int_equal(cloud_rig_verb(&rig, "node-revoke", "node", "edge-1", NULL), ST_OK);
    assert_int_equal(cloud_rig_verb(&rig, "node-revoke", "node", "edge-1", NULL), ST_DUPLICATE);
    assert_int_equal(cloud_rig_verb(&rig, "node-revoke", "node", "edge-3", NULL), ST_NOT_FOUND);
    assert_int_equal(cloud_rig_verb(&rig, "node-revoke", NULL), ST_USAGE);
    assert_int_equal(cloud_rig_verb(&rig, "node-list", NULL), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "status", "revoked"));
}

/* New hardware under the old name: a new key and a new log; the old log takes no more entries, not
 * even from somebody who still has the old key. */
static void test_a_revoked_name_comes_back_with_a_new_key_and_a_new_log(void **state)
{
    (void)state;
    cloud_rig_send_run(&rig, &log_1, 1, 2);
    assert_int_equal(cloud_rig_verb(&rig, "node-revoke", "node", "edge-1", NULL), ST_OK);
    assert_int_equal(cloud_rig_enrol(&rig, &replaced), ST_OK);
    cloud_rig_send_run(&rig, &replaced, 1, 2);
    assert_int_equal(cloud_rig_ack(&rig, &replaced)->size, 2);
    rig_log_fill(&log_1, "a", 3);
    cloud_rig_send_run(&rig, &log_1, 3, 5);
    assert_int_equal(cloud_rig_status(&rig, "refused_signature"), 1);
    /* The new key signs the frame, the old one the entries. */
    const struct checkpoint checkpoint = rig_log_checkpoint(&log_1, 5);
    cloud_rig_send(&rig, &replaced, TOPIC_EVIDENCE, FRAME_EVIDENCE,
                   cloud_rig_run_body(&rig, &log_1, 3, 5, &checkpoint));
    assert_int_equal(cloud_rig_status(&rig, "refused_key"), 1);
    assert_int_equal(cloud_rig_status(&rig, "entries"), 4);
    assert_int_equal(cloud_rig_verb(&rig, "evidence-verify", NULL), ST_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_adding_a_node_twice_changes_nothing),
        T(test_another_key_for_a_living_node_is_refused),
        T(test_a_line_without_its_proof_is_refused),
        T(test_the_line_of_a_cloud_is_no_enrolment),
        T(test_revoking_is_told_and_a_second_time_is_harmless),
        T(test_a_revoked_name_comes_back_with_a_new_key_and_a_new_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
