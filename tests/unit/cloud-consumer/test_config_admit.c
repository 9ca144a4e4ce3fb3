/* test_config_admit.c - which of a node's config writes are admitted, and that each is judged once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/cloud_rig_config.h"

static struct cloud_rig rig;
static struct rig_log log_1;

static int setup(void **state)
{
    (void)state;
    cloud_rig_open(&rig);
    rig_log_open(&log_1, "edge-1", 1, 1);
    rig_hello(&rig, &log_1, 1, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_log_close(&log_1);
    cloud_rig_close(&rig);
    return 0;
}

static double value_of(const char *scope, const char *key)
{
    const enum status status = cloud_rig_verb(&rig, "config-get", "key", key, "scope", scope, NULL);
    if (status == ST_NOT_FOUND) return -1;
    assert_int_equal(status, ST_OK);
    for (size_t i = 0; i < rig.reply->field_count; i++) {
        const struct record_field *const field = &rig.reply->fields[i];
        char text[32] = "";
        char *end = NULL;
        if (!bytes_equal(field->name, BYTES_LITERAL("value"))) continue;
        memcpy(text, field->text.data, field->text.size < 31 ? field->text.size : 31);
        const double value = strtod(text, &end);
        assert_true(end > text && *end == '\0');
        return value;
    }
    fail_msg("the record has no value");
    return 0;
}

static void send_one(uint64_t operation, const char *scope, const char *key, int64_t ms,
                     double value)
{
    rig_send_write(&rig, &log_1, 1, rig_write("edge-1", operation, scope, key, ms, value));
}

/* How the acknowledgement of the last batch judges an operation; 0: admitted. */
static int refusal_of(uint64_t operation)
{
    const struct ack *const ack = rig_ack(&rig);
    assert_true(ack->has_config);
    assert_true(ack->config_judged >= operation);
    for (size_t i = 0; i < ack->refusal_count; i++) {
        if (ack->refusals[i].from <= operation && operation <= ack->refusals[i].to)
            return (int)ack->refusals[i].reason;
    }
    return 0;
}

static void rule(const char *key, const char *writer, const char *type)
{
    assert_int_equal(
        cloud_rig_verb(&rig, "config-rule", "key", key, "writer", writer, "type", type, NULL),
        ST_OK);
}

static void set_as_cloud(const char *scope, const char *key, const char *value)
{
    assert_int_equal(
        cloud_rig_verb(&rig, "config-set", "key", key, "scope", scope, "value", value, NULL),
        ST_OK);
}

/* ---------------------------------------------------------------- the join */

/* The example of the reference: 0.8 at 100 at the edge, 0.7 at 150 at the cloud. */
static void test_the_later_write_wins_when_the_earlier_one_comes_late(void **state)
{
    (void)state;
    const int64_t start = rig_ms(&rig);
    cloud_rig_pass_ms(&rig, 150);
    set_as_cloud("node/edge-1", "threshold", "0.7");
    send_one(1, "node/edge-1", "threshold", start + 100, 0.8);
    assert_int_equal(refusal_of(1), 0);
    assert_true(value_of("node/edge-1", "threshold") == 0.7);
}

static void test_the_later_write_wins_when_the_earlier_one_came_first(void **state)
{
    (void)state;
    send_one(1, "node/edge-1", "threshold", rig_ms(&rig) + 100, 0.8);
    cloud_rig_pass_ms(&rig, 150);
    set_as_cloud("node/edge-1", "threshold", "0.7");
    assert_true(value_of("node/edge-1", "threshold") == 0.7);
}

/* A node's clock may run ahead within the bound; what the operator says after it must still win. */
static void test_an_operators_write_sorts_after_an_admitted_stamp_that_is_ahead(void **state)
{
    (void)state;
    send_one(1, "node/edge-1", "threshold", rig_ms(&rig) + 200000, 0.8);
    assert_int_equal(refusal_of(1), 0);
    set_as_cloud("node/edge-1", "threshold", "0.7");
    assert_true(value_of("node/edge-1", "threshold") == 0.7);
}

static void test_an_admitted_write_is_published_retained_at_once(void **state)
{
    (void)state;
    struct config_entry entry;
    send_one(1, "node/edge-1", "threshold", rig_ms(&rig), 0.8);
    assert_true(rig_published(&rig, "node/edge-1", "threshold", &entry));
    assert_true(entry.reg.value.real == 0.8);
    assert_string_equal(entry.reg.node.text, "edge-1");
}

