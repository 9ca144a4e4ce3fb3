/* main.c - the verbs of the edge bridge. */
#include "common/shell/version.h"
#include "edge-bridge/cli_settings.h"
#include "edge-bridge/cli_verbs.h"

#define OPTION_DIR                                                                                 \
    {                                                                                              \
        "dir", "D", "directory of the node", true                                                  \
    }
#define OPTION_SINCE                                                                               \
    {                                                                                              \
        "since", "T", "from this time on: RFC 3339 or unix seconds", false                         \
    }

static const struct cli_option init_options[] = {
    OPTION_DIR, {"node", "N", "name of the node, unique in the whole system", true}};
static const struct cli_option run_options[] = {OPTION_DIR};
static const struct cli_option append_options[] = {
    OPTION_DIR,
    {"type", "T", "type of the entries, one topic level", true},
    {"priority", "0..5", "0 is sent at once and kept for ever, 5 is best effort (default 2)",
     false},
    {"lines", NULL, "one entry a line; empty lines are skipped", false},
    {"id", "ID", "a repeat with the same id returns the first receipt", false},
    {"id-prefix", "P", "with --lines: the id of line n is P and n, n from 1", false},
    CLI_OPTION_JSON,
    {"quiet", NULL, "print no receipts", false},
};

static const struct cli_option sync_options[] = {
    OPTION_DIR,
    {"full", NULL, "evidence, tracks, config; replicas are compared (the default)", false},
    {"incremental", NULL, "critical evidence, config, active tracks only", false},
    {"wait", NULL, "wait for its end and print the report", false},
    {"seconds", "n", "give up after so long (default 3600)", false},
    {"report", NULL, "print the report of the last one instead", false},
    CLI_OPTION_JSON,
};
static const struct cli_option trust_options[] = {OPTION_DIR};
static const struct cli_option list_options[] = {
    OPTION_DIR,
    OPTION_SINCE,
    {"limit", "n", "at most so many entries", false},
    {"log", "HEX", "another log than the open one", false},
    CLI_OPTION_JSON,
};
static const struct cli_option show_options[] = {
    OPTION_DIR,
    {"log", "HEX", "another log than the open one", false},
    {"raw", "WHAT", "write the bytes of header, signature or payload", false},
    CLI_OPTION_JSON,
};

#define OPTION_SCOPE(help)                                                                         \
    {                                                                                              \
        "scope", "S", help, false                                                                  \
    }

static const struct cli_option put_options[] = {
    OPTION_DIR,
    {"lat", "DEG", "latitude in degrees, north positive", false},
    {"lon", "DEG", "longitude in degrees, east positive", false},
    {"alt", "M", "metres above the WGS 84 ellipsoid (default 0)", false},
    {"position-confidence", "C", "0.0 to 1.0 (default 0.5)", false},
    {"velocity", "N,E,U", "metres per second to the north, the east and up", false},
    {"class", "LABEL", "what it is", false},
    {"class-confidence", "C", "0.0 to 1.0 (default 0.5)", false},
    {"sensor", "LABEL", "who saw it", false},
    {"time", "T", "when, RFC 3339 or unix seconds (default: now)", false},
    {"lines", NULL, "one JSON object a line, whose member \"track\" names it", false},
    CLI_OPTION_JSON,
};
static const struct cli_option track_list_options[] = {
    OPTION_DIR,
    OPTION_SINCE,
    {"limit", "n", "at most so many tracks", false},
    {"after", "TRACK", "from the one after this name on", false},
    {"all", NULL, "historical and removed tracks too", false},
    CLI_OPTION_JSON,
};
static const struct cli_option plain_options[] = {OPTION_DIR, CLI_OPTION_JSON};
static const struct cli_option config_set_options[] = {
    OPTION_DIR,
    {"type", "T", "bool, int, float, string, bytes (base64) or json (default: by its looks)",
     false},
    OPTION_SCOPE("fleet, group/G or node/N (default: this node)"),
    CLI_OPTION_JSON,
};
static const struct cli_option config_unset_options[] = {
    OPTION_DIR,
    OPTION_SCOPE("fleet, group/G or node/N (default: this node)"),
    CLI_OPTION_JSON,
};
static const struct cli_option config_scope_options[] = {
    OPTION_DIR,
    OPTION_SCOPE("fleet, group/G or node/N (default: what counts at this node)"),
    CLI_OPTION_JSON,
};

