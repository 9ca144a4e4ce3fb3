/* cli_host.h - the cloud's directory opened: settings, key, engine.
 *
 * Files: key, cloud-consumer.ini, cloud.db, lock, control.sock. */
#ifndef HOLDFAST_CLOUD_CONSUMER_CLI_HOST_H
#define HOLDFAST_CLOUD_CONSUMER_CLI_HOST_H

#include "cloud-consumer/cloud.h"
#include "common/shell/cli_verb.h"
#include "common/shell/control_session.h"
#include "common/shell/settings.h"
#include "common/shell/state_dir.h"

#define CLOUD_DATABASE_FILE "cloud.db"
#define CLOUD_SOFTWARE "cloud-consumer "

struct cloud_host {
    struct state_dir directory;
    struct settings *settings;
    struct secret_key *key;
    struct port port;
    struct cloud_settings engine_settings;
    bool daemon;
    char database_path[PATH_MAX];
    struct cloud *cloud; /* NULL while closed */
};

/* Opens the directory and reads its settings, no more. The caller closes the host in any case.
 * Errors: as state_dir_open, ST_SETTINGS. */
MUST_USE enum status cloud_host_open(struct cloud_host *host, const char *directory,
                                     struct buf *message);
void cloud_host_close(struct cloud_host *host);

/* Reads the key and opens the engine; without a link unless daemon. The caller holds the
 * directory's lock. Errors: ST_SETTINGS, those of cloud_open. */
MUST_USE enum status cloud_host_engine_open(struct cloud_host *host, bool daemon,
                                            struct buf *message);
struct engine_calls cloud_host_calls(struct cloud_host *host);
/* For control_session_open. */
struct session_engine cloud_host_session_engine(struct cloud_host *host);

/* One verb of the engine, in the directory of the option --dir. Errors: those above, the END's. */
MUST_USE enum status cloud_host_ask(const struct cli_call *call, const char *verb,
                                    const struct cli_arguments *arguments);

#endif
