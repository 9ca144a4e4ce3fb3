/* test_roster.c - groups of nodes, and the signed list that tells them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cloud-consumer/store_sqlite.h"
#include "tests/support/cloud_rig_config.h"

static struct cloud_rig rig;
static struct rig_log log_1, log_2;
static struct roster roster;

static int setup(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    rig_log_open(&log_1, "edge-1", 1, 1);
    rig_log_open(&log_2, "edge-2", 2, 2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_log_close(&log_1);
    rig_log_close(&log_2);
    cloud_rig_close(&rig);
    return 0;
}

static enum status node_set(const char *node, const char *groups)
{
    return cloud_rig_verb(&rig, "node-set", "node", node, "group", groups, NULL);
}

/* The roster that the verb before has published. */
static uint64_t published(void)
{
    if (!rig_roster(&rig, &roster)) fail_msg("no roster was published");
    return roster.version;
}

static void publish_all(void)
{
    rig_relink(&rig, false, 1000);
    published();
}

static void test_every_change_of_the_nodes_makes_a_greater_version(void **state)
{
    (void)state;
    assert_int_equal(cloud_rig_enrol(&rig, &log_2), ST_OK);
    const uint64_t first = published();
    assert_int_equal(roster.node_count, 2);
    assert_int_equal(node_set("edge-2", "north"), ST_OK);
    assert_int_equal(published(), first + 1);
    assert_int_equal(cloud_rig_verb(&rig, "node-revoke", "node", "edge-2", NULL), ST_OK);
    assert_int_equal(published(), first + 2);
    assert_true(roster.nodes[1].revoked);
    assert_int_equal(cloud_rig_enrol(&rig, &log_2), ST_OK); /* and back again */
    assert_int_equal(published(), first + 3);
    assert_false(roster.nodes[1].revoked);
}

/* An edge goes by the greatest one: a needless one would be a message to everybody. */
static void test_what_changes_nothing_publishes_nothing(void **state)
{
    (void)state;
    assert_int_equal(node_set("edge-1", "north,south"), ST_OK);
    published();
    assert_int_equal(node_set("edge-1", "south,north,north"), ST_OK);
    assert_false(rig_roster(&rig, &roster));
    struct rig_log again = log_1;
    assert_int_equal(cloud_rig_enrol(&rig, &again), ST_DUPLICATE);
    assert_false(rig_roster(&rig, &roster));
}

static void test_the_roster_says_who_is_who_and_in_which_groups(void **state)
{
    (void)state;
    assert_int_equal(cloud_rig_enrol(&rig, &log_2), ST_OK);
    assert_int_equal(node_set("edge-1", "south,north"), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "groups", "north,south"));
    assert_int_equal(node_set("edge-2", "south,air"), ST_OK);
    published();
    assert_int_equal(roster.group_count, 3);
    assert_string_equal(roster.groups[0].text, "air");
    assert_string_equal(roster.groups[1].text, "north");
    assert_string_equal(roster.groups[2].text, "south");
    const struct roster_node *const node = roster_find(&roster, &log_2.node);
    assert_non_null(node);
    assert_true(node->has_key);
    assert_true(public_key_equal(&node->key, &log_2.public_key));
    assert_int_equal(node->group_count, 2);
    assert_int_equal(node->groups[0], 0);
    assert_int_equal(node->groups[1], 2);
    assert_int_equal(node_set("edge-1", ""), ST_OK);
    published();
    assert_int_equal(roster.group_count, 2); /* nobody is in the north any more */
}

static void test_a_node_can_be_enrolled_with_its_groups(void **state)
{
    (void)state;
    char line[KEY_LINE_SIZE_MAX];
    key_line_write(KEY_LINE_NODE, &log_2.node, log_2.key, line);
    assert_int_equal(cloud_rig_verb(&rig, "node-add", "line", line, "group", "no group", NULL),
                     ST_USAGE);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT COUNT(*) FROM node"), 1);
    assert_int_equal(cloud_rig_verb(&rig, "node-add", "line", line, "group", "north", NULL), ST_OK);
    published();
    assert_int_equal(roster.group_count, 1);
    assert_int_equal(cloud_rig_verb(&rig, "node-list", NULL), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "groups", "north"));
}

static void test_the_version_survives_a_restart(void **state)
{
    (void)state;
    assert_int_equal(node_set("edge-1", "north"), ST_OK);
    const uint64_t version = published();
    cloud_rig_power_cut(&rig);
    assert_int_equal(published(), version); /* it is told again by a new process */
    assert_int_equal(node_set("edge-1", ""), ST_OK);
    assert_int_equal(published(), version + 1);
}

static void test_it_is_published_again_on_a_lost_session_and_not_on_a_kept_one(void **state)
{
    (void)state;
    rig_relink(&rig, true, 1000);
    assert_false(rig_roster(&rig, &roster));
    rig_relink(&rig, false, 1000);
    assert_true(rig_roster(&rig, &roster));
}

