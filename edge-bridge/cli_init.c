/* cli_init.c - makes a node's directory and prints its enrolment line.;
 * a key that is there already is kept. */
#include <stdio.h>

#include "common/shell/dir_lock.h"
#include "common/shell/key_file.h"
#include "common/shell/version.h"
#include "edge-bridge/cli_host.h"
#include "edge-bridge/cli_settings.h"
#include "edge-bridge/cli_verbs.h"

static enum status database_make(struct edge_host *host, struct buf *message)
{
    struct clock_os clock = clock_os_of(host->directory.fd);
    char path[PATH_MAX];
    cli_database_begin(&host->directory, EDGE_DATABASE_FILE, path);
    host->port = (struct port){.random = entropy_fill};
    struct edge_options options = {
        .database_path = path,
        .node = host->node,
        .key = host->key,
        .settings = edge_settings_default(),
        .port = &host->port,
        .software = EDGE_SOFTWARE HOLDFAST_VERSION,
        .now = clock_os_now(&clock),
    };
    TRY(boot_id_read(options.boot_id));
    TRY(edge_create(&options, message));
    return cli_database_finish(&host->directory, EDGE_DATABASE_FILE, message);
}

static enum status node_make(struct edge_host *host, struct buf *message)
{
    uint8_t memory[NODE_NAME_SIZE + 1];
    struct buf text = buf_of(memory, sizeof memory);
    if (state_dir_has(&host->directory, EDGE_DATABASE_FILE)) {
        buf_put_format(message, "%s holds a node already; use another directory",
                       host->directory.path);
        return ST_CONFLICT;
    }
    TRY(cli_settings_make(&edge_settings_table, &host->directory, message));
    if (!state_dir_has(&host->directory, KEY_FILE_NAME))
        TRY(key_file_create(&host->directory, message));
    TRY(key_file_open(&host->directory, &host->key, message));
    buf_put_format(&text, "%s\n", host->node.text);
    TRY(state_dir_write(&host->directory, EDGE_NODE_FILE, 0644, true, buf_bytes(&text), message));
    return database_make(host, message);
}

enum status cli_init(const struct cli_call *call)
{
    struct edge_host host = {.directory.fd = -1};
    struct dir_lock lock = {.fd = -1};
    char line[KEY_LINE_SIZE_MAX];
    const char *name = cli_value(call, "node");
    if (node_name_from(bytes_of_text(name), &host.node) != ST_OK) {
        buf_put_format(call->message,
                       "\"%.100s\" cannot name a node: 1 to 31 characters of a-z, 0-9 and dash, "
                       "not beginning with a dash, and not cloud, config, models, local, fleet, "
                       "group or node",
                       name);
        return ST_USAGE;
    }
    enum status status = crypto_start();
    if (status == ST_OK)
        status = state_dir_create(cli_value(call, "dir"), &host.directory, call->message);
    if (status == ST_OK)
        status = dir_lock_take(&host.directory, "edge-bridge init", &lock, call->message);
    if (status == ST_OK) status = node_make(&host, call->message);
    if (status == ST_OK) {
        key_line_write(KEY_LINE_NODE, &host.node, host.key, line);
        puts(line);
    }
    dir_lock_release(&lock);
    edge_host_close(&host);
    return status;
}
