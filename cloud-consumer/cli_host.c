/* cli_host.c - opening the cloud's directory and its engine. */
#include "cloud-consumer/cli_host.h"

#include <string.h>

#include "cloud-consumer/cli_settings.h"
#include "common/shell/cli_verb.h"
#include "common/shell/clock_os.h"
#include "common/shell/key_file.h"
#include "common/shell/log_stderr.h"
#include "common/shell/version.h"

enum status cloud_host_open(struct cloud_host *host, const char *directory, struct buf *message)
{
    memset(host, 0, sizeof *host);
    host->directory.fd = -1;
    TRY(state_dir_open(directory, &host->directory, message));
    TRY(crypto_start());
    state_dir_path(&host->directory, CLOUD_DATABASE_FILE, host->database_path);
    if (!state_dir_has(&host->directory, CLOUD_SETTINGS_FILE)) {
        buf_put_format(message,
                       "%s is not a cloud's directory (%s is missing); make one with: "
                       "cloud-consumer init --dir %s",
                       directory, CLOUD_SETTINGS_FILE, directory);
        return ST_SETTINGS;
    }
    TRY(cli_settings_open(&cloud_settings_table, &host->directory, &host->settings, message));
    TRY(cloud_settings_from(host->settings, &host->engine_settings, message));
    const enum trace_level level =
        (enum trace_level)settings_number(host->settings, "log", "level");
    host->port = (struct port){.random = entropy_fill, .trace = log_stderr(level)};
    return ST_OK;
}

void cloud_host_close(struct cloud_host *host)
{
    cloud_close(host->cloud);
    host->cloud = NULL;
    secret_key_close(host->key);
    settings_close(host->settings);
    state_dir_close(&host->directory);
}

static enum status engine_start(struct cloud_host *host, struct buf *message)
{
    struct clock_os clock = clock_os_of(host->directory.fd);
    struct cloud_options options = {
        .database_path = host->database_path,
        .key = host->key,
        .settings = host->engine_settings,
        .port = &host->port,
        .software = CLOUD_SOFTWARE HOLDFAST_VERSION,
        .now = clock_os_now(&clock),
    };
    if (!host->daemon) options.settings.link = false;
    return cloud_open(&options, message, &host->cloud);
}

enum status cloud_host_engine_open(struct cloud_host *host, bool daemon, struct buf *message)
{
    host->daemon = daemon;
    TRY(key_file_open(&host->directory, &host->key, message));
    return engine_start(host, message);
}

/* The engine behind the shell's calls. */

static enum status calls_begin(void *context)
{
    return cloud_begin(((struct cloud_host *)context)->cloud);
}

static enum status calls_step(void *context, const struct event *event, struct effects *effects)
{
    return cloud_step(((struct cloud_host *)context)->cloud, event, effects);
}

static enum status calls_commit(void *context, const struct moment *now, struct effects *effects)
{
    return cloud_commit(((struct cloud_host *)context)->cloud, now, effects);
}

static uint64_t calls_next_wakeup(const void *context)
{
    return cloud_next_wakeup(((const struct cloud_host *)context)->cloud);
}

static bool calls_has_jobs(const void *context)
{
    return cloud_has_jobs(((const struct cloud_host *)context)->cloud);
}

static enum status calls_reopen(void *context, struct buf *message)
{
    struct cloud_host *host = context;
    cloud_close(host->cloud);
    host->cloud = NULL;
    return engine_start(host, message);
}

struct engine_calls cloud_host_calls(struct cloud_host *host)
{
    return (struct engine_calls){.context = host,
                                 .begin = calls_begin,
                                 .step = calls_step,
                                 .commit = calls_commit,
                                 .next_wakeup = calls_next_wakeup,
                                 .has_jobs = calls_has_jobs,
                                 .reopen = calls_reopen};
}

static enum status session_start(void *context, struct engine_calls *out, struct buf *message)
{
    struct cloud_host *host = context;
    TRY(cloud_host_engine_open(host, false, message));
    *out = cloud_host_calls(host);
    return ST_OK;
}

static void session_stop(void *context)
{
    struct cloud_host *host = context;
    cloud_close(host->cloud);
    host->cloud = NULL;
}

struct session_engine cloud_host_session_engine(struct cloud_host *host)
{
    return (struct session_engine){.context = host, .open = session_start, .close = session_stop};
}

enum status cloud_host_ask(const struct cli_call *call, const char *verb,
                           const struct cli_arguments *arguments)
{
    struct cloud_host host;
    enum status status = cloud_host_open(&host, cli_value(call, "dir"), call->message);
    if (status == ST_OK) {
        const struct session_engine engine = cloud_host_session_engine(&host);
        status = cli_ask(call, &host.directory, &engine, verb, arguments);
    }
    cloud_host_close(&host);
    return status;
}
