/* framer.c - from the cursor to a signed frame: the next run, a part of a large payload, or
 * critical entries ahead of their turn.
 *
 * Entries are checked again as they are read (a byte that rotted on the disk must not go out
 * under a fresh signature). What cannot be sent stops the cursor; a LOSS entry, written in the
 * next step, opens the way over it. */
#include <string.h>

#include "edge-bridge/edge_state.h"

/* Finds where to go on: the oldest log with something left. */
static enum status place_cursor(struct edge *edge)
{
    struct outbox *outbox = &edge->outbox;
    if (outbox->placed) return ST_OK;
    TRY(evidence_read_pending_log(edge, 0, &outbox->log));
    TRY(evidence_read_tree(edge, &outbox->log, outbox->log.delivered, &outbox->tree));
    TRY(evidence_read_hash(edge, &outbox->log, outbox->log.delivered, &outbox->prev_hash));
    outbox->next = outbox->log.delivered + 1;
    outbox->part_next = 0;
    outbox->placed = true;
    return ST_OK;
}

/* The open log grows while it is sent; a finished one gives way to the next. ST_NOT_FOUND: all
 * sent. */
static enum status advance_log(struct edge *edge)
{
    struct outbox *outbox = &edge->outbox;
    for (;;) {
        if (outbox->log.id == edge->log.row.id) outbox->log.head = edge->log.row.head;
        if (outbox->next <= outbox->log.head.sequence) return ST_OK;
        struct log_row next;
        TRY(evidence_read_pending_log(edge, outbox->log.id, &next));
        outbox->log = next;
        TRY(evidence_read_tree(edge, &next, next.delivered, &outbox->tree));
        TRY(evidence_read_hash(edge, &next, next.delivered, &outbox->prev_hash));
        outbox->next = next.delivered + 1;
        outbox->part_next = 0;
    }
}

static bool held_above(const struct outbox *outbox, uint64_t sequence)
{
    for (size_t i = 0; i < outbox->above_count; i++)
        if (sequence >= outbox->above[i].from && sequence <= outbox->above[i].to) return true;
    return false;
}

/* Copies an entry into the frame that is being collected; *full: it does not fit any more. Entries
 * that cannot go ahead (large, damaged, held by the cloud already) are passed over. */
static enum status ahead_add(struct edge *edge, const struct log_row *log, uint64_t sequence,
                             size_t *count, bool *full)
{
    struct outbox *outbox = &edge->outbox;
    struct evidence_row row;
    *full = false;
    if (outbox->above_log == log->id && held_above(outbox, sequence)) return ST_OK;
    TRY(evidence_read_entry(edge, log, sequence, &row));
    struct buf *payloads = &outbox->ahead_payloads;
    const size_t overhead = (*count + 1) * (ENTRY_WIRE_OVERHEAD_MAX + 64);
    const bool fits = payloads->size + row.entry.payload.size + overhead <= FRAME_SIZE_DEFAULT;
    if (row.damage == ROW_GOOD && row.entry.form != PAYLOAD_PARTS) {
        *full = *count > 0 && !fits;
        if (!*full) {
            struct evidence_entry *entry = &outbox->ahead_scratch[(*count)++];
            *entry = row.entry;
            entry->payload = bytes_of(payloads->data + payloads->size, row.entry.payload.size);
            buf_put(payloads, row.entry.payload);
            INVARIANT(buf_ok(payloads));
        }
    }
    evidence_scan_end(edge);
    return ST_OK;
}

static enum status ahead_send(struct edge *edge, struct effects *effects, const struct log_row *log,
                              size_t count)
{
    struct outbox *outbox = &edge->outbox;
    struct buf body = buf_of(edge->body_scratch, BODY_SIZE_MAX);
    ahead_msg_encode(&log->log, outbox->ahead_scratch, count, &body);
    INVARIANT(buf_ok(&body));
    uint32_t token, frame_bytes;
    TRY(outbox_publish(edge, effects, TOPIC_EVIDENCE, FRAME_EVIDENCE_AHEAD, buf_bytes(&body), false,
                       &token, &frame_bytes));
    struct flight *flight = outbox_add_flight(edge, FLIGHT_AHEAD, token, frame_bytes);
    flight->log = log->id;
    struct evidence_header header;
    for (size_t i = 0; i < count; i++) {
        const struct header_bytes *bytes = &outbox->ahead_scratch[i].header;
        TRY(evidence_header_decode(bytes_of(bytes->bytes, ENTRY_HEADER_SIZE), &header));
        if (i == 0) flight->first = header.sequence;
        flight->last = header.sequence;
    }
    return ST_OK;
}

