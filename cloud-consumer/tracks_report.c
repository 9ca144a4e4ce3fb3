/* tracks_report.c - the operator's view of tracks: the list, one track in full, what is archived,
 * and the sum that is equal on equal replicas. */
#include <stdio.h>
#include <string.h>

#include "cloud-consumer/report.h"
#include "cloud-consumer/tracks_state.h"
#include "common/data/track_view.h"
#include "common/wire/observation.h"

enum {
    TRACK_FIELDS = 13,
    TRACK_RECORD_SIZE = 2048,
    HISTORY_SLICE_ROWS = 2000, /* passed over in one slice when they do not match */
};

/* ---------------------------------------------------------------- records */

static void put_decimal(struct buf *out, const char *name, int64_t value, unsigned digits)
{
    char text[32];
    struct buf words = buf_of(text, sizeof text);
    decimal_put(value, digits, &words);
    record_text(out, name, buf_bytes(&words));
}

static void put_writer(struct buf *out, const char *name, const struct track_writer *writer)
{
    const char *const text = writer->node.text;
    record_text(out, name, bytes_of(text, strnlen(text, NODE_NAME_SIZE)));
}

static void put_place(struct buf *out, const struct track_position *position)
{
    if (position == NULL) {
        record_nil(out, "latitude_deg");
        record_nil(out, "longitude_deg");
        record_nil(out, "altitude_m");
        return;
    }
    put_decimal(out, "latitude_deg", position->latitude_e7, 7);
    put_decimal(out, "longitude_deg", position->longitude_e7, 7);
    put_decimal(out, "altitude_m", position->altitude_mm, 3);
}

static void put_position(struct buf *out, const struct track_slot *slot)
{
    put_place(out, slot == NULL ? NULL : &slot->position.value);
    if (slot == NULL) {
        record_nil(out, "position_confidence");
        record_nil(out, "position_by");
        return;
    }
    put_decimal(out, "position_confidence", slot->position.confidence, 4);
    put_writer(out, "position_by", &slot->writer);
}

static void put_class(struct buf *out, const struct track_class_atom *atom)
{
    if (atom == NULL || atom->hlc == 0) {
        record_nil(out, "classification");
        record_nil(out, "classification_confidence");
        return;
    }
    record_text(out, "classification", track_label_text(&atom->value));
    put_decimal(out, "classification_confidence", atom->confidence, 4);
}

static void put_stamp(struct buf *out, const char *name, uint64_t stamp)
{
    if (stamp == 0)
        record_nil(out, name);
    else
        record_time(out, name, hlc_ms(stamp));
}

static bool is_active(const struct cloud *cloud, const struct track_view *view)
{
    const int64_t since_ms =
        cloud_wall_ms(cloud) - (int64_t)cloud->settings.track_view_ttl_s * 1000;
    return view->present && hlc_ms(view->last_seen) >= since_ms;
}

/* What a track looks like: TRACK_FIELDS fields, of which the caller has written the first. */
static void put_view(struct cloud *cloud, struct buf *out, const struct track *track)
{
    const struct track_view view = track_view_of(track);
    const unsigned winners = (view.position != NULL) + (view.classification != NULL);
    put_position(out, view.position);
    put_class(out, view.classification == NULL ? NULL : &view.classification->classification);
    record_uint(out, "sensors", track->sensor_count);
    record_uint(out, "observers", track->slot_count);
    put_stamp(out, "last_seen", view.last_seen);
    record_bool(out, "active", is_active(cloud, &view));
    record_uint(out, "conflicts", view.position_count + view.classification_count - winners);
}

static void put_track(struct cloud *cloud, struct effects *effects, uint32_t client,
                      const struct level_name *name, const struct track *track)
{
    struct buf out = cloud_reply_space(effects, TRACK_RECORD_SIZE);
    record_reply_begin(&out, TRACK_FIELDS);
    record_words(&out, "track", name->text);
    put_view(cloud, &out, track);
    cloud_reply(effects, client, &out);
}

