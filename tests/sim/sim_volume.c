/* sim_volume.c - the named files of one simulated disk. */
#include "tests/sim/sim_volume.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

struct sim_entry *sim_volume_find(const struct sim_volume *volume, const char *path)
{
    struct sim_entry *entry = volume->entries;
    while (entry != NULL && strcmp(entry->path, path) != 0) {
        entry = entry->next;
    }
    return entry;
}

struct sim_entry *sim_volume_add(struct sim_volume *volume, const char *path)
{
    struct sim_entry *entry = calloc(1, sizeof *entry);
    const size_t size = strlen(path) + 1;
    INVARIANT(entry != NULL && size <= sizeof entry->path);
    memcpy(entry->path, path, size);
    struct sim_entry **last = &volume->entries;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = entry;
    return entry;
}

void sim_volume_remove(struct sim_volume *volume, struct sim_entry *entry)
{
    INVARIANT(entry->handles == NULL);
    struct sim_entry **at = &volume->entries;
    while (*at != entry) {
        at = &(*at)->next;
    }
    *at = entry->next;
    sim_file_close(&entry->file);
    free(entry);
}

uint64_t sim_volume_used_bytes(const struct sim_volume *volume)
{
    uint64_t used = 0;
    for (const struct sim_entry *entry = volume->entries; entry != NULL; entry = entry->next) {
        used += entry->file.size;
    }
    return used;
}

void sim_volume_crash(struct sim_volume *volume, struct rng *rng)
{
    for (struct sim_entry *entry = volume->entries; entry != NULL; entry = entry->next) {
        sim_file_crash(&entry->file, rng);
    }
}

void sim_volume_copy(struct sim_volume *to, const struct sim_volume *from)
{
    INVARIANT(to->entries == NULL);
    for (const struct sim_entry *entry = from->entries; entry != NULL; entry = entry->next) {
        sim_file_copy(&sim_volume_add(to, entry->path)->file, &entry->file);
    }
}
