/* report_list.c - evidence in chronological order: (hlc, node, sequence), which is the same for
 * everybody and keeps each node's own order. The hybrid stamp increases within a log, so a merge of
 * the logs' runs gives the order without any index; a few entries of each log are decoded ahead. */
#include <stdio.h>
#include <string.h>

#include "cloud-consumer/report.h"

static bool digits(const struct bytes text, size_t at, size_t count, int64_t *out)
{
    int64_t value = 0;
    if (at + count > text.size) return false;
    for (size_t i = at; i < at + count; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        value = value * 10 + (text.data[i] - '0');
    }
    *out = value;
    return true;
}

/* Days since 1970 of a date of the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t era = y / 400, year_of_era = y % 400;
    const int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    const int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

/* "2026-11-22", "2026-11-22T16:20:48Z", with or without a fraction, "Z" or nothing at the end. */
static bool parse_date(struct bytes text, int64_t *out_ms)
{
    int64_t year, month, day, hour = 0, minute = 0, second = 0, fraction_ms = 0;
    if (!digits(text, 0, 4, &year) || !digits(text, 5, 2, &month) || !digits(text, 8, 2, &day))
        return false;
    if (text.data[4] != '-' || text.data[7] != '-') return false;
    if (month < 1 || month > 12 || day < 1 || day > 31) return false;
    size_t end = 10;
    if (text.size > end) {
        if (text.data[10] != 'T' && text.data[10] != ' ') return false;
        if (!digits(text, 11, 2, &hour) || !digits(text, 14, 2, &minute)) return false;
        if (!digits(text, 17, 2, &second)) return false;
        if (text.data[13] != ':' || text.data[16] != ':') return false;
        if (hour > 23 || minute > 59 || second > 60) return false;
        end = 19;
    }
    if (text.size > end && text.data[end] == '.') {
        int64_t scale = 100;
        for (end++; end < text.size && text.data[end] >= '0' && text.data[end] <= '9'; end++) {
            fraction_ms += (text.data[end] - '0') * scale;
            scale /= 10;
        }
    }
    if (text.size > end && text.data[end] == 'Z') end++;
    if (end != text.size) return false;
    const int64_t days = days_of(year, month, day);
    *out_ms = ((days * 24 + hour) * 60 + minute) * 60000 + second * 1000 + fraction_ms;
    return true;
}

bool cloud_time_parse(struct bytes text, int64_t *out_ms)
{
    const bool negative = text.size > 0 && text.data[0] == '-';
    const size_t first = negative ? 1 : 0;
    int64_t value;
    if (text.size > first && text.size <= 16 && digits(text, first, text.size - first, &value)) {
        *out_ms = negative ? -value : value;
        return true;
    }
    return parse_date(text, out_ms);
}

enum status cloud_type_words(struct cloud *cloud, int64_t log, uint16_t type,
                             struct level_name *out)
{
    const char *const control = evidence_type_name(type);
    if (control != NULL) {
        snprintf(out->text, sizeof out->text, "%s", control);
        return ST_OK;
    }
    if (type >= EVIDENCE_FIRST_NAMED) {
        const enum status status = STORE(cloud, type_name, log, type, out);
        if (status != ST_NOT_FOUND && status != ST_TAMPERED) return status;
    }
    snprintf(out->text, sizeof out->text, "0x%04x", type);
    return ST_OK;
}

/* Adds up to SLICE_ROWS_MAX logs to the merge. */
static enum status collect_logs(struct cloud *cloud, struct cloud_job *job, struct effects *effects)
{
    struct list_job *const list = &job->list;
    for (int i = 0; i < SLICE_ROWS_MAX; i++) {
        struct log_row log;
        struct node_row node;
        const enum status status = STORE(cloud, log_next, job->node, list->after_log, &log);
        if (status == ST_NOT_FOUND) {
            list->ready = true;
            return ST_OK;
        }
        if (status == ST_TAMPERED) {
            cloud_job_end(effects, job, status, "the stored row of a log is damaged");
            return ST_OK;
        }
        if (status != ST_OK) return status;
        list->after_log = log.id;
        if (log.head.sequence == 0) continue;
        if (list->count == LIST_LOGS_MAX) {
            cloud_job_end(effects, job, ST_TOO_LARGE,
                          "more than %d logs: name a node, list one after the other",
                          LIST_LOGS_MAX);
            return ST_OK;
        }
        TRY(cloud_log_of_job(cloud, log.id, &log, &node));
        struct list_cursor *const cursor = &list->cursors[list->count++];
        cursor->log = log.id;
        cursor->node = node.id;
        cursor->name = node.name;
        cursor->log_id = log.log;
        cursor->next = 1;
        cursor->end = log.head.sequence;
        cursor->has_rejected = log.rejected_count > 0;
        cursor->position = cursor->count = 0;
    }
    return ST_OK;
}

static enum status take_entry(struct cloud *cloud, const struct list_job *list,
                              struct list_cursor *cursor, const struct evidence_entry *entry,
                              const struct digest *hash)
{
    struct evidence_header header;
    bool rejected = false;
    if (evidence_header_decode(bytes_of(entry->header.bytes, ENTRY_HEADER_SIZE), &header) != ST_OK)
        return ST_TAMPERED;
    if (hlc_ms(header.hlc) < list->since_ms) return ST_OK;
    if (cursor->has_rejected)
        TRY(STORE(cloud, rejected_has, cursor->log, header.sequence, &rejected));
    if (rejected) return ST_OK;
    cursor->window[cursor->count++] = (struct list_entry){
        .sequence = header.sequence,
        .hlc = header.hlc,
        .payload_len = header.payload_len,
        .wall_ns = header.wall_ns,
        .clock_uncertainty_ms = header.clock_uncertainty_ms,
        .type = header.type,
        .flags = header.flags,
        .hash = *hash,
        .payload_hash = header.payload_hash,
    };
    return ST_OK;
}