static void put_slot(struct effects *effects, uint32_t client, const struct track_slot *slot)
{
    const bool has_position = slot->position.hlc != 0;
    struct buf out = cloud_reply_space(effects, TRACK_RECORD_SIZE);
    record_reply_begin(&out, 11);
    put_writer(&out, "node", &slot->writer);
    record_uint(&out, "incarnation", slot->writer.incarnation);
    put_stamp(&out, "last_seen", slot->hlc);
    put_place(&out, has_position ? &slot->position.value : NULL);
    if (has_position)
        put_decimal(&out, "position_confidence", slot->position.confidence, 4);
    else
        record_nil(&out, "position_confidence");
    put_stamp(&out, "position_time", slot->position.hlc);
    put_class(&out, &slot->classification);
    put_stamp(&out, "classification_time", slot->classification.hlc);
    cloud_reply(effects, client, &out);
}

static void put_sensor(struct effects *effects, uint32_t client, const struct track_sensor *sensor)
{
    struct buf out = cloud_reply_space(effects, TRACK_RECORD_SIZE);
    record_reply_begin(&out, 2);
    record_text(&out, "sensor", track_label_text(&sensor->name));
    put_stamp(&out, "last_seen", sensor->hlc);
    cloud_reply(effects, client, &out);
}

/* -------------------------------------------------------------- arguments */

static bool time_argument(struct cloud *cloud, uint32_t client, struct effects *effects,
                          const char *name, int64_t *out_ms)
{
    struct bytes text;
    if (!verb_argument_find(cloud->request, name, &text)) return true;
    if (cloud_time_parse(text, out_ms)) return true;
    cloud_reply_end(effects, client, ST_USAGE,
                    "%s is milliseconds since 1970 or a time like 2026-11-22T16:20:48Z", name);
    return false;
}

static bool limit_argument(struct cloud *cloud, uint32_t client, struct effects *effects,
                           uint64_t *out)
{
    if (cloud_number_argument(cloud->request, "limit", out)) return true;
    cloud_reply_end(effects, client, ST_USAGE, "limit is a number of records");
    return false;
}

/* *there false: no such argument. False: the client has its answer. */
static bool name_argument(struct cloud *cloud, uint32_t client, struct effects *effects,
                          const char *argument, struct level_name *out, bool *there)
{
    struct bytes text;
    *there = verb_argument_find(cloud->request, argument, &text);
    if (!*there || level_name_from(text, out) == ST_OK) return true;
    cloud_reply_end(effects, client, ST_USAGE,
                    "\"%.*s\" is not a track's name: 1 to 64 letters, digits, '.', '_' and '-'",
                    (int)(text.size < 80 ? text.size : 80), (const char *)text.data);
    return false;
}

/* Degrees with up to seven digits behind the point, at the front of *text; false: it is none. */
static bool take_degrees(struct bytes *text, int64_t bound_deg, int32_t *out)
{
    const bool negative = text->size > 0 && text->data[0] == '-';
    size_t at = negative ? 1 : 0, digits = 0, fraction = 0;
    int64_t value = 0;
    for (; at < text->size && digits < 18; at++) {
        const uint8_t c = text->data[at];
        if (c == '.' && fraction == 0) {
            fraction = 1;
            continue;
        }
        if (c < '0' || c > '9' || fraction > 7) break;
        value = value * 10 + (c - '0');
        digits++;
        if (fraction > 0) fraction++;
    }
    for (size_t i = fraction > 0 ? fraction - 1 : 0; i < 7 && value <= INT32_MAX; i++)
        value *= 10;
    *text = bytes_from(*text, at);
    if (digits == 0 || value > bound_deg * 10000000) return false;
    *out = (int32_t)(negative ? -value : value);
    return true;
}

static bool take_comma(struct bytes *text)
{
    if (text->size == 0 || text->data[0] != ',') return false;
    *text = bytes_from(*text, 1);
    return true;
}

static bool parse_box(struct bytes text, struct track_job *job)
{
    int32_t a, b;
    job->has_box = take_degrees(&text, 90, &a) && take_comma(&text) &&
                   take_degrees(&text, 180, &job->west) && take_comma(&text) &&
                   take_degrees(&text, 90, &b) && take_comma(&text) &&
                   take_degrees(&text, 180, &job->east) && text.size == 0;
    if (!job->has_box) return false;
    job->south = a < b ? a : b;
    job->north = a < b ? b : a;
    return true;
}