static void test_groups_are_names_and_not_too_many(void **state)
{
    (void)state;
    assert_int_equal(node_set("edge-1", "north,"), ST_USAGE);
    assert_int_equal(node_set("edge-1", ",north"), ST_USAGE);
    assert_int_equal(node_set("edge-1", "a/b"), ST_USAGE);
    assert_int_equal(node_set("edge-1", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"), ST_USAGE);
    assert_int_equal(node_set("edge-1", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p"), ST_OK);
    assert_int_equal(node_set("nobody", "north"), ST_NOT_FOUND);
    assert_int_equal(cloud_rig_verb(&rig, "node-set", "node", "edge-1", NULL), ST_USAGE);
    assert_int_equal(cloud_rig_verb(&rig, "node-set", "group", "north", NULL), ST_USAGE);
}

/* The index of a group is one byte. */
static void test_there_are_not_more_groups_than_the_roster_can_name(void **state)
{
    (void)state;
    assert_int_equal(cloud_rig_sql(&rig, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
                                         " FROM n WHERE i < 256) INSERT INTO node_group"
                                         " SELECT 1000 + i, 'g' || i FROM n"),
                     ST_OK);
    assert_int_equal(node_set("edge-1", "g7"), ST_OK);
    assert_int_equal(node_set("edge-1", "g7,one-more"), ST_FULL);
    assert_int_equal(cloud_rig_verb(&rig, "node-list", NULL), ST_OK);
    assert_true(cloud_rig_field_is(&rig, "groups", "g7"));
}

/* A database of before there were rosters: its nodes are told as soon as the cloud is up. */
static void test_nodes_of_an_older_database_make_the_first_version(void **state)
{
    (void)state;
    const struct db_options options = {
        .path = "cloud.db",
        .vfs = rig.options.vfs,
        .application_id = CLOUD_APPLICATION_ID,
        .create = true,
    };
    struct db *db = NULL;
    cloud_close(rig.cloud);
    rig.cloud = NULL;
    struct sim_disk *const empty = sim_disk_open("roster-older", 5);
    sim_disk_copy(rig.disk, empty);
    sim_disk_close(empty);
    assert_int_equal(db_open(&options, cloud_migrations, 4, NULL, &db), ST_OK);
    assert_int_equal(db_execute(db, "INSERT INTO store VALUES (1, randomblob(16), NULL, 0, 0);"
                                    "INSERT INTO node VALUES (1, 'edge-1', randomblob(32), 0, 0, 0,"
                                    " NULL, 0, 0, 0, '')"),
                     ST_OK);
    db_close(db);
    cloud_rig_reopen(&rig);
    assert_int_equal(published(), 1);
    assert_int_equal(roster.node_count, 1);
}

static void add_nodes(int count, const char *groups_sql)
{
    char sql[700];
    snprintf(sql, sizeof sql,
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             " INSERT INTO node SELECT 100 + i, printf('node-with-a-long-name-%%09d', i),"
             " randomblob(32), 0, 0, 0, NULL, 0, 0, 0, '' FROM n",
             count);
    assert_int_equal(cloud_rig_sql(&rig, sql), ST_OK);
    if (groups_sql != NULL) assert_int_equal(cloud_rig_sql(&rig, groups_sql), ST_OK);
}

static void test_a_roster_that_would_be_too_large_leaves_the_keys_out(void **state)
{
    (void)state;
    add_nodes(500, NULL);
    publish_all();
    assert_int_equal(roster.node_count, 501);
    assert_true(roster.nodes[0].has_key);
    assert_int_equal(cloud_rig_sql(&rig, "DELETE FROM node WHERE id > 100"), ST_OK);
    add_nodes(1023, NULL);
    publish_all();
    assert_int_equal(roster.node_count, 1024);
    for (size_t i = 0; i < roster.node_count; i++)
        assert_false(roster.nodes[i].has_key);
    assert_int_equal(rig.alarms, 0);
}

/* Edges refuse a roster with a group that nobody in it names. */
static void test_groups_of_nodes_beyond_the_end_are_left_out_too(void **state)
{
    (void)state;
    add_nodes(1100, "INSERT INTO node_group VALUES (1200, 'last')");
    publish_all();
    assert_int_equal(roster.node_count, ROSTER_NODES_MAX);
    assert_int_equal(roster.group_count, 0);
    assert_true(rig.alarms > 0);
}

/* The greatest one there can be: it names whom it can, and says that it ends. */
static void test_the_largest_roster_still_goes_out(void **state)
{
    (void)state;
    add_nodes(1100, "WITH RECURSIVE g(j) AS (SELECT 0 UNION ALL SELECT j + 1 FROM g WHERE j < 15)"
                    " INSERT INTO node_group SELECT id, printf('group-%058d', (id + j * 16) % 256)"
                    " FROM node, g WHERE id > 100");
    publish_all();
    assert_true(roster.node_count > 500);
    assert_true(rig.alarms > 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_every_change_of_the_nodes_makes_a_greater_version),
        CASE(test_what_changes_nothing_publishes_nothing),
        CASE(test_the_roster_says_who_is_who_and_in_which_groups),
        CASE(test_a_node_can_be_enrolled_with_its_groups),
        CASE(test_the_version_survives_a_restart),
        CASE(test_it_is_published_again_on_a_lost_session_and_not_on_a_kept_one),
        CASE(test_groups_are_names_and_not_too_many),
        CASE(test_there_are_not_more_groups_than_the_roster_can_name),
        CASE(test_nodes_of_an_older_database_make_the_first_version),
        CASE(test_a_roster_that_would_be_too_large_leaves_the_keys_out),
        CASE(test_groups_of_nodes_beyond_the_end_are_left_out_too),
        CASE(test_the_largest_roster_still_goes_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
