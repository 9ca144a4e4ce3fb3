/* cli_settings.h - the edge bridge's table of settings, and what the engine gets of it. */
#ifndef HOLDFAST_EDGE_BRIDGE_CLI_SETTINGS_H
#define HOLDFAST_EDGE_BRIDGE_CLI_SETTINGS_H

#include "common/shell/cli_host.h"
#include "edge-bridge/edge.h"

#define EDGE_SETTINGS_FILE "edge-bridge.ini"
#define EDGE_SETTINGS_PREFIX "EDGE_BRIDGE"

extern const struct settings_table edge_settings_table;

/* topic_root is borrowed from settings. Errors: ST_SETTINGS with a sentence. */
MUST_USE enum status edge_settings_from(const struct settings *settings, struct edge_settings *out,
                                        struct buf *message);

#endif
