/* cli_verbs.h - the verbs of the cloud consumer; each is a function of the table in main.c. */
#ifndef HOLDFAST_CLOUD_CONSUMER_CLI_VERBS_H
#define HOLDFAST_CLOUD_CONSUMER_CLI_VERBS_H

#include "common/shell/cli.h"

enum status cli_init(const struct cli_call *call);
enum status cli_run(const struct cli_call *call);
enum status cli_status(const struct cli_call *call);
enum status cli_key(const struct cli_call *call);
enum status cli_node_add(const struct cli_call *call);
enum status cli_node_set(const struct cli_call *call);
enum status cli_node_list(const struct cli_call *call);
enum status cli_node_revoke(const struct cli_call *call);
enum status cli_evidence_list(const struct cli_call *call);
enum status cli_evidence_verify(const struct cli_call *call);
enum status cli_evidence_show(const struct cli_call *call);
enum status cli_evidence_readmit(const struct cli_call *call);
enum status cli_track_list(const struct cli_call *call);
enum status cli_track_show(const struct cli_call *call);
enum status cli_track_history(const struct cli_call *call);
enum status cli_track_digest(const struct cli_call *call);
enum status cli_config_set(const struct cli_call *call);
enum status cli_config_unset(const struct cli_call *call);
enum status cli_config_get(const struct cli_call *call);
enum status cli_config_list(const struct cli_call *call);
enum status cli_config_history(const struct cli_call *call);
enum status cli_config_rule(const struct cli_call *call);
enum status cli_config_rules(const struct cli_call *call);
enum status cli_config_raise_epoch(const struct cli_call *call);

#endif
