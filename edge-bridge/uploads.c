/* uploads.c - staging of large payloads, see uploads.h. */
#include "edge-bridge/uploads.h"

#include <string.h>

#include "edge-bridge/edge_state.h"

enum status uploads_open(struct edge *edge)
{
    for (size_t i = 0; i < UPLOADS_MAX; i++)
        TRY(hasher_open(&edge->intake.uploads[i].hasher));
    return ST_OK;
}

void uploads_close(struct edge *edge)
{
    for (size_t i = 0; i < UPLOADS_MAX; i++)
        hasher_close(edge->intake.uploads[i].hasher);
}

static enum status delete_upload(struct edge *edge, uint64_t id)
{
    struct statement *parts = edge->intake.statements[INTAKE_DROP_PARTS];
    bind_u64(parts, 1, id);
    TRY(statement_run(parts));
    struct statement *upload = edge->intake.statements[INTAKE_DROP_UPLOAD];
    bind_u64(upload, 1, id);
    return statement_run(upload);
}

enum status uploads_clean(struct edge *edge)
{
    struct statement *stale = edge->intake.statements[INTAKE_STALE_UPLOAD];
    for (;;) {
        bool row;
        TRY(statement_step(stale, &row));
        if (!row) return ST_OK;
        const uint64_t id = column_u64(stale, 0);
        statement_reset(stale);
        TRY(delete_upload(edge, id));
    }
}

struct upload *uploads_find(struct edge *edge, uint32_t client)
{
    for (size_t i = 0; i < UPLOADS_MAX; i++) {
        struct upload *upload = &edge->intake.uploads[i];
        if (upload->used && upload->client == client) return upload;
    }
    return NULL;
}

static enum status begin(struct edge *edge, uint32_t client, uint64_t total, struct upload **out,
                         enum status *verdict)
{
    *out = NULL;
    *verdict = ST_OK;
    if (total > PAYLOAD_SIZE_MAX) *verdict = ST_TOO_LARGE;
    if (total <= INLINE_PAYLOAD_SIZE_MAX) *verdict = ST_USAGE;
    if (*verdict != ST_OK) return ST_OK;
    *verdict = ST_AGAIN;
    for (size_t i = 0; i < UPLOADS_MAX; i++) {
        struct upload *upload = &edge->intake.uploads[i];
        if (upload->used) continue;
        struct statement *insert = edge->intake.statements[INTAKE_INSERT_UPLOAD];
        bind_u64(insert, 1, total);
        TRY(statement_run(insert));
        struct hasher *hasher = upload->hasher;
        *upload = (struct upload){.used = true, .client = client, .hasher = hasher, .total = total};
        upload->id = (uint64_t)db_last_rowid(edge->db);
        hasher_begin(hasher);
        *out = upload;
        *verdict = ST_OK;
        break;
    }
    return ST_OK;
}

enum status uploads_part(struct edge *edge, uint32_t client, uint64_t total, struct bytes part,
                         enum status *verdict)
{
    struct upload *upload = uploads_find(edge, client);
    if (upload == NULL) {
        TRY(begin(edge, client, total, &upload, verdict));
        if (upload == NULL) return ST_OK;
    }
    const uint64_t left = upload->total - upload->received;
    const uint64_t expected = left < PART_SIZE ? left : PART_SIZE;
    *verdict = total == upload->total && left > 0 && part.size == expected ? ST_OK : ST_USAGE;
    if (*verdict != ST_OK) return uploads_end(edge, upload, false);
    struct statement *insert = edge->intake.statements[INTAKE_INSERT_PART];
    bind_u64(insert, 1, upload->id);
    bind_u64(insert, 2, upload->parts);
    bind_blob(insert, 3, part);
    TRY(statement_run(insert));
    hasher_add(upload->hasher, part);
    upload->parts++;
    upload->received += part.size;
    if (upload->received == upload->total) upload->hash = hasher_end(upload->hasher);
    return ST_OK;
}

enum status uploads_accept(struct edge *edge, const struct upload *upload, uint64_t position)
{
    struct statement *accept = edge->intake.statements[INTAKE_ACCEPT_UPLOAD];
    bind_u64(accept, 1, upload->id);
    bind_u64(accept, 2, position);
    return statement_run(accept);
}

enum status uploads_end(struct edge *edge, struct upload *upload, bool kept)
{
    upload->used = false;
    return kept ? ST_OK : delete_upload(edge, upload->id);
}
