/* tracks_verbs.c - answers to the operator about tracks: list, show, remove, digest; see tracks.h
 * and report.h. */
#include <string.h>

#include "common/data/track_view.h"
#include "common/wire/observation.h"
#include "edge-bridge/edge_state.h"
#include "edge-bridge/report.h"
#include "edge-bridge/tracks.h"

enum { RECORD_SIZE = 2048, DECIMAL_SIZE = 32, LIST_LOOKED_MAX = 10000 };

/* ---- Fields ---------------------------------------------------------------------------------- */

/* value / 10^digits as text, so that no digit is lost on the way. */
static void put_decimal(struct buf *out, const char *name, int64_t value, unsigned digits)
{
    char text[DECIMAL_SIZE];
    struct buf decimal = buf_of(text, sizeof(text));
    decimal_put(value, digits, &decimal);
    record_text(out, name, buf_bytes(&decimal));
}

static void put_stamp_time(struct buf *out, const char *name, uint64_t stamp)
{
    if (stamp == 0)
        record_nil(out, name);
    else
        record_time(out, name, hlc_ms(stamp));
}

enum { POSITION_FIELDS = 4 };

static void put_position(struct buf *out, const struct track_position_atom *atom)
{
    if (atom == NULL || atom->hlc == 0) {
        record_nil(out, "latitude_deg");
        record_nil(out, "longitude_deg");
        record_nil(out, "altitude_m");
        record_nil(out, "position_confidence");
        return;
    }
    put_decimal(out, "latitude_deg", atom->value.latitude_e7, 7);
    put_decimal(out, "longitude_deg", atom->value.longitude_e7, 7);
    put_decimal(out, "altitude_m", atom->value.altitude_mm, 3);
    put_decimal(out, "position_confidence", atom->confidence, 4);
}

enum { CLASSIFICATION_FIELDS = 2 };

static void put_classification(struct buf *out, const struct track_class_atom *atom)
{
    if (atom == NULL || atom->hlc == 0) {
        record_nil(out, "classification");
        record_nil(out, "classification_confidence");
        return;
    }
    record_text(out, "classification", track_label_text(&atom->value));
    put_decimal(out, "classification_confidence", atom->confidence, 4);
}

static void put_track(struct edge *edge, uint32_t client, const struct track_row *row,
                      const struct track *track, struct effects *effects)
{
    const struct track_view view = track_view_of(track);
    const unsigned atoms = view.position_count + view.classification_count;
    const unsigned winners = (view.position != NULL) + (view.classification != NULL);
    struct buf out = effects_space(effects, RECORD_SIZE);
    record_reply_begin(&out, 1 + POSITION_FIELDS + 1 + CLASSIFICATION_FIELDS + 7);
    record_words(&out, "track", row->name.text);
    put_position(&out, view.position != NULL ? &view.position->position : NULL);
    if (view.position != NULL)
        record_words(&out, "position_by", view.position->writer.node.text);
    else
        record_nil(&out, "position_by");
    put_classification(&out,
                       view.classification != NULL ? &view.classification->classification : NULL);
    record_uint(&out, "sensors", track->sensor_count);
    record_uint(&out, "observers", track->slot_count);
    put_stamp_time(&out, "last_seen", view.last_seen);
    record_bool(&out, "active", view.present && view.last_seen >= tracks_active_from(edge));
    record_bool(&out, "present", view.present);
    record_bool(&out, "pending", row->pending);
    record_uint(&out, "conflicts", atoms - winners);
    report_reply(effects, client, &out);
}

