/* observation.c - observations of publishers, read strictly and written canonically. */
#include "common/wire/observation.h"

#include <inttypes.h>
#include <string.h>

#include "common/wire/utc_text.h"

enum member {
    POSITION,
    POSITION_CONFIDENCE,
    VELOCITY,
    CLASSIFICATION,
    CLASSIFICATION_CONFIDENCE,
    SENSOR,
    TIME,
    TRACK, /* the last one: without a name to read it is no member */
    MEMBER_COUNT
};

static const char *const member_names[MEMBER_COUNT] = {
    "position",
    "position_confidence",
    "velocity",
    "classification",
    "classification_confidence",
    "sensor",
    "time",
    "track",
};

enum { E7 = 10000000, MM = 1000, AXES = 3 };

/* Numbers from -limit to limit, in units of 1/scale. */
struct axis {
    const char *name;
    int32_t limit;
    int32_t scale;
    bool is_optional; /* 0 when missing */
};

static const struct axis position_axes[AXES] = {
    {"lat", TRACK_LATITUDE_E7_MAX, E7, false},
    {"lon", TRACK_LONGITUDE_E7_MAX, E7, false},
    {"alt", TRACK_ALTITUDE_MM_MAX, MM, true},
};

static const struct axis velocity_axes[AXES] = {
    {"north", TRACK_VELOCITY_MM_S_MAX, MM, false},
    {"east", TRACK_VELOCITY_MM_S_MAX, MM, false},
    {"up", TRACK_VELOCITY_MM_S_MAX, MM, true},
};

static bool is_there(struct document_value value)
{
    return value.object != NULL;
}

/* ---------------------------------------------------------------- numbers */

/* Half a unit goes away from zero. The bounds keep all numbers far below 2^52. */
static int64_t rounded(double number)
{
    return (int64_t)(number < 0 ? number - 0.5 : number + 0.5);
}

static enum status refuse_number(const char *path, const char *name, double number, double low,
                                 double high, struct buf *reason)
{
    char text[48];
    struct buf digits = buf_of(text, sizeof text);
    document_put_real(number, &digits);
    /* Whole numbers read better without the ".0" that keeps them reals. */
    if (digits.size > 2 && memcmp(text + digits.size - 2, ".0", 2) == 0) digits.size -= 2;
    return document_refuse(reason, "%s%s is %.*s: %.0f to %.0f is allowed", path, name,
                           (int)digits.size, text, low, high);
}

/* path: with its dot, or "". */
static enum status number_read(struct document_value value, const char *path, const char *name,
                               double low, double high, double *out, struct buf *reason)
{
    if (document_number(value, out) != ST_OK)
        return document_refuse(reason, "%s%s is %s: a number is wanted", path, name,
                               document_kind_words(document_kind_of(value)));
    if (*out >= low && *out <= high) return ST_OK;
    return refuse_number(path, name, *out, low, high, reason);
}

static enum status axes_read(struct document_value value, const char *parent, const char *path,
                             const struct axis axes[AXES], int32_t *const out[AXES],
                             struct buf *reason)
{
    const char *const names[AXES] = {axes[0].name, axes[1].name, axes[2].name};
    struct document_value values[AXES];
    TRY(document_members(value, parent, names, AXES, values, reason));
    for (unsigned i = 0; i < AXES; i++) {
        double number = 0;
        const double limit = (double)axes[i].limit / axes[i].scale;
        if (!is_there(values[i]) && !axes[i].is_optional)
            return document_refuse(reason, "%s%s is missing", path, names[i]);
        if (is_there(values[i]))
            TRY(number_read(values[i], path, names[i], -limit, limit, &number, reason));
        *out[i] = (int32_t)rounded(number * axes[i].scale);
    }
    return ST_OK;
}

/* values[of] says what the confidence is about. */
static enum status confidence_read(const struct document_value *values, enum member member,
                                   enum member of, uint16_t *out, struct buf *reason)
{
    double confidence = (double)OBSERVATION_CONFIDENCE_DEFAULT / TRACK_CONFIDENCE_MAX;
    *out = 0;
    if (is_there(values[member]) && !is_there(values[of]))
        return document_refuse(reason, "%s is there without a %s", member_names[member],
                               member_names[of]);
    if (!is_there(values[of])) return ST_OK;
    if (is_there(values[member]))
        TRY(number_read(values[member], "", member_names[member], 0, 1, &confidence, reason));
    *out = (uint16_t)rounded(confidence * TRACK_CONFIDENCE_MAX);
    return ST_OK;
}