static void test_a_write_that_loses_is_kept_in_the_history_and_not_published(void **state)
{
    (void)state;
    const int64_t start = rig_ms(&rig);
    cloud_rig_pass_ms(&rig, 150);
    set_as_cloud("node/edge-1", "threshold", "0.7");
    send_one(1, "node/edge-1", "threshold", start, 0.8);
    assert_int_equal(rig_published_count(&rig), 0);
    assert_int_equal(cloud_rig_verb(&rig, "config-history", "key", "threshold", "limit", "1", NULL),
                     ST_OK);
    assert_true(cloud_rig_field_is(&rig, "outcome", "lost"));
    assert_true(cloud_rig_field_is(&rig, "from", "edge-1"));
    assert_true(cloud_rig_field_is(&rig, "value", "0.8"));
}

/* What was written is evidence of who changed what. */
static void test_the_history_cannot_be_changed(void **state)
{
    (void)state;
    send_one(1, "node/edge-1", "threshold", rig_ms(&rig), 0.8);
    assert_int_equal(cloud_rig_sql(&rig, "DELETE FROM config_history"), ST_DENIED);
    assert_int_equal(cloud_rig_sql(&rig, "UPDATE config_history SET outcome = 0"), ST_DENIED);
}

static void test_a_deletion_is_a_write(void **state)
{
    (void)state;
    struct config_write gone =
        rig_write("edge-1", 2, "node/edge-1", "threshold", rig_ms(&rig) + 1, 0);
    gone.entry.reg.deleted = true;
    gone.entry.reg.value = (struct config_value){.type = CONFIG_NONE};
    send_one(1, "node/edge-1", "threshold", rig_ms(&rig), 0.8);
    rig_send_write(&rig, &log_1, 1, gone);
    assert_int_equal(refusal_of(2), 0);
    assert_true(value_of("node/edge-1", "threshold") == -1);
}

/* ------------------------------------------------------- who may write what */

static void test_without_a_rule_a_node_writes_its_own_scope_only(void **state)
{
    (void)state;
    send_one(1, "node/edge-1", "threshold", rig_ms(&rig), 1);
    assert_int_equal(refusal_of(1), 0);
    send_one(2, "fleet", "threshold", rig_ms(&rig), 2);
    assert_int_equal(refusal_of(2), WRITE_DENIED);
    send_one(3, "node/edge-2", "threshold", rig_ms(&rig), 3);
    assert_int_equal(refusal_of(3), WRITE_DENIED);
    assert_true(value_of("fleet", "threshold") == -1);
    assert_true(value_of("node/edge-2", "threshold") == -1);
}

static void test_each_kind_of_writer_opens_its_scopes_and_no_other(void **state)
{
    (void)state;
    static const struct {
        const char *writer, *scope;
        int refusal;
    } cases[] = {
        {"cloud", "node/edge-1", WRITE_DENIED},
        {"cloud", "fleet", WRITE_DENIED},
        {"cloud", "group/north", WRITE_DENIED},
        {"node", "node/edge-1", 0},
        {"node", "fleet", WRITE_DENIED},
        {"node", "group/north", WRITE_DENIED},
        {"any", "node/edge-1", 0},
        {"any", "fleet", 0},
        {"any", "group/north", 0},
        {"any", "group/south", WRITE_DENIED},
        {"any", "node/edge-2", WRITE_DENIED},
    };
    assert_int_equal(cloud_rig_verb(&rig, "node-set", "node", "edge-1", "group", "north", NULL),
                     ST_OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rule("threshold", cases[i].writer, "any");
        send_one(i + 1, cases[i].scope, "threshold", rig_ms(&rig) + (int64_t)i, 1);
        if (refusal_of(i + 1) != cases[i].refusal)
            fail_msg("%s %s: %d", cases[i].writer, cases[i].scope, refusal_of(i + 1));
    }
}

