/* retention.c - payloads that leave the node, slice by slice; see retention.h.
 *
 * Taking the payloads out of the rows in place would free nothing: SQLite keeps a page as long as
 * it has one row, and new entries never go to old pages (measured: 0 of 6,685 pages for 10,000
 * payloads of 800 bytes). So the rows of a slice are deleted, all of them, and then written again
 * without payloads: what they need less comes back as whole pages. */
#include "edge-bridge/retention.h"

#include <stdlib.h>
#include <string.h>

#include "edge-bridge/edge_state.h"
#include "edge-bridge/schema.h"

#define NS_PER_MS UINT64_C(1000000)

enum { S_PER_DAY = 24 * 3600 };

static const char *const sql[RETENTION_STATEMENT_COUNT] = {
    [RETENTION_READ] = "SELECT position, priority, form, header, signature, leaf,"
                       " CASE form WHEN 2 THEN payload END FROM evidence"
                       " WHERE position BETWEEN ?1 AND ?2 ORDER BY position LIMIT ?3",
    [RETENTION_DELETE] = "DELETE FROM evidence WHERE position = ?1",
    [RETENTION_INSERT] = "INSERT INTO evidence(position, priority, form, header, signature, leaf,"
                         " payload) VALUES(?1, ?2, 1, ?3, ?4, ?5, NULL)",
    [RETENTION_DROP_PARTS] = "DELETE FROM payload_part WHERE upload = ?1",
    [RETENTION_DROP_UPLOAD] = "DELETE FROM upload WHERE id = ?1",
    [RETENTION_LOG_OF] = "SELECT log_id FROM log WHERE base < ?1 AND base + head_sequence >= ?1"
                         " ORDER BY id DESC LIMIT 1",
    [RETENTION_IS_KEPT] = "SELECT last FROM kept_range WHERE log = ?1 AND first <= ?2"
                          " AND last >= ?3 LIMIT 1",
    [RETENTION_KEEP] = "INSERT INTO kept_range(log, first, last) VALUES(?1, ?2, ?3)"
                       " ON CONFLICT(log, first) DO UPDATE SET last = max(last, excluded.last)",
    [RETENTION_FIRST_GONE] = "SELECT position FROM evidence WHERE position BETWEEN ?1 AND ?2"
                             " AND form = 1 ORDER BY position LIMIT 1",
    [RETENTION_LAST_GONE] = "SELECT position FROM evidence WHERE position BETWEEN ?1 AND ?2"
                            " AND form = 1 ORDER BY position DESC LIMIT 1",
};

static enum status load(struct edge *edge, int key, uint64_t *out)
{
    const enum status found = edge_meta_get_u64(edge, key, out);
    return found == ST_NOT_FOUND ? ST_OK : found;
}

static enum status save(struct edge *edge)
{
    const struct retention *retention = &edge->retention;
    TRY(edge_meta_set_u64(edge, META_RETENTION_THROUGH, retention->through));
    TRY(edge_meta_set_u64(edge, META_RETENTION_PASSED, retention->passed_bytes));
    TRY(edge_meta_set_u64(edge, META_RETENTION_ENTRIES, retention->dropped_entries));
    return edge_meta_set_u64(edge, META_RETENTION_BYTES, retention->dropped_bytes);
}

enum status retention_open(struct edge *edge)
{
    struct retention *retention = &edge->retention;
    retention->rows = calloc(RETENTION_ROWS_MAX, sizeof(*retention->rows));
    if (retention->rows == NULL) return ST_NO_MEMORY;
    TRY(statements_open(edge->db, sql, RETENTION_STATEMENT_COUNT, retention->statements));
    TRY(load(edge, META_RETENTION_THROUGH, &retention->through));
    TRY(load(edge, META_RETENTION_PASSED, &retention->passed_bytes));
    TRY(load(edge, META_RETENTION_ENTRIES, &retention->dropped_entries));
    return load(edge, META_RETENTION_BYTES, &retention->dropped_bytes);
}

