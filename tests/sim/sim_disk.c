/* sim_disk.c - a disk in memory under SQLite: it loses power, fails, fills up, is copied. */
#include "tests/sim/sim_disk.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/rng.h"
#include "tests/sim/sim_volume.h"

#define NO_LIMIT_FREE_BYTES (UINT64_C(1) << 40)
/* 1970-01-01 as SQLite counts: milliseconds since noon in Greenwich, November 24, 4714 BC. */
#define JULIAN_EPOCH_MS INT64_C(210866760000000)

/* What SQLite allocates for an open file. */
struct sim_handle {
    sqlite3_file base;
    struct sim_disk *disk;
    struct sim_entry *entry;
    struct sim_handle *next;
    uint64_t life; /* of the disk when it was opened; an older one is a dead process's */
    int lock;      /* SQLITE_LOCK_… */
    bool delete_on_close;
};

struct sim_disk {
    sqlite3_vfs vfs;
    char name[SIM_PATH_SIZE];
    struct sim_volume volume;
    struct rng rng;
    uint64_t life;
    bool frozen;
    uint64_t capacity_bytes;
    int64_t wall_ms;
    int last_errno;
    struct sim_disk_fault fault; /* operations 0: none */
    uint64_t fault_calls;
    bool fault_met;
    bool is_cut; /* the fault is a loss of power */
    bool is_lazy;
    uint64_t temporary_count;
    struct sim_disk_counters counters;
};

