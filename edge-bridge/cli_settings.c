/* cli_settings.c - the table of settings. */
#include "edge-bridge/cli_settings.h"

#include "common/base/bounds.h"
#include "common/shell/broker_settings.h"
#include "topics/topics.h"

const struct setting_row edge_setting_rows[] = {
    BROKER_ROWS("broker"),
    {"broker", "topic_root", SETTING_TEXT, "hf/v1", 1, 64, NULL,
     "first levels of every topic; the same for all nodes and the cloud"},
    {"broker", "reconnect_min_ms", SETTING_MS, "100", 10, 3600000, NULL,
     "shortest pause before connecting again"},
    {"broker", "reconnect_max_ms", SETTING_MS, "1000", 10, 3600000, NULL,
     "longest pause before connecting again"},
    {"local", "enabled", SETTING_BOOL, "false", 0, 0, NULL,
     "take evidence from publishers at a local broker"},
    BROKER_ROWS("local"),
    {"evidence", "checkpoint_ms", SETTING_MS, "1000", 10, 3600000, NULL,
     "a signed checkpoint at least this often while entries come"},
    {"evidence", "heartbeat_ms", SETTING_MS, "60000", 0, 86400000, NULL,
     "a heartbeat entry after so long a silence; 0: never"},
    {"evidence", "publisher_id_days", SETTING_INT, "7", 0, 3650, NULL,
     "days for which a publisher's id is known again"},
    {"evidence", "publisher_id_count", SETTING_INT, "1000000", 0, 100000000, NULL,
     "how many publisher ids are known again"},
    {"outbox", "frame_bytes", SETTING_BYTES, "60K", 1024, INLINE_PAYLOAD_SIZE_MAX, NULL,
     "size of a frame's body, about"},
    {"outbox", "window_bytes", SETTING_BYTES, "1M", 65536, 67108864, NULL,
     "bytes under way without the cloud's acknowledgement"},
    {"outbox", "window_frames", SETTING_INT, "64", 1, 250, NULL,
     "frames under way without the broker's acknowledgement"},
    {"outbox", "ack_timeout_ms", SETTING_MS, "5000", 100, 3600000, NULL,
     "without acknowledgement for so long, the cloud is asked"},
    {"outbox", "compress", SETTING_WORD, "auto", 0, 0, "never always auto",
     "compress frames; auto: unless the payloads do not get smaller"},
    {"disk", "reserve_bytes", SETTING_BYTES, "64M", 0, 1099511627776, NULL,
     "below this much free room no new evidence is taken"},
    {"log", "level", SETTING_WORD, "info", 0, 0, "debug info warning alarm",
     "least important lines that are logged"},
};
const size_t edge_setting_count = COUNT_OF(edge_setting_rows);

static uint32_t small(const struct settings *settings, const char *section, const char *key)
{
    return (uint32_t)settings_number(settings, section, key);
}

enum status edge_settings_from(const struct settings *settings, struct edge_settings *out,
                               struct buf *message)
{
    *out = edge_settings_default();
    out->topic_root = settings_text(settings, "broker", "topic_root");
    out->cloud_link = settings_text(settings, "broker", "host")[0] != '\0';
    out->local_link = settings_flag(settings, "local", "enabled");
    out->reconnect_ms_min = small(settings, "broker", "reconnect_min_ms");
    out->reconnect_ms_max = small(settings, "broker", "reconnect_max_ms");
    out->checkpoint_ms = small(settings, "evidence", "checkpoint_ms");
    out->heartbeat_ms = small(settings, "evidence", "heartbeat_ms");
    out->publisher_id_days = small(settings, "evidence", "publisher_id_days");
    out->publisher_id_count = small(settings, "evidence", "publisher_id_count");
    out->frame_size_max = small(settings, "outbox", "frame_bytes");
    out->window_bytes_max = small(settings, "outbox", "window_bytes");
    out->window_frames_max = small(settings, "outbox", "window_frames");
    out->ack_timeout_ms = small(settings, "outbox", "ack_timeout_ms");
    out->compress = (enum edge_compress)settings_number(settings, "outbox", "compress");
    out->disk_reserve_bytes = settings_number(settings, "disk", "reserve_bytes");
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