void retention_close(struct edge *edge)
{
    statements_close(edge->retention.statements, RETENTION_STATEMENT_COUNT);
    free(edge->retention.rows);
    memset(&edge->retention, 0, sizeof(edge->retention));
}

/* ---- Room on the disk ------------------------------------------------------------------------ */

uint64_t retention_room_bytes(const struct edge *edge)
{
    const uint64_t reusable = edge->retention.reusable_bytes;
    const uint64_t free_bytes = edge->now.disk_free_bytes;
    return free_bytes > UINT64_MAX - reusable ? UINT64_MAX : free_bytes + reusable;
}

/* Somewhat above the mark at which intake refuses the first class: payloads that the cloud has are
 * to give way before a publisher is turned away. */
static uint64_t high_mark_bytes(const struct edge *edge)
{
    const uint64_t reserve = edge->settings.disk_reserve_bytes;
    return 2 * reserve + reserve / 4;
}

const char *retention_disk_words(const struct edge *edge)
{
    static const char *const words[PRIORITY_COUNT] = {
        "full", "full below P0", "full below P1", "full below P2", "full below P3", "full below P4",
    };
    for (unsigned priority = 0; priority < PRIORITY_COUNT; priority++)
        if (!intake_has_room(edge, priority)) return words[priority];
    return retention_room_bytes(edge) < high_mark_bytes(edge) ? "giving way" : "ok";
}

/* ---- What must stay -------------------------------------------------------------------------- */

static enum status range_is_kept(struct edge *edge, const struct log_row *log, uint64_t from,
                                 uint64_t to, bool *kept)
{
    struct statement *find = edge->retention.statements[RETENTION_IS_KEPT];
    bind_i64(find, 1, log->id);
    bind_u64(find, 2, from);
    bind_u64(find, 3, to);
    TRY(statement_step(find, kept));
    statement_reset(find);
    return ST_OK;
}

enum status retention_keep(struct edge *edge, const struct log_row *log, uint64_t from, uint64_t to)
{
    bool kept;
    if (from > to) return ST_OK;
    /* Each acknowledgement says all of it again: only news is written. */
    TRY(range_is_kept(edge, log, from, to, &kept));
    if (kept) return ST_OK;
    struct statement *keep = edge->retention.statements[RETENTION_KEEP];
    bind_i64(keep, 1, log->id);
    bind_u64(keep, 2, from);
    bind_u64(keep, 3, to);
    return statement_run(keep);
}

enum status retention_heard(struct edge *edge, const struct log_row *log, const struct ack *ack,
                            const struct ack_log *said, uint64_t acked)
{
    const struct range_slice slices[] = {said->rejected, said->forked};
    for (size_t i = 0; i < COUNT_OF(slices); i++) {
        for (uint16_t k = 0; k < slices[i].count; k++) {
            const struct sequence_range *range = &ack->ranges[slices[i].first + k];
            TRY(retention_keep(edge, log, range->from, range->to));
        }
    }
    /* A full table may have left out a range of rejected entries. */
    if (ack->range_count < ACK_RANGES_MAX) return ST_OK;
    return retention_keep(edge, log, log->acked + 1, acked);
}

/* ---- A slice --------------------------------------------------------------------------------- */

static uint64_t retained_bytes(const struct edge *edge)
{
    uint64_t delivered = 0;
    for (unsigned priority = 0; priority < PRIORITY_COUNT; priority++)
        delivered +=
            edge->log.tallies[priority].accepted_bytes - edge->log.tallies[priority].pending_bytes;
    /* Below zero for a while after a restored cloud asked for passed entries again. */
    const uint64_t passed = edge->retention.passed_bytes;
    return delivered > passed ? delivered - passed : 0;
}

/* The log that holds the position after the cursor, and its last entry that may be passed: the last
 * acknowledged one, or the end of a log of which nothing more will be acknowledged. */
