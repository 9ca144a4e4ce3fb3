/* cli_config.c - the verbs about config, who may write it, and nodes' groups. */
#include "cloud-consumer/cli_host.h"
#include "cloud-consumer/cli_verbs.h"

#define TYPES "bool int float string bytes json"

static void pass_key(struct cli_arguments *arguments, const struct cli_call *call)
{
    cli_pass_text(arguments, "key", call->arguments[0]);
    cli_pass(arguments, call, "scope");
}

enum status cli_config_set(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    pass_key(&arguments, call);
    cli_pass_text(&arguments, "value", call->arguments[1]);
    TRY(cli_pass_word(&arguments, call, "type", TYPES));
    return cloud_host_ask(call, "config-set", &arguments);
}

enum status cli_config_unset(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    pass_key(&arguments, call);
    return cloud_host_ask(call, "config-unset", &arguments);
}

enum status cli_config_get(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    if (cli_flag(call, "scope") && cli_flag(call, "node")) {
        buf_put_text(call->message, "--node asks for what counts at a node, over all scopes: give "
                                    "either --scope or --node");
        return ST_USAGE;
    }
    pass_key(&arguments, call);
    cli_pass(&arguments, call, "node");
    return cloud_host_ask(call, "config-get", &arguments);
}

enum status cli_config_list(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    cli_pass(&arguments, call, "scope");
    return cloud_host_ask(call, "config-list", &arguments);
}

enum status cli_config_history(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    if (call->argument_count > 0) cli_pass_text(&arguments, "key", call->arguments[0]);
    cli_pass(&arguments, call, "scope");
    TRY(cli_pass_count(&arguments, call, "limit"));
    return cloud_host_ask(call, "config-history", &arguments);
}

enum status cli_config_rule(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    if (cli_flag(call, "remove") && (cli_flag(call, "writer") || cli_flag(call, "type"))) {
        buf_put_text(call->message, "--remove takes the whole rule away: give neither --writer nor "
                                    "--type with it");
        return ST_USAGE;
    }
    cli_pass_text(&arguments, "key", call->arguments[0]);
    TRY(cli_pass_word(&arguments, call, "writer", "cloud node any"));
    TRY(cli_pass_word(&arguments, call, "type", TYPES));
    cli_pass_flag(&arguments, call, "remove");
    return cloud_host_ask(call, "config-rule", &arguments);
}

enum status cli_config_rules(const struct cli_call *call)
{
    const struct cli_arguments none = {0};
    return cloud_host_ask(call, "config-rules", &none);
}

enum status cli_config_raise_epoch(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    if (call->argument_count > 0) cli_pass_text(&arguments, "key", call->arguments[0]);
    cli_pass(&arguments, call, "scope");
    return cloud_host_ask(call, "config-raise-epoch", &arguments);
}

enum status cli_node_set(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    cli_pass_text(&arguments, "node", call->arguments[0]);
    cli_pass(&arguments, call, "group");
    return cloud_host_ask(call, "node-set", &arguments);
}