static bool in_box(const struct track_job *job, const struct track_archive_row *row)
{
    if (!job->has_box) return true;
    if (!row->has_position) return false;
    if (row->latitude_e7 < job->south || row->latitude_e7 > job->north) return false;
    /* West of the western edge is east of the eastern one when the box lies across 180 degrees. */
    if (job->west <= job->east)
        return row->longitude_e7 >= job->west && row->longitude_e7 <= job->east;
    return row->longitude_e7 >= job->west || row->longitude_e7 <= job->east;
}

/* ------------------------------------------------------------------- list */

static enum status begin_list(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    struct track_job wanted = {.since_ms = INT64_MIN, .limit = UINT64_MAX};
    struct bytes all;
    bool there;
    if (!time_argument(cloud, client, effects, "since", &wanted.since_ms)) return ST_OK;
    if (!limit_argument(cloud, client, effects, &wanted.limit)) return ST_OK;
    if (!name_argument(cloud, client, effects, "after", &wanted.after, &there)) return ST_OK;
    wanted.all = verb_argument_find(cloud->request, "all", &all);
    struct cloud_job *const job = cloud_job_begin(cloud, client, JOB_TRACKS, effects);
    if (job != NULL) job->track = wanted;
    return ST_OK;
}

struct list_walk {
    struct cloud *cloud;
    struct cloud_job *job;
    struct effects *effects;
    unsigned rows;
};

static bool list_row(void *context, const struct track_row *row)
{
    struct list_walk *const walk = context;
    struct track_job *const job = &walk->job->track;
    struct track *const track = walk->cloud->tracks->scratch;
    walk->rows++;
    job->after = row->name;
    if (track_decode(row->state, track) != ST_OK) return true;
    const struct track_view view = track_view_of(track);
    if (hlc_ms(view.last_seen) < job->since_ms) return true;
    if (!job->all && !is_active(walk->cloud, &view)) return true;
    put_track(walk->cloud, walk->effects, walk->job->client, &row->name, track);
    return ++job->done < job->limit;
}

static enum status list_slice(struct cloud *cloud, struct cloud_job *job, struct effects *effects)
{
    struct list_walk walk = {.cloud = cloud, .job = job, .effects = effects};
    const struct track_scan from = {
        .order = TRACKS_BY_NAME, .name = job->track.after, .limit = SLICE_RECORDS_MAX};
    if (job->track.done < job->track.limit) TRY(TRACKS(cloud, scan, &from, list_row, &walk));
    if (walk.rows == SLICE_RECORDS_MAX && job->track.done < job->track.limit) return ST_OK;
    cloud_job_end(effects, job, ST_OK, "%llu tracks", (unsigned long long)job->track.done);
    return ST_OK;
}

/* ---------------------------------------------------------------- history */

static enum status begin_history(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    struct track_job wanted = {.since_ms = 0, .until_ms = INT64_MAX, .limit = UINT64_MAX};
    struct level_name name;
    struct bytes box;
    if (!name_argument(cloud, client, effects, "name", &name, &wanted.one)) return ST_OK;
    if (!time_argument(cloud, client, effects, "since", &wanted.since_ms)) return ST_OK;
    if (!time_argument(cloud, client, effects, "until", &wanted.until_ms)) return ST_OK;
    if (!limit_argument(cloud, client, effects, &wanted.limit)) return ST_OK;
    if (verb_argument_find(cloud->request, "box", &box) && !parse_box(box, &wanted)) {
        cloud_reply_end(effects, client, ST_USAGE,
                        "box is LAT1,LON1,LAT2,LON2 in degrees, as in 48.1,11.4,48.2,11.7");
        return ST_OK;
    }
    if (wanted.one) {
        struct track_row row;
        const enum status found = TRACKS(cloud, find, &name, &cloud->tracks->stored_state, &row);
        if (found == ST_NOT_FOUND) {
            cloud_reply_end(effects, client, found, "no track \"%s\" was ever heard of", name.text);
            return ST_OK;
        }
        if (found != ST_OK) return found;
        wanted.id = row.archived;
    } else if (wanted.since_ms > 0 && wanted.since_ms <= hlc_ms(HLC_STAMP_MAX)) {
        wanted.newest = (uint64_t)wanted.since_ms << 16;
    }
    struct cloud_job *const job = cloud_job_begin(cloud, client, JOB_TRACK_HISTORY, effects);
    if (job != NULL) job->track = wanted;
    return ST_OK;
}