static void test_a_register_in_another_nodes_name_is_refused(void **state)
{
    (void)state;
    struct nack nack;
    rig_send_write(&rig, &log_1, 1,
                   rig_write("edge-2", 1, "node/edge-1", "threshold", rig_ms(&rig), 1));
    assert_int_equal(refusal_of(1), WRITE_DENIED);
    assert_true(rig_nack(&rig, &nack));
    assert_int_equal(nack.lane, NACK_CONFIG);
    assert_int_equal(nack.reason, NACK_DENIED);
    assert_int_equal(nack.from, 1);
    assert_int_equal(nack.to, 1);
    assert_true(nack.words.size > 0);
    assert_int_equal(cloud_rig_status(&rig, "refused_write"), 1);
}

static void test_the_schema_wants_its_type(void **state)
{
    (void)state;
    struct config_write gone =
        rig_write("edge-1", 3, "node/edge-1", "threshold", rig_ms(&rig) + 2, 0);
    gone.entry.reg.deleted = true;
    gone.entry.reg.value = (struct config_value){.type = CONFIG_NONE};
    rule("threshold", "node", "int");
    send_one(1, "node/edge-1", "threshold", rig_ms(&rig), 0.5);
    assert_int_equal(refusal_of(1), WRITE_TYPE);
    struct config_write whole = rig_write("edge-1", 2, "node/edge-1", "threshold", rig_ms(&rig), 0);
    whole.entry.reg.value = (struct config_value){.type = CONFIG_INT, .integer = 4};
    rig_send_write(&rig, &log_1, 1, whole);
    assert_int_equal(refusal_of(2), 0);
    rig_send_write(&rig, &log_1, 1, gone); /* of any type there is nothing left */
    assert_int_equal(refusal_of(3), 0);
}

static void test_a_key_without_a_rule_is_refused_where_the_settings_say_so(void **state)
{
    (void)state;
    rig.options.settings.config_unknown_keys = false;
    cloud_rig_reopen(&rig);
    rule("known", "node", "any");
    send_one(1, "node/edge-1", "threshold", rig_ms(&rig), 1);
    assert_int_equal(refusal_of(1), WRITE_UNKNOWN_KEY);
    send_one(2, "node/edge-1", "known", rig_ms(&rig), 1);
    assert_int_equal(refusal_of(2), 0);
    assert_int_equal(cloud_rig_verb(&rig, "config-set", "key", "threshold", "value", "1", NULL),
                     ST_DENIED);
}

static void test_only_an_administrator_raises_the_epoch(void **state)
{
    (void)state;
    struct config_write write = rig_write("edge-1", 1, "node/edge-1", "threshold", rig_ms(&rig), 1);
    write.entry.reg.epoch = 1;
    rig_send_write(&rig, &log_1, 1, write);
    assert_int_equal(refusal_of(1), WRITE_EPOCH);
    set_as_cloud("node/edge-1", "threshold", "0.7");
    assert_int_equal(cloud_rig_verb(&rig, "config-raise-epoch", "key", "threshold", "scope",
                                    "node/edge-1", NULL),
                     ST_OK);
    write.operation = 2;
    write.entry.reg.hlc = (uint64_t)(rig_ms(&rig) + 50) << 16;
    rig_send_write(&rig, &log_1, 1, write); /* now it is the current epoch */
    assert_int_equal(refusal_of(2), 0);
    assert_true(value_of("node/edge-1", "threshold") == 1);
}

static void test_a_full_scope_takes_no_new_key_and_every_old_one(void **state)
{
    (void)state;
    send_one(1, "node/edge-1", "threshold", rig_ms(&rig), 1);
    assert_int_equal(cloud_rig_sql(&rig, "UPDATE config_scope SET count = 8192"), ST_OK);
    send_one(2, "node/edge-1", "another", rig_ms(&rig), 1);
    assert_int_equal(refusal_of(2), WRITE_FULL);
    send_one(3, "node/edge-1", "threshold", rig_ms(&rig) + 1, 2);
    assert_int_equal(refusal_of(3), 0);
    assert_int_equal(cloud_rig_verb(&rig, "config-set", "key", "third", "value", "1", "scope",
                                    "node/edge-1", NULL),
                     ST_FULL);
}

/* ---------------------------------------------------------------- the clock */

/* The node was in contact, so its stamps may be ahead by little more than two seconds. */
static void settle(void)
{
    rig_hello(&rig, &log_1, 2, NULL);
}

