/* main.c - the verbs of the cloud consumer. */
#include "cloud-consumer/cli_settings.h"
#include "cloud-consumer/cli_verbs.h"
#include "common/shell/version.h"

#define OPTION_DIR                                                                                 \
    {                                                                                              \
        "dir", "D", "directory of the cloud", true                                                 \
    }
#define OPTION_NODE                                                                                \
    {                                                                                              \
        "node", "N", "of this node only", false                                                    \
    }
#define OPTION_SINCE                                                                               \
    {                                                                                              \
        "since", "T", "from this time on: RFC 3339 or unix seconds", false                         \
    }

static const struct cli_option dir_options[] = {OPTION_DIR};
static const struct cli_option plain_options[] = {OPTION_DIR, CLI_OPTION_JSON};
static const struct cli_option list_options[] = {
    OPTION_DIR,      OPTION_NODE, OPTION_SINCE, {"limit", "n", "at most so many entries", false},
    CLI_OPTION_JSON,
};
static const struct cli_option verify_options[] = {OPTION_DIR, OPTION_NODE, CLI_OPTION_JSON};
static const struct cli_option show_options[] = {
    OPTION_DIR,
    {"log", "HEX", "the log, when the node has several", false},
    {"raw", "WHAT", "write the bytes of header, signature or payload", false},
    CLI_OPTION_JSON,
};

#define OPTION_SCOPE(help)                                                                         \
    {                                                                                              \
        "scope", "S", help, false                                                                  \
    }
#define TYPES "bool, int, float, string, bytes (base64) or json"

static const struct cli_option node_add_options[] = {
    OPTION_DIR,
    {"group", "G1,G2", "groups of the node", false},
    CLI_OPTION_JSON,
};
static const struct cli_option node_set_options[] = {
    OPTION_DIR,
    {"group", "G1,G2", "groups of the node, instead of those it has; \"\" for none", true},
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
static const struct cli_option track_history_options[] = {
    OPTION_DIR,
    OPTION_SINCE,
    {"until", "T", "up to this time", false},
    {"box", "B", "LAT1,LON1,LAT2,LON2: within these degrees, south-west and north-east corner",
     false},
    {"limit", "n", "at most so many states", false},
    CLI_OPTION_JSON,
};
static const struct cli_option config_set_options[] = {
    OPTION_DIR,
    {"type", "T", TYPES " (default: by its looks)", false},
    OPTION_SCOPE("fleet, group/G or node/N (default: fleet)"),
    CLI_OPTION_JSON,
};
static const struct cli_option config_unset_options[] = {
    OPTION_DIR,
    OPTION_SCOPE("fleet, group/G or node/N (default: fleet)"),
    CLI_OPTION_JSON,
};
static const struct cli_option config_get_options[] = {
    OPTION_DIR,
    OPTION_SCOPE("fleet, group/G or node/N (default: fleet)"),
    {"node", "N", "what counts at this node, over its scopes", false},
    CLI_OPTION_JSON,
};
static const struct cli_option config_list_options[] = {
    OPTION_DIR,
    OPTION_SCOPE("fleet, group/G or node/N (default: all)"),
    CLI_OPTION_JSON,
};
static const struct cli_option config_history_options[] = {
    OPTION_DIR,
    OPTION_SCOPE("fleet, group/G or node/N (default: all)"),
    {"limit", "n", "at most so many writes", false},
    CLI_OPTION_JSON,
};
static const struct cli_option config_rule_options[] = {
    OPTION_DIR,
    {"writer", "W", "cloud: no node; node: a node for itself; any: also fleet and its groups",
     false},
    {"type", "T", TYPES " (default: any)", false},
    {"remove", NULL, "take the rule away", false},
    CLI_OPTION_JSON,
};
static const struct cli_option config_epoch_options[] = {
    OPTION_DIR,
    OPTION_SCOPE("fleet, group/G or node/N (default: fleet)"),
    CLI_OPTION_JSON,
};

static const struct cli_verb verbs[] = {
    CLI_VERB("init", "", 0, 0, "Make the directory of a new cloud and print its key line.",
             dir_options, cli_init),
    CLI_VERB("run", "", 0, 0, "Run the daemon until SIGTERM.", dir_options, cli_run),
    CLI_VERB("status", "", 0, 0, "Show the store, the nodes, and the link.", plain_options,
             cli_status),
    CLI_VERB("key", "", 0, 0, "Print the key line again, for edge-bridge trust.", dir_options,
             cli_key),
    CLI_VERB("node add", "LINE|-", 1, 4, "Enrol the node with this enrolment line.",
             node_add_options, cli_node_add),
    CLI_VERB("node set", "NODE", 1, 1, "Put a node in other groups.", node_set_options,
             cli_node_set),
    CLI_VERB("node list", "", 0, 0, "List the enrolled nodes.", plain_options, cli_node_list),
    CLI_VERB("node revoke", "NODE", 1, 1, "Take nothing more from this node.", plain_options,
             cli_node_revoke),
    CLI_VERB("evidence list", "", 0, 0, "List entries in the order of their time.", list_options,
             cli_evidence_list),
    CLI_VERB("evidence verify", "", 0, 0, "Verify all stored evidence; exit 0 good, 1 tampered.",
             verify_options, cli_evidence_verify),
    CLI_VERB("evidence show", "NODE SEQUENCE", 2, 2, "Show one entry.", show_options,
             cli_evidence_show),
    CLI_VERB("evidence readmit", "", 0, 0, "Judge entries anew that were refused.", plain_options,
             cli_evidence_readmit),
    CLI_VERB("track list", "", 0, 0, "List the tracks that are seen now.", track_list_options,
             cli_track_list),
    CLI_VERB("track show", "TRACK", 1, 1, "Show one track: what each node said, and the sensors.",
             plain_options, cli_track_show),
    CLI_VERB("track history", "[TRACK]", 0, 1, "List archived states of one track or of all.",
             track_history_options, cli_track_history),
    CLI_VERB("track digest", "", 0, 0, "Print the digest of all tracks: equal on equal replicas.",
             plain_options, cli_track_digest),
    CLI_VERB("config set", "KEY VALUE", 2, 2, "Set a key in a scope.", config_set_options,
             cli_config_set),
    CLI_VERB("config unset", "KEY", 1, 1, "Remove a key's value in a scope.", config_unset_options,
             cli_config_unset),
    CLI_VERB("config get", "KEY", 1, 1, "Show a key in a scope, or what counts at a node.",
             config_get_options, cli_config_get),
    CLI_VERB("config list", "", 0, 0, "List the keys of all scopes.", config_list_options,
             cli_config_list),
    CLI_VERB("config history", "[KEY]", 0, 1, "List the writes, newest first, and who made them.",
             config_history_options, cli_config_history),
    CLI_VERB("config rule", "KEY", 1, 1, "Say who may write a key, and its type.",
             config_rule_options, cli_config_rule),
    CLI_VERB("config rules", "", 0, 0, "List the rules.", plain_options, cli_config_rules),
    CLI_VERB("config raise-epoch", "[KEY]", 0, 1,
             "Write a key again above all stamps; without a key all that lie in the future.",
             config_epoch_options, cli_config_raise_epoch),
};

int main(int argc, char **argv)
{
    const struct cli_program program = {
        .name = "cloud-consumer",
        .summary = "stores and verifies the evidence of all nodes",
        .version = HOLDFAST_VERSION,
        .verbs = verbs,
        .verb_count = COUNT_OF(verbs),
        .settings = &cloud_settings_table,
    };
    return cli_main(&program, argc, argv);
}
