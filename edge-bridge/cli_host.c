/* cli_host.c - opening a node's directory and its engine. */
#include "edge-bridge/cli_host.h"

#include <string.h>

#include "common/shell/cli_verb.h"
#include "common/shell/key_file.h"
#include "common/shell/log_stderr.h"
#include "common/shell/version.h"
#include "edge-bridge/cli_settings.h"

enum { SMALL_FILE_SIZE_MAX = 512 };

enum status edge_host_open(struct edge_host *host, const char *directory, struct buf *message)
{
    memset(host, 0, sizeof *host);
    host->directory.fd = -1;
    TRY(state_dir_open(directory, &host->directory, message));
    TRY(crypto_start());
    state_dir_path(&host->directory, EDGE_DATABASE_FILE, host->database_path);
    if (!state_dir_has(&host->directory, EDGE_NODE_FILE)) {
        buf_put_format(message,
                       "%s is not a node's directory; make one with: edge-bridge init "
                       "--dir %s --node NAME",
                       directory, directory);
        return ST_SETTINGS;
    }
    TRY(cli_settings_open(&edge_settings_table, &host->directory, &host->settings, message));
    TRY(edge_settings_from(host->settings, &host->engine_settings, message));
    const enum trace_level level =
        (enum trace_level)settings_number(host->settings, "log", "level");
    host->port = (struct port){.random = entropy_fill, .trace = log_stderr(level)};
    return ST_OK;
}

void edge_host_close(struct edge_host *host)
{
    edge_close(host->edge);
    host->edge = NULL;
    signer_pool_close(host->pool);
    secret_key_close(host->key);
    settings_close(host->settings);
    state_dir_close(&host->directory);
}

enum status cloud_key_parse(struct bytes text, struct public_key *out)
{
    struct key_line line;
    const enum status status = key_line_read(text, &line);
    if (status == ST_OK && line.kind == KEY_LINE_CLOUD) {
        *out = line.key;
        return ST_OK;
    }
    if (status == ST_FORGED) return status;
    TRY(base64_decode(text, out->bytes, sizeof out->bytes));
    return public_key_ok(out) ? ST_OK : ST_FORGED;
}

static enum status small_file(const struct edge_host *host, const char *name, struct buf *out,
                              struct buf *message)
{
    TRY(state_dir_read(&host->directory, name, out, message));
    while (out->size > 0 && out->data[out->size - 1] == '\n')
        out->size--;
    return ST_OK;
}

static enum status identity_read(struct edge_host *host, struct buf *message)
{
    uint8_t memory[SMALL_FILE_SIZE_MAX];
    struct buf text = buf_of(memory, sizeof memory);
    TRY(small_file(host, EDGE_NODE_FILE, &text, message));
    if (node_name_from(buf_bytes(&text), &host->node) != ST_OK) {
        buf_put_format(message, "%s/%s does not hold a node name; restore it from your backup",
                       host->directory.path, EDGE_NODE_FILE);
        return ST_SETTINGS;
    }
    TRY(key_file_open(&host->directory, &host->key, message));
    if (!state_dir_has(&host->directory, EDGE_CLOUD_KEY_FILE)) return ST_OK;
    text.size = 0;
    TRY(small_file(host, EDGE_CLOUD_KEY_FILE, &text, message));
    if (cloud_key_parse(buf_bytes(&text), &host->cloud_key) != ST_OK) {
        buf_put_format(message,
                       "%s/%s is not a cloud's key; run: edge-bridge trust --dir %s "
                       "CLOUDKEY",
                       host->directory.path, EDGE_CLOUD_KEY_FILE, host->directory.path);
        return ST_SETTINGS;
    }
    host->has_cloud_key = true;
    return ST_OK;
}

