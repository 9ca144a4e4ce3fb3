/* cli_verbs.h - the verbs of the edge bridge; each is a function of the table in main.c. */
#ifndef HOLDFAST_EDGE_BRIDGE_CLI_VERBS_H
#define HOLDFAST_EDGE_BRIDGE_CLI_VERBS_H

#include "common/shell/cli.h"

enum status cli_init(const struct cli_call *call);
enum status cli_run(const struct cli_call *call);
enum status cli_append(const struct cli_call *call);
enum status cli_status(const struct cli_call *call);
enum status cli_verify(const struct cli_call *call);
enum status cli_trust(const struct cli_call *call);
enum status cli_evidence_list(const struct cli_call *call);
enum status cli_evidence_show(const struct cli_call *call);
enum status cli_track_put(const struct cli_call *call);
enum status cli_track_list(const struct cli_call *call);
enum status cli_track_show(const struct cli_call *call);
enum status cli_track_remove(const struct cli_call *call);
enum status cli_track_digest(const struct cli_call *call);
enum status cli_config_set(const struct cli_call *call);
enum status cli_config_unset(const struct cli_call *call);
enum status cli_config_get(const struct cli_call *call);
enum status cli_config_list(const struct cli_call *call);
enum status cli_clock(const struct cli_call *call);
enum status cli_pause(const struct cli_call *call);
enum status cli_resume(const struct cli_call *call);
enum status cli_sync(const struct cli_call *call);
enum status cli_budget(const struct cli_call *call);

#endif
