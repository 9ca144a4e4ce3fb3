/* intake_check.c - read, write, read again: documents, observations, config values, times. */
#include "tests/support/intake_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/data/text.h"
#include "common/wire/config_text.h"
#include "common/wire/observation.h"
#include "common/wire/utc_text.h"

/* A payload of 63 KiB says at most this much as JSON: a float of 5 bytes becomes 24 characters. */
enum { JSON_SIZE_MAX = 6 * INLINE_PAYLOAD_SIZE_MAX };

static uint8_t json_memory[2][JSON_SIZE_MAX];
static uint8_t content_memory[2][CONFIG_VALUE_SIZE_MAX];

static bool is_refusal(enum status status)
{
    return status == ST_MALFORMED || status == ST_TOO_LARGE || status == ST_USAGE;
}

/* Every refusal says why, in words that a log and a JSON text can hold. */
static void check_reason(enum status status, const struct buf *reason)
{
    INVARIANT(status == ST_OK || is_refusal(status));
    INVARIANT(buf_ok(reason));
    INVARIANT((reason->size > 0) == (status != ST_OK));
    INVARIANT(text_is_utf8(buf_bytes(reason)));
    for (size_t i = 0; i < reason->size; i++)
        INVARIANT(reason->data[i] >= 0x20 && reason->data[i] != 0x7F);
}

static uint8_t *copy_of(struct bytes in)
{
    uint8_t *const copy = malloc(in.size == 0 ? 1 : in.size);
    INVARIANT(copy != NULL);
    if (in.size > 0) memcpy(copy, in.data, in.size);
    return copy;
}

/* -------------------------------------------------------------- documents */

static void check_scalar(struct document_value value, enum document_kind kind)
{
    bool truth;
    int64_t integer;
    double real;
    struct bytes text;
    INVARIANT((document_bool(value, &truth) == ST_OK) == (kind == DOCUMENT_BOOL));
    INVARIANT((document_int(value, &integer) == ST_OK) == (kind == DOCUMENT_INT));
    const bool is_number = kind == DOCUMENT_INT || kind == DOCUMENT_REAL;
    INVARIANT((document_number(value, &real) == ST_OK) == is_number);
    INVARIANT(!is_number || isfinite(real));
    INVARIANT((document_bytes(value, &text) == ST_OK) == (kind == DOCUMENT_BYTES));
    INVARIANT((document_text(value, &text) == ST_OK) == (kind == DOCUMENT_TEXT));
    INVARIANT(kind != DOCUMENT_TEXT || text_is_utf8(text));
}

/* Counts the values, and sees to it that none is where it cannot be. */
static size_t check_value(struct document_value value, unsigned depth)
{
    const enum document_kind kind = document_kind_of(value);
    const bool is_inside = kind == DOCUMENT_ARRAY || kind == DOCUMENT_OBJECT;
    size_t count = 1, member_count = 0;
    check_scalar(value, kind);
    INVARIANT(!is_inside || depth < DOCUMENT_DEPTH_MAX);
    for (size_t i = 0; kind == DOCUMENT_ARRAY && i < document_count(value); i++)
        count += check_value(document_item(value, i), depth + 1);
    if (kind != DOCUMENT_OBJECT) return count;
    struct document_cursor cursor = {0};
    struct document_value member;
    struct bytes name;
    while (document_next(value, &cursor, &name, &member)) {
        INVARIANT(text_is_utf8(name));
        count += check_value(member, depth + 1);
        member_count++;
    }
    INVARIANT(member_count == document_count(value));
    return count;
}

