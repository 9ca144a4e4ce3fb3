/* wire_check.h - what the tests of common/wire share: opened scratch objects, random values, golden
 * messages that also seed the fuzz corpora. Faults are failures of the running cmocka test. */
#ifndef HOLDFAST_TESTS_SUPPORT_WIRE_CHECK_H
#define HOLDFAST_TESTS_SUPPORT_WIRE_CHECK_H

#include "common/base/rng.h"
#include "common/crypto/hasher.h"
#include "common/crypto/sign.h"
#include "common/wire/envelope.h"
#include "common/wire/pack.h"
#include "tests/support/golden.h"
#include "tests/support/recode.h"

enum { WIRE_MEMORY_SIZE = 1024 * 1024 + 4096 };

struct wire {
    struct unpacker *unpacker;
    struct hasher *hasher;
    struct compressor *compressor;
    struct secret_key *key;
    struct public_key public_key;
    struct recoder *recoder;
    struct rng rng; /* seeded anew for each test */
    struct golden golden;
    uint8_t memory[WIRE_MEMORY_SIZE];
    uint8_t scratch[BODY_UNPACKED_SIZE_MAX];
};

/* Group and test fixtures; *state is a struct wire. */
int wire_setup(void **state);
int wire_teardown(void **state);
int wire_reseed(void **state);

/* An empty buffer over wire->memory. */
struct buf wire_buf(struct wire *wire);

/* A number of any magnitude, so that every size on the wire is met. */
uint64_t random_uint(struct rng *rng);
int64_t random_int(struct rng *rng);
/* 1 … PACK_SEQUENCE_MAX. */
uint64_t random_sequence(struct rng *rng);
/* size_min..size_max bytes of valid UTF-8 in memory, which holds size_max. */
struct bytes random_text(struct rng *rng, void *memory, size_t size_min, size_t size_max);

/* Bytes from hex digits; blanks are skipped. out holds them. */
struct bytes bytes_of_hex(const char *hex, uint8_t *out, size_t capacity);

/* Adds a message to wire->golden, value by value; labels name the items of the outermost array and
 * are as many as it has. Then checks every damage to it (recode_damage) and, when vectors are
 * accepted, writes it into tests/fuzz/corpus/fuzz_<corpus>/<section> as a seed. */
void golden_message(struct wire *wire, const char *section, struct bytes message,
                    const char *const *labels, recode_function recode, const char *corpus);
/* Only the seed. */
void corpus_seed(const char *corpus, const char *name, struct bytes bytes);

#endif
