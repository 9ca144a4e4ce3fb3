/* sim_volume.h - the named files of one simulated disk, in the order of their creation. */
#ifndef HOLDFAST_TESTS_SIM_SIM_VOLUME_H
#define HOLDFAST_TESTS_SIM_SIM_VOLUME_H

#include "tests/sim/sim_file.h"

enum { SIM_PATH_SIZE = 128 };

struct sim_handle; /* an open file of sim_disk.c */

struct sim_entry {
    struct sim_file file;
    struct sim_handle *handles; /* the volume only keeps the place; sim_disk.c keeps the list */
    struct sim_entry *next;
    char path[SIM_PATH_SIZE];
};

/* A zeroed struct is an empty volume. */
struct sim_volume {
    struct sim_entry *entries;
};

/* NULL when there is none. */
struct sim_entry *sim_volume_find(const struct sim_volume *volume, const char *path);
struct sim_entry *sim_volume_add(struct sim_volume *volume, const char *path);
/* No handle refers to it any more. */
void sim_volume_remove(struct sim_volume *volume, struct sim_entry *entry);
uint64_t sim_volume_used_bytes(const struct sim_volume *volume);
/* Power loss for every file. */
void sim_volume_crash(struct sim_volume *volume, struct rng *rng);
/* to is empty before and holds what from holds now, all of it synced. */
void sim_volume_copy(struct sim_volume *to, const struct sim_volume *from);

#endif
