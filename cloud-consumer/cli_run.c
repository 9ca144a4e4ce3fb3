/* cli_run.c - the daemon: link, inbox and loop around the engine. */
#include "cloud-consumer/cli_host.h"
#include "cloud-consumer/cli_verbs.h"
#include "common/shell/broker_settings.h"
#include "common/shell/dir_lock.h"
#include "common/shell/loop.h"
#include "common/shell/process.h"
#include "common/shell/version.h"

enum { INBOX_BYTES = 48 * 1024 * 1024, INBOX_NOTES = 65536 };

struct running {
    struct cloud_host host;
    struct dir_lock lock;
    struct broker_settings broker;
    struct inbox *inbox;
    struct link_mqtt *link;
};

static enum status start(struct running *running, struct buf *message)
{
    struct cloud_host *host = &running->host;
    loop_block_signals();
    if (settings_flag(host->settings, "process", "core_dumps")) process_allow_core_dumps();
    TRY(dir_lock_take(&host->directory, "cloud-consumer run", &running->lock, message));
    TRY(inbox_open(INBOX_BYTES, INBOX_NOTES, &running->inbox));
    TRY(cloud_host_engine_open(host, true, message));
    if (!host->engine_settings.link) return ST_OK;
    TRY(broker_settings_read(host->settings, "broker", &host->directory, LINK_CLOUD, "broker",
                             "cloud", &running->broker, message));
    return link_mqtt_open(&running->broker.link, running->inbox, &host->port.trace, &running->link);
}

static enum status go(struct running *running, struct buf *message)
{
    const struct cloud_host *host = &running->host;
    const struct loop_options options = {
        .engine = cloud_host_calls(&running->host),
        .directory = &host->directory,
        .inbox = running->inbox,
        .links = {[LINK_CLOUD] = running->link},
        .trace = host->port.trace,
    };
    trace_line(&host->port.trace, TRACE_INFO, "cloud-consumer %s runs in %s", HOLDFAST_VERSION,
               host->directory.path);
    const enum status status = loop_run(&options, message);
    trace_line(&host->port.trace, TRACE_INFO, "cloud-consumer ends: %s", status_words(status));
    return status;
}

enum status cli_run(const struct cli_call *call)
{
    struct running running = {.lock.fd = -1};
    enum status status = cloud_host_open(&running.host, cli_value(call, "dir"), call->message);
    if (status == ST_OK) status = start(&running, call->message);
    if (status == ST_OK) status = go(&running, call->message);
    link_mqtt_close(running.link);
    broker_settings_wipe(&running.broker);
    cloud_host_close(&running.host);
    inbox_close(running.inbox);
    dir_lock_release(&running.lock);
    return status;
}
