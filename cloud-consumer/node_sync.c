/* node_sync.c - where the cloud stands with each node's tracks and config. */
#include "cloud-consumer/node_sync.h"

#include "cloud-consumer/config_store.h"
#include "cloud-consumer/engine.h"
#include "cloud-consumer/tracks.h"

enum {
    CONTACT_STEP_MS = 1000, /* its last frame is known to this, so that not each one is a write */
    REPORT_SIZE_MAX = CONFIG_SCOPES_MAX * (LEVEL_NAME_SIZE_MAX + CONFIG_DIGEST_SIZE + 24) + 8,
};

enum status cloud_sync_load(struct cloud *cloud, int64_t node, struct node_sync *out)
{
    const enum status found = CONFIGS(cloud, sync_get, node, out);
    if (found != ST_NOT_FOUND) return found;
    *out = (struct node_sync){.node = node};
    return ST_OK;
}

enum status cloud_sync_save(struct cloud *cloud, const struct node_sync *sync)
{
    return CONFIGS(cloud, sync_put, sync);
}

uint64_t cloud_sync_eps_ms(const struct cloud *cloud, const struct node_sync *sync)
{
    /* Its clock was set by the reply to the present connection's hello at the latest, but what it
     * sends now may have been stamped before: since the connection before that one. */
    if (sync->contact_before_ms == 0) return HLC_EPS_MAX_MS;
    const int64_t now_ms = cloud_wall_ms(cloud);
    if (now_ms < sync->contact_before_ms) return HLC_EPS_MIN_MS;
    return hlc_eps_ms((uint64_t)(now_ms - sync->contact_before_ms));
}

bool cloud_sync_lawful(const struct cloud *cloud, const struct node_sync *sync, uint64_t stamp)
{
    /* A clock of its own to ask, so that asking changes nothing. */
    struct hlc probe = {0};
    const int64_t wall_ms = cloud_wall_ms(cloud);
    if (hlc_receive(&probe, wall_ms, cloud_sync_eps_ms(cloud, sync), stamp) == ST_OK) return true;
    /* What the cloud has taken from another node, whose bound was wider, it passed on: this node
     * counts on from there. Together they never get further ahead than the widest bound. */
    if (hlc_receive(&probe, wall_ms, HLC_EPS_MAX_MS, stamp) != ST_OK) return false;
    return hlc_ms(stamp) <= hlc_ms(cloud->clock.last) + HLC_EPS_MIN_MS;
}

void cloud_sync_learn(struct cloud *cloud, uint64_t stamp)
{
    const enum status known = hlc_receive(&cloud->clock, 0, UINT64_MAX, stamp);
    INVARIANT(known == ST_OK); /* it was lawful */
}

enum status cloud_sync_hello(struct cloud *cloud, const struct node_row *node, bool new_nonce)
{
    struct node_sync sync;
    TRY(cloud_sync_load(cloud, node->id, &sync));
    if (new_nonce) sync.contact_before_ms = sync.contact_ms;
    sync.contact_ms = cloud_wall_ms(cloud);
    return cloud_sync_save(cloud, &sync);
}

/* Keeps what it said, when that is news. */
static enum status keep_report(struct cloud *cloud, int64_t node,
                               const struct config_summary *summary)
{
    uint8_t fresh_memory[REPORT_SIZE_MAX], kept_memory[REPORT_SIZE_MAX];
    struct buf fresh = buf_of(fresh_memory, sizeof fresh_memory);
    struct buf kept = buf_of(kept_memory, sizeof kept_memory);
    config_summary_pack(summary, &fresh);
    INVARIANT(buf_ok(&fresh));
    const enum status found = CONFIGS(cloud, report_get, node, &kept);
    if (found == ST_OK && bytes_equal(buf_bytes(&fresh), buf_bytes(&kept))) return ST_OK;
    if (found != ST_OK && found != ST_NOT_FOUND && found != ST_TOO_LARGE) return found;
    return CONFIGS(cloud, report_put, node, buf_bytes(&fresh));
}

