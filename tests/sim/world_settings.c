/* world_settings.c - the settings of a world's nodes, as its fault model wants them. */
#include "tests/sim/world.h"

enum { VIEW_TTL_SHORT_S = 10 };

static void set_tracks(struct sim_node *node)
{
    struct world *world = node->world;
    const struct fault_model *faults = &world->options.faults;
    struct edge_settings *settings = &node->edge_settings;
    settings->interest = INTEREST_ALL;
    if (rng_chance(&world->rng, faults->interest_per_mille)) {
        settings->interest = rng_chance(&world->rng, 500) ? INTEREST_GROUPS : INTEREST_NONE;
    }
    if (faults->track_repair_s > 0) settings->track_repair_s = faults->track_repair_s;
    if (faults->track_bytes_max > 0) {
        settings->track_bytes_max = faults->track_bytes_max;
        settings->track_view_ttl_s = VIEW_TTL_SHORT_S;
    }
    if (faults->track_retention_s > 0) {
        settings->track_retention_min_s = faults->track_retention_s / 2;
        settings->track_view_ttl_s = VIEW_TTL_SHORT_S;
    }
}

void node_settings(struct sim_node *node)
{
    const struct world *world = node->world;
    const struct fault_model *faults = &world->options.faults;
    node->edge_settings = edge_settings_default();
    node->edge_settings.topic_root = SIM_ROOT;
    node->edge_settings.cloud_link = node->edge_settings.local_link = true;
    node->edge_settings.frame_size_max = faults->frame_size_max;
    node->edge_settings.window_frames_max = faults->window_frames_max;
    node->edge_settings.window_bytes_max = faults->window_bytes_max;
    node->edge_settings.heartbeat_ms = faults->heartbeat_ms;
    if (faults->reconnect_ms_max > 0) {
        node->edge_settings.reconnect_ms_max = faults->reconnect_ms_max;
    }
    node->edge_settings.disk_reserve_bytes = 16 * 1024;
    set_tracks(node);
    node->cloud_settings = cloud_settings_default();
    node->cloud_settings.topic_root = SIM_ROOT;
    node->cloud_settings.link = true;
    node->cloud_settings.audit = !world->options.skip_verify;
    if (faults->track_retention_s > 0) {
        node->cloud_settings.track_retention_s = faults->track_retention_s;
        node->cloud_settings.track_view_ttl_s = VIEW_TTL_SHORT_S;
    }
}
