/* sim_file.c - the bytes of one file on a disk that can lose power. */
#include "tests/sim/sim_file.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

enum {
    BLOCK_SIZE = 4096,
    SECTOR_SIZE = 512,
};

static void *resized(void *memory, size_t size)
{
    void *result = realloc(memory, size);
    INVARIANT(result != NULL);
    return result;
}

static size_t blocks_for(uint64_t size)
{
    return (size_t)((size + BLOCK_SIZE - 1) / BLOCK_SIZE);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

void sim_file_close(struct sim_file *file)
{
    for (size_t i = 0; i < file->block_count; i++) {
        free(file->blocks[i].now);
        if (file->blocks[i].dirty) free(file->blocks[i].synced);
    }
    free(file->blocks);
    free(file->dirty);
    memset(file, 0, sizeof *file);
}

static void grow_blocks(struct sim_file *file, size_t count)
{
    if (count <= file->block_count) return;
    /* Powers of two, so that a file growing page by page is not copied each time. */
    size_t capacity = 8;
    while (capacity < count) {
        capacity *= 2;
    }
    file->blocks = resized(file->blocks, capacity * sizeof *file->blocks);
    memset(&file->blocks[file->block_count], 0,
           (capacity - file->block_count) * sizeof *file->blocks);
    file->block_count = capacity;
}

/* Keeps the synced content aside. The present content is gone from the block then: the caller puts
 * a new one there. */
static void make_dirty(struct sim_file *file, size_t number)
{
    struct sim_block *block = &file->blocks[number];
    if (file->dirty_count == file->dirty_capacity) {
        file->dirty_capacity = file->dirty_capacity == 0 ? 16 : 2 * file->dirty_capacity;
        file->dirty = resized(file->dirty, file->dirty_capacity * sizeof *file->dirty);
    }
    file->dirty[file->dirty_count++] = number;
    block->dirty = true;
    block->synced = block->now;
    block->now = NULL;
}

static void write_block(struct sim_file *file, size_t number, size_t at, const void *bytes,
                        size_t size)
{
    struct sim_block *block = &file->blocks[number];
    const bool was_dirty = block->dirty;
    if (!was_dirty) make_dirty(file, number);
    if (block->now == NULL) {
        block->now = resized(NULL, BLOCK_SIZE);
        /* A block that was cut off in this epoch starts again as zeros. */
        const bool goes_on = !was_dirty && block->synced != NULL;
        if (goes_on) memcpy(block->now, block->synced, BLOCK_SIZE);
        if (!goes_on) memset(block->now, 0, BLOCK_SIZE);
    }
    memcpy(block->now + at, bytes, size);
    block->lost = false;
}

size_t sim_file_read(const struct sim_file *file, uint64_t offset, void *out, size_t size)
{
    uint8_t *to = out;
    const uint64_t there = offset < file->size ? file->size - offset : 0;
    const size_t wanted = there < size ? (size_t)there : size;
    size_t done = 0;
    while (done < wanted) {
        const uint64_t from = offset + done;
        const size_t at = (size_t)(from % BLOCK_SIZE);
        const size_t part = least(BLOCK_SIZE - at, wanted - done);
        const uint8_t *now = file->blocks[from / BLOCK_SIZE].now;
        if (now != NULL) memcpy(to + done, now + at, part);
        if (now == NULL) memset(to + done, 0, part);
        done += part;
    }
    memset(to + done, 0, size - done);
    return done;
}

void sim_file_write(struct sim_file *file, uint64_t offset, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    grow_blocks(file, blocks_for(offset + size));
    size_t done = 0;
    while (done < size) {
        const uint64_t to = offset + done;
        const size_t at = (size_t)(to % BLOCK_SIZE);
        const size_t part = least(BLOCK_SIZE - at, size - done);
        write_block(file, (size_t)(to / BLOCK_SIZE), at, from + done, part);
        done += part;
    }
    if (offset + size > file->size) file->size = offset + size;
}

void sim_file_truncate(struct sim_file *file, uint64_t size)
{
    if (size >= file->size) {
        grow_blocks(file, blocks_for(size));
        file->size = size;
        return;
    }
    const size_t tail = (size_t)(size % BLOCK_SIZE);
    if (tail != 0) {
        static const uint8_t zeros[BLOCK_SIZE];
        write_block(file, (size_t)(size / BLOCK_SIZE), tail, zeros, BLOCK_SIZE - tail);
    }
    for (size_t i = blocks_for(size); i < blocks_for(file->size); i++) {
        struct sim_block *block = &file->blocks[i];
        if (!block->dirty) make_dirty(file, i);
        free(block->now);
        block->now = NULL;
        block->lost = false;
    }
    file->size = size;
}

static void settle(struct sim_block *block)
{
    free(block->synced);
    block->synced = NULL;
    block->dirty = false;
    block->lost = false;
}

void sim_file_sync(struct sim_file *file)
{
    size_t kept = 0;
    for (size_t i = 0; i < file->dirty_count; i++) {
        struct sim_block *block = &file->blocks[file->dirty[i]];
        if (block->lost) {
            file->dirty[kept++] = file->dirty[i];
        } else {
            settle(block);
        }
    }
    file->dirty_count = kept;
    file->synced_size = file->size;
}

void sim_file_sync_failed(struct sim_file *file)
{
    for (size_t i = 0; i < file->dirty_count; i++) {
        file->blocks[file->dirty[i]].lost = true;
    }
}

/* The present bytes of one sector, the synced ones, or some of both. */
static void crash_sector(uint8_t *now, const uint8_t *synced, struct rng *rng)
{
    if (memcmp(now, synced, SECTOR_SIZE) == 0) return;
    const size_t cut = 1 + (size_t)rng_below(rng, SECTOR_SIZE - 1);
    switch (rng_below(rng, 6)) {
    case 0:
    case 1:
        return;
    case 2:
    case 3:
        memcpy(now, synced, SECTOR_SIZE);
        return;
    case 4:
        memcpy(now, synced, cut);
        return;
    default:
        memcpy(now + cut, synced + cut, SECTOR_SIZE - cut);
        return;
    }
}

static void crash_block(struct sim_file *file, size_t number, struct rng *rng)
{
    static const uint8_t zeros[BLOCK_SIZE];
    struct sim_block *block = &file->blocks[number];
    const uint8_t *synced = block->synced != NULL ? block->synced : zeros;
    if (block->now == NULL) block->now = calloc(1, BLOCK_SIZE);
    INVARIANT(block->now != NULL);
    for (size_t at = 0; at < BLOCK_SIZE; at += SECTOR_SIZE) {
        /* Beyond the present end nothing was written: should the cut not have reached the disk,
         * the old bytes are there as they were. */
        const bool is_cut_off = (uint64_t)number * BLOCK_SIZE + at >= file->size;
        if (is_cut_off) memcpy(block->now + at, synced + at, SECTOR_SIZE);
        if (!is_cut_off) crash_sector(block->now + at, synced + at, rng);
    }
    settle(block);
}

static uint64_t size_after_crash(const struct sim_file *file, struct rng *rng)
{
    if (file->size == file->synced_size) return file->size;
    switch (rng_below(rng, 3)) {
    case 0:
        return file->synced_size;
    case 1:
        return file->size;
    default:
        /* A cut is one step; an extension may have come through in part. */
        if (file->size < file->synced_size) return file->size;
        return file->synced_size + rng_below(rng, file->size - file->synced_size + 1);
    }
}

void sim_file_crash(struct sim_file *file, struct rng *rng)
{
    for (size_t i = 0; i < file->dirty_count; i++) {
        crash_block(file, file->dirty[i], rng);
    }
    file->dirty_count = 0;
    const uint64_t size = size_after_crash(file, rng);
    /* Also clears what lies behind the end, which a later extension must find as zeros. */
    file->size = (uint64_t)file->block_count * BLOCK_SIZE;
    sim_file_truncate(file, size);
    sim_file_sync(file);
}

void sim_file_copy(struct sim_file *to, const struct sim_file *from)
{
    struct sim_file copy = {0};
    grow_blocks(&copy, blocks_for(from->size));
    copy.size = from->size;
    copy.synced_size = from->size;
    for (size_t i = 0; i < blocks_for(from->size); i++) {
        if (from->blocks[i].now == NULL) continue;
        copy.blocks[i].now = resized(NULL, BLOCK_SIZE);
        memcpy(copy.blocks[i].now, from->blocks[i].now, BLOCK_SIZE);
    }
    sim_file_close(to);
    *to = copy;
}
