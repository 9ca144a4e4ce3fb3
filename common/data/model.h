/* model.h - versions of a model: what a manifest promises, which of several manifests counts at a
 * node, and what a node must fetch to have a version's bytes.
 *
 * A version of a model is a file, cut into chunks (chunker.h). The list of its chunks, in the order
 * of the file, is cut into blocks, and the manifest names the blocks by their hashes. Chunks and
 * blocks are found by their SHA-256 alone, so versions share what they have in common.
 *
 * A list block is entries without anything around them, 34 bytes each:
 *   32 SHA-256 of the chunk | 2 its size, big-endian, 1 … CHUNK_SIZE_MAX
 * The publisher ends a block where model_list_ends says. Readers do not depend on it.
 *
 * Versions of a model are numbered over all scopes and only grow. Withdrawing a version means to
 * publish the old content under a higher number; retiring means a manifest without content: from
 * then on its scope asks for nothing. Nothing here allocates. */
#ifndef HOLDFAST_COMMON_DATA_MODEL_H
#define HOLDFAST_COMMON_DATA_MODEL_H

#include "common/base/bounds.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/data/config.h"

/* The greatest version: stores keep it as a signed integer. */
#define MODEL_VERSION_MAX ((uint64_t)INT64_MAX)

/* ---- manifests ---- */

struct model_content {
    uint64_t size;        /* 1 … MODEL_SIZE_MAX */
    struct digest sha256; /* of the whole file */
    uint32_t chunking; /* >= 1, e. g. CHUNKING_FASTCDC_1. Whoever does not know it fetches all the
                           * same, but finds nothing by cutting the version that it has */
    uint32_t chunk_count; /* 1 … MODEL_CHUNKS_MAX */
};

/* A manifest without its list: what decisions are made by. */
struct model_head {
    struct level_name model; /* zero behind the text, as the scope's name */
    struct config_scope scope;
    uint64_t version;     /* 1 … MODEL_VERSION_MAX */
    uint64_t min_version; /* 1 … version: where this one was active, none below comes after it */
    uint64_t hlc;         /* 1 … HLC_STAMP_MAX: when it was published */
    bool retired;         /* there is no content then */
    struct model_content content; /* all zero when retired */
};

/* About 58 KiB: allocate it once, at open. */
struct model_manifest {
    struct model_head head;
    size_t list_count; /* 0 when retired, else 1 … MODEL_LISTS_MAX */
    struct digest lists[MODEL_LISTS_MAX];
};

bool model_head_ok(const struct model_head *head);
/* The head is, and so many blocks can hold so many chunks. */
bool model_manifest_ok(const struct model_manifest *manifest);

/* The order of manifests of one scope: the greater version; where a cloud used one version twice,
 * the greater stamp, then the content. 0: the same. */
int model_head_compare(const struct model_head *a, const struct model_head *b);

/* Of manifests that hold for a node, the greatest of each of its scopes, the one whose content it
 * shall have: the narrowest that is not retired; between two groups the greater one. Entries may be
 * NULL. NULL: nothing is asked for, and the node keeps what it has. */
const struct model_head *model_effective(const struct model_head *const *heads, size_t count);

/* ---- what a node has ---- */

struct model_active {
    uint64_t version;     /* 0: none */
    struct digest sha256; /* of the file */
    uint64_t floor;       /* the greatest min_version of all that was active; it never falls */
};

/* Shall the node take this content (not retired)? ST_OK: yes. ST_DUPLICATE: it is active. ST_STALE:
 * below the floor. ST_CONFLICT: the active version's number with other bytes. A lower version than
 * the active one is taken at or above the floor only: it counts since a narrower scope retired. */
MUST_USE enum status model_judge(const struct model_active *active, const struct model_head *head);
/* After the content has become active for good: not before an application that is asked has
 * confirmed it, or the way back would be closed. model_judge said ST_OK. */
struct model_active model_activate(const struct model_active *active,
                                   const struct model_head *head);

/* ---- chunk lists ---- */

struct model_chunk {
    struct digest hash;
    uint32_t size;
};

/* Adds an entry to a block. Ask buf_ok. */
void model_list_put(const struct model_chunk *chunk, struct buf *block);
/* Does the block end behind this chunk, its count-th? Of a block's chunks from the
 * MODEL_LIST_ENTRIES_MIN-th on, one in 32 ends it by its hash, so a change of the file changes few
 * blocks (of 3.5 KiB) and not the whole list. The last chunk of the file ends its block too. */
bool model_list_ends(const struct model_chunk *chunk, size_t count);
/* Appends a block's entries to chunks[*count …]. Errors: ST_MALFORMED, ST_TOO_LARGE (more chunks
 * than capacity); *count is as it was then. */
MUST_USE enum status model_list_read(struct bytes block, struct model_chunk *chunks,
                                     size_t capacity, size_t *count);
/* Are these all chunks of the content? Errors: ST_MALFORMED. */
MUST_USE enum status model_list_check(const struct model_content *content,
                                      const struct model_chunk *chunks, size_t count);

/* ---- an index of chunks by their hash ---- */

enum { MODEL_CHUNK_NONE = -1 };

struct model_index {
    const struct model_chunk *chunks; /* borrowed */
    uint32_t *places;                 /* number + 1, by open addressing; 0: free */
    size_t place_count;
};

/* The places an index over so many chunks needs: a power of two, never more than half full. */
size_t model_index_places(size_t chunk_count);
/* An empty index over chunks; places[place_count] is its memory. */
void model_index_init(struct model_index *index, const struct model_chunk *chunks, uint32_t *places,
                      size_t place_count);
/* Adds chunks[number]; false, with nothing changed, when one of this hash is in. */
bool model_index_add(struct model_index *index, uint32_t number);
/* The number of the chunk with this hash, or MODEL_CHUNK_NONE. */
int64_t model_index_find(const struct model_index *index, const struct digest *hash);

/* ---- the plan ---- */

/* A bit a chunk of the wanted list: verified, and durable at its place in the file to be. */
static inline bool model_bit(const uint8_t *bits, size_t number)
{
    return (bits[number / 8] >> number % 8 & 1) != 0;
}

static inline void model_bit_set(uint8_t *bits, size_t number)
{
    bits[number / 8] |= (uint8_t)(1u << number % 8);
}

enum model_source {
    MODEL_SOURCE_DONE,   /* its bit is set */
    MODEL_SOURCE_HELD,   /* copy chunk `number` of the version at hand */
    MODEL_SOURCE_REPEAT, /* copy chunk `number` of this list, once that one is there */
    MODEL_SOURCE_FETCH,
};

struct model_step {
    enum model_source source;
    uint32_t number;
};

struct model_plan {
    size_t fetch_count; /* chunks, each hash once */
    uint64_t fetch_bytes;
    uint64_t copy_bytes; /* held or repeated */
    uint64_t done_bytes;
};

/* Where each of the wanted chunks comes from: steps[count]. No hash is fetched twice, none that is
 * held, none that is done at another place; and a REPEAT is always of a step of another kind.
 * done: bits of the wanted list, NULL: none. held: over the chunks of the version at hand, NULL:
 * none. index: an empty one over the wanted list; afterwards it finds the first place of each hash,
 * a done one if there is one. Errors: ST_MALFORMED (one hash, two sizes). */
MUST_USE enum status model_plan(const struct model_chunk *wanted, size_t count, const uint8_t *done,
                                const struct model_index *held, struct model_index *index,
                                struct model_step *steps, struct model_plan *out);

#endif