/* The LOSS entry that explains the gap at the cursor, unless it went ahead on this connection. */
static enum status send_loss_ahead(struct edge *edge, struct effects *effects, int64_t log_id,
                                   uint64_t sequence)
{
    struct outbox *outbox = &edge->outbox;
    struct log_row log;
    TRY(evidence_read_next_log(edge, log_id - 1, &log));
    size_t count = 0;
    bool full;
    outbox->ahead_payloads.size = 0;
    TRY(ahead_add(edge, &log, sequence, &count, &full));
    return count == 0 ? ST_OK : ahead_send(edge, effects, &log, count);
}

/* Critical entries only overtake when there is something to overtake: those that the frame after
 * this one would not bring anyway. */
static uint64_t ahead_from(struct edge *edge)
{
    const struct outbox *outbox = &edge->outbox;
    const struct log_row *open = &edge->log.row;
    uint64_t turn = open->base; /* an older log is being sent: all of the open one waits */
    if (sync_mode_now(edge) == SYNC_INCREMENTAL) {
        turn += open->delivered; /* nothing has a turn */
    } else if (outbox->log.id == open->id) {
        turn = open->base + outbox->next - 1;
        if (outbox_window_open(edge))
            turn +=
                pace_frame_bytes(&outbox->pace, edge->settings.frame_size_max) / ENTRY_WIRE_TYPICAL;
    }
    return outbox->ahead_position > turn ? outbox->ahead_position : turn;
}

static size_t ahead_flights(const struct outbox *outbox)
{
    size_t count = 0;
    for (size_t i = 0; i < outbox->flight_count; i++)
        count += outbox->flights[i].kind == FLIGHT_AHEAD && outbox->flights[i].log != 0;
    return count;
}

enum status framer_critical_waits(struct edge *edge, bool *waits)
{
    struct outbox *outbox = &edge->outbox;
    const struct log_row *open = &edge->log.row;
    struct statement *statement = outbox->statements[OUTBOX_CRITICAL];
    uint64_t position = open->base + open->delivered;
    *waits = false;
    if (edge->log.tallies[0].pending_entries == 0) return ST_OK;
    for (bool row = true; row && !*waits;) {
        bind_u64(statement, 1, position);
        bind_u64(statement, 2, AHEAD_ENTRIES_MAX);
        TRY(statement_step(statement, &row));
        for (bool more = row; more && !*waits;) {
            position = column_u64(statement, 0);
            const bool held =
                outbox->above_log == open->id && held_above(outbox, position - open->base);
            *waits = !held && column_u64(statement, 1) != PAYLOAD_PARTS;
            TRY(statement_step(statement, &more));
        }
        statement_reset(statement);
    }
    return ST_OK;
}

enum status framer_ahead(struct edge *edge, struct effects *effects)
{
    struct outbox *outbox = &edge->outbox;
    /* They may exceed the window by a frame or two, not by a second backlog. */
    if (outbox->flight_count + 4 >= FLIGHTS_MAX || ahead_flights(outbox) >= 2) return ST_OK;
    const enum status placed = place_cursor(edge);
    if (placed == ST_NOT_FOUND) return ST_OK;
    if (placed != ST_OK) return placed;

    uint64_t positions[AHEAD_ENTRIES_MAX];
    size_t found = 0, count = 0;
    struct statement *statement = outbox->statements[OUTBOX_CRITICAL];
    bind_u64(statement, 1, ahead_from(edge));
    bind_u64(statement, 2, AHEAD_ENTRIES_MAX);
    for (bool row = true; row && found < AHEAD_ENTRIES_MAX;) {
        TRY(statement_step(statement, &row));
        if (row) positions[found++] = column_u64(statement, 0);
    }
    statement_reset(statement);
    outbox->ahead_payloads.size = 0;
    const struct log_row open = edge->log.row;
    for (size_t i = 0; i < found; i++) {
        bool full;
        TRY(ahead_add(edge, &open, positions[i] - open.base, &count, &full));
        if (full) break;
        outbox->ahead_position = positions[i];
    }
    return count == 0 ? ST_OK : ahead_send(edge, effects, &open, count);
}

/* If the cursor stands before a range that a LOSS entry closed, carries chain and tree over it. The
 * LOSS entry must have gone ahead on this connection, or the cloud would only see a gap. */
