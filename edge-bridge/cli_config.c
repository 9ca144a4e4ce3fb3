/* cli_config.c - the verbs about config and the clock; they work with and without the cloud. */
#include "edge-bridge/cli_host.h"
#include "edge-bridge/cli_verbs.h"

/* KEY [VALUE] and the options of the call. */
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
    TRY(cli_pass_word(&arguments, call, "type", "bool int float string bytes json"));
    return edge_host_ask(call, "config-set", &arguments);
}

enum status cli_config_unset(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    pass_key(&arguments, call);
    return edge_host_ask(call, "config-unset", &arguments);
}

enum status cli_config_get(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    pass_key(&arguments, call);
    return edge_host_ask(call, "config-get", &arguments);
}

enum status cli_config_list(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    cli_pass(&arguments, call, "scope");
    return edge_host_ask(call, "config-list", &arguments);
}

enum status cli_clock(const struct cli_call *call)
{
    const struct cli_arguments none = {0};
    return edge_host_ask(call, "clock", &none);
}
