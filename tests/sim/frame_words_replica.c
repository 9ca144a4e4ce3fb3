/* frame_words_replica.c - frame_words.h for frames of tracks, config, and what keeps both alike. */
#include <stdlib.h>

#include "common/wire/config_msg.h"
#include "common/wire/nack_msg.h"
#include "common/wire/repair_msg.h"
#include "common/wire/roster_msg.h"
#include "common/wire/state_msg.h"
#include "common/wire/track_msg.h"
#include "tests/sim/frame_words.h"
#include "tests/sim/sim_message.h"

/* One frame's content; they are too large for the stack. */
union content {
    struct {
        struct track track;
        struct track_batch batch;
    } tracks;
    struct config_entry entry;
    struct config_writes writes;
    struct state_report state;
    struct nack nack;
    struct roster roster;
    struct track_digests_msg digests;
    struct track_differs differs;
    struct track_ids ids;
    struct track_want want;
    struct config_have have;
    struct config_held held;
};

static void put_numbers(struct buf *out, const char *name, uint64_t from, uint64_t to)
{
    buf_put_format(out, " %s %llu..%llu", name, (unsigned long long)from, (unsigned long long)to);
}

static void put_scope(struct buf *out, const struct config_scope *scope)
{
    char text[CONFIG_SCOPE_TEXT_SIZE];
    config_scope_text(scope, text);
    buf_put_format(out, " %s", text);
}

static enum status put_tracks(struct unpacker *unpacker, struct bytes body, union content *content,
                              struct buf *out)
{
    const struct track_batch *const batch = &content->tracks.batch;
    TRY(track_msg_decode(unpacker, body, &content->tracks.track, &content->tracks.batch));
    buf_put_format(out, "tracks %zu", batch->track_count);
    put_numbers(out, "changes", batch->head.from_change, batch->head.to_change);
    return ST_OK;
}

/* Up go writes, down goes a register: the body tells which. */
static enum status put_config(struct unpacker *unpacker, struct bytes body, union content *content,
                              struct buf *out)
{
    const struct config_writes *const writes = &content->writes;
    if (config_writes_decode(unpacker, body, &content->writes) == ST_OK) {
        buf_put_format(out, "config writes %zu incarnation %u", writes->count,
                       (unsigned)writes->incarnation);
        put_numbers(out, "operations", writes->writes[0].operation,
                    writes->writes[writes->count - 1].operation);
        return ST_OK;
    }
    TRY(config_msg_decode(unpacker, body, &content->entry));
    buf_put_text(out, "config");
    put_scope(out, &content->entry.key.scope);
    buf_put_format(out, " %s of %s%s", content->entry.key.name.text, content->entry.reg.node.text,
                   content->entry.reg.deleted ? " deleted" : "");
    return ST_OK;
}

static enum status put_state(struct unpacker *unpacker, struct bytes body, union content *content,
                             struct buf *out)
{
    static const char *const interests[INTEREST_COUNT] = {"none", "groups", "all"};
    const struct state_report *const state = &content->state;
    TRY(state_msg_decode(unpacker, body, &content->state));
    buf_put_format(out, "state interest %s numbering %u counter %llu down %llu roster %llu",
                   interests[state->interest], (unsigned)state->numbering,
                   (unsigned long long)state->counter, (unsigned long long)state->down_cursor,
                   (unsigned long long)state->roster);
    for (size_t i = 0; i < state->config.count; i++) {
        put_scope(out, &state->config.scopes[i].scope);
        buf_put_format(out, " %llu", (unsigned long long)state->config.scopes[i].count);
    }
    return ST_OK;
}

static enum status put_nack(struct unpacker *unpacker, struct bytes body, union content *content,
                            struct buf *out)
{
    static const char *const reasons[] = {"", "future", "denied", "malformed"};
    const struct nack *const nack = &content->nack;
    TRY(nack_msg_decode(unpacker, body, &content->nack));
    buf_put_format(out, "nack %s", reasons[nack->reason]);
    put_numbers(out, nack->lane == NACK_TRACKS ? "tracks" : "config", nack->from, nack->to);
    return ST_OK;
}

