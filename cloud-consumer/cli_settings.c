/* cli_settings.c - the table of settings. */
#include "cloud-consumer/cli_settings.h"

#include "common/shell/broker_settings.h"
#include "topics/topics.h"

const struct setting_row cloud_setting_rows[] = {
    BROKER_ROWS("broker"),
    {"broker", "topic_root", SETTING_TEXT, "hf/v1", 1, 64, NULL,
     "first levels of every topic; the same for all nodes and the cloud"},
    {"broker", "reconnect_min_ms", SETTING_MS, "200", 10, 3600000, NULL,
     "shortest pause before connecting again"},
    {"broker", "reconnect_max_ms", SETTING_MS, "30000", 10, 3600000, NULL,
     "longest pause before connecting again"},
    {"store", "rejected_frames", SETTING_INT, "1000", 0, 1000000, NULL,
     "refused frames that are kept for diagnosis"},
    {"store", "staged_bytes", SETTING_BYTES, "64M", 16777216, 17179869184, NULL,
     "parts of large payloads not yet accepted, for each node"},
    {"store", "pending_entries", SETTING_INT, "4096", 64, 1000000, NULL,
     "entries ahead of the chain, for each log"},
    {"store", "audit", SETTING_BOOL, "true", 0, 0, NULL,
     "verify every entry's own signature in the background"},
    {"log", "level", SETTING_WORD, "info", 0, 0, "debug info warning alarm",
     "least important lines that are logged"},
};
const size_t cloud_setting_count = COUNT_OF(cloud_setting_rows);

enum status cloud_settings_from(const struct settings *settings, struct cloud_settings *out,
                                struct buf *message)
{
    *out = cloud_settings_default();
    out->topic_root = settings_text(settings, "broker", "topic_root");
    out->link = settings_text(settings, "broker", "host")[0] != '\0';
    out->reconnect_ms_min = (uint32_t)settings_number(settings, "broker", "reconnect_min_ms");
    out->reconnect_ms_max = (uint32_t)settings_number(settings, "broker", "reconnect_max_ms");
    out->rejected_frames_max = (uint32_t)settings_number(settings, "store", "rejected_frames");
    out->staged_bytes_max = settings_number(settings, "store", "staged_bytes");
    out->pending_entries_max = (uint32_t)settings_number(settings, "store", "pending_entries");
    out->audit = settings_flag(settings, "store", "audit");
    if (out->reconnect_ms_min > out->reconnect_ms_max) {
        buf_put_format(message, "reconnect_min_ms %u is above reconnect_max_ms %u in [broker]",
                       out->reconnect_ms_min, out->reconnect_ms_max);
        return ST_SETTINGS;
    }
    if (!topic_root_ok(out->topic_root)) {
        buf_put_format(message,
                       "topic_root in [broker] must be levels of letters, digits, dot, dash and "
                       "underscore parted by \"/\", not \"%s\"",
                       out->topic_root);
        return ST_SETTINGS;
    }
    return ST_OK;
}
