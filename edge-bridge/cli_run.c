/* cli_run.c - the daemon: links, inbox and loop around the engine. */
#include <stdio.h>

#include "common/shell/broker_settings.h"
#include "common/shell/dir_lock.h"
#include "common/shell/loop.h"
#include "common/shell/process.h"
#include "common/shell/version.h"
#include "edge-bridge/cli_host.h"
#include "edge-bridge/cli_verbs.h"

enum { INBOX_BYTES = 4 * 1024 * 1024, INBOX_NOTES = 16384, CLIENT_ID_SIZE_MAX = 64 };

struct running {
    struct edge_host host;
    struct dir_lock lock;
    struct broker_settings brokers[LINK_COUNT];
    char client_ids[LINK_COUNT][CLIENT_ID_SIZE_MAX];
    struct inbox *inbox;
    struct link_mqtt *links[LINK_COUNT];
};

static enum status link_open(struct running *running, enum link which, const char *section,
                             const char *name, const char *suffix, struct buf *message)
{
    char *client_id = running->client_ids[which];
    snprintf(client_id, CLIENT_ID_SIZE_MAX, "%s%s", running->host.node.text, suffix);
    TRY(broker_settings_read(running->host.settings, section, &running->host.directory, which, name,
                             client_id, &running->brokers[which], message));
    return link_mqtt_open(&running->brokers[which].link, running->inbox, &running->host.port.trace,
                          &running->links[which]);
}

static enum status start(struct running *running, struct buf *message)
{
    struct edge_host *host = &running->host;
    loop_block_signals();
    if (settings_flag(host->settings, "process", "core_dumps")) process_allow_core_dumps();
    TRY(dir_lock_take(&host->directory, "edge-bridge run", &running->lock, message));
    TRY(inbox_open(INBOX_BYTES, INBOX_NOTES, &running->inbox));
    TRY(edge_host_engine_open(host, true, message));
    if (host->engine_settings.cloud_link)
        TRY(link_open(running, LINK_CLOUD, "broker", "cloud broker", "", message));
    if (host->engine_settings.local_link)
        TRY(link_open(running, LINK_LOCAL, "local", "local broker", "-local", message));
    return ST_OK;
}

static enum status go(struct running *running, struct buf *message)
{
    const struct edge_host *host = &running->host;
    const struct loop_options options = {
        .engine = edge_host_calls(&running->host),
        .directory = &host->directory,
        .inbox = running->inbox,
        .links = {running->links[LINK_CLOUD], running->links[LINK_LOCAL]},
        .trace = host->port.trace,
    };
    trace_line(&host->port.trace, TRACE_INFO, "edge-bridge %s runs as node %s in %s",
               HOLDFAST_VERSION, host->node.text, host->directory.path);
    if (!host->has_cloud_key)
        trace_line(&host->port.trace, TRACE_WARNING,
                   "no cloud key is trusted yet, so nothing counts as acknowledged; run: "
                   "edge-bridge trust --dir %s CLOUDKEY",
                   host->directory.path);
    const enum status status = loop_run(&options, message);
    trace_line(&host->port.trace, TRACE_INFO, "edge-bridge ends: %s", status_words(status));
    return status;
}

enum status cli_run(const struct cli_call *call)
{
    struct running running = {.lock.fd = -1};
    enum status status = edge_host_open(&running.host, cli_value(call, "dir"), call->message);
    if (status == ST_OK) status = start(&running, call->message);
    if (status == ST_OK) status = go(&running, call->message);
    for (size_t i = 0; i < LINK_COUNT; i++) {
        link_mqtt_close(running.links[i]);
        broker_settings_wipe(&running.brokers[i]);
    }
    edge_host_close(&running.host);
    inbox_close(running.inbox);
    dir_lock_release(&running.lock);
    return status;
}