static const struct cli_verb verbs[] = {
    CLI_VERB("init", "", 0, 0, "Make the directory of a new node and print its enrolment line.",
             init_options, cli_init),
    CLI_VERB("run", "", 0, 0, "Run the daemon until SIGTERM.", run_options, cli_run),
    CLI_VERB(
        "append", "[FILE|-]", 0, 1,
        "Append evidence and print \"log sequence hash\" of each entry once it is on the disk.",
        append_options, cli_append),
    CLI_VERB("status", "", 0, 0, "Show the log, what waits, and the links.", plain_options,
             cli_status),
    CLI_VERB("verify", "", 0, 0, "Verify the whole local log; exit 0 good, 1 tampered.",
             plain_options, cli_verify),
    CLI_VERB("trust", "CLOUDKEY", 1, 4, "Trust this cloud's acknowledgements.", trust_options,
             cli_trust),
    CLI_VERB("pause", "", 0, 0, "Close the link to the cloud until it is resumed.", plain_options,
             cli_pause),
    CLI_VERB("resume", "", 0, 0, "Open the link again, as its windows say.", plain_options,
             cli_resume),
    CLI_VERB("sync", "", 0, 0, "Bring all in step now, and say what it took.", sync_options,
             cli_sync),
    CLI_VERB("budget", "[BYTES_PER_SECOND]", 0, 1,
             "Show or set how much may go up; 0: no limit; holds until the next start.",
             plain_options, cli_budget),
    CLI_VERB("evidence list", "", 0, 0, "List entries.", list_options, cli_evidence_list),
    CLI_VERB("evidence show", "SEQUENCE", 1, 1, "Show one entry.", show_options, cli_evidence_show),
    CLI_VERB("track put", "[TRACK [JSON|-]]", 0, 2,
             "Tell what a sensor saw of a track; print \"track change\" once it is on the disk.",
             put_options, cli_track_put),
    CLI_VERB("track list", "", 0, 0, "List the tracks that are seen now.", track_list_options,
             cli_track_list),
    CLI_VERB("track show", "TRACK", 1, 1, "Show one track: what each node said, and the sensors.",
             plain_options, cli_track_show),
    CLI_VERB("track remove", "TRACK", 1, 1, "Remove what is known of a track, everywhere.",
             plain_options, cli_track_remove),
    CLI_VERB("track digest", "", 0, 0, "Print the digest of all tracks: equal on equal replicas.",
             plain_options, cli_track_digest),
    CLI_VERB("config set", "KEY VALUE", 2, 2, "Set a key here, at once; the cloud is asked to.",
             config_set_options, cli_config_set),
    CLI_VERB("config unset", "KEY", 1, 1, "Remove a key's value in one scope.",
             config_unset_options, cli_config_unset),
    CLI_VERB("config get", "KEY", 1, 1, "Show the value of a key that counts here.",
             config_scope_options, cli_config_get),
    CLI_VERB("config list", "", 0, 0, "List all keys with their values.", config_scope_options,
             cli_config_list),
    CLI_VERB("clock", "", 0, 0, "Show the node's time, and whether it is known.", plain_options,
             cli_clock),
};

int main(int argc, char **argv)
{
    const struct cli_program program = {
        .name = "edge-bridge",
        .summary = "keeps a node's evidence safe and brings it to the cloud",
        .version = HOLDFAST_VERSION,
        .verbs = verbs,
        .verb_count = COUNT_OF(verbs),
        .settings = &edge_settings_table,
    };
    return cli_main(&program, argc, argv);
}
