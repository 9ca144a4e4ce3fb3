/* oracle_config.h - what must be true of config and clocks, as oracle.c calls it. */
#ifndef HOLDFAST_TESTS_SIM_ORACLE_CONFIG_H
#define HOLDFAST_TESTS_SIM_ORACLE_CONFIG_H

#include "tests/sim/oracle.h"

struct db;

void config_oracle_open(struct oracle *oracle);
void config_oracle_close(struct oracle *oracle);
void config_oracle_backed_up(struct oracle *oracle, const struct sim_node *node);
void config_oracle_restored(struct oracle *oracle, const struct sim_node *node);
/* At rest: every edge against a copy of the cloud's database. */
void oracle_config_final(struct oracle *oracle, struct db *cloud);
/* The clocks of nodes that have heard the cloud are right. */
void oracle_clocks_final(struct oracle *oracle);

#endif
