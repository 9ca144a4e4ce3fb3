/* sim_disk.h - a disk in memory under SQLite: it loses power, fails, fills up, is copied.
 *
 * Each disk is a VFS of its own; give sim_disk_vfs() to db_open. Nothing on it depends on the
 * machine: time, randomness and damage come from the seed and from its owner. It has no shared
 * memory, so a WAL needs locking_mode=EXCLUSIVE; locks between two handles of one disk work.
 *
 * The end of a process, with or without power:
 *     sim_disk_freeze(disk);          every call fails from here on and changes nothing
 *     db_close(db);                   of the process that is gone
 *     sim_disk_thaw(disk, power);     power: what was not synced is kept, dropped or torn
 * or, when the dead handles are closed later, sim_disk_crash(disk).
 *
 * Running out of memory ends the process: this is a tool of the tests. */
#ifndef HOLDFAST_TESTS_SIM_SIM_DISK_H
#define HOLDFAST_TESTS_SIM_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_disk;

enum sim_disk_operation {
    SIM_DISK_OPEN = 1,
    SIM_DISK_READ = 2,
    SIM_DISK_WRITE = 4,
    SIM_DISK_TRUNCATE = 8,
    SIM_DISK_SYNC = 16,
    SIM_DISK_DELETE = 32,
    SIM_DISK_LOOK = 64, /* size, existence, locks */
    SIM_DISK_CHANGES = SIM_DISK_WRITE | SIM_DISK_TRUNCATE | SIM_DISK_SYNC | SIM_DISK_DELETE,
    SIM_DISK_ALL = 127,
};

struct sim_disk_fault {
    unsigned operations; /* a set of enum sim_disk_operation: these calls count, these fail */
    uint64_t call;       /* the number, from 0, of the first call that fails */
    bool persistent;     /* and every counted call after it */
    bool full;           /* as a full disk, else as an I/O error; a write is half done then */
};

struct sim_disk_counters {
    uint64_t opens, reads, writes, truncates, syncs, deletes;
    uint64_t bytes_read, bytes_written;
};

/* name is copied and must be unique among the open disks of the process. */
struct sim_disk *sim_disk_open(const char *name, uint64_t seed);
/* Accepts NULL. All databases on it are closed. */
void sim_disk_close(struct sim_disk *disk);
const char *sim_disk_vfs(const struct sim_disk *disk);

/* SQLite draws WAL salts from one generator per process; this starts it anew, so that the same
 * world gives the same bytes. Call it when a world begins. */
void sim_disk_forget_randomness(uint64_t seed);
/* What SQLite's own date functions see. */
void sim_disk_set_time(struct sim_disk *disk, int64_t wall_ms);

void sim_disk_freeze(struct sim_disk *disk);
void sim_disk_thaw(struct sim_disk *disk, bool power);
/* Power loss in one call: handles open now fail for ever, new ones work. */
void sim_disk_crash(struct sim_disk *disk);

/* Replaces the fault before and counts calls from 0 again. thaw and heal end it. */
void sim_disk_fail(struct sim_disk *disk, const struct sim_disk_fault *fault);
/* The power goes at the n-th changing call from now, from 0: it and all later calls fail. */
void sim_disk_cut_after(struct sim_disk *disk, uint64_t calls);
void sim_disk_heal(struct sim_disk *disk);
/* True when the fault set last has struck. */
bool sim_disk_fault_met(const struct sim_disk *disk);
/* True when the power went at a sim_disk_cut_after; until the next thaw, heal or fault. */
bool sim_disk_was_cut(const struct sim_disk *disk);

/* Writes that would make the files together larger fail; UINT64_MAX: no limit. */
void sim_disk_set_capacity(struct sim_disk *disk, uint64_t bytes);
uint64_t sim_disk_used_bytes(const struct sim_disk *disk);
/* Without a limit: what a disk of 1 TiB would have. */
uint64_t sim_disk_free_bytes(const struct sim_disk *disk);

/* to becomes what from holds now, as a backup or a clone; handles open on to fail for ever. */
void sim_disk_copy(struct sim_disk *to, const struct sim_disk *from);

/* A lazy disk breaks a promise on purpose: it says that a WAL is synced and syncs it only before a
 * checkpoint, as PRAGMA synchronous=NORMAL would. To see that somebody notices. */
void sim_disk_set_lazy(struct sim_disk *disk, bool lazy);

struct sim_disk_counters sim_disk_counters(const struct sim_disk *disk);
/* 0 when there is no such file. */
uint64_t sim_disk_file_size(const struct sim_disk *disk, const char *path);
/* Damage: inverts the bits of mask in one byte, which is there. */
void sim_disk_flip(struct sim_disk *disk, const char *path, uint64_t offset, uint8_t mask);
/* Damage: the file, which is there, ends after size bytes. */
void sim_disk_cut_file(struct sim_disk *disk, const char *path, uint64_t size);
/* A file with these bytes, all synced. */
void sim_disk_put(struct sim_disk *disk, const char *path, const void *bytes, size_t size);

#endif
