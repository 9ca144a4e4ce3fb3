/* store_sqlite_side.c - entries beside the chain: pending, forked, rejected; and their ranges. */
#include <string.h>

#include "cloud-consumer/store_sqlite.h"

static void bind_kept(struct statement *statement, int64_t log, const struct kept_entry *entry)
{
    bind_i64(statement, 1, log);
    bind_i64(statement, 2, (int64_t)entry->sequence);
    bind_blob(statement, 3, bytes_of(entry->hash.bytes, DIGEST_SIZE));
    bind_i64(statement, 4, entry->reason);
    bind_blob(statement, 5, bytes_of(entry->entry.header.bytes, ENTRY_HEADER_SIZE));
    bind_blob(statement, 6, bytes_of(entry->entry.signature.bytes, ENTRY_SIGNATURE_SIZE));
    bind_i64(statement, 7, entry->entry.form);
    bind_blob(statement, 8, entry->entry.payload);
}

static enum status read_kept(struct statement *row, struct buf *payload, struct kept_entry *out)
{
    *out = (struct kept_entry){
        .sequence = (uint64_t)column_i64(row, 0),
        .reason = (uint32_t)column_i64(row, 2),
    };
    TRY(sqlite_fixed(row, 1, out->hash.bytes, DIGEST_SIZE));
    TRY(sqlite_fixed(row, 3, out->entry.header.bytes, ENTRY_HEADER_SIZE));
    TRY(sqlite_fixed(row, 4, out->entry.signature.bytes, ENTRY_SIGNATURE_SIZE));
    const int64_t form = column_i64(row, 5);
    if (form < PAYLOAD_INLINE || form > PAYLOAD_PARTS) return ST_TAMPERED;
    out->entry.form = (enum payload_form)form;
    if (payload == NULL) return ST_OK;
    TRY(sqlite_copy(row, 6, payload));
    out->entry.payload = buf_bytes(payload);
    return ST_OK;
}

static enum status pending_add(struct evidence_store *store, int64_t log,
                               const struct kept_entry *entry, const struct sequence_range *loss)
{
    struct statement *const insert = sqlite_statement(store, SQL_PENDING_ADD);
    bind_kept(insert, log, entry);
    bind_i64(insert, 9, (int64_t)loss->from);
    bind_i64(insert, 10, (int64_t)loss->to);
    return statement_run(insert);
}

static enum status pending_next(struct evidence_store *store, int64_t log, uint64_t sequence,
                                struct buf *payload, struct kept_entry *out)
{
    struct statement *const row = sqlite_statement(store, SQL_PENDING_NEXT);
    bind_i64(row, 1, log);
    bind_i64(row, 2, (int64_t)sequence);
    TRY(sqlite_first(row));
    return sqlite_done(row, read_kept(row, payload, out));
}

static enum status pending_loss(struct evidence_store *store, int64_t log,
                                const struct sequence_range *range, struct buf *payload,
                                struct kept_entry *out)
{
    struct statement *const row = sqlite_statement(store, SQL_PENDING_LOSS);
    bind_i64(row, 1, log);
    bind_i64(row, 2, (int64_t)range->from);
    bind_i64(row, 3, (int64_t)range->to);
    TRY(sqlite_first(row));
    return sqlite_done(row, read_kept(row, payload, out));
}

static enum status pending_drop(struct evidence_store *store, int64_t log,
                                const struct sequence_range *range)
{
    struct statement *const drop = sqlite_statement(store, SQL_PENDING_DROP);
    bind_i64(drop, 1, log);
    bind_i64(drop, 2, (int64_t)range->from);
    bind_i64(drop, 3, (int64_t)range->to);
    return statement_run(drop);
}

static enum status fork_add(struct evidence_store *store, int64_t log, int64_t at_ms,
                            const struct kept_entry *entry)
{
    struct statement *const insert = sqlite_statement(store, SQL_FORK_ADD);
    bind_kept(insert, log, entry);
    bind_i64(insert, 9, at_ms);
    return sqlite_insert(store, insert);
}

