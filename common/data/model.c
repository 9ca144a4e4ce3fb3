/* model.c - manifests and their order, chunk lists, and the plan what to fetch. */
#include "common/data/model.h"

#include <string.h>

#include "common/data/hlc.h"

enum { LIST_ENDS_ONE_IN = 32 };

_Static_assert(MODEL_LIST_ENTRY_SIZE == DIGEST_SIZE + 2 && CHUNK_SIZE_MAX <= UINT16_MAX,
               "an entry is a hash and a size of two bytes");
_Static_assert((uint64_t)MODEL_LISTS_MAX *MODEL_LIST_ENTRIES_MIN >= MODEL_CHUNKS_MAX,
               "the blocks of one manifest hold the chunks of any model");

/* -------------------------------------------------------------- manifests */

static struct bytes level_text(const struct level_name *name)
{
    return bytes_of(name->text, strnlen(name->text, sizeof name->text));
}

static bool content_ok(const struct model_content *content)
{
    return content->size >= 1 && content->size <= MODEL_SIZE_MAX && content->chunking >= 1 &&
           content->chunk_count >= 1 && content->chunk_count <= MODEL_CHUNKS_MAX &&
           content->size >= content->chunk_count &&
           content->size <= (uint64_t)content->chunk_count * CHUNK_SIZE_MAX;
}

static bool content_is_none(const struct model_content *content)
{
    return content->size == 0 && digest_is_zero(&content->sha256) && content->chunking == 0 &&
           content->chunk_count == 0;
}

bool model_head_ok(const struct model_head *head)
{
    if (!ids_level_name_ok(level_text(&head->model)) || !config_scope_ok(&head->scope))
        return false;
    if (head->version == 0 || head->version > MODEL_VERSION_MAX) return false;
    if (head->min_version == 0 || head->min_version > head->version) return false;
    if (head->hlc == 0 || head->hlc > HLC_STAMP_MAX) return false;
    return head->retired ? content_is_none(&head->content) : content_ok(&head->content);
}

bool model_manifest_ok(const struct model_manifest *manifest)
{
    if (!model_head_ok(&manifest->head)) return false;
    if (manifest->head.retired) return manifest->list_count == 0;
    const uint64_t chunk_count = manifest->head.content.chunk_count;
    return manifest->list_count >= 1 && manifest->list_count <= MODEL_LISTS_MAX &&
           manifest->list_count <= chunk_count &&
           chunk_count <= (uint64_t)manifest->list_count * MODEL_LIST_ENTRIES_MAX;
}

static int order_of(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

int model_head_compare(const struct model_head *a, const struct model_head *b)
{
    int order = order_of(a->version, b->version);
    if (order == 0) order = order_of(a->hlc, b->hlc);
    if (order == 0) order = order_of(a->retired, b->retired);
    if (order == 0) order = memcmp(a->content.sha256.bytes, b->content.sha256.bytes, DIGEST_SIZE);
    if (order == 0) order = order_of(a->content.size, b->content.size);
    if (order == 0) order = order_of(a->min_version, b->min_version);
    if (order == 0) order = order_of(a->content.chunking, b->content.chunking);
    if (order == 0) order = order_of(a->content.chunk_count, b->content.chunk_count);
    return order;
}

const struct model_head *model_effective(const struct model_head *const *heads, size_t count)
{
    const struct model_head *best = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct model_head *const next = heads[i];
        if (next == NULL || next->retired) continue;
        if (best == NULL || next->scope.kind > best->scope.kind ||
            (next->scope.kind == best->scope.kind && model_head_compare(next, best) > 0))
            best = next;
    }
    return best;
}

/* -------------------------------------------------------- what a node has */

enum status model_judge(const struct model_active *active, const struct model_head *head)
{
    INVARIANT(!head->retired);
    if (active->version != 0 && head->version == active->version)
        return digest_equal(&head->content.sha256, &active->sha256) ? ST_DUPLICATE : ST_CONFLICT;
    return head->version < active->floor ? ST_STALE : ST_OK;
}

struct model_active model_activate(const struct model_active *active, const struct model_head *head)
{
    INVARIANT(model_judge(active, head) == ST_OK);
    return (struct model_active){
        .version = head->version,
        .sha256 = head->content.sha256,
        .floor = head->min_version > active->floor ? head->min_version : active->floor,
    };
}

/* ------------------------------------------------------------ chunk lists */

void model_list_put(const struct model_chunk *chunk, struct buf *block)
{
    INVARIANT(chunk->size >= 1 && chunk->size <= CHUNK_SIZE_MAX);
    buf_put(block, bytes_of(chunk->hash.bytes, DIGEST_SIZE));
    buf_put_u16(block, (uint16_t)chunk->size);
}

bool model_list_ends(const struct model_chunk *chunk, size_t count)
{
    if (count < MODEL_LIST_ENTRIES_MIN) return false;
    return chunk->hash.bytes[DIGEST_SIZE - 1] % LIST_ENDS_ONE_IN == 0 ||
           count >= MODEL_LIST_ENTRIES_MAX;
}