static enum status find_log(struct edge *edge, struct log_row *log, uint64_t *last)
{
    const uint64_t next = edge->retention.through + 1;
    struct statement *find = edge->retention.statements[RETENTION_LOG_OF];
    struct log_id id;
    bool row;
    bind_u64(find, 1, next);
    TRY(statement_step(find, &row));
    if (!row) return ST_NOT_FOUND;
    const enum status read = column_fixed(find, 0, id.bytes, LOG_ID_SIZE);
    statement_reset(find);
    TRY(read);
    TRY(evidence_read_log(edge, &id, log));
    const bool ended =
        log->state == LOG_STUCK || (log->state == LOG_LEFT && log->delivered == log->head.sequence);
    *last = log->base + (ended ? log->head.sequence : log->acked);
    return next <= *last ? ST_OK : ST_NOT_FOUND;
}

/* One row that was read, and what is to become of it. */
struct candidate {
    struct retention_row row;
    struct evidence_header header;
    enum payload_form form;
    uint64_t upload;
    bool readable;
};

static void candidate_load(struct statement *read, struct candidate *out)
{
    out->row.position = column_u64(read, 0);
    out->row.priority = column_u64(read, 1);
    out->form = (enum payload_form)column_i64(read, 2);
    out->upload = out->form == PAYLOAD_PARTS ? column_u64(read, 6) : 0;
    const struct bytes header = column_bytes(read, 3);
    out->readable = column_fixed(read, 3, out->row.header.bytes, ENTRY_HEADER_SIZE) == ST_OK &&
                    column_fixed(read, 4, out->row.signature.bytes, SIGNATURE_SIZE) == ST_OK &&
                    column_fixed(read, 5, out->row.leaf.bytes, DIGEST_SIZE) == ST_OK &&
                    evidence_header_decode(header, &out->header) == ST_OK;
}

static int64_t plausible_s(const struct evidence_header *header)
{
    return header->wall_ns / 1000000 < CLOCK_EARLIEST_MS ? 0 : header->wall_ns / 1000000000;
}

/* When the entry was made, or at the latest: one from before the clock was ever set is as old as
 * the next one that knows its time, which doubling steps find. 0: none up to `last`. */
static enum status made_before_s(struct edge *edge, const struct log_row *log, uint64_t last,
                                 const struct candidate *candidate, int64_t *made_s)
{
    *made_s = candidate->readable ? plausible_s(&candidate->header) : 0;
    const uint64_t left = last - candidate->row.position;
    for (uint64_t ahead = 1; *made_s == 0 && ahead < 2 * left; ahead *= 2) {
        struct evidence_row row;
        const uint64_t step = ahead < left ? ahead : left;
        const uint64_t sequence = candidate->row.position - log->base + step;
        const enum status found = evidence_read_entry(edge, log, sequence, &row);
        evidence_scan_end(edge);
        if (found == ST_NOT_FOUND) continue;
        if (found != ST_OK) return found;
        if (row.damage != ROW_HEADER_BAD) *made_s = plausible_s(&row.header);
    }
    return ST_OK;
}

/* By age, bytes or need. Ages count only while the time is certain. */
static enum status time_has_come(struct edge *edge, const struct log_row *log, uint64_t last,
                                 const struct candidate *candidate, bool *yes)
{
    const struct edge_settings *settings = &edge->settings;
    *yes = edge->retention.pressed ||
           (settings->retain_bytes > 0 && retained_bytes(edge) > settings->retain_bytes);
    const int64_t now_s = edge_certain_time_s(edge);
    if (*yes || settings->retain_days == 0 || now_s == 0) return ST_OK;
    int64_t made_s;
    TRY(made_before_s(edge, log, last, candidate, &made_s));
    *yes = made_s != 0 && now_s - made_s > (int64_t)settings->retain_days * S_PER_DAY;
    return ST_OK;
}

