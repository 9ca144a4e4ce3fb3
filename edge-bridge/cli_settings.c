/* cli_settings.c - the table of settings. */
#include "edge-bridge/cli_settings.h"

#include <string.h>

#include "common/base/bounds.h"
#include "common/shell/broker_settings.h"
#include "edge-bridge/link_use.h"
#include "topics/topics.h"

static const struct setting_row rows[] = {
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
    {"evidence", "retain_days", SETTING_INT, "0", 0, 36500, NULL,
     "payloads that the cloud has leave after so many days; proofs and P0 stay; 0: never"},
    {"evidence", "retain_bytes", SETTING_BYTES, "0", 0, 1099511627776, NULL,
     "room for payloads that the cloud has, the oldest leave; 0: all that the disk can hold"},
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
    {"link", "windows", SETTING_TEXT, "", 0, 1000, NULL,
     "when the link may be used, as in crontab with a duration, UTC: \"0 2 * * * 90m; ...\""},
    {"link", "mode", SETTING_WORD, "full", 0, 0, "full incremental auto",
     "incremental: critical evidence, config, active tracks only; auto: by the budget"},
    {"link", "incremental_below_bytes_s", SETTING_BYTES, "8K", 0, BUDGET_RATE_MAX, NULL,
     "with mode auto: incremental while the budget is below this"},
    {"link", "critical_override", SETTING_BOOL, "true", 0, 0, NULL,
     "critical evidence (P0) opens the link outside its windows"},
    {"link", "budget_bytes_s", SETTING_BYTES, "0", 0, BUDGET_RATE_MAX, NULL,
     "bytes a second that may go up, headers included; 0: no limit"},
    {"tracks", "interest", SETTING_WORD, "all", 0, 0, "none groups all",
     "which tracks of others are taken from the cloud"},
    {"tracks", "view_ttl_s", SETTING_INT, "600", 1, 31536000, NULL,
     "a track not seen for so long is historical"},
    {"tracks", "interval_ms", SETTING_MS, "200", 0, 3600000, NULL,
     "a batch of tracks that is not full waits so long for company"},
    {"tracks", "repair_s", SETTING_INT, "86400", 1, 31536000, NULL,
     "replicas are compared with the cloud so often"},
    {"tracks", "retention_min_s", SETTING_INT, "3600", 0, 31536000, NULL,
     "a horizon nearer to now than this is refused"},
    {"tracks", "bytes_max", SETTING_BYTES, "64M", 65536, 1099511627776, NULL,
     "room for tracks; historical ones give way first"},
    {"tracks", "history", SETTING_WORD, "none", 0, 0, "none evidence",
     "evidence: each local observation is also kept as an evidence entry of priority 4"},
    {"disk", "reserve_bytes", SETTING_BYTES, "64M", 0, 1099511627776, NULL,
     "below this much free room no new evidence is taken"},
    {"disk", "reserve_file_bytes", SETTING_BYTES, "8M", 0, 1073741824, NULL,
     "room kept in a file and given up when the disk is full; at most half of reserve_bytes"},
    {"process", "core_dumps", SETTING_BOOL, "false", 0, 0, NULL,
     "a crash may leave an image of the memory, secret key included, for who looks for a fault"},
    {"log", "level", SETTING_WORD, "info", 0, 0, "debug info warning alarm",
     "least important lines that are logged"},
};
const struct settings_table edge_settings_table = {
    .rows = rows,
    .row_count = COUNT_OF(rows),
    .prefix = EDGE_SETTINGS_PREFIX,
    .file = EDGE_SETTINGS_FILE,
};

static uint32_t small(const struct settings *settings, const char *section, const char *key)
{
    return (uint32_t)settings_number(settings, section, key);
}

static enum status windows_from(const struct settings *settings, struct edge_settings *out,
                                struct buf *message)
{
    char words[200];
    struct buf reason = buf_of(words, sizeof words);
    const char *const text = settings_text(settings, "link", "windows");
    if (schedule_read(bytes_of_text(text), &out->windows, &reason) == ST_OK) return ST_OK;
    buf_put_format(message, "windows in [link]: %.*s", (int)reason.size, words);
    return ST_SETTINGS;
}

enum status edge_settings_from(const struct settings *settings, struct edge_settings *out,
                               struct buf *message)
{
    *out = edge_settings_default();
    out->topic_root = settings_text(settings, "broker", "topic_root");
    out->cloud_link = settings_text(settings, "broker", "host")[0] != '\0';
    out->local_link = settings_flag(settings, "local", "enabled");
    out->checkpoint_ms = small(settings, "evidence", "checkpoint_ms");
    out->heartbeat_ms = small(settings, "evidence", "heartbeat_ms");
    out->retain_days = small(settings, "evidence", "retain_days");
    out->retain_bytes = settings_number(settings, "evidence", "retain_bytes");
    out->publisher_id_days = small(settings, "evidence", "publisher_id_days");
    out->publisher_id_count = small(settings, "evidence", "publisher_id_count");
    out->frame_size_max = small(settings, "outbox", "frame_bytes");
    out->window_bytes_max = small(settings, "outbox", "window_bytes");
    out->window_frames_max = small(settings, "outbox", "window_frames");
    out->ack_timeout_ms = small(settings, "outbox", "ack_timeout_ms");
    out->compress = (enum edge_compress)settings_number(settings, "outbox", "compress");
    out->interest = (enum track_interest)settings_number(settings, "tracks", "interest");
    out->track_view_ttl_s = small(settings, "tracks", "view_ttl_s");
    out->track_interval_ms = small(settings, "tracks", "interval_ms");
    out->track_repair_s = small(settings, "tracks", "repair_s");
    out->track_retention_min_s = small(settings, "tracks", "retention_min_s");
    out->track_bytes_max = settings_number(settings, "tracks", "bytes_max");
    out->track_history = settings_number(settings, "tracks", "history") == 1;
    out->disk_reserve_bytes = settings_number(settings, "disk", "reserve_bytes");
    out->mode = (enum sync_mode)settings_number(settings, "link", "mode");
    out->incremental_below_bytes_s = settings_number(settings, "link", "incremental_below_bytes_s");
    out->critical_override = settings_flag(settings, "link", "critical_override");
    out->budget_bytes_s = settings_number(settings, "link", "budget_bytes_s");
    const char *tls = settings_text(settings, "broker", "tls");
    const bool has_ca = settings_text(settings, "broker", "ca")[0] != '\0';
    out->link_tls = strcmp(tls, "true") == 0 || (strcmp(tls, "auto") == 0 && has_ca);
    TRY(windows_from(settings, out, message));
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
