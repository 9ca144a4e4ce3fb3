/* retention.h - which payloads leave the node: those of entries that the cloud has acknowledged,
 * oldest first, by age, by bytes, or because the disk fills up.
 *
 * Only payloads leave. Headers, signatures and leaves stay, so every hash, chain link, signature,
 * checkpoint and tree can still be checked; control entries keep their payloads as well, since a
 * log cannot be judged without its key and its type names. So do critical entries (P0 is kept for
 * ever) and those that the cloud rejected or filed beside the chain: they may be judged again.
 *
 * Work is done in slices between steps. A cursor over positions says how far it went; what the
 * cursor has passed is never looked at again.
 *
 * A cloud that was restored from a backup may ask for entries whose payloads have left. They are
 * sent with payload form ABSENT, and a signed LOSS of payloads only says so. (Waiting for a second
 * cloud store before anything may leave would mean that nothing ever leaves: there is one.) */
#ifndef HOLDFAST_EDGE_BRIDGE_RETENTION_H
#define HOLDFAST_EDGE_BRIDGE_RETENTION_H

#include "common/wire/ack_msg.h"
#include "edge-bridge/evidence_read.h"

struct edge;

enum {
    RETENTION_ROWS_MAX = 256,               /* a slice, */
    RETENTION_PART_BYTES_MAX = 1024 * 1024, /* which a large payload ends early */
    RETENTION_TICK_MS = 1000,
    RETENTION_PRESSED_MS = 250, /* between slices while the disk is nearly full */
    RETENTION_TRACKS_MS = 10 * 1000,
};

enum {
    RETENTION_READ,
    RETENTION_DELETE,
    RETENTION_INSERT,
    RETENTION_DROP_PARTS,
    RETENTION_DROP_UPLOAD,
    RETENTION_LOG_OF,
    RETENTION_IS_KEPT,
    RETENTION_KEEP,
    RETENTION_FIRST_GONE,
    RETENTION_LAST_GONE,
    RETENTION_STATEMENT_COUNT,
};

/* An entry as it goes back without its payload. */
struct retention_row {
    uint64_t position;
    uint64_t priority;
    struct header_bytes header;
    struct signature signature;
    struct digest leaf;
};

struct retention {
    struct statement *statements[RETENTION_STATEMENT_COUNT];
    struct retention_row *rows; /* RETENTION_ROWS_MAX: to be written again */
    uint64_t through;           /* positions up to here are done with */
    uint64_t passed_bytes;      /* accepted payload bytes up to there */
    uint64_t dropped_entries, dropped_bytes;
    uint64_t reusable_bytes; /* room inside the database file; only looked up when it matters */
    uint64_t due_mono_ns, tracks_mono_ns;
    bool more;    /* the slice ended for its own bound, not for want of work */
    bool pressed; /* the disk is nearly full */
};

MUST_USE enum status retention_open(struct edge *edge);
void retention_close(struct edge *edge);

/* A slice when one is due. */
MUST_USE enum status retention_tick(struct edge *edge);
uint64_t retention_wakeup(const struct edge *edge);

/* The cloud acknowledges entries of this log up to `acked`, and what it says of them: notes those
 * whose payloads must stay. Call it before log->acked rises. */
MUST_USE enum status retention_heard(struct edge *edge, const struct log_row *log,
                                     const struct ack *ack, const struct ack_log *said,
                                     uint64_t acked);
/* The payloads of entries from..to stay. */
MUST_USE enum status retention_keep(struct edge *edge, const struct log_row *log, uint64_t from,
                                    uint64_t to);
/* The entries above `acked` are asked for again: says, signed, which payloads have left. */
MUST_USE enum status retention_asked_again(struct edge *edge, const struct log_row *log,
                                           uint64_t acked);

/* True for an entry without payload that retention has passed. */
bool retention_took(const struct edge *edge, const struct evidence_row *row);
/* Bytes free on the disk and inside the database file. */
uint64_t retention_room_bytes(const struct edge *edge);
/* "ok", "giving way", "full below P3", "full". */
const char *retention_disk_words(const struct edge *edge);

#endif
