/* oracle_tracks.h - what must be true of tracks, as oracle.c calls it. */
#ifndef HOLDFAST_TESTS_SIM_ORACLE_TRACKS_H
#define HOLDFAST_TESTS_SIM_ORACLE_TRACKS_H

#include "tests/sim/oracle.h"

struct db;

void track_oracle_open(struct oracle *oracle);
void track_oracle_close(struct oracle *oracle);
void track_oracle_backed_up(struct oracle *oracle, const struct sim_node *node);
void track_oracle_restored(struct oracle *oracle, const struct sim_node *node);
/* At rest: every edge against a copy of the cloud's database. */
void oracle_tracks_final(struct oracle *oracle, struct db *cloud);

#endif