static struct sim_disk *disk_of(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

static struct sim_handle *handle_of(sqlite3_file *file)
{
    return (struct sim_handle *)file;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Handles that are still open on it are dead ones, or SQLite's last. */
static void remove_entry(struct sim_disk *disk, struct sim_entry *entry)
{
    for (struct sim_handle *handle = entry->handles; handle != NULL; handle = handle->next) {
        handle->entry = NULL;
    }
    entry->handles = NULL;
    sim_volume_remove(&disk->volume, entry);
}

static void remove_all(struct sim_disk *disk)
{
    while (disk->volume.entries != NULL) {
        remove_entry(disk, disk->volume.entries);
    }
}

/* ---- faults --------------------------------------------------------------------------------- */

/* SQLITE_OK when the call goes through; else error, or SQLITE_FULL. */
static int admit(struct sim_disk *disk, enum sim_disk_operation operation, int error)
{
    disk->last_errno = EIO;
    if (disk->frozen) return error;
    /* Without power not even reading goes. */
    if (disk->is_cut && disk->fault_met) return error;
    if ((disk->fault.operations & operation) == 0) return SQLITE_OK;
    const uint64_t call = disk->fault_calls++;
    if (call < disk->fault.call) return SQLITE_OK;
    if (call > disk->fault.call && !disk->fault.persistent) return SQLITE_OK;
    disk->fault_met = true;
    if (!disk->fault.full) return error;
    disk->last_errno = ENOSPC;
    return SQLITE_FULL;
}

/* A dead process's handle, and one whose file is gone, changes nothing any more. */
static bool is_alive(const struct sim_handle *handle)
{
    return handle->entry != NULL && handle->life == handle->disk->life && !handle->disk->frozen;
}

static int admit_handle(struct sim_handle *handle, enum sim_disk_operation operation, int error)
{
    if (!is_alive(handle)) return error;
    return admit(handle->disk, operation, error);
}

void sim_disk_heal(struct sim_disk *disk)
{
    disk->fault = (struct sim_disk_fault){0};
    disk->fault_met = false;
    disk->is_cut = false;
}

void sim_disk_fail(struct sim_disk *disk, const struct sim_disk_fault *fault)
{
    sim_disk_heal(disk);
    disk->fault = *fault;
    disk->fault_calls = 0;
}

void sim_disk_cut_after(struct sim_disk *disk, uint64_t calls)
{
    sim_disk_fail(disk, &(struct sim_disk_fault){
                            .operations = SIM_DISK_CHANGES, .call = calls, .persistent = true});
    disk->is_cut = true;
}

bool sim_disk_fault_met(const struct sim_disk *disk)
{
    return disk->fault_met;
}

bool sim_disk_was_cut(const struct sim_disk *disk)
{
    return disk->is_cut && disk->fault_met;
}

/* ---- methods of an open file ---------------------------------------------------------------- */

static int file_close(sqlite3_file *file)
{
    struct sim_handle *handle = handle_of(file);
    struct sim_entry *entry = handle->entry;
    if (entry == NULL) return SQLITE_OK;
    struct sim_handle **at = &entry->handles;
    while (*at != handle) {
        at = &(*at)->next;
    }
    *at = handle->next;
    if (handle->delete_on_close && entry->handles == NULL) remove_entry(handle->disk, entry);
    return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *out, int size, sqlite3_int64 offset)
{
    struct sim_handle *handle = handle_of(file);
    const int result = admit_handle(handle, SIM_DISK_READ, SQLITE_IOERR_READ);
    if (result != SQLITE_OK) return result;
    handle->disk->counters.reads++;
    handle->disk->counters.bytes_read += (uint64_t)size;
    const size_t got = sim_file_read(&handle->entry->file, (uint64_t)offset, out, (size_t)size);
    return got == (size_t)size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static bool has_room(const struct sim_handle *handle, uint64_t end)
{
    if (handle->disk->capacity_bytes == UINT64_MAX) return true;
    const uint64_t size = handle->entry->file.size;
    if (end <= size) return true;
    return sim_disk_used_bytes(handle->disk) + (end - size) <= handle->disk->capacity_bytes;
}

static bool is_wal(const struct sim_entry *entry)
{
    const size_t size = strlen(entry->path);
    return size > 4 && strcmp(entry->path + size - 4, "-wal") == 0;
}

/* A lazy disk syncs its WAL only before a checkpoint, as synchronous=NORMAL would. */
static void sync_wals(struct sim_disk *disk)
{
    for (struct sim_entry *entry = disk->volume.entries; entry != NULL; entry = entry->next) {
        if (is_wal(entry)) sim_file_sync(&entry->file);
    }
}

static int file_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset)
{
    struct sim_handle *handle = handle_of(file);
    struct sim_disk *disk = handle->disk;
    const int result = admit_handle(handle, SIM_DISK_WRITE, SQLITE_IOERR_WRITE);
    if (result != SQLITE_OK) {
        /* A real disk that fails may have taken the first part; one without power has not, as far
         * as this call goes: the cut after the next call shows that. */
        const bool is_half_done = is_alive(handle) && !disk->is_cut && !disk->fault.full;
        if (is_half_done) {
            sim_file_write(&handle->entry->file, (uint64_t)offset, bytes, (size_t)size / 2);
        }
        return result;
    }
    if (!has_room(handle, (uint64_t)offset + (uint64_t)size)) {
        disk->last_errno = ENOSPC;
        return SQLITE_FULL;
    }
    disk->counters.writes++;
    disk->counters.bytes_written += (uint64_t)size;
    if (disk->is_lazy && !is_wal(handle->entry)) sync_wals(disk);
    sim_file_write(&handle->entry->file, (uint64_t)offset, bytes, (size_t)size);
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct sim_handle *handle = handle_of(file);
    const int result = admit_handle(handle, SIM_DISK_TRUNCATE, SQLITE_IOERR_TRUNCATE);
    if (result != SQLITE_OK) return result;
    handle->disk->counters.truncates++;
    sim_file_truncate(&handle->entry->file, (uint64_t)size);
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *file, int flags)
{
    (void)flags;
    struct sim_handle *handle = handle_of(file);
    const int result = admit_handle(handle, SIM_DISK_SYNC, SQLITE_IOERR_FSYNC);
    if (result != SQLITE_OK) {
        if (is_alive(handle)) sim_file_sync_failed(&handle->entry->file);
        return result;
    }
    handle->disk->counters.syncs++;
    if (!handle->disk->is_lazy || !is_wal(handle->entry)) sim_file_sync(&handle->entry->file);
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    struct sim_handle *handle = handle_of(file);
    const int result = admit_handle(handle, SIM_DISK_LOOK, SQLITE_IOERR_FSTAT);
    if (result == SQLITE_OK) *size = (sqlite3_int64)handle->entry->file.size;
    return result;
}

/* The strongest lock that another live handle has on the file. */
static int lock_of_others(const struct sim_handle *handle)
{
    int strongest = SQLITE_LOCK_NONE;
    for (struct sim_handle *other = handle->entry->handles; other != NULL; other = other->next) {
        const bool counts = other != handle && other->life == handle->disk->life;
        if (counts && other->lock > strongest) strongest = other->lock;
    }
    return strongest;
}

static int file_lock(sqlite3_file *file, int level)
{
    struct sim_handle *handle = handle_of(file);
    if (level <= handle->lock) return SQLITE_OK;
    const int result = admit_handle(handle, SIM_DISK_LOOK, SQLITE_IOERR_LOCK);
    if (result != SQLITE_OK) return result;
    const int others = lock_of_others(handle);
    const int allowed = level == SQLITE_LOCK_SHARED     ? SQLITE_LOCK_RESERVED
                        : level == SQLITE_LOCK_RESERVED ? SQLITE_LOCK_SHARED
                                                        : SQLITE_LOCK_NONE;
    if (others > allowed) return SQLITE_BUSY;
    handle->lock = level;
    return SQLITE_OK;
}

static int file_unlock(sqlite3_file *file, int level)
{
    struct sim_handle *handle = handle_of(file);
    if (level < handle->lock) handle->lock = level;
    return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *file, int *is_reserved)
{
    struct sim_handle *handle = handle_of(file);
    const int result = admit_handle(handle, SIM_DISK_LOOK, SQLITE_IOERR_CHECKRESERVEDLOCK);
    if (result != SQLITE_OK) return result;
    *is_reserved =
        handle->lock >= SQLITE_LOCK_RESERVED || lock_of_others(handle) >= SQLITE_LOCK_RESERVED;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int operation, void *argument)
{
    (void)file;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *file)
{
    (void)file;
    return 4096; /* what SQLite takes on Linux, so that it writes here as it writes there */
}

static int file_characteristics(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 1, /* no shared memory */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
};

/* ---- methods of the disk -------------------------------------------------------------------- */

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags,
                    int *out_flags)
{
    struct sim_disk *disk = disk_of(vfs);
    struct sim_handle *handle = handle_of(file);
    memset(handle, 0, sizeof *handle);
    /* A full disk, too, is told so: the reason stands in the error number. */
    if (admit(disk, SIM_DISK_OPEN, SQLITE_CANTOPEN) != SQLITE_OK) return SQLITE_CANTOPEN;
    char temporary[SIM_PATH_SIZE];
    if (path == NULL) {
        sqlite3_snprintf(SIM_PATH_SIZE, temporary, "temporary-%llu", disk->temporary_count++);
        path = temporary;
    }
    struct sim_entry *entry = sim_volume_find(&disk->volume, path);
    if (entry == NULL && (flags & SQLITE_OPEN_CREATE) == 0) {
        disk->last_errno = ENOENT;
        return SQLITE_CANTOPEN;
    }
    if (entry == NULL) entry = sim_volume_add(&disk->volume, path);
    handle->base.pMethods = &file_methods;
    handle->disk = disk;
    handle->entry = entry;
    handle->life = disk->life;
    handle->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    handle->next = entry->handles;
    entry->handles = handle;
    disk->counters.opens++;
    if (out_flags != NULL) *out_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
    (void)sync_directory;
    struct sim_disk *disk = disk_of(vfs);
    const int result = admit(disk, SIM_DISK_DELETE, SQLITE_IOERR_DELETE);
    if (result != SQLITE_OK) return result == SQLITE_FULL ? SQLITE_IOERR_DELETE : result;
    struct sim_entry *entry = sim_volume_find(&disk->volume, path);
    if (entry == NULL) return SQLITE_IOERR_DELETE_NOENT;
    disk->counters.deletes++;
    remove_entry(disk, entry);
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *is_there)
{
    struct sim_disk *disk = disk_of(vfs);
    const int result = admit(disk, SIM_DISK_LOOK, SQLITE_IOERR_ACCESS);
    if (result != SQLITE_OK) return result;
    const struct sim_entry *entry = sim_volume_find(&disk->volume, path);
    /* As on Unix: an empty file does not count as existing. */
    *is_there = entry != NULL && (flags != SQLITE_ACCESS_EXISTS || entry->file.size > 0);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
    (void)vfs;
    sqlite3_snprintf(size, out, "%s", path);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *out)
{
    rng_fill(&disk_of(vfs)->rng, out, (size_t)size);
    return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    disk_of(vfs)->wall_ms += (microseconds + 999) / 1000;
    return microseconds;
}

static int vfs_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *julian_ms)
{
    *julian_ms = disk_of(vfs)->wall_ms + JULIAN_EPOCH_MS;
    return SQLITE_OK;
}

