/* sim_file.h - the bytes of one file on a disk that can lose power: what is written, and what of it
 * would survive.
 *
 * The file is kept in blocks of 4 KiB. A block that was written since the last sync has two
 * contents, the present and the synced one. A crash decides for each 512-byte sector which of the
 * two is there afterwards, or a torn mixture. Bytes nobody wrote never change (SQLite's
 * "powersafe overwrite", which it assumes of every real disk too).
 *
 * Running out of memory ends the process: this is a tool of the tests. */
#ifndef HOLDFAST_TESTS_SIM_SIM_FILE_H
#define HOLDFAST_TESTS_SIM_SIM_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/rng.h"

struct sim_block {
    uint8_t *now;    /* NULL: zeros */
    uint8_t *synced; /* NULL: zeros; meaningful while dirty */
    bool dirty;      /* written or cut off since the last sync that worked */
    bool lost;       /* a sync failed: no later sync saves it unless it is written again */
};

struct sim_file {
    struct sim_block *blocks;
    size_t block_count;
    size_t *dirty; /* numbers of the dirty blocks, in the order of their first write */
    size_t dirty_count;
    size_t dirty_capacity;
    uint64_t size; /* bytes */
    uint64_t synced_size;
};

/* A zeroed struct is an empty file. */
void sim_file_close(struct sim_file *file);

/* Returns how many bytes there were; the rest of out is zeros. */
size_t sim_file_read(const struct sim_file *file, uint64_t offset, void *out, size_t size);
void sim_file_write(struct sim_file *file, uint64_t offset, const void *bytes, size_t size);
void sim_file_truncate(struct sim_file *file, uint64_t size);
void sim_file_sync(struct sim_file *file);
/* As Linux does it: an error once, and the pages count as clean although they are not on the
 * disk. */
void sim_file_sync_failed(struct sim_file *file);
/* Power loss: decides about everything unsynced; what remains is on the disk. */
void sim_file_crash(struct sim_file *file, struct rng *rng);
/* to becomes what from holds now, all of it synced. */
void sim_file_copy(struct sim_file *to, const struct sim_file *from);

#endif
