/* fuzz_chunker.c - any bytes, fed in any pieces: the same chunks, and each within its bounds.
 *
 * The input is a recipe, because chunks are larger than what a fuzzer makes: each byte adds a
 * stretch of up to 63 KiB, of bytes counted on, of one value, or of what stood a while before, and
 * is a piece's size as well. */
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/data/chunker.h"

enum { FILE_SIZE_MAX = 1024 * 1024, ENDS_MAX = FILE_SIZE_MAX / CHUNK_SIZE_MIN + 1 };

struct ends {
    size_t count;
    size_t at[ENDS_MAX];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t make_file(const uint8_t *recipe, size_t recipe_size, uint8_t *file)
{
    struct rng rng;
    size_t at = 0;
    rng_seed(&rng, recipe_size);
    for (size_t i = 0; i < recipe_size; i++) {
        size_t size = (size_t)(recipe[i] >> 2) * 1024 + recipe[recipe_size - 1 - i];
        if (size > FILE_SIZE_MAX - at) size = FILE_SIZE_MAX - at;
        if ((recipe[i] & 3) <= 1)
            rng_fill(&rng, file + at, size);
        else if ((recipe[i] & 3) == 2)
            memset(file + at, recipe[i], size);
        else
            for (size_t k = 0; k < size; k++)
                file[at + k] = at + k >= 40000 ? file[at + k - 40000] : 0;
        at += size;
    }
    return at;
}

/* piece_sizes NULL: as a whole. */
static void cut(struct chunker *chunker, struct bytes file, const uint8_t *piece_sizes,
                size_t piece_count, struct ends *ends)
{
    size_t offset = 0;
    ends->count = 0;
    chunker_restart(chunker);
    for (size_t i = 0; file.size > 0; i++) {
        size_t size = piece_sizes == NULL ? file.size : (size_t)piece_sizes[i % piece_count] * 97;
        if (size > file.size) size = file.size;
        struct bytes piece = bytes_of(file.data, size == 0 ? 1 : size), taken;
        file = bytes_from(file, piece.size);
        while (piece.size > 0) {
            const bool ended = chunker_take(chunker, &piece, &taken);
            offset += taken.size;
            if (!ended) continue;
            INVARIANT(ends->count < ENDS_MAX);
            ends->at[ends->count++] = offset;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t file[FILE_SIZE_MAX];
    static struct chunker chunker;
    static struct hasher *hasher;
    static struct ends whole, split;
    if (hasher == NULL) {
        INVARIANT(hasher_open(&hasher) == ST_OK);
        chunker_init(&chunker, hasher);
    }
    if (size == 0) return 0;
    const struct bytes bytes = bytes_of(file, make_file(data, size, file));
    cut(&chunker, bytes, NULL, 0, &whole);
    cut(&chunker, bytes, data, size, &split);
    INVARIANT(whole.count == split.count);
    for (size_t i = 0, begin = 0; i < whole.count; begin = whole.at[i++]) {
        INVARIANT(whole.at[i] == split.at[i]);
        INVARIANT(whole.at[i] - begin >= CHUNK_SIZE_MIN && whole.at[i] - begin <= CHUNK_SIZE_MAX);
    }
    return 0;
}