/* Four writes, of which the third is an hour ahead. */
static void send_poisoned(void)
{
    const int64_t now = rig_ms(&rig), hour = 3600000;
    const struct config_write writes[] = {
        rig_write("edge-1", 1, "node/edge-1", "a", now, 1),
        rig_write("edge-1", 2, "node/edge-1", "b", now + 1, 2),
        rig_write("edge-1", 3, "node/edge-1", "c", now + hour, 3),
        rig_write("edge-1", 4, "node/edge-1", "d", now + 2, 4),
    };
    rig_send_writes(&rig, &log_1, 1, writes, COUNT_OF(writes));
}

static void test_from_a_future_stamp_on_the_rest_of_the_frame_is_refused(void **state)
{
    (void)state;
    struct nack nack;
    settle();
    const int64_t now = rig_ms(&rig);
    send_poisoned();
    const struct ack *const ack = rig_ack(&rig);
    assert_int_equal(ack->config_judged, 4);
    assert_int_equal(ack->refusal_count, 1);
    assert_int_equal(ack->refusals[0].from, 3);
    assert_int_equal(ack->refusals[0].to, 4);
    assert_int_equal(ack->refusals[0].reason, WRITE_FUTURE);
    assert_true(rig_nack(&rig, &nack));
    assert_int_equal(nack.reason, NACK_FUTURE);
    assert_int_equal(nack.lane, NACK_CONFIG);
    assert_int_equal(nack.from, 3);
    assert_int_equal(nack.to, 4);
    assert_int_equal(nack.cloud_ms, now);
    assert_int_equal(nack.admitted, (uint64_t)(now + 1) << 16);
    assert_true(nonce_equal(&nack.nonce, &rig.nonce));
    assert_true(value_of("node/edge-1", "b") == 2);
    assert_true(value_of("node/edge-1", "c") == -1);
    assert_true(value_of("node/edge-1", "d") == -1);
    assert_int_equal(cloud_rig_status(&rig, "refused_future"), 1);
}

/* Or an old value would come back an hour later and beat what was written since. */
static void test_a_duplicate_of_it_is_not_admitted_when_its_time_has_come(void **state)
{
    (void)state;
    settle();
    const int64_t now = rig_ms(&rig), hour = 3600000;
    const struct config_write late[] = {rig_write("edge-1", 3, "node/edge-1", "c", now + hour, 3)};
    send_poisoned();
    cloud_rig_pass_ms(&rig, 2 * (uint64_t)hour);
    rig_send_writes(&rig, &log_1, 1, late, COUNT_OF(late));
    assert_int_equal(refusal_of(3), WRITE_FUTURE);
    assert_true(value_of("node/edge-1", "c") == -1);
}

static void test_writes_stamped_anew_under_new_numbers_are_admitted(void **state)
{
    (void)state;
    settle();
    send_poisoned();
    const int64_t now = rig_ms(&rig);
    const struct config_write again[] = {
        rig_write("edge-1", 5, "node/edge-1", "c", now + 3, 3),
        rig_write("edge-1", 6, "node/edge-1", "d", now + 4, 4),
    };
    rig_send_writes(&rig, &log_1, 1, again, COUNT_OF(again));
    assert_int_equal(refusal_of(3), WRITE_FUTURE);
    assert_int_equal(refusal_of(5), 0);
    assert_int_equal(refusal_of(6), 0);
    assert_true(value_of("node/edge-1", "c") == 3);
    assert_true(value_of("node/edge-1", "d") == 4);
}

/* A clock that was never heard of may have run for years. */
static void test_a_node_of_the_first_connection_may_be_ahead_by_the_widest_bound(void **state)
{
    (void)state;
    send_one(1, "node/edge-1", "a", rig_ms(&rig) + 300000, 1);
    assert_int_equal(refusal_of(1), 0);
    send_one(2, "node/edge-1", "a", rig_ms(&rig) + 300001, 1);
    assert_int_equal(refusal_of(2), WRITE_FUTURE);
}

/* One that was set a while ago may not. */
static void test_the_bound_of_a_stamp_grows_with_the_time_since_the_last_connection(void **state)
{
    (void)state;
    settle();
    send_one(2, "node/edge-1", "a", rig_ms(&rig) + 3000, 1);
    assert_int_equal(refusal_of(2), WRITE_FUTURE);
    cloud_rig_pass_ms(&rig, 10000000); /* 200 ppm: two seconds more */
    rig_hello(&rig, &log_1, 3, NULL);
    send_one(3, "node/edge-1", "a", rig_ms(&rig) + 3000, 1);
    assert_int_equal(refusal_of(3), 0);
    send_one(4, "node/edge-1", "a", rig_ms(&rig) + 6000, 1);
    assert_int_equal(refusal_of(4), WRITE_FUTURE);
}

