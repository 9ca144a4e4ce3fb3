/* effect.c - the list of effects and the arena that holds their bytes. */
#include "common/port/effect.h"

#include <stdlib.h>

_Static_assert((int)EFFECTS_STEP_ITEMS_MAX <= (int)EFFECTS_MAX, "one step fits an empty list");
_Static_assert((int)EFFECTS_STEP_ARENA_MAX <= (int)EFFECTS_ARENA_SIZE,
               "one step fits an empty arena");

enum status effects_open(struct effects **out)
{
    struct effects *effects = malloc(sizeof *effects);
    uint8_t *memory = malloc(EFFECTS_ARENA_SIZE);
    if (!effects || !memory) {
        free(memory);
        free(effects);
        return ST_NO_MEMORY;
    }
    effects->count = 0;
    effects->arena = buf_of(memory, EFFECTS_ARENA_SIZE);
    *out = effects;
    return ST_OK;
}

void effects_close(struct effects *effects)
{
    if (!effects) return;
    free(effects->arena.data);
    free(effects);
}

void effects_clear(struct effects *effects)
{
    effects->count = 0;
    effects->arena.size = 0;
}

bool effects_has_room(const struct effects *effects)
{
    return EFFECTS_MAX - effects->count >= EFFECTS_STEP_ITEMS_MAX &&
           effects->arena.capacity - effects->arena.size >= EFFECTS_STEP_ARENA_MAX;
}

struct buf effects_space(struct effects *effects, size_t size)
{
    INVARIANT(size <= effects->arena.capacity - effects->arena.size);
    return buf_of(effects->arena.data + effects->arena.size, size);
}

struct bytes effects_take(struct effects *effects, const struct buf *written)
{
    /* A buf from an earlier effects_space would hand out bytes that somebody else's effect holds.
     */
    INVARIANT(written->data == effects->arena.data + effects->arena.size);
    INVARIANT(buf_ok(written));
    INVARIANT(written->size <= effects->arena.capacity - effects->arena.size);
    effects->arena.size += written->size;
    return buf_bytes(written);
}

struct bytes effects_copy(struct effects *effects, struct bytes bytes)
{
    struct buf space = effects_space(effects, bytes.size);
    buf_put(&space, bytes);
    return effects_take(effects, &space);
}

struct effect *effects_add(struct effects *effects, enum effect_kind kind)
{
    INVARIANT(effects->count < EFFECTS_MAX);
    struct effect *effect = &effects->items[effects->count++];
    *effect = (struct effect){.kind = kind};
    return effect;
}