/* Damaged rows stay as they are: verify shall find them. */
static enum status may_leave(struct edge *edge, const struct log_row *log,
                             const struct candidate *candidate, bool *yes)
{
    *yes = false;
    if (!candidate->readable || candidate->form == PAYLOAD_ABSENT) return ST_OK;
    if (candidate->header.type < EVIDENCE_FIRST_NAMED) return ST_OK;
    if (evidence_priority(candidate->header.flags) == 0 || candidate->row.priority == 0)
        return ST_OK;
    const uint64_t sequence = candidate->row.position - log->base;
    if (sequence > log->acked) return ST_OK;
    bool kept;
    TRY(range_is_kept(edge, log, sequence, sequence, &kept));
    *yes = !kept;
    return ST_OK;
}

static enum status drop_parts(struct edge *edge, uint64_t upload)
{
    struct statement *parts = edge->retention.statements[RETENTION_DROP_PARTS];
    bind_u64(parts, 1, upload);
    TRY(statement_run(parts));
    struct statement *row = edge->retention.statements[RETENTION_DROP_UPLOAD];
    bind_u64(row, 1, upload);
    return statement_run(row);
}

static enum status write_again(struct edge *edge, size_t count)
{
    struct retention *retention = &edge->retention;
    struct statement *delete = retention->statements[RETENTION_DELETE];
    struct statement *insert = retention->statements[RETENTION_INSERT];
    for (size_t i = 0; i < count; i++) {
        bind_u64(delete, 1, retention->rows[i].position);
        TRY(statement_run(delete));
    }
    for (size_t i = 0; i < count; i++) {
        const struct retention_row *row = &retention->rows[i];
        bind_u64(insert, 1, row->position);
        bind_u64(insert, 2, row->priority);
        bind_blob(insert, 3, bytes_of(row->header.bytes, ENTRY_HEADER_SIZE));
        bind_blob(insert, 4, bytes_of(row->signature.bytes, SIGNATURE_SIZE));
        bind_blob(insert, 5, bytes_of(row->leaf.bytes, DIGEST_SIZE));
        TRY(statement_run(insert));
    }
    return ST_OK;
}

/* Takes one row into the slice, or ends the slice before it. */
static enum status take(struct edge *edge, const struct log_row *log,
                        const struct candidate *candidate, size_t *count, uint64_t *part_bytes)
{
    struct retention *retention = &edge->retention;
    bool leaves;
    TRY(may_leave(edge, log, candidate, &leaves));
    retention->through = candidate->row.position;
    if (candidate->readable) retention->passed_bytes += candidate->header.payload_len;
    if (!leaves) return ST_OK;
    if (candidate->form == PAYLOAD_PARTS) {
        TRY(drop_parts(edge, candidate->upload));
        *part_bytes += candidate->header.payload_len;
    }
    retention->rows[(*count)++] = candidate->row;
    retention->dropped_entries++;
    retention->dropped_bytes += candidate->header.payload_len;
    return ST_OK;
}

static enum status slice(struct edge *edge)
{
    struct retention *retention = &edge->retention;
    const uint64_t before = retention->through;
    struct log_row log;
    uint64_t last, part_bytes = 0;
    size_t count = 0, seen = 0;
    retention->more = false;
    const enum status found = find_log(edge, &log, &last);
    if (found != ST_OK) return found == ST_NOT_FOUND ? ST_OK : found;
    struct statement *read = retention->statements[RETENTION_READ];
    bind_u64(read, 1, retention->through + 1);
    bind_u64(read, 2, last);
    bind_u64(read, 3, RETENTION_ROWS_MAX);
    bool row = true, come = true;
    while (!retention->more) {
        struct candidate candidate;
        TRY(statement_step(read, &row));
        if (!row) break;
        candidate_load(read, &candidate);
        TRY(time_has_come(edge, &log, last, &candidate, &come));
        if (!come) break;
        TRY(take(edge, &log, &candidate, &count, &part_bytes));
        seen++;
        retention->more = seen == RETENTION_ROWS_MAX || part_bytes >= RETENTION_PART_BYTES_MAX;
    }
    statement_reset(read);
    /* What is left up to the end of the range are holes that a LOSS entry explains. */
    if (!row) retention->through = last;
    if (!row) retention->more = last == log.base + log.head.sequence;
    if (retention->through == before) return ST_OK;
    TRY(write_again(edge, count));
    return save(edge);
}

