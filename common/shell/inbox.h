/* inbox.h - the bounded queue from the MQTT library's and the resolver's threads to the loop.
 *
 * Notes are copied into one ring of bytes; the loop reads them in place and gives all it has taken
 * back with inbox_release after its commit, so nothing is copied twice. The ring is address space
 * until it is used, starts at its beginning again whenever it runs empty, and gives the memory of a
 * burst back to the system, so that resident memory follows what really waits.
 *
 * Bounded by bytes and by count. A MESSAGE that does not fit is dropped and counted: the broker has
 * handed it over, but only the cloud's signed acknowledgement ends an obligation, so it comes
 * again. All other notes (links up and down, publishes done) have a reserve of their own that the
 * bound of publishes in flight makes large enough; they are never dropped. */
#ifndef HOLDFAST_COMMON_SHELL_INBOX_H
#define HOLDFAST_COMMON_SHELL_INBOX_H

#include "common/base/status.h"
#include "common/port/event.h"

enum inbox_kind {
    INBOX_MESSAGE,           /* message */
    INBOX_UP,                /* session_present, receive_maximum */
    INBOX_DOWN,              /* reason */
    INBOX_SENT,              /* token (the link's slot), reason_code */
    INBOX_SEND_FAILED,       /* the same, and reason */
    INBOX_CLOSED,            /* an asked disconnect is done */
    INBOX_SUBSCRIBE_REFUSED, /* reason */
    INBOX_RESOLVED,          /* found: message.payload holds addresses, else reason */
    INBOX_KIND_COUNT
};

struct inbox_note {
    enum inbox_kind kind;
    enum link link;
    uint32_t generation; /* of the link's connection: older notes mean nothing any more */
    uint32_t token;
    uint16_t receive_maximum;
    uint8_t reason_code;
    bool session_present;
    bool found;
    struct mqtt_message message;
    struct bytes reason;
};

enum {
    INBOX_RESERVE_BYTES = 512 * 1024,
    INBOX_NOTE_OVERHEAD_MAX = 64, /* bytes a note takes beyond its texts */
};

struct inbox;

/* Room for messages_bytes_max bytes and messages_count_max notes. The caller closes *out.
 * Errors: ST_NO_MEMORY. */
MUST_USE enum status inbox_open(size_t messages_bytes_max, size_t messages_count_max,
                                struct inbox **out);
void inbox_close(struct inbox *inbox); /* accepts NULL */

/* From any thread; copies. False: it did not fit and is dropped. */
bool inbox_put(struct inbox *inbox, const struct inbox_note *note);

/* Readable while notes may wait; inbox_wakeup_seen makes it unreadable until the next put. */
int inbox_wakeup_fd(const struct inbox *inbox);
void inbox_wakeup_seen(struct inbox *inbox);

/* Loop thread: the next note, false when there is none. Its bytes are borrowed until
 * inbox_release. */
bool inbox_take(struct inbox *inbox, struct inbox_note *out);
void inbox_release(struct inbox *inbox);
bool inbox_is_empty(struct inbox *inbox);
uint64_t inbox_dropped_count(struct inbox *inbox);

#endif
