/* test_track_laws.c - do tracks obey their laws on all states that replicas can reach, and would
 * the laws notice rules that are wrong? */
#include "tests/support/track_laws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool is_long(void)
{
    return getenv("HOLDFAST_LONG") != NULL;
}

static void expect_lawful(const struct law_report *report, const char *name)
{
    law_report_print(report, name);
    assert_true(report->executions > 0 && report->pairs > 0 && report->triples > 0);
    assert_true(report->horizons > 0 && report->siblings > 0);
    if (law_report_broken(report) > 0) fail_msg("%s: %s", name, report->first);
}

static void test_every_history_of_two_nodes_is_lawful(void **state)
{
    (void)state;
    struct law_report report;
    track_laws_exhaust(&track_rules_real, 2, is_long() ? 5 : 4, &report);
    expect_lawful(&report, "two nodes");
}

static void test_every_history_of_three_nodes_is_lawful(void **state)
{
    (void)state;
    struct law_report report;
    track_laws_exhaust(&track_rules_real, 3, is_long() ? 4 : 3, &report);
    expect_lawful(&report, "three nodes");
}

static const struct track_laws_random few_nodes = {
    .seed = 1,
    .executions = 6000,
    .nodes_min = 2,
    .nodes_max = 4,
    .steps_min = 8,
    .steps_max = 18,
    .sensors = 3,
    .samples = 20,
    .skew = 4,
    .horizons = 40,
};

static void test_random_long_histories_are_lawful(void **state)
{
    (void)state;
    struct law_report report;
    struct track_laws_random plan = few_nodes;
    if (is_long()) plan.executions *= 100;
    track_laws_random(&track_rules_real, &plan, &report);
    expect_lawful(&report, "random");
}

/* More writers and sensors than a track keeps: the floor, and the newest sensors. */
static const struct track_laws_random crowd = {
    .seed = 2,
    .executions = 12,
    .nodes_min = TRACK_WRITERS_MAX + 6,
    .nodes_max = TRACK_WRITERS_MAX + 12,
    .steps_min = 60,
    .steps_max = 100,
    .sensors = TRACK_SENSORS_MAX + 40,
    .samples = 100,
    .skew = 1000,
    .horizons = 4,
    .begins_in_line = true,
};

static void test_a_crowd_of_writers_and_sensors_is_lawful(void **state)
{
    (void)state;
    struct law_report report;
    struct track_laws_random plan = crowd;
    if (is_long()) plan.executions *= 50;
    track_laws_random(&track_rules_real, &plan, &report);
    expect_lawful(&report, "crowd");
    assert_true(report.floors > 100 && report.full_sensors > 100);
}

/* -------------------------------------------------- rules that are wrong */

/* Do all events that `a` knows of stand in `b` too, by their version vectors? */
static bool is_known_to(const struct track *a, const struct track *b)
{
    for (unsigned i = 0; i < a->slot_count; i++) {
        bool known = false;
        for (unsigned k = 0; k < b->slot_count; k++)
            known |= track_writer_compare(&a->slots[i].writer, &b->slots[k].writer) == 0 &&
                     a->slots[i].hlc <= b->slots[k].hlc;
        if (!known) return false;
    }
    return true;
}

static void keep_position_of(struct track *track, const struct track_slot *winner)
{
    const struct track_writer writer = winner->writer;
    for (unsigned i = 0; i < track->slot_count; i++)
        if (track_writer_compare(&track->slots[i].writer, &writer) != 0)
            memset(&track->slots[i].position, 0, sizeof track->slots[i].position);
}

static void keep_class_of(struct track *track, const struct track_slot *winner)
{
    const struct track_writer writer = winner->writer;
    for (unsigned i = 0; i < track->slot_count; i++)
        if (track_writer_compare(&track->slots[i].writer, &writer) != 0)
            memset(&track->slots[i].classification, 0, sizeof track->slots[i].classification);
}

static void set_slot(struct track *track, const struct track_slot *from, bool position)
{
    for (unsigned i = 0; i < track->slot_count; i++) {
        struct track_slot *const slot = &track->slots[i];
        if (track_writer_compare(&slot->writer, &from->writer) != 0) continue;
        if (position)
            slot->position = from->position;
        else
            slot->classification = from->classification;
    }
}

/* "The newer version replaces; concurrent versions merge field by field by confidence." */
static unsigned join_by_version(struct track *into, const struct track *from, uint64_t horizon)
{
    static struct track mine, both;
    if (is_known_to(from, into)) return 0;
    track_copy(&mine, into);
    if (is_known_to(into, from)) {
        track_copy(into, from);
        (void)track_apply_horizon(into, horizon);
        return TRACK_JOIN_CHANGED;
    }
    /* The version vector is the maximum; the values are chosen below. */
    track_copy(&both, into);
    (void)track_join(&both, from, horizon);
    const struct track_view ours = track_view_of(&mine), theirs = track_view_of(from);
    track_copy(into, &both);
    const struct track_slot *position = ours.position, *class = ours.classification;
    if (theirs.position != NULL &&
        (position == NULL || theirs.position->position.confidence > position->position.confidence))
        position = theirs.position;
    if (theirs.classification != NULL &&
        (class == NULL ||
         theirs.classification->classification.confidence > class->classification.confidence))
        class = theirs.classification;
    if (position != NULL) {
        set_slot(into, position, true);
        keep_position_of(into, position);
    }
    if (class != NULL) {
        set_slot(into, class, false);
        keep_class_of(into, class);
    }
    return TRACK_JOIN_CHANGED;
}