static enum status skip_lost_range(struct edge *edge, struct effects *effects, bool *skipped)
{
    struct outbox *outbox = &edge->outbox;
    *skipped = false;
    struct statement *statement = outbox->statements[OUTBOX_LOST_AT];
    bind_i64(statement, 1, outbox->log.id);
    bind_u64(statement, 2, outbox->next);
    bool row;
    TRY(statement_step(statement, &row));
    if (!row) return ST_OK;
    const uint64_t last = column_u64(statement, 0);
    const int64_t loss_log = column_i64(statement, 1);
    const uint64_t loss_sequence = column_u64(statement, 2);
    statement_reset(statement);
    TRY(send_loss_ahead(edge, effects, loss_log, loss_sequence));

    TRY(evidence_cross_range(edge, &outbox->log, outbox->next, last, &outbox->tree,
                             &outbox->prev_hash));
    outbox->next = last + 1;
    *skipped = true;
    return ST_OK;
}

static void found_damage(struct outbox *outbox, const struct evidence_row *row, uint64_t sequence)
{
    outbox->damage_found = true;
    outbox->damage_log = outbox->log.id;
    outbox->damage_sequence = sequence;
    outbox->damage_payload_only = row != NULL && row->damage == ROW_PAYLOAD_BAD;
}

/* A run as it grows. */
struct run {
    struct evidence_writer writer;
    struct key_id key_id;
    uint64_t last;
    struct header_bytes last_header; /* its hash is what the next run continues */
    uint32_t entries[PRIORITY_COUNT];
    uint64_t payload_bytes[PRIORITY_COUNT];
    bool large; /* its one entry's payload goes in parts first */
    uint64_t upload, payload_len;
};

/* Adds one entry; false: the run ends before it. */
static bool run_add(struct edge *edge, struct run *run, const struct evidence_row *row,
                    uint32_t size_max)
{
    struct outbox *outbox = &edge->outbox;
    const struct tree_sink nobody = {0};
    if (row->damage != ROW_GOOD) {
        if (run->writer.count == 0) found_damage(outbox, row, run->last + 1);
        return false;
    }
    if (run->writer.count == 0)
        run->key_id = row->header.key_id;
    else if (memcmp(&run->key_id, &row->header.key_id, sizeof(run->key_id)) != 0)
        return false;
    const bool large = row->entry.form == PAYLOAD_PARTS;
    if (large && run->writer.count > 0) return false; /* it travels alone, after its parts */
    if (!evidence_writer_add(&run->writer, &row->header, &row->entry, size_max)) return false;
    run->large = large;
    run->upload = row->upload;
    run->payload_len = row->header.payload_len;
    run->last = row->header.sequence;
    run->entries[row->priority]++;
    run->payload_bytes[row->priority] += row->header.payload_len;
    tree_append(&outbox->tree, edge->hasher, &row->leaf, &nobody);
    run->last_header = row->entry.header;
    return !large;
}

static enum status run_collect(struct edge *edge, struct run *run, uint32_t size_max)
{
    struct outbox *outbox = &edge->outbox;
    struct evidence_row row;
    bool there = true;
    memset(run, 0, sizeof(*run));
    run->last = outbox->next - 1;
    evidence_writer_begin(&run->writer, outbox->entries_scratch, BODY_SIZE_MAX);
    uint64_t count = outbox->log.head.sequence - outbox->next + 1;
    if (count > RUN_ENTRIES_MAX) count = RUN_ENTRIES_MAX;
    TRY(evidence_scan_begin(edge, &outbox->log, outbox->next, count));
    for (uint64_t i = 0; i < count; i++) {
        TRY(evidence_scan_next(edge, &outbox->log, &there, &row));
        if (!there || row.position != outbox->log.base + run->last + 1) {
            if (run->writer.count == 0) found_damage(outbox, NULL, run->last + 1);
            break;
        }
        if (!run_add(edge, run, &row, size_max)) break;
    }
    evidence_scan_end(edge);
    if (run->writer.count > 0) outbox->prev_hash = evidence_hash(edge->hasher, &run->last_header);
    return ST_OK;
}

