/* cli_track.c - the verbs that ask of tracks and their archive. */
#include "cloud-consumer/cli_host.h"
#include "cloud-consumer/cli_verbs.h"

enum status cli_track_list(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    TRY(cli_pass_time(&arguments, call, "since"));
    TRY(cli_pass_count(&arguments, call, "limit"));
    cli_pass(&arguments, call, "after");
    cli_pass_flag(&arguments, call, "all");
    return cloud_host_ask(call, "track-list", &arguments);
}

enum status cli_track_show(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    cli_pass_text(&arguments, "name", call->arguments[0]);
    return cloud_host_ask(call, "track-show", &arguments);
}

enum status cli_track_history(const struct cli_call *call)
{
    struct cli_arguments arguments = {0};
    if (call->argument_count > 0) cli_pass_text(&arguments, "name", call->arguments[0]);
    TRY(cli_pass_time(&arguments, call, "since"));
    TRY(cli_pass_time(&arguments, call, "until"));
    TRY(cli_pass_count(&arguments, call, "limit"));
    cli_pass(&arguments, call, "box");
    return cloud_host_ask(call, "track-history", &arguments);
}

enum status cli_track_digest(const struct cli_call *call)
{
    const struct cli_arguments none = {0};
    return cloud_host_ask(call, "track-digest", &none);
}
