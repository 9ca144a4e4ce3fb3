/* test_log.h - deterministic keys, and a chained, signed evidence log in memory.
 *
 * The same calls give the same bytes on every run and machine: keys come from a seed byte, time and
 * ids are counted, never read. */
#ifndef HOLDFAST_TESTS_SUPPORT_TEST_LOG_H
#define HOLDFAST_TESTS_SUPPORT_TEST_LOG_H

#include "common/data/checkpoint.h"
#include "common/data/evidence.h"
#include "common/data/tree.h"

enum { TEST_PAYLOAD_SIZE_MAX = 256, TEST_LOG_ENTRIES_MAX = 2048 };

/* The key whose 32 seed bytes are all seed_byte; calls crypto_start. The caller closes it. */
struct secret_key *test_key_open(uint8_t seed_byte);

struct test_entry {
    struct evidence_header fields;
    struct evidence_entry entry; /* entry.payload points to payload below */
    struct digest hash;
    struct digest leaf;
    uint8_t payload[TEST_PAYLOAD_SIZE_MAX];
};

struct test_log {
    struct node_name node;
    struct log_id log;
    struct secret_key *key;
    struct public_key public_key;
    struct hasher *hasher;
    struct chain_head head;
    struct tree tree; /* over entries[0 … count - 1] */
    size_t count;
    struct test_entry *entries; /* TEST_LOG_ENTRIES_MAX of them */
};

/* An empty log of this node; the log id counts up from seed_byte, the key is test_key_open's. */
void test_log_open(struct test_log *log, const char *node, uint8_t seed_byte);
void test_log_close(struct test_log *log);

/* Appends an entry: fields carries type, codec and flags, and may carry wall_ns, mono_ns,
 * boot_count, clock_uncertainty_ms and hlc (0: as before, counted on); the rest is filled in.
 * Returns it. */
struct test_entry *test_log_append(struct test_log *log, struct evidence_header fields,
                                   struct bytes payload);

/* GENESIS, then entries of type 0x0100 with short, differing payloads, until there are count. The
 * GENESIS payload here is arbitrary bytes: use append when its content matters. */
void test_log_fill(struct test_log *log, size_t count);

/* Signed for the log's present size. */
struct checkpoint test_log_checkpoint(const struct test_log *log);

#endif
