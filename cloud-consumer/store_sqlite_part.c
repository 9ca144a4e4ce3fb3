/* store_sqlite_part.c - parts of large payloads, refused frames, alarms. */
#include "cloud-consumer/store_sqlite.h"

static enum status part_add(struct evidence_store *store, int64_t log, uint64_t sequence,
                            uint32_t part, struct bytes bytes)
{
    struct statement *const insert = sqlite_statement(store, SQL_PART_ADD);
    bind_i64(insert, 1, log);
    bind_i64(insert, 2, (int64_t)sequence);
    bind_i64(insert, 3, part);
    bind_blob(insert, 4, bytes);
    return statement_run(insert);
}

static enum status part_get(struct evidence_store *store, int64_t log, uint64_t sequence,
                            uint32_t part, struct buf *out)
{
    struct statement *const row = sqlite_statement(store, SQL_PART_GET);
    bind_i64(row, 1, log);
    bind_i64(row, 2, (int64_t)sequence);
    bind_i64(row, 3, part);
    TRY(sqlite_first(row));
    return sqlite_done(row, sqlite_copy(row, 0, out));
}

static enum status parts_discard(struct evidence_store *store, int64_t log, uint64_t sequence)
{
    struct statement *const discard = sqlite_statement(store, SQL_PARTS_DISCARD);
    bind_i64(discard, 1, log);
    bind_i64(discard, 2, (int64_t)sequence);
    return statement_run(discard);
}

static enum status payload_accept(struct evidence_store *store, int64_t log, uint64_t sequence,
                                  uint32_t parts)
{
    struct statement *const insert = sqlite_statement(store, SQL_PAYLOAD_ADD);
    bind_i64(insert, 1, log);
    bind_i64(insert, 2, (int64_t)sequence);
    bind_i64(insert, 3, parts);
    return statement_run(insert);
}

static enum status payload_parts(struct evidence_store *store, int64_t log, uint64_t sequence,
                                 uint32_t *out)
{
    struct statement *const row = sqlite_statement(store, SQL_PAYLOAD_PARTS);
    bind_i64(row, 1, log);
    bind_i64(row, 2, (int64_t)sequence);
    TRY(sqlite_first(row));
    *out = (uint32_t)column_i64(row, 0);
    return sqlite_done(row, ST_OK);
}

static enum status refused_count(struct evidence_store *store, enum refusal reason, uint64_t count)
{
    struct statement *const add = sqlite_statement(store, SQL_REFUSED_ADD);
    bind_i64(add, 1, reason);
    bind_i64(add, 2, (int64_t)count);
    return statement_run(add);
}

static enum status refused_counts(struct evidence_store *store, uint64_t out[REFUSAL_COUNT])
{
    struct statement *const row = sqlite_statement(store, SQL_REFUSED_COUNTS);
    for (size_t i = 0; i < REFUSAL_COUNT; i++)
        out[i] = 0;
    for (;;) {
        const enum status status = sqlite_first(row);
        if (status == ST_NOT_FOUND) return ST_OK;
        if (status != ST_OK) return status;
        const int64_t reason = column_i64(row, 0);
        if (reason >= 0 && reason < REFUSAL_COUNT) out[reason] = (uint64_t)column_i64(row, 1);
    }
}

static enum status refused_sample(struct evidence_store *store, uint32_t samples_max,
                                  const struct refused_sample *sample)
{
    struct statement *const insert = sqlite_statement(store, SQL_SAMPLE_ADD);
    bind_i64(insert, 1, sample->reason);
    bind_i64(insert, 2, sample->at_ms);
    bind_text(insert, 3, sample->topic);
    bind_i64(insert, 4, (int64_t)sample->frame_size);
    bind_blob(insert, 5, sample->frame);
    TRY(statement_run(insert));
    struct statement *const drop = sqlite_statement(store, SQL_SAMPLE_DROP);
    bind_i64(drop, 1, samples_max);
    return statement_run(drop);
}

static enum status alarm_add(struct evidence_store *store, const struct alarm_row *alarm)
{
    struct statement *const insert = sqlite_statement(store, SQL_ALARM_ADD);
    bind_i64(insert, 1, alarm->log);
    bind_i64(insert, 2, (int64_t)alarm->sequence);
    bind_text(insert, 3, bytes_of_text(alarm->what));
    bind_i64(insert, 4, alarm->at_ms);
    return sqlite_insert(store, insert);
}

void sqlite_part_verbs(struct evidence_store_verbs *verbs)
{
    verbs->part_add = part_add;
    verbs->part_get = part_get;
    verbs->parts_discard = parts_discard;
    verbs->payload_accept = payload_accept;
    verbs->payload_parts = payload_parts;
    verbs->refused_count = refused_count;
    verbs->refused_counts = refused_counts;
    verbs->refused_sample = refused_sample;
    verbs->alarm_add = alarm_add;
}
