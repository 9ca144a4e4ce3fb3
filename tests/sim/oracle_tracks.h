/* oracle_tracks.h - what must be true of tracks: what oracle.c calls, and what the two files share.
 *
 *   oracle_tracks.c       while the world runs: who replaced which observation
 *   oracle_tracks_rest.c  at rest: what nobody replaced is there, and the same everywhere */
#ifndef HOLDFAST_TESTS_SIM_ORACLE_TRACKS_H
#define HOLDFAST_TESTS_SIM_ORACLE_TRACKS_H

#include "tests/sim/oracle_state.h"

void track_oracle_open(struct oracle *oracle);
void track_oracle_close(struct oracle *oracle);
void track_oracle_backed_up(struct oracle *oracle, const struct sim_node *node);
void track_oracle_restored(struct oracle *oracle, const struct sim_node *node);
/* At rest: every edge against a copy of the cloud's database. */
void oracle_tracks_final(struct oracle *oracle, struct db *cloud);

/* ---- shared by the two files -------------------------------------------------------------- */

enum { DOTS_MAX = 6, FIELDS = 2, HORIZON_SLACK_MS = 3000, HORIZON_LAG_MS = 400 * 1000 };

#define BATCH_NS SIM_S

/* Of a track. */
enum field { POSITION, CLASSIFICATION };

struct dot {
    struct track_writer writer;
    uint64_t hlc;
};

/* One sighting that was handed in, by its number. */
struct value {
    struct sim_node *node; /* NULL: no such number */
    unsigned track;
    uint64_t at_ns;                 /* handed in */
    bool has[FIELDS], dead[FIELDS]; /* dead: somebody who had it replaced or removed it */
    bool committed[FIELDS];         /* some edge's commit, or the cloud, showed it */
    bool receipt, in_backup, forgiven;
    size_t dot_count;
    struct dot dots[DOTS_MAX];
};

/* What an edge held of a track after its newest commit. */
struct held_track {
    bool there;
    bool removing; /* somebody asked for it: the next commit may show it */
    struct track state;
};

struct track_oracle {
    struct oracle *oracle;
    unsigned track_count, edge_count;
    struct value *values;
    size_t value_count, value_capacity;
    struct held_track *held; /* by edge, by track */
    uint64_t *seen;          /* by edge: change number */
    struct track *joined;    /* by track: of all that was ever committed */
    bool *shrunk;            /* by track: some state lost what it had, lawfully */
    struct track *fresh, *scratch;
};

/* NULL: nobody handed in this number. */
struct value *track_value_of(struct track_oracle *tracks, unsigned number);
bool track_value_is_live(const struct track *track, enum field field, unsigned number);
/* Each live atom of the state carries a number that was handed in for this track. */
void track_note_atoms(struct track_oracle *tracks, unsigned track, const struct track *state,
                      const char *where);
bool track_slot_is_of(const struct track_slot *slot, const struct sim_node *node);
/* No replica can know more of time than this. */
uint64_t track_horizon_now(const struct world *world);
bool track_value_is_expired(const struct track_oracle *tracks, const struct value *value,
                            const struct track *track);
/* "t-3"; UINT32_MAX: none of ours. */
unsigned track_number_of(const struct track_oracle *tracks, struct bytes name);

#endif
