/* broker_settings.h - what both programs' tables say about a broker, and how it becomes the
 * settings of a link: paths below the state directory, the password read from its file. */
#ifndef HOLDFAST_COMMON_SHELL_BROKER_SETTINGS_H
#define HOLDFAST_COMMON_SHELL_BROKER_SETTINGS_H

#include <limits.h>

#include "common/shell/link_mqtt.h"
#include "common/shell/settings.h"
#include "common/shell/state_dir.h"

/* Rows of a table, for this section. */
#define BROKER_ROWS(section)                                                                       \
    {section,                                                                                      \
     "host",                                                                                       \
     SETTING_TEXT,                                                                                 \
     "127.0.0.1",                                                                                  \
     0,                                                                                            \
     HOST_SIZE_MAX - 1,                                                                            \
     NULL,                                                                                         \
     "host name or address of the broker"},                                                        \
        {section, "port", SETTING_INT, "1883", 1, 65535, NULL, "TCP port of the broker"},          \
        {section, "user", SETTING_TEXT, "", 0, 255, NULL, "user name, empty for none"},            \
        {section,                                                                                  \
         "password_file",                                                                          \
         SETTING_TEXT,                                                                             \
         "",                                                                                       \
         0,                                                                                        \
         511,                                                                                      \
         NULL,                                                                                     \
         "file whose first line is the password; relative to the directory"},                      \
        {section, "tls", SETTING_WORD,      "auto",                                                \
         0,       0,     "false true auto", "TLS to the broker; auto: when ca is set"},            \
        {section,                                                                                  \
         "tls_verify",                                                                             \
         SETTING_BOOL,                                                                             \
         "true",                                                                                   \
         0,                                                                                        \
         0,                                                                                        \
         NULL,                                                                                     \
         "check the broker's certificate and its name"},                                           \
        {section, "ca", SETTING_TEXT, "",                                                          \
         0,       511,  NULL,         "PEM file of the certificate authorities to trust"},         \
        {section, "cert", SETTING_TEXT, "",                                                        \
         0,       511,    NULL,         "PEM file of our certificate, empty for none"},            \
        {section, "key", SETTING_TEXT, "", 0, 511, NULL, "PEM file of our certificate's key"},     \
        {section,     "keepalive_s",                                                               \
         SETTING_INT, "30",                                                                        \
         5,           65535,                                                                       \
         NULL,        "seconds of silence after which the connection is tested"},                  \
    {                                                                                              \
        section, "session_expiry_s", SETTING_INT, "2592000", 0, 4294967295, NULL,                  \
            "seconds for which the broker keeps our session"                                       \
    }

enum { PASSWORD_SIZE_MAX = 512 };

/* Owns the texts that link points to; not to be moved. */
struct broker_settings {
    struct link_settings link;
    char ca[PATH_MAX], certificate[PATH_MAX], private_key[PATH_MAX];
    uint8_t password[PASSWORD_SIZE_MAX];
    size_t password_size;
};

/* name and client_id are borrowed. Errors: ST_SETTINGS (a file that is named is not there). */
MUST_USE enum status broker_settings_read(const struct settings *settings, const char *section,
                                          const struct state_dir *directory, enum link link,
                                          const char *name, const char *client_id,
                                          struct broker_settings *out, struct buf *message);
void broker_settings_wipe(struct broker_settings *broker);

#endif