enum status model_list_read(struct bytes block, struct model_chunk *chunks, size_t capacity,
                            size_t *count)
{
    const size_t entry_count = block.size / MODEL_LIST_ENTRY_SIZE;
    if (entry_count == 0 || block.size % MODEL_LIST_ENTRY_SIZE != 0) return ST_MALFORMED;
    if (entry_count > MODEL_LIST_ENTRIES_MAX) return ST_MALFORMED;
    if (capacity < *count || capacity - *count < entry_count) return ST_TOO_LARGE;
    for (size_t i = 0; i < entry_count; i++) {
        const uint8_t *const entry = block.data + i * MODEL_LIST_ENTRY_SIZE;
        struct model_chunk *const chunk = &chunks[*count + i];
        memcpy(chunk->hash.bytes, entry, DIGEST_SIZE);
        chunk->size = get_u16(entry + DIGEST_SIZE);
        if (chunk->size == 0 || chunk->size > CHUNK_SIZE_MAX) return ST_MALFORMED;
    }
    *count += entry_count;
    return ST_OK;
}

enum status model_list_check(const struct model_content *content, const struct model_chunk *chunks,
                             size_t count)
{
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += chunks[i].size;
    return count == content->chunk_count && size == content->size ? ST_OK : ST_MALFORMED;
}

/* ------------------------------------------------------------------ index */

size_t model_index_places(size_t chunk_count)
{
    size_t place_count = 2;
    while (place_count < 2 * chunk_count)
        place_count *= 2;
    return place_count;
}

void model_index_init(struct model_index *index, const struct model_chunk *chunks, uint32_t *places,
                      size_t place_count)
{
    INVARIANT(place_count >= 2 && (place_count & (place_count - 1)) == 0);
    memset(places, 0, place_count * sizeof *places);
    *index = (struct model_index){.chunks = chunks, .places = places, .place_count = place_count};
}

/* The place of this hash, or the free one where it would stand. */
static uint32_t *place_of(const struct model_index *index, const struct digest *hash)
{
    const size_t mask = index->place_count - 1;
    size_t at = (size_t)get_u64(hash->bytes) & mask;
    for (size_t tried = 0; tried < index->place_count; tried++, at = (at + 1) & mask) {
        uint32_t *const place = &index->places[at];
        if (*place == 0 || digest_equal(&index->chunks[*place - 1].hash, hash)) return place;
    }
    UNREACHABLE(); /* an index is never full */
}

bool model_index_add(struct model_index *index, uint32_t number)
{
    uint32_t *const place = place_of(index, &index->chunks[number].hash);
    if (*place != 0) return false;
    *place = number + 1;
    return true;
}

int64_t model_index_find(const struct model_index *index, const struct digest *hash)
{
    const uint32_t place = *place_of(index, hash);
    return place == 0 ? MODEL_CHUNK_NONE : (int64_t)place - 1;
}

/* ------------------------------------------------------------------- plan */

/* Where a chunk that is not done comes from. */
static enum status step_of(const struct model_chunk *wanted, uint32_t number,
                           const struct model_index *held, struct model_index *index,
                           struct model_step *out)
{
    const struct model_chunk *const chunk = &wanted[number];
    const int64_t first = model_index_find(index, &chunk->hash);
    if (first != MODEL_CHUNK_NONE) {
        *out = (struct model_step){MODEL_SOURCE_REPEAT, (uint32_t)first};
        return wanted[first].size == chunk->size ? ST_OK : ST_MALFORMED;
    }
    INVARIANT(model_index_add(index, number));
    const int64_t at_hand = held == NULL ? MODEL_CHUNK_NONE : model_index_find(held, &chunk->hash);
    if (at_hand == MODEL_CHUNK_NONE) {
        *out = (struct model_step){MODEL_SOURCE_FETCH, number};
        return ST_OK;
    }
    *out = (struct model_step){MODEL_SOURCE_HELD, (uint32_t)at_hand};
    return held->chunks[at_hand].size == chunk->size ? ST_OK : ST_MALFORMED;
}

static void count_step(const struct model_chunk *chunk, const struct model_step *step,
                       struct model_plan *plan)
{
    switch (step->source) {
    case MODEL_SOURCE_DONE:
        plan->done_bytes += chunk->size;
        return;
    case MODEL_SOURCE_HELD:
    case MODEL_SOURCE_REPEAT:
        plan->copy_bytes += chunk->size;
        return;
    case MODEL_SOURCE_FETCH:
        plan->fetch_count++;
        plan->fetch_bytes += chunk->size;
        return;
    }
    UNREACHABLE();
}

enum status model_plan(const struct model_chunk *wanted, size_t count, const uint8_t *done,
                       const struct model_index *held, struct model_index *index,
                       struct model_step *steps, struct model_plan *out)
{
    INVARIANT(index->chunks == wanted && count <= MODEL_CHUNKS_MAX);
    *out = (struct model_plan){0};
    /* Done ones first: an earlier chunk of the same bytes is copied from them. */
    for (uint32_t i = 0; done != NULL && i < count; i++)
        if (model_bit(done, i)) (void)model_index_add(index, i);
    for (uint32_t i = 0; i < count; i++) {
        if (done != NULL && model_bit(done, i))
            steps[i] = (struct model_step){MODEL_SOURCE_DONE, i};
        else
            TRY(step_of(wanted, i, held, index, &steps[i]));
        count_step(&wanted[i], &steps[i], out);
    }
    return ST_OK;
}
