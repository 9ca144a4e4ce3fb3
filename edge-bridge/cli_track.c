/* cli_track.c - the verbs that ask of tracks. */
#include "edge-bridge/cli_host.h"
#include "edge-bridge/cli_verbs.h"

enum status cli_track_list(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    TRY(cli_pass_time(&arguments, call, "since"));
    TRY(cli_pass_count(&arguments, call, "limit"));
    cli_pass(&arguments, call, "after");
    cli_pass_flag(&arguments, call, "all");
    return edge_host_ask(call, "track-list", &arguments);
}

static enum status ask_named(const struct cli_call *call, const char *verb)
{
    struct cli_arguments arguments = {0};
    cli_pass_text(&arguments, "name", call->arguments[0]);
    return edge_host_ask(call, verb, &arguments);
}

enum status cli_track_show(const struct cli_call *call)
{
    return ask_named(call, "track-show");
}

enum status cli_track_remove(const struct cli_call *call)
{
    return ask_named(call, "track-remove");
}

enum status cli_track_digest(const struct cli_call *call)
{
    const struct cli_arguments none = {0};
    return edge_host_ask(call, "track-digest", &none);
}
