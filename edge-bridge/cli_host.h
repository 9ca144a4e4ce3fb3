/* cli_host.h - a node's directory opened: settings, key, name, trusted cloud key, engine.
 *
 * Files: key, node (the name), edge-bridge.ini, edge.db, cloud.key (the trusted cloud's key line or
 * its base64), lock, control.sock, reserve. */
#ifndef HOLDFAST_EDGE_BRIDGE_CLI_HOST_H
#define HOLDFAST_EDGE_BRIDGE_CLI_HOST_H

#include "common/shell/cli_verb.h"
#include "common/shell/clock_os.h"
#include "common/shell/control_session.h"
#include "common/shell/disk_reserve.h"
#include "common/shell/settings.h"
#include "common/shell/signer_pool.h"
#include "common/shell/state_dir.h"
#include "edge-bridge/edge.h"

#define EDGE_DATABASE_FILE "edge.db"
#define EDGE_NODE_FILE "node"
#define EDGE_CLOUD_KEY_FILE "cloud.key"
#define EDGE_SOFTWARE "edge-bridge "

struct edge_host {
    struct state_dir directory;
    struct settings *settings;
    struct secret_key *key;
    struct node_name node;
    struct signer_pool *pool;
    struct port port;
    struct edge_settings engine_settings;
    uint8_t boot_id[BOOT_ID_SIZE];
    bool daemon;
    bool has_cloud_key;
    struct public_key cloud_key;
    char database_path[PATH_MAX];
    struct edge *edge; /* NULL while closed */
    struct disk_reserve reserve;
    bool store_full; /* the store was closed for want of room */
};

/* Opens the directory and reads its settings, no more. The caller closes the host in any case.
 * Errors: as state_dir_open, ST_SETTINGS. */
MUST_USE enum status edge_host_open(struct edge_host *host, const char *directory,
                                    struct buf *message);
void edge_host_close(struct edge_host *host);

/* Reads key, node name and trusted cloud key, and opens the engine; without links unless daemon.
 * The caller holds the directory's lock. Errors: ST_SETTINGS, those of edge_open. */
MUST_USE enum status edge_host_engine_open(struct edge_host *host, bool daemon,
                                           struct buf *message);
struct engine_calls edge_host_calls(struct edge_host *host);
/* For control_session_open. */
struct session_engine edge_host_session_engine(struct edge_host *host);

/* One verb of the engine, in the directory of the option --dir. Errors: those above, the END's. */
MUST_USE enum status edge_host_ask(const struct cli_call *call, const char *verb,
                                   const struct cli_arguments *arguments);

/* A cloud key line, or the 44 characters of base64 of a cloud key. Errors: ST_MALFORMED, ST_FORGED.
 */
MUST_USE enum status cloud_key_parse(struct bytes text, struct public_key *out);

#endif