static void put_slot(uint32_t client, const struct track_slot *slot, struct effects *effects)
{
    struct buf out = effects_space(effects, RECORD_SIZE);
    record_reply_begin(&out, 4 + POSITION_FIELDS + 4 + CLASSIFICATION_FIELDS + 1);
    record_words(&out, "observer", slot->writer.node.text);
    record_uint(&out, "incarnation", slot->writer.incarnation);
    put_stamp_time(&out, "last_seen", slot->hlc);
    record_uint(&out, "hlc", slot->hlc);
    put_position(&out, &slot->position);
    put_stamp_time(&out, "position_time", slot->position.hlc);
    if (slot->position.value.has_velocity) {
        put_decimal(&out, "velocity_north_m_s", slot->position.value.north_mm_s, 3);
        put_decimal(&out, "velocity_east_m_s", slot->position.value.east_mm_s, 3);
        put_decimal(&out, "velocity_up_m_s", slot->position.value.up_mm_s, 3);
    } else {
        record_nil(&out, "velocity_north_m_s");
        record_nil(&out, "velocity_east_m_s");
        record_nil(&out, "velocity_up_m_s");
    }
    put_classification(&out, &slot->classification);
    put_stamp_time(&out, "classification_time", slot->classification.hlc);
    report_reply(effects, client, &out);
}

static void put_sensor(uint32_t client, const struct track_sensor *sensor, struct effects *effects)
{
    struct buf out = effects_space(effects, RECORD_SIZE);
    record_reply_begin(&out, 2);
    record_text(&out, "sensor", track_label_text(&sensor->name));
    put_stamp_time(&out, "last_seen", sensor->hlc);
    report_reply(effects, client, &out);
}

/* ---- Arguments ------------------------------------------------------------------------------- */

static bool natural_of(const struct control_request *request, const char *name, uint64_t *out)
{
    struct bytes text;
    if (!verb_argument_find(request, name, &text)) return true;
    if (text.size == 0 || text.size > 15) return false;
    *out = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        *out = *out * 10 + (uint64_t)(text.data[i] - '0');
    }
    return true;
}

static bool name_of(const struct control_request *request, const char *argument,
                    struct level_name *out)
{
    struct bytes text;
    return verb_argument_find(request, argument, &text) && level_name_from(text, out) == ST_OK;
}

/* ---- Verbs ----------------------------------------------------------------------------------- */

/* What a list shows: tracks that are there and active, unless more is asked for. */
struct choice {
    uint64_t since_ms, limit;
    bool all;
    struct level_name after;
};

static bool is_chosen(const struct edge *edge, const struct choice *choice,
                      const struct track *track)
{
    const struct track_view view = track_view_of(track);
    if (track_is_empty(track) || hlc_ms(view.last_seen) < (int64_t)choice->since_ms) return false;
    return choice->all || (view.present && view.last_seen >= tracks_active_from(edge));
}

/* As many as one step may say; the END of a list that goes on says how. */
static enum status list(struct edge *edge, uint32_t client, struct choice *choice,
                        struct effects *effects)
{
    struct track *track = edge->tracks.scratch;
    struct track_row row;
    struct level_name last = choice->after;
    enum status found = ST_OK;
    uint64_t shown = 0;
    uint64_t looked = 0;
    while (shown < choice->limit && looked++ < LIST_LOOKED_MAX && effects_has_room(effects)) {
        found = track_store_next_name(edge, &last, &row, track);
        if (found == ST_NOT_FOUND) break;
        TRY(found);
        last = row.name;
        if (!is_chosen(edge, choice, track)) continue;
        put_track(edge, client, &row, track, effects);
        shown++;
    }
    char words[LEVEL_NAME_SIZE_MAX + 64];
    struct buf message = buf_of(words, sizeof(words) - 1);
    if (found == ST_OK && shown < choice->limit)
        buf_put_format(&message, "there are more: after=%s", last.text);
    words[message.size] = '\0';
    report_end(effects, client, ST_OK, words);
    return ST_OK;
}

static enum status verb_list(struct edge *edge, uint32_t client,
                             const struct control_request *request, struct effects *effects)
{
    struct choice choice = {.limit = UINT64_MAX};
    struct bytes text;
    bool good = natural_of(request, "since", &choice.since_ms) &&
                natural_of(request, "limit", &choice.limit);
    choice.all = verb_argument_find(request, "all", &text) || choice.since_ms > 0;
    if (verb_argument_find(request, "after", &text))
        good = good && level_name_from(text, &choice.after) == ST_OK;
    if (good) return list(edge, client, &choice, effects);
    report_end(effects, client, ST_USAGE, "track-list takes since=ms, limit=n, after=name, all=1");
    return ST_OK;
}

