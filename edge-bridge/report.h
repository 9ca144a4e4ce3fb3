/* report.h - answers to the operator's verbs: status, verify, trust, list, show. */
#ifndef HOLDFAST_EDGE_BRIDGE_REPORT_H
#define HOLDFAST_EDGE_BRIDGE_REPORT_H

#include "common/port/effect.h"
#include "common/wire/control_msg.h"

struct edge;

/* Any VERB request. Unknown verbs and bad arguments are answered with an END, never an error. */
MUST_USE enum status report_verb(struct edge *edge, uint32_t client,
                                 const struct control_request *request, struct effects *effects);
/* One reply to a client: what was written to the last effects_space. */
void report_reply(struct effects *effects, uint32_t client, const struct buf *written);
/* The END of a request. */
void report_end(struct effects *effects, uint32_t client, enum status status, const char *message);

/* The value of a VERB's argument as a natural number; false, and *out as it was, when it is not
 * there or none. */
bool report_natural_of(const struct control_request *request, const char *name, uint64_t *out);

#endif
