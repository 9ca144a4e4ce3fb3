/* cli_settings.h - the cloud consumer's table of settings, and what the engine gets of it. */
#ifndef HOLDFAST_CLOUD_CONSUMER_CLI_SETTINGS_H
#define HOLDFAST_CLOUD_CONSUMER_CLI_SETTINGS_H

#include "cloud-consumer/cloud.h"
#include "common/shell/cli_host.h"

#define CLOUD_SETTINGS_FILE "cloud-consumer.ini"
#define CLOUD_SETTINGS_PREFIX "CLOUD_CONSUMER"

extern const struct settings_table cloud_settings_table;

/* topic_root is borrowed from settings. Errors: ST_SETTINGS with a sentence. */
MUST_USE enum status cloud_settings_from(const struct settings *settings,
                                         struct cloud_settings *out, struct buf *message);

#endif
