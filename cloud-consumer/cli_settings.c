/* cli_settings.c - the table of settings. */
#include "cloud-consumer/cli_settings.h"

#include "common/shell/broker_settings.h"
#include "topics/topics.h"

static const struct setting_row rows[] = {
    BROKER_ROWS("broker"),
    {"broker", "topic_root", SETTING_TEXT, "hf/v1", 1, 64, NULL,
     "first levels of every topic; the same for all nodes and the cloud"},
    {"broker", "reconnect_min_ms", SETTING_MS, "200", 10, 3600000, NULL,
     "shortest pause before connecting again"},
    {"broker", "reconnect_max_ms", SETTING_MS, "30000", 10, 3600000, NULL,
     "longest pause before connecting again"},
    {"broker", "dropped_counter", SETTING_BOOL, "true", 0, 0, NULL,
     "watch $SYS/broker/publish/messages/dropped, which Mosquitto keeps; it must stay 0"},
    {"store", "rejected_frames", SETTING_INT, "1000", 0, 1000000, NULL,
     "refused frames that are kept for diagnosis"},
    {"store", "staged_bytes", SETTING_BYTES, "64M", 16777216, 17179869184, NULL,
     "parts of large payloads not yet accepted, for each node"},
    {"store", "pending_entries", SETTING_INT, "4096", 64, 1000000, NULL,
     "entries ahead of the chain, for each log"},
    {"store", "audit", SETTING_BOOL, "true", 0, 0, NULL,
     "verify every entry's own signature in the background"},
    {"tracks", "retention_s", SETTING_INT, "2592000", 1, 3153600000, NULL,
     "older observations of tracks are dead everywhere; the archive keeps them"},
    {"tracks", "view_ttl_s", SETTING_INT, "600", 1, 31536000, NULL,
     "a track not seen for so long is historical"},
    {"tracks", "archive_days", SETTING_INT, "0", 0, 36500, NULL,
     "archived states of tracks are kept so long; 0: for ever"},
    {"config", "unknown_keys", SETTING_WORD, "allow", 0, 0, "allow refuse",
     "writes of keys without a rule"},
    {"process", "core_dumps", SETTING_BOOL, "false", 0, 0, NULL,
     "a crash may leave an image of the memory, secret key included, for who looks for a fault"},
    {"log", "level", SETTING_WORD, "info", 0, 0, "debug info warning alarm",
     "least important lines that are logged"},
};
const struct settings_table cloud_settings_table = {
    .rows = rows,
    .row_count = COUNT_OF(rows),
    .prefix = CLOUD_SETTINGS_PREFIX,
    .file = CLOUD_SETTINGS_FILE,
};

enum status cloud_settings_from(const struct settings *settings, struct cloud_settings *out,
                                struct buf *message)
{
    *out = cloud_settings_default();
    out->topic_root = settings_text(settings, "broker", "topic_root");
    out->link = settings_text(settings, "broker", "host")[0] != '\0';
    out->broker_counters = settings_flag(settings, "broker", "dropped_counter");
    out->rejected_frames_max = (uint32_t)settings_number(settings, "store", "rejected_frames");
    out->staged_bytes_max = settings_number(settings, "store", "staged_bytes");
    out->pending_entries_max = (uint32_t)settings_number(settings, "store", "pending_entries");
    out->audit = settings_flag(settings, "store", "audit");
    out->track_retention_s = (uint32_t)settings_number(settings, "tracks", "retention_s");
    out->track_view_ttl_s = (uint32_t)settings_number(settings, "tracks", "view_ttl_s");
    out->track_archive_days = (uint32_t)settings_number(settings, "tracks", "archive_days");
    out->config_unknown_keys = settings_number(settings, "config", "unknown_keys") == 0;
    TRY(cli_reconnect_read(settings, &out->reconnect_ms_min, &out->reconnect_ms_max, message));
    if (!topic_root_ok(out->topic_root)) {
        buf_put_format(message,
                       "topic_root in [broker] must be levels of letters, digits, dot, dash and "
                       "underscore parted by \"/\", not \"%s\"",
                       out->topic_root);
        return ST_SETTINGS;
    }
    return ST_OK;
}