/* ---------------------------------------------------------------- members */

static enum status position_read(const struct document_value *values, struct track_observation *out,
                                 struct buf *reason)
{
    struct track_position *const position = &out->position;
    TRY(confidence_read(values, POSITION_CONFIDENCE, POSITION, &out->position_confidence, reason));
    if (is_there(values[VELOCITY]) && !is_there(values[POSITION]))
        return document_refuse(reason, "velocity is there without a position");
    if (!is_there(values[POSITION])) return ST_OK;
    int32_t *const place[AXES] = {&position->latitude_e7, &position->longitude_e7,
                                  &position->altitude_mm};
    TRY(axes_read(values[POSITION], "position", "position.", position_axes, place, reason));
    out->has_position = true;
    if (!is_there(values[VELOCITY])) return ST_OK;
    int32_t *const speed[AXES] = {&position->north_mm_s, &position->east_mm_s, &position->up_mm_s};
    TRY(axes_read(values[VELOCITY], "velocity", "velocity.", velocity_axes, speed, reason));
    position->has_velocity = true;
    return ST_OK;
}

static enum status label_read(struct document_value value, const char *name, bool *has,
                              struct track_label *out, struct buf *reason)
{
    struct bytes text;
    if (!is_there(value)) return ST_OK;
    if (document_text(value, &text) != ST_OK)
        return document_refuse(reason, "%s is %s: a text is wanted", name,
                               document_kind_words(document_kind_of(value)));
    if (text.size == 0 || text.size > TRACK_LABEL_SIZE_MAX)
        return document_refuse(reason, "%s is %zu bytes long: 1 to %d are allowed", name, text.size,
                               TRACK_LABEL_SIZE_MAX);
    if (track_label_from(text, out) != ST_OK)
        return document_refuse(reason, "%s holds control characters", name);
    *has = true;
    return ST_OK;
}

static enum status time_read(struct document_value value, struct observation *out,
                             struct buf *reason)
{
    struct bytes text;
    double number;
    if (!is_there(value)) return ST_OK;
    if (document_text(value, &text) == ST_OK) {
        if (utc_text_read(text, &out->time_ms) != ST_OK)
            return document_refuse(reason, "time is no RFC 3339 time in UTC like "
                                           "2026-11-22T16:20:48.123Z");
    } else if (document_number(value, &number) == ST_OK) {
        if (!(number >= 0 && number <= (double)UTC_TEXT_MS_MAX))
            return refuse_number("", "time", number, 0, (double)UTC_TEXT_MS_MAX, reason);
        out->time_ms = rounded(number);
    } else {
        return document_refuse(reason,
                               "time is %s: RFC 3339 text or milliseconds since 1970 are wanted",
                               document_kind_words(document_kind_of(value)));
    }
    out->has_time = true;
    return ST_OK;
}

static enum status name_read(struct document_value value, struct level_name *out,
                             struct buf *reason)
{
    struct bytes text;
    if (!is_there(value)) return document_refuse(reason, "track is missing");
    if (document_text(value, &text) != ST_OK)
        return document_refuse(reason, "track is %s: a text is wanted",
                               document_kind_words(document_kind_of(value)));
    if (level_name_from(text, out) != ST_OK)
        return document_refuse(reason,
                               "track is no name: 1 to %d of A-Z a-z 0-9 . _ - are "
                               "allowed, a letter or digit first",
                               LEVEL_NAME_SIZE_MAX);
    return ST_OK;
}