static int vfs_time_days(sqlite3_vfs *vfs, double *julian_days)
{
    *julian_days = (double)(disk_of(vfs)->wall_ms + JULIAN_EPOCH_MS) / 86400000.0;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *out)
{
    (void)size;
    (void)out;
    return disk_of(vfs)->last_errno;
}

/* ---- the disk as a whole -------------------------------------------------------------------- */

struct sim_disk *sim_disk_open(const char *name, uint64_t seed)
{
    struct sim_disk *disk = calloc(1, sizeof *disk);
    const size_t name_size = strlen(name) + 1;
    INVARIANT(disk != NULL && name_size <= sizeof disk->name);
    INVARIANT(sqlite3_vfs_find(name) == NULL);
    memcpy(disk->name, name, name_size);
    rng_seed(&disk->rng, seed);
    disk->capacity_bytes = UINT64_MAX;
    disk->vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(struct sim_handle),
        .mxPathname = SIM_PATH_SIZE,
        .zName = disk->name,
        .pAppData = disk,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time_days,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_time_ms,
    };
    const int result = sqlite3_vfs_register(&disk->vfs, 0);
    INVARIANT(result == SQLITE_OK);
    return disk;
}

void sim_disk_close(struct sim_disk *disk)
{
    if (disk == NULL) return;
    sqlite3_vfs_unregister(&disk->vfs);
    remove_all(disk);
    free(disk);
}