static bool wanted(const struct edge *edge)
{
    return edge->settings.retain_days > 0 || edge->settings.retain_bytes > 0;
}

/* Historical tracks give way when no acknowledged payload is left to do so; seldom, because each
 * time may cost this node a new incarnation. */
static enum status press_tracks(struct edge *edge)
{
    struct retention *retention = &edge->retention;
    if (edge->now.mono_ns < retention->tracks_mono_ns) return ST_OK;
    retention->tracks_mono_ns = edge->now.mono_ns + RETENTION_TRACKS_MS * NS_PER_MS;
    return tracks_give_way(edge);
}

enum status retention_tick(struct edge *edge)
{
    struct retention *retention = &edge->retention;
    if (edge->now.mono_ns < retention->due_mono_ns) return ST_OK;
    const bool low = edge->now.disk_free_bytes < high_mark_bytes(edge);
    retention->reusable_bytes = low ? db_bytes_reusable(edge->db) : 0;
    const bool pressed = retention_room_bytes(edge) < high_mark_bytes(edge);
    if (pressed && !retention->pressed)
        trace_line(&edge->port->trace, TRACE_WARNING,
                   "the disk is nearly full: acknowledged payloads give way");
    retention->pressed = pressed;
    const uint64_t dropped = retention->dropped_entries;
    retention->more = false;
    if (edge->daemon && (pressed || wanted(edge))) TRY(slice(edge));
    const bool idle = dropped == retention->dropped_entries && !retention->more;
    if (edge->daemon && pressed && idle) TRY(press_tracks(edge));
    const uint64_t pause_ms = pressed && !idle ? RETENTION_PRESSED_MS : RETENTION_TICK_MS;
    retention->due_mono_ns = edge->now.mono_ns + pause_ms * NS_PER_MS;
    return ST_OK;
}

/* On a quiet node nothing ages so fast that it needs a wake-up of its own: heartbeats and hellos
 * bring steps enough. */
uint64_t retention_wakeup(const struct edge *edge)
{
    const struct retention *retention = &edge->retention;
    if (!edge->daemon || !(retention->more || retention->pressed)) return UINT64_MAX;
    return retention->due_mono_ns;
}

/* ---- What is said of it ---------------------------------------------------------------------- */

bool retention_took(const struct edge *edge, const struct evidence_row *row)
{
    return row->entry.form == PAYLOAD_ABSENT && row->position <= edge->retention.through;
}

static enum status find_gone(struct edge *edge, int which, uint64_t from, uint64_t to,
                             uint64_t *position)
{
    struct statement *find = edge->retention.statements[which];
    bind_u64(find, 1, from);
    bind_u64(find, 2, to);
    bool row;
    TRY(statement_step(find, &row));
    *position = row ? column_u64(find, 0) : 0;
    statement_reset(find);
    return row ? ST_OK : ST_NOT_FOUND;
}

enum status retention_asked_again(struct edge *edge, const struct log_row *log, uint64_t acked)
{
    uint64_t first, last, to = log->base + log->acked;
    if (to > edge->retention.through) to = edge->retention.through;
    if (to <= log->base + acked) return ST_OK;
    const enum status found =
        find_gone(edge, RETENTION_FIRST_GONE, log->base + acked + 1, to, &first);
    if (found != ST_OK) return found == ST_NOT_FOUND ? ST_OK : found;
    TRY(find_gone(edge, RETENTION_LAST_GONE, log->base + acked + 1, to, &last));
    trace_line(&edge->port->trace, TRACE_WARNING,
               "the cloud asks again for entries whose payloads have left by retention");
    return evidence_log_lose(edge, log, first - log->base, last - log->base, true,
                             "acknowledged once, then dropped by retention; control and critical "
                             "entries of the range keep theirs");
}