static enum status has_row(struct statement *row, bool *out)
{
    const enum status found = sqlite_first(row);
    *out = found == ST_OK;
    return sqlite_done(row, found == ST_NOT_FOUND ? ST_OK : found);
}

static enum status fork_has(struct evidence_store *store, int64_t log, uint64_t sequence,
                            const struct digest *hash, bool *out)
{
    struct statement *const row = sqlite_statement(store, SQL_FORK_HAS);
    bind_i64(row, 1, log);
    bind_i64(row, 2, (int64_t)sequence);
    bind_blob(row, 3, bytes_of(hash->bytes, DIGEST_SIZE));
    return has_row(row, out);
}

static enum status fork_parts(struct evidence_store *store, int64_t log, uint64_t sequence,
                              const struct digest *hash, int64_t place)
{
    struct statement *const keep = sqlite_statement(store, SQL_FORK_PARTS);
    bind_i64(keep, 1, log);
    bind_i64(keep, 2, (int64_t)sequence);
    bind_blob(keep, 3, bytes_of(hash->bytes, DIGEST_SIZE));
    bind_i64(keep, 4, place);
    return statement_run(keep);
}

static void bind_tip(struct statement *statement, int64_t log, const struct branch_tip *tip)
{
    bind_i64(statement, 1, log);
    bind_i64(statement, 2, (int64_t)tip->sequence);
    bind_blob(statement, 3, bytes_of(tip->hash.bytes, DIGEST_SIZE));
}

static enum status tip_add(struct evidence_store *store, int64_t log, const struct branch_tip *tip)
{
    struct statement *const insert = sqlite_statement(store, SQL_TIP_ADD);
    bind_tip(insert, log, tip);
    return statement_run(insert);
}

static enum status tip_extend(struct evidence_store *store, int64_t log,
                              const struct branch_tip *from, const struct branch_tip *to)
{
    struct statement *const drop = sqlite_statement(store, SQL_TIP_DROP);
    bind_tip(drop, log, from);
    TRY(statement_run(drop));
    if (db_changes(sqlite_store_of(store)->db) == 0) return ST_NOT_FOUND;
    return tip_add(store, log, to);
}

static enum status tip_before(struct evidence_store *store, int64_t log, int64_t *before,
                              struct branch_tip *out)
{
    struct statement *const row = sqlite_statement(store, SQL_TIP_BEFORE);
    bind_i64(row, 1, log);
    bind_i64(row, 2, *before);
    TRY(sqlite_first(row));
    *before = column_i64(row, 0);
    out->sequence = (uint64_t)column_i64(row, 1);
    return sqlite_done(row, sqlite_fixed(row, 2, out->hash.bytes, DIGEST_SIZE));
}

static enum status rejected_add(struct evidence_store *store, int64_t log, int64_t at_ms,
                                const struct kept_entry *entry)
{
    struct statement *const insert = sqlite_statement(store, SQL_REJECTED_ADD);
    bind_kept(insert, log, entry);
    bind_i64(insert, 9, at_ms);
    return sqlite_insert(store, insert);
}

static enum status rejected_has(struct evidence_store *store, int64_t log, uint64_t sequence,
                                bool *out)
{
    struct statement *const row = sqlite_statement(store, SQL_REJECTED_HAS);
    bind_i64(row, 1, log);
    bind_i64(row, 2, (int64_t)sequence);
    return has_row(row, out);
}

static enum status rejected_next(struct evidence_store *store, int64_t *after, struct buf *payload,
                                 int64_t *log, struct kept_entry *out)
{
    struct statement *const row = sqlite_statement(store, SQL_REJECTED_NEXT);
    bind_i64(row, 1, *after);
    TRY(sqlite_first(row));
    *after = column_i64(row, 7);
    *log = column_i64(row, 8);
    return sqlite_done(row, read_kept(row, payload, out));
}

static enum status readmit(struct evidence_store *store, int64_t rejected, int64_t at_ms)
{
    struct statement *const insert = sqlite_statement(store, SQL_READMIT);
    bind_i64(insert, 1, rejected);
    bind_i64(insert, 2, at_ms);
    return statement_run(insert);
}