static bool matches(const struct track_job *job, const struct track_archive_row *row)
{
    const int64_t seen_ms = hlc_ms(row->newest);
    return seen_ms >= job->since_ms && seen_ms <= job->until_ms && in_box(job, row);
}

/* A node's name by its row id; one that is not there any more has none. */
static enum status put_node(struct cloud *cloud, struct buf *out, int64_t id)
{
    struct node_row node;
    const enum status found = STORE(cloud, node_next, id - 1, &node);
    if (found != ST_OK && found != ST_NOT_FOUND && found != ST_TAMPERED) return found;
    if (found == ST_OK && node.id == id)
        record_words(out, "node", node.name.text);
    else
        record_nil(out, "node");
    return ST_OK;
}

static enum status put_archived(struct cloud *cloud, struct cloud_job *job, struct effects *effects,
                                const struct track_archive_row *row)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    struct track_row of;
    struct buf out = cloud_reply_space(effects, TRACK_RECORD_SIZE);
    if (track_decode(row->state, tracks->scratch) != ST_OK) return ST_OK;
    const enum status found = TRACKS(cloud, get, row->track, &tracks->state, &of);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    record_reply_begin(&out, TRACK_FIELDS + 2);
    if (found == ST_OK)
        record_words(&out, "track", of.name.text);
    else
        record_nil(&out, "track");
    record_time(&out, "received", row->received_ms);
    TRY(put_node(cloud, &out, row->node));
    put_view(cloud, &out, tracks->scratch);
    cloud_reply(effects, job->client, &out);
    job->track.done++;
    return ST_OK;
}

/* Of one track: from the newest that came back to the first. */
static enum status history_of_one(struct cloud *cloud, struct cloud_job *job,
                                  struct effects *effects, bool *end)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    struct track_job *const track = &job->track;
    for (int i = 0; i < SLICE_RECORDS_MAX; i++) {
        struct track_archive_row row;
        *end = track->id == 0 || track->done >= track->limit;
        if (*end) return ST_OK;
        const enum status found =
            TRACKS(cloud, archive_get, track->id, &tracks->stored_state, &row);
        *end = found == ST_NOT_FOUND; /* the rest has gone by its age */
        if (*end) return ST_OK;
        if (found != ST_OK) return found;
        track->id = row.previous;
        if (matches(track, &row)) TRY(put_archived(cloud, job, effects, &row));
    }
    return ST_OK;
}

struct history_walk {
    struct track_job *job;
    unsigned rows, count;
    bool end;
    int64_t found[SLICE_RECORDS_MAX];
};

static bool note_archived(void *context, const struct track_archive_row *row)
{
    struct history_walk *const walk = context;
    struct track_job *const job = walk->job;
    walk->rows++;
    job->newest = row->newest;
    job->id = row->id;
    walk->end = hlc_ms(row->newest) > job->until_ms;
    if (walk->end) return false;
    if (matches(job, row)) walk->found[walk->count++] = row->id;
    walk->end = job->done + walk->count >= job->limit;
    return !walk->end && walk->count < SLICE_RECORDS_MAX;
}