enum status cloud_sync_judge_report(struct cloud *cloud, const struct node_row *node)
{
    struct node_sync sync;
    struct config_summary reported, wanted;
    struct packed value;
    uint8_t memory[REPORT_SIZE_MAX];
    struct buf kept = buf_of(memory, sizeof memory);
    TRY(cloud_sync_load(cloud, node->id, &sync));
    if (sync.reported_ms == 0) return ST_OK;
    TRY(cloud_config_summary(cloud, node, &wanted));
    const enum status found = CONFIGS(cloud, report_get, node->id, &kept);
    if (found != ST_OK && found != ST_NOT_FOUND && found != ST_TOO_LARGE) return found;
    const bool readable = found == ST_OK &&
                          packed_read(cloud->unpacker, buf_bytes(&kept), &value) == ST_OK &&
                          config_summary_unpack(value, &reported) == ST_OK;
    sync.config_differs = !readable || !config_summary_equal(&reported, &wanted);
    return cloud_sync_save(cloud, &sync);
}

enum status cloud_sync_state(struct cloud *cloud, const struct node_row *node,
                             const struct state_report *report)
{
    struct node_sync sync;
    struct config_summary wanted;
    TRY(cloud_sync_load(cloud, node->id, &sync));
    TRY(cloud_config_summary(cloud, node, &wanted));
    if (report->numbering != sync.track_numbering) {
        sync.track_numbering = report->numbering;
        sync.track_cursor = 0;
        cloud_owe_ack(cloud, node);
    }
    sync.contact_ms = sync.reported_ms = cloud_wall_ms(cloud);
    sync.roster = report->roster;
    sync.config_differs = !config_summary_equal(&wanted, &report->config);
    if (report->roster < cloud_roster_version(cloud)) cloud_roster_due(cloud);
    if (report->roster > cloud_roster_version(cloud)) TRY(cloud_roster_lift(cloud, report->roster));
    TRY(keep_report(cloud, node->id, &report->config));
    return cloud_sync_save(cloud, &sync);
}

enum status cloud_sync_ack(struct cloud *cloud, const struct node_row *node, struct ack *ack)
{
    struct node_sync sync;
    TRY(cloud_sync_load(cloud, node->id, &sync));
    ack->has_tracks = sync.track_numbering != 0;
    ack->track_numbering = sync.track_numbering;
    ack->track_cursor = sync.track_cursor;
    ack->has_config = sync.config_incarnation != 0;
    ack->config_incarnation = sync.config_incarnation;
    ack->config_judged = sync.config_judged;
    ack->refusal_count = 0;
    if (ack->has_config) {
        struct ack_refusal refusals[ACK_REFUSALS_MAX];
        size_t count;
        TRY(CONFIGS(cloud, refused_get, node->id, sync.config_incarnation, refusals, &count));
        for (size_t i = 0; i < count; i++)
            (void)ack_add_refusal(ack, &refusals[i]); /* a damaged row says nothing */
    }
    /* Acknowledgements answer frames: it speaks. */
    const int64_t now_ms = cloud_wall_ms(cloud);
    if (now_ms - sync.contact_ms < CONTACT_STEP_MS && now_ms >= sync.contact_ms) return ST_OK;
    sync.contact_ms = now_ms;
    return cloud_sync_save(cloud, &sync);
}

enum status cloud_sync_hello_reply(struct cloud *cloud, const struct node_row *node,
                                   struct hello_reply *reply)
{
    struct node_sync sync;
    TRY(cloud_sync_load(cloud, node->id, &sync));
    reply->admitted = sync.admitted;
    reply->horizon = cloud_tracks_horizon(cloud);
    reply->roster = cloud_roster_version(cloud);
    return cloud_config_summary(cloud, node, &reply->config);
}