/* Each node expires for itself: the horizon is no part of what it knows. */
static unsigned join_forgetfully(struct track *into, const struct track *from, uint64_t horizon)
{
    (void)horizon;
    return track_join(into, from, 0);
}

/* Only what was written last travels, with the whole context. */
static void send_newest_field(const struct track *state, struct track *message)
{
    const uint64_t newest = track_newest_stamp(state);
    for (unsigned i = 0; i < message->slot_count; i++) {
        struct track_slot *const slot = &message->slots[i];
        if (slot->position.hlc != newest) memset(&slot->position, 0, sizeof slot->position);
        if (slot->classification.hlc != newest)
            memset(&slot->classification, 0, sizeof slot->classification);
    }
}

/* Two siblings of one writer's field are decided by confidence instead of by what is known. */
static unsigned join_by_confidence(struct track *into, const struct track *from, uint64_t horizon)
{
    static struct track before;
    track_copy(&before, into);
    const unsigned flags = track_join(into, from, horizon);
    for (unsigned i = 0; i < into->slot_count; i++)
        for (unsigned k = 0; k < before.slot_count; k++)
            if (track_writer_compare(&into->slots[i].writer, &before.slots[k].writer) == 0 &&
                before.slots[k].position.confidence > into->slots[i].position.confidence)
                into->slots[i].position = before.slots[k].position;
    return flags;
}

static void run_all(const struct track_rules *rules, struct law_report *exhausted,
                    struct law_report *random)
{
    struct track_laws_random plan = few_nodes;
    plan.executions = 200;
    track_laws_exhaust(rules, 2, 3, exhausted);
    track_laws_random(rules, &plan, random);
}

static void test_merging_by_version_and_confidence_is_found_out(void **state)
{
    (void)state;
    const struct track_rules rules = {.join = join_by_version};
    struct law_report exhausted, random;
    run_all(&rules, &exhausted, &random);
    law_report_print(&exhausted, "by version, exhausted");
    law_report_print(&random, "by version, random");
    /* Not only against the oracle: as an algebra too it is none. */
    assert_true(exhausted.broken[LAW_COMMUTATIVE] > 0);
    assert_true(random.broken[LAW_COMMUTATIVE] > 0);
    assert_true(random.broken[LAW_ASSOCIATIVE] > 0);
    assert_true(random.broken[LAW_GOSSIP] > 0);
    assert_true(exhausted.broken[LAW_ORACLE] > 0);
}

static void test_forgetting_by_each_node_alone_is_found_out(void **state)
{
    (void)state;
    const struct track_rules rules = {.join = join_forgetfully};
    struct law_report exhausted, random;
    run_all(&rules, &exhausted, &random);
    law_report_print(&exhausted, "forgetful, exhausted");
    law_report_print(&random, "forgetful, random");
    assert_true(exhausted.broken[LAW_ORACLE] > 0);
    assert_true(exhausted.broken[LAW_HORIZON] > 0);
    assert_true(random.broken[LAW_ORACLE] > 0);
}

static void test_sending_a_part_of_a_track_is_found_out(void **state)
{
    (void)state;
    const struct track_rules rules = {.join = track_join, .send = send_newest_field};
    struct law_report exhausted, random;
    run_all(&rules, &exhausted, &random);
    law_report_print(&exhausted, "partial, exhausted");
    law_report_print(&random, "partial, random");
    assert_true(exhausted.broken[LAW_ORACLE] > 0);
    assert_true(random.broken[LAW_ORACLE] > 0);
}

static void test_confidence_above_knowledge_is_found_out(void **state)
{
    (void)state;
    const struct track_rules rules = {.join = join_by_confidence};
    struct law_report exhausted, random;
    run_all(&rules, &exhausted, &random);
    law_report_print(&exhausted, "by confidence, exhausted");
    assert_true(exhausted.broken[LAW_ORACLE] > 0);
    assert_true(random.broken[LAW_ORACLE] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_history_of_two_nodes_is_lawful),
        cmocka_unit_test(test_every_history_of_three_nodes_is_lawful),
        cmocka_unit_test(test_random_long_histories_are_lawful),
        cmocka_unit_test(test_a_crowd_of_writers_and_sensors_is_lawful),
        cmocka_unit_test(test_merging_by_version_and_confidence_is_found_out),
        cmocka_unit_test(test_forgetting_by_each_node_alone_is_found_out),
        cmocka_unit_test(test_sending_a_part_of_a_track_is_found_out),
        cmocka_unit_test(test_confidence_above_knowledge_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