/* edge-2 was away for long and runs ahead; edge-1 takes notice of its value and writes after it. */
static void test_a_stamp_that_follows_one_the_cloud_has_taken_is_lawful(void **state)
{
    (void)state;
    static struct rig_log log_2;
    rig_log_open(&log_2, "edge-2", 2, 2);
    assert_int_equal(cloud_rig_enrol(&rig, &log_2), ST_OK);
    rule("a", "any", "any");
    settle();
    const int64_t ahead = rig_ms(&rig) + 200000;
    send_one(1, "fleet", "a", ahead + 1, 1);
    assert_int_equal(refusal_of(1), WRITE_FUTURE);
    rig_send_write(&rig, &log_2, 1, rig_write("edge-2", 1, "fleet", "a", ahead, 2));
    assert_int_equal(refusal_of(1), 0);
    send_one(2, "fleet", "a", ahead + 1, 1);
    assert_int_equal(refusal_of(2), 0);
    assert_true(value_of("fleet", "a") == 1);
    rig_log_close(&log_2);
}

/* Or many small steps would lead as far as one large one may not. */
static void test_nodes_together_do_not_lead_the_clock_away(void **state)
{
    (void)state;
    uint64_t operation = 0;
    int64_t ahead_ms = 290000;
    int refused = 0;
    send_one(++operation, "node/edge-1", "a", rig_ms(&rig) + ahead_ms, 1);
    settle();
    for (int i = 0; i < 30; i++) {
        ahead_ms += 1000;
        send_one(++operation, "node/edge-1", "a", rig_ms(&rig) + ahead_ms, 1);
        refused += refusal_of(operation) == WRITE_FUTURE;
    }
    assert_int_equal(refused, 20);
}

static void test_the_greatest_admitted_stamp_is_told_in_the_hellos_reply(void **state)
{
    (void)state;
    static struct hello_reply reply;
    settle();
    send_poisoned();
    rig_hello(&rig, &log_1, 4, &reply);
    assert_int_equal(reply.admitted, (uint64_t)(rig_ms(&rig) + 1) << 16);
}

/* ------------------------------------------------------------- operations */

static void test_a_frame_that_comes_twice_is_judged_once(void **state)
{
    (void)state;
    send_one(1, "node/edge-1", "a", rig_ms(&rig), 1);
    send_one(1, "node/edge-1", "a", rig_ms(&rig), 1);
    assert_int_equal(rig_ack(&rig)->config_judged, 1);
    assert_int_equal(cloud_rig_sql_number(&rig, "SELECT COUNT(*) FROM config_history"), 1);
}

/* A node that lost its state counts from 1 again. */
static void test_a_new_incarnation_is_judged_from_its_beginning(void **state)
{
    (void)state;
    send_one(5, "node/edge-1", "a", rig_ms(&rig), 1);
    rig_send_write(&rig, &log_1, 9, rig_write("edge-1", 1, "node/edge-1", "b", rig_ms(&rig), 2));
    assert_int_equal(rig_ack(&rig)->config_incarnation, 9);
    assert_int_equal(rig_ack(&rig)->config_judged, 1);
    assert_true(value_of("node/edge-1", "b") == 2);
}

/* A message of before may have been under way for long: what it was refused then stays so. */
static void test_a_late_frame_of_an_earlier_incarnation_is_not_judged_again(void **state)
{
    (void)state;
    settle();
    const int64_t now = rig_ms(&rig), hour = 3600000;
    send_poisoned();
    rig_send_write(&rig, &log_1, 9, rig_write("edge-1", 1, "node/edge-1", "e", now, 2));
    cloud_rig_pass_ms(&rig, 2 * (uint64_t)hour);
    send_one(3, "node/edge-1", "c", now + hour, 3);
    assert_true(value_of("node/edge-1", "c") == -1);
    rig_send_write(&rig, &log_1, 9, rig_write("edge-1", 1, "node/edge-1", "e", now, 2));
    assert_int_equal(rig_ack(&rig)->config_incarnation, 9);
    assert_int_equal(rig_ack(&rig)->refusal_count, 0);
}

