/* cli_init.c - makes the cloud's directory and prints the line that nodes trust it by.;
 * a key that is there already is kept. */
#include <stdio.h>

#include "cloud-consumer/cli_host.h"
#include "cloud-consumer/cli_settings.h"
#include "cloud-consumer/cli_verbs.h"
#include "common/shell/clock_os.h"
#include "common/shell/dir_lock.h"
#include "common/shell/key_file.h"
#include "common/shell/version.h"

static enum status database_make(struct cloud_host *host, struct buf *message)
{
    struct clock_os clock = clock_os_of(host->directory.fd);
    char path[PATH_MAX];
    cli_database_begin(&host->directory, CLOUD_DATABASE_FILE, path);
    host->port = (struct port){.random = entropy_fill};
    const struct cloud_options options = {
        .database_path = path,
        .key = host->key,
        .settings = cloud_settings_default(),
        .port = &host->port,
        .software = CLOUD_SOFTWARE HOLDFAST_VERSION,
        .now = clock_os_now(&clock),
    };
    TRY(cloud_create(&options, message));
    return cli_database_finish(&host->directory, CLOUD_DATABASE_FILE, message);
}

static enum status cloud_make(struct cloud_host *host, struct buf *message)
{
    if (state_dir_has(&host->directory, CLOUD_DATABASE_FILE)) {
        buf_put_format(message, "%s holds a cloud's store already; use another directory",
                       host->directory.path);
        return ST_CONFLICT;
    }
    TRY(cli_settings_make(&cloud_settings_table, &host->directory, message));
    if (!state_dir_has(&host->directory, KEY_FILE_NAME))
        TRY(key_file_create(&host->directory, message));
    TRY(key_file_open(&host->directory, &host->key, message));
    return database_make(host, message);
}

static void key_line_print(const struct secret_key *key)
{
    char line[KEY_LINE_SIZE_MAX];
    const struct node_name name = {.text = "cloud"};
    key_line_write(KEY_LINE_CLOUD, &name, key, line);
    puts(line);
}

enum status cli_init(const struct cli_call *call)
{
    struct cloud_host host = {.directory.fd = -1};
    struct dir_lock lock = {.fd = -1};
    enum status status = crypto_start();
    if (status == ST_OK)
        status = state_dir_create(cli_value(call, "dir"), &host.directory, call->message);
    if (status == ST_OK)
        status = dir_lock_take(&host.directory, "cloud-consumer init", &lock, call->message);
    if (status == ST_OK) status = cloud_make(&host, call->message);
    if (status == ST_OK) key_line_print(host.key);
    dir_lock_release(&lock);
    cloud_host_close(&host);
    return status;
}

/* Needs neither engine nor lock: the key never changes. */
enum status cli_key(const struct cli_call *call)
{
    struct cloud_host host;
    enum status status = cloud_host_open(&host, cli_value(call, "dir"), call->message);
    if (status == ST_OK) status = key_file_open(&host.directory, &host.key, call->message);
    if (status == ST_OK) key_line_print(host.key);
    cloud_host_close(&host);
    return status;
}
