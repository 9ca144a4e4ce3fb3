/* chunker.c - content-defined chunking by a gear hash. */
#include "common/data/chunker.h"

#include <string.h>

enum {
    WINDOW_SIZE = 64, /* bytes that the hash knows: each one is shifted out after 64 more */
    GEAR_TEXT_SIZE = 17,
};

#define HASH_BELOW_SELDOM (UINT64_C(1) << 48)
#define HASH_BELOW_OFTEN (UINT64_C(1) << 50)

_Static_assert((int)WINDOW_SIZE < (int)CHUNK_SIZE_MIN &&
                   (int)CHUNK_SIZE_MIN < (int)CHUNKER_SIZE_NORMAL &&
                   (int)CHUNKER_SIZE_NORMAL < (int)CHUNK_SIZE_MAX,
               "each stretch of a chunk has bytes");

void chunker_init(struct chunker *chunker, struct hasher *hasher)
{
    uint8_t text[GEAR_TEXT_SIZE] = "HOLDFAST-GEAR-1"; /* its NUL, and then the byte */
    for (unsigned i = 0; i < CHUNKER_GEAR_COUNT; i++) {
        text[GEAR_TEXT_SIZE - 1] = (uint8_t)i;
        const struct digest digest = hasher_of(hasher, bytes_of(text, sizeof text));
        chunker->gear[i] = get_u64(digest.bytes);
    }
    chunker_restart(chunker);
}

void chunker_restart(struct chunker *chunker)
{
    chunker->hash = 0;
    chunker->size = 0;
}

/* Rolls the hash over the bytes from at to end, and stops behind the first one that gives a hash
 * below the limit; end: none does. Returns where it stopped. */
static const uint8_t *roll(struct chunker *chunker, const uint8_t *at, const uint8_t *end,
                           uint64_t limit, bool *found)
{
    uint64_t hash = chunker->hash;
    while (at < end) {
        hash = (hash << 1) + chunker->gear[*at++];
        if (hash < limit) {
            *found = true;
            break;
        }
    }
    chunker->hash = hash;
    return at;
}

/* Where the chunk has that many bytes, if the fed ones reach so far. */
static const uint8_t *reach(const struct chunker *chunker, const uint8_t *at, const uint8_t *end,
                            uint32_t size)
{
    if (chunker->size >= size) return at;
    const size_t missing = size - chunker->size;
    return (size_t)(end - at) < missing ? end : at + missing;
}

bool chunker_take(struct chunker *chunker, struct bytes *bytes, struct bytes *taken)
{
    /* No chunk ends within a stretch whose limit is 0. What lies before the window of the first
     * byte that may end a chunk need not be hashed at all: a quarter of all bytes. */
    static const struct {
        uint32_t size;
        uint64_t limit;
    } stretches[] = {
        {CHUNK_SIZE_MIN - 1, 0},
        {CHUNKER_SIZE_NORMAL - 1, HASH_BELOW_SELDOM},
        {CHUNK_SIZE_MAX, HASH_BELOW_OFTEN},
    };
    bool found = false;
    *taken = bytes_of(bytes->data, 0);
    if (bytes->size == 0) return false;
    const uint8_t *const end = bytes->data + bytes->size;
    const uint8_t *at = reach(chunker, bytes->data, end, CHUNK_SIZE_MIN - WINDOW_SIZE);
    chunker->size += (uint32_t)(at - bytes->data);
    for (size_t i = 0; i < COUNT_OF(stretches) && at < end && !found; i++) {
        const uint8_t *const begin = at;
        const uint8_t *const stop = reach(chunker, at, end, stretches[i].size);
        at = roll(chunker, begin, stop, stretches[i].limit, &found);
        chunker->size += (uint32_t)(at - begin);
    }
    *taken = bytes_of(bytes->data, (size_t)(at - bytes->data));
    *bytes = bytes_from(*bytes, taken->size);
    if (!found && chunker->size < CHUNK_SIZE_MAX) return false;
    chunker_restart(chunker);
    return true;
}