static enum status engine_start(struct edge_host *host, struct buf *message)
{
    struct clock_os clock = clock_os_of(host->directory.fd);
    struct edge_options options = {
        .database_path = host->database_path,
        .node = host->node,
        .key = host->key,
        .has_cloud_key = host->has_cloud_key,
        .cloud_key = host->cloud_key,
        .settings = host->engine_settings,
        .port = &host->port,
        .daemon = host->daemon,
        .software = EDGE_SOFTWARE HOLDFAST_VERSION,
        .now = clock_os_now(&clock),
    };
    memcpy(options.boot_id, host->boot_id, sizeof options.boot_id);
    if (!host->daemon) options.settings.cloud_link = options.settings.local_link = false;
    enum status status = edge_open(&options, message, &host->edge);
    if (status == ST_FULL && disk_reserve_release(&host->reserve)) {
        message->size = 0;
        status = edge_open(&options, message, &host->edge);
    }
    return status;
}

enum status edge_host_engine_open(struct edge_host *host, bool daemon, struct buf *message)
{
    host->daemon = daemon;
    TRY(identity_read(host, message));
    TRY(boot_id_read(host->boot_id));
    TRY(signer_pool_open(0, &host->pool));
    host->port.sign_many = signer_pool_sign;
    host->port.context = host->pool;
    if (daemon)
        disk_reserve_open(&host->reserve, &host->directory,
                          settings_number(host->settings, "disk", "reserve_file_bytes"),
                          &host->port.trace);
    return engine_start(host, message);
}

/* The engine behind the shell's calls. */

static enum status heed_full(struct edge_host *host, enum status status)
{
    if (status == ST_FULL) host->store_full = true;
    return status;
}

static enum status calls_begin(void *context)
{
    struct edge_host *host = context;
    return heed_full(host, edge_begin(host->edge));
}

static enum status calls_step(void *context, const struct event *event, struct effects *effects)
{
    struct edge_host *host = context;
    return heed_full(host, edge_step(host->edge, event, effects));
}

static enum status calls_commit(void *context, const struct moment *now, struct effects *effects)
{
    struct edge_host *host = context;
    const enum status status = heed_full(host, edge_commit(host->edge, now, effects));
    if (status == ST_OK) disk_reserve_tick(&host->reserve, now);
    return status;
}

static uint64_t calls_next_wakeup(const void *context)
{
    return edge_next_wakeup(((const struct edge_host *)context)->edge);
}

static bool calls_has_jobs(const void *context)
{
    return edge_has_jobs(((const struct edge_host *)context)->edge);
}

static int64_t calls_certain_time_s(const void *context)
{
    const struct edge_host *host = context;
    return host->edge != NULL ? edge_certain_time_s(host->edge) : 0;
}

static enum status calls_reopen(void *context, struct buf *message)
{
    struct edge_host *host = context;
    /* Before the close: that copies the log of the database into it, which wants room as well. */
    if (host->store_full) disk_reserve_release(&host->reserve);
    host->store_full = false;
    edge_close(host->edge);
    host->edge = NULL;
    return engine_start(host, message);
}

struct engine_calls edge_host_calls(struct edge_host *host)
{
    return (struct engine_calls){.context = host,
                                 .begin = calls_begin,
                                 .step = calls_step,
                                 .commit = calls_commit,
                                 .next_wakeup = calls_next_wakeup,
                                 .has_jobs = calls_has_jobs,
                                 .reopen = calls_reopen,
                                 .certain_time_s = calls_certain_time_s};
}

static enum status session_start(void *context, struct engine_calls *out, struct buf *message)
{
    struct edge_host *host = context;
    TRY(edge_host_engine_open(host, false, message));
    *out = edge_host_calls(host);
    return ST_OK;
}

static void session_stop(void *context)
{
    struct edge_host *host = context;
    edge_close(host->edge);
    host->edge = NULL;
}

struct session_engine edge_host_session_engine(struct edge_host *host)
{
    return (struct session_engine){.context = host, .open = session_start, .close = session_stop};
}

enum status edge_host_ask(const struct cli_call *call, const char *verb,
                          const struct cli_arguments *arguments)
{
    struct edge_host host;
    enum status status = edge_host_open(&host, cli_value(call, "dir"), call->message);
    if (status == ST_OK) {
        const struct session_engine engine = edge_host_session_engine(&host);
        status = cli_ask(call, &host.directory, &engine, verb, arguments);
    }
    edge_host_close(&host);
    return status;
}
