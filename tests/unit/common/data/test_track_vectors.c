/* test_track_vectors.c - do joins and views agree with cases that were worked out by another
 * program (tests/vectors/track_join.txt)? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/track.h"
#include "common/data/track_view.h"

enum { LINE_SIZE_MAX = 1024, CASES_MIN = 70 };

struct state {
    struct track track;
    uint64_t horizon;
};

static struct state a, b, c, join, join3, got;
static char section[LINE_SIZE_MAX];
static unsigned view_count, join_count;

/* ---------------------------------------------------------------- reading */

/* The next word of the line, NUL terminated; "" at its end. */
static const char *word(char **line)
{
    while (**line == ' ')
        ++*line;
    const char *const start = *line;
    while (**line != ' ' && **line != '\0')
        ++*line;
    if (**line == ' ') *(*line)++ = '\0';
    return start;
}

static uint64_t number(char **line)
{
    const char *const text = word(line);
    char *end;
    const uint64_t value = strtoull(text, &end, 10);
    if (end == text || *end != '\0') fail_msg("%s: \"%s\" is no number", section, text);
    return value;
}

static struct track_writer writer_of(const char *name)
{
    struct track_writer writer = {0};
    assert_int_equal(node_name_from(bytes_of_text(name), &writer.node), ST_OK);
    return writer;
}

static struct track_label label_of(const char *text)
{
    struct track_label label;
    assert_int_equal(track_label_from(bytes_of_text(text), &label), ST_OK);
    return label;
}

/* A position for each abstract value, another one for another value. */
static struct track_position position_of(const char *value)
{
    uint32_t hash = 2166136261u;
    for (const char *at = value; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    return (struct track_position){
        .latitude_e7 = (int32_t)(hash % TRACK_LATITUDE_E7_MAX),
        .altitude_mm = (int32_t)(hash >> 16),
    };
}

static void read_state(char *line, struct state *out)
{
    struct track *const track = &out->track;
    struct track_slot *slot = NULL;
    track_init(track);
    out->horizon = 0;
    for (const char *key = word(&line); *key != '\0'; key = word(&line)) {
        if (strcmp(key, "horizon") == 0) {
            out->horizon = number(&line);
        } else if (strcmp(key, "writer") == 0) {
            slot = &track->slots[track->slot_count++];
            *slot = (struct track_slot){.writer = writer_of(word(&line))};
            slot->hlc = number(&line);
        } else if (strcmp(key, "sensor") == 0) {
            struct track_sensor *const sensor = &track->sensors[track->sensor_count++];
            sensor->name = label_of(word(&line));
            sensor->hlc = number(&line);
        } else if (strcmp(key, "position") == 0) {
            assert_non_null(slot);
            slot->position.hlc = number(&line);
            slot->position.confidence = (uint16_t)number(&line);
            slot->position.value = position_of(word(&line));
        } else if (strcmp(key, "classification") == 0) {
            assert_non_null(slot);
            slot->classification.hlc = number(&line);
            slot->classification.confidence = (uint16_t)number(&line);
            slot->classification.value = label_of(word(&line));
        } else {
            fail_msg("%s: what is \"%s\"?", section, key);
        }
    }
    assert_true(track_valid(track));
}

/* --------------------------------------------------------------- checking */

static void join_to(struct state *into, const struct state *from)
{
    if (from->horizon > into->horizon) into->horizon = from->horizon;
    (void)track_join(&into->track, &from->track, into->horizon);
}

static void expect_state(const struct state *expected)
{
    join_count++;
    if (got.horizon != expected->horizon || !track_equal(&got.track, &expected->track))
        fail_msg("%s: another join than expected", section);
}

static void expect_joins(void)
{
    track_copy(&got.track, &a.track);
    got.horizon = a.horizon;
    join_to(&got, &b);
    expect_state(&join);
    track_copy(&got.track, &b.track);
    got.horizon = b.horizon;
    join_to(&got, &a);
    expect_state(&join);
}

static void expect_atom(char **line, const struct track_slot *slot, bool is_position,
                        unsigned count)
{
    const char *const value = word(line);
    const uint64_t confidence = number(line);
    const struct track_writer writer = writer_of(word(line));
    assert_non_null(slot);
    assert_int_equal(track_writer_compare(&slot->writer, &writer), 0);
    if (is_position) {
        const struct track_position position = position_of(value);
        assert_int_equal(slot->position.value.latitude_e7, position.latitude_e7);
        assert_int_equal(slot->position.value.altitude_mm, position.altitude_mm);
        assert_int_equal(slot->position.confidence, confidence);
        assert_int_equal(slot->position.hlc, number(line));
    } else {
        const struct track_label label = label_of(value);
        assert_int_equal(track_label_compare(&slot->classification.value, &label), 0);
        assert_int_equal(slot->classification.confidence, confidence);
        assert_int_equal(slot->classification.hlc, number(line));
    }
    assert_int_equal(count, number(line));
}

static void expect_view(char *line)
{
    const struct track_view view = track_view_of(&join.track);
    bool has_position = false, has_classification = false;
    unsigned sensors = 0;
    for (const char *key = word(&line); *key != '\0'; key = word(&line)) {
        if (strcmp(key, "position") == 0) {
            has_position = true;
            expect_atom(&line, view.position, true, view.position_count);
        } else if (strcmp(key, "classification") == 0) {
            has_classification = true;
            expect_atom(&line, view.classification, false, view.classification_count);
        } else if (strcmp(key, "sensor") == 0) {
            const struct track_label name = label_of(word(&line));
            assert_in_range(sensors, 0, join.track.sensor_count - 1);
            assert_int_equal(track_label_compare(&join.track.sensors[sensors++].name, &name), 0);
        } else if (strcmp(key, "last_seen") == 0) {
            assert_int_equal(view.last_seen, number(&line));
        } else {
            assert_true(strcmp(key, view.present ? "present" : "absent") == 0);
        }
    }
    assert_int_equal(has_position, view.position != NULL);
    assert_int_equal(has_classification, view.classification != NULL);
    assert_int_equal(sensors, join.track.sensor_count);
    view_count++;
}

static void take_line(char *line)
{
    if (strncmp(line, "a: ", 3) == 0) read_state(line + 3, &a);
    if (strncmp(line, "b: ", 3) == 0) read_state(line + 3, &b);
    if (strncmp(line, "c: ", 3) == 0) read_state(line + 3, &c);
    if (strncmp(line, "join: ", 6) == 0) {
        read_state(line + 6, &join);
        expect_joins();
    }
    if (strncmp(line, "join3: ", 7) == 0) {
        read_state(line + 7, &join3);
        join_to(&got, &c);
        expect_state(&join3);
    }
    if (strncmp(line, "view: ", 6) == 0) expect_view(line + 6);
}

static void test_joins_and_views_agree_with_the_worked_cases(void **state)
{
    (void)state;
    char path[512], line[LINE_SIZE_MAX];
    const char *const folder = getenv("HOLDFAST_VECTORS");
    snprintf(path, sizeof path, "%s/track_join.txt", folder != NULL ? folder : "tests/vectors");
    FILE *const file = fopen(path, "rb");
    if (file == NULL) fail_msg("cannot open %s", path);
    while (fgets(line, sizeof line, file) != NULL) {
        char *const end = strchr(line, '\n');
        assert_non_null(end);
        *end = '\0';
        if (line[0] == '[') memcpy(section, line, sizeof section);
        take_line(line);
    }
    fclose(file);
    assert_true(view_count >= CASES_MIN && join_count >= 2 * CASES_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_joins_and_views_agree_with_the_worked_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
