/* cli_init.c - makes the cloud's directory and prints the line that nodes trust it by.
 *
 * The database is made under another name and renamed when it is whole, so that an init that was
 * interrupted is simply run again; a key that is there already is kept. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cloud-consumer/cli_host.h"
#include "cloud-consumer/cli_settings.h"
#include "cloud-consumer/cli_verbs.h"
#include "common/shell/clock_os.h"
#include "common/shell/dir_lock.h"
#include "common/shell/key_file.h"
#include "common/shell/version.h"

#define NEW_DATABASE CLOUD_DATABASE_FILE ".new"

static enum status database_make(struct cloud_host *host, struct buf *message)
{
    static const char *const leftovers[] = {NEW_DATABASE, NEW_DATABASE "-wal", NEW_DATABASE "-shm",
                                            NEW_DATABASE "-journal"};
    struct clock_os clock = clock_os_of(host->directory.fd);
    char path[PATH_MAX];
    for (size_t i = 0; i < COUNT_OF(leftovers); i++)
        unlinkat(host->directory.fd, leftovers[i], 0);
    state_dir_path(&host->directory, NEW_DATABASE, path);
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
    if (renameat(host->directory.fd, NEW_DATABASE, host->directory.fd, CLOUD_DATABASE_FILE) == 0 &&
        fsync(host->directory.fd) == 0)
        return ST_OK;
    buf_put_format(message, "%s cannot be renamed: %s", path, strerror(errno));
    return ST_DISK;
}

static enum status settings_make(const struct state_dir *directory, struct buf *message)
{
    uint8_t memory[16 * 1024];
    struct buf text = buf_of(memory, sizeof memory);
    if (state_dir_has(directory, CLOUD_SETTINGS_FILE)) return ST_OK;
    settings_write_template(cloud_setting_rows, cloud_setting_count, &text);
    INVARIANT(buf_ok(&text));
    return state_dir_write(directory, CLOUD_SETTINGS_FILE, 0600, false, buf_bytes(&text), message);
}

static enum status cloud_make(struct cloud_host *host, struct buf *message)
{
    if (state_dir_has(&host->directory, CLOUD_DATABASE_FILE)) {
        buf_put_format(message, "%s holds a cloud's store already; use another directory",
                       host->directory.path);
        return ST_CONFLICT;
    }
    TRY(settings_make(&host->directory, message));
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
