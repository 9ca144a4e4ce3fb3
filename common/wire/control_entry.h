/* control_entry.h - payloads of the control entries of an evidence log (codec MessagePack), each a
 * canonical array.
 *   GENESIS   [public_key bin 32, wall_ms int, reason text, previous nil | array 3
 *              [log_id bin 16, size uint, head_hash bin 32]]
 *   TYPE      [number uint 0x0100.., name text (a level name)]
 *   BOOT      [boot_id bin 16, clean bool, software text]
 *   CLOCK     [wall_ns_before int, wall_ns_after int, mono_ns uint]: at one moment of the monotonic
 *             clock, what the wall clock should have read and what it did read
 *   HEARTBEAT [pending_entries uint, disk_free_bytes uint]
 *   LOSS      [log_id bin 16, from uint, to uint, reason text, last_hash bin 32, nodes bin 32 * n,
 *              payload_only bool]: 1 <= from <= to; n = the number of canonical subtrees of
 *             [from - 1, to), 1..LOSS_NODES_MAX. payload_only: headers and signatures are there,
 *             only payloads are gone; last_hash zero, nodes empty
 *   CLOSE     [reason text]
 *
 * Reasons and the software text are 0..CONTROL_REASON_SIZE_MAX bytes; sequences and sizes are at
 * most PACK_SEQUENCE_MAX. */
#ifndef HOLDFAST_COMMON_WIRE_CONTROL_ENTRY_H
#define HOLDFAST_COMMON_WIRE_CONTROL_ENTRY_H

#include "common/base/bounds.h"
#include "common/base/ids.h"
#include "common/crypto/sign.h"
#include "common/wire/pack.h"

enum { CONTROL_REASON_SIZE_MAX = 200, BOOT_ID_SIZE = 16 };

struct genesis {
    struct public_key key;
    int64_t wall_ms;
    struct bytes reason;
    bool has_previous;
    struct log_id previous_log;
    uint64_t previous_size;
    struct digest previous_hash;
};

struct type_entry {
    uint16_t number;
    struct bytes name;
};

struct boot_entry {
    uint8_t boot_id[BOOT_ID_SIZE];
    bool clean;
    struct bytes software;
};

struct clock_entry {
    int64_t wall_ns_before, wall_ns_after;
    uint64_t mono_ns;
};

struct heartbeat {
    uint64_t pending_entries, disk_free_bytes;
};

struct loss {
    struct log_id log; /* may be an older log than the one that holds the entry */
    uint64_t from, to;
    struct bytes reason;
    bool payload_only;
    struct digest last_hash;
    size_t node_count;
    struct digest nodes[LOSS_NODES_MAX];
};

void genesis_encode(const struct genesis *genesis, struct buf *out);
MUST_USE enum status genesis_decode(struct unpacker *unpacker, struct bytes payload,
                                    struct genesis *out);
void type_entry_encode(const struct type_entry *type, struct buf *out);
MUST_USE enum status type_entry_decode(struct unpacker *unpacker, struct bytes payload,
                                       struct type_entry *out);
void boot_entry_encode(const struct boot_entry *boot, struct buf *out);
MUST_USE enum status boot_entry_decode(struct unpacker *unpacker, struct bytes payload,
                                       struct boot_entry *out);
void clock_entry_encode(const struct clock_entry *clock, struct buf *out);
MUST_USE enum status clock_entry_decode(struct unpacker *unpacker, struct bytes payload,
                                        struct clock_entry *out);
void heartbeat_encode(const struct heartbeat *heartbeat, struct buf *out);
MUST_USE enum status heartbeat_decode(struct unpacker *unpacker, struct bytes payload,
                                      struct heartbeat *out);
void loss_encode(const struct loss *loss, struct buf *out);
MUST_USE enum status loss_decode(struct unpacker *unpacker, struct bytes payload, struct loss *out);
void close_encode(struct bytes reason, struct buf *out);
MUST_USE enum status close_decode(struct unpacker *unpacker, struct bytes payload,
                                  struct bytes *reason);

#endif
