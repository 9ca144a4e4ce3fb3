/* uploads.h - large payloads on their way in: staged part by part, hashed as they come, accepted
 * when whole. Parts are committed as they come, so memory stays flat; what is never finished is
 * deleted when its client goes or when the edge starts again. One upload a client at a time. */
#ifndef HOLDFAST_EDGE_BRIDGE_UPLOADS_H
#define HOLDFAST_EDGE_BRIDGE_UPLOADS_H

#include "common/base/bytes.h"
#include "edge-bridge/intake.h"

MUST_USE enum status uploads_open(struct edge *edge);
void uploads_close(struct edge *edge);
/* Deletes what was staged and never accepted; in a transaction, at the start. */
MUST_USE enum status uploads_clean(struct edge *edge);

/* This client's upload; NULL when there is none. */
struct upload *uploads_find(struct edge *edge, uint32_t client);
/* Takes the next part; begins an upload when the client has none. *verdict: ST_USAGE (sizes do not
 * fit), ST_TOO_LARGE, ST_AGAIN (UPLOADS_MAX clients upload already); an upload with an error is
 * dropped. */
MUST_USE enum status uploads_part(struct edge *edge, uint32_t client, uint64_t total,
                                  struct bytes part, enum status *verdict);
/* The entry at position owns the parts from now on. */
MUST_USE enum status uploads_accept(struct edge *edge, const struct upload *upload,
                                    uint64_t position);
/* Frees the client's place; unless kept, also deletes what was staged. */
MUST_USE enum status uploads_end(struct edge *edge, struct upload *upload, bool kept);

#endif
