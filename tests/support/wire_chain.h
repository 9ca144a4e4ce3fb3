/* wire_chain.h - chained evidence entries whose fields are anything a header may hold, for tests of
 * the messages that carry them. Faults are failures of the running cmocka test. */
#ifndef HOLDFAST_TESTS_SUPPORT_WIRE_CHAIN_H
#define HOLDFAST_TESTS_SUPPORT_WIRE_CHAIN_H

#include "common/wire/evidence_msg.h"
#include "tests/support/wire_check.h"

enum { WIRE_PAYLOAD_SIZE = 120 };

/* Allocate it static: about 150 KiB. */
struct wire_chain {
    struct evidence_run_head head;
    size_t count;
    struct evidence_header headers[RUN_ENTRIES_MAX];
    struct evidence_entry entries[RUN_ENTRIES_MAX];
    uint8_t payloads[RUN_ENTRIES_MAX][WIRE_PAYLOAD_SIZE];
};

extern const struct node_name wire_node; /* "edge-1", the node of every entry */

/* count entries from first_sequence on, signatures and checkpoint random too. */
void wire_chain_fill(struct wire *wire, struct wire_chain *chain, uint64_t first_sequence,
                     size_t count);
/* The run of all of them as a message body in wire->memory. */
struct bytes wire_chain_encode(struct wire *wire, const struct wire_chain *chain);
void expect_same_entry(const struct evidence_entry *a, const struct evidence_entry *b);

#endif