static enum status members_read(struct document_value root, struct level_name *track,
                                struct observation *out, struct buf *reason)
{
    struct document_value values[MEMBER_COUNT] = {0};
    const size_t member_count = track != NULL ? MEMBER_COUNT : TRACK;
    struct track_observation *const said = &out->said;
    TRY(document_members(root, NULL, member_names, member_count, values, reason));
    if (track != NULL) TRY(name_read(values[TRACK], track, reason));
    TRY(position_read(values, said, reason));
    TRY(confidence_read(values, CLASSIFICATION_CONFIDENCE, CLASSIFICATION,
                        &said->classification_confidence, reason));
    TRY(label_read(values[CLASSIFICATION], "classification", &said->has_classification,
                   &said->classification, reason));
    TRY(label_read(values[SENSOR], "sensor", &said->has_sensor, &said->sensor, reason));
    TRY(time_read(values[TIME], out, reason));
    if (said->has_position || said->has_classification || said->has_sensor) return ST_OK;
    return document_refuse(reason, "it says nothing: position, classification or sensor is wanted");
}

static enum status read(struct bytes payload, struct level_name *track, struct observation *out,
                        struct buf *reason)
{
    struct document *document;
    *out = (struct observation){0};
    TRY(document_open(payload, &document, reason));
    const enum status status = members_read(document_root(document), track, out, reason);
    document_close(document);
    return status;
}

enum status observation_read(struct bytes payload, struct observation *out, struct buf *reason)
{
    return read(payload, NULL, out, reason);
}

enum status observation_read_named(struct bytes payload, struct level_name *track,
                                   struct observation *out, struct buf *reason)
{
    return read(payload, track, out, reason);
}

/* ---------------------------------------------------------------- writing */

void decimal_put(int64_t value, unsigned digits, struct buf *out)
{
    char text[24];
    uint64_t unit = 1, left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    INVARIANT(digits < 19);
    for (unsigned i = 0; i < digits; i++)
        unit *= 10;
    struct buf number = buf_of(text, sizeof text);
    buf_put_format(&number, "%s%" PRIu64, value < 0 ? "-" : "", left / unit);
    if (left % unit != 0) buf_put_u8(&number, '.');
    for (left %= unit; left != 0; left %= unit) {
        unit /= 10;
        buf_put_u8(&number, (uint8_t)('0' + left / unit));
    }
    INVARIANT(buf_ok(&number));
    buf_put(out, buf_bytes(&number));
}

static void put_member(const char *name, struct buf *out)
{
    if (out->size > 0 && out->data[out->size - 1] != '{') buf_put_u8(out, ',');
    buf_put_u8(out, '"');
    buf_put_text(out, name);
    buf_put_text(out, "\":");
}

static void put_number(const char *name, int64_t value, unsigned digits, struct buf *out)
{
    put_member(name, out);
    decimal_put(value, digits, out);
}

static void put_text(const char *name, struct bytes text, struct buf *out)
{
    put_member(name, out);
    buf_put_json_text(out, text);
}

static void put_position(const struct track_position *position, struct buf *out)
{
    put_member("position", out);
    buf_put_u8(out, '{');
    put_number("lat", position->latitude_e7, 7, out);
    put_number("lon", position->longitude_e7, 7, out);
    put_number("alt", position->altitude_mm, 3, out);
    buf_put_u8(out, '}');
}

static void put_velocity(const struct track_position *position, struct buf *out)
{
    put_member("velocity", out);
    buf_put_u8(out, '{');
    put_number("north", position->north_mm_s, 3, out);
    put_number("east", position->east_mm_s, 3, out);
    put_number("up", position->up_mm_s, 3, out);
    buf_put_u8(out, '}');
}

static void put_time(int64_t time_ms, struct buf *out)
{
    char text[40];
    struct buf time = buf_of(text, sizeof text);
    utc_text_put(time_ms, &time);
    put_text("time", buf_bytes(&time), out);
}

void observation_write_json(const struct level_name *track,
                            const struct track_observation *observation, int64_t time_ms,
                            struct buf *out)
{
    buf_put_u8(out, '{');
    if (track != NULL) put_text("track", bytes_of_text(track->text), out);
    if (time_ms >= 0) put_time(time_ms, out);
    if (observation->has_position) {
        put_position(&observation->position, out);
        put_number("position_confidence", observation->position_confidence, 4, out);
        if (observation->position.has_velocity) put_velocity(&observation->position, out);
    }
    if (observation->has_classification) {
        put_text("classification", track_label_text(&observation->classification), out);
        put_number("classification_confidence", observation->classification_confidence, 4, out);
    }
    if (observation->has_sensor) put_text("sensor", track_label_text(&observation->sensor), out);
    buf_put_u8(out, '}');
}
