/* broker_settings.c - from settings to link settings. */
#include "common/shell/broker_settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/crypto/sign.h"

/* *out stays NULL when the setting is empty. */
static enum status file_of(const struct settings *settings, const char *section, const char *key,
                           const struct state_dir *directory, char path[PATH_MAX], const char **out,
                           struct buf *message)
{
    const char *text = settings_text(settings, section, key);
    *out = NULL;
    if (text[0] == '\0') return ST_OK;
    const int size = text[0] == '/' ? snprintf(path, PATH_MAX, "%s", text)
                                    : snprintf(path, PATH_MAX, "%s/%s", directory->path, text);
    if (size < 0 || size >= PATH_MAX || access(path, R_OK) != 0) {
        buf_put_format(message, "setting %s in section [%s]: %s cannot be read: %s", key, section,
                       path, strerror(errno));
        return ST_SETTINGS;
    }
    *out = path;
    return ST_OK;
}

static enum status password_read(const char *path, struct broker_settings *out, struct buf *message)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        buf_put_format(message, "the password file %s cannot be read: %s", path, strerror(errno));
        return ST_SETTINGS;
    }
    const size_t got = fread(out->password, 1, sizeof out->password, file);
    fclose(file);
    const uint8_t *end = memchr(out->password, '\n', got);
    out->password_size = end != NULL ? (size_t)(end - out->password) : got;
    if (out->password_size > 0 && out->password_size < sizeof out->password) return ST_OK;
    buf_put_format(message, "the password file %s must have a first line of 1 to %d characters",
                   path, PASSWORD_SIZE_MAX - 1);
    return ST_SETTINGS;
}

enum status broker_settings_read(const struct settings *settings, const char *section,
                                 const struct state_dir *directory, enum link link,
                                 const char *name, const char *client_id,
                                 struct broker_settings *out, struct buf *message)
{
    enum { TLS_AUTO = 2 };
    char password_path[PATH_MAX];
    const char *password_file;
    memset(out, 0, sizeof *out);
    struct link_settings *to = &out->link;
    to->link = link;
    to->name = name;
    to->client_id = client_id;
    to->host = settings_text(settings, section, "host");
    to->port = (uint16_t)settings_number(settings, section, "port");
    to->keepalive_s = (uint32_t)settings_number(settings, section, "keepalive_s");
    to->session_expiry_s = (uint32_t)settings_number(settings, section, "session_expiry_s");
    to->tls_verify = settings_flag(settings, section, "tls_verify");
    TRY(file_of(settings, section, "ca", directory, out->ca, &to->ca, message));
    TRY(file_of(settings, section, "cert", directory, out->certificate, &to->certificate, message));
    TRY(file_of(settings, section, "key", directory, out->private_key, &to->private_key, message));
    TRY(file_of(settings, section, "password_file", directory, password_path, &password_file,
                message));
    const uint64_t tls = settings_number(settings, section, "tls");
    to->tls = tls == TLS_AUTO ? to->ca != NULL : tls != 0;
    const char *user = settings_text(settings, section, "user");
    to->user = user[0] != '\0' ? user : NULL;
    if (password_file != NULL) TRY(password_read(password_file, out, message));
    to->password = bytes_of(out->password, out->password_size);
    return ST_OK;
}

void broker_settings_wipe(struct broker_settings *broker)
{
    secret_wipe(broker->password, sizeof broker->password);
    broker->password_size = 0;
}