/* Sends the next part of the large payload at the cursor. */
static enum status send_part(struct edge *edge, struct effects *effects, const struct run *run)
{
    struct outbox *outbox = &edge->outbox;
    struct evidence_part part = {
        .log = outbox->log.log,
        .sequence = outbox->next,
        .part = outbox->part_next,
        .payload_len = run->payload_len,
    };
    const enum status found = evidence_read_part(edge, run->upload, outbox->part_next, &part.bytes);
    if (found == ST_NOT_FOUND) {
        const struct evidence_row row = {.damage = ROW_PAYLOAD_BAD};
        found_damage(outbox, &row, outbox->next);
        return ST_OK;
    }
    if (found != ST_OK) return found;
    struct buf body = buf_of(edge->body_scratch, BODY_SIZE_MAX);
    part_msg_encode(&part, &body);
    evidence_read_part_end(edge);
    INVARIANT(buf_ok(&body));
    uint32_t token, frame_bytes;
    TRY(outbox_publish(edge, effects, TOPIC_EVIDENCE, FRAME_EVIDENCE_PART, buf_bytes(&body), false,
                       &token, &frame_bytes));
    struct flight *flight = outbox_add_flight(edge, FLIGHT_PART, token, frame_bytes);
    flight->first = flight->last = outbox->next;
    flight->part = outbox->part_next++;
    return ST_OK;
}

static enum status send_run(struct edge *edge, struct effects *effects, const struct run *run,
                            const struct digest *prev_hash)
{
    struct outbox *outbox = &edge->outbox;
    const struct digest root = tree_root(&outbox->tree, edge->hasher);
    struct evidence_run_head head = {
        .log = outbox->log.log,
        .first_sequence = outbox->next,
        .prev_hash = *prev_hash,
        .key_id = run->key_id,
        .checkpoint = checkpoint_sign(edge->key, &edge->node, &outbox->log.log, run->last, &root),
        .checkpoint_key_id = edge->key_id,
    };
    struct buf body = buf_of(edge->body_scratch, BODY_SIZE_MAX);
    evidence_msg_encode(&head, &run->writer, &body);
    INVARIANT(buf_ok(&body));
    uint32_t token, frame_bytes;
    TRY(outbox_publish(edge, effects, TOPIC_EVIDENCE, FRAME_EVIDENCE, buf_bytes(&body), false,
                       &token, &frame_bytes));
    struct flight *flight = outbox_add_flight(edge, FLIGHT_RUN, token, frame_bytes);
    flight->first = outbox->next;
    flight->last = run->last;
    memcpy(flight->entries, run->entries, sizeof(flight->entries));
    memcpy(flight->payload_bytes, run->payload_bytes, sizeof(flight->payload_bytes));
    outbox->next = run->last + 1;
    outbox->part_next = 0;
    outbox->run_sent_mono_ns = edge->now.mono_ns;
    return ST_OK;
}

/* A frame that would not be full waits a moment for company while others are on their way. */
static bool lingers(struct edge *edge, uint32_t size_max)
{
    struct outbox *outbox = &edge->outbox;
    outbox->linger_until_ns = 0;
    const uint64_t waiting = outbox->log.head.sequence - outbox->next + 1;
    if (outbox->flight_bytes == 0 || waiting * ENTRY_WIRE_TYPICAL >= size_max) return false;
    const uint64_t until_ns = outbox->run_sent_mono_ns + OUTBOX_LINGER_NS;
    if (edge->now.mono_ns >= until_ns) return false;
    outbox->linger_until_ns = until_ns;
    return true;
}

/* Does the parts' turn come before the run's? Sends one of them. */
static enum status parts_first(struct edge *edge, struct effects *effects, const struct run *run,
                               bool *sent)
{
    const uint64_t part_count = (run->payload_len + PART_SIZE - 1) / PART_SIZE;
    *sent = edge->outbox.part_next < part_count;
    return *sent ? send_part(edge, effects, run) : ST_OK;
}

enum status framer_next(struct edge *edge, struct effects *effects, bool *sent)
{
    struct outbox *outbox = &edge->outbox;
    *sent = false;
    if (outbox->damage_found) return ST_OK;
    enum status status = place_cursor(edge);
    if (status == ST_OK) status = advance_log(edge);
    if (status == ST_NOT_FOUND) return ST_OK;
    if (status != ST_OK) return status;
    TRY(skip_lost_range(edge, effects, sent));
    if (*sent) return ST_OK;

    const uint32_t size_max = pace_frame_bytes(&outbox->pace, edge->settings.frame_size_max);
    if (lingers(edge, size_max)) return ST_OK;
    const struct digest prev_hash = outbox->prev_hash;
    const struct tree tree = outbox->tree;
    struct run run;
    TRY(run_collect(edge, &run, size_max));
    if (run.writer.count == 0) return ST_OK;
    if (run.large) {
        TRY(parts_first(edge, effects, &run, sent));
        if (*sent || outbox->damage_found) {
            outbox->tree = tree;
            outbox->prev_hash = prev_hash;
            return ST_OK;
        }
    }
    *sent = true;
    return send_run(edge, effects, &run, &prev_hash);
}