const char *sim_disk_vfs(const struct sim_disk *disk)
{
    return disk->name;
}

void sim_disk_forget_randomness(uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    /* SQLite takes 0 for "seed from the machine". */
    const int short_seed = 1 + (int)rng_below(&rng, INT32_MAX);
    sqlite3_initialize();
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, short_seed, NULL);
}

void sim_disk_set_time(struct sim_disk *disk, int64_t wall_ms)
{
    disk->wall_ms = wall_ms;
}

void sim_disk_freeze(struct sim_disk *disk)
{
    disk->frozen = true;
    disk->life++;
}

void sim_disk_thaw(struct sim_disk *disk, bool power)
{
    disk->frozen = false;
    sim_disk_heal(disk);
    if (power) sim_volume_crash(&disk->volume, &disk->rng);
}

void sim_disk_crash(struct sim_disk *disk)
{
    sim_disk_freeze(disk);
    sim_disk_thaw(disk, true);
}

void sim_disk_set_capacity(struct sim_disk *disk, uint64_t bytes)
{
    disk->capacity_bytes = bytes;
}

uint64_t sim_disk_used_bytes(const struct sim_disk *disk)
{
    return sim_volume_used_bytes(&disk->volume);
}

uint64_t sim_disk_free_bytes(const struct sim_disk *disk)
{
    const uint64_t used = sim_disk_used_bytes(disk);
    const uint64_t capacity =
        disk->capacity_bytes != UINT64_MAX ? disk->capacity_bytes : NO_LIMIT_FREE_BYTES;
    return used < capacity ? capacity - used : 0;
}

void sim_disk_copy(struct sim_disk *to, const struct sim_disk *from)
{
    to->life++;
    remove_all(to);
    sim_volume_copy(&to->volume, &from->volume);
}

struct sim_disk_counters sim_disk_counters(const struct sim_disk *disk)
{
    return disk->counters;
}

uint64_t sim_disk_file_size(const struct sim_disk *disk, const char *path)
{
    const struct sim_entry *entry = sim_volume_find(&disk->volume, path);
    return entry != NULL ? entry->file.size : 0;
}

void sim_disk_flip(struct sim_disk *disk, const char *path, uint64_t offset, uint8_t mask)
{
    struct sim_entry *entry = sim_volume_find(&disk->volume, path);
    INVARIANT(entry != NULL && offset < entry->file.size);
    uint8_t byte = 0;
    sim_file_read(&entry->file, offset, &byte, 1);
    byte ^= mask;
    sim_file_write(&entry->file, offset, &byte, 1);
    sim_file_sync(&entry->file);
}

void sim_disk_cut_file(struct sim_disk *disk, const char *path, uint64_t size)
{
    struct sim_entry *entry = sim_volume_find(&disk->volume, path);
    INVARIANT(entry != NULL && size <= entry->file.size);
    sim_file_truncate(&entry->file, size);
    sim_file_sync(&entry->file);
}

void sim_disk_put(struct sim_disk *disk, const char *path, const void *bytes, size_t size)
{
    struct sim_entry *entry = sim_volume_find(&disk->volume, path);
    if (entry == NULL) entry = sim_volume_add(&disk->volume, path);
    sim_file_truncate(&entry->file, 0);
    sim_file_write(&entry->file, 0, bytes, size);
    sim_file_sync(&entry->file);
}

void sim_disk_set_lazy(struct sim_disk *disk, bool lazy)
{
    disk->is_lazy = lazy;
}