/* The track of the argument, in the scratch. ST_NOT_FOUND: the client has its answer. */
static enum status find(struct edge *edge, uint32_t client, const struct control_request *request,
                        struct track_row *row, struct effects *effects)
{
    struct level_name name;
    if (!name_of(request, "name", &name)) {
        report_end(effects, client, ST_USAGE, "the verb takes name= and a track's name");
        return ST_NOT_FOUND;
    }
    const enum status found = track_store_get(edge, &name, row, edge->tracks.scratch);
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    if (found == ST_OK && !track_is_empty(edge->tracks.scratch)) return ST_OK;
    report_end(effects, client, ST_NOT_FOUND, "this node knows no track of that name");
    return ST_NOT_FOUND;
}

static enum status verb_show(struct edge *edge, uint32_t client,
                             const struct control_request *request, struct effects *effects)
{
    const struct track *track = edge->tracks.scratch;
    struct track_row row;
    const enum status found = find(edge, client, request, &row, effects);
    if (found == ST_NOT_FOUND) return ST_OK;
    TRY(found);
    put_track(edge, client, &row, track, effects);
    for (unsigned i = 0; i < track->slot_count; i++)
        put_slot(client, &track->slots[i], effects);
    for (unsigned i = 0; i < track->sensor_count; i++)
        put_sensor(client, &track->sensors[i], effects);
    report_end(effects, client, ST_OK, "");
    return ST_OK;
}

static enum status verb_remove(struct edge *edge, uint32_t client,
                               const struct control_request *request, struct effects *effects)
{
    struct track_row row;
    const enum status found = find(edge, client, request, &row, effects);
    if (found == ST_NOT_FOUND) return ST_OK;
    TRY(found);
    if (track_remove(edge->tracks.scratch)) {
        row.taught = false;
        TRY(track_store_put(edge, &row, edge->tracks.scratch));
    }
    report_end(effects, client, ST_OK, "");
    return ST_OK;
}

static enum status verb_digest(struct edge *edge, uint32_t client, struct effects *effects)
{
    const struct track_store *store = &edge->track_store;
    struct track_digests digests;
    TRY(track_store_digests(edge, 0, true, &digests));
    const struct digest root = track_digests_root(edge->hasher, &digests);
    struct buf out = effects_space(effects, RECORD_SIZE);
    record_reply_begin(&out, 8);
    record_hex(&out, "digest", bytes_of(root.bytes, DIGEST_SIZE));
    record_uint(&out, "tracks", store->count);
    record_uint(&out, "pending", store->pending);
    record_uint(&out, "numbering", store->numbering);
    record_uint(&out, "incarnation", store->incarnation);
    record_uint(&out, "counter", store->counter);
    record_uint(&out, "cursor", store->cursor);
    record_uint(&out, "horizon", store->horizon);
    report_reply(effects, client, &out);
    report_end(effects, client, ST_OK, "");
    return ST_OK;
}

enum status tracks_verb(struct edge *edge, uint32_t client, const struct control_request *request,
                        struct effects *effects)
{
    if (bytes_equal(request->verb, BYTES_LITERAL("track-list")))
        return verb_list(edge, client, request, effects);
    if (bytes_equal(request->verb, BYTES_LITERAL("track-show")))
        return verb_show(edge, client, request, effects);
    if (bytes_equal(request->verb, BYTES_LITERAL("track-remove")))
        return verb_remove(edge, client, request, effects);
    if (bytes_equal(request->verb, BYTES_LITERAL("track-digest")))
        return verb_digest(edge, client, effects);
    report_end(effects, client, ST_USAGE, "this edge bridge does not know that verb");
    return ST_OK;
}
