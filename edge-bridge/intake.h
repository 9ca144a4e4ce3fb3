/* intake.h - what publishers hand in, over the local broker and over the control socket, and the
 * receipts they get. A receipt is an effect of the batch that commits the entry, so it never
 * leaves before the entry is on the disk.
 *
 * A publisher's own id (user property "id", else MQTT 5 correlation data, else `append --id`)
 * makes a repeat harmless for publisher_id_days and publisher_id_count: the same id with the same
 * payload gets the first receipt again, marked duplicate; with another payload it is refused. Ids
 * are per type. Without an id every delivery is an entry of its own.
 *
 * Room is given up from the lowest priority: below disk_reserve_bytes * (1 + priority / 5) free
 * bytes intake answers "full" for that priority. */
#ifndef HOLDFAST_EDGE_BRIDGE_INTAKE_H
#define HOLDFAST_EDGE_BRIDGE_INTAKE_H

#include "common/base/bounds.h"
#include "common/port/effect.h"
#include "common/port/event.h"
#include "common/wire/control_msg.h"
#include "edge-bridge/evidence_log.h"

enum { UPLOADS_MAX = 64 };

/* A large payload that a client of the control socket is handing in. */
struct upload {
    bool used;
    uint32_t client;
    uint64_t id; /* row of the upload table */
    uint64_t total;
    uint64_t received;
    uint32_t parts;
    struct hasher *hasher; /* running SHA-256 */
    struct digest hash;    /* of the whole, once received == total */
};

enum {
    INTAKE_FIND_ID,
    INTAKE_INSERT_ID,
    INTAKE_COUNT_IDS,
    INTAKE_OLDEST_ID,
    INTAKE_DELETE_IDS,
    INTAKE_INSERT_UPLOAD,
    INTAKE_INSERT_PART,
    INTAKE_ACCEPT_UPLOAD,
    INTAKE_DROP_PARTS,
    INTAKE_DROP_UPLOAD,
    INTAKE_STALE_UPLOAD,
    INTAKE_STATEMENT_COUNT,
};

struct intake {
    struct statement *statements[INTAKE_STATEMENT_COUNT];
    uint64_t id_first, id_last; /* rows of publisher_id: 0, 0 when empty */
    struct upload uploads[UPLOADS_MAX];
};

MUST_USE enum status intake_open(struct edge *edge);
void intake_close(struct edge *edge);

/* A message on local/evidence/{type}. Never an error for bad input: the receipt says why. */
MUST_USE enum status intake_message(struct edge *edge, const struct mqtt_message *message,
                                    struct effects *effects);
/* JSON to the publisher's response topic, with its correlation; nothing when it named none. */
void intake_respond(const struct mqtt_message *message, struct bytes json, struct effects *effects);
/* Is there room on the disk for something of this priority? */
bool intake_has_room(const struct edge *edge, unsigned priority);
/* APPEND and PART requests. */
MUST_USE enum status intake_request(struct edge *edge, uint32_t client,
                                    const struct control_request *request, struct effects *effects);
/* Forget what this client was handing in. */
MUST_USE enum status intake_client_gone(struct edge *edge, uint32_t client);

#endif
