/* main.c - the verbs of the cloud consumer. */
#include "cloud-consumer/cli_settings.h"
#include "cloud-consumer/cli_verbs.h"
#include "common/shell/version.h"

#define OPTION_DIR                                                                                 \
    {                                                                                              \
        "dir", "D", "directory of the cloud", true                                                 \
    }
#define OPTION_JSON                                                                                \
    {                                                                                              \
        "json", NULL, "JSON, one object a line", false                                             \
    }
#define OPTION_NODE                                                                                \
    {                                                                                              \
        "node", "N", "of this node only", false                                                    \
    }

static const struct cli_option dir_options[] = {OPTION_DIR};
static const struct cli_option plain_options[] = {OPTION_DIR, OPTION_JSON};
static const struct cli_option list_options[] = {
    OPTION_DIR,
    OPTION_NODE,
    {"since", "T", "from this time on: RFC 3339 or unix seconds", false},
    {"limit", "n", "at most so many entries", false},
    OPTION_JSON,
};
static const struct cli_option verify_options[] = {OPTION_DIR, OPTION_NODE, OPTION_JSON};
static const struct cli_option show_options[] = {
    OPTION_DIR,
    {"log", "HEX", "the log, when the node has several", false},
    {"raw", "WHAT", "write the bytes of header, signature or payload", false},
    OPTION_JSON,
};

#define VERB(words, arguments, min, max, summary, options, run)                                    \
    {                                                                                              \
        words, arguments, min, max, summary, options, COUNT_OF(options), run                       \
    }

static const struct cli_verb verbs[] = {
    VERB("init", "", 0, 0, "Make the directory of a new cloud and print its key line.", dir_options,
         cli_init),
    VERB("run", "", 0, 0, "Run the daemon until SIGTERM.", dir_options, cli_run),
    VERB("status", "", 0, 0, "Show the store, the nodes, and the link.", plain_options, cli_status),
    VERB("key", "", 0, 0, "Print the key line again, for edge-bridge trust.", dir_options, cli_key),
    VERB("node add", "LINE|-", 1, 4, "Enrol the node with this enrolment line.", plain_options,
         cli_node_add),
    VERB("node list", "", 0, 0, "List the enrolled nodes.", plain_options, cli_node_list),
    VERB("node revoke", "NODE", 1, 1, "Take nothing more from this node.", plain_options,
         cli_node_revoke),
    VERB("evidence list", "", 0, 0, "List entries in the order of their time.", list_options,
         cli_evidence_list),
    VERB("evidence verify", "", 0, 0, "Verify all stored evidence; exit 0 good, 1 tampered.",
         verify_options, cli_evidence_verify),
    VERB("evidence show", "NODE SEQUENCE", 2, 2, "Show one entry.", show_options,
         cli_evidence_show),
    VERB("evidence readmit", "", 0, 0, "Judge entries anew that were refused.", plain_options,
         cli_evidence_readmit),
};

int main(int argc, char **argv)
{
    const struct cli_program program = {
        .name = "cloud-consumer",
        .summary = "stores and verifies the evidence of all nodes",
        .version = HOLDFAST_VERSION,
        .verbs = verbs,
        .verb_count = COUNT_OF(verbs),
        .settings = cloud_setting_rows,
        .setting_count = cloud_setting_count,
        .settings_prefix = CLOUD_SETTINGS_PREFIX,
    };
    return cli_main(&program, argc, argv);
}