bool intake_document(struct bytes in)
{
    char reason_text[DOCUMENT_REASON_SIZE_MAX];
    struct buf reason = buf_of(reason_text, sizeof reason_text);
    struct buf first = buf_of(json_memory[0], JSON_SIZE_MAX);
    struct buf second = buf_of(json_memory[1], JSON_SIZE_MAX);
    struct document *document, *again;
    uint8_t *const copy = copy_of(in);
    const enum status status = document_open(bytes_of(copy, in.size), &document, &reason);
    check_reason(status, &reason);
    if (status == ST_OK) {
        INVARIANT(check_value(document_root(document), 0) <= DOCUMENT_ITEMS_MAX);
        const bool is_json = document_write_json(document_root(document), &first) == ST_OK;
        INVARIANT(buf_ok(&first) && (is_json || !document_is_json(document)));
        INVARIANT(!is_json || text_is_json(buf_bytes(&first)));
        if (is_json && first.size <= INLINE_PAYLOAD_SIZE_MAX) {
            INVARIANT(document_open(buf_bytes(&first), &again, &reason) == ST_OK);
            INVARIANT(document_write_json(document_root(again), &second) == ST_OK);
            INVARIANT(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
            document_close(again);
        }
        document_close(document);
    }
    free(copy);
    return status == ST_OK;
}

/* ----------------------------------------------------------- observations */

static bool same_label(const struct track_label *a, const struct track_label *b)
{
    return track_label_compare(a, b) == 0;
}

static bool same_position(const struct track_position *a, const struct track_position *b)
{
    return a->latitude_e7 == b->latitude_e7 && a->longitude_e7 == b->longitude_e7 &&
           a->altitude_mm == b->altitude_mm && a->has_velocity == b->has_velocity &&
           a->north_mm_s == b->north_mm_s && a->east_mm_s == b->east_mm_s &&
           a->up_mm_s == b->up_mm_s;
}

static bool same_observation(const struct observation *one, const struct observation *two)
{
    const struct track_observation *const a = &one->said, *const b = &two->said;
    return one->has_time == two->has_time && one->time_ms == two->time_ms &&
           a->has_position == b->has_position && a->has_sensor == b->has_sensor &&
           a->has_classification == b->has_classification &&
           a->position_confidence == b->position_confidence &&
           a->classification_confidence == b->classification_confidence &&
           same_position(&a->position, &b->position) && same_label(&a->sensor, &b->sensor) &&
           same_label(&a->classification, &b->classification);
}

static void check_observation(const struct level_name *track, const struct observation *read)
{
    static struct track state;
    const struct track_writer writer = {.node = {"edge-1"}, .incarnation = 1};
    struct observation again;
    struct level_name name;
    struct buf json = buf_of(json_memory[0], OBSERVATION_JSON_SIZE_MAX);
    /* A track takes everything that was let through. */
    track_init(&state);
    INVARIANT(track_observe(&state, &writer, 1, 0, &read->said) == ST_OK && track_valid(&state));
    INVARIANT(read->has_time ? read->time_ms >= 0 && read->time_ms <= UTC_TEXT_MS_MAX
                             : read->time_ms == 0);
    observation_write_json(track, &read->said, read->has_time ? read->time_ms : -1, &json);
    INVARIANT(buf_ok(&json));
    if (track == NULL) {
        INVARIANT(observation_read(buf_bytes(&json), &again, NULL) == ST_OK);
    } else {
        INVARIANT(observation_read_named(buf_bytes(&json), &name, &again, NULL) == ST_OK);
        INVARIANT(strcmp(name.text, track->text) == 0);
    }
    INVARIANT(same_observation(read, &again));
}

bool intake_observation(struct bytes in)
{
    char reason_text[2][DOCUMENT_REASON_SIZE_MAX];
    struct buf reason = buf_of(reason_text[0], DOCUMENT_REASON_SIZE_MAX);
    struct buf named_reason = buf_of(reason_text[1], DOCUMENT_REASON_SIZE_MAX);
    struct observation observation;
    struct level_name name;
    uint8_t *const copy = copy_of(in);
    const struct bytes payload = bytes_of(copy, in.size);
    const enum status status = observation_read(payload, &observation, &reason);
    check_reason(status, &reason);
    if (status == ST_OK) check_observation(NULL, &observation);
    const enum status named = observation_read_named(payload, &name, &observation, &named_reason);
    check_reason(named, &named_reason);
    if (named == ST_OK) check_observation(&name, &observation);
    /* "track" is a member of the one form, and none of the other. */
    INVARIANT(status != ST_OK || named != ST_OK);
    free(copy);
    return status == ST_OK || named == ST_OK;
}

/* ----------------------------------------------------------------- config */

static bool same_value(const struct config_value *a, const struct config_value *b)
{
    const struct config_register left = {.value = *a}, right = {.value = *b};
    return config_compare(&left, &right) == 0;
}

/* A string that is written with many escapes, or a number within json with many digits, may grow
 * beyond what one payload holds. */
static bool is_within(const struct buf *json)
{
    return buf_ok(json) && json->size <= INLINE_PAYLOAD_SIZE_MAX;
}

static void check_set(const struct config_set *set)
{
    struct buf content = buf_of(content_memory[1], CONFIG_VALUE_SIZE_MAX);
    struct buf json = buf_of(json_memory[0], JSON_SIZE_MAX);
    struct config_value value = set->value;
    struct config_set again;
    INVARIANT(set->deleted == (set->value.type == CONFIG_NONE));
    INVARIANT(config_value_check(&value) == ST_OK && config_scope_ok(&set->scope));
    config_set_write_json(set, &json);
    INVARIANT(buf_ok(&json) && text_is_json(buf_bytes(&json)));
    if (!is_within(&json)) return;
    INVARIANT(config_set_read(buf_bytes(&json), &content, &again, NULL) == ST_OK);
    INVARIANT(again.deleted == set->deleted && again.has_scope == set->has_scope);
    const struct config_key a = {.scope = set->scope}, b = {.scope = again.scope};
    INVARIANT(config_key_equal(&a, &b) && same_value(&again.value, &set->value));
}

bool intake_config_set(struct bytes in)
{
    char reason_text[DOCUMENT_REASON_SIZE_MAX];
    struct buf reason = buf_of(reason_text, sizeof reason_text);
    struct buf content = buf_of(content_memory[0], CONFIG_VALUE_SIZE_MAX);
    struct config_set set;
    uint8_t *const copy = copy_of(in);
    const enum status status = config_set_read(bytes_of(copy, in.size), &content, &set, &reason);
    free(copy); /* nothing of it is needed any more */
    check_reason(status, &reason);
    if (status == ST_OK) check_set(&set);
    return status == ST_OK;
}

bool intake_config_value(struct bytes in)
{
    static const char *const types[] = {NULL,    "bool", "int",  "float", "string",
                                        "bytes", "json", "none", "list"};
    char reason_text[DOCUMENT_REASON_SIZE_MAX];
    struct buf reason = buf_of(reason_text, sizeof reason_text);
    struct buf content = buf_of(content_memory[0], CONFIG_VALUE_SIZE_MAX);
    struct buf content_again = buf_of(content_memory[1], CONFIG_VALUE_SIZE_MAX);
    struct buf text = buf_of(json_memory[0], JSON_SIZE_MAX);
    struct config_value value, again;
    if (in.size == 0) return false;
    const char *const type = types[in.data[0] % COUNT_OF(types)];
    uint8_t *const copy = copy_of(bytes_from(in, 1));
    const enum status status =
        config_value_from_text(type, bytes_of(copy, in.size - 1), &content, &value, &reason);
    free(copy);
    check_reason(status, &reason);
    if (status != ST_OK) return false;
    INVARIANT(config_value_check(&value) == ST_OK);
    config_value_write_text(&value, &text);
    INVARIANT(buf_ok(&text));
    INVARIANT(config_value_from_text(config_type_name(value.type), buf_bytes(&text), &content_again,
                                     &again, NULL) == ST_OK);
    INVARIANT(same_value(&value, &again));
    return true;
}

/* ------------------------------------------------------------------ times */

bool intake_utc_text(struct bytes in)
{
    char memory[40];
    struct buf text = buf_of(memory, sizeof memory);
    int64_t wall_ms, again_ms;
    uint8_t *const copy = copy_of(in);
    const enum status status = utc_text_read(bytes_of(copy, in.size), &wall_ms);
    free(copy);
    if (status != ST_OK) return false;
    utc_text_put(wall_ms, &text);
    INVARIANT(buf_ok(&text));
    INVARIANT(utc_text_read(buf_bytes(&text), &again_ms) == ST_OK && again_ms == wall_ms);
    return true;
}

/* ----------------------------------------------------------------- damage */

void intake_damage(intake_function holds, struct bytes good)
{
    uint8_t *const bytes = malloc(good.size + 1);
    INVARIANT(bytes != NULL);
    memcpy(bytes, good.data, good.size);
    for (size_t size = 0; size < good.size; size++)
        (void)holds(bytes_of(bytes, size));
    for (size_t bit = 0; bit < 8 * good.size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        (void)holds(bytes_of(bytes, good.size));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    bytes[good.size] = 0;
    INVARIANT(!holds(bytes_of(bytes, good.size + 1)));
    INVARIANT(holds(good));
    free(bytes);
}