static enum status find_range(struct evidence_store *store, enum sqlite_statement which,
                              int64_t log, enum range_kind kind, uint64_t sequence,
                              struct sequence_range *out)
{
    struct statement *const row = sqlite_statement(store, which);
    bind_i64(row, 1, log);
    bind_i64(row, 2, kind);
    bind_i64(row, 3, (int64_t)sequence);
    TRY(sqlite_first(row));
    *out = (struct sequence_range){(uint64_t)column_i64(row, 0), (uint64_t)column_i64(row, 1)};
    return sqlite_done(row, out->from <= out->to && out->from > 0 ? ST_OK : ST_TAMPERED);
}

static enum status put_range(struct evidence_store *store, int64_t log, enum range_kind kind,
                             uint64_t from, uint64_t to)
{
    struct statement *const put = sqlite_statement(store, SQL_RANGE_PUT);
    bind_i64(put, 1, log);
    bind_i64(put, 2, kind);
    bind_i64(put, 3, (int64_t)from);
    bind_i64(put, 4, (int64_t)to);
    return statement_run(put);
}

static enum status drop_range(struct evidence_store *store, int64_t log, enum range_kind kind,
                              uint64_t from)
{
    struct statement *const drop = sqlite_statement(store, SQL_RANGE_DROP);
    bind_i64(drop, 1, log);
    bind_i64(drop, 2, kind);
    bind_i64(drop, 3, (int64_t)from);
    return statement_run(drop);
}

/* The range that ends at or after sequence - 1 and begins at or before it, or one of its own. */
static enum status range_add(struct evidence_store *store, int64_t log, enum range_kind kind,
                             uint64_t sequence)
{
    struct sequence_range left, right, grown = {sequence, sequence};
    enum status status = find_range(store, SQL_RANGE_UPTO, log, kind, sequence, &left);
    if (status != ST_OK && status != ST_NOT_FOUND) return status;
    if (status == ST_OK && left.to >= sequence) return ST_OK;
    if (status == ST_OK && left.to + 1 == sequence) grown.from = left.from;
    status = find_range(store, SQL_RANGE_NEXT, log, kind, sequence + 1, &right);
    if (status != ST_OK && status != ST_NOT_FOUND) return status;
    if (status == ST_OK && right.from == sequence + 1) {
        grown.to = right.to;
        TRY(drop_range(store, log, kind, right.from));
    }
    return put_range(store, log, kind, grown.from, grown.to);
}

static enum status range_remove(struct evidence_store *store, int64_t log, enum range_kind kind,
                                uint64_t sequence)
{
    struct sequence_range whole;
    const enum status status = find_range(store, SQL_RANGE_UPTO, log, kind, sequence, &whole);
    if (status == ST_NOT_FOUND) return ST_OK;
    if (status != ST_OK) return status;
    if (whole.to < sequence) return ST_OK;
    TRY(drop_range(store, log, kind, whole.from));
    if (whole.from < sequence) TRY(put_range(store, log, kind, whole.from, sequence - 1));
    return whole.to > sequence ? put_range(store, log, kind, sequence + 1, whole.to) : ST_OK;
}

static enum status range_next(struct evidence_store *store, int64_t log, enum range_kind kind,
                              uint64_t from, struct sequence_range *out)
{
    return find_range(store, SQL_RANGE_NEXT, log, kind, from, out);
}

void sqlite_side_verbs(struct evidence_store_verbs *verbs)
{
    verbs->pending_add = pending_add;
    verbs->pending_next = pending_next;
    verbs->pending_loss = pending_loss;
    verbs->pending_drop = pending_drop;
    verbs->fork_add = fork_add;
    verbs->fork_has = fork_has;
    verbs->fork_parts = fork_parts;
    verbs->tip_add = tip_add;
    verbs->tip_extend = tip_extend;
    verbs->tip_before = tip_before;
    verbs->rejected_add = rejected_add;
    verbs->rejected_has = rejected_has;
    verbs->rejected_next = rejected_next;
    verbs->readmit = readmit;
    verbs->range_add = range_add;
    verbs->range_remove = range_remove;
    verbs->range_next = range_next;
}