static void test_refusals_that_touch_are_one_range_and_the_newest_are_kept(void **state)
{
    (void)state;
    uint64_t operation = 0;
    for (int i = 0; i < 2 * ACK_REFUSALS_MAX; i++)
        send_one(++operation, "fleet", "a", rig_ms(&rig), 1);
    assert_int_equal(rig_ack(&rig)->refusal_count, 1);
    assert_int_equal(rig_ack(&rig)->refusals[0].from, 1);
    assert_int_equal(rig_ack(&rig)->refusals[0].to, operation);
    for (int i = 0; i < 40; i++) {
        send_one(++operation, "node/edge-1", "a", rig_ms(&rig) + i, 1);
        send_one(++operation, "fleet", "a", rig_ms(&rig), 1);
    }
    const struct ack *const ack = rig_ack(&rig);
    assert_int_equal(ack->refusal_count, ACK_REFUSALS_MAX);
    assert_int_equal(ack->refusals[ACK_REFUSALS_MAX - 1].to, operation);
    assert_int_equal(ack->refusals[0].from, operation - 2 * (ACK_REFUSALS_MAX - 1));
}

static void test_what_was_judged_survives_a_restart(void **state)
{
    (void)state;
    send_one(1, "fleet", "a", rig_ms(&rig), 1);
    cloud_rig_power_cut(&rig);
    send_one(1, "fleet", "a", rig_ms(&rig), 1);
    assert_int_equal(refusal_of(1), WRITE_DENIED);
    assert_int_equal(rig_ack(&rig)->refusal_count, 1);
}

static void test_a_body_that_cannot_be_read_is_counted_and_told(void **state)
{
    (void)state;
    struct nack nack;
    cloud_rig_send(&rig, &log_1, TOPIC_CONFIG_UP, FRAME_CONFIG, BYTES_LITERAL("\x01"));
    assert_true(rig_nack(&rig, &nack));
    assert_int_equal(nack.reason, NACK_MALFORMED);
    assert_int_equal(cloud_rig_status(&rig, "refused_body"), 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_the_later_write_wins_when_the_earlier_one_comes_late),
        CASE(test_the_later_write_wins_when_the_earlier_one_came_first),
        CASE(test_an_operators_write_sorts_after_an_admitted_stamp_that_is_ahead),
        CASE(test_an_admitted_write_is_published_retained_at_once),
        CASE(test_a_write_that_loses_is_kept_in_the_history_and_not_published),
        CASE(test_the_history_cannot_be_changed),
        CASE(test_a_deletion_is_a_write),
        CASE(test_without_a_rule_a_node_writes_its_own_scope_only),
        CASE(test_each_kind_of_writer_opens_its_scopes_and_no_other),
        CASE(test_a_register_in_another_nodes_name_is_refused),
        CASE(test_the_schema_wants_its_type),
        CASE(test_a_key_without_a_rule_is_refused_where_the_settings_say_so),
        CASE(test_only_an_administrator_raises_the_epoch),
        CASE(test_a_full_scope_takes_no_new_key_and_every_old_one),
        CASE(test_from_a_future_stamp_on_the_rest_of_the_frame_is_refused),
        CASE(test_a_duplicate_of_it_is_not_admitted_when_its_time_has_come),
        CASE(test_writes_stamped_anew_under_new_numbers_are_admitted),
        CASE(test_a_node_of_the_first_connection_may_be_ahead_by_the_widest_bound),
        CASE(test_the_bound_of_a_stamp_grows_with_the_time_since_the_last_connection),
        CASE(test_a_stamp_that_follows_one_the_cloud_has_taken_is_lawful),
        CASE(test_nodes_together_do_not_lead_the_clock_away),
        CASE(test_the_greatest_admitted_stamp_is_told_in_the_hellos_reply),
        CASE(test_a_frame_that_comes_twice_is_judged_once),
        CASE(test_a_new_incarnation_is_judged_from_its_beginning),
        CASE(test_a_late_frame_of_an_earlier_incarnation_is_not_judged_again),
        CASE(test_refusals_that_touch_are_one_range_and_the_newest_are_kept),
        CASE(test_what_was_judged_survives_a_restart),
        CASE(test_a_body_that_cannot_be_read_is_counted_and_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