/* Decodes ahead until the window has something or the log is at its end. *budget counts runs. */
static enum status fill(struct cloud *cloud, const struct list_job *list,
                        struct list_cursor *cursor, int *budget)
{
    cursor->position = cursor->count = 0;
    while (cursor->count == 0 && cursor->next <= cursor->end && *budget > 0) {
        struct run_row row;
        const struct stored_run *stored = NULL;
        enum status status = STORE(cloud, run_peek, cursor->log, cursor->next, &row);
        if (status == ST_NOT_FOUND) status = ST_TAMPERED;
        if (status != ST_OK) return status;
        (*budget)--;
        if (hlc_ms(row.last_hlc) < list->since_ms && !cursor->has_rejected) {
            cursor->next = row.last_sequence + 1;
            continue;
        }
        status = cloud_stored_run(cloud, cursor->log, &cursor->log_id, &cursor->name, cursor->next,
                                  &stored);
        if (status == ST_NOT_FOUND) status = ST_TAMPERED;
        if (status != ST_OK) return status;
        if (cursor->next < row.first_sequence) cursor->next = row.first_sequence;
        while (cursor->next <= row.last_sequence && cursor->count < LIST_WINDOW) {
            const size_t index = (size_t)(cursor->next++ - row.first_sequence);
            TRY(take_entry(cloud, list, cursor, &stored->run->entries[index],
                           &stored->run->hashes[index]));
        }
    }
    return ST_OK;
}

static bool at_end(const struct list_cursor *cursor)
{
    return cursor->position == cursor->count && cursor->next > cursor->end;
}

static bool comes_before(const struct list_cursor *a, const struct list_cursor *b)
{
    const struct list_entry *const x = &a->window[a->position], *const y = &b->window[b->position];
    if (x->hlc != y->hlc) return x->hlc < y->hlc;
    const int names = strcmp(a->name.text, b->name.text);
    if (names != 0) return names < 0;
    if (x->sequence != y->sequence) return x->sequence < y->sequence;
    return a->log < b->log; /* two logs of one node: the older one first */
}

static enum status put_entry(struct cloud *cloud, struct cloud_job *job, struct effects *effects,
                             struct list_cursor *cursor)
{
    const struct list_entry *const entry = &cursor->window[cursor->position++];
    struct level_name type;
    TRY(cloud_type_words(cloud, cursor->log, entry->type, &type));
    struct buf out = cloud_reply_space(effects, 1024);
    record_reply_begin(&out, 12);
    record_words(&out, "node", cursor->name.text);
    record_hex(&out, "log", bytes_of(cursor->log_id.bytes, LOG_ID_SIZE));
    record_uint(&out, "sequence", entry->sequence);
    record_time(&out, "time", entry->wall_ns / 1000000);
    record_words(&out, "type", type.text);
    record_uint(&out, "priority", evidence_priority(entry->flags));
    record_uint(&out, "payload_bytes", entry->payload_len);
    record_hex(&out, "hash", bytes_of(entry->hash.bytes, DIGEST_SIZE));
    record_hex(&out, "payload_hash", bytes_of(entry->payload_hash.bytes, DIGEST_SIZE));
    record_uint(&out, "hlc", entry->hlc);
    if (entry->clock_uncertainty_ms == CLOCK_NEVER_SYNCHRONISED)
        record_nil(&out, "uncertainty_ms");
    else
        record_uint(&out, "uncertainty_ms", entry->clock_uncertainty_ms);
    record_bool(&out, "time_untrusted", (entry->flags & EVIDENCE_FLAG_TIME_UNTRUSTED) != 0);
    cloud_reply(effects, job->client, &out);
    job->list.done++;
    return ST_OK;
}

/* The log whose entry comes next; NULL: some window could not be filled within the budget
 * (*starved), or all are at their end. A log at its end is taken out. */
static enum status pick(struct cloud *cloud, struct list_job *list, int *budget,
                        struct list_cursor **out, struct list_cursor **damaged)
{
    *out = NULL;
    for (size_t i = 0; i < list->count;) {
        struct list_cursor *const cursor = &list->cursors[i];
        if (cursor->position == cursor->count) {
            *damaged = cursor;
            TRY(fill(cloud, list, cursor, budget));
        }
        if (at_end(cursor)) {
            *cursor = list->cursors[--list->count];
            continue;
        }
        if (cursor->position == cursor->count) return ST_AGAIN;
        if (*out == NULL || comes_before(cursor, *out)) *out = cursor;
        i++;
    }
    return ST_OK;
}

enum status cloud_list_slice(struct cloud *cloud, struct cloud_job *job, struct effects *effects)
{
    struct list_job *const list = &job->list;
    int budget = SLICE_RUNS_MAX;
    if (!list->ready) return collect_logs(cloud, job, effects);
    for (int i = 0; i < SLICE_RECORDS_MAX; i++) {
        struct list_cursor *next = NULL, *damaged = NULL;
        enum status status = ST_OK;
        if (list->done < list->limit) status = pick(cloud, list, &budget, &next, &damaged);
        if (status == ST_AGAIN) return ST_OK;
        if (status == ST_TAMPERED) {
            cloud_job_end(effects, job, status,
                          "node %s, sequence %llu: the stored entries cannot be read",
                          damaged->name.text, (unsigned long long)damaged->next);
            return ST_OK;
        }
        if (status != ST_OK) return status;
        if (next == NULL) {
            cloud_job_end(effects, job, ST_OK, "%llu entries", (unsigned long long)list->done);
            return ST_OK;
        }
        TRY(put_entry(cloud, job, effects, next));
    }
    return ST_OK;
}
