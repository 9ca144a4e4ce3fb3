/* main.c - the verbs of the edge bridge. */
#include "common/shell/version.h"
#include "edge-bridge/cli_settings.h"
#include "edge-bridge/cli_verbs.h"

#define OPTION_DIR                                                                                 \
    {                                                                                              \
        "dir", "D", "directory of the node", true                                                  \
    }
#define OPTION_JSON                                                                                \
    {                                                                                              \
        "json", NULL, "JSON, one object a line", false                                             \
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
    OPTION_JSON,
    {"quiet", NULL, "print no receipts", false},
};
static const struct cli_option status_options[] = {OPTION_DIR, OPTION_JSON};
static const struct cli_option trust_options[] = {OPTION_DIR};
static const struct cli_option list_options[] = {
    OPTION_DIR,
    {"since", "T", "from this time on: RFC 3339 or unix seconds", false},
    {"limit", "n", "at most so many entries", false},
    {"log", "HEX", "another log than the open one", false},
    OPTION_JSON,
};
static const struct cli_option show_options[] = {
    OPTION_DIR,
    {"log", "HEX", "another log than the open one", false},
    {"raw", "WHAT", "write the bytes of header, signature or payload", false},
    OPTION_JSON,
};

#define VERB(words, arguments, min, max, summary, options, run)                                    \
    {                                                                                              \
        words, arguments, min, max, summary, options, COUNT_OF(options), run                       \
    }

static const struct cli_verb verbs[] = {
    VERB("init", "", 0, 0, "Make the directory of a new node and print its enrolment line.",
         init_options, cli_init),
    VERB("run", "", 0, 0, "Run the daemon until SIGTERM.", run_options, cli_run),
    VERB("append", "[FILE|-]", 0, 1,
         "Append evidence and print \"log sequence hash\" of each entry once it is on the disk.",
         append_options, cli_append),
    VERB("status", "", 0, 0, "Show the log, what waits, and the links.", status_options,
         cli_status),
    VERB("verify", "", 0, 0, "Verify the whole local log; exit 0 good, 1 tampered.", status_options,
         cli_verify),
    VERB("trust", "CLOUDKEY", 1, 4, "Trust this cloud's acknowledgements.", trust_options,
         cli_trust),
    VERB("evidence list", "", 0, 0, "List entries.", list_options, cli_evidence_list),
    VERB("evidence show", "SEQUENCE", 1, 1, "Show one entry.", show_options, cli_evidence_show),
};

int main(int argc, char **argv)
{
    const struct cli_program program = {
        .name = "edge-bridge",
        .summary = "keeps a node's evidence safe and brings it to the cloud",
        .version = HOLDFAST_VERSION,
        .verbs = verbs,
        .verb_count = COUNT_OF(verbs),
        .settings = edge_setting_rows,
        .setting_count = edge_setting_count,
        .settings_prefix = EDGE_SETTINGS_PREFIX,
    };
    return cli_main(&program, argc, argv);
}