/* Of all: in the order of when the tracks were seen. */
static enum status history_of_all(struct cloud *cloud, struct cloud_job *job,
                                  struct effects *effects, bool *end)
{
    struct history_walk walk = {.job = &job->track};
    *end = job->track.limit == 0;
    if (*end) return ST_OK;
    TRY(TRACKS(cloud, archive_scan, job->track.newest, job->track.id, HISTORY_SLICE_ROWS,
               note_archived, &walk));
    for (unsigned i = 0; i < walk.count; i++) {
        struct track_archive_row row;
        TRY(TRACKS(cloud, archive_get, walk.found[i], &cloud->tracks->stored_state, &row));
        TRY(put_archived(cloud, job, effects, &row));
    }
    *end = walk.end || (walk.rows < HISTORY_SLICE_ROWS && walk.count < SLICE_RECORDS_MAX);
    return ST_OK;
}

static enum status history_slice(struct cloud *cloud, struct cloud_job *job,
                                 struct effects *effects)
{
    bool end = false;
    if (job->track.one)
        TRY(history_of_one(cloud, job, effects, &end));
    else
        TRY(history_of_all(cloud, job, effects, &end));
    if (end) cloud_job_end(effects, job, ST_OK, "%llu states", (unsigned long long)job->track.done);
    return ST_OK;
}

enum status cloud_tracks_slice(struct cloud *cloud, struct cloud_job *job, struct effects *effects)
{
    if (job->kind == JOB_TRACKS) return list_slice(cloud, job, effects);
    return history_slice(cloud, job, effects);
}

/* ------------------------------------------------------------ short verbs */

static enum status show(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    struct track *const track = tracks->scratch;
    struct level_name name;
    struct track_row row;
    bool there;
    if (!name_argument(cloud, client, effects, "name", &name, &there)) return ST_OK;
    if (!there) {
        cloud_reply_end(effects, client, ST_USAGE, "track-show needs the name of a track");
        return ST_OK;
    }
    const enum status found = TRACKS(cloud, find, &name, &tracks->stored_state, &row);
    if (found == ST_NOT_FOUND || (found == ST_OK && row.change == 0)) {
        cloud_reply_end(effects, client, ST_NOT_FOUND, "no track \"%s\"%s", name.text,
                        found == ST_OK ? ": it has expired, see track history" : "");
        return ST_OK;
    }
    if (found != ST_OK) return found;
    if (track_decode(row.state, track) != ST_OK) {
        cloud_reply_end(effects, client, ST_TAMPERED, "what is stored of track %s is damaged",
                        name.text);
        return ST_OK;
    }
    put_track(cloud, effects, client, &name, track);
    for (unsigned i = 0; i < track->slot_count; i++)
        put_slot(effects, client, &track->slots[i]);
    for (unsigned i = 0; i < track->sensor_count; i++)
        put_sensor(effects, client, &track->sensors[i]);
    cloud_reply_end(effects, client, ST_OK, "%s", "");
    return ST_OK;
}

static enum status digest(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    const struct track_meta *const meta = &cloud->tracks->meta;
    const struct digest root = track_digests_root(cloud->hasher, &meta->digests);
    struct buf out = cloud_reply_space(effects, TRACK_RECORD_SIZE);
    record_reply_begin(&out, 5);
    record_hex(&out, "digest", bytes_of(root.bytes, DIGEST_SIZE));
    record_uint(&out, "tracks", meta->count);
    record_uint(&out, "counter", meta->counter);
    record_uint(&out, "horizon", meta->horizon);
    record_uint(&out, "archived", meta->archived);
    cloud_reply(effects, client, &out);
    cloud_reply_end(effects, client, ST_OK, "%s", "");
    return ST_OK;
}

enum status cloud_tracks_verb(struct cloud *cloud, uint32_t client, struct effects *effects)
{
    const struct {
        const char *verb;
        enum status (*answer)(struct cloud *, uint32_t, struct effects *);
    } verbs[] = {
        {"track-list", begin_list},
        {"track-show", show},
        {"track-history", begin_history},
        {"track-digest", digest},
    };
    const struct bytes verb = cloud->request->verb;
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (bytes_equal(verb, bytes_of_text(verbs[i].verb)))
            return verbs[i].answer(cloud, client, effects);
    }
    cloud_reply_end(effects, client, ST_USAGE, "no verb \"%.*s\"",
                    (int)(verb.size < 80 ? verb.size : 80), (const char *)verb.data);
    return ST_OK;
}