static enum status put_roster(struct unpacker *unpacker, struct bytes body, union content *content,
                              struct buf *out)
{
    TRY(roster_msg_decode(unpacker, body, &content->roster));
    buf_put_format(out, "roster %llu nodes %zu groups %zu",
                   (unsigned long long)content->roster.version, content->roster.node_count,
                   content->roster.group_count);
    return ST_OK;
}

static enum status put_buckets(struct unpacker *unpacker, enum frame_kind kind, struct bytes body,
                               union content *content, struct buf *out)
{
    if (kind == FRAME_TRACK_DIGESTS) {
        TRY(track_digests_decode(unpacker, body, &content->digests));
        buf_put_format(out, "track digests counter %llu",
                       (unsigned long long)content->digests.counter);
        return ST_OK;
    }
    TRY(track_differs_decode(unpacker, body, &content->differs));
    unsigned count = 0;
    for (unsigned bucket = 0; bucket < TRACK_BUCKETS; bucket++)
        count += track_differs_has(&content->differs, bucket) ? 1 : 0;
    buf_put_format(out, "track buckets that differ %u", count);
    return ST_OK;
}

static enum status put_names(struct unpacker *unpacker, enum frame_kind kind, struct bytes body,
                             union content *content, struct buf *out)
{
    if (kind == FRAME_TRACK_IDS) {
        TRY(track_ids_decode(unpacker, body, &content->ids));
        buf_put_format(out, "track ids bucket %u count %zu%s", (unsigned)content->ids.bucket,
                       content->ids.count, content->ids.last ? " last" : "");
        return ST_OK;
    }
    if (kind == FRAME_TRACK_WANT) {
        TRY(track_want_decode(unpacker, body, &content->want));
        buf_put_format(out, "track want %zu", content->want.count);
        return ST_OK;
    }
    if (kind == FRAME_CONFIG_HAVE) {
        TRY(config_have_decode(unpacker, body, &content->have));
        buf_put_text(out, "config have");
        put_scope(out, &content->have.scope);
        buf_put_format(out, " count %zu%s", content->have.count, content->have.last ? " last" : "");
        return ST_OK;
    }
    TRY(config_held_decode(unpacker, body, &content->held));
    buf_put_format(out, "config held, %zu bytes", content->held.frame.size);
    return ST_OK;
}

static enum status put_content(struct unpacker *unpacker, enum frame_kind kind, struct bytes body,
                               union content *content, struct buf *out)
{
    switch (kind) {
    case FRAME_TRACKS:
        return put_tracks(unpacker, body, content, out);
    case FRAME_CONFIG:
        return put_config(unpacker, body, content, out);
    case FRAME_STATE:
        return put_state(unpacker, body, content, out);
    case FRAME_NACK:
        return put_nack(unpacker, body, content, out);
    case FRAME_ROSTER:
        return put_roster(unpacker, body, content, out);
    case FRAME_TRACK_DIGESTS:
    case FRAME_TRACK_DIFFERS:
        return put_buckets(unpacker, kind, body, content, out);
    case FRAME_TRACK_IDS:
    case FRAME_TRACK_WANT:
    case FRAME_CONFIG_HAVE:
    case FRAME_CONFIG_HELD:
        return put_names(unpacker, kind, body, content, out);
    default:
        buf_put_format(out, "kind %d", (int)kind);
        return ST_OK;
    }
}

enum status frame_words_replica(struct unpacker *unpacker, enum frame_kind kind, struct bytes body,
                                struct buf *out)
{
    union content *const content = sim_allocate(sizeof *content);
    const enum status status = put_content(unpacker, kind, body, content, out);
    free(content);
    return status;
}
