/* disk_reserve.h - a file that holds nothing but room: on a full disk it is given up, so that
 * acknowledgements, deletes and control entries still commit and the disk can become less full.
 *
 * The file "reserve" in the state directory, its blocks allocated. It is taken when there is room
 * for twice its size, and again with the first commit some seconds after there is. The data is
 * right without it: when it cannot be had, one warning says so. Only a daemon keeps one. */
#ifndef HOLDFAST_COMMON_SHELL_DISK_RESERVE_H
#define HOLDFAST_COMMON_SHELL_DISK_RESERVE_H

#include "common/base/trace.h"
#include "common/port/event.h"
#include "common/shell/state_dir.h"

#define DISK_RESERVE_FILE "reserve"

struct disk_reserve {
    const struct state_dir *directory; /* borrowed; NULL: none is kept */
    struct trace trace;
    uint64_t size_bytes;
    bool held;
    bool failure_said;
    uint64_t look_mono_ns; /* not before this for room to take it again */
};

/* Takes the file if there is room. size_bytes 0: none is kept, and an old one is removed. */
void disk_reserve_open(struct disk_reserve *reserve, const struct state_dir *directory,
                       uint64_t size_bytes, const struct trace *trace);
/* After a commit that succeeded: takes it again when there is room. */
void disk_reserve_tick(struct disk_reserve *reserve, const struct moment *now);
/* The disk is full: gives it up. False: there was none to give. */
bool disk_reserve_release(struct disk_reserve *reserve);

#endif
