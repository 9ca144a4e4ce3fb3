/* chunker.h - cuts a file into chunks where its content says so, so that two versions of a file
 * share all chunks but those around their differences, wherever bytes were inserted or removed.
 *
 * FastCDC (Xia et al. 2016, 2020) with normalised chunking. A rolling hash goes over the bytes,
 *   hash = hash << 1 + gear[byte]     mod 2^64, so that it knows the last 64 bytes only
 * and a chunk ends behind the first byte, counted from the chunk's own begin, at which
 *   its size is CHUNK_SIZE_MIN  … CHUNKER_SIZE_NORMAL - 1 and hash < 2^48 (one byte in 64 Ki), or
 *   its size is CHUNKER_SIZE_NORMAL … CHUNK_SIZE_MAX - 1  and hash < 2^50 (one byte in 16 Ki), or
 *   its size is CHUNK_SIZE_MAX.
 * The end of the file ends the last chunk. The two rates stand around one in 32 Ki; with the least
 * and the greatest size a chunk of random bytes has some 29 KiB.
 *
 * gear[b] is the first 8 bytes, big-endian, of SHA-256("HOLDFAST-GEAR-1\0" | b): nobody chose it.
 *
 * Measured on random bytes: a change of any length costs its own bytes and 48 KiB around them, with
 * a deviation of 30 KiB. Stronger normalisation makes sizes more alike, but two different cuttings
 * then take longer to fall into step again; the sizes here were chosen for that cost.
 *
 * Chunks end where the bytes say, however they are fed. What is here is a format: another table,
 * size or rate is another chunking, with a number of its own in the manifests (model.h). */
#ifndef HOLDFAST_COMMON_DATA_CHUNKER_H
#define HOLDFAST_COMMON_DATA_CHUNKER_H

#include "common/base/bounds.h"
#include "common/base/bytes.h"
#include "common/crypto/hasher.h"

enum { CHUNKING_FASTCDC_1 = 1 };

enum { CHUNKER_SIZE_NORMAL = 16 * 1024, CHUNKER_GEAR_COUNT = 256 };

struct chunker {
    uint64_t gear[CHUNKER_GEAR_COUNT];
    uint64_t hash;
    uint32_t size; /* of the chunk so far, its bytes of earlier calls included */
};

/* Derives the table (256 hashes, once at open) and stands at the begin of a file. */
void chunker_init(struct chunker *chunker, struct hasher *hasher);
/* At the begin of a file again, whatever came before. */
void chunker_restart(struct chunker *chunker);

/* Takes bytes off the front of *bytes, up to the end of the chunk or all of them; *taken are those.
 * True: the chunk ends behind them, and the next call begins a new one. At the end of the file
 * chunker->size bytes, if any, are the last chunk. */
bool chunker_take(struct chunker *chunker, struct bytes *bytes, struct bytes *taken);

#endif
